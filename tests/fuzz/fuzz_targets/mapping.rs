//! Foreign documents through the mappings of the binary: any octets end in a document or a reason; what was made goes back
//! to the foreign side or says why not, and the decoder judges it, all without a panic.
#![no_main]

use coconnect::contract::{Operation, json};
use coconnect::gateway::backoffice::mapping::{BUILT_IN, Mapping};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    let Some((which, octets)) = octets.split_first() else { return };
    let (name, _) = BUILT_IN[usize::from(*which) % BUILT_IN.len()];
    let Some(mapping) = Mapping::built_in(name) else { return };
    let Ok(documents) = mapping.import(octets) else { return };
    for mapped in documents.into_iter().take(4) {
        let _ = json::decode(Operation::SendCo, &mapped.document);
        let _ = mapping.export(&mapped.document);
    }
    if let Ok(text) = std::str::from_utf8(octets) {
        let _ = Mapping::parse(text);
    }
});
