//! Identifiers, parsed once at the edge.

use std::fmt;

/// An identifier that cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone)]
pub enum Error {
    /// `wsa:MessageID` is not `urn:uuid:` with a UUID (RFC 9562): `uuid:12`.
    #[error("message id: expected urn:uuid: and 8-4-4-4-12 hexadecimal digits, came {length} octets")]
    MessageId {
        /// Octets that came.
        length: usize,
    },
    /// A partner id outside `[A-Z0-9][A-Z0-9-]{0,31}`: `kr customs`.
    #[error("partner id: expected 1 to 32 of A-Z, 0-9 and -, not starting with -, came {length} octets")]
    PartnerId {
        /// Octets that came.
        length: usize,
    },
    /// An environment other than `dev`, `test` and `prod`.
    #[error("environment: expected dev, test or prod")]
    Environment,
}

/// `wsa:MessageID` (WS-Addressing 1.0 Core §3.1): `urn:uuid:` and a UUID, compared in lower case.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(String);

impl MessageId {
    /// Reads an id as it stands on the wire, in either case.
    ///
    /// # Errors
    /// [`Error::MessageId`] when it is not `urn:uuid:` and a UUID.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let lower = text.to_ascii_lowercase();
        let uuid = lower.strip_prefix("urn:uuid:").ok_or(Error::MessageId { length: text.len() })?;
        let well_formed = uuid.len() == 36
            && uuid.bytes().enumerate().all(|(at, byte)| match at {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            });
        if well_formed { Ok(Self(lower)) } else { Err(Error::MessageId { length: text.len() }) }
    }

    /// A random id (RFC 9562 version 4) from 16 random octets.
    #[must_use]
    pub fn from_random(mut octets: [u8; 16]) -> Self {
        octets[6] = (octets[6] & 0x0f) | 0x40;
        octets[8] = (octets[8] & 0x3f) | 0x80;
        let mut text = String::with_capacity(45);
        text.push_str("urn:uuid:");
        for (at, octet) in octets.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            for nibble in [octet >> 4, octet & 0x0f] {
                text.push(char::from_digit(u32::from(nibble), 16).expect("a nibble is one hexadecimal digit"));
            }
        }
        Self(text)
    }

    /// The id in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A partner: the gateway of a customs territory or union, as this side names it. `KR`, `ID-CUSTOMS`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartnerId(String);

impl PartnerId {
    /// Reads a partner id; it names a file, so its alphabet is small.
    ///
    /// # Errors
    /// [`Error::PartnerId`] when a character is outside A-Z, 0-9, `-`, or the length outside 1 to 32.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let well_formed = (1..=32).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-')
            && !text.starts_with('-');
        if well_formed { Ok(Self(text.to_owned())) } else { Err(Error::PartnerId { length: text.len() }) }
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Which world a gateway lives in. The three share nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Environment {
    /// On a developer's machine.
    Dev,
    /// Among partners, with invented data.
    Test,
    /// The real one; no setting weakens it.
    Prod,
}

impl Environment {
    /// Reads `dev`, `test` or `prod`.
    ///
    /// # Errors
    /// [`Error::Environment`] for anything else.
    pub fn parse(text: &str) -> Result<Self, Error> {
        match text {
            "dev" => Ok(Self::Dev),
            "test" => Ok(Self::Test),
            "prod" => Ok(Self::Prod),
            _ => Err(Error::Environment),
        }
    }

    /// As written in configuration and host names.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Test => "test",
            Self::Prod => "prod",
        }
    }
}

macro_rules! display_as_str {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )*};
}
display_as_str!(MessageId, PartnerId, Environment);

macro_rules! debug_as_str {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.as_str()).finish()
            }
        }
    )*};
}
debug_as_str!(MessageId, PartnerId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_ids_compare_in_lower_case() {
        let upper = MessageId::parse("URN:UUID:0F8FAD5B-D9CB-469F-A165-70867728950E").unwrap();
        let lower = MessageId::parse("urn:uuid:0f8fad5b-d9cb-469f-a165-70867728950e").unwrap();
        assert_eq!(upper, lower);
    }

    #[test]
    fn refuses_what_is_no_message_id() {
        for text in [
            "",
            "urn:uuid:",
            "uuid:0f8fad5b-d9cb-469f-a165-70867728950e",
            "urn:uuid:0f8fad5bd9cb-469f-a165-70867728950e0",
        ] {
            assert_eq!(MessageId::parse(text), Err(Error::MessageId { length: text.len() }));
        }
    }

    #[test]
    fn a_random_message_id_reads_back() {
        let id = MessageId::from_random([0xff; 16]);
        assert_eq!(MessageId::parse(id.as_str()).unwrap(), id);
        assert_eq!(id.as_str(), "urn:uuid:ffffffff-ffff-4fff-bfff-ffffffffffff");
    }

    #[test]
    fn a_partner_id_cannot_leave_its_folder() {
        for text in ["", "../KR", "kr", "KR/ID", "-KR", "K R"] {
            assert!(PartnerId::parse(text).is_err(), "{text}");
        }
        assert_eq!(PartnerId::parse("KR-CUSTOMS").unwrap().as_str(), "KR-CUSTOMS");
    }
}
