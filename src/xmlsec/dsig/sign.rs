//! Making a `ds:Signature` (XML Signature 1.1 §3.1).
//!
//! [`write_signature`] writes one over digests that the caller computed, `ds:SignedInfo` in the very octets that are
//! signed: what a gateway needs. [`super::template`] fills the template of a file.

use crate::xml::ns;
use crate::xmlsec::algorithm::{C14N, Digest, SignatureMethod, TransformKind};
use crate::xmlsec::key::{self, SigningKey};
use crate::xmlsec::provider::signature::Scheme;

/// A Reference to write.
#[derive(Clone, Copy, Debug)]
pub struct ReferenceParts<'a> {
    /// URI attribute: `#id`.
    pub uri: &'a str,
    /// Its transforms, in order.
    pub transforms: &'a [TransformParts<'a>],
    /// Digest method.
    pub method: Digest,
    /// Digest over the octets that the transforms give.
    pub digest: &'a [u8],
}

/// A transform to write.
#[derive(Clone, Copy, Debug)]
pub struct TransformParts<'a> {
    /// Which. For STR-Transform the canonicalization within is the exclusive one.
    pub kind: TransformKind,
    /// `InclusiveNamespaces` PrefixList of exclusive C14N; empty for none.
    pub prefixes: &'a str,
}

impl TransformParts<'_> {
    /// Exclusive C14N without comments and without PrefixList.
    pub const EXCLUSIVE: Self = Self { kind: TransformKind::C14N(C14N::EXCLUSIVE), prefixes: "" };
    /// enveloped-signature.
    pub const ENVELOPED: Self = Self { kind: TransformKind::Enveloped, prefixes: "" };
    /// STR-Transform with exclusive C14N.
    pub const STR: Self = Self { kind: TransformKind::StrTransform, prefixes: "" };
}

/// A Signature to write.
#[derive(Clone, Copy, Debug)]
pub struct SignatureParts<'a> {
    /// Id attribute.
    pub id: Option<&'a str>,
    /// Signature method; one with parameters of its own is not written.
    pub method: SignatureMethod,
    /// The References.
    pub references: &'a [ReferenceParts<'a>],
    /// `ds:KeyInfo`, written out with the prefix `ds` and every other prefix declared within; empty for none.
    pub key_info: &'a [u8],
}

/// The scheme of a method without parameters.
#[must_use]
pub fn scheme(method: SignatureMethod) -> Scheme {
    match method {
        SignatureMethod::RsaPkcs1(digest) => Scheme::RsaPkcs1(digest),
        SignatureMethod::RsaPss(digest) => Scheme::rsa_pss(digest),
        SignatureMethod::RsaPssParams => Scheme::rsa_pss(Digest::Sha256),
        SignatureMethod::Ecdsa(digest) => Scheme::Ecdsa { digest, allow_der: false },
        SignatureMethod::Dsa(digest) => Scheme::Dsa(digest),
        SignatureMethod::Hmac(digest) => {
            Scheme::Hmac { digest, bits: u16::try_from(digest.size() * 8).unwrap_or(u16::MAX) }
        }
        SignatureMethod::Ed25519 => Scheme::Ed25519,
        SignatureMethod::Ed448 => Scheme::Ed448,
    }
}

/// The method that suits a key best: RSA with SHA-256, ECDSA with the hash of the curve's size.
#[must_use]
pub fn usual_method(key: &SigningKey) -> SignatureMethod {
    use openssl::nid::Nid;
    use openssl::pkey::Id;
    let Some(private) = key.private() else { return SignatureMethod::Hmac(Digest::Sha256) };
    match private.id() {
        Id::EC => {
            let curve = private.ec_key().ok().and_then(|ec| ec.group().curve_name());
            SignatureMethod::Ecdsa(match curve {
                Some(Nid::SECP384R1) => Digest::Sha384,
                Some(Nid::SECP521R1) => Digest::Sha512,
                _ => Digest::Sha256,
            })
        }
        Id::DSA => SignatureMethod::Dsa(Digest::Sha256),
        Id::ED25519 => SignatureMethod::Ed25519,
        Id::ED448 => SignatureMethod::Ed448,
        Id::RSA_PSS => SignatureMethod::RsaPss(Digest::Sha256),
        _ => SignatureMethod::RsaPkcs1(Digest::Sha256),
    }
}

