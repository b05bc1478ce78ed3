//! Opening: lock, judge the index, replay or make it again, settle the journal's end. Nothing is answered before.

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::super::checkpoint::{Checkpoint, boot_id};
use super::super::journal::segment::{self, SegmentHeader};
use super::super::journal::writer::settle;
use super::super::journal::{Disk, Identity, Item, JournalCursor, JournalEnd, JournalReader, Lookup};
use super::super::trees::Trees;
use super::super::{Error, Progress};
use super::applier::{Applied, Checkpointed};
use super::index::{self, Index};
use super::overlay::Ops;

/// The data directory's lock; held as long as this lives.
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of `data`.
    ///
    /// # Errors
    /// [`Error::Locked`] when another process has it.
    pub fn take(data: &Path) -> Result<Self, Error> {
        use std::io::Write;
        let path = data.join("lock");
        let failed = |source| Error::Io { what: "open", path: path.display().to_string(), source };
        let opened = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = opened.map_err(failed)?;
        let operation = rustix::fs::FlockOperation::NonBlockingLockExclusive;
        if rustix::fs::flock(&file, operation).is_err() {
            let holder = fs::read_to_string(&path).unwrap_or_default();
            let holder = holder.trim().parse::<u32>().map(|id| format!(" (process {id})")).unwrap_or_default();
            return Err(Error::Locked { path: data.display().to_string(), holder });
        }
        // The number is for the message above only; the lock holds without it.
        let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
    }
}

/// Everything that stands when the journal's end is settled and the index is complete.
pub struct Started {
    /// Whose journal it is.
    pub identity: Identity,
    /// Where the next batch is to be written.
    pub cursor: JournalCursor,
    /// The index.
    pub applied: Applied,
    /// The trees.
    pub trees: Trees,
    /// What was done.
    pub told: Told,
}

/// What a start found and did.
#[derive(Clone, Debug, PartialEq, Eq, Default, serde::Serialize)]
pub struct Told {
    /// Why the index was made again, if it was.
    pub rebuilt: Option<String>,
    /// Records read from the journal into the index.
    pub replayed: u64,
    /// Octets of an unfinished batch that were cut.
    pub cut_bytes: u64,
}

/// Where things stand in `data`.
pub struct Places {
    /// `DIR/data`.
    pub data: PathBuf,
    /// Segments.
    pub journal: PathBuf,
    /// sled.
    pub index: PathBuf,
    /// Files of the trees.
    pub trees: PathBuf,
}

impl Places {
    /// Those in `data`.
    #[must_use]
    pub fn new(data: &Path) -> Self {
        let data = data.to_owned();
        Self { journal: data.join("journal"), index: data.join("index"), trees: data.join("trees"), data }
    }

    /// The same journal with an index, trees and a position file of their own, beside those in use. What an earlier
    /// attempt left there is removed.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn beside(&self) -> Result<Self, Error> {
        let folder = self.data.join("rebuild");
        remove_folder(&folder)?;
        fs::create_dir(&folder).map_err(|source| failed("make", &folder, source))?;
        Ok(Self { journal: self.journal.clone(), ..Self::new(&folder) })
    }

    /// Puts index, trees and position of `beside` in the place of ours. Interrupted at any point, the next start finds
    /// no position file and makes the index again from the journal.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn take_over(&self, beside: &Self) -> Result<(), Error> {
        let position = Checkpoint::read(&beside.data)?;
        Checkpoint::remove(&self.data)?;
        for (new, old) in [(&beside.index, &self.index), (&beside.trees, &self.trees)] {
            remove_folder(old)?;
            fs::rename(new, old).map_err(|source| failed("move", new, source))?;
        }
        let synced = File::open(&self.data).and_then(|directory| directory.sync_all());
        synced.map_err(|source| failed("sync", &self.data, source))?;
        if let Some(position) = position {
            position.write(&self.data)?;
        }
        remove_folder(&beside.data)
    }
}

fn remove_folder(folder: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed("remove", folder, error)),
        _ => Ok(()),
    }
}

/// What to do with an index that cannot be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDoubt {
    /// Make it again from the journal.
    Rebuild,
    /// Leave it and say why: [`Error::Index`].
    Refuse,
    /// Make it again even without a doubt.
    RebuildAnyway,
}

struct Start<'a> {
    places: &'a Places,
    disk: &'a dyn Disk,
    cache_bytes: u64,
    identity: Identity,
    progress: Progress<'a>,
}

