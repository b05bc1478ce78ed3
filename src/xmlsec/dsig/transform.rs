//! `ds:Transforms` (XML Signature 1.1 §4.4.3.4, §6.6; XPath Filter 2.0; WS-Security 1.1 §8.3).
//!
//! A transform works on octets or on nodes; between two that disagree the conversion of §4.4.3.2 takes place: nodes
//! become octets by Canonical XML 1.0 without comments, octets become nodes by parsing. XSLT is refused by the policy.

use std::cell::Cell;
use std::rc::Rc;

use super::error::Error;
use super::ids::IdIndex;
use super::reference::{Context, Target, dereference};
use super::signature::Canonicalization;
use super::token::{self, Token};
use crate::xml::c14n::{ExplicitSet, NodeSet};
use crate::xml::xpath::{self, Environment, Expression, Item};
use crate::xml::{Document, Kind, NodeId, ns};
use crate::xmlsec::algorithm::{C14N, Level, TransformKind};
use crate::xmlsec::policy::{Policy, shortened};
use crate::xmlsec::read::{self, BadStructure};

/// Namespace of XPath Filter 2.0.
const FILTER2: &str = "http://www.w3.org/2002/06/xmldsig-filter2";
/// Namespace of the XPointer transform.
const XPTR: &str = "http://www.w3.org/2001/04/xmldsig-more/xptr";

/// A `ds:Transform` with its parameters.
#[derive(Clone, Debug)]
pub enum Transform {
    /// Canonical XML.
    C14N(Canonicalization),
    /// Leaves out the Signature that holds this Reference.
    Enveloped,
    /// Decodes base64.
    Base64,
    /// Keeps the nodes for which the expression is true.
    XPath {
        /// `ds:XPath`: its namespaces are those of the expression.
        node: NodeId,
        /// The expression.
        expression: String,
    },
    /// Intersects with, subtracts or joins subtrees, in order.
    XPathFilter2(Vec<Filter>),
    /// An XPointer of the forms that a Reference may use.
    XPointer(Target),
    /// Puts the token in the place of the reference to it, then canonicalizes.
    StrTransform(Canonicalization),
}

/// One `XPath` of XPath Filter 2.0.
#[derive(Clone, Debug)]
pub struct Filter {
    /// What is done with the subtrees.
    pub operation: FilterOperation,
    /// `XPath` of the filter: its namespaces are those of the expression.
    pub node: NodeId,
    /// The expression.
    pub expression: String,
}

/// `Filter` attribute of XPath Filter 2.0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FilterOperation {
    /// Keep only what lies in the subtrees.
    Intersect,
    /// Take the subtrees out.
    Subtract,
    /// Put the subtrees in.
    Union,
}

impl Transform {
    /// Reads `ds:Transforms`.
    pub(super) fn parse_all(document: &Document, node: NodeId, policy: &Policy) -> Result<Vec<Self>, Error> {
        let children = read::elements(document, node)?;
        if children.is_empty() {
            return Err(BadStructure::new(document, node, "expected at least one Transform").into());
        }
        if children.len() > policy.transforms_max {
            let limit = policy.transforms_max;
            return Err(Error::Limit { what: "Transforms of a Reference", limit, at: document.position(node) });
        }
        children.into_iter().map(|child| Self::parse(document, child, policy)).collect()
    }

    fn parse(document: &Document, node: NodeId, policy: &Policy) -> Result<Self, Error> {
        if !document.is(node, ns::DS, "Transform") {
            return Err(BadStructure::new(document, node, "expected ds:Transform").into());
        }
        let kind = policy
            .transform(read::algorithm(document, node)?)
            .map_err(|refused| Error::refused(refused, document.position(node)))?;
        Ok(match kind {
            TransformKind::C14N(c14n) => Self::C14N(Canonicalization::parse(document, node, c14n)?),
            TransformKind::Enveloped => {
                read::childless(document, node)?;
                Self::Enveloped
            }
            TransformKind::Base64 => {
                read::childless(document, node)?;
                Self::Base64
            }
            TransformKind::XPath => {
                let node = only_child(document, node, ns::DS, "XPath")?;
                Self::XPath { node, expression: read::leaf(document, node)?.into_owned() }
            }
            TransformKind::XPathFilter2 => Self::XPathFilter2(filters(document, node, policy)?),
            TransformKind::XPointer => {
                let node = only_child(document, node, XPTR, "XPointer")?;
                Self::XPointer(Target::parse_pointer(&read::leaf(document, node)?))
            }
            TransformKind::StrTransform => Self::StrTransform(str_parameters(document, node, policy)?),
        })
    }

