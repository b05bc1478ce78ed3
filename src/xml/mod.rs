//! Floor 1: XML 1.0 with namespaces, read into an arena and written back; Canonical XML.
//!
//! - [`parse`](mod@parse): octets to [`Document`]. No DTD unless asked for; nothing external ever.
//! - [`tree`]: the arena; decrypted text is parsed into the same arena.
//! - [`mod@write`]: markup in canonical form, octet by octet; [`escape`] what it writes for characters.
//! - [`c14n`]: Canonical XML 1.0 and 1.1, Exclusive Canonical XML 1.0.
//! - [`xpath`]: XPath 1.0, for files and configuration; never for a message over the network.

pub mod c14n;
pub(crate) mod chars;
pub mod error;
pub mod escape;
pub mod name;
pub mod parse;
#[cfg(test)]
mod random;
pub mod tree;
pub mod write;
pub mod xpath;

pub use error::{Error, TextPos};
pub use name::ns;
pub use parse::{Dtd, Options, parse};
pub use tree::{Attribute, AttributeId, Document, Kind, NamespaceNode, NodeId};
pub(crate) use tree::{Name, Short, name_word};
pub use write::Writer;
