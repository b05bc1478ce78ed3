//! Requests, answers and the two ways out of this room: what the gateway translates from and to `net`.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::time::Duration;

use super::partner::Partner;

/// A future on the heap.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Who is at the other end of the connection.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its address.
    pub address: IpAddr,
    /// Its client certificate in DER, checked against the trust anchors by the handshake; none on plain loopback.
    pub certificate: Option<Vec<u8>>,
}

/// A request whose body is unread.
pub struct Request {
    /// `POST`.
    pub method: String,
    /// Path without query: `/send-co`.
    pub path: String,
    /// Header fields in order; names in lower case.
    pub headers: Vec<(String, String)>,
    /// Who calls.
    pub peer: Peer,
    /// The body.
    pub body: Box<dyn Body>,
}

impl Request {
    /// How many fields of that name there are.
    #[must_use]
    pub fn count(&self, name: &str) -> usize {
        self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).count()
    }

    /// The only field of that name; none when it is absent or there twice.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
        let first = fields.next()?;
        if fields.next().is_some() { None } else { Some(&first.1) }
    }
}

/// Why a body was not read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BodyError {
    /// It is longer than was allowed.
    #[error("the body exceeds {limit} octets")]
    TooLarge {
        /// What was allowed.
        limit: usize,
    },
    /// It took longer than was allowed.
    #[error("the body did not arrive within {limit:?}")]
    TooSlow {
        /// What was allowed.
        limit: Duration,
    },
    /// The connection ended, or the framing broke.
    #[error("the body broke off")]
    Broken,
}

/// An unread body.
pub trait Body: Send {
    /// Reads it whole, at most `limit` octets within `deadline`.
    fn read(self: Box<Self>, limit: usize, deadline: Duration) -> BoxFuture<'static, Result<Vec<u8>, BodyError>>;
}

/// A body that is already here.
impl Body for Vec<u8> {
    fn read(self: Box<Self>, limit: usize, _deadline: Duration) -> BoxFuture<'static, Result<Vec<u8>, BodyError>> {
        Box::pin(std::future::ready(if self.len() > limit { Err(BodyError::TooLarge { limit }) } else { Ok(*self) }))
    }
}

/// An answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Header fields; `Content-Length` is the server's.
    pub headers: Vec<(String, String)>,
    /// The body, empty for a status alone.
    pub body: Vec<u8>,
}

/// One call to a partner.
pub struct Call<'a> {
    /// The partner: its TLS anchors and certificates are its own.
    pub partner: &'a Partner,
    /// Absolute URL.
    pub url: String,
    /// Header fields: Content-Type, SOAPAction, Authorization.
    pub headers: Vec<(String, String)>,
    /// The sealed message.
    pub body: Vec<u8>,
    /// For connecting, sending and the whole answer.
    pub deadline: Duration,
    /// Octets of the largest answer.
    pub answer_bytes_max: usize,
}

/// What came back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Content-Type, "" without.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
}

/// Why no answer came.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{what}")]
pub struct TransportError {
    /// What failed, for the journal and for a person.
    pub what: String,
}

/// The way to partners: one attempt a call, no retry by itself.
pub trait Transport: Send + Sync + 'static {
    /// Sends and waits for the answer.
    fn post<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Answer, TransportError>>;
}
