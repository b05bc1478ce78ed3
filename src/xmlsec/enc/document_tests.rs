//! Every way in which a document may lead to its key, and every bound on following it.

use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use zeroize::Zeroizing;

use super::encrypt::{write_encrypted_data, write_encrypted_key};
use super::*;
use crate::xml::{Options, ns, parse};
use crate::xmlsec::algorithm::{Cipher, KeyWrap};
use crate::xmlsec::base64;
use crate::xmlsec::dsig::{IdAttributes, UrlMap};
use crate::xmlsec::key::{Key, KeyRing, Material};
use crate::xmlsec::policy::{KeyInfoForms, Policy};

const CLEAR: &str = "<LPCO>KR-2026-000123</LPCO>";

fn rsa() -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap()
}

fn ring(keys: &[(&str, Material)]) -> KeyRing {
    let mut ring = KeyRing::new();
    for (name, material) in keys {
        let name = (!name.is_empty()).then(|| (*name).to_owned());
        ring.add(Key { name, material: material.clone(), certificates: Vec::new() });
    }
    ring
}

fn secret(octet: u8, len: usize) -> Material {
    Material::Secret(Zeroizing::new(vec![octet; len]))
}

fn open_with(text: &str, ring: &KeyRing, policy: &Policy) -> Result<String, Error> {
    let mut doc = parse(text.as_bytes().to_vec(), &Options::default()).unwrap();
    let keys = Keys::new(ring);
    let urls: UrlMap = [("urn:file".to_owned(), sealed_octets())].into_iter().collect();
    let decryptor = Decryptor { keys: &keys, policy, urls: &urls, ids: IdAttributes::usual() };
    match decryptor.decrypt_document(&mut doc)?.clear {
        Clear::Document => Ok(String::from_utf8(doc.to_octets()).unwrap()),
        Clear::Octets(octets) => Ok(String::from_utf8(octets.to_vec()).unwrap()),
    }
}

fn open(text: &str, ring: &KeyRing) -> Result<String, Error> {
    open_with(text, ring, &Policy::legacy())
}

/// CLEAR under the key 1111..., AES-128-GCM.
fn sealed_octets() -> Vec<u8> {
    Cipher::Aes128Gcm.seal(&[1; 16], CLEAR.as_bytes(), &Default::default()).unwrap()
}

fn data(key_info: &str, cipher_data: &str) -> String {
    format!(
        "<e:EncryptedData xmlns:e=\"{}\" xmlns:d=\"{}\" Id=\"ed\" Type=\"http://www.w3.org/2001/04/xmlenc#Element\">\
         <e:EncryptionMethod Algorithm=\"http://www.w3.org/2009/xmlenc11#aes128-gcm\"/>{key_info}\
         <e:CipherData>{cipher_data}</e:CipherData></e:EncryptedData>",
        ns::XENC,
        ns::DS
    )
}

fn value() -> String {
    format!("<e:CipherValue>{}</e:CipherValue>", base64::encode(&sealed_octets()))
}

fn info(inside: &str) -> String {
    format!("<d:KeyInfo xmlns:d=\"{}\">{inside}</d:KeyInfo>", ns::DS)
}

/// The key 1111... wrapped under `kek`, an AES-128 key.
fn wrapped(kek: &[u8], key: &[u8], key_info: &str, more: &str, attributes: &str) -> String {
    let octets = KeyWrap::Aes128.wrap_key(kek, key).unwrap();
    format!(
        "<e:EncryptedKey xmlns:e=\"{}\"{attributes}><e:EncryptionMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#kw-aes128\"/>\
         {key_info}<e:CipherData><e:CipherValue>{}</e:CipherValue></e:CipherData>{more}</e:EncryptedKey>",
        ns::XENC,
        base64::encode(&octets)
    )
}

fn name(name: &str) -> String {
    info(&format!("<d:KeyName>{name}</d:KeyName>"))
}

