//! Leases: who works on what, in this process. Bounded in number; an expired lease is free to others.
//!
//! A lease that ends early (its holder died) costs at most one piece of work done twice, never a wrong record: every
//! commit has its preconditions. So leases need not be durable. Several nodes over one store will lease in that store.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::base::Clock;

/// Leases of things named by `K`.
pub struct Leases<K> {
    clock: Arc<dyn Clock>,
    held: Arc<Mutex<HashMap<K, Held>>>,
    tickets: AtomicU64,
    most: usize,
}

#[derive(Clone, Copy)]
struct Held {
    until: Duration,
    ticket: u64,
}

/// The right to work on `K`, until it is dropped or expires.
pub struct Lease<K: Eq + Hash> {
    key: Option<K>,
    ticket: u64,
    until: Duration,
    clock: Arc<dyn Clock>,
    held: Arc<Mutex<HashMap<K, Held>>>,
}

impl<K: Eq + Hash + Clone> Leases<K> {
    /// At most `most` leases at a time.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, most: usize) -> Self {
        Self { clock, held: Arc::new(Mutex::new(HashMap::new())), tickets: AtomicU64::new(0), most }
    }

    /// Leases `key` for `duration`; `None` while somebody else holds it, or too many are held.
    #[must_use]
    pub fn take(&self, key: K, duration: Duration) -> Option<Lease<K>> {
        let now = self.clock.elapsed();
        let mut held = self.held.lock().expect("no holder of this lock panics");
        if held.get(&key).is_some_and(|lease| lease.until > now) {
            return None;
        }
        if held.len() >= self.most {
            held.retain(|_, lease| lease.until > now);
        }
        if held.len() >= self.most {
            return None;
        }
        // No ticket comes twice: an expired holder that ends cannot free a later one's lease.
        let ticket = self.tickets.fetch_add(1, Ordering::Relaxed);
        let until = now + duration;
        held.insert(key.clone(), Held { until, ticket });
        drop(held);
        Some(Lease { key: Some(key), ticket, until, clock: self.clock.clone(), held: self.held.clone() })
    }

    /// How many are held and not expired.
    #[must_use]
    pub fn held(&self) -> usize {
        let now = self.clock.elapsed();
        let held = self.held.lock().expect("no holder of this lock panics");
        held.values().filter(|lease| lease.until > now).count()
    }
}

impl<K: Eq + Hash> Lease<K> {
    /// Whether it has run out: stop, somebody else may have begun.
    #[must_use]
    pub fn expired(&self) -> bool {
        self.until <= self.clock.elapsed()
    }

    /// What is leased.
    #[must_use]
    pub fn key(&self) -> &K {
        self.key.as_ref().expect("only drop takes the key")
    }
}

impl<K: Eq + Hash> Drop for Lease<K> {
    fn drop(&mut self) {
        let Some(key) = self.key.take() else { return };
        let mut held = self.held.lock().expect("no holder of this lock panics");
        if held.get(&key).is_some_and(|lease| lease.ticket == self.ticket) {
            held.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::MockClock;

    fn leases(most: usize) -> (Arc<MockClock>, Leases<u32>) {
        let clock = Arc::new(MockClock::new(jiff::Timestamp::UNIX_EPOCH));
        (clock.clone(), Leases::new(clock, most))
    }

    #[test]
    fn a_lease_is_held_by_one_until_it_ends_or_expires() {
        let (clock, leases) = leases(10);
        let first = leases.take(1, Duration::from_secs(30)).unwrap();
        assert!(leases.take(1, Duration::from_secs(30)).is_none());
        clock.advance(Duration::from_secs(30));
        assert!(first.expired());
        let second = leases.take(1, Duration::from_secs(30)).unwrap();
        // The expired holder ends late and must not free the second one's lease.
        drop(first);
        assert!(leases.take(1, Duration::from_secs(30)).is_none());
        drop(second);
        assert!(leases.take(1, Duration::from_secs(30)).is_some());
    }

    #[test]
    fn leases_are_bounded_and_expired_ones_make_room() {
        let (clock, leases) = leases(2);
        let _one = leases.take(1, Duration::from_secs(1)).unwrap();
        let _two = leases.take(2, Duration::from_secs(9)).unwrap();
        assert!(leases.take(3, Duration::from_secs(1)).is_none());
        clock.advance(Duration::from_secs(1));
        assert!(leases.take(3, Duration::from_secs(1)).is_some());
        assert_eq!(leases.held(), 1);
    }
}
