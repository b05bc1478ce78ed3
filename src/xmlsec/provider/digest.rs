//! Hash functions.
//!
//! SHA-1 and SHA-2 go through OpenSSL's low-level functions: an algorithm fetch costs as much as hashing 100 octets.

use std::ops::Deref;

use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::md::{Md, MdRef};
use openssl::sha;

use crate::xmlsec::algorithm::Digest;

/// A hash value, without allocation.
#[derive(Clone, Copy, Debug)]
pub struct DigestValue {
    octets: [u8; 64],
    size: usize,
}

impl DigestValue {
    fn new(value: &[u8]) -> Self {
        let mut octets = [0; 64];
        octets[..value.len()].copy_from_slice(value);
        Self { octets, size: value.len() }
    }
}

impl Deref for DigestValue {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.octets[..self.size]
    }
}

/// The low-level functions; the one-shot ones fetch the algorithm at each call.
macro_rules! low_level {
    ($hasher:ty, $data:expr) => {{
        let mut hash = <$hasher>::new();
        hash.update($data);
        DigestValue::new(&hash.finish())
    }};
}

/// The hash of `data`.
///
/// # Errors
/// When this OpenSSL lacks the algorithm (MD5 and RIPEMD-160 in a FIPS build).
pub fn digest(kind: Digest, data: &[u8]) -> Result<DigestValue, ErrorStack> {
    Ok(match kind {
        Digest::Sha256 => DigestValue::new(&crate::base::sha256(data)),
        Digest::Sha1 => low_level!(sha::Sha1, data),
        Digest::Sha224 => low_level!(sha::Sha224, data),
        Digest::Sha384 => low_level!(sha::Sha384, data),
        Digest::Sha512 => low_level!(sha::Sha512, data),
        _ => DigestValue::new(&openssl::hash::hash(message_digest(kind), data)?),
    })
}

/// The same for OpenSSL's older interface.
#[must_use]
pub fn message_digest(kind: Digest) -> MessageDigest {
    match kind {
        Digest::Md5 => MessageDigest::md5(),
        Digest::Ripemd160 => MessageDigest::ripemd160(),
        Digest::Sha1 => MessageDigest::sha1(),
        Digest::Sha224 => MessageDigest::sha224(),
        Digest::Sha256 => MessageDigest::sha256(),
        Digest::Sha384 => MessageDigest::sha384(),
        Digest::Sha512 => MessageDigest::sha512(),
        Digest::Sha3_224 => MessageDigest::sha3_224(),
        Digest::Sha3_256 => MessageDigest::sha3_256(),
        Digest::Sha3_384 => MessageDigest::sha3_384(),
        Digest::Sha3_512 => MessageDigest::sha3_512(),
    }
}

/// The same for OpenSSL's key contexts.
#[must_use]
pub fn md(kind: Digest) -> &'static MdRef {
    match kind {
        Digest::Md5 => Md::md5(),
        Digest::Ripemd160 => Md::ripemd160(),
        Digest::Sha1 => Md::sha1(),
        Digest::Sha224 => Md::sha224(),
        Digest::Sha256 => Md::sha256(),
        Digest::Sha384 => Md::sha384(),
        Digest::Sha512 => Md::sha512(),
        Digest::Sha3_224 => Md::sha3_224(),
        Digest::Sha3_256 => Md::sha3_256(),
        Digest::Sha3_384 => Md::sha3_384(),
        Digest::Sha3_512 => Md::sha3_512(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xmlsec::algorithm::DIGESTS;

    #[test]
    fn every_digest_has_its_size_and_both_interfaces_agree() {
        for row in DIGESTS {
            let value = digest(row.value, b"abc").unwrap();
            assert_eq!(value.len(), row.value.size(), "{}", row.name);
            assert_eq!(value[..], openssl::hash::hash(message_digest(row.value), b"abc").unwrap()[..]);
            assert_eq!(md(row.value).size(), row.value.size());
        }
    }
}