#[test]
fn every_pointer_to_a_key_is_followed() {
    let kek = ring(&[("kek", secret(2, 16))]);
    let key = |more: &str, attributes: &str| wrapped(&[2; 16], &[1; 16], &name("kek"), more, attributes);
    let carried = "<e:CarriedKeyName> session </e:CarriedKeyName>";
    let listed = "<e:ReferenceList><e:DataReference URI=\"#ed\"/></e:ReferenceList>";
    let hash = base64::encode(&openssl::sha::sha1(&KeyWrap::Aes128.wrap_key(&[2; 16], &[1; 16]).unwrap()));
    let str_of = |inside: &str| {
        info(&format!("<w:SecurityTokenReference xmlns:w=\"{}\">{inside}</w:SecurityTokenReference>", ns::WSSE))
    };
    let identifier = format!(
        "<w:KeyIdentifier ValueType=\"http://docs.oasis-open.org/wss/oasis-wss-soap-message-security-1.1#EncryptedKeySHA1\">{hash}</w:KeyIdentifier>"
    );
    let reference = "<i:KeyInfoReference xmlns:i=\"http://www.w3.org/2009/xmldsig11#\" URI=\"#ki\"/>";
    let retrieval = "<d:RetrievalMethod URI=\"#ek\"/>";
    let referenced = format!("<d:KeyInfo xmlns:d=\"{}\" Id=\"ki\">{}</d:KeyInfo>", ns::DS, key("", ""));
    let filtered = format!(
        "<d:RetrievalMethod URI=\"#box\"><d:Transforms><d:Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xpath-19991116\">\
         <d:XPath xmlns:e=\"{}\">ancestor-or-self::e:EncryptedKey</d:XPath></d:Transform></d:Transforms></d:RetrievalMethod>",
        ns::XENC
    );
    for (what, info, beside) in [
        ("inline", info(&key("", "")), String::new()),
        (
            "two, the first not ours",
            info(&[wrapped(&[9; 16], &[1; 16], &name("other"), "", ""), key("", "")].concat()),
            String::new(),
        ),
        ("carried name", name("session"), key(carried, "")),
        ("retrieval", info(retrieval), key("", " Id=\"ek\"")),
        ("retrieval by xpointer", info("<d:RetrievalMethod URI=\"#xpointer(id('ek'))\"/>"), key("", " Id=\"ek\"")),
        ("retrieval of a KeyInfo", info("<d:RetrievalMethod URI=\"#ki\"/>"), referenced.clone()),
        ("retrieval through XPath", info(&filtered), format!("<box xml:id=\"box\">{}</box>", key("", ""))),
        ("key info reference", info(reference), referenced),
        ("token reference", str_of("<w:Reference URI=\"#ek\"/>"), key("", " Id=\"ek\"")),
        ("token hash", str_of(&identifier), key("", "")),
        ("reference list", String::new(), key(listed, "")),
        ("reference list beside another KeyInfo", name("unknown"), key(listed, "")),
        ("nothing at all", String::new(), key("", "")),
        (
            "nested",
            info(&wrapped(&[3; 16], &[1; 16], &info(&wrapped(&[2; 16], &[3; 16], &name("kek"), "", "")), "", "")),
            String::new(),
        ),
    ] {
        let text = format!("<m>{}{beside}</m>", data(&info, &value()));
        let clear = open(&text, &kek).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(clear.contains(CLEAR), "{what}: {clear}");
        // Its refused twin: without that form of KeyInfo nothing is found.
        let mut none = Policy::legacy();
        none.key_info = KeyInfoForms::NONE;
        assert!(open_with(&text, &kek, &none).is_err(), "{what}");
    }
}

#[test]
fn shared_keys_are_taken_by_name_and_only_from_old_files() {
    let text = data(&name("session"), &value());
    for (keys, opens) in [
        (ring(&[("session", secret(1, 16))]), true),
        (ring(&[("", secret(1, 16))]), true),
        // Where a wrong key is always noticed, another name is no reason to leave it closed.
        (ring(&[("other", secret(1, 16))]), true),
        (ring(&[("other", secret(2, 16))]), false),
        (ring(&[("session", secret(2, 16)), ("session", secret(1, 16))]), true),
        (ring(&[("session", secret(1, 32))]), false),
    ] {
        assert_eq!(open(&text, &keys).is_ok(), opens);
        assert!(open_with(&text, &keys, &Policy::default()).is_err());
        assert!(open_with(&text, &keys, &Policy::serve()).is_err());
    }
}

