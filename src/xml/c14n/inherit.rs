//! What an element takes over of `xml:` attributes from ancestors that are left out (C14N10 §2.4, C14N11 §2.4).

use std::collections::BTreeMap;

use super::Method;
use crate::xml::tree::AttributeId;
use crate::xml::{Document, Kind, NodeId, ns};

/// An attribute of the `xml:` namespace that is written although the element itself has none, or another value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Inherited {
    pub local: String,
    pub value: String,
}

/// The `xml:` attributes that `node`, whose parent is left out, takes over; sorted by local name. `included` tells which
/// ancestors are not left out. Takes an own `xml:base` out of `attributes` when it is fixed up to nothing.
pub(super) fn xml_attributes(
    document: &Document,
    node: NodeId,
    method: Method,
    included: impl Fn(NodeId) -> bool,
    attributes: &mut Vec<u32>,
) -> Vec<Inherited> {
    let mut found: BTreeMap<&str, String> = BTreeMap::new();
    for above in document.ancestors(node) {
        for attribute in document.attributes(above).filter(|a| a.ns == ns::XML) {
            let inheritable = match method {
                Method::Inclusive10 => true,
                Method::Inclusive11 => matches!(attribute.local, "lang" | "space"),
                Method::Exclusive => false,
            };
            if inheritable {
                found.entry(attribute.local).or_insert_with(|| attribute.value.to_owned());
            }
        }
    }
    for own in document.attributes(node).filter(|a| a.ns == ns::XML) {
        found.remove(own.local);
    }
    if method == Method::Inclusive11
        && let Some(base) = fixed_base(document, node, included)
    {
        if let Some(AttributeId(own)) = document.attribute_id(node, ns::XML, "base") {
            attributes.retain(|id| *id != own || !base.is_empty());
        }
        if !base.is_empty() {
            found.insert("base", base);
        }
    }
    found.into_iter().map(|(local, value)| Inherited { local: local.to_owned(), value }).collect()
}

/// Whether an attribute of an element in the set is written by C14N11 although it is not in the set itself: `xml:lang`,
/// `xml:space`, `xml:base`. The text of §2.4 does not say so; the test case c14n11/xmlbase-c14n11spec3-103 of the working
/// group demands it, and every implementation signs so.
pub(super) fn stays(document: &Document, attribute: AttributeId) -> bool {
    let attribute = document.attribute_by_id(attribute);
    attribute.ns == ns::XML && matches!(attribute.local, "lang" | "space" | "base")
}

/// The `xml:base` of `node` joined with those of the omitted elements right above it; none when none of them has one.
fn fixed_base(document: &Document, node: NodeId, included: impl Fn(NodeId) -> bool) -> Option<String> {
    let mut base = document.attribute(node, ns::XML, "base").map(str::to_owned);
    let mut fixed = false;
    for above in document.ancestors(node).take_while(|n| document.kind(*n) == Kind::Element && !included(*n)) {
        if let Some(outer) = document.attribute(above, ns::XML, "base") {
            base = Some(match base {
                Some(inner) => join(outer, &inner),
                None => outer.to_owned(),
            });
            fixed = true;
        }
    }
    base.filter(|_| fixed)
}

/// A URI reference in its parts (RFC 3986 appendix B).
struct Reference<'r> {
    scheme: Option<&'r str>,
    authority: Option<&'r str>,
    path: &'r str,
    query: Option<&'r str>,
    fragment: Option<&'r str>,
}

