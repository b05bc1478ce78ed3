//! Private keys, from files: PEM, DER (PKCS#8, PKCS#1, SEC1) or PKCS#12, told by their content.
//!
//! Keys behind PKCS#11 join as a second constructor of [`PrivateKey`]; nothing outside this file knows where a key lives.

use std::fmt;
use std::path::Path;

use openssl::ec::{Asn1Flag, EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkcs12::Pkcs12;
use openssl::pkey::{PKey, PKeyRef, Private};
use openssl::rsa::Rsa;
use zeroize::Zeroizing;

use super::cert::{Certificate, KeyKind, is_pem, looks_like};
use super::error::{Doing, Error, read_file};

/// A password, wiped when dropped.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes over the text of a password.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Reads a password file: its first line, without the line end.
    ///
    /// # Errors
    /// [`Error::Read`], or [`Error::PasswordWrong`] when it is not UTF-8.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let octets = Zeroizing::new(read_file(path)?);
        let text = std::str::from_utf8(&octets).map_err(|_| Error::PasswordWrong.in_file(path))?;
        let line = text.split('\n').next().unwrap_or_default();
        Ok(Self::new(line.strip_suffix('\r').unwrap_or(line).to_owned()))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// A private key. OpenSSL wipes its numbers when the last clone is dropped; nothing here prints it.
#[derive(Clone)]
pub struct PrivateKey {
    pkey: PKey<Private>,
}

/// What a key file held.
pub struct KeyFile {
    /// The key.
    pub key: PrivateKey,
    /// Its certificate, where the file has one (PKCS#12, or PEM with both).
    pub certificate: Option<Certificate>,
    /// Further certificates of the file, in its order.
    pub chain: Vec<Certificate>,
    /// Whether others than the owner may read the file: worth a warning.
    pub readable_by_others: bool,
}

impl PrivateKey {
    /// Takes over a key that OpenSSL holds.
    #[must_use]
    pub fn from_pkey(pkey: PKey<Private>) -> Self {
        Self { pkey }
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// [`Error::Read`], and those of [`PrivateKey::from_octets`] with the file's name.
    pub fn load(path: &Path, password: Option<&Password>) -> Result<KeyFile, Error> {
        let octets = Zeroizing::new(read_file(path)?);
        let mut file = Self::from_octets(&octets, password).map_err(|error| error.in_file(path))?;
        file.readable_by_others = readable_by_others(path);
        Ok(file)
    }

    /// Reads a key from octets, with the certificates that come with it.
    ///
    /// # Errors
    /// [`Error::NotAKey`], [`Error::PasswordMissing`], [`Error::PasswordWrong`], [`Error::KeyMismatch`].
    pub fn from_octets(octets: &[u8], password: Option<&Password>) -> Result<KeyFile, Error> {
        if is_pem(octets) { from_pem(octets, password) } else { from_der(octets, password) }
    }

    /// Makes a new key of this kind: RSA of at least 2048 bits, P-256, P-384, P-521, Ed25519, X25519.
    ///
    /// # Errors
    /// [`Error::Issue`] for another kind.
    pub fn generate(kind: KeyKind) -> Result<Self, Error> {
        let doing = "generate key";
        let pkey = match kind {
            KeyKind::Rsa { bits } if (2048..=8192).contains(&bits) => PKey::from_rsa(Rsa::generate(bits).doing(doing)?),
            KeyKind::Ec { curve: "prime256v1", .. } => PKey::from_ec_key(generate_ec(Nid::X9_62_PRIME256V1)?),
            KeyKind::Ec { curve: "secp384r1", .. } => PKey::from_ec_key(generate_ec(Nid::SECP384R1)?),
            KeyKind::Ec { curve: "secp521r1", .. } => PKey::from_ec_key(generate_ec(Nid::SECP521R1)?),
            KeyKind::Ed25519 => PKey::generate_ed25519(),
            KeyKind::X25519 => PKey::generate_x25519(),
            other => return Err(Error::Issue { reason: format!("no keys of kind {other} are made here") }),
        };
        Ok(Self { pkey: pkey.doing(doing)? })
    }

    /// OpenSSL's view.
    #[must_use]
    pub fn pkey(&self) -> &PKeyRef<Private> {
        &self.pkey
    }

    /// A counted reference to OpenSSL's key.
    #[must_use]
    pub fn to_pkey(&self) -> PKey<Private> {
        self.pkey.clone()
    }

    /// Its kind and size.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        KeyKind::of(&self.pkey)
    }

    /// Whether it is the key of this certificate.
    #[must_use]
    pub fn belongs_to(&self, certificate: &Certificate) -> bool {
        self.pkey.public_eq(certificate.public_key())
    }

    /// The key as unencrypted PKCS#8 in PEM, to be written with mode 0600.
    ///
    /// # Errors
    /// [`Error::OpenSsl`].
    pub fn to_pem(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        Ok(Zeroizing::new(self.pkey.private_key_to_pem_pkcs8().doing("write private key")?))
    }

    /// Writes the key as unencrypted PKCS#8 in PEM, mode 0600; a file that stands there is replaced.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        write_secret(path, &self.to_pem()?)
    }
}

