//! `EncryptedData` and `EncryptedKey` as read: structure and algorithms checked against the policy before any key is
//! used (XML Encryption 1.1 §3).
//!
//! Refused: children out of order or unknown, an EncryptionMethod that is absent, a KeySize unlike the algorithm's,
//! text beside elements, comments inside values. EncryptionProperties are read over; they change nothing.

use super::Error;
use super::agreement::Agreement;
use super::element::{Children, algorithm, base64_leaf, hex, leaf, number_leaf, refused, structure};
use crate::base::limits;
use crate::xml::{Document, NodeId, ns};
use crate::xmlsec::algorithm::{Cipher, Digest, KeyTransport, KeyWrap, Level};
use crate::xmlsec::policy::{Policy, Refused, shortened};
use crate::xmlsec::provider::cipher::StreamParameters;

/// `Type` of an element.
pub const TYPE_ELEMENT: &str = "http://www.w3.org/2001/04/xmlenc#Element";
/// `Type` of element content.
pub const TYPE_CONTENT: &str = "http://www.w3.org/2001/04/xmlenc#Content";
/// `Type` of a RetrievalMethod to an EncryptedKey.
pub const TYPE_ENCRYPTED_KEY: &str = "http://www.w3.org/2001/04/xmlenc#EncryptedKey";
/// Namespace of the additions of RFC 9231 from 2021.
pub const XMLDSIG_MORE_2021: &str = "http://www.w3.org/2021/04/xmldsig-more#";
/// `DataReference` and `KeyReference` elements of one list.
const REFERENCE_LIST_MAX: usize = 1024;

/// What the clear text is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DataType {
    /// One element.
    Element,
    /// The content of an element: elements, text, nothing.
    Content,
    /// Anything else.
    Octets,
}

/// The cipher of an `EncryptedData`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DataMethod {
    /// Which one.
    pub cipher: Cipher,
    /// What the ChaCha20 ciphers write beside the URI.
    pub stream: StreamParameters,
}

/// How an `EncryptedKey` is closed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeyMethod {
    /// Under a symmetric key, known or agreed.
    Wrap(KeyWrap),
    /// Under an RSA key.
    Transport(Transport),
    /// Under a symmetric key with a cipher for data.
    Cipher(DataMethod),
}

/// Key transport with its parameters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transport {
    /// Which one.
    pub algorithm: KeyTransport,
    /// Digest of OAEP.
    pub digest: Digest,
    /// Digest of MGF1.
    pub mgf1: Digest,
    /// `OAEPparams`.
    pub label: Vec<u8>,
}

/// Where the cipher text is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CipherData {
    /// In this `CipherValue`.
    Value(NodeId),
    /// Behind this `CipherReference`.
    Reference {
        /// The element.
        node: NodeId,
        /// Its `URI`.
        uri: String,
        /// Its `Transforms`.
        transforms: Option<NodeId>,
    },
}

/// An `EncryptedData`, checked.
#[derive(Clone, Debug)]
pub struct EncryptedData {
    /// The element.
    pub node: NodeId,
    /// `Id`.
    pub id: Option<String>,
    /// What the clear text is.
    pub data_type: DataType,
    /// `MimeType`; advisory.
    pub mime_type: Option<String>,
    /// `Encoding`; advisory.
    pub encoding: Option<String>,
    /// The cipher.
    pub method: DataMethod,
    /// `ds:KeyInfo`.
    pub key_info: Option<NodeId>,
    /// Where the cipher text is.
    pub cipher_data: CipherData,
}

/// An `EncryptedKey`, checked.
#[derive(Clone, Debug)]
pub struct EncryptedKey {
    /// The element.
    pub node: NodeId,
    /// `Id`.
    pub id: Option<String>,
    /// `Recipient`; advisory.
    pub recipient: Option<String>,
    /// How it is closed.
    pub method: KeyMethod,
    /// `ds:KeyInfo`.
    pub key_info: Option<NodeId>,
    /// The agreement in its KeyInfo, if there is one.
    pub agreement: Option<Agreement>,
    /// Where the cipher text is.
    pub cipher_data: CipherData,
    /// URIs of its `ReferenceList`: what this key closes.
    pub references: Vec<String>,
    /// `CarriedKeyName`.
    pub carried_key_name: Option<String>,
}

