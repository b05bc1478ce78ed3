//! Makes the next segment ahead of need: zero-filled and synced, without a header.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

use super::disk::{Disk, Durable, write_zeros};
use super::writer::JournalOptions;

/// A file that is ready to become a segment.
#[derive(Debug, Clone)]
pub struct Spare {
    /// Where it stands.
    pub path: PathBuf,
    /// Octets of zeros in it.
    pub filled: u64,
}

/// Why there is no file to go on with.
#[derive(Debug, Clone)]
pub enum NoSpare {
    /// The disk has too little room; may change.
    Full {
        /// Octets free.
        free_bytes: u64,
    },
    /// The file system failed.
    Failed {
        /// What failed.
        reason: String,
    },
}

enum State {
    Idle,
    Wanted,
    Ready(Result<Spare, NoSpare>),
    Ended,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// The thread that fills.
pub struct Filler {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Filler {
    /// Starts the thread; it makes a file when one is wanted.
    #[must_use]
    pub fn start(disk: Arc<dyn Disk>, journal: &Path, options: JournalOptions) -> Self {
        let shared = Arc::new(Shared { state: Mutex::new(State::Idle), changed: Condvar::new() });
        let (theirs, path) = (shared.clone(), journal.join("next.tmp"));
        let work = move || work(&theirs, || fill(&*disk, &path, options));
        let thread = std::thread::Builder::new().name("journal-filler".to_owned()).spawn(work).ok();
        Self { shared, thread }
    }

    /// Asks for a file, without waiting.
    pub fn want(&self) {
        let mut state = self.shared.state.lock().expect("no holder of this lock panics");
        if matches!(*state, State::Idle) {
            *state = State::Wanted;
            self.shared.changed.notify_all();
        }
    }

    /// The next file; waits for it.
    ///
    /// # Errors
    /// Why there is none. The next call tries again.
    pub fn take(&self) -> Result<Spare, NoSpare> {
        if self.thread.is_none() {
            return Err(NoSpare::Failed { reason: "the thread that makes segments could not be started".to_owned() });
        }
        self.want();
        let mut state = self.shared.state.lock().expect("no holder of this lock panics");
        loop {
            match std::mem::replace(&mut *state, State::Idle) {
                State::Ready(Ok(spare)) => return Ok(spare),
                State::Ready(Err(none)) => return Err(none),
                State::Ended => {
                    *state = State::Ended;
                    return Err(NoSpare::Failed { reason: "the thread that makes segments ended".to_owned() });
                }
                other => *state = other,
            }
            state = self.shared.changed.wait(state).expect("no holder of this lock panics");
        }
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        *self.shared.state.lock().expect("no holder of this lock panics") = State::Ended;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has nothing left to say.
            let _ = thread.join();
        }
    }
}

fn work(shared: &Shared, fill: impl Fn() -> Result<Spare, NoSpare>) {
    let mut state = shared.state.lock().expect("no holder of this lock panics");
    loop {
        match *state {
            State::Ended => return,
            State::Wanted => {
                drop(state);
                let filled = fill();
                state = shared.state.lock().expect("no holder of this lock panics");
                if matches!(*state, State::Wanted) {
                    *state = State::Ready(filled);
                    shared.changed.notify_all();
                }
            }
            _ => state = shared.changed.wait(state).expect("no holder of this lock panics"),
        }
    }
}

fn fill(disk: &dyn Disk, path: &Path, options: JournalOptions) -> Result<Spare, NoSpare> {
    let parent = path.parent().unwrap_or(path);
    let free_bytes = disk.free_bytes(parent).unwrap_or(u64::MAX);
    let filled = if options.zero_fill { options.segment_bytes } else { 0 };
    if free_bytes < options.min_free_bytes.saturating_add(filled) {
        return Err(NoSpare::Full { free_bytes });
    }
    let made = disk.create(path, Durable::Later).and_then(|file| {
        write_zeros(&*file, 0, filled)?;
        file.sync()
    });
    match made {
        Ok(()) => Ok(Spare { path: path.to_owned(), filled }),
        Err(error) => {
            // Best effort: what it took is given back.
            let _ = disk.remove(path);
            match is_full(&error) {
                true => Err(NoSpare::Full { free_bytes }),
                false => Err(NoSpare::Failed { reason: format!("cannot make {}: {error}", path.display()) }),
            }
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
