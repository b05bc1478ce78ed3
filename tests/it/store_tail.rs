//! The tail rule: an unfinished last batch is cut, damage anywhere else stops the start and says where.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use coconnect::base::RealClock;
use coconnect::base::id::PartnerId;
use coconnect::store::journal::{JournalCursor, JournalReader};
use coconnect::store::merkle::leaf_hash;
use coconnect::store::verify::verify;
use coconnect::store::{
    Commit, Error, Key, Missing, Options, PartName, Record, RecordKind, Require, SledStore, Store, Table,
};
use jiff::Timestamp;

use crate::store_contract::{small, wait};

/// No checkpoint but the first, so that the position file does not know of the tail.
fn unhurried() -> Options {
    let never = Duration::from_secs(100_000);
    Options { checkpoint_interval: never, checkpoint_records: 1 << 20, bind_interval: never, ..small() }
}

fn open(data: &Path, options: Options) -> Result<SledStore, Error> {
    SledStore::open(data, options, Arc::new(RealClock::new()), &mut |_| ())
}

fn commit(store: &SledStore, n: usize, octets: usize) {
    let key = Key::new(Table::Dedup, n.to_be_bytes());
    let record = Record::new(RecordKind::Received, Timestamp::UNIX_EPOCH, n.to_string());
    let entry = n.to_be_bytes().to_vec();
    let commit =
        Commit::new(record.part(PartName::Request, vec![n as u8; octets]).part(PartName::Entry, entry.clone()))
            .require(Require::Absent(key.clone()))
            .point(key)
            .leaf(PartnerId::parse("KR").unwrap(), leaf_hash(&entry));
    wait(store.commit(commit)).unwrap();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A store as a crash leaves it: `count` records, none of them in a checkpoint.
fn crashed(count: usize, octets: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let live = folder.path().join("live");
    let store = open(&live, unhurried()).unwrap();
    for n in 0..count {
        commit(&store, n, octets);
    }
    copy(&live, &folder.path().join("data"));
    folder
}

/// Where each batch of the journal stands: segment file, first octet, last octet without padding.
fn batches(journal: &Path) -> Vec<(PathBuf, usize, usize)> {
    let mut reader = JournalReader::new(journal, JournalCursor::start());
    let mut found = Vec::new();
    while let Ok(batch) = reader.next_batch().unwrap() {
        let file = journal.join(format!("{:010}.seg", batch.segment));
        let offset = batch.offset as usize;
        found.push((file, offset, offset + batch.length()));
    }
    found
}

fn count(journal: &Path) -> Result<(usize, u64), Error> {
    let mut reader = JournalReader::new(journal, JournalCursor::start());
    let mut count = 0;
    loop {
        match reader.next_batch()? {
            Ok(_) => count += 1,
            Err(end) => return Ok((count, end.torn_bytes)),
        }
    }
}

#[test]
fn every_octet_of_the_last_batch_cut_or_changed_is_an_unfinished_tail() {
    let folder = crashed(4, 100);
    let journal = folder.path().join("data/journal");
    let (file, from, to) = batches(&journal)[3].clone();
    let sound = fs::read(&file).unwrap();
    assert_eq!(count(&journal).unwrap(), (4, 0));
    for at in from..to {
        let mut changed = sound.clone();
        changed[at] ^= 0x40;
        fs::write(&file, &changed).unwrap();
        let (read, torn) = count(&journal).unwrap();
        assert_eq!((read, torn > 0), (3, true), "octet {at} changed");

        let mut cut = sound.clone();
        cut[at..].fill(0);
        fs::write(&file, &cut).unwrap();
        // A last octet that is zero already cannot be missed.
        let whole = sound[at..to].iter().all(|octet| *octet == 0);
        assert_eq!(count(&journal).unwrap().0, if whole { 4 } else { 3 }, "zeros from octet {at}");

        fs::write(&file, &sound[..at]).unwrap();
        assert_eq!(count(&journal).unwrap().0, 3, "the file ends at octet {at}");
    }
}

#[test]
fn every_octet_of_an_earlier_batch_changed_stops_and_says_where() {
    let folder = crashed(4, 100);
    let journal = folder.path().join("data/journal");
    let all = batches(&journal);
    let (file, from, to) = all[1].clone();
    let sound = fs::read(&file).unwrap();
    for at in from..to {
        let mut changed = sound.clone();
        changed[at] ^= 0x40;
        fs::write(&file, &changed).unwrap();
        let Err(Error::Damaged { file: told, offset, .. }) = count(&journal) else { panic!("octet {at} passed") };
        assert_eq!(PathBuf::from(told), file);
        assert!((from..=to).contains(&(offset as usize)), "octet {at} told as {offset}");
    }
    // Gone altogether, with a valid batch behind it.
    let mut gone = sound.clone();
    gone[from..to].fill(0);
    fs::write(&file, &gone).unwrap();
    assert!(matches!(count(&journal), Err(Error::Damaged { .. })));
    assert!(matches!(open(&folder.path().join("data"), small()), Err(Error::Damaged { .. })));
}

#[test]
fn a_cut_tail_leaves_no_trace_and_the_journal_goes_on() {
    for change in ["changed", "cut"] {
        let folder = crashed(4, 3000);
        let (data, journal) = (folder.path().join("data"), folder.path().join("data/journal"));
        let (file, from, to) = batches(&journal)[3].clone();
        let mut octets = fs::read(&file).unwrap();
        match change {
            "changed" => octets[from + 700] ^= 1,
            _ => octets[to - 9..].fill(0),
        }
        fs::write(&file, &octets).unwrap();
        let before = verify(&data, None, &mut |_| ()).unwrap();
        assert!(before.valid && before.unfinished_octets > 0, "{before:?}");
        let store = open(&data, small()).unwrap();
        assert_eq!(store.told().replayed, 3);
        assert!(store.told().cut_bytes > 0);
        let kr = PartnerId::parse("KR").unwrap();
        assert_eq!(store.head(&kr).unwrap().unwrap().size, 3);
        assert_eq!(store.get(&Key::new(Table::Dedup, 3usize.to_be_bytes())).unwrap(), None);
        // A shorter batch in its place: nothing of the old one may come back to life behind it.
        commit(&store, 7, 10);
        drop(store);
        let report = verify(&data, None, &mut |_| ()).unwrap();
        assert!(report.valid && report.unfinished_octets == 0, "{report:?}");
        assert_eq!(report.kinds["received"], 4);
    }
}

#[test]
fn a_last_segment_without_header_is_empty_unless_something_stands_in_it() {
    let folder = crashed(2, 100);
    let (data, journal) = (folder.path().join("data"), folder.path().join("data/journal"));
    let stray = journal.join("0000000002.seg");
    // The first segment is not closed: a second one with a header, or with content, contradicts that.
    fs::write(&stray, vec![0; 65536]).unwrap();
    assert_eq!(count(&journal).unwrap(), (2, 0));
    let mut used = vec![0; 65536];
    used[5000] = 1;
    fs::write(&stray, &used).unwrap();
    assert!(matches!(count(&journal), Err(Error::Damaged { .. })));
    fs::write(&stray, vec![0; 65536]).unwrap();
    let store = open(&data, small()).unwrap();
    for n in 10..40 {
        commit(&store, n, 6000);
    }
    drop(store);
    let report = verify(&data, None, &mut |_| ()).unwrap();
    assert!(report.valid && report.segments > 2, "{report:?}");
}

#[test]
fn records_that_were_durable_and_are_missing_stop_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let store = open(data, small()).unwrap();
    for n in 0..6 {
        commit(&store, n, 500);
    }
    drop(store);
    let all = batches(&data.join("journal"));
    let (file, from, _) = all[all.len() - 2].clone();
    let mut octets = fs::read(&file).unwrap();
    octets[from..].fill(0);
    fs::write(&file, &octets).unwrap();
    assert!(matches!(open(data, small()), Err(Error::Behind { .. })));
    let report = verify(data, None, &mut |_| ()).unwrap();
    assert!(!report.valid, "{report:?}");
    let refused = SledStore::rebuild(data, small(), Missing::Refused, &mut |_| ());
    assert!(matches!(refused, Err(Error::Behind { .. })));
    SledStore::rebuild(data, small(), Missing::AcceptedAsLost, &mut |_| ()).unwrap();
    assert!(verify(data, None, &mut |_| ()).unwrap().valid);
    commit(&open(data, small()).unwrap(), 100, 10);
}