impl<'r> Reference<'r> {
    fn parse(text: &'r str) -> Self {
        let (rest, fragment) = split(text, '#');
        let (rest, query) = split(rest, '?');
        let scheme_end = rest.find(':').filter(|end| {
            let scheme = &rest[..*end];
            scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
        });
        let (scheme, rest) = match scheme_end {
            Some(end) => (Some(&rest[..end]), &rest[end + 1..]),
            None => (None, rest),
        };
        let (authority, path) = match rest.strip_prefix("//") {
            Some(rest) => {
                let end = rest.find('/').unwrap_or(rest.len());
                (Some(&rest[..end]), &rest[end..])
            }
            None => (None, rest),
        };
        Self { scheme, authority, path, query, fragment }
    }
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    match text.split_once(at) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

/// `join-URI-References` of C14N11 §2.4: RFC 3986 §5.2 for bases that may be relative.
fn join(base: &str, reference: &str) -> String {
    let base = Reference::parse(base);
    let reference = Reference::parse(reference);
    let (scheme, authority, path, query);
    if reference.scheme.is_some() {
        (scheme, authority) = (reference.scheme, reference.authority);
        (path, query) = (remove_dot_segments(reference.path), reference.query);
    } else if reference.authority.is_some() {
        (scheme, authority) = (base.scheme, reference.authority);
        (path, query) = (remove_dot_segments(reference.path), reference.query);
    } else {
        (scheme, authority) = (base.scheme, base.authority);
        if reference.path.is_empty() {
            // Only what is merged loses its dots (RFC 3986 §5.2.2).
            (path, query) = (as_folder(base.path), reference.query.or(base.query));
        } else if reference.path.starts_with('/') {
            (path, query) = (remove_dot_segments(reference.path), reference.query);
        } else {
            let merged = if base.authority.is_some() && base.path.is_empty() {
                format!("/{}", reference.path)
            } else {
                let folder = as_folder(base.path);
                format!("{}{}", &folder[..folder.rfind('/').map_or(0, |at| at + 1)], reference.path)
            };
            (path, query) = (remove_dot_segments(&merged), reference.query);
        }
    }
    let part = |before: &str, text: Option<&str>, after: &str| match text {
        Some(text) => format!("{before}{text}{after}"),
        None => String::new(),
    };
    [part("", scheme, ":"), part("//", authority, ""), path, part("?", query, ""), part("#", reference.fragment, "")]
        .concat()
}

/// A base that ends in ".." names the folder above, not a file: it gets its `/`.
fn as_folder(path: &str) -> String {
    let slash = if path == ".." || path.ends_with("/..") { "/" } else { "" };
    format!("{path}{slash}")
}

/// RFC 3986 §5.2.4 with the changes of C14N11 §2.4: leading `..` stay, `//` becomes `/`, a final `..` ends in `/`.
fn remove_dot_segments(path: &str) -> String {
    let absolute = path.starts_with('/');
    let mut kept: Vec<&str> = Vec::new();
    let mut folder = false;
    for segment in path.split('/') {
        folder = matches!(segment, "" | "." | "..");
        match segment {
            "" | "." => {}
            ".." if kept.last().is_some_and(|last| *last != "..") => {
                kept.pop();
            }
            ".." if absolute => {}
            _ => kept.push(segment),
        }
    }
    let mut out = String::with_capacity(path.len() + 1);
    if absolute {
        out.push('/');
    }
    out.push_str(&kept.join("/"));
    if folder && !kept.is_empty() {
        out.push('/');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_references_whose_base_may_be_relative() {
        // The examples of C14N11 §2.4 and of RFC 3986 §5.4, so far as they are the same.
        for (base, reference, joined) in [
            ("foo/bar", "..", ""),
            ("foo/bar/", "..", "foo/"),
            ("foo/bar/baz", "../x", "foo/x"),
            ("..", "x", "../x"),
            ("..", "..", "../../"),
            ("../", "../..", "../../../"),
            ("abc/", "../xyz", "xyz"),
            ("http://a/b/c/d;p?q", "g", "http://a/b/c/g"),
            ("http://a/b/c/d;p?q", "?y", "http://a/b/c/d;p?y"),
            ("http://a/b/c/d;p?q", "../../../g", "http://a/g"),
            ("http://a/b/c/d;p?q", "//g/x", "http://g/x"),
            ("http://a/b/c/d;p?q", "g?y/./x", "http://a/b/c/g?y/./x"),
            ("http://a", "g", "http://a/g"),
            ("a", "mailto:x", "mailto:x"),
            ("x//y/", "z", "x/y/z"),
            ("a/../b//c", "#f", "a/../b//c#f"),
            (".", "?q", ".?q"),
            ("..", "?q", "../?q"),
        ] {
            assert_eq!(join(base, reference), joined, "{base} + {reference}");
        }
    }
}
