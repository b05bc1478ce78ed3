//! `wsse:SecurityTokenReference` (SMS 1.1 §7, X.509 Token Profile 1.1 §3.2) and the other pointers of a `ds:KeyInfo`.
//!
//! Every pointer is resolved strictly: a token must be a child of our Security header, an EncryptedKey too unless it
//! stands in the EncryptedData itself; what a pointer says of its target (ValueType, TokenType, EncodingType) must be so.

use super::policy::Profile;
use super::refusal::Reason;
use super::security_header::{SecurityHeader, base64, leaf};
use super::token::CertificateReference;
use crate::soap::envelope::clip;
use crate::xml::{Document, Kind, NodeId, ns};
use crate::xmlsec::dsig::IdIndex;

/// The beginning of the ValueTypes of the X.509 Token Profile.
const X509: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#";
/// The beginning of the ValueTypes of SOAP Message Security 1.1.
const SMS11: &str = "http://docs.oasis-open.org/wss/oasis-wss-soap-message-security-1.1#";
/// The only EncodingType.
pub(crate) const BASE64_BINARY: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary";
/// Type of a RetrievalMethod that points to an EncryptedKey.
pub(crate) const ENCRYPTED_KEY_TYPE: &str = "http://www.w3.org/2001/04/xmlenc#EncryptedKey";
/// `X509v3`.
pub(crate) const X509_V3: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3";
/// TokenType of a reference to an EncryptedKey.
pub(crate) const ENCRYPTED_KEY_TOKEN: &str =
    "http://docs.oasis-open.org/wss/oasis-wss-soap-message-security-1.1#EncryptedKey";

/// What a `ds:KeyInfo` points to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pointer {
    /// A BinarySecurityToken: in the Security header, or embedded in the reference.
    Token(NodeId),
    /// An EncryptedKey.
    EncryptedKey(NodeId),
    /// A certificate by one of its names.
    Name(CertificateName),
    /// A bare public key: the `ds:KeyValue` or `dsig11:DEREncodedKeyValue` element.
    KeyValue(NodeId),
    /// `ds:KeyName`.
    KeyName(String),
}

/// The names that a certificate goes by when it is not in the message, and the certificate itself where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateName {
    /// `ds:X509IssuerSerial`.
    IssuerSerial {
        /// Issuer as text.
        issuer: String,
        /// Serial number, decimal.
        serial: String,
    },
    /// SubjectKeyIdentifier.
    SubjectKeyIdentifier(Vec<u8>),
    /// SHA-1 over the certificate.
    ThumbprintSha1(Vec<u8>),
    /// The certificate, and others beside it.
    Der {
        /// The certificate that is meant.
        octets: Vec<u8>,
        /// The others.
        chain: Vec<Vec<u8>>,
    },
}

impl CertificateName {
    /// As a lookup takes it.
    #[must_use]
    pub fn as_reference(&self) -> CertificateReference<'_> {
        match self {
            Self::IssuerSerial { issuer, serial } => CertificateReference::IssuerSerial { issuer, serial },
            Self::SubjectKeyIdentifier(octets) => CertificateReference::SubjectKeyIdentifier { octets },
            Self::ThumbprintSha1(octets) => CertificateReference::ThumbprintSha1 { octets },
            Self::Der { octets, chain } => CertificateReference::Der { octets, chain },
        }
    }
}

/// What resolving needs to see.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub document: &'a Document,
    pub ids: &'a IdIndex,
    pub security: &'a SecurityHeader,
    pub profile: Profile,
}

/// Certificates in one X509Data or PKIPath at most.
const CERTIFICATES_MAX: usize = 8;

