//! An arbitrary set of nodes, attributes and namespace nodes: what XPath transforms give.

use std::collections::{BTreeSet, HashMap};

use crate::xml::tree::arena::{NO_NS, XML_NS, XML_PREFIX};
use crate::xml::tree::{AttributeId, NamespaceNode};
use crate::xml::{Document, Kind, NodeId};

/// Nodes, attributes and namespace nodes of one document, each in or out.
///
/// Every element has a namespace node for each prefix in scope, hundreds of them where hundreds are declared above. So
/// an element whose namespace nodes are all in costs one bit.
#[derive(Clone, Debug, Default)]
pub struct ExplicitSet {
    nodes: Bits,
    attributes: Bits,
    /// Elements whose namespace nodes are in, but for those in `others`.
    axes: Bits,
    /// By element, its namespace nodes that are in although `axes` says they are not, or out although it says they are.
    others: HashMap<u32, BTreeSet<Binding>>,
}

/// Numbers of a prefix and a namespace.
type Binding = (u16, u16);

#[derive(Clone, Debug, Default)]
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
        let element = namespace.element.0;
        let binding = (namespace.prefix, namespace.uri);
        if !self.axes.contains(element) {
            self.others.entry(element).or_default().insert(binding);
        } else if let Some(out) = self.others.get_mut(&element) {
            out.remove(&binding);
        }
    }

    /// Adds a node with its attributes and namespace nodes.
    pub fn insert_whole(&mut self, document: &Document, node: NodeId) {
        self.insert(node);
        if document.kind(node) == Kind::Element {
            document.attributes(node).for_each(|a| self.insert_attribute(a.id));
            self.axes.insert(node.0);
            self.others.remove(&node.0);
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
        let other = !self.others.is_empty()
            && self
                .others
                .get(&namespace.element.0)
                .is_some_and(|bindings| bindings.contains(&(namespace.prefix, namespace.uri)));
        self.axes.contains(namespace.element.0) != other
    }

    /// Adds all of `other` (XPath Filter 2.0 `union`).
    pub fn union(&mut self, other: &Self) {
        self.nodes.union(&other.nodes);
        self.attributes.union(&other.attributes);
        self.combine_axes(other, |ours, theirs| ours || theirs);
        self.axes.union(&other.axes);
    }

    /// Keeps what is in `other` too (XPath Filter 2.0 `intersect`).
    pub fn intersect(&mut self, other: &Self) {
        self.nodes.intersect(&other.nodes);
        self.attributes.intersect(&other.attributes);
        self.combine_axes(other, |ours, theirs| ours && theirs);
        self.axes.intersect(&other.axes);
    }

    /// Takes all of `other` out (XPath Filter 2.0 `subtract`).
    pub fn subtract(&mut self, other: &Self) {
        self.nodes.subtract(&other.nodes);
        self.attributes.subtract(&other.attributes);
        self.combine_axes(other, |ours, theirs| ours && !theirs);
        self.axes.subtract(&other.axes);
    }

    /// Makes `others` what it must be when `axes` is combined by `operation` right after.
    fn combine_axes(&mut self, other: &Self, operation: fn(bool, bool) -> bool) {
        let none = BTreeSet::new();
        let elements: BTreeSet<u32> = self.others.keys().chain(other.others.keys()).copied().collect();
        for element in elements {
            let (our_axis, their_axis) = (self.axes.contains(element), other.axes.contains(element));
            let axis = operation(our_axis, their_axis);
            let ours = self.others.remove(&element).unwrap_or_default();
            let theirs = other.others.get(&element).unwrap_or(&none);
            let differs = |binding: &&Binding| {
                operation(our_axis != ours.contains(binding), their_axis != theirs.contains(binding)) != axis
            };
            let left: BTreeSet<Binding> = ours.union(theirs).filter(differs).copied().collect();
            if !left.is_empty() {
                self.others.insert(element, left);
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::{Options, parse};

    #[test]
    fn sets_of_namespace_nodes_combine_as_sets_do_however_they_are_kept() {
        // An axis kept as one bit, and one kept node by node, are the same set.
        let document = parse(b"<a xmlns='u:d' xmlns:p='u:p'><b xmlns:q='u:q'/></a>".to_vec(), &Options::default());
        let document = document.unwrap();
        let elements: Vec<NodeId> = document.descendants(document.document_element()).collect();
        let all: Vec<NamespaceNode> = elements.iter().flat_map(|node| document.namespace_nodes(*node)).collect();
        assert_eq!(all.len(), 3 + 4);
        // Bit 7 and 8 of `pattern` put a whole axis in before single nodes are put in or taken out.
        let build = |pattern: u32| {
            let mut set = ExplicitSet::new();
            let mut model = BTreeSet::new();
            for (number, element) in elements.iter().enumerate() {
                if pattern & 1 << (7 + number) != 0 {
                    set.insert_whole(&document, *element);
                    model.extend(all.iter().filter(|n| n.element == *element).copied());
                }
            }
            let mut out = ExplicitSet::new();
            for (at, namespace) in all.iter().enumerate().filter(|(at, _)| pattern & 1 << at != 0) {
                if at % 2 == 0 {
                    set.insert_namespace(*namespace);
                    model.insert(*namespace);
                } else {
                    out.insert_namespace(*namespace);
                    model.remove(namespace);
                }
            }
            set.subtract(&out);
            (set, model)
        };
        let same = |set: &ExplicitSet, model: &BTreeSet<NamespaceNode>| {
            all.iter().all(|n| set.contains_namespace(*n) == model.contains(n))
        };
        for one in 0..512 {
            let (set, model) = build(one);
            assert!(same(&set, &model), "{one:b}");
            for two in (0..512).step_by(37) {
                let (other, other_model) = build(two);
                for operation in 0..3 {
                    let (mut set, mut model) = (set.clone(), model.clone());
                    match operation {
                        0 => set.union(&other),
                        1 => set.intersect(&other),
                        _ => set.subtract(&other),
                    }
                    match operation {
                        0 => model.extend(&other_model),
                        1 => model.retain(|n| other_model.contains(n)),
                        _ => model.retain(|n| !other_model.contains(n)),
                    }
                    assert!(same(&set, &model), "{one:b} {operation} {two:b}");
                }
            }
        }
    }
}