/// The old index may be all that still answers while a damaged journal waits for its backup.
#[test]
fn a_rebuild_that_fails_leaves_the_index_that_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let store = open(data, small()).unwrap();
    for n in 0..6 {
        commit(&store, n, 500);
    }
    drop(store);
    let before = tree_of(data);
    let (file, from, _) = batches(&data.join("journal"))[2].clone();
    let sound = fs::read(&file).unwrap();
    let mut octets = sound.clone();
    octets[from + 40] ^= 1;
    fs::write(&file, &octets).unwrap();
    let failed = SledStore::rebuild(data, small(), Missing::Refused, &mut |_| ());
    assert!(matches!(failed, Err(Error::Damaged { .. })), "{failed:?}");
    assert_eq!(tree_of(data), before);
    // With the journal restored it goes on with that index, and a rebuild leaves nothing beside it.
    fs::write(&file, &sound).unwrap();
    assert_eq!(open(data, small()).unwrap().told().rebuilt, None);
    let told = SledStore::rebuild(data, small(), Missing::Refused, &mut |_| ()).unwrap();
    assert!(told.replayed >= 6, "{told:?}");
    assert!(!data.join("rebuild").exists());
    let store = open(data, small()).unwrap();
    assert_eq!((store.told().rebuilt.clone(), store.told().replayed), (None, 0));
    commit(&store, 100, 10);
}

