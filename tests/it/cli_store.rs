//! `coconnect journal` and `coconnect store` as processes: answers and exit codes.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use coconnect::base::RealClock;
use coconnect::base::id::PartnerId;
use coconnect::store::merkle::leaf_hash;
use coconnect::store::{Commit, Key, PartName, Record, RecordKind, Require, SledStore, Store, Table};
use serde_json::Value;

use crate::store_contract::{small, wait};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_coconnect")).args(arguments).env_remove("COCONNECT_CONFIG").output().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// A gateway's directory with `count` records; the store stays open as long as what is given.
fn gateway(folder: &Path, count: u64) -> SledStore {
    fs::write(folder.join("coconnect.toml"), "").unwrap();
    let clock = Arc::new(RealClock::new());
    let store = SledStore::open(&folder.join("data"), small(), clock, &mut |_| ()).unwrap();
    for n in 0..count {
        let key = Key::new(Table::Dedup, n.to_be_bytes());
        let (kr, entry) = (PartnerId::parse("KR").unwrap(), n.to_be_bytes().to_vec());
        let record = Record::new(RecordKind::Received, jiff::Timestamp::UNIX_EPOCH, format!("R-{n}"));
        let record =
            record.partner(kr.clone()).part(PartName::Request, vec![7; 9_000]).part(PartName::Entry, entry.clone());
        let commit = Commit::new(record).require(Require::Absent(key.clone())).point(key).leaf(kr, leaf_hash(&entry));
        wait(store.commit(commit)).unwrap();
    }
    store
}

#[test]
fn a_sound_journal_is_verified_and_counted_beside_its_server() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let config = format!("{dir}/coconnect.toml");
    let store = gateway(folder.path(), 20);
    for place in [vec![dir], vec!["--dir", dir], vec!["--config", &config]] {
        let output = run(&[&["journal", "verify", "--json"], &place[..]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let report = json(&output);
        assert_eq!((report["valid"].as_bool(), report["kinds"]["received"].as_u64()), (Some(true), Some(20)));
    }
    let heads = json(&run(&["journal", "head", "--dir", dir, "--json"]));
    let head = store.head(&PartnerId::parse("KR").unwrap()).unwrap().unwrap();
    let kr = heads.as_array().unwrap().iter().find(|head| head["tree"] == "KR").unwrap();
    assert_eq!((kr["size"].as_u64(), kr["root"].as_str()), (Some(20), Some(head.root.to_string().as_str())));
    assert_eq!(kr["log_id"].as_str().unwrap(), head.log_id.to_string());
    let stats = json(&run(&["journal", "stats", "--dir", dir, "--json"]));
    assert_eq!(stats["partners"]["KR"].as_u64(), Some(20));
    for verb in [["journal", "verify"], ["journal", "head"], ["journal", "stats"]] {
        let output = run(&[&verb[..], &["--dir", dir]].concat());
        assert_eq!(output.status.code(), Some(0));
        assert!(text(&output.stdout).contains("KR"), "{verb:?}");
    }
}

#[test]
fn what_needs_the_store_for_itself_says_who_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let store = gateway(folder.path(), 3);
    for verb in ["rebuild", "check"] {
        let output = run(&["store", verb, "--dir", dir]);
        assert_eq!(output.status.code(), Some(75));
        let told = text(&output.stderr);
        assert!(told.contains(&format!("process {}", std::process::id())), "{told}");
        assert!(told.contains("coconnect: hint: stop"), "{told}");
    }
    drop(store);
    for verb in ["check", "rebuild", "check"] {
        let output = run(&["store", verb, "--dir", dir, "--json"]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    }
}

#[test]
fn damage_is_told_with_its_place_and_exit_1() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    drop(gateway(folder.path(), 20));
    let segment = folder.path().join("data/journal/0000000002.seg");
    let sound = fs::read(&segment).unwrap();
    let mut damaged = sound.clone();
    damaged[10_000] ^= 1;
    fs::write(&segment, &damaged).unwrap();
    let output = run(&["journal", "verify", dir, "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let report = json(&output);
    assert_eq!(report["valid"].as_bool(), Some(false));
    assert!(report["troubles"][0]["at"].as_str().unwrap().contains("0000000002.seg"));
    let output = run(&["journal", "verify", dir]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("INVALID"));
    let output = run(&["store", "rebuild", "--dir", dir]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("0000000002.seg"), "{}", text(&output.stderr));
    // Healed, the index is the one that was there: the rebuild that failed has not touched it.
    fs::write(&segment, &sound).unwrap();
    assert_eq!(run(&["store", "check", "--dir", dir]).status.code(), Some(0));
    fs::remove_file(folder.path().join("data/position")).unwrap();
    let output = run(&["store", "check", "--dir", dir]);
    assert_eq!(output.status.code(), Some(1), "an index in doubt is told, not mended by a check");
    assert!(text(&output.stderr).contains("coconnect store rebuild"));
    assert_eq!(run(&["store", "rebuild", "--dir", dir]).status.code(), Some(0));
    assert_eq!(run(&["store", "check", "--dir", dir]).status.code(), Some(0));
}

#[test]
fn no_journal_is_a_usage_failure() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    for arguments in [
        vec!["journal", "verify", dir],
        vec!["journal", "head", "--dir", dir],
        vec!["journal", "stats", "--config", "/nonexistent/coconnect.toml"],
        vec!["store", "rebuild", "--dir", dir],
        vec!["store", "check", "--dir", dir],
    ] {
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).starts_with("coconnect: error: "), "{}", text(&output.stderr));
    }
    assert!(fs::read_dir(folder.path()).unwrap().next().is_none(), "nothing was made");
}

