//! `cert ca|issue|revoke|export`: what writes files.

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::{SignedDuration, Timestamp};

use super::{KeyOption, PasswordArgs, UseOption, certificates, unreadable};
use crate::base::{Clock, RealClock};
use crate::cli::out::{self, Exit, Failure};
use crate::pki::{Certificate, Crl, DevCa, Issue, PrivateKey};

/// Who a certificate names, and how long.
#[derive(Debug, Args)]
pub struct SubjectArgs {
    /// commonName
    #[arg(long, value_name = "TEXT")]
    name: String,
    /// organizationName
    #[arg(long, value_name = "TEXT")]
    organization: Option<String>,
    /// countryName: two letters
    #[arg(long, value_name = "XX")]
    country: Option<String>,
    /// Kind of the new key
    #[arg(long, value_name = "KIND", default_value = "rsa2048")]
    key: KeyOption,
    /// Days of validity from now on
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(i64).range(1..=36_500))]
    days: i64,
    /// First moment of validity, instead of now
    #[arg(long, value_name = "RFC3339")]
    not_before: Option<Timestamp>,
    /// Last moment of validity, instead of --days
    #[arg(long, value_name = "RFC3339")]
    not_after: Option<Timestamp>,
    /// Serial number, instead of a random one
    #[arg(long)]
    serial: Option<u64>,
    /// Replace files that are there
    #[arg(long)]
    force: bool,
}

impl SubjectArgs {
    fn issue(&self, uses: &[UseOption]) -> Result<Issue, Failure> {
        let uses: Vec<_> = uses.iter().flat_map(|option| option.uses()).copied().collect();
        let now = RealClock::new().now();
        let mut issue = Issue::new(self.name.clone(), &uses, self.not_before.unwrap_or(now), self.days);
        let (from, to) = (self.not_before.unwrap_or(issue.not_before), self.not_after.unwrap_or(issue.not_after));
        if from >= to {
            return Err(Failure::usage(format!("validity from {from} to {to}: the end lies before the beginning")));
        }
        issue = issue.validity(from, to);
        issue.organization.clone_from(&self.organization);
        issue.country.clone_from(&self.country);
        issue.serial = self.serial;
        Ok(issue)
    }

    fn key(&self) -> Result<PrivateKey, Failure> {
        PrivateKey::generate(self.key.into()).map_err(|error| unreadable(&error))
    }
}

/// `coconnect cert ca`.
#[derive(Debug, Args)]
#[command(after_help = "\
Writes ca.pem (give it away) and ca.key (keep it).

EXAMPLES:
  coconnect cert ca --name \"Development CA\" --days 3650 --out ca")]
pub struct CaArgs {
    #[command(flatten)]
    subject: SubjectArgs,
    /// Where to write: PREFIX.pem and PREFIX.key
    #[arg(long, value_name = "PREFIX", default_value = "ca")]
    out: PathBuf,
}

pub(super) fn ca(args: &CaArgs) -> Result<Exit, Failure> {
    let files = Files::at(&args.out, args.subject.force)?;
    let ca = DevCa::create(&args.subject.issue(&[])?, args.subject.key()?).map_err(|error| unreadable(&error))?;
    files.write(ca.certificate(), &[], ca.key())
}

/// `coconnect cert issue`.
#[derive(Debug, Args)]
#[command(after_help = "\
EXAMPLES:
  coconnect cert issue --ca ca.pem --ca-key ca.key --name kr.example --use tls --san kr.example --out kr-tls
  coconnect cert issue --ca ca.pem --ca-key ca.key --name \"KR sign\" --use sign --key p256 --out kr-sign")]
pub struct IssueArgs {
    #[command(flatten)]
    authority: AuthorityArgs,
    #[command(flatten)]
    subject: SubjectArgs,
    /// What the certificate is for. Repeatable
    #[arg(long = "use", value_name = "USE", required = true)]
    uses: Vec<UseOption>,
    /// A DNS name or IP address that it bears. Repeatable
    #[arg(long, value_name = "NAME")]
    san: Vec<String>,
    /// Where to write: PREFIX.pem (with the issuing authority below it, unless that is a root) and PREFIX.key
    #[arg(long, value_name = "PREFIX")]
    out: PathBuf,
}

pub(super) fn issue(args: &IssueArgs) -> Result<Exit, Failure> {
    let files = Files::at(&args.out, args.subject.force)?;
    let ca = args.authority.load()?;
    let key = args.subject.key()?;
    let issue = args.subject.issue(&args.uses)?.names(args.san.iter().cloned());
    let certificate = ca.issue(&issue, &key).map_err(|error| unreadable(&error))?;
    let is_root = ca.certificate().is_self_issued();
    let above: &[Certificate] = if is_root { &[] } else { std::slice::from_ref(ca.certificate()) };
    files.write(&certificate, above, &key)
}

/// An authority made before.
#[derive(Debug, Args)]
struct AuthorityArgs {
    /// Certificate of the authority
    #[arg(long, value_name = "FILE")]
    ca: PathBuf,
    /// Its private key
    #[arg(long, value_name = "FILE")]
    ca_key: PathBuf,
    #[command(flatten)]
    password: PasswordArgs,
}

