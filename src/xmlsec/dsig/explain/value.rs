//! Why `ds:SignatureValue` does not fit: other keys, other encodings of the value, other methods, other forms of
//! `ds:SignedInfo`.
//!
//! RSA with PKCS#1 v1.5 padding tells most: a key that opens the value signed it, and what it opens to is the digest that
//! the signer had.

use std::ops::ControlFlow;

use openssl::pkey::Id;
use openssl::rsa::Padding;

use super::change::Change;
use super::forms::{Subject, Walk};
use super::{Context, Deviation, Search, Signature, TOLD_MAX};
use crate::xmlsec::algorithm::{Digest, SIGNATURES, SignatureMethod};
use crate::xmlsec::key::VerifyingKey;
use crate::xmlsec::provider::digest::digest;
use crate::xmlsec::provider::signature::Scheme;

/// Verifications of one value at most.
const TRIES_MAX: usize = 4_096;
/// Keys with which every form is tried.
const KEYS_MAX: usize = 16;

/// A key that may have signed.
pub struct Suspect {
    /// Whose: subject and serial number of a certificate, or a file.
    pub name: String,
    /// The key.
    pub key: VerifyingKey,
}

/// The digest that an RSA signature holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignedDigest {
    /// Whose key opens the value.
    pub name: String,
    /// Which digest the signer used.
    pub digest: Digest,
    /// What it computed over its SignedInfo.
    pub value: Vec<u8>,
}

/// `ds:SignatureValue`: what is here, and what would fit.
#[derive(Clone, Debug)]
pub struct ExplainedValue {
    /// URI of the signature method.
    pub method: &'static str,
    /// URI of the canonicalization of SignedInfo.
    pub canonicalization: &'static str,
    /// Our octets of SignedInfo.
    pub octets: Vec<u8>,
    /// Digest of those octets; none for methods that make none.
    pub computed: Option<Vec<u8>>,
    /// Whether the value fits the key that the message names; none when no key is named that we have.
    pub holds: Option<bool>,
    /// Why it could not be computed.
    pub failure: Option<String>,
    /// What an RSA signature says of the digest that the signer had.
    pub signed: Option<SignedDigest>,
    /// Deviations that fit.
    pub fitting: Vec<Deviation>,
    /// Whether the search ended for its bound.
    pub exhausted: bool,
}

/// Explains the value of `signature`. `named` is the key that the message names, `others` are all that are known.
///
/// Time: linear in the canonical octets of all forms together, at most 256 MiB of them, and at most 4,096 verifications.
#[must_use]
pub fn value(
    context: &Context<'_>,
    signature: &Signature,
    named: Option<&Suspect>,
    others: &[Suspect],
    search: Search,
) -> ExplainedValue {
    let method = signature.signature_method();
    let mut octets = Vec::new();
    let made = signature.signed_octets(context.document, context.policy, &mut octets);
    let stated_digest = digest_of(method);
    let mut explained = ExplainedValue {
        method: method.uri(),
        canonicalization: signature.canonicalization().c14n.uri(),
        computed: stated_digest.and_then(|kind| digest(kind, &octets).ok()).map(|value| value.to_vec()),
        octets,
        holds: None,
        failure: made.err().map(|error| super::in_full(&error)),
        signed: None,
        fitting: Vec::new(),
        exhausted: false,
    };
    if let Some(named) = named {
        match named.key.verify(signature.scheme(), &explained.octets, signature.signature_value()) {
            Ok(holds) => explained.holds = Some(holds),
            Err(error) => explained.failure = explained.failure.or(Some(error.to_string())),
        }
    }
    if explained.holds == Some(true) || search == Search::Nothing {
        return explained;
    }
    let suspects: Vec<(&Suspect, bool)> =
        named.into_iter().map(|one| (one, true)).chain(others.iter().map(|one| (one, false))).take(KEYS_MAX).collect();
    explained.signed = suspects.iter().find_map(|(suspect, _)| signed_digest(suspect, signature.signature_value()));
    let mut hunt = Hunt { signature, suspects, fitting: Vec::new(), tries_left: TRIES_MAX };
    let mut walk = Walk::new(context.policy);
    let ended = hunt.everything(context, &explained.octets, &mut walk);
    explained.exhausted = hunt.fitting.is_empty() && ended.is_break();
    explained.fitting = hunt.fitting;
    explained
}

struct Hunt<'a> {
    signature: &'a Signature,
    /// Keys, and whether it is the one named.
    suspects: Vec<(&'a Suspect, bool)>,
    fitting: Vec<Deviation>,
    tries_left: usize,
}

