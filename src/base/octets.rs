//! Octets: SHA-256 without a look-up, random octets from a small stock, and memory that is wiped.
//!
//! All three are asked for many times a message. OpenSSL's one-shot functions fetch the algorithm at each call, which costs
//! as much as hashing 100 octets; its random generator takes a lock and a microsecond whatever is asked for; and a wipe octet
//! by octet of a message's buffers takes longer than their canonicalization.

use std::cell::RefCell;

use openssl::error::ErrorStack;
use openssl::sha::Sha256;

/// The SHA-256 of `octets`.
#[must_use]
pub fn sha256(octets: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(octets);
    hash.finish()
}

/// Whether two short names are equal: compared in place, where the library's comparison is a call that takes longer than
/// most names are worth.
#[must_use]
#[inline(always)]
pub fn same(a: &[u8], b: &[u8]) -> bool {
    match a.len() {
        length if length != b.len() => false,
        0 => true,
        1..=3 => a.iter().zip(b).all(|(a, b)| a == b),
        4..=7 => a.first_chunk::<4>() == b.first_chunk::<4>() && a.last_chunk::<4>() == b.last_chunk::<4>(),
        8..=16 => a.first_chunk::<8>() == b.first_chunk::<8>() && a.last_chunk::<8>() == b.last_chunk::<8>(),
        17..=32 => a.first_chunk::<16>() == b.first_chunk::<16>() && a.last_chunk::<16>() == b.last_chunk::<16>(),
        _ => a == b,
    }
}

/// `octets` in hexadecimal, lower case.
#[must_use]
pub fn to_hex(octets: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 15)]);
    octets.iter().flat_map(|octet| [digit(octet >> 4), digit(*octet)]).collect()
}

/// HMAC-SHA-256 (RFC 2104) under one key, whose two blocks are hashed once.
#[derive(Clone)]
pub struct HmacSha256 {
    inner: Sha256,
    outer: Sha256,
}

impl HmacSha256 {
    const BLOCK: usize = 64;

    /// Under `key`, of any length.
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        let mut block = [0; Self::BLOCK];
        match block.get_mut(..key.len()) {
            Some(start) => start.copy_from_slice(key),
            None => block[..32].copy_from_slice(&sha256(key)),
        }
        let padded = |pad: u8| {
            let mut hash = Sha256::new();
            hash.update(&block.map(|octet| octet ^ pad));
            hash
        };
        Self { inner: padded(0x36), outer: padded(0x5C) }
    }

    /// The code of `octets`.
    #[must_use]
    pub fn of(&self, octets: &[u8]) -> [u8; 32] {
        let mut inner = self.inner.clone();
        inner.update(octets);
        let mut outer = self.outer.clone();
        outer.update(&inner.finish());
        outer.finish()
    }
}

/// Octets that a thread keeps in stock.
const STOCK: usize = 512;

struct Stock {
    octets: [u8; STOCK],
    left: usize,
}

thread_local! {
    static RANDOM: RefCell<Stock> = const { RefCell::new(Stock { octets: [0; STOCK], left: 0 }) };
}

/// Fills `out` with random octets. What was given out does not stay in the stock.
///
/// # Errors
/// When OpenSSL's generator has none.
pub fn random(out: &mut [u8]) -> Result<(), ErrorStack> {
    if out.len() > STOCK / 4 {
        return openssl::rand::rand_bytes(out);
    }
    RANDOM.with_borrow_mut(|stock| {
        if stock.left < out.len() {
            openssl::rand::rand_bytes(&mut stock.octets)?;
            stock.left = STOCK;
        }
        let from = stock.left - out.len();
        let given = &mut stock.octets[from..stock.left];
        out.copy_from_slice(given);
        given.fill(0);
        stock.left = from;
        Ok(())
    })
}

/// Overwrites everything that `octets` holds or may have held in its room, and empties it.
pub fn wipe(octets: &mut Vec<u8>) {
    octets.clear();
    octets.resize(octets.capacity(), 0);
    // The compiler must believe that somebody reads the zeros, or it would leave them out.
    std::hint::black_box(octets.as_mut_slice());
    octets.clear();
}

/// As [`wipe`].
pub fn wipe_text(text: &mut String) {
    wipe(&mut std::mem::take(text).into_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_as_openssl_does() {
        for len in [0, 1, 55, 64, 1000] {
            let octets = vec![7; len];
            assert_eq!(sha256(&octets), openssl::sha::sha256(&octets));
            for key in [1, 16, 63, 64, 65, 200] {
                let key = vec![9; key];
                let theirs = openssl::pkey::PKey::hmac(&key).unwrap();
                let mut signer = openssl::sign::Signer::new(openssl::hash::MessageDigest::sha256(), &theirs).unwrap();
                assert_eq!(HmacSha256::new(&key).of(&octets)[..], signer.sign_oneshot_to_vec(&octets).unwrap());
            }
        }
    }

    #[test]
    fn names_are_the_same_when_every_octet_is() {
        for length in 0..=40 {
            let a: Vec<u8> = (0..length).collect();
            assert!(same(&a, &a.clone()));
            assert!(!same(&a, &[&a[..], b"x"].concat()));
            for at in 0..a.len() {
                let mut b = a.clone();
                b[at] ^= 0x80;
                assert!(!same(&a, &b), "{length} {at}");
            }
        }
    }

    #[test]
    fn hexadecimal_has_two_digits_an_octet() {
        assert_eq!(to_hex(&[0, 9, 0xA5, 0xFF]), "0009a5ff");
    }

    #[test]
    fn random_octets_are_given_out_once() {
        let mut seen = std::collections::HashSet::new();
        for len in [16; 500].into_iter().chain([STOCK / 4, STOCK / 4 + 1, 3 * STOCK]) {
            let mut octets = vec![0; len];
            random(&mut octets).unwrap();
            assert!(octets.windows(8).any(|part| part != [0; 8]));
            assert!(seen.insert(octets));
        }
        RANDOM.with_borrow(|stock| assert!(stock.octets[stock.left..].iter().all(|octet| *octet == 0)));
    }

    #[test]
    fn what_is_wiped_is_empty_and_keeps_its_room() {
        let mut octets = b"secret".to_vec();
        let room = octets.capacity();
        wipe(&mut octets);
        assert!(octets.is_empty() && octets.capacity() == room);
        let mut text = "secret".to_owned();
        wipe_text(&mut text);
        assert!(text.is_empty());
    }
}
