//! What an element at the top of a subset inherits of `xml:` attributes from ancestors that are left out.

use super::Method;
use crate::xml::{Document, NodeId, ns};

/// An attribute of the `xml:` namespace that is written although the element itself has none, or another value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Inherited {
    pub local: String,
    pub value: String,
}

/// The `xml:` attributes of omitted ancestors that the apex `node` takes over, sorted by local name.
pub(super) fn xml_attributes(document: &Document, node: NodeId, method: Method) -> Vec<Inherited> {
    let mut found: Vec<Inherited> = Vec::new();
    for above in document.ancestors(node) {
        for attribute in document.attributes(above).filter(|a| a.ns == ns::XML) {
            let inheritable = match method {
                Method::Inclusive10 => true,
                Method::Inclusive11 => matches!(attribute.local, "lang" | "space"),
                Method::Exclusive => false,
            };
            let known = document.attribute_id(node, ns::XML, attribute.local).is_some()
                || found.iter().any(|f| f.local == attribute.local);
            if inheritable && !known {
                found.push(Inherited { local: attribute.local.to_owned(), value: attribute.value.to_owned() });
            }
        }
    }
    found.sort();
    found
}
