//! JSON text (RFC 8259) as a tree that knows where each value stood, and back.
//!
//! Stricter than most readers, because what is read here becomes a signed document: a name that stands twice in an object
//! is refused, since two readers would take two different values; numbers keep their text and are never made floats; lone
//! surrogates, a byte order mark and anything behind the value are refused. Linear in the octets; depth, octets and number
//! of values are bounded.

use std::collections::HashSet;
use std::fmt;

use crate::base::limits;

/// Arrays and objects within each other. The contract needs 16; each level costs a call.
pub const DEPTH_MAX: usize = 64;

/// A place in a text, first line and column 1; columns count characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Place {
    /// Line.
    pub line: u32,
    /// Column.
    pub column: u32,
}

/// Why a text is no JSON that can be taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}:{}: expected {expected}, came {came}", place.line, place.column)]
pub struct Error {
    /// Where.
    pub place: Place,
    /// What was expected: `a value`, `, or }`, `a name that is new in this object`.
    pub expected: &'static str,
    /// What came: an octet, `the end`, or the name that stands twice.
    pub came: String,
}

/// What a value is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as written.
    Number(String),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Value>),
    /// An object, members in their order.
    Object(Vec<Member>),
}

/// A value and its place. Two values are equal when they say the same, wherever they stand.
#[derive(Clone, Debug)]
pub struct Value {
    /// Where it begins; line 0 when it was not read from a text.
    pub place: Place,
    /// What it is.
    pub kind: Kind,
}

/// A member of an object.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Where the name begins.
    pub place: Place,
    /// Its value.
    pub value: Value,
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}
impl Eq for Value {}

impl PartialEq for Member {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.value == other.value
    }
}
impl Eq for Member {}

impl From<Kind> for Value {
    fn from(kind: Kind) -> Self {
        Self { place: Place::default(), kind }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Kind::Text(text.to_owned()).into()
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Kind::Text(text).into()
    }
}

impl Member {
    /// A member that was not read from a text.
    #[must_use]
    pub fn new(name: impl Into<String>, value: impl Into<Value>) -> Self {
        Self { name: name.into(), place: Place::default(), value: value.into() }
    }
}

impl Value {
    /// The member called `name`, of an object.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Value> {
        match &self.kind {
            Kind::Object(members) => members.iter().find(|member| member.name == name).map(|member| &member.value),
            _ => None,
        }
    }

    /// The string.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Its type, for people: `a string`, `an array`, ...
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self.kind {
            Kind::Null => "null",
            Kind::Bool(_) => "a boolean",
            Kind::Number(_) => "a number",
            Kind::Text(_) => "a string",
            Kind::List(_) => "an array",
            Kind::Object(_) => "an object",
        }
    }

    /// The text in one line.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, None);
        out
    }

    /// The text with a line a value, two blanks a level.
    #[must_use]
    pub fn to_pretty_text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, Some(0));
        out
    }

    fn write(&self, out: &mut String, indent: Option<usize>) {
        let inner = indent.map(|level| level + 1);
        match &self.kind {
            Kind::Null => out.push_str("null"),
            Kind::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Kind::Number(text) => out.push_str(text),
            Kind::Text(text) => write_text(out, text),
            Kind::List(values) => {
                out.push('[');
                for (at, value) in values.iter().enumerate() {
                    separate(out, at, inner);
                    value.write(out, inner);
                }
                close(out, ']', values.is_empty(), indent);
            }
            Kind::Object(members) => {
                out.push('{');
                for (at, member) in members.iter().enumerate() {
                    separate(out, at, inner);
                    write_text(out, &member.name);
                    out.push_str(if indent.is_some() { ": " } else { ":" });
                    member.value.write(out, inner);
                }
                close(out, '}', members.is_empty(), indent);
            }
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

fn separate(out: &mut String, at: usize, indent: Option<usize>) {
    if at > 0 {
        out.push(',');
    }
    line(out, indent);
}

fn close(out: &mut String, end: char, empty: bool, indent: Option<usize>) {
    if !empty {
        line(out, indent);
    }
    out.push(end);
}

fn line(out: &mut String, indent: Option<usize>) {
    if let Some(level) = indent {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", level));
    }
}

fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if (control as u32) < 0x20 => out.push_str(&format!("\\u{:04x}", control as u32)),
            other => out.push(other),
        }
    }
    out.push('"');
}

