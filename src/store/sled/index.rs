//! What stands in sled, and the proof that it is what it should be.
//!
//! ```text
//! key    table 1 | octets                      0 1, 0 2: the sentinels, in turn
//! value  tag 1 | version 8 | base 16 if the tag says so | octets of state
//! ```
//! The index knows how many keys it has and a keyed sum over them. A checkpoint puts both into a sentinel and into the
//! position file. After a crash on the same boot sled is a little ahead of its checkpoint, so each value that replaced
//! one of the checkpoint carries that one's share of the sum (its **base**), and a removed key stays as a tombstone
//! until the next checkpoint. Thus a start can compute, in one pass, what the sum was at the checkpoint, whatever was
//! written after it. What was written after it must be what the journal says, record by record. A difference of one key or
//! octet is seen; the index is then made again.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use openssl::sha::Sha256;

use super::super::checkpoint::Checkpoint;
use super::super::record::Position;
use super::super::{Entry, Error, Value};

const AT: u8 = 1;
const BYTES: u8 = 2;
const REMOVED: u8 = 3;
const WITH_BASE: u8 = 0x80;
const SENTINEL: u8 = 0;

/// What a key is to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum New<'a> {
    /// The record itself.
    At,
    /// State.
    Bytes(&'a [u8]),
    /// Nothing.
    Removed,
}

impl<'a> New<'a> {
    fn parts(self) -> (u8, &'a [u8]) {
        match self {
            Self::At => (AT, &[]),
            Self::Bytes(bytes) => (BYTES, bytes),
            Self::Removed => (REMOVED, &[]),
        }
    }
}

/// A value as it stands in sled.
#[derive(Clone, Copy)]
struct Stored<'a> {
    tag: u8,
    version: u64,
    base: Option<(u64, u64)>,
    bytes: &'a [u8],
}

impl<'a> Stored<'a> {
    fn decode(octets: &'a [u8]) -> Option<Self> {
        let (tag, rest) = octets.split_first()?;
        let (version, rest) = rest.split_first_chunk::<8>()?;
        let (base, bytes) = if tag & WITH_BASE == 0 {
            (None, rest)
        } else {
            let (number, rest) = rest.split_first_chunk::<8>()?;
            let (share, rest) = rest.split_first_chunk::<8>()?;
            (Some((u64::from_be_bytes(*number), u64::from_be_bytes(*share))), rest)
        };
        let tag = tag & !WITH_BASE;
        let known = matches!(tag, AT | REMOVED) && bytes.is_empty() || tag == BYTES;
        known.then_some(Self { tag, version: u64::from_be_bytes(*version), base, bytes })
    }

    fn encode(&self) -> Vec<u8> {
        let mut octets = Vec::with_capacity(25 + self.bytes.len());
        octets.push(self.tag | if self.base.is_some() { WITH_BASE } else { 0 });
        octets.extend_from_slice(&self.version.to_be_bytes());
        if let Some((number, share)) = self.base {
            octets.extend_from_slice(&number.to_be_bytes());
            octets.extend_from_slice(&share.to_be_bytes());
        }
        octets.extend_from_slice(self.bytes);
        octets
    }

    fn entry(&self) -> Option<Entry> {
        let value = match self.tag {
            AT => Value::At(Position::from_version(self.version)),
            BYTES => Value::Bytes(self.bytes.to_vec()),
            _ => return None,
        };
        Some(Entry { version: self.version, value })
    }

    /// This key's share of the sum: 0 for a tombstone.
    fn share(&self, secret: &[u8; 32], key: &[u8]) -> Share {
        if self.tag == REMOVED {
            return Share::default();
        }
        let mut hasher = Sha256::new();
        hasher.update(secret);
        hasher.update(&(key.len() as u64).to_be_bytes());
        hasher.update(key);
        hasher.update(&[self.tag]);
        hasher.update(&self.version.to_be_bytes());
        hasher.update(self.bytes);
        let digest = hasher.finish();
        let sum = digest.first_chunk().map_or(0, |octets| u64::from_be_bytes(*octets));
        Share { count: 1, sum }
    }
}

