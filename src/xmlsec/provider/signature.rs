//! Signature schemes: what a `ds:SignatureMethod` with its parameters computes (XML Signature 1.1 §6.3, §6.4).
//!
//! OpenSSL's contexts are made once for each key and scheme and kept in a small pool: making and initialising one costs
//! 5 to 15 microseconds, taking one from the pool a fraction of one.

use std::sync::Mutex;

use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::pkey::{HasPublic, Id, PKey, PKeyRef, Private, Public};
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::Padding;
use openssl::sign::{RsaPssSaltlen, Signer, Verifier};

use super::digest;
use crate::xmlsec::algorithm::Digest;

/// What is computed, parameters resolved.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Scheme {
    /// RSASSA-PKCS1-v1_5.
    RsaPkcs1(Digest),
    /// RSASSA-PSS.
    RsaPss {
        /// Hash of the message.
        digest: Digest,
        /// Hash of MGF1.
        mgf: Digest,
        /// Octets of the salt.
        salt: u16,
    },
    /// ECDSA.
    Ecdsa {
        /// Hash of the message.
        digest: Digest,
        /// Whether a DER SEQUENCE is taken in the place of r||s.
        allow_der: bool,
    },
    /// DSA.
    Dsa(Digest),
    /// HMAC cut to `bits`.
    Hmac {
        /// Hash function.
        digest: Digest,
        /// Bits of the value.
        bits: u16,
    },
    /// Ed25519.
    Ed25519,
    /// Ed448.
    Ed448,
}

impl Scheme {
    /// PSS as the `shaN-rsa-MGF1` URIs mean it: the salt is as long as the digest.
    #[must_use]
    pub fn rsa_pss(digest: Digest) -> Self {
        Self::RsaPss { digest, mgf: digest, salt: u16::try_from(digest.size()).unwrap_or(0) }
    }

    /// The kind of key it needs, for messages.
    #[must_use]
    pub fn key_kind(self) -> &'static str {
        match self {
            Self::RsaPkcs1(_) | Self::RsaPss { .. } => "RSA",
            Self::Ecdsa { .. } => "EC",
            Self::Dsa(_) => "DSA",
            Self::Hmac { .. } => "secret",
            Self::Ed25519 => "Ed25519",
            Self::Ed448 => "Ed448",
        }
    }

    /// Whether a key of kind `id` can compute it.
    #[must_use]
    pub fn fits(self, id: Id) -> bool {
        match self {
            Self::RsaPkcs1(_) => id == Id::RSA,
            Self::RsaPss { .. } => id == Id::RSA || id == Id::RSA_PSS,
            Self::Ecdsa { .. } => id == Id::EC,
            Self::Dsa(_) => id == Id::DSA,
            Self::Hmac { .. } => false,
            Self::Ed25519 => id == Id::ED25519,
            Self::Ed448 => id == Id::ED448,
        }
    }

    fn digest(self) -> Option<Digest> {
        match self {
            Self::RsaPkcs1(digest) | Self::Dsa(digest) => Some(digest),
            Self::RsaPss { digest, .. } | Self::Ecdsa { digest, .. } | Self::Hmac { digest, .. } => Some(digest),
            Self::Ed25519 | Self::Ed448 => None,
        }
    }

    fn set_up<T>(self, context: &mut PkeyCtx<T>) -> Result<(), ErrorStack> {
        match self {
            Self::RsaPkcs1(hash) => {
                context.set_rsa_padding(Padding::PKCS1)?;
                context.set_signature_md(digest::md(hash))
            }
            Self::RsaPss { digest: hash, mgf, salt } => {
                context.set_rsa_padding(Padding::PKCS1_PSS)?;
                context.set_signature_md(digest::md(hash))?;
                context.set_rsa_mgf1_md(digest::md(mgf))?;
                context.set_rsa_pss_saltlen(RsaPssSaltlen::custom(i32::from(salt)))
            }
            Self::Ecdsa { digest: hash, .. } | Self::Dsa(hash) => context.set_signature_md(digest::md(hash)),
            Self::Hmac { .. } | Self::Ed25519 | Self::Ed448 => Ok(()),
        }
    }
}

/// Contexts of one key, ready for a scheme.
struct Pool<T>(Mutex<Vec<(Scheme, PkeyCtx<T>)>>);

impl<T> Pool<T> {
    const KEPT_MAX: usize = 64;

    fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    fn take(&self, scheme: Scheme) -> Option<PkeyCtx<T>> {
        let mut kept = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let at = kept.iter().rposition(|(of, _)| *of == scheme)?;
        Some(kept.swap_remove(at).1)
    }

    fn put(&self, scheme: Scheme, context: PkeyCtx<T>) {
        let mut kept = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if kept.len() < Self::KEPT_MAX {
            kept.push((scheme, context));
        }
    }
}

