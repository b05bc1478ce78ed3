//! Debian's xmlsec1, which knows nothing of this project, reads what we seal; what it signs and encrypts, we open.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use coconnect::pki::{Certificate, DevCa, Issue, PrivateKey, Use};
use coconnect::soap::addressing::Expect;
use coconnect::soap::wss::{
    Content, Context, Encryption, Identity, KeyReference, Outgoing, Policy, Recipient, Refusal, Sealer, Settings,
    Signer, Signers, Stage, Verifier,
};
use coconnect::soap::{Addressing, Envelope, Version};
use openssl::pkey::PKey;
use openssl::rsa::Rsa;

const SOAP12: &str = "http://www.w3.org/2003/05/soap-envelope";
const WSSE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const WSSE11: &str = "http://docs.oasis-open.org/wss/oasis-wss-wssecurity-secext-1.1.xsd";
const WSU: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
const WSA: &str = "http://www.w3.org/2005/08/addressing";
const XENC: &str = "http://www.w3.org/2001/04/xmlenc#";
const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
const EXC: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const TOKEN: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3";
const BASE64: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary";

fn now() -> jiff::Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

/// A party with its files, as xmlsec1 wants them.
struct Party {
    certificate: Certificate,
    key: PrivateKey,
    name: &'static str,
}

impl Party {
    fn new(ca: &DevCa, name: &'static str, folder: &Path) -> Self {
        let key = PrivateKey::from_pkey(PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap());
        let certificate = ca.issue(&Issue::new(name, &[Use::Sign, Use::Encrypt], now(), 365), &key).unwrap();
        std::fs::write(folder.join(format!("{name}.key")), key.to_pem().unwrap()).unwrap();
        std::fs::write(folder.join(format!("{name}.crt")), certificate.to_pem()).unwrap();
        Self { certificate, key, name }
    }

    fn identity(&self) -> Arc<Identity> {
        Arc::new(Identity::new(self.certificate.der(), self.key.to_pkey()).unwrap())
    }

    fn file(&self, kind: &str) -> String {
        format!("{}.{kind}", self.name)
    }
}

struct Setting {
    folder: tempfile::TempDir,
    client: Party,
    server: Party,
}

/// None, said aloud, where xmlsec1 is not installed.
fn setting() -> Option<Setting> {
    if Command::new("xmlsec1").arg("--version").output().is_err() {
        println!("SKIPPED: xmlsec1 is not installed");
        assert!(std::env::var("COCONNECT_NO_SKIP").as_deref() != Ok("1"), "xmlsec1 is missing");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let key = PrivateKey::from_pkey(PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap());
    let ca = DevCa::create(&Issue::new("Test CA", &[], now(), 365), key).unwrap();
    std::fs::write(folder.path().join("ca.crt"), ca.certificate().to_pem()).unwrap();
    let client = Party::new(&ca, "client", folder.path());
    let server = Party::new(&ca, "server", folder.path());
    Some(Setting { folder, client, server })
}

pub(crate) fn xmlsec1(folder: &Path, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new("xmlsec1");
    command.current_dir(folder).args(&arguments[..1]);
    for element in [
        "Timestamp",
        "BinarySecurityToken",
        "MessageID",
        "RelatesTo",
        "Action",
        "To",
        "ReplyTo",
        "Body",
        "SignatureConfirmation",
    ] {
        let namespace = match element {
            "Timestamp" => WSU,
            "BinarySecurityToken" => WSSE,
            "Body" => SOAP12,
            "SignatureConfirmation" => WSSE11,
            _ => WSA,
        };
        command.arg("--id-attr:Id").arg(format!("{namespace}:{element}"));
    }
    for element in ["EncryptedKey", "EncryptedData"] {
        command.arg("--id-attr:Id").arg(format!("{XENC}:{element}"));
    }
    let output = command.args(&arguments[1..]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(said) } else { Err(format!("{said}\n{}", String::from_utf8_lossy(&output.stdout))) }
}

fn content() -> &'static str {
    r#"<svc:SendCO xmlns:svc="urn:coconnect:service:1"><md:MetaData xmlns:md="urn:wco:md"><md:ID>K001 관세청</md:ID></md:MetaData></svc:SendCO>"#
}

fn addressing() -> Addressing {
    Addressing {
        message_id: Some("urn:uuid:a28b345b-3be5-4f0d-8dfc-2e63613666f0".to_owned()),
        action: Some("urn:coconnect:service:1:SendCO".to_owned()),
        to: Some("https://test.coconnect.example/send-co".to_owned()),
        ..Addressing::default()
    }
}

