//! `ds:Reference` (XML Signature 1.1 §4.4.3): what it points at, and the digest of it.

use std::collections::HashMap;

use super::error::Error;
use super::ids::IdIndex;
use super::key_info::RetrievalMethod;
use super::token::TokenResolver;
use super::transform::{self, Data, Holder, Transform};
use crate::xml::c14n::NodeSet;
use crate::xml::{Document, NodeId, ns};
use crate::xmlsec::algorithm::{Digest, Level};
use crate::xmlsec::policy::{Policy, Refused, shortened};
use crate::xmlsec::provider::digest::{self, DigestValue};
use crate::xmlsec::read::{self, BadStructure};

/// What a URI attribute points at (§4.4.3.2, §4.4.3.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// No URI attribute: the application would have to know.
    Absent,
    /// `""`, or `#xpointer(/)` with comments.
    WholeDocument {
        /// Whether comments belong to it.
        comments: bool,
    },
    /// `#id`, or `#xpointer(id('id'))` with comments.
    Id {
        /// The id.
        id: String,
        /// Whether comments belong to it.
        comments: bool,
    },
    /// Anything outside the document, with its fragment.
    External(String),
    /// `#xpointer(...)` of another form.
    UnsupportedPointer(String),
}

impl Target {
    /// What `uri` points at.
    #[must_use]
    pub fn parse(uri: Option<&str>) -> Self {
        let Some(uri) = uri else { return Self::Absent };
        if uri.is_empty() {
            return Self::WholeDocument { comments: false };
        }
        let Some(fragment) = uri.strip_prefix('#') else { return Self::External(uri.to_owned()) };
        if fragment.starts_with("xpointer(") || fragment.starts_with("xmlns(") || fragment.starts_with("element(") {
            return Self::parse_pointer(fragment);
        }
        Self::Id { id: fragment.to_owned(), comments: false }
    }

    /// The two XPointers that XML Signature recommends: `xpointer(/)` and `xpointer(id('ID'))`.
    #[must_use]
    pub fn parse_pointer(pointer: &str) -> Self {
        let inner = pointer.trim().strip_prefix("xpointer(").and_then(|rest| rest.strip_suffix(')')).map(str::trim);
        if inner == Some("/") {
            return Self::WholeDocument { comments: true };
        }
        let argument =
            inner.and_then(|inner| inner.strip_prefix("id(")).and_then(|rest| rest.strip_suffix(')')).map(str::trim);
        let id = argument.and_then(|quoted| {
            let quote = quoted.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
            quoted.strip_prefix(quote)?.strip_suffix(quote).filter(|id| !id.contains(quote))
        });
        match id {
            Some(id) => Self::Id { id: id.to_owned(), comments: true },
            None => Self::UnsupportedPointer(shortened(pointer)),
        }
    }
}

/// Octets that stand for URIs outside the document. Nothing is ever fetched.
pub type UrlMap = HashMap<String, Vec<u8>>;

/// What dereferencing and transforming need to know.
pub struct Context<'a> {
    /// The document that holds the signature.
    pub document: &'a Document,
    /// Its ids.
    pub ids: &'a IdIndex,
    /// What the document may use.
    pub policy: &'a Policy,
    /// Answers for URIs outside the document.
    pub urls: &'a UrlMap,
    /// Answers for `wsse:SecurityTokenReference` (STR-Transform).
    pub tokens: Option<&'a dyn TokenResolver>,
}

/// A `ds:Reference` whose structure and algorithms are in order.
#[derive(Clone, Debug)]
pub struct Reference {
    node: NodeId,
    index: usize,
    uri: Option<String>,
    target: Target,
    type_uri: Option<String>,
    transforms: Vec<Transform>,
    method: Digest,
    expected: Vec<u8>,
}

/// What the digest of a Reference came to.
#[derive(Clone, Debug)]
pub struct Digested {
    /// Computed over the octets that the transforms gave.
    pub computed: DigestValue,
    /// Whether it equals `ds:DigestValue`.
    pub matches: bool,
    /// The element or document node that the URI led to; none for octets from outside.
    pub target: Option<NodeId>,
    /// The nodes of the document that were digested, as the last transform that worked on nodes left them; none for
    /// octets from outside.
    pub covered: Option<NodeSet>,
    /// Octets digested.
    pub size: usize,
}