/// A gateway that nothing serves, with a partner nobody can reach.
fn two_gateways(folder: &Path) -> String {
    let dir = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    for (country, domain, name) in [("KR", "customs.go.kr", "kr"), ("ID", "beacukai.go.id", "id")] {
        let (place, address) = (dir(name), "127.0.0.1:8443");
        let init = ["init", "--country", country, "--domain", domain, "--dir", &place, "--listen", address];
        let output = run(&[&init[..], &["--public-url", "https://localhost:8443", "--suite", "p256"]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    }
    let output = run(&["partner", "add", "--dir", &dir("kr"), "--file", &format!("{}/partner.toml", dir("id"))]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    dir("kr")
}

#[test]
fn lists_show_the_newest_and_say_what_is_left_out_and_what_waits_can_be_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let kr = two_gateways(folder.path());
    let mut numbers = Vec::new();
    for seed in 1..=3 {
        let co = coconnect::contract::sample::co(seed, 1);
        let mut octets = Vec::new();
        coconnect::contract::encode(&co, &coconnect::contract::Slots::default(), &mut octets);
        let file = folder.path().join("co.xml");
        fs::write(&file, octets).unwrap();
        let output = run(&["co", "submit", file.to_str().unwrap(), "--dir", &kr, "--json"]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        numbers.push(json(&output)[0]["message_id"].as_str().unwrap().to_owned());
    }
    for noun in ["co", "message"] {
        let output = run(&[noun, "list", "--dir", &kr, "--limit", "2", "--json"]);
        let ids: Vec<_> = json(&output).as_array().unwrap().iter().map(|row| row["message_id"].clone()).collect();
        assert_eq!(ids, [numbers[2].as_str(), numbers[1].as_str()], "{noun}");
        assert!(text(&output.stderr).contains("3 found, the newest 2 shown"), "{}", text(&output.stderr));
        assert_eq!(run(&[noun, "list", "--dir", &kr, "--limit", "0"]).status.code(), Some(2));
    }
    let one = json(&run(&["outbox", "retry", &numbers[1], "--dir", &kr, "--json"]));
    assert_eq!(one["retried"].as_array().unwrap().len(), 1, "{one}");
    let all = json(&run(&["outbox", "retry", "--partner", "ID", "--dir", &kr, "--json"]));
    assert_eq!(all["retried"].as_array().unwrap().len(), 3, "{all}");
    for wrong in [
        ["outbox", "retry", "urn:uuid:0d3f4b6e-5c1a-4a51-9d0e-3b1c2a7f8e90", "--dir", &kr].as_slice(),
        &["outbox", "retry", "--partner", "XX", "--dir", &kr],
    ] {
        assert_eq!(run(wrong).status.code(), Some(1), "{wrong:?}");
    }
    assert_eq!(run(&["outbox", "retry", "--dir", &kr]).status.code(), Some(2));
}

#[test]
fn the_journal_is_looked_for_where_the_configuration_puts_it() {
    let folder = tempfile::tempdir().unwrap();
    let kr = two_gateways(folder.path());
    let config = format!("{kr}/coconnect.toml");
    let written = fs::read_to_string(&config).unwrap();
    fs::write(&config, written.replace("data = \"data\"", "data = \"elsewhere\"")).unwrap();
    // An old store beside it must not be taken for the one in use.
    drop(gateway(&folder.path().join("id"), 3));
    fs::rename(folder.path().join("id/data"), folder.path().join("kr/data")).unwrap();
    let mut octets = Vec::new();
    let co = coconnect::contract::sample::co(1, 1);
    coconnect::contract::encode(&co, &coconnect::contract::Slots::default(), &mut octets);
    let file = folder.path().join("co.xml");
    fs::write(&file, octets).unwrap();
    let output = run(&["co", "submit", file.to_str().unwrap(), "--dir", &kr]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    for place in [["--dir", &kr], ["--config", &config]] {
        let report = json(&run(&[&["journal", "verify", "--json"], &place[..]].concat()));
        assert_eq!(report["kinds"]["submitted"], 1, "{report}");
        assert_eq!(run(&[&["store", "check"], &place[..]].concat()).status.code(), Some(0));
    }
}
