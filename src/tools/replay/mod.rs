//! `coconnect replay`: cases of a conformance kit sent to any endpoint, each answer compared with what must come.
//!
//! - [`case`](mod@case): a case, read from its files; [`edit`]: changes by path.
//! - [`party`]: keys of both sides; [`compose`](mod@compose): the message of a step; [`run`](mod@run): over the wire and back.
//! - [`compare`](mod@compare): the differences; [`report`]: JSON, JUnit XML, HTML.
//! - [`kit`]: the cases that the program carries.
//!
//! Works on no store and keeps no record but what `keep` asks for. Cases run side by side; the steps of one case never.

pub mod case;
pub mod compare;
pub mod compose;
pub mod edit;
pub mod kit;
pub mod party;
pub mod report;
pub mod run;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::task::JoinSet;

pub use case::{Case, Disk, Error, Source, fits, load};
pub use compare::Difference;
pub use party::{Held, Keys, Names, Party, Receiver};

use crate::base::Clock;
use crate::base::id::MessageId;
use compare::Earlier;
use compose::{Composed, Variables};
use run::{Came, NoAnswer, Said};

/// What is run, and how.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The cases.
    pub cases: Vec<Case>,
    /// Cases at the same time.
    pub jobs: usize,
    /// Time for one message.
    pub deadline: Duration,
    /// Folder for the octets that were exchanged.
    pub keep: Option<PathBuf>,
    /// Makes the numbers of this run's COs fresh.
    pub run: String,
}

/// How a case ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Everything came as expected.
    Passed,
    /// Something came otherwise.
    Failed,
    /// The keys of this run are of another kind than the case needs.
    Skipped,
    /// The case itself is wrong, or its files cannot be read.
    Broken,
    /// The endpoint could not be reached.
    Unreachable,
}

impl Verdict {
    /// As it stands in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Broken => "broken",
            Self::Unreachable => "unreachable",
        }
    }
}

/// One case and how it ended.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// Its name.
    pub name: String,
    /// What it claims.
    pub title: String,
    /// Which part of the agreement asks for it.
    pub clause: String,
    /// How it ended.
    pub verdict: Verdict,
    /// Why it was skipped or is broken.
    pub reason: String,
    /// The steps that were made.
    pub steps: Vec<StepOutcome>,
    /// Milliseconds.
    pub took_ms: u64,
}

/// One step.
#[derive(Clone, Debug, Serialize)]
pub struct StepOutcome {
    /// The operation.
    pub operation: String,
    /// What was expected.
    pub expected: String,
    /// What came.
    pub came: String,
    /// HTTP status; none without an answer.
    pub status: Option<u16>,
    /// Reference id of a fault.
    pub reference_id: Option<String>,
    /// Where the two differ.
    pub differences: Vec<Difference>,
    /// Folder with the octets that were exchanged.
    pub kept: Option<PathBuf>,
}

/// A whole run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The endpoint.
    pub endpoint: String,
    /// When it began.
    pub started: String,
    /// Every case, in the order of the names.
    pub cases: Vec<Outcome>,
    /// Cases that were not begun because the endpoint was gone.
    pub not_run: usize,
    /// Milliseconds.
    pub took_ms: u64,
}

impl Report {
    /// How many cases ended so.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        self.cases.iter().filter(|case| case.verdict == verdict).count()
    }

    /// Whether every case that could be run went as expected, and there was one.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.not_run == 0
            && self.count(Verdict::Passed) > 0
            && self.count(Verdict::Passed) + self.count(Verdict::Skipped) == self.cases.len()
    }

    /// Whether the endpoint could not be reached.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        self.not_run > 0 || self.count(Verdict::Unreachable) > 0
    }
}

/// After so many cases in a row without a connection the rest is not begun.
const UNREACHABLE_MAX: usize = 3;

struct Runner {
    party: Arc<Party>,
    source: Arc<dyn Source + Send + Sync>,
    clock: Arc<dyn Clock>,
    plan: Plan,
    next: AtomicUsize,
    unreachable: AtomicUsize,
}