/// A public key with its contexts.
pub(crate) struct Verify {
    key: PKey<Public>,
    part_size: usize,
    pool: Pool<Public>,
}

impl Verify {
    pub(crate) fn new(key: PKey<Public>) -> Self {
        let part_size = part_size(&key);
        Self { key, part_size, pool: Pool::new() }
    }

    pub(crate) fn key(&self) -> &PKeyRef<Public> {
        &self.key
    }

    /// Whether `value` is the signature of `data`. Whatever OpenSSL finds wrong with the value is "no".
    pub(crate) fn verify(&self, scheme: Scheme, data: &[u8], value: &[u8]) -> Result<bool, ErrorStack> {
        let Some(hash) = scheme.digest() else {
            return Ok(Verifier::new_without_digest(&self.key)?.verify_oneshot(value, data).unwrap_or(false));
        };
        // OpenSSL asks for this of PKCS#1 v1.5 only; with PSS it takes a value whose leading zeros are left out.
        let is_rsa = matches!(scheme, Scheme::RsaPkcs1(_) | Scheme::RsaPss { .. });
        if is_rsa && value.len() != self.key.size() {
            return Ok(false);
        }
        let hashed = digest::digest(hash, data)?;
        let mut context = match self.pool.take(scheme) {
            Some(context) => context,
            None => {
                let mut context = PkeyCtx::new(&self.key)?;
                context.verify_init()?;
                scheme.set_up(&mut context)?;
                context
            }
        };
        let valid = match scheme {
            Scheme::Ecdsa { allow_der, .. } => {
                to_der(value, self.part_size, allow_der).map(|der| context.verify(&hashed, &der))
            }
            Scheme::Dsa(_) => to_der(value, self.part_size, false).map(|der| context.verify(&hashed, &der)),
            _ => Some(context.verify(&hashed, value)),
        };
        match valid {
            Some(Ok(valid)) => {
                self.pool.put(scheme, context);
                Ok(valid)
            }
            // The errors were taken off OpenSSL's queue with the Err; the context is not trusted again.
            Some(Err(_)) | None => Ok(false),
        }
    }
}

/// A private key with its contexts.
pub(crate) struct Sign {
    key: PKey<Private>,
    part_size: usize,
    pool: Pool<Private>,
}

impl Sign {
    pub(crate) fn new(key: PKey<Private>) -> Self {
        let part_size = part_size(&key);
        Self { key, part_size, pool: Pool::new() }
    }

    pub(crate) fn key(&self) -> &PKeyRef<Private> {
        &self.key
    }

    /// The value of `ds:SignatureValue` for `data`.
    pub(crate) fn sign(&self, scheme: Scheme, data: &[u8]) -> Result<Vec<u8>, ErrorStack> {
        let Some(hash) = scheme.digest() else {
            return Signer::new_without_digest(&self.key)?.sign_oneshot_to_vec(data);
        };
        let hashed = digest::digest(hash, data)?;
        let mut context = match self.pool.take(scheme) {
            Some(context) => context,
            None => {
                let mut context = PkeyCtx::new(&self.key)?;
                context.sign_init()?;
                scheme.set_up(&mut context)?;
                context
            }
        };
        let mut value = vec![0; self.key.size()];
        let size = context.sign(&hashed, Some(&mut value))?;
        value.truncate(size);
        self.pool.put(scheme, context);
        match scheme {
            Scheme::Ecdsa { .. } | Scheme::Dsa(_) => from_der(&value, self.part_size),
            _ => Ok(value),
        }
    }
}

/// The HMAC of `data`, uncut.
pub(crate) fn hmac(hash: Digest, secret: &[u8], data: &[u8]) -> Result<Vec<u8>, ErrorStack> {
    let key = PKey::hmac(secret)?;
    Signer::new(digest::message_digest(hash), &key)?.sign_oneshot_to_vec(data)
}

/// Octets of r and of s: those of the group order (EC), of q (DSA).
fn part_size<T: HasPublic>(key: &PKeyRef<T>) -> usize {
    match key.id() {
        Id::EC => key.ec_key().map_or(0, |ec| (ec.group().order_bits() as usize).div_ceil(8)),
        Id::DSA => key.dsa().map_or(0, |dsa| dsa.q().num_bytes().try_into().unwrap_or(0)),
        _ => 0,
    }
}

/// r||s to the DER SEQUENCE that OpenSSL wants. Halves with leading zeros left out or added are taken, since signers
/// of both kinds exist and the numbers are what counts.
fn to_der(value: &[u8], part_size: usize, allow_der: bool) -> Option<Vec<u8>> {
    if allow_der && value.len() != 2 * part_size && value.first() == Some(&0x30) {
        return EcdsaSig::from_der(value).ok()?.to_der().ok().filter(|der| der == value);
    }
    if value.is_empty() || !value.len().is_multiple_of(2) || value.len() > 2 * part_size + 16 {
        return None;
    }
    let (r, s) = value.split_at(value.len() / 2);
    let mut content = Vec::with_capacity(value.len() + 8);
    for part in [r, s] {
        push_integer(part, part_size, &mut content)?;
    }
    let mut der = Vec::with_capacity(content.len() + 4);
    der.push(0x30);
    push_length(content.len(), &mut der)?;
    der.extend_from_slice(&content);
    Some(der)
}

