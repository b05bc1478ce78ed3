//! Every algorithm of XML Signature and XML Encryption that is implemented: name, URI, where it may stand, level.
//!
//! The URIs are those of XML Signature 1.1 §6, XML Encryption 1.1 §5, XPath Filter 2.0, WS-Security 1.1 §8.3 and
//! RFC 9231. One table for each usage; [`all`] lists them together. What a table lacks does not exist for this crate.

use crate::xml::c14n::Method;

/// Who may use an algorithm. Each level holds the ones before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Level {
    /// In messages of partners (design 2.2).
    Serve,
    /// In files on the command line without further ado.
    Default,
    /// Only after `--allow-legacy`.
    Legacy,
}

/// Where an algorithm's URI stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Usage {
    /// `ds:Transform`.
    Transform,
    /// `ds:CanonicalizationMethod`; the same URIs are transforms.
    C14NMethod,
    /// `ds:DigestMethod` of a `ds:Reference` or a `dsig11:X509Digest`.
    DigestMethod,
    /// `ds:SignatureMethod`.
    SignatureMethod,
    /// `xenc:EncryptionMethod` of an `xenc:EncryptedData`.
    EncryptionMethod,
    /// `xenc:EncryptionMethod` of an `xenc:EncryptedKey` under a symmetric key.
    KeyWrap,
    /// `xenc:EncryptionMethod` of an `xenc:EncryptedKey` under an RSA key.
    KeyTransport,
    /// `xenc:AgreementMethod`.
    KeyAgreement,
    /// `xenc11:KeyDerivationMethod`.
    KeyDerivation,
    /// `ds:DigestMethod` inside RSA-OAEP.
    OaepDigest,
    /// `ds:DigestMethod` inside ConcatKDF, and the hash of HKDF and PBKDF2.
    KdfDigest,
    /// `xenc11:MGF` of RSA-OAEP and `MaskGenerationFunction` of RSA-PSS.
    MaskGeneration,
}

impl Usage {
    /// The element of the specification that carries it.
    #[must_use]
    pub fn element(self) -> &'static str {
        match self {
            Self::Transform => "Transform",
            Self::C14NMethod => "CanonicalizationMethod",
            Self::DigestMethod | Self::OaepDigest | Self::KdfDigest => "DigestMethod",
            Self::SignatureMethod => "SignatureMethod",
            Self::EncryptionMethod | Self::KeyWrap | Self::KeyTransport => "EncryptionMethod",
            Self::KeyAgreement => "AgreementMethod",
            Self::KeyDerivation => "KeyDerivationMethod",
            Self::MaskGeneration => "MGF",
        }
    }
}

/// One line of a table.
#[derive(Clone, Copy, Debug)]
pub struct Row<T: 'static> {
    /// What the URI means.
    pub value: T,
    /// Short name, as the xmlsec program and our messages use it.
    pub name: &'static str,
    /// The URI.
    pub uri: &'static str,
    /// Who may use it.
    pub level: Level,
}

/// The row of `uri` in `table`.
#[must_use]
pub fn find<T: Copy>(table: &'static [Row<T>], uri: &str) -> Option<&'static Row<T>> {
    table.iter().find(|row| row.uri == uri)
}

/// The row of `value` in `table`: its first URI is the one we write.
#[must_use]
pub fn row_of<T: Copy + PartialEq>(table: &'static [Row<T>], value: T) -> Option<&'static Row<T>> {
    table.iter().find(|row| row.value == value)
}

/// A hash function.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Digest {
    /// MD5 (RFC 1321); legacy.
    Md5,
    /// RIPEMD-160; legacy.
    Ripemd160,
    /// SHA-1; legacy, but harmless inside OAEP.
    Sha1,
    /// SHA-224.
    Sha224,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
    /// SHA3-224.
    Sha3_224,
    /// SHA3-256.
    Sha3_256,
    /// SHA3-384.
    Sha3_384,
    /// SHA3-512.
    Sha3_512,
}

impl Digest {
    /// Octets of a value.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Ripemd160 | Self::Sha1 => 20,
            Self::Sha224 | Self::Sha3_224 => 28,
            Self::Sha256 | Self::Sha3_256 => 32,
            Self::Sha384 | Self::Sha3_384 => 48,
            Self::Sha512 | Self::Sha3_512 => 64,
        }
    }

    /// The URI for `ds:DigestMethod`.
    #[must_use]
    pub fn uri(self) -> &'static str {
        row_of(DIGESTS, self).expect("every digest has a row").uri
    }

    /// Short name: `sha256`.
    #[must_use]
    pub fn name(self) -> &'static str {
        row_of(DIGESTS, self).expect("every digest has a row").name
    }
}

