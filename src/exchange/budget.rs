//! Bounds on what is under way at once: octets in memory, messages of one partner, faults being signed, threads.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Limits, Workers};
use crate::base::id::PartnerId;

/// Octets are counted in these units: a semaphore counts in 32 bits.
const UNIT: usize = 1024;

/// The bounds of one exchange.
pub(super) struct Budget {
    octets: Arc<Semaphore>,
    octets_total: usize,
    signings: Arc<Semaphore>,
    workers: Option<Arc<Semaphore>>,
    partners: Arc<Mutex<HashMap<PartnerId, UnderWay>>>,
    per_partner_max: usize,
    per_partner_units: usize,
}

/// What one partner has under way.
#[derive(Default)]
struct UnderWay {
    messages: usize,
    units: usize,
}

/// Room for one message; given back when dropped.
pub(super) struct Room {
    octets: OwnedSemaphorePermit,
    partner: PartnerId,
    partners: Arc<Mutex<HashMap<PartnerId, UnderWay>>>,
}

/// Why there is no room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Full {
    /// This partner has too many messages under way, or too many octets.
    Partner,
    /// Memory is spoken for.
    Octets,
}

impl Budget {
    pub fn new(limits: &Limits) -> Self {
        let octets_total = limits.in_flight_bytes_max.div_ceil(UNIT).clamp(1, Semaphore::MAX_PERMITS);
        Self {
            octets: Arc::new(Semaphore::new(octets_total)),
            octets_total,
            signings: Arc::new(Semaphore::new(limits.signings_max.max(1))),
            workers: match limits.workers {
                Workers::Inline => None,
                Workers::Pool(threads) => Some(Arc::new(Semaphore::new(threads.max(1)))),
            },
            partners: Arc::default(),
            per_partner_max: limits.per_partner_max.max(1),
            // Half of the room, so that no partner shuts the others out; always enough for one message.
            per_partner_units: (octets_total / 2).max(limits.message_bytes_max.div_ceil(UNIT)).min(octets_total),
        }
    }

    /// Room for a message of at most `octets`.
    pub fn room(&self, partner: &PartnerId, octets: usize) -> Result<Room, Full> {
        let units = octets.div_ceil(UNIT).clamp(1, self.octets_total);
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        let mut partners = self.partners.lock().unwrap_or_else(PoisonError::into_inner);
        let full = |under_way: &UnderWay| {
            under_way.messages >= self.per_partner_max || under_way.units + units as usize > self.per_partner_units
        };
        if partners.get(partner).is_some_and(full) {
            return Err(Full::Partner);
        }
        let permit = Arc::clone(&self.octets).try_acquire_many_owned(units).map_err(|_| Full::Octets)?;
        let under_way = partners.entry(partner.clone()).or_default();
        under_way.messages += 1;
        under_way.units += units as usize;
        drop(partners);
        Ok(Room { octets: permit, partner: partner.clone(), partners: Arc::clone(&self.partners) })
    }

    /// The right to sign one fault; none when too many are being signed.
    pub fn signing(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.signings).try_acquire_owned().ok()
    }

    /// Runs `job` where cryptography runs, so that the runtime never stalls. None when it panicked.
    pub async fn work<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let Some(workers) = &self.workers else {
            return std::panic::catch_unwind(std::panic::AssertUnwindSafe(job)).ok();
        };
        let permit = Arc::clone(workers).acquire_owned().await.ok()?;
        let handle = tokio::task::spawn_blocking(move || {
            let result = job();
            drop(permit);
            result
        });
        handle.await.ok()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut partners = self.partners.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(under_way) = partners.get_mut(&self.partner) {
            under_way.messages = under_way.messages.saturating_sub(1);
            under_way.units = under_way.units.saturating_sub(self.octets.num_permits());
            if under_way.messages == 0 {
                partners.remove(&self.partner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_given_back_and_bounded() {
        let limits = Limits { in_flight_bytes_max: 10 * UNIT, per_partner_max: 2, ..Limits::default() };
        let budget = Budget::new(&limits);
        let (kr, id) = (PartnerId::parse("KR").unwrap(), PartnerId::parse("ID").unwrap());
        let first = budget.room(&kr, 6 * UNIT).unwrap();
        assert_eq!(budget.room(&id, 6 * UNIT).err(), Some(Full::Octets));
        let _second = budget.room(&kr, UNIT).unwrap();
        assert_eq!(budget.room(&kr, 1).err(), Some(Full::Partner));
        drop(first);
        assert!(budget.room(&id, 6 * UNIT).is_ok());
    }

    #[test]
    fn one_partner_leaves_half_of_the_room_to_the_others() {
        let limits = Limits { in_flight_bytes_max: 10 * UNIT, message_bytes_max: 3 * UNIT, ..Limits::default() };
        let budget = Budget::new(&limits);
        let (kr, id) = (PartnerId::parse("KR").unwrap(), PartnerId::parse("ID").unwrap());
        let first = budget.room(&kr, 3 * UNIT).unwrap();
        assert_eq!(budget.room(&kr, 3 * UNIT).err(), Some(Full::Partner));
        let _second = budget.room(&kr, 2 * UNIT).unwrap();
        let _other = budget.room(&id, 5 * UNIT).unwrap();
        drop(first);
        assert!(budget.room(&kr, 3 * UNIT).is_ok());
    }
}