/// A number of keys and the sum over them.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Share {
    /// Keys.
    pub count: u64,
    /// Their keyed sum.
    pub sum: u64,
}

impl Share {
    fn add(&mut self, other: Self) {
        self.count = self.count.wrapping_add(other.count);
        self.sum = self.sum.wrapping_add(other.sum);
    }

    fn subtract(&mut self, other: Self) {
        self.count = self.count.wrapping_sub(other.count);
        self.sum = self.sum.wrapping_sub(other.sum);
    }
}

/// Opens sled, whose errors and panics are reasons to make the index again.
///
/// # Errors
/// What sled said.
pub fn open(directory: &Path, cache_bytes: u64) -> Result<::sled::Db, String> {
    let config = ::sled::Config::new().path(directory).cache_capacity(cache_bytes).flush_every_ms(None);
    // sled panics rather than returns on some damage.
    match catch_unwind(AssertUnwindSafe(|| config.open())) {
        Ok(Ok(db)) => Ok(db),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("sled panicked while opening".to_owned()),
    }
}

/// The reading side of the index; shared.
#[derive(Clone)]
pub struct IndexReader {
    tree: ::sled::Tree,
}

impl IndexReader {
    /// The entry under a flat key.
    ///
    /// # Errors
    /// [`Error::Index`].
    pub fn entry(&self, flat: &[u8]) -> Result<Option<Entry>, Error> {
        let octets = self.tree.get(flat).map_err(broken)?;
        octets.map_or(Ok(None), |octets| decoded(&octets).map(|stored| stored.entry()))
    }

    /// The version under a flat key.
    ///
    /// # Errors
    /// [`Error::Index`].
    pub fn version(&self, flat: &[u8]) -> Result<Option<u64>, Error> {
        let Some(octets) = self.tree.get(flat).map_err(broken)? else { return Ok(None) };
        let stored = decoded(&octets)?;
        Ok((stored.tag != REMOVED).then_some(stored.version))
    }

    /// Calls `take` with each flat key from `start` on, its version, and its entry (none for a tombstone) until it
    /// gives `false`.
    ///
    /// # Errors
    /// [`Error::Index`].
    pub fn walk(
        &self,
        start: (std::ops::Bound<Vec<u8>>, std::ops::Bound<Vec<u8>>),
        mut take: impl FnMut(&[u8], u64, Option<Entry>) -> bool,
    ) -> Result<(), Error> {
        for item in self.tree.range(start) {
            let (key, octets) = item.map_err(broken)?;
            if key.first() == Some(&SENTINEL) {
                continue;
            }
            let stored = decoded(&octets)?;
            if !take(&key, stored.version, stored.entry()) {
                break;
            }
        }
        Ok(())
    }
}

/// The writing side of the index: one owner.
pub struct Index {
    db: ::sled::Db,
    tree: ::sled::Tree,
    secret: [u8; 32],
    /// The last checkpoint, and what it covers.
    checkpoint: u64,
    limit: u64,
    /// What stands there now.
    total: Share,
    /// Tombstones to be removed after the next checkpoint.
    tombstones: Vec<Vec<u8>>,
    /// Values found from after the checkpoint that the replay of the journal has not come to yet.
    ahead: HashMap<Vec<u8>, Ahead>,
}

/// A value that sled has from after its checkpoint.
struct Ahead {
    tag: u8,
    version: u64,
    share: Share,
}

impl Index {
    /// An index in an empty database.
    #[must_use]
    pub fn fresh(db: ::sled::Db, secret: [u8; 32]) -> Self {
        let tree = (*db).clone();
        Self {
            db,
            tree,
            secret,
            checkpoint: 0,
            limit: 0,
            total: Share::default(),
            tombstones: Vec::new(),
            ahead: HashMap::new(),
        }
    }

