//! The durability contract of `coconnect::store`, the same cases on every backend.

use std::sync::Arc;

use coconnect::base::clock::{Clock, MockClock};
use coconnect::base::id::PartnerId;
use coconnect::store::merkle::{leaf_hash, verify_consistency, verify_inclusion};
use coconnect::store::{
    Commit, CommitError, Committed, Entry, Error, Hash, Key, Memory, Options, PartName, Record, RecordKind, Require,
    SledStore, Store, Table, Value,
};
use jiff::Timestamp;

/// A store under test, and how to close and open it again where it outlives its process.
struct Bench {
    name: &'static str,
    clock: Arc<MockClock>,
    store: Option<Arc<dyn Store>>,
    folder: Option<tempfile::TempDir>,
}

pub fn small() -> Options {
    Options { segment_bytes: 64 << 10, min_free_bytes: 0, ..Options::default() }
}

impl Bench {
    fn all() -> Vec<Self> {
        let clock = || Arc::new(MockClock::new("2026-11-02T00:00:00Z".parse().unwrap()));
        let memory = clock();
        let mut sled = Bench { name: "sled", clock: clock(), store: None, folder: Some(tempfile::tempdir().unwrap()) };
        sled.reopen();
        let store: Arc<dyn Store> = Arc::new(Memory::new(memory.clone()));
        vec![Bench { name: "memory", clock: memory, store: Some(store), folder: None }, sled]
    }

    fn store(&self) -> Arc<dyn Store> {
        self.store.clone().unwrap()
    }

    /// Opens the store again, as a new process would; memory just goes on.
    fn reopen(&mut self) {
        let Some(folder) = &self.folder else { return };
        self.store = None;
        let opened = SledStore::open(folder.path(), small(), self.clock.clone(), &mut |_| ()).unwrap();
        assert_eq!(opened.told().rebuilt, None, "a sound index is kept");
        self.store = Some(Arc::new(opened));
    }

    fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        wait(self.store().commit(commit))
    }
}

pub fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn record(reference: &str) -> Record {
    Record::new(RecordKind::Received, Timestamp::UNIX_EPOCH, reference).part(PartName::Request, reference.as_bytes())
}

fn key(table: Table, name: &str) -> Key {
    Key::new(table, name.as_bytes())
}

fn partner(name: &str) -> PartnerId {
    PartnerId::parse(name).unwrap()
}

#[test]
fn a_record_reads_back_with_all_that_went_with_it() {
    for mut bench in Bench::all() {
        let leaf = leaf_hash(b"entry");
        let commit = Commit::new(record("R-1").partner(partner("KR")))
            .require(Require::Absent(key(Table::Dedup, "m1")))
            .point(key(Table::Dedup, "m1"))
            .put(key(Table::State, "co1"), b"received".to_vec())
            .leaf(partner("KR"), leaf);
        let done = bench.commit(commit).unwrap();
        for round in 0..2 {
            let store = bench.store();
            let at = format!("{} {round}", bench.name);
            let read = store.read(done.position).unwrap();
            assert_eq!(read.record, record("R-1").partner(partner("KR")), "{at}");
            assert_eq!((read.time, read.position), (done.time, done.position), "{at}");
            assert_eq!(read.leaf.map(|(leaf, index)| (leaf.hash, index)), Some((leaf, 0)), "{at}");
            let version = done.position.version();
            let found = store.get(&key(Table::Dedup, "m1")).unwrap();
            assert_eq!(found, Some(Entry { version, value: Value::At(done.position) }), "{at}");
            let state = store.get(&key(Table::State, "co1")).unwrap().unwrap();
            assert_eq!(state, Entry { version, value: Value::Bytes(b"received".to_vec()) }, "{at}");
            assert_eq!(store.get(&key(Table::Dedup, "m2")).unwrap(), None, "{at}");
            // Closing adds a record of the store's own, which binds the heads.
            assert!(store.status().end >= Some(done.position), "{at}");
            drop(store);
            bench.reopen();
        }
    }
}

