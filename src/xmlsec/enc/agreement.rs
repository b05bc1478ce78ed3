//! `AgreementMethod`, `KeyDerivationMethod` and `DerivedKey`: parameters read and bounded first, keys derived later
//! (XML Encryption 1.1 §5.4 and §5.6, RFC 9231 §2.6).
//!
//! Refused: curves of the sender's own, salts from elsewhere, iteration counts above the policy's, parameters of one derivation on
//! another.

use openssl::bn::BigNum;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Public};
use openssl::x509::X509;
use zeroize::Zeroizing;

use super::Error;
use super::element::{Children, algorithm, base64_leaf, hex, leaf, number_leaf, refused, structure};
use super::encrypted_type::XMLDSIG_MORE_2021;
use crate::base::limits;
use crate::xml::{Document, NodeId, ns};
use crate::xmlsec::algorithm::{Digest, KeyAgreement, KeyDerivation, Level};
use crate::xmlsec::dsig::key_value;
use crate::xmlsec::dsig::x509_data::X509Data;
use crate::xmlsec::policy::{KeyInfoForm, Policy, Refused};
use crate::xmlsec::provider::digest::md;
use crate::xmlsec::provider::kdf::{self, BitString};
use crate::xmlsec::provider::key_agreement::{AgreementKey, Curve};

/// SubjectPublicKeyInfo of a P-256 key up to its point. Reading it by hand spares OpenSSL's decoder, which takes longer
/// than the agreement itself.
const P256_SPKI_HEAD: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// The other side's public key in an agreement.
#[derive(Clone)]
pub enum Originator {
    /// An uncompressed point of a NIST curve, not yet checked.
    Point {
        /// The curve.
        curve: Curve,
        /// `04 || x || y`.
        octets: Vec<u8>,
    },
    /// A key that OpenSSL has read.
    Key(PKey<Public>),
    /// A finite-field public value; the group is that of our key.
    FiniteField {
        /// The modulus, if the document repeats it.
        modulus: Option<Vec<u8>>,
        /// The value.
        public: Vec<u8>,
    },
    /// A key that the caller must know by this name.
    Named(String),
    /// A key that the caller must know by its certificate.
    Certified(X509Data),
}

/// An originator that the document only names.
#[derive(Clone, Copy)]
pub enum Name<'a> {
    /// By `ds:KeyName`.
    Key(&'a str),
    /// By a `ds:X509Data` without a certificate.
    Certificate(&'a X509Data),
}

impl std::fmt::Debug for Originator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Point { .. } => "Point",
            Self::Key(_) => "Key",
            Self::FiniteField { .. } => "FiniteField",
            Self::Named(_) => "Named",
            Self::Certified(_) => "Certified",
        })
    }
}

/// How key octets come from a shared secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Derivation {
    /// ConcatKDF.
    Concat {
        /// Its digest.
        digest: Digest,
        /// AlgorithmID, PartyUInfo, PartyVInfo, SuppPubInfo, SuppPrivInfo, joined.
        other_info: Vec<u8>,
    },
    /// HKDF.
    Hkdf {
        /// Digest of its HMAC.
        digest: Digest,
        /// `Salt`, empty when absent.
        salt: Vec<u8>,
        /// `Info`, empty when absent.
        info: Vec<u8>,
        /// `KeyLength` in octets.
        key_bytes: Option<usize>,
    },
    /// PBKDF2.
    Pbkdf2 {
        /// Digest of its HMAC.
        digest: Digest,
        /// `Salt`.
        salt: Vec<u8>,
        /// `IterationCount`, bounded by the policy.
        iterations: usize,
        /// `KeyLength` in octets.
        key_bytes: Option<usize>,
    },
    /// That of XML Encryption 1.0 for Diffie-Hellman.
    LegacyDh {
        /// Its digest.
        digest: Digest,
        /// `KA-Nonce`.
        nonce: Vec<u8>,
    },
}

