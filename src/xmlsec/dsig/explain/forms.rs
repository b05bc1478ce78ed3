//! The octets that may have been signed in the place of those that the message means: one [`Walk`] over all deviations,
//! the plainest first.
//!
//! Every form costs a canonicalization; a walk ends when it has made [`OCTETS_MAX`] octets, and says so.

use std::ops::ControlFlow;

use super::change::Change;
use super::text;
use crate::xml::c14n::{self, Method, NodeSet};
use crate::xml::{Document, NodeId, ns};
use crate::xmlsec::algorithm::C14N;
use crate::xmlsec::dsig::Canonicalization;
use crate::xmlsec::policy::Policy;

/// Octets of all forms that one walk makes, at most.
pub(super) const OCTETS_MAX: usize = 256 * 1024 * 1024;
/// Prefixes of which every subset is tried.
const SUBSETS_MAX: usize = 5;
/// Prefixes looked at.
const PREFIXES_MAX: usize = 24;
/// Elements that may have been meant in the place of another, at most.
const ELEMENTS_MAX: usize = 256;

/// What is called with each form and what is different about it: `Break` ends the walk.
pub(super) type Visit<'v> = &'v mut dyn FnMut(&[Change], &[u8]) -> ControlFlow<()>;

/// What is canonicalized.
#[derive(Clone)]
pub(super) struct Subject<'a> {
    pub document: &'a Document,
    /// The element or document node.
    pub root: NodeId,
    /// Subtrees that a transform leaves out.
    pub except: Vec<NodeId>,
    /// Whether comments belong to the nodes.
    pub comments: bool,
    /// What the message states.
    pub stated: Option<Canonicalization>,
    /// The Signature that the digest belongs to.
    pub signature: NodeId,
}

/// One walk over the forms.
pub(super) struct Walk<'p> {
    policy: &'p Policy,
    left: usize,
    /// Whether the walk ended for its bound alone.
    pub exhausted: bool,
}

/// The forms at which text and declarations are changed: the one stated first.
struct Bases {
    list: Vec<(Vec<Change>, Canonicalization)>,
}

impl<'a> Subject<'a> {
    fn effective(&self) -> Canonicalization {
        self.stated.clone().unwrap_or_else(|| Canonicalization::plain(C14N::INCLUSIVE10))
    }

    fn nodes(&self) -> NodeSet {
        NodeSet::Subtree { root: self.root, except: self.except.clone(), comments: self.comments }
    }

    /// The same over other nodes.
    fn at(&self, root: NodeId, except: Vec<NodeId>) -> Self {
        Self { root, except, ..self.clone() }
    }

    /// The element that is, or stands for, the root.
    fn element(&self) -> NodeId {
        if self.root == self.document.root() { self.document.document_element() } else { self.root }
    }

    fn has_comments(&self) -> bool {
        memchr::memmem::find(self.document.octets(), b"<!--").is_some()
    }

    fn bases(&self) -> Bases {
        let effective = self.effective();
        let mut list = vec![(Vec::new(), effective.clone())];
        for used in [C14N::EXCLUSIVE, C14N::INCLUSIVE10] {
            if used != effective.c14n {
                list.push((vec![self.c14n_change(used)], Canonicalization::plain(used)));
            } else if !effective.prefixes.is_empty() {
                let change = Change::PrefixList { stated: effective.prefixes.clone(), used: Vec::new() };
                list.push((vec![change], Canonicalization::plain(used)));
            }
        }
        Bases { list }
    }

    fn c14n_change(&self, used: C14N) -> Change {
        Change::C14N { stated: self.stated.as_ref().map(|stated| stated.c14n), used }
    }
}

impl<'p> Walk<'p> {
    pub fn new(policy: &'p Policy) -> Self {
        Self { policy, left: OCTETS_MAX, exhausted: false }
    }

    /// Calls `visit` with every form of `subject`; `elements` says whether other elements are tried too.
    pub fn run(&mut self, subject: &Subject<'_>, elements: bool, visit: Visit<'_>) -> ControlFlow<()> {
        self.canonicalizations(subject, visit)?;
        self.signature_in_or_out(subject, visit)?;
        self.id_added(subject, visit)?;
        self.texts(subject, visit)?;
        self.declarations(subject, visit)?;
        self.prefix_lists(subject, false, visit)?;
        if elements {
            self.elements(subject, visit)?;
        }
        ControlFlow::Continue(())
    }

