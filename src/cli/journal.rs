//! `coconnect journal`: verify, head, stats. Reads the segments directly, beside a running server too.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use super::out::{self, Exit, Failure};
use crate::gateway::config::Config;
use crate::store::verify::{self, Report, TreeReport};
use crate::store::{self, CommitError, Error};

/// `coconnect journal`.
#[derive(Debug, Args)]
pub struct JournalArgs {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Verify every checksum, the chain, every tree and that nothing was stored twice; exit 1 when something is wrong
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(Place),
    /// Tell the heads of the partners' trees and of the owner's
    #[command(after_help = HEAD_EXAMPLES)]
    Head(Place),
    /// Count records, partners and octets
    #[command(after_help = STATS_EXAMPLES)]
    Stats(Place),
}

const VERIFY_EXAMPLES: &str = "EXAMPLES:
  coconnect journal verify --config /etc/coconnect/coconnect.toml
  coconnect journal verify /srv/coconnect --json | jq .troubles";
const HEAD_EXAMPLES: &str = "EXAMPLES:
  coconnect journal head --config coconnect.toml
  coconnect journal head --dir /srv/coconnect --json";
const STATS_EXAMPLES: &str = "EXAMPLES:
  coconnect journal stats --dir /srv/coconnect";

/// Where the store is.
#[derive(Debug, Args)]
pub struct Place {
    /// Directory that holds coconnect.toml and data/
    #[arg(value_name = "DIR", conflicts_with = "dir")]
    pub place: Option<PathBuf>,
    /// Directory that holds coconnect.toml and data/
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Configuration; data/ stands beside it. Without DIR and this: coconnect.toml in the current directory
    #[arg(long, value_name = "FILE", env = "COCONNECT_CONFIG")]
    pub config: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    pub json: bool,
}

impl Place {
    /// The data directory, which must have a journal.
    ///
    /// # Errors
    /// Exit 2 when there is none.
    pub fn data(&self) -> Result<PathBuf, Failure> {
        let folder = match (&self.place, &self.dir, &self.config) {
            (Some(folder), ..) | (None, Some(folder), _) => folder.clone(),
            (None, None, Some(file)) => folder_of(file)?,
            (None, None, None) => folder_of(Path::new("coconnect.toml"))?,
        };
        // The configuration may put it elsewhere; a folder without one may be a copy, or the data directory itself.
        let file = match (&self.place, &self.dir, &self.config) {
            (None, None, Some(file)) => file.clone(),
            _ => folder.join("coconnect.toml"),
        };
        let places = match Config::load(&file) {
            Ok(config) => vec![config.data_dir()],
            Err(_) => vec![folder.join("data"), folder.clone()],
        };
        for data in places {
            let journal = data.join("journal");
            match std::fs::read_dir(&journal) {
                Ok(_) => return Ok(data),
                Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                    let failure = Failure::usage(format!("read {}: {error}", journal.display()));
                    return Err(failure.hint("run it as the user that `coconnect serve` runs as"));
                }
                Err(_) => {}
            }
        }
        let failure = Failure::usage(format!("no journal in {}: expected data/journal", folder.display()));
        Err(failure.hint(
            "name the directory that `coconnect init --dir DIR` made; the journal begins when `serve` first runs",
        ))
    }
}

fn folder_of(config: &Path) -> Result<PathBuf, Failure> {
    if !config.is_file() {
        let failure = Failure::usage(format!("no configuration {}", config.display()));
        return Err(failure.hint("give --config FILE, or --dir DIR"));
    }
    let parent = config.parent().filter(|parent| !parent.as_os_str().is_empty());
    Ok(parent.unwrap_or(Path::new(".")).to_owned())
}

/// Runs the verb.
///
/// # Errors
/// Exit 1 for what is damaged, 2 for what cannot be read, 75 for what may work later.
pub fn run(args: &JournalArgs) -> Result<Exit, Failure> {
    match &args.verb {
        Verb::Verify(place) => run_verify(place),
        Verb::Head(place) => run_head(place),
        Verb::Stats(place) => run_stats(place),
    }
}

