//! The manual: documents that ship with the code.
//!
//! - [`conformance`]: the conformance kit, its cases, and the technical annex.
//! - [`clients`]: what each SOAP stack can do as a client of ours, and its configuration.
//! - [`operations`]: daily work: set up, add a partner, watch, rotate, repair.
//! - [`data_model`]: what is stored where, and what can be rebuilt.
//! - [`profiles`]: how to write an agreement profile, every key of it.
//! - [`mappings`]: other formats to the contract and back; code lists.
//! - [`divergences`]: where we differ from a specification or from the design, and why.
//! - [`threat_model`]: each threat, its control, its test; and what is not defended.
//! - [`fault_codes`]: every code a partner may see, and what to do about it.

pub mod mappings {
    #![doc = include_str!("mappings.md")]
}
pub mod conformance {
    #![doc = include_str!("conformance.md")]
}
pub mod clients {
    #![doc = include_str!("clients.md")]
}
pub mod operations {
    #![doc = include_str!("operations.md")]
}
pub mod data_model {
    #![doc = include_str!("data_model.md")]
}
pub mod divergences {
    #![doc = include_str!("divergences.md")]
}
pub mod threat_model {
    #![doc = include_str!("threat_model.md")]
}
pub mod fault_codes {
    #![doc = include_str!("fault_codes.md")]
}
pub mod profiles {
    #![doc = include_str!("profiles.md")]
}