/// `ds:SignatureMethod`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum SignatureMethod {
    /// RSASSA-PKCS1-v1_5.
    RsaPkcs1(Digest),
    /// RSASSA-PSS: MGF1 and salt as long as the digest, all told by the URI (RFC 9231 §2.3.10).
    RsaPss(Digest),
    /// RSASSA-PSS with `RSAPSSParams` (RFC 9231 §2.3.9).
    RsaPssParams,
    /// ECDSA, value r||s.
    Ecdsa(Digest),
    /// DSA, value r||s; legacy.
    Dsa(Digest),
    /// HMAC; legacy here, since a gateway shares no secrets.
    Hmac(Digest),
    /// Ed25519 without prehash.
    Ed25519,
    /// Ed448 without prehash; legacy.
    Ed448,
}

impl SignatureMethod {
    /// The URI for `ds:SignatureMethod`.
    #[must_use]
    pub fn uri(self) -> &'static str {
        row_of(SIGNATURES, self).map_or("", |row| row.uri)
    }
    /// Short name: `rsa-sha256`.
    #[must_use]
    pub fn name(self) -> &'static str {
        row_of(SIGNATURES, self).map_or("", |row| row.name)
    }
}

/// A canonicalization with or without comments.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct C14N {
    /// Which specification.
    pub method: Method,
    /// Whether comments are written.
    pub with_comments: bool,
}

impl C14N {
    /// Exclusive, without comments.
    pub const EXCLUSIVE: Self = Self { method: Method::Exclusive, with_comments: false };
    /// 1.0, without comments: what stands between a node-set and a transform or digest that wants octets
    /// (XML Signature §4.4.3.2).
    pub const INCLUSIVE10: Self = Self { method: Method::Inclusive10, with_comments: false };

    /// The URI.
    #[must_use]
    pub fn uri(self) -> &'static str {
        row_of(C14N_METHODS, self).map_or("", |row| row.uri)
    }
}

/// `ds:Transform`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum TransformKind {
    /// Canonical XML in one of its forms.
    C14N(C14N),
    /// `enveloped-signature`.
    Enveloped,
    /// `base64`.
    Base64,
    /// XPath 1.0 filter.
    XPath,
    /// XPath Filter 2.0.
    XPathFilter2,
    /// XPointer given as a transform (RFC 9231 §2.5); only the forms that a Reference may use.
    XPointer,
    /// STR-Transform of WS-Security.
    StrTransform,
}

impl TransformKind {
    /// The URI.
    #[must_use]
    pub fn uri(self) -> &'static str {
        match self {
            Self::C14N(c14n) => c14n.uri(),
            other => row_of(TRANSFORMS, other).map_or("", |row| row.uri),
        }
    }
}

/// `xenc:EncryptionMethod` of data.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Cipher {
    /// AES-128-GCM.
    Aes128Gcm,
    /// AES-192-GCM.
    Aes192Gcm,
    /// AES-256-GCM.
    Aes256Gcm,
    /// AES-128-CBC; legacy.
    Aes128Cbc,
    /// AES-192-CBC; legacy.
    Aes192Cbc,
    /// AES-256-CBC; legacy.
    Aes256Cbc,
    /// Triple DES CBC; legacy.
    TripleDesCbc,
    /// Camellia-128-CBC (RFC 9231 §2.6.2); legacy.
    Camellia128Cbc,
    /// Camellia-192-CBC; legacy.
    Camellia192Cbc,
    /// Camellia-256-CBC; legacy.
    Camellia256Cbc,
    /// ChaCha20 (RFC 9231 §2.6.7); legacy.
    ChaCha20,
    /// ChaCha20 with Poly1305 (RFC 9231 §2.6.8); legacy.
    ChaCha20Poly1305,
}

