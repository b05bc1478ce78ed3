//! Why a message is refused: every signature and every EncryptedKey looked at by itself, with what would fit.
//!
//! A tool for operators. It goes on where a gateway stops, tries keys and parameters that nobody asked for, and tells
//! what it finds; each of these would be an oracle in front of a sender. So only the command line calls it
//! (`tests/layers.rs`), and nothing that it finds makes a message valid.

use jiff::Timestamp;
use openssl::x509::X509;

use super::decrypt::chain;
use super::token::is_meant;
use super::{CertificateReference, Context, Refusal, Stage, Verifier};
use crate::pki::Certificate;
use crate::soap::Envelope;
use crate::soap::envelope::clip;
use crate::xml::{self, Document, Kind, NodeId, TextPos, ns};
use crate::xmlsec::algorithm::{self, KeyTransport};
use crate::xmlsec::dsig::explain::{
    AsReceived, ExplainedReference, ExplainedValue, Search, Suspect, path, reference as explain_reference,
    value as explain_value,
};
use crate::xmlsec::dsig::token::{DocumentTokens, TokenResolver};
use crate::xmlsec::dsig::{self, IdAttributes, IdIndex, KeyInfoItem, Signature, UrlMap, verify};
use crate::xmlsec::enc::explain::{Parameters, parameters};
use crate::xmlsec::enc::{self, DecryptionKey, Decryptor, EncryptedData, EncryptedKey, KeyMethod};
use crate::xmlsec::key::{Key, VerifyingKey};
use crate::xmlsec::{KeyRing, Policy, read};

/// Signatures of one message that are explained.
const SIGNATURES_MAX: usize = 8;
/// EncryptedKeys and EncryptedData of one message that are explained.
const ENCRYPTED_MAX: usize = 64;
/// Parts of a KeyInfo that are told.
const NAMES_MAX: usize = 8;

/// What is explained, and what is known beside it.
pub struct Subject<'a> {
    /// How a gateway would judge.
    pub verifier: &'a Verifier,
    /// With what it would judge.
    pub context: &'a Context<'a>,
    /// Our private keys, and the certificates and keys of whoever may have signed.
    pub ring: &'a KeyRing,
    /// Further certificates that may have signed.
    pub known: &'a [Certificate],
    /// How much is tried.
    pub search: Search,
}

/// What a message came to, piece by piece.
pub struct Explanation {
    /// What a gateway says: none when it accepts the message.
    pub refusal: Option<(Stage, String)>,
    /// Each signature.
    pub signatures: Vec<ExplainedSignature>,
    /// Each EncryptedKey.
    pub encrypted_keys: Vec<ExplainedKey>,
    /// Each EncryptedData.
    pub encrypted_data: Vec<ExplainedData>,
    /// Our keys: what the numbers in [`Fit::ours`] mean.
    pub ours: Vec<OurKey>,
}

/// A signature.
pub struct ExplainedSignature {
    /// Where it stands, as a path.
    pub node: String,
    /// Line and column.
    pub at: TextPos,
    /// Why nothing of it could be read.
    pub failure: Option<String>,
    /// What its KeyInfo says.
    pub names: String,
    /// The certificate that this means, where it is in the message or known.
    pub signer: Option<CertificateFacts>,
    /// SignatureValue over SignedInfo.
    pub value: Option<ExplainedValue>,
    /// The References, in order.
    pub references: Vec<ExplainedReference>,
}

/// What people know a certificate by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CertificateFacts {
    /// Subject.
    pub subject: String,
    /// Serial number, decimal.
    pub serial: String,
    /// SubjectKeyIdentifier in hexadecimal.
    pub key_identifier: Option<String>,
    /// End of validity.
    pub not_after: Timestamp,
}

/// A private key of ours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OurKey {
    /// Its name, where it has one.
    pub name: Option<String>,
    /// `RSA`, `EC`, ...
    pub kind: &'static str,
    /// Its certificate, where we have it.
    pub certificate: Option<CertificateFacts>,
}

