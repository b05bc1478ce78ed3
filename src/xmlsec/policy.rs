//! What a caller lets a document use: algorithms by level, forms of KeyInfo, sizes, counts.
//!
//! Three profiles: [`Policy::serve`] for messages of partners (design 2.2), [`Policy::default`] for files on the command
//! line (all W3C transforms, the algorithms of `serve`), [`Policy::legacy`] for old files. The level is private: nothing
//! that holds a `serve` policy can widen it to an algorithm of another level.

use std::fmt;
use std::str::FromStr;

use openssl::nid::Nid;
use openssl::pkey::{HasPublic, Id, PKeyRef};

use super::algorithm::{
    self, C14N, Cipher, Digest, KeyAgreement, KeyDerivation, KeyTransport, KeyWrap, Level, Row, SignatureMethod,
    TransformKind, Usage,
};
use crate::base::limits;

/// Why an algorithm, a key or a form was not let through before any of it was computed.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum Refused {
    /// Nobody here knows this URI: `Algorithm="http://example.org/rot13"`.
    #[error("{} {uri:?} is not implemented", usage.element())]
    UnknownAlgorithm {
        /// Where it stood.
        usage: Usage,
        /// The URI.
        uri: String,
    },
    /// Implemented, but not for this caller: SHA-1 without `--allow-legacy`.
    #[error("{} {name} ({uri}) is not allowed by the {profile} profile", usage.element())]
    Algorithm {
        /// Where it stood.
        usage: Usage,
        /// Short name.
        name: &'static str,
        /// The URI.
        uri: String,
        /// `serve`, `default` or `legacy`.
        profile: &'static str,
    },
    /// An RSA key of 1024 bits.
    #[error("key {kind} of {bits} bits is not allowed by the {profile} profile: {expected}")]
    KeySize {
        /// `RSA`, `DSA`, curve name.
        kind: String,
        /// Its size.
        bits: u32,
        /// What would be allowed.
        expected: &'static str,
        /// `serve`, `default` or `legacy`.
        profile: &'static str,
    },
    /// A parameter of an algorithm outside what is allowed: a PSS salt of another length, an HMAC of 40 bits.
    #[error("{what} {came} is not allowed: expected {expected}")]
    Parameter {
        /// Which parameter.
        what: &'static str,
        /// What the document asked for.
        came: String,
        /// What would be allowed.
        expected: String,
    },
    /// A `ds:KeyInfo` child whose form the caller did not name.
    #[error("KeyInfo form {form} is not allowed here")]
    KeyInfoForm {
        /// Its name in `--key-info`.
        form: &'static str,
    },
}

/// A form in which `ds:KeyInfo` names or brings a key. The names are those of `--key-info`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u16)]
pub enum KeyInfoForm {
    /// `ds:KeyName`.
    KeyName = 1,
    /// `ds:X509Data`.
    X509 = 2,
    /// `ds:KeyValue`.
    KeyValue = 4,
    /// `dsig11:DEREncodedKeyValue`.
    DerEncodedKeyValue = 8,
    /// `ds:RetrievalMethod`.
    RetrievalMethod = 16,
    /// `dsig11:KeyInfoReference`.
    KeyInfoReference = 32,
    /// `wsse:SecurityTokenReference`.
    SecurityTokenReference = 64,
    /// `xenc:EncryptedKey`.
    EncryptedKey = 128,
    /// `xenc:AgreementMethod`.
    AgreementMethod = 256,
}

impl KeyInfoForm {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::KeyName,
        Self::X509,
        Self::KeyValue,
        Self::DerEncodedKeyValue,
        Self::RetrievalMethod,
        Self::KeyInfoReference,
        Self::SecurityTokenReference,
        Self::EncryptedKey,
        Self::AgreementMethod,
    ];

    /// Its name in `--key-info`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::KeyName => "key-name",
            Self::X509 => "x509",
            Self::KeyValue => "key-value",
            Self::DerEncodedKeyValue => "der-encoded-key-value",
            Self::RetrievalMethod => "retrieval-method",
            Self::KeyInfoReference => "key-info-reference",
            Self::SecurityTokenReference => "security-token-reference",
            Self::EncryptedKey => "encrypted-key",
            Self::AgreementMethod => "agreement-method",
        }
    }
}

