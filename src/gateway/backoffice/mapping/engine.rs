//! What both directions share: what is made, and what of the source no rule took.

use std::collections::{HashMap, HashSet};

use super::Mapping;
use super::file::Ignore;
use super::path::{Path, Step, joined};
use crate::contract::json::{Kind, Place, Value};

/// A value that did not come along.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Left {
    /// Its path, with positions.
    pub path: String,
    /// Where it stands in the file; line 0 when it was not read from one.
    pub place: Place,
    /// Its type: `a string`, `a number`, ...
    pub kind: &'static str,
    /// Why it is left behind on purpose.
    pub why: Option<String>,
    /// What the rule for it expected. Then the value is wrong, and the document with it.
    pub expected: Option<String>,
}

impl Left {
    /// Whether a rule is there for it and did not take it: a number in other marks, a code without translation.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.expected.is_some()
    }
}

/// A document on the other side, and what did not come along.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mapped {
    /// The document. On import its values stand where those of the source stood ([`Value::place`]).
    pub document: Value,
    /// What did not come along, in the order of the document.
    pub left: Vec<Left>,
}

pub(super) fn empty() -> Value {
    Kind::Object(Vec::new()).into()
}

/// What the rules did with the values of the source, by path.
#[derive(Default)]
pub(super) struct Fate {
    taken: HashSet<String>,
    refused: HashMap<String, String>,
}

impl Fate {
    pub fn take(&mut self, path: String) {
        self.refused.remove(&path);
        self.taken.insert(path);
    }

    /// A later rule may still take it.
    pub fn refuse(&mut self, path: String, expected: String) {
        if !self.taken.contains(&path) {
            self.refused.insert(path, expected);
        }
    }

    /// What of `source` nothing took. Linear in the values.
    pub fn left(self, source: &Value, ignores: &[&Ignore]) -> Vec<Left> {
        let mut walk = Walk { fate: self, ignores, trail: Vec::new(), left: Vec::new() };
        walk.value(source, "");
        walk.left
    }
}

/// A step of a path as it was gone.
enum Gone<'a> {
    Name(&'a str),
    At(usize),
}

struct Walk<'a, 'i> {
    fate: Fate,
    ignores: &'i [&'i Ignore],
    trail: Vec<Gone<'a>>,
    left: Vec<Left>,
}

impl<'a> Walk<'a, '_> {
    /// Every value that holds no other; `null` and a text without characters are nothing.
    fn value(&mut self, value: &'a Value, path: &str) {
        if self.fate.taken.contains(path) {
            return;
        }
        match &value.kind {
            Kind::Null => {}
            Kind::Text(text) if text.is_empty() => {}
            Kind::Object(members) if !members.is_empty() => {
                for member in members {
                    self.trail.push(Gone::Name(&member.name));
                    self.value(&member.value, &joined(path, &member.name));
                    self.trail.pop();
                }
            }
            Kind::List(values) if !values.is_empty() => {
                for (at, value) in values.iter().enumerate() {
                    self.trail.push(Gone::At(at));
                    self.value(value, &format!("{path}[{at}]"));
                    self.trail.pop();
                }
            }
            _ => {
                let why = self.ignores.iter().find(|ignore| covers(&ignore.path, &self.trail));
                let why = why.map(|ignore| ignore.why.clone());
                let expected = self.fate.refused.remove(path);
                let (place, kind) = (value.place, value.type_name());
                self.left.push(Left { path: path.to_owned(), place, kind, why, expected });
            }
        }
    }
}

/// Whether what was gone leads to `ignored` or below it. `[]` stands for every position, and for the one element that is
/// no array.
fn covers(ignored: &Path, trail: &[Gone<'_>]) -> bool {
    let mut gone = trail.iter().peekable();
    for step in &ignored.steps {
        let fits = match (step, gone.peek()) {
            (Step::Name(name), Some(Gone::Name(came))) => name == came,
            (Step::All, Some(Gone::At(_))) => true,
            (Step::Index(index), Some(Gone::At(at))) => index == at,
            (Step::All | Step::Index(0), Some(Gone::Name(_)) | None) => continue,
            _ => false,
        };
        if !fits {
            return false;
        }
        gone.next();
    }
    true
}

/// The `[[ignore]]` entries of the source side.
pub(super) fn ignores(mapping: &Mapping, foreign: bool) -> Vec<&Ignore> {
    mapping.ignores.iter().filter(|ignore| ignore.foreign == foreign).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_what_it_names_and_what_is_below_and_nothing_beside() {
        let trail = [Gone::Name("a"), Gone::At(3), Gone::Name("b"), Gone::Name("c")];
        for (pattern, is) in [
            ("a", true),
            ("a[]", true),
            ("a[3].b", true),
            ("a[].b.c", true),
            ("a[].b[].c", true),
            ("a[].b[0].c", true),
            ("a[2].b", false),
            ("a.b", false),
            ("a[].b.c.d", false),
            ("ab", false),
            ("a[].bc", false),
        ] {
            assert_eq!(covers(&Path::parse(pattern).unwrap(), &trail), is, "{pattern}");
        }
    }
}
