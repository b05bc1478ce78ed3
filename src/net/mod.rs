//! Floor 1: the only room that opens sockets. TLS, HTTP/1.1 in both directions, and the Unix socket of the admin interface.
//!
//! - [`ServerTls`], [`ClientTls`]: mutual TLS over OpenSSL, reloadable while serving. Who is trusted is decided by a
//!   [`PeerCheck`] that the caller brings; this room knows no trust.
//! - [`Server`]: listeners with bounds for everything a peer could use up, and a drain that finishes what was accepted.
//!   What is served stands behind [`Handler`].
//! - [`Client`]: one attempt, one deadline, no retries; [`UnixClient`] for the admin socket.
//! - [`Basic`]: HTTP Basic credentials (RFC 7617).

mod address;
mod basic;
mod body;
mod client;
mod connection;
mod listen;
mod timer;
mod tls;

pub use address::{AllowList, Cidr, CidrError};
pub use basic::{Basic, BasicError};
pub use body::{Body, BodyError};
pub use client::{Answer, Client, ClientError, ClientSettings, Post, Stage, UnixClient};
pub use listen::{
    Drained, Handler, Limits, Metrics, Peer, PeerAddress, Request, Response, ResponseFuture, Server, ServerBuilder,
    free_loopback_port,
};
pub use tls::{
    ClientCertificate, ClientTls, Identity, PeerCertificates, PeerCheck, Refusal, ServerName, ServerTls, TlsError,
};

pub use bytes::Bytes;
pub use hyper::header;
pub use hyper::{HeaderMap, Method, StatusCode};
