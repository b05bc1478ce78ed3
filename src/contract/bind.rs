//! The runtime of generated decoders: walks the verified tree along the tables, checks structure, order, cardinality,
//! attributes and values, and hands each child to generated code, which only puts it in its field.
//!
//! Recovers from everything, so that all violations of a message are told at once. Linear in the nodes below the
//! element that is bound.

mod keep;

use std::borrow::Cow;

pub(in crate::contract) use keep::push_attribute;
pub use keep::{Between, ForeignAttribute, Nillable};

use super::datatype::{self, Broken};
use super::table::{
    Attribute, Complex, Content, Element, NO_NAMESPACE, Particle, Place, Process, Tables, Term, Type, UNBOUNDED,
    Wildcard, name_key, wco_id_within,
};
use super::text::{Decimal, Text};
use super::violation::{Came, VIOLATIONS_MAX, Violation, Violations};
use crate::base::limits;
use crate::base::octets::same;
use crate::xml::{Document, Kind, NodeId, c14n, ns};

/// One step of the path to the node that is being bound.
struct Step<'a> {
    what: What<'a>,
    occurrence: u32,
    repeats: bool,
}

/// What a step leads to.
#[derive(Clone, Copy)]
enum What<'a> {
    /// An element with its declaration.
    Declared(&'static Element),
    /// An element by its name alone.
    Named(&'a str),
    /// An attribute, with the WCO id of what carries it.
    Attribute(&'a str, &'static str),
}

impl What<'_> {
    fn name(&self) -> &str {
        match self {
            Self::Declared(element) => element.name,
            Self::Named(name) | Self::Attribute(name, _) => name,
        }
    }

    fn wco_id(&self) -> &'static str {
        match self {
            Self::Declared(element) => element.wco_id,
            Self::Named(_) => "",
            Self::Attribute(_, wco_id) => wco_id,
        }
    }
}

/// What generated code does for a complex type.
pub trait Bind: Default {
    /// Reads the element `node` of the type `complex` (this one, or a restriction of it).
    fn bind(binder: &mut Binder<'_>, node: NodeId, complex: &'static Complex) -> Self;
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
    /// For each namespace of the document, by its number there, the first number here that stands for it.
    numbers: Vec<u16>,
    /// For each number the first one that stands for the same namespace.
    first: Vec<u16>,
    /// What stands for no namespace.
    none: u16,
    base: NodeId,
    path: Vec<Step<'a>>,
    found: Vec<(usize, NodeId, Violation)>,
    total: usize,
    /// Whether the element at hand may say `xsi:nil`.
    nillable: bool,
}

/// Stands for a namespace that the tables do not know.
const UNKNOWN_NAMESPACE: u16 = u16::MAX;

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

/// Adds a value of a repeated element. Most come once, and the first growth of a vector makes room for four.
pub fn push<T>(values: &mut Vec<T>, value: T) {
    if values.capacity() == 0 {
        values.reserve_exact(1);
    }
    values.push(value);
}

/// [`Child::index`] of an element that a wildcard took.
pub const FOREIGN: u16 = u16::MAX;

/// Where the walk along a flat sequence stands.
struct Walk {
    elements: &'static [Element],
    places: &'static [Place],
    parts: &'static [Particle],
    parent: NodeId,
    /// The child to look at next.
    next: Option<NodeId>,
    /// The place that the walk has reached, and how many stood there.
    at: usize,
    count: u32,
    /// Places whose element stood elsewhere, one bit a place.
    misplaced: u64,
    /// Places that were passed over with too few.
    skipped: u64,
}

