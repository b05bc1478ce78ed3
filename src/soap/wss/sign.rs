//! Sealing a message: Timestamp first, SignatureConfirmation, token, EncryptedKey, Signature.
//!
//! Every signed part is written in the exclusive canonical form that it will have for a verifier, its namespaces declared
//! on itself, so that a digest is computed over the octets written. Signed, then encrypted; for a partner whose file says
//! so encrypted, then signed.

use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::policy::LIFETIME;
use super::suite::Methods;
use super::timestamp::written;
use super::token_reference::{BASE64_BINARY, X509_V3};
use super::{Identity, Order, Recipient, SignedParts};
use crate::soap::addressing::Name;
use crate::soap::fault::{escape_attribute, escape_text};
use crate::soap::{Addressing, Version};
use crate::xml::c14n::{self, Method, NodeSet};
use crate::xml::{self, ns};
use crate::xmlsec::dsig::{IdAttributes, IdIndex};
use crate::xmlsec::enc::{self, ContentKey, DataType, EncryptedDataParts, EncryptedKeyParts};
use crate::xmlsec::provider::digest::{self, DigestValue};

/// How EncryptedData points to the EncryptedKey.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum KeyReference {
    /// `wsse:SecurityTokenReference` (the default).
    #[default]
    Str,
    /// `ds:RetrievalMethod`: the only pointer that xmlsec1 1.2 follows.
    RetrievalMethod,
    /// The EncryptedKey stands inside the EncryptedData.
    Inline,
}

/// Algorithms of what we send; their URIs. None: what fits the key (design 2.2).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Suite {
    /// SignatureMethod.
    pub signature: Option<String>,
    /// DigestMethod of References.
    pub digest: Option<String>,
    /// EncryptionMethod of the EncryptedKey under an RSA key; under keys that agree, the key wrap, or the agreement with the
    /// usual one.
    pub key_transport: Option<String>,
    /// Digest within `xmlenc11#rsa-oaep`, and of its mask; SHA-256 when none is said.
    pub oaep_digest: Option<String>,
    /// KeyDerivationMethod under keys that agree; ConcatKDF when none is said.
    pub key_derivation: Option<String>,
    /// EncryptionMethod of the EncryptedData.
    pub cipher: Option<String>,
}

/// What the partner's `[security]` says about what we send.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Algorithms.
    pub suite: Suite,
    /// Pointer from EncryptedData to EncryptedKey.
    pub key_reference: KeyReference,
    /// Which comes first: signing for `SignEncrypt`, encryption for `Any`.
    pub order: Order,
    /// `Full`: everything that is written. `BodyTimestamp`: Body and Timestamp, for a partner that knows no more.
    pub signed_parts: SignedParts,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            suite: Suite::default(),
            key_reference: KeyReference::default(),
            order: Order::SignEncrypt,
            signed_parts: SignedParts::Full,
        }
    }
}

/// The content of Body: the octets in exclusive canonical form (as a child of a Body whose SOAP prefix is `soap`), and
/// what of it is encrypted.
#[derive(Clone, Debug)]
pub struct Content<'a> {
    /// One element.
    pub octets: &'a [u8],
    /// The octets of the element that is encrypted, when a recipient is given: MetaData, or what a fault's detail holds.
    pub encrypt: Option<Range<usize>>,
}

/// A message to be sealed.
#[derive(Clone, Debug)]
pub struct Outgoing<'a> {
    /// Which SOAP.
    pub version: Version,
    /// The headers.
    pub addressing: &'a Addressing,
    /// The content of Body.
    pub content: Content<'a>,
    /// SignatureValues of the request that this answers, base64; none for a request and when its signature did not hold.
    pub confirms: Option<&'a [String]>,
    /// The clock.
    pub now: Timestamp,
}

/// A sealed message.
pub struct Sealed {
    /// The envelope, as it goes over the wire.
    pub octets: Vec<u8>,
    /// SignatureValue, base64: what the answer must confirm.
    pub signature_value: String,
    /// The content key, when something was encrypted: for the evidence.
    pub content_key: Option<Zeroizing<Vec<u8>>>,
}