/// Opens what stands in `places`, or makes it.
///
/// # Errors
/// [`Error::Damaged`] and [`Error::Behind`] when the journal is not what it was; [`Error::Io`].
pub fn start(
    places: &Places,
    disk: &dyn Disk,
    cache_bytes: u64,
    on_doubt: OnDoubt,
    progress: Progress<'_>,
) -> Result<Started, Error> {
    fs::create_dir_all(&places.journal).map_err(|source| failed("make", &places.journal, source))?;
    let checkpoint = Checkpoint::read(&places.data)?;
    let known = identity(&places.journal)?;
    if known.is_none()
        && on_doubt != OnDoubt::RebuildAnyway
        && let Some(last) = checkpoint.as_ref().and_then(|checkpoint| checkpoint.last)
    {
        let (path, end) = (places.journal.display().to_string(), JournalCursor::start().position());
        return Err(Error::Behind { path, end, known: last });
    }
    let identity = known.map_or_else(new_identity, Ok)?;
    let mut start = Start { places, disk, cache_bytes, identity, progress };
    let doubt = match checkpoint {
        _ if on_doubt == OnDoubt::RebuildAnyway => "it was asked for".to_owned(),
        None if known.is_none() => return start.fresh(None),
        None => "there is no position file that holds".to_owned(),
        Some(checkpoint) => match start.resume(&checkpoint)? {
            Ok(started) => return Ok(started),
            Err(doubt) => doubt,
        },
    };
    if on_doubt == OnDoubt::Refuse {
        return Err(Error::Index { reason: doubt });
    }
    tracing::warn!(reason = doubt, "the index is made again from the journal");
    start.fresh(Some(doubt))
}

impl Start<'_> {
    /// Takes the index up where its checkpoint left it; or says why it is not to be trusted.
    fn resume(&mut self, checkpoint: &Checkpoint) -> Result<Result<Started, String>, Error> {
        if checkpoint.store_id != self.identity.store_id {
            return Ok(Err("the position file is that of another store".to_owned()));
        }
        reaches(self.places, checkpoint)?;
        let boot = boot_id();
        if !checkpoint.clean && (boot.is_empty() || checkpoint.boot != boot) {
            return Ok(Err("the machine was started anew without a clean stop".to_owned()));
        }
        let db = match index::open(&self.places.index, self.cache_bytes) {
            Ok(db) => db,
            Err(reason) => return Ok(Err(reason)),
        };
        let index = match Index::examine(db, self.identity.secret, checkpoint) {
            Ok(index) => index,
            Err(reason) => return Ok(Err(reason)),
        };
        let trees = Trees::new(&self.places.trees, self.identity.store_id)?;
        for mark in &checkpoint.trees {
            if !trees.restore(mark)? {
                let tree = mark.name.as_ref().map_or("owner", |name| name.as_str());
                return Ok(Err(format!("the file of tree {tree} is not that of the checkpoint")));
            }
        }
        let applied = Applied {
            index,
            directory: self.places.index.clone(),
            number: checkpoint.number,
            cursor: checkpoint.cursor,
            last: checkpoint.last,
            trees: checkpoint.trees.iter().map(|mark| (mark.name.clone(), mark.clone())).collect(),
        };
        self.replay(applied, trees, Told::default())
    }

    /// Makes index and trees from the whole journal.
    fn fresh(&mut self, rebuilt: Option<String>) -> Result<Started, Error> {
        // From here until the new checkpoint a start begins here again.
        Checkpoint::remove(&self.places.data)?;
        for directory in [&self.places.index, &self.places.trees] {
            remove_folder(directory)?;
        }
        let db = index::open(&self.places.index, self.cache_bytes).map_err(|reason| Error::Index { reason })?;
        let applied = Applied {
            index: Index::fresh(db, self.identity.secret),
            directory: self.places.index.clone(),
            number: 0,
            cursor: JournalCursor::start(),
            last: None,
            trees: HashMap::new(),
        };
        let trees = Trees::new(&self.places.trees, self.identity.store_id)?;
        let started = self.replay(applied, trees, Told { rebuilt, ..Told::default() })?;
        started.map_err(|reason| Error::Index { reason })
    }

    /// Reads the journal from where the index ends; or says why what sled has beyond that is not to be trusted.
    fn replay(&mut self, mut applied: Applied, trees: Trees, mut told: Told) -> Result<Result<Started, String>, Error> {
        let mut reader = JournalReader::new(&self.places.journal, applied.cursor);
        let end = loop {
            let batch = match reader.next_batch()? {
                Ok(batch) => batch,
                Err(end) => break end,
            };
            for item in batch.items() {
                apply(&item?, &mut applied, &trees)?;
                told.replayed += 1;
            }
            applied.cursor = batch.next;
            if told.replayed.is_multiple_of(64) {
                (self.progress)(told.replayed);
            }
        };
        (self.progress)(told.replayed);
        if let Some(reason) = applied.index.unexplained() {
            return Ok(Err(reason));
        }
        self.settle(&end, &mut told)?;
        if told.replayed > 0 || told.rebuilt.is_some() || applied.index.untidy() || applied.number == 0 {
            for name in trees.names() {
                if let Some(mark) = trees.mark(&name) {
                    applied.trees.insert(name, mark);
                }
            }
            let store_id = self.identity.store_id;
            applied.checkpoint(&Checkpointed { data: &self.places.data, store_id, trees: &trees }, false)?;
        } else {
            self.dirty()?;
        }
        Ok(Ok(Started { identity: self.identity, cursor: end.cursor, applied, trees, told }))
    }

    fn settle(&self, end: &JournalEnd, told: &mut Told) -> Result<(), Error> {
        told.cut_bytes = end.torn_bytes;
        if end.torn_bytes > 0 {
            tracing::warn!(position = %end.cursor.position(), octets = end.torn_bytes, "an unfinished batch was cut");
        }
        settle(self.disk, &self.places.journal, end)
    }

    /// From now on the position file is not that of a closed store.
    fn dirty(&self) -> Result<(), Error> {
        match Checkpoint::read(&self.places.data)? {
            Some(checkpoint) => Checkpoint { clean: false, boot: boot_id(), ..checkpoint }.write(&self.places.data),
            None => Ok(()),
        }
    }
}

