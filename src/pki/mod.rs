//! Floor 1: certificates, private keys and trust.
//!
//! - [`Certificate`]: a parsed X.509 certificate (RFC 5280) with what XML Signature and people ask of it.
//! - [`PrivateKey`]: read from PEM, DER or PKCS#12, told by its content; never printed.
//! - [`TrustAnchors`]: path building and checking at a given time for a given [`Use`]; each refusal is an error of its own.
//! - [`Crl`]: revocation lists, each with its freshness.
//! - [`DevCa`]: a certificate authority for development and tests.
//! - [`calendar`]: what expires when.
//!
//! Time is always an argument; the room never asks for it. A verdict about a certificate is never cached here: callers do,
//! by the thumbprint, until the earliest moment that could change it ([`Path::good_until`]).

pub mod calendar;
mod cert;
mod der;
mod dev_ca;
mod error;
mod key;
mod name;
mod path;
mod revocation;
#[cfg(test)]
mod tests;
mod trust;

pub use cert::{Certificate, KeyKind, SignatureKind};
pub use dev_ca::{DevCa, Issue};
pub use error::Error;
pub use key::{KeyFile, Password, PrivateKey};
pub use path::{OFFERED_MAX, Path, PathError, uses};
pub use revocation::{Crl, RevocationReason};
pub use trust::{Leniency, Revocation, TrustAnchors, Use};
