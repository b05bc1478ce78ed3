//! The store for tests: everything in memory, the same promises but outliving the process.

use std::collections::HashMap;
use std::ops::{Bound, RangeBounds as _};
use std::sync::{Arc, Mutex, MutexGuard};

use jiff::Timestamp;
use tokio::sync::watch;

use super::key::{Key, Table};
use super::merkle::{self, Hash, LogId, Tree};
use super::record::{Commit, Leaf, Position, Record, RecordKind, Require, check};
use super::{BoxFuture, CommitError, Committed, Entry, Error, Head, Journaled, Status, Store, Value};
use crate::base::Clock;
use crate::base::id::PartnerId;

/// A store in memory.
pub struct Memory {
    clock: Arc<dyn Clock>,
    store_id: [u8; 16],
    secret: [u8; 32],
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    /// By flat key. Scans are rare and sort what they find.
    entries: HashMap<Vec<u8>, Entry>,
    records: Vec<(Timestamp, Option<u64>, Option<Leaf>, Record)>,
    trees: HashMap<PartnerId, Grown>,
    time: Timestamp,
    refusing: Option<CommitError>,
    end: watch::Sender<Option<Position>>,
}

#[derive(Default)]
struct Grown {
    tree: Tree,
    nodes: Vec<Hash>,
    time: Timestamp,
}

impl Memory {
    /// An empty store whose journal time comes from `clock`. Its log ids and keys are the same in every run.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::with_identity(clock, [0x4d; 16], [0x4d; 32])
    }

    /// An empty store with its own log ids and key secret.
    #[must_use]
    pub fn with_identity(clock: Arc<dyn Clock>, store_id: [u8; 16], secret: [u8; 32]) -> Self {
        let inner = Inner {
            entries: HashMap::new(),
            records: Vec::new(),
            trees: HashMap::new(),
            time: Timestamp::MIN,
            refusing: None,
            end: watch::channel(None).0,
        };
        Self { clock, store_id, secret, inner: Arc::new(Mutex::new(inner)) }
    }

    /// From now on every commit fails with `error`: for tests of what happens then. `None` heals it.
    pub fn refuse(&self, error: Option<CommitError>) {
        self.lock().refusing = error;
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no holder of this lock panics")
    }

    fn commit_now(&self, commit: Commit) -> Result<Committed, CommitError> {
        if commit.record.kind == RecordKind::Heads {
            return Err(CommitError::HEADS);
        }
        // What this store takes, the journal takes.
        check(&commit)?;
        let now = self.clock.now();
        self.lock().commit(commit, now)
    }

    fn with_tree<T>(
        &self,
        tree: &PartnerId,
        asked: u64,
        read: impl FnOnce(&Grown) -> Result<T, u64>,
    ) -> Result<T, Error> {
        let inner = self.lock();
        let size = inner.trees.get(tree).map_or(0, |grown| grown.tree.size());
        let none = |asked| Error::NoSuchLeaf { tree: tree.to_string(), asked, size };
        match inner.trees.get(tree) {
            Some(grown) if asked <= size => read(grown).map_err(none),
            _ => Err(none(asked)),
        }
    }
}

impl Inner {
    fn commit(&mut self, commit: Commit, now: Timestamp) -> Result<Committed, CommitError> {
        if let Some(error) = &self.refusing {
            return Err(error.clone());
        }
        for require in &commit.require {
            let version = self.entries.get(&require.key().flat()).map(|entry| entry.version);
            if !holds(require, version) {
                return Err(CommitError::Conflict { key: require.key().clone() });
            }
        }
        self.time = self.time.max(now);
        let position = position(self.records.len());
        let version = position.version();
        for key in &commit.point {
            self.entries.insert(key.flat(), Entry { version, value: Value::At(position) });
        }
        for (key, value) in commit.put {
            self.entries.insert(key.flat(), Entry { version, value: Value::Bytes(value) });
        }
        for key in &commit.remove {
            self.entries.remove(&key.flat());
        }
        let leaf_index = commit.leaf.as_ref().map(|leaf| self.grow(leaf));
        self.records.push((self.time, leaf_index, commit.leaf, commit.record));
        self.end.send_replace(Some(position));
        Ok(Committed { position, leaf_index, time: self.time })
    }

    fn grow(&mut self, leaf: &Leaf) -> u64 {
        let grown = self.trees.entry(leaf.tree.clone()).or_default();
        let index = grown.tree.size();
        grown.tree.push(leaf.hash, |hash| grown.nodes.push(hash));
        grown.time = self.time;
        index
    }

    fn journaled(&self, at: usize) -> Option<Journaled> {
        let (time, leaf_index, leaf, record) = self.records.get(at)?;
        let leaf = leaf.clone().zip(*leaf_index);
        Some(Journaled { position: position(at), time: *time, leaf, record: record.clone() })
    }
}

