//! Messages about a CO that is held, written from facts: a notice, the answer to one, feedback on a claim (design 2.1, 2.5).
//!
//! Nothing is refused here: what is written goes through the decoder and the demands of its operation like any other
//! document, so that there is one place that says what is valid.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::generated::{data, ext, lpco, md, res};
use super::payload::{Cancellation, DecisionKind, NoticeKind};
use super::text::{Decimal, Text};
use super::{Facts, MetaData};

/// What tells the CO from all others, and between whom the message goes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct About {
    /// Our country: who sends the message.
    pub sender: String,
    /// Country of the partner, where it is known.
    pub receiver: Option<String>,
    /// Issuing territory of the CO.
    pub territory: String,
    /// Issuing body, "" without.
    pub issuing_body: String,
    /// Agreement (K16).
    pub agreement: String,
    /// Number (D014).
    pub number: String,
    /// Document kind (D013), where it is known.
    pub type_code: Option<String>,
}

impl About {
    /// The CO of which these are the facts, in a message of `sender`.
    #[must_use]
    pub fn of(facts: &Facts, sender: &str) -> Self {
        let receiver =
            if facts.territory == sender { facts.receiving_territory.clone() } else { Some(facts.territory.clone()) };
        Self {
            sender: sender.to_owned(),
            receiver,
            territory: facts.territory.clone(),
            issuing_body: facts.issuing_body.clone(),
            agreement: facts.agreement.clone(),
            number: facts.number.clone(),
            type_code: (!facts.type_code.is_empty()).then(|| facts.type_code.clone()),
        }
    }

    fn header(&self) -> MetaData {
        let recipient = self.receiver.as_deref().map(|country| {
            Box::new(md::CommunicationMetaData {
                recipient: Some(Box::new(md::Recipient {
                    country_code: Some(code(country)),
                    ..md::Recipient::default()
                })),
                ..md::CommunicationMetaData::default()
            })
        });
        MetaData {
            wco_data_model_version_code: code("4.0.0"),
            responsible_country_code: code(&self.sender),
            communication_meta_data: recipient,
            ..MetaData::default()
        }
    }

    fn reference(&self) -> ext::LpcoReference {
        ext::LpcoReference {
            id: id(&self.number),
            type_code: self.type_code.as_deref().map(code),
            issue_country_code: code(&self.territory),
            issuer_name: (!self.issuing_body.is_empty()).then(|| words(&self.issuing_body)),
            agreement_code: code(&self.agreement),
        }
    }

    fn response(&self, answers: &str, at: Timestamp) -> res::Response {
        res::Response {
            function_code: code("11"),
            functional_reference_id: id(answers),
            issue_date_time: Some(Box::new(res::DateTime::with_zone(&moment(at)))),
            lpco_reference: Some(Box::new(self.reference())),
            ..res::Response::default()
        }
    }
}

/// Why, coded, in words, or both.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Why {
    /// Code agreed with the partner.
    pub code: Option<String>,
    /// In words.
    pub words: Option<String>,
}

/// A notice that the CO was amended, withdrawn or revoked; an amendment may carry the CO as it shall stand.
#[must_use]
pub fn notice(about: &About, kind: NoticeKind, why: &Why, amended: Option<Box<lpco::Lpco>>, at: Timestamp) -> MetaData {
    let function = if kind == NoticeKind::Amendment { "4" } else { "1" };
    let information = why.words.as_deref().map(|said| lpco::AdditionalInformation {
        statement_description: Some(words(said)),
        ..lpco::AdditionalInformation::default()
    });
    MetaData {
        amendment: Some(Box::new(lpco::Amendment {
            function_code: code(function),
            issue_date_time: lpco::DateTime::with_zone(&moment(at)),
            change_reason_code: why.code.as_deref().map(code),
            notice_kind_code: code(kind.as_str()),
            additional_information: information.into_iter().collect(),
            lpco_reference: about.reference(),
            lpco: amended,
            ..lpco::Amendment::default()
        })),
        ..about.header()
    }
}

