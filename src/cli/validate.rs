//! `coconnect validate`: business messages against the schema and an agreement profile, all errors at once.

use std::io::{BufRead as _, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;

use super::intake::{self, Intake, left_json, left_lines};
use super::out::{self, Exit, Failure};
use crate::contract::{self, Slot, Slots, Version, Versions, Violation, Violations, codelist};
use crate::exchange::profile::{self, Circumstances, Compiled, Direction, Judgement, Profiles, Subject};
use crate::gateway::backoffice::mapping::{Left, Mapping};
use crate::xml::{self, Document, NodeId, ns};

/// Check business messages against schema, operation, code lists and an agreement profile, all errors at once.
#[derive(Debug, Args)]
#[command(
    after_help = "Takes LPCO XML, MetaData XML, the wrapper of an operation, or a SOAP message in clear; the JSON\n\
                  form of the contract, told by its first character; national records with --mapping, where a\n\
                  value that a rule does not take is an error, and what no rule names is told. Lines and columns\n\
                  are those of the file. --json prints a line for each document as it is judged, and a last one\n\
                  with the numbers. Progress goes to stderr.\n\n\
                  Without --profile only schema, operation and code lists are asked. A gateway asks the profile of\n\
                  the partner too, and `default` where its file names none: what a profile rejects is an error, what\n\
                  it warns of or flags is told and counts as valid.\n\n\
                  Exit 0 when all are valid, 1 when one is not, 2 when one cannot be read.\n\n\
                  EXAMPLES:\n  coconnect validate co.xml\n  coconnect validate co.xml --profile china-korea --way out\n  coconnect validate incoming/ --json\n  coconnect validate table.csv --mapping national-csv\n  cat co.xml | coconnect validate -\n  find in out -name '*.xml' | coconnect validate --files-from -"
)]
pub struct Validate {
    /// Files, folders (every *.xml and *.json below; with --mapping the files of its format) or - for stdin.
    #[arg(required_unless_present = "files_from", value_name = "FILE|DIR|-")]
    files: Vec<PathBuf>,
    /// Take names of files and folders from this file, or - for stdin, one a line.
    #[arg(long, value_name = "FILE|-")]
    files_from: Option<PathBuf>,
    /// Print a JSON object for each document, a line each, and one with the numbers at the end.
    #[arg(long)]
    json: bool,
    /// The files are national records: turn them into documents by this mapping first.
    #[arg(long, value_name = "NAME|FILE")]
    mapping: Option<String>,
    /// The version of the WCO Data Model that is agreed.
    #[arg(long, value_name = "CODE", default_value = contract::version::NEWEST)]
    wco: String,
    /// A namespace of the partner: svc, md, lpco, res or ext, and its URI.
    #[arg(long, value_name = "SLOT=URI")]
    slot: Vec<String>,
    /// Agreement profile to ask as well: a name, or a file.
    #[arg(long, value_name = "NAME|FILE")]
    profile: Option<String>,
    /// Folder of a gateway whose profiles/ and mappings/ are meant.
    #[arg(long, value_name = "DIR")]
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

/// What became of one document.
struct Report {
    file: String,
    /// Its number among those of the file, and how many these are.
    number: (usize, usize),
    exit: Exit,
    /// What of a national record did not come along.
    left: Vec<Left>,
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
    let agreed = Version { code: arguments.wco.clone(), slots: slots(&arguments.slot)? };
    let mapping =
        arguments.mapping.as_deref().map(|text| intake::mapping(text, arguments.dir.as_deref())).transpose()?;
    let asked = Asked::of(arguments)?;
    let mut files = arguments.files.clone();
    if let Some(list) = &arguments.files_from {
        files.extend(listed(list)?);
    }
    let endings = mapping.as_ref().map_or(&["xml", "json"][..], |mapping| match mapping.format.extension() {
        "csv" => &["csv"],
        "json" => &["json"],
        _ => &["xml"],
    });
    let files = expand(files, endings)?;
    let mut progress = Progress::new(files.len());
    let (mut valid, mut invalid, mut unreadable) = (0_usize, 0_usize, 0_usize);
    for file in &files {
        for report in validate(file, &agreed, asked.as_ref(), mapping.as_ref()) {
            match report.exit {
                Exit::Done => valid += 1,
                Exit::Usage => unreadable += 1,
                _ => invalid += 1,
            }
            progress.aside(|| {
                if arguments.json {
                    out::line(&as_json(&report).to_string());
                } else {
                    print(&report);
                }
            });
        }
        progress.step();
    }
    progress.end();
    if arguments.json {
        out::line(&json!({ "valid": valid, "invalid": invalid, "unreadable": unreadable }).to_string());
    } else if valid + invalid + unreadable > 1 {
        out::line(&format!("{valid} valid, {invalid} invalid, {unreadable} unreadable"));
    }
    Ok(match (unreadable, invalid) {
        (0, 0) => Exit::Done,
        (0, _) => Exit::Refused,
        _ => Exit::Usage,
    })
}

/// How far a long run is, on stderr: a bar where that is a terminal, else a line a thousand files and ten seconds.
struct Progress {
    bar: Option<indicatif::ProgressBar>,
    done: usize,
    all: usize,
    told: Instant,
}

impl Progress {
    /// Files from which a bar is worth its line.
    const BAR_FROM: usize = 50;

