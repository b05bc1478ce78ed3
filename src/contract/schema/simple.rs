//! Simple types: restriction with its facets, list, union, and the types of XML Schema Part 2.

use super::checker;
use super::component::{Compiler, Result2, annotation};
use super::document::Declared;
use super::{FacetIr, SimpleIr, VarietyIr};
use crate::contract::datatype::{self, Primitive, WhiteSpace};
use crate::contract::pattern;
use crate::contract::read::{Node, QName};
use crate::contract::table;
use crate::xml::ns;

impl<'a> Compiler<'a> {
    pub(super) fn simple_reference(&mut self, at: Declared<'a>, name: &QName) -> Result2<u32> {
        match self.any_type(at, name)? {
            table::Type::Simple(number) => Ok(number),
            _ => self.invalid(at, format!("{name} is no simple type")),
        }
    }

    pub(super) fn simple_by_name(&mut self, at: Declared<'a>, name: &QName) -> Result2<u32> {
        if let Some(number) = self.simples.get(name) {
            return Ok(*number);
        }
        if !self.open.insert((0, name.clone())) {
            return self.invalid(at, format!("type {name} is derived from itself"));
        }
        let number = self.simple(at, &name.local)?;
        self.open.remove(&(0, name.clone()));
        self.simples.insert(name.clone(), number);
        Ok(number)
    }

    pub(super) fn simple(&mut self, at: Declared<'a>, name: &str) -> Result2<u32> {
        self.documentation.push(annotation(at.node).1);
        let number = self.simple_body(at, name);
        self.documentation.pop();
        number
    }

    pub(super) fn simple_body(&mut self, at: Declared<'a>, name: &str) -> Result2<u32> {
        let children = self.children_of(at)?;
        let [node] = children.as_slice() else {
            return self.invalid(at, "a simple type holds exactly one of restriction, list, union");
        };
        let inner = Declared { node, document: at.document };
        match node.name.as_str() {
            "restriction" => {
                let mut nodes = self.children_of(inner)?;
                let base = match node.attribute("base") {
                    Some(base) => {
                        let base = self.qname(inner, base)?;
                        self.check_final(inner, &base, "restriction")?;
                        self.simple_reference(inner, &base)?
                    }
                    None => match nodes.first() {
                        Some(first) if first.name == "simpleType" => {
                            let first = Declared { node: nodes.remove(0), document: at.document };
                            self.simple(first, name)?
                        }
                        _ => return self.invalid(inner, "a restriction without base"),
                    },
                };
                self.restrict(inner, base, nodes, name)
            }
            "list" => {
                let item = match node.attribute("itemType") {
                    Some(item) => {
                        let item = self.qname(inner, item)?;
                        self.check_final(inner, &item, "list")?;
                        self.simple_reference(inner, &item)?
                    }
                    None => match self.children_of(inner)?.as_slice() {
                        [child] if child.name == "simpleType" => {
                            self.simple(Declared { node: child, document: at.document }, name)?
                        }
                        _ => return self.invalid(inner, "a list without item type"),
                    },
                };
                if matches!(self.ir.simples[item as usize].variety, VarietyIr::List(_)) {
                    return self.invalid(inner, "a list of lists");
                }
                Ok(self.push_simple(name, VarietyIr::List(item), WhiteSpace::Collapse, Vec::new()))
            }
            "union" => {
                let mut members = Vec::new();
                for member in node.attribute("memberTypes").unwrap_or_default().split_whitespace() {
                    let member = self.qname(inner, member)?;
                    self.check_final(inner, &member, "union")?;
                    members.push(self.simple_reference(inner, &member)?);
                }
                for child in self.children_of(inner)? {
                    members.push(self.simple(Declared { node: child, document: at.document }, name)?);
                }
                if members.is_empty() {
                    return self.invalid(inner, "a union of nothing");
                }
                Ok(self.push_simple(name, VarietyIr::Union(members), WhiteSpace::Preserve, Vec::new()))
            }
            other => self.unsupported(at, format!("xs:{other} in a simple type")),
        }
    }

    pub(super) fn push_simple(
        &mut self,
        name: &str,
        variety: VarietyIr,
        white_space: WhiteSpace,
        facets: Vec<FacetIr>,
    ) -> u32 {
        self.ir.simples.push(SimpleIr { name: name.to_owned(), variety, white_space, facets });
        (self.ir.simples.len() - 1) as u32
    }

