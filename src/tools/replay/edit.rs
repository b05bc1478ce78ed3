//! Changes to an XML text by path: what a case does to a valid message so that it shows one thing.
//!
//! The text outside the change stays octet for octet as it was. A path is made of local names from the document element,
//! with positions from 1 (`/MetaData/LPCO/Consignment/ConsignmentItem[2]/Origin`), an attribute at its end (`.../@Id`), or
//! the first descendant of a name (`//CipherValue`, `//EncryptedKey/CipherData/CipherValue`).

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::xml::escape::{push_text, push_value};
use crate::xml::{self, Document, NodeId};

/// When a change to the envelope is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Before anything is signed.
    Clear,
    /// After signing, before encryption: what was signed and is then changed.
    Signed,
    /// At the end, on what goes over the wire (default).
    #[default]
    Sealed,
}

/// One change. Exactly one of its actions is given.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Edit {
    /// Where.
    pub at: String,
    /// When; for the envelope alone.
    #[serde(skip_serializing_if = "is_default")]
    pub stage: Stage,
    /// The text of the element or attribute. An attribute that is not there is added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set: Option<String>,
    /// So many letters as its text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fill: Option<usize>,
    /// One character of its text becomes another of base64: `middle`, `first` or `last`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flip: Option<Flip>,
    /// Takes it away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remove: Option<bool>,
    /// This XML in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replace: Option<String>,
    /// This XML before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// This XML after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// This XML as its last child.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub append: Option<String>,
    /// This XML as its first child.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prepend: Option<String>,
    /// So often, one after the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeat: Option<usize>,
    /// With `repeat`: the element of this local name within gets the number of the copy, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// Another name, with its prefix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rename: Option<String>,
    /// A copy of it as the last child of the element of this path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copy_into: Option<String>,
    /// It goes away from here and becomes the last child of the element of this path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub move_into: Option<String>,
}

/// Which character of a text is changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flip {
    /// The first.
    First,
    /// The one in the middle.
    Middle,
    /// The last that is no padding.
    Last,
}

fn is_default(stage: &Stage) -> bool {
    *stage == Stage::default()
}

/// Most that `fill` and `repeat` make: 8 MiB of letters, 200,000 elements, 64 MiB in all.
const FILL_MAX: usize = 8 << 20;
const REPEAT_MAX: usize = 200_000;
const OCTETS_MAX: usize = 64 << 20;

/// Why a change was not made: a mistake in the case.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// The text cannot be parsed, so nothing can be found in it.
    #[error("the text cannot be changed by path, it is not well-formed: {0}")]
    NotXml(String),
    /// Nothing stands there.
    #[error("{at}: there is no {step} in the text")]
    NotThere {
        /// The path.
        at: String,
        /// The step that leads nowhere.
        step: String,
    },
    /// No path.
    #[error("{at:?}: expected a path such as /MetaData/LPCO/ID, //CipherValue or /MetaData/LPCO/ID/@schemeID")]
    Path {
        /// What came.
        at: String,
    },
    /// No action, or several, or one that does not fit.
    #[error("{at}: {what}")]
    Action {
        /// The path.
        at: String,
        /// What was expected, and what came.
        what: String,
    },
}

enum Found {
    Element(NodeId),
    /// An attribute that is there: the octets of its value, quotes left out; and all of it with the blank before.
    Attribute {
        value: Range<usize>,
        whole: Range<usize>,
    },
    /// An attribute that is not: where it would be written, and its name.
    NoAttribute {
        at: usize,
        name: String,
    },
}

impl Edit {
    /// The same change with its texts filled in by `fill`.
    #[must_use]
    pub fn map(&self, fill: impl Fn(&str) -> String) -> Self {
        let text = |value: &Option<String>| value.as_deref().map(&fill);
        Self {
            at: fill(&self.at),
            set: text(&self.set),
            replace: text(&self.replace),
            before: text(&self.before),
            after: text(&self.after),
            append: text(&self.append),
            prepend: text(&self.prepend),
            ..self.clone()
        }
    }

    /// Makes the change in `text`. Linear in the text and what is added.
    ///
    /// # Errors
    /// [`Error`] when the case is wrong: nothing there, no action.
    pub fn apply(&self, text: &str) -> Result<String, Error> {
        let document = xml::parse(text.as_bytes().to_vec(), &xml::Options::default())
            .map_err(|error| Error::NotXml(error.to_string()))?;
        let pieces = match find(&document, &self.at)? {
            Found::Element(node) => self.element(&document, node)?,
            Found::Attribute { value, whole } => self.attribute(text, value, whole)?,
            Found::NoAttribute { at, name } => match &self.set {
                Some(set) => vec![(at..at, format!(" {name}=\"{}\"", attribute_value(set)))],
                None => return Err(Error::NotThere { at: self.at.clone(), step: format!("@{name}") }),
            },
        };
        Ok(splice(text, pieces))
    }

