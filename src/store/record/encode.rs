//! A commit to octets.

use super::super::CommitError;
use super::super::key::{KEY_BYTES_MAX, Key};
use super::{Commit, OPERATIONS_MAX, PARTS_MAX, RECORD_BYTES_MAX, REFERENCE_BYTES_MAX, Require, VALUE_BYTES_MAX};

/// The version of the encoding.
pub(super) const VERSION: u8 = 1;
pub(super) const REQUIRE_ABSENT: u8 = 0;
pub(super) const REQUIRE_VERSION: u8 = 1;
/// Flags of a part: its octets stand in clear.
pub(super) const PART_CLEAR: u8 = 0;

/// The octets of `commit`, appended to `out`; nothing is appended on an error.
///
/// # Errors
/// [`CommitError::Bounds`] when a bound of [`super`] is passed or two operations write one key.
pub fn encode(commit: &Commit, out: &mut Vec<u8>) -> Result<(), CommitError> {
    check(commit)?;
    let record = &commit.record;
    let time = nanoseconds(record.time)?;
    out.reserve(record.parts.iter().map(|part| part.octets.len() + 6).sum::<usize>() + 512);
    out.push(VERSION);
    out.push(record.kind as u8);
    out.extend_from_slice(&time.to_be_bytes());
    short(record.partner.as_ref().map_or(&[], |partner| partner.as_str().as_bytes()), out);
    short(record.reference.as_bytes(), out);
    count(commit.require.len(), out);
    for require in &commit.require {
        match require {
            Require::Absent(name) => {
                out.push(REQUIRE_ABSENT);
                key(name, out);
            }
            Require::Version { key: name, version } => {
                out.push(REQUIRE_VERSION);
                key(name, out);
                out.extend_from_slice(&version.to_be_bytes());
            }
        }
    }
    count(commit.point.len(), out);
    commit.point.iter().for_each(|name| key(name, out));
    count(commit.put.len(), out);
    for (name, value) in &commit.put {
        key(name, out);
        long(value, out);
    }
    count(commit.remove.len(), out);
    commit.remove.iter().for_each(|name| key(name, out));
    short(commit.leaf.as_ref().map_or(&[], |leaf| leaf.tree.as_str().as_bytes()), out);
    if let Some(leaf) = &commit.leaf {
        out.extend_from_slice(leaf.hash.as_bytes());
    }
    count(record.parts.len(), out);
    for part in &record.parts {
        out.push(part.name as u8);
        out.push(PART_CLEAR);
        long(&part.octets, out);
    }
    Ok(())
}

/// Nanoseconds since 1970; the years 1678 to 2262 have them.
pub(crate) fn nanoseconds(time: jiff::Timestamp) -> Result<i64, CommitError> {
    i64::try_from(time.as_nanosecond()).map_err(|_| CommitError::Bounds {
        what: "year of a time",
        most: 2262,
        came: u64::try_from(time.as_second() / 31_556_952 + 1970).unwrap_or(0),
    })
}

/// One octet of length; [`check`] has seen that it fits.
fn short(octets: &[u8], out: &mut Vec<u8>) {
    out.push(u8::try_from(octets.len()).expect("bounded by check"));
    out.extend_from_slice(octets);
}

fn long(octets: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&u32::try_from(octets.len()).expect("bounded by check").to_be_bytes());
    out.extend_from_slice(octets);
}

fn count(number: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&u16::try_from(number).expect("bounded by check").to_be_bytes());
}

fn key(key: &Key, out: &mut Vec<u8>) {
    out.push(key.table as u8);
    out.extend_from_slice(&u16::try_from(key.bytes.len()).expect("bounded by check").to_be_bytes());
    out.extend_from_slice(&key.bytes);
}

/// Whether the bounds of [`super`] hold.
///
/// # Errors
/// [`CommitError::Bounds`].
pub fn check(commit: &Commit) -> Result<(), CommitError> {
    let record = &commit.record;
    nanoseconds(record.time)?;
    bound("parts of a record", PARTS_MAX, record.parts.len())?;
    bound("octets of a reference id", REFERENCE_BYTES_MAX, record.reference.len())?;
    bound("preconditions of a commit", OPERATIONS_MAX, commit.require.len())?;
    bound("keys that point to a record", OPERATIONS_MAX, commit.point.len())?;
    bound("values of a commit", OPERATIONS_MAX, commit.put.len())?;
    bound("keys removed by a commit", OPERATIONS_MAX, commit.remove.len())?;
    let keys = commit.require.iter().map(Require::key).chain(written(commit));
    let mut octets = 0usize;
    for name in keys {
        bound("octets of a key", KEY_BYTES_MAX, name.bytes.len())?;
        octets += name.bytes.len() + 12;
    }
    for (_, value) in &commit.put {
        bound("octets of a value", VALUE_BYTES_MAX, value.len())?;
        octets += value.len() + 4;
    }
    for part in &record.parts {
        octets = octets.saturating_add(part.octets.len() + 6);
    }
    bound("octets of a record", RECORD_BYTES_MAX, octets.saturating_add(512))?;
    match twice(commit) {
        true => Err(CommitError::Bounds { what: "writes to one key", most: 1, came: 2 }),
        false => Ok(()),
    }
}

fn written(commit: &Commit) -> impl Iterator<Item = &Key> {
    commit.point.iter().chain(commit.put.iter().map(|(key, _)| key)).chain(&commit.remove)
}

fn twice(commit: &Commit) -> bool {
    let mut keys: Vec<&Key> = written(commit).collect();
    keys.sort_unstable();
    keys.windows(2).any(|pair| pair[0] == pair[1])
}

fn bound(what: &'static str, most: usize, came: usize) -> Result<(), CommitError> {
    if came <= most { Ok(()) } else { Err(CommitError::Bounds { what, most: most as u64, came: came as u64 }) }
}