    fn new(all: usize) -> Self {
        let bar =
            (all >= Self::BAR_FROM && std::io::stderr().is_terminal()).then(|| indicatif::ProgressBar::new(all as u64));
        Self { bar, done: 0, all, told: Instant::now() }
    }

    /// Prints beside the bar.
    fn aside(&self, print: impl FnOnce()) {
        match &self.bar {
            Some(bar) if std::io::stdout().is_terminal() => bar.suspend(print),
            _ => print(),
        }
    }

    fn step(&mut self) {
        self.done += 1;
        if let Some(bar) = &self.bar {
            bar.inc(1);
            return;
        }
        let due = self.done.is_multiple_of(1_000) || self.told.elapsed() >= Duration::from_secs(10);
        if due && self.done < self.all {
            eprintln!("coconnect: {} of {} files", self.done, self.all);
            self.told = Instant::now();
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
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

/// Names that a file, or standard input, lists: one a line.
fn listed(list: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |error: std::io::Error| Failure::usage(format!("{}: {error}", list.display()));
    let reader: Box<dyn std::io::BufRead> = if list == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(std::io::BufReader::new(std::fs::File::open(list).map_err(unreadable)?))
    };
    let mut out = Vec::new();
    for line in reader.lines() {
        let line = line.map_err(unreadable)?;
        if !line.is_empty() {
            out.push(PathBuf::from(line));
        }
    }
    if out.is_empty() { Err(Failure::usage(format!("{}: lists no file", list.display()))) } else { Ok(out) }
}

/// Folders become the files below them that end so, in order of their names. A folder within that cannot be read stays, to
/// be told as such.
fn expand(paths: Vec<PathBuf>, endings: &[&str]) -> Result<Vec<PathBuf>, Failure> {
    let mut out = Vec::new();
    let ends = |path: &Path| {
        path.extension().is_some_and(|extension| endings.iter().any(|ending| extension.eq_ignore_ascii_case(ending)))
    };
    // A pipe that nobody writes to would hold the whole run.
    let special = |path: &Path| std::fs::metadata(path).is_ok_and(|about| !about.is_file());
    for path in paths {
        if !path.is_dir() {
            out.push(path);
            continue;
        }
        let mut folders = vec![path.clone()];
        let mut found = Vec::new();
        while let Some(folder) = folders.pop() {
            let Ok(entries) = std::fs::read_dir(&folder) else {
                found.push(folder);
                continue;
            };
            for entry in entries {
                let entry = entry.map_err(|e| Failure::usage(format!("{}: {e}", folder.display())))?.path();
                if entry.is_dir() {
                    // A link to a folder may lead back to where it stands.
                    if !entry.is_symlink() {
                        folders.push(entry);
                    }
                } else if ends(&entry) && !special(&entry) {
                    found.push(entry);
                }
            }
        }
        if found.is_empty() {
            let endings: Vec<String> = endings.iter().map(|ending| format!("*.{ending}")).collect();
            return Err(Failure::usage(format!("{}: no {} file below", path.display(), endings.join(" or "))));
        }
        found.sort();
        out.extend(found);
    }
    Ok(out)
}

/// Judges the documents of a file.
fn validate(path: &Path, agreed: &Version, asked: Option<&Asked>, mapping: Option<&Mapping>) -> Vec<Report> {
    let file = if path == Path::new("-") { "stdin".to_owned() } else { path.display().to_string() };
    let told = |exit, error| {
        let number = (1, 1);
        let (violations, notices, withheld, left) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Report { file: file.clone(), number, exit, error: Some(error), violations, total: 0, notices, withheld, left }
    };
    let octets = match intake::octets(path) {
        Ok(octets) => octets,
        Err(error) => return vec![told(Exit::Usage, error.to_string())],
    };
    match intake::documents(octets, mapping) {
        Ok(documents) => documents.into_iter().map(|one| judge(&file, one, agreed, asked)).collect(),
        Err(error) => vec![told(Exit::Refused, error)],
    }
}

/// Where the violations of a document stand in its file.
struct Places<'a> {
    intake: &'a Intake,
    start: xml::TextPos,
}

impl Places<'_> {
    fn of(&self, violation: Violation) -> (u32, u32, Violation) {
        match self.intake.place(&violation.path) {
            Some(place) => (place.line, place.column, violation),
            None => placed(self.start, violation),
        }
    }
}

fn judge(file: &str, mut intake: Intake, agreed: &Version, asked: Option<&Asked>) -> Report {
    let octets = std::mem::take(&mut intake.octets);
    let wrong = std::mem::take(&mut intake.wrong);
    let unmapped = intake.refused().count();
    let report = |exit, error: Option<String>, violations, total: usize, intake: &Intake| Report {
        file: file.to_owned(),
        number: intake.number,
        exit: if exit == Exit::Done && unmapped > 0 { Exit::Refused } else { exit },
        left: intake.left.clone(),
        error,
        violations,
        total,
        notices: Vec::new(),
        withheld: Vec::new(),
    };
    if !wrong.is_empty() {
        let list = wrong.list.into_iter().map(|v| (v.line, v.column, v)).collect();
        return report(Exit::Refused, None, list, wrong.total, &intake);
    }
    // What was made from JSON has our namespaces, whatever those of the partner are.
    let ours = Slots::default();
    let slots = if intake.tree.is_some() { &ours } else { &agreed.slots };
    let document = match xml::parse(octets, &xml::Options::default()) {
        Ok(document) => document,
        Err(error) => return report(Exit::Refused, Some(error.to_string()), Vec::new(), 0, &intake),
    };
    let node = match message(&document) {
        Ok(node) => node,
        Err(error) => return report(Exit::Refused, Some(error), Vec::new(), 0, &intake),
    };
    let places = |node| Places { intake: &intake, start: document.position(node) };
    let all = |node, list: Vec<Violation>| list.into_iter().map(|v| places(node).of(v)).collect::<Vec<_>>();
    if let Err(Violations { list, total }) = Versions::new(vec![agreed.clone()]).of(&document, node) {
        let header = contract::version::header(&document, node).unwrap_or(node);
        return report(Exit::Refused, None, all(header, list), total, &intake);
    }
    if let Err(Violations { list, total }) = contract::validate(&document, node, slots) {
        return report(Exit::Refused, None, all(node, list), total, &intake);
    }
    let (beyond, warned) = match beyond_the_schema(&document, node, slots) {
        Ok((base, warned)) => (base, warned),
        Err((base, Violations { list, total })) => {
            return report(Exit::Refused, None, all(base, list), total, &intake);
        }
    };
    let notice = |(line, column, violation), verdict: &str, statement: &str, message: &str| Notice {
        verdict: verdict.to_owned(),
        statement: statement.to_owned(),
        message: message.to_owned(),
        line,
        column,
        violation,
    };
    let warned = all(beyond, warned.list).into_iter().map(|placed| notice(placed, "warn", "code-lists", ""));
    let warned: Vec<Notice> = warned.collect();
    let Some((asked, node)) = asked.and_then(|asked| Some((asked, business_document(&document, node, slots)?))) else {
        return Report { notices: warned, ..report(Exit::Done, None, Vec::new(), 0, &intake) };
    };
    let judgement = asked.judge(&document, node, slots);
    let violations = all(node, judgement.rejected());
    let notices = judgement.noticed().map(|finding| {
        let placed = places(node).of(finding.violation.clone());
        notice(placed, &finding.verdict.to_string(), &finding.statement, &finding.message)
    });
    let exit = if judgement.rejections == 0 { Exit::Done } else { Exit::Refused };
    Report {
        notices: warned.into_iter().chain(notices).collect(),
        withheld: judgement.withheld.iter().map(|withheld| withheld.path.clone()).collect(),
        ..report(exit, None, violations, judgement.rejections, &intake)
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
    // Of a file it is a remark; of a message a gateway refuses it, since some readers stop there.
    if let Some(comment) = document.descendants(body).find(|node| document.kind(*node) == xml::Kind::Comment) {
        let at = document.position(comment);
        return Err(format!("{}:{}: expected no comment within Body, which a gateway refuses", at.line, at.column));
    }
    if document.is(first, soap, "Fault") {
        let detail = document.descendants(first).find(|node| document.local(*node) == "FaultDetail");
        return detail.ok_or_else(|| "a SOAP Fault without FaultDetail".to_owned());
    }
    Ok(first)
}

fn print(report: &Report) {
    let named = Intake { number: report.number, ..Intake::default() }.name(&report.file);
    if let Some(error) = &report.error {
        out::line(&format!("{named}: {error}"));
        return;
    }
    for line in left_lines(&report.left) {
        out::line(&format!("{}: {line}", report.file));
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
        out::line(&format!("{named}: valid"));
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
        "document": report.number.0,
        "left": left_json(&report.left),
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