    pub(super) fn restrict(&mut self, at: Declared<'a>, base: u32, nodes: Vec<&'a Node>, name: &str) -> Result2<u32> {
        let base = self.ir.simples[base as usize].clone();
        if nodes.is_empty() {
            return Ok(self.push_simple(&base.name.clone(), base.variety, base.white_space, base.facets));
        }
        let (mut facets, mut white_space) = (base.facets, base.white_space);
        let (mut patterns, mut list) = (Vec::new(), Vec::new());
        for node in nodes {
            let inner = Declared { node, document: at.document };
            // White space of a value counts here.
            let raw = node.attributes.iter().find(|(ns, local, _)| ns.is_empty() && local == "value");
            let Some((_, _, value)) = raw else {
                return self.unsupported(at, format!("xs:{} without value", node.name));
            };
            match node.name.as_str() {
                "pattern" => match pattern::compile(value) {
                    Ok(compiled) => patterns.push(compiled),
                    Err(error) => return self.unsupported(inner, error.to_string()),
                },
                "enumeration" => list.push(value.clone()),
                "whiteSpace" => {
                    white_space = match value.trim() {
                        "preserve" => WhiteSpace::Preserve,
                        "replace" => WhiteSpace::Replace,
                        "collapse" => WhiteSpace::Collapse,
                        other => return self.invalid(inner, format!("whiteSpace {other:?}")),
                    };
                }
                "length" => facets.push(FacetIr::Number("Length", self.number(inner, value)?)),
                "minLength" => facets.push(FacetIr::Number("MinLength", self.number(inner, value)?)),
                "maxLength" => facets.push(FacetIr::Number("MaxLength", self.number(inner, value)?)),
                "totalDigits" => facets.push(FacetIr::Number("TotalDigits", self.number(inner, value)?)),
                "fractionDigits" => facets.push(FacetIr::Number("FractionDigits", self.number(inner, value)?)),
                bound @ ("minInclusive" | "minExclusive" | "maxInclusive" | "maxExclusive") => {
                    let facet = match bound {
                        "minInclusive" => "MinInclusive",
                        "minExclusive" => "MinExclusive",
                        "maxInclusive" => "MaxInclusive",
                        _ => "MaxExclusive",
                    };
                    let VarietyIr::Atomic(primitive) = base.variety else {
                        return self.invalid(inner, format!("{bound} of a list or union"));
                    };
                    if matches!(
                        primitive,
                        Primitive::Duration | Primitive::String | Primitive::Any | Primitive::Boolean
                    ) {
                        return self.unsupported(inner, format!("{bound} of {primitive:?}"));
                    }
                    let value = value.trim();
                    if !datatype::is_lexical(primitive, value) {
                        return self.invalid(inner, format!("{bound} {value:?}"));
                    }
                    facets.push(FacetIr::Bound(facet, value.to_owned()));
                }
                other => return self.unsupported(at, format!("xs:{other} in a restriction")),
            }
        }
        if !patterns.is_empty() {
            let words = self.documentation.last().map(|text| text.trim_end_matches('.').to_owned()).unwrap_or_default();
            facets.push(FacetIr::Pattern(patterns, words));
        }
        if !list.is_empty() {
            let list =
                list.into_iter().map(|value| datatype::normalize(value.into(), white_space).into_owned()).collect();
            facets.push(FacetIr::Enumeration(list));
        }
        Ok(self.push_simple(name, base.variety, white_space, facets))
    }

    /// A fixed value as it is after the white space rule of its type, which must have it.
    pub(super) fn fixed_value(&self, at: Declared<'a>, number: u32, value: &str) -> Result2<String> {
        let simple = &self.ir.simples[number as usize];
        let value = datatype::normalize(value.into(), simple.white_space).into_owned();
        let broken = checker::broken(&self.ir, number, &value);
        match broken.first() {
            Some(broken) => self.invalid(at, format!("fixed value {value:?}, expected {}", broken.expected)),
            None => Ok(value),
        }
    }

    pub(super) fn number(&self, at: Declared<'a>, value: &str) -> Result2<u64> {
        match value.trim().parse() {
            Ok(number) => Ok(number),
            Err(_) => self.invalid(at, format!("facet value {value:?}")),
        }
    }

