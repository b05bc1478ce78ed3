//! The WSDL against the rules of WS-I Basic Profile 1.1 that can be checked on the document, whole and for each operation;
//! and the policies that `policy=cxf` adds. Rules by their numbers there (§4, "Service Description").

use std::collections::{BTreeMap, BTreeSet};

use coconnect::contract::{self, Endpoints, Operation, Slot, Slots, WsdlPolicy};
use coconnect::xml::{self, Document, NodeId, Options};

const WSDL: &str = "http://schemas.xmlsoap.org/wsdl/";
const SOAP: &str = "http://schemas.xmlsoap.org/wsdl/soap/";
const SOAP12: &str = "http://schemas.xmlsoap.org/wsdl/soap12/";
const HTTP: &str = "http://schemas.xmlsoap.org/soap/http";
const WSAM: &str = "http://www.w3.org/2007/05/addressing/metadata";
const WSAW: &str = "http://www.w3.org/2006/05/addressing/wsdl";

fn served(operation: Option<Operation>, policy: WsdlPolicy) -> String {
    let endpoints = Endpoints {
        base: "https://test.coconnect.customs.example".to_owned(),
        schema_prefix: "https://test.coconnect.customs.example/coconnect.wsdl?xsd=".to_owned(),
    };
    contract::wsdl(&endpoints, operation, policy, &Slots::default())
}

struct Wsdl(Document);

impl Wsdl {
    fn root(&self) -> NodeId {
        self.0.document_element()
    }

    fn all<'a>(&'a self, parent: NodeId, ns: &'a str, local: &'a str) -> impl Iterator<Item = NodeId> + 'a {
        self.0.elements(parent).filter(move |node| self.0.is(*node, ns, local))
    }

    fn attribute(&self, node: NodeId, ns: &str, local: &str) -> Option<String> {
        self.0.attributes(node).find(|a| a.ns == ns && a.local == local).map(|a| a.value.to_string())
    }

    fn name(&self, node: NodeId, local: &str) -> String {
        self.attribute(node, "", local).unwrap_or_else(|| panic!("no {local} at {}", self.0.local(node)))
    }
}

