//! A business document becomes a delivered message with a verified receipt (design 2.6): submit, then for each try
//! encode, secure, deliver, receipt, and what the schedule makes of it.
//!
//! MessageID and document stay the same over all tries; Timestamp and seal are fresh. Only an answer with valid
//! signature, RelatesTo and fresh Timestamp ends a message; everything else is technical and is tried again.

mod act;
mod close;
mod deliver;
mod driver;
mod encode;
mod entry;
mod queue;
mod receipt;
pub mod schedule;
mod secure;
mod submit;

use std::sync::Arc;

pub use act::ActError;
pub use queue::Queue;
pub use submit::{Submission, SubmitError};

pub(super) use driver::{drive, drive_once};
pub(super) use entry::OutboxEntry;
pub(super) use submit::submit;

use super::Exchange;
use encode::encode;
use entry::Failure;
use queue::Leased;
use secure::secure;

/// One try of one message, from lease to release.
async fn attempt(exchange: &Arc<Exchange>, leased: &Leased) {
    let started = exchange.clock.now();
    let result = match try_once(exchange, leased).await {
        Ok(receipt) => close::close(exchange, leased, started, receipt).await,
        Err(failure) => close::failed(exchange, leased, started, failure).await,
    };
    if let Err(error) = result {
        // The message stays in the outbox as it was; the partner answers the same again.
        tracing::error!(%error, message_id = leased.entry().message_id, "the end of a try cannot be recorded");
    }
}

async fn try_once(exchange: &Arc<Exchange>, leased: &Leased) -> Result<receipt::Receipt, Box<Failure>> {
    let partner = leased.partner(exchange)?;
    let sealed = {
        let (exchange, entry, partner) = (Arc::clone(exchange), leased.entry().clone(), Arc::clone(&partner));
        let kept = leased.sealed();
        let work = Arc::clone(&exchange);
        exchange
            .budget
            .work(move || {
                let encoded = encode(&work, &entry, &partner)?;
                secure(&work, &entry, &partner, encoded, kept)
            })
            .await
            .ok_or_else(Failure::bug)??
    };
    leased.keep_sealed(&sealed);
    let sent = Arc::clone(sealed.octets());
    let is_new = !leased.entry().seals.iter().any(|seal| seal == sealed.seal());
    let result = exchange_once(exchange, leased, partner, sealed).await;
    // What was sent is kept with the failure, once a seal: the partner may have received it.
    result.map_err(|mut failure| {
        failure.sent = is_new.then(|| sent.as_ref().clone());
        failure
    })
}

async fn exchange_once(
    exchange: &Arc<Exchange>,
    leased: &Leased,
    partner: Arc<super::Partner>,
    sealed: secure::Sealed,
) -> Result<receipt::Receipt, Box<Failure>> {
    let answer = deliver::deliver(exchange, &partner, &sealed).await?;
    let (worker, entry) = (Arc::clone(exchange), leased.entry().clone());
    exchange
        .budget
        .work(move || receipt::receipt(&worker, &entry, &partner, &sealed, answer))
        .await
        .ok_or_else(Failure::bug)?
}
