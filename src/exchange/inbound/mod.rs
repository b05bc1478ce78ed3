//! A request of a partner becomes a record and an answer (design 2.2, 2.3). Each stage takes what the one before it made
//! and nothing else can make it: rules never see an unverified message, and only what is durable is acknowledged.
//!
//! Three ways out: a status alone while nobody is known, an unsigned fault for what is refused before the envelope is
//! read, and a signed acknowledgement or fault afterwards.

mod acknowledge;
mod admit;
mod authenticate;
mod decide;
mod quarantine;
mod receive;
mod record;
mod refuse;
mod validate;
mod wheel;

use std::sync::Arc;
use std::time::Duration;

pub(super) use acknowledge::wrapped;
pub use quarantine::Quarantine;
pub(super) use validate::document_digest;

use super::Exchange;
use super::fault::{Code, Fault};
use super::message::{Request, Response};
use acknowledge::Answerable;
use admit::Admitted;
use decide::Decided;
use refuse::Refusal;

/// What the time of a message is spent on, in the order in which it happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Stage {
    /// From the request's head to the envelope: admission, reading, parsing.
    Parse,
    /// WS-Security up to SignatureValue.
    Verify,
    /// Keys and payload opened, the payload parsed in its place.
    Decrypt,
    /// Digests of the References and of the document, what clear content may not hold.
    Digests,
    /// The validating decoder.
    Decode,
    /// Code lists, and what the document says of its sender.
    Codes,
    /// The agreement profile.
    Profile,
    /// Look-ups, rules, the Acknowledgement element, the commit.
    Decide,
    /// The signed answer.
    Answer,
}

impl Stage {
    /// All of them, in order.
    pub const ALL: [Self; 9] = [
        Self::Parse,
        Self::Verify,
        Self::Decrypt,
        Self::Digests,
        Self::Decode,
        Self::Codes,
        Self::Profile,
        Self::Decide,
        Self::Answer,
    ];
}

/// How often a decision is made again when another message was recorded in between.
const RACES_MAX: usize = 8;

/// Answers one request.
pub(super) async fn inbound(exchange: &Arc<Exchange>, request: Request) -> Response {
    let (admitted, body) = match admit::admit(exchange, request) {
        Ok(admitted) => admitted,
        Err(turned_away) => return refuse::turn_away(exchange, turned_away).await,
    };
    let octets = match receive::body(exchange, &admitted, body).await {
        Ok(octets) => octets,
        Err(fault) => return refuse::unsigned(exchange, &admitted, fault).await,
    };
    let complete = exchange.clock.elapsed();
    match process(exchange, &admitted, &octets).await {
        Ok(answer) => answer,
        Err(refusal) => refuse::signed(exchange, &admitted, &octets, complete, refusal).await,
    }
}

/// From the octets of a message to its acknowledgement.
async fn process(
    exchange: &Arc<Exchange>,
    admitted: &Arc<Admitted>,
    octets: &Arc<Vec<u8>>,
) -> Result<Response, Box<Refusal>> {
    let mut valid = {
        let (worker, admitted, octets) = (Arc::clone(exchange), Arc::clone(admitted), Arc::clone(octets));
        exchange.budget.work(move || examine(&worker, &admitted, &octets)).await.unwrap_or_else(bug)?
    };
    for _ in 0..RACES_MAX {
        let worker = Arc::clone(exchange);
        let decide = move || decide::decide(&worker, valid);
        match exchange.budget.work(decide).await.unwrap_or_else(bug)? {
            Decided::Known(answerable) => return acknowledge(exchange, answerable).await,
            Decided::New(pending) => match record::record(exchange, pending).await? {
                record::Outcome::Recorded(answerable) => return acknowledge(exchange, answerable).await,
                record::Outcome::Raced(again) => valid = *again,
            },
        }
    }
    Err(Refusal::of(Fault::new(Code::Busy, "lost too many races for one CO")))
}

/// The part of the flow that needs nothing but the message.
fn examine(
    exchange: &Exchange,
    admitted: &Arc<Admitted>,
    octets: &Arc<Vec<u8>>,
) -> Result<validate::Valid, Box<Refusal>> {
    let envelope = receive::receive(admitted, octets)?;
    exchange.ended(Stage::Parse);
    let authentic = authenticate::authenticate(exchange, envelope)?;
    let valid = validate::validate(exchange, authentic)?;
    exchange.ended(Stage::Profile);
    Ok(valid)
}

async fn acknowledge(exchange: &Arc<Exchange>, answerable: Answerable) -> Result<Response, Box<Refusal>> {
    exchange.ended(Stage::Decide);
    let worker = Arc::clone(exchange);
    let seal = move || acknowledge::acknowledge(&worker, answerable);
    let answer = exchange.budget.work(seal).await.unwrap_or_else(bug);
    exchange.ended(Stage::Answer);
    answer
}

/// A worker panicked: a defect of ours, answered as such.
fn bug<T>() -> Result<T, Box<Refusal>> {
    Err(Refusal::of(Fault::new(Code::Internal, "a worker panicked; the log has the place")))
}

/// What is told to a client that should come back.
const RETRY_AFTER: Duration = Duration::from_secs(5);
