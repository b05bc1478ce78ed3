//! The document type declaration (XML 1.0 §2.8, §3.2, §3.3, §4.2, §4.7): its internal subset, in full syntax.
//!
//! The external subset and external entities are not read: this is a non-validating processor that opens nothing.
//! Parameter entities are read between declarations, which is where an internal subset may refer to them.

use std::collections::HashMap;
use std::ops::Range;

use super::super::chars;
use super::entity::{AttributeDefinition, Entity, Tables, Wrong, collapse, expand_literal, reference_bytes};
use super::parser::push_normalized;
use super::reference::{Reference, ncname_end, read as read_reference};
use crate::base::limits;
use crate::xml::Error;
use crate::xml::tree::place::position;

/// Reads the declaration at `at` of `text`; gives what it declares, and the place after it.
pub(super) fn read(text: &str, base: usize, at: usize) -> Result<(Tables, usize), Error> {
    let mut tables = Tables::default();
    let mut state = State {
        tables: &mut tables,
        parameters: HashMap::new(),
        open: Vec::new(),
        budget: limits::ENTITY_BYTES_MAX,
        attribute_budget: limits::ENTITY_BYTES_MAX,
        unread: false,
        standalone: is_standalone(&text[base..at]),
    };
    let mut cursor = Cursor { text, at };
    let done = cursor.doctype(&mut state);
    let end = cursor.at;
    done.map_err(|wrong| {
        let at = position(text.as_bytes(), base, end);
        match wrong {
            Wrong::Form(what) => Error::NotWellFormed { what: format!("document type declaration: {what}"), at },
            Wrong::Limit { what, limit } => Error::Limit { what, limit, at },
        }
    })?;
    Ok((tables, end))
}

fn is_standalone(prolog: &str) -> bool {
    let declaration = prolog.split("?>").next().unwrap_or("");
    prolog.starts_with("<?xml")
        && declaration.split_once("standalone").is_some_and(|(_, rest)| {
            rest.trim_start_matches([' ', '\t', '\r', '\n', '=', '"', '\'']).starts_with("yes")
        })
}

/// A parameter entity: its replacement text, or none where that stands outside.
type Parameter = Option<String>;

struct State<'s> {
    tables: &'s mut Tables,
    parameters: HashMap<String, Parameter>,
    /// Parameter entities being read.
    open: Vec<String>,
    budget: usize,
    attribute_budget: usize,
    /// A parameter entity was not read: later declarations may be about something else (XML 1.0 §5.1).
    unread: bool,
    standalone: bool,
}

impl State<'_> {
    fn ignores(&self) -> bool {
        self.unread && !self.standalone
    }
}

/// A place in the text or in a parameter entity. Errors say what is wrong; `at` says where.
struct Cursor<'s> {
    text: &'s str,
    at: usize,
}

impl<'s> Cursor<'s> {
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn starts_with(&self, what: &str) -> bool {
        self.text.as_bytes()[self.at.min(self.text.len())..].starts_with(what.as_bytes())
    }

    fn take(&mut self, what: &str) -> bool {
        let found = self.starts_with(what);
        self.at += if found { what.len() } else { 0 };
        found
    }

    fn require(&mut self, what: &str) -> Result<(), Wrong> {
        if self.take(what) { Ok(()) } else { Err(format!("expected {what}").into()) }
    }

    /// Skips white space; whether there was any.
    fn space(&mut self) -> bool {
        let from = self.at;
        while self.byte().is_some_and(|b| chars::is(b, chars::SPACE)) {
            self.at += 1;
        }
        self.at > from
    }

    fn require_space(&mut self) -> Result<(), Wrong> {
        if self.space() { Ok(()) } else { Err("expected white space".into()) }
    }

