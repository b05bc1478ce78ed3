//! What is trusted: anchors, intermediates, revocation lists, and how strict to be.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use super::cert::Certificate;
use super::error::Error;
use super::path::{self, PathError};
use super::revocation::Crl;

/// What a certificate is used for. Each asks its own key usage and extended key usage.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Use {
    /// A server in TLS.
    TlsServer,
    /// A client in TLS.
    TlsClient,
    /// Signing messages: digitalSignature or nonRepudiation.
    Sign,
    /// Having keys encrypted to it, or agreeing on them.
    Encrypt,
    /// Whatever its owner likes: no key usage is asked.
    Any,
}

impl Use {
    /// As written in a partner file, where TLS is one word for both ends.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TlsServer => "tls-server",
            Self::TlsClient => "tls-client",
            Self::Sign => "sign",
            Self::Encrypt => "encrypt",
            Self::Any => "any",
        }
    }
}

/// Which keys and signatures are good enough in a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Leniency {
    /// RSA of 2048 bits, curves of 256 bits, SHA-256.
    #[default]
    Strict,
    /// Whatever OpenSSL can verify: for old files on the command line only.
    AllowLegacy,
}

/// How revocation lists decide.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Revocation {
    /// Whether a certificate whose issuer has no list here is refused.
    pub required: bool,
    /// How long after its nextUpdate a list still counts. Beyond, it counts as no list, but what it revokes stays revoked.
    pub grace: Duration,
}

impl Default for Revocation {
    fn default() -> Self {
        Self { required: false, grace: Duration::from_secs(24 * 3600) }
    }
}

/// Trust anchors with what is needed to reach them. Cheap to clone; a reload makes a new one and swaps it in.
#[derive(Clone, Debug, Default)]
pub struct TrustAnchors {
    pub(crate) anchors: Vec<Certificate>,
    pub(crate) intermediates: Vec<Certificate>,
    pub(crate) crls: Vec<Crl>,
    pub(crate) leniency: Leniency,
    pub(crate) revocation: Revocation,
}

impl TrustAnchors {
    /// No anchors: refuses everything.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Anchors from certificate files (PEM, all of them, or DER).
    ///
    /// # Errors
    /// Those of [`Certificate::load`].
    pub fn load<P: AsRef<Path>>(files: &[P]) -> Result<Self, Error> {
        let mut anchors = Self::new();
        for file in files {
            for certificate in Certificate::load(file.as_ref())? {
                anchors.add_anchor(certificate);
            }
        }
        Ok(anchors)
    }

    /// Trusts this certificate, be it an authority or an end entity (pinned).
    pub fn add_anchor(&mut self, certificate: Certificate) {
        if !self.anchors.contains(&certificate) {
            self.anchors.push(certificate);
        }
    }

    /// Offers a certificate for building paths; it is not trusted by itself.
    pub fn add_intermediate(&mut self, certificate: Certificate) {
        if !self.intermediates.contains(&certificate) {
            self.intermediates.push(certificate);
        }
    }

    /// Adds a revocation list. Its signature is checked against its issuer each time a path uses it.
    pub fn add_crl(&mut self, crl: Crl) {
        self.crls.push(crl);
    }

    /// Sets which keys and signatures are good enough.
    pub fn set_leniency(&mut self, leniency: Leniency) {
        self.leniency = leniency;
    }

    /// Sets how revocation lists decide.
    pub fn set_revocation(&mut self, revocation: Revocation) {
        self.revocation = revocation;
    }

    /// The anchors.
    #[must_use]
    pub fn anchors(&self) -> &[Certificate] {
        &self.anchors
    }

    /// Checks that `certificate` may be used for `purpose` at the moment `at`: builds a path to an anchor with the help of
    /// `chain` (in any order, untrusted) and the configured intermediates, and checks it (RFC 5280 §6.1).
    ///
    /// Work is bounded: at most `path::LENGTH_MAX` certificates in a path and `path::SIGNATURES_MAX` signatures tried.
    ///
    /// # Errors
    /// [`PathError`]: each reason is a variant of its own. Of several paths that fail, the one that came nearest to an anchor
    /// is reported.
    pub fn check(
        &self,
        certificate: &Certificate,
        chain: &[Certificate],
        at: Timestamp,
        purpose: Use,
    ) -> Result<path::Path, PathError> {
        path::check(self, certificate, chain, at, purpose)
    }
}
