//! A wheel of 50 ms ticks: faults from decryption to the last digest leave on a tick, the first that lies at least one
//! turn after the last octet came, and one turn more for each half MiB: all the work fits before it. What the work took
//! then tells nothing, and the phase at which the request came neither; the size of a message its sender knows.

use std::time::Duration;

use crate::base::Clock;

/// Between two ticks.
pub(super) const TICK: Duration = Duration::from_millis(50);

/// Octets that one turn more is given for.
const OCTETS_A_TURN: usize = 512 * 1024;

/// Waits for the tick on which the answer to `octets`, the last of which came at `arrived`, leaves.
pub(super) async fn tick(clock: &dyn Clock, arrived: Duration, octets: usize) {
    let now = clock.elapsed();
    let wait = release(arrived, now, octets).saturating_sub(now);
    if !wait.is_zero() {
        clock.sleep(wait).await;
    }
}

/// The tick itself.
fn release(arrived: Duration, now: Duration, octets: usize) -> Duration {
    let turns = u32::try_from(1 + octets / OCTETS_A_TURN).unwrap_or(u32::MAX);
    let earliest = (arrived + TICK.saturating_mul(turns)).max(now);
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
            let quick = release(ms(arrived), ms(arrived + 1), 10_000);
            let slow = release(ms(arrived), ms(arrived + 49), 10_000);
            assert_eq!(quick, slow);
            assert_eq!(quick.as_millis() % 50, 0);
            assert!(quick >= ms(arrived) + TICK);
        }
        assert_eq!(release(ms(0), ms(130), 10_000), ms(150));
        // Ten MiB: key and ciphertext fail early, digests late, and all leave together.
        let ten_mib = 10 << 20;
        assert_eq!(release(ms(7), ms(87), ten_mib), release(ms(7), ms(900), ten_mib));
    }
}