    fn wrong(&self, what: impl Into<String>) -> Error {
        Error::Action { at: self.at.clone(), what: what.into() }
    }

    /// How many actions it has.
    #[must_use]
    pub fn actions(&self) -> usize {
        let texts = [&self.set, &self.replace, &self.before, &self.after, &self.append, &self.prepend, &self.rename];
        texts.into_iter().filter(|text| text.is_some()).count()
            + [&self.copy_into, &self.move_into].into_iter().filter(|path| path.is_some()).count()
            + usize::from(self.fill.is_some())
            + usize::from(self.flip.is_some())
            + usize::from(self.remove == Some(true))
            + usize::from(self.repeat.is_some())
    }

    fn filled(&self) -> Result<Option<String>, Error> {
        match self.fill {
            Some(letters) if letters > FILL_MAX => {
                Err(self.wrong(format!("fill: expected at most {FILL_MAX}, came {letters}")))
            }
            Some(letters) => Ok(Some("A".repeat(letters))),
            None => Ok(self.set.clone()),
        }
    }

    fn element(&self, document: &Document, node: NodeId) -> Result<Vec<(Range<usize>, String)>, Error> {
        let whole = document.range(node);
        let octets = document.octets();
        let text = |range: Range<usize>| String::from_utf8_lossy(octets.get(range).unwrap_or_default()).into_owned();
        if self.actions() != 1 {
            return Err(self.wrong(format!("expected one action (set, remove, append, ...), came {}", self.actions())));
        }
        if let Some(value) = self.filled()? {
            let mut escaped = Vec::with_capacity(value.len());
            push_text(&mut escaped, &value);
            return Ok(inside(document, node, |_| String::from_utf8_lossy(&escaped).into_owned()));
        }
        if let Some(flip) = self.flip {
            let content = document.text_content(node).into_owned();
            let flipped = flipped(&content, flip).ok_or_else(|| self.wrong("flip: the element has no text"))?;
            return Ok(inside(document, node, |_| flipped.clone()));
        }
        if self.remove == Some(true) {
            return Ok(vec![(whole, String::new())]);
        }
        if let Some(xml) = &self.replace {
            return Ok(vec![(whole, xml.clone())]);
        }
        if let Some(xml) = &self.before {
            return Ok(vec![(whole.start..whole.start, xml.clone())]);
        }
        if let Some(xml) = &self.after {
            return Ok(vec![(whole.end..whole.end, xml.clone())]);
        }
        if let Some(xml) = &self.append {
            return Ok(inside(document, node, |content| format!("{content}{xml}")));
        }
        if let Some(xml) = &self.prepend {
            return Ok(inside(document, node, |content| format!("{xml}{content}")));
        }
        if let Some(times) = self.repeat {
            let once = text(whole.clone());
            if times > REPEAT_MAX || once.len().saturating_mul(times) > OCTETS_MAX {
                let most = format!("at most {REPEAT_MAX} times and {OCTETS_MAX} octets");
                return Err(self.wrong(format!("repeat: expected {most}, came {times} times {} octets", once.len())));
            }
            let copies = match &self.number {
                None => once.repeat(times),
                Some(name) => {
                    let (before, after) = around(&once, name).ok_or_else(|| {
                        self.wrong(format!("number: expected an element {name} with text in what is repeated"))
                    })?;
                    (1..=times).map(|n| format!("{before}{n}{after}")).collect()
                }
            };
            return Ok(vec![(whole, copies)]);
        }
        if let Some(name) = &self.rename {
            return Ok(renamed(document, node, name));
        }
        let (target, stays) = match (&self.copy_into, &self.move_into) {
            (Some(path), None) => (path, true),
            (None, Some(path)) => (path, false),
            _ => return Err(self.wrong("expected copy_into or move_into")),
        };
        let Found::Element(parent) = find(document, target)? else {
            return Err(self.wrong("copy_into and move_into name an element"));
        };
        if document.contains(node, parent) {
            return Err(self.wrong("an element cannot go into itself"));
        }
        let element = text(whole.clone());
        let end = content_of(document, parent).end;
        let mut pieces = if is_empty_tag(document, parent) {
            inside(document, parent, |_| element.clone())
        } else {
            vec![(end..end, element)]
        };
        if !stays {
            pieces.push((whole, String::new()));
        }
        Ok(pieces)
    }