impl DataMethod {
    /// `cipher` to close something with; the nonce that ChaCha20 writes beside the cipher text is fresh.
    ///
    /// # Errors
    /// [`Error::Provider`] when there is no randomness.
    pub fn fresh(cipher: Cipher) -> Result<Self, Error> {
        let mut stream = StreamParameters::default();
        if matches!(cipher, Cipher::ChaCha20 | Cipher::ChaCha20Poly1305) {
            stream.nonce = vec![0; 12];
            openssl::rand::rand_bytes(&mut stream.nonce).map_err(crate::xmlsec::provider::Error::from)?;
        }
        if cipher == Cipher::ChaCha20 {
            stream.counter = vec![1, 0, 0, 0];
        }
        Ok(Self { cipher, stream })
    }
}

impl EncryptedData {
    /// Reads and checks the `EncryptedData` at `node`.
    ///
    /// # Errors
    /// [`Error::Structure`], [`Error::Value`], [`Error::Refused`]; no key was used.
    pub fn parse(doc: &Document, node: NodeId, policy: &Policy) -> Result<Self, Error> {
        if !doc.is(node, ns::XENC, "EncryptedData") {
            return Err(structure(doc, node, "EncryptedData", doc.local(node)));
        }
        let (method, key_info, cipher_data, children) = common(doc, node)?;
        children.end()?;
        let method_node = method.ok_or_else(|| structure(doc, node, "EncryptionMethod", "none"))?;
        Ok(Self {
            node,
            id: attribute(doc, node, "Id"),
            data_type: match doc.attribute(node, "", "Type") {
                Some(TYPE_ELEMENT) => DataType::Element,
                Some(TYPE_CONTENT) => DataType::Content,
                _ => DataType::Octets,
            },
            mime_type: attribute(doc, node, "MimeType"),
            encoding: attribute(doc, node, "Encoding"),
            method: data_method(doc, method_node, policy)?,
            key_info,
            cipher_data,
        })
    }
}

impl EncryptedKey {
    /// Reads and checks the `EncryptedKey` at `node`.
    ///
    /// # Errors
    /// [`Error::Structure`], [`Error::Value`], [`Error::Refused`], [`Error::Limit`]; no key was used.
    pub fn parse(doc: &Document, node: NodeId, policy: &Policy) -> Result<Self, Error> {
        if !doc.is(node, ns::XENC, "EncryptedKey") {
            return Err(structure(doc, node, "EncryptedKey", doc.local(node)));
        }
        let (method, key_info, cipher_data, mut children) = common(doc, node)?;
        let references = match children.optional(ns::XENC, "ReferenceList")? {
            Some(list) => reference_list(doc, list)?,
            None => Vec::new(),
        };
        let carried = children.optional(ns::XENC, "CarriedKeyName")?;
        children.end()?;
        let method_node = method.ok_or_else(|| structure(doc, node, "EncryptionMethod", "none"))?;
        Ok(Self {
            node,
            id: attribute(doc, node, "Id"),
            recipient: attribute(doc, node, "Recipient"),
            method: key_method(doc, method_node, policy)?,
            key_info,
            agreement: key_info.map(|info| Agreement::in_key_info(doc, info, policy)).transpose()?.flatten(),
            cipher_data,
            references,
            carried_key_name: carried.map(|name| leaf(doc, name)).transpose()?.map(|name| name.trim().to_owned()),
        })
    }
}

type Common<'a> = (Option<NodeId>, Option<NodeId>, CipherData, Children<'a>);

/// The sequence that both have in common (XML Encryption 1.1 §3.1).
fn common(doc: &Document, node: NodeId) -> Result<Common<'_>, Error> {
    let mut children = Children::of(doc, node);
    let method = children.optional(ns::XENC, "EncryptionMethod")?;
    let key_info = children.optional(ns::DS, "KeyInfo")?;
    let cipher_data = cipher_data(doc, children.required(ns::XENC, "CipherData")?)?;
    children.optional(ns::XENC, "EncryptionProperties")?;
    Ok((method, key_info, cipher_data, children))
}

fn cipher_data(doc: &Document, node: NodeId) -> Result<CipherData, Error> {
    let mut children = Children::of(doc, node);
    let data = match children.any()? {
        Some(value) if doc.is(value, ns::XENC, "CipherValue") => CipherData::Value(value),
        Some(reference) if doc.is(reference, ns::XENC, "CipherReference") => cipher_reference(doc, reference)?,
        _ => return Err(structure(doc, node, "CipherValue or CipherReference", "neither")),
    };
    children.end()?;
    Ok(data)
}