/// A set of [`KeyInfoForm`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct KeyInfoForms(u16);

impl KeyInfoForms {
    /// None.
    pub const NONE: Self = Self(0);
    /// Every form.
    pub const ANY: Self = Self(511);
    /// All but the bare key values: the default of the command line.
    pub const USUAL: Self = Self(511 & !(KeyInfoForm::KeyValue as u16) & !(KeyInfoForm::DerEncodedKeyValue as u16));

    /// This set and `form`.
    #[must_use]
    pub const fn with(self, form: KeyInfoForm) -> Self {
        Self(self.0 | form as u16)
    }
    /// This set without `form`.
    #[must_use]
    pub const fn without(self, form: KeyInfoForm) -> Self {
        Self(self.0 & !(form as u16))
    }
    /// Whether `form` is in it.
    #[must_use]
    pub const fn has(self, form: KeyInfoForm) -> bool {
        self.0 & form as u16 != 0
    }
}

impl FromStr for KeyInfoForms {
    type Err = String;
    /// `any`, or names separated by commas.
    fn from_str(list: &str) -> Result<Self, String> {
        if list == "any" {
            return Ok(Self::ANY);
        }
        list.split(',').map(str::trim).filter(|name| !name.is_empty()).try_fold(Self::NONE, |set, name| {
            KeyInfoForm::ALL.iter().find(|form| form.name() == name).map(|form| set.with(*form)).ok_or_else(|| {
                let known: Vec<&str> = KeyInfoForm::ALL.iter().map(|form| form.name()).collect();
                format!("{name:?} is no form of KeyInfo; expected any, or some of {}", known.join(", "))
            })
        })
    }
}

impl fmt::Display for KeyInfoForms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> =
            KeyInfoForm::ALL.iter().filter(|form| self.has(**form)).map(|form| form.name()).collect();
        f.write_str(&names.join(","))
    }
}

/// What a document may use.
#[derive(Clone, Debug)]
pub struct Policy {
    level: Level,
    /// Forms of `ds:KeyInfo` that are read.
    pub key_info: KeyInfoForms,
    /// Forms whose key is taken although only the message vouches for it: core validity, never trust.
    pub danger_accept_message_keys: KeyInfoForms,
    /// Bits that a truncated HMAC must keep. None: at least 80 and at least half the digest (XML Signature 1.1 §6.3.1).
    pub hmac_bits_min: Option<u32>,
    /// `ds:Reference` elements of a `ds:SignedInfo` or `ds:Manifest`.
    pub references_max: usize,
    /// Transforms of one Reference.
    pub transforms_max: usize,
    /// Octets of one canonical form.
    pub canonical_bytes_max: usize,
    /// Certificates of one `ds:X509Data`, and of a chain.
    pub certificates_max: usize,
    /// `xenc:EncryptedKey` elements that are tried for one document.
    pub encrypted_keys_max: usize,
    /// Steps from one KeyInfo to the next (RetrievalMethod, KeyInfoReference, EncryptedKey in EncryptedKey).
    pub key_info_depth_max: usize,
    /// Iterations of PBKDF2.
    pub pbkdf2_iterations_max: u32,
    /// ECDSA values as a DER SEQUENCE instead of r||s are taken too: a bug of old signers.
    pub allow_der_ecdsa: bool,
    /// Document type declarations in octets that a transform parses.
    pub dtd: crate::xml::Dtd,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            level: Level::Default,
            key_info: KeyInfoForms::USUAL,
            danger_accept_message_keys: KeyInfoForms::NONE,
            hmac_bits_min: None,
            references_max: 256,
            transforms_max: 16,
            canonical_bytes_max: limits::CANONICAL_BYTES_MAX,
            certificates_max: 16,
            encrypted_keys_max: 64,
            key_info_depth_max: 8,
            pbkdf2_iterations_max: 1_000_000,
            allow_der_ecdsa: false,
            dtd: crate::xml::Dtd::Refuse,
        }
    }
}

