//! Every way in which an originator of ECDH-ES may give its key (XML Encryption 1.1 §5.6.2), and what of it partners may use.

use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey, PointConversionForm};
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private, Public};

use super::encrypt::concat_kdf;
use super::*;
use crate::xml::{Options, ns, parse};
use crate::xmlsec::algorithm::{Cipher, Digest, KeyWrap};
use crate::xmlsec::base64;
use crate::xmlsec::dsig::tests::{Authority, certificate};
use crate::xmlsec::dsig::{IdAttributes, UrlMap};
use crate::xmlsec::key::{Key, KeyRing, Material};
use crate::xmlsec::policy::Policy;
use crate::xmlsec::provider::key_agreement::AgreementKey;

const CLEAR: &str = "<LPCO>KR-2026-000123</LPCO>";

fn ec(nid: Nid) -> PKey<Private> {
    PKey::from_ec_key(EcKey::generate(&EcGroup::from_curve_name(nid).unwrap()).unwrap()).unwrap()
}

fn public(key: &PKey<Private>) -> PKey<Public> {
    PKey::public_key_from_der(&key.public_key_to_der().unwrap()).unwrap()
}

fn point(key: &PKey<Private>, form: PointConversionForm) -> Vec<u8> {
    let key = key.ec_key().unwrap();
    key.public_key().to_bytes(key.group(), form, &mut BigNumContext::new().unwrap()).unwrap()
}

/// A message from `theirs` to `ours`, whose OriginatorKeyInfo has `originator` inside.
fn message(theirs: &PKey<Private>, ours: &PKey<Private>, originator: &str, parameters: &str) -> String {
    let secret = AgreementKey::new(theirs.clone()).unwrap().agree(&public(ours)).unwrap();
    let kek = concat_kdf(Digest::Sha256, KeyWrap::Aes128).derive(&secret, "", 16).unwrap();
    let Derivation::Concat { other_info, .. } = concat_kdf(Digest::Sha256, KeyWrap::Aes128) else { unreachable!() };
    let other_info: String = other_info.iter().map(|octet| format!("{octet:02X}")).collect();
    let wrapped = KeyWrap::Aes128.wrap_key(&kek, &[1; 16]).unwrap();
    let sealed = Cipher::Aes128Gcm.seal(&[1; 16], CLEAR.as_bytes(), &Default::default()).unwrap();
    format!(
        "<e:EncryptedData xmlns:e=\"{0}\" xmlns:d=\"{1}\" xmlns:x=\"{2}\" Type=\"{0}Element\"><e:EncryptionMethod Algorithm=\"{2}aes128-gcm\"/>\
         <d:KeyInfo><e:EncryptedKey><e:EncryptionMethod Algorithm=\"{0}kw-aes128\"/><d:KeyInfo>\
         <e:AgreementMethod Algorithm=\"{2}ECDH-ES\"><x:KeyDerivationMethod Algorithm=\"{2}ConcatKDF\">\
         <x:ConcatKDFParams AlgorithmID=\"00{other_info}\" PartyUInfo=\"\" PartyVInfo=\"\"{parameters}>\
         <d:DigestMethod Algorithm=\"{0}sha256\"/></x:ConcatKDFParams></x:KeyDerivationMethod>\
         <e:OriginatorKeyInfo>{originator}</e:OriginatorKeyInfo></e:AgreementMethod></d:KeyInfo>\
         <e:CipherData><e:CipherValue>{3}</e:CipherValue></e:CipherData></e:EncryptedKey></d:KeyInfo>\
         <e:CipherData><e:CipherValue>{4}</e:CipherValue></e:CipherData></e:EncryptedData>",
        ns::XENC,
        ns::DS,
        ns::XENC11,
        base64::encode(&wrapped),
        base64::encode(&sealed)
    )
}

fn opens(text: &str, ring: &KeyRing, policy: &Policy) -> bool {
    let mut doc = parse(text.as_bytes().to_vec(), &Options::default()).unwrap();
    let (keys, urls) = (Keys::new(ring), UrlMap::new());
    let decryptor = Decryptor { keys: &keys, policy, urls: &urls, ids: IdAttributes::usual() };
    decryptor.decrypt_document(&mut doc).is_ok() && doc.to_octets() == CLEAR.as_bytes()
}

fn ring(key: &PKey<Private>) -> KeyRing {
    let mut ring = KeyRing::new();
    ring.add(Key { name: None, material: Material::Private(key.clone()), certificates: Vec::new() });
    ring
}

fn key_value(oid: &str, point: &[u8]) -> String {
    format!(
        "<d:KeyValue><i:ECKeyValue xmlns:i=\"{}\"><i:NamedCurve URI=\"urn:oid:{oid}\"/><i:PublicKey>{}</i:PublicKey></i:ECKeyValue></d:KeyValue>",
        ns::DSIG11,
        base64::encode(point)
    )
}

#[test]
fn a_compressed_point_is_read_in_files_and_never_in_serve() {
    let (theirs, ours) = (ec(Nid::X9_62_PRIME256V1), ec(Nid::X9_62_PRIME256V1));
    let oid = "1.2.840.10045.3.1.7";
    let whole = key_value(oid, &point(&theirs, PointConversionForm::UNCOMPRESSED));
    let short = key_value(oid, &point(&theirs, PointConversionForm::COMPRESSED));
    let hybrid = key_value(oid, &point(&theirs, PointConversionForm::HYBRID));
    let mut beyond = vec![0xFF; 33];
    beyond[0] = 2;
    for (originator, file, serve) in
        [(whole, true, true), (short, true, false), (hybrid, false, false), (key_value(oid, &beyond), false, false)]
    {
        let text = message(&theirs, &ours, &originator, "");
        assert_eq!(opens(&text, &ring(&ours), &Policy::default()), file, "{originator}");
        assert_eq!(opens(&text, &ring(&ours), &Policy::serve()), serve, "{originator}");
    }
}

