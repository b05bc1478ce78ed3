//! `coconnect outbox`: what waits for delivery.

use clap::Subcommand;

use super::list::ListArgs;
use super::out::{Exit, Failure};
use super::reach::text;

/// What waits for delivery.
#[derive(Debug, Subcommand)]
pub enum Outbox {
    /// List what waits: to whom, tries so far, next try, why the last one failed
    #[command(after_help = "EXAMPLES:\n  coconnect outbox list --dir kr\n  coconnect outbox list --dir kr --json")]
    List(ListArgs),
}

pub(super) fn run(verb: Outbox) -> Result<Exit, Failure> {
    let Outbox::List(args) = verb;
    let headings = ["message id", "partner", "CO", "status", "tries", "next try", "why"];
    args.show("/v1/outbox", "the outbox is empty", &headings, |row| {
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
}
