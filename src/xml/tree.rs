//! The arena: nodes by number, names and texts as ranges of the octets they came from.
//!
//! A [`Document`] starts as one parsed text. [`Document::replace`] parses a further text (what an `EncryptedData`
//! held) in the namespace context of the node it replaces, into the same arena. Node numbers are stable; they are in
//! document order only until the first replacement.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::OnceLock;

use super::TextPos;
use super::name::ns;
use crate::base::octets::same;
use arena::{
    AttributeData, Declaration, NO_NS, NO_PREFIX, NONE, Node, SIDE, Scope, Span, Table, XML_NS, XML_PREFIX, slice,
};
use place::Lines;

pub(crate) mod arena;
pub(crate) mod place;
mod splice;
mod word;

pub(crate) use word::{Name, Short, name_word};

/// A node: the document itself, an element, a text, a comment or a processing instruction.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NodeId(pub(crate) u32);

/// An attribute that is not a namespace declaration, by its number in the document.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AttributeId(pub(crate) u32);

/// A namespace node (XPath 1.0 §5.4): that `element` has a prefix bound.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NamespaceNode {
    /// The element on whose namespace axis it stands.
    pub element: NodeId,
    pub(crate) prefix: u16,
    pub(crate) uri: u16,
}

/// What a node is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The document node, above the document element.
    Document,
    /// An element.
    Element,
    /// Text, CDATA sections merged into it.
    Text,
    /// A comment.
    Comment,
    /// A processing instruction.
    ProcessingInstruction,
}

/// An attribute, namespace declarations excluded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Attribute<'a> {
    /// Its number.
    pub id: AttributeId,
    /// Prefix, "" without.
    pub prefix: &'a str,
    /// Local name.
    pub local: &'a str,
    /// Namespace URI, "" without.
    pub ns: &'a str,
    /// Normalized value.
    pub value: &'a str,
    /// Whether the DTD declares it of type ID.
    pub is_dtd_id: bool,
}

/// A parsed document.
#[derive(Debug)]
pub struct Document {
    /// The first text, then every fragment.
    pub(crate) text: String,
    /// Texts and values that differ from the input: references resolved, line ends normalized, entities.
    pub(crate) side: String,
    pub(crate) nodes: Vec<Node>,
    pub(crate) attributes: Vec<AttributeData>,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) declarations: Vec<Declaration>,
    pub(crate) prefixes: Table,
    pub(crate) uris: Table,
    pub(crate) document_element: u32,
    /// Whether a declared namespace URI is relative: no canonical form then.
    pub(crate) relative_uri: bool,
    /// Ceilings that hold for fragments too.
    pub(crate) depth_max: usize,
    pub(crate) nodes_max: usize,
    /// Where each parsed text starts in `text`, a byte order mark excluded.
    segments: Vec<u32>,
    /// Whether anything but the first text was ever read into it.
    holds_fragments: bool,
    /// Whether a comment or a processing instruction was ever read into it.
    pub(crate) has_asides: bool,
    /// The number above which every node stands in the fragment that was read last, in document order.
    last_fragment: u32,
    /// Octets of `text` that a fragment took the place of.
    replacements: Vec<splice::Replacement>,
    /// The name of the encoding in the XML declaration, where the input was transcoded.
    pub(crate) foreign_encoding: Option<Range<usize>>,
    lines: OnceLock<Lines>,
}

