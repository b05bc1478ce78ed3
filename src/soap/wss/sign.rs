//! Sealing a message: Timestamp first, token, EncryptedKey, Signature; written in canonical form and hashed in place.

use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::{Identity, Order, Recipient, SignedParts};
use crate::soap::{Addressing, Version};

/// How EncryptedData points to the EncryptedKey.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyReference {
    /// `wsse:SecurityTokenReference` (the default).
    Str,
    /// `ds:RetrievalMethod`: the only pointer that xmlsec1 1.2 follows.
    RetrievalMethod,
    /// The EncryptedKey stands inside the EncryptedData.
    Inline,
}

/// Algorithms of what we send; their URIs. None: what fits the key (design 2.2).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Suite {
    /// SignatureMethod.
    pub signature: Option<String>,
    /// DigestMethod of References.
    pub digest: Option<String>,
    /// EncryptionMethod of the EncryptedKey, or AgreementMethod.
    pub key_transport: Option<String>,
    /// EncryptionMethod of the EncryptedData.
    pub cipher: Option<String>,
}

/// What the partner's `[security]` says about what we send.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Algorithms.
    pub suite: Suite,
    /// Pointer from EncryptedData to EncryptedKey.
    pub key_reference: KeyReference,
    /// Which comes first: `SignEncrypt`, or encryption first for `Any`.
    pub order: Order,
    /// `Full`, or `BodyTimestamp` for a partner that signs no more than that.
    pub signed_parts: SignedParts,
}

/// The content of Body: the octets in exclusive canonical form (as a child of a Body whose SOAP prefix is `soap`), and
/// what of it is encrypted.
#[derive(Clone, Debug)]
pub struct Content<'a> {
    /// One element.
    pub octets: &'a [u8],
    /// The octets of the element that is encrypted, when a recipient is given: MetaData, or what a fault's detail holds.
    pub encrypt: Option<Range<usize>>,
}

/// A message to be sealed.
#[derive(Clone, Debug)]
pub struct Outgoing<'a> {
    /// Which SOAP.
    pub version: Version,
    /// The headers.
    pub addressing: &'a Addressing,
    /// The content of Body.
    pub content: Content<'a>,
    /// SignatureValues of the request that this answers, base64; none for a request and when its signature did not hold.
    pub confirms: Option<&'a [String]>,
    /// The clock.
    pub now: Timestamp,
}

/// A sealed message.
pub struct Sealed {
    /// The envelope, as it goes over the wire.
    pub octets: Vec<u8>,
    /// SignatureValue, base64: what the answer must confirm.
    pub signature_value: String,
    /// The content key, when something was encrypted: for the evidence.
    pub content_key: Option<Zeroizing<Vec<u8>>>,
}

/// Seals messages for one partner.
pub struct Sealer {
    settings: Settings,
    identity: Arc<Identity>,
    recipient: Option<Arc<Recipient>>,
}

/// Why a message was not sealed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An algorithm that does not exist or does not fit the key.
    #[error("{0}")]
    Algorithm(String),
    /// OpenSSL failed.
    #[error("{what} failed")]
    Crypto {
        /// What was done.
        what: &'static str,
        /// Why.
        #[source]
        source: openssl::error::ErrorStack,
    },
    /// The content is not one element, or the range to encrypt lies outside it.
    #[error("the content cannot be sealed: {what}")]
    Content {
        /// What is wrong.
        what: &'static str,
    },
}

impl Sealer {
    /// A sealer that signs with `identity` and encrypts for `recipient`, if there is one.
    ///
    /// # Errors
    /// [`Error::Algorithm`] when the suite does not fit the keys.
    pub fn new(settings: Settings, identity: Arc<Identity>, recipient: Option<Arc<Recipient>>) -> Result<Self, Error> {
        Ok(Self { settings, identity, recipient })
    }

    /// Seals a request, an answer or a fault.
    ///
    /// # Errors
    /// [`Error`] when it cannot be signed or encrypted.
    pub fn seal(&self, outgoing: &Outgoing<'_>) -> Result<Sealed, Error> {
        let _ = (outgoing, &self.settings, &self.identity, &self.recipient);
        todo!("lands with xmlsec")
    }
}
