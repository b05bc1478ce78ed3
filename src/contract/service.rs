//! WSDL 1.1, read for the operation table: document/literal wrapped, SOAP 1.1 and 1.2, one operation a portType.
//! Refused aloud: rpc, encoded, header parts, overloaded or one-way operations, other transports.

use super::read::{Error, Node, QName};
use crate::xml::ns;

const WSDL: &str = "http://schemas.xmlsoap.org/wsdl/";
const SOAP11: &str = "http://schemas.xmlsoap.org/wsdl/soap/";
const SOAP12: &str = "http://schemas.xmlsoap.org/wsdl/soap12/";
const HTTP: &str = "http://schemas.xmlsoap.org/soap/http";
const WSAM: &str = "http://www.w3.org/2007/05/addressing/metadata";

/// One operation as the WSDL has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationIr {
    /// Its name.
    pub name: String,
    /// Element of the request's part.
    pub input: QName,
    /// Element of the answer's part.
    pub output: QName,
    /// SOAPAction, and wsa:Action of the request.
    pub action: String,
    /// wsa:Action of the answer.
    pub output_action: String,
    /// wsa:Action of the fault.
    pub fault_action: String,
    /// Element of the fault's detail.
    pub fault: QName,
    /// Path of the address: after the host.
    pub path: String,
}

/// What a WSDL says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceIr {
    /// Target namespace.
    pub target: String,
    /// Operations in the order of their portTypes.
    pub operations: Vec<OperationIr>,
    /// Locations of the schemas that the types section imports.
    pub schemas: Vec<String>,
}

struct Reader<'a> {
    location: &'a str,
    root: &'a Node,
    target: String,
}

/// Reads the WSDL `text`.
///
/// # Errors
/// [`Error`].
pub fn read(location: &str, text: &str) -> Result<ServiceIr, Error> {
    let root = Node::read(location, text)?;
    if root.ns != WSDL || root.name != "definitions" {
        return Err(Error::Invalid { location: location.to_owned(), what: "expected wsdl:definitions".to_owned() });
    }
    let target = root.attribute("targetNamespace").unwrap_or_default().to_owned();
    let reader = Reader { location, root: &root, target };
    for child in &root.children {
        let known = ["types", "message", "portType", "binding", "service", "documentation"];
        if child.ns != WSDL || !known.contains(&child.name.as_str()) {
            return reader.unsupported(format!("element {} in wsdl:definitions", child.name), "");
        }
    }
    let mut operations = Vec::new();
    for port_type in reader.all("portType") {
        operations.push(reader.operation(port_type)?);
    }
    let schemas = reader
        .all("types")
        .flat_map(|types| &types.children)
        .flat_map(|schema| &schema.children)
        .filter(|import| import.ns == ns::XSD && import.name == "import")
        .filter_map(|import| import.attribute("schemaLocation").map(str::to_owned))
        .collect();
    Ok(ServiceIr { target: reader.target.clone(), operations, schemas })
}

impl<'a> Reader<'a> {
    fn unsupported<T>(&self, construct: impl Into<String>, at: &str) -> Result<T, Error> {
        Err(Error::Unsupported { location: self.location.to_owned(), construct: construct.into(), at: at.to_owned() })
    }

    fn invalid<T>(&self, what: impl Into<String>) -> Result<T, Error> {
        Err(Error::Invalid { location: self.location.to_owned(), what: what.into() })
    }

    fn all(&self, name: &'static str) -> impl Iterator<Item = &'a Node> + use<'a> {
        self.root.children.iter().filter(move |c| c.ns == WSDL && c.name == name)
    }

