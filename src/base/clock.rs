//! The only place that reads the time.
//!
//! Everything else is handed a [`Clock`]. Tests set a [`MockClock`]; its sleepers wake when it is advanced.

use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use jiff::Timestamp;

/// A future that ends when the clock has reached its time.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Wall-clock time and waiting for it.
pub trait Clock: Send + Sync + 'static {
    /// The present moment, UTC.
    fn now(&self) -> Timestamp;

    /// Time that never goes backwards, since an arbitrary start. For durations, never for dates.
    fn elapsed(&self) -> Duration;

    /// Ends once `duration` has passed on this clock.
    fn sleep(&self, duration: Duration) -> Sleep;
}

/// The clock of the machine.
#[derive(Debug)]
pub struct RealClock {
    start: Instant,
}

impl RealClock {
    /// A clock whose [`Clock::elapsed`] starts at zero.
    #[must_use]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for RealClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for RealClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// A clock that stands still until a test moves it.
#[derive(Debug)]
pub struct MockClock {
    state: Mutex<MockState>,
}

#[derive(Debug)]
struct MockState {
    now: Timestamp,
    elapsed: Duration,
    sleepers: Vec<(Duration, tokio::sync::oneshot::Sender<()>)>,
}

impl MockClock {
    /// A clock that stands at `now`.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self { state: Mutex::new(MockState { now, elapsed: Duration::ZERO, sleepers: Vec::new() }) }
    }

    /// Moves the clock forward and wakes whoever waited for a moment passed by.
    ///
    /// # Panics
    /// When `by` leaves the range of representable dates.
    pub fn advance(&self, by: Duration) {
        let mut state = self.state.lock().expect("no holder of this lock panics");
        state.now = state.now.checked_add(by).expect("a test stays within representable dates");
        state.elapsed += by;
        let reached = state.elapsed;
        let (due, waiting) = std::mem::take(&mut state.sleepers).into_iter().partition(|(at, _)| *at <= reached);
        state.sleepers = waiting;
        drop(state);
        let due: Vec<(Duration, tokio::sync::oneshot::Sender<()>)> = due;
        for (_, wake) in due {
            // A sleeper that was dropped no longer wants to know.
            let _ = wake.send(());
        }
    }

    /// Sets the date without waking anybody: a clock that was stepped.
    pub fn set(&self, now: Timestamp) {
        self.state.lock().expect("no holder of this lock panics").now = now;
    }
}

impl Clock for MockClock {
    fn now(&self) -> Timestamp {
        self.state.lock().expect("no holder of this lock panics").now
    }

    fn elapsed(&self) -> Duration {
        self.state.lock().expect("no holder of this lock panics").elapsed
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        let mut state = self.state.lock().expect("no holder of this lock panics");
        if duration.is_zero() {
            return Box::pin(std::future::ready(()));
        }
        let (wake, woken) = tokio::sync::oneshot::channel();
        let at = state.elapsed + duration;
        state.sleepers.push((at, wake));
        drop(state);
        Box::pin(async move {
            // The clock itself went away: nothing left to wait for.
            let _ = woken.await;
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sleeper_wakes_only_when_its_time_has_come() {
        let clock = MockClock::new(Timestamp::UNIX_EPOCH);
        let mut sleep = clock.sleep(Duration::from_secs(10));
        clock.advance(Duration::from_secs(9));
        assert!(futures_ready(&mut sleep).await.is_none());
        clock.advance(Duration::from_secs(1));
        sleep.await;
        assert_eq!(clock.now(), Timestamp::from_second(10).unwrap());
    }

    async fn futures_ready(sleep: &mut Sleep) -> Option<()> {
        tokio::select! { biased; () = sleep => Some(()), () = std::future::ready(()) => None }
    }
}
