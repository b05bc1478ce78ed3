//! Certification paths (RFC 5280 §6.1): built towards an anchor, checked at a given time for a given use.
//!
//! The search is ours, so that each refusal has a name; OpenSSL then judges the finished path once more, which adds name
//! constraints and unknown critical extensions. A path is good only when both agree.

use jiff::{SignedDuration, Timestamp};
use openssl::error::ErrorStack;
use openssl::stack::Stack;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::verify::{X509VerifyFlags, X509VerifyParam};
use openssl::x509::{X509ExtendedKeyUsage, X509KeyUsage, X509StoreContext, X509VerifyResult};

use super::cert::{Certificate, KeyKind, SignatureKind};
use super::revocation::{Crl, RevocationReason, Verdict};
use super::trust::{Leniency, TrustAnchors, Use};

/// Certificates of one path, both ends included. Real ones have two to four.
pub const LENGTH_MAX: usize = 8;
/// Signatures that one check verifies; keeps a chain of many certificates with one name from costing more than this.
pub const SIGNATURES_MAX: usize = 32;
/// Certificates that a peer may offer for building a path.
pub const OFFERED_MAX: usize = 32;

/// A path that was checked.
#[derive(Clone, Debug)]
pub struct Path {
    certificates: Vec<Certificate>,
    good_until: Timestamp,
    unlisted: Vec<String>,
}

impl Path {
    /// The certificates, the one that was asked about first, the anchor last; one where it is the anchor itself.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// The moment until which this verdict holds without asking again: the first end of a certificate or of a list with
    /// its grace.
    #[must_use]
    pub fn good_until(&self) -> Timestamp {
        self.good_until
    }

    /// Subjects whose revocation could not be looked up, because their issuer has no current list here.
    #[must_use]
    pub fn unlisted(&self) -> &[String] {
        &self.unlisted
    }
}

/// Why a certificate is refused.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum PathError {
    /// Its validity is over: `notAfter` lies before now.
    #[error("certificate {subject} expired {not_after}, now {now}")]
    Expired {
        /// Whose.
        subject: String,
        /// Its last moment.
        not_after: Timestamp,
        /// The moment of the check.
        now: Timestamp,
    },
    /// Its validity has not begun.
    #[error("certificate {subject} is valid from {not_before}, now {now}")]
    NotYetValid {
        /// Whose.
        subject: String,
        /// Its first moment.
        not_before: Timestamp,
        /// The moment of the check.
        now: Timestamp,
    },
    /// No anchor and no certificate at hand bears the name of its issuer.
    #[error("certificate {subject}: issuer {issuer} is not known here")]
    UnknownIssuer {
        /// Whose.
        subject: String,
        /// The issuer it names.
        issuer: String,
    },
    /// It is self-signed and no anchor.
    #[error("certificate {subject} is self-signed and not trusted")]
    SelfSigned {
        /// Whose.
        subject: String,
    },
    /// Somebody bears the issuer's name, but the signature is not theirs.
    #[error("certificate {subject}: its signature is not by the key of {issuer}")]
    BadSignature {
        /// Whose.
        subject: String,
        /// The issuer that was tried.
        issuer: String,
    },
    /// Its issuer may not issue certificates (basicConstraints, keyUsage).
    #[error("certificate {subject} may not issue certificates")]
    NotAnAuthority {
        /// The would-be issuer.
        subject: String,
    },
    /// More certificates below an authority than its pathLenConstraint allows, or more than are followed at all.
    #[error("path too long: {came} authorities below {subject}, at most {limit}")]
    PathTooLong {
        /// The authority.
        subject: String,
        /// Authorities allowed below it.
        limit: usize,
        /// Authorities that stand below it.
        came: usize,
    },
    /// keyUsage or extendedKeyUsage do not allow the purpose.
    #[error("certificate {subject} is not for {purpose}: its key usage allows {allows}", purpose = .purpose.as_str())]
    WrongUse {
        /// Whose.
        subject: String,
        /// What it was to be used for.
        purpose: Use,
        /// What it says it is for.
        allows: String,
    },
    /// The key is too small or of a kind that is refused.
    #[error("certificate {subject}: key {key} is too weak")]
    WeakKey {
        /// Whose.
        subject: String,
        /// The key.
        key: KeyKind,
    },
    /// It is signed with SHA-1 or worse.
    #[error("certificate {subject} is signed with a weak or unknown algorithm")]
    WeakSignature {
        /// Whose.
        subject: String,
    },
    /// Its issuer has revoked it.
    #[error("certificate {subject} was revoked {at} ({reason:?})")]
    Revoked {
        /// Whose.
        subject: String,
        /// Since when.
        at: Timestamp,
        /// Why.
        reason: RevocationReason,
    },
    /// A list is required and none of its issuer is here.
    #[error("certificate {subject}: no revocation list of {issuer} is here")]
    RevocationUnknown {
        /// Whose.
        subject: String,
        /// The issuer.
        issuer: String,
    },
    /// A list is required and that of its issuer is out of date beyond the grace.
    #[error("certificate {subject}: the revocation list of {issuer} ended {next_update}, now {now}")]
    RevocationStale {
        /// Whose.
        subject: String,
        /// The issuer.
        issuer: String,
        /// When a newer list was due.
        next_update: Timestamp,
        /// The moment of the check.
        now: Timestamp,
    },
    /// The peer offers more certificates than are looked at.
    #[error("{came} certificates offered for the path, at most {limit}")]
    TooMany {
        /// Certificates offered.
        came: usize,
        /// The ceiling.
        limit: usize,
    },
    /// The search was given up: too many certificates bear the same names.
    #[error("path search given up after {limit} signatures")]
    TooMuchWork {
        /// The ceiling.
        limit: usize,
    },
    /// OpenSSL refuses the path for a reason of its own: name constraints, an unknown critical extension.
    #[error("certificate {subject}: {reason}")]
    Refused {
        /// Where in the path.
        subject: String,
        /// OpenSSL's words.
        reason: String,
    },
}

