//! Start tags: attributes and namespace declarations (XML 1.0 §3.1, §3.3.3; Namespaces in XML 1.0).

use super::super::chars;
use super::entity::{ElementDefinition, collapse};
use super::parser::{Fail, Open, Parser};
use crate::base::limits;
use crate::base::octets::same;
use crate::xml::tree::Kind;
use crate::xml::tree::arena::{
    AttributeData, CONTENT_CANONICAL, Declaration, NO_NS, NO_PREFIX, NONE, Node, SIDE, Scope, Span, TAGS_CANONICAL,
    UNBOUND, XML_NS, XML_PREFIX, slice,
};

/// The number of the URI of `xmlns:`.
const XMLNS_NS: u16 = 2;
/// Attributes up to which each is compared with each.
const FEW_ATTRIBUTES: usize = 8;

/// What is known of a start tag while it is read.
struct Tag<'t> {
    /// The number that its node will have.
    node: u32,
    name: Span,
    local_at: usize,
    /// Its prefix, where a twin has told it.
    prefix: Option<u16>,
    /// Length of `Parser::undo` before it.
    undo: u32,
    first_attribute: usize,
    first_declaration: usize,
    count: usize,
    canonical: bool,
    /// What the DTD says of the attributes.
    definition: Option<&'t ElementDefinition>,
}

/// A value as it stands between its quotes, normalized.
struct Value {
    span: Span,
    /// The place after the closing quote.
    end: usize,
    /// The input is what a canonical form holds.
    canonical: bool,
}

impl<'t> Parser<'t> {
    /// Reads the start tag or empty-element tag at `self.at`; true when the element is already complete.
    pub fn start_tag(&mut self) -> Result<bool, Fail> {
        let start = self.at;
        let predicted = self.predicted_name(start + 1);
        let (name_end, local_at) = match predicted {
            Some((length, local_at, _)) => (start + 1 + length, local_at),
            None => self.qname(start + 1, "a name after <")?,
        };
        let depth = self.depth_base + self.stack.len();
        if depth > self.doc.depth_max {
            return Err(self.limit(start, "levels of elements", self.doc.depth_max));
        }
        let name = self.span(start + 1, name_end);
        let mut tag = Tag {
            node: self.doc.nodes.len() as u32,
            name,
            local_at,
            prefix: predicted.map(|(_, _, prefix)| prefix),
            first_attribute: self.doc.attributes.len(),
            first_declaration: self.doc.declarations.len(),
            undo: self.undo.len() as u32,
            count: 0,
            canonical: true,
            definition: self.dtd.and_then(|tables| tables.attributes.get(&self.source[start + 1..name_end])),
        };
        if predicted.is_none() && self.origin == 0 {
            self.find_twin(name);
        }
        self.at = name_end;
        let empty = self.rest_of_tag(&mut tag)?;
        if tag.definition.is_some() {
            self.apply_defaults(&mut tag, start)?;
        }
        self.finish_tag(&mut tag, start, empty)
    }

    /// Attributes up to `>` or `/>`; true for the latter.
    #[inline]
    fn rest_of_tag(&mut self, tag: &mut Tag<'t>) -> Result<bool, Fail> {
        loop {
            match self.byte(self.at) {
                Some(b'>') => {
                    self.at += 1;
                    return Ok(false);
                }
                Some(b'/') if self.byte(self.at + 1) == Some(b'>') => {
                    self.at += 2;
                    tag.canonical = false;
                    return Ok(true);
                }
                Some(byte) if chars::is(byte, chars::SPACE) => {
                    let next = self.after_space(self.at);
                    if matches!(self.byte(next), Some(b'>' | b'/')) {
                        tag.canonical = false;
                        self.at = next;
                        continue;
                    }
                    tag.canonical &= byte == b' ' && next == self.at + 1;
                    self.at = next;
                    self.attribute(tag)?;
                }
                _ => return Err(self.expected(self.at, "white space, > or /> in a start tag")),
            }
        }
    }

