//! Filling the `ds:Signature` template of a file: what is empty is computed, everything else stays as it came.
//!
//! First KeyInfo, since a Reference may cover it; then the digests of Manifests, then those of `ds:SignedInfo`; the value
//! last.

use openssl::x509::{X509, X509Ref};

use super::error::Error;
use super::ids::{IdAttributes, IdIndex};
use super::reference::{Context, UrlMap};
use super::signature::{self, Signature};
use super::{key_value, trust};
use crate::xml::{Document, Kind, NodeId, ns};
use crate::xmlsec::key::{self, SigningKey};
use crate::xmlsec::policy::Policy;
use crate::xmlsec::provider::digest::DigestValue;
use crate::xmlsec::read::{self, BadStructure, encode_base64};

/// Who signs.
pub struct Signer<'a> {
    /// With which key.
    pub key: &'a SigningKey,
    /// For `ds:KeyName`.
    pub name: Option<&'a str>,
    /// For `ds:X509Data`: the key's certificate first.
    pub certificates: &'a [X509],
}

/// How the template is read.
pub struct Settings<'a> {
    /// What it may use.
    pub policy: &'a Policy,
    /// Octets of URIs outside the document.
    pub urls: &'a UrlMap,
    /// Which attributes are ids.
    pub ids: &'a IdAttributes,
}

/// Fills the `ds:Signature` at `node`.
///
/// # Errors
/// When the template breaks the schema or the policy, a Reference cannot be resolved, or the key does not fit.
pub fn fill(document: &mut Document, node: NodeId, signer: &Signer<'_>, settings: &Settings<'_>) -> Result<(), Error> {
    fill_key_info(document, node, signer)?;
    fill_manifests(document, node, settings)?;
    let signature = Signature::parse(document, node, settings.policy)?;
    let mut ids = IdIndex::build(document, settings.ids);
    let mut octets = Vec::new();
    for reference in signature.references() {
        let digest = digest(document, &ids, reference, node, settings, &mut octets)?;
        set_digest(document, &mut ids, reference.node(), &digest)?;
    }
    // Nothing that was read of the Signature has changed but the digests.
    octets.clear();
    signature.signed_octets(document, settings.policy, &mut octets)?;
    let value = signer.key.sign(signature.scheme(), &octets)?;
    let value_node = child(document, node, ns::DS, "SignatureValue")
        .ok_or_else(|| BadStructure::new(document, node, "expected ds:SignatureValue"))?;
    set_text(document, value_node, &encode_base64(&value))
}

fn child(document: &Document, parent: NodeId, ns: &str, local: &str) -> Option<NodeId> {
    document.elements(parent).find(|node| document.is(*node, ns, local))
}

/// `scratch` is a buffer that is reused from call to call.
fn digest(
    document: &Document,
    ids: &IdIndex,
    reference: &super::Reference,
    signature: NodeId,
    settings: &Settings<'_>,
    scratch: &mut Vec<u8>,
) -> Result<DigestValue, Error> {
    let tokens = super::token::DocumentTokens::default();
    let context = Context { document, ids, policy: settings.policy, urls: settings.urls, tokens: Some(&tokens) };
    let digested = reference.digest(&context, signature, scratch).map_err(|error| Error::Reference {
        index: reference.index(),
        uri: crate::xmlsec::policy::shortened(reference.uri()),
        source: Box::new(error),
    })?;
    Ok(digested.computed)
}

/// Writes `digest` into the `reference`; `ids` stay those of the document.
fn set_digest(
    document: &mut Document,
    ids: &mut IdIndex,
    reference: NodeId,
    digest: &DigestValue,
) -> Result<(), Error> {
    let node = child(document, reference, ns::DS, "DigestValue")
        .ok_or_else(|| BadStructure::new(document, reference, "expected ds:DigestValue"))?;
    // The element is written anew, and with it an id that it may bear.
    let may_have_id = document.attributes(node).next().is_some();
    set_text(document, node, &encode_base64(digest))?;
    if may_have_id {
        *ids = ids.again(document);
    }
    Ok(())
}

