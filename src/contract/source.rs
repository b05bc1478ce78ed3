//! The contract's own documents, as committed in `wsdl/` and `xsd/`, within the program: what is served, and what the
//! generator reads.

use super::operation::Operation;
use super::read::Error;
use super::schema::{self, Ir, Resolver};
use super::service::{self, ServiceIr};
use super::slots::{Slot, Slots};

/// The WSDL.
pub const WSDL: &str = include_str!("../../wsdl/coconnect.wsdl");

/// The schemas by file name.
pub const XSD: [(&str, &str); 6] = [
    ("service.xsd", include_str!("../../xsd/service.xsd")),
    ("metadata.xsd", include_str!("../../xsd/metadata.xsd")),
    ("lpco.xsd", include_str!("../../xsd/lpco.xsd")),
    ("extension.xsd", include_str!("../../xsd/extension.xsd")),
    ("response.xsd", include_str!("../../xsd/response.xsd")),
    ("datatype.xsd", include_str!("../../xsd/datatype.xsd")),
];

/// Host in the committed WSDL; configuration puts the public one in its place.
const PLACEHOLDER: &str = "https://test.coconnect.example.org";

/// Resolves references among the documents within the program.
#[derive(Debug, Clone, Copy)]
pub struct Embedded;

impl Resolver for Embedded {
    fn resolve(&self, _from: &str, reference: &str) -> Result<(String, String), Error> {
        let name = reference.rsplit('/').next().unwrap_or(reference);
        match XSD.iter().find(|(known, _)| *known == name) {
            Some((known, text)) => Ok(((*known).to_owned(), (*text).to_owned())),
            None => {
                Err(Error::Unreadable { location: reference.to_owned(), what: "no such document in xsd/".to_owned() })
            }
        }
    }
}

/// Namespaces whose numbers are those of their slots.
#[must_use]
pub fn slot_namespaces() -> [&'static str; 5] {
    Slot::ALL.map(Slot::default_uri)
}

/// Reads WSDL and schemas as `resolver` gives them; `wsdl` is the text of the WSDL.
///
/// # Errors
/// [`Error`].
pub fn read(wsdl: &str, location: &str, resolver: &dyn Resolver) -> Result<(Ir, ServiceIr), Error> {
    let service = service::read(location, wsdl)?;
    let [schema] = service.schemas.as_slice() else {
        return Err(Error::Invalid { location: location.to_owned(), what: "expected one schema import".to_owned() });
    };
    let (found, _) = resolver.resolve(location, schema)?;
    let from = if found == *schema { String::new() } else { location.to_owned() };
    let ir = schema::read_from(&from, schema, resolver, &slot_namespaces())?;
    for operation in &service.operations {
        for name in [&operation.input, &operation.output, &operation.fault] {
            if !ir.roots.iter().any(|root| root.name == *name) {
                let what = format!("operation {}: no element {name}", operation.name);
                return Err(Error::Invalid { location: location.to_owned(), what });
            }
        }
    }
    Ok((ir, service))
}

/// Public addresses that a served WSDL names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoints {
    /// Base URL without a slash at its end: `https://test.coconnect.customs.go.kr`; the path of an operation is appended.
    pub base: String,
    /// URL prefix of the schemas, to which `NAME` is appended: `https://.../coconnect.wsdl?xsd=`; "" for files in a folder.
    pub schema_prefix: String,
}

/// Whether a WSDL says how messages are secured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum WsdlPolicy {
    /// Nothing of it: some stacks refuse to import what they do not know.
    #[default]
    None,
    /// WS-SecurityPolicy as Apache CXF reads it.
    Cxf,
}

impl WsdlPolicy {
    /// Reads the value of `policy=`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        text.eq_ignore_ascii_case("cxf").then_some(Self::Cxf)
    }
}

/// The WSDL 1.1 with `slots` and `endpoints` filled in; of one operation, or of all.
#[must_use]
pub fn wsdl(endpoints: &Endpoints, operation: Option<Operation>, policy: WsdlPolicy, slots: &Slots) -> String {
    let text = WSDL
        .replace(PLACEHOLDER, &escaped(&endpoints.base))
        .replace("schemaLocation=\"../xsd/", &format!("schemaLocation=\"{}", escaped(&endpoints.schema_prefix)));
    let text = with_slots(&text, slots);
    let text = match operation {
        Some(operation) => of_operation(&text, operation),
        None => text,
    };
    match policy {
        WsdlPolicy::None => text,
        WsdlPolicy::Cxf => super::security_policy::attach(&text, slots),
    }
}

/// Leaves out messages, portTypes, bindings and ports of other operations.
fn of_operation(text: &str, operation: Operation) -> String {
    let mut out = String::with_capacity(text.len());
    let mut skipped = None;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim();
        if let Some(end) = skipped {
            if trimmed == end {
                skipped = None;
            }
            continue;
        }
        let block = ["message", "portType", "binding", "port"].into_iter().find_map(|kind| {
            let rest = trimmed.strip_prefix("<wsdl:")?.strip_prefix(kind)?.strip_prefix(" name=\"")?;
            Some((kind, rest.split('"').next()?))
        });
        match block {
            Some((kind, name)) if !belongs(name, operation) => {
                skipped = Some(match kind {
                    "message" => "</wsdl:message>",
                    "portType" => "</wsdl:portType>",
                    "binding" => "</wsdl:binding>",
                    _ => "</wsdl:port>",
                });
            }
            _ => out.push_str(line),
        }
    }
    out
}

/// Whether a name of the WSDL is one of this operation's, or of all.
fn belongs(name: &str, operation: Operation) -> bool {
    const SUFFIXES: [&str; 7] =
        ["Request", "Response", "PortType", "Soap11Binding", "Soap12Binding", "Soap11", "Soap12"];
    name == "FaultDetail" || name.strip_prefix(operation.name()).is_some_and(|suffix| SUFFIXES.contains(&suffix))
}

/// The schema `name` (`lpco.xsd`) with `slots` filled in and imports pointing to `endpoints`; none when there is none.
#[must_use]
pub fn xsd(name: &str, endpoints: &Endpoints, slots: &Slots) -> Option<String> {
    let (_, text) = XSD.iter().find(|(known, _)| *known == name)?;
    let text = text.replace("schemaLocation=\"", &format!("schemaLocation=\"{}", escaped(&endpoints.schema_prefix)));
    Some(with_slots(&text, slots))
}

/// Puts the namespaces of `slots` in the place of ours, wherever one is a whole attribute value or begins an Action.
fn with_slots(text: &str, slots: &Slots) -> String {
    let mut text = text.to_owned();
    for slot in Slot::ALL {
        if slots.uri(slot) != slot.default_uri() && slot != Slot::Svc {
            text = text.replace(&format!("\"{}\"", slot.default_uri()), &format!("\"{}\"", escaped(slots.uri(slot))));
        }
    }
    text
}

pub(super) fn escaped(value: &str) -> String {
    value.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}
