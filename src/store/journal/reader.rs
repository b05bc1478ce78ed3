//! Reading the journal from front to back, beside a running server too. Writes nothing.
//!
//! Everything is checked on the way: headers, checksums, numbers without gaps, times that never go backwards, and the
//! chain. What cannot be the unfinished end stops the reader with [`Error::Damaged`].

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::super::merkle::Hash;
use super::super::record::{Commit, Position, decode};
use super::super::{Error, Journaled};
use super::frame::{ALIGN, BatchHead, Found, FrameKind, HEAD_BYTES, Salt, Wrong, chain_after, open as open_batch};
use super::segment::{self, HEADER_BYTES, Identity, SegmentHeader, read_up_to};

/// Where the next batch begins, and all that is needed to check it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalCursor {
    /// Segment.
    pub segment: u64,
    /// Octet in it.
    pub offset: u64,
    /// Number of the next batch.
    pub number: u64,
    /// The chain up to it.
    pub chain: Hash,
    /// Journal time of the last batch, nanoseconds since 1970.
    pub time: i64,
}

impl JournalCursor {
    /// Before the first batch of all.
    #[must_use]
    pub fn start() -> Self {
        Self { segment: 1, offset: HEADER_BYTES, number: 1, chain: Hash::new([0; 32]), time: i64::MIN }
    }

    /// As a position that every earlier record is before.
    #[must_use]
    pub fn position(&self) -> Position {
        Position::new(self.segment, self.offset).expect("the journal's own numbers are in range")
    }
}

/// A batch that was read and found sound.
pub struct Batch {
    /// Segment.
    pub segment: u64,
    /// Octet in it.
    pub offset: u64,
    /// Number.
    pub number: u64,
    /// Journal time.
    pub time: Timestamp,
    /// Where the next one begins.
    pub next: JournalCursor,
    octets: Vec<u8>,
    found: Vec<Found>,
}

/// A record with everything that was committed with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Where it stands.
    pub position: Position,
    /// Journal time.
    pub time: Timestamp,
    /// Its leaf's index.
    pub leaf_index: Option<u64>,
    /// The record and its operations.
    pub commit: Commit,
}

impl Item {
    /// Without the operations.
    #[must_use]
    pub fn into_journaled(self) -> Journaled {
        let leaf = self.commit.leaf.zip(self.leaf_index);
        Journaled { position: self.position, time: self.time, leaf, record: self.commit.record }
    }
}

impl Batch {
    /// Octets, header and trailer included.
    #[must_use]
    pub fn length(&self) -> usize {
        self.octets.len()
    }

    /// How many records it has.
    #[must_use]
    pub fn count(&self) -> usize {
        self.found.len()
    }

    /// Its records, decoded.
    pub fn items(&self) -> impl Iterator<Item = Result<Item, Error>> + '_ {
        self.found.iter().map(|found| {
            let position = position(self.segment, found.offset)?;
            let commit = decode(found.octets(&self.octets)).map_err(|source| Error::Record { position, source })?;
            Ok(Item { position, time: self.time, leaf_index: found.head.leaf_index, commit })
        })
    }
}

/// How the journal ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalEnd {
    /// Where the next batch is to be written. Its segment may not exist yet.
    pub cursor: JournalCursor,
    /// Octets of an unfinished batch: from the cursor up to the last that is not zero.
    pub torn_bytes: u64,
    /// A last segment without a header and without anything else.
    pub empty_segment: Option<u64>,
}

/// Reads batches in order.
pub struct JournalReader {
    journal: PathBuf,
    cursor: JournalCursor,
    identity: Option<Identity>,
    current: Option<Current>,
}

struct Current {
    file: File,
    salt: Salt,
    window: Window,
}

/// What stands at the cursor.
enum Step {
    Batch(Batch),
    Closing(JournalCursor),
    Wrong(Wrong),
}

impl JournalReader {
    /// A reader of the journal in directory `journal` that begins at `cursor`.
    #[must_use]
    pub fn new(journal: &Path, cursor: JournalCursor) -> Self {
        Self { journal: journal.to_owned(), cursor, identity: None, current: None }
    }

    /// Where the next batch begins.
    #[must_use]
    pub fn cursor(&self) -> JournalCursor {
        self.cursor
    }

    /// Whose journal it is; known once a segment was opened.
    #[must_use]
    pub fn identity(&self) -> Option<Identity> {
        self.identity
    }

    /// The next batch, or how the journal ends. After an end it may be asked again: the journal may have grown.
    ///
    /// # Errors
    /// [`Error::Damaged`] when what stands there is neither a batch nor the unfinished end.
    pub fn next_batch(&mut self) -> Result<Result<Batch, JournalEnd>, Error> {
        loop {
            if self.current.is_none()
                && let Some(end) = self.open()?
            {
                return Ok(Err(end));
            }
            match self.step()? {
                Step::Batch(batch) => {
                    self.cursor = batch.next;
                    return Ok(Ok(batch));
                }
                Step::Closing(next) => {
                    self.cursor = next;
                    self.current = None;
                }
                Step::Wrong(_) => {
                    if let Some(end) = self.judge()? {
                        return Ok(Err(end));
                    }
                }
            }
        }
    }

