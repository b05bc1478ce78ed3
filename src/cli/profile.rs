//! `coconnect profile`: agreement profiles, built in and of a gateway.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use super::out::{self, Exit, Failure};
use crate::exchange::profile::{self, Compiled, Problem, Problems, Profile, Profiles, diff, menu};

/// Agreement profiles.
#[derive(Debug, Subcommand)]
pub enum ProfileVerb {
    /// Tell whether profiles are right: ids, contradictions, withheld elements that are needed; all errors at once
    #[command(
        after_help = "Exit 0: all are right. Exit 1: one is not. Exit 2: one cannot be read.\n\nEXAMPLES:\n  coconnect profile check kr/profiles/kr-id.toml\n  coconnect profile check china-korea rcep --json"
    )]
    Check(Check),
    /// Tell in what two profiles differ, row by row, however they are written
    #[command(
        after_help = "Exit 0: they ask for the same. Exit 1: they differ. Exit 2: one cannot be read.\n\nEXAMPLES:\n  coconnect profile diff strict china-korea\n  coconnect profile diff ours.toml theirs.toml --json"
    )]
    Diff(Diff),
    /// Name the profiles that there are
    #[command(after_help = "EXAMPLES:\n  coconnect profile list\n  coconnect profile list --dir kr --json")]
    List(List),
    /// Show what a profile says: each row with its verdict and how sure it is
    #[command(
        after_help = "EXAMPLES:\n  coconnect profile show china-korea\n  coconnect profile show kr/profiles/kr-id.toml --json"
    )]
    Show(Show),
}

