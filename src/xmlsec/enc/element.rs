//! Reading elements as the schema orders them: element content without text, leaves without elements or comments.

use std::borrow::Cow;

use super::Error;
use crate::xml::{Document, Kind, NodeId};
use crate::xmlsec::base64;
use crate::xmlsec::policy::{Refused, shortened};

/// The child elements of an element-only element, taken one after the other.
pub(super) struct Children<'a> {
    doc: &'a Document,
    parent: NodeId,
    next: Option<NodeId>,
}

impl<'a> Children<'a> {
    /// Starts before the first child.
    pub(super) fn of(doc: &'a Document, parent: NodeId) -> Self {
        Self { doc, parent, next: doc.first_child(parent) }
    }

    /// The next child element, if any.
    ///
    /// # Errors
    /// [`Error::Structure`] for text other than white space.
    pub(super) fn peek(&mut self) -> Result<Option<NodeId>, Error> {
        while let Some(node) = self.next {
            match self.doc.kind(node) {
                Kind::Element => return Ok(Some(node)),
                Kind::Text if !is_blank(self.doc.text(node)) => {
                    return Err(structure(self.doc, self.parent, "elements only", "text"));
                }
                _ => self.next = self.doc.next_sibling(node),
            }
        }
        Ok(None)
    }

    /// The next child element whatever it is.
    pub(super) fn any(&mut self) -> Result<Option<NodeId>, Error> {
        let node = self.peek()?;
        if let Some(node) = node {
            self.next = self.doc.next_sibling(node);
        }
        Ok(node)
    }

    /// The next child element if it is {ns}local.
    pub(super) fn optional(&mut self, ns: &str, local: &str) -> Result<Option<NodeId>, Error> {
        match self.peek()? {
            Some(node) if self.doc.is(node, ns, local) => self.any(),
            _ => Ok(None),
        }
    }

    /// The next child element, which must be {ns}local.
    pub(super) fn required(&mut self, ns: &str, local: &'static str) -> Result<NodeId, Error> {
        match self.optional(ns, local)? {
            Some(node) => Ok(node),
            None => Err(self.unexpected(local)),
        }
    }

    /// Refuses whatever is left.
    pub(super) fn end(mut self) -> Result<(), Error> {
        match self.peek()? {
            None => Ok(()),
            Some(_) => Err(self.unexpected("nothing more")),
        }
    }

    /// What stands here is not what was expected.
    pub(super) fn unexpected(&self, expected: &'static str) -> Error {
        let came = self.next.map_or("the end".to_owned(), |node| shortened(self.doc.local(node)));
        structure(self.doc, self.parent, expected, &came)
    }
}

pub(super) fn structure(doc: &Document, node: NodeId, expected: &'static str, came: &str) -> Error {
    Error::Structure { parent: shortened(doc.local(node)), expected, came: came.to_owned(), at: doc.position(node) }
}

pub(super) fn refused(doc: &Document, node: NodeId) -> impl FnOnce(Refused) -> Error + '_ {
    move |refused| Error::Refused { at: doc.position(node), refused }
}

pub(super) fn is_blank(text: &str) -> bool {
    text.bytes().all(|octet| matches!(octet, b' ' | b'\t' | b'\r' | b'\n'))
}

/// The text of a leaf. Elements, comments and processing instructions inside are refused: readers differ on what they
/// do to the text.
pub(super) fn leaf(doc: &Document, node: NodeId) -> Result<Cow<'_, str>, Error> {
    if let Some(child) = doc.children(node).find(|child| doc.kind(*child) != Kind::Text) {
        let came = match doc.kind(child) {
            Kind::Element => "an element",
            Kind::Comment => "a comment",
            _ => "a processing instruction",
        };
        return Err(structure(doc, node, "text only", came));
    }
    Ok(doc.text_content(node))
}

/// The octets of a base64 leaf.
pub(super) fn base64_leaf(doc: &Document, node: NodeId, what: &'static str) -> Result<Vec<u8>, Error> {
    base64::decode(&leaf(doc, node)?).map_err(|_| Error::Value { what, expected: "base64", at: doc.position(node) })
}

/// A decimal number in a leaf.
pub(super) fn number_leaf(doc: &Document, node: NodeId, what: &'static str) -> Result<usize, Error> {
    let text = leaf(doc, node)?;
    let digits = text.trim_matches([' ', '\t', '\r', '\n']);
    let number = digits.bytes().all(|octet| octet.is_ascii_digit()).then(|| digits.parse().ok()).flatten();
    number.ok_or(Error::Value { what, expected: "a number", at: doc.position(node) })
}

/// Octets written in hexadecimal.
pub(super) fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .trim_matches([' ', '\t', '\r', '\n'])
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|value| u8::try_from(value).ok()))
        .collect::<Option<_>>()?;
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// The `Algorithm` attribute.
pub(super) fn algorithm(doc: &Document, node: NodeId) -> Result<&str, Error> {
    doc.attribute(node, "", "Algorithm").ok_or_else(|| structure(doc, node, "an Algorithm", "none"))
}
