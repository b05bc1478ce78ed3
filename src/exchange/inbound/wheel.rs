//! A wheel of 50 ms ticks: faults from decryption to the last digest leave on a tick, the first that lies at least one
//! turn after arrival. What the work took before it then tells nothing, and the phase at which the request came neither.

use std::time::Duration;

use crate::base::Clock;

/// Between two ticks.
pub(super) const TICK: Duration = Duration::from_millis(50);

/// Waits for the tick on which the answer to what arrived at `arrived` leaves.
pub(super) async fn tick(clock: &dyn Clock, arrived: Duration) {
    let now = clock.elapsed();
    let wait = release(arrived, now).saturating_sub(now);
    if !wait.is_zero() {
        clock.sleep(wait).await;
    }
}

/// The tick itself.
fn release(arrived: Duration, now: Duration) -> Duration {
    let earliest = (arrived + TICK).max(now);
    let ticks = earliest.as_nanos().div_ceil(TICK.as_nanos());
    Duration::from_nanos(u64::try_from(ticks * TICK.as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_release_is_a_tick_that_does_not_depend_on_the_work() {
        let ms = Duration::from_millis;
        for arrived in [0, 1, 49, 50, 77, 1_003] {
            let quick = release(ms(arrived), ms(arrived + 1));
            let slow = release(ms(arrived), ms(arrived + 49));
            assert_eq!(quick, slow);
            assert_eq!(quick.as_millis() % 50, 0);
            assert!(quick >= ms(arrived) + TICK);
        }
        assert_eq!(release(ms(0), ms(130)), ms(150));
    }
}
