//! Why an EncryptedKey does not open with a key that it should open with: other parameters than those stated.
//!
//! For people who look at a message. Every other digest, mask generation and label of RSA-OAEP, RSA 1.5, and every other
//! digest of a key derivation is tried; one is named only when the key then opens, which its padding or its wrapping
//! proves. Never called while serving: it tells exactly what a sender must not learn.

use super::agreement::Derivation;
use super::decrypt::{DecryptionKey, decrypt_key_octets, encrypted_key_octets};
use super::encrypted_type::{EncryptedKey, KeyMethod, Transport};
use super::nobody;
use crate::xml::Document;
use crate::xmlsec::algorithm::{Digest, KDF_DIGESTS, KeyTransport, MASK_GENERATIONS, OAEP_DIGESTS};
use crate::xmlsec::policy::Policy;

/// Parameters with which a key opens, unlike those stated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Parameters {
    /// RSA-OAEP.
    Oaep {
        /// Digest.
        digest: Digest,
        /// Digest of MGF1.
        mgf1: Digest,
        /// Whether OAEPparams had to be left out.
        without_label: bool,
    },
    /// RSA with PKCS#1 v1.5 padding.
    Rsa15,
    /// Key derivation with another digest.
    DerivationDigest {
        /// Which.
        digest: Digest,
    },
    /// ConcatKDF without the parameters that the message states.
    WithoutOtherInfo {
        /// With which digest.
        digest: Digest,
    },
}

impl std::fmt::Display for Parameters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Oaep { digest, mgf1, without_label } => {
                write!(f, "RSA-OAEP with digest {} and MGF1 with {}", digest.name(), mgf1.name())?;
                if *without_label { f.write_str(", without the OAEPparams that are stated") } else { Ok(()) }
            }
            Self::Rsa15 => f.write_str("RSA 1.5"),
            Self::DerivationDigest { digest } => write!(f, "a key derivation with digest {}", digest.name()),
            Self::WithoutOtherInfo { digest } => {
                write!(f, "ConcatKDF with digest {} over no AlgorithmID, PartyUInfo and PartyVInfo", digest.name())
            }
        }
    }
}

/// The parameters with which `key` opens, where it does not open with those that it states.
///
/// Time: at most 250 private operations.
#[must_use]
pub fn parameters(
    document: &Document,
    key: &EncryptedKey,
    with: &DecryptionKey,
    policy: &Policy,
) -> Option<Parameters> {
    let octets = encrypted_key_octets(document, key).ok()?;
    let opens =
        |changed: &EncryptedKey| decrypt_key_octets(document, changed, &octets, with, None, &nobody, policy).is_ok();
    match (&key.method, &key.agreement) {
        (KeyMethod::Transport(stated), _) if with.is_rsa() => transport(key, stated, opens),
        (_, Some(_)) => derivation(key, opens),
        _ => None,
    }
}

fn transport(key: &EncryptedKey, stated: &Transport, opens: impl Fn(&EncryptedKey) -> bool) -> Option<Parameters> {
    let with = |transport: Transport| EncryptedKey { method: KeyMethod::Transport(transport), ..key.clone() };
    let labels: &[bool] = if stated.label.is_empty() { &[false] } else { &[false, true] };
    for without_label in labels {
        for mgf1 in MASK_GENERATIONS.iter().map(|row| row.value) {
            for digest in OAEP_DIGESTS.iter().map(|row| row.value) {
                let label = if *without_label { Vec::new() } else { stated.label.clone() };
                let changed = Transport { algorithm: KeyTransport::RsaOaep, digest, mgf1, label };
                if opens(&with(changed)) {
                    return Some(Parameters::Oaep { digest, mgf1, without_label: *without_label });
                }
            }
        }
    }
    // No size is named, so RSA 1.5 tells its failure and does not hide it behind a random key.
    let changed = Transport { algorithm: KeyTransport::Rsa15, ..stated.clone() };
    (stated.algorithm != KeyTransport::Rsa15 && opens(&with(changed))).then_some(Parameters::Rsa15)
}

fn derivation(key: &EncryptedKey, opens: impl Fn(&EncryptedKey) -> bool) -> Option<Parameters> {
    let agreement = key.agreement.as_ref()?;
    let with = |derivation: Derivation| {
        let agreement = super::Agreement { derivation, ..agreement.clone() };
        EncryptedKey { agreement: Some(agreement), ..key.clone() }
    };
    for used in KDF_DIGESTS.iter().map(|row| row.value) {
        let changed = match agreement.derivation.clone() {
            Derivation::Concat { other_info, .. } => Derivation::Concat { digest: used, other_info },
            Derivation::Hkdf { salt, info, key_bytes, .. } => Derivation::Hkdf { digest: used, salt, info, key_bytes },
            Derivation::Pbkdf2 { salt, iterations, key_bytes, .. } => {
                Derivation::Pbkdf2 { digest: used, salt, iterations, key_bytes }
            }
            Derivation::LegacyDh { nonce, .. } => Derivation::LegacyDh { digest: used, nonce },
        };
        if opens(&with(changed)) {
            return Some(Parameters::DerivationDigest { digest: used });
        }
        if let Derivation::Concat { other_info, .. } = &agreement.derivation
            && !other_info.is_empty()
            && opens(&with(Derivation::Concat { digest: used, other_info: Vec::new() }))
        {
            return Some(Parameters::WithoutOtherInfo { digest: used });
        }
    }
    None
}
