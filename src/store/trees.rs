//! The trees on disk: `DIR/data/trees/PARTNER.nodes`, the hashes of complete subtrees in the order in which they became
//! complete, 32 octets each. Made from the journal, never part of it: not synced by a commit, but by a checkpoint.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, RwLock};

use jiff::Timestamp;

use super::checkpoint::TreeMark;
use super::journal::segment::read_up_to;
use super::merkle::{self, HASH_BYTES, Hash, LogId, Nodes, Tree, nodes_before, verify_consistency, verify_inclusion};
use super::{Error, Head};
use crate::base::id::PartnerId;

/// Whose tree: a partner's, or (`None`) the owner's, which binds the partners' heads.
pub type TreeName = Option<PartnerId>;

/// All trees of a store.
pub struct Trees {
    directory: PathBuf,
    store_id: [u8; 16],
    open: RwLock<HashMap<TreeName, Arc<Mutex<Grown>>>>,
}

struct Grown {
    log_id: LogId,
    tree: Tree,
    time: i64,
    file: File,
    /// Hashes that stand in the file.
    flushed: u64,
    /// Hashes behind those.
    tail: Vec<Hash>,
}

impl Nodes for Grown {
    type Error = std::io::Error;

    fn node(&self, index: u64) -> Result<Hash, Self::Error> {
        if let Some(at) = index.checked_sub(self.flushed) {
            let hash = usize::try_from(at).ok().and_then(|at| self.tail.get(at));
            return hash.copied().ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into());
        }
        let mut octets = [0; HASH_BYTES];
        match read_up_to(&self.file, index * HASH_BYTES as u64, &mut octets)? {
            HASH_BYTES => Ok(Hash::new(octets)),
            _ => Err(std::io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

impl Trees {
    /// No trees, their files to stand in `directory`.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn new(directory: &Path, store_id: [u8; 16]) -> Result<Self, Error> {
        fs::create_dir_all(directory).map_err(|source| failed("make", directory, source))?;
        Ok(Self { directory: directory.to_owned(), store_id, open: RwLock::new(HashMap::new()) })
    }

    /// The log id of a tree.
    #[must_use]
    pub fn log_id(&self, name: &TreeName) -> LogId {
        // No partner id is in lower case.
        LogId::derive(&self.store_id, name.as_ref().map_or("owner", PartnerId::as_str))
    }

    fn path(&self, name: &TreeName) -> PathBuf {
        self.directory.join(format!("{}.nodes", name.as_ref().map_or("owner", PartnerId::as_str)))
    }

    /// Takes a tree up again where a checkpoint left it; `false` when its file does not fit.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn restore(&self, mark: &TreeMark) -> Result<bool, Error> {
        let path = self.path(&mark.name);
        let Some(tree) = Tree::from_edge(mark.size, mark.edge.clone()) else { return Ok(false) };
        let flushed = nodes_before(mark.size);
        let file = self.file(&mark.name, false)?;
        let length = file.metadata().map_err(|source| failed("read", &path, source))?.len();
        if length < flushed * HASH_BYTES as u64 || mark.log_id != self.log_id(&mark.name) {
            return Ok(false);
        }
        // What was written after the checkpoint comes again from the journal.
        file.set_len(flushed * HASH_BYTES as u64).map_err(|source| failed("cut", &path, source))?;
        let grown = Grown { log_id: mark.log_id, tree, time: mark.time, file, flushed, tail: Vec::new() };
        let root = merkle::root(&grown, mark.size).map_err(|source| failed("read", &path, source))?;
        if root != grown.tree.root() {
            return Ok(false);
        }
        self.insert(mark.name.clone(), grown);
        Ok(true)
    }

    fn file(&self, name: &TreeName, empty: bool) -> Result<File, Error> {
        let path = self.path(name);
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(empty).open(&path);
        opened.map_err(|source| failed("open", &path, source))
    }

    fn insert(&self, name: TreeName, grown: Grown) -> Arc<Mutex<Grown>> {
        let grown = Arc::new(Mutex::new(grown));
        self.open.write().expect("no holder of this lock panics").insert(name, grown.clone());
        grown
    }

    fn find(&self, name: &TreeName) -> Option<Arc<Mutex<Grown>>> {
        self.open.read().expect("no holder of this lock panics").get(name).cloned()
    }

    /// Leaves of a tree.
    #[must_use]
    pub fn size(&self, name: &TreeName) -> u64 {
        self.find(name).map_or(0, |grown| lock(&grown).tree.size())
    }

    /// Adds a leaf.
    ///
    /// # Errors
    /// When the file of a new tree cannot be made.
    pub fn push(&self, name: &TreeName, leaf: Hash, time: i64) -> Result<(), Error> {
        let grown = match self.find(name) {
            Some(grown) => grown,
            None => {
                let file = self.file(name, true)?;
                let log_id = self.log_id(name);
                let grown = Grown { log_id, tree: Tree::new(), time, file, flushed: 0, tail: Vec::new() };
                self.insert(name.clone(), grown)
            }
        };
        let mut grown = lock(&grown);
        let Grown { tree, tail, .. } = &mut *grown;
        tree.push(leaf, |hash| tail.push(hash));
        grown.time = time;
        Ok(())
    }

    /// A tree as the position file will have it.
    #[must_use]
    pub fn mark(&self, name: &TreeName) -> Option<TreeMark> {
        let grown = self.find(name)?;
        let grown = lock(&grown);
        let (size, edge) = (grown.tree.size(), grown.tree.edge().to_vec());
        Some(TreeMark { name: name.clone(), log_id: grown.log_id, size, time: grown.time, edge })
    }

    /// The names of all trees.
    #[must_use]
    pub fn names(&self) -> Vec<TreeName> {
        let mut names: Vec<_> = self.open.read().expect("no holder of this lock panics").keys().cloned().collect();
        names.sort();
        names
    }

    /// Writes the hashes that are in memory only, and makes the file durable. One caller at a time.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn flush(&self, name: &TreeName) -> Result<(), Error> {
        let Some(shared) = self.find(name) else { return Ok(()) };
        let (file, at, octets, count) = {
            let grown = lock(&shared);
            let octets: Vec<u8> = grown.tail.iter().flat_map(|hash| *hash.as_bytes()).collect();
            (grown.file.try_clone(), grown.flushed * HASH_BYTES as u64, octets, grown.tail.len())
        };
        let written = file.and_then(|file| {
            file.write_all_at(&octets, at)?;
            file.sync_data()
        });
        written.map_err(|source| failed("write", &self.path(name), source))?;
        let mut grown = lock(&shared);
        grown.tail.drain(..count);
        grown.flushed += count as u64;
        Ok(())
    }

