//! Lexical and value spaces of simple types and their facets (XML Schema Part 2): the runtime of generated decoders.
//!
//! Lengths count characters (octets for binary types, items for lists). Numbers are compared as decimals of any length.
//! Dates are compared on the time line; two that cannot be ordered (one without zone) break a bound.

mod lexical;
mod quick;
#[cfg(test)]
mod tests;
mod value;

use std::borrow::Cow;
use std::cmp::Ordering;

use super::pattern::Pattern;
use super::text::DecimalParts;
use crate::base::octets::same;
use crate::xml::Short;
use quick::{Quick, Seen};
use value::same_value;

pub use lexical::{describe_primitive, is_lexical};
pub(crate) use quick::holds;
pub use value::{compare, is_same};

/// What white space becomes before a value is looked at (§4.3.6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WhiteSpace {
    /// Stays.
    Preserve,
    /// Each tab, line feed and carriage return becomes a space.
    Replace,
    /// Replaced, runs made one, ends cut.
    Collapse,
}

/// Which lexical and value space.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Primitive {
    /// `xs:string` and what is derived from it.
    String,
    /// `xs:boolean`.
    Boolean,
    /// `xs:decimal`.
    Decimal,
    /// `xs:integer` and what is derived from it.
    Integer,
    /// `xs:float`, `xs:double`.
    Float,
    /// `xs:dateTime`.
    DateTime,
    /// `xs:date`.
    Date,
    /// `xs:time`.
    Time,
    /// `xs:gYearMonth`.
    YearMonth,
    /// `xs:gYear`.
    Year,
    /// `xs:gMonthDay`.
    MonthDay,
    /// `xs:gDay`.
    Day,
    /// `xs:gMonth`.
    Month,
    /// `xs:duration`.
    Duration,
    /// `xs:hexBinary`.
    HexBinary,
    /// `xs:base64Binary`.
    Base64Binary,
    /// `xs:anyURI`.
    AnyUri,
    /// `xs:anySimpleType`.
    Any,
}

/// What a simple type is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Variety {
    /// One value.
    Atomic(Primitive),
    /// White space separated values of the simple type with this number.
    List(u32),
    /// A value of one of the simple types with these numbers.
    Union(&'static [u32]),
}