fn generate_ec(curve: Nid) -> Result<EcKey<Private>, Error> {
    let mut group = EcGroup::from_curve_name(curve).doing("choose curve")?;
    group.set_asn1_flag(Asn1Flag::NAMED_CURVE);
    EcKey::generate(&group).doing("generate key")
}

fn from_pem(octets: &[u8], password: Option<&Password>) -> Result<KeyFile, Error> {
    let mut asked = false;
    let read = PKey::private_key_from_pem_callback(octets, |buffer| {
        asked = true;
        let text = password.map(|password| password.0.as_bytes()).unwrap_or_default();
        let (Some(target), true) = (buffer.get_mut(..text.len()), password.is_some()) else {
            return Err(openssl::error::ErrorStack::get());
        };
        target.copy_from_slice(text);
        Ok(text.len())
    });
    let pkey = match (read, asked, password) {
        (Ok(pkey), _, _) => pkey,
        (Err(_), true, None) => return Err(Error::PasswordMissing),
        (Err(_), true, Some(_)) => return Err(Error::PasswordWrong),
        (Err(_), false, _) => return Err(Error::NotAKey { came: looks_like_without_key(octets) }),
    };
    let certificates = Certificate::from_pem(octets).unwrap_or_default();
    with_certificates(PrivateKey { pkey }, certificates)
}

fn from_der(octets: &[u8], password: Option<&Password>) -> Result<KeyFile, Error> {
    if let Ok(pkey) = PKey::private_key_from_der(octets) {
        return with_certificates(PrivateKey { pkey }, Vec::new());
    }
    if let Ok(archive) = Pkcs12::from_der(octets) {
        return from_pkcs12(&archive, password);
    }
    // `EncryptedPrivateKeyInfo` (RFC 5958 §3) is a SEQUENCE that starts with a SEQUENCE.
    let encrypted = super::der::Reader::new(octets, "key")
        .expect(super::der::tag::SEQUENCE)
        .is_ok_and(|outer| outer.inside("key").peek() == Some(super::der::tag::SEQUENCE));
    match (encrypted, password) {
        (true, Some(password)) => {
            let pkey = PKey::private_key_from_pkcs8_passphrase(octets, password.0.as_bytes());
            match pkey {
                Ok(pkey) => with_certificates(PrivateKey { pkey }, Vec::new()),
                Err(_) if Certificate::from_der(octets).is_ok() => Err(Error::NotAKey { came: "a certificate" }),
                Err(_) => Err(Error::PasswordWrong),
            }
        }
        (true, None) if Certificate::from_der(octets).is_ok() => Err(Error::NotAKey { came: "a certificate" }),
        (true, None) => Err(Error::PasswordMissing),
        (false, _) => Err(Error::NotAKey { came: looks_like(octets) }),
    }
}

fn from_pkcs12(archive: &Pkcs12, password: Option<&Password>) -> Result<KeyFile, Error> {
    let text = password.map_or("", |password| password.0.as_str());
    let wrong = if password.is_some() { Error::PasswordWrong } else { Error::PasswordMissing };
    let parsed = archive.parse2(text).map_err(|_| wrong)?;
    let pkey = parsed.pkey.ok_or(Error::NotAKey { came: "a PKCS#12 archive without a key" })?;
    let mut certificates = Vec::new();
    for x509 in parsed.cert.into_iter().chain(parsed.ca.into_iter().flatten()) {
        certificates.push(Certificate::from_x509(x509)?);
    }
    with_certificates(PrivateKey { pkey }, certificates)
}

/// Finds the certificate of the key among those of its file.
fn with_certificates(key: PrivateKey, mut certificates: Vec<Certificate>) -> Result<KeyFile, Error> {
    let own = certificates.iter().position(|certificate| key.belongs_to(certificate));
    let certificate = own.map(|at| certificates.remove(at));
    if let (None, Some(other)) = (&certificate, certificates.iter().find(|found| !found.is_authority())) {
        return Err(Error::KeyMismatch { subject: other.subject().to_owned() });
    }
    Ok(KeyFile { key, certificate, chain: certificates, readable_by_others: false })
}

fn looks_like_without_key(octets: &[u8]) -> &'static str {
    match looks_like(octets) {
        "a private key" => "a private key that cannot be read",
        _ if memchr::memmem::find(octets, b"-----BEGIN CERTIFICATE-----").is_some() => "a certificate",
        other => other,
    }
}

fn readable_by_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

/// Writes a secret file with mode 0600; it is created anew, never opened through what stood there.
fn write_secret(path: &Path, octets: &[u8]) -> Result<(), Error> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let failed = |source| Error::Write { path: path.to_owned(), source };
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    file.write_all(octets).and_then(|()| file.sync_all()).map_err(failed)
}