/// An EncryptedKey.
pub struct ExplainedKey {
    /// `Id`.
    pub id: Option<String>,
    /// Line and column.
    pub at: TextPos,
    /// How it is closed, in words.
    pub method: String,
    /// Whom it names.
    pub recipient: String,
    /// Whose certificate that is, where it is known and not ours.
    pub stranger: Option<CertificateFacts>,
    /// How each of our keys does.
    pub fits: Vec<Fit>,
    /// Why it could not be read.
    pub failure: Option<String>,
}

/// How one of our keys does with an EncryptedKey.
pub struct Fit {
    /// Number of the key in [`Explanation::ours`].
    pub ours: usize,
    /// Whether the message names it.
    pub is_named: bool,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It opens.
    Opens,
    /// It is of another kind than the method wants.
    OtherKind,
    /// It does not open.
    Fails {
        /// Why.
        why: String,
        /// With what it would.
        with: Option<Parameters>,
    },
}

/// An EncryptedData.
pub struct ExplainedData {
    /// `Id`.
    pub id: Option<String>,
    /// Line and column.
    pub at: TextPos,
    /// Its cipher, or why it could not be read.
    pub cipher: Result<&'static str, String>,
    /// Whether it opened; or why not.
    pub opened: Result<(), String>,
}

/// Explains a message: a SOAP envelope, or any XML that holds signatures and encryption.
///
/// # Errors
/// When it is not XML, or XML beyond the bounds of a message.
pub fn explain(octets: Vec<u8>, subject: &Subject<'_>) -> Result<Explanation, xml::Error> {
    let received = xml::parse(octets.clone(), &xml::Options::default())?;
    let mut policy = Policy::legacy();
    // A DER SEQUENCE in the place of r||s is a deviation here, not a form.
    policy.allow_der_ecdsa = false;
    let ours: Vec<&Key> = subject.ring.private().collect();
    let clear = decrypted(&octets, subject.ring, &policy)?;
    let refusal = Envelope::parse(octets, None)
        .map_err(Refusal::of_envelope)
        .and_then(|envelope| subject.verifier.open(envelope, subject.context))
        .err()
        .map(|refusal| (refusal.stage, refusal.reason.to_string()));
    let look = Look::new(&received, subject, &policy);
    Ok(Explanation {
        refusal,
        signatures: look.signatures(clear.as_ref().map(|(document, _)| document)),
        encrypted_keys: look.encrypted_keys(&ours),
        encrypted_data: look.encrypted_data(clear.as_ref().map_or(&[], |(_, left)| left)),
        ours: ours.iter().map(|key| our_key(key, &look.certificates)).collect(),
    })
}

/// An EncryptedData that stays closed: where, and why.
type Closed = (TextPos, String);

/// The message with everything open that opens; none when nothing is encrypted.
fn decrypted(octets: &[u8], ring: &KeyRing, policy: &Policy) -> Result<Option<(Document, Vec<Closed>)>, xml::Error> {
    let mut document = xml::parse(octets.to_vec(), &xml::Options::default())?;
    let places: Vec<TextPos> = all(&document, "EncryptedData").map(|node| document.position(node)).collect();
    if places.is_empty() {
        return Ok(None);
    }
    let (keys, urls) = (enc::Keys::new(ring), UrlMap::new());
    let decryptor = Decryptor { keys: &keys, policy, urls: &urls, ids: IdAttributes::usual() };
    let closed = match decryptor.decrypt_document(&mut document) {
        Ok(decrypted) => decrypted.left.iter().map(|left| (left.at, chain(&left.reason))).collect(),
        // What stood before the one that is broken is open.
        Err(error) => {
            let still: Vec<TextPos> = all(&document, "EncryptedData").map(|node| document.position(node)).collect();
            places.iter().filter(|at| still.contains(at)).map(|at| (*at, chain(&error))).collect()
        }
    };
    Ok(Some((document, closed)))
}

