//! Integration tests, one binary: what the rooms promise each other, on the real backends; conformance to the vectors.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod crash_store;
mod net;
mod store_contract;
mod vectors;
mod vectors_enc;
mod vectors_xml;
