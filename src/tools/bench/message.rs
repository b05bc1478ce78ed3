//! `bench message`: one thread, from the octets of a request to the octets of the signed answer (design 4.2).
//!
//! Windows of messages and windows of the limit follow each other; the ratio is that of their medians, in CPU time of this
//! thread. Messages are sealed between the windows, outside of what is measured.

use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use super::limit::{Limit, Sizes};
use super::world::World;
use super::{Error, Sender, Suite, median, percentile, pin, rss_peak_mib, thread_cpu_s};
use crate::contract::{self, Operation, Slots, encode, sample};
use crate::exchange::Stage;
use crate::soap::Envelope;
use crate::xml::{self, Document, NodeId, c14n, ns};

/// What to measure.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Keys and algorithms.
    pub suite: Suite,
    /// How the sender writes.
    pub sender: Sender,
    /// Items of each CO.
    pub items: usize,
    /// Windows, at least 40.
    pub windows: usize,
    /// Whether to tell what the time is spent on. Reading the clock so often costs a few microseconds a message.
    pub stages: bool,
}

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Keys and algorithms.
    pub suite: Suite,
    /// How the sender wrote.
    pub sender: Sender,
    /// Items of each CO.
    pub items: usize,
    /// Octets of a CO in clear.
    pub clear_octets: usize,
    /// Octets of a request.
    pub wire_octets: usize,
    /// Messages answered.
    pub messages: usize,
    /// CPU seconds of all message windows.
    pub seconds: f64,
    /// One over the median of a message.
    pub messages_per_s: f64,
    /// One over the median of the limit.
    pub limit_per_s: f64,
    /// Median of the limit over median of a message.
    pub ratio: f64,
    /// Median of a message minus median of the limit, microseconds.
    pub overhead_us: f64,
    /// Median of single messages, milliseconds.
    pub p50_ms: f64,
    /// 99th percentile of single messages, milliseconds.
    pub p99_ms: f64,
    /// Peak of resident memory, MiB.
    pub rss_peak_mib: f64,
    /// CPU seconds of a message, mean.
    pub cpu_s_per_message: f64,
    /// Median of each stage, microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stages_us: Option<StagesUs>,
    /// The business document alone, out of its message, microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alone_us: Option<AloneUs>,
}

/// What the contract costs beside XML: medians for one business document in clear, microseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct AloneUs {
    /// From octets to tree.
    pub parse: f64,
    /// From the tree to the typed document, with every check of the schema.
    pub decode: f64,
}

/// Median of each stage of a message, microseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct StagesUs {
    /// From the request's head to the envelope.
    pub parse: f64,
    /// WS-Security up to SignatureValue.
    pub verify: f64,
    /// Keys, payload, and the payload's parse.
    pub decrypt: f64,
    /// References and document.
    pub digests: f64,
    /// Typed document, checked by the schema.
    pub decode: f64,
    /// Code lists and countries.
    pub codes: f64,
    /// Agreement profile.
    pub profile: f64,
    /// Look-ups, rules, commit.
    pub decide: f64,
    /// The signed answer.
    pub answer: f64,
}

