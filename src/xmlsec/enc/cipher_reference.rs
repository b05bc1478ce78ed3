//! `CipherReference`: cipher text that stands elsewhere (XML Encryption 1.1 §3.3.1). Inside the document, or in a file
//! that the caller mapped to the URI; never from the network.

use std::collections::HashMap;

use super::Error;
use super::element::algorithm;
use crate::xml::{Document, Kind, NodeId};
use crate::xmlsec::base64;
use crate::xmlsec::policy::shortened;

/// Where cipher text may come from.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// Elements by id; none when references are not allowed at all.
    pub ids: Option<&'a dyn Fn(&str) -> Option<NodeId>>,
    /// Octets of external URIs.
    pub url_map: Option<&'a HashMap<String, Vec<u8>>>,
}

impl Sources<'_> {
    /// Nowhere: a `CipherReference` is refused.
    #[must_use]
    pub fn none() -> Self {
        Self { ids: None, url_map: None }
    }
}

/// What stands between two transforms.
enum Data {
    Octets(Vec<u8>),
    Subtree(NodeId),
}

/// The octets that the reference leads to.
pub(super) fn octets(
    doc: &Document,
    node: NodeId,
    uri: &str,
    transforms: &[NodeId],
    sources: &Sources<'_>,
) -> Result<Vec<u8>, Error> {
    let at = doc.position(node);
    let unsupported = |what: String| Error::Unsupported { what, at };
    let Some(ids) = sources.ids else { return Err(unsupported("a CipherReference".to_owned())) };
    let mut data = match uri.strip_prefix('#') {
        Some(id) => Data::Subtree(ids(id).ok_or_else(|| Error::Reference {
            uri: shortened(uri),
            why: "no element, or more than one, has this id",
            at,
        })?),
        None if uri.is_empty() => Data::Subtree(doc.root()),
        None => match sources.url_map.and_then(|map| map.get(uri)) {
            Some(octets) => Data::Octets(octets.clone()),
            None => return Err(unsupported(format!("the external reference {:?} without --url-map", shortened(uri)))),
        },
    };
    for transform in transforms {
        data = match (algorithm(doc, *transform)?, data) {
            ("http://www.w3.org/2000/09/xmldsig#base64", data) => Data::Octets(decoded(doc, *transform, &data)?),
            (other, _) => return Err(unsupported(format!("the transform {:?}", shortened(other)))),
        };
    }
    match data {
        Data::Octets(octets) => Ok(octets),
        Data::Subtree(_) => Err(unsupported("a CipherReference to XML that no transform turns into octets".to_owned())),
    }
}

/// The base64 transform: the text of a node-set, or octets that are text (XML Signature 1.1 §6.6.2).
fn decoded(doc: &Document, transform: NodeId, data: &Data) -> Result<Vec<u8>, Error> {
    let wrong = |_| Error::Value { what: "CipherReference", expected: "base64", at: doc.position(transform) };
    match data {
        Data::Octets(octets) => {
            base64::decode(std::str::from_utf8(octets).map_err(|_| wrong(base64::NotBase64))?).map_err(wrong)
        }
        Data::Subtree(node) => {
            let text: String =
                doc.descendants(*node).filter(|n| doc.kind(*n) == Kind::Text).map(|n| doc.text(n)).collect();
            base64::decode(&text).map_err(wrong)
        }
    }
}
