//! What the agreement profile in force says beyond the schema, each thing once: its settings, its calendars with their days,
//! its statements about elements, its rules. All forms of the annex are written from this; two sides that hold the same
//! profile write the same, and what they hold different is a line each.

use serde::Serialize;

use super::{Fact, Section, fact, section};
use crate::exchange::partner::Partner;
use crate::exchange::profile::{self, MenuRow};

/// One thing that the profile says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Stated {
    /// Path of an element or `path/@attribute`, `rule NAME`, `zone KR`, `calendar KR`, `profile` for the profile itself.
    pub subject: String,
    /// WCO id, or "".
    pub wco_id: String,
    /// What is said: `presence`, `length-max`, name of a rule's kind.
    pub says: String,
    /// The value, conditions and rules in words.
    pub value: String,
    /// Verdict on receipt; "" for a setting.
    pub on_receipt: String,
    /// Verdict before sending; "" for a setting.
    pub before_sending: String,
    /// How sure it is: `seen`, `recalled`, `proposed`, `agreed`; "" for a setting.
    pub certainty: String,
}

impl Stated {
    fn setting(subject: impl Into<String>, says: &str, value: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            wco_id: String::new(),
            says: says.to_owned(),
            value: value.into(),
            on_receipt: String::new(),
            before_sending: String::new(),
            certainty: String::new(),
        }
    }

    fn statement(row: MenuRow) -> Self {
        Self {
            subject: row.subject,
            wco_id: row.wco_id,
            says: row.says,
            value: row.value,
            on_receipt: row.verdict.to_string(),
            before_sending: row.verdict_out.to_string(),
            certainty: row.certainty.to_string(),
        }
    }

    /// As a line of the text form.
    pub(super) fn fact(&self) -> Fact {
        let id = if self.wco_id.is_empty() { String::new() } else { format!(" (WCO {})", self.wco_id) };
        let name = format!("{}{id}, {}", self.subject, self.says);
        if self.on_receipt.is_empty() {
            return fact(name, &self.value);
        }
        let verdicts = format!("on receipt {}, before sending {}", self.on_receipt, self.before_sending);
        fact(name, format!("{}; {verdicts}; {}", self.value, self.certainty))
    }
}

/// Everything that the profile of `partner` says: settings, calendars, then elements in the order of the schema, then rules.
pub(super) fn stated(partner: &Partner) -> Vec<Stated> {
    let compiled = partner.profile();
    let mut all = Vec::new();
    for setting in profile::settings(compiled) {
        let subject = if setting.subject.is_empty() { "profile".to_owned() } else { setting.subject };
        if setting.says == "calendar" {
            let days = partner.calendars().get(&setting.value).map(profile::Calendar::told).unwrap_or_default();
            all.push(Stated::setting(subject.as_str(), setting.says, setting.value));
            all.extend(days.into_iter().map(|(says, value)| Stated::setting(subject.as_str(), says, value)));
        } else {
            all.push(Stated::setting(subject, setting.says, setting.value));
        }
    }
    for (name, list) in compiled.lists() {
        all.push(Stated::setting(format!("list {name}"), "version", list.version.as_str()));
    }
    all.extend(profile::menu(compiled).into_iter().map(Stated::statement));
    all
}

/// As a section: a line each.
pub(super) fn asks(stated: &[Stated]) -> Section {
    section("What the agreement profile asks", stated.iter().map(Stated::fact).collect())
}