impl AuthorityArgs {
    fn load(&self) -> Result<DevCa, Failure> {
        let password = self.password.load()?;
        let certificate = certificates(&self.ca, password.as_ref())?.swap_remove(0);
        let file = PrivateKey::load(&self.ca_key, password.as_ref()).map_err(|error| unreadable(&error))?;
        if file.readable_by_others {
            eprintln!("coconnect: warning: {} can be read by others; chmod 600 it", self.ca_key.display());
        }
        DevCa::from_parts(certificate, file.key).map_err(|error| unreadable(&error))
    }
}

/// `coconnect cert revoke`.
#[derive(Debug, Args)]
#[command(after_help = "\
Writes ca.crl anew: what it revoked before stays revoked.

EXAMPLES:
  coconnect cert revoke --ca ca.pem --ca-key ca.key --crl ca.crl kr-old.pem")]
pub struct RevokeArgs {
    #[command(flatten)]
    authority: AuthorityArgs,
    /// The revocation list: read when it is there, written anew
    #[arg(long, value_name = "FILE")]
    crl: PathBuf,
    /// When the certificates were revoked, instead of now
    #[arg(long, value_name = "RFC3339")]
    revoked_at: Option<Timestamp>,
    /// When the list is made, instead of now
    #[arg(long, value_name = "RFC3339")]
    this_update: Option<Timestamp>,
    /// Days until the next list
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(i64).range(1..=36_500))]
    days: i64,
    /// Certificates to revoke; none renews the list
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(super) fn revoke(args: &RevokeArgs) -> Result<Exit, Failure> {
    let ca = args.authority.load()?;
    let previous = match args.crl.exists() {
        true => Crl::load(&args.crl).map_err(|error| unreadable(&error))?.into_iter().next(),
        false => None,
    };
    let mut revoked = Vec::new();
    for file in &args.files {
        let certificate = certificates(file, None)?.swap_remove(0);
        if certificate.issuer() != ca.certificate().subject() {
            let (file, issuer) = (file.display(), certificate.issuer());
            return Err(Failure::refused(format!("{file}: issued by {issuer}, not by {}", ca.certificate().subject())));
        }
        revoked.push(certificate);
    }
    let now = RealClock::new().now();
    let made = args.this_update.unwrap_or(now);
    let next = made
        .checked_add(SignedDuration::from_hours(24 * args.days))
        .map_err(|_| Failure::usage("the next update lies beyond the year 9999"))?;
    let revoked: Vec<&Certificate> = revoked.iter().collect();
    let list = ca
        .revoke(previous.as_ref(), &revoked, args.revoked_at.unwrap_or(made), made, next)
        .map_err(|error| unreadable(&error))?;
    let pem = list.to_pem().map_err(|error| unreadable(&error))?;
    write(&args.crl, pem.as_bytes())?;
    out::line(&format!("{}: {} revoked, next update {next}", args.crl.display(), list.revoked_count()));
    Ok(Exit::Done)
}

/// `coconnect cert export`.
#[derive(Debug, Args)]
#[command(after_help = "\
EXAMPLES:
  coconnect cert export keys/sign.p12 --password pass.txt > sign.pem
  coconnect cert export --der sign.pem --out sign.der")]
pub struct ExportArgs {
    /// A file that holds the certificate
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    password: PasswordArgs,
    /// DER instead of PEM; then only the first certificate
    #[arg(long)]
    der: bool,
    /// Where to write, instead of stdout
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn export(args: &ExportArgs) -> Result<Exit, Failure> {
    let found = certificates(&args.file, args.password.load()?.as_ref())?;
    let octets = match (args.der, found.first()) {
        (true, Some(first)) => first.der().to_vec(),
        _ => found.iter().map(Certificate::to_pem).collect::<String>().into_bytes(),
    };
    match &args.out {
        Some(path) => write(path, &octets)?,
        None => out::octets(&octets),
    }
    Ok(Exit::Done)
}

/// The two files of a certificate and its key.
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

impl Files {
    fn at(prefix: &Path, force: bool) -> Result<Self, Failure> {
        let with = |extension: &str| {
            let mut name = prefix.as_os_str().to_owned();
            name.push(extension);
            PathBuf::from(name)
        };
        let files = Self { certificate: with(".pem"), key: with(".key") };
        for path in [&files.certificate, &files.key] {
            if path.exists() && !force {
                let failure = Failure::refused(format!("{} is there already", path.display()));
                return Err(failure.hint("--force replaces it; what it was used for stops working"));
            }
        }
        Ok(files)
    }

    fn write(&self, certificate: &Certificate, above: &[Certificate], key: &PrivateKey) -> Result<Exit, Failure> {
        let pem: String = std::iter::once(certificate).chain(above).map(Certificate::to_pem).collect();
        key.write(&self.key).map_err(|error| unreadable(&error))?;
        write(&self.certificate, pem.as_bytes())?;
        out::line(&format!(
            "{}: {}, {}, until {}, SHA-256 {}",
            self.certificate.display(),
            certificate.subject(),
            certificate.key_kind(),
            certificate.not_after(),
            certificate.fingerprint()
        ));
        Ok(Exit::Done)
    }
}

fn write(path: &Path, octets: &[u8]) -> Result<(), Failure> {
    std::fs::write(path, octets).map_err(|error| Failure::usage(format!("cannot write {}: {error}", path.display())))
}
