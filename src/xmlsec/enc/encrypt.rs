//! Closing: a fresh content key, an `EncryptedKey` for each recipient, an `EncryptedData` for each thing
//! (XML Encryption 1.1 §4.3). The caller chooses where they stand and how one points to the other.
//!
//! What is written declares its own namespaces, so that it may be put anywhere. Defaults are those of design 2.2: AES-256-GCM;
//! for RSA keys rsa-oaep-mgf1p with SHA-1; for EC keys ECDH-ES, ConcatKDF with SHA-256, kw-aes256.

use openssl::pkey::{Id, PKey, PKeyRef, Public};
use openssl::x509::X509Ref;

use super::decrypt::ContentKey;
use super::encrypted_type::{
    DataMethod, DataType, TYPE_CONTENT, TYPE_ELEMENT, TYPE_ENCRYPTED_KEY, Transport, XMLDSIG_MORE_2021,
};
use super::{Derivation, Error};
use crate::xml::escape::{push_text, push_value};
use crate::xml::ns;
use crate::xmlsec::algorithm::{
    Digest, KDF_HMACS, KeyAgreement, KeyDerivation, KeyTransport, KeyWrap, MASK_GENERATIONS, row_of,
};
use crate::xmlsec::base64;
use crate::xmlsec::dsig::key_value;
use crate::xmlsec::key::public_of;
use crate::xmlsec::provider::digest::md;
use crate::xmlsec::provider::key_agreement::{AgreementKey, Curve, ephemeral_for};
use crate::xmlsec::provider::key_transport::{Oaep, seal_oaep, seal_pkcs1};

/// `wsse11:TokenType` and `ValueType` of a reference to an EncryptedKey (WS-Security 1.1 §7.3).
pub const ENCRYPTED_KEY_TOKEN: &str = "http://docs.oasis-open.org/wss/oasis-wss-soap-message-security-1.1#EncryptedKey";

/// Who can open it.
#[derive(Clone)]
pub struct Recipient {
    key: PKey<Public>,
    key_info: Vec<u8>,
}

impl Recipient {
    /// A public key. `key_info` is what stands inside the `ds:KeyInfo` (of an agreement: the `RecipientKeyInfo`) to say
    /// whose it is; elements that declare their own namespaces.
    #[must_use]
    pub fn new(key: PKey<Public>, key_info: Vec<u8>) -> Self {
        Self { key, key_info }
    }

    /// The key of a certificate, named by the whole certificate.
    ///
    /// # Errors
    /// When OpenSSL cannot read its key.
    pub fn from_certificate(certificate: &X509Ref) -> Result<Self, Error> {
        let mut key_info = Vec::new();
        let der = certificate.to_der().map_err(crate::xmlsec::provider::Error::from)?;
        push(&mut key_info, &["<ds:X509Data xmlns:ds=\"", ns::DS, "\"><ds:X509Certificate>"]);
        base64::encode_into(&der, &mut key_info);
        push(&mut key_info, &["</ds:X509Certificate></ds:X509Data>"]);
        let key = certificate.public_key().map_err(crate::xmlsec::provider::Error::from)?;
        Ok(Self { key, key_info })
    }

