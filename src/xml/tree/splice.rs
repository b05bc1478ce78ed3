//! Fragments in the place of nodes: what an `EncryptedData` held, parsed into the same arena.

use super::arena::{CONTENT_CANONICAL, NONE};
use super::place::position;
use super::{Document, Kind, NodeId};
use crate::base::octets::wipe_text;
use crate::xml::Error;
use crate::xml::parse::fragment;

/// Octets of the text and the range of the fragment that stands for them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Replacement {
    start: u32,
    end: u32,
    by_start: u32,
    by_end: u32,
}

impl Document {
    /// Parses `fragment` (content: elements, text, comments) in the namespace context of `node`'s parent and puts what
    /// it holds in the place of `node`. Gives the first and last new node; none for empty content.
    ///
    /// Adjacent texts are not merged. A node that was replaced before, and the document node, have no place.
    ///
    /// # Errors
    /// [`Error`], counted from the start of the fragment; the document is then unchanged.
    pub fn replace(&mut self, node: NodeId, fragment: &[u8]) -> Result<Option<(NodeId, NodeId)>, Error> {
        let Some(parent) = self.parent(node) else {
            return Err(not_well_formed("this node has no parent, nothing can take its place"));
        };
        let start = self.text.len();
        self.make_room(fragment.len());
        let (container, marks) = fragment::parse(self, parent, fragment)?;
        let children = (self.first_child(container), self.last_child_slow(container));
        if self.kind(parent) == Kind::Document
            && let Err(error) = self.check_document_content(node, container)
        {
            marks.restore(self);
            return Err(error);
        }
        self.relink(node, parent, children);
        let old = self.range(node);
        self.replacements.push(Replacement {
            start: old.start as u32,
            end: old.end as u32,
            by_start: start as u32,
            by_end: self.text.len() as u32,
        });
        self.segments.push(start as u32);
        self.last_fragment = container.0;
        if let Some(lines) = self.lines.get_mut() {
            lines.extend(self.text.as_bytes());
        }
        for above in std::iter::once(parent).chain(self.ancestors(parent)).collect::<Vec<_>>() {
            self.nodes[above.0 as usize].flags &= !CONTENT_CANONICAL;
        }
        Ok(children.0.zip(children.1))
    }

    /// Makes room for a fragment, wiping the place that earlier ones leave.
    fn make_room(&mut self, octets: usize) {
        if std::mem::replace(&mut self.holds_fragments, true) && self.text.capacity() - self.text.len() < octets {
            let mut roomier = String::with_capacity(2 * (self.text.len() + octets));
            roomier.push_str(&self.text);
            wipe_text(&mut std::mem::replace(&mut self.text, roomier));
        }
    }

    fn last_child_slow(&self, node: NodeId) -> Option<NodeId> {
        self.children(node).last()
    }

    /// What stands at the top of a document is one element, comments and processing instructions.
    fn check_document_content(&self, node: NodeId, container: NodeId) -> Result<(), Error> {
        let elements = self.elements(container).count();
        if self.children(container).any(|n| self.kind(n) == Kind::Text) {
            return Err(not_well_formed("text cannot take the place of the document element"));
        }
        let wanted = usize::from(self.kind(node) == Kind::Element);
        if elements != wanted {
            return Err(not_well_formed("exactly one element must take the place of the document element"));
        }
        Ok(())
    }

    fn relink(&mut self, node: NodeId, parent: NodeId, children: (Option<NodeId>, Option<NodeId>)) {
        let (before, after) = (self.node(node).prev, self.node(node).next);
        let number = |n: Option<NodeId>| n.map_or(NONE, |n| n.0);
        let (first, last) = match children {
            (Some(first), Some(last)) => (first.0, last.0),
            _ => (after, before),
        };
        if before == NONE {
            self.nodes[parent.0 as usize].first_child = first;
        } else {
            self.nodes[before as usize].next = first;
        }
        if after != NONE {
            self.nodes[after as usize].prev = last;
        }
        let mut at = number(children.0);
        if at != NONE {
            self.nodes[first as usize].prev = before;
            self.nodes[last as usize].next = after;
        }
        while at != NONE && at != after {
            self.nodes[at as usize].parent = parent.0;
            if self.kind(parent) == Kind::Document && self.nodes[at as usize].kind == Kind::Element {
                self.document_element = at;
            }
            at = self.nodes[at as usize].next;
        }
        let old = &mut self.nodes[node.0 as usize];
        (old.parent, old.prev, old.next) = (NONE, NONE, NONE);
    }

    /// The document as octets with every replacement in its place; everything else as it came, in UTF-8.
    #[must_use]
    pub fn to_octets(&self) -> Vec<u8> {
        self.octets_spliced(0..self.octets_len_first())
    }

    /// `node` as octets with every replacement in its place.
    #[must_use]
    pub fn node_octets(&self, node: NodeId) -> Vec<u8> {
        self.octets_spliced(self.range(node))
    }

    fn octets_spliced(&self, range: std::ops::Range<usize>) -> Vec<u8> {
        let mut sorted = self.replacements.clone();
        sorted.sort_by_key(|r| r.start);
        let mut out = Vec::with_capacity(range.len());
        // Ranges still to be written, the innermost fragment on top.
        let mut waiting = vec![range];
        while let Some(range) = waiting.pop() {
            let inside = sorted.partition_point(|r| (r.start as usize) < range.start);
            match sorted.get(inside).filter(|r| (r.end as usize) <= range.end) {
                Some(found) => {
                    self.push_octets(&mut out, range.start..found.start as usize);
                    waiting.push(found.end as usize..range.end);
                    waiting.push(found.by_start as usize..found.by_end as usize);
                }
                None => self.push_octets(&mut out, range),
            }
        }
        out
    }

    fn push_octets(&self, out: &mut Vec<u8>, range: std::ops::Range<usize>) {
        let octets = self.text.as_bytes();
        match &self.foreign_encoding {
            // The text was transcoded, so the old name of its encoding would be a lie.
            Some(name) if name.start >= range.start && name.end <= range.end => {
                out.extend_from_slice(&octets[range.start..name.start]);
                out.extend_from_slice(b"UTF-8");
                out.extend_from_slice(&octets[name.end..range.end]);
            }
            _ => out.extend_from_slice(&octets[range]),
        }
    }
}

/// Fragments are what was encrypted: they do not stay in memory.
impl Drop for Document {
    fn drop(&mut self) {
        if self.holds_fragments {
            wipe_text(&mut self.text);
            wipe_text(&mut self.side);
        }
    }
}

fn not_well_formed(what: &str) -> Error {
    Error::NotWellFormed { what: what.to_owned(), at: position(&[], 0, 0) }
}
