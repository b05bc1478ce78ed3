//! The conformance kit within the program, so that a partner who has the binary alone can run it or write it out.
//!
//! Its source is `tests/vectors/kit/`: files of many cases over a few requests. Written out it is a folder per case, each
//! complete in itself. Another operation is a folder beside `send-co/`, named in [`FILES`]; what is the same for all of the
//! others stands once in `every/` and is made for each: `%operation%` and `%wrapper%` there are its path and its name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::case::{self, Case, Error, Kind, Source, Step};
use crate::contract::Operation;

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_bytes!(concat!("../../../tests/vectors/kit/", $name)))),*]
    };
}

/// Every file of the kit.
pub const FILES: &[(&str, &[u8])] = files![
    "every/security.toml",
    "send-amendment-notification/message.xml",
    "send-amendment-notification/notice.toml",
    "send-amendment-notification/schema.toml",
    "send-cancellation-status/message.xml",
    "send-cancellation-status/schema.toml",
    "send-cancellation-status/status.toml",
    "send-cancellation-status/theirs.xml",
    "send-co/accepted.toml",
    "send-co/addressing.toml",
    "send-co/co-full.xml",
    "send-co/co-spelt.xml",
    "send-co/co.xml",
    "send-co/cut-off.xml",
    "send-co/deep.xml",
    "send-co/dtd.xml",
    "send-co/empty.xml",
    "send-co/encryption.toml",
    "send-co/entities.xml",
    "send-co/envelope.toml",
    "send-co/external.xml",
    "send-co/freshness.toml",
    "send-co/http.toml",
    "send-co/latin.xml",
    "send-co/lpco.xml",
    "send-co/no.xml",
    "send-co/nothing.xml",
    "send-co/once.toml",
    "send-co/prefix.xml",
    "send-co/rules.toml",
    "send-co/schema-consignment.toml",
    "send-co/schema-document.toml",
    "send-co/schema-item.toml",
    "send-co/signature.toml",
    "send-co/twice.xml",
    "send-co/wrapping.toml",
    "send-do/document.toml",
    "send-do/message.xml",
    "send-feedback/feedback.toml",
    "send-feedback/message.xml",
    "send-feedback/schema.toml",
    "send-feedback/theirs.xml",
];

/// The folder that files of the kit seem to stand in.
const FOLDER: &str = "kit";

/// The folder of cases that are made for every operation beside send-co.
const EVERY: &str = "every";

/// Reads files of the kit.
#[derive(Clone, Copy, Debug)]
pub struct Builtin;

impl Source for Builtin {
    fn read(&self, path: &Path) -> Result<Vec<u8>, String> {
        let name = path.strip_prefix(FOLDER).ok().map(plain).and_then(|path| path.to_str().map(str::to_owned));
        let found = name.and_then(|name| FILES.iter().find(|(known, _)| *known == name));
        found.map(|(_, octets)| octets.to_vec()).ok_or_else(|| "the kit has no such file".to_owned())
    }
}

/// `send-do/../send-co/co.xml` as `send-co/co.xml`.
fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => drop(out.pop()),
            part => out.push(part),
        }
    }
    out
}

/// The cases of the kit, in the order of their names.
///
/// # Errors
/// A mistake in the kit itself.
pub fn cases() -> Result<Vec<Case>, Error> {
    let mut cases = Vec::new();
    for (name, octets) in FILES.iter().filter(|(name, _)| name.ends_with(".toml")) {
        let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
        let text = String::from_utf8_lossy(octets);
        if folder != EVERY {
            cases.extend(case::parse(&text, &Path::new(FOLDER).join(name), folder)?);
            continue;
        }
        for operation in Operation::SERVED.iter().filter(|operation| **operation != Operation::SendCo) {
            let folder = operation.path().trim_start_matches('/');
            let text = text.replace("%operation%", folder).replace("%wrapper%", operation.name());
            cases.extend(case::parse(&text, &Path::new(FOLDER).join(folder).join(file), folder)?);
        }
    }
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(cases)
}

/// Writes cases as a folder each, `case.toml` and what it sends, into `folder`, which must be empty or new.
///
/// # Errors
/// When something stands there, cannot be written, or a case is wrong.
pub fn write(cases: &[Case], source: &dyn Source, folder: &Path) -> Result<usize, Error> {
    let fail = |path: &Path, what: String| Error { file: path.display().to_string(), what };
    if std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(fail(folder, "the folder is not empty; nothing was written".to_owned()));
    }
    for case in cases {
        let home = folder.join(&case.name);
        std::fs::create_dir_all(&home).map_err(|error| fail(&home, error.to_string()))?;
        for (name, octets) in files_of(case, source)? {
            let path = home.join(name);
            std::fs::write(&path, octets).map_err(|error| fail(&path, error.to_string()))?;
        }
    }
    Ok(cases.len())
}

