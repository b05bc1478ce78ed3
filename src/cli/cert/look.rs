//! `cert show|list|check|calendar`: what reads files.

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{PasswordArgs, UseOption, certificates, unreadable};
use crate::base::{Clock, RealClock};
use crate::cli::out::{self, Exit, Failure};
use crate::pki::calendar::{self, Entry, Nearness};
use crate::pki::{self, Certificate, Crl, Leniency, PathError, Revocation, TrustAnchors};

/// Files looked at below the folders of one call.
const FILES_MAX: usize = 10_000;
/// Folders within folders.
const DEPTH_MAX: usize = 6;

/// `coconnect cert show`.
#[derive(Debug, Args)]
#[command(after_help = "\
EXAMPLES:
  coconnect cert show ca.pem
  coconnect cert show --json keys/sign.p12 --password pass.txt")]
pub struct ShowArgs {
    /// Files that hold certificates: PEM, DER, PKCS#12
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    password: PasswordArgs,
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn show(args: &ShowArgs) -> Result<Exit, Failure> {
    let password = args.password.load()?;
    let mut values = Vec::new();
    for file in &args.files {
        for certificate in certificates(file, password.as_ref())? {
            values.push(describe(file, &certificate));
        }
    }
    if args.json {
        out::json(&Value::Array(values));
        return Ok(Exit::Done);
    }
    for (at, value) in values.iter().enumerate() {
        if at > 0 {
            out::line("");
        }
        for (name, value) in value.as_object().into_iter().flatten() {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Array(list) => list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
                Value::Null => continue,
                other => other.to_string(),
            };
            out::line(&format!("{:<24} {text}", name.replace('_', " ")));
        }
    }
    Ok(Exit::Done)
}

fn describe(file: &Path, certificate: &Certificate) -> Value {
    let names: Vec<String> =
        certificate.dns_names().into_iter().chain(certificate.ip_addresses().iter().map(ToString::to_string)).collect();
    json!({
        "file": file.display().to_string(),
        "subject": certificate.subject(),
        "issuer": certificate.issuer(),
        "serial": certificate.serial_decimal(),
        "serial_hex": certificate.serial_hex(),
        "not_before": certificate.not_before().to_string(),
        "not_after": certificate.not_after().to_string(),
        "key": certificate.key_kind().to_string(),
        "uses": pki::uses(certificate),
        "authority": certificate.is_authority(),
        "names": names,
        "subject_key_identifier": certificate.subject_key_identifier().map(hex),
        "sha1": hex(certificate.thumbprint_sha1()),
        "sha256": certificate.fingerprint(),
    })
}

fn hex(octets: &[u8]) -> String {
    crate::base::octets::to_hex(octets)
}

/// `coconnect cert list`.
#[derive(Debug, Args)]
#[command(after_help = "\
EXAMPLES:
  coconnect cert list DIR
  coconnect cert list --json DIR/keys DIR/partners")]