/// Measures one suite; `progress` hears of windows done.
///
/// # Errors
/// When a message is not acknowledged, or OpenSSL fails.
pub fn run(plan: &Plan, progress: &mut dyn FnMut(usize, usize)) -> Result<Report, Error> {
    pin();
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|e| Error(e.to_string()))?;
    let mut world = World::new(plan.suite, plan.sender, plan.items)?;
    let per_window = per_window(plan);
    let sample = world.seal()?;
    let (answer, _) = answer(&runtime, &world, sample.octets.clone())?;
    let sizes = sizes(&world, &answer, sample.clear)?;
    let mut limit = Limit::new(plan.suite, &world, sizes)?;
    let stages = plan.stages.then(Stages::default);
    let (mut messages, mut limits, mut single) = (Vec::new(), Vec::new(), Vec::new());
    let mut total = 0.0;
    // The first windows warm caches and contexts up.
    let warm = 3;
    for window in 0..plan.windows + warm {
        world.renew()?;
        // One message more, unmeasured: the new exchange makes its keys ready with it.
        let mut sealed: Vec<Vec<u8>> =
            (0..=per_window).map(|_| world.seal().map(|s| s.octets)).collect::<Result<_, _>>()?;
        self::answer(&runtime, &world, sealed.pop().unwrap_or_default())?;
        if let Some(stages) = &stages {
            stages.watch(&world);
        }
        let (mut spent, mut singles) = (0.0, Vec::with_capacity(per_window));
        for octets in sealed {
            if let Some(stages) = &stages {
                stages.begin();
            }
            let (_, took) = self::answer(&runtime, &world, octets)?;
            spent += took;
            singles.push(took);
        }
        let start = thread_cpu_s();
        for _ in 0..per_window {
            limit.run()?;
        }
        let limited = thread_cpu_s() - start;
        if window >= warm {
            #[allow(clippy::cast_precision_loss, reason = "some hundreds")]
            let count = per_window as f64;
            messages.push(spent / count);
            limits.push(limited / count);
            single.extend(singles);
            total += spent;
        }
        progress(window + 1, plan.windows + warm);
    }
    let alone = if plan.stages { Some(alone(plan.items, plan.windows)?) } else { None };
    let (message, limit) = (median(&mut messages), median(&mut limits));
    #[allow(clippy::cast_precision_loss, reason = "some thousands")]
    let mean = total / single.len().max(1) as f64;
    Ok(Report {
        suite: plan.suite,
        sender: plan.sender,
        items: plan.items,
        clear_octets: sample.clear,
        wire_octets: sample.octets.len(),
        messages: single.len(),
        seconds: total,
        messages_per_s: 1.0 / message,
        limit_per_s: 1.0 / limit,
        ratio: limit / message,
        overhead_us: (message - limit) * 1e6,
        p50_ms: percentile(&mut single, 0.5) * 1e3,
        p99_ms: percentile(&mut single, 0.99) * 1e3,
        rss_peak_mib: rss_peak_mib(),
        cpu_s_per_message: mean,
        stages_us: stages.map(|stages| stages.medians()),
        alone_us: alone,
    })
}

/// Times of the stages of each message.
#[derive(Default)]
struct Stages {
    times: Arc<Mutex<Times>>,
}

#[derive(Default)]
struct Times {
    last: f64,
    of_message: [f64; Stage::ALL.len()],
    all: [Vec<f64>; Stage::ALL.len()],
}

impl Stages {
    fn watch(&self, world: &World) {
        let told = Arc::clone(&self.times);
        world.exchange.measure(Box::new(move |stage| {
            let now = thread_cpu_s();
            let mut times = told.lock().unwrap_or_else(PoisonError::into_inner);
            let took = now - times.last;
            if let Some(time) = times.of_message.get_mut(stage as usize) {
                *time += took;
            }
            times.last = thread_cpu_s();
        }));
    }

    /// Another message begins.
    fn begin(&self) {
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        let of_message = std::mem::take(&mut times.of_message);
        if of_message.iter().any(|time| *time > 0.0) {
            times.all.iter_mut().zip(of_message).for_each(|(all, time)| all.push(time));
        }
        times.last = thread_cpu_s();
    }

    fn medians(self) -> StagesUs {
        self.begin();
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        let [parse, verify, decrypt, digests, decode, codes, profile, decide, answer] =
            std::array::from_fn(|at| median(&mut times.all[at]) * 1e6);
        StagesUs { parse, verify, decrypt, digests, decode, codes, profile, decide, answer }
    }
}

