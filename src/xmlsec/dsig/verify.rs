//! Verifies the signatures of a whole file (XML Signature 1.1 §3.2), step by step, and says what each step came to.
//!
//! First the key, then the value of `ds:SignedInfo`, then each Reference: nothing that an unauthenticated transform asks
//! for is computed unless the caller wants to see every step. Manifests are checked and reported, but a digest of a
//! Manifest that differs does not make the signature invalid (§5.1).

use super::error::Error;
use super::reference::{Context, Digested, Reference};
use super::resolve::{self, KeySource};
use super::signature::{self, Signature};
use crate::xml::c14n::NodeSet;
use crate::xml::{Document, Kind, NodeId, ns};
use crate::xmlsec::read;

/// Type of a Reference to a `ds:Manifest`.
const MANIFEST: &str = "http://www.w3.org/2000/09/xmldsig#Manifest";

/// Whether to go on after the first thing that is wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Steps {
    /// Stop: the verdict is what counts.
    UntilInvalid,
    /// Go on: every step is wanted.
    All,
}

/// What a signature came to.
#[derive(Debug)]
pub enum Verdict {
    /// Core validity.
    Valid,
    /// Processed, and not valid.
    Invalid(Invalid),
    /// Could not be processed.
    Failed(Error),
}

/// What is not valid.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum Invalid {
    /// The value is not that of `ds:SignedInfo` under the key.
    #[error("SignatureValue does not fit SignedInfo under the key")]
    SignatureValue,
    /// A digest differs.
    #[error("reference {index} ({uri}): the digest differs")]
    Digest {
        /// Which Reference, from 0.
        index: usize,
        /// Its URI.
        uri: String,
    },
}

/// A Reference and what it came to; none when it was not looked at.
#[derive(Debug)]
pub struct JudgedReference {
    /// The Reference.
    pub reference: Reference,
    /// Digest and nodes.
    pub outcome: Option<Result<Digested, Error>>,
}

impl JudgedReference {
    /// Whether the digest is the one expected.
    #[must_use]
    pub fn matches(&self) -> bool {
        matches!(&self.outcome, Some(Ok(digested)) if digested.matches)
    }
}

/// A signature and what it came to.
#[derive(Debug)]
pub struct Judged {
    /// The `ds:Signature` element.
    pub node: NodeId,
    /// As read; none when its structure or algorithms were refused.
    pub signature: Option<Signature>,
    /// Whether the value holds; none when no key could tell.
    pub value: Option<bool>,
    /// How the key was found.
    pub key_found_by: Option<&'static str>,
    /// Certificate of the key.
    pub certificate: Option<openssl::x509::X509>,
    /// The References, in order.
    pub references: Vec<JudgedReference>,
    /// References of the Manifests that the References point at.
    pub manifests: Vec<JudgedReference>,
    /// The verdict.
    pub verdict: Verdict,
}

impl Judged {
    /// Whether it is valid.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        matches!(self.verdict, Verdict::Valid)
    }

    /// Whether this signature is valid and covers all of `node`.
    #[must_use]
    pub fn covers(&self, document: &Document, node: NodeId) -> bool {
        self.covered().any(|nodes| covers(document, nodes, node, self.node))
    }

    /// The nodes that a valid signature vouches for. Later stages read only these.
    pub fn covered(&self) -> impl Iterator<Item = &NodeSet> + '_ {
        let valid = self.is_valid();
        self.references.iter().filter_map(move |judged| match &judged.outcome {
            Some(Ok(digested)) if valid => digested.covered.as_ref(),
            _ => None,
        })
    }
}

/// The `ds:Signature` elements that stand inside no other, in document order.
#[must_use]
pub fn outermost_signatures(document: &Document) -> Vec<NodeId> {
    let mut found: Vec<NodeId> = Vec::new();
    for node in document.descendants(document.root()) {
        if document.kind(node) != Kind::Element || !document.is(node, ns::DS, "Signature") {
            continue;
        }
        // Descendants come in document order: only the last one found can be above this one.
        if found.last().is_none_or(|last| !document.contains(*last, node)) {
            found.push(node);
        }
    }
    found
}

/// Verifies the `ds:Signature` at `node`.
#[must_use]
pub fn verify(context: &Context<'_>, node: NodeId, keys: &KeySource<'_>, steps: Steps) -> Judged {
    let mut judged = Judged {
        node,
        signature: None,
        value: None,
        key_found_by: None,
        certificate: None,
        references: Vec::new(),
        manifests: Vec::new(),
        verdict: Verdict::Valid,
    };
    let signature = match Signature::parse(context.document, node, context.policy) {
        Ok(signature) => signature,
        Err(error) => {
            judged.verdict = Verdict::Failed(error);
            return judged;
        }
    };
    let mut scratch = Vec::new();
    judge_value(&mut judged, &signature, context, keys, &mut scratch);
    judge_references(&mut judged, &signature, context, steps, &mut scratch);
    if steps == Steps::All {
        judge_manifests(&mut judged, context, &mut scratch);
    }
    judged.signature = Some(signature);
    judged
}

