//! `coconnect store`: rebuild, check. Needs the store for itself: nothing may serve it meanwhile.

use std::sync::Arc;

use clap::{Args, Subcommand};

use super::journal::{Place, failure, options, progress};
use super::out::{self, Exit, Failure};
use crate::base::RealClock;
use crate::store::check::{self, Comparison};
use crate::store::{Missing, OnDoubt, SledStore, journal::RealDisk};

/// `coconnect store`.
#[derive(Debug, Args)]
pub struct StoreArgs {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Delete the index and make it again from the journal
    #[command(after_help = REBUILD_EXAMPLES)]
    Rebuild(RebuildArgs),
    /// Compare the index with what follows from the journal; exit 1 when they differ
    #[command(after_help = CHECK_EXAMPLES)]
    Check(Place),
}

const REBUILD_EXAMPLES: &str = "EXAMPLES:
  coconnect store rebuild --config /etc/coconnect/coconnect.toml
  coconnect store rebuild --dir /srv/coconnect --json";
const CHECK_EXAMPLES: &str = "EXAMPLES:
  coconnect store check --config /etc/coconnect/coconnect.toml
  coconnect store check --dir /srv/coconnect --json";

/// `coconnect store rebuild`.
#[derive(Debug, Args)]
pub struct RebuildArgs {
    /// Where the store is.
    #[command(flatten)]
    pub place: Place,
    /// Go on with a journal that ends before records that were durable: they are given up for lost
    #[arg(long)]
    pub accept_missing: bool,
}

/// Runs the verb.
///
/// # Errors
/// Exit 1 for what is damaged, 2 for what cannot be read, 75 while another process has the store.
pub fn run(args: &StoreArgs) -> Result<Exit, Failure> {
    match &args.verb {
        Verb::Rebuild(args) => rebuild(args),
        Verb::Check(place) => run_check(place),
    }
}

fn rebuild(args: &RebuildArgs) -> Result<Exit, Failure> {
    let data = args.place.data()?;
    let missing = if args.accept_missing { Missing::AcceptedAsLost } else { Missing::Refused };
    let (bar, mut heard) = progress();
    let told = SledStore::rebuild(&data, options(), missing, &mut heard).map_err(|error| failure(&error))?;
    bar.finish_and_clear();
    if args.place.json {
        out::json(&serde_json::json!({ "records": told.replayed, "cut_octets": told.cut_bytes }));
        return Ok(Exit::Done);
    }
    out::line(&format!("the index was made again from {} records", told.replayed));
    if told.cut_bytes > 0 {
        out::line(&format!("an unfinished batch of {} octets, never acknowledged, was cut", told.cut_bytes));
    }
    Ok(Exit::Done)
}

fn run_check(place: &Place) -> Result<Exit, Failure> {
    let data = place.data()?;
    let (bar, mut heard) = progress();
    let clock = Arc::new(RealClock::new());
    let opened = SledStore::open_on(Arc::new(RealDisk), &data, options(), clock, OnDoubt::Refuse, &mut heard);
    let store = opened.map_err(|error| failure(&error))?;
    let found = check::compare(&store, &data, &mut heard).map_err(|error| failure(&error))?;
    bar.finish_and_clear();
    if place.json {
        out::json(&serde_json::to_value(&found).map_err(|error| Failure::usage(error.to_string()))?);
    } else {
        tell(&found);
    }
    Ok(if found.equal { Exit::Done } else { Exit::Refused })
}

fn tell(found: &Comparison) {
    out::line(&format!("{} records, {} keys, {} trees", found.records, found.keys, found.trees));
    for difference in &found.differences {
        let (journal, index) = (&difference.journal, &difference.index);
        out::line(&format!("DIFFERS {}: the journal says {journal}, the index {index}", difference.key));
    }
    match found.differences_found {
        0 => out::line("equal: the index is what follows from the journal"),
        count => out::line(&format!("NOT EQUAL: {count} differences")),
    }
}
