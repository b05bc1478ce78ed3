//! The runtime of generated encoders: writes elements the way Exclusive C14N would, so that canonicalisation of what we
//! send changes nothing. Namespaces are declared where they are first used; `lpco` is the default namespace.

use super::bind::{self, Foreign, ForeignAttribute};
use super::slots::{Slot, Slots};
use super::table::{Attribute, Complex, Element, NO_NAMESPACE, Tables, Type};
use crate::xml::{escape, ns};

/// What generated code does for a complex type.
pub trait Write {
    /// Writes the attributes and the content of an element of the type `complex`, whose start tag is open.
    fn write(&self, writer: &mut Writer<'_>, complex: &'static Complex);
}

/// What the numbers of namespaces stand for, and with which prefixes.
enum Names<'a> {
    /// Those of the contract.
    Slots(&'a Slots),
    /// Those of any other schemas: `n0`, `n1`, ...; never a default namespace.
    List(&'a [&'a str]),
}

/// Writes into a vector of octets.
pub struct Writer<'a> {
    names: Names<'a>,
    tables: &'static Tables,
    out: &'a mut Vec<u8>,
    /// Namespaces whose declaration is in scope, a bit each, for every open element.
    scopes: Vec<u64>,
    /// Whether the start tag is still open.
    tag_open: bool,
}

impl<'a> Writer<'a> {
    /// A writer that appends to `out`; no namespace is in scope.
    pub fn new(slots: &'a Slots, tables: &'static Tables, out: &'a mut Vec<u8>) -> Self {
        Self { names: Names::Slots(slots), tables, out, scopes: vec![0], tag_open: false }
    }

    /// A writer for tables of other schemas, whose namespaces by number are `namespaces`, at most 64. What it writes is not
    /// in canonical form.
    pub fn of(namespaces: &'a [&'a str], tables: &'static Tables, out: &'a mut Vec<u8>) -> Self {
        Self { names: Names::List(namespaces), tables, out, scopes: vec![0], tag_open: false }
    }

    /// Begins `element`; attributes may follow.
    pub fn start(&mut self, element: &Element) {
        self.close_tag();
        self.out.push(b'<');
        self.name(element);
        let scope = self.scopes.last().copied().unwrap_or(0);
        self.scopes.push(scope);
        self.declare(element.ns);
        self.tag_open = true;
    }

    /// Declares the namespace with this number, unless it is in scope.
    fn declare(&mut self, number: u8) {
        let bit = 1_u64.checked_shl(number.into()).unwrap_or(0);
        let Some(scope) = self.scopes.last_mut().filter(|scope| **scope & bit == 0) else { return };
        let uri = match self.names {
            Names::Slots(slots) => Slot::ALL.get(usize::from(number)).map(|slot| slots.uri(*slot)),
            Names::List(list) => list.get(usize::from(number)).copied(),
        };
        let Some(uri) = uri else { return };
        *scope |= bit;
        self.out.extend_from_slice(b" xmlns");
        if !matches!(self.names, Names::Slots(_)) || number != Slot::Lpco as u8 {
            self.out.push(b':');
            self.prefix(number);
        }
        self.out.extend_from_slice(b"=\"");
        escape::push_value(self.out, uri);
        self.out.push(b'"');
    }

    fn prefix(&mut self, number: u8) {
        match self.names {
            Names::Slots(_) => {
                let prefix = Slot::ALL.get(usize::from(number)).map_or("", |slot| slot.prefix());
                self.out.extend_from_slice(prefix.as_bytes());
            }
            Names::List(_) => self.out.extend_from_slice(format!("n{number}").as_bytes()),
        }
    }

    /// An attribute of the element just begun. The caller keeps the order of their names.
    pub fn attribute(&mut self, attribute: &Attribute, value: &str) {
        if attribute.ns == NO_NAMESPACE {
            self.out.push(b' ');
        } else {
            self.attribute_prefix(attribute.ns);
        }
        self.out.extend_from_slice(attribute.name.as_bytes());
        self.out.extend_from_slice(b"=\"");
        escape::push_value(self.out, value);
        self.out.push(b'"');
    }

    fn attribute_prefix(&mut self, number: u8) {
        if matches!(self.names, Names::List(list) if list.get(usize::from(number)) == Some(&ns::XML)) {
            self.out.extend_from_slice(b" xml:");
            return;
        }
        self.declare(number);
        self.out.push(b' ');
        self.prefix(number);
        self.out.push(b':');
    }

    /// Attributes of the element just begun, as they came.
    pub fn foreign_attributes(&mut self, attributes: &[ForeignAttribute]) {
        for (at, attribute) in attributes.iter().enumerate() {
            bind::push_attribute(at, &attribute.ns, &attribute.name, &attribute.value, self.out);
        }
    }

    /// An element that says that it is nil.
    pub fn nil(&mut self, element: &Element, attributes: &[ForeignAttribute]) {
        self.start(element);
        self.out.extend_from_slice(format!(" xmlns:xsi=\"{}\" xsi:nil=\"true\"", ns::XSI).as_bytes());
        self.foreign_attributes(attributes);
        self.end(element);
    }

    /// Text.
    pub fn text(&mut self, text: &str) {
        self.close_tag();
        escape::push_text(self.out, text);
    }

    /// A foreign element, as the decoder kept it.
    pub fn foreign(&mut self, foreign: &Foreign) {
        self.close_tag();
        self.out.extend_from_slice(&foreign.octets);
    }

    /// An element of a complex type.
    pub fn complex<T: Write>(&mut self, element: &'static Element, value: &T) {
        let Type::Complex(number) = element.kind else { return };
        let tables: &'static Tables = self.tables;
        if let Some(complex) = tables.complexes.get(number as usize) {
            self.start(element);
            value.write(self, complex);
            self.end(element);
        }
    }

    /// Ends `element`.
    pub fn end(&mut self, element: &Element) {
        self.close_tag();
        self.scopes.pop();
        self.out.extend_from_slice(b"</");
        self.name(element);
        self.out.push(b'>');
    }

    /// An element with nothing but a text.
    pub fn leaf(&mut self, element: &Element, text: &str) {
        self.start(element);
        self.text(text);
        self.end(element);
    }

    fn name(&mut self, element: &Element) {
        let bare = match self.names {
            Names::Slots(_) => element.ns == Slot::Lpco as u8 || usize::from(element.ns) >= Slot::ALL.len(),
            Names::List(_) => element.ns == NO_NAMESPACE,
        };
        if !bare {
            self.prefix(element.ns);
            self.out.push(b':');
        }
        self.out.extend_from_slice(element.name.as_bytes());
    }

    fn close_tag(&mut self) {
        if self.tag_open {
            self.out.push(b'>');
            self.tag_open = false;
        }
    }
}
