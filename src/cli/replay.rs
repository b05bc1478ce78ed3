//! `coconnect replay`: conformance cases against any endpoint.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use zeroize::Zeroizing;

use super::out::{self, Exit, Failure};
use crate::base::id::PartnerId;
use crate::base::{Clock, RealClock};
use crate::exchange::PartnerSet;
use crate::exchange::partner::CertificateUse;
use crate::gateway::config::Config;
use crate::gateway::identity::{OwnIdentity, read_line};
use crate::pki::{Password, TrustAnchors};
use crate::tools::replay::{
    self, Case, Disk, Keys, Names, Outcome, Party, Plan, Receiver, Report, Source, Verdict, kit, party, report,
};

/// Send conformance cases to an endpoint and compare what comes back with what must come
#[derive(Debug, Args)]
#[command(after_help = "\
A case is a folder with case.toml (options, what must come back) and request.xml (the business document, an envelope, or the
octets). The page `conformance` of the manual tells every option. --builtin takes the kit within the program; --write-kit DIR
writes it out, a folder per case, to look at, change and run.

Our keys come from a gateway's folder (--dir or --config) or one by one; the receiver's certificates from --partner, from the
partner file that it handed over, or one by one. Cases that need another kind of key are skipped, and say so.

Exit 0: every case went as expected. Exit 1: one did not. Exit 2: the arguments do not fit, or a case cannot be read.
Exit 75: the endpoint cannot be reached.

EXAMPLES:
  coconnect replay --builtin --dir kr --partner ID
  coconnect co show KR-2026-0000123 --dir kr --xml > theirs.xml
  coconnect replay --builtin --dir kr --partner ID --their-co theirs.xml
  coconnect replay cases/ --dir kr --partner ID --endpoint https://test.coconnect.customs.go.id --junit report.xml --keep kept/
  coconnect replay --write-kit kit/
  coconnect replay kit/ --only 'send-co/signature/*' --endpoint https://localhost:9443 --partner-file id/partner.toml \\
    --tls-cert kr.crt --tls-key kr.key --sign-cert kr-sign.crt --sign-key kr-sign.key --basic-user KR --basic-password-file kr.password")]
pub struct Replay {
    /// Folders with cases, or files of several cases.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Run the kit within the program.
    #[arg(long)]
    builtin: bool,
    /// Write the kit (or the cases of PATH) into this folder, a folder per case, and send nothing.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["endpoint", "keep", "junit", "html"])]
    write_kit: Option<PathBuf>,
    /// List the cases and send nothing.
    #[arg(long)]
    list: bool,
    /// Base URL of the receiver, without the path of an operation. Default: that of its partner file.
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Base of wsa:To, when the endpoint is reached under another address than its public one.
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// Only cases whose name fits this pattern (* and ?); repeatable.
    #[arg(long, value_name = "GLOB")]
    only: Vec<String>,
    /// Cases at the same time.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: u8,
    /// Seconds for one message.
    #[arg(long, default_value_t = 60, value_name = "SECONDS", value_parser = clap::value_parser!(u16).range(1..=600))]
    timeout: u16,
    #[command(flatten)]
    ours: Ours,
    #[command(flatten)]
    theirs: Theirs,
    #[command(flatten)]
    output: Output,
}

/// Our side.
#[derive(Debug, Args)]
#[command(next_help_heading = "Our keys")]
struct Ours {
    /// Configuration file of a gateway whose keys are used.
    #[arg(long, value_name = "FILE", env = "COCONNECT_CONFIG")]
    config: Option<PathBuf>,
    /// Folder of that gateway; means --config DIR/coconnect.toml.
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    dir: Option<PathBuf>,
    /// Client certificate for TLS.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Its key.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Certificate that signs.
    #[arg(long, value_name = "FILE", requires = "sign_key")]
    sign_cert: Option<PathBuf>,
    /// Its key.
    #[arg(long, value_name = "FILE", requires = "sign_cert")]
    sign_key: Option<PathBuf>,
    /// Certificate for which answers may be encrypted.
    #[arg(long, value_name = "FILE", requires = "decrypt_key")]
    decrypt_cert: Option<PathBuf>,
    /// Its key.
    #[arg(long, value_name = "FILE", requires = "decrypt_cert")]
    decrypt_key: Option<PathBuf>,
    /// Password of the key files.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Basic user.
    #[arg(long, value_name = "USER", requires = "basic_password_file")]
    basic_user: Option<String>,
    /// File with the Basic password, one line.
    #[arg(long, value_name = "FILE", requires = "basic_user")]
    basic_password_file: Option<PathBuf>,
    /// Country that sends. Default: that of the gateway, else KR.
    #[arg(long, value_name = "CODE")]
    sender: Option<String>,
}

