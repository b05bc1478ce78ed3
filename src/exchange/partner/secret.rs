//! What a partner's Basic password (RFC 7617) is checked against: a keyed hash, never the password.
//!
//! The passwords are generated with 256 bits, so a single HMAC is enough; argon2id is for people's passwords.

use std::fmt::Write as _;

use openssl::hash::MessageDigest;
use openssl::memcmp;
use openssl::pkey::PKey;
use openssl::sign::Signer;

const SCHEME: &str = "hmac-sha256:";
/// Shorter passwords are refused: they were not generated.
const PASSWORD_OCTETS_MIN: usize = 16;
const SALT_OCTETS: usize = 16;

/// A keyed hash of a password.
#[derive(Clone)]
pub struct Secret {
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl Secret {
    /// Reads `hmac-sha256:SALT:HASH`, or hashes a password that stands in clear.
    ///
    /// # Errors
    /// What was expected; never what came.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let Some(rest) = text.strip_prefix(SCHEME) else {
            return Self::of_password(text);
        };
        let expected = "hmac-sha256:, 32 hexadecimal digits, : and 64 hexadecimal digits";
        let (salt, hash) = rest.split_once(':').ok_or(expected)?;
        let salt = from_hex(salt).filter(|s| s.len() == SALT_OCTETS).ok_or(expected)?;
        let hash = from_hex(hash).filter(|h| h.len() == 32).ok_or(expected)?;
        Ok(Self { salt, hash })
    }

    /// Hashes a password under a fresh salt.
    ///
    /// # Errors
    /// What was expected of the password.
    pub fn of_password(password: &str) -> Result<Self, &'static str> {
        if password.len() < PASSWORD_OCTETS_MIN {
            return Err("a keyed hash (hmac-sha256:...) or a generated password of at least 16 characters");
        }
        let mut salt = vec![0; SALT_OCTETS];
        openssl::rand::rand_bytes(&mut salt).map_err(|_| "random octets from the system")?;
        let hash = keyed_hash(&salt, password.as_bytes()).ok_or("HMAC-SHA-256 from the provider")?;
        Ok(Self { salt, hash })
    }

    /// Whether `password` is the one; the time does not depend on where it differs.
    #[must_use]
    pub fn matches(&self, password: &[u8]) -> bool {
        keyed_hash(&self.salt, password)
            .is_some_and(|hash| hash.len() == self.hash.len() && memcmp::eq(&hash, &self.hash))
    }

    /// The form that stands in the partner file.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{SCHEME}{}:{}", to_hex(&self.salt), to_hex(&self.hash))
    }
}

/// A fresh password of 256 bits in hexadecimal.
///
/// # Errors
/// When the system has no random octets.
pub fn generate_password() -> Result<zeroize::Zeroizing<String>, openssl::error::ErrorStack> {
    let mut octets = zeroize::Zeroizing::new([0u8; 32]);
    openssl::rand::rand_bytes(octets.as_mut())?;
    Ok(zeroize::Zeroizing::new(to_hex(octets.as_ref())))
}

fn keyed_hash(salt: &[u8], password: &[u8]) -> Option<Vec<u8>> {
    let key = PKey::hmac(salt).ok()?;
    let mut signer = Signer::new(MessageDigest::sha256(), &key).ok()?;
    signer.sign_oneshot_to_vec(password).ok()
}

pub(crate) fn to_hex(octets: &[u8]) -> String {
    octets.iter().fold(String::with_capacity(octets.len() * 2), |mut text, octet| {
        // Writing into a String cannot fail.
        let _ = write!(text, "{octet:02x}");
        text
    })
}

pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_itself_matches() {
        let password = generate_password().unwrap();
        let secret = Secret::of_password(&password).unwrap();
        assert!(secret.matches(password.as_bytes()));
        assert!(!secret.matches(&password.as_bytes()[..63]));
        assert!(!secret.matches(b""));
        let again = Secret::parse(&secret.to_text()).unwrap();
        assert!(again.matches(password.as_bytes()));
    }

    #[test]
    fn refuses_passwords_that_nobody_generated() {
        assert!(Secret::parse("secret").is_err());
        assert!(Secret::parse("hmac-sha256:00:11").is_err());
    }
}
