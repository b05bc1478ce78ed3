//! A sender beside the gateway: seals messages with a gateway's own keys and sends them as they are told, broken ones too.
//!
//! The demonstration, the tests and `partner check` use it to show what the other side does with a repeated, a changed or
//! an invalid message. It goes through the same sealer and the same verifier as the gateway; it keeps no record.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::base::Clock;
use crate::base::id::{MessageId, PartnerId};
use crate::contract::{Operation, Slots};
use crate::exchange::partner::CertificateUse;
use crate::exchange::{Answer, Partner, Partners, Transport as _};
use crate::gateway::config::Config;
use crate::gateway::identity::OwnIdentity;
use crate::gateway::transport::Outgoing;
use crate::pki::{Certificate, PrivateKey};
use crate::soap::wss::{
    Content, Context, Encryption, Identity, KeyReference, Order, Outgoing as Envelope, Policy, Recipient, Sealed,
    Sealer, Settings, SignedParts, Signer, Signers, Suite, Verifier,
};
use crate::soap::{self, Addressing, Version};
use crate::xml::name::ns;

/// Why something was not sent or not understood.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Error(pub String);

fn failed(what: &str) -> impl Fn(&dyn std::error::Error) -> Error + '_ {
    move |e| Error(format!("{what}: {}", crate::gateway::chain(e)))
}

/// The sender.
pub struct Lab {
    own: OwnIdentity,
    sign: Arc<Identity>,
    partner: Arc<Partner>,
    partners: Partners,
    outgoing: Outgoing,
    clock: Arc<dyn Clock>,
    environment: crate::base::id::Environment,
    basic: String,
}

/// How the document travels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DocumentGoes {
    /// Encrypted for the partner.
    Encrypted,
    /// In clear.
    InClear,
}

/// A message to seal: what a gateway would send, and what it never would.
#[derive(Clone)]
pub struct Draft<'a> {
    /// Where it goes.
    pub operation: Operation,
    /// Its id.
    pub message_id: &'a MessageId,
    /// The business document.
    pub document: &'a str,
    /// `wsa:To`, if not the partner's address.
    pub to: Option<&'a str>,
    /// `wsa:Action`, if not the operation's.
    pub action: Option<&'a str>,
    /// Name of the wrapper in Body, if not the operation's.
    pub wrapper: Option<&'a str>,
    /// Which SOAP.
    pub version: Version,
    /// What is signed.
    pub signed_parts: SignedParts,
    /// Whether the document is encrypted.
    pub document_goes: DocumentGoes,
    /// Which comes first.
    pub order: Order,
    /// Pointer to the EncryptedKey.
    pub key_reference: KeyReference,
    /// Algorithms.
    pub suite: Suite,
    /// Who signs, if not we.
    pub signer: Option<Arc<Identity>>,
}

impl<'a> Draft<'a> {
    /// What a gateway would send.
    #[must_use]
    pub fn new(operation: Operation, message_id: &'a MessageId, document: &'a str) -> Self {
        Self {
            operation,
            message_id,
            document,
            to: None,
            action: None,
            wrapper: None,
            version: Version::Soap12,
            signed_parts: SignedParts::Full,
            document_goes: DocumentGoes::Encrypted,
            order: Order::SignEncrypt,
            key_reference: KeyReference::RetrievalMethod,
            suite: Suite::default(),
            signer: None,
        }
    }
}

/// A message ready to go.
pub struct Message {
    /// Its id.
    pub message_id: MessageId,
    /// Which SOAP.
    pub version: Version,
    /// The envelope.
    pub octets: Vec<u8>,
    /// What the answer must confirm.
    pub signature_value: String,
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The envelope.
    pub octets: Vec<u8>,
    /// What its signature covers, when it holds; why not otherwise.
    pub signed: Result<Vec<String>, String>,
    /// The element in Body, canonical: the Acknowledgement in its wrapper, or the Fault.
    pub payload: String,
}

