//! Keys and certificates in files: PEM, DER, PKCS#8, PKCS#12, told apart by what is in them.

use std::sync::OnceLock;

use openssl::pkcs12::Pkcs12;
use openssl::pkey::{PKey, Private, Public};
use openssl::provider::Provider;
use openssl::rsa::Rsa;
use openssl::x509::{X509, X509Crl};
use zeroize::Zeroizing;

use super::key::{Error, Key, Material};

/// Octets of a key file at most: chains are short, and a file that is no key is told early.
const FILE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The key in `octets`: a private key, else the key of the first certificate, else a public key. `what` names the file in
/// errors; `password` opens PKCS#12 and encrypted keys.
///
/// # Errors
/// [`Error::NotAKey`], [`Error::Password`].
pub fn load(octets: &[u8], what: &str, password: Option<&str>) -> Result<Key, Error> {
    let not_a_key = || Error::NotAKey { what: what.to_owned() };
    if octets.len() > FILE_BYTES_MAX {
        return Err(not_a_key());
    }
    let mut found = Found::default();
    if is_pem(octets) {
        found.read_pem(octets, what, password)?
    } else {
        found.read_der(octets, what, password)?
    }
    found.into_key().ok_or_else(not_a_key)
}

/// All certificates in `octets`: PEM (one or more) or DER, or those of a PKCS#12.
///
/// # Errors
/// [`Error::NotAKey`] when there is none.
pub fn load_certificates(octets: &[u8], what: &str, password: Option<&str>) -> Result<Vec<X509>, Error> {
    let mut found = Found::default();
    let read =
        if is_pem(octets) { found.read_pem(octets, what, password) } else { found.read_der(octets, what, password) };
    if found.certificates.is_empty() {
        read?;
        return Err(Error::NotAKey { what: what.to_owned() });
    }
    Ok(found.certificates)
}

/// Every certificate revocation list in `octets`: PEM (one or more) or DER.
///
/// # Errors
/// [`Error::NotAKey`] when there is none, or one that cannot be read.
pub fn load_crls(octets: &[u8], what: &str) -> Result<Vec<X509Crl>, Error> {
    let bad = || Error::NotAKey { what: what.to_owned() };
    if !is_pem(octets) {
        return Ok(vec![X509Crl::from_der(octets).map_err(|_| bad())?]);
    }
    let blocks = pem_blocks(octets).into_iter().filter(|(label, _)| label.ends_with("CRL"));
    let crls = blocks.map(|(_, block)| X509Crl::from_pem(block).map_err(|_| bad())).collect::<Result<Vec<_>, _>>()?;
    if crls.is_empty() { Err(bad()) } else { Ok(crls) }
}

fn is_pem(octets: &[u8]) -> bool {
    memchr::memmem::find(octets, b"-----BEGIN ").is_some()
}

#[derive(Default)]
struct Found {
    private: Option<PKey<Private>>,
    public: Option<PKey<Public>>,
    certificates: Vec<X509>,
}

impl Found {
    fn into_key(mut self) -> Option<Key> {
        if let Some(private) = self.private {
            // The certificate of this key first.
            if let Some(at) = self
                .certificates
                .iter()
                .position(|certificate| certificate.public_key().is_ok_and(|public| public.public_eq(&private)))
            {
                self.certificates.swap(0, at);
            }
            return Some(Key { name: None, material: Material::Private(private), certificates: self.certificates });
        }
        if let Some(public) = self.certificates.first().and_then(|certificate| certificate.public_key().ok()) {
            return Some(Key { name: None, material: Material::Public(public), certificates: self.certificates });
        }
        let public = self.public?;
        Some(Key { name: None, material: Material::Public(public), certificates: Vec::new() })
    }

    fn read_pem(&mut self, octets: &[u8], what: &str, password: Option<&str>) -> Result<(), Error> {
        let bad = || Error::NotAKey { what: what.to_owned() };
        for (label, block) in pem_blocks(octets) {
            match label {
                "CERTIFICATE" | "X509 CERTIFICATE" => {
                    self.certificates.push(X509::from_pem(block).map_err(|_| bad())?);
                }
                // What OpenSSL says of its trust follows the certificate; nobody else reads that.
                "TRUSTED CERTIFICATE" => {
                    let der = pem_content(label, block).ok_or_else(bad)?;
                    self.certificates.push(X509::from_der(&der).map_err(|_| bad())?);
                }
                "PUBLIC KEY" => self.public = Some(PKey::public_key_from_pem(block).map_err(|_| bad())?),
                "RSA PUBLIC KEY" => {
                    let rsa = Rsa::public_key_from_pem_pkcs1(block).map_err(|_| bad())?;
                    self.public = Some(PKey::from_rsa(rsa)?);
                }
                _ if label.ends_with("PRIVATE KEY") && self.private.is_none() => {
                    let encrypted = label.starts_with("ENCRYPTED") || contains(block, b"ENCRYPTED");
                    let (mut key, asked) = private_from_pem(block, password);
                    if key.is_none() && encrypted && legacy_provider() {
                        key = private_from_pem(block, password).0;
                    }
                    let failed = || if encrypted || asked { bad_password(what, password) } else { bad() };
                    self.private = Some(key.ok_or_else(failed)?);
                }
                // Parameters, requests, CRLs beside the key.
                _ => {}
            }
        }
        Ok(())
    }

