//! Closing parts of a document: elements that are named, or templates that stand in it.
//!
//! An element is closed as the octets that it came in: they mean the same in the same place, where whoever opens them puts
//! them. A template is an `EncryptedData` that is complete but for its values: its empty `CipherValue`s are filled, and so
//! are an empty `OriginatorKeyInfo` and an empty `ds:X509Data`. What is to be closed stands in the `CipherValue` of the
//! `EncryptedData`, or comes from outside.

use std::collections::{HashMap, HashSet};

use zeroize::Zeroizing;

use super::decrypt::ContentKey;
use super::element::structure;
use super::encrypt::{
    EncryptedDataParts, EncryptedKeyParts, KeyManagement, KeyReference, Recipient, seal_transport,
    write_encrypted_data, write_encrypted_key, write_public,
};
use super::encrypted_type::{CipherData, DataMethod, DataType, EncryptedData, EncryptedKey, KeyMethod};
use super::{Agreement, Error};
use crate::xml::{Document, Kind, NodeId, ns};
use crate::xmlsec::algorithm::Cipher;
use crate::xmlsec::base64;
use crate::xmlsec::policy::Policy;
use crate::xmlsec::provider::key_agreement::{AgreementKey, ephemeral_for};

/// Replaces each of `elements` by an `EncryptedData` of Type Element, with a key of its own for every recipient inside.
/// Elements inside others of them are closed with those.
///
/// # Errors
/// [`Error::Structure`] for a node that is no element; [`Error::Provider`].
pub fn seal_elements(
    document: &mut Document,
    elements: &[NodeId],
    recipients: &[Recipient],
    management: &KeyManagement,
    cipher: Cipher,
) -> Result<usize, Error> {
    if let Some(other) = elements.iter().find(|node| document.kind(**node) != Kind::Element) {
        return Err(structure(document, *other, "an element", "another node"));
    }
    let chosen: HashSet<NodeId> = elements.iter().copied().collect();
    let outermost: Vec<NodeId> = elements
        .iter()
        .copied()
        .filter(|node| !document.ancestors(*node).skip(1).any(|around| chosen.contains(&around)))
        .collect();
    for node in &outermost {
        let content_key = ContentKey::random(cipher)?;
        let mut keys = Vec::new();
        for recipient in recipients {
            write_encrypted_key(&mut keys, &content_key, recipient, management, &EncryptedKeyParts::default())?;
        }
        let clear = Zeroizing::new(document.octets()[document.range(*node)].to_vec());
        let parts = EncryptedDataParts {
            id: None,
            data_type: DataType::Element,
            mime_type: None,
            key_reference: KeyReference::Inline(&keys),
        };
        let mut sealed = Vec::new();
        write_encrypted_data(&mut sealed, &clear, &content_key, &DataMethod::fresh(cipher)?, &parts)?;
        put(document, *node, &sealed)?;
    }
    Ok(outermost.len())
}

/// Fills every `EncryptedData` template of `document`. `data`, if given, is what they close; else it is what stands in
/// their `CipherValue`. Several recipients go to the EncryptedKey templates in order; the last one to all that remain.
///
/// # Errors
/// As [`EncryptedData::parse`]; [`Error::NoKey`] when there is no template, or more recipients than places for them.
pub fn fill_templates(
    document: &mut Document,
    data: Option<&[u8]>,
    recipients: &[Recipient],
    policy: &Policy,
) -> Result<usize, Error> {
    let templates = find(document, document.root(), "EncryptedData");
    let no_place = |wanted: &str| Error::NoKey { wanted: wanted.to_owned(), tried: String::new() };
    if templates.is_empty() {
        return Err(no_place("an EncryptedData template"));
    }
    for node in &templates {
        fill_template(document, *node, data, recipients, policy, templates.len() == 1)?;
    }
    Ok(templates.len())
}

fn fill_template(
    document: &mut Document,
    node: NodeId,
    data: Option<&[u8]>,
    recipients: &[Recipient],
    policy: &Policy,
    alone: bool,
) -> Result<(), Error> {
    // A template alone in its document may have its EncryptedKey anywhere; else only inside it.
    let keys = find(document, if alone { document.root() } else { node }, "EncryptedKey");
    if keys.is_empty() || recipients.len() > keys.len() {
        let wanted = "an EncryptedKey template for every recipient".to_owned();
        return Err(Error::NoKey { wanted, tried: String::new() });
    }
    let template = EncryptedData::parse(document, node, policy)?;
    let content_key = ContentKey::random(template.method.cipher)?;
    for (at, key) in keys.into_iter().enumerate() {
        let recipient = recipients.get(at).or(recipients.last()).ok_or(Error::KeyKind { expected: "a recipient" })?;
        let ours = fill_names(document, key, recipient)?;
        let key = EncryptedKey::parse(document, key, policy)?;
        let sealed = seal_key(&key, &ours, recipient, &content_key)?;
        fill_value(document, &key.cipher_data, &sealed)?;
    }
    let clear = match (data, &template.cipher_data) {
        (Some(data), _) => Zeroizing::new(data.to_vec()),
        (None, CipherData::Value(value)) => Zeroizing::new(inside(document, *value, template.data_type)),
        (None, CipherData::Reference { node, .. }) => {
            let at = document.position(*node);
            return Err(Error::Unsupported { what: "a CipherReference in a template".to_owned(), at });
        }
    };
    let sealed = template.method.cipher.seal(content_key.octets(), &clear, &template.method.stream)?;
    fill_value(document, &template.cipher_data, &sealed)
}

