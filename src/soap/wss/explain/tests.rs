//! Whole messages with one fault each.

use super::*;
use crate::soap::Version;
use crate::soap::addressing::Expect;
use crate::soap::wss::tests::{Pair, now, pair, seal};
use crate::soap::wss::{Identity, KeyReference, Order, Settings, Signers, Suite};
use crate::xmlsec::algorithm::Digest;
use crate::xmlsec::dsig::explain::{Change, Standing};
use crate::xmlsec::key::Material;
use std::sync::Arc;

/// Explains as the server of `pair` would, with `ours` as its keys.
fn explained(pair: &Pair, ours: &[&Identity], octets: Vec<u8>) -> Explanation {
    let mut ring = KeyRing::new();
    for identity in ours {
        let certificates = identity.certificate().map(|one| one.x509().clone()).into_iter().collect();
        ring.add(Key { name: None, material: Material::Private(identity.key().clone()), certificates });
    }
    let client = pair.client.certificate().unwrap();
    let signer = Arc::new(crate::soap::wss::Signer::from_der(client.der()).unwrap());
    let signers = Signers::new(vec![signer]);
    let context = Context {
        now: now(),
        signers: &signers,
        keys: std::slice::from_ref(&pair.server),
        expect: Expect::Present,
        confirms: &[],
    };
    let verifier = Verifier::new(crate::soap::wss::Policy::serve());
    let known = [client.clone()];
    explain(
        octets,
        &Subject { verifier: &verifier, context: &context, ring: &ring, known: &known, search: Search::Everything },
    )
    .unwrap()
}

fn sealed(pair: &Pair, settings: Settings) -> String {
    String::from_utf8(seal(pair, settings, Version::Soap12).octets).unwrap()
}

fn codes(reference: &ExplainedReference) -> Vec<&'static str> {
    reference.fitting.first().map(|one| one.changes.iter().map(Change::code).collect()).unwrap_or_default()
}

#[test]
fn a_message_that_holds_has_nothing_to_explain() {
    for kind in ["rsa", "p256"] {
        for key_reference in [KeyReference::Str, KeyReference::RetrievalMethod, KeyReference::Inline] {
            let pair = pair(kind);
            let text = sealed(&pair, Settings { key_reference, ..Settings::default() });
            let explained = explained(&pair, &[&pair.server], text.into_bytes());
            assert_eq!(explained.refusal, None, "{kind} {key_reference:?}");
            let signature = &explained.signatures[0];
            assert_eq!(signature.value.as_ref().unwrap().holds, Some(true));
            assert_eq!(signature.signer.as_ref().unwrap().subject, pair.client.certificate().unwrap().subject());
            assert!(signature.references.len() >= 5);
            for reference in &signature.references {
                assert_eq!(reference.standing, Standing::Holds, "{kind} {key_reference:?} {}", reference.uri);
            }
            let key = &explained.encrypted_keys[0];
            assert!(key.fits[0].is_named);
            assert_eq!(key.fits[0].outcome, Outcome::Opens);
            assert_eq!(key.stranger, None);
            assert_eq!(explained.encrypted_data[0].opened, Ok(()));
        }
    }
}

#[test]
fn names_a_digest_over_ciphertext() {
    // Encrypted before it was signed, for a partner whose file does not say so.
    let pair = pair("p256");
    let text = sealed(&pair, Settings { order: Order::Any, ..Settings::default() });
    let explained = explained(&pair, &[&pair.server], text.into_bytes());
    assert_eq!(explained.refusal.as_ref().map(|(stage, _)| *stage), Some(Stage::Digests));
    let body = explained.signatures[0].references.iter().find(|one| one.uri == "#Body").unwrap();
    assert_eq!(body.standing, Standing::Differs);
    assert_eq!(codes(body), ["ciphertext"]);
}

