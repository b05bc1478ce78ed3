//! Agreement profiles: any text is refused with reasons or judges a CO in both directions, and differs from itself in nothing.
#![no_main]

use std::sync::OnceLock;

use coconnect::contract::{self, Slots, sample};
use coconnect::exchange::profile::{Circumstances, Direction, Profile, Profiles, Subject, diff, evaluate, menu};
use coconnect::xml::{Document, Options, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    static FIXED: OnceLock<(Slots, Document)> = OnceLock::new();
    let (slots, document) = FIXED.get_or_init(|| {
        let slots = Slots::default();
        let mut octets = Vec::new();
        contract::encode(&sample::co(1, 2), &slots, &mut octets);
        (slots, parse(octets, &Options::default()).expect("what we write is well-formed"))
    });
    let profile = match Profile::parse(text) {
        Ok(profile) => profile,
        Err(problems) => return assert!(!problems.0.is_empty(), "refused without a reason"),
    };
    let profiles = Profiles::built_in();
    let compiled = match profiles.compile(&profile) {
        Ok(compiled) => compiled,
        Err(problems) => return assert!(!problems.0.is_empty(), "refused without a reason"),
    };
    assert!(diff(&compiled, &compiled).is_empty());
    let _ = menu(&compiled);
    let now = jiff::Timestamp::UNIX_EPOCH;
    for direction in [Direction::In, Direction::Out] {
        let subject = Subject { document, node: document.document_element(), slots };
        let judgement = evaluate(&compiled, &subject, &Circumstances { now, direction, calendars: profiles.calendars() });
        assert!(judgement.rejections + judgement.notices >= judgement.findings.len());
    }
});
