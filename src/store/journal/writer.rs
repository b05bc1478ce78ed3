//! The writing end of the journal: one owner, one batch in flight.
//!
//! A segment is zero-filled ahead by a thread of its own and then written through `O_DSYNC`: no size and no extent
//! changes in a commit, so each costs the file system no journal commit of its own. Without `zero_fill` files grow;
//! the durability is the same. A failed or short write is fatal: nothing is written after it, ever.

use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::record::Position;
use super::super::{CommitError, Error};
use super::disk::{Disk, DiskFile, Durable, write_whole, write_zeros};
use super::filler::{Filler, NoSpare};
use super::frame::{CLOSING_BYTES, Frame, Salt, batch_length, seal};
use super::reader::{JournalCursor, JournalEnd};
use super::segment::{self, HEADER_BYTES, Identity, SegmentHeader};

/// How the journal is written.
#[derive(Clone, Copy, Debug)]
pub struct JournalOptions {
    /// Octets of a segment; a batch that is larger gets a segment of its own.
    pub segment_bytes: u64,
    /// Whether segments are zero-filled ahead.
    pub zero_fill: bool,
    /// Octets of the disk that stay free.
    pub min_free_bytes: u64,
}

/// Why a batch was not written.
#[derive(Debug)]
pub enum WriteError {
    /// No room; nothing was written, and the journal goes on.
    Full {
        /// Octets free.
        free_bytes: u64,
    },
    /// A write failed: nothing may be written any more.
    Fatal {
        /// What failed.
        reason: String,
    },
}

/// Writes batches.
pub struct JournalWriter {
    disk: Arc<dyn Disk>,
    journal: PathBuf,
    options: JournalOptions,
    identity: Identity,
    cursor: JournalCursor,
    current: Option<Current>,
    filler: Filler,
    free_bytes: Option<u64>,
    dead: bool,
}

struct Current {
    file: Arc<dyn DiskFile>,
    salt: Salt,
    capacity: u64,
}

/// Makes the end of the journal durable and clean before anything is answered from it: cuts an unfinished batch,
/// removes an empty last segment, syncs the last segments and their names.
///
/// # Errors
/// When the file system refuses.
pub fn settle(disk: &dyn Disk, journal: &Path, end: &JournalEnd) -> Result<(), Error> {
    let failed = |what, path: &Path| {
        let path = path.display().to_string();
        move |source| Error::Io { what, path, source }
    };
    if let Some(number) = end.empty_segment {
        let path = segment::path(journal, number);
        disk.remove(&path).map_err(failed("remove", &path))?;
    }
    for number in [end.cursor.segment.saturating_sub(1), end.cursor.segment] {
        let path = segment::path(journal, number);
        if !path.exists() {
            continue;
        }
        let file = disk.open(&path, Durable::Later).map_err(failed("open", &path))?;
        if number == end.cursor.segment && end.torn_bytes > 0 {
            let from = end.cursor.offset;
            write_zeros(&*file, from, from + end.torn_bytes).map_err(failed("cut the unfinished batch of", &path))?;
        }
        file.sync().map_err(failed("sync", &path))?;
    }
    disk.sync_directory(journal).map_err(failed("sync", journal))
}

