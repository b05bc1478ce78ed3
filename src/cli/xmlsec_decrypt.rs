//! `coconnect xmlsec decrypt`: clear text of a file (design 4.1).

use std::path::PathBuf;

use clap::Args;

use super::keys::KeyArgs;
use super::out::{self, Exit, Failure};
use super::xmlsec::PolicyArgs;
use crate::xmlsec::dsig::IdAttributes;
use crate::xmlsec::enc::{self, Clear, Decryptor, Keys};

/// Decrypt every EncryptedData of a file that one of the keys opens.
///
/// Writes the document with every EncryptedData that opens replaced by its clear text; or the octets, where its Type is
/// neither Element nor Content. Exit 1 when nothing opens or something is broken or refused.
#[derive(Debug, Args)]
#[command(after_help = "\
EXAMPLES:
  coconnect xmlsec decrypt --key our.key message.xml
  coconnect xmlsec decrypt --key our.p12 --password pass.txt --out clear.xml message.xml
  coconnect xmlsec decrypt --secret job=aes128.bin --allow-legacy old.xml")]
pub struct DecryptArgs {
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    policy: PolicyArgs,
    /// Where to write; standard output without it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The file; - is standard input
    #[arg(value_name = "FILE")]
    file: String,
}

/// Runs it.
///
/// # Errors
/// [`Failure`] with the exit code of design 4.1.
pub fn run(args: &DecryptArgs) -> Result<Exit, Failure> {
    let policy = args.policy.policy();
    let keys = Keys::new(&args.keys.load()?);
    let urls = args.policy.urls()?;
    let mut document = args.policy.parse(&args.file)?;
    let decryptor = Decryptor { keys: &keys, policy: &policy, urls: &urls, ids: IdAttributes::usual() };
    let decrypted = decryptor
        .decrypt_document(&mut document)
        .map_err(|error| explained(&args.file, &error, args.policy.allow_legacy))?;
    for left in &decrypted.left {
        let id = left.id.as_deref().map(|id| format!(" {id:?}")).unwrap_or_default();
        eprintln!(
            "coconnect: note: {}: EncryptedData{id} at {} stays closed: {}",
            args.file,
            left.at,
            out::chain(&left.reason)
        );
    }
    match decrypted.clear {
        Clear::Document => write(args.out.as_deref(), &document.to_octets())?,
        Clear::Octets(octets) => write(args.out.as_deref(), &octets)?,
    }
    Ok(Exit::Done)
}

fn explained(file: &str, error: &enc::Error, legacy: bool) -> Failure {
    let failure = Failure::refused(format!("{file}: {}", out::chain(error)));
    match error.kind() {
        enc::Kind::Policy if !legacy => failure.hint("old algorithms and symmetric keys need --allow-legacy"),
        enc::Kind::NoKey => {
            failure.hint("bring the recipient's key with --key FILE, a symmetric one with --secret NAME=FILE")
        }
        _ => failure,
    }
}

/// Writes an answer to a file or to standard output.
///
/// # Errors
/// Exit 2.
pub(super) fn write(file: Option<&std::path::Path>, octets: &[u8]) -> Result<(), Failure> {
    match file {
        None => out::octets(octets),
        Some(file) => {
            std::fs::write(file, octets).map_err(|error| Failure::usage(format!("{}: {error}", file.display())))?;
        }
    }
    Ok(())
}
