//! Design 2.3: what was seen before is answered from the journal; what is new goes through the rules.
//!
//! Look-ups see durable records only, and the commit that follows requires that nothing changed since.

use super::acknowledge::Answerable;
use super::record::{self, Effect, Pending};
use super::refuse::Refusal;
use super::validate::Valid;
use crate::contract::{Cancellation, Operation, Status, Subject};
use crate::exchange::evidence::digest_from_hex;
use crate::exchange::facts::Facts;
use crate::exchange::fault::{Code, Fault};
use crate::exchange::held::{self, Held};
use crate::exchange::rules::{self, Content, Decision, Event, Known, Refusal as RuleRefusal};
use crate::exchange::{Exchange, key};
use crate::store::{self, PartName, Record};

/// What is done with a valid message.
pub(super) enum Decided {
    /// Answered before: the stored Acknowledgement element, straight to acknowledge.
    Known(Answerable),
    /// To be recorded.
    New(Box<Pending>),
}

/// Decides from what is durable now.
pub(super) fn decide(exchange: &Exchange, valid: Valid) -> Result<Decided, Box<Refusal>> {
    let store = exchange.store.as_ref();
    let failed = |error: store::Error| Refusal::of(Fault::new(Code::StoreUnavailable, error.to_string()));
    let partner = valid.admitted().partner().id().clone();
    let operation = valid.admitted().operation();

    let dedup = key::dedup(store, &partner, operation, valid.message_id());
    if let Some(entry) = store.get(&dedup).map_err(failed)? {
        let position = entry.position().ok_or_else(|| Refusal::of(broken_index()))?;
        let first = store.read(position).map_err(failed)?.record;
        return repeated(valid, &first).map(Decided::Known);
    }

    let role = held::receiver(operation);
    let found = held::find(store, role, &partner, valid.co()).map_err(failed)?;
    // What is known on the other side only is known, and the partner on the wrong side of it.
    let wrong_side = match found {
        // One number may be a CO of ours and one of the partner's: a CO that comes is judged by those that came.
        None if !held::brings_co(operation) => held::find(store, role.other(), &partner, valid.co()).map_err(failed)?,
        _ => None,
    };
    let co_key = key::co(store, role, &partner, valid.co());
    let same = same(exchange, &valid, &co_key, found.as_ref()).map_err(failed)?;
    let content = if same.is_some() { Content::Same } else { Content::Other };
    let known = found.as_ref().or(wrong_side.as_ref());
    let known = known.map_or(Known::Nothing, |held| Known::Held { role: held.role, state: held.state });
    match rules::decide(known, event(&valid, content)) {
        Decision::Accept(state) => {
            let effect = Effect { co_key, held: found, state };
            let pending = record::accepted(exchange, valid, dedup, effect);
            pending.map(|pending| Decided::New(Box::new(pending))).map_err(failed)
        }
        Decision::AlreadyReceived => {
            let first = same.as_ref().and_then(first_of).ok_or_else(|| Refusal::of(broken_index()))?;
            let pending = record::already_received(exchange, valid, dedup, first);
            pending.map(|pending| Decided::New(Box::new(pending))).map_err(failed)
        }
        Decision::Refuse(refusal) => Err(valid.refuse(rule_fault(refusal))),
    }
}

/// The record that holds the same document: the CO, or a message of the same operation about it.
fn same(
    exchange: &Exchange,
    valid: &Valid,
    co_key: &store::Key,
    held: Option<&Held>,
) -> Result<Option<Record>, store::Error> {
    let operation = valid.admitted().operation();
    if held::brings_co(operation) {
        let equal = |held: &&Held| held.facts.digest.as_deref().and_then(digest_from_hex) == Some(*valid.digest());
        return Ok(held.filter(equal).map(|held| held.record.clone()));
    }
    let store = exchange.store.as_ref();
    let found = store.get(&key::about(co_key, operation, valid.digest()))?;
    let record = found.and_then(|entry| entry.position()).map(|position| store.read(position)).transpose()?;
    Ok(record.map(|journaled| journaled.record))
}

/// The same MessageID again: the stored element, or a fault when the document is another one.
fn repeated(valid: Valid, first: &Record) -> Result<Answerable, Box<Refusal>> {
    let facts = Facts::of(first).ok_or_else(|| Refusal::of(broken_index()))?;
    let digest = facts.digest.as_deref().and_then(digest_from_hex).ok_or_else(|| Refusal::of(broken_index()))?;
    if digest != *valid.digest() {
        let mut fault = Fault::new(Code::MessageIdReused, format!("first used by {}", first.reference));
        fault.reason = format!("first used by the message under {}", first.reference);
        return Err(valid.refuse(fault));
    }
    let octets = first.octets(PartName::Acknowledgement).ok_or_else(|| Refusal::of(broken_index()))?.to_vec();
    Ok(Answerable::stored(&valid, octets))
}

/// MessageID and leaf of the message that brought the document.
fn first_of(record: &Record) -> Option<Status> {
    let facts = Facts::of(record)?;
    let message_id = crate::base::id::MessageId::parse(facts.message_id.as_deref()?).ok()?;
    let leaf = digest_from_hex(facts.leaf.as_deref()?)?;
    debug_assert!(record.octets(PartName::Acknowledgement).is_some());
    Some(Status::AlreadyReceived { message_id, leaf })
}

/// Message function 5 of code list 1225: it replaces what was sent before.
const FUNCTION_REPLACE: &str = "5";

fn event(valid: &Valid, content: Content) -> Event {
    match (valid.admitted().operation(), &valid.facts().subject) {
        (Operation::SendAmendmentNotification, _) => Event::Notice(content),
        (Operation::SendCancellationStatus, Subject::CancellationStatus { status, .. }) => {
            Event::CancellationStatus(*status, content)
        }
        // The contract lets no other subject through under this operation.
        (Operation::SendCancellationStatus, _) => Event::CancellationStatus(Cancellation::Declined, content),
        (Operation::SendFeedback, _) => Event::Feedback(content),
        (Operation::SendCo | Operation::SendDo, _) if valid.facts().function_code == FUNCTION_REPLACE => {
            Event::Replacing(content)
        }
        (Operation::SendCo | Operation::SendDo, _) => Event::Issued(content),
    }
}

fn rule_fault(refusal: RuleRefusal) -> Fault {
    let code = match refusal {
        RuleRefusal::AlreadyExists => Code::CoExists,
        RuleRefusal::UnknownCo => Code::CoUnknown,
        RuleRefusal::WrongRole => Code::WrongRole,
        RuleRefusal::IllegalState => Code::IllegalState,
    };
    Fault::new(code, format!("rules: {refusal:?}"))
}

fn broken_index() -> Fault {
    Fault::new(Code::StoreUnavailable, "the index points to a record that does not hold what it should: rebuild it")
}
