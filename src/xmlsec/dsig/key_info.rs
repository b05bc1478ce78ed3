//! `ds:KeyInfo` (XML Signature 1.1 §4.5): what a document says about a key. Nothing here is trusted; that is for
//! [`super::resolve`].

use openssl::pkey::{PKey, Public};

use super::error::Error;
use super::key_value;
use super::transform::Transform;
use super::x509_data::X509Data;
use crate::xml::{Document, NodeId, ns};
use crate::xmlsec::policy::Policy;
use crate::xmlsec::read::{self, BadStructure};

/// Namespace of `ds:KeyInfo` children in XML Encryption 1.1.
const WSSE: &str = ns::WSSE;

/// A `ds:KeyInfo`.
#[derive(Clone, Debug)]
pub struct KeyInfo {
    /// The element.
    pub node: NodeId,
    /// Its children, in order.
    pub items: Vec<KeyInfoItem>,
}

/// A child of `ds:KeyInfo`.
#[derive(Clone, Debug)]
pub enum KeyInfoItem {
    /// `ds:KeyName`.
    KeyName(String),
    /// `ds:KeyValue`; read by [`KeyInfoItem::public_key`].
    KeyValue(NodeId),
    /// `dsig11:DEREncodedKeyValue`: a SubjectPublicKeyInfo.
    DerEncodedKeyValue(Vec<u8>),
    /// `ds:X509Data`.
    X509Data(X509Data),
    /// `ds:RetrievalMethod`.
    RetrievalMethod(RetrievalMethod),
    /// `dsig11:KeyInfoReference` with its URI.
    KeyInfoReference(String),
    /// `wsse:SecurityTokenReference`.
    SecurityTokenReference(NodeId),
    /// `xenc:EncryptedKey`.
    EncryptedKey(NodeId),
    /// `xenc:AgreementMethod`.
    AgreementMethod(NodeId),
    /// Anything else, which nobody here reads: PGPData, SPKIData, extensions.
    Other(NodeId),
}

/// `ds:RetrievalMethod` (§4.5.3).
#[derive(Clone, Debug)]
pub struct RetrievalMethod {
    /// Where the key information is.
    pub uri: String,
    /// What it is.
    pub type_uri: Option<String>,
    /// What is done with it first.
    pub transforms: Vec<Transform>,
}

impl KeyInfo {
    /// Reads the `ds:KeyInfo` at `node`.
    ///
    /// # Errors
    /// [`Error::Structure`], [`Error::Refused`], [`Error::Limit`].
    pub fn parse(document: &Document, node: NodeId, policy: &Policy) -> Result<Self, Error> {
        let mut items = Vec::new();
        for child in document.elements(node) {
            if items.len() >= policy.certificates_max.max(32) {
                return Err(Error::Limit { what: "children of KeyInfo", limit: 32, at: document.position(node) });
            }
            items.push(KeyInfoItem::parse(document, child, policy)?);
        }
        Ok(Self { node, items })
    }
}

impl KeyInfoItem {
    /// Reads one child of `ds:KeyInfo`, or an element that a `ds:RetrievalMethod` led to.
    ///
    /// # Errors
    /// As [`KeyInfo::parse`].
    pub fn parse(document: &Document, node: NodeId, policy: &Policy) -> Result<Self, Error> {
        Ok(match (document.ns(node), document.local(node)) {
            (ns::DS, "KeyName") => Self::KeyName(read::leaf(document, node)?.trim().to_owned()),
            (ns::DS, "KeyValue") => Self::KeyValue(node),
            (ns::DSIG11, "DEREncodedKeyValue") => Self::DerEncodedKeyValue(read::base64(document, node)?),
            (ns::DS, "X509Data") => Self::X509Data(X509Data::parse(document, node, policy)?),
            (ns::DS, "RetrievalMethod") => Self::RetrievalMethod(RetrievalMethod::parse(document, node, policy)?),
            (ns::DSIG11, "KeyInfoReference") => {
                let uri = document.attribute(node, "", "URI");
                let uri = uri.ok_or_else(|| BadStructure::new(document, node, "expected a URI attribute"))?;
                Self::KeyInfoReference(uri.to_owned())
            }
            (WSSE, "SecurityTokenReference") => Self::SecurityTokenReference(node),
            (ns::XENC, "EncryptedKey") => Self::EncryptedKey(node),
            (ns::XENC, "AgreementMethod") => Self::AgreementMethod(node),
            _ => Self::Other(node),
        })
    }

    /// The public key that `ds:KeyValue` or `dsig11:DEREncodedKeyValue` holds; none for the other forms.
    ///
    /// # Errors
    /// When its parts do not make a key.
    pub fn public_key(&self, document: &Document) -> Result<Option<PKey<Public>>, Error> {
        Ok(match self {
            Self::KeyValue(node) => Some(key_value::parse(document, *node)?),
            Self::DerEncodedKeyValue(der) => Some(PKey::public_key_from_der(der)?),
            _ => None,
        })
    }
}

impl RetrievalMethod {
    /// Reads the `ds:RetrievalMethod` at `node`.
    ///
    /// # Errors
    /// As [`KeyInfo::parse`].
    pub fn parse(document: &Document, node: NodeId, policy: &Policy) -> Result<Self, Error> {
        let uri = document.attribute(node, "", "URI").unwrap_or_default().to_owned();
        let type_uri = document.attribute(node, "", "Type").map(str::to_owned);
        let transforms = match read::elements(document, node)?.as_slice() {
            [] => Vec::new(),
            [only] if document.is(*only, ns::DS, "Transforms") => Transform::parse_all(document, *only, policy)?,
            _ => return Err(BadStructure::new(document, node, "expected at most one Transforms").into()),
        };
        Ok(Self { uri, type_uri, transforms })
    }
}
