//! What we close, we open: every pair of algorithms, and every refusal that must come before a key is used.

use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private, Public};
use openssl::rsa::Rsa;
use zeroize::Zeroizing;

use super::encrypt::{concat_kdf, write_encrypted_data, write_encrypted_key};
use super::*;
use crate::xml::{Document, NodeId, Options, ns, parse};
use crate::xmlsec::algorithm::{self, Cipher, Digest, KeyTransport, KeyWrap, Level};
use crate::xmlsec::policy::Policy;

const CLEAR: &[u8] = b"<LPCO>KR-2026-000123</LPCO>";

fn public(key: &PKey<Private>) -> PKey<Public> {
    PKey::public_key_from_der(&key.public_key_to_der().unwrap()).unwrap()
}

fn rsa() -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap()
}

fn ec(nid: Nid) -> PKey<Private> {
    PKey::from_ec_key(EcKey::generate(&EcGroup::from_curve_name(nid).unwrap()).unwrap()).unwrap()
}

fn document(octets: Vec<u8>) -> Document {
    parse(octets, &Options::default()).unwrap()
}

fn find(doc: &Document, local: &str) -> NodeId {
    doc.descendants(doc.root()).find(|node| doc.is(*node, ns::XENC, local)).unwrap()
}

/// A message as partners write it: the key in a header, the data elsewhere.
fn sealed(recipient: &PKey<Public>, management: &KeyManagement, cipher: Cipher) -> Vec<u8> {
    let content_key = ContentKey::random(cipher).unwrap();
    let mut out = b"<m><h>".to_vec();
    let parts = EncryptedKeyParts { id: Some("ek"), references: &["ed"], ..EncryptedKeyParts::default() };
    let recipient = Recipient::new(recipient.clone(), Vec::new());
    write_encrypted_key(&mut out, &content_key, &recipient, management, &parts).unwrap();
    out.extend_from_slice(b"</h><b>");
    let parts = EncryptedDataParts {
        id: Some("ed"),
        data_type: DataType::Element,
        mime_type: None,
        key_reference: KeyReference::SecurityTokenReference("ek"),
    };
    let method = DataMethod::fresh(cipher).unwrap();
    write_encrypted_data(&mut out, CLEAR, &content_key, &method, &parts).unwrap();
    out.extend_from_slice(b"</b></m>");
    out
}

fn open(octets: Vec<u8>, key: &DecryptionKey, policy: &Policy) -> Result<Zeroizing<Vec<u8>>, Error> {
    let doc = document(octets);
    let encrypted_key = EncryptedKey::parse(&doc, find(&doc, "EncryptedKey"), policy)?;
    let data = EncryptedData::parse(&doc, find(&doc, "EncryptedData"), policy)?;
    let content_key = decrypt_key(&doc, &encrypted_key, key, Some(data.method.cipher), &nobody, policy)?;
    decrypt_data(&doc, &data, &content_key)
}

#[test]
fn rsa_opens_with_every_transport_and_cipher_at_its_level() {
    let key = rsa();
    let ours = DecryptionKey::from_private(&key).unwrap();
    let digests: Vec<_> = algorithm::OAEP_DIGESTS.iter().map(|row| row.value).collect();
    let masks: Vec<_> = algorithm::MASK_GENERATIONS.iter().map(|row| row.value).collect();
    let mut transports = vec![(KeyTransport::Rsa15, Digest::Sha1, Digest::Sha1)];
    for digest in digests {
        transports.push((KeyTransport::RsaOaepMgf1p, digest, Digest::Sha1));
        transports.extend(masks.iter().map(|mask| (KeyTransport::RsaOaep, digest, *mask)));
    }
    for (algorithm, digest, mgf1) in transports {
        for label in [&b""[..], b"label"] {
            let transport = Transport { algorithm, digest, mgf1, label: label.to_vec() };
            let management = KeyManagement { transport, ..KeyManagement::default() };
            let octets = sealed(&public(&key), &management, Cipher::Aes256Gcm);
            assert_eq!(*open(octets, &ours, &Policy::legacy()).unwrap(), CLEAR, "{management:?}");
        }
    }
    for row in algorithm::CIPHERS {
        let octets = sealed(&public(&key), &KeyManagement::default(), row.value);
        assert_eq!(*open(octets.clone(), &ours, &Policy::legacy()).unwrap(), CLEAR, "{}", row.name);
        assert_eq!(open(octets, &ours, &Policy::serve()).is_ok(), row.level == Level::Serve, "{}", row.name);
    }
}