    fn read_der(&mut self, octets: &[u8], what: &str, password: Option<&str>) -> Result<(), Error> {
        if let Ok(certificate) = X509::from_der(octets) {
            self.certificates.push(certificate);
        } else if let Ok(key) = PKey::private_key_from_der(octets) {
            self.private = Some(key);
        } else if let Ok(key) = PKey::public_key_from_der(octets) {
            self.public = Some(key);
        } else if let Ok(rsa) = Rsa::public_key_from_der_pkcs1(octets) {
            self.public = Some(PKey::from_rsa(rsa)?);
        } else if let Ok(pkcs12) = Pkcs12::from_der(octets) {
            return self.read_pkcs12(&pkcs12, what, password);
        } else if is_der_sequence(octets) {
            let given = password.unwrap_or_default();
            let open = || PKey::private_key_from_pkcs8_passphrase(octets, given.as_bytes()).ok();
            let key = open().or_else(|| legacy_provider().then(open).flatten());
            self.private = Some(key.ok_or_else(|| {
                if is_encrypted_pkcs8(octets) {
                    bad_password(what, password)
                } else {
                    Error::NotAKey { what: what.to_owned() }
                }
            })?);
        }
        Ok(())
    }

    fn read_pkcs12(&mut self, pkcs12: &Pkcs12, what: &str, password: Option<&str>) -> Result<(), Error> {
        // A PKCS#12 may be closed with the empty password, which nobody gives.
        let text = password.unwrap_or_default();
        let parsed = match pkcs12.parse2(text) {
            Ok(parsed) => parsed,
            Err(_) if legacy_provider() => pkcs12.parse2(text).map_err(|_| bad_password(what, password))?,
            Err(_) => return Err(bad_password(what, password)),
        };
        self.private = parsed.pkey;
        self.certificates.extend(parsed.cert);
        self.certificates.extend(parsed.ca.into_iter().flatten());
        Ok(())
    }
}

/// The private key in a PEM block, and whether a password was asked for.
fn private_from_pem(block: &[u8], password: Option<&str>) -> (Option<PKey<Private>>, bool) {
    let mut asked = false;
    let key = PKey::private_key_from_pem_callback(block, |buffer| {
        asked = true;
        let password = password.unwrap_or_default().as_bytes();
        let size = password.len().min(buffer.len());
        buffer[..size].copy_from_slice(&password[..size]);
        Ok(size)
    });
    (key.ok(), asked)
}

fn bad_password(what: &str, given: Option<&str>) -> Error {
    match given {
        Some(_) => Error::Password { what: what.to_owned() },
        None => Error::PasswordMissing { what: what.to_owned() },
    }
}

/// EncryptedPrivateKeyInfo (RFC 5208 §6): a SEQUENCE that begins with an AlgorithmIdentifier, not with a version.
fn is_encrypted_pkcs8(octets: &[u8]) -> bool {
    let header = match octets.get(1) {
        Some(first) if *first >= 0x80 => 2 + usize::from(first & 0x7f),
        _ => 2,
    };
    octets.get(header) == Some(&0x30)
}

/// PKCS#12 and PKCS#8 files of old tools are encrypted with DES, RC2 or RC4, which OpenSSL keeps in a provider of its own.
/// Once loaded it stays.
fn legacy_provider() -> bool {
    static LEGACY: OnceLock<Option<Provider>> = OnceLock::new();
    LEGACY.get_or_init(|| Provider::try_load(None, "legacy", true).ok()).is_some()
}

fn is_der_sequence(octets: &[u8]) -> bool {
    octets.first() == Some(&0x30)
}

fn contains(octets: &[u8], wanted: &[u8]) -> bool {
    memchr::memmem::find(octets, wanted).is_some()
}

