//! One key, one `EncryptedKey`, one `EncryptedData`: what a message with known recipients needs (XML Encryption 1.1 §4.4).
//!
//! Two ways to open a key. [`decrypt_key`] tells why it failed and is for files. [`decrypt_key_or_random`] is for
//! messages: whatever fails, it goes on with a random key of the right size, so that a sender learns nothing from how
//! far we came (design 2.2); the true reason comes along for the journal.

use openssl::pkey::{Id, PKey, PKeyRef, Private, Public};
use zeroize::Zeroizing;

use super::Error;
use super::agreement::Name;
use super::element::base64_leaf;
use super::encrypted_type::{CipherData, DataMethod, EncryptedData, EncryptedKey, KeyMethod, Transport};
use crate::xml::{Document, TextPos};
use crate::xmlsec::algorithm::{Cipher, KeyTransport, Level};
use crate::xmlsec::dsig::{self, Context};
use crate::xmlsec::key::{Key, Material};
use crate::xmlsec::policy::{Policy, Refused};
use crate::xmlsec::provider::digest::md;
use crate::xmlsec::provider::key_agreement::{AgreementKey, Curve};
use crate::xmlsec::provider::key_transport::{Oaep, RsaDecryptor};

/// Octets of a symmetric key. Wiped when dropped; no `Debug`.
#[derive(Clone)]
pub struct ContentKey(Zeroizing<Vec<u8>>);

impl ContentKey {
    /// Takes the octets.
    #[must_use]
    pub fn new(octets: Zeroizing<Vec<u8>>) -> Self {
        Self(octets)
    }

    /// A fresh random key for `cipher`.
    ///
    /// # Errors
    /// [`Error::Provider`] when there is no randomness.
    pub fn random(cipher: Cipher) -> Result<Self, Error> {
        let mut octets = Zeroizing::new(vec![0; cipher.key_size()]);
        crate::base::octets::random(&mut octets).map_err(crate::xmlsec::provider::Error::from)?;
        Ok(Self(octets))
    }

    /// The octets.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.0
    }
}

/// A key of ours that opens things, prepared once: it keeps OpenSSL contexts and may be shared between threads. No
/// `Debug`.
pub struct DecryptionKey {
    material: Opener,
}

enum Opener {
    Rsa(RsaDecryptor),
    Agreement(AgreementKey),
    Secret(Zeroizing<Vec<u8>>),
}

impl DecryptionKey {
    /// From a private key that decrypts or agrees; none for keys that only sign.
    #[must_use]
    pub fn from_private(key: &PKeyRef<Private>) -> Option<Self> {
        let material = match key.id() {
            Id::RSA => Opener::Rsa(RsaDecryptor::new(key.to_owned())),
            _ => Opener::Agreement(AgreementKey::new(key.to_owned()).ok()?),
        };
        Some(Self { material })
    }

    /// From the octets of a symmetric key.
    #[must_use]
    pub fn from_secret(octets: Zeroizing<Vec<u8>>) -> Self {
        Self { material: Opener::Secret(octets) }
    }

    /// From a key as files hold it; none for public keys and keys that only sign.
    #[must_use]
    pub fn from_key(key: &Key) -> Option<Self> {
        match &key.material {
            Material::Private(key) => Self::from_private(key),
            Material::Secret(octets) => Some(Self::from_secret(octets.clone())),
            Material::Public(_) => None,
        }
    }

    /// The octets, if it is a symmetric key.
    #[must_use]
    pub fn secret(&self) -> Option<&[u8]> {
        match &self.material {
            Opener::Secret(octets) => Some(octets),
            Opener::Rsa(_) | Opener::Agreement(_) => None,
        }
    }

    /// The key for agreement, if it is one.
    #[must_use]
    pub fn agreement(&self) -> Option<&AgreementKey> {
        match &self.material {
            Opener::Agreement(key) => Some(key),
            Opener::Rsa(_) | Opener::Secret(_) => None,
        }
    }

