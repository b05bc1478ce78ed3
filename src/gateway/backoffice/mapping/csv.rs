//! CSV (RFC 4180) to trees, a document a run of rows, and back.

use std::collections::{HashMap, HashSet};

use super::Error;
use super::file::RawCsv;
use super::format::source;
use super::path::text_of;
use crate::base::limits;
use crate::contract::json::{Kind, Member, Place, Value};

/// Columns of a table at most.
const COLUMNS_MAX: usize = 1_024;

/// Whether a mapping file describes a table that can be read and written.
pub(super) fn check(csv: &RawCsv) -> Result<(), String> {
    if csv.separator.is_alphanumeric() || matches!(csv.separator, '"' | '\r' | '\n') {
        return Err(format!("csv.separator: expected a mark such as , or ;, came {:?}", csv.separator));
    }
    let mut known = HashSet::new();
    if let Some(name) = csv.columns.iter().find(|name| !known.insert(name.as_str())) {
        return Err(format!("csv.columns: {name:?} stands there twice"));
    }
    let missing = csv.head.iter().chain([&csv.key]).find(|name| !known.contains(name.as_str()));
    match missing {
        Some(name) => Err(format!("csv.columns: expected {name:?} too, which `key` or `head` names")),
        None if csv.columns.len() > COLUMNS_MAX => Err(format!("csv.columns: expected at most {COLUMNS_MAX}")),
        None => Ok(()),
    }
}

/// A cell and where it begins.
type Cell = (Place, String);

struct Cells<'a> {
    characters: std::iter::Peekable<std::str::Chars<'a>>,
    separator: char,
    place: Place,
    count: usize,
}

impl Cells<'_> {
    fn next(&mut self) -> Option<char> {
        let character = self.characters.next()?;
        if character == '\n' {
            self.place = Place { line: self.place.line.saturating_add(1), column: 1 };
        } else {
            self.place.column = self.place.column.saturating_add(1);
        }
        Some(character)
    }

    /// The cells of the next line that holds anything; none at the end.
    fn row(&mut self) -> Result<Option<Vec<Cell>>, Error> {
        loop {
            if self.characters.peek().is_none() {
                return Ok(None);
            }
            let mut row = Vec::new();
            while {
                row.push(self.cell()?);
                let next = self.next();
                next == Some(self.separator)
            } {}
            if row.iter().any(|(_, cell)| !cell.is_empty()) {
                return Ok(Some(row));
            }
        }
    }

    /// A cell, up to what ends it.
    fn cell(&mut self) -> Result<Cell, Error> {
        self.count += 1;
        let start = self.place;
        if self.count > limits::MESSAGE_NODES_MAX {
            return source(format!("{}:{}: expected at most two million cells", start.line, start.column));
        }
        let mut cell = String::new();
        if self.characters.peek() == Some(&'"') {
            self.next();
            loop {
                match self.next() {
                    Some('"') if self.characters.peek() == Some(&'"') => {
                        self.next();
                        cell.push('"');
                    }
                    Some('"') => break,
                    Some(character) => cell.push(character),
                    None => {
                        return source(format!("{}:{}: expected \" at the end of the cell", start.line, start.column));
                    }
                }
            }
            self.line_end();
            return match self.characters.peek() {
                None | Some('\n') => Ok((start, cell)),
                Some(character) if *character == self.separator => Ok((start, cell)),
                Some(character) => {
                    let (place, separator) = (self.place, self.separator);
                    let what = format!(
                        "{}:{}: expected {separator:?} or the end of the line behind \"",
                        place.line, place.column
                    );
                    source(format!("{what}, came {character:?}"))
                }
            };
        }
        loop {
            self.line_end();
            match self.characters.peek() {
                None | Some('\n') => return Ok((start, cell)),
                Some(character) if *character == self.separator => return Ok((start, cell)),
                Some(_) => cell.extend(self.next()),
            }
        }
    }

    /// Passes over a CR that an LF or the end follows.
    fn line_end(&mut self) {
        let mut ahead = self.characters.clone();
        if ahead.next() == Some('\r') && matches!(ahead.next(), None | Some('\n')) {
            self.next();
        }
    }
}

