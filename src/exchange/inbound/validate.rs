//! From the verified tree to the typed document: operation, digest, decoder, countries. All violations at once.

use std::sync::Arc;

use super::Stage;
use super::admit::Admitted;
use super::authenticate::Authentic;
use super::refuse::Refusal;
use crate::base::id::MessageId;
use crate::contract::{self, Operation};
use crate::exchange::Exchange;
use crate::exchange::codes;
use crate::exchange::facts::{Facts, about, error_view, identity, notices, profile_name};
use crate::exchange::fault::{Code, Fault};
use crate::exchange::partner::secret::to_hex;
use crate::exchange::profile::{self, Circumstances, Direction, Judgement, Subject};
use crate::exchange::view::{CoIdentity, ErrorView, NoticeView};
use crate::soap::wss;
use crate::xml::{Document, NodeId, c14n, ns};

/// A valid business document of the partner.
pub(super) struct Valid {
    admitted: Arc<Admitted>,
    octets: Arc<Vec<u8>>,
    message: wss::Authentic,
    message_id: MessageId,
    relates_to: Option<String>,
    digest: [u8; 32],
    facts: contract::Facts,
    co: CoIdentity,
    slots: contract::Slots,
    notices: Vec<NoticeView>,
    warnings: Vec<ErrorView>,
}

impl Valid {
    pub fn admitted(&self) -> &Arc<Admitted> {
        &self.admitted
    }

    /// Namespaces of the version that it follows; its answer follows the same.
    pub fn slots(&self) -> &contract::Slots {
        &self.slots
    }

    /// As they came from the wire.
    pub fn octets(&self) -> Arc<Vec<u8>> {
        Arc::clone(&self.octets)
    }

    /// The verified envelope.
    pub fn message(&self) -> &wss::Authentic {
        &self.message
    }

    pub fn message_id(&self) -> &MessageId {
        &self.message_id
    }

    /// MessageID as the sender spelled it; none when it sent none.
    pub fn relates_to(&self) -> Option<&str> {
        self.relates_to.as_deref()
    }

    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    pub fn facts(&self) -> &contract::Facts {
        &self.facts
    }

    pub fn co(&self) -> &CoIdentity {
        &self.co
    }

    /// A refusal of this message, confirming its signature.
    pub fn refuse(&self, fault: Fault) -> Box<Refusal> {
        Refusal::of(fault)
            .relates_to(self.relates_to.clone())
            .confirms(Some(self.message.evidence().signature_values.clone()))
            .facts(self.journal_facts())
    }

    /// What the journal keeps beside the octets.
    pub fn journal_facts(&self) -> Facts {
        Facts {
            operation: Some(self.admitted.operation().path().trim_start_matches('/').to_owned()),
            message_id: Some(self.message_id.to_string()),
            digest: Some(to_hex(&self.digest)),
            co: Some(self.co.clone()),
            about: about(&self.facts.subject),
            items: self.facts.items,
            warnings: self.warnings.clone(),
            octets: self.octets.len(),
            signed_ciphertext: self.message.evidence().signed_ciphertext,
            profile: Some(profile_name(self.admitted.partner().profile())),
            notices: self.notices.clone(),
            ..Facts::default()
        }
    }
}

/// SHA-256 over exclusive C14N without comments of the business document element, `wsu:Id` left out (design 2.3).
pub(in crate::exchange) fn document_digest(document: &Document, node: NodeId) -> Result<[u8; 32], c14n::Error> {
    let mut octets = Vec::with_capacity(16 * 1024);
    c14n::exclusive_without(document, node, Some((ns::WSU, "Id")), &mut octets)?;
    Ok(crate::base::sha256(&octets))
}

