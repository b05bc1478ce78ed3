//! What the threads of the store and its callers share.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, RwLock};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};

use super::super::checkpoint::TreeMark;
use super::super::journal::{Frame, Identity, JournalCursor, Lookup};
use super::super::record::Position;
use super::super::trees::Trees;
use super::super::{CommitError, Committed};
use super::Options;
use super::index::IndexReader;
use super::overlay::{Ops, Overlay};
use crate::base::Clock;

/// A commit that waits for the committer.
pub struct Pending {
    /// Its octets.
    pub frame: Frame,
    /// The rest.
    pub ops: Ops,
    /// Who waits for the outcome.
    pub reply: oneshot::Sender<Result<Committed, CommitError>>,
    /// Its share of the queue's room; given back with the outcome.
    pub room: Option<OwnedSemaphorePermit>,
}

/// A durable batch that waits for the index.
pub struct Durable {
    /// Versions and operations of its records.
    pub records: Vec<(u64, Ops)>,
    /// Where the next batch begins.
    pub cursor: JournalCursor,
    /// The trees that it grew, as they are after it.
    pub trees: Vec<TreeMark>,
}

/// A queue between two threads.
pub struct Channel<T> {
    state: Mutex<ChannelState<T>>,
    changed: Condvar,
}

struct ChannelState<T> {
    items: VecDeque<T>,
    weight: usize,
    closed: bool,
}

impl<T> Default for Channel<T> {
    fn default() -> Self {
        let state = ChannelState { items: VecDeque::new(), weight: 0, closed: false };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }
}

impl<T> Channel<T> {
    fn lock(&self) -> MutexGuard<'_, ChannelState<T>> {
        self.state.lock().expect("no holder of this lock panics")
    }

    /// Adds an item; gives it back when the queue is closed.
    ///
    /// # Errors
    /// The item.
    pub fn push(&self, item: T, weight: usize) -> Result<(), T> {
        let mut state = self.lock();
        if state.closed {
            return Err(item);
        }
        state.items.push_back(item);
        state.weight += weight;
        drop(state);
        self.changed.notify_all();
        Ok(())
    }

    /// Waits until less than `most` stands in the queue, or it is closed.
    pub fn wait_below(&self, most: usize) {
        let mut state = self.lock();
        while state.weight >= most && !state.closed {
            state = self.changed.wait(state).expect("no holder of this lock panics");
        }
    }

    /// Takes items while `fits` says so (at least one), after waiting up to `patience` for the first.
    ///
    /// Gives nothing when the time is over, and `None` when the queue is closed and empty.
    pub fn take(&self, patience: Option<std::time::Duration>, mut fits: impl FnMut(&T) -> bool) -> Option<Vec<T>> {
        let mut state = self.lock();
        while state.items.is_empty() {
            if state.closed {
                return None;
            }
            let (next, over) = match patience {
                None => (self.changed.wait(state).expect("no holder of this lock panics"), false),
                Some(time) => {
                    let waited = self.changed.wait_timeout(state, time);
                    let (state, waited) = waited.expect("no holder of this lock panics");
                    (state, waited.timed_out())
                }
            };
            state = next;
            if over && state.items.is_empty() && !state.closed {
                return Some(Vec::new());
            }
        }
        let mut taken = Vec::new();
        while let Some(item) = state.items.front() {
            if !fits(item) && !taken.is_empty() {
                break;
            }
            taken.extend(state.items.pop_front());
        }
        Some(taken)
    }

    /// What was taken is done.
    pub fn done(&self, weight: usize) {
        self.lock().weight -= weight;
        self.changed.notify_all();
    }

    /// Weight of what is in the queue or being worked on.
    pub fn weight(&self) -> usize {
        self.lock().weight
    }

    /// Nothing more may be added.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }
}

/// Shared by callers, committer and applier.
pub struct Shared {
    /// `DIR/data`.
    pub data: PathBuf,
    /// Settings.
    pub options: Options,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Whose journal it is.
    pub identity: Identity,
    /// Commits that wait.
    pub queue: Channel<Pending>,
    /// Room in that queue, in units of [`Shared::ROOM_UNIT`].
    pub room: Arc<Semaphore>,
    /// Batches that wait for the index.
    pub applying: Channel<Durable>,
    /// Their keys.
    pub overlay: RwLock<Overlay>,
    /// sled.
    pub index: IndexReader,
    /// The trees, as of the last durable batch.
    pub trees: Trees,
    /// Records by position.
    pub lookup: Lookup,
    /// The last durable record.
    pub end: watch::Sender<Option<Position>>,
    /// Why nothing is accepted any more.
    pub stopped: Mutex<Option<CommitError>>,
    /// The disk was full at the last try.
    pub full: Mutex<Option<CommitError>>,
    /// Octets free on the disk at the last look.
    pub free_bytes: AtomicU64,
    /// Whether both threads have ended, and how.
    pub ended: watch::Sender<Option<Result<(), String>>>,
}

impl Shared {
    /// Octets of one unit of room.
    pub const ROOM_UNIT: usize = 1024;

    /// Why nothing is accepted any more.
    #[must_use]
    pub fn stopped(&self) -> Option<CommitError> {
        self.stopped.lock().expect("no holder of this lock panics").clone()
    }

    /// Nothing is accepted any more. The first reason stands.
    pub fn stop(&self, reason: CommitError) {
        let mut stopped = self.stopped.lock().expect("no holder of this lock panics");
        if !matches!(*stopped, Some(CommitError::Stopped { .. })) {
            *stopped = Some(reason);
        }
        drop(stopped);
        self.queue.close();
    }

    /// Notes whether there was room on the disk.
    pub fn note_room(&self, full: Option<CommitError>, free_bytes: Option<u64>) {
        *self.full.lock().expect("no holder of this lock panics") = full;
        self.free_bytes.store(free_bytes.unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}
