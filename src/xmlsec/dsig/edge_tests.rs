//! The corners of XML Signature that decide what is covered, which key counts, and in which document something is looked up.

use jiff::Timestamp;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, PointConversionForm};
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::X509;
use openssl::x509::extension::KeyUsage;
use zeroize::Zeroizing;

use super::reference::UrlMap;
use super::template::Signer;
use super::tests::{
    Authority, certificate, certificate_with, ec, fill, judge, judge_with, legacy, parse, ring_of, rsa, signed,
};
use super::verify::{self, Steps};
use super::{Context, IdAttributes, IdIndex, KeySource, Trust, key_value};
use crate::xml::{Document, NodeId, ns};
use crate::xmlsec::algorithm::{self, Digest, KeyWrap, SignatureMethod};
use crate::xmlsec::enc::{self, KeyManagement};
use crate::xmlsec::key::{Key, KeyRing};
use crate::xmlsec::read::encode_base64;
use crate::xmlsec::{Policy, SigningKey};

const XPATH: &str = "http://www.w3.org/TR/1999/REC-xpath-19991116";
const EXC: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";

fn transform(uri: &str, inside: &str) -> String {
    format!("<ds:Transform Algorithm=\"{uri}\">{inside}</ds:Transform>")
}

fn xpath(expression: &str) -> String {
    transform(XPATH, &format!("<ds:XPath>{expression}</ds:XPath>"))
}

/// A Signature template over `uri` through `transforms`, with `object` in it.
fn template(uri: &str, transforms: &str, object: &str) -> String {
    let transforms =
        if transforms.is_empty() { String::new() } else { format!("<ds:Transforms>{transforms}</ds:Transforms>") };
    format!(
        "<ds:Signature xmlns:ds=\"{}\"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm=\"{EXC}\"/>\
         <ds:SignatureMethod Algorithm=\"{}\"/><ds:Reference URI=\"{uri}\">{transforms}<ds:DigestMethod \
         Algorithm=\"{}\"/><ds:DigestValue/></ds:Reference></ds:SignedInfo><ds:SignatureValue/>{object}</ds:Signature>",
        ns::DS,
        SignatureMethod::Ecdsa(Digest::Sha256).uri(),
        Digest::Sha256.uri()
    )
}

fn sign(text: &str, key: &PKey<Private>) -> String {
    let signing = SigningKey::from_private(key.clone());
    fill(text, &Signer { key: &signing, name: None, certificates: &[] }, &Policy::default())
}

fn find(document: &Document, local: &str) -> NodeId {
    document.descendants(document.root()).find(|node| document.local(*node) == local).unwrap()
}

/// Whether a valid signature covers the first element named `local`.
fn covered(text: &str, key: &PKey<Private>, local: &str) -> bool {
    let document = parse(text);
    let judged = judge_with(&document, &ring_of(key), None, &Policy::default()).remove(0);
    assert!(judged.is_valid(), "{:?}\n{text}", judged.verdict);
    judged.covers(&document, find(&document, local))
}

#[test]
fn an_element_is_covered_by_the_signature_that_it_envelops() {
    // SAML signs so: without this nothing enveloped could ever be demanded to be signed.
    let key = ec(Nid::X9_62_PRIME256V1);
    let enveloped = transform(algorithm::ENVELOPED, "") + &transform(EXC, "");
    let filtered = "<ds:Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xpath-19991116\"><ds:XPath xmlns:d=\"http://www.w3.org/2000/09/xmldsig#\">not(ancestor-or-self::d:Signature)</ds:XPath></ds:Transform>";
    for transforms in [enveloped.as_str(), filtered] {
        let inside = format!("<a id=\"x\"><b>t</b>{}</a>", template("#x", transforms, ""));
        let text = sign(&format!("<r>{inside}<c/></r>"), &key);
        assert!(covered(&text, &key, "a") && covered(&text, &key, "b"), "{transforms}");
        for local in ["r", "c", "Signature", "SignatureValue"] {
            assert!(!covered(&text, &key, local), "{local}: {transforms}");
        }
    }
}

#[test]
fn what_is_inside_a_signature_but_not_signed_is_not_covered() {
    // XSW 6 and 8: the forged element hides in the enveloped Signature, or the signed one does.
    let key = ec(Nid::X9_62_PRIME256V1);
    let enveloped = transform(algorithm::ENVELOPED, "") + &transform(EXC, "");
    let text = sign(&format!("<r><a id=\"x\"><b/>{}</a></r>", template("#x", &enveloped, "")), &key);
    let forged = text.replace("</ds:Signature>", "<ds:Object><evil/></ds:Object></ds:Signature>");
    assert!(covered(&forged, &key, "a") && !covered(&forged, &key, "evil"));
}