    /// A type of XML Schema Part 2.
    pub(super) fn builtin(&mut self, at: Declared<'a>, local: &str) -> Result2<u32> {
        use Primitive as P;
        let name = QName::new(ns::XSD, local);
        if let Some(number) = self.simples.get(&name) {
            return Ok(*number);
        }
        let bounds = |min: &str, max: &str| {
            let bound = |facet, value: &str| (!value.is_empty()).then(|| FacetIr::Bound(facet, value.to_owned()));
            [bound("MinInclusive", min), bound("MaxInclusive", max)].into_iter().flatten().collect::<Vec<_>>()
        };
        let text = |source: &str| -> Vec<FacetIr> {
            pattern::compile(source)
                .map(|compiled| vec![FacetIr::Pattern(vec![compiled], String::new())])
                .unwrap_or_default()
        };
        let (primitive, white_space, facets) = match local {
            "string" => (P::String, WhiteSpace::Preserve, vec![]),
            "normalizedString" => (P::String, WhiteSpace::Replace, vec![]),
            "token" => (P::String, WhiteSpace::Collapse, vec![]),
            "language" => (P::String, WhiteSpace::Collapse, text("[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*")),
            "Name" => (P::String, WhiteSpace::Collapse, text(r"\i\c*")),
            "NCName" => (P::String, WhiteSpace::Collapse, text(r"[\i-[:]][\c-[:]]*")),
            "NMTOKEN" => (P::String, WhiteSpace::Collapse, text(r"\c+")),
            "boolean" => (P::Boolean, WhiteSpace::Collapse, vec![]),
            "decimal" => (P::Decimal, WhiteSpace::Collapse, vec![]),
            "integer" => (P::Integer, WhiteSpace::Collapse, vec![]),
            "nonPositiveInteger" => (P::Integer, WhiteSpace::Collapse, bounds("", "0")),
            "negativeInteger" => (P::Integer, WhiteSpace::Collapse, bounds("", "-1")),
            "nonNegativeInteger" => (P::Integer, WhiteSpace::Collapse, bounds("0", "")),
            "positiveInteger" => (P::Integer, WhiteSpace::Collapse, bounds("1", "")),
            "long" => (P::Integer, WhiteSpace::Collapse, bounds("-9223372036854775808", "9223372036854775807")),
            "int" => (P::Integer, WhiteSpace::Collapse, bounds("-2147483648", "2147483647")),
            "short" => (P::Integer, WhiteSpace::Collapse, bounds("-32768", "32767")),
            "byte" => (P::Integer, WhiteSpace::Collapse, bounds("-128", "127")),
            "unsignedLong" => (P::Integer, WhiteSpace::Collapse, bounds("0", "18446744073709551615")),
            "unsignedInt" => (P::Integer, WhiteSpace::Collapse, bounds("0", "4294967295")),
            "unsignedShort" => (P::Integer, WhiteSpace::Collapse, bounds("0", "65535")),
            "unsignedByte" => (P::Integer, WhiteSpace::Collapse, bounds("0", "255")),
            "float" | "double" => (P::Float, WhiteSpace::Collapse, vec![]),
            "dateTime" => (P::DateTime, WhiteSpace::Collapse, vec![]),
            "date" => (P::Date, WhiteSpace::Collapse, vec![]),
            "time" => (P::Time, WhiteSpace::Collapse, vec![]),
            "gYearMonth" => (P::YearMonth, WhiteSpace::Collapse, vec![]),
            "gYear" => (P::Year, WhiteSpace::Collapse, vec![]),
            "gMonthDay" => (P::MonthDay, WhiteSpace::Collapse, vec![]),
            "gDay" => (P::Day, WhiteSpace::Collapse, vec![]),
            "gMonth" => (P::Month, WhiteSpace::Collapse, vec![]),
            "duration" => (P::Duration, WhiteSpace::Collapse, vec![]),
            "hexBinary" => (P::HexBinary, WhiteSpace::Collapse, vec![]),
            "base64Binary" => (P::Base64Binary, WhiteSpace::Collapse, vec![]),
            "anyURI" => (P::AnyUri, WhiteSpace::Collapse, vec![]),
            "anySimpleType" => (P::Any, WhiteSpace::Preserve, vec![]),
            "NMTOKENS" => {
                let item = self.builtin(at, "NMTOKEN")?;
                let facets = vec![FacetIr::Number("MinLength", 1)];
                let number = self.push_simple(local, VarietyIr::List(item), WhiteSpace::Collapse, facets);
                self.simples.insert(name, number);
                return Ok(number);
            }
            _ => return self.unsupported(at, format!("xs:{local}")),
        };
        let number = self.push_simple(local, VarietyIr::Atomic(primitive), white_space, facets);
        self.simples.insert(name, number);
        Ok(number)
    }
}