fn all<'a>(document: &'a Document, local: &'a str) -> impl Iterator<Item = NodeId> + 'a {
    document.descendants(document.root()).filter(move |node| document.is(*node, ns::XENC, local)).take(ENCRYPTED_MAX)
}

/// One look through a message.
struct Look<'a> {
    received: &'a Document,
    ids: IdIndex,
    policy: &'a Policy,
    urls: UrlMap,
    /// Every certificate at hand, with where it is from: ours, known, in the message.
    certificates: Vec<Certificate>,
    tokens: DocumentTokens,
    ring: &'a KeyRing,
    search: Search,
}

impl<'a> Look<'a> {
    fn new(received: &'a Document, subject: &Subject<'a>, policy: &'a Policy) -> Self {
        let of_ring = subject.ring.keys().iter().flat_map(|key| key.certificates.iter().cloned());
        let mut certificates: Vec<Certificate> = Vec::new();
        let found = of_ring
            .filter_map(|x509| Certificate::from_x509(x509).ok())
            .chain(subject.known.iter().cloned())
            .chain(in_message(received));
        for certificate in found {
            if !certificates.iter().any(|known| known.der() == certificate.der()) {
                certificates.push(certificate);
            }
        }
        let known: Vec<X509> = certificates.iter().map(|certificate| certificate.x509().clone()).collect();
        Self {
            received,
            ids: IdIndex::build(received, &IdAttributes::usual()),
            policy,
            urls: UrlMap::new(),
            certificates,
            tokens: DocumentTokens { known },
            ring: subject.ring,
            search: subject.search,
        }
    }

