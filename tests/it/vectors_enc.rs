//! Conformance of XML Encryption: every row of kind `enc` of the vectors, through the command line, once with everything
//! allowed and once with the production algorithms. Rows that cannot pass stand in `tests/vectors/exceptions.toml`.

use std::path::Path;
use std::process::{Command, Output};

use super::vectors::{self, Row, Score};

/// The options of the xmlsec1 program in the words of ours.
fn key_options(root: &Path, row: &Row) -> Vec<String> {
    let mut options = Vec::new();
    let file = |text: &str| root.join(text).display().to_string();
    for part in row.key.split("; ") {
        let (option, value) = part.split_once('=').unwrap_or((part, ""));
        let (kind, name) = option.split_once(':').unwrap_or((option, ""));
        let mut key = |kind: &str, value: &str| {
            let value = if name.is_empty() { file(value) } else { format!("{name}={}", file(value)) };
            options.extend([kind.to_owned(), value]);
        };
        match kind {
            "" | "-" | "pwd" => {}
            "keys-file" => options.extend(["--keys-file".to_owned(), file(value)]),
            "pkcs12" if value.is_empty() => {}
            "pkcs12" | "privkey-pem" | "pubkey-cert-der" => key("--key", value),
            "hkdf-key" | "pbkdf2-key" | "chacha20-key" => key("--secret", value),
            path if path.ends_with(".pem") => options.extend(["--key".to_owned(), file(path)]),
            other => panic!("key column {other:?} of {}", row.path),
        }
    }
    // `--aes-key:NAME (local)`: the file test-*.bin beside the input, named by the kind and size of the key.
    for word in row.note.split([' ', ';', '=']).filter(|word| word.starts_with("--") && word.contains("-key:")) {
        let name = word.split_once(':').map_or("", |(_, name)| name);
        let local = root.join(&row.path).with_file_name(format!("{name}.bin"));
        if local.exists() && row.note.contains("(local)") {
            options.extend(["--secret".to_owned(), format!("{name}={}", local.display())]);
        }
    }
    options
}

fn password(row: &Row) -> Option<&str> {
    row.key.split("; ").find_map(|part| part.strip_prefix("pwd="))
}

fn decrypt(root: &Path, row: &Row, profile: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_coconnect"));
    command.args(["xmlsec", "decrypt", "--allow-dtd"]).args(profile).args(key_options(root, row));
    if let Some(password) = password(row) {
        command.env("COCONNECT_PASSWORD", password);
    }
    command.arg(root.join(&row.path)).output().unwrap()
}

fn judge(root: &Path, row: &Row, output: &Output) -> &'static str {
    match output.status.code() {
        Some(0) => {}
        Some(1) => return "reject",
        _ => return "unreadable",
    }
    let Some(file) = row.expected.strip_prefix("decrypts-to:") else { return "decrypts" };
    let expected = std::fs::read(root.join(file)).unwrap();
    let same =
        output.stdout == expected || canonical(&output.stdout).is_some_and(|ours| Some(ours) == canonical(&expected));
    if same { "decrypts" } else { "other-text" }
}

/// Documents are compared in canonical form: serializers differ in what they do to quotes and declarations.
fn canonical(octets: &[u8]) -> Option<Vec<u8>> {
    use coconnect::xml::{Dtd, Options, c14n, parse};
    let options = Options { dtd: Dtd::Internal, ..Options::default() };
    let doc = parse(octets.to_vec(), &options).ok()?;
    let settings = c14n::Settings { method: c14n::Method::Inclusive10, with_comments: true, prefixes: &[] };
    let mut out = Vec::new();
    c14n::canonicalize(&doc, &c14n::NodeSet::document(&doc), &settings, &mut out).ok()?;
    Some(out)
}

/// What the default profile refuses (design 2.2 and 4.1), told from the URIs alone.
fn is_legacy(uri: &str) -> bool {
    let of = |words: &[&str]| words.iter().any(|word| uri.contains(word));
    of(&["-cbc", "rsa-1_5", "kw-tripledes", "camellia", "chacha20", "#pbkdf2", "x448", "dh-es", "md5", "ripemd160"])
        || of(&["sha224", "sha3-", "hmac-sha1"])
}

fn needs_legacy(row: &Row, root: &Path) -> bool {
    let text = std::fs::read_to_string(root.join(&row.path)).unwrap_or_default();
    let shared =
        row.key.contains("keys-file") || row.key.contains("-key:") && !row.key.contains("pubkey") || row.key == "-";
    let sha1_derived = text.contains("ConcatKDFParams") && text.contains("xmldsig#sha1");
    // rsa-oaep-mgf1p says MGF1 with SHA-1; only old files name another.
    let other_mask = text.contains("rsa-oaep-mgf1p") && text.contains("#mgf1sha") && !text.contains("mgf1sha1\"");
    let old = row.algorithms.split(' ').any(is_legacy) || row.path.contains("p521");
    shared || sha1_derived || other_mask || old
}

fn run(kind: &'static str, options: &[&str], needs_refusal: impl Fn(&Row, &Path) -> bool) {
    let Some(root) = vectors::root() else { return };
    let mut score = Score::new(kind);
    let mut seen = std::collections::HashMap::<String, usize>::new();
    for row in vectors::rows(&root, "enc") {
        let output = decrypt(&root, &row, options);
        let expected = match row.expected.as_str() {
            "unknown" => "unknown",
            "reject" => "reject",
            _ if needs_refusal(&row, &root) => "reject",
            _ => "decrypts",
        };
        // Some files stand in two rows, with other keys or another verdict.
        let times = seen.entry(row.path.clone()).or_default();
        *times += 1;
        let case = if *times == 1 { row.path.clone() } else { format!("{} {times}", row.path) };
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        score.add(&case, expected, judge(&root, &row, &output), said.lines().next().unwrap_or(""));
    }
    score.finish();
}

#[test]
fn every_row_with_everything_allowed() {
    run("enc", &["--allow-legacy", "--key-info", "any"], |_, _| false);
}

#[test]
fn every_row_with_production_algorithms() {
    // What needs an old algorithm or a shared key must be refused; the rest must still open.
    run("enc-production", &[], needs_legacy);
}
