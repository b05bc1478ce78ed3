//! What a business document carries under its header: a CO or DO, a notice about one, an answer about one, a list of
//! exporters; and the facts that the exchange needs of each (design 2.1, 2.5).
//!
//! `MetaData::facts` reads what stands there and refuses nothing: what an operation demands of its payload beyond the
//! schema is `demand`'s.

use super::generated::{ext, lpco, md, res};
use super::operation::Operation;
use super::text::{Decimal, Text};

/// Document kind 862 of code list 1001: a Declaration of Origin.
pub const DECLARATION_OF_ORIGIN: &str = "862";

/// The one payload of a business document.
#[derive(Clone, Copy, Debug)]
pub enum Payload<'a> {
    /// A Certificate or Declaration of Origin.
    Lpco(&'a lpco::Lpco),
    /// A notice.
    Amendment(&'a lpco::Amendment),
    /// An answer: a cancellation status or feedback.
    Response(&'a res::Response),
    /// A list of approved exporters.
    ExporterList(&'a ext::ExporterList),
}

/// What became of a CO on its issuer's side (send-amendment-notification).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum NoticeKind {
    /// It says something else from now on, or is to be issued anew.
    Amendment,
    /// Its holder gave it back.
    Withdrawal,
    /// Its issuer took it back.
    Revocation,
}

impl NoticeKind {
    /// As on the wire: `withdrawal`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Amendment => "amendment",
            Self::Withdrawal => "withdrawal",
            Self::Revocation => "revocation",
        }
    }

    /// Reads `amendment`, `withdrawal` or `revocation`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Amendment, Self::Withdrawal, Self::Revocation].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Whether a cancellation is accepted (send-cancellation-status).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Cancellation {
    /// The CO is cancelled.
    Accepted,
    /// It stays in force.
    Declined,
}

impl Cancellation {
    /// As on the wire: `declined`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Declined => "declined",
        }
    }

    /// Reads `accepted` or `declined`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Accepted, Self::Declined].into_iter().find(|status| status.as_str() == text)
    }
}

/// What was decided on a claim (send-feedback).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DecisionKind {
    /// The treatment is granted for all that was claimed.
    Granted,
    /// It is granted for a part.
    PartlyGranted,
    /// It is denied.
    Denied,
    /// The document is being verified.
    UnderVerification,
    /// The document is to be handed in again.
    ResubmissionRequired,
    /// An earlier decision was changed.
    Revised,
}

impl DecisionKind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Granted,
        Self::PartlyGranted,
        Self::Denied,
        Self::UnderVerification,
        Self::ResubmissionRequired,
        Self::Revised,
    ];

    /// As on the wire: `partly-granted`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::PartlyGranted => "partly-granted",
            Self::Denied => "denied",
            Self::UnderVerification => "under-verification",
            Self::ResubmissionRequired => "resubmission-required",
            Self::Revised => "revised",
        }
    }

    /// Reads what stands on the wire.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Whether the exporter must be told why: it takes something away or asks for something.
    #[must_use]
    pub fn needs_reason(self) -> bool {
        matches!(self, Self::PartlyGranted | Self::Denied | Self::ResubmissionRequired)
    }
}

/// A decision on a claim.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decision {
    /// Its number within the claim; the highest is in force.
    pub number: u64,
    /// What was decided.
    pub kind: DecisionKind,
    /// When, as given.
    pub at: String,
    /// For how much, where that is less than what was claimed; its unit is that of the claim.
    pub granted: Option<Decimal>,
    /// Why, one a line; "" when nothing is said.
    pub reason: String,
}

/// A claim to preferential treatment for one item of a CO.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claim {
    /// Number of the import declaration.
    pub declaration: String,
    /// Item of the declaration.
    pub declaration_item: Option<u64>,
    /// Item of the CO.
    pub item: u64,
    /// How much of it is claimed.
    pub quantity: Decimal,
    /// In which unit (Rec 20).
    pub unit: String,
    /// What was decided, in the order of the message.
    pub decisions: Vec<Decision>,
}

/// What a message about a CO says of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Subject {
    /// It is the CO.
    #[default]
    Document,
    /// What became of it.
    Notice {
        /// Amended, withdrawn or revoked.
        kind: NoticeKind,
        /// Why.
        reason: String,
        /// Whether the amended CO is within.
        amended: bool,
    },
    /// Whether its cancellation is accepted.
    CancellationStatus {
        /// Accepted or declined.
        status: Cancellation,
        /// Why.
        reason: String,
        /// MessageID of the notice that is answered, as given.
        answers: String,
    },
    /// What was decided on claims.
    Feedback {
        /// The claims.
        claims: Vec<Claim>,
        /// MessageID of the message that brought the CO, as given.
        answers: String,
    },
}