/// The answer to the notice that came as `answers` (its MessageID).
#[must_use]
pub fn cancellation_status(
    about: &About,
    answers: &str,
    status: Cancellation,
    why: &Why,
    decided: Timestamp,
    at: Timestamp,
) -> MetaData {
    let information = (why.code.is_some() || why.words.is_some()).then(|| res::AdditionalInformation {
        statement_code: why.code.as_deref().map(code),
        statement_description: why.words.as_deref().map(words),
        ..res::AdditionalInformation::default()
    });
    MetaData {
        response: Some(Box::new(res::Response {
            additional_information: information.into_iter().collect(),
            status: vec![res::Status {
                name_code: code(status.as_str()),
                effective_date_time: Some(Box::new(res::DateTime::with_zone(&moment(decided)))),
            }],
            ..about.response(answers, at)
        })),
        ..about.header()
    }
}

/// A claim to preferential treatment and what was decided on it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClaimDraft {
    /// Number of the import declaration.
    pub declaration: String,
    /// Item of the declaration.
    pub declaration_item: Option<u64>,
    /// Item of the CO.
    pub item: u64,
    /// How much is claimed.
    pub quantity: Decimal,
    /// In which unit (Rec 20); of `granted` too.
    pub unit: String,
    /// What was decided.
    pub decision: DecisionKind,
    /// Number of the decision within the claim; the highest is in force.
    pub number: u64,
    /// For how much, where it is less.
    pub granted: Option<Decimal>,
    /// When it was decided.
    pub decided: Timestamp,
    /// Why.
    pub why: Why,
}

/// Feedback on one claim under the CO that came as `answers` (its MessageID).
#[must_use]
pub fn feedback(about: &About, answers: &str, claim: &ClaimDraft, at: Timestamp) -> MetaData {
    let quantity = |value: &Decimal| data::UnitQuantity { value: value.clone(), unit_code: claim.unit.as_str().into() };
    let reason = (claim.why.code.is_some() || claim.why.words.is_some()).then(|| ext::Reason {
        code: claim.why.code.as_deref().map(code),
        description: claim.why.words.as_deref().map(words),
    });
    let decision = ext::Decision {
        sequence_numeric: Decimal::from(claim.number),
        name_code: code(claim.decision.as_str()),
        effective_date_time: ext::DateTime::with_zone(&moment(claim.decided)),
        granted_quantity: claim.granted.as_ref().map(quantity),
        reason: reason.into_iter().collect(),
    };
    let claim = ext::Claim {
        declaration_id: id(&claim.declaration),
        declaration_item_numeric: claim.declaration_item.map(Decimal::from),
        sequence_numeric: Decimal::from(claim.item),
        claimed_quantity: quantity(&claim.quantity),
        decision: vec![decision],
    };
    MetaData {
        response: Some(Box::new(res::Response { claim: vec![claim], ..about.response(answers, at) })),
        ..about.header()
    }
}

/// CCYYMMDDHHMMSSZ: format 304, in universal time.
fn moment(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y%m%d%H%M%SZ").to_string()
}

fn words(value: &str) -> data::Text {
    data::Text { value: Text::from(value), language_id: None }
}

fn code(value: &str) -> data::Code {
    data::Code { value: Text::from(value), attributes: None }
}

