//! Which element a same-document reference means (XML Signature §4.4.3.3).
//!
//! Ids are attributes that are known to be ids: `Id` of ds, dsig11, xenc and xenc11 elements, `wsu:Id`, `xml:id`, what an
//! internal DTD declares, and what the caller names. An id that two elements bear is never resolved: that is how wrapping
//! attacks begin. One pass over the document, one map entry for each id.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::base::limits;
use crate::xml::{Document, NodeId, TextPos, ns};

/// Why an id leads to no element.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum IdError {
    /// No element bears it.
    #[error("no element has this id")]
    Missing,
    /// Two elements bear it.
    #[error("two elements have this id, at {first} and at {second}")]
    Ambiguous {
        /// The first in document order.
        first: TextPos,
        /// The next.
        second: TextPos,
    },
    /// The element has a second id attribute that says something else: readers may disagree on its name.
    #[error("the element at {at} has two ids that differ")]
    TwoIds {
        /// The element.
        at: TextPos,
    },
}

/// Which attributes are ids.
#[derive(Clone, Debug, Default)]
pub struct IdAttributes {
    extra: Vec<(String, String)>,
}

impl IdAttributes {
    /// Those of the specifications, and what a DTD declares.
    #[must_use]
    pub fn usual() -> Self {
        Self::default()
    }

    /// And the attribute {ns}local of any element; `ns` is "" for one without prefix.
    #[must_use]
    pub fn with(mut self, ns: &str, local: &str) -> Self {
        self.extra.push((ns.to_owned(), local.to_owned()));
        self
    }

    /// And `[NAMESPACE:]NAME`, as the command line writes it.
    #[must_use]
    pub fn with_option(self, option: &str) -> Self {
        match option.rsplit_once(':') {
            Some((ns, local)) => self.with(ns, local),
            None => self.with("", option),
        }
    }

    fn is_id(&self, element_ns: &str, attribute: &crate::xml::tree::Attribute<'_>) -> bool {
        if attribute.is_dtd_id {
            return true;
        }
        match attribute.local {
            "Id" if attribute.ns.is_empty() => {
                matches!(element_ns, ns::DS | ns::DSIG11 | ns::XENC | ns::XENC11) || self.names("", "Id")
            }
            "Id" if attribute.ns == ns::WSU => true,
            "id" if attribute.ns == ns::XML => true,
            local => !self.extra.is_empty() && self.names(attribute.ns, local),
        }
    }

    /// False only when no attribute whose local name has this length is an id.
    #[inline]
    fn may_be_id(&self, length: usize, is_dtd_id: bool) -> bool {
        length == 2 || is_dtd_id || !self.extra.is_empty()
    }

    fn names(&self, ns: &str, local: &str) -> bool {
        self.extra.iter().any(|(extra_ns, extra_local)| extra_ns == ns && extra_local == local)
    }
}

#[derive(Debug)]
struct Entry {
    node: NodeId,
    second: Option<NodeId>,
    two_ids: bool,
}

/// The ids of a document, and what following references through it has cost so far.
#[derive(Debug, Default)]
pub struct IdIndex {
    attributes: IdAttributes,
    entries: HashMap<Box<str>, Entry>,
    first_duplicate: Option<Box<str>>,
    unambiguous: OnceLock<HashMap<String, NodeId>>,
    octets: AtomicU64,
    steps: AtomicU64,
}

impl IdIndex {
    /// Finds all ids, in one pass.
    #[must_use]
    pub fn build(document: &Document, attributes: &IdAttributes) -> Self {
        let mut index = Self { attributes: attributes.clone(), ..Self::default() };
        index.extend(document, document.root());
        index
    }

    /// The ids of `document` as it is now; what following references has cost so far stays counted.
    #[must_use]
    pub(super) fn again(&self, document: &Document) -> Self {
        let mut index = Self::build(document, &self.attributes);
        *index.octets.get_mut() = self.octets.load(Ordering::Relaxed);
        *index.steps.get_mut() = self.steps.load(Ordering::Relaxed);
        index
    }

