//! The JSON form of the contract, lossless both ways (design 2.7): the same tree under names in lowerCamelCase, driven by
//! the tables, so every payload of the contract has it.
//!
//! - The root is an object with one member, named like the root element: `{"metaData": {...}}`. Namespaces do not show:
//!   a document has the same JSON whatever the slots of a partner are.
//! - A value is a string; with attributes it is `{"value": "15500.00", "currencyId": "USD"}`. Decimals are strings, so that
//!   nobody makes binary floats of them. On the way in numbers and booleans are taken where the type is one, and `null`
//!   says that a member is absent.
//! - What may repeat is an array, also when there is one. Order is kept; members may come in any order.
//! - Elements of foreign namespaces stand as XML text in the array `foreign`.
//!
//! What it could not keep it refuses: attributes of foreign namespaces, other than `wsu:Id` and hints of XML Schema, which
//! belong to the envelope. White space is what the type of a value leaves of it, as in the model.
//!
//! [`json_schema`] is its JSON Schema.
//!
//! On the way in the JSON becomes XML and goes through the one decoder, so that both forms obey the same rules; violations
//! carry line and column of the JSON text.

mod name;
mod schema;
mod value;

use std::borrow::Cow;

pub use name::camel;
pub use schema::json_schema;
pub use value::{DEPTH_MAX, Error as SyntaxError, Kind, Member, Place, Value, parse};

use self::name::{FOREIGN, Slot as Part, VALUE};
use super::datatype::{self, Facet, Primitive, Simple, Variety};
use super::generated::TABLES;
use super::table::{Complex, Content, Element, Type};
use super::violation::{Came, Violation, Violations};
use super::write::Writer;
use super::{MetaData, Operation, Slots};
use crate::base::limits;
use crate::xml::{self, Document, Kind as NodeKind, NodeId, c14n, chars, ns};

/// Why a document has no JSON form.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// Its root is none of the contract's.
    #[error("expected a root element of the contract, came an element of another name")]
    UnknownRoot,
    /// It is not valid; what is wrong is told by [`validate`](super::validate).
    #[error("{line}:{column}: expected a document that is valid, came {what}")]
    Invalid {
        /// What cannot be.
        what: &'static str,
        /// Line.
        line: u32,
        /// Column.
        column: u32,
    },
}

// ---- XML to JSON -----------------------------------------------------------------------------------------------------

/// The JSON form of the element `node`, a valid root of the contract. Linear in the nodes below it.
///
/// # Errors
/// [`Error`], when it is no root of the contract, or not valid.
pub fn from_xml(document: &Document, node: NodeId, slots: &Slots) -> Result<Value, Error> {
    let namespaces = super::namespaces(slots);
    let reader = FromXml { document, namespaces };
    let root = TABLES.roots.iter().find(|root| reader.is(node, root)).ok_or(Error::UnknownRoot)?;
    let value = reader.element(node, root)?;
    Ok(Kind::Object(vec![Member::new(camel(root.name), value)]).into())
}

/// The JSON form of a business document.
///
/// # Panics
/// Never: what [`encode`](super::encode) writes is well-formed and valid.
#[must_use]
pub fn encode(message: &MetaData) -> Value {
    let slots = Slots::default();
    let mut octets = Vec::new();
    super::encode(message, &slots, &mut octets);
    let document = xml::parse(octets, &xml::Options::default()).expect("what the encoder writes is well-formed");
    from_xml(&document, document.document_element(), &slots).expect("what the encoder writes is of the contract")
}

struct FromXml<'a> {
    document: &'a Document,
    namespaces: [&'a str; 5],
}

