//! Binding: a record of the partners' heads, itself a leaf of the owner's tree.
//!
//! ```text
//! version 1 | count 4 | per tree: length 1, partner id | size 8 | root 32
//! ```

use jiff::Timestamp;

use super::merkle::Hash;
use super::record::{Commit, DecodeError, PartName, Record, RecordCursor, RecordKind};
use crate::base::id::PartnerId;

const VERSION: u8 = 1;

/// A partner's head, as bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundHead {
    /// Whose tree.
    pub tree: PartnerId,
    /// Leaves.
    pub size: u64,
    /// Root over them.
    pub root: Hash,
}

/// The record that binds `heads`.
#[must_use]
pub fn record(heads: &[BoundHead], time: Timestamp) -> Commit {
    let mut octets = vec![VERSION];
    octets.extend_from_slice(&u32::try_from(heads.len()).unwrap_or(u32::MAX).to_be_bytes());
    for head in heads {
        let name = head.tree.as_str().as_bytes();
        octets.push(u8::try_from(name.len()).expect("a partner id is short"));
        octets.extend_from_slice(name);
        octets.extend_from_slice(&head.size.to_be_bytes());
        octets.extend_from_slice(head.root.as_bytes());
    }
    Commit::new(Record::new(RecordKind::Heads, time, "heads").part(PartName::Heads, octets))
}

/// Reads the part of such a record.
///
/// # Errors
/// [`DecodeError`] for octets that [`record`] did not write.
pub fn decode(octets: &[u8]) -> Result<Vec<BoundHead>, DecodeError> {
    let mut from = RecordCursor::new(octets);
    let [version] = from.array("version")?;
    if version != VERSION {
        return Err(DecodeError::Code { at: 0, what: "version of bound heads", came: version });
    }
    let count = u32::from_be_bytes(from.array("count")?);
    let mut heads = Vec::new();
    for _ in 0..count {
        let tree = from.partner()?.ok_or(DecodeError::Form { at: 0, what: "partner id" })?;
        let size = u64::from_be_bytes(from.array("size")?);
        heads.push(BoundHead { tree, size, root: Hash::new(from.array("root")?) });
    }
    from.end()?;
    Ok(heads)
}