    fn attribute(
        &self,
        text: &str,
        value: Range<usize>,
        whole: Range<usize>,
    ) -> Result<Vec<(Range<usize>, String)>, Error> {
        if let Some(set) = self.filled()? {
            return Ok(vec![(value, attribute_value(&set))]);
        }
        if let Some(flip) = self.flip {
            let flipped = flipped(text.get(value.clone()).unwrap_or_default(), flip)
                .ok_or_else(|| self.wrong("flip: the attribute is empty"))?;
            return Ok(vec![(value, flipped)]);
        }
        if self.remove == Some(true) {
            return Ok(vec![(whole, String::new())]);
        }
        Err(self.wrong("an attribute takes set, fill, flip or remove"))
    }
}

fn attribute_value(value: &str) -> String {
    let mut out = Vec::new();
    push_value(&mut out, value);
    String::from_utf8_lossy(&out).into_owned()
}

/// The text with `pieces` put in; they do not overlap.
pub(super) fn splice(text: &str, mut pieces: Vec<(Range<usize>, String)>) -> String {
    pieces.sort_by_key(|(range, _)| range.start);
    let mut out = String::with_capacity(text.len() + pieces.iter().map(|(_, new)| new.len()).sum::<usize>());
    let mut at = 0;
    for (range, new) in pieces {
        out.push_str(text.get(at..range.start).unwrap_or_default());
        out.push_str(&new);
        at = range.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

/// Where the start tag of `node` ends: after its `>`.
fn start_tag_end(document: &Document, node: NodeId) -> usize {
    let range = document.range(node);
    let octets = document.octets().get(range.clone()).unwrap_or_default();
    let mut quote = None;
    for (at, octet) in octets.iter().enumerate() {
        match (quote, octet) {
            (None, b'"' | b'\'') => quote = Some(*octet),
            (Some(open), octet) if open == *octet => quote = None,
            (None, b'>') => return range.start + at + 1,
            _ => {}
        }
    }
    range.end
}

fn is_empty_tag(document: &Document, node: NodeId) -> bool {
    start_tag_end(document, node) == document.range(node).end
}

/// The octets between the tags; for `<a/>` none, at its end.
fn content_of(document: &Document, node: NodeId) -> Range<usize> {
    let (start, range) = (start_tag_end(document, node), document.range(node));
    let octets = document.octets().get(range.clone()).unwrap_or_default();
    if start == range.end {
        return start..start;
    }
    let close = octets.windows(2).rposition(|pair| pair == b"</").unwrap_or(octets.len());
    start..range.start + close
}

/// Other content for `node`.
fn inside(document: &Document, node: NodeId, new: impl Fn(&str) -> String) -> Vec<(Range<usize>, String)> {
    let content = content_of(document, node);
    let old = String::from_utf8_lossy(document.octets().get(content.clone()).unwrap_or_default()).into_owned();
    if !is_empty_tag(document, node) {
        return vec![(content, new(&old))];
    }
    let end = document.range(node).end;
    vec![(end - 2..end, format!(">{}</{}>", new(""), document.qualified_name(node)))]
}

fn renamed(document: &Document, node: NodeId, name: &str) -> Vec<(Range<usize>, String)> {
    let (range, old) = (document.range(node), document.qualified_name(node).len());
    let mut pieces = vec![(range.start + 1..range.start + 1 + old, name.to_owned())];
    if !is_empty_tag(document, node) {
        let close = content_of(document, node).end + 2;
        pieces.push((close..close + old, name.to_owned()));
    }
    pieces
}

fn flipped(text: &str, flip: Flip) -> Option<String> {
    let characters: Vec<char> = text.chars().collect();
    let real: Vec<usize> =
        characters.iter().enumerate().filter(|(_, c)| c.is_ascii_alphanumeric()).map(|(at, _)| at).collect();
    let at = match flip {
        Flip::First => *real.first()?,
        Flip::Middle => *real.get(real.len() / 2)?,
        Flip::Last => *real.last()?,
    };
    let mut changed = characters;
    let character = changed.get_mut(at)?;
    // The last character before padding may carry bits that decoders drop: from A to Q and back differs in one that counts.
    *character = if *character == 'A' { 'Q' } else { 'A' };
    Some(changed.into_iter().collect())
}

struct Step<'a> {
    name: &'a str,
    position: usize,
}

fn step(text: &str) -> Option<Step<'_>> {
    let (name, position) = match text.split_once('[') {
        Some((name, rest)) => (name, rest.strip_suffix(']')?.parse().ok().filter(|at| *at > 0)?),
        None => (text, 1),
    };
    (!name.is_empty()).then_some(Step { name, position })
}