impl Document {
    /// A document node and nothing below it.
    pub(crate) fn new(text: String, start: usize) -> Self {
        let mut side = String::with_capacity(256);
        let mut prefixes = Table::new();
        let mut uris = Table::new();
        let known = |table: &mut Table, side: &mut String, name: &str| {
            let from = side.len() as u32;
            side.push_str(name);
            let span = Span { start: from | SIDE, end: side.len() as u32 };
            table.intern("", side, name, span).expect("a new table has room");
        };
        known(&mut prefixes, &mut side, "");
        known(&mut prefixes, &mut side, "xml");
        for uri in ["", ns::XML, ns::XMLNS] {
            known(&mut uris, &mut side, uri);
        }
        let nodes_guess = (text.len() / 20).clamp(16, 2048);
        let mut nodes = Vec::with_capacity(nodes_guess);
        let mut root = Node::new(Kind::Document, NONE);
        root.start = start as u32;
        root.end = text.len() as u32;
        nodes.push(root);
        Self {
            text,
            side,
            nodes,
            attributes: Vec::with_capacity(nodes_guess / 8),
            scopes: vec![Scope { parent: NONE, owner: 0, first: 0, len: 0 }],
            declarations: Vec::with_capacity(16),
            prefixes,
            uris,
            document_element: NONE,
            relative_uri: false,
            depth_max: 0,
            nodes_max: 0,
            segments: vec![start as u32],
            holds_fragments: false,
            has_asides: false,
            last_fragment: NONE,
            replacements: Vec::new(),
            foreign_encoding: None,
            lines: OnceLock::new(),
        }
    }

    pub(crate) fn node(&self, node: NodeId) -> &Node {
        &self.nodes[node.0 as usize]
    }

    pub(crate) fn slice(&self, span: Span) -> &str {
        slice(&self.text, &self.side, span)
    }

    pub(crate) fn prefix_text(&self, prefix: u16) -> &str {
        self.slice(self.prefixes.span(prefix))
    }

    pub(crate) fn uri_text(&self, uri: u16) -> &str {
        self.slice(self.uris.span(uri))
    }

    /// Numbers of all nodes that were ever made lie below this.
    #[must_use]
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// Numbers of all attributes that were ever made lie below this.
    #[must_use]
    pub fn attribute_count(&self) -> usize {
        self.attributes.len()
    }

    /// The document node.
    #[must_use]
    pub fn root(&self) -> NodeId {
        NodeId(0)
    }

    /// The document element.
    #[must_use]
    pub fn document_element(&self) -> NodeId {
        NodeId(self.document_element)
    }

    /// What `node` is.
    #[must_use]
    pub fn kind(&self, node: NodeId) -> Kind {
        self.node(node).kind
    }

    /// Parent; none for the document node and for nodes that were replaced.
    #[must_use]
    pub fn parent(&self, node: NodeId) -> Option<NodeId> {
        link(self.node(node).parent)
    }

    /// First child of any kind.
    #[must_use]
    pub fn first_child(&self, node: NodeId) -> Option<NodeId> {
        link(self.node(node).first_child)
    }

    /// Next sibling of any kind.
    #[must_use]
    pub fn next_sibling(&self, node: NodeId) -> Option<NodeId> {
        link(self.node(node).next)
    }

    /// Previous sibling of any kind.
    #[must_use]
    pub fn previous_sibling(&self, node: NodeId) -> Option<NodeId> {
        link(self.node(node).prev)
    }

    /// Children of any kind, in order.
    pub fn children(&self, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        std::iter::successors(self.first_child(node), |n| self.next_sibling(*n))
    }

    /// Child elements, in order.
    pub fn elements(&self, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        self.children(node).filter(|n| self.kind(*n) == Kind::Element)
    }

    /// Ancestors of `node`, its parent first.
    pub fn ancestors(&self, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        std::iter::successors(self.parent(node), |n| self.parent(*n))
    }

    /// `node` and everything below it, in document order, without recursion.
    pub fn descendants(&self, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        std::iter::successors(Some(node), move |n| self.next_in(node, *n))
    }

    /// What follows `node` in document order, staying below `top`.
    pub(crate) fn next_in(&self, top: NodeId, node: NodeId) -> Option<NodeId> {
        self.first_child(node).or_else(|| self.next_after(top, node))
    }

