//! `ds:Signature` and `ds:SignedInfo` (XML Signature 1.1 §4): structure, algorithms and bounds, before any cryptography.

use super::error::Error;
use super::key_info::KeyInfo;
use super::reference::Reference;
use crate::xml::c14n::{self, NodeSet, Settings};
use crate::xml::{Document, NodeId, ns};
use crate::xmlsec::algorithm::{C14N, Digest, Level, SignatureMethod};
use crate::xmlsec::key::VerifyingKey;
use crate::xmlsec::policy::{Policy, Refused};
use crate::xmlsec::provider::signature::Scheme;
use crate::xmlsec::read::{self, BadStructure};

/// Namespace of `RSAPSSParams` (RFC 9231 §2.3.9).
const PSS: &str = "http://www.w3.org/2007/05/xmldsig-more#";

/// A canonicalization with its PrefixList.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canonicalization {
    /// Which.
    pub c14n: C14N,
    /// `InclusiveNamespaces` PrefixList, `#default` as "".
    pub prefixes: Vec<String>,
}

impl Canonicalization {
    /// Without PrefixList.
    #[must_use]
    pub fn plain(c14n: C14N) -> Self {
        Self { c14n, prefixes: Vec::new() }
    }

    /// Reads the parameters of the CanonicalizationMethod or Transform `node`.
    pub(crate) fn parse(document: &Document, node: NodeId, c14n: C14N) -> Result<Self, BadStructure> {
        let mut prefixes = Vec::new();
        let mut seen = false;
        for child in read::elements(document, node)? {
            let fits = c14n.method == c14n::Method::Exclusive
                && document.is(child, ns::EXC_C14N, "InclusiveNamespaces")
                && !seen;
            if !fits {
                return Err(BadStructure::new(document, node, "expected no parameters but one InclusiveNamespaces"));
            }
            seen = true;
            let list = document.attribute(child, "", "PrefixList").unwrap_or_default();
            prefixes.extend(list.split_ascii_whitespace().map(|p| if p == "#default" { "" } else { p }.to_owned()));
        }
        Ok(Self { c14n, prefixes })
    }

    /// Appends the canonical form of `nodes` to `out`.
    pub(crate) fn apply(
        &self,
        document: &Document,
        nodes: &NodeSet,
        policy: &Policy,
        out: &mut Vec<u8>,
    ) -> Result<(), c14n::Error> {
        let prefixes: Vec<&str> = self.prefixes.iter().map(String::as_str).collect();
        let settings =
            Settings { method: self.c14n.method, with_comments: self.c14n.with_comments, prefixes: &prefixes };
        c14n::canonicalize(document, nodes, &settings, out)?;
        if out.len() > policy.canonical_bytes_max {
            return Err(c14n::Error::TooLong { limit: policy.canonical_bytes_max });
        }
        Ok(())
    }
}

/// A `ds:Signature` whose structure, algorithms and bounds are in order. Nothing is computed yet.
#[derive(Clone, Debug)]
pub struct Signature {
    node: NodeId,
    signed_info: NodeId,
    canonicalization: Canonicalization,
    method: SignatureMethod,
    scheme: Scheme,
    references: Vec<Reference>,
    value: Vec<u8>,
    key_info: Option<KeyInfo>,
    objects: Vec<NodeId>,
}

impl Signature {
    /// Reads the `ds:Signature` at `node`.
    ///
    /// # Errors
    /// [`Error::Structure`], [`Error::Refused`], [`Error::Limit`]: nothing was computed.
    pub fn parse(document: &Document, node: NodeId, policy: &Policy) -> Result<Self, Error> {
        if !document.is(node, ns::DS, "Signature") {
            return Err(BadStructure::new(document, node, "expected ds:Signature").into());
        }
        let children = read::elements(document, node)?;
        let mut rest = children.iter().copied().peekable();
        let signed_info = expect(document, node, rest.next(), "SignedInfo", "first child")?;
        let value_node = expect(document, node, rest.next(), "SignatureValue", "second child")?;
        let key_info_node = rest.next_if(|child| document.is(*child, ns::DS, "KeyInfo"));
        let mut objects = Vec::new();
        for child in rest {
            objects.push(expect(document, node, Some(child), "Object", "child after KeyInfo")?);
        }

        let parts = read::elements(document, signed_info)?;
        let mut parts = parts.into_iter();
        let c14n_node = expect(document, signed_info, parts.next(), "CanonicalizationMethod", "first child")?;
        let c14n = policy
            .c14n(read::algorithm(document, c14n_node)?)
            .map_err(|refused| Error::refused(refused, document.position(c14n_node)))?;
        let canonicalization = Canonicalization::parse(document, c14n_node, c14n)?;
        let method_node = expect(document, signed_info, parts.next(), "SignatureMethod", "second child")?;
        let (method, scheme) = signature_method(document, method_node, policy)?;
        let references = references(document, signed_info, parts, policy)?;

        let value = read::base64(document, value_node)?;
        let key_info = key_info_node.map(|node| KeyInfo::parse(document, node, policy)).transpose()?;
        Ok(Self { node, signed_info, canonicalization, method, scheme, references, value, key_info, objects })
    }

