//! Why a signature does not hold: for each Reference and for the value our octets, and the deviation that would fit.
//!
//! For people who look at a message of a partner whose stack does something else than it says. Everything that senders
//! are known to do is tried ([`Change`]) within a bound of canonical octets; a deviation is named only when the digest
//! or the value then fits, so a text that was changed yields none. Nothing here judges a message: it is never called
//! while serving, and what it finds makes no signature valid.

use std::ops::ControlFlow;

use super::reference::{Context, Target, dereference};
use super::transform;
use super::{Canonicalization, Error, Reference, Signature, Transform};
use crate::xml::{Document, Kind, NodeId, ns};
use crate::xmlsec::algorithm::{C14N, DIGESTS, Digest};
use crate::xmlsec::provider::digest::digest;

mod change;
mod forms;
mod text;
mod value;

pub use change::{Change, c14n_name};
pub use value::{ExplainedValue, SignedDigest, Suspect, value};

use forms::{Subject, Walk};

/// Deviations that are told of one Reference or value.
const TOLD_MAX: usize = 4;

/// A deviation that fits: what is different, all at once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Deviation {
    /// In the order in which a signer would meet them.
    pub changes: Vec<Change>,
    /// The octets that were signed then.
    pub octets: Vec<u8>,
}

impl std::fmt::Display for Deviation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, change) in self.changes.iter().enumerate() {
            write!(f, "{}{change}", if at == 0 { "" } else { "; and " })?;
        }
        Ok(())
    }
}

/// How much is tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Search {
    /// What is here is shown; nothing else is tried.
    Nothing,
    /// Every deviation.
    Everything,
}

/// How one Reference stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Standing {
    /// The digest fits.
    Holds,
    /// It does not.
    Differs,
    /// It could not be computed: why.
    NotComputed(String),
}

/// One Reference: what is here, and what would fit.
#[derive(Clone, Debug)]
pub struct ExplainedReference {
    /// Which Reference, from 0.
    pub index: usize,
    /// Its URI.
    pub uri: String,
    /// Where the element stands that it means.
    pub node: Option<String>,
    /// URIs of its transforms.
    pub transforms: Vec<&'static str>,
    /// URI of its digest method.
    pub digest_method: &'static str,
    /// DigestValue.
    pub expected: Vec<u8>,
    /// What was computed.
    pub computed: Option<Vec<u8>>,
    /// Our octets, those that were digested.
    pub octets: Vec<u8>,
    /// Whether ciphertext stands in them that nobody here could open: what was signed is then not known.
    pub is_sealed: bool,
    /// How it stands.
    pub standing: Standing,
    /// Deviations that fit; of several, all come to the same octets or to the same digest.
    pub fitting: Vec<Deviation>,
    /// Whether the search ended for its bound.
    pub exhausted: bool,
}

/// A document as it came, where another is explained that was decrypted.
pub struct AsReceived<'a> {
    /// Document, ids, policy as for the other.
    pub context: &'a Context<'a>,
    /// The same Signature in it.
    pub signature: &'a Signature,
}

/// Explains the Reference `number` of `signature`. `received` is the message before decryption, where anything was
/// decrypted.
///
/// Time: linear in the canonical octets of all forms together, at most 256 MiB of them.
#[must_use]
pub fn reference(
    context: &Context<'_>,
    signature: &Signature,
    number: usize,
    received: Option<&AsReceived<'_>>,
    search: Search,
) -> Option<ExplainedReference> {
    let reference = signature.references().get(number)?;
    let mut octets = Vec::new();
    let digested = reference.digest(context, signature.node(), &mut octets);
    let element = reference.element(context.document, context.ids).ok().flatten();
    let (standing, computed) = match &digested {
        Ok(digested) if digested.matches => (Standing::Holds, Some(digested.computed.to_vec())),
        Ok(digested) => (Standing::Differs, Some(digested.computed.to_vec())),
        Err(error) => (Standing::NotComputed(in_full(error)), None),
    };
    let mut explained = ExplainedReference {
        index: number,
        uri: reference.uri().to_owned(),
        node: element.map(|node| path(context.document, node)),
        transforms: reference.transforms().iter().map(Transform::uri).collect(),
        digest_method: reference.digest_method().uri(),
        expected: reference.expected().to_vec(),
        computed,
        octets,
        is_sealed: element.is_some_and(|node| holds_ciphertext(context.document, node)),
        standing,
        fitting: Vec::new(),
        exhausted: false,
    };
    if explained.standing != Standing::Holds && search == Search::Everything {
        let mut hunt = Hunt::new(reference);
        let mut walk = Walk::new(context.policy);
        let ended = hunt.everything(context, signature, received, &mut walk, &explained.octets);
        explained.exhausted = ended.is_break() && walk.exhausted && hunt.fitting.is_empty();
        explained.fitting = hunt.fitting;
    }
    Some(explained)
}

