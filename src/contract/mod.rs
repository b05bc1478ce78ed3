//! Floor 3: the contract. WSDL and XSD are the source (`wsdl/`, `xsd/`); from them come the operation table, the typed
//! model, the validating decoder and the encoder (design 2.1, 3.1).
//!
//! - [`business_document`]: what a SOAP Body holds: the operation and its one business document, `MetaData`.
//! - [`decode`]: binds a verified tree, by namespace slots, and lists everything that is wrong with it.
//! - [`payload`]: what a document carries, by kind, and its facts.
//! - [`Versions`]: versions of the WCO Data Model side by side, each with its namespaces.
//! - [`encode`]: the model back to octets.
//! - [`Acknowledgement`], [`FaultDetail`]: the two kinds of answer.
//! - [`sample`]: documents of every kind made up from a seed, for the demonstration and for measurements.

pub mod acknowledgement;
pub mod bind;
pub mod codelist;
pub mod datatype;
mod demand;
pub mod draft;
pub mod fault_detail;
pub mod form;
pub mod generate;
#[rustfmt::skip]
pub mod generated;
pub mod json;
pub mod operation;
pub mod pattern;
pub mod payload;
pub mod read;
pub mod sample;
pub mod schema;
mod security_policy;
pub mod service;
pub mod slots;
pub mod source;
pub mod table;
pub mod text;
pub mod version;
pub mod violation;
pub mod write;

pub use acknowledgement::{Acknowledgement, ConsistencyProof, Hash, InclusionProof, JournalEntry, Status, TreeHead};
pub use fault_detail::{FaultDetail, Verdict};
pub use operation::{FAULT_ACTION, Operation};
pub use payload::{Cancellation, Claim, Decision, DecisionKind, Facts, NoticeKind, Payload, Subject};
pub use slots::{Slot, Slots};
pub use source::{Endpoints, WsdlPolicy, wsdl, xsd};
pub use version::{Version, Versions};
pub use violation::{Came, VIOLATIONS_MAX, Violation, Violations};

use bind::Binder;
use generated::TABLES;
use table::{Element, Type};
use write::Writer;

use crate::xml::{Document, Kind, NodeId};

pub use generated::md::MetaData;
pub use generated::{data, ext, lpco, md, res};

/// Why a Body holds no business document that can be decoded.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum BodyError {
    /// The element in Body is the wrapper of no served operation.
    #[error("expected the wrapper of a served operation, came an element of another name")]
    UnknownWrapper,
    /// The wrapper has no child, more than one, an attribute of its own, or text.
    #[error("wrapper {wrapper}: expected exactly one child, MetaData; came {came}")]
    WrapperContent {
        /// Name of the wrapper.
        wrapper: &'static str,
        /// What came, without any value.
        came: String,
    },
}

/// Finds operation and business document (`{md}MetaData`, not looked into) under `wrapper`, the one element in Body.
///
/// # Errors
/// [`BodyError`].
pub fn business_document(
    document: &Document,
    wrapper: NodeId,
    slots: &Slots,
) -> Result<(Operation, NodeId), BodyError> {
    let served = document.ns(wrapper) == slots.uri(Slot::Svc);
    let Some(operation) = Operation::from_name(document.local(wrapper)).filter(|_| served) else {
        return Err(BodyError::UnknownWrapper);
    };
    let found = only_child(document, wrapper, slots.uri(Slot::Md), "MetaData")
        .map_err(|came| BodyError::WrapperContent { wrapper: operation.name(), came })?;
    Ok((operation, found))
}

/// Finds the Acknowledgement under `wrapper`, the one element in the Body of an answer to `operation`.
///
/// # Errors
/// [`BodyError`].
pub fn acknowledgement_in(
    operation: Operation,
    document: &Document,
    wrapper: NodeId,
    slots: &Slots,
) -> Result<NodeId, BodyError> {
    if !document.is(wrapper, slots.uri(Slot::Svc), operation.response()) {
        return Err(BodyError::UnknownWrapper);
    }
    only_child(document, wrapper, slots.uri(Slot::Svc), "Acknowledgement")
        .map_err(|came| BodyError::WrapperContent { wrapper: operation.response(), came })
}

