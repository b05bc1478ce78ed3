//! kill -9 at random moments under load: every acknowledged message is there once (record, state, dedup key and answer
//! together), every other one wholly or not at all; the journal verifies, the index equals the one made from it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use coconnect::base::id::MessageId;
use coconnect::contract::Operation;
use coconnect::tools::lab::{Draft, Lab};

use super::{World, coconnect, document, long, text};

/// One message that was sent: its document, and the Acknowledgement if one came.
struct Sent {
    id: MessageId,
    seed: u64,
    acknowledgement: Option<String>,
}

async fn load(lab: Arc<Lab>, from: u64, stop: Arc<AtomicBool>) -> Vec<Sent> {
    let mut sent = Vec::new();
    let mut seed = from;
    while !stop.load(Ordering::Relaxed) {
        let id = lab.fresh_id().unwrap();
        let text = document(seed, 2);
        let message = lab.seal(&Draft::new(Operation::SendCo, &id, &text)).unwrap();
        let reply = lab.send(Operation::SendCo, &message, message.octets.clone()).await;
        let acknowledgement =
            reply.ok().filter(|r| r.status == 200).and_then(|r| r.acknowledgement().map(str::to_owned));
        let failed = acknowledgement.is_none();
        sent.push(Sent { id, seed, acknowledgement });
        seed += 1;
        if failed {
            break;
        }
    }
    sent
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_there_once_after_each_kill() {
    let rounds = if long() { 20 } else { 3 };
    let seed = std::env::var("COCONNECT_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(20_261_122_u64);
    println!("kill -9: {rounds} rounds, COCONNECT_SEED={seed}");
    let mut dice = seed;
    let mut world = World::new("p256");
    let dir = text(&world.dir("id"));
    let lab = Arc::new(world.lab("kr"));
    let mut all: Vec<Sent> = Vec::new();
    let mut next = 1;
    for round in 0..rounds {
        world.id.start().await.unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let tasks: Vec<_> =
            (0..4).map(|task| tokio::spawn(load(Arc::clone(&lab), next + task * 10_000, Arc::clone(&stop)))).collect();
        // A CO number has seven digits: twenty rounds must not come round to the first.
        next += 100_000;
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        tokio::time::sleep(Duration::from_millis(60 + (dice >> 33) % 400)).await;
        world.id.kill().await.unwrap();
        stop.store(true, Ordering::Relaxed);
        for task in tasks {
            all.extend(task.await.unwrap());
        }
        // The index is judged as the kill left it, and damaged in other rounds.
        match round % 3 {
            1 => std::fs::remove_dir_all(world.dir("id").join("data/index")).unwrap_or_default(),
            2 => damage(&world.dir("id").join("data/index")),
            _ => {}
        }
        let verified: serde_json::Value =
            serde_json::from_str(&coconnect(&["journal", "verify", "--dir", &dir, "--json"])).unwrap();
        assert_eq!(verified["valid"], true, "{verified}");
    }
    world.id.start().await.unwrap();
    let mut held: BTreeMap<String, usize> = BTreeMap::new();
    for row in world.rows("cos").await {
        *held.entry(row["message_id"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    assert!(held.values().all(|count| *count == 1), "a CO stands there twice");
    let acknowledged = all.iter().filter(|s| s.acknowledgement.is_some()).count();
    println!("kill -9: {} sent, {acknowledged} acknowledged, {} held", all.len(), held.len());
    assert!(acknowledged > 0, "no message was acknowledged: the load shows nothing");
    for sent in &all {
        let there = held.contains_key(sent.id.as_str());
        if let Some(acknowledgement) = &sent.acknowledgement {
            assert!(there, "{} was acknowledged and is lost", sent.id);
            let stored = world.id.look_raw(&format!("/v1/messages/{}?part=acknowledgement", sent.id)).await.unwrap();
            assert_eq!(String::from_utf8_lossy(&stored.body), acknowledgement.as_str(), "{}", sent.id);
        }
        // Sent again, it is answered once more; what was there before is not stored again.
        let text = document(sent.seed, 2);
        let again = lab.seal(&Draft::new(Operation::SendCo, &sent.id, &text)).unwrap();
        let reply = lab.send(Operation::SendCo, &again, again.octets.clone()).await.unwrap();
        let answered = reply.acknowledgement().unwrap_or_else(|| panic!("{}: {}", sent.id, reply.payload));
        if let Some(acknowledgement) = &sent.acknowledgement {
            assert_eq!(answered, acknowledgement, "{}: another answer than before", sent.id);
        }
    }
    assert_eq!(world.rows("cos").await.len(), all.len(), "every message once");
    world.id.stop().await.unwrap();
    coconnect(&["store", "check", "--dir", &dir]);
}

/// Overwrites the middle of every file of the index.
fn damage(index: &std::path::Path) {
    let mut folders = vec![index.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let mut octets = std::fs::read(&path).unwrap();
            let middle = octets.len() / 2;
            for octet in octets.iter_mut().skip(middle).take(4096) {
                *octet ^= 0x5a;
            }
            std::fs::write(&path, octets).unwrap();
        }
    }
}
