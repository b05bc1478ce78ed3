//! What `validate` and `co submit` take: XML, the JSON form of the contract, told by the first octet, or a record of the
//! national side with the mapping that turns it into documents.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::out::Failure;
use crate::base::limits;
use crate::contract::json::{self as form, Place, Value};
use crate::contract::{Slots, Violations};
use crate::gateway::backoffice::mapping::{Error, Left, Mapping, Shelf};

/// A business document on its way in.
#[derive(Debug, Default)]
pub(super) struct Intake {
    /// Its number among those of the file, from 1, and how many these are.
    pub number: (usize, usize),
    /// Its XML; empty when `wrong` holds anything.
    pub octets: Vec<u8>,
    /// Its JSON form, whose values stand where those of the file stand; none when the file is XML.
    pub tree: Option<Value>,
    /// What is wrong with its JSON form, with places in the file.
    pub wrong: Violations,
    /// What of the national record did not come along.
    pub left: Vec<Left>,
}

impl Intake {
    /// Values of the record that a rule of the mapping did not take.
    pub fn refused(&self) -> impl Iterator<Item = &Left> {
        self.left.iter().filter(|left| left.is_refused())
    }

    /// Whether it may not go on, whatever its receiver says.
    pub fn is_wrong(&self) -> bool {
        !self.wrong.is_empty() || self.refused().next().is_some()
    }

    /// Where in the file stands what `path` names; none when the file is the XML itself.
    pub fn place(&self, path: &str) -> Option<Place> {
        self.tree.as_ref().map(|tree| form::locate(tree, path))
    }

    /// How it is called: the file, and which of its documents.
    pub fn name(&self, file: &str) -> String {
        match self.number {
            (_, 0..=1) => file.to_owned(),
            (number, count) => format!("{file} ({number} of {count})"),
        }
    }

    fn of_tree(tree: Value, left: Vec<Left>, number: (usize, usize)) -> Self {
        let mut octets = Vec::new();
        let checked = form::validate(&tree).and_then(|()| form::to_xml(&tree, &Slots::default(), &mut octets));
        let wrong = checked.err().unwrap_or_default();
        Self { number, octets, tree: Some(tree), wrong, left }
    }
}

/// The octets of a file, or of standard input for `-`: at most one more than a message may have.
pub(super) fn octets(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    let limit = limits::MESSAGE_BYTES_MAX as u64 + 1;
    if path == Path::new("-") {
        std::io::stdin().lock().take(limit).read_to_end(&mut octets)?;
    } else {
        std::fs::File::open(path)?.take(limit).read_to_end(&mut octets)?;
    }
    Ok(octets)
}

/// The documents in `octets`: those of the mapping, or one of the contract.
///
/// # Errors
/// What is wrong with the octets as a whole, for people.
pub(super) fn documents(octets: Vec<u8>, mapping: Option<&Mapping>) -> Result<Vec<Intake>, String> {
    if octets.len() > limits::MESSAGE_BYTES_MAX {
        return Err(format!("expected at most {} octets, came more", limits::MESSAGE_BYTES_MAX));
    }
    let Some(mapping) = mapping else {
        if !is_json(&octets) {
            return Ok(vec![Intake { number: (1, 1), octets, ..Intake::default() }]);
        }
        let tree = form::parse(unmarked(&octets)).map_err(|error| error.to_string())?;
        return Ok(vec![Intake::of_tree(tree, Vec::new(), (1, 1))]);
    };
    let mapped = mapping.import(&octets).map_err(|error| error.to_string())?;
    if mapped.is_empty() {
        return Err(none_of(mapping));
    }
    let count = mapped.len();
    let mapped = mapped.into_iter().enumerate();
    Ok(mapped.map(|(at, one)| Intake::of_tree(one.document, one.left, (at + 1, count))).collect())
}

/// What is said of a source without a document: more often a broken export than a day without a CO.
pub(super) fn none_of(mapping: &Mapping) -> String {
    format!("expected documents of {}, came none", mapping.name)
}

/// JSON without the byte order mark that editors put before it: a reader may pass over it (RFC 8259 section 8.1).
fn unmarked(octets: &[u8]) -> &[u8] {
    octets.strip_prefix(b"\xef\xbb\xbf").unwrap_or(octets)
}

/// Whether octets are JSON rather than XML, by the first that is neither byte order mark nor white space.
pub(super) fn is_json(octets: &[u8]) -> bool {
    let first = unmarked(octets).iter().find(|octet| !octet.is_ascii_whitespace());
    matches!(first, Some(b'{' | b'['))
}

/// The mapping that `--mapping NAME|FILE` means: a file, or a name of the binary or of `DIR/mappings/`.
///
/// # Errors
/// 2 when there is none, or it is broken: with the place in the file, and what was expected.
pub(super) fn mapping(text: &str, dir: Option<&Path>) -> Result<Mapping, Failure> {
    let path = Path::new(text);
    if path.components().count() > 1 || path.extension().is_some_and(|extension| extension == "toml") {
        return Mapping::of_file(path).map_err(|error| broken(text, &error));
    }
    match shelf(dir)?.take(text) {
        Some((Ok(mapping), _)) => Ok(mapping),
        Some((Err(error), origin)) => Err(broken(&origin.to_string(), &error)),
        None => Err(Failure::usage(format!("there is no mapping {text:?}"))
            .hint("coconnect contract map --list names those there are; --dir DIR adds those of a gateway")),
    }
}

/// The mappings of the binary, and those of the gateway in `dir`.
pub(super) fn shelf(dir: Option<&Path>) -> Result<Shelf, Failure> {
    match dir {
        Some(dir) => Shelf::load(&folder(dir)).map_err(|error| Failure::usage(error.to_string())),
        None => Ok(Shelf::built_in()),
    }
}

/// Where a gateway keeps its mappings.
pub(super) fn folder(dir: &Path) -> PathBuf {
    dir.join("mappings")
}

pub(super) fn broken(file: &str, error: &Error) -> Failure {
    let failure = Failure::usage(format!("{file}: {error}"));
    match error {
        Error::Mapping(_) => failure.hint(format!("coconnect contract map --check {file} tells when it is right")),
        _ => failure,
    }
}

pub(super) fn left_json(left: &[Left]) -> Vec<serde_json::Value> {
    let one = |left: &Left| {
        json!({
            "path": left.path, "line": left.place.line, "column": left.place.column, "type": left.kind,
            "why": left.why, "expected": left.expected,
        })
    };
    left.iter().map(one).collect()
}

/// What did not come along, a line each.
pub(super) fn left_lines(left: &[Left]) -> Vec<String> {
    let one = |left: &Left| {
        let Left { path, kind, why, expected, place } = left;
        let place = if place.line > 0 { format!("{}:{}: ", place.line, place.column) } else { String::new() };
        match (expected, why) {
            (Some(expected), _) => format!("error: {place}{path}: expected {expected}, came {kind} that is none"),
            (None, Some(why)) => format!("left behind: {place}{path} ({kind}): {why}"),
            (None, None) => format!("not mapped: {place}{path} ({kind})"),
        }
    };
    left.iter().map(one).collect()
}
