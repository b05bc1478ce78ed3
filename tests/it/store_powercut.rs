//! Power cuts: every write, sync and rename of the journal is recorded; states of the disk are rebuilt as a cut at a
//! random moment may leave them, and opened.
//!
//! Blocks of 4 KiB that were not synced are there or not, each by chance. Names are durable with any later sync
//! (`Ordered`, as ext4) or only with their directory's (`Strict`). Two negative controls show that the simulation
//! would notice: one without the sync of batches, one without that of the directory.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use coconnect::base::{Clock, RealClock};
use coconnect::store::journal::disk::{DiskFile, Durable};
use coconnect::store::journal::writer::settle;
use coconnect::store::journal::{Disk, JournalCursor, JournalReader, RealDisk};
use coconnect::store::{
    Commit, Key, OnDoubt, Options, PartName, Record, RecordKind, Require, SledStore, Store, Table, check,
};
use jiff::Timestamp;

use crate::store_contract::small;

const BLOCK: usize = 4096;

#[derive(Clone, Debug)]
enum Op {
    Create { name: String, file: usize },
    Write { file: usize, offset: usize, octets: Vec<u8>, durable: bool },
    Sync { file: usize },
    Rename { from: String, to: String },
    Remove { name: String },
    SyncNames,
    Acknowledged(u64),
}

#[derive(Default)]
struct Log {
    ops: Vec<Op>,
    names: BTreeMap<String, usize>,
    files: usize,
}

#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Log>>);

struct RecordedFile {
    real: Arc<dyn DiskFile>,
    file: usize,
    durable: bool,
    log: Recorder,
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

impl Recorder {
    fn note(&self, op: Op) {
        self.0.lock().unwrap().ops.push(op);
    }

    fn wrap(&self, real: Arc<dyn DiskFile>, file: usize, durable: Durable) -> Arc<dyn DiskFile> {
        Arc::new(RecordedFile { real, file, durable: durable == Durable::AtOnce, log: self.clone() })
    }
}

impl DiskFile for RecordedFile {
    fn write_at(&self, offset: u64, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let octets = slices.iter().flat_map(|slice| slice.to_vec()).collect();
        let (file, durable) = (self.file, self.durable);
        self.log.note(Op::Write { file, offset: offset as usize, octets, durable });
        self.real.write_at(offset, slices)
    }

    fn sync(&self) -> io::Result<()> {
        self.real.sync()?;
        self.log.note(Op::Sync { file: self.file });
        Ok(())
    }
}

impl Disk for Recorder {
    fn create(&self, path: &Path, durable: Durable) -> io::Result<Arc<dyn DiskFile>> {
        let real = RealDisk.create(path, durable)?;
        let mut log = self.0.lock().unwrap();
        let file = log.files;
        log.files += 1;
        log.names.insert(name(path), file);
        log.ops.push(Op::Create { name: name(path), file });
        drop(log);
        Ok(self.wrap(real, file, durable))
    }

    fn open(&self, path: &Path, durable: Durable) -> io::Result<Arc<dyn DiskFile>> {
        let real = RealDisk.open(path, durable)?;
        let file = self.0.lock().unwrap().names[&name(path)];
        Ok(self.wrap(real, file, durable))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)?;
        let mut log = self.0.lock().unwrap();
        let file = log.names.remove(&name(from)).unwrap();
        log.names.insert(name(to), file);
        log.ops.push(Op::Rename { from: name(from), to: name(to) });
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)?;
        self.note(Op::Remove { name: name(path) });
        Ok(())
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        RealDisk.sync_directory(path)?;
        self.note(Op::SyncNames);
        Ok(())
    }

    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        Ok(1 << 40)
    }
}

struct Random(u64);

impl Random {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names {
    Ordered,
    Strict,
}

/// What the controls take away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Without {
    Nothing,
    BatchSync,
    DirectorySync,
}

/// An offset, and the octets written there.
type Unsynced = (usize, Vec<u8>);

#[derive(Default)]
struct State {
    /// Durable content, and what was written since, by file.
    files: BTreeMap<usize, (Vec<u8>, Vec<Unsynced>)>,
    names: BTreeMap<String, usize>,
    pending_names: Vec<Op>,
    acknowledged: BTreeSet<u64>,
}

fn put(content: &mut Vec<u8>, offset: usize, octets: &[u8]) {
    let end = offset + octets.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[offset..end].copy_from_slice(octets);
}

/// Writes each block of it with a chance of `percent`.
fn put_partly(content: &mut Vec<u8>, offset: usize, octets: &[u8], percent: u64, random: &mut Random) {
    let mut at = offset;
    while at < offset + octets.len() {
        let end = (at / BLOCK + 1) * BLOCK;
        let end = end.min(offset + octets.len());
        if random.next(100) < percent {
            put(content, at, &octets[at - offset..end - offset]);
        }
        at = end;
    }
}

