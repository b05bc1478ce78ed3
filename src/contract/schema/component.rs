//! The compiler from schema components to the intermediate form: what stands at the top of the documents, elements, and
//! references to types (XML Schema Part 1 §3.3, §3.15).

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::attribute::Parts;
use super::document::{Declared, Documents};
use super::{ContentIr, ElementIr, Ir};
use crate::contract::read::{Error, Node, QName};
use crate::contract::table;
use crate::xml::ns;

pub(super) struct Compiler<'a> {
    pub(super) documents: &'a Documents,
    pub(super) ir: Ir,
    pub(super) simples: BTreeMap<QName, u32>,
    pub(super) complexes: BTreeMap<QName, u32>,
    pub(super) globals: BTreeMap<QName, ElementIr>,
    /// Simple types and groups that are being resolved: a circle is an error.
    pub(super) open: BTreeSet<(u8, QName)>,
    pub(super) depth: usize,
    /// Complex types that wait for their base.
    pub(super) waiting: VecDeque<(Declared<'a>, QName, u32)>,
    /// Documentation of the types that are being read, innermost last.
    pub(super) documentation: Vec<String>,
}

pub(super) type Result2<T> = Result<T, Error>;

impl<'a> Compiler<'a> {
    pub(super) fn unsupported<T>(&self, at: Declared<'_>, construct: impl Into<String>) -> Result2<T> {
        let name = at.node.attribute("name").or_else(|| at.node.attribute("ref")).unwrap_or_default();
        Err(Error::Unsupported {
            location: at.document.location.clone(),
            construct: construct.into(),
            at: name.to_owned(),
        })
    }

    pub(super) fn invalid<T>(&self, at: Declared<'_>, what: impl Into<String>) -> Result2<T> {
        Err(Error::Invalid { location: at.document.location.clone(), what: what.into() })
    }

    pub(super) fn qname(&self, at: Declared<'_>, value: &str) -> Result2<QName> {
        match at.node.qname(value) {
            Some(name) => Ok(name),
            None => self.invalid(at, format!("undeclared prefix in {value:?}")),
        }
    }

    pub(super) fn namespace(&mut self, uri: &str) {
        if !uri.is_empty() && !self.ir.namespaces.iter().any(|known| known == uri) {
            self.ir.namespaces.push(uri.to_owned());
        }
    }