impl Reference {
    pub(super) fn parse(document: &Document, node: NodeId, index: usize, policy: &Policy) -> Result<Self, Error> {
        let uri = document.attribute(node, "", "URI").map(str::to_owned);
        let target = Target::parse(uri.as_deref());
        let type_uri = document.attribute(node, "", "Type").map(str::to_owned);
        let children = read::elements(document, node)?;
        let mut rest = children.as_slice();
        let mut transforms = Vec::new();
        if let Some((first, others)) = rest.split_first()
            && document.is(*first, ns::DS, "Transforms")
        {
            transforms = Transform::parse_all(document, *first, policy)?;
            rest = others;
        }
        let &[method_node, value_node] = rest else {
            return Err(BadStructure::new(document, node, "expected Transforms, DigestMethod, DigestValue").into());
        };
        if !document.is(method_node, ns::DS, "DigestMethod") || !document.is(value_node, ns::DS, "DigestValue") {
            return Err(BadStructure::new(document, node, "expected Transforms, DigestMethod, DigestValue").into());
        }
        let method = policy
            .digest(read::algorithm(document, method_node)?)
            .map_err(|refused| Error::refused(refused, document.position(method_node)))?;
        read::childless(document, method_node)?;
        let expected = read::base64(document, value_node)?;
        let reference = Self { node, index, uri, target, type_uri, transforms, method, expected };
        reference.allowed_in_serve(document, policy)?;
        Ok(reference)
    }

    /// `serve` knows three shapes only: exclusive C14N, that after enveloped-signature, STR-Transform; always of `#id`.
    fn allowed_in_serve(&self, document: &Document, policy: &Policy) -> Result<(), Error> {
        use crate::xmlsec::algorithm::TransformKind::{C14N, Enveloped, StrTransform};
        if policy.level() > Level::Serve {
            return Ok(());
        }
        let kinds: Vec<_> = self.transforms.iter().map(Transform::kind).collect();
        let shape = matches!(kinds.as_slice(), [C14N(_)] | [Enveloped, C14N(_)] | [StrTransform]);
        let target = matches!(self.target, Target::Id { comments: false, .. });
        if shape && target {
            return Ok(());
        }
        let refused = Refused::Parameter {
            what: "Reference",
            came: format!("{} with {} transforms", shortened(self.uri()), kinds.len()),
            expected: "#id with exclusive C14N, enveloped-signature and exclusive C14N, or STR-Transform".to_owned(),
        };
        Err(Error::refused(refused, document.position(self.node)))
    }

    /// The element.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.node
    }
    /// Its place among the References, from 0.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }
    /// The URI; "" also where the attribute is missing.
    #[must_use]
    pub fn uri(&self) -> &str {
        self.uri.as_deref().unwrap_or("")
    }
    /// What the URI points at.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }
    /// The Type attribute.
    #[must_use]
    pub fn type_uri(&self) -> Option<&str> {
        self.type_uri.as_deref()
    }
    /// The transforms, in order.
    #[must_use]
    pub fn transforms(&self) -> &[Transform] {
        &self.transforms
    }
    /// `ds:DigestMethod`.
    #[must_use]
    pub fn digest_method(&self) -> Digest {
        self.method
    }
    /// The octets of `ds:DigestValue`.
    #[must_use]
    pub fn expected(&self) -> &[u8] {
        &self.expected
    }

    /// The element that the URI points at; none when it points at no element of this document.
    ///
    /// # Errors
    /// [`Error::Id`] when the id leads to none or to two.
    pub fn element(&self, document: &Document, ids: &IdIndex) -> Result<Option<NodeId>, Error> {
        match &self.target {
            Target::Id { id, .. } => Ok(Some(find(document, ids, self.uri(), id)?)),
            Target::WholeDocument { .. } => Ok(Some(document.root())),
            _ => Ok(None),
        }
    }

    /// Dereferences, transforms and digests (§3.2.1). `scratch` is a buffer that is reused from call to call; it holds the
    /// digested octets afterwards.
    ///
    /// # Errors
    /// When it could not be computed. A digest that differs is no error.
    pub fn digest(&self, context: &Context<'_>, signature: NodeId, scratch: &mut Vec<u8>) -> Result<Digested, Error> {
        let start = dereference(&self.target, self.uri(), context)?;
        let target = start.root_here();
        let covered = transform::run(start, &self.transforms, context, signature, scratch)?;
        let computed = digest::digest(self.method, scratch)?;
        let matches = computed.len() == self.expected.len() && openssl::memcmp::eq(&computed, &self.expected);
        Ok(Digested { computed, matches, target, covered, size: scratch.len() })
    }
}

fn find(document: &Document, ids: &IdIndex, uri: &str, id: &str) -> Result<NodeId, Error> {
    ids.get(document, id).map_err(|source| Error::Id { uri: shortened(uri), source })
}

