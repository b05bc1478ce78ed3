//! Segment files: their names and their header.
//!
//! ```text
//! header  magic 8 | version 4 | flags 4 | number 8 | first batch 8 | made 8 | store id 16 | key secret 32 | salt 16
//!         | chain before 32 | octets zero-filled 8 | CRC-32 of all these 4 | zeros to 4096
//! ```
//! The key secret (for [`crate::store::Key::keyed`]) goes under the store key with encryption at rest.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::super::Error;
use super::super::merkle::Hash;
use super::frame::Salt;

/// Octets of a header.
pub const HEADER_BYTES: u64 = 4096;
/// The version of the format.
pub const VERSION: u32 = 1;
const USED: usize = 8 + 4 + 4 + 8 + 8 + 8 + 16 + 32 + 16 + 32 + 8 + 4;
const MAGIC: [u8; 8] = *b"COCOJRNL";

/// What never changes over the segments of one store.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Which store.
    pub store_id: [u8; 16],
    /// What its keys are hashed with.
    pub secret: [u8; 32],
}

/// The header of a segment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SegmentHeader {
    /// Number, from 1.
    pub number: u64,
    /// Number of its first batch.
    pub first_batch: u64,
    /// When it was made, nanoseconds since 1970.
    pub made: i64,
    /// Whose it is.
    pub identity: Identity,
    /// Its salt.
    pub salt: [u8; 16],
    /// The chain up to its first batch.
    pub chain: Hash,
    /// Octets that were zero-filled.
    pub filled: u64,
}

impl SegmentHeader {
    /// What salts its checksums.
    #[must_use]
    pub fn salt(&self) -> Salt {
        Salt { octets: self.salt, segment: self.number }
    }

    /// Its octets.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut octets = Vec::with_capacity(HEADER_BYTES as usize);
        octets.extend_from_slice(&MAGIC);
        octets.extend_from_slice(&VERSION.to_be_bytes());
        octets.extend_from_slice(&[0; 4]);
        octets.extend_from_slice(&self.number.to_be_bytes());
        octets.extend_from_slice(&self.first_batch.to_be_bytes());
        octets.extend_from_slice(&self.made.to_be_bytes());
        octets.extend_from_slice(&self.identity.store_id);
        octets.extend_from_slice(&self.identity.secret);
        octets.extend_from_slice(&self.salt);
        octets.extend_from_slice(self.chain.as_bytes());
        octets.extend_from_slice(&self.filled.to_be_bytes());
        let crc = crc32fast::hash(&octets);
        octets.extend_from_slice(&crc.to_be_bytes());
        octets.resize(HEADER_BYTES as usize, 0);
        octets
    }

    /// Reads a header; `None` when it is none of this version.
    #[must_use]
    pub fn decode(octets: &[u8]) -> Option<Self> {
        let used = octets.get(..USED)?;
        let (body, crc) = used.split_at(USED - 4);
        let mut rest = body;
        let mut take = |length: usize| {
            let (taken, left) = rest.split_at_checked(length)?;
            rest = left;
            Some(taken)
        };
        if take(8)? != MAGIC || take(4)? != VERSION.to_be_bytes() || take(4)? != [0; 4] {
            return None;
        }
        let header = Self {
            number: u64::from_be_bytes(take(8)?.try_into().ok()?),
            first_batch: u64::from_be_bytes(take(8)?.try_into().ok()?),
            made: i64::from_be_bytes(take(8)?.try_into().ok()?),
            identity: Identity { store_id: take(16)?.try_into().ok()?, secret: take(32)?.try_into().ok()? },
            salt: take(16)?.try_into().ok()?,
            chain: Hash::from_slice(take(32)?)?,
            filled: u64::from_be_bytes(take(8)?.try_into().ok()?),
        };
        (crc == crc32fast::hash(body).to_be_bytes()).then_some(header)
    }

    /// Reads the header of an open segment; `None` when it has none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(file: &File) -> io::Result<Option<Self>> {
        let mut octets = [0; USED];
        match read_up_to(file, 0, &mut octets)? {
            USED => Ok(Self::decode(&octets)),
            _ => Ok(None),
        }
    }
}

/// Reads until `octets` is full or the file ends.
pub(in crate::store) fn read_up_to(file: &File, offset: u64, octets: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < octets.len() {
        match file.read_at(&mut octets[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// The file of segment `number`.
#[must_use]
pub fn path(journal: &Path, number: u64) -> PathBuf {
    journal.join(format!("{number:010}.seg"))
}

/// The numbers of all segments in `journal`, ascending. A missing directory has none.
///
/// # Errors
/// When the directory cannot be read, or a number is missing between two others.
pub fn list(journal: &Path) -> Result<Vec<u64>, Error> {
    let failed = |source| Error::Io { what: "list", path: journal.display().to_string(), source };
    let mut numbers = Vec::new();
    let entries = match fs::read_dir(journal) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(numbers),
        Err(error) => return Err(failed(error)),
    };
    for entry in entries {
        let name = entry.map_err(failed)?.file_name();
        let stem = name.to_str().and_then(|name| name.strip_suffix(".seg"));
        let number = stem.and_then(|stem| stem.parse::<u64>().ok());
        numbers.extend(number);
    }
    numbers.sort_unstable();
    match numbers.windows(2).find(|pair| pair[1] != pair[0] + 1) {
        None => Ok(numbers),
        Some(pair) => Err(Error::Damaged {
            file: path(journal, pair[0] + 1).display().to_string(),
            offset: 0,
            expected: format!("segment {}", pair[0] + 1),
            came: "no such file".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_reads_back_and_no_flipped_octet_passes() {
        let header = SegmentHeader {
            number: 3,
            first_batch: 17,
            made: -5,
            identity: Identity { store_id: [1; 16], secret: [2; 32] },
            salt: [3; 16],
            chain: Hash::new([4; 32]),
            filled: 1 << 20,
        };
        let octets = header.encode();
        assert_eq!(octets.len() as u64, HEADER_BYTES);
        assert!(SegmentHeader::decode(&octets) == Some(header));
        for at in 0..USED {
            let mut flipped = octets.clone();
            flipped[at] ^= 1;
            assert!(SegmentHeader::decode(&flipped).is_none(), "{at}");
        }
    }
}