/// Runs the cases. `done` hears of each case as it ends.
pub async fn run(
    plan: Plan,
    endpoint: &str,
    party: Arc<Party>,
    source: Arc<dyn Source + Send + Sync>,
    clock: Arc<dyn Clock>,
    done: impl Fn(&Outcome) + Send + Sync + 'static,
) -> Report {
    let (begun, started, total) = (clock.elapsed(), clock.now().to_string(), plan.cases.len());
    let jobs = plan.jobs.clamp(1, 64);
    let runner = Arc::new(Runner {
        party,
        source,
        clock: Arc::clone(&clock),
        plan,
        next: AtomicUsize::new(0),
        unreachable: AtomicUsize::new(0),
    });
    let outcomes: Arc<Mutex<BTreeMap<usize, Outcome>>> = Arc::default();
    let done = Arc::new(done);
    let mut workers = JoinSet::new();
    for _ in 0..jobs {
        let (runner, outcomes, done) = (Arc::clone(&runner), Arc::clone(&outcomes), Arc::clone(&done));
        workers.spawn(async move {
            while runner.unreachable.load(Ordering::Relaxed) < UNREACHABLE_MAX {
                let number = runner.next.fetch_add(1, Ordering::Relaxed);
                let Some(case) = runner.plan.cases.get(number) else { return };
                let outcome = runner.case(number, case).await;
                match outcome.verdict {
                    Verdict::Unreachable => drop(runner.unreachable.fetch_add(1, Ordering::Relaxed)),
                    Verdict::Passed | Verdict::Failed => runner.unreachable.store(0, Ordering::Relaxed),
                    Verdict::Skipped | Verdict::Broken => {}
                }
                done(&outcome);
                outcomes.lock().unwrap_or_else(PoisonError::into_inner).insert(number, outcome);
            }
        });
    }
    while workers.join_next().await.is_some() {}
    let cases: Vec<Outcome> =
        std::mem::take(&mut *outcomes.lock().unwrap_or_else(PoisonError::into_inner)).into_values().collect();
    Report {
        endpoint: endpoint.to_owned(),
        started,
        not_run: total - cases.len(),
        cases,
        took_ms: millis(clock.elapsed().saturating_sub(begun)),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Runner {
    async fn case(&self, number: usize, case: &Case) -> Outcome {
        let begun = self.clock.elapsed();
        let mut outcome = Outcome {
            name: case.name.clone(),
            title: case.title.clone(),
            clause: case.clause.clone(),
            verdict: Verdict::Passed,
            reason: String::new(),
            steps: Vec::new(),
            took_ms: 0,
        };
        match self.steps(number, case, &mut outcome.steps).await {
            Ok(verdict) => outcome.verdict = verdict,
            Err(compose::Error::Needs(what)) => {
                (outcome.verdict, outcome.reason) = (Verdict::Skipped, format!("needs {what}"))
            }
            Err(compose::Error::Case(what)) => {
                (outcome.verdict, outcome.reason) = (Verdict::Broken, format!("{}: {what}", case.file));
            }
        }
        outcome.took_ms = millis(self.clock.elapsed().saturating_sub(begun));
        outcome
    }

    async fn steps(&self, number: usize, case: &Case, out: &mut Vec<StepOutcome>) -> Result<Verdict, compose::Error> {
        for step in case.before.iter().chain(&case.steps) {
            let operation = step.operation.0.path().trim_start_matches('/');
            if !self.party.may_call(operation) {
                return Err(compose::Error::Needs(format!(
                    "{operation} to be agreed with the receiver (operations_out)"
                )));
            }
        }
        let mut variables = self.variables(number);
        for (at, step) in case.before.iter().enumerate() {
            variables.set("message_id", &self.fresh_id()?);
            let message = self.compose(case, step, &variables)?;
            let name = format!("before-{}", at + 1);
            let (outcome, _) = self.exchange(case, step, &message, (&name, &[])).await?;
            let ended = outcome.ended;
            out.push(outcome.told);
            if let Some(verdict) = ended {
                return Ok(verdict);
            }
        }
        let (mut sent, mut earlier): (Vec<Composed>, Vec<Earlier>) = (Vec::new(), Vec::new());
        for (at, step) in case.steps.iter().enumerate() {
            let message_id = self.fresh_id()?;
            variables.set("message_id", &message_id);
            variables.set(format!("message_id.{}", at + 1), &message_id);
            let uuid = message_id.trim_start_matches("urn:uuid:");
            for (name, value) in [("uuid", uuid.to_owned()), ("uuid.capitals", uuid.to_uppercase())] {
                variables.set(name, &value);
                variables.set(name.replacen("uuid", &format!("uuid.{}", at + 1), 1), &value);
            }
            let message = match step.resend.and_then(|number| sent.get(number - 1)) {
                Some(before) => before.clone(),
                None => self.compose(case, step, &variables)?,
            };
            if message.client != case::Whose::Agreed && !self.party.has_client_certificate() {
                return Err(compose::Error::Needs("an endpoint over TLS and a client certificate".to_owned()));
            }
            let (outcome, came) = self.exchange(case, step, &message, (&format!("step-{}", at + 1), &earlier)).await?;
            let ended = outcome.ended;
            out.push(outcome.told);
            if let Some(verdict) = ended {
                return Ok(verdict);
            }
            earlier
                .push(Earlier { message_id: message.message_id.clone(), acknowledgement: acknowledgement_of(&came) });
            sent.push(message);
        }
        Ok(Verdict::Passed)
    }

    /// One message there and back; `named` is the folder that keeps it.
    async fn exchange(
        &self,
        case: &Case,
        step: &case::Step,
        message: &Composed,
        (named, earlier): (&str, &[Earlier]),
    ) -> Result<(Exchanged, Result<Came, NoAnswer>), compose::Error> {
        let clock = &self.clock;
        let came = run::send(step, message, &self.party, self.plan.deadline, || clock.now()).await;
        let differences = compare::compare(step, message, &came, earlier);
        let kept = match &self.plan.keep {
            Some(folder) => {
                let folder = folder.join(&case.name).join(named);
                keep(&folder, message, &came)
                    .map_err(|e| compose::Error::Case(format!("{}: {e}", folder.display())))?;
                Some(folder)
            }
            None => None,
        };
        let ended = match &came {
            Err(none) if none.unreachable => Some(Verdict::Unreachable),
            _ => (!differences.is_empty()).then_some(Verdict::Failed),
        };
        let told = StepOutcome {
            operation: step.operation.0.path().trim_start_matches('/').to_owned(),
            expected: compare::expectation(step),
            came: compare::summary(&came),
            status: came.as_ref().ok().map(|came| came.status),
            reference_id: reference_of(&came),
            differences,
            kept,
        };
        Ok((Exchanged { told, ended }, came))
    }

    fn compose(&self, case: &Case, step: &case::Step, variables: &Variables) -> Result<Composed, compose::Error> {
        let folder = Path::new(&case.file).parent().unwrap_or(Path::new("."));
        let path = folder.join(step.request.as_deref().unwrap_or(Path::new("request.xml")));
        let request = self
            .source
            .read(&path)
            .map_err(|what| compose::Error::Case(format!("request {}: {what}", path.display())))?;
        let asks = |what: &str| request.windows(what.len()).any(|window| window == what.as_bytes());
        if self.party.names.theirs.is_none() && asks("${theirs.") {
            return Err(compose::Error::Needs("a CO that the receiver sent to us (--their-co FILE)".to_owned()));
        }
        compose::compose(step, &request, variables, &self.party, self.clock.now())
    }

    fn variables(&self, number: usize) -> Variables {
        let (names, now) = (&self.party.names, self.clock.now());
        let mut variables = Variables::default();
        variables.set("run", &self.plan.run);
        variables.set("co", format!("CK-{}-{:04}", self.plan.run, number + 1));
        variables.set("sender", &names.sender);
        variables.set("receiver", &names.receiver);
        variables.set("agreement", &names.agreement);
        variables.set("to", names.to.trim_end_matches('/'));
        if let Some(co) = &names.theirs {
            variables.set("theirs.number", &co.number);
            variables.set("theirs.issuer", &co.issuer);
            variables.set("theirs.agreement", &co.agreement);
            variables.set("theirs.territory", &co.territory);
        }
        variables.set("now", now.to_string());
        variables.set("today", now.strftime("%Y%m%d").to_string());
        variables.set("time", now.strftime("%H%M%S").to_string());
        variables
    }

    fn fresh_id(&self) -> Result<String, compose::Error> {
        let mut octets = [0; 16];
        openssl::rand::rand_bytes(&mut octets)
            .map_err(|error| compose::Error::Case(format!("random octets: {error}")))?;
        Ok(MessageId::from_random(octets).to_string())
    }
}

/// A message that was exchanged, and the verdict when the case ends with it.
struct Exchanged {
    told: StepOutcome,
    ended: Option<Verdict>,
}

fn acknowledgement_of(came: &Result<Came, NoAnswer>) -> Option<String> {
    match came {
        Ok(Came { said: Said::Acknowledged(_, element), .. }) => Some(element.clone()),
        _ => None,
    }
}

fn reference_of(came: &Result<Came, NoAnswer>) -> Option<String> {
    match came {
        Ok(Came { said: Said::Fault { detail: Some(detail), .. }, .. }) => Some(detail.reference_id.clone()),
        _ => None,
    }
}

/// Writes what was exchanged: octets, header fields without the credentials, the envelope as signed, and the canonical
/// octets behind every signature of both.
fn keep(folder: &Path, message: &Composed, came: &Result<Came, NoAnswer>) -> std::io::Result<()> {
    use std::fmt::Write as _;
    std::fs::create_dir_all(folder)?;
    let write = |name: &str, octets: &[u8]| std::fs::write(folder.join(name), octets);
    let mut head = format!("{} {}\n", message.method, message.path);
    for (name, value) in &message.headers {
        let shown = if name == crate::net::header::AUTHORIZATION { "(kept out)" } else { value.to_str().unwrap_or("") };
        let _ = writeln!(head, "{name}: {shown}");
    }
    write("request.head", head.as_bytes())?;
    write("request.xml", &message.octets)?;
    if let Some(clear) = &message.clear {
        write("request.clear.xml", clear.as_bytes())?;
        for (name, octets) in run::canonical_parts(clear.as_bytes()) {
            write(&format!("request.{name}"), &octets)?;
        }
    }
    match came {
        Err(none) => write("answer.none", format!("{}\n", none.what).as_bytes()),
        Ok(came) => {
            let mut head = format!("{}\n", came.status);
            for (name, value) in &came.headers {
                let _ = writeln!(head, "{name}: {value}");
            }
            write("answer.head", head.as_bytes())?;
            write("answer.xml", &came.octets)?;
            for (name, octets) in run::canonical_parts(&came.octets) {
                write(&format!("answer.{name}"), &octets)?;
            }
            Ok(())
        }
    }
}
