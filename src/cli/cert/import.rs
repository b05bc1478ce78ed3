//! `cert import`: a partner's new certificate beside its old ones, so that a rotation overlaps.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use super::{PasswordArgs, certificates};
use crate::base::id::PartnerId;
use crate::base::{Clock, RealClock};
use crate::cli::out::{self, Exit, Failure, chain};
use crate::cli::place::Place;
use crate::exchange::partner::{CertificateEntry, CertificateUse, Partner, Uses};
use crate::gateway::identity::OwnIdentity;
use crate::gateway::partners;
use crate::pki::{Certificate, PathError, Use};

/// `coconnect cert import`.
#[derive(Debug, Args)]
#[command(after_help = "\
The old certificates stay: all that are valid are accepted, and of several for encryption the latest whose time has come
is used. A running gateway takes the new one at once with SIGHUP.

EXAMPLES:
  coconnect cert import --dir kr --partner ID --use sign id-sign-2027.pem
  coconnect cert import --dir kr --partner ID --use encrypt --use-from 2027-01-01T00:00:00Z id-encrypt-2027.pem")]
pub struct ImportArgs {
    #[command(flatten)]
    place: Place,
    /// The partner's id
    #[arg(long, value_name = "ID")]
    partner: String,
    /// What the certificate is for. Repeatable
    #[arg(long = "use", value_name = "USE", required = true)]
    uses: Vec<ImportUse>,
    /// First moment of use, instead of now
    #[arg(long, value_name = "RFC3339")]
    use_from: Option<Timestamp>,
    #[command(flatten)]
    password: PasswordArgs,
    /// As JSON
    #[arg(long)]
    json: bool,
    /// The certificate: PEM, DER or PKCS#12; certificates that follow it in the file are kept with it
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// The uses that a partner file names.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
enum ImportUse {
    Tls,
    Sign,
    Encrypt,
}

impl ImportUse {
    /// As in the partner file, and as the path is checked. A partner always calls; whether it also serves shows later.
    fn meant(self) -> (CertificateUse, Use, &'static str) {
        match self {
            Self::Tls => (CertificateUse::Tls, Use::TlsClient, "tls"),
            Self::Sign => (CertificateUse::Sign, Use::Sign, "sign"),
            Self::Encrypt => (CertificateUse::Encrypt, Use::Encrypt, "encrypt"),
        }
    }
}

pub(super) fn import(args: &ImportArgs) -> Result<Exit, Failure> {
    let config = args.place.config()?;
    let id = PartnerId::parse(&args.partner).map_err(|error| Failure::usage(error.to_string()))?;
    let folder = config.partners_dir();
    let path = folder.join(format!("{id}.toml"));
    if !path.exists() {
        let failure = Failure::refused(format!("there is no partner {:?}", args.partner));
        return Err(failure.hint("coconnect partner list names those there are"));
    }
    let mut file = partners::load(&path).map_err(|error| Failure::usage(chain(&error)))?;
    let own = OwnIdentity::load(&config).map_err(|error| Failure::usage(chain(&error)))?;
    let partner =
        Partner::load(file.clone(), &folder, &own.anchors).map_err(|error| Failure::refused(chain(&error)))?;

    let shown = certificates(&args.file, args.password.load()?.as_ref())?;
    let (certificate, above) = shown.split_first().ok_or_else(|| Failure::usage("no certificate"))?;
    check(args, &partner, certificate, above)?;

    let uses: Vec<CertificateUse> = args.uses.iter().map(|option| option.meant().0).collect();
    let names: Vec<&str> = args.uses.iter().map(|option| option.meant().2).collect();
    let fingerprint = certificate.fingerprint();
    let short = fingerprint.get(..16).unwrap_or(&fingerprint);
    let name = PathBuf::from(id.as_str()).join(format!("certificate-{}-{short}.pem", names.join("-")));
    let uses = match uses.as_slice() {
        [one] => Uses::One(*one),
        _ => Uses::Many(uses),
    };
    file.certificates.push(CertificateEntry { uses, file: name.clone(), use_from: args.use_from });
    file.check().map_err(|error| Failure::refused(chain(&error)))?;
    let pem: String = shown.iter().map(Certificate::to_pem).collect();
    let write = |path: &PathBuf, octets: &[u8]| {
        partners::write_whole(path, octets).map_err(|error| Failure::usage(chain(&error)))
    };
    std::fs::create_dir_all(folder.join(id.as_str()))
        .map_err(|error| Failure::usage(format!("cannot create {}: {error}", folder.join(id.as_str()).display())))?;
    write(&folder.join(&name), pem.as_bytes())?;
    write(&path, file.to_toml().as_bytes())?;
    report(args, &id, certificate, &folder.join(&name));
    Ok(Exit::Done)
}

/// The certificate leads to the partner's anchors, for each use, at the moment from which it is to be used.
fn check(
    args: &ImportArgs,
    partner: &Partner,
    certificate: &Certificate,
    above: &[Certificate],
) -> Result<(), Failure> {
    let now = RealClock::new().now();
    let at = args.use_from.unwrap_or(now).max(now);
    for option in &args.uses {
        let (wanted, purpose, name) = option.meant();
        let known =
            partner.certificates().iter().any(|known| *known.certificate == *certificate && known.uses.contain(wanted));
        if known {
            return Err(Failure::refused(format!("partner {} has this certificate for {name} already", partner.id())));
        }
        partner.anchors().check(certificate, above, at, purpose).map_err(|error| {
            let failure = Failure::refused(error.to_string());
            match error {
                PathError::NotYetValid { not_before, .. } => failure.hint(format!("--use-from {not_before}")),
                PathError::UnknownIssuer { .. } | PathError::SelfSigned { .. } => {
                    failure.hint("its authority must stand as [[anchor]] in the partner file, or as keys/ca.crt")
                }
                _ => failure,
            }
        })?;
    }
    Ok(())
}

fn report(args: &ImportArgs, id: &PartnerId, certificate: &Certificate, file: &std::path::Path) {
    if args.json {
        out::json(&json!({
            "partner": id.as_str(),
            "file": file,
            "subject": certificate.subject(),
            "sha256": certificate.fingerprint(),
            "not_after": certificate.not_after().to_string(),
            "use_from": args.use_from.map(|from| from.to_string()),
        }));
        return;
    }
    let from = args.use_from.map_or_else(|| "at once".to_owned(), |from| format!("from {from}"));
    out::line(&format!("partner {id}: {} {from}, until {}", certificate.subject(), certificate.not_after()));
    out::line(&format!("  certificate {}", file.display()));
    out::line("a running gateway takes it with SIGHUP");
}
