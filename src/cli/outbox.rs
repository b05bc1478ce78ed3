//! `coconnect outbox`: what waits for delivery, and trying it again.

use clap::{Args, Subcommand};

use super::list::ListArgs;
use super::out::{self, Exit, Failure};
use super::place::Place;
use super::reach::{Reach, expect, text};
use crate::net::Method;

/// What waits for delivery.
#[derive(Debug, Subcommand)]
pub enum Outbox {
    /// List what waits: to whom, tries so far, next try, why the last one failed
    #[command(after_help = "EXAMPLES:\n  coconnect outbox list --dir kr\n  coconnect outbox list --dir kr --json")]
    List(ListArgs),
    /// Try a message at once, or release a partner's held queue and try all that waits for it; their hour begins anew
    #[command(
        after_help = "EXAMPLES:\n  coconnect outbox retry urn:uuid:0d3f4b6e-5c1a-4a51-9d0e-3b1c2a7f8e90 --dir kr\n  coconnect outbox retry --partner ID --dir kr"
    )]
    Retry(Retry),
}

/// `outbox retry`.
#[derive(Debug, Args)]
pub struct Retry {
    /// MessageIDs, as `outbox list` shows them.
    #[arg(required_unless_present = "partner")]
    ids: Vec<String>,
    /// Release this partner's queue, and try everything that waits for it.
    #[arg(long, conflicts_with = "ids")]
    partner: Option<String>,
    #[command(flatten)]
    place: Place,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(verb: Outbox) -> Result<Exit, Failure> {
    match verb {
        Outbox::List(args) => list(&args),
        Outbox::Retry(args) => retry(&args),
    }
}

fn list(args: &ListArgs) -> Result<Exit, Failure> {
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

fn retry(args: &Retry) -> Result<Exit, Failure> {
    let reach = Reach::open(&args.place)?;
    let paths: Vec<String> = match &args.partner {
        Some(partner) => vec![format!("/v1/partners/{}/retry", crate::web::escape(partner))],
        None => args.ids.iter().map(|id| format!("/v1/outbox/{}/retry", crate::web::escape(id))).collect(),
    };
    let mut retried = Vec::new();
    for path in &paths {
        let answer = expect(reach.call(Method::POST, path, "", Vec::new())?)?.json();
        retried.extend(answer["retried"].as_array().cloned().unwrap_or_default());
    }
    if args.json {
        out::json(&serde_json::json!({ "released": args.partner, "retried": retried }));
        return Ok(Exit::Done);
    }
    if let Some(partner) = &args.partner {
        out::line(&format!("the queue of {partner} is released"));
    }
    let when = if reach.serving() { "tried now" } else { "tried once coconnect serve runs" };
    out::line(&format!("{} messages are {when}", retried.len()));
    Ok(Exit::Done)
}