    /// Which transform it is.
    #[must_use]
    pub fn kind(&self) -> TransformKind {
        match self {
            Self::C14N(canonicalization) => TransformKind::C14N(canonicalization.c14n),
            Self::Enveloped => TransformKind::Enveloped,
            Self::Base64 => TransformKind::Base64,
            Self::XPath { .. } => TransformKind::XPath,
            Self::XPathFilter2(_) => TransformKind::XPathFilter2,
            Self::XPointer(_) => TransformKind::XPointer,
            Self::StrTransform(_) => TransformKind::StrTransform,
        }
    }

    /// Its URI.
    #[must_use]
    pub fn uri(&self) -> &'static str {
        self.kind().uri()
    }
}

fn only_child(document: &Document, node: NodeId, ns: &str, local: &str) -> Result<NodeId, BadStructure> {
    match read::elements(document, node)?.as_slice() {
        [only] if document.is(*only, ns, local) => Ok(*only),
        _ => Err(BadStructure::new(document, node, format!("expected exactly one {local}"))),
    }
}

fn filters(document: &Document, node: NodeId, policy: &Policy) -> Result<Vec<Filter>, Error> {
    let children = read::elements(document, node)?;
    if children.is_empty() {
        return Err(BadStructure::new(document, node, "expected at least one XPath").into());
    }
    if children.len() > policy.transforms_max {
        let limit = policy.transforms_max;
        return Err(Error::Limit { what: "filters of a Transform", limit, at: document.position(node) });
    }
    let mut filters = Vec::with_capacity(children.len());
    for node in children {
        if !document.is(node, FILTER2, "XPath") {
            return Err(BadStructure::new(document, node, "expected XPath of XPath Filter 2.0").into());
        }
        let operation = match document.attribute(node, "", "Filter") {
            Some("intersect") => FilterOperation::Intersect,
            Some("subtract") => FilterOperation::Subtract,
            Some("union") => FilterOperation::Union,
            _ => return Err(BadStructure::new(document, node, "expected Filter intersect, subtract or union").into()),
        };
        filters.push(Filter { operation, node, expression: read::leaf(document, node)?.into_owned() });
    }
    Ok(filters)
}

/// `wsse:TransformationParameters` with a `ds:CanonicalizationMethod`.
fn str_parameters(document: &Document, node: NodeId, policy: &Policy) -> Result<Canonicalization, Error> {
    let parameters = only_child(document, node, ns::WSSE, "TransformationParameters")?;
    let method = only_child(document, parameters, ns::DS, "CanonicalizationMethod")?;
    let c14n = policy
        .c14n(read::algorithm(document, method)?)
        .map_err(|refused| Error::refused(refused, document.position(method)))?;
    Ok(Canonicalization::parse(document, method, c14n)?)
}

/// The document that nodes belong to: the one at hand, or one that was parsed from octets on the way.
#[derive(Clone)]
pub(super) enum Holder<'a> {
    Main(&'a Document),
    Parsed(Rc<Document>),
}

impl Holder<'_> {
    pub(super) fn document(&self) -> &Document {
        match self {
            Self::Main(document) => document,
            Self::Parsed(document) => document,
        }
    }
}

/// What flows from transform to transform.
pub(super) enum Data<'a> {
    Octets(Vec<u8>),
    Nodes { holder: Holder<'a>, nodes: NodeSet },
}

impl<'a> Data<'a> {
    /// `root` and all below it.
    pub(super) fn of(document: &'a Document, root: NodeId, comments: bool) -> Self {
        let nodes = NodeSet::Subtree { root, except: Vec::new(), comments };
        Self::Nodes { holder: Holder::Main(document), nodes }
    }

    /// `root` and all below it, of a document that was parsed on the way.
    pub(super) fn of_parsed(document: Document, root: NodeId, comments: bool) -> Self {
        let nodes = NodeSet::Subtree { root, except: Vec::new(), comments };
        Self::Nodes { holder: Holder::Parsed(Rc::new(document)), nodes }
    }

    /// The node of the document at hand whose subtree this is; none for nodes of another document.
    pub(super) fn root_here(&self) -> Option<NodeId> {
        match self {
            Self::Nodes { holder: Holder::Main(_), nodes: NodeSet::Subtree { root, .. } } => Some(*root),
            _ => None,
        }
    }

