//! Attributes, attribute groups and wildcards (XML Schema Part 1 §3.2, §3.6, §3.10).

use std::collections::BTreeSet;

use super::component::{Compiler, Result2};
use super::document::{Declared, SchemaDocument};
use super::{AttributeIr, WildcardIr};
use crate::contract::read::{Error, Node, QName};
use crate::contract::table;
use crate::xml::ns;

/// The parts of a complex type as it is put together.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) attributes: Vec<AttributeIr>,
    pub(super) any_attribute: Option<(WildcardIr, table::Process)>,
    /// That of the type itself and of its attribute groups.
    pub(super) stated: Option<(WildcardIr, table::Process)>,
    /// The base type's, which an extension adds to.
    pub(super) inherited: Option<(WildcardIr, table::Process)>,
    /// Whether a restriction is read: it may prohibit attributes of its base.
    pub(super) restricts: bool,
    /// Attributes that the type itself names.
    pub(super) own: BTreeSet<QName>,
    /// The wildcard of the base that is restricted.
    pub(super) base_wildcard: Option<WildcardIr>,
}

/// Either of two wildcards (Part 1 §3.10.6); none where it cannot be said.
pub(super) fn union(a: &WildcardIr, b: &WildcardIr) -> Option<WildcardIr> {
    match (a, b) {
        (WildcardIr::Any, _) | (_, WildcardIr::Any) => Some(WildcardIr::Any),
        (a, b) if a == b => Some(a.clone()),
        (WildcardIr::List(a), WildcardIr::List(b)) => {
            let mut all = a.clone();
            all.extend(b.iter().filter(|uri| !a.contains(uri)).cloned());
            Some(WildcardIr::List(all))
        }
        (WildcardIr::Other(not), WildcardIr::List(list)) | (WildcardIr::List(list), WildcardIr::Other(not)) => {
            match (list.contains(not), list.iter().any(String::is_empty)) {
                (true, true) => Some(WildcardIr::Any),
                (false, false) => Some(WildcardIr::Other(not.clone())),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Whether a wildcard takes what is in a namespace.
pub(super) fn takes(wildcard: &WildcardIr, uri: &str) -> bool {
    match wildcard {
        WildcardIr::Any => true,
        WildcardIr::Other(not) => uri != not && !uri.is_empty(),
        WildcardIr::List(list) => list.iter().any(|known| known == uri),
    }
}

/// Whether a wildcard takes nothing but what another one takes (Part 1 §3.10.6).
fn is_within(part: &WildcardIr, whole: &WildcardIr) -> bool {
    match (part, whole) {
        (_, WildcardIr::Any) => true,
        (WildcardIr::List(list), whole) => list.iter().all(|uri| takes(whole, uri)),
        (part, whole) => part == whole,
    }
}

/// Both of two wildcards (Part 1 §3.10.6); none where it cannot be said.
fn intersection(a: &WildcardIr, b: &WildcardIr) -> Option<WildcardIr> {
    match (a, b) {
        (WildcardIr::Any, other) | (other, WildcardIr::Any) => Some(other.clone()),
        (a, b) if a == b => Some(a.clone()),
        (WildcardIr::List(a), WildcardIr::List(b)) => {
            Some(WildcardIr::List(a.iter().filter(|uri| b.contains(uri)).cloned().collect()))
        }
        (WildcardIr::Other(not), WildcardIr::List(list)) | (WildcardIr::List(list), WildcardIr::Other(not)) => {
            Some(WildcardIr::List(list.iter().filter(|uri| *uri != not && !uri.is_empty()).cloned().collect()))
        }
        // All but one, and all but another; only that of no namespace says less than the other.
        (WildcardIr::Other(a), WildcardIr::Other(b)) if a.is_empty() => Some(WildcardIr::Other(b.clone())),
        (WildcardIr::Other(a), WildcardIr::Other(b)) if b.is_empty() => Some(WildcardIr::Other(a.clone())),
        _ => None,
    }
}

impl<'a> Compiler<'a> {
    pub(super) fn attribute(&mut self, at: Declared<'a>) -> Result2<AttributeIr> {
        let node = at.node;
        let usage = node.attribute("use").unwrap_or("optional");
        let (declared, name) = match node.attribute("ref") {
            Some(reference) => {
                let name = self.qname(at, reference)?;
                if name.ns == ns::XML {
                    let kind = match name.local.as_str() {
                        "lang" => "language",
                        "space" => "NCName",
                        "base" => "anyURI",
                        _ => return self.unsupported(at, format!("attribute {name}")),
                    };
                    self.namespace(ns::XML);
                    let simple = self.builtin(at, kind)?;
                    let fixed = node.attribute("fixed").map(str::to_owned);
                    return Ok(AttributeIr {
                        name,
                        simple,
                        required: usage == "required",
                        prohibited: usage == "prohibited",
                        fixed,
                    });
                }
                match self.documents.global(&["attribute"], &name) {
                    Some(found) => (found, name),
                    None => return self.invalid(at, format!("no attribute {name}")),
                }
            }
            None => {
                let Some(local) = node.attribute("name") else { return self.invalid(at, "an attribute without name") };
                let qualified = match node.attribute("form") {
                    Some(form) => form == "qualified",
                    None => at.document.attributes_qualified,
                };
                (at, QName::new(if qualified { &at.document.target } else { "" }, local))
            }
        };
        self.namespace(&name.ns.clone());
        let mut simple = None;
        for child in self.children_of(declared)? {
            if child.name != "simpleType" {
                return self.unsupported(declared, format!("xs:{} in an attribute", child.name));
            }
            simple = Some(self.simple(Declared { node: child, document: declared.document }, &name.local)?);
        }
        if let Some(kind) = declared.node.attribute("type") {
            let kind = self.qname(declared, kind)?;
            simple = Some(self.simple_reference(declared, &kind)?);
        }
        let simple = match simple {
            Some(simple) => simple,
            None => self.builtin(declared, "anySimpleType")?,
        };
        let fixed = match node.attribute("fixed").or_else(|| declared.node.attribute("fixed")) {
            Some(fixed) => Some(self.fixed_value(at, simple, fixed)?),
            None => None,
        };
        Ok(AttributeIr { name, simple, required: usage == "required", prohibited: usage == "prohibited", fixed })
    }

    /// Takes attribute declarations among `nodes` into `parts`; gives what is left.
    pub(super) fn attributes(
        &mut self,
        document: &'a SchemaDocument,
        nodes: Vec<&'a Node>,
        parts: &mut Parts,
    ) -> Result2<Vec<&'a Node>> {
        let (mut rest, mut local) = (Vec::new(), None);
        let before = parts.stated.take();
        for node in nodes {
            let at = Declared { node, document };
            match node.name.as_str() {
                "attribute" => {
                    let attribute = self.attribute(at)?;
                    if attribute.prohibited && !parts.restricts {
                        // In an extension or a declaration there is nothing to take away.
                        continue;
                    }
                    let own = parts.own.insert(attribute.name.clone());
                    match parts.attributes.iter_mut().find(|known| known.name == attribute.name) {
                        Some(known) if parts.restricts && own => {
                            if known.required && !attribute.required {
                                return self.invalid(at, "a restriction makes a required attribute optional");
                            }
                            *known = attribute;
                        }
                        Some(_) => return self.invalid(at, format!("attribute {} twice", attribute.name)),
                        None if parts.restricts
                            && !attribute.prohibited
                            && !parts.base_wildcard.as_ref().is_some_and(|w| takes(w, &attribute.name.ns)) =>
                        {
                            return self
                                .invalid(at, format!("attribute {} is not one of the base type", attribute.name));
                        }
                        None if parts.restricts && attribute.prohibited => {}
                        None => parts.attributes.push(attribute),
                    }
                }
                "attributeGroup" => self.attribute_group(at, parts)?,
                "anyAttribute" => {
                    let wildcard = self.wildcard(at)?;
                    local = Some(wildcard);
                }
                _ => rest.push(node),
            }
        }
        // Only what all of them take, looked at as the one that stands here says (Part 1 §3.4.2).
        let groups = parts.stated.take();
        for wildcard in [before, local, groups].into_iter().flatten() {
            parts.stated = match parts.stated.take() {
                None => Some(wildcard),
                Some((known, process)) => match intersection(&known, &wildcard.0) {
                    Some(both) => Some((both, process)),
                    None => {
                        let construct = "several attribute wildcards that no one can stand for";
                        return Err(Error::Unsupported {
                            location: document.location.clone(),
                            construct: construct.to_owned(),
                            at: String::new(),
                        });
                    }
                },
            };
        }
        Ok(rest)
    }

    /// Puts the wildcard that the type states beside the one of its base.
    pub(super) fn finish_wildcard(&self, at: Declared<'a>, parts: &mut Parts) -> Result2<()> {
        let Some((stated, process)) = parts.stated.take() else { return Ok(()) };
        if parts.restricts && !parts.base_wildcard.as_ref().is_some_and(|base| is_within(&stated, base)) {
            return self.invalid(at, "a restriction takes attributes that its base does not take");
        }
        let wildcard = match parts.inherited.take() {
            Some((inherited, _)) => match union(&stated, &inherited) {
                Some(union) => union,
                None => return self.unsupported(at, "this union of attribute wildcards"),
            },
            None => stated,
        };
        parts.any_attribute = Some((wildcard, process));
        Ok(())
    }

    pub(super) fn attribute_group(&mut self, at: Declared<'a>, parts: &mut Parts) -> Result2<()> {
        let Some(reference) = at.node.attribute("ref") else {
            return self.invalid(at, "an attribute group without ref");
        };
        let name = self.qname(at, reference)?;
        let Some(found) = self.documents.global(&["attributeGroup"], &name) else {
            return self.invalid(at, format!("no attribute group {name}"));
        };
        if !self.open.insert((1, name.clone())) {
            return self.invalid(at, format!("attribute group {name} contains itself"));
        }
        let nodes = self.children_of(found)?;
        let rest = self.attributes(found.document, nodes, parts)?;
        self.open.remove(&(1, name));
        match rest.first() {
            Some(other) => self.unsupported(found, format!("xs:{} in an attribute group", other.name)),
            None => Ok(()),
        }
    }

    pub(super) fn wildcard(&mut self, at: Declared<'a>) -> Result2<(WildcardIr, table::Process)> {
        let target = at.document.target.clone();
        let wildcard = match at.node.attribute("namespace").unwrap_or("##any") {
            "##any" => WildcardIr::Any,
            "##other" => WildcardIr::Other(target),
            list => WildcardIr::List(
                list.split_whitespace()
                    .map(|uri| match uri {
                        "##targetNamespace" => target.clone(),
                        "##local" => String::new(),
                        other => other.to_owned(),
                    })
                    .collect(),
            ),
        };
        match &wildcard {
            WildcardIr::Other(uri) => self.namespace(&uri.clone()),
            WildcardIr::List(list) => list.clone().iter().for_each(|uri| self.namespace(uri)),
            WildcardIr::Any => {}
        }
        let process = match at.node.attribute("processContents").unwrap_or("strict") {
            "skip" => table::Process::Skip,
            "lax" => table::Process::Lax,
            "strict" => table::Process::Strict,
            other => return self.invalid(at, format!("processContents {other:?}")),
        };
        Ok((wildcard, process))
    }
}
