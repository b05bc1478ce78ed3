//! Signing and verifying, there and back, for every algorithm; and the refused twin of what is accepted.

use jiff::Timestamp;
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::dsa::Dsa;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::{BasicConstraints, SubjectKeyIdentifier};
use openssl::x509::{X509, X509Builder, X509Extension, X509NameBuilder};
use zeroize::Zeroizing;

use super::reference::UrlMap;
use super::sign::{self, ReferenceParts, SignatureParts, TransformParts, write_signature};
use super::template::{self, Settings, Signer};
use super::token::DocumentTokens;
use super::verify::{self, Invalid, Judged, Steps, Verdict};
use super::{Context, IdAttributes, IdIndex, KeySource, Signature, Trust};
use crate::xml::{self, Document, NodeId, ns};
use crate::xmlsec::algorithm::{self, Digest, SignatureMethod};
use crate::xmlsec::key::{Key, KeyRing, Material};
use crate::xmlsec::provider::digest;
use crate::xmlsec::provider::signature::Scheme;
use crate::xmlsec::{KeyInfoForms, Policy, SigningKey};

pub(super) fn parse(text: &str) -> Document {
    xml::parse(text.as_bytes().to_vec(), &xml::Options::default()).unwrap()
}

pub(in crate::xmlsec) fn ec(curve: Nid) -> PKey<Private> {
    let group = EcGroup::from_curve_name(curve).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

pub(super) fn rsa(bits: u32) -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap()
}

pub(super) fn ring_of(private: &PKey<Private>) -> KeyRing {
    let mut ring = KeyRing::new();
    ring.add(Key { name: None, material: Material::Private(private.clone()), certificates: Vec::new() });
    ring
}

pub(super) fn judge_with(document: &Document, ring: &KeyRing, trust: Option<&Trust>, policy: &Policy) -> Vec<Judged> {
    let ids = IdIndex::build(document, &IdAttributes::usual().with("", "id"));
    let urls = UrlMap::new();
    let tokens = DocumentTokens::default();
    let context = Context { document, ids: &ids, policy, urls: &urls, tokens: Some(&tokens) };
    let source = KeySource { ring, trust, known: &[] };
    verify::outermost_signatures(document)
        .into_iter()
        .map(|node| verify::verify(&context, node, &source, Steps::All))
        .collect()
}

pub(super) fn judge(text: &str, ring: &KeyRing, policy: &Policy) -> Judged {
    let document = parse(text);
    judge_with(&document, ring, None, policy).remove(0)
}

/// A document with a template of `method`, signed.
pub(super) fn signed(method: &str, parameters: &str, digest: Digest, signer: &Signer<'_>, policy: &Policy) -> String {
    let text = format!(
        "<doc xmlns=\"urn:a\"><b id=\"x\">one <!-- c --> two</b><ds:Signature xmlns:ds=\"{}\"><ds:SignedInfo>\
         <ds:CanonicalizationMethod Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>\
         <ds:SignatureMethod Algorithm=\"{method}\">{parameters}</ds:SignatureMethod><ds:Reference URI=\"#x\">\
         <ds:DigestMethod Algorithm=\"{}\"/><ds:DigestValue/></ds:Reference></ds:SignedInfo><ds:SignatureValue/>\
         <ds:KeyInfo><ds:KeyName/><ds:KeyValue/><ds:X509Data/></ds:KeyInfo></ds:Signature></doc>",
        ns::DS,
        digest.uri()
    );
    fill(&text, signer, policy)
}

pub(super) fn fill(text: &str, signer: &Signer<'_>, policy: &Policy) -> String {
    let mut document = parse(text);
    let node = verify::outermost_signatures(&document)[0];
    let (urls, ids) = (UrlMap::new(), IdAttributes::usual().with("", "id"));
    template::fill(&mut document, node, signer, &Settings { policy, urls: &urls, ids: &ids }).unwrap();
    String::from_utf8(document.to_octets()).unwrap()
}

pub(super) fn legacy() -> Policy {
    let mut policy = Policy::legacy();
    policy.key_info = KeyInfoForms::ANY;
    policy
}