#[test]
fn a_secret_of_another_name_is_tried_only_where_a_wrong_key_is_noticed() {
    let octets = Cipher::Aes128Cbc.seal(&[1; 16], CLEAR.as_bytes(), &Default::default()).unwrap();
    let value_cbc = format!("<e:CipherValue>{}</e:CipherValue>", base64::encode(&octets));
    let cbc = data(&name("session"), &value_cbc)
        .replace("http://www.w3.org/2009/xmlenc11#aes128-gcm", "http://www.w3.org/2001/04/xmlenc#aes128-cbc");
    assert!(open(&cbc, &ring(&[("session", secret(1, 16))])).is_ok());
    assert!(open(&cbc, &ring(&[("other", secret(1, 16))])).is_err());
    // A key wrap notices.
    let wrapped = data(&info(&wrapped(&[2; 16], &[1; 16], &name("kek"), "", "")), &value());
    assert!(open(&wrapped, &ring(&[("other", secret(2, 16))])).unwrap().contains(CLEAR));
    assert!(open(&wrapped, &ring(&[("other", secret(3, 16))])).is_err());
    assert!(open_with(&wrapped, &ring(&[("other", secret(2, 16))]), &Policy::default()).is_err());
}

#[test]
fn cipher_text_may_stand_elsewhere() {
    let keys = ring(&[("", secret(1, 16))]);
    let transforms = format!("<e:Transforms><d:Transform Algorithm=\"{}base64\"/></e:Transforms>", ns::DS);
    let reference = |uri: &str, transforms: &str| {
        data("", &format!("<e:CipherReference URI=\"{uri}\">{transforms}</e:CipherReference>"))
    };
    let beside = format!("<x xml:id=\"x\">{}<!-- c --></x>", base64::encode(&sealed_octets()));
    let inside = format!("<m>{}{beside}</m>", reference("#x", &transforms));
    assert!(open(&inside, &keys).unwrap().contains(CLEAR));
    assert!(open(&reference("urn:file", ""), &keys).unwrap().contains(CLEAR));
    assert!(open(&reference("urn:other", ""), &keys).is_err());
    assert!(open(&format!("<m>{}</m>", reference("#nowhere", &transforms)), &keys).is_err());
    assert!(open_with(&inside, &keys, &Policy::serve()).is_err());
}

#[test]
fn encryption_inside_encryption_is_followed_to_a_bound() {
    let key = rsa();
    let keys = ring(&[("", Material::Private(key.clone()))]);
    let public = PKey::public_key_from_der(&key.public_key_to_der().unwrap()).unwrap();
    let recipient = Recipient::new(public, Vec::new());
    let mut clear = CLEAR.as_bytes().to_vec();
    for depth in 1..=12 {
        let content_key = ContentKey::random(Cipher::Aes128Gcm).unwrap();
        let (mut inline, mut out) = (Vec::new(), b"<m>".to_vec());
        let parts = EncryptedKeyParts::default();
        write_encrypted_key(&mut inline, &content_key, &recipient, &KeyManagement::default(), &parts).unwrap();
        let method = DataMethod::fresh(Cipher::Aes128Gcm).unwrap();
        let key_reference = KeyReference::Inline(&inline);
        let parts = EncryptedDataParts { id: None, data_type: DataType::Element, mime_type: None, key_reference };
        write_encrypted_data(&mut out, &clear, &content_key, &method, &parts).unwrap();
        out.extend_from_slice(b"</m>");
        clear = out;
        let opened = open_with(std::str::from_utf8(&clear).unwrap(), &keys, &Policy::default());
        match depth {
            1..=9 => assert!(opened.unwrap().contains(CLEAR), "{depth}"),
            _ => assert!(matches!(opened, Err(Error::Limit { .. })), "{depth}"),
        }
    }
}

