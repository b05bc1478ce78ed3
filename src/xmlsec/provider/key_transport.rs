//! RSA key transport: RSA-OAEP with any digest, MGF1 digest and label (XML Encryption 1.1 §5.5.2, RFC 8017 §7.1) and
//! PKCS#1 v1.5 (§5.5.1) for old files.
//!
//! A private key keeps finished contexts for reuse. PKCS#1 v1.5 never says whether its padding held: on wrong padding or
//! length it gives a key of the right size made of fresh random octets (implicit rejection), chosen in constant time.

use std::sync::Mutex;

use openssl::md::MdRef;
use openssl::pkey::{PKey, PKeyRef, Private, Public};
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::Padding;
use zeroize::Zeroizing;

use super::Error;

/// Digest, MGF1 digest and label of RSA-OAEP.
#[derive(Clone, Copy)]
pub struct Oaep<'a> {
    /// Digest of the label.
    pub digest: &'a MdRef,
    /// Digest of the mask generation function.
    pub mgf1: &'a MdRef,
    /// `OAEPparams`, empty when absent.
    pub label: &'a [u8],
}

impl Oaep<'_> {
    fn apply<T>(&self, context: &mut PkeyCtx<T>) -> Result<(), Error> {
        context.set_rsa_padding(Padding::PKCS1_OAEP)?;
        context.set_rsa_oaep_md(self.digest)?;
        context.set_rsa_mgf1_md(self.mgf1)?;
        if !self.label.is_empty() {
            context.set_rsa_oaep_label(self.label)?;
        }
        Ok(())
    }

    /// What a kept context must have been made for.
    fn kind(&self) -> (i32, i32) {
        (self.digest.type_().as_raw(), self.mgf1.type_().as_raw())
    }
}

/// An RSA private key with contexts kept for reuse, one for each thread that was ever in it at once.
pub struct RsaDecryptor {
    key: PKey<Private>,
    kept: Mutex<Vec<Kept>>,
}

/// A finished context, and the digests that it was made for.
type Kept = ((i32, i32), PkeyCtx<Private>);

/// Contexts kept at most; more threads than this simply make their own.
const KEPT_MAX: usize = 64;

impl RsaDecryptor {
    /// Takes an RSA key.
    #[must_use]
    pub fn new(key: PKey<Private>) -> Self {
        Self { key, kept: Mutex::new(Vec::new()) }
    }

    /// The key itself.
    #[must_use]
    pub fn key(&self) -> &PKeyRef<Private> {
        &self.key
    }

    /// Opens `octets` with RSA-OAEP.
    ///
    /// # Errors
    /// [`Error::Transport`] without saying what was wrong; [`Error::Library`] when OpenSSL lacks a digest.
    pub fn open_oaep(&self, octets: &[u8], oaep: &Oaep<'_>) -> Result<Zeroizing<Vec<u8>>, Error> {
        // RFC 8017 §7.1.2, step 1b; OpenSSL takes octets whose leading zeros are left out.
        if octets.len() != self.key.size() {
            return Err(Error::Transport);
        }
        let mut context = self.context(oaep)?;
        // OpenSSL writes into a buffer of the modulus' size whatever the result's size is.
        let mut out = Zeroizing::new(vec![0; self.key.size()]);
        let opened = context.decrypt(octets, Some(&mut out));
        if oaep.label.is_empty() {
            self.keep(oaep.kind(), context);
        }
        let len = opened.map_err(|_| Error::Transport)?;
        out.truncate(len);
        Ok(out)
    }

    /// Opens `octets` with PKCS#1 v1.5, expecting a key of `key_bytes`: gives that key, or on any fault a random one.
    ///
    /// # Errors
    /// Only what does not depend on the clear text: [`Error::Transport`] for octets unlike the modulus.
    pub fn open_pkcs1(&self, octets: &[u8], key_bytes: usize) -> Result<Zeroizing<Vec<u8>>, Error> {
        let block = self.raw(octets)?;
        let mut key = Zeroizing::new(vec![0; key_bytes]);
        openssl::rand::rand_bytes(&mut key)?;
        let good = pkcs1_good(&block, key_bytes)?;
        let at = block.len() - key_bytes;
        for (octet, clear) in key.iter_mut().zip(&block[at..]) {
            *octet ^= good & (*octet ^ clear);
        }
        Ok(key)
    }

    /// Opens `octets` with PKCS#1 v1.5 when nobody knows how long the key is (an HMAC key in an old file). Tells failure,
    /// so it is for files on the command line only.
    ///
    /// # Errors
    /// [`Error::Transport`].
    pub fn open_pkcs1_of_any_size(&self, octets: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let block = self.raw(octets)?;
        let zero = block.iter().skip(10).position(|octet| *octet == 0).ok_or(Error::Transport)? + 10;
        let key_bytes = block.len() - zero - 1;
        if key_bytes == 0 || pkcs1_good(&block, key_bytes)? != 0xFF {
            return Err(Error::Transport);
        }
        Ok(Zeroizing::new(block[zero + 1..].to_vec()))
    }

    /// The bare RSA operation: a block of the modulus' size.
    fn raw(&self, octets: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        if octets.len() != self.key.size() {
            return Err(Error::Transport);
        }
        let mut context = PkeyCtx::new(&self.key)?;
        context.decrypt_init()?;
        context.set_rsa_padding(Padding::NONE)?;
        let mut block = Zeroizing::new(vec![0; self.key.size()]);
        let len = context.decrypt(octets, Some(&mut block)).map_err(|_| Error::Transport)?;
        if len != block.len() {
            return Err(Error::Transport);
        }
        Ok(block)
    }

