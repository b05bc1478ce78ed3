//! Disks that fail: the store stops, loses nothing that it acknowledged, and acknowledges nothing that it lost.

use std::collections::BTreeSet;
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use coconnect::base::RealClock;
use coconnect::store::journal::disk::{DiskFile, Durable};
use coconnect::store::journal::{Disk, RealDisk};
use coconnect::store::{
    Commit, CommitError, Committed, Error, Key, OnDoubt, Options, PartName, Record, RecordKind, Require, SledStore,
    Store, Table,
};
use jiff::Timestamp;

use crate::store_contract::{small, wait};

/// What goes wrong, and at which occasion of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// A segment write stops half way.
    ShortWrite,
    /// A segment write fails with this error.
    Write(i32),
    /// Making the next segment fails with this error.
    Create(i32),
    /// Syncing the directory fails.
    SyncDirectory,
    /// Renaming the next segment fails.
    Rename,
}

#[derive(Default)]
struct Plan {
    fault: Option<(Fault, u32)>,
    fired: u32,
    writes_after: u32,
}

struct Faulty {
    plan: Arc<Mutex<Plan>>,
    free: AtomicU64,
}

struct FaultyFile {
    file: Arc<dyn DiskFile>,
    durable: Durable,
    plan: Arc<Mutex<Plan>>,
}

impl Plan {
    /// Whether this is the occasion. Once it came, every further one of its kind fails too.
    fn strikes(&mut self, kinds: &[Fault]) -> Option<Fault> {
        let (fault, left) = self.fault.as_mut().filter(|(fault, _)| kinds.contains(fault))?;
        if *left > 0 {
            *left -= 1;
            return None;
        }
        self.fired += 1;
        Some(*fault)
    }
}

fn error(code: i32) -> io::Error {
    io::Error::from_raw_os_error(code)
}

const EIO: i32 = 5;
const ENOSPC: i32 = 28;

impl DiskFile for FaultyFile {
    fn write_at(&self, offset: u64, octets: &[IoSlice<'_>]) -> io::Result<usize> {
        if self.durable == Durable::Later {
            return self.file.write_at(offset, octets);
        }
        let mut plan = self.plan.lock().unwrap();
        plan.writes_after += u32::from(plan.fired > 0);
        match plan.strikes(&[Fault::ShortWrite, Fault::Write(EIO), Fault::Write(ENOSPC)]) {
            None => self.file.write_at(offset, octets),
            Some(Fault::Write(code)) => Err(error(code)),
            Some(_) => {
                let all: Vec<u8> = octets.iter().flat_map(|slice| slice.to_vec()).collect();
                self.file.write_at(offset, &[IoSlice::new(&all[..all.len() / 2])])
            }
        }
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }
}

impl Disk for Faulty {
    fn create(&self, path: &Path, durable: Durable) -> io::Result<Arc<dyn DiskFile>> {
        match self.plan.lock().unwrap().strikes(&[Fault::Create(EIO), Fault::Create(ENOSPC)]) {
            Some(Fault::Create(code)) => Err(error(code)),
            _ => RealDisk.create(path, durable),
        }
    }

