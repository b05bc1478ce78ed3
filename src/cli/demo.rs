//! `coconnect demo`: two administrations exchange COs before your eyes.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde_json::json;

use super::init::Suite;
use super::out::{self, Exit, Failure};
use crate::base::RealClock;
use crate::tools::demo::{self, Event, Plan};

/// Two administrations (Korea and Indonesia) as two processes on loopback exchange real COs; each step shows its evidence.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit 0: everything was as promised. Exit 1: a surprise, named.\n\nEXAMPLES:\n  coconnect demo\n  coconnect demo --suite p256 --input my-co.xml --input folder-of-cos/\n  coconnect demo --keep --dir /tmp/two-gateways\n  coconnect demo --json > demo.json"
)]
pub struct Demo {
    /// Kind of keys.
    #[arg(long, value_enum, default_value = "rsa2048")]
    suite: Suite,
    /// A CO to exchange too, as LPCO or MetaData XML: a file, or a folder of them. Repeatable.
    #[arg(long = "input", value_name = "PATH")]
    inputs: Vec<PathBuf>,
    /// Folder for the two gateways. Default: a new one under the system's temporary folder, removed at the end.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Leave both gateways running and say what to try next.
    #[arg(long)]
    keep: bool,
    /// COs under way when the receiver is killed.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u16).range(10..=5000))]
    crash_messages: u16,
    /// Print one JSON object at the end instead of the story.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Demo) -> Result<Exit, Failure> {
    let temporary = args.dir.is_none();
    let dir = match &args.dir {
        Some(dir) => dir.clone(),
        None => std::env::temp_dir().join(format!("coconnect-demo-{}", std::process::id())),
    };
    if dir.join("kr").exists() || dir.join("id").exists() {
        return Err(
            Failure::usage(format!("{} already holds gateways", dir.display())).hint("name a new folder with --dir")
        );
    }
    for input in &args.inputs {
        std::fs::metadata(input).map_err(|e| Failure::usage(format!("--input {}: {e}", input.display())))?;
    }
    let program = std::env::current_exe().map_err(|e| Failure::usage(format!("find this program: {e}")))?;
    let plan = Plan {
        dir: dir.clone(),
        suite: args.suite.into(),
        inputs: args.inputs.clone(),
        crash_messages: args.crash_messages.into(),
        keep: args.keep,
        program,
    };
    let runtime = tokio::runtime::Runtime::new().map_err(|e| Failure::later(format!("start the runtime: {e}")))?;
    let mut events = Vec::new();
    let live = !args.json;
    let result = runtime.block_on(demo::run(&plan, Arc::new(RealClock::new()), &mut |event| {
        if live {
            show(&event);
        }
        events.push(event);
    }));
    if live {
        table(&events);
    }
    match result {
        Ok(kept) => {
            if args.json {
                out::json(&json!({ "ok": true, "events": events, "kept": kept }));
            }
            match kept {
                Some(kept) if live => next(&kept),
                Some(_) => {}
                None if temporary => {
                    if let Err(e) = std::fs::remove_dir_all(&dir) {
                        eprintln!("coconnect: could not remove {}: {e}", dir.display());
                    }
                }
                None => {}
            }
            Ok(Exit::Done)
        }
        Err(surprise) => {
            if args.json {
                out::json(&json!({ "ok": false, "events": events, "surprise": surprise.to_string() }));
            }
            Err(Failure::refused(surprise.to_string())
                .hint(format!("both gateways' folders are kept: {}", dir.display())))
        }
    }
}

fn show(event: &Event) {
    match event {
        Event::Step { number, title } => out::line(&format!("\n{number}. {title}")),
        Event::Line { text } => out::line(&format!("   {text}")),
        Event::Evidence { name, value } => {
            let mut lines = value.lines();
            out::line(&format!("   | {name}: {}", lines.next().unwrap_or_default()));
            for more in lines {
                out::line(&format!("   |   {more}"));
            }
        }
        Event::Progress { what, done, total } => {
            if std::io::stderr().is_terminal() {
                eprint!("\r   {what}: {done} of {total}   ");
                if done == total {
                    eprintln!();
                }
            }
        }
        Event::Shown { evidence, took_ms, .. } => out::line(&format!("   ok: {evidence} ({took_ms} ms)")),
    }
}

fn table(events: &[Event]) {
    let rows: Vec<Vec<String>> = events
        .iter()
        .filter_map(|event| match event {
            Event::Shown { number, claim, evidence, took_ms } => {
                Some(vec![number.to_string(), claim.clone(), evidence.clone(), format!("{took_ms} ms")])
            }
            _ => None,
        })
        .collect();
    if !rows.is_empty() {
        out::line("");
        out::table(&["", "promise", "shown by", "took"], &rows);
    }
}

fn next(kept: &demo::Kept) {
    let (kr, id) = (kept.kr.display(), kept.id.display());
    out::line("\nBoth gateways go on running. Try:");
    out::line(&format!("  coconnect co list --config {id}"));
    out::line(&format!("  coconnect outbox list --config {kr}"));
    out::line(&format!("  coconnect message list --config {id}"));
    out::line(&format!("  coconnect journal verify --config {id}"));
    out::line(&format!("  coconnect co submit my-co.xml --to ID --config {kr}"));
    let processes: Vec<String> = kept.processes.iter().map(u32::to_string).collect();
    out::line(&format!("  kill {}        (stops them)", processes.join(" ")));
}
