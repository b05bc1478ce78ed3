//! Request bodies: read only when asked for, within a size, a deadline and a least rate.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use tokio::sync::oneshot;

use crate::base::Clock;

/// Octets reserved before any have come, whatever `Content-Length` promises.
const RESERVE_BYTES_MAX: usize = 256 * 1024;

/// A body that has not been read. The sender of `Expect: 100-continue` is told to go on when reading begins.
pub struct Body {
    incoming: Option<Incoming>,
    clock: Arc<dyn Clock>,
    least_rate: u64,
    rate_grace: Duration,
    leftover: Option<oneshot::Sender<Leftover>>,
    started: bool,
}

/// Why a body was not read to its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It is larger than allowed: answer 413.
    #[error("body of at most {limit} octets expected, {came} came or were announced")]
    TooLarge {
        /// The ceiling.
        limit: usize,
        /// Octets that came or were announced.
        came: u64,
    },
    /// It did not come within the deadline: answer 408.
    #[error("body not complete after {after:?}, {came} octets came")]
    Deadline {
        /// The deadline.
        after: Duration,
        /// Octets that came.
        came: u64,
    },
    /// It comes slower than the least rate: answer 408.
    #[error("body comes too slowly: {came} octets in {after:?}, at least {least_rate} a second expected")]
    TooSlow {
        /// Octets that came.
        came: u64,
        /// Time since reading began.
        after: Duration,
        /// Octets a second that are asked for.
        least_rate: u64,
    },
    /// The connection broke, or the chunks are malformed.
    #[error("body broke off after {came} octets")]
    Broken {
        /// Octets that came.
        came: u64,
        /// What hyper says.
        #[source]
        source: hyper::Error,
    },
    /// It was read before.
    #[error("body was read before")]
    AlreadyRead,
}

impl Body {
    pub(super) fn new(incoming: Incoming, clock: Arc<dyn Clock>, least_rate: u64, rate_grace: Duration) -> Self {
        Self { incoming: Some(incoming), clock, least_rate, rate_grace, leftover: None, started: false }
    }

    /// Hands what is left unread to `leftover` when this is dropped.
    pub(super) fn leave_to(&mut self, leftover: oneshot::Sender<Leftover>) {
        self.leftover = Some(leftover);
    }

    /// Octets that `Content-Length` announces.
    #[must_use]
    pub fn announced(&self) -> Option<u64> {
        self.incoming.as_ref().and_then(|incoming| incoming.size_hint().exact())
    }

    /// Reads the whole body: at most `max` octets, within `deadline`.
    ///
    /// # Errors
    /// [`BodyError`]. An announced length beyond `max` is refused before an octet is read.
    pub async fn read(&mut self, max: usize, deadline: Duration) -> Result<Vec<u8>, BodyError> {
        let announced = self.announced().unwrap_or(0);
        let incoming = self.incoming.as_mut().ok_or(BodyError::AlreadyRead)?;
        if announced > max as u64 {
            return Err(BodyError::TooLarge { limit: max, came: announced });
        }
        self.started = true;
        let pace = Pace { start: self.clock.elapsed(), deadline, least_rate: self.least_rate, grace: self.rate_grace };
        let mut octets = Vec::with_capacity(usize::try_from(announced).unwrap_or(0).min(RESERVE_BYTES_MAX));
        loop {
            let came = octets.len() as u64;
            let wait = pace.check(self.clock.elapsed(), came)?;
            let frame = tokio::select! {
                biased;
                frame = incoming.frame() => frame,
                () = self.clock.sleep(wait) => continue,
            };
            let Some(frame) = frame else { break };
            let frame = frame.map_err(|source| BodyError::Broken { came, source })?;
            let Ok(data) = frame.into_data() else { continue };
            if octets.len().saturating_add(data.len()) > max {
                return Err(BodyError::TooLarge { limit: max, came: came + data.len() as u64 });
            }
            octets.extend_from_slice(&data);
        }
        self.incoming = None;
        Ok(octets)
    }
}

/// How fast a body must come.
struct Pace {
    start: Duration,
    deadline: Duration,
    least_rate: u64,
    grace: Duration,
}

impl Pace {
    /// How long the next octets may take, or why it has taken too long already.
    fn check(&self, now: Duration, came: u64) -> Result<Duration, BodyError> {
        let after = now.saturating_sub(self.start);
        if after >= self.deadline {
            return Err(BodyError::Deadline { after, came });
        }
        let left = self.deadline - after;
        if self.least_rate == 0 {
            return Ok(left);
        }
        // `came` octets last until this moment at the least rate.
        let paid = Duration::from_secs_f64(came as f64 / self.least_rate as f64).saturating_add(self.grace);
        if after >= paid {
            return Err(BodyError::TooSlow { came, after, least_rate: self.least_rate });
        }
        Ok(left.min(paid - after))
    }
}

/// A body that was not read to its end.
pub(super) struct Leftover {
    pub incoming: Incoming,
    /// Whether reading had begun, so that the sender was told to go on.
    pub started: bool,
}

impl Drop for Body {
    fn drop(&mut self) {
        if let (Some(incoming), Some(leftover)) = (self.incoming.take(), self.leftover.take()) {
            // Nobody waits for it any more: hyper closes the connection.
            let _ = leftover.send(Leftover { incoming, started: self.started });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace() -> Pace {
        let second = Duration::from_secs;
        Pace { start: second(100), deadline: second(60), least_rate: 1_000, grace: second(5) }
    }

    #[test]
    fn a_steady_sender_has_the_whole_deadline() {
        let wait = pace().check(Duration::from_secs(150), 60_000).unwrap();
        assert_eq!(wait, Duration::from_secs(10));
        assert!(matches!(pace().check(Duration::from_secs(160), 90_000), Err(BodyError::Deadline { .. })));
    }

    #[test]
    fn a_slow_sender_is_cut_when_its_octets_are_used_up() {
        assert_eq!(pace().check(Duration::from_secs(100), 0).unwrap(), Duration::from_secs(5));
        assert_eq!(pace().check(Duration::from_secs(106), 2_000).unwrap(), Duration::from_secs(1));
        assert!(matches!(pace().check(Duration::from_secs(107), 2_000), Err(BodyError::TooSlow { .. })));
    }
}
