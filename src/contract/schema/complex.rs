//! Complex types: simple and complex content, extension and restriction (XML Schema Part 1 §3.4).

use super::attribute::Parts;
use super::component::{Compiler, Result2, annotation};
use super::document::Declared;
use super::{ComplexIr, ContentIr, WildcardIr};
use crate::contract::read::QName;
use crate::contract::table;

impl<'a> Compiler<'a> {
    pub(super) fn complex(&mut self, at: Declared<'a>, name: &QName) -> Result2<u32> {
        if let Some(number) = self.complexes.get(name) {
            return Ok(*number);
        }
        let number = self.reserve(name);
        self.complexes.insert(name.clone(), number);
        self.open.insert((3, name.clone()));
        let complex = self.complex_body(at, name, number)?;
        self.open.remove(&(3, name.clone()));
        self.ir.complexes[number as usize] = complex;
        Ok(number)
    }

    pub(super) fn complex_anonymous(&mut self, at: Declared<'a>, name: &QName) -> Result2<u32> {
        let number = self.reserve(name);
        let complex = self.complex_body(at, name, number)?;
        self.ir.complexes[number as usize] = complex;
        Ok(number)
    }

    pub(super) fn reserve(&mut self, name: &QName) -> u32 {
        let number = self.ir.complexes.len() as u32;
        self.ir.complexes.push(ComplexIr {
            name: name.clone(),
            documentation: String::new(),
            shape: number,
            attributes: Vec::new(),
            any_attribute: None,
            content: ContentIr::Empty,
        });
        number
    }

    pub(super) fn complex_body(&mut self, at: Declared<'a>, name: &QName, number: u32) -> Result2<ComplexIr> {
        self.depth += 1;
        if self.depth > 100 {
            return self.unsupported(at, "types nested deeper than 100");
        }
        if matches!(at.node.attribute("abstract"), Some("true" | "1")) {
            return self.unsupported(at, "an abstract type");
        }
        self.documentation.push(annotation(at.node).1);
        let mixed = matches!(at.node.attribute("mixed"), Some("true" | "1"));
        let mut parts = Parts::default();
        let nodes = self.children_of(at)?;
        let special = nodes.iter().find(|n| matches!(n.name.as_str(), "simpleContent" | "complexContent")).copied();
        let mut shape = number;
        let content = match special {
            Some(content) if nodes.len() == 1 => {
                let inner = Declared { node: content, document: at.document };
                if content.name == "simpleContent" {
                    let (simple, base) = self.simple_content(inner, &name.local, &mut parts)?;
                    shape = base.unwrap_or(number);
                    ContentIr::Simple(simple)
                } else {
                    self.complex_content(inner, mixed, &mut parts)?
                }
            }
            Some(_) => return self.invalid(at, "content beside simpleContent or complexContent"),
            None => {
                let rest = self.attributes(at.document, nodes, &mut parts)?;
                self.content(at, rest, mixed, Vec::new(), None)?
            }
        };
        self.depth -= 1;
        if parts.attributes.len() > 64 {
            return self.unsupported(at, "more than 64 attributes");
        }
        let documentation = self.documentation.pop().unwrap_or_default();
        Ok(ComplexIr {
            name: name.clone(),
            documentation,
            shape,
            attributes: parts.attributes,
            any_attribute: parts.any_attribute,
            content,
        })
    }

