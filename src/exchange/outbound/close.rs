//! The end of a try, as one commit: the receipt closes the entry; a failure moves it, holds it, or ends it. Alerts are in
//! the same commit.

use jiff::Timestamp;

use super::entry::{Failure, OutboxEntry, Standing};
use super::queue::Leased;
use super::receipt::Receipt;
use super::schedule::{Next, Plan, RETRY_UNTIL, Reason};
use crate::base::id::{MessageId, PartnerId};
use crate::contract::Operation;
use crate::exchange::alert::{Alert, Kind};
use crate::exchange::facts::Facts;
use crate::exchange::rules::CoState;
use crate::exchange::{Exchange, held, key};
use crate::store::{Commit, CommitError, Key, PartName, Record, RecordKind, Require, Table};

/// A verified receipt: stored, and the entry is closed.
pub(super) async fn close(
    exchange: &Exchange,
    leased: &Leased,
    started: Timestamp,
    receipt: Receipt,
) -> Result<(), CommitError> {
    let entry = leased.entry();
    let reference = key::new_reference();
    let acknowledgement = receipt.acknowledgement();
    let facts = Facts {
        attempts: entry.attempts + 1,
        leaf: receipt.leaf().map(ToString::to_string),
        octets: receipt.sent().len(),
        received: Some(acknowledgement.received),
        ..facts(entry)
    };
    let record = Record::new(RecordKind::Delivered, exchange.clock.now(), reference.clone())
        .part(PartName::Facts, facts.to_octets())
        .part(PartName::Acknowledgement, receipt.element())
        .part(PartName::Sent, receipt.sent())
        .part(PartName::Answer, receipt.answer());
    let mut commit = ending(exchange, leased, record, &reference).remove(leased.key().clone());
    if let Some(leaf) = receipt.leaf() {
        commit = commit.point(Key::new(Table::Receipt, leaf.as_bytes().to_vec()));
    }
    commit = check_log(exchange, entry, &reference, &receipt, commit);
    commit = late(commit, entry, &reference, started);
    finish(exchange, leased, commit, None).await?;
    tracing::info!(
        message_id = entry.message_id,
        partner = entry.partner,
        attempt = entry.attempts + 1,
        recovered = leased.recovered(),
        "delivered"
    );
    Ok(())
}

/// Checks the proofs of an acknowledgement; one that breaks is an alert, and the receipt is kept all the same.
fn check_log(exchange: &Exchange, entry: &OutboxEntry, reference: &str, receipt: &Receipt, commit: Commit) -> Commit {
    let Ok(partner) = PartnerId::parse(&entry.partner) else { return commit };
    let (verdict, put) = exchange.logs.check(exchange.store.as_ref(), &partner, receipt.acknowledgement());
    let commit = match put {
        Some((memory_key, octets)) => commit.put(memory_key, octets),
        None => commit,
    };
    match verdict {
        Ok(()) => commit,
        Err(broken) => {
            tracing::error!(partner = entry.partner, message_id = entry.message_id, %broken, "evidence broken");
            let text = format!("{}: {broken}", entry.partner);
            Alert::new(Kind::EvidenceBroken, &partner, reference, exchange.clock.now(), text).raise(commit)
        }
    }
}

/// A try that failed: what the schedule makes of it.
pub(super) async fn failed(
    exchange: &Exchange,
    leased: &Leased,
    started: Timestamp,
    failure: Box<Failure>,
) -> Result<(), CommitError> {
    let entry = leased.entry();
    let now = exchange.clock.now();
    let retry_every_s = leased.partner(exchange).map_or(600, |partner| partner.file().delivery.retry_every_s);
    let plan = Plan::every(retry_every_s);
    let mut next_entry = OutboxEntry {
        attempts: entry.attempts + 1,
        reason: Some(match &failure.code {
            Some(code) => format!("{code}: {}", failure.reason),
            None => failure.reason.clone(),
        }),
        ..entry.clone()
    };
    if let Some(seal) = &failure.seal
        && !next_entry.seals.contains(seal)
    {
        next_entry.seals.push(seal.clone());
    }
    tracing::warn!(
        message_id = entry.message_id,
        partner = entry.partner,
        attempt = next_entry.attempts,
        reason = failure.reason,
        "delivery failed"
    );
    match plan.next(entry.tries_from, now, failure.outcome) {
        Next::At(due) => {
            next_entry.due = due;
            retry(exchange, leased, started, &failure, next_entry, None).await
        }
        // The queue is held, so the entry keeps its place and goes first when a person lets it go.
        Next::Held(Reason::PartnerHeld) => {
            next_entry.due = now;
            retry(exchange, leased, started, &failure, next_entry, Some(Kind::PartnerHeld)).await
        }
        Next::Held(Reason::TimeIsOver) => {
            next_entry.standing = Standing::Held;
            retry(exchange, leased, started, &failure, next_entry, Some(Kind::DeliveryHeld)).await
        }
        Next::Rejected | Next::Done => rejected(exchange, leased, started, &failure, &next_entry).await,
    }
}

