//! State x Event -> Decision (design 2.5): what a verified, valid message does to a CO. Pure: no I/O, no clock.
//!
//! [`decide`] is the whole. Its input says what is known about the CO with that partner; its output is the new state or
//! the refusal. The rules of claims and decisions join [`CoState`] and [`Event`] with the operations that carry them.

mod table;

use serde::{Deserialize, Serialize};

pub use table::decide;

/// Which side of a CO we are on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// We issued or transmitted it.
    Exporting,
    /// We received it.
    Importing,
}

/// What is known of a CO (`spec/domain.md` 5.1), as far as the operations in force can move it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CoState {
    /// Exporting: in the outbox, no acknowledgement yet.
    Queued,
    /// Exporting: the partner acknowledged it.
    Acknowledged,
    /// Exporting: the partner refused it, or tries ended.
    Failed,
    /// Importing: recorded and acknowledged by us.
    Received,
    /// Importing: a notice about it stands undecided.
    CancelPending,
    /// Either: cancelled; another CO may take its number or name it as replaced.
    Cancelled,
    /// Either: another CO took its place.
    Replaced,
}

impl CoState {
    /// All states, for tables.
    pub const ALL: [Self; 7] = [
        Self::Queued,
        Self::Acknowledged,
        Self::Failed,
        Self::Received,
        Self::CancelPending,
        Self::Cancelled,
        Self::Replaced,
    ];
}

/// What is known about the CO that a message names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Known {
    /// Nothing with this partner.
    Nothing,
    /// It is known, in this role and state.
    Held {
        /// Our side of it.
        role: Role,
        /// Its state.
        state: CoState,
    },
}

/// Whether a document equals the one that is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Content {
    /// Same document digest.
    Same,
    /// Another digest, or nothing is held.
    Other,
}

/// What a message asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// A CO or a DO was handed over (send-co, send-do), function `original`.
    Issued(Content),
    /// A CO or a DO with function `replace`, or one that names this CO as the one it replaces.
    Replacing(Content),
    /// A notice of amendment, withdrawal or revocation (send-amendment-notification).
    Notice,
    /// A partner's answer to our notice (send-cancellation-status).
    CancellationStatus,
    /// A decision on treatment (send-feedback).
    Feedback,
}

impl Event {
    /// All events, for tables.
    pub const ALL: [Self; 7] = [
        Self::Issued(Content::Same),
        Self::Issued(Content::Other),
        Self::Replacing(Content::Same),
        Self::Replacing(Content::Other),
        Self::Notice,
        Self::CancellationStatus,
        Self::Feedback,
    ];
}

/// What is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision {
    /// Recorded; the CO moves to this state.
    Accept(CoState),
    /// Acknowledged as already received; nothing is stored again.
    AlreadyReceived,
    /// Refused.
    Refuse(Refusal),
}

/// Why the rules refuse.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// Another document with the same identity is in force.
    AlreadyExists,
    /// The CO that the message names is not known with this partner.
    UnknownCo,
    /// The partner is on the wrong side of the CO for this operation.
    WrongRole,
    /// The state of the CO does not permit it.
    IllegalState,
}