impl Cipher {
    /// Octets of a key.
    #[must_use]
    pub fn key_size(self) -> usize {
        match self {
            Self::Aes128Gcm | Self::Aes128Cbc | Self::Camellia128Cbc => 16,
            Self::Aes192Gcm | Self::Aes192Cbc | Self::TripleDesCbc | Self::Camellia192Cbc => 24,
            Self::Aes256Gcm | Self::Aes256Cbc | Self::Camellia256Cbc | Self::ChaCha20 | Self::ChaCha20Poly1305 => 32,
        }
    }
    /// The URI.
    #[must_use]
    pub fn uri(self) -> &'static str {
        row_of(CIPHERS, self).map_or("", |row| row.uri)
    }
}

/// Key wrap.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum KeyWrap {
    /// AES-128 (RFC 3394).
    Aes128,
    /// AES-192 (RFC 3394).
    Aes192,
    /// AES-256 (RFC 3394).
    Aes256,
    /// AES-128 with padding (RFC 5649).
    Aes128Pad,
    /// AES-192 with padding (RFC 5649).
    Aes192Pad,
    /// AES-256 with padding (RFC 5649).
    Aes256Pad,
    /// Triple DES (RFC 3217); legacy.
    TripleDes,
    /// Camellia-128 (RFC 9231 §2.6.3); legacy.
    Camellia128,
    /// Camellia-192; legacy.
    Camellia192,
    /// Camellia-256; legacy.
    Camellia256,
}

impl KeyWrap {
    /// Octets of the wrapping key.
    #[must_use]
    pub fn key_size(self) -> usize {
        match self {
            Self::Aes128 | Self::Aes128Pad | Self::Camellia128 => 16,
            Self::Aes192 | Self::Aes192Pad | Self::TripleDes | Self::Camellia192 => 24,
            Self::Aes256 | Self::Aes256Pad | Self::Camellia256 => 32,
        }
    }
    /// The URI.
    #[must_use]
    pub fn uri(self) -> &'static str {
        row_of(KEY_WRAPS, self).map_or("", |row| row.uri)
    }
}

/// Key transport.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum KeyTransport {
    /// RSAES-PKCS1-v1_5; legacy.
    Rsa15,
    /// RSA-OAEP with MGF1-SHA-1 (XML Encryption 1.0).
    RsaOaepMgf1p,
    /// RSA-OAEP with the MGF named (XML Encryption 1.1).
    RsaOaep,
}

impl KeyTransport {
    /// The URI.
    #[must_use]
    pub fn uri(self) -> &'static str {
        row_of(KEY_TRANSPORTS, self).map_or("", |row| row.uri)
    }
}

/// Key agreement.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum KeyAgreement {
    /// Elliptic curve Diffie-Hellman, ephemeral-static.
    EcdhEs,
    /// X25519 (RFC 9231 §2.6.6).
    X25519,
    /// X448 (RFC 9231 §2.6.7); legacy.
    X448,
    /// Finite-field Diffie-Hellman with explicit key derivation (XML Encryption 1.1 §5.6.2.2); legacy.
    DhEs,
    /// Finite-field Diffie-Hellman with the derivation of XML Encryption 1.0; legacy.
    Dh,
}

impl KeyAgreement {
    /// The URI.
    #[must_use]
    pub fn uri(self) -> &'static str {
        row_of(KEY_AGREEMENTS, self).map_or("", |row| row.uri)
    }
}

/// Key derivation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum KeyDerivation {
    /// ConcatKDF (NIST SP 800-56A).
    ConcatKdf,
    /// HKDF (RFC 5869).
    Hkdf,
    /// PBKDF2 (RFC 8018); legacy.
    Pbkdf2,
}

impl KeyDerivation {
    /// The URI.
    #[must_use]
    pub fn uri(self) -> &'static str {
        row_of(KEY_DERIVATIONS, self).map_or("", |row| row.uri)
    }
}

use Digest::{Md5, Ripemd160, Sha1, Sha3_224, Sha3_256, Sha3_384, Sha3_512, Sha224, Sha256, Sha384, Sha512};
use Level::{Default, Legacy, Serve};

