//! WS-Security in the order of design 2.2. The signer must be the partner of the transport: its list alone is asked.
//!
//! Only what was signed goes on. What the partner hears of a failure is decided here and in the catalogue.

use std::sync::Arc;

use super::super::inbound;
use super::admit::Admitted;
use super::receive::{Received, structure};
use super::refuse::Refusal;
use crate::base::id::{Environment, MessageId};
use crate::exchange::Exchange;
use crate::exchange::fault::{Code, Fault};
use crate::exchange::partner::SignedParts;
use crate::soap::Addressing;
use crate::soap::addressing::{self, ANONYMOUS, Expect};
use crate::soap::wss::timestamp;
use crate::soap::wss::{self, Context, Reason, Stage, TrustError};

/// A message that the partner signed, fresh, for us, with every digest holding.
pub(super) struct Authentic {
    admitted: Arc<Admitted>,
    octets: Arc<Vec<u8>>,
    message: wss::Authentic,
    message_id: Option<MessageId>,
    relates_to: Option<String>,
}

impl Authentic {
    pub fn admitted(&self) -> &Arc<Admitted> {
        &self.admitted
    }

    pub fn octets(&self) -> &Arc<Vec<u8>> {
        &self.octets
    }

    pub fn message_id(&self) -> Option<&MessageId> {
        self.message_id.as_ref()
    }

    /// MessageID as the sender spelled it.
    pub fn relates_to(&self) -> Option<&str> {
        self.relates_to.as_deref()
    }

    pub fn into_message(self) -> wss::Authentic {
        self.message
    }
}

/// Opens and verifies the message.
pub(super) fn authenticate(exchange: &Exchange, received: Received) -> Result<Authentic, Box<Refusal>> {
    let (admitted, octets, envelope) = received.into_parts();
    let crypto = admitted.crypto();
    let addresses = exchange.addresses_of(admitted.operation());
    let to: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let context = Context {
        now: exchange.clock.now(),
        signers: crypto.signers(),
        keys: crypto.keys().decrypt(),
        expect: Expect::Request { actions: &[admitted.operation().action()], to: &to },
        confirms: &[],
    };
    // Where the partner's file makes addressing optional, it need not be signed either; the file decides, not the message.
    let claimed = match admitted.partner().file().security.signed_parts {
        SignedParts::Full => None,
        SignedParts::BodyTimestamp => Addressing::read(&envelope).ok(),
    };
    let ended = |stage| match stage {
        Stage::SignatureValue => exchange.ended(inbound::Stage::Verify),
        Stage::Decryption => exchange.ended(inbound::Stage::Decrypt),
        _ => {}
    };
    let opened = crypto.request_verifier().open_watched(envelope, &context, &ended);
    let message = opened.map_err(|refusal| refused(exchange, refusal))?;
    let confirms = message.evidence().signature_values.clone();
    let addressing = claimed.as_ref().unwrap_or_else(|| message.addressing());
    let relates_to = addressing.message_id.clone();
    let message_id = match check_addressing(&admitted, addressing) {
        Ok(message_id) => message_id,
        Err(fault) => return Err(Refusal::of(fault).relates_to(relates_to).confirms(Some(confirms))),
    };
    Ok(Authentic { admitted, octets, message, message_id, relates_to })
}

/// What of the signed headers `soap` does not know: the form of MessageID, and who may stand in From.
fn check_addressing(admitted: &Admitted, came: &Addressing) -> Result<Option<MessageId>, Fault> {
    let message_id = match &came.message_id {
        Some(text) => {
            Some(MessageId::parse(text).map_err(|error| Fault::told(Code::AddressingInvalid, error.to_string()))?)
        }
        None => None,
    };
    if let Some(from) = &came.from {
        let endpoint = admitted.partner().file().endpoint.as_deref().map(|url| url.trim_end_matches('/'));
        let is_partner = from == ANONYMOUS
            || endpoint.is_none_or(|base| {
                from.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            });
        if !is_partner {
            return Err(Fault::told(Code::AddressingInvalid, "wsa:From is not the partner".to_owned()));
        }
    }
    Ok(message_id)
}

fn refused(exchange: &Exchange, refusal: wss::Refusal) -> Box<Refusal> {
    let fault = fault(exchange, &refusal);
    let relates_to = refusal.addressing.as_ref().and_then(|addressing| addressing.message_id.clone());
    Refusal::of(fault).relates_to(relates_to).confirms(refusal.confirmable)
}

/// The row of the catalogue for what `soap::wss` refused; the true reason goes to the journal.
fn fault(exchange: &Exchange, refusal: &wss::Refusal) -> Fault {
    let true_reason = format!("{}: {}", refusal.stage.as_str(), refusal.reason);
    if refusal.stage.is_sealed() {
        return Fault::new(Code::SecurityCheckFailed, true_reason);
    }
    let came_to = refusal.addressing.as_ref().and_then(|addressing| addressing.to.as_deref());
    let code = match &refusal.reason {
        Reason::Envelope(error) => return structure(error),
        Reason::Addressing(error) => addressing_code(exchange, error, came_to),
        Reason::Timestamp(timestamp::Error::Structure { .. } | timestamp::Error::Time { .. }) => Code::SecurityInvalid,
        Reason::Timestamp(_) => Code::MessageExpired,
        Reason::Trust(TrustError::Unknown { .. }) => Code::SignerMismatch,
        Reason::Trust(TrustError::Unreadable { .. }) => Code::TokenRefused,
        Reason::Trust(_) => Code::CertificateRefused,
        Reason::Missing { what } if what.contains("Security") => Code::SecurityMissing,
        Reason::NotCovered { .. } => Code::PartNotSigned,
        Reason::NotEncrypted => Code::NotEncrypted,
        Reason::NotForUs { .. } => Code::TokenRefused,
        Reason::SignatureValue { .. } => Code::SignatureInvalid,
        _ if refusal.is_of_algorithm() => Code::AlgorithmRefused,
        _ => Code::SecurityInvalid,
    };
    let mut fault = Fault::told_unquoted(code, refusal.reason.to_string());
    fault.reason = true_reason;
    fault
}

fn addressing_code(exchange: &Exchange, error: &addressing::Error, came_to: Option<&str>) -> Code {
    match error {
        addressing::Error::Missing { .. } => Code::AddressingMissing,
        addressing::Error::Unexpected { name, .. } if *name == "Action" => Code::ActionMismatch,
        addressing::Error::ToSomebodyElse => match came_to.and_then(environment_of) {
            Some(environment) if environment != exchange.own.environment => Code::OtherEnvironment,
            _ => Code::WrongDestination,
        },
        _ => Code::AddressingInvalid,
    }
}

/// The environment that a host name of the endpoint pattern names (framework 4.2.2).
fn environment_of(address: &str) -> Option<Environment> {
    let host = address.split_once("://")?.1;
    let (first, rest) = host.split_once('.')?;
    if rest.starts_with("coconnect.") { Environment::parse(first).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_stands_in_the_host_name() {
        assert_eq!(environment_of("https://prod.coconnect.customs.go.kr/send-co"), Some(Environment::Prod));
        assert_eq!(environment_of("https://prod.example.org/send-co"), None);
        assert_eq!(environment_of("https://127.0.0.1:8443/send-co"), None);
    }
}
