//! `coconnect wss`: the WS-Security layer on plain files (design 4.1).

use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::keys::{KeyArgs, read_input};
use super::out::{self, Exit, Failure};
use crate::base::{Clock, RealClock};
use crate::pki::{Certificate, Leniency, TrustAnchors, Use};
use crate::soap::addressing::{Addressing, Expect};
use crate::soap::envelope::Envelope;
use crate::soap::wss::explain;
use crate::soap::wss::{
    Anchored, Authentic, Context, Encryption, Identity, Policy, Reason, Refusal, Stage, TrustError, Verifier, timestamp,
};
use crate::xmlsec::dsig::explain::{ExplainedReference, Search, Standing};
use crate::xmlsec::key::Material;
use crate::xmlsec::read::encode_base64;
use crate::xmlsec::{KeyInfoForms, KeyRing};

/// `coconnect wss`.
#[derive(Debug, Args)]
pub struct WssArgs {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Judge a whole SOAP message as a gateway judges it: exit 0 accepted, 1 refused
    Check(CheckArgs),
}

/// How strictly a message is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProfileArg {
    /// As `serve` does: addressing signed, business document encrypted, nothing that is not listed
    Serve,
    /// Body and, when present, Timestamp signed; no addressing, no encryption, either order
    Lenient,
}

/// What a message is judged with: keys, trust, time, strictness.
#[derive(Debug, Args)]
pub struct JudgeArgs {
    /// The keys.
    #[command(flatten)]
    pub keys: KeyArgs,
    /// A certificate authority that may have certified the signer. Repeatable
    #[arg(long, value_name = "FILE")]
    pub trusted: Vec<String>,
    /// The moment at which everything is judged; default now
    #[arg(long, value_name = "RFC3339")]
    pub at: Option<Timestamp>,
    /// How strictly
    #[arg(long, value_enum, default_value = "serve")]
    pub profile: ProfileArg,
    /// Forms of KeyInfo that may name or bring the signer's key: any, or a LIST as in `xmlsec verify`
    #[arg(long = "key-info", value_name = "any|LIST")]
    pub key_info: Option<KeyInfoForms>,
    /// Allow every algorithm that is implemented; the lenient profile only
    #[arg(long)]
    pub allow_legacy: bool,
}

/// `wss check`.
#[derive(Debug, Args)]
#[command(after_help = "\
EXAMPLES:
  coconnect wss check --key server.key --key server.crt --trusted ca.crt message.xml
  coconnect wss check --profile lenient --trusted ca.crt --at 2026-11-22T12:00:30Z --json message.xml
  coconnect wss check --profile lenient --allow-legacy --key client.crt --out clear.xml message.xml")]
pub struct CheckArgs {
    #[command(flatten)]
    judge: JudgeArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Write the clear envelope to FILE: decrypted in place, everything else as it came
    #[arg(long, value_name = "FILE")]
    out: Option<String>,
    /// The message; `-` is standard input
    #[arg(value_name = "FILE")]
    file: String,
}

/// Runs the verb.
///
/// # Errors
/// [`Failure`] with the exit code of design 4.1.
pub fn run(args: &WssArgs) -> Result<Exit, Failure> {
    match &args.verb {
        Verb::Check(args) => check(args),
    }
}

fn check(args: &CheckArgs) -> Result<Exit, Failure> {
    let octets = read_input(&args.file)?;
    let kept = if args.json { octets.clone() } else { Vec::new() };
    let ring = args.judge.keys.load()?;
    let signers = args.judge.signers(&ring)?;
    let keys = identities(&ring);
    let context = args.judge.context(&signers, &keys);
    let judged = Envelope::parse(octets, None)
        .map_err(Refusal::of_envelope)
        .and_then(|envelope| Verifier::new(args.judge.policy(&envelope)).with_reports().open(envelope, &context));
    match judged {
        Ok(authentic) => accepted(args, &authentic),
        Err(refusal) => {
            let references = if args.json { references(kept, args, &ring, &context) } else { Vec::new() };
            refused(args, &refusal, references)
        }
    }
}

impl JudgeArgs {
    /// What a message is judged with.
    pub(super) fn context<'a>(&self, signers: &'a Anchored, keys: &'a [std::sync::Arc<Identity>]) -> Context<'a> {
        let serve = self.profile == ProfileArg::Serve;
        if serve && self.allow_legacy {
            eprintln!("coconnect: the serve profile has no old algorithms; --allow-legacy changes nothing in it");
        }
        Context {
            now: self.at.unwrap_or_else(|| RealClock::new().now()),
            signers,
            keys,
            expect: if serve { Expect::Present } else { Expect::Nothing },
            confirms: &[],
        }
    }

