//! `coconnect bench`: how fast, against the physical limit of the same machine.

use std::io::IsTerminal as _;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::out::{self, Exit, Failure};
use crate::tools::bench::{self, message};

/// Measurements. Every one measures its physical limit in the same run and prints the ratio.
#[derive(Debug, Subcommand)]
pub enum Bench {
    /// One thread: from the octets of a request to the octets of the signed answer
    #[command(
        after_help = "The limit: decrypt the key, AES-GCM of the payload, every digest over the octets really hashed, one verify, one sign.\nThe ratio is that of the medians of interleaved windows, in CPU time. Measure a release build.\n\nEXAMPLES:\n  coconnect bench message\n  coconnect bench message --suite p256 --sender plain --json\n  coconnect bench message --suite rsa2048 --items 10000 --stages"
    )]
    Message(Message),
}

/// `bench message`.
#[derive(Debug, Args)]
pub struct Message {
    /// Keys and algorithms. Default: all.
    #[arg(long, value_enum)]
    suite: Option<Suite>,
    /// Items of each CO.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=99_999))]
    items: u32,
    /// How the sender writes: canonical, as we do; plain, with other quotes and 76 columns of base64.
    #[arg(long, value_enum, default_value = "canonical")]
    sender: Sender,
    /// Windows to measure.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(40..=10_000))]
    windows: u32,
    /// Also tell what the time is spent on.
    #[arg(long)]
    stages: bool,
    /// Print as JSON: an object for one suite, an array for all.
    #[arg(long)]
    json: bool,
}

/// Keys and algorithms.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Suite {
    /// RSA of 2048 bits.
    Rsa2048,
    /// RSA of 3072 bits.
    Rsa3072,
    /// The curve P-256.
    P256,
}

/// How the sender writes.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Sender {
    /// In canonical form.
    Canonical,
    /// As other stacks write.
    Plain,
}

pub(super) fn run(verb: Bench) -> Result<Exit, Failure> {
    let Bench::Message(args) = verb;
    let suites = match args.suite {
        Some(Suite::Rsa2048) => vec![bench::Suite::Rsa2048],
        Some(Suite::Rsa3072) => vec![bench::Suite::Rsa3072],
        Some(Suite::P256) => vec![bench::Suite::P256],
        None => bench::Suite::ALL.to_vec(),
    };
    if cfg!(debug_assertions) {
        eprintln!("coconnect: hint: this is a debug build; the ratio of a release build is what counts");
    }
    let mut reports = Vec::new();
    for suite in suites {
        let plan = message::Plan {
            suite,
            sender: match args.sender {
                Sender::Canonical => bench::Sender::Canonical,
                Sender::Plain => bench::Sender::Plain,
            },
            items: args.items as usize,
            windows: args.windows as usize,
            stages: args.stages,
        };
        let live = std::io::stderr().is_terminal();
        let report = message::run(&plan, &mut |done, total| {
            if live {
                eprint!("\r{suite:?}: window {done} of {total}  ");
            }
        });
        if live {
            eprintln!();
        }
        reports.push(report.map_err(|e| Failure::refused(e.to_string()))?);
    }
    if args.json {
        match (args.suite, reports.as_slice()) {
            (Some(_), [one]) => out::json(&json!(one)),
            _ => out::json(&json!(reports)),
        }
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<String>> = reports
        .iter()
        .map(|r| {
            vec![
                format!("{:?}", r.suite).to_lowercase(),
                r.messages.to_string(),
                format!("{:.0}", r.messages_per_s),
                format!("{:.0}", r.limit_per_s),
                format!("{:.3}", r.ratio),
                format!("{:.0}", r.overhead_us),
                format!("{:.3}", r.p50_ms),
                format!("{:.3}", r.p99_ms),
                format!("{:.0}", r.rss_peak_mib),
            ]
        })
        .collect();
    out::table(
        &["suite", "messages", "messages/s", "limit/s", "ratio", "overhead us", "p50 ms", "p99 ms", "peak MiB"],
        &rows,
    );
    let stages: Vec<Vec<String>> = reports.iter().filter_map(stages_row).collect();
    if !stages.is_empty() {
        let head =
            ["stage us", "parse", "verify", "decrypt", "digests", "decode", "codes", "profile", "decide", "answer"];
        out::table(&head, &stages);
    }
    let alone: Vec<Vec<String>> = reports.iter().filter_map(alone_row).collect();
    if !alone.is_empty() {
        out::table(&["CO alone", "octets", "parse us", "decode us", "decode/parse", "decode us/item"], &alone);
    }
    if let Some(first) = reports.first() {
        out::line(&format!(
            "CO of {} items, {} octets in clear, {} on the wire; CPU time of one pinned thread",
            first.items, first.clear_octets, first.wire_octets
        ));
    }
    Ok(Exit::Done)
}

fn stages_row(report: &message::Report) -> Option<Vec<String>> {
    let stages = report.stages_us.as_ref()?;
    let message::StagesUs { parse, verify, decrypt, digests, decode, codes, profile, decide, answer } = *stages;
    let times = [parse, verify, decrypt, digests, decode, codes, profile, decide, answer];
    let times = times.map(|time| format!("{time:.1}"));
    Some(std::iter::once(format!("{:?}", report.suite).to_lowercase()).chain(times).collect())
}

fn alone_row(report: &message::Report) -> Option<Vec<String>> {
    let alone = report.alone_us.as_ref()?;
    #[allow(clippy::cast_precision_loss, reason = "at most 99,999")]
    let items = report.items.max(1) as f64;
    Some(vec![
        format!("{:?}", report.suite).to_lowercase(),
        report.clear_octets.to_string(),
        format!("{:.1}", alone.parse),
        format!("{:.1}", alone.decode),
        format!("{:.2}", alone.decode / alone.parse),
        format!("{:.3}", alone.decode / items),
    ])
}