impl Policy {
    /// Messages of partners: exactly design 2.2.
    #[must_use]
    pub fn serve() -> Self {
        Self {
            level: Level::Serve,
            key_info: KeyInfoForms::NONE
                .with(KeyInfoForm::X509)
                .with(KeyInfoForm::SecurityTokenReference)
                .with(KeyInfoForm::RetrievalMethod)
                .with(KeyInfoForm::EncryptedKey)
                .with(KeyInfoForm::AgreementMethod),
            references_max: limits::REFERENCES_MAX,
            transforms_max: limits::TRANSFORMS_MAX,
            certificates_max: 8,
            encrypted_keys_max: 8,
            key_info_depth_max: 3,
            ..Self::default()
        }
    }

    /// Files of the last twenty-five years: everything that is implemented.
    #[must_use]
    pub fn legacy() -> Self {
        Self { level: Level::Legacy, allow_der_ecdsa: true, ..Self::default() }
    }

    /// The level.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }

    /// Name of the profile, for messages to people.
    #[must_use]
    pub fn profile(&self) -> &'static str {
        match self.level {
            Level::Serve => "serve",
            Level::Default => "default",
            Level::Legacy => "legacy",
        }
    }

    /// Whether references may leave the document (answered from a map, never from the network).
    #[must_use]
    pub fn allows_external_references(&self) -> bool {
        self.level >= Level::Default
    }

    /// Whether shared secrets may be used: as an HMAC key, to decrypt data, to unwrap a key.
    #[must_use]
    pub fn allows_symmetric_keys(&self) -> bool {
        self.level >= Level::Legacy
    }

    fn look_up<T: Copy>(&self, usage: Usage, table: &'static [Row<T>], uri: &str) -> Result<T, Refused> {
        let Some(row) = algorithm::find(table, uri) else {
            return Err(Refused::UnknownAlgorithm { usage, uri: shortened(uri) });
        };
        if row.level > self.level {
            let profile = self.profile();
            return Err(Refused::Algorithm { usage, name: row.name, uri: row.uri.to_owned(), profile });
        }
        Ok(row.value)
    }

    /// `ds:DigestMethod` of a Reference.
    ///
    /// # Errors
    /// [`Refused`] when it is unknown or of a higher level; likewise below.
    pub fn digest(&self, uri: &str) -> Result<Digest, Refused> {
        self.look_up(Usage::DigestMethod, algorithm::DIGESTS, uri)
    }
    /// `ds:SignatureMethod`.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn signature(&self, uri: &str) -> Result<SignatureMethod, Refused> {
        self.look_up(Usage::SignatureMethod, algorithm::SIGNATURES, uri)
    }
    /// `ds:CanonicalizationMethod`.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn c14n(&self, uri: &str) -> Result<C14N, Refused> {
        self.look_up(Usage::C14NMethod, algorithm::C14N_METHODS, uri)
    }
    /// `ds:Transform`.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn transform(&self, uri: &str) -> Result<TransformKind, Refused> {
        match self.look_up(Usage::Transform, algorithm::C14N_METHODS, uri) {
            Ok(c14n) => Ok(TransformKind::C14N(c14n)),
            Err(Refused::UnknownAlgorithm { .. }) => self.look_up(Usage::Transform, algorithm::TRANSFORMS, uri),
            Err(refused) => Err(refused),
        }
    }
    /// `xenc:EncryptionMethod` of data.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn cipher(&self, uri: &str) -> Result<Cipher, Refused> {
        self.look_up(Usage::EncryptionMethod, algorithm::CIPHERS, uri)
    }
    /// Key wrap.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn key_wrap(&self, uri: &str) -> Result<KeyWrap, Refused> {
        self.look_up(Usage::KeyWrap, algorithm::KEY_WRAPS, uri)
    }
    /// Key transport.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn key_transport(&self, uri: &str) -> Result<KeyTransport, Refused> {
        self.look_up(Usage::KeyTransport, algorithm::KEY_TRANSPORTS, uri)
    }
    /// Key agreement.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn key_agreement(&self, uri: &str) -> Result<KeyAgreement, Refused> {
        self.look_up(Usage::KeyAgreement, algorithm::KEY_AGREEMENTS, uri)
    }
    /// Key derivation.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn key_derivation(&self, uri: &str) -> Result<KeyDerivation, Refused> {
        self.look_up(Usage::KeyDerivation, algorithm::KEY_DERIVATIONS, uri)
    }
    /// `ds:DigestMethod` inside RSA-OAEP.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn oaep_digest(&self, uri: &str) -> Result<Digest, Refused> {
        self.look_up(Usage::OaepDigest, algorithm::OAEP_DIGESTS, uri)
    }
    /// `ds:DigestMethod` of ConcatKDF.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn kdf_digest(&self, uri: &str) -> Result<Digest, Refused> {
        self.look_up(Usage::KdfDigest, algorithm::KDF_DIGESTS, uri)
    }
    /// PRF of HKDF and PBKDF2.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn kdf_hmac(&self, uri: &str) -> Result<Digest, Refused> {
        self.look_up(Usage::KdfDigest, algorithm::KDF_HMACS, uri)
    }
    /// `xenc11:MGF`.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn mask_generation(&self, uri: &str) -> Result<Digest, Refused> {
        self.look_up(Usage::MaskGeneration, algorithm::MASK_GENERATIONS, uri)
    }

    /// Whether a form of KeyInfo may be read.
    ///
    /// # Errors
    /// [`Refused::KeyInfoForm`].
    pub fn key_info_form(&self, form: KeyInfoForm) -> Result<(), Refused> {
        if self.key_info.has(form) { Ok(()) } else { Err(Refused::KeyInfoForm { form: form.name() }) }
    }

    /// Bits that an HMAC value must have at least.
    ///
    /// # Errors
    /// [`Refused::Parameter`] when `bits` is fewer, more than the digest has, or no whole number of octets.
    pub fn hmac_output(&self, digest: Digest, bits: u32) -> Result<(), Refused> {
        let full = u32::try_from(digest.size() * 8).unwrap_or(u32::MAX);
        let least = self.hmac_bits_min.unwrap_or_else(|| (full / 2).max(80)).min(full);
        if bits < least || bits > full || !bits.is_multiple_of(8) {
            return Err(Refused::Parameter {
                what: "HMACOutputLength",
                came: bits.to_string(),
                expected: format!("{least} to {full}, a multiple of 8"),
            });
        }
        Ok(())
    }

    /// Whether a public key is large enough, and small enough to be paid for.
    ///
    /// # Errors
    /// [`Refused::KeySize`].
    pub fn public_key<T: HasPublic>(&self, key: &PKeyRef<T>) -> Result<(), Refused> {
        let legacy = self.level >= Level::Legacy;
        let refuse = |kind: &str, expected| {
            Err(Refused::KeySize { kind: kind.to_owned(), bits: key.bits(), expected, profile: self.profile() })
        };
        match key.id() {
            Id::RSA | Id::RSA_PSS => match key.bits() {
                2048..=8192 => rsa_exponent(key),
                512..=16_384 if legacy => rsa_exponent(key),
                _ => refuse("RSA", "expected 2048 to 8192 bits"),
            },
            Id::DSA => match key.bits() {
                512..=4096 if legacy => Ok(()),
                _ => refuse("DSA", "expected RSA, EC or Ed25519"),
            },
            Id::EC => match key.ec_key().ok().and_then(|ec| ec.group().curve_name()) {
                Some(Nid::X9_62_PRIME256V1 | Nid::SECP384R1 | Nid::SECP521R1) => Ok(()),
                Some(_) if legacy => Ok(()),
                Some(nid) => refuse(nid.short_name().unwrap_or("EC"), "expected P-256, P-384 or P-521"),
                // Explicit parameters let the sender choose the curve (CVE-2020-0601).
                None => refuse("EC with explicit parameters", "expected a named curve"),
            },
            Id::ED25519 => edwards_point(key, &ED25519_SMALL_ORDER),
            Id::ED448 if legacy => edwards_point(key, &ED448_SMALL_ORDER),
            Id::X25519 => Ok(()),
            Id::X448 if legacy => Ok(()),
            id => refuse(id_name(id), "expected RSA, P-256, P-384, P-521 or Ed25519"),
        }
    }
}