/// Decodes the business document and checks whose it is.
pub(super) fn validate(exchange: &Exchange, authentic: Authentic) -> Result<Valid, Box<Refusal>> {
    let (admitted, octets) = (Arc::clone(authentic.admitted()), Arc::clone(authentic.octets()));
    let message_id = authentic.message_id().cloned();
    let relates_to = authentic.relates_to().map(str::to_owned);
    let message = authentic.into_message();
    let confirms = message.evidence().signature_values.clone();
    let mut known = Facts {
        operation: Some(admitted.operation().path().trim_start_matches('/').to_owned()),
        message_id: message_id.as_ref().map(ToString::to_string),
        octets: octets.len(),
        ..Facts::default()
    };
    let refuse = |fault, facts: &Facts| {
        Refusal::of(fault).relates_to(relates_to.clone()).confirms(Some(confirms.clone())).facts(facts.clone())
    };
    let document = message.document();
    let partner = Arc::clone(&admitted.who().partner);
    let invalid = |what: &str, violations: contract::Violations, known: &Facts| {
        let mut fault = Fault::told(Code::Invalid, format!("{} {what}", violations.total));
        fault.errors = violations.list;
        refuse(fault, known)
    };
    let version = partner
        .accepted_versions()
        .of(document, message.payload())
        .map_err(|violations| invalid("version that is not agreed", violations, &known))?;
    let slots = &version.slots;
    let (operation, node) = contract::business_document(document, message.payload(), slots)
        .map_err(|error| refuse(body_fault(&error), &known))?;
    if operation != admitted.operation() {
        let expected = admitted.operation().name();
        let fault =
            Fault::told(Code::ActionMismatch, format!("expected {expected} in Body, came {}", operation.name()));
        return Err(refuse(fault, &known));
    }
    let digest = document_digest(document, node)
        .map_err(|error| refuse(Fault::told_unquoted(Code::LimitExceeded, error.to_string()), &known))?;
    known.digest = Some(to_hex(&digest));
    exchange.ended(Stage::Digests);
    let decoded = contract::decode(operation, document, node, slots).map_err(|violations| {
        let mut fault = Fault::told(Code::Invalid, format!("{} errors", violations.total));
        fault.errors = violations.list;
        refuse(fault, &known)
    })?;
    exchange.ended(Stage::Decode);
    let facts = decoded.facts();
    let co = identity(&facts);
    known.co = Some(co.clone());
    known.about = about(&facts.subject);
    let warnings = codes::check(admitted.partner(), &decoded, &facts.issued, document, node).map_err(|violations| {
        let mut fault = Fault::told(Code::Invalid, format!("{} codes that are not listed", violations.total));
        fault.errors = violations.list;
        refuse(fault, &known)
    })?;
    let warnings = warnings.list.iter().map(error_view).collect();
    check_countries(exchange, &admitted, &facts).map_err(|fault| refuse(fault, &known))?;
    exchange.ended(Stage::Codes);
    let judgement = judge(&admitted, document, node, slots);
    let notices = notices(&judgement);
    if judgement.rejections > 0 {
        known.profile = Some(profile_name(admitted.partner().profile()));
        known.notices = notices;
        let mut fault = Fault::told(Code::Profile, format!("{} errors", judgement.rejections));
        fault.errors = judgement.rejected();
        return Err(refuse(fault, &known));
    }
    let slots = slots.clone();
    let message_id = message_id.unwrap_or_else(|| derived_id(&admitted, operation, &digest));
    Ok(Valid { admitted, octets, message, message_id, relates_to, digest, facts, co, slots, warnings, notices })
}

/// What the agreement profile of the partner says.
fn judge(admitted: &Admitted, document: &Document, node: NodeId, slots: &contract::Slots) -> Judgement {
    let partner = admitted.partner();
    let subject = Subject { document, node, slots };
    let circumstances =
        Circumstances { now: admitted.who().arrived, direction: Direction::In, calendars: partner.calendars() };
    profile::evaluate(partner.profile(), &subject, &circumstances)
}

fn body_fault(error: &contract::BodyError) -> Fault {
    let code = match error {
        contract::BodyError::UnknownWrapper => Code::ActionMismatch,
        contract::BodyError::WrapperContent { .. } => Code::Invalid,
    };
    Fault::told_unquoted(code, error.to_string())
}

fn check_countries(exchange: &Exchange, admitted: &Admitted, facts: &contract::Facts) -> Result<(), Fault> {
    let mismatch = |what: &str| Err(Fault::told(Code::CountryMismatch, what.to_owned()));
    if !admitted.partner().speaks_for(&facts.sender) {
        return mismatch("the partner does not speak for the sending country");
    }
    match &facts.receiving_territory {
        Some(country) if *country != exchange.own.country => mismatch("the receiving country is not ours"),
        _ => Ok(()),
    }
}

/// Clients of `test` that send no addressing: the document itself is the identity of the message.
fn derived_id(admitted: &Admitted, operation: Operation, digest: &[u8; 32]) -> MessageId {
    let text = format!("{} {} {}", admitted.partner().id(), operation.name(), to_hex(digest));
    let hash = crate::base::sha256(text.as_bytes());
    let mut octets = [0; 16];
    octets.copy_from_slice(&hash[..16]);
    MessageId::from_random(octets)
}