    /// Opens the cursor's segment; gives the end where there is none.
    fn open(&mut self) -> Result<Option<JournalEnd>, Error> {
        let number = self.cursor.segment;
        let path = segment::path(&self.journal, number);
        let end = |empty_segment| JournalEnd { cursor: self.cursor, torn_bytes: 0, empty_segment };
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some(end(None))),
            Err(error) => return Err(self.io("open", error)),
        };
        let Some(header) = SegmentHeader::read(&file).map_err(|error| self.io("read", error))? else {
            let later = segment::path(&self.journal, number + 1).exists();
            let used = last_used(&file, HEADER_BYTES).map_err(|error| self.io("read", error))?;
            return match (later, used) {
                (false, None) => Ok(Some(end(Some(number)))),
                _ => Err(self.damaged(&Wrong::new(0, "a segment header", "other octets"))),
            };
        };
        let at_start = self.cursor.offset == HEADER_BYTES;
        let fits = header.number == number
            && self.identity.is_none_or(|identity| identity == header.identity)
            && (!at_start || (header.first_batch == self.cursor.number && header.chain == self.cursor.chain));
        if !fits {
            let expected = format!("the header of segment {number}, first batch {}", self.cursor.number);
            let came = format!("that of segment {}, first batch {}", header.number, header.first_batch);
            return Err(self.damaged(&Wrong::new(0, expected, came)));
        }
        self.identity = Some(header.identity);
        self.current = Some(Current { file, salt: header.salt(), window: Window::default() });
        Ok(None)
    }

    fn step(&mut self) -> Result<Step, Error> {
        let cursor = self.cursor;
        let journal = &self.journal;
        let current = self.current.as_mut().expect("a segment was opened");
        current.step(cursor).map_err(|source| Error::Io {
            what: "read",
            path: segment::path(journal, cursor.segment).display().to_string(),
            source,
        })
    }

    /// Decides whether what stands at the cursor is the end (`Some`), damage (an error), or has become a batch
    /// meanwhile (`None`): there is one batch in flight, so whatever has a later one behind it is complete.
    fn judge(&mut self) -> Result<Option<JournalEnd>, Error> {
        let behind = self.behind()?;
        let current = self.current.as_mut().expect("a segment was opened");
        current.window = Window::default();
        let wrong = match self.step()? {
            Step::Wrong(wrong) => wrong,
            _ => return Ok(None),
        };
        if let Some(behind) = behind {
            let came = format!("{}, and a valid batch behind it ({behind})", wrong.came);
            return Err(self.damaged(&Wrong { came, ..wrong }));
        }
        let cursor = self.cursor;
        let current = self.current.as_ref().expect("a segment was opened");
        let used = last_used(&current.file, cursor.offset).map_err(|error| self.io("read", error))?;
        let torn_bytes = used.map_or(0, |last| last + 1 - cursor.offset);
        Ok(Some(JournalEnd { cursor, torn_bytes, empty_segment: None }))
    }

    /// Where a valid batch stands behind the cursor, if any does.
    fn behind(&self) -> Result<Option<String>, Error> {
        let later = segment::path(&self.journal, self.cursor.segment + 1);
        if let Ok(file) = File::open(&later) {
            let header = SegmentHeader::read(&file).map_err(|error| self.io("read", error))?;
            if header.is_some() || last_used(&file, HEADER_BYTES).map_err(|error| self.io("read", error))?.is_some() {
                return Ok(Some(later.display().to_string()));
            }
        }
        let current = self.current.as_ref().expect("a segment was opened");
        let found = current.valid_behind(self.cursor).map_err(|error| self.io("read", error))?;
        Ok(found.map(|offset| format!("octet {offset}")))
    }

    fn io(&self, what: &'static str, source: io::Error) -> Error {
        Error::Io { what, path: segment::path(&self.journal, self.cursor.segment).display().to_string(), source }
    }

    fn damaged(&self, wrong: &Wrong) -> Error {
        Error::Damaged {
            file: segment::path(&self.journal, self.cursor.segment).display().to_string(),
            offset: wrong.offset,
            expected: wrong.expected.clone(),
            came: wrong.came.clone(),
        }
    }
}

