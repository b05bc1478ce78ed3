//! `xmlsec decrypt`: any octets, and edits of documents that we closed for fixed RSA, P-256 and AES keys, under every policy
//! of a file. What opens is well-formed again.
#![no_main]

use std::sync::OnceLock;

use coconnect::xml::{Dtd, Options, parse};
use coconnect::xmlsec::algorithm::{Cipher, Digest, KeyTransport, KeyWrap};
use coconnect::xmlsec::dsig::{IdAttributes, UrlMap};
use coconnect::xmlsec::enc::{
    Clear, ContentKey, DataMethod, DataType, Decryptor, Derivation, EncryptedDataParts, EncryptedKeyParts,
    KeyManagement, KeyReference, Keys, Recipient, Transport, write_encrypted_data, write_encrypted_key,
};
use coconnect::xmlsec::key::public_of;
use coconnect::xmlsec::{KeyInfoForms, Policy};
use coconnect_fuzz::{Input, SECRETS, edit, receivers, ring};
use libfuzzer_sys::fuzz_target;
use zeroize::Zeroizing;

fuzz_target!(|octets: &[u8]| {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    let keys = KEYS.get_or_init(|| Keys::new(&ring()));
    // An input that starts below the printable characters edits a document of ours; any other is a document.
    let octets = match octets.split_first() {
        Some((base, rest)) if usize::from(*base) < 9 => {
            edit(bases()[usize::from(*base) % bases().len()].clone(), &mut Input(rest))
        }
        _ => octets.to_vec(),
    };
    let options = Options { dtd: Dtd::Internal, ..Options::default() };
    for mut policy in [Policy::default(), Policy::legacy()] {
        let Ok(mut document) = parse(octets.clone(), &options) else { return };
        // What a document may ask of PBKDF2 is a second of work; a fuzzer has not got that.
        policy.key_info = KeyInfoForms::ANY;
        policy.pbkdf2_iterations_max = 1_000;
        let urls = UrlMap::from([("urn:there".to_owned(), b"there".to_vec())]);
        let decryptor = Decryptor { keys, policy: &policy, urls: &urls, ids: IdAttributes::usual() };
        if let Ok(opened) = decryptor.decrypt_document(&mut document)
            && matches!(opened.clear, Clear::Document)
        {
            parse(document.to_octets(), &options).expect("what opened is well-formed");
        }
    }
});

/// Each kind of key, pointer and cipher once.
fn bases() -> &'static [Vec<u8>] {
    static BASES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    BASES.get_or_init(|| {
        let oaep = KeyManagement::default();
        let rsa15 = Transport {
            algorithm: KeyTransport::Rsa15,
            digest: Digest::Sha1,
            mgf1: Digest::Sha1,
            label: Vec::new(),
        };
        let hkdf =
            Derivation::Hkdf { digest: Digest::Sha256, salt: vec![1; 16], info: b"info".to_vec(), key_bytes: None };
        let pbkdf2 = Derivation::Pbkdf2 { digest: Digest::Sha256, salt: vec![1; 16], iterations: 10, key_bytes: None };
        let management = [
            oaep.clone(),
            KeyManagement { transport: rsa15, ..KeyManagement::default() },
            KeyManagement { derivation: hkdf, ..KeyManagement::default() },
            KeyManagement { derivation: pbkdf2, wrap: KeyWrap::Aes128, ..KeyManagement::default() },
        ];
        let [rsa, ec] = receivers().map(|receiver| public_of(receiver.key()).expect("a pair"));
        let mut bases = Vec::new();
        for (number, (recipient, management)) in
            [(&rsa, &management[0]), (&rsa, &management[1]), (&ec, &management[0]), (&ec, &management[2]), (&ec, &management[3])]
                .into_iter()
                .enumerate()
        {
            let reference = match number % 3 {
                0 => KeyReference::SecurityTokenReference("k"),
                1 => KeyReference::RetrievalMethod("k"),
                _ => KeyReference::None,
            };
            let cipher = if number % 2 == 0 { Cipher::Aes256Gcm } else { Cipher::Aes128Cbc };
            let key = ContentKey::random(cipher).expect("chance");
            let recipient = Recipient::from_public(recipient.clone()).expect("a recipient");
            let mut octets = b"<r><h>".to_vec();
            let parts = EncryptedKeyParts { id: Some("k"), references: &["d"], ..EncryptedKeyParts::default() };
            write_encrypted_key(&mut octets, &key, &recipient, management, &parts).expect("closed");
            octets.extend_from_slice(b"</h>");
            push_data(&mut octets, &key, cipher, reference);
            bases.push(octets);
        }
        for (name, cipher) in [
            ("aes128", Cipher::Aes128Gcm),
            ("aes192", Cipher::Aes192Cbc),
            ("aes256", Cipher::Aes256Gcm),
            ("des3", Cipher::TripleDesCbc),
        ] {
            let secret = SECRETS.iter().find(|(known, _)| *known == name).expect("a name of the table").1;
            let key = ContentKey::new(Zeroizing::new(secret.to_vec()));
            let mut octets = b"<r>".to_vec();
            push_data(&mut octets, &key, cipher, KeyReference::KeyName(name));
            bases.push(octets);
        }
        bases
    })
}

fn push_data(octets: &mut Vec<u8>, key: &ContentKey, cipher: Cipher, key_reference: KeyReference<'_>) {
    let method = DataMethod::fresh(cipher).expect("chance");
    let parts = EncryptedDataParts { id: Some("d"), data_type: DataType::Content, mime_type: None, key_reference };
    write_encrypted_data(octets, b"<a>clear</a>text", key, &method, &parts).expect("closed");
    octets.extend_from_slice(b"</r>");
}
