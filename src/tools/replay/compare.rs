//! What was expected against what came: each difference with its place and what to do about it.

use serde::Serialize;

use super::case::{ExpectedError, Kind, Outcome, Soap, Step};
use super::compose::Composed;
use super::run::{Came, NoAnswer, Said, Signed, document_digest};
use crate::base::octets::to_hex;
use crate::contract::{Status, Violation};
use crate::exchange::fault::{Code, SoapCode};

/// One difference.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Difference {
    /// What differs: `outcome`, `code`, `HTTP status`, ...
    pub what: String,
    /// What the case expects.
    pub expected: String,
    /// What came.
    pub came: String,
    /// Where in the answer or in the document.
    pub place: String,
    /// What to do.
    pub todo: String,
}

/// What an earlier step of the case sent and got.
pub struct Earlier {
    /// MessageID sent.
    pub message_id: Option<String>,
    /// Acknowledgement element that came, canonical.
    pub acknowledgement: Option<String>,
}

/// Everything that differs; none when the step went as expected.
#[must_use]
pub fn compare(step: &Step, message: &Composed, came: &Result<Came, NoAnswer>, earlier: &[Earlier]) -> Vec<Difference> {
    let mut out = Differences { step, found: Vec::new() };
    match came {
        Err(none) => out.no_answer(none),
        Ok(came) => out.answer(message, came, earlier),
    }
    out.found
}

/// What came, in a few words.
#[must_use]
pub fn summary(came: &Result<Came, NoAnswer>) -> String {
    match came {
        Err(none) if none.denied => "no connection (refused in TLS)".to_owned(),
        Err(none) => format!("no answer: {}", none.what),
        Ok(came) => match &came.said {
            Said::Acknowledged(acknowledgement, _) => match acknowledgement.status {
                Status::Accepted => "accepted".to_owned(),
                Status::AlreadyReceived { .. } => "already-received".to_owned(),
            },
            Said::Fault { detail: Some(detail), .. } => format!("fault {}", detail.code),
            Said::Fault { reason, .. } => format!("fault without FaultDetail: {reason}"),
            Said::Nothing => format!("HTTP {} without a body", came.status),
            Said::Other(what) => format!("HTTP {}: {what}", came.status),
        },
    }
}

/// What is expected, in a few words.
#[must_use]
pub fn expectation(step: &Step) -> String {
    let expect = &step.expect;
    let mut text = expect.outcome.as_str().to_owned();
    if let [first, second, more @ ..] = expect.code.as_slice()
        && !more.is_empty()
    {
        text.push_str(&format!(" {first}, {second} or {} others", more.len()));
    } else if !expect.code.is_empty() {
        text.push_str(&format!(" {}", expect.code.join(" or ")));
    } else if let Some(status) = expect.status {
        text.push_str(&format!(" HTTP {status}"));
    }
    for error in &expect.error {
        let parts = [&error.code, &error.wco_id].into_iter().flatten().map(String::as_str);
        text.push_str(&format!(", {}", parts.collect::<Vec<_>>().join(" ")));
    }
    text
}

struct Differences<'a> {
    step: &'a Step,
    found: Vec<Difference>,
}

