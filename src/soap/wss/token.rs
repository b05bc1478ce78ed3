//! Certificates of signers and receivers (X.509 Token Profile 1.1), found by what a message says of them.
//!
//! Trust is judged above this room: a [`SignerLookup`] answers with a certificate that may sign for this partner now, or
//! says why not. A token that is known is recognised by its text; no certificate is parsed for it.

use std::sync::Arc;

use jiff::Timestamp;
use openssl::pkey::{PKey, PKeyRef, Private, Public};

use super::security_header::decode_base64;
use super::token_reference::CertificateName;
use crate::pki::{self, Certificate};
use crate::xmlsec::dsig::name;
use crate::xmlsec::enc::DecryptionKey;
use crate::xmlsec::{SigningKey, VerifyingKey};

/// What a message says of a certificate.
#[derive(Clone, Copy)]
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
    /// `ds:KeyName`.
    KeyName {
        /// The name.
        name: &'a str,
    },
    /// `ds:KeyValue` and the like: a bare key, for which only the message vouches.
    PublicKey {
        /// The key.
        key: &'a PKeyRef<Public>,
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

/// What is wrong with a certificate or key of ours.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not a certificate, or one with a key that cannot be used.
    #[error("the certificate cannot be used")]
    Certificate(#[from] pki::Error),
    /// The key does not belong to the certificate.
    #[error("the private key does not belong to the certificate {subject}")]
    OtherKey {
        /// Subject of the certificate.
        subject: String,
    },
}

/// A certificate whose signatures we verify, with everything made ready once.
pub struct Signer {
    certificate: Certificate,
    token: String,
    pub(crate) key: VerifyingKey,
}

/// Ours: a certificate with its private key, for signing and for opening what is encrypted for it.
pub struct Identity {
    certificate: Option<Certificate>,
    token: String,
    key: PKey<Private>,
    pub(crate) signing: SigningKey,
    pub(crate) opener: Option<DecryptionKey>,
}

/// A partner's certificate that we encrypt for.
pub struct Recipient {
    certificate: Certificate,
}

/// A fixed list of signers, all of which may sign: one partner's certificates, filtered by trust when it was loaded.
/// Validity is judged at each message.
#[derive(Debug, Default)]
pub struct Signers {
    list: Vec<Arc<Signer>>,
}

impl Signer {
    /// Reads the certificate and makes its key ready.
    ///
    /// # Errors
    /// [`Error::Certificate`].
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        Ok(Self::new(Certificate::from_der(der)?))
    }

    /// Makes the key of a certificate ready.
    #[must_use]
    pub fn new(certificate: Certificate) -> Self {
        let key = VerifyingKey::from_public(certificate.public_key().clone());
        Self { token: base64_simd::STANDARD.encode_to_string(certificate.der()), certificate, key }
    }

    /// The certificate.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The certificate as the text of a BinarySecurityToken.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Whether this is the certificate that `reference` means.
    #[must_use]
    pub fn is_meant_by(&self, reference: &CertificateReference<'_>) -> bool {
        match reference {
            CertificateReference::Token { text } => {
                // Most tokens are byte for byte what was seen before; nothing is decoded for them.
                *text == self.token
                    || text.len() > self.token.len()
                        && decode_base64(text).is_some_and(|der| der == self.certificate.der())
            }
            other => is_meant(&self.certificate, other),
        }
    }

    /// Whether the certificate holds at `at`.
    ///
    /// # Errors
    /// [`TrustError::Expired`], [`TrustError::NotYetValid`].
    pub fn check_validity(&self, at: Timestamp) -> Result<(), TrustError> {
        let certificate = &self.certificate;
        if at < certificate.not_before() {
            return Err(TrustError::NotYetValid { not_before: certificate.not_before(), now: at });
        }
        if at > certificate.not_after() {
            return Err(TrustError::Expired { not_after: certificate.not_after(), now: at });
        }
        Ok(())
    }
}

impl Identity {
    /// A certificate with its key.
    ///
    /// # Errors
    /// [`Error`] when the certificate cannot be read or the key is not its own.
    pub fn new(der: &[u8], key: PKey<Private>) -> Result<Self, Error> {
        let certificate = Certificate::from_der(der)?;
        if !certificate.public_key().public_eq(&key) {
            return Err(Error::OtherKey { subject: certificate.subject().to_owned() });
        }
        let token = base64_simd::STANDARD.encode_to_string(certificate.der());
        Ok(Self { certificate: Some(certificate), token, ..Self::without_certificate(key) })
    }

    /// A key whose certificate is not at hand: it opens what is encrypted for it, whoever the message names.
    #[must_use]
    pub fn without_certificate(key: PKey<Private>) -> Self {
        Self {
            certificate: None,
            token: String::new(),
            opener: DecryptionKey::from_private(&key),
            signing: SigningKey::from_private(key.clone()),
            key,
        }
    }

