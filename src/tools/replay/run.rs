//! One message over the wire, and what came back: the answer verified as a gateway verifies the answer to its own
//! delivery, then read.

use std::time::Duration;

use jiff::Timestamp;

use super::case::Step;
use super::compose::Composed;
use super::party::{Party, Whose};
use crate::base::sha256;
use crate::contract::{self, Acknowledgement, FAULT_ACTION, FaultDetail, Operation};
use crate::gateway::chain;
use crate::net::{ClientError, Post, Stage};
use crate::soap::Envelope;
use crate::soap::addressing::Expect;
use crate::soap::fault::Received;
use crate::soap::wss::{Context, Encryption, Order, Policy, Verifier};
use crate::tools::lab::canonical;
use crate::xml::{self, Document, NodeId, c14n, ns};
use crate::xmlsec::Policy as Algorithms;
use crate::xmlsec::dsig::{IdAttributes, IdIndex, Signature, Target};

/// How well the answer is signed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Signed {
    /// As agreed: it relates to the request and confirms its signature.
    Full(Vec<String>),
    /// It relates to the request and confirms nothing: right for a refusal before the request's signature held.
    Unconfirmed(Vec<String>),
    /// It relates to nothing: right for the refusal of what could not be read.
    Unrelated(Vec<String>),
    /// It is not, or its signature does not hold: why.
    Not(String),
}

/// What the answer says.
#[derive(Clone, Debug)]
pub enum Said {
    /// An Acknowledgement, and its element in canonical form.
    Acknowledged(Box<Acknowledgement>, String),
    /// A fault.
    Fault {
        /// The reason in it.
        reason: String,
        /// Its detail.
        detail: Option<Box<FaultDetail>>,
    },
    /// No body.
    Nothing,
    /// Something else.
    Other(String),
}

/// Why there is no answer.
#[derive(Clone, Debug)]
pub struct NoAnswer {
    /// How far the attempt came, and why it ended.
    pub what: String,
    /// Whether the other side cannot be reached at all: name, connection, deadline.
    pub unreachable: bool,
    /// Whether the other side refused our certificate, or closed in the handshake.
    pub denied: bool,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Came {
    /// HTTP status.
    pub status: u16,
    /// Header fields.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub octets: Vec<u8>,
    /// Its signature.
    pub signed: Signed,
    /// What it says.
    pub said: Said,
}

/// Octets of an answer that are read.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Sends `message` and reads the answer.
///
/// # Errors
/// [`NoAnswer`].
pub async fn send(
    step: &Step,
    message: &Composed,
    party: &Party,
    deadline: Duration,
    now: impl Fn() -> Timestamp,
) -> Result<Came, NoAnswer> {
    let post = Post {
        path: &message.path,
        headers: message.headers.clone(),
        basic: None,
        body: message.octets.clone().into(),
        deadline,
        answer_max: ANSWER_BYTES_MAX,
    };
    let answer = party
        .client(message.client)
        .send_as(message.method.clone(), post)
        .await
        .map_err(|error| no_answer(&error, message.client))?;
    let headers = answer
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let operation = step.operation.0;
    let (signed, clear) = verify(operation, message, &answer.body, party, now());
    let said = said(operation, clear.as_deref().unwrap_or(&answer.body), party);
    Ok(Came { status: answer.status.as_u16(), headers, octets: answer.body, signed, said })
}

fn no_answer(error: &ClientError, client: Whose) -> NoAnswer {
    let unreachable = matches!(
        error,
        ClientError::Resolve { .. }
            | ClientError::Connect { .. }
            | ClientError::Timeout { stage: Stage::Resolve | Stage::Connect | Stage::Handshake, .. }
    );
    // A server that wants a certificate ends the handshake, or the connection right after it.
    let denied = match error {
        ClientError::Tls { .. } => true,
        ClientError::Http { .. } => client != Whose::Agreed,
        _ => false,
    };
    NoAnswer { what: chain(error), unreachable, denied }
}

/// The strictest way in which the answer verifies, and its clear octets.
fn verify(
    operation: Operation,
    message: &Composed,
    octets: &[u8],
    party: &Party,
    now: Timestamp,
) -> (Signed, Option<Vec<u8>>) {
    if octets.is_empty() {
        return (Signed::Not("there is no body".to_owned()), None);
    }
    let actions = [operation.response_action(), FAULT_ACTION];
    let confirms: Vec<String> = message.signature_value.iter().cloned().collect();
    let relates_to = message.message_id.as_deref().unwrap_or_default();
    let full = || Policy::serve().encryption(Encryption::Optional).order(Order::Any);
    let attempt = |policy: Policy, expect: Expect<'_>, confirms: &[String]| {
        let envelope = Envelope::parse(octets.to_vec(), None).map_err(|error| format!("no envelope: {error}"))?;
        let context = Context { now, signers: party.signers(), keys: &party.decrypt, expect, confirms };
        let opened = Verifier::new(policy).open(envelope, &context);
        opened
            .map(|authentic| (authentic.evidence().signed.clone(), authentic.clear_octets()))
            .map_err(|refusal| format!("{}: {}", refusal.stage.as_str(), refusal.reason))
    };
    let ours = || Expect::Answer { relates_to, actions: &actions };
    let strict = match relates_to {
        "" => Err("the request has no MessageID".to_owned()),
        _ => attempt(full(), ours(), &confirms),
    };
    match strict {
        Ok((signed, clear)) => (Signed::Full(signed), Some(clear)),
        Err(reason) => match attempt(full(), ours(), &[]) {
            Ok((signed, clear)) if !relates_to.is_empty() => (Signed::Unconfirmed(signed), Some(clear)),
            _ => match attempt(Policy::lenient(), Expect::Nothing, &[]) {
                Ok((signed, clear)) => (Signed::Unrelated(signed), Some(clear)),
                Err(_) => (Signed::Not(reason), None),
            },
        },
    }
}