    /// The index that was there at `checkpoint` and whatever was written to it after; or why it is not that.
    ///
    /// # Errors
    /// Why the index cannot be trusted.
    pub fn examine(db: ::sled::Db, secret: [u8; 32], checkpoint: &Checkpoint) -> Result<Self, String> {
        let result = catch_unwind(AssertUnwindSafe(|| Self::examine_unguarded(db, secret, checkpoint)));
        result.unwrap_or_else(|_| Err("sled panicked while it was read".to_owned()))
    }

    fn examine_unguarded(db: ::sled::Db, secret: [u8; 32], checkpoint: &Checkpoint) -> Result<Self, String> {
        let mut index = Self::fresh(db, secret);
        index.checkpoint = checkpoint.number;
        index.limit = checkpoint.limit();
        let wanted = Share { count: checkpoint.count, sum: checkpoint.sum };
        let sentinel = index.tree.get(sentinel_key(checkpoint.number)).map_err(|error| error.to_string())?;
        let expected = sentinel_value(checkpoint.number, index.limit, wanted);
        if sentinel.as_deref() != Some(&expected[..]) {
            return Err(format!("its sentinel is not that of checkpoint {}", checkpoint.number));
        }
        let mut then = Share::default();
        for item in &index.tree {
            let (key, octets) = item.map_err(|error| error.to_string())?;
            if key.first() == Some(&SENTINEL) {
                continue;
            }
            let stored = Stored::decode(&octets).ok_or("a value cannot be read")?;
            let share = stored.share(&index.secret, &key);
            index.total.add(share);
            if stored.version <= index.limit {
                then.add(share);
            } else if let Some((_, sum)) = stored.base.filter(|(number, _)| *number == checkpoint.number) {
                then.add(Share { count: 1, sum });
            }
            if stored.tag == REMOVED {
                index.tombstones.push(key.to_vec());
            }
            if stored.version > index.limit {
                let ahead = Ahead { tag: stored.tag, version: stored.version, share };
                index.ahead.insert(key.to_vec(), ahead);
            }
        }
        match then == wanted {
            true => Ok(index),
            false => Err(format!(
                "at checkpoint {} it had {} keys with sum {:016x}, now {} with {:016x}",
                checkpoint.number, wanted.count, wanted.sum, then.count, then.sum
            )),
        }
    }

    /// The reading side.
    #[must_use]
    pub fn reader(&self) -> IndexReader {
        IndexReader { tree: self.tree.clone() }
    }

    /// What stands there now.
    #[must_use]
    pub fn total(&self) -> Share {
        self.total
    }

    /// Whether tombstones wait for a checkpoint.
    #[must_use]
    pub fn untidy(&self) -> bool {
        !self.tombstones.is_empty()
    }

    /// As [`Index::write`] for a record that the journal is read for: what sled already has of it must be the same.
    ///
    /// # Errors
    /// [`Error::Index`].
    pub fn rewrite(&mut self, key: &[u8], version: u64, new: New<'_>) -> Result<(), Error> {
        if let Some(ahead) = self.ahead.get(key)
            && ahead.version == version
        {
            let (tag, bytes) = new.parts();
            let told = Stored { tag, version, base: None, bytes };
            if ahead.tag == tag && ahead.share == told.share(&self.secret, key) {
                self.ahead.remove(key);
            }
        }
        self.write(key, version, new)
    }

    /// After the whole journal was read: why a value from after the checkpoint is not one that the journal wrote.
    #[must_use]
    pub fn unexplained(&self) -> Option<String> {
        let newest = self.ahead.values().map(|ahead| ahead.version).max()?;
        Some(format!(
            "{} values after checkpoint {} are not those of the journal, the newest of record {}",
            self.ahead.len(),
            self.checkpoint,
            Position::from_version(newest)
        ))
    }

