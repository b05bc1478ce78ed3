//! What a signature covers: each Reference stands for an element at its proper place, or the message is refused.
//!
//! A signature that holds says nothing about what will be read: the signed Body may hang under a wrapper while another
//! one takes its place. Here places count, never names: *the* Body is the child of *the* Envelope, the Timestamp that of
//! our Security header, an addressing header a child of Header.

use super::policy::{Profile, SignedParts};
use super::refusal::Reason;
use super::security_header::SecurityHeader;
use super::token_reference::{Pointer, Scope};
use crate::soap::Envelope;
use crate::soap::addressing::Located;
use crate::soap::envelope::clip;
use crate::xml::{Document, NodeId, ns};
use crate::xmlsec::algorithm::TransformKind;
use crate::xmlsec::dsig::{IdIndex, Reference, Signature, Target};

/// What one Reference stands for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    /// An element at its place, digested whole.
    Element(NodeId),
    /// A token through STR-Transform.
    Token(Option<NodeId>),
    /// An element at its place, of which transforms may have left something out. Covers nothing.
    Filtered(NodeId),
    /// An id that is nowhere in the message as received; it may stand in what is still encrypted.
    Pending,
}

/// What one signature covers.
#[derive(Clone, Debug)]
pub(crate) struct Coverage {
    pub parts: Vec<Part>,
}

/// What places are judged by.
#[derive(Clone, Copy)]
pub(crate) struct Places<'a> {
    pub envelope: &'a Envelope,
    pub security: &'a SecurityHeader,
    pub ids: &'a IdIndex,
    pub profile: Profile,
}

impl Places<'_> {
    fn document(&self) -> &Document {
        self.envelope.document()
    }

    /// What the References of `signature` stand for. `sealed` says whether something is still encrypted.
    pub(crate) fn coverage(&self, signature: &Signature, sealed: bool) -> Result<Coverage, Reason> {
        let parts = signature
            .references()
            .iter()
            .map(|reference| self.part(signature, reference, sealed))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Coverage { parts })
    }

    pub(crate) fn part(&self, signature: &Signature, reference: &Reference, sealed: bool) -> Result<Part, Reason> {
        let document = self.document();
        let target = match reference.target() {
            Target::Id { id, .. } => match self.ids.get(document, id) {
                Ok(node) => node,
                Err(_) if sealed => return Ok(Part::Pending),
                Err(_) => return Err(Reason::Dangling { what: "Reference", uri: clip(reference.uri()) }),
            },
            Target::WholeDocument { .. } if self.profile == Profile::Lenient => self.envelope.element(),
            _ => {
                return Err(Reason::Refused {
                    what: format!("Reference {:?} does not point to an element by #id", clip(reference.uri())),
                    at: document.position(reference.node()),
                });
            }
        };
        self.refuse_elsewhere(signature, reference, target)?;
        let kinds = || reference.transforms().iter().map(crate::xmlsec::dsig::Transform::kind);
        if kinds().any(|kind| kind == TransformKind::StrTransform) {
            return self.token(target);
        }
        if kinds().all(|kind| matches!(kind, TransformKind::C14N(_) | TransformKind::Enveloped)) {
            return Ok(Part::Element(target));
        }
        Ok(Part::Filtered(target))
    }

    /// The token that STR-Transform puts in the place of the reference at `target`.
    fn token(&self, target: NodeId) -> Result<Part, Reason> {
        let document = self.document();
        if !document.is(target, ns::WSSE, "SecurityTokenReference") {
            return Err(Reason::WrongTarget {
                what: "Reference with STR-Transform",
                expected: "SecurityTokenReference",
                came: clip(document.local(target)),
            });
        }
        let scope = Scope { document, ids: self.ids, security: self.security, profile: self.profile };
        match scope.token_reference(target)? {
            Pointer::Token(token) => Ok(Part::Token(Some(token))),
            Pointer::Name(_) => Ok(Part::Token(None)),
            _ => Err(Reason::WrongTarget {
                what: "SecurityTokenReference under STR-Transform",
                expected: "a certificate",
                came: "something else".to_owned(),
            }),
        }
    }

    fn refuse_elsewhere(&self, signature: &Signature, reference: &Reference, target: NodeId) -> Result<(), Reason> {
        if self.is_at_its_place(signature, target) {
            return Ok(());
        }
        Err(Reason::Refused {
            what: format!(
                "Reference {:?} points to {:?}, which is not at the place of a part of the message",
                clip(reference.uri()),
                clip(self.document().local(target))
            ),
            at: self.document().position(target),
        })
    }

    fn is_at_its_place(&self, signature: &Signature, target: NodeId) -> bool {
        let document = self.document();
        // One that was moved out of our Security header would be signed, and its age never judged.
        if document.is(target, ns::WSU, "Timestamp") && self.security.timestamp != Some(target) {
            return false;
        }
        let parent = document.parent(target);
        // Envelope and Header hold the signature: only with enveloped-signature can their digest hold.
        let whole = self.profile == Profile::Lenient
            && (target == self.envelope.element()
                || Some(target) == self.envelope.header()
                || target == self.security.node
                || signature.objects().iter().any(|object| document.contains(*object, target)));
        whole
            || document.contains(self.envelope.body(), target)
            || parent.is_some() && parent == self.envelope.header() && target != self.security.node
            || parent == Some(self.security.node) && target != signature.node()
            || self.is_key_info(signature, target)
    }

    /// KeyInfo of the signature itself, or something below it: signers bind their key so.
    fn is_key_info(&self, signature: &Signature, target: NodeId) -> bool {
        let document = self.document();
        document
            .elements(signature.node())
            .filter(|child| document.is(*child, ns::DS, "KeyInfo"))
            .any(|key_info| document.contains(key_info, target))
    }
}

