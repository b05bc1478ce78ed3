//! Integration tests, one binary.

mod crash_store;
mod store_contract;
mod vectors;
mod vectors_xml;
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod net;
