//! What a document is made of: compact records that link by number and name their texts by range.

use std::collections::HashMap;

use super::Kind;
use crate::base::limits;

/// No node.
pub(crate) const NONE: u32 = u32::MAX;
/// Set in the start of a [`Span`] that lies in the side buffer.
pub(crate) const SIDE: u32 = 1 << 31;
/// The longest text that ranges can name.
pub(crate) const TEXT_MAX: usize = SIDE as usize - 1;

/// The tags of the element stand in the input exactly as Exclusive C14N would write them, no declarations in them.
pub(crate) const TAGS_CANONICAL: u8 = 1;
/// Likewise everything between the tags.
pub(crate) const CONTENT_CANONICAL: u8 = 2;

/// The prefix "".
pub(crate) const NO_PREFIX: u16 = 0;
/// The prefix `xml`.
pub(crate) const XML_PREFIX: u16 = 1;
/// The namespace "".
pub(crate) const NO_NS: u16 = 0;
/// The namespace of `xml:`.
pub(crate) const XML_NS: u16 = 1;
/// A prefix without a binding.
pub(crate) const UNBOUND: u16 = u16::MAX;

/// A range of the text or, with [`SIDE`] in `start`, of the side buffer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    pub(crate) fn len(self) -> u32 {
        self.end - (self.start & !SIDE)
    }

    pub(crate) fn is_empty(self) -> bool {
        self.start & !SIDE == self.end
    }
}

/// The octets of `span`.
pub(crate) fn slice<'t>(text: &'t str, side: &'t str, span: Span) -> &'t str {
    let from = if span.start & SIDE == 0 { text } else { side };
    &from[(span.start & !SIDE) as usize..span.end as usize]
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    pub parent: u32,
    pub prev: u32,
    pub next: u32,
    pub first_child: u32,
    /// Octets of the node in the text; what came out of an entity has the place of the reference.
    pub start: u32,
    pub end: u32,
    /// Start of the qualified name or of the target, with [`SIDE`] where it lies there.
    pub name: u32,
    /// Element: number of its scope. Else: start of its text.
    pub a: u32,
    /// Element: number of its first attribute. Else: end of its text.
    pub b: u32,
    /// Prefixes used by the element and everything below it, one bit a number; meant only when both flags are set.
    pub prefixes: u32,
    pub ns: u16,
    pub prefix: u16,
    pub name_len: u16,
    /// Where the local part starts in the qualified name.
    pub local_at: u16,
    pub attributes_len: u16,
    pub kind: Kind,
    pub flags: u8,
}

impl Node {
    pub(crate) fn new(kind: Kind, parent: u32) -> Self {
        Self {
            parent,
            prev: NONE,
            next: NONE,
            first_child: NONE,
            start: 0,
            end: 0,
            name: 0,
            a: 0,
            b: 0,
            prefixes: 0,
            ns: NO_NS,
            prefix: NO_PREFIX,
            name_len: 0,
            local_at: 0,
            attributes_len: 0,
            kind,
            flags: 0,
        }
    }

    pub(crate) fn name_span(&self) -> Span {
        Span { start: self.name, end: (self.name & !SIDE) + u32::from(self.name_len) }
    }

    pub(crate) fn local_span(&self) -> Span {
        Span { start: self.name + u32::from(self.local_at), ..self.name_span() }
    }

    pub(crate) fn text_span(&self) -> Span {
        Span { start: self.a, end: self.b }
    }

    pub(crate) fn attribute_range(&self) -> std::ops::Range<usize> {
        if self.kind == Kind::Element {
            self.b as usize..self.b as usize + usize::from(self.attributes_len)
        } else {
            0..0
        }
    }
}

/// An attribute that declares no namespace.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AttributeData {
    pub owner: u32,
    pub name: u32,
    pub value_start: u32,
    /// With [`SIDE`]: declared of type ID.
    pub value_end: u32,
    pub ns: u16,
    pub prefix: u16,
    pub name_len: u16,
    pub local_at: u16,
}