    /// Which attributes count as ids here.
    #[must_use]
    pub fn attributes(&self) -> &IdAttributes {
        &self.attributes
    }

    /// Adds the ids of `node` and below: what a decryption put in place.
    pub fn extend(&mut self, document: &Document, node: NodeId) {
        self.unambiguous = OnceLock::new();
        let attributes = self.attributes.clone();
        let may_be_id = |length, is_dtd_id| attributes.may_be_id(length, is_dtd_id);
        // Most elements have no attribute that could be an id: looking at the attributes alone is several times faster.
        if let Some(owners) = document.owners_of(node, may_be_id) {
            owners.for_each(|node| self.add(document, node));
            return;
        }
        for node in document.descendants(node) {
            if document.attribute_name_lengths(node).any(|(length, is_dtd_id)| may_be_id(length, is_dtd_id)) {
                self.add(document, node);
            }
        }
    }

    /// Adds the ids of one element.
    fn add(&mut self, document: &Document, node: NodeId) {
        let element_ns = document.ns(node);
        let mut first: Option<&str> = None;
        let mut two_ids = false;
        for attribute in document.attributes(node) {
            if !self.attributes.is_id(element_ns, &attribute) {
                continue;
            }
            match first {
                Some(value) if value == attribute.value => continue,
                Some(_) => two_ids = true,
                None => first = Some(attribute.value),
            }
            self.insert(attribute.value, node);
        }
        if two_ids {
            for attribute in document.attributes(node) {
                if let Some(entry) = self.entries.get_mut(attribute.value)
                    && entry.node == node
                {
                    entry.two_ids = true;
                }
            }
        }
    }

    fn insert(&mut self, id: &str, node: NodeId) {
        if let Some(entry) = self.entries.get_mut(id) {
            if entry.node != node && entry.second.is_none() {
                entry.second = Some(node);
                self.first_duplicate.get_or_insert_with(|| id.into());
            }
            return;
        }
        self.entries.insert(id.into(), Entry { node, second: None, two_ids: false });
    }

    /// The one element with this id.
    ///
    /// # Errors
    /// [`IdError`].
    pub fn get(&self, document: &Document, id: &str) -> Result<NodeId, IdError> {
        let entry = self.entries.get(id).ok_or(IdError::Missing)?;
        if let Some(second) = entry.second {
            return Err(IdError::Ambiguous { first: document.position(entry.node), second: document.position(second) });
        }
        if entry.two_ids {
            return Err(IdError::TwoIds { at: document.position(entry.node) });
        }
        if document.parent(entry.node).is_none() {
            return Err(IdError::Missing);
        }
        Ok(entry.node)
    }

    /// Every id that leads to one element: what `id()` of an XPath expression may find. Gathered once.
    #[must_use]
    pub fn unambiguous(&self) -> &HashMap<String, NodeId> {
        self.unambiguous.get_or_init(|| {
            self.entries
                .iter()
                .filter(|(_, entry)| entry.second.is_none() && !entry.two_ids)
                .map(|(id, entry)| (id.to_string(), entry.node))
                .collect()
        })
    }

    /// Counts octets that the transforms of all References to `document` went through. References may overlap, nest and
    /// repeat, so that what each of them may cost does not bound what they cost together.
    ///
    /// # Errors
    /// The ceiling: [`limits::DEREFERENCED_TIMES_MAX`] times the document, at least [`limits::DEREFERENCED_BYTES_FREE`].
    pub(super) fn charge_octets(&self, document: &Document, octets: usize) -> Result<(), usize> {
        let limit = document
            .octets_len_first()
            .saturating_mul(limits::DEREFERENCED_TIMES_MAX)
            .max(limits::DEREFERENCED_BYTES_FREE);
        let octets = octets as u64;
        let spent = self.octets.fetch_add(octets, Ordering::Relaxed).saturating_add(octets);
        if spent > limit as u64 { Err(limit) } else { Ok(()) }
    }

