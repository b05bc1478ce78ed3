//! X.509 certificates (RFC 5280 §4), parsed once.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use openssl::hash::MessageDigest;
use openssl::pkey::{Id, PKey, PKeyRef, Public};
use openssl::x509::{X509, X509ExtendedKeyUsage, X509KeyUsage, X509Ref};

use super::der::{self, Element, Reader, tag};
use super::error::{Doing, Error, read_file};
use super::name;

/// What the name of a development authority contains, whatever the case of its letters.
const DEVELOPMENT_MARK: &str = "development ca";

/// Certificates of one file that are read; a bundle of every public authority has about 150.
const CERTIFICATES_PER_FILE_MAX: usize = 1_000;

/// A certificate. Cheap to clone.
#[derive(Clone)]
pub struct Certificate {
    inner: Arc<Inner>,
}

struct Inner {
    x509: X509,
    der: Vec<u8>,
    subject: String,
    issuer: String,
    serial: Vec<u8>,
    serial_decimal: String,
    not_before: Timestamp,
    not_after: Timestamp,
    public_key: PKey<Public>,
    key_kind: KeyKind,
    signature: SignatureKind,
    sha1: [u8; 20],
    sha256: [u8; 32],
    basic_constraints: Option<BasicConstraints>,
    key_usage: Option<X509KeyUsage>,
    extended_key_usage: Option<X509ExtendedKeyUsage>,
}

/// `basicConstraints` (RFC 5280 §4.2.1.9).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct BasicConstraints {
    pub ca: bool,
    pub path_length: Option<u32>,
}

/// The kind of a key, with what decides its strength.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum KeyKind {
    /// RSA with a modulus of this many bits.
    Rsa {
        /// Bits of the modulus.
        bits: u32,
    },
    /// An elliptic curve over a prime field, by its name: `prime256v1`, `secp384r1`, `secp521r1`.
    Ec {
        /// OpenSSL's name of the curve; `explicit` where it has none.
        curve: &'static str,
        /// Bits of the field.
        bits: u32,
    },
    /// Ed25519 (RFC 8032).
    Ed25519,
    /// Ed448 (RFC 8032).
    Ed448,
    /// X25519 (RFC 7748): encryption only.
    X25519,
    /// X448 (RFC 7748): encryption only.
    X448,
    /// DSA with a modulus of this many bits.
    Dsa {
        /// Bits of the modulus.
        bits: u32,
    },
    /// Anything else.
    Other,
}

impl KeyKind {
    /// What kind of key this is.
    #[must_use]
    pub fn of<T: openssl::pkey::HasPublic>(key: &PKeyRef<T>) -> Self {
        match key.id() {
            Id::RSA | Id::RSA_PSS => Self::Rsa { bits: key.bits() },
            Id::EC => {
                let curve =
                    key.ec_key().ok().and_then(|ec| ec.group().curve_name()).and_then(|nid| nid.short_name().ok());
                Self::Ec { curve: curve.unwrap_or("explicit"), bits: key.bits() }
            }
            Id::ED25519 => Self::Ed25519,
            Id::ED448 => Self::Ed448,
            Id::X25519 => Self::X25519,
            Id::X448 => Self::X448,
            Id::DSA => Self::Dsa { bits: key.bits() },
            _ => Self::Other,
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa { bits } => write!(f, "RSA {bits}"),
            Self::Ec { curve: "prime256v1", .. } => f.write_str("EC P-256"),
            Self::Ec { curve: "secp384r1", .. } => f.write_str("EC P-384"),
            Self::Ec { curve: "secp521r1", .. } => f.write_str("EC P-521"),
            Self::Ec { curve, bits } => write!(f, "EC {curve} ({bits} bits)"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::Ed448 => f.write_str("Ed448"),
            Self::X25519 => f.write_str("X25519"),
            Self::X448 => f.write_str("X448"),
            Self::Dsa { bits } => write!(f, "DSA {bits}"),
            Self::Other => f.write_str("unknown key type"),
        }
    }
}

/// How a certificate is signed, as far as policy asks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SignatureKind {
    /// SHA-256, SHA-384, SHA-512, SHA-3 or an Edwards curve.
    Strong,
    /// SHA-1 or SHA-224.
    Sha1,
    /// MD5 or older.
    Md5,
    /// Not known here.
    Unknown,
}

