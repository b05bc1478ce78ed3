//! Peak memory of `serve` under the 1,000-item CO from 64 parallel senders, bounded by what the configuration says.

use std::sync::Arc;

use coconnect::contract::Operation;
use coconnect::tools::lab::Draft;

use super::{World, document, long};

/// MiB of resident memory at its peak, as the system counts it.
fn peak_mib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_senders_of_a_thousand_items_stay_within_the_bound() {
    let mut world = World::new("p256");
    let pid = world.id.start().await.unwrap();
    let idle = peak_mib(pid);
    let lab = Arc::new(world.lab("kr"));
    let rounds = if long() { 4 } else { 1 };
    let (mut acknowledged, mut busy, mut octets) = (0, 0, 0);
    for round in 0..rounds {
        let mut sealed = Vec::new();
        for at in 0..64_u64 {
            let id = lab.fresh_id().unwrap();
            let text = document(1 + at + round * 64, 1_000);
            sealed.push(lab.seal(&Draft::new(Operation::SendCo, &id, &text)).unwrap());
        }
        octets = sealed[0].octets.len();
        let tasks: Vec<_> = sealed
            .into_iter()
            .map(|message| {
                let lab = Arc::clone(&lab);
                tokio::spawn(async move {
                    lab.send(Operation::SendCo, &message, message.octets.clone()).await.map(|r| r.status)
                })
            })
            .collect();
        for task in tasks {
            match task.await.unwrap() {
                Ok(200) => acknowledged += 1,
                Ok(429 | 503) => busy += 1,
                other => panic!("expected an acknowledgement or a request to come back, came {other:?}"),
            }
        }
    }
    let peak = peak_mib(pid);
    println!(
        "memory: {acknowledged} of {} messages of {octets} octets acknowledged, {busy} told to come back; idle {idle} MiB, peak {peak} MiB",
        64 * rounds
    );
    assert!(acknowledged >= 16);
    // in_flight_mib (128) of wire octets; tree, clear text, record and answer cost at most six times as much again; and
    // the index's memory (128), and 64 for the rest.
    let bound = 128 * 7 + 128 + 64;
    assert!(peak < bound, "peak {peak} MiB, bound {bound} MiB");
    world.id.stop().await.unwrap();
}
