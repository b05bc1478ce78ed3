//! The settings of a partner file: `[security]`, `[delivery]`, `[retention]`; each field with unit, default and range.
//! The ranges are checked in [`super::file`].

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What is encrypted in a message to the partner, and must be in one from it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(from = "EncryptText", into = "EncryptText")]
pub enum Encrypt {
    /// The business document element (default).
    #[default]
    Document,
    /// Nothing. `dev` and `test` only.
    None,
    /// The elements that these XPath expressions name, never nested.
    Elements(Vec<String>),
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged, expecting = "\"document\", \"none\" or a list of XPath expressions")]
enum EncryptText {
    Word(EncryptWord),
    Elements(Vec<String>),
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum EncryptWord {
    Document,
    None,
}

impl From<EncryptText> for Encrypt {
    fn from(text: EncryptText) -> Self {
        match text {
            EncryptText::Word(EncryptWord::Document) => Self::Document,
            EncryptText::Word(EncryptWord::None) => Self::None,
            EncryptText::Elements(list) => Self::Elements(list),
        }
    }
}

impl From<Encrypt> for EncryptText {
    fn from(encrypt: Encrypt) -> Self {
        match encrypt {
            Encrypt::Document => Self::Word(EncryptWord::Document),
            Encrypt::None => Self::Word(EncryptWord::None),
            Encrypt::Elements(list) => Self::Elements(list),
        }
    }
}

/// Signature algorithm of what we send.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the names are those of RFC 9231 and XML Signature 1.1")]
pub enum SignatureName {
    /// rsa-sha256 for an RSA key, ecdsa-sha256 for an EC key (default).
    #[default]
    ByKey,
    RsaSha256,
    RsaSha384,
    RsaSha512,
    RsaPssSha256,
    RsaPssSha384,
    RsaPssSha512,
    EcdsaSha256,
    EcdsaSha384,
    EcdsaSha512,
    Ed25519,
}

/// How the content key of what we send is carried.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyTransport {
    /// rsa-oaep-mgf1p for an RSA key, ecdh-es for an EC key (default).
    #[default]
    ByKey,
    /// `xmlenc#rsa-oaep-mgf1p`, SHA-1 inside OAEP.
    RsaOaepMgf1p,
    /// `xmlenc11#rsa-oaep` with SHA-256 and MGF1 with SHA-256.
    RsaOaepSha256,
    /// `xmlenc11#rsa-oaep` with SHA-384 and MGF1 with SHA-384.
    RsaOaepSha384,
    /// `xmlenc11#rsa-oaep` with SHA-512 and MGF1 with SHA-512.
    RsaOaepSha512,
    /// `xmlenc11#ECDH-ES` with ConcatKDF SHA-256 and kw-aes256.
    EcdhEs,
    /// `xmlenc11#ECDH-ES` with HKDF SHA-256 and kw-aes256.
    EcdhEsHkdf,
}

/// Content cipher of what we send.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the names are those of XML Encryption 1.1")]
pub enum Cipher {
    Aes128Gcm,
    Aes192Gcm,
    /// Default.
    #[default]
    Aes256Gcm,
}

/// How an EncryptedData points to its EncryptedKey in what we send.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyReference {
    /// wsse:SecurityTokenReference (default).
    #[default]
    Str,
    /// ds:RetrievalMethod, the only pointer that xmlsec1 1.2 follows.
    RetrievalMethod,
    /// The EncryptedKey stands inside the EncryptedData.
    Inline,
}

/// Order of signing and encrypting that is accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Sign, then encrypt (default): the signature covers the clear document.
    #[default]
    SignEncrypt,
    /// Either order; evidence of the other one is marked `signed ciphertext`.
    Any,
}

/// Which parts a message from the partner must have signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignedParts {
    /// Body, Timestamp and every wsa header, of which MessageID, Action and To must be there (default).
    #[default]
    Full,
    /// Body and Timestamp; wsa headers are optional. `dev` and `test` only.
    BodyTimestamp,
}

/// `[security]`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Security {
    /// What is encrypted: `document` (default), `none` (`dev` and `test` only), or a list of XPath expressions.
    pub encrypt: Encrypt,
    /// Signature algorithm of what we send; default by the kind of our key.
    pub signature: SignatureName,
    /// Key transport or agreement of what we send; default by the kind of the partner's key.
    pub key_transport: KeyTransport,
    /// Content cipher of what we send; default aes256-gcm.
    pub cipher: Cipher,
    /// Pointer to the EncryptedKey in what we send; default `str`.
    pub key_reference: KeyReference,
    /// Accepted order; default `sign-encrypt`.
    pub order: Order,
    /// Seconds that clocks may differ; default 300, range 0 to 300.
    pub skew_s: u32,
    /// What the partner must sign; default `full`.
    pub signed_parts: SignedParts,
}

impl Default for Security {
    fn default() -> Self {
        Self {
            encrypt: Encrypt::default(),
            signature: SignatureName::default(),
            key_transport: KeyTransport::default(),
            cipher: Cipher::default(),
            key_reference: KeyReference::default(),
            order: Order::default(),
            skew_s: 300,
            signed_parts: SignedParts::default(),
        }
    }
}

/// `[delivery]`: how fast and how often we send to the partner.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Delivery {
    /// Seconds between tries after a technical failure; default 600, range 1 to 3600. Tries end after one hour.
    pub retry_every_s: u32,
    /// Messages under way to the partner at once; default 4, range 1 to 64. Per CO always one.
    pub parallel: u32,
    /// Messages begun per minute; default 0 (no pace), range 0 to 60,000.
    pub pace_per_min: u32,
    /// Seconds that one attempt may last, connecting included; default 60, range 1 to 600.
    pub timeout_s: u32,
    /// Octets of the largest answer; default 1 MiB, range 16 KiB to 50 MiB.
    pub answer_bytes_max: u32,
    /// Basic user that we present, where the partner gave us one of its own; default: our own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basic_user: Option<String>,
    /// File with the Basic password that we present with it, relative to the folder of the partner file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basic_password_file: Option<PathBuf>,
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            retry_every_s: 600,
            parallel: 4,
            pace_per_min: 0,
            timeout_s: 60,
            answer_bytes_max: 1024 * 1024,
            basic_user: None,
            basic_password_file: None,
        }
    }
}

/// `[[contact]]`: whom to call. Stands in the technical annex and nowhere on the wire.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// What for: `operations`, `security`, `business`, ...; no default.
    pub role: String,
    /// A person or a desk; no default.
    pub name: String,
    /// Electronic mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Telephone, with the country's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// When it is attended, in words: `24 hours`, `Mon-Fri 09:00-18:00 UTC+9`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<String>,
}

impl std::fmt::Display for Contact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.role, self.name)?;
        for more in [&self.email, &self.phone, &self.hours].into_iter().flatten() {
            write!(f, ", {more}")?;
        }
        Ok(())
    }
}

/// `[retention]`: how long payload of the partner is kept, and what of its refused messages.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// Days that payload must be kept; default 1,095 (three years), range 0 to 36,500.
    pub minimum_days: u32,
    /// Days after which payload is erased; default 3,650, range `minimum_days` to 36,500.
    pub maximum_days: u32,
    /// MiB of refused messages kept whole per day; default 256, range 1 to 102,400. Beyond it the digest and the
    /// first 64 KiB of each are kept.
    pub quarantine_mib_per_day: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self { minimum_days: 1_095, maximum_days: 3_650, quarantine_mib_per_day: 256 }
    }
}