    /// The `ds:Signature` element.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.node
    }
    /// The `ds:SignedInfo` element.
    #[must_use]
    pub fn signed_info(&self) -> NodeId {
        self.signed_info
    }
    /// `ds:CanonicalizationMethod`.
    #[must_use]
    pub fn canonicalization(&self) -> &Canonicalization {
        &self.canonicalization
    }
    /// `ds:SignatureMethod`.
    #[must_use]
    pub fn signature_method(&self) -> SignatureMethod {
        self.method
    }
    /// `ds:SignatureMethod` with its parameters.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }
    /// The References, in order.
    #[must_use]
    pub fn references(&self) -> &[Reference] {
        &self.references
    }
    /// The octets of `ds:SignatureValue`.
    #[must_use]
    pub fn signature_value(&self) -> &[u8] {
        &self.value
    }
    /// `ds:KeyInfo`.
    #[must_use]
    pub fn key_info(&self) -> Option<&KeyInfo> {
        self.key_info.as_ref()
    }
    /// The `ds:Object` elements.
    #[must_use]
    pub fn objects(&self) -> &[NodeId] {
        &self.objects
    }

    /// Appends the octets that the signature value signs to `out`: the canonical form of `ds:SignedInfo`.
    ///
    /// # Errors
    /// [`Error::C14N`].
    pub fn signed_octets(&self, document: &Document, policy: &Policy, out: &mut Vec<u8>) -> Result<(), Error> {
        let nodes = NodeSet::Subtree { root: self.signed_info, except: Vec::new(), comments: true };
        Ok(self.canonicalization.apply(document, &nodes, policy, out)?)
    }

    /// Whether `ds:SignatureValue` is that of `ds:SignedInfo` under `key` (XML Signature §3.2.2). `scratch` is a buffer
    /// that is reused from call to call; it holds the signed octets afterwards.
    ///
    /// # Errors
    /// When it could not be computed: no canonical form, a key of the wrong kind or size.
    pub fn verify_value(
        &self,
        document: &Document,
        key: &VerifyingKey,
        policy: &Policy,
        scratch: &mut Vec<u8>,
    ) -> Result<bool, Error> {
        key.check(policy).map_err(|refused| Error::refused(refused, document.position(self.node)))?;
        scratch.clear();
        self.signed_octets(document, policy, scratch)?;
        Ok(key.verify(self.scheme, scratch, &self.value)?)
    }
}

fn expect(
    document: &Document,
    parent: NodeId,
    child: Option<NodeId>,
    local: &'static str,
    place: &str,
) -> Result<NodeId, BadStructure> {
    match child {
        Some(child) if document.is(child, ns::DS, local) => Ok(child),
        Some(child) => {
            let came = crate::xmlsec::policy::shortened(document.local(child));
            Err(BadStructure::new(document, parent, format!("expected ds:{local} as {place}, found {came}")))
        }
        None => Err(BadStructure::new(document, parent, format!("expected ds:{local} as {place}, found nothing"))),
    }
}

/// `ds:Reference` elements of a `ds:SignedInfo` or `ds:Manifest`.
pub(super) fn references(
    document: &Document,
    parent: NodeId,
    nodes: impl Iterator<Item = NodeId>,
    policy: &Policy,
) -> Result<Vec<Reference>, Error> {
    let mut references = Vec::new();
    for (index, node) in nodes.enumerate() {
        if index >= policy.references_max {
            let limit = policy.references_max;
            return Err(Error::Limit { what: "References of a signature", limit, at: document.position(parent) });
        }
        let node = expect(document, parent, Some(node), "Reference", "further child")?;
        references.push(Reference::parse(document, node, index, policy)?);
    }
    if references.is_empty() {
        return Err(BadStructure::new(document, parent, "expected at least one ds:Reference").into());
    }
    Ok(references)
}

