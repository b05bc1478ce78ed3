//! Floor 2: the store. Holds octets and identifiers, never business types (design 3).
//!
//! The **journal** (`journal`) is the truth and the evidence: append-only segment files, framed by batch, written
//! by one committer with one sync a batch. What is looked up or changes stands in an index (sled) that
//! can be made again from the journal alone at any time. [`memory`] is the same store for tests, and one contract
//! suite (`tests/it/store_contract.rs`) holds both to the same behaviour.
//!
//! # Durability contract
//! 1. The future of [`Store::commit`] gives [`Committed`] only when the record and everything that the commit does to
//!    keys and trees is durable, as one: all of it is there after a crash, or none.
//! 2. [`Store::get`], [`Store::scan`], [`Store::read`], [`Store::records`], [`Store::head`] show durable things only.
//!    A [`CommitError::Conflict`] too is told only when the record that it lost against is durable, so a duplicate may
//!    be answered from it at once.
//! 3. A commit whose future ends in [`CommitError::Stopped`] may or may not be found after the next start; it was
//!    never acknowledged. A failed or short write or sync stops the store for good: it is never tried again.
//! 4. Journal time ([`Journaled::time`]) never goes backwards, whatever the clock does.
//! 5. A dropped future does not take its commit back.
//!
//! # Example
//! ```
//! use coconnect::base::clock::{MockClock, Clock};
//! use coconnect::store::{Commit, Key, Memory, Record, RecordKind, Require, Store, Table, CommitError};
//! # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
//! # runtime.block_on(async {
//! let clock = std::sync::Arc::new(MockClock::new(jiff::Timestamp::UNIX_EPOCH));
//! let store = Memory::new(clock.clone());
//! let key = store.key(Table::Dedup, &[b"KR", b"SendCO", b"urn:uuid:..."]);
//! let commit = || {
//!     Commit::new(Record::new(RecordKind::Received, clock.now(), "R-1")).require(Require::Absent(key.clone())).point(key.clone())
//! };
//! let committed = store.commit(commit()).await.unwrap();
//! assert_eq!(store.read(committed.position).unwrap().record.reference, "R-1");
//! assert!(matches!(store.commit(commit()).await, Err(CommitError::Conflict { key: lost }) if lost == key));
//! # });
//! ```
//!
//! # Kept places
//! Encryption at rest: each part of a record has a flags octet (0: clear), the segment header a version. Recycled
//! segments: every checksum is salted and numbered already, and the closing marker is written. A sealed segment's
//! sorted index is to be written where the journal closes a segment; a rebuild and a look-up may then read it.

pub mod check;
pub mod checkpoint;
pub mod heads;
pub mod journal;
pub mod key;
pub mod lease;
pub mod memory;
pub mod merkle;
pub mod outbox;
pub mod record;
pub mod sled;
pub mod trees;
pub mod verify;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use jiff::Timestamp;

use crate::base::id::PartnerId;

pub use self::sled::{Missing, OnDoubt, Options, SledStore, Told};
pub use key::{Key, Table};
pub use memory::Memory;
pub use merkle::{Hash, LogId};
pub use record::{Commit, Leaf, Part, PartName, Position, Record, RecordKind, Require};

/// A future on the heap.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Hears how many records have been read, from time to time.
pub type Progress<'a> = &'a mut dyn FnMut(u64);

/// A store to share.
pub type SharedStore = Arc<dyn Store>;

/// What a durable commit was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Where the record stands. Its [`Position::version`] is the version of every key that the commit wrote.
    pub position: Position,
    /// The leaf's index in its tree, if the commit had a leaf.
    pub leaf_index: Option<u64>,
    /// Journal time.
    pub time: Timestamp,
}

/// A record as it stands in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journaled {
    /// Where it stands.
    pub position: Position,
    /// Journal time of its batch; never before that of any earlier record.
    pub time: Timestamp,
    /// Its leaf's tree, hash and index, if it has one.
    pub leaf: Option<(Leaf, u64)>,
    /// The record.
    pub record: Record,
}

/// A key's value and version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// [`Position::version`] of the record that wrote it last: grows with every write, never used twice.
    pub version: u64,
    /// The value.
    pub value: Value,
}

/// What a key holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// The place of a record (written by [`Commit::point`]).
    At(Position),
    /// Small mutable state (written by [`Commit::put`]).
    Bytes(Vec<u8>),
}

