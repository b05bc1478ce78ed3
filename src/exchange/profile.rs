//! The agreement profile: the menu that two administrations chose. It comes with the rules of the contract; until then
//! every partner has the default profile, which asks for what the schema asks for.

/// Name of the profile that asks for nothing beyond the schema.
pub const DEFAULT: &str = "default";