#[test]
fn every_signature_method_goes_there_and_back() {
    let secret = Zeroizing::new(b"a shared secret of some length".to_vec());
    let (rsa, p256, p384, p521) = (rsa(2048), ec(Nid::X9_62_PRIME256V1), ec(Nid::SECP384R1), ec(Nid::SECP521R1));
    let dsa = PKey::from_dsa(Dsa::generate(1024).unwrap()).unwrap();
    let (ed25519, ed448) = (PKey::generate_ed25519().unwrap(), PKey::generate_ed448().unwrap());
    for row in algorithm::SIGNATURES {
        let keys: Vec<Option<&PKey<Private>>> = match row.value {
            SignatureMethod::RsaPkcs1(_) | SignatureMethod::RsaPss(_) | SignatureMethod::RsaPssParams => {
                vec![Some(&rsa)]
            }
            SignatureMethod::Ecdsa(_) => vec![Some(&p256), Some(&p384), Some(&p521)],
            SignatureMethod::Dsa(_) => vec![Some(&dsa)],
            SignatureMethod::Hmac(_) => vec![None],
            SignatureMethod::Ed25519 => vec![Some(&ed25519)],
            SignatureMethod::Ed448 => vec![Some(&ed448)],
        };
        for key in keys {
            let signing = key.map_or_else(
                || SigningKey::from_secret(secret.clone()),
                |private| SigningKey::from_private(private.clone()),
            );
            let signer = Signer { key: &signing, name: Some("k"), certificates: &[] };
            let text = signed(row.uri, "", Digest::Sha256, &signer, &legacy());
            let mut ring = key.map(ring_of).unwrap_or_default();
            if key.is_none() {
                ring.add(Key::secret(Some("k".to_owned()), secret.clone()));
            }
            let judged = judge(&text, &ring, &legacy());
            assert!(judged.is_valid(), "{}: {:?}\n{text}", row.name, judged.verdict);
            let changed = judge(&text.replace(">one ", ">two "), &ring, &legacy());
            assert!(matches!(changed.verdict, Verdict::Invalid(Invalid::Digest { index: 0, .. })), "{}", row.name);
            let longer = text.replacen("<ds:KeyName>", "<ds:KeyName><!-- -->", 1);
            assert!(matches!(judge(&longer, &ring, &legacy()).verdict, Verdict::Failed(_)), "comment in a leaf");
        }
    }
}

#[test]
fn every_digest_goes_there_and_back() {
    let key = ec(Nid::X9_62_PRIME256V1);
    let signing = SigningKey::from_private(key.clone());
    for row in algorithm::DIGESTS {
        let signer = Signer { key: &signing, name: None, certificates: &[] };
        let uri = SignatureMethod::Ecdsa(Digest::Sha256).uri();
        let text = signed(uri, "", row.value, &signer, &legacy());
        assert!(judge(&text, &ring_of(&key), &legacy()).is_valid(), "{}", row.name);
        let default = judge(&text, &ring_of(&key), &Policy::default());
        assert_eq!(default.is_valid(), row.level <= algorithm::Level::Default, "{}", row.name);
    }
}

#[test]
fn pss_parameters_are_read_and_odd_ones_need_legacy() {
    let key = rsa(2048);
    let signing = SigningKey::from_private(key.clone());
    let signer = Signer { key: &signing, name: None, certificates: &[] };
    let uri = SignatureMethod::RsaPssParams.uri();
    let parameters = |digest: Digest, mgf: Digest, salt: u16| {
        format!(
            "<p:RSAPSSParams xmlns:p=\"http://www.w3.org/2007/05/xmldsig-more#\"><ds:DigestMethod Algorithm=\"{}\"/>\
             <p:MaskGenerationFunction Algorithm=\"http://www.w3.org/2007/05/xmldsig-more#MGF1\"><ds:DigestMethod \
             Algorithm=\"{}\"/></p:MaskGenerationFunction><p:SaltLength>{salt}</p:SaltLength>\
             <p:TrailerField>1</p:TrailerField></p:RSAPSSParams>",
            digest.uri(),
            mgf.uri()
        )
    };
    for (digest, mgf, salt, usual) in [
        (Digest::Sha256, Digest::Sha256, 32, true),
        (Digest::Sha512, Digest::Sha512, 64, true),
        (Digest::Sha256, Digest::Sha256, 20, false),
        (Digest::Sha256, Digest::Sha1, 32, false),
        (Digest::Sha256, Digest::Sha256, 0, false),
    ] {
        let text = signed(uri, &parameters(digest, mgf, salt), Digest::Sha256, &signer, &legacy());
        assert!(judge(&text, &ring_of(&key), &legacy()).is_valid());
        assert_eq!(judge(&text, &ring_of(&key), &Policy::default()).is_valid(), usual, "{salt}");
    }
}

