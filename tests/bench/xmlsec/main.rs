//! Verifying and signing a message of 12 KB beside libxmlsec, in one run, on one core: `cargo bench --bench xmlsec`.
//!
//! Three things take turns in windows of some milliseconds: this library, libxmlsec (a process of its own behind a pipe,
//! tied to the same core), and the cryptography alone. Each says how much CPU time its thread used; the figures are medians
//! over the windows, the ratios those of the medians. Both sides begin with the octets of a document and a key that was
//! loaded before, and end with a verdict or with the octets of the signed document. Ours makes every check of
//! `coconnect xmlsec verify`: structure, policy of algorithms and key sizes, unique ids, bounds, coverage.
//!
//! The caller has the signer's certificate, and the document brings it too: ours compares their octets; libxmlsec, which was
//! given the key, does not look at it.
//!
//! Each side has the allocator that it has in service: ours mimalloc, as the binary, libxmlsec that of the C library.
//!
//! Two documents: a CO with an enveloped signature, and the SOAP message of `coconnect bench message` with six References.
//! Without a C compiler or the headers of libxmlsec (Debian: gcc, pkg-config, libxmlsec1-dev) only ours is measured, and
//! the output says so.

#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, reason = "a measurement for people")]

mod libxmlsec;
mod limit;
mod material;
mod ours;

use libxmlsec::Peer;
use limit::Limit;
use material::{Case, Document, Operation, Suite};
use serde_json::json;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const HELP: &str = "\
Verify and sign a message of 12 KB beside libxmlsec

USAGE: cargo bench --bench xmlsec -- [--json] [--windows N] [--only NAME]

  --json        print an array of objects, times in microseconds
  --windows N   windows to measure, default 41
  --only NAME   only cases whose name contains NAME: p256, rsa2048, co, soap, verify, sign
";

/// CPU time that one window of one side should take, microseconds.
const WINDOW_US: f64 = 6_000.0;
/// Windows before those that count.
const WARM: usize = 3;

struct Args {
    json: bool,
    windows: usize,
    only: Option<String>,
}

fn args() -> Result<Args, String> {
    let mut args = Args { json: false, windows: 41, only: None };
    let mut given = std::env::args().skip(1);
    while let Some(arg) = given.next() {
        match arg.as_str() {
            "--json" => args.json = true,
            "--windows" => {
                let number = given.next().and_then(|number| number.parse().ok()).filter(|number| *number > 0);
                args.windows = number.ok_or("--windows: expected a number")?;
            }
            "--only" => args.only = Some(given.next().ok_or("--only: expected a part of a name")?),
            // What cargo itself adds.
            "--bench" => {}
            "--help" => return Err(HELP.to_owned()),
            other => return Err(format!("{other}: unknown\n\n{HELP}")),
        }
    }
    Ok(args)
}

/// What one case came to, microseconds for one message.
struct Row {
    name: String,
    operation: Operation,
    octets: usize,
    references: usize,
    ours: f64,
    limit: f64,
    libxmlsec: Option<f64>,
    goal: f64,
}

fn main() {
    let args = match args() {
        Ok(args) => args,
        Err(text) => {
            eprintln!("{text}");
            std::process::exit(2);
        }
    };
    pin();
    let folder = tempfile::tempdir().unwrap();
    let program = libxmlsec::compile(folder.path());
    if let Err(why) = &program {
        eprintln!("ONLY OURS IS MEASURED: {why} (Debian: gcc, pkg-config, libxmlsec1-dev)");
    }
    let mut rows = Vec::new();
    let mut version = None;
    for suite in Suite::ALL {
        for document in Document::ALL {
            let case = Case::new(suite, document);
            for operation in [Operation::Verify, Operation::Sign] {
                let name = format!("{} {} {}", operation.name(), suite.name(), document.name());
                if args.only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
                    continue;
                }
                let mut peer =
                    program.as_ref().ok().map(|program| Peer::start(program, &case, operation, folder.path()));
                if let Some(peer) = &mut peer {
                    peer.agrees(&case, operation);
                    version.get_or_insert_with(|| peer.version.clone());
                }
                rows.push(measure(&case, operation, name, peer.as_mut(), args.windows));
            }
        }
    }
    if args.json { print_json(&rows, version.as_deref()) } else { print_table(&rows, version.as_deref(), args.windows) }
}