impl Reply {
    /// The `Acknowledgement` element byte for byte, if there is one.
    #[must_use]
    pub fn acknowledgement(&self) -> Option<&str> {
        element(&self.payload, "Acknowledgement")
    }
}

/// The octets of the first element with this local name in a canonical text, whatever its prefix.
#[must_use]
pub fn element<'a>(text: &'a str, local: &str) -> Option<&'a str> {
    let mut from = 0;
    while let Some(found) = text.get(from..)?.find(local) {
        let at = from + found;
        let start = text.get(..at)?.rfind('<')?;
        let name_start = text.get(start + 1..at)?;
        let prefix_only = name_start.is_empty() || (name_start.ends_with(':') && !name_start.contains([' ', '/', '>']));
        let after = text.as_bytes().get(at + local.len());
        if prefix_only && matches!(after, Some(b' ' | b'>' | b'/')) {
            let close = format!("</{name_start}{local}>");
            let end = text.get(at..)?.find(&close)? + at + close.len();
            return text.get(start..end);
        }
        from = at + local.len();
    }
    None
}

impl Lab {
    /// A sender with the keys of the gateway `config`, towards `partner`.
    ///
    /// # Errors
    /// When keys or partner file cannot be read.
    pub fn open(config: &Config, partner: &PartnerId, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let own = OwnIdentity::load(config).map_err(|e| failed("identity")(&e))?;
        let environment = config.gateway.environment();
        let set = crate::exchange::PartnerSet::load(&config.partners_dir(), environment, &own.anchors)
            .map_err(|e| failed("partners")(&e))?;
        let found = set.by_id(partner).cloned().ok_or_else(|| Error(format!("there is no partner {partner}")))?;
        let partners = Partners::new(set);
        let outgoing = Outgoing::new(environment, own.tls.clone(), partners.clone(), Arc::clone(&clock));
        let key =
            PrivateKey::load(&config.path(&config.identity.sign.key), None).map_err(|e| failed("signing key")(&e))?;
        let certificate = Certificate::load(&config.path(&config.identity.sign.certificate))
            .map_err(|e| failed("signing certificate")(&e))?
            .into_iter()
            .next()
            .ok_or_else(|| Error("signing certificate: none in the file".to_owned()))?;
        let sign = Identity::new(certificate.der(), key.key.to_pkey()).map_err(|e| failed("signing key")(&e))?;
        let basic = crate::net::Basic::new(config.identity.basic_user.as_str(), own.basic_password.as_bytes())
            .map_err(|e| failed("basic user")(&e))?
            .to_header();
        let basic = basic.to_str().map_err(|e| failed("basic user")(&e))?.to_owned();
        Ok(Self { own, sign: Arc::new(sign), partner: found, partners, outgoing, clock, environment, basic })
    }

    /// The world it lives in.
    #[must_use]
    pub fn environment(&self) -> crate::base::id::Environment {
        self.environment
    }

