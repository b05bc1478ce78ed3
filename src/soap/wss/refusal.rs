//! Why a message is refused, and what its sender may hear of it (design 2.2 "Who hears what").
//!
//! Up to SignatureValue the cause is named. From decryption to the last Reference digest there is one text for
//! everything; the true reason is for the journal.

use super::{timestamp, token::TrustError};
use crate::soap::fault::Subcode;
use crate::soap::{Addressing, addressing, envelope};
use crate::xml::TextPos;

/// The checks, in their order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Stage {
    /// Envelope and Security header: structure and bounds.
    Structure,
    /// Algorithms, transforms, forms of keys.
    Algorithms,
    /// Token, certificate and trust; the receiver's key.
    Token,
    /// Timestamp and addressing.
    Freshness,
    /// Coverage of the required parts.
    Coverage,
    /// SignatureValue over SignedInfo.
    SignatureValue,
    /// Decryption. From here on the sender hears one text.
    Decryption,
    /// Reference digests over clear content. The last stage with that one text.
    Digests,
    /// What is refused in clear content although every digest holds: comments, `xsi:type`, more than one child of Body.
    Content,
}

impl Stage {
    /// As it stands in the journal and in `--json`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Structure => "structure",
            Self::Algorithms => "algorithms",
            Self::Token => "token",
            Self::Freshness => "freshness",
            Self::Coverage => "coverage",
            Self::SignatureValue => "signature-value",
            Self::Decryption => "decryption",
            Self::Digests => "digests",
            Self::Content => "content",
        }
    }

    /// Whether a refusal here looks like every other one of the sealed region.
    #[must_use]
    pub fn is_sealed(self) -> bool {
        matches!(self, Self::Decryption | Self::Digests)
    }
}

