//! kill -9 under load, and indexes that were damaged behind the store's back.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use coconnect::base::id::PartnerId;
use coconnect::base::{Clock, RealClock};
use coconnect::store::merkle::leaf_hash;
use coconnect::store::verify::verify;
use coconnect::store::{
    Commit, CommitError, Key, OnDoubt, Options, PartName, Record, RecordKind, Require, SledStore, Store, Table, check,
};

use crate::store_contract::wait;

const FOLDER: &str = "COCONNECT_TEST_CRASH_FOLDER";
const SEED: &str = "COCONNECT_TEST_CRASH_SEED";

/// Small segments and hasty checkpoints: as many different moments as possible to die in.
fn hasty() -> Options {
    Options {
        segment_bytes: 1 << 20,
        min_free_bytes: 0,
        checkpoint_interval: Duration::from_millis(30),
        bind_interval: Duration::from_millis(50),
        ..Options::default()
    }
}

/// Binds no heads on its own while a test looks.
fn calm() -> Options {
    Options { bind_interval: Duration::from_secs(100_000), ..hasty() }
}

fn open(data: &Path, options: Options) -> SledStore {
    SledStore::open(data, options, Arc::new(RealClock::new()), &mut |_| ()).unwrap()
}

struct Random(u64);

impl Random {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

fn seed() -> u64 {
    let given = std::env::var("COCONNECT_SEED").ok().and_then(|text| text.parse().ok());
    given.unwrap_or_else(|| RealClock::new().now().as_nanosecond() as u64)
}

/// Message `n`: record, dedup key, state, work that is due, a leaf.
fn message(store: &dyn Store, n: u64, octets: usize) -> Commit {
    let dedup = store.key(Table::Dedup, &[&n.to_be_bytes()]);
    let tree = PartnerId::parse(["KR", "ID", "VN"][(n % 3) as usize]).unwrap();
    let entry = format!("message {n}").into_bytes();
    let record = Record::new(RecordKind::Received, jiff::Timestamp::UNIX_EPOCH, n.to_string())
        .partner(tree.clone())
        .part(PartName::Request, vec![n as u8; octets])
        .part(PartName::Entry, entry.clone());
    let mut commit = Commit::new(record)
        .require(Require::Absent(dedup.clone()))
        .point(dedup)
        .point(store.key(Table::Co, &[&n.to_be_bytes()]))
        .put(Key::new(Table::State, (n % 40).to_be_bytes()), format!("state of {n}").into_bytes())
        .leaf(tree, leaf_hash(&entry));
    let due = Key::new(Table::Due, (n % 64).to_be_bytes());
    commit = if n.is_multiple_of(2) { commit.put(due, vec![1]) } else { commit.remove(due) };
    commit
}

/// Not a test: the process that is killed. Says each message on stdout once its commit is acknowledged.
#[test]
#[ignore = "started by the test below"]
fn child() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let seed: u64 = std::env::var(SEED).unwrap().parse().unwrap();
    let store = Arc::new(open(Path::new(&folder), hasty()));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let say = |line: String| std::io::stdout().write_all(line.as_bytes()).unwrap();
    say("started\n".to_owned());
    runtime.block_on(async {
        let tasks = (0..16u64).map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut random = Random(seed ^ (writer << 40));
                for step in 0.. {
                    // Now and then a message that may have been sent before, by this process or the last one.
                    let again = random.next(4) == 0;
                    let n = if again { random.next(2_000) } else { (seed << 24) | (writer << 18) | step };
                    let octets = 200 + random.next(2_000) as usize;
                    let outcome = store.commit(message(&*store, n, octets)).await;
                    let line = match outcome {
                        Ok(_) => format!("new {n}\n"),
                        Err(CommitError::Conflict { .. }) => format!("old {n}\n"),
                        Err(error) => panic!("{error}"),
                    };
                    std::io::stdout().write_all(line.as_bytes()).unwrap();
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
    });
}

/// Runs the child for `lifetime`, kills it, and gives what it acknowledged.
fn run_and_kill(folder: &Path, seed: u64, lifetime: Duration) -> (Vec<u64>, Vec<u64>) {
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash_store::child", "--ignored", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .env(SEED, seed.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    for line in lines.by_ref() {
        if line.unwrap().ends_with("started") {
            break;
        }
    }
    let reader = std::thread::spawn(move || {
        let (mut new, mut old) = (Vec::new(), Vec::new());
        for line in lines.map_while(Result::ok) {
            match line.split_once(' ') {
                Some(("new", n)) => new.push(n.parse().unwrap()),
                Some(("old", n)) => old.push(n.parse().unwrap()),
                _ => {}
            }
        }
        (new, old)
    });
    // A real process dies at a real moment.
    std::thread::sleep(lifetime);
    process.kill().unwrap();
    process.wait().unwrap();
    reader.join().unwrap()
}

