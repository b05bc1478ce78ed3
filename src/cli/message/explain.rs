//! `message explain`: why a signature or a decryption failed, with the octets (design 4).

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::cli::keys::read_input;
use crate::cli::out::{self, Exit, Failure};
use crate::cli::place::Place;
use crate::cli::reach::{Reach, text};
use crate::cli::wss::{JudgeArgs, identities};
use crate::exchange::partner::{CertificateUse, Partner};
use crate::gateway::config::{Config, KeyPair};
use crate::gateway::identity::OwnIdentity;
use crate::gateway::partners;
use crate::pki::{Certificate, TrustAnchors};
use crate::soap::Envelope;
use crate::soap::wss::explain::{self, Explanation, Subject};
use crate::soap::wss::{Policy, Verifier};
use crate::xmlsec::dsig::explain::Search;
use crate::xmlsec::key::{Key, Material};
use crate::xmlsec::{KeyRing, key_file};

mod render;

/// `message explain`.
#[derive(Debug, Args)]
#[command(after_help = "\
For each Reference it shows our canonical octets, the digest expected and the one computed. Where they differ it tries
what senders are known to do otherwise (canonicalization, PrefixList, line ends, white space, declarations, another
element, another digest, ciphertext) and names what would fit; for the SignatureValue other keys, methods, encodings
and forms of SignedInfo; for each EncryptedKey whom it names, and how each of our keys does.
A FILE is looked at with the options below, an ID with the keys, certificates and journal of the gateway.
Exit 0: the message holds. Exit 1: it is refused, and why is told. Exit 2: it cannot be read.

EXAMPLES:
  coconnect message explain R-7K2M9QX3V8ZC5T1D4B6N0WEHJA --dir id
  coconnect message explain refused.xml --key our.key --key our.crt --trusted ca.crt --at 2026-11-22T12:00:30Z
  coconnect message explain refused.xml --profile lenient --trusted ca.crt --out octets/ --json")]
pub struct Explain {
    /// MessageID (urn:uuid:...) or reference id (R-...) of a message in the journal; or a file, - for standard input.
    #[arg(value_name = "ID|FILE")]
    what: String,
    #[command(flatten)]
    judge: JudgeArgs,
    /// Which octets of a recorded message. Default: the answer of a message that we sent, else the request.
    #[arg(long, value_enum)]
    part: Option<Side>,
    #[command(flatten)]
    place: Place,
    /// Show the octets in full, not their beginning.
    #[arg(long)]
    bytes: bool,
    /// Write the octets, ours and those that would fit, each into a file of this folder.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

/// Whose octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Side {
    /// As it came to us.
    Request,
    /// The partner's answer to a message of ours.
    Answer,
}

/// A message with whatever is known of it.
struct Found {
    octets: Vec<u8>,
    /// What the journal says of it.
    record: Value,
    ring: KeyRing,
    known: Vec<Certificate>,
    signers: crate::soap::wss::Anchored,
    at: Option<jiff::Timestamp>,
}

pub(super) fn run(args: &Explain) -> Result<Exit, Failure> {
    let is_id = args.what.starts_with("R-") || args.what.starts_with("urn:uuid:");
    let found = if is_id && !Path::new(&args.what).exists() { recorded(args)? } else { file(args)? };
    let explanation = judge(args, &found)?;
    let written = match &args.out {
        Some(folder) => render::write(folder, &explanation)?,
        None => Vec::new(),
    };
    if args.json {
        out::json(&render::json(&args.what, &found.record, &explanation, args.bytes));
    } else {
        render::print(&args.what, &found.record, &explanation, args.bytes);
        for path in written {
            out::line(&format!("written {}", path.display()));
        }
    }
    Ok(if explanation.refusal.is_none() { Exit::Done } else { Exit::Refused })
}

fn judge(args: &Explain, found: &Found) -> Result<Explanation, Failure> {
    let keys = identities(&found.ring);
    let mut context = args.judge.context(&found.signers, &keys);
    context.now = args.judge.at.or(found.at).unwrap_or(context.now);
    // Whatever is no envelope is refused before a policy is asked.
    let policy =
        Envelope::parse(found.octets.clone(), None).map_or_else(|_| Policy::serve(), |e| args.judge.policy(&e));
    let verifier = Verifier::new(policy);
    let subject = Subject {
        verifier: &verifier,
        context: &context,
        ring: &found.ring,
        known: &found.known,
        search: Search::Everything,
    };
    explain::explain(found.octets.clone(), &subject).map_err(|error| {
        let text = format!("{}:{error}", args.what);
        let failure = match error {
            crate::xml::Error::NotWellFormed { .. } => Failure::usage(text),
            crate::xml::Error::Limit { .. } | crate::xml::Error::DtdRefused { .. } => Failure::refused(text),
        };
        match found.record["octets"].as_u64() {
            Some(all) if all > found.octets.len() as u64 => {
                failure.hint(format!("the journal kept only the first {} of {all} octets", found.octets.len()))
            }
            _ => failure,
        }
    })
}

