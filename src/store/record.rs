//! Records, what a commit does with them, and their octets.
//!
//! The encoding is versioned, length-prefixed, big-endian and has one form only: what decodes, encodes to the same
//! octets. The operations on keys and the leaf stand before the parts, so an index can be rebuilt from the journal
//! alone. Decoding is bounded: no length is believed before it was compared with what is there.

mod decode;
mod encode;

pub(in crate::store) use decode::Cursor as RecordCursor;
pub use decode::{DecodeError, decode};
pub(in crate::store) use encode::nanoseconds as encode_nanoseconds;
pub use encode::{check, encode};

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use jiff::Timestamp;

use super::key::Key;
use super::merkle::Hash;
use crate::base::id::PartnerId;
use crate::base::limits::MESSAGE_BYTES_MAX;

/// Octets of one encoded record: the message as received, as verified, and the answer, each at its largest.
pub const RECORD_BYTES_MAX: usize = 4 * MESSAGE_BYTES_MAX;
/// Parts of one record.
pub const PARTS_MAX: usize = 32;
/// Operations of one kind in one commit.
pub const OPERATIONS_MAX: usize = 4_096;
/// Octets of one [`Commit::put`] value: state is small, what is large is a part.
pub const VALUE_BYTES_MAX: usize = 64 * 1024;
/// Octets of a reference id.
pub const REFERENCE_BYTES_MAX: usize = 128;

/// Where a record stands in the journal: the octet of its frame in a segment. Later records compare greater.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Position {
    segment: u64,
    offset: u64,
}

impl Position {
    const OFFSET_BITS: u32 = 40;

    /// Segment numbers go to 2^24, offsets to 2^40.
    #[must_use]
    pub fn new(segment: u64, offset: u64) -> Option<Self> {
        (segment < 1 << 24 && offset < 1 << Self::OFFSET_BITS).then_some(Self { segment, offset })
    }

    /// The segment's number, from 1.
    #[must_use]
    pub fn segment(self) -> u64 {
        self.segment
    }

    /// The octet in the segment.
    #[must_use]
    pub fn offset(self) -> u64 {
        self.offset
    }

    /// Both in one number, in the order of the journal: the version of every key that the record writes.
    #[must_use]
    pub fn version(self) -> u64 {
        (self.segment << Self::OFFSET_BITS) | self.offset
    }

    /// The position with this [`Position::version`].
    #[must_use]
    pub fn from_version(version: u64) -> Self {
        Self { segment: version >> Self::OFFSET_BITS, offset: version & ((1 << Self::OFFSET_BITS) - 1) }
    }
}

/// `segment:offset`, as it is printed and given on the command line.
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.segment, self.offset)
    }
}

impl std::str::FromStr for Position {
    type Err = PositionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (segment, offset) = text.split_once(':').ok_or(PositionError)?;
        let segment = segment.parse().map_err(|_| PositionError)?;
        let offset = offset.parse().map_err(|_| PositionError)?;
        Self::new(segment, offset).ok_or(PositionError)
    }
}

/// Not a position: `12`, `a:b`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("position: expected segment:offset in decimal digits")]
pub struct PositionError;

