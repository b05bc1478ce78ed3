//! XML Encryption 1.1 (and 1.0): reading, opening and closing.
//!
//! - [`encrypted_type`]: `EncryptedData` and `EncryptedKey`, checked before any key is used.
//! - [`agreement`]: `AgreementMethod`, `KeyDerivationMethod`, `DerivedKey`.
//! - [`decrypt`]: one key for one element; what messages need.
//! - [`document`]: a whole document with whatever keys a caller has; [`resolve`]: from a KeyInfo to a key.
//! - [`encrypt`]: closing; [`seal_document`]: elements and templates of a document.
//! - [`error`]: why something was not opened, for the operator, and the coarse kind of it; [`explain`]: with which other
//!   parameters it would open.
//!
//! Refused everywhere: anything external that the caller did not map to a file, curves by their parameters, XML as
//! cipher text.

pub mod agreement;
pub mod decrypt;
pub mod document;
#[cfg(test)]
mod document_tests;
mod element;
pub mod encrypt;
pub mod encrypted_type;
pub mod error;
pub mod explain;
#[cfg(test)]
mod originator_tests;
pub mod resolve;
pub mod seal_document;
#[cfg(test)]
mod tests;

pub use agreement::{Agreement, Derivation, DerivedKey};
pub use decrypt::{
    ContentKey, DecryptionKey, decrypt_data, decrypt_key, decrypt_key_or_random, encrypted_key_octets, nobody,
};
pub use document::{Clear, Decrypted, Decryptor, Left};
pub use encrypt::{
    EncryptedDataParts, EncryptedKeyParts, KeyManagement, KeyReference, Recipient, write_encrypted_data,
    write_encrypted_key,
};
pub use encrypted_type::{CipherData, DataMethod, DataType, EncryptedData, EncryptedKey, KeyMethod, Transport};
pub use error::{Error, Kind};
pub use resolve::{Keys, Resolver, Search, Wanted};
pub use seal_document::{fill_templates, seal_elements};