fn said(operation: Operation, octets: &[u8], party: &Party) -> Said {
    if octets.is_empty() {
        return Said::Nothing;
    }
    let envelope = match Envelope::parse(octets.to_vec(), None) {
        Ok(envelope) => envelope,
        Err(error) => return Said::Other(format!("no SOAP envelope: {error}")),
    };
    let document = envelope.document();
    let payload = match envelope.payload() {
        Ok(payload) => payload,
        Err(error) => return Said::Other(format!("no SOAP envelope: {error}")),
    };
    if let Some(fault) = Received::read(document, payload) {
        let detail = fault.detail.iter().find(|node| document.is(**node, ns::SVC, "FaultDetail"));
        let detail = detail.and_then(|node| FaultDetail::decode(document, *node, &party.slots).ok());
        return Said::Fault { reason: fault.reason, detail: detail.map(Box::new) };
    }
    match contract::acknowledgement_in(operation, document, payload, &party.slots) {
        Err(error) => Said::Other(error.to_string()),
        Ok(node) => match Acknowledgement::decode(document, node, &party.slots) {
            Ok(acknowledgement) => {
                Said::Acknowledged(Box::new(acknowledgement), canonical(document, node).unwrap_or_default())
            }
            Err(violations) => Said::Other(format!("an Acknowledgement that breaks its schema: {violations}")),
        },
    }
}

/// SHA-256 over the canonical form of the business document in an envelope (design 2.3): what an Acknowledgement names.
#[must_use]
pub fn document_digest(clear: &str) -> Option<[u8; 32]> {
    let document = xml::parse(clear.as_bytes().to_vec(), &xml::Options::default()).ok()?;
    let body = document.elements(document.document_element()).find(|node| document.local(*node) == "Body")?;
    let business = document.elements(document.elements(body).next()?).next()?;
    let mut octets = Vec::new();
    c14n::exclusive_without(&document, business, Some((ns::WSU, "Id")), &mut octets).ok()?;
    Some(sha256(&octets))
}

/// The octets behind each signature of a message: SignedInfo, and every element that a Reference names, in the exclusive
/// canonical form; file names and octets. Empty for what is no XML or holds no signature.
#[must_use]
pub fn canonical_parts(octets: &[u8]) -> Vec<(String, Vec<u8>)> {
    let Ok(document) = xml::parse(octets.to_vec(), &xml::Options::default()) else { return Vec::new() };
    let policy = Algorithms::legacy();
    let ids = IdIndex::build(&document, &IdAttributes::usual());
    let found = document.descendants(document.root()).filter(|node| is_signature(&document, *node));
    let mut parts = Vec::new();
    for (number, node) in found.take(SIGNATURES_MAX).enumerate() {
        let Ok(signature) = Signature::parse(&document, node, &policy) else { continue };
        let mut signed_info = Vec::new();
        if signature.signed_octets(&document, &policy, &mut signed_info).is_ok() {
            parts.push((format!("signature-{}.SignedInfo.c14n", number + 1), signed_info));
        }
        for reference in signature.references() {
            let Target::Id { id, .. } = reference.target() else { continue };
            let Ok(target) = ids.get(&document, id) else { continue };
            let safe: String = id.chars().filter(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).take(40).collect();
            if let Some(text) = canonical(&document, target) {
                parts.push((format!("signature-{}.{}-{safe}.c14n", number + 1, reference.index()), text.into_bytes()));
            }
        }
    }
    parts
}

/// Signatures whose octets are kept.
const SIGNATURES_MAX: usize = 4;

fn is_signature(document: &Document, node: NodeId) -> bool {
    document.kind(node) == xml::Kind::Element && document.is(node, ns::DS, "Signature")
}
