//! The answer is verified as inbound does it: signature by the partner, RelatesTo, SignatureConfirmation, fresh
//! Timestamp. Then what it acknowledges must be ours: MessageID, document digest, and the leaf recomputed from its fields.

use std::sync::Arc;

use super::entry::{Failure, OutboxEntry};
use super::schedule::Outcome;
use super::secure::Sealed;
use crate::contract::{self, Acknowledgement, FAULT_ACTION, FaultDetail, Verdict};
use crate::exchange::Exchange;
use crate::exchange::evidence::{self, digest_from_hex};
use crate::exchange::facts::error_view;
use crate::exchange::fault::Code;
use crate::exchange::message::Answer;
use crate::exchange::partner::Partner;
use crate::exchange::partner::secret::to_hex;
use crate::soap::Envelope;
use crate::soap::addressing::Expect;
use crate::soap::fault::Received;
use crate::soap::mime::ContentType;
use crate::soap::wss::{Authentic, Context};
use crate::store::merkle::Hash;
use crate::xml::{Document, ns};

/// A verified acknowledgement of our message.
pub(super) struct Receipt {
    acknowledgement: Acknowledgement,
    leaf: Option<Hash>,
    element: Vec<u8>,
    answer: Vec<u8>,
    sent: Arc<Vec<u8>>,
}

impl Receipt {
    pub fn acknowledgement(&self) -> &Acknowledgement {
        &self.acknowledgement
    }

    /// The partner's leaf for our message.
    pub fn leaf(&self) -> Option<&Hash> {
        self.leaf.as_ref()
    }

    /// The Acknowledgement element as it came.
    pub fn element(&self) -> &[u8] {
        &self.element
    }

    /// The answer as it came.
    pub fn answer(&self) -> &[u8] {
        &self.answer
    }

    /// What was sent.
    pub fn sent(&self) -> &[u8] {
        &self.sent
    }
}

/// Verifies an answer: a receipt, or how the try failed.
pub(super) fn receipt(
    exchange: &Exchange,
    entry: &OutboxEntry,
    partner: &Arc<Partner>,
    sealed: &Sealed,
    answer: Answer,
) -> Result<Receipt, Box<Failure>> {
    let octets = answer.body.clone();
    let explain = |failure: Box<Failure>| failure.answer(&octets).seal(sealed.seal());
    let authentic = verify(exchange, entry, partner, sealed, answer).map_err(explain)?;
    let document = authentic.document();
    let payload = authentic.payload();
    if let Some(fault) = Received::read(document, payload) {
        return Err(explain(refused(document, &fault, partner)));
    }
    if authentic.addressing().action.as_deref() == Some(FAULT_ACTION) {
        return Err(explain(Failure::technical("an Acknowledgement under the action of a fault")));
    }
    let element = contract::acknowledgement_in(sealed.operation(), document, payload, sealed.slots())
        .map_err(|error| explain(Failure::technical(error.to_string())))?;
    let acknowledgement = Acknowledgement::decode(document, element, sealed.slots())
        .map_err(|violations| explain(Failure::technical(format!("Acknowledgement: {violations}"))))?;
    check(entry, sealed, &acknowledgement).map_err(explain)?;
    Ok(Receipt {
        leaf: evidence::leaf(&acknowledgement),
        element: document.octets().get(document.range(element)).map(<[u8]>::to_vec).unwrap_or_default(),
        acknowledgement,
        answer: octets.clone(),
        sent: Arc::clone(sealed.octets()),
    })
}

fn verify(
    exchange: &Exchange,
    entry: &OutboxEntry,
    partner: &Arc<Partner>,
    sealed: &Sealed,
    answer: Answer,
) -> Result<Authentic, Box<Failure>> {
    let version =
        ContentType::parse(&answer.content_type).map_err(|error| Failure::technical(error.to_string()))?.version;
    let envelope = Envelope::parse(answer.body, Some(version))
        .map_err(|error| Failure::technical(format!("the answer is no envelope: {error}")))?;
    let keys = exchange.keys.load_full();
    let crypto = exchange.crypto.of(partner, &keys).map_err(|error| Failure::technical(error.to_string()))?;
    let confirms = [sealed.signature_value().to_owned()];
    let actions = [sealed.operation().response_action(), FAULT_ACTION];
    let context = Context {
        now: exchange.clock.now(),
        signers: crypto.signers(),
        keys: crypto.keys().decrypt(),
        expect: Expect::Answer { relates_to: &entry.message_id, actions: &actions },
        confirms: &confirms,
    };
    crypto.answer_verifier().open(envelope, &context).map_err(|refusal| {
        Failure::technical(format!("the answer does not verify: {}: {}", refusal.stage.as_str(), refusal.reason))
    })
}

/// A signed fault: `correct` and `contact` end the message, `retry` does not; one about keys holds the queue.
fn refused(document: &Document, fault: &Received, partner: &Partner) -> Box<Failure> {
    let detail = fault.detail.iter().find(|node| document.is(**node, ns::SVC, "FaultDetail"));
    let detail = detail.and_then(|node| FaultDetail::decode(document, *node, partner.slots()).ok());
    let Some(detail) = detail else {
        return Failure::technical(format!("a fault without FaultDetail: {}", fault.reason));
    };
    let outcome = match detail.verdict {
        Verdict::Retry => Outcome::Technical,
        Verdict::Correct | Verdict::Contact => {
            if Code::parse(&detail.code).is_some_and(Code::is_cryptographic) {
                Outcome::Cryptographic
            } else {
                // A seal that grew old on the way is made anew; the document is as good as before.
                match Code::parse(&detail.code) {
                    Some(Code::MessageExpired) => Outcome::Technical,
                    _ => Outcome::Rejected,
                }
            }
        }
    };
    Box::new(Failure {
        outcome,
        code: Some(detail.code.to_string()),
        partner_reference: Some(detail.reference_id.clone()),
        errors: detail.errors.iter().map(error_view).collect(),
        ..*Failure::technical(fault.reason.clone())
    })
}

fn check(entry: &OutboxEntry, sealed: &Sealed, acknowledgement: &Acknowledgement) -> Result<(), Box<Failure>> {
    if acknowledgement.message_id.as_str() != entry.message_id {
        return Err(Failure::technical("the Acknowledgement is of another MessageID"));
    }
    if Some(acknowledgement.document_digest) != digest_from_hex(&entry.digest) {
        return Err(Failure::technical("the Acknowledgement is of another document"));
    }
    let Some(journal_entry) = &acknowledgement.entry else { return Ok(()) };
    if journal_entry.operation != sealed.operation().name() {
        return Err(Failure::technical("the journal entry is of another operation"));
    }
    // The first seal that arrived made the leaf; it may have been an earlier one of ours. Seals of tries that ended with
    // the process are not known, so an unknown one is noted in the receipt and not refused.
    if let Some(digest) = journal_entry.signature_digest.as_ref().map(|digest| to_hex(digest))
        && digest != sealed.seal()
        && !entry.seals.contains(&digest)
    {
        tracing::warn!(message_id = entry.message_id, "the leaf names a seal that is not in our records");
    }
    Ok(())
}
