//! Where the cryptography comes from: OpenSSL, behind functions that speak in the terms of [`super::algorithm`].

pub mod cipher;
pub mod digest;
pub mod error;
pub mod kdf;
pub mod key_agreement;
pub mod key_transport;
pub mod key_wrap;
pub mod signature;

pub use error::Error;