    /// The stated form, exclusive and inclusive: what is tried where something else is different already.
    pub fn usual(&mut self, subject: &Subject<'_>, with: &[Change], visit: Visit<'_>) -> ControlFlow<()> {
        for (changes, canonicalization) in subject.bases().list {
            let changes: Vec<Change> = with.iter().chain(&changes).cloned().collect();
            self.form(subject, &canonicalization, &changes, visit)?;
        }
        ControlFlow::Continue(())
    }

    /// Visits octets that somebody else made, within the bound.
    pub fn show(&mut self, changes: &[Change], octets: &[u8], visit: Visit<'_>) -> ControlFlow<()> {
        let Some(left) = self.left.checked_sub(octets.len()) else {
            self.exhausted = true;
            return ControlFlow::Break(());
        };
        self.left = left;
        visit(changes, octets)
    }

    fn octets(&self, subject: &Subject<'_>, canonicalization: &Canonicalization) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        canonicalization.apply(subject.document, &subject.nodes(), self.policy, &mut out).ok()?;
        Some(out)
    }

    fn form(
        &mut self,
        subject: &Subject<'_>,
        canonicalization: &Canonicalization,
        changes: &[Change],
        visit: Visit<'_>,
    ) -> ControlFlow<()> {
        match self.octets(subject, canonicalization) {
            Some(octets) => self.show(changes, &octets, visit),
            None => ControlFlow::Continue(()),
        }
    }

    /// Every canonicalization, and every PrefixList that the one stated may have had.
    fn canonicalizations(&mut self, subject: &Subject<'_>, visit: Visit<'_>) -> ControlFlow<()> {
        let effective = subject.effective();
        let commented = subject.has_comments();
        let mut all = Vec::new();
        for method in [Method::Exclusive, Method::Inclusive10, Method::Inclusive11] {
            for with_comments in [false, true] {
                let used = C14N { method, with_comments };
                if used.with_comments == effective.c14n.with_comments || commented {
                    all.push(used);
                }
            }
        }
        let all_comments = Subject { comments: true, ..subject.clone() };
        for used in all.iter().filter(|used| **used != effective.c14n) {
            let subject = if used.with_comments { &all_comments } else { subject };
            self.form(subject, &Canonicalization::plain(*used), &[subject.c14n_change(*used)], visit)?;
        }
        if effective.c14n.method == Method::Exclusive {
            self.prefix_lists(subject, true, visit)
        } else {
            ControlFlow::Continue(())
        }
    }

    /// Every PrefixList that may be meant: of the canonicalization stated, or of those that are not.
    fn prefix_lists(&mut self, subject: &Subject<'_>, of_stated: bool, visit: Visit<'_>) -> ControlFlow<()> {
        let effective = subject.effective();
        let exclusive = [false, true].map(|with_comments| C14N { method: Method::Exclusive, with_comments });
        for used in exclusive.into_iter().filter(|used| (*used == effective.c14n) == of_stated) {
            if used.with_comments && !of_stated && !subject.has_comments() {
                continue;
            }
            let subject = &Subject { comments: subject.comments || used.with_comments, ..subject.clone() };
            for prefixes in prefix_lists(subject, &effective.prefixes) {
                let is_tried = prefixes == if of_stated { effective.prefixes.as_slice() } else { &[] };
                if is_tried {
                    continue;
                }
                let mut changes = Vec::new();
                if used != effective.c14n {
                    changes.push(subject.c14n_change(used));
                }
                changes.push(Change::PrefixList { stated: effective.prefixes.clone(), used: prefixes.clone() });
                self.form(subject, &Canonicalization { c14n: used, prefixes }, &changes, visit)?;
            }
        }
        ControlFlow::Continue(())
    }