/// What a path names.
fn find(document: &Document, path: &str) -> Result<Found, Error> {
    let bad = || Error::Path { at: path.to_owned() };
    let missing = |step: &str| Error::NotThere { at: path.to_owned(), step: step.to_owned() };
    let (elements, attribute) = match path.rsplit_once("/@") {
        Some((elements, name)) if !name.is_empty() && !name.contains('/') => (elements, Some(name)),
        Some(_) => return Err(bad()),
        None => (path, None),
    };
    let (anywhere, rest) = match elements.strip_prefix("//") {
        Some(rest) => (true, rest),
        None => (false, elements.strip_prefix('/').ok_or_else(bad)?),
    };
    let mut steps = rest.split('/');
    let first = steps.next().and_then(step).ok_or_else(bad)?;
    let root = document.document_element();
    let mut node = if anywhere {
        document
            .descendants(document.root())
            .filter(|node| document.kind(*node) == xml::Kind::Element && document.local(*node) == first.name)
            .nth(first.position - 1)
    } else {
        Some(root).filter(|node| document.local(*node) == first.name && first.position == 1)
    }
    .ok_or_else(|| missing(first.name))?;
    for text in steps {
        let step = step(text).ok_or_else(bad)?;
        node = document
            .elements(node)
            .filter(|child| document.local(*child) == step.name)
            .nth(step.position - 1)
            .ok_or_else(|| missing(text))?;
    }
    match attribute {
        None => Ok(Found::Element(node)),
        Some(name) => Ok(find_attribute(document, node, name)),
    }
}

fn find_attribute(document: &Document, node: NodeId, name: &str) -> Found {
    let start = document.range(node).start;
    let end = start_tag_end(document, node);
    let tag = String::from_utf8_lossy(document.octets().get(start..end).unwrap_or_default()).into_owned();
    let mut at = 1 + document.qualified_name(node).len();
    while let Some(equals) = tag.get(at..).and_then(|rest| rest.find('=')).map(|found| at + found) {
        let before = tag.get(at..equals).unwrap_or_default();
        let came = before.trim();
        let Some(open) = tag.get(equals..).and_then(|rest| rest.find(['"', '\''])).map(|found| equals + found) else {
            break;
        };
        let quote = tag.as_bytes().get(open).copied().unwrap_or(b'"');
        let Some(close) =
            tag.get(open + 1..).and_then(|rest| rest.find(char::from(quote))).map(|found| open + 1 + found)
        else {
            break;
        };
        let local = came.rsplit(':').next().unwrap_or(came);
        if came == name || (local == name && !came.starts_with("xmlns")) {
            return Found::Attribute { value: start + open + 1..start + close, whole: start + at..start + close + 1 };
        }
        at = close + 1;
    }
    Found::NoAttribute { at: start + 1 + document.qualified_name(node).len(), name: name.to_owned() }
}

