//! Verifying a journal from its files alone, beside a running server too.
//!
//! What the reader checks on the way (checksums, batch numbers, chain, times) stops the walk where it fails. What is
//! checked here goes on to the end: every precondition that was accepted held then, which is what "stored once" means;
//! leaves are numbered without gaps and are the hashes of the entries that stand beside them; the heads that were
//! bound are those that follow from the leaves; and the position file speaks of nothing that the journal lacks.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::checkpoint::{Checkpoint, TreeMark};
use super::heads;
use super::journal::{Batch, Item, JournalCursor, JournalReader};
use super::key::Key;
use super::merkle::{Hash, LogId, Tree, leaf_hash};
use super::record::{Leaf, PartName, Position, Record, RecordKind};
use super::sled::overlay::{Ops, Will};
use super::trees::TreeName;
use super::{Error, Head, Progress};
use crate::base::id::PartnerId;

/// Troubles that a report tells at most; the rest are counted.
const TROUBLES_MAX: usize = 100;

/// Whether a leaf says what its record says: what the owner of the entry's encoding knows.
pub type LeafCheck<'a> = &'a mut dyn FnMut(&Record, &Leaf) -> Result<(), String>;

/// Something in the journal that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Trouble {
    /// File and octet, or the position of a record.
    pub at: String,
    /// What must stand there.
    pub expected: String,
    /// What stands there.
    pub came: String,
}

/// A tree, recomputed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct TreeReport {
    /// Whose: a partner, or `owner`.
    pub tree: String,
    /// Log id, hexadecimal.
    pub log_id: String,
    /// Leaves.
    pub size: u64,
    /// Root, hexadecimal.
    pub root: String,
    /// Journal time of the last leaf.
    pub time: String,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// Whether nothing is wrong.
    pub valid: bool,
    /// Segments.
    pub segments: u64,
    /// Batches.
    pub batches: u64,
    /// Records.
    pub records: u64,
    /// Records by kind.
    pub kinds: BTreeMap<&'static str, u64>,
    /// Records by partner.
    pub partners: BTreeMap<String, u64>,
    /// Octets of all batches.
    pub octets: u64,
    /// Keys that hold something.
    pub keys: u64,
    /// Journal time of the first record.
    pub first: Option<String>,
    /// Journal time of the last record.
    pub last: Option<String>,
    /// Position of the last record.
    pub end: Option<String>,
    /// The chain over all batches, hexadecimal.
    pub chain: String,
    /// Octets of a batch that is not finished; it was never acknowledged.
    pub unfinished_octets: u64,
    /// The trees.
    pub trees: Vec<TreeReport>,
    /// How many troubles there are.
    pub troubles_found: u64,
    /// The first of them.
    pub troubles: Vec<Trouble>,
}

/// The state that follows from the records so far.
struct Walk<'a> {
    report: Report,
    /// Versions by the first 16 octets of the keys' SHA-256.
    keys: HashMap<u128, u64>,
    trees: BTreeMap<TreeName, (Tree, i64)>,
    leaf_check: Option<LeafCheck<'a>>,
}

/// Verifies the journal of the store in `data` (`DIR/data`).
///
/// # Errors
/// When it cannot be read. What is wrong with it stands in the report.
pub fn verify(data: &Path, leaf_check: Option<LeafCheck<'_>>, progress: Progress<'_>) -> Result<Report, Error> {
    let checkpoint = Checkpoint::read(data)?;
    let mut reader = JournalReader::new(&data.join("journal"), JournalCursor::start());
    let mut walk = Walk { report: Report::empty(), keys: HashMap::new(), trees: BTreeMap::new(), leaf_check };
    let mut reached = checkpoint.as_ref().is_none_or(|checkpoint| checkpoint.last.is_none());
    loop {
        match reader.next_batch() {
            Ok(Ok(batch)) => {
                walk.batch(&batch)?;
                if let Some(checkpoint) = checkpoint.as_ref().filter(|mark| mark.cursor.number == batch.next.number) {
                    reached = true;
                    walk.compare(checkpoint, &batch);
                }
                if walk.report.batches.is_multiple_of(64) {
                    progress(walk.report.records);
                }
            }
            Ok(Err(end)) => {
                walk.report.unfinished_octets = end.torn_bytes;
                break;
            }
            Err(Error::Damaged { file, offset, expected, came }) => {
                walk.trouble(format!("{file}, octet {offset}"), expected, came);
                // What lies behind is not known; the position file has nothing to add.
                reached = true;
                break;
            }
            Err(error) => return Err(error),
        }
    }
    progress(walk.report.records);
    if let Some(last) = checkpoint.and_then(|checkpoint| checkpoint.last).filter(|_| !reached) {
        let end = walk.report.end.clone().unwrap_or_else(|| "no record".to_owned());
        walk.trouble(
            "end of the journal".to_owned(),
            format!("record {last}, durable before"),
            format!("{end} as last"),
        );
    }
    let cursor = reader.cursor();
    walk.report.segments = cursor.segment.saturating_sub(u64::from(reader.identity().is_none()));
    walk.report.chain = cursor.chain.to_string();
    let store_id = reader.identity().map_or([0; 16], |identity| identity.store_id);
    Ok(walk.finish(&store_id))
}

