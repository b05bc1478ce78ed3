//! Content in the namespace context of a node: what an `EncryptedData` held.

use super::super::chars;
use super::parser::Parser;
use crate::base::limits;
use crate::xml::tree::arena::{CONTENT_CANONICAL, NONE, Node, TEXT_MAX};
use crate::xml::tree::place::position;
use crate::xml::tree::{Kind, NodeId};
use crate::xml::{Document, Error, TextPos};

/// Lengths of everything that a failed fragment is cut back to.
pub(crate) struct Marks {
    text: usize,
    side: usize,
    nodes: usize,
    attributes: usize,
    scopes: usize,
    declarations: usize,
    prefixes: usize,
    uris: usize,
    relative_uri: bool,
}

impl Marks {
    fn of(document: &Document) -> Self {
        Self {
            text: document.text.len(),
            side: document.side.len(),
            nodes: document.nodes.len(),
            attributes: document.attributes.len(),
            scopes: document.scopes.len(),
            declarations: document.declarations.len(),
            prefixes: document.prefixes.len(),
            uris: document.uris.len(),
            relative_uri: document.relative_uri,
        }
    }

    /// Cuts `document` back to what it was.
    pub(crate) fn restore(&self, document: &mut Document) {
        document.text.truncate(self.text);
        document.side.truncate(self.side);
        document.nodes.truncate(self.nodes);
        document.attributes.truncate(self.attributes);
        document.scopes.truncate(self.scopes);
        document.declarations.truncate(self.declarations);
        document.prefixes.truncate(self.prefixes);
        document.uris.truncate(self.uris);
        document.relative_uri = self.relative_uri;
    }
}

/// Appends `octets` to the text and parses them as content in the context of `parent`. Gives a node without a parent
/// whose children they are, and what undoes it.
pub(crate) fn parse(document: &mut Document, parent: NodeId, octets: &[u8]) -> Result<(NodeId, Marks), Error> {
    let fragment = checked(octets)?;
    if document.text.len() + fragment.len() > TEXT_MAX.min(2 * limits::MESSAGE_BYTES_MAX + document.octets_len_first())
    {
        let at = TextPos { line: 1, column: 1 };
        return Err(Error::Limit { what: "octets of the document", limit: 2 * limits::MESSAGE_BYTES_MAX, at });
    }
    let marks = Marks::of(document);
    let container = NodeId(document.nodes.len() as u32);
    let parent_scope = scope_of(document, parent);
    let depth = document.ancestors(parent).count();
    let mut node = Node::new(Kind::Document, NONE);
    (node.start, node.end) = (marks.text as u32, (marks.text + fragment.len()) as u32);
    document.nodes.push(node);
    document.text.push_str(fragment);
    let bindings = document.bindings(parent);
    let text = std::mem::take(&mut document.text);
    let mut parser = Parser::new(&text, marks.text, document);
    for binding in bindings {
        parser.current[usize::from(binding.prefix)] = binding.uri;
    }
    parser.depth_base = depth;
    if let Some(open) = parser.stack.first_mut() {
        open.node = container.0;
        open.scope = parent_scope;
        open.canonical = CONTENT_CANONICAL;
    }
    let done = parser.content(false);
    document.text = text;
    match done {
        Ok(()) => Ok((container, marks)),
        Err(error) => {
            marks.restore(document);
            Err(*error)
        }
    }
}

fn checked(octets: &[u8]) -> Result<&str, Error> {
    let text = std::str::from_utf8(octets).map_err(|error| {
        let at = position(octets, 0, error.valid_up_to());
        Error::NotWellFormed { what: "this octet is not UTF-8".to_owned(), at }
    })?;
    match chars::first_forbidden(text) {
        None => Ok(text),
        Some(at) => {
            let at = position(octets, 0, at);
            Err(Error::NotWellFormed { what: "this character is not allowed in XML".to_owned(), at })
        }
    }
}

fn scope_of(document: &Document, node: NodeId) -> u32 {
    let data = document.node(node);
    if data.kind == Kind::Element { data.a } else { 0 }
}
