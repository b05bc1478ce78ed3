//! What can go wrong between octets and OpenSSL. For the operator only: none of it may reach a peer (design 2.2).

use openssl::error::ErrorStack;

/// A fault of a primitive.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A key of another size than the algorithm wants, such as 16 octets for AES-256.
    #[error("{algorithm}: key has {came} octets, expected {expected}")]
    KeySize {
        /// The algorithm by OpenSSL's name.
        algorithm: &'static str,
        /// Octets it wants.
        expected: usize,
        /// Octets there were.
        came: usize,
    },
    /// Cipher text too short, too long, or not whole blocks.
    #[error("{algorithm}: cipher text of {came} octets is too short, too long or not whole blocks")]
    CipherTextSize {
        /// The algorithm by OpenSSL's name.
        algorithm: &'static str,
        /// Octets there were.
        came: usize,
    },
    /// Nonce or counter of a stream cipher absent or of another size.
    #[error("{algorithm}: nonce of {came} octets or its counter is not what the cipher wants")]
    NonceSize {
        /// The algorithm by OpenSSL's name.
        algorithm: &'static str,
        /// Octets of the nonce.
        came: usize,
    },
    /// The tag of an authenticated cipher is wrong: changed cipher text or another key.
    #[error("the authentication tag is wrong: the cipher text was changed, or this is not its key")]
    Tag,
    /// The last octet of decrypted CBC text counts no padding.
    #[error("the padding is wrong: the cipher text was changed, or this is not its key")]
    Padding,
    /// The check value of a wrapped key is wrong.
    #[error("the wrapped key's check value is wrong: it was changed, or this is not the key that wrapped it")]
    KeyCheck,
    /// RSA key transport failed; OpenSSL does not say why, and nobody should.
    #[error("RSA key transport failed: this is not the key, or digest, MGF or label differ")]
    Transport,
    /// A peer's public key for agreement is no point of our curve.
    #[error("the peer's public key is not a valid point of our key's curve")]
    Point,
    /// A key of a kind or curve that agrees on nothing here.
    #[error("the key is of a kind or curve that key agreement does not know")]
    CurveUnknown,
    /// A bit string of ConcatKDFParams is malformed, or together they are not whole octets.
    #[error("a bit string of ConcatKDFParams is malformed, or together they are not whole octets")]
    BitString,
    /// Too many or no octets to derive.
    #[error("cannot derive {came} octets, at least 1 and at most {most}")]
    DerivedSize {
        /// Octets asked for.
        came: usize,
        /// The bound.
        most: usize,
    },
    /// OpenSSL on this machine lacks an algorithm.
    #[error("OpenSSL on this machine has no {algorithm}")]
    NotInLibrary {
        /// The algorithm by OpenSSL's name.
        algorithm: &'static str,
    },
    /// OpenSSL refused for a reason of its own.
    #[error("OpenSSL refused")]
    Library(#[from] ErrorStack),
}
