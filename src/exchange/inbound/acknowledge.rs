//! A fresh signed envelope around a stored Acknowledgement element; made only of what is durable.

use std::sync::Arc;

use super::admit::Admitted;
use super::refuse::Refusal;
use super::validate::Valid;
use crate::exchange::fault::{Code, Fault};
use crate::exchange::message::Response;
use crate::exchange::{Exchange, key};
use crate::soap::Addressing;
use crate::soap::addressing::ANONYMOUS;
use crate::soap::mime::ContentType;
use crate::soap::wss::{Content, Outgoing};
use crate::xml::ns;

/// An Acknowledgement element that stands in the journal, and whom it answers.
pub(super) struct Answerable {
    admitted: Arc<Admitted>,
    acknowledgement: Vec<u8>,
    relates_to: Option<String>,
    confirms: Vec<String>,
}

impl Answerable {
    /// Around an element that is durable. Only `record` and `decide` have one.
    pub(super) fn stored(valid: &Valid, acknowledgement: Vec<u8>) -> Self {
        Self {
            admitted: Arc::clone(valid.admitted()),
            acknowledgement,
            relates_to: valid.relates_to().map(str::to_owned),
            confirms: valid.message().evidence().signature_values.clone(),
        }
    }
}

/// Seals the answer.
pub(super) fn acknowledge(exchange: &Exchange, answerable: Answerable) -> Result<Response, Box<Refusal>> {
    let admitted = &answerable.admitted;
    let operation = admitted.operation();
    let content = wrapped(operation.response(), &answerable.acknowledgement);
    let addressing = answer_addressing(operation.response_action(), answerable.relates_to.as_deref());
    let sealed = admitted
        .crypto()
        .answer_sealer()
        .seal(&Outgoing {
            version: admitted.version(),
            addressing: &addressing,
            content: Content { octets: &content, encrypt: None },
            confirms: Some(&answerable.confirms),
            now: exchange.clock.now(),
        })
        .map_err(|error| Refusal::of(Fault::new(Code::Internal, format!("the answer cannot be sealed: {error}"))))?;
    Ok(Response {
        status: 200,
        headers: vec![(
            "Content-Type".to_owned(),
            ContentType::written(admitted.version(), operation.response_action()),
        )],
        body: sealed.octets,
    })
}

/// An element of the service with one child that declares its own namespaces. The service's namespace is the default one
/// here, so the child's own prefix stays declared where it is: the form is canonical, and the child byte for byte.
pub(in crate::exchange) fn wrapped(name: &str, child: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(child.len() + 128);
    octets.extend_from_slice(format!("<{name} xmlns=\"{}\">", ns::SVC).as_bytes());
    octets.extend_from_slice(child);
    octets.extend_from_slice(format!("</{name}>").as_bytes());
    octets
}

/// The headers of an answer.
pub(super) fn answer_addressing(action: &str, relates_to: Option<&str>) -> Addressing {
    Addressing {
        message_id: Some(key::new_message_id().to_string()),
        action: Some(action.to_owned()),
        to: Some(ANONYMOUS.to_owned()),
        relates_to: relates_to.map(str::to_owned),
        ..Addressing::default()
    }
}
