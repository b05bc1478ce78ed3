//! Keys made ready once and reused: ours, and for each partner its signers, its policy and the sealers towards it.
//!
//! A partner's certificate may sign when it is in the partner's list for signing, in use, valid, and certified by the
//! partner's anchors; the verdict on the path is kept until the earliest moment that could change it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::partner::{
    CertificateUse, Cipher, Encrypt, KeyReference, KeyTransport, Order, Partner, SignatureName, SignedParts,
};
use crate::base::id::PartnerId;
use crate::pki::{Certificate, PathError, PrivateKey, Use};
use crate::soap::wss::{
    self, CertificateReference, Encryption, Identity, Recipient, Sealer, Settings, Signer, SignerLookup, Signers,
    Suite, TrustError, Verifier,
};

/// A key pair of ours that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("our {what} key: {cause}")]
pub struct KeyError {
    /// Which: `signing`, `encryption`.
    what: &'static str,
    /// Why.
    cause: String,
}

/// Our keys for messages.
#[derive(Clone)]
pub struct OwnKeys {
    sign: Arc<Identity>,
    decrypt: Arc<[Arc<Identity>]>,
}

impl OwnKeys {
    /// The key that signs, and those that open what is encrypted for us: the present one first, then those before it.
    ///
    /// # Errors
    /// [`KeyError`] when a key does not belong to its certificate.
    pub fn new(sign: (&Certificate, &PrivateKey), decrypt: &[(&Certificate, &PrivateKey)]) -> Result<Self, KeyError> {
        let identity = |what, certificate: &Certificate, key: &PrivateKey| {
            Identity::new(certificate.der(), key.to_pkey())
                .map(Arc::new)
                .map_err(|error| KeyError { what, cause: error.to_string() })
        };
        let decrypt = decrypt
            .iter()
            .map(|(certificate, key)| identity("encryption", certificate, key))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self { sign: identity("signing", sign.0, sign.1)?, decrypt: decrypt.into() })
    }

    /// What opens messages to us.
    pub(super) fn decrypt(&self) -> &[Arc<Identity>] {
        &self.decrypt
    }
}

/// One partner's cryptography, both ways.
pub(super) struct PartnerCrypto {
    partner: Arc<Partner>,
    keys: Arc<OwnKeys>,
    request_verifier: Verifier,
    answer_verifier: Verifier,
    signers: PartnerSigners,
    answer_sealer: Sealer,
    request_sealer: Mutex<Option<([u8; 32], Arc<Sealer>)>>,
}

/// Why something cannot be sealed for a partner.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The algorithms of its file do not fit the keys, or sealing failed.
    #[error("cannot be sealed: {0}")]
    Seal(#[from] wss::sign::Error),
    /// Nothing to encrypt for.
    #[error("partner {partner} has no encryption certificate that is valid now")]
    NoRecipient {
        /// Which partner.
        partner: String,
    },
    /// Its certificate cannot be used.
    #[error("certificate of partner {partner}: {cause}")]
    Certificate {
        /// Which partner.
        partner: String,
        /// Why.
        cause: String,
    },
}

impl PartnerCrypto {
    fn new(partner: &Arc<Partner>, keys: &Arc<OwnKeys>) -> Result<Self, Error> {
        let request_policy = policy(partner, partner.file().security.encrypt != Encrypt::None);
        Ok(Self {
            request_verifier: Verifier::new(request_policy),
            // Answers need not be encrypted: an acknowledgement holds digests and proofs only.
            answer_verifier: Verifier::new(policy(partner, false)),
            signers: PartnerSigners::new(partner)?,
            answer_sealer: Sealer::new(settings(partner), Arc::clone(&keys.sign), None)?,
            request_sealer: Mutex::new(None),
            partner: Arc::clone(partner),
            keys: Arc::clone(keys),
        })
    }

    pub fn request_verifier(&self) -> &Verifier {
        &self.request_verifier
    }

    pub fn answer_verifier(&self) -> &Verifier {
        &self.answer_verifier
    }

    pub fn signers(&self) -> &dyn SignerLookup {
        &self.signers
    }

    pub fn keys(&self) -> &OwnKeys {
        &self.keys
    }

    /// Seals answers and faults: signed, not encrypted.
    pub fn answer_sealer(&self) -> &Sealer {
        &self.answer_sealer
    }