/// Parses and decodes one business document again and again, turn about; medians of `windows` windows of each.
fn alone(items: usize, windows: usize) -> Result<AloneUs, Error> {
    let slots = Slots::default();
    let mut octets = Vec::new();
    encode(&sample::co(1, items), &slots, &mut octets);
    let each = (1_000 / items.max(1)).clamp(1, 50);
    let (mut parses, mut decodes) = (Vec::with_capacity(windows), Vec::with_capacity(windows));
    for _ in 0..windows {
        let copies = vec![octets.clone(); each];
        let mut documents = Vec::with_capacity(each);
        let start = thread_cpu_s();
        for copy in copies {
            documents.push(xml::parse(copy, &xml::Options::default()).map_err(|e| Error(e.to_string()))?);
        }
        let parsed = thread_cpu_s();
        // Trees and typed documents are given back after the clock was read.
        let mut typed = Vec::with_capacity(each);
        for document in &documents {
            let node = document.document_element();
            let decoded = contract::decode(Operation::SendCo, document, node, &slots);
            typed.push(decoded.map_err(|e| Error(e.to_string()))?);
        }
        let decoded = thread_cpu_s();
        #[allow(clippy::cast_precision_loss, reason = "at most 50")]
        let count = each as f64;
        parses.push((parsed - start) / count);
        decodes.push((decoded - parsed) / count);
    }
    Ok(AloneUs { parse: median(&mut parses) * 1e6, decode: median(&mut decodes) * 1e6 })
}

/// Messages of one window: some 20 ms of work.
fn per_window(plan: &Plan) -> usize {
    let per_30_items = match plan.suite {
        Suite::Rsa2048 => 25,
        Suite::Rsa3072 => 6,
        Suite::P256 => 60,
    };
    (per_30_items * 30 / plan.items.max(30)).max(1)
}

/// Octets of the acknowledgement, and CPU seconds from the request's octets to them.
fn answer(runtime: &tokio::runtime::Runtime, world: &World, octets: Vec<u8>) -> Result<(Vec<u8>, f64), Error> {
    let request = world.request(octets);
    let start = thread_cpu_s();
    let response = runtime.block_on(world.exchange.inbound(request));
    let took = thread_cpu_s() - start;
    if response.status == 200 {
        Ok((response.body, took))
    } else {
        let text = String::from_utf8_lossy(&response.body).into_owned();
        Err(Error(format!("expected an acknowledgement, came HTTP {} {text}", response.status)))
    }
}

/// What a message really hashes: from the clear envelope as recorded and from the answer. The digest of our own token is
/// left out, since it can be kept.
fn sizes(world: &World, answer: &[u8], payload: usize) -> Result<Sizes, Error> {
    use crate::store::{PartName, RecordKind};
    let records = world.exchange.store().records(None, 10).map_err(|e| Error(crate::gateway::chain(&e)))?;
    let clear = records
        .iter()
        .find(|r| r.record.kind == RecordKind::Received)
        .and_then(|r| r.record.octets(PartName::Clear))
        .ok_or_else(|| Error("the record has no clear envelope".to_owned()))?;
    let mut digests = Vec::new();
    for (octets, ours) in [(clear, false), (answer, true)] {
        let envelope = Envelope::parse(octets.to_vec(), None).map_err(|e| Error(e.to_string()))?;
        hashed(envelope.document(), ours, &mut digests)?;
    }
    digests.push(payload);
    Ok(Sizes { digests, payload })
}

fn hashed(document: &Document, ours: bool, digests: &mut Vec<usize>) -> Result<(), Error> {
    let length = |node: NodeId| -> Result<usize, Error> {
        let mut out = Vec::new();
        c14n::exclusive_without(document, node, None, &mut out).map_err(|e| Error(e.to_string()))?;
        Ok(out.len())
    };
    let all: Vec<NodeId> = document.descendants(document.root()).collect();
    for node in &all {
        if document.is(*node, ns::DS, "SignedInfo") {
            digests.push(length(*node)?);
        }
        if document.is(*node, ns::DS, "Reference") {
            let id = document.attribute(*node, "", "URI").and_then(|uri| uri.strip_prefix('#')).unwrap_or_default();
            let target = all.iter().find(|n| document.attribute(**n, ns::WSU, "Id") == Some(id));
            let target = target.ok_or_else(|| Error(format!("no element has the id {id}")))?;
            if !(ours && document.local(*target) == "BinarySecurityToken") {
                digests.push(length(*target)?);
            }
        }
    }
    Ok(())
}
