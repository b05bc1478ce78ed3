//! `coconnect xmlsec` as a process, where a golden cannot tell: what is signed anew each time.

use std::io::Write;
use std::process::{Command, Output, Stdio};

fn xmlsec(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_coconnect"))
        .arg("xmlsec")
        .args(arguments)
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn template(id: &str, uri: &str) -> String {
    let exclusive = "http://www.w3.org/2001/10/xml-exc-c14n#";
    format!(
        concat!(
            r#"<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#" Id="{}"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="{}"/>"#,
            r#"<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"/><ds:Reference URI="{}">"#,
            r#"<ds:Transforms><ds:Transform Algorithm="{}"/></ds:Transforms><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>"#,
            "<ds:DigestValue></ds:DigestValue></ds:Reference></ds:SignedInfo><ds:SignatureValue></ds:SignatureValue></ds:Signature>"
        ),
        id, exclusive, uri, exclusive
    )
}

const KEY: &str = "certs/kr-sign-p256.key";

#[test]
fn every_empty_template_is_filled_or_the_file_is_refused() {
    // One of two was filled, the other left empty, and nothing was said.
    let part = r#"<part xml:id="p">text</part>"#;
    let independent = format!("<all>{part}{}{}</all>", template("one", "#p"), template("two", "#p"));
    // The first covers the second, so the second is filled first; and the other way round.
    let inner_last = format!("<all>{part}{}{}</all>", template("one", "#two"), template("two", "#p"));
    let inner_first = format!("<all>{part}{}{}</all>", template("one", "#p"), template("two", "#one"));
    for (name, text) in [("independent", independent), ("inner last", inner_last), ("inner first", inner_first)] {
        let signed = xmlsec(&["sign", "--key", KEY, "--template"], &text);
        assert_eq!(signed.status.code(), Some(0), "{name}: {}", String::from_utf8_lossy(&signed.stderr));
        let signed = String::from_utf8(signed.stdout).unwrap();
        assert!(!signed.contains("<ds:SignatureValue></ds:SignatureValue>"), "{name}");
        let verified = xmlsec(&["verify", "--key", KEY], &signed);
        assert_eq!(verified.status.code(), Some(0), "{name}: {}", String::from_utf8_lossy(&verified.stderr));
    }
    let circle = format!("<all>{}{}</all>", template("one", "#two"), template("two", "#one"));
    let refused = xmlsec(&["sign", "--key", KEY, "--template"], &circle);
    assert_eq!((refused.status.code(), refused.stdout.len()), (Some(1), 0));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("one after the other"));
}

#[test]
fn an_untrusted_certificate_answers_a_name_also_without_anchors() {
    // It was read, and forgotten where nothing was trusted.
    let text = format!(r#"<all><part xml:id="p">text</part>{}</all>"#, template("one", "#p"));
    let signed = xmlsec(&["sign", "--key", KEY, "--template"], &text);
    let signed = String::from_utf8(signed.stdout).unwrap();
    let pem = std::fs::read("certs/kr-sign-p256.pem").unwrap();
    let digest = openssl::x509::X509::from_pem(&pem).unwrap().digest(openssl::hash::MessageDigest::sha256()).unwrap();
    let named = format!(
        concat!(
            r#"</ds:SignatureValue><ds:KeyInfo><ds:X509Data><i:X509Digest xmlns:i="http://www.w3.org/2009/xmldsig11#" "#,
            r#"Algorithm="http://www.w3.org/2001/04/xmlenc#sha256">{}</i:X509Digest></ds:X509Data></ds:KeyInfo>"#
        ),
        openssl::base64::encode_block(&digest)
    );
    let signed = signed.replace("</ds:SignatureValue>", &named);
    let given = ["--untrusted", "certs/kr-sign-p256.pem"];
    let verified = |more: &[&str]| xmlsec(&[&["verify"], more].concat(), &signed).status.code();
    assert_eq!(verified(&[&given[..], &["--key-info", "x509"]].concat()), Some(0));
    // Known is not trusted; and another certificate is not the one.
    assert_eq!(verified(&given), Some(1));
    assert_eq!(verified(&["--key-info", "x509"]), Some(1));
    assert_eq!(verified(&["--untrusted", "certs/id-sign-p256.pem", "--key-info", "x509"]), Some(1));
}

#[test]
fn an_empty_secret_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.bin");
    std::fs::write(&empty, b"").unwrap();
    let refused = xmlsec(&["verify", "--allow-legacy", "--secret", empty.to_str().unwrap()], "<a/>");
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("it is empty"));
}

#[test]
fn a_manifest_that_others_filled_does_not_stand_in_the_way() {
    // Office packages carry one whose transforms nobody else has; the signature over it is core valid (XML Signature 1.1 §5.1).
    let manifest = |digest: &str| {
        format!(
            concat!(
                r#"<ds:Object><ds:Manifest Id="m"><ds:Reference URI="/part.rels"><ds:Transforms><ds:Transform Algorithm="urn:of-a-package"/>"#,
                r#"</ds:Transforms><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue>{}</ds:DigestValue>"#,
                "</ds:Reference></ds:Manifest></ds:Object></ds:Signature>"
            ),
            digest
        )
    };
    let with = |digest: &str| template("one", "#m").replace("</ds:Signature>", &manifest(digest));
    let signed = xmlsec(&["sign", "--key", KEY, "--template"], &with("AAAA"));
    assert_eq!(signed.status.code(), Some(0), "{}", String::from_utf8_lossy(&signed.stderr));
    let signed = String::from_utf8(signed.stdout).unwrap();
    assert_eq!(xmlsec(&["verify", "--key", KEY], &signed).status.code(), Some(0));
    assert_eq!(xmlsec(&["verify", "--key", KEY], &signed.replace("AAAA", "AAAB")).status.code(), Some(1));
    assert_eq!(xmlsec(&["sign", "--key", KEY, "--template"], &with("")).status.code(), Some(1));
}
