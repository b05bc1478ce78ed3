//! In what two profiles differ: row by row of their menus, whatever the files look like.

use std::collections::BTreeMap;

use serde::Serialize;

use super::compile::Compiled;
use super::menu::{MenuRow, menu};

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
    let mut head = |says: &str, value: String| drop(rows.insert((String::new(), says.to_owned()), value));
    head("agreements", compiled.agreements.join(", "));
    head("unlisted", format!("{:?}", compiled.unlisted).to_lowercase());
    head("foreign", format!("{:?}", compiled.foreign.0).to_lowercase());
    let covers: Vec<&str> = compiled.covers.iter().map(|id| compiled.places.get(*id).path.as_str()).collect();
    head("signature_covers", covers.join(", "));
    let day = |day: Option<jiff::civil::Date>| day.map_or_else(String::new, |day| day.to_string());
    head("in force", format!("{} to {}", day(compiled.valid_from), day(compiled.valid_until)));
    for (country, zone) in &compiled.zones {
        let name = zone.iana_name().unwrap_or("UTC").to_owned();
        rows.insert((format!("zone {country}"), "zone".to_owned()), name);
    }
    for (country, calendar) in &compiled.calendars {
        rows.insert((format!("calendar {country}"), "calendar".to_owned()), calendar.clone());
    }
    rows
}