impl Certificate {
    /// Reads one certificate in DER.
    ///
    /// # Errors
    /// [`Error::NotACertificate`] or [`Error::Malformed`].
    pub fn from_der(octets: &[u8]) -> Result<Self, Error> {
        let x509 = X509::from_der(octets).map_err(|_| Error::NotACertificate { came: looks_like(octets) })?;
        Self::from_x509(x509)
    }

    /// Takes over a certificate that OpenSSL has parsed.
    ///
    /// # Errors
    /// [`Error::Malformed`] when a part that is needed here cannot be read.
    pub fn from_x509(x509: X509) -> Result<Self, Error> {
        let der = x509.to_der().doing("encode certificate")?;
        let parts = Parts::read(&der)?;
        let public_key = x509.public_key().doing("read public key of certificate")?;
        let key_kind = KeyKind::of(&public_key);
        let serial_decimal = serial_decimal(&x509)?;
        let inner = Inner {
            sha1: digest(&x509, MessageDigest::sha1())?,
            sha256: digest(&x509, MessageDigest::sha256())?,
            key_usage: x509.key_usage(),
            extended_key_usage: x509.extended_key_usage(),
            signature: parts.signature,
            subject: parts.subject,
            issuer: parts.issuer,
            serial: parts.serial,
            serial_decimal,
            not_before: parts.not_before,
            not_after: parts.not_after,
            basic_constraints: parts.basic_constraints,
            public_key,
            key_kind,
            x509,
            der,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Reads every certificate of a PEM text, in its order; text between them is passed over.
    ///
    /// # Errors
    /// [`Error::NotACertificate`] when there is none.
    pub fn from_pem(octets: &[u8]) -> Result<Vec<Self>, Error> {
        let found = X509::stack_from_pem(octets).map_err(|_| Error::NotACertificate { came: looks_like(octets) })?;
        if found.is_empty() || found.len() > CERTIFICATES_PER_FILE_MAX {
            return Err(Error::NotACertificate { came: looks_like(octets) });
        }
        found.into_iter().map(Self::from_x509).collect()
    }

    /// Reads certificates in PEM (all of them) or DER (one), told by their content.
    ///
    /// # Errors
    /// [`Error::NotACertificate`], [`Error::Malformed`].
    pub fn from_octets(octets: &[u8]) -> Result<Vec<Self>, Error> {
        if is_pem(octets) { Self::from_pem(octets) } else { Ok(vec![Self::from_der(octets)?]) }
    }

    /// Reads a file of certificates: PEM (all of them) or DER (one).
    ///
    /// # Errors
    /// As [`Certificate::from_octets`], with the file's name.
    pub fn load(path: &Path) -> Result<Vec<Self>, Error> {
        Self::from_octets(&read_file(path)?).map_err(|error| error.in_file(path))
    }

    /// The DER text.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.inner.der
    }

    /// The PEM text.
    #[must_use]
    pub fn to_pem(&self) -> String {
        let pem = self.inner.x509.to_pem().expect("a parsed certificate can be written as PEM");
        String::from_utf8(pem).expect("PEM is ASCII")
    }

    /// OpenSSL's view.
    #[must_use]
    pub fn x509(&self) -> &X509 {
        &self.inner.x509
    }

    /// The subject as RFC 4514 text: `CN=KR sign,O=Korea Customs,C=KR`.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.inner.subject
    }

    /// Whether a development authority made it, or it is one: its name says so, as [`super::DevCa`] and `init` name them.
    /// Keys of such authorities lie about unguarded, those of this source tree for all the world to read; `prod` takes none.
    #[must_use]
    pub fn is_of_development(&self) -> bool {
        [self.subject(), self.issuer()].iter().any(|name| name.to_ascii_lowercase().contains(DEVELOPMENT_MARK))
    }

