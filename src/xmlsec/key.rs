//! Keys ready for use: [`VerifyingKey`], [`SigningKey`], and [`Key`] as files hold them.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};

use openssl::error::ErrorStack;
use openssl::pkey::{HasPublic, PKey, PKeyRef, Private, Public};
use openssl::x509::X509;
use zeroize::Zeroizing;

use super::policy::{Policy, Refused};
use super::provider::signature::{self, Scheme, Sign, Verify};

/// Why a key was not read or could not be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A signature method wants another kind of key: ecdsa-sha256 with an RSA key.
    #[error("the signature method wants a key of kind {expected}, this one is {came}")]
    WrongKind {
        /// What the method wants.
        expected: &'static str,
        /// What the key is.
        came: &'static str,
    },
    /// The octets are no key or certificate in any form that is known here.
    #[error("{what}: neither PEM nor DER nor PKCS#12 of a key or certificate")]
    NotAKey {
        /// The file or element.
        what: String,
    },
    /// An encrypted key, and no password.
    #[error("{what}: is encrypted, and no password was given")]
    PasswordMissing {
        /// The file.
        what: String,
    },
    /// An encrypted key, and a wrong password.
    #[error("{what}: cannot be decrypted with the password given")]
    Password {
        /// The file.
        what: String,
    },
    /// A `ds:KeyValue` or keys file whose parts do not make a key.
    #[error("{what}: {why}")]
    BadValue {
        /// Element or file.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// OpenSSL could not compute with it.
    #[error("openssl could not use the key")]
    Openssl(#[from] ErrorStack),
}

/// A key that verifies signatures. It may be shared between threads; it keeps OpenSSL contexts for each scheme used.
pub struct VerifyingKey {
    material: VerifyingMaterial,
    /// A bit for each level whose policy has found the public key sound: the key does not change, and asking OpenSSL for its
    /// parts costs microseconds.
    sound: AtomicU8,
}

enum VerifyingMaterial {
    Public(Verify),
    Secret(Zeroizing<Vec<u8>>),
}

impl VerifyingKey {
    /// From a public key.
    #[must_use]
    pub fn from_public(key: PKey<Public>) -> Self {
        Self { material: VerifyingMaterial::Public(Verify::new(key)), sound: AtomicU8::new(0) }
    }

    /// The public key of a certificate.
    ///
    /// # Errors
    /// When OpenSSL does not know its kind.
    pub fn from_certificate(certificate: &X509) -> Result<Self, Error> {
        Ok(Self::from_public(certificate.public_key()?))
    }

    /// From a shared secret, for HMAC.
    #[must_use]
    pub fn from_secret(secret: Zeroizing<Vec<u8>>) -> Self {
        Self { material: VerifyingMaterial::Secret(secret), sound: AtomicU8::new(0) }
    }

    /// Whether `policy` takes the public key, as [`Policy::public_key`] says; secrets are taken. Judged once a level.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn check(&self, policy: &Policy) -> Result<(), Refused> {
        let bit = 1_u8 << (policy.level() as u8);
        if self.sound.load(Ordering::Relaxed) & bit != 0 {
            return Ok(());
        }
        if let Some(public) = self.public() {
            policy.public_key(public)?;
        }
        self.sound.fetch_or(bit, Ordering::Relaxed);
        Ok(())
    }

    /// The public key; none for a secret.
    #[must_use]
    pub fn public(&self) -> Option<&PKeyRef<Public>> {
        match &self.material {
            VerifyingMaterial::Public(verify) => Some(verify.key()),
            VerifyingMaterial::Secret(_) => None,
        }
    }

    /// Whether `value` is the signature of `data`.
    ///
    /// # Errors
    /// [`Error::WrongKind`] when the scheme does not fit the key; [`Error::Openssl`] when it could not be computed.
    pub fn verify(&self, scheme: Scheme, data: &[u8], value: &[u8]) -> Result<bool, Error> {
        match (&self.material, scheme) {
            (VerifyingMaterial::Public(verify), _) if scheme.fits(verify.key().id()) => {
                Ok(verify.verify(scheme, data, value)?)
            }
            (VerifyingMaterial::Public(verify), _) => {
                Err(Error::WrongKind { expected: scheme.key_kind(), came: kind(verify.key()) })
            }
            (VerifyingMaterial::Secret(secret), Scheme::Hmac { digest, bits }) => {
                let mut computed = signature::hmac(digest, secret, data)?;
                computed.truncate(usize::from(bits) / 8);
                Ok(computed.len() == value.len() && openssl::memcmp::eq(&computed, value))
            }
            (VerifyingMaterial::Secret(_), _) => Err(Error::WrongKind { expected: scheme.key_kind(), came: "secret" }),
        }
    }
}

