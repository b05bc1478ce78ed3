//! Design 2.3: what was seen before is answered from the journal; what is new goes through the rules.
//!
//! Look-ups see durable records only, and the commit that follows requires that nothing changed since.

use super::acknowledge::Answerable;
use super::record::{self, Pending};
use super::refuse::Refusal;
use super::validate::Valid;
use crate::contract::{Operation, Status};
use crate::exchange::evidence::digest_from_hex;
use crate::exchange::facts::Facts;
use crate::exchange::fault::{Code, Fault};
use crate::exchange::rules::{self, CoState, Content, Decision, Event, Known, Refusal as RuleRefusal, Role};
use crate::exchange::{Exchange, key};
use crate::store::{self, PartName, Record, RecordKind, Require};

/// What is done with a valid message.
pub(super) enum Decided {
    /// Answered before: the stored Acknowledgement element, straight to acknowledge.
    Known(Answerable),
    /// To be recorded.
    New(Box<Pending>),
}

/// What is held of a CO.
struct Held {
    state: CoState,
    role: Role,
    require: Require,
    record: Record,
    facts: Facts,
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

    let co_key = key::co(store, Role::Importing, &partner, valid.co());
    let held = held(exchange, &co_key).map_err(failed)?;
    let content = match held.as_ref().and_then(|held| held.facts.digest.as_deref()).and_then(digest_from_hex) {
        Some(digest) if digest == *valid.digest() => Content::Same,
        _ => Content::Other,
    };
    let known = held.as_ref().map_or(Known::Nothing, |held| Known::Held { role: held.role, state: held.state });
    let event = event(&valid, content)
        .ok_or_else(|| valid.refuse(Fault::new(Code::NotImplemented, "no rules for this operation yet")))?;
    let require = held.as_ref().map_or(Require::Absent(co_key.clone()), |held| held.require.clone());
    match rules::decide(known, event) {
        Decision::Accept(state) => {
            let pending = record::accepted(exchange, valid, dedup, co_key, require, state);
            pending.map(|pending| Decided::New(Box::new(pending))).map_err(failed)
        }
        Decision::AlreadyReceived => {
            let first = held.as_ref().and_then(first_of).ok_or_else(|| Refusal::of(broken_index()))?;
            let pending = record::already_received(exchange, valid, dedup, first);
            pending.map(|pending| Decided::New(Box::new(pending))).map_err(failed)
        }
        Decision::Refuse(refusal) => Err(valid.refuse(rule_fault(refusal))),
    }
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

fn held(exchange: &Exchange, co_key: &store::Key) -> Result<Option<Held>, store::Error> {
    let store = exchange.store.as_ref();
    let Some(entry) = store.get(co_key)? else { return Ok(None) };
    let require = Require::Version { key: co_key.clone(), version: entry.version };
    let Some(position) = entry.position() else { return Ok(None) };
    let record = store.read(position)?.record;
    let state = match store.get(&key::state(co_key))? {
        Some(entry) => entry.bytes().and_then(|bytes| serde_json::from_slice(bytes).ok()),
        None => None,
    };
    let role = if record.kind == RecordKind::Submitted { Role::Exporting } else { Role::Importing };
    let begun = if role == Role::Exporting { CoState::Queued } else { CoState::Received };
    let facts = Facts::of(&record).unwrap_or_default();
    Ok(Some(Held { state: state.unwrap_or(begun), role, require, record, facts }))
}

/// MessageID and leaf of the message that brought the CO.
fn first_of(held: &Held) -> Option<Status> {
    let message_id = crate::base::id::MessageId::parse(held.facts.message_id.as_deref()?).ok()?;
    let leaf = digest_from_hex(held.facts.leaf.as_deref()?)?;
    debug_assert!(held.record.octets(PartName::Acknowledgement).is_some());
    Some(Status::AlreadyReceived { message_id, leaf })
}

/// Message function 5 of code list 1225: it replaces what was sent before.
const FUNCTION_REPLACE: &str = "5";

fn event(valid: &Valid, content: Content) -> Option<Event> {
    match valid.admitted().operation() {
        Operation::SendCo | Operation::SendDo if valid.facts().function_code == FUNCTION_REPLACE => {
            Some(Event::Replacing(content))
        }
        Operation::SendCo | Operation::SendDo => Some(Event::Issued(content)),
        // Their payloads come with the whole contract.
        Operation::SendAmendmentNotification | Operation::SendCancellationStatus | Operation::SendFeedback => None,
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