    /// What is asked of this message.
    pub(super) fn policy(&self, envelope: &Envelope) -> Policy {
        // An answer need not be encrypted when it is a simple acknowledgement (design 2.1); a request must be.
        let is_answer = Addressing::read(envelope).is_ok_and(|addressing| addressing.relates_to.is_some());
        let mut policy = match self.profile {
            ProfileArg::Serve if is_answer => Policy::serve().encryption(Encryption::Optional),
            ProfileArg::Serve => Policy::serve(),
            ProfileArg::Lenient => Policy::lenient(),
        };
        if self.allow_legacy {
            policy = policy.allow_legacy_algorithms();
        }
        match self.key_info {
            Some(forms) => policy.key_info(forms),
            None => policy,
        }
    }

    /// Certificates of the authorities.
    pub(super) fn trusted(&self) -> Result<Vec<Certificate>, Failure> {
        let mut all = Vec::new();
        for file in &self.trusted {
            let found = Certificate::from_octets(&read_input(file)?);
            all.extend(found.map_err(|error| Failure::usage(format!("{file}: {}", out::chain(&error))))?);
        }
        Ok(all)
    }

    /// Who may have signed: the keys given, and whomever the trusted certify.
    pub(super) fn signers(&self, ring: &KeyRing) -> Result<Anchored, Failure> {
        let mut anchors = TrustAnchors::new();
        if self.allow_legacy && self.profile == ProfileArg::Lenient {
            anchors.set_leniency(Leniency::AllowLegacy);
        }
        self.trusted()?.into_iter().for_each(|certificate| anchors.add_anchor(certificate));
        let purpose = if self.profile == ProfileArg::Serve { Use::Sign } else { Use::Any };
        let mut signers = Anchored::new(anchors, purpose);
        for key in ring.keys() {
            let mut certificates = key.certificates.iter().filter_map(|x509| Certificate::from_x509(x509.clone()).ok());
            if let Some(first) = certificates.next() {
                signers.know(first, key.name.clone());
                certificates.for_each(|other| signers.offer(other));
            } else if let Ok(Some(public)) = key.public() {
                signers.know_key(public);
            }
        }
        let nothing_given = self.trusted.is_empty() && ring.is_empty();
        if nothing_given && self.key_info.is_some() && self.profile == ProfileArg::Lenient {
            signers.danger_accept_message_certificates();
        }
        Ok(signers)
    }
}

/// Our private keys, each with its certificate where one was given.
pub(super) fn identities(ring: &KeyRing) -> Vec<std::sync::Arc<Identity>> {
    let certificates: Vec<_> = ring.keys().iter().flat_map(|key| &key.certificates).collect();
    let private = ring.keys().iter().filter_map(|key| match &key.material {
        Material::Private(private) => Some(private),
        _ => None,
    });
    let identity = |private: &openssl::pkey::PKey<openssl::pkey::Private>| {
        let own = certificates.iter().find(|x509| x509.public_key().is_ok_and(|public| public.public_eq(private)));
        own.and_then(|x509| Identity::new(&x509.to_der().ok()?, private.clone()).ok())
            .unwrap_or_else(|| Identity::without_certificate(private.clone()))
    };
    private.map(|private| std::sync::Arc::new(identity(private))).collect()
}

fn accepted(args: &CheckArgs, authentic: &Authentic) -> Result<Exit, Failure> {
    if let Some(file) = args.out.as_deref() {
        let octets = authentic.clear_octets();
        if file == "-" {
            out::octets(&octets);
            return Ok(Exit::Done);
        }
        std::fs::write(file, &octets).map_err(|error| Failure::usage(format!("{file}: {error}")))?;
    }
    let report = report(args, authentic);
    if args.json {
        out::json(&report);
        return Ok(Exit::Done);
    }
    let evidence = authentic.evidence();
    out::line("accepted");
    out::line(&format!("signer     {}", evidence.signer.certificate().subject()));
    if let Some(created) = evidence.created {
        out::line(&format!("created    {created}"));
    }
    out::line(&format!("signed     {}", evidence.signed.join(", ")));
    let encrypted = if evidence.encrypted.is_empty() { "nothing".to_owned() } else { evidence.encrypted.join(", ") };
    let order = if evidence.signed_ciphertext { " (signed ciphertext)" } else { "" };
    out::line(&format!("encrypted  {encrypted}{order}"));
    out::line(&format!("payload    {}", payload(authentic)));
    Ok(Exit::Done)
}

/// Each Reference of a refused message as far as it can be computed, whatever the first refusal was.
fn references(octets: Vec<u8>, args: &CheckArgs, ring: &KeyRing, context: &Context<'_>) -> Vec<Value> {
    let verifier = Verifier::new(Policy::lenient());
    let known = args.judge.trusted().unwrap_or_default();
    let subject = explain::Subject { verifier: &verifier, context, ring, known: &known, search: Search::Nothing };
    let Ok(explanation) = explain::explain(octets, &subject) else { return Vec::new() };
    let one = |reference: &ExplainedReference| {
        let (verdict, reason) = match &reference.standing {
            Standing::Holds => ("valid", None),
            Standing::Differs => ("invalid", None),
            Standing::NotComputed(why) => ("refused", Some(why)),
        };
        json!({
            "uri": reference.uri,
            "node": reference.node,
            "transforms": reference.transforms,
            "digest_method": reference.digest_method,
            "expected": encode_base64(&reference.expected),
            "computed": reference.computed.as_deref().map(encode_base64),
            "verdict": verdict,
            "reason": reason,
        })
    };
    explanation.signatures.iter().flat_map(|signature| &signature.references).map(one).collect()
}

