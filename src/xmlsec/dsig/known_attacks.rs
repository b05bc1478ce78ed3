//! Refused twins of attacks that others fell for, each named by its advisory. Every one begins from a text that is valid,
//! and is refused at every level: none of these is an old algorithm that old files need.

use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use zeroize::Zeroizing;

use super::template::Signer;
use super::tests::{ec, judge, legacy, ring_of, rsa, signed};
use super::verify::Verdict;
use crate::xmlsec::algorithm::{self, Digest, SignatureMethod};
use crate::xmlsec::key::{Key, KeyRing, Material};
use crate::xmlsec::{Policy, SigningKey};

const EXC: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";

/// A signed text, with the key of its signer.
fn valid() -> (String, KeyRing) {
    let key = ec(Nid::X9_62_PRIME256V1);
    let text = by(&SigningKey::from_private(key.clone()), SignatureMethod::Ecdsa(Digest::Sha256), "", &legacy());
    let ring = ring_of(&key);
    assert!(judge(&text, &ring, &legacy()).is_valid());
    (text, ring)
}

fn by(key: &SigningKey, method: SignatureMethod, parameters: &str, policy: &Policy) -> String {
    let signer = Signer { key, name: None, certificates: &[] };
    signed(method.uri(), parameters, Digest::Sha256, &signer, policy)
}

fn secret_ring(secret: &[u8]) -> KeyRing {
    let mut ring = KeyRing::new();
    let material = Material::Secret(Zeroizing::new(secret.to_vec()));
    ring.add(Key { name: None, material, certificates: Vec::new() });
    ring
}

/// The text with `from` replaced must not be valid at any level.
fn refused(text: &str, from: &str, to: &str, ring: &KeyRing) {
    assert!(text.contains(from), "{from} is not in {text}");
    let changed = text.replacen(from, to, 1);
    for policy in [legacy(), Policy::legacy(), Policy::default(), Policy::serve()] {
        // Could not be processed: that only a value differs would show nothing of the structure.
        let verdict = judge(&changed, ring, &policy).verdict;
        assert!(matches!(verdict, Verdict::Failed(_)), "{from} -> {to}: {verdict:?}");
    }
}

fn between<'t>(text: &'t str, from: &str, to: &str) -> &'t str {
    let start = text.find(from).unwrap();
    let end = start + text[start..].find(to).unwrap() + to.len();
    &text[start..end]
}

#[test]
fn a_digest_value_with_a_comment_is_no_digest_value() {
    // xml-crypto CVE-2025-29775: SignedInfo is canonicalized without comments, so its signature still holds.
    let (text, ring) = valid();
    for comment in ["<!---->", "<!-- forged -->", "<!--AAAA-->"] {
        refused(&text, "<ds:DigestValue>", &format!("<ds:DigestValue>{comment}"), &ring);
        refused(&text, "</ds:DigestValue>", &format!("{comment}</ds:DigestValue>"), &ring);
    }
    let value = between(&text, "<ds:DigestValue>", "</ds:DigestValue>");
    let (head, tail) = value.split_at(value.len() / 2);
    refused(&text, value, &format!("{head}<!-- cut -->{tail}"), &ring);
}

#[test]
fn a_second_signed_info_is_refused_wherever_it_stands() {
    // xml-crypto CVE-2025-29774, ruby-saml CVE-2024-45409: one SignedInfo is verified, another one is read.
    let (text, ring) = valid();
    let info = between(&text, "<ds:SignedInfo", "</ds:SignedInfo>");
    for place in ["<ds:SignedInfo", "<ds:SignatureValue", "<ds:KeyInfo"] {
        refused(&text, place, &format!("{info}{place}"), &ring);
    }
    let wrapped = format!("<ds:Wrapped>{info}</ds:Wrapped>");
    refused(&text, info, &wrapped, &ring);
    refused(&text, "</ds:SignedInfo>", &format!("{info}</ds:SignedInfo>"), &ring);
    refused(&text, "<ds:SignatureValue>", &format!("<ds:SignatureValue>{info}"), &ring);
    let reference = between(&text, "<ds:DigestValue>", "</ds:DigestValue>");
    refused(&text, reference, &format!("{reference}{reference}"), &ring);
    refused(&text, reference, &format!("<x:DigestValue xmlns:x=\"urn:x\">AAAA</x:DigestValue>{reference}"), &ring);
}