    fn context<'c>(&'c self, document: &'c Document, ids: &'c IdIndex) -> dsig::Context<'c> {
        dsig::Context { document, ids, policy: self.policy, urls: &self.urls, tokens: Some(&self.tokens) }
    }

    fn signatures(&self, clear: Option<&Document>) -> Vec<ExplainedSignature> {
        let document = clear.unwrap_or(self.received);
        let ids = IdIndex::build(document, &IdAttributes::usual());
        let context = self.context(document, &ids);
        let nodes = verify::outermost_signatures(document);
        let before = verify::outermost_signatures(self.received);
        let mut all = Vec::new();
        for (number, node) in nodes.iter().take(SIGNATURES_MAX).enumerate() {
            // The same signature in the message as it came, unless it was encrypted itself.
            let received = before.get(number).filter(|_| clear.is_some() && before.len() == nodes.len()).copied();
            all.push(self.signature(&context, *node, received));
        }
        all
    }

    fn signature(&self, context: &dsig::Context<'_>, node: NodeId, received: Option<NodeId>) -> ExplainedSignature {
        let document = context.document;
        let key_info = document.elements(node).find(|child| document.is(*child, ns::DS, "KeyInfo"));
        let mut explained = ExplainedSignature {
            node: path(document, node),
            at: document.position(node),
            failure: None,
            names: key_info.map_or_else(|| "nobody".to_owned(), |key_info| described(document, key_info)),
            signer: None,
            value: None,
            references: Vec::new(),
        };
        let signature = match Signature::parse(document, node, self.policy) {
            Ok(signature) => signature,
            Err(error) => {
                explained.failure = Some(chain(&error));
                return explained;
            }
        };
        let named = key_info.and_then(|key_info| self.named(context, key_info));
        let bare = key_info.filter(|_| named.is_none()).and_then(|key_info| bare_key(document, key_info, self.policy));
        let suspect = match (&named, bare) {
            (Some(certificate), _) => Some(suspect(certificate)),
            (None, Some(key)) => Some(Suspect { name: "the bare key in the message".to_owned(), key }),
            (None, None) => None,
        };
        let others = self.suspects(named.as_ref());
        explained.signer = named.as_ref().map(CertificateFacts::of);
        explained.value = Some(explain_value(context, &signature, suspect.as_ref(), &others, self.search));
        let before = received.and_then(|node| Signature::parse(self.received, node, self.policy).ok());
        let received_context = self.context(self.received, &self.ids);
        let as_received = before.as_ref().map(|signature| AsReceived { context: &received_context, signature });
        explained.references = (0..signature.references().len())
            .filter_map(|number| explain_reference(context, &signature, number, as_received.as_ref(), self.search))
            .collect();
        explained
    }

    /// The certificate that a KeyInfo means, where it is at hand.
    fn named(&self, context: &dsig::Context<'_>, key_info: NodeId) -> Option<Certificate> {
        let known = &self.tokens.known;
        for child in context.document.elements(key_info) {
            let found = match KeyInfoItem::parse(context.document, child, self.policy) {
                Ok(KeyInfoItem::X509Data(data)) => {
                    let all = data.parsed_certificates();
                    let meant = all.iter().find(|one| data.selects(one)).or(all.first()).cloned();
                    meant.or_else(|| known.iter().find(|one| data.selects(one)).cloned())
                }
                Ok(KeyInfoItem::SecurityTokenReference(node)) => {
                    self.tokens.certificates(context, node, known).ok().and_then(|found| found.into_iter().next())
                }
                Ok(KeyInfoItem::KeyName(name)) => {
                    let in_ring = self.ring.named(&name).find_map(|key| key.certificates.first().cloned());
                    let reference = CertificateReference::KeyName { name: &name };
                    let by_subject = || self.certificates.iter().find(|one| is_meant(one, &reference));
                    in_ring.or_else(|| by_subject().map(|one| one.x509().clone()))
                }
                _ => None,
            };
            if let Some(certificate) = found.and_then(|x509| Certificate::from_x509(x509).ok()) {
                return Some(certificate);
            }
        }
        None
    }

    /// Every other key that may have signed.
    fn suspects(&self, named: Option<&Certificate>) -> Vec<Suspect> {
        let is_named = |key: &openssl::pkey::PKeyRef<openssl::pkey::Public>| {
            named.is_some_and(|named| named.public_key().public_eq(key))
        };
        let of_certificates = self.certificates.iter().filter(|one| !is_named(one.public_key())).map(suspect);
        let bare = self.ring.keys().iter().filter(|key| key.certificates.is_empty()).filter_map(|key| {
            let public = key.public().ok().flatten().filter(|public| !is_named(public))?;
            let name = key.name.clone().unwrap_or_else(|| "a key without certificate".to_owned());
            Some(Suspect { name, key: VerifyingKey::from_public(public) })
        });
        of_certificates.chain(bare).collect()
    }

    fn encrypted_keys(&self, ours: &[&Key]) -> Vec<ExplainedKey> {
        let openers: Vec<Option<DecryptionKey>> = ours.iter().map(|key| DecryptionKey::from_key(key)).collect();
        all(self.received, "EncryptedKey").map(|node| self.encrypted_key(node, ours, &openers)).collect()
    }

    fn encrypted_key(&self, node: NodeId, ours: &[&Key], openers: &[Option<DecryptionKey>]) -> ExplainedKey {
        let document = self.received;
        let mut explained = ExplainedKey {
            id: document.attribute(node, "", "Id").map(clip),
            at: document.position(node),
            method: String::new(),
            recipient: "nobody".to_owned(),
            stranger: None,
            fits: Vec::new(),
            failure: None,
        };
        let parsed = match EncryptedKey::parse(document, node, self.policy) {
            Ok(parsed) => parsed,
            Err(error) => {
                explained.failure = Some(chain(&error));
                return explained;
            }
        };
        explained.method = method_name(&parsed);
        let recipient = parsed.agreement.as_ref().map_or(parsed.key_info, |agreement| agreement.recipient);
        let named = recipient.and_then(|key_info| {
            explained.recipient = described(document, key_info);
            self.named(&self.context(document, &self.ids), key_info)
        });
        let is_ours = |key: &Key| {
            named.as_ref().is_some_and(|named| {
                key.public().ok().flatten().is_some_and(|public| named.public_key().public_eq(&public))
            })
        };
        explained.stranger = named.as_ref().filter(|_| !ours.iter().any(|key| is_ours(key))).map(CertificateFacts::of);
        for (number, (key, opener)) in ours.iter().zip(openers).enumerate() {
            let outcome = self.outcome(&parsed, opener.as_ref());
            explained.fits.push(Fit { ours: number, is_named: is_ours(key), outcome });
        }
        explained
    }

    fn outcome(&self, key: &EncryptedKey, opener: Option<&DecryptionKey>) -> Outcome {
        let wants_rsa = matches!(key.method, KeyMethod::Transport(_));
        let fitting = opener.filter(|opener| if wants_rsa { opener.is_rsa() } else { opener.agreement().is_some() });
        let Some(opener) = fitting else { return Outcome::OtherKind };
        match enc::decrypt_key(self.received, key, opener, None, &enc::nobody, self.policy) {
            Ok(_) => Outcome::Opens,
            Err(error) => {
                Outcome::Fails { why: chain(&error), with: parameters(self.received, key, opener, self.policy) }
            }
        }
    }

    fn encrypted_data(&self, closed: &[Closed]) -> Vec<ExplainedData> {
        let document = self.received;
        let explained = |node: NodeId| {
            let at = document.position(node);
            let parsed = EncryptedData::parse(document, node, self.policy);
            let why = closed.iter().find(|(closed, _)| *closed == at).map(|(_, why)| why.clone());
            ExplainedData {
                id: document.attribute(node, "", "Id").map(clip),
                at,
                cipher: parsed
                    .map(|data| algorithm::row_of(algorithm::CIPHERS, data.method.cipher).map_or("", |row| row.name))
                    .map_err(|error| chain(&error)),
                opened: why.map_or(Ok(()), Err),
            }
        };
        all(document, "EncryptedData").map(explained).collect()
    }
}

