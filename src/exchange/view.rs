//! What look-ups return: plain values for the local API, the command line and the console. They carry their own JSON.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rules::{CoState, Role};

/// Which way a message went.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// From a partner to us.
    In,
    /// From us to a partner.
    Out,
}

/// What became of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MessageStatus {
    /// Inbound: recorded and acknowledged.
    Accepted,
    /// Inbound: the same CO was there already.
    AlreadyReceived,
    /// Inbound: refused; found under its reference id.
    Refused,
    /// Outbound: waits for its first or next try.
    Queued,
    /// Outbound: the partner's signed acknowledgement is stored.
    Acknowledged,
    /// Outbound: the partner's signed fault ended it.
    Rejected,
    /// Outbound: waits for a person.
    Held,
}

/// The identity of a CO (design 2.3).
#[derive(Clone, PartialEq, Eq, Debug, Hash, Serialize, Deserialize, JsonSchema)]
pub struct CoIdentity {
    /// Issuing territory.
    pub territory: String,
    /// Issuing body.
    pub issuing_body: String,
    /// Agreement.
    pub agreement: String,
    /// Number.
    pub number: String,
}

/// One thing wrong with a document. The value that came is shown on this side only.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ErrorView {
    /// Stable code.
    pub code: String,
    /// WCO id, "" without.
    pub wco_id: String,
    /// Path of the element.
    pub path: String,
    /// Line in the document element.
    pub line: u32,
    /// Column.
    pub column: u32,
    /// What was expected.
    pub expected: String,
    /// Kind, length and list membership of what came.
    pub came: String,
    /// The value that came, where we are the receiver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// A decision on a claim.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DecisionView {
    /// Its number within the claim.
    pub number: u64,
    /// `granted`, `partly-granted`, `denied`, `under-verification`, `resubmission-required`, `revised`.
    pub decision: String,
    /// When, as given.
    pub at: String,
    /// For how much, where that is less than what was claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granted: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// A claim to preferential treatment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ClaimView {
    /// Number of the import declaration.
    pub declaration: String,
    /// Its item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declaration_item: Option<u64>,
    /// Item of the CO.
    pub item: u64,
    /// How much is claimed.
    pub quantity: String,
    /// In which unit.
    pub unit: String,
    /// What was decided, the one in force last.
    pub decisions: Vec<DecisionView>,
}

/// What a message about a CO says of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "says", rename_all = "kebab-case")]
pub enum About {
    /// What became of it.
    Notice {
        /// `amendment`, `withdrawal` or `revocation`.
        kind: String,
        /// Why.
        reason: String,
        /// Whether the amended CO is within.
        amended: bool,
    },
    /// Whether its cancellation is accepted.
    CancellationStatus {
        /// `accepted` or `declined`.
        status: String,
        /// Why.
        reason: String,
        /// MessageID of the notice that is answered.
        answers: String,
    },
    /// What was decided on claims.
    Feedback {
        /// MessageID of the message that brought the CO.
        answers: String,
        /// The claims, the first hundred of them.
        claims: Vec<ClaimView>,
        /// How many there are.
        total: usize,
    },
}

/// A message about a CO, as its history shows it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct CoMessage {
    /// When it was recorded (journal time).
    pub time: Timestamp,
    /// Which way it went.
    pub direction: Direction,
    /// Path of the operation.
    pub operation: String,
    /// What became of it.
    pub status: MessageStatus,
    /// Its MessageID.
    pub message_id: String,
    /// Reference id of its record.
    pub reference_id: String,
    /// What it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<About>,
}

/// What the agreement profile has against a document that was taken all the same.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct NoticeView {
    /// `warn` or `flag`.
    pub verdict: String,
    /// The statement of the profile.
    pub statement: String,
    /// How sure that statement is.
    pub certainty: String,
    /// What a person reads; "" where the rest says it all.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Where and what.
    #[serde(flatten)]
    pub error: ErrorView,
}

/// An element that was taken out before sending. Its value is not kept.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct WithheldView {
    /// Its path in the document as it was handed in.
    pub path: String,
    /// WCO id, "" without.
    pub wco_id: String,
    /// The statement of the profile that withholds it.
    pub statement: String,
}

