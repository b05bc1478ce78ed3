//! The committer: one thread, one batch in flight, one sync a batch.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::super::heads::{self, BoundHead};
use super::super::journal::frame::{BATCH_RECORDS_MAX, Frame};
use super::super::journal::{JournalWriter, WriteError};
use super::super::key::Key;
use super::super::record::{Position, encode_nanoseconds};
use super::super::trees::TreeName;
use super::super::{CommitError, Committed, Error};
use super::overlay::{Flat, Ops};
use super::shared::{Durable, Pending, Shared};

type Reply = oneshot::Sender<Result<Committed, CommitError>>;

/// Owns the writing end of the journal.
pub struct Committer {
    shared: Arc<Shared>,
    writer: JournalWriter,
    time: i64,
    /// Heads that were bound last, by tree.
    bound: HashMap<TreeName, u64>,
    bound_at: Duration,
    /// Whether a tree has grown since.
    unbound: bool,
}

/// Commits that passed their checks, in the order of the batch.
#[derive(Default)]
struct Round {
    frames: Vec<(Frame, Option<u64>)>,
    ops: Vec<Ops>,
    replies: Vec<Option<Waiting>>,
    /// Keys written in this batch: whether something will stand there.
    local: HashMap<Flat, bool>,
    /// Leaves added in this batch.
    leaves: HashMap<TreeName, u64>,
    /// Those that lost against a record of this batch: told when it is durable.
    losers: Vec<(Reply, Flat)>,
}

/// What is left of a commit once its octets are in the batch.
struct Waiting {
    reply: Reply,
    room: Option<tokio::sync::OwnedSemaphorePermit>,
}

enum Checked {
    Holds,
    Lost(Flat),
    LostInBatch(Flat),
}

impl Committer {
    /// Goes on where `writer` stands.
    #[must_use]
    pub fn new(shared: Arc<Shared>, writer: JournalWriter) -> Self {
        let time = writer.cursor().time;
        let bound_at = shared.clock.elapsed();
        // Heads bound in the same batch as the last leaves were those before them.
        let time_of = |name: &TreeName| shared.trees.head(name).map(|head| head.time);
        let newest = shared.trees.names().iter().filter(|name| name.is_some()).filter_map(time_of).max();
        let unbound = newest.is_some() && newest >= time_of(&None);
        Self { shared, writer, time, bound: HashMap::new(), bound_at, unbound }
    }

    /// Works until the store is closed or a write fails.
    pub fn run(mut self) {
        loop {
            let (mut records, mut octets) = (0, 0);
            let options = self.shared.options;
            let patience = self.unbound.then_some(options.bind_interval);
            let taken = self.shared.queue.take(patience, |pending| {
                records += 1;
                octets += pending.frame.length();
                records < BATCH_RECORDS_MAX.min(options.batch_records_max) && octets <= options.batch_bytes_max
            });
            match taken {
                Some(pending) => self.round(pending, false),
                None => break,
            }
        }
        if self.shared.stopped().is_none_or(|error| error == CommitError::Closed) {
            self.round(Vec::new(), true);
        }
        self.shared.applying.close();
    }

    fn round(&mut self, pending: Vec<Pending>, closing: bool) {
        if let Some(error) = self.shared.stopped().filter(|error| matches!(error, CommitError::Stopped { .. })) {
            pending.into_iter().for_each(|pending| answer(pending.reply, Err(error.clone())));
            return;
        }
        let mut round = Round::default();
        self.bind(&mut round, closing);
        for pending in pending {
            match self.check(&round, &pending.ops) {
                Ok(Checked::Holds) => self.accept(&mut round, pending),
                Ok(Checked::Lost(key)) => answer(pending.reply, Err(conflict(&key))),
                Ok(Checked::LostInBatch(key)) => round.losers.push((pending.reply, key)),
                Err(error) => {
                    self.index_failed(&error);
                    let stopped = self.shared.stopped().unwrap_or(CommitError::Closed);
                    answer(pending.reply, Err(stopped));
                }
            }
        }
        if !round.frames.is_empty() {
            self.write(round);
        }
    }

    /// Puts the heads of all trees that have grown into the batch, when it is time.
    fn bind(&mut self, round: &mut Round, closing: bool) {
        let waited = self.shared.clock.elapsed().saturating_sub(self.bound_at);
        if !self.unbound || (!closing && waited < self.shared.options.bind_interval) {
            return;
        }
        let mut bound = Vec::new();
        for tree in self.shared.trees.names().into_iter().flatten() {
            let name = Some(tree.clone());
            let Some(head) = self.shared.trees.head(&name) else { continue };
            if self.bound.insert(name, head.size) != Some(head.size) {
                bound.push(BoundHead { tree, size: head.size, root: head.root });
            }
        }
        (self.unbound, self.bound_at) = (false, self.shared.clock.elapsed());
        if bound.is_empty() {
            return;
        }
        let commit = heads::record(&bound, self.shared.clock.now());
        if let Ok(frame) = Frame::new(&commit) {
            self.enter(round, frame, Ops::new(&commit), None);
        }
    }