impl Current {
    fn step(&mut self, cursor: JournalCursor) -> io::Result<Step> {
        let salt = self.salt;
        let head = self.window.get(&self.file, cursor.offset, HEAD_BYTES)?;
        let Some(header) = head.first_chunk::<HEAD_BYTES>().filter(|_| head.len() == HEAD_BYTES) else {
            return Ok(Step::Wrong(Wrong::new(cursor.offset, "a batch", "the end of the file")));
        };
        let Some(head) = BatchHead::decode(header, &salt, cursor.offset) else {
            let came = if header.iter().all(|octet| *octet == 0) { "zeros" } else { "other octets" };
            return Ok(Step::Wrong(Wrong::new(cursor.offset, format!("batch {}", cursor.number), came)));
        };
        if head.number != cursor.number {
            let came = format!("batch {}", head.number);
            return Ok(Step::Wrong(Wrong::new(cursor.offset, format!("batch {}", cursor.number), came)));
        }
        if head.time < cursor.time {
            let came = format!("time {}", head.time);
            return Ok(Step::Wrong(Wrong::new(cursor.offset, format!("a time not before {}", cursor.time), came)));
        }
        let octets = self.window.get(&self.file, cursor.offset, head.length as usize)?;
        let (head, found, claimed) = match open_batch(octets, &salt, cursor.offset) {
            Ok(opened) => opened,
            Err(wrong) => return Ok(Step::Wrong(wrong)),
        };
        let chain = chain_after(&cursor.chain, octets, &found);
        if chain != claimed {
            let at = cursor.offset + octets.len() as u64;
            return Ok(Step::Wrong(Wrong::new(at, format!("chain {chain}"), claimed.to_string())));
        }
        let offset = (cursor.offset + u64::from(head.length)).next_multiple_of(ALIGN);
        let next = JournalCursor { segment: cursor.segment, offset, number: head.number + 1, chain, time: head.time };
        if head.kind == FrameKind::Closing {
            return Ok(Step::Closing(JournalCursor { segment: cursor.segment + 1, offset: HEADER_BYTES, ..next }));
        }
        let octets = octets.to_vec();
        let time = Timestamp::from_nanosecond(i128::from(head.time)).expect("64 bits of nanoseconds are in range");
        let (segment, offset, number) = (cursor.segment, cursor.offset, head.number);
        Ok(Step::Batch(Batch { segment, offset, number, time, next, octets, found }))
    }

    /// The octet of a valid batch behind the cursor, wherever its header may stand.
    fn valid_behind(&self, cursor: JournalCursor) -> io::Result<Option<u64>> {
        let mut window = Window::default();
        let Some(last) = last_used(&self.file, cursor.offset)? else { return Ok(None) };
        let mut at = cursor.offset + ALIGN;
        while at <= last {
            let head = window.get(&self.file, at, HEAD_BYTES)?;
            let head = head.first_chunk().and_then(|octets| BatchHead::decode(octets, &self.salt, at));
            if let Some(head) = head.filter(|head| head.number >= cursor.number) {
                let mut octets = Vec::new();
                read_bounded(&self.file, at, head.length as usize, &mut octets)?;
                if open_batch(&octets, &self.salt, at).is_ok() {
                    return Ok(Some(at));
                }
            }
            at += ALIGN;
        }
        Ok(None)
    }
}

/// A piece of a file, read ahead.
#[derive(Default)]
struct Window {
    start: u64,
    octets: Vec<u8>,
}

impl Window {
    const AHEAD: usize = 256 * 1024;

    /// Up to `length` octets at `offset`: fewer where the file ends.
    fn get(&mut self, file: &File, offset: u64, length: usize) -> io::Result<&[u8]> {
        let covered = offset >= self.start && offset + length as u64 <= self.start + self.octets.len() as u64;
        if !covered {
            self.start = offset;
            read_bounded(file, offset, length.max(Self::AHEAD), &mut self.octets)?;
        }
        let from = usize::try_from(offset - self.start).expect("a window is small");
        let to = self.octets.len().min(from + length);
        Ok(&self.octets[from..to])
    }
}

/// Reads up to `length` octets into `octets`; room is made for what is there, not for what is asked.
fn read_bounded(file: &File, offset: u64, length: usize, octets: &mut Vec<u8>) -> io::Result<()> {
    let there = file.metadata()?.len().saturating_sub(offset);
    let length = length.min(usize::try_from(there).unwrap_or(usize::MAX));
    octets.resize(length, 0);
    let read = read_up_to(file, offset, octets)?;
    octets.truncate(read);
    Ok(())
}

/// The last octet at or behind `from` that is not zero.
fn last_used(file: &File, from: u64) -> io::Result<Option<u64>> {
    let mut octets = vec![0; 1 << 20];
    let (mut at, mut last) = (from, None);
    loop {
        let read = read_up_to(file, at, &mut octets)?;
        if read == 0 {
            return Ok(last);
        }
        if let Some(used) = octets[..read].iter().rposition(|octet| *octet != 0) {
            last = Some(at + used as u64);
        }
        at += read as u64;
    }
}

pub(super) fn position(segment: u64, offset: u64) -> Result<Position, Error> {
    Position::new(segment, offset).ok_or_else(|| Error::Damaged {
        file: format!("segment {segment}"),
        offset,
        expected: "a segment below 2^24, an octet below 2^40".to_owned(),
        came: "a greater one".to_owned(),
    })
}
