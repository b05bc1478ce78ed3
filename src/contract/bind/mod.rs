//! The runtime of generated decoders: walks the verified tree along the tables, checks structure, order, cardinality,
//! attributes and values, and hands each child to generated code, which only puts it in its field.
//!
//! Recovers from everything, so that all violations of a message are told at once. Linear in the nodes below the
//! element that is bound.

mod keep;
mod model;
mod report;
mod walk;

use std::borrow::Cow;

use super::datatype::{self, Broken};
use super::table::{Attribute, Complex, Content, Element, NO_NAMESPACE, Process, Tables, Type, Wildcard};
use super::text::{Decimal, Text};
use super::violation::{Came, Violation};
use crate::base::limits;
use crate::base::octets::same;
use crate::xml::{Document, Kind, NodeId, c14n, ns};
use report::{Step, What, came_element, came_nothing};

pub(in crate::contract) use keep::push_attribute;
pub use keep::{Between, ForeignAttribute, Nillable};
pub use report::kind_of;
pub use walk::Children;

/// What generated code does for a complex type.
pub trait Bind: Default {
    /// Reads the element `node` of the type `complex` (this one, or a restriction of it) into what is empty still.
    fn bind(&mut self, binder: &mut Binder<'_>, node: NodeId, complex: &'static Complex);
}

/// An element of a namespace that the contract does not know, kept to be passed on: its exclusive canonical form.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Foreign {
    /// Namespace URI.
    pub ns: String,
    /// Local name.
    pub name: String,
    /// The element, declaring the namespaces that it uses, none as well where a descendant is in none. Without its prefixes
    /// where it has no canonical form and the schema allows it all the same.
    pub octets: Vec<u8>,
}

impl std::fmt::Debug for Foreign {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Foreign").field("ns", &self.ns).field("name", &self.name).finish_non_exhaustive()
    }
}

/// Binds one element and what is below it.
pub struct Binder<'a> {
    document: &'a Document,
    tables: &'static Tables,
    namespaces: &'a [&'a str],
    /// For each number of the tables that of the same namespace in the document.
    numbers: Vec<u32>,
    /// The number of the namespace of `xsi:` in the document.
    instance: u32,
    base: NodeId,
    path: Vec<Step<'a>>,
    found: Vec<(usize, NodeId, Violation)>,
    total: usize,
    /// Whether the element at hand may say `xsi:nil`.
    nillable: bool,
}

/// The number of no namespace in every document.
const NO_NS: u32 = 0;
/// Stands for a namespace that nothing in the document has.
const ABSENT: u32 = u32::MAX;

/// A child element, matched to its declaration.
#[derive(Clone, Copy, Debug)]
pub struct Child {
    /// The element.
    pub node: NodeId,
    /// Which declaration of its parent's type; [`FOREIGN`] for what a wildcard took.
    pub index: u16,
    /// The declaration's type.
    pub kind: Type,
}

/// Makes room for a value of a repeated element. Most come once, and the first growth of a vector makes room for four.
#[inline]
pub fn push<T: Default>(values: &mut Vec<T>) -> &mut T {
    if values.capacity() == 0 {
        values.reserve_exact(1);
    }
    // Made where it stays, unlike what is pushed.
    values.resize_with(values.len() + 1, T::default);
    values.last_mut().expect("a value was pushed")
}

/// [`Child::index`] of an element that a wildcard took.
pub const FOREIGN: u16 = u16::MAX;