/// See [`TrustAnchors::check`].
pub(crate) fn check(
    trust: &TrustAnchors,
    certificate: &Certificate,
    chain: &[Certificate],
    at: Timestamp,
    purpose: Use,
) -> Result<Path, PathError> {
    if chain.len() > OFFERED_MAX {
        return Err(PathError::TooMany { came: chain.len(), limit: OFFERED_MAX });
    }
    // Certificates know no fractions of a second; neither should what people read.
    let at = Timestamp::from_second(at.as_second()).unwrap_or(at);
    check_time(certificate, at)?;
    check_use(certificate, purpose)?;
    check_key(certificate, trust.leniency)?;
    let mut search = Search { trust, chain, at, signatures_left: SIGNATURES_MAX, nearest: None };
    let Some(certificates) = search.extend(vec![certificate.clone()]) else {
        return Err(search.reason(certificate));
    };
    let revocation = check_revocation(trust, &certificates, at)?;
    second_opinion(&certificates)?;
    let ends = certificates.iter().map(Certificate::not_after).chain(revocation.good_until);
    let good_until = ends.min().unwrap_or(at);
    Ok(Path { certificates, good_until, unlisted: revocation.unlisted })
}

/// A depth-first search from the certificate to an anchor.
struct Search<'a> {
    trust: &'a TrustAnchors,
    chain: &'a [Certificate],
    at: Timestamp,
    signatures_left: usize,
    /// The reason of the attempt that came furthest, with the length of its path.
    nearest: Option<(usize, PathError)>,
}

impl Search<'_> {
    /// Extends a path by one issuer after the other until an anchor ends it. Its depth is at most [`LENGTH_MAX`].
    fn extend(&mut self, path: Vec<Certificate>) -> Option<Vec<Certificate>> {
        let last = path.last()?;
        if self.trust.anchors.contains(last) {
            return Some(path);
        }
        let trust = self.trust;
        let candidates = trust.anchors.iter().chain(self.chain).chain(&trust.intermediates);
        let mut tried: Vec<&Certificate> = Vec::new();
        for issuer in candidates {
            if !might_have_issued(issuer, last) || path.contains(issuer) || tried.contains(&issuer) {
                continue;
            }
            tried.push(issuer);
            match self.step(&path, last, issuer) {
                Ok(()) => {
                    let mut longer = path.clone();
                    longer.push(issuer.clone());
                    if let Some(found) = self.extend(longer) {
                        return Some(found);
                    }
                }
                Err(reason) => self.note(path.len(), reason),
            }
        }
        if tried.is_empty() {
            let subject = last.subject().to_owned();
            let reason = if last.is_self_issued() {
                PathError::SelfSigned { subject }
            } else {
                PathError::UnknownIssuer { subject, issuer: last.issuer().to_owned() }
            };
            self.note(path.len(), reason);
        }
        None
    }

    /// Whether `issuer` may stand above `path`, whose last certificate is `last`.
    fn step(&mut self, path: &[Certificate], last: &Certificate, issuer: &Certificate) -> Result<(), PathError> {
        self.signatures_left =
            self.signatures_left.checked_sub(1).ok_or(PathError::TooMuchWork { limit: SIGNATURES_MAX })?;
        if !signed_by(last, issuer) {
            let (subject, issuer) = (last.subject().to_owned(), issuer.subject().to_owned());
            return Err(PathError::BadSignature { subject, issuer });
        }
        check_signature_kind(last, self.trust.leniency)?;
        check_key(issuer, self.trust.leniency)?;
        check_authority(issuer, self.trust.anchors.contains(issuer))?;
        check_time(issuer, self.at)?;
        check_length(path, issuer)
    }

    fn note(&mut self, length: usize, reason: PathError) {
        let further = self.nearest.as_ref().is_none_or(|(nearest, _)| length > *nearest);
        if further || matches!(reason, PathError::TooMuchWork { .. }) {
            self.nearest = Some((length, reason));
        }
    }

    fn reason(self, certificate: &Certificate) -> PathError {
        let unknown = || PathError::UnknownIssuer {
            subject: certificate.subject().to_owned(),
            issuer: certificate.issuer().to_owned(),
        };
        self.nearest.map_or_else(unknown, |(_, reason)| reason)
    }
}