    /// Steps that XPath expressions may still take in the document of these ids.
    pub(super) fn steps_left(&self) -> u64 {
        limits::XPATH_DOCUMENT_STEPS_MAX.saturating_sub(self.steps.load(Ordering::Relaxed))
    }

    /// Counts steps that an expression took.
    pub(super) fn charge_steps(&self, steps: u64) {
        self.steps.fetch_add(steps, Ordering::Relaxed);
    }

    /// The first id that two elements bear, if any does.
    #[must_use]
    pub fn first_duplicate(&self) -> Option<&str> {
        self.first_duplicate.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::{Options, parse};

    fn build(text: &str) -> (Document, IdIndex) {
        let document = parse(text.as_bytes().to_vec(), &Options::default()).unwrap();
        let ids = IdIndex::build(&document, &IdAttributes::usual().with("", "key"));
        (document, ids)
    }

    /// Each id with where it leads, and whether two bear it.
    fn shown(document: &Document, ids: &IdIndex) -> Vec<(String, String, bool, bool)> {
        let mut all = Vec::new();
        for (id, entry) in &ids.entries {
            let octets = String::from_utf8(document.node_octets(entry.node)).unwrap();
            all.push((id.to_string(), octets, entry.second.is_some(), entry.two_ids));
        }
        all.sort();
        all
    }

    /// Ids are gathered from the attributes alone where nodes stand in one piece, and by walking where they do not.
    #[test]
    fn fragments_bring_the_ids_that_the_whole_document_would_have() {
        let ds = ns::DS;
        let text = format!("<r xmlns:ds='{ds}'><ds:A Id='a'/><x key='x'><y/></x><ds:Z Id='z'/></r>");
        let inner = ["", "<ds:B Id='b'/>", "<p key='p'><q key='q'/></p>t<ds:B Id='b' xml:id='c'/><s><u key='a'/></s>"];
        for fragment in inner {
            let (mut document, mut ids) = build(&text);
            let x = ids.get(&document, "x").unwrap();
            if let Some((first, last)) = document.replace(x, fragment.as_bytes()).unwrap() {
                let mut next = Some(first);
                while let Some(node) = next {
                    ids.extend(&document, node);
                    next = if node == last { None } else { document.next_sibling(node) };
                }
            }
            assert_eq!(ids.get(&document, "x"), Err(IdError::Missing));
            ids.entries.remove("x");
            let again = ids.again(&document);
            let (whole, wanted) = build(std::str::from_utf8(&document.to_octets()).unwrap());
            assert_eq!(shown(&document, &ids), shown(&whole, &wanted), "{fragment}");
            assert_eq!(shown(&document, &again), shown(&whole, &wanted), "{fragment}");
            assert_eq!(ids.first_duplicate(), wanted.first_duplicate(), "{fragment}");
        }
    }

    /// Only what stands below a node is added, also where it is the last of its parent.
    #[test]
    fn what_follows_a_node_is_not_below_it() {
        let (mut document, mut ids) = build("<r><x key='x'/></r>");
        let x = ids.get(&document, "x").unwrap();
        let (first, _) = document.replace(x, b"<a><b key='b'/></a><c key='c'/>").unwrap().unwrap();
        let b = document.elements(first).next().unwrap();
        ids.extend(&document, b);
        assert!(ids.get(&document, "b").is_ok());
        assert_eq!(ids.get(&document, "c"), Err(IdError::Missing));
    }

    /// A part that was replaced within a fragment is no longer there.
    #[test]
    fn what_was_replaced_twice_has_no_id() {
        let (mut document, mut ids) = build("<r><x key='x'/></r>");
        let x = ids.get(&document, "x").unwrap();
        let (first, _) = document.replace(x, b"<a><b key='b'/></a>").unwrap().unwrap();
        let b = document.elements(first).next().unwrap();
        document.replace(b, b"<c key='c'/>").unwrap();
        ids.extend(&document, first);
        assert_eq!(ids.get(&document, "b"), Err(IdError::Missing));
        assert!(ids.get(&document, "c").is_ok());
    }
}