impl Derivation {
    /// Reads a `KeyDerivationMethod`.
    ///
    /// # Errors
    /// [`Error::Structure`], [`Error::Value`], [`Error::Refused`].
    pub fn parse(doc: &Document, node: NodeId, policy: &Policy) -> Result<Self, Error> {
        let which = policy.key_derivation(algorithm(doc, node)?).map_err(refused(doc, node))?;
        let mut children = Children::of(doc, node);
        let derivation = match which {
            KeyDerivation::ConcatKdf => {
                concat_parameters(doc, children.required(ns::XENC11, "ConcatKDFParams")?, policy)?
            }
            KeyDerivation::Hkdf => hkdf_parameters(doc, children.required(XMLDSIG_MORE_2021, "HKDFParams")?, policy)?,
            KeyDerivation::Pbkdf2 => pbkdf2_parameters(doc, children.required(ns::XENC11, "PBKDF2-params")?, policy)?,
        };
        children.end()?;
        Ok(derivation)
    }

    /// Derives the `key_bytes` octets of a key for `algorithm_uri`.
    ///
    /// # Errors
    /// [`Error::ContentKeySize`] when the parameters ask for another size; [`Error::Provider`].
    pub fn derive(&self, secret: &[u8], algorithm_uri: &str, key_bytes: usize) -> Result<Zeroizing<Vec<u8>>, Error> {
        let expect = |named: Option<usize>| match named {
            Some(came) if came != key_bytes => Err(Error::ContentKeySize { expected: key_bytes, came }),
            _ => Ok(()),
        };
        Ok(match self {
            Self::Concat { digest, other_info } => kdf::concat_kdf(md(*digest), secret, other_info, key_bytes)?,
            Self::Hkdf { digest, salt, info, key_bytes: named } => {
                expect(*named)?;
                kdf::hkdf(md(*digest), secret, salt, info, key_bytes)?
            }
            Self::Pbkdf2 { digest, salt, iterations, key_bytes: named } => {
                expect(*named)?;
                kdf::pbkdf2(md(*digest), secret, salt, *iterations, key_bytes)?
            }
            Self::LegacyDh { digest, nonce } => kdf::legacy_dh(md(*digest), secret, algorithm_uri, nonce, key_bytes)?,
        })
    }

    /// Iterations that deriving a key of `key_bytes` costs: PBKDF2 pays them again for each block.
    pub(super) fn iterations(&self, key_bytes: usize) -> usize {
        match self {
            Self::Pbkdf2 { digest, iterations, .. } => key_bytes.div_ceil(digest.size()).saturating_mul(*iterations),
            _ => 0,
        }
    }

    /// The length that the parameters name.
    #[must_use]
    pub fn key_bytes(&self) -> Option<usize> {
        match self {
            Self::Hkdf { key_bytes, .. } | Self::Pbkdf2 { key_bytes, .. } => *key_bytes,
            Self::Concat { .. } | Self::LegacyDh { .. } => None,
        }
    }
}

fn concat_parameters(doc: &Document, node: NodeId, policy: &Policy) -> Result<Derivation, Error> {
    let malformed = |what| Error::Value { what, expected: "a bit string in hexadecimal", at: doc.position(node) };
    let names = ["AlgorithmID", "PartyUInfo", "PartyVInfo", "SuppPubInfo", "SuppPrivInfo"];
    let mut parts = Vec::with_capacity(names.len());
    for name in names {
        let octets = hex(doc.attribute(node, "", name).unwrap_or("")).ok_or_else(|| malformed(name))?;
        parts.push(BitString::from_prefixed(&octets).map_err(|_| malformed(name))?);
    }
    // A misspelt one would be left out of the hash, and the key that comes of it is nobody's.
    if let Some(unknown) = doc.attributes(node).find(|one| one.ns.is_empty() && !names.contains(&one.local)) {
        let came = format!("the attribute {:?}", crate::xmlsec::policy::shortened(unknown.local));
        return Err(structure(
            doc,
            node,
            "the attributes AlgorithmID, Party[UV]Info and Supp(Pub|Priv)Info alone",
            &came,
        ));
    }
    let mut children = Children::of(doc, node);
    let digest = children.required(ns::DS, "DigestMethod")?;
    children.end()?;
    Ok(Derivation::Concat {
        digest: policy.kdf_digest(algorithm(doc, digest)?).map_err(refused(doc, digest))?,
        other_info: BitString::join(&parts).map_err(|_| malformed("ConcatKDFParams"))?,
    })
}

