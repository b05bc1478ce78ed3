//! An arbitrary set of nodes, attributes and namespace nodes: what XPath transforms give.

use std::collections::HashSet;

use crate::xml::tree::arena::{NO_NS, XML_NS, XML_PREFIX};
use crate::xml::tree::{AttributeId, NamespaceNode};
use crate::xml::{Document, Kind, NodeId};

/// Nodes, attributes and namespace nodes of one document, each in or out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExplicitSet {
    nodes: Bits,
    attributes: Bits,
    namespaces: HashSet<NamespaceNode>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Bits(Vec<u64>);

impl Bits {
    fn insert(&mut self, at: u32) {
        let word = at as usize / 64;
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (at % 64);
    }

    fn remove(&mut self, at: u32) {
        if let Some(word) = self.0.get_mut(at as usize / 64) {
            *word &= !(1 << (at % 64));
        }
    }

    fn contains(&self, at: u32) -> bool {
        self.0.get(at as usize / 64).is_some_and(|word| word & 1 << (at % 64) != 0)
    }

    fn union(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a |= b);
    }

    fn intersect(&mut self, other: &Self) {
        self.0.truncate(other.0.len());
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a &= b);
    }

    fn subtract(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a &= !b);
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }
}

impl ExplicitSet {
    /// The empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// `root` with everything below it, attributes and namespace nodes included; comments when `comments`; without the
    /// subtrees in `except`.
    #[must_use]
    pub fn subtree(document: &Document, root: NodeId, except: &[NodeId], comments: bool) -> Self {
        let mut set = Self::new();
        let mut at = Some(root);
        while let Some(node) = at {
            if except.contains(&node) {
                at = document.next_after(root, node);
                continue;
            }
            if comments || document.kind(node) != Kind::Comment {
                set.insert_whole(document, node);
            }
            at = document.next_in(root, node);
        }
        set
    }

    /// Adds a node; for an element neither its attributes nor its namespace nodes.
    pub fn insert(&mut self, node: NodeId) {
        self.nodes.insert(node.0);
    }

    /// Adds an attribute.
    pub fn insert_attribute(&mut self, attribute: AttributeId) {
        self.attributes.insert(attribute.0);
    }

    /// Adds a namespace node.
    pub fn insert_namespace(&mut self, namespace: NamespaceNode) {
        self.namespaces.insert(namespace);
    }

    /// Adds a node with its attributes and namespace nodes.
    pub fn insert_whole(&mut self, document: &Document, node: NodeId) {
        self.insert(node);
        if document.kind(node) == Kind::Element {
            document.attributes(node).for_each(|a| self.insert_attribute(a.id));
            document.namespace_nodes(node).into_iter().for_each(|n| self.insert_namespace(n));
        }
    }

    /// Takes a node out.
    pub fn remove(&mut self, node: NodeId) {
        self.nodes.remove(node.0);
    }

    /// Whether `node` is in.
    #[must_use]
    pub fn contains(&self, node: NodeId) -> bool {
        self.nodes.contains(node.0)
    }

    /// Whether the attribute is in.
    #[must_use]
    pub fn contains_attribute(&self, attribute: AttributeId) -> bool {
        self.attributes.contains(attribute.0)
    }

    /// Whether the namespace node is in.
    #[must_use]
    pub fn contains_namespace(&self, namespace: NamespaceNode) -> bool {
        self.namespaces.contains(&namespace)
    }

    /// Whether nothing is in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty() && self.attributes.is_empty() && self.namespaces.is_empty()
    }

    /// Adds all of `other` (XPath Filter 2.0 `union`).
    pub fn union(&mut self, other: &Self) {
        self.nodes.union(&other.nodes);
        self.attributes.union(&other.attributes);
        self.namespaces.extend(&other.namespaces);
    }

    /// Keeps what is in `other` too (XPath Filter 2.0 `intersect`).
    pub fn intersect(&mut self, other: &Self) {
        self.nodes.intersect(&other.nodes);
        self.attributes.intersect(&other.attributes);
        self.namespaces.retain(|n| other.namespaces.contains(n));
    }

    /// Takes all of `other` out (XPath Filter 2.0 `subtract`).
    pub fn subtract(&mut self, other: &Self) {
        self.nodes.subtract(&other.nodes);
        self.attributes.subtract(&other.attributes);
        self.namespaces.retain(|n| !other.namespaces.contains(n));
    }

    /// Every node, attribute and namespace node of the document that is in the set or below a node in it
    /// (XPath Filter 2.0 §3.2: the subtrees rooted at what an expression selects).
    #[must_use]
    pub fn expanded(&self, document: &Document) -> Self {
        let mut set = self.clone();
        let root = document.root();
        let mut at = Some(root);
        while let Some(node) = at {
            if !self.contains(node) {
                at = document.next_in(root, node);
                continue;
            }
            for below in document.descendants(node) {
                set.insert_whole(document, below);
            }
            at = document.next_after(root, node);
        }
        set
    }
}

impl Document {
    /// The namespace nodes of an element (XPath 1.0 §5.4): one for each prefix bound there, `xml` included, sorted by
    /// prefix.
    #[must_use]
    pub fn namespace_nodes(&self, element: NodeId) -> Vec<NamespaceNode> {
        if self.kind(element) != Kind::Element {
            return Vec::new();
        }
        let node = |prefix, uri| NamespaceNode { element, prefix, uri };
        let mut nodes: Vec<NamespaceNode> = vec![node(XML_PREFIX, XML_NS)];
        nodes.extend(self.bindings(element).into_iter().filter(|d| d.uri != NO_NS).map(|d| node(d.prefix, d.uri)));
        nodes.sort_unstable_by_key(|n| self.prefix_text(n.prefix));
        nodes
    }

    /// The prefix that a namespace node binds, and the URI.
    #[must_use]
    pub fn namespace_node(&self, node: NamespaceNode) -> (&str, &str) {
        (self.prefix_text(node.prefix), self.uri_text(node.uri))
    }
}
