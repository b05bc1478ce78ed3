//! hyper's timer on the clock of the caller, so that a test's clock moves its timeouts too.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::base::Clock;
use crate::base::clock;

#[derive(Clone)]
pub(super) struct ClockTimer(pub Arc<dyn Clock>);

/// hyper asks for `Sync`, which a boxed future is not; nobody but its owner polls it, so the lock is never waited for.
struct Sleep(Mutex<clock::Sleep>);

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let sleep = self.get_mut().0.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        sleep.as_mut().poll(context)
    }
}

impl hyper::rt::Sleep for Sleep {}

impl hyper::rt::Timer for ClockTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(Sleep(Mutex::new(self.0.sleep(duration))))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        self.sleep(deadline.saturating_duration_since(self.now()))
    }
}