    /// Seals requests: encrypted for the certificate that is in use at `now`.
    pub fn request_sealer(&self, now: Timestamp) -> Result<Arc<Sealer>, Error> {
        let name = || self.partner.id().to_string();
        let recipient = match self.partner.file().security.encrypt {
            Encrypt::None => None,
            // Elements named by XPath lie inside the document; encrypting all of it hides them too.
            Encrypt::Document | Encrypt::Elements(_) => {
                Some(self.partner.encryption_certificate(now).ok_or_else(|| Error::NoRecipient { partner: name() })?)
            }
        };
        let thumbprint = recipient.as_ref().map_or([0; 32], |certificate| *certificate.thumbprint_sha256());
        let mut ready = self.request_sealer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((made_for, sealer)) = ready.as_ref()
            && *made_for == thumbprint
        {
            return Ok(Arc::clone(sealer));
        }
        let recipient = match recipient {
            Some(certificate) => Some(Arc::new(
                Recipient::from_der(certificate.der())
                    .map_err(|error| Error::Certificate { partner: name(), cause: error.to_string() })?,
            )),
            None => None,
        };
        let sealer = Arc::new(Sealer::new(settings(&self.partner), Arc::clone(&self.keys.sign), recipient)?);
        *ready = Some((thumbprint, Arc::clone(&sealer)));
        Ok(sealer)
    }
}

fn policy(partner: &Partner, encrypted: bool) -> wss::Policy {
    let security = &partner.file().security;
    wss::Policy::serve()
        .signed_parts(match security.signed_parts {
            SignedParts::Full => wss::SignedParts::Full,
            SignedParts::BodyTimestamp => wss::SignedParts::BodyTimestamp,
        })
        .encryption(if encrypted { Encryption::Required } else { Encryption::Optional })
        .order(match security.order {
            Order::SignEncrypt => wss::Order::SignEncrypt,
            Order::Any => wss::Order::Any,
        })
        .skew(SignedDuration::from_secs(i64::from(security.skew_s)))
}

fn settings(partner: &Partner) -> Settings {
    let security = &partner.file().security;
    Settings {
        suite: suite(security.signature, security.key_transport, security.cipher),
        key_reference: match security.key_reference {
            KeyReference::Str => wss::KeyReference::Str,
            KeyReference::RetrievalMethod => wss::KeyReference::RetrievalMethod,
            KeyReference::Inline => wss::KeyReference::Inline,
        },
        // `order` says what is accepted; we sign first.
        order: wss::Order::SignEncrypt,
        signed_parts: match security.signed_parts {
            SignedParts::Full => wss::SignedParts::Full,
            SignedParts::BodyTimestamp => wss::SignedParts::BodyTimestamp,
        },
    }
}

fn suite(signature: SignatureName, key_transport: KeyTransport, cipher: Cipher) -> Suite {
    let signature = match signature {
        SignatureName::ByKey => None,
        SignatureName::RsaSha256 => Some("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"),
        SignatureName::RsaSha384 => Some("http://www.w3.org/2001/04/xmldsig-more#rsa-sha384"),
        SignatureName::RsaSha512 => Some("http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"),
        SignatureName::RsaPssSha256 => Some("http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1"),
        SignatureName::RsaPssSha384 => Some("http://www.w3.org/2007/05/xmldsig-more#sha384-rsa-MGF1"),
        SignatureName::RsaPssSha512 => Some("http://www.w3.org/2007/05/xmldsig-more#sha512-rsa-MGF1"),
        SignatureName::EcdsaSha256 => Some("http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"),
        SignatureName::EcdsaSha384 => Some("http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384"),
        SignatureName::EcdsaSha512 => Some("http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512"),
        SignatureName::Ed25519 => Some("http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519"),
    };
    let transport = match key_transport {
        KeyTransport::ByKey => None,
        KeyTransport::RsaOaepMgf1p => Some("http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"),
        KeyTransport::RsaOaepSha256 | KeyTransport::RsaOaepSha384 | KeyTransport::RsaOaepSha512 => {
            Some("http://www.w3.org/2009/xmlenc11#rsa-oaep")
        }
        KeyTransport::EcdhEs | KeyTransport::EcdhEsHkdf => Some("http://www.w3.org/2009/xmlenc11#ECDH-ES"),
    };
    let oaep_digest = match key_transport {
        KeyTransport::RsaOaepSha256 => Some("http://www.w3.org/2001/04/xmlenc#sha256"),
        KeyTransport::RsaOaepSha384 => Some("http://www.w3.org/2001/04/xmldsig-more#sha384"),
        KeyTransport::RsaOaepSha512 => Some("http://www.w3.org/2001/04/xmlenc#sha512"),
        _ => None,
    };
    let derivation = match key_transport {
        KeyTransport::EcdhEsHkdf => Some("http://www.w3.org/2021/04/xmldsig-more#hkdf"),
        _ => None,
    };
    let cipher = match cipher {
        Cipher::Aes128Gcm => "http://www.w3.org/2009/xmlenc11#aes128-gcm",
        Cipher::Aes192Gcm => "http://www.w3.org/2009/xmlenc11#aes192-gcm",
        Cipher::Aes256Gcm => "http://www.w3.org/2009/xmlenc11#aes256-gcm",
    };
    let owned = |uri: Option<&str>| uri.map(str::to_owned);
    Suite {
        signature: owned(signature),
        digest: None,
        key_transport: owned(transport),
        oaep_digest: owned(oaep_digest),
        key_derivation: owned(derivation),
        cipher: owned(Some(cipher)),
    }
}

