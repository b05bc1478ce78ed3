//! State x Event -> Decision (design 2.5): what a verified, valid message does to a CO. Pure: no I/O, no clock.
//!
//! [`decide`] is what a partner's message does, [`decide_ours`] what a message of ours does before it goes. Their input says
//! what is known about the CO with that partner; their output is the new state or the refusal. [`claim`] has the rules that
//! need a claim: what was used of an item, which decision is in force, whether a document had expired.

pub mod claim;
mod table;

use serde::{Deserialize, Serialize};

use crate::contract::Cancellation;

pub use table::{decide, decide_ours};

/// Which side of a CO we are on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// We issued or transmitted it.
    Exporting,
    /// We received it.
    Importing,
}

/// What is known of a CO (`spec/domain.md` 5.1), as far as the operations in force can move it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CoState {
    /// Exporting: in the outbox, no acknowledgement yet.
    Queued,
    /// Exporting: the partner acknowledged it.
    Acknowledged,
    /// Exporting: the partner refused it, or tries ended.
    Failed,
    /// Exporting: a notice of ours about it is not answered yet.
    CancelRequested,
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
    pub const ALL: [Self; 8] = [
        Self::Queued,
        Self::Acknowledged,
        Self::Failed,
        Self::CancelRequested,
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

/// Whether a document equals one that is held: the CO, or a message of the same operation about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Content {
    /// Same document digest.
    Same,
    /// Another digest, or nothing is held.
    Other,
}

/// What a partner's message asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// A CO or a DO was handed over (send-co, send-do), function `original`.
    Issued(Content),
    /// A CO or a DO with function `replace`, or one that names this CO as the one it replaces.
    Replacing(Content),
    /// A notice of amendment, withdrawal or revocation (send-amendment-notification).
    Notice(Content),
    /// A partner's answer to our notice (send-cancellation-status).
    CancellationStatus(Cancellation, Content),
    /// Decisions on treatment (send-feedback).
    Feedback(Content),
}

impl Event {
    /// All events, for tables.
    pub const ALL: [Self; 12] = [
        Self::Issued(Content::Same),
        Self::Issued(Content::Other),
        Self::Replacing(Content::Same),
        Self::Replacing(Content::Other),
        Self::Notice(Content::Same),
        Self::Notice(Content::Other),
        Self::CancellationStatus(Cancellation::Accepted, Content::Same),
        Self::CancellationStatus(Cancellation::Accepted, Content::Other),
        Self::CancellationStatus(Cancellation::Declined, Content::Same),
        Self::CancellationStatus(Cancellation::Declined, Content::Other),
        Self::Feedback(Content::Same),
        Self::Feedback(Content::Other),
    ];
}

/// What a message of ours about a CO asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OurEvent {
    /// We amended, withdrew or revoked it.
    Notice,
    /// We answer a notice.
    CancellationStatus(Cancellation),
    /// We decided on claims.
    Feedback,
}

impl OurEvent {
    /// All of them, for tables.
    pub const ALL: [Self; 4] = [
        Self::Notice,
        Self::CancellationStatus(Cancellation::Accepted),
        Self::CancellationStatus(Cancellation::Declined),
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
