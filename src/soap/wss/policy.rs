//! What must be signed and encrypted, what may be used for it, and for how long a message lives (design 2.2).
//!
//! The partner's file chooses inside these bounds; the message chooses nothing.

use jiff::SignedDuration;

use crate::xmlsec::KeyInfoForms;

/// How strictly the layout is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Profile {
    /// What `serve` accepts: an allow-list; whatever is not listed is refused.
    Serve,
    /// Files on the command line: any order, several signatures, encrypted signatures; the same defences against wrapping.
    Lenient,
}

/// Which parts a signature must cover.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SignedParts {
    /// Body, Timestamp, every addressing header that is present; MessageID, Action and To (or RelatesTo) must be.
    Full,
    /// Body and Timestamp; addressing headers are optional. Partners of `dev` and `test` only.
    BodyTimestamp,
    /// Body and, when there is one, the Timestamp. Command line only.
    BodyAndAnyTimestamp,
}

/// Whether the business document must be encrypted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encryption {
    /// It must be.
    Required,
    /// It may be: partners of `dev` and `test` with `encrypt = "none"`, answers that are simple acknowledgements.
    Optional,
}

/// Which came first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// Signed, then encrypted: the signature covers the clear document.
    SignEncrypt,
    /// Either; the evidence of ciphertext that was signed is marked so.
    Any,
}

/// The policy for what comes in from one partner.
#[derive(Clone, Debug)]
pub struct Policy {
    pub(crate) profile: Profile,
    pub(crate) signed_parts: SignedParts,
    pub(crate) encryption: Encryption,
    pub(crate) order: Order,
    pub(crate) skew: SignedDuration,
    pub(crate) legacy: bool,
    pub(crate) key_info: Option<KeyInfoForms>,
}

/// Clocks of two partners may differ by this much (design 2.2).
pub const SKEW: SignedDuration = SignedDuration::from_secs(300);
/// Lifetime of a Timestamp without Expires, and of ours.
pub const LIFETIME: SignedDuration = SignedDuration::from_secs(300);
/// No Timestamp lives longer, whatever its Expires says.
pub const LIFETIME_MAX: SignedDuration = SignedDuration::from_mins(15);

impl Policy {
    /// What `serve` asks of a partner that fulfils the whole profile.
    #[must_use]
    pub fn serve() -> Self {
        Self {
            profile: Profile::Serve,
            signed_parts: SignedParts::Full,
            encryption: Encryption::Required,
            order: Order::SignEncrypt,
            skew: SKEW,
            legacy: false,
            key_info: None,
        }
    }

    /// What `wss check --profile lenient` asks: Body and, when present, Timestamp signed.
    #[must_use]
    pub fn lenient() -> Self {
        Self {
            profile: Profile::Lenient,
            signed_parts: SignedParts::BodyAndAnyTimestamp,
            encryption: Encryption::Optional,
            order: Order::Any,
            ..Self::serve()
        }
    }

    /// With other parts to be signed: the partner's `signed_parts`.
    #[must_use]
    pub fn signed_parts(mut self, parts: SignedParts) -> Self {
        self.signed_parts = parts;
        self
    }

    /// With encryption required or not: the partner's `encrypt`.
    #[must_use]
    pub fn encryption(mut self, encryption: Encryption) -> Self {
        self.encryption = encryption;
        self
    }

    /// With either order allowed: the partner's `order = any`.
    #[must_use]
    pub fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// With another clock difference, up to the hard maximum: the partner's `skew_s`.
    #[must_use]
    pub fn skew(mut self, skew: SignedDuration) -> Self {
        self.skew = skew.clamp(SignedDuration::ZERO, LIFETIME_MAX);
        self
    }

    /// With other forms of KeyInfo than those of the profile: `--key-info`. A lenient policy only.
    #[must_use]
    pub fn key_info(mut self, forms: KeyInfoForms) -> Self {
        if self.profile == Profile::Lenient {
            self.key_info = Some(forms);
        }
        self
    }

    /// Adds every old algorithm that is implemented. A lenient policy only: nothing in `serve` can reach them.
    #[must_use]
    pub fn allow_legacy_algorithms(mut self) -> Self {
        self.legacy = self.profile == Profile::Lenient;
        self
    }
}