    /// What follows `node` and everything below it in document order, staying below `top`.
    pub(crate) fn next_after(&self, top: NodeId, node: NodeId) -> Option<NodeId> {
        let mut node = node;
        while node != top {
            if let Some(next) = self.next_sibling(node) {
                return Some(next);
            }
            node = self.parent(node)?;
        }
        None
    }

    /// Whether `ancestor` is `node` or above it.
    #[must_use]
    pub fn contains(&self, ancestor: NodeId, node: NodeId) -> bool {
        ancestor == node || self.ancestors(node).any(|above| above == ancestor)
    }

    /// Local name of an element; target of a processing instruction; else "".
    #[must_use]
    pub fn local(&self, node: NodeId) -> &str {
        self.slice(self.node(node).local_span())
    }

    /// Name of an element as written, prefix included; target of a processing instruction; else "".
    #[must_use]
    pub fn qualified_name(&self, node: NodeId) -> &str {
        self.slice(self.node(node).name_span())
    }

    /// Prefix of an element, "" without.
    #[must_use]
    pub fn prefix(&self, node: NodeId) -> &str {
        self.prefix_text(self.node(node).prefix)
    }

    /// Namespace URI of an element, "" without.
    #[must_use]
    pub fn ns(&self, node: NodeId) -> &str {
        self.uri_text(self.node(node).ns)
    }

    /// Whether `node` is the element {ns}local.
    #[must_use]
    #[inline]
    pub fn is(&self, node: NodeId, ns: &str, local: &str) -> bool {
        self.is_local(node, local) && self.ns(node) == ns
    }

    /// Whether `node` is an element with this local name, in whatever namespace.
    #[inline]
    pub(crate) fn is_local(&self, node: NodeId, local: &str) -> bool {
        let data = self.node(node);
        data.kind == Kind::Element
            && usize::from(data.name_len - data.local_at) == local.len()
            && same(self.octets_at(data.local_span()), local.as_bytes())
    }

    /// The local name of an element, the number of its namespace, and what follows it; none of any other node. For those who
    /// walk along many siblings.
    #[inline(always)]
    pub(crate) fn element_at(&self, node: NodeId) -> Option<(Name<'_>, u16, Option<NodeId>)> {
        let data = self.node(node);
        let name = || Name::at(self.buffer(data.name), data.local_span());
        (data.kind == Kind::Element).then(|| (name(), data.ns, link(data.next)))
    }