    fn accept(&self, round: &mut Round, pending: Pending) {
        let Pending { frame, ops, reply, room } = pending;
        self.enter(round, frame, ops, Some(Waiting { reply, room }));
    }

    fn enter(&self, round: &mut Round, frame: Frame, ops: Ops, reply: Option<Waiting>) {
        for (key, will) in &ops.writes {
            round.local.insert(key.clone(), !matches!(will, super::overlay::Will::Vanish));
        }
        let leaf_index = ops.leaf.as_ref().map(|(tree, _)| {
            let more = round.leaves.entry(tree.clone()).or_default();
            *more += 1;
            self.shared.trees.size(tree) + *more - 1
        });
        round.frames.push((frame, leaf_index));
        round.ops.push(ops);
        round.replies.push(reply);
    }

    fn check(&self, round: &Round, ops: &Ops) -> Result<Checked, Error> {
        let overlay = self.shared.overlay.read().expect("no holder of this lock panics");
        for check in &ops.checks {
            // A version written in this batch is known to nobody yet.
            if let Some(present) = round.local.get(&check.key) {
                if *present || check.version.is_some() {
                    return Ok(Checked::LostInBatch(check.key.clone()));
                }
                continue;
            }
            let version = match overlay.version(&check.key) {
                Some(version) => version,
                None => self.shared.index.version(&check.key)?,
            };
            if version != check.version {
                return Ok(Checked::Lost(check.key.clone()));
            }
        }
        Ok(Checked::Holds)
    }

    fn write(&mut self, mut round: Round) {
        let now = encode_nanoseconds(self.shared.clock.now()).unwrap_or(self.time);
        let time = self.time.max(now);
        match self.writer.append(time, &mut round.frames) {
            Ok(positions) => {
                self.time = time;
                self.shared.note_room(None, self.writer.free_bytes());
                self.publish(round, &positions);
            }
            Err(error) => self.refuse(round, &error),
        }
    }

    /// The batch is durable: it becomes visible, its writers are told, the index gets it.
    fn publish(&mut self, round: Round, positions: &[Position]) {
        let Round { ops, replies, losers, frames, leaves, .. } = round;
        let mut overlay = self.shared.overlay.write().expect("no holder of this lock panics");
        for (ops, position) in ops.iter().zip(positions) {
            overlay.insert(ops, position.version());
        }
        drop(overlay);
        for (tree, leaf) in ops.iter().filter_map(|ops| ops.leaf.as_ref()) {
            if let Err(error) = self.shared.trees.push(tree, *leaf, self.time) {
                self.index_failed(&error);
            }
        }
        self.shared.end.send_replace(positions.last().copied());
        let time = Timestamp::from_nanosecond(i128::from(self.time)).expect("64 bits of nanoseconds are in range");
        for ((reply, position), (_, leaf_index)) in replies.into_iter().zip(positions).zip(&frames) {
            if let Some(Waiting { reply, room }) = reply {
                answer(reply, Ok(Committed { position: *position, leaf_index: *leaf_index, time }));
                drop(room);
            }
        }
        losers.into_iter().for_each(|(reply, key)| answer(reply, Err(conflict(&key))));
        self.unbound |= leaves.keys().any(Option::is_some);
        let trees = leaves.keys().filter_map(|tree| self.shared.trees.mark(tree)).collect();
        let records: Vec<_> = positions.iter().map(|position| position.version()).zip(ops).collect();
        let weight = records.len();
        let durable = Durable { records, cursor: self.writer.cursor(), trees };
        // An applier that has ended has said why; its batches are in the journal.
        let _ = self.shared.applying.push(durable, weight);
        self.shared.applying.wait_below(self.shared.options.unapplied_max);
    }

    fn refuse(&mut self, round: Round, error: &WriteError) {
        let told = error.to_commit_error(&self.shared.options.journal());
        if matches!(error, WriteError::Fatal { .. }) {
            tracing::error!(reason = %told, "the journal stopped");
            self.shared.stop(told.clone());
        } else {
            tracing::warn!(reason = %told, "a batch was refused");
            self.shared.note_room(Some(told.clone()), self.writer.free_bytes());
            // The heads were not bound after all.
            self.bound.clear();
            self.unbound = true;
        }
        let replies = round.replies.into_iter().flatten().map(|pending| pending.reply);
        // Who lost against a record that was not written has not lost: the same error asks it to try again.
        for reply in replies.chain(round.losers.into_iter().map(|(reply, _)| reply)) {
            answer(reply, Err(told.clone()));
        }
    }

    fn index_failed(&self, error: &Error) {
        super::applier::doubt(&self.shared, error);
    }
}

fn conflict(key: &Flat) -> CommitError {
    let key = Key::from_flat(key).expect("made from a key by Ops::new");
    CommitError::Conflict { key }
}

fn answer(reply: Reply, result: Result<Committed, CommitError>) {
    // A writer that went away does not want to know.
    let _ = reply.send(result);
}