    /// What it is called in messages to people.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.certificate {
            Some(certificate) => format!("{} (serial {})", certificate.subject(), certificate.serial_decimal()),
            None => "a key without certificate".to_owned(),
        }
    }

    /// Whether a message that names `reference` may mean this key.
    pub(crate) fn may_be_meant(&self, reference: &CertificateReference<'_>) -> bool {
        self.certificate.as_ref().is_none_or(|certificate| is_meant(certificate, reference))
    }

    /// The certificate, if it is at hand.
    #[must_use]
    pub fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }

    /// The certificate as the text of a BinarySecurityToken; empty without one.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The private key.
    #[must_use]
    pub fn key(&self) -> &PKey<Private> {
        &self.key
    }
}

impl Recipient {
    /// Reads the certificate.
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

impl Signers {
    /// A list.
    #[must_use]
    pub fn new(list: Vec<Arc<Signer>>) -> Self {
        Self { list }
    }

    /// The signers.
    #[must_use]
    pub fn list(&self) -> &[Arc<Signer>] {
        &self.list
    }
}

impl SignerLookup for Signers {
    fn find(&self, reference: &CertificateReference<'_>, at: Timestamp) -> Result<Arc<Signer>, TrustError> {
        let signer = self
            .list
            .iter()
            .find(|signer| signer.is_meant_by(reference))
            .ok_or_else(|| TrustError::Unknown { named: reference.to_string() })?;
        signer.check_validity(at)?;
        Ok(Arc::clone(signer))
    }
}

/// Whether `reference` means `certificate`; tokens by their octets.
#[must_use]
pub fn is_meant(certificate: &Certificate, reference: &CertificateReference<'_>) -> bool {
    match reference {
        CertificateReference::Token { text } => decode_base64(text).is_some_and(|der| der == certificate.der()),
        CertificateReference::Der { octets, .. } => *octets == certificate.der(),
        CertificateReference::IssuerSerial { issuer, serial } => {
            same_serial(certificate.serial_decimal(), serial)
                && (certificate.issuer() == *issuer || name::matches(issuer, certificate.x509().issuer_name()))
        }
        CertificateReference::SubjectKeyIdentifier { octets } => match certificate.subject_key_identifier() {
            Some(identifier) => identifier == *octets,
            None => key_identifier(certificate).is_some_and(|identifier| identifier == *octets),
        },
        CertificateReference::ThumbprintSha1 { octets } => certificate.thumbprint_sha1() == *octets,
        CertificateReference::KeyName { name: text } => name::matches(text, certificate.x509().subject_name()),
        CertificateReference::PublicKey { key } => certificate.public_key().public_eq(key),
    }
}

/// The identifier of a certificate that states none: SHA-1 over the key's bits (RFC 5280 §4.2.1.2, method 1).
fn key_identifier(certificate: &Certificate) -> Option<[u8; 20]> {
    let info = certificate.public_key().public_key_to_der().ok()?;
    let (length, _) = der_element(&info)?;
    let inside = info.get(info.len() - length..)?;
    let (_, rest) = der_element(inside)?;
    let bits = inside.get(inside.len() - rest..).filter(|bits| bits.first() == Some(&0x03))?;
    let (length, _) = der_element(bits)?;
    // The first octet of a BIT STRING counts its unused bits.
    Some(openssl::sha::sha1(bits.get(bits.len() - length + 1..)?))
}

/// Decimal numbers compare without leading zeros and plus signs.
fn same_serial(left: &str, right: &str) -> bool {
    let right = right.trim();
    left == right
        || !right.is_empty() && left.trim_start_matches('0') == right.trim_start_matches('+').trim_start_matches('0')
}

/// Whether the certificate in `der` goes by `name`.
pub(crate) fn is_named(der: &[u8], name: &CertificateName) -> bool {
    Certificate::from_der(der).is_ok_and(|certificate| is_meant(&certificate, &name.as_reference()))
}

/// The one certificate of several that issued none of the others.
pub(crate) fn end_entity(certificates: &[Vec<u8>]) -> Option<usize> {
    let parsed: Vec<Certificate> =
        certificates.iter().map(|der| Certificate::from_der(der)).collect::<Result<_, _>>().ok()?;
    let mut ends = (0..parsed.len()).filter(|at| {
        !parsed.iter().enumerate().any(|(other, certificate)| {
            other != *at && certificate.issuer() == parsed[*at].subject() && certificate.der() != parsed[*at].der()
        })
    });
    match (ends.next(), ends.next()) {
        (Some(end), None) => Some(end),
        _ => None,
    }
}

/// The certificates of a PKIPath: `SEQUENCE OF Certificate`.
pub(crate) fn pki_path(octets: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (content, rest) = der_element(octets)?;
    let mut inside = octets.get(octets.len() - rest - content..octets.len() - rest)?;
    if rest != 0 || octets.first() != Some(&0x30) {
        return None;
    }
    let mut certificates = Vec::new();
    while !inside.is_empty() {
        let (_, rest) = der_element(inside)?;
        let (certificate, after) = inside.split_at(inside.len() - rest);
        certificates.push(certificate.to_vec());
        inside = after;
    }
    (!certificates.is_empty()).then_some(certificates)
}

/// Octets of the content of the first DER element, and of what follows it.
fn der_element(octets: &[u8]) -> Option<(usize, usize)> {
    let first = usize::from(*octets.get(1)?);
    let (header, length) = if first < 0x80 {
        (2, first)
    } else {
        let size = first & 0x7f;
        let digits = octets.get(2..2 + size).filter(|digits| (1..=4).contains(&digits.len()))?;
        (2 + size, digits.iter().fold(0_usize, |length, digit| length << 8 | usize::from(*digit)))
    };
    let rest = octets.len().checked_sub(header.checked_add(length)?)?;
    Some((length, rest))
}

impl std::fmt::Display for CertificateReference<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hexadecimal = |octets: &[u8]| crate::base::octets::to_hex(octets.get(..32).unwrap_or(octets));
        let of = |der: &[u8]| match Certificate::from_der(der) {
            Ok(certificate) => {
                format!("certificate {} (serial {})", certificate.subject(), certificate.serial_decimal())
            }
            Err(_) => "a token that is no certificate".to_owned(),
        };
        match self {
            Self::Token { text } => f.write_str(&of(&decode_base64(text).unwrap_or_default())),
            Self::Der { octets, .. } => f.write_str(&of(octets)),
            Self::IssuerSerial { issuer, serial } => {
                let clip = crate::soap::envelope::clip;
                write!(f, "certificate number {} of {}", clip(serial), clip(issuer))
            }
            Self::SubjectKeyIdentifier { octets } => {
                write!(f, "certificate with key identifier {}", hexadecimal(octets))
            }
            Self::KeyName { name } => write!(f, "key {:?}", crate::soap::envelope::clip(name)),
            Self::PublicKey { .. } => f.write_str("a bare public key"),
            Self::ThumbprintSha1 { octets } => write!(f, "certificate with SHA-1 thumbprint {}", hexadecimal(octets)),
        }
    }
}