/// What the exchange needs to know of a message to route it and to tell the CO it is about from others.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Facts {
    /// Sending territory: `ResponsibleCountryCode` of the header.
    pub sender: String,
    /// Territory that issued the CO: the sender's for a CO; what the reference says for a message about one.
    pub territory: String,
    /// Issuing body: name of the first Authenticator that is not the exporter.
    pub issuing_body: String,
    /// Agreement (K16).
    pub agreement: String,
    /// Number of the CO (D014).
    pub number: String,
    /// Receiving territory: the header's recipient, else the consignment's destination, else the country of the
    /// consignee; none when none is told.
    pub receiving_territory: Option<String>,
    /// Message function (017): 9 original, 5 replace, ...
    pub function_code: String,
    /// Document kind (D013).
    pub type_code: String,
    /// Number of the CO that this one replaces (PreviousDocument).
    pub replaces: Option<String>,
    /// Date of issue as given, with its format code if any.
    pub issued: String,
    /// How many items.
    pub items: usize,
    /// What the message says of the CO.
    pub subject: Subject,
}

impl md::MetaData {
    /// The payload; none only in a value that no decoder made.
    #[must_use]
    pub fn payload(&self) -> Option<Payload<'_>> {
        let lpco = self.lpco.as_deref().map(Payload::Lpco);
        lpco.or_else(|| self.amendment.as_deref().map(Payload::Amendment))
            .or_else(|| self.response.as_deref().map(Payload::Response))
            .or_else(|| self.exporter_list.as_deref().map(Payload::ExporterList))
    }

    /// The operation that carries such a document; none for one that no served operation carries.
    #[must_use]
    pub fn operation(&self) -> Option<Operation> {
        match self.payload()? {
            Payload::Lpco(lpco) if lpco.type_code.value == *DECLARATION_OF_ORIGIN => Some(Operation::SendDo),
            Payload::Lpco(_) => Some(Operation::SendCo),
            Payload::Amendment(_) => Some(Operation::SendAmendmentNotification),
            Payload::Response(response) if response.claim.is_empty() => Some(Operation::SendCancellationStatus),
            Payload::Response(_) => Some(Operation::SendFeedback),
            Payload::ExporterList(_) => None,
        }
    }

    /// The facts of the document.
    #[must_use]
    pub fn facts(&self) -> Facts {
        let recipient = self.communication_meta_data.as_deref().and_then(|c| c.recipient.as_deref());
        let facts = Facts {
            sender: self.responsible_country_code.value.to_string(),
            receiving_territory: recipient.and_then(|r| r.country_code.as_ref()).map(|code| code.value.to_string()),
            ..Facts::default()
        };
        match self.payload() {
            Some(Payload::Lpco(lpco)) => of_lpco(lpco, facts),
            Some(Payload::Amendment(amendment)) => of_amendment(amendment, facts),
            Some(Payload::Response(response)) => of_response(response, facts),
            Some(Payload::ExporterList(list)) => Facts { issued: list.issue_date_time.text().to_owned(), ..facts },
            None => facts,
        }
    }

    /// Version of the WCO Data Model that the document names.
    #[must_use]
    pub fn data_model_version(&self) -> &str {
        &self.wco_data_model_version_code.value
    }
}

fn of_lpco(lpco: &lpco::Lpco, facts: Facts) -> Facts {
    let signers = lpco.authentication.iter().filter_map(|a| a.authenticator.as_deref());
    let issuer = |a: &&lpco::Authenticator| a.role_code.as_ref().is_none_or(|role| role.value != "EX");
    let body = signers.clone().find(issuer).or_else(|| signers.clone().next());
    let consignment = &lpco.consignment;
    let consignee = consignment.consignee.as_deref().and_then(|party| party.address.first());
    let receiving = consignment
        .destination
        .as_deref()
        .map(|d| &d.country_code)
        .or_else(|| consignee.map(|address| &address.country_code));
    Facts {
        territory: facts.sender.clone(),
        issuing_body: body.map(|body| body.name.value.to_string()).unwrap_or_default(),
        agreement: lpco.agreement_code.value.to_string(),
        number: lpco.id.value.to_string(),
        receiving_territory: facts.receiving_territory.or_else(|| receiving.map(|code| code.value.to_string())),
        function_code: lpco.function_code.value.to_string(),
        type_code: lpco.type_code.value.to_string(),
        replaces: lpco.previous_document.first().map(|document| document.id.value.to_string()),
        issued: lpco.issue_date_time.text().to_owned(),
        items: consignment.consignment_item.len(),
        ..facts
    }
}