fn file(args: &Explain) -> Result<Found, Failure> {
    let octets = read_input(&args.what)?;
    let ring = args.judge.keys.load()?;
    let signers = args.judge.signers(&ring)?;
    Ok(Found { octets, record: Value::Null, ring, known: args.judge.trusted()?, signers, at: None })
}

/// A message of the journal, with the keys of the gateway and the certificates of the partner.
fn recorded(args: &Explain) -> Result<Found, Failure> {
    let config = args.place.config()?;
    let path = format!("/v1/messages/{}", crate::web::escape(&args.what));
    let (record, octets) = {
        let reach = Reach::open(&args.place)?;
        let record = reach.json(&path)?;
        let side = args.part.unwrap_or(if text(&record, "direction") == "out" { Side::Answer } else { Side::Request });
        let name = if side == Side::Answer { "answer" } else { "request" };
        (record, reach.get(&format!("{path}?part={name}"))?.body)
    };
    let mut ring = own_keys(&config)?;
    for key in args.judge.keys.load()?.keys() {
        ring.add(key.clone());
    }
    let partner = partner(&config, &text(&record, "partner"));
    let mut anchors = partner.as_ref().map_or_else(|_| TrustAnchors::new(), |partner| partner.anchors().clone());
    args.judge.trusted()?.into_iter().for_each(|certificate| anchors.add_anchor(certificate));
    let mut signers = crate::soap::wss::Anchored::new(anchors, crate::pki::Use::Sign);
    let mut known = args.judge.trusted()?;
    match &partner {
        Ok(partner) => {
            for entry in partner.certificates() {
                known.push((*entry.certificate).clone());
                if entry.uses.contain(CertificateUse::Sign) {
                    signers.know((*entry.certificate).clone(), None);
                }
            }
        }
        Err(why) => eprintln!("coconnect: note: without the partner's certificates: {why}"),
    }
    let at = text(&record, "time").parse().ok();
    Ok(Found { octets, record, ring, known, signers, at })
}

fn partner(config: &Config, id: &str) -> Result<Partner, String> {
    let own = OwnIdentity::load(config).map_err(|error| out::chain(&error))?;
    let folder = config.partners_dir();
    let file = partners::load(&folder.join(format!("{id}.toml"))).map_err(|error| out::chain(&error))?;
    Partner::load(file, &folder, &own.anchors).map_err(|error| out::chain(&error))
}

/// The gateway's keys for messages, each with its certificate.
fn own_keys(config: &Config) -> Result<KeyRing, Failure> {
    let password = match &config.identity.password_file {
        Some(file) => Some(key_file::password_of(&read(config, file)?)),
        None => None,
    };
    let password = password.as_ref().map(|text| text.as_str());
    let mut ring = KeyRing::new();
    for (name, pair) in [("encrypt", &config.identity.encrypt), ("sign", &config.identity.sign)] {
        ring.add(own_key(config, name, pair, password)?);
    }
    Ok(ring)
}

fn own_key(config: &Config, name: &str, pair: &KeyPair, password: Option<&str>) -> Result<Key, Failure> {
    let unusable =
        |error: crate::xmlsec::key::Error| Failure::usage(format!("identity.{name}: {}", out::chain(&error)));
    let what = |file: &Path| config.path(file).display().to_string();
    let octets = zeroize::Zeroizing::new(read(config, &pair.key)?);
    let key = key_file::load(&octets, &what(&pair.key), password).map_err(unusable)?;
    let certificates =
        key_file::load_certificates(&read(config, &pair.certificate)?, &what(&pair.certificate), password)
            .map_err(unusable)?;
    match key.material {
        Material::Private(_) => Ok(Key { name: Some(name.to_owned()), certificates, ..key }),
        _ => Err(Failure::usage(format!("identity.{name}.key: {}: expected a private key", what(&pair.key)))),
    }
}

fn read(config: &Config, file: &Path) -> Result<Vec<u8>, Failure> {
    let path = config.path(file);
    std::fs::read(&path).map_err(|error| Failure::usage(format!("read {}: {error}", path.display())))
}

/// Names for `--json`: what a record says, without what is not about the message.
fn record_view(record: &Value) -> Value {
    let fields = ["reference_id", "message_id", "direction", "partner", "status", "time", "code", "reason"];
    json!(fields.iter().map(|field| ((*field).to_owned(), record[*field].clone())).collect::<serde_json::Map<_, _>>())
}
