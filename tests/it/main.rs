//! Integration tests, one binary.

mod vectors;
mod vectors_xml;
//! One integration binary: what the rooms promise each other, on the real backends.

mod crash_store;
mod store_contract;