/// A key that signs. It may be shared between threads.
pub struct SigningKey {
    material: SigningMaterial,
}

enum SigningMaterial {
    Private(Sign),
    Secret(Zeroizing<Vec<u8>>),
}

impl SigningKey {
    /// From a private key.
    #[must_use]
    pub fn from_private(key: PKey<Private>) -> Self {
        Self { material: SigningMaterial::Private(Sign::new(key)) }
    }

    /// From a shared secret, for HMAC.
    #[must_use]
    pub fn from_secret(secret: Zeroizing<Vec<u8>>) -> Self {
        Self { material: SigningMaterial::Secret(secret) }
    }

    /// The private key; none for a secret.
    #[must_use]
    pub fn private(&self) -> Option<&PKeyRef<Private>> {
        match &self.material {
            SigningMaterial::Private(sign) => Some(sign.key()),
            SigningMaterial::Secret(_) => None,
        }
    }

    /// The octets of `ds:SignatureValue` for `data`.
    ///
    /// # Errors
    /// [`Error::WrongKind`] when the scheme does not fit the key; [`Error::Openssl`].
    pub fn sign(&self, scheme: Scheme, data: &[u8]) -> Result<Vec<u8>, Error> {
        match (&self.material, scheme) {
            (SigningMaterial::Private(sign), _) if scheme.fits(sign.key().id()) => Ok(sign.sign(scheme, data)?),
            (SigningMaterial::Private(sign), _) => {
                Err(Error::WrongKind { expected: scheme.key_kind(), came: kind(sign.key()) })
            }
            (SigningMaterial::Secret(secret), Scheme::Hmac { digest, bits }) => {
                let mut value = signature::hmac(digest, secret, data)?;
                value.truncate(usize::from(bits) / 8);
                Ok(value)
            }
            (SigningMaterial::Secret(_), _) => Err(Error::WrongKind { expected: scheme.key_kind(), came: "secret" }),
        }
    }
}

/// What kind a key is, for messages.
pub fn kind<T: HasPublic>(key: &PKeyRef<T>) -> &'static str {
    use openssl::pkey::Id;
    match key.id() {
        Id::RSA | Id::RSA_PSS => "RSA",
        Id::EC => "EC",
        Id::DSA => "DSA",
        Id::ED25519 => "Ed25519",
        Id::ED448 => "Ed448",
        Id::X25519 => "X25519",
        Id::X448 => "X448",
        Id::DH => "DH",
        _ => "of an unknown kind",
    }
}

/// A key as a file or keys.xml holds it.
#[derive(Clone)]
pub struct Key {
    /// Its name for `ds:KeyName`.
    pub name: Option<String>,
    /// What it is made of.
    pub material: Material,
    /// Its certificate first, then whatever else the file held.
    pub certificates: Vec<X509>,
}

/// What a [`Key`] is made of. No `Debug`: it would print secrets.
#[derive(Clone)]
pub enum Material {
    /// A private key.
    Private(PKey<Private>),
    /// A public key or that of a certificate.
    Public(PKey<Public>),
    /// Octets of a symmetric key.
    Secret(Zeroizing<Vec<u8>>),
}

impl Key {
    /// A named secret.
    #[must_use]
    pub fn secret(name: Option<String>, octets: Zeroizing<Vec<u8>>) -> Self {
        Self { name, material: Material::Secret(octets), certificates: Vec::new() }
    }

    /// The public half; none for secrets.
    ///
    /// # Errors
    /// When OpenSSL cannot derive it.
    pub fn public(&self) -> Result<Option<PKey<Public>>, Error> {
        Ok(match &self.material {
            Material::Private(key) => Some(public_of(key)?),
            Material::Public(key) => Some(key.clone()),
            Material::Secret(_) => None,
        })
    }

    /// The private key, if it is one.
    #[must_use]
    pub fn private(&self) -> Option<&PKey<Private>> {
        match &self.material {
            Material::Private(key) => Some(key),
            _ => None,
        }
    }

    /// The octets, if it is a secret.
    #[must_use]
    pub fn secret_octets(&self) -> Option<&[u8]> {
        match &self.material {
            Material::Secret(octets) => Some(octets),
            _ => None,
        }
    }

    /// A key to verify with.
    ///
    /// # Errors
    /// When OpenSSL cannot derive the public half.
    pub fn verifying(&self) -> Result<VerifyingKey, Error> {
        Ok(match &self.material {
            Material::Private(key) => VerifyingKey::from_public(public_of(key)?),
            Material::Public(key) => VerifyingKey::from_public(key.clone()),
            Material::Secret(octets) => VerifyingKey::from_secret(octets.clone()),
        })
    }
}