impl AttributeData {
    pub(crate) fn name_span(&self) -> Span {
        Span { start: self.name, end: (self.name & !SIDE) + u32::from(self.name_len) }
    }

    pub(crate) fn local_span(&self) -> Span {
        Span { start: self.name + u32::from(self.local_at), ..self.name_span() }
    }

    pub(crate) fn value_span(&self) -> Span {
        Span { start: self.value_start, end: self.value_end & !SIDE }
    }
}

/// The declarations of one element; elements without any share the scope of their parent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope {
    pub parent: u32,
    pub owner: u32,
    pub first: u32,
    pub len: u32,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Declaration {
    pub prefix: u16,
    pub uri: u16,
}

/// Distinct names by number: few are found by comparing short keys, many by a keyed hash.
#[derive(Debug, Default)]
pub(crate) struct Table {
    spans: Vec<Span>,
    keys: Vec<u64>,
    map: HashMap<Box<str>, u16>,
    last: u16,
}

const HASHED_FROM: usize = 16;

impl Table {
    pub(crate) fn new() -> Self {
        Self { spans: Vec::with_capacity(16), keys: Vec::with_capacity(16), ..Self::default() }
    }

    pub(crate) fn span(&self, id: u16) -> Span {
        self.spans[usize::from(id)]
    }

    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    /// The number of `name`, if it has one.
    #[inline]
    pub(crate) fn find(&mut self, text: &str, side: &str, name: &str) -> Option<u16> {
        let key = key(name.as_bytes());
        if self.matches(self.last, key, text, side, name) {
            return Some(self.last);
        }
        let found = if self.spans.len() > HASHED_FROM {
            self.map.get(name).copied()
        } else {
            (0..self.spans.len() as u16).find(|id| self.matches(*id, key, text, side, name))
        }?;
        self.last = found;
        Some(found)
    }

    /// Like [`Table::find`], from a shared borrow.
    pub(crate) fn look_up(&self, text: &str, side: &str, name: &str) -> Option<u16> {
        if self.spans.len() > HASHED_FROM {
            return self.map.get(name).copied();
        }
        let key = key(name.as_bytes());
        (0..self.spans.len() as u16).find(|id| self.matches(*id, key, text, side, name))
    }

    #[inline]
    fn matches(&self, id: u16, wanted: u64, text: &str, side: &str, name: &str) -> bool {
        self.keys.get(usize::from(id)) == Some(&wanted)
            && (name.len() < 8 || slice(text, side, self.spans[usize::from(id)]) == name)
    }

    /// The number of `name`, a new one if it has none; none when the table is full.
    pub(crate) fn intern(&mut self, text: &str, side: &str, name: &str, span: Span) -> Option<u16> {
        if let Some(id) = self.find(text, side, name) {
            return Some(id);
        }
        if self.spans.len() >= limits::NAMESPACES_MAX {
            return None;
        }
        let id = self.spans.len() as u16;
        if self.spans.len() >= HASHED_FROM {
            if self.map.is_empty() {
                for (at, known) in self.spans.iter().enumerate() {
                    self.map.insert(slice(text, side, *known).into(), at as u16);
                }
            }
            self.map.insert(name.into(), id);
        }
        self.spans.push(span);
        self.keys.push(key(name.as_bytes()));
        Some(id)
    }

    /// Forgets the numbers from `len` on: what a fragment brought that turned out to be malformed.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.spans.truncate(len);
        self.keys.truncate(len);
        self.map.retain(|_, id| usize::from(*id) < len);
        if len <= HASHED_FROM {
            self.map.clear();
        }
        self.last = 0;
    }
}

/// The last seven octets and the length: equal for equal names, and decisive for names of up to seven octets.
#[inline]
fn key(name: &[u8]) -> u64 {
    let tail = &name[name.len().saturating_sub(7)..];
    tail.iter().fold(name.len().min(255) as u64, |key, octet| key << 8 | u64::from(*octet))
}