impl JournalWriter {
    /// Goes on at `cursor`, which [`settle`] has made ready.
    ///
    /// # Errors
    /// When the last segment cannot be opened, or the first one not be made.
    pub fn start(
        disk: Arc<dyn Disk>,
        journal: &Path,
        options: JournalOptions,
        identity: Identity,
        cursor: JournalCursor,
        now: i64,
    ) -> Result<Self, Error> {
        let path = segment::path(journal, cursor.segment);
        let failed = |what| {
            let path = path.display().to_string();
            move |source| Error::Io { what, path, source }
        };
        let current = match std::fs::File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed("open")(error)),
            Ok(file) => {
                let header = SegmentHeader::read(&file).map_err(failed("read"))?;
                let header = header.ok_or_else(|| failed("read the header of")(io::ErrorKind::InvalidData.into()))?;
                let length = file.metadata().map_err(failed("read"))?.len();
                let file = disk.open(&path, Durable::AtOnce).map_err(failed("open"))?;
                let capacity = length.max(options.segment_bytes).max(header.filled);
                Some(Current { file, salt: header.salt(), capacity })
            }
        };
        let filler = Filler::start(disk.clone(), journal, options);
        let journal = journal.to_owned();
        let mut writer =
            Self { disk, journal, options, identity, cursor, current, filler, free_bytes: None, dead: false };
        writer.free_bytes = writer.disk.free_bytes(&writer.journal).ok();
        if cursor.number == 1 && writer.current.is_none() {
            // The identity must stand before anybody is told a log id.
            writer.roll(now).map_err(|error| Error::Stopped(error.to_commit_error(&options)))?;
        }
        Ok(writer)
    }

    /// Where the next batch will begin.
    #[must_use]
    pub fn cursor(&self) -> JournalCursor {
        self.cursor
    }

    /// Octets free on the disk before the last batch.
    #[must_use]
    pub fn free_bytes(&self) -> Option<u64> {
        self.free_bytes
    }

    /// Writes a batch at journal time `time` (nanoseconds); when this returns it is durable.
    ///
    /// # Errors
    /// [`WriteError::Full`]: nothing happened, `frames` may be given again. [`WriteError::Fatal`]: never again.
    pub fn append(&mut self, time: i64, frames: &mut [(Frame, Option<u64>)]) -> Result<Vec<Position>, WriteError> {
        if self.dead {
            return Err(WriteError::Fatal { reason: "a write failed before".to_owned() });
        }
        let octets: usize = frames.iter().map(|(frame, _)| frame.length()).sum();
        let length = batch_length(octets);
        self.check_room(length)?;
        let result = self.append_checked(time, frames, length);
        self.dead |= matches!(result, Err(WriteError::Fatal { .. }));
        result
    }

    fn append_checked(
        &mut self,
        time: i64,
        frames: &mut [(Frame, Option<u64>)],
        length: u64,
    ) -> Result<Vec<Position>, WriteError> {
        // Without a roll, or after one, the batch has its place: a fresh segment takes a batch of any length.
        let fits = self.current.as_ref().is_some_and(|current| {
            self.cursor.offset + length + CLOSING_BYTES <= current.capacity || self.cursor.offset == HEADER_BYTES
        });
        if !fits {
            self.roll(time)?;
        }
        let current = self.current.as_ref().expect("a segment is open, or roll failed");
        let before = self.cursor;
        let sealed = seal(&current.salt, before.offset, before.number, time, &before.chain, frames);
        let mut slices = Vec::with_capacity(frames.len() + 2);
        slices.push(IoSlice::new(&sealed.header));
        slices.extend(frames.iter().map(|(frame, _)| IoSlice::new(frame.octets())));
        slices.push(IoSlice::new(&sealed.trailer));
        write_whole(&*current.file, before.offset, &slices).map_err(|error| self.fatal("write a batch to", &error))?;
        let positions = sealed.offsets.iter().map(|offset| Position::new(before.segment, *offset));
        let positions: Option<Vec<Position>> = positions.collect();
        self.cursor = JournalCursor {
            offset: before.offset + sealed.length,
            number: before.number + 1,
            chain: sealed.chain,
            time,
            ..before
        };
        if self.cursor.offset > current.capacity / 2 {
            self.filler.want();
        }
        positions.ok_or_else(|| WriteError::Fatal { reason: "the journal has reached its last position".to_owned() })
    }

    /// Closes the current segment and begins the next. Closing is where its sorted index is to be written later.
    fn roll(&mut self, time: i64) -> Result<(), WriteError> {
        let spare = match self.filler.take() {
            Ok(spare) => spare,
            Err(NoSpare::Full { free_bytes }) => return Err(WriteError::Full { free_bytes }),
            Err(NoSpare::Failed { reason }) => return Err(WriteError::Fatal { reason }),
        };
        if let Some(current) = self.current.take() {
            let before = self.cursor;
            let sealed = seal(&current.salt, before.offset, before.number, time, &before.chain, &mut []);
            let slices = [IoSlice::new(&sealed.header), IoSlice::new(&sealed.trailer)];
            write_whole(&*current.file, before.offset, &slices).map_err(|error| self.fatal("close", &error))?;
            let (segment, offset, number) = (before.segment + 1, HEADER_BYTES, before.number + 1);
            self.cursor = JournalCursor { segment, offset, number, chain: sealed.chain, time };
        }
        let mut salt = [0; 16];
        openssl::rand::rand_bytes(&mut salt)
            .map_err(|error| WriteError::Fatal { reason: format!("no random octets: {error}") })?;
        let header = SegmentHeader {
            number: self.cursor.segment,
            first_batch: self.cursor.number,
            made: time,
            identity: self.identity,
            salt,
            chain: self.cursor.chain,
            filled: spare.filled,
        };
        let path = segment::path(&self.journal, header.number);
        let file = self.disk.open(&spare.path, Durable::AtOnce).map_err(|error| self.fatal("open", &error))?;
        write_whole(&*file, 0, &[IoSlice::new(&header.encode())])
            .map_err(|error| self.fatal("write the header of", &error))?;
        self.disk.rename(&spare.path, &path).map_err(|error| self.fatal("rename the next segment to", &error))?;
        self.disk.sync_directory(&self.journal).map_err(|error| self.fatal("sync the directory of", &error))?;
        let capacity = self.options.segment_bytes;
        self.current = Some(Current { file, salt: header.salt(), capacity });
        Ok(())
    }

    fn check_room(&mut self, length: u64) -> Result<(), WriteError> {
        // A disk that cannot tell its room is asked by writing.
        self.free_bytes = self.disk.free_bytes(&self.journal).ok();
        match self.free_bytes {
            Some(free_bytes) if free_bytes < self.options.min_free_bytes.saturating_add(self.growth(length)) => {
                Err(WriteError::Full { free_bytes })
            }
            _ => Ok(()),
        }
    }

    /// Octets that writing a batch would take from the disk.
    fn growth(&self, length: u64) -> u64 {
        let capacity = self.current.as_ref().map_or(0, |current| current.capacity);
        match self.options.zero_fill && length + HEADER_BYTES + CLOSING_BYTES <= capacity {
            true => 0,
            false => length,
        }
    }

    fn fatal(&self, what: &str, error: &io::Error) -> WriteError {
        let path = segment::path(&self.journal, self.cursor.segment);
        WriteError::Fatal { reason: format!("cannot {what} {}: {error}", path.display()) }
    }
}

impl WriteError {
    /// What a writer is told.
    #[must_use]
    pub fn to_commit_error(&self, options: &JournalOptions) -> CommitError {
        match self {
            Self::Full { free_bytes } => {
                CommitError::Full { free_bytes: *free_bytes, reserve_bytes: options.min_free_bytes }
            }
            Self::Fatal { reason } => CommitError::Stopped { reason: reason.as_str().into() },
        }
    }
}
