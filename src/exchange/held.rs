//! What is held of a CO with a partner: its record, its state, and what a commit that rests on them must require.

use super::facts::Facts;
use super::key;
use super::outbound::OutboxEntry;
use super::rules::{CoState, Role};
use super::view::{CoIdentity, MessageStatus, OutboxView};
use crate::base::id::{MessageId, PartnerId};
use crate::contract::Operation;
use crate::store::{self, Entry, Key, Record, RecordKind, Require, Store};

/// A CO that is known with a partner.
pub(super) struct Held {
    /// Its key.
    pub key: Key,
    /// Our side of it.
    pub role: Role,
    /// Its state now.
    pub state: CoState,
    /// Whether the state stands under a key of its own.
    pub state_is_kept: bool,
    /// The record that brought it, or with which we submitted it.
    pub record: Record,
    /// Facts of that record.
    pub facts: Facts,
    /// That neither record nor state changed since.
    pub requires: Vec<Require>,
}

/// The CO with this partner in this role; none when it is not known so.
pub(super) fn find(
    store: &dyn Store,
    role: Role,
    partner: &PartnerId,
    co: &CoIdentity,
) -> Result<Option<Held>, store::Error> {
    let co_key = key::co(store, role, partner, co);
    let Some(entry) = store.get(&co_key)? else { return Ok(None) };
    let Some(position) = entry.position() else { return Ok(None) };
    let record = store.read(position)?.record;
    let facts = Facts::of(&record).unwrap_or_default();
    let state_key = key::state(&co_key);
    let kept = store.get(&state_key)?;
    let requires = vec![
        Require::Version { key: co_key.clone(), version: entry.version },
        match &kept {
            Some(kept) => Require::Version { key: state_key, version: kept.version },
            None => Require::Absent(state_key),
        },
    ];
    let state = state(store, role, kept.as_ref(), &facts)?;
    Ok(Some(Held { key: co_key, role, state, state_is_kept: kept.is_some(), record, facts, requires }))
}

/// The state of a CO: what stands under its key, else what follows from the record that it began with.
pub(super) fn state(
    store: &dyn Store,
    role: Role,
    kept: Option<&Entry>,
    facts: &Facts,
) -> Result<CoState, store::Error> {
    let kept = kept.and_then(Entry::bytes).and_then(|octets| serde_json::from_slice(octets).ok());
    Ok(match (kept, role) {
        (Some(state), _) => state,
        (None, Role::Importing) => CoState::Received,
        (None, Role::Exporting) => match delivery(store, facts)?.0 {
            MessageStatus::Acknowledged => CoState::Acknowledged,
            MessageStatus::Rejected | MessageStatus::Held => CoState::Failed,
            _ => CoState::Queued,
        },
    })
}

/// A state as it stands in the store.
pub(super) fn octets(state: CoState) -> Vec<u8> {
    serde_json::to_vec(&state).expect("a state has a JSON form")
}

/// How the delivery of a submitted message stands.
pub(super) fn delivery(store: &dyn Store, facts: &Facts) -> Result<(MessageStatus, Option<OutboxView>), store::Error> {
    let Some(id) = facts.message_id.as_deref().and_then(|text| MessageId::parse(text).ok()) else {
        return Ok((MessageStatus::Queued, None));
    };
    if let Some(entry) = store.get(&key::outbox(store, &id))? {
        let view = entry.bytes().and_then(OutboxEntry::of).map(|entry| entry.view());
        return Ok((view.as_ref().map_or(MessageStatus::Queued, |view| view.status), view));
    }
    let ended = store.get(&key::receipt(store, &id))?.and_then(|entry| entry.position());
    let kind = ended.map(|position| store.read(position)).transpose()?.map(|journaled| journaled.record.kind);
    let status = match kind {
        Some(RecordKind::Delivered) => MessageStatus::Acknowledged,
        Some(RecordKind::Declined) => MessageStatus::Rejected,
        _ => MessageStatus::Queued,
    };
    Ok((status, None))
}

/// On which side of a CO the receiver of a message of `operation` must be.
pub(super) fn receiver(operation: Operation) -> Role {
    match operation {
        Operation::SendCo | Operation::SendDo | Operation::SendAmendmentNotification => Role::Importing,
        Operation::SendCancellationStatus | Operation::SendFeedback => Role::Exporting,
    }
}

impl Role {
    /// The other side.
    pub(super) fn other(self) -> Self {
        match self {
            Self::Exporting => Self::Importing,
            Self::Importing => Self::Exporting,
        }
    }
}

/// Whether a message of `operation` brings a CO, or is about one.
pub(super) fn brings_co(operation: Operation) -> bool {
    matches!(operation, Operation::SendCo | Operation::SendDo)
}
