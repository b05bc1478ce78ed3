//! Symmetric key wrap: AES (RFC 3394; XML Encryption 1.1 §5.6.3), Camellia (RFC 3657, the same construction) and triple DES
//! (RFC 3217 §3; XML Encryption 1.1 §5.6.2).
//!
//! RFC 3394 is done by hand over the ECB block cipher, because OpenSSL's wrap cipher does not use the CPU's AES
//! instructions. The check value is compared in constant time, and what was unwrapped is wiped when it is wrong.

use std::sync::OnceLock;

use openssl::cipher::{Cipher as Fetched, CipherRef};
use openssl::cipher_ctx::{CipherCtx, CipherCtxRef};
use zeroize::Zeroizing;

use super::Error;
use super::cipher::fetch_once;
use crate::xmlsec::algorithm::KeyWrap;

/// RFC 3394 §2.2.3.1.
const CHECK_VALUE: [u8; 8] = [0xA6; 8];
/// RFC 5649 §3.
const PADDED_MARK: [u8; 4] = [0xA6, 0x59, 0x59, 0xA6];
/// RFC 3217 §3.1.
const TRIPLE_DES_IV: [u8; 8] = [0x4a, 0xdd, 0xa2, 0x2c, 0x79, 0xe8, 0x21, 0x05];
/// Wrapped keys are never longer: an HMAC key of 4,096 bits is the largest anybody wraps.
const WRAPPED_BYTES_MAX: usize = 1024;