    /// Gives the simple type, and the shape of the base when only facets are added.
    pub(super) fn simple_content(
        &mut self,
        at: Declared<'a>,
        name: &str,
        parts: &mut Parts,
    ) -> Result2<(u32, Option<u32>)> {
        let derivation = self.derivation(at)?;
        let base = self.base(derivation)?;
        let nodes = self.children_of(derivation)?;
        let base_type = self.any_type(derivation, &base)?;
        let (base_simple, base_shape) = match base_type {
            table::Type::Simple(number) => (number, None),
            table::Type::Complex(number) => {
                if self.open.contains(&(3, base.clone())) {
                    return self.invalid(derivation, format!("type {base} is derived from itself"));
                }
                let complex = &self.ir.complexes[number as usize];
                let ContentIr::Simple(simple) = complex.content else {
                    return self.unsupported(derivation, "simple content on a type without");
                };
                parts.attributes.clone_from(&complex.attributes);
                parts.any_attribute.clone_from(&complex.any_attribute);
                (simple, Some(complex.shape))
            }
            table::Type::Anything => return self.invalid(derivation, "simple content on any type"),
        };
        let before = parts.attributes.clone();
        if derivation.node.name == "restriction" {
            parts.restricts = true;
            parts.base_wildcard = parts.any_attribute.as_ref().map(|(wildcard, _)| wildcard.clone());
            parts.any_attribute = None;
        } else {
            parts.inherited.clone_from(&parts.any_attribute);
        }
        let rest = self.attributes(derivation.document, nodes, parts)?;
        if derivation.node.name == "extension" {
            if !rest.is_empty() {
                return self.unsupported(derivation, format!("xs:{} in an extension", rest[0].name));
            }
            let shape = base_shape.filter(|_| before == parts.attributes);
            return Ok((base_simple, shape));
        }
        if base_shape.is_none() {
            return self.invalid(derivation, "a restriction of simple content needs a complex base");
        }
        let simple = self.restrict(derivation, base_simple, rest, name)?;
        let shape = base_shape.filter(|_| before == parts.attributes);
        Ok((simple, shape))
    }

    pub(super) fn derivation(&self, at: Declared<'a>) -> Result2<Declared<'a>> {
        match self.children_of(at)?.as_slice() {
            [node] if matches!(node.name.as_str(), "extension" | "restriction") => {
                Ok(Declared { node, document: at.document })
            }
            _ => self.invalid(at, "expected one extension or restriction"),
        }
    }

    pub(super) fn base(&self, at: Declared<'a>) -> Result2<QName> {
        match at.node.attribute("base") {
            Some(base) => self.qname(at, base),
            None => self.invalid(at, "a derivation without base"),
        }
    }

    pub(super) fn complex_content(
        &mut self,
        at: Declared<'a>,
        outer_mixed: bool,
        parts: &mut Parts,
    ) -> Result2<ContentIr> {
        let mixed = match at.node.attribute("mixed") {
            Some(value) => matches!(value, "true" | "1"),
            None => outer_mixed,
        };
        let derivation = self.derivation(at)?;
        let base = self.base(derivation)?;
        let restriction = derivation.node.name == "restriction";
        parts.restricts = restriction;
        let (mut elements, mut model, mut base_mixed) = (Vec::new(), None, mixed);
        match self.any_type(derivation, &base)? {
            table::Type::Complex(number) => {
                if self.open.contains(&(3, base.clone())) {
                    return self.unsupported(derivation, format!("a type derived from {base}, which contains it"));
                }
                let complex = &self.ir.complexes[number as usize];
                parts.attributes.clone_from(&complex.attributes);
                parts.base_wildcard = complex.any_attribute.as_ref().map(|(wildcard, _)| wildcard.clone());
                if !restriction {
                    parts.any_attribute.clone_from(&complex.any_attribute);
                    parts.inherited.clone_from(&complex.any_attribute);
                }
                match &complex.content {
                    ContentIr::Elements { elements: e, model: m, mixed } if !restriction => {
                        elements.clone_from(e);
                        model = Some(m.clone());
                        base_mixed = *mixed;
                    }
                    ContentIr::Simple(_) => return self.unsupported(derivation, "complex content on simple content"),
                    _ => {}
                }
            }
            table::Type::Anything if restriction => parts.base_wildcard = Some(WildcardIr::Any),
            _ => return self.unsupported(derivation, "complex content on this base"),
        }
        let nodes = self.children_of(derivation)?;
        let rest = self.attributes(derivation.document, nodes, parts)?;
        if !restriction && model.is_some() && base_mixed != mixed && !rest.is_empty() {
            return self.unsupported(derivation, "an extension that changes mixed content");
        }
        self.content(derivation, rest, if restriction { mixed } else { mixed || base_mixed }, elements, model)
    }
}
