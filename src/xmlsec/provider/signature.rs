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
