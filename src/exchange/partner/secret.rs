//! What a partner's Basic password (RFC 7617) is checked against: a keyed hash, never the password.
//!
//! The passwords are generated with 256 bits, so a single HMAC is enough; argon2id is for people's passwords.

use openssl::memcmp;

use crate::base::octets::HmacSha256;

const SCHEME: &str = "hmac-sha256:";
/// Shorter passwords are refused: they were not generated.
const PASSWORD_OCTETS_MIN: usize = 16;
const SALT_OCTETS: usize = 16;

/// A keyed hash of a password.
#[derive(Clone)]
pub struct Secret {
    salt: Vec<u8>,
    hash: [u8; 32],
    hmac: HmacSha256,
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
        let hash = from_hex(hash).and_then(|h| h.try_into().ok()).ok_or(expected)?;
        Ok(Self { hmac: HmacSha256::new(&salt), salt, hash })
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
        let hmac = HmacSha256::new(&salt);
        Ok(Self { hash: hmac.of(password.as_bytes()), salt, hmac })
    }

    /// Whether `password` is the one; the time does not depend on where it differs.
    #[must_use]
    pub fn matches(&self, password: &[u8]) -> bool {
        memcmp::eq(&self.hmac.of(password), &self.hash)
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

pub(crate) use crate::base::octets::to_hex;

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