impl Coverage {
    /// Whether `node` is digested whole.
    pub(crate) fn covers(&self, document: &Document, node: NodeId) -> bool {
        self.parts.iter().any(|part| match part {
            Part::Element(target) => document.contains(*target, node),
            Part::Token(Some(token)) => *token == node,
            _ => false,
        })
    }

    /// Names of the required parts that are not covered.
    pub(crate) fn missing(
        &self,
        envelope: &Envelope,
        security: &SecurityHeader,
        addressing: &Located,
        required: SignedParts,
    ) -> Vec<String> {
        let document = envelope.document();
        let mut missing = Vec::new();
        if !self.covers(document, envelope.body()) {
            missing.push("Body".to_owned());
        }
        match security.timestamp {
            Some(timestamp) if !self.covers(document, timestamp) => missing.push("Timestamp".to_owned()),
            _ => {}
        }
        if required == SignedParts::Full {
            let headers = addressing.nodes.iter().filter(|(_, node)| !self.covers(document, *node));
            missing.extend(headers.map(|(name, _)| format!("wsa:{}", name.as_str())));
            if security.confirmations.iter().any(|confirmation| !self.covers(document, *confirmation)) {
                missing.push("SignatureConfirmation".to_owned());
            }
        }
        missing
    }

    /// What is covered, by name, for the evidence.
    pub(crate) fn names(&self, envelope: &Envelope) -> Vec<String> {
        let document = envelope.document();
        let mut names: Vec<String> = self
            .parts
            .iter()
            .map(|part| match part {
                Part::Element(node) => clip(document.local(*node)),
                Part::Token(Some(node)) => clip(document.local(*node)),
                Part::Token(None) => "Token-by-STR".to_owned(),
                Part::Filtered(node) => format!("part of {}", clip(document.local(*node))),
                Part::Pending => "?".to_owned(),
            })
            .collect();
        names.sort();
        names.dedup();
        names
    }
}

/// Refuses a referenced id that a second element bears under another name: `Id`, `ID` or `id` without a namespace, or in
/// a foreign one. Another reader may take that one for the target.
pub(crate) fn refuse_shadows(
    document: &Document,
    below: NodeId,
    ids: &IdIndex,
    referenced: &[&str],
) -> Result<(), Reason> {
    if referenced.is_empty() {
        return Ok(());
    }
    for node in document.descendants(below) {
        if !document.attribute_name_lengths(node).any(|(length, _)| length == 2 || length == "AssertionID".len()) {
            continue;
        }
        for attribute in document.attributes(node) {
            let id_like = attribute.local.len() == 2 && attribute.local.eq_ignore_ascii_case("id")
                || attribute.local == "AssertionID";
            if !id_like || !referenced.contains(&attribute.value) {
                continue;
            }
            if ids.get(document, attribute.value).is_ok_and(|target| target != node) {
                return Err(Reason::AmbiguousId { id: clip(attribute.value), count: 2 });
            }
        }
    }
    Ok(())
}
