//! `coconnect validate`: business messages against the schema, all errors at once.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::out::{self, Exit, Failure};
use crate::base::limits;
use crate::contract::{self, Slot, Slots, Violation, Violations};
use crate::xml::{self, Document, NodeId, ns};

/// Check business messages against the schema, all errors at once.
#[derive(Debug, Args)]
#[command(
    after_help = "Takes LPCO XML, MetaData XML, the wrapper of an operation, or a SOAP message in clear. Lines and columns are those of the file.\n\
                  Exit 0 when all are valid, 1 when one is not, 2 when one cannot be read.\n\n\
                  EXAMPLES:\n  coconnect validate co.xml\n  coconnect validate incoming/ --json\n  cat co.xml | coconnect validate -"
)]
pub struct Validate {
    /// Files, folders (every *.xml below) or - for stdin.
    #[arg(required = true, value_name = "FILE|DIR|-")]
    files: Vec<PathBuf>,
    /// Print one JSON object with everything.
    #[arg(long)]
    json: bool,
    /// A namespace of the partner: svc, md, lpco, res or ext, and its URI.
    #[arg(long, value_name = "SLOT=URI")]
    slot: Vec<String>,
}

/// What became of one file.
struct Report {
    file: String,
    exit: Exit,
    /// Why it was not looked at.
    error: Option<String>,
    /// Line and column in the file, and the violation.
    violations: Vec<(u32, u32, Violation)>,
    total: usize,
}

/// Runs `validate`.
///
/// # Errors
/// [`Failure`].
pub fn run(arguments: &Validate) -> Result<Exit, Failure> {
    let slots = slots(&arguments.slot)?;
    let files = expand(&arguments.files)?;
    let progress = (files.len() > 200).then(|| indicatif::ProgressBar::new(files.len() as u64));
    let mut reports = Vec::new();
    let (mut valid, mut invalid, mut unreadable) = (0_usize, 0_usize, 0_usize);
    for file in &files {
        let report = validate(file, &slots);
        match report.exit {
            Exit::Done => valid += 1,
            Exit::Usage => unreadable += 1,
            _ => invalid += 1,
        }
        if let Some(progress) = &progress {
            progress.inc(1);
        }
        if arguments.json {
            reports.push(as_json(&report));
        } else {
            print(&report);
        }
    }
    if let Some(progress) = progress {
        progress.finish_and_clear();
    }
    if arguments.json {
        out::json(&json!({ "valid": valid, "invalid": invalid, "unreadable": unreadable, "files": reports }));
    } else if files.len() > 1 {
        out::line(&format!("{valid} valid, {invalid} invalid, {unreadable} unreadable"));
    }
    Ok(match (unreadable, invalid) {
        (0, 0) => Exit::Done,
        (0, _) => Exit::Refused,
        _ => Exit::Usage,
    })
}

/// Reads `SLOT=URI` pairs.
pub(super) fn slots(pairs: &[String]) -> Result<Slots, Failure> {
    let mut slots = Slots::default();
    for pair in pairs {
        let parsed = pair.split_once('=').and_then(|(name, uri)| Slot::parse(name).map(|slot| (slot, uri)));
        let Some((slot, uri)) = parsed else {
            return Err(Failure::usage(format!("--slot {pair:?}: expected svc, md, lpco, res or ext, = and a URI")));
        };
        slots = slots.with(slot, uri);
    }
    Ok(slots)
}

/// Folders become the *.xml files below them, in order of their names.
fn expand(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut out = Vec::new();
    for path in paths {
        if !path.is_dir() {
            out.push(path.clone());
            continue;
        }
        let mut folders = vec![path.clone()];
        let mut found = Vec::new();
        while let Some(folder) = folders.pop() {
            let entries =
                std::fs::read_dir(&folder).map_err(|e| Failure::usage(format!("{}: {e}", folder.display())))?;
            for entry in entries {
                let entry = entry.map_err(|e| Failure::usage(format!("{}: {e}", folder.display())))?.path();
                if entry.is_dir() && !entry.is_symlink() {
                    folders.push(entry);
                } else if entry.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("xml")) {
                    found.push(entry);
                }
            }
        }
        if found.is_empty() {
            return Err(Failure::usage(format!("{}: no *.xml file below", path.display())));
        }
        found.sort();
        out.extend(found);
    }
    Ok(out)
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    let limit = limits::MESSAGE_BYTES_MAX as u64 + 1;
    if path == Path::new("-") {
        std::io::stdin().lock().take(limit).read_to_end(&mut octets)?;
    } else {
        std::fs::File::open(path)?.take(limit).read_to_end(&mut octets)?;
    }
    Ok(octets)
}

