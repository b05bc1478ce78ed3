//! The form of a schema document: which elements may hold which attributes and children (XML Schema Part 1, Appendix
//! A, the schema for schemas), as far as a breach of it could be misread. What breaks it is refused, never skipped.

use super::read::{Error, Node};
use crate::xml::name::is_ncname;
use crate::xml::ns;

/// Attributes and children that an element of a schema may have; `annotation` and `id` may always stand.
struct Form {
    name: &'static str,
    attributes: &'static [&'static str],
    children: &'static [&'static str],
}

const TYPE_PARTS: &[&str] = &[
    "simpleContent",
    "complexContent",
    "group",
    "all",
    "choice",
    "sequence",
    "attribute",
    "attributeGroup",
    "anyAttribute",
];
const PARTICLES: &[&str] = &["element", "group", "choice", "sequence", "any"];
const FACET: &[&str] = &["value", "fixed"];

const FORMS: &[Form] = &[
    Form {
        name: "schema",
        attributes: &[
            "targetNamespace",
            "version",
            "finalDefault",
            "blockDefault",
            "attributeFormDefault",
            "elementFormDefault",
        ],
        children: &[
            "include",
            "import",
            "redefine",
            "simpleType",
            "complexType",
            "group",
            "attributeGroup",
            "element",
            "attribute",
            "notation",
        ],
    },
    Form { name: "import", attributes: &["namespace", "schemaLocation"], children: &[] },
    Form { name: "include", attributes: &["schemaLocation"], children: &[] },
    Form {
        name: "element",
        attributes: &[
            "name",
            "ref",
            "type",
            "minOccurs",
            "maxOccurs",
            "default",
            "fixed",
            "nillable",
            "abstract",
            "final",
            "block",
            "form",
            "substitutionGroup",
        ],
        children: &["simpleType", "complexType", "unique", "key", "keyref"],
    },
    Form {
        name: "attribute",
        attributes: &["name", "ref", "type", "use", "default", "fixed", "form"],
        children: &["simpleType"],
    },
    Form { name: "complexType", attributes: &["name", "mixed", "abstract", "final", "block"], children: TYPE_PARTS },
    Form { name: "simpleContent", attributes: &[], children: &["restriction", "extension"] },
    Form { name: "complexContent", attributes: &["mixed"], children: &["restriction", "extension"] },
    Form { name: "extension", attributes: &["base"], children: TYPE_PARTS },
    Form { name: "restriction", attributes: &["base"], children: RESTRICTION },
    Form {
        name: "group",
        attributes: &["name", "ref", "minOccurs", "maxOccurs"],
        children: &["all", "choice", "sequence"],
    },
    Form {
        name: "attributeGroup",
        attributes: &["name", "ref"],
        children: &["attribute", "attributeGroup", "anyAttribute"],
    },
    Form { name: "sequence", attributes: &["minOccurs", "maxOccurs"], children: PARTICLES },
    Form { name: "choice", attributes: &["minOccurs", "maxOccurs"], children: PARTICLES },
    Form { name: "all", attributes: &["minOccurs", "maxOccurs"], children: &["element"] },
    Form { name: "any", attributes: &["namespace", "processContents", "minOccurs", "maxOccurs"], children: &[] },
    Form { name: "anyAttribute", attributes: &["namespace", "processContents"], children: &[] },
    Form { name: "simpleType", attributes: &["name", "final"], children: &["restriction", "list", "union"] },
    Form { name: "list", attributes: &["itemType"], children: &["simpleType"] },
    Form { name: "union", attributes: &["memberTypes"], children: &["simpleType"] },
    Form { name: "pattern", attributes: &["value"], children: &[] },
    Form { name: "enumeration", attributes: &["value"], children: &[] },
    Form { name: "length", attributes: FACET, children: &[] },
    Form { name: "minLength", attributes: FACET, children: &[] },
    Form { name: "maxLength", attributes: FACET, children: &[] },
    Form { name: "whiteSpace", attributes: FACET, children: &[] },
    Form { name: "totalDigits", attributes: FACET, children: &[] },
    Form { name: "fractionDigits", attributes: FACET, children: &[] },
    Form { name: "minInclusive", attributes: FACET, children: &[] },
    Form { name: "minExclusive", attributes: FACET, children: &[] },
    Form { name: "maxInclusive", attributes: FACET, children: &[] },
    Form { name: "maxExclusive", attributes: FACET, children: &[] },
];

const RESTRICTION: &[&str] = &[
    "simpleType",
    "group",
    "all",
    "choice",
    "sequence",
    "attribute",
    "attributeGroup",
    "anyAttribute",
    "pattern",
    "enumeration",
    "length",
    "minLength",
    "maxLength",
    "whiteSpace",
    "totalDigits",
    "fractionDigits",
    "minInclusive",
    "minExclusive",
    "maxInclusive",
    "maxExclusive",
];

/// Checks the schema document `root`, called `location` in errors.
///
/// # Errors
/// [`Error::Invalid`] with the first breach.
pub fn check(location: &str, root: &Node) -> Result<(), Error> {
    let mut stack = vec![(root, None)];
    while let Some((node, parent)) = stack.pop() {
        check_node(node, parent).map_err(|what| Error::Invalid { location: location.to_owned(), what })?;
        let inside = node.ns == ns::XSD && node.name != "annotation";
        if inside {
            stack.extend(node.children.iter().map(|child| (child, Some(node))));
        }
    }
    Ok(())
}

