//! What a person does with the outbox: let a held message go again, release a partner's queue, send a delivered message
//! once more to see the same answer.

use std::sync::Arc;

use super::entry::{Failure, OutboxEntry, Standing};
use super::{deliver, encode, receipt, secure};
use crate::base::id::{MessageId, PartnerId};
use crate::exchange::facts::Facts;
use crate::exchange::{Exchange, key};
use crate::store::{self, Commit, CommitError, PartName, Record, RecordKind, Require};

/// Why an act was not done.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// Nothing of that id waits, or it is being tried just now.
    #[error("message {message_id} does not wait in the outbox, or is being tried just now")]
    NotWaiting {
        /// Which.
        message_id: String,
    },
    /// No such message was ever submitted.
    #[error("message {message_id} was never submitted here")]
    Unknown {
        /// Which.
        message_id: String,
    },
    /// The try failed.
    #[error("{reason}")]
    Failed {
        /// Why.
        reason: String,
        /// Stable code of the partner's fault.
        code: Option<String>,
    },
    /// The store could not be read.
    #[error("the store cannot be read")]
    Store(#[from] store::Error),
    /// The store could not be written.
    #[error("the act cannot be recorded")]
    Commit(#[from] CommitError),
}

impl Exchange {
    /// Lets a waiting or held message be tried at once; its hour begins anew. History is kept.
    ///
    /// # Errors
    /// [`ActError`].
    pub async fn requeue(&self, message_id: &MessageId) -> Result<(), ActError> {
        let outbox_key = key::outbox(self.store.as_ref(), message_id);
        let waiting = self.queue.idle(&outbox_key);
        let (entry, version) = waiting.ok_or_else(|| ActError::NotWaiting { message_id: message_id.to_string() })?;
        let now = self.clock.now();
        let next = OutboxEntry { due: now, tries_from: now, standing: Standing::Waiting, ..entry };
        let mut record = Record::new(RecordKind::Act, now, key::new_reference())
            .part(PartName::Note, format!("{{\"act\":\"requeue\",\"message\":\"{message_id}\"}}").into_bytes());
        record.partner = PartnerId::parse(&next.partner).ok();
        let commit = Commit::new(record)
            .require(Require::Version { key: outbox_key.clone(), version })
            .put(outbox_key.clone(), next.to_octets());
        let committed = self.store.commit(commit).await?;
        self.queue.changed(&outbox_key, next, committed.position.version());
        Ok(())
    }

    /// Releases the queue of a partner that a cryptographic fault held.
    ///
    /// # Errors
    /// [`ActError::Commit`].
    pub async fn release_partner(&self, partner: &PartnerId) -> Result<(), ActError> {
        let record = Record::new(RecordKind::Act, self.clock.now(), key::new_reference())
            .partner(partner.clone())
            .part(PartName::Note, b"{\"act\":\"release\"}".as_slice());
        self.store.commit(Commit::new(record).remove(key::held(partner))).await?;
        self.queue.set_held(partner.as_str(), false);
        Ok(())
    }

    /// Whether a partner's queue is held.
    #[must_use]
    pub fn is_held(&self, partner: &PartnerId) -> bool {
        self.queue.is_held(partner.as_str())
    }

    /// Sends a submitted message once more, sealed anew, whatever became of it, and gives the Acknowledgement element of
    /// the verified answer. Nothing is recorded here: the partner answers from its journal.
    ///
    /// # Errors
    /// [`ActError::Failed`] with the partner's code when it refuses.
    pub async fn send_again(self: &Arc<Self>, message_id: &MessageId) -> Result<Vec<u8>, ActError> {
        let entry = self.submitted_entry(message_id)?;
        let failed = |failure: Box<Failure>| ActError::Failed { reason: failure.reason, code: failure.code };
        let partner = PartnerId::parse(&entry.partner).ok().and_then(|id| self.partners.now().by_id(&id).cloned());
        let partner = partner.ok_or_else(|| failed(Failure::technical("the partner is not configured")))?;
        let (worker, sealing, to) = (Arc::clone(self), entry.clone(), Arc::clone(&partner));
        let sealed = self
            .budget
            .work(move || secure::secure(&worker, &sealing, &to, encode::encode(&worker, &sealing, &to)?, None))
            .await
            .unwrap_or_else(|| Err(Failure::bug()))
            .map_err(failed)?;
        let answer = deliver::deliver(self, &partner, &sealed).await.map_err(failed)?;
        let worker = Arc::clone(self);
        let receipt = self
            .budget
            .work(move || receipt::receipt(&worker, &entry, &partner, &sealed, answer))
            .await
            .unwrap_or_else(|| Err(Failure::bug()))
            .map_err(failed)?;
        Ok(receipt.element().to_vec())
    }

    /// An entry as it would stand in the outbox, from the record of the submission.
    fn submitted_entry(&self, message_id: &MessageId) -> Result<OutboxEntry, ActError> {
        let unknown = || ActError::Unknown { message_id: message_id.to_string() };
        let store = self.store.as_ref();
        let found = store.get(&key::message(store, message_id))?.and_then(|entry| entry.position());
        let record = store.read(found.ok_or_else(unknown)?)?.record;
        let facts = Facts::of(&record).ok_or_else(unknown)?;
        Ok(OutboxEntry {
            message_id: message_id.to_string(),
            partner: record.partner.as_ref().map_or_else(String::new, ToString::to_string),
            operation: facts.operation.ok_or_else(unknown)?,
            sequence: 0,
            taken_in: record.time,
            due: record.time,
            standing: Standing::Waiting,
            attempts: 0,
            tries_from: record.time,
            digest: facts.digest.ok_or_else(unknown)?,
            co_key: String::new(),
            co: facts.co.ok_or_else(unknown)?,
            seals: Vec::new(),
            reason: None,
        })
    }
}