    fn attribute(&mut self, tag: &mut Tag<'t>) -> Result<(), Fail> {
        let at = self.at;
        tag.count += 1;
        if tag.count > limits::ATTRIBUTES_PER_ELEMENT_MAX {
            return Err(self.limit(at, "attributes of one element", limits::ATTRIBUTES_PER_ELEMENT_MAX));
        }
        let (name_end, local_at) = self.qname(at, "a name of an attribute")?;
        let mut equals = name_end;
        if self.byte(equals) != Some(b'=') {
            equals = self.after_space(equals);
            tag.canonical = false;
        }
        if self.byte(equals) != Some(b'=') {
            return Err(self.expected(equals, "= after the name of an attribute"));
        }
        let open = self.after_space(equals + 1);
        tag.canonical &= open == equals + 1 && self.byte(open) == Some(b'"');
        let value = self.attribute_value(open)?;
        tag.canonical &= value.canonical;
        self.at = value.end;
        let mut value = value;
        let mut is_id = false;
        if let Some(definition) = tag.definition.and_then(|d| d.by_name.get(&self.source[at..name_end])) {
            is_id = definition.is_id;
            if definition.tokenized {
                self.tokenize(&mut value, &mut tag.canonical);
            }
        }
        let name = &self.bytes[at..name_end];
        if name == b"xmlns" {
            return self.declare(tag, self.span(at, at), value.span, at);
        }
        if name.starts_with(b"xmlns:") {
            return self.declare(tag, self.span(at + local_at, name_end), value.span, at);
        }
        let name = self.span(at, name_end);
        self.push_attribute(tag, name, local_at, value.span, at)?;
        if is_id && let Some(attribute) = self.doc.attributes.last_mut() {
            attribute.value_end |= SIDE;
        }
        Ok(())
    }

    /// Collapses the blanks of a value that is not CDATA (XML 1.0 §3.3.3).
    fn tokenize(&mut self, value: &mut Value, canonical: &mut bool) {
        let text = self.slice(value.span);
        let collapsed = collapse(text);
        if collapsed != text {
            *canonical = false;
            value.span = self.on_the_side(&collapsed);
        }
    }

    fn on_the_side(&mut self, text: &str) -> Span {
        let start = self.doc.side.len() as u32;
        self.doc.side.push_str(text);
        Span { start: start | SIDE, end: self.doc.side.len() as u32 }
    }

    /// Adds the attributes and namespaces that the DTD gives to an element that does not write them.
    fn apply_defaults(&mut self, tag: &mut Tag<'t>, start: usize) -> Result<(), Fail> {
        let Some(definition) = tag.definition.filter(|d| !d.defaults.is_empty()) else { return Ok(()) };
        tag.canonical = false;
        let node = tag.node;
        let mut written: Vec<String> =
            self.doc.attributes[tag.first_attribute..].iter().map(|a| self.slice(a.name_span()).to_owned()).collect();
        written.sort_unstable();
        for name in &definition.defaults {
            let Some(attribute) = definition.by_name.get(name) else { continue };
            let declared = match (name.as_str(), name.strip_prefix("xmlns:")) {
                ("xmlns", _) => Some(""),
                (_, prefix) => prefix,
            };
            let known = match declared {
                Some(prefix) => self
                    .doc
                    .prefixes
                    .find(self.main, &self.doc.side, prefix)
                    .is_some_and(|id| self.declared_by.get(usize::from(id)) == Some(&node)),
                None => written.binary_search(name).is_ok(),
            };
            if known {
                continue;
            }
            tag.count += 1;
            if tag.count > limits::ATTRIBUTES_PER_ELEMENT_MAX {
                return Err(self.limit(start, "attributes of one element", limits::ATTRIBUTES_PER_ELEMENT_MAX));
            }
            let value = self.declared_text(attribute.default.clone().unwrap_or(0..0));
            // One long default would be as long again on each of a million elements.
            let long = (value.len() as usize).saturating_sub(limits::DEFAULT_VALUE_BYTES_FREE);
            if long > 0 {
                self.charge_entity(long, start)?;
            }
            if let Some(prefix) = declared {
                let prefix = self.declared_text(attribute.name.end - prefix.len()..attribute.name.end);
                self.declare(tag, prefix, value, start)?;
                continue;
            }
            let local_at = name.find(':').map_or(0, |colon| colon + 1);
            let name = self.declared_text(attribute.name.clone());
            self.push_attribute(tag, name, local_at, value, start)?;
            if attribute.is_id
                && let Some(attribute) = self.doc.attributes.last_mut()
            {
                attribute.value_end |= SIDE;
            }
        }
        Ok(())
    }

    /// A text of the DTD, which lies on the side.
    fn declared_text(&self, range: std::ops::Range<usize>) -> Span {
        Span { start: self.entity_origin + range.start as u32, end: (self.entity_origin & !SIDE) + range.end as u32 }
    }