/// Who may sign for one partner.
struct PartnerSigners {
    partner: Arc<Partner>,
    signers: Signers,
    /// By the DER of the certificate: until when the path is good.
    good_until: Mutex<HashMap<[u8; 32], Timestamp>>,
}

impl PartnerSigners {
    fn new(partner: &Arc<Partner>) -> Result<Self, Error> {
        let mut list = Vec::new();
        for entry in partner.certificates().iter().filter(|c| c.uses.contain(CertificateUse::Sign)) {
            let signer = Signer::from_der(entry.certificate.der())
                .map_err(|error| Error::Certificate { partner: partner.id().to_string(), cause: error.to_string() })?;
            list.push(Arc::new(signer));
        }
        Ok(Self { partner: Arc::clone(partner), signers: Signers::new(list), good_until: Mutex::default() })
    }

    fn judge(&self, der: &[u8], at: Timestamp) -> Result<(), TrustError> {
        let entry = self.partner.certificates().iter().find(|c| c.certificate.der() == der);
        let Some(entry) = entry else {
            return Err(TrustError::Unknown { named: "the certificate".to_owned() });
        };
        let certificate = &entry.certificate;
        let subject = || certificate.subject().to_owned();
        if let Some(from) = entry.use_from.filter(|from| *from > at) {
            let cause = format!("it is used from {from}, now {at}");
            return Err(TrustError::NotForThis { subject: subject(), cause });
        }
        let thumbprint = *certificate.thumbprint_sha256();
        let mut good_until = self.good_until.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that went back may lie before the certificate's validity: ask again.
        if good_until.get(&thumbprint).is_some_and(|until| at < *until) && at >= certificate.not_before() {
            return Ok(());
        }
        good_until.remove(&thumbprint);
        let path = self
            .partner
            .anchors()
            .check(certificate, &[], at, Use::Sign)
            .map_err(|error| trust(&error, &subject(), at))?;
        good_until.insert(thumbprint, path.good_until());
        Ok(())
    }
}

impl SignerLookup for PartnerSigners {
    fn find(&self, reference: &CertificateReference<'_>, at: Timestamp) -> Result<Arc<Signer>, TrustError> {
        let signer = self.signers.find(reference, at)?;
        self.judge(signer.certificate().der(), at)?;
        Ok(signer)
    }
}

fn trust(error: &PathError, subject: &str, now: Timestamp) -> TrustError {
    match error {
        PathError::Expired { not_after, .. } => TrustError::Expired { not_after: *not_after, now },
        PathError::NotYetValid { not_before, .. } => TrustError::NotYetValid { not_before: *not_before, now },
        PathError::Revoked { .. } => TrustError::Revoked { subject: subject.to_owned() },
        other => TrustError::Untrusted { subject: subject.to_owned(), cause: other.to_string() },
    }
}

/// What was made ready, by partner; made again when the partner or our keys were replaced.
#[derive(Default)]
pub(super) struct Cache {
    ready: Mutex<HashMap<PartnerId, Arc<PartnerCrypto>>>,
}

