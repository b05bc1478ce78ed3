//! Block and stream ciphers of XML Encryption 1.1 §5.2 and RFC 9231 §2.6, over EVP with algorithms fetched once.
//!
//! Octets in and out are those of a `CipherValue`: IV first, then cipher text, then (AEAD) the tag. Nothing of the clear
//! text is given out before the tag holds. Refused: keys of another size, IVs or tags that are cut.

use std::sync::OnceLock;

use openssl::cipher::{Cipher as Fetched, CipherRef};
use openssl::cipher_ctx::CipherCtx;
use zeroize::Zeroizing;

use super::Error;
use crate::xmlsec::algorithm::Cipher;

/// Octets of a GCM or Poly1305 tag.
pub const TAG_BYTES: usize = 16;

/// How a cipher's octets are laid out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// IV of 12 octets, cipher text, tag of 16 octets.
    Gcm,
    /// IV of one block, cipher text with padding as XML Encryption 1.1 §5.2 wants it.
    Cbc,
    /// Nonce and counter stand in the EncryptionMethod; only cipher text here.
    Stream,
    /// Nonce and additional data stand in the EncryptionMethod; cipher text and tag here.
    Poly1305,
}

/// Nonce, counter and additional data of the ChaCha20 ciphers (RFC 9231 §2.6.7 and §2.6.8).
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct StreamParameters {
    /// 12 octets.
    pub nonce: Vec<u8>,
    /// 4 octets, little-endian; ChaCha20 without Poly1305 only.
    pub counter: Vec<u8>,
    /// Additional authenticated data.
    pub additional_data: Vec<u8>,
}

impl Cipher {
    /// How its octets are laid out.
    #[must_use]
    pub const fn mode(self) -> Mode {
        match self {
            Self::Aes128Gcm | Self::Aes192Gcm | Self::Aes256Gcm => Mode::Gcm,
            Self::ChaCha20 => Mode::Stream,
            Self::ChaCha20Poly1305 => Mode::Poly1305,
            _ => Mode::Cbc,
        }
    }

    /// Octets of its IV at the head of the cipher text.
    #[must_use]
    pub const fn iv_bytes(self) -> usize {
        match (self, self.mode()) {
            (_, Mode::Gcm) => 12,
            (Self::TripleDesCbc, _) => 8,
            (_, Mode::Cbc) => 16,
            (_, Mode::Stream | Mode::Poly1305) => 0,
        }
    }