fn check_node(node: &Node, parent: Option<&Node>) -> Result<(), String> {
    // What the components refuse by name is told by them.
    let Some(form) = FORMS.iter().find(|form| node.ns == ns::XSD && form.name == node.name) else {
        return if node.name == "annotation" { annotation(node) } else { Ok(()) };
    };
    let at = node.attribute("name").or_else(|| node.attribute("ref")).unwrap_or_default();
    for (uri, name, _) in &node.attributes {
        if *uri == ns::XSD || (uri.is_empty() && name != "id" && !form.attributes.contains(&name.as_str())) {
            return Err(format!("xs:{} {at} has no attribute {name}", node.name));
        }
    }
    for (index, child) in node.children.iter().enumerate() {
        let known = child.ns == ns::XSD && form.children.contains(&child.name.as_str());
        let annotation = child.ns == ns::XSD && child.name == "annotation";
        if annotation && index > 0 && node.name != "schema" {
            return Err(format!("xs:annotation stands first and once in xs:{} {at}", node.name));
        }
        if !known && !annotation && child.ns == ns::XSD && FORMS.iter().any(|form| form.name == child.name) {
            return Err(format!("xs:{} does not stand in xs:{} {at}", child.name, node.name));
        }
    }
    if !node.text.trim().is_empty() {
        return Err(format!("text in xs:{} {at}", node.name));
    }
    let top = parent.is_some_and(|parent| parent.name == "schema");
    attributes(node, top)
}

fn annotation(node: &Node) -> Result<(), String> {
    let known = |child: &Node| child.ns == ns::XSD && matches!(child.name.as_str(), "documentation" | "appinfo");
    match node.children.iter().find(|child| !known(child)) {
        Some(child) => Err(format!("element {} in xs:annotation", child.name)),
        None if !node.text.trim().is_empty() => Err("text in xs:annotation".to_owned()),
        None => Ok(()),
    }
}

fn attributes(node: &Node, top: bool) -> Result<(), String> {
    let has = |name: &str| node.attribute(name).is_some();
    let at = node.attribute("name").or_else(|| node.attribute("ref")).unwrap_or_default();
    let fail = |what: &str| Err(format!("xs:{} {at}: {what}", node.name));
    if let Some(name) = node.attribute("name")
        && !is_ncname(name)
    {
        return fail("a name that is no NCName");
    }
    for (flag, allowed) in [("nillable", BOOLEAN), ("abstract", BOOLEAN), ("mixed", BOOLEAN)] {
        if node.attribute(flag).is_some_and(|value| !allowed.contains(&value)) {
            return fail("a value that is neither true nor false");
        }
    }
    for form in ["form", "elementFormDefault", "attributeFormDefault"] {
        if node.attribute(form).is_some_and(|value| !matches!(value, "qualified" | "unqualified")) {
            return fail("a form that is neither qualified nor unqualified");
        }
    }
    for (name, words) in [("block", BLOCK), ("final", FINAL), ("blockDefault", BLOCK), ("finalDefault", FINAL)] {
        let wrong = |value: &str| value != "#all" && value.split_whitespace().any(|word| !words.contains(&word));
        if node.attribute(name).is_some_and(wrong) {
            return fail("a derivation that does not exist");
        }
    }
    if has("default") && has("fixed") {
        return fail("both a default and a fixed value");
    }
    match node.name.as_str() {
        "element" | "attribute" | "group" | "attributeGroup" | "complexType" | "simpleType" if top => {
            let local = ["ref", "minOccurs", "maxOccurs", "form", "use"];
            if !has("name") || local.iter().any(|name| has(name)) {
                return fail("a global declaration has a name, no ref, occurrence, form or use");
            }
        }
        "complexType" | "simpleType" if has("name") || has("abstract") || has("final") || has("block") => {
            return fail("a type within a declaration has no name, abstract, final or block");
        }
        "element" if ["abstract", "final", "substitutionGroup"].iter().any(|name| has(name)) => {
            return fail("a local element has no abstract, final or substitutionGroup");
        }
        "element" | "attribute" if has("name") == has("ref") => return fail("expected either a name or a ref"),
        "element" | "attribute" if has("ref") => {
            let own = ["type", "form", "nillable", "block"].iter().any(|name| has(name));
            let fixed = node.name == "element" && (has("default") || has("fixed"));
            if own || fixed || node.children.iter().any(|child| child.name != "annotation") {
                return fail("a reference has no declaration of its own");
            }
        }
        "group" | "attributeGroup" if has("name") || !has("ref") => return fail("expected a ref"),
        _ => {}
    }
    if node.name == "attribute" {
        let name = node.attribute("name").unwrap_or_default();
        if name == "xmlns" {
            return fail("an attribute is never called xmlns");
        }
        if has("type") && node.children.iter().any(|child| child.name == "simpleType") {
            return fail("both @type and a type of its own");
        }
        if node.attribute("use").is_some_and(|value| !matches!(value, "optional" | "required" | "prohibited")) {
            return fail("a use that does not exist");
        }
        if has("default") && node.attribute("use").is_some_and(|value| value != "optional") {
            return fail("a default value needs use optional");
        }
    }
    Ok(())
}

const BOOLEAN: &[&str] = &["true", "false", "1", "0"];
const BLOCK: &[&str] = &["extension", "restriction", "substitution"];
const FINAL: &[&str] = &["extension", "restriction", "list", "union"];