    fn context(&self, oaep: &Oaep<'_>) -> Result<PkeyCtx<Private>, Error> {
        if oaep.label.is_empty() {
            let mut kept = self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let kind = oaep.kind();
            if let Some(at) = kept.iter().position(|(k, _)| *k == kind) {
                return Ok(kept.swap_remove(at).1);
            }
        }
        let mut context = PkeyCtx::new(&self.key)?;
        context.decrypt_init()?;
        oaep.apply(&mut context)?;
        Ok(context)
    }

    fn keep(&self, kind: (i32, i32), context: PkeyCtx<Private>) {
        let mut kept = self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if kept.len() < KEPT_MAX {
            kept.push((kind, context));
        }
    }
}

/// 0xFF when `block` is 00 02, at least eight octets that are not zero, 00, and then exactly `key_bytes`; else 0. The time
/// depends on the two lengths only (RFC 8017 §7.2.2).
fn pkcs1_good(block: &[u8], key_bytes: usize) -> Result<u8, Error> {
    let zero = block.len().checked_sub(key_bytes + 1).filter(|at| *at >= 10).ok_or(Error::Transport)?;
    let mut wrong = block[0] | (block[1] ^ 2) | block[zero];
    for octet in &block[2..zero] {
        wrong |= is_zero(*octet);
    }
    Ok(is_zero(wrong))
}

/// 0xFF for 0, else 0, without a branch.
fn is_zero(octet: u8) -> u8 {
    let wide = u16::from(octet);
    let borrow = wide.wrapping_sub(1) >> 8;
    std::hint::black_box((borrow & 0xFF) as u8)
}

/// Closes `clear` for `key` with RSA-OAEP.
///
/// # Errors
/// [`Error::Library`] when the modulus is too small for digest and key.
pub fn seal_oaep(key: &PKeyRef<Public>, clear: &[u8], oaep: &Oaep<'_>) -> Result<Vec<u8>, Error> {
    let mut context = PkeyCtx::new(key)?;
    context.encrypt_init()?;
    oaep.apply(&mut context)?;
    let mut out = Vec::new();
    context.encrypt_to_vec(clear, &mut out)?;
    Ok(out)
}

/// Closes `clear` for `key` with PKCS#1 v1.5.
///
/// # Errors
/// [`Error::Library`] when the modulus is too small.
pub fn seal_pkcs1(key: &PKeyRef<Public>, clear: &[u8]) -> Result<Vec<u8>, Error> {
    let mut context = PkeyCtx::new(key)?;
    context.encrypt_init()?;
    context.set_rsa_padding(Padding::PKCS1)?;
    let mut out = Vec::new();
    context.encrypt_to_vec(clear, &mut out)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use openssl::md::Md;
    use openssl::rsa::Rsa;

    fn pair() -> (RsaDecryptor, PKey<Public>) {
        let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        let public = PKey::public_key_from_der(&key.public_key_to_der().unwrap()).unwrap();
        (RsaDecryptor::new(key), public)
    }

    #[test]
    fn oaep_opens_with_every_digest_and_label_and_refuses_another() {
        let (private, public) = pair();
        let digests = [Md::sha1(), Md::sha224(), Md::sha256(), Md::sha384(), Md::sha512(), Md::md5()];
        for digest in digests {
            for mgf1 in digests {
                for label in [&b""[..], b"label"] {
                    let oaep = Oaep { digest, mgf1, label };
                    let sealed = seal_oaep(&public, &[9; 32], &oaep).unwrap();
                    for _ in 0..2 {
                        assert_eq!(*private.open_oaep(&sealed, &oaep).unwrap(), [9; 32]);
                    }
                    let other = Oaep { label: b"other", ..oaep };
                    assert!(matches!(private.open_oaep(&sealed, &other), Err(Error::Transport)));
                }
            }
        }
    }

    #[test]
    fn what_is_opened_is_as_long_as_the_modulus() {
        // RFC 8017 §7.1.2 and §7.2.2, step 1. A number with leading zeros left out or added is another octet string.
        let (private, public) = pair();
        let oaep = Oaep { digest: Md::sha256(), mgf1: Md::sha256(), label: b"" };
        let sealed = (0..8_000)
            .map(|_| seal_oaep(&public, &[9; 32], &oaep).unwrap())
            .find(|sealed| sealed.first() == Some(&0))
            .expect("one of 256 begins with a zero");
        assert!(private.open_oaep(&sealed, &oaep).is_ok());
        for other in [&sealed[1..], &[&[0], &sealed[..]].concat(), &[]] {
            assert!(matches!(private.open_oaep(other, &oaep), Err(Error::Transport)), "{} octets", other.len());
            assert!(matches!(private.open_pkcs1(other, 16), Err(Error::Transport)), "{} octets", other.len());
        }
    }

    #[test]
    fn pkcs1_never_tells_wrong_padding() {
        let (private, public) = pair();
        let sealed = seal_pkcs1(&public, &[9; 16]).unwrap();
        assert_eq!(*private.open_pkcs1(&sealed, 16).unwrap(), [9; 16]);
        assert_eq!(*private.open_pkcs1_of_any_size(&sealed).unwrap(), [9; 16]);
        // Another length, and octets that no padding stands in, give random keys of the size asked for.
        let longer = private.open_pkcs1(&sealed, 32).unwrap();
        assert_eq!(longer.len(), 32);
        let mut changed = sealed.clone();
        changed[20] ^= 1;
        let (first, second) = (private.open_pkcs1(&changed, 16).unwrap(), private.open_pkcs1(&changed, 16).unwrap());
        assert_ne!(*first, *second);
        assert_ne!(*first, [9; 16]);
        assert!(private.open_pkcs1_of_any_size(&changed).is_err());
    }
}