    /// The issuer as RFC 4514 text, as in `ds:X509IssuerName`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.inner.issuer
    }

    /// The serial number in decimal, as in `ds:X509SerialNumber`.
    #[must_use]
    pub fn serial_decimal(&self) -> &str {
        &self.inner.serial_decimal
    }

    /// The serial number in lower-case hexadecimal, without leading zero octets.
    #[must_use]
    pub fn serial_hex(&self) -> String {
        hex(&self.inner.serial)
    }

    /// The SubjectKeyIdentifier extension (RFC 5280 §4.2.1.2), as in `ds:X509SKI`.
    #[must_use]
    pub fn subject_key_identifier(&self) -> Option<&[u8]> {
        self.inner.x509.subject_key_id().map(openssl::asn1::Asn1OctetStringRef::as_slice)
    }

    /// The AuthorityKeyIdentifier's key identifier.
    #[must_use]
    pub fn authority_key_identifier(&self) -> Option<&[u8]> {
        self.inner.x509.authority_key_id().map(openssl::asn1::Asn1OctetStringRef::as_slice)
    }

    /// SHA-1 of the DER text, the `#ThumbprintSHA1` of WS-Security 1.1. An identifier, not a proof.
    #[must_use]
    pub fn thumbprint_sha1(&self) -> &[u8; 20] {
        &self.inner.sha1
    }

    /// SHA-256 of the DER text.
    #[must_use]
    pub fn thumbprint_sha256(&self) -> &[u8; 32] {
        &self.inner.sha256
    }

    /// SHA-256 of the DER text in lower-case hexadecimal: how people are told which certificate is meant.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        hex(&self.inner.sha256)
    }

    /// The first moment of validity.
    #[must_use]
    pub fn not_before(&self) -> Timestamp {
        self.inner.not_before
    }

    /// The last moment of validity.
    #[must_use]
    pub fn not_after(&self) -> Timestamp {
        self.inner.not_after
    }

    /// The kind and size of its key.
    #[must_use]
    pub fn key_kind(&self) -> KeyKind {
        self.inner.key_kind
    }

    /// How it is signed.
    #[must_use]
    pub fn signature_kind(&self) -> SignatureKind {
        self.inner.signature
    }

    /// Its public key.
    #[must_use]
    pub fn public_key(&self) -> &PKey<Public> {
        &self.inner.public_key
    }

    /// The keyUsage extension; `None` where it is absent, which allows every use.
    #[must_use]
    pub fn key_usage(&self) -> Option<X509KeyUsage> {
        self.inner.key_usage
    }

    /// The extendedKeyUsage extension; `None` where it is absent, which allows every use.
    #[must_use]
    pub fn extended_key_usage(&self) -> Option<X509ExtendedKeyUsage> {
        self.inner.extended_key_usage
    }

    /// Whether it may issue certificates (basicConstraints).
    #[must_use]
    pub fn is_authority(&self) -> bool {
        self.inner.basic_constraints.is_some_and(|constraints| constraints.ca)
    }

    /// Whether subject and issuer are the same.
    #[must_use]
    pub fn is_self_issued(&self) -> bool {
        same_name(self.inner.x509.subject_name(), self.inner.x509.issuer_name())
    }

    /// DNS names of subjectAltName.
    #[must_use]
    pub fn dns_names(&self) -> Vec<String> {
        let names = self.inner.x509.subject_alt_names();
        names.iter().flatten().filter_map(|name| name.dnsname().map(str::to_owned)).collect()
    }

    /// IP addresses of subjectAltName.
    #[must_use]
    pub fn ip_addresses(&self) -> Vec<IpAddr> {
        let names = self.inner.x509.subject_alt_names();
        names.iter().flatten().filter_map(|name| ip_address(name.ipaddress()?)).collect()
    }

    pub(crate) fn basic_constraints(&self) -> Option<BasicConstraints> {
        self.inner.basic_constraints
    }

    /// Whether `issuer` bears the name that this certificate says issued it.
    pub(crate) fn names_issuer(&self, issuer: &Certificate) -> bool {
        same_name(self.inner.x509.issuer_name(), issuer.inner.x509.subject_name())
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.inner.der == other.inner.der
    }
}

impl Eq for Certificate {}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("subject", &self.inner.subject)
            .field("issuer", &self.inner.issuer)
            .field("serial", &self.serial_hex())
            .field("not_after", &self.inner.not_after)
            .finish_non_exhaustive()
    }
}

