//! The canonical form of whole subtrees (C14N10 §2, C14N11 §2, EXC-C14N10 §3).

use super::{Error, Method, Settings, check_length, inherit};
use crate::xml::escape::{push_text, push_value, push_verbatim};
use crate::xml::tree::AttributeId;
use crate::xml::tree::arena::{
    AttributeData, CONTENT_CANONICAL, Declaration, NO_NS, NO_PREFIX, TAGS_CANONICAL, XML_NS, XML_PREFIX,
};
use crate::xml::{Document, Kind, NodeId};

/// One pass over a subtree.
pub(super) struct Pass<'p> {
    document: &'p Document,
    method: Method,
    comments: bool,
    /// Subtrees left out, sorted.
    except: Vec<NodeId>,
    /// Ancestors of what is left out, sorted: their octets cannot be copied whole.
    above_except: Vec<NodeId>,
    /// Which prefixes are in the PrefixList, by number; empty when none is.
    listed: Vec<bool>,
    /// Number of the URI that each prefix has in the output at this place; `NO_NS` when it has none.
    rendered: Vec<u16>,
    /// What `rendered` held before, and how much of it belongs to each open element.
    undo: Vec<(u16, u16)>,
    undo_marks: Vec<usize>,
    declarations: Vec<Declaration>,
    attributes: Vec<u32>,
    raw_runs: bool,
    /// Whether the document element lies behind.
    past_element: bool,
    out: &'p mut Vec<u8>,
    from: usize,
}

impl<'p> Pass<'p> {
    pub(super) fn new(
        document: &'p Document,
        settings: &Settings<'_>,
        comments: bool,
        except: &[NodeId],
        out: &'p mut Vec<u8>,
    ) -> Self {
        let mut above: Vec<NodeId> = Vec::new();
        for node in except {
            above.extend(document.ancestors(*node));
        }
        above.sort_unstable();
        above.dedup();
        let mut except = except.to_vec();
        except.sort_unstable();
        let mut listed = Vec::new();
        if settings.method == Method::Exclusive && !settings.prefixes.is_empty() {
            listed = vec![false; document.prefixes.len()];
            for prefix in settings.prefixes {
                if let Some(id) = document.prefixes.look_up(&document.text, &document.side, prefix) {
                    listed[usize::from(id)] = true;
                }
            }
        }
        Self {
            document,
            method: settings.method,
            comments,
            except,
            above_except: above,
            listed,
            rendered: vec![NO_NS; document.prefixes.len()],
            undo: Vec::new(),
            undo_marks: Vec::new(),
            declarations: Vec::new(),
            attributes: Vec::new(),
            raw_runs: settings.method == Method::Exclusive,
            past_element: false,
            from: out.len(),
            out,
        }
    }

    /// Only the general way, nothing copied.
    #[cfg(test)]
    pub(super) fn without_raw_runs(mut self) -> Self {
        self.raw_runs = false;
        self
    }

    /// Writes `root`, without the attribute `left_out`.
    pub(super) fn run(mut self, root: NodeId, left_out: Option<AttributeId>) -> Result<(), Error> {
        let document = self.document;
        let mut at = Some(root);
        let mut apex = document.kind(root) == Kind::Element;
        // A comment alone: the one case in which what stands before the root matters.
        self.past_element = document.parent(root) == Some(document.root())
            && document.kind(root) != Kind::Element
            && std::iter::successors(Some(root), |n| document.previous_sibling(*n))
                .any(|n| n == document.document_element());
        while let Some(node) = at {
            let entered = self.enter(node, apex, left_out)?;
            apex = false;
            at = if entered && document.first_child(node).is_some() {
                document.first_child(node)
            } else {
                if entered {
                    self.leave(node);
                }
                self.next(root, node)
            };
            check_length(self.out, self.from)?;
        }
        Ok(())
    }

    /// The node after `node` and everything below it; ends the elements that end on the way.
    fn next(&mut self, root: NodeId, node: NodeId) -> Option<NodeId> {
        let mut node = node;
        while node != root {
            if let Some(next) = self.document.next_sibling(node) {
                return Some(next);
            }
            node = self.document.parent(node)?;
            self.leave(node);
        }
        None
    }