/// With the exponent 1 every padded digest is its own signature; an even one belongs to no RSA key.
fn rsa_exponent<T: HasPublic>(key: &PKeyRef<T>) -> Result<(), Refused> {
    let sound = key.rsa().is_ok_and(|rsa| rsa.e().is_bit_set(0) && rsa.e().num_bits() > 1);
    let refused = || Refused::Parameter {
        what: "RSA exponent",
        came: "1 or even".to_owned(),
        expected: "odd, 3 or more".to_owned(),
    };
    if sound { Ok(()) } else { Err(refused()) }
}

/// A point of small order verifies a signature that holds for many messages, if not for all (RFC 8032 leaves it open).
fn edwards_point<T: HasPublic>(key: &PKeyRef<T>, small_order: &[&[u8]]) -> Result<(), Refused> {
    let mut point = key.raw_public_key().unwrap_or_default();
    // The sign of x does not matter: it stands in the last octet's highest bit.
    if let Some(last) = point.last_mut() {
        *last &= 0x7f;
    }
    // What is left out at the end of an entry is zero.
    let small = |entry: &&[u8]| {
        point.starts_with(entry) && point.get(entry.len()..).unwrap_or_default().iter().all(|octet| *octet == 0)
    };
    if point.is_empty() || small_order.iter().any(small) {
        let (came, expected) = ("a point of small order".to_owned(), "a point of the large subgroup".to_owned());
        return Err(Refused::Parameter { what: "public key", came, expected });
    }
    Ok(())
}

