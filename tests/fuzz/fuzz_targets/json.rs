//! JSON text, and the JSON form of the contract: any octets, and edits of a document of ours. What is read is written and
//! read again as the same; what is taken as valid becomes XML that the decoder takes, and comes back as the same JSON.
#![no_main]

use std::sync::OnceLock;

use coconnect::contract::{Operation, json, sample};
use coconnect_fuzz::{Input, edit};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    static BASE: OnceLock<Vec<u8>> = OnceLock::new();
    let base = BASE.get_or_init(|| json::encode(&sample::co(1, 2)).to_text().into_bytes());
    // An input that starts below the printable characters edits a document of ours; any other is a text.
    let octets = match octets.split_first() {
        Some((first, rest)) if *first < 9 => edit(base.clone(), &mut Input(rest)),
        _ => octets.to_vec(),
    };
    let Ok(value) = json::parse(&octets) else { return };
    assert_eq!(json::parse(value.to_text().as_bytes()).as_ref(), Ok(&value), "written and read again, it is another value");
    let checked = json::validate(&value);
    if let Ok(message) = json::decode(Operation::SendCo, &value) {
        assert!(checked.is_ok(), "decoded, and checked as bad");
        let again = json::decode(Operation::SendCo, &json::encode(&message));
        assert!(again.is_ok_and(|again| again == message), "encoded and decoded again, it is another document");
    }
});
