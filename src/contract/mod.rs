//! Floor 3: the contract. WSDL and XSD are the source (`wsdl/`, `xsd/`); from them come the operation table, the typed
//! model, the validating decoder and the encoder (design 2.1, 3.1).
//!
//! - [`business_document`]: what a SOAP Body holds: the operation and its one business document, `MetaData`.
//! - [`decode`]: binds a verified tree, by namespace slots, and lists everything that is wrong with it.
//! - [`encode`]: the model back to octets.
//! - [`Acknowledgement`], [`FaultDetail`]: the two kinds of answer.
//! - [`sample`]: COs made up from a seed, for the demonstration and for measurements.

pub mod acknowledgement;
pub mod bind;
pub mod codelist;
pub mod datatype;
pub mod fault_detail;
pub mod form;
pub mod generate;
#[rustfmt::skip]
pub mod generated;
pub mod json;
pub mod operation;
pub mod pattern;
pub mod read;
pub mod sample;
pub mod schema;
pub mod service;
pub mod slots;
pub mod source;
pub mod table;
pub mod text;
pub mod violation;
pub mod write;

pub use acknowledgement::{Acknowledgement, ConsistencyProof, Hash, InclusionProof, JournalEntry, Status, TreeHead};
pub use fault_detail::{FaultDetail, Verdict};
pub use operation::{FAULT_ACTION, Operation};
pub use slots::{Slot, Slots};
pub use source::{Endpoints, wsdl, xsd};
pub use violation::{Came, VIOLATIONS_MAX, Violation, Violations};

use bind::Binder;
use generated::TABLES;
use table::{Element, Type};
use write::Writer;

use crate::xml::{Document, Kind, NodeId};

pub use generated::md::MetaData;
pub use generated::{data, ext, lpco, md, res};

/// What the exchange needs to know of a CO to route it and to tell it from others.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Facts {
    /// Issuing and sending territory: `ResponsibleCountryCode` of the header.
    pub territory: String,
    /// Issuing body: name of the first Authenticator that is not the exporter.
    pub issuing_body: String,
    /// Agreement (K16).
    pub agreement: String,
    /// Number of the CO (D014).
    pub number: String,
    /// Receiving territory: the consignment's destination, else the country of the consignee; none when neither is told.
    pub receiving_territory: Option<String>,
    /// Message function (017): 9 original, 5 replace, ...
    pub function_code: String,
    /// Document kind (D013).
    pub type_code: String,
    /// Number of the CO that this one replaces (PreviousDocument).
    pub replaces: Option<String>,
    /// Date of issue as given, with its format code if any.
    pub issued: String,
    /// How many items.
    pub items: usize,
}

impl MetaData {
    /// The facts of the CO within.
    #[must_use]
    pub fn facts(&self) -> Facts {
        let lpco = &self.lpco;
        let signers = lpco.authentication.iter().filter_map(|a| a.authenticator.as_deref());
        let issuer = |a: &&lpco::Authenticator| a.role_code.as_ref().is_none_or(|role| role.value != "EX");
        let body = signers.clone().find(issuer).or_else(|| signers.clone().next());
        let recipient = self.communication_meta_data.as_deref().and_then(|c| c.recipient.as_deref());
        let consignment = &lpco.consignment;
        let consignee = consignment.consignee.as_deref().and_then(|party| party.address.first());
        let receiving = recipient
            .and_then(|r| r.country_code.as_ref())
            .or_else(|| consignment.destination.as_deref().map(|d| &d.country_code))
            .or_else(|| consignee.map(|address| &address.country_code));
        Facts {
            territory: self.responsible_country_code.value.to_string(),
            issuing_body: body.map(|body| body.name.value.to_string()).unwrap_or_default(),
            agreement: lpco.agreement_code.value.to_string(),
            number: lpco.id.value.to_string(),
            receiving_territory: receiving.map(|code| code.value.to_string()),
            function_code: lpco.function_code.value.to_string(),
            type_code: lpco.type_code.value.to_string(),
            replaces: lpco.previous_document.first().map(|document| document.id.value.to_string()),
            issued: lpco.issue_date_time.text().to_owned(),
            items: consignment.consignment_item.len(),
        }
    }

    /// Version of the WCO Data Model that the document names.
    #[must_use]
    pub fn data_model_version(&self) -> &str {
        &self.wco_data_model_version_code.value
    }
}

impl lpco::DateTime {
    /// The value as given; it has a zone only where one was given.
    #[must_use]
    pub fn text(&self) -> &str {
        match (&self.date_time_string, &self.date_time) {
            (Some(string), _) => &string.value,
            (None, Some(date_time)) => date_time,
            (None, None) => "",
        }
    }

    /// CCYYMMDDHHMMSSZZZ, with its format code 304.
    #[must_use]
    pub fn with_zone(text: &str) -> Self {
        let format_code = Some("304".into());
        Self { date_time_string: Some(data::DateTimeString { value: text.into(), format_code }), date_time: None }
    }
}

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
        out = T::bind(&mut binder, node, complex);
    }
    binder.finish().map(|()| out)
}

/// Binds the business document at `node` (`{md}MetaData`) for `operation`.
///
/// Namespaces come from `slots`, never from local names alone. Structure, order, cardinality, facets and code lists
/// are checked in the same pass. Time and memory linear in the nodes below `node`.
///
/// # Errors
/// Everything that is wrong with it, in document order.
pub fn decode(operation: Operation, document: &Document, node: NodeId, slots: &Slots) -> Result<MetaData, Violations> {
    // Every operation that is served so far has the same payload.
    let _ = operation;
    bind_root(root(Slot::Md, "MetaData"), document, node, slots)
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
