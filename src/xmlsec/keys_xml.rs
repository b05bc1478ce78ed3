//! `keys.xml` of the xmlsec program: `ds:KeyInfo` elements, each with a `ds:KeyName` and a value.
//!
//! Symmetric keys stand in elements of that program's own namespace (`AESKeyValue`, `HMACKeyValue`, `DESKeyValue`), and so
//! do the private parts of the others (`PrivateExponent`, `X`).

use openssl::dsa::Dsa;
use openssl::pkey::PKey;
use openssl::rsa::RsaPrivateKeyBuilder;
use openssl::x509::{X509, X509VerifyResult};
use zeroize::Zeroizing;

use super::dsig::{key_value, x509_data::X509Data};
use super::key::{Error, Key, Material};
use super::policy::Policy;
use super::read;
use crate::xml::{Document, NodeId, Options, ns};

const ALEKSEY: &str = "http://www.aleksey.com/xmlsec/2002";

/// The keys in a `keys.xml`.
///
/// # Errors
/// [`Error::BadValue`] when it is no such file, or a key in it is broken.
pub fn load(octets: Vec<u8>, what: &str) -> Result<Vec<Key>, Error> {
    let bad = |why: String| Error::BadValue { what: what.to_owned(), why };
    let document = crate::xml::parse(octets, &Options::default()).map_err(|why| bad(why.to_string()))?;
    let mut keys = Vec::new();
    for node in document.descendants(document.document_element()) {
        if document.is(node, ns::DS, "KeyInfo") {
            keys.extend(key_info(&document, node).map_err(bad)?);
        }
    }
    Ok(keys)
}

fn key_info(document: &Document, node: NodeId) -> Result<Option<Key>, String> {
    let mut name = None;
    let mut key = None;
    for child in document.elements(node) {
        match (document.ns(child), document.local(child)) {
            (ns::DS, "KeyName") => name = Some(document.text_content(child).trim().to_owned()),
            (ns::DS, "KeyValue") => key = value(document, child)?.or(key),
            (ns::DS, "X509Data") => {
                let data = X509Data::parse(document, child, &Policy::legacy()).map_err(|why| why.to_string())?;
                let certificates = data.parsed_certificates();
                key = from_certificates(certificates)?.or(key);
            }
            (ns::DSIG11, "DEREncodedKeyValue") => key = Some(encoded(document, child)?),
            _ => {}
        }
    }
    Ok(key.map(|key| Key { name, ..key }))
}

/// The key of the certificate that issued none of the others, in whatever order they stand.
fn from_certificates(mut certificates: Vec<X509>) -> Result<Option<Key>, String> {
    let issued_another = |one: &X509| {
        certificates
            .iter()
            .any(|other| one.issued(other) == X509VerifyResult::OK && one.to_der().ok() != other.to_der().ok())
    };
    if let Some(at) = certificates.iter().position(|one| !issued_another(one)) {
        certificates.swap(0, at);
    }
    let Some(first) = certificates.first() else { return Ok(None) };
    let public = first.public_key().map_err(|why| why.to_string())?;
    Ok(Some(Key { name: None, material: Material::Public(public), certificates }))
}

/// `dsig11:DEREncodedKeyValue`.
fn encoded(document: &Document, node: NodeId) -> Result<Key, String> {
    let der = read::base64(document, node).map_err(|why| why.to_string())?;
    let public = PKey::public_key_from_der(&der).map_err(|why| why.to_string())?;
    Ok(Key { name: None, material: Material::Public(public), certificates: Vec::new() })
}

