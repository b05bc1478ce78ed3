//! Complex types: simple and complex content, extension and restriction (XML Schema Part 1 §3.4).

use super::attribute::Parts;
use super::component::{Compiler, Result2, annotation};
use super::document::Declared;
use super::{ComplexIr, ContentIr, ParticleIr, TermIr, VarietyIr, WildcardIr};
use crate::contract::datatype::Primitive;
use crate::contract::read::{Node, QName};
use crate::contract::table::{self, UNBOUNDED};

impl<'a> Compiler<'a> {
    pub(super) fn complex(&mut self, at: Declared<'a>, name: &QName) -> Result2<u32> {
        if let Some(number) = self.complexes.get(name) {
            return Ok(*number);
        }
        let number = self.reserve(name);
        self.complexes.insert(name.clone(), number);
        let waits = self.base_is_open(at)?;
        self.open.insert((3, name.clone()));
        if waits {
            self.waiting.push_back((at, name.clone(), number));
            return Ok(number);
        }
        let complex = self.complex_body(at, name, number)?;
        self.open.remove(&(3, name.clone()));
        self.ir.complexes[number as usize] = complex;
        Ok(number)
    }

    /// Whether the type is derived from one that is being read: it waits until that one is whole.
    fn base_is_open(&self, at: Declared<'a>) -> Result2<bool> {
        let contents =
            at.node.children.iter().filter(|c| matches!(c.name.as_str(), "simpleContent" | "complexContent"));
        for derivation in contents.flat_map(|content| &content.children) {
            if let Some(base) = derivation.attribute("base") {
                let base = self.qname(Declared { node: derivation, document: at.document }, base)?;
                return Ok(self.open.contains(&(3, base)));
            }
        }
        Ok(false)
    }

    /// Reads the anonymous type of an element, or lets it wait for its base.
    pub(super) fn complex_now_or_later(&mut self, at: Declared<'a>, name: &QName, number: u32) -> Result2<()> {
        if self.base_is_open(at)? {
            self.waiting.push_back((at, name.clone(), number));
        } else {
            self.ir.complexes[number as usize] = self.complex_body(at, name, number)?;
        }
        Ok(())
    }

    /// Reads the types that wait, each after its base.
    pub(super) fn complexes_that_wait(&mut self) -> Result2<()> {
        while let Some((at, name, number)) = self.waiting.pop_front() {
            let complex = self.complex_body(at, &name, number)?;
            if self.complexes.get(&name) == Some(&number) {
                self.open.remove(&(3, name));
            }
            self.ir.complexes[number as usize] = complex;
        }
        Ok(())
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
                self.finish_wildcard(at, &mut parts)?;
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
            // Any type may hold a text alone; a restriction says which (Part 1 §3.4.2).
            table::Type::Anything
                if derivation.node.name == "restriction" && nodes.iter().any(|n| n.name == "simpleType") =>
            {
                parts.any_attribute = Some((WildcardIr::Any, table::Process::Lax));
                (self.builtin(derivation, "anySimpleType")?, None)
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
        self.finish_wildcard(derivation, parts)?;
        if derivation.node.name == "extension" {
            if !rest.is_empty() {
                return self.unsupported(derivation, format!("xs:{} in an extension", rest[0].name));
            }
            let shape = base_shape.filter(|_| before == parts.attributes);
            return Ok((base_simple, shape));
        }
        if base_shape.is_none() && base_type != table::Type::Anything {
            return self.invalid(derivation, "a restriction of simple content needs a complex base");
        }
        let (base_simple, rest) = self.narrowed(derivation, base_simple, rest, name)?;
        let simple = self.restrict(derivation, base_simple, rest, name)?;
        let shape = base_shape.filter(|_| before == parts.attributes);
        Ok((simple, shape))
    }

    /// A restriction of simple content may begin with a type of its own, which must be of the same kind as that of the base.
    fn narrowed(
        &mut self,
        at: Declared<'a>,
        base: u32,
        mut nodes: Vec<&'a Node>,
        name: &str,
    ) -> Result2<(u32, Vec<&'a Node>)> {
        if nodes.first().is_none_or(|node| node.name != "simpleType") {
            return Ok((base, nodes));
        }
        let own = self.simple(Declared { node: nodes.remove(0), document: at.document }, name)?;
        let simple = |number: u32| &self.ir.simples[number as usize];
        // That it is derived from the base is seen where it has all that the base has.
        let has_all = simple(own).facets.starts_with(&simple(base).facets);
        let is_any = simple(base).variety == VarietyIr::Atomic(Primitive::Any);
        if !is_any && (simple(own).variety != simple(base).variety || !has_all) {
            return self
                .unsupported(at, "a type within a restriction of simple content that is not derived from the base");
        }
        Ok((own, nodes))
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
            Some(base) => {
                let base = self.qname(at, base)?;
                self.check_final(at, &base, &at.node.name)?;
                Ok(base)
            }
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
            // What it adds behind anything cannot be told from that, but attributes can.
            table::Type::Anything => {
                let any = (WildcardIr::Any, table::Process::Lax);
                parts.any_attribute = Some(any.clone());
                parts.inherited = Some(any.clone());
                let anything = ParticleIr { min: 0, max: UNBOUNDED, term: TermIr::Any(any.0, any.1) };
                model = Some(ParticleIr { min: 1, max: 1, term: TermIr::Sequence(vec![anything]) });
                base_mixed = true;
            }
            _ => return self.unsupported(derivation, "complex content on this base"),
        }
        let nodes = self.children_of(derivation)?;
        let rest = self.attributes(derivation.document, nodes, parts)?;
        self.finish_wildcard(derivation, parts)?;
        if !restriction && model.is_some() && base_mixed != mixed && !rest.is_empty() {
            return self.unsupported(derivation, "an extension that changes mixed content");
        }
        self.content(derivation, rest, if restriction { mixed } else { mixed || base_mixed }, elements, model)
    }
}