#[test]
fn a_precondition_that_does_not_hold_changes_nothing() {
    for bench in Bench::all() {
        let done = bench.commit(Commit::new(record("R-1")).put(key(Table::State, "a"), b"1".to_vec())).unwrap();
        let a = key(Table::State, "a");
        let version = done.position.version();
        for require in [
            Require::Absent(a.clone()),
            Require::Version { key: a.clone(), version: version + 1 },
            Require::Version { key: key(Table::State, "none"), version },
        ] {
            let lost = require.key().clone();
            let commit =
                Commit::new(record("R-2")).require(require).put(a.clone(), b"2".to_vec()).point(key(Table::Co, "x"));
            assert_eq!(bench.commit(commit), Err(CommitError::Conflict { key: lost }), "{}", bench.name);
        }
        assert_eq!(bench.store().get(&a).unwrap().unwrap().value, Value::Bytes(b"1".to_vec()));
        assert_eq!(bench.store().get(&key(Table::Co, "x")).unwrap(), None);
        assert_eq!(bench.store().records(None, 10).unwrap().len(), 1);
        let commit = Commit::new(record("R-3"))
            .require(Require::Version { key: a.clone(), version })
            .remove(a.clone())
            .point(key(Table::Co, "x"));
        bench.commit(commit).unwrap();
        assert_eq!(bench.store().get(&a).unwrap(), None);
        // A removed key is absent; written again it has a version that it never had before.
        let again = Commit::new(record("R-4")).require(Require::Absent(a.clone())).put(a.clone(), b"3".to_vec());
        assert!(bench.commit(again).unwrap().position.version() > version);
    }
}

#[test]
fn of_many_writers_with_one_key_one_wins_and_the_others_find_it() {
    for bench in Bench::all() {
        let store = bench.store();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
        let outcomes: Vec<_> = runtime.block_on(async {
            let tasks: Vec<_> = (0..64)
                .map(|n| {
                    let store = store.clone();
                    tokio::spawn(async move {
                        let key = key(Table::Dedup, &format!("m{}", n % 8));
                        let commit = Commit::new(record(&format!("R-{n}")))
                            .require(Require::Absent(key.clone()))
                            .point(key.clone());
                        let outcome = store.commit(commit).await;
                        // Told of a conflict, the winner is durable and found at once.
                        let winner = store.get(&key).unwrap().expect("somebody won").position().unwrap();
                        let found = store.read(winner).unwrap();
                        (outcome, found.position)
                    })
                })
                .collect();
            let mut outcomes = Vec::new();
            for task in tasks {
                outcomes.push(task.await.unwrap());
            }
            outcomes
        });
        let won = outcomes.iter().filter(|(outcome, _)| outcome.is_ok()).count();
        assert_eq!(won, 8, "{}", bench.name);
        for (outcome, found) in outcomes {
            match outcome {
                Ok(done) => assert_eq!(done.position, found),
                Err(error) => assert!(matches!(error, CommitError::Conflict { .. }), "{error}"),
            }
        }
        assert_eq!(store.records(None, 100).unwrap().len(), 8);
    }
}

#[test]
fn scans_are_in_order_bounded_and_see_what_was_just_written() {
    for mut bench in Bench::all() {
        let mut commit = Commit::new(record("R-1"));
        for n in 0..50u8 {
            commit = commit.put(Key::new(Table::State, [n % 2, n]), vec![n]);
        }
        commit = commit.put(key(Table::Receipt, "other table"), b"".to_vec());
        bench.commit(commit).unwrap();
        bench.commit(Commit::new(record("R-2")).remove(Key::new(Table::State, [1, 49]))).unwrap();
        for _ in 0..2 {
            let store = bench.store();
            let keys = |prefix: &[u8], after: Option<&[u8]>, limit| -> Vec<Vec<u8>> {
                let found = store.scan(Table::State, prefix, after, limit).unwrap();
                found.into_iter().map(|(key, _)| key.bytes).collect()
            };
            assert_eq!(keys(&[1], None, 100).len(), 24, "{}", bench.name);
            assert_eq!(keys(&[], None, 100).len(), 49);
            assert!(keys(&[], None, 100).is_sorted());
            assert_eq!(keys(&[0], None, 3), [[0, 0], [0, 2], [0, 4]]);
            assert_eq!(keys(&[0], Some(&[0, 4]), 2), [[0, 6], [0, 8]]);
            assert_eq!(keys(&[1], Some(&[0, 4]), 1), [[1, 1]]);
            assert!(keys(&[2], None, 10).is_empty());
            assert!(keys(&[0], None, 0).is_empty());
            drop(store);
            bench.reopen();
        }
    }
}