impl<'a> Binder<'a> {
    /// A binder for the element `base`; paths and positions count from it. `namespaces` is what the numbers of the
    /// tables stand for.
    #[must_use]
    pub fn new(document: &'a Document, base: NodeId, tables: &'static Tables, namespaces: &'a [&'a str]) -> Self {
        let number = |uri: &str| match namespaces.iter().position(|known| *known == uri) {
            Some(number) => number as u16,
            None if uri.is_empty() => NO_NAMESPACE.into(),
            None => UNKNOWN_NAMESPACE,
        };
        Self {
            document,
            tables,
            namespaces,
            numbers: document.ns_by_number().map(number).collect(),
            first: namespaces.iter().map(|uri| number(uri)).collect(),
            none: number(""),
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

    /// Everything that is wrong, in document order.
    ///
    /// # Errors
    /// The violations, unless there are none.
    pub fn finish(mut self) -> Result<(), Violations> {
        if self.total == 0 {
            return Ok(());
        }
        self.found.sort_by_key(|(offset, ..)| *offset);
        self.place();
        let list = self.found.into_iter().map(|(_, _, violation)| violation).collect();
        Err(Violations { list, total: self.total })
    }

    /// Line and column of every violation in one pass over the octets of the base.
    fn place(&mut self) {
        let octets = self.document.octets();
        let range = self.document.range(self.base);
        let (mut at, mut line, mut line_start) = (range.start, 1_u32, range.start);
        let mut column_at = (range.start, 1_u32);
        for (offset, node, violation) in &mut self.found {
            if !range.contains(offset) || *offset < at {
                let position = self.document.position_within(self.base, *node);
                (violation.line, violation.column) = (position.line, position.column);
                continue;
            }
            for (index, _) in
                octets.get(at..*offset).unwrap_or_default().iter().enumerate().filter(|(_, b)| **b == b'\n')
            {
                line += 1;
                line_start = at + index + 1;
                column_at = (line_start, 1);
            }
            at = *offset;
            // Columns count characters: octets that do not continue one.
            let fresh = octets.get(column_at.0..at).unwrap_or_default();
            let characters = fresh.iter().filter(|b| **b & 0xC0 != 0x80).count();
            column_at = (at, column_at.1.saturating_add(characters as u32));
            let _ = line_start;
            (violation.line, violation.column) = (line, column_at.1);
        }
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
        self.is_namespace(self.document.ns_number(node), element)
    }

    /// Whether the namespace with this number in the document is that of `element`.
    #[inline]
    fn is_namespace(&self, number: u16, element: &Element) -> bool {
        let came = self.numbers.get(usize::from(number)).copied().unwrap_or(UNKNOWN_NAMESPACE);
        // A number beyond the table stands for no namespace, as `uri` says.
        came == self.first.get(usize::from(element.ns)).copied().unwrap_or(self.none)
    }

    fn describe(&self, element: &Element) -> String {
        format!("element {} of namespace {:?}", element.name, self.uri(element.ns))
    }

    /// Of the element at hand, or of what it is the value of: DateTimeString has none of its own.
    fn wco_id(&self) -> &'static str {
        self.path.iter().rev().take(2).map(|step| step.what.wco_id()).find(|id| !id.is_empty()).unwrap_or("")
    }

    /// Steps into what stands once. It is left with `self.path.pop()`.
    fn enter(&mut self, what: What<'a>) {
        self.path.push(Step { what, occurrence: 1, repeats: false });
    }

    fn path(&self) -> String {
        let mut out = String::new();
        for step in &self.path {
            out.push('/');
            if matches!(step.what, What::Attribute(..)) {
                out.push('@');
            }
            out.push_str(step.what.name());
            if step.repeats || step.occurrence > 1 {
                out.push('[');
                out.push_str(&step.occurrence.to_string());
                out.push(']');
            }
        }
        out
    }

    fn report(
        &mut self,
        node: NodeId,
        code: &'static str,
        wco_id: &'static str,
        expected: String,
        came: Came,
        value: Option<String>,
    ) {
        self.total += 1;
        if self.found.len() >= VIOLATIONS_MAX {
            return;
        }
        let around = self.path.iter().map(|step| step.what.name());
        let violation = Violation {
            code: Cow::Borrowed(code),
            wco_id: Cow::Borrowed(wco_id_within(around, wco_id)),
            path: self.path(),
            line: 0,
            column: 0,
            expected: Cow::Owned(expected),
            came,
            value,
        };
        self.found.push((self.document.range(node).start, node, violation));
    }

    fn report_value(&mut self, node: NodeId, broken: Vec<Broken>, value: &str) {
        let wco_id = self.wco_id();
        for Broken { code, expected, in_list } in broken {
            let came = Came { kind: kind_of(value).into(), length: Some(value.chars().count() as u64), in_list };
            self.report(node, code, wco_id, expected, came, Some(value.to_owned()));
        }
    }

    // ---- text and attributes -------------------------------------------------------------------------------------

    /// The text of an element that holds no elements; reports those that it holds.
    fn text_of(&mut self, node: NodeId) -> Cow<'a, str> {
        let document = self.document;
        if let Some(text) = document.only_text(node) {
            return Cow::Borrowed(text);
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
    pub fn simple(&mut self, node: NodeId, number: u32, fixed: Option<&str>) -> Text {
        match (self.tables.simples.get(number as usize), self.document.only_text(node)) {
            (Some(simple), Some(text)) if fixed.is_none() && datatype::holds(simple, text) => Text::from(text),
            _ => self.simple_checked(node, number, fixed),
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

    /// Checks the attributes of `node` and hands those that are declared to `each`, by number.
    #[inline]
    pub fn attributes(&mut self, node: NodeId, complex: &'static Complex, each: &mut dyn FnMut(usize, Text)) {
        if self.document.has_attributes(node) || complex.attributes.iter().any(|declaration| declaration.required) {
            self.attributes_of(node, complex.attributes, complex.any_attribute, each);
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
        let wco_id = self.wco_id();
        for attribute in document.attributes(node) {
            if attribute.ns == ns::XSI {
                self.instance_attribute(node, attribute.local);
                continue;
            }
            let at = declared.iter().position(|d| {
                same(d.name.as_bytes(), attribute.local.as_bytes()) && self.attribute_uri(d.ns) == attribute.ns
            });
            if let Some(at) = at
                && let Some(declaration) = declared.get(at).filter(|d| !d.prohibited)
            {
                seen |= 1 << (at & 63);
                let simple = self.tables.simples.get(declaration.simple as usize);
                if declaration.fixed.is_none() && simple.is_some_and(|s| datatype::holds(s, attribute.value)) {
                    each(at, Text::from(attribute.value));
                    continue;
                }
                self.enter_attribute(declaration.name, wco_id);
                let value = Cow::Borrowed(attribute.value);
                let value = self.value(node, declaration.simple, declaration.fixed, value);
                self.path.pop();
                each(at, value);
            } else if let Some((_, process)) = any.filter(|(w, _)| self.wildcard_takes(*w, attribute.ns)) {
                self.foreign_attribute(node, attribute.ns, attribute.local, attribute.value, process);
            } else {
                let name = attribute.local.to_owned();
                self.enter_attribute(attribute.local, wco_id);
                let came = Came { kind: "attribute".into(), ..Came::default() };
                self.report(node, "unexpected-attribute", wco_id, "no such attribute".into(), came, Some(name));
                self.path.pop();
            }
        }
        // Only the element at hand may say it, not what is below.
        self.nillable = false;
        for (at, declaration) in declared.iter().enumerate() {
            if declaration.required && seen & (1 << (at & 63)) == 0 {
                self.enter_attribute(declaration.name, wco_id);
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

    fn enter_attribute(&mut self, name: &'a str, wco_id: &'static str) {
        self.enter(What::Attribute(name, wco_id));
    }

    /// What an attribute wildcard took, looked at as closely as it says.
    fn foreign_attribute(&mut self, node: NodeId, uri: &str, local: &'a str, value: &str, process: Process) {
        if process == Process::Skip {
            return;
        }
        let known = self.tables.attributes.iter().find(|a| a.name == local && self.attribute_uri(a.ns) == uri);
        let wco_id = self.wco_id();
        self.enter_attribute(local, wco_id);
        match known {
            Some(known) => {
                self.value(node, known.simple, known.fixed, Cow::Owned(value.to_owned()));
            }
            None if process == Process::Strict => {
                let came = Came { kind: "attribute".into(), ..Came::default() };
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

    // ---- children ------------------------------------------------------------------------------------------------

    /// Hands the children of `node`, whose type is `complex`, to `each`, in the order of the text. Paths lead to the child
    /// meanwhile.
    pub fn children(&mut self, node: NodeId, complex: &'static Complex, each: &mut dyn FnMut(&mut Self, Child)) {
        match complex.content {
            Content::Elements { elements, model, mixed } => match complex.flat() {
                Some((places, parts)) if !mixed => self.sequence(
                    Walk {
                        elements,
                        places,
                        parts,
                        parent: node,
                        next: self.document.first_child(node),
                        at: 0,
                        count: 0,
                        misplaced: 0,
                        skipped: 0,
                    },
                    each,
                ),
                _ => self.in_model(node, elements, &model, mixed, each),
            },
            Content::Empty | Content::Simple(_) => {
                const NOTHING: Particle = Particle { min: 1, max: 1, term: Term::Sequence(&[]) };
                self.in_model(node, &[], &NOTHING, false, each);
            }
        }
    }

    /// Children of any model but a flat sequence: matched first, then handed out.
    fn in_model(
        &mut self,
        node: NodeId,
        elements: &'static [Element],
        model: &Particle,
        mixed: bool,
        each: &mut dyn FnMut(&mut Self, Child),
    ) {
        for (child, occurrence) in self.matched(node, elements, model, mixed) {
            if !self.hand(self.what(elements, child), child, occurrence, false, each) {
                return;
            }
        }
    }

    /// What the step to `child` leads to.
    fn what(&self, elements: &'static [Element], child: Child) -> What<'a> {
        match elements.get(usize::from(child.index)) {
            Some(element) => What::Declared(element),
            None => What::Named(self.document.local(child.node)),
        }
    }

    /// Hands `child` to `each`, the path leading to it meanwhile. False when the document is too deep.
    #[inline]
    fn hand(
        &mut self,
        what: What<'a>,
        child: Child,
        occurrence: u32,
        repeats: bool,
        each: &mut dyn FnMut(&mut Self, Child),
    ) -> bool {
        // The parser bounds the depth already; a caller with other options must not cost a stack.
        if self.path.len() >= limits::DEPTH_MAX {
            return false;
        }
        self.path.push(Step { what, occurrence, repeats });
        each(self, child);
        self.path.pop();
        true
    }

    fn sequence(&mut self, mut walk: Walk, each: &mut dyn FnMut(&mut Self, Child)) {
        let document = self.document;
        let elements = walk.elements;
        loop {
            // Nearly always the element of this place once more, or that of a later one with nothing owed in between.
            while let Some(node) = walk.next
                && let Some((name, ns, next)) = document.element_at(node)
                && let Some((position, place, element)) = self.in_order(&walk, name, ns)
            {
                walk.next = next;
                walk.count = if position == walk.at { walk.count + 1 } else { 1 };
                walk.at = position;
                let child = Child { node, index: place.element, kind: element.kind };
                if !self.hand(What::Declared(element), child, walk.count, place.max > 1, each) {
                    return;
                }
            }
            if walk.next.is_none() && walk.is_complete() {
                return;
            }
            match self.next_out_of_order(&mut walk) {
                Some((child, occurrence, repeats)) => {
                    if !self.hand(self.what(elements, child), child, occurrence, repeats, each) {
                        return;
                    }
                }
                None => return,
            }
        }
    }

    /// The place at or after that of the walk where an element of this name and namespace stands as it should; none when
    /// anything at all is to be said about that, or when a wildcard comes first.
    #[inline]
    fn in_order(&self, walk: &Walk, name: &[u8], ns: u16) -> Option<(usize, &'static Place, &'static Element)> {
        let key = name_key(name);
        let mut had = walk.count;
        for (offset, place) in walk.places.get(walk.at..)?.iter().enumerate() {
            if place.key == key
                && let Some(element) = walk.elements.get(usize::from(place.element))
                && same(element.name.as_bytes(), name)
                && self.is_namespace(ns, element)
            {
                if had < place.max {
                    return Some((walk.at + offset, place, element));
                }
                // One that is full may stand again further on under the same name.
                if offset > 0 {
                    return None;
                }
            }
            if had < place.min || place.key == 0 {
                return None;
            }
            had = 0;
        }
        None
    }

    /// The next child of a flat sequence, with its occurrence and whether it repeats: the whole of the rules, for what is
    /// not simply the next element.
    #[cold]
    #[inline(never)]
    fn next_out_of_order(&mut self, walk: &mut Walk) -> Option<(Child, u32, bool)> {
        let Walk { elements, parts, at, count, misplaced, skipped, next, parent, .. } = walk;
        let elements = *elements;
        let document = self.document;
        while let Some(node) = *next {
            *next = document.next_sibling(node);
            match document.kind(node) {
                Kind::Element => {}
                Kind::Text => {
                    self.stray_text(node);
                    continue;
                }
                _ => continue,
            }
            let (local, uri) = (document.local(node), document.ns(node));
            let is = |part: &Particle| match part.term {
                Term::Element(index) => elements
                    .get(usize::from(index))
                    .is_some_and(|e| same(e.name.as_bytes(), local.as_bytes()) && self.in_namespace(node, e)),
                Term::Any(wildcard, _) => self.foreign(wildcard, uri),
                _ => false,
            };
            if let Some(part) = parts.get(*at)
                && *count < part.max
                && let Term::Element(index) = part.term
                && let Some(element) = elements.get(usize::from(index))
                && same(element.name.as_bytes(), local.as_bytes())
                && self.in_namespace(node, element)
            {
                *count += 1;
                let (occurrence, repeats) = (*count, part.max > 1);
                return Some((Child { node, index, kind: element.kind }, occurrence, repeats));
            }
            let full = parts.get(*at).is_some_and(|part| *count >= part.max);
            let ahead = parts.get(*at..).and_then(|rest| rest.iter().position(is)).map(|offset| *at + offset);
            // An element that is full may stand again further on under the same name.
            let ahead = match ahead {
                Some(position) if position == *at && full => {
                    let further = parts.get(*at + 1..).and_then(|rest| rest.iter().position(is));
                    further.map_or(Some(position), |offset| Some(*at + 1 + offset))
                }
                other => other,
            };
            // Passing over what must come: the message is wrong already. A wildcard would swallow a misnamed element and
            // with it the place; an element that stands too early is told alone when what it passes over still comes.
            let had = |index: usize| if index == *at { *count } else { 0 };
            let owed =
                |index: usize| parts.get(index).is_some_and(|p| had(index) < p.min && *misplaced & (1 << index) == 0);
            let mut early = None;
            let ahead = ahead.filter(|position| {
                if !(*at..*position).any(owed) {
                    return true;
                }
                match parts.get(*position).map(|part| part.term) {
                    Some(Term::Element(index)) => {
                        let following = std::iter::successors(*next, |n| document.next_sibling(*n));
                        let following = following.into_iter().find(|n| document.kind(*n) == Kind::Element);
                        let comes = following.is_some_and(|n| {
                            parts.get(*at..*position).unwrap_or_default().iter().any(|part| match part.term {
                                Term::Element(e) => elements.get(usize::from(e)).is_some_and(|e| self.is(n, e)),
                                _ => false,
                            })
                        });
                        if comes {
                            early = Some((*position, index));
                        }
                        !comes
                    }
                    _ => false,
                }
            });
            if let Some((position, index)) = early
                && let Some(element) = elements.get(usize::from(index))
            {
                let expected = expected_at(parts, *at, *count, elements);
                *misplaced |= 1 << position;
                self.enter(What::Named(element.name));
                self.report(node, "misplaced-element", element.wco_id, expected, came_element(), None);
                self.path.pop();
                return Some((Child { node, index, kind: element.kind }, 1, false));
            }
            let Some(position) = ahead else {
                let behind = parts.get(..*at).and_then(|before| before.iter().position(is));
                let declared = behind.and_then(|p| parts.get(p)).and_then(|p| match p.term {
                    Term::Element(index) => elements.get(usize::from(index)).map(|e| (index, e)),
                    _ => None,
                });
                let expected = expected_at(parts, *at, *count, elements);
                match (declared, behind) {
                    (Some((index, element)), Some(position)) => {
                        *misplaced |= 1 << position;
                        self.enter(What::Named(element.name));
                        self.report(node, "misplaced-element", element.wco_id, expected, came_element(), None);
                        self.path.pop();
                        // Its values are still looked at; the message is refused whatever they are.
                        return Some((Child { node, index, kind: element.kind }, 1, false));
                    }
                    _ => {
                        // The wildcard of XML Schema would take it; but one of ours out of its place is no extension.
                        let barred = |part: &Particle| matches!(part.term, Term::Any(w, _) if self.wildcard_takes(w, uri) && !self.foreign(w, uri));
                        let ours = parts.get(*at..).is_some_and(|rest| rest.iter().any(barred));
                        let code = if ours { "misplaced-element" } else { "unexpected-element" };
                        self.enter(What::Named(local));
                        self.report(node, code, "", expected, came_element(), None);
                        self.path.pop();
                    }
                }
                continue;
            };
            let Some(part) = parts.get(position) else { continue };
            if position == *at {
                *count += 1;
            } else {
                for passed in *at..position {
                    if parts.get(passed).is_some_and(|p| had(passed) < p.min) {
                        *skipped |= 1 << passed;
                    }
                }
                *at = position;
                *count = 1;
            }
            let repeats = part.max > 1;
            let (occurrence, too_many) = (*count, *count > part.max);
            match part.term {
                Term::Element(index) => {
                    let Some(element) = elements.get(usize::from(index)) else { continue };
                    if too_many {
                        let expected = format!("at most {} of {}", part.max, element.name);
                        self.path.push(Step { what: What::Named(element.name), occurrence, repeats });
                        self.report(node, "too-many", element.wco_id, expected, came_element(), None);
                        self.path.pop();
                    }
                    return Some((Child { node, index, kind: element.kind }, occurrence, repeats));
                }
                Term::Any(_, process) => {
                    if too_many {
                        let expected = format!("at most {} elements of another namespace", part.max);
                        self.enter(What::Named(local));
                        self.report(node, "too-many", "", expected, came_element(), None);
                        self.path.pop();
                    }
                    self.check_foreign(node, process);
                    return Some((Child { node, index: FOREIGN, kind: Type::Anything }, occurrence, repeats));
                }
                _ => {}
            }
        }
        // The end: what was passed over and never came, and what is still wanted.
        let (parent, missing) = (*parent, {
            let mut missing = *skipped & !*misplaced;
            for (index, part) in parts.iter().enumerate().skip(*at) {
                let had = if index == *at { *count } else { 0 };
                if had < part.min && *misplaced & (1 << index) == 0 {
                    missing |= 1 << index;
                }
            }
            missing
        });
        if missing != 0 {
            for (index, part) in parts.iter().enumerate() {
                if missing & (1 << index) == 0 {
                    continue;
                }
                match part.term {
                    Term::Element(element) => {
                        if let Some(element) = elements.get(usize::from(element)) {
                            self.missing(parent, element, part.min);
                        }
                    }
                    _ => {
                        let expected = format!("at least {} elements of another namespace", part.min);
                        self.report(parent, "missing-element", "", expected, came_nothing(), None);
                    }
                }
            }
            *at = parts.len();
            *skipped = 0;
        }
        None
    }

    fn missing(&mut self, parent: NodeId, element: &'static Element, min: u32) {
        self.enter(What::Named(element.name));
        let expected =
            if min > 1 { format!("at least {min} of {}", element.name) } else { format!("element {}", element.name) };
        self.report(parent, "missing-element", element.wco_id, expected, came_nothing(), None);
        self.path.pop();
    }

    fn stray_text(&mut self, node: NodeId) {
        let text = self.document.text(node);
        if text.bytes().any(|b| !matches!(b, b' ' | b'\t' | b'\n' | b'\r')) {
            let came = Came { kind: "text".into(), length: Some(text.chars().count() as u64), in_list: None };
            self.report(node, "unexpected-text", "", "elements only".into(), came, Some(text.to_owned()));
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
                    self.simple(node, number, element.fixed);
                }
            }
            Type::Complex(number) => {
                let tables: &'static Tables = self.tables;
                let Some(complex) = tables.complexes.get(number as usize) else { return };
                self.attributes(node, complex, &mut |_, _| {});
                self.nillable = false;
                if nil {
                    return;
                }
                if let Content::Simple(simple) = complex.content {
                    self.simple(node, simple, element.fixed);
                    return;
                }
                self.children(node, complex, &mut |binder, child| {
                    if let Some(declared) = complex.elements().get(usize::from(child.index)) {
                        binder.check(child.node, child.kind, declared);
                    }
                });
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
    pub fn complex<T: Bind>(&mut self, child: &Child) -> T {
        let tables: &'static Tables = self.tables;
        match child.kind {
            Type::Complex(number) => match tables.complexes.get(number as usize) {
                Some(complex) => T::bind(self, child.node, complex),
                None => T::default(),
            },
            _ => T::default(),
        }
    }

    /// The child as text of a simple type.
    #[inline]
    pub fn text(&mut self, child: &Child) -> Text {
        let Type::Simple(number) = child.kind else { return Text::default() };
        self.no_attributes(child.node);
        self.simple(child.node, number, None)
    }

    /// The child as a number of a simple type.
    #[inline]
    pub fn decimal(&mut self, child: &Child) -> Decimal {
        Decimal::checked(self.text(child))
    }

    /// The value of an element with simple content.
    #[inline]
    pub fn content(&mut self, node: NodeId, complex: &'static Complex) -> Text {
        match complex.content {
            Content::Simple(number) => self.simple(node, number, None),
            _ => Text::default(),
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

    // ---- models that are no flat sequence --------------------------------------------------------------------------

    /// The children with their occurrences.
    fn matched(
        &mut self,
        parent: NodeId,
        elements: &'static [Element],
        model: &Particle,
        mixed: bool,
    ) -> Vec<(Child, u32)> {
        let document = self.document;
        let mut nodes = Vec::new();
        for node in document.children(parent) {
            match document.kind(node) {
                Kind::Element => nodes.push(node),
                Kind::Text if !mixed => self.stray_text(node),
                _ => {}
            }
        }
        let mut matcher = Matcher { binder: self, elements, nodes: &nodes, out: Vec::with_capacity(nodes.len()) };
        let result = matcher.particle(model, 0);
        let mut out = matcher.out;
        let failure = match result {
            Ok(end) if end == nodes.len() => None,
            Ok(end) => Some((end, "nothing more".to_owned())),
            Err((at, expected)) => Some((at, expected)),
        };
        if let Some((at, expected)) = failure {
            match nodes.get(at) {
                Some(node) => {
                    self.enter(What::Named(document.local(*node)));
                    self.report(*node, "unexpected-element", "", expected, came_element(), None);
                    self.path.pop();
                }
                None => self.report(parent, "missing-element", "", expected, came_nothing(), None),
            }
            // Whatever has a declaration is still looked at.
            for node in nodes.iter().skip(out.len()) {
                if let Some(index) = elements.iter().position(|e| self.is(*node, e)) {
                    out.push((*node, index as u16, None));
                }
            }
        }
        let mut counts = vec![0_u32; elements.len()];
        out.into_iter()
            .map(|(node, index, process)| {
                if let Some(process) = process {
                    self.check_foreign(node, process);
                    return (Child { node, index: FOREIGN, kind: Type::Anything }, 1);
                }
                let occurrence = counts.get_mut(usize::from(index)).map_or(1, |count| {
                    *count += 1;
                    *count
                });
                let kind = elements.get(usize::from(index)).map_or(Type::Anything, |e| e.kind);
                (Child { node, index, kind }, occurrence)
            })
            .collect()
    }
}

impl Walk {
    /// Whether nothing is owed any more, and nothing was out of its place.
    #[inline]
    fn is_complete(&self) -> bool {
        let here = self.places.get(self.at).is_none_or(|place| self.count >= place.min);
        let rest = self.places.get(self.at + 1..).unwrap_or_default();
        here && (self.misplaced | self.skipped) == 0 && rest.iter().all(|place| place.min == 0)
    }
}

/// Matches children to a model that is deterministic (Unique Particle Attribution), without going back.
struct Matcher<'m, 'a> {
    binder: &'m Binder<'a>,
    elements: &'static [Element],
    nodes: &'m [NodeId],
    out: Vec<(NodeId, u16, Option<Process>)>,
}

type Matched = Result<usize, (usize, String)>;

impl Matcher<'_, '_> {
    fn particle(&mut self, particle: &Particle, mut at: usize) -> Matched {
        let mut count = 0;
        while particle.max == UNBOUNDED || count < particle.max {
            if !self.begins(&particle.term, at) {
                break;
            }
            let before = at;
            at = self.term(&particle.term, at)?;
            count += 1;
            if at == before {
                break;
            }
        }
        if count < particle.min && !empties(&particle.term) {
            return Err((at, self.expected(&particle.term)));
        }
        Ok(at)
    }

    fn term(&mut self, term: &Term, mut at: usize) -> Matched {
        match term {
            Term::Element(index) => {
                if let Some(node) = self.nodes.get(at) {
                    self.out.push((*node, *index, None));
                }
                Ok(at + 1)
            }
            Term::Any(_, process) => {
                if let Some(node) = self.nodes.get(at) {
                    self.out.push((*node, 0, Some(*process)));
                }
                Ok(at + 1)
            }
            Term::Sequence(parts) => {
                for part in *parts {
                    at = self.particle(part, at)?;
                }
                Ok(at)
            }
            Term::Choice(parts) => match parts.iter().find(|part| part.max > 0 && self.begins(&part.term, at)) {
                Some(part) => self.particle(part, at),
                None => Ok(at),
            },
            Term::All(parts) => {
                let mut used = vec![false; parts.len()];
                while let Some(index) =
                    parts.iter().enumerate().position(|(i, p)| !used[i] && p.max > 0 && self.begins(&p.term, at))
                {
                    used[index] = true;
                    at = self.particle(&parts[index], at)?;
                }
                match parts.iter().zip(&used).find(|(part, used)| !**used && part.min > 0) {
                    Some((part, _)) => Err((at, self.expected(&part.term))),
                    None => Ok(at),
                }
            }
        }
    }

    /// Whether `term` can begin with the child at `at`.
    fn begins(&self, term: &Term, at: usize) -> bool {
        let Some(node) = self.nodes.get(at) else { return false };
        match term {
            Term::Element(index) => {
                self.elements.get(usize::from(*index)).is_some_and(|element| self.binder.is(*node, element))
            }
            Term::Any(wildcard, _) => self.binder.foreign(*wildcard, self.binder.document.ns(*node)),
            Term::Sequence(parts) => {
                for part in *parts {
                    if part.max > 0 && self.begins(&part.term, at) {
                        return true;
                    }
                    if part.min > 0 && !empties(&part.term) {
                        return false;
                    }
                }
                false
            }
            Term::Choice(parts) | Term::All(parts) => parts.iter().any(|p| p.max > 0 && self.begins(&p.term, at)),
        }
    }

    fn expected(&self, term: &Term) -> String {
        let mut names = Vec::new();
        self.first_names(term, &mut names);
        match names.as_slice() {
            [] => "an element".to_owned(),
            [one] => format!("element {one}"),
            many => format!("one of the elements {}", many.join(", ")),
        }
    }

    fn first_names(&self, term: &Term, names: &mut Vec<&'static str>) {
        match term {
            Term::Element(index) => names.extend(self.elements.get(usize::from(*index)).map(|e| e.name)),
            Term::Any(..) => names.push("of another namespace"),
            Term::Sequence(parts) => {
                for part in *parts {
                    self.first_names(&part.term, names);
                    if part.min > 0 && !empties(&part.term) {
                        break;
                    }
                }
            }
            Term::Choice(parts) | Term::All(parts) => parts.iter().for_each(|part| self.first_names(&part.term, names)),
        }
    }
}

/// Whether a term may stand for nothing.
fn empties(term: &Term) -> bool {
    match term {
        Term::Element(_) | Term::Any(..) => false,
        Term::Sequence(parts) | Term::All(parts) => parts.iter().all(|p| p.min == 0 || empties(&p.term)),
        Term::Choice(parts) => parts.is_empty() || parts.iter().any(|p| p.min == 0 || empties(&p.term)),
    }
}

fn expected_at(parts: &[Particle], at: usize, count: u32, elements: &[Element]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for (index, part) in parts.iter().enumerate().skip(at) {
        let had = if index == at { count } else { 0 };
        if had >= part.max {
            continue;
        }
        match part.term {
            Term::Element(element) => names.extend(elements.get(usize::from(element)).map(|e| e.name)),
            _ => names.push("an element of a foreign namespace"),
        }
        if had < part.min || names.len() >= 8 {
            break;
        }
    }
    match names.as_slice() {
        [] => "the end of the element".to_owned(),
        [one] => format!("{one} or the end of the element"),
        many => format!("one of {}", many.join(", ")),
    }
}

fn came_element() -> Came {
    Came { kind: "element".into(), ..Came::default() }
}

fn came_nothing() -> Came {
    Came { kind: "nothing".into(), ..Came::default() }
}

/// What a value looks like, without telling it.
#[must_use]
pub fn kind_of(value: &str) -> &'static str {
    if value.is_empty() {
        return "nothing";
    }
    let all = |test: fn(char) -> bool| value.chars().all(test);
    if all(char::is_whitespace) {
        "white space"
    } else if all(|c| c.is_ascii_digit()) {
        "digits"
    } else if all(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        "number"
    } else if all(|c| c.is_ascii_uppercase()) {
        "capital letters"
    } else if all(char::is_alphabetic) {
        "letters"
    } else if all(char::is_alphanumeric) {
        "letters and digits"
    } else {
        "text"
    }
}
