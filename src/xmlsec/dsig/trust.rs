//! Whether a certificate leads to a trust anchor at a given time (RFC 5280 §6, by OpenSSL), CRLs included.

use jiff::Timestamp;
use openssl::asn1::Asn1Time;
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::stack::Stack;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::verify::{X509VerifyFlags, X509VerifyParam};
use openssl::x509::{CrlStatus, X509, X509Crl, X509KeyUsage, X509NameRef, X509Ref, X509StoreContext};

use crate::xmlsec::algorithm::Level;
use crate::xmlsec::policy::Policy;

/// Why a certificate is not trusted.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// No path to an anchor, or one that does not hold at the time: OpenSSL's words.
    #[error("certificate {subject}: {why}")]
    Path {
        /// Of the certificate at fault.
        subject: String,
        /// What is wrong.
        why: String,
    },
    /// A certificate of the path is on a CRL.
    #[error("certificate {subject} is revoked")]
    Revoked {
        /// Its subject.
        subject: String,
    },
    /// The CRL that would tell is out of date.
    #[error("the CRL of the issuer of {subject} has expired")]
    CrlExpired {
        /// Subject of the certificate.
        subject: String,
    },
    /// A certificate whose keyUsage allows neither digitalSignature nor nonRepudiation: one to encrypt for.
    #[error("certificate {subject}: its keyUsage does not allow signatures")]
    Usage {
        /// Its subject.
        subject: String,
    },
    /// OpenSSL failed.
    #[error("openssl")]
    Openssl(#[from] ErrorStack),
}

/// What a caller trusts.
pub struct Trust {
    /// Certificates that are trusted as they stand.
    pub anchors: Vec<X509>,
    /// Certificates that may help to reach an anchor.
    pub untrusted: Vec<X509>,
    /// Revocation lists.
    pub crls: Vec<X509Crl>,
    /// The time at which everything must hold.
    pub at: Timestamp,
}

impl Trust {
    /// Checks that `leaf` leads to an anchor, with the help of `extra` certificates and CRLs of the message.
    ///
    /// # Errors
    /// [`TrustError`].
    pub fn certify(
        &self,
        leaf: &X509Ref,
        extra: &[X509],
        extra_crls: &[X509Crl],
        policy: &Policy,
    ) -> Result<(), TrustError> {
        let mut store = X509StoreBuilder::new()?;
        for anchor in &self.anchors {
            store.add_cert(anchor.clone())?;
        }
        let mut parameters = X509VerifyParam::new()?;
        parameters.set_flags(X509VerifyFlags::PARTIAL_CHAIN)?;
        parameters.set_time(self.at.as_second());
        parameters.set_depth(i32::try_from(policy.certificates_max).unwrap_or(16));
        // Level 2: at least 112 bits of security in every key and signature of the path; so no SHA-1, no RSA-1024.
        parameters.set_auth_level(if policy.level() >= Level::Legacy { 0 } else { 2 });
        store.set_param(&parameters)?;
        let store = store.build();
        let mut help = Stack::new()?;
        for certificate in extra.iter().chain(&self.untrusted) {
            help.push(certificate.clone())?;
        }
        let mut context = X509StoreContext::new()?;
        let checked = context.init(&store, leaf, &help, |context| {
            let valid = context.verify_cert().unwrap_or(false);
            if valid {
                return Ok(Ok(context.chain().map(|chain| chain.iter().map(X509Ref::to_owned).collect())));
            }
            let subject = context.current_cert().map_or_else(|| subject(leaf), subject);
            Ok(Err(TrustError::Path { subject, why: context.error().error_string().to_owned() }))
        })?;
        let path: Vec<X509> = checked?.unwrap_or_default();
        // Old software never looked at keyUsage, and old authorities filled it in as they liked.
        if policy.level() < Level::Legacy && !may_sign(leaf) {
            return Err(TrustError::Usage { subject: subject(leaf) });
        }
        self.check_revocation(&path, extra_crls)
    }

    /// Every certificate below the anchor against every CRL of its issuer. A CRL that was made after the time of checking
    /// tells nothing about that time; one that has expired by then leaves the question open, which is "no".
    fn check_revocation(&self, path: &[X509], extra_crls: &[X509Crl]) -> Result<(), TrustError> {
        let at = Asn1Time::from_unix(self.at.as_second())?;
        for (certificate, issuer) in path.iter().zip(path.iter().skip(1)) {
            let issuer_key = issuer.public_key()?;
            let mut fresh = 0;
            let mut expired = 0;
            for crl in self.crls.iter().chain(extra_crls) {
                let same = crl.issuer_name().try_cmp(certificate.issuer_name()).is_ok_and(|order| order.is_eq());
                if !same || !crl.verify(&issuer_key).unwrap_or(false) || crl.last_update() > at.as_ref() {
                    continue;
                }
                if let CrlStatus::Revoked(_) = crl.get_by_cert(certificate) {
                    return Err(TrustError::Revoked { subject: subject(certificate) });
                }
                let is_expired = crl.next_update().is_some_and(|next| next < at.as_ref());
                if is_expired { expired += 1 } else { fresh += 1 }
            }
            if expired > 0 && fresh == 0 {
                return Err(TrustError::CrlExpired { subject: subject(certificate) });
            }
        }
        Ok(())
    }
}

/// RFC 5280 §4.2.1.3: without keyUsage a key may do everything.
fn may_sign(certificate: &X509Ref) -> bool {
    let signs = X509KeyUsage::DIGITAL_SIGNATURE | X509KeyUsage::NON_REPUDIATION;
    certificate.key_usage().is_none_or(|usage| usage.intersects(signs))
}

/// Subject of a certificate, for messages.
pub(super) fn subject(certificate: &X509Ref) -> String {
    crate::xmlsec::policy::shortened(&rfc4514(certificate.subject_name()))
}

/// A name as RFC 4514 writes it: last component first.
#[must_use]
pub fn rfc4514(name: &X509NameRef) -> String {
    let mut parts: Vec<String> = name
        .entries()
        .map(|entry| {
            let attribute = match entry.object().nid().short_name() {
                Ok(short) if entry.object().nid() != Nid::UNDEF => short.to_owned(),
                _ => entry.object().to_string(),
            };
            format!("{attribute}={}", escaped_value(&entry.data().to_string().unwrap_or_default()))
        })
        .collect();
    parts.reverse();
    parts.join(",")
}

fn escaped_value(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    let last = value.chars().count().saturating_sub(1);
    for (at, char) in value.chars().enumerate() {
        let edge = (char == ' ' && (at == 0 || at == last)) || (char == '#' && at == 0);
        if edge || matches!(char, ',' | '+' | '"' | '\\' | '<' | '>' | ';') {
            escaped.push('\\');
        }
        escaped.push(char);
    }
    escaped
}
