//! The tables of the types: simple types with facets and patterns, complex types with attributes and models, roots.

use std::fmt::Write as _;

use super::{Generator, Scope, sorted};
use crate::contract::schema::{
    AttributeIr, ComplexIr, ContentIr, ElementIr, FacetIr, ParticleIr, TermIr, VarietyIr, WildcardIr,
};
use crate::contract::table::{FlatTables, Place, Type};

impl Generator<'_> {
    pub(super) fn tables(&mut self) {
        self.pattern_statics();
        let mut simples = String::new();
        for simple in &self.ir.simples {
            let variety = match &simple.variety {
                VarietyIr::Atomic(primitive) => format!("Variety::Atomic(Primitive::{primitive:?})"),
                VarietyIr::List(item) => format!("Variety::List({item})"),
                VarietyIr::Union(members) => format!("Variety::Union(&{members:?})"),
            };
            let facets: Vec<String> = simple.facets.iter().map(|facet| self.facet(facet)).collect();
            let _ = writeln!(
                simples,
                "    Simple::new({:?}, {variety}, WhiteSpace::{:?}, &[{}]),",
                simple.name,
                simple.white_space,
                facets.join(", ")
            );
        }
        let complexes: String = self.ir.complexes.iter().map(|complex| self.complex_row(complex)).collect();
        let roots: String = self.ir.roots.iter().map(|root| format!("    {},\n", self.element_row(root))).collect();
        let attributes: Vec<String> = self.ir.attributes.iter().map(|a| self.attribute_row(a)).collect();
        let attributes = attributes.join(", ");
        // In the contract one of ours out of its place is no extension; XML Schema cannot say so.
        let foreign = self.scope == Scope::Contract;
        line!(self, "/// The types of the contract, by number.");
        line!(self, "pub static TABLES: Tables = Tables {{");
        line!(
            self,
            "    simples: SIMPLES,\n    complexes: COMPLEXES,\n    roots: ROOTS,\n    attributes: &[{attributes}],\n    wildcards_are_foreign: {foreign},\n}};\n"
        );
        line!(self, "static SIMPLES: &[Simple] = &[\n{simples}];\n");
        line!(self, "static ROOTS: &[Element] = &[\n{roots}];\n");
        line!(self, "static COMPLEXES: &[Complex] = &[\n{complexes}];\n");
    }

    pub(super) fn pattern_statics(&mut self) {
        for facet in self.ir.simples.iter().flat_map(|simple| &simple.facets) {
            let FacetIr::Pattern(list, _) = facet else { continue };
            for pattern in list {
                let fresh = self.patterns.len();
                if self.patterns.contains_key(&pattern.source) {
                    continue;
                }
                self.patterns.insert(pattern.source.clone(), fresh);
                line!(self, "static PATTERN_{fresh}: Pattern = Pattern {{");
                line!(self, "    source: {:?},", pattern.source);
                line!(self, "    ascii: &{:?},", pattern.ascii);
                line!(self, "    ranges: &{:?},", pattern.ranges);
                line!(self, "    classes: {},", pattern.classes);
                line!(self, "    table: &{:?},", pattern.table);
                line!(self, "    flags: &{:?},", pattern.flags);
                line!(self, "    spaceless: {},", pattern.spaceless);
                line!(self, "}};\n");
            }
        }
    }

    pub(super) fn facet(&self, facet: &FacetIr) -> String {
        match facet {
            FacetIr::Number(name, number) => format!("Facet::{name}({number})"),
            FacetIr::Bound(name, value) => format!("Facet::{name}({value:?})"),
            FacetIr::Pattern(list, words) => {
                let names: Vec<String> = list
                    .iter()
                    .map(|p| format!("&PATTERN_{}", self.patterns.get(&p.source).copied().unwrap_or_default()))
                    .collect();
                format!("Facet::Pattern(&[{}], {words:?})", names.join(", "))
            }
            FacetIr::Enumeration(list) => format!("Facet::Enumeration(&{list:?})"),
        }
    }

    pub(super) fn element_row(&self, element: &ElementIr) -> String {
        let kind = match element.kind {
            Type::Simple(number) => format!("Type::Simple({number})"),
            Type::Complex(number) => format!("Type::Complex({number})"),
            Type::Anything => "Type::Anything".to_owned(),
        };
        format!(
            "Element {{ ns: {}, name: {:?}, wco_id: {:?}, kind: {kind}, nillable: {}, fixed: {:?} }}",
            self.ir.number(&element.name.ns),
            element.name.local,
            element.wco_id,
            element.nillable,
            element.fixed
        )
    }

    pub(super) fn attribute_row(&self, attribute: &AttributeIr) -> String {
        format!(
            "Attribute {{ ns: {}, name: {:?}, simple: {}, required: {}, prohibited: {}, fixed: {:?} }}",
            self.ir.number(&attribute.name.ns),
            attribute.name.local,
            attribute.simple,
            attribute.required,
            attribute.prohibited,
            attribute.fixed
        )
    }

    pub(super) fn complex_row(&self, complex: &ComplexIr) -> String {
        let attributes: String =
            sorted(&complex.attributes).into_iter().map(|a| format!("{}, ", self.attribute_row(a))).collect();
        let any_attribute = match &complex.any_attribute {
            Some((wildcard, process)) => format!("Some(({}, Process::{process:?}))", self.wildcard(wildcard)),
            None => "None".to_owned(),
        };
        let content = match &complex.content {
            ContentIr::Empty => "Content::Empty".to_owned(),
            ContentIr::Simple(number) => format!("Content::Simple({number})"),
            ContentIr::Elements { elements, model, mixed } => {
                let rows: String = elements.iter().map(|e| format!("            {},\n", self.element_row(e))).collect();
                format!(
                    "Content::Elements {{\n        elements: &[\n{rows}        ],\n        model: {},\n        mixed: {mixed},\n    }}",
                    self.particle(model)
                )
            }
        };
        format!(
            "    Complex {{\n        name: {:?},\n        attributes: &[{attributes}],\n        any_attribute: {any_attribute},\n        content: {content},\n        flat: {},\n        owes_attribute: {},\n    }},\n",
            complex.name.local,
            flat(&complex.content),
            complex.attributes.iter().any(|attribute| attribute.required)
        )
    }

    pub(super) fn particle(&self, particle: &ParticleIr) -> String {
        let parts = |list: &[ParticleIr]| list.iter().map(|p| self.particle(p)).collect::<Vec<_>>().join(", ");
        let term = match &particle.term {
            TermIr::Element(number) => format!("Term::Element({number})"),
            TermIr::Any(wildcard, process) => format!("Term::Any({}, Process::{process:?})", self.wildcard(wildcard)),
            TermIr::Sequence(list) => format!("Term::Sequence(&[{}])", parts(list)),
            TermIr::Choice(list) => format!("Term::Choice(&[{}])", parts(list)),
            TermIr::All(list) => format!("Term::All(&[{}])", parts(list)),
        };
        format!("Particle {{ min: {}, max: {}, term: {term} }}", particle.min, particle.max)
    }

    pub(super) fn wildcard(&self, wildcard: &WildcardIr) -> String {
        match wildcard {
            WildcardIr::Any => "Wildcard::Any".to_owned(),
            WildcardIr::Other(uri) => format!("Wildcard::Other({})", self.ir.number(uri)),
            WildcardIr::List(list) => {
                let numbers: Vec<u8> = list.iter().map(|uri| self.ir.number(uri)).collect();
                format!("Wildcard::List(&{numbers:?})")
            }
        }
    }
}

/// How the children of a flat sequence are found.
pub(super) fn flat(content: &ContentIr) -> String {
    let Some(FlatTables { places, keys, slots, multiplier }) = content.flat_tables() else { return "None".to_owned() };
    let place = |place: &Place| {
        let Place { name, min, max, element, barrier, owes, .. } = place;
        format!("Place::new({name:?}, {min}, {max}, {element}, {barrier}, {owes})")
    };
    let places = places.iter().map(place).collect::<Vec<_>>().join(", ");
    let keys = keys.iter().map(|key| format!("{key:#x}")).collect::<Vec<_>>().join(", ");
    format!("Some(Flat {{ places: &[{places}], keys: &[{keys}], slots: &{slots:?}, multiplier: {multiplier:#x} }})")
}