/// What is read from the DER text itself.
struct Parts {
    subject: String,
    issuer: String,
    serial: Vec<u8>,
    not_before: Timestamp,
    not_after: Timestamp,
    signature: SignatureKind,
    basic_constraints: Option<BasicConstraints>,
}

impl Parts {
    /// `TBSCertificate` (RFC 5280 §4.1).
    fn read(octets: &[u8]) -> Result<Self, Error> {
        let certificate = Reader::new(octets, "certificate").expect(tag::SEQUENCE)?;
        let mut fields = certificate.inside("certificate");
        let mut tbs = fields.expect(tag::SEQUENCE)?.inside("TBSCertificate");
        let signature = signature_kind(&fields.expect(tag::SEQUENCE)?)?;
        tbs.optional(tag::CONTEXT_0)?;
        let serial = tbs.expect(tag::INTEGER)?;
        tbs.expect(tag::SEQUENCE)?;
        let issuer = name::rfc4514(&tbs.expect(tag::SEQUENCE)?)?;
        let mut validity = tbs.expect(tag::SEQUENCE)?.inside("validity");
        let (from, to) = (validity.any()?, validity.any()?);
        let not_before = der::time(&from).ok_or_else(|| validity.malformed())?;
        let not_after = der::time(&to).ok_or_else(|| validity.malformed())?;
        let subject = name::rfc4514(&tbs.expect(tag::SEQUENCE)?)?;
        tbs.expect(tag::SEQUENCE)?;
        let mut basic_constraints = None;
        while !tbs.is_empty() {
            let part = tbs.any()?;
            if part.tag == tag::CONTEXT_3 {
                basic_constraints = find_basic_constraints(&part)?;
            }
        }
        let serial = serial.content.iter().copied().skip_while(|octet| *octet == 0).collect();
        Ok(Self { subject, issuer, serial, not_before, not_after, signature, basic_constraints })
    }
}

fn find_basic_constraints(extensions: &Element<'_>) -> Result<Option<BasicConstraints>, Error> {
    const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
    let mut list = extensions.inside("extensions").expect(tag::SEQUENCE)?.inside("extensions");
    while !list.is_empty() {
        let mut extension = list.expect(tag::SEQUENCE)?.inside("extension");
        let kind = extension.expect(tag::OID)?;
        extension.optional(tag::BOOLEAN)?;
        let value = extension.expect(tag::OCTET_STRING)?;
        if kind.content == BASIC_CONSTRAINTS {
            let mut fields = value.inside("basicConstraints").expect(tag::SEQUENCE)?.inside("basicConstraints");
            let ca = fields
                .optional(tag::BOOLEAN)?
                .is_some_and(|flag| flag.content.first().is_some_and(|octet| *octet != 0));
            let path_length = match fields.optional(tag::INTEGER)? {
                Some(length)
                    if length.content.len() <= 4 && length.content.first().is_none_or(|octet| *octet < 0x80) =>
                {
                    Some(length.content.iter().fold(0u32, |sum, octet| (sum << 8) | u32::from(*octet)))
                }
                Some(_) => return Err(fields.malformed()),
                None => None,
            };
            return Ok(Some(BasicConstraints { ca, path_length }));
        }
    }
    Ok(None)
}

fn serial_decimal(x509: &X509Ref) -> Result<String, Error> {
    let number = x509.serial_number().to_bn().doing("read serial number")?;
    Ok(number.to_dec_str().doing("write serial number")?.to_string())
}

fn digest<const N: usize>(x509: &X509Ref, method: MessageDigest) -> Result<[u8; N], Error> {
    let digest = x509.digest(method).doing("digest certificate")?;
    Ok(digest[..].try_into().expect("the digest method has this length"))
}

