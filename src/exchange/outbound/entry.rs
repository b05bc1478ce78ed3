//! An entry of the outbox: small state, changed with every try; the document itself stands in the journal.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::schedule::Outcome;
use crate::exchange::view::{CoIdentity, MessageStatus, OutboxView};

/// Whether an entry waits for time or for a person.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Tried when due.
    Waiting,
    /// Waits for a person.
    Held,
}

/// An entry as it stands in the store.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OutboxEntry {
    /// MessageID.
    pub message_id: String,
    /// To whom.
    pub partner: String,
    /// Path of the operation without its slash.
    pub operation: String,
    /// Order of intake: entries of one CO go in this order.
    pub sequence: u64,
    /// When it was taken in.
    pub taken_in: Timestamp,
    /// Next try.
    pub due: Timestamp,
    /// Waiting or held.
    pub standing: Standing,
    /// Tries so far.
    pub attempts: u32,
    /// From when the hour of tries counts: intake, or the moment a person let it go again.
    pub tries_from: Timestamp,
    /// Document digest in hexadecimal.
    pub digest: String,
    /// Key of the CO in hexadecimal.
    pub co_key: String,
    /// The CO.
    pub co: CoIdentity,
    /// SHA-256 of the SignatureValue of each seal that was sent, in hexadecimal.
    pub seals: Vec<String>,
    /// Why the last try failed.
    pub reason: Option<String>,
}

impl OutboxEntry {
    /// As it stands in the store.
    pub fn to_octets(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("an entry has a JSON form")
    }

    /// Reads what stands in the store.
    pub fn of(octets: &[u8]) -> Option<Self> {
        serde_json::from_slice(octets).ok()
    }

    /// What look-ups show.
    pub fn view(&self) -> OutboxView {
        let held = self.standing == Standing::Held;
        OutboxView {
            message_id: self.message_id.clone(),
            partner: self.partner.clone(),
            operation: self.operation.clone(),
            status: if held { MessageStatus::Held } else { MessageStatus::Queued },
            taken_in: self.taken_in,
            attempts: self.attempts,
            due: (!held).then_some(self.due),
            reason: self.reason.clone(),
            co: Some(self.co.clone()),
        }
    }
}

/// How a try failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Failure {
    /// What the schedule makes of it.
    pub outcome: Outcome,
    /// The true reason.
    pub reason: String,
    /// Stable code of the partner's fault, where a signed one came.
    pub code: Option<String>,
    /// Reference id that the partner returned.
    pub partner_reference: Option<String>,
    /// Errors that the partner listed.
    pub errors: Vec<crate::exchange::view::ErrorView>,
    /// What was sent.
    pub sent: Option<Vec<u8>>,
    /// The answer as it came.
    pub answer: Option<Vec<u8>>,
    /// Digest of the seal that was sent.
    pub seal: Option<String>,
}

impl Failure {
    /// Something technical: it is tried again.
    pub fn technical(reason: impl Into<String>) -> Box<Self> {
        Box::new(Self {
            outcome: Outcome::Technical,
            reason: reason.into(),
            code: None,
            partner_reference: None,
            errors: Vec::new(),
            sent: None,
            answer: None,
            seal: None,
        })
    }

    /// A worker panicked.
    pub fn bug() -> Box<Self> {
        Self::technical("a worker panicked; the log has the place")
    }

    pub fn seal(mut self: Box<Self>, seal: &str) -> Box<Self> {
        self.seal = Some(seal.to_owned());
        self
    }

    pub fn answer(mut self: Box<Self>, answer: &[u8]) -> Box<Self> {
        self.answer = Some(answer.to_vec());
        self
    }
}
