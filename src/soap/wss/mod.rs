//! WS-Security 1.0/1.1 with the X.509 token profile (design 2.2): messages opened and sealed.
//!
//! - [`policy`]: what must be signed and encrypted; the partner's file chooses, the message does not.
//! - [`verify`]: [`Verifier::open`], the checks in their order: structure and bounds, algorithms, token, certificate and
//!   trust, Timestamp and addressing, coverage, SignatureValue; only then decryption, then the Reference digests.
//! - [`sign`]: [`Sealer::seal`], requests, answers and faults in one pass, written in canonical form.
//! - [`token`]: certificates of signers and receivers, found by what a message says of them.
//! - [`refusal`]: why a message is refused, and what of that its sender may hear.
//! - [`explain`](mod@explain): why a message does not hold or open, for people; never called while serving.

pub mod anchored;
mod coverage;
mod decrypt;
pub mod explain;
pub mod policy;
pub mod refusal;
pub mod security_header;
pub mod sign;
mod str_transform;
mod suite;
pub mod timestamp;
pub mod token;
pub mod token_reference;
pub mod verify;

pub use anchored::Anchored;
pub use policy::{Encryption, Order, Policy, Profile, SignedParts};
pub use refusal::{Public, Reason, Refusal, Stage};
pub use sign::{Content, KeyReference, Outgoing, Sealed, Sealer, Settings, Suite};
pub use token::{CertificateReference, Identity, Recipient, Signer, SignerLookup, Signers, TrustError};
pub use verify::{Authentic, Context, Evidence, ReferenceReport, Verifier};

#[cfg(test)]
pub(crate) mod tests;
