//! Lease, step, release: starts what is due, bounded, and waits for time, work or the end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::attempt;
use crate::exchange::Exchange;

/// The longest that the driver sleeps: a clock that was stepped, a partner whose file changed.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How soon it looks again while a pace or a partner's parallelism keeps something that is due.
const PAUSE_MIN: Duration = Duration::from_millis(200);

/// Before a try whose task panicked is made again.
const PAUSE_AFTER_PANIC: Duration = Duration::from_secs(60);

/// Delivers until `shutdown` holds true, then finishes what is under way.
pub(in crate::exchange) async fn drive(exchange: Arc<Exchange>, mut shutdown: watch::Receiver<bool>) {
    let mut under_way = JoinSet::new();
    while !*shutdown.borrow() {
        start_all(&exchange, &mut under_way);
        let pause = pause(&exchange);
        tokio::select! {
            () = exchange.queue.wait() => {}
            () = exchange.clock.sleep(pause) => {}
            Some(ended) = under_way.join_next() => report(ended),
            changed = shutdown.changed() => if changed.is_err() { break },
        }
    }
    while let Some(ended) = under_way.join_next().await {
        report(ended);
    }
}

/// Makes every try that may be made now and waits for them: one step of the driver, for tests and the command line.
pub(in crate::exchange) async fn drive_once(exchange: &Arc<Exchange>) -> usize {
    let mut under_way = JoinSet::new();
    let mut tries = 0;
    loop {
        tries += start_all(exchange, &mut under_way);
        match under_way.join_next().await {
            Some(ended) => report(ended),
            None => return tries,
        }
    }
}

fn start_all(exchange: &Arc<Exchange>, under_way: &mut JoinSet<()>) -> usize {
    let partners = exchange.partners.now();
    let (now, elapsed) = (exchange.clock.now(), exchange.clock.elapsed());
    let mut started = 0;
    while let Some(leased) = exchange.queue.lease(&partners, now, elapsed, exchange.limits.deliveries_max) {
        let (exchange, leased) = (Arc::clone(exchange), Arc::new(leased));
        under_way.spawn(async move {
            let (trying, of) = (Arc::clone(&exchange), Arc::clone(&leased));
            // A task of its own: whatever happens in it, the entry goes back to the queue.
            if let Err(error) = tokio::spawn(async move { attempt(&trying, &of).await }).await {
                tracing::error!(%error, message_id = leased.entry().message_id, "a try ended with a panic");
                let due = exchange.clock.now().checked_add(PAUSE_AFTER_PANIC).unwrap_or(jiff::Timestamp::MAX);
                exchange.queue.returned(&leased, due);
            }
        });
        started += 1;
    }
    started
}

fn pause(exchange: &Exchange) -> Duration {
    let Some(due) = exchange.queue.next_due() else { return PAUSE_MAX };
    let wait = due.duration_since(exchange.clock.now());
    Duration::try_from(wait).unwrap_or(PAUSE_MIN).clamp(PAUSE_MIN, PAUSE_MAX)
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a delivery was aborted");
    }
}