/// The other side.
#[derive(Debug, Args)]
#[command(next_help_heading = "The receiver")]
struct Theirs {
    /// A partner of the gateway of --dir or --config.
    #[arg(long, value_name = "NAME")]
    partner: Option<String>,
    /// The file that the receiver handed over (its DIR/partner.toml).
    #[arg(long, value_name = "FILE", conflicts_with = "partner")]
    partner_file: Option<PathBuf>,
    /// Its TLS certificate.
    #[arg(long, value_name = "FILE")]
    receiver_tls: Option<PathBuf>,
    /// The certificate that signs its answers.
    #[arg(long, value_name = "FILE")]
    receiver_sign: Option<PathBuf>,
    /// The certificate to encrypt for.
    #[arg(long, value_name = "FILE")]
    receiver_encrypt: Option<PathBuf>,
    /// An authority above its certificates; repeatable.
    #[arg(long, value_name = "FILE")]
    trusted: Vec<PathBuf>,
    /// Country that receives. Default: that of the partner file, else ID.
    #[arg(long, value_name = "CODE")]
    receiver: Option<String>,
    /// A CO that the receiver sent to us (MetaData as it came), for the cases of status and feedback that need one.
    #[arg(long, value_name = "FILE")]
    their_co: Option<PathBuf>,
    /// Agreement in the documents (K16).
    #[arg(long, value_name = "CODE", default_value = "KRID")]
    agreement: String,
}

/// Reports.
#[derive(Debug, Args)]
#[command(next_help_heading = "Reports")]
struct Output {
    /// Print one JSON object instead of the table.
    #[arg(long)]
    json: bool,
    /// Write JUnit XML.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write an HTML page.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Keep what was exchanged in this folder, with the canonical octets behind every signature.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Print the cases that passed too.
    #[arg(long)]
    all: bool,
}

pub(super) fn run(args: &Replay) -> Result<Exit, Failure> {
    let (cases, source) = cases(args)?;
    if let Some(folder) = &args.write_kit {
        let count = kit::write(&cases, source.as_ref(), folder).map_err(|e| Failure::usage(e.to_string()))?;
        out::line(&format!("{count} cases written to {}", folder.display()));
        return Ok(Exit::Done);
    }
    if args.list {
        list(args, &cases);
        return Ok(Exit::Done);
    }
    let clock: Arc<dyn Clock> = Arc::new(RealClock::new());
    let (endpoint, party) = party(args, &clock)?;
    if let Some(folder) = &args.output.keep {
        std::fs::create_dir_all(folder).map_err(|e| Failure::usage(format!("--keep {}: {e}", folder.display())))?;
    }
    let mut random = [0; 4];
    openssl::rand::rand_bytes(&mut random).map_err(|e| Failure::later(format!("random octets: {e}")))?;
    let plan = Plan {
        cases,
        jobs: args.jobs.into(),
        deadline: Duration::from_secs(args.timeout.into()),
        keep: args.output.keep.clone(),
        run: crate::base::octets::to_hex(&random),
    };
    let progress = progress(plan.cases.len());
    let bar = progress.clone();
    let done = move |outcome: &Outcome| {
        if let Some(bar) = &bar {
            bar.set_message(outcome.name.clone());
            bar.inc(1);
        }
    };
    let runtime = tokio::runtime::Runtime::new().map_err(|e| Failure::later(format!("start the runtime: {e}")))?;
    let report = runtime.block_on(replay::run(plan, &endpoint, Arc::new(party), source, clock, done));
    if let Some(progress) = progress {
        progress.finish_and_clear();
    }
    for (path, text) in
        [(&args.output.junit, report::junit as fn(&Report) -> String), (&args.output.html, report::html as _)]
    {
        if let Some(path) = path {
            std::fs::write(path, text(&report)).map_err(|e| Failure::usage(format!("{}: {e}", path.display())))?;
        }
    }
    show(args, &report);
    exit(&report)
}

