//! `coconnect cert`: certificates, their keys, and what expires when (design 4).

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::out::{Exit, Failure, chain};
use crate::pki::{self, Certificate, KeyKind, Password};

mod import;
mod look;
mod make;

/// `coconnect cert`.
#[derive(Debug, Args)]
pub struct CertArgs {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make a certificate authority for development and tests
    Ca(make::CaArgs),
    /// Issue a certificate with a new key
    Issue(make::IssueArgs),
    /// Add a certificate to the revocation list of an authority made with `cert ca`
    Revoke(make::RevokeArgs),
    /// Give a partner a further certificate
    Import(import::ImportArgs),
    /// Write a certificate as PEM or DER, with the intermediates that its file holds
    Export(make::ExportArgs),
    /// Show certificates in full
    Show(look::ShowArgs),
    /// List the certificates below files and folders
    List(look::ListArgs),
    /// Check that a certificate may be used: its path, its time, its use, its revocation
    Check(look::CheckArgs),
    /// Tell what expires when
    Calendar(look::CalendarArgs),
}

/// Runs the verb.
///
/// # Errors
/// [`Failure`]: 1 where a certificate is refused, 2 where something cannot be read.
pub fn run(args: &CertArgs) -> Result<Exit, Failure> {
    match &args.verb {
        Verb::Ca(args) => make::ca(args),
        Verb::Issue(args) => make::issue(args),
        Verb::Revoke(args) => make::revoke(args),
        Verb::Import(args) => import::import(args),
        Verb::Export(args) => make::export(args),
        Verb::Show(args) => look::show(args),
        Verb::List(args) => look::list(args),
        Verb::Check(args) => look::check(args),
        Verb::Calendar(args) => look::calendar(args),
    }
}

/// A kind of key, as an option names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
enum KeyOption {
    Rsa2048,
    Rsa3072,
    Rsa4096,
    P256,
    P384,
    Ed25519,
}

impl From<KeyOption> for KeyKind {
    fn from(option: KeyOption) -> Self {
        match option {
            KeyOption::Rsa2048 => Self::Rsa { bits: 2048 },
            KeyOption::Rsa3072 => Self::Rsa { bits: 3072 },
            KeyOption::Rsa4096 => Self::Rsa { bits: 4096 },
            KeyOption::P256 => Self::Ec { curve: "prime256v1", bits: 256 },
            KeyOption::P384 => Self::Ec { curve: "secp384r1", bits: 384 },
            KeyOption::Ed25519 => Self::Ed25519,
        }
    }
}

/// What a certificate is for, as an option names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
enum UseOption {
    /// Both ends of TLS
    Tls,
    TlsServer,
    TlsClient,
    Sign,
    Encrypt,
    Any,
}

impl UseOption {
    fn uses(self) -> &'static [pki::Use] {
        match self {
            Self::Tls => &[pki::Use::TlsServer, pki::Use::TlsClient],
            Self::TlsServer => &[pki::Use::TlsServer],
            Self::TlsClient => &[pki::Use::TlsClient],
            Self::Sign => &[pki::Use::Sign],
            Self::Encrypt => &[pki::Use::Encrypt],
            Self::Any => &[pki::Use::Any],
        }
    }
}

/// A password file, or the environment.
#[derive(Debug, Args)]
struct PasswordArgs {
    /// A file whose first line opens PKCS#12 and encrypted keys; without it COCONNECT_PASSWORD of the environment
    #[arg(long, value_name = "FILE")]
    password: Option<PathBuf>,
}

impl PasswordArgs {
    fn load(&self) -> Result<Option<Password>, Failure> {
        match &self.password {
            Some(path) => Password::load(path).map(Some).map_err(|error| unreadable(&error)),
            None => Ok(super::keys::password_of_environment().map(|text| Password::new(text.as_str().to_owned()))),
        }
    }
}

fn unreadable(error: &pki::Error) -> Failure {
    let failure = Failure::usage(chain(error));
    let missing = |error: &pki::Error| matches!(error, pki::Error::PasswordMissing);
    match error {
        pki::Error::In { source, .. } if missing(source) => {
            failure.hint("give the password with --password FILE or in COCONNECT_PASSWORD")
        }
        _ => failure,
    }
}

/// The certificates of a file, be it PEM, DER, or PKCS#12 with its password.
fn certificates(path: &Path, password: Option<&Password>) -> Result<Vec<Certificate>, Failure> {
    let error = match Certificate::load(path) {
        Ok(found) => return Ok(found),
        Err(error) => error,
    };
    match pki::PrivateKey::load(path, password) {
        Ok(file) if file.certificate.is_some() => Ok(file.certificate.into_iter().chain(file.chain).collect()),
        Err(key_error @ pki::Error::In { .. }) if is_locked(&key_error) => Err(unreadable(&key_error)),
        _ => Err(unreadable(&error)),
    }
}

fn is_locked(error: &pki::Error) -> bool {
    matches!(error, pki::Error::In { source, .. }
        if matches!(**source, pki::Error::PasswordMissing | pki::Error::PasswordWrong))
}