    /// Whether a changed octet is noticed by the cipher itself.
    #[must_use]
    pub const fn is_authenticated(self) -> bool {
        matches!(self.mode(), Mode::Gcm | Mode::Poly1305)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Aes128Gcm => "AES-128-GCM",
            Self::Aes192Gcm => "AES-192-GCM",
            Self::Aes256Gcm => "AES-256-GCM",
            Self::Aes128Cbc => "AES-128-CBC",
            Self::Aes192Cbc => "AES-192-CBC",
            Self::Aes256Cbc => "AES-256-CBC",
            Self::TripleDesCbc => "DES-EDE3-CBC",
            Self::Camellia128Cbc => "CAMELLIA-128-CBC",
            Self::Camellia192Cbc => "CAMELLIA-192-CBC",
            Self::Camellia256Cbc => "CAMELLIA-256-CBC",
            Self::ChaCha20 => "ChaCha20",
            Self::ChaCha20Poly1305 => "ChaCha20-Poly1305",
        }
    }

    fn fetched(self) -> Result<&'static CipherRef, Error> {
        static FETCHED: [OnceLock<Option<Fetched>>; 12] = [const { OnceLock::new() }; 12];
        fetch_once(&FETCHED[self as usize], self.name())
    }

    /// Opens `octets` (IV, cipher text, tag) with `key`. The tag, where there is one, is checked before anything is given
    /// out; where there is none, only the padding can be wrong.
    ///
    /// # Errors
    /// [`Error::KeySize`], [`Error::CipherTextSize`], [`Error::Tag`], [`Error::Padding`].
    pub fn open(self, key: &[u8], octets: &[u8], stream: &StreamParameters) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.expect_key(key)?;
        match self.mode() {
            Mode::Gcm => self.open_gcm(key, octets),
            Mode::Cbc => self.open_cbc(key, octets),
            Mode::Stream | Mode::Poly1305 => self.open_chacha(key, octets, stream),
        }
    }

    /// Closes `clear` under `key` with a fresh random IV; gives IV, cipher text, tag.
    ///
    /// # Errors
    /// [`Error::KeySize`]; [`Error::Library`] when OpenSSL cannot.
    pub fn seal(self, key: &[u8], clear: &[u8], stream: &StreamParameters) -> Result<Vec<u8>, Error> {
        self.expect_key(key)?;
        let mut out = vec![0; self.iv_bytes()];
        openssl::rand::rand_bytes(&mut out)?;
        match self.mode() {
            Mode::Gcm => self.seal_gcm(key, clear, &mut out)?,
            Mode::Cbc => self.seal_cbc(key, clear, &mut out)?,
            Mode::Stream | Mode::Poly1305 => self.seal_chacha(key, clear, stream, &mut out)?,
        }
        Ok(out)
    }

    fn expect_key(self, key: &[u8]) -> Result<(), Error> {
        if key.len() == self.key_size() {
            return Ok(());
        }
        Err(Error::KeySize { algorithm: self.name(), expected: self.key_size(), came: key.len() })
    }

    fn open_gcm(self, key: &[u8], octets: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let (iv, rest) = octets.split_at_checked(12).ok_or_else(|| self.too_short(octets))?;
        let at = rest.len().checked_sub(TAG_BYTES).ok_or_else(|| self.too_short(octets))?;
        let (text, tag) = rest.split_at(at);
        let mut context = CipherCtx::new()?;
        context.decrypt_init(Some(self.fetched()?), Some(key), Some(iv))?;
        finish_aead(&mut context, text, tag)
    }

    fn seal_gcm(self, key: &[u8], clear: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let mut context = CipherCtx::new()?;
        context.encrypt_init(Some(self.fetched()?), Some(key), Some(out.as_slice()))?;
        context.cipher_update_vec(clear, out)?;
        context.cipher_final_vec(out)?;
        append_tag(&mut context, out)
    }

    /// Only the last octet of the padding has a meaning; the others may be anything (XML Encryption 1.1 §5.2.1).
    fn open_cbc(self, key: &[u8], octets: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let block = self.iv_bytes();
        let (iv, text) = octets.split_at_checked(block).ok_or_else(|| self.too_short(octets))?;
        if text.is_empty() || !text.len().is_multiple_of(block) {
            return Err(Error::CipherTextSize { algorithm: self.name(), came: octets.len() });
        }
        let mut context = CipherCtx::new()?;
        context.decrypt_init(Some(self.fetched()?), Some(key), Some(iv))?;
        context.set_padding(false);
        let mut clear = Zeroizing::new(Vec::with_capacity(text.len() + block));
        context.cipher_update_vec(text, &mut clear)?;
        let padding = clear.last().map_or(0, |n| usize::from(*n));
        if padding == 0 || padding > block || padding > clear.len() {
            return Err(Error::Padding);
        }
        let len = clear.len() - padding;
        clear.truncate(len);
        Ok(clear)
    }

    fn seal_cbc(self, key: &[u8], clear: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let block = self.iv_bytes();
        let padding = block - clear.len() % block;
        let mut padded = Zeroizing::new(Vec::with_capacity(clear.len() + padding));
        padded.extend_from_slice(clear);
        padded.resize(clear.len() + padding, 0);
        if let Some(last) = padded.last_mut() {
            *last = u8::try_from(padding).expect("a block has at most 16 octets");
        }
        let mut context = CipherCtx::new()?;
        context.encrypt_init(Some(self.fetched()?), Some(key), Some(out.as_slice()))?;
        context.set_padding(false);
        context.cipher_update_vec(&padded, out)?;
        Ok(())
    }

    fn open_chacha(self, key: &[u8], octets: &[u8], stream: &StreamParameters) -> Result<Zeroizing<Vec<u8>>, Error> {
        let iv = self.chacha_iv(stream)?;
        let mut context = CipherCtx::new()?;
        context.decrypt_init(Some(self.fetched()?), Some(key), Some(&iv))?;
        if self.mode() == Mode::Stream {
            let mut clear = Zeroizing::new(Vec::with_capacity(octets.len() + 1));
            context.cipher_update_vec(octets, &mut clear)?;
            return Ok(clear);
        }
        if !stream.additional_data.is_empty() {
            context.cipher_update(&stream.additional_data, None)?;
        }
        let at = octets.len().checked_sub(TAG_BYTES).ok_or_else(|| self.too_short(octets))?;
        let (text, tag) = octets.split_at(at);
        finish_aead(&mut context, text, tag)
    }

    fn seal_chacha(self, key: &[u8], clear: &[u8], stream: &StreamParameters, out: &mut Vec<u8>) -> Result<(), Error> {
        let iv = self.chacha_iv(stream)?;
        let mut context = CipherCtx::new()?;
        context.encrypt_init(Some(self.fetched()?), Some(key), Some(&iv))?;
        if !stream.additional_data.is_empty() {
            context.cipher_update(&stream.additional_data, None)?;
        }
        context.cipher_update_vec(clear, out)?;
        if self.mode() == Mode::Stream {
            return Ok(());
        }
        context.cipher_final_vec(out)?;
        append_tag(&mut context, out)
    }

    /// OpenSSL's ChaCha20 takes counter and nonce as one IV of 16 octets.
    fn chacha_iv(self, stream: &StreamParameters) -> Result<Vec<u8>, Error> {
        let counter_bytes = if self.mode() == Mode::Stream { 4 } else { 0 };
        if stream.nonce.len() != 12 || stream.counter.len() != counter_bytes {
            return Err(Error::NonceSize { algorithm: self.name(), came: stream.nonce.len() });
        }
        Ok([stream.counter.as_slice(), stream.nonce.as_slice()].concat())
    }

    fn too_short(self, octets: &[u8]) -> Error {
        Error::CipherTextSize { algorithm: self.name(), came: octets.len() }
    }
}