#[test]
fn transforms_that_drop_something_cover_only_what_they_keep() {
    // Base64 reads text alone: names and attributes of the element may be changed. What an XPath leaves of octets that were
    // parsed on the way cannot be told in the nodes of this document.
    let key = ec(Nid::X9_62_PRIME256V1);
    let base64 = transform("http://www.w3.org/2000/09/xmldsig#base64", "");
    let text = sign(&format!("<r><a id=\"x\">AAAA</a>{}</r>", template("#x", &base64, "")), &key);
    assert!(!covered(&text, &key, "a"));
    let renamed = text.replace("<a id=\"x\">AAAA</a>", "<a id=\"x\" role=\"admin\"><evil>AA</evil>AA</a>");
    let document = parse(&renamed);
    let judged = judge_with(&document, &ring_of(&key), None, &Policy::default()).remove(0);
    assert!(judged.is_valid() && !judged.covers(&document, find(&document, "evil")));
    assert!(judged.covers(&document, document.first_child(find(&document, "evil")).unwrap()), "the text is covered");

    let dropped = transform(EXC, "") + &xpath("self::text()");
    let text = sign(&format!("<r><a id=\"x\" n=\"1\">AAAA</a>{}</r>", template("#x", &dropped, "")), &key);
    assert!(!covered(&text, &key, "a"));
    let kept = transform(EXC, "") + &transform(EXC, "");
    let text = sign(&format!("<r><a id=\"x\" n=\"1\">AAAA</a>{}</r>", template("#x", &kept, "")), &key);
    assert!(covered(&text, &key, "a"));
}

#[test]
fn enveloped_signature_leaves_nothing_of_what_lies_inside_the_signature() {
    // §6.6.4: nodes whose ancestor is the Signature are left out, so the digest is that of no octets.
    let key = ec(Nid::X9_62_PRIME256V1);
    let enveloped = transform(algorithm::ENVELOPED, "");
    let object = "<ds:Object Id=\"o\">text</ds:Object>";
    let text = sign(&format!("<r>{}</r>", template("#o", &enveloped, object)), &key);
    let empty = encode_base64(&openssl::sha::sha256(b""));
    assert!(text.contains(&empty), "{text}");
    let changed = text.replace(">text<", ">other<");
    assert!(judge(&changed, &ring_of(&key), &Policy::default()).is_valid() && !covered(&text, &key, "Object"));
}

#[test]
fn id_looks_into_the_document_whose_nodes_are_filtered() {
    // An external file has fewer nodes than the document of the signature: an id of the one is none of the other.
    let key = ec(Nid::X9_62_PRIME256V1);
    let external = "<e xml:id=\"in\"><f/></e>";
    let urls: UrlMap = [("urn:e".to_owned(), external.as_bytes().to_vec())].into_iter().collect();
    let far = "<q/>".repeat(50) + "<a id=\"out\" n=\"2\"/>";
    for (expression, expected) in [("id('out')/@n = 2", ""), ("boolean(id('in'))", "<e xml:id=\"in\"><f></f></e>")] {
        let text = format!("<r>{far}{}</r>", template("urn:e", &xpath(expression), ""));
        let text = text.replace("<ds:DigestValue/>", "<ds:DigestValue>AAAA</ds:DigestValue>");
        let document = parse(&text.replace("<ds:SignatureValue/>", "<ds:SignatureValue>AAAA</ds:SignatureValue>"));
        let ids = IdIndex::build(&document, &IdAttributes::usual().with("", "id"));
        let (policy, ring) = (Policy::default(), ring_of(&key));
        let context = Context { document: &document, ids: &ids, policy: &policy, urls: &urls, tokens: None };
        let source = KeySource { ring: &ring, trust: None, known: &[] };
        let judged = verify::verify(&context, verify::outermost_signatures(&document)[0], &source, Steps::All);
        let Some(Ok(digested)) = &judged.references[0].outcome else { panic!("{:?}", judged.references) };
        assert_eq!(*digested.computed, openssl::sha::sha256(expected.as_bytes())[..], "{expression}");
    }
}

