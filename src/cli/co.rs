//! `coconnect co`: Certificates of Origin, handed over and held.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::intake::{self, Intake, left_json, left_lines};
use super::list::ListArgs;
use super::out::{self, Exit, Failure};
use super::place::Place;
use super::reach::{Reach, expect, text};
use crate::gateway::backoffice::mapping::Mapping;
use crate::net::Method;

/// Certificates of Origin.
#[derive(Debug, Subcommand)]
pub enum Co {
    /// Hand COs over for delivery: files, folders, or - for standard input
    #[command(after_help = "A document is XML or the JSON form of the contract, told by its first character.\n\
                      With --mapping a file is a national record and becomes documents, which are checked. What no\n\
                      rule takes is told on stderr; a document that lacks a value for that is not handed over.\n\
                      Exit 0: all were taken. Exit 1: at least one was not; the others were.\n\nEXAMPLES:\n  coconnect co submit co.xml --dir kr\n  coconnect co submit table.csv --mapping national-csv --dir kr\n  coconnect co submit outgoing/ --to ID --dir kr --json\n  generate-co | coconnect co submit - --dir kr")]
    Submit(Submit),
    /// Show a CO by its number, or its XML
    #[command(
        after_help = "EXAMPLES:\n  coconnect co show K001-25-0000123 --dir id\n  coconnect co show K001-25-0000123 --dir id --xml > co.xml"
    )]
    Show(Show),
    /// List COs, in and out
    #[command(after_help = "EXAMPLES:\n  coconnect co list --dir id\n  coconnect co list --dir id --limit 20 --json")]
    List(ListArgs),
}

