//! Canonical XML 1.0 (C14N10), Canonical XML 1.1 (C14N11) and Exclusive Canonical XML 1.0 (EXC-C14N10).
//!
//! `subtree` writes whole subtrees, which is what nearly every signature needs, in one pass with a stack of rendered
//! namespaces; runs of octets that already are canonical are copied. `subset` writes any set of nodes. Nothing is
//! recursive.

use super::{Document, NodeId};
use crate::base::limits;

mod inherit;
mod set;
mod subset;
mod subtree;

pub use set::ExplicitSet;

/// Which specification.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Method {
    /// <http://www.w3.org/TR/2001/REC-xml-c14n-20010315>
    Inclusive10,
    /// <http://www.w3.org/2006/12/xml-c14n11>
    Inclusive11,
    /// <http://www.w3.org/2001/10/xml-exc-c14n#>
    Exclusive,
}

/// How to canonicalize.
#[derive(Clone, Debug)]
pub struct Settings<'a> {
    /// Which specification.
    pub method: Method,
    /// Whether comments are written.
    pub with_comments: bool,
    /// `InclusiveNamespaces` PrefixList of the exclusive method, `#default` as "".
    pub prefixes: &'a [&'a str],
}

/// Which nodes of a document are canonicalized.
#[derive(Clone, Debug)]
pub enum NodeSet {
    /// `root` with all its descendants, attributes and namespaces, without the subtrees in `except`
    /// (the Signature of an enveloped-signature transform).
    Subtree {
        /// Document node or an element.
        root: NodeId,
        /// Subtrees left out.
        except: Vec<NodeId>,
        /// Whether comment nodes belong to the set (`#xpointer` forms) or not (`""` and `#id`).
        comments: bool,
    },
    /// Exactly these nodes, attributes and namespace nodes.
    Explicit(ExplicitSet),
}

impl NodeSet {
    /// The whole document, comments included.
    #[must_use]
    pub fn document(document: &Document) -> Self {
        Self::Subtree { root: document.root(), except: Vec::new(), comments: true }
    }

    /// `root` and everything below it, comments included.
    #[must_use]
    pub fn subtree(root: NodeId) -> Self {
        Self::Subtree { root, except: Vec::new(), comments: true }
    }
}

/// Why there is no canonical form.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum Error {
    /// C14N10 §1.3: implementations must report failure on relative namespace URIs.
    #[error("namespace URI {uri:?} is relative; Canonical XML demands failure")]
    RelativeNamespace {
        /// The URI.
        uri: String,
    },
    /// The result would be longer than allowed.
    #[error("the canonical form exceeds the limit of {limit} octets")]
    TooLong {
        /// The ceiling.
        limit: usize,
    },
}

/// Appends the canonical form of `nodes` to `out`; at most `limits::CANONICAL_BYTES_MAX` octets.
///
/// # Errors
/// [`Error`]; `out` then holds an undefined prefix of the form.
pub fn canonicalize(
    document: &Document,
    nodes: &NodeSet,
    settings: &Settings<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    match nodes {
        NodeSet::Subtree { root, except, comments } => {
            let comments = *comments && settings.with_comments;
            subtree::Pass::new(document, settings, comments, except, out).run(*root, None)
        }
        NodeSet::Explicit(set) => subset::Pass::new(document, set, settings, out).run(),
    }
}

/// Appends the exclusive form without comments of the element `root`, leaving out the attribute {ns}local of `root`
/// itself when given: the document digest leaves out `wsu:Id` (design 2.3).
///
/// # Errors
/// [`Error`].
pub fn exclusive_without(
    document: &Document,
    root: NodeId,
    attribute: Option<(&str, &str)>,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let settings = Settings { method: Method::Exclusive, with_comments: false, prefixes: &[] };
    let left_out = attribute.and_then(|(ns, local)| document.attribute_id(root, ns, local));
    subtree::Pass::new(document, &settings, false, &[], out).run(root, left_out)
}

/// Fails when the form that started at `from` has grown too long.
fn check_length(out: &[u8], from: usize) -> Result<(), Error> {
    if out.len() - from > limits::CANONICAL_BYTES_MAX {
        return Err(Error::TooLong { limit: limits::CANONICAL_BYTES_MAX });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