    /// Octets become nodes by parsing (§4.4.3.2).
    fn into_nodes(self, context: &Context<'_>) -> Result<(Holder<'a>, NodeSet), Error> {
        match self {
            Self::Nodes { holder, nodes } => Ok((holder, nodes)),
            Self::Octets(octets) => {
                let document = parse_octets(octets, context)?;
                let nodes = NodeSet::Subtree { root: document.root(), except: Vec::new(), comments: true };
                Ok((Holder::Parsed(Rc::new(document)), nodes))
            }
        }
    }

    /// Nodes become octets by Canonical XML 1.0 without comments (§4.4.3.2).
    fn into_octets(self, context: &Context<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        match self {
            Self::Octets(octets) => *out = octets,
            Self::Nodes { holder, nodes } => {
                out.clear();
                let canonicalization = Canonicalization::plain(C14N::INCLUSIVE10);
                canonicalize(&canonicalization, holder.document(), &nodes, context, out)?;
            }
        }
        Ok(())
    }
}

/// Parses octets that are met on the way, counted.
pub(super) fn parse_octets(octets: Vec<u8>, context: &Context<'_>) -> Result<Document, Error> {
    charge(context, octets.len())?;
    let options = crate::xml::Options { dtd: context.policy.dtd, ..Default::default() };
    Ok(crate::xml::parse(octets, &options)?)
}

/// Counts work before the next is begun; see [`super::ids::IdIndex::charge_octets`].
pub(super) fn charge(context: &Context<'_>, octets: usize) -> Result<(), Error> {
    let document = context.document;
    context.ids.charge_octets(document, octets).map_err(|limit| Error::Limit {
        what: "octets that the transforms of all References go through",
        limit,
        at: document.position(document.document_element()),
    })
}

/// What is gone through for `nodes`, written or not: octets, and nodes for those that an entity brought.
fn looked_at(document: &Document, nodes: &NodeSet) -> usize {
    match nodes {
        NodeSet::Explicit(_) => document.node_count(),
        NodeSet::Subtree { root, .. } => {
            let after = document.next_after(document.root(), *root).map_or(document.node_count(), |n| n.0 as usize);
            document.range(*root).len() + after.saturating_sub(root.0 as usize)
        }
    }
}

/// The canonical form, counted. Going through the nodes is charged before, what came out after.
fn canonicalize(
    canonicalization: &Canonicalization,
    document: &Document,
    nodes: &NodeSet,
    context: &Context<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    charge(context, looked_at(document, nodes))?;
    let from = out.len();
    canonicalization.apply(document, nodes, context.policy, out)?;
    charge(context, out.len() - from)
}

/// Runs the transforms and leaves the resulting octets in `out`. Gives the nodes of the main document whose change would
/// change these octets; none when that cannot be said, because something was chosen from octets on the way.
pub(super) fn run(
    start: Data<'_>,
    transforms: &[Transform],
    context: &Context<'_>,
    signature: NodeId,
    out: &mut Vec<u8>,
) -> Result<Option<NodeSet>, Error> {
    let mut covered = main_nodes(&start);
    let mut data = start;
    for transform in transforms {
        covered = match (transform, &data) {
            (Transform::C14N(_), _) => covered,
            (Transform::Base64, Data::Nodes { holder: Holder::Main(document), nodes }) => {
                Some(NodeSet::Explicit(texts(document, nodes).into_iter().map(Item::Node).collect()))
            }
            _ => None,
        };
        data = step(data, transform, context, signature, out)?;
        if let Some(nodes) = main_nodes(&data) {
            covered = Some(nodes);
        }
    }
    data.into_octets(context, out)?;
    Ok(covered)
}

/// Runs the transforms and gives nodes: what a `ds:RetrievalMethod` leads to.
pub(super) fn run_to_nodes<'a>(
    start: Data<'a>,
    transforms: &[Transform],
    context: &Context<'a>,
    signature: NodeId,
) -> Result<(Holder<'a>, NodeSet), Error> {
    let mut scratch = Vec::new();
    let mut data = start;
    for transform in transforms {
        data = step(data, transform, context, signature, &mut scratch)?;
    }
    data.into_nodes(context)
}

/// The topmost element of `nodes`.
pub(super) fn apex(document: &Document, nodes: &NodeSet) -> Option<NodeId> {
    match nodes {
        NodeSet::Subtree { root, .. } => match document.kind(*root) {
            Kind::Element => Some(*root),
            Kind::Document => Some(document.document_element()),
            _ => None,
        },
        NodeSet::Explicit(set) => document
            .descendants(document.root())
            .find(|node| document.kind(*node) == Kind::Element && set.contains(*node)),
    }
}

