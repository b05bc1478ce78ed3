//! What an operation demands of its payload beyond the schema, which is one for all of them: the payload's kind, and what
//! XML Schema 1.0 cannot say: that codes agree with each other, that numbers stand once, that a refusal has a reason.
//!
//! | code | what is wrong |
//! |---|---|
//! | `operation-payload` | the payload is that of another operation |
//! | `document-kind` | a Declaration of Origin (862) under send-co, or something else under send-do |
//! | `notice-function` | the message function does not fit the kind of the notice |
//! | `amended-document` | an LPCO in a notice that amends nothing, or one with another number |
//! | `missing-reason` | a notice, decline or denial without a word of why |
//! | `response-function` | an answer whose message function is not 11 |
//! | `missing-element`, `unexpected-element` | as in the schema, for what only this operation demands or excludes |
//! | `decision-number` | two decisions of one claim with one number |
//! | `claim-twice` | two claims of one item by one declaration |
//! | `granted-quantity` | a granted quantity in another unit, or above what was claimed |

use std::borrow::Cow;
use std::collections::HashSet;

use super::generated::{ext, lpco, res};
use super::operation::Operation;
use super::payload::{Cancellation, DECLARATION_OF_ORIGIN, DecisionKind, NoticeKind, Payload};
use super::text::Decimal;
use super::violation::{Came, VIOLATIONS_MAX, Violation, Violations};
use super::{MetaData, Slot, Slots};
use crate::xml::{Document, NodeId};

/// A step to a child element: slot, local name, and which of several where there may be several.
type Step = (Slot, &'static str, Option<usize>);

/// Checks the document at `node` (`{md}MetaData`), bound as `message`, against what `operation` demands.
///
/// # Errors
/// Everything that is wrong with it.
pub(super) fn check(
    operation: Operation,
    message: &MetaData,
    document: &Document,
    node: NodeId,
    slots: &Slots,
) -> Result<(), Violations> {
    let mut check = Check { document, base: node, slots, violations: Violations::default() };
    match (operation, message.payload()) {
        (Operation::SendCo | Operation::SendDo, Some(Payload::Lpco(lpco))) => check.kind(operation, lpco),
        (Operation::SendAmendmentNotification, Some(Payload::Amendment(amendment))) => check.notice(amendment),
        (Operation::SendCancellationStatus, Some(Payload::Response(response))) => check.status(response),
        (Operation::SendFeedback, Some(Payload::Response(response))) => check.feedback(response),
        (_, payload) => check.other_payload(operation, payload),
    }
    if check.violations.is_empty() { Ok(()) } else { Err(check.violations) }
}

struct Check<'a> {
    document: &'a Document,
    base: NodeId,
    slots: &'a Slots,
    violations: Violations,
}