pub struct ListArgs {
    /// Files, and folders in which every certificate is found
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<PathBuf>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn list(args: &ListArgs) -> Result<Exit, Failure> {
    let found = find(&args.paths)?;
    if args.json {
        let values = found.certificates.iter().map(|(file, certificate)| describe(file, certificate)).collect();
        out::json(&Value::Array(values));
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<String>> = found
        .certificates
        .iter()
        .map(|(file, certificate)| {
            let uses =
                if certificate.is_authority() { "authority".to_owned() } else { pki::uses(certificate).join(" ") };
            let key = certificate.key_kind().to_string();
            let until = certificate.not_after().to_string();
            vec![file.display().to_string(), certificate.subject().to_owned(), uses, key, until]
        })
        .collect();
    out::table(&["FILE", "SUBJECT", "USES", "KEY", "UNTIL"], &rows);
    Ok(Exit::Done)
}

/// `coconnect cert check`.
#[derive(Debug, Args)]
#[command(after_help = "\
The first certificate of FILE is checked; the others may help to reach a trusted one.

EXAMPLES:
  coconnect cert check --trusted ca.pem --use sign kr-sign.pem
  coconnect cert check --trusted ca.pem --crl ca.crl --at 2027-01-01T00:00:00Z --json kr-tls.pem")]
pub struct CheckArgs {
    /// A certificate that is trusted as it stands. Repeatable
    #[arg(long, value_name = "FILE", required = true)]
    trusted: Vec<PathBuf>,
    /// A certificate that may help to reach a trusted one. Repeatable
    #[arg(long, value_name = "FILE")]
    untrusted: Vec<PathBuf>,
    /// A revocation list. Repeatable
    #[arg(long, value_name = "FILE")]
    crl: Vec<PathBuf>,
    /// Refuse where the issuer has no current revocation list among --crl
    #[arg(long)]
    require_crl: bool,
    /// The moment of the check, instead of now
    #[arg(long, value_name = "RFC3339")]
    at: Option<Timestamp>,
    /// What the certificate is to be used for
    #[arg(long = "use", value_name = "USE", default_value = "any")]
    purpose: UseOption,
    /// Accept small keys and SHA-1, for old files
    #[arg(long)]
    allow_legacy: bool,
    #[command(flatten)]
    password: PasswordArgs,
    /// As JSON
    #[arg(long)]
    json: bool,
    /// Files whose first certificate is checked
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

pub(super) fn check(args: &CheckArgs) -> Result<Exit, Failure> {
    let anchors = anchors(args)?;
    let at = args.at.unwrap_or_else(|| RealClock::new().now());
    let password = args.password.load()?;
    let mut values = Vec::new();
    let mut all_good = true;
    for file in &args.files {
        let mut chain = certificates(file, password.as_ref())?;
        let certificate = chain.remove(0);
        let outcome = args
            .purpose
            .uses()
            .iter()
            .map(|purpose| anchors.check(&certificate, &chain, at, *purpose))
            .collect::<Result<Vec<_>, PathError>>();
        all_good &= outcome.is_ok();
        if args.json {
            values.push(verdict(file, &certificate, &outcome));
        } else {
            say(file, &outcome);
        }
    }
    if args.json {
        out::json(&Value::Array(values));
    }
    Ok(if all_good { Exit::Done } else { Exit::Refused })
}

fn anchors(args: &CheckArgs) -> Result<TrustAnchors, Failure> {
    let mut anchors = TrustAnchors::load(&args.trusted).map_err(|error| unreadable(&error))?;
    for file in &args.untrusted {
        certificates(file, None)?.into_iter().for_each(|certificate| anchors.add_intermediate(certificate));
    }
    for file in &args.crl {
        Crl::load(file).map_err(|error| unreadable(&error))?.into_iter().for_each(|crl| anchors.add_crl(crl));
    }
    anchors.set_revocation(Revocation { required: args.require_crl, ..Revocation::default() });
    if args.allow_legacy {
        anchors.set_leniency(Leniency::AllowLegacy);
    }
    Ok(anchors)
}

type Outcome = Result<Vec<pki::Path>, PathError>;

fn say(file: &Path, outcome: &Outcome) {
    match outcome {
        Ok(paths) => {
            let path = paths.first().map(pki::Path::certificates).unwrap_or_default();
            let subjects: Vec<&str> = path.iter().map(Certificate::subject).collect();
            let until =
                paths.iter().map(pki::Path::good_until).min().map(|until| until.to_string()).unwrap_or_default();
            out::line(&format!("{}: good until {until}: {}", file.display(), subjects.join(" < ")));
        }
        Err(error) => out::line(&format!("{}: refused: {error}", file.display())),
    }
}

fn verdict(file: &Path, certificate: &Certificate, outcome: &Outcome) -> Value {
    let mut value = describe(file, certificate);
    let answer = match outcome {
        Ok(paths) => json!({
            "good": true,
            "good_until": paths.iter().map(pki::Path::good_until).min().map(|until| until.to_string()),
            "path": paths.first().map(|path| path.certificates().iter().map(Certificate::subject).collect::<Vec<_>>()),
            "without_revocation_list": paths.first().map(pki::Path::unlisted),
        }),
        Err(error) => json!({ "good": false, "reason": error.to_string() }),
    };
    if let (Some(value), Value::Object(answer)) = (value.as_object_mut(), answer) {
        value.extend(answer);
    }
    value
}

/// `coconnect cert calendar`.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit 1 when something has ended. Alerts are due 90, 60, 30, 14, 7 and 1 days before the end.

EXAMPLES:
  coconnect cert calendar DIR
  coconnect cert calendar --within 30 --json DIR")]
pub struct CalendarArgs {
    /// Files, and folders in which every certificate and revocation list is found
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<PathBuf>,
    /// The moment to look from, instead of now
    #[arg(long, value_name = "RFC3339")]
    at: Option<Timestamp>,
    /// Only what ends within this many days
    #[arg(long, value_name = "DAYS")]
    within: Option<i64>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn calendar(args: &CalendarArgs) -> Result<Exit, Failure> {
    let now = args.at.unwrap_or_else(|| RealClock::new().now());
    let found = find(&args.paths)?;
    let mut entries: Vec<Entry> = Vec::new();
    for (file, certificate) in &found.certificates {
        entries.push(Entry::of_certificate(file.display().to_string(), certificate));
    }
    entries.extend(found.crls.iter().filter_map(|(file, crl)| Entry::of_crl(file.display().to_string(), crl)));
    entries.retain(|entry| args.within.is_none_or(|days| entry.days_left(now) < days));
    calendar::sort(&mut entries);
    let ended = entries.iter().any(|entry| entry.nearness(now) == Nearness::Ended);
    if args.json {
        let values = entries.iter().map(|entry| {
            json!({
                "what": entry.what,
                "subject": entry.subject,
                "sha256": entry.fingerprint,
                "ends": entry.ends.to_string(),
                "days_left": entry.days_left(now),
                "alert": alert(entry.nearness(now)),
            })
        });
        out::json(&Value::Array(values.collect()));
    } else {
        let rows: Vec<Vec<String>> = entries
            .iter()
            .map(|entry| {
                let days = entry.days_left(now).to_string();
                vec![
                    entry.ends.to_string(),
                    days,
                    alert(entry.nearness(now)),
                    entry.what.clone(),
                    entry.subject.clone(),
                ]
            })
            .collect();
        out::table(&["ENDS", "DAYS", "ALERT", "FILE", "SUBJECT"], &rows);
    }
    Ok(if ended { Exit::Refused } else { Exit::Done })
}

fn alert(nearness: Nearness) -> String {
    match nearness {
        Nearness::Ended => "ended".to_owned(),
        Nearness::Within(days) => format!("within {days} days"),
        Nearness::Far => String::new(),
    }
}

/// What stands below the paths, in their order; a file seen twice counts once.
#[derive(Default)]
struct Found {
    certificates: Vec<(PathBuf, Certificate)>,
    crls: Vec<(PathBuf, Crl)>,
    files: usize,
}

fn find(paths: &[PathBuf]) -> Result<Found, Failure> {
    let mut found = Found::default();
    for path in paths {
        if path.is_dir() {
            found.folder(path, 0)?;
        } else if !found.file(path) {
            // A file that was named must be readable as what it is looked for.
            certificates(path, None)?;
        }
    }
    Ok(found)
}

impl Found {
    fn folder(&mut self, folder: &Path, depth: usize) -> Result<(), Failure> {
        let failed = |error: std::io::Error| Failure::usage(format!("cannot read {}: {error}", folder.display()));
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(failed)? {
            entries.push(entry.map_err(failed)?);
        }
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let kind = entry.file_type().map_err(failed)?;
            let path = entry.path();
            if kind.is_dir() && depth < DEPTH_MAX {
                self.folder(&path, depth + 1)?;
            } else if kind.is_file() && may_hold(&path) {
                self.files += 1;
                if self.files > FILES_MAX {
                    return Err(Failure::usage(format!("more than {FILES_MAX} files below {}", folder.display())));
                }
                self.file(&path);
            }
        }
        Ok(())
    }

    /// Whether something was found in the file.
    fn file(&mut self, path: &Path) -> bool {
        if let Ok(certificates) = Certificate::load(path) {
            self.certificates.extend(certificates.into_iter().map(|certificate| (path.to_owned(), certificate)));
            return true;
        }
        let Ok(crls) = Crl::load(path) else { return false };
        self.crls.extend(crls.into_iter().map(|crl| (path.to_owned(), crl)));
        true
    }
}

/// Extensions that certificates and lists are kept under.
fn may_hold(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    ["pem", "crt", "cer", "der", "crl", "cert"].contains(&extension.to_ascii_lowercase().as_str())
}
