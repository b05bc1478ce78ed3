//! Opening a message: the checks of design 2.2 in their order, each a type that only the one before it can make.

use std::sync::Arc;

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::{Identity, Policy, Refusal, Signer, SignerLookup};
use crate::soap::addressing::Expect;
use crate::soap::{Addressing, Envelope, Version};
use crate::xml::{Document, NodeId};

/// Opens messages under one policy.
#[derive(Clone, Debug)]
pub struct Verifier {
    policy: Policy,
}

/// What the caller knows besides the message.
pub struct Context<'a> {
    /// The clock.
    pub now: Timestamp,
    /// Who may sign.
    pub signers: &'a dyn SignerLookup,
    /// Our keys that messages may be encrypted for: the present one and those before it.
    pub keys: &'a [Arc<Identity>],
    /// What the addressing headers must say.
    pub expect: Expect<'a>,
    /// SignatureValues of our request, base64, which an answer must confirm. Empty for requests.
    pub confirms: &'a [String],
}

/// A message whose signature, digests and freshness hold. Only what was signed can be read from it.
#[derive(Debug)]
pub struct Authentic {
    envelope: Envelope,
    payload: NodeId,
    addressing: Addressing,
    evidence: Evidence,
}

/// What proves it.
pub struct Evidence {
    /// SignatureValue of each signature, base64 without white space: for SignatureConfirmation.
    pub signature_values: Vec<String>,
    /// SHA-256 of the octets of the (first) SignatureValue: a field of the Merkle leaf.
    pub signature_value_hash: [u8; 32],
    /// Who signed.
    pub signer: Arc<Signer>,
    /// When the message was made.
    pub created: Option<Timestamp>,
    /// What the signature covers, by name: `Body`, `Timestamp`, `To`, ...
    pub signed: Vec<String>,
    /// What was encrypted, by name of the element or of the parent of content.
    pub encrypted: Vec<String>,
    /// Whether the signature covers ciphertext (`order = any`).
    pub signed_ciphertext: bool,
    /// The content keys that opened it: for an evidence package.
    pub content_keys: Vec<Zeroizing<Vec<u8>>>,
}

impl Verifier {
    /// A verifier under `policy`.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self { policy }
    }

    /// Opens a message, a request or an answer.
    ///
    /// # Errors
    /// [`Refusal`] with the first check that fails; [`Refusal::public`] is what the sender may hear.
    pub fn open(&self, envelope: Envelope, context: &Context<'_>) -> Result<Authentic, Refusal> {
        let _ = (envelope, context, &self.policy);
        todo!("lands with xmlsec")
    }
}

impl Authentic {
    /// The verified tree, with what was decrypted in its place. Read only below [`Authentic::payload`].
    #[must_use]
    pub fn document(&self) -> &Document {
        self.envelope.document()
    }

    /// Which SOAP it came in.
    #[must_use]
    pub fn version(&self) -> Version {
        self.envelope.version()
    }

    /// The child of the signed Body.
    #[must_use]
    pub fn payload(&self) -> NodeId {
        self.payload
    }

    /// The addressing headers that were signed; others are left out.
    #[must_use]
    pub fn addressing(&self) -> &Addressing {
        &self.addressing
    }

    /// What proves it.
    #[must_use]
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// The envelope as verified: decrypted in place, everything else as received.
    #[must_use]
    pub fn clear_octets(&self) -> Vec<u8> {
        self.envelope.to_octets()
    }
}

impl std::fmt::Debug for Evidence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Holds content keys: they are not printed.
        f.debug_struct("Evidence")
            .field("signed", &self.signed)
            .field("encrypted", &self.encrypted)
            .finish_non_exhaustive()
    }
}