    /// Adds an attribute; its namespace is found when all declarations of the tag are known.
    fn push_attribute(
        &mut self,
        tag: &Tag<'t>,
        name: Span,
        local_at: usize,
        value: Span,
        at: usize,
    ) -> Result<(), Fail> {
        let prefix = if local_at == 0 {
            NO_PREFIX
        } else {
            let prefix = Span { start: name.start, end: (name.start & !SIDE) + local_at as u32 - 1 };
            self.prefix(prefix, at)?
        };
        if self.doc.attributes.len() >= limits::ATTRIBUTES_MAX {
            return Err(self.limit(at, "attributes of the document", limits::ATTRIBUTES_MAX));
        }
        self.doc.attributes.push(AttributeData {
            owner: tag.node,
            name: name.start,
            value_start: value.start,
            value_end: value.end,
            ns: NO_NS,
            prefix,
            name_len: (name.end - (name.start & !SIDE)) as u16,
            local_at: local_at as u16,
        });
        Ok(())
    }

    /// The number of a prefix, which is a new one when it is first met.
    fn prefix(&mut self, prefix: Span, at: usize) -> Result<u16, Fail> {
        let doc = &mut *self.doc;
        let name = slice(self.main, &doc.side, prefix);
        let Some(id) = doc.prefixes.intern(self.main, &doc.side, name, prefix) else {
            return Err(self.limit(at, "distinct prefixes of the document", limits::NAMESPACES_MAX));
        };
        if usize::from(id) >= self.current.len() {
            self.current.push(UNBOUND);
            self.declared_by.push(NONE);
        }
        Ok(id)
    }

    /// A namespace declaration on the element of `tag`.
    fn declare(&mut self, tag: &mut Tag<'t>, prefix: Span, value: Span, at: usize) -> Result<(), Fail> {
        tag.canonical = false;
        let prefix_id = if prefix.is_empty() { NO_PREFIX } else { self.prefix(prefix, at)? };
        let doc = &mut *self.doc;
        let uri = slice(self.main, &doc.side, value);
        if uri.len() > limits::NAMESPACE_BYTES_MAX {
            return Err(self.limit(at, "octets of a namespace URI", limits::NAMESPACE_BYTES_MAX));
        }
        let relative = !uri.is_empty() && !is_absolute(uri);
        let Some(uri_id) = doc.uris.intern(self.main, &doc.side, uri, value) else {
            return Err(self.limit(at, "distinct namespaces of the document", limits::NAMESPACES_MAX));
        };
        doc.relative_uri |= relative;
        let known = self.slice(prefix);
        let wrong = match (prefix_id, uri_id) {
            (XML_PREFIX, XML_NS) => None,
            (XML_PREFIX, _) => Some("the prefix xml can only be bound to its own namespace"),
            (_, XML_NS | XMLNS_NS) => Some("the namespaces of xml and xmlns cannot be bound to another prefix"),
            _ if known == "xmlns" => Some("the prefix xmlns cannot be declared"),
            (NO_PREFIX, _) => None,
            (_, NO_NS) => Some("a prefix cannot be bound to no namespace"),
            _ => None,
        };
        if let Some(what) = wrong {
            return Err(self.error(at, what));
        }
        let by = &mut self.declared_by[usize::from(prefix_id)];
        if *by == tag.node {
            return Err(self.error(at, "this namespace declaration stands twice in one start tag"));
        }
        *by = tag.node;
        if self.undo.len() >= limits::NAMESPACES_IN_SCOPE_MAX {
            return Err(self.limit(at, "namespace declarations in scope", limits::NAMESPACES_IN_SCOPE_MAX));
        }
        let binding = &mut self.current[usize::from(prefix_id)];
        self.undo.push((prefix_id, *binding));
        *binding = uri_id;
        self.doc.declarations.push(Declaration { prefix: prefix_id, uri: uri_id });
        Ok(())
    }

