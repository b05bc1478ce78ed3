//! `ds:KeyValue` (XML Signature 1.1 §4.5.2): RSA, DSA and EC keys written out, the EC form of RFC 4050 included.

use openssl::asn1::Asn1Object;
use openssl::bn::{BigNum, BigNumContext};
use openssl::dsa::Dsa;
use openssl::ec::{EcGroup, EcKey, EcPoint};
use openssl::nid::Nid;
use openssl::pkey::{PKey, PKeyRef, Public};
use openssl::rsa::Rsa;

use super::error::Error;
use crate::xml::{Document, NodeId, ns};
use crate::xmlsec::key;
use crate::xmlsec::read::{self, BadStructure, encode_base64};

/// Namespace of RFC 4050 `ECDSAKeyValue`.
const RFC4050: &str = "http://www.w3.org/2001/04/xmldsig-more#";
/// Octets of one number: RSA of 16,384 bits.
const NUMBER_BYTES_MAX: usize = 2_100;

/// The public key in the `ds:KeyValue` at `node`, or in the `RSAKeyValue` and so on at `node` itself, which a
/// `ds:RetrievalMethod` may point at.
///
/// # Errors
/// When there is no key of a known kind, or its parts do not make one.
pub fn parse(document: &Document, node: NodeId) -> Result<PKey<Public>, Error> {
    let value = if document.is(node, ns::DS, "KeyValue") {
        match read::elements(document, node)?.as_slice() {
            [only] => *only,
            _ => return Err(BadStructure::new(document, node, "expected exactly one key value").into()),
        }
    } else {
        node
    };
    let key = match (document.ns(value), document.local(value)) {
        (ns::DS, "RSAKeyValue") => rsa(document, value)?,
        (ns::DS, "DSAKeyValue") => dsa(document, value)?,
        (ns::DSIG11, "ECKeyValue") => ec(document, value)?,
        (RFC4050, "ECDSAKeyValue") => ecdsa_rfc4050(document, value)?,
        _ => return Err(BadStructure::new(document, value, "no key value of a known kind").into()),
    };
    Ok(key)
}

/// A child that holds a number as `ds:CryptoBinary`.
pub(crate) fn number(document: &Document, parent: NodeId, local: &str) -> Result<Option<BigNum>, Error> {
    let Some(node) = document.elements(parent).find(|node| document.local(*node) == local) else { return Ok(None) };
    let octets = read::base64(document, node)?;
    if octets.len() > NUMBER_BYTES_MAX {
        let at = document.position(node);
        return Err(Error::Limit { what: "octets of a number", limit: NUMBER_BYTES_MAX, at });
    }
    Ok(Some(BigNum::from_slice(&octets)?))
}

fn required(document: &Document, parent: NodeId, local: &'static str) -> Result<BigNum, Error> {
    number(document, parent, local)?
        .ok_or_else(|| BadStructure::new(document, parent, format!("expected {local}")).into())
}

fn rsa(document: &Document, node: NodeId) -> Result<PKey<Public>, Error> {
    let (modulus, exponent) = (required(document, node, "Modulus")?, required(document, node, "Exponent")?);
    Ok(PKey::from_rsa(Rsa::from_public_components(modulus, exponent)?)?)
}

fn dsa(document: &Document, node: NodeId) -> Result<PKey<Public>, Error> {
    let (p, q) = (required(document, node, "P")?, required(document, node, "Q")?);
    let (g, y) = (required(document, node, "G")?, required(document, node, "Y")?);
    Ok(PKey::from_dsa(Dsa::from_public_components(p, q, g, y)?)?)
}

/// OpenSSL's number of the curve of a `urn:oid:...`.
pub(crate) fn known_curve(urn: &str) -> Option<Nid> {
    let oid = urn.strip_prefix("urn:oid:").filter(|oid| oid.len() <= 64)?;
    let plain = oid.bytes().all(|octet| octet.is_ascii_digit() || octet == b'.');
    let nid = Asn1Object::from_str(oid).ok().filter(|_| plain)?.nid();
    (nid != Nid::UNDEF).then_some(nid)
}

