//! A [`SignerLookup`] for files on the command line: known certificates and keys, and whatever an anchor certifies.

use std::sync::Arc;

use jiff::Timestamp;
use openssl::pkey::{PKey, Public};

use super::token::is_meant;
use super::{CertificateReference, Signer, SignerLookup, TrustError};
use crate::pki::{Certificate, OFFERED_MAX, PathError, TrustAnchors, Use};
use crate::soap::wss::security_header::decode_base64;

/// Signers that are known by themselves or certified by an anchor.
pub struct Anchored {
    anchors: TrustAnchors,
    purpose: Use,
    known: Vec<Certificate>,
    named: Vec<(String, Certificate)>,
    bare: Vec<PKey<Public>>,
    others: Vec<Certificate>,
    message_vouches: bool,
}

impl Anchored {
    /// Nobody but those whom `anchors` certify for `purpose`.
    #[must_use]
    pub fn new(anchors: TrustAnchors, purpose: Use) -> Self {
        Self {
            anchors,
            purpose,
            known: Vec::new(),
            named: Vec::new(),
            bare: Vec::new(),
            others: Vec::new(),
            message_vouches: false,
        }
    }

    /// And this certificate, while it is valid; `name` answers a KeyName.
    pub fn know(&mut self, certificate: Certificate, name: Option<String>) {
        if let Some(name) = name {
            self.named.push((name, certificate.clone()));
        }
        self.known.push(certificate);
    }

    /// And whatever certificate holds this key, while it is valid.
    pub fn know_key(&mut self, key: PKey<Public>) {
        self.bare.push(key);
    }

    /// A certificate that a message may mean by name, trusted only if an anchor certifies it.
    pub fn offer(&mut self, certificate: Certificate) {
        self.others.push(certificate);
    }

    /// And whatever certificate a message brings, while it is valid: core validity, never trust.
    pub fn danger_accept_message_certificates(&mut self) {
        self.message_vouches = true;
    }

    fn candidate(&self, reference: &CertificateReference<'_>) -> Result<Certificate, TrustError> {
        let read = |der: &[u8]| {
            Certificate::from_der(der).map_err(|error| TrustError::Unreadable { cause: error.to_string() })
        };
        let named = |certificate: Option<&Certificate>| {
            certificate.cloned().ok_or_else(|| TrustError::Unknown { named: reference.to_string() })
        };
        match reference {
            CertificateReference::Token { text } => read(&decode_base64(text).unwrap_or_default()),
            CertificateReference::Der { octets, .. } => read(octets),
            CertificateReference::KeyName { name } => {
                named(self.named.iter().find(|(known, _)| known == name).map(|(_, certificate)| certificate))
            }
            _ => {
                let all = self.known.iter().chain(&self.others).chain(self.anchors.anchors());
                let mut all = all.filter(|certificate| is_meant(certificate, reference));
                named(all.next())
            }
        }
    }

    fn is_known(&self, certificate: &Certificate) -> bool {
        self.known.iter().any(|known| known.der() == certificate.der())
            || self.bare.iter().any(|key| certificate.public_key().public_eq(key))
    }
}

impl SignerLookup for Anchored {
    fn find(&self, reference: &CertificateReference<'_>, at: Timestamp) -> Result<Arc<Signer>, TrustError> {
        let certificate = self.candidate(reference)?;
        let signer = Signer::new(certificate);
        let certificate = signer.certificate();
        if self.message_vouches || self.is_known(certificate) {
            signer.check_validity(at)?;
            return Ok(Arc::new(signer));
        }
        let mut chain: Vec<Certificate> = match reference {
            CertificateReference::Der { chain, .. } => {
                chain.iter().filter_map(|der| Certificate::from_der(der).ok()).collect()
            }
            _ => Vec::new(),
        };
        // Those that the caller gave may lead to an anchor; none of them vouches for it.
        let room = OFFERED_MAX.saturating_sub(chain.len());
        chain.extend(self.others.iter().chain(&self.known).take(room).cloned());
        self.anchors.check(certificate, &chain, at, self.purpose).map_err(|error| trust_error(certificate, error))?;
        Ok(Arc::new(signer))
    }
}

/// A path error as the refusal of a signer.
#[must_use]
pub fn trust_error(certificate: &Certificate, error: PathError) -> TrustError {
    match error {
        PathError::Expired { subject, not_after, now } if subject == certificate.subject() => {
            TrustError::Expired { not_after, now }
        }
        PathError::NotYetValid { subject, not_before, now } if subject == certificate.subject() => {
            TrustError::NotYetValid { not_before, now }
        }
        PathError::Revoked { subject, .. } => TrustError::Revoked { subject },
        other => TrustError::Untrusted { subject: certificate.subject().to_owned(), cause: other.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use openssl::ec::{EcGroup, EcKey};

    use super::*;
    use crate::pki::{DevCa, Issue, PrivateKey};

    #[test]
    fn certificates_given_help_to_reach_an_anchor_and_are_none() {
        // A token in a message brings the signer's certificate alone; who issued it may have been given with --key.
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let key = || {
            let group = EcGroup::from_curve_name(openssl::nid::Nid::X9_62_PRIME256V1).unwrap();
            PrivateKey::from_pkey(PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap())
        };
        let issue = |name: &str| Issue::new(name, &[Use::Sign], now, 365);
        let root = DevCa::create(&issue("root"), key()).unwrap();
        let between = root.issue_authority(&issue("between"), key(), None).unwrap();
        let leaf = between.issue(&issue("leaf"), &key()).unwrap();
        let reference = CertificateReference::Der { octets: leaf.der(), chain: &[] };
        let anchored = |anchor: Option<&DevCa>| {
            let mut anchors = TrustAnchors::new();
            anchor.into_iter().for_each(|ca| anchors.add_anchor(ca.certificate().clone()));
            Anchored::new(anchors, Use::Sign)
        };
        assert!(anchored(Some(&root)).find(&reference, now).is_err(), "nobody knows who issued it");
        let mut given = anchored(Some(&root));
        given.know(between.certificate().clone(), None);
        assert!(given.find(&reference, now).is_ok());
        let mut given = anchored(None);
        given.know(between.certificate().clone(), None);
        assert!(given.find(&reference, now).is_err(), "it vouches for itself, not for what it issued");
    }
}