    /// Our own certificates by use.
    #[must_use]
    pub fn certificates(&self) -> &[(&'static str, Certificate)] {
        &self.own.certificates
    }

    /// A fresh MessageID.
    ///
    /// # Errors
    /// Without random octets from the system.
    pub fn fresh_id(&self) -> Result<MessageId, Error> {
        let mut octets = [0; 16];
        openssl::rand::rand_bytes(&mut octets).map_err(|e| failed("random octets")(&e))?;
        Ok(MessageId::from_random(octets))
    }

    /// Seals a draft: fresh Timestamp and seal.
    ///
    /// # Errors
    /// When it cannot be sealed.
    pub fn seal(&self, draft: &Draft<'_>) -> Result<Message, Error> {
        let now = self.clock.now();
        let operation = draft.operation;
        let ours = self.partner.address_of(operation).ok_or_else(|| Error("the partner has no endpoint".to_owned()))?;
        let recipient = match draft.document_goes {
            DocumentGoes::Encrypted => Some(self.recipient(now)?),
            DocumentGoes::InClear => None,
        };
        let settings = Settings {
            suite: draft.suite.clone(),
            key_reference: draft.key_reference,
            order: draft.order,
            signed_parts: draft.signed_parts,
        };
        let signer = draft.signer.as_ref().unwrap_or(&self.sign);
        let sealer = Sealer::new(settings, Arc::clone(signer), recipient).map_err(|e| failed("seal")(&e))?;
        let (content, encrypt) = wrap(draft.wrapper.unwrap_or(operation.name()), draft.document)?;
        let addressing = Addressing {
            message_id: Some(draft.message_id.to_string()),
            action: Some(draft.action.unwrap_or(operation.action()).to_owned()),
            to: Some(draft.to.map_or(ours, str::to_owned)),
            ..Addressing::default()
        };
        let sealed: Sealed = sealer
            .seal(&Envelope {
                version: draft.version,
                addressing: &addressing,
                content: Content { octets: &content, encrypt: Some(encrypt) },
                confirms: None,
                now,
            })
            .map_err(|e| failed("seal")(&e))?;
        Ok(Message {
            message_id: draft.message_id.clone(),
            version: draft.version,
            octets: sealed.octets,
            signature_value: sealed.signature_value,
        })
    }

    fn recipient(&self, now: Timestamp) -> Result<Arc<Recipient>, Error> {
        let certificate = self
            .partner
            .encryption_certificate(now)
            .ok_or_else(|| Error("the partner has no encryption certificate".to_owned()))?;
        Ok(Arc::new(Recipient::from_der(certificate.der()).map_err(|e| failed("encryption certificate")(&e))?))
    }

    /// Sends `octets` as they are, with the header fields that fit `message`, and verifies what comes back.
    ///
    /// # Errors
    /// When no HTTP answer came.
    pub async fn send(&self, operation: Operation, message: &Message, octets: Vec<u8>) -> Result<Reply, Error> {
        let mut headers = vec![
            ("content-type".to_owned(), soap::mime::ContentType::written(message.version, operation.action())),
            ("authorization".to_owned(), self.basic.clone()),
        ];
        if message.version == Version::Soap11 {
            headers.push(("soapaction".to_owned(), format!("\"{}\"", operation.action())));
        }
        let answer = self.post(operation.path(), headers, octets).await?;
        let (signed, payload) = self.verify(operation, message, &answer.body, self.clock.now());
        Ok(Reply { status: answer.status, octets: answer.body, signed, payload })
    }

    /// Sends `octets` to a path of the partner with these header fields, whatever they are.
    ///
    /// # Errors
    /// When no HTTP answer came.
    pub async fn post(&self, path: &str, headers: Vec<(String, String)>, octets: Vec<u8>) -> Result<Answer, Error> {
        let base =
            self.partner.file().endpoint.as_deref().ok_or_else(|| Error("the partner has no endpoint".to_owned()))?;
        let call = crate::exchange::Call {
            partner: &self.partner,
            url: format!("{}{path}", base.trim_end_matches('/')),
            headers,
            body: octets,
            deadline: Duration::from_secs(60),
            answer_bytes_max: 8 * 1024 * 1024,
        };
        self.outgoing.post(call).await.map_err(|e| failed("send")(&e))
    }

    /// The `Authorization` that the partner expects of us.
    #[must_use]
    pub fn authorization(&self) -> &str {
        &self.basic
    }

    /// What the signature of an answer covers that relates to no message of ours, when it holds; why not otherwise.
    ///
    /// # Errors
    /// Why it does not hold.
    pub fn verify_unrelated(&self, octets: &[u8]) -> Result<Vec<String>, String> {
        let nobody = Message {
            message_id: MessageId::from_random([0; 16]),
            version: Version::Soap12,
            octets: Vec::new(),
            signature_value: String::new(),
        };
        self.verify(Operation::SendCo, &nobody, octets, self.clock.now()).0
    }

    /// Verifies an answer as the gateway does; gives what is signed and the payload in canonical form.
    fn verify(
        &self,
        operation: Operation,
        message: &Message,
        octets: &[u8],
        now: Timestamp,
    ) -> (Result<Vec<String>, String>, String) {
        let envelope = match soap::Envelope::parse(octets.to_vec(), None) {
            Ok(envelope) => envelope,
            Err(e) => return (Err(format!("no envelope: {e}")), String::new()),
        };
        let payload = envelope.payload().ok().and_then(|node| canonical(envelope.document(), node)).unwrap_or_default();
        let signers: Vec<Arc<Signer>> = self
            .partner
            .certificates_for(CertificateUse::Sign, now)
            .iter()
            .filter_map(|certificate| Signer::from_der(certificate.der()).ok().map(Arc::new))
            .collect();
        let confirms = [message.signature_value.clone()];
        // A fault about a message whose own signature did not hold confirms nothing.
        let actions = [operation.response_action(), crate::contract::FAULT_ACTION];
        let ours = soap::addressing::Expect::Answer { relates_to: message.message_id.as_str(), actions: &actions };
        // One about a message that could not be read relates to nothing.
        let unread = soap::addressing::Expect::Nothing;
        let full = || Policy::serve().encryption(Encryption::Optional);
        let attempt = |policy: Policy, expect: soap::addressing::Expect<'_>, confirms: &[String]| {
            let envelope = soap::Envelope::parse(octets.to_vec(), None).map_err(|e| e.to_string())?;
            let verifier = Verifier::new(policy);
            let context = Context { now, signers: &Signers::new(signers.clone()), keys: &[], expect, confirms };
            verifier
                .open(envelope, &context)
                .map(|a| a.evidence().signed.clone())
                .map_err(|refusal| refusal.reason.to_string())
        };
        (
            attempt(full(), ours.clone(), &confirms)
                .or_else(|_| attempt(full(), ours, &[]))
                .or_else(|_| attempt(Policy::lenient(), unread, &[])),
            payload,
        )
    }