/// Fills what an EncryptedKey template says of keys: an empty `OriginatorKeyInfo` gets a fresh public key, an empty
/// `ds:X509Data` or `ds:KeyValue` the recipient's. Gives the fresh keys by their AgreementMethod.
fn fill_names(
    document: &mut Document,
    key: NodeId,
    recipient: &Recipient,
) -> Result<HashMap<NodeId, AgreementKey>, Error> {
    let mut ours = HashMap::new();
    for agreement in find(document, key, "AgreementMethod") {
        let fresh = ephemeral_for(recipient.key())?;
        let Some(originator) = document.elements(agreement).find(|n| document.is(*n, ns::XENC, "OriginatorKeyInfo"))
        else {
            return Err(structure(document, agreement, "an OriginatorKeyInfo", "none"));
        };
        let mut filled =
            format!("<xenc:OriginatorKeyInfo xmlns:xenc=\"{}\" xmlns:ds=\"{}\">", ns::XENC, ns::DS).into_bytes();
        write_public(&mut filled, &fresh)?;
        filled.extend_from_slice(b"</xenc:OriginatorKeyInfo>");
        put(document, originator, &filled)?;
        ours.insert(agreement, fresh);
    }
    let empty: Vec<NodeId> = document
        .descendants(key)
        .filter(|node| document.is(*node, ns::DS, "X509Data") || document.is(*node, ns::DS, "KeyValue"))
        .filter(|node| document.elements(*node).next().is_none())
        .collect();
    for node in empty {
        if recipient.key_info().is_empty() {
            return Err(structure(document, node, "a name for the recipient", "none; give its certificate"));
        }
        put(document, node, recipient.key_info())?;
    }
    Ok(ours)
}

fn seal_key(
    key: &EncryptedKey,
    ours: &HashMap<NodeId, AgreementKey>,
    recipient: &Recipient,
    content_key: &ContentKey,
) -> Result<Vec<u8>, Error> {
    let agreed = |agreement: &Agreement, uri: &str, key_bytes: usize| -> Result<Zeroizing<Vec<u8>>, Error> {
        let fresh = ours.get(&agreement.node).ok_or(Error::KeyKind { expected: "an agreement of the template" })?;
        if !agreement.fits(fresh.curve()) {
            return Err(Error::KeyKind { expected: "a recipient's key of the agreement's curve" });
        }
        let secret = fresh.agree(recipient.key())?;
        agreement.derivation.derive(&secret, uri, key_bytes)
    };
    match (&key.method, &key.agreement) {
        (KeyMethod::Transport(transport), _) => seal_transport(transport, recipient.key(), content_key),
        (KeyMethod::Wrap(wrap), Some(agreement)) => {
            let kek = agreed(agreement, wrap.uri(), wrap.key_size())?;
            Ok(wrap.wrap_key(&kek, content_key.octets())?)
        }
        (KeyMethod::Cipher(method), Some(agreement)) => {
            let kek = agreed(agreement, method.cipher.uri(), method.cipher.key_size())?;
            Ok(method.cipher.seal(&kek, content_key.octets(), &method.stream)?)
        }
        (KeyMethod::Wrap(_) | KeyMethod::Cipher(_), None) => {
            Err(Error::KeyKind { expected: "key transport or an AgreementMethod in the template" })
        }
    }
}

/// What stands between the tags of an element: as it came where it is to be XML again, else its characters.
fn inside(document: &Document, element: NodeId, data_type: DataType) -> Vec<u8> {
    if data_type == DataType::Octets {
        return document.text_content(element).as_bytes().to_vec();
    }
    let mut pieces = Vec::new();
    for child in document.children(element) {
        pieces.extend_from_slice(document.octets().get(document.range(child)).unwrap_or_default());
    }
    pieces
}

fn fill_value(document: &mut Document, data: &CipherData, octets: &[u8]) -> Result<(), Error> {
    let CipherData::Value(value) = data else {
        return Err(Error::KeyKind { expected: "a CipherValue in the template" });
    };
    let mut filled = format!("<xenc:CipherValue xmlns:xenc=\"{}\">", ns::XENC).into_bytes();
    base64::encode_into(octets, &mut filled);
    filled.extend_from_slice(b"</xenc:CipherValue>");
    put(document, *value, &filled)
}

fn put(document: &mut Document, node: NodeId, octets: &[u8]) -> Result<(), Error> {
    let placed = document.replace(node, octets);
    placed
        .map(drop)
        .map_err(|source| Error::ClearText { expected: "well-formed where it is put", source: Some(source) })
}

fn find(document: &Document, root: NodeId, local: &str) -> Vec<NodeId> {
    document.descendants(root).filter(|node| document.is(*node, ns::XENC, local)).collect()
}
