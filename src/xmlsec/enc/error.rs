//! Why something encrypted was not opened. The text is for the operator; a peer sees [`Kind`] at most (design 2.2).

use crate::xml::{self, TextPos};
use crate::xmlsec::policy::Refused;
use crate::xmlsec::{key, provider};

/// What a caller may act on, and no finer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The elements are not those of XML Encryption. Known before any key was used.
    Structure,
    /// Well-formed, but the policy does not allow it. Known before any key was used.
    Policy,
    /// None of our keys is asked for, or none fits.
    NoKey,
    /// A key was used and it failed.
    Failed,
}

/// Why something encrypted was not opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An element is missing, stands at the wrong place, or holds what it must not: `CipherData` without `CipherValue`.
    #[error("{at}: in {parent} expected {expected}, came {came}")]
    Structure {
        /// The element that is wrong inside.
        parent: String,
        /// What the schema wants.
        expected: &'static str,
        /// What stands there.
        came: String,
        /// Where.
        at: TextPos,
    },
    /// A value is not of its type: base64, hexadecimal, a number.
    #[error("{at}: {what} is not {expected}")]
    Value {
        /// Element or attribute.
        what: &'static str,
        /// Its type.
        expected: &'static str,
        /// Where.
        at: TextPos,
    },
    /// The policy refuses an algorithm, a parameter or a key.
    #[error("{at}: refused")]
    Refused {
        /// Where.
        at: TextPos,
        /// Why.
        #[source]
        refused: Refused,
    },
    /// Legal, and not done here: an external reference without `--url-map`, an explicit curve.
    #[error("{at}: {what} is not supported")]
    Unsupported {
        /// What was met.
        what: String,
        /// Where.
        at: TextPos,
    },
    /// A same-document reference leads nowhere, to several places, or to another element than it must.
    #[error("{at}: reference {uri:?}: {why}")]
    Reference {
        /// The URI.
        uri: String,
        /// What is wrong.
        why: &'static str,
        /// Where.
        at: TextPos,
    },
    /// A `CipherReference` leads nowhere, or its transforms fail.
    #[error("{at}: CipherReference")]
    CipherReference {
        /// Where.
        at: TextPos,
        /// Why.
        #[source]
        source: Box<crate::xmlsec::dsig::Error>,
    },
    /// A bound was reached before its cost was paid.
    #[error("{what} exceed the limit of {limit}")]
    Limit {
        /// What was counted, in the plural.
        what: &'static str,
        /// The ceiling.
        limit: usize,
    },
    /// None of our keys is named or fits; what was tried is in `tried`.
    #[error("no key for it: {wanted}; tried {}", if tried.is_empty() { "none" } else { tried })]
    NoKey {
        /// What the document asks for.
        wanted: String,
        /// What was tried, each with its result.
        tried: String,
    },
    /// The key that came out has another size than the cipher wants.
    #[error("the decrypted key has {came} octets, the cipher wants {expected}")]
    ContentKeySize {
        /// Octets the cipher wants.
        expected: usize,
        /// Octets there were.
        came: usize,
    },
    /// The key given is of a kind that the method does not use: RSA-OAEP with an EC key.
    #[error("the method wants {expected}, the key is another")]
    KeyKind {
        /// What the method wants.
        expected: &'static str,
    },
    /// A primitive failed.
    #[error(transparent)]
    Provider(#[from] provider::Error),
    /// One of our own keys cannot be used.
    #[error("our key cannot be used")]
    Key(#[from] key::Error),
    /// The clear text is not the XML that its `Type` says.
    #[error("the clear text is not {expected}")]
    ClearText {
        /// What `Type` says.
        expected: &'static str,
        /// What the parser says.
        #[source]
        source: Option<xml::Error>,
    },
}

impl Error {
    /// The coarse kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Structure { .. } | Self::Value { .. } | Self::Reference { .. } | Self::CipherReference { .. } => {
                Kind::Structure
            }
            Self::Refused { .. } | Self::Unsupported { .. } | Self::Limit { .. } => Kind::Policy,
            Self::NoKey { .. } | Self::KeyKind { .. } => Kind::NoKey,
            Self::ContentKeySize { .. } | Self::Provider(_) | Self::Key(_) | Self::ClearText { .. } => Kind::Failed,
        }
    }
}
