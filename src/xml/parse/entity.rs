//! What an internal subset declares, and entities in attribute values (XML 1.0 §3.3.3, §4.4.5).

use std::collections::HashMap;
use std::ops::Range;

use super::super::chars;
use super::reference::{Reference, read};
use crate::base::limits;

/// What the internal subset declares, so far as a tree can show it.
#[derive(Debug, Default)]
pub(super) struct Tables {
    /// Replacement texts of all general entities, names and default values of attributes, one after the other.
    pub text: String,
    pub general: HashMap<String, Entity>,
    /// Attributes by the name of their element, as written.
    pub attributes: HashMap<String, ElementDefinition>,
}

impl Tables {
    /// Keeps `text`; gives where it lies.
    pub fn keep(&mut self, text: &str) -> Range<usize> {
        let start = self.text.len();
        self.text.push_str(text);
        // An octet between them, so that no two entities start at the same place.
        self.text.push('\n');
        start..start + text.len()
    }
}

/// What is wrong with a declaration or with what it expands to; the caller knows where.
#[derive(Debug)]
pub(super) enum Wrong {
    /// It is not well-formed: what was expected and what came.
    Form(String),
    /// A ceiling was reached.
    Limit {
        /// What was counted, in the plural.
        what: &'static str,
        /// The ceiling.
        limit: usize,
    },
}

impl From<String> for Wrong {
    fn from(what: String) -> Self {
        Self::Form(what)
    }
}

impl From<&str> for Wrong {
    fn from(what: &str) -> Self {
        Self::Form(what.to_owned())
    }
}

/// A general entity.
#[derive(Debug, Clone, Copy)]
pub(super) enum Entity {
    /// Its replacement text is this range of [`Tables::text`].
    Internal { start: usize, end: usize },
    /// Stands outside of the document.
    External,
    /// Has a notation, is no text.
    Unparsed,
}

/// The attributes declared for an element.
#[derive(Debug, Default)]
pub(super) struct ElementDefinition {
    pub by_name: HashMap<String, AttributeDefinition>,
    /// Names of those with a default value, in the order of their declaration.
    pub defaults: Vec<String>,
}

#[derive(Debug)]
pub(super) struct AttributeDefinition {
    /// Any type but CDATA: blanks are collapsed.
    pub tokenized: bool,
    pub is_id: bool,
    /// Where its name lies in [`Tables::text`].
    pub name: Range<usize>,
    /// Where its default value lies there, normalized.
    pub default: Option<Range<usize>>,
}

/// Appends the literal `raw` as the normalized value of an attribute.
///
/// # Errors
/// What is wrong with it.
pub(super) fn expand_literal(tables: &Tables, raw: &str, value: &mut String, budget: &mut usize) -> Result<(), Wrong> {
    expand(tables, raw, true, value, budget, &mut Vec::new())
}

/// Appends the replacement text of the entity `name` as a piece of an attribute value.
pub(super) fn expand_entity(tables: &Tables, name: &str, value: &mut String, budget: &mut usize) -> Result<(), Wrong> {
    expand_named(tables, name, value, budget, &mut Vec::new())
}

/// What a reference costs of the budget beside its text. One that the document itself holds is paid for by its own octets.
pub(super) fn reference_bytes(within_entity: bool) -> usize {
    if within_entity { limits::ENTITY_REFERENCE_BYTES } else { 1 }
}

fn expand_named(
    tables: &Tables,
    name: &str,
    value: &mut String,
    budget: &mut usize,
    open: &mut Vec<usize>,
) -> Result<(), Wrong> {
    let (start, end) = match tables.general.get(name) {
        Some(Entity::Internal { start, end }) => (*start, *end),
        Some(Entity::External) => {
            return Err(format!("entity {name:?} is external, which no attribute may refer to").into());
        }
        Some(Entity::Unparsed) => return Err(format!("entity {name:?} is not text").into()),
        None => return Err(format!("entity {name:?} is not declared").into()),
    };
    if open.contains(&start) {
        return Err(format!("entity {name:?} contains itself").into());
    }
    if open.len() >= limits::ENTITY_DEPTH_MAX {
        return Err(Wrong::Limit { what: "entities within entities", limit: limits::ENTITY_DEPTH_MAX });
    }
    *budget = budget
        .checked_sub(end - start + reference_bytes(!open.is_empty()))
        .ok_or(Wrong::Limit { what: "octets of expanded entities", limit: limits::ENTITY_BYTES_MAX })?;
    open.push(start);
    // Depth is bounded right above.
    expand(tables, &tables.text[start..end], false, value, budget, open)?;
    open.pop();
    Ok(())
}

/// White space becomes blanks, references what they stand for. In a literal CR LF is one line end.
fn expand(
    tables: &Tables,
    text: &str,
    literal: bool,
    value: &mut String,
    budget: &mut usize,
    open: &mut Vec<usize>,
) -> Result<(), Wrong> {
    let bytes = text.as_bytes();
    let mut from = 0;
    loop {
        let at = chars::find(bytes, from, chars::VALUE_STOP);
        value.push_str(&text[from..at]);
        match bytes.get(at) {
            None => return Ok(()),
            Some(b'<') => return Err("< in the value of an attribute".into()),
            Some(quote @ (b'"' | b'\'')) => {
                value.push(char::from(*quote));
                from = at + 1;
            }
            Some(b'&') => {
                let (reference, end) = read(text, at)?;
                match reference {
                    Reference::Character(c) => value.push(c),
                    Reference::Entity(name) => expand_named(tables, name, value, budget, open)?,
                }
                from = end;
            }
            Some(byte) => {
                value.push(' ');
                from = at + 1 + usize::from(literal && *byte == b'\r' && bytes.get(at + 1) == Some(&b'\n'));
            }
        }
    }
}

/// The value of an attribute that is not CDATA: no blanks at its ends, single ones inside.
pub(super) fn collapse(value: &str) -> String {
    value.split(' ').filter(|token| !token.is_empty()).collect::<Vec<_>>().join(" ")
}