    /// Writes the start of `node`; false when that was all of it.
    fn enter(&mut self, node: NodeId, apex: bool, left_out: Option<AttributeId>) -> Result<bool, Error> {
        let document = self.document;
        self.past_element |= node == document.document_element();
        if !self.except.is_empty() && self.except.binary_search(&node).is_ok() {
            return Ok(false);
        }
        match document.kind(node) {
            Kind::Document => Ok(true),
            Kind::Text => {
                push_text(self.out, document.text(node));
                Ok(false)
            }
            Kind::Comment => {
                if self.comments {
                    self.around(node, |out| {
                        out.extend_from_slice(b"<!--");
                        push_verbatim(out, document.text(node));
                        out.extend_from_slice(b"-->");
                    });
                }
                Ok(false)
            }
            Kind::ProcessingInstruction => {
                self.around(node, |out| push_instruction(out, document, node));
                Ok(false)
            }
            Kind::Element => {
                if self.raw_runs && !apex && self.copy(node, TAGS_CANONICAL | CONTENT_CANONICAL) {
                    return Ok(false);
                }
                self.start(node, apex, left_out)?;
                if self.raw_runs && document.first_child(node).is_some() && self.copy_content(node) {
                    self.leave(node);
                    return Ok(false);
                }
                Ok(true)
            }
        }
    }

    /// Beside the document element, comments and processing instructions stand on lines of their own (C14N10 §2.3).
    fn around(&mut self, node: NodeId, write: impl FnOnce(&mut Vec<u8>)) {
        push_beside(self.document, node, self.past_element, self.out, write);
    }

    /// Whether what is used in `node` stands in the output as it stands here, so that octets can be copied.
    fn can_copy(&self, node: NodeId, flags: u8) -> bool {
        let data = self.document.node(node);
        if data.flags & flags != flags || self.above_except.binary_search(&node).is_ok() {
            return false;
        }
        let mut used = data.prefixes;
        while used != 0 {
            let prefix = used.trailing_zeros() as u16;
            used &= used - 1;
            // No declaration stands below, so the binding here is that of every use.
            let here = if prefix == data.prefix { Some(data.ns) } else { self.document.binding(node, prefix) };
            if here != Some(self.rendered[usize::from(prefix)]) {
                return false;
            }
        }
        true
    }

    fn copy(&mut self, node: NodeId, flags: u8) -> bool {
        let can = self.can_copy(node, flags);
        if can {
            let range = self.document.range(node);
            self.out.extend_from_slice(&self.document.octets()[range]);
        }
        can
    }

    /// Copies everything between the tags of `node`, whose start tag has been written.
    fn copy_content(&mut self, node: NodeId) -> bool {
        let document = self.document;
        if !self.can_copy(node, CONTENT_CANONICAL) {
            return false;
        }
        let range = document.range(node);
        let Some(first) = document.first_child(node) else { return false };
        let start = document.range(first).start;
        let Some(end) = document.octets()[range.clone()].iter().rposition(|b| *b == b'<') else { return false };
        self.out.extend_from_slice(&document.octets()[start..range.start + end]);
        true
    }

    fn start(&mut self, node: NodeId, apex: bool, left_out: Option<AttributeId>) -> Result<(), Error> {
        let document = self.document;
        if document.relative_uri {
            check_relative(document, document.own_declarations(node))?;
        }
        self.undo_marks.push(self.undo.len());
        self.declarations.clear();
        self.attributes.clear();
        let range = document.node(node).attribute_range();
        self.attributes.extend(range.map(|id| id as u32).filter(|id| left_out != Some(AttributeId(*id))));
        match self.method {
            Method::Exclusive => self.exclusive_namespaces(node, apex),
            Method::Inclusive10 | Method::Inclusive11 => self.inclusive_namespaces(node, apex),
        }
        if document.relative_uri {
            check_relative(document, &self.declarations)?;
        }
        self.out.push(b'<');
        self.out.extend_from_slice(document.qualified_name(node).as_bytes());
        self.declarations.sort_unstable_by_key(|d| document.prefix_text(d.prefix));
        for declaration in &self.declarations {
            push_declaration(self.out, document, *declaration);
        }
        let inherited = match self.method {
            Method::Exclusive => Vec::new(),
            method if apex => inherit::xml_attributes(document, node, method, |_| false, &mut self.attributes),
            _ => Vec::new(),
        };
        push_attributes(self.out, document, &mut self.attributes, &inherited);
        self.out.push(b'>');
        Ok(())
    }

    fn leave(&mut self, node: NodeId) {
        if self.document.kind(node) != Kind::Element {
            return;
        }
        self.out.extend_from_slice(b"</");
        self.out.extend_from_slice(self.document.qualified_name(node).as_bytes());
        self.out.push(b'>');
        let mark = self.undo_marks.pop().unwrap_or(0);
        for (prefix, uri) in self.undo.drain(mark..).rev() {
            self.rendered[usize::from(prefix)] = uri;
        }
    }

    /// Declares `prefix` as `uri` unless the output has that already.
    fn render(&mut self, prefix: u16, uri: u16) {
        if prefix == XML_PREFIX {
            return;
        }
        let rendered = &mut self.rendered[usize::from(prefix)];
        if *rendered != uri {
            self.undo.push((prefix, *rendered));
            *rendered = uri;
            self.declarations.push(Declaration { prefix, uri });
        }
    }

