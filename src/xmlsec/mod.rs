//! Floor 2: XML Signature 1.1 and XML Encryption 1.1 as the W3C wrote them. Knows no SOAP and no partner.
//!
//! - [`algorithm`]: every algorithm with name, URI, place and level; what is not there does not exist here.
//! - [`policy`]: what a caller lets a document use.
//! - [`key`]: keys ready for use; [`key_file`] and [`keys_xml`] read them from files.
//! - [`dsig`]: XML Signature.
//! - [`enc`]: XML Encryption.
//! - [`provider`], OpenSSL.
//!
//! Refused everywhere: XSLT, `here()`, anything external that the caller did not map to a file.

pub mod algorithm;
pub mod base64;
pub mod dsig;
pub mod enc;
pub mod key;
pub mod key_file;
pub mod keys_xml;
pub mod policy;
pub mod provider;
pub mod read;

pub use key::{Key, KeyRing, SigningKey, VerifyingKey};
pub use policy::{KeyInfoForm, KeyInfoForms, Policy, Refused};
