//! The store for one node: the journal, with sled as its index (design 3).
//!
//! sled is never trusted blindly. It holds nothing that the journal does not tell, it is opened where a panic can be
//! caught, what stands in it is proved at every start ([`index`]), and after a power loss or any doubt it is deleted
//! and made again. Two small puts a message keep it off the path of a commit: a thread of its own applies what is
//! durable, through a queue bounded in records, and look-ups see what waits there too.
//!
//! # Files in `DIR/data`
//! `lock`; `journal/` (the truth); `position` (the last checkpoint), `index/` (sled) and `trees/`, all three made from
//! the journal: deleting them costs a rebuild and nothing else.

pub mod applier;
pub mod committer;
pub mod index;
pub mod overlay;
pub mod shared;
pub mod start;

use std::ops::Bound;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot, watch};

use super::journal::{Disk, Frame, JournalOptions, JournalWriter, Lookup, RealDisk};
use super::key::{Key, Table};
use super::memory::scan_range;
use super::merkle::{Hash, LogId};
use super::record::{Commit, Position, RecordKind, encode_nanoseconds};
use super::{BoxFuture, CommitError, Committed, Entry, Error, Head, Journaled, Progress, Status, Store};
use crate::base::Clock;
use crate::base::id::PartnerId;
use applier::Applier;
use committer::Committer;
use overlay::{Ops, Overlay};
use shared::{Channel, Pending, Shared};
use start::{Lock, Places, Started};
pub use start::{OnDoubt, Told};

/// Settings of the store (`[store]` of `coconnect.toml`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Octets of a journal segment; default 32 MiB, 64 KiB to 1 GiB. A larger batch gets a segment of its own.
    pub segment_bytes: u64,
    /// Whether segments are zero-filled ahead; default yes. Without it each commit costs the file system more.
    pub zero_fill: bool,
    /// Octets of the disk that stay free; default 64 MiB. Below it commits are refused and nothing else happens.
    pub min_free_bytes: u64,
    /// Octets of memory that sled may take, roughly; default 64 MiB. Its cache is set to an eighth of it.
    pub memory_bytes: u64,
    /// Records of one batch at most; default 512, at most 1000.
    pub batch_records_max: usize,
    /// Octets of one batch, roughly; default 8 MiB.
    pub batch_bytes_max: usize,
    /// Octets of commits that wait at most; default 256 MiB. Further ones wait for room.
    pub queue_bytes_max: usize,
    /// Records that are durable but not in the index at most; default 8192. The committer waits beyond.
    pub unapplied_max: usize,
    /// Records after which a checkpoint is made; default 8192.
    pub checkpoint_records: usize,
    /// Time after which a checkpoint is made; default one second.
    pub checkpoint_interval: Duration,
    /// Time after which the partners' heads are bound in the owner's tree; default one minute.
    pub bind_interval: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes: 32 << 20,
            zero_fill: true,
            min_free_bytes: 64 << 20,
            memory_bytes: 64 << 20,
            batch_records_max: 512,
            batch_bytes_max: 8 << 20,
            queue_bytes_max: 256 << 20,
            unapplied_max: 8192,
            checkpoint_records: 8192,
            checkpoint_interval: Duration::from_secs(1),
            bind_interval: Duration::from_secs(60),
        }
    }
}

impl Options {
    fn check(&self) -> Result<(), Error> {
        let range = |name, value: u64, least: u64, most: u64| match (least..=most).contains(&value) {
            true => Ok(()),
            false => Err(Error::Setting { name, expected: format!("{least} to {most}"), came: value.to_string() }),
        };
        range("segment_bytes", self.segment_bytes, 64 << 10, 1 << 30)?;
        range("memory_bytes", self.memory_bytes, 1 << 20, 1 << 40)?;
        range("batch_records_max", self.batch_records_max as u64, 1, 1000)?;
        range("batch_bytes_max", self.batch_bytes_max as u64, 1, 1 << 30)?;
        range("queue_bytes_max", self.queue_bytes_max as u64, 1 << 20, 1 << 40)?;
        range("unapplied_max", self.unapplied_max as u64, 1, 1 << 24)?;
        range("checkpoint_records", self.checkpoint_records as u64, 1, 1 << 24)
    }

    /// Those of the journal.
    #[must_use]
    pub fn journal(&self) -> JournalOptions {
        let Self { segment_bytes, zero_fill, min_free_bytes, .. } = *self;
        JournalOptions { segment_bytes, zero_fill, min_free_bytes }
    }

