//! The canonical form of an arbitrary set of nodes, as the text of the specifications says it (C14N10 §2.3 and §2.4,
//! C14N11 §2.4, EXC-C14N10 §3).
//!
//! Namespace nodes and attributes of elements outside the set are written too when they are in it: strange, and demanded.

use super::set::ExplicitSet;
use super::subtree::{check_relative, push_attributes, push_beside, push_declaration, push_instruction};
use super::{Error, Method, Settings, check_length, inherit};
use crate::xml::escape::{push_text, push_verbatim};
use crate::xml::tree::arena::{Declaration, NO_NS, NO_PREFIX, UNBOUND, XML_PREFIX};
use crate::xml::tree::{AttributeId, NamespaceNode};
use crate::xml::{Document, Kind, NodeId};

/// No output ancestor uses the prefix visibly.
const UNUSED: u16 = UNBOUND - 1;

pub(super) struct Pass<'p> {
    document: &'p Document,
    set: &'p ExplicitSet,
    method: Method,
    comments: bool,
    /// Which prefixes are in the PrefixList, by number.
    listed: Vec<bool>,
    /// Bindings at the present element, by prefix; `NO_NS` where there is none.
    bound: Vec<u16>,
    /// Prefixes that have a binding.
    in_scope: Vec<u16>,
    /// Namespace nodes of the nearest output ancestor that are in the set.
    nearest: Vec<u16>,
    /// Namespace node in the set, of the nearest output ancestor that uses the prefix visibly.
    used: Vec<u16>,
    /// How to get back to the element above.
    frames: Vec<Frame>,
    /// Whether the document element lies behind.
    past_element: bool,
    out: &'p mut Vec<u8>,
    from: usize,
}

#[derive(Default)]
struct Frame {
    visible: bool,
    in_scope: usize,
    bound: Vec<(u16, u16)>,
    nearest: Vec<(u16, u16)>,
    used: Vec<(u16, u16)>,
}

impl<'p> Pass<'p> {
    pub(super) fn new(
        document: &'p Document,
        set: &'p ExplicitSet,
        settings: &Settings<'_>,
        out: &'p mut Vec<u8>,
    ) -> Self {
        let prefixes = document.prefixes.len();
        let mut listed = vec![false; prefixes];
        if settings.method == Method::Exclusive {
            for prefix in settings.prefixes {
                if let Some(id) = document.prefixes.look_up(&document.text, &document.side, prefix) {
                    listed[usize::from(id)] = true;
                }
            }
        }
        Self {
            document,
            set,
            method: settings.method,
            comments: settings.with_comments,
            listed,
            bound: vec![NO_NS; prefixes],
            in_scope: Vec::new(),
            nearest: vec![NO_NS; prefixes],
            used: vec![UNUSED; prefixes],
            frames: Vec::new(),
            past_element: false,
            from: out.len(),
            out,
        }
    }

    pub(super) fn run(mut self) -> Result<(), Error> {
        let document = self.document;
        let mut at = document.first_child(document.root());
        while let Some(node) = at {
            self.enter(node)?;
            at = match document.first_child(node) {
                Some(child) => Some(child),
                None => self.next(node),
            };
            check_length(self.out, self.from)?;
        }
        Ok(())
    }

    fn next(&mut self, node: NodeId) -> Option<NodeId> {
        let mut node = node;
        loop {
            self.leave(node);
            if let Some(next) = self.document.next_sibling(node) {
                return Some(next);
            }
            node = self.document.parent(node)?;
        }
    }

    fn enter(&mut self, node: NodeId) -> Result<(), Error> {
        let document = self.document;
        let visible = self.set.contains(node);
        match document.kind(node) {
            Kind::Element => {
                self.past_element |= node == document.document_element();
                return self.start(node, visible);
            }
            Kind::Text if visible => push_text(self.out, document.text(node)),
            Kind::Comment if visible && self.comments => {
                push_beside(document, node, self.past_element, self.out, |out| {
                    out.extend_from_slice(b"<!--");
                    push_verbatim(out, document.text(node));
                    out.extend_from_slice(b"-->");
                })
            }
            Kind::ProcessingInstruction if visible => {
                push_beside(document, node, self.past_element, self.out, |out| push_instruction(out, document, node));
            }
            _ => {}
        }
        Ok(())
    }

