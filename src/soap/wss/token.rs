//! Certificates of signers and receivers (X.509 Token Profile 1.1), found by what a message says of them.
//!
//! Trust is judged above this room: a [`SignerLookup`] answers with a certificate that may sign for this partner now, or
//! says why not. A token that is known is recognised by its text; no certificate is parsed for it.

use std::sync::Arc;

use jiff::Timestamp;
use openssl::pkey::{PKey, Private};

/// What a message says of a certificate.
#[derive(Clone, Copy, Debug)]
pub enum CertificateReference<'a> {
    /// The text of a BinarySecurityToken of type X509v3: base64 as it stands there.
    Token {
        /// The text.
        text: &'a str,
    },
    /// The certificate itself: X509Data, an embedded token, the end of a PKIPath.
    Der {
        /// The certificate.
        octets: &'a [u8],
        /// Other certificates that came with it, unordered and untrusted.
        chain: &'a [Vec<u8>],
    },
    /// `ds:X509IssuerSerial`.
    IssuerSerial {
        /// Issuer as RFC 4514 text.
        issuer: &'a str,
        /// Serial number, decimal.
        serial: &'a str,
    },
    /// The SubjectKeyIdentifier extension.
    SubjectKeyIdentifier {
        /// Its octets.
        octets: &'a [u8],
    },
    /// SHA-1 over the certificate (`ThumbprintSHA1`): a name, not a proof.
    ThumbprintSha1 {
        /// The digest.
        octets: &'a [u8],
    },
}

/// Why a certificate is not taken for a signer's.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum TrustError {
    /// No certificate of this partner is meant.
    #[error("{named} is not in the partner's list")]
    Unknown {
        /// What the message named.
        named: String,
    },
    /// Not a certificate.
    #[error("cannot be read: {cause}")]
    Unreadable {
        /// Why.
        cause: String,
    },
    /// Past its validity.
    #[error("expired {not_after}, now {now}")]
    Expired {
        /// End of validity.
        not_after: Timestamp,
        /// The clock here.
        now: Timestamp,
    },
    /// Before its validity.
    #[error("not valid before {not_before}, now {now}")]
    NotYetValid {
        /// Start of validity.
        not_before: Timestamp,
        /// The clock here.
        now: Timestamp,
    },
    /// Not certified by an anchor.
    #[error("{subject} is not certified by a trusted authority: {cause}")]
    Untrusted {
        /// Subject of the certificate.
        subject: String,
        /// What the path check says.
        cause: String,
    },
    /// Revoked.
    #[error("{subject} was revoked")]
    Revoked {
        /// Subject of the certificate.
        subject: String,
    },
    /// Not for signing, or the certificate of another partner.
    #[error("{subject} may not sign here: {cause}")]
    NotForThis {
        /// Subject of the certificate.
        subject: String,
        /// Why.
        cause: String,
    },
}

/// Finds a signer and judges trust.
pub trait SignerLookup {
    /// The signer that `reference` means, if its certificate may sign for this partner at `at`.
    ///
    /// # Errors
    /// [`TrustError`] when there is none or it may not.
    fn find(&self, reference: &CertificateReference<'_>, at: Timestamp) -> Result<Arc<Signer>, TrustError>;
}

/// A certificate whose signatures we verify, with everything made ready once.
pub struct Signer {
    pub(crate) certificate: Certificate,
}

/// Ours: a certificate with its private key, for signing and for opening what is encrypted for it.
pub struct Identity {
    pub(crate) certificate: Certificate,
    pub(crate) key: PKey<Private>,
}

/// A partner's certificate that we encrypt for.
pub struct Recipient {
    pub(crate) certificate: Certificate,
}

/// A certificate and the names by which messages refer to it.
pub struct Certificate {
    der: Vec<u8>,
    base64: String,
}

/// A fixed list of signers, all of which may sign: one partner's certificates, filtered by trust when it was loaded.
pub struct Signers {
    list: Vec<Arc<Signer>>,
}

/// What is wrong with a certificate or key of ours.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not a certificate, or one with a key that cannot be used.
    #[error("the certificate cannot be used")]
    Certificate(#[source] openssl::error::ErrorStack),
    /// The key does not belong to the certificate.
    #[error("the private key does not belong to the certificate {subject}")]
    OtherKey {
        /// Subject of the certificate.
        subject: String,
    },
}

impl Certificate {
    /// Reads a certificate.
    ///
    /// # Errors
    /// [`Error::Certificate`].
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        let _x509 = openssl::x509::X509::from_der(der).map_err(Error::Certificate)?;
        Ok(Self { der: der.to_vec(), base64: base64_simd::STANDARD.encode_to_string(der) })
    }

    /// The certificate.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The certificate as the text of a BinarySecurityToken.
    #[must_use]
    pub fn base64(&self) -> &str {
        &self.base64
    }
}

impl Signer {
    /// Reads the certificate and makes its key ready.
    ///
    /// # Errors
    /// [`Error::Certificate`].
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        Ok(Self { certificate: Certificate::from_der(der)? })
    }

    /// The certificate.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }
}

impl Recipient {
    /// Reads the certificate and makes its key ready.
    ///
    /// # Errors
    /// [`Error::Certificate`].
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        Ok(Self { certificate: Certificate::from_der(der)? })
    }

    /// The certificate.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }
}

impl Identity {
    /// A certificate with its key.
    ///
    /// # Errors
    /// [`Error`] when the certificate cannot be read or the key is not its own.
    pub fn new(der: &[u8], key: PKey<Private>) -> Result<Self, Error> {
        Ok(Self { certificate: Certificate::from_der(der)?, key })
    }

    /// The certificate.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The private key.
    #[must_use]
    pub fn key(&self) -> &PKey<Private> {
        &self.key
    }
}

impl Signers {
    /// A list.
    #[must_use]
    pub fn new(list: Vec<Arc<Signer>>) -> Self {
        Self { list }
    }
}

impl SignerLookup for Signers {
    fn find(&self, reference: &CertificateReference<'_>, _at: Timestamp) -> Result<Arc<Signer>, TrustError> {
        let _ = (reference, &self.list);
        todo!("lands with xmlsec")
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Holds a private key: nothing of it is printed.
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}