/// The public half of a private key.
///
/// # Errors
/// When OpenSSL cannot derive it.
pub fn public_of(key: &PKeyRef<Private>) -> Result<PKey<Public>, Error> {
    Ok(PKey::public_key_from_der(&key.public_key_to_der()?)?)
}

/// The keys that a caller has: `--key`, `--secret`, `--keys-file`. What verifying needs of each is made ready once, when it
/// is first asked for: reading a certificate costs more than verifying with its key.
#[derive(Clone, Default)]
pub struct KeyRing {
    keys: Vec<Key>,
    ready: Vec<Ready>,
}

/// What was made of a key.
#[derive(Clone, Default)]
struct Ready {
    /// None inside: OpenSSL cannot derive the public half.
    verifying: OnceLock<Option<Arc<VerifyingKey>>>,
    /// DER of its certificates, in their order.
    certificates: OnceLock<Vec<Vec<u8>>>,
}

impl KeyRing {
    /// No keys.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
    /// Adds a key.
    pub fn add(&mut self, key: Key) {
        self.keys.push(key);
        self.ready.push(Ready::default());
    }
    /// All keys, in the order in which they were added.
    #[must_use]
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }
    /// The key number `at`, ready to verify with; none when its public half cannot be derived.
    pub(crate) fn verifying(&self, at: usize) -> Option<&Arc<VerifyingKey>> {
        let (key, ready) = (self.keys.get(at)?, self.ready.get(at)?);
        ready.verifying.get_or_init(|| key.verifying().ok().map(Arc::new)).as_ref()
    }
    /// The certificate of these octets, if one of the keys has it.
    pub(crate) fn certificate(&self, der: &[u8]) -> Option<&X509> {
        self.keys.iter().zip(&self.ready).find_map(|(key, ready)| {
            let known = ready.certificates.get_or_init(|| {
                // An empty one equals none that a message brings.
                key.certificates.iter().map(|one| one.to_der().unwrap_or_default()).collect()
            });
            let at = known.iter().position(|known| !known.is_empty() && known == der)?;
            key.certificates.get(at)
        })
    }
    /// Keys of this name, in order.
    pub fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Key> + 'a {
        self.keys.iter().filter(move |key| key.name.as_deref() == Some(name))
    }
    /// The symmetric keys.
    pub fn secrets(&self) -> impl Iterator<Item = &Key> + '_ {
        self.keys.iter().filter(|key| matches!(key.material, Material::Secret(_)))
    }
    /// A ring of the symmetric keys alone.
    #[must_use]
    pub fn shared(&self) -> Self {
        let mut shared = Self::new();
        self.secrets().for_each(|key| shared.add(key.clone()));
        shared
    }
    /// The private keys.
    pub fn private(&self) -> impl Iterator<Item = &Key> + '_ {
        self.keys.iter().filter(|key| matches!(key.material, Material::Private(_)))
    }
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rsa(bits: u32) -> PKey<Private> {
        PKey::from_rsa(openssl::rsa::Rsa::generate(bits).unwrap()).unwrap()
    }

    /// What one level takes, a stricter one judges for itself.
    #[test]
    fn a_verdict_on_a_key_holds_for_its_level_alone() {
        let key = VerifyingKey::from_public(public_of(&rsa(1024)).unwrap());
        key.check(&Policy::legacy()).unwrap();
        assert!(key.check(&Policy::default()).is_err());
        assert!(key.check(&Policy::serve()).is_err());
        key.check(&Policy::legacy()).unwrap();
        let key = VerifyingKey::from_public(public_of(&rsa(2048)).unwrap());
        for policy in [Policy::serve(), Policy::default(), Policy::legacy(), Policy::serve()] {
            key.check(&policy).unwrap();
        }
    }

    /// Made once, from the private key too; a clone of the ring has it ready as well.
    #[test]
    fn a_ring_makes_each_key_ready_once() {
        let mut ring = KeyRing::new();
        ring.add(Key { name: None, material: Material::Private(rsa(2048)), certificates: Vec::new() });
        let first = Arc::clone(ring.verifying(0).unwrap());
        assert!(Arc::ptr_eq(&first, ring.verifying(0).unwrap()));
        assert!(Arc::ptr_eq(&first, ring.clone().verifying(0).unwrap()));
        assert!(ring.verifying(1).is_none());
        assert!(ring.certificate(b"").is_none());
    }
}
