//! What a profile withholds is taken out of the canonical document before it is sent, octet for octet (REQ-084). What is
//! left is canonical again: an element in exclusive canonical form declares its own namespaces.

use super::evaluate::Withheld;
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

/// Whether somebody signed the document below `node`: then nothing that the signature covers may be taken out. A
/// `DocumentSignature` of ours covers what the profile says, an XML Signature is taken to cover all.
#[must_use]
pub fn is_signed(document: &Document, node: NodeId) -> bool {
    document.descendants(node).any(|n| {
        document.kind(n) == Kind::Element
            && (document.local(n) == "DocumentSignature" || document.is(n, ns::DS, "Signature"))
    })
}
