//! Work ordered by the time it falls due: keys of [`Table::Due`] whose order is that of time.
//!
//! An entry that is to be tried again moves: one commit removes the old key and puts the new one.

use jiff::Timestamp;

use super::key::{Key, Table};
use super::{Entry, Error, Store};

/// Work that is due: its key and what stands under it.
pub type Due = (Key, Entry);

/// The key of work `name` that falls due at `due`. `queue` keeps kinds of work apart.
#[must_use]
pub fn due_key(queue: u8, due: Timestamp, name: &[u8]) -> Key {
    let mut bytes = Vec::with_capacity(9 + name.len());
    bytes.push(queue);
    bytes.extend_from_slice(&ordered(due).to_be_bytes());
    bytes.extend_from_slice(name);
    Key::new(Table::Due, bytes)
}

/// The queue, time (to the microsecond) and name in a key made by [`due_key`].
#[must_use]
pub fn parse_due_key(key: &Key) -> Option<(u8, Timestamp, &[u8])> {
    let (queue, rest) = key.bytes.split_first().filter(|_| key.table == Table::Due)?;
    let (time, name) = rest.split_first_chunk::<8>()?;
    let microseconds = u64::from_be_bytes(*time) ^ (1 << 63);
    Some((*queue, Timestamp::from_microsecond(microseconds.cast_signed()).ok()?, name))
}

/// At most `limit` entries of `queue` that are due at `now`, the longest waiting first; and when the next one after
/// these is due, if there is any.
///
/// # Errors
/// As [`Store::scan`].
pub fn due(store: &dyn Store, queue: u8, now: Timestamp, limit: usize) -> Result<(Vec<Due>, Option<Timestamp>), Error> {
    let mut found = store.scan(Table::Due, &[queue], None, limit.saturating_add(1))?;
    let waits = |key: &Key| parse_due_key(key).is_some_and(|(_, due, _)| due > now);
    let ready = found.iter().take(limit).position(|(key, _)| waits(key)).unwrap_or(found.len().min(limit));
    let next = found.get(ready).and_then(|(key, _)| parse_due_key(key)).map(|(_, due, _)| due);
    found.truncate(ready);
    Ok((found, next))
}

/// Microseconds since 1970, shifted so that the order of the octets is that of the times.
fn ordered(time: Timestamp) -> u64 {
    time.as_microsecond().cast_unsigned() ^ (1 << 63)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::base::MockClock;
    use crate::store::{Commit, Memory, Record, RecordKind};

    #[test]
    fn due_keys_order_by_time_before_and_after_1970() {
        let times = [-5, -1, 0, 1, 1_800_000_000].map(|s| Timestamp::from_second(s).unwrap());
        let keys = times.map(|time| due_key(1, time, b"x"));
        assert!(keys.is_sorted());
        assert_eq!(parse_due_key(&keys[0]), Some((1, times[0], &b"x"[..])));
    }

    #[tokio::test]
    async fn what_is_due_comes_first_and_the_next_time_is_told() {
        let at = |s| Timestamp::from_second(s).unwrap();
        let store = Memory::new(Arc::new(MockClock::new(at(0))));
        let mut commit = Commit::new(Record::new(RecordKind::Changed, at(0), "R"));
        for second in [30, 10, 20] {
            commit = commit.put(due_key(1, at(second), b"x"), b"".to_vec());
        }
        commit = commit.put(due_key(2, at(1), b"other queue"), b"".to_vec());
        store.commit(commit).await.unwrap();
        let (found, next) = due(&store, 1, at(20), 10).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(next, Some(at(30)));
        let (found, next) = due(&store, 1, at(20), 1).unwrap();
        assert_eq!(found[0].0, due_key(1, at(10), b"x"));
        assert_eq!(next, Some(at(20)));
        assert_eq!(due(&store, 1, at(5), 10).unwrap(), (Vec::new(), Some(at(10))));
    }
}
