//! One attempt under one deadline. What comes back is not believed yet.

use std::time::Duration;

use super::entry::Failure;
use super::secure::Sealed;
use crate::exchange::Exchange;
use crate::exchange::message::{Answer, Call};
use crate::exchange::partner::Partner;
use crate::soap::Version;
use crate::soap::mime::ContentType;

/// Octets of an answer that is no SOAP message, kept to explain the failure.
const EXPLANATION_OCTETS: usize = 4 * 1024;

/// Sends the sealed message and gives the answer, when it is one that may hold a SOAP message.
pub(super) async fn deliver(exchange: &Exchange, partner: &Partner, sealed: &Sealed) -> Result<Answer, Box<Failure>> {
    let delivery = &partner.file().delivery;
    let action = sealed.operation().action();
    let mut headers = vec![
        ("Content-Type".to_owned(), ContentType::written(sealed.version(), action)),
        ("Authorization".to_owned(), authorization(exchange, partner)),
    ];
    if sealed.version() == Version::Soap11 {
        headers.push(("SOAPAction".to_owned(), format!("\"{action}\"")));
    }
    let call = Call {
        partner,
        url: sealed.to().to_owned(),
        headers,
        body: sealed.octets().as_ref().clone(),
        deadline: Duration::from_secs(u64::from(delivery.timeout_s)),
        answer_bytes_max: delivery.answer_bytes_max as usize,
    };
    let answer =
        exchange.transport.post(call).await.map_err(|error| Failure::technical(error.what).seal(sealed.seal()))?;
    let is_soap = ContentType::parse(&answer.content_type).is_ok() && matches!(answer.status, 200 | 400 | 500);
    if is_soap {
        return Ok(answer);
    }
    let beginning = answer.body.get(..EXPLANATION_OCTETS).unwrap_or(&answer.body);
    Err(Failure::technical(format!("HTTP status {} without a SOAP message to believe", answer.status))
        .answer(beginning)
        .seal(sealed.seal()))
}

fn authorization(exchange: &Exchange, partner: &Partner) -> String {
    let own = (exchange.own.basic_user.as_str(), exchange.own.basic_password.as_str());
    let (user, password) = partner.password_out().unwrap_or(own);
    let pair = zeroize::Zeroizing::new(format!("{user}:{password}"));
    format!("Basic {}", base64_simd::STANDARD.encode_to_string(pair.as_bytes()))
}
