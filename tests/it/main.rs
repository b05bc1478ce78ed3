//! Integration tests, one binary.

mod vectors;
mod vectors_xml;