fn rename(names: &mut BTreeMap<String, usize>, op: &Op) {
    match op {
        Op::Create { name, file } => drop(names.insert(name.clone(), *file)),
        Op::Rename { from, to } => {
            if let Some(file) = names.remove(from) {
                names.insert(to.clone(), file);
            }
        }
        Op::Remove { name } => drop(names.remove(name)),
        _ => {}
    }
}

impl State {
    fn names_durable(&mut self) {
        for op in std::mem::take(&mut self.pending_names) {
            rename(&mut self.names, &op);
        }
    }

    fn apply(&mut self, op: &Op, names: Names, without: Without) {
        match op {
            Op::Create { file, .. } => {
                self.files.insert(*file, Default::default());
                self.pending_names.push(op.clone());
            }
            Op::Rename { .. } | Op::Remove { .. } => self.pending_names.push(op.clone()),
            Op::Write { file, offset, octets, durable } => {
                let (content, pending) = self.files.get_mut(file).unwrap();
                if *durable && without != Without::BatchSync {
                    put(content, *offset, octets);
                } else {
                    pending.push((*offset, octets.clone()));
                }
                if *durable && names == Names::Ordered && without != Without::DirectorySync {
                    self.names_durable();
                }
            }
            Op::Sync { file } => {
                let (content, pending) = self.files.get_mut(file).unwrap();
                pending.drain(..).for_each(|(offset, octets)| put(content, offset, &octets));
                if names == Names::Ordered && without != Without::DirectorySync {
                    self.names_durable();
                }
            }
            Op::SyncNames if without == Without::DirectorySync => {}
            Op::SyncNames => self.names_durable(),
            Op::Acknowledged(n) => drop(self.acknowledged.insert(*n)),
        }
    }

    /// The directory as a cut finds it, with `last` in flight.
    fn cut(mut self, last: Option<&Op>, percent: u64, random: &mut Random) -> BTreeMap<String, Vec<u8>> {
        let kept = random.next(self.pending_names.len() as u64 + 1) as usize;
        for op in &self.pending_names[..if percent == 0 { 0 } else { kept }] {
            rename(&mut self.names, op);
        }
        if let Some(Op::Write { file, offset, octets, .. }) = last {
            self.files.get_mut(file).unwrap().1.push((*offset, octets.clone()));
        }
        for (content, pending) in self.files.values_mut() {
            for (offset, octets) in std::mem::take(pending) {
                put_partly(content, offset, &octets, percent, random);
            }
        }
        self.names.into_iter().map(|(name, file)| (name, self.files[&file].0.clone())).collect()
    }
}

fn options() -> Options {
    Options { batch_records_max: 24, ..small() }
}

fn message(n: u64, octets: usize) -> Commit {
    let key = Key::new(Table::Dedup, n.to_be_bytes());
    let record = Record::new(RecordKind::Received, Timestamp::UNIX_EPOCH, n.to_string());
    Commit::new(record.part(PartName::Request, vec![n as u8 | 1; octets]))
        .require(Require::Absent(key.clone()))
        .point(key)
}