    fn signature_in_or_out(&mut self, subject: &Subject<'_>, visit: Visit<'_>) -> ControlFlow<()> {
        let document = subject.document;
        if !document.contains(subject.root, subject.signature) || subject.root == subject.signature {
            return ControlFlow::Continue(());
        }
        if subject.except.is_empty() {
            let without = subject.at(subject.root, vec![subject.signature]);
            self.usual(&without, &[Change::SignatureLeftOut], visit)?;
        } else {
            // It cannot have held its own digest: that was still empty, and the value too.
            let values: Vec<String> = document
                .descendants(subject.signature)
                .filter(|node| {
                    document.is(*node, ns::DS, "DigestValue") || document.is(*node, ns::DS, "SignatureValue")
                })
                .map(|node| format!(">{}<", document.text_content(node)))
                .collect();
            for (mut changes, canonicalization) in subject.bases().list {
                let Some(mut octets) = self.octets(&subject.at(subject.root, Vec::new()), &canonicalization) else {
                    continue;
                };
                for value in &values {
                    octets = text::replaced(&octets, value.as_bytes(), b"><").unwrap_or(octets);
                }
                changes.push(Change::SignatureLeftIn);
                self.show(&changes, &octets, visit)?;
            }
        }
        let security = document.ancestors(subject.signature).find(|node| document.is(*node, ns::WSSE, "Security"));
        if let Some(security) = security.filter(|node| document.contains(subject.root, *node) && *node != subject.root)
        {
            self.usual(&subject.at(subject.root, vec![security]), &[Change::SecurityLeftOut], visit)?;
        }
        ControlFlow::Continue(())
    }