impl FromXml<'_> {
    fn is(&self, node: NodeId, element: &Element) -> bool {
        self.namespaces.get(usize::from(element.ns)).is_some_and(|uri| self.document.is(node, uri, element.name))
    }

    fn invalid<T>(&self, node: NodeId, what: &'static str) -> Result<T, Error> {
        let place = self.document.position(node);
        Err(Error::Invalid { what, line: place.line, column: place.column })
    }

    fn element(&self, node: NodeId, element: &Element) -> Result<Value, Error> {
        match element.kind {
            Type::Simple(number) => {
                self.attributes(node, &[])?;
                self.text(node, number).map(Value::from)
            }
            Type::Complex(number) => match TABLES.complexes.get(number as usize) {
                Some(complex) => self.complex(node, complex),
                None => self.invalid(node, "an element of a type without a table"),
            },
            Type::Anything => self.invalid(node, "an element of no type"),
        }
    }

    fn complex(&self, node: NodeId, complex: &Complex) -> Result<Value, Error> {
        let attributes = self.attributes(node, complex.attributes)?;
        let Content::Simple(number) = complex.content else {
            return self.structure(node, complex);
        };
        let text = Value::from(self.text(node, number)?);
        if attributes.is_empty() {
            return Ok(text);
        }
        let mut members = vec![Member::new(VALUE, text)];
        members.extend(attributes);
        Ok(Kind::Object(members).into())
    }

    /// Those that are declared, in the order of the table.
    fn attributes(&self, node: NodeId, declared: &[super::table::Attribute]) -> Result<Vec<Member>, Error> {
        let of_the_envelope = |uri: &str, local: &str| (uri == ns::WSU && local == "Id") || uri == ns::XSI;
        for attribute in self.document.attributes(node) {
            let known = attribute.ns.is_empty() && declared.iter().any(|d| d.name == attribute.local);
            if !known && !of_the_envelope(attribute.ns, attribute.local) {
                return self.invalid(node, "an attribute that the JSON form has no room for");
            }
        }
        let value = |declared: &super::table::Attribute| {
            let value = self.document.attribute(node, "", declared.name)?;
            let simple = TABLES.simples.get(declared.simple as usize)?;
            let value = datatype::normalize(Cow::Borrowed(value), simple.white_space);
            Some(Member::new(camel(declared.name), value.into_owned()))
        };
        Ok(declared.iter().filter_map(value).collect())
    }

    fn text(&self, node: NodeId, simple: u32) -> Result<String, Error> {
        let Some(simple) = TABLES.simples.get(simple as usize) else {
            return self.invalid(node, "a value of a type without a table");
        };
        if self.document.elements(node).next().is_some() {
            return self.invalid(node, "an element within a value");
        }
        let mut text = String::new();
        for child in self.document.children(node).filter(|n| self.document.kind(*n) == NodeKind::Text) {
            text.push_str(self.document.text(child));
        }
        Ok(datatype::normalize(Cow::Owned(text), simple.white_space).into_owned())
    }

    fn structure(&self, node: NodeId, complex: &Complex) -> Result<Value, Error> {
        let parts = name::slots(complex);
        let mut values: Vec<Vec<Value>> = parts.iter().map(|_| Vec::new()).collect();
        for child in self.document.children(node) {
            match self.document.kind(child) {
                NodeKind::Element => {}
                NodeKind::Text if !self.document.text(child).trim().is_empty() => {
                    return self.invalid(child, "text between elements");
                }
                _ => continue,
            }
            let declared = |part: &Part| part.element.and_then(|number| complex.elements().get(number));
            let at = parts.iter().position(|part| declared(part).is_some_and(|element| self.is(child, element)));
            let foreign = || {
                let ours = self.namespaces.contains(&self.document.ns(child));
                parts.iter().position(|part| part.element.is_none() && !ours)
            };
            let Some(at) = at.or_else(foreign) else {
                return self.invalid(child, "an element that is not declared here");
            };
            let value = match parts.get(at).and_then(declared) {
                Some(element) => self.element(child, element)?,
                None => self.foreign(child)?,
            };
            if let Some(values) = values.get_mut(at) {
                values.push(value);
            }
        }
        let mut members = Vec::new();
        for (part, mut values) in parts.iter().zip(values) {
            let element = part.element.and_then(|number| complex.elements().get(number));
            match (element, values.len()) {
                (_, 0) => {}
                (Some(element), 1) if !part.repeats => {
                    members.extend(values.pop().map(|value| Member::new(name::member(element, false), value)));
                }
                (Some(element), _) if part.repeats => {
                    members.push(Member::new(name::member(element, true), Kind::List(values)));
                }
                (Some(_), _) => return self.invalid(node, "an element more often than it may stand"),
                (None, _) => members.push(Member::new(FOREIGN, Kind::List(values))),
            }
        }
        Ok(Kind::Object(members).into())
    }

    fn foreign(&self, node: NodeId) -> Result<Value, Error> {
        match foreign_octets(self.document, node) {
            Some(text) => Ok(text.into()),
            None => self.invalid(node, "an element without canonical form"),
        }
    }
}

/// The exclusive canonical form of a foreign element, that says so where a descendant is in no namespace: what is written
/// around it has a default namespace.
fn foreign_octets(document: &Document, node: NodeId) -> Option<String> {
    let mut octets = Vec::new();
    c14n::exclusive_without(document, node, None, &mut octets).ok()?;
    let bare = |n: NodeId| document.kind(n) == NodeKind::Element && document.ns(n).is_empty();
    if document.descendants(node).any(bare)
        && let Some(end) = octets.iter().position(|b| matches!(b, b' ' | b'>'))
        && !octets.get(end..).unwrap_or_default().starts_with(b" xmlns=\"\"")
    {
        octets.splice(end..end, *b" xmlns=\"\"");
    }
    String::from_utf8(octets).ok()
}