/// A bar on stderr that counts records; none where stderr is no terminal.
pub(super) fn progress() -> (ProgressBar, impl FnMut(u64)) {
    let bar = ProgressBar::no_length();
    let style = ProgressStyle::with_template("{spinner} {pos} records, {per_sec}, {elapsed}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    let shown = bar.clone();
    (bar, move |records| shown.set_position(records))
}

/// What to say of a store that cannot be read or opened.
pub(super) fn failure(error: &Error) -> Failure {
    let text = out::chain(error);
    match error {
        Error::Locked { .. } => Failure::later(text)
            .hint("stop `coconnect serve` for this directory first; `coconnect journal verify` works beside it"),
        Error::Damaged { .. } | Error::Record { .. } => {
            Failure::refused(text).hint("run `coconnect journal verify`; restore the journal from a backup")
        }
        Error::Behind { .. } => Failure::refused(text).hint(
            "restore the journal's latest backup; only if the missing records are given up for lost: coconnect store rebuild --accept-missing",
        ),
        Error::Index { .. } => Failure::refused(text).hint("coconnect store rebuild"),
        Error::Stopped(CommitError::Full { .. }) => Failure::later(text).hint("make room on the disk"),
        _ => Failure::usage(text),
    }
}

fn walk(place: &Place) -> Result<Report, Failure> {
    let data = place.data()?;
    let (bar, mut heard) = progress();
    let report = verify::verify(&data, None, &mut heard).map_err(|error| failure(&error))?;
    bar.finish_and_clear();
    Ok(report)
}

fn run_verify(place: &Place) -> Result<Exit, Failure> {
    let report = walk(place)?;
    if place.json {
        out::json(&serde_json::to_value(&report).map_err(|error| Failure::usage(error.to_string()))?);
    } else {
        tell(&report);
    }
    Ok(if report.valid { Exit::Done } else { Exit::Refused })
}

fn tell(report: &Report) {
    let sizes = format!("{} records in {} batches, {} segments", report.records, report.batches, report.segments);
    out::line(&format!("journal: {sizes}, {} octets", report.octets));
    if let (Some(first), Some(last), Some(end)) = (&report.first, &report.last, &report.end) {
        out::line(&format!("from {first} to {last}, last record {end}"));
    }
    out::line(&format!("chain {}", report.chain));
    if report.unfinished_octets > 0 {
        let octets = report.unfinished_octets;
        out::line(&format!("unfinished batch at the end: {octets} octets, never acknowledged"));
    }
    trees(&report.trees);
    for trouble in &report.troubles {
        out::line(&format!("WRONG at {}: expected {}, came {}", trouble.at, trouble.expected, trouble.came));
    }
    match report.troubles_found {
        0 => out::line("valid"),
        found => out::line(&format!("INVALID: {found} troubles")),
    }
}

fn trees(trees: &[TreeReport]) {
    if trees.is_empty() {
        return;
    }
    let rows = trees.iter().map(|tree| {
        vec![tree.tree.clone(), tree.size.to_string(), tree.root.clone(), tree.time.clone(), tree.log_id.clone()]
    });
    out::table(&["TREE", "LEAVES", "ROOT", "LAST LEAF", "LOG ID"], &rows.collect::<Vec<_>>());
}

fn run_head(place: &Place) -> Result<Exit, Failure> {
    let heads = verify::tree_heads(&place.data()?).map_err(|error| failure(&error))?;
    if place.json {
        out::json(&serde_json::to_value(&heads).map_err(|error| Failure::usage(error.to_string()))?);
    } else if heads.is_empty() {
        out::line("no leaves yet");
    } else {
        trees(&heads);
    }
    Ok(Exit::Done)
}

fn run_stats(place: &Place) -> Result<Exit, Failure> {
    let report = walk(place)?;
    if place.json {
        let counts = serde_json::json!({
            "segments": report.segments, "batches": report.batches, "records": report.records, "octets": report.octets,
            "keys": report.keys, "kinds": report.kinds, "partners": report.partners, "first": report.first,
            "last": report.last, "end": report.end,
        });
        out::json(&counts);
        return Ok(Exit::Done);
    }
    let per_batch = report.records as f64 / (report.batches.max(1)) as f64;
    let per_record = report.octets / report.records.max(1);
    out::line(&format!("{} records, {} octets, {} segments", report.records, report.octets, report.segments));
    out::line(&format!("{per_batch:.1} records a batch, {per_record} octets a record, {} keys", report.keys));
    let rows = |counts: &mut dyn Iterator<Item = (String, u64)>| -> Vec<Vec<String>> {
        counts.map(|(name, count)| vec![name, count.to_string()]).collect()
    };
    out::table(&["KIND", "RECORDS"], &rows(&mut report.kinds.iter().map(|(name, count)| ((*name).to_owned(), *count))));
    out::table(&["PARTNER", "RECORDS"], &rows(&mut report.partners.iter().map(|(name, count)| (name.clone(), *count))));
    Ok(Exit::Done)
}

/// Settings for commands that only read, or make the index again.
pub(super) fn options() -> store::Options {
    store::Options { min_free_bytes: 0, ..store::Options::default() }
}