/// Decrypts `text` and checks `tag`; what was decrypted is wiped when the tag is wrong.
fn finish_aead(context: &mut CipherCtx, text: &[u8], tag: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    context.set_tag(tag)?;
    let mut clear = Zeroizing::new(Vec::with_capacity(text.len() + TAG_BYTES));
    if !text.is_empty() {
        context.cipher_update_vec(text, &mut clear)?;
    }
    let mut rest = [0; TAG_BYTES];
    context.cipher_final(&mut rest).map_err(|_| Error::Tag)?;
    Ok(clear)
}

fn append_tag(context: &mut CipherCtx, out: &mut Vec<u8>) -> Result<(), Error> {
    let mut tag = [0; TAG_BYTES];
    context.tag(&mut tag)?;
    out.extend_from_slice(&tag);
    Ok(())
}

/// A fetch costs more than the work on a small message, so each algorithm is fetched once a process.
pub(super) fn fetch_once(
    cell: &'static OnceLock<Option<Fetched>>,
    name: &'static str,
) -> Result<&'static CipherRef, Error> {
    cell.get_or_init(|| Fetched::fetch(None, name, None).ok()).as_deref().ok_or(Error::NotInLibrary { algorithm: name })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Cipher; 12] = [
        Cipher::Aes128Gcm,
        Cipher::Aes192Gcm,
        Cipher::Aes256Gcm,
        Cipher::Aes128Cbc,
        Cipher::Aes192Cbc,
        Cipher::Aes256Cbc,
        Cipher::TripleDesCbc,
        Cipher::Camellia128Cbc,
        Cipher::Camellia192Cbc,
        Cipher::Camellia256Cbc,
        Cipher::ChaCha20,
        Cipher::ChaCha20Poly1305,
    ];

    fn stream_of(cipher: Cipher) -> StreamParameters {
        let counter = if cipher == Cipher::ChaCha20 { vec![1, 0, 0, 0] } else { vec![] };
        StreamParameters { nonce: vec![7; 12], counter, additional_data: vec![] }
    }

    #[test]
    fn opens_what_it_closed_at_every_length_around_a_block() {
        for cipher in ALL {
            let key: Vec<u8> = (0..cipher.key_size()).map(|n| n as u8).collect();
            for len in [0usize, 1, 7, 8, 15, 16, 17, 31, 32, 1000] {
                let clear: Vec<u8> = (0..len).map(|n| n as u8).collect();
                let sealed = cipher.seal(&key, &clear, &stream_of(cipher)).unwrap();
                assert_eq!(*cipher.open(&key, &sealed, &stream_of(cipher)).unwrap(), clear, "{cipher:?} {len}");
            }
        }
    }

    #[test]
    fn every_flipped_octet_of_an_authenticated_cipher_is_noticed() {
        for cipher in ALL.into_iter().filter(|c| c.is_authenticated()) {
            let key = vec![1; cipher.key_size()];
            let sealed = cipher.seal(&key, b"Certificate of Origin", &stream_of(cipher)).unwrap();
            for at in 0..sealed.len() {
                let mut changed = sealed.clone();
                changed[at] ^= 1;
                assert!(matches!(cipher.open(&key, &changed, &stream_of(cipher)), Err(Error::Tag)), "{cipher:?} {at}");
            }
        }
    }

    #[test]
    fn cut_cipher_text_and_wrong_keys_are_refused() {
        for cipher in ALL {
            let key = vec![1; cipher.key_size()];
            let sealed = cipher.seal(&key, b"Certificate of Origin", &stream_of(cipher)).unwrap();
            assert!(matches!(cipher.open(&key[1..], &sealed, &stream_of(cipher)), Err(Error::KeySize { .. })));
            if cipher.mode() != Mode::Stream {
                for len in 0..sealed.len() {
                    let opened = cipher.open(&key, &sealed[..len], &stream_of(cipher));
                    // A cut at a block may leave something that looks like padding; everything else is refused.
                    assert!(opened.is_err() || !cipher.is_authenticated(), "{cipher:?} {len}");
                }
            }
        }
    }

    #[test]
    fn padding_may_hold_anything_but_its_count_is_strict() {
        // The last octet says how many; zero and more than a block are wrong.
        let key = [3; 16];
        for (last, good) in [(0u8, false), (1, true), (16, true), (17, false), (255, false)] {
            let mut clear = [0xAA; 32];
            clear[31] = last;
            let mut context = CipherCtx::new().unwrap();
            context.encrypt_init(Some(openssl::cipher::Cipher::aes_128_cbc()), Some(&key), Some(&[0; 16])).unwrap();
            context.set_padding(false);
            let mut octets = vec![0; 16];
            context.cipher_update_vec(&clear, &mut octets).unwrap();
            let opened = Cipher::Aes128Cbc.open(&key, &octets, &StreamParameters::default());
            assert_eq!(opened.is_ok(), good, "{last}");
        }
    }
}
