//! Tables at run time, from schemas that were read just now: for tools and tests.

use super::{AttributeIr, ContentIr, ElementIr, FacetIr, Ir, ParticleIr, SimpleIr, TermIr, VarietyIr, WildcardIr};
use crate::contract::violation::Violations;
use crate::contract::{bind, datatype, pattern, table};
use crate::xml::{Document, NodeId};

/// Schemas that were read at run time, ready to check documents. For tools and tests: it is never freed.
#[derive(Debug)]
pub struct Checker {
    tables: &'static table::Tables,
    namespaces: Vec<String>,
}

impl Checker {
    /// From what was read.
    #[must_use]
    pub fn new(ir: &Ir) -> Self {
        Self { tables: ir.leak(), namespaces: ir.namespaces.clone() }
    }

    /// Checks the element `node` against the global element of its name.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn check(&self, document: &Document, node: NodeId) -> Result<(), Violations> {
        let namespaces: Vec<&str> = self.namespaces.iter().map(String::as_str).collect();
        let uri = |number: u8| namespaces.get(usize::from(number)).copied().unwrap_or("");
        let known = self.tables.roots.iter().find(|r| r.name == document.local(node) && uri(r.ns) == document.ns(node));
        let mut binder = bind::Binder::new(document, node, self.tables, &namespaces);
        match known {
            Some(root) if binder.enter_root(root) => binder.check(node, root.kind, root),
            _ => binder.unknown_root(),
        }
        binder.finish()
    }
}

impl Ir {
    /// The number of a namespace.
    #[must_use]
    pub fn number(&self, uri: &str) -> u8 {
        if uri.is_empty() {
            return table::NO_NAMESPACE;
        }
        self.namespaces.iter().position(|known| known == uri).map_or(table::NO_NAMESPACE, |at| at.min(254) as u8)
    }

    /// Tables that live as long as the program: for tools that read schemas at run time.
    #[must_use]
    pub fn leak(&self) -> &'static table::Tables {
        let leak = |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
        let simples: Vec<datatype::Simple> = self.simples.iter().map(leak_simple).collect();
        let complexes: Vec<table::Complex> = self
            .complexes
            .iter()
            .map(|complex| table::Complex {
                name: leak(&complex.name.local),
                attributes: complex.attributes.iter().map(|a| self.leak_attribute(a)).collect::<Vec<_>>().leak(),
                any_attribute: complex.any_attribute.as_ref().map(|(w, p)| (self.leak_wildcard(w), *p)),
                flat: complex.content.flat_tables().map(table::FlatTables::leak),
                owes_attribute: complex.attributes.iter().any(|attribute| attribute.required),
                content: match &complex.content {
                    ContentIr::Empty => table::Content::Empty,
                    ContentIr::Simple(number) => table::Content::Simple(*number),
                    ContentIr::Elements { elements, model, mixed } => table::Content::Elements {
                        elements: elements.iter().map(|e| self.leak_element(e)).collect::<Vec<_>>().leak(),
                        model: self.leak_particle(model),
                        mixed: *mixed,
                    },
                },
            })
            .collect();
        Box::leak(Box::new(table::Tables {
            simples: simples.leak(),
            complexes: complexes.leak(),
            roots: self.roots.iter().map(|e| self.leak_element(e)).collect::<Vec<_>>().leak(),
            attributes: self.attributes.iter().map(|a| self.leak_attribute(a)).collect::<Vec<_>>().leak(),
            wildcards_are_foreign: false,
        }))
    }

    fn leak_attribute(&self, attribute: &AttributeIr) -> table::Attribute {
        table::Attribute {
            ns: self.number(&attribute.name.ns),
            name: attribute.name.local.clone().leak(),
            simple: attribute.simple,
            required: attribute.required,
            prohibited: attribute.prohibited,
            fixed: attribute.fixed.clone().map(|f| &*f.leak()),
        }
    }

    fn leak_element(&self, element: &ElementIr) -> table::Element {
        table::Element {
            ns: self.number(&element.name.ns),
            name: element.name.local.clone().leak(),
            wco_id: element.wco_id.clone().leak(),
            kind: element.kind,
            nillable: element.nillable,
            fixed: element.fixed.clone().map(|f| &*f.leak()),
        }
    }

    fn leak_wildcard(&self, wildcard: &WildcardIr) -> table::Wildcard {
        match wildcard {
            WildcardIr::Any => table::Wildcard::Any,
            WildcardIr::Other(uri) => table::Wildcard::Other(self.number(uri)),
            WildcardIr::List(list) => {
                table::Wildcard::List(list.iter().map(|uri| self.number(uri)).collect::<Vec<_>>().leak())
            }
        }
    }

    fn leak_particle(&self, particle: &ParticleIr) -> table::Particle {
        let parts = |list: &[ParticleIr]| -> &'static [table::Particle] {
            list.iter().map(|p| self.leak_particle(p)).collect::<Vec<_>>().leak()
        };
        let term = match &particle.term {
            TermIr::Element(number) => table::Term::Element(*number),
            TermIr::Any(wildcard, process) => table::Term::Any(self.leak_wildcard(wildcard), *process),
            TermIr::Sequence(list) => table::Term::Sequence(parts(list)),
            TermIr::Choice(list) => table::Term::Choice(parts(list)),
            TermIr::All(list) => table::Term::All(parts(list)),
        };
        table::Particle { min: particle.min, max: particle.max, term }
    }
}

fn leak_simple(simple: &SimpleIr) -> datatype::Simple {
    use datatype::{Facet, Variety};
    let facets = simple
        .facets
        .iter()
        .map(|facet| match facet {
            FacetIr::Number("Length", n) => Facet::Length(*n),
            FacetIr::Number("MinLength", n) => Facet::MinLength(*n),
            FacetIr::Number("MaxLength", n) => Facet::MaxLength(*n),
            FacetIr::Number("TotalDigits", n) => Facet::TotalDigits(*n),
            FacetIr::Number(_, n) => Facet::FractionDigits(*n),
            FacetIr::Bound("MinInclusive", v) => Facet::MinInclusive(v.clone().leak()),
            FacetIr::Bound("MinExclusive", v) => Facet::MinExclusive(v.clone().leak()),
            FacetIr::Bound("MaxInclusive", v) => Facet::MaxInclusive(v.clone().leak()),
            FacetIr::Bound(_, v) => Facet::MaxExclusive(v.clone().leak()),
            FacetIr::Pattern(list, words) => Facet::Pattern(
                list.iter().cloned().map(pattern::Compiled::leak).collect::<Vec<_>>().leak(),
                words.clone().leak(),
            ),
            FacetIr::Enumeration(list) => {
                Facet::Enumeration(list.iter().map(|v| &*v.clone().leak()).collect::<Vec<_>>().leak())
            }
        })
        .collect::<Vec<_>>()
        .leak();
    let variety = match &simple.variety {
        VarietyIr::Atomic(primitive) => Variety::Atomic(*primitive),
        VarietyIr::List(item) => Variety::List(*item),
        VarietyIr::Union(members) => Variety::Union(members.clone().leak()),
    };
    datatype::Simple::new(simple.name.clone().leak(), variety, simple.white_space, facets)
}

/// What is wrong with a value of the simple type with this number.
pub(super) fn broken(ir: &Ir, number: u32, value: &str) -> Vec<datatype::Broken> {
    let simples: &'static [datatype::Simple] = ir.simples.iter().map(leak_simple).collect::<Vec<_>>().leak();
    let mut broken = Vec::new();
    if let Some(simple) = simples.get(number as usize) {
        datatype::check(simples, simple, value, &mut broken);
    }
    broken
}