fn exit(report: &Report) -> Result<Exit, Failure> {
    if report.is_unreachable() {
        let none = report.cases.iter().find(|case| case.verdict == Verdict::Unreachable);
        let why = none.and_then(|case| case.steps.last()).map_or("no answer", |step| step.came.as_str());
        let text = format!("{} cannot be reached: {why}; {} cases were not run", report.endpoint, report.not_run);
        return Err(Failure::later(text).hint("see that it serves and that --endpoint is right, then run again"));
    }
    if report.count(Verdict::Broken) > 0 {
        return Ok(Exit::Usage);
    }
    Ok(if report.is_good() { Exit::Done } else { Exit::Refused })
}

/// For many cases, where somebody looks.
fn progress(cases: usize) -> Option<indicatif::ProgressBar> {
    if cases < 20 || !std::io::stderr().is_terminal() {
        return None;
    }
    let bar = indicatif::ProgressBar::new(cases as u64);
    if let Ok(style) = indicatif::ProgressStyle::with_template("{pos}/{len} {wide_bar} {msg}") {
        bar.set_style(style);
    }
    Some(bar)
}

/// Case files at most that an error names one by one.
const BROKEN_MAX: usize = 50;

/// Every case file that cannot be read, a line each.
fn all_broken(broken: &[replay::Error]) -> Failure {
    let mut lines: Vec<String> = broken.iter().take(BROKEN_MAX).map(ToString::to_string).collect();
    if broken.len() > BROKEN_MAX {
        lines.push(format!("and {} more", broken.len() - BROKEN_MAX));
    }
    Failure::usage(lines.join("\n"))
}

fn cases(args: &Replay) -> Result<(Vec<Case>, Arc<dyn Source + Send + Sync>), Failure> {
    let usage = |error: replay::Error| Failure::usage(error.to_string());
    let builtin = args.builtin || (args.write_kit.is_some() && args.paths.is_empty());
    let (mut cases, source): (Vec<Case>, Arc<dyn Source + Send + Sync>) = match (builtin, args.paths.is_empty()) {
        (true, true) => (kit::cases().map_err(usage)?, Arc::new(kit::Builtin)),
        (false, false) => (replay::load(&args.paths).map_err(|broken| all_broken(&broken))?, Arc::new(Disk)),
        (true, false) => return Err(Failure::usage("--builtin and PATH: expected one of them")),
        (false, true) => {
            return Err(Failure::usage("no cases: expected PATH, or --builtin for the kit within the program"));
        }
    };
    if !args.only.is_empty() {
        cases.retain(|case| args.only.iter().any(|pattern| replay::fits(pattern, &case.name)));
        if cases.is_empty() {
            return Err(Failure::usage(format!("--only {}: no case has such a name", args.only.join(" ")))
                .hint("--list names them all"));
        }
    }
    Ok((cases, source))
}

fn list(args: &Replay, cases: &[Case]) {
    if args.output.json {
        let rows: Vec<_> = cases
            .iter()
            .map(|case| json!({ "name": case.name, "title": case.title, "clause": case.clause, "steps": case.steps.len() }))
            .collect();
        out::json(&json!(rows));
        return;
    }
    let rows: Vec<Vec<String>> = cases.iter().map(|case| vec![case.name.clone(), case.title.clone()]).collect();
    out::table(&["case", "claims"], &rows);
    out::line(&format!("{} cases", cases.len()));
}

// ---- keys ------------------------------------------------------------------------------------------------------------

