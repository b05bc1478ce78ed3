//! The position file `DIR/data/position`: up to where the index and the trees' files are known to be complete.
//!
//! It is written whole under another name, synced, renamed, and the directory synced. It holds the trees' edges, so
//! a start reads the journal only from here on, and what the index must look like: its count of keys and their sum.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::Error;
use super::journal::JournalCursor;
use super::merkle::{Hash, LogId};
use super::record::{Position, RecordCursor};
use crate::base::id::PartnerId;

const MAGIC: [u8; 8] = *b"COCOPOSN";
const VERSION: u8 = 1;
/// Octets of a position file: 100,000 trees of 60 hashes and more.
const BYTES_MAX: u64 = 256 << 20;

/// A tree as it stands in the position file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeMark {
    /// Whose tree; `None` is the owner's.
    pub name: Option<PartnerId>,
    /// Its id.
    pub log_id: LogId,
    /// Leaves.
    pub size: u64,
    /// Journal time of the last leaf, nanoseconds since 1970.
    pub time: i64,
    /// Roots of its complete subtrees.
    pub edge: Vec<Hash>,
}

/// What the position file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Number of the checkpoint.
    pub number: u64,
    /// Which store.
    pub store_id: [u8; 16],
    /// The boot during which it was written.
    pub boot: String,
    /// Whether the store was closed after it.
    pub clean: bool,
    /// Where the first batch stands that may be missing from the index.
    pub cursor: JournalCursor,
    /// The last record that the index has.
    pub last: Option<Position>,
    /// Keys in the index.
    pub count: u64,
    /// The keyed sum over them.
    pub sum: u64,
    /// The trees.
    pub trees: Vec<TreeMark>,
}

/// The position file in `data`.
#[must_use]
pub fn path(data: &Path) -> PathBuf {
    data.join("position")
}

/// This boot's id; empty where the system has none, which equals no other.
#[must_use]
pub fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|text| text.trim().to_owned()).unwrap_or_default()
}

