//! A certificate authority for development and tests. What it issues is for loopback and fixtures, never for `prod`.

use jiff::{SignedDuration, Timestamp};
use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::BigNum;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKeyRef, Private};
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, CrlNumber, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName,
    SubjectKeyIdentifier,
};
use openssl::x509::{X509Builder, X509CrlBuilder, X509Extension, X509Name, X509NameRef, X509Ref, X509RevokedBuilder};

use super::cert::{Certificate, KeyKind};
use super::error::{Doing, Error};
use super::key::PrivateKey;
use super::revocation::Crl;
use super::trust::Use;

/// An authority with its key.
pub struct DevCa {
    certificate: Certificate,
    key: PrivateKey,
}

/// What to issue.
#[derive(Clone, Debug)]
pub struct Issue {
    /// commonName.
    pub common_name: String,
    /// organizationName.
    pub organization: Option<String>,
    /// countryName: two letters.
    pub country: Option<String>,
    /// Uses; several may stand in one certificate.
    pub uses: Vec<Use>,
    /// DNS names and IP addresses of subjectAltName, told by their form.
    pub names: Vec<String>,
    /// First moment of validity.
    pub not_before: Timestamp,
    /// Last moment of validity.
    pub not_after: Timestamp,
    /// The serial number; `None` takes 128 random bits.
    pub serial: Option<u64>,
}

impl Issue {
    /// A certificate of this name for these uses, valid from one hour before `now` for `days`.
    #[must_use]
    pub fn new(common_name: impl Into<String>, uses: &[Use], now: Timestamp, days: i64) -> Self {
        Self {
            common_name: common_name.into(),
            organization: None,
            country: None,
            uses: uses.to_vec(),
            names: Vec::new(),
            // Clocks of two machines differ; a certificate made here must be valid there at once.
            not_before: now.saturating_add(SignedDuration::from_hours(-1)).unwrap_or(now),
            not_after: now.saturating_add(SignedDuration::from_hours(24 * days)).unwrap_or(Timestamp::MAX),
            serial: None,
        }
    }

    /// With subjectAltNames: DNS names and IP addresses.
    #[must_use]
    pub fn names<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.names = names.into_iter().map(Into::into).collect();
        self
    }

    /// With organizationName.
    #[must_use]
    pub fn organization(mut self, organization: impl Into<String>) -> Self {
        self.organization = Some(organization.into());
        self
    }

    /// With countryName.
    #[must_use]
    pub fn country(mut self, country: impl Into<String>) -> Self {
        self.country = Some(country.into());
        self
    }

    /// With this validity.
    #[must_use]
    pub fn validity(mut self, not_before: Timestamp, not_after: Timestamp) -> Self {
        self.not_before = not_before;
        self.not_after = not_after;
        self
    }

    /// With this serial number.
    #[must_use]
    pub fn serial(mut self, serial: u64) -> Self {
        self.serial = Some(serial);
        self
    }
}

impl DevCa {
    /// Makes an authority: a self-signed certificate over a new key. `issue.uses` and `issue.names` do not matter.
    ///
    /// # Errors
    /// [`Error::Issue`], [`Error::OpenSsl`].
    pub fn create(issue: &Issue, key: PrivateKey) -> Result<Self, Error> {
        let name = subject(issue)?;
        let mut builder = start(issue, &name, &name, key.pkey())?;
        append_authority(&mut builder, None)?;
        append_identifiers(&mut builder, None)?;
        let certificate = finish(builder, key.pkey())?;
        Ok(Self { certificate, key })
    }

    /// Takes over an authority that was made before.
    ///
    /// # Errors
    /// [`Error::KeyMismatch`] when key and certificate do not belong together.
    pub fn from_parts(certificate: Certificate, key: PrivateKey) -> Result<Self, Error> {
        if !key.belongs_to(&certificate) {
            return Err(Error::KeyMismatch { subject: certificate.subject().to_owned() });
        }
        Ok(Self { certificate, key })
    }

    /// Its certificate.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Its key.
    #[must_use]
    pub fn key(&self) -> &PrivateKey {
        &self.key
    }

    /// Issues a certificate over the public half of `key`.
    ///
    /// # Errors
    /// [`Error::Issue`], [`Error::OpenSsl`].
    pub fn issue(&self, issue: &Issue, key: &PrivateKey) -> Result<Certificate, Error> {
        let own = self.certificate.x509();
        let name = subject(issue)?;
        let mut builder = start(issue, &name, own.subject_name(), key.pkey())?;
        let constraints = BasicConstraints::new().critical().build().doing("write basicConstraints")?;
        builder.append_extension(constraints).doing("write basicConstraints")?;
        append_usage(&mut builder, &issue.uses, key.kind())?;
        append_names(&mut builder, &issue.names, own)?;
        append_identifiers(&mut builder, Some(own))?;
        finish(builder, self.key.pkey())
    }