impl KeyWrap {
    const fn name(self) -> &'static str {
        match self {
            Self::Aes128 | Self::Aes128Pad => "AES-128-ECB",
            Self::Aes192 | Self::Aes192Pad => "AES-192-ECB",
            Self::Aes256 | Self::Aes256Pad => "AES-256-ECB",
            Self::Camellia128 => "CAMELLIA-128-ECB",
            Self::Camellia192 => "CAMELLIA-192-ECB",
            Self::Camellia256 => "CAMELLIA-256-ECB",
            Self::TripleDes => "DES-EDE3-CBC",
        }
    }

    fn fetched(self) -> Result<&'static CipherRef, Error> {
        static FETCHED: [OnceLock<Option<Fetched>>; 10] = [const { OnceLock::new() }; 10];
        fetch_once(&FETCHED[self as usize], self.name())
    }

    fn expect(self, key: &[u8], len: usize, least: usize) -> Result<(), Error> {
        if key.len() != self.key_size() {
            return Err(Error::KeySize { algorithm: self.name(), expected: self.key_size(), came: key.len() });
        }
        if len < least || len > WRAPPED_BYTES_MAX || !len.is_multiple_of(8) {
            return Err(Error::CipherTextSize { algorithm: self.name(), came: len });
        }
        Ok(())
    }

    /// Unwraps `wrapped` with `key`.
    ///
    /// # Errors
    /// [`Error::KeySize`], [`Error::CipherTextSize`]; [`Error::KeyCheck`] when the check value is wrong.
    pub fn unwrap_key(self, key: &[u8], wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        match self {
            Self::TripleDes => self.unwrap_triple_des(key, wrapped),
            Self::Aes128Pad | Self::Aes192Pad | Self::Aes256Pad => self.unwrap_padded(key, wrapped),
            // RFC 3394 wants two 64-bit blocks at least; a check value alone is no key.
            _ => {
                self.expect(key, wrapped.len(), 24)?;
                let (check, out) = self.unwind(key, wrapped)?;
                if openssl::memcmp::eq(&check, &CHECK_VALUE) { Ok(out) } else { Err(Error::KeyCheck) }
            }
        }
    }

    /// Wraps `clear` under `key`.
    ///
    /// # Errors
    /// [`Error::KeySize`]; [`Error::CipherTextSize`] when `clear` is not whole 64-bit blocks where it must be.
    pub fn wrap_key(self, key: &[u8], clear: &[u8]) -> Result<Vec<u8>, Error> {
        match self {
            Self::TripleDes => self.wrap_triple_des(key, clear),
            Self::Aes128Pad | Self::Aes192Pad | Self::Aes256Pad => self.wrap_padded(key, clear),
            _ => {
                self.expect(key, clear.len(), 16)?;
                self.wind(key, CHECK_VALUE, clear)
            }
        }
    }

    /// RFC 3394 §2.2.2 without its check: the check value and the key.
    fn unwind(self, key: &[u8], wrapped: &[u8]) -> Result<([u8; 8], Zeroizing<Vec<u8>>), Error> {
        let mut context = CipherCtx::new()?;
        context.decrypt_init(Some(self.fetched()?), Some(key), None)?;
        context.set_padding(false);
        let blocks = wrapped.len() / 8 - 1;
        let mut out = Zeroizing::new(wrapped[8..].to_vec());
        let mut check = <[u8; 8]>::try_from(&wrapped[..8]).expect("the caller checked the length");
        let mut block = Zeroizing::new([0; 32]);
        // One block alone goes through the cipher once (RFC 5649 §4.2).
        if blocks == 1 {
            turn(&mut context, &mut block, &mut check, &mut out)?;
            return Ok((check, out));
        }
        for step in (1..=6 * blocks).rev() {
            let at = (step - 1) % blocks * 8;
            xor_step(&mut check, step);
            turn(&mut context, &mut block, &mut check, &mut out[at..at + 8])?;
        }
        Ok((check, out))
    }

    /// RFC 3394 §2.2.1 from a check value of the caller's.
    fn wind(self, key: &[u8], mut check: [u8; 8], clear: &[u8]) -> Result<Vec<u8>, Error> {
        let mut context = CipherCtx::new()?;
        context.encrypt_init(Some(self.fetched()?), Some(key), None)?;
        context.set_padding(false);
        let blocks = clear.len() / 8;
        let mut out = [&check, clear].concat();
        let mut block = Zeroizing::new([0; 32]);
        let steps = if blocks == 1 { 1 } else { 6 * blocks };
        for step in 1..=steps {
            let at = (step - 1) % blocks * 8 + 8;
            turn(&mut context, &mut block, &mut check, &mut out[at..at + 8])?;
            if blocks > 1 {
                xor_step(&mut check, step);
            }
        }
        out[..8].copy_from_slice(&check);
        Ok(out)
    }

    /// RFC 5649 §3: the check value holds the length, zeros fill the last block.
    fn unwrap_padded(self, key: &[u8], wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.expect(key, wrapped.len(), 16)?;
        let (check, mut out) = self.unwind(key, wrapped)?;
        let (mark, len) = check.split_at(4);
        let len = len.iter().fold(0usize, |len, octet| len << 8 | usize::from(*octet));
        let fits = len <= out.len() && len + 8 > out.len() && len > 0;
        let filling = if fits { out[len..].iter().fold(0, |all, octet| all | octet) } else { 1 };
        if !openssl::memcmp::eq(mark, &PADDED_MARK) || filling != 0 {
            return Err(Error::KeyCheck);
        }
        out.truncate(len);
        Ok(out)
    }

    fn wrap_padded(self, key: &[u8], clear: &[u8]) -> Result<Vec<u8>, Error> {
        let padded_len = clear.len().next_multiple_of(8);
        self.expect(key, padded_len, 8)?;
        let mut padded = Zeroizing::new(Vec::with_capacity(padded_len));
        padded.extend_from_slice(clear);
        padded.resize(padded_len, 0);
        let mut check = [0; 8];
        check[..4].copy_from_slice(&PADDED_MARK);
        check[4..].copy_from_slice(&u32::try_from(clear.len()).expect("bounded above").to_be_bytes());
        self.wind(key, check, &padded)
    }

    fn unwrap_triple_des(self, key: &[u8], wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.expect(key, wrapped.len(), 24)?;
        let mut outer = self.triple_des(key, &TRIPLE_DES_IV, wrapped, Direction::Decrypt)?;
        outer.reverse();
        let (iv, text) = outer.split_at(8);
        let mut inner = self.triple_des(key, iv, text, Direction::Decrypt)?;
        let at = inner.len() - 8;
        let digest = openssl::sha::sha1(&inner[..at]);
        if !openssl::memcmp::eq(&digest[..8], &inner[at..]) {
            return Err(Error::KeyCheck);
        }
        inner.truncate(at);
        Ok(inner)
    }

    fn wrap_triple_des(self, key: &[u8], clear: &[u8]) -> Result<Vec<u8>, Error> {
        self.expect(key, clear.len(), 8)?;
        let digest = openssl::sha::sha1(clear);
        let checked = Zeroizing::new([clear, &digest[..8]].concat());
        let mut iv = [0; 8];
        openssl::rand::rand_bytes(&mut iv)?;
        let inner = self.triple_des(key, &iv, &checked, Direction::Encrypt)?;
        let mut turned = [iv.as_slice(), inner.as_slice()].concat();
        turned.reverse();
        Ok(self.triple_des(key, &TRIPLE_DES_IV, &turned, Direction::Encrypt)?.to_vec())
    }

    fn triple_des(self, key: &[u8], iv: &[u8], octets: &[u8], way: Direction) -> Result<Zeroizing<Vec<u8>>, Error> {
        let mut context = CipherCtx::new()?;
        match way {
            Direction::Encrypt => context.encrypt_init(Some(self.fetched()?), Some(key), Some(iv))?,
            Direction::Decrypt => context.decrypt_init(Some(self.fetched()?), Some(key), Some(iv))?,
        }
        context.set_padding(false);
        let mut out = Zeroizing::new(Vec::with_capacity(octets.len() + 8));
        context.cipher_update_vec(octets, &mut out)?;
        Ok(out)
    }
}