// ---- JSON to XML -----------------------------------------------------------------------------------------------------

/// Writes the element that `value` describes, in the form of [`from_xml`]. Namespaces are those of `slots`.
///
/// Checks the form only: members that do not exist, types, characters that XML has not. Values are left to the decoder.
///
/// # Errors
/// Everything that has no place; `out` then holds what has one.
pub fn to_xml(value: &Value, slots: &Slots, out: &mut Vec<u8>) -> Result<(), Violations> {
    let mut writer =
        ToXml { writer: Writer::new(slots, &TABLES, out), path: String::new(), found: Violations::default() };
    match root(value) {
        Some((root, inner)) => {
            writer.path = format!("/{}", root.name);
            writer.element(inner, root);
        }
        None => {
            let expected = "an object with one member, named like a root element: {\"metaData\": {...}}";
            writer.report(value, "unexpected-root", "", expected, None);
        }
    }
    let found = writer.found;
    if found.is_empty() { Ok(()) } else { Err(found) }
}

/// The root element that a value describes, and its content.
fn root(value: &Value) -> Option<(&'static Element, &Value)> {
    let Kind::Object(members) = &value.kind else { return None };
    let [only] = members.as_slice() else { return None };
    let root = TABLES.roots.iter().find(|root| camel(root.name) == only.name)?;
    Some((root, &only.value))
}

/// Reads a business document in JSON: its octets, for [`decode`](super::decode), and everything that is wrong with it.
///
/// # Errors
/// Everything that is wrong, with line and column in the JSON text.
pub fn decode(operation: Operation, value: &Value) -> Result<MetaData, Violations> {
    let slots = Slots::default();
    through(value, &slots, |document, node| super::decode(operation, document, node, &slots))
}

/// As [`decode`] for the one operation that carries such a document.
///
/// # Errors
/// As [`decode_any`](super::decode_any), with line and column in the JSON text.
pub fn decode_any(value: &Value) -> Result<(Operation, MetaData), Violations> {
    let slots = Slots::default();
    through(value, &slots, |document, node| super::decode_any(document, node, &slots))
}

/// Checks a JSON form of any root of the contract.
///
/// # Errors
/// Everything that is wrong, with line and column in the JSON text.
pub fn validate(value: &Value) -> Result<(), Violations> {
    let slots = Slots::default();
    through(value, &slots, |document, node| super::validate(document, node, &slots))
}

fn through<T>(
    value: &Value,
    slots: &Slots,
    judge: impl FnOnce(&Document, NodeId) -> Result<T, Violations>,
) -> Result<T, Violations> {
    let mut octets = Vec::new();
    let mut form = to_xml(value, slots, &mut octets).err();
    // What was made, not read, stands where its nearest ancestor was read.
    for violation in form.iter_mut().flat_map(|form| &mut form.list).filter(|violation| violation.line == 0) {
        let place = locate(value, &violation.path);
        (violation.line, violation.column) = (place.line, place.column);
    }
    if form.as_ref().is_some_and(|found| found.list.iter().any(|v| v.code == "unexpected-root")) {
        return Err(form.unwrap_or_default());
    }
    let options = xml::Options { nodes_max: limits::MESSAGE_NODES_MAX, ..xml::Options::default() };
    let document = match xml::parse(octets, &options) {
        Ok(document) => document,
        Err(error) => {
            let mut found = form.unwrap_or_default();
            found.push(|| Violation {
                code: "limit".into(),
                path: "/".to_owned(),
                expected: format!("a document within our limits ({error})").into(),
                came: Came { kind: value.type_name().into(), ..Came::default() },
                ..blank(value.place)
            });
            return Err(found);
        }
    };
    let judged = judge(&document, document.document_element());
    let Violations { list, total } = match (judged, form) {
        (Ok(out), None) => return Ok(out),
        (Ok(_), Some(form)) => return Err(form),
        (Err(found), form) => {
            let mut found = found;
            for violation in &mut found.list {
                let place = locate(value, &violation.path);
                (violation.line, violation.column) = (place.line, place.column);
            }
            let form = form.unwrap_or_default();
            found.total += form.total;
            found.list.extend(form.list);
            found
        }
    };
    let mut list = list;
    list.sort_by_key(|violation| (violation.line, violation.column));
    list.truncate(super::VIOLATIONS_MAX);
    Err(Violations { list, total })
}