impl Hunt<'_> {
    fn everything(&mut self, context: &Context<'_>, ours: &[u8], walk: &mut Walk<'_>) -> ControlFlow<()> {
        self.look(&[], ours, true)?;
        let subject = Subject {
            document: context.document,
            root: self.signature.signed_info(),
            except: Vec::new(),
            comments: true,
            stated: Some(self.signature.canonicalization().clone()),
            signature: self.signature.node(),
        };
        walk.run(&subject, false, &mut |changes, octets| self.look(changes, octets, false))?;
        if walk.exhausted { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Tries every key over `octets`, with `thorough` every encoding and method too.
    fn look(&mut self, changes: &[Change], octets: &[u8], thorough: bool) -> ControlFlow<()> {
        let stated = self.signature.signature_method();
        let value = self.signature.signature_value().to_vec();
        let mut reversed = value.clone();
        reversed.reverse();
        let suspects = self.suspects.clone();
        for (suspect, is_named) in suspects {
            let mut changes = changes.to_vec();
            if !is_named {
                changes.push(Change::Key { name: suspect.name.clone() });
            }
            self.attempt(suspect, self.signature.scheme(), octets, &value, &changes)?;
            if let Scheme::Ecdsa { digest, allow_der: false } = self.signature.scheme() {
                let scheme = Scheme::Ecdsa { digest, allow_der: true };
                self.attempt(suspect, scheme, octets, &value, &with(&changes, Change::Der))?;
            }
            if !thorough {
                continue;
            }
            self.attempt(suspect, self.signature.scheme(), octets, &reversed, &with(&changes, Change::Reversed))?;
            for row in SIGNATURES.iter().filter(|row| row.value != stated) {
                let Some(scheme) = scheme(row.value) else { continue };
                let changes = with(&changes, Change::Method { stated: stated.name(), used: row.name });
                self.attempt(suspect, scheme, octets, &value, &changes)?;
            }
        }
        ControlFlow::Continue(())
    }

    fn attempt(
        &mut self,
        suspect: &Suspect,
        scheme: Scheme,
        octets: &[u8],
        value: &[u8],
        changes: &[Change],
    ) -> ControlFlow<()> {
        let fits = suspect.key.public().is_some_and(|key| scheme.fits(key.id()));
        if changes.is_empty() || !fits {
            return ControlFlow::Continue(());
        }
        let Some(left) = self.tries_left.checked_sub(1) else { return ControlFlow::Break(()) };
        self.tries_left = left;
        if suspect.key.verify(scheme, octets, value).is_ok_and(|valid| valid) && self.fitting.len() < TOLD_MAX {
            self.fitting.push(Deviation { changes: changes.to_vec(), octets: octets.to_vec() });
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

fn with(changes: &[Change], more: Change) -> Vec<Change> {
    changes.iter().cloned().chain([more]).collect()
}

/// The scheme of a method without parameters; none for methods of secrets.
fn scheme(method: SignatureMethod) -> Option<Scheme> {
    Some(match method {
        SignatureMethod::RsaPkcs1(digest) => Scheme::RsaPkcs1(digest),
        SignatureMethod::RsaPss(digest) => Scheme::rsa_pss(digest),
        SignatureMethod::Ecdsa(digest) => Scheme::Ecdsa { digest, allow_der: true },
        SignatureMethod::Dsa(digest) => Scheme::Dsa(digest),
        SignatureMethod::Ed25519 => Scheme::Ed25519,
        SignatureMethod::Ed448 => Scheme::Ed448,
        SignatureMethod::RsaPssParams | SignatureMethod::Hmac(_) => return None,
    })
}

fn digest_of(method: SignatureMethod) -> Option<Digest> {
    match method {
        SignatureMethod::RsaPkcs1(digest)
        | SignatureMethod::RsaPss(digest)
        | SignatureMethod::Ecdsa(digest)
        | SignatureMethod::Dsa(digest)
        | SignatureMethod::Hmac(digest) => Some(digest),
        SignatureMethod::RsaPssParams | SignatureMethod::Ed25519 | SignatureMethod::Ed448 => None,
    }
}

/// What the key of `suspect` opens an RSA value to, where that is a DigestInfo (RFC 8017 §9.2).
fn signed_digest(suspect: &Suspect, value: &[u8]) -> Option<SignedDigest> {
    let key = suspect.key.public().filter(|key| key.id() == Id::RSA)?;
    let rsa = key.rsa().ok()?;
    let mut opened = vec![0; rsa.size() as usize];
    let len = rsa.public_decrypt(value, &mut opened, Padding::PKCS1).ok()?;
    opened.truncate(len);
    for (digest, prefix) in DIGEST_INFOS {
        if let Some(rest) = opened.strip_prefix(*prefix)
            && rest.len() == digest.size()
        {
            return Some(SignedDigest { name: suspect.name.clone(), digest: *digest, value: rest.to_vec() });
        }
    }
    None
}

/// DER of a DigestInfo up to its digest.
const DIGEST_INFOS: &[(Digest, &[u8])] = &[
    (
        Digest::Sha256,
        &[
            0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04,
            0x20,
        ],
    ),
    (
        Digest::Sha384,
        &[
            0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00, 0x04,
            0x30,
        ],
    ),
    (
        Digest::Sha512,
        &[
            0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03, 0x05, 0x00, 0x04,
            0x40,
        ],
    ),
    (Digest::Sha1, &[0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14]),
    (
        Digest::Sha224,
        &[
            0x30, 0x2d, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x04, 0x05, 0x00, 0x04,
            0x1c,
        ],
    ),
    (
        Digest::Md5,
        &[0x30, 0x20, 0x30, 0x0c, 0x06, 0x08, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x05, 0x05, 0x00, 0x04, 0x10],
    ),
];
