//! quick-xml as a second opinion: what we accept, it accepts, and both see the same.

use proptest::prelude::*;
use quick_xml::NsReader;
use quick_xml::XmlVersion;
use quick_xml::events::Event;
use quick_xml::name::ResolveResult;

use super::{Options, parse};
use crate::xml::random::{self, Random};
use crate::xml::{Document, Kind};

/// A document as a list of lines, ours.
fn ours(document: &Document) -> Vec<String> {
    let mut lines = Vec::new();
    for node in document.descendants(document.root()) {
        match document.kind(node) {
            Kind::Document => {}
            Kind::Element => {
                lines.push(format!("element {{{}}}{}", document.ns(node), document.local(node)));
                lines.extend(
                    document.attributes(node).map(|a| format!("attribute {{{}}}{}={}", a.ns, a.local, a.value)),
                );
            }
            Kind::Text => lines.push(format!("text {}", document.text(node))),
            Kind::Comment => lines.push(format!("comment {}", document.text(node))),
            Kind::ProcessingInstruction => lines.push(format!("pi {} {}", document.local(node), document.text(node))),
        }
    }
    lines
}

/// Likewise quick-xml's.
fn theirs(text: &str) -> Result<Vec<String>, String> {
    let mut reader = NsReader::from_str(text);
    let mut lines = Vec::new();
    let mut pending = String::new();
    let mut depth = 0_usize;
    loop {
        let event = reader.read_event().map_err(|e| e.to_string())?;
        match &event {
            Event::Text(t) if depth > 0 => pending.push_str(&t.xml10_content()),
            Event::CData(t) if depth > 0 => pending.push_str(&t.xml10_content()),
            Event::GeneralRef(r) => match r.resolve_char_ref().map_err(|e| e.to_string())? {
                Some(c) => pending.push(c),
                None => pending.push_str(match &**r {
                    "amp" => "&",
                    "lt" => "<",
                    "gt" => ">",
                    "apos" => "'",
                    "quot" => "\"",
                    other => return Err(format!("entity {other:?}")),
                }),
            },
            Event::Text(_) | Event::CData(_) | Event::Decl(_) | Event::DocType(_) => {}
            _ => {
                if !pending.is_empty() {
                    lines.push(format!("text {}", std::mem::take(&mut pending)));
                }
            }
        }
        let resolved = |result: ResolveResult<'_>| match result {
            ResolveResult::Bound(ns) => Ok(ns.0.to_owned()),
            ResolveResult::Unbound => Ok(String::new()),
            ResolveResult::Unknown(prefix) => Err(format!("prefix {prefix:?}")),
        };
        match event {
            Event::Start(ref e) | Event::Empty(ref e) => {
                depth += usize::from(matches!(event, Event::Start(_)));
                let (ns, local) = reader.resolver().resolve_element(e.name());
                lines.push(format!("element {{{}}}{}", unescaped(&resolved(ns)?), local.into_inner()));
                for attribute in e.attributes() {
                    let attribute = attribute.map_err(|e| e.to_string())?;
                    if attribute.key.as_namespace_binding().is_some() {
                        continue;
                    }
                    let (ns, local) = reader.resolver().resolve_attribute(attribute.key);
                    let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|e| e.to_string())?;
                    lines.push(format!("attribute {{{}}}{}={value}", unescaped(&resolved(ns)?), local.into_inner()));
                }
            }
            Event::End(_) => depth -= 1,
            Event::Comment(t) => lines.push(format!("comment {}", t.xml10_content())),
            Event::PI(t) => {
                let content = t.content().replace("\r\n", "\n").replace('\r', "\n");
                lines.push(format!("pi {} {}", t.target(), content.trim_start()));
            }
            Event::Eof => return Ok(lines),
            _ => {}
        }
    }
}

/// quick-xml gives namespace URIs as they are written.
fn unescaped(uri: &str) -> String {
    quick_xml::escape::unescape(uri).map_or_else(|_| uri.to_owned(), Into::into)
}

#[test]
fn both_see_the_same_in_random_documents() {
    let mut random = Random::new(random::seed());
    for _ in 0..random::count(3_000) {
        let text = random::document(&mut random);
        let document = parse(text.clone().into_bytes(), &Options::default()).unwrap();
        assert_eq!(ours(&document), theirs(&text).unwrap(), "{text}");
    }
}

/// Damage a document by some octets: if we still take it, so does quick-xml, and sees the same.
#[test]
fn what_we_accept_of_damaged_documents_quick_xml_accepts() {
    let mut random = Random::new(random::seed());
    let pieces =
        ["<", ">", "/", "=", "\"", "'", "&", ";", " ", "x", ":", "!", "?", "]", "-", "<a>", "</a>", "xmlns:a='u'"];
    let mut accepted = 0;
    for _ in 0..random::count(10_000) {
        let mut text = random::document(&mut random);
        for _ in 0..=random.below(2) {
            let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            let at = places[random.below(places.len())];
            match random.below(3) {
                0 => drop(text.remove(at)),
                1 => text.insert_str(at, pieces[random.below(pieces.len())]),
                _ => {
                    let c = text.remove(at);
                    let at = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
                    text.insert_str(at, &[c, c].iter().collect::<String>());
                }
            }
            if text.is_empty() {
                break;
            }
        }
        if let Ok(document) = parse(text.clone().into_bytes(), &Options::default()) {
            accepted += 1;
            assert_eq!(ours(&document), theirs(&text).unwrap_or_else(|e| panic!("{e}: {text}")), "{text}");
        }
    }
    assert!(accepted > 100, "{accepted}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_octets_are_read_or_refused(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(octets, &Options { dtd: super::Dtd::Internal, ..Options::default() });
    }

    #[test]
    fn anything_that_looks_like_markup_is_read_or_refused(text in "(<|>|/|!|\\?|\\[|\\]|-|--|&|;|#|%|a|b|:|=|'|\"| |x|xmlns|<a>|</a>|<!DOCTYPE a \\[|<!ENTITY |<!ATTLIST |CDATA|\\]>){0,40}") {
        if let Ok(document) = parse(text.into_bytes(), &Options { dtd: super::Dtd::Internal, ..Options::default() }) {
            let written = document.to_octets();
            let again = parse(written, &Options { dtd: super::Dtd::Internal, ..Options::default() }).is_ok();
            prop_assert!(again);
        }
    }
}