/// Whether the journal has all that the position file speaks of.
///
/// # Errors
/// [`Error::Behind`] or [`Error::Damaged`] when not.
pub fn reaches_checkpoint(places: &Places) -> Result<(), Error> {
    match Checkpoint::read(&places.data)? {
        Some(checkpoint) => reaches(places, &checkpoint),
        None => Ok(()),
    }
}

/// Whether the journal has all that the checkpoint has: its last record closes the batch before the cursor.
fn reaches(places: &Places, checkpoint: &Checkpoint) -> Result<(), Error> {
    let Some(last) = checkpoint.last else { return Ok(()) };
    match Lookup::new(&places.journal).chain(last) {
        Ok(Some(chain)) if chain == checkpoint.cursor.chain => Ok(()),
        Ok(_) | Err(Error::NoRecord { .. }) => {
            // Walking from the start says where the journal is damaged, or else where it ends.
            let mut reader = JournalReader::new(&places.journal, JournalCursor::start());
            while reader.next_batch()?.is_ok() {}
            let (path, end) = (places.journal.display().to_string(), reader.cursor().position());
            Err(Error::Behind { path, end, known: last })
        }
        Err(error) => Err(error),
    }
}

fn apply(item: &Item, applied: &mut Applied, trees: &Trees) -> Result<(), Error> {
    let ops = Ops::new(&item.commit);
    ops.apply(&mut applied.index, item.position.version(), true)?;
    applied.last = Some(item.position);
    let Some((tree, leaf)) = ops.leaf else { return Ok(()) };
    if item.leaf_index != Some(trees.size(&tree)) {
        return Err(Error::Damaged {
            file: format!("record {}", item.position),
            offset: item.position.offset(),
            expected: format!("leaf {} of its tree", trees.size(&tree)),
            came: item.leaf_index.map_or_else(|| "none".to_owned(), |index| index.to_string()),
        });
    }
    let time = super::super::record::encode_nanoseconds(item.time).unwrap_or(0);
    trees.push(&tree, leaf, time)
}

/// Whose journal stands in `journal`; `None` when there is none yet.
///
/// # Errors
/// When the first segment cannot be read, or is damaged.
pub fn identity(journal: &Path) -> Result<Option<Identity>, Error> {
    let numbers = segment::list(journal)?;
    let Some(first) = numbers.first() else { return Ok(None) };
    let path = segment::path(journal, *first);
    let file = File::open(&path).map_err(|source| failed("open", &path, source))?;
    let header = SegmentHeader::read(&file).map_err(|source| failed("read", &path, source))?;
    // An only segment without a header is empty; the reader sees to that, and to what else may be wrong.
    Ok(header.map(|header| header.identity))
}

fn new_identity() -> Result<Identity, Error> {
    let (mut store_id, mut secret) = ([0; 16], [0; 32]);
    let random = openssl::rand::rand_bytes(&mut store_id).and_then(|()| openssl::rand::rand_bytes(&mut secret));
    random.map_err(|error| failed("read random octets for", Path::new("a new store"), std::io::Error::other(error)))?;
    Ok(Identity { store_id, secret })
}

fn failed(what: &'static str, path: &Path, source: std::io::Error) -> Error {
    Error::Io { what, path: path.display().to_string(), source }
}
