//! `wss check` on messages that nobody here wrote: WSS4J's and the attacks on them, captures of four client stacks, and
//! the WSS rows of the common manifest. Once with everything allowed, once with the production algorithms.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::vectors::{self, Score};

/// What `wss check --json` said.
struct Checked {
    accepted: bool,
    encrypted: bool,
    detail: String,
}

fn check(arguments: &[String], file: &Path) -> Checked {
    let output = Command::new(env!("CARGO_BIN_EXE_coconnect"))
        .args(["wss", "check", "--profile", "lenient", "--json"])
        .args(arguments)
        .arg(file)
        .output()
        .unwrap();
    let code = output.status.code();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let accepted = code == Some(0);
    assert!(matches!(code, Some(0 | 1)), "{}: exit {code:?}: {said}", file.display());
    assert_eq!(accepted, report["verdict"] == "accepted", "{}", file.display());
    Checked {
        accepted,
        encrypted: report["encrypted"].as_array().is_some_and(|list| !list.is_empty()),
        detail: format!("{} {}", report["stage"], report["reason"]),
    }
}

/// What `expected` of a manifest means for a gateway.
fn wanted(expected: &str) -> &'static str {
    match expected {
        "valid" | "decrypts-and-verifies" => "accepted",
        _ => "refused",
    }
}

fn got(expected: &str, checked: &Checked) -> &'static str {
    match checked.accepted {
        false => "refused",
        true if expected == "decrypts-and-verifies" && !checked.encrypted => "not decrypted",
        true => "accepted",
    }
}

/// Whether a production profile refuses the message for its algorithms alone. SHA-1 inside OAEP is none of them.
fn is_old(file: &Path) -> bool {
    let text = decoded(&fs::read(file).unwrap());
    let sha1_reference = text.match_indices("xmldsig#sha1").any(|(at, _)| {
        let rest = &text[at..];
        let Some(value) = rest.find("DigestValue") else { return false };
        !rest[..value].contains("CipherData") && !rest[..value].contains("Reference ")
    });
    let old = ["#rsa-sha1", "#ecdsa-sha1", "-cbc\"", "-cbc'", "#rsa-1_5", "#hmac-"];
    sha1_reference || old.iter().any(|uri| text.contains(uri))
}

/// The text with its character references resolved: some senders write URIs with them.
fn decoded(octets: &[u8]) -> String {
    let text = match octets {
        [0xff, 0xfe, rest @ ..] => {
            String::from_utf16_lossy(&rest.chunks(2).map(|c| u16::from_le_bytes([c[0], c[1]])).collect::<Vec<_>>())
        }
        [0xfe, 0xff, rest @ ..] => {
            String::from_utf16_lossy(&rest.chunks(2).map(|c| u16::from_be_bytes([c[0], c[1]])).collect::<Vec<_>>())
        }
        _ => String::from_utf8_lossy(octets).into_owned(),
    };
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find("&#") {
        out.push_str(&rest[..at]);
        let Some(end) = rest[at..].find(';') else { break };
        let number = &rest[at + 2..at + end];
        let parsed = match number.strip_prefix('x') {
            Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16),
            None => number.parse(),
        };
        out.extend(parsed.ok().and_then(char::from_u32));
        rest = &rest[at + end + 1..];
    }
    out.push_str(rest);
    out
}

/// `pubkey-cert-pem=FILE; trusted-pem=FILE; privkey-pem=FILE` as options.
fn options(root: &Path, key: &str) -> Vec<String> {
    let pairs = key.split("; ").filter_map(|pair| pair.split_once('='));
    pairs
        .flat_map(|(name, file)| {
            let option = if name.starts_with("trusted") { "--trusted" } else { "--key" };
            [option.to_owned(), root.join(file).display().to_string()]
        })
        .collect()
}