    /// What an element holds when that is one text or nothing; none when it is anything else.
    #[inline(always)]
    pub(crate) fn only_text(&self, node: NodeId) -> Option<Short<'_>> {
        let Some(first) = self.first_child(node) else { return Some(Short::EMPTY) };
        let data = self.node(first);
        let span = data.text_span();
        let held = || Short::at(self.buffer(span.start), span, self.slice(span));
        (data.kind == Kind::Text && data.next == NONE).then(held)
    }

    /// Number of the namespace of an element: equal numbers are equal URIs. For those who compare often.
    #[inline]
    pub(crate) fn ns_number(&self, node: NodeId) -> u16 {
        self.node(node).ns
    }

    /// URIs by their numbers.
    pub(crate) fn ns_by_number(&self) -> impl Iterator<Item = &str> + '_ {
        (0..self.uris.len()).map(|number| self.uri_text(number as u16))
    }

    /// The octets in which a span with this start lies.
    #[inline]
    fn buffer(&self, start: u32) -> &[u8] {
        if start & SIDE == 0 { self.text.as_bytes() } else { self.side.as_bytes() }
    }

    #[inline]
    fn octets_at(&self, span: Span) -> &[u8] {
        self.buffer(span.start).get((span.start & !SIDE) as usize..span.end as usize).unwrap_or_default()
    }

    /// Attributes of an element in the order of the text, namespace declarations excluded.
    pub fn attributes(&self, node: NodeId) -> impl Iterator<Item = Attribute<'_>> + '_ {
        self.node(node).attribute_range().map(|id| self.attribute_by_id(AttributeId(id as u32)))
    }

    /// Of each attribute of an element the local name, the number of the namespace and the value.
    #[inline]
    pub(crate) fn attributes_at(&self, node: NodeId) -> impl Iterator<Item = (&str, u16, Short<'_>)> + '_ {
        let attributes = self.attributes.get(self.node(node).attribute_range()).unwrap_or_default();
        attributes.iter().map(|a| {
            let span = a.value_span();
            (self.slice(a.local_span()), a.ns, Short::at(self.buffer(span.start), span, self.slice(span)))
        })
    }

    /// False only when no comment and no processing instruction stands in the document.
    #[must_use]
    pub fn may_have_asides(&self) -> bool {
        self.has_asides
    }

    /// False only when no attribute with a prefix has this local name.
    pub(crate) fn may_have_prefixed_attribute(&self, local: &str) -> bool {
        self.attributes.iter().any(|a| {
            a.local_at > 0 && usize::from(a.name_len - a.local_at) == local.len() && self.slice(a.local_span()) == local
        })
    }

    /// The elements among `node` and everything below it that have an attribute for which `wanted` says so, by the length
    /// of its local name and whether the DTD declares it an id; in document order. None when the nodes do not stand in one
    /// piece of the arena: then they must be walked.
    pub(crate) fn owners_of(
        &self,
        node: NodeId,
        wanted: impl Fn(usize, bool) -> bool,
    ) -> Option<impl Iterator<Item = NodeId>> {
        let end = if node == self.root() && self.replacements.is_empty() {
            self.nodes.len() as u32
        } else if self.last_fragment < node.0 {
            // The nodes that follow in the fragment have higher numbers, the rest of the document has lower ones.
            match self.next_after(self.root(), node) {
                Some(next) if next > node => next.0,
                _ => self.nodes.len() as u32,
            }
        } else {
            return None;
        };
        let from = self.attributes.partition_point(|a| a.owner < node.0);
        let attributes = self.attributes.get(from..).unwrap_or_default();
        let mut last = NONE;
        Some(attributes.iter().take_while(move |a| a.owner < end).filter_map(move |a| {
            let fits = a.owner != last && wanted(usize::from(a.name_len - a.local_at), a.value_end & SIDE != 0);
            fits.then(|| {
                last = a.owner;
                NodeId(a.owner)
            })
        }))
    }

    /// Whether an element has attributes, namespace declarations excluded.
    #[inline]
    pub(crate) fn has_attributes(&self, node: NodeId) -> bool {
        let data = self.node(node);
        data.kind == Kind::Element && data.attributes_len > 0
    }

    /// Of each attribute of an element the octets of its local name, and whether the DTD declares it of type ID.
    #[inline]
    pub(crate) fn attribute_name_lengths(&self, node: NodeId) -> impl ExactSizeIterator<Item = (usize, bool)> + '_ {
        let attributes = self.attributes.get(self.node(node).attribute_range()).unwrap_or_default();
        attributes.iter().map(|a| (usize::from(a.name_len - a.local_at), a.value_end & SIDE != 0))
    }

    /// The attribute of that number.
    #[must_use]
    pub fn attribute_by_id(&self, id: AttributeId) -> Attribute<'_> {
        let data = &self.attributes[id.0 as usize];
        Attribute {
            id,
            prefix: self.prefix_text(data.prefix),
            local: self.slice(data.local_span()),
            ns: self.uri_text(data.ns),
            value: self.slice(data.value_span()),
            is_dtd_id: data.value_end & SIDE != 0,
        }
    }

    /// The element that carries the attribute.
    #[must_use]
    pub fn owner(&self, id: AttributeId) -> NodeId {
        NodeId(self.attributes[id.0 as usize].owner)
    }

    /// Value of the attribute {ns}local; `ns` is "" for one without prefix.
    #[must_use]
    pub fn attribute(&self, node: NodeId, ns: &str, local: &str) -> Option<&str> {
        self.attribute_id(node, ns, local).map(|id| self.slice(self.attributes[id.0 as usize].value_span()))
    }

    /// Number of the attribute {ns}local; `ns` is "" for one without prefix.
    #[must_use]
    pub fn attribute_id(&self, node: NodeId, ns: &str, local: &str) -> Option<AttributeId> {
        let range = self.node(node).attribute_range();
        let first = range.start;
        self.attributes[range]
            .iter()
            .position(|data| {
                usize::from(data.name_len - data.local_at) == local.len()
                    && same(self.octets_at(data.local_span()), local.as_bytes())
                    && self.uri_text(data.ns) == ns
            })
            .map(|at| AttributeId((first + at) as u32))
    }

    /// Namespace declarations on the element itself: prefix ("" for the default) and URI ("" undeclares).
    pub fn namespace_declarations(&self, node: NodeId) -> impl Iterator<Item = (&str, &str)> + '_ {
        self.own_declarations(node).iter().map(|d| (self.prefix_text(d.prefix), self.uri_text(d.uri)))
    }

    pub(crate) fn own_declarations(&self, node: NodeId) -> &[Declaration] {
        let data = self.node(node);
        if data.kind != Kind::Element {
            return &[];
        }
        let scope = &self.scopes[data.a as usize];
        if scope.owner == node.0 { self.scope_declarations(scope) } else { &[] }
    }

    pub(crate) fn scope_declarations(&self, scope: &Scope) -> &[Declaration] {
        &self.declarations[scope.first as usize..(scope.first + scope.len) as usize]
    }

    /// Scopes of a node, the innermost first.
    pub(crate) fn scopes_of(&self, node: NodeId) -> impl Iterator<Item = &Scope> + '_ {
        let mut at = node;
        while self.kind(at) != Kind::Element {
            match self.parent(at) {
                Some(parent) => at = parent,
                None => break,
            }
        }
        let first = if self.kind(at) == Kind::Element { self.node(at).a } else { 0 };
        std::iter::successors(Some(first), |s| Some(self.scopes[*s as usize].parent).filter(|p| *p != NONE))
            .map(|s| &self.scopes[s as usize])
    }

    /// Every prefix bound at `node` and its URI, `xml` excluded, undeclared ones excluded; in no particular order.
    #[must_use]
    pub fn namespaces_in_scope(&self, node: NodeId) -> Vec<(&str, &str)> {
        self.bindings(node).into_iter().map(|d| (self.prefix_text(d.prefix), self.uri_text(d.uri))).collect()
    }

    /// Bindings at `node`, the innermost of each prefix, without `xml` and without what is undeclared.
    pub(crate) fn bindings(&self, node: NodeId) -> Vec<Declaration> {
        // At most `limits::NAMESPACES_IN_SCOPE_MAX` of them; a stable sort leaves the innermost of a prefix first.
        let mut bound: Vec<Declaration> =
            self.scopes_of(node).flat_map(|scope| self.scope_declarations(scope)).copied().collect();
        bound.sort_by_key(|d| d.prefix);
        bound.dedup_by_key(|d| d.prefix);
        bound.retain(|d| d.uri != NO_NS && d.prefix != XML_PREFIX);
        bound
    }

    /// Number of the URI bound to a prefix at `node`; none when it is not declared.
    pub(crate) fn binding(&self, node: NodeId, prefix: u16) -> Option<u16> {
        if prefix == XML_PREFIX {
            return Some(XML_NS);
        }
        self.scopes_of(node)
            .find_map(|scope| self.scope_declarations(scope).iter().find(|d| d.prefix == prefix))
            .map(|d| d.uri)
            .or((prefix == NO_PREFIX).then_some(NO_NS))
    }

    /// URI bound to `prefix` at `node` ("" for the default namespace); none when it is not declared.
    #[must_use]
    pub fn namespace_of_prefix(&self, node: NodeId, prefix: &str) -> Option<&str> {
        match self.prefixes.look_up(&self.text, &self.side, prefix) {
            Some(prefix) => self.binding(node, prefix).map(|uri| self.uri_text(uri)),
            None => None,
        }
    }

    /// Text of a text, comment or processing instruction; else "".
    #[must_use]
    pub fn text(&self, node: NodeId) -> &str {
        let data = self.node(node);
        match data.kind {
            Kind::Document | Kind::Element => "",
            Kind::Text | Kind::Comment | Kind::ProcessingInstruction => self.slice(data.text_span()),
        }
    }

    /// Texts below `node`, joined (XPath string-value); borrowed when there is one.
    #[must_use]
    pub fn text_content(&self, node: NodeId) -> Cow<'_, str> {
        if !matches!(self.kind(node), Kind::Document | Kind::Element) {
            return Cow::Borrowed(self.text(node));
        }
        let mut texts = self.descendants(node).filter(|n| self.kind(*n) == Kind::Text).map(|n| self.text(n));
        let Some(first) = texts.next() else { return Cow::Borrowed("") };
        let Some(second) = texts.next() else { return Cow::Borrowed(first) };
        let mut joined = [first, second].concat();
        joined.extend(texts);
        Cow::Owned(joined)
    }

    fn lines(&self) -> &Lines {
        self.lines.get_or_init(|| Lines::new(self.text.as_bytes()))
    }

    /// Where a node starts in the text it was parsed from.
    #[must_use]
    pub fn position(&self, node: NodeId) -> TextPos {
        let start = self.node(node).start;
        let segment = self.segments.partition_point(|base| *base <= start).saturating_sub(1);
        self.lines().position(self.text.as_bytes(), self.segments[segment] as usize, start as usize)
    }

    /// Where `node` starts, counted in the octets of `base`, which contains it and was parsed from the same text; line
    /// and column from 1 at the `<` of `base`.
    #[must_use]
    pub fn position_within(&self, base: NodeId, node: NodeId) -> TextPos {
        let (base, start) = (self.node(base).start as usize, self.node(node).start as usize);
        self.lines().position(self.text.as_bytes(), base, start)
    }

    /// Octets of a node as they came (an element from its `<` to its last `>`), as a range of [`Document::octets`].
    #[must_use]
    pub fn range(&self, node: NodeId) -> Range<usize> {
        let data = self.node(node);
        data.start as usize..data.end as usize
    }

    /// All octets: the first text in UTF-8, then every fragment that was parsed into this document.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// Octets of the first text only.
    #[must_use]
    pub fn octets_len_first(&self) -> usize {
        self.segments.get(1).map_or(self.text.len(), |second| *second as usize)
    }

    /// Whether all that is in `node` stands in [`Document::range`] of it: no fragment was parsed after it that could be.
    pub(crate) fn is_whole(&self, node: NodeId) -> bool {
        self.segments.last().is_none_or(|last| *last <= self.node(node).start)
    }

    /// Octets of the fragments, all that were parsed into this document one after the other.
    pub(crate) fn fragment_octets(&self) -> &[u8] {
        self.text.as_bytes().get(self.octets_len_first()..).unwrap_or_default()
    }
}

