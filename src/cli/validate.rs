//! `coconnect validate`: business messages against the schema and an agreement profile, all errors at once.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::out::{self, Exit, Failure};
use crate::base::limits;
use crate::contract::{self, Slot, Slots, Violation, Violations, codelist};
use crate::exchange::profile::{self, Circumstances, Compiled, Direction, Judgement, Profiles, Subject};
use crate::xml::{self, Document, NodeId, ns};

/// Check business messages against schema, operation, code lists and an agreement profile, all errors at once.
#[derive(Debug, Args)]
#[command(
    after_help = "Takes LPCO XML, MetaData XML, the wrapper of an operation, or a SOAP message in clear. Lines and columns are those of the file.\n\
                  With --profile the agreement profile is asked too, of whatever the schema takes: what it rejects is an error, what it\n\
                  warns of or flags is told and counts as valid.\n\
                  Exit 0 when all are valid, 1 when one is not, 2 when one cannot be read.\n\n\
                  EXAMPLES:\n  coconnect validate co.xml\n  coconnect validate co.xml --profile china-korea --way out\n  coconnect validate incoming/ --json\n  cat co.xml | coconnect validate -"
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
    /// Agreement profile to ask as well: a name, or a file.
    #[arg(long, value_name = "NAME|FILE")]
    profile: Option<String>,
    /// Folder of a gateway whose profiles/ are meant.
    #[arg(long, value_name = "DIR", requires = "profile")]
    dir: Option<PathBuf>,
    /// Judge as on receipt, or as before sending.
    #[arg(long, value_enum, default_value = "in", requires = "profile")]
    way: Way,
    /// Judge as at this time; default now.
    #[arg(long, value_name = "RFC3339", requires = "profile")]
    at: Option<jiff::Timestamp>,
}

/// Which way a document goes.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum Way {
    /// As on receipt.
    In,
    /// As before sending.
    Out,
}

/// The profile that is asked, with what its rules depend on.
struct Asked {
    profile: Compiled,
    profiles: Profiles,
    direction: Direction,
    now: jiff::Timestamp,
}

impl Asked {
    fn of(arguments: &Validate) -> Result<Option<Self>, Failure> {
        let Some(name) = &arguments.profile else { return Ok(None) };
        let (profile, profiles) = super::profile::load(name, arguments.dir.as_deref())?;
        let direction = match arguments.way {
            Way::In => Direction::In,
            Way::Out => Direction::Out,
        };
        let now = arguments.at.unwrap_or_else(|| crate::base::Clock::now(&crate::base::RealClock::default()));
        Ok(Some(Self { profile, profiles, direction, now }))
    }

    fn judge(&self, document: &Document, node: NodeId, slots: &Slots) -> Judgement {
        let circumstances =
            Circumstances { now: self.now, direction: self.direction, calendars: self.profiles.calendars() };
        profile::evaluate(&self.profile, &Subject { document, node, slots }, &circumstances)
    }
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
    /// What the profile warns of or flags: verdict, statement, line and column in the file, and the violation.
    notices: Vec<Notice>,
    /// What the profile would take out before sending: paths.
    withheld: Vec<String>,
}

/// What a profile has against a valid document.
struct Notice {
    verdict: String,
    statement: String,
    message: String,
    line: u32,
    column: u32,
    violation: Violation,
}

