//! What is wrong, and where: the path to what is bound, and the violations that were found on it.

use std::borrow::Cow;

use super::Binder;
use crate::contract::datatype::Broken;
use crate::contract::table::{Element, wco_id_within};
use crate::contract::violation::{Came, VIOLATIONS_MAX, Violation, Violations};
use crate::xml::NodeId;

/// One step of the path to the node that is being bound.
#[derive(Clone, Copy)]
pub(super) struct Step<'a> {
    pub what: What<'a>,
    pub occurrence: u32,
    pub repeats: bool,
}

/// What a step leads to.
#[derive(Clone, Copy)]
pub(super) enum What<'a> {
    /// An element with its declaration.
    Declared(&'static Element),
    /// An element by its name alone.
    Named(&'a str),
    /// An attribute.
    Attribute(&'a str),
}

impl What<'_> {
    fn name(&self) -> &str {
        match self {
            Self::Declared(element) => element.name,
            Self::Named(name) | Self::Attribute(name) => name,
        }
    }

    fn wco_id(&self) -> &'static str {
        match self {
            Self::Declared(element) => element.wco_id,
            Self::Named(_) | Self::Attribute(_) => "",
        }
    }
}

impl<'a> Binder<'a> {
    /// Everything that is wrong, in document order.
    ///
    /// # Errors
    /// The violations, unless there are none.
    pub fn finish(mut self) -> Result<(), Violations> {
        if self.total == 0 {
            return Ok(());
        }
        self.found.sort_by_key(|(offset, ..)| *offset);
        self.place();
        let list = self.found.into_iter().map(|(_, _, violation)| violation).collect();
        Err(Violations { list, total: self.total })
    }

    /// Line and column of every violation in one pass over the octets of the base.
    fn place(&mut self) {
        let octets = self.document.octets();
        let range = self.document.range(self.base);
        let (mut at, mut line, mut line_start) = (range.start, 1_u32, range.start);
        let mut column_at = (range.start, 1_u32);
        for (offset, node, violation) in &mut self.found {
            if !range.contains(offset) || *offset < at {
                let position = self.document.position_within(self.base, *node);
                (violation.line, violation.column) = (position.line, position.column);
                continue;
            }
            for (index, _) in
                octets.get(at..*offset).unwrap_or_default().iter().enumerate().filter(|(_, b)| **b == b'\n')
            {
                line += 1;
                line_start = at + index + 1;
                column_at = (line_start, 1);
            }
            at = *offset;
            // Columns count characters: octets that do not continue one.
            let fresh = octets.get(column_at.0..at).unwrap_or_default();
            let characters = fresh.iter().filter(|b| **b & 0xC0 != 0x80).count();
            column_at = (at, column_at.1.saturating_add(characters as u32));
            let _ = line_start;
            (violation.line, violation.column) = (line, column_at.1);
        }
    }

    /// Of the element at hand, or of what it is the value of: DateTimeString has none of its own. An attribute has that of
    /// its element.
    pub(super) fn wco_id(&self) -> &'static str {
        let elements = self.path.iter().rev().skip_while(|step| matches!(step.what, What::Attribute(_)));
        elements.take(2).map(|step| step.what.wco_id()).find(|id| !id.is_empty()).unwrap_or("")
    }

    /// Steps into what stands once. It is left with `self.path.pop()`.
    pub(super) fn enter(&mut self, what: What<'a>) {
        self.path.push(Step { what, occurrence: 1, repeats: false });
    }

    fn path(&self) -> String {
        let mut out = String::new();
        for step in &self.path {
            out.push('/');
            if matches!(step.what, What::Attribute(_)) {
                out.push('@');
            }
            out.push_str(step.what.name());
            if step.repeats || step.occurrence > 1 {
                out.push('[');
                out.push_str(&step.occurrence.to_string());
                out.push(']');
            }
        }
        out
    }

    pub(super) fn report(
        &mut self,
        node: NodeId,
        code: &'static str,
        wco_id: &'static str,
        expected: String,
        came: Came,
        value: Option<String>,
    ) {
        self.total += 1;
        if self.found.len() >= VIOLATIONS_MAX {
            return;
        }
        let around = self.path.iter().map(|step| step.what.name());
        let violation = Violation {
            code: Cow::Borrowed(code),
            wco_id: Cow::Borrowed(wco_id_within(around, wco_id)),
            path: self.path(),
            line: 0,
            column: 0,
            expected: Cow::Owned(expected),
            came,
            value,
        };
        self.found.push((self.document.range(node).start, node, violation));
    }

    pub(super) fn report_value(&mut self, node: NodeId, broken: Vec<Broken>, value: &str) {
        let wco_id = self.wco_id();
        for Broken { code, expected, in_list } in broken {
            let came = Came { kind: kind_of(value).into(), length: Some(value.chars().count() as u64), in_list };
            self.report(node, code, wco_id, expected, came, Some(value.to_owned()));
        }
    }
}

pub(super) fn came_element() -> Came {
    Came { kind: "element".into(), ..Came::default() }
}

pub(super) fn came_nothing() -> Came {
    Came { kind: "nothing".into(), ..Came::default() }
}

/// What a value looks like, without telling it.
#[must_use]
pub fn kind_of(value: &str) -> &'static str {
    if value.is_empty() {
        return "nothing";
    }
    let all = |test: fn(char) -> bool| value.chars().all(test);
    if all(char::is_whitespace) {
        "white space"
    } else if all(|c| c.is_ascii_digit()) {
        "digits"
    } else if all(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        "number"
    } else if all(|c| c.is_ascii_uppercase()) {
        "capital letters"
    } else if all(char::is_alphabetic) {
        "letters"
    } else if all(char::is_alphanumeric) {
        "letters and digits"
    } else {
        "text"
    }
}
