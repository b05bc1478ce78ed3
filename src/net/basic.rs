//! HTTP Basic authentication (RFC 7617): reading and writing the header. Whether the password is right is judged elsewhere.

use base64_simd::STANDARD;
use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HeaderValue};
use zeroize::Zeroizing;

/// Octets of a header value that is read.
const VALUE_BYTES_MAX: usize = 1_024;

/// A user and a password; the password is wiped when dropped and never printed.
#[derive(Clone)]
pub struct Basic {
    user: String,
    password: Zeroizing<Vec<u8>>,
}

/// Why there are no usable credentials. The peer hears 401 whichever it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BasicError {
    /// No `Authorization` header.
    #[error("no Authorization header")]
    Missing,
    /// More than one `Authorization` header.
    #[error("more than one Authorization header")]
    Several,
    /// Another scheme than `Basic`: `Bearer x`.
    #[error("an Authorization header of another scheme than Basic")]
    OtherScheme,
    /// Not base64 of `user:password` in UTF-8.
    #[error("a Basic header that is not base64 of user:password")]
    Malformed,
}

impl Basic {
    /// Credentials to send.
    ///
    /// # Errors
    /// [`BasicError::Malformed`] for a user that is empty or has a colon or control character (RFC 7617 §2).
    pub fn new(user: impl Into<String>, password: impl Into<Vec<u8>>) -> Result<Self, BasicError> {
        let (user, password) = (user.into(), Zeroizing::new(password.into()));
        if user.is_empty() || user.contains(':') || user.chars().any(char::is_control) {
            return Err(BasicError::Malformed);
        }
        Ok(Self { user, password })
    }

    /// Reads the credentials of a request.
    ///
    /// # Errors
    /// [`BasicError`].
    pub fn from_headers(headers: &HeaderMap) -> Result<Self, BasicError> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let value = values.next().ok_or(BasicError::Missing)?;
        if values.next().is_some() {
            return Err(BasicError::Several);
        }
        Self::parse(value.as_bytes())
    }

    /// Reads a header value: `Basic S1I6c2VjcmV0`.
    ///
    /// # Errors
    /// [`BasicError::OtherScheme`], [`BasicError::Malformed`].
    pub fn parse(value: &[u8]) -> Result<Self, BasicError> {
        let (scheme, rest) = value.split_at_checked(6).ok_or(BasicError::OtherScheme)?;
        if !scheme.eq_ignore_ascii_case(b"basic ") {
            return Err(BasicError::OtherScheme);
        }
        let encoded = rest.trim_ascii();
        if encoded.len() > VALUE_BYTES_MAX {
            return Err(BasicError::Malformed);
        }
        let decoded = Zeroizing::new(STANDARD.decode_to_vec(encoded).map_err(|_| BasicError::Malformed)?);
        let colon = memchr::memchr(b':', &decoded).ok_or(BasicError::Malformed)?;
        let (user, password) = decoded.split_at_checked(colon).ok_or(BasicError::Malformed)?;
        let user = std::str::from_utf8(user).map_err(|_| BasicError::Malformed)?;
        Self::new(user, password.get(1..).unwrap_or_default())
    }

    /// The header value, marked as sensitive.
    #[must_use]
    pub fn to_header(&self) -> HeaderValue {
        let mut plain = Zeroizing::new(Vec::with_capacity(self.user.len() + 1 + self.password.len()));
        plain.extend_from_slice(self.user.as_bytes());
        plain.push(b':');
        plain.extend_from_slice(&self.password);
        let text = Zeroizing::new(format!("Basic {}", *Zeroizing::new(STANDARD.encode_to_string(&*plain))));
        let mut value = HeaderValue::from_str(&text).expect("base64 is visible ASCII");
        value.set_sensitive(true);
        value
    }

    /// The user.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The password. Compare it in constant time.
    #[must_use]
    pub fn password(&self) -> &[u8] {
        &self.password
    }
}

impl std::fmt::Debug for Basic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Basic").field("user", &self.user).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_writes() {
        let sent = Basic::new("KR", "a:b\u{e9}").unwrap();
        let read = Basic::parse(sent.to_header().as_bytes()).unwrap();
        assert_eq!((read.user(), read.password()), ("KR", "a:b\u{e9}".as_bytes()));
        assert!(Basic::parse(b"bAsIc  S1I6 ").is_ok());
        assert!(!format!("{sent:?} {:?}", sent.to_header()).contains("a:b"));
    }

    #[test]
    fn refuses_what_is_no_credential() {
        for (value, expected) in [
            (&b"Bearer abcdef"[..], BasicError::OtherScheme),
            (b"Basic", BasicError::OtherScheme),
            (b"Basic !!!!", BasicError::Malformed),
            (b"Basic S1I=", BasicError::Malformed),
            (b"Basic OnNlY3JldA==", BasicError::Malformed),
            (b"Basic /zo=", BasicError::Malformed),
        ] {
            assert_eq!(Basic::parse(value).unwrap_err(), expected, "{}", String::from_utf8_lossy(value));
        }
        let mut headers = HeaderMap::new();
        assert_eq!(Basic::from_headers(&headers).unwrap_err(), BasicError::Missing);
        headers.append(AUTHORIZATION, HeaderValue::from_static("Basic S1I6"));
        headers.append(AUTHORIZATION, HeaderValue::from_static("Basic S1I6"));
        assert_eq!(Basic::from_headers(&headers).unwrap_err(), BasicError::Several);
    }
}