impl Check<'_> {
    fn tell(&mut self, code: &'static str, wco_id: &'static str, steps: &[Step], expected: &'static str, came: Came) {
        if self.violations.list.len() >= VIOLATIONS_MAX {
            // What is counted only needs no place: finding one is linear in the message.
            self.violations.total += 1;
            return;
        }
        let (node, path) = self.place(steps);
        let position = self.document.position_within(self.base, node);
        self.violations.push(|| Violation {
            code: code.into(),
            wco_id: wco_id.into(),
            path,
            line: position.line,
            column: position.column,
            expected: expected.into(),
            came,
            value: None,
        });
    }

    /// The element at the end of `steps`, or the last one on the way that is there; and the path that was wanted.
    fn place(&self, steps: &[Step]) -> (NodeId, String) {
        let (mut node, mut path, mut lost) = (self.base, "/MetaData".to_owned(), false);
        for (slot, name, at) in steps {
            path.push('/');
            path.push_str(name);
            if let Some(at) = at {
                path.push_str(&format!("[{}]", at + 1));
            }
            let is = |child: &NodeId| self.document.is(*child, self.slots.uri(*slot), name);
            match self.document.elements(node).filter(is).nth(at.unwrap_or(0)) {
                Some(child) if !lost => node = child,
                _ => lost = true,
            }
        }
        (node, path)
    }

    fn other_payload(&mut self, operation: Operation, payload: Option<Payload<'_>>) {
        let expected = match operation {
            Operation::SendCo | Operation::SendDo => "LPCO",
            Operation::SendAmendmentNotification => "Amendment",
            Operation::SendCancellationStatus | Operation::SendFeedback => "Response",
        };
        let step = match payload {
            Some(Payload::Lpco(_)) => (Slot::Lpco, "LPCO", None),
            Some(Payload::Amendment(_)) => (Slot::Lpco, "Amendment", None),
            Some(Payload::Response(_)) => (Slot::Res, "Response", None),
            Some(Payload::ExporterList(_)) => (Slot::Ext, "ExporterList", None),
            None => return self.tell("operation-payload", "", &[], expected, nothing()),
        };
        self.tell("operation-payload", "", &[step], expected, element());
    }

    fn kind(&mut self, operation: Operation, lpco: &lpco::Lpco) {
        let is_declaration = lpco.type_code.value == *DECLARATION_OF_ORIGIN;
        let steps = [(Slot::Lpco, "LPCO", None), (Slot::Lpco, "TypeCode", None)];
        match (operation, is_declaration) {
            (Operation::SendDo, false) => {
                self.tell("document-kind", "D013", &steps, "862: a Declaration of Origin", text(&lpco.type_code.value));
            }
            (Operation::SendCo, true) => {
                let expected = "a certificate; a Declaration of Origin (862) goes to send-do";
                self.tell("document-kind", "D013", &steps, expected, text(&lpco.type_code.value));
            }
            _ => {}
        }
    }

    fn notice(&mut self, amendment: &lpco::Amendment) {
        const AMENDMENT: Step = (Slot::Lpco, "Amendment", None);
        let kind = NoticeKind::parse(&amendment.notice_kind_code.value);
        let function = amendment.function_code.value.as_str();
        let (fits, expected) = match kind {
            Some(NoticeKind::Amendment) => (matches!(function, "4" | "17"), "4 or 17 for an amendment"),
            _ => (function == "1", "1 for a withdrawal or revocation"),
        };
        if !fits {
            let steps = [AMENDMENT, (Slot::Lpco, "FunctionCode", None)];
            self.tell("notice-function", "017", &steps, expected, text(function));
        }
        let said = |information: &lpco::AdditionalInformation| {
            information.statement_code.is_some()
                || information.statement_description.is_some()
                || information.content.is_some()
        };
        if amendment.change_reason_code.is_none() && !amendment.additional_information.iter().any(said) {
            let steps = [AMENDMENT, (Slot::Lpco, "ChangeReasonCode", None)];
            self.tell("missing-reason", "099", &steps, "a reason, coded or in words", nothing());
        }
        if let Some(amended) = amendment.lpco.as_deref() {
            let steps = [AMENDMENT, (Slot::Lpco, "LPCO", None)];
            if kind != Some(NoticeKind::Amendment) {
                self.tell("amended-document", "", &steps, "no document where none is amended", element());
            } else if amended.id.value != amendment.lpco_reference.id.value {
                let steps = [steps[0], steps[1], (Slot::Lpco, "ID", None)];
                let expected = "the number of the document that is amended";
                self.tell("amended-document", "D014", &steps, expected, text(&amended.id.value));
            }
        }
    }

    /// What both kinds of answer demand.
    fn answer(&mut self, response: &res::Response) {
        if response.function_code.value != "11" {
            let steps = [RESPONSE, (Slot::Res, "FunctionCode", None)];
            self.tell("response-function", "017", &steps, "11: response", text(&response.function_code.value));
        }
        if response.lpco_reference.is_none() {
            let steps = [RESPONSE, (Slot::Ext, "LPCOReference", None)];
            self.tell("missing-element", "", &steps, "the document that it is about", nothing());
        }
        if !response.error.is_empty() {
            let steps = [RESPONSE, (Slot::Res, "Error", Some(0))];
            self.tell("unexpected-element", "", &steps, "no errors in an answer about a document", element());
        }
    }

    fn status(&mut self, response: &res::Response) {
        self.answer(response);
        let steps = [RESPONSE, (Slot::Res, "Status", Some(0))];
        match response.status.as_slice() {
            [] => self.tell("missing-element", "", &steps, "one Status", nothing()),
            [status] => self.cancellation(&status.name_code.value, response),
            [_, _, ..] => {
                let steps = [RESPONSE, (Slot::Res, "Status", Some(1))];
                self.tell("unexpected-element", "", &steps, "one Status", element());
            }
        }
        if !response.claim.is_empty() {
            let steps = [RESPONSE, (Slot::Ext, "Claim", Some(0))];
            self.tell("unexpected-element", "", &steps, "no claims in a cancellation status", element());
        }
    }

    fn cancellation(&mut self, name: &str, response: &res::Response) {
        let cancellation = Cancellation::parse(name);
        if cancellation.is_none() {
            let steps = [RESPONSE, (Slot::Res, "Status", Some(0)), (Slot::Res, "NameCode", None)];
            let came = Came { in_list: Some(false), ..text(name) };
            self.tell("enumeration", "379", &steps, "accepted or declined", came);
        }
        let said = |i: &res::AdditionalInformation| i.statement_code.is_some() || i.statement_description.is_some();
        if cancellation == Some(Cancellation::Declined) && !response.additional_information.iter().any(said) {
            let steps = [RESPONSE, (Slot::Res, "AdditionalInformation", Some(0))];
            self.tell("missing-reason", "03A", &steps, "a reason for the decline, coded or in words", nothing());
        }
    }

    fn feedback(&mut self, response: &res::Response) {
        self.answer(response);
        if response.claim.is_empty() {
            let steps = [RESPONSE, (Slot::Ext, "Claim", Some(0))];
            self.tell("missing-element", "", &steps, "at least one claim", nothing());
        }
        if !response.status.is_empty() {
            let steps = [RESPONSE, (Slot::Res, "Status", Some(0))];
            self.tell("unexpected-element", "", &steps, "decisions in claims, no Status", element());
        }
        let mut seen = HashSet::with_capacity(response.claim.len());
        for (at, claim) in response.claim.iter().enumerate() {
            let number = |decimal: &Decimal| decimal.to_u64();
            let item = claim.declaration_item_numeric.as_ref().and_then(number);
            if !seen.insert((claim.declaration_id.value.as_str(), item, number(&claim.sequence_numeric))) {
                let expected = "each item of the document once for each item of a declaration";
                self.tell("claim-twice", "", &[RESPONSE, (Slot::Ext, "Claim", Some(at))], expected, element());
            }
            self.claim(at, claim);
        }
    }

    fn claim(&mut self, at: usize, claim: &ext::Claim) {
        let mut numbers = HashSet::with_capacity(claim.decision.len());
        for (nth, decision) in claim.decision.iter().enumerate() {
            let place = [RESPONSE, (Slot::Ext, "Claim", Some(at)), (Slot::Ext, "Decision", Some(nth))];
            let within = |name| [place[0], place[1], place[2], (Slot::Ext, name, None)];
            if !numbers.insert(decision.sequence_numeric.to_u64()) {
                let came = text(decision.sequence_numeric.as_str());
                self.tell("decision-number", "006", &within("SequenceNumeric"), "each number once in a claim", came);
            }
            let kind = DecisionKind::parse(&decision.name_code.value);
            let said = |reason: &ext::Reason| reason.code.is_some() || reason.description.is_some();
            if kind.is_some_and(DecisionKind::needs_reason) && !decision.reason.iter().any(said) {
                self.tell("missing-reason", "", &within("Reason"), "a reason, coded or in words", nothing());
            }
            if let Some(granted) = &decision.granted_quantity {
                let claimed = &claim.claimed_quantity;
                if granted.unit_code != claimed.unit_code || granted.value.compare(&claimed.value).is_gt() {
                    let expected = "at most what was claimed, in its unit";
                    let came = text(granted.value.as_str());
                    self.tell("granted-quantity", "", &within("GrantedQuantity"), expected, came);
                }
            }
        }
    }
}

const RESPONSE: Step = (Slot::Res, "Response", None);

fn nothing() -> Came {
    Came { kind: "nothing".into(), ..Came::default() }
}

fn element() -> Came {
    Came { kind: "element".into(), ..Came::default() }
}

fn text(value: &str) -> Came {
    let kind: Cow<'static, str> = super::bind::kind_of(value).into();
    Came { kind, length: Some(value.chars().count() as u64), ..Came::default() }
}