#[test]
fn agreement_opens_with_every_curve_derivation_and_wrap() {
    let mut derivations: Vec<Derivation> =
        algorithm::KDF_DIGESTS.iter().map(|row| concat_kdf(row.value, KeyWrap::Aes128)).collect();
    for row in algorithm::KDF_HMACS {
        let (salt, info) = (vec![1; 16], b"info".to_vec());
        derivations.push(Derivation::Hkdf { digest: row.value, salt: salt.clone(), info, key_bytes: None });
        derivations.push(Derivation::Hkdf { digest: row.value, salt: vec![], info: vec![], key_bytes: None });
        derivations.push(Derivation::Pbkdf2 { digest: row.value, salt, iterations: 10, key_bytes: None });
    }
    let curves = [
        (ec(Nid::X9_62_PRIME256V1), true),
        (ec(Nid::SECP384R1), true),
        (PKey::generate_x25519().unwrap(), true),
        (ec(Nid::SECP521R1), false),
        (PKey::generate_x448().unwrap(), false),
    ];
    for (key, served) in curves {
        let ours = DecryptionKey::from_private(&key).unwrap();
        for derivation in &derivations {
            let management = KeyManagement { derivation: derivation.clone(), ..KeyManagement::default() };
            let octets = sealed(&public(&key), &management, Cipher::Aes128Gcm);
            assert_eq!(*open(octets, &ours, &Policy::legacy()).unwrap(), CLEAR, "{derivation:?}");
        }
        for wrap in algorithm::KEY_WRAPS {
            let management = KeyManagement { wrap: wrap.value, ..KeyManagement::default() };
            let octets = sealed(&public(&key), &management, Cipher::Aes256Gcm);
            assert_eq!(*open(octets, &ours, &Policy::legacy()).unwrap(), CLEAR, "{}", wrap.name);
        }
        let octets = sealed(&public(&key), &KeyManagement::default(), Cipher::Aes256Gcm);
        assert_eq!(open(octets, &ours, &Policy::serve()).is_ok(), served);
    }
}

#[test]
fn a_failed_key_transport_goes_on_with_a_random_key() {
    // Design 2.2: a sender must not learn from us whether the key opened.
    let (key, other) = (rsa(), rsa());
    let doc = document(sealed(&public(&key), &KeyManagement::default(), Cipher::Aes256Gcm));
    let policy = Policy::serve();
    let encrypted_key = EncryptedKey::parse(&doc, find(&doc, "EncryptedKey"), &policy).unwrap();
    let data = EncryptedData::parse(&doc, find(&doc, "EncryptedData"), &policy).unwrap();
    let mut keys = Vec::new();
    for wrong in [&other, &ec(Nid::X9_62_PRIME256V1)] {
        let wrong = DecryptionKey::from_private(wrong).unwrap();
        let (key, reason) = decrypt_key_or_random(&doc, &encrypted_key, &wrong, Cipher::Aes256Gcm, &policy).unwrap();
        assert!(reason.is_some());
        assert!(matches!(decrypt_data(&doc, &data, &key), Err(error) if error.kind() == Kind::Failed));
        keys.push(key.octets().to_vec());
    }
    assert_ne!(keys[0], keys[1]);
    let right = DecryptionKey::from_private(&key).unwrap();
    let (key, reason) = decrypt_key_or_random(&doc, &encrypted_key, &right, Cipher::Aes256Gcm, &policy).unwrap();
    assert!(reason.is_none());
    assert_eq!(*decrypt_data(&doc, &data, &key).unwrap(), CLEAR);
}

#[test]
fn structure_is_refused_before_any_key_is_used() {
    let data = |inside: &str| {
        format!("<e:EncryptedData xmlns:e=\"{}\" xmlns:d=\"{}\">{inside}</e:EncryptedData>", ns::XENC, ns::DS)
    };
    let method = "<e:EncryptionMethod Algorithm=\"http://www.w3.org/2009/xmlenc11#aes256-gcm\"/>";
    let value = "<e:CipherData><e:CipherValue>AAAA</e:CipherValue></e:CipherData>";
    let try_it = |text: String| {
        let doc = document(text.into_bytes());
        EncryptedData::parse(&doc, doc.document_element(), &Policy::default())
    };
    assert!(try_it(data(&format!("{method}{value}"))).is_ok());
    assert!(try_it(data(&format!("<!-- c --> {method}\n{value} <?p i?>"))).is_ok());
    for bad in [
        String::new(),
        value.to_owned(),
        method.to_owned(),
        format!("{value}{method}"),
        format!("{method}{method}{value}"),
        format!("{method}{value}{value}"),
        format!("{method}text{value}"),
        format!("{method}<x/>{value}"),
        format!("{method}{value}<e:CarriedKeyName>n</e:CarriedKeyName>"),
        format!("{method}<e:CipherData/>"),
        format!("{method}<e:CipherData><e:CipherReference/></e:CipherData>"),
        format!("<e:EncryptionMethod/>{value}"),
        format!(
            "<e:EncryptionMethod Algorithm=\"http://www.w3.org/2009/xmlenc11#aes256-gcm\"><e:KeySize>128</e:KeySize></e:EncryptionMethod>{value}"
        ),
        format!(
            "<e:EncryptionMethod Algorithm=\"http://www.w3.org/2009/xmlenc11#aes256-gcm\"><x/></e:EncryptionMethod>{value}"
        ),
        format!("<e:EncryptionMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#aes128-cbc\"/>{value}"),
        format!("<e:EncryptionMethod Algorithm=\"urn:rot13\"/>{value}"),
    ] {
        let refused = try_it(data(&bad));
        assert!(matches!(&refused, Err(e) if matches!(e.kind(), Kind::Structure | Kind::Policy)), "{bad}");
    }
}