fn party(args: &Replay, clock: &Arc<dyn Clock>) -> Result<(String, Party), Failure> {
    let (ours, theirs) = (&args.ours, &args.theirs);
    let file = ours.dir.as_ref().map(|dir| dir.join("coconnect.toml")).or_else(|| ours.config.clone());
    let config = match &file {
        Some(file) => Some(Config::load(file).map_err(|e| Failure::usage(out::chain(&e)))?),
        None => None,
    };
    let keys = keys(ours, config.as_ref())?;
    let receiver = receiver(theirs, config.as_ref(), clock)?;
    let Some(endpoint) = args.endpoint.clone().or_else(|| receiver.endpoint.clone()) else {
        return Err(Failure::usage("no endpoint").hint("--endpoint URL, or --partner-file FILE that names one"));
    };
    let endpoint = endpoint.trim_end_matches('/').to_owned();
    let to = args.to.clone().or_else(|| receiver.endpoint.clone()).unwrap_or_else(|| endpoint.clone());
    let names = Names {
        to: to.trim_end_matches('/').to_owned(),
        sender: ours.sender.clone().or_else(|| keys.country.clone()).unwrap_or_else(|| "KR".to_owned()),
        receiver: theirs.receiver.clone().or_else(|| receiver.country.clone()).unwrap_or_else(|| "ID".to_owned()),
        agreement: theirs.agreement.clone(),
        theirs: theirs.their_co.as_deref().map(party::Held::of_file).transpose().map_err(unusable)?,
    };
    let party = Party::new(&endpoint, names, keys, &receiver, clock).map_err(unusable)?;
    Ok((endpoint, party))
}

fn unusable(error: party::Error) -> Failure {
    Failure::usage(error.to_string())
}

/// Those of the gateway, and over them what is given one by one.
fn keys(ours: &Ours, config: Option<&Config>) -> Result<Keys, Failure> {
    let mut keys = match config {
        Some(config) => Keys::of_gateway(config).map_err(unusable)?,
        None => Keys::default(),
    };
    let password = match &ours.password_file {
        Some(file) => Some(Password::load(file).map_err(|e| Failure::usage(out::chain(&e)))?),
        None => None,
    };
    let pair = |certificate: &Option<PathBuf>, key: &Option<PathBuf>| match (certificate, key) {
        (Some(certificate), Some(key)) => {
            party::load_pair(certificate, key, password.as_ref()).map(Some).map_err(unusable)
        }
        _ => Ok(None),
    };
    if let (Some(certificate), Some(key)) = (&ours.tls_cert, &ours.tls_key) {
        keys.tls = Some(party::load_tls(certificate, key, password.as_ref()).map_err(unusable)?);
    }
    if let Some(sign) = pair(&ours.sign_cert, &ours.sign_key)? {
        keys.sign = Some(sign);
    }
    if let Some(decrypt) = pair(&ours.decrypt_cert, &ours.decrypt_key)? {
        keys.decrypt = vec![decrypt];
    }
    if let (Some(user), Some(file)) = (&ours.basic_user, &ours.basic_password_file) {
        let password: Zeroizing<String> = read_line(file).map_err(|e| Failure::usage(out::chain(&e)))?;
        keys.basic = Some((user.clone(), password));
    }
    Ok(keys)
}

fn receiver(theirs: &Theirs, config: Option<&Config>, clock: &Arc<dyn Clock>) -> Result<Receiver, Failure> {
    let mut receiver = match (&theirs.partner, &theirs.partner_file) {
        (Some(name), _) => of_gateway(name, config, clock)?,
        (None, Some(file)) => Receiver::of_offer(file).map_err(unusable)?,
        (None, None) => Receiver::default(),
    };
    for (file, wanted) in [
        (&theirs.receiver_tls, CertificateUse::Tls),
        (&theirs.receiver_sign, CertificateUse::Sign),
        (&theirs.receiver_encrypt, CertificateUse::Encrypt),
    ] {
        let Some(file) = file else { continue };
        receiver.certificates.retain(|(uses, _)| *uses != wanted);
        receiver.certificates.push((wanted, party::first_certificate(file).map_err(unusable)?));
    }
    if !theirs.trusted.is_empty() {
        let anchors = TrustAnchors::load(&theirs.trusted).map_err(|e| Failure::usage(out::chain(&e)))?;
        receiver.anchors = Some(anchors);
    }
    Ok(receiver)
}