/// The JDK writes no MaskGenerationFunction when its digest is that of the signature, whichever that is.
#[test]
fn a_mask_that_pss_parameters_leave_out_has_the_digest_of_the_signature() {
    let key = rsa(2048);
    let signing = SigningKey::from_private(key.clone());
    let signer = Signer { key: &signing, name: None, certificates: &[] };
    let parameters = format!(
        "<p:RSAPSSParams xmlns:p=\"http://www.w3.org/2007/05/xmldsig-more#\"><ds:DigestMethod Algorithm=\"{}\"/></p:RSAPSSParams>",
        Digest::Sha384.uri()
    );
    let text = signed(SignatureMethod::RsaPssParams.uri(), &parameters, Digest::Sha256, &signer, &Policy::default());
    assert!(judge(&text, &ring_of(&key), &Policy::default()).is_valid());
    let document = parse(&text);
    let node = verify::outermost_signatures(&document)[0];
    let scheme = Signature::parse(&document, node, &Policy::default()).unwrap().scheme();
    assert_eq!(scheme, Scheme::rsa_pss(Digest::Sha384));
}

#[test]
fn a_key_is_taken_only_when_somebody_vouches_for_it() {
    let (key, other) = (ec(Nid::X9_62_PRIME256V1), ec(Nid::X9_62_PRIME256V1));
    let signing = SigningKey::from_private(key.clone());
    let signer = Signer { key: &signing, name: None, certificates: &[] };
    let uri = SignatureMethod::Ecdsa(Digest::Sha256).uri();
    let text = signed(uri, "", Digest::Sha256, &signer, &Policy::default());
    let none = KeyRing::new();
    assert!(matches!(judge(&text, &none, &Policy::default()).verdict, Verdict::Failed(super::Error::NoKey { .. })));
    let mut read = Policy::default();
    read.key_info = KeyInfoForms::ANY;
    assert!(!judge(&text, &none, &read).is_valid(), "read, but nobody vouches");
    let mut named = read;
    named.danger_accept_message_keys = KeyInfoForms::ANY;
    assert!(judge(&text, &none, &named).is_valid());
    assert!(!judge(&text, &ring_of(&other), &Policy::default()).is_valid(), "another key was given");
    // With a key given and the form named, either vouches.
    assert!(judge(&text, &ring_of(&key), &Policy::default()).is_valid());
}

pub(in crate::xmlsec) struct Authority {
    pub key: PKey<Private>,
    pub certificate: X509,
}

pub(in crate::xmlsec) fn certificate(
    subject: &str,
    key: &PKey<Private>,
    issuer: Option<&Authority>,
    days: u32,
) -> X509 {
    certificate_with(subject, key, issuer, days, None)
}

pub(super) fn certificate_with(
    subject: &str,
    key: &PKey<Private>,
    issuer: Option<&Authority>,
    days: u32,
    extension: Option<X509Extension>,
) -> X509 {
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("C", "KR").unwrap();
    name.append_entry_by_text("O", "Customs, Test").unwrap();
    name.append_entry_by_text("CN", subject).unwrap();
    let name = name.build();
    let mut builder = X509Builder::new().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&BigNum::from_u32(7 + days).unwrap().to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(issuer.map_or(&*name, |issuer| issuer.certificate.subject_name())).unwrap();
    builder.set_not_before(&Asn1Time::from_unix(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::from_unix(i64::from(days) * 86_400).unwrap()).unwrap();
    builder.set_pubkey(key).unwrap();
    if issuer.is_none() {
        builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
    }
    let ski = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None)).unwrap();
    builder.append_extension(ski).unwrap();
    extension.into_iter().for_each(|extension| builder.append_extension(extension).unwrap());
    builder.sign(issuer.map_or(key, |issuer| &issuer.key), MessageDigest::sha256()).unwrap();
    builder.build()
}