async fn retry(
    exchange: &Exchange,
    leased: &Leased,
    started: Timestamp,
    failure: &Failure,
    next: OutboxEntry,
    alert: Option<Kind>,
) -> Result<(), CommitError> {
    let reference = key::new_reference();
    let kind = if next.standing == Standing::Held { RecordKind::Held } else { RecordKind::Attempted };
    let record = failure_record(exchange, &next, failure, kind, &reference);
    let mut commit = Commit::new(record)
        .require(Require::Version { key: leased.key().clone(), version: leased.version() })
        .put(leased.key().clone(), next.to_octets())
        .point(key::reference(&reference));
    let partner = PartnerId::parse(&next.partner).ok();
    if let (Some(kind), Some(partner)) = (alert, &partner) {
        // A queue that is held already has its alert.
        let first = kind != Kind::PartnerHeld || !exchange.queue.is_held(&next.partner);
        if kind == Kind::PartnerHeld {
            let why = serde_json::json!({ "reference": reference, "reason": next.reason });
            commit = commit.put(key::held(partner), why.to_string().into_bytes());
            exchange.queue.set_held(&next.partner, true);
        }
        if first {
            let text = format!("message {} to {}: {}", next.message_id, next.partner, failure.reason);
            commit = Alert::new(kind, partner, &reference, exchange.clock.now(), text).raise(commit);
        }
    }
    commit = late(commit, &next, &reference, started);
    finish(exchange, leased, commit, Some(next)).await
}

/// The partner's signed refusal ends the message; it is never tried again.
async fn rejected(
    exchange: &Exchange,
    leased: &Leased,
    started: Timestamp,
    failure: &Failure,
    next: &OutboxEntry,
) -> Result<(), CommitError> {
    let reference = key::new_reference();
    let record = failure_record(exchange, next, failure, RecordKind::Declined, &reference);
    let mut commit = ending(exchange, leased, record, &reference).remove(leased.key().clone());
    if let Ok(partner) = PartnerId::parse(&next.partner) {
        let text = format!("message {} was refused by {}: {}", next.message_id, next.partner, failure.reason);
        commit = Alert::new(Kind::Rejected, &partner, &reference, exchange.clock.now(), text).raise(commit);
    }
    commit = undo(exchange, next, commit);
    commit = late(commit, next, &reference, started);
    finish(exchange, leased, commit, None).await
}

/// What the partner refused did not happen: a CO whose notice or status was refused is again in the state before it.
fn undo(exchange: &Exchange, entry: &OutboxEntry, commit: Commit) -> Commit {
    let Some(bytes) = crate::exchange::partner::secret::from_hex(&entry.co_key) else { return commit };
    let state_key = key::state(&Key::new(Table::Co, bytes));
    let now = exchange.store.get(&state_key).ok().flatten();
    let now = now.and_then(|kept| serde_json::from_slice::<CoState>(kept.bytes()?).ok());
    match (Operation::from_path(&format!("/{}", entry.operation)), now) {
        (Some(Operation::SendAmendmentNotification), Some(CoState::CancelRequested)) => commit.remove(state_key),
        (Some(Operation::SendCancellationStatus), Some(CoState::Cancelled) | None) => {
            commit.put(state_key, held::octets(CoState::CancelPending))
        }
        _ => commit,
    }
}

/// A record that ends a delivery: found under the message's receipt.
fn ending(exchange: &Exchange, leased: &Leased, mut record: Record, reference: &str) -> Commit {
    let store = exchange.store.as_ref();
    record.partner = PartnerId::parse(&leased.entry().partner).ok();
    let mut commit = Commit::new(record)
        .require(Require::Version { key: leased.key().clone(), version: leased.version() })
        .point(key::reference(reference));
    if let Ok(id) = MessageId::parse(&leased.entry().message_id) {
        commit = commit.point(key::receipt(store, &id));
    }
    commit
}

fn failure_record(
    exchange: &Exchange,
    entry: &OutboxEntry,
    failure: &Failure,
    kind: RecordKind,
    reference: &str,
) -> Record {
    let facts = Facts {
        attempts: entry.attempts,
        code: failure.code.clone(),
        errors: failure.errors.clone(),
        partner_reference: failure.partner_reference.clone(),
        ..facts(entry)
    };
    let mut record = Record::new(kind, exchange.clock.now(), reference)
        .part(PartName::Facts, facts.to_octets())
        .part(PartName::Reason, failure.reason.as_bytes());
    record.partner = PartnerId::parse(&entry.partner).ok();
    if let Some(sent) = &failure.sent {
        record = record.part(PartName::Sent, sent.as_slice());
    }
    if let Some(answer) = &failure.answer {
        record = record.part(PartName::Answer, answer.as_slice());
    }
    record
}

fn facts(entry: &OutboxEntry) -> Facts {
    Facts {
        operation: Some(entry.operation.clone()),
        message_id: Some(entry.message_id.clone()),
        digest: Some(entry.digest.clone()),
        co: Some(entry.co.clone()),
        ..Facts::default()
    }
}

/// Breach of the hour: no first try within an hour of intake (design 2.6).
fn late(commit: Commit, entry: &OutboxEntry, reference: &str, started: Timestamp) -> Commit {
    let is_first = commit.record.kind == RecordKind::Delivered && entry.attempts == 0 || entry.attempts == 1;
    let limit = entry.taken_in.checked_add(RETRY_UNTIL).unwrap_or(Timestamp::MAX);
    match PartnerId::parse(&entry.partner) {
        Ok(partner) if is_first && started > limit => {
            let text = format!("message {} taken in {} was first tried {started}", entry.message_id, entry.taken_in);
            Alert::new(Kind::HourBreached, &partner, reference, started, text).raise(commit)
        }
        _ => commit,
    }
}

async fn finish(
    exchange: &Exchange,
    leased: &Leased,
    commit: Commit,
    next: Option<OutboxEntry>,
) -> Result<(), CommitError> {
    match exchange.store.commit(commit).await {
        Ok(committed) => {
            match next {
                Some(next) => exchange.queue.moved(leased, next, committed.position.version()),
                None => exchange.queue.removed(leased.key()),
            }
            Ok(())
        }
        Err(error) => {
            let pause = jiff::SignedDuration::from_secs(10);
            let due = exchange.clock.now().checked_add(pause).unwrap_or(Timestamp::MAX);
            exchange.queue.returned(leased, due);
            Err(error)
        }
    }
}
