//! What a commit does to keys, in the form the committer works with, and what is durable but not yet in sled.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::key::Key;
use super::super::merkle::{Hash, leaf_hash};
use super::super::record::{Commit, PartName, Position, RecordKind, Require};
use super::super::trees::TreeName;
use super::super::{Entry, Error, Value};
use super::index::{Index, New};

/// A key with its table in front.
pub type Flat = Arc<[u8]>;

/// A precondition.
pub struct Check {
    /// The key.
    pub key: Flat,
    /// The version it must have; none for no value.
    pub version: Option<u64>,
}

/// What a key is to hold.
#[derive(Clone)]
pub enum Will {
    /// The record; `absent` when a precondition says that nothing stands there.
    Point {
        /// Whether nothing stands there.
        absent: bool,
    },
    /// State.
    Hold(Arc<[u8]>),
    /// Nothing.
    Vanish,
}

/// Everything in a commit but its octets.
pub struct Ops {
    /// What must hold.
    pub checks: Vec<Check>,
    /// What is written.
    pub writes: Vec<(Flat, Will)>,
    /// The leaf and its tree.
    pub leaf: Option<(TreeName, Hash)>,
}

impl Ops {
    /// Those of `commit`.
    #[must_use]
    pub fn new(commit: &Commit) -> Self {
        let flat = |key: &Key| Flat::from(key.flat());
        let checks = commit.require.iter().map(|require| match require {
            Require::Absent(key) => Check { key: flat(key), version: None },
            Require::Version { key, version } => Check { key: flat(key), version: Some(*version) },
        });
        let checks: Vec<Check> = checks.collect();
        let absent = |key: &Flat| checks.iter().any(|check| check.version.is_none() && check.key == *key);
        let point = commit.point.iter().map(|key| {
            let key = flat(key);
            let will = Will::Point { absent: absent(&key) };
            (key, will)
        });
        let put = commit.put.iter().map(|(key, value)| (flat(key), Will::Hold(value.as_slice().into())));
        let remove = commit.remove.iter().map(|key| (flat(key), Will::Vanish));
        let writes = point.chain(put).chain(remove).collect();
        let leaf = match commit.record.kind {
            // The heads of the partners' trees are themselves a leaf of the owner's.
            RecordKind::Heads => commit.record.octets(PartName::Heads).map(|heads| (None, leaf_hash(heads))),
            _ => commit.leaf.as_ref().map(|leaf| (Some(leaf.tree.clone()), leaf.hash)),
        };
        Self { checks, writes, leaf }
    }

    /// Writes them into the index as those of the record at `version`.
    ///
    /// # Errors
    /// [`Error::Index`].
    pub fn apply(&self, index: &mut Index, version: u64, replay: bool) -> Result<(), Error> {
        for (key, will) in &self.writes {
            let new = match will {
                Will::Point { absent: true } if !replay => {
                    index.write_absent(key, version)?;
                    continue;
                }
                Will::Point { .. } => New::At,
                Will::Hold(bytes) => New::Bytes(bytes),
                Will::Vanish => New::Removed,
            };
            if replay {
                index.rewrite(key, version, new)?;
            } else {
                index.write(key, version, new)?;
            }
        }
        Ok(())
    }
}

/// Durable, but not yet in sled.
#[derive(Default)]
pub struct Overlay {
    keys: BTreeMap<Flat, (u64, Will)>,
}

impl Overlay {
    /// The records' writes are durable.
    pub fn insert(&mut self, ops: &Ops, version: u64) {
        for (key, will) in &ops.writes {
            self.keys.insert(key.clone(), (version, will.clone()));
        }
    }

    /// The record's writes are in sled.
    pub fn applied(&mut self, ops: &Ops, version: u64) {
        for (key, _) in &ops.writes {
            if self.keys.get(key).is_some_and(|(newest, _)| *newest == version) {
                self.keys.remove(key);
            }
        }
    }

    /// The key's version and entry (none where it was removed); `None` when sled knows.
    #[must_use]
    pub fn find(&self, key: &[u8]) -> Option<Option<Entry>> {
        self.keys.get(key).map(|(version, will)| entry(*version, will))
    }

    /// The key's version (none where it was removed); `None` when sled knows.
    #[must_use]
    pub fn version(&self, key: &[u8]) -> Option<Option<u64>> {
        self.keys.get(key).map(|(version, will)| (!matches!(will, Will::Vanish)).then_some(*version))
    }

    /// Keys from `start` on that begin with `prefix`, their versions and entries.
    #[must_use]
    pub fn range(&self, start: std::ops::Bound<Vec<u8>>, prefix: &[u8]) -> BTreeMap<Vec<u8>, (u64, Option<Entry>)> {
        let bounds = (start.as_ref().map(Vec::as_slice), std::ops::Bound::Unbounded);
        let found = self.keys.range::<[u8], _>(bounds).take_while(|(key, _)| key.starts_with(prefix));
        found.map(|(key, (version, will))| (key.to_vec(), (*version, entry(*version, will)))).collect()
    }
}

fn entry(version: u64, will: &Will) -> Option<Entry> {
    let value = match will {
        Will::Point { .. } => Value::At(Position::from_version(version)),
        Will::Hold(bytes) => Value::Bytes(bytes.to_vec()),
        Will::Vanish => return None,
    };
    Some(Entry { version, value })
}