    fn id_added(&mut self, subject: &Subject<'_>, visit: Visit<'_>) -> ControlFlow<()> {
        let document = subject.document;
        if !subject.except.is_empty() || subject.root == document.root() {
            return ControlFlow::Continue(());
        }
        let ids: Vec<(&str, &str)> =
            document.attributes(subject.root).filter(|one| is_id(one.local)).map(|one| (one.ns, one.local)).collect();
        for (namespace, local) in ids {
            let mut out = Vec::new();
            let made = c14n::exclusive_without(document, subject.root, Some((namespace, local)), &mut out);
            if made.is_ok() {
                let mut changes = Vec::new();
                if subject.effective().c14n != C14N::EXCLUSIVE {
                    changes.push(subject.c14n_change(C14N::EXCLUSIVE));
                }
                changes.push(Change::IdAdded);
                self.show(&changes, &out, visit)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// White space, line ends, tags.
    fn texts(&mut self, subject: &Subject<'_>, visit: Visit<'_>) -> ControlFlow<()> {
        let mut bases: Vec<(Vec<Change>, Vec<u8>)> = Vec::new();
        for (changes, canonicalization) in subject.bases().list {
            if let Some(octets) = self.octets(subject, &canonicalization) {
                bases.push((changes, octets));
            }
        }
        if subject.except.is_empty() {
            let written = subject.document.node_octets(subject.element());
            self.show(&[Change::AsWritten], &written, visit)?;
            bases.push((vec![Change::AsWritten], written));
        }
        let depth = subject.document.ancestors(subject.element()).count().saturating_sub(1);
        for (before, octets) in &bases {
            for (change, new) in line_ends(octets) {
                let changes: Vec<Change> = before.iter().cloned().chain([change]).collect();
                self.show(&changes, &new, visit)?;
            }
            let mut say = |walk: &mut Self, change: &[Change], new: Option<Vec<u8>>| match new {
                Some(new) => {
                    let changes: Vec<Change> = before.iter().chain(change).cloned().collect();
                    walk.show(&changes, &new, visit)?;
                    for (change, again) in line_ends(&new) {
                        let changes: Vec<Change> = changes.iter().cloned().chain([change]).collect();
                        walk.show(&changes, &again, visit)?;
                    }
                    ControlFlow::Continue(())
                }
                None => ControlFlow::Continue(()),
            };
            say(self, &[Change::EmptyTags], text::empty_tags(octets))?;
            let compact = text::compact(octets);
            say(self, &[Change::WhitespaceAdded], compact.clone())?;
            say(self, &[Change::TextPadded], text::trimmed(octets))?;
            let both = compact.as_deref().and_then(text::trimmed);
            say(self, &[Change::WhitespaceAdded, Change::TextPadded], both)?;
            for indent in ["  ", "    ", "\t", " ", "   ", ""] {
                for depth in [0, depth] {
                    let change = Change::WhitespaceRemoved { indent: indent.to_owned() };
                    say(self, &[change], text::pretty(octets, indent, depth, "\n"))?;
                }
            }
        }
        ControlFlow::Continue(())
    }

    /// Declarations that stood elsewhere. Exclusive forms without PrefixList do not see them.
    fn declarations(&mut self, subject: &Subject<'_>, visit: Visit<'_>) -> ControlFlow<()> {
        if !subject.except.is_empty() || subject.root == subject.document.root() {
            return ControlFlow::Continue(());
        }
        let document = subject.document;
        let scope: Vec<(&str, &str)> = document
            .namespaces_in_scope(subject.root)
            .into_iter()
            .filter(|(prefix, _)| *prefix != "xml")
            .take(PREFIXES_MAX)
            .collect();
        let exclusive = self.octets(subject, &Canonicalization::plain(C14N::EXCLUSIVE));
        let sources: Vec<Vec<u8>> =
            [exclusive, Some(document.node_octets(subject.root))].into_iter().flatten().collect();
        let effective = subject.effective();
        let mut methods = vec![(Vec::new(), effective.clone())];
        if effective.c14n.method == Method::Exclusive {
            methods.push((vec![subject.c14n_change(C14N::INCLUSIVE10)], Canonicalization::plain(C14N::INCLUSIVE10)));
        }
        for source in &sources {
            for kept in subsets(scope.len()) {
                let kept: Vec<(&str, &str)> = kept.into_iter().filter_map(|at| scope.get(at).copied()).collect();
                let names = kept.iter().map(|(prefix, _)| (*prefix).to_owned()).collect();
                self.declared(source, &kept, Change::DeclarationsAbove { kept: names }, &methods, visit)?;
            }
            if let Some(all) = all_declarations(document, subject.root) {
                self.declared(source, &all, Change::DeclarationsLifted, &methods, visit)?;
            }
        }
        ControlFlow::Continue(())
    }

    fn declared(
        &mut self,
        source: &[u8],
        declarations: &[(&str, &str)],
        change: Change,
        methods: &[(Vec<Change>, Canonicalization)],
        visit: Visit<'_>,
    ) -> ControlFlow<()> {
        let Some(octets) = text::declared(source, declarations) else { return ControlFlow::Continue(()) };
        // A prefix that stands in none of the declarations: it cannot have been so.
        let Ok(document) = crate::xml::parse(octets, &crate::xml::Options::default()) else {
            return ControlFlow::Continue(());
        };
        let root = document.document_element();
        let alone = Subject {
            document: &document,
            root,
            except: Vec::new(),
            comments: false,
            stated: None,
            signature: document.root(),
        };
        for (before, canonicalization) in methods {
            let changes: Vec<Change> = before.iter().cloned().chain([change.clone()]).collect();
            self.form(&alone, canonicalization, &changes, visit)?;
        }
        ControlFlow::Continue(())
    }

    /// Elements that may have been signed in the place of the one that the URI means: those with ids, and those around.
    pub fn elements(&mut self, subject: &Subject<'_>, visit: Visit<'_>) -> ControlFlow<()> {
        let document = subject.document;
        let mut others: Vec<NodeId> = Vec::new();
        let near = document
            .elements(subject.element())
            .chain(document.parent(subject.element()))
            .chain(document.elements(document.document_element()))
            .chain([document.document_element(), document.root()]);
        others.extend(near.take(ELEMENTS_MAX / 2));
        let with_id = document
            .descendants(document.root())
            .filter(|node| document.kind(*node) == crate::xml::Kind::Element && id_of(document, *node).is_some());
        others.extend(with_id.take(ELEMENTS_MAX));
        others.sort_unstable_by_key(|node| document.range(*node).start);
        others.dedup();
        for other in others.into_iter().take(ELEMENTS_MAX) {
            if other == subject.root {
                continue;
            }
            let change =
                Change::Element { path: super::path(document, other), id: id_of(document, other).map(str::to_owned) };
            let except = subject.except.iter().copied().filter(|node| document.contains(other, *node)).collect();
            self.usual(&subject.at(other, except), &[change], visit)?;
        }
        ControlFlow::Continue(())
    }
}

/// How else the line ends of `octets` may have been.
fn line_ends(octets: &[u8]) -> Vec<(Change, Vec<u8>)> {
    let variants = [
        (Change::LineEndsCrLf, text::replaced(octets, b"\n", b"\r\n")),
        (Change::LineEndsKeptCr, text::replaced(octets, b"\n", b"&#xD;\n")),
        (Change::LineEndsAdded, text::replaced(octets, b"&#xD;", b"")),
        (Change::LineEndsAdded, text::replaced(octets, b"\r\n", b"\n")),
    ];
    variants.into_iter().filter_map(|(change, new)| new.map(|new| (change, new))).collect()
}

fn is_id(local: &str) -> bool {
    matches!(local, "Id" | "ID" | "id" | "AssertionID" | "wsuId")
}

/// The value of the first attribute that looks like an id.
fn id_of(document: &Document, node: NodeId) -> Option<&str> {
    document.attributes(node).find(|one| is_id(one.local)).map(|one| one.value)
}

/// PrefixLists that may be meant, over the prefixes in scope and those stated.
fn prefix_lists(subject: &Subject<'_>, stated: &[String]) -> Vec<Vec<String>> {
    let document = subject.document;
    let mut prefixes: Vec<String> = stated.to_vec();
    let scope = document.namespaces_in_scope(subject.element());
    let below = document.descendants(subject.element()).flat_map(|node| document.namespace_declarations(node));
    for (prefix, _) in scope.into_iter().chain(below) {
        if prefix != "xml" && !prefixes.iter().any(|known| known == prefix) && prefixes.len() < PREFIXES_MAX {
            prefixes.push(prefix.to_owned());
        }
    }
    let pick = |subset: Vec<usize>| subset.into_iter().filter_map(|at| prefixes.get(at).cloned()).collect();
    subsets(prefixes.len()).into_iter().map(pick).collect()
}

/// Subsets of `count` things: all of them while they are few; else the smallest and the largest.
fn subsets(count: usize) -> Vec<Vec<usize>> {
    if count <= SUBSETS_MAX {
        let bits = |set: usize| (0..count).filter(move |at| set >> at & 1 == 1).collect();
        let mut all: Vec<Vec<usize>> = (0..1_usize << count).map(bits).collect();
        all.sort_by_key(Vec::len);
        return all;
    }
    let every = || 0..count;
    let mut all = vec![Vec::new(), every().collect()];
    all.extend(every().map(|one| vec![one]));
    all.extend(every().map(|left| every().filter(|at| *at != left).collect()));
    for one in every() {
        for other in one + 1..count {
            all.push(vec![one, other]);
            all.push(every().filter(|at| *at != one && *at != other).collect());
        }
    }
    all
}

/// Every declaration in and above the element; none when a prefix means two things.
fn all_declarations(document: &Document, root: NodeId) -> Option<Vec<(&str, &str)>> {
    let mut all: Vec<(&str, &str)> =
        document.namespaces_in_scope(root).into_iter().filter(|(prefix, _)| *prefix != "xml").collect();
    for (prefix, uri) in document.descendants(root).flat_map(|node| document.namespace_declarations(node)) {
        match all.iter().find(|(known, _)| *known == prefix) {
            Some((_, known)) if *known == uri => {}
            Some(_) => return None,
            None if all.len() < PREFIXES_MAX => all.push((prefix, uri)),
            None => return None,
        }
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subsets_are_all_while_few_and_bounded_when_many() {
        assert_eq!(subsets(0), [Vec::<usize>::new()]);
        assert_eq!(subsets(3).len(), 8);
        assert_eq!(subsets(5).len(), 32);
        let many = subsets(PREFIXES_MAX);
        assert!(many.len() < 700, "{}", many.len());
        assert!(many.contains(&vec![3, 7]));
    }
}