fn hkdf_parameters(doc: &Document, node: NodeId, policy: &Policy) -> Result<Derivation, Error> {
    let mut children = Children::of(doc, node);
    let prf = children.required(XMLDSIG_MORE_2021, "PRF")?;
    let mut octets = |local, what| -> Result<Vec<u8>, Error> {
        let Some(node) = children.optional(XMLDSIG_MORE_2021, local)? else { return Ok(Vec::new()) };
        // Some write the salt as PBKDF2 has it.
        let specified = doc.elements(node).next().filter(|child| doc.local(*child) == "Specified");
        base64_leaf(doc, specified.unwrap_or(node), what)
    };
    let salt = octets("Salt", "Salt")?;
    let info = octets("Info", "Info")?;
    let length = children.optional(XMLDSIG_MORE_2021, "KeyLength")?;
    children.end()?;
    Ok(Derivation::Hkdf {
        digest: policy.kdf_hmac(algorithm(doc, prf)?).map_err(refused(doc, prf))?,
        salt,
        info,
        key_bytes: length.map(|leaf| key_length(doc, leaf)).transpose()?,
    })
}

fn pbkdf2_parameters(doc: &Document, node: NodeId, policy: &Policy) -> Result<Derivation, Error> {
    let mut children = Children::of(doc, node);
    let salt = children.required(ns::XENC11, "Salt")?;
    let count = children.required(ns::XENC11, "IterationCount")?;
    let length = children.optional(ns::XENC11, "KeyLength")?;
    let prf = children.required(ns::XENC11, "PRF")?;
    children.end()?;
    let mut salt_children = Children::of(doc, salt);
    let specified = salt_children.required(ns::XENC11, "Specified")?;
    salt_children.end()?;
    let iterations = number_leaf(doc, count, "IterationCount")?;
    if iterations == 0 || iterations > usize::try_from(policy.pbkdf2_iterations_max).unwrap_or(usize::MAX) {
        let expected = format!("1 to {}", policy.pbkdf2_iterations_max);
        let parameter = Refused::Parameter { what: "IterationCount", came: iterations.to_string(), expected };
        return Err(refused(doc, count)(parameter));
    }
    Ok(Derivation::Pbkdf2 {
        digest: policy.kdf_hmac(algorithm(doc, prf)?).map_err(refused(doc, prf))?,
        salt: base64_leaf(doc, specified, "Specified")?,
        iterations,
        key_bytes: length.map(|leaf| key_length(doc, leaf)).transpose()?,
    })
}

/// The length of a derived key. That of an HMAC is nowhere else, so the document alone would say how much memory it takes.
fn key_length(doc: &Document, leaf: NodeId) -> Result<usize, Error> {
    let key_bytes = number_leaf(doc, leaf, "KeyLength")?;
    if key_bytes > limits::DERIVED_KEY_BYTES_MAX {
        let expected = format!("at most {} octets", limits::DERIVED_KEY_BYTES_MAX);
        let parameter = Refused::Parameter { what: "KeyLength", came: key_bytes.to_string(), expected };
        return Err(refused(doc, leaf)(parameter));
    }
    Ok(key_bytes)
}

/// An `AgreementMethod`, checked.
#[derive(Clone, Debug)]
pub struct Agreement {
    /// The element.
    pub node: NodeId,
    /// Which kind.
    pub algorithm: KeyAgreement,
    /// What makes a key of the shared secret.
    pub derivation: Derivation,
    /// The other side's key, in every form the document gives it.
    pub originators: Vec<Originator>,
    /// `RecipientKeyInfo`: which key of ours.
    pub recipient: Option<NodeId>,
}

impl Agreement {
    /// The `AgreementMethod` among the children of a `ds:KeyInfo`, if there is one.
    ///
    /// # Errors
    /// [`Error::Structure`], [`Error::Value`], [`Error::Refused`], [`Error::Unsupported`].
    pub fn in_key_info(doc: &Document, key_info: NodeId, policy: &Policy) -> Result<Option<Self>, Error> {
        let found = doc.elements(key_info).find(|child| doc.is(*child, ns::XENC, "AgreementMethod"));
        found.map(|node| Self::parse(doc, node, policy)).transpose()
    }