/// How a certificate is signed, from its `signatureAlgorithm` (RFC 5280 §4.1.1.2, RFC 4055, RFC 5758, RFC 8410).
fn signature_kind(algorithm: &Element<'_>) -> Result<SignatureKind, Error> {
    let mut fields = algorithm.inside("signatureAlgorithm");
    let kind = fields.expect(tag::OID)?;
    Ok(match der::oid(kind.content).as_deref() {
        // sha256, sha384 and sha512 with RSA; ECDSA likewise; Ed25519, Ed448; DSA and SHA-3 of NIST's arc.
        Some("1.2.840.113549.1.1.11" | "1.2.840.113549.1.1.12" | "1.2.840.113549.1.1.13") => SignatureKind::Strong,
        Some("1.2.840.10045.4.3.2" | "1.2.840.10045.4.3.3" | "1.2.840.10045.4.3.4") => SignatureKind::Strong,
        Some("1.3.101.112" | "1.3.101.113") => SignatureKind::Strong,
        Some("2.16.840.1.101.3.4.3.1") => SignatureKind::Sha1,
        Some(oid) if oid.starts_with("2.16.840.1.101.3.4.3.") => SignatureKind::Strong,
        Some("1.2.840.113549.1.1.10") => pss_signature_kind(&mut fields)?,
        // sha1 and sha224 with RSA, ECDSA, DSA.
        Some("1.2.840.113549.1.1.5" | "1.3.14.3.2.29" | "1.2.840.113549.1.1.14") => SignatureKind::Sha1,
        Some("1.2.840.10045.4.1" | "1.2.840.10045.4.3.1" | "1.2.840.10040.4.3" | "1.3.14.3.2.27") => {
            SignatureKind::Sha1
        }
        Some("1.2.840.113549.1.1.2" | "1.2.840.113549.1.1.3" | "1.2.840.113549.1.1.4") => SignatureKind::Md5,
        _ => SignatureKind::Unknown,
    })
}

/// RSASSA-PSS names its digest in its parameters; left out, it is SHA-1 (RFC 4055 §3.1).
fn pss_signature_kind(fields: &mut Reader<'_>) -> Result<SignatureKind, Error> {
    let Some(parameters) = fields.optional(tag::SEQUENCE)? else { return Ok(SignatureKind::Sha1) };
    let Some(digest) = parameters.inside("RSASSA-PSS-params").optional(tag::CONTEXT_0)? else {
        return Ok(SignatureKind::Sha1);
    };
    let digest = digest.inside("hashAlgorithm").expect(tag::SEQUENCE)?.inside("hashAlgorithm").expect(tag::OID)?;
    Ok(match der::oid(digest.content).as_deref() {
        Some("2.16.840.1.101.3.4.2.1" | "2.16.840.1.101.3.4.2.2" | "2.16.840.1.101.3.4.2.3") => SignatureKind::Strong,
        Some("1.3.14.3.2.26" | "2.16.840.1.101.3.4.2.4") => SignatureKind::Sha1,
        _ => SignatureKind::Unknown,
    })
}

pub(crate) fn same_name(left: &openssl::x509::X509NameRef, right: &openssl::x509::X509NameRef) -> bool {
    left.try_cmp(right).is_ok_and(std::cmp::Ordering::is_eq)
}

fn ip_address(octets: &[u8]) -> Option<IpAddr> {
    match octets.len() {
        4 => <[u8; 4]>::try_from(octets).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(octets).ok().map(IpAddr::from),
        _ => None,
    }
}

pub(crate) fn is_pem(octets: &[u8]) -> bool {
    memchr::memmem::find(octets, b"-----BEGIN ").is_some()
}

/// What octets look like, for an error message.
pub(crate) fn looks_like(octets: &[u8]) -> &'static str {
    let contains = |text: &str| memchr::memmem::find(octets, text.as_bytes()).is_some();
    if octets.is_empty() {
        "an empty file"
    } else if contains("PRIVATE KEY-----") {
        "a private key"
    } else if contains("-----BEGIN X509 CRL-----") {
        "a revocation list"
    } else if contains("-----BEGIN CERTIFICATE REQUEST-----") {
        "a certificate request"
    } else if contains("PUBLIC KEY-----") {
        "a public key"
    } else if contains("-----BEGIN ") {
        "another kind of PEM"
    } else {
        "something else"
    }
}

pub(crate) fn hex(octets: &[u8]) -> String {
    use std::fmt::Write as _;
    octets.iter().fold(String::with_capacity(octets.len() * 2), |mut text, octet| {
        write!(text, "{octet:02x}").expect("writing to a string succeeds");
        text
    })
}