    /// Resolves the names of a complete start tag and makes its node. True when nothing more of the element comes.
    #[inline]
    fn finish_tag(&mut self, tag: &mut Tag<'t>, start: usize, empty: bool) -> Result<bool, Fail> {
        let mut prefixes = 0_u32;
        let mut scope = self.stack.last().expect("the document itself is always open").scope;
        let declared = self.doc.declarations.len() - tag.first_declaration;
        if declared > 0 {
            let first = tag.first_declaration as u32;
            self.doc.scopes.push(Scope { parent: scope, owner: tag.node, first, len: declared as u32 });
            scope = self.doc.scopes.len() as u32 - 1;
        }
        let (prefix, ns) = self.resolve(tag, start)?;
        mark(&mut prefixes, &mut tag.canonical, prefix);
        let attributes = self.doc.attributes.len() - tag.first_attribute;
        if attributes > 0 {
            self.resolve_attributes(tag, start, &mut prefixes)?;
        }
        let node = Node {
            start: self.place(start),
            name: tag.name.start,
            a: scope,
            b: tag.first_attribute as u32,
            ns,
            prefix,
            prefixes,
            name_len: tag.name.len() as u16,
            local_at: tag.local_at as u16,
            attributes_len: attributes as u16,
            flags: if tag.canonical { TAGS_CANONICAL } else { 0 },
            ..Node::new(Kind::Element, NONE)
        };
        if !empty
            && declared == 0
            && self.origin == 0
            && let Some(text_end) = self.leaf_end(tag.name)
        {
            self.push_leaf_element(node, text_end)?;
            return Ok(true);
        }
        let node = self.push(node)?;
        let open = Open { node, last_child: NONE, scope, undo: tag.undo, prefixes, canonical: CONTENT_CANONICAL };
        if empty {
            self.close(open, 0);
        } else {
            self.stack.push(open);
        }
        Ok(empty)
    }

    /// Where the text of an element ends that holds nothing else, and is closed by the plainest of end tags.
    #[inline]
    fn leaf_end(&self, name: Span) -> Option<usize> {
        let text_end = self.plain_text_end(self.at);
        let end_tag = self.bytes.get(text_end..)?.strip_prefix(b"</")?;
        let name = self.bytes.get(name.start as usize..name.end as usize)?;
        let (came, after) = end_tag.split_at_checked(name.len())?;
        (after.first() == Some(&b'>') && same(came, name)).then_some(text_end)
    }

    /// Adds an element with the text that ends at `text_end`, and goes behind its end tag.
    #[inline]
    fn push_leaf_element(&mut self, mut node: Node, text_end: usize) -> Result<(), Fail> {
        let from = self.at;
        self.at = text_end + usize::from(node.name_len) + "</>".len();
        node.end = self.at as u32;
        let above = self.stack.last_mut().expect("the document itself is always open");
        above.prefixes |= node.prefixes;
        if node.flags == 0 {
            above.canonical = 0;
        }
        node.flags |= CONTENT_CANONICAL;
        if from == text_end {
            return self.push(node).map(|_| ());
        }
        let id = self.doc.nodes.len() as u32;
        node.first_child = id + 1;
        self.push(node)?;
        if self.doc.nodes.len() >= self.doc.nodes_max {
            return Err(self.limit(from, "nodes of the document", self.doc.nodes_max));
        }
        let (from, to) = (from as u32, text_end as u32);
        self.doc.nodes.push(Node { start: from, end: to, a: from, b: to, ..Node::new(Kind::Text, id) });
        Ok(())
    }

    /// Number and namespace of the prefix of an element.
    #[inline]
    fn resolve(&mut self, tag: &Tag<'t>, start: usize) -> Result<(u16, u16), Fail> {
        if tag.local_at == 0 {
            return Ok((NO_PREFIX, self.current[usize::from(NO_PREFIX)]));
        }
        let span = Span { start: tag.name.start, end: (tag.name.start & !SIDE) + tag.local_at as u32 - 1 };
        let prefix = tag.prefix.or_else(|| {
            let text = slice(self.main, &self.doc.side, span);
            self.doc.prefixes.find(self.main, &self.doc.side, text)
        });
        match prefix.map(|prefix| (prefix, self.current[usize::from(prefix)])) {
            Some((prefix, ns)) if ns != UNBOUND => Ok((prefix, ns)),
            _ => Err(self.undeclared(span, start)),
        }
    }

    #[cold]
    fn undeclared(&self, prefix: Span, at: usize) -> Fail {
        self.error(at, format!("prefix {:?} is not declared", self.slice(prefix)))
    }