/// The rules that `text` breaks, each with its number.
fn broken(text: &str) -> BTreeSet<&'static str> {
    let wsdl = Wsdl(xml::parse(text.as_bytes().to_vec(), &Options::default()).unwrap());
    let root = wsdl.root();
    let mut out = BTreeSet::new();
    let mut rule = |holds: bool, rule: &'static str| {
        if !holds {
            out.insert(rule);
        }
    };
    rule(wsdl.all(root, WSDL, "import").next().is_none(), "R2001");
    rule(text.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>"), "R4003");
    let target = wsdl.name(root, "targetNamespace");
    for schema in wsdl.all(root, WSDL, "types").flat_map(|types| wsdl.0.elements(types)) {
        // Only imports inside, so no target namespace is needed; the imports name a namespace each.
        rule(wsdl.0.elements(schema).all(|child| wsdl.0.local(child) == "import"), "R2105");
        rule(wsdl.0.elements(schema).all(|child| wsdl.attribute(child, "", "namespace").is_some()), "R2102");
    }
    // A message is one part that names an element, and each element stands for one operation on the wire.
    let mut messages = BTreeMap::new();
    for message in wsdl.all(root, WSDL, "message") {
        let parts: Vec<NodeId> = wsdl.all(message, WSDL, "part").collect();
        rule(parts.len() == 1, "R2201");
        let element = parts.first().and_then(|part| wsdl.attribute(*part, "", "element"));
        rule(element.is_some() && wsdl.attribute(parts[0], "", "type").is_none(), "R2204");
        messages.insert(format!("svc:{}", wsdl.name(message, "name")), element.unwrap_or_default());
    }
    let mut port_types = BTreeMap::new();
    let mut inputs = Vec::new();
    for port_type in wsdl.all(root, WSDL, "portType") {
        let mut names = BTreeMap::new();
        for operation in wsdl.all(port_type, WSDL, "operation") {
            let order: Vec<&str> =
                wsdl.0.elements(operation).map(|n| wsdl.0.local(n)).filter(|n| *n != "documentation").collect();
            rule(order == ["input", "output", "fault"], "R2303");
            rule(wsdl.attribute(operation, "", "parameterOrder").is_none(), "R2305");
            let faults: Vec<String> = wsdl.all(operation, WSDL, "fault").map(|f| wsdl.name(f, "name")).collect();
            for direction in wsdl.0.elements(operation).filter(|n| wsdl.0.local(*n) != "documentation") {
                let message = wsdl.name(direction, "message");
                rule(messages.contains_key(&message), "R2101");
                let action = wsdl.attribute(direction, WSAM, "Action");
                rule(action.is_some() && action == wsdl.attribute(direction, WSAW, "Action"), "Action");
                if wsdl.0.local(direction) == "input" {
                    inputs.push(messages.get(&message).cloned().unwrap_or_default());
                }
            }
            rule(names.insert(wsdl.name(operation, "name"), faults).is_none(), "R2304");
        }
        port_types.insert(format!("svc:{}", wsdl.name(port_type, "name")), names);
    }
    rule(inputs.iter().collect::<BTreeSet<_>>().len() == inputs.len(), "R2710");
    let mut bindings = BTreeMap::new();
    for binding in wsdl.all(root, WSDL, "binding") {
        let soap = if wsdl.all(binding, SOAP, "binding").next().is_some() { SOAP } else { SOAP12 };
        let protocol: Vec<NodeId> = wsdl.all(binding, soap, "binding").collect();
        rule(protocol.len() == 1, "R2401");
        rule(wsdl.attribute(protocol[0], "", "transport").is_some(), "R2701");
        rule(wsdl.attribute(protocol[0], "", "transport").as_deref() == Some(HTTP), "R2702");
        let style = wsdl.attribute(protocol[0], "", "style");
        let declared = port_types.get(&wsdl.name(binding, "type")).cloned().unwrap_or_default();
        let mut bound = BTreeSet::new();
        for operation in wsdl.all(binding, WSDL, "operation") {
            let name = wsdl.name(operation, "name");
            let soap_operation = wsdl.all(operation, soap, "operation").next().expect("a protocol's operation");
            rule(wsdl.attribute(soap_operation, "", "style").is_none_or(|s| Some(&s) == style.as_ref()), "R2705");
            rule(style.as_deref() == Some("document"), "R2705");
            let action = wsdl.name(soap_operation, "soapAction");
            rule(action == format!("{target}:{name}"), "R2744");
            for direction in ["input", "output"] {
                let side = wsdl.all(operation, WSDL, direction).next().expect("both sides");
                let bodies: Vec<NodeId> = wsdl.all(side, soap, "body").collect();
                rule(bodies.len() == 1, "R2201");
                rule(wsdl.attribute(bodies[0], "", "use").as_deref() == Some("literal"), "R2706");
                rule(wsdl.attribute(bodies[0], "", "namespace").is_none(), "R2716");
                rule(wsdl.all(side, soap, "header").next().is_none(), "R2720");
            }
            let mut faults = Vec::new();
            for fault in wsdl.all(operation, WSDL, "fault") {
                let inner = wsdl.all(fault, soap, "fault").next().expect("a protocol's fault");
                rule(wsdl.attribute(inner, "", "name").is_some(), "R2721");
                rule(wsdl.attribute(inner, "", "name") == wsdl.attribute(fault, "", "name"), "R2754");
                rule(wsdl.attribute(inner, "", "use").as_deref().is_none_or(|u| u == "literal"), "R2723");
                rule(wsdl.attribute(inner, "", "namespace").is_none(), "R2726");
                faults.push(wsdl.name(fault, "name"));
            }
            rule(declared.get(&name) == Some(&faults), "R2740");
            bound.insert(name);
        }
        rule(bound == declared.keys().cloned().collect(), "R2718");
        bindings.insert(format!("svc:{}", wsdl.name(binding, "name")), soap);
    }
    let mut locations = BTreeSet::new();
    for port in wsdl.all(root, WSDL, "service").flat_map(|service| wsdl.all(service, WSDL, "port").collect::<Vec<_>>())
    {
        let soap = bindings.get(&wsdl.name(port, "binding")).copied().unwrap_or_default();
        let address = wsdl.all(port, soap, "address").next();
        rule(address.is_some(), "R2101");
        // Of one protocol: R2711 speaks of soapbind:address alone.
        rule(address.is_some_and(|address| locations.insert((soap, wsdl.name(address, "location")))), "R2711");
    }
    out
}

#[test]
fn the_wsdl_keeps_the_rules_of_basic_profile_that_can_be_checked() {
    let each = Operation::SERVED.iter().map(|operation| Some(*operation));
    for operation in std::iter::once(None).chain(each) {
        for policy in [WsdlPolicy::None, WsdlPolicy::Cxf] {
            assert_eq!(broken(&served(operation, policy)), BTreeSet::new(), "{operation:?} {policy:?}");
        }
    }
}