fn link(number: u32) -> Option<NodeId> {
    (number != NONE).then_some(NodeId(number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::{Options, parse};

    const TEXT: &str = "<?xml version=\"1.0\"?><!--c--><a xmlns=\"urn:a\" xmlns:b='urn:b'>one<b:e Id=\"1\" b:x='&lt;2'>t&amp;u\r\n</b:e\n><![CDATA[<x>]]>two<?p d?><c xmlns=''/></a>\n";

    fn document() -> Document {
        parse(TEXT.as_bytes().to_vec(), &Options::default()).unwrap()
    }

    #[test]
    fn reads_structure_names_and_texts() {
        let doc = document();
        let a = doc.document_element();
        assert!(doc.is(a, "urn:a", "a"));
        let kinds: Vec<Kind> = doc.children(a).map(|n| doc.kind(n)).collect();
        assert_eq!(kinds, [Kind::Text, Kind::Element, Kind::Text, Kind::ProcessingInstruction, Kind::Element]);
        let elements: Vec<NodeId> = doc.elements(a).collect();
        assert!(doc.is(elements[0], "urn:b", "e") && doc.is(elements[1], "", "c"));
        assert_eq!(doc.prefix(elements[0]), "b");
        assert_eq!(doc.text_content(elements[0]), "t&u\n");
        assert_eq!(doc.attribute(elements[0], "", "Id"), Some("1"));
        assert_eq!(doc.attribute(elements[0], "urn:b", "x"), Some("<2"));
        assert_eq!(doc.attribute(elements[0], "", "x"), None);
        assert_eq!(doc.text_content(a), "onet&u\n<x>two");
        assert_eq!(doc.namespace_of_prefix(elements[0], ""), Some("urn:a"));
        assert_eq!(doc.namespace_of_prefix(elements[1], ""), Some(""));
        assert_eq!(doc.namespace_of_prefix(elements[1], "b"), Some("urn:b"));
        assert_eq!(doc.namespace_of_prefix(elements[1], "z"), None);
        assert_eq!(doc.position(elements[0]), TextPos { line: 1, column: 66 });
        assert_eq!(doc.position_within(a, elements[1]).line, 3);
        assert_eq!(&TEXT.as_bytes()[doc.range(elements[1])], b"<c xmlns=''/>");
        assert_eq!(doc.to_octets(), TEXT.as_bytes());
        assert!(doc.contains(a, elements[0]) && !doc.contains(elements[0], a));
    }

    #[test]
    fn a_fragment_takes_the_place_of_a_node_in_its_namespaces() {
        let mut doc = document();
        let a = doc.document_element();
        let e = doc.elements(a).next().unwrap();
        let (first, last) = doc.replace(e, b"<b:n><x/></b:n>tail").unwrap().unwrap();
        assert!(doc.is(first, "urn:b", "n"));
        assert_eq!(doc.text(last), "tail");
        let x = doc.first_child(first).unwrap();
        assert!(doc.is(x, "urn:a", "x"));
        assert_eq!(doc.parent(e), None);
        assert_eq!(doc.previous_sibling(first).map(|n| doc.text(n)), Some("one"));
        let inner = doc.replace(x, b"<b:y/>").unwrap().unwrap().0;
        assert_eq!(doc.position(inner), TextPos { line: 1, column: 1 });
        let text = String::from_utf8(doc.to_octets()).unwrap();
        assert!(text.contains("one<b:n><b:y/></b:n>tail<![CDATA["), "{text}");
        assert_eq!(doc.text_content(a), "onetail<x>two");
    }

    #[test]
    fn a_malformed_fragment_changes_nothing() {
        let mut doc = document();
        let e = doc.elements(doc.document_element()).next().unwrap();
        for wrong in ["<z:n/>", "<a>", "</a>", "a<!DOCTYPE x>", "&e;", "<a xmlns:q='urn:new'><b></a>"] {
            let nodes = doc.node_count();
            assert!(doc.replace(e, wrong.as_bytes()).is_err(), "{wrong}");
            assert_eq!((doc.node_count(), doc.to_octets()), (nodes, TEXT.as_bytes().to_vec()));
            assert_eq!(doc.namespace_of_prefix(e, "q"), None);
        }
        assert_eq!(doc.replace(e, b"").unwrap(), None);
        assert!(doc.replace(e, b"x").is_err(), "a node has its place only once");
        let root = doc.document_element();
        assert!(doc.replace(root, b"text").is_err());
        assert!(doc.replace(root, b"<a/><b/>").is_err());
        let (new, _) = doc.replace(root, b"<n/>").unwrap().unwrap();
        assert_eq!(doc.document_element(), new);
    }
}