#[test]
fn xmlsec1_decrypts_and_verifies_what_we_seal() {
    // Evidence must be verifiable with tools that are not ours.
    let Some(setting) = setting() else { return };
    let folder = setting.folder.path();
    for key_reference in [KeyReference::RetrievalMethod, KeyReference::Inline] {
        let settings = Settings { key_reference, ..Settings::default() };
        let recipient = Arc::new(Recipient::from_der(setting.server.certificate.der()).unwrap());
        let sealer = Sealer::new(settings, setting.client.identity(), Some(recipient)).unwrap();
        let range = content().find("<md:MetaData").unwrap()..content().find("</svc:SendCO>").unwrap();
        let content = Content { octets: content().as_bytes(), encrypt: Some(range) };
        let addressing = addressing();
        let outgoing =
            Outgoing { version: Version::Soap12, addressing: &addressing, content, confirms: None, now: now() };
        let sealed = sealer.seal(&outgoing).unwrap().octets;
        std::fs::write(folder.join("sealed.xml"), &sealed).unwrap();
        let key = setting.server.file("key");
        xmlsec1(folder, &["--decrypt", "--privkey-pem", &key, "--output", "clear.xml", "sealed.xml"]).unwrap();
        let clear = std::fs::read_to_string(folder.join("clear.xml")).unwrap();
        assert!(clear.contains("<md:ID>K001 "), "{clear}");
        let certificate = setting.client.file("crt");
        xmlsec1(folder, &["--verify", "--pubkey-cert-pem", &certificate, "clear.xml"]).unwrap();
        std::fs::write(folder.join("changed.xml"), clear.replace("K001", "K002")).unwrap();
        assert!(xmlsec1(folder, &["--verify", "--pubkey-cert-pem", &certificate, "changed.xml"]).is_err());
    }
}

fn reference(id: &str) -> String {
    format!(
        "<ds:Reference URI=\"#{id}\"><ds:Transforms><ds:Transform Algorithm=\"{EXC}\"/></ds:Transforms>\
         <ds:DigestMethod Algorithm=\"{XENC}sha256\"/><ds:DigestValue></ds:DigestValue></ds:Reference>"
    )
}

fn template(client: &Party) -> String {
    template_of(&client.certificate, &addressing(), content(), "2026-11-22T11:59:58Z")
}

/// A message to be signed by xmlsec1.
pub(crate) fn template_of(certificate: &Certificate, addressing: &Addressing, content: &str, created: &str) -> String {
    let references: String = ["Timestamp", "MessageID", "Action", "To", "Body"].map(reference).concat();
    let token: String = certificate.to_pem().lines().filter(|line| !line.starts_with('-')).collect();
    let header = |name: &str, value: &str| format!("<wsa:{name} wsu:Id=\"{name}\">{value}</wsa:{name}>\n");
    format!(
        "<env:Envelope xmlns:env='{SOAP12}' xmlns:wsa='{WSA}' xmlns:wsu='{WSU}'>\n <env:Header>\n{}{}{}\
         <wsse:Security xmlns:wsse='{WSSE}' env:mustUnderstand='true'>\
         <wsse:BinarySecurityToken EncodingType='{BASE64}' ValueType='{TOKEN}' wsu:Id='Token'>{token}</wsse:BinarySecurityToken>\
         <ds:Signature xmlns:ds='{DS}'><ds:SignedInfo><ds:CanonicalizationMethod Algorithm='{EXC}'/>\
         <ds:SignatureMethod Algorithm='http://www.w3.org/2001/04/xmldsig-more#rsa-sha256'/>{references}</ds:SignedInfo>\
         <ds:SignatureValue/><ds:KeyInfo><wsse:SecurityTokenReference><wsse:Reference URI='#Token' ValueType='{TOKEN}'/>\
         </wsse:SecurityTokenReference></ds:KeyInfo></ds:Signature>\
         <wsu:Timestamp wsu:Id='Timestamp'><wsu:Created>{created}</wsu:Created></wsu:Timestamp>\
         </wsse:Security>\n </env:Header>\n <env:Body wsu:Id='Body'>{}</env:Body>\n</env:Envelope>\n",
        header("MessageID", addressing.message_id.as_deref().unwrap()),
        header("Action", addressing.action.as_deref().unwrap()),
        header("To", addressing.to.as_deref().unwrap()),
        content
    )
}