impl CertificateFacts {
    /// Of `certificate`.
    #[must_use]
    pub fn of(certificate: &Certificate) -> Self {
        Self {
            subject: certificate.subject().to_owned(),
            serial: certificate.serial_decimal().to_owned(),
            key_identifier: certificate.subject_key_identifier().map(hexadecimal),
            not_after: certificate.not_after(),
        }
    }
}

fn our_key(key: &Key, certificates: &[Certificate]) -> OurKey {
    let public = key.public().ok().flatten();
    let own = |one: &&Certificate| public.as_ref().is_some_and(|public| one.public_key().public_eq(public));
    OurKey {
        name: key.name.clone(),
        kind: key.private().map_or("secret", |private| crate::xmlsec::key::kind(private)),
        certificate: certificates.iter().find(own).map(CertificateFacts::of),
    }
}

fn suspect(certificate: &Certificate) -> Suspect {
    Suspect {
        name: format!("{} (serial {})", certificate.subject(), certificate.serial_decimal()),
        key: VerifyingKey::from_public(certificate.public_key().clone()),
    }
}

fn bare_key(document: &Document, key_info: NodeId, policy: &Policy) -> Option<VerifyingKey> {
    document.elements(key_info).find_map(|child| {
        let item = KeyInfoItem::parse(document, child, policy).ok()?;
        Some(VerifyingKey::from_public(item.public_key(document).ok()??))
    })
}

/// Certificates that the message itself brings.
fn in_message(document: &Document) -> Vec<Certificate> {
    let nodes = document.descendants(document.root()).filter(|node| {
        document.is(*node, ns::WSSE, "BinarySecurityToken") || document.is(*node, ns::DS, "X509Certificate")
    });
    nodes
        .take(ENCRYPTED_MAX)
        .filter_map(|node| Certificate::from_der(&read::base64(document, node).ok()?).ok())
        .collect()
}