    fn resolve_attributes(&mut self, tag: &mut Tag<'t>, start: usize, prefixes: &mut u32) -> Result<(), Fail> {
        for at in tag.first_attribute..self.doc.attributes.len() {
            let data = self.doc.attributes[at];
            if data.prefix == NO_PREFIX {
                continue;
            }
            let ns = self.current[usize::from(data.prefix)];
            if ns == UNBOUND {
                let span = Span { start: data.name, end: (data.name & !SIDE) + u32::from(data.local_at) - 1 };
                return Err(self.undeclared(span, start));
            }
            self.doc.attributes[at].ns = ns;
            tag.canonical &= ns != XML_NS;
            mark(prefixes, &mut tag.canonical, data.prefix);
        }
        let attributes = &self.doc.attributes[tag.first_attribute..];
        let duplicate = match attributes.len() {
            0 | 1 => None,
            2..=FEW_ATTRIBUTES => self.duplicate_of_few(attributes),
            _ => self.duplicate_of_many(attributes),
        };
        if let Some(name) = duplicate {
            return Err(self.error(start, format!("attribute {name} stands twice in one start tag")));
        }
        if tag.canonical && attributes.len() > 1 {
            let order = |a: &AttributeData| (self.slice(self.doc.uris.span(a.ns)), self.slice(a.local_span()));
            tag.canonical = attributes.is_sorted_by(|a, b| order(a) < order(b));
        }
        Ok(())
    }

    fn duplicate_of_few(&self, attributes: &[AttributeData]) -> Option<String> {
        for (at, a) in attributes.iter().enumerate() {
            for b in &attributes[..at] {
                let lengths = a.name_len - a.local_at == b.name_len - b.local_at;
                if lengths && a.ns == b.ns && self.slice(a.local_span()) == self.slice(b.local_span()) {
                    return Some(self.slice(a.name_span()).to_owned());
                }
            }
        }
        None
    }

    fn duplicate_of_many(&self, attributes: &[AttributeData]) -> Option<String> {
        let mut names: Vec<(u16, &str)> = attributes.iter().map(|a| (a.ns, self.slice(a.local_span()))).collect();
        names.sort_unstable();
        names.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0].1.to_owned())
    }

    /// Reads the value whose opening quote is at `open`, normalized as CDATA (XML 1.0 §3.3.3).
    #[inline]
    fn attribute_value(&mut self, open: usize) -> Result<Value, Fail> {
        let quote = match self.byte(open) {
            Some(quote @ (b'"' | b'\'')) => quote,
            _ => return Err(self.expected(open, "a quote at the start of a value")),
        };
        let from = open + 1;
        let mut at = from;
        loop {
            at = chars::find_value_stop(self.bytes, at);
            match self.byte(at) {
                Some(byte) if byte == quote => {
                    return Ok(Value { span: self.span(from, at), end: at + 1, canonical: true });
                }
                Some(b'"' | b'\'') => at += 1,
                _ => return self.changed_value(open, quote, at),
            }
        }
    }

    /// A value that cannot stay as it stands: from `at` on something is replaced.
    fn changed_value(&mut self, open: usize, quote: u8, at: usize) -> Result<Value, Fail> {
        let mut value = String::with_capacity(at - open + 32);
        let mut from = open + 1;
        let mut at = at;
        let end = loop {
            at = chars::find_value_stop(self.bytes, at);
            match self.byte(at) {
                None => return Err(self.error(open, "this value is not closed")),
                Some(b'<') => return Err(self.error(at, "< in the value of an attribute")),
                Some(byte) if byte == quote => break at,
                Some(b'"' | b'\'') => {
                    at += 1;
                    continue;
                }
                Some(b'&') => {
                    value.push_str(&self.source[from..at]);
                    at = self.value_reference(at, &mut value)?;
                }
                Some(byte) => {
                    value.push_str(&self.source[from..at]);
                    value.push(' ');
                    at += 1 + usize::from(byte == b'\r' && self.origin == 0 && self.byte(at + 1) == Some(b'\n'));
                }
            }
            from = at;
        };
        value.push_str(&self.source[from..end]);
        let span = self.on_the_side(&value);
        Ok(Value { span, end: end + 1, canonical: false })
    }
}

/// Notes that `prefix` is used; those beyond the mask have no canonical fast path.
#[inline]
fn mark(prefixes: &mut u32, canonical: &mut bool, prefix: u16) {
    match 1_u32.checked_shl(u32::from(prefix)) {
        Some(bit) => *prefixes |= bit,
        None => *canonical = false,
    }
}

/// Whether `uri` starts with a scheme (RFC 3986 §3.1).
pub(crate) fn is_absolute(uri: &str) -> bool {
    uri.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
    })
}