/// A message, in or out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct MessageView {
    /// Which way.
    pub direction: Direction,
    /// Under which a fault told of it, or under which we took it in.
    pub reference_id: String,
    /// Its wsa:MessageID, where it got that far.
    pub message_id: Option<String>,
    /// The partner.
    pub partner: String,
    /// Path of the operation: `send-co`.
    pub operation: Option<String>,
    /// What became of it.
    pub status: MessageStatus,
    /// When it was recorded (journal time).
    pub time: Timestamp,
    /// SHA-256 of the business document in hexadecimal.
    pub document_digest: Option<String>,
    /// The CO it carries or names.
    pub co: Option<CoIdentity>,
    /// What it says of the CO that it names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<About>,
    /// Refused or rejected: stable code of the fault.
    pub code: Option<String>,
    /// Refused, rejected or held: the true reason.
    pub reason: Option<String>,
    /// What our people do about it.
    pub remedy: Option<String>,
    /// Errors of the document.
    pub errors: Vec<ErrorView>,
    /// Name and version of the agreement profile that judged it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// What the profile warns of or flags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<NoticeView>,
    /// Outbound: what the profile took out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<WithheldView>,
    /// What is to be looked at in a document that was taken: codes that are not listed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<ErrorView>,
    /// Index of its leaf in the partner's tree.
    pub leaf_index: Option<u64>,
    /// Position in the journal.
    pub position: String,
    /// Octets as they came or went.
    pub octets: usize,
    /// Outbound: tries so far.
    pub attempts: u32,
    /// Outbound: next try.
    pub due: Option<Timestamp>,
}

/// A CO as held here.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct CoView {
    /// Its identity.
    pub co: CoIdentity,
    /// The other side.
    pub partner: String,
    /// Our side.
    pub role: Role,
    /// Its state.
    pub state: CoState,
    /// MessageID that carried it.
    pub message_id: String,
    /// Reference id of that message.
    pub reference_id: String,
    /// SHA-256 of the document in hexadecimal.
    pub document_digest: String,
    /// When it was recorded.
    pub time: Timestamp,
    /// How many items.
    pub items: usize,
    /// Notices, cancellation status and feedback about it, oldest first; none in lists.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<CoMessage>,
    /// Name and version of the agreement profile that judged it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// What the profile warns of or flags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<NoticeView>,
    /// As exporter: what the profile took out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<WithheldView>,
}

/// What waits in the outbox.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct OutboxView {
    /// MessageID, the same over all tries.
    pub message_id: String,
    /// To whom.
    pub partner: String,
    /// Path of the operation.
    pub operation: String,
    /// Waiting or held.
    pub status: MessageStatus,
    /// When it was taken in.
    pub taken_in: Timestamp,
    /// Tries so far.
    pub attempts: u32,
    /// Next try; none when held.
    pub due: Option<Timestamp>,
    /// Why the last try failed.
    pub reason: Option<String>,
    /// The CO.
    pub co: Option<CoIdentity>,
}

/// An alert.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AlertView {
    /// Its id, the same for every sink.
    pub id: String,
    /// Stable name of its kind.
    pub kind: String,
    /// The partner concerned.
    pub partner: Option<String>,
    /// Reference id of the message concerned.
    pub reference_id: Option<String>,
    /// When it was raised.
    pub time: Timestamp,
    /// What happened.
    pub text: String,
    /// What to do.
    pub remedy: String,
}

/// What a submission gave.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Submitted {
    /// MessageID under which it is sent.
    pub message_id: String,
    /// Reference id of its record.
    pub reference_id: String,
    /// Random reference code for later verification by portal: at least 80 bits.
    pub reference_code: String,
    /// To whom.
    pub partner: String,
    /// Path of the operation that carries it.
    pub operation: String,
    /// The CO that it is, or is about.
    pub co: CoIdentity,
    /// SHA-256 of the document in hexadecimal.
    pub document_digest: String,
    /// The same document was submitted before; nothing was stored again.
    pub already: bool,
    /// What the agreement profile warns of or flags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<NoticeView>,
    /// What the profile took out before sending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<WithheldView>,
}

/// A page of a list: the rows, and where the next page begins.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Page<T> {
    /// Rows.
    pub rows: Vec<T>,
    /// Hand it in to get the next page; none at the end.
    pub next: Option<String>,
}