pub(crate) fn encryption_template() -> String {
    format!(
        "<xenc:EncryptedData xmlns:xenc='{XENC}' Id='ED' Type='{XENC}Element'>\
         <xenc:EncryptionMethod Algorithm='http://www.w3.org/2009/xmlenc11#aes256-gcm'/>\
         <ds:KeyInfo xmlns:ds='{DS}'><xenc:EncryptedKey><xenc:EncryptionMethod Algorithm='{XENC}rsa-oaep-mgf1p'/>\
         <ds:KeyInfo><ds:X509Data/></ds:KeyInfo><xenc:CipherData><xenc:CipherValue/></xenc:CipherData></xenc:EncryptedKey>\
         </ds:KeyInfo><xenc:CipherData><xenc:CipherValue/></xenc:CipherData></xenc:EncryptedData>"
    )
}

fn open(setting: &Setting, octets: &[u8]) -> Result<String, Refusal> {
    let signer = Arc::new(Signer::from_der(setting.client.certificate.der()).unwrap());
    let context = Context {
        now: now(),
        signers: &Signers::new(vec![signer]),
        keys: &[setting.server.identity()],
        expect: Expect::Present,
        confirms: &[],
    };
    let envelope = Envelope::parse(octets.to_vec(), Some(Version::Soap12)).unwrap();
    let authentic = Verifier::new(Policy::serve().encryption(Encryption::Required)).open(envelope, &context)?;
    Ok(authentic.document().text_content(authentic.payload()).into_owned())
}

#[test]
fn what_xmlsec1_signs_and_encrypts_is_accepted_as_serve_accepts() {
    let Some(setting) = setting() else { return };
    let folder = setting.folder.path();
    std::fs::write(folder.join("template.xml"), template(&setting.client)).unwrap();
    std::fs::write(folder.join("encrypt.xml"), encryption_template()).unwrap();
    let key = setting.client.file("key");
    xmlsec1(folder, &["--sign", "--privkey-pem", &key, "--output", "signed.xml", "template.xml"]).unwrap();
    let signed = std::fs::read(folder.join("signed.xml")).unwrap();
    assert!(matches!(open(&setting, &signed), Err(Refusal { stage: Stage::Algorithms, .. })), "clear text is refused");
    let certificate = setting.server.file("crt");
    let encrypt = [
        "--encrypt",
        "--pubkey-cert-pem",
        &certificate,
        "--session-key",
        "aes-256",
        "--xml-data",
        "signed.xml",
        "--node-name",
        "urn:wco:md:MetaData",
        "--output",
        "encrypted.xml",
        "encrypt.xml",
    ];
    xmlsec1(folder, &encrypt).unwrap();
    let encrypted = std::fs::read(folder.join("encrypted.xml")).unwrap();
    let text = String::from_utf8_lossy(&encrypted).into_owned();
    assert!(!text.contains("K001"), "{text}");
    assert_eq!(open(&setting, &encrypted).unwrap_or_else(|r| panic!("{r:?}\n{text}")), "K001 관세청");
    checked_on_the_command_line(folder);
}

/// `wss check` of the same message, as a conformance tester types it.
fn checked_on_the_command_line(folder: &Path) {
    let check = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_coconnect"));
        let output = command.current_dir(folder).args(["wss", "check"]).args(arguments).output().unwrap();
        let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        (output.status.code(), said)
    };
    let at = ["--at", "2026-11-22T12:00:00Z", "--trusted", "ca.crt"];
    let (code, said) = check(&[&at[..], &["--key", "server.key", "--out", "out.xml", "encrypted.xml"]].concat());
    assert_eq!(code, Some(0), "{said}");
    assert!(std::fs::read_to_string(folder.join("out.xml")).unwrap().contains("K001"));
    let (code, said) = check(&[&at[..], &["encrypted.xml"]].concat());
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("hint: give the receiver's private key"), "{said}");
    let (code, said) = check(&["--at", "2026-11-22T12:00:00Z", "--key", "server.key", "encrypted.xml"]);
    assert_eq!(code, Some(1), "nobody vouches for the signer: {said}");
    let (code, said) =
        check(&["--at", "2026-11-22T12:00:00Z", "--key", "server.key", "--key", "client.crt", "encrypted.xml"]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) =
        check(&["--at", "2026-11-22T12:20:00Z", "--trusted", "ca.crt", "--key", "server.key", "encrypted.xml"]);
    assert_eq!((code, said.contains("expired")), (Some(1), true), "{said}");
    let (code, said) = check(&[&at[..], &["--key", "server.key", "signed.xml"]].concat());
    assert_eq!((code, said.contains("not encrypted")), (Some(1), true), "{said}");
    let (code, said) = check(&[&at[..], &["--profile", "lenient", "signed.xml"]].concat());
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(check(&["no-such-file.xml"]).0, Some(2));
    assert_eq!(check(&["--profile", "odd", "signed.xml"]).0, Some(2));
}