/// What stands before and after the text of the first element with this local name.
fn around<'a>(xml: &'a str, name: &str) -> Option<(&'a str, &'a str)> {
    let mut from = 0;
    while let Some(found) = xml[from..].find(name) {
        let (start, end) = (from + found, from + found + name.len());
        let is_tag = xml[..start].rfind('<').is_some_and(|at| {
            let prefix = &xml[at + 1..start];
            prefix.is_empty() || prefix.ends_with(':') && !prefix.contains(|c: char| c.is_whitespace() || c == '/')
        });
        let close = xml[end..].find('>').map(|at| end + at + 1);
        if is_tag
            && xml[end..].starts_with(|c: char| c == '>' || c.is_whitespace())
            && let Some(open) = close
            && let Some(text) = xml[open..].find('<')
        {
            return Some((&xml[..open], &xml[open + text..]));
        }
        from = end;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "<m:A xmlns:m=\"urn:m\"><B x='1'  y=\"2\">one</B><B>two</B><C/></m:A>";

    fn edit(at: &str, make: impl FnOnce(&mut Edit)) -> Result<String, Error> {
        let mut edit = Edit { at: at.to_owned(), ..Edit::default() };
        make(&mut edit);
        edit.apply(TEXT)
    }

    #[test]
    fn each_action_changes_its_place_and_nothing_else() {
        let body = |text: Result<String, Error>| {
            let text = text.unwrap();
            text.strip_prefix("<m:A xmlns:m=\"urn:m\">").unwrap().strip_suffix("</m:A>").unwrap().to_owned()
        };
        let some = |text: &str| Some(text.to_owned());
        for (came, expected) in [
            (edit("/A/B[2]", |e| e.set = some("<3>")), "<B x='1'  y=\"2\">one</B><B>&lt;3&gt;</B><C/>"),
            (edit("/A/C", |e| e.set = some("3")), "<B x='1'  y=\"2\">one</B><B>two</B><C>3</C>"),
            (edit("/A/B", |e| e.fill = Some(3)), "<B x='1'  y=\"2\">AAA</B><B>two</B><C/>"),
            (edit("/A/B", |e| e.remove = Some(true)), "<B>two</B><C/>"),
            (edit("/A/B/@x", |e| e.set = some("\"")), "<B x='&quot;'  y=\"2\">one</B><B>two</B><C/>"),
            (edit("/A/B/@y", |e| e.remove = Some(true)), "<B x='1'>one</B><B>two</B><C/>"),
            (edit("/A/B[2]/@z", |e| e.set = some("9")), "<B x='1'  y=\"2\">one</B><B z=\"9\">two</B><C/>"),
            (edit("//C", |e| e.before = some("<D/>")), "<B x='1'  y=\"2\">one</B><B>two</B><D/><C/>"),
            (edit("//C", |e| e.append = some("<D/>")), "<B x='1'  y=\"2\">one</B><B>two</B><C><D/></C>"),
            (edit("//B[2]", |e| e.repeat = Some(2)), "<B x='1'  y=\"2\">one</B><B>two</B><B>two</B><C/>"),
            (
                edit("/A", |e| (e.at, e.repeat, e.number) = ("/A/B[2]".to_owned(), Some(3), some("B"))),
                "<B x='1'  y=\"2\">one</B><B>1</B><B>2</B><B>3</B><C/>",
            ),
            (edit("//B[2]", |e| e.rename = some("E")), "<B x='1'  y=\"2\">one</B><E>two</E><C/>"),
            (edit("//B[2]", |e| e.move_into = some("/A/C")), "<B x='1'  y=\"2\">one</B><C><B>two</B></C>"),
            (edit("//B[2]", |e| e.copy_into = some("/A/B[1]")), "<B x='1'  y=\"2\">one<B>two</B></B><B>two</B><C/>"),
            (edit("//B[2]", |e| e.flip = Some(Flip::First)), "<B x='1'  y=\"2\">one</B><B>Awo</B><C/>"),
        ] {
            assert_eq!(body(came), expected);
        }
    }

    #[test]
    fn a_case_that_names_nothing_or_does_nothing_is_told_so() {
        for (at, what) in [("/A/X", "X"), ("/B", "B"), ("/A/B[3]", "B[3]")] {
            let error = edit(at, |e| e.remove = Some(true)).unwrap_err();
            assert_eq!(error, Error::NotThere { at: at.to_owned(), step: what.to_owned() });
        }
        for at in ["A", "", "/A/B[0]", "/A//", "/A/@x/y"] {
            assert!(matches!(edit(at, |e| e.remove = Some(true)), Err(Error::Path { .. })), "{at}");
        }
        assert!(matches!(edit("/A/B", |_| {}), Err(Error::Action { .. })));
        let unnumbered = edit("/A/B[2]", |e| (e.repeat, e.number) = (Some(2), Some("C".to_owned())));
        assert!(matches!(unnumbered, Err(Error::Action { .. })));
        assert!(matches!(edit("/A/B", |e| (e.remove, e.repeat) = (Some(true), Some(2))), Err(Error::Action { .. })));
        assert!(matches!(edit("/A", |e| e.move_into = Some("/A/C".to_owned())), Err(Error::Action { .. })));
        for times in [usize::MAX, 200_001] {
            assert!(matches!(edit("/A/B", |e| e.repeat = Some(times)), Err(Error::Action { .. })), "{times}");
        }
        assert!(matches!(edit("/A/B", |e| e.fill = Some(usize::MAX)), Err(Error::Action { .. })));
        let broken = Edit { at: "/A".to_owned(), remove: Some(true), ..Edit::default() };
        assert!(matches!(broken.apply("<A>"), Err(Error::NotXml(_))));
    }
}