fn push_integer(part: &[u8], part_size: usize, out: &mut Vec<u8>) -> Option<()> {
    let start = part.iter().position(|octet| *octet != 0).unwrap_or(part.len().saturating_sub(1));
    let part = part.get(start..)?;
    if part.len() > part_size {
        return None;
    }
    let pad = part.first().is_some_and(|octet| octet & 0x80 != 0);
    out.push(0x02);
    push_length(part.len() + usize::from(pad), out)?;
    if pad {
        out.push(0);
    }
    out.extend_from_slice(part);
    Some(())
}

fn push_length(length: usize, out: &mut Vec<u8>) -> Option<()> {
    if length >= 128 {
        out.push(0x81);
    }
    out.push(u8::try_from(length).ok()?);
    Some(())
}

fn from_der(der: &[u8], part_size: usize) -> Result<Vec<u8>, ErrorStack> {
    let signature = EcdsaSig::from_der(der)?;
    let size = i32::try_from(part_size).unwrap_or(i32::MAX);
    let padded = |number: &openssl::bn::BigNumRef| -> Result<Vec<u8>, ErrorStack> { number.to_vec_padded(size) };
    let mut value = padded(signature.r())?;
    value.extend_from_slice(&padded(signature.s())?);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use openssl::bn::{BigNum, BigNumContext, BigNumRef};
    use openssl::ec::{EcGroup, EcKey};
    use openssl::nid::Nid;
    use openssl::rsa::Rsa;

    use super::*;

    fn pair(key: PKey<Private>) -> (Sign, Verify) {
        let public = PKey::public_key_from_der(&key.public_key_to_der().unwrap()).unwrap();
        (Sign::new(key), Verify::new(public))
    }

    /// 0, 1, the order less 1, the order, the order and 1, and more than any.
    fn edges(order: &BigNumRef, size: usize) -> Vec<Vec<u8>> {
        let size = i32::try_from(size).unwrap();
        let near = |add: u32, less: u32| {
            let mut number = order.to_owned().unwrap();
            number.add_word(add).unwrap();
            number.sub_word(less).unwrap();
            number.to_vec_padded(size).unwrap()
        };
        let small = |number| BigNum::from_u32(number).unwrap().to_vec_padded(size).unwrap();
        vec![small(0), small(1), near(0, 1), near(0, 0), near(1, 0), vec![0xFF; size.unsigned_abs() as usize]]
    }

    #[test]
    fn numbers_at_the_edges_of_the_group_sign_nothing() {
        // A verifier that forgets to ask for 0 < r, s < n takes r = s = 0 for every message and key (CVE-2022-21449).
        let curves = [
            (Nid::X9_62_PRIME256V1, Digest::Sha256),
            (Nid::SECP384R1, Digest::Sha384),
            (Nid::SECP521R1, Digest::Sha512),
        ];
        for (nid, digest) in curves {
            let group = EcGroup::from_curve_name(nid).unwrap();
            let (sign, verify) = pair(PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap());
            let mut order = BigNum::new().unwrap();
            group.order(&mut order, &mut BigNumContext::new().unwrap()).unwrap();
            let edges = edges(&order, verify.part_size);
            for allow_der in [false, true] {
                let scheme = Scheme::Ecdsa { digest, allow_der };
                for r in &edges {
                    for s in &edges {
                        let value = [r.as_slice(), s].concat();
                        assert!(!verify.verify(scheme, b"co", &value).unwrap(), "{nid:?} {value:02x?}");
                    }
                }
                assert!(!verify.verify(scheme, b"co", &[]).unwrap());
                assert!(!verify.verify(scheme, b"co", &[0x30, 6, 2, 1, 0, 2, 1, 0]).unwrap());
                let value = sign.sign(scheme, b"co").unwrap();
                assert!(verify.verify(scheme, b"co", &value).unwrap());
                // s and the order: the same number in the group, another in the signature.
                let (r, s) = value.split_at(verify.part_size);
                let mut more = BigNum::new().unwrap();
                more.checked_add(&BigNum::from_slice(s).unwrap(), &order).unwrap();
                let wide = i32::try_from(verify.part_size + 1).unwrap();
                let value = [&[0][..], r, &more.to_vec_padded(wide).unwrap()].concat();
                assert!(!verify.verify(scheme, b"co", &value).unwrap(), "{nid:?}");
            }
        }
    }

    #[test]
    fn an_edwards_signature_has_one_spelling() {
        // RFC 8032 §5.1.7, §5.2.7: S and the order of the group is refused, or anybody could make a second signature.
        const ED25519: [u8; 32] = [
            0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x14, 0xde, 0xf9, 0xde, 0xa2, 0xf7, 0x9c, 0xd6, 0x58,
            0x12, 0x63, 0x1a, 0x5c, 0xf5, 0xd3, 0xed,
        ];
        let mut ed448 = vec![0x3f];
        ed448.extend_from_slice(&[0xFF; 27]);
        ed448.extend_from_slice(&[
            0x7c, 0xca, 0x23, 0xe9, 0xc4, 0x4e, 0xdb, 0x49, 0xae, 0xd6, 0x36, 0x90, 0x21, 0x6c, 0xc2, 0x72, 0x8d, 0xc5,
            0x8f, 0x55, 0x23, 0x78, 0xc2, 0x92, 0xab, 0x58, 0x44, 0xf3,
        ]);
        let cases = [
            (Scheme::Ed25519, PKey::generate_ed25519().unwrap(), ED25519.to_vec()),
            (Scheme::Ed448, PKey::generate_ed448().unwrap(), ed448),
        ];
        for (scheme, key, order) in cases {
            let order = BigNum::from_slice(&order).unwrap();
            assert!(order.is_prime(64, &mut BigNumContext::new().unwrap()).unwrap(), "not the order of {scheme:?}");
            let (sign, verify) = pair(key);
            let value = sign.sign(scheme, b"co").unwrap();
            assert!(verify.verify(scheme, b"co", &value).unwrap());
            let (point, s) = value.split_at(value.len() / 2);
            let s: Vec<u8> = s.iter().rev().copied().collect();
            let mut more = BigNum::new().unwrap();
            more.checked_add(&BigNum::from_slice(&s).unwrap(), &order).unwrap();
            let mut more = more.to_vec_padded(i32::try_from(s.len()).unwrap()).unwrap();
            more.reverse();
            assert!(!verify.verify(scheme, b"co", &[point, &more].concat()).unwrap(), "{scheme:?}");
            assert!(!verify.verify(scheme, b"co", &vec![0; value.len()]).unwrap(), "{scheme:?}");
            assert!(!verify.verify(scheme, b"co", &value[..value.len() - 1]).unwrap(), "{scheme:?}");
            assert!(!verify.verify(scheme, b"co", &[&value[..], &[0]].concat()).unwrap(), "{scheme:?}");
        }
    }

    #[test]
    fn an_rsa_signature_is_as_long_as_its_modulus() {
        // RFC 8017 §8.1.2 and §8.2.2, step 1. A number with leading zeros left out or added is another octet string.
        let (sign, verify) = pair(PKey::from_rsa(Rsa::generate(1024).unwrap()).unwrap());
        for scheme in [Scheme::rsa_pss(Digest::Sha256), Scheme::RsaPkcs1(Digest::Sha256)] {
            let (data, value) = (0..8_000u32)
                .map(|n| n.to_be_bytes())
                .map(|data| (data, sign.sign(scheme, &data).unwrap()))
                .find(|(_, value)| value.first() == Some(&0))
                .expect("one of 256 begins with a zero");
            assert!(verify.verify(scheme, &data, &value).unwrap());
            assert!(!verify.verify(scheme, &data, &value[1..]).unwrap(), "{scheme:?} without its zero");
            assert!(!verify.verify(scheme, &data, &[&[0], &value[..]].concat()).unwrap(), "{scheme:?} with one more");
            assert!(!verify.verify(scheme, &data, &[]).unwrap());
            assert!(!verify.verify(scheme, &data, &vec![0; value.len()]).unwrap());
        }
    }

    #[test]
    fn pss_is_checked_with_the_salt_and_mask_that_were_asked_for() {
        let (sign, verify) = pair(PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap());
        let of = |digest, mgf, salt| Scheme::RsaPss { digest, mgf, salt };
        let asked = of(Digest::Sha256, Digest::Sha256, 32);
        let others = [
            of(Digest::Sha256, Digest::Sha256, 0),
            of(Digest::Sha256, Digest::Sha256, 20),
            of(Digest::Sha256, Digest::Sha1, 32),
            of(Digest::Sha1, Digest::Sha256, 32),
            Scheme::RsaPkcs1(Digest::Sha256),
        ];
        assert!(verify.verify(asked, b"co", &sign.sign(asked, b"co").unwrap()).unwrap());
        for other in others {
            let value = sign.sign(other, b"co").unwrap();
            assert!(!verify.verify(asked, b"co", &value).unwrap(), "{other:?}");
            assert!(verify.verify(other, b"co", &value).unwrap(), "{other:?}");
        }
    }
}