    /// Puts `new` under a flat key, as the record at `version` says. Idempotent, and never goes back to an older version.
    ///
    /// # Errors
    /// [`Error::Index`].
    pub fn write(&mut self, key: &[u8], version: u64, new: New<'_>) -> Result<(), Error> {
        let old = self.tree.get(key).map_err(broken)?;
        let old = old.as_deref().map(decoded).transpose()?;
        if old.is_some_and(|old| old.version >= version) {
            return Ok(());
        }
        let (tag, bytes) = new.parts();
        let base = old.and_then(|old| self.base(key, &old));
        let stored = Stored { tag, version, base, bytes };
        if let Some(old) = old {
            self.total.subtract(old.share(&self.secret, key));
        }
        self.total.add(stored.share(&self.secret, key));
        if tag == REMOVED && base.is_none() {
            // The checkpoint does not know the key: nothing to remember.
            self.tree.remove(key).map_err(broken)?;
            return Ok(());
        }
        if tag == REMOVED {
            self.tombstones.push(key.to_vec());
        }
        self.tree.insert(key, stored.encode()).map_err(broken)?;
        Ok(())
    }

    /// As [`Index::write`] for a key that is known to hold nothing: saves the look-up.
    ///
    /// # Errors
    /// [`Error::Index`].
    pub fn write_absent(&mut self, key: &[u8], version: u64) -> Result<(), Error> {
        let stored = Stored { tag: AT, version, base: None, bytes: &[] };
        match self.tree.insert(key, stored.encode()).map_err(broken)? {
            None => self.total.add(stored.share(&self.secret, key)),
            Some(old) => {
                // A tombstone, or a replay after all: put it back and look.
                self.tree.insert(key, old).map_err(broken)?;
                self.write(key, version, New::At)?;
            }
        }
        Ok(())
    }

    /// What a value that replaces `old` must remember of the checkpoint.
    fn base(&self, key: &[u8], old: &Stored<'_>) -> Option<(u64, u64)> {
        if old.version > self.limit {
            return old.base.filter(|(number, _)| *number == self.checkpoint);
        }
        (old.tag != REMOVED).then(|| (self.checkpoint, old.share(&self.secret, key).sum))
    }

    /// Makes everything durable in sled's files as checkpoint `number`, which covers all up to `limit`.
    ///
    /// # Errors
    /// [`Error::Index`], or when the files cannot be synced.
    pub fn checkpoint(&mut self, directory: &Path, number: u64, limit: u64) -> Result<(), Error> {
        self.tree.insert(sentinel_key(number), sentinel_value(number, limit, self.total)).map_err(broken)?;
        self.db.flush().map_err(broken)?;
        // sled's flush is no fsync: it is made through descriptors of our own.
        sync_files(directory).map_err(|source| Error::Io {
            what: "sync",
            path: directory.display().to_string(),
            source,
        })
    }

    /// The checkpoint's position file is durable: from here on it is what a start would look at.
    ///
    /// # Errors
    /// [`Error::Index`].
    pub fn begin_after(&mut self, number: u64, limit: u64) -> Result<(), Error> {
        self.checkpoint = number;
        self.limit = limit;
        for key in std::mem::take(&mut self.tombstones) {
            let octets = self.tree.get(&key).map_err(broken)?;
            let tombstone = octets.as_deref().map(decoded).transpose()?;
            if tombstone.is_some_and(|stored| stored.tag == REMOVED && stored.version <= limit) {
                self.tree.remove(&key).map_err(broken)?;
            }
        }
        Ok(())
    }
}

fn sentinel_key(number: u64) -> [u8; 2] {
    // Two in turn: the one of the last checkpoint stands until the next position file does.
    [SENTINEL, if number.is_multiple_of(2) { 2 } else { 1 }]
}

fn sentinel_value(number: u64, limit: u64, total: Share) -> Vec<u8> {
    [number, limit, total.count, total.sum].iter().flat_map(|part| part.to_be_bytes()).collect()
}