impl Entry {
    /// The record that the key points to; `None` for state.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        match self.value {
            Value::At(position) => Some(position),
            Value::Bytes(_) => None,
        }
    }

    /// The state under the key; `None` for a pointer.
    #[must_use]
    pub fn bytes(&self) -> Option<&[u8]> {
        match &self.value {
            Value::At(_) => None,
            Value::Bytes(bytes) => Some(bytes),
        }
    }
}

/// The head of a tree (RFC 9162 §4.10 without its signature): what is told to the partner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Which log.
    pub log_id: LogId,
    /// Leaves.
    pub size: u64,
    /// Merkle tree hash over them.
    pub root: Hash,
    /// Journal time of the last leaf's batch.
    pub time: Timestamp,
}

/// How the store is, for health and alerts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// `None` while commits are accepted, else why not.
    pub refusing: Option<CommitError>,
    /// The last durable record.
    pub end: Option<Position>,
    /// Records durable but not yet in the index.
    pub unapplied: usize,
    /// Octets free where the journal lives; `None` in memory.
    pub free_bytes: Option<u64>,
}

/// Why a commit did not happen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// A precondition does not hold; the record that it lost against is durable. Read again, decide again.
    #[error("a precondition on {key:?} does not hold")]
    Conflict {
        /// The first key of [`Commit::require`] that differs.
        key: Key,
    },
    /// Outside the bounds of [`record`], or two operations on one key.
    #[error("commit outside its bounds: {what}, at most {most}, came {came}")]
    Bounds {
        /// Which bound: `octets of a record`.
        what: &'static str,
        /// The bound.
        most: u64,
        /// What came.
        came: u64,
    },
    /// The disk is nearly full: nothing is accepted until there is room again. Nothing of this commit was written.
    #[error("the disk of the journal is nearly full: {free_bytes} octets free, {reserve_bytes} are kept in reserve")]
    Full {
        /// Octets free.
        free_bytes: u64,
        /// Octets that stay free (`store.min_free_bytes`).
        reserve_bytes: u64,
    },
    /// A write or sync failed: the store has stopped for good. Whether this commit is durable is found at the next start.
    #[error("the journal has stopped: {reason}")]
    Stopped {
        /// What failed.
        reason: Arc<str>,
    },
    /// [`Store::close`] was called.
    #[error("the store is closed")]
    Closed,
}

impl CommitError {
    /// Records of this kind are the store's own.
    const HEADS: Self = Self::Bounds { what: "heads bound by others than the store", most: 0, came: 1 };
}

/// Why something could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file system said no.
    #[error("cannot {what} {path}")]
    Io {
        /// What was tried: `open`.
        what: &'static str,
        /// On what.
        path: String,
        /// What it said.
        #[source]
        source: std::io::Error,
    },
    /// Another process has the store open.
    #[error("the store {path} is open in another process{holder}; only one may write")]
    Locked {
        /// The data directory.
        path: String,
        /// ` (process 4711)`, if known.
        holder: String,
    },
    /// Octets of the journal that cannot be the unfinished end of it.
    #[error("the journal is damaged: {file} at octet {offset}: expected {expected}, came {came}")]
    Damaged {
        /// Segment file.
        file: String,
        /// Octet.
        offset: u64,
        /// What should stand there.
        expected: String,
        /// What stands there.
        came: String,
    },
    /// The position file speaks of records that the journal does not have: durable records are missing.
    #[error("the journal ends at {end}, but {known} was durable before: records are missing from {path}")]
    Behind {
        /// The journal directory.
        path: String,
        /// Where the journal ends.
        end: Position,
        /// Where it went at least.
        known: Position,
    },
    /// No record stands at this position.
    #[error("no record at {position}")]
    NoRecord {
        /// The position asked for.
        position: Position,
    },
    /// A record that cannot be decoded.
    #[error("record at {position}")]
    Record {
        /// Where it stands.
        position: Position,
        /// What is wrong with it.
        #[source]
        source: record::DecodeError,
    },
    /// The tree has no such leaf or size.
    #[error("tree {tree}: asked for {asked}, it has {size} leaves")]
    NoSuchLeaf {
        /// Which tree.
        tree: String,
        /// Index or size.
        asked: u64,
        /// Leaves of the last durable head.
        size: u64,
    },
    /// The index cannot be read; it is made again at the next start, or by `coconnect store rebuild`.
    #[error("the index cannot be read: {reason}")]
    Index {
        /// What sled said.
        reason: String,
    },
    /// A setting outside its range.
    #[error("store setting {name}: expected {expected}, came {came}")]
    Setting {
        /// Which.
        name: &'static str,
        /// Its range.
        expected: String,
        /// What came.
        came: String,
    },
    /// The store has stopped or is closed.
    #[error("the store has stopped")]
    Stopped(#[source] CommitError),
}

