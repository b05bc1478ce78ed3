//! How `ds:` and `xenc:` elements are read: children in the schema's order, leaves that hold text alone.
//!
//! A comment or processing instruction inside a leaf is refused: readers disagree on what such a leaf says, and that
//! disagreement has been used to forge signatures (CVE-2025-29775).

use std::borrow::Cow;

use crate::xml::{Document, Kind, NodeId, TextPos};

/// An element does not have the shape that its schema gives it.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
#[error("{at}: {element}: {what}")]
pub struct BadStructure {
    /// Local name of the element.
    pub element: String,
    /// What was expected and what came.
    pub what: String,
    /// Where.
    pub at: TextPos,
}

impl BadStructure {
    /// About `node`.
    #[must_use]
    pub fn new(document: &Document, node: NodeId, what: impl Into<String>) -> Self {
        let element = super::policy::shortened(document.local(node));
        Self { element, what: what.into(), at: document.position(node) }
    }
}

/// The text of an element that may hold text alone.
///
/// # Errors
/// [`BadStructure`] when it holds anything else.
pub fn leaf(document: &Document, node: NodeId) -> Result<Cow<'_, str>, BadStructure> {
    for child in document.children(node) {
        let found = match document.kind(child) {
            Kind::Text => continue,
            Kind::Comment => "a comment",
            Kind::ProcessingInstruction => "a processing instruction",
            Kind::Element | Kind::Document => "an element",
        };
        return Err(BadStructure::new(document, node, format!("expected text alone, found {found}")));
    }
    Ok(document.text_content(node))
}

/// The octets of an element that holds base64.
///
/// # Errors
/// [`BadStructure`] when it is no leaf or no base64.
pub fn base64(document: &Document, node: NodeId) -> Result<Vec<u8>, BadStructure> {
    let text = leaf(document, node)?;
    decode_base64(text.as_bytes()).ok_or_else(|| BadStructure::new(document, node, "expected base64"))
}

/// Octets of base64 with white space anywhere and its padding (XML Schema Part 2 §3.2.16). Bits that no octet holds are not
/// looked at: old encoders set them.
#[must_use]
pub fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    let digits = text.iter().filter(|octet| !octet.is_ascii_whitespace()).count();
    if !digits.is_multiple_of(4) {
        return None;
    }
    base64_simd::forgiving_decode_to_vec(text).ok()
}

/// Base64 in one line.
#[must_use]
pub fn encode_base64(octets: &[u8]) -> String {
    base64_simd::STANDARD.encode_to_string(octets)
}

/// The child elements of an element that holds elements alone.
///
/// # Errors
/// [`BadStructure`] when text other than white space stands between them.
pub fn elements(document: &Document, node: NodeId) -> Result<Vec<NodeId>, BadStructure> {
    let mut found = Vec::new();
    for child in document.children(node) {
        match document.kind(child) {
            Kind::Element => found.push(child),
            Kind::Text if !document.text(child).bytes().all(|octet| matches!(octet, b' ' | b'\t' | b'\r' | b'\n')) => {
                return Err(BadStructure::new(document, node, "expected elements alone, found text"));
            }
            _ => {}
        }
    }
    Ok(found)
}

/// The `Algorithm` attribute.
///
/// # Errors
/// [`BadStructure`] when there is none.
pub fn algorithm(document: &Document, node: NodeId) -> Result<&str, BadStructure> {
    document
        .attribute(node, "", "Algorithm")
        .ok_or_else(|| BadStructure::new(document, node, "expected an Algorithm attribute"))
}

/// Refuses children that nobody would read.
///
/// # Errors
/// [`BadStructure`] when there is a child element.
pub fn childless(document: &Document, node: NodeId) -> Result<(), BadStructure> {
    match document.elements(node).next() {
        None => Ok(()),
        Some(child) => Err(BadStructure::new(
            document,
            node,
            format!("expected no parameters, found {}", super::policy::shortened(document.local(child))),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_has_its_padding() {
        // What one reader takes and another refuses lets two readers disagree on a document.
        for text in ["AQIDBA==", " AQID\n\tBA= =\r\n", "AR==", ""] {
            assert!(decode_base64(text.as_bytes()).is_some(), "{text:?}");
        }
        for text in ["AQIDBA", "AQIDBA=", "A", "AQIDBA==AA==", "AQ-_", "AQIDBA==!", "\u{a0}AQID"] {
            assert!(decode_base64(text.as_bytes()).is_none(), "{text:?}");
        }
    }
}
