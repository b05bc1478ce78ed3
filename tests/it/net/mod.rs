//! Both ends of TLS and HTTP over loopback, each accepted case with its refused twins.

mod client;
mod drain;
mod requests;
mod tls;
mod world;
