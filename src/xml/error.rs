//! What is wrong with a text that should be XML, and where.

use std::fmt;

/// A place in a text: line and column from 1, the column counted in characters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub struct TextPos {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl fmt::Display for TextPos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Why a text was not read.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum Error {
    /// The text breaks XML 1.0 or Namespaces in XML 1.0: `<a></b>`.
    #[error("{at}: {what}")]
    NotWellFormed {
        /// What was expected and what came.
        what: String,
        /// Where.
        at: TextPos,
    },
    /// A ceiling of `base::limits` or of the caller was reached.
    #[error("{at}: {what} exceed the limit of {limit}")]
    Limit {
        /// What was counted, in the plural: `attributes of one element`.
        what: &'static str,
        /// The ceiling.
        limit: usize,
        /// Where.
        at: TextPos,
    },
    /// A document type declaration came and the caller did not ask for one.
    #[error("{at}: document type declarations are refused")]
    DtdRefused {
        /// Where.
        at: TextPos,
    },
}
