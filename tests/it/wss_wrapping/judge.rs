//! What a reader learns of a message, and whether that is what was signed.

use coconnect::soap::wss::{Authentic, Identity};
use coconnect::soap::{Addressing, Version};
use coconnect::xml::{self, Document, Kind, NodeId, c14n};
use coconnect::xmlsec::dsig::token::DocumentTokens;
use coconnect::xmlsec::dsig::verify::{self, Steps};
use coconnect::xmlsec::dsig::{Context, IdAttributes, IdIndex, KeySource, UrlMap};
use coconnect::xmlsec::{self, KeyRing, key_file};

/// What a reader learns of a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Meaning {
    pub version: Version,
    /// The canonical form of the payload.
    pub payload: Vec<u8>,
    pub addressing: Addressing,
    pub created: Option<jiff::Timestamp>,
    pub confirmed: bool,
    /// Who said it: the octets of the certificate.
    pub signer: Vec<u8>,
}

impl Meaning {
    pub fn of(authentic: &Authentic) -> Self {
        let mut payload = Vec::new();
        c14n::exclusive_without(authentic.document(), authentic.payload(), None, &mut payload).unwrap();
        let evidence = authentic.evidence();
        Self {
            version: authentic.version(),
            payload,
            addressing: authentic.addressing().clone(),
            created: evidence.created,
            confirmed: evidence.confirmed,
            signer: evidence.signer.certificate().der().to_vec(),
        }
    }

    /// In what this says something else than `signed`. With `full` every header must still be there; otherwise less may
    /// be believed.
    pub fn difference(&self, signed: &Self, full: bool) -> Option<&'static str> {
        let header = |of: fn(&Addressing) -> &Option<String>| {
            let (came, was) = (of(&self.addressing), of(&signed.addressing));
            came == was || !full && came.is_none()
        };
        let headers = header(|a| &a.message_id)
            && header(|a| &a.action)
            && header(|a| &a.to)
            && header(|a| &a.relates_to)
            && header(|a| &a.from)
            && header(|a| &a.reply_to)
            && header(|a| &a.fault_to);
        if self.payload != signed.payload {
            Some("payload")
        } else if self.version != signed.version {
            Some("SOAP version")
        } else if !headers {
            Some("addressing")
        } else if self.created != signed.created {
            Some("timestamp")
        } else if self.confirmed && !signed.confirmed {
            Some("confirmation")
        } else if self.signer != signed.signer {
            Some("signer")
        } else {
            None
        }
    }
}

/// A reader that is wrong: every signature must hold, and then everything is read by its local name, wherever it stands.
/// So read stacks that were broken by wrapping.
pub struct ByName {
    ring: KeyRing,
    signer: Vec<u8>,
}

impl ByName {
    pub fn new(signer: &Identity) -> Self {
        let der = signer.certificate().unwrap().der();
        let mut ring = KeyRing::new();
        ring.add(key_file::load(der, "signer", None).unwrap());
        Self { ring, signer: der.to_vec() }
    }

    /// Whether every signature of the document holds.
    fn holds(&self, document: &Document) -> bool {
        let ids = IdIndex::build(document, &IdAttributes::usual());
        let policy = xmlsec::Policy::default();
        let tokens = DocumentTokens { known: self.ring.keys().iter().flat_map(|k| k.certificates.clone()).collect() };
        let urls = UrlMap::new();
        let context = Context { document, ids: &ids, policy: &policy, urls: &urls, tokens: Some(&tokens) };
        let source = KeySource { ring: &self.ring, trust: None, known: &[] };
        let signatures = verify::outermost_signatures(document);
        !signatures.is_empty()
            && signatures.iter().all(|node| verify::verify(&context, *node, &source, Steps::UntilInvalid).is_valid())
    }

    pub fn open(&self, text: &str) -> Option<Meaning> {
        let document = xml::parse(text.as_bytes().to_vec(), &xml::Options::default()).ok()?;
        if !self.holds(&document) {
            return None;
        }
        let named = |below: NodeId, local: &str| {
            document.descendants(below).find(|n| document.kind(*n) == Kind::Element && document.local(*n) == local)
        };
        let root = document.document_element();
        let in_root = |local: &str| named(root, local).map(|node| document.text_content(node).trim().to_owned());
        let body = document.elements(root).find(|n| document.local(*n) == "Body")?;
        let mut payload = Vec::new();
        c14n::exclusive_without(&document, document.elements(body).next()?, None, &mut payload).ok()?;
        Some(Meaning {
            version: if document.ns(root).contains("2003/05") { Version::Soap12 } else { Version::Soap11 },
            payload,
            addressing: Addressing {
                message_id: in_root("MessageID"),
                action: in_root("Action"),
                to: in_root("To"),
                ..Addressing::default()
            },
            created: in_root("Created").and_then(|text| text.parse().ok()),
            confirmed: true,
            signer: self.signer.clone(),
        })
    }
}