fn judge_value(
    judged: &mut Judged,
    signature: &Signature,
    context: &Context<'_>,
    keys: &KeySource<'_>,
    scratch: &mut Vec<u8>,
) {
    let candidates = match resolve::candidates(signature, context, keys) {
        Ok(candidates) => candidates,
        Err(error) => {
            judged.verdict = Verdict::Failed(error);
            return;
        }
    };
    judged.verdict = Verdict::Invalid(Invalid::SignatureValue);
    for candidate in candidates {
        match signature.verify_value(context.document, &candidate.key, context.policy, scratch) {
            Ok(true) => {
                judged.value = Some(true);
                judged.key_found_by = Some(candidate.found_by);
                judged.certificate = candidate.certificate;
                judged.verdict = Verdict::Valid;
                return;
            }
            Ok(false) => judged.value = Some(false),
            Err(error) => {
                if judged.value.is_none() {
                    judged.verdict = Verdict::Failed(error);
                }
            }
        }
    }
}

fn judge_references(
    judged: &mut Judged,
    signature: &Signature,
    context: &Context<'_>,
    steps: Steps,
    scratch: &mut Vec<u8>,
) {
    for reference in signature.references() {
        let going_on = judged.is_valid() || steps == Steps::All;
        let outcome = going_on.then(|| reference.digest(context, signature.node(), scratch));
        if judged.is_valid() {
            match &outcome {
                Some(Ok(digested)) if digested.matches => {}
                Some(Ok(_)) => {
                    let uri = crate::xmlsec::policy::shortened(reference.uri());
                    judged.verdict = Verdict::Invalid(Invalid::Digest { index: reference.index(), uri });
                }
                _ => {}
            }
        }
        match outcome {
            Some(Err(error)) if judged.is_valid() => {
                judged.verdict = Verdict::Failed(Error::Reference {
                    index: reference.index(),
                    uri: crate::xmlsec::policy::shortened(reference.uri()),
                    source: Box::new(error),
                });
                judged.references.push(JudgedReference { reference: reference.clone(), outcome: None });
            }
            outcome => judged.references.push(JudgedReference { reference: reference.clone(), outcome }),
        }
    }
}

/// §5.1: the References of a Manifest are the application's affair; here they are computed and shown.
fn judge_manifests(judged: &mut Judged, context: &Context<'_>, scratch: &mut Vec<u8>) {
    let document = context.document;
    let targets: Vec<NodeId> = judged
        .references
        .iter()
        .filter(|judged| judged.reference.type_uri() == Some(MANIFEST))
        .filter_map(|judged| match &judged.outcome {
            Some(Ok(digested)) => digested.target,
            _ => None,
        })
        .filter(|target| document.is(*target, ns::DS, "Manifest"))
        .collect();
    for target in targets {
        let Ok(nodes) = read::elements(document, target) else { continue };
        let Ok(references) = signature::references(document, target, nodes.into_iter(), context.policy) else {
            continue;
        };
        for reference in references {
            let outcome = Some(reference.digest(context, judged.node, scratch));
            judged.manifests.push(JudgedReference { reference, outcome });
        }
    }
}

/// Whether `nodes` holds all of `node`: the element with everything in it. The `signature` that covers it may stand inside
/// (enveloped): it vouches for the rest, and is no part of what is signed.
#[must_use]
pub fn covers(document: &Document, nodes: &NodeSet, node: NodeId, signature: NodeId) -> bool {
    match nodes {
        NodeSet::Subtree { root, except, .. } => {
            let hole = |out: NodeId| document.contains(out, node) || document.contains(node, out) && out != signature;
            document.contains(*root, node) && !except.iter().any(|out| hole(*out))
        }
        NodeSet::Explicit(set) => {
            let enveloped = node != signature && document.contains(node, signature);
            document.descendants(node).filter(|below| !(enveloped && document.contains(signature, *below))).all(
                |below| match document.kind(below) {
                    Kind::Comment => true,
                    Kind::Element => {
                        let mut attributes = document.attributes(below);
                        set.contains(below) && attributes.all(|attribute| set.contains_attribute(attribute.id))
                    }
                    _ => set.contains(below),
                },
            )
        }
    }
}