fn id(value: &str) -> data::Id {
    data::Id { value: Text::from(value), attributes: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Operation, Slots, Subject, Violations, decode, encode, sample};

    fn read(operation: Operation, message: &MetaData) -> Result<MetaData, Violations> {
        let mut octets = Vec::new();
        encode(message, &Slots::default(), &mut octets);
        let document = crate::xml::parse(octets, &crate::xml::Options::default()).unwrap();
        decode(operation, &document, document.document_element(), &Slots::default())
    }

    fn at() -> Timestamp {
        "2026-11-20T09:30:00.7Z".parse().unwrap()
    }

    fn why(text: &str) -> Why {
        Why { code: None, words: (!text.is_empty()).then(|| text.to_owned()) }
    }

    fn claim(decision: DecisionKind, granted: Option<&str>, reason: &str) -> ClaimDraft {
        ClaimDraft {
            declaration: "PIB-1".to_owned(),
            declaration_item: Some(2),
            item: 1,
            quantity: Decimal::parse("10.5").unwrap(),
            unit: "KGM".to_owned(),
            decision,
            number: 3,
            granted: granted.map(|text| Decimal::parse(text).unwrap()),
            decided: at(),
            why: why(reason),
        }
    }

    #[test]
    fn what_is_written_about_a_co_names_that_co_and_reads_back_under_its_operation() {
        let co = sample::co(3, 2).facts();
        let (ours, theirs) = (About::of(&co, "KR"), About::of(&co, "ID"));
        assert_eq!((ours.receiver.as_deref(), theirs.receiver.as_deref()), (Some("ID"), Some("KR")));
        let mut messages = vec![];
        for kind in [NoticeKind::Withdrawal, NoticeKind::Revocation, NoticeKind::Amendment] {
            let amended = (kind == NoticeKind::Amendment).then(|| sample::co(3, 2).lpco.unwrap());
            messages.push((Operation::SendAmendmentNotification, notice(&ours, kind, &why("so"), amended, at())));
        }
        for status in [Cancellation::Accepted, Cancellation::Declined] {
            let answer = cancellation_status(&theirs, "urn:uuid:x", status, &why("so"), at(), at());
            messages.push((Operation::SendCancellationStatus, answer));
        }
        for kind in DecisionKind::ALL {
            let draft = claim(kind, None, "so");
            messages.push((Operation::SendFeedback, feedback(&theirs, "urn:uuid:x", &draft, at())));
        }
        for (operation, message) in messages {
            let facts = read(operation, &message).unwrap().facts();
            assert_eq!(
                (facts.number, facts.territory, facts.issuing_body, facts.agreement),
                (co.number.clone(), co.territory.clone(), co.issuing_body.clone(), co.agreement.clone())
            );
            assert_eq!(message.operation(), Some(operation));
        }
    }

    #[test]
    fn a_claim_says_what_was_handed_in_to_the_last_digit() {
        let about = About::of(&sample::co(3, 2).facts(), "ID");
        let message = feedback(&about, "urn:uuid:x", &claim(DecisionKind::PartlyGranted, Some("0.50"), "half"), at());
        let Subject::Feedback { claims, answers } = read(Operation::SendFeedback, &message).unwrap().facts().subject
        else {
            panic!("no feedback")
        };
        assert_eq!(answers, "urn:uuid:x");
        let [claim] = claims.as_slice() else { panic!("{claims:?}") };
        assert_eq!((claim.declaration.as_str(), claim.declaration_item, claim.item), ("PIB-1", Some(2), 1));
        assert_eq!((claim.quantity.as_str(), claim.unit.as_str()), ("10.5", "KGM"));
        let decision = &claim.decisions[0];
        assert_eq!(
            (decision.number, decision.kind, decision.at.as_str()),
            (3, DecisionKind::PartlyGranted, "20261120093000Z")
        );
        assert_eq!((decision.granted.as_ref().unwrap().as_str(), decision.reason.as_str()), ("0.50", "half"));
    }

    #[test]
    fn what_takes_away_without_a_reason_is_refused_by_the_same_rules_as_what_comes_in() {
        let about = About::of(&sample::co(3, 2).facts(), "ID");
        let (none, ours) = (why(""), About::of(&sample::co(3, 2).facts(), "KR"));
        for (operation, message) in [
            (Operation::SendAmendmentNotification, notice(&ours, NoticeKind::Withdrawal, &none, None, at())),
            (
                Operation::SendCancellationStatus,
                cancellation_status(&about, "urn:uuid:x", Cancellation::Declined, &none, at(), at()),
            ),
            (Operation::SendFeedback, feedback(&about, "urn:uuid:x", &claim(DecisionKind::Denied, None, ""), at())),
        ] {
            let violations = read(operation, &message).unwrap_err();
            assert_eq!(violations.list[0].code, "missing-reason", "{operation:?}: {violations}");
        }
        let above = feedback(&about, "urn:uuid:x", &claim(DecisionKind::PartlyGranted, Some("11"), "so"), at());
        assert_eq!(read(Operation::SendFeedback, &above).unwrap_err().list[0].code, "granted-quantity");
    }
}
