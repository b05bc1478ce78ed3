//! Reading single records by their position.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;

use super::super::merkle::{HASH_BYTES, Hash};
use super::super::record::{Position, decode};
use super::super::{Error, Journaled};
use super::frame::{ALIGN, BatchHead, FrameKind, HEAD_BYTES, RecordHead, Salt, TRAILER_BYTES};
use super::reader::{Item, position};
use super::segment::{self, HEADER_BYTES, SegmentHeader, read_up_to};

/// Segments kept open for reading.
const OPEN_MAX: usize = 64;

/// Reads records by position; shared by all readers of a store.
pub struct Lookup {
    journal: PathBuf,
    open: Mutex<HashMap<u64, Arc<Segment>>>,
}

struct Segment {
    file: File,
    salt: Salt,
}

impl Lookup {
    /// Reads in directory `journal`.
    #[must_use]
    pub fn new(journal: &Path) -> Self {
        Self { journal: journal.to_owned(), open: Mutex::new(HashMap::new()) }
    }

    /// The record at `at`.
    ///
    /// # Errors
    /// [`Error::NoRecord`] when no record head stands there, [`Error::Damaged`] when its octets are not its own.
    pub fn read(&self, at: Position) -> Result<Journaled, Error> {
        let segment = self.segment(at)?;
        let head = self.head(&segment, at)?;
        let mut octets = vec![0; head.length as usize];
        let from = at.offset() + HEAD_BYTES as u64;
        let read = read_up_to(&segment.file, from, &mut octets).map_err(|error| self.io(at.segment(), error))?;
        let crc = crc32fast::hash(&octets);
        if read != octets.len() || crc != head.crc {
            return Err(Error::Damaged {
                file: segment::path(&self.journal, at.segment()).display().to_string(),
                offset: at.offset(),
                expected: format!("a record with CRC-32 {:08x}", head.crc),
                came: format!("{crc:08x}"),
            });
        }
        let commit = decode(&octets).map_err(|source| Error::Record { position: at, source })?;
        let time = Timestamp::from_nanosecond(i128::from(head.time)).expect("64 bits of nanoseconds are in range");
        Ok(Item { position: at, time, leaf_index: head.leaf_index, commit }.into_journaled())
    }

    /// The first record of the journal.
    ///
    /// # Errors
    /// When it cannot be read. There must be one.
    pub fn first(&self) -> Result<Position, Error> {
        let number = segment::list(&self.journal)?.first().copied().unwrap_or(1);
        self.first_from(number, HEADER_BYTES)
    }

    /// The record behind that at `at`. There must be one.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn after(&self, at: Position) -> Result<Position, Error> {
        let segment = self.segment(at)?;
        let head = self.head(&segment, at)?;
        let next = at.offset() + HEAD_BYTES as u64 + u64::from(head.length);
        match head.left {
            0 => self.first_from(at.segment(), (next + TRAILER_BYTES as u64).next_multiple_of(ALIGN)),
            _ => position(at.segment(), next),
        }
    }

    /// The chain up to and with the batch whose last record stands at `at`; `None` when it is not the last.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn chain(&self, at: Position) -> Result<Option<Hash>, Error> {
        let segment = self.segment(at)?;
        let head = self.head(&segment, at)?;
        let mut octets = [0; HASH_BYTES];
        let from = at.offset() + HEAD_BYTES as u64 + u64::from(head.length);
        let read = read_up_to(&segment.file, from, &mut octets).map_err(|error| self.io(at.segment(), error))?;
        Ok((head.left == 0 && read == HASH_BYTES).then_some(Hash::new(octets)))
    }

    /// The first record at or behind a place where a batch begins.
    fn first_from(&self, mut number: u64, mut offset: u64) -> Result<Position, Error> {
        loop {
            let here = position(number, offset)?;
            let segment = self.segment(here)?;
            let mut octets = [0; HEAD_BYTES];
            read_up_to(&segment.file, offset, &mut octets).map_err(|error| self.io(number, error))?;
            let head = BatchHead::decode(&octets, &segment.salt, offset).ok_or(Error::NoRecord { position: here })?;
            match head.kind {
                FrameKind::Batch => return position(number, offset + HEAD_BYTES as u64),
                FrameKind::Closing => (number, offset) = (number + 1, HEADER_BYTES),
            }
        }
    }

    fn head(&self, segment: &Segment, at: Position) -> Result<RecordHead, Error> {
        let mut octets = [0; HEAD_BYTES];
        read_up_to(&segment.file, at.offset(), &mut octets).map_err(|error| self.io(at.segment(), error))?;
        RecordHead::decode(&octets, &segment.salt, at.offset()).ok_or(Error::NoRecord { position: at })
    }

    fn segment(&self, at: Position) -> Result<Arc<Segment>, Error> {
        let mut open = self.open.lock().expect("no holder of this lock panics");
        if let Some(segment) = open.get(&at.segment()) {
            return Ok(segment.clone());
        }
        let file = match File::open(segment::path(&self.journal, at.segment())) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::NoRecord { position: at });
            }
            Err(error) => return Err(self.io(at.segment(), error)),
        };
        let header = SegmentHeader::read(&file).map_err(|error| self.io(at.segment(), error))?;
        let header = header.ok_or(Error::NoRecord { position: at })?;
        let segment = Arc::new(Segment { file, salt: header.salt() });
        if open.len() >= OPEN_MAX
            && let Some(oldest) = open.keys().min().copied()
        {
            open.remove(&oldest);
        }
        open.insert(at.segment(), segment.clone());
        Ok(segment)
    }

    fn io(&self, number: u64, source: std::io::Error) -> Error {
        Error::Io { what: "read", path: segment::path(&self.journal, number).display().to_string(), source }
    }
}