    fn open(&self, path: &Path, durable: Durable) -> io::Result<Arc<dyn DiskFile>> {
        let file = RealDisk.open(path, durable)?;
        Ok(Arc::new(FaultyFile { file, durable, plan: self.plan.clone() }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        match self.plan.lock().unwrap().strikes(&[Fault::Rename]) {
            Some(_) => Err(error(EIO)),
            None => RealDisk.rename(from, to),
        }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        match self.plan.lock().unwrap().strikes(&[Fault::SyncDirectory]) {
            Some(_) => Err(error(EIO)),
            None => RealDisk.sync_directory(path),
        }
    }

    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        Ok(self.free.load(Ordering::Relaxed))
    }
}

impl Faulty {
    fn new() -> (Arc<Self>, Arc<Mutex<Plan>>) {
        let plan = Arc::new(Mutex::new(Plan::default()));
        (Arc::new(Self { plan: plan.clone(), free: AtomicU64::new(1 << 40) }), plan)
    }
}

fn open(disk: Arc<dyn Disk>, data: &Path, options: Options) -> Result<SledStore, Error> {
    SledStore::open_on(disk, data, options, Arc::new(RealClock::new()), OnDoubt::Rebuild, &mut |_| ())
}

fn message(n: u32) -> Commit {
    let key = Key::new(Table::Dedup, n.to_be_bytes());
    let record = Record::new(RecordKind::Received, Timestamp::UNIX_EPOCH, n.to_string());
    Commit::new(record.part(PartName::Request, vec![n as u8; 6000])).require(Require::Absent(key.clone())).point(key)
}

fn commit(store: &SledStore, n: u32) -> Result<Committed, CommitError> {
    wait(store.commit(message(n)))
}

fn found(store: &SledStore) -> Vec<u32> {
    let records = store.records(None, 10_000).unwrap();
    records.iter().filter_map(|found| found.record.reference.parse().ok()).collect()
}

#[test]
fn a_failed_or_short_write_stops_the_store_for_good_and_loses_nothing() {
    for fault in [
        Fault::ShortWrite,
        Fault::Write(EIO),
        Fault::Write(ENOSPC),
        Fault::SyncDirectory,
        Fault::Rename,
        Fault::Create(EIO),
    ] {
        for occasion in [0, 1, 7] {
            let folder = tempfile::tempdir().unwrap();
            let (disk, plan) = Faulty::new();
            let store = open(disk, folder.path(), small()).unwrap();
            for n in 0..5 {
                commit(&store, n).unwrap();
            }
            plan.lock().unwrap().fault = Some((fault, occasion));
            let mut acknowledged: BTreeSet<u32> = (0..5).collect();
            let mut refusal = None;
            for n in 5..200 {
                match commit(&store, n) {
                    Ok(_) => {
                        assert!(acknowledged.insert(n) && refusal.is_none(), "{fault:?}: accepted after a failure")
                    }
                    Err(error) => refusal = Some(error),
                }
            }
            let refusal = refusal.expect("the fault came");
            assert!(matches!(&refusal, CommitError::Stopped { .. }), "{fault:?}: {refusal}");
            assert_eq!(store.status().refusing, Some(refusal));
            // A next segment that could not be made stops the store only when it is needed.
            let ahead = fault == Fault::Create(EIO);
            assert!(ahead || plan.lock().unwrap().writes_after == 0, "{fault:?}: written after a failure");
            // What was acknowledged is still read, and closing tells of the failure.
            assert_eq!(found(&store).into_iter().collect::<BTreeSet<_>>(), acknowledged);
            assert!(wait(store.close()).is_err());
            drop(store);

            let store = open(Arc::new(RealDisk), folder.path(), small()).unwrap();
            let after = found(&store);
            let once: BTreeSet<u32> = after.iter().copied().collect();
            assert_eq!(once.len(), after.len(), "{fault:?}: twice");
            assert!(once.is_superset(&acknowledged), "{fault:?} {occasion}: lost");
            // The commit that failed was never acknowledged; whole or not at all it is there.
            assert!(once.len() <= acknowledged.len() + 1);
            let next = acknowledged.len() as u32 + 1;
            commit(&store, next).unwrap();
        }
    }
}

#[test]
fn a_full_disk_refuses_cleanly_and_goes_on_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, _) = Faulty::new();
    let options = Options { min_free_bytes: 1 << 20, ..small() };
    let store = open(disk.clone(), folder.path(), options).unwrap();
    commit(&store, 0).unwrap();
    disk.free.store((1 << 20) - 1, Ordering::Relaxed);
    let refused = commit(&store, 1).unwrap_err();
    assert_eq!(refused, CommitError::Full { free_bytes: (1 << 20) - 1, reserve_bytes: 1 << 20 });
    assert_eq!(store.status().refusing, Some(refused));
    assert_eq!(found(&store), [0]);
    disk.free.store(1 << 40, Ordering::Relaxed);
    commit(&store, 1).unwrap();
    assert_eq!(store.status().refusing, None);
    assert_eq!(found(&store), [0, 1]);
}

#[test]
fn no_room_for_the_next_segment_refuses_cleanly_too() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, plan) = Faulty::new();
    let store = open(disk, folder.path(), small()).unwrap();
    plan.lock().unwrap().fault = Some((Fault::Create(ENOSPC), 0));
    let mut acknowledged = Vec::new();
    let mut refused = 0;
    for n in 0..20 {
        match commit(&store, n) {
            Ok(_) => acknowledged.push(n),
            Err(error) => {
                assert!(matches!(error, CommitError::Full { .. }), "{error}");
                refused += 1;
            }
        }
    }
    assert!(refused > 5 && acknowledged.len() > 5);
    plan.lock().unwrap().fault = None;
    // One more refusal may be under way already.
    while commit(&store, 99).is_err() {}
    acknowledged.push(99);
    assert_eq!(found(&store), acknowledged);
    drop(store);
    let store = open(Arc::new(RealDisk), folder.path(), small()).unwrap();
    assert_eq!(found(&store), acknowledged);
}

#[test]
fn a_second_process_is_told_who_has_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(Arc::new(RealDisk), folder.path(), small()).unwrap();
    let second = open(Arc::new(RealDisk), folder.path(), small());
    let told = second.err().unwrap().to_string();
    assert!(told.contains(&format!("process {}", std::process::id())), "{told}");
    drop(first);
    open(Arc::new(RealDisk), folder.path(), small()).unwrap();
}