    /// Reads and checks the `AgreementMethod` at `node`.
    ///
    /// # Errors
    /// As above.
    pub fn parse(doc: &Document, node: NodeId, policy: &Policy) -> Result<Self, Error> {
        policy.key_info_form(KeyInfoForm::AgreementMethod).map_err(refused(doc, node))?;
        let which = policy.key_agreement(algorithm(doc, node)?).map_err(refused(doc, node))?;
        let mut children = Children::of(doc, node);
        let nonce = children.optional(ns::XENC, "KA-Nonce")?;
        let derivation = if which == KeyAgreement::Dh {
            let digest = children.required(ns::DS, "DigestMethod")?;
            Derivation::LegacyDh {
                digest: policy.kdf_digest(algorithm(doc, digest)?).map_err(refused(doc, digest))?,
                nonce: nonce.map_or(Ok(Vec::new()), |leaf| base64_leaf(doc, leaf, "KA-Nonce"))?,
            }
        } else {
            Derivation::parse(doc, children.required(ns::XENC11, "KeyDerivationMethod")?, policy)?
        };
        let originator = children.optional(ns::XENC, "OriginatorKeyInfo")?;
        let recipient = children.optional(ns::XENC, "RecipientKeyInfo")?;
        children.end()?;
        let originators = originator.map_or(Ok(Vec::new()), |info| originators(doc, info, policy))?;
        if originators.is_empty() {
            return Err(structure(doc, node, "an OriginatorKeyInfo with a public key", "none"));
        }
        Ok(Self { node, algorithm: which, derivation, originators, recipient })
    }

    /// Whether a key of this kind can take part.
    #[must_use]
    pub fn fits(&self, curve: Curve) -> bool {
        match self.algorithm {
            KeyAgreement::EcdhEs => curve.nid().is_some(),
            KeyAgreement::X25519 => curve == Curve::X25519,
            KeyAgreement::X448 => curve == Curve::X448,
            KeyAgreement::Dh | KeyAgreement::DhEs => curve == Curve::FiniteField,
        }
    }

