//! Test vectors that stand outside of the project: their manifest, and what is known not to agree.
//!
//! `COCONNECT_VECTORS` points to them (default `../shared/vectors`). Without them a test says so aloud and counts as
//! skipped; with `COCONNECT_NO_SKIP=1` it fails.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A row of `manifest.tsv`.
#[derive(Clone, Debug)]
pub struct Row {
    pub path: String,
    pub key: String,
    pub algorithms: String,
    pub expected: String,
    pub note: String,
}

/// Where the vectors are, if they are.
pub fn root() -> Option<PathBuf> {
    let root = std::env::var_os("COCONNECT_VECTORS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors"), PathBuf::from);
    if root.join("manifest.tsv").is_file() {
        return Some(root);
    }
    println!("SKIPPED: no test vectors at {}; set COCONNECT_VECTORS", root.display());
    assert!(std::env::var("COCONNECT_NO_SKIP").as_deref() != Ok("1"), "test vectors are missing");
    None
}

/// The rows of one kind.
pub fn rows(root: &Path, kind: &str) -> Vec<Row> {
    let manifest = fs::read_to_string(root.join("manifest.tsv")).unwrap();
    let rows = manifest.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    rows.filter(|cells| cells.get(1) == Some(&kind))
        .map(|cells| Row {
            path: cells[0].to_owned(),
            key: cells[2].to_owned(),
            algorithms: cells[3].to_owned(),
            expected: cells[4].to_owned(),
            note: cells[5].to_owned(),
        })
        .collect()
}

/// Compares what came with what was expected, row by row, and with `exceptions.toml`.
pub struct Score {
    kind: &'static str,
    exceptions: BTreeMap<String, String>,
    table: BTreeMap<(String, String), usize>,
    wrong: Vec<String>,
}

impl Score {
    pub fn new(kind: &'static str) -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/exceptions.toml");
        let table: toml::Table = fs::read_to_string(file).unwrap().parse().unwrap();
        let mut exceptions = BTreeMap::new();
        for entry in table["exception"].as_array().unwrap() {
            let text = |key: &str| entry.get(key).and_then(|v| v.as_str()).unwrap_or_else(|| panic!("{key}: {entry}"));
            assert!(!text("reason").is_empty() && !text("expected").is_empty(), "{entry}");
            if text("kind") == kind {
                exceptions.insert(text("path").to_owned(), text("actual").to_owned());
            }
        }
        Self { kind, exceptions, table: BTreeMap::new(), wrong: Vec::new() }
    }

    /// Scores one case; `detail` explains `got` to a person.
    pub fn add(&mut self, case: &str, expected: &str, got: &str, detail: &str) {
        *self.table.entry((expected.to_owned(), got.to_owned())).or_default() += 1;
        let agrees = expected == got || expected == "unknown";
        match (self.exceptions.remove(case), agrees) {
            (None, true) => {}
            (None, false) => self.wrong.push(format!("{case}: expected {expected}, got {got}: {detail}")),
            (Some(_), true) => self.wrong.push(format!("{case}: passes, but is listed in exceptions.toml")),
            (Some(actual), false) if actual == got => {}
            (Some(actual), false) => {
                self.wrong.push(format!("{case}: exceptions.toml says {actual}, got {got}: {detail}"))
            }
        }
    }

    /// Prints the table and fails if a row is neither right nor explained.
    pub fn finish(self) {
        println!("{:14} {:12} {:14} rows", "kind", "expected", "got");
        for ((expected, got), rows) in &self.table {
            println!("{:14} {expected:12} {got:14} {rows}", self.kind);
        }
        let unused: Vec<_> =
            self.exceptions.keys().map(|k| format!("{k}: in exceptions.toml, but no such row")).collect();
        let wrong = [self.wrong, unused].concat();
        assert!(wrong.is_empty(), "{} rows:\n{}", wrong.len(), wrong.join("\n"));
    }
}