fn cipher_reference(doc: &Document, node: NodeId) -> Result<CipherData, Error> {
    let uri = attribute(doc, node, "URI").ok_or_else(|| structure(doc, node, "a URI", "none"))?;
    let mut children = Children::of(doc, node);
    let transforms = children.optional(ns::XENC, "Transforms")?;
    children.end()?;
    Ok(CipherData::Reference { node, uri, transforms })
}

fn reference_list(doc: &Document, node: NodeId) -> Result<Vec<String>, Error> {
    let mut children = Children::of(doc, node);
    let mut uris = Vec::new();
    while let Some(reference) = children.any()? {
        if !doc.is(reference, ns::XENC, "DataReference") && !doc.is(reference, ns::XENC, "KeyReference") {
            return Err(structure(doc, node, "DataReference or KeyReference", doc.local(reference)));
        }
        if uris.len() == REFERENCE_LIST_MAX {
            return Err(Error::Limit { what: "references of a ReferenceList", limit: REFERENCE_LIST_MAX });
        }
        uris.push(attribute(doc, reference, "URI").ok_or_else(|| structure(doc, reference, "a URI", "none"))?);
    }
    Ok(uris)
}

/// Parameters of an EncryptionMethod, whichever it is.
#[derive(Default)]
struct Parameters {
    key_size: Option<usize>,
    label: Option<Vec<u8>>,
    digest: Option<NodeId>,
    mgf: Option<NodeId>,
    stream: StreamParameters,
}

fn parameters(doc: &Document, node: NodeId) -> Result<Parameters, Error> {
    let mut children = Children::of(doc, node);
    let mut found = Parameters::default();
    if let Some(size) = children.optional(ns::XENC, "KeySize")? {
        found.key_size = Some(number_leaf(doc, size, "KeySize")?);
    }
    while let Some(child) = children.any()? {
        let of = |namespace, local| doc.is(child, namespace, local);
        let hex_leaf = |what| -> Result<Vec<u8>, Error> {
            let at = doc.position(child);
            hex(&leaf(doc, child)?).ok_or(Error::Value { what, expected: "hexadecimal", at })
        };
        if of(ns::DS, "DigestMethod") && found.digest.is_none() {
            found.digest = Some(child);
        } else if of(ns::XENC, "OAEPparams") && found.label.is_none() {
            // The schema wants it first; old senders write it after the DigestMethod.
            found.label = Some(base64_leaf(doc, child, "OAEPparams")?);
        } else if of(ns::XENC11, "MGF") && found.mgf.is_none() {
            found.mgf = Some(child);
        } else if of(XMLDSIG_MORE_2021, "Nonce") && found.stream.nonce.is_empty() {
            found.stream.nonce = hex_leaf("Nonce")?;
        } else if of(XMLDSIG_MORE_2021, "Counter") && found.stream.counter.is_empty() {
            found.stream.counter = hex_leaf("Counter")?;
        } else if of(XMLDSIG_MORE_2021, "AAD") && found.stream.additional_data.is_empty() {
            found.stream.additional_data = leaf(doc, child)?.into_owned().into_bytes();
        } else {
            return Err(structure(doc, node, "parameters of its algorithm, each once", &shortened(doc.local(child))));
        }
    }
    Ok(found)
}

fn expect_key_size(doc: &Document, node: NodeId, found: &Parameters, key_bytes: usize) -> Result<(), Error> {
    match found.key_size {
        // Triple DES is 168 bits to those who leave its parity out.
        Some(bits) if bits != key_bytes * 8 && !(key_bytes == 24 && bits == 168) => {
            Err(refused(doc, node)(Refused::Parameter {
                what: "KeySize",
                came: bits.to_string(),
                expected: (key_bytes * 8).to_string(),
            }))
        }
        _ => Ok(()),
    }
}

fn data_method(doc: &Document, node: NodeId, policy: &Policy) -> Result<DataMethod, Error> {
    let cipher = policy.cipher(algorithm(doc, node)?).map_err(refused(doc, node))?;
    let found = parameters(doc, node)?;
    expect_key_size(doc, node, &found, cipher.key_size())?;
    Ok(DataMethod { cipher, stream: found.stream })
}

