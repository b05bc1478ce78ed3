//! What waits, in memory: a mirror of the outbox by partner and time. Leases are bounded in number, one per CO, and the
//! partner's parallelism and pace are kept here.
//!
//! The store is the truth: every change is a commit that requires the version which the mirror knows.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;

use super::entry::{Failure, OutboxEntry, Standing};
use super::secure::Sealed;
use crate::base::id::PartnerId;
use crate::exchange::Exchange;
use crate::exchange::partner::{Partner, PartnerSet};
use crate::store::{self, Key, Store, Table};

/// Sealed messages that are kept for a retry at once.
const SEALED_KEPT: usize = 256;
/// Largest sealed message that is kept for a retry.
const SEALED_BYTES_KEPT: usize = 1024 * 1024;
const PAGE: usize = 1_000;

/// The mirror of the outbox.
pub struct Queue {
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Default)]
struct Inner {
    entries: HashMap<Key, Slot>,
    partners: BTreeMap<String, PartnerQueue>,
    sealed: HashMap<Key, Sealed>,
    held: HashSet<String>,
    leased: usize,
    sequence: u64,
}

struct Slot {
    entry: OutboxEntry,
    version: u64,
    recovered: bool,
    leased: bool,
}

#[derive(Default)]
struct PartnerQueue {
    due: BTreeSet<(Timestamp, u64, Key)>,
    of_co: HashMap<String, BTreeSet<u64>>,
    under_way: usize,
    /// Starts within the last minute, for the pace.
    starts: std::collections::VecDeque<Duration>,
}

/// The right to try one entry, until it is released.
pub(super) struct Leased {
    key: Key,
    version: u64,
    recovered: bool,
    entry: OutboxEntry,
    sealed: Option<Sealed>,
    fresh: Mutex<Option<Sealed>>,
}

impl Leased {
    pub fn key(&self) -> &Key {
        &self.key
    }

    pub fn version(&self) -> u64 {
        self.version
    }

    pub fn entry(&self) -> &OutboxEntry {
        &self.entry
    }

    /// A seal that was made for an earlier try.
    pub fn sealed(&self) -> Option<Sealed> {
        self.sealed.clone()
    }

    pub fn keep_sealed(&self, sealed: &Sealed) {
        *self.fresh.lock().unwrap_or_else(PoisonError::into_inner) = Some(sealed.clone());
    }

    /// Whether it was in the outbox when we started: a try of which nothing is recorded may have reached the partner.
    pub fn recovered(&self) -> bool {
        self.recovered
    }

    /// The partner as it is now.
    pub fn partner(&self, exchange: &Exchange) -> Result<Arc<Partner>, Box<Failure>> {
        let missing = || Failure::technical(format!("partner {} is not configured", self.entry.partner));
        let id = PartnerId::parse(&self.entry.partner).map_err(|_| missing())?;
        exchange.partners.now().by_id(&id).cloned().ok_or_else(missing)
    }
}

impl Queue {
    /// Reads the outbox.
    pub(in crate::exchange) fn load(store: &dyn Store) -> Result<Self, store::Error> {
        let mut inner = Inner::default();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = store.scan(Table::Outbox, &[], after.as_deref(), PAGE)?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.bytes.clone());
            for (key, value) in page {
                match value.bytes().and_then(OutboxEntry::of) {
                    Some(entry) => inner.add(key, entry, value.version, true),
                    None => tracing::error!(?key, "an entry of the outbox cannot be read and is passed over"),
                }
            }
        }
        for (key, _) in store.scan(Table::Partner, b"held ", None, PAGE)? {
            if let Some(id) = key.bytes.strip_prefix(b"held ").and_then(|id| std::str::from_utf8(id).ok()) {
                inner.held.insert(id.to_owned());
            }
        }
        Ok(Self { inner: Mutex::new(inner), changed: Notify::new() })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next number of intake.
    pub(super) fn next_sequence(&self) -> u64 {
        let mut inner = self.lock();
        inner.sequence += 1;
        inner.sequence
    }

    /// An entry was committed.
    pub(super) fn added(&self, key: Key, entry: OutboxEntry, version: u64) {
        self.lock().add(key, entry, version, false);
        self.changed.notify_one();
    }

    /// A leased entry ended.
    pub(super) fn removed(&self, key: &Key) {
        let mut inner = self.lock();
        inner.release(key);
        inner.drop_entry(key);
        drop(inner);
        self.changed.notify_one();
    }

    /// A leased entry is to be tried again, or held.
    pub(super) fn moved(&self, leased: &Leased, entry: OutboxEntry, version: u64) {
        let mut inner = self.lock();
        inner.release(&leased.key);
        let recovered = leased.recovered;
        inner.drop_entry(&leased.key);
        let waiting = entry.standing == Standing::Waiting;
        inner.add(leased.key.clone(), entry, version, recovered);
        let fresh = leased.fresh.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(sealed) = fresh.filter(|s| waiting && s.octets().len() <= SEALED_BYTES_KEPT)
            && inner.sealed.len() < SEALED_KEPT
        {
            inner.sealed.insert(leased.key.clone(), sealed);
        }
        drop(inner);
        self.changed.notify_one();
    }

    /// The end of a try could not be recorded: the entry stays as it was, tried again after `pause`.
    pub(super) fn returned(&self, leased: &Leased, due: Timestamp) {
        let mut inner = self.lock();
        inner.release(&leased.key);
        if inner.entries.get(&leased.key).is_some_and(|slot| slot.version == leased.version) {
            let entry = OutboxEntry { due, ..leased.entry.clone() };
            inner.drop_entry(&leased.key);
            inner.add(leased.key.clone(), entry, leased.version, leased.recovered);
        }
        drop(inner);
        self.changed.notify_one();
    }

    /// An entry that nobody works on, with its version: for a person's act.
    pub(in crate::exchange) fn idle(&self, key: &Key) -> Option<(OutboxEntry, u64)> {
        let inner = self.lock();
        let slot = inner.entries.get(key).filter(|slot| !slot.leased)?;
        Some((slot.entry.clone(), slot.version))
    }

    /// A person changed an idle entry.
    pub(in crate::exchange) fn changed(&self, key: &Key, entry: OutboxEntry, version: u64) {
        let mut inner = self.lock();
        inner.drop_entry(key);
        inner.add(key.clone(), entry, version, true);
        drop(inner);
        self.changed.notify_one();
    }

    /// Holds or frees a partner's queue.
    pub(in crate::exchange) fn set_held(&self, partner: &str, held: bool) {
        let mut inner = self.lock();
        if held {
            inner.held.insert(partner.to_owned());
        } else {
            inner.held.remove(partner);
        }
        drop(inner);
        self.changed.notify_one();
    }

    /// Whether a partner's queue is held.
    pub(in crate::exchange) fn is_held(&self, partner: &str) -> bool {
        self.lock().held.contains(partner)
    }

    /// Waits until something changed.
    pub(super) async fn wait(&self) {
        self.changed.notified().await;
    }

    /// Leases one entry that is due, if any may start now.
    pub(super) fn lease(
        &self,
        partners: &PartnerSet,
        now: Timestamp,
        elapsed: Duration,
        leases_max: usize,
    ) -> Option<Leased> {
        let mut inner = self.lock();
        if inner.leased >= leases_max {
            return None;
        }
        let key = inner.choose(partners, now, elapsed)?;
        let sealed = inner.sealed.remove(&key);
        inner.leased += 1;
        let slot = inner.entries.get_mut(&key).expect("chosen from the entries above");
        slot.leased = true;
        let (version, recovered, entry) = (slot.version, slot.recovered, slot.entry.clone());
        let queue = inner.partners.entry(entry.partner.clone()).or_default();
        queue.due.remove(&(entry.due, entry.sequence, key.clone()));
        queue.under_way += 1;
        queue.starts.push_back(elapsed);
        Some(Leased { key, version, recovered, entry, sealed, fresh: Mutex::new(None) })
    }

    /// When the next entry falls due; none when nothing waits.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let inner = self.lock();
        let waiting = inner.partners.iter().filter(|(id, _)| !inner.held.contains(*id));
        waiting.filter_map(|(_, queue)| queue.due.first().map(|(due, _, _)| *due)).min()
    }
}