/// Some stacks resolve the type of an element by the prefixes of `wsdl:definitions` alone, and write its content in a wrong
/// namespace when a prefix of the schemas is not declared there.
#[test]
fn the_wsdl_declares_the_prefix_of_every_schema() {
    let moved = Slots::default().with(Slot::Lpco, "urn:other:lpco").with(Slot::Md, "urn:other:md");
    for slots in [Slots::default(), moved] {
        let endpoints = Endpoints { base: "https://gateway.example".to_owned(), schema_prefix: String::new() };
        let text = contract::wsdl(&endpoints, None, WsdlPolicy::None, &slots);
        let definitions = text.split("<wsdl:definitions ").nth(1).and_then(|rest| rest.split('>').next()).unwrap();
        let names = ["service.xsd", "metadata.xsd", "lpco.xsd", "response.xsd", "extension.xsd", "datatype.xsd"];
        for schema in names.map(|name| contract::xsd(name, &endpoints, &slots).unwrap_or_else(|| panic!("no {name}"))) {
            let start = schema.split("<xs:schema ").nth(1).and_then(|rest| rest.split('>').next()).unwrap();
            let mut declared = start.split(' ').filter(|word| word.starts_with("xmlns:")).peekable();
            assert!(declared.peek().is_some(), "{start}");
            for declaration in declared {
                assert!(definitions.contains(declaration), "{declaration} is not in {definitions}");
            }
        }
    }
}

#[test]
fn a_wsdl_that_breaks_a_rule_is_found_out() {
    // The check itself must be able to fail: one edit for each rule.
    let good = served(None, WsdlPolicy::None);
    let cases = [
        ("<wsdl:types>", "<wsdl:import namespace=\"urn:x\" location=\"x\"/><wsdl:types>", "R2001"),
        ("encoding=\"UTF-8\"", "encoding=\"US-ASCII\"", "R4003"),
        ("<xs:import ", "<xs:element name=\"x\"/><xs:import ", "R2105"),
        ("<xs:import namespace=\"urn:coconnect:service:1\" ", "<xs:import ", "R2102"),
        ("<wsdl:part name=\"parameters\" element=\"svc:SendCO\"/>", "", "R2201"),
        ("element=\"svc:SendCO\"", "type=\"xs:string\"", "R2204"),
        ("element=\"svc:SendDO\"", "element=\"svc:SendCO\"", "R2710"),
        ("message=\"svc:SendCORequest\"", "message=\"svc:Nothing\"", "R2101"),
        (
            "<wsdl:operation name=\"SendCO\">\n      <wsdl:doc",
            "<wsdl:operation name=\"SendCO\" parameterOrder=\"a\">\n      <wsdl:doc",
            "R2305",
        ),
        (" transport=\"http://schemas.xmlsoap.org/soap/http\"", "", "R2701"),
        ("schemas.xmlsoap.org/soap/http", "schemas.xmlsoap.org/soap/smtp", "R2702"),
        ("<soap:binding style=\"document\"", "<soap:binding style=\"rpc\"", "R2705"),
        ("soapAction=\"urn:coconnect:service:1:SendCO\"", "soapAction=\"\"", "R2744"),
        ("<soap:body use=\"literal\"/>", "<soap:body use=\"encoded\"/>", "R2706"),
        ("<soap:body use=\"literal\"/>", "<soap:body use=\"literal\" namespace=\"urn:x\"/>", "R2716"),
        ("<soap:fault name=\"FaultDetail\"", "<soap:fault name=\"Other\"", "R2754"),
        ("<wsdl:fault name=\"FaultDetail\">", "<wsdl:fault name=\"Other\">", "R2740"),
        (
            "<wsdl:port name=\"SendDOSoap11\" binding=\"svc:SendDOS",
            "<wsdl:port name=\"SendDOSoap11\" binding=\"svc:X",
            "R2101",
        ),
        ("customs.example/send-do\"", "customs.example/send-co\"", "R2711"),
        (" wsaw:Action=\"urn:coconnect:service:1:SendCO\"", "", "Action"),
    ];
    for (from, to, rule) in cases {
        assert!(good.contains(from), "{from}");
        assert!(broken(&good.replacen(from, to, 1)).contains(rule), "{rule} is not noticed");
    }
}

#[test]
fn policies_stand_in_the_wsdl_only_when_they_are_asked_for_and_every_reference_has_its_policy() {
    assert!(!served(None, WsdlPolicy::None).contains("olicy"));
    let text = served(None, WsdlPolicy::Cxf);
    let document = xml::parse(text.into_bytes(), &Options::default()).unwrap();
    let (mut ids, mut references) = (BTreeSet::new(), BTreeMap::<String, usize>::new());
    for node in document.descendants(document.document_element()) {
        let attribute = |name: &str| document.attributes(node).find(|a| a.local == name).map(|a| a.value.to_string());
        match document.local(node) {
            "Policy" => ids.extend(attribute("Id").map(|id| format!("#{id}"))),
            "PolicyReference" => *references.entry(attribute("URI").unwrap()).or_default() += 1,
            _ => {}
        }
    }
    assert_eq!(references.keys().cloned().collect::<BTreeSet<_>>(), ids);
    // Ten bindings, each with a request and an answer.
    assert_eq!(references.values().copied().collect::<Vec<_>>(), [10, 10, 10]);
}
