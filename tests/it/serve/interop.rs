//! xmlsec1 in the middle of a real exchange: it opens what a gateway sends, and `serve` accepts what it made.

use std::process::Command;

use coconnect::base::{Clock as _, RealClock};
use coconnect::contract::Operation;
use coconnect::pki::Certificate;
use coconnect::soap::Addressing;
use coconnect::tools::lab::Draft;

use super::{World, document, text};
use crate::wss_xmlsec1::{encryption_template, template_of, xmlsec1};

/// Says aloud when xmlsec1 is missing.
fn has_xmlsec1() -> bool {
    let there = Command::new("xmlsec1").arg("--version").output().is_ok();
    if !there {
        println!("SKIPPED: xmlsec1 is not installed");
        assert!(std::env::var("COCONNECT_NO_SKIP").as_deref() != Ok("1"), "xmlsec1 is missing");
    }
    there
}

/// The message is decrypted and verified by Debian's xmlsec1 (RSA, key_reference = retrieval-method).
#[tokio::test(flavor = "multi_thread")]
async fn xmlsec1_opens_what_a_gateway_sends() {
    if !has_xmlsec1() {
        return;
    }
    let world = World::new("rsa2048");
    let lab = world.lab("kr");
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let id = lab.fresh_id().unwrap();
    let message = lab.seal(&Draft::new(Operation::SendCo, &id, &document(1, 30))).unwrap();
    std::fs::write(folder.join("sealed.xml"), &message.octets).unwrap();
    let key = text(&world.dir("id").join("keys/encrypt.key"));
    xmlsec1(folder, &["--decrypt", "--privkey-pem", &key, "--output", "clear.xml", "sealed.xml"]).unwrap();
    let clear = std::fs::read_to_string(folder.join("clear.xml")).unwrap();
    let certificate = text(&world.dir("kr").join("keys/sign.crt"));
    xmlsec1(folder, &["--verify", "--pubkey-cert-pem", &certificate, "clear.xml"]).unwrap();
    let changed =
        clear.replacen("<CountryCode>KR<", "<CountryCode>JP<", 1).replacen(":CountryCode>KR<", ":CountryCode>JP<", 1);
    assert_ne!(changed, clear);
    std::fs::write(folder.join("changed.xml"), changed).unwrap();
    assert!(xmlsec1(folder, &["--verify", "--pubkey-cert-pem", &certificate, "changed.xml"]).is_err());
}

/// Signed and encrypted by xmlsec1 from a template (EncryptedKey inline), sent over TLS, accepted by `serve`, stored once.
#[tokio::test(flavor = "multi_thread")]
async fn serve_accepts_what_xmlsec1_made() {
    if !has_xmlsec1() {
        return;
    }
    let mut world = World::new("rsa2048");
    world.id.start().await.unwrap();
    let lab = world.lab("kr");
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let id = lab.fresh_id().unwrap();
    let addressing = Addressing {
        message_id: Some(id.to_string()),
        action: Some(Operation::SendCo.action().to_owned()),
        to: lab.partner().address_of(Operation::SendCo),
        ..Addressing::default()
    };
    let content = format!("<svc:SendCO xmlns:svc=\"urn:coconnect:service:1\">{}</svc:SendCO>", document(9, 4));
    let certificate = Certificate::load(&world.dir("kr").join("keys/sign.crt")).unwrap();
    let created = RealClock::new().now().to_string();
    std::fs::write(folder.join("template.xml"), template_of(&certificate[0], &addressing, &content, &created)).unwrap();
    std::fs::write(folder.join("encrypt.xml"), encryption_template()).unwrap();
    let key = text(&world.dir("kr").join("keys/sign.key"));
    xmlsec1(folder, &["--sign", "--privkey-pem", &key, "--output", "signed.xml", "template.xml"]).unwrap();
    let recipient = text(&world.dir("id").join("keys/encrypt.crt"));
    let node = "urn:wco:datamodel:WCO:DocumentMetaData:1:MetaData";
    let mut encrypt = vec!["--encrypt", "--pubkey-cert-pem", &recipient, "--session-key", "aes-256", "--xml-data"];
    encrypt.extend(["signed.xml", "--node-name", node, "--output", "encrypted.xml", "encrypt.xml"]);
    xmlsec1(folder, &encrypt).unwrap();
    let octets = std::fs::read(folder.join("encrypted.xml")).unwrap();
    let headers = [
        ("content-type", "application/soap+xml; charset=utf-8; action=\"urn:coconnect:service:1:SendCO\""),
        ("authorization", lab.authorization()),
    ];
    let headers: Vec<(String, String)> = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    let clear = std::fs::read(folder.join("signed.xml")).unwrap();
    let refused = lab.post("/send-co", headers.clone(), clear).await.unwrap();
    assert_ne!(refused.status, 200, "the same message in clear is refused");
    let answer = lab.post("/send-co", headers, octets).await.unwrap();
    let body = String::from_utf8_lossy(&answer.body);
    assert_eq!(answer.status, 200, "{body}");
    let held = world.rows("cos").await;
    assert_eq!(held.len(), 1);
    assert_eq!(held[0]["message_id"], id.as_str());
    // And the answer's signature holds for xmlsec1 too.
    std::fs::write(folder.join("answer.xml"), &answer.body).unwrap();
    let signer = text(&world.dir("id").join("keys/sign.crt"));
    xmlsec1(folder, &["--verify", "--pubkey-cert-pem", &signer, "answer.xml"]).unwrap();
    world.id.stop().await.unwrap();
}