    /// A public key of which nothing else is known. One that agrees is named by its value; an RSA key is not named at all,
    /// since xmlsec1 takes a value for the key to decrypt with.
    ///
    /// # Errors
    /// When OpenSSL cannot write it.
    pub fn from_public(key: PKey<Public>) -> Result<Self, Error> {
        if key.id() == Id::RSA {
            return Ok(Self { key, key_info: Vec::new() });
        }
        let declared = format!("<ds:KeyValue xmlns:ds=\"{}\">", ns::DS);
        let key_info = key_value::write(&key)?.replacen("<ds:KeyValue>", &declared, 1).into_bytes();
        Ok(Self { key, key_info })
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &PKeyRef<Public> {
        &self.key
    }

    /// The agreement that its key takes part in.
    ///
    /// # Errors
    /// [`Error::KeyKind`] for RSA keys and keys that only sign.
    pub fn agreement(&self) -> Result<KeyAgreement, Error> {
        agreement_of(Curve::of(&self.key).unwrap_or(Curve::FiniteField))
    }

    /// What stands inside the `ds:KeyInfo` to say whose it is.
    #[must_use]
    pub fn key_info(&self) -> &[u8] {
        &self.key_info
    }
}

/// How a content key is closed for a recipient with a key pair.
#[derive(Clone, Debug)]
pub struct KeyManagement {
    /// For RSA keys.
    pub transport: Transport,
    /// For keys that agree: what makes the wrapping key.
    pub derivation: Derivation,
    /// For keys that agree: what wraps.
    pub wrap: KeyWrap,
}

impl Default for KeyManagement {
    fn default() -> Self {
        let transport = Transport {
            algorithm: KeyTransport::RsaOaepMgf1p,
            digest: Digest::Sha1,
            mgf1: Digest::Sha1,
            label: Vec::new(),
        };
        Self { transport, derivation: concat_kdf(Digest::Sha256, KeyWrap::Aes256), wrap: KeyWrap::Aes256 }
    }
}

/// ConcatKDF whose AlgorithmID is the URI of what the key is for.
#[must_use]
pub fn concat_kdf(digest: Digest, wrap: KeyWrap) -> Derivation {
    Derivation::Concat { digest, other_info: wrap.uri().as_bytes().to_vec() }
}

/// What an `EncryptedKey` carries beside the key.
#[derive(Clone, Copy, Default)]
pub struct EncryptedKeyParts<'a> {
    /// `Id`.
    pub id: Option<&'a str>,
    /// `Recipient`.
    pub recipient: Option<&'a str>,
    /// Ids of the `EncryptedData` that it closes: its `ReferenceList`.
    pub references: &'a [&'a str],
    /// `CarriedKeyName`.
    pub carried_key_name: Option<&'a str>,
}