fn payload(authentic: &Authentic) -> String {
    let document = authentic.document();
    let node = authentic.payload();
    format!("{{{}}}{}", document.ns(node), document.local(node))
}

fn report(args: &CheckArgs, authentic: &Authentic) -> Value {
    let evidence = authentic.evidence();
    let certificate = evidence.signer.certificate();
    let addressing = authentic.addressing();
    let references: Vec<Value> = evidence
        .references
        .iter()
        .map(|one| {
            json!({
                "uri": one.uri, "node": one.node, "transforms": one.transforms, "digest_method": one.digest_method,
                "expected": one.expected, "computed": one.computed, "over_ciphertext": one.ciphertext, "verdict": "valid",
            })
        })
        .collect();
    json!({
        "file": args.file,
        "profile": profile_name(args),
        "verdict": "accepted",
        "soap": authentic.version().as_str(),
        "payload": payload(authentic),
        "signer": {
            "subject": certificate.subject(), "issuer": certificate.issuer(), "serial": certificate.serial_decimal(),
        },
        "created": evidence.created.map(|created| created.to_string()),
        "signed": evidence.signed,
        "encrypted": evidence.encrypted,
        "signed_ciphertext": evidence.signed_ciphertext,
        "addressing": {
            "message_id": addressing.message_id, "action": addressing.action, "to": addressing.to,
            "relates_to": addressing.relates_to, "from": addressing.from,
        },
        "references": references,
    })
}

fn profile_name(args: &CheckArgs) -> &'static str {
    if args.judge.profile == ProfileArg::Serve { "serve" } else { "lenient" }
}

fn refused(args: &CheckArgs, refusal: &Refusal, references: Vec<Value>) -> Result<Exit, Failure> {
    let reason = refusal.reason.to_string();
    let remedy = remedy(args, refusal);
    if args.json {
        out::json(&json!({
            "file": args.file,
            "profile": profile_name(args),
            "verdict": "refused",
            "stage": refusal.stage.as_str(),
            "reason": reason,
            "remedy": remedy,
            "references": references,
        }));
        return Ok(Exit::Refused);
    }
    out::line(&format!("refused at {}", refusal.stage.as_str()));
    let failure = Failure::refused(format!("{}: {reason}", args.file));
    Err(match remedy {
        Some(remedy) => failure.hint(remedy),
        None => failure,
    })
}

/// What to do about a refusal, where something can be done.
fn remedy(args: &CheckArgs, refusal: &Refusal) -> Option<String> {
    let lenient = args.judge.profile == ProfileArg::Lenient;
    Some(match (&refusal.reason, refusal.stage) {
        (Reason::Trust(TrustError::Unknown { .. }), _) => {
            "give the signer's certificate with --key; a reference by issuer, key identifier or thumbprint brings none"
                .to_owned()
        }
        (Reason::Trust(TrustError::Untrusted { .. }), _) => {
            "give the signer's certificate with --key, or its authority with --trusted".to_owned()
        }
        (Reason::Trust(TrustError::Expired { .. } | TrustError::NotYetValid { .. }), _)
        | (Reason::Timestamp(timestamp::Error::Expired { .. } | timestamp::Error::Future { .. }), _) => {
            "judge a recorded message at its own time: --at RFC3339".to_owned()
        }
        (Reason::NotForUs { .. }, _) => "give the receiver's private key with --key".to_owned(),
        (Reason::NotEncrypted | Reason::Addressing(_) | Reason::NotCovered { .. }, _) if !lenient => {
            "the serve profile asks for signed addressing and an encrypted document; --profile lenient does not"
                .to_owned()
        }
        (Reason::XmlSec(_), Stage::Algorithms) if !lenient => {
            "old algorithms: --profile lenient --allow-legacy".to_owned()
        }
        (Reason::XmlSec(_), Stage::Algorithms) if !args.judge.allow_legacy => {
            "old algorithms: --allow-legacy".to_owned()
        }
        (Reason::Digest { .. }, _) => {
            "coconnect message explain FILE shows the octets, and tries what senders are known to do otherwise"
                .to_owned()
        }
        (Reason::SignatureValue { .. }, _) => {
            "SignedInfo was changed, or another key signed: coconnect message explain FILE tries which".to_owned()
        }
        _ => return None,
    })
}