/// The files of one case: requests with their changes made, and the rest as `case.toml`.
fn files_of(case: &Case, source: &dyn Source) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let wrong = |what: String| Error { file: format!("{} ({})", case.file, case.name), what };
    let origin = Path::new(&case.file).parent().unwrap_or(Path::new("."));
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    let (mut before, mut tables) = (Vec::new(), Vec::new());
    for (at, step) in case.steps.iter().chain(&case.before).enumerate() {
        let path = origin.join(step.request.as_deref().unwrap_or(Path::new("request.xml")));
        let mut octets = source.read(&path).map_err(|what| wrong(format!("request {}: {what}", path.display())))?;
        let mut alone = Step { request: None, ..step.clone() };
        if step.kind == Kind::Document {
            let mut text = String::from_utf8(octets).map_err(|_| wrong("the request is not UTF-8".to_owned()))?;
            for edit in std::mem::take(&mut alone.edit) {
                text = edit.apply(&text).map_err(|error| wrong(error.to_string()))?;
            }
            octets = text.into_bytes();
        }
        let name = match files.iter().find(|(_, other)| *other == octets) {
            Some((name, _)) => name.clone(),
            None if files.is_empty() => "request.xml".to_owned(),
            None => format!("request-{}.xml", files.len() + 1),
        };
        if name != "request.xml" {
            alone.request = Some(PathBuf::from(&name));
        }
        if !files.iter().any(|(known, _)| *known == name) {
            files.push((name, octets));
        }
        let table = told(&alone).map_err(|error| wrong(error.to_string()))?;
        if at < case.steps.len() { tables.push(table) } else { before.push(Value::Table(table)) }
    }
    let mut table = Table::new();
    table.insert("title".to_owned(), Value::String(case.title.clone()));
    if !case.clause.is_empty() {
        table.insert("clause".to_owned(), Value::String(case.clause.clone()));
    }
    if !before.is_empty() {
        table.insert("before".to_owned(), Value::Array(before));
    }
    match tables.len() {
        1 => table.extend(tables.remove(0)),
        _ => drop(table.insert("step".to_owned(), Value::Array(tables.into_iter().map(Value::Table).collect()))),
    }
    let text = toml::to_string(&table).map_err(|error| wrong(error.to_string()))?;
    files.push(("case.toml".to_owned(), text.into_bytes()));
    Ok(files)
}

/// What a step says beyond the defaults.
fn told(step: &Step) -> Result<Table, toml::ser::Error> {
    let (all, usual) = (Table::try_from(step)?, Table::try_from(Step::default())?);
    Ok(beyond(all, &usual))
}

fn beyond(all: Table, usual: &Table) -> Table {
    let mut out = Table::new();
    for (key, value) in all {
        match (value, usual.get(&key)) {
            (value, Some(same)) if value == *same => {}
            (Value::Table(inner), Some(Value::Table(below))) => {
                out.insert(key, Value::Table(beyond(inner, below)));
            }
            (value, _) => drop(out.insert(key, value)),
        }
    }
    out
}

/// How many cases a group of the kit has: `send-co/schema`, 277.
#[must_use]
pub fn groups(cases: &[Case]) -> BTreeMap<String, usize> {
    let mut groups = BTreeMap::new();
    for case in cases {
        let group = case.name.rsplit_once('/').map_or("", |(group, _)| group);
        *groups.entry(group.to_owned()).or_insert(0) += 1;
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kit_is_whole_and_has_what_was_promised() {
        let cases = cases().unwrap();
        assert!(cases.len() >= 150, "{} cases", cases.len());
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/kit");
        let mut there = Vec::new();
        for operation in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).filter(|p| p.is_dir()) {
            for file in std::fs::read_dir(operation).unwrap() {
                let path = file.unwrap().path();
                there.push(path.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned());
            }
        }
        there.sort();
        let mut known: Vec<String> = FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
        known.sort();
        assert_eq!(known, there, "FILES names every file of the folder");
        let asked: Vec<String> = cases
            .iter()
            .flat_map(|case| {
                let folder = Path::new(&case.file).parent().unwrap().strip_prefix(FOLDER).unwrap();
                let requests = case.before.iter().chain(&case.steps).filter_map(|step| step.request.as_ref());
                requests.map(|request| plain(&folder.join(request)).display().to_string()).collect::<Vec<_>>()
            })
            .collect();
        for name in known.iter().filter(|name| name.ends_with(".xml")) {
            assert!(asked.contains(name), "no case sends {name}");
        }
    }

    #[test]
    fn rows_of_the_data_menu_have_a_case_that_breaks_them() {
        let cases = cases().unwrap();
        let places: Vec<&str> = cases
            .iter()
            .flat_map(|case| &case.steps)
            .flat_map(|step| &step.edit)
            .map(|edit| edit.at.as_str())
            .collect();
        let rows: Vec<String> = crate::gateway::annex::menu::menu()
            .into_iter()
            .filter(|row| row.path.starts_with("LPCO/"))
            .map(|row| format!("/MetaData/{}", row.path))
            .collect();
        // Something at the row or below it is made wrong.
        let is_touched = |row: &String| {
            places.iter().any(|place| {
                place.strip_prefix(row.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '[']))
            })
        };
        let missing: Vec<&String> = rows.iter().filter(|row| !is_touched(row)).collect();
        println!("{} of {} rows; without a case: {missing:?}", rows.len() - missing.len(), rows.len());
        // What has no case of its own is another spelling of a row that has one.
        assert!(missing.len() * 10 < rows.len(), "{missing:?}");
    }

    #[test]
    fn a_kit_written_out_is_the_same_kit() {
        let cases = cases().unwrap();
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(write(&cases, &Builtin, folder.path()).unwrap(), cases.len());
        let read = case::load(&[folder.path().to_owned()]).unwrap();
        assert_eq!(read.len(), cases.len());
        for (out, own) in read.iter().zip(&cases) {
            assert_eq!((&out.name, &out.title, &out.clause), (&own.name, &own.title, &own.clause));
            assert_eq!((out.before.len(), out.steps.len()), (own.before.len(), own.steps.len()), "{}", own.name);
            for (out, own) in out.before.iter().chain(&out.steps).zip(own.before.iter().chain(&own.steps)) {
                // The changes were made in the request; the rest is as it was.
                let without = |step: &Step| Step { request: None, edit: Vec::new(), ..step.clone() };
                assert_eq!(without(out), without(own));
            }
        }
        let again = write(&cases, &Builtin, folder.path()).unwrap_err();
        assert!(again.what.contains("not empty"), "{again}");
    }
}