fn holds_ciphertext(document: &Document, node: NodeId) -> bool {
    document.descendants(node).any(|below| document.is(below, ns::XENC, "EncryptedData"))
}

/// The search for what DigestValue fits.
struct Hunt<'a> {
    reference: &'a Reference,
    /// Digests of the length that came.
    digests: Vec<Digest>,
    fitting: Vec<Deviation>,
}

impl<'a> Hunt<'a> {
    fn new(reference: &'a Reference) -> Self {
        let stated = reference.digest_method();
        let len = reference.expected().len();
        let mut digests = vec![stated];
        // Hexadecimal text has two characters for each octet.
        digests.extend(
            DIGESTS.iter().map(|row| row.value).filter(|one| *one != stated && [len, len / 2].contains(&one.size())),
        );
        Self { reference, digests, fitting: Vec::new() }
    }

    /// Whether `octets` fit; then the deviation is kept.
    fn look(&mut self, changes: &[Change], octets: &[u8]) -> bool {
        let expected = self.reference.expected();
        let stated = self.reference.digest_method();
        for used in &self.digests {
            let Ok(computed) = digest(*used, octets) else { continue };
            let mut changes = changes.to_vec();
            if *used != stated {
                changes.push(Change::Digest { stated, used: *used });
            }
            if computed[..] != *expected {
                let hexadecimal: String = computed.iter().map(|octet| format!("{octet:02x}")).collect();
                if !expected.eq_ignore_ascii_case(hexadecimal.as_bytes()) {
                    continue;
                }
                changes.push(Change::Hexadecimal);
            }
            self.keep(Deviation { changes, octets: octets.to_vec() });
            return true;
        }
        false
    }

    fn keep(&mut self, deviation: Deviation) {
        if self.fitting.len() < TOLD_MAX && !self.fitting.iter().any(|one| one.changes == deviation.changes) {
            self.fitting.push(deviation);
        }
    }