/// What `target` points at: nodes of the document, or octets that the caller mapped.
pub(super) fn dereference<'a>(target: &Target, uri: &str, context: &Context<'a>) -> Result<Data<'a>, Error> {
    let document = context.document;
    match target {
        // §4.4.3.1 leaves it to the application what a missing URI means. Here, as elsewhere, the document; never in `serve`.
        Target::Absent => Ok(Data::of(document, document.root(), false)),
        Target::WholeDocument { comments } => Ok(Data::of(document, document.root(), *comments)),
        Target::Id { id, comments } => Ok(Data::of(document, find(document, context.ids, uri, id)?, *comments)),
        Target::External(uri) => external(uri, context),
        Target::UnsupportedPointer(pointer) => Err(unsupported(pointer)),
    }
}

fn unsupported(pointer: &str) -> Error {
    let why = "of XPointer only xpointer(/) and xpointer(id('...')) are implemented";
    Error::UnsupportedReference { uri: shortened(pointer), why }
}

/// The octets that the caller mapped to `uri`; of a URI with a fragment, else, the part of the document mapped to what
/// stands before the `#` (§4.4.3.2). Ids there are told as they are here.
fn external<'a>(uri: &str, context: &Context<'a>) -> Result<Data<'a>, Error> {
    let nowhere = || Error::External { uri: shortened(uri) };
    let mapped = |uri: &str| context.urls.get(uri).filter(|_| context.policy.allows_external_references());
    if let Some(octets) = mapped(uri) {
        transform::charge(context, octets.len())?;
        return Ok(Data::Octets(octets.clone()));
    }
    let (file, _) = uri.split_once('#').ok_or_else(nowhere)?;
    let octets = mapped(file).ok_or_else(nowhere)?;
    transform::charge(context, octets.len())?;
    let document = transform::parse_octets(octets.clone(), context)?;
    let (root, comments) = match Target::parse(uri.get(file.len()..)) {
        Target::WholeDocument { comments } => (document.root(), comments),
        Target::Id { id, comments } => {
            let ids = IdIndex::build(&document, context.ids.attributes());
            (find(&document, &ids, uri, &id)?, comments)
        }
        Target::Absent | Target::External(_) | Target::UnsupportedPointer(_) => return Err(unsupported(uri)),
    };
    Ok(Data::of_parsed(document, root, comments))
}

/// The octets that a `CipherReference` leads to: its URI and its `Transforms` mean what those of a Reference mean (XML
/// Encryption 1.1 §3.3.1). `node` is what an enveloped-signature transform would leave out.
///
/// # Errors
/// When it leads nowhere, or a transform fails.
pub(crate) fn cipher_octets(
    context: &Context<'_>,
    uri: &str,
    transforms: Option<NodeId>,
    node: NodeId,
) -> Result<Vec<u8>, Error> {
    let transforms = transforms.map(|list| Transform::parse_all(context.document, list, context.policy)).transpose()?;
    let start = dereference(&Target::parse(Some(uri)), uri, context)?;
    let mut out = Vec::new();
    transform::run(start, &transforms.unwrap_or_default(), context, node, &mut out)?;
    Ok(out)
}

/// The element of this document that a `ds:RetrievalMethod` leads to: the topmost that its transforms leave. `node` is
/// what an enveloped-signature transform would leave out.
///
/// # Errors
/// When it leads nowhere or out of the document, or a transform fails.
pub(crate) fn retrieved_element(
    context: &Context<'_>,
    method: &RetrievalMethod,
    node: NodeId,
) -> Result<NodeId, Error> {
    let start = dereference(&Target::parse(Some(&method.uri)), &method.uri, context)?;
    let leads = |why| Error::UnsupportedReference { uri: shortened(&method.uri), why };
    match transform::run_to_nodes(start, &method.transforms, context, node)? {
        (Holder::Main(document), nodes) => {
            transform::apex(document, &nodes).ok_or_else(|| leads("it leads to no element"))
        }
        (Holder::Parsed(_), _) => Err(leads("it leads out of the document")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_mean_what_the_specification_says() {
        let id = |id: &str, comments| Target::Id { id: id.to_owned(), comments };
        assert_eq!(Target::parse(None), Target::Absent);
        assert_eq!(Target::parse(Some("")), Target::WholeDocument { comments: false });
        assert_eq!(Target::parse(Some("#xpointer(/)")), Target::WholeDocument { comments: true });
        assert_eq!(Target::parse(Some("#a")), id("a", false));
        assert_eq!(Target::parse(Some("#xpointer(id('a'))")), id("a", true));
        assert_eq!(Target::parse(Some("#xpointer(id(\"a\"))")), id("a", true));
        assert!(matches!(Target::parse(Some("#xpointer(id('a') | //b)")), Target::UnsupportedPointer(_)));
        assert!(matches!(Target::parse(Some("#xpointer(id('a'),id('b'))")), Target::UnsupportedPointer(_)));
        assert_eq!(Target::parse(Some("http://a/b#c")), Target::External("http://a/b#c".to_owned()));
    }
}