/// How an `EncryptedData` points to its key.
#[derive(Clone, Copy, Default)]
pub enum KeyReference<'a> {
    /// Not at all: the `ReferenceList` of the key says it.
    #[default]
    None,
    /// `wsse:SecurityTokenReference` to the EncryptedKey of this id.
    SecurityTokenReference(&'a str),
    /// `ds:RetrievalMethod` to the EncryptedKey of this id.
    RetrievalMethod(&'a str),
    /// The EncryptedKey elements themselves.
    Inline(&'a [u8]),
    /// `ds:KeyName`.
    KeyName(&'a str),
}

/// What an `EncryptedData` carries beside the cipher text.
#[derive(Clone, Copy)]
pub struct EncryptedDataParts<'a> {
    /// `Id`.
    pub id: Option<&'a str>,
    /// What the clear text is.
    pub data_type: DataType,
    /// `MimeType`.
    pub mime_type: Option<&'a str>,
    /// How it points to its key.
    pub key_reference: KeyReference<'a>,
}

/// Appends an `EncryptedKey` that closes `content_key` for `recipient`.
///
/// # Errors
/// [`Error::Provider`] when the recipient's key cannot be used; [`Error::KeyKind`] for keys that only sign.
pub fn write_encrypted_key(
    out: &mut Vec<u8>,
    content_key: &ContentKey,
    recipient: &Recipient,
    management: &KeyManagement,
    parts: &EncryptedKeyParts<'_>,
) -> Result<(), Error> {
    push(out, &["<xenc:EncryptedKey xmlns:ds=\"", ns::DS, "\" xmlns:xenc=\"", ns::XENC, "\""]);
    attribute(out, "Id", parts.id);
    attribute(out, "Recipient", parts.recipient);
    push(out, &[">"]);
    let closed = if recipient.key.id() == Id::RSA {
        write_transport(out, content_key, recipient, &management.transport)?
    } else {
        write_agreement(out, content_key, recipient, management)?
    };
    push(out, &["<xenc:CipherData><xenc:CipherValue>"]);
    base64::encode_into(&closed, out);
    push(out, &["</xenc:CipherValue></xenc:CipherData>"]);
    if !parts.references.is_empty() {
        push(out, &["<xenc:ReferenceList>"]);
        for id in parts.references {
            push(out, &["<xenc:DataReference URI=\"#"]);
            push_value(out, id);
            push(out, &["\"></xenc:DataReference>"]);
        }
        push(out, &["</xenc:ReferenceList>"]);
    }
    if let Some(name) = parts.carried_key_name {
        push(out, &["<xenc:CarriedKeyName>"]);
        push_text(out, name);
        push(out, &["</xenc:CarriedKeyName>"]);
    }
    push(out, &["</xenc:EncryptedKey>"]);
    Ok(())
}

fn write_transport(
    out: &mut Vec<u8>,
    content_key: &ContentKey,
    recipient: &Recipient,
    transport: &Transport,
) -> Result<Vec<u8>, Error> {
    push(out, &["<xenc:EncryptionMethod Algorithm=\"", transport.algorithm.uri(), "\">"]);
    if !transport.label.is_empty() {
        push(out, &["<xenc:OAEPparams>"]);
        base64::encode_into(&transport.label, out);
        push(out, &["</xenc:OAEPparams>"]);
    }
    if transport.algorithm != KeyTransport::Rsa15 {
        push(out, &["<ds:DigestMethod Algorithm=\"", transport.digest.uri(), "\"></ds:DigestMethod>"]);
    }
    if transport.algorithm == KeyTransport::RsaOaep {
        let mgf = row_of(MASK_GENERATIONS, transport.mgf1)
            .ok_or(Error::KeyKind { expected: "an MGF1 digest that has a URI" })?;
        push(out, &["<xenc11:MGF xmlns:xenc11=\"", ns::XENC11, "\" Algorithm=\"", mgf.uri, "\"></xenc11:MGF>"]);
    }
    push(out, &["</xenc:EncryptionMethod>"]);
    if !recipient.key_info.is_empty() {
        push(out, &["<ds:KeyInfo>"]);
        out.extend_from_slice(&recipient.key_info);
        push(out, &["</ds:KeyInfo>"]);
    }
    seal_transport(transport, recipient.key(), content_key)
}

/// The cipher text of `content_key` under an RSA key.
pub(super) fn seal_transport(
    transport: &Transport,
    key: &PKeyRef<Public>,
    content_key: &ContentKey,
) -> Result<Vec<u8>, Error> {
    if key.id() != Id::RSA {
        return Err(Error::KeyKind { expected: "an RSA public key" });
    }
    if transport.algorithm == KeyTransport::Rsa15 {
        return Ok(seal_pkcs1(key, content_key.octets())?);
    }
    let oaep = Oaep { digest: md(transport.digest), mgf1: md(transport.mgf1), label: &transport.label };
    Ok(seal_oaep(key, content_key.octets(), &oaep)?)
}

fn write_agreement(
    out: &mut Vec<u8>,
    content_key: &ContentKey,
    recipient: &Recipient,
    management: &KeyManagement,
) -> Result<Vec<u8>, Error> {
    let ours = ephemeral_for(&recipient.key)?;
    let wrap = management.wrap;
    let secret = ours.agree(&recipient.key)?;
    let kek = management.derivation.derive(&secret, wrap.uri(), wrap.key_size())?;
    push(out, &["<xenc:EncryptionMethod Algorithm=\"", wrap.uri(), "\"></xenc:EncryptionMethod><ds:KeyInfo>"]);
    push(out, &["<xenc:AgreementMethod Algorithm=\"", agreement_of(ours.curve())?.uri(), "\">"]);
    write_derivation(out, &management.derivation, wrap.key_size())?;
    push(out, &["<xenc:OriginatorKeyInfo>"]);
    write_public(out, &ours)?;
    push(out, &["</xenc:OriginatorKeyInfo>"]);
    if !recipient.key_info.is_empty() {
        push(out, &["<xenc:RecipientKeyInfo>"]);
        out.extend_from_slice(&recipient.key_info);
        push(out, &["</xenc:RecipientKeyInfo>"]);
    }
    push(out, &["</xenc:AgreementMethod></ds:KeyInfo>"]);
    Ok(wrap.wrap_key(&kek, content_key.octets())?)
}

fn agreement_of(curve: Curve) -> Result<KeyAgreement, Error> {
    match curve {
        Curve::P256 | Curve::P384 | Curve::P521 => Ok(KeyAgreement::EcdhEs),
        Curve::X25519 => Ok(KeyAgreement::X25519),
        Curve::X448 => Ok(KeyAgreement::X448),
        // Other curves are read in old files, and written nowhere.
        Curve::Other(_) | Curve::FiniteField => {
            Err(Error::KeyKind { expected: "an RSA, P-256, P-384, P-521, X25519 or X448 key" })
        }
    }
}

fn write_derivation(out: &mut Vec<u8>, derivation: &Derivation, key_bytes: usize) -> Result<(), Error> {
    let method = |which: KeyDerivation| {
        ["<xenc11:KeyDerivationMethod xmlns:xenc11=\"", ns::XENC11, "\" Algorithm=\"", which.uri(), "\">"]
    };
    let prf = |digest| {
        row_of(KDF_HMACS, digest).map(|row| row.uri).ok_or(Error::KeyKind { expected: "a digest whose HMAC has a URI" })
    };
    match derivation {
        Derivation::Concat { digest, other_info } => {
            push(out, &method(KeyDerivation::ConcatKdf));
            // The whole of the other information goes into AlgorithmID: the hash sees the same octets.
            push(out, &["<xenc11:ConcatKDFParams AlgorithmID=\"00", &hex(other_info)]);
            push(out, &["\" PartyUInfo=\"00\" PartyVInfo=\"00\"><ds:DigestMethod Algorithm=\"", digest.uri()]);
            push(out, &["\"></ds:DigestMethod></xenc11:ConcatKDFParams>"]);
        }
        Derivation::Hkdf { digest, salt, info, .. } => {
            push(out, &method(KeyDerivation::Hkdf));
            push(
                out,
                &["<more:HKDFParams xmlns:more=\"", XMLDSIG_MORE_2021, "\"><more:PRF Algorithm=\"", prf(*digest)?],
            );
            push(out, &["\"></more:PRF>"]);
            for (name, octets) in [("Salt", salt), ("Info", info)] {
                if !octets.is_empty() {
                    push(out, &["<more:", name, ">", &base64::encode(octets), "</more:", name, ">"]);
                }
            }
            push(out, &["<more:KeyLength>", &key_bytes.to_string(), "</more:KeyLength></more:HKDFParams>"]);
        }
        Derivation::Pbkdf2 { digest, salt, iterations, .. } => {
            push(out, &method(KeyDerivation::Pbkdf2));
            push(out, &["<xenc11:PBKDF2-params><xenc11:Salt><xenc11:Specified>", &base64::encode(salt)]);
            push(out, &["</xenc11:Specified></xenc11:Salt><xenc11:IterationCount>", &iterations.to_string()]);
            push(out, &["</xenc11:IterationCount><xenc11:KeyLength>", &key_bytes.to_string()]);
            push(out, &["</xenc11:KeyLength><xenc11:PRF Algorithm=\"", prf(*digest)?]);
            push(out, &["\"></xenc11:PRF></xenc11:PBKDF2-params>"]);
        }
        Derivation::LegacyDh { .. } => return Err(Error::KeyKind { expected: "ConcatKDF, HKDF or PBKDF2" }),
    }
    push(out, &["</xenc11:KeyDerivationMethod>"]);
    Ok(())
}

/// A NIST key as ECKeyValue, which every stack knows; the others have no such form.
pub(super) fn write_public(out: &mut Vec<u8>, key: &AgreementKey) -> Result<(), Error> {
    push(out, &[&key_value::write(&*public_of(key.key())?)?]);
    Ok(())
}

/// Appends an `EncryptedData` that closes `clear` under `key`.
///
/// # Errors
/// [`Error::Provider`] when the key has another size than the cipher wants.
pub fn write_encrypted_data(
    out: &mut Vec<u8>,
    clear: &[u8],
    key: &ContentKey,
    method: &DataMethod,
    parts: &EncryptedDataParts<'_>,
) -> Result<(), Error> {
    let closed = method.cipher.seal(key.octets(), clear, &method.stream)?;
    out.reserve(closed.len() / 3 * 4 + 1024);
    push(out, &["<xenc:EncryptedData xmlns:xenc=\"", ns::XENC, "\""]);
    attribute(out, "Id", parts.id);
    attribute(out, "MimeType", parts.mime_type);
    match parts.data_type {
        DataType::Element => attribute(out, "Type", Some(TYPE_ELEMENT)),
        DataType::Content => attribute(out, "Type", Some(TYPE_CONTENT)),
        DataType::Octets => {}
    }
    push(out, &["><xenc:EncryptionMethod Algorithm=\"", method.cipher.uri(), "\">"]);
    write_stream(out, method);
    push(out, &["</xenc:EncryptionMethod>"]);
    write_key_reference(out, parts.key_reference);
    push(out, &["<xenc:CipherData><xenc:CipherValue>"]);
    base64::encode_into(&closed, out);
    push(out, &["</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData>"]);
    Ok(())
}

fn write_stream(out: &mut Vec<u8>, method: &DataMethod) {
    for (name, octets) in [("Nonce", &method.stream.nonce), ("Counter", &method.stream.counter)] {
        if !octets.is_empty() {
            push(
                out,
                &["<more:", name, " xmlns:more=\"", XMLDSIG_MORE_2021, "\">", &hex(octets), "</more:", name, ">"],
            );
        }
    }
}

fn write_key_reference(out: &mut Vec<u8>, reference: KeyReference<'_>) {
    if matches!(reference, KeyReference::None) {
        return;
    }
    push(out, &["<ds:KeyInfo xmlns:ds=\"", ns::DS, "\">"]);
    match reference {
        KeyReference::None => {}
        KeyReference::SecurityTokenReference(id) => {
            push(out, &["<wsse:SecurityTokenReference xmlns:wsse=\"", ns::WSSE, "\" xmlns:wsse11=\"", ns::WSSE11]);
            push(out, &["\" wsse11:TokenType=\"", ENCRYPTED_KEY_TOKEN, "\"><wsse:Reference URI=\"#"]);
            push_value(out, id);
            push(out, &["\"></wsse:Reference></wsse:SecurityTokenReference>"]);
        }
        KeyReference::RetrievalMethod(id) => {
            push(out, &["<ds:RetrievalMethod Type=\"", TYPE_ENCRYPTED_KEY, "\" URI=\"#"]);
            push_value(out, id);
            push(out, &["\"></ds:RetrievalMethod>"]);
        }
        KeyReference::Inline(keys) => out.extend_from_slice(keys),
        KeyReference::KeyName(name) => {
            push(out, &["<ds:KeyName>"]);
            push_text(out, name);
            push(out, &["</ds:KeyName>"]);
        }
    }
    push(out, &["</ds:KeyInfo>"]);
}

fn push(out: &mut Vec<u8>, pieces: &[&str]) {
    pieces.iter().for_each(|piece| out.extend_from_slice(piece.as_bytes()));
}

fn attribute(out: &mut Vec<u8>, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        push(out, &[" ", name, "=\""]);
        push_value(out, value);
        push(out, &["\""]);
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::with_capacity(octets.len() * 2), |mut text, octet| {
        for digit in [octet >> 4, octet & 15] {
            text.push(char::from_digit(u32::from(digit), 16).map_or('0', |digit| digit.to_ascii_uppercase()));
        }
        text
    })
}