    /// Everything that is tried, the plainest first; ends after the first kind that fits.
    fn everything(
        &mut self,
        context: &Context<'_>,
        signature: &Signature,
        received: Option<&AsReceived<'_>>,
        walk: &mut Walk<'_>,
        ours: &[u8],
    ) -> ControlFlow<()> {
        if self.look(&[], ours) {
            return ControlFlow::Break(());
        }
        if let Some(received) = received {
            self.over_ciphertext(received, walk)?;
        }
        self.tokens(context, signature, walk)?;
        let Some(subject) = subject(context, signature, self.reference) else {
            if let Some(lost) = lost_subject(context, signature, self.reference) {
                return walk.elements(&lost, &mut |changes, octets| {
                    if self.look(changes, octets) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                });
            }
            return self.outside(context, signature, walk);
        };
        let mut found = false;
        let ended = walk.run(&subject, true, &mut |changes, octets| {
            // Canonicalizations that come to the same octets are told together; of other deviations the plainest is.
            let only_c14n = matches!(changes, [Change::C14N { .. }]);
            if found && !only_c14n {
                return ControlFlow::Break(());
            }
            found |= self.look(changes, octets);
            if found && !only_c14n { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if self.fitting.is_empty() { ended } else { ControlFlow::Break(()) }
    }

    fn over_ciphertext(&mut self, received: &AsReceived<'_>, walk: &mut Walk<'_>) -> ControlFlow<()> {
        let Some(reference) = received.signature.references().get(self.reference.index()) else {
            return ControlFlow::Continue(());
        };
        let document = received.context.document;
        let element = reference.element(document, received.context.ids).ok().flatten();
        if !element.is_some_and(|node| holds_ciphertext(document, node)) {
            return ControlFlow::Continue(());
        }
        let mut octets = Vec::new();
        let digested = reference.digest(received.context, received.signature.node(), &mut octets);
        let found = digested.is_ok() && self.look(&[Change::Ciphertext], &octets);
        if found {
            return ControlFlow::Break(());
        }
        match subject(received.context, received.signature, reference) {
            Some(subject) => walk.usual(&subject, &[Change::Ciphertext], &mut |changes, octets| {
                if self.look(changes, octets) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            }),
            None => ControlFlow::Continue(()),
        }
    }

    /// STR-Transform: other canonicalizations, without `xmlns=""`, and the reference in the place of the token.
    fn tokens(&mut self, context: &Context<'_>, signature: &Signature, walk: &mut Walk<'_>) -> ControlFlow<()> {
        let reference = self.reference;
        let [Transform::StrTransform(stated)] = reference.transforms() else { return ControlFlow::Continue(()) };
        let mut look = |changes: &[Change], octets: &[u8]| {
            if self.look(changes, octets) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        for used in [stated.c14n, C14N::EXCLUSIVE, C14N::INCLUSIVE10] {
            let canonicalization = Canonicalization { c14n: used, prefixes: stated.prefixes.clone() };
            let mut changes = Vec::new();
            if used != stated.c14n {
                changes.push(Change::C14N { stated: Some(stated.c14n), used });
            }
            let transforms = [Transform::StrTransform(canonicalization.clone())];
            if let Some(octets) = transformed(context, signature, reference, &transforms) {
                walk.show(&changes, &octets, &mut look)?;
                if let Some(bare) = text::replaced(&octets, b" xmlns=\"\"", b"") {
                    let changes: Vec<Change> = changes.iter().cloned().chain([Change::NullNamespaceLeftOut]).collect();
                    walk.show(&changes, &bare, &mut look)?;
                }
            }
            changes.push(Change::TokenReference);
            if let Some(octets) = transformed(context, signature, reference, &[Transform::C14N(canonicalization)]) {
                walk.show(&changes, &octets, &mut look)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// Octets from outside, or nodes that a transform chose: line ends alone.
    fn outside(&mut self, context: &Context<'_>, signature: &Signature, walk: &mut Walk<'_>) -> ControlFlow<()> {
        let Some(octets) = transformed(context, signature, self.reference, self.reference.transforms()) else {
            return ControlFlow::Continue(());
        };
        for (change, from, to) in [
            (Change::LineEndsCrLf, &b"\n"[..], &b"\r\n"[..]),
            (Change::LineEndsAdded, b"\r\n", b"\n"),
            (Change::LineEndsAdded, b"&#xD;", b""),
        ] {
            if let Some(new) = text::replaced(&octets, from, to) {
                walk.show(&[change], &new, &mut |changes, octets| {
                    if self.look(changes, octets) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                })?;
            }
        }
        ControlFlow::Continue(())
    }
}

fn transformed(
    context: &Context<'_>,
    signature: &Signature,
    reference: &Reference,
    transforms: &[Transform],
) -> Option<Vec<u8>> {
    let start = dereference(reference.target(), reference.uri(), context).ok()?;
    let mut out = Vec::new();
    transform::run(start, transforms, context, signature.node(), &mut out).ok()?;
    Some(out)
}

/// What the Reference digests, where that is an element with everything in it and its transforms are canonicalization
/// and enveloped-signature alone.
fn subject<'a>(context: &Context<'a>, signature: &Signature, reference: &Reference) -> Option<Subject<'a>> {
    let start = dereference(reference.target(), reference.uri(), context).ok()?;
    subject_at(context, signature, reference, start.root_here()?)
}

/// The same where the URI leads nowhere: what surrounds everything, in whose elements the right one may be found.
fn lost_subject<'a>(context: &Context<'a>, signature: &Signature, reference: &Reference) -> Option<Subject<'a>> {
    match reference.target() {
        Target::Id { .. } => subject_at(context, signature, reference, context.document.document_element()),
        _ => None,
    }
}

fn subject_at<'a>(
    context: &Context<'a>,
    signature: &Signature,
    reference: &Reference,
    root: NodeId,
) -> Option<Subject<'a>> {
    let comments = match reference.target() {
        Target::Id { comments, .. } | Target::WholeDocument { comments } => *comments,
        _ => return None,
    };
    let (mut except, mut stated) = (Vec::new(), None);
    for transform in reference.transforms() {
        match transform {
            Transform::Enveloped if stated.is_none() => {
                if context.document.contains(root, signature.node()) {
                    except.push(signature.node());
                }
            }
            Transform::C14N(canonicalization) if stated.is_none() => stated = Some(canonicalization.clone()),
            _ => return None,
        }
    }
    Some(Subject { document: context.document, root, except, comments, stated, signature: signature.node() })
}

/// Where a node stands: `/Envelope/Body[2]`, qualified names, counted from 1 among siblings of that name.
#[must_use]
pub fn path(document: &Document, node: NodeId) -> String {
    let mut parts = Vec::new();
    let mut at = Some(node);
    while let Some(node) = at {
        if document.kind(node) == Kind::Element {
            let name = document.qualified_name(node);
            let count = document.parent(node).map_or(1, |parent| {
                document
                    .elements(parent)
                    .take_while(|other| *other != node)
                    .filter(|other| document.qualified_name(*other) == name)
                    .count()
                    + 1
            });
            parts.push(if count > 1 { format!("{name}[{count}]") } else { name.to_owned() });
        }
        at = document.parent(node);
    }
    parts.reverse();
    format!("/{}", parts.join("/"))
}

/// An error with its causes on one line.
fn in_full(error: &Error) -> String {
    let mut line = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        line.push_str(": ");
        line.push_str(&next.to_string());
        cause = next.source();
    }
    line
}

#[cfg(test)]
mod tests;