impl Scope<'_> {
    /// Reads a `ds:KeyInfo`: exactly one pointer in `serve`; in lenient files the first one that leads somewhere.
    pub(crate) fn key_info(&self, key_info: NodeId) -> Result<Pointer, Reason> {
        self.only(key_info, 1)?;
        let mut children = self.document.elements(key_info);
        let first = children.next().ok_or(Reason::Missing { what: "a child of KeyInfo" })?;
        let pointer = self.pointer(first);
        let Some(second) = children.next() else { return pointer };
        if self.profile == Profile::Serve {
            let what = "KeyInfo points twice; which key is meant is not decided here".to_owned();
            return Err(self.refused(second, what));
        }
        pointer.or_else(|error| {
            std::iter::once(second).chain(children).find_map(|child| self.pointer(child).ok()).ok_or(error)
        })
    }

    fn pointer(&self, child: NodeId) -> Result<Pointer, Reason> {
        let document = self.document;
        match (document.ns(child), document.local(child)) {
            (ns::WSSE, "SecurityTokenReference") => self.token_reference(child),
            (ns::DS, "X509Data") => self.x509_data(child).map(Pointer::Name),
            (ns::DS, "RetrievalMethod") => self.retrieval_method(child),
            (ns::XENC, "EncryptedKey") => Ok(Pointer::EncryptedKey(child)),
            (ns::DS, "KeyValue") | (ns::DSIG11, "DEREncodedKeyValue") => Ok(Pointer::KeyValue(child)),
            (ns::DS, "KeyName") => Ok(Pointer::KeyName(leaf(document, child, "KeyName")?.trim().to_owned())),
            (_, local) => Err(self.refused(child, format!("KeyInfo of the form {:?} is not taken", clip(local)))),
        }
    }

    /// Reads a `wsse:SecurityTokenReference`: exactly one way to a token.
    pub(crate) fn token_reference(&self, reference: NodeId) -> Result<Pointer, Reason> {
        self.only(reference, 1)?;
        let document = self.document;
        let token_type = document.attribute(reference, ns::WSSE11, "TokenType");
        let mut children = document.elements(reference);
        let child = children.next().ok_or(Reason::Missing { what: "a child of SecurityTokenReference" })?;
        if let Some(second) = children.next() {
            return Err(self.refused(second, "SecurityTokenReference points twice".to_owned()));
        }
        let pointer = match (document.ns(child), document.local(child)) {
            (ns::WSSE, "Reference") => self.direct(child)?,
            (ns::WSSE, "KeyIdentifier") => Pointer::Name(self.key_identifier(child)?),
            (ns::DS, "X509Data") => Pointer::Name(self.x509_data(child)?),
            (ns::WSSE, "Embedded") => self.embedded(child)?,
            (_, local) => {
                let what = format!("SecurityTokenReference of the form {:?} is not taken", clip(local));
                return Err(self.refused(child, what));
            }
        };
        self.check_token_type(reference, token_type, &pointer)?;
        Ok(pointer)
    }

    fn check_token_type(&self, reference: NodeId, stated: Option<&str>, pointer: &Pointer) -> Result<(), Reason> {
        let fits = match (stated, pointer) {
            (None, _) => true,
            (Some(ENCRYPTED_KEY_TOKEN), pointer) => matches!(pointer, Pointer::EncryptedKey(_)),
            (Some(stated), Pointer::Token(_) | Pointer::Name(_)) => stated.starts_with(X509),
            (Some(_), _) => false,
        };
        if fits { Ok(()) } else { Err(self.refused(reference, "TokenType says something else".to_owned())) }
    }

    fn direct(&self, reference: NodeId) -> Result<Pointer, Reason> {
        self.only(reference, 0)?;
        let document = self.document;
        let uri = document.attribute(reference, "", "URI").unwrap_or_default();
        let target = self.resolve("SecurityTokenReference", uri)?;
        let value_type = document.attribute(reference, "", "ValueType");
        if document.is(target, ns::WSSE, "BinarySecurityToken") && self.security.is_token(target) {
            let own = document.attribute(target, "", "ValueType");
            if value_type.is_some() && value_type != own {
                return Err(self.refused(reference, "ValueType differs from that of the token".to_owned()));
            }
            return Ok(Pointer::Token(target));
        }
        if document.is(target, ns::XENC, "EncryptedKey") && self.security.encrypted_keys.contains(&target) {
            if value_type.is_some_and(|value_type| value_type != ENCRYPTED_KEY_TOKEN) {
                return Err(self.refused(reference, "ValueType is not that of an EncryptedKey".to_owned()));
            }
            return Ok(Pointer::EncryptedKey(target));
        }
        Err(Reason::WrongTarget {
            what: "SecurityTokenReference",
            expected: "BinarySecurityToken or EncryptedKey in the Security header",
            came: clip(document.local(target)),
        })
    }

    fn embedded(&self, embedded: NodeId) -> Result<Pointer, Reason> {
        self.only(embedded, 1)?;
        let mut children = self.document.elements(embedded);
        match (children.next(), children.next()) {
            (Some(token), None) if self.document.is(token, ns::WSSE, "BinarySecurityToken") => {
                Ok(Pointer::Token(token))
            }
            _ => Err(self.refused(embedded, "Embedded holds something else than one BinarySecurityToken".to_owned())),
        }
    }

    fn key_identifier(&self, identifier: NodeId) -> Result<CertificateName, Reason> {
        let document = self.document;
        check_encoding(document, identifier)?;
        let octets = base64(document, identifier, "KeyIdentifier")?;
        let value_type = document.attribute(identifier, "", "ValueType").unwrap_or_default();
        match (value_type.strip_prefix(X509), value_type.strip_prefix(SMS11)) {
            (Some("X509SubjectKeyIdentifier"), _) => Ok(CertificateName::SubjectKeyIdentifier(octets)),
            (Some("X509v3"), _) => Ok(CertificateName::Der { octets, chain: Vec::new() }),
            (_, Some("ThumbprintSHA1")) => Ok(CertificateName::ThumbprintSha1(octets)),
            _ => Err(self.refused(identifier, format!("KeyIdentifier of type {:?} is not taken", clip(value_type)))),
        }
    }

    fn x509_data(&self, data: NodeId) -> Result<CertificateName, Reason> {
        self.only(data, 2 * CERTIFICATES_MAX)?;
        let document = self.document;
        let mut certificates = Vec::new();
        let mut name = None;
        for child in document.elements(data) {
            let repeated = || Reason::Repeated { what: "name in X509Data", at: document.position(child) };
            match (document.ns(child), document.local(child)) {
                (ns::DS, "X509Certificate") if certificates.len() < CERTIFICATES_MAX => {
                    certificates.push(base64(document, child, "X509Certificate")?);
                }
                (ns::DS, "X509IssuerSerial") if name.is_none() => name = Some(self.issuer_serial(child)?),
                (ns::DS, "X509SKI") if name.is_none() => {
                    name = Some(CertificateName::SubjectKeyIdentifier(base64(document, child, "X509SKI")?));
                }
                (ns::DS, "X509IssuerSerial" | "X509SKI" | "X509Certificate") => return Err(repeated()),
                // Beside a certificate these say nothing more; alone they are not enough.
                (ns::DS, "X509SubjectName") => {}
                (_, local) => return Err(self.refused(child, format!("X509Data with {:?} is not taken", clip(local)))),
            }
        }
        if certificates.is_empty() {
            return name.ok_or(Reason::Missing { what: "a certificate or its name in X509Data" });
        }
        // The names beside a certificate choose among several; the lookup compares what the chosen one says.
        certificate_with_chain(certificates, name.as_ref())
            .ok_or_else(|| self.refused(data, "X509Data names a certificate that it does not hold".to_owned()))
    }

    fn issuer_serial(&self, node: NodeId) -> Result<CertificateName, Reason> {
        self.only(node, 2)?;
        let document = self.document;
        let mut children = document.elements(node);
        let issuer = children.next().filter(|child| document.is(*child, ns::DS, "X509IssuerName"));
        let serial = children.next().filter(|child| document.is(*child, ns::DS, "X509SerialNumber"));
        let (Some(issuer), Some(serial), None) = (issuer, serial, children.next()) else {
            return Err(self.refused(node, "X509IssuerSerial is not an issuer and a serial number".to_owned()));
        };
        Ok(CertificateName::IssuerSerial {
            issuer: leaf(document, issuer, "X509IssuerName")?.trim().to_owned(),
            serial: leaf(document, serial, "X509SerialNumber")?.trim().to_owned(),
        })
    }

    fn retrieval_method(&self, method: NodeId) -> Result<Pointer, Reason> {
        self.only(method, 0)?;
        let document = self.document;
        if document.attribute(method, "", "Type") != Some(ENCRYPTED_KEY_TYPE) {
            return Err(self.refused(method, "RetrievalMethod is not for an EncryptedKey".to_owned()));
        }
        if document.elements(method).next().is_some() {
            return Err(self.refused(method, "RetrievalMethod with transforms is not taken".to_owned()));
        }
        let uri = document.attribute(method, "", "URI").unwrap_or_default();
        let target = self.resolve("RetrievalMethod", uri)?;
        if self.security.encrypted_keys.contains(&target) {
            return Ok(Pointer::EncryptedKey(target));
        }
        Err(Reason::WrongTarget {
            what: "RetrievalMethod",
            expected: "EncryptedKey in the Security header",
            came: clip(document.local(target)),
        })
    }

    /// In `serve`, `node` holds at most this many elements and no text: what nothing reads here could be read by another.
    pub(crate) fn only(&self, node: NodeId, elements_max: usize) -> Result<(), Reason> {
        if self.profile != Profile::Serve {
            return Ok(());
        }
        let document = self.document;
        let mut elements = 0;
        for child in document.children(node) {
            match document.kind(child) {
                Kind::Element if elements < elements_max => elements += 1,
                Kind::Text if document.text(child).trim_matches([' ', '\t', '\r', '\n']).is_empty() => {}
                _ => {
                    let what = format!("{:?} holds more than {elements_max} elements", clip(document.local(node)));
                    return Err(self.refused(child, what));
                }
            }
        }
        Ok(())
    }

    /// The one element that `#id` means.
    pub(crate) fn resolve(&self, what: &'static str, uri: &str) -> Result<NodeId, Reason> {
        let dangling = || Reason::Dangling { what, uri: clip(uri) };
        let id = uri.strip_prefix('#').filter(|id| !id.is_empty()).ok_or_else(dangling)?;
        self.ids.get(self.document, id).map_err(|_| dangling())
    }

    fn refused(&self, node: NodeId, what: String) -> Reason {
        Reason::Refused { what, at: self.document.position(node) }
    }
}