#[derive(Clone, Copy)]
enum Direction {
    Encrypt,
    Decrypt,
}

fn xor_step(check: &mut [u8; 8], step: usize) {
    let counter = u64::try_from(step).expect("a step fits 64 bits").to_be_bytes();
    for (octet, count) in check.iter_mut().zip(counter) {
        *octet ^= count;
    }
}

/// One block through the cipher: check value and register in, check value and register out.
fn turn(
    context: &mut CipherCtxRef,
    block: &mut [u8; 32],
    check: &mut [u8; 8],
    register: &mut [u8],
) -> Result<(), Error> {
    block[..8].copy_from_slice(check);
    block[8..16].copy_from_slice(register);
    context.cipher_update_inplace(block, 16)?;
    check.copy_from_slice(&block[..8]);
    register.copy_from_slice(&block[8..16]);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn octets(hex: &str) -> Vec<u8> {
        (0..hex.len() / 2).map(|n| u8::from_str_radix(&hex[2 * n..2 * n + 2], 16).unwrap()).collect()
    }

    #[test]
    fn agrees_with_rfc_3394() {
        // RFC 3394 §4.1, §4.3 and §4.6.
        for (kek, data, wrapped) in [
            (
                "000102030405060708090A0B0C0D0E0F",
                "00112233445566778899AABBCCDDEEFF",
                "1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5",
            ),
            (
                "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
                "00112233445566778899AABBCCDDEEFF",
                "64E8C3F9CE0F5BA263E9777905818A2A93C8191E7D6E8AE7",
            ),
            (
                "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
                "00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F",
                "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21",
            ),
        ] {
            let kek = octets(kek);
            let algorithm = if kek.len() == 16 { KeyWrap::Aes128 } else { KeyWrap::Aes256 };
            assert_eq!(algorithm.wrap_key(&kek, &octets(data)).unwrap(), octets(wrapped));
            assert_eq!(*algorithm.unwrap_key(&kek, &octets(wrapped)).unwrap(), octets(data));
        }
    }

    #[test]
    fn agrees_with_rfc_5649() {
        // RFC 5649 §6, both examples.
        let kek = octets("5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8");
        for (data, wrapped) in [
            (
                "c37b7e6492584340bed12207808941155068f738",
                "138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a",
            ),
            ("466f7250617369", "afbeb0f07dfbf5419200f2ccb50bb24f"),
        ] {
            assert_eq!(KeyWrap::Aes192Pad.wrap_key(&kek, &octets(data)).unwrap(), octets(wrapped));
            assert_eq!(*KeyWrap::Aes192Pad.unwrap_key(&kek, &octets(wrapped)).unwrap(), octets(data));
        }
    }

    #[test]
    fn unwraps_what_it_wrapped_and_notices_every_flip() {
        use KeyWrap as K;
        for wrap in [
            K::Aes256Pad,
            K::Aes128,
            K::Aes192,
            K::Aes256,
            K::Camellia128,
            K::Camellia192,
            K::Camellia256,
            K::TripleDes,
        ] {
            let kek: Vec<u8> = (0..wrap.key_size()).map(|n| n as u8).collect();
            for len in [16, 24, 32, 64] {
                let clear: Vec<u8> = (0..len).map(|n| n as u8 ^ 0x5A).collect();
                let wrapped = wrap.wrap_key(&kek, &clear).unwrap();
                assert_eq!(*wrap.unwrap_key(&kek, &wrapped).unwrap(), clear, "{wrap:?} {len}");
                for at in 0..wrapped.len() {
                    let mut changed = wrapped.clone();
                    changed[at] ^= 0x10;
                    assert!(wrap.unwrap_key(&kek, &changed).is_err(), "{wrap:?} {len} {at}");
                }
            }
        }
    }

    #[test]
    fn odd_lengths_are_refused() {
        for len in [0, 7, 8, 16, 17, 25, 2048] {
            assert!(KeyWrap::Aes128.unwrap_key(&[0; 16], &vec![0; len]).is_err(), "{len}");
            assert!(KeyWrap::TripleDes.unwrap_key(&[0; 24], &vec![0; len]).is_err(), "{len}");
        }
    }
}