fn check_store(data: &Path, store: &SledStore) {
    let found = check::compare(store, data, &mut |_| ()).unwrap();
    assert!(found.equal, "{:?}", found.differences);
}

#[test]
fn killed_under_load_nothing_acknowledged_is_lost_and_nothing_is_stored_twice() {
    let rounds = if std::env::var("COCONNECT_LONG").is_ok() { 50 } else { 20 };
    let seed = seed() & 0xffff;
    println!("COCONNECT_SEED={seed}");
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let mut random = Random(seed);
    let mut acknowledged: BTreeSet<u64> = BTreeSet::new();
    let mut seen: BTreeSet<u64> = BTreeSet::new();
    let (mut told_again, mut cut, mut replayed, mut rebuilt) = (0, 0, 0, 0);
    for round in 0..rounds {
        let lifetime = Duration::from_millis(20 + random.next(180));
        let (new, old) = run_and_kill(data, (seed << 8) | round, lifetime);
        for n in &new {
            assert!(acknowledged.insert(*n), "COCONNECT_SEED={seed}: {n} was accepted twice");
        }
        told_again += old.len();
        let before = verify(data, None, &mut |_| ()).unwrap();
        assert!(before.valid, "COCONNECT_SEED={seed}: {:?}", before.troubles);
        let store = open(data, calm());
        cut += u64::from(store.told().cut_bytes > 0);
        replayed += store.told().replayed;
        rebuilt += u64::from(store.told().rebuilt.is_some());
        check_store(data, &store);
        let mut records: BTreeMap<u64, u32> = BTreeMap::new();
        let mut after = None;
        loop {
            let page = store.records(after, 1000).unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.position);
            for found in &page {
                if found.record.kind == RecordKind::Received {
                    *records.entry(found.record.reference.parse().unwrap()).or_default() += 1;
                }
            }
        }
        assert!(records.values().all(|times| *times == 1), "COCONNECT_SEED={seed}: stored twice");
        for n in &acknowledged {
            assert!(records.contains_key(n), "COCONNECT_SEED={seed}: {n} was acknowledged and is lost");
        }
        for n in old {
            assert!(records.contains_key(&n), "COCONNECT_SEED={seed}: {n} was called known and is not there");
        }
        for n in records.keys().filter(|n| !seen.contains(*n)) {
            // What was written but not acknowledged is there wholly: record, keys and leaf.
            let entry = store.get(&store.key(Table::Dedup, &[&n.to_be_bytes()])).unwrap().expect("its dedup key");
            let found = store.read(entry.position().unwrap()).unwrap();
            assert_eq!(found.record.reference, n.to_string());
            assert!(found.leaf.is_some());
            assert_eq!(store.get(&store.key(Table::Co, &[&n.to_be_bytes()])).unwrap(), Some(entry));
        }
        seen.extend(records.keys());
        acknowledged.extend(records.keys());
        drop(store);
        let report = verify(data, None, &mut |_| ()).unwrap();
        assert!(report.valid, "COCONNECT_SEED={seed}: {:?}", report.troubles);
    }
    println!(
        "{rounds} kills: {} records, {told_again} told again, {replayed} replayed, {cut} tails cut, {rebuilt} rebuilt",
        acknowledged.len()
    );
    assert!(acknowledged.len() > 100, "the child did something");
    assert_eq!(rebuilt, 0, "after kill -9 on the same boot the index is kept");
}

/// A store with 300 messages; closed, or as kill -9 leaves it.
fn filled(data: &Path, closed: bool) {
    let live = data.with_extension("live");
    let store = open(&live, hasty());
    for n in 0..300 {
        wait(store.commit(message(&store, n, 300))).unwrap();
    }
    if closed {
        drop(store);
        fs::rename(&live, data).unwrap();
        return;
    }
    // The copy is what a killed process leaves: a checkpoint, and sled's files ahead of it or not. A file that a checkpoint
    // renames in between is gone under its old name: then once more.
    for _ in 0..100 {
        match copy(&live, data) {
            Ok(()) => return,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => fs::remove_dir_all(data).unwrap(),
            Err(error) => panic!("{error}"),
        }
    }
    panic!("files are renamed all the time");
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &target)?,
            false => drop(fs::copy(entry.path(), target)?),
        }
    }
    Ok(())
}

