//! `coconnect partner`: the administrations that this gateway exchanges with.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::list::FileListArgs;
use super::out::{self, Exit, Failure};
use super::place::Place;
use crate::contract::Version;
use crate::contract::codelist::{self, Difference};
use crate::exchange::partner::PartnerFile;
use crate::gateway::annex::{self, Offered};
use crate::gateway::config::Config;
use crate::gateway::identity::OwnIdentity;
use crate::gateway::partners::{self, Existing};

/// Partner administrations: one file each.
#[derive(Debug, Subcommand)]
pub enum Partner {
    /// Make a partner of the file that the other side handed over (its DIR/partner.toml)
    #[command(
        after_help = "EXAMPLES:\n  coconnect partner add --dir kr --file id/partner.toml\n  coconnect partner add --config /etc/coconnect/coconnect.toml --file BEACUKAI.toml --replace"
    )]
    Add(Add),
    /// Name every partner, with what is wrong with its file if anything
    #[command(after_help = "EXAMPLES:\n  coconnect partner list --dir kr\n  coconnect partner list --dir kr --json")]
    List(FileListArgs),
    /// Show one partner: what is agreed, and when its certificates end
    #[command(after_help = "EXAMPLES:\n  coconnect partner show ID --dir kr")]
    Show(Show),
    /// Write the bilateral technical annex from what is in force: the files of both sides differ in what is not yet agreed
    #[command(
        after_help = "Certificates with fingerprints, endpoints, operations, security, service levels, contacts, code lists, profile and data\n\
                      menu, in the order of the parties' ids: whoever writes it, the same facts give the same octets.\n\n\
                      EXAMPLES:\n  coconnect partner annex ID --dir kr > annex-kr.md\n  coconnect partner annex ID --dir kr --csv > menu.csv\n  coconnect partner annex ID --dir kr --json"
    )]
    Annex(AnnexArgs),
}