    /// Issues a subordinate authority; at most `path_length` authorities may stand below it.
    ///
    /// # Errors
    /// [`Error::Issue`], [`Error::OpenSsl`].
    pub fn issue_authority(&self, issue: &Issue, key: PrivateKey, path_length: Option<u32>) -> Result<Self, Error> {
        let own = self.certificate.x509();
        let name = subject(issue)?;
        let mut builder = start(issue, &name, own.subject_name(), key.pkey())?;
        append_authority(&mut builder, path_length)?;
        append_identifiers(&mut builder, Some(own))?;
        let certificate = finish(builder, self.key.pkey())?;
        Ok(Self { certificate, key })
    }

    /// Makes a revocation list of these certificates, revoked at `revoked_at`, and of all that `previous` revokes.
    ///
    /// # Errors
    /// [`Error::OpenSsl`].
    pub fn revoke(
        &self,
        previous: Option<&Crl>,
        revoked: &[&Certificate],
        revoked_at: Timestamp,
        this_update: Timestamp,
        next_update: Timestamp,
    ) -> Result<Crl, Error> {
        let doing = "write revocation list";
        let mut builder = X509CrlBuilder::new().doing(doing)?;
        builder.set_issuer_name(self.certificate.x509().subject_name()).doing(doing)?;
        builder.set_last_update(&*asn1_time(this_update)?).doing(doing)?;
        builder.set_next_update(&*asn1_time(next_update)?).doing(doing)?;
        for extension in self.list_extensions().doing(doing)? {
            builder.append_extension(extension).doing(doing)?;
        }
        let known = |certificate: &Certificate| previous.is_some_and(|list| list.lists(certificate));
        for entry in previous.into_iter().flat_map(Crl::entries) {
            builder.add_revoked(entry.to_owned().doing(doing)?).doing(doing)?;
        }
        for certificate in revoked.iter().filter(|certificate| !known(certificate)) {
            let mut entry = X509RevokedBuilder::new().doing(doing)?;
            entry.set_serial_number(certificate.x509().serial_number()).doing(doing)?;
            entry.set_revocation_date(&*asn1_time(revoked_at)?).doing(doing)?;
            builder.add_revoked(entry.build()).doing(doing)?;
        }
        builder.sort().doing(doing)?;
        builder.sign(self.key.pkey(), signature_digest(self.key.pkey())).doing(doing)?;
        let crl = builder.build().doing(doing)?;
        let mut read = Crl::from_octets(&crl.to_der().doing(doing)?)?;
        read.pop().ok_or(Error::NotACrl)
    }

    /// authorityKeyIdentifier and cRLNumber (RFC 5280 §5.2.1, §5.2.3).
    fn list_extensions(&self) -> Result<[X509Extension; 2], ErrorStack> {
        let context = X509Builder::new()?;
        let context = context.x509v3_context(Some(self.certificate.x509()), None);
        let authority = AuthorityKeyIdentifier::new().keyid(true).build(&context)?;
        Ok([authority, CrlNumber::new(BigNum::from_u32(1)?)?.build()?])
    }
}

fn subject(issue: &Issue) -> Result<X509Name, Error> {
    let doing = "write subject";
    if issue.common_name.trim().is_empty() {
        return Err(Error::Issue { reason: "the common name is empty".to_owned() });
    }
    let mut name = X509Name::builder().doing(doing)?;
    if let Some(country) = &issue.country {
        name.append_entry_by_nid(Nid::COUNTRYNAME, country).doing(doing)?;
    }
    if let Some(organization) = &issue.organization {
        name.append_entry_by_nid(Nid::ORGANIZATIONNAME, organization).doing(doing)?;
    }
    name.append_entry_by_nid(Nid::COMMONNAME, &issue.common_name).doing(doing)?;
    Ok(name.build())
}

/// What every certificate has: version 3, serial, names, validity, key.
fn start(
    issue: &Issue,
    subject: &X509NameRef,
    issuer: &X509NameRef,
    key: &PKeyRef<Private>,
) -> Result<X509Builder, Error> {
    let doing = "write certificate";
    let mut builder = X509Builder::new().doing(doing)?;
    builder.set_version(2).doing(doing)?;
    builder.set_serial_number(&*serial(issue)?).doing(doing)?;
    builder.set_subject_name(subject).doing(doing)?;
    builder.set_issuer_name(issuer).doing(doing)?;
    builder.set_not_before(&*asn1_time(issue.not_before)?).doing(doing)?;
    builder.set_not_after(&*asn1_time(issue.not_after)?).doing(doing)?;
    builder.set_pubkey(key).doing(doing)?;
    Ok(builder)
}

