//! The state of one pass over a text.

use super::super::chars;
use super::entity::Tables;
use crate::base::limits;
use crate::base::octets::same;
use crate::xml::tree::Kind;
use crate::xml::tree::arena::{
    CONTENT_CANONICAL, NO_NS, NO_PREFIX, NONE, Node, SIDE, Span, UNBOUND, XML_NS, XML_PREFIX, slice,
};
use crate::xml::tree::place::position;
use crate::xml::{Document, Error, TextPos};

/// Small enough for a register: a `Result` is made for every name, an error hardly ever.
pub(super) type Fail = Box<Error>;

/// Slots of the table of twins.
const TWINS: usize = 64;

/// An element whose end tag has not come yet.
#[derive(Clone, Copy)]
pub(super) struct Open {
    pub node: u32,
    pub last_child: u32,
    pub scope: u32,
    /// Length of `Parser::undo` when it was opened.
    pub undo: u32,
    /// Prefixes used so far by it and below it.
    pub prefixes: u32,
    /// `CONTENT_CANONICAL` while nothing in it speaks against it.
    pub canonical: u8,
}

/// Text that has been read and has no node yet.
pub(super) struct Pending {
    /// Where it lies; in the side buffer once pieces had to be joined.
    pub span: Span,
    /// Whether `span` is the end of the side buffer and may grow.
    pub owned: bool,
    /// Where it started in the text.
    pub from: u32,
    pub present: bool,
}

pub(super) struct Parser<'t> {
    /// What is being read: the text or an entity.
    pub bytes: &'t [u8],
    pub source: &'t str,
    pub at: usize,
    /// Added to places in `bytes` to make spans: 0, or where the entities lie in the side buffer with `SIDE`.
    pub origin: u32,
    pub main: &'t str,
    /// Where line 1, column 1 is.
    pub base: usize,
    pub doc: &'t mut Document,
    pub stack: Vec<Open>,
    /// Number of the URI bound to each prefix, by its number.
    pub current: Vec<u16>,
    /// The element that declared a prefix last, by its number: finds a prefix declared twice on one element.
    pub declared_by: Vec<u32>,
    /// Bindings that return when elements end.
    pub undo: Vec<(u16, u16)>,
    pub pending: Pending,
    pub depth_base: usize,
    /// What the DTD declares, when there is one that was asked for.
    pub dtd: Option<&'t Tables>,
    /// Entities being read, and how to get back to where they were referenced.
    pub entities: Vec<Frame<'t>>,
    /// Where their replacement texts lie in the side buffer.
    pub entity_origin: u32,
    /// An earlier element with the name of the last one: what followed it is likely to follow again.
    pub twin: u32,
    /// Elements by a hash of their names, to find a twin.
    pub twins: [u32; TWINS],
    /// Octets that entities may still add.
    pub entity_budget: usize,
}

/// Where a general entity was referenced.
pub(super) struct Frame<'t> {
    pub bytes: &'t [u8],
    pub source: &'t str,
    pub origin: u32,
    /// The reference.
    pub reference: (usize, usize),
    /// Where the replacement text starts: names the entity.
    pub entity: usize,
    /// Elements that were open.
    pub stack: usize,
}

impl<'t> Parser<'t> {
    pub fn new(text: &'t str, at: usize, doc: &'t mut Document) -> Self {
        let mut current = vec![UNBOUND; doc.prefixes.len()];
        current[usize::from(NO_PREFIX)] = NO_NS;
        current[usize::from(XML_PREFIX)] = XML_NS;
        let declared_by = vec![NONE; current.len()];
        let mut stack = Vec::with_capacity(16);
        stack.push(Open { node: 0, last_child: NONE, scope: 0, undo: 0, prefixes: 0, canonical: CONTENT_CANONICAL });
        Self {
            bytes: text.as_bytes(),
            source: text,
            at,
            origin: 0,
            main: text,
            base: at,
            doc,
            stack,
            current,
            declared_by,
            undo: Vec::with_capacity(16),
            pending: Pending { span: Span::default(), owned: false, from: 0, present: false },
            depth_base: 0,
            dtd: None,
            entities: Vec::new(),
            entity_origin: SIDE,
            twin: NONE,
            twins: [NONE; TWINS],
            entity_budget: limits::ENTITY_BYTES_MAX,
        }
    }

