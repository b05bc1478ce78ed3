//! No oracle (design 2.2): from decryption to the last Reference digest a sender learns nothing from when a fault comes.
//!
//! The long run sends every cause in random order, in parallel, at random phases of the wheel, and lets a classifier look
//! for a difference: the best threshold on latency, learned on one half, judged on the other. A clock that does not wait
//! takes the wheel away; then the same classifier must find something, or it would show nothing when it finds nothing.

use super::*;
use crate::base::clock::Sleep;
use crate::base::{RealClock, octets};

/// Why a message fails between decryption and the last digest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cause {
    /// The EncryptedKey does not open.
    Key,
    /// The tag of the payload does not hold.
    Tag,
    /// The clear text is not XML.
    Text,
    /// A digest differs.
    Digest,
}

const CAUSES: [Cause; 4] = [Cause::Key, Cause::Tag, Cause::Text, Cause::Digest];

/// A message that fails so, and only so.
fn broken(cause: Cause, now: Timestamp) -> Vec<u8> {
    let clear = document(1, 3);
    let forge = Forge { now, ..Forge::of(&clear) };
    let sealed = forge.sealed();
    let text = String::from_utf8(sealed.octets).unwrap();
    let values: Vec<usize> = text.match_indices("<xenc:CipherValue>").map(|(at, mark)| at + mark.len()).collect();
    let [key, payload] = values[..] else { panic!("one key, one payload") };
    let mut octets = text.clone().into_bytes();
    let other = |octet: u8| if octet == b'A' { b'B' } else { b'A' };
    match cause {
        Cause::Key => octets[key + 9] = other(octets[key + 9]),
        Cause::Tag => octets[payload + 99] = other(octets[payload + 99]),
        Cause::Text | Cause::Digest => {
            let mut clear = clear;
            match cause {
                Cause::Text => *clear.last_mut().unwrap() = b'<',
                _ => {
                    let at = clear.windows(5).position(|w| w == b"K001-").unwrap();
                    clear[at] = b'L';
                }
            }
            let end = payload + text[payload..].find('<').unwrap();
            let value = closed(&clear, &sealed.content_key.expect("it was encrypted"));
            octets.splice(payload..end, value.into_bytes());
        }
    }
    octets
}

/// AES-256-GCM under the message's own key, as base64.
fn closed(clear: &[u8], key: &[u8]) -> String {
    let (nonce, mut tag) = ([5; 12], [0; 16]);
    let cipher = openssl::symm::Cipher::aes_256_gcm();
    let text = openssl::symm::encrypt_aead(cipher, key, Some(&nonce), &[], clear, &mut tag).unwrap();
    base64_simd::STANDARD.encode_to_string([&nonce[..], &text, &tag].concat())
}

#[tokio::test]
async fn every_fault_leaves_on_a_tick_whatever_its_cause() {
    // Arrivals at other phases of the wheel, each with every cause.
    for phase in [0, 1, 13, 49] {
        for cause in CAUSES {
            let world = World::new();
            world.clock.advance(Duration::from_millis(1_000 + phase));
            let message = broken(cause, world.clock.now());
            let id = Arc::clone(&world.id);
            let answer = tokio::spawn(async move { id.inbound(request(message)).await });
            let due = if phase == 0 { 50 } else { 100 - phase };
            let settle = || async {
                for _ in 0..1_000 {
                    tokio::task::yield_now().await;
                }
            };
            settle().await;
            world.clock.advance(Duration::from_millis(due - 1));
            settle().await;
            assert!(!answer.is_finished(), "{cause:?} at phase {phase} left before its tick");
            world.clock.advance(Duration::from_millis(1));
            let response = answer.await.unwrap();
            let (detail, is_signed) = fault(&response);
            assert_eq!((&*detail.code, is_signed), ("security-check-failed", true), "{cause:?}");
            let stage = world.id.message_show(&detail.reference_id).unwrap()[0].reason.clone().unwrap();
            let expected = if cause == Cause::Digest { "digests: " } else { "decryption: " };
            assert!(stage.starts_with(expected), "{cause:?}: {stage}");
        }
    }
}

/// Time that passes, a date that stands still, and waiting that may take no time.
struct Ticking {
    real: RealClock,
    now: Timestamp,
    waits: bool,
}

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        self.now
    }

    fn elapsed(&self) -> Duration {
        self.real.elapsed()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        if self.waits { self.real.sleep(duration) } else { Box::pin(std::future::ready(())) }
    }
}

/// Seconds from request to answer, for each cause.
type Latencies = [Vec<f64>; CAUSES.len()];

/// Messages under way at once: few enough that they hardly wait for each other.
const PARALLEL: usize = 16;