#[test]
fn certificates_lead_to_an_anchor_at_the_time_asked_for() {
    let ca_key = ec(Nid::X9_62_PRIME256V1);
    let ca = Authority { certificate: certificate("ca", &ca_key, None, 20_000), key: ca_key };
    let key = ec(Nid::X9_62_PRIME256V1);
    let leaf = certificate("signer", &key, Some(&ca), 100);
    let signing = SigningKey::from_private(key);
    let chain = [leaf.clone(), ca.certificate.clone()];
    let signer = Signer { key: &signing, name: None, certificates: &chain };
    let uri = SignatureMethod::Ecdsa(Digest::Sha256).uri();
    let text = signed(uri, "", Digest::Sha256, &signer, &Policy::default());
    let trust = |anchors: Vec<X509>, day: i64| Trust {
        anchors,
        untrusted: Vec::new(),
        crls: Vec::new(),
        at: Timestamp::from_second(day * 86_400).unwrap(),
    };
    let valid = |text: &str, trust: &Trust| {
        judge_with(&parse(text), &KeyRing::new(), Some(trust), &Policy::default()).remove(0).is_valid()
    };
    assert!(valid(&text, &trust(vec![ca.certificate.clone()], 50)));
    assert!(!valid(&text, &trust(vec![ca.certificate.clone()], 101)), "expired");
    assert!(!valid(&text, &trust(vec![ca.certificate.clone()], -1)), "not yet valid");
    let stranger_key = ec(Nid::X9_62_PRIME256V1);
    let stranger = certificate("stranger", &stranger_key, None, 20_000);
    assert!(!valid(&text, &trust(vec![stranger], 50)), "no path");

    // The same certificate only named: by each selector, from what the caller has.
    for selector in ["X509IssuerSerial", "X509SubjectName", "X509SKI"] {
        let template = text_with_x509(&format!("<ds:{selector}/>"), uri);
        let text = fill(&template, &signer, &Policy::default());
        let mut with = trust(vec![ca.certificate.clone()], 50);
        assert!(!valid(&text, &with), "{selector}: the certificate is not at hand");
        with.untrusted.push(leaf.clone());
        assert!(valid(&text, &with), "{selector}\n{text}");
    }
}

fn text_with_x509(inner: &str, method: &str) -> String {
    format!(
        "<doc><b id=\"x\">t</b><ds:Signature xmlns:ds=\"{}\"><ds:SignedInfo><ds:CanonicalizationMethod \
         Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/><ds:SignatureMethod Algorithm=\"{method}\"/><ds:Reference \
         URI=\"#x\"><ds:DigestMethod Algorithm=\"{}\"/><ds:DigestValue/></ds:Reference></ds:SignedInfo><ds:SignatureValue/>\
         <ds:KeyInfo><ds:X509Data>{inner}</ds:X509Data></ds:KeyInfo></ds:Signature></doc>",
        ns::DS,
        Digest::Sha256.uri()
    )
}