#[test]
fn an_emptied_removed_or_foreign_index_is_noticed_and_made_again() {
    type Damage = (&'static str, fn(&Path));
    let damages: [Damage; 7] = [
        ("index removed", |data| fs::remove_dir_all(data.join("index")).unwrap()),
        ("index emptied", |data| {
            fs::remove_dir_all(data.join("index")).unwrap();
            drop(sled::open(data.join("index")).unwrap());
        }),
        ("one key taken out", |data| {
            let db = sled::open(data.join("index")).unwrap();
            let key = db.iter().keys().filter_map(Result::ok).find(|key| key[0] == Table::Dedup as u8).unwrap();
            db.remove(key).unwrap();
            db.flush().unwrap();
        }),
        ("one value changed", |data| {
            let db = sled::open(data.join("index")).unwrap();
            let (key, value) = db.iter().filter_map(Result::ok).find(|(key, _)| key[0] == Table::Co as u8).unwrap();
            let mut value = value.to_vec();
            *value.last_mut().unwrap() ^= 1;
            db.insert(key, value).unwrap();
            db.flush().unwrap();
        }),
        ("position removed", |data| fs::remove_file(data.join("position")).unwrap()),
        ("position damaged", |data| fs::write(data.join("position"), b"COCOPOSN and nothing more").unwrap()),
        ("trees removed", |data| fs::remove_dir_all(data.join("trees")).unwrap()),
    ];
    for (name, damage) in damages {
        for closed in [true, false] {
            let folder = tempfile::tempdir().unwrap();
            let data = &folder.path().join("data");
            filled(data, closed);
            damage(data);
            let clock = Arc::new(RealClock::new());
            let disk = Arc::new(coconnect::store::journal::RealDisk);
            let judged = SledStore::open_on(disk, data, calm(), clock, OnDoubt::Refuse, &mut |_| ());
            if let Ok(store) = judged {
                // As a kill leaves it, what was taken out may lie behind the checkpoint: then the journal has made it good.
                assert!(!closed, "{name}: not noticed");
                check_store(data, &store);
                continue;
            }
            let store = open(data, calm());
            assert!(store.told().rebuilt.is_some(), "{name}, closed {closed}");
            check_store(data, &store);
            let again = wait(store.commit(message(&store, 7, 10)));
            assert!(matches!(again, Err(CommitError::Conflict { .. })), "{name}: stored twice");
            drop(store);
            assert_eq!(open(data, calm()).told().rebuilt, None, "{name}: sound again");
        }
    }
}

#[test]
fn sled_files_changed_anywhere_never_give_a_wrong_index() {
    let seed = seed();
    println!("COCONNECT_SEED={seed}");
    let mut random = Random(seed);
    let folder = tempfile::tempdir().unwrap();
    let master = folder.path().join("master");
    filled(&master, false);
    let mut rebuilt = 0;
    for round in 0..40 {
        let data = folder.path().join(format!("round-{round}"));
        copy(&master, &data).unwrap();
        let files: Vec<_> = fs::read_dir(data.join("index")).unwrap().map(|entry| entry.unwrap().path()).collect();
        let files: Vec<_> = files.into_iter().filter(|path| path.is_file()).collect();
        let file = &files[random.next(files.len() as u64) as usize];
        let mut octets = fs::read(file).unwrap();
        if octets.is_empty() {
            continue;
        }
        let used = octets.iter().rposition(|octet| *octet != 0).unwrap_or(0) as u64 + 1;
        match random.next(3) {
            0 => octets.truncate(random.next(used) as usize),
            1 => {
                let at = random.next(used) as usize;
                let to = octets.len().min(at + 1 + random.next(4096) as usize);
                octets[at..to].fill(random.next(256) as u8);
            }
            _ => octets[random.next(used) as usize] ^= 1 << random.next(8),
        }
        fs::write(file, &octets).unwrap();
        let store = open(&data, calm());
        rebuilt += u32::from(store.told().rebuilt.is_some());
        check_store(&data, &store);
        drop(store);
        fs::remove_dir_all(&data).unwrap();
    }
    println!("40 changes to sled's files: {rebuilt} noticed and made again, the others without effect");
}