    fn start(&mut self, node: NodeId, visible: bool) -> Result<(), Error> {
        let document = self.document;
        if visible && document.relative_uri {
            check_relative(document, document.own_declarations(node))?;
        }
        let mut frame = Frame { visible, in_scope: self.in_scope.len(), ..Frame::default() };
        for declaration in document.own_declarations(node) {
            if declaration.prefix == XML_PREFIX {
                continue;
            }
            let bound = &mut self.bound[usize::from(declaration.prefix)];
            if *bound == NO_NS && !self.in_scope.contains(&declaration.prefix) {
                self.in_scope.push(declaration.prefix);
            }
            frame.bound.push((declaration.prefix, std::mem::replace(bound, declaration.uri)));
        }
        if visible {
            self.out.push(b'<');
            self.out.extend_from_slice(document.qualified_name(node).as_bytes());
        }
        let range = document.node(node).attribute_range();
        let mut attributes: Vec<u32> = range
            .map(|id| id as u32)
            .filter(|id| {
                let kept = visible && self.method == Method::Inclusive11 && inherit::stays(document, AttributeId(*id));
                kept || self.set.contains_attribute(AttributeId(*id))
            })
            .collect();
        let mut declarations = match self.method {
            Method::Exclusive => self.exclusive(node, visible, &attributes, &mut frame),
            Method::Inclusive10 | Method::Inclusive11 => self.inclusive(node, visible, |_| true, &mut frame),
        };
        if document.relative_uri {
            check_relative(document, &declarations)?;
        }
        declarations.sort_unstable_by_key(|d| document.prefix_text(d.prefix));
        for declaration in declarations {
            push_declaration(self.out, document, declaration);
        }
        let orphan = visible && document.parent(node).is_some_and(|p| !self.set.contains(p) && p != document.root());
        let inherited = if orphan && self.method != Method::Exclusive {
            let set = self.set;
            inherit::xml_attributes(document, node, self.method, |above| set.contains(above), &mut attributes)
        } else {
            Vec::new()
        };
        push_attributes(self.out, document, &mut attributes, &inherited);
        if visible {
            self.out.push(b'>');
        }
        self.frames.push(frame);
        Ok(())
    }

    fn leave(&mut self, node: NodeId) {
        if self.document.kind(node) != Kind::Element {
            return;
        }
        let Some(frame) = self.frames.pop() else { return };
        if frame.visible {
            self.out.extend_from_slice(b"</");
            self.out.extend_from_slice(self.document.qualified_name(node).as_bytes());
            self.out.push(b'>');
        }
        let restore = |table: &mut Vec<u16>, undo: Vec<(u16, u16)>| {
            for (prefix, old) in undo.into_iter().rev() {
                table[usize::from(prefix)] = old;
            }
        };
        restore(&mut self.bound, frame.bound);
        restore(&mut self.nearest, frame.nearest);
        restore(&mut self.used, frame.used);
        self.in_scope.truncate(frame.in_scope);
    }

    /// URI of the namespace node of `prefix` at `node` if that is in the set; else `NO_NS`.
    fn visible_binding(&self, node: NodeId, prefix: u16) -> u16 {
        let uri = self.bound[usize::from(prefix)];
        let visible = uri != NO_NS && self.set.contains_namespace(NamespaceNode { element: node, prefix, uri });
        if visible { uri } else { NO_NS }
    }

    /// The namespace axis of C14N10 §2.3, for the prefixes that `which` takes.
    fn inclusive(
        &mut self,
        node: NodeId,
        visible: bool,
        which: impl Fn(u16) -> bool,
        frame: &mut Frame,
    ) -> Vec<Declaration> {
        let mut declarations = Vec::new();
        for at in 0..self.in_scope.len() {
            let prefix = self.in_scope[at];
            if !which(prefix) {
                continue;
            }
            let uri = self.visible_binding(node, prefix);
            let above = self.nearest[usize::from(prefix)];
            // xmlns="" is written only where an output ancestor has a default namespace, and only on an element.
            let undeclared = uri == NO_NS && (prefix != NO_PREFIX || !visible);
            if uri != above && !undeclared {
                declarations.push(Declaration { prefix, uri });
            }
            if visible && uri != above {
                self.nearest[usize::from(prefix)] = uri;
                frame.nearest.push((prefix, above));
            }
        }
        declarations
    }

    /// The namespaces of EXC-C14N10 §3: those that the element and its attributes use visibly; listed ones as above.
    fn exclusive(&mut self, node: NodeId, visible: bool, attributes: &[u32], frame: &mut Frame) -> Vec<Declaration> {
        let document = self.document;
        let listed = std::mem::take(&mut self.listed);
        let mut declarations = self.inclusive(node, visible, |prefix| listed[usize::from(prefix)], frame);
        if visible {
            let own = document.node(node).prefix;
            let of_attributes = attributes.iter().map(|id| document.attributes[*id as usize].prefix);
            let mut prefixes: Vec<u16> = of_attributes.filter(|p| *p != NO_PREFIX).chain([own]).collect();
            prefixes.sort_unstable();
            prefixes.dedup();
            prefixes.retain(|prefix| *prefix != XML_PREFIX && !listed[usize::from(*prefix)]);
            for prefix in prefixes {
                let uri = self.visible_binding(node, prefix);
                let above = self.used[usize::from(prefix)];
                let rendered = if above == UNUSED { NO_NS } else { above };
                if uri != rendered && (uri != NO_NS || prefix == NO_PREFIX) {
                    declarations.push(Declaration { prefix, uri });
                }
                self.used[usize::from(prefix)] = uri;
                frame.used.push((prefix, above));
            }
        }
        self.listed = listed;
        declarations
    }
}