/// A facet (§4.3).
#[derive(Clone, Copy, Debug)]
pub enum Facet {
    /// `length`
    Length(u64),
    /// `minLength`
    MinLength(u64),
    /// `maxLength`
    MaxLength(u64),
    /// `pattern`: one of those of the same derivation step, and how the schema puts them in words.
    Pattern(&'static [&'static Pattern], &'static str),
    /// `enumeration`
    Enumeration(&'static [&'static str]),
    /// `totalDigits`
    TotalDigits(u64),
    /// `fractionDigits`
    FractionDigits(u64),
    /// `minInclusive`
    MinInclusive(&'static str),
    /// `minExclusive`
    MinExclusive(&'static str),
    /// `maxInclusive`
    MaxInclusive(&'static str),
    /// `maxExclusive`
    MaxExclusive(&'static str),
}

/// A simple type with the facets of all its derivation steps.
#[derive(Clone, Copy, Debug)]
pub struct Simple {
    /// Its name, for people.
    pub name: &'static str,
    /// What it is made of.
    pub variety: Variety,
    /// What white space becomes.
    pub white_space: WhiteSpace,
    /// Its facets, the base type's first.
    pub facets: &'static [Facet],
    /// What most of its values are known by.
    quick: Quick,
}

/// What a value breaks: the rule and what it expects.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broken {
    /// As [`Violation::code`](super::Violation::code).
    pub code: &'static str,
    /// What was expected.
    pub expected: String,
    /// Membership, where a list was expected.
    pub in_list: Option<bool>,
}

fn is_space(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t' | b'\n' | b'\r')
}

/// Applies a white space rule; borrows when nothing changes.
#[must_use]
#[inline]
pub fn normalize(text: Cow<'_, str>, rule: WhiteSpace) -> Cow<'_, str> {
    match rule {
        WhiteSpace::Preserve => text,
        WhiteSpace::Replace if text.bytes().any(|b| matches!(b, b'\t' | b'\n' | b'\r')) => {
            Cow::Owned(text.replace(['\t', '\n', '\r'], " "))
        }
        WhiteSpace::Replace => text,
        WhiteSpace::Collapse => {
            if !Seen::of(&Short::from(&*text)).loose {
                return text;
            }
            let mut out = String::with_capacity(text.len());
            for part in text.split([' ', '\t', '\n', '\r']).filter(|part| !part.is_empty()) {
                if !out.is_empty() {
                    out.push(' ');
                }
                out.push_str(part);
            }
            Cow::Owned(out)
        }
    }
}

/// Checks `value`, already white-space normalized, against `simple`. Gives everything that it breaks.
pub fn check(simples: &'static [Simple], simple: &Simple, value: &str, broken: &mut Vec<Broken>) {
    match simple.variety {
        Variety::Atomic(primitive) => {
            if !is_lexical(primitive, value) {
                let expected = format!("{} ({})", describe_primitive(primitive), simple.name);
                broken.push(Broken { code: "datatype", expected, in_list: None });
                return;
            }
            for facet in simple.facets {
                check_facet(primitive, facet, value, broken);
            }
        }
        Variety::List(item) => {
            let Some(item) = simples.get(item as usize) else { return };
            let mut count = 0;
            for part in value.split(' ').filter(|part| !part.is_empty()) {
                count += 1;
                check(simples, item, part, broken);
            }
            for facet in simple.facets {
                check_length(facet, count, "items", broken);
                check_whole(simples, simple, facet, value, broken);
            }
        }
        Variety::Union(members) => {
            let fits = |member: &u32| {
                simples.get(*member as usize).is_some_and(|member| {
                    let mut inner = Vec::new();
                    check(simples, member, &normalize(Cow::Borrowed(value), member.white_space), &mut inner);
                    inner.is_empty()
                })
            };
            if !members.iter().any(fits) {
                let names: Vec<&str> =
                    members.iter().filter_map(|m| simples.get(*m as usize)).map(|m| m.name).collect();
                broken.push(Broken {
                    code: "datatype",
                    expected: format!("one of {}", names.join(", ")),
                    in_list: None,
                });
                return;
            }
            for facet in simple.facets {
                check_whole(simples, simple, facet, value, broken);
            }
        }
    }
}

fn check_facet(primitive: Primitive, facet: &Facet, value: &str, broken: &mut Vec<Broken>) {
    match facet {
        Facet::Length(_) | Facet::MinLength(_) | Facet::MaxLength(_) => {
            check_value_length(primitive, facet, value, broken)
        }
        Facet::Pattern(..) => check_text(facet, value, broken),
        Facet::Enumeration(list) => {
            if !is_listed(list, value) && !list.iter().any(|entry| same_value(primitive, entry, value)) {
                broken.push(not_in_list(list));
            }
        }
        Facet::TotalDigits(max) => {
            if DecimalParts::parse(value).is_some_and(|parts| parts.total_digits() as u64 > *max) {
                broken.push(Broken { code: "total-digits", expected: format!("at most {max} digits"), in_list: None });
            }
        }
        Facet::FractionDigits(max) => {
            if DecimalParts::parse(value).is_some_and(|parts| parts.fraction_digits() as u64 > *max) {
                let expected = format!("at most {max} digits after the point");
                broken.push(Broken { code: "fraction-digits", expected, in_list: None });
            }
        }
        Facet::MinInclusive(bound) => {
            if !matches!(compare(primitive, value, bound), Some(Ordering::Greater | Ordering::Equal)) {
                broken.push(Broken { code: "min-inclusive", expected: format!("at least {bound}"), in_list: None });
            }
        }
        Facet::MinExclusive(bound) => {
            if compare(primitive, value, bound) != Some(Ordering::Greater) {
                broken.push(Broken { code: "min-exclusive", expected: format!("more than {bound}"), in_list: None });
            }
        }
        Facet::MaxInclusive(bound) => {
            if !matches!(compare(primitive, value, bound), Some(Ordering::Less | Ordering::Equal)) {
                broken.push(Broken { code: "max-inclusive", expected: format!("at most {bound}"), in_list: None });
            }
        }
        Facet::MaxExclusive(bound) => {
            if compare(primitive, value, bound) != Some(Ordering::Less) {
                broken.push(Broken { code: "max-exclusive", expected: format!("less than {bound}"), in_list: None });
            }
        }
    }
}

/// Whether `value` is spelled like an entry; code lists have hundreds, nearly all of another spelling at first sight.
fn is_listed(list: &[&str], value: &str) -> bool {
    list.iter().any(|entry| same(entry.as_bytes(), value.as_bytes()))
}

fn not_in_list(list: &[&str]) -> Broken {
    let shown = list.iter().take(20).copied().collect::<Vec<_>>().join(", ");
    let more = if list.len() > 20 { format!(" and {} more", list.len() - 20) } else { String::new() };
    Broken { code: "enumeration", expected: format!("one of {shown}{more}"), in_list: Some(false) }
}

/// Pattern and enumeration on the text itself: lists and unions.
fn check_text(facet: &Facet, value: &str, broken: &mut Vec<Broken>) {
    match facet {
        Facet::Pattern(patterns, words) if !patterns.iter().any(|pattern| pattern.matches(value)) => {
            let expected = if words.is_empty() {
                let sources: Vec<&str> = patterns.iter().map(|pattern| pattern.source).collect();
                format!("the pattern {}", sources.join(" or "))
            } else {
                (*words).to_owned()
            };
            broken.push(Broken { code: "pattern", expected, in_list: None });
        }
        Facet::Enumeration(list) if !is_listed(list, value) => broken.push(not_in_list(list)),
        _ => {}
    }
}

fn check_value_length(primitive: Primitive, facet: &Facet, value: &str, broken: &mut Vec<Broken>) {
    match primitive {
        Primitive::HexBinary => check_length(facet, value.len() as u64 / 2, "octets", broken),
        Primitive::Base64Binary => check_length(facet, base64_octets(value), "octets", broken),
        _ => {
            // A text of n octets has at most n characters and at least n/4: mostly no count is needed.
            let octets = value.len() as u64;
            match facet {
                Facet::MaxLength(max) if octets <= *max => {}
                Facet::MinLength(min) if octets >= min.saturating_mul(4) => {}
                _ => check_length(facet, value.chars().count() as u64, "characters", broken),
            }
        }
    }
}

fn check_length(facet: &Facet, length: u64, unit: &str, broken: &mut Vec<Broken>) {
    let (code, expected) = match facet {
        Facet::Length(exact) if length != *exact => ("length", format!("{exact} {unit}")),
        Facet::MinLength(min) if length < *min => ("min-length", format!("at least {min} {unit}")),
        Facet::MaxLength(max) if length > *max => ("max-length", format!("at most {max} {unit}")),
        _ => return,
    };
    broken.push(Broken { code, expected, in_list: None });
}

fn base64_octets(value: &str) -> u64 {
    let digits = value.bytes().filter(|b| !is_space(*b) && *b != b'=').count() as u64;
    digits * 6 / 8
}

/// A facet of a list or a union, whose values are equal when what they are made of is.
fn check_whole(simples: &'static [Simple], simple: &Simple, facet: &Facet, value: &str, broken: &mut Vec<Broken>) {
    match facet {
        Facet::Enumeration(list) if list.iter().any(|entry| is_same(simples, simple, entry, value)) => {}
        _ => check_text(facet, value, broken),
    }
}
