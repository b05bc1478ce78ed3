//! The client of the admin socket: how other commands reach a running gateway.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::base::Clock;
use crate::net::{Bytes, ClientError, HeaderMap, Method, UnixClient, header};

/// For an answer; taking a CO in waits for its commit.
const DEADLINE: Duration = Duration::from_secs(120);
/// Octets of an answer: a document of the largest size, and JSON around it.
const ANSWER_BYTES_MAX: usize = 2 * crate::base::limits::MESSAGE_BYTES_MAX;

/// An answer of the local API.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Media type.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// Whether it is a success.
    #[must_use]
    pub fn ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as JSON; null when it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// A client of one gateway's admin socket.
pub struct AdminClient {
    client: UnixClient,
}

impl AdminClient {
    /// For the socket at `path`.
    #[must_use]
    pub fn new(path: &Path, clock: Arc<dyn Clock>) -> Self {
        Self { client: UnixClient::new(path, clock) }
    }

    /// Reads.
    ///
    /// # Errors
    /// [`ClientError::Socket`] when nothing serves there.
    pub async fn get(&self, path: &str) -> Result<Answer, ClientError> {
        self.call(Method::GET, path, "", Vec::new()).await
    }

    /// Sends a body.
    ///
    /// # Errors
    /// [`ClientError::Socket`] when nothing serves there.
    pub async fn post(&self, path: &str, content_type: &str, body: Vec<u8>) -> Result<Answer, ClientError> {
        self.call(Method::POST, path, content_type, body).await
    }

    /// Any call of the local API.
    ///
    /// # Errors
    /// [`ClientError::Socket`] when nothing serves there.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<Answer, ClientError> {
        let mut headers = HeaderMap::new();
        if let Ok(value) = header::HeaderValue::from_str(content_type)
            && !content_type.is_empty()
        {
            headers.insert(header::CONTENT_TYPE, value);
        }
        let answer = self.client.request(method, path, headers, Bytes::from(body), DEADLINE, ANSWER_BYTES_MAX).await?;
        let content_type =
            answer.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
        Ok(Answer { status: answer.status.as_u16(), content_type, body: answer.body })
    }
}

/// Percent-encodes a value for a query (RFC 3986): everything but letters, digits, `-`, `.`, `_` and `~`.
#[must_use]
pub fn escape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for nibble in [byte >> 4, byte & 0x0f] {
                out.push(
                    char::from_digit(u32::from(nibble), 16)
                        .expect("a nibble is one hexadecimal digit")
                        .to_ascii_uppercase(),
                );
            }
        }
    }
    out
}