/// A positive serial number (RFC 5280 §4.1.2.2).
fn serial(issue: &Issue) -> Result<Asn1Integer, Error> {
    let doing = "write serial number";
    let mut octets = [0; 16];
    match issue.serial {
        Some(serial) => octets[8..].copy_from_slice(&serial.to_be_bytes()),
        None => openssl::rand::rand_bytes(&mut octets).doing(doing)?,
    }
    octets[0] &= 0x7f;
    BigNum::from_slice(&octets).and_then(|number| number.to_asn1_integer()).doing(doing)
}

fn append_authority(builder: &mut X509Builder, path_length: Option<u32>) -> Result<(), Error> {
    let doing = "write extensions of an authority";
    let mut constraints = BasicConstraints::new();
    constraints.critical().ca();
    if let Some(length) = path_length {
        constraints.pathlen(length);
    }
    builder.append_extension(constraints.build().doing(doing)?).doing(doing)?;
    let usage = KeyUsage::new().critical().key_cert_sign().crl_sign().build().doing(doing)?;
    builder.append_extension(usage).doing(doing)
}

/// keyUsage and extendedKeyUsage for the uses asked for.
fn append_usage(builder: &mut X509Builder, uses: &[Use], key: KeyKind) -> Result<(), Error> {
    let doing = "write key usage";
    let mut usage = KeyUsage::new();
    usage.critical();
    let mut extended = ExtendedKeyUsage::new();
    let agrees = matches!(key, KeyKind::Ec { .. } | KeyKind::X25519 | KeyKind::X448);
    for purpose in uses {
        match purpose {
            Use::TlsServer => {
                usage.digital_signature();
                extended.server_auth();
            }
            Use::TlsClient => {
                usage.digital_signature();
                extended.client_auth();
            }
            Use::Sign => {
                usage.digital_signature().non_repudiation();
            }
            Use::Encrypt if agrees => {
                usage.key_agreement();
            }
            Use::Encrypt => {
                usage.key_encipherment();
            }
            Use::Any => {}
        }
    }
    if uses.iter().any(|purpose| *purpose != Use::Any) {
        builder.append_extension(usage.build().doing(doing)?).doing(doing)?;
    }
    if uses.iter().any(|purpose| matches!(purpose, Use::TlsServer | Use::TlsClient)) {
        builder.append_extension(extended.build().doing(doing)?).doing(doing)?;
    }
    Ok(())
}

fn append_names(builder: &mut X509Builder, names: &[String], issuer: &X509Ref) -> Result<(), Error> {
    let doing = "write subjectAltName";
    if names.is_empty() {
        return Ok(());
    }
    let mut alternatives = SubjectAlternativeName::new();
    for name in names {
        if name.parse::<std::net::IpAddr>().is_ok() {
            alternatives.ip(name)
        } else {
            alternatives.dns(name)
        };
    }
    let extension = alternatives.build(&builder.x509v3_context(Some(issuer), None)).doing(doing)?;
    builder.append_extension(extension).doing(doing)
}

/// subjectKeyIdentifier, and authorityKeyIdentifier where somebody else issues.
fn append_identifiers(builder: &mut X509Builder, issuer: Option<&X509Ref>) -> Result<(), Error> {
    let doing = "write key identifiers";
    let subject = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None)).doing(doing)?;
    builder.append_extension(subject).doing(doing)?;
    let Some(issuer) = issuer else { return Ok(()) };
    let context = builder.x509v3_context(Some(issuer), None);
    let authority = AuthorityKeyIdentifier::new().keyid(true).build(&context).doing(doing)?;
    builder.append_extension(authority).doing(doing)
}

fn finish(mut builder: X509Builder, key: &PKeyRef<Private>) -> Result<Certificate, Error> {
    builder.sign(key, signature_digest(key)).doing("sign certificate")?;
    Certificate::from_x509(builder.build())
}

/// SHA-256, except for Edwards curves, which bring their own.
fn signature_digest(key: &PKeyRef<Private>) -> MessageDigest {
    if matches!(key.id(), Id::ED25519 | Id::ED448) { MessageDigest::null() } else { MessageDigest::sha256() }
}

fn asn1_time(time: Timestamp) -> Result<Asn1Time, Error> {
    Asn1Time::from_unix(time.as_second()).doing("write time")
}
