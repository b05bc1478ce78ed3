//! `coconnect outbox`: what waits for delivery.

use clap::{Args, Subcommand};
use serde_json::json;

use super::out::{self, Exit, Failure};
use super::place::Place;
use super::reach::{Reach, text};

/// What waits for delivery.
#[derive(Debug, Subcommand)]
pub enum Outbox {
    /// List what waits: to whom, tries so far, next try, why the last one failed
    #[command(after_help = "EXAMPLES:\n  coconnect outbox list --dir kr\n  coconnect outbox list --dir kr --json")]
    List(List),
}

/// `outbox list`.
#[derive(Debug, Args)]
pub struct List {
    /// Rows at most.
    #[arg(long, default_value_t = 1_000)]
    limit: usize,
    #[command(flatten)]
    place: Place,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(verb: Outbox) -> Result<Exit, Failure> {
    let Outbox::List(args) = verb;
    let reach = Reach::open(&args.place)?;
    let rows = reach.rows("/v1/outbox", args.limit)?;
    if args.json {
        out::json(&json!(rows));
        return Ok(Exit::Done);
    }
    if rows.is_empty() {
        out::line("the outbox is empty");
        return Ok(Exit::Done);
    }
    let table: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            vec![
                text(row, "message_id"),
                text(row, "partner"),
                text(&row["co"], "number"),
                text(row, "status"),
                text(row, "attempts"),
                text(row, "due"),
                text(row, "reason"),
            ]
        })
        .collect();
    out::table(&["message id", "partner", "CO", "status", "tries", "next try", "why"], &table);
    Ok(Exit::Done)
}