/// The curve of `urn:oid:1.2.840.10045.3.1.7`.
fn curve(document: &Document, node: NodeId, urn: Option<&str>) -> Result<EcGroup, Error> {
    let bad = |what: &str| BadStructure::new(document, node, what.to_owned());
    let nid = urn.and_then(known_curve).ok_or_else(|| bad("expected the urn:oid:... of a known curve"))?;
    Ok(EcGroup::from_curve_name(nid)?)
}

/// Curves that explicit parameters may spell out.
const CURVES: [Nid; 10] = [
    Nid::X9_62_PRIME256V1,
    Nid::SECP384R1,
    Nid::SECP521R1,
    Nid::SECP224R1,
    Nid::X9_62_PRIME192V1,
    Nid::SECP256K1,
    Nid::BRAINPOOL_P256R1,
    Nid::BRAINPOOL_P320R1,
    Nid::BRAINPOOL_P384R1,
    Nid::BRAINPOOL_P512R1,
];

/// The known curve that the `dsig11:ECParameters` at `node` spell out (§4.5.2.3.2): prime, coefficients, base point,
/// order and cofactor all agree. Of any other the sender chose the curve, and so may know every private key on it
/// (CVE-2020-0601). The seed proves nothing about a known curve and is read over.
///
/// # Errors
/// When it is none, or a part is missing.
pub(crate) fn spelled_out(document: &Document, node: NodeId) -> Result<EcGroup, Error> {
    let child = |parent, local: &'static str| -> Result<NodeId, Error> {
        let found = document.elements(parent).find(|child| document.is(*child, ns::DSIG11, local));
        found.ok_or_else(|| BadStructure::new(document, parent, format!("expected {local}")).into())
    };
    let prime = required(document, child(child(node, "FieldID")?, "Prime")?, "P")?;
    let curve = child(node, "Curve")?;
    let (a, b) = (required(document, curve, "A")?, required(document, curve, "B")?);
    let base = read::base64(document, child(node, "Base")?)?;
    let order = required(document, node, "Order")?;
    if let Ok(cofactor) = child(node, "CoFactor")
        && read::leaf(document, cofactor)?.trim() != "1"
    {
        return Err(BadStructure::new(document, cofactor, "expected 1").into());
    }
    let mut context = BigNumContext::new()?;
    for nid in CURVES {
        let Ok(group) = EcGroup::from_curve_name(nid) else { continue };
        let (mut p, mut x, mut y, mut n) = (BigNum::new()?, BigNum::new()?, BigNum::new()?, BigNum::new()?);
        group.components_gfp(&mut p, &mut x, &mut y, &mut context)?;
        group.order(&mut n, &mut context)?;
        if p != prime || x != a || y != b || n != order {
            continue;
        }
        let base = EcPoint::from_bytes(&group, &base, &mut context)?;
        let Some(generator) = group.generator_opt() else { continue };
        if generator.eq(&group, &base, &mut context)? {
            return Ok(group);
        }
    }
    Err(BadStructure::new(document, node, "its parameters are those of no known curve").into())
}

/// §4.5.2.3.
fn ec(document: &Document, node: NodeId) -> Result<PKey<Public>, Error> {
    let find = |local| document.elements(node).find(|child| document.is(*child, ns::DSIG11, local));
    let group = match (find("NamedCurve"), find("ECParameters")) {
        (Some(named), None) => curve(document, named, document.attribute(named, "", "URI"))?,
        (None, Some(parameters)) => spelled_out(document, parameters)?,
        _ => return Err(BadStructure::new(document, node, "expected NamedCurve or ECParameters").into()),
    };
    let public = find("PublicKey").ok_or_else(|| BadStructure::new(document, node, "expected PublicKey"))?;
    let octets = read::base64(document, public)?;
    let mut context = BigNumContext::new()?;
    let point = EcPoint::from_bytes(&group, &octets, &mut context)?;
    ec_key(&group, &point)
}