    fn cache_bytes(&self) -> u64 {
        self.memory_bytes / 8
    }
}

/// Whether acknowledged records may be missing from the journal that an index is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// No: [`Error::Behind`].
    Refused,
    /// They are lost, and somebody has decided to go on without them.
    AcceptedAsLost,
}

/// The journal with sled as its index.
pub struct SledStore {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    told: Told,
    _lock: Lock,
}

impl SledStore {
    /// Opens the store in `data` (`DIR/data`), or makes it. `progress` hears of records read into the index.
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::Damaged`], [`Error::Behind`], [`Error::Setting`], [`Error::Io`].
    pub fn open(data: &Path, options: Options, clock: Arc<dyn Clock>, progress: Progress<'_>) -> Result<Self, Error> {
        Self::open_on(Arc::new(RealDisk), data, options, clock, OnDoubt::Rebuild, progress)
    }

    /// As [`SledStore::open`], over another file system below the journal, or without making the index again.
    ///
    /// # Errors
    /// As [`SledStore::open`]; [`Error::Index`] for an index in doubt with [`OnDoubt::Refuse`].
    pub fn open_on(
        disk: Arc<dyn Disk>,
        data: &Path,
        options: Options,
        clock: Arc<dyn Clock>,
        on_doubt: OnDoubt,
        progress: Progress<'_>,
    ) -> Result<Self, Error> {
        options.check()?;
        let (lock, places) = prepare(data)?;
        let started = start::start(&places, &*disk, options.cache_bytes(), on_doubt, progress)?;
        Self::run(disk, lock, &places, options, clock, started)
    }

    /// Makes index and trees in `data` again from the journal alone, which must be sound. Gives what was done.
    ///
    /// They are built beside those that are there and take their place when the journal was read whole: where it is
    /// damaged, nothing is lost that was there.
    ///
    /// `missing` says whether a journal that ends before the last checkpoint is taken as it is.
    ///
    /// # Errors
    /// As [`SledStore::open`].
    pub fn rebuild(data: &Path, options: Options, missing: Missing, progress: Progress<'_>) -> Result<Told, Error> {
        options.check()?;
        if !data.join("journal").is_dir() {
            let source = std::io::ErrorKind::NotFound.into();
            return Err(Error::Io { what: "find a journal in", path: data.display().to_string(), source });
        }
        let (_lock, places) = prepare(data)?;
        if missing == Missing::Refused {
            start::reaches_checkpoint(&places)?;
        }
        let beside = places.beside()?;
        let anyway = OnDoubt::RebuildAnyway;
        let mut started = start::start(&beside, &RealDisk, options.cache_bytes(), anyway, progress)?;
        let store_id = started.identity.store_id;
        let needed = applier::Checkpointed { data: &beside.data, store_id, trees: &started.trees };
        started.applied.checkpoint(&needed, true)?;
        let told = started.told.clone();
        // sled writes by path: it must be closed before its folder gets another name.
        drop(started);
        places.take_over(&beside)?;
        Ok(told)
    }

    fn run(
        disk: Arc<dyn Disk>,
        lock: Lock,
        places: &Places,
        options: Options,
        clock: Arc<dyn Clock>,
        started: Started,
    ) -> Result<Self, Error> {
        let Started { identity, cursor, applied, trees, told } = started;
        let now = encode_nanoseconds(clock.now()).unwrap_or(0);
        let writer = JournalWriter::start(disk, &places.journal, options.journal(), identity, cursor, now)?;
        let free_bytes = AtomicU64::new(writer.free_bytes().unwrap_or(u64::MAX));
        let units = (options.queue_bytes_max / Shared::ROOM_UNIT).min(Semaphore::MAX_PERMITS);
        let shared = Arc::new(Shared {
            data: places.data.clone(),
            options,
            clock,
            identity,
            queue: Channel::default(),
            room: Arc::new(Semaphore::new(units)),
            applying: Channel::default(),
            overlay: RwLock::new(Overlay::default()),
            index: applied.index.reader(),
            trees,
            lookup: Lookup::new(&places.journal),
            end: watch::channel(applied.last).0,
            stopped: Mutex::new(None),
            full: Mutex::new(None),
            free_bytes,
            ended: watch::channel(None).0,
        });
        let committer = Committer::new(shared.clone(), writer);
        let applier = Applier::new(shared.clone(), applied);
        let threads = vec![
            thread("store-committer", &shared, move || committer.run())?,
            thread("store-applier", &shared, move || applier.run())?,
        ];
        Ok(Self { shared, threads: Mutex::new(threads), told, _lock: lock })
    }

    /// What the start found and did.
    #[must_use]
    pub fn told(&self) -> &Told {
        &self.told
    }

    /// Waits until everything durable is in the index, then calls `take` with every key, its version and entry.
    ///
    /// # Errors
    /// [`Error::Index`].
    pub fn walk_index(&self, mut take: impl FnMut(&[u8], u64, Option<Entry>) -> bool) -> Result<(), Error> {
        self.shared.applying.wait_below(1);
        self.shared.index.walk((Bound::Unbounded, Bound::Unbounded), &mut take)
    }

    /// The trees.
    #[must_use]
    pub fn trees(&self) -> &super::trees::Trees {
        &self.shared.trees
    }
}

fn prepare(data: &Path) -> Result<(Lock, Places), Error> {
    let failed = |source| Error::Io { what: "make", path: data.display().to_string(), source };
    std::fs::create_dir_all(data).map_err(failed)?;
    Ok((Lock::take(data)?, Places::new(data)))
}

/// Starts a thread whose panic stops the store instead of leaving it silent.
fn thread(name: &str, shared: &Arc<Shared>, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Error> {
    let shared = shared.clone();
    let guarded = move || {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        if outcome.is_err() {
            let reason = "a thread of the store panicked".to_owned();
            applier::doubt(&shared, &Error::Index { reason: reason.clone() });
            shared.applying.close();
            shared.ended.send_replace(Some(Err(reason)));
        }
    };
    let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(guarded);
    spawned.map_err(|source| Error::Io { what: "start", path: name.to_owned(), source })
}

/// Queues a commit and waits for its outcome.
async fn queue(shared: Arc<Shared>, frame: Frame, ops: Ops) -> Result<Committed, CommitError> {
    let units = (shared.options.queue_bytes_max / Shared::ROOM_UNIT).min(Semaphore::MAX_PERMITS);
    let units = u32::try_from(frame.length().div_ceil(Shared::ROOM_UNIT).min(units)).unwrap_or(u32::MAX);
    let room = shared.room.clone().acquire_many_owned(units).await.ok();
    let stopped = || shared.stopped().unwrap_or(CommitError::Closed);
    let (reply, outcome) = oneshot::channel();
    let pending = Pending { frame, ops, reply, room };
    if shared.queue.push(pending, 1).is_err() {
        return Err(stopped());
    }
    match outcome.await {
        Ok(outcome) => outcome,
        // The committer went away with it.
        Err(_) => Err(stopped()),
    }
}

impl Store for SledStore {
    fn commit(&self, commit: Commit) -> BoxFuture<'static, Result<Committed, CommitError>> {
        let refused = |error| -> BoxFuture<'static, _> { Box::pin(std::future::ready(Err(error))) };
        if let Some(error) = self.shared.stopped() {
            return refused(error);
        }
        if commit.record.kind == RecordKind::Heads {
            return refused(CommitError::HEADS);
        }
        match Frame::new(&commit) {
            Ok(frame) => Box::pin(queue(self.shared.clone(), frame, Ops::new(&commit))),
            Err(error) => refused(error),
        }
    }

    fn get(&self, key: &Key) -> Result<Option<Entry>, Error> {
        let flat = key.flat();
        let waiting = self.shared.overlay.read().expect("no holder of this lock panics").find(&flat);
        // Looked for in this order: what leaves the overlay is in sled already.
        waiting.map_or_else(|| self.shared.index.entry(&flat), Ok)
    }

    fn read(&self, position: Position) -> Result<Journaled, Error> {
        match *self.shared.end.borrow() {
            Some(end) if position <= end => {}
            _ => return Err(Error::NoRecord { position }),
        }
        self.shared.lookup.read(position)
    }

    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Key, Entry)>, Error> {
        let (start, prefix) = scan_range(table, prefix, after);
        let waiting = self.shared.overlay.read().expect("no holder of this lock panics").range(start.clone(), &prefix);
        let mut found = Merge { waiting: waiting.into_iter().peekable(), found: Vec::new(), limit };
        self.shared.index.walk((start, Bound::Unbounded), |key, version, entry| {
            key.starts_with(&prefix) && found.take(key, version, entry)
        })?;
        Ok(found.finish())
    }

    fn records(&self, after: Option<Position>, limit: usize) -> Result<Vec<Journaled>, Error> {
        let Some(end) = *self.shared.end.borrow() else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        let mut last = after;
        while found.len() < limit && last.is_none_or(|last| last < end) {
            let next = match last {
                None => self.shared.lookup.first()?,
                Some(last) => self.shared.lookup.after(last)?,
            };
            found.push(self.shared.lookup.read(next)?);
            last = Some(next);
        }
        Ok(found)
    }

    fn head(&self, tree: &PartnerId) -> Result<Option<Head>, Error> {
        Ok(self.shared.trees.head(&Some(tree.clone())))
    }

    fn owner_head(&self) -> Result<Option<Head>, Error> {
        Ok(self.shared.trees.head(&None))
    }

    fn log_id(&self, tree: &PartnerId) -> LogId {
        self.shared.trees.log_id(&Some(tree.clone()))
    }

    fn inclusion(&self, tree: &PartnerId, index: u64, size: u64) -> Result<Vec<Hash>, Error> {
        self.shared.trees.inclusion(&Some(tree.clone()), index, size)
    }

    fn consistency(&self, tree: &PartnerId, from: u64, to: u64) -> Result<Vec<Hash>, Error> {
        self.shared.trees.consistency(&Some(tree.clone()), from, to)
    }

    fn leaf(&self, tree: &PartnerId, index: u64) -> Result<Hash, Error> {
        self.shared.trees.leaf(&Some(tree.clone()), index)
    }

    fn key(&self, table: Table, parts: &[&[u8]]) -> Key {
        Key::keyed(&self.shared.identity.secret, table, parts)
    }

    fn watch(&self) -> watch::Receiver<Option<Position>> {
        self.shared.end.subscribe()
    }

    fn status(&self) -> Status {
        let full = self.shared.full.lock().expect("no holder of this lock panics").clone();
        Status {
            refusing: self.shared.stopped().or(full),
            end: *self.shared.end.borrow(),
            unapplied: self.shared.applying.weight(),
            free_bytes: Some(self.shared.free_bytes.load(Ordering::Relaxed)).filter(|free| *free != u64::MAX),
        }
    }

    fn close(&self) -> BoxFuture<'static, Result<(), Error>> {
        self.shared.stop(CommitError::Closed);
        let mut ended = self.shared.ended.subscribe();
        Box::pin(async move {
            let outcome = ended.wait_for(Option::is_some).await;
            match outcome.as_deref() {
                Ok(Some(Ok(()))) => Ok(()),
                Ok(Some(Err(reason))) => Err(Error::Stopped(CommitError::Stopped { reason: reason.as_str().into() })),
                _ => Err(Error::Stopped(CommitError::Closed)),
            }
        })
    }
}

impl Drop for SledStore {
    fn drop(&mut self) {
        self.shared.stop(CommitError::Closed);
        for thread in self.threads.get_mut().map(std::mem::take).unwrap_or_default() {
            // A thread that panicked has stopped the store already.
            let _ = thread.join();
        }
    }
}

/// Merges what waits in the overlay with what stands in sled; of a key in both, the newer counts.
struct Merge<I: Iterator<Item = (Vec<u8>, (u64, Option<Entry>))>> {
    waiting: std::iter::Peekable<I>,
    found: Vec<(Key, Entry)>,
    limit: usize,
}

impl<I: Iterator<Item = (Vec<u8>, (u64, Option<Entry>))>> Merge<I> {
    /// Takes the next key of sled; gives whether more is wanted.
    fn take(&mut self, key: &[u8], version: u64, entry: Option<Entry>) -> bool {
        while let Some((key, (_, entry))) = self.waiting.next_if(|(waiting, _)| waiting.as_slice() < key) {
            self.push(&key, entry);
        }
        let same = self.waiting.next_if(|(waiting, _)| waiting.as_slice() == key);
        match same {
            Some((_, (newer, waiting))) if newer >= version => self.push(key, waiting),
            _ => self.push(key, entry),
        }
        self.found.len() < self.limit
    }

    fn push(&mut self, key: &[u8], entry: Option<Entry>) {
        if let (Some(entry), Some(key)) = (entry, Key::from_flat(key))
            && self.found.len() < self.limit
        {
            self.found.push((key, entry));
        }
    }

    fn finish(mut self) -> Vec<(Key, Entry)> {
        while let Some((key, (_, entry))) = self.waiting.next() {
            self.push(&key, entry);
        }
        self.found
    }
}
