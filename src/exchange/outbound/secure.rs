//! Sign, then encrypt. A seal is kept for retries while its Timestamp lives long enough to arrive; then the message is
//! sealed again: same MessageID, same document, new Timestamp.

use std::sync::Arc;

use jiff::Timestamp;

use super::encode::Encoded;
use super::entry::{Failure, OutboxEntry};
use crate::contract::{Operation, Slots};
use crate::exchange::Exchange;
use crate::exchange::partner::Partner;
use crate::exchange::partner::secret::to_hex;
use crate::soap::addressing::ANONYMOUS;
use crate::soap::wss::{Content, Outgoing};
use crate::soap::{Addressing, Version};

/// A seal older than this is not sent again: what is left of its 300 s must suffice for the way and for clocks that differ.
const SEAL_SECONDS_MAX: i64 = 120;

/// A message as it goes over the wire.
#[derive(Clone)]
pub(super) struct Sealed {
    octets: Arc<Vec<u8>>,
    signature_value: String,
    seal: String,
    made: Timestamp,
    operation: Operation,
    version: Version,
    slots: Slots,
    to: String,
}

impl Sealed {
    pub fn octets(&self) -> &Arc<Vec<u8>> {
        &self.octets
    }

    /// SignatureValue, base64: what the answer must confirm.
    pub fn signature_value(&self) -> &str {
        &self.signature_value
    }

    /// SHA-256 of the SignatureValue in hexadecimal: a field of the leaf.
    pub fn seal(&self) -> &str {
        &self.seal
    }

    pub fn operation(&self) -> Operation {
        self.operation
    }

    pub fn version(&self) -> Version {
        self.version
    }

    /// Namespaces of the document, and of the answer.
    pub fn slots(&self) -> &Slots {
        &self.slots
    }

    pub fn to(&self) -> &str {
        &self.to
    }
}

/// Seals a message, or takes the seal of an earlier try that still lives.
pub(super) fn secure(
    exchange: &Exchange,
    entry: &OutboxEntry,
    partner: &Arc<Partner>,
    encoded: Encoded,
    kept: Option<Sealed>,
) -> Result<Sealed, Box<Failure>> {
    let now = exchange.clock.now();
    let to = partner
        .address_of(encoded.operation())
        .ok_or_else(|| Failure::technical(format!("partner {} has no endpoint", partner.id())))?;
    if let Some(kept) = kept.filter(|kept| kept.to == to && lives(kept.made, now)) {
        return Ok(kept);
    }
    let addressing = Addressing {
        message_id: Some(entry.message_id.clone()),
        action: Some(encoded.operation().action().to_owned()),
        to: Some(to.clone()),
        reply_to: Some(ANONYMOUS.to_owned()),
        ..Addressing::default()
    };
    let version = Version::Soap11;
    let keys = exchange.keys.load_full();
    let crypto = exchange.crypto.of(partner, &keys).map_err(|error| Failure::technical(error.to_string()))?;
    let sealer = crypto.request_sealer(now).map_err(|error| Failure::technical(error.to_string()))?;
    let sealed = sealer
        .seal(&Outgoing {
            version,
            addressing: &addressing,
            content: Content { octets: encoded.octets(), encrypt: Some(encoded.document()) },
            confirms: None,
            now,
        })
        .map_err(|error| Failure::technical(format!("cannot be sealed: {error}")))?;
    let value = base64_simd::STANDARD
        .decode_to_vec(sealed.signature_value.as_bytes())
        .map_err(|_| Failure::technical("our own SignatureValue is not base64"))?;
    Ok(Sealed {
        octets: Arc::new(sealed.octets),
        seal: to_hex(&crate::base::sha256(&value)),
        signature_value: sealed.signature_value,
        made: now,
        operation: encoded.operation(),
        version,
        slots: encoded.slots().clone(),
        to,
    })
}

fn lives(made: Timestamp, now: Timestamp) -> bool {
    (0..=SEAL_SECONDS_MAX).contains(&(now.as_second() - made.as_second()))
}
