//! Merkle trees (RFC 9162 §2.1): hashes, growing trees, proofs and their verification.
//!
//! The functions that verify are pure and need no store: both sides of an exchange use them.
//! A growing tree keeps its complete subtrees' hashes in the order in which they become complete ([`Nodes`]): leaf,
//! then each parent that it closes. So a tree only appends, any proof reads O(log n) hashes, and the edge (the roots
//! of the complete subtrees, largest first) is all that is needed to go on.

mod proof;
mod tree;

pub use proof::{ProofError, verify_consistency, verify_inclusion};
pub use tree::{Nodes, Tree, consistency, inclusion, nodes_before, root};

use std::fmt;

use openssl::sha::Sha256;

/// Octets of a hash.
pub const HASH_BYTES: usize = 32;

/// SHA-256 of something.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash([u8; HASH_BYTES]);

impl Hash {
    /// A hash of these octets.
    #[must_use]
    pub const fn new(octets: [u8; HASH_BYTES]) -> Self {
        Self(octets)
    }

    /// A hash of these octets, if they are 32.
    #[must_use]
    pub fn from_slice(octets: &[u8]) -> Option<Self> {
        octets.try_into().ok().map(Self)
    }

    /// Its octets.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; HASH_BYTES] {
        &self.0
    }

    /// Reads 64 hexadecimal digits.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        from_hex(text).map(Self)
    }
}

/// A tree's name: 16 octets that tell nothing about the other trees.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LogId([u8; 16]);

impl LogId {
    /// A log id of these octets.
    #[must_use]
    pub const fn new(octets: [u8; 16]) -> Self {
        Self(octets)
    }

    /// The id of the tree called `name` in the store `store_id`.
    #[must_use]
    pub fn derive(store_id: &[u8; 16], name: &str) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"coconnect log\0");
        hasher.update(store_id);
        hasher.update(name.as_bytes());
        let digest = hasher.finish();
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        Self(id)
    }

    /// Its octets.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Reads 32 hexadecimal digits.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        from_hex(text).map(Self)
    }
}

fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut octets = [0; N];
    for (octet, pair) in octets.iter_mut().zip(digits.chunks_exact(2)) {
        let high = char::from(*pair.first()?).to_digit(16)?;
        let low = char::from(*pair.get(1)?).to_digit(16)?;
        *octet = u8::try_from(high * 16 + low).ok()?;
    }
    Some(octets)
}

macro_rules! hexadecimal {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&crate::base::octets::to_hex(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )*};
}
hexadecimal!(Hash, LogId);

/// The root of the tree without leaves: SHA-256 of nothing.
#[must_use]
pub fn empty_root() -> Hash {
    Hash(crate::base::sha256(&[]))
}

/// The hash of a leaf: SHA-256(0x00 || entry).
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(&[0]);
    hasher.update(entry);
    Hash(hasher.finish())
}

/// The hash of an inner node: SHA-256(0x01 || left || right).
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut octets = [1; 1 + 2 * HASH_BYTES];
    octets[1..=HASH_BYTES].copy_from_slice(&left.0);
    octets[1 + HASH_BYTES..].copy_from_slice(&right.0);
    Hash(crate::base::sha256(&octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_standard() {
        assert_eq!(empty_root().to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(leaf_hash(&[]).to_string(), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    }

    #[test]
    fn hexadecimal_reads_back() {
        let hash = leaf_hash(b"x");
        assert_eq!(Hash::from_hex(&hash.to_string()), Some(hash));
        assert_eq!(Hash::from_hex("00"), None);
        assert_eq!(LogId::from_hex(&"zz".repeat(16)), None);
    }
}
