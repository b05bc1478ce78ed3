//! XML Signature 1.1.
//!
//! - [`signature`]: a `ds:Signature`, read: structure, algorithms, bounds, before any cryptography.
//! - [`reference`](mod@reference), [`transform`]: what a Reference points at, and its digest.
//! - [`ids`]: which element a same-document reference means.
//! - [`key_info`], [`key_value`], [`x509_data`], [`name`], [`token`]: what a document says about a key.
//! - [`resolve`]: which keys may verify a signature.
//! - [`verify`](mod@verify): a whole signature, step by step.
//! - [`sign`](mod@sign), [`template`]: making a signature.
//! - [`trust`]: whether a certificate leads to an anchor.
//! - [`explain`]: why a signature does not hold, for people.
//!
//! The steps can be called one by one: a gateway verifies the value first, decrypts, and checks the digests last.

pub mod error;
pub mod explain;
pub mod ids;
pub mod key_info;
pub mod key_value;
pub mod name;
pub mod reference;
pub mod resolve;
pub mod sign;
pub mod signature;
pub mod template;
pub mod token;
pub mod transform;
pub mod trust;
pub mod verify;
pub mod x509_data;

#[cfg(test)]
mod edge_tests;
#[cfg(test)]
mod known_attacks;
#[cfg(test)]
pub(super) mod tests;

pub use error::Error;
pub use ids::{IdAttributes, IdError, IdIndex};
pub use key_info::{KeyInfo, KeyInfoItem, RetrievalMethod};
pub use reference::{Context, Digested, Reference, Target, UrlMap};
pub(crate) use reference::{cipher_octets, retrieved_element};
pub use resolve::{Candidate, KeySource};
pub use sign::{ReferenceParts, SignatureParts, TransformParts, write_signature};
pub use signature::{Canonicalization, Signature};
pub use token::{Token, TokenResolver};
pub use transform::Transform;
pub use trust::{Trust, TrustError};
pub use x509_data::{X509Data, X509Selector};
