//! Seals SOAP messages as a gateway does, for `scripts/interop`: `seal KEYS OUT` writes `OUT/ID.xml` for each case and one
//! line a case: id, label, the signer's name, and what is inside (`encrypted`, `clear`, `confirms`).
//!
//! Keys and certificates are those of `tests/interop/common.sh`; the clock is the real one, since foreign stacks ask theirs.

use std::path::Path;
use std::sync::Arc;

use coconnect::base::{Clock as _, RealClock};
use coconnect::pki::{Certificate, PrivateKey};
use coconnect::soap::wss::{
    Content, Identity, KeyReference, Order, Outgoing, Recipient, Sealer, Settings, SignedParts, Suite,
};
use coconnect::soap::{Addressing, Version};

type Failed = Box<dyn std::error::Error>;

const DOCUMENT: &str =
    "<md:MetaData xmlns:md=\"urn:wco:md\"><md:ID>K001 &amp; co \u{ad00}</md:ID><md:Note></md:Note></md:MetaData>";

struct Case {
    label: String,
    signer: &'static str,
    recipient: Option<&'static str>,
    version: Version,
    settings: Settings,
    confirms: Option<Vec<String>>,
}

impl Case {
    fn new(label: &str, signer: &'static str, recipient: Option<&'static str>) -> Self {
        let settings = Settings::default();
        Self { label: label.to_owned(), signer, recipient, version: Version::Soap12, settings, confirms: None }
    }

    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }
}

fn suite(change: impl FnOnce(&mut Suite)) -> impl FnOnce(&mut Settings) {
    move |settings| change(&mut settings.suite)
}

fn cases() -> Vec<Case> {
    let more = "http://www.w3.org/2001/04/xmldsig-more#";
    let server = Some("server");
    let mut cases = vec![
        Case::new("sealed/default", "rsa", server),
        Case { version: Version::Soap11, ..Case::new("sealed/soap-1.1", "rsa", server) },
        Case::new("sealed/p256", "ec256", server),
        Case::new("sealed/clear", "rsa", None),
        Case::new("sealed/body-timestamp", "rsa", None).with(|s| s.signed_parts = SignedParts::BodyTimestamp),
        Case::new("sealed/encrypt-sign", "rsa", server).with(|s| s.order = Order::Any),
        Case::new("key-reference/inline", "rsa", server).with(|s| s.key_reference = KeyReference::Inline),
        Case::new("key-reference/retrieval-method", "rsa", server)
            .with(|s| s.key_reference = KeyReference::RetrievalMethod),
        Case { confirms: Some(vec!["AAECAwQ=".to_owned()]), ..Case::new("signature-confirmation", "rsa", None) },
        Case {
            confirms: Some(vec!["AAECAwQ=".to_owned()]),
            ..Case::new("signature-confirmation/encrypted", "rsa", server)
        },
    ];
    for hash in ["sha384", "sha512"] {
        let uri = format!("{more}rsa-{hash}");
        cases.push(Case::new(&format!("rsa-{hash}"), "rsa", None).with(suite(|s| s.signature = Some(uri))));
    }
    let pss = "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1";
    cases.push(Case::new("rsa-pss-sha256", "rsa", None).with(suite(|s| s.signature = Some(pss.to_owned()))));
    for (signer, hash) in [("ec256", "sha256"), ("ec384", "sha384"), ("ec521", "sha512")] {
        let uri = format!("{more}ecdsa-{hash}");
        let label = format!("ecdsa-{hash}/{}", signer.replace("ec", "p"));
        cases.push(Case::new(&label, signer, None).with(suite(|s| s.signature = Some(uri))));
    }
    cases.push(Case::new("eddsa-ed25519", "ed25519", None));
    for (hash, uri) in
        [("sha384", format!("{more}sha384")), ("sha512", "http://www.w3.org/2001/04/xmlenc#sha512".into())]
    {
        cases.push(Case::new(&format!("digest-{hash}"), "rsa", None).with(suite(|s| s.digest = Some(uri))));
    }
    for bits in ["128", "192", "256"] {
        let uri = format!("http://www.w3.org/2009/xmlenc11#aes{bits}-gcm");
        cases.push(Case::new(&format!("aes{bits}-gcm"), "rsa", server).with(suite(|s| s.cipher = Some(uri))));
    }
    let oaep = "http://www.w3.org/2009/xmlenc11#rsa-oaep";
    cases.push(Case::new("rsa-oaep/sha256", "rsa", server).with(suite(|s| s.key_transport = Some(oaep.to_owned()))));
    cases.push(Case::new("ecdh-es/p256", "rsa", Some("server-ec256")));
    cases
}

fn certificate(keys: &Path, name: &str) -> Result<Certificate, Failed> {
    let loaded = Certificate::load(&keys.join(format!("{name}.crt")))?;
    loaded.into_iter().next().ok_or_else(|| format!("{name}.crt: no certificate").into())
}

fn seal(case: &Case, keys: &Path) -> Result<Vec<u8>, Failed> {
    let key = PrivateKey::load(&keys.join(format!("{}.key", case.signer)), None)?.key;
    let identity = Arc::new(Identity::new(certificate(keys, case.signer)?.der(), key.to_pkey())?);
    let recipient = match case.recipient {
        Some(name) => Some(Arc::new(Recipient::from_der(certificate(keys, name)?.der())?)),
        None => None,
    };
    let sealer = Sealer::new(case.settings.clone(), identity, recipient)?;
    let content = format!("<svc:SendCO xmlns:svc=\"urn:coconnect:service:1\">{DOCUMENT}</svc:SendCO>");
    let start = content.find("<md:").ok_or("no document")?;
    let addressing = Addressing {
        message_id: Some("urn:uuid:a28b345b-3be5-4f0d-8dfc-2e63613666f0".to_owned()),
        action: Some("urn:coconnect:service:1:SendCO".to_owned()),
        to: Some("https://test.coconnect.example/send-co".to_owned()),
        ..Addressing::default()
    };
    let outgoing = Outgoing {
        version: case.version,
        addressing: &addressing,
        content: Content { octets: content.as_bytes(), encrypt: Some(start..start + DOCUMENT.len()) },
        confirms: case.confirms.as_deref(),
        now: RealClock::new().now(),
    };
    Ok(sealer.seal(&outgoing)?.octets)
}

#[allow(clippy::print_stdout, reason = "a tool of the tests; its lines are its answer")]
fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, keys, out] = arguments.as_slice() else { return Err("usage: seal KEYS OUT".into()) };
    for (number, case) in cases().iter().enumerate() {
        let id = format!("w{number:03}");
        std::fs::write(Path::new(out).join(format!("{id}.xml")), seal(case, Path::new(keys))?)?;
        let inside = if case.recipient.is_some() { "encrypted" } else { "clear" };
        let confirms = if case.confirms.is_some() { "confirms" } else { "-" };
        println!("{id} {} {} {inside} {confirms}", case.label, case.signer);
    }
    Ok(())
}