#[test]
fn a_template_can_have_manifests_objects_and_every_transform() {
    let key = ec(Nid::X9_62_PRIME256V1);
    let signing = SigningKey::from_private(key.clone());
    let signer = Signer { key: &signing, name: None, certificates: &[] };
    let reference = |uri: &str, kind: &str, transforms: &str| {
        let transforms =
            if transforms.is_empty() { String::new() } else { format!("<Transforms>{transforms}</Transforms>") };
        format!(
            "<Reference URI=\"{uri}\"{kind}>{transforms}<DigestMethod Algorithm=\"{}\"/><DigestValue/></Reference>",
            Digest::Sha256.uri()
        )
    };
    let enveloped = format!("<Transform Algorithm=\"{}\"/>", algorithm::ENVELOPED);
    let xpath = "<Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xpath-19991116\"><XPath xmlns:d=\"http://www.w3.org/2000/09/xmldsig#\">not(ancestor-or-self::d:Signature)</XPath></Transform>";
    let filter = "<Transform Algorithm=\"http://www.w3.org/2002/06/xmldsig-filter2\"><XPath xmlns=\"http://www.w3.org/2002/06/xmldsig-filter2\" Filter=\"intersect\">/doc/b</XPath></Transform>";
    let base64 = "<Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#base64\"/>";
    let text = format!(
        "<doc><b id=\"x\">t<!-- c --></b><Signature xmlns=\"{}\"><SignedInfo><CanonicalizationMethod \
         Algorithm=\"http://www.w3.org/TR/2001/REC-xml-c14n-20010315\"/><SignatureMethod Algorithm=\"{}\"/>{}{}{}{}{}{}{}\
         </SignedInfo><SignatureValue/><Object Id=\"o\">aGVsbG8=</Object><Object><Manifest Id=\"m\">{}</Manifest></Object>\
         </Signature></doc>",
        ns::DS,
        SignatureMethod::Ecdsa(Digest::Sha256).uri(),
        reference("", "", &enveloped),
        reference("", "", xpath),
        reference("", "", filter),
        reference("#o", "", base64),
        reference("#m", " Type=\"http://www.w3.org/2000/09/xmldsig#Manifest\"", ""),
        reference("#xpointer(id('x'))", "", ""),
        reference("#x", "", ""),
        reference("#x", "", ""),
    );
    let text = fill(&text, &signer, &Policy::default());
    let judged = judge(&text, &ring_of(&key), &Policy::default());
    assert!(judged.is_valid(), "{:?}\n{text}", judged.verdict);
    assert_eq!(judged.manifests.len(), 1);
    assert!(judged.manifests[0].matches());
    // The comment counts for the XPointer form alone (§4.4.3.3).
    let without = judge(&text.replace("<!-- c -->", ""), &ring_of(&key), &Policy::default());
    let matching: Vec<bool> = without.references.iter().map(verify::JudgedReference::matches).collect();
    assert_eq!(matching, [true, true, true, true, true, true, true], "default C14N leaves comments out");
    let changed = judge(&text.replace("t<!--", "u<!--"), &ring_of(&key), &Policy::default());
    let matching: Vec<bool> = changed.references.iter().map(verify::JudgedReference::matches).collect();
    assert_eq!(matching, [false, false, false, true, true, false, false]);
    assert!(!changed.manifests[0].matches(), "the Manifest itself is unchanged, what it names is not");
}

/// A message as a gateway writes it: what is signed stands in canonical form.
fn message(key: &PKey<Private>) -> String {
    let body = "<s:Body xmlns:s=\"urn:s\" xmlns:u=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd\" u:Id=\"body\">text</s:Body>";
    let value = digest::digest(Digest::Sha256, body.as_bytes()).unwrap();
    let references = [ReferenceParts {
        uri: "#body",
        transforms: &[TransformParts::EXCLUSIVE],
        method: Digest::Sha256,
        digest: &value,
    }];
    let signing = SigningKey::from_private(key.clone());
    let method = sign::usual_method(&signing);
    let parts = SignatureParts { id: Some("s"), method, references: &references, key_info: b"" };
    let mut out = b"<e xmlns=\"urn:other\">".to_vec();
    write_signature(&parts, &signing, &mut out).unwrap();
    out.extend_from_slice(body.as_bytes());
    out.extend_from_slice(b"</e>");
    String::from_utf8(out).unwrap()
}

#[test]
fn what_we_write_is_signed_in_the_octets_that_stand_there() {
    for key in [ec(Nid::X9_62_PRIME256V1), ec(Nid::SECP384R1), rsa(2048), PKey::generate_ed25519().unwrap()] {
        let text = message(&key);
        let judged = judge(&text, &ring_of(&key), &Policy::serve());
        assert!(judged.is_valid(), "{:?}\n{text}", judged.verdict);
        let document = parse(&text);
        let signature = judged.signature.unwrap();
        let mut octets = Vec::new();
        signature.signed_octets(&document, &Policy::serve(), &mut octets).unwrap();
        assert_eq!(octets, document.octets()[document.range(signature.signed_info())]);
    }
}