/// The blocks of a PEM file with their labels.
fn pem_blocks(octets: &[u8]) -> Vec<(&str, &[u8])> {
    let mut blocks = Vec::new();
    let mut rest = octets;
    while let Some(start) = memchr::memmem::find(rest, b"-----BEGIN ") {
        rest = rest.get(start..).unwrap_or_default();
        let Some(label_end) = memchr::memmem::find(rest.get(11..).unwrap_or_default(), b"-----") else { break };
        let label = std::str::from_utf8(rest.get(11..11 + label_end).unwrap_or_default()).unwrap_or("");
        let end_mark = format!("-----END {label}-----");
        let Some(end) = memchr::memmem::find(rest, end_mark.as_bytes()) else { break };
        let end = end + end_mark.len();
        blocks.push((label, rest.get(..end).unwrap_or_default()));
        rest = rest.get(end..).unwrap_or_default();
    }
    blocks
}

/// The octets between the marks of a PEM block.
fn pem_content(label: &str, block: &[u8]) -> Option<Vec<u8>> {
    let marks = ("-----BEGIN -----".len() + label.len(), "-----END -----".len() + label.len());
    let text = block.get(marks.0..block.len().checked_sub(marks.1)?)?;
    super::base64::decode(std::str::from_utf8(text).ok()?).ok()
}