impl Checkpoint {
    /// Everything up to this version is in the index.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.last.map_or(0, Position::version)
    }

    fn encode(&self) -> Vec<u8> {
        let mut octets = Vec::with_capacity(512);
        octets.extend_from_slice(&MAGIC);
        octets.push(VERSION);
        octets.push(u8::from(self.clean));
        octets.extend_from_slice(&self.number.to_be_bytes());
        octets.extend_from_slice(&self.store_id);
        octets.push(u8::try_from(self.boot.len()).unwrap_or(0));
        octets.extend_from_slice(self.boot.as_bytes());
        for number in [self.cursor.segment, self.cursor.offset, self.cursor.number, self.cursor.time.cast_unsigned()] {
            octets.extend_from_slice(&number.to_be_bytes());
        }
        octets.extend_from_slice(self.cursor.chain.as_bytes());
        for number in [self.limit(), self.count, self.sum, self.trees.len() as u64] {
            octets.extend_from_slice(&number.to_be_bytes());
        }
        for tree in &self.trees {
            let name = tree.name.as_ref().map_or("", PartnerId::as_str);
            octets.push(u8::try_from(name.len()).expect("a partner id is short"));
            octets.extend_from_slice(name.as_bytes());
            octets.extend_from_slice(tree.log_id.as_bytes());
            octets.extend_from_slice(&tree.size.to_be_bytes());
            octets.extend_from_slice(&tree.time.to_be_bytes());
            tree.edge.iter().for_each(|hash| octets.extend_from_slice(hash.as_bytes()));
        }
        let crc = crc32fast::hash(&octets);
        octets.extend_from_slice(&crc.to_be_bytes());
        octets
    }

    fn decode(octets: &[u8]) -> Option<Self> {
        let (body, crc) = octets.split_last_chunk::<4>()?;
        if *crc != crc32fast::hash(body).to_be_bytes() {
            return None;
        }
        let mut from = RecordCursor::new(body);
        if from.array("magic").ok()? != MAGIC || from.array("version").ok()? != [VERSION] {
            return None;
        }
        let [clean] = from.array("state").ok()?;
        let mut number = || from.array("number").ok().map(u64::from_be_bytes);
        let checkpoint_number = number()?;
        let store_id = from.array("store id").ok()?;
        let [length] = from.array("boot id").ok()?;
        let boot = String::from_utf8(from.take(usize::from(length), "boot id").ok()?.to_vec()).ok()?;
        let mut number = || from.array("number").ok().map(u64::from_be_bytes);
        let (segment, offset, batch, time) = (number()?, number()?, number()?, number()?);
        Position::new(segment, offset)?;
        let chain = Hash::new(from.array("chain").ok()?);
        let mut number = || from.array("number").ok().map(u64::from_be_bytes);
        let (last, count, sum, trees_count) = (number()?, number()?, number()?, number()?);
        let mut trees = Vec::new();
        for _ in 0..trees_count {
            let name = from.partner().ok()?;
            let log_id = LogId::new(from.array("log id").ok()?);
            let size = u64::from_be_bytes(from.array("size").ok()?);
            let time = i64::from_be_bytes(from.array("time").ok()?);
            let mut edge = Vec::new();
            for _ in 0..size.count_ones() {
                edge.push(Hash::new(from.array("edge").ok()?));
            }
            trees.push(TreeMark { name, log_id, size, time, edge });
        }
        from.end().ok()?;
        Some(Self {
            number: checkpoint_number,
            store_id,
            boot,
            clean: clean == 1,
            cursor: JournalCursor { segment, offset, number: batch, chain, time: time.cast_signed() },
            last: (last != 0).then(|| Position::from_version(last)),
            count,
            sum,
            trees,
        })
    }

    /// Reads the position file; `None` when there is none, or none that holds.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn read(data: &Path) -> Result<Option<Self>, Error> {
        let path = path(data);
        let failed = |source| Error::Io { what: "read", path: path.display().to_string(), source };
        match fs::metadata(&path) {
            Ok(metadata) if metadata.len() > BYTES_MAX => return Ok(None),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        }
        Ok(Self::decode(&fs::read(&path).map_err(failed)?))
    }

    /// Writes the position file, durably.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn write(&self, data: &Path) -> Result<(), Error> {
        let (path, new) = (path(data), data.join("position.tmp"));
        let written = File::create(&new).and_then(|mut file| {
            file.write_all(&self.encode())?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            File::open(data)?.sync_all()
        });
        written.map_err(|source| Error::Io { what: "write", path: path.display().to_string(), source })
    }

    /// Removes the position file: the index is in doubt and is made again at the next start.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn remove(data: &Path) -> Result<(), Error> {
        let path = path(data);
        let removed = match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(()) => File::open(data).and_then(|directory| directory.sync_all()),
        };
        removed.map_err(|source| Error::Io { what: "remove", path: path.display().to_string(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_reads_back_and_a_damaged_one_is_none() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Checkpoint::read(folder.path()).unwrap(), None);
        let tree = |name, size: u64| TreeMark {
            name,
            log_id: LogId::new([9; 16]),
            size,
            time: 77,
            edge: vec![Hash::new([5; 32]); size.count_ones() as usize],
        };
        let checkpoint = Checkpoint {
            number: 7,
            store_id: [1; 16],
            boot: boot_id(),
            clean: true,
            cursor: JournalCursor { segment: 2, offset: 4096, number: 9, chain: Hash::new([2; 32]), time: -1 },
            last: Position::new(1, 5000),
            count: 12,
            sum: u64::MAX,
            trees: vec![tree(None, 3), tree(Some(PartnerId::parse("KR").unwrap()), 7)],
        };
        checkpoint.write(folder.path()).unwrap();
        assert_eq!(Checkpoint::read(folder.path()).unwrap(), Some(checkpoint));
        let file = path(folder.path());
        let octets = fs::read(&file).unwrap();
        for at in 0..octets.len() {
            let mut damaged = octets.clone();
            damaged[at] ^= 0x10;
            fs::write(&file, &damaged).unwrap();
            assert_eq!(Checkpoint::read(folder.path()).unwrap(), None, "octet {at}");
        }
        fs::write(&file, &octets[..40]).unwrap();
        assert_eq!(Checkpoint::read(folder.path()).unwrap(), None);
        Checkpoint::remove(folder.path()).unwrap();
        Checkpoint::remove(folder.path()).unwrap();
    }
}
