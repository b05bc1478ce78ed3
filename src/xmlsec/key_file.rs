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

/// A certificate revocation list, PEM or DER.
///
/// # Errors
/// [`Error::NotAKey`].
pub fn load_crl(octets: &[u8], what: &str) -> Result<X509Crl, Error> {
    let crl = if is_pem(octets) { X509Crl::from_pem(octets) } else { X509Crl::from_der(octets) };
    crl.map_err(|_| Error::NotAKey { what: what.to_owned() })
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
                "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" => {
                    self.certificates.push(X509::from_pem(block).map_err(|_| bad())?);
                }
                "PUBLIC KEY" => self.public = Some(PKey::public_key_from_pem(block).map_err(|_| bad())?),
                "RSA PUBLIC KEY" => {
                    let rsa = Rsa::public_key_from_pem_pkcs1(block).map_err(|_| bad())?;
                    self.public = Some(PKey::from_rsa(rsa)?);
                }
                _ if label.ends_with("PRIVATE KEY") && self.private.is_none() => {
                    let encrypted = label.starts_with("ENCRYPTED") || contains(block, b"ENCRYPTED");
                    let mut asked = false;
                    let key = PKey::private_key_from_pem_callback(block, |buffer| {
                        asked = true;
                        let password = password.unwrap_or_default().as_bytes();
                        let size = password.len().min(buffer.len());
                        buffer[..size].copy_from_slice(&password[..size]);
                        Ok(size)
                    });
                    let failed = || if encrypted || asked { bad_password(what, password) } else { bad() };
                    self.private = Some(key.map_err(|_| failed())?);
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
            let key = PKey::private_key_from_pkcs8_passphrase(octets, password.unwrap_or_default().as_bytes());
            self.private = Some(key.map_err(|_| {
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

/// PKCS#12 files of old tools are encrypted with RC2, which OpenSSL keeps in a provider of its own. Once loaded it stays.
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

/// A password file: its first line.
#[must_use]
pub fn password_of(octets: &[u8]) -> Zeroizing<String> {
    let text = String::from_utf8_lossy(octets);
    Zeroizing::new(text.lines().next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use openssl::symm::Cipher;

    use super::*;

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