    /// Whether it is an RSA key.
    #[must_use]
    pub fn is_rsa(&self) -> bool {
        matches!(self.material, Opener::Rsa(_))
    }

    /// Whether the policy lets this key be used at all.
    pub(super) fn expect_allowed(&self, policy: &Policy, at: impl Fn() -> TextPos) -> Result<(), Error> {
        let refuse = |refused| Err(Error::Refused { at: at(), refused });
        match &self.material {
            Opener::Rsa(key) => policy.public_key(key.key()).or_else(refuse),
            Opener::Agreement(key) => expect_curve(key.curve(), policy).or_else(refuse),
            Opener::Secret(_) if !policy.allows_symmetric_keys() => refuse(Refused::Parameter {
                what: "key",
                came: "a symmetric key that both sides know".to_owned(),
                expected: "a private key; --allow-legacy takes symmetric ones".to_owned(),
            }),
            Opener::Secret(_) => Ok(()),
        }
    }
}

/// P-256, P-384 and X25519 for everybody, the rest for old files (design 2.2).
fn expect_curve(curve: Curve, policy: &Policy) -> Result<(), Refused> {
    let name = match curve {
        Curve::P256 | Curve::P384 | Curve::X25519 => return Ok(()),
        _ if policy.level() >= Level::Legacy => return Ok(()),
        Curve::P521 => "P-521",
        Curve::X448 => "X448",
        Curve::Other(_) => "a curve beyond P-256, P-384 and X25519",
        Curve::FiniteField => "DH",
    };
    Err(Refused::Parameter {
        what: "key agreement on",
        came: name.to_owned(),
        expected: "P-256, P-384 or X25519".to_owned(),
    })
}