fn method_name(key: &EncryptedKey) -> String {
    let text = match &key.method {
        KeyMethod::Transport(transport) if transport.algorithm == KeyTransport::Rsa15 => "RSA 1.5".to_owned(),
        KeyMethod::Transport(transport) => {
            let name = algorithm::row_of(algorithm::KEY_TRANSPORTS, transport.algorithm).map_or("", |row| row.name);
            let label = if transport.label.is_empty() { "" } else { ", with OAEPparams" };
            format!("{name}, digest {}, MGF1 with {}{label}", transport.digest.name(), transport.mgf1.name())
        }
        KeyMethod::Wrap(wrap) => algorithm::row_of(algorithm::KEY_WRAPS, *wrap).map_or("", |row| row.name).to_owned(),
        KeyMethod::Cipher(method) => {
            algorithm::row_of(algorithm::CIPHERS, method.cipher).map_or("", |row| row.name).to_owned()
        }
    };
    let Some(agreement) = &key.agreement else { return text };
    let how = algorithm::row_of(algorithm::KEY_AGREEMENTS, agreement.algorithm).map_or("", |row| row.name);
    let derivation = match &agreement.derivation {
        enc::Derivation::Concat { digest, .. } => format!("ConcatKDF with {}", digest.name()),
        enc::Derivation::Hkdf { digest, .. } => format!("HKDF with {}", digest.name()),
        enc::Derivation::Pbkdf2 { digest, .. } => format!("PBKDF2 with {}", digest.name()),
        enc::Derivation::LegacyDh { digest, .. } => {
            format!("the derivation of XML Encryption 1.0 with {}", digest.name())
        }
    };
    format!("{text} under {how}, {derivation}")
}

/// What a KeyInfo says, in words.
fn described(document: &Document, key_info: NodeId) -> String {
    let mut parts = Vec::new();
    for node in document.descendants(key_info).filter(|node| document.kind(*node) == Kind::Element) {
        let text = || clip(document.text_content(node).trim());
        let octets = || read::decode_base64(document.text_content(node).as_bytes()).unwrap_or_default();
        let part = match document.local(node) {
            "X509IssuerName" => format!("issuer {}", text()),
            "X509SerialNumber" => format!("serial {}", text()),
            "X509SubjectName" => format!("subject {}", text()),
            "X509SKI" => format!("subject key identifier {}", hexadecimal(&octets())),
            "X509Digest" => format!("certificate digest {}", hexadecimal(&octets())),
            "X509Certificate" | "BinarySecurityToken" => match Certificate::from_der(&octets()) {
                Ok(one) => format!("certificate {} (serial {})", one.subject(), one.serial_decimal()),
                Err(_) => "a token that is no certificate".to_owned(),
            },
            "KeyIdentifier" => {
                let value_type = document.attribute(node, "", "ValueType").unwrap_or_default();
                let (_, form) = value_type.rsplit_once('#').unwrap_or(("", value_type));
                if form == "X509v3" {
                    Certificate::from_der(&octets()).map_or_else(
                        |_| text(),
                        |one| format!("certificate {} (serial {})", one.subject(), one.serial_decimal()),
                    )
                } else {
                    format!("{} {}", clip(form), hexadecimal(&octets()))
                }
            }
            "Reference" => format!("token {}", clip(document.attribute(node, "", "URI").unwrap_or_default())),
            "RetrievalMethod" | "KeyInfoReference" => {
                format!("reference {}", clip(document.attribute(node, "", "URI").unwrap_or_default()))
            }
            "KeyName" => format!("key name {}", text()),
            "KeyValue" | "DEREncodedKeyValue" => "a bare key".to_owned(),
            _ => continue,
        };
        parts.push(part);
        if parts.len() == NAMES_MAX {
            break;
        }
    }
    if parts.is_empty() { "nobody".to_owned() } else { parts.join(", ") }
}

fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().take(64).map(|octet| format!("{octet:02x}")).collect()
}

#[cfg(test)]
mod tests;
