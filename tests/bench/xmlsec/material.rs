//! Documents and keys.

use std::sync::Arc;

use coconnect::contract::{Operation as Exchanged, Slots, encode, sample};
use coconnect::pki::{DevCa, Issue, KeyKind, PrivateKey, Use};
use coconnect::soap::wss::{Content, Identity, KeyReference, Order, Outgoing, Sealer, Settings, SignedParts};
use coconnect::soap::{Addressing, Version};
use coconnect::xml::{self, NodeId, ns};
use coconnect::xmlsec::key::Material;
use coconnect::xmlsec::read::encode_base64;
use coconnect::xmlsec::{Key, KeyRing, Policy, SigningKey};
use openssl::pkey::{PKey, Private, Public};
use openssl::x509::X509;

use crate::ours;

/// Keys and algorithms, with SHA-256 and exclusive C14N.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    /// rsa-sha256, 2048 bits.
    Rsa2048,
    /// ecdsa-sha256 on P-256.
    P256,
}

impl Suite {
    pub const ALL: [Self; 2] = [Self::Rsa2048, Self::P256];

    pub fn name(self) -> &'static str {
        match self {
            Self::Rsa2048 => "rsa2048",
            Self::P256 => "p256",
        }
    }

    /// How many times faster than libxmlsec verifying should be.
    pub fn goal(self) -> f64 {
        match self {
            Self::Rsa2048 => 2.0,
            Self::P256 => 3.0,
        }
    }

    fn kind(self) -> KeyKind {
        match self {
            Self::Rsa2048 => KeyKind::Rsa { bits: 2048 },
            Self::P256 => KeyKind::Ec { curve: "prime256v1", bits: 256 },
        }
    }

    fn method(self) -> &'static str {
        match self {
            Self::Rsa2048 => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
            Self::P256 => "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
        }
    }
}

/// What is verified and signed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Document {
    /// A CO of 30 items with an enveloped signature.
    Co,
    /// The same in a SOAP message with six References.
    Soap,
}

impl Document {
    pub const ALL: [Self; 2] = [Self::Co, Self::Soap];

    pub fn name(self) -> &'static str {
        match self {
            Self::Co => "co",
            Self::Soap => "soap",
        }
    }

    /// Whether its References lead to ids.
    pub fn has_ids(self) -> bool {
        self == Self::Soap
    }

    /// What no signature may leave out: the whole CO, or the Body.
    pub fn must_be_covered(self, document: &xml::Document) -> NodeId {
        let root = document.document_element();
        match self {
            Self::Co => root,
            Self::Soap => document.elements(root).last().unwrap(),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Verify,
    Sign,
}

impl Operation {
    pub fn name(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Sign => "sign",
        }
    }
}

/// A document with its keys.
pub struct Case {
    pub suite: Suite,
    pub document: Document,
    /// Signed.
    pub signed: Vec<u8>,
    /// The same with digests and value left empty.
    pub template: Vec<u8>,
    pub policy: Policy,
    /// The public key with its certificate.
    pub ring: KeyRing,
    pub known: Vec<X509>,
    pub signer: SigningKey,
    pub private: PKey<Private>,
    pub public: PKey<Public>,
}

impl Case {
    pub fn new(suite: Suite, document: Document) -> Self {
        let now = jiff::Timestamp::from_second(1_795_348_800).unwrap();
        let key = PrivateKey::generate(suite.kind()).unwrap();
        let ca =
            DevCa::create(&Issue::new("CA", &[], now, 3_650), PrivateKey::generate(suite.kind()).unwrap()).unwrap();
        let certificate = ca.issue(&Issue::new("KR sign", &[Use::Sign], now, 365), &key).unwrap();
        let private = key.to_pkey();
        let x509 = X509::from_der(certificate.der()).unwrap();
        let public = x509.public_key().unwrap();
        let mut ring = KeyRing::new();
        let material = Material::Public(public.clone());
        ring.add(Key { name: Some("KR sign".to_owned()), material, certificates: vec![x509.clone()] });
        let mut case = Self {
            suite,
            document,
            signed: Vec::new(),
            template: Vec::new(),
            policy: Policy::default(),
            ring,
            known: vec![x509],
            signer: SigningKey::from_private(private.clone()),
            private: private.clone(),
            public,
        };
        case.template = match document {
            Document::Co => co_template(suite, certificate.der()),
            Document::Soap => blank(&message(certificate.der(), private, now)),
        };
        case.signed = ours::fill(case.template.clone(), &case.signer, &case);
        case
    }

