//! Integration tests, one binary.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "a test that skips says so")]

mod c14n_libxml2;
mod cli_intake;
mod cli_store;
mod cli_xmlsec;
mod codegen;
mod contract;
mod crash_store;
mod demo;
mod encrypt;
mod linear;
mod manual;
mod mapping;
mod net;
mod pki;
mod serve;
mod store_contract;
mod store_faults;
mod store_powercut;
mod store_tail;
mod vectors;
mod vectors_dsig;
mod vectors_enc;
mod vectors_wss;
mod vectors_xml;
mod wsdl;
mod wss_wrapping;
mod wss_xmlsec1;
