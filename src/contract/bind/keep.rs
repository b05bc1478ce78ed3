//! What generated code calls for schemas that say more than the contract does: elements of any type, `xsi:nil`, fixed
//! values, attributes that a wildcard took, mixed content, any of several roots.

use super::{Binder, Child, Foreign};
use crate::contract::table::{Complex, Element, Type};
use crate::contract::text::Text;
use crate::xml::{Document, Kind, NodeId, escape, ns};

/// An attribute that the schema does not declare by name, as it came.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct ForeignAttribute {
    /// Namespace URI, "" without.
    pub ns: String,
    /// Local name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// The value of an element that may say `xsi:nil`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Nillable<T> {
    /// It says so: no content, only attributes, as they came.
    Nil(Vec<ForeignAttribute>),
    /// It has a value.
    Value(T),
}

impl<T: Default> Default for Nillable<T> {
    fn default() -> Self {
        Self::Value(T::default())
    }
}

/// The texts between the elements of mixed content, in their order.
#[derive(Debug)]
pub struct Between {
    next: Option<NodeId>,
}

impl Between {
    /// At the start of the content of `node`.
    #[must_use]
    pub fn new(binder: &Binder<'_>, node: NodeId) -> Self {
        Self { next: binder.document.first_child(node) }
    }

    /// The text before the child element `until`, or before the end; none when there is none. Goes on behind that.
    pub fn before(&mut self, binder: &Binder<'_>, until: Option<NodeId>) -> Option<Text> {
        let document = binder.document;
        let mut text = String::new();
        while let Some(node) = self.next {
            self.next = document.next_sibling(node);
            match document.kind(node) {
                Kind::Text => text.push_str(document.text(node)),
                _ if Some(node) == until => break,
                _ => {}
            }
        }
        (!text.is_empty()).then(|| Text::from(text))
    }
}

impl Binder<'_> {
    /// Steps into the element to bind, when it is one of the roots of the tables: the child's number is the root's. Another
    /// one is told.
    pub fn root(&mut self) -> Option<Child> {
        let (node, roots) = (self.base, self.tables.roots);
        let Some(at) = roots.iter().position(|root| self.is(node, root)) else {
            self.unknown_root();
            return None;
        };
        let root = roots.get(at)?;
        self.enter_root(root);
        Some(Child { node, index: at as u16, kind: root.kind })
    }

    /// The child, whose type is any, checked where anything below it is declared, as it is.
    pub fn anything(&mut self, child: &Child, element: &'static Element, to: &mut Foreign) {
        self.check(child.node, Type::Anything, element);
        *to = self.keep(child);
    }

    /// The child as text of a simple type: the fixed value of `element`, which an empty one has as well.
    pub fn fixed(&mut self, child: &Child, element: &'static Element, to: &mut Text) {
        if let Type::Simple(number) = child.kind {
            self.no_attributes(child.node);
            *to = self.simple_checked(child.node, number, element.fixed);
        }
    }

    /// The child as `bind` reads it, unless it says that it is nil.
    pub fn nillable<T: Default>(
        &mut self,
        child: &Child,
        element: &'static Element,
        to: &mut Nillable<T>,
        bind: impl FnOnce(&mut Self, &Child, &mut T),
    ) {
        if self.nil(child.node) {
            self.check(child.node, child.kind, element);
            *to = Nillable::Nil(self.attributes_as_they_came(child.node));
            return;
        }
        self.nillable = self.document.attribute(child.node, ns::XSI, "nil").is_some();
        let mut value = T::default();
        bind(self, child, &mut value);
        self.nillable = false;
        *to = Nillable::Value(value);
    }

    fn attributes_as_they_came(&self, node: NodeId) -> Vec<ForeignAttribute> {
        self.undeclared(node, &|_, _| false)
    }

    /// The attributes of `node` that its type does not declare by name; [`Binder::attributes`] has checked them.
    #[must_use]
    pub fn other_attributes(&self, node: NodeId, complex: &'static Complex) -> Vec<ForeignAttribute> {
        self.undeclared(node, &|uri, local| {
            complex.attributes.iter().any(|a| a.name == local && self.attribute_uri(a.ns) == uri)
        })
    }

    /// Attributes but those of XML Schema instance and those that are declared.
    fn undeclared(&self, node: NodeId, is_declared: &dyn Fn(&str, &str) -> bool) -> Vec<ForeignAttribute> {
        let attributes = self.document.attributes(node);
        let others = attributes.filter(|a| a.ns != ns::XSI && !is_declared(a.ns, a.local));
        others
            .map(|a| ForeignAttribute { ns: a.ns.to_owned(), name: a.local.to_owned(), value: a.value.to_owned() })
            .collect()
    }
}

/// Writes `node` with what is below it, every namespace declared where it begins to hold: for what has no canonical form,
/// since its namespaces are relative. Prefixes, comments and processing instructions are left out.
pub(super) fn plain(document: &Document, node: NodeId, out: &mut Vec<u8>) {
    enum Step {
        Start(NodeId),
        End(NodeId),
    }
    let mut steps = vec![Step::Start(node)];
    while let Some(step) = steps.pop() {
        match step {
            Step::Start(at) if document.kind(at) == Kind::Element => {
                start_plain(document, at, at == node, out);
                steps.push(Step::End(at));
                let from = steps.len();
                steps.extend(document.children(at).map(Step::Start));
                steps.get_mut(from..).unwrap_or_default().reverse();
            }
            Step::Start(at) if document.kind(at) == Kind::Text => escape::push_text(out, document.text(at)),
            Step::Start(_) => {}
            Step::End(at) => {
                out.extend_from_slice(b"</");
                out.extend_from_slice(document.local(at).as_bytes());
                out.push(b'>');
            }
        }
    }
}

fn start_plain(document: &Document, node: NodeId, is_top: bool, out: &mut Vec<u8>) {
    out.push(b'<');
    out.extend_from_slice(document.local(node).as_bytes());
    let around = document.parent(node).filter(|parent| !is_top && document.kind(*parent) == Kind::Element);
    if around.is_none_or(|parent| document.ns(parent) != document.ns(node)) {
        out.extend_from_slice(b" xmlns=\"");
        escape::push_value(out, document.ns(node));
        out.push(b'"');
    }
    for (at, attribute) in document.attributes(node).enumerate() {
        push_attribute(at, attribute.ns, attribute.local, attribute.value, out);
    }
    out.push(b'>');
}

/// An attribute with a prefix of its own: `a`, and its number in the element.
pub(in crate::contract) fn push_attribute(at: usize, uri: &str, local: &str, value: &str, out: &mut Vec<u8>) {
    out.push(b' ');
    if uri == ns::XML {
        out.extend_from_slice(b"xml:");
    } else if !uri.is_empty() {
        out.extend_from_slice(format!("xmlns:a{at}=\"").as_bytes());
        escape::push_value(out, uri);
        out.extend_from_slice(format!("\" a{at}:").as_bytes());
    }
    out.extend_from_slice(local.as_bytes());
    out.extend_from_slice(b"=\"");
    escape::push_value(out, value);
    out.push(b'"');
}
