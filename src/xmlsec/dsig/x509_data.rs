//! `ds:X509Data` (XML Signature 1.1 §4.5.4): certificates, and the ways to name one.

use openssl::bn::BigNum;
use openssl::x509::{X509, X509Crl, X509Ref};

use super::error::Error;
use super::name;
use crate::xml::{Document, NodeId, ns};
use crate::xmlsec::algorithm::Digest;
use crate::xmlsec::policy::Policy;
use crate::xmlsec::provider::digest;
use crate::xmlsec::read::{self, BadStructure};

/// A `ds:X509Data`.
#[derive(Clone, Debug, Default)]
pub struct X509Data {
    /// `ds:X509Certificate`, DER.
    pub certificates: Vec<Vec<u8>>,
    /// `ds:X509CRL`, DER.
    pub crls: Vec<Vec<u8>>,
    /// The ways in which it names the certificate.
    pub selectors: Vec<X509Selector>,
}

/// A way to name a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum X509Selector {
    /// `ds:X509SubjectName`, RFC 4514.
    SubjectName(String),
    /// `ds:X509IssuerSerial`.
    IssuerSerial {
        /// Issuer, RFC 4514.
        issuer: String,
        /// Serial number, decimal.
        serial: String,
    },
    /// `ds:X509SKI`: value of the SubjectKeyIdentifier extension.
    Ski(Vec<u8>),
    /// `dsig11:X509Digest` over the DER of the certificate.
    Digest {
        /// Hash function.
        method: Digest,
        /// Value.
        value: Vec<u8>,
    },
}

impl X509Data {
    /// Reads the `ds:X509Data` at `node`.
    ///
    /// # Errors
    /// [`Error::Structure`], [`Error::Refused`], [`Error::Limit`].
    pub fn parse(document: &Document, node: NodeId, policy: &Policy) -> Result<Self, Error> {
        let mut data = Self::default();
        for child in read::elements(document, node)? {
            match (document.ns(child), document.local(child)) {
                (ns::DS, "X509Certificate") => data.certificates.push(read::base64(document, child)?),
                (ns::DS, "X509CRL") => data.crls.push(read::base64(document, child)?),
                (ns::DS, "X509SubjectName") => {
                    data.selectors.push(X509Selector::SubjectName(read::leaf(document, child)?.into_owned()));
                }
                (ns::DS, "X509SKI") => data.selectors.push(X509Selector::Ski(read::base64(document, child)?)),
                (ns::DS, "X509IssuerSerial") => data.selectors.push(issuer_serial(document, child)?),
                (ns::DSIG11, "X509Digest") => {
                    let method = policy
                        .digest(read::algorithm(document, child)?)
                        .map_err(|refused| Error::refused(refused, document.position(child)))?;
                    data.selectors.push(X509Selector::Digest { method, value: read::base64(document, child)? });
                }
                // §4.5.4 lets other namespaces add children; they name nothing that is read here.
                _ => {}
            }
            let count = data.certificates.len() + data.crls.len() + data.selectors.len();
            if count > policy.certificates_max {
                let limit = policy.certificates_max;
                return Err(Error::Limit { what: "entries of X509Data", limit, at: document.position(node) });
            }
        }
        Ok(data)
    }

    /// The certificates, parsed; those that are none are left out.
    #[must_use]
    pub fn parsed_certificates(&self) -> Vec<X509> {
        self.certificates.iter().filter_map(|der| X509::from_der(der).ok()).collect()
    }

    /// The same, where `known` may have one of these very octets already: reading one costs twice as much as a signature.
    pub(super) fn certificates_or<'k>(&self, known: impl Fn(&[u8]) -> Option<&'k X509>) -> Vec<X509> {
        self.certificates.iter().filter_map(|der| known(der).cloned().or_else(|| X509::from_der(der).ok())).collect()
    }

    /// The CRLs, parsed.
    #[must_use]
    pub fn parsed_crls(&self) -> Vec<X509Crl> {
        self.crls.iter().filter_map(|der| X509Crl::from_der(der).ok()).collect()
    }

    /// Whether the selectors name `certificate`, or a chain that it belongs to: of each kind of selector that is there, one
    /// names it.
    #[must_use]
    pub fn selects(&self, certificate: &X509Ref) -> bool {
        let kinds = self.selectors.iter().map(std::mem::discriminant);
        !self.selectors.is_empty()
            && kinds.into_iter().all(|kind| {
                let mut alike = self.selectors.iter().filter(|other| std::mem::discriminant(*other) == kind);
                alike.any(|selector| selector.matches(certificate))
            })
    }
}

fn issuer_serial(document: &Document, node: NodeId) -> Result<X509Selector, Error> {
    let children = read::elements(document, node)?;
    let &[issuer, serial] = children.as_slice() else {
        return Err(BadStructure::new(document, node, "expected X509IssuerName and X509SerialNumber").into());
    };
    if !document.is(issuer, ns::DS, "X509IssuerName") || !document.is(serial, ns::DS, "X509SerialNumber") {
        return Err(BadStructure::new(document, node, "expected X509IssuerName and X509SerialNumber").into());
    }
    Ok(X509Selector::IssuerSerial {
        issuer: read::leaf(document, issuer)?.into_owned(),
        serial: read::leaf(document, serial)?.trim().to_owned(),
    })
}

impl X509Selector {
    /// Whether it names `certificate`.
    #[must_use]
    pub fn matches(&self, certificate: &X509Ref) -> bool {
        match self {
            Self::SubjectName(text) => name::matches(text, certificate.subject_name()),
            Self::IssuerSerial { issuer, serial } => {
                same_serial(serial, certificate) && name::matches(issuer, certificate.issuer_name())
            }
            Self::Ski(value) => certificate.subject_key_id().is_some_and(|ski| ski.as_slice() == value),
            Self::Digest { method, value } => certificate
                .to_der()
                .ok()
                .and_then(|der| digest::digest(*method, &der).ok())
                .is_some_and(|computed| computed[..] == value[..]),
        }
    }
}

/// Serial numbers compare as numbers: leading zeros and a plus sign do not matter.
fn same_serial(text: &str, certificate: &X509Ref) -> bool {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() || digits.len() > 64 || !digits.bytes().all(|octet| octet.is_ascii_digit()) {
        return false;
    }
    let Ok(mut number) = BigNum::from_dec_str(digits) else { return false };
    number.set_negative(negative);
    certificate.serial_number().to_bn().is_ok_and(|serial| serial == number)
}
