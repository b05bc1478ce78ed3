//! Character and entity references (XML 1.0 §4.1, §4.4, §4.6).

use super::super::chars;
use super::entity::{self, Entity, Wrong};
use super::parser::{Fail, Frame, Parser};
use crate::base::limits;

/// What a reference stands for.
pub(super) enum Reference<'s> {
    Character(char),
    /// A general entity, by its name.
    Entity(&'s str),
}

/// The end of the NCName at `at`, if one stands there.
pub(super) fn ncname_end(source: &str, at: usize) -> Option<usize> {
    let mut rest = source.get(at..)?.chars();
    let first = rest.next().filter(|c| chars::is_name_start(*c))?;
    let others: usize = rest.take_while(|c| chars::is_name(*c)).map(char::len_utf8).sum();
    let length = first.len_utf8() + others;
    (length <= limits::NAME_BYTES_MAX).then_some(at + length)
}

/// Reads the reference at `at` (an `&`) and gives the place after it; else what is wrong.
pub(super) fn read(source: &str, at: usize) -> Result<(Reference<'_>, usize), &'static str> {
    let bytes = source.as_bytes();
    if bytes.get(at + 1) == Some(&b'#') {
        return character(bytes, at);
    }
    let end = ncname_end(source, at + 1).ok_or("expected a name or # after &")?;
    if bytes.get(end) != Some(&b';') {
        return Err("expected ; at the end of a reference");
    }
    let name = &source[at + 1..end];
    let reference = match name {
        "lt" => Reference::Character('<'),
        "gt" => Reference::Character('>'),
        "amp" => Reference::Character('&'),
        "quot" => Reference::Character('"'),
        "apos" => Reference::Character('\''),
        _ => Reference::Entity(name),
    };
    Ok((reference, end + 1))
}

fn character(bytes: &[u8], at: usize) -> Result<(Reference<'static>, usize), &'static str> {
    let (radix, from) = if bytes.get(at + 2) == Some(&b'x') { (16, at + 3) } else { (10, at + 2) };
    let mut value: u32 = 0;
    let mut end = from;
    while let Some(digit) = bytes.get(end).and_then(|b| char::from(*b).to_digit(radix)) {
        // Leading zeros are allowed without end; a value that is too large stays too large.
        value = value.saturating_mul(radix).saturating_add(digit);
        end += 1;
    }
    if end == from || bytes.get(end) != Some(&b';') {
        return Err("expected digits and ; in a character reference");
    }
    let c = char::from_u32(value).filter(|c| chars::is_char(*c));
    let c = c.ok_or("this character reference names no character that XML allows")?;
    Ok((Reference::Character(c), end + 1))
}

impl<'t> Parser<'t> {
    /// A reference in content, at `self.at`.
    pub fn content_reference(&mut self) -> Result<(), Fail> {
        let at = self.at;
        let (reference, end) = read(self.source, at).map_err(|what| self.error(at, what))?;
        match reference {
            Reference::Character(c) => {
                // Only these are written so in a canonical form.
                if !matches!(&self.bytes[at..end], b"&lt;" | b"&gt;" | b"&amp;" | b"&#xD;") {
                    self.not_canonical();
                }
                self.keep_text(c.encode_utf8(&mut [0; 4]), at);
                self.at = end;
                Ok(())
            }
            Reference::Entity(name) => self.enter_entity(name, at, end),
        }
    }

    /// Goes on with the replacement text of the entity `name`.
    fn enter_entity(&mut self, name: &'t str, at: usize, end: usize) -> Result<(), Fail> {
        let Some(tables) = self.dtd else {
            return Err(self.error(at, format!("entity {name:?} is not declared")));
        };
        let (from, to) = match tables.general.get(name) {
            Some(Entity::Internal { start, end }) => (*start, *end),
            Some(Entity::External) => {
                return Err(self.error(at, format!("entity {name:?} is external, which is never opened")));
            }
            Some(Entity::Unparsed) => return Err(self.error(at, format!("entity {name:?} is not text"))),
            None => return Err(self.error(at, format!("entity {name:?} is not declared"))),
        };
        if self.entities.iter().any(|frame| frame.entity == from) {
            return Err(self.error(at, format!("entity {name:?} contains itself")));
        }
        if self.entities.len() >= limits::ENTITY_DEPTH_MAX {
            return Err(self.limit(at, "entities within entities", limits::ENTITY_DEPTH_MAX));
        }
        self.charge_entity(to - from + entity::reference_bytes(!self.entities.is_empty()), at)?;
        self.not_canonical();
        self.entities.push(Frame {
            bytes: self.bytes,
            source: self.source,
            origin: self.origin,
            reference: (at, end),
            entity: from,
            stack: self.stack.len(),
        });
        self.source = &tables.text[..to];
        self.bytes = self.source.as_bytes();
        self.at = from;
        self.origin = self.entity_origin;
        Ok(())
    }

    pub fn charge_entity(&mut self, octets: usize, at: usize) -> Result<(), Fail> {
        match self.entity_budget.checked_sub(octets) {
            Some(left) => {
                self.entity_budget = left;
                Ok(())
            }
            None => Err(self.limit(at, "octets of expanded entities", limits::ENTITY_BYTES_MAX)),
        }
    }

    /// At the end of an entity, goes back to where its reference stood; false at the end of the text itself.
    pub fn leave_entity(&mut self) -> Result<bool, Fail> {
        let Some(frame) = self.entities.last() else { return Ok(false) };
        if self.stack.len() != frame.stack {
            return Err(self.error(self.at, "an element starts in an entity and does not end there"));
        }
        if let Some(frame) = self.entities.pop() {
            (self.bytes, self.source, self.origin, self.at) =
                (frame.bytes, frame.source, frame.origin, frame.reference.1);
        }
        Ok(true)
    }

    /// Whether the innermost open element was opened in the source being read.
    #[inline]
    pub fn at_home(&self) -> bool {
        self.entities.last().is_none_or(|frame| self.stack.len() > frame.stack)
    }

    /// Appends what the reference at `at` stands for in the value of an attribute; gives the place after it.
    pub fn value_reference(&mut self, at: usize, value: &mut String) -> Result<usize, Fail> {
        let (reference, end) = read(self.source, at).map_err(|what| self.error(at, what))?;
        match (reference, self.dtd) {
            (Reference::Character(c), _) => value.push(c),
            (Reference::Entity(name), None) => return Err(self.error(at, format!("entity {name:?} is not declared"))),
            (Reference::Entity(name), Some(tables)) => {
                let mut budget = self.entity_budget;
                entity::expand_entity(tables, name, value, &mut budget).map_err(|wrong| match wrong {
                    Wrong::Form(what) => self.error(at, what),
                    Wrong::Limit { what, limit } => self.limit(at, what, limit),
                })?;
                self.entity_budget = budget;
            }
        }
        Ok(end)
    }
}