/// The y of the points of order 1, 2, 4 and 8 of edwards25519, those written without reduction included.
const ED25519_SMALL_ORDER: [&[u8]; 7] = [
    &[],
    &[1],
    &[
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
        0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    &[
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
        0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
    &ed25519_near_p(0xec),
    &ed25519_near_p(0xed),
    &ed25519_near_p(0xee),
];

/// The y of the points of order 1, 2 and 4 of edwards448.
const ED448_SMALL_ORDER: [&[u8]; 3] = [&[], &[1], &ED448_MINUS_ONE];

const ED448_MINUS_ONE: [u8; 56] = {
    let mut y = [0xff; 56];
    y[0] = 0xfe;
    y[28] = 0xfe;
    y
};

const fn ed25519_near_p(first: u8) -> [u8; 32] {
    let mut y = [0xff; 32];
    y[0] = first;
    y[31] = 0x7f;
    y
}

fn id_name(id: Id) -> &'static str {
    match id {
        Id::ED448 => "Ed448",
        Id::X448 => "X448",
        Id::DH => "DH",
        _ => "of another kind",
    }
}

/// A hostile URI may be megabytes long; an error quotes its start.
pub(crate) fn shortened(text: &str) -> String {
    const MAX: usize = 120;
    if text.len() <= MAX {
        return text.to_owned();
    }
    let mut end = MAX;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}...", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_holds_the_one_before_and_serve_nothing_more() {
        // Nothing in `serve` can reach either of the others (design 4.1).
        for (usage, name, uri, level) in algorithm::all() {
            let allowed = |policy: &Policy| match usage {
                Usage::Transform => policy.transform(uri).is_ok(),
                Usage::C14NMethod => policy.c14n(uri).is_ok(),
                Usage::DigestMethod => policy.digest(uri).is_ok(),
                Usage::SignatureMethod => policy.signature(uri).is_ok(),
                Usage::EncryptionMethod => policy.cipher(uri).is_ok(),
                Usage::KeyWrap => policy.key_wrap(uri).is_ok(),
                Usage::KeyTransport => policy.key_transport(uri).is_ok(),
                Usage::KeyAgreement => policy.key_agreement(uri).is_ok(),
                Usage::KeyDerivation => policy.key_derivation(uri).is_ok(),
                Usage::OaepDigest => policy.oaep_digest(uri).is_ok(),
                Usage::KdfDigest => policy.kdf_digest(uri).is_ok(),
                Usage::MaskGeneration => policy.mask_generation(uri).is_ok(),
            };
            assert_eq!(allowed(&Policy::serve()), level <= Level::Serve, "{name}");
            assert_eq!(allowed(&Policy::default()), level <= Level::Default, "{name}");
            assert!(allowed(&Policy::legacy()), "{name}");
        }
        assert!(Policy::legacy().transform(algorithm::XSLT).is_err());
    }

    #[test]
    fn keys_that_prove_nothing_are_refused_at_every_level() {
        // With e = 1 the padded digest is its own signature; a point of small order verifies what nobody signed.
        use openssl::bn::BigNum;
        use openssl::pkey::PKey;
        use openssl::rsa::Rsa;
        let refused = |key: &PKeyRef<openssl::pkey::Public>| {
            [Policy::serve(), Policy::default(), Policy::legacy()].iter().all(|policy| policy.public_key(key).is_err())
        };
        let modulus = Rsa::generate(2048).unwrap().n().to_owned().unwrap();
        for (exponent, sound) in
            [(0, false), (1, false), (2, false), (3, true), (4, false), (65_536, false), (65_537, true)]
        {
            let exponent = BigNum::from_u32(exponent).unwrap();
            let Ok(rsa) = Rsa::from_public_components(modulus.to_owned().unwrap(), exponent) else { continue };
            assert_eq!(refused(&PKey::from_rsa(rsa).unwrap()), !sound);
        }
        let raw = |octets: &[u8], id| PKey::public_key_from_raw_bytes(octets, id);
        for y in ED25519_SMALL_ORDER {
            for sign in [0, 0x80] {
                let mut point = [0; 32];
                point[..y.len()].copy_from_slice(y);
                point[31] |= sign;
                assert!(refused(&raw(&point, Id::ED25519).unwrap()), "{point:02x?}");
            }
        }
        for y in ED448_SMALL_ORDER {
            let mut point = [0; 57];
            point[..y.len()].copy_from_slice(y);
            assert!(refused(&raw(&point, Id::ED448).unwrap()), "{point:02x?}");
        }
        let sound = PKey::generate_ed25519().unwrap().raw_public_key().unwrap();
        assert!(Policy::serve().public_key(&raw(&sound, Id::ED25519).unwrap()).is_ok());
        let sound = PKey::generate_ed448().unwrap().raw_public_key().unwrap();
        assert!(Policy::legacy().public_key(&raw(&sound, Id::ED448).unwrap()).is_ok());
    }

    #[test]
    fn short_hmacs_are_refused_unless_named() {
        // CVE-2009-0217: an HMAC cut to a few bits can be guessed.
        let usual = Policy::legacy();
        assert!(usual.hmac_output(Digest::Sha1, 160).is_ok());
        assert!(usual.hmac_output(Digest::Sha1, 80).is_ok());
        assert!(usual.hmac_output(Digest::Sha1, 72).is_err());
        assert!(usual.hmac_output(Digest::Sha256, 80).is_err(), "below half the digest");
        assert!(usual.hmac_output(Digest::Sha256, 1024).is_err());
        assert!(usual.hmac_output(Digest::Md5, 81).is_err());
        let lax = Policy { hmac_bits_min: Some(40), ..Policy::legacy() };
        assert!(lax.hmac_output(Digest::Sha1, 40).is_ok());
        assert!(lax.hmac_output(Digest::Sha1, 32).is_err());
        assert!(lax.hmac_output(Digest::Sha1, 0).is_err());
    }

    #[test]
    fn lists_of_key_info_forms_are_read() {
        let list: KeyInfoForms = "x509, key-name".parse().unwrap();
        assert!(list.has(KeyInfoForm::X509) && list.has(KeyInfoForm::KeyName) && !list.has(KeyInfoForm::KeyValue));
        assert_eq!("any".parse::<KeyInfoForms>(), Ok(KeyInfoForms::ANY));
        assert!("x510".parse::<KeyInfoForms>().is_err());
        assert!(!KeyInfoForms::USUAL.has(KeyInfoForm::KeyValue));
    }
}
