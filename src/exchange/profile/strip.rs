//! What a profile withholds is taken out of the canonical document before it is sent, octet for octet (REQ-084). What is
//! left is canonical again: an element in exclusive canonical form declares its own namespaces.

use super::compile::Compiled;
use super::evaluate::Withheld;
use super::place::{PlaceId, ROOT};
use crate::xml::{Document, Kind, NodeId, ns};

/// The octets of `node` without the withheld elements. Classes that have nothing left stay, empty: the schema may ask
/// for them.
#[must_use]
pub fn strip(document: &Document, node: NodeId, withheld: &[Withheld]) -> Vec<u8> {
    let octets = document.octets();
    let range = document.range(node);
    let mut cuts: Vec<std::ops::Range<usize>> = withheld.iter().map(|w| document.range(w.node)).collect();
    cuts.sort_by_key(|cut| cut.start);
    let mut out = Vec::with_capacity(range.len());
    let mut at = range.start;
    for cut in cuts {
        out.extend_from_slice(octets.get(at..cut.start).unwrap_or_default());
        at = at.max(cut.end);
    }
    out.extend_from_slice(octets.get(at..range.end).unwrap_or_default());
    out
}

impl Compiled {
    /// The first of the withheld elements that a signature inside the document covers, by its path.
    #[must_use]
    pub fn signed_and_withheld(&self, document: &Document, node: NodeId, withheld: &[Withheld]) -> Option<String> {
        if !is_signed(document, node) {
            return None;
        }
        let embedded = document.descendants(node).any(|n| document.is(n, ns::DS, "Signature"));
        let covered = |one: &&Withheld| embedded || self.is_covered(one);
        withheld.iter().find(covered).map(|one| one.path.clone())
    }

    /// Whether what the profile says of signatures covers the element: it, or one around it.
    fn is_covered(&self, withheld: &Withheld) -> bool {
        let steps: Vec<&str> = withheld.path.split('/').map(|s| s.split('[').next().unwrap_or(s)).collect();
        let mut place: Option<PlaceId> = None;
        for step in steps.into_iter().filter(|step| !step.is_empty()) {
            let next = match place {
                None if step == "MetaData" => Some(ROOT),
                // A notice around the LPCO is no place of a profile.
                Some(ROOT) if step == "Amendment" => {
                    place = None;
                    continue;
                }
                None => self.places.by_path(step),
                Some(around) => {
                    let named = |id: &PlaceId| self.places.get(*id).name == step;
                    self.places.get(around).children.iter().copied().find(named)
                }
            };
            // What is foreign stands in the last place that is known.
            let Some(next) = next else { break };
            if self.covers.contains(&next) {
                return true;
            }
            place = Some(next);
        }
        false
    }
}

/// Whether somebody signed the document below `node`: then nothing that the signature covers may be taken out. A
/// `DocumentSignature` of ours covers what the profile says, an XML Signature is taken to cover all.
#[must_use]
pub fn is_signed(document: &Document, node: NodeId) -> bool {
    document.descendants(node).any(|n| {
        document.kind(n) == Kind::Element
            && (document.local(n) == "DocumentSignature" || document.is(n, ns::DS, "Signature"))
    })
}