/// Appends a `ds:Signature` to `out` and signs it. `ds:SignedInfo` stands there in its exclusive canonical form, which
/// is what was signed.
///
/// # Errors
/// [`key::Error`] when the key does not fit the method or OpenSSL fails; `out` then holds a part of it.
pub fn write_signature(parts: &SignatureParts<'_>, key: &SigningKey, out: &mut Vec<u8>) -> Result<(), key::Error> {
    push(out, &["<ds:Signature xmlns:ds=\"", ns::DS, "\""]);
    if let Some(id) = parts.id {
        push(out, &[" Id=\""]);
        escape(id, out);
        push(out, &["\""]);
    }
    push(out, &[">"]);
    let start = out.len();
    write_signed_info(parts, out);
    let value = key.sign(scheme(parts.method), out.get(start..).unwrap_or_default())?;
    push(out, &["<ds:SignatureValue>"]);
    push_base64(&value, out);
    push(out, &["</ds:SignatureValue>"]);
    out.extend_from_slice(parts.key_info);
    push(out, &["</ds:Signature>"]);
    Ok(())
}

fn write_signed_info(parts: &SignatureParts<'_>, out: &mut Vec<u8>) {
    push(out, &["<ds:SignedInfo xmlns:ds=\"", ns::DS, "\"><ds:CanonicalizationMethod Algorithm=\""]);
    push(out, &[C14N::EXCLUSIVE.uri(), "\"></ds:CanonicalizationMethod><ds:SignatureMethod Algorithm=\""]);
    push(out, &[parts.method.uri(), "\"></ds:SignatureMethod>"]);
    for reference in parts.references {
        write_reference(reference, out);
    }
    push(out, &["</ds:SignedInfo>"]);
}

fn write_reference(reference: &ReferenceParts<'_>, out: &mut Vec<u8>) {
    push(out, &["<ds:Reference URI=\""]);
    escape(reference.uri, out);
    push(out, &["\">"]);
    if !reference.transforms.is_empty() {
        push(out, &["<ds:Transforms>"]);
        for transform in reference.transforms {
            write_transform(transform, out);
        }
        push(out, &["</ds:Transforms>"]);
    }
    push(out, &["<ds:DigestMethod Algorithm=\"", reference.method.uri(), "\"></ds:DigestMethod><ds:DigestValue>"]);
    push_base64(reference.digest, out);
    push(out, &["</ds:DigestValue></ds:Reference>"]);
}

fn write_transform(transform: &TransformParts<'_>, out: &mut Vec<u8>) {
    push(out, &["<ds:Transform Algorithm=\"", transform.kind.uri(), "\">"]);
    if transform.kind == TransformKind::StrTransform {
        push(
            out,
            &["<wsse:TransformationParameters xmlns:wsse=\"", ns::WSSE, "\"><ds:CanonicalizationMethod Algorithm=\""],
        );
        push(out, &[C14N::EXCLUSIVE.uri(), "\">"]);
    }
    if !transform.prefixes.is_empty() {
        push(out, &["<ec:InclusiveNamespaces xmlns:ec=\"", ns::EXC_C14N, "\" PrefixList=\""]);
        escape(transform.prefixes, out);
        push(out, &["\"></ec:InclusiveNamespaces>"]);
    }
    if transform.kind == TransformKind::StrTransform {
        push(out, &["</ds:CanonicalizationMethod></wsse:TransformationParameters>"]);
    }
    push(out, &["</ds:Transform>"]);
}

fn push(out: &mut Vec<u8>, pieces: &[&str]) {
    for piece in pieces {
        out.extend_from_slice(piece.as_bytes());
    }
}

fn push_base64(octets: &[u8], out: &mut Vec<u8>) {
    base64_simd::STANDARD.encode_append(octets, out);
}

/// An attribute value as canonical XML writes it.
fn escape(text: &str, out: &mut Vec<u8>) {
    for octet in text.bytes() {
        match octet {
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'"' => out.extend_from_slice(b"&quot;"),
            b'\t' => out.extend_from_slice(b"&#x9;"),
            b'\n' => out.extend_from_slice(b"&#xA;"),
            b'\r' => out.extend_from_slice(b"&#xD;"),
            octet => out.push(octet),
        }
    }
}