/// The one child element of a wrapper, or what came instead.
fn only_child(document: &Document, wrapper: NodeId, ns: &str, local: &str) -> Result<NodeId, String> {
    let foreign = |a: &crate::xml::tree::Attribute<'_>| a.ns.is_empty() || a.ns == crate::xml::ns::XSI;
    if let Some(attribute) = document.attributes(wrapper).find(foreign) {
        return Err(format!("the attribute {:?}", attribute.local));
    }
    let mut found = None;
    for child in document.children(wrapper) {
        match document.kind(child) {
            Kind::Element if found.is_none() && document.is(child, ns, local) => found = Some(child),
            Kind::Element => return Err("another element".to_owned()),
            Kind::Text if !document.text(child).trim().is_empty() => return Err("text".to_owned()),
            _ => {}
        }
    }
    found.ok_or_else(|| "nothing".to_owned())
}

/// The declaration of a global element of the contract.
fn root(slot: Slot, name: &str) -> &'static Element {
    let found = TABLES.roots.iter().find(|root| root.name == name && root.ns == slot as u8);
    found.expect("the generator refuses a contract without its roots")
}

/// Namespaces in the order of their slots.
fn namespaces(slots: &Slots) -> [&str; 5] {
    Slot::ALL.map(|slot| slots.uri(slot))
}

/// Binds the element `node`, which must be `root`.
fn bind_root<T: bind::Bind>(
    root: &'static Element,
    document: &Document,
    node: NodeId,
    slots: &Slots,
) -> Result<T, Violations> {
    let namespaces = namespaces(slots);
    let mut binder = Binder::new(document, node, &TABLES, &namespaces);
    let mut out = T::default();
    if binder.enter_root(root)
        && let Type::Complex(number) = root.kind
        && let Some(complex) = TABLES.complexes.get(number as usize)
    {
        out.bind(&mut binder, node, complex);
    }
    binder.finish().map(|()| out)
}

/// Binds the business document at `node` (`{md}MetaData`) for `operation`.
///
/// Namespaces come from `slots`, never from local names alone. Structure, order, cardinality, facets and code lists
/// are checked in the same pass; what the operation demands of its payload beyond the schema, when nothing else is wrong.
/// Time and memory linear in the nodes below `node`.
///
/// # Errors
/// Everything that is wrong with it, in document order.
pub fn decode(operation: Operation, document: &Document, node: NodeId, slots: &Slots) -> Result<MetaData, Violations> {
    let message = bind_document(document, node, slots)?;
    demand::check(operation, &message, document, node, slots)?;
    Ok(message)
}

/// Binds a business document of any kind by the schema alone: for tools that look at what no operation carries.
///
/// # Errors
/// Everything that is wrong with it, in document order.
pub fn bind_document(document: &Document, node: NodeId, slots: &Slots) -> Result<MetaData, Violations> {
    bind_root(root(Slot::Md, "MetaData"), document, node, slots)
}

/// Binds a business document and checks it for the one operation that carries such a document.
///
/// # Errors
/// Everything that is wrong with it; a list of exporters is carried by no operation that is served.
pub fn decode_any(document: &Document, node: NodeId, slots: &Slots) -> Result<(Operation, MetaData), Violations> {
    let message = bind_document(document, node, slots)?;
    let operation = message.operation().unwrap_or(Operation::SendCo);
    demand::check(operation, &message, document, node, slots)?;
    Ok((operation, message))
}

/// Checks any element of the contract (`MetaData`, `LPCO`, a wrapper, `Acknowledgement`, ...) without binding it: for
/// files, whose root may be any of them.
///
/// # Errors
/// Everything that is wrong with it.
pub fn validate(document: &Document, node: NodeId, slots: &Slots) -> Result<(), Violations> {
    let namespaces = namespaces(slots);
    let mut binder = Binder::new(document, node, &TABLES, &namespaces);
    let known = TABLES.roots.iter().find(|root| {
        document.local(node) == root.name && namespaces.get(usize::from(root.ns)).copied() == Some(document.ns(node))
    });
    let root = known.unwrap_or_else(|| root(Slot::Md, "MetaData"));
    if binder.enter_root(root) {
        binder.check(node, root.kind, root);
    }
    binder.finish()
}

/// Appends `{md}MetaData` to `out`, namespaces declared where they are first used, as Exclusive C14N would.
pub fn encode(message: &MetaData, slots: &Slots, out: &mut Vec<u8>) {
    Writer::new(slots, &TABLES, out).complex(root(Slot::Md, "MetaData"), message);
}