/// Reads one JSON value.
///
/// In: UTF-8 of at most [`limits::MESSAGE_BYTES_MAX`] octets. Out: at most [`limits::MESSAGE_NODES_MAX`] values, nested at
/// most [`DEPTH_MAX`] deep.
///
/// # Errors
/// [`Error`] at the first octet that cannot be.
pub fn parse(octets: &[u8]) -> Result<Value, Error> {
    let start = Place { line: 1, column: 1 };
    let fail = |expected, came: &str| Err(Error { place: start, expected, came: came.to_owned() });
    if octets.len() > limits::MESSAGE_BYTES_MAX {
        return fail("at most 50 MiB", "more");
    }
    let Ok(text) = std::str::from_utf8(octets) else { return fail("UTF-8", "another encoding") };
    let mut reader = Reader { text, at: 0, line: 1, seen: 0, column: 1, values: 0 };
    let value = reader.value(0)?;
    reader.blanks();
    if reader.at < text.len() { Err(reader.error("the end")) } else { Ok(value) }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    line: u32,
    /// Octets up to which line and column were counted.
    seen: usize,
    column: u32,
    values: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Counts on from where it last counted: places are asked for in their order.
    fn place(&mut self) -> Place {
        let fresh = self.text.as_bytes().get(self.seen..self.at).unwrap_or_default();
        for octet in fresh {
            match octet {
                b'\n' => (self.line, self.column) = (self.line.saturating_add(1), 1),
                0x80..=0xBF => {}
                _ => self.column = self.column.saturating_add(1),
            }
        }
        self.seen = self.at;
        Place { line: self.line, column: self.column }
    }

    fn error(&mut self, expected: &'static str) -> Error {
        let came = self.text.get(self.at..).and_then(|rest| rest.chars().next());
        let came = came.map_or_else(|| "the end".to_owned(), |c| format!("{c:?}"));
        Error { place: self.place(), expected, came }
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, Error> {
        self.blanks();
        self.values += 1;
        if self.values > limits::MESSAGE_NODES_MAX {
            return Err(self.error("at most two million values"));
        }
        let place = self.place();
        let kind = match self.peek() {
            Some(b'{' | b'[') if depth >= DEPTH_MAX => return Err(self.error("at most 64 levels")),
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.list(depth)?,
            Some(b'"') => Kind::Text(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ => self.word()?,
        };
        Ok(Value { place, kind })
    }

    fn word(&mut self) -> Result<Kind, Error> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        for (word, kind) in [("null", Kind::Null), ("true", Kind::Bool(true)), ("false", Kind::Bool(false))] {
            if rest.starts_with(word) {
                self.at += word.len();
                return Ok(kind);
            }
        }
        Err(self.error("a value"))
    }

    fn digits(&mut self) -> Result<(), Error> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(self.error("a digit")) } else { Ok(()) }
    }

    fn number(&mut self) -> Result<Kind, Error> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(Kind::Number(self.text.get(start..self.at).unwrap_or_default().to_owned()))
    }

    fn string(&mut self) -> Result<String, Error> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
            let plain = rest.iter().position(|b| *b < 0x20 || matches!(b, b'"' | b'\\')).unwrap_or(rest.len());
            out.push_str(self.text.get(self.at..self.at + plain).unwrap_or_default());
            self.at += plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => self.escape(&mut out)?,
                Some(_) => return Err(self.error("a control character as \\u00xx")),
                None => return Err(self.error("\" at the end of the string")),
            }
        }
    }

    fn escape(&mut self, out: &mut String) -> Result<(), Error> {
        self.at += 1;
        let character = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{C}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(out),
            _ => return Err(self.error("an escape that JSON has")),
        };
        self.at += 1;
        out.push(character);
        Ok(())
    }

    fn unicode(&mut self, out: &mut String) -> Result<(), Error> {
        let high = self.four_digits()?;
        let code = match high {
            0xD800..=0xDBFF if self.text.as_bytes().get(self.at..self.at + 2) == Some(b"\\u") => {
                self.at += 1;
                match self.four_digits()? {
                    low @ 0xDC00..=0xDFFF => 0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00),
                    _ => return Err(self.error("the second half of a surrogate pair before this")),
                }
            }
            code => code,
        };
        match char::from_u32(code) {
            Some(character) => out.push(character),
            None => return Err(self.error("the other half of a surrogate pair")),
        }
        Ok(())
    }

    /// From the `u`.
    fn four_digits(&mut self) -> Result<u32, Error> {
        self.at += 1;
        let digits = self.text.get(self.at..self.at + 4).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        match digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()) {
            Some(code) => {
                self.at += 4;
                Ok(code)
            }
            None => Err(self.error("four hexadecimal digits")),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Kind, Error> {
        self.at += 1;
        let mut values = Vec::new();
        self.blanks();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Kind::List(values));
        }
        loop {
            values.push(self.value(depth + 1)?);
            self.blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Kind::List(values));
                }
                _ => return Err(self.error(", or ]")),
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Kind, Error> {
        self.at += 1;
        let mut members: Vec<Member> = Vec::new();
        // Small objects are searched, large ones hashed: linear either way.
        let mut names: HashSet<String> = HashSet::new();
        self.blanks();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Kind::Object(members));
        }
        loop {
            self.blanks();
            if self.peek() != Some(b'"') {
                return Err(self.error("a name in \"\""));
            }
            let place = self.place();
            let name = self.string()?;
            if members.len() == 16 {
                names.extend(members.iter().map(|member| member.name.clone()));
            }
            let known = match members.len() {
                0..16 => members.iter().any(|member| member.name == name),
                _ => !names.insert(name.clone()),
            };
            if known {
                let came = format!("{:?} again", name.chars().take(80).collect::<String>());
                return Err(Error { place, expected: "a name that is new in this object", came });
            }
            self.blanks();
            if self.peek() != Some(b':') {
                return Err(self.error(":"));
            }
            self.at += 1;
            let value = self.value(depth + 1)?;
            members.push(Member { name, place, value });
            self.blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Kind::Object(members));
                }
                _ => return Err(self.error(", or }")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        parse(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn what_serde_json_takes_is_taken_alike_and_written_alike() {
        // A second reader of the same standard; where both take a text they must see the same in it.
        for text in [
            "null",
            " [ ] ",
            "{}",
            "-0.10e+5",
            "[1,[2,{\"a\":[true,false,null]}]]",
            r#""\u00e9\ud83d\ude00\/\b\f\n\r\t\"\\""#,
            "{\"한국\":\"가\u{10FFFF}\", \"\":\"\u{7F}\"}",
        ] {
            let other: serde_json::Value = serde_json::from_str(text).unwrap();
            let ours = parse(text.as_bytes()).unwrap();
            assert_eq!(serde_json::from_str::<serde_json::Value>(&ours.to_text()).unwrap(), other, "{text}");
            assert_eq!(parse(ours.to_pretty_text().as_bytes()).unwrap(), ours, "{text}");
        }
        for text in
            ["", "[1,]", "{\"a\":1,}", "01", "1.", ".5", "+1", "nul", "'a'", "\"\t\"", "[1] 2", "\u{FEFF}1", "1e"]
        {
            assert!(serde_json::from_str::<serde_json::Value>(text).is_err(), "{text}");
            refused(text);
        }
    }

    #[test]
    fn a_name_that_stands_twice_is_refused_in_small_and_large_objects() {
        // Readers differ in which of two values they take: a signed document must have one reading.
        assert_eq!(
            refused("{\"a\": 1,\n \"a\": 2}"),
            "2:2: expected a name that is new in this object, came \"a\" again"
        );
        let many: Vec<String> = (0..40).map(|n| format!("\"n{n}\":{n}")).collect();
        assert!(parse(format!("{{{}}}", many.join(",")).as_bytes()).is_ok());
        for twice in [3, 15, 16, 39] {
            let text = format!("{{{},\"n{twice}\":0}}", many.join(","));
            assert!(parse(text.as_bytes()).is_err(), "{twice}");
        }
    }

    #[test]
    fn halves_of_surrogate_pairs_other_encodings_and_depth_are_refused() {
        for text in [r#""\ud800""#, r#""\udc00""#, r#""\ud800\u0041""#, r#""\u12g4""#] {
            refused(text);
        }
        assert!(parse(b"\"\xFF\"").is_err());
        let nested = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        assert!(parse(nested(DEPTH_MAX).as_bytes()).is_ok());
        assert!(parse(nested(DEPTH_MAX + 1).as_bytes()).is_err());
    }

    #[test]
    fn places_count_lines_and_characters() {
        let value = parse("{ \"가나\": [1,\n  \"x\"] }".as_bytes()).unwrap();
        let list = value.member("가나").unwrap();
        assert_eq!(list.place, Place { line: 1, column: 9 });
        let Kind::List(values) = &list.kind else { panic!() };
        assert_eq!(values[1].place, Place { line: 2, column: 3 });
    }
}