fn main_nodes(data: &Data<'_>) -> Option<NodeSet> {
    match data {
        Data::Nodes { holder: Holder::Main(_), nodes } => Some(nodes.clone()),
        _ => None,
    }
}

fn step<'a>(
    data: Data<'a>,
    transform: &Transform,
    context: &Context<'a>,
    signature: NodeId,
    scratch: &mut Vec<u8>,
) -> Result<Data<'a>, Error> {
    match transform {
        Transform::C14N(canonicalization) => {
            let (holder, nodes) = data.into_nodes(context)?;
            let mut out = std::mem::take(scratch);
            out.clear();
            canonicalize(canonicalization, holder.document(), &nodes, context, &mut out)?;
            Ok(Data::Octets(out))
        }
        Transform::Enveloped => enveloped(data, signature, context),
        Transform::Base64 => base64(data, context),
        Transform::XPath { node, expression } => {
            let (holder, nodes) = data.into_nodes(context)?;
            let set = evaluate(context, &holder, *node, expression, |expression, environment| {
                expression.filter(holder.document(), &nodes, environment)
            })?;
            Ok(Data::Nodes { holder, nodes: NodeSet::Explicit(set) })
        }
        Transform::XPathFilter2(filters) => {
            let (holder, nodes) = data.into_nodes(context)?;
            let set = filter2(&holder, &nodes, filters, context)?;
            Ok(Data::Nodes { holder, nodes: NodeSet::Explicit(set) })
        }
        Transform::XPointer(target) => match data {
            Data::Nodes { holder: Holder::Main(_), .. } => dereference(target, "xpointer transform", context),
            _ => Err(Error::Transform { name: "xpointer", why: "its input is not this document".to_owned() }),
        },
        Transform::StrTransform(canonicalization) => str_transform(data, canonicalization, context),
    }
}

