//! The facts of a record, as JSON in the journal: what look-ups and duplicates need without opening the message.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::fault::{Code, Fault};
use super::profile::{Compiled, Finding, Judgement, Withheld};
use super::view::{CoIdentity, ErrorView, NoticeView, WithheldView};
use crate::contract::{self, Violation};
use crate::store::{PartName, Record};

/// Facts of a message, in or out.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Facts {
    /// Path of the operation without its slash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// In lower case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// Document digest in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The CO.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub co: Option<CoIdentity>,
    /// Items of the CO.
    #[serde(default)]
    pub items: usize,
    /// Leaf in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaf: Option<String>,
    /// MessageID of the message that brought the CO first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
    /// Stable code of the fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Errors of the document.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ErrorView>,
    /// What is to be looked at in a document that was taken: codes that are not listed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<ErrorView>,
    /// Octets of the message as it came or went.
    #[serde(default)]
    pub octets: usize,
    /// SHA-256 of these octets, where they were not kept whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub octets_digest: Option<String>,
    /// Outbound: code for later verification by portal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference_code: Option<String>,
    /// Outbound: reference id that the partner returned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner_reference: Option<String>,
    /// Outbound: tries.
    #[serde(default)]
    pub attempts: u32,
    /// Inbound: the signature covers ciphertext.
    #[serde(default)]
    pub signed_ciphertext: bool,
    /// When the partner received it, by its acknowledgement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received: Option<Timestamp>,
    /// Name and version of the agreement profile that judged the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// What the profile warns of or flags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<NoticeView>,
    /// Outbound: what the profile took out; paths, never values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<WithheldView>,
}

impl Facts {
    /// As they stand in the journal.
    pub fn to_octets(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("facts have a JSON form")
    }

    /// The facts of a record; none of a record without.
    pub fn of(record: &Record) -> Option<Self> {
        serde_json::from_slice(record.octets(PartName::Facts)?).ok()
    }

    /// With the code and errors of a fault.
    pub fn with_fault(mut self, fault: &Fault) -> Self {
        self.code = Some(fault.code.as_str().to_owned());
        self.errors = fault.errors.iter().map(error_view).collect();
        self
    }

    /// The catalogue's remedy for the code.
    pub fn remedy(&self) -> Option<String> {
        let code = Code::parse(self.code.as_deref()?)?;
        Some(code.row().remedy.to_owned())
    }
}

/// A violation as look-ups show it, the value that came included.
pub(super) fn error_view(violation: &Violation) -> ErrorView {
    let mut came = violation.came.kind.to_string();
    if let Some(length) = violation.came.length {
        came.push_str(&format!(" of {length} characters"));
    }
    match violation.came.in_list {
        Some(true) => came.push_str(", in the list"),
        Some(false) => came.push_str(", not in the list"),
        None => {}
    }
    ErrorView {
        code: violation.code.to_string(),
        wco_id: violation.wco_id.to_string(),
        path: violation.path.clone(),
        line: violation.line,
        column: violation.column,
        expected: violation.expected.to_string(),
        came,
        value: violation.value.clone(),
    }
}

/// Name and version of a profile, as records keep them.
pub(super) fn profile_name(profile: &Compiled) -> String {
    format!("{} {}", profile.name(), profile.version())
}

/// What a profile warns of or flags, as look-ups show it.
pub(super) fn notices(judgement: &Judgement) -> Vec<NoticeView> {
    let view = |finding: &Finding| NoticeView {
        verdict: finding.verdict.to_string(),
        statement: finding.statement.clone(),
        certainty: finding.certainty.to_string(),
        message: finding.message.clone(),
        error: error_view(&finding.violation),
    };
    judgement.noticed().take(NOTICES_MAX).map(view).collect()
}

/// Notices that a record keeps; a document of thousands of items may break a rule in each.
const NOTICES_MAX: usize = 100;

/// What was taken out, as look-ups show it.
pub(super) fn withheld_view(withheld: &Withheld) -> WithheldView {
    WithheldView { path: withheld.path.clone(), wco_id: withheld.wco_id.clone(), statement: withheld.statement.clone() }
}

/// The identity of a CO from the contract's facts.
pub(super) fn identity(facts: &contract::Facts) -> CoIdentity {
    CoIdentity {
        territory: facts.territory.clone(),
        issuing_body: facts.issuing_body.clone(),
        agreement: facts.agreement.clone(),
        number: facts.number.clone(),
    }
}