fn blank(place: Place) -> Violation {
    Violation {
        code: "".into(),
        wco_id: "".into(),
        path: String::new(),
        line: place.line,
        column: place.column,
        expected: "".into(),
        came: Came::default(),
        value: None,
    }
}

/// Where in the JSON stands what the XPath of a violation names; its nearest ancestor that has a place when it does not
/// stand at all, or was not read from a text. The path may begin at the root, or at the business document within it.
#[must_use]
pub fn locate(value: &Value, path: &str) -> Place {
    let Some((root, mut at)) = root(value) else { return value.place };
    let mut kind = root.kind;
    let mut place = value.place;
    let mut seen = |at: &Value| {
        if at.place.line > 0 {
            place = at.place;
        }
        place
    };
    let outer = usize::from(path.split('/').nth(1).is_some_and(|first| first == root.name));
    for step in path.split('/').skip(1 + outer) {
        seen(at);
        let (name, position) = match step.split_once('[') {
            Some((name, rest)) => (name, rest.trim_end_matches(']').parse().unwrap_or(1_usize)),
            None => (step, 1),
        };
        let Type::Complex(number) = kind else { break };
        let Some(complex) = TABLES.complexes.get(number as usize) else { break };
        if let Some(attribute) = name.strip_prefix('@') {
            return seen(at.member(&camel(attribute)).unwrap_or(at));
        }
        let part = name::slots(complex).into_iter().find_map(|part| {
            let element = complex.elements().get(part.element?)?;
            let member = name::member(element, part.repeats);
            (element.name == name).then(|| Some((element.kind, at.member(&member)?)))?
        });
        let Some((inner, found)) = part else { break };
        (kind, at) = match &found.kind {
            Kind::List(values) => match values.get(position.saturating_sub(1)) {
                Some(value) => (inner, value),
                None => return seen(found),
            },
            _ => (inner, found),
        };
    }
    seen(at);
    seen(at.member(VALUE).unwrap_or(at))
}

struct ToXml<'a> {
    writer: Writer<'a>,
    path: String,
    found: Violations,
}

