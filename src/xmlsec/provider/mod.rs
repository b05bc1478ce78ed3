//! Where the cryptography comes from: OpenSSL, behind functions that speak in the terms of [`super::algorithm`].

pub mod digest;
pub mod signature;
