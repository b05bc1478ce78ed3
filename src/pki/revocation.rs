//! Certificate revocation lists (RFC 5280 §5). OCSP joins here later.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use openssl::x509::{CrlStatus, ReasonCode, X509Crl, X509RevokedRef};

use super::cert::Certificate;
use super::der::{self, Reader, tag};
use super::error::{Doing, Error, read_file};
use super::name;

/// A revocation list. Cheap to clone.
#[derive(Clone)]
pub struct Crl {
    inner: Arc<Inner>,
}

struct Inner {
    crl: X509Crl,
    issuer: String,
    this_update: Timestamp,
    next_update: Option<Timestamp>,
}

/// Why a certificate was revoked (RFC 5280 §5.3.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RevocationReason {
    /// Not said.
    Unspecified,
    /// The key is known to somebody else.
    KeyCompromise,
    /// The authority's key is.
    CaCompromise,
    /// The names are no longer right.
    AffiliationChanged,
    /// Another certificate replaces it.
    Superseded,
    /// No longer needed.
    CessationOfOperation,
    /// For the time being.
    CertificateHold,
    /// Back from a hold (delta lists only).
    RemoveFromCrl,
    /// A privilege in it was withdrawn.
    PrivilegeWithdrawn,
    /// The attribute authority's key is compromised.
    AaCompromise,
}

/// What a list says of a certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    NotListed,
    Revoked { at: Timestamp, reason: RevocationReason },
}

impl Crl {
    /// Reads lists in PEM (all of them) or DER (one), told by their content.
    ///
    /// # Errors
    /// [`Error::NotACrl`], [`Error::Malformed`].
    pub fn from_octets(octets: &[u8]) -> Result<Vec<Self>, Error> {
        if !super::cert::is_pem(octets) {
            return Ok(vec![Self::from_crl(X509Crl::from_der(octets).map_err(|_| Error::NotACrl)?)?]);
        }
        let mut found = Vec::new();
        for block in pem_blocks(octets) {
            found.push(Self::from_crl(X509Crl::from_pem(block).map_err(|_| Error::NotACrl)?)?);
        }
        if found.is_empty() { Err(Error::NotACrl) } else { Ok(found) }
    }

    /// Reads a file of lists.
    ///
    /// # Errors
    /// As [`Crl::from_octets`], with the file's name.
    pub fn load(path: &Path) -> Result<Vec<Self>, Error> {
        Self::from_octets(&read_file(path)?).map_err(|error| error.in_file(path))
    }

    fn from_crl(crl: X509Crl) -> Result<Self, Error> {
        let der = crl.to_der().doing("encode revocation list")?;
        // `TBSCertList` (RFC 5280 §5.1): version, signature, issuer, thisUpdate, nextUpdate.
        let list = Reader::new(&der, "CertificateList").expect(tag::SEQUENCE)?;
        let mut tbs = list.inside("CertificateList").expect(tag::SEQUENCE)?.inside("TBSCertList");
        tbs.optional(tag::INTEGER)?;
        tbs.expect(tag::SEQUENCE)?;
        let issuer = name::rfc4514(&tbs.expect(tag::SEQUENCE)?)?;
        let this_update = der::time(&tbs.any()?).ok_or_else(|| tbs.malformed())?;
        let next_update = match tbs.peek() {
            Some(tag::UTC_TIME | tag::GENERALIZED_TIME) => Some(der::time(&tbs.any()?).ok_or_else(|| tbs.malformed())?),
            _ => None,
        };
        Ok(Self { inner: Arc::new(Inner { crl, issuer, this_update, next_update }) })
    }