    fn ncname(&mut self) -> Result<&'s str, Wrong> {
        let end = ncname_end(self.text, self.at).ok_or("expected a name")?;
        let name = &self.text[self.at..end];
        self.at = end;
        Ok(name)
    }

    /// A name that may have a prefix.
    fn qname(&mut self) -> Result<&'s str, Wrong> {
        let from = self.at;
        self.ncname()?;
        if self.take(":") {
            self.ncname()?;
        }
        Ok(&self.text[from..self.at])
    }

    fn nmtoken(&mut self) -> Result<&'s str, Wrong> {
        let rest = &self.text[self.at..];
        let length: usize = rest.chars().take_while(|c| chars::is_name(*c) || *c == ':').map(char::len_utf8).sum();
        if length == 0 {
            return Err("expected a name token".into());
        }
        self.at += length;
        Ok(&rest[..length])
    }

    /// What stands between quotes.
    fn literal(&mut self) -> Result<&'s str, Wrong> {
        let quote = self.byte().filter(|b| matches!(b, b'"' | b'\'')).ok_or("expected a quote")?;
        let from = self.at + 1;
        let length = memchr::memchr(quote, &self.text.as_bytes()[from..]).ok_or("this quote is not closed")?;
        self.at = from + length + 1;
        Ok(&self.text[from..from + length])
    }

    fn doctype(&mut self, state: &mut State<'_>) -> Result<(), Wrong> {
        self.require("<!DOCTYPE")?;
        self.require_space()?;
        self.qname()?;
        if self.space() && (self.starts_with("SYSTEM") || self.starts_with("PUBLIC")) {
            self.external_id(false)?;
            self.space();
            // The external subset is not read, but it comes after the internal one.
        }
        if self.take("[") {
            self.declarations(state)?;
            self.require("]")?;
            self.space();
        }
        self.require(">")
    }

    /// `SYSTEM "..."`, `PUBLIC "..." "..."`, and for notations `PUBLIC "..."`.
    fn external_id(&mut self, notation: bool) -> Result<(), Wrong> {
        if self.take("SYSTEM") {
            self.require_space()?;
            return self.literal().map(|_| ());
        }
        self.require("PUBLIC")?;
        self.require_space()?;
        let public = self.literal()?;
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b" \r\n-'()+,./:=?;!*#@$_%".contains(&b);
        if !public.bytes().all(allowed) {
            return Err("a character is not allowed in a public identifier".into());
        }
        let space = self.space();
        if notation && !matches!(self.byte(), Some(b'"' | b'\'')) {
            return Ok(());
        }
        if !space {
            return Err("expected white space between the public and the system identifier".into());
        }
        self.literal().map(|_| ())
    }

    /// Declarations up to `]` or, in a parameter entity, to its end.
    fn declarations(&mut self, state: &mut State<'_>) -> Result<(), Wrong> {
        loop {
            self.space();
            match self.byte() {
                None if !state.open.is_empty() => return Ok(()),
                None => return Err("expected ] at the end of the internal subset".into()),
                Some(b']') if state.open.is_empty() => return Ok(()),
                Some(b'%') => self.parameter_reference(state)?,
                _ => self.declaration(state)?,
            }
        }
    }

    fn parameter_reference(&mut self, state: &mut State<'_>) -> Result<(), Wrong> {
        self.at += 1;
        let name = self.ncname()?.to_owned();
        self.require(";")?;
        let text = match state.parameters.get(&name) {
            Some(Some(text)) => text.clone(),
            Some(None) => {
                state.unread = true;
                return Ok(());
            }
            None => return Err(format!("parameter entity {name} is not declared").into()),
        };
        if state.open.contains(&name) {
            return Err(format!("parameter entity {name} contains itself").into());
        }
        if state.open.len() >= limits::ENTITY_DEPTH_MAX {
            return Err(Wrong::Limit { what: "entities within entities", limit: limits::ENTITY_DEPTH_MAX });
        }
        state.budget = state
            .budget
            .checked_sub(text.len() + reference_bytes(!state.open.is_empty()))
            .ok_or(Wrong::Limit { what: "octets of expanded entities", limit: limits::ENTITY_BYTES_MAX })?;
        state.open.push(name);
        // Depth is bounded right above. A declaration ends in the entity in which it starts.
        Cursor { text: &text, at: 0 }.declarations(state)?;
        state.open.pop();
        Ok(())
    }

    fn declaration(&mut self, state: &mut State<'_>) -> Result<(), Wrong> {
        if self.take("<!--") {
            let rest = &self.text.as_bytes()[self.at..];
            let length = memchr::memmem::find(rest, b"--").ok_or("this comment is not closed")?;
            self.at += length + 2;
            return self.require(">");
        }
        if self.take("<?") {
            let target = self.ncname()?;
            if target.eq_ignore_ascii_case("xml") {
                return Err("the target xml is reserved".into());
            }
            let space = self.byte().is_some_and(|b| chars::is(b, chars::SPACE));
            let rest = &self.text.as_bytes()[self.at..];
            let length = memchr::memmem::find(rest, b"?>").ok_or("this processing instruction is not closed")?;
            if length > 0 && !space {
                return Err("expected white space after the target".into());
            }
            self.at += length + 2;
            return Ok(());
        }
        let read: fn(&mut Self, &mut State<'_>) -> Result<(), Wrong> = if self.take("<!ENTITY") {
            Self::entity
        } else if self.take("<!ATTLIST") {
            Self::attribute_list
        } else if self.take("<!ELEMENT") {
            Self::element
        } else if self.take("<!NOTATION") {
            Self::notation
        } else {
            return Err("expected a declaration".into());
        };
        self.require_space()?;
        read(self, state)?;
        self.space();
        self.require(">")
    }

    fn entity(&mut self, state: &mut State<'_>) -> Result<(), Wrong> {
        let parameter = self.take("%");
        if parameter {
            self.require_space()?;
        }
        let name = self.ncname()?.to_owned();
        self.require_space()?;
        if !matches!(self.byte(), Some(b'"' | b'\'')) {
            return self.external_entity(state, name, parameter);
        }
        let literal = self.literal()?;
        let replacement = replacement_text(literal)?;
        if state.ignores() {
            return Ok(());
        }
        if parameter {
            // The first declaration of a name is the one that counts.
            state.parameters.entry(name).or_insert(Some(replacement));
        } else if !state.tables.general.contains_key(&name) {
            // A declaration of `lt` and its like stays without effect: references to them never ask the table.
            let Range { start, end } = state.tables.keep(&replacement);
            state.tables.general.insert(name, Entity::Internal { start, end });
        }
        Ok(())
    }

    fn external_entity(&mut self, state: &mut State<'_>, name: String, parameter: bool) -> Result<(), Wrong> {
        self.external_id(false)?;
        let before = self.at;
        let mut kind = Entity::External;
        if self.space() && self.take("NDATA") {
            if parameter {
                return Err("a parameter entity has no notation".into());
            }
            self.require_space()?;
            self.ncname()?;
            kind = Entity::Unparsed;
        } else {
            self.at = before;
        }
        if state.ignores() {
            return Ok(());
        }
        if parameter {
            state.parameters.entry(name).or_insert(None);
        } else {
            state.tables.general.entry(name).or_insert(kind);
        }
        Ok(())
    }

    fn notation(&mut self, _: &mut State<'_>) -> Result<(), Wrong> {
        self.ncname()?;
        self.require_space()?;
        self.external_id(true)
    }

    fn attribute_list(&mut self, state: &mut State<'_>) -> Result<(), Wrong> {
        let element = self.qname()?.to_owned();
        loop {
            let space = self.space();
            if self.byte() == Some(b'>') {
                return Ok(());
            }
            if !space {
                return Err("expected white space before the name of an attribute".into());
            }
            let name = self.qname()?.to_owned();
            self.require_space()?;
            let (tokenized, is_id) = self.attribute_type()?;
            self.require_space()?;
            let default = self.default_value(state, tokenized)?;
            if state.ignores() {
                continue;
            }
            let tables = &mut *state.tables;
            let definition = tables.attributes.entry(element.clone()).or_default();
            if definition.by_name.contains_key(&name) {
                continue;
            }
            if default.is_some() {
                definition.defaults.push(name.clone());
            }
            let name_at = tables.keep(&name);
            let default = default.map(|value| tables.keep(&value));
            let known = AttributeDefinition { tokenized, is_id, name: name_at, default };
            tables.attributes.entry(element.clone()).or_default().by_name.insert(name, known);
        }
    }

    /// The type of an attribute: whether it is made of tokens, and whether it is ID.
    fn attribute_type(&mut self) -> Result<(bool, bool), Wrong> {
        if self.take("(") {
            self.alternatives(Self::nmtoken)?;
            return Ok((true, false));
        }
        let name = self.ncname()?;
        match name {
            "CDATA" => Ok((false, false)),
            "ID" => Ok((true, true)),
            "IDREF" | "IDREFS" | "ENTITY" | "ENTITIES" | "NMTOKEN" | "NMTOKENS" => Ok((true, false)),
            "NOTATION" => {
                self.require_space()?;
                self.require("(")?;
                self.alternatives(Self::ncname)?;
                Ok((true, false))
            }
            _ => Err(format!("{name} is no type of an attribute").into()),
        }
    }

    /// `a | b | c)`, the opening parenthesis read.
    fn alternatives(&mut self, one: fn(&mut Self) -> Result<&'s str, Wrong>) -> Result<(), Wrong> {
        loop {
            self.space();
            one(self)?;
            self.space();
            if self.take(")") {
                return Ok(());
            }
            self.require("|")?;
        }
    }

    fn default_value(&mut self, state: &mut State<'_>, tokenized: bool) -> Result<Option<String>, Wrong> {
        if self.take("#REQUIRED") || self.take("#IMPLIED") {
            return Ok(None);
        }
        if self.take("#FIXED") {
            self.require_space()?;
        }
        let raw = self.literal()?;
        let mut value = String::with_capacity(raw.len());
        expand_literal(state.tables, raw, &mut value, &mut state.attribute_budget)?;
        Ok(Some(if tokenized { collapse(&value) } else { value }))
    }

    fn element(&mut self, _: &mut State<'_>) -> Result<(), Wrong> {
        self.qname()?;
        self.require_space()?;
        if self.take("EMPTY") || self.take("ANY") {
            return Ok(());
        }
        self.require("(")?;
        self.space();
        if self.take("#PCDATA") { self.mixed() } else { self.children() }
    }

    /// `| a | b)*` after `(#PCDATA`.
    fn mixed(&mut self) -> Result<(), Wrong> {
        let mut names = false;
        loop {
            self.space();
            if self.take(")") {
                return if self.take("*") || !names { Ok(()) } else { Err("expected * after mixed content".into()) };
            }
            self.require("|")?;
            self.space();
            self.qname()?;
            names = true;
        }
    }

    /// A content model after its first parenthesis. `separators` holds what each open group uses: 0 until known.
    fn children(&mut self) -> Result<(), Wrong> {
        let mut separators = vec![0_u8];
        loop {
            self.space();
            if self.take("(") {
                if separators.len() >= limits::DEPTH_MAX {
                    return Err(Wrong::Limit { what: "levels of a content model", limit: limits::DEPTH_MAX });
                }
                separators.push(0);
                continue;
            }
            self.qname()?;
            self.occurrence();
            loop {
                self.space();
                match self.byte() {
                    Some(b')') => {
                        self.at += 1;
                        self.occurrence();
                        separators.pop();
                        if separators.is_empty() {
                            return Ok(());
                        }
                    }
                    Some(byte @ (b'|' | b',')) => {
                        self.at += 1;
                        let group = separators.last_mut().ok_or("a group is open here")?;
                        if *group != 0 && *group != byte {
                            return Err("a group mixes | and ,".into());
                        }
                        *group = byte;
                        break;
                    }
                    _ => return Err("expected | or , or ) in a content model".into()),
                }
            }
        }
    }

    fn occurrence(&mut self) {
        if matches!(self.byte(), Some(b'?' | b'*' | b'+')) {
            self.at += 1;
        }
    }
}

/// The replacement text of a literal: character references resolved, general entities left as they are
/// (XML 1.0 §4.5).
fn replacement_text(literal: &str) -> Result<String, Wrong> {
    let mut text = String::with_capacity(literal.len());
    let mut rest = literal;
    while let Some(at) = memchr::memchr2(b'&', b'%', rest.as_bytes()) {
        push_normalized(&mut text, &rest[..at]);
        if rest.as_bytes()[at] == b'%' {
            return Err("a parameter entity inside a declaration of the internal subset".into());
        }
        let (reference, end) = read_reference(rest, at)?;
        match reference {
            Reference::Character(c) if rest.as_bytes().get(at + 1) == Some(&b'#') => text.push(c),
            _ => text.push_str(&rest[at..end]),
        }
        rest = &rest[end..];
    }
    push_normalized(&mut text, rest);
    Ok(text)
}