async fn latencies(waits: bool, each: usize) -> Latencies {
    let now = Timestamp::from_second(NOON).unwrap();
    let clock = Arc::new(Ticking { real: RealClock::new(), now, waits });
    let messages: Arc<Vec<Vec<u8>>> = Arc::new(CAUSES.iter().map(|cause| broken(*cause, now)).collect());
    let mut order: Vec<usize> = (0..CAUSES.len() * each).map(|at| at % CAUSES.len()).collect();
    for at in (1..order.len()).rev() {
        order.swap(at, below(at + 1));
    }
    let mut found = Latencies::default();
    // Refused messages stay in the store; a new one now and then keeps them from filling the memory.
    for part in order.chunks(2_000) {
        let kr = vec![partner("KR", &trust().kr, |_| {})];
        let wire = Arc::new(Wire {
            line: Mutex::new(Line::Up),
            peers: Mutex::default(),
            requests: Mutex::default(),
            answers: Mutex::default(),
        });
        let id = side("ID", &trust().id, kr, clock.clone(), &wire, Limits::default());
        let room = Arc::new(tokio::sync::Semaphore::new(PARALLEL));
        let mut tasks = Vec::new();
        for cause in part {
            let (id, room, clock) = (Arc::clone(&id), Arc::clone(&room), Arc::clone(&clock));
            let (messages, cause, pause) = (Arc::clone(&messages), *cause, below(50_000) as u64);
            tasks.push(tokio::spawn(async move {
                let _place = room.acquire_owned().await.unwrap();
                clock.real.sleep(Duration::from_micros(pause)).await;
                let request = request(messages[cause].clone());
                let start = clock.elapsed();
                let response = id.inbound(request).await;
                let took = clock.elapsed() - start;
                assert_eq!(response.status, 500);
                (cause, took.as_secs_f64())
            }));
        }
        for task in tasks {
            let (cause, took) = task.await.unwrap();
            found[cause].push(took);
        }
    }
    found
}

fn below(bound: usize) -> usize {
    let mut number = [0; 8];
    octets::random(&mut number).unwrap();
    (u64::from_be_bytes(number) % bound as u64) as usize
}

/// How often the best threshold of the first halves is right about the second halves.
fn accuracy(a: &[f64], b: &[f64]) -> f64 {
    let halves = |all: &[f64]| (all[..all.len() / 2].to_vec(), all[all.len() / 2..].to_vec());
    let ((learn_a, judge_a), (learn_b, judge_b)) = (halves(a), halves(b));
    let mut marked: Vec<(f64, bool)> =
        learn_a.iter().map(|t| (*t, true)).chain(learn_b.iter().map(|t| (*t, false))).collect();
    marked.sort_by(|x, y| x.0.total_cmp(&y.0));
    // Says "a" up to the threshold, or beyond it.
    let (mut best, mut right) = ((0, 0.0, true), learn_b.len() as i64);
    let total = (learn_a.len() + learn_b.len()) as i64;
    for (time, is_a) in marked {
        right += if is_a { 1 } else { -1 };
        for (score, low_is_a) in [(right, true), (total - right, false)] {
            if score > best.0 {
                best = (score, time, low_is_a);
            }
        }
    }
    let (_, threshold, low_is_a) = best;
    let hits = judge_a.iter().filter(|t| (**t <= threshold) == low_is_a).count()
        + judge_b.iter().filter(|t| (**t <= threshold) != low_is_a).count();
    hits as f64 / (judge_a.len() + judge_b.len()) as f64
}

/// The median and its standard error in milliseconds.
fn median_ms(times: &[f64]) -> (f64, f64) {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |part: f64| sorted[((sorted.len() - 1) as f64 * part) as usize] * 1e3;
    // From the order statistics that a standard deviation of the rank lies away.
    let rank = 0.5 / (sorted.len() as f64).sqrt();
    (at(0.5), (at(0.5 + rank) - at(0.5 - rank)) / 2.0)
}

fn best_of_pairs(what: &str, found: &Latencies) -> f64 {
    for (cause, times) in CAUSES.iter().zip(found) {
        let (median, error) = median_ms(times);
        println!("oracle, {what}: {cause:?}: {} faults, median {median:.3} ms +- {error:.3}", times.len());
    }
    let mut best = 0.0_f64;
    for a in 0..CAUSES.len() {
        for b in a + 1..CAUSES.len() {
            let hits = accuracy(&found[a], &found[b]);
            println!("oracle, {what}: {:?} or {:?}: right in {:.1} %", CAUSES[a], CAUSES[b], hits * 100.0);
            best = best.max(hits);
        }
    }
    best
}

#[test]
fn the_classifier_finds_a_difference_and_none_where_there_is_none() {
    let times = |from: usize| -> Vec<f64> { (0..2_000).map(|n| (from + (n * 7_919) % 1_000) as f64).collect() };
    assert!(accuracy(&times(0), &times(200)) > 0.55);
    assert!(accuracy(&times(200), &times(0)) > 0.55);
    assert!(accuracy(&times(0), &times(0)) <= 0.55);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_classifier_on_latency_learns_nothing_with_the_wheel_and_something_without() {
    if std::env::var_os("COCONNECT_LONG").is_none() {
        println!("the timing of 40,000 faults is for scripts/test --long");
        return;
    }
    let with = best_of_pairs("wheel", &latencies(true, 10_000).await);
    let without = best_of_pairs("no wheel", &latencies(false, 2_000).await);
    assert!(with <= 0.55, "with the wheel a cause is told in {:.1} %", with * 100.0);
    assert!(without > 0.55, "without the wheel nothing is told either: this test shows nothing");
}
