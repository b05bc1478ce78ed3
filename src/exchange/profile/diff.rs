//! In what two profiles differ: row by row of their menus, whatever the files look like.

use std::collections::BTreeMap;

use serde::Serialize;

use super::compile::Compiled;
use super::menu::{MenuRow, menu, settings};

/// One difference.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Difference {
    /// Element, rule or setting.
    pub subject: String,
    /// What is said of it.
    pub says: String,
    /// What the first profile says; none where it says nothing.
    pub first: Option<String>,
    /// What the second says.
    pub second: Option<String>,
}

/// Every difference between what two profiles ask for. How sure they are, where they have it from, their names and how
/// their files are divided make none.
#[must_use]
pub fn diff(first: &Compiled, second: &Compiled) -> Vec<Difference> {
    let (a, b) = (rows(first), rows(second));
    let mut keys: Vec<&(String, String)> = a.keys().chain(b.keys()).collect();
    keys.sort();
    keys.dedup();
    keys.into_iter()
        .filter(|key| a.get(*key) != b.get(*key))
        .map(|key| Difference {
            subject: key.0.clone(),
            says: key.1.clone(),
            first: a.get(key).cloned(),
            second: b.get(key).cloned(),
        })
        .collect()
}

fn rows(compiled: &Compiled) -> BTreeMap<(String, String), String> {
    let told = |row: &MenuRow| {
        let out = if row.verdict_out == row.verdict { String::new() } else { format!(", sending {}", row.verdict_out) };
        format!("{} ({}{out})", row.value, row.verdict)
    };
    let mut rows: BTreeMap<(String, String), String> = BTreeMap::new();
    for row in menu(compiled) {
        rows.insert((row.subject.clone(), row.says.clone()), told(&row));
    }
    for setting in settings(compiled) {
        rows.insert((setting.subject, setting.says.to_owned()), setting.value);
    }
    rows
}