    /// What the element and its attributes use, and what the PrefixList names.
    fn exclusive_namespaces(&mut self, node: NodeId, apex: bool) {
        let document = self.document;
        let data = document.node(node);
        self.render(data.prefix, data.ns);
        for at in 0..self.attributes.len() {
            let AttributeData { prefix, ns, .. } = document.attributes[self.attributes[at] as usize];
            if prefix != NO_PREFIX {
                self.render(prefix, ns);
            }
        }
        if self.listed.is_empty() {
            return;
        }
        if apex {
            for prefix in (0..self.listed.len() as u16).filter(|p| self.listed[usize::from(*p)]).collect::<Vec<_>>() {
                if let Some(uri) = document.binding(node, prefix) {
                    self.render(prefix, uri);
                }
            }
        } else {
            for declaration in document.own_declarations(node) {
                if self.listed[usize::from(declaration.prefix)] {
                    self.render(declaration.prefix, declaration.uri);
                }
            }
        }
    }

    /// What is in scope and differs from the element above.
    fn inclusive_namespaces(&mut self, node: NodeId, apex: bool) {
        let document = self.document;
        if apex {
            for declaration in document.bindings(node) {
                self.render(declaration.prefix, declaration.uri);
            }
        } else {
            for declaration in document.own_declarations(node) {
                self.render(declaration.prefix, declaration.uri);
            }
        }
    }
}

/// For what an element declares itself, and for what is declared on it in the form.
pub(super) fn check_relative(document: &Document, declarations: &[Declaration]) -> Result<(), Error> {
    for declaration in declarations {
        let uri = document.uri_text(declaration.uri);
        if declaration.uri != NO_NS && declaration.uri != XML_NS && !crate::xml::parse::is_absolute(uri) {
            return Err(Error::RelativeNamespace { uri: uri.to_owned() });
        }
    }
    Ok(())
}

pub(super) fn push_declaration(out: &mut Vec<u8>, document: &Document, declaration: Declaration) {
    out.extend_from_slice(if declaration.prefix == NO_PREFIX { b" xmlns" } else { b" xmlns:" });
    out.extend_from_slice(document.prefix_text(declaration.prefix).as_bytes());
    out.extend_from_slice(b"=\"");
    push_value(out, document.uri_text(declaration.uri));
    out.push(b'"');
}

/// Writes attributes sorted by namespace URI and local name, together with `inherited` ones of `xml:`.
pub(super) fn push_attributes(
    out: &mut Vec<u8>,
    document: &Document,
    attributes: &mut [u32],
    inherited: &[inherit::Inherited],
) {
    let order = |id: &u32| {
        let data = &document.attributes[*id as usize];
        (document.uri_text(data.ns), document.slice(data.local_span()))
    };
    if attributes.len() > 1 && !attributes.is_sorted_by_key(order) {
        attributes.sort_unstable_by(|a, b| order(a).cmp(&order(b)));
    }
    let mut inherited = inherited.iter().peekable();
    for id in attributes.iter() {
        let data = &document.attributes[*id as usize];
        while let Some(next) = inherited.next_if(|i| (crate::xml::ns::XML, i.local.as_str()) < order(id)) {
            push_attribute(out, "xml:", &next.local, &next.value);
        }
        // An inherited value takes the place of the own one (xml:base fix-up).
        match inherited.next_if(|i| (crate::xml::ns::XML, i.local.as_str()) == order(id)) {
            Some(same) => push_attribute(out, "xml:", &same.local, &same.value),
            None => push_attribute(out, "", document.slice(data.name_span()), document.slice(data.value_span())),
        }
    }
    for next in inherited {
        push_attribute(out, "xml:", &next.local, &next.value);
    }
}

fn push_attribute(out: &mut Vec<u8>, prefix: &str, name: &str, value: &str) {
    out.push(b' ');
    out.extend_from_slice(prefix.as_bytes());
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"=\"");
    push_value(out, value);
    out.push(b'"');
}

pub(super) fn push_instruction(out: &mut Vec<u8>, document: &Document, node: NodeId) {
    out.extend_from_slice(b"<?");
    out.extend_from_slice(document.local(node).as_bytes());
    let text = document.text(node);
    if !text.is_empty() {
        out.push(b' ');
        push_verbatim(out, text);
    }
    out.extend_from_slice(b"?>");
}

/// Writes a comment or processing instruction, with the line end that parts it from the document element if it stands
/// beside that; `after` says on which side.
pub(super) fn push_beside(
    document: &Document,
    node: NodeId,
    after: bool,
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>),
) {
    let outside = document.parent(node) == Some(document.root());
    if outside && after {
        out.push(b'\n');
    }
    write(out);
    if outside && !after {
        out.push(b'\n');
    }
}