const fn row<T>(value: T, name: &'static str, uri: &'static str, level: Level) -> Row<T> {
    Row { value, name, uri, level }
}

macro_rules! digest_rows {
    ($($digest:ident $level:ident),* $(,)?) => { &[$(row($digest, digest_name($digest), digest_uri($digest), $level)),*] };
}

const fn digest_name(digest: Digest) -> &'static str {
    match digest {
        Md5 => "md5",
        Ripemd160 => "ripemd160",
        Sha1 => "sha1",
        Sha224 => "sha224",
        Sha256 => "sha256",
        Sha384 => "sha384",
        Sha512 => "sha512",
        Sha3_224 => "sha3-224",
        Sha3_256 => "sha3-256",
        Sha3_384 => "sha3-384",
        Sha3_512 => "sha3-512",
    }
}

const fn digest_uri(digest: Digest) -> &'static str {
    match digest {
        Md5 => "http://www.w3.org/2001/04/xmldsig-more#md5",
        Ripemd160 => "http://www.w3.org/2001/04/xmlenc#ripemd160",
        Sha1 => "http://www.w3.org/2000/09/xmldsig#sha1",
        Sha224 => "http://www.w3.org/2001/04/xmldsig-more#sha224",
        Sha256 => "http://www.w3.org/2001/04/xmlenc#sha256",
        Sha384 => "http://www.w3.org/2001/04/xmldsig-more#sha384",
        Sha512 => "http://www.w3.org/2001/04/xmlenc#sha512",
        Sha3_224 => "http://www.w3.org/2007/05/xmldsig-more#sha3-224",
        Sha3_256 => "http://www.w3.org/2007/05/xmldsig-more#sha3-256",
        Sha3_384 => "http://www.w3.org/2007/05/xmldsig-more#sha3-384",
        Sha3_512 => "http://www.w3.org/2007/05/xmldsig-more#sha3-512",
    }
}

/// `ds:DigestMethod` of References.
pub const DIGESTS: &[Row<Digest>] = digest_rows![
    Sha256 Serve, Sha384 Serve, Sha512 Serve, Sha1 Legacy, Sha224 Legacy, Sha3_224 Legacy, Sha3_256 Legacy,
    Sha3_384 Legacy, Sha3_512 Legacy, Md5 Legacy, Ripemd160 Legacy,
];

/// `ds:DigestMethod` inside RSA-OAEP. SHA-1 is harmless there, and all that many stacks have (design 2.2).
pub const OAEP_DIGESTS: &[Row<Digest>] = digest_rows![
    Sha256 Serve, Sha384 Serve, Sha512 Serve, Sha1 Serve, Sha224 Legacy, Sha3_224 Legacy, Sha3_256 Legacy,
    Sha3_384 Legacy, Sha3_512 Legacy, Md5 Legacy, Ripemd160 Legacy,
];

/// `ds:DigestMethod` of ConcatKDF.
pub const KDF_DIGESTS: &[Row<Digest>] = digest_rows![
    Sha256 Serve, Sha384 Serve, Sha512 Serve, Sha1 Legacy, Sha224 Legacy, Sha3_224 Legacy, Sha3_256 Legacy,
    Sha3_384 Legacy, Sha3_512 Legacy, Md5 Legacy, Ripemd160 Legacy,
];