impl ToXml<'_> {
    fn report(&mut self, value: &Value, code: &'static str, wco_id: &'static str, expected: &str, name: Option<&str>) {
        let path = match name {
            Some(name) => format!("{}/{name}", self.path),
            None => self.path.clone(),
        };
        let kind = value.type_name().trim_start_matches("a ").trim_start_matches("an ");
        let length = value.as_text().map(|text| text.chars().count() as u64);
        self.found.push(|| Violation {
            code: code.into(),
            wco_id: wco_id.into(),
            path,
            expected: expected.to_owned().into(),
            came: Came { kind: kind.into(), length, in_list: None },
            value: value.as_text().map(str::to_owned),
            ..blank(value.place)
        });
    }

    /// One step down, and back.
    fn within(&mut self, step: &str, occurrence: Option<usize>, run: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        self.path.push('/');
        self.path.push_str(step);
        if let Some(occurrence) = occurrence {
            self.path.push_str(&format!("[{occurrence}]"));
        }
        run(self);
        self.path.truncate(length);
    }

    fn element(&mut self, value: &Value, element: &'static Element) {
        match element.kind {
            Type::Simple(number) => {
                self.writer.start(element);
                self.scalar(value, number, element.wco_id);
                self.writer.end(element);
            }
            Type::Complex(number) => {
                let Some(complex) = TABLES.complexes.get(number as usize) else { return };
                self.writer.start(element);
                match complex.content {
                    Content::Simple(number) => self.leaf(value, complex, number, element.wco_id),
                    Content::Empty | Content::Elements { .. } => self.structure(value, complex, element.wco_id),
                }
                self.writer.end(element);
            }
            Type::Anything => self.report(value, "json-type", element.wco_id, "an element that has a type", None),
        }
    }

    fn leaf(&mut self, value: &Value, complex: &'static Complex, number: u32, wco_id: &'static str) {
        let Kind::Object(members) = &value.kind else {
            return self.scalar(value, number, wco_id);
        };
        for attribute in complex.attributes {
            if let Some(value) = value.member(&camel(attribute.name)).filter(|v| v.kind != Kind::Null)
                && let Some(text) = self.text(value, attribute.simple, wco_id)
            {
                self.writer.attribute(attribute, &text);
            }
        }
        for member in members {
            let known = |a: &super::table::Attribute| camel(a.name) == member.name;
            if member.name != VALUE && !complex.attributes.iter().any(known) {
                let expected = "the members value and those of its attributes";
                self.report(&at(member), "unexpected-member", wco_id, expected, Some(&member.name));
            }
        }
        match value.member(VALUE) {
            Some(inner) => self.scalar(inner, number, wco_id),
            None => self.report(value, "missing-member", wco_id, "the member value", None),
        }
    }

    fn scalar(&mut self, value: &Value, number: u32, wco_id: &'static str) {
        if let Some(text) = self.text(value, number, wco_id) {
            self.writer.text(&text);
        }
    }

    /// The text of a value of the simple type `number`.
    fn text<'v>(&mut self, value: &'v Value, number: u32, wco_id: &'static str) -> Option<Cow<'v, str>> {
        let simple = TABLES.simples.get(number as usize)?;
        let text: Cow<'v, str> = match &value.kind {
            Kind::Text(text) => Cow::Borrowed(text),
            Kind::Number(text) if is_number(simple) => Cow::Borrowed(text),
            Kind::Bool(value) if is_boolean(simple) => Cow::Borrowed(if *value { "true" } else { "false" }),
            _ => {
                self.report(value, "json-type", wco_id, "a string", None);
                return None;
            }
        };
        if chars::first_forbidden(&text).is_some() {
            self.report(value, "character", wco_id, "characters that XML 1.0 has", None);
            return None;
        }
        Some(text)
    }

    fn structure(&mut self, value: &Value, complex: &'static Complex, wco_id: &'static str) {
        let Kind::Object(members) = &value.kind else {
            return self.report(value, "json-type", wco_id, "an object", None);
        };
        let parts = name::slots(complex);
        let mut known = vec![false; members.len()];
        for part in parts {
            let element = part.element.and_then(|number| complex.elements().get(number));
            let name = element.map_or_else(|| FOREIGN.to_owned(), |element| name::member(element, part.repeats));
            let Some(at) = members.iter().position(|member| member.name == name) else { continue };
            if let Some(known) = known.get_mut(at) {
                *known = true;
            }
            let Some(member) = members.get(at).filter(|member| member.value.kind != Kind::Null) else { continue };
            let element_name = element.map_or(FOREIGN, |element| element.name);
            let id = element.map_or("", |element| element.wco_id);
            match (&member.value.kind, element) {
                (Kind::List(values), _) if part.repeats || element.is_none() => {
                    for (at, value) in values.iter().enumerate() {
                        self.within(element_name, Some(at + 1), |writer| match element {
                            Some(element) => writer.element(value, element),
                            None => writer.foreign(value),
                        });
                    }
                }
                (_, Some(element)) if !part.repeats => {
                    self.within(element_name, None, |writer| writer.element(&member.value, element));
                }
                _ => self.report(&member.value, "json-type", id, "an array", Some(element_name)),
            }
        }
        for (member, _) in members.iter().zip(known).filter(|(_, known)| !known) {
            let expected = format!("a member of {}", complex.name);
            self.report(&at(member), "unexpected-member", "", &expected, Some(&member.name));
        }
    }

    /// A foreign element is read on its own: a text that closed what we opened would move what follows.
    fn foreign(&mut self, value: &Value) {
        let expected = "the XML text of one element of a foreign namespace";
        let Some(text) = value.as_text() else {
            return self.report(value, "json-type", "", expected, None);
        };
        let parsed = xml::parse(text.as_bytes().to_vec(), &xml::Options::default()).ok();
        let octets = parsed.as_ref().and_then(|document| foreign_octets(document, document.document_element()));
        match octets {
            Some(octets) => {
                self.writer.foreign(&super::bind::Foreign { octets: octets.into_bytes(), ..Default::default() });
            }
            None => self.report(value, "foreign-element", "", expected, None),
        }
    }
}

/// The member itself, for a report: its place, and the type of its value.
fn at(member: &Member) -> Value {
    let kind = match &member.value.kind {
        Kind::Text(_) => Kind::Text(member.name.clone()),
        Kind::List(_) => Kind::List(Vec::new()),
        Kind::Object(_) => Kind::Object(Vec::new()),
        other => other.clone(),
    };
    Value { place: member.place, kind }
}

fn is_number(simple: &Simple) -> bool {
    matches!(simple.variety, Variety::Atomic(Primitive::Decimal | Primitive::Integer | Primitive::Float))
}

fn is_boolean(simple: &Simple) -> bool {
    matches!(simple.variety, Variety::Atomic(Primitive::Boolean))
        || simple.facets.iter().any(|facet| matches!(facet, Facet::Enumeration(list) if list.contains(&"true")))
}