    /// The octets that both sides begin with.
    pub fn octets(&self, operation: Operation) -> &[u8] {
        match operation {
            Operation::Verify => &self.signed,
            Operation::Sign => &self.template,
        }
    }

    /// The key for libxmlsec.
    pub fn pem(&self, operation: Operation) -> Vec<u8> {
        match operation {
            Operation::Verify => self.public.public_key_to_pem().unwrap(),
            Operation::Sign => self.private.private_key_to_pem_pkcs8().unwrap(),
        }
    }
}

fn co() -> Vec<u8> {
    let mut document = Vec::new();
    encode(&sample::co(1, 30), &Slots::default(), &mut document);
    document
}

/// The CO with an empty signature as its last child.
fn co_template(suite: Suite, certificate: &[u8]) -> Vec<u8> {
    let document = String::from_utf8(co()).unwrap();
    let end = document.rfind("</").unwrap();
    let (ds, exc) = (ns::DS, ns::EXC_C14N);
    let signature = format!(
        "<ds:Signature xmlns:ds=\"{ds}\"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm=\"{exc}\"/>\
         <ds:SignatureMethod Algorithm=\"{}\"/><ds:Reference URI=\"\"><ds:Transforms>\
         <ds:Transform Algorithm=\"{ds}enveloped-signature\"/><ds:Transform Algorithm=\"{exc}\"/></ds:Transforms>\
         <ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/><ds:DigestValue></ds:DigestValue>\
         </ds:Reference></ds:SignedInfo><ds:SignatureValue></ds:SignatureValue><ds:KeyInfo><ds:X509Data>\
         <ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></ds:Signature>",
        suite.method(),
        encode_base64(certificate)
    );
    [&document[..end], &signature, &document[end..]].concat().into_bytes()
}

/// The message of `coconnect bench message`, signed and not encrypted.
fn message(certificate: &[u8], private: PKey<Private>, now: jiff::Timestamp) -> Vec<u8> {
    let identity = Identity::new(certificate, private).unwrap();
    let settings = Settings {
        key_reference: KeyReference::Str,
        order: Order::SignEncrypt,
        signed_parts: SignedParts::Full,
        ..Settings::default()
    };
    let sealer = Sealer::new(settings, Arc::new(identity), None).unwrap();
    let mut content = format!("<svc:SendCO xmlns:svc=\"{}\">", ns::SVC).into_bytes();
    content.extend_from_slice(&co());
    content.extend_from_slice(b"</svc:SendCO>");
    let addressing = Addressing {
        message_id: Some("urn:uuid:6d1c2a52-0f5c-4a0e-9a54-6d9f2f0c7e11".to_owned()),
        action: Some(Exchanged::SendCo.action().to_owned()),
        to: Some(format!("https://dev.coconnect.beacukai.go.id{}", Exchanged::SendCo.path())),
        ..Addressing::default()
    };
    let outgoing = Outgoing {
        version: Version::Soap11,
        addressing: &addressing,
        content: Content { octets: &content, encrypt: None },
        confirms: None,
        now,
    };
    sealer.seal(&outgoing).unwrap().octets
}

/// Without the content of `ds:DigestValue` and `ds:SignatureValue`.
fn blank(octets: &[u8]) -> Vec<u8> {
    let mut text = std::str::from_utf8(octets).unwrap().to_owned();
    for name in ["ds:DigestValue", "ds:SignatureValue"] {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let mut from = 0;
        while let Some(at) = text[from..].find(&open) {
            let start = from + at + open.len();
            let end = start + text[start..].find(&close).unwrap();
            text.replace_range(start..end, "");
            from = start;
        }
    }
    text.into_bytes()
}
