//! The algorithms of what we send: the defaults of design 2.2 for the keys at hand, or what the partner's file says.

use openssl::pkey::{HasPublic, Id, PKeyRef, Public};

use super::sign::Suite;
use crate::xmlsec::Policy;
use crate::xmlsec::algorithm::{Cipher, Digest, KeyDerivation, KeyTransport, SignatureMethod};
use crate::xmlsec::enc::Derivation;
use crate::xmlsec::enc::encrypt::{KeyManagement, concat_kdf};
use crate::xmlsec::provider::signature::Scheme;

/// Algorithms, resolved and fitted to the keys.
pub(crate) struct Methods {
    pub signature_uri: &'static str,
    pub scheme: Scheme,
    pub digest: Digest,
    pub cipher: Cipher,
    pub key_management: KeyManagement,
}

impl Methods {
    /// What `suite` asks for, inside what `serve` allows.
    pub(crate) fn new<T: HasPublic>(
        suite: &Suite,
        signing: &PKeyRef<T>,
        recipient: Option<&openssl::pkey::PKey<Public>>,
    ) -> Result<Self, String> {
        let policy = Policy::serve();
        let said = |refused: crate::xmlsec::Refused| refused.to_string();
        policy.public_key(signing).map_err(said)?;
        let signature = match suite.signature.as_deref() {
            Some(uri) => policy.signature(uri).map_err(said)?,
            None => default_signature(signing.id()).ok_or("the signing key is neither RSA, EC nor Ed25519")?,
        };
        let scheme = scheme(signature).ok_or_else(|| format!("{} is not written here", signature.name()))?;
        if !scheme.fits(signing.id()) {
            return Err(format!("{} wants a key of kind {}", signature.name(), scheme.key_kind()));
        }
        let digest = suite.digest.as_deref().map_or(Ok(Digest::Sha256), |uri| policy.digest(uri)).map_err(said)?;
        let cipher = suite.cipher.as_deref().map_or(Ok(Cipher::Aes256Gcm), |uri| policy.cipher(uri)).map_err(said)?;
        let mut key_management = KeyManagement::default();
        if let Some(recipient) = recipient {
            policy.public_key(recipient).map_err(said)?;
            if let Some(uri) = suite.key_transport.as_deref() {
                set_key_transport(&mut key_management, uri, recipient.id(), &policy)?;
            }
            set_parameters(&mut key_management, suite, recipient.id(), &policy)?;
        }
        Ok(Self { signature_uri: signature.uri(), scheme, digest, cipher, key_management })
    }
}

fn default_signature(id: Id) -> Option<SignatureMethod> {
    match id {
        Id::RSA => Some(SignatureMethod::RsaPkcs1(Digest::Sha256)),
        Id::RSA_PSS => Some(SignatureMethod::RsaPss(Digest::Sha256)),
        Id::EC => Some(SignatureMethod::Ecdsa(Digest::Sha256)),
        Id::ED25519 => Some(SignatureMethod::Ed25519),
        _ => None,
    }
}

fn scheme(method: SignatureMethod) -> Option<Scheme> {
    match method {
        SignatureMethod::RsaPkcs1(digest) => Some(Scheme::RsaPkcs1(digest)),
        SignatureMethod::RsaPss(digest) => Some(Scheme::rsa_pss(digest)),
        SignatureMethod::Ecdsa(digest) => Some(Scheme::Ecdsa { digest, allow_der: false }),
        SignatureMethod::Ed25519 => Some(Scheme::Ed25519),
        _ => None,
    }
}

/// `key_transport` is a transport for RSA keys, and the key wrap of an agreement for the others.
fn set_key_transport(management: &mut KeyManagement, uri: &str, id: Id, policy: &Policy) -> Result<(), String> {
    if id != Id::RSA {
        // The agreement itself is a matter of the recipient's key; its wrap stays the usual one.
        if policy.key_agreement(uri).is_ok() {
            return Ok(());
        }
        management.wrap = policy.key_wrap(uri).map_err(|refused| refused.to_string())?;
        management.derivation = concat_kdf(Digest::Sha256, management.wrap);
        return Ok(());
    }
    let transport = policy.key_transport(uri).map_err(|refused| refused.to_string())?;
    management.transport.algorithm = transport;
    if transport == KeyTransport::RsaOaep {
        management.transport.digest = Digest::Sha256;
        management.transport.mgf1 = Digest::Sha256;
    }
    Ok(())
}

/// Digest within OAEP, and what makes the wrapping key of an agreement.
fn set_parameters(management: &mut KeyManagement, suite: &Suite, id: Id, policy: &Policy) -> Result<(), String> {
    let said = |refused: crate::xmlsec::Refused| refused.to_string();
    if let Some(uri) = suite.oaep_digest.as_deref()
        && id == Id::RSA
    {
        let digest = policy.oaep_digest(uri).map_err(said)?;
        management.transport.digest = digest;
        if management.transport.algorithm == KeyTransport::RsaOaep {
            management.transport.mgf1 = digest;
        }
    }
    if let Some(uri) = suite.key_derivation.as_deref()
        && id != Id::RSA
        && policy.key_derivation(uri).map_err(said)? == KeyDerivation::Hkdf
    {
        let wrap = management.wrap;
        management.derivation = Derivation::Hkdf {
            digest: Digest::Sha256,
            salt: Vec::new(),
            info: wrap.uri().as_bytes().to_vec(),
            key_bytes: Some(wrap.key_size()),
        };
    }
    Ok(())
}
