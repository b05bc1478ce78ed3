//! Canonical forms: never a panic, and the form of a form is itself.
#![no_main]

use coconnect::xml::c14n::{ExplicitSet, Method, NodeSet, Settings, canonicalize};
use coconnect::xml::{Document, Dtd, Kind, Options, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    let options = Options { dtd: Dtd::Internal, ..Options::default() };
    let Ok(document) = parse(octets.to_vec(), &options) else { return };
    for method in [Method::Inclusive10, Method::Inclusive11, Method::Exclusive] {
        let settings = Settings { method, with_comments: true, prefixes: &["a", ""] };
        let Some(form) = form(&document, &NodeSet::document(&document), &settings) else { return };
        let again = parse(form.clone(), &options).expect("a canonical form is well-formed");
        assert_eq!(self::form(&again, &NodeSet::document(&again), &settings), Some(form));
        let elements: Vec<_> =
            document.descendants(document.root()).filter(|n| document.kind(*n) == Kind::Element).collect();
        let root = elements[octets.len() % elements.len()];
        let subtree = self::form(&document, &NodeSet::subtree(root), &settings);
        let explicit = NodeSet::Explicit(ExplicitSet::subtree(&document, root, &[], true));
        assert_eq!(subtree, self::form(&document, &explicit, &settings));
    }
});

fn form(document: &Document, nodes: &NodeSet, settings: &Settings<'_>) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    canonicalize(document, nodes, settings, &mut out).is_ok().then_some(out)
}