/// Where profiles are looked for.
#[derive(Debug, Clone, Args)]
pub struct Where {
    /// Folder of a gateway: its profiles/ stand before those that are built in.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// `profile check`.
#[derive(Debug, Args)]
pub struct Check {
    /// Files, or names of profiles.
    #[arg(required = true, value_name = "FILE|NAME")]
    profiles: Vec<String>,
    #[command(flatten)]
    place: Where,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

/// `profile diff`.
#[derive(Debug, Args)]
pub struct Diff {
    /// File or name.
    #[arg(value_name = "A")]
    first: String,
    /// File or name.
    #[arg(value_name = "B")]
    second: String,
    #[command(flatten)]
    place: Where,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

/// `profile list`.
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    place: Where,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

/// `profile show`.
#[derive(Debug, Args)]
pub struct Show {
    /// File or name.
    #[arg(value_name = "FILE|NAME")]
    profile: String,
    #[command(flatten)]
    place: Where,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(verb: &ProfileVerb) -> Result<Exit, Failure> {
    match verb {
        ProfileVerb::Check(args) => check(args),
        ProfileVerb::Diff(args) => differences(args),
        ProfileVerb::List(args) => list(args),
        ProfileVerb::Show(args) => show(args),
    }
}

/// Why a profile cannot be used.
enum Bad {
    Unreadable(String),
    Wrong(Problems),
}

/// The profiles of a gateway, or those that are built in.
pub(super) fn profiles(dir: Option<&Path>) -> Result<Profiles, Failure> {
    match dir {
        None => Ok(Profiles::built_in().clone()),
        Some(dir) => Profiles::load(&dir.join("profiles")).map_err(|error| {
            let text = out::chain(&error);
            match error {
                profile::Error::ConfigUnreadable { .. } => Failure::usage(text),
                _ => Failure::refused(text),
            }
        }),
    }
}

fn is_file(text: &str) -> bool {
    text.contains(['/', '\\']) || text.ends_with(".toml")
}

/// A problem on one line, of a length that a terminal bears.
fn first_line(problem: &Problem) -> String {
    problem.to_string().lines().next().unwrap_or_default().chars().take(160).collect()
}

/// Beside a file stand those that it may extend, and the holidays.
fn around(text: &str, dir: Option<&Path>) -> Result<Profiles, Bad> {
    let beside = Path::new(text).parent().filter(|_| is_file(text) && dir.is_none());
    let Some(folder) = beside else {
        return profiles(dir).map_err(|failure| Bad::Unreadable(failure.error));
    };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    // A neighbour that is broken is no fault of this one, unless this one needs it.
    Ok(Profiles::load(folder).unwrap_or_else(|error| {
        let path = match &error {
            profile::Error::ConfigProfile { path, .. }
            | profile::Error::ConfigCalendar { path, .. }
            | profile::Error::ConfigUnreadable { path, .. } => path.as_str(),
            profile::Error::ConfigUnknown { name, .. } => name,
        };
        let first = match &error {
            profile::Error::ConfigProfile { problems: Problems(problems), .. } => problems.first(),
            _ => None,
        };
        // The file itself is judged next: what is told here is only that a gateway would not find it by this name.
        let is_itself = Path::new(path).file_name() == Path::new(text).file_name();
        if !is_itself || first.is_some_and(|problem| problem.at == "name") {
            let why = first.map_or_else(String::new, |problem| format!(": {}", first_line(problem)));
            eprintln!("coconnect: note: profiles and holidays beside {text} are left aside: {path} is not right{why}");
        }
        Profiles::built_in().clone()
    }))
}

fn compiled(text: &str, dir: Option<&Path>) -> Result<Compiled, Bad> {
    let profiles = around(text, dir)?;
    if !is_file(text) {
        return profiles.compiled(text).map_err(|error| match error {
            profile::Error::ConfigProfile { problems, .. } => Bad::Wrong(problems),
            other => Bad::Unreadable(out::chain(&other)),
        });
    }
    let content =
        profile::read_bounded(Path::new(text)).map_err(|error| Bad::Unreadable(format!("{text}: {error}")))?;
    profiles.compile_text(&content).map_err(Bad::Wrong)
}

/// The profile of that name or file, for other commands.
pub(super) fn load(text: &str, dir: Option<&Path>) -> Result<(Compiled, Profiles), Failure> {
    let failure = |bad| match bad {
        Bad::Unreadable(what) => Failure::usage(what).hint("coconnect profile list names those there are"),
        Bad::Wrong(problems) => Failure::usage(format!("profile {text}: {problems}"))
            .hint(format!("coconnect profile check {text} tells all that is wrong")),
    };
    Ok((compiled(text, dir).map_err(failure)?, around(text, dir).map_err(failure)?))
}

fn check(args: &Check) -> Result<Exit, Failure> {
    let (mut exit, mut rows) = (Exit::Done, Vec::new());
    for text in &args.profiles {
        let (right, problems) = match compiled(text, args.place.dir.as_deref()) {
            Ok(compiled) => {
                if !args.json {
                    out::line(&format!("{text}: right: {} version {}", compiled.name(), compiled.version()));
                }
                (true, Vec::new())
            }
            Err(Bad::Wrong(Problems(problems))) => {
                if exit == Exit::Done {
                    exit = Exit::Refused;
                }
                (false, problems)
            }
            Err(Bad::Unreadable(what)) => {
                exit = Exit::Usage;
                // The name stands before every line anyway.
                let what = what.strip_prefix(&format!("{text}: ")).map_or(what.clone(), str::to_owned);
                (false, vec![Problem { at: String::new(), what }])
            }
        };
        if !args.json {
            problems.iter().for_each(|problem| out::line(&format!("{text}: {problem}")));
        }
        rows.push(json!({ "profile": text, "right": right, "problems": problems }));
    }
    if args.json {
        out::json(&json!(rows));
    }
    Ok(exit)
}

fn differences(args: &Diff) -> Result<Exit, Failure> {
    let dir = args.place.dir.as_deref();
    let (first, second) = (load(&args.first, dir)?.0, load(&args.second, dir)?.0);
    let found = diff(&first, &second);
    if args.json {
        let side = |c: &Compiled| json!({ "name": c.name(), "version": c.version() });
        out::json(&json!({ "first": side(&first), "second": side(&second), "differences": found }));
    } else if found.is_empty() {
        out::line(&format!("{} and {} ask for the same", args.first, args.second));
    } else {
        for one in &found {
            let subject = if one.subject.is_empty() { "profile" } else { &one.subject };
            out::line(&format!("{subject}, {}", one.says));
            out::line(&format!("  {}: {}", args.first, one.first.as_deref().unwrap_or("says nothing")));
            out::line(&format!("  {}: {}", args.second, one.second.as_deref().unwrap_or("says nothing")));
        }
    }
    Ok(if found.is_empty() { Exit::Done } else { Exit::Refused })
}

fn list(args: &List) -> Result<Exit, Failure> {
    let profiles = profiles(args.place.dir.as_deref())?;
    if args.json {
        let row = |(profile, origin): &(Profile, profile::Origin)| {
            json!({ "name": profile.name, "version": profile.version, "title": profile.title, "extends": profile.extends,
                    "agreements": profile.agreements, "from": origin.to_string() })
        };
        out::json(&json!(profiles.iter().map(row).collect::<Vec<_>>()));
        return Ok(Exit::Done);
    }
    let row = |(profile, origin): &(Profile, profile::Origin)| {
        vec![
            profile.name.clone(),
            profile.version.clone(),
            profile.agreements.join(","),
            origin.to_string(),
            profile.title.clone(),
        ]
    };
    out::table(&["name", "version", "agreements", "from", "title"], &profiles.iter().map(row).collect::<Vec<_>>());
    Ok(Exit::Done)
}

fn show(args: &Show) -> Result<Exit, Failure> {
    let (compiled, _) = load(&args.profile, args.place.dir.as_deref())?;
    let rows = menu(&compiled);
    if args.json {
        out::json(&json!({
            "name": compiled.name(), "version": compiled.version(), "title": compiled.title(),
            "extends": compiled.extends(), "agreements": compiled.agreements(), "rows": rows,
        }));
        return Ok(Exit::Done);
    }
    out::line(&format!("{} version {}: {}", compiled.name(), compiled.version(), compiled.title()));
    if !compiled.extends().is_empty() {
        out::line(&format!("extends {}", compiled.extends().join(", ")));
    }
    let cells = |row: &profile::MenuRow| {
        let sending = if row.verdict_out == row.verdict { String::new() } else { format!("/{}", row.verdict_out) };
        vec![
            row.subject.clone(),
            row.wco_id.clone(),
            format!("{}{sending}", row.verdict),
            row.certainty.to_string(),
            format!("{} {}", row.says, row.value),
        ]
    };
    out::table(&["of", "WCO id", "verdict", "certainty", "says"], &rows.iter().map(cells).collect::<Vec<_>>());
    Ok(Exit::Done)
}