fn sync_files(directory: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            sync_files(&path)?;
        } else {
            match std::fs::File::open(&path) {
                Ok(file) => file.sync_all()?,
                // sled removes old snapshots on its own.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    std::fs::File::open(directory)?.sync_all()
}

fn decoded(octets: &[u8]) -> Result<Stored<'_>, Error> {
    Stored::decode(octets).ok_or_else(|| Error::Index { reason: "a value cannot be read".to_owned() })
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn broken(error: ::sled::Error) -> Error {
    Error::Index { reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::journal::JournalCursor;

    const SECRET: [u8; 32] = [7; 32];

    /// The key of a test value.
    fn key(n: u8) -> [u8; 2] {
        [9, n]
    }

    /// An index with two keys in its checkpoint at 100 and, beyond it, what a journal wrote at 200 to 203.
    fn kept() -> (tempfile::TempDir, ::sled::Db, Checkpoint) {
        let folder = tempfile::tempdir().unwrap();
        let db = open(folder.path(), 1 << 20).unwrap();
        let mut index = Index::fresh(db.clone(), SECRET);
        index.write(&key(1), 50, New::Bytes(b"old")).unwrap();
        index.write(&key(2), 100, New::At).unwrap();
        index.checkpoint(folder.path(), 1, 100).unwrap();
        let checkpoint = Checkpoint {
            number: 1,
            store_id: [0; 16],
            boot: String::new(),
            clean: false,
            cursor: JournalCursor::start(),
            last: Some(Position::from_version(100)),
            count: index.total().count,
            sum: index.total().sum,
            trees: Vec::new(),
        };
        index.begin_after(1, 100).unwrap();
        journal(&mut index, Index::write);
        (folder, db, checkpoint)
    }

    type Write = fn(&mut Index, &[u8], u64, New<'_>) -> Result<(), Error>;

    fn journal(index: &mut Index, write: Write) {
        write(index, &key(1), 200, New::Bytes(b"new")).unwrap();
        write(index, &key(3), 201, New::At).unwrap();
        write(index, &key(2), 202, New::Removed).unwrap();
        write(index, &key(1), 203, New::Bytes(b"newer")).unwrap();
    }

    /// What a start finds after `damage`: why it does not trust the index, if it does not.
    fn judged(damage: impl Fn(&::sled::Db)) -> Option<String> {
        let (_folder, db, checkpoint) = kept();
        damage(&db);
        let mut index = match Index::examine(db, SECRET, &checkpoint) {
            Ok(index) => index,
            Err(reason) => return Some(reason),
        };
        journal(&mut index, Index::rewrite);
        index.unexplained()
    }

    #[test]
    fn what_the_journal_wrote_after_the_checkpoint_is_trusted_however_much_of_it_sled_has() {
        assert_eq!(judged(|_| ()), None);
        assert_eq!(judged(|db| drop(db.remove(key(3)).unwrap())), None, "not yet written by sled");
    }

    #[test]
    fn every_octet_changed_after_the_checkpoint_is_noticed() {
        for n in 1..=3 {
            let octets = kept().1.get(key(n)).unwrap().unwrap();
            for at in 0..octets.len() {
                for bit in [0, 7] {
                    let mut changed = octets.to_vec();
                    changed[at] ^= 1 << bit;
                    let reason = judged(|db| drop(db.insert(key(n), changed.as_slice()).unwrap()));
                    assert!(reason.is_some(), "key {n}, octet {at}, bit {bit}");
                }
            }
        }
    }

    #[test]
    fn a_value_that_the_journal_never_wrote_is_noticed() {
        let stored = Stored { tag: AT, version: 201, base: None, bytes: &[] };
        let reason = judged(|db| drop(db.insert(key(8), stored.encode()).unwrap()));
        assert!(reason.unwrap().contains("record 0:201"));
    }
}