#[test]
fn a_fragment_of_a_mapped_file_is_a_part_of_that_file() {
    // §4.4.3.2: `other.xml#id`. Its nodes are those of another document: of the one at hand they cover nothing.
    let key = ec(Nid::X9_62_PRIME256V1);
    let external = "<e><!-- c --><f xml:id=\"in\">1<!-- d --></f><f id=\"twin\"/><f id=\"twin\"/></e>";
    let urls: UrlMap =
        [("urn:e", external), ("urn:e#whole", "octets")].map(|(uri, text)| (uri.to_owned(), text.into())).into();
    let part = "<f xml:id=\"in\">1</f>";
    let commented = "<f xml:id=\"in\">1<!-- d --></f>";
    for (uri, expected) in [
        ("urn:e#in", Some(part)),
        ("urn:e#xpointer(id('in'))", Some(commented)),
        ("urn:e#xpointer(/)", Some(external)),
        ("urn:e#whole", Some("octets")),
        ("urn:e#out", None),
        ("urn:e#twin", None),
        ("urn:e#", None),
        ("urn:e#xpointer(//f)", None),
        ("urn:other#in", None),
    ] {
        // Comments that the pointer keeps are seen only where the canonical form keeps them too.
        let commented = if uri == "urn:e#whole" { String::new() } else { transform(&format!("{EXC}WithComments"), "") };
        let text = format!("<r><a id=\"out\"/>{}</r>", template(uri, &commented, ""));
        let text = text.replace("<ds:DigestValue/>", "<ds:DigestValue>AAAA</ds:DigestValue>");
        let document = parse(&text.replace("<ds:SignatureValue/>", "<ds:SignatureValue>AAAA</ds:SignatureValue>"));
        let ids = IdIndex::build(&document, &IdAttributes::usual().with("", "id"));
        let (policy, ring) = (Policy::default(), ring_of(&key));
        let context = Context { document: &document, ids: &ids, policy: &policy, urls: &urls, tokens: None };
        let source = KeySource { ring: &ring, trust: None, known: &[] };
        let judged = verify::verify(&context, verify::outermost_signatures(&document)[0], &source, Steps::All);
        let digested = judged.references[0].outcome.as_ref().and_then(|outcome| outcome.as_ref().ok());
        match expected {
            Some(expected) => {
                let expected = expected.replace("<f id=\"twin\"/>", "<f id=\"twin\"></f>");
                let digested = digested.unwrap_or_else(|| panic!("{uri}: {:?}", judged.references[0].outcome));
                assert_eq!(*digested.computed, openssl::sha::sha256(expected.as_bytes())[..], "{uri}");
                assert!(digested.target.is_none() && digested.covered.is_none(), "{uri}");
            }
            None => assert!(digested.is_none(), "{uri}"),
        }
    }
}

/// An `ECKeyValue` of `key` whose curve is spelled out, with the parts that `change` names replaced.
fn explicit(key: &PKey<Private>, change: &[(&str, Vec<u8>)]) -> String {
    let ec = key.ec_key().unwrap();
    let mut context = openssl::bn::BigNumContext::new().unwrap();
    let (mut p, mut a, mut b, mut n) =
        (BigNum::new().unwrap(), BigNum::new().unwrap(), BigNum::new().unwrap(), BigNum::new().unwrap());
    ec.group().components_gfp(&mut p, &mut a, &mut b, &mut context).unwrap();
    ec.group().order(&mut n, &mut context).unwrap();
    let form = PointConversionForm::UNCOMPRESSED;
    let base = ec.group().generator_opt().unwrap().to_bytes(ec.group(), form, &mut context).unwrap();
    let point = ec.public_key().to_bytes(ec.group(), form, &mut context).unwrap();
    let part = |name: &str, octets: Vec<u8>| {
        let octets = change.iter().find(|(changed, _)| *changed == name).map_or(octets, |(_, octets)| octets.clone());
        format!("<{name}>{}</{name}>", encode_base64(&octets))
    };
    format!(
        "<ECKeyValue xmlns=\"{}\"><ECParameters><FieldID><Prime>{}</Prime></FieldID><Curve>{}{}</Curve>{}{}\
         <CoFactor>1</CoFactor></ECParameters><PublicKey>{}</PublicKey></ECKeyValue>",
        ns::DSIG11,
        part("P", p.to_vec()),
        part("A", a.to_vec()),
        part("B", b.to_vec()),
        part("Base", base),
        part("Order", n.to_vec()),
        encode_base64(&point)
    )
}

#[test]
fn a_curve_may_be_spelled_out_when_it_is_a_known_one() {
    // CVE-2020-0601: with a base point of the sender's own anybody has a private key for any public one.
    let read = |text: &str| {
        let document = parse(text);
        key_value::parse(&document, document.document_element()).ok()
    };
    for nid in [Nid::X9_62_PRIME256V1, Nid::SECP384R1, Nid::SECP521R1, Nid::SECP256K1, Nid::BRAINPOOL_P256R1] {
        let key = ec(nid);
        let found = read(&explicit(&key, &[])).unwrap();
        assert!(found.public_eq(&key), "{nid:?}");
        assert_eq!(found.ec_key().unwrap().group().curve_name(), Some(nid));
        let mut context = openssl::bn::BigNumContext::new().unwrap();
        let form = PointConversionForm::UNCOMPRESSED;
        let group = EcGroup::from_curve_name(nid).unwrap();
        let point = key.ec_key().unwrap().public_key().to_bytes(&group, form, &mut context).unwrap();
        assert!(read(&explicit(&key, &[("Base", point)])).is_none(), "the key as base point");
        for part in ["P", "A", "B", "Order"] {
            assert!(read(&explicit(&key, &[(part, vec![7; 32])])).is_none(), "{part}");
        }
    }
}

