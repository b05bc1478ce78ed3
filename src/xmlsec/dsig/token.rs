//! `wsse:SecurityTokenReference` (WS-Security 1.1 §7): what it leads to, through a hook that the caller supplies.

use super::reference::Context;
use crate::xml::NodeId;

/// What a reference to a security token led to.
#[derive(Clone, Debug)]
pub enum Token {
    /// An element of the document: a `wsse:BinarySecurityToken`.
    Element(NodeId),
    /// An element that is not in the document, written out: a `wsse:BinarySecurityToken` made of a known certificate
    /// (§8.3).
    Octets(Vec<u8>),
}

/// Dereferences `wsse:SecurityTokenReference` elements.
pub trait TokenResolver {
    /// The token that the `wsse:SecurityTokenReference` at `reference` leads to.
    ///
    /// # Errors
    /// Why there is none, for people.
    fn token(&self, context: &Context<'_>, reference: NodeId) -> Result<Token, String>;
}

/// §8.3: the apex element of a dereferenced token bears `xmlns=""` unless it declares a default namespace.
pub(super) fn with_null_default_namespace(mut canonical: Vec<u8>) -> Vec<u8> {
    let Some(tag_end) = canonical.iter().position(|octet| *octet == b'>') else { return canonical };
    let tag = canonical.get(..tag_end).unwrap_or_default();
    let declares = tag.windows(8).any(|window| window == b" xmlns=\"");
    if declares {
        return canonical;
    }
    let name_end = tag.iter().position(|octet| *octet == b' ').unwrap_or(tag_end);
    canonical.splice(name_end..name_end, *b" xmlns=\"\"");
    canonical
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_apex_bears_a_null_default_namespace() {
        let with = |text: &str| String::from_utf8(with_null_default_namespace(text.as_bytes().to_vec())).unwrap();
        assert_eq!(with("<a:b xmlns:a=\"u\">x</a:b>"), "<a:b xmlns=\"\" xmlns:a=\"u\">x</a:b>");
        assert_eq!(with("<b>x</b>"), "<b xmlns=\"\">x</b>");
        assert_eq!(with("<b xmlns=\"u\">x</b>"), "<b xmlns=\"u\">x</b>");
    }
}
