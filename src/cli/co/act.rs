//! `co cancel`, `co decide`, `co claim`: what we do about a CO that is held, as a message to its partner.
//!
//! Each looks the CO up, writes the document ([`crate::contract::draft`]) and hands it over as `co submit` does, so that
//! schema, demands of the operation, profile and state rules are the same.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::out::{self, Exit, Failure};
use super::super::partner;
use super::super::place::Place;
use super::super::reach::{Reach, text};
use crate::base::{Clock, RealClock};
use crate::cli::keys::read_input;
use crate::contract::draft::{self, About, ClaimDraft, Why};
use crate::contract::text::Decimal;
use crate::contract::{
    self, Cancellation, DecisionKind, MetaData, NoticeKind, Operation, Slot, Slots, Version, Versions, Violations, lpco,
};
use crate::net::Method;
use crate::xml::{self, Document};

/// Which CO.
#[derive(Debug, Args)]
struct Which {
    /// Number of the CO.
    #[arg(value_name = "NUMBER")]
    number: String,
    /// The partner, where several COs have the number.
    #[arg(long, value_name = "PARTNER")]
    partner: Option<String>,
    #[command(flatten)]
    place: Place,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// What became of the CO on our side.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// It says something else from now on, or is to be issued anew.
    Amendment,
    /// Its holder gave it back.
    Withdrawal,
    /// Its issuer took it back.
    Revocation,
}

impl Kind {
    fn notice(self) -> NoticeKind {
        match self {
            Self::Amendment => NoticeKind::Amendment,
            Self::Withdrawal => NoticeKind::Withdrawal,
            Self::Revocation => NoticeKind::Revocation,
        }
    }
}

/// Why something was done.
#[derive(Debug, Args)]
struct Reason {
    /// Why, in words.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Why, as a code agreed with the partner.
    #[arg(long, value_name = "CODE")]
    reason_code: Option<String>,
}

impl Reason {
    fn why(&self) -> Why {
        Why { code: self.reason_code.clone(), words: self.reason.clone() }
    }
}

/// `co cancel`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("why").required(true).multiple(true).args(["reason", "reason_code"]))]
pub struct Cancel {
    #[command(flatten)]
    which: Which,
    /// What became of it.
    #[arg(long, value_enum)]
    kind: Kind,
    #[command(flatten)]
    said: Reason,
    /// With --kind amendment: the CO as it shall stand (MetaData around LPCO, or LPCO).
    #[arg(long, value_name = "FILE")]
    amended: Option<PathBuf>,
}

/// `co decide`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("decision").required(true).args(["accept", "decline"]))]
pub struct Decide {
    #[command(flatten)]
    which: Which,
    /// The CO is cancelled.
    #[arg(long)]
    accept: bool,
    /// It stays in force; needs a reason.
    #[arg(long)]
    decline: bool,
    #[command(flatten)]
    said: Reason,
    /// When it was decided. Default: now.
    #[arg(long, value_name = "RFC3339")]
    at: Option<Timestamp>,
}

/// What was decided on a claim.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Treatment {
    /// For all that was claimed.
    Granted,
    /// For a part: --granted says how much; needs a reason.
    PartlyGranted,
    /// Not; needs a reason.
    Denied,
    /// The CO is being verified.
    UnderVerification,
    /// The CO is to be handed in again; needs a reason.
    ResubmissionRequired,
    /// An earlier decision was changed.
    Revised,
}

impl Treatment {
    fn kind(self) -> DecisionKind {
        match self {
            Self::Granted => DecisionKind::Granted,
            Self::PartlyGranted => DecisionKind::PartlyGranted,
            Self::Denied => DecisionKind::Denied,
            Self::UnderVerification => DecisionKind::UnderVerification,
            Self::ResubmissionRequired => DecisionKind::ResubmissionRequired,
            Self::Revised => DecisionKind::Revised,
        }
    }
}

/// `co claim`.
#[derive(Debug, Args)]
pub struct Claim {
    #[command(flatten)]
    which: Which,
    /// Number of the import declaration that claims the treatment.
    #[arg(long, value_name = "NUMBER")]
    declaration: String,
    /// Item of the declaration.
    #[arg(long, value_name = "N")]
    declaration_item: Option<u64>,
    /// Item of the CO.
    #[arg(long, value_name = "N")]
    item: u64,
    /// How much is claimed: a decimal with a point, and its unit.
    #[arg(long, value_name = "DECIMAL", value_parser = decimal)]
    quantity: Decimal,
    /// Unit of the quantities, Recommendation 20: KGM, C62.
    #[arg(long, value_name = "CODE")]
    unit: String,
    /// What was decided.
    #[arg(long, value_enum)]
    decision: Treatment,
    /// For how much, with --decision partly-granted.
    #[arg(long, value_name = "DECIMAL", value_parser = decimal)]
    granted: Option<Decimal>,
    /// Number of the decision within the claim; the highest is in force.
    #[arg(long, value_name = "N", default_value_t = 1)]
    decision_number: u64,
    #[command(flatten)]
    said: Reason,
    /// When it was decided. Default: now.
    #[arg(long, value_name = "RFC3339")]
    at: Option<Timestamp>,
}