#[test]
fn records_come_in_the_order_of_the_journal_over_segments() {
    for mut bench in Bench::all() {
        let mut positions = Vec::new();
        for n in 0..40 {
            let commit = Commit::new(record(&format!("R-{n}")).part(PartName::Clear, vec![n; 5000]));
            positions.push(bench.commit(commit).unwrap().position);
        }
        assert!(positions.is_sorted());
        for _ in 0..2 {
            let store = bench.store();
            let all = store.records(None, 1000).unwrap();
            assert_eq!(all.iter().map(|found| found.position).collect::<Vec<_>>(), positions, "{}", bench.name);
            assert_eq!(all[39].record.octets(PartName::Clear).unwrap(), [39; 5000]);
            let some = store.records(Some(positions[9]), 5).unwrap();
            assert_eq!(some.iter().map(|found| found.position).collect::<Vec<_>>(), positions[10..15]);
            assert!(store.records(Some(positions[39]), 5).unwrap().is_empty());
            drop(store);
            bench.reopen();
        }
        if bench.folder.is_some() {
            assert!(positions[39].segment() > 2, "the test went over segments");
        }
    }
}

#[test]
fn a_record_larger_than_a_segment_is_kept_too() {
    for mut bench in Bench::all() {
        let large: Vec<u8> = (0..300_000u32).map(|n| (n % 251) as u8).collect();
        let mut positions = Vec::new();
        for n in 0..3 {
            let commit = Commit::new(record(&format!("R-{n}")).part(PartName::Clear, large.clone()));
            positions.push(bench.commit(commit).unwrap().position);
            positions.push(bench.commit(Commit::new(record("small"))).unwrap().position);
        }
        bench.reopen();
        let all = bench.store().records(None, 100).unwrap();
        assert_eq!(all.iter().map(|found| found.position).collect::<Vec<_>>(), positions, "{}", bench.name);
        assert_eq!(all[4].record.octets(PartName::Clear).unwrap(), large);
    }
}

#[test]
fn journal_time_never_goes_backwards() {
    for mut bench in Bench::all() {
        let first = bench.commit(Commit::new(record("R-1"))).unwrap();
        bench.clock.set("2020-01-01T00:00:00Z".parse().unwrap());
        let second = bench.commit(Commit::new(record("R-2"))).unwrap();
        assert_eq!(second.time, first.time, "{}", bench.name);
        bench.reopen();
        let third = bench.commit(Commit::new(record("R-3"))).unwrap();
        assert!(third.time >= second.time);
        bench.clock.set("2030-01-01T00:00:00Z".parse().unwrap());
        let fourth = bench.commit(Commit::new(record("R-4"))).unwrap();
        assert_eq!(fourth.time, bench.clock.now());
    }
}

#[test]
fn each_partner_has_a_tree_of_its_own_and_every_proof_holds() {
    for mut bench in Bench::all() {
        let leaf = |partner: &str, n: u64| leaf_hash(format!("{partner} {n}").as_bytes());
        let (kr, id) = (partner("KR"), partner("ID"));
        assert_eq!(bench.store().head(&kr).unwrap(), None);
        let log_id = bench.store().log_id(&kr);
        let mut heads = Vec::new();
        for n in 0..20u64 {
            let done = bench.commit(Commit::new(record("R")).leaf(kr.clone(), leaf("KR", n))).unwrap();
            assert_eq!(done.leaf_index, Some(n), "{}", bench.name);
            if n % 3 == 0 {
                let done = bench.commit(Commit::new(record("R")).leaf(id.clone(), leaf("ID", n))).unwrap();
                assert_eq!(done.leaf_index, Some(n / 3));
            }
            heads.push(bench.store().head(&kr).unwrap().unwrap());
            if n % 7 == 6 {
                bench.reopen();
            }
        }
        let store = bench.store();
        let last = *heads.last().unwrap();
        assert_eq!((last.size, last.log_id), (20, log_id));
        assert_ne!(store.log_id(&id), log_id);
        for (earlier, n) in heads.iter().zip(0u64..) {
            assert_eq!(store.leaf(&kr, n).unwrap(), leaf("KR", n));
            let proof = store.inclusion(&kr, n, last.size).unwrap();
            assert_eq!(verify_inclusion(&leaf("KR", n), n, last.size, &proof, &last.root), Ok(()));
            let proof = store.consistency(&kr, earlier.size, last.size).unwrap();
            assert_eq!(verify_consistency(earlier.size, last.size, &earlier.root, &last.root, &proof), Ok(()));
        }
        let wrong = |result: Result<Vec<Hash>, Error>| assert!(matches!(result, Err(Error::NoSuchLeaf { .. })));
        wrong(store.inclusion(&kr, 20, 20));
        wrong(store.inclusion(&kr, 0, 21));
        wrong(store.consistency(&kr, 3, 21));
        wrong(store.consistency(&kr, 3, 2));
        wrong(store.inclusion(&partner("XX"), 0, 1));
        assert!(store.leaf(&kr, 20).is_err());
    }
}

