//! Octets to a tree: XML 1.0 (5th edition) and Namespaces in XML 1.0, strictly.
//!
//! A tokenizer of our own over one buffer: a scan with quick-xml costs four times as much. Everything is
//! iterative and linear in the input; ceilings are checked before their cost is paid. Nothing external is ever opened.
//!
//! | file | what |
//! |---|---|
//! | `encoding` | octets to checked UTF-8 |
//! | `prolog` | XML declaration, what stands before and after the document element |
//! | `content` | the loop over text, tags, references |
//! | `tag` | start tags: attributes, namespaces |
//! | `dtd`, `entity` | the internal subset, when asked for; expansion of its entities, bounded |
//! | `fragment` | content in the namespace context of a node |

use std::cell::OnceCell;

use super::tree::arena::TEXT_MAX;
use super::{Document, Error};
use parser::Parser;
pub(crate) use tag::is_absolute;

mod content;
mod dtd;
mod encoding;
mod entity;
pub(crate) mod fragment;
mod parser;
mod prolog;
mod reference;
mod tag;

/// What to do with a document type declaration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dtd {
    /// Refuse it. The only choice for anything that came over a network.
    Refuse,
    /// Read the internal subset: entities, attribute defaults, ID attributes; bounded, nothing external is opened.
    Internal,
}

/// How to read.
#[derive(Clone, Debug)]
pub struct Options {
    /// Document type declarations.
    pub dtd: Dtd,
    /// Octets at most.
    pub bytes_max: usize,
    /// Depth of elements at most.
    pub depth_max: usize,
    /// Nodes at most.
    pub nodes_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        use crate::base::limits;
        Self {
            dtd: Dtd::Refuse,
            bytes_max: limits::MESSAGE_BYTES_MAX,
            depth_max: limits::DEPTH_MAX,
            nodes_max: limits::NODES_MAX,
        }
    }
}

/// Reads a whole document. Takes the octets over: the tree borrows its names and texts from them.
///
/// UTF-8 is read in place; UTF-16, ISO-8859-1 and US-ASCII are converted first.
///
/// # Errors
/// [`Error`] with the place of the first thing that is wrong.
pub fn parse(octets: Vec<u8>, options: &Options) -> Result<Document, Error> {
    let bytes_max = options.bytes_max.min(TEXT_MAX);
    if octets.len() > bytes_max {
        let at = super::TextPos { line: 1, column: 1 };
        return Err(Error::Limit { what: "octets of the document", limit: bytes_max, at });
    }
    let decoded = encoding::decode(octets)?;
    let mut document = Document::new(decoded.text, decoded.start);
    document.depth_max = options.depth_max;
    document.nodes_max = options.nodes_max;
    document.foreign_encoding = decoded.foreign;
    // The parser borrows the text while it fills the arena.
    let text = std::mem::take(&mut document.text);
    let tables = OnceCell::new();
    let done = Parser::new(&text, decoded.start, &mut document).document(options.dtd, &tables);
    document.text = text;
    match done {
        Ok(()) => Ok(document),
        Err(error) => Err(*error),
    }
}

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;