/// Answers originators of an agreement that the document only names.
pub type NamedKeys<'a> = &'a dyn Fn(Name<'_>) -> Option<PKey<Public>>;

/// Nobody is known by name.
#[must_use]
pub fn nobody(_name: Name<'_>) -> Option<PKey<Public>> {
    None
}

/// Opens `key` with one of our keys. `cipher` is what the key is for, where that is known: its size is then checked, and
/// RSA 1.5 can hide its failures.
///
/// # Errors
/// Says what failed; never show that to a peer.
pub fn decrypt_key(
    doc: &Document,
    key: &EncryptedKey,
    with: &DecryptionKey,
    cipher: Option<Cipher>,
    named: NamedKeys<'_>,
    policy: &Policy,
) -> Result<ContentKey, Error> {
    let octets = cipher_octets(doc, &key.cipher_data, None)?;
    decrypt_key_octets(doc, key, &octets, with, cipher.map(Cipher::key_size), named, policy)
}

/// The same once the cipher text is at hand.
pub(super) fn decrypt_key_octets(
    doc: &Document,
    key: &EncryptedKey,
    octets: &[u8],
    with: &DecryptionKey,
    key_bytes: Option<usize>,
    named: NamedKeys<'_>,
    policy: &Policy,
) -> Result<ContentKey, Error> {
    with.expect_allowed(policy, || doc.position(key.node))?;
    let opened = match (&key.method, &with.material, &key.agreement) {
        (KeyMethod::Transport(transport), Opener::Rsa(rsa), _) => open_transport(transport, rsa, octets, key_bytes)?,
        (KeyMethod::Transport(_), ..) => return Err(Error::KeyKind { expected: "an RSA private key" }),
        (KeyMethod::Wrap(wrap), Opener::Agreement(ours), Some(agreement)) => {
            let kek = agreement.derive(ours, named, wrap.uri(), wrap.key_size())?;
            wrap.unwrap_key(&kek, octets)?
        }
        (KeyMethod::Cipher(method), Opener::Agreement(ours), Some(agreement)) => {
            let kek = agreement.derive(ours, named, method.cipher.uri(), method.cipher.key_size())?;
            method.cipher.open(&kek, octets, &method.stream)?
        }
        (KeyMethod::Wrap(wrap), Opener::Secret(kek), None) => wrap.unwrap_key(kek, octets)?,
        (KeyMethod::Cipher(method), Opener::Secret(kek), None) => method.cipher.open(kek, octets, &method.stream)?,
        (_, _, Some(_)) => return Err(Error::KeyKind { expected: "a private key for agreement" }),
        (_, _, None) => return Err(Error::KeyKind { expected: "a symmetric key" }),
    };
    match key_bytes {
        Some(expected) if expected != opened.len() => Err(Error::ContentKeySize { expected, came: opened.len() }),
        _ => Ok(ContentKey(opened)),
    }
}

fn open_transport(
    transport: &Transport,
    rsa: &RsaDecryptor,
    octets: &[u8],
    key_bytes: Option<usize>,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    match (transport.algorithm, key_bytes) {
        (KeyTransport::Rsa15, Some(key_bytes)) => Ok(rsa.open_pkcs1(octets, key_bytes)?),
        (KeyTransport::Rsa15, None) => Ok(rsa.open_pkcs1_of_any_size(octets)?),
        (KeyTransport::RsaOaepMgf1p | KeyTransport::RsaOaep, _) => {
            let oaep = Oaep { digest: md(transport.digest), mgf1: md(transport.mgf1), label: &transport.label };
            Ok(rsa.open_oaep(octets, &oaep)?)
        }
    }
}

/// Opens `key` for data under `cipher`, and on any failure gives a random key in its place, with the reason for the
/// journal. What the caller then does must not depend on that reason.
///
/// # Errors
/// Only when there is no randomness.
pub fn decrypt_key_or_random(
    doc: &Document,
    key: &EncryptedKey,
    with: &DecryptionKey,
    cipher: Cipher,
    policy: &Policy,
) -> Result<(ContentKey, Option<Error>), Error> {
    let random = ContentKey::random(cipher)?;
    Ok(match decrypt_key(doc, key, with, Some(cipher), &nobody, policy) {
        Ok(opened) => (opened, None),
        Err(error) => (random, Some(error)),
    })
}

/// Opens `data` whose cipher text stands in it. With an authenticated cipher nothing is given out before the tag holds.
///
/// # Errors
/// Says what failed; never show that to a peer.
pub fn decrypt_data(doc: &Document, data: &EncryptedData, key: &ContentKey) -> Result<Zeroizing<Vec<u8>>, Error> {
    let octets = cipher_octets(doc, &data.cipher_data, None)?;
    open_data(&data.method, &octets, key.octets())
}

pub(super) fn open_data(method: &DataMethod, octets: &[u8], key: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    Ok(method.cipher.open(key, octets, &method.stream)?)
}

/// The octets of a `CipherValue`; with a context also of what a `CipherReference` leads to, inside the document or in a
/// file that the caller mapped (XML Encryption 1.1 §3.3.1).
pub(super) fn cipher_octets(
    doc: &Document,
    data: &CipherData,
    context: Option<&Context<'_>>,
) -> Result<Vec<u8>, Error> {
    match data {
        CipherData::Value(node) => base64_leaf(doc, *node, "CipherValue"),
        CipherData::Reference { node, uri, transforms } => {
            let at = doc.position(*node);
            let context = context.ok_or_else(|| Error::Unsupported { what: "a CipherReference".to_owned(), at })?;
            dsig::cipher_octets(context, uri, *transforms, *node)
                .map_err(|source| Error::CipherReference { at, source: Box::new(source) })
        }
    }
}

/// The octets of the `CipherValue` of `key`, for the identifier EncryptedKeySHA1 of WS-Security 1.1.
///
/// # Errors
/// [`Error::Value`]; [`Error::Unsupported`] for a `CipherReference`.
pub fn encrypted_key_octets(doc: &Document, key: &EncryptedKey) -> Result<Vec<u8>, Error> {
    cipher_octets(doc, &key.cipher_data, None)
}
