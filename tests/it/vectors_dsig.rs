//! Conformance of XML Signature: every row of kind `dsig` of the vectors, and the `attack` rows that are signatures,
//! through the command line; once with everything allowed, once with the production algorithms.

use std::path::Path;
use std::process::Command;

use crate::vectors::{self, Row, Score};

/// What the default profile refuses (design 2.2 and 4.1), told from the row alone.
fn needs_legacy(row: &Row) -> bool {
    const OLD: &[&str] = &[
        "xmldsig#sha1",
        "rsa-sha1",
        "ecdsa-sha1",
        "#dsa-sha",
        "hmac-",
        "md5",
        "ripemd160",
        "sha224",
        "sha3-",
        "sha1-rsa-MGF1",
        "eddsa-ed448",
    ];
    // ECDSA values in DER are no form of the specification; the certificate of the other row has 1,024 bits.
    let other = row.note.contains("--enable-asn1-signatures-hack") || row.path.ends_with("/valid_signature_utf8.xml");
    other || OLD.iter().any(|old| row.algorithms.contains(old))
}

/// The options of the xmlsec1 program in the words of ours.
fn options(root: &Path, row: &Row) -> Vec<String> {
    let mut options: Vec<String> = Vec::new();
    let mut push = |option: &str, value: String| options.extend([option.to_owned(), value]);
    let file = |path: &str| root.join(path).display().to_string();
    let words: Vec<&str> = row.note.split("opts=").nth(1).unwrap_or("").split([' ', ';']).collect();
    let mut trusted = false;
    for part in row.key.split("; ").filter(|part| *part != "-") {
        if let Some(mapped) = part.strip_prefix("url-map:") {
            let (uri, path) = mapped.rsplit_once('=').unwrap();
            push("--url-map", format!("{uri}={}", file(path)));
            continue;
        }
        let Some((option, value)) = part.split_once('=') else {
            push(if part.ends_with("hmac.key") { "--secret" } else { "--key" }, file(part));
            continue;
        };
        let (kind, name) = option.split_once(':').unwrap_or((option, ""));
        match kind {
            "trusted-der" => {
                trusted = true;
                push("--trusted", file(value));
            }
            "untrusted-der" => push("--untrusted", file(value)),
            "crl-der" => push("--crl", file(value)),
            "pubkey-cert-der" => push("--key", format!("{name}={}", file(value))),
            "pkcs12" => push("--key", file(value)),
            "hmackey" => push("--secret", file(value)),
            "keys-file" => push("--keys-file", file(value)),
            "pwd" => {}
            other => panic!("{}: key option {other}", row.path),
        }
    }
    if words.contains(&"--verify-keys") && !trusted {
        // Certified by nobody: an anchor that certified nothing here.
        push("--trusted", file("xmlsec/tests/keys/same-subj-cert1.der"));
    }
    if words.contains(&"--insecure") {
        push("--key-info", "any".to_owned());
    } else if let Some(at) = words.iter().position(|word| *word == "--enabled-key-data") {
        // A certificate that only the message brings is not taken there; a bare key value is, and so must be named here.
        let listed: Vec<&str> = words[at + 1].split(',').collect();
        let bare = listed.contains(&"key-value") || listed.contains(&"retrieval-method") && listed.contains(&"rsa");
        let mut forms: Vec<&str> = listed
            .into_iter()
            .filter(|form| ["der-encoded-key-value", "key-name", "retrieval-method"].contains(form))
            .collect();
        forms.extend(bare.then_some("key-value"));
        if bare || forms.contains(&"der-encoded-key-value") {
            push("--key-info", forms.join(","));
        }
    }
    if let Some(at) = row.note.split("verify-at=").nth(1) {
        let mut parts = at.split([' ', ';']);
        push("--at", format!("{}T{}", parts.next().unwrap(), parts.next().unwrap()));
    }
    if row.path.starts_with("xml-crypto") {
        for name in ["Id", "ID", "id", "AssertionID"] {
            push("--id-attr", name.to_owned());
        }
    }
    // Relative URIs of the document, which the xmlsec1 program opens where it is started.
    for (uri, path) in [
        ("c14n11/xml-base-input.xml", "xmlsec/tests/xmldsig2ed-tests/c14n11/xml-base-input.xml"),
        (
            "tests/merlin-xmldsig-twenty-three/certs/balor.der",
            "xmlsec/tests/merlin-xmldsig-twenty-three/certs/balor.der",
        ),
    ] {
        push("--url-map", format!("{uri}={}", file(path)));
    }
    options
}

fn verify(root: &Path, row: &Row, profile: &[&str]) -> (&'static str, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_coconnect"));
    command.args(["xmlsec", "verify", "--allow-dtd"]).args(profile).args(options(root, row)).arg(root.join(&row.path));
    if let Some(password) = row.key.split("; ").find_map(|part| part.strip_prefix("pwd=")) {
        command.env("COCONNECT_PASSWORD", password);
    }
    let output = command.output().unwrap();
    let got = match output.status.code() {
        Some(0) => "valid",
        Some(1) => "invalid",
        Some(2) => "unreadable",
        _ => "crashed",
    };
    (got, String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or("").to_owned())
}

/// The rows that are signatures. Those under `signxml` and `xml-crypto` of kind `wss` are judged with WS-Security.
fn rows(root: &Path) -> Vec<Row> {
    let attacks = vectors::rows(root, "attack").into_iter().filter(|row| row.key != "-");
    vectors::rows(root, "dsig").into_iter().chain(attacks).collect()
}

fn expected(row: &Row) -> &'static str {
    if row.expected == "valid" { "valid" } else { "invalid" }
}

#[test]
fn signatures_of_others_verify_with_everything_allowed() {
    let Some(root) = vectors::root() else { return };
    let mut score = Score::new("dsig");
    for row in rows(&root) {
        let (got, why) = verify(&root, &row, &["--allow-legacy", "--min-hmac-bits", "40"]);
        score.add(&row.path, expected(&row), got, &why);
    }
    score.finish();
}

#[test]
fn old_algorithms_are_refused_by_the_default_profile() {
    let Some(root) = vectors::root() else { return };
    let mut score = Score::new("dsig-default");
    for row in rows(&root) {
        let (got, why) = verify(&root, &row, &[]);
        let expected = if needs_legacy(&row) { "invalid" } else { expected(&row) };
        score.add(&row.path, expected, got, &why);
    }
    score.finish();
}
