//! Comparing the index with the journal: what `coconnect store check` does.

use std::collections::BTreeMap;

use super::journal::{JournalCursor, JournalReader};
use super::merkle::Tree;
use super::record::Position;
use super::sled::SledStore;
use super::sled::overlay::{Ops, Will};
use super::trees::TreeName;
use super::{Entry, Error, Key, Progress, Value};

/// Differences that a comparison tells at most; the rest are counted.
const DIFFERENCES_MAX: usize = 100;

/// A key whose entry in the index is not what follows from the journal.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    /// Table and octets, or a tree.
    pub key: String,
    /// What follows from the journal.
    pub journal: String,
    /// What stands in the index.
    pub index: String,
}

/// How the index compares.
#[derive(Clone, Debug, PartialEq, Eq, Default, serde::Serialize)]
pub struct Comparison {
    /// Whether nothing differs.
    pub equal: bool,
    /// Records read from the journal.
    pub records: u64,
    /// Keys that follow from it.
    pub keys: u64,
    /// Trees compared.
    pub trees: u64,
    /// How many differ.
    pub differences_found: u64,
    /// The first of them.
    pub differences: Vec<Difference>,
}

/// Makes the index of `store` once more in memory, from the journal alone, and compares every key and tree. Nothing
/// may be committed meanwhile.
///
/// # Errors
/// When journal or index cannot be read.
pub fn compare(store: &SledStore, data: &std::path::Path, progress: Progress<'_>) -> Result<Comparison, Error> {
    let mut found = Comparison::default();
    let mut keys: BTreeMap<Vec<u8>, Entry> = BTreeMap::new();
    let mut trees: BTreeMap<TreeName, Tree> = BTreeMap::new();
    let mut reader = JournalReader::new(&data.join("journal"), JournalCursor::start());
    while let Ok(batch) = reader.next_batch()? {
        for item in batch.items() {
            let item = item?;
            let ops = Ops::new(&item.commit);
            apply(&mut keys, &ops, item.position);
            if let Some((name, leaf)) = ops.leaf {
                trees.entry(name).or_default().push(leaf, |_| ());
            }
            found.records += 1;
        }
        progress(found.records);
    }
    found.keys = keys.len() as u64;
    found.trees = trees.len() as u64;
    store.walk_index(|flat, _, entry| {
        let expected = keys.remove(flat);
        if expected != entry {
            found.note(tell_key(flat), expected.as_ref(), entry.as_ref());
        }
        true
    })?;
    for (flat, entry) in &keys {
        found.note(tell_key(flat), Some(entry), None);
    }
    for (name, tree) in &trees {
        let head = store.trees().head(name);
        if head.is_none_or(|head| head.size != tree.size() || head.root != tree.root()) {
            let key = format!("tree {}", name.as_ref().map_or("owner", |name| name.as_str()));
            let journal = format!("{} leaves, root {}", tree.size(), tree.root());
            let index =
                head.map_or_else(|| "none".to_owned(), |head| format!("{} leaves, root {}", head.size, head.root));
            found.push(Difference { key, journal, index });
        }
    }
    found.equal = found.differences_found == 0;
    Ok(found)
}

fn apply(keys: &mut BTreeMap<Vec<u8>, Entry>, ops: &Ops, position: Position) {
    let version = position.version();
    for (key, will) in &ops.writes {
        let value = match will {
            Will::Point { .. } => Value::At(position),
            Will::Hold(bytes) => Value::Bytes(bytes.to_vec()),
            Will::Vanish => {
                keys.remove(&**key);
                continue;
            }
        };
        keys.insert(key.to_vec(), Entry { version, value });
    }
}

impl Comparison {
    fn note(&mut self, key: String, journal: Option<&Entry>, index: Option<&Entry>) {
        let difference = Difference { key, journal: tell(journal), index: tell(index) };
        self.push(difference);
    }

    fn push(&mut self, difference: Difference) {
        self.differences_found += 1;
        if self.differences.len() < DIFFERENCES_MAX {
            self.differences.push(difference);
        }
    }
}

fn tell_key(flat: &[u8]) -> String {
    Key::from_flat(flat).map_or_else(|| "unknown table".to_owned(), |key| format!("{key:?}"))
}

fn tell(entry: Option<&Entry>) -> String {
    let Some(entry) = entry else { return "nothing".to_owned() };
    let by = Position::from_version(entry.version);
    match &entry.value {
        Value::At(position) => format!("record {position}"),
        Value::Bytes(bytes) => format!("{} octets written by {by}", bytes.len()),
    }
}