/// Writes an element anew with its name and attributes and this content.
fn set_text(document: &mut Document, node: NodeId, content: &str) -> Result<(), Error> {
    let name = document.qualified_name(node).to_owned();
    let mut text = format!("<{name}");
    let declarations: Vec<(String, String)> =
        document.namespace_declarations(node).map(|(prefix, uri)| (prefix.to_owned(), uri.to_owned())).collect();
    for (prefix, uri) in &declarations {
        let name = if prefix.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{prefix}") };
        text.push_str(&format!(" {name}=\"{}\"", escaped(uri)));
    }
    for attribute in document.attributes(node) {
        let prefix = if attribute.prefix.is_empty() { String::new() } else { format!("{}:", attribute.prefix) };
        text.push_str(&format!(" {prefix}{}=\"{}\"", attribute.local, escaped(attribute.value)));
    }
    text.push_str(&format!(">{content}</{name}>"));
    document.replace(node, text.as_bytes())?;
    Ok(())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Manifests inside this signature, the innermost first is not needed: a Manifest that covers another is not supported.
fn fill_manifests(document: &mut Document, signature: NodeId, settings: &Settings<'_>) -> Result<(), Error> {
    let manifests: Vec<NodeId> = document
        .descendants(signature)
        .filter(|node| document.kind(*node) == Kind::Element && document.is(*node, ns::DS, "Manifest"))
        .collect();
    for manifest in manifests {
        let nodes = read::elements(document, manifest)?;
        // One that others filled may use what is not known here: core validity does not ask (§5.1).
        let is_empty = |node: &NodeId| {
            child(document, *node, ns::DS, "DigestValue").is_none_or(|v| document.text_content(v).trim().is_empty())
        };
        if !nodes.iter().any(is_empty) {
            continue;
        }
        let mut ids = IdIndex::build(document, settings.ids);
        for reference in signature::references(document, manifest, nodes.into_iter(), settings.policy)? {
            if reference.expected().is_empty() {
                let digest = digest(document, &ids, &reference, signature, settings, &mut Vec::new())?;
                set_digest(document, &mut ids, reference.node(), &digest)?;
            }
        }
    }
    Ok(())
}

/// Fills what is empty in `ds:KeyInfo`.
fn fill_key_info(document: &mut Document, signature: NodeId, signer: &Signer<'_>) -> Result<(), Error> {
    let Some(key_info) = child(document, signature, ns::DS, "KeyInfo") else { return Ok(()) };
    let items: Vec<NodeId> = document.elements(key_info).collect();
    for item in items {
        let empty = document.elements(item).next().is_none() && document.text_content(item).trim().is_empty();
        match (document.ns(item), document.local(item)) {
            (ns::DS, "KeyName") if empty => {
                if let Some(name) = signer.name {
                    set_text(document, item, &escaped(name))?;
                }
            }
            (ns::DS, "KeyValue") if empty => {
                if let Some(private) = signer.key.private() {
                    let public = key::public_of(private)?;
                    let text = key_value::write(&public)?;
                    replace_with_declared(document, item, &text)?;
                }
            }
            (ns::DSIG11, "DEREncodedKeyValue") if empty => {
                if let Some(private) = signer.key.private() {
                    let der = private.public_key_to_der()?;
                    set_text(document, item, &encode_base64(&der))?;
                }
            }
            (ns::DS, "X509Data") if empty => {
                let prefix = prefix_of(document, item);
                let content = signer
                    .certificates
                    .iter()
                    .map(|one| certificate_element(&prefix, one))
                    .collect::<Result<String, _>>()?;
                if !content.is_empty() {
                    set_text(document, item, &content)?;
                }
            }
            (ns::DS, "X509Data") => fill_x509_data(document, item, signer)?,
            _ => {}
        }
    }
    Ok(())
}

/// `ds:` may be bound otherwise, or not at all, where the element goes.
fn replace_with_declared(document: &mut Document, node: NodeId, text: &str) -> Result<(), Error> {
    let declared = match text.find('>') {
        Some(at) if text.starts_with("<ds:") => {
            format!(
                "{} xmlns:ds=\"{}\"{}",
                text.get(..at).unwrap_or_default(),
                ns::DS,
                text.get(at..).unwrap_or_default()
            )
        }
        _ => text.to_owned(),
    };
    document.replace(node, declared.as_bytes())?;
    Ok(())
}

fn prefix_of(document: &Document, node: NodeId) -> String {
    match document.prefix(node) {
        "" => String::new(),
        prefix => format!("{prefix}:"),
    }
}

fn certificate_element(prefix: &str, certificate: &X509Ref) -> Result<String, Error> {
    Ok(format!("<{prefix}X509Certificate>{}</{prefix}X509Certificate>", encode_base64(&certificate.to_der()?)))
}

/// Empty children of `ds:X509Data` say what is wanted of the certificate.
fn fill_x509_data(document: &mut Document, data: NodeId, signer: &Signer<'_>) -> Result<(), Error> {
    let Some(certificate) = signer.certificates.first() else { return Ok(()) };
    let children: Vec<NodeId> = document.elements(data).collect();
    for node in children {
        let written = document.text_content(node).chars().any(|char| !char.is_ascii_whitespace());
        if written || document.ns(node) != ns::DS {
            continue;
        }
        let prefix = prefix_of(document, node);
        let content = match document.local(node) {
            "X509Certificate" => encode_base64(&certificate.to_der()?),
            "X509SubjectName" => escaped(&trust::rfc4514(certificate.subject_name())),
            "X509SKI" => match certificate.subject_key_id() {
                Some(ski) => encode_base64(ski.as_slice()),
                None => continue,
            },
            "X509IssuerSerial" => {
                let serial = certificate.serial_number().to_bn()?.to_dec_str()?;
                let issuer = escaped(&trust::rfc4514(certificate.issuer_name()));
                format!(
                    "<{prefix}X509IssuerName>{issuer}</{prefix}X509IssuerName><{prefix}X509SerialNumber>{serial}</{prefix}X509SerialNumber>"
                )
            }
            _ => continue,
        };
        set_text(document, node, &content)?;
    }
    Ok(())
}