/// A tree a document: the columns of `head`, and the others of each row in `rows`.
///
/// # Errors
/// [`Error::Source`]: a table that is none, a column that is missing or stands twice, a row of another length, rows of a
/// document that differ in `head` or do not stand together.
pub(super) fn read(csv: &RawCsv, text: &str) -> Result<Vec<Value>, Error> {
    let place = Place { line: 1, column: 1 };
    let mut cells = Cells { characters: text.chars().peekable(), separator: csv.separator, place, count: 0 };
    let Some(heading) = cells.row()? else { return source("expected a heading, came nothing") };
    if heading.len() > COLUMNS_MAX {
        return source(format!("expected at most {COLUMNS_MAX} columns, came {}", heading.len()));
    }
    let mut names = HashSet::new();
    if let Some((place, name)) = heading.iter().find(|(_, name)| !names.insert(name.as_str())) {
        return source(format!("{}:{}: two columns are called {name:?}", place.line, place.column));
    }
    if let Some(name) = csv.head.iter().chain([&csv.key]).find(|name| !names.contains(name.as_str())) {
        return source(format!("expected a column {name:?} in the heading"));
    }
    let head: HashSet<&str> = csv.head.iter().chain([&csv.key]).map(String::as_str).collect();
    let mut documents: Vec<Document> = Vec::new();
    let mut known: HashMap<String, u32> = HashMap::new();
    while let Some(row) = cells.row()? {
        let place = row.first().map_or(Place::default(), |(place, _)| *place);
        if row.len() != heading.len() {
            return source(format!("line {}: expected {} cells, came {}", place.line, heading.len(), row.len()));
        }
        let (mut own, mut rest, mut key) = (Vec::new(), Vec::new(), String::new());
        for ((_, name), (place, cell)) in heading.iter().zip(row).filter(|(_, (_, cell))| !cell.is_empty()) {
            if *name == csv.key {
                key.clone_from(&cell);
            }
            let value = Value { place, kind: Kind::Text(cell) };
            let member = Member { name: name.clone(), place, value };
            if head.contains(name.as_str()) { own.push(member) } else { rest.push(member) }
        }
        if key.is_empty() {
            return source(format!("line {}: expected a value in column {:?}", place.line, csv.key));
        }
        let rest = Value { place, kind: Kind::Object(rest) };
        match documents.last_mut().filter(|document| document.key == key) {
            Some(document) => {
                if let Some(name) = difference(&document.head, &own) {
                    let what =
                        format!("line {}: {name:?} differs from the row before, and both are of {key:?}", place.line);
                    return source(what);
                }
                document.rows.push(rest);
            }
            None => {
                if let Some(line) = known.insert(key.clone(), place.line) {
                    let what = format!(
                        "line {}: expected the rows of {key:?} together, the first is in line {line}",
                        place.line
                    );
                    return source(what);
                }
                documents.push(Document { place, key, head: own, rows: vec![rest] });
            }
        }
    }
    Ok(documents.into_iter().map(Document::tree).collect())
}

struct Document {
    place: Place,
    key: String,
    head: Vec<Member>,
    rows: Vec<Value>,
}

impl Document {
    fn tree(mut self) -> Value {
        self.head.push(Member::new("rows", Kind::List(self.rows)));
        Value { place: self.place, kind: Kind::Object(self.head) }
    }
}

/// The first column in which two rows differ.
fn difference<'a>(one: &'a [Member], other: &'a [Member]) -> Option<&'a str> {
    let lacks = |those: &[Member], member: &Member| !those.contains(member);
    let found = one.iter().find(|m| lacks(other, m)).or_else(|| other.iter().find(|m| lacks(one, m)));
    found.map(|member| member.name.as_str())
}

/// The table of a tree, with the columns of the mapping file.
///
/// # Errors
/// [`Error::Target`] when the mapping made no rows, or a column that the file does not name.
pub(super) fn write(csv: &RawCsv, tree: &Value) -> Result<String, Error> {
    let rows = tree.member("rows").map(|rows| &rows.kind);
    let (Some(Kind::List(rows)), Kind::Object(head)) = (rows, &tree.kind) else {
        return Err(Error::Target("expected rows, the mapping made none".to_owned()));
    };
    let columns: HashSet<&str> = csv.columns.iter().map(String::as_str).collect();
    let row_members = |row: &Value| match &row.kind {
        Kind::Object(members) => members.iter().map(|member| member.name.clone()).collect(),
        _ => Vec::new(),
    };
    let made = head.iter().map(|m| m.name.clone()).filter(|n| n != "rows").chain(rows.iter().flat_map(row_members));
    if let Some(name) = made.into_iter().find(|name| !columns.contains(name.as_str())) {
        return Err(Error::Target(format!("csv.columns: expected {name:?} too, which a rule writes")));
    }
    let separator = csv.separator.to_string();
    let cell = |text: &str| {
        let plain = !text.contains([csv.separator, '"', '\n', '\r']);
        if plain { text.to_owned() } else { format!("\"{}\"", text.replace('"', "\"\"")) }
    };
    let mut out = csv.columns.iter().map(|name| cell(name)).collect::<Vec<_>>().join(&separator);
    out.push_str("\r\n");
    for row in rows {
        let value = |name: &String| row.member(name).or_else(|| tree.member(name)).and_then(text_of).unwrap_or("");
        let line: Vec<String> = csv.columns.iter().map(|name| cell(value(name))).collect();
        out.push_str(&line.join(&separator));
        out.push_str("\r\n");
    }
    Ok(out)
}
