//! The runtime of generated encoders: writes elements the way Exclusive C14N would, so that canonicalisation of what we
//! send changes nothing. Namespaces are declared where they are first used; `lpco` is the default namespace.

use super::bind::Foreign;
use super::slots::{Slot, Slots};
use super::table::{Attribute, Complex, Element, Tables, Type};
use crate::xml::escape;

/// What generated code does for a complex type.
pub trait Write {
    /// Writes the attributes and the content of an element of the type `complex`, whose start tag is open.
    fn write(&self, writer: &mut Writer<'_>, complex: &'static Complex);
}

/// Writes into a vector of octets.
pub struct Writer<'a> {
    slots: &'a Slots,
    tables: &'static Tables,
    out: &'a mut Vec<u8>,
    /// Slots whose declaration is in scope, a bit each, for every open element.
    scopes: Vec<u8>,
    /// Whether the start tag is still open.
    tag_open: bool,
}

impl<'a> Writer<'a> {
    /// A writer that appends to `out`; no namespace is in scope.
    pub fn new(slots: &'a Slots, tables: &'static Tables, out: &'a mut Vec<u8>) -> Self {
        Self { slots, tables, out, scopes: vec![0], tag_open: false }
    }

    /// Begins `element`; attributes may follow.
    pub fn start(&mut self, element: &Element) {
        self.close_tag();
        self.out.push(b'<');
        self.name(element);
        let scope = self.scopes.last().copied().unwrap_or(0);
        let bit = 1_u8 << (element.ns & 7);
        if scope & bit == 0
            && let Some(slot) = Slot::ALL.get(usize::from(element.ns))
        {
            self.out.extend_from_slice(b" xmlns");
            if *slot != Slot::Lpco {
                self.out.push(b':');
                self.out.extend_from_slice(slot.prefix().as_bytes());
            }
            self.out.extend_from_slice(b"=\"");
            escape::push_value(self.out, self.slots.uri(*slot));
            self.out.push(b'"');
        }
        self.scopes.push(scope | bit);
        self.tag_open = true;
    }

    /// An attribute of the element just begun. The caller keeps the order of their names.
    pub fn attribute(&mut self, attribute: &Attribute, value: &str) {
        self.out.push(b' ');
        self.out.extend_from_slice(attribute.name.as_bytes());
        self.out.extend_from_slice(b"=\"");
        escape::push_value(self.out, value);
        self.out.push(b'"');
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
        if let Some(slot) = Slot::ALL.get(usize::from(element.ns))
            && *slot != Slot::Lpco
        {
            self.out.extend_from_slice(slot.prefix().as_bytes());
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