/// Pseudo-random functions of HKDF and PBKDF2.
pub const KDF_HMACS: &[Row<Digest>] = &[
    row(Sha256, "hmac-sha256", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256", Serve),
    row(Sha384, "hmac-sha384", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha384", Serve),
    row(Sha512, "hmac-sha512", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha512", Serve),
    row(Sha1, "hmac-sha1", "http://www.w3.org/2000/09/xmldsig#hmac-sha1", Legacy),
    row(Sha224, "hmac-sha224", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha224", Legacy),
    row(Md5, "hmac-md5", "http://www.w3.org/2001/04/xmldsig-more#hmac-md5", Legacy),
    row(Ripemd160, "hmac-ripemd160", "http://www.w3.org/2001/04/xmldsig-more#hmac-ripemd160", Legacy),
];

/// Mask generation functions: MGF1 with a digest. Levels for RSA-OAEP of XML Encryption 1.1.
pub const MASK_GENERATIONS: &[Row<Digest>] = &[
    row(Sha256, "mgf1sha256", "http://www.w3.org/2009/xmlenc11#mgf1sha256", Serve),
    row(Sha384, "mgf1sha384", "http://www.w3.org/2009/xmlenc11#mgf1sha384", Serve),
    row(Sha512, "mgf1sha512", "http://www.w3.org/2009/xmlenc11#mgf1sha512", Serve),
    row(Sha1, "mgf1sha1", "http://www.w3.org/2009/xmlenc11#mgf1sha1", Default),
    row(Sha224, "mgf1sha224", "http://www.w3.org/2009/xmlenc11#mgf1sha224", Legacy),
];

/// `ds:SignatureMethod`.
pub const SIGNATURES: &[Row<SignatureMethod>] = {
    use SignatureMethod::{Dsa, Ecdsa, Ed448, Ed25519, Hmac, RsaPkcs1, RsaPss, RsaPssParams};
    &[
        row(RsaPkcs1(Sha256), "rsa-sha256", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", Serve),
        row(RsaPkcs1(Sha384), "rsa-sha384", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384", Serve),
        row(RsaPkcs1(Sha512), "rsa-sha512", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512", Serve),
        row(Ecdsa(Sha256), "ecdsa-sha256", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256", Serve),
        row(Ecdsa(Sha384), "ecdsa-sha384", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384", Serve),
        row(Ecdsa(Sha512), "ecdsa-sha512", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512", Serve),
        row(RsaPss(Sha256), "rsa-pss-sha256", "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1", Serve),
        row(RsaPss(Sha384), "rsa-pss-sha384", "http://www.w3.org/2007/05/xmldsig-more#sha384-rsa-MGF1", Serve),
        row(RsaPss(Sha512), "rsa-pss-sha512", "http://www.w3.org/2007/05/xmldsig-more#sha512-rsa-MGF1", Serve),
        row(RsaPssParams, "rsa-pss", "http://www.w3.org/2007/05/xmldsig-more#rsa-pss", Serve),
        row(Ed25519, "eddsa-ed25519", "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519", Serve),
        row(RsaPkcs1(Sha1), "rsa-sha1", "http://www.w3.org/2000/09/xmldsig#rsa-sha1", Legacy),
        row(RsaPkcs1(Sha224), "rsa-sha224", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha224", Legacy),
        row(RsaPkcs1(Md5), "rsa-md5", "http://www.w3.org/2001/04/xmldsig-more#rsa-md5", Legacy),
        row(RsaPkcs1(Ripemd160), "rsa-ripemd160", "http://www.w3.org/2001/04/xmldsig-more#rsa-ripemd160", Legacy),
        row(RsaPss(Sha1), "rsa-pss-sha1", "http://www.w3.org/2007/05/xmldsig-more#sha1-rsa-MGF1", Legacy),
        row(RsaPss(Sha224), "rsa-pss-sha224", "http://www.w3.org/2007/05/xmldsig-more#sha224-rsa-MGF1", Legacy),
        row(RsaPss(Sha3_224), "rsa-pss-sha3-224", "http://www.w3.org/2007/05/xmldsig-more#sha3-224-rsa-MGF1", Legacy),
        row(RsaPss(Sha3_256), "rsa-pss-sha3-256", "http://www.w3.org/2007/05/xmldsig-more#sha3-256-rsa-MGF1", Legacy),
        row(RsaPss(Sha3_384), "rsa-pss-sha3-384", "http://www.w3.org/2007/05/xmldsig-more#sha3-384-rsa-MGF1", Legacy),
        row(RsaPss(Sha3_512), "rsa-pss-sha3-512", "http://www.w3.org/2007/05/xmldsig-more#sha3-512-rsa-MGF1", Legacy),
        row(RsaPss(Md5), "rsa-pss-md5", "http://www.w3.org/2007/05/xmldsig-more#md5-rsa-MGF1", Legacy),
        row(
            RsaPss(Ripemd160),
            "rsa-pss-ripemd160",
            "http://www.w3.org/2007/05/xmldsig-more#ripemd160-rsa-MGF1",
            Legacy,
        ),
        row(Ecdsa(Sha1), "ecdsa-sha1", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1", Legacy),
        row(Ecdsa(Sha224), "ecdsa-sha224", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha224", Legacy),
        row(Ecdsa(Ripemd160), "ecdsa-ripemd160", "http://www.w3.org/2007/05/xmldsig-more#ecdsa-ripemd160", Legacy),
        row(Ecdsa(Sha3_224), "ecdsa-sha3-224", "http://www.w3.org/2021/04/xmldsig-more#ecdsa-sha3-224", Legacy),
        row(Ecdsa(Sha3_256), "ecdsa-sha3-256", "http://www.w3.org/2021/04/xmldsig-more#ecdsa-sha3-256", Legacy),
        row(Ecdsa(Sha3_384), "ecdsa-sha3-384", "http://www.w3.org/2021/04/xmldsig-more#ecdsa-sha3-384", Legacy),
        row(Ecdsa(Sha3_512), "ecdsa-sha3-512", "http://www.w3.org/2021/04/xmldsig-more#ecdsa-sha3-512", Legacy),
        row(Dsa(Sha1), "dsa-sha1", "http://www.w3.org/2000/09/xmldsig#dsa-sha1", Legacy),
        row(Dsa(Sha256), "dsa-sha256", "http://www.w3.org/2009/xmldsig11#dsa-sha256", Legacy),
        row(Ed448, "eddsa-ed448", "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed448", Legacy),
        row(Hmac(Sha1), "hmac-sha1", "http://www.w3.org/2000/09/xmldsig#hmac-sha1", Legacy),
        row(Hmac(Sha224), "hmac-sha224", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha224", Legacy),
        row(Hmac(Sha256), "hmac-sha256", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256", Legacy),
        row(Hmac(Sha384), "hmac-sha384", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha384", Legacy),
        row(Hmac(Sha512), "hmac-sha512", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha512", Legacy),
        row(Hmac(Md5), "hmac-md5", "http://www.w3.org/2001/04/xmldsig-more#hmac-md5", Legacy),
        row(Hmac(Ripemd160), "hmac-ripemd160", "http://www.w3.org/2001/04/xmldsig-more#hmac-ripemd160", Legacy),
    ]
};

const fn c14n(method: Method, with_comments: bool) -> C14N {
    C14N { method, with_comments }
}

/// `ds:CanonicalizationMethod`.
pub const C14N_METHODS: &[Row<C14N>] = {
    use Method::{Exclusive, Inclusive10, Inclusive11};
    &[
        row(c14n(Exclusive, false), "exc-c14n", "http://www.w3.org/2001/10/xml-exc-c14n#", Serve),
        row(
            c14n(Exclusive, true),
            "exc-c14n-with-comments",
            "http://www.w3.org/2001/10/xml-exc-c14n#WithComments",
            Default,
        ),
        row(c14n(Inclusive10, false), "c14n", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315", Default),
        row(
            c14n(Inclusive10, true),
            "c14n-with-comments",
            "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments",
            Default,
        ),
        row(c14n(Inclusive11, false), "c14n11", "http://www.w3.org/2006/12/xml-c14n11", Default),
        row(
            c14n(Inclusive11, true),
            "c14n11-with-comments",
            "http://www.w3.org/2006/12/xml-c14n11#WithComments",
            Default,
        ),
    ]
};

/// URI of the enveloped-signature transform.
pub const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
/// URI of the STR-Transform.
pub const STR_TRANSFORM: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#STR-Transform";
/// URI of XSLT, which is known and always refused: it is a programming language.
pub const XSLT: &str = "http://www.w3.org/TR/1999/REC-xslt-19991116";

/// `ds:Transform` other than canonicalization.
pub const TRANSFORMS: &[Row<TransformKind>] = &[
    row(TransformKind::Enveloped, "enveloped-signature", ENVELOPED, Serve),
    row(TransformKind::StrTransform, "str-transform", STR_TRANSFORM, Serve),
    row(TransformKind::Base64, "base64", "http://www.w3.org/2000/09/xmldsig#base64", Default),
    row(TransformKind::XPath, "xpath", "http://www.w3.org/TR/1999/REC-xpath-19991116", Default),
    row(TransformKind::XPathFilter2, "xpath2", "http://www.w3.org/2002/06/xmldsig-filter2", Default),
    row(TransformKind::XPointer, "xpointer", "http://www.w3.org/2001/04/xmldsig-more/xptr", Default),
];

/// `xenc:EncryptionMethod` of data.
pub const CIPHERS: &[Row<Cipher>] = &[
    row(Cipher::Aes128Gcm, "aes128-gcm", "http://www.w3.org/2009/xmlenc11#aes128-gcm", Serve),
    row(Cipher::Aes192Gcm, "aes192-gcm", "http://www.w3.org/2009/xmlenc11#aes192-gcm", Serve),
    row(Cipher::Aes256Gcm, "aes256-gcm", "http://www.w3.org/2009/xmlenc11#aes256-gcm", Serve),
    row(Cipher::Aes128Cbc, "aes128-cbc", "http://www.w3.org/2001/04/xmlenc#aes128-cbc", Legacy),
    row(Cipher::Aes192Cbc, "aes192-cbc", "http://www.w3.org/2001/04/xmlenc#aes192-cbc", Legacy),
    row(Cipher::Aes256Cbc, "aes256-cbc", "http://www.w3.org/2001/04/xmlenc#aes256-cbc", Legacy),
    row(Cipher::TripleDesCbc, "tripledes-cbc", "http://www.w3.org/2001/04/xmlenc#tripledes-cbc", Legacy),
    row(Cipher::Camellia128Cbc, "camellia128-cbc", "http://www.w3.org/2001/04/xmldsig-more#camellia128-cbc", Legacy),
    row(Cipher::Camellia192Cbc, "camellia192-cbc", "http://www.w3.org/2001/04/xmldsig-more#camellia192-cbc", Legacy),
    row(Cipher::Camellia256Cbc, "camellia256-cbc", "http://www.w3.org/2001/04/xmldsig-more#camellia256-cbc", Legacy),
    row(Cipher::ChaCha20, "chacha20", "http://www.w3.org/2021/04/xmldsig-more#chacha20", Legacy),
    row(
        Cipher::ChaCha20Poly1305,
        "chacha20-poly1305",
        "http://www.w3.org/2021/04/xmldsig-more#chacha20poly1305",
        Legacy,
    ),
];

/// Key wrap. AES below an agreed key is part of `serve`; that a bare shared key wraps is the policy's matter.
pub const KEY_WRAPS: &[Row<KeyWrap>] = &[
    row(KeyWrap::Aes256, "kw-aes256", "http://www.w3.org/2001/04/xmlenc#kw-aes256", Serve),
    row(KeyWrap::Aes192, "kw-aes192", "http://www.w3.org/2001/04/xmlenc#kw-aes192", Serve),
    row(KeyWrap::Aes128, "kw-aes128", "http://www.w3.org/2001/04/xmlenc#kw-aes128", Serve),
    row(KeyWrap::Aes128Pad, "kw-aes128-pad", "http://www.w3.org/2009/xmlenc11#kw-aes-128-pad", Default),
    row(KeyWrap::Aes192Pad, "kw-aes192-pad", "http://www.w3.org/2009/xmlenc11#kw-aes-192-pad", Default),
    row(KeyWrap::Aes256Pad, "kw-aes256-pad", "http://www.w3.org/2009/xmlenc11#kw-aes-256-pad", Default),
    row(KeyWrap::TripleDes, "kw-tripledes", "http://www.w3.org/2001/04/xmlenc#kw-tripledes", Legacy),
    row(KeyWrap::Camellia128, "kw-camellia128", "http://www.w3.org/2001/04/xmldsig-more#kw-camellia128", Legacy),
    row(KeyWrap::Camellia192, "kw-camellia192", "http://www.w3.org/2001/04/xmldsig-more#kw-camellia192", Legacy),
    row(KeyWrap::Camellia256, "kw-camellia256", "http://www.w3.org/2001/04/xmldsig-more#kw-camellia256", Legacy),
];

/// Key transport.
pub const KEY_TRANSPORTS: &[Row<KeyTransport>] = &[
    row(KeyTransport::RsaOaepMgf1p, "rsa-oaep-mgf1p", "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p", Serve),
    row(KeyTransport::RsaOaep, "rsa-oaep", "http://www.w3.org/2009/xmlenc11#rsa-oaep", Serve),
    row(KeyTransport::Rsa15, "rsa-1_5", "http://www.w3.org/2001/04/xmlenc#rsa-1_5", Legacy),
];

/// Key agreement.
pub const KEY_AGREEMENTS: &[Row<KeyAgreement>] = &[
    row(KeyAgreement::EcdhEs, "ecdh-es", "http://www.w3.org/2009/xmlenc11#ECDH-ES", Serve),
    row(KeyAgreement::X25519, "x25519", "http://www.w3.org/2021/04/xmldsig-more#x25519", Serve),
    row(KeyAgreement::X448, "x448", "http://www.w3.org/2021/04/xmldsig-more#x448", Legacy),
    row(KeyAgreement::DhEs, "dh-es", "http://www.w3.org/2009/xmlenc11#dh-es", Legacy),
    row(KeyAgreement::Dh, "dh", "http://www.w3.org/2001/04/xmlenc#dh", Legacy),
];

/// Key derivation.
pub const KEY_DERIVATIONS: &[Row<KeyDerivation>] = &[
    row(KeyDerivation::ConcatKdf, "concatkdf", "http://www.w3.org/2009/xmlenc11#ConcatKDF", Serve),
    row(KeyDerivation::Hkdf, "hkdf", "http://www.w3.org/2021/04/xmldsig-more#hkdf", Serve),
    row(KeyDerivation::Pbkdf2, "pbkdf2", "http://www.w3.org/2009/xmlenc11#pbkdf2", Legacy),
];

/// A line of [`all`].
pub type Line = (Usage, &'static str, &'static str, Level);

fn lines<T: Copy>(usage: Usage, table: &'static [Row<T>]) -> impl Iterator<Item = Line> {
    table.iter().map(move |row| (usage, row.name, row.uri, row.level))
}

/// Every algorithm, with the place where its URI stands.
pub fn all() -> impl Iterator<Item = Line> {
    lines(Usage::Transform, TRANSFORMS)
        .chain(lines(Usage::C14NMethod, C14N_METHODS))
        .chain(lines(Usage::DigestMethod, DIGESTS))
        .chain(lines(Usage::SignatureMethod, SIGNATURES))
        .chain(lines(Usage::EncryptionMethod, CIPHERS))
        .chain(lines(Usage::KeyWrap, KEY_WRAPS))
        .chain(lines(Usage::KeyTransport, KEY_TRANSPORTS))
        .chain(lines(Usage::KeyAgreement, KEY_AGREEMENTS))
        .chain(lines(Usage::KeyDerivation, KEY_DERIVATIONS))
        .chain(lines(Usage::OaepDigest, OAEP_DIGESTS))
        .chain(lines(Usage::KdfDigest, KDF_DIGESTS))
        .chain(lines(Usage::MaskGeneration, MASK_GENERATIONS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_means_one_thing_in_one_place() {
        let mut seen = std::collections::HashSet::new();
        for (usage, name, uri, _) in all() {
            assert!(seen.insert((usage, uri)), "{name} {uri} stands twice under {usage:?}");
        }
    }

    #[test]
    fn old_algorithms_are_never_part_of_serve() {
        // Design 2.2: what is not listed there is refused.
        let words = [
            "sha1",
            "md5",
            "ripemd160",
            "sha224",
            "sha3-",
            "dsa-sha1",
            "hmac-sha1",
            "hmac-sha224",
            "cbc",
            "tripledes",
            "1_5",
            "448",
            "camellia",
            "chacha",
        ];
        for (usage, name, uri, level) in all() {
            let old = words.iter().any(|word| name.contains(word));
            if old && level == Level::Serve {
                assert_eq!((usage, name), (Usage::OaepDigest, "sha1"), "{uri}");
            }
        }
    }
}