fn signed_by(certificate: &Certificate, issuer: &Certificate) -> bool {
    let good = certificate.x509().verify(issuer.public_key()).unwrap_or(false);
    if !good {
        // OpenSSL leaves its reasons in the thread's queue, where a TLS connection would take them for its own.
        drop(ErrorStack::get());
    }
    good
}

/// Names and key identifiers fit (RFC 5280 §4.2.1.1). A key identifier that is missing fits.
fn might_have_issued(issuer: &Certificate, certificate: &Certificate) -> bool {
    certificate.names_issuer(issuer)
        && match (certificate.authority_key_identifier(), issuer.subject_key_identifier()) {
            (Some(wanted), Some(is)) => wanted == is,
            _ => true,
        }
}

fn check_time(certificate: &Certificate, now: Timestamp) -> Result<(), PathError> {
    let subject = || certificate.subject().to_owned();
    if now < certificate.not_before() {
        return Err(PathError::NotYetValid { subject: subject(), not_before: certificate.not_before(), now });
    }
    // The last second belongs to the validity (RFC 5280 §4.1.2.5).
    if now > certificate.not_after() {
        return Err(PathError::Expired { subject: subject(), not_after: certificate.not_after(), now });
    }
    Ok(())
}

fn check_key(certificate: &Certificate, leniency: Leniency) -> Result<(), PathError> {
    let strong = match certificate.key_kind() {
        KeyKind::Rsa { bits } => bits >= 2048,
        KeyKind::Ec { curve, bits } => bits >= 256 && curve != "explicit",
        KeyKind::Ed25519 | KeyKind::Ed448 | KeyKind::X25519 | KeyKind::X448 => true,
        KeyKind::Dsa { .. } | KeyKind::Other => false,
    };
    if strong || leniency == Leniency::AllowLegacy {
        return Ok(());
    }
    Err(PathError::WeakKey { subject: certificate.subject().to_owned(), key: certificate.key_kind() })
}

fn check_signature_kind(certificate: &Certificate, leniency: Leniency) -> Result<(), PathError> {
    if certificate.signature_kind() == SignatureKind::Strong || leniency == Leniency::AllowLegacy {
        return Ok(());
    }
    Err(PathError::WeakSignature { subject: certificate.subject().to_owned() })
}

/// basicConstraints and keyUsage of an issuer. An anchor of version 1 has neither and is an authority by being trusted.
fn check_authority(issuer: &Certificate, is_anchor: bool) -> Result<(), PathError> {
    const VERSION_1: i32 = 0;
    let usage_allows = issuer.key_usage().is_none_or(|usage| usage.contains(X509KeyUsage::KEY_CERT_SIGN));
    let may_issue = match issuer.basic_constraints() {
        Some(constraints) => constraints.ca,
        None => is_anchor && (issuer.x509().version() == VERSION_1 || issuer.key_usage().is_some()),
    };
    if may_issue && usage_allows {
        return Ok(());
    }
    Err(PathError::NotAnAuthority { subject: issuer.subject().to_owned() })
}