/// Whether a precondition holds of a key last written at `version`.
pub(super) fn holds(require: &Require, version: Option<u64>) -> bool {
    match require {
        Require::Absent(_) => version.is_none(),
        Require::Version { version: wanted, .. } => version == Some(*wanted),
    }
}

/// Records are numbered from offset 1 of segment 1.
fn position(at: usize) -> Position {
    Position::new(1, at as u64 + 1).expect("memory ends before 2^40 records")
}

impl Store for Memory {
    fn commit(&self, commit: Commit) -> BoxFuture<'static, Result<Committed, CommitError>> {
        let result = self.commit_now(commit);
        Box::pin(std::future::ready(result))
    }

    fn get(&self, key: &Key) -> Result<Option<Entry>, Error> {
        Ok(self.lock().entries.get(&key.flat()).cloned())
    }

    fn read(&self, position: Position) -> Result<Journaled, Error> {
        let at = usize::try_from(position.offset()).ok().and_then(|offset| offset.checked_sub(1));
        at.filter(|_| position.segment() == 1)
            .and_then(|at| self.lock().journaled(at))
            .ok_or(Error::NoRecord { position })
    }

    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Key, Entry)>, Error> {
        let (start, prefix) = scan_range(table, prefix, after);
        let inner = self.lock();
        let range = (start, Bound::Unbounded);
        let mut found: Vec<_> =
            inner.entries.iter().filter(|(flat, _)| flat.starts_with(&prefix) && range.contains(*flat)).collect();
        found.sort_unstable_by_key(|(flat, _)| *flat);
        let keyed = found.into_iter().filter_map(|(flat, entry)| Some((Key::from_flat(flat)?, entry.clone())));
        Ok(keyed.take(limit).collect())
    }

    fn records(&self, after: Option<Position>, limit: usize) -> Result<Vec<Journaled>, Error> {
        let from = after.map_or(0, |position| usize::try_from(position.offset()).unwrap_or(usize::MAX));
        let inner = self.lock();
        let to = inner.records.len().min(from.saturating_add(limit));
        Ok((from..to).filter_map(|at| inner.journaled(at)).collect())
    }

    fn head(&self, tree: &PartnerId) -> Result<Option<Head>, Error> {
        let log_id = self.log_id(tree);
        Ok(self.lock().trees.get(tree).map(|grown| Head {
            log_id,
            size: grown.tree.size(),
            root: grown.tree.root(),
            time: grown.time,
        }))
    }

    fn owner_head(&self) -> Result<Option<Head>, Error> {
        Ok(None)
    }

    fn log_id(&self, tree: &PartnerId) -> LogId {
        LogId::derive(&self.store_id, tree.as_str())
    }

    fn inclusion(&self, tree: &PartnerId, index: u64, size: u64) -> Result<Vec<Hash>, Error> {
        self.with_tree(tree, size.max(index.saturating_add(1)), |grown| {
            if index >= size {
                return Err(index);
            }
            merkle::inclusion(&grown.nodes[..], index, size)
        })
    }

    fn consistency(&self, tree: &PartnerId, from: u64, to: u64) -> Result<Vec<Hash>, Error> {
        self.with_tree(tree, from.max(to), |grown| {
            if from > to {
                return Err(from);
            }
            merkle::consistency(&grown.nodes[..], from, to)
        })
    }

    fn leaf(&self, tree: &PartnerId, index: u64) -> Result<Hash, Error> {
        self.with_tree(tree, index.saturating_add(1), |grown| {
            merkle::Nodes::node(&grown.nodes[..], merkle::nodes_before(index))
        })
    }

    fn key(&self, table: Table, parts: &[&[u8]]) -> Key {
        Key::keyed(&self.secret, table, parts)
    }

    fn watch(&self) -> watch::Receiver<Option<Position>> {
        self.lock().end.subscribe()
    }

    fn status(&self) -> Status {
        let inner = self.lock();
        let end = *inner.end.borrow();
        Status { refusing: inner.refusing.clone(), end, unapplied: 0, free_bytes: None }
    }

    fn close(&self) -> BoxFuture<'static, Result<(), Error>> {
        self.lock().refusing = Some(CommitError::Closed);
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Where a scan begins and what each key found must begin with, both flat.
pub(super) fn scan_range(table: Table, prefix: &[u8], after: Option<&[u8]>) -> (Bound<Vec<u8>>, Vec<u8>) {
    let flat = |octets: &[u8]| {
        let mut flat = Vec::with_capacity(1 + octets.len());
        flat.push(table as u8);
        flat.extend_from_slice(octets);
        flat
    };
    let prefix_flat = flat(prefix);
    let start = match after {
        Some(after) if after >= prefix => Bound::Excluded(flat(after)),
        _ => Bound::Included(prefix_flat.clone()),
    };
    (start, prefix_flat)
}