    pub(super) fn roots(&mut self) -> Result2<()> {
        const KNOWN: [&str; 9] = [
            "element",
            "complexType",
            "simpleType",
            "group",
            "attributeGroup",
            "attribute",
            "import",
            "include",
            "annotation",
        ];
        for document in &self.documents.list {
            for node in &document.root.children {
                let at = Declared { node, document };
                if node.ns != ns::XSD || !KNOWN.contains(&node.name.as_str()) {
                    return self.unsupported(at, format!("xs:{}", node.name));
                }
            }
            if document.root.attribute("targetNamespace") == Some("") {
                let at = Declared { node: &document.root, document };
                return self.invalid(at, "an empty target namespace");
            }
        }
        let mut names = BTreeSet::new();
        for document in &self.documents.list {
            for node in &document.root.children {
                let at = Declared { node, document };
                let Some(name) = node.attribute("name") else { continue };
                // Simple and complex types share one space of names.
                let kind = if node.name == "simpleType" { "complexType" } else { node.name.as_str() };
                if !names.insert((kind, document.target.as_str(), name)) {
                    return self.invalid(at, format!("{kind} {name} twice"));
                }
                // Groups that nobody refers to are looked at too.
                match node.name.as_str() {
                    "group" => {
                        let children = self.children_of(at)?;
                        let [child] = children.as_slice() else {
                            return self.invalid(at, "a group holds exactly one of sequence, choice, all");
                        };
                        self.particle(Declared { node: child, document }, &mut Vec::new())?;
                    }
                    "attributeGroup" => {
                        let nodes = self.children_of(at)?;
                        self.attributes(document, nodes, &mut Parts::default())?;
                    }
                    _ => {}
                }
            }
        }
        for document in &self.documents.list {
            for node in document.root.children.iter().filter(|c| c.name == "element") {
                let at = Declared { node, document };
                let Some(name) = node.attribute("name") else { return self.invalid(at, "an element without name") };
                let root = self.element_global(at, &QName::new(&document.target, name))?;
                if root.name.ns == ns::XSI || self.ir.roots.iter().any(|known| known.name == root.name) {
                    return self.invalid(Declared { node, document }, format!("element {} twice", root.name));
                }
                self.ir.roots.push(root);
            }
            for node in document.root.children.iter().filter(|c| c.name == "attribute") {
                let mut attribute = self.attribute(Declared { node, document })?;
                attribute.name.ns.clone_from(&document.target);
                self.ir.attributes.push(attribute);
            }
            // Types that no element uses are looked at too: nothing is misread in silence.
            for node in
                document.root.children.iter().filter(|c| matches!(c.name.as_str(), "complexType" | "simpleType"))
            {
                let at = Declared { node, document };
                let Some(name) = node.attribute("name") else { return self.invalid(at, "a global type without name") };
                let name = QName::new(&document.target, name);
                if node.name == "complexType" {
                    self.complex(at, &name)?;
                } else {
                    self.simple_by_name(at, &name)?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn element(&mut self, at: Declared<'a>, global: bool) -> Result2<ElementIr> {
        let node = at.node;
        for name in ["substitutionGroup", "abstract", "default"] {
            if node.attribute(name).is_some_and(|value| !(name == "abstract" && matches!(value, "false" | "0"))) {
                return self.unsupported(at, format!("@{name} of an element"));
            }
        }
        let Some(name) = node.attribute("name") else { return self.invalid(at, "an element without name") };
        let qualified = global
            || match node.attribute("form") {
                Some(form) => form == "qualified",
                None => at.document.elements_qualified,
            };
        let name = QName::new(if qualified { &at.document.target } else { "" }, name);
        self.namespace(&name.ns.clone());
        let (wco_id, documentation) = annotation(node);
        let nillable = matches!(node.attribute("nillable"), Some("true" | "1"));
        let code_remarks = code_remarks(node);
        let fixed = node.attribute("fixed").map(str::to_owned);
        let mut kind = None;
        for child in self.children_of(at)? {
            let inner = Declared { node: child, document: at.document };
            kind = Some(match child.name.as_str() {
                "simpleType" => table::Type::Simple(self.simple(inner, &name.local)?),
                "complexType" => {
                    let number = self.reserve(&name);
                    let kind = table::Type::Complex(number);
                    if global {
                        // Within its own type it is known already.
                        let (name, wco_id, code_remarks) = (name.clone(), wco_id.clone(), code_remarks.clone());
                        let (documentation, fixed) = (documentation.clone(), fixed.clone());
                        let known = ElementIr { name, wco_id, code_remarks, documentation, kind, nillable, fixed };
                        self.globals.insert(known.name.clone(), known);
                    }
                    self.complex_now_or_later(inner, &name, number)?;
                    kind
                }
                other => return self.unsupported(at, format!("xs:{other} in an element")),
            });
        }
        if let Some(kind_name) = node.attribute("type") {
            if kind.is_some() {
                return self.invalid(at, "an element with @type and a type of its own");
            }
            let type_name = self.qname(at, kind_name)?;
            kind = Some(self.any_type(at, &type_name)?);
        }
        let kind = kind.unwrap_or(table::Type::Anything);
        let simple = match kind {
            table::Type::Simple(number) => Some(number),
            table::Type::Complex(number) => match self.ir.complexes[number as usize].content {
                ContentIr::Simple(number) => Some(number),
                _ => None,
            },
            table::Type::Anything => None,
        };
        let fixed = match (fixed, simple) {
            (Some(fixed), Some(simple)) => Some(self.fixed_value(at, simple, &fixed)?),
            (fixed, _) => fixed,
        };
        if let (Some(_), table::Type::Complex(number)) = (&fixed, kind)
            && !matches!(self.ir.complexes[number as usize].content, ContentIr::Simple(_))
        {
            return self.unsupported(at, "@fixed of an element with complex content");
        }
        Ok(ElementIr { name, wco_id, code_remarks, documentation, kind, nillable, fixed })
    }

    /// Children but annotations; refuses foreign ones.
    pub(super) fn children_of(&self, at: Declared<'a>) -> Result2<Vec<&'a Node>> {
        let mut out = Vec::new();
        for child in &at.node.children {
            if child.ns != ns::XSD {
                return self.unsupported(at, format!("element {} in a schema", child.name));
            }
            if child.name != "annotation" {
                out.push(child);
            }
        }
        Ok(out)
    }

    /// Refuses to derive from the type `base` in a way that it has said to be final (Part 1 §3.4.2, §3.14.2).
    pub(super) fn check_final(&self, at: Declared<'a>, base: &QName, method: &str) -> Result2<()> {
        let Some(found) = self.documents.global(&["complexType", "simpleType"], base) else { return Ok(()) };
        let value = found.node.attribute("final").or_else(|| found.document.root.attribute("finalDefault"));
        let value = value.unwrap_or_default();
        // Whether "#all" of a simple type forbids an extension is said nowhere.
        if method == "extension" && found.node.name == "simpleType" {
            return if value == "#all" { self.unsupported(at, "an extension of a final simple type") } else { Ok(()) };
        }
        if value == "#all" || value.split_whitespace().any(|word| word == method) {
            return self.invalid(at, format!("type {base} is final for {method}"));
        }
        Ok(())
    }

    pub(super) fn any_type(&mut self, at: Declared<'a>, name: &QName) -> Result2<table::Type> {
        if name.ns == ns::XSD {
            return if name.local == "anyType" {
                Ok(table::Type::Anything)
            } else {
                Ok(table::Type::Simple(self.builtin(at, &name.local)?))
            };
        }
        match self.documents.global(&["complexType", "simpleType"], name) {
            Some(found) if found.node.name == "complexType" => Ok(table::Type::Complex(self.complex(found, name)?)),
            Some(found) => Ok(table::Type::Simple(self.simple_by_name(found, name)?)),
            None => self.invalid(at, format!("no type {name}")),
        }
    }

    /// A global element, read once.
    pub(super) fn element_global(&mut self, at: Declared<'a>, name: &QName) -> Result2<ElementIr> {
        if let Some(known) = self.globals.get(name) {
            return Ok(known.clone());
        }
        let element = self.element(at, true)?;
        self.globals.insert(name.clone(), element.clone());
        Ok(element)
    }
}

/// What the annotation says of the code list.
pub(super) fn code_remarks(node: &Node) -> String {
    let annotation = node.children.iter().find(|child| child.name == "annotation");
    annotation.and_then(|a| a.descendant("WCOCodeRemarks")).map(|n| n.text.trim().to_owned()).unwrap_or_default()
}

/// WCO id and description of a component.
pub(super) fn annotation(node: &Node) -> (String, String) {
    let Some(annotation) = node.children.iter().find(|c| c.name == "annotation") else {
        return (String::new(), String::new());
    };
    let text = |name: &str| annotation.descendant(name).map(|n| n.text.trim().to_owned()).unwrap_or_default();
    let mut description = text("WCODescription");
    if description.is_empty() {
        description = text("documentation");
    }
    (text("WCOID"), description.split_whitespace().collect::<Vec<_>>().join(" "))
}