fn key_method(doc: &Document, node: NodeId, policy: &Policy) -> Result<KeyMethod, Error> {
    let uri = algorithm(doc, node)?;
    match policy.key_transport(uri) {
        Ok(algorithm) => return Ok(KeyMethod::Transport(transport(doc, node, algorithm, policy)?)),
        Err(Refused::UnknownAlgorithm { .. }) => {}
        Err(other) => return Err(refused(doc, node)(other)),
    }
    match policy.key_wrap(uri) {
        Ok(wrap) => {
            let found = parameters(doc, node)?;
            expect_key_size(doc, node, &found, wrap.key_size())?;
            Ok(KeyMethod::Wrap(wrap))
        }
        // A cipher for data may close a key as well; among partners nobody does that.
        Err(Refused::UnknownAlgorithm { .. }) if policy.level() > Level::Serve && policy.cipher(uri).is_ok() => {
            Ok(KeyMethod::Cipher(data_method(doc, node, policy)?))
        }
        Err(other) => Err(refused(doc, node)(other)),
    }
}

/// Among partners nobody sends a label, so none is taken (design 2.2). OpenSSL 3 as bound here keeps the octets of each
/// label for ever: a process that serves could be made to grow without end. In files it is bounded.
fn expect_label(doc: &Document, node: NodeId, label: &[u8], policy: &Policy) -> Result<(), Error> {
    let most = if policy.level() == Level::Serve { 0 } else { limits::OAEP_LABEL_BYTES_MAX };
    if label.len() <= most {
        return Ok(());
    }
    let (came, expected) = (format!("of {} octets", label.len()), format!("at most {most} octets"));
    Err(refused(doc, node)(Refused::Parameter { what: "OAEPparams", came, expected }))
}

/// Parameters of RSA-OAEP: SHA-1 and MGF1 with SHA-1 where nothing is said (XML Encryption 1.1 §5.5.2).
fn transport(doc: &Document, node: NodeId, which: KeyTransport, policy: &Policy) -> Result<Transport, Error> {
    let found = parameters(doc, node)?;
    let mut transport = Transport {
        algorithm: which,
        digest: Digest::Sha1,
        mgf1: Digest::Sha1,
        label: found.label.unwrap_or_default(),
    };
    if which == KeyTransport::Rsa15 {
        return Ok(transport);
    }
    expect_label(doc, node, &transport.label, policy)?;
    if let Some(digest) = found.digest {
        transport.digest = policy.oaep_digest(algorithm(doc, digest)?).map_err(refused(doc, digest))?;
    }
    if let Some(mgf) = found.mgf {
        transport.mgf1 = policy.mask_generation(algorithm(doc, mgf)?).map_err(refused(doc, mgf))?;
    }
    expect_oaep(doc, node, &transport, policy)?;
    Ok(transport)
}

/// The pairs of design 2.2: rsa-oaep-mgf1p is SHA-1 throughout, rsa-oaep is SHA-2 throughout. Files may mix; only old
/// ones name an MGF beside rsa-oaep-mgf1p, whose name already does.
fn expect_oaep(doc: &Document, node: NodeId, transport: &Transport, policy: &Policy) -> Result<(), Error> {
    let mgf1p = transport.algorithm == KeyTransport::RsaOaepMgf1p;
    let sha1 = |digest| digest == Digest::Sha1;
    let allowed = match policy.level() {
        Level::Serve if mgf1p => sha1(transport.digest) && sha1(transport.mgf1),
        Level::Serve => !sha1(transport.digest) && !sha1(transport.mgf1),
        Level::Default => !mgf1p || sha1(transport.mgf1),
        Level::Legacy => true,
    };
    if allowed {
        return Ok(());
    }
    Err(refused(doc, node)(Refused::Parameter {
        what: "RSA-OAEP with",
        came: format!("{} and MGF1 {}", transport.digest.name(), transport.mgf1.name()),
        expected: "sha1 with sha1 in rsa-oaep-mgf1p, sha256, sha384 or sha512 in rsa-oaep".to_owned(),
    }))
}

fn attribute(doc: &Document, node: NodeId, name: &str) -> Option<String> {
    doc.attribute(node, "", name).map(str::to_owned)
}