/// pathLenConstraint (RFC 5280 §4.2.1.9): authorities between it and the end, those issued to themselves not counted.
fn check_length(path: &[Certificate], issuer: &Certificate) -> Result<(), PathError> {
    let subject = || issuer.subject().to_owned();
    if path.len() + 1 > LENGTH_MAX {
        return Err(PathError::PathTooLong { subject: subject(), limit: LENGTH_MAX - 2, came: path.len() - 1 });
    }
    let below = path.iter().skip(1).filter(|certificate| !certificate.is_self_issued()).count();
    match issuer.basic_constraints().and_then(|constraints| constraints.path_length) {
        Some(limit) if below > limit as usize => {
            Err(PathError::PathTooLong { subject: subject(), limit: limit as usize, came: below })
        }
        _ => Ok(()),
    }
}

/// keyUsage and extendedKeyUsage of the end (RFC 5280 §4.2.1.3, §4.2.1.12). What is absent allows everything.
fn check_use(certificate: &Certificate, purpose: Use) -> Result<(), PathError> {
    use X509ExtendedKeyUsage as Extended;
    use X509KeyUsage as Usage;
    let usage = match purpose {
        Use::TlsServer => Usage::DIGITAL_SIGNATURE | Usage::KEY_ENCIPHERMENT | Usage::KEY_AGREEMENT,
        Use::TlsClient => Usage::DIGITAL_SIGNATURE | Usage::KEY_AGREEMENT,
        Use::Sign => Usage::DIGITAL_SIGNATURE | Usage::NON_REPUDIATION,
        Use::Encrypt => Usage::KEY_ENCIPHERMENT | Usage::DATA_ENCIPHERMENT | Usage::KEY_AGREEMENT,
        Use::Any => Usage::all(),
    };
    let usage_allows = purpose == Use::Any || certificate.key_usage().is_none_or(|found| found.intersects(usage));
    let extended_allows = certificate.extended_key_usage().is_none_or(|found| match purpose {
        Use::TlsServer => found.intersects(Extended::SSL_SERVER | Extended::ANYEKU),
        Use::TlsClient => found.intersects(Extended::SSL_CLIENT | Extended::ANYEKU),
        // No extended key usage stands for messages in XML; one that names only another kind of signer is another signer.
        Use::Sign => found.is_empty() || !(Extended::OCSP_SIGN | Extended::TIMESTAMP).contains(found),
        Use::Encrypt | Use::Any => true,
    });
    let key_can = match certificate.key_kind() {
        KeyKind::X25519 | KeyKind::X448 => matches!(purpose, Use::Encrypt | Use::Any),
        KeyKind::Ed25519 | KeyKind::Ed448 | KeyKind::Dsa { .. } => purpose != Use::Encrypt,
        _ => true,
    };
    if usage_allows && extended_allows && key_can {
        return Ok(());
    }
    Err(PathError::WrongUse { subject: certificate.subject().to_owned(), purpose, allows: allowed(certificate) })
}

/// The uses that a certificate names, as RFC 5280 spells them.
fn allowed(certificate: &Certificate) -> String {
    let mut names: Vec<String> = Vec::new();
    const USAGES: &[(X509KeyUsage, &str)] = &[
        (X509KeyUsage::DIGITAL_SIGNATURE, "digitalSignature"),
        (X509KeyUsage::NON_REPUDIATION, "nonRepudiation"),
        (X509KeyUsage::KEY_ENCIPHERMENT, "keyEncipherment"),
        (X509KeyUsage::DATA_ENCIPHERMENT, "dataEncipherment"),
        (X509KeyUsage::KEY_AGREEMENT, "keyAgreement"),
        (X509KeyUsage::KEY_CERT_SIGN, "keyCertSign"),
        (X509KeyUsage::CRL_SIGN, "cRLSign"),
    ];
    const EXTENDED: &[(X509ExtendedKeyUsage, &str)] = &[
        (X509ExtendedKeyUsage::SSL_SERVER, "serverAuth"),
        (X509ExtendedKeyUsage::SSL_CLIENT, "clientAuth"),
        (X509ExtendedKeyUsage::SMIME, "emailProtection"),
        (X509ExtendedKeyUsage::CODE_SIGN, "codeSigning"),
        (X509ExtendedKeyUsage::OCSP_SIGN, "OCSPSigning"),
        (X509ExtendedKeyUsage::TIMESTAMP, "timeStamping"),
        (X509ExtendedKeyUsage::ANYEKU, "anyExtendedKeyUsage"),
    ];
    if let Some(usage) = certificate.key_usage() {
        names.extend(USAGES.iter().filter(|(flag, _)| usage.contains(*flag)).map(|(_, name)| (*name).to_owned()));
    }
    if let Some(usage) = certificate.extended_key_usage() {
        names.extend(EXTENDED.iter().filter(|(flag, _)| usage.contains(*flag)).map(|(_, name)| (*name).to_owned()));
    }
    if names.is_empty() { format!("what a key of kind {} can", certificate.key_kind()) } else { names.join(", ") }
}

