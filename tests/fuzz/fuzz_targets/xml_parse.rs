//! The parser: any octets are read or refused, and what was read can be written and read again.
#![no_main]

use coconnect::xml::{Dtd, Options, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    let _ = parse(octets.to_vec(), &Options::default());
    let options = Options { dtd: Dtd::Internal, ..Options::default() };
    let Ok(mut document) = parse(octets.to_vec(), &options) else { return };
    let nodes: Vec<_> = document.descendants(document.root()).collect();
    for node in &nodes {
        let _ = (document.position(*node), document.text_content(*node).len(), document.ns(*node));
        let _ = document.octets().get(document.range(*node)).expect("a node lies in the octets");
    }
    let again = parse(document.to_octets(), &options).expect("what was read is written well-formed");
    assert_eq!(again.text_content(again.root()), document.text_content(document.root()));
    // The last part of the input takes the place of some node.
    let (at, fragment) = octets.split_at(octets.len() / 2);
    if let Some(node) = nodes.get(at.len() % nodes.len().max(1)) {
        let _ = document.replace(*node, fragment);
        let _ = document.to_octets();
    }
});