fn of_amendment(amendment: &lpco::Amendment, facts: Facts) -> Facts {
    let words = amendment.additional_information.iter();
    let parts = words.flat_map(|i| [i.statement_code.as_ref().map(|c| &c.value)].into_iter().chain(texts(i)));
    let code = amendment.change_reason_code.as_ref().map(|code| &code.value);
    Facts {
        function_code: amendment.function_code.value.to_string(),
        issued: amendment.issue_date_time.text().to_owned(),
        items: amendment.lpco.as_deref().map_or(0, |lpco| lpco.consignment.consignment_item.len()),
        subject: Subject::Notice {
            kind: NoticeKind::parse(&amendment.notice_kind_code.value).unwrap_or(NoticeKind::Amendment),
            reason: joined(std::iter::once(code).chain(parts)),
            amended: amendment.lpco.is_some(),
        },
        ..of_reference(&amendment.lpco_reference, facts)
    }
}

fn texts(information: &lpco::AdditionalInformation) -> [Option<&Text>; 2] {
    [
        information.statement_description.as_ref().map(|text| &text.value),
        information.content.as_ref().map(|text| &text.value),
    ]
}

fn of_response(response: &res::Response, facts: Facts) -> Facts {
    let answers = response.functional_reference_id.value.to_string();
    let subject = if response.claim.is_empty() {
        let status = response.status.first().and_then(|status| Cancellation::parse(&status.name_code.value));
        let reasons = response.additional_information.iter().flat_map(|i| {
            [i.statement_code.as_ref().map(|c| &c.value), i.statement_description.as_ref().map(|t| &t.value)]
        });
        Subject::CancellationStatus {
            status: status.unwrap_or(Cancellation::Declined),
            reason: joined(reasons),
            answers,
        }
    } else {
        Subject::Feedback { claims: response.claim.iter().map(of_claim).collect(), answers }
    };
    let facts = Facts {
        function_code: response.function_code.value.to_string(),
        issued: response.issue_date_time.as_deref().map(|time| time.text().to_owned()).unwrap_or_default(),
        subject,
        ..facts
    };
    match response.lpco_reference.as_deref() {
        Some(reference) => of_reference(reference, facts),
        None => facts,
    }
}

fn of_claim(claim: &ext::Claim) -> Claim {
    Claim {
        declaration: claim.declaration_id.value.to_string(),
        declaration_item: claim.declaration_item_numeric.as_ref().and_then(Decimal::to_u64),
        item: claim.sequence_numeric.to_u64().unwrap_or_default(),
        quantity: claim.claimed_quantity.value.clone(),
        unit: claim.claimed_quantity.unit_code.to_string(),
        decisions: claim.decision.iter().map(of_decision).collect(),
    }
}

fn of_decision(decision: &ext::Decision) -> Decision {
    let reasons = decision.reason.iter();
    Decision {
        number: decision.sequence_numeric.to_u64().unwrap_or_default(),
        kind: DecisionKind::parse(&decision.name_code.value).unwrap_or(DecisionKind::UnderVerification),
        at: decision.effective_date_time.text().to_owned(),
        granted: decision.granted_quantity.as_ref().map(|quantity| quantity.value.clone()),
        reason: joined(
            reasons.flat_map(|r| [r.code.as_ref().map(|c| &c.value), r.description.as_ref().map(|t| &t.value)]),
        ),
    }
}

fn of_reference(reference: &ext::LpcoReference, facts: Facts) -> Facts {
    Facts {
        territory: reference.issue_country_code.value.to_string(),
        issuing_body: reference.issuer_name.as_ref().map(|name| name.value.to_string()).unwrap_or_default(),
        agreement: reference.agreement_code.value.to_string(),
        number: reference.id.value.to_string(),
        type_code: reference.type_code.as_ref().map(|code| code.value.to_string()).unwrap_or_default(),
        ..facts
    }
}

/// What is told, one a line.
fn joined<'a>(parts: impl Iterator<Item = Option<&'a Text>>) -> String {
    parts.flatten().map(Text::as_str).collect::<Vec<_>>().join("\n")
}

macro_rules! date_time {
    ($($module:ident),*) => {$(
        impl $module::DateTime {
            /// The value as given; it has a zone only where one was given.
            #[must_use]
            pub fn text(&self) -> &str {
                match (&self.date_time_string, &self.date_time) {
                    (Some(string), _) => &string.value,
                    (None, Some(date_time)) => date_time,
                    (None, None) => "",
                }
            }

            /// CCYYMMDDHHMMSSZZZ, with its format code 304.
            #[must_use]
            pub fn with_zone(text: &str) -> Self {
                let format_code = Some("304".into());
                let string = super::data::DateTimeString { value: text.into(), format_code };
                Self { date_time_string: Some(string), date_time: None }
            }
        }
    )*};
}

// One class of the WCO Data Model, once in each namespace that uses it.
date_time!(lpco, res, ext);