fn decimal(text: &str) -> Result<Decimal, String> {
    Decimal::parse(text).ok_or_else(|| "expected digits with at most one decimal point, such as 12.5".to_owned())
}

pub(super) fn cancel(args: &Cancel) -> Result<Exit, Failure> {
    let kind = args.kind.notice();
    let amended = match (&args.amended, kind) {
        (None, _) => None,
        (Some(file), NoticeKind::Amendment) => Some(amended(file, &partner::versions(&args.which.place.config()?)?)?),
        (Some(_), _) => {
            let failure = Failure::usage(format!("--amended: expected --kind amendment, came {}", kind.as_str()));
            return Err(failure.hint("a withdrawal or revocation ends the CO: leave --amended out"));
        }
    };
    let now = RealClock::new().now();
    let held = Held::find(&args.which, "exporting")?;
    let why = args.said.why();
    let message = draft::notice(&held.about, kind, &why, amended, now);
    held.hand_over(&args.which, Operation::SendAmendmentNotification, &message)
}

pub(super) fn decide(args: &Decide) -> Result<Exit, Failure> {
    let now = RealClock::new().now();
    let held = Held::find(&args.which, "importing")?;
    let history = held.row["history"].as_array().cloned().unwrap_or_default();
    let is_notice = |message: &&Value| {
        text(message, "operation") == "send-amendment-notification" && text(message, "direction") == "in"
    };
    let Some(notice) = history.iter().rev().find(is_notice) else {
        let failure =
            Failure::refused(format!("CO {}: expected a notice of its exporter, none came", held.about.number));
        return Err(failure.hint("coconnect co show NUMBER --json lists what came about it"));
    };
    let status = if args.accept { Cancellation::Accepted } else { Cancellation::Declined };
    let why = args.said.why();
    let answers = text(notice, "message_id");
    let message = draft::cancellation_status(&held.about, &answers, status, &why, args.at.unwrap_or(now), now);
    held.hand_over(&args.which, Operation::SendCancellationStatus, &message)
}

pub(super) fn claim(args: &Claim) -> Result<Exit, Failure> {
    let now = RealClock::new().now();
    let held = Held::find(&args.which, "importing")?;
    let items = held.row["items"].as_u64().unwrap_or(u64::MAX);
    if args.item == 0 || args.item > items {
        let what = format!("--item {}: expected an item of CO {}, which has {items}", args.item, held.about.number);
        return Err(Failure::refused(what).hint("coconnect co show NUMBER --xml shows its items"));
    }
    let claim = ClaimDraft {
        declaration: args.declaration.clone(),
        declaration_item: args.declaration_item,
        item: args.item,
        quantity: args.quantity.clone(),
        unit: args.unit.clone(),
        decision: args.decision.kind(),
        number: args.decision_number,
        granted: args.granted.clone(),
        decided: args.at.unwrap_or(now),
        why: args.said.why(),
    };
    let message = draft::feedback(&held.about, &text(&held.row, "message_id"), &claim, now);
    held.hand_over(&args.which, Operation::SendFeedback, &message)
}

/// The LPCO of a file, with what it says; its number is compared by the demands of the operation.
fn amended(file: &std::path::Path, versions: &[Version]) -> Result<Box<lpco::Lpco>, Failure> {
    let octets = read_input(&file.to_string_lossy())?;
    let wrong = |what: String| Failure::refused(format!("{}: {what}", file.display()));
    let document = xml::parse(octets, &xml::Options::default()).map_err(|e| wrong(out::chain(&e)))?;
    let hint = "coconnect validate FILE tells every error with its line";
    let (version, read) = read(&document, versions).map_err(|violations| wrong(violations.to_string()).hint(hint))?;
    let signed = |node| document.is(node, version.slots.uri(Slot::Ext), "DocumentSignature");
    // The notice is written anew, in the namespaces of the contract: a signature would no longer fit what it covers.
    if document.descendants(document.document_element()).any(signed) {
        return Err(wrong("a document signature inside covers it, and it would be written anew".to_owned())
            .hint("write the notice around it yourself, and hand that over with coconnect co submit"));
    }
    read.lpco.ok_or_else(|| wrong("expected MetaData around an LPCO".to_owned()))
}