fn value(document: &Document, node: NodeId) -> Result<Option<Key>, String> {
    let Some(value) = document.elements(node).next() else { return Ok(None) };
    // The schema has it beside KeyValue; programs write it inside as well.
    if document.is(value, ns::DSIG11, "DEREncodedKeyValue") {
        return encoded(document, value).map(Some);
    }
    if document.ns(value) == ALEKSEY {
        let octets = read::base64(document, value).map_err(|why| why.to_string())?;
        if octets.is_empty() {
            return Err(format!("an empty {}", super::policy::shortened(document.local(value))));
        }
        return Ok(Some(Key::secret(None, Zeroizing::new(octets))));
    }
    let text = |why: super::dsig::Error| why.to_string();
    let number = |local| key_value::number(document, value, local).map_err(text);
    let openssl = |why: openssl::error::ErrorStack| why.to_string();
    let material = match document.local(value) {
        "RSAKeyValue" => match (number("Modulus")?, number("Exponent")?, number("PrivateExponent")?) {
            (Some(n), Some(e), Some(d)) => {
                let rsa = RsaPrivateKeyBuilder::new(n, e, d).map_err(openssl)?.build();
                Some(Material::Private(PKey::from_rsa(rsa).map_err(openssl)?))
            }
            _ => None,
        },
        "DSAKeyValue" => match (number("P")?, number("Q")?, number("G")?, number("X")?, number("Y")?) {
            (Some(p), Some(q), Some(g), Some(x), Some(y)) => {
                let dsa = Dsa::from_private_components(p, q, g, x, y).map_err(openssl)?;
                Some(Material::Private(PKey::from_dsa(dsa).map_err(openssl)?))
            }
            _ => None,
        },
        _ => None,
    };
    let material = match material {
        Some(material) => material,
        None => Material::Public(key_value::parse(document, node).map_err(text)?),
    };
    Ok(Some(Key { name: None, material, certificates: Vec::new() }))
}

#[cfg(test)]
mod tests {
    use super::super::dsig::tests::{Authority, certificate, ec};
    use super::*;
    use crate::xmlsec::read::encode_base64;

    #[test]
    fn the_key_is_that_of_the_certificate_that_issued_no_other() {
        let (ca_key, key) = (ec(openssl::nid::Nid::X9_62_PRIME256V1), ec(openssl::nid::Nid::X9_62_PRIME256V1));
        let ca = Authority { certificate: certificate("ca", &ca_key, None, 20_000), key: ca_key };
        let leaf = certificate("signer", &key, Some(&ca), 100);
        let mut chain = [ca.certificate.to_der().unwrap(), leaf.to_der().unwrap()];
        for _ in 0..2 {
            chain.reverse();
            let inside: String =
                chain.iter().map(|der| format!("<X509Certificate>{}</X509Certificate>", encode_base64(der))).collect();
            let text = format!(
                "<Keys xmlns=\"{ALEKSEY}\"><KeyInfo xmlns=\"{}\"><KeyName>k</KeyName><X509Data>{inside}</X509Data></KeyInfo></Keys>",
                ns::DS
            );
            let keys = load(text.into_bytes(), "keys.xml").unwrap();
            assert!(keys.len() == 1 && keys[0].public().unwrap().unwrap().public_eq(&key));
            assert_eq!(keys[0].certificates.len(), 2);
        }
    }

    #[test]
    fn an_empty_secret_is_no_key() {
        let file = |octets: &str| {
            let key = format!("<HMACKeyValue xmlns=\"{ALEKSEY}\">{octets}</HMACKeyValue>");
            format!("<KeyInfo xmlns=\"{}\"><KeyName>k</KeyName><KeyValue>{key}</KeyValue></KeyInfo>", ns::DS)
                .into_bytes()
        };
        assert_eq!(load(file("AA=="), "keys.xml").unwrap().len(), 1);
        assert!(load(file(""), "keys.xml").is_err());
    }

    #[test]
    fn a_key_in_der_may_stand_inside_key_value_or_beside_it() {
        let key = ec(openssl::nid::Nid::SECP384R1);
        let der = encode_base64(&key.public_key_to_der().unwrap());
        let file =
            |inside: &str| format!("<KeyInfo xmlns=\"{}\"><KeyName>k</KeyName>{inside}</KeyInfo>", ns::DS).into_bytes();
        let encoded = |der: &str| format!("<DEREncodedKeyValue xmlns=\"{}\">{der}</DEREncodedKeyValue>", ns::DSIG11);
        for inside in [encoded(&der), format!("<KeyValue>{}</KeyValue>", encoded(&der))] {
            let keys = load(file(&inside), "keys.xml").unwrap();
            assert!(keys.len() == 1 && keys[0].public().unwrap().unwrap().public_eq(&key));
            assert_eq!(keys[0].name.as_deref(), Some("k"));
        }
        assert!(load(file(&format!("<KeyValue>{}</KeyValue>", encoded("AAAA"))), "keys.xml").is_err());
    }
}
