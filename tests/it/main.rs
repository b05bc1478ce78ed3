//! Integration tests, one binary.

mod crash_store;
mod store_contract;
mod vectors;
mod vectors_xml;
mod net;