/// Every change of the first text to the second must be refused, whatever else it is.
#[test]
fn serve_refuses_what_it_does_not_list() {
    let key = ec(Nid::X9_62_PRIME256V1);
    let text = message(&key);
    assert!(judge(&text, &ring_of(&key), &Policy::serve()).is_valid());
    let exclusive = "http://www.w3.org/2001/10/xml-exc-c14n#";
    for (from, to) in [
        ("URI=\"#body\"", "URI=\"\""),
        ("URI=\"#body\"", ""),
        ("URI=\"#body\"", "URI=\"#xpointer(id('body'))\""),
        ("URI=\"#body\"", "URI=\"http://example.org/\""),
        (exclusive, "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"),
        (
            "Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"",
            "Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xslt-19991116\"",
        ),
        ("http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2000/09/xmldsig#sha1"),
        ("#ecdsa-sha256", "#ecdsa-sha1"),
        ("#ecdsa-sha256", "#hmac-sha256"),
        ("<ds:SignatureValue>", "<ds:SignatureValue><!-- -->"),
        ("<ds:DigestValue>", "<ds:DigestValue><?p?>"),
        ("<ds:SignedInfo ", "<ds:SignedInfo/><ds:SignedInfo "),
        ("<ds:SignatureValue>", "text<ds:SignatureValue>"),
        ("</ds:Signature>", "<ds:KeyInfo/><ds:KeyInfo/></ds:Signature>"),
        ("</ds:Signature>", "<x/></ds:Signature>"),
        ("</s:Body>", "</s:Body><s:Body xmlns:s=\"urn:s\" xml:id=\"body\"/>"),
        ("u:Id=\"body\"", "u:Id=\"body\" xml:id=\"other\""),
    ] {
        assert!(text.contains(from), "{from}");
        let judged = judge(&text.replacen(from, to, 1), &ring_of(&key), &Policy::serve());
        assert!(matches!(judged.verdict, Verdict::Failed(_)), "{from} -> {to}: {:?}", judged.verdict);
    }
}

#[test]
fn an_enveloped_signature_inside_its_target_is_for_files_only() {
    let key = ec(Nid::X9_62_PRIME256V1);
    let signing = SigningKey::from_private(key.clone());
    let signer = Signer { key: &signing, name: None, certificates: &[] };
    let template = format!(
        "<d xml:id=\"d\">t<ds:Signature xmlns:ds=\"{}\"><ds:SignedInfo><ds:CanonicalizationMethod \
         Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/><ds:SignatureMethod Algorithm=\"{}\"/><ds:Reference \
         URI=\"#d\"><ds:Transforms><ds:Transform Algorithm=\"{}\"/><ds:Transform \
         Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/></ds:Transforms><ds:DigestMethod \
         Algorithm=\"{}\"/><ds:DigestValue/></ds:Reference></ds:SignedInfo><ds:SignatureValue/></ds:Signature></d>",
        ns::DS,
        SignatureMethod::Ecdsa(Digest::Sha256).uri(),
        algorithm::ENVELOPED,
        Digest::Sha256.uri()
    );
    let text = fill(&template, &signer, &Policy::default());
    let judged = judge(&text, &ring_of(&key), &Policy::default());
    assert!(judged.is_valid());
    assert!(!judge(&text, &ring_of(&key), &Policy::serve()).is_valid());
    // What was cut out is not covered.
    let document = parse(&text);
    let judged = judge_with(&document, &ring_of(&key), None, &Policy::default()).remove(0);
    let covered: Vec<_> = judged.covered().collect();
    assert_eq!(covered.len(), 1);
    assert!(!verify::covers(&document, covered[0], judged.node, judged.node));
    let text_node = document.first_child(document.document_element()).unwrap();
    assert!(verify::covers(&document, covered[0], text_node, judged.node));
}

#[test]
fn counts_are_bounded_before_anything_is_computed() {
    let reference = "<ds:Reference URI=\"#x\"><ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/>\
                     <ds:DigestValue>AAAA</ds:DigestValue></ds:Reference>";
    let text = format!(
        "<d><ds:Signature xmlns:ds=\"{}\"><ds:SignedInfo><ds:CanonicalizationMethod \
         Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/><ds:SignatureMethod \
         Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256\"/>{}</ds:SignedInfo>\
         <ds:SignatureValue>AAAA</ds:SignatureValue></ds:Signature></d>",
        ns::DS,
        reference.repeat(257)
    );
    let document = parse(&text);
    let node: NodeId = verify::outermost_signatures(&document)[0];
    let refused = Signature::parse(&document, node, &Policy::default()).unwrap_err();
    assert!(matches!(refused, super::Error::Limit { limit: 256, .. }), "{refused}");
}

#[test]
fn only_outermost_signatures_are_judged() {
    let nested =
        format!("<a xmlns:d=\"{}\"><d:Signature><d:Signature/></d:Signature><b><d:Signature/></b></a>", ns::DS);
    assert_eq!(verify::outermost_signatures(&parse(&nested)).len(), 2);
}