#[test]
fn a_secret_closed_for_our_public_key_vouches_for_nobody_where_anchors_must() {
    // Whoever holds our certificate can send us an HMAC secret of their own; one that wraps it under a shared key cannot.
    let ours = rsa(2048);
    let secret = Zeroizing::new(b"sixteen octets!!".to_vec());
    let public = PKey::public_key_from_der(&ours.public_key_to_der().unwrap()).unwrap();
    let mut sealed = Vec::new();
    let (content, parts) = (enc::ContentKey::new(secret.clone()), enc::EncryptedKeyParts::default());
    let recipient = enc::Recipient::new(public, Vec::new());
    enc::write_encrypted_key(&mut sealed, &content, &recipient, &KeyManagement::default(), &parts).unwrap();
    let wrapped = format!(
        "<e:EncryptedKey xmlns:e=\"{}\"><e:EncryptionMethod Algorithm=\"{}\"/><e:CipherData><e:CipherValue>{}\
         </e:CipherValue></e:CipherData></e:EncryptedKey>",
        ns::XENC,
        KeyWrap::Aes128.uri(),
        encode_base64(&KeyWrap::Aes128.wrap_key(&[7; 16], &secret).unwrap())
    );
    let mut ring = ring_of(&ours);
    ring.add(Key::secret(None, Zeroizing::new(vec![7; 16])));
    let trust = Trust { anchors: vec![anchor()], untrusted: Vec::new(), crls: Vec::new(), at: Timestamp::UNIX_EPOCH };
    let signing = SigningKey::from_secret(secret);
    let signer = Signer { key: &signing, name: None, certificates: &[] };
    let hmac = |key_info: &str| {
        let template = template("#x", "", &format!("<ds:KeyInfo>{key_info}</ds:KeyInfo>"));
        let method = SignatureMethod::Ecdsa(Digest::Sha256).uri();
        let template = template.replace(method, SignatureMethod::Hmac(Digest::Sha256).uri());
        fill(&format!("<r><a id=\"x\"/>{template}</r>"), &signer, &legacy())
    };
    for (key_info, with_anchors) in [(String::from_utf8(sealed).unwrap(), false), (wrapped, true)] {
        let document = parse(&hmac(&key_info));
        assert!(judge_with(&document, &ring, None, &legacy()).remove(0).is_valid(), "{key_info}");
        let judged = judge_with(&document, &ring, Some(&trust), &legacy()).remove(0);
        assert_eq!(judged.is_valid(), with_anchors, "{key_info}");
    }
}

fn anchor() -> X509 {
    certificate("ca", &ec(Nid::X9_62_PRIME256V1), None, 20_000)
}

#[test]
fn a_certificate_to_encrypt_for_signs_only_old_files() {
    // RFC 5280 §4.2.1.3.
    let ca_key = ec(Nid::X9_62_PRIME256V1);
    let ca = Authority { certificate: certificate("ca", &ca_key, None, 20_000), key: ca_key };
    let key = ec(Nid::X9_62_PRIME256V1);
    let signing = SigningKey::from_private(key.clone());
    let at = Timestamp::from_second(86_400).unwrap();
    let mut usages = [KeyUsage::new(), KeyUsage::new(), KeyUsage::new(), KeyUsage::new()];
    usages[0].digital_signature();
    usages[1].non_repudiation();
    usages[2].key_encipherment().data_encipherment();
    usages[3].key_cert_sign();
    for (usage, may_sign) in usages.iter().zip([true, true, false, false]) {
        let leaf = certificate_with("signer", &key, Some(&ca), 100, Some(usage.build().unwrap()));
        let chain = [leaf];
        let signer = Signer { key: &signing, name: None, certificates: &chain };
        let uri = SignatureMethod::Ecdsa(Digest::Sha256).uri();
        let document = parse(&signed(uri, "", Digest::Sha256, &signer, &Policy::default()));
        let trust = Trust { anchors: vec![ca.certificate.clone()], untrusted: Vec::new(), crls: Vec::new(), at };
        let none = KeyRing::new();
        let valid = |policy: &Policy| judge_with(&document, &none, Some(&trust), policy).remove(0).is_valid();
        assert_eq!(valid(&Policy::default()), may_sign);
        assert!(valid(&Policy::legacy()));
    }
}