fn validate(path: &Path, slots: &Slots) -> Report {
    let file = if path == Path::new("-") { "stdin".to_owned() } else { path.display().to_string() };
    let report = |exit, error, violations, total| Report { file: file.clone(), exit, error, violations, total };
    let octets = match read(path) {
        Ok(octets) => octets,
        Err(error) => return report(Exit::Usage, Some(error.to_string()), Vec::new(), 0),
    };
    let document = match xml::parse(octets, &xml::Options::default()) {
        Ok(document) => document,
        Err(error) => return report(Exit::Refused, Some(error.to_string()), Vec::new(), 0),
    };
    let node = match message(&document) {
        Ok(node) => node,
        Err(error) => return report(Exit::Refused, Some(error), Vec::new(), 0),
    };
    match contract::validate(&document, node, slots) {
        Ok(()) => report(Exit::Done, None, Vec::new(), 0),
        Err(Violations { list, total }) => {
            let start = document.position(node);
            let placed = list
                .into_iter()
                .map(|v| {
                    let column = if v.line == 1 { v.column + start.column - 1 } else { v.column };
                    (v.line + start.line - 1, column, v)
                })
                .collect();
            report(Exit::Refused, None, placed, total)
        }
    }
}

/// What is to be validated: the document element, or what the Body of a SOAP message holds.
fn message(document: &Document) -> Result<NodeId, String> {
    let root = document.document_element();
    let Some(soap) = [ns::SOAP11, ns::SOAP12].into_iter().find(|soap| document.is(root, soap, "Envelope")) else {
        return Ok(root);
    };
    let Some(body) = document.elements(root).find(|node| document.is(*node, soap, "Body")) else {
        return Err("a SOAP Envelope without Body".to_owned());
    };
    let mut inside = document.elements(body);
    let (Some(first), None) = (inside.next(), inside.next()) else {
        return Err("expected exactly one element in Body".to_owned());
    };
    if document.descendants(body).any(|node| document.is(node, ns::XENC, "EncryptedData")) {
        return Err("the message is encrypted: open it with `coconnect wss check --out CLEAR FILE` first".to_owned());
    }
    if document.is(first, soap, "Fault") {
        let detail = document.descendants(first).find(|node| document.local(*node) == "FaultDetail");
        return detail.ok_or_else(|| "a SOAP Fault without FaultDetail".to_owned());
    }
    Ok(first)
}

fn print(report: &Report) {
    if let Some(error) = &report.error {
        out::line(&format!("{}: {error}", report.file));
        return;
    }
    if report.exit == Exit::Done {
        out::line(&format!("{}: valid", report.file));
        return;
    }
    for (line, column, violation) in &report.violations {
        let shown = Violation { line: *line, column: *column, ..violation.clone() };
        let value = match &violation.value {
            Some(value) => format!(": {:?}", value.chars().take(80).collect::<String>()),
            None => String::new(),
        };
        out::line(&format!("{}:{shown}{value}", report.file));
    }
    let hidden = report.total.saturating_sub(report.violations.len());
    if hidden > 0 {
        out::line(&format!("{}: and {hidden} more", report.file));
    }
}

fn as_json(report: &Report) -> serde_json::Value {
    let violations: Vec<serde_json::Value> = report
        .violations
        .iter()
        .map(|(line, column, v)| {
            json!({
                "code": v.code, "wco_id": v.wco_id, "path": v.path, "line": line, "column": column,
                "expected": v.expected,
                "came": { "type": v.came.kind, "length": v.came.length, "in_list": v.came.in_list },
                "value": v.value,
            })
        })
        .collect();
    json!({
        "file": report.file,
        "valid": report.exit == Exit::Done,
        "error": report.error,
        "total": report.total,
        "violations": violations,
    })
}
