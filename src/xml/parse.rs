//! Octets to a tree.

use super::{Document, Error};

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
/// # Errors
/// [`Error`] with the place of the first thing that is wrong.
pub fn parse(octets: Vec<u8>, options: &Options) -> Result<Document, Error> {
    let _ = (octets, options);
    todo!("lands with the parser")
}