/// `partner add`.
#[derive(Debug, Args)]
pub struct Add {
    #[command(flatten)]
    place: Place,
    /// The other side's offer.
    #[arg(long)]
    file: PathBuf,
    /// Replace the partner if it is there already.
    #[arg(long)]
    replace: bool,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// `partner show`.
#[derive(Debug, Args)]
pub struct Show {
    /// The partner's id.
    partner: String,
    #[command(flatten)]
    place: Place,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

/// `partner annex`.
#[derive(Debug, Args)]
pub struct AnnexArgs {
    /// The partner's id.
    partner: String,
    #[command(flatten)]
    place: Place,
    /// The data menu and what the agreement profile asks, as CSV.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(verb: Partner) -> Result<Exit, Failure> {
    match verb {
        Partner::Add(args) => add(&args),
        Partner::List(args) => list(&args),
        Partner::Show(args) => show(&args),
        Partner::Annex(args) => annex(&args),
    }
}

fn add(args: &Add) -> Result<Exit, Failure> {
    let config = args.place.config()?;
    let existing = if args.replace { Existing::Replace } else { Existing::Keep };
    let added = partners::add(
        &config.partners_dir(),
        &args.file,
        &config.gateway.partner_id(),
        config.gateway.environment(),
        existing,
    )
    .map_err(|e| {
        let failure = unusable(&e);
        if matches!(e, partners::Error::Exists { .. }) {
            failure.hint("add --replace to put the new file in its place")
        } else {
            failure
        }
    })?;
    if args.json {
        out::json(
            &json!({ "partner": added.file.id.as_str(), "file": added.path, "certificates": added.certificates }),
        );
    } else {
        out::line(&format!("partner {} added: {}", added.file.id, added.path.display()));
        for certificate in &added.certificates {
            out::line(&format!("  certificate {}", certificate.display()));
        }
        if config.admin_socket().exists() {
            out::line("a running gateway takes it when it gets SIGHUP (kill -HUP)");
        }
    }
    Ok(Exit::Done)
}

/// 2 for a file that cannot be read, 1 for one that can and is refused.
fn unusable(error: &partners::Error) -> Failure {
    match error {
        partners::Error::File { .. } | partners::Error::Syntax { .. } => Failure::usage(out::chain(error)),
        _ => Failure::refused(out::chain(error)),
    }
}

fn list(args: &FileListArgs) -> Result<Exit, Failure> {
    let config = args.place.config()?;
    let found = partners::list(&config.partners_dir()).map_err(|e| Failure::usage(out::chain(&e)))?;
    let broken = found.iter().any(|(_, file)| file.is_err());
    if args.json {
        let rows: Vec<_> = found
            .iter()
            .map(|(name, file)| match file {
                Ok(file) => view(file),
                Err(e) => json!({ "partner": name, "error": out::chain(e) }),
            })
            .collect();
        out::json(&json!(rows));
    } else if found.is_empty() {
        out::line(&format!("the folder {} holds no partner", config.partners_dir().display()));
    } else {
        let rows: Vec<Vec<String>> = found
            .iter()
            .map(|(name, file)| match file {
                Ok(file) => vec![
                    name.clone(),
                    file.environment.to_string(),
                    if file.active { "active" } else { "inactive" }.to_owned(),
                    file.endpoint.clone().unwrap_or_default(),
                    file.territories.join(","),
                ],
                Err(e) => vec![name.clone(), String::new(), "BROKEN".to_owned(), out::chain(e), String::new()],
            })
            .collect();
        out::table(&["partner", "environment", "state", "endpoint", "territories"], &rows);
    }
    Ok(if broken { Exit::Refused } else { Exit::Done })
}

fn show(args: &Show) -> Result<Exit, Failure> {
    let config = args.place.config()?;
    let file = file_of(&config, &args.partner)?;
    if args.json {
        out::json(&view(&file));
    } else {
        let path = config.partners_dir().join(format!("{}.toml", args.partner));
        out::line(&format!("# {}", path.display()));
        out::line(file.to_toml().trim_end());
        codelist::differences(&file.code_lists).iter().for_each(|difference| out::line(&told(difference)));
    }
    Ok(Exit::Done)
}

/// Codes of one side that are named; the rest is counted.
const CODES_SHOWN: usize = 12;

/// A difference between code lists in a line.
fn told(difference: &Difference) -> String {
    let Difference { list, ours, theirs, known, only_ours, only_theirs } = difference;
    let head = format!("# code list {list}: theirs is version {theirs}");
    let shown = |codes: &[String]| {
        let names = codes.iter().take(CODES_SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
        match codes.len().checked_sub(CODES_SHOWN) {
            Some(more @ 1..) => format!("{names} and {more} more"),
            _ if names.is_empty() => "none".to_owned(),
            _ => names,
        }
    };
    match (ours, known) {
        (None, _) => format!("{head}; we have no such list, so nothing is checked against it"),
        (Some(ours), false) => format!("{head}, which we do not have: version {ours} is used"),
        (Some(ours), true) => {
            let (more, less) = (shown(only_ours), shown(only_theirs));
            format!("{head}, our newest is {ours}; only in ours: {more}; only in theirs: {less}")
        }
    }
}

/// The versions of the WCO Data Model that some partner sends or is sent, the newest first: those in which a document may be
/// that this gateway holds or is given. A broken partner file names none.
pub(super) fn versions(config: &Config) -> Result<Vec<Version>, Failure> {
    let files = partners::list(&config.partners_dir()).map_err(|e| Failure::usage(out::chain(&e)))?;
    let mut all = vec![Version::default()];
    for wco in files.into_iter().filter_map(|(_, file)| file.ok()).map(|file| file.wco) {
        all.push(wco.sent());
        all.extend(wco.accepted().iter().cloned());
    }
    Ok(all)
}

/// The file of the partner that is named so.
pub(super) fn file_of(config: &Config, name: &str) -> Result<PartnerFile, Failure> {
    let none = || {
        Failure::refused(format!("there is no partner {name:?}")).hint("coconnect partner list names those there are")
    };
    let id = crate::base::id::PartnerId::parse(name).map_err(|_| none())?;
    let path = config.partners_dir().join(format!("{id}.toml"));
    if !path.exists() {
        return Err(none());
    }
    partners::load(&path).map_err(|e| unusable(&e))
}

fn annex(args: &AnnexArgs) -> Result<Exit, Failure> {
    let config = args.place.config()?;
    let file = file_of(&config, &args.partner)?;
    let own = OwnIdentity::load(&config).map_err(|e| Failure::usage(out::chain(&e)))?;
    let path = config.partners_dir().join(format!("{}.toml", args.partner));
    let partner = crate::exchange::Partner::load(file, &config.partners_dir(), &own.anchors)
        .map_err(|e| Failure::usage(format!("{}: {}", path.display(), out::chain(&e))))?;
    let annex = annex::annex(&config, &own, &Offered::read(&config), &partner);
    if args.json {
        out::json(&annex.json());
    } else {
        out::octets(if args.csv { annex.csv() } else { annex.markdown() }.as_bytes());
    }
    Ok(Exit::Done)
}

/// A partner as JSON: the file, without the hash of its password.
fn view(file: &PartnerFile) -> serde_json::Value {
    let mut value = serde_json::to_value(file).unwrap_or_default();
    if let Some(map) = value.as_object_mut() {
        map.remove("basic_secret");
        let differences = codelist::differences(&file.code_lists).into_iter().map(|d| {
            json!({
                "list": d.list, "ours": d.ours, "theirs": d.theirs, "known": d.known,
                "only_ours": d.only_ours, "only_theirs": d.only_theirs,
            })
        });
        map.insert("code_list_differences".to_owned(), differences.collect());
        let ours = codelist::all().iter().map(|list| {
            let unknown = file.unknown_codes.get(&list.name).or_else(|| file.unknown_codes.get("default"));
            let version = file.code_lists.get(&list.name).filter(|version| list.version(version).is_some());
            let newest = list.newest().map(|version| &version.name);
            json!({
                "list": list.name, "title": list.title, "certainty": list.certainty, "version": version.or(newest),
                "unknown": unknown.copied().unwrap_or(list.unknown).as_str(),
            })
        });
        map.insert("code_lists_in_force".to_owned(), ours.collect());
    }
    value
}