#[test]
fn other_curves_open_old_files_alone() {
    for (nid, oid) in [
        (Nid::SECP256K1, "1.3.132.0.10"),
        (Nid::BRAINPOOL_P256R1, "1.3.36.3.3.2.8.1.1.7"),
        (Nid::BRAINPOOL_P320R1, "1.3.36.3.3.2.8.1.1.9"),
        (Nid::BRAINPOOL_P384R1, "1.3.36.3.3.2.8.1.1.11"),
        (Nid::BRAINPOOL_P512R1, "1.3.36.3.3.2.8.1.1.13"),
        (Nid::SECP224R1, "1.3.132.0.33"),
    ] {
        let (theirs, ours) = (ec(nid), ec(nid));
        let whole = point(&theirs, PointConversionForm::UNCOMPRESSED);
        let encoded = format!(
            "<i:DEREncodedKeyValue xmlns:i=\"{}\">{}</i:DEREncodedKeyValue>",
            ns::DSIG11,
            base64::encode(&theirs.public_key_to_der().unwrap())
        );
        let mut off = whole.clone();
        *off.last_mut().unwrap() ^= 1;
        let short = key_value(oid, &point(&theirs, PointConversionForm::COMPRESSED));
        for originator in [&key_value(oid, &whole), &encoded, &short] {
            let text = message(&theirs, &ours, originator, "");
            assert!(opens(&text, &ring(&ours), &Policy::legacy()), "{oid}");
            assert!(!opens(&text, &ring(&ours), &Policy::default()), "{oid}");
            assert!(!opens(&text, &ring(&ours), &Policy::serve()), "{oid}");
        }
        for wrong in [key_value(oid, &off), key_value("1.2.840.10045.3.1.7", &whole), key_value("1.2.3.4", &whole)] {
            assert!(!opens(&message(&theirs, &ours, &wrong, ""), &ring(&ours), &Policy::legacy()), "{oid}");
        }
    }
}

#[test]
fn rfc_4050_gives_the_point_in_decimal() {
    let (theirs, ours) = (ec(Nid::SECP384R1), ec(Nid::SECP384R1));
    let key = theirs.ec_key().unwrap();
    let (mut x, mut y) = (BigNum::new().unwrap(), BigNum::new().unwrap());
    let mut context = BigNumContext::new().unwrap();
    key.public_key().affine_coordinates(key.group(), &mut x, &mut y, &mut context).unwrap();
    let value = |x: &BigNum, y: &BigNum| {
        format!(
            "<d:KeyValue><o:ECDSAKeyValue xmlns:o=\"http://www.w3.org/2001/04/xmldsig-more#\"><o:DomainParameters>\
             <o:NamedCurve URN=\"urn:oid:1.3.132.0.34\"/></o:DomainParameters><o:PublicKey><o:X Value=\"{x}\"/><o:Y Value=\"{y}\"/>\
             </o:PublicKey></o:ECDSAKeyValue></d:KeyValue>"
        )
    };
    let good = message(&theirs, &ours, &value(&x, &y), "");
    assert!(opens(&good, &ring(&ours), &Policy::default()));
    assert!(!opens(&good, &ring(&ours), &Policy::serve()));
    assert!(!opens(&message(&theirs, &ours, &value(&y, &x), ""), &ring(&ours), &Policy::default()));
}

#[test]
fn an_originator_may_be_named_by_a_certificate_that_the_caller_has() {
    let ca_key = ec(Nid::X9_62_PRIME256V1);
    let ca = Authority { certificate: certificate("ca", &ca_key, None, 20_000), key: ca_key };
    let (theirs, ours) = (ec(Nid::X9_62_PRIME256V1), ec(Nid::X9_62_PRIME256V1));
    let theirs_certified = certificate("originator", &theirs, Some(&ca), 100);
    let named = |common_name: &str| {
        format!(
            "<d:X509Data><d:X509SubjectName>CN={common_name},O=Customs\\, Test,C=KR</d:X509SubjectName></d:X509Data>"
        )
    };
    let mut both = ring(&ours);
    let material = Material::Public(theirs_certified.public_key().unwrap());
    both.add(Key { name: None, material, certificates: vec![theirs_certified] });
    let text = message(&theirs, &ours, &named("originator"), "");
    assert!(opens(&text, &both, &Policy::default()));
    assert!(!opens(&text, &both, &Policy::serve()));
    assert!(!opens(&text, &ring(&ours), &Policy::default()));
    assert!(!opens(&message(&theirs, &ours, &named("another"), ""), &both, &Policy::default()));
}

#[test]
fn an_attribute_that_concat_kdf_does_not_have_is_refused() {
    let (theirs, ours) = (ec(Nid::X9_62_PRIME256V1), ec(Nid::X9_62_PRIME256V1));
    let originator = key_value("1.2.840.10045.3.1.7", &point(&theirs, PointConversionForm::UNCOMPRESSED));
    for (parameters, good) in
        [("", true), (" SuppPubInfo=\"00\"", true), (" xml:id=\"p\"", true), (" PartyUinfo=\"0001\"", false)]
    {
        let text = message(&theirs, &ours, &originator, parameters);
        assert_eq!(opens(&text, &ring(&ours), &Policy::default()), good, "{parameters}");
    }
}