#[test]
fn loops_and_floods_end_at_their_bounds() {
    let keys = ring(&[("kek", secret(2, 16))]);
    // Two EncryptedKeys that each ask for the other.
    let point = |id: &str| info(&format!("<d:RetrievalMethod URI=\"#{id}\"/>"));
    let one = wrapped(&[2; 16], &[3; 16], &point("b"), "", " Id=\"a\"");
    let two = wrapped(&[2; 16], &[3; 16], &point("a"), "", " Id=\"b\"");
    let text = format!("<m>{}{one}{two}</m>", data(&point("a"), &value()));
    assert!(matches!(open(&text, &keys), Err(Error::Limit { .. })));
    // One that asks for itself.
    let own = "<d:RetrievalMethod Id=\"rm\" URI=\"#rm\"/>";
    assert!(matches!(open(&data(&info(own), &value()), &keys), Err(Error::Limit { .. })));
    // More recipients than may be tried.
    let others = wrapped(&[9; 16], &[1; 16], &name("kek"), "", "").repeat(65);
    assert!(matches!(open(&data(&info(&others), &value()), &keys), Err(Error::Limit { .. })));
    // An iteration count that would take minutes.
    let derived = format!(
        "<x:DerivedKey xmlns:x=\"{0}\"><x:KeyDerivationMethod Algorithm=\"{0}pbkdf2\"><x:PBKDF2-params><x:Salt><x:Specified>AAAA</x:Specified></x:Salt>\
         <x:IterationCount>2000000000</x:IterationCount><x:KeyLength>16</x:KeyLength><x:PRF Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#hmac-sha256\"/>\
         </x:PBKDF2-params></x:KeyDerivationMethod></x:DerivedKey>",
        ns::XENC11
    );
    let refused = open(&data(&info(&derived), &value()), &keys);
    assert!(matches!(refused, Err(Error::Refused { .. })), "{:?}", refused.err());
}

#[test]
fn what_is_not_ours_stays_and_what_is_broken_is_told() {
    let keys = ring(&[("kek", secret(2, 16))]);
    let ours = data(&info(&wrapped(&[2; 16], &[1; 16], &name("kek"), "", "")), &value());
    let others =
        data(&info(&wrapped(&[9; 16], &[1; 16], &name("other"), "", "")), &value()).replace("\"ed\"", "\"other\"");
    let clear = open(&format!("<m>{ours}{others}</m>"), &keys).unwrap();
    assert!(clear.contains(CLEAR) && clear.contains("Id=\"other\""));
    assert!(matches!(open(&format!("<m>{others}</m>"), &keys), Err(error) if error.kind() == Kind::NoKey));
    let broken = others.replace("other", "kek").replace(
        &wrapped(&[9; 16], &[1; 16], &name("kek"), "", ""),
        &wrapped(&[2; 16], &[7; 16], &name("kek"), "", ""),
    );
    assert!(matches!(open(&format!("<m>{ours}{broken}</m>"), &keys), Err(error) if error.kind() == Kind::Failed));
    assert!(matches!(open("<m/>", &keys), Err(error) if error.kind() == Kind::NoKey));
}

#[test]
fn octets_come_out_where_they_are_the_only_thing() {
    let keys = ring(&[("", secret(1, 16))]);
    let octets = data("", &value()).replace("#Element", "#Other");
    assert_eq!(open(&octets, &keys).unwrap(), CLEAR);
    assert_eq!(open(&format!("<m>{octets}</m>"), &keys).unwrap(), CLEAR);
    let both = format!("<m>{octets}{}</m>", data("", &value()).replace("\"ed\"", "\"e2\""));
    let clear = open(&both, &keys).unwrap();
    assert!(clear.contains(CLEAR) && clear.contains("#Other"));
}