/// Everything that must outlive the process. See the [module](self) for what it promises.
pub trait Store: Send + Sync + 'static {
    /// Checks the preconditions and writes the record with all that goes with it, as one. Ends when it is durable.
    ///
    /// The record is encoded and hashed before this returns the future: in the caller's thread, not in the committer's.
    fn commit(&self, commit: Commit) -> BoxFuture<'static, Result<Committed, CommitError>>;

    /// What stands under `key`.
    ///
    /// # Errors
    /// [`Error::Index`] when the index cannot be read.
    fn get(&self, key: &Key) -> Result<Option<Entry>, Error>;

    /// The record at `position`.
    ///
    /// # Errors
    /// [`Error::NoRecord`] when none stands there; [`Error::Damaged`] when its checksum does not hold.
    fn read(&self, position: Position) -> Result<Journaled, Error>;

    /// At most `limit` entries of `table` in ascending order of their keys' octets: those that begin with `prefix` and
    /// come after `after`.
    ///
    /// # Errors
    /// [`Error::Index`] when the index cannot be read.
    fn scan(&self, table: Table, prefix: &[u8], after: Option<&[u8]>, limit: usize)
    -> Result<Vec<(Key, Entry)>, Error>;

    /// At most `limit` records in the order of the journal, from the one behind `after`, or from the first.
    ///
    /// # Errors
    /// As [`Store::read`].
    fn records(&self, after: Option<Position>, limit: usize) -> Result<Vec<Journaled>, Error>;

    /// The last durable head of a partner's tree; `None` while it has no leaf.
    ///
    /// # Errors
    /// When the tree cannot be read.
    fn head(&self, tree: &PartnerId) -> Result<Option<Head>, Error>;

    /// The last durable head of the owner's tree, which binds the partners' heads; `None` while none was bound.
    ///
    /// # Errors
    /// When the tree cannot be read.
    fn owner_head(&self) -> Result<Option<Head>, Error>;

    /// The log id of a partner's tree, known before its first leaf.
    fn log_id(&self, tree: &PartnerId) -> LogId;

    /// The inclusion proof (RFC 9162 §2.1.3) of leaf `index` in the tree's first `size` leaves.
    ///
    /// # Errors
    /// [`Error::NoSuchLeaf`] when the last durable head has fewer.
    fn inclusion(&self, tree: &PartnerId, index: u64, size: u64) -> Result<Vec<Hash>, Error>;

    /// The consistency proof (RFC 9162 §2.1.4) between the tree's first `from` and first `to` leaves.
    ///
    /// # Errors
    /// [`Error::NoSuchLeaf`] when the last durable head has fewer.
    fn consistency(&self, tree: &PartnerId, from: u64, to: u64) -> Result<Vec<Hash>, Error>;

    /// Leaf `index` of a tree.
    ///
    /// # Errors
    /// [`Error::NoSuchLeaf`] when the last durable head has fewer.
    fn leaf(&self, tree: &PartnerId, index: u64) -> Result<Hash, Error>;

    /// A key of 16 octets made from `parts` under a secret of this store: short, and it names nobody.
    ///
    /// The parts are length-prefixed, so `["ab", "c"]` and `["a", "bc"]` differ.
    fn key(&self, table: Table, parts: &[&[u8]]) -> Key;

    /// Tells the last durable position whenever it moves: for drivers that wait for work.
    fn watch(&self) -> tokio::sync::watch::Receiver<Option<Position>>;

    /// How the store is.
    fn status(&self) -> Status;

    /// Finishes what was accepted, writes a checkpoint, and refuses everything after. May be called twice.
    ///
    /// # Errors
    /// When the checkpoint could not be written; what was acknowledged is durable all the same.
    fn close(&self) -> BoxFuture<'static, Result<(), Error>>;
}
