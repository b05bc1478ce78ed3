//! `{svc}FaultDetail`: what a fault tells (design 2.1): code, verdict, reference id, errors; never a received value.

use std::borrow::Cow;

use super::generated::{TABLES, svc};
use super::text::{Decimal, Text};
use super::violation::{Came, Violation, Violations};
use super::write::Writer;
use super::{Slot, Slots};
use crate::xml::{Document, NodeId};

/// What the sender should do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Send it again later.
    Retry,
    /// Correct the message and send it anew.
    Correct,
    /// Speak to the receiver.
    Contact,
}

impl Verdict {
    /// As on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Correct => "correct",
            Self::Contact => "contact",
        }
    }

    /// Reads `retry`, `correct` or `contact`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "retry" => Some(Self::Retry),
            "correct" => Some(Self::Correct),
            "contact" => Some(Self::Contact),
            _ => None,
        }
    }
}

/// The detail of a fault. `errors` are [`Violation`]s without a value: encoding leaves the value out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FaultDetail {
    /// Stable name from the catalogue of faults.
    pub code: Cow<'static, str>,
    /// What the sender should do.
    pub verdict: Verdict,
    /// Under which the receiver's journal has the message and the true reason.
    pub reference_id: String,
    /// What is wrong with the business message.
    pub errors: Vec<Violation>,
}

impl FaultDetail {
    /// Reads `{svc}FaultDetail` at `node`, by the generated decoder.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn decode(document: &Document, node: NodeId, slots: &Slots) -> Result<Self, Violations> {
        let wire: svc::FaultDetail = super::bind_root(super::root(Slot::Svc, "FaultDetail"), document, node, slots)?;
        Ok(Self {
            code: Cow::Owned(wire.code.to_string()),
            // The schema lets no other word through.
            verdict: Verdict::parse(&wire.verdict).unwrap_or(Verdict::Contact),
            reference_id: wire.reference_id.to_string(),
            errors: wire.error.iter().map(from_wire).collect(),
        })
    }

    /// Appends `{svc}FaultDetail` to `out`; it declares its own namespaces.
    pub fn encode(&self, slots: &Slots, out: &mut Vec<u8>) {
        let wire = svc::FaultDetail {
            code: Text::from(&*self.code),
            verdict: self.verdict.as_str().into(),
            reference_id: self.reference_id.as_str().into(),
            error: self.errors.iter().map(to_wire).collect(),
        };
        Writer::new(slots, &TABLES, out).complex(super::root(Slot::Svc, "FaultDetail"), &wire);
    }
}

fn from_wire(error: &svc::Error) -> Violation {
    let text = |value: &Option<Text>| value.as_ref().map(ToString::to_string).unwrap_or_default();
    let number = |value: &Option<Decimal>| value.as_ref().and_then(Decimal::to_u64);
    let place = |value: &Option<Decimal>| number(value).and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
    Violation {
        code: Cow::Owned(error.code.to_string()),
        wco_id: Cow::Owned(text(&error.wco_id)),
        path: text(&error.xpath),
        line: place(&error.line),
        column: place(&error.column),
        expected: Cow::Owned(text(&error.expected)),
        came: error.came.as_deref().map_or_else(Came::default, |came| Came {
            kind: Cow::Owned(came.kind.to_string()),
            length: number(&came.length),
            in_list: came.in_list.as_ref().map(|word| matches!(word.as_str(), "true" | "1")),
        }),
        value: None,
    }
}

fn to_wire(violation: &Violation) -> svc::Error {
    let text = |value: &str| (!value.is_empty()).then(|| Text::from(value));
    let place = |value: u32| (value > 0).then(|| Decimal::from(u64::from(value)));
    let came = &violation.came;
    svc::Error {
        code: Text::from(&*violation.code),
        wco_id: text(&violation.wco_id),
        xpath: text(&violation.path),
        line: place(violation.line),
        column: place(violation.column),
        expected: text(&violation.expected),
        came: (!came.kind.is_empty()).then(|| {
            Box::new(svc::Came {
                kind: Text::from(&*came.kind),
                length: came.length.map(Decimal::from),
                in_list: came.in_list.map(|known| if known { "true".into() } else { "false".into() }),
            })
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detail_reads_back_without_the_value() {
        // The value that came must not leave this side.
        let violation = Violation {
            code: "max-length".into(),
            wco_id: "D014".into(),
            path: "/MetaData/LPCO/ID".to_owned(),
            line: 3,
            column: 14,
            expected: "at most 70 characters".into(),
            came: Came { kind: "text".into(), length: Some(71), in_list: Some(false) },
            value: Some("SECRET".to_owned()),
        };
        let detail = FaultDetail {
            code: "schema".into(),
            verdict: Verdict::Correct,
            reference_id: "r-1".to_owned(),
            errors: vec![
                violation.clone(),
                Violation { wco_id: "".into(), came: Came::default(), ..violation.clone() },
            ],
        };
        let mut out = Vec::new();
        detail.encode(&Slots::default(), &mut out);
        assert!(!String::from_utf8_lossy(&out).contains("SECRET"));
        let document = crate::xml::parse(out, &crate::xml::Options::default()).unwrap();
        let read = FaultDetail::decode(&document, document.document_element(), &Slots::default()).unwrap();
        let without = |v: &Violation| Violation { value: None, ..v.clone() };
        assert_eq!(read, FaultDetail { errors: detail.errors.iter().map(without).collect(), ..detail });
    }
}