    /// The partner it sends to.
    #[must_use]
    pub fn partner(&self) -> &Partner {
        &self.partner
    }

    /// The partners it knows.
    #[must_use]
    pub fn partners(&self) -> &Partners {
        &self.partners
    }
}

/// A wrapper around a document, and where in it the document stands.
fn wrap(name: &str, document: &str) -> Result<(Vec<u8>, std::ops::Range<usize>), Error> {
    let tree = crate::xml::parse(document.as_bytes().to_vec(), &crate::xml::Options::default())
        .map_err(|e| failed("document")(&e))?;
    let canonical =
        canonical(&tree, tree.document_element()).ok_or_else(|| Error("document: no canonical form".to_owned()))?;
    let open = format!("<svc:{name} xmlns:svc=\"{}\">", ns::SVC);
    let range = open.len()..open.len() + canonical.len();
    Ok((format!("{open}{canonical}</svc:{name}>").into_bytes(), range))
}

/// Exclusive canonical form of an element.
#[must_use]
pub fn canonical(document: &crate::xml::Document, node: crate::xml::NodeId) -> Option<String> {
    let mut out = Vec::new();
    crate::xml::c14n::exclusive_without(document, node, None, &mut out).ok()?;
    String::from_utf8(out).ok()
}

/// The namespaces in force with a partner that names none of its own.
#[must_use]
pub fn slots() -> Slots {
    Slots::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_is_cut_out_byte_for_byte() {
        let text = "<a:R><a:Acknowledgement x=\"1\"><b>2</b></a:Acknowledgement></a:R>";
        assert_eq!(element(text, "Acknowledgement"), Some("<a:Acknowledgement x=\"1\"><b>2</b></a:Acknowledgement>"));
        assert_eq!(element("<R><NoAcknowledgement/></R>", "Acknowledgement"), None);
    }
}