    /// Agrees with our key and derives `key_bytes` octets for `algorithm_uri`. `named` answers originators that are only
    /// named.
    ///
    /// # Errors
    /// [`Error::KeyKind`], [`Error::NoKey`], [`Error::Provider`].
    pub fn derive(
        &self,
        ours: &AgreementKey,
        named: &dyn Fn(Name<'_>) -> Option<PKey<Public>>,
        algorithm_uri: &str,
        key_bytes: usize,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        if !self.fits(ours.curve()) {
            return Err(Error::KeyKind { expected: "a private key of the agreement's curve" });
        }
        let mut last = Error::NoKey { wanted: "the originator's public key".to_owned(), tried: String::new() };
        for originator in &self.originators {
            let secret = match originator {
                Originator::Point { curve, .. } if *curve != ours.curve() => continue,
                Originator::Point { octets, .. } => ours.agree_with_point(octets),
                Originator::Key(key) => ours.agree(key),
                Originator::FiniteField { modulus, public } => ours.agree_finite(modulus.as_deref(), public),
                Originator::Named(name) => match named(Name::Key(name)) {
                    Some(key) => ours.agree(&key),
                    None => continue,
                },
                Originator::Certified(data) => match named(Name::Certificate(data)) {
                    Some(key) => ours.agree(&key),
                    None => continue,
                },
            };
            match secret {
                Ok(secret) => return self.derivation.derive(&secret, algorithm_uri, key_bytes),
                Err(error) => last = error.into(),
            }
        }
        Err(last)
    }
}

/// Every public key that an `OriginatorKeyInfo` gives or names.
fn originators(doc: &Document, info: NodeId, policy: &Policy) -> Result<Vec<Originator>, Error> {
    let mut found = Vec::new();
    for child in doc.elements(info) {
        if doc.is(child, ns::DS, "KeyValue") {
            found.extend(key_value(doc, child, policy)?);
        } else if doc.is(child, ns::DSIG11, "DEREncodedKeyValue") {
            found.push(encoded_key(doc, child)?);
        } else if doc.is(child, ns::DS, "X509Data") {
            for certificate in doc.elements(child).filter(|node| doc.is(*node, ns::DS, "X509Certificate")) {
                found.push(certified_key(doc, certificate)?);
            }
            found.extend(named_certificate(doc, child, policy));
        } else if doc.is(child, ns::DS, "KeyName") {
            found.push(Originator::Named(leaf(doc, child)?.trim().to_owned()));
        }
    }
    Ok(found)
}

/// A `ds:X509Data` that names its certificate by issuer, subject, SKI or digest. Partners send their ephemeral key: in
/// `serve` nothing is looked up.
fn named_certificate(doc: &Document, node: NodeId, policy: &Policy) -> Option<Originator> {
    let data = (policy.level() > Level::Serve).then(|| X509Data::parse(doc, node, policy).ok()).flatten()?;
    (data.certificates.is_empty() && !data.selectors.is_empty()).then_some(Originator::Certified(data))
}

fn key_value(doc: &Document, node: NodeId, policy: &Policy) -> Result<Option<Originator>, Error> {
    let Some(value) = Children::of(doc, node).any()? else { return Ok(None) };
    if doc.is(value, ns::DSIG11, "ECKeyValue") {
        return ec_key_value(doc, value, policy).map(Some);
    }
    if doc.local(value) == "ECDSAKeyValue" && policy.level() > Level::Serve {
        let key = key_value::parse(doc, value).map_err(|_| Error::Value {
            what: "ECDSAKeyValue",
            expected: "a key of RFC 4050",
            at: doc.position(value),
        });
        return key.map(|key| Some(Originator::Key(key)));
    }
    if doc.is(value, ns::XENC, "DHKeyValue") {
        return dh_key_value(doc, value).map(Some);
    }
    Ok(None)
}

/// `dsig11:ECKeyValue` with a named curve (XML Signature 1.1 §4.5.2.3.1).
fn ec_key_value(doc: &Document, node: NodeId, policy: &Policy) -> Result<Originator, Error> {
    let mut children = Children::of(doc, node);
    let named = match children.optional(ns::DSIG11, "NamedCurve")? {
        Some(named) => named,
        None => return spelled_out(doc, node, children, policy),
    };
    let key = children.required(ns::DSIG11, "PublicKey")?;
    children.end()?;
    let octets = base64_leaf(doc, key, "PublicKey")?;
    let uri = doc.attribute(named, "", "URI").unwrap_or("");
    let raw = |id| PKey::public_key_from_raw_bytes(&octets, id).map(Originator::Key);
    let unusable = |()| Error::Value { what: "PublicKey", expected: "a key of its curve", at: doc.position(key) };
    let point = |curve, octets| point(curve, octets, policy).ok_or_else(|| unusable(()));
    match uri {
        "urn:oid:1.2.840.10045.3.1.7" => point(Curve::P256, octets),
        "urn:oid:1.3.132.0.34" => point(Curve::P384, octets),
        "urn:oid:1.3.132.0.35" => point(Curve::P521, octets),
        "urn:oid:1.3.101.110" => raw(Id::X25519).map_err(|_| unusable(())),
        "urn:oid:1.3.101.111" => raw(Id::X448).map_err(|_| unusable(())),
        _ => match key_value::known_curve(uri).and_then(Curve::of_nid).filter(|_| policy.level() > Level::Serve) {
            Some(curve) => point(curve, octets),
            None => Err(Error::Unsupported {
                what: format!("the curve {:?}", crate::xmlsec::policy::shortened(uri)),
                at: doc.position(named),
            }),
        },
    }
}

/// A point as the document has it. A compressed one, which XML Signature 1.1 §4.5.2.3 leaves to the reader, is spelled
/// out for files; in `serve` it stays what it is, and the agreement refuses it.
fn point(curve: Curve, octets: Vec<u8>, policy: &Policy) -> Option<Originator> {
    let compressed = matches!(octets.first(), Some(2 | 3)) && policy.level() > Level::Serve;
    let octets = if compressed { curve.decompressed(&octets)? } else { octets };
    Some(Originator::Point { curve, octets })
}

/// `dsig11:ECKeyValue` whose parameters spell out a known curve (§4.5.2.3.2).
fn spelled_out(doc: &Document, node: NodeId, mut children: Children<'_>, policy: &Policy) -> Result<Originator, Error> {
    let parameters = children.required(ns::DSIG11, "ECParameters")?;
    let key = children.required(ns::DSIG11, "PublicKey")?;
    children.end()?;
    let group = key_value::spelled_out(doc, parameters).ok();
    let curve = group.and_then(|group| group.curve_name()).and_then(Curve::of_nid);
    match curve.filter(|curve| curve.is_nist() || policy.level() > Level::Serve) {
        Some(curve) => point(curve, base64_leaf(doc, key, "PublicKey")?, policy).ok_or(Error::Value {
            what: "PublicKey",
            expected: "a key of its curve",
            at: doc.position(key),
        }),
        None => Err(Error::Unsupported { what: "a curve of the sender's own".to_owned(), at: doc.position(node) }),
    }
}

/// `xenc:DHKeyValue` (XML Encryption 1.1 §5.6.1).
fn dh_key_value(doc: &Document, node: NodeId) -> Result<Originator, Error> {
    let mut children = Children::of(doc, node);
    let modulus = children.optional(ns::XENC, "P")?;
    children.optional(ns::XENC, "Q")?;
    children.optional(ns::XENC, "Generator")?;
    let public = children.required(ns::XENC, "Public")?;
    children.optional(ns::XENC, "seed")?;
    children.optional(ns::XENC, "pgenCounter")?;
    children.end()?;
    Ok(Originator::FiniteField {
        modulus: modulus.map(|leaf| base64_leaf(doc, leaf, "P")).transpose()?,
        public: base64_leaf(doc, public, "Public")?,
    })
}

fn encoded_key(doc: &Document, node: NodeId) -> Result<Originator, Error> {
    let der = base64_leaf(doc, node, "DEREncodedKeyValue")?;
    public_key(&der).ok_or(Error::Value {
        what: "DEREncodedKeyValue",
        expected: "a SubjectPublicKeyInfo",
        at: doc.position(node),
    })
}

fn public_key(der: &[u8]) -> Option<Originator> {
    if der.len() == P256_SPKI_HEAD.len() + 65 && der.starts_with(&P256_SPKI_HEAD) {
        return Some(Originator::Point { curve: Curve::P256, octets: der[P256_SPKI_HEAD.len()..].to_vec() });
    }
    let key = PKey::public_key_from_der(der).ok()?;
    // A curve by its parameters is one of the sender's choosing.
    let explicit = key.id() == Id::EC && key.ec_key().ok()?.group().curve_name().is_none_or(|nid| nid == Nid::UNDEF);
    (!explicit).then_some(Originator::Key(key))
}

fn certified_key(doc: &Document, node: NodeId) -> Result<Originator, Error> {
    let der = base64_leaf(doc, node, "X509Certificate")?;
    let key = X509::from_der(&der).and_then(|certificate| certificate.public_key());
    key.map(Originator::Key).map_err(|_| Error::Value {
        what: "X509Certificate",
        expected: "a certificate",
        at: doc.position(node),
    })
}

/// A `DerivedKey`: a key made of one that both sides know (XML Encryption 1.1 §5.4).
#[derive(Clone, Debug)]
pub struct DerivedKey {
    /// What makes the key.
    pub derivation: Derivation,
    /// `DerivedKeyName`: its name.
    pub derived_key_name: Option<String>,
    /// `MasterKeyName`: the name of the key it is made of.
    pub master_key_name: Option<String>,
}

impl DerivedKey {
    /// Reads and checks the `DerivedKey` at `node`.
    ///
    /// # Errors
    /// As [`Agreement::parse`].
    pub fn parse(doc: &Document, node: NodeId, policy: &Policy) -> Result<Self, Error> {
        let mut children = Children::of(doc, node);
        let method = children.required(ns::XENC11, "KeyDerivationMethod")?;
        children.optional(ns::XENC, "ReferenceList")?;
        let derived = children.optional(ns::XENC11, "DerivedKeyName")?;
        let master = children.optional(ns::XENC11, "MasterKeyName")?;
        children.end()?;
        let name = |node: Option<NodeId>| -> Result<Option<String>, Error> {
            Ok(node.map(|node| leaf(doc, node)).transpose()?.map(|name| name.trim().to_owned()))
        };
        Ok(Self {
            derivation: Derivation::parse(doc, method, policy)?,
            derived_key_name: name(derived)?,
            master_key_name: name(master)?,
        })
    }
}

impl AgreementKey {
    /// Agrees with a finite-field public value in the group of our key.
    fn agree_finite(
        &self,
        modulus: Option<&[u8]>,
        public: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, crate::xmlsec::provider::Error> {
        let modulus = modulus.map(BigNum::from_slice).transpose()?;
        let public = BigNum::from_slice(public)?;
        self.agree_with_public_value(modulus, &public)
    }
}