/// Evaluates with the namespaces in scope at `node`, which is in the document of the signature, and the ids of the document
/// whose nodes are looked at: they may have been parsed from octets on the way.
fn evaluate<T>(
    context: &Context<'_>,
    holder: &Holder<'_>,
    node: NodeId,
    expression: &str,
    with: impl FnOnce(&Expression, &Environment<'_>) -> Result<T, xpath::Error>,
) -> Result<T, Error> {
    let namespaces: Vec<(String, String)> = context
        .document
        .namespaces_in_scope(node)
        .into_iter()
        .map(|(prefix, uri)| (prefix.to_owned(), uri.to_owned()))
        .collect();
    // `id` may be parted from its parenthesis by white space.
    let asks_for_ids = expression.contains("id");
    let parsed = match holder {
        Holder::Parsed(document) if asks_for_ids => Some(IdIndex::build(document, context.ids.attributes())),
        _ => None,
    };
    let ids = asks_for_ids.then(|| parsed.as_ref().unwrap_or(context.ids).unambiguous());
    // All expressions of a document share one budget.
    let steps_max = Environment::default().steps_max.min(context.ids.steps_left());
    let taken = Cell::new(0);
    let environment = Environment { namespaces: &namespaces, ids, steps_max, steps_taken: Some(&taken) };
    let expression = Expression::parse(expression)?;
    let value = with(&expression, &environment);
    context.ids.charge_steps(taken.get());
    Ok(value?)
}

/// XPath Filter 2.0 §3: the filters build a set from the whole document; what the input shares with it stays.
fn filter2(
    holder: &Holder<'_>,
    input: &NodeSet,
    filters: &[Filter],
    context: &Context<'_>,
) -> Result<ExplicitSet, Error> {
    let document = holder.document();
    let mut kept = ExplicitSet::subtree(document, document.root(), &[], true);
    for filter in filters {
        charge(context, document.node_count())?;
        let selected: ExplicitSet =
            evaluate(context, holder, filter.node, &filter.expression, |expression, environment| {
                expression.select(document, environment)
            })?
            .into_iter()
            .collect();
        let subtrees = selected.expanded(document);
        match filter.operation {
            FilterOperation::Intersect => kept.intersect(&subtrees),
            FilterOperation::Subtract => kept.subtract(&subtrees),
            FilterOperation::Union => kept.union(&subtrees),
        }
    }
    match input {
        NodeSet::Explicit(set) => kept.intersect(set),
        NodeSet::Subtree { root, except, comments } => {
            kept.intersect(&ExplicitSet::subtree(document, *root, except, *comments));
        }
    }
    Ok(kept)
}

/// §6.6.4: leaves out the Signature that holds the Reference. Of nodes inside that Signature nothing is left.
fn enveloped<'a>(data: Data<'a>, signature: NodeId, context: &Context<'a>) -> Result<Data<'a>, Error> {
    let Data::Nodes { holder: Holder::Main(document), mut nodes } = data else {
        let why = "its input must be nodes of the document that holds the signature";
        return Err(Error::Transform { name: "enveloped-signature", why: why.to_owned() });
    };
    match &mut nodes {
        NodeSet::Subtree { root, except, .. } => {
            let inside = document.contains(*root, signature);
            if inside && context.policy.level() == Level::Serve {
                let why = "the signature lies inside its target, which this profile refuses";
                return Err(Error::Transform { name: "enveloped-signature", why: why.to_owned() });
            }
            if document.contains(signature, *root) {
                nodes = NodeSet::Explicit(ExplicitSet::default());
            } else if inside && !except.contains(&signature) {
                except.push(signature);
            }
        }
        NodeSet::Explicit(set) => set.subtract(&ExplicitSet::subtree(document, signature, &[], true)),
    }
    Ok(Data::Nodes { holder: Holder::Main(document), nodes })
}

/// §6.6.2: of nodes the text alone counts, tags, comments and processing instructions are left out.
fn base64<'a>(data: Data<'a>, context: &Context<'_>) -> Result<Data<'a>, Error> {
    let text = match data {
        Data::Octets(octets) => octets,
        Data::Nodes { holder, nodes } => {
            let document = holder.document();
            let mut text = Vec::new();
            texts(document, &nodes).into_iter().for_each(|node| text.extend_from_slice(document.text(node).as_bytes()));
            text
        }
    };
    charge(context, text.len())?;
    let octets = read::decode_base64(&text)
        .ok_or_else(|| Error::Transform { name: "base64", why: "its input is no base64".to_owned() })?;
    Ok(Data::Octets(octets))
}

/// The text nodes among `nodes`.
fn texts(document: &Document, nodes: &NodeSet) -> Vec<NodeId> {
    let is_text = |node: &NodeId| document.kind(*node) == Kind::Text;
    match nodes {
        NodeSet::Subtree { root, except, .. } => document
            .descendants(*root)
            .filter(is_text)
            .filter(|node| !except.iter().any(|out| document.contains(*out, *node)))
            .collect(),
        NodeSet::Explicit(set) => {
            document.descendants(document.root()).filter(is_text).filter(|node| set.contains(*node)).collect()
        }
    }
}

/// WS-Security 1.1 §8.3: the token in the place of the reference to it. Implemented for a target that is the
/// `wsse:SecurityTokenReference` itself, the one use that the specification shows.
fn str_transform<'a>(
    data: Data<'a>,
    canonicalization: &Canonicalization,
    context: &Context<'a>,
) -> Result<Data<'a>, Error> {
    let fail = |why: &str| Error::Transform { name: "str-transform", why: why.to_owned() };
    let Data::Nodes { holder: Holder::Main(document), nodes: NodeSet::Subtree { root, except, .. } } = data else {
        return Err(fail("its input must be an element of this document"));
    };
    let reference = if document.kind(root) == Kind::Document { document.document_element() } else { root };
    if !document.is(reference, ns::WSSE, "SecurityTokenReference") || !except.is_empty() {
        return Err(fail("its target must be a wsse:SecurityTokenReference"));
    }
    let resolver = context.tokens.ok_or_else(|| fail("security tokens are not resolved here"))?;
    let token = resolver.token(context, reference).map_err(|why| fail(&shortened(&why)))?;
    let mut out = Vec::new();
    match token {
        Token::Element(node) => {
            let nodes = NodeSet::Subtree { root: node, except: Vec::new(), comments: false };
            canonicalize(canonicalization, document, &nodes, context, &mut out)?;
        }
        Token::Octets(octets) => {
            let fragment = crate::xml::parse(octets, &crate::xml::Options::default())?;
            let root = fragment.document_element();
            let nodes = NodeSet::Subtree { root, except: Vec::new(), comments: false };
            canonicalize(canonicalization, &fragment, &nodes, context, &mut out)?;
        }
    }
    Ok(Data::Octets(token::with_null_default_namespace(out)))
}