/// Names of the uses a certificate allows, for people.
pub fn uses(certificate: &Certificate) -> Vec<&'static str> {
    let all = [Use::TlsServer, Use::TlsClient, Use::Sign, Use::Encrypt];
    all.into_iter().filter(|purpose| check_use(certificate, *purpose).is_ok()).map(Use::as_str).collect()
}

#[derive(Default)]
struct RevocationOutcome {
    good_until: Option<Timestamp>,
    unlisted: Vec<String>,
}

/// Looks up every certificate below the anchor in the lists of the one above it.
fn check_revocation(
    trust: &TrustAnchors,
    path: &[Certificate],
    now: Timestamp,
) -> Result<RevocationOutcome, PathError> {
    let mut outcome = RevocationOutcome::default();
    for (certificate, issuer) in path.iter().zip(path.iter().skip(1)) {
        let may_sign_lists = issuer.key_usage().is_none_or(|usage| usage.contains(X509KeyUsage::CRL_SIGN));
        let lists: Vec<&Crl> = trust.crls.iter().filter(|crl| may_sign_lists && crl.is_of(issuer)).collect();
        for crl in &lists {
            if let Verdict::Revoked { at, reason } = crl.verdict(certificate) {
                return Err(PathError::Revoked { subject: certificate.subject().to_owned(), at, reason });
            }
        }
        let newest = lists.iter().filter(|crl| crl.this_update() <= now).max_by_key(|crl| crl.this_update());
        let (subject, named) = (certificate.subject().to_owned(), issuer.subject().to_owned());
        let Some(newest) = newest else {
            if trust.revocation.required {
                return Err(PathError::RevocationUnknown { subject, issuer: named });
            }
            outcome.unlisted.push(subject);
            continue;
        };
        let Some(next_update) = newest.next_update() else { continue };
        let grace = SignedDuration::try_from(trust.revocation.grace).unwrap_or(SignedDuration::MAX);
        let ends = next_update.saturating_add(grace).unwrap_or(Timestamp::MAX);
        if now <= ends {
            outcome.good_until = Some(outcome.good_until.map_or(ends, |until| until.min(ends)));
        } else if trust.revocation.required {
            return Err(PathError::RevocationStale { subject, issuer: named, next_update, now });
        } else {
            outcome.unlisted.push(subject);
        }
    }
    Ok(outcome)
}

/// OpenSSL's verdict on exactly this path: its last certificate trusted, the others offered. Times were checked above, to
/// the second that OpenSSL counts as over already.
fn second_opinion(path: &[Certificate]) -> Result<(), PathError> {
    let failed = |_| PathError::Refused { subject: String::new(), reason: "OpenSSL cannot check the path".to_owned() };
    let (Some(first), Some(anchor)) = (path.first(), path.last()) else { return Ok(()) };
    let mut parameters = X509VerifyParam::new().map_err(failed)?;
    parameters.set_flags(X509VerifyFlags::PARTIAL_CHAIN | X509VerifyFlags::NO_CHECK_TIME).map_err(failed)?;
    parameters.set_depth(i32::try_from(LENGTH_MAX).expect("a small number"));
    let mut store = X509StoreBuilder::new().map_err(failed)?;
    store.add_cert(anchor.x509().clone()).map_err(failed)?;
    store.set_param(&parameters).map_err(failed)?;
    let mut offered = Stack::new().map_err(failed)?;
    for certificate in path.iter().skip(1) {
        offered.push(certificate.x509().clone()).map_err(failed)?;
    }
    let mut context = X509StoreContext::new().map_err(failed)?;
    let verdict = context.init(&store.build(), first.x509(), &offered, |context| {
        let good = context.verify_cert()?;
        Ok((good, context.error(), context.error_depth()))
    });
    drop(ErrorStack::get());
    match verdict.map_err(failed)? {
        (true, X509VerifyResult::OK, _) => Ok(()),
        (_, error, depth) => {
            let subject = path.get(depth as usize).unwrap_or(first).subject().to_owned();
            Err(PathError::Refused { subject, reason: error.error_string().to_owned() })
        }
    }
}
