//! `{svc}FaultDetail`: what a fault tells (design 2.1): code, verdict, reference id, errors; never a received value.

use std::borrow::Cow;

use super::{Slots, Violation, Violations};
use crate::xml::{Document, NodeId};

/// What the sender should do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Send it again later.
    Retry,
    /// Correct the message and send it anew.
    Correct,
    /// Speak to the receiver.
    Contact,
}

impl Verdict {
    /// As on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Correct => "correct",
            Self::Contact => "contact",
        }
    }

    /// Reads `retry`, `correct` or `contact`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "retry" => Some(Self::Retry),
            "correct" => Some(Self::Correct),
            "contact" => Some(Self::Contact),
            _ => None,
        }
    }
}

/// The detail of a fault. `errors` are [`Violation`]s without a value: encoding leaves the value out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FaultDetail {
    /// Stable name from the catalogue of faults.
    pub code: Cow<'static, str>,
    /// What the sender should do.
    pub verdict: Verdict,
    /// Under which the receiver's journal has the message and the true reason.
    pub reference_id: String,
    /// What is wrong with the business message.
    pub errors: Vec<Violation>,
}

impl FaultDetail {
    /// Reads `{svc}FaultDetail` at `node`, by the generated decoder.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn decode(document: &Document, node: NodeId, slots: &Slots) -> Result<Self, Violations> {
        let _ = (document, node, slots);
        todo!("lands with the generator")
    }

    /// Appends `{svc}FaultDetail` to `out`; it declares its own namespaces.
    pub fn encode(&self, slots: &Slots, out: &mut Vec<u8>) {
        let _ = (slots, out);
        todo!("lands with the generator")
    }
}
