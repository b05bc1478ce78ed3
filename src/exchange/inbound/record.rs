//! ONE commit: duplicate key, CO key, reference, received octets, clear envelope, Acknowledgement element, facts, leaf.
//! Lost a race? What was decided goes back to be decided again.

use super::acknowledge::Answerable;
use super::refuse::Refusal;
use super::validate::Valid;
use crate::contract::{Acknowledgement, Status};
use crate::exchange::evidence::{self, Proofs};
use crate::exchange::facts::Facts;
use crate::exchange::fault::{Code, Fault};
use crate::exchange::held::{self, Held};
use crate::exchange::partner::secret::to_hex;
use crate::exchange::rules::CoState;
use crate::exchange::{Exchange, key};
use crate::store::{self, Commit, CommitError, Key, PartName, Record, RecordKind, Require};

/// A commit that was decided and not yet made.
pub(super) struct Pending {
    valid: Valid,
    acknowledgement: Vec<u8>,
    proofs: Proofs,
    commit: Commit,
}

/// What became of it.
pub(super) enum Outcome {
    /// Durable.
    Recorded(Answerable),
    /// Another message was recorded in between.
    Raced(Box<Valid>),
}

/// What a message does to a CO.
pub(super) struct Effect {
    /// Its key.
    pub co_key: Key,
    /// What is held of it; nothing of a CO that comes for the first time.
    pub held: Option<Held>,
    /// The state that it enters.
    pub state: CoState,
}

/// A new CO, or a message about one.
pub(super) fn accepted(exchange: &Exchange, valid: Valid, dedup: Key, effect: Effect) -> Result<Pending, store::Error> {
    let operation = valid.admitted().operation();
    let mut pending = pending(exchange, valid, RecordKind::Received, Status::Accepted, dedup)?;
    let mut commit = pending.commit;
    let Effect { co_key, held, state } = effect;
    let state_key = key::state(&co_key);
    let (before, is_kept) = held.as_ref().map_or((None, false), |held| (Some(held.state), held.state_is_kept));
    match held {
        Some(held) => {
            for require in held.requires {
                commit = commit.require(require);
            }
        }
        None => commit = commit.require(Require::Absent(co_key.clone())),
    }
    if held::brings_co(operation) {
        commit = commit.point(co_key);
    } else {
        let about = key::about(&co_key, operation, pending.valid.digest());
        commit = commit.require(Require::Absent(about.clone())).point(about);
    }
    // The state that a record begins with is not written: one small put less for nearly every message.
    if state == CoState::Received {
        if is_kept {
            commit = commit.remove(state_key);
        }
    } else if before != Some(state) {
        commit = commit.put(state_key, held::octets(state));
    }
    commit.record = commit.record.part(PartName::Clear, pending.valid.message().clear_octets());
    pending.commit = commit;
    Ok(pending)
}

/// A document that is there already, under another MessageID.
pub(super) fn already_received(
    exchange: &Exchange,
    valid: Valid,
    dedup: Key,
    first: Status,
) -> Result<Pending, store::Error> {
    pending(exchange, valid, RecordKind::Repeated, first, dedup)
}

fn pending(
    exchange: &Exchange,
    valid: Valid,
    kind: RecordKind,
    status: Status,
    dedup: Key,
) -> Result<Pending, store::Error> {
    let store = exchange.store.as_ref();
    let who = valid.admitted().who().clone();
    let partner = who.partner.id().clone();
    let signed = valid.message().evidence();
    let proofs = exchange.heads.proofs(store, &partner)?;
    let first = match &status {
        Status::Accepted => None,
        Status::AlreadyReceived { message_id, .. } => Some(message_id.to_string()),
    };
    let acknowledgement = Acknowledgement {
        message_id: valid.message_id().clone(),
        document_digest: *valid.digest(),
        received: who.arrived,
        status,
        entry: Some(evidence::journal_entry(
            &store.log_id(&partner),
            partner.as_str(),
            valid.admitted().operation().name(),
            (!signed.signature_values.is_empty()).then_some(signed.signature_value_hash),
            key::random(),
        )),
        head: proofs.head.clone(),
        consistency: proofs.consistency.clone(),
        inclusion: proofs.inclusion.clone(),
    };
    let entry = evidence::entry(&acknowledgement).expect("the entry was filled in above");
    let leaf = store::merkle::leaf_hash(&entry);
    let mut octets = Vec::with_capacity(4 * 1024);
    acknowledgement.encode(valid.slots(), &mut octets);
    let facts = Facts { leaf: Some(leaf.to_string()), first, ..valid.journal_facts() };

    let record = Record::new(kind, who.arrived, who.reference.clone())
        .partner(partner.clone())
        .part(PartName::Facts, facts.to_octets())
        .part(PartName::Acknowledgement, octets.clone())
        .part(PartName::Entry, entry)
        .part(PartName::Request, valid.octets())
        .part(PartName::Certificate, signed.signer.certificate().der());
    let record = match content_keys(signed) {
        Some(keys) => record.part(PartName::Note, keys),
        None => record,
    };
    let mut commit = Commit::new(record)
        .require(Require::Absent(dedup.clone()))
        .point(dedup)
        .point(key::reference(&who.reference))
        .leaf(partner.clone(), leaf);
    if let Some((head_key, value)) = exchange.heads.put(&partner, &proofs) {
        commit = commit.put(head_key, value);
    }
    Ok(Pending { valid, acknowledgement: octets, proofs, commit })
}

/// The content keys, for an evidence package: without them the ciphertext as received proves nothing to others.
fn content_keys(signed: &crate::soap::wss::Evidence) -> Option<Vec<u8>> {
    if signed.content_keys.is_empty() {
        return None;
    }
    // Hexadecimal digits need no escaping.
    let keys: Vec<String> = signed.content_keys.iter().map(|key| format!("\"{}\"", to_hex(key))).collect();
    Some(format!("{{\"content_keys\":[{}]}}", keys.join(",")).into_bytes())
}

/// Makes the commit; ends when it is durable.
pub(super) async fn record(exchange: &Exchange, pending: Box<Pending>) -> Result<Outcome, Box<Refusal>> {
    let Pending { valid, acknowledgement, proofs, commit } = *pending;
    match exchange.store.commit(commit).await {
        Ok(committed) => {
            let partner = valid.admitted().partner().id();
            exchange.heads.committed(partner, &proofs, committed.leaf_index, valid.message_id());
            Ok(Outcome::Recorded(Answerable::stored(&valid, acknowledgement)))
        }
        Err(CommitError::Conflict { .. }) => Ok(Outcome::Raced(Box::new(valid))),
        Err(CommitError::Bounds { what, most, .. }) => {
            Err(valid.refuse(Fault::told(Code::LimitExceeded, format!("{what}: at most {most}"))))
        }
        Err(error) => Err(Refusal::of(Fault::new(Code::StoreUnavailable, error.to_string()))),
    }
}
