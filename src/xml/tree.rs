//! The arena: nodes by number, names and texts as ranges of the octets they came from.
//!
//! A [`Document`] starts as one parsed text. [`Document::replace`] parses a further text (what an `EncryptedData`
//! held) in the namespace context of the node it replaces, into the same arena. Node numbers are stable; they are in
//! document order only until the first replacement.

use std::borrow::Cow;
use std::ops::Range;

use super::{Error, TextPos};

/// A node: the document itself, an element, a text, a comment or a processing instruction.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NodeId(pub(crate) u32);

/// An attribute that is not a namespace declaration, by its number in the document.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AttributeId(pub(crate) u32);

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
pub struct Document {}

#[allow(unused_variables, reason = "bodies land with the parser")]
impl Document {
    /// The document node.
    #[must_use]
    pub fn root(&self) -> NodeId {
        todo!()
    }
    /// The document element.
    #[must_use]
    pub fn document_element(&self) -> NodeId {
        todo!()
    }
    /// What `node` is.
    #[must_use]
    pub fn kind(&self, node: NodeId) -> Kind {
        todo!()
    }
    /// Parent; none for the document node and for nodes that were replaced.
    #[must_use]
    pub fn parent(&self, node: NodeId) -> Option<NodeId> {
        todo!()
    }
    /// First child of any kind.
    #[must_use]
    pub fn first_child(&self, node: NodeId) -> Option<NodeId> {
        todo!()
    }
    /// Next sibling of any kind.
    #[must_use]
    pub fn next_sibling(&self, node: NodeId) -> Option<NodeId> {
        todo!()
    }
    /// Children of any kind, in order.
    pub fn children(&self, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        std::iter::successors(self.first_child(node), |n| self.next_sibling(*n))
    }
    /// Child elements, in order.
    pub fn elements(&self, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        self.children(node).filter(|n| self.kind(*n) == Kind::Element)
    }
    /// `node` and everything below it, in document order, without recursion.
    pub fn descendants(&self, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        std::iter::once(node) // lands with the parser
    }
    /// Whether `ancestor` is `node` or above it.
    #[must_use]
    pub fn contains(&self, ancestor: NodeId, node: NodeId) -> bool {
        todo!()
    }
    /// Local name of an element; target of a processing instruction; else "".
    #[must_use]
    pub fn local(&self, node: NodeId) -> &str {
        todo!()
    }
    /// Prefix of an element, "" without.
    #[must_use]
    pub fn prefix(&self, node: NodeId) -> &str {
        todo!()
    }
    /// Namespace URI of an element, "" without.
    #[must_use]
    pub fn ns(&self, node: NodeId) -> &str {
        todo!()
    }
    /// Whether `node` is the element {ns}local.
    #[must_use]
    pub fn is(&self, node: NodeId, ns: &str, local: &str) -> bool {
        todo!()
    }
    /// Attributes of an element in the order of the text, namespace declarations excluded.
    pub fn attributes(&self, node: NodeId) -> impl Iterator<Item = Attribute<'_>> + '_ {
        std::iter::empty() // lands with the parser
    }
    /// Value of the attribute {ns}local; `ns` is "" for one without prefix.
    #[must_use]
    pub fn attribute(&self, node: NodeId, ns: &str, local: &str) -> Option<&str> {
        self.attributes(node).find(|a| a.local == local && a.ns == ns).map(|a| a.value)
    }
    /// Namespace declarations on the element itself: prefix ("" for the default) and URI ("" undeclares).
    pub fn namespace_declarations(&self, node: NodeId) -> impl Iterator<Item = (&str, &str)> + '_ {
        std::iter::empty() // lands with the parser
    }
    /// URI bound to `prefix` at `node` ("" for the default namespace); none when it is not declared.
    #[must_use]
    pub fn namespace_of_prefix(&self, node: NodeId, prefix: &str) -> Option<&str> {
        todo!()
    }
    /// Text of a text, comment or processing instruction; else "".
    #[must_use]
    pub fn text(&self, node: NodeId) -> &str {
        todo!()
    }
    /// Texts below `node`, joined (XPath string-value); borrowed when there is one.
    #[must_use]
    pub fn text_content(&self, node: NodeId) -> Cow<'_, str> {
        todo!()
    }
    /// Where a node starts in the text it was parsed from.
    #[must_use]
    pub fn position(&self, node: NodeId) -> TextPos {
        todo!()
    }
    /// Where `node` starts, counted in the octets of `base`, which contains it and was parsed from the same text; line
    /// and column from 1 at the `<` of `base`.
    #[must_use]
    pub fn position_within(&self, base: NodeId, node: NodeId) -> TextPos {
        todo!()
    }
    /// Octets of a node as they came (an element from its `<` to its last `>`), as a range of [`Document::octets`].
    #[must_use]
    pub fn range(&self, node: NodeId) -> Range<usize> {
        todo!()
    }
    /// All octets: the first text in UTF-8, then every fragment that was parsed into this document.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        todo!()
    }
    /// Octets of the first text only.
    #[must_use]
    pub fn octets_len_first(&self) -> usize {
        todo!()
    }
    /// Parses `fragment` (content: elements, text, comments) in the namespace context of `node`'s parent and puts what
    /// it holds in the place of `node`. Gives the first and last new node; none for empty content.
    ///
    /// # Errors
    /// [`Error`], counted from the start of the fragment; the document is then unchanged.
    pub fn replace(&mut self, node: NodeId, fragment: &[u8]) -> Result<Option<(NodeId, NodeId)>, Error> {
        todo!()
    }
    /// The document as octets with every replacement in its place; everything else as it came.
    #[must_use]
    pub fn to_octets(&self) -> Vec<u8> {
        todo!()
    }
}