    #[inline]
    pub fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    #[inline]
    pub fn span(&self, from: usize, to: usize) -> Span {
        Span { start: self.origin + from as u32, end: (self.origin & !SIDE) + to as u32 }
    }

    pub fn slice(&self, span: Span) -> &str {
        slice(self.main, &self.doc.side, span)
    }

    /// `at` as a place in the main text: inside an entity, the start of the reference to it.
    #[inline]
    pub fn place(&self, at: usize) -> u32 {
        self.entities.first().map_or(at, |frame| frame.reference.0) as u32
    }

    /// `at` as the end of something in the main text.
    #[inline]
    pub fn place_end(&self, at: usize) -> u32 {
        self.entities.first().map_or(at, |frame| frame.reference.1) as u32
    }

    #[cold]
    pub fn pos(&self, at: usize) -> TextPos {
        position(self.main.as_bytes(), self.base, self.place(at) as usize)
    }

    #[cold]
    pub fn error(&self, at: usize, what: impl Into<String>) -> Fail {
        Box::new(Error::NotWellFormed { what: what.into(), at: self.pos(at) })
    }

    #[cold]
    pub fn limit(&self, at: usize, what: &'static str, limit: usize) -> Fail {
        Box::new(Error::Limit { what, limit, at: self.pos(at) })
    }

    /// What stands at `at`, for an error text.
    #[cold]
    pub fn shown(&self, at: usize) -> String {
        match self.source.get(at..).and_then(|rest| rest.chars().next()) {
            Some(c) => format!("{c:?}"),
            None if at >= self.bytes.len() => "the end".to_owned(),
            None => "an octet inside a character".to_owned(),
        }
    }

    #[cold]
    pub fn expected(&self, at: usize, what: &str) -> Fail {
        self.error(at, format!("expected {what}, came {}", self.shown(at)))
    }

    #[inline]
    pub fn is_space(&self, at: usize) -> bool {
        self.byte(at).is_some_and(|b| chars::is(b, chars::SPACE))
    }

    /// The first place from `at` on without white space.
    #[inline]
    pub fn after_space(&self, mut at: usize) -> usize {
        while self.is_space(at) {
            at += 1;
        }
        at
    }

    pub fn starts_with(&self, at: usize, what: &str) -> bool {
        self.bytes.get(at..).is_some_and(|rest| rest.starts_with(what.as_bytes()))
    }

    /// The end of the NCName at `at`.
    #[inline]
    pub fn ncname(&self, at: usize, what: &str) -> Result<usize, Fail> {
        let rest = self.bytes.get(at..).unwrap_or(&[]);
        let length = rest.iter().position(|byte| !chars::is(*byte, chars::NAME)).unwrap_or(rest.len());
        let ascii = rest.get(length).is_none_or(|byte| *byte < 0x80);
        let starts = rest.first().is_some_and(|byte| chars::is(*byte, chars::NAME_START));
        if ascii && starts && length <= limits::NAME_BYTES_MAX {
            return Ok(at + length);
        }
        self.unusual_ncname(at, what)
    }

    /// A name with characters beyond ASCII, one that is too long, or none.
    #[cold]
    fn unusual_ncname(&self, at: usize, what: &str) -> Result<usize, Fail> {
        let mut chars_of = self.source.get(at..).unwrap_or("").chars();
        if !chars_of.next().is_some_and(chars::is_name_start) {
            return Err(self.expected(at, what));
        }
        let others: usize = chars_of.take_while(|c| chars::is_name(*c)).map(char::len_utf8).sum();
        let first = self.source[at..].chars().next().map_or(0, char::len_utf8);
        if first + others > limits::NAME_BYTES_MAX {
            return Err(self.limit(at, "octets of one name", limits::NAME_BYTES_MAX));
        }
        Ok(at + first + others)
    }