    fn one<'n>(&self, node: &'n Node, ns: &str, name: &str) -> Result<&'n Node, Error> {
        let mut found = node.children.iter().filter(|c| c.ns == ns && c.name == name);
        match (found.next(), found.next()) {
            (Some(one), None) => Ok(one),
            _ => self.invalid(format!(
                "expected exactly one {name} in {} {}",
                node.name,
                node.attribute("name").unwrap_or_default()
            )),
        }
    }

    fn operation(&self, port_type: &Node) -> Result<OperationIr, Error> {
        let operation = self.one(port_type, WSDL, "operation")?;
        let Some(name) = operation.attribute("name") else { return self.invalid("an operation without name") };
        if port_type.attribute("name") != Some(format!("{name}PortType").as_str()) {
            return self.invalid(format!("operation {name}: expected the portType {name}PortType"));
        }
        let message = |kind: &str, part: &str| -> Result<(QName, String), Error> {
            let node = self.one(operation, WSDL, kind)?;
            let action = node.attributes.iter().find(|(ns, local, _)| ns == WSAM && local == "Action");
            let Some((_, _, action)) = action else {
                return self.invalid(format!("{name}: {kind} without wsam:Action"));
            };
            Ok((self.part(node, part)?, action.clone()))
        };
        let (input, action) = message("input", "parameters")?;
        let (output, output_action) = message("output", "parameters")?;
        let (fault, fault_action) = message("fault", "detail")?;
        if input.local != name {
            return self.invalid(format!("{name}: the wrapper is {}", input.local));
        }
        let path = self.bindings(name, &action)?;
        Ok(OperationIr { name: name.to_owned(), input, output, action, output_action, fault_action, fault, path })
    }

    fn part(&self, node: &Node, part_name: &str) -> Result<QName, Error> {
        let message = node.attribute("message").and_then(|m| node.qname(m));
        let Some(message) = message.filter(|m| m.ns == self.target) else { return self.invalid("a message reference") };
        let Some(found) = self.all("message").find(|m| m.attribute("name") == Some(message.local.as_str())) else {
            return self.invalid(format!("no message {}", message.local));
        };
        let part = self.one(found, WSDL, "part")?;
        match part.attribute("element").and_then(|e| part.qname(e)) {
            Some(element) if part.attribute("name") == Some(part_name) => Ok(element),
            _ => self.unsupported("a part that names no element", &message.local),
        }
    }

    /// Both bindings and ports; gives the path that their addresses share.
    fn bindings(&self, name: &str, action: &str) -> Result<String, Error> {
        let mut path = None;
        for (suffix, soap) in [("Soap11", SOAP11), ("Soap12", SOAP12)] {
            let binding_name = format!("{name}{suffix}Binding");
            let Some(binding) = self.all("binding").find(|b| b.attribute("name") == Some(binding_name.as_str())) else {
                return self.invalid(format!("no binding {binding_name}"));
            };
            let style = self.one(binding, soap, "binding")?;
            if style.attribute("transport") != Some(HTTP) || style.attribute("style") == Some("rpc") {
                return self.unsupported("a style other than document, a transport other than HTTP", &binding_name);
            }
            let operation = self.one(binding, WSDL, "operation")?;
            let soap_operation = self.one(operation, soap, "operation")?;
            if soap_operation.attribute("soapAction") != Some(action) || operation.attribute("name") != Some(name) {
                return self.invalid(format!("{binding_name}: soapAction is not the Action of the input"));
            }
            for direction in ["input", "output", "fault"] {
                let direction = self.one(operation, WSDL, direction)?;
                let literal =
                    direction.children.iter().all(|c| c.attribute("use") == Some("literal") && c.name != "header");
                if !literal {
                    return self.unsupported("anything but a literal body", &binding_name);
                }
            }
            let port_name = format!("{name}{suffix}");
            let port =
                self.all("service").flat_map(|s| &s.children).find(|p| p.attribute("name") == Some(port_name.as_str()));
            let Some(port) = port else { return self.invalid(format!("no port {port_name}")) };
            let address = self.one(port, soap, "address")?.attribute("location").unwrap_or_default();
            let found = address.split_once("://").and_then(|(_, rest)| rest.find('/').map(|at| rest[at..].to_owned()));
            match (found, &path) {
                (Some(found), None) => path = Some(found),
                (Some(found), Some(known)) if found == *known => {}
                _ => return self.invalid(format!("{port_name}: the address")),
            }
        }
        path.map_or_else(|| self.invalid("no address"), Ok)
    }
}
