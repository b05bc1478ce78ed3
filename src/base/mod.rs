//! Floor 0: what every room needs and nothing of ours below it.

pub mod clock;
pub mod id;
pub mod limits;
pub mod octets;

pub use clock::{Clock, MockClock, RealClock};
pub use octets::sha256;