    /// Makes the names of the files durable.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn sync_names(&self) -> Result<(), Error> {
        let synced = File::open(&self.directory).and_then(|directory| directory.sync_all());
        synced.map_err(|source| failed("sync", &self.directory, source))
    }

    /// The head of a tree.
    #[must_use]
    pub fn head(&self, name: &TreeName) -> Option<Head> {
        let grown = self.find(name)?;
        let grown = lock(&grown);
        let time = Timestamp::from_nanosecond(i128::from(grown.time)).expect("64 bits of nanoseconds are in range");
        Some(Head { log_id: grown.log_id, size: grown.tree.size(), root: grown.tree.root(), time })
    }

    fn read<T>(
        &self,
        name: &TreeName,
        asked: u64,
        read: impl FnOnce(&Grown) -> Result<T, std::io::Error>,
    ) -> Result<T, Error> {
        let tree = || name.as_ref().map_or_else(|| "owner".to_owned(), PartnerId::to_string);
        let Some(grown) = self.find(name) else { return Err(Error::NoSuchLeaf { tree: tree(), asked, size: 0 }) };
        let grown = lock(&grown);
        let size = grown.tree.size();
        if asked > size {
            return Err(Error::NoSuchLeaf { tree: tree(), asked, size });
        }
        read(&grown).map_err(|source| failed("read", &self.path(name), source))
    }

    /// Leaf `index`.
    ///
    /// # Errors
    /// When there is no such leaf, or the file cannot be read.
    pub fn leaf(&self, name: &TreeName, index: u64) -> Result<Hash, Error> {
        self.read(name, index.saturating_add(1), |grown| grown.node(nodes_before(index)))
    }

    /// An inclusion proof; checked before it is given.
    ///
    /// # Errors
    /// When there is no such leaf, or the file is not what it was.
    pub fn inclusion(&self, name: &TreeName, index: u64, size: u64) -> Result<Vec<Hash>, Error> {
        let asked = if index < size { size } else { u64::MAX };
        self.read(name, asked, |grown| {
            let proof = merkle::inclusion(grown, index, size)?;
            let (leaf, root) = (grown.node(nodes_before(index))?, merkle::root(grown, size)?);
            verify_inclusion(&leaf, index, size, &proof, &root).map_err(std::io::Error::other)?;
            grown.check(size)?;
            Ok(proof)
        })
    }

    /// A consistency proof; checked before it is given.
    ///
    /// # Errors
    /// When there are not as many leaves, or the file is not what it was.
    pub fn consistency(&self, name: &TreeName, from: u64, to: u64) -> Result<Vec<Hash>, Error> {
        let asked = if from <= to { to } else { u64::MAX };
        self.read(name, asked, |grown| {
            let proof = merkle::consistency(grown, from, to)?;
            let (old, new) = (merkle::root(grown, from)?, merkle::root(grown, to)?);
            verify_consistency(from, to, &old, &new, &proof).map_err(std::io::Error::other)?;
            grown.check(to)?;
            Ok(proof)
        })
    }
}

