//! The generated decoder: any octets as a business document, and edits of one. Binding and checking agree, and what was
//! bound is written and bound again as the same.
#![no_main]

use std::sync::OnceLock;

use coconnect::contract::{self, Operation, Slots, sample};
use coconnect::xml::{Options, parse};
use coconnect_fuzz::{Input, edit};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    static FIXED: OnceLock<(Slots, Vec<u8>)> = OnceLock::new();
    let (slots, base) = FIXED.get_or_init(|| {
        let slots = Slots::default();
        let mut base = Vec::new();
        contract::encode(&sample::co(1, 2), &slots, &mut base);
        (slots, base)
    });
    // An input that starts below the printable characters edits a document of ours; any other is a document.
    let octets = match octets.split_first() {
        Some((first, rest)) if *first < 9 => edit(base.clone(), &mut Input(rest)),
        _ => octets.to_vec(),
    };
    let Ok(document) = parse(octets, &Options::default()) else { return };
    let root = document.document_element();
    let checked = contract::validate(&document, root, slots);
    match contract::decode(Operation::SendCo, &document, root, slots) {
        Err(_) if document.local(root) == "MetaData" => assert!(checked.is_err(), "checked as good, and not bound"),
        Err(_) => {}
        Ok(message) => {
            assert!(checked.is_ok(), "bound, and checked as bad");
            let mut written = Vec::new();
            contract::encode(&message, slots, &mut written);
            let again = parse(written, &Options::default()).expect("what we write is well-formed");
            let again = contract::decode(Operation::SendCo, &again, again.document_element(), slots);
            assert!(again.is_ok_and(|again| again == message), "written and read again, it is another document");
        }
    }
});
