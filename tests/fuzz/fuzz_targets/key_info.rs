//! KeyInfo: certificates, revocation lists and keys that a document brings, in every place where it may bring them. Octets
//! that are no XML stand in the leaves as DER or points; XML stands in KeyInfo as it is.
#![no_main]

use std::sync::OnceLock;

use coconnect::pki::{Certificate, Crl};
use coconnect::soap::wss::{Recipient, Signer};
use coconnect::xml::{Options, parse};
use coconnect::xmlsec::dsig::token::DocumentTokens;
use coconnect::xmlsec::dsig::verify::{Steps, outermost_signatures, verify};
use coconnect::xmlsec::dsig::{Context, IdAttributes, IdIndex, KeyInfo, KeySource, Trust, UrlMap};
use coconnect::xmlsec::{KeyInfoForms, KeyRing, Policy, base64};
use coconnect_fuzz::{authority, now, ring};
use libfuzzer_sys::fuzz_target;

const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
const DSIG11: &str = "http://www.w3.org/2009/xmldsig11#";
const WSSE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const WSU: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
const PROFILE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0";

fuzz_target!(|octets: &[u8]| {
    static FIXED: OnceLock<(KeyRing, Trust)> = OnceLock::new();
    let (ring, trust) = FIXED.get_or_init(|| {
        let trust = Trust { anchors: vec![authority()], untrusted: vec![authority()], crls: Vec::new(), at: now() };
        (ring(), trust)
    });
    let inside = match octets.first() {
        Some(b'<') => String::from_utf8_lossy(octets).into_owned(),
        _ => {
            let _ = (Certificate::from_octets(octets), Crl::from_octets(octets));
            let _ = (Signer::from_der(octets).map(drop), Recipient::from_der(octets).map(drop));
            leaves(octets)
        }
    };
    let text = format!(
        "<r xmlns:ds=\"{DS}\" xmlns:dsig11=\"{DSIG11}\" xmlns:wsse=\"{WSSE}\" xmlns:wsu=\"{WSU}\"><ds:Signature>\
         <ds:SignedInfo><ds:CanonicalizationMethod Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>\
         <ds:SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256\"/>\
         <ds:Reference URI=\"#t\"><ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/>\
         <ds:DigestValue>AAAA</ds:DigestValue></ds:Reference></ds:SignedInfo>\
         <ds:SignatureValue>AAAA</ds:SignatureValue><ds:KeyInfo Id=\"k\">{inside}</ds:KeyInfo></ds:Signature></r>"
    );
    let Ok(document) = parse(text.into_bytes(), &Options::default()) else { return };
    let ids = IdIndex::build(&document, &IdAttributes::usual());
    let urls = UrlMap::from([("urn:there".to_owned(), octets.to_vec())]);
    let tokens = DocumentTokens { known: vec![authority()] };
    for (mut policy, trust) in [(Policy::legacy(), None), (Policy::default(), Some(trust)), (Policy::serve(), Some(trust))] {
        policy.key_info = KeyInfoForms::ANY;
        if trust.is_none() {
            policy.danger_accept_message_keys = KeyInfoForms::ANY;
        }
        let context =
            Context { document: &document, ids: &ids, policy: &policy, urls: &urls, tokens: Some(&tokens) };
        for node in outermost_signatures(&document).into_iter().take(2) {
            let judged = verify(&context, node, &KeySource { ring, trust, known: &[] }, Steps::All);
            assert!(!judged.is_valid(), "a value of three octets is nobody's");
        }
        for node in document.descendants(document.root()).filter(|node| document.is(*node, DS, "KeyInfo")).take(4) {
            let Ok(key_info) = KeyInfo::parse(&document, node, &policy) else { continue };
            for item in &key_info.items {
                let _ = item.public_key(&document);
            }
        }
    }
});

/// Every leaf of KeyInfo that holds octets, with these.
fn leaves(octets: &[u8]) -> String {
    let mut value = Vec::new();
    base64::encode_into(octets, &mut value);
    let value = String::from_utf8(value).expect("base64 is ASCII");
    format!(
        "<ds:X509Data><ds:X509Certificate>{value}</ds:X509Certificate><ds:X509CRL>{value}</ds:X509CRL></ds:X509Data>\
         <dsig11:DEREncodedKeyValue>{value}</dsig11:DEREncodedKeyValue>\
         <ds:KeyValue><dsig11:ECKeyValue><dsig11:NamedCurve URI=\"urn:oid:1.2.840.10045.3.1.7\"/>\
         <dsig11:PublicKey>{value}</dsig11:PublicKey></dsig11:ECKeyValue></ds:KeyValue>\
         <ds:KeyValue><ds:RSAKeyValue><ds:Modulus>{value}</ds:Modulus><ds:Exponent>AQAB</ds:Exponent></ds:RSAKeyValue></ds:KeyValue>\
         <ds:RetrievalMethod URI=\"urn:there\" Type=\"http://www.w3.org/2000/09/xmldsig#rawX509Certificate\"/>\
         <wsse:SecurityTokenReference><wsse:Embedded><wsse:BinarySecurityToken ValueType=\"{PROFILE}#X509v3\">{value}\
         </wsse:BinarySecurityToken></wsse:Embedded></wsse:SecurityTokenReference>\
         <wsse:SecurityTokenReference><wsse:Embedded><wsse:BinarySecurityToken ValueType=\"{PROFILE}#X509PKIPathv1\">{value}\
         </wsse:BinarySecurityToken></wsse:Embedded></wsse:SecurityTokenReference>\
         <wsse:SecurityTokenReference><wsse:Embedded><wsse:BinarySecurityToken ValueType=\"{PROFILE}#PKCS7\">{value}\
         </wsse:BinarySecurityToken></wsse:Embedded></wsse:SecurityTokenReference>"
    )
}