/// A document in the version that it says it follows.
fn read(document: &Document, versions: &[Version]) -> Result<(Version, MetaData), Violations> {
    let root = document.document_element();
    let versions = Versions::fitting(versions, document);
    let version = versions.of(document, root)?;
    let (_, message) = contract::decode_any(document, root, &version.slots)?;
    Ok((version.clone(), message))
}

/// The CO that is meant, at the gateway that is meant.
struct Held {
    reach: Reach,
    row: Value,
    about: About,
}

impl Held {
    fn find(which: &Which, role: &str) -> Result<Self, Failure> {
        let config = which.place.config()?;
        let own = config.gateway.country.clone();
        let reach = Reach::open(&which.place)?;
        let path = format!("/v1/cos/{}", crate::web::escape(&which.number));
        let narrowed =
            which.partner.as_ref().map_or_else(String::new, |p| format!("?partner={}", crate::web::escape(p)));
        let found = reach.json(&format!("{path}{narrowed}")).map_err(|failure| {
            failure.hint("coconnect co list names what is held; --partner where it is held with another")
        })?;
        let rows = found["rows"].as_array().cloned().unwrap_or_default();
        let fitting: Vec<&Value> = rows.iter().filter(|row| text(row, "role") == role).collect();
        let row = match fitting.as_slice() {
            [one] => (*one).clone(),
            [] => {
                let what =
                    format!("CO {}: expected one of which we are {role}, we are on the other side", which.number);
                return Err(Failure::refused(what).hint(
                    "the exporting side cancels (co cancel); the importing side answers (co decide) and reports claims (co claim)",
                ));
            }
            many => {
                let partners: Vec<String> = many.iter().map(|row| text(row, "partner")).collect();
                let what =
                    format!("CO {}: {} have this number, with {}", which.number, many.len(), partners.join(", "));
                return Err(Failure::refused(what).hint("name one with --partner"));
            }
        };
        let identity = &row["co"];
        let of_row = About {
            sender: own.clone(),
            territory: text(identity, "territory"),
            issuing_body: text(identity, "issuing_body"),
            agreement: text(identity, "agreement"),
            number: text(identity, "number"),
            ..About::default()
        };
        // The document says the kind and the receiving country too.
        let versions = partner::versions(&config)?;
        let document = format!("{path}?partner={}&part=document", crate::web::escape(&text(&row, "partner")));
        let about = reach
            .get(&document)
            .ok()
            .and_then(|answer| facts(answer.body, &versions))
            .map_or(of_row, |facts| About::of(&facts, &own));
        Ok(Self { reach, row, about })
    }

    /// As `co submit` does.
    fn hand_over(&self, which: &Which, operation: Operation, message: &MetaData) -> Result<Exit, Failure> {
        let mut octets = Vec::new();
        contract::encode(message, &Slots::default(), &mut octets);
        let (partner, name) = (text(&self.row, "partner"), operation.path().trim_start_matches('/'));
        let path = format!("/v1/cos?partner={}&operation={name}", crate::web::escape(&partner));
        let answer = self.reach.call(Method::POST, &path, "application/xml", octets)?;
        let (ok, row) = (answer.ok(), answer.json());
        if which.json {
            out::json(&row);
        } else if ok {
            let word = if row["already"] == json!(true) { "was taken before" } else { "taken" };
            let (id, code) = (text(&row, "message_id"), text(&row, "reference_code"));
            out::line(&format!(
                "{name}: {word}: about CO {} to {partner} as {id}, reference code {code}",
                text(&row["co"], "number")
            ));
        } else {
            super::errors(&row);
        }
        if ok && !which.json && !self.reach.serving() {
            eprintln!(
                "coconnect: hint: nothing serves this gateway; what was taken is delivered once coconnect serve runs"
            );
        }
        match (ok, which.json, answer.status >= 500) {
            (true, ..) => Ok(Exit::Done),
            (false, true, true) => Ok(Exit::TryLater),
            (false, true, false) => Ok(Exit::Refused),
            (false, false, true) => Err(Failure::later(format!("{name}: not taken: {}", text(&row, "detail")))),
            (false, false, false) => Err(Failure::refused(format!("{name}: not taken: {}", text(&row, "detail")))
                .hint(format!("coconnect co show {} --json tells its state and what was said about it", which.number))),
        }
    }
}

fn facts(octets: Vec<u8>, versions: &[Version]) -> Option<contract::Facts> {
    let document = xml::parse(octets, &xml::Options::default()).ok()?;
    read(&document, versions).ok().map(|(_, message)| message.facts())
}
