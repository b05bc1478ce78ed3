//! Floor 6: the local API. Translates requests into calls of the gateway and answers into JSON; decides nothing.
//!
//! - [`rest`]: the routes, the same behind the admin socket, behind the local HTTP API (with its token) and, when nothing
//!   serves, inside the command itself.
//! - [`openapi`]: what the routes are, for the programs that call them.
//! - [`problem`]: errors as `application/problem+json` (RFC 9457).

pub mod openapi;
pub mod problem;
pub mod rest;

pub use problem::Problem;
pub use rest::{Api, Door};

pub use crate::gateway::admin::escape;

/// The reverse of [`escape`]; none when it is not well-formed or not UTF-8.
#[must_use]
pub fn unescape(value: &str) -> Option<String> {
    let mut out = Vec::with_capacity(value.len());
    let mut bytes = value.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let high = char::from(bytes.next()?).to_digit(16)?;
            let low = char::from(bytes.next()?).to_digit(16)?;
            out.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_a_query_read_back() {
        for text in ["", "urn:uuid:0f-1", "a b&c=d%", "한국"] {
            assert_eq!(unescape(&escape(text)).as_deref(), Some(text));
        }
        for broken in ["%", "%2", "%zz", "%ff"] {
            assert_eq!(unescape(broken), None, "{broken}");
        }
    }
}