fn wss4j(kind: &'static str, legacy: bool) {
    let Some(root) = vectors::root() else { return };
    let root = root.join("wss4j");
    let manifest = fs::read_to_string(root.join("manifest.tsv")).unwrap();
    let mut score = Score::new(kind);
    let mut rows = 0;
    for cells in manifest.lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>()) {
        let (path, key, expected) = (cells[0], cells[2], cells[4]);
        let file = root.join(path);
        let mut arguments = options(&root, key);
        arguments.extend(["--at".to_owned(), "2026-11-22T12:00:30Z".to_owned()]);
        if legacy {
            arguments.push("--allow-legacy".to_owned());
        }
        let checked = check(&arguments, &file);
        let want = if !legacy && is_old(&file) { "refused" } else { wanted(expected) };
        score.add(&format!("wss4j/{path}"), want, got(expected, &checked), &checked.detail);
        rows += 1;
    }
    assert_eq!(rows, 171);
    score.finish();
}

#[test]
fn wss4j_messages_with_everything_allowed() {
    wss4j("wss4j", true);
}

#[test]
fn wss4j_messages_with_production_algorithms() {
    wss4j("wss4j-production", false);
}

#[test]
fn captures_of_four_client_stacks_verify() {
    // The clients that partners really have; the encrypted one also decrypts.
    let Some(root) = vectors::root() else { return };
    let root = root.join("wss-clients");
    let mut score = Score::new("wss-clients");
    for (file, expected) in [
        ("java-wss4j-oaep-gcm.xml", "decrypts-and-verifies"),
        ("zeep-bst.xml", "valid"),
        ("node-soap-wsuid.xml", "valid"),
        ("gsoap-sign-only.xml", "valid"),
    ] {
        let mut arguments = options(&root, "trusted-pem=ca.crt; privkey-pem=server.key");
        arguments.extend(["--at".to_owned(), "2026-11-22T00:40:00Z".to_owned()]);
        let checked = check(&arguments, &root.join(file));
        score.add(file, "accepted", got(expected, &checked), &checked.detail);
        // A year later the same message is stale.
        let last = arguments.len() - 1;
        arguments[last] = "2027-11-22T00:40:00Z".to_owned();
        assert!(!check(&arguments, &root.join(file)).accepted, "{file}");
    }
    score.finish();
}

/// Keys and clocks of the rows of kind `wss`, which the manifest tells in words.
fn row_options(root: &Path, path: &str) -> Vec<String> {
    let (key, at) = match path {
        p if p.starts_with("signxml/interop/soap/") => ("signxml/interop/soap/ca.pem", "2019-02-01T00:00:00Z"),
        p if p.contains("invalid wss resp") => {
            ("signxml/interop/ws-security/ws.js/examples/server_public.pem", "2012-05-21T19:21:00Z")
        }
        p if p.starts_with("signxml/interop/ws-security/") => {
            ("signxml/interop/ws-security/ws.js/examples/server_public.pem", "2012-05-25T11:38:00Z")
        }
        _ => ("xml-crypto/test/static/client_public.pem", "2020-01-01T00:00:00Z"),
    };
    ["--trusted", &root.join(key).display().to_string(), "--at", at].map(str::to_owned).to_vec()
}

#[test]
fn wss_rows_of_the_manifest() {
    let Some(root) = vectors::root() else { return };
    for (kind, legacy) in [("wss", true), ("wss-production", false)] {
        let mut score = Score::new(kind);
        for row in vectors::rows(&root, "wss") {
            let file = root.join(&row.path);
            let mut arguments = row_options(&root, &row.path);
            if legacy {
                arguments.push("--allow-legacy".to_owned());
            }
            let checked = check(&arguments, &file);
            let want = if !legacy && is_old(&file) { "refused" } else { wanted(&row.expected) };
            score.add(&row.path, want, got(&row.expected, &checked), &checked.detail);
        }
        score.finish();
    }
}

#[test]
fn attack_rows_are_no_messages() {
    // Bombs, DTDs and wrapped documents: a gateway takes none of them, whatever it trusts.
    let Some(root) = vectors::root() else { return };
    let mut score = Score::new("attack-wss");
    for row in vectors::rows(&root, "attack") {
        let arguments = ["--allow-legacy", "--key-info", "any"].map(str::to_owned);
        let checked = check(&arguments, &root.join(&row.path));
        score.add(&row.path, "refused", got("reject", &checked), &checked.detail);
    }
    score.finish();
}
