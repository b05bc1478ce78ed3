//! The applier: puts durable batches into sled, and makes checkpoints.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::super::checkpoint::{Checkpoint, TreeMark, boot_id};
use super::super::journal::JournalCursor;
use super::super::record::Position;
use super::super::trees::{TreeName, Trees};
use super::super::{CommitError, Error};
use super::index::Index;
use super::shared::{Durable, Shared};

/// Where the index stands.
pub struct Applied {
    /// The index.
    pub index: Index,
    /// Its directory.
    pub directory: PathBuf,
    /// Number of the last checkpoint.
    pub number: u64,
    /// Where the first batch stands that is not in the index.
    pub cursor: JournalCursor,
    /// The last record that is.
    pub last: Option<Position>,
    /// The trees up to there.
    pub trees: HashMap<TreeName, TreeMark>,
}

impl Applied {
    /// Makes everything durable that the index and the trees have, and says so in the position file.
    ///
    /// # Errors
    /// When a file cannot be written; the last checkpoint stands.
    pub fn checkpoint(&mut self, shared: &Checkpointed<'_>, clean: bool) -> Result<(), Error> {
        let number = self.number + 1;
        let limit = self.last.map_or(0, Position::version);
        for name in self.trees.keys() {
            shared.trees.flush(name)?;
        }
        shared.trees.sync_names()?;
        self.index.checkpoint(&self.directory, number, limit)?;
        let total = self.index.total();
        let mut trees: Vec<TreeMark> = self.trees.values().cloned().collect();
        trees.sort_by(|one, other| one.name.cmp(&other.name));
        let checkpoint = Checkpoint {
            number,
            store_id: shared.store_id,
            boot: boot_id(),
            clean,
            cursor: self.cursor,
            last: self.last,
            count: total.count,
            sum: total.sum,
            trees,
        };
        checkpoint.write(shared.data)?;
        self.number = number;
        self.index.begin_after(number, limit)
    }
}

/// What a checkpoint needs of the store.
pub struct Checkpointed<'a> {
    /// `DIR/data`.
    pub data: &'a std::path::Path,
    /// Which store.
    pub store_id: [u8; 16],
    /// The trees.
    pub trees: &'a Trees,
}

/// The thread.
pub struct Applier {
    shared: Arc<Shared>,
    applied: Applied,
    since: usize,
    at: Duration,
}

impl Applier {
    /// Goes on from `applied`.
    #[must_use]
    pub fn new(shared: Arc<Shared>, applied: Applied) -> Self {
        let at = shared.clock.elapsed();
        Self { shared, applied, since: 0, at }
    }

    /// Works until the committer has ended and nothing is left.
    pub fn run(mut self) {
        let result = self.work();
        if let Err(error) = &result {
            doubt(&self.shared, error);
        }
        self.shared.applying.close();
        let result = result.map_err(|error| error.to_string());
        let result = match self.shared.stopped() {
            Some(CommitError::Stopped { reason }) => Err(reason.to_string()),
            _ => result,
        };
        drop(self.applied);
        self.shared.ended.send_replace(Some(result));
    }

    fn work(&mut self) -> Result<(), Error> {
        let interval = self.shared.options.checkpoint_interval;
        loop {
            let patience = (self.since > 0).then_some(interval);
            let mut one = 0;
            let taken = self.shared.applying.take(patience, |_| {
                one += 1;
                one <= 1
            });
            let Some(batches) = taken else { break };
            let idle = batches.is_empty();
            for batch in batches {
                self.apply(batch)?;
            }
            let over = self.shared.clock.elapsed().saturating_sub(self.at) >= interval;
            if self.since > 0 && (idle || over || self.since >= self.shared.options.checkpoint_records) {
                self.checkpoint(false)?;
            }
        }
        // After a failed write the last checkpoint stands: the disk is not to be believed.
        match self.shared.stopped() {
            Some(CommitError::Stopped { .. }) => Ok(()),
            _ => self.checkpoint(true),
        }
    }

    fn apply(&mut self, batch: Durable) -> Result<(), Error> {
        for (version, ops) in &batch.records {
            ops.apply(&mut self.applied.index, *version, false)?;
        }
        let mut overlay = self.shared.overlay.write().expect("no holder of this lock panics");
        for (version, ops) in &batch.records {
            overlay.applied(ops, *version);
        }
        drop(overlay);
        let weight = batch.records.len();
        self.since += weight;
        self.applied.cursor = batch.cursor;
        self.applied.last = batch.records.last().map(|(version, _)| Position::from_version(*version));
        for mark in batch.trees {
            self.applied.trees.insert(mark.name.clone(), mark);
        }
        self.shared.applying.done(weight);
        Ok(())
    }

    fn checkpoint(&mut self, clean: bool) -> Result<(), Error> {
        let shared = &self.shared;
        let needed = Checkpointed { data: &shared.data, store_id: shared.identity.store_id, trees: &shared.trees };
        self.applied.checkpoint(&needed, clean)?;
        (self.since, self.at) = (0, shared.clock.elapsed());
        Ok(())
    }
}

/// The index cannot be trusted any more: nothing is accepted, and the next start makes it again.
pub fn doubt(shared: &Shared, error: &Error) {
    let mut reason = error.to_string();
    if let Some(source) = std::error::Error::source(error) {
        reason = format!("{reason}: {source}");
    }
    tracing::error!(reason, "the index failed and will be made again at the next start");
    shared.stop(CommitError::Stopped { reason: reason.as_str().into() });
    if let Err(error) = Checkpoint::remove(&shared.data) {
        tracing::error!(%error, "the position file cannot be removed: run coconnect store rebuild");
    }
}