fn of_gateway(name: &str, config: Option<&Config>, clock: &Arc<dyn Clock>) -> Result<Receiver, Failure> {
    let Some(config) = config else {
        return Err(Failure::usage("--partner: expected --dir or --config beside it: whose partner?"));
    };
    let none = || {
        Failure::usage(format!("there is no partner {name:?} in {}", config.partners_dir().display()))
            .hint("coconnect partner list names those there are")
    };
    let id = PartnerId::parse(name).map_err(|_| none())?;
    let own = OwnIdentity::load(config).map_err(|e| Failure::usage(out::chain(&e)))?;
    let set = PartnerSet::load(&config.partners_dir(), config.gateway.environment(), &own.anchors)
        .map_err(|e| Failure::usage(out::chain(&e)))?;
    let partner = set.by_id(&id).ok_or_else(none)?;
    Ok(Receiver::of_partner(partner, clock.now()))
}

// ---- the answer ------------------------------------------------------------------------------------------------------

fn show(args: &Replay, report: &Report) {
    if args.output.json {
        out::json(&report::json(report));
        return;
    }
    let shown = |case: &&Outcome| {
        args.output.all || matches!(case.verdict, Verdict::Failed | Verdict::Broken | Verdict::Unreachable)
    };
    let rows: Vec<Vec<String>> = report
        .cases
        .iter()
        .filter(shown)
        .map(|case| {
            let (expected, came) = report::decided(case);
            vec![
                case.verdict.as_str().to_owned(),
                case.name.clone(),
                expected,
                if case.reason.is_empty() { came } else { case.reason.clone() },
            ]
        })
        .collect();
    if !rows.is_empty() {
        out::table(&["verdict", "case", "expected", "came"], &rows);
    }
    for case in report.cases.iter().filter(|case| case.verdict == Verdict::Failed) {
        out::line(&format!("\n{}: {}", case.name, case.title));
        for line in report::differences(case) {
            out::line(&format!("  {line}"));
        }
    }
    skipped(report);
    out::line(&format!(
        "{} passed, {} failed, {} skipped, {} broken, {} unreachable, {} not run; {} s against {}",
        report.count(Verdict::Passed),
        report.count(Verdict::Failed),
        report.count(Verdict::Skipped),
        report.count(Verdict::Broken),
        report.count(Verdict::Unreachable),
        report.not_run,
        report.took_ms.div_ceil(1000),
        report.endpoint,
    ));
}

/// Why cases were skipped, once each.
fn skipped(report: &Report) {
    let mut reasons: Vec<(&str, usize)> = Vec::new();
    for case in report.cases.iter().filter(|case| case.verdict == Verdict::Skipped) {
        match reasons.iter_mut().find(|(reason, _)| *reason == case.reason) {
            Some((_, count)) => *count += 1,
            None => reasons.push((&case.reason, 1)),
        }
    }
    for (reason, count) in reasons {
        out::line(&format!("skipped {count}: {reason}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_ends_with_the_code_of_its_verdicts() {
        let report = |verdicts: &[Verdict], not_run| Report {
            endpoint: String::new(),
            started: String::new(),
            cases: verdicts
                .iter()
                .map(|verdict| Outcome {
                    name: String::new(),
                    title: String::new(),
                    clause: String::new(),
                    verdict: *verdict,
                    reason: String::new(),
                    steps: Vec::new(),
                    took_ms: 0,
                })
                .collect(),
            not_run,
            took_ms: 0,
        };
        let code = |verdicts: &[Verdict], not_run| match exit(&report(verdicts, not_run)) {
            Ok(exit) => exit,
            Err(failure) => failure.exit,
        };
        assert_eq!(code(&[Verdict::Passed, Verdict::Skipped], 0), Exit::Done);
        assert_eq!(code(&[Verdict::Skipped], 0), Exit::Refused, "nothing was shown");
        assert_eq!(code(&[Verdict::Passed, Verdict::Failed], 0), Exit::Refused);
        assert_eq!(code(&[Verdict::Passed, Verdict::Broken], 0), Exit::Usage);
        assert_eq!(code(&[Verdict::Passed, Verdict::Unreachable], 0), Exit::TryLater);
        assert_eq!(code(&[Verdict::Failed], 7), Exit::TryLater);
    }
}
