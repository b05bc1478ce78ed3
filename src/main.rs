//! The `coconnect` binary.

fn main() {}