    /// The name at `at` if it is that of the element that followed the twin of the last one: its length, where its
    /// local part starts, and its prefix.
    #[inline]
    pub fn predicted_name(&mut self, at: usize) -> Option<(usize, usize, u16)> {
        let mut next = (self.twin as usize).checked_add(1)?;
        let mut node = self.doc.nodes.get(next)?;
        if node.kind != Kind::Element {
            next += 1;
            node = self.doc.nodes.get(next).filter(|node| node.kind == Kind::Element)?;
        }
        let length = usize::from(node.name_len);
        let start = node.name as usize;
        let name = self.main.as_bytes().get(start..start + length)?;
        let (came, rest) = self.bytes.get(at..)?.split_at_checked(length)?;
        // The name must end here too.
        if !matches!(rest.first(), Some(b'>' | b' ' | b'/')) || !same(came, name) {
            return None;
        }
        self.twin = next as u32;
        Some((length, usize::from(node.local_at), node.prefix))
    }

    /// Finds the twin of the element that is about to be made, and makes it one.
    pub fn find_twin(&mut self, name: Span) {
        let Some(bytes) = self.bytes.get(name.start as usize..name.end as usize) else { return };
        let short = bytes.iter().rev().take(6);
        let hash = short.fold(bytes.len(), |hash, byte| hash.wrapping_mul(31) ^ usize::from(*byte));
        let new = self.doc.nodes.len() as u32;
        let known = std::mem::replace(&mut self.twins[hash % TWINS], new);
        let same = self.doc.nodes.get(known as usize).is_some_and(|node| {
            let start = node.name as usize;
            node.kind == Kind::Element && self.bytes.get(start..start + usize::from(node.name_len)) == Some(bytes)
        });
        self.twin = if same { known } else { NONE };
    }

    /// The end of the qualified name at `at`, and how far its local part is from its start.
    #[inline]
    pub fn qname(&self, at: usize, what: &str) -> Result<(usize, usize), Fail> {
        let end = self.ncname(at, what)?;
        if self.byte(end) != Some(b':') {
            return Ok((end, 0));
        }
        let local = end + 1;
        let end = self.ncname(local, "a local name after the prefix")?;
        if self.byte(end) == Some(b':') {
            return Err(self.error(end, "a name holds more than one colon"));
        }
        Ok((end, local - at))
    }

    /// Adds a node below the innermost open element.
    #[inline(always)]
    pub fn push(&mut self, mut node: Node) -> Result<u32, Fail> {
        let id = self.doc.nodes.len();
        if id >= self.doc.nodes_max {
            return Err(self.limit(self.at, "nodes of the document", self.doc.nodes_max));
        }
        let id = id as u32;
        let open = self.stack.last_mut().expect("the document itself is always open");
        node.parent = open.node;
        node.prev = open.last_child;
        if open.last_child == NONE {
            self.doc.nodes[open.node as usize].first_child = id;
        } else {
            self.doc.nodes[open.last_child as usize].next = id;
        }
        open.last_child = id;
        self.doc.nodes.push(node);
        Ok(id)
    }

    /// The octets of the innermost open element are not its canonical form.
    #[inline]
    pub fn not_canonical(&mut self) {
        if let Some(open) = self.stack.last_mut() {
            open.canonical = 0;
        }
    }

    /// Adds a comment or a processing instruction whose text is `from..to`.
    pub fn push_leaf(&mut self, mut node: Node, from: usize, to: usize) -> Result<u32, Fail> {
        let text = self.normalized(from, to);
        (node.a, node.b) = (text.start, text.end);
        self.doc.has_asides = true;
        self.not_canonical();
        self.push(node)
    }

    /// `from..to` with line ends as LF (XML 1.0 §2.11).
    fn normalized(&mut self, from: usize, to: usize) -> Span {
        if memchr::memchr(b'\r', &self.bytes[from..to]).is_none() || self.origin != 0 {
            return self.span(from, to);
        }
        let start = self.doc.side.len();
        push_normalized(&mut self.doc.side, &self.source[from..to]);
        Span { start: start as u32 | SIDE, end: self.doc.side.len() as u32 }
    }
}

/// Appends `text` with CR LF and CR as LF.
pub(super) fn push_normalized(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\r', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        out.push('\n');
        rest = &rest[at + 1..];
        rest = rest.strip_prefix('\n').unwrap_or(rest);
    }
    out.push_str(rest);
}
