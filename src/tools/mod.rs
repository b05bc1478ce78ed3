//! Floor 6: what measures, replays and shows the gateway. Emits events; the command line renders them.

pub mod bench;
pub mod demo;
pub mod lab;
pub mod replay;