/// Runs `validate`.
///
/// # Errors
/// [`Failure`].
pub fn run(arguments: &Validate) -> Result<Exit, Failure> {
    let slots = slots(&arguments.slot)?;
    let files = expand(&arguments.files)?;
    let asked = Asked::of(arguments)?;
    let progress = (files.len() > 200).then(|| indicatif::ProgressBar::new(files.len() as u64));
    // A bar hides itself where stderr is no terminal; there a line now and then tells the same.
    let lines = progress.as_ref().is_some_and(indicatif::ProgressBar::is_hidden);
    let mut reports = Vec::new();
    let (mut valid, mut invalid, mut unreadable) = (0_usize, 0_usize, 0_usize);
    for (at, file) in files.iter().enumerate() {
        if lines && at > 0 && at % 1_000 == 0 {
            eprintln!("coconnect: {at} of {} files", files.len());
        }
        let report = validate(file, &slots, asked.as_ref());
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

fn validate(path: &Path, slots: &Slots, asked: Option<&Asked>) -> Report {
    let file = if path == Path::new("-") { "stdin".to_owned() } else { path.display().to_string() };
    let report = |exit, error, violations, total| Report {
        file: file.clone(),
        exit,
        error,
        violations,
        total,
        notices: Vec::new(),
        withheld: Vec::new(),
    };
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
    let start = document.position(node);
    if let Err(Violations { list, total }) = contract::validate(&document, node, slots) {
        let placed = list.into_iter().map(|v| placed(start, v)).collect();
        return report(Exit::Refused, None, placed, total);
    }
    let (beyond, warned) = match beyond_the_schema(&document, node, slots) {
        Ok((base, warned)) => (base, warned),
        Err((base, Violations { list, total })) => {
            let start = document.position(base);
            return report(Exit::Refused, None, list.into_iter().map(|v| placed(start, v)).collect(), total);
        }
    };
    let start = document.position(beyond);
    let warned = warned.list.into_iter().map(|violation| {
        let (line, column, violation) = placed(start, violation);
        Notice {
            verdict: "warn".to_owned(),
            statement: "code-lists".to_owned(),
            message: String::new(),
            line,
            column,
            violation,
        }
    });
    let warned: Vec<Notice> = warned.collect();
    let Some((asked, node)) = asked.and_then(|asked| Some((asked, business_document(&document, node, slots)?))) else {
        return Report { notices: warned, ..report(Exit::Done, None, Vec::new(), 0) };
    };
    let judgement = asked.judge(&document, node, slots);
    let start = document.position(node);
    let violations: Vec<_> = judgement.rejected().into_iter().map(|v| placed(start, v)).collect();
    let notices = judgement.noticed().map(|finding| {
        let (line, column, violation) = placed(start, finding.violation.clone());
        let (verdict, statement) = (finding.verdict.to_string(), finding.statement.clone());
        Notice { verdict, statement, message: finding.message.clone(), line, column, violation }
    });
    let exit = if judgement.rejections == 0 { Exit::Done } else { Exit::Refused };
    Report {
        notices: warned.into_iter().chain(notices).collect(),
        withheld: judgement.withheld.iter().map(|withheld| withheld.path.clone()).collect(),
        ..report(exit, None, violations, judgement.rejections)
    }
}

/// What a gateway asks beyond the schema, whoever the partner is: what the operation demands of its payload, and the
/// newest code lists. Gives the element that places count from, and the codes that are only told.
fn beyond_the_schema(
    document: &Document,
    node: NodeId,
    slots: &Slots,
) -> Result<(NodeId, Violations), (NodeId, Violations)> {
    let (operation, base) = match contract::business_document(document, node, slots) {
        Ok((operation, base)) => (Some(operation), base),
        Err(_) if document.is(node, slots.uri(Slot::Md), "MetaData") => (None, node),
        Err(_) => return Ok((node, Violations::default())),
    };
    let bound = contract::bind_document(document, base, slots).map_err(|found| (base, found))?;
    if let Some(operation) = operation.or_else(|| bound.operation()) {
        contract::decode(operation, document, base, slots).map_err(|found| (base, found))?;
    }
    let day = codelist::Day::parse(&bound.facts().issued).unwrap_or(codelist::Day::LAST);
    let found = codelist::check(&bound, &codelist::Lists::default(), day, document, base);
    if found.rejected.is_empty() { Ok((base, found.warned)) } else { Err((base, found.rejected)) }
}

/// A violation with its place in the file.
fn placed(start: xml::TextPos, violation: Violation) -> (u32, u32, Violation) {
    let column = if violation.line == 1 { violation.column + start.column - 1 } else { violation.column };
    (violation.line + start.line - 1, column, violation)
}

/// What a profile judges: MetaData or LPCO, itself or inside the wrapper of an operation.
fn business_document(document: &Document, node: NodeId, slots: &Slots) -> Option<NodeId> {
    let is = |node: NodeId| {
        document.is(node, slots.uri(Slot::Md), "MetaData") || document.is(node, slots.uri(Slot::Lpco), "LPCO")
    };
    if is(node) { Some(node) } else { document.elements(node).find(|child| is(*child)) }
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
    for notice in &report.notices {
        let shown = Violation { line: notice.line, column: notice.column, ..notice.violation.clone() };
        let message = if notice.message.is_empty() { String::new() } else { format!(": {}", notice.message) };
        out::line(&format!("{}:{shown}: {} by {}{message}", report.file, notice.verdict, notice.statement));
    }
    for path in &report.withheld {
        out::line(&format!("{}: {path} is withheld: it would be taken out before sending", report.file));
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
    let violations: Vec<serde_json::Value> =
        report.violations.iter().map(|(line, column, v)| violation_json(*line, *column, v)).collect();
    let notice = |notice: &Notice| {
        let mut value = violation_json(notice.line, notice.column, &notice.violation);
        value["verdict"] = json!(notice.verdict);
        value["statement"] = json!(notice.statement);
        value["message"] = json!(notice.message);
        value
    };
    let notices: Vec<serde_json::Value> = report.notices.iter().map(notice).collect();
    json!({
        "file": report.file,
        "valid": report.exit == Exit::Done,
        "error": report.error,
        "total": report.total,
        "violations": violations,
        "notices": notices,
        "withheld": report.withheld,
    })
}

fn violation_json(line: u32, column: u32, v: &Violation) -> serde_json::Value {
    json!({
        "code": v.code, "wco_id": v.wco_id, "path": v.path, "line": line, "column": column,
        "expected": v.expected,
        "came": { "type": v.came.kind, "length": v.came.length, "in_list": v.came.in_list },
        "value": v.value,
    })
}
