//! When a message is tried again (framework 4.3.3, design 2.6). Pure: a function of attempt, age and answer.

use std::time::Duration;

use jiff::Timestamp;

/// How an attempt ended, as far as the schedule cares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// A valid signed acknowledgement came.
    Acknowledged,
    /// A valid signed fault says that the message itself is refused: `correct` or `contact`.
    Rejected,
    /// Everything else: no connection, no answer, an answer that does not verify, a fault that says `retry`.
    Technical,
    /// The partner could not decrypt or verify what we sent: its queue is held until a person looks.
    Cryptographic,
}

/// What happens next with a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// Delivered; nothing more.
    Done,
    /// Ended by the partner's refusal; never retried.
    Rejected,
    /// Tried again at this time.
    At(Timestamp),
    /// No more tries; waits for a person.
    Held(Reason),
}

/// Why a message waits for a person.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// The time for tries is over.
    TimeIsOver,
    /// A cryptographic fault held the partner's queue.
    PartnerHeld,
}

/// When tries are made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Plan {
    /// Every so often, counted from intake, until an age is over.
    Every {
        /// Between the start of one try and the next.
        interval: Duration,
        /// Age at which tries end.
        until: Duration,
    },
    /// At these ages, counted from intake; then held.
    Marks(Vec<Duration>),
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// Tries end when a message is this old.
pub const RETRY_UNTIL: Duration = Duration::from_secs(HOUR);

/// The plan of the framework (4.3.3): eleven tries in all.
pub const FRAMEWORK_MARKS: [Duration; 11] = [
    Duration::ZERO,
    Duration::from_secs(10 * MINUTE),
    Duration::from_secs(20 * MINUTE),
    Duration::from_secs(30 * MINUTE),
    Duration::from_secs(40 * MINUTE),
    Duration::from_secs(50 * MINUTE),
    Duration::from_secs(60 * MINUTE),
    Duration::from_secs(2 * HOUR),
    Duration::from_secs(4 * HOUR),
    Duration::from_secs(8 * HOUR),
    Duration::from_secs(16 * HOUR),
];

impl Plan {
    /// The rule in force: every `retry_every_s` until an hour is over.
    #[must_use]
    pub fn every(retry_every_s: u32) -> Self {
        Self::Every { interval: Duration::from_secs(u64::from(retry_every_s)), until: RETRY_UNTIL }
    }

    /// The framework's plan.
    #[must_use]
    pub fn framework() -> Self {
        Self::Marks(FRAMEWORK_MARKS.to_vec())
    }

    /// What follows an attempt that ended at `now` for a message taken in at `taken_in`.
    #[must_use]
    pub fn next(&self, taken_in: Timestamp, now: Timestamp, outcome: Outcome) -> Next {
        match outcome {
            Outcome::Acknowledged => Next::Done,
            Outcome::Rejected => Next::Rejected,
            Outcome::Cryptographic => Next::Held(Reason::PartnerHeld),
            Outcome::Technical => self.retry(taken_in, now),
        }
    }

    fn retry(&self, taken_in: Timestamp, now: Timestamp) -> Next {
        let over = Next::Held(Reason::TimeIsOver);
        match self {
            Self::Every { interval, until } => {
                let interval_ms = interval.as_millis().max(1);
                let age_ms = u128::try_from(now.as_millisecond() - taken_in.as_millisecond()).unwrap_or(0);
                let next_ms = (age_ms / interval_ms + 1).saturating_mul(interval_ms);
                if next_ms > until.as_millis() {
                    return over;
                }
                let age = Duration::from_millis(u64::try_from(next_ms).unwrap_or(u64::MAX));
                taken_in.checked_add(age).map_or(over, Next::At)
            }
            // A mark that passed while an attempt hung is not made up for: one attempt stands for all of them.
            Self::Marks(marks) => marks
                .iter()
                .filter_map(|age| taken_in.checked_add(*age).ok())
                .find(|at| *at > now)
                .map_or(over, Next::At),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(m: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + m * 60).unwrap()
    }

    /// The ages in minutes at which tries happen when every one fails at once.
    fn tries(plan: &Plan) -> (Vec<i64>, Next) {
        let (start, mut now, mut ages) = (minutes(0), minutes(0), vec![0]);
        loop {
            match plan.next(start, now, Outcome::Technical) {
                Next::At(at) => {
                    now = at;
                    ages.push((at.as_second() - start.as_second()) / 60);
                }
                end => return (ages, end),
            }
        }
    }

    #[test]
    fn a_technical_failure_is_tried_again_until_the_hour_is_over() {
        assert_eq!(tries(&Plan::every(600)), (vec![0, 10, 20, 30, 40, 50, 60], Next::Held(Reason::TimeIsOver)));
    }

    #[test]
    fn the_framework_plan_makes_eleven_tries() {
        let (ages, end) = tries(&Plan::framework());
        assert_eq!(ages, [0, 10, 20, 30, 40, 50, 60, 120, 240, 480, 960]);
        assert_eq!(end, Next::Held(Reason::TimeIsOver));
    }

    #[test]
    fn marks_that_passed_during_an_attempt_are_not_made_up_for() {
        let next = Plan::framework().next(minutes(0), minutes(25), Outcome::Technical);
        assert_eq!(next, Next::At(minutes(30)));
    }

    #[test]
    fn only_technical_failures_are_retried() {
        let plan = Plan::every(1);
        assert_eq!(plan.next(minutes(0), minutes(0), Outcome::Acknowledged), Next::Done);
        assert_eq!(plan.next(minutes(0), minutes(0), Outcome::Rejected), Next::Rejected);
        assert_eq!(plan.next(minutes(0), minutes(0), Outcome::Cryptographic), Next::Held(Reason::PartnerHeld));
    }

    #[test]
    fn a_clock_that_was_stepped_back_does_not_end_the_tries() {
        assert!(matches!(Plan::every(600).next(minutes(0), minutes(-30), Outcome::Technical), Next::At(_)));
    }
}
