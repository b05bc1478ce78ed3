//! `coconnect demo`: two administrations as two processes on loopback, and the evidence for each promise.
//!
//! It makes two gateways with `init`, starts them with `serve`, and talks to them as an operator does, over their admin
//! sockets. What a gateway would never send (the same message again, a changed one, an invalid one) comes from
//! [`super::lab`]. Every step checks what it shows: a surprise ends the story with an error.

mod process;
mod story;

use std::path::PathBuf;

use serde::Serialize;

pub use process::Gateway;
pub use story::run;

use crate::gateway::init::Suite;

/// What to show.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Folder for both gateways; made when missing, must be empty.
    pub dir: PathBuf,
    /// Kind of keys.
    pub suite: Suite,
    /// Files and folders with further documents to exchange.
    pub inputs: Vec<PathBuf>,
    /// COs that are under way when the receiver is killed, at least 10.
    pub crash_messages: usize,
    /// Leave both gateways running.
    pub keep: bool,
    /// The program that serves.
    pub program: PathBuf,
}

/// What happens, as it happens.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A step begins.
    Step {
        /// From 1.
        number: usize,
        /// What it will show.
        title: String,
    },
    /// Something happened.
    Line {
        /// What.
        text: String,
    },
    /// Evidence: a name and what stands behind it.
    Evidence {
        /// Its name.
        name: String,
        /// The thing itself.
        value: String,
    },
    /// Long work goes on.
    Progress {
        /// What is counted.
        what: String,
        /// How many are done.
        done: usize,
        /// Of how many.
        total: usize,
    },
    /// A step is shown.
    Shown {
        /// From 1.
        number: usize,
        /// What was claimed.
        claim: String,
        /// What shows it, in one line.
        evidence: String,
        /// Milliseconds that it took.
        took_ms: u64,
    },
}

/// A surprise: what was expected and what came.
#[derive(Debug, thiserror::Error)]
#[error("step {step} ({title}): {what}")]
pub struct Surprise {
    /// From 1; 0 while setting up.
    pub step: usize,
    /// Title of the step.
    pub title: String,
    /// What was expected and what came.
    pub what: String,
}

/// Where the two gateways are left with `keep`.
#[derive(Debug, Clone, Serialize)]
pub struct Kept {
    /// Configuration of KR.
    pub kr: PathBuf,
    /// Configuration of ID.
    pub id: PathBuf,
    /// Process ids.
    pub processes: Vec<u32>,
}