/// RFC 4050 §3.1: coordinates in decimal.
fn ecdsa_rfc4050(document: &Document, node: NodeId) -> Result<PKey<Public>, Error> {
    let find = |parent, local| document.elements(parent).find(|child| document.is(*child, RFC4050, local));
    let bad = |what: &str| BadStructure::new(document, node, what.to_owned());
    let named = find(node, "DomainParameters")
        .and_then(|parameters| find(parameters, "NamedCurve"))
        .ok_or_else(|| bad("expected DomainParameters with NamedCurve"))?;
    let group = curve(document, named, document.attribute(named, "", "URN"))?;
    let public = find(node, "PublicKey").ok_or_else(|| bad("expected PublicKey"))?;
    let coordinate = |local| -> Result<BigNum, Error> {
        let value = find(public, local).and_then(|child| document.attribute(child, "", "Value")).map(str::trim);
        let value = value.filter(|text| text.len() <= 200 && text.bytes().all(|octet| octet.is_ascii_digit()));
        Ok(BigNum::from_dec_str(value.ok_or_else(|| bad("expected X and Y with a decimal Value"))?)?)
    };
    let (x, y) = (coordinate("X")?, coordinate("Y")?);
    let key = EcKey::from_public_key_affine_coordinates(&group, &x, &y)?;
    key.check_key()?;
    Ok(PKey::from_ec_key(key)?)
}

fn ec_key(group: &EcGroup, point: &EcPoint) -> Result<PKey<Public>, Error> {
    let key = EcKey::from_public_key(group, point)?;
    key.check_key()?;
    Ok(PKey::from_ec_key(key)?)
}

/// `ds:KeyValue` of a public key, written with the prefix `ds`; `dsig11:DEREncodedKeyValue` where no form exists.
///
/// # Errors
/// When OpenSSL cannot write the key.
pub fn write(key: &PKeyRef<Public>) -> Result<String, key::Error> {
    use openssl::pkey::Id;
    let bin = |number: &openssl::bn::BigNumRef| encode_base64(&number.to_vec());
    Ok(match key.id() {
        Id::RSA | Id::RSA_PSS => {
            let rsa = key.rsa()?;
            format!(
                "<ds:KeyValue><ds:RSAKeyValue><ds:Modulus>{}</ds:Modulus><ds:Exponent>{}</ds:Exponent></ds:RSAKeyValue></ds:KeyValue>",
                bin(rsa.n()),
                bin(rsa.e())
            )
        }
        Id::DSA => {
            let dsa = key.dsa()?;
            format!(
                "<ds:KeyValue><ds:DSAKeyValue><ds:P>{}</ds:P><ds:Q>{}</ds:Q><ds:G>{}</ds:G><ds:Y>{}</ds:Y></ds:DSAKeyValue></ds:KeyValue>",
                bin(dsa.p()),
                bin(dsa.q()),
                bin(dsa.g()),
                bin(dsa.pub_key())
            )
        }
        Id::EC => match write_ec(key)? {
            Some(text) => text,
            None => write_der(key)?,
        },
        _ => write_der(key)?,
    })
}

fn write_ec(key: &PKeyRef<Public>) -> Result<Option<String>, key::Error> {
    let ec = key.ec_key()?;
    let oid = match ec.group().curve_name() {
        Some(Nid::X9_62_PRIME256V1) => "1.2.840.10045.3.1.7",
        Some(Nid::SECP384R1) => "1.3.132.0.34",
        Some(Nid::SECP521R1) => "1.3.132.0.35",
        _ => return Ok(None),
    };
    let mut context = BigNumContext::new()?;
    let form = openssl::ec::PointConversionForm::UNCOMPRESSED;
    let point = ec.public_key().to_bytes(ec.group(), form, &mut context)?;
    Ok(Some(format!(
        "<ds:KeyValue><dsig11:ECKeyValue xmlns:dsig11=\"{}\"><dsig11:NamedCurve URI=\"urn:oid:{oid}\"></dsig11:NamedCurve><dsig11:PublicKey>{}</dsig11:PublicKey></dsig11:ECKeyValue></ds:KeyValue>",
        ns::DSIG11,
        encode_base64(&point)
    )))
}

fn write_der(key: &PKeyRef<Public>) -> Result<String, key::Error> {
    Ok(format!(
        "<dsig11:DEREncodedKeyValue xmlns:dsig11=\"{}\">{}</dsig11:DEREncodedKeyValue>",
        ns::DSIG11,
        encode_base64(&key.public_key_to_der()?)
    ))
}
