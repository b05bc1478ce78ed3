//! Octets of the foreign side to a tree, and back: encodings, JSON, CSV (RFC 4180), the wrapper of OpenAttestation.

use encoding_rs::{EUC_KR, Encoding, GB18030, UTF_8, WINDOWS_874, WINDOWS_1251};

use super::file::{Format, RawCsv};
use super::path::text_of;
use super::{Error, Mapping};
use crate::contract::json::{self, Kind, Member, Value};

/// The encoding that a mapping file names.
pub(super) fn encoding(label: &str) -> Option<&'static Encoding> {
    match label.to_ascii_lowercase().as_str() {
        "utf-8" => Some(UTF_8),
        "cp949" | "euc-kr" => Some(EUC_KR),
        "gb18030" => Some(GB18030),
        "tis-620" | "windows-874" => Some(WINDOWS_874),
        "windows-1251" => Some(WINDOWS_1251),
        _ => None,
    }
}

fn source<T>(what: impl Into<String>) -> Result<T, Error> {
    Err(Error::Source(what.into()))
}

/// Trees of the documents in `octets`.
pub(super) fn read(mapping: &Mapping, octets: &[u8]) -> Result<Vec<Value>, Error> {
    let octets = octets.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(octets);
    let Some(text) = mapping.encoding.decode_without_bom_handling_and_without_replacement(octets) else {
        return source(format!("expected {}, came octets that are none", mapping.encoding.name()));
    };
    match mapping.format {
        Format::Json => {
            let tree = json::parse(text.as_bytes()).map_err(|error| Error::Source(error.to_string()))?;
            Ok(vec![if mapping.raw.openattestation { unwrapped(tree) } else { tree }])
        }
        Format::Csv => match &mapping.csv {
            Some(csv) => rows(csv, &text),
            None => source("a mapping of CSV without [csv]"),
        },
    }
}

/// The octets of a tree.
pub(super) fn write(mapping: &Mapping, tree: &Value) -> Result<Vec<u8>, Error> {
    let text = match (&mapping.format, &mapping.csv) {
        (Format::Csv, Some(csv)) => csv_text(csv, tree)?,
        _ => tree.to_pretty_text(),
    };
    match mapping.encoding.encode(&text) {
        (octets, _, false) => Ok(octets.into_owned()),
        _ => Err(Error::Target(format!("the text has characters that {} has not", mapping.encoding.name()))),
    }
}

// ---- OpenAttestation -------------------------------------------------------------------------------------------------

/// The data of a wrapped document of OpenAttestation 2, the salt of its values taken off; any other tree as it is.
fn unwrapped(tree: Value) -> Value {
    match (tree.member("data"), tree.member("signature")) {
        (Some(data), Some(_)) => unsalted(data),
        _ => tree,
    }
}

fn unsalted(value: &Value) -> Value {
    let kind = match &value.kind {
        Kind::Text(text) => plain(text).unwrap_or_else(|| value.kind.clone()),
        Kind::List(values) => Kind::List(values.iter().map(unsalted).collect()),
        Kind::Object(members) => {
            Kind::Object(members.iter().map(|m| Member { value: unsalted(&m.value), ..m.clone() }).collect())
        }
        other => other.clone(),
    };
    Value { place: value.place, kind }
}

/// `uuid:type:value`.
fn plain(text: &str) -> Option<Kind> {
    let mut parts = text.splitn(3, ':');
    let (salt, kind, value) = (parts.next()?, parts.next()?, parts.next()?);
    let salted = salt.len() == 36 && salt.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    match kind {
        _ if !salted => None,
        "string" => Some(Kind::Text(value.to_owned())),
        "number" => Some(Kind::Number(value.to_owned())),
        "boolean" => Some(Kind::Bool(value == "true")),
        "null" | "undefined" => Some(Kind::Null),
        _ => None,
    }
}

// ---- CSV -------------------------------------------------------------------------------------------------------------

/// Cells by line; the number of the line in the text comes with them.
fn cells(text: &str, separator: char) -> Result<Vec<(usize, Vec<String>)>, Error> {
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
    let (mut line, mut begins) = (1, 1);
    let mut characters = text.chars().peekable();
    let mut quoted = false;
    let mut was_quoted = false;
    while let Some(character) = characters.next() {
        line += usize::from(character == '\n');
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                cell.push('"');
            }
            '"' if quoted => (quoted, was_quoted) = (false, true),
            _ if quoted => cell.push(character),
            '"' if cell.is_empty() && !was_quoted => quoted = true,
            '\r' if characters.peek() == Some(&'\n') => {}
            _ if character == separator || character == '\n' => {
                row.push(std::mem::take(&mut cell));
                was_quoted = false;
                if character == '\n' {
                    rows.push((begins, std::mem::take(&mut row)));
                    begins = line;
                }
            }
            _ if was_quoted => return source(format!("line {line}: expected {separator:?} behind \"")),
            _ => cell.push(character),
        }
    }
    if quoted {
        return source(format!("line {begins}: expected \" at the end of the cell"));
    }
    if !cell.is_empty() || !row.is_empty() || was_quoted {
        row.push(cell);
        rows.push((begins, row));
    }
    rows.retain(|(_, row)| row.iter().any(|cell| !cell.is_empty()));
    Ok(rows)
}

/// A tree a document: the columns of `head`, and the others of each row in `rows`.
fn rows(csv: &RawCsv, text: &str) -> Result<Vec<Value>, Error> {
    let mut lines = cells(text, csv.separator)?.into_iter();
    let Some((_, heading)) = lines.next() else { return source("expected a heading, came nothing") };
    for name in csv.head.iter().chain([&csv.key]) {
        if !heading.contains(name) {
            return source(format!("expected a column {name:?} in the heading"));
        }
    }
    if let Some(name) = heading.iter().enumerate().find(|(at, name)| heading[..*at].contains(name)).map(|(_, n)| n) {
        return source(format!("two columns are called {name:?}"));
    }
    let mut documents: Vec<(Vec<Member>, Vec<Value>)> = Vec::new();
    for (line, row) in lines {
        if row.len() != heading.len() {
            return source(format!("line {line}: expected {} cells, came {}", heading.len(), row.len()));
        }
        let (mut head, mut rest) = (Vec::new(), Vec::new());
        for (name, cell) in heading.iter().zip(row).filter(|(_, cell)| !cell.is_empty()) {
            let member = Member::new(name.clone(), cell);
            if *name == csv.key || csv.head.contains(name) { head.push(member) } else { rest.push(member) }
        }
        let key = |head: &[Member]| head.iter().find(|m| m.name == csv.key).map(|m| m.value.clone());
        match documents.last_mut().filter(|(known, _)| key(known) == key(&head)) {
            Some((known, _)) if *known != head => {
                return source(format!("line {line}: a column of the document differs from that of the row before"));
            }
            Some((_, rows)) => rows.push(Kind::Object(rest).into()),
            None => documents.push((head, vec![Kind::Object(rest).into()])),
        }
    }
    let tree = |(mut head, rows): (Vec<Member>, Vec<Value>)| {
        head.push(Member::new("rows", Kind::List(rows)));
        Kind::Object(head).into()
    };
    Ok(documents.into_iter().map(tree).collect())
}

fn csv_text(csv: &RawCsv, tree: &Value) -> Result<String, Error> {
    let Some(Kind::List(rows)) = tree.member("rows").map(|rows| &rows.kind) else {
        return Err(Error::Target("expected rows, the mapping made none".to_owned()));
    };
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