    /// The issuer as RFC 4514 text.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.inner.issuer
    }

    /// When it was made.
    #[must_use]
    pub fn this_update(&self) -> Timestamp {
        self.inner.this_update
    }

    /// When the next one will be there at the latest.
    #[must_use]
    pub fn next_update(&self) -> Option<Timestamp> {
        self.inner.next_update
    }

    /// How many certificates it revokes.
    #[must_use]
    pub fn revoked_count(&self) -> usize {
        self.inner.crl.get_revoked().map_or(0, openssl::stack::StackRef::len)
    }

    /// The DER text.
    ///
    /// # Errors
    /// [`Error::OpenSsl`].
    pub fn to_der(&self) -> Result<Vec<u8>, Error> {
        self.inner.crl.to_der().doing("encode revocation list")
    }

    /// The PEM text.
    ///
    /// # Errors
    /// [`Error::OpenSsl`].
    pub fn to_pem(&self) -> Result<String, Error> {
        let pem = self.inner.crl.to_pem().doing("encode revocation list")?;
        Ok(String::from_utf8(pem).expect("PEM is ASCII"))
    }

    /// Whether it was issued and signed by this authority.
    pub(crate) fn is_of(&self, issuer: &Certificate) -> bool {
        super::cert::same_name(self.inner.crl.issuer_name(), issuer.x509().subject_name()) && {
            let good = self.inner.crl.verify(issuer.public_key()).unwrap_or(false);
            // See `path::signed_by`: nothing of this may stay in the thread's queue.
            drop(openssl::error::ErrorStack::get());
            good
        }
    }

    /// Whether it revokes this certificate, which must be of its issuer.
    #[must_use]
    pub fn lists(&self, certificate: &Certificate) -> bool {
        self.verdict(certificate) != Verdict::NotListed
    }

    /// Its entries.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &X509RevokedRef> {
        self.inner.crl.get_revoked().into_iter().flatten()
    }

    /// What it says of a certificate of its issuer. It is revoked whatever the moment of the check: whether a signature is
    /// older than the revocation is for evidence to show, not for the signer to claim.
    pub(crate) fn verdict(&self, certificate: &Certificate) -> Verdict {
        match self.inner.crl.get_by_cert(certificate.x509()) {
            CrlStatus::NotRevoked | CrlStatus::RemoveFromCrl(_) => Verdict::NotListed,
            CrlStatus::Revoked(entry) => {
                let reason = entry.extension::<ReasonCode>().ok().flatten();
                let reason =
                    reason.and_then(|(_, code)| code.get_i64().ok()).map_or(RevocationReason::Unspecified, reason_of);
                let at = seconds_of(entry.revocation_date()).unwrap_or(Timestamp::UNIX_EPOCH);
                Verdict::Revoked { at, reason }
            }
        }
    }
}

impl fmt::Debug for Crl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crl")
            .field("issuer", &self.inner.issuer)
            .field("next_update", &self.inner.next_update)
            .finish_non_exhaustive()
    }
}

fn seconds_of(time: &openssl::asn1::Asn1TimeRef) -> Option<Timestamp> {
    let epoch = openssl::asn1::Asn1Time::from_unix(0).ok()?;
    let difference = epoch.diff(time).ok()?;
    let seconds = i64::from(difference.days).checked_mul(24 * 3600)?.checked_add(i64::from(difference.secs))?;
    Timestamp::from_second(seconds).ok()
}

fn reason_of(code: i64) -> RevocationReason {
    match code {
        1 => RevocationReason::KeyCompromise,
        2 => RevocationReason::CaCompromise,
        3 => RevocationReason::AffiliationChanged,
        4 => RevocationReason::Superseded,
        5 => RevocationReason::CessationOfOperation,
        6 => RevocationReason::CertificateHold,
        8 => RevocationReason::RemoveFromCrl,
        9 => RevocationReason::PrivilegeWithdrawn,
        10 => RevocationReason::AaCompromise,
        _ => RevocationReason::Unspecified,
    }
}

/// Each `-----BEGIN X509 CRL-----` with what follows it.
fn pem_blocks(octets: &[u8]) -> impl Iterator<Item = &[u8]> {
    const BEGIN: &[u8] = b"-----BEGIN X509 CRL-----";
    memchr::memmem::find_iter(octets, BEGIN).filter_map(|at| octets.get(at..))
}
