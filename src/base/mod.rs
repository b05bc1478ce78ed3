//! Floor 0: what every room needs and nothing of ours below it.

pub mod clock;
pub mod id;
pub mod limits;

pub use clock::{Clock, MockClock, RealClock};