/// `co submit`.
#[derive(Debug, Args)]
pub struct Submit {
    /// Business documents (MetaData around LPCO) as XML or JSON, or national records; of folders the *.xml and *.json, or
    /// the files of the mapping's format.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The files are national records: turn them into documents by this mapping first; a name of the program or of
    /// DIR/mappings, or a file.
    #[arg(long, value_name = "NAME|FILE")]
    mapping: Option<String>,
    /// Partner to send to. Default: the one that speaks for the receiving country.
    #[arg(long, value_name = "PARTNER")]
    to: Option<String>,
    #[command(flatten)]
    place: Place,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// `co show`.
#[derive(Debug, Args)]
pub struct Show {
    /// Number of the CO.
    number: String,
    /// The partner, where several COs have the number.
    #[arg(long)]
    partner: Option<String>,
    /// Print the document as XML, as it was received or handed in.
    #[arg(long, conflicts_with = "json")]
    xml: bool,
    #[command(flatten)]
    place: Place,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(verb: Co) -> Result<Exit, Failure> {
    match verb {
        Co::Submit(args) => submit(&args),
        Co::Show(args) => show(&args),
        Co::List(args) => list(&args),
    }
}

fn submit(args: &Submit) -> Result<Exit, Failure> {
    let mapping = match &args.mapping {
        Some(text) => Some(intake::mapping(text, args.place.file().parent())?),
        None => None,
    };
    let files = expand(&args.files, mapping.as_ref())?;
    // A file that is missing is told before any is handed over.
    for file in files.iter().filter(|file| file.as_path() != Path::new("-")) {
        std::fs::File::open(file).map_err(|e| Failure::usage(format!("read {}: {e}", file.display())))?;
    }
    let reach = Reach::open(&args.place)?;
    let path = match &args.to {
        Some(partner) => format!("/v1/cos?partner={}", crate::web::escape(partner)),
        None => "/v1/cos".to_owned(),
    };
    let mut rows = Vec::new();
    let (mut refused, mut later) = (0, 0);
    for file in &files {
        let octets = intake::octets(file).map_err(|e| Failure::usage(format!("read {}: {e}", file.display())))?;
        let name = file.display().to_string();
        let documents = match intake::documents(octets, mapping.as_ref()) {
            Ok(documents) => documents,
            Err(error) => {
                refused += 1;
                if !args.json {
                    out::line(&format!("{name}: not taken: {error}"));
                }
                rows.push(json!({ "file": name, "detail": error }));
                continue;
            }
        };
        for document in documents {
            let (taken, row) = hand_over(&reach, &path, &name, document)?;
            refused += usize::from(taken != Taken::Yes);
            later += usize::from(taken == Taken::Later);
            if !args.json {
                print(taken == Taken::Yes, &row);
            }
            rows.push(row);
        }
    }
    if args.json {
        out::json(&json!(rows));
    } else if !reach.serving() {
        eprintln!(
            "coconnect: hint: nothing serves this gateway; what was taken is delivered once coconnect serve runs"
        );
    }
    if refused == 0 {
        return Ok(Exit::Done);
    }
    // When nothing is wrong with any of them, the same call may go through later.
    let only_later = refused == later;
    match (args.json, only_later) {
        (true, true) => Ok(Exit::TryLater),
        (true, false) => Ok(Exit::Refused),
        (false, true) => Err(Failure::later(format!("{refused} of {} not taken, try again later", rows.len()))),
        (false, false) => Err(Failure::refused(format!("{refused} of {} not taken", rows.len()))),
    }
}

/// What became of a document.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Taken {
    Yes,
    No,
    Later,
}

/// Hands one document over, unless its JSON form or its record is wrong already. The row has the places of the file.
fn hand_over(reach: &Reach, path: &str, file: &str, mut document: Intake) -> Result<(Taken, Value), Failure> {
    for line in left_lines(&document.left) {
        eprintln!("coconnect: {file}: {line}");
    }
    let (taken, mut row) = if document.is_wrong() {
        (Taken::No, wrong(&document))
    } else {
        let answer = reach.call(Method::POST, path, "application/xml", std::mem::take(&mut document.octets))?;
        let taken = match answer.status {
            _ if answer.ok() => Taken::Yes,
            500.. => Taken::Later,
            _ => Taken::No,
        };
        (taken, answer.json())
    };
    for error in row["errors"].as_array_mut().into_iter().flatten() {
        if let Some(place) = error["path"].as_str().and_then(|path| document.place(path)) {
            error["line"] = json!(place.line);
            error["column"] = json!(place.column);
        }
    }
    if let Value::Object(map) = &mut row {
        map.insert("file".to_owned(), json!(document.name(file)));
        if !document.left.is_empty() {
            map.insert("left".to_owned(), json!(left_json(&document.left)));
        }
    }
    Ok((taken, row))
}

/// What is said of a document that is not handed over.
fn wrong(document: &Intake) -> Value {
    let errors = document.wrong.list.iter().map(|v| {
        json!({
            "code": v.code, "wco_id": v.wco_id, "path": v.path, "line": v.line, "column": v.column,
            "expected": v.expected, "came": v.came.kind, "value": v.value,
        })
    });
    let detail = match (document.wrong.total, document.refused().count()) {
        (total, 0) => format!("{total} violations of the contract"),
        (0, refused) => format!("{refused} values that the mapping does not take"),
        (total, refused) => {
            format!("{refused} values that the mapping does not take, {total} violations of the contract")
        }
    };
    json!({ "detail": detail, "errors": errors.collect::<Vec<_>>() })
}

fn print(ok: bool, row: &Value) {
    let file = text(row, "file");
    if !ok {
        out::line(&format!("{file}: not taken: {}", text(row, "detail")));
        for error in row["errors"].as_array().into_iter().flatten() {
            out::line(&format!(
                "  {}:{} {} (WCO {}): expected {}, came {}",
                error["line"],
                error["column"],
                text(error, "path"),
                text(error, "wco_id"),
                text(error, "expected"),
                error["value"].as_str().map_or_else(|| text(error, "came"), |v| format!("{v:?}")),
            ));
        }
        return;
    }
    let word = if row["already"] == json!(true) { "was taken before" } else { "taken" };
    out::line(&format!(
        "{file}: {word}: CO {} to {} as {}, reference code {}",
        text(&row["co"], "number"),
        text(row, "partner"),
        text(row, "message_id"),
        text(row, "reference_code"),
    ));
}

fn show(args: &Show) -> Result<Exit, Failure> {
    let reach = Reach::open(&args.place)?;
    let mut path = format!("/v1/cos/{}?", crate::web::escape(&args.number));
    if let Some(partner) = &args.partner {
        path.push_str(&format!("partner={}&", crate::web::escape(partner)));
    }
    if args.xml {
        let answer = expect(reach.call(Method::GET, &format!("{path}part=document"), "", Vec::new())?)?;
        out::octets(&answer.body);
        return Ok(Exit::Done);
    }
    let value = reach.json(path.trim_end_matches(['?', '&']))?;
    if args.json {
        out::json(&value["rows"]);
    } else {
        for row in value["rows"].as_array().into_iter().flatten() {
            for (name, value) in flat(row) {
                out::line(&format!("{name:20} {value}"));
            }
            out::line("");
        }
    }
    Ok(Exit::Done)
}

fn list(args: &ListArgs) -> Result<Exit, Failure> {
    let headings = ["number", "partner", "we are", "state", "agreement", "items", "recorded"];
    args.show("/v1/cos", "the store holds no CO", &headings, |row| {
        vec![
            text(&row["co"], "number"),
            text(row, "partner"),
            text(row, "role"),
            text(row, "state"),
            text(&row["co"], "agreement"),
            text(row, "items"),
            text(row, "time"),
        ]
    })
}

/// The leaves of a JSON object with dotted names, in order.
pub(super) fn flat(value: &Value) -> Vec<(String, String)> {
    fn walk(prefix: &str, value: &Value, out: &mut Vec<(String, String)>) {
        match value {
            Value::Object(map) => {
                for (name, value) in map {
                    let name = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                    walk(&name, value, out);
                }
            }
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    walk(&format!("{prefix}[{}]", at + 1), item, out);
                }
            }
            Value::Null => {}
            Value::String(text) => out.push((prefix.to_owned(), text.clone())),
            other => out.push((prefix.to_owned(), other.to_string())),
        }
    }
    let mut rows = Vec::new();
    walk("", value, &mut rows);
    rows
}

/// Files, and of folders the *.xml and *.json, or the files of the mapping's format, in order of name.
fn expand(paths: &[PathBuf], mapping: Option<&Mapping>) -> Result<Vec<PathBuf>, Failure> {
    let ends = |path: &Path| {
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
        extension.is_some_and(|extension| match mapping {
            Some(mapping) => extension == mapping.format.extension(),
            None => matches!(extension.as_str(), "xml" | "json"),
        })
    };
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let entries =
                std::fs::read_dir(path).map_err(|e| Failure::usage(format!("read {}: {e}", path.display())))?;
            let mut inside: Vec<PathBuf> =
                entries.filter_map(|e| e.ok().map(|e| e.path())).filter(|p| ends(p)).collect();
            inside.sort();
            files.extend(inside);
        } else {
            files.push(path.clone());
        }
    }
    match (files.is_empty(), mapping) {
        (false, _) => Ok(files),
        (true, Some(mapping)) => Err(Failure::usage(format!("the folders hold no *.{}", mapping.format.extension()))),
        (true, None) => Err(Failure::usage("the folders hold no *.xml or *.json")),
    }
}