#[test]
fn names_the_canonicalization_of_a_part_of_a_sealed_message() {
    let pair = pair("p256");
    let text = sealed(&pair, Settings::default());
    // The method that the Reference to Timestamp states is not the one that was used.
    let at = text.find("<ds:Reference URI=\"#Timestamp\"").or_else(|| text.find("<ds:Reference")).unwrap();
    let changed = text[at..].replacen(
        "<ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"",
        "<ds:Transform Algorithm=\"http://www.w3.org/TR/2001/REC-xml-c14n-20010315\"",
        1,
    );
    let explained = explained(&pair, &[&pair.server], format!("{}{changed}", &text[..at]).into_bytes());
    let differing: Vec<_> =
        explained.signatures[0].references.iter().filter(|one| one.standing != Standing::Holds).collect();
    assert_eq!(differing.len(), 1);
    assert_eq!(codes(differing[0]), ["canonicalization"]);
    // SignedInfo was changed by that, and no form of it fits.
    let value = explained.signatures[0].value.as_ref().unwrap();
    assert_eq!((value.holds, value.fitting.len()), (Some(false), 0));
}

#[test]
fn names_nothing_for_a_part_that_was_changed() {
    let pair = pair("p256");
    let text = sealed(&pair, Settings::default()).replacen("12:05:00", "12:06:00", 1);
    let explained = explained(&pair, &[&pair.server], text.into_bytes());
    let differing: Vec<_> =
        explained.signatures[0].references.iter().filter(|one| one.standing != Standing::Holds).collect();
    assert_eq!(differing.len(), 1);
    assert_eq!(differing[0].fitting, []);
    assert!(String::from_utf8_lossy(&differing[0].octets).contains("12:06:00"));
}

#[test]
fn names_the_certificate_that_really_signed() {
    let pair = pair("p256");
    let text = sealed(&pair, Settings::default());
    let (client, server) = (pair.client.token(), pair.server.token());
    assert!(text.contains(client));
    // The token of another certificate, as a stack sends it that signs with the wrong alias.
    let swapped = text.replace(client, server);
    let explained = explained(&pair, &[&pair.server], swapped.into_bytes());
    let value = explained.signatures[0].value.as_ref().unwrap();
    assert_eq!(value.holds, Some(false));
    let said = value.fitting[0].to_string();
    assert!(said.contains(pair.client.certificate().unwrap().subject()), "{said}");
}

#[test]
fn tells_whom_an_encrypted_key_is_for_and_what_we_have() {
    let (ours, others) = (pair("rsa"), pair("rsa"));
    let text = sealed(&ours, Settings::default());
    let explained = explained(&ours, &[&others.server], text.into_bytes());
    let key = &explained.encrypted_keys[0];
    assert!(key.method.starts_with("rsa-oaep-mgf1p, digest sha1"), "{}", key.method);
    assert!(!key.fits[0].is_named);
    assert!(matches!(key.fits[0].outcome, Outcome::Fails { with: None, .. }));
    assert!(explained.encrypted_data[0].opened.is_err());
    // What was signed is not known, and is not called changed.
    let body = explained.signatures[0].references.iter().find(|one| one.uri == "#Body").unwrap();
    assert!(body.is_sealed && body.fitting.is_empty());
    let facts = explained.ours[0].certificate.as_ref().unwrap();
    let certificate = others.server.certificate().unwrap();
    assert_eq!(facts.serial, certificate.serial_decimal());
    assert_eq!(facts.not_after, certificate.not_after());
}

#[test]
fn tells_when_a_sender_encrypted_for_itself() {
    let pair = pair("rsa");
    let turned = Pair { client: Arc::clone(&pair.client), server: Arc::clone(&pair.client) };
    let text = sealed(&turned, Settings::default());
    let explained = explained(&pair, &[&pair.server], text.into_bytes());
    let stranger = explained.encrypted_keys[0].stranger.as_ref().unwrap();
    assert_eq!(stranger.subject, pair.client.certificate().unwrap().subject());
}