impl Report {
    fn empty() -> Self {
        Self {
            valid: false,
            segments: 0,
            batches: 0,
            records: 0,
            kinds: BTreeMap::new(),
            partners: BTreeMap::new(),
            octets: 0,
            keys: 0,
            first: None,
            last: None,
            end: None,
            chain: String::new(),
            unfinished_octets: 0,
            trees: Vec::new(),
            troubles_found: 0,
            troubles: Vec::new(),
        }
    }
}

impl Walk<'_> {
    fn trouble(&mut self, at: String, expected: impl Into<String>, came: impl Into<String>) {
        self.report.troubles_found += 1;
        if self.report.troubles.len() < TROUBLES_MAX {
            self.report.troubles.push(Trouble { at, expected: expected.into(), came: came.into() });
        }
    }

    fn batch(&mut self, batch: &Batch) -> Result<(), Error> {
        self.report.batches += 1;
        self.report.octets += batch.length() as u64;
        let time = batch.time.to_string();
        self.report.first.get_or_insert_with(|| time.clone());
        self.report.last = Some(time);
        for item in batch.items() {
            match item {
                Ok(item) => self.item(&item, batch.next.time),
                Err(error @ Error::Record { position, .. }) => {
                    let reason = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                    self.trouble(format!("record {position}"), "a record that can be decoded", reason);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn item(&mut self, item: &Item, time: i64) {
        self.report.records += 1;
        self.report.end = Some(item.position.to_string());
        let record = &item.commit.record;
        *self.report.kinds.entry(record.kind.as_str()).or_default() += 1;
        if let Some(partner) = &record.partner {
            *self.report.partners.entry(partner.to_string()).or_default() += 1;
        }
        let ops = Ops::new(&item.commit);
        self.check_keys(item, &ops);
        if record.kind == RecordKind::Heads {
            self.check_heads(item);
        }
        if let Some(leaf) = &item.commit.leaf {
            self.check_leaf(item, leaf);
        }
        let Some((name, hash)) = ops.leaf else { return };
        let (tree, last) = self.trees.entry(name).or_insert_with(|| (Tree::new(), time));
        let size = tree.size();
        tree.push(hash, |_| ());
        *last = time;
        if item.leaf_index != Some(size) {
            let came = item.leaf_index.map_or_else(|| "none".to_owned(), |index| index.to_string());
            self.trouble(at(item.position), format!("leaf index {size}"), came);
        }
    }

    fn check_keys(&mut self, item: &Item, ops: &Ops) {
        for check in &ops.checks {
            let stands = self.keys.get(&short(&check.key)).copied();
            if stands != check.version {
                let key = Key::from_flat(&check.key).map_or_else(String::new, |key| format!("{key:?}"));
                let tell = |version: Option<u64>| {
                    let told = version.map(|version| format!("written by {}", Position::from_version(version)));
                    told.unwrap_or_else(|| "absent".to_owned())
                };
                self.trouble(at(item.position), format!("{key} {}", tell(check.version)), tell(stands));
            }
        }
        let version = item.position.version();
        for (key, will) in &ops.writes {
            match will {
                Will::Vanish => self.keys.remove(&short(key)),
                _ => self.keys.insert(short(key), version),
            };
        }
    }

    fn check_leaf(&mut self, item: &Item, leaf: &Leaf) {
        let record = &item.commit.record;
        if let Some(partner) = record.partner.as_ref().filter(|partner| **partner != leaf.tree) {
            self.trouble(at(item.position), format!("a leaf of {partner}"), leaf.tree.to_string());
        }
        if let Some(entry) = record.octets(PartName::Entry).map(leaf_hash).filter(|hash| *hash != leaf.hash) {
            self.trouble(at(item.position), format!("leaf {entry}, the hash of its entry"), leaf.hash.to_string());
        }
        if let Some(check) = &mut self.leaf_check
            && let Err(came) = check(record, leaf)
        {
            self.trouble(at(item.position), "a leaf that says what its record says", came);
        }
    }

    fn check_heads(&mut self, item: &Item) {
        let octets = item.commit.record.octets(PartName::Heads).unwrap_or(&[]);
        let bound = match heads::decode(octets) {
            Ok(bound) => bound,
            Err(error) => return self.trouble(at(item.position), "bound heads", error.to_string()),
        };
        for head in bound {
            let tree = self.trees.get(&Some(head.tree.clone()));
            let (size, root) = tree.map_or((0, None), |(tree, _)| (tree.size(), Some(tree.root())));
            if size != head.size || root != Some(head.root) {
                let expected = format!("head of {}: {}", head.tree, tell_head(size, root));
                self.trouble(at(item.position), expected, tell_head(head.size, Some(head.root)));
            }
        }
    }

    fn compare(&mut self, checkpoint: &Checkpoint, batch: &Batch) {
        if checkpoint.cursor.chain != batch.next.chain {
            let place = format!("batch {}", batch.number);
            self.trouble(
                place,
                format!("chain {}, as checkpointed", checkpoint.cursor.chain),
                batch.next.chain.to_string(),
            );
        }
        for mark in &checkpoint.trees {
            let tree = self.trees.get(&mark.name).map(|(tree, _)| tree);
            if tree.is_none_or(|tree| tree.size() != mark.size || tree.edge() != mark.edge) {
                let expected = format!("the tree of {} as checkpointed, {} leaves", tell_tree(&mark.name), mark.size);
                let came = format!("{} leaves", tree.map_or(0, Tree::size));
                self.trouble(format!("batch {}", batch.number), expected, came);
            }
        }
    }

    fn finish(mut self, store_id: &[u8; 16]) -> Report {
        self.report.keys = self.keys.len() as u64;
        self.report.trees =
            self.trees.iter().map(|(name, (tree, time))| tree_report(store_id, name, tree, *time)).collect();
        self.report.valid = self.report.troubles_found == 0;
        self.report
    }
}

/// The heads of all trees in `data`, read from the position file and the journal behind it.
///
/// # Errors
/// When the journal cannot be read, or is damaged there.
pub fn tree_heads(data: &Path) -> Result<Vec<TreeReport>, Error> {
    let checkpoint = Checkpoint::read(data)?;
    let cursor = checkpoint.as_ref().map_or_else(JournalCursor::start, |checkpoint| checkpoint.cursor);
    let marks = checkpoint.map(|checkpoint| checkpoint.trees).unwrap_or_default();
    let mut trees: BTreeMap<TreeName, (Tree, i64)> = marks.into_iter().filter_map(restored).collect();
    let mut reader = JournalReader::new(&data.join("journal"), cursor);
    while let Ok(batch) = reader.next_batch()? {
        for item in batch.items() {
            if let Some((name, hash)) = Ops::new(&item?.commit).leaf {
                let (tree, time) = trees.entry(name).or_insert_with(|| (Tree::new(), 0));
                tree.push(hash, |_| ());
                *time = batch.next.time;
            }
        }
    }
    let store_id = reader.identity().map_or([0; 16], |identity| identity.store_id);
    Ok(trees.iter().map(|(name, (tree, time))| tree_report(&store_id, name, tree, *time)).collect())
}

fn restored(mark: TreeMark) -> Option<(TreeName, (Tree, i64))> {
    Some((mark.name, (Tree::from_edge(mark.size, mark.edge)?, mark.time)))
}

fn tree_report(store_id: &[u8; 16], name: &TreeName, tree: &Tree, time: i64) -> TreeReport {
    let time = jiff::Timestamp::from_nanosecond(i128::from(time)).expect("64 bits of nanoseconds are in range");
    let log_id = LogId::derive(store_id, name.as_ref().map_or("owner", PartnerId::as_str));
    let head = Head { log_id, size: tree.size(), root: tree.root(), time };
    TreeReport {
        tree: tell_tree(name),
        log_id: head.log_id.to_string(),
        size: head.size,
        root: head.root.to_string(),
        time: head.time.to_string(),
    }
}

fn tell_tree(name: &TreeName) -> String {
    name.as_ref().map_or_else(|| "owner".to_owned(), PartnerId::to_string)
}

fn tell_head(size: u64, root: Option<Hash>) -> String {
    root.map_or_else(|| "no leaves".to_owned(), |root| format!("{size} leaves, root {root}"))
}

fn at(position: Position) -> String {
    format!("record {position}")
}

fn short(key: &[u8]) -> u128 {
    let digest = crate::base::sha256(key);
    digest.first_chunk().map_or(0, |octets| u128::from_be_bytes(*octets))
}