#[test]
fn what_is_out_of_bounds_is_refused_before_it_is_written() {
    for bench in Bench::all() {
        let a = key(Table::State, "a");
        for commit in [
            Commit::new(record("R")).put(a.clone(), vec![0; 65 * 1024]),
            Commit::new(record("R")).put(Key::new(Table::State, vec![0; 257]), b"".to_vec()),
            Commit::new(record(&"R".repeat(129))),
            Commit::new(record("R")).put(a.clone(), b"1".to_vec()).remove(a.clone()),
            // Heads are bound by the store itself.
            Commit::new(Record::new(RecordKind::Heads, Timestamp::UNIX_EPOCH, "R")),
        ] {
            let outcome = bench.commit(commit);
            assert!(matches!(outcome, Err(CommitError::Bounds { .. })), "{}: {outcome:?}", bench.name);
        }
        assert!(bench.store().records(None, 10).unwrap().is_empty());
    }
}

#[test]
fn a_position_without_a_record_is_refused() {
    for bench in Bench::all() {
        let done = bench.commit(Commit::new(record("R-1"))).unwrap();
        for at in ["1:0", "1:99999999", "2:4128", "9:9"] {
            let result = bench.store().read(at.parse().unwrap());
            assert!(matches!(result, Err(Error::NoRecord { .. })), "{} {at}: {result:?}", bench.name);
        }
        let beside = done.position.to_string().replace(':', ":1");
        assert!(bench.store().read(beside.parse().unwrap()).is_err());
    }
}

#[test]
fn watchers_hear_and_a_closed_store_refuses_but_still_reads() {
    for bench in Bench::all() {
        let store = bench.store();
        let mut watch = store.watch();
        let done = bench.commit(Commit::new(record("R-1"))).unwrap();
        assert_eq!(*wait(watch.wait_for(|end| *end == Some(done.position))).unwrap(), Some(done.position));
        wait(store.close()).unwrap();
        assert_eq!(bench.commit(Commit::new(record("R-2"))), Err(CommitError::Closed), "{}", bench.name);
        wait(store.close()).unwrap();
        assert_eq!(store.read(done.position).unwrap().record.reference, "R-1");
        assert_eq!(store.status().refusing, Some(CommitError::Closed));
    }
}

#[test]
fn keys_are_secret_to_the_store_and_stay_the_same() {
    for mut bench in Bench::all() {
        let before = bench.store().key(Table::Co, &[b"KR", b"1"]);
        bench.reopen();
        assert_eq!(bench.store().key(Table::Co, &[b"KR", b"1"]), before);
        assert_ne!(bench.store().key(Table::Co, &[b"KR1", b""]), before);
    }
    let one = Memory::with_identity(Arc::new(MockClock::new(Timestamp::UNIX_EPOCH)), [1; 16], [1; 32]);
    let other = Memory::with_identity(Arc::new(MockClock::new(Timestamp::UNIX_EPOCH)), [1; 16], [2; 32]);
    assert_ne!(one.key(Table::Co, &[b"1"]), other.key(Table::Co, &[b"1"]));
}