#[test]
fn names_other_parameters_of_oaep() {
    let pair = pair("rsa");
    let text = sealed(&pair, Settings::default());
    let start = text.find("http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p").unwrap();
    let method = &text[start..start + text[start..].find("</xenc:EncryptionMethod>").unwrap_or(0)];
    // The sender used SHA-1, and says SHA-256.
    let stated = if method.contains("#sha1") {
        text.replacen("http://www.w3.org/2000/09/xmldsig#sha1", "http://www.w3.org/2001/04/xmlenc#sha256", 1)
    } else {
        let end = start + text[start..].find("/>").unwrap();
        let digest = r#"><ds:DigestMethod xmlns:ds="http://www.w3.org/2000/09/xmldsig#" Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/></xenc:EncryptionMethod>"#;
        format!("{}{digest}{}", &text[..end], &text[end + 2..])
    };
    let explained = explained(&pair, &[&pair.server], stated.into_bytes());
    let Outcome::Fails { with, .. } = &explained.encrypted_keys[0].fits[0].outcome else { panic!("it opened") };
    let used = Parameters::Oaep { digest: Digest::Sha1, mgf1: Digest::Sha1, without_label: false };
    assert_eq!(with.as_ref(), Some(&used));
    // MGF1 with another digest than OAEP: what many stacks do with rsa-oaep.
    let suite =
        Suite { key_transport: Some("http://www.w3.org/2009/xmlenc11#rsa-oaep".to_owned()), ..Suite::default() };
    let text = sealed(&pair, Settings { suite, ..Settings::default() });
    assert!(text.contains("mgf1sha256"));
    let changed = text.replacen("mgf1sha256", "mgf1sha1", 1);
    let explained = self::explained(&pair, &[&pair.server], changed.into_bytes());
    let Outcome::Fails { with, .. } = &explained.encrypted_keys[0].fits[0].outcome else { panic!("it opened") };
    let used = Parameters::Oaep { digest: Digest::Sha256, mgf1: Digest::Sha256, without_label: false };
    assert_eq!(with.as_ref(), Some(&used));
}

#[test]
fn names_another_digest_of_the_derivation() {
    let pair = pair("p256");
    let text = sealed(&pair, Settings::default());
    let at = text.find("ConcatKDFParams").unwrap();
    let changed = text[at..].replacen("xmlenc#sha256", "xmlenc#sha512", 1);
    let explained = explained(&pair, &[&pair.server], format!("{}{changed}", &text[..at]).into_bytes());
    let Outcome::Fails { with, .. } = &explained.encrypted_keys[0].fits[0].outcome else { panic!("it opened") };
    assert_eq!(with.as_ref(), Some(&Parameters::DerivationDigest { digest: Digest::Sha256 }));
}

#[test]
fn a_damaged_encrypted_key_names_no_parameters() {
    for kind in ["rsa", "p256"] {
        let pair = pair(kind);
        let mut text = sealed(&pair, Settings::default());
        let at = text.find("<xenc:CipherValue>").unwrap() + 40;
        let other = if &text[at..=at] == "A" { "B" } else { "A" };
        text.replace_range(at..=at, other);
        let explained = explained(&pair, &[&pair.server], text.into_bytes());
        let fit = &explained.encrypted_keys[0].fits[0];
        assert!(fit.is_named);
        assert!(matches!(fit.outcome, Outcome::Fails { with: None, .. }), "{kind}");
    }
}

#[test]
fn a_key_of_another_kind_is_said_to_be_so() {
    let (rsa, ec) = (pair("rsa"), pair("p256"));
    let explained = explained(&rsa, &[&ec.server], sealed(&rsa, Settings::default()).into_bytes());
    assert_eq!(explained.encrypted_keys[0].fits[0].outcome, Outcome::OtherKind);
    assert_eq!(explained.ours[0].kind, "EC");
}

#[test]
fn what_is_no_message_is_no_panic() {
    let pair = pair("p256");
    let text = sealed(&pair, Settings::default());
    for end in (0..text.len()).step_by(97) {
        let cut = text.as_bytes()[..end].to_vec();
        let ring = KeyRing::new();
        let signers = Signers::default();
        let context = Context { now: now(), signers: &signers, keys: &[], expect: Expect::Nothing, confirms: &[] };
        let verifier = Verifier::new(crate::soap::wss::Policy::lenient());
        let subject =
            Subject { verifier: &verifier, context: &context, ring: &ring, known: &[], search: Search::Everything };
        assert!(explain(cut, &subject).is_err());
    }
    let plain = explained(&pair, &[&pair.server], b"<a/>".to_vec());
    assert!(plain.refusal.is_some() && plain.signatures.is_empty() && plain.encrypted_keys.is_empty());
}
