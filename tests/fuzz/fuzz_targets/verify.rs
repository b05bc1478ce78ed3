//! `xmlsec verify`: any octets, and edits of signatures of our own, under every policy of a file. Only a signature whose
//! verdict is valid covers anything, and what the stricter policy takes the laxer one takes too.
#![no_main]

use std::sync::OnceLock;

use coconnect::xml::{Document, Dtd, Options, parse};
use coconnect::xmlsec::dsig::sign::{ReferenceParts, SignatureParts, TransformParts, usual_method, write_signature};
use coconnect::xmlsec::dsig::token::DocumentTokens;
use coconnect::xmlsec::dsig::verify::{Steps, covers, outermost_signatures, verify};
use coconnect::xmlsec::dsig::{Context, IdAttributes, IdIndex, KeySource, Trust, UrlMap, key_value};
use coconnect::xmlsec::key::public_of;
use coconnect::xmlsec::provider::digest::digest;
use coconnect::xmlsec::{KeyInfoForms, KeyRing, Policy, SigningKey, algorithm::Digest};
use coconnect_fuzz::{Input, SECRETS, authority, edit, now, ring, senders};
use libfuzzer_sys::fuzz_target;
use zeroize::Zeroizing;

/// Signatures judged for one input, at most.
const SIGNATURES_MAX: usize = 4;

fuzz_target!(|octets: &[u8]| {
    static FIXED: OnceLock<(KeyRing, Trust)> = OnceLock::new();
    let (ring, trust) = FIXED.get_or_init(|| {
        let trust = Trust { anchors: vec![authority()], untrusted: Vec::new(), crls: Vec::new(), at: now() };
        (ring(), trust)
    });
    // An input that starts below the printable characters edits a signature of ours; any other is a document.
    let octets = match octets.split_first() {
        Some((base, rest)) if *base < 9 => {
            edit(bases()[usize::from(*base) % bases().len()].clone(), &mut Input(rest))
        }
        _ => octets.to_vec(),
    };
    let options = Options { dtd: Dtd::Internal, ..Options::default() };
    let Ok(document) = parse(octets, &options) else { return };
    let any = |mut policy: Policy| {
        policy.key_info = KeyInfoForms::ANY;
        policy.danger_accept_message_keys = KeyInfoForms::ANY;
        policy.dtd = Dtd::Internal;
        policy
    };
    let strict = judge(&document, ring, None, &any(Policy::serve()));
    let usual = judge(&document, ring, None, &any(Policy::default()));
    let legacy = judge(&document, ring, None, &any(Policy::legacy()));
    judge(&document, ring, Some(trust), &Policy::default());
    for ((strict, usual), legacy) in strict.iter().zip(&usual).zip(&legacy) {
        assert!(!strict || *usual, "serve takes what the default profile refuses");
        assert!(!usual || *legacy, "the default profile takes what the legacy one refuses");
    }
});

fn judge(document: &Document, ring: &KeyRing, trust: Option<&Trust>, policy: &Policy) -> Vec<bool> {
    let ids = IdIndex::build(document, &IdAttributes::usual().with("", "ID").with("", "id"));
    let urls = UrlMap::from([("urn:there".to_owned(), b"<there/>".to_vec())]);
    let tokens = DocumentTokens { known: vec![authority()] };
    let context = Context { document, ids: &ids, policy, urls: &urls, tokens: Some(&tokens) };
    let source = KeySource { ring, trust, known: &[] };
    let mut verdicts = Vec::new();
    for node in outermost_signatures(document).into_iter().take(SIGNATURES_MAX) {
        let judged = verify(&context, node, &source, Steps::All);
        if !judged.is_valid() {
            assert_eq!(judged.covered().count(), 0, "a signature that does not hold covers something");
        }
        for nodes in judged.covered() {
            let _ = covers(document, nodes, document.document_element(), node);
        }
        let short = verify(&context, node, &source, Steps::UntilInvalid);
        assert_eq!(short.is_valid(), judged.is_valid(), "the verdict depends on how many steps are shown");
        verdicts.push(judged.is_valid());
    }
    verdicts
}

/// RSA, P-256 and HMAC over an element, enveloped and beside it.
fn bases() -> &'static [Vec<u8>] {
    static BASES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    BASES.get_or_init(|| {
        let mut keys: Vec<(SigningKey, String)> = Vec::new();
        for sender in senders() {
            let public = public_of(sender.key()).expect("a pair");
            let key_info = key_value::write(&public).expect("a public key");
            let key_info = format!("<ds:KeyInfo>{key_info}</ds:KeyInfo>");
            keys.push((SigningKey::from_private(sender.key().clone()), key_info));
        }
        keys.push((SigningKey::from_secret(Zeroizing::new(SECRETS[0].1.to_vec())), String::new()));
        let mut bases = Vec::new();
        for (key, key_info) in &keys {
            for transforms in [
                &[TransformParts::EXCLUSIVE][..],
                &[TransformParts { prefixes: "a #default", ..TransformParts::EXCLUSIVE }][..],
                &[TransformParts::ENVELOPED, TransformParts::EXCLUSIVE][..],
            ] {
                let target = "<a:t xmlns:a=\"urn:a\" xml:id=\"t\"><b k=\"v\">text</b></a:t>";
                let digest = digest(Digest::Sha256, target.as_bytes()).expect("SHA-256");
                let reference = ReferenceParts { uri: "#t", transforms, method: Digest::Sha256, digest: &digest };
                let parts = SignatureParts {
                    id: Some("s"),
                    method: usual_method(key),
                    references: &[reference],
                    key_info: key_info.as_bytes(),
                };
                let mut octets = format!("<r>{target}").into_bytes();
                write_signature(&parts, key, &mut octets).expect("a signature");
                octets.extend_from_slice(b"</r>");
                bases.push(octets);
            }
        }
        bases
    })
}