/// EncodingType, where it is given, is Base64Binary.
pub(crate) fn check_encoding(document: &Document, node: NodeId) -> Result<(), Reason> {
    match document.attribute(node, "", "EncodingType") {
        None | Some(BASE64_BINARY) => Ok(()),
        Some(other) => Err(Reason::Refused {
            what: format!("EncodingType {:?} is not taken", clip(other)),
            at: document.position(node),
        }),
    }
}

/// The certificate that `name` means among `certificates`; without a name the one that issued no other.
fn certificate_with_chain(mut certificates: Vec<Vec<u8>>, name: Option<&CertificateName>) -> Option<CertificateName> {
    let at = match (name, certificates.len()) {
        (None, 1) => 0,
        (Some(name), _) => certificates.iter().position(|der| super::token::is_named(der, name))?,
        (None, _) => super::token::end_entity(&certificates)?,
    };
    let octets = certificates.swap_remove(at);
    Some(CertificateName::Der { octets, chain: certificates })
}

/// The certificates of a BinarySecurityToken: the one that is meant first.
pub(crate) fn token_certificates(document: &Document, token: NodeId) -> Result<CertificateName, Reason> {
    check_encoding(document, token)?;
    let octets = base64(document, token, "BinarySecurityToken")?;
    let value_type = document.attribute(token, "", "ValueType").unwrap_or_default();
    let refused = |what: String| Reason::Refused { what, at: document.position(token) };
    match value_type.strip_prefix(X509) {
        Some("X509v3") => Ok(CertificateName::Der { octets, chain: Vec::new() }),
        Some("X509PKIPathv1") => super::token::pki_path(&octets)
            .filter(|path| path.len() <= CERTIFICATES_MAX)
            .and_then(|path| certificate_with_chain(path, None))
            .ok_or_else(|| refused("the token is not a PKIPath".to_owned())),
        _ => Err(refused(format!("BinarySecurityToken of type {:?} is not taken", clip(value_type)))),
    }
}