impl Cache {
    /// The cryptography of `partner` with `keys`.
    pub fn of(&self, partner: &Arc<Partner>, keys: &Arc<OwnKeys>) -> Result<Arc<PartnerCrypto>, Error> {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(crypto) = ready.get(partner.id())
            && Arc::ptr_eq(&crypto.partner, partner)
            && Arc::ptr_eq(&crypto.keys, keys)
        {
            return Ok(Arc::clone(crypto));
        }
        let crypto = Arc::new(PartnerCrypto::new(partner, keys)?);
        ready.insert(partner.id().clone(), Arc::clone(&crypto));
        Ok(crypto)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::{DevCa, Issue, KeyKind};
    use crate::soap::wss::{Content, Outgoing};
    use crate::soap::{Addressing, Version};

    /// What a partner file says about the content key is what is sent, and every setting of it can be sent.
    #[test]
    fn the_key_transport_of_the_partner_file_is_the_one_that_is_written() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let key = |kind| PrivateKey::generate(kind).unwrap();
        let ec = KeyKind::Ec { curve: "prime256v1", bits: 256 };
        let ca = DevCa::create(&Issue::new("CA", &[], now, 10), key(ec)).unwrap();
        let recipient = |kind| {
            let certificate = ca.issue(&Issue::new("to", &[Use::Encrypt], now, 5), &key(kind)).unwrap();
            Arc::new(Recipient::from_der(certificate.der()).unwrap())
        };
        let (rsa, agrees) = (recipient(KeyKind::Rsa { bits: 2048 }), recipient(ec));
        let signing = key(ec);
        let certificate = ca.issue(&Issue::new("from", &[Use::Sign], now, 5), &signing).unwrap();
        let identity = Arc::new(Identity::new(certificate.der(), signing.to_pkey()).unwrap());
        for (transport, recipient, wanted) in [
            (KeyTransport::ByKey, &rsa, &["xmlenc#rsa-oaep-mgf1p", "xmldsig#sha1"][..]),
            (KeyTransport::RsaOaepMgf1p, &rsa, &["xmlenc#rsa-oaep-mgf1p", "xmldsig#sha1"]),
            (KeyTransport::RsaOaepSha256, &rsa, &["xmlenc11#rsa-oaep", "xmlenc#sha256", "xmlenc11#mgf1sha256"]),
            (KeyTransport::RsaOaepSha384, &rsa, &["xmlenc11#rsa-oaep", "xmldsig-more#sha384", "xmlenc11#mgf1sha384"]),
            (KeyTransport::RsaOaepSha512, &rsa, &["xmlenc11#rsa-oaep", "xmlenc#sha512", "xmlenc11#mgf1sha512"]),
            (KeyTransport::ByKey, &agrees, &["xmlenc11#ECDH-ES", "xmlenc11#ConcatKDF", "xmlenc#kw-aes256"]),
            (KeyTransport::EcdhEs, &agrees, &["xmlenc11#ECDH-ES", "xmlenc11#ConcatKDF", "xmlenc#kw-aes256"]),
            (KeyTransport::EcdhEsHkdf, &agrees, &["xmlenc11#ECDH-ES", "xmldsig-more#hkdf", "xmlenc#kw-aes256"]),
        ] {
            let suite = suite(SignatureName::ByKey, transport, Cipher::Aes256Gcm);
            let settings = Settings { suite, ..Settings::default() };
            let sealer = Sealer::new(settings, Arc::clone(&identity), Some(Arc::clone(recipient)))
                .unwrap_or_else(|error| panic!("{transport:?}: {error}"));
            let content = Content { octets: b"<a><b></b></a>", encrypt: Some(3..10) };
            let addressing = Addressing::default();
            let message = Outgoing { version: Version::Soap12, addressing: &addressing, content, confirms: None, now };
            let text = String::from_utf8(sealer.seal(&message).unwrap().octets).unwrap();
            let (_, rest) = text.split_once("<xenc:EncryptedKey").unwrap();
            let (written, _) = rest.split_once("<xenc:CipherData").unwrap();
            for uri in wanted {
                assert!(written.contains(&format!("{uri}\"")), "{transport:?}: no {uri} in {written}");
            }
        }
    }
}