impl Grown {
    /// Whether the first `size` leaves in the file lead to the root that follows from the journal.
    fn check(&self, size: u64) -> Result<(), std::io::Error> {
        let now = self.tree.size();
        let proof = merkle::consistency(self, size, now)?;
        let old = merkle::root(self, size)?;
        verify_consistency(size, now, &old, &self.tree.root(), &proof).map_err(std::io::Error::other)
    }
}

fn lock(grown: &Mutex<Grown>) -> std::sync::MutexGuard<'_, Grown> {
    grown.lock().expect("no holder of this lock panics")
}

fn failed(what: &'static str, path: &Path, source: std::io::Error) -> Error {
    Error::Io { what, path: path.display().to_string(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::merkle::leaf_hash;

    fn name() -> TreeName {
        Some(PartnerId::parse("KR").unwrap())
    }

    #[test]
    fn a_tree_goes_on_where_its_checkpoint_left_it() {
        let folder = tempfile::tempdir().unwrap();
        let trees = Trees::new(folder.path(), [1; 16]).unwrap();
        let leaves: Vec<Hash> = (0..200u32).map(|n| leaf_hash(&n.to_be_bytes())).collect();
        for leaf in &leaves[..100] {
            trees.push(&name(), *leaf, 5).unwrap();
        }
        let mark = trees.mark(&name()).unwrap();
        for leaf in &leaves[100..150] {
            trees.push(&name(), *leaf, 6).unwrap();
        }
        trees.flush(&name()).unwrap();
        let again = Trees::new(folder.path(), [1; 16]).unwrap();
        assert!(again.restore(&mark).unwrap());
        for leaf in &leaves[100..] {
            again.push(&name(), *leaf, 7).unwrap();
            trees.push(&name(), *leaf, 7).unwrap();
        }
        assert_eq!(again.head(&name()).unwrap().size, 200);
        assert_eq!(again.leaf(&name(), 149).unwrap(), leaves[149]);
        for index in [0, 99, 100, 199] {
            let (head, proof) = (again.head(&name()).unwrap(), again.inclusion(&name(), index, 200).unwrap());
            let leaf = leaves[usize::try_from(index).unwrap()];
            assert_eq!(verify_inclusion(&leaf, index, 200, &proof, &head.root), Ok(()));
        }
        assert!(matches!(again.inclusion(&name(), 200, 200), Err(Error::NoSuchLeaf { .. })));
        assert!(matches!(again.consistency(&name(), 1, 201), Err(Error::NoSuchLeaf { size: 200, .. })));
        assert!(matches!(again.leaf(&None, 0), Err(Error::NoSuchLeaf { size: 0, .. })));
    }

    #[test]
    fn a_file_that_changed_gives_no_proof_and_no_start() {
        let folder = tempfile::tempdir().unwrap();
        let trees = Trees::new(folder.path(), [1; 16]).unwrap();
        for n in 0..64u32 {
            trees.push(&name(), leaf_hash(&n.to_be_bytes()), 5).unwrap();
        }
        trees.flush(&name()).unwrap();
        let path = folder.path().join("KR.nodes");
        let octets = fs::read(&path).unwrap();
        let mut damaged = octets.clone();
        damaged[0] ^= 1;
        fs::write(&path, &damaged).unwrap();
        assert!(trees.inclusion(&name(), 0, 64).is_err());
        let mut damaged = octets.clone();
        *damaged.last_mut().unwrap() ^= 1;
        fs::write(&path, &damaged).unwrap();
        let mark = trees.mark(&name()).unwrap();
        assert!(!Trees::new(folder.path(), [1; 16]).unwrap().restore(&mark).unwrap());
        fs::write(&path, &octets[..100]).unwrap();
        assert!(!Trees::new(folder.path(), [1; 16]).unwrap().restore(&mark).unwrap());
        fs::write(&path, &octets).unwrap();
        assert!(Trees::new(folder.path(), [1; 16]).unwrap().restore(&mark).unwrap());
        // Another store's tree of the same partner is another log.
        assert!(!Trees::new(folder.path(), [2; 16]).unwrap().restore(&mark).unwrap());
    }
}