/// The true reason.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// The envelope has another structure.
    #[error(transparent)]
    Envelope(#[from] envelope::Error),
    /// The addressing headers.
    #[error(transparent)]
    Addressing(#[from] addressing::Error),
    /// The Timestamp.
    #[error("Timestamp: {0}")]
    Timestamp(#[from] timestamp::Error),
    /// The signer's certificate.
    #[error("certificate of the signer: {0}")]
    Trust(#[from] TrustError),
    /// No Security header, no Signature, no Timestamp.
    #[error("{what} is missing")]
    Missing {
        /// What was expected.
        what: &'static str,
    },
    /// A second one where one is allowed.
    #[error("{at}: a second {what}")]
    Repeated {
        /// What stands there twice.
        what: &'static str,
        /// Where the second one starts.
        at: TextPos,
    },
    /// Something that has no place here.
    #[error("{at}: {what}")]
    Refused {
        /// What, and where it would belong.
        what: String,
        /// Where.
        at: TextPos,
    },
    /// The Security header is for an actor or role.
    #[error("{at}: the Security header is addressed to an actor or role")]
    ForeignSecurity {
        /// Where.
        at: TextPos,
    },
    /// An Id that occurs twice, or on two kinds of attribute; the base of wrapping attacks.
    #[error("Id {id:?} occurs {count} times")]
    AmbiguousId {
        /// The value, clipped.
        id: String,
        /// How often.
        count: usize,
    },
    /// A pointer to nowhere.
    #[error("{what} points to {uri:?}, which is not in the message")]
    Dangling {
        /// What points.
        what: &'static str,
        /// Where to, clipped.
        uri: String,
    },
    /// A pointer to the wrong kind of element.
    #[error("{what} points to {came:?}, expected {expected}")]
    WrongTarget {
        /// What points.
        what: &'static str,
        /// What may stand there.
        expected: &'static str,
        /// What stands there.
        came: String,
    },
    /// The algorithms, parameters and keys of the signature or encryption.
    #[error("{0}")]
    XmlSec(String),
    /// The structure or bounds of the signature or encryption.
    #[error("{0}")]
    Malformed(String),
    /// Required parts are not covered by the signature.
    #[error("not covered by the signature: {parts}")]
    NotCovered {
        /// The parts, by name.
        parts: String,
    },
    /// Encryption was required.
    #[error("the business document is not encrypted")]
    NotEncrypted,
    /// The message is encrypted for nobody here.
    #[error("none of our keys is named by an EncryptedKey; ours: {ours}")]
    NotForUs {
        /// What our keys are called.
        ours: String,
    },
    /// SignatureValue does not fit SignedInfo and the certificate.
    #[error("the SignatureValue does not verify with the certificate {subject}")]
    SignatureValue {
        /// Subject of the certificate.
        subject: String,
    },
    /// An EncryptedKey or EncryptedData that does not open.
    #[error("decryption failed: {0}")]
    Decryption(String),
    /// What was decrypted cannot be put in its place.
    #[error("the clear text is not well-formed in its place: {0}")]
    ClearText(String),
    /// A digest that does not fit.
    #[error("digest of reference {index} ({uri}) differs: expected {expected}, computed {computed}")]
    Digest {
        /// Number of the Reference, from 0.
        index: usize,
        /// Its URI, clipped.
        uri: String,
        /// DigestValue, base64.
        expected: String,
        /// What was computed, base64.
        computed: String,
    },
    /// SignatureConfirmation does not confirm our signatures.
    #[error("SignatureConfirmation: {what}")]
    Confirmation {
        /// What does not fit.
        what: &'static str,
    },
}

/// What the sender may hear.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Public {
    /// The cause, for a partner whose transport identity is established.
    Named {
        /// Code of WS-Security.
        code: Subcode,
        /// The text.
        text: String,
    },
    /// The one text for everything between decryption and the last digest.
    Opaque,
}

/// The one text of the sealed region.
pub const OPAQUE_TEXT: &str = "the signature or decryption was invalid";

/// A refused message.
#[derive(Debug)]
pub struct Refusal {
    /// Which check refused it.
    pub stage: Stage,
    /// Why, truly. Not for the sender when the stage is sealed.
    pub reason: Reason,
    /// The addressing headers as they came, unbelieved: RelatesTo of the fault.
    pub addressing: Option<Box<Addressing>>,
    /// SignatureValue of each signature that held, base64: to be confirmed in the fault. None before that check.
    pub confirmable: Option<Vec<String>>,
}

impl Refusal {
    pub(crate) fn new(stage: Stage, reason: impl Into<Reason>) -> Self {
        Self { stage, reason: reason.into(), addressing: None, confirmable: None }
    }

    /// The refusal of what is no envelope.
    #[must_use]
    pub fn of_envelope(error: envelope::Error) -> Self {
        Self::new(Stage::Structure, error)
    }

    /// Whether an algorithm was refused, and not the structure in which it was looked for.
    #[must_use]
    pub fn is_of_algorithm(&self) -> bool {
        self.stage == Stage::Algorithms && matches!(self.reason, Reason::XmlSec(_))
    }

    /// What the sender may hear.
    #[must_use]
    pub fn public(&self) -> Public {
        if self.stage.is_sealed() {
            return Public::Opaque;
        }
        Public::Named { code: self.subcode(), text: self.reason.to_string() }
    }

    fn subcode(&self) -> Subcode {
        match (&self.reason, self.stage) {
            (Reason::Timestamp(timestamp::Error::Expired { .. }), _) => Subcode::MessageExpired,
            (Reason::Trust(TrustError::Unknown { .. }), _) => Subcode::SecurityTokenUnavailable,
            (Reason::Trust(_), _) => Subcode::FailedAuthentication,
            _ if self.is_of_algorithm() => Subcode::UnsupportedAlgorithm,
            (_, Stage::Algorithms) => Subcode::InvalidSecurity,
            (_, Stage::Token) => Subcode::InvalidSecurityToken,
            (_, Stage::SignatureValue | Stage::Coverage) => Subcode::FailedCheck,
            _ => Subcode::InvalidSecurity,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_structure_is_not_called_an_algorithm() {
        for (reason, code) in [
            (Reason::XmlSec("ecdsa-sha1".to_owned()), Subcode::UnsupportedAlgorithm),
            (Reason::Malformed("two SignedInfo".to_owned()), Subcode::InvalidSecurity),
            (Reason::AmbiguousId { id: "Body".to_owned(), count: 2 }, Subcode::InvalidSecurity),
        ] {
            let refusal = Refusal::new(Stage::Algorithms, reason);
            assert!(matches!(refusal.public(), Public::Named { code: came, .. } if came == code));
        }
    }

    #[test]
    fn the_sealed_region_has_one_text() {
        // Whoever can tell padding from digest can decrypt without the key.
        for stage in [Stage::Decryption, Stage::Digests] {
            let refusal = Refusal::new(stage, Reason::Decryption("tag".to_owned()));
            assert_eq!(refusal.public(), Public::Opaque);
        }
        let named = Refusal::new(Stage::SignatureValue, Reason::Missing { what: "Signature" });
        assert_eq!(
            named.public(),
            Public::Named { code: Subcode::FailedCheck, text: "Signature is missing".to_owned() }
        );
    }
}