fn signature_method(document: &Document, node: NodeId, policy: &Policy) -> Result<(SignatureMethod, Scheme), Error> {
    let refused = |refused| Error::refused(refused, document.position(node));
    let method = policy.signature(read::algorithm(document, node)?).map_err(refused)?;
    let scheme = match method {
        SignatureMethod::Hmac(digest) => {
            let bits = hmac_output_length(document, node, digest)?;
            policy.hmac_output(digest, bits).map_err(refused)?;
            return Ok((method, Scheme::Hmac { digest, bits: u16::try_from(bits).unwrap_or(u16::MAX) }));
        }
        SignatureMethod::RsaPssParams => return Ok((method, pss_params(document, node, policy)?)),
        SignatureMethod::RsaPkcs1(digest) => Scheme::RsaPkcs1(digest),
        SignatureMethod::RsaPss(digest) => Scheme::rsa_pss(digest),
        SignatureMethod::Ecdsa(digest) => Scheme::Ecdsa { digest, allow_der: policy.allow_der_ecdsa },
        SignatureMethod::Dsa(digest) => Scheme::Dsa(digest),
        SignatureMethod::Ed25519 => Scheme::Ed25519,
        SignatureMethod::Ed448 => Scheme::Ed448,
    };
    read::childless(document, node)?;
    Ok((method, scheme))
}

/// `HMACOutputLength` (§6.3.1); the whole value without it.
fn hmac_output_length(document: &Document, node: NodeId, digest: Digest) -> Result<u32, Error> {
    let full = u32::try_from(digest.size() * 8).unwrap_or(u32::MAX);
    let children = read::elements(document, node)?;
    match children.as_slice() {
        [] => Ok(full),
        [only] if document.is(*only, ns::DS, "HMACOutputLength") => {
            let text = read::leaf(document, *only)?;
            let bits = text.trim().parse().map_err(|_| BadStructure::new(document, *only, "expected a number"))?;
            Ok(bits)
        }
        _ => Err(BadStructure::new(document, node, "expected at most one HMACOutputLength").into()),
    }
}

/// `RSAPSSParams` (RFC 9231 §2.3.9). What is left out is SHA-256, MGF1 with the same digest as the signature, and a salt as
/// long as the digest: so sign and read all that know it.
fn pss_params(document: &Document, node: NodeId, policy: &Policy) -> Result<Scheme, Error> {
    let refused = |refused| Error::refused(refused, document.position(node));
    let digest_of = |node| -> Result<Digest, Error> {
        policy.digest(read::algorithm(document, node)?).map_err(|why| Error::refused(why, document.position(node)))
    };
    let (mut digest, mut mgf, mut salt) = (Digest::Sha256, None, None);
    let params = read::elements(document, node)?;
    match params.as_slice() {
        [] => {}
        [params] if document.is(*params, PSS, "RSAPSSParams") => {
            for child in read::elements(document, *params)? {
                if document.is(child, ns::DS, "DigestMethod") {
                    digest = digest_of(child)?;
                } else if document.is(child, PSS, "MaskGenerationFunction") {
                    let name = document.attribute(child, "", "Algorithm").unwrap_or("");
                    if !name.is_empty() && name != "http://www.w3.org/2007/05/xmldsig-more#MGF1" {
                        let usage = crate::xmlsec::algorithm::Usage::MaskGeneration;
                        return Err(refused(Refused::UnknownAlgorithm { usage, uri: name.to_owned() }));
                    }
                    for inner in read::elements(document, child)? {
                        mgf = Some(digest_of(inner)?);
                    }
                } else if document.is(child, PSS, "SaltLength") {
                    let text = read::leaf(document, child)?;
                    let bad = || BadStructure::new(document, child, "expected a number of octets");
                    salt = Some(text.trim().parse::<u16>().map_err(|_| bad())?);
                } else if document.is(child, PSS, "TrailerField") {
                    if read::leaf(document, child)?.trim() != "1" {
                        return Err(BadStructure::new(document, child, "expected 1").into());
                    }
                } else {
                    return Err(BadStructure::new(document, *params, "unknown parameter").into());
                }
            }
        }
        _ => return Err(BadStructure::new(document, node, "expected at most one RSAPSSParams").into()),
    }
    let usual = u16::try_from(digest.size()).unwrap_or(0);
    let (salt, mgf) = (salt.unwrap_or(usual), mgf.unwrap_or(digest));
    if policy.level() < Level::Legacy && (salt != usual || mgf != digest) {
        return Err(refused(Refused::Parameter {
            what: "RSAPSSParams",
            came: format!("salt of {salt} octets, MGF1 with {}", mgf.name()),
            expected: format!("salt of {usual} octets, MGF1 with {}", digest.name()),
        }));
    }
    Ok(Scheme::RsaPss { digest, mgf, salt })
}