/// Seals messages for one partner.
pub struct Sealer {
    settings: Settings,
    methods: Methods,
    identity: Arc<Identity>,
    recipient: Option<enc::encrypt::Recipient>,
    /// The BinarySecurityToken, canonical, and its digest: the same in every message.
    token: Vec<u8>,
    token_digest: DigestValue,
}

/// Why a message was not sealed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An algorithm that does not exist or does not fit the key.
    #[error("{0}")]
    Algorithm(String),
    /// The signature could not be made.
    #[error("the message could not be signed")]
    Sign(#[from] crate::xmlsec::key::Error),
    /// The message could not be encrypted.
    #[error("the message could not be encrypted")]
    Encrypt(#[from] enc::Error),
    /// OpenSSL lacks a digest.
    #[error("openssl")]
    Digest(#[from] openssl::error::ErrorStack),
    /// The content is not one element, or the range to encrypt lies outside it.
    #[error("the content cannot be sealed: {what}")]
    Content {
        /// What is wrong.
        what: String,
    },
}

const ENCRYPTED_KEY_ID: &str = "EncryptedKey";
const ENCRYPTED_DATA_ID: &str = "EncryptedData";

/// A signed part: its Id and what its digest is.
struct Part {
    id: String,
    digest: DigestValue,
}

/// What encryption gave: the EncryptedKey for the header, the wire form of Body, the key.
struct Closed {
    header: Vec<u8>,
    body: Vec<u8>,
    key: ContentKey,
}

impl Sealer {
    /// A sealer that signs with `identity` and encrypts for `recipient`, if there is one.
    ///
    /// # Errors
    /// [`Error::Algorithm`] when the suite does not fit the keys.
    pub fn new(settings: Settings, identity: Arc<Identity>, recipient: Option<Arc<Recipient>>) -> Result<Self, Error> {
        let recipient_key = recipient.as_ref().map(|recipient| recipient.certificate().public_key());
        if identity.certificate().is_none() {
            return Err(Error::Algorithm("the signing key has no certificate".to_owned()));
        }
        let methods = Methods::new(&settings.suite, identity.key(), recipient_key).map_err(Error::Algorithm)?;
        let mut token = Vec::with_capacity(identity.token().len() + 512);
        push(&mut token, &["<wsse:BinarySecurityToken xmlns:wsse=\"", ns::WSSE, "\" xmlns:wsu=\"", ns::WSU]);
        push(&mut token, &["\" EncodingType=\"", BASE64_BINARY, "\" ValueType=\"", X509_V3, "\" wsu:Id=\"Token\">"]);
        push(&mut token, &[identity.token(), "</wsse:BinarySecurityToken>"]);
        let token_digest = digest::digest(methods.digest, &token)?;
        let recipient = recipient.map(|recipient| {
            let certificate = recipient.certificate();
            enc::encrypt::Recipient::new(certificate.public_key().clone(), recipient_reference(certificate))
        });
        Ok(Self { settings, methods, identity, recipient, token, token_digest })
    }

    /// Seals a request, an answer or a fault.
    ///
    /// # Errors
    /// [`Error`] when it cannot be signed or encrypted.
    pub fn seal(&self, outgoing: &Outgoing<'_>) -> Result<Sealed, Error> {
        let content = &outgoing.content;
        let mut body = Vec::with_capacity(content.octets.len() + 512);
        push(&mut body, &["<soap:Body xmlns:soap=\"", outgoing.version.namespace(), "\" xmlns:wsu=\"", ns::WSU]);
        push(&mut body, &["\" wsu:Id=\"Body\">"]);
        let start = body.len();
        body.extend_from_slice(content.octets);
        push(&mut body, &["</soap:Body>"]);
        let target = match (&self.recipient, &content.encrypt) {
            (Some(recipient), Some(range)) => {
                let range = start + range.start..start + range.end;
                if range.is_empty() || range.end > start + content.octets.len() {
                    return Err(Error::Content { what: "the range to encrypt lies outside".to_owned() });
                }
                Some((recipient, range))
            }
            _ => None,
        };
        match (target, self.settings.order) {
            (None, _) => self.assemble(outgoing, &body, None, true),
            (Some((recipient, range)), Order::SignEncrypt) => {
                let closed = self.close(&body, range, recipient)?;
                self.assemble(outgoing, &body, Some(closed), true)
            }
            (Some((recipient, range)), Order::Any) => {
                let closed = self.close(&body, range, recipient)?;
                self.assemble(outgoing, &body, Some(closed), false)
            }
        }
    }

    fn close(&self, body: &[u8], range: Range<usize>, recipient: &enc::encrypt::Recipient) -> Result<Closed, Error> {
        let key = ContentKey::random(self.methods.cipher)?;
        let header_key = self.settings.key_reference != KeyReference::Inline;
        let mut written_key = Vec::with_capacity(1536);
        let parts = EncryptedKeyParts {
            id: Some(ENCRYPTED_KEY_ID),
            references: if header_key { &[ENCRYPTED_DATA_ID] } else { &[] },
            ..EncryptedKeyParts::default()
        };
        enc::encrypt::write_encrypted_key(&mut written_key, &key, recipient, &self.methods.key_management, &parts)?;
        let key_reference = match self.settings.key_reference {
            KeyReference::Str => enc::encrypt::KeyReference::SecurityTokenReference(ENCRYPTED_KEY_ID),
            KeyReference::RetrievalMethod => enc::encrypt::KeyReference::RetrievalMethod(ENCRYPTED_KEY_ID),
            KeyReference::Inline => enc::encrypt::KeyReference::Inline(&written_key),
        };
        let parts = EncryptedDataParts {
            id: Some(ENCRYPTED_DATA_ID),
            data_type: DataType::Element,
            mime_type: None,
            key_reference,
        };
        let (before, rest) = body.split_at(range.start);
        let (clear, after) = rest.split_at(range.len());
        let mut wire = Vec::with_capacity(body.len() / 3 * 4 + 3072);
        wire.extend_from_slice(before);
        let method = enc::DataMethod::fresh(self.methods.cipher)?;
        enc::encrypt::write_encrypted_data(&mut wire, clear, &key, &method, &parts)?;
        wire.extend_from_slice(after);
        Ok(Closed { header: if header_key { written_key } else { Vec::new() }, body: wire, key })
    }

    fn assemble(
        &self,
        outgoing: &Outgoing<'_>,
        clear_body: &[u8],
        closed: Option<Closed>,
        signs_clear: bool,
    ) -> Result<Sealed, Error> {
        let wire_body = closed.as_ref().map_or(clear_body, |closed| closed.body.as_slice());
        let mut out = Vec::with_capacity(wire_body.len() + self.token.len() + 6144);
        let mut parts: Vec<Part> = Vec::with_capacity(10);
        push(&mut out, &["<soap:Envelope xmlns:soap=\"", outgoing.version.namespace(), "\" xmlns:wsse=\"", ns::WSSE]);
        // Fault codes are QNames in content, whose prefixes no canonical form declares.
        if memchr::memmem::find(outgoing.content.octets, b">wsu:").is_some() {
            push(&mut out, &["\" xmlns:wsu=\"", ns::WSU]);
        }
        push(&mut out, &["\"><soap:Header>"]);
        self.write_addressing(outgoing.addressing, &mut out, &mut parts)?;
        push(&mut out, &["<wsse:Security soap:mustUnderstand=\"1\">"]);
        self.write_timestamp(outgoing.now, &mut out, &mut parts)?;
        self.write_confirmations(outgoing.confirms, &mut out, &mut parts)?;
        out.extend_from_slice(&self.token);
        if self.settings.signed_parts == SignedParts::Full {
            parts.push(Part { id: "Token".to_owned(), digest: self.token_digest });
        }
        let header_key = closed.as_ref().map_or(&[][..], |closed| closed.header.as_slice());
        if signs_clear {
            out.extend_from_slice(header_key);
            parts.push(Part { id: "Body".to_owned(), digest: digest::digest(self.methods.digest, clear_body)? });
        } else {
            // The writers of xenc elements declare namespaces where it suits them: their canonical form is computed.
            parts.extend(self.ciphertext_parts(&out, header_key, wire_body, outgoing.version)?);
        }
        let signature_value = self.write_signature(&parts, &mut out)?;
        if !signs_clear {
            out.extend_from_slice(header_key);
        }
        push(&mut out, &["</wsse:Security></soap:Header>"]);
        out.extend_from_slice(wire_body);
        push(&mut out, &["</soap:Envelope>"]);
        let content_key = closed.map(|closed| Zeroizing::new(closed.key.octets().to_vec()));
        Ok(Sealed { octets: out, signature_value, content_key })
    }

    /// Digests of Body and EncryptedKey as ciphertext, in their place in the message that is being written.
    fn ciphertext_parts(
        &self,
        head: &[u8],
        header_key: &[u8],
        body: &[u8],
        version: Version,
    ) -> Result<Vec<Part>, Error> {
        let content = |error: &dyn std::fmt::Display| Error::Content { what: error.to_string() };
        let mut whole = head.to_vec();
        whole.extend_from_slice(header_key);
        push(&mut whole, &["</wsse:Security></soap:Header>"]);
        whole.extend_from_slice(body);
        push(&mut whole, &["</soap:Envelope>"]);
        let document = xml::parse(whole, &xml::Options::default()).map_err(|error| content(&error))?;
        let ids = IdIndex::build(&document, &IdAttributes::usual());
        let mut parts = Vec::new();
        let names: &[&str] = if header_key.is_empty() { &["Body"] } else { &["Body", ENCRYPTED_KEY_ID] };
        for id in names {
            let node = ids.get(&document, id).map_err(|error| content(&error))?;
            let settings = c14n::Settings { method: Method::Exclusive, with_comments: false, prefixes: &[] };
            let mut canonical = Vec::new();
            c14n::canonicalize(&document, &NodeSet::subtree(node), &settings, &mut canonical)
                .map_err(|error| content(&error))?;
            parts.push(Part { id: (*id).to_owned(), digest: digest::digest(self.methods.digest, &canonical)? });
        }
        debug_assert!(document.is(document.document_element(), version.namespace(), "Envelope"));
        Ok(parts)
    }

    fn write_addressing(&self, addressing: &Addressing, out: &mut Vec<u8>, parts: &mut Vec<Part>) -> Result<(), Error> {
        for name in HEADERS {
            let Some(value) = addressing.value(name) else { continue };
            let start = out.len();
            let local = name.as_str();
            push(out, &["<wsa:", local, " xmlns:wsa=\"", ns::WSA, "\" xmlns:wsu=\"", ns::WSU, "\" wsu:Id=\"", local]);
            push(out, &["\">"]);
            let endpoint = matches!(name, Name::From | Name::ReplyTo | Name::FaultTo);
            push(out, &[if endpoint { "<wsa:Address>" } else { "" }]);
            escape_text(value, out);
            push(out, &[if endpoint { "</wsa:Address></wsa:" } else { "</wsa:" }, local, ">"]);
            if self.settings.signed_parts == SignedParts::Full {
                parts.push(self.part(local, &out[start..])?);
            }
        }
        Ok(())
    }

    fn write_timestamp(&self, now: Timestamp, out: &mut Vec<u8>, parts: &mut Vec<Part>) -> Result<(), Error> {
        let expires = now.checked_add(LIFETIME).unwrap_or(now);
        let start = out.len();
        push(out, &["<wsu:Timestamp xmlns:wsu=\"", ns::WSU, "\" wsu:Id=\"Timestamp\"><wsu:Created>", &written(now)]);
        push(out, &["</wsu:Created><wsu:Expires>", &written(expires), "</wsu:Expires></wsu:Timestamp>"]);
        parts.push(self.part("Timestamp", &out[start..])?);
        Ok(())
    }

    fn write_confirmations(
        &self,
        confirms: Option<&[String]>,
        out: &mut Vec<u8>,
        parts: &mut Vec<Part>,
    ) -> Result<(), Error> {
        for (number, value) in confirms.unwrap_or_default().iter().enumerate() {
            let id = format!("SignatureConfirmation-{number}");
            let start = out.len();
            push(out, &["<wsse11:SignatureConfirmation xmlns:wsse11=\"", ns::WSSE11, "\" xmlns:wsu=\"", ns::WSU]);
            push(out, &["\" Value=\""]);
            escape_attribute(value, out);
            push(out, &["\" wsu:Id=\"", &id, "\"></wsse11:SignatureConfirmation>"]);
            parts.push(self.part(&id, &out[start..])?);
        }
        Ok(())
    }

    fn part(&self, id: &str, canonical: &[u8]) -> Result<Part, Error> {
        Ok(Part { id: id.to_owned(), digest: digest::digest(self.methods.digest, canonical)? })
    }

    /// Appends the Signature; gives its SignatureValue.
    fn write_signature(&self, parts: &[Part], out: &mut Vec<u8>) -> Result<String, Error> {
        push(out, &["<ds:Signature xmlns:ds=\"", ns::DS, "\">"]);
        let start = out.len();
        push(out, &["<ds:SignedInfo xmlns:ds=\"", ns::DS, "\"><ds:CanonicalizationMethod Algorithm=\"", ns::EXC_C14N]);
        push(out, &["\"></ds:CanonicalizationMethod><ds:SignatureMethod Algorithm=\"", self.methods.signature_uri]);
        push(out, &["\"></ds:SignatureMethod>"]);
        for part in parts {
            push(
                out,
                &["<ds:Reference URI=\"#", &part.id, "\"><ds:Transforms><ds:Transform Algorithm=\"", ns::EXC_C14N],
            );
            push(out, &["\"></ds:Transform></ds:Transforms><ds:DigestMethod Algorithm=\"", self.methods.digest.uri()]);
            push(out, &["\"></ds:DigestMethod><ds:DigestValue>"]);
            base64_simd::STANDARD.encode_append(&*part.digest, out);
            push(out, &["</ds:DigestValue></ds:Reference>"]);
        }
        push(out, &["</ds:SignedInfo>"]);
        let value = self.identity.signing.sign(self.methods.scheme, &out[start..])?;
        let value = base64_simd::STANDARD.encode_to_string(value);
        push(out, &["<ds:SignatureValue>", &value, "</ds:SignatureValue><ds:KeyInfo><wsse:SecurityTokenReference>"]);
        push(out, &["<wsse:Reference URI=\"#Token\" ValueType=\"", X509_V3, "\"></wsse:Reference>"]);
        push(out, &["</wsse:SecurityTokenReference></ds:KeyInfo></ds:Signature>"]);
        Ok(value)
    }
}

/// The headers in the order in which they are written.
const HEADERS: [Name; 7] =
    [Name::MessageId, Name::Action, Name::To, Name::RelatesTo, Name::From, Name::ReplyTo, Name::FaultTo];

/// How an EncryptedKey names the certificate it is for: issuer and serial number, which every stack reads.
fn recipient_reference(certificate: &crate::pki::Certificate) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    push(&mut out, &["<wsse:SecurityTokenReference xmlns:wsse=\"", ns::WSSE, "\"><ds:X509Data xmlns:ds=\"", ns::DS]);
    push(&mut out, &["\"><ds:X509IssuerSerial><ds:X509IssuerName>"]);
    escape_text(certificate.issuer(), &mut out);
    push(&mut out, &["</ds:X509IssuerName><ds:X509SerialNumber>", certificate.serial_decimal()]);
    push(&mut out, &["</ds:X509SerialNumber></ds:X509IssuerSerial></ds:X509Data></wsse:SecurityTokenReference>"]);
    out
}

fn push(out: &mut Vec<u8>, pieces: &[&str]) {
    for piece in pieces {
        out.extend_from_slice(piece.as_bytes());
    }
}