impl<'a> Binder<'a> {
    /// A binder for the element `base`; paths and positions count from it. `namespaces` is what the numbers of the
    /// tables stand for.
    #[must_use]
    pub fn new(document: &'a Document, base: NodeId, tables: &'static Tables, namespaces: &'a [&'a str]) -> Self {
        let number = |uri: &str| document.ns_by_number().position(|known| known == uri).map_or(ABSENT, |at| at as u32);
        Self {
            document,
            tables,
            namespaces,
            numbers: namespaces.iter().map(|uri| number(uri)).collect(),
            instance: number(ns::XSI),
            base,
            path: Vec::with_capacity(16),
            found: Vec::new(),
            total: 0,
            nillable: false,
        }
    }

    /// The document that is bound.
    #[must_use]
    pub fn document(&self) -> &'a Document {
        self.document
    }

    /// Checks that the element to bind is `root`, and steps into it.
    pub fn enter_root(&mut self, root: &'static Element) -> bool {
        let node = self.base;
        self.enter(What::Named(self.document.local(node)));
        if self.is(node, root) {
            return true;
        }
        let expected = self.describe(root);
        self.report(
            node,
            "unexpected-root",
            root.wco_id,
            expected,
            Came { kind: "element".into(), ..Came::default() },
            None,
        );
        false
    }

    /// The element to bind is none that the tables know.
    pub fn unknown_root(&mut self) {
        let node = self.base;
        self.enter(What::Named(self.document.local(node)));
        self.report(node, "unexpected-root", "", "a declared element".into(), came_element(), None);
    }

    #[inline]
    fn uri(&self, number: u8) -> &'a str {
        self.namespaces.get(usize::from(number)).copied().unwrap_or("")
    }

    #[inline]
    fn is(&self, node: NodeId, element: &Element) -> bool {
        self.document.is_local(node, element.name) && self.in_namespace(node, element)
    }

    /// Whether `node` is in the namespace of `element`. Numbers are compared, not URIs.
    #[inline]
    fn in_namespace(&self, node: NodeId, element: &Element) -> bool {
        u32::from(self.document.ns_number(node)) == self.in_document(element.ns)
    }

    /// The number in the document of the namespace that has `number` in the tables: one beyond them stands for none.
    #[inline]
    fn in_document(&self, number: u8) -> u32 {
        self.numbers.get(usize::from(number)).copied().unwrap_or(NO_NS)
    }

    fn describe(&self, element: &Element) -> String {
        format!("element {} of namespace {:?}", element.name, self.uri(element.ns))
    }

    // ---- text and attributes -------------------------------------------------------------------------------------

    /// The text of an element that holds no elements; reports those that it holds.
    fn text_of(&mut self, node: NodeId) -> Cow<'a, str> {
        let document = self.document;
        if let Some(short) = document.only_text(node) {
            return Cow::Borrowed(short.text);
        }
        let mut text = String::new();
        for child in document.children(node) {
            match document.kind(child) {
                Kind::Text => text.push_str(document.text(child)),
                Kind::Element => {
                    self.report(child, "unexpected-element", "", "text only".into(), came_element(), None);
                }
                _ => {}
            }
        }
        Cow::Owned(text)
    }

    /// Reads the value of `node` by the simple type `number`, white space as the type wants it.
    #[inline]
    fn simple(&mut self, node: NodeId, number: u32, to: &mut Text) {
        match (self.tables.simples.get(number as usize), self.document.only_text(node)) {
            (Some(simple), Some(short)) if datatype::holds(simple, &short) => to.set(&short),
            _ => *to = self.simple_checked(node, number, None),
        }
    }

    #[cold]
    #[inline(never)]
    fn simple_checked(&mut self, node: NodeId, number: u32, fixed: Option<&str>) -> Text {
        let text = match (self.text_of(node), fixed) {
            // An empty element has its fixed value (Part 1 §3.3.5).
            (text, Some(fixed)) if text.is_empty() => Cow::Owned(fixed.to_owned()),
            (text, _) => text,
        };
        self.value(node, number, fixed, text)
    }

    fn value(&mut self, node: NodeId, number: u32, fixed: Option<&str>, text: Cow<'a, str>) -> Text {
        let Some(simple) = self.tables.simples.get(number as usize) else { return Text::default() };
        let value = datatype::normalize(text, simple.white_space);
        let mut broken = Vec::new();
        datatype::check(self.tables.simples, simple, &value, &mut broken);
        if let Some(fixed) = fixed
            && broken.is_empty()
            && !datatype::is_same(self.tables.simples, simple, fixed, &value)
        {
            broken.push(Broken { code: "fixed", expected: format!("the value {fixed}"), in_list: None });
        }
        if !broken.is_empty() {
            self.report_value(node, broken, &value);
        }
        Text::from(&*value)
    }

    /// Whether there is anything to be said of the attributes of `node`.
    #[inline]
    pub fn has_attributes(&self, node: NodeId, complex: &'static Complex) -> bool {
        complex.owes_attribute || self.document.has_attributes(node)
    }

    /// Checks the attributes of `node` and hands those that are declared to `each`, by number.
    pub fn attributes(&mut self, node: NodeId, complex: &'static Complex, each: &mut dyn FnMut(usize, Text)) {
        self.attributes_of(node, complex.attributes, complex.any_attribute, each);
    }

    /// Checks the attributes of an element whose type declares none, or none that a model keeps.
    #[inline]
    pub fn check_attributes(&mut self, node: NodeId, complex: &'static Complex) {
        if self.has_attributes(node, complex) {
            self.attributes(node, complex, &mut |_, _| {});
        }
    }

    /// Checks that an element whose type declares no attributes has none.
    #[inline]
    fn no_attributes(&mut self, node: NodeId) {
        if self.document.has_attributes(node) {
            self.attributes_of(node, &[], None, &mut |_, _| {});
        }
    }

    fn attributes_of(
        &mut self,
        node: NodeId,
        declared: &'static [Attribute],
        any: Option<(Wildcard, Process)>,
        each: &mut dyn FnMut(usize, Text),
    ) {
        let document = self.document;
        let mut seen = 0_u64;
        for (local, number, short) in document.attributes_at(node) {
            let value = short.text;
            if u32::from(number) == self.instance {
                self.instance_attribute(node, local);
                continue;
            }
            let at = declared
                .iter()
                .position(|d| same(d.name.as_bytes(), local.as_bytes()) && self.in_document(d.ns) == u32::from(number));
            if let Some(at) = at
                && let Some(declaration) = declared.get(at).filter(|d| !d.prohibited)
            {
                seen |= 1 << (at & 63);
                let simple = self.tables.simples.get(declaration.simple as usize);
                if declaration.fixed.is_none() && simple.is_some_and(|s| datatype::holds(s, &short)) {
                    let mut text = Text::default();
                    text.set(&short);
                    each(at, text);
                    continue;
                }
                self.enter(What::Attribute(declaration.name));
                let value = self.value(node, declaration.simple, declaration.fixed, Cow::Borrowed(value));
                self.path.pop();
                each(at, value);
                continue;
            }
            let uri = document.uri_text(number);
            if let Some((_, process)) = any.filter(|(w, _)| self.wildcard_takes(*w, uri)) {
                self.foreign_attribute(node, uri, local, value, process);
            } else {
                self.enter(What::Attribute(local));
                let came = Came { kind: "attribute".into(), ..Came::default() };
                let wco_id = self.wco_id();
                self.report(
                    node,
                    "unexpected-attribute",
                    wco_id,
                    "no such attribute".into(),
                    came,
                    Some(local.to_owned()),
                );
                self.path.pop();
            }
        }
        // Only the element at hand may say it, not what is below.
        self.nillable = false;
        for (at, declaration) in declared.iter().enumerate() {
            if declaration.required && seen & (1 << (at & 63)) == 0 {
                self.enter(What::Attribute(declaration.name));
                let wco_id = self.wco_id();
                self.report(
                    node,
                    "missing-attribute",
                    wco_id,
                    format!("attribute {}", declaration.name),
                    came_nothing(),
                    None,
                );
                self.path.pop();
            }
        }
    }

    /// What an attribute wildcard took, looked at as closely as it says.
    fn foreign_attribute(&mut self, node: NodeId, uri: &str, local: &'a str, value: &str, process: Process) {
        if process == Process::Skip {
            return;
        }
        let known = self.tables.attributes.iter().find(|a| a.name == local && self.attribute_uri(a.ns) == uri);
        self.enter(What::Attribute(local));
        match known {
            Some(known) => {
                self.value(node, known.simple, known.fixed, Cow::Owned(value.to_owned()));
            }
            None if process == Process::Strict => {
                let came = Came { kind: "attribute".into(), ..Came::default() };
                let wco_id = self.wco_id();
                self.report(node, "unexpected-attribute", wco_id, "a declared attribute".into(), came, None);
            }
            None => {}
        }
        self.path.pop();
    }

    fn attribute_uri(&self, number: u8) -> &'a str {
        if number == NO_NAMESPACE { "" } else { self.uri(number) }
    }

    /// `xsi:schemaLocation` is a hint that nobody follows; `xsi:nil` is looked at with the element; `xsi:type` would
    /// let the message choose its own rules.
    fn instance_attribute(&mut self, node: NodeId, local: &str) {
        if matches!(local, "schemaLocation" | "noNamespaceSchemaLocation") || (local == "nil" && self.nillable) {
            return;
        }
        let came = Came { kind: "attribute".into(), ..Came::default() };
        self.report(
            node,
            "xsi-attribute",
            "",
            "no attribute of XML Schema instance".into(),
            came,
            Some(local.to_owned()),
        );
    }

    /// Whether `node` says `xsi:nil="true"`.
    fn nil(&self, node: NodeId) -> bool {
        self.document.attribute(node, ns::XSI, "nil").is_some_and(|value| matches!(value.trim(), "true" | "1"))
    }

    fn wildcard_takes(&self, wildcard: Wildcard, uri: &str) -> bool {
        match wildcard {
            Wildcard::Any => true,
            Wildcard::Other(number) => uri != self.attribute_uri(number) && !uri.is_empty(),
            Wildcard::List(list) => list.iter().any(|number| self.attribute_uri(*number) == uri),
        }
    }

    fn foreign(&self, wildcard: Wildcard, uri: &str) -> bool {
        self.wildcard_takes(wildcard, uri) && !(self.tables.wildcards_are_foreign && self.namespaces.contains(&uri))
    }

    /// What a wildcard took, looked at as closely as it says.
    fn check_foreign(&mut self, node: NodeId, process: Process) {
        if process == Process::Skip {
            return;
        }
        let (local, uri) = (self.document.local(node), self.document.ns(node));
        let root = self.tables.roots.iter().find(|r| r.name == local && self.uri(r.ns) == uri);
        match root {
            Some(root) => self.check(node, root.kind, root),
            None if process == Process::Strict => {
                self.report(node, "unexpected-element", "", "a declared element".into(), came_element(), None);
            }
            // What nobody declared is of any type: below it, what is declared is looked at again.
            None if self.path.len() < limits::DEPTH_MAX && !self.tables.wildcards_are_foreign => {
                const ANYTHING: Element = Element {
                    ns: NO_NAMESPACE,
                    name: "",
                    wco_id: "",
                    kind: Type::Anything,
                    nillable: true,
                    fixed: None,
                };
                self.check(node, Type::Anything, &ANYTHING);
            }
            None => {}
        }
    }

    /// Checks `node` against a declaration without binding it.
    pub fn check(&mut self, node: NodeId, kind: Type, element: &'static Element) {
        let nil = element.nillable && self.nil(node);
        self.nillable = element.nillable;
        if nil && element.fixed.is_some() {
            self.report(node, "fixed", "", "a value, which is fixed".into(), came_nothing(), None);
        }
        if nil && self.document.first_child(node).is_some() {
            self.report(node, "unexpected-text", "", "nothing, as xsi:nil says".into(), came_element(), None);
        }
        match kind {
            Type::Simple(number) => {
                self.no_attributes(node);
                self.nillable = false;
                if !nil {
                    self.simple_checked(node, number, element.fixed);
                }
            }
            Type::Complex(number) => {
                let tables: &'static Tables = self.tables;
                let Some(complex) = tables.complexes.get(number as usize) else { return };
                self.check_attributes(node, complex);
                self.nillable = false;
                if nil {
                    return;
                }
                if let Content::Simple(simple) = complex.content {
                    self.simple_checked(node, simple, element.fixed);
                    return;
                }
                let mut children = self.children(node, complex);
                while let Some(child) = self.next(&mut children) {
                    if let Some(declared) = complex.elements().get(usize::from(child.index)) {
                        self.check(child.node, child.kind, declared);
                    }
                }
            }
            Type::Anything => {
                let anything = Some((Wildcard::Any, Process::Lax));
                self.attributes_of(node, &[], anything, &mut |_, _| {});
                self.nillable = false;
                if let Some(fixed) = element.fixed.filter(|_| !nil) {
                    self.fixed_text(node, fixed);
                }
                let document = self.document;
                for child in document.elements(node) {
                    let name = document.local(child);
                    self.enter(What::Named(name));
                    self.check_foreign(child, Process::Lax);
                    self.path.pop();
                }
            }
        }
    }

    /// An element of any type is empty or holds its fixed value, and no elements (Part 1 §3.3.4).
    fn fixed_text(&mut self, node: NodeId, fixed: &str) {
        if self.document.first_child(node).is_some() {
            let text = self.text_of(node);
            if text != fixed {
                let expected = format!("the value {fixed}");
                self.report_value(node, vec![Broken { code: "fixed", expected, in_list: None }], &text);
            }
        }
    }

    // ---- what generated code calls -----------------------------------------------------------------------------------

    /// The child as a value of a complex type.
    #[inline]
    pub fn complex<T: Bind>(&mut self, child: &Child, to: &mut T) {
        let tables: &'static Tables = self.tables;
        if let Type::Complex(number) = child.kind
            && let Some(complex) = tables.complexes.get(number as usize)
        {
            to.bind(self, child.node, complex);
        }
    }

    /// Likewise, apart from what holds it.
    #[inline]
    #[allow(clippy::borrowed_box, reason = "an Option makes the box, and hands out a reference to it")]
    pub fn boxed<T: Bind>(&mut self, child: &Child, to: &mut Box<T>) {
        self.complex(child, &mut **to);
    }

    /// The child as text of a simple type.
    #[inline]
    pub fn text(&mut self, child: &Child, to: &mut Text) {
        if let Type::Simple(number) = child.kind {
            self.no_attributes(child.node);
            self.simple(child.node, number, to);
        }
    }

    /// The child as a number of a simple type.
    #[inline]
    pub fn decimal(&mut self, child: &Child, to: &mut Decimal) {
        self.text(child, to.unchecked());
    }

    /// The value of an element with simple content.
    #[inline]
    pub fn content(&mut self, node: NodeId, complex: &'static Complex, to: &mut Text) {
        if let Content::Simple(number) = complex.content {
            self.simple(node, number, to);
        }
    }

    /// The child as it is, to be passed on.
    pub fn keep(&mut self, child: &Child) -> Foreign {
        let document = self.document;
        let mut octets = Vec::new();
        // It has no canonical form only with a relative namespace; then it is dropped with its violation told.
        let node = child.node;
        if let Err(error) = c14n::exclusive_without(document, node, None, &mut octets) {
            octets.clear();
            // Schemas of others may well allow it.
            if !self.tables.wildcards_are_foreign {
                keep::plain(document, node, &mut octets);
                return Foreign { ns: document.ns(node).to_owned(), name: document.local(node).to_owned(), octets };
            }
            self.report(
                node,
                "foreign-element",
                "",
                "an element that has a canonical form".into(),
                came_element(),
                Some(error.to_string()),
            );
        }
        // What we write around it has a default namespace: descendants in no namespace must stay there.
        let bare = document.descendants(node).any(|n| document.kind(n) == Kind::Element && document.ns(n).is_empty());
        if bare && let Some(end) = octets.iter().position(|b| matches!(b, b' ' | b'>')) {
            octets.splice(end..end, *b" xmlns=\"\"");
        }
        Foreign { ns: document.ns(node).to_owned(), name: document.local(node).to_owned(), octets }
    }
}