/// Runs a store of `messages` from 16 writers over a recorder, and gives what was recorded.
fn recorded(messages: u64, seed: u64) -> Vec<Op> {
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::default();
    let clock = Arc::new(RealClock::new());
    let disk = Arc::new(recorder.clone());
    let store = SledStore::open_on(disk, folder.path(), options(), clock, OnDoubt::Rebuild, &mut |_| ()).unwrap();
    let store = Arc::new(store);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let tasks = (0..16).map(|writer| {
            let (store, recorder) = (store.clone(), recorder.clone());
            tokio::spawn(async move {
                let mut random = Random(seed ^ writer);
                for n in (writer..messages).step_by(16) {
                    let octets = 100 + random.next(if n % 10 == 0 { 20_000 } else { 1_500 }) as usize;
                    store.commit(message(n, octets)).await.unwrap();
                    recorder.note(Op::Acknowledged(n));
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
    });
    drop(store);
    let log = recorder.0.lock().unwrap();
    log.ops.clone()
}

/// Reads all messages of a journal; `Err` says what is wrong with it.
fn read(journal: &Path) -> Result<(BTreeSet<u64>, u64, coconnect::store::journal::JournalEnd), String> {
    let mut reader = JournalReader::new(journal, JournalCursor::start());
    let (mut found, mut cut) = (BTreeSet::new(), 0);
    loop {
        match reader.next_batch().map_err(|error| error.to_string())? {
            Ok(batch) => {
                for item in batch.items() {
                    let record = item.map_err(|error| error.to_string())?.commit.record;
                    if record.kind == RecordKind::Received && !found.insert(record.reference.parse().unwrap()) {
                        return Err(format!("message {} twice", record.reference));
                    }
                }
            }
            Err(end) => {
                cut += u64::from(end.torn_bytes > 0);
                return Ok((found, cut, end));
            }
        }
    }
}

/// Opens the state `files` in `data`; gives how many tails were cut.
fn judge(
    files: &BTreeMap<String, Vec<u8>>,
    acknowledged: &BTreeSet<u64>,
    data: &Path,
    whole: bool,
) -> Result<u64, String> {
    let journal: PathBuf = data.join("journal");
    fs::create_dir_all(&journal).unwrap();
    for (name, content) in files {
        fs::write(journal.join(name), content).unwrap();
    }
    let (found, cut, end) = read(&journal)?;
    if let Some(lost) = acknowledged.difference(&found).next() {
        return Err(format!("message {lost} was acknowledged and is lost"));
    }
    if whole {
        let clock = Arc::new(RealClock::new());
        let store = SledStore::open(data, options(), clock, &mut |_| ()).map_err(|error| error.to_string())?;
        let compared = check::compare(&store, data, &mut |_| ()).map_err(|error| error.to_string())?;
        assert!(compared.equal);
        let next = tokio::runtime::Builder::new_current_thread().build().unwrap();
        next.block_on(store.commit(message(1 << 40, 10))).map_err(|error| error.to_string())?;
        drop(store);
        let (after, _, _) = read(&journal)?;
        assert_eq!(after.len(), found.len() + 1);
    } else {
        settle(&RealDisk, &journal, &end).map_err(|error| error.to_string())?;
        let (after, still, _) = read(&journal)?;
        assert_eq!((after, still), (found, 0), "what was cut stays cut");
    }
    Ok(cut)
}

fn seed() -> u64 {
    let given = std::env::var("COCONNECT_SEED").ok().and_then(|text| text.parse().ok());
    given.unwrap_or_else(|| RealClock::new().now().as_nanosecond() as u64 & 0xffff_ffff)
}

/// Judges `states` random cuts of what was recorded; gives failures and cut tails.
fn cuts(ops: &[Op], states: u64, without: Without, random: &mut Random) -> (Vec<String>, u64) {
    let (mut failures, mut tails) = (Vec::new(), 0);
    // The first segment's making belongs to the start, before anything is promised.
    let mut at: Vec<usize> = (0..states).map(|_| random.next(ops.len() as u64) as usize).collect();
    at.sort_unstable();
    for (number, at) in at.into_iter().enumerate() {
        let names = if number.is_multiple_of(2) { Names::Ordered } else { Names::Strict };
        let names = if without == Without::DirectorySync { Names::Strict } else { names };
        let percent = [0, 10, 50, 90, 100][random.next(5) as usize];
        let mut state = State::default();
        ops[..at].iter().for_each(|op| state.apply(op, names, without));
        let acknowledged = state.acknowledged.clone();
        let files = state.cut(ops.get(at), percent, random);
        let folder = tempfile::tempdir().unwrap();
        let whole = without == Without::Nothing && number.is_multiple_of(10);
        match judge(&files, &acknowledged, folder.path(), whole) {
            Ok(cut) => tails += cut,
            Err(error) => failures.push(format!("cut at {at} of {}, {names:?}, {percent} %: {error}", ops.len())),
        }
    }
    (failures, tails)
}

#[test]
fn a_power_cut_loses_nothing_that_was_acknowledged() {
    let seed = seed();
    println!("COCONNECT_SEED={seed}");
    let mut random = Random(seed);
    let long = std::env::var("COCONNECT_LONG").is_ok();
    let ops = recorded(if long { 2_000 } else { 400 }, seed);
    let rolls = ops.iter().filter(|op| matches!(op, Op::Rename { .. })).count();
    assert!(rolls > 5, "segments were changed {rolls} times");
    let states = if long { 1_000 } else { 300 };
    let (failures, tails) = cuts(&ops, states, Without::Nothing, &mut random);
    assert!(failures.is_empty(), "COCONNECT_SEED={seed}: {} of {states}: {:#?}", failures.len(), &failures[..1]);
    for control in [Without::BatchSync, Without::DirectorySync] {
        let (failures, _) = cuts(&ops, 40, control, &mut random);
        println!("control without {control:?}: {} of 40 states lose records", failures.len());
        assert!(failures.len() >= 10, "COCONNECT_SEED={seed}: the simulation does not notice a missing {control:?}");
    }
    println!("{states} states, 0 lost, {tails} unfinished tails cut");
}
