//! How much of refused messages is kept (invariant 3): whole within the partner's budget of the day, beyond it the digest
//! and the first 64 KiB.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use crate::base::id::PartnerId;
use crate::exchange::key;
use crate::exchange::partner::Partner;
use crate::store::{Key, Store};

/// Octets of a refused message that are kept once the budget is used up.
const BEYOND_BUDGET_OCTETS: usize = 64 * 1024;
const SECONDS_PER_DAY: i64 = 86_400;

/// The budgets in use.
#[derive(Debug, Default)]
pub struct Quarantine {
    used: Mutex<HashMap<PartnerId, (i64, u64)>>,
}

/// What is kept of one message.
pub(super) struct Kept {
    /// So many of its first octets.
    pub octets: usize,
    /// The use of the budget, for the same commit.
    pub put: (Key, Vec<u8>),
}

impl Quarantine {
    /// Takes `octets` from the budget of `partner` for the day of `now`.
    pub(super) fn keep(&self, store: &dyn Store, partner: &Partner, now: Timestamp, octets: usize) -> Kept {
        let today = now.as_second().div_euclid(SECONDS_PER_DAY);
        let budget = u64::from(partner.file().retention.quarantine_mib_per_day) * 1024 * 1024;
        let quarantine_key = key::quarantine(partner.id());
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let (day, spent) =
            used.entry(partner.id().clone()).or_insert_with(|| stored(store, &quarantine_key).unwrap_or((today, 0)));
        if *day != today {
            (*day, *spent) = (today, 0);
        }
        let whole = spent.saturating_add(octets as u64) <= budget;
        let kept = if whole { octets } else { octets.min(BEYOND_BUDGET_OCTETS) };
        *spent = spent.saturating_add(kept as u64);
        let mut value = day.to_be_bytes().to_vec();
        value.extend_from_slice(&spent.to_be_bytes());
        Kept { octets: kept, put: (quarantine_key, value) }
    }
}

fn stored(store: &dyn Store, key: &Key) -> Option<(i64, u64)> {
    let entry = store.get(key).ok()??;
    let (day, spent) = entry.bytes()?.split_first_chunk::<8>()?;
    Some((i64::from_be_bytes(*day), u64::from_be_bytes(spent.try_into().ok()?)))
}
