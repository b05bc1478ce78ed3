//! Schema documents with all that they import and include, each loaded once for a target namespace (XML Schema Part 1
//! §4.2; chameleons §4.2.1).

use std::collections::BTreeSet;

use super::Resolver;
use crate::contract::form;
use crate::contract::read::{Error, Node, QName};
use crate::xml::ns;

/// A component and the document that declares it.
#[derive(Clone, Copy)]
pub(super) struct Declared<'a> {
    pub(super) node: &'a Node,
    pub(super) document: &'a SchemaDocument,
}

pub(super) struct SchemaDocument {
    pub(super) location: String,
    pub(super) target: String,
    pub(super) root: Node,
    pub(super) elements_qualified: bool,
    pub(super) attributes_qualified: bool,
}

#[derive(Default)]
pub(super) struct Documents {
    pub(super) list: Vec<SchemaDocument>,
    pub(super) loaded: BTreeSet<(String, String)>,
}

pub(super) const DOCUMENTS_MAX: usize = 200;

impl Documents {
    pub(super) fn load(
        &mut self,
        from: &str,
        reference: &str,
        include: Option<&str>,
        resolver: &dyn Resolver,
    ) -> Result<(), Error> {
        let (location, text) = resolver.resolve(from, reference)?;
        let root = Node::read(&location, &text)?;
        if root.ns != ns::XSD || root.name != "schema" {
            return Err(Error::Invalid { location, what: "expected xs:schema".to_owned() });
        }
        form::check(&location, &root)?;
        let own = root.attribute("targetNamespace").map(str::to_owned);
        let target = match (own, include) {
            (Some(own), Some(wanted)) if own != wanted => {
                let what = format!("an include needs the target namespace {wanted:?}, the document has {own:?}");
                return Err(Error::Invalid { location, what });
            }
            (Some(own), _) => own,
            (None, wanted) => wanted.unwrap_or_default().to_owned(),
        };
        if !self.loaded.insert((location.clone(), target.clone())) {
            return Ok(());
        }
        if self.list.len() >= DOCUMENTS_MAX {
            return Err(Error::Unsupported {
                location,
                construct: "more than 200 documents".to_owned(),
                at: String::new(),
            });
        }
        let form = |name: &str| root.attribute(name) == Some("qualified");
        let (elements_qualified, attributes_qualified) = (form("elementFormDefault"), form("attributeFormDefault"));
        let references: Vec<(bool, Option<String>, Option<String>)> = root
            .children
            .iter()
            .filter(|c| c.ns == ns::XSD && matches!(c.name.as_str(), "import" | "include"))
            .map(|c| {
                let get = |name: &str| c.attribute(name).map(str::to_owned);
                (c.name == "include", get("schemaLocation"), get("namespace"))
            })
            .collect();
        // A chameleon's unprefixed references mean the namespace of its includer.
        let mut root = root;
        if root.attribute("targetNamespace").is_none() && !target.is_empty() {
            adopt(&mut root, &target);
        }
        self.list.push(SchemaDocument {
            location: location.clone(),
            target: target.clone(),
            root,
            elements_qualified,
            attributes_qualified,
        });
        for (include, reference, _) in references {
            match reference {
                Some(reference) => {
                    let wanted = if include { Some(target.as_str()) } else { None };
                    self.load(&location, &reference, wanted, resolver)?;
                }
                None if include => {
                    return Err(Error::Invalid { location, what: "xs:include without schemaLocation".to_owned() });
                }
                None => {}
            }
        }
        Ok(())
    }

    pub(super) fn global(&self, kinds: &[&str], name: &QName) -> Option<Declared<'_>> {
        self.list.iter().filter(|document| document.target == name.ns).find_map(|document| {
            document
                .root
                .children
                .iter()
                .find(|c| {
                    c.ns == ns::XSD
                        && kinds.contains(&c.name.as_str())
                        && c.attribute("name") == Some(name.local.as_str())
                })
                .map(|node| Declared { node, document })
        })
    }
}

pub(super) fn adopt(node: &mut Node, target: &str) {
    node.prefixes.entry(String::new()).or_insert_with(|| target.to_owned());
    if node.prefixes.get("").is_some_and(String::is_empty) {
        node.prefixes.insert(String::new(), target.to_owned());
    }
    for child in &mut node.children {
        adopt(child, target);
    }
}

/// Text of a document in UTF-8, or in the encoding of its XML declaration, which then goes.
///
/// # Errors
/// What is wrong.
pub(super) fn decoded(octets: Vec<u8>) -> Result<String, String> {
    let octets = match String::from_utf8(octets) {
        Ok(text) => return Ok(text),
        Err(error) => error.into_bytes(),
    };
    let head: String = octets.iter().take(200).map(|octet| char::from(*octet)).collect();
    let declaration = head.strip_prefix("<?xml").and_then(|rest| rest.split_once("?>"));
    let label = declaration.and_then(|(inside, _)| inside.split_once("encoding")).and_then(|(_, rest)| {
        let value = rest.trim_start().strip_prefix('=')?.trim_start();
        let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
        value.get(1..)?.split(quote).next()
    });
    let encoding = label.and_then(|label| encoding_rs::Encoding::for_label(label.as_bytes()));
    let Some(encoding) = encoding.filter(|encoding| *encoding != encoding_rs::UTF_8) else {
        return Err("not UTF-8, and no other encoding declared that is known".to_owned());
    };
    match encoding.decode_without_bom_handling_and_without_replacement(&octets) {
        Some(text) => Ok(text.split_once("?>").map_or_else(|| text.to_string(), |(_, rest)| rest.to_owned())),
        None => Err(format!("not in its encoding {}", encoding.name())),
    }
}