fn measure(case: &Case, operation: Operation, name: String, mut peer: Option<&mut Peer>, windows: usize) -> Row {
    let limit = Limit::new(case, operation);
    let run = |count: usize| {
        let start = cpu_us();
        for _ in 0..count {
            match operation {
                Operation::Verify => ours::verify(case),
                Operation::Sign => drop(std::hint::black_box(ours::sign(case))),
            }
        }
        cpu_us() - start
    };
    run(20);
    let count = ((WINDOW_US / (run(20) / 20.0)) as usize).max(1);
    let (mut ours, mut alone, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for window in 0..windows + WARM {
        let our_time = run(count);
        let start = cpu_us();
        (0..count).for_each(|_| limit.run());
        let limit_time = cpu_us() - start;
        let their_time = peer.as_mut().map(|peer| peer.run(count));
        if window >= WARM {
            ours.push(our_time / count as f64);
            alone.push(limit_time / count as f64);
            theirs.extend(their_time.map(|time| time / count as f64));
        }
    }
    Row {
        name,
        operation,
        octets: case.octets(operation).len(),
        references: limit.references(),
        ours: median(&mut ours),
        limit: median(&mut alone),
        libxmlsec: (!theirs.is_empty()).then(|| median(&mut theirs)),
        goal: case.suite.goal(),
    }
}

fn print_table(rows: &[Row], version: Option<&str>, windows: usize) {
    println!(
        "{:<22} {:>7} {:>5} {:>9} {:>9} {:>9} {:>7} {:>6} {:>8}",
        "", "octets", "refs", "ours us", "libxmlsec", "crypto us", "ratio", "goal", "ceiling"
    );
    for row in rows {
        let (theirs, ratio, ceiling) = match row.libxmlsec {
            Some(theirs) => {
                (format!("{theirs:.1}"), format!("{:.2}", theirs / row.ours), format!("{:.2}", theirs / row.limit))
            }
            None => ("-".to_owned(), "-".to_owned(), "-".to_owned()),
        };
        let goal = match row.operation {
            Operation::Verify => format!("{:.1}", row.goal),
            Operation::Sign => "-".to_owned(),
        };
        println!(
            "{:<22} {:>7} {:>5} {:>9.1} {:>9} {:>9.1} {:>7} {:>6} {:>8}",
            row.name, row.octets, row.references, row.ours, theirs, row.limit, ratio, goal, ceiling
        );
    }
    println!();
    match version {
        Some(version) => println!("libxmlsec {version} with {}; ratio: libxmlsec / ours.", openssl::version::version()),
        None => println!("libxmlsec was not measured; {}.", openssl::version::version()),
    }
    println!(
        "crypto: one signature operation with a context kept ready and every digest over the octets really hashed, nothing\n\
         else. It is in both sides' time and no code around it can make it smaller: libxmlsec / crypto is the highest ratio\n\
         there can be (ceiling)."
    );
    println!(
        "CPU time of one pinned thread each, medians of {windows} interleaved windows. {}",
        if cfg!(debug_assertions) { "A DEBUG BUILD: the figures mean nothing." } else { "" }
    );
}

fn print_json(rows: &[Row], version: Option<&str>) {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            json!({
                "case": row.name,
                "octets": row.octets,
                "references": row.references,
                "ours_us": row.ours,
                "libxmlsec_us": row.libxmlsec,
                "crypto_us": row.limit,
                "ratio": row.libxmlsec.map(|theirs| theirs / row.ours),
                "goal": (row.operation == Operation::Verify).then_some(row.goal),
                "ceiling": row.libxmlsec.map(|theirs| theirs / row.limit),
                "libxmlsec": version,
                "openssl": openssl::version::version(),
            })
        })
        .collect();
    println!("{}", serde_json::to_string_pretty(&rows).unwrap());
}

/// Microseconds of CPU that this thread has used.
fn cpu_us() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Ties this thread, and the process that it will start, to one core.
fn pin() {
    let mut cores = rustix::thread::CpuSet::new();
    if let Ok(allowed) = rustix::thread::sched_getaffinity(None)
        && let Some(core) = (0..rustix::thread::CpuSet::MAX_CPU).rev().find(|core| allowed.is_set(*core))
    {
        cores.set(core);
        if let Err(error) = rustix::thread::sched_setaffinity(None, &cores) {
            eprintln!("not tied to a core ({error}): the figures are noisier");
        }
    }
}