impl Inner {
    fn add(&mut self, key: Key, entry: OutboxEntry, version: u64, recovered: bool) {
        self.sequence = self.sequence.max(entry.sequence);
        let queue = self.partners.entry(entry.partner.clone()).or_default();
        queue.of_co.entry(entry.co_key.clone()).or_default().insert(entry.sequence);
        if entry.standing == Standing::Waiting {
            queue.due.insert((entry.due, entry.sequence, key.clone()));
        }
        self.entries.insert(key, Slot { entry, version, recovered, leased: false });
    }

    fn release(&mut self, key: &Key) {
        let Some(slot) = self.entries.get_mut(key).filter(|slot| slot.leased) else { return };
        slot.leased = false;
        self.leased = self.leased.saturating_sub(1);
        if let Some(queue) = self.partners.get_mut(&slot.entry.partner) {
            queue.under_way = queue.under_way.saturating_sub(1);
        }
    }

    fn drop_entry(&mut self, key: &Key) {
        self.sealed.remove(key);
        let Some(slot) = self.entries.remove(key) else { return };
        let Some(queue) = self.partners.get_mut(&slot.entry.partner) else { return };
        queue.due.remove(&(slot.entry.due, slot.entry.sequence, key.clone()));
        if let Some(sequences) = queue.of_co.get_mut(&slot.entry.co_key) {
            sequences.remove(&slot.entry.sequence);
            if sequences.is_empty() {
                queue.of_co.remove(&slot.entry.co_key);
            }
        }
    }

    /// The first entry, over all partners, that is due and may start: none of its CO before it, room and pace left.
    fn choose(&mut self, partners: &PartnerSet, now: Timestamp, elapsed: Duration) -> Option<Key> {
        for (id, queue) in &mut self.partners {
            if self.held.contains(id) {
                continue;
            }
            let partner = PartnerId::parse(id).ok().and_then(|id| partners.by_id(&id));
            let Some(delivery) = partner.filter(|p| p.file().active).map(|p| &p.file().delivery) else { continue };
            if queue.under_way >= delivery.parallel as usize {
                continue;
            }
            let minute = Duration::from_secs(60);
            while queue.starts.front().is_some_and(|start| elapsed.saturating_sub(*start) >= minute) {
                queue.starts.pop_front();
            }
            if delivery.pace_per_min == 0 {
                queue.starts.clear();
            } else if queue.starts.len() >= delivery.pace_per_min as usize {
                continue;
            }
            let is_first = |key: &Key, sequence: &u64| {
                let co = self.entries.get(key).map(|slot| slot.entry.co_key.as_str());
                co.and_then(|co| queue.of_co.get(co)).and_then(BTreeSet::first) == Some(sequence)
            };
            let due = queue.due.iter().take_while(|(due, _, _)| *due <= now);
            if let Some((_, _, key)) = due.into_iter().find(|(_, sequence, key)| is_first(key, sequence)) {
                return Some(key.clone());
            }
        }
        None
    }
}
