//! Alerts: records in the commit that caused them, one per cause.
//!
//! The key begins with the time, so a list comes in the order in which alerts were raised; sinks use the id to deliver at
//! least once and to forget repetitions.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::view::AlertView;
use crate::base::id::PartnerId;
use crate::store::{Commit, Key, Table};

/// What kind of thing happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A message of a partner was refused (REQ-040).
    Refused,
    /// A MessageID came with another document.
    MessageIdReused,
    /// A partner refused a message of ours.
    Rejected,
    /// Tries are over; a message waits for a person.
    DeliveryHeld,
    /// A cryptographic fault holds a partner's queue.
    PartnerHeld,
    /// A proof of a partner's log does not hold.
    EvidenceBroken,
    /// No first attempt within one hour of intake.
    HourBreached,
}

impl Kind {
    /// Stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::MessageIdReused => "message-id-reused",
            Self::Rejected => "rejected",
            Self::DeliveryHeld => "delivery-held",
            Self::PartnerHeld => "partner-held",
            Self::EvidenceBroken => "evidence-broken",
            Self::HourBreached => "hour-breached",
        }
    }

    /// What to do about it, where the cause does not say.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Refused => "coconnect message show REFERENCE tells the true reason",
            Self::MessageIdReused => "compare both messages; a broken client, or somebody replays",
            Self::Rejected => "coconnect message show MESSAGE-ID; correct the document and submit it again",
            Self::DeliveryHeld => "look at the partner and the line, then coconnect outbox retry MESSAGE-ID",
            Self::PartnerHeld => {
                "compare keys and certificates with the partner, then coconnect outbox retry --partner NAME"
            }
            Self::EvidenceBroken => "keep all receipts and speak to the partner: its journal was changed or lost",
            Self::HourBreached => "look at the load of the driver and the partner's queue",
        }
    }
}

/// An alert as it stands in the store.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Alert {
    /// Its kind.
    pub kind: Kind,
    /// The partner concerned.
    pub partner: Option<String>,
    /// Reference id of the message concerned.
    pub reference_id: Option<String>,
    /// When it was raised.
    pub time: Timestamp,
    /// What happened, in our words.
    pub text: String,
    /// What to do.
    pub remedy: String,
}

impl Alert {
    /// An alert about a partner's message.
    #[must_use]
    pub fn new(kind: Kind, partner: &PartnerId, reference_id: &str, time: Timestamp, text: impl Into<String>) -> Self {
        Self {
            kind,
            partner: Some(partner.to_string()),
            reference_id: Some(reference_id.to_owned()),
            time,
            text: text.into(),
            remedy: kind.remedy().to_owned(),
        }
    }

    /// With a remedy that fits better than that of the kind.
    #[must_use]
    pub fn remedy(mut self, remedy: &str) -> Self {
        remedy.clone_into(&mut self.remedy);
        self
    }

    /// Puts it into the commit that caused it.
    #[must_use]
    pub fn raise(self, commit: Commit) -> Commit {
        let key = self.key();
        let octets = serde_json::to_vec(&self).expect("an alert has a JSON form");
        commit.put(key, octets)
    }

    /// Time first, then the cause: what happens twice in one commit's moment under one reference is one alert a kind.
    fn key(&self) -> Key {
        let mut bytes = self.time.as_microsecond().cast_unsigned().to_be_bytes().to_vec();
        let cause = format!("{} {}", self.kind.as_str(), self.reference_id.as_deref().unwrap_or(""));
        bytes.extend_from_slice(&crate::base::sha256(cause.as_bytes())[..8]);
        Key::new(Table::Alert, bytes)
    }

    pub(super) fn view(key: &Key, octets: &[u8]) -> Option<AlertView> {
        let alert: Self = serde_json::from_slice(octets).ok()?;
        Some(AlertView {
            id: super::partner::secret::to_hex(&key.bytes),
            kind: alert.kind.as_str().to_owned(),
            partner: alert.partner,
            reference_id: alert.reference_id,
            time: alert.time,
            text: alert.text,
            remedy: alert.remedy,
        })
    }
}
