//! The envelope and its security header: any octets are read or refused, in the profile of `serve` and in the lenient one.
#![no_main]

use coconnect::soap::addressing::Expect;
use coconnect::soap::wss::{Context, Policy, Signers, Verifier};
use coconnect::soap::{Addressing, Envelope};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    let Ok(envelope) = Envelope::parse(octets.to_vec(), None) else { return };
    let _ = Addressing::read(&envelope);
    let _ = envelope.to_octets();
    for policy in [Policy::serve(), Policy::lenient()] {
        let Ok(envelope) = Envelope::parse(octets.to_vec(), None) else { return };
        let context = Context {
            now: "2026-11-22T12:00:00Z".parse().expect("a date"),
            signers: &Signers::new(Vec::new()),
            keys: &[],
            expect: Expect::Nothing,
            confirms: &[],
        };
        // Nobody may sign, so nothing is ever accepted.
        assert!(Verifier::new(policy).open(envelope, &context).is_err());
    }
});