impl std::fmt::Debug for CertificateReference<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CertificateReference({self})")
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("subject", &self.certificate.subject()).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Holds a private key: nothing of it is printed.
        f.debug_tuple("Identity").field(&self.name()).finish()
    }
}

impl std::fmt::Debug for Recipient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recipient").field("subject", &self.certificate.subject()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soap::wss::tests::pair;

    #[test]
    fn a_missing_key_identifier_is_computed_as_issuers_do() {
        // WSS4J names certificates by it even where they do not state it.
        for kind in ["rsa", "p256"] {
            let pair = pair(kind);
            let certificate = pair.client.certificate().unwrap();
            let computed = key_identifier(certificate).unwrap();
            assert_eq!(certificate.subject_key_identifier(), Some(&computed[..]));
        }
    }

    #[test]
    fn each_name_means_one_certificate() {
        let pair = pair("p256");
        let (ours, other) = (pair.client.certificate().unwrap(), pair.server.certificate().unwrap());
        let wrapped: String = pair
            .client
            .token()
            .as_bytes()
            .chunks(76)
            .flat_map(|line| [String::from_utf8_lossy(line).into_owned(), "\n".to_owned()])
            .collect();
        let identifier = ours.subject_key_identifier().unwrap();
        for reference in [
            CertificateReference::Token { text: pair.client.token() },
            CertificateReference::Token { text: &wrapped },
            CertificateReference::Der { octets: ours.der(), chain: &[] },
            CertificateReference::IssuerSerial { issuer: " cn=test  ca ", serial: ours.serial_decimal() },
            CertificateReference::SubjectKeyIdentifier { octets: identifier },
            CertificateReference::ThumbprintSha1 { octets: ours.thumbprint_sha1() },
            CertificateReference::KeyName { name: "CN=client" },
            CertificateReference::PublicKey { key: ours.public_key() },
        ] {
            assert!(Signer::new(ours.clone()).is_meant_by(&reference), "{reference}");
            assert!(!Signer::new(other.clone()).is_meant_by(&reference), "{reference}");
        }
    }

    #[test]
    fn a_path_of_garbage_is_no_path() {
        for octets in
            [&b""[..], b"\x30", b"\x30\x00", b"\x30\x84\xff\xff\xff\xff", b"\x30\x03\x30\x05\x00", b"\x31\x02\x30\x00"]
        {
            assert!(pki_path(octets).is_none(), "{octets:02x?}");
        }
        assert_eq!(pki_path(b"\x30\x04\x30\x00\x30\x00").unwrap().len(), 2);
    }
}