/// Every file but those of the journal and what a failed attempt may leave aside, with its octets.
fn tree_of(data: &std::path::Path) -> std::collections::BTreeMap<std::path::PathBuf, Vec<u8>> {
    let mut found = std::collections::BTreeMap::new();
    let mut folders = vec![data.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("journal") && !path.ends_with("rebuild") {
                folders.push(path);
            } else if path.is_file() && !path.ends_with("lock") {
                found.insert(path.clone(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn a_journal_that_is_gone_altogether_is_missed() {
    let folder = tempfile::tempdir().unwrap();
    commit(&open(folder.path(), small()).unwrap(), 1, 10);
    fs::remove_dir_all(folder.path().join("journal")).unwrap();
    assert!(matches!(open(folder.path(), small()), Err(Error::Behind { .. })));
}

#[test]
fn every_changed_octet_of_a_closed_journal_is_found_by_verify() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), small()).unwrap();
    for n in 0..30 {
        commit(&store, n, 5000);
    }
    drop(store);
    let journal = folder.path().join("journal");
    let all = batches(&journal);
    assert!(all.last().unwrap().0.ends_with("0000000003.seg"));
    let sound = verify(folder.path(), None, &mut |_| ()).unwrap();
    assert!(sound.valid, "{sound:?}");
    let mut random = 7u64;
    for round in 0..300 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (file, from, to) = all[(random >> 33) as usize % all.len()].clone();
        let at = from + (random >> 17) as usize % (to - from);
        let octets = fs::read(&file).unwrap();
        let mut changed = octets.clone();
        changed[at] ^= 1 << (round % 8);
        fs::write(&file, &changed).unwrap();
        let report = verify(folder.path(), None, &mut |_| ()).unwrap();
        assert!(!report.valid, "octet {at} of {} passed", file.display());
        fs::write(&file, &octets).unwrap();
    }
    assert_eq!(verify(folder.path(), None, &mut |_| ()).unwrap(), sound);
}
