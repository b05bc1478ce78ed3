//! The national side (design 2.7): what back offices hand over and take.
//!
//! - [`mapping`]: foreign and national formats to the contract, and back, by mapping files.

pub mod mapping;