impl Differences<'_> {
    fn add(
        &mut self,
        what: &str,
        expected: impl Into<String>,
        came: impl Into<String>,
        place: &str,
        todo: impl Into<String>,
    ) {
        self.found.push(Difference {
            what: what.to_owned(),
            expected: expected.into(),
            came: came.into(),
            place: place.to_owned(),
            todo: todo.into(),
        });
    }

    fn no_answer(&mut self, none: &NoAnswer) {
        if self.step.expect.outcome == Outcome::Denied && none.denied {
            return;
        }
        let todo = if none.denied {
            "the endpoint does not take the client certificate: give it the right one, or let it be registered there"
        } else if none.unreachable {
            "see that the endpoint serves and can be reached from here"
        } else {
            "see the endpoint's log: it closed the connection instead of answering"
        };
        self.add("answer", expectation(self.step), none.what.clone(), "connection", todo);
    }

    fn answer(&mut self, message: &Composed, came: &Came, earlier: &[Earlier]) {
        let expect = &self.step.expect;
        let before = self.found.len();
        match (expect.outcome, &came.said) {
            (Outcome::Denied, said) => self.denied(came, said),
            (Outcome::Fault, Said::Fault { detail: Some(detail), .. }) => self.fault(detail),
            // The case asks for a status alone.
            (Outcome::Fault, Said::Nothing | Said::Fault { .. }) if expect.code.is_empty() => {}
            (Outcome::Accepted | Outcome::AlreadyReceived | Outcome::SameAcknowledgement, Said::Acknowledged(..)) => {
                self.acknowledgement(message, came, earlier);
            }
            (Outcome::Fault, Said::Acknowledged(..)) => {
                let todo = format!("the endpoint accepts what must be refused: {}", self.clue());
                self.add("outcome", expectation(self.step), summary(&Ok(came.clone())), "Body", todo);
            }
            (Outcome::Fault, _) => self.add(
                "outcome",
                expectation(self.step),
                summary(&Ok(came.clone())),
                "Body",
                "a refusal must be a SOAP fault with FaultDetail: code, verdict, referenceId",
            ),
            (_, Said::Fault { detail: Some(detail), reason }) => {
                let errors: Vec<String> = detail.errors.iter().take(3).map(one_line).collect();
                let place = errors.first().cloned().unwrap_or_else(|| reason.clone());
                let todo = remedy(&detail.code, &detail.reference_id);
                self.add("outcome", expectation(self.step), format!("fault {}: {reason}", detail.code), &place, todo);
            }
            _ => self.add(
                "outcome",
                expectation(self.step),
                summary(&Ok(came.clone())),
                "Body",
                "the answer must be the Acknowledgement in the wrapper of the operation; see the kept answer and the endpoint's log",
            ),
        }
        if self.found.len() == before || self.step.expect.outcome != Outcome::Denied {
            self.status(came);
            self.signature(came);
        }
    }

    fn clue(&self) -> &'static str {
        match self.step.expect.code.first().and_then(|name| Code::parse(name)) {
            Some(code) => code.row().text,
            None => "see the clause of the case",
        }
    }

    fn denied(&mut self, came: &Came, said: &Said) {
        let fits =
            matches!(came.status, 401 | 403) && self.step.expect.status.is_none_or(|status| status == came.status);
        if !fits || !matches!(said, Said::Nothing) {
            let expected = match self.step.expect.status {
                Some(status) => format!("HTTP {status} and no body, or no connection"),
                None => "HTTP 401 or 403 and no body, or no connection".to_owned(),
            };
            let todo = "before transport identity is established a status is all that may be told (no text, no fault)";
            self.add(
                "outcome",
                expected,
                format!("HTTP {}, {}", came.status, summary(&Ok(came.clone()))),
                "HTTP",
                todo,
            );
        }
    }

    fn fault(&mut self, detail: &crate::contract::FaultDetail) {
        let expect = &self.step.expect;
        if !expect.code.is_empty() && !expect.code.iter().any(|code| *code == detail.code) {
            self.add(
                "code",
                expect.code.join(" or "),
                detail.code.to_string(),
                "FaultDetail/code",
                format!(
                    "the endpoint refuses for another reason than the case shows: {}",
                    remedy(&detail.code, &detail.reference_id)
                ),
            );
            return;
        }
        let usual = Code::parse(&detail.code).map(|code| code.row().verdict.as_str().to_owned());
        if let Some(verdict) = expect.verdict.clone().or(usual)
            && verdict != detail.verdict.as_str()
        {
            self.add(
                "verdict",
                verdict,
                detail.verdict.as_str(),
                "FaultDetail/verdict",
                "the sender acts by the verdict: retry, correct or contact",
            );
        }
        if detail.reference_id.trim().is_empty() {
            self.add(
                "referenceId",
                "an id that the endpoint's journal knows",
                "nothing",
                "FaultDetail/referenceId",
                "journal every refusal and return its id",
            );
        }
        for wanted in &self.step.expect.error {
            if !detail.errors.iter().any(|error| is_meant(wanted, error)) {
                let came: Vec<String> = detail.errors.iter().take(5).map(one_line).collect();
                let came = if came.is_empty() { "no error".to_owned() } else { came.join("; ") };
                let place = wanted.path.clone().unwrap_or_else(|| "FaultDetail/error".to_owned());
                self.add("error", described(wanted), came, &place, "name every error with its code, WCO id and path");
            }
        }
        if let Some(total) = self.step.expect.errors_total
            && total != detail.errors.len()
        {
            let came: Vec<String> = detail.errors.iter().take(5).map(one_line).collect();
            self.add(
                "number of errors",
                total.to_string(),
                format!("{}: {}", detail.errors.len(), came.join("; ")),
                "FaultDetail/error",
                "list all errors of a message at once, and none that follows from another",
            );
        }
    }

    fn acknowledgement(&mut self, message: &Composed, came: &Came, earlier: &[Earlier]) {
        let Said::Acknowledged(acknowledgement, element) = &came.said else { return };
        let expect = &self.step.expect;
        let of = |number: Option<usize>| number.and_then(|number| earlier.get(number - 1));
        let first_id =
            of(expect.first).and_then(|first| first.message_id.as_deref()).unwrap_or_default().to_lowercase();
        match (expect.outcome, &acknowledgement.status) {
            (Outcome::SameAcknowledgement, _) => {
                let stored = of(expect.first).and_then(|first| first.acknowledgement.as_deref());
                if stored != Some(element.as_str()) {
                    self.add(
                        "Acknowledgement",
                        format!("the very element of step {}", expect.first.unwrap_or_default()),
                        "another one",
                        "Body",
                        "store the Acknowledgement element with the message and return it byte for byte",
                    );
                }
                return;
            }
            (Outcome::AlreadyReceived, Status::AlreadyReceived { message_id, .. }) => {
                if expect.first.is_some() && message_id.as_str() != first_id {
                    self.add(
                        "FirstMessage",
                        first_id,
                        message_id.to_string(),
                        "Acknowledgement/FirstMessage",
                        "name the MessageID under which the CO came first",
                    );
                }
            }
            (Outcome::Accepted, Status::Accepted) => {}
            (wanted, _) => {
                let todo = match wanted {
                    Outcome::Accepted => "the CO number was used before: are the numbers of this run fresh?",
                    _ => "a CO that is there already is acknowledged as already-received and stored once",
                };
                self.add(
                    "status",
                    wanted.as_str(),
                    summary(&Ok(came.clone())),
                    "Acknowledgement/Response/Status",
                    todo,
                );
            }
        }
        let sent = message.message_id.as_deref().unwrap_or_default().to_lowercase();
        if !sent.is_empty() && acknowledgement.message_id.as_str() != sent {
            let came = acknowledgement.message_id.to_string();
            self.add(
                "MessageID",
                sent,
                came,
                "Acknowledgement/Response/FunctionalReferenceID",
                "acknowledge the message that came",
            );
        }
        if self.step.kind == Kind::Document
            && let Some(digest) = message.clear.as_deref().and_then(document_digest)
            && digest != acknowledgement.document_digest
        {
            self.add(
                "DocumentDigest",
                to_hex(&digest),
                to_hex(&acknowledgement.document_digest),
                "Acknowledgement/DocumentDigest",
                "SHA-256 over the exclusive canonical form, without comments and wsu:Id, of the business document in clear",
            );
        }
    }

    fn status(&mut self, came: &Came) {
        let Some(expected) = self.expected_status(came) else { return };
        if expected != came.status {
            let todo =
                "faults of SOAP 1.1 are HTTP 500; of SOAP 1.2 Sender 400 and Receiver 500; an Acknowledgement is 200";
            self.add("HTTP status", expected.to_string(), came.status.to_string(), "HTTP", todo);
        }
    }

    fn expected_status(&self, came: &Came) -> Option<u16> {
        let expect = &self.step.expect;
        if expect.status.is_some() {
            return expect.status;
        }
        match (expect.outcome, &came.said) {
            (Outcome::Denied, _) => None,
            (Outcome::Fault, Said::Fault { detail: Some(detail), .. }) => {
                let row = Code::parse(&detail.code)?.row();
                Some(match (row.status, self.step.soap, row.soap) {
                    (0, Soap::V12, SoapCode::Sender) => 400,
                    (0, ..) => 500,
                    (status, ..) => status,
                })
            }
            (Outcome::Fault, _) => None,
            _ => Some(200),
        }
    }

    fn signature(&mut self, came: &Came) {
        let expect = &self.step.expect;
        let row = |name: &String| Code::parse(name).map(Code::row);
        let signed = expect.signed.unwrap_or(match expect.outcome {
            Outcome::Denied => false,
            Outcome::Fault => !expect.code.is_empty() && expect.code.iter().filter_map(row).all(|row| row.status == 0),
            _ => true,
        });
        match (&came.signed, signed) {
            (_, false) => {}
            (Signed::Full(_), true) => {}
            (Signed::Unconfirmed(_), true) if expect.outcome == Outcome::Fault && !self.must_confirm() => {}
            (Signed::Unrelated(_), true) if expect.outcome == Outcome::Fault && !self.was_readable() => {}
            (Signed::Unconfirmed(_), true) => self.add(
                "SignatureConfirmation",
                "that of the request's SignatureValue",
                "none, or another",
                "Security",
                "confirm the signatures of a request that held (WS-Security 1.1, SignatureConfirmation)",
            ),
            (Signed::Unrelated(_), true) => self.add(
                "RelatesTo",
                "the MessageID of the request, signed",
                "none, or another",
                "Header",
                "sign wsa:RelatesTo with the MessageID that came",
            ),
            (Signed::Not(why), true) => self.add(
                "signature of the answer",
                "Body, Timestamp, RelatesTo and the other wsa headers signed by the receiver's certificate",
                why.clone(),
                "Security",
                "sign every answer, refusals too; the kept canonical octets show what was signed",
            ),
        }
    }

    /// Once the request's signature held, the fault confirms it.
    fn must_confirm(&self) -> bool {
        let number = |code: Code| Code::ALL.iter().position(|other| *other == code);
        let held = number(Code::SignatureInvalid);
        self.step
            .expect
            .code
            .iter()
            .filter_map(|name| Code::parse(name))
            .all(|code| number(code) > held && !matches!(code, Code::StoreUnavailable | Code::Internal))
            && !self.step.expect.code.is_empty()
    }

    /// Whether the receiver had read the MessageID when it refused: not before the structure of envelope and Security header
    /// was right, and not when the addressing headers themselves are wrong.
    fn was_readable(&self) -> bool {
        let number = |code: Code| Code::ALL.iter().position(|other| *other == code);
        let structure = number(Code::SecurityInvalid);
        let after =
            |code: Code| number(code) > structure && !matches!(code, Code::AddressingMissing | Code::AddressingInvalid);
        matches!(self.step.kind, Kind::Document)
            && self.step.expect.code.iter().filter_map(|name| Code::parse(name)).all(after)
    }
}

fn is_meant(wanted: &ExpectedError, error: &Violation) -> bool {
    wanted.code.as_ref().is_none_or(|code| *code == error.code)
        && wanted.wco_id.as_ref().is_none_or(|id| *id == error.wco_id)
        && wanted.path.as_ref().is_none_or(|path| *path == error.path)
}

fn described(wanted: &ExpectedError) -> String {
    let parts = [&wanted.code, &wanted.wco_id, &wanted.path].into_iter().flatten().map(String::as_str);
    parts.collect::<Vec<_>>().join(" ")
}

fn one_line(error: &Violation) -> String {
    let id = if error.wco_id.is_empty() { String::new() } else { format!(" {}", error.wco_id) };
    format!("{}{id} {} at {}:{}, expected {}", error.code, error.path, error.line, error.column, error.expected)
}

fn remedy(code: &str, reference: &str) -> String {
    let known = Code::parse(code).map(|code| code.row().remedy);
    let look =
        if reference.is_empty() { String::new() } else { format!("; its journal has the reason under {reference}") };
    format!("{}{look}", known.unwrap_or("a code that the catalogue does not have"))
}
