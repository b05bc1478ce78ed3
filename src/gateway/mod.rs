//! Floor 5: wires the parts. The one place where concrete types are chosen: backend, clock, provider.
//!
//! - [`config`]: `coconnect.toml`; [`init`]: a new folder; [`partners`]: the folder of partner files.
//! - [`node`]: a gateway put together; [`server`]: a gateway that serves.
//! - [`identity`], [`transport`]: our keys; the way to partners.

pub mod admin;
pub mod backoffice;
pub mod config;
pub mod identity;
pub mod init;
pub mod node;
pub mod partners;
pub mod server;
pub mod transport;

pub use node::Node;

/// An error with its causes, joined by `: `.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        text.push_str(": ");
        text.push_str(cause_text.trim());
        source = cause.source();
    }
    text
}