macro_rules! codes {
    ($(#[$type_doc:meta])* $type:ident { $($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)* }) => {
        $(#[$type_doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        #[repr(u8)]
        pub enum $type {
            $($(#[$doc])* $name = $code),*
        }

        impl $type {
            /// All of them.
            pub const ALL: &'static [$type] = &[$($type::$name),*];

            /// The one with this code.
            #[must_use]
            pub fn from_code(code: u8) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// Its name in reports.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text),*
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

codes! {
    /// What a record tells. The code stands in the journal and never changes its meaning.
    RecordKind {
        /// A message of a partner was accepted and acknowledged.
        Received = 1, "received";
        /// A message of an established partner was refused.
        Refused = 2, "refused";
        /// A message was taken for delivery.
        Submitted = 3, "submitted";
        /// A delivery was tried and has to be tried again.
        Attempted = 4, "attempted";
        /// A delivery ended with a verified receipt.
        Delivered = 5, "delivered";
        /// A delivery ended without one and waits for a person.
        Held = 6, "held";
        /// A partner's signed refusal ended a delivery.
        Declined = 7, "declined";
        /// State changed without a message.
        Changed = 8, "changed";
        /// An alert was raised or closed.
        Alert = 9, "alert";
        /// Somebody with a name did something.
        Act = 10, "act";
        /// A message known already was answered again.
        Repeated = 11, "repeated";
        /// The store's own: heads of the partners' trees, bound in the owner's.
        Heads = 12, "heads";
    }
}

codes! {
    /// What a part of a record is. The code stands in the journal and never changes its meaning.
    PartName {
        /// Octets as they came from the wire, or as they were handed in.
        Request = 1, "request";
        /// The envelope as verified, decrypted in place.
        Clear = 2, "clear";
        /// The business document element.
        Document = 3, "document";
        /// The Acknowledgement element, returned byte for byte for ever.
        Acknowledgement = 4, "acknowledgement";
        /// The answer as sent.
        Reply = 5, "reply";
        /// Octets as sent to a partner.
        Sent = 6, "sent";
        /// A partner's answer as it came.
        Answer = 7, "answer";
        /// Why: the true reason, which only its owner reads.
        Reason = 8, "reason";
        /// Facts without personal data, JSON.
        Facts = 9, "facts";
        /// What the leaf is the hash of.
        Entry = 10, "entry";
        /// A certificate that was used, DER.
        Certificate = 11, "certificate";
        /// Heads of trees (the store's own).
        Heads = 12, "heads";
        /// Anything else, JSON.
        Note = 13, "note";
    }
}

/// A named piece of a record.
#[derive(Clone, PartialEq, Eq)]
pub struct Part {
    /// What it is.
    pub name: PartName,
    /// Its octets.
    pub octets: Octets,
}

/// Octets of a part: its own, or those that somebody else holds too, as a message that is still being answered.
#[derive(Clone)]
pub enum Octets {
    /// Its own.
    Own(Vec<u8>),
    /// Shared.
    Shared(Arc<Vec<u8>>),
}

impl Deref for Octets {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            Self::Own(octets) => octets,
            Self::Shared(octets) => octets,
        }
    }
}

impl PartialEq for Octets {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}
impl Eq for Octets {}

impl From<Vec<u8>> for Octets {
    fn from(octets: Vec<u8>) -> Self {
        Self::Own(octets)
    }
}

impl From<&[u8]> for Octets {
    fn from(octets: &[u8]) -> Self {
        Self::Own(octets.to_vec())
    }
}

impl<const N: usize> From<&[u8; N]> for Octets {
    fn from(octets: &[u8; N]) -> Self {
        Self::Own(octets.to_vec())
    }
}

impl From<Arc<Vec<u8>>> for Octets {
    fn from(octets: Arc<Vec<u8>>) -> Self {
        Self::Shared(octets)
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Contents of messages do not belong into logs.
        write!(f, "{} ({} octets)", self.name, self.octets.len())
    }
}

/// What is written once and never changes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// What it tells.
    pub kind: RecordKind,
    /// Whose message; none for our own affairs.
    pub partner: Option<PartnerId>,
    /// When it happened, as its writer saw it: the time of receipt.
    pub time: Timestamp,
    /// The reference id under which it is found.
    pub reference: String,
    /// Its pieces, in order; a name may come more than once.
    pub parts: Vec<Part>,
}

impl Record {
    /// A record without partner and parts.
    #[must_use]
    pub fn new(kind: RecordKind, time: Timestamp, reference: impl Into<String>) -> Self {
        Self { kind, partner: None, time, reference: reference.into(), parts: Vec::new() }
    }

    /// Of this partner.
    #[must_use]
    pub fn partner(mut self, partner: PartnerId) -> Self {
        self.partner = Some(partner);
        self
    }

    /// With one more part.
    #[must_use]
    pub fn part(mut self, name: PartName, octets: impl Into<Octets>) -> Self {
        self.parts.push(Part { name, octets: octets.into() });
        self
    }

    /// The first part of this name.
    #[must_use]
    pub fn octets(&self, name: PartName) -> Option<&[u8]> {
        self.parts.iter().find(|part| part.name == name).map(|part| &*part.octets)
    }
}

/// What must hold for a commit to happen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Require {
    /// Nothing stands under the key.
    Absent(Key),
    /// The key was last written at this version.
    Version {
        /// The key.
        key: Key,
        /// Its version.
        version: u64,
    },
}

impl Require {
    /// The key it is about.
    #[must_use]
    pub fn key(&self) -> &Key {
        match self {
            Self::Absent(key) | Self::Version { key, .. } => key,
        }
    }
}

/// A leaf for a partner's tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Leaf {
    /// Whose tree.
    pub tree: PartnerId,
    /// SHA-256(0x00 || entry): [`super::merkle::leaf_hash`].
    pub hash: Hash,
}

/// A record and everything that becomes true with it, as one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Commit {
    /// The record.
    pub record: Record,
    /// What must hold.
    pub require: Vec<Require>,
    /// Keys that from now on point to this record.
    pub point: Vec<Key>,
    /// Keys that from now on hold this state.
    pub put: Vec<(Key, Vec<u8>)>,
    /// Keys that from now on hold nothing.
    pub remove: Vec<Key>,
    /// The leaf that the record adds to a tree.
    pub leaf: Option<Leaf>,
}

impl Commit {
    /// A record alone.
    #[must_use]
    pub fn new(record: Record) -> Self {
        Self { record, require: Vec::new(), point: Vec::new(), put: Vec::new(), remove: Vec::new(), leaf: None }
    }

    /// Only if this holds.
    #[must_use]
    pub fn require(mut self, require: Require) -> Self {
        self.require.push(require);
        self
    }

    /// `key` points to this record.
    #[must_use]
    pub fn point(mut self, key: Key) -> Self {
        self.point.push(key);
        self
    }

    /// `key` holds `value`.
    #[must_use]
    pub fn put(mut self, key: Key, value: impl Into<Vec<u8>>) -> Self {
        self.put.push((key, value.into()));
        self
    }

    /// `key` holds nothing.
    #[must_use]
    pub fn remove(mut self, key: Key) -> Self {
        self.remove.push(key);
        self
    }

    /// The record adds a leaf to `tree`.
    #[must_use]
    pub fn leaf(mut self, tree: PartnerId, hash: Hash) -> Self {
        self.leaf = Some(Leaf { tree, hash });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_order_as_the_journal_and_read_back() {
        let early = Position::new(1, 1 << 39).unwrap();
        let late = Position::new(2, 4096).unwrap();
        assert!(early < late && early.version() < late.version());
        assert_eq!(Position::from_version(late.version()), late);
        assert_eq!("2:4096".parse(), Ok(late));
        assert_eq!(late.to_string(), "2:4096");
        for text in ["", "2", "2:", "a:1", "16777216:0", "-1:0"] {
            assert_eq!(text.parse::<Position>(), Err(PositionError), "{text}");
        }
    }
}
