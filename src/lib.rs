//! `coconnect`: a gateway that exchanges electronic Certificates of Origin between customs administrations.
//!
//! # Floors
//! A room imports only from lower floors; rooms of one floor never import each other (`tests/layers.rs` holds this).
//!
//! | floor | rooms |
//! |---|---|
//! | 0 | [`base`] |
//! | 1 | [`net`], [`pki`], [`xml`] |
//! | 2 | [`store`], [`xmlsec`] |
//! | 3 | [`contract`], [`soap`] |
//! | 4 | [`exchange`] |

pub mod base;
pub mod cli;
pub mod contract;
pub mod exchange;
pub mod gateway;
pub mod net;
pub mod pki;
pub mod soap;
pub mod store;
pub mod tools;
pub mod web;
pub mod xml;
pub mod xmlsec;