#[test]
fn clear_text_must_be_what_its_type_says() {
    let keys = ring(&[("", secret(1, 16))]);
    let sealed = |clear: &[u8], data_type: &str| {
        let octets = Cipher::Aes128Gcm.seal(&[1; 16], clear, &Default::default()).unwrap();
        let value = format!("<e:CipherValue>{}</e:CipherValue>", base64::encode(&octets));
        format!("<m xmlns:p=\"urn:p\">{}</m>", data("", &value).replace("#Element", data_type))
    };
    for (clear, data_type, good) in [
        (&b"<p:a/>"[..], "#Element", true),
        (b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a/>", "#Element", true),
        (b"<a/><b/>", "#Element", false),
        (b"text", "#Element", false),
        (b"", "#Element", false),
        (b"<q:a/>", "#Element", false),
        (b"<a>", "#Element", false),
        (b"</m><m>", "#Content", false),
        (b"\xFF\xFE", "#Content", false),
        (b"", "#Content", true),
        (b"text <a/> &amp; more", "#Content", true),
        (b"<!DOCTYPE a><a/>", "#Content", false),
    ] {
        let opened = open(&sealed(clear, data_type), &keys);
        assert_eq!(opened.is_ok(), good, "{:?} {data_type}", String::from_utf8_lossy(clear));
    }
}

#[test]
fn a_document_that_was_closed_whole_comes_back_with_what_stood_around_its_element() {
    // Around the document element white space is no node; comments and processing instructions are.
    let keys = ring(&[("", secret(1, 16))]);
    for (clear, good) in [
        ("<a>x</a>", true),
        ("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a>x</a>\n", true),
        ("\u{feff}<?xml version=\"1.0\"?>\n<!-- c --><a>x</a><?p?>", true),
        ("text <a>x</a>", false),
        ("<a>x</a><a>x</a>", false),
    ] {
        let octets = Cipher::Aes128Gcm.seal(&[1; 16], clear.as_bytes(), &Default::default()).unwrap();
        let opened = open(&data("", &format!("<e:CipherValue>{}</e:CipherValue>", base64::encode(&octets))), &keys);
        assert_eq!(opened.as_ref().is_ok_and(|text| text.contains("<a>x</a>")), good, "{clear}: {opened:?}");
    }
}

#[test]
fn a_flipped_octet_never_yields_other_clear_text() {
    // Nothing signs this: what is not authenticated must be refused or without effect, and nothing may panic.
    let key = PKey::from_ec_key(
        openssl::ec::EcKey::generate(
            &openssl::ec::EcGroup::from_curve_name(openssl::nid::Nid::X9_62_PRIME256V1).unwrap(),
        )
        .unwrap(),
    )
    .unwrap();
    let keys = Keys::new(&ring(&[("", Material::Private(key.clone()))]));
    let public = PKey::public_key_from_der(&key.public_key_to_der().unwrap()).unwrap();
    let content_key = ContentKey::random(Cipher::Aes256Gcm).unwrap();
    let (mut inline, mut text) = (Vec::new(), Vec::new());
    let recipient = Recipient::from_public(public).unwrap();
    let parts = EncryptedKeyParts::default();
    write_encrypted_key(&mut inline, &content_key, &recipient, &KeyManagement::default(), &parts).unwrap();
    let method = DataMethod::fresh(Cipher::Aes256Gcm).unwrap();
    let key_reference = KeyReference::Inline(&inline);
    let parts = EncryptedDataParts { id: Some("ed"), data_type: DataType::Element, mime_type: None, key_reference };
    write_encrypted_data(&mut text, CLEAR.as_bytes(), &content_key, &method, &parts).unwrap();
    let (policy, urls) = (Policy::legacy(), UrlMap::new());
    let mut opened = 0;
    for (at, bit) in (0..text.len()).map(|at| (at, at % 7)) {
        let mut changed = text.clone();
        changed[at] ^= 1 << bit;
        let Ok(mut doc) = parse(changed, &Options::default()) else { continue };
        let decryptor = Decryptor { keys: &keys, policy: &policy, urls: &urls, ids: IdAttributes::usual() };
        match decryptor.decrypt_document(&mut doc).map(|decrypted| decrypted.clear) {
            Ok(Clear::Document) => assert_eq!(doc.to_octets(), CLEAR.as_bytes(), "octet {at}"),
            Ok(Clear::Octets(octets)) => assert_eq!(*octets, CLEAR.as_bytes(), "octet {at}"),
            Err(_) => continue,
        }
        opened += 1;
    }
    // Ids, the recipient's name and the last bits of nothing: all that may change without effect.
    assert!(opened < text.len() / 4, "{opened} of {}", text.len());
}

#[test]
fn a_key_that_nobody_names_is_tried_when_every_name_led_nowhere() {
    // XML Encryption 1.1 §3.5: what KeyInfo says is a hint, and a reader may know better.
    let keys = ring(&[("kek", secret(2, 16))]);
    let key = |kek: u8, more: &str| wrapped(&[kek; 16], &[1; 16], &name("kek"), more, "");
    let elsewhere = "<e:ReferenceList><e:DataReference URI=\"#another\"/></e:ReferenceList>";
    let carried = "<e:CarriedKeyName>another</e:CarriedKeyName>";
    for (beside, opens) in [
        (key(2, ""), true),
        ([key(9, ""), key(2, "")].concat(), true),
        (key(2, elsewhere), false),
        (key(2, carried), false),
        (info(&key(2, "")), false),
        ([key(9, "").repeat(SILENT), key(2, "")].concat(), false),
    ] {
        let text = format!("<m>{}{beside}</m>", data(&name("unknown"), &value()));
        assert_eq!(open(&text, &keys).is_ok_and(|clear| clear.contains(CLEAR)), opens, "{beside}");
        let mut without = Policy::legacy();
        without.key_info = KeyInfoForms::ANY.without(crate::xmlsec::policy::KeyInfoForm::EncryptedKey);
        assert!(open_with(&text, &keys, &without).is_err());
    }
    // What is for others stays as it is, also where such a key opens and fits nothing; and what is ours opens as before,
    // however much was tried for the others.
    let others = data(&name("unknown"), &value()).replace("\"ed\"", "\"other\"").repeat(3);
    let ours = data(&info(&wrapped(&[2; 16], &[1; 16], &name("kek"), "", "")), &value());
    let useless = wrapped(&[2; 16], &[7; 16], &name("kek"), "", "").repeat(SILENT);
    let others: String =
        others.split("\"other\"").enumerate().map(|(at, part)| format!("{part}\"o{at}\"")).collect::<Vec<_>>().concat();
    let others = others.trim_end_matches("\"o3\"");
    let clear = open(&format!("<m>{others}{ours}{useless}</m>"), &keys).unwrap();
    assert!(clear.contains(CLEAR) && clear.contains("Id=\"o0\"") && clear.contains("Id=\"o2\""), "{clear}");
}

/// EncryptedKeys that nobody names and that are tried all the same.
const SILENT: usize = 16;

#[test]
fn a_derived_key_is_found_by_its_name() {
    // XML Encryption 1.1 §5.4: DerivedKeyName is what a KeyName elsewhere says.
    let derived = |name: &str, master: &str| {
        format!(
            "<x:DerivedKey xmlns:x=\"{0}\"><x:KeyDerivationMethod Algorithm=\"{0}pbkdf2\"><x:PBKDF2-params><x:Salt><x:Specified>AAAA</x:Specified></x:Salt>\
             <x:IterationCount>10</x:IterationCount><x:KeyLength>16</x:KeyLength><x:PRF Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#hmac-sha256\"/>\
             </x:PBKDF2-params></x:KeyDerivationMethod><x:DerivedKeyName>{name}</x:DerivedKeyName><x:MasterKeyName>{master}</x:MasterKeyName></x:DerivedKey>",
            ns::XENC11
        )
    };
    let mut key = [0; 16];
    openssl::pkcs5::pbkdf2_hmac(b"both know this", &[0; 3], 10, openssl::hash::MessageDigest::sha256(), &mut key)
        .unwrap();
    let octets = Cipher::Aes128Gcm.seal(&key, CLEAR.as_bytes(), &Default::default()).unwrap();
    let value = format!("<e:CipherValue>{}</e:CipherValue>", base64::encode(&octets));
    let keys = ring(&[("master", Material::Secret(Zeroizing::new(b"both know this".to_vec())))]);
    for (beside, opens) in [
        (derived("session", "master"), true),
        (derived(" session ", "master"), true),
        ([derived("session", "another"), derived("session", "master")].concat(), true),
        (derived("another", "master"), false),
        (derived("session", "another"), false),
        (String::new(), false),
    ] {
        let text = format!("<m>{}{beside}</m>", data(&name("session"), &value));
        assert_eq!(open(&text, &keys).is_ok_and(|clear| clear.contains(CLEAR)), opens, "{beside}");
        assert!(open_with(&text, &keys, &Policy::default()).is_err());
        assert!(open_with(&text, &keys, &Policy::serve()).is_err());
    }
}
