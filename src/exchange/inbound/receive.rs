//! Octets to envelope: read within bounds, well-formed, one Body, nothing believed yet.

use std::sync::Arc;

use super::admit::Admitted;
use super::refuse::Refusal;
use crate::exchange::Exchange;
use crate::exchange::fault::{Code, Fault};
use crate::exchange::message::{Body, BodyError};
use crate::soap::{Addressing, Envelope, envelope};
use crate::xml;

/// A message with the structure of an envelope.
pub(super) struct Received {
    admitted: Arc<Admitted>,
    octets: Arc<Vec<u8>>,
    envelope: Envelope,
}

impl Received {
    pub fn into_parts(self) -> (Arc<Admitted>, Arc<Vec<u8>>, Envelope) {
        (self.admitted, self.octets, self.envelope)
    }
}

/// Reads the body, bounded in octets and time.
pub(super) async fn body(
    exchange: &Exchange,
    _admitted: &Arc<Admitted>,
    body: Box<dyn Body>,
) -> Result<Arc<Vec<u8>>, Fault> {
    let limits = &exchange.limits;
    body.read(limits.message_bytes_max, limits.body_deadline).await.map(Arc::new).map_err(|error| match error {
        BodyError::TooLarge { limit } => Fault::told(Code::TooLarge, format!("at most {limit} octets")),
        BodyError::TooSlow { limit } => Fault::told(Code::BodyIncomplete, format!("at most {} s", limit.as_secs())),
        BodyError::Broken => Fault::new(Code::BodyIncomplete, "the connection broke"),
    })
}

/// Parses the envelope and compares the action of HTTP with the path.
pub(super) fn receive(admitted: &Arc<Admitted>, octets: &Arc<Vec<u8>>) -> Result<Received, Box<Refusal>> {
    // The original goes to the journal. The copy has room for what will be decrypted into it, which base64 makes a third
    // shorter.
    let mut copy = Vec::with_capacity(octets.len() * 2);
    copy.extend_from_slice(octets);
    let envelope = Envelope::parse(copy, Some(admitted.version())).map_err(|error| Refusal::of(structure(&error)))?;
    let expected = admitted.operation().action();
    if admitted.action().is_some_and(|action| action != expected) {
        let fault = Fault::told(Code::ActionMismatch, format!("expected action {expected} at this path"));
        let relates_to = Addressing::read(&envelope).ok().and_then(|addressing| addressing.message_id);
        return Err(Refusal::of(fault).relates_to(relates_to));
    }
    Ok(Received { admitted: Arc::clone(admitted), octets: Arc::clone(octets), envelope })
}

/// The fault for a structure that is not that of an envelope.
pub(super) fn structure(error: &envelope::Error) -> Fault {
    use envelope::Error::{NotAnEnvelope, NotUnderstood, Version, Xml};
    let code = match error {
        Xml(error) => {
            let code = match error {
                xml::Error::DtdRefused { .. } => Code::DtdRefused,
                xml::Error::Limit { .. } => Code::LimitExceeded,
                xml::Error::NotWellFormed { .. } => Code::NotXml,
            };
            return Fault::told_unquoted(code, error.to_string());
        }
        Version { .. } => Code::VersionMismatch,
        NotAnEnvelope { local, .. } if local == "Envelope" => Code::VersionMismatch,
        NotUnderstood { .. } => Code::MustUnderstand,
        _ => Code::NotAnEnvelope,
    };
    Fault::told_unquoted(code, error.to_string())
}