/// A password file: its first line.
#[must_use]
pub fn password_of(octets: &[u8]) -> Zeroizing<String> {
    let text = String::from_utf8_lossy(octets);
    Zeroizing::new(text.lines().next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use openssl::asn1::Asn1Time;
    use openssl::bn::BigNum;
    use openssl::hash::MessageDigest;
    use openssl::symm::Cipher;
    use openssl::x509::extension::{AuthorityKeyIdentifier, CrlNumber, SubjectKeyIdentifier};
    use openssl::x509::{X509Builder, X509CrlBuilder, X509NameBuilder};

    /// One Ed25519 key under the password `secret`, as old tools close it: MD5 with DES, SHA-1 with RC2-40 and with RC4, and
    /// PBES2 with DES.
    const OLD: [&str; 4] = [
        "MFcwGwYJKoZIhvcNAQUDMA4ECPG0X8z2FITNAgIIAAQ41umQKv82Q1Et6LHhPhl8aCpEY9OVCz8nnufclTuJ81LklBtE9wqBQAodLkoHi1VzDAydSn8K/5Q=",
        "MFgwHAYKKoZIhvcNAQwBBjAOBAjCMwmYr2FlzQICCAAEOMpR+FO1mA4tsw/1Tf89162OBdPFkZNVWdpt2e/UJ4+y/5o9LmNGJC6J5TSe+ZzpKmA/NpgnGrVq",
        "MFAwHAYKKoZIhvcNAQwBATAOBAiAsZClXosVRAICCAAEMI8JAhFBAtcEW8KpjY0lPdUK3ILdO7tYtjcUDl1KsJVr6oD97BkGmaHeRzJjItP+jQ==",
        "MIGHMEsGCSqGSIb3DQEFDTA+MCkGCSqGSIb3DQEFDDAcBAiWuuwo+t1ShAICCAAwDAYIKoZIhvcNAgkFADARBgUrDgMCBwQI+tn143A4dKkEOMHyAolDA+bE+UcsU5Z19IKZQNFgzOywP/D6rogNcsE6oB67rur4KA1LALXlu+sQhdjs7SYRgLau",
    ];

    #[test]
    fn keys_under_old_ciphers_open_with_their_password_alone() {
        let mut first: Option<PKey<Public>> = None;
        for text in OLD {
            let pem = format!("-----BEGIN ENCRYPTED PRIVATE KEY-----\n{text}\n-----END ENCRYPTED PRIVATE KEY-----\n");
            let der = crate::xmlsec::base64::decode(text).unwrap();
            for octets in [pem.as_bytes(), &der] {
                let key = load(octets, "k", Some("secret")).unwrap().public().unwrap().unwrap();
                assert!(first.get_or_insert_with(|| key.clone()).public_eq(&key));
                assert!(matches!(load(octets, "k", Some("other")), Err(Error::Password { .. })));
                assert!(load(octets, "k", None).is_err());
            }
        }
    }

    fn certificate(key: &PKey<Private>) -> X509 {
        let mut name = X509NameBuilder::new().unwrap();
        name.append_entry_by_text("CN", "ca").unwrap();
        let name = name.build();
        let mut builder = X509Builder::new().unwrap();
        builder.set_serial_number(&BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap()).unwrap();
        builder.set_version(2).unwrap();
        builder.set_subject_name(&name).unwrap();
        builder.set_issuer_name(&name).unwrap();
        builder.set_not_before(&Asn1Time::from_unix(0).unwrap()).unwrap();
        builder.set_not_after(&Asn1Time::from_unix(1).unwrap()).unwrap();
        builder.set_pubkey(key).unwrap();
        let identifier = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None)).unwrap();
        builder.append_extension(identifier).unwrap();
        builder.sign(key, MessageDigest::sha256()).unwrap();
        builder.build()
    }

    fn rsa() -> PKey<Private> {
        PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap()
    }

    #[test]
    fn a_certificate_with_words_about_its_trust_is_a_certificate() {
        let der = certificate(&rsa()).to_der().unwrap();
        let text = crate::xmlsec::read::encode_base64(&[&der[..], &[0x30, 0]].concat());
        let pem = format!("-----BEGIN TRUSTED CERTIFICATE-----\n{text}\n-----END TRUSTED CERTIFICATE-----\n");
        let found = load_certificates(pem.as_bytes(), "c", None).unwrap();
        assert_eq!(found[0].to_der().unwrap(), der);
        assert!(load_certificates(pem.replace(&text[..8], "AAAAAAAA").as_bytes(), "c", None).is_err());
    }

    #[test]
    fn every_list_of_a_file_counts() {
        // The second one may be what revokes the signer.
        let key = rsa();
        let issuer = certificate(&key);
        let list = |number: i64| {
            let mut builder = X509CrlBuilder::new().unwrap();
            builder.set_issuer_name(issuer.subject_name()).unwrap();
            let context = X509Builder::new().unwrap();
            let context = context.x509v3_context(Some(&issuer), None);
            builder.append_extension(AuthorityKeyIdentifier::new().keyid(true).build(&context).unwrap()).unwrap();
            let number_of = CrlNumber::new(BigNum::from_u32(1).unwrap()).unwrap();
            builder.append_extension(number_of.build().unwrap()).unwrap();
            builder.set_last_update(&Asn1Time::from_unix(number).unwrap()).unwrap();
            builder.set_next_update(&Asn1Time::from_unix(100).unwrap()).unwrap();
            builder.sign(&key, MessageDigest::sha256()).unwrap();
            builder.build().unwrap()
        };
        let lists = [list(1), list(2)];
        let pem = lists.iter().map(|list| String::from_utf8(list.to_pem().unwrap()).unwrap()).collect::<String>();
        let found = load_crls(pem.as_bytes(), "c").unwrap();
        assert_eq!(found.len(), 2);
        assert!(found[1].last_update() == lists[1].last_update());
        assert_eq!(load_crls(&lists[0].to_der().unwrap(), "c").unwrap().len(), 1);
        let broken = pem.replacen("CRL-----\nMII", "CRL-----\nAAA", 1);
        assert_ne!(broken, pem);
        assert!(load_crls(broken.as_bytes(), "c").is_err(), "one that cannot be read is not passed over");
        assert!(load_crls(b"-----BEGIN X-----\n-----END X-----\n", "c").is_err());
    }

    /// A wrong password is typed again, a missing one is looked for: people must be told which it is.
    #[test]
    fn a_missing_password_is_not_called_a_wrong_one() {
        let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        let mut builder = X509::builder().unwrap();
        builder.set_pubkey(&key).unwrap();
        builder.set_not_before(&openssl::asn1::Asn1Time::days_from_now(0).unwrap()).unwrap();
        builder.set_not_after(&openssl::asn1::Asn1Time::days_from_now(9).unwrap()).unwrap();
        builder.sign(&key, openssl::hash::MessageDigest::sha256()).unwrap();
        let certificate = builder.build();
        let pkcs12 = Pkcs12::builder().pkey(&key).cert(&certificate).build2("right").unwrap().to_der().unwrap();
        let pem = key.private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), b"right").unwrap();
        let traditional = key.rsa().unwrap().private_key_to_pem_passphrase(Cipher::aes_256_cbc(), b"right").unwrap();
        let der = key.private_key_to_pkcs8_passphrase(Cipher::aes_256_cbc(), b"right").unwrap();
        for (name, octets) in [("p12", pkcs12), ("pem", pem), ("traditional", traditional), ("der", der)] {
            assert!(matches!(load(&octets, name, None), Err(Error::PasswordMissing { .. })), "{name}");
            assert!(matches!(load(&octets, name, Some("wrong")), Err(Error::Password { .. })), "{name}");
            assert!(load(&octets, name, Some("right")).is_ok(), "{name}");
        }
        for broken in [&b"\x30\x03\x02\x01\x00"[..], b"\x30", b"\x30\x84", b""] {
            assert!(matches!(load(broken, "broken", None), Err(Error::NotAKey { .. })));
        }
    }
}
