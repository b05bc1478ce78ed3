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

/// A stage whose time is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Stage {
    /// Octets to envelope.
    Receive,
    /// All of WS-Security.
    Authenticate,
    /// Document digest, decoder, countries.
    Validate,
    /// Look-ups, rules, the Acknowledgement element, what is to be committed; not the commit itself.
    Decide,
    /// The signed answer.
    Acknowledge,
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
    match process(exchange, &admitted, &octets).await {
        Ok(answer) => answer,
        Err(refusal) => refuse::signed(exchange, &admitted, &octets, refusal).await,
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
        let decide = move || worker.stage(Stage::Decide, || decide::decide(&worker, valid));
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
    let envelope = exchange.stage(Stage::Receive, || receive::receive(admitted, octets))?;
    let authentic = exchange.stage(Stage::Authenticate, || authenticate::authenticate(exchange, envelope))?;
    exchange.stage(Stage::Validate, || validate::validate(exchange, authentic))
}

async fn acknowledge(exchange: &Arc<Exchange>, answerable: Answerable) -> Result<Response, Box<Refusal>> {
    let worker = Arc::clone(exchange);
    let seal = move || worker.stage(Stage::Acknowledge, || acknowledge::acknowledge(&worker, answerable));
    exchange.budget.work(seal).await.unwrap_or_else(bug)
}

/// A worker panicked: a defect of ours, answered as such.
fn bug<T>() -> Result<T, Box<Refusal>> {
    Err(Refusal::of(Fault::new(Code::Internal, "a worker panicked; the log has the place")))
}

/// What is told to a client that should come back.
const RETRY_AFTER: Duration = Duration::from_secs(5);
