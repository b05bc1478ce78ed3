//! Why a signature could not be judged. A signature that was judged and is not valid is no error but a verdict.

use super::ids::IdError;
use crate::xml::{TextPos, c14n};
use crate::xmlsec::key;
use crate::xmlsec::policy::Refused;
use crate::xmlsec::read::BadStructure;

/// Why a `ds:Signature`, or one of its References, could not be processed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An element breaks the schema of XML Signature: two `ds:SignedInfo`, a comment in `ds:DigestValue`.
    #[error(transparent)]
    Structure(#[from] BadStructure),
    /// An algorithm, parameter, key size or form that the policy does not let through.
    #[error("{at}")]
    Refused {
        /// What was refused.
        #[source]
        refused: Refused,
        /// Where it stands.
        at: TextPos,
    },
    /// More References, Transforms, certificates than allowed.
    #[error("{at}: {what} exceed the limit of {limit}")]
    Limit {
        /// What was counted, in the plural.
        what: &'static str,
        /// The ceiling.
        limit: usize,
        /// Where.
        at: TextPos,
    },
    /// A same-document reference that finds no element, or more than one.
    #[error("{uri}")]
    Id {
        /// The URI.
        uri: String,
        /// What is wrong.
        source: IdError,
    },
    /// A reference that leaves the document and that nobody mapped to a file.
    #[error("{uri:?} lies outside the document and is not mapped; nothing is fetched")]
    External {
        /// The URI.
        uri: String,
    },
    /// A URI of a form that is not implemented: `#xpointer(//Body)`.
    #[error("{uri:?} is no reference that can be resolved: {why}")]
    UnsupportedReference {
        /// The URI.
        uri: String,
        /// Why.
        why: &'static str,
    },
    /// A transform that cannot work on what it is given.
    #[error("transform {name}: {why}")]
    Transform {
        /// Short name.
        name: &'static str,
        /// Why.
        why: String,
    },
    /// No canonical form exists, or it is too long.
    #[error("canonical form")]
    C14N(#[from] c14n::Error),
    /// An XPath expression of a transform has no value.
    #[error(transparent)]
    XPath(#[from] crate::xml::xpath::Error),
    /// What a transform read as XML is not.
    #[error("octets given to a transform that wants a node-set")]
    Xml(#[from] crate::xml::Error),
    /// A key could not be read or used.
    #[error("key")]
    Key(#[from] key::Error),
    /// `ds:KeyInfo` and the caller's keys yield no key that may be used.
    #[error("no key that may be used: {}", reasons.join("; "))]
    NoKey {
        /// Why each candidate was not taken.
        reasons: Vec<String>,
    },
    /// One of the above, met while a Reference was processed.
    #[error("reference {index} ({uri})")]
    Reference {
        /// Which, from 0.
        index: usize,
        /// Its URI.
        uri: String,
        /// What was met.
        source: Box<Error>,
    },
    /// OpenSSL lacks an algorithm.
    #[error("openssl")]
    Openssl(#[from] openssl::error::ErrorStack),
}

impl Error {
    /// A refusal at a place.
    pub(crate) fn refused(refused: Refused, at: TextPos) -> Self {
        Self::Refused { refused, at }
    }
}
