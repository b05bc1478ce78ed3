//! Floor 3: SOAP 1.1 and 1.2, WS-Addressing 1.0, WS-Security 1.0 and 1.1.
//!
//! - [`envelope`]: one Envelope, one Header at most, one Body with one child; header blocks and `mustUnderstand`.
//! - [`addressing`]: the WS-Addressing headers, each at most once.
//! - [`fault`]: faults of both versions, read and written.
//! - [`mime`]: `Content-Type`, its `action` parameter, `SOAPAction`.
//! - [`wss`]: what is signed and encrypted, checked in the order of design 2.2; outgoing messages sealed.

pub mod addressing;
pub mod envelope;
pub mod fault;
pub mod mime;
pub mod wss;

pub use addressing::Addressing;
pub use envelope::{Envelope, Version};
pub use fault::Fault;