#[test]
fn what_signed_info_is_canonicalized_with_is_a_canonicalization() {
    // Santuario CVE-2013-2172: another algorithm there lets SignedInfo say anything.
    let (text, ring) = valid();
    let method = format!("<ds:CanonicalizationMethod Algorithm=\"{EXC}\"");
    for uri in [
        algorithm::ENVELOPED,
        algorithm::XSLT,
        "http://www.w3.org/2000/09/xmldsig#base64",
        "http://www.w3.org/TR/1999/REC-xpath-19991116",
        "http://www.w3.org/2002/06/xmldsig-filter2",
        "http://santuario.apache.org/c14n/physical",
        "",
    ] {
        refused(&text, &method, &format!("<ds:CanonicalizationMethod Algorithm=\"{uri}\""), &ring);
    }
}

#[test]
fn a_signature_without_one_of_its_parts_is_refused() {
    // goxmldsig CVE-2020-7711: a part that is missing was used.
    let (text, ring) = valid();
    for (from, to) in [
        ("<ds:SignedInfo", "</ds:SignedInfo>"),
        ("<ds:CanonicalizationMethod", "/>"),
        ("<ds:SignatureMethod", "</ds:SignatureMethod>"),
        ("<ds:Reference", "</ds:Reference>"),
        ("<ds:DigestMethod", "/>"),
        ("<ds:DigestValue", "</ds:DigestValue>"),
        ("<ds:SignatureValue", "</ds:SignatureValue>"),
    ] {
        let part = if text.contains(to) { between(&text, from, to) } else { between(&text, from, "/>") };
        refused(&text, part, "", &ring);
    }
}

#[test]
fn an_hmac_cut_below_the_bound_is_refused_though_it_holds() {
    // CVE-2009-0217 (and Mono, JDK, Santuario, xmlsec1 with it): a value of no or few octets can be guessed.
    let secret = b"a shared secret of some length";
    let (key, ring) = (SigningKey::from_secret(Zeroizing::new(secret.to_vec())), secret_ring(secret));
    let method = SignatureMethod::Hmac(Digest::Sha256);
    for (bits, sound) in [(0u32, false), (8, false), (64, false), (120, false), (128, true), (256, true)] {
        let mut lax = legacy();
        lax.hmac_bits_min = Some(0);
        let text = by(&key, method, &format!("<ds:HMACOutputLength>{bits}</ds:HMACOutputLength>"), &lax);
        assert!(judge(&text, &ring, &lax).is_valid(), "{bits}: the proof itself holds");
        assert_eq!(judge(&text, &ring, &legacy()).is_valid(), sound, "{bits}");
        assert!(!judge(&text, &ring, &Policy::serve()).is_valid(), "{bits}: no HMAC in serve");
    }
}

#[test]
fn a_public_key_is_no_secret() {
    // Key confusion: an HMAC whose secret is the public key, which everybody has.
    let (rsa, ec) = (rsa(2048), ec(Nid::X9_62_PRIME256V1));
    for key in [&rsa, &ec] {
        let key: &PKey<Private> = key;
        for secret in [key.public_key_to_der().unwrap(), key.public_key_to_pem().unwrap()] {
            let forger = SigningKey::from_secret(Zeroizing::new(secret.clone()));
            let text = by(&forger, SignatureMethod::Hmac(Digest::Sha256), "", &legacy());
            assert!(judge(&text, &secret_ring(&secret), &legacy()).is_valid(), "the proof itself holds");
            assert!(!judge(&text, &ring_of(key), &legacy()).is_valid());
        }
    }
}

#[test]
fn key_info_opens_no_file() {
    // Santuario CVE-2021-40690: KeyInfoReference and RetrievalMethod read what the verifier's machine has.
    let key = ec(Nid::X9_62_PRIME256V1);
    let text = by(&SigningKey::from_private(key.clone()), SignatureMethod::Ecdsa(Digest::Sha256), "", &legacy());
    let info = between(&text, "<ds:KeyInfo", "</ds:KeyInfo>");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.der");
    std::fs::write(&path, key.public_key_to_der().unwrap()).unwrap();
    let mut trusting = legacy();
    trusting.danger_accept_message_keys = crate::xmlsec::KeyInfoForms::ANY;
    assert!(judge(&text, &KeyRing::new(), &trusting).is_valid(), "the key in the message is taken");
    for uri in [format!("file://{}", path.display()), path.display().to_string(), "key.der".to_owned()] {
        for pointer in [
            format!("<i:KeyInfoReference xmlns:i=\"http://www.w3.org/2009/xmldsig11#\" URI=\"{uri}\"/>"),
            format!("<ds:RetrievalMethod URI=\"{uri}\" Type=\"http://www.w3.org/2009/xmldsig11#DEREncodedKeyValue\"/>"),
            format!("<ds:RetrievalMethod URI=\"{uri}\"/>"),
        ] {
            let changed = text.replacen(info, &format!("<ds:KeyInfo>{pointer}</ds:KeyInfo>"), 1);
            assert!(!judge(&changed, &KeyRing::new(), &trusting).is_valid(), "{pointer}");
        }
    }
}
