//! Opening a message: the checks of design 2.2 in their order, each a type that only the one before it can make.
//!
//! ```text
//! open    Envelope
//!         structure    -> Structured   one Security header, known children, bounds, unique ids, no comments in leaves
//!         algorithms   -> Allowed      Signature, EncryptedKey, EncryptedData: structure, algorithms, places, pointers
//!         trust        -> Trusted      the signer's certificate; which key of ours is asked for
//!         freshness    -> Fresh        Timestamp and addressing
//!         coverage     -> Covered      every Reference at its place, every required part covered
//!         signature    -> Held         SignatureValue over SignedInfo
//!         decryption   -> Clear        in place; from here on one text for whoever sent it
//!         digests      -> Proved       over clear content, or over ciphertext where the policy takes that
//!         content      -> Authentic    nothing in the clear text that two readers could read in two ways
//! ```

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;
use openssl::pkey::{PKey, Public};
use zeroize::Zeroizing;

use super::coverage::{self, Coverage, Part, Places};
use super::decrypt::{self, Encrypted, chain};
use super::policy::{Encryption, Order, Policy, Profile, SignedParts};
use super::refusal::{Reason, Refusal, Stage};
use super::security_header::{SecurityHeader, base64, decode_base64, leaf, refuse_comments};
use super::str_transform::Tokens;
use super::token_reference::{Pointer, Scope, X509_V3, check_encoding, token_certificates};
use super::{CertificateReference, Identity, Signer, SignerLookup, timestamp};
use crate::soap::addressing::{Expect, Located};
use crate::soap::envelope::clip;
use crate::soap::{Addressing, Envelope, Version};
use crate::xml::{Document, Kind, NodeId, ns};
use crate::xmlsec;
use crate::xmlsec::dsig::{self, Digested, IdAttributes, IdIndex, Reference, Signature, UrlMap};
use crate::xmlsec::policy::KeyInfoForm;

/// Opens messages under one policy.
#[derive(Clone, Debug)]
pub struct Verifier {
    policy: Policy,
    xmlsec: xmlsec::Policy,
    urls: UrlMap,
    reports: bool,
}

/// What the caller knows besides the message.
pub struct Context<'a> {
    /// The clock.
    pub now: Timestamp,
    /// Who may sign.
    pub signers: &'a dyn SignerLookup,
    /// Our keys that messages may be encrypted for: the present one and those before it.
    pub keys: &'a [Arc<Identity>],
    /// What the addressing headers must say.
    pub expect: Expect<'a>,
    /// SignatureValues of our request, base64, which an answer must confirm. Empty for requests.
    pub confirms: &'a [String],
}

/// A message whose signature, digests and freshness hold. Only what was signed can be read from it.
#[derive(Debug)]
pub struct Authentic {
    envelope: Envelope,
    payload: NodeId,
    addressing: Addressing,
    evidence: Evidence,
}

/// What proves it.
pub struct Evidence {
    /// SignatureValue of each signature, base64 without white space: for SignatureConfirmation.
    pub signature_values: Vec<String>,
    /// SHA-256 of the octets of the (first) SignatureValue: a field of the Merkle leaf.
    pub signature_value_hash: [u8; 32],
    /// Who signed.
    pub signer: Arc<Signer>,
    /// When the message was made.
    pub created: Option<Timestamp>,
    /// What the signature covers, by name: `Body`, `Timestamp`, `To`, ...
    pub signed: Vec<String>,
    /// What was encrypted, by name of the element or of the parent of content.
    pub encrypted: Vec<String>,
    /// Whether the signature covers ciphertext (`order = any`).
    pub signed_ciphertext: bool,
    /// Whether the answer confirms every signature of the request. True for requests, which confirm nothing.
    pub confirmed: bool,
    /// The content keys that opened it: for an evidence package.
    pub content_keys: Vec<Zeroizing<Vec<u8>>>,
    /// Each Reference of each signature; empty without [`Verifier::with_reports`].
    pub references: Vec<ReferenceReport>,
}

/// One Reference as it was judged.
#[derive(Clone, Debug)]
pub struct ReferenceReport {
    /// The URI.
    pub uri: String,
    /// The element that it means.
    pub node: String,
    /// URIs of its transforms.
    pub transforms: Vec<&'static str>,
    /// URI of its digest method.
    pub digest_method: &'static str,
    /// DigestValue, base64.
    pub expected: String,
    /// What was computed, base64.
    pub computed: String,
    /// Whether the digest covers ciphertext.
    pub ciphertext: bool,
}

impl ReferenceReport {
    fn of(document: &Document, reference: &Reference, digested: &Digested) -> Self {
        Self {
            uri: clip(reference.uri()),
            node: digested.target.map(|node| clip(document.local(node))).unwrap_or_default(),
            transforms: reference.transforms().iter().map(dsig::Transform::uri).collect(),
            digest_method: reference.digest_method().uri(),
            expected: base64_simd::STANDARD.encode_to_string(reference.expected()),
            computed: base64_simd::STANDARD.encode_to_string(&*digested.computed),
            ciphertext: false,
        }
    }
}

impl Verifier {
    /// A verifier under `policy`.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        let mut xmlsec = match (policy.profile, policy.legacy) {
            (Profile::Serve, _) => xmlsec::Policy::serve(),
            (Profile::Lenient, false) => xmlsec::Policy::default(),
            (Profile::Lenient, true) => xmlsec::Policy::legacy(),
        };
        if let Some(forms) = policy.key_info {
            xmlsec.key_info = forms;
        }
        // What a DER SEQUENCE in the place of r||s means is decided by no specification of SOAP stacks.
        xmlsec.allow_der_ecdsa = false;
        Self { policy, xmlsec, urls: UrlMap::new(), reports: false }
    }

    /// Tells in the evidence how each Reference was judged: for people, not for every message.
    #[must_use]
    pub fn with_reports(mut self) -> Self {
        self.reports = true;
        self
    }

    /// Opens a message, a request or an answer.
    ///
    /// # Errors
    /// [`Refusal`] with the first check that fails; [`Refusal::public`] is what the sender may hear.
    pub fn open(&self, envelope: Envelope, context: &Context<'_>) -> Result<Authentic, Refusal> {
        self.open_watched(envelope, context, &|_| ())
    }

    /// The same, telling `ended` which stages are passed: for measurements.
    ///
    /// # Errors
    /// As [`Verifier::open`].
    pub fn open_watched(
        &self,
        envelope: Envelope,
        context: &Context<'_>,
        ended: &dyn Fn(Stage),
    ) -> Result<Authentic, Refusal> {
        let mut told = Told::default();
        self.run(envelope, context, ended, &mut told).map_err(|mut refusal| {
            refusal.addressing = told.addressing.map(|located| Box::new(located.values.clone()));
            refusal.confirmable = told.confirmable;
            refusal
        })
    }

    fn run(
        &self,
        envelope: Envelope,
        context: &Context<'_>,
        ended: &dyn Fn(Stage),
        told: &mut Told,
    ) -> Result<Authentic, Refusal> {
        let envelope = self.reveal_signature(envelope, context)?;
        let structured = self.structure(envelope).map_err(at(Stage::Structure))?;
        told.addressing = Some(Arc::clone(&structured.addressing));
        let allowed = self.algorithms(structured).map_err(at(Stage::Algorithms))?;
        let trusted = self.trust(allowed, context).map_err(at(Stage::Token))?;
        let fresh = self.freshness(trusted, context).map_err(at(Stage::Freshness))?;
        let covered = self.coverage(fresh).map_err(at(Stage::Coverage))?;
        let held = self.signature_values(covered).map_err(at(Stage::SignatureValue))?;
        told.confirmable = Some(held.signature_values());
        ended(Stage::SignatureValue);
        let clear = self.decryption(held, context).map_err(at(Stage::Decryption))?;
        ended(Stage::Decryption);
        let proved = self.digests(clear).map_err(at(Stage::Digests))?;
        self.content(proved, context).map_err(at(Stage::Content))
    }
}

/// What a refusal tells besides its reason.
#[derive(Default)]
struct Told {
    addressing: Option<Arc<Located>>,
    confirmable: Option<Vec<String>>,
}

fn at<R: Into<Reason>>(stage: Stage) -> impl FnOnce(R) -> Refusal {
    move |reason| Refusal::new(stage, reason)
}

/// One Security header, known children, unique ids.
struct Structured {
    profile: Profile,
    envelope: Envelope,
    security: SecurityHeader,
    ids: IdIndex,
    addressing: Arc<Located>,
    /// Ids of what was encrypted and is open already.
    opened: Vec<String>,
}

/// Structure, algorithms, places and pointers of everything signed and encrypted.
struct Allowed {
    base: Structured,
    signatures: Vec<Signature>,
    pointers: Vec<Pointer>,
    encrypted: Encrypted,
}

/// The signers are known and trusted; one of our keys is asked for.
struct Trusted {
    base: Allowed,
    signers: Vec<Arc<Signer>>,
}

/// Timestamp and addressing are in order.
struct Fresh {
    base: Trusted,
    created: Option<Timestamp>,
}

/// Every required part is covered, were the signature to hold.
struct Covered {
    base: Fresh,
    coverage: Vec<Coverage>,
    /// The signature that covers the required parts.
    primary: usize,
}

/// Every SignatureValue holds.
struct Held {
    base: Covered,
}

/// Everything is in clear.
struct Clear {
    held: Held,
    encrypted: Vec<String>,
    content_keys: Vec<Zeroizing<Vec<u8>>>,
    /// References whose digest held over ciphertext: signature and number.
    over_ciphertext: Vec<(usize, usize)>,
    reports: Vec<ReferenceReport>,
}

/// References whose digest held over ciphertext (signature and number), and how each was judged.
type OverCiphertext = (Vec<(usize, usize)>, Vec<ReferenceReport>);

/// Every digest holds.
struct Proved {
    clear: Clear,
    reports: Vec<ReferenceReport>,
}

impl Verifier {
    fn is_serve(&self) -> bool {
        self.policy.profile == Profile::Serve
    }

    /// A Signature may itself be encrypted: then it must be opened before there is anything to check. Lenient only. Gives
    /// the ids of what was opened too.
    fn reveal_signature(
        &self,
        mut envelope: Envelope,
        context: &Context<'_>,
    ) -> Result<(Envelope, Vec<String>), Refusal> {
        let mut opened = Vec::new();
        if self.is_serve() {
            return Ok((envelope, opened));
        }
        for _ in 0..REVEALED_MAX {
            let security = SecurityHeader::read(&envelope, Profile::Lenient).map_err(at(Stage::Structure))?;
            let Some(sealed) = security.encrypted_data.first().copied() else { return Ok((envelope, opened)) };
            let ids = unique_ids(envelope.document()).map_err(at(Stage::Structure))?;
            let scope =
                Scope { document: envelope.document(), ids: &ids, security: &security, profile: Profile::Lenient };
            let mut encrypted = decrypt::find(&envelope, scope, Profile::Lenient, &self.xmlsec, &opened)
                .map_err(at(Stage::Algorithms))?;
            encrypted.choose_keys(scope, context.keys).map_err(at(Stage::Token))?;
            let number = encrypted.data.iter().position(|data| data.parsed.node == sealed).unwrap_or_default();
            let one = decrypt::open(envelope.document_mut(), &encrypted, number, context.keys, &self.xmlsec)
                .map_err(at(Stage::Decryption))?;
            opened.extend(one.id);
        }
        let what = "EncryptedData in the Security header";
        let at = envelope.document().position(envelope.element());
        Err(Refusal::new(Stage::Structure, Reason::Repeated { what, at }))
    }

    fn structure(&self, (envelope, opened): (Envelope, Vec<String>)) -> Result<Structured, Reason> {
        let security = SecurityHeader::read(&envelope, self.policy.profile)?;
        refuse_comments(envelope.document(), self.policy.profile, security.node)?;
        let addressing = Arc::new(Located::read(&envelope, self.is_serve())?);
        if self.is_serve() {
            refuse_hidden(&envelope)?;
        }
        let ids = unique_ids(envelope.document())?;
        if security.signatures.is_empty() {
            return Err(Reason::Missing { what: "the Signature in the Security header" });
        }
        Ok(Structured { profile: self.policy.profile, envelope, security, ids, addressing, opened })
    }

    fn algorithms(&self, base: Structured) -> Result<Allowed, Reason> {
        let document = base.envelope.document();
        let scope = base.scope();
        let mut signatures = Vec::with_capacity(1);
        let mut pointers = Vec::with_capacity(1);
        for node in &base.security.signatures {
            let signature = Signature::parse(document, *node, &self.xmlsec).map_err(|error| xmlsec_reason(&error))?;
            if self.is_serve() && !signature.objects().is_empty() {
                return Err(Reason::Refused {
                    what: "Signature with an Object".to_owned(),
                    at: document.position(*node),
                });
            }
            let key_info = document
                .elements(*node)
                .find(|child| document.is(*child, ns::DS, "KeyInfo"))
                .ok_or(Reason::Missing { what: "KeyInfo of the Signature: nothing names the signer" })?;
            let pointer = scope.key_info(key_info)?;
            self.allow_form(document, key_info, &pointer)?;
            pointers.push(pointer);
            signatures.push(signature);
        }
        let encrypted = decrypt::find(&base.envelope, scope, self.policy.profile, &self.xmlsec, &base.opened)?;
        if encrypted.is_empty() && !encrypted.keys.is_empty() && self.is_serve() {
            return Err(Reason::Missing { what: "the EncryptedData of the EncryptedKey" });
        }
        if encrypted.is_empty() && self.policy.encryption == Encryption::Required {
            return Err(Reason::NotEncrypted);
        }
        Ok(Allowed { base, signatures, pointers, encrypted })
    }

    /// `--key-info`: the forms in which a signer may be named.
    fn allow_form(&self, document: &Document, key_info: NodeId, pointer: &Pointer) -> Result<(), Reason> {
        let child = document.elements(key_info).next();
        let form = match (child.map(|child| document.local(child)), pointer) {
            (Some("SecurityTokenReference"), _) => KeyInfoForm::SecurityTokenReference,
            (Some("X509Data"), _) => KeyInfoForm::X509,
            (Some("DEREncodedKeyValue"), _) => KeyInfoForm::DerEncodedKeyValue,
            (_, Pointer::KeyValue(_)) => KeyInfoForm::KeyValue,
            (_, Pointer::KeyName(_)) => KeyInfoForm::KeyName,
            _ => KeyInfoForm::EncryptedKey,
        };
        self.xmlsec.key_info_form(form).map_err(|refused| Reason::XmlSec(refused.to_string()))
    }

    fn trust(&self, mut base: Allowed, context: &Context<'_>) -> Result<Trusted, Reason> {
        let signers = base
            .pointers
            .iter()
            .map(|pointer| signer(base.base.envelope.document(), pointer, context))
            .collect::<Result<Vec<_>, _>>()?;
        for signer in &signers {
            signer.key.check(&self.xmlsec).map_err(|refused| Reason::XmlSec(refused.to_string()))?;
        }
        if !base.encrypted.is_empty() {
            let Allowed { base: structured, encrypted, .. } = &mut base;
            encrypted.choose_keys(structured.scope(), context.keys)?;
        }
        Ok(Trusted { base, signers })
    }

    fn freshness(&self, base: Trusted, context: &Context<'_>) -> Result<Fresh, Reason> {
        let structured = &base.base.base;
        let created = match structured.security.timestamp {
            Some(node) => {
                let came = timestamp::Timestamp::read(structured.envelope.document(), node)?;
                came.judge(context.now, self.policy.skew)?;
                Some(came.created)
            }
            None if self.policy.signed_parts == SignedParts::BodyAndAnyTimestamp => None,
            None => return Err(Reason::Missing { what: "the Timestamp in the Security header" }),
        };
        let required = self.policy.signed_parts == SignedParts::Full;
        context.expect.check(&structured.addressing.values, required)?;
        Ok(Fresh { base, created })
    }

    fn coverage(&self, base: Fresh) -> Result<Covered, Reason> {
        let allowed = &base.base.base;
        let structured = &allowed.base;
        let places = structured.places();
        let sealed = !allowed.encrypted.is_empty();
        let mut coverage = Vec::with_capacity(1);
        for signature in &allowed.signatures {
            let ids: Vec<&str> = signature.references().iter().filter_map(|r| r.uri().strip_prefix('#')).collect();
            let document = structured.envelope.document();
            coverage::refuse_shadows(document, document.root(), &structured.ids, &ids)?;
            coverage.push(places.coverage(signature, sealed)?);
        }
        let missing = |one: &Coverage| {
            one.missing(&structured.envelope, &structured.security, &structured.addressing, self.policy.signed_parts)
        };
        let primary = coverage.iter().position(|one| missing(one).is_empty());
        let Some(primary) = primary else {
            let parts = coverage.first().map(missing).unwrap_or_default().join(", ");
            return Err(Reason::NotCovered { parts });
        };
        Ok(Covered { base, coverage, primary })
    }

    fn signature_values(&self, base: Covered) -> Result<Held, Reason> {
        let trusted = &base.base.base;
        let document = trusted.base.base.envelope.document();
        let mut scratch = Vec::with_capacity(4096);
        for (signature, signer) in trusted.base.signatures.iter().zip(&trusted.signers) {
            let subject = || clip(signer.certificate().subject());
            match signature.verify_value(document, &signer.key, &self.xmlsec, &mut scratch) {
                Ok(true) => {}
                Ok(false) => return Err(Reason::SignatureValue { subject: subject() }),
                Err(error) => return Err(xmlsec_reason(&error)),
            }
        }
        Ok(Held { base })
    }

    fn decryption(&self, mut held: Held, context: &Context<'_>) -> Result<Clear, Reason> {
        let (over_ciphertext, reports) = self.ciphertext_digests(&held)?;
        let (mut names, mut content_keys) = (Vec::new(), Vec::new());
        let allowed = &mut held.base.base.base.base;
        let structured = &mut allowed.base;
        let mut pending = std::mem::take(&mut allowed.encrypted);
        // Encryption may be nested in lenient files; each round opens one layer.
        for _ in 0..LAYERS_MAX {
            for number in 0..pending.data.len() {
                let opened =
                    decrypt::open(structured.envelope.document_mut(), &pending, number, context.keys, &self.xmlsec)?;
                structured.add_ids(opened.nodes)?;
                structured.opened.extend(opened.id);
                names.push(opened.name);
                content_keys.push(opened.key);
            }
            let document = structured.envelope.document();
            // The name is looked for in the octets first; the walk is paid only where it occurs again.
            let more = !pending.is_empty()
                && memchr::memmem::find(document.fragment_octets(), b"EncryptedData").is_some()
                && document.descendants(structured.envelope.body()).any(|n| document.is(n, ns::XENC, "EncryptedData"));
            if !more {
                content_keys.dedup();
                return Ok(Clear { held, encrypted: names, content_keys, over_ciphertext, reports });
            }
            if self.is_serve() {
                break;
            }
            let scope = structured.scope();
            let profile = self.policy.profile;
            pending = decrypt::find(&structured.envelope, scope, profile, &self.xmlsec, &structured.opened)?;
            pending.choose_keys(structured.scope(), context.keys)?;
        }
        Err(Reason::Decryption("EncryptedData inside of what was decrypted".to_owned()))
    }

    /// Digests of References over parts that hold ciphertext, where the policy takes a signature over ciphertext.
    fn ciphertext_digests(&self, held: &Held) -> Result<OverCiphertext, Reason> {
        let allowed = &held.base.base.base.base;
        let document = allowed.base.envelope.document();
        let (mut numbers, mut reports) = (Vec::new(), Vec::new());
        if self.policy.order != Order::Any || allowed.encrypted.is_empty() {
            return Ok((numbers, reports));
        }
        let sealed: Vec<NodeId> = allowed.encrypted.data.iter().map(|data| data.parsed.node).collect();
        let mut scratch = Vec::new();
        for (signature_number, coverage) in held.base.coverage.iter().enumerate() {
            for (number, part) in coverage.parts.iter().enumerate() {
                let Part::Element(target) = part else { continue };
                if !sealed.iter().any(|data| document.contains(*target, *data)) {
                    continue;
                }
                let (digested, reference) = self.digest(held, signature_number, number, &mut scratch)?;
                if digested.matches {
                    numbers.push((signature_number, number));
                    if self.reports {
                        reports.push(ReferenceReport {
                            ciphertext: true,
                            ..ReferenceReport::of(document, reference, &digested)
                        });
                    }
                }
            }
        }
        let uncovered =
            || allowed.encrypted.nodes().any(|node| !held.base.coverage[held.base.primary].covers(document, node));
        if !numbers.is_empty() && self.is_serve() && uncovered() {
            return Err(Reason::NotCovered {
                parts: "EncryptedKey, which a signature over ciphertext must cover".to_owned(),
            });
        }
        Ok((numbers, reports))
    }

    fn digests(&self, mut clear: Clear) -> Result<Proved, Reason> {
        self.settle_pending(&mut clear.held)?;
        let mut reports = std::mem::take(&mut clear.reports);
        let mut scratch = Vec::with_capacity(16_384);
        let counts: Vec<usize> =
            clear.held.base.base.base.base.signatures.iter().map(|signature| signature.references().len()).collect();
        for (signature, count) in counts.into_iter().enumerate() {
            for number in 0..count {
                if clear.over_ciphertext.contains(&(signature, number)) {
                    continue;
                }
                let (digested, reference) = self.digest(&clear.held, signature, number, &mut scratch)?;
                if digested.matches && !self.reports {
                    continue;
                }
                let document = clear.held.base.base.base.base.base.envelope.document();
                let report = ReferenceReport::of(document, reference, &digested);
                if !digested.matches {
                    let ReferenceReport { uri, expected, computed, .. } = report;
                    return Err(Reason::Digest { index: number, uri, expected, computed });
                }
                reports.push(report);
            }
        }
        Ok(Proved { clear, reports })
    }

    /// References that pointed into ciphertext must now point to an element inside Body.
    fn settle_pending(&self, held: &mut Held) -> Result<(), Reason> {
        let Covered { base, coverage, .. } = &mut held.base;
        let allowed = &base.base.base;
        let places = allowed.base.places();
        for (signature, coverage) in allowed.signatures.iter().zip(coverage) {
            for (part, reference) in coverage.parts.iter_mut().zip(signature.references()) {
                if *part == Part::Pending {
                    *part = places.part(signature, reference, false)?;
                }
            }
        }
        Ok(())
    }

    fn digest<'h>(
        &self,
        held: &'h Held,
        signature: usize,
        number: usize,
        scratch: &mut Vec<u8>,
    ) -> Result<(Digested, &'h Reference), Reason> {
        let trusted = &held.base.base.base;
        let structured = &trusted.base.base;
        let signature_of = &trusted.base.signatures[signature];
        let reference = &signature_of.references()[number];
        let tokens = Tokens { scope: structured.scope(), signer: &trusted.signers[signature] };
        let context = dsig::Context {
            document: structured.envelope.document(),
            ids: &structured.ids,
            policy: &self.xmlsec,
            urls: &self.urls,
            tokens: Some(&tokens),
        };
        let digested =
            reference.digest(&context, signature_of.node(), scratch).map_err(|error| xmlsec_reason(&error))?;
        Ok((digested, reference))
    }

    fn content(&self, proved: Proved, context: &Context<'_>) -> Result<Authentic, Reason> {
        let Proved { clear, reports } = proved;
        let Clear { held, encrypted, content_keys, over_ciphertext, .. } = clear;
        let signature_values = held.signature_values();
        let Covered { base: Fresh { base: trusted, created }, coverage, primary } = held.base;
        let Trusted { base: Allowed { base: structured, signatures, .. }, signers } = trusted;
        let Structured { envelope, security, addressing, .. } = structured;
        let document = envelope.document();
        crate::soap::envelope::refuse_processing_instructions(document, envelope.body())?;
        let payload = envelope.payload()?;
        if self.is_serve() {
            refuse_ambiguous_content(document, envelope.body())?;
        } else {
            refuse_cut_words(document, envelope.body())?;
        }
        let confirmed = confirmed(document, &security, &coverage[primary], context.confirms)?;
        let is_fault = document.is(payload, envelope.version().namespace(), "Fault");
        if !confirmed && !is_fault && self.policy.signed_parts == SignedParts::Full {
            return Err(Reason::Confirmation { what: "the signature of the request is not confirmed" });
        }
        let mut believed = Addressing::default();
        for (name, _) in addressing.nodes.iter().filter(|(_, node)| coverage[primary].covers(document, *node)) {
            *believed.slot(*name) = addressing.values.value(*name).map(str::to_owned);
        }
        let evidence = Evidence {
            signature_value_hash: crate::base::sha256(signatures[primary].signature_value()),
            signature_values,
            signer: Arc::clone(&signers[primary]),
            created,
            signed: coverage[primary].names(&envelope),
            encrypted,
            signed_ciphertext: !over_ciphertext.is_empty(),
            confirmed,
            content_keys,
            references: reports,
        };
        Ok(Authentic { envelope, payload, addressing: believed, evidence })
    }
}

/// Encrypted parts of one Security header that are opened before it is read, at most.
const REVEALED_MAX: usize = 8;
/// Layers of encryption in lenient files at most.
const LAYERS_MAX: usize = 4;

impl Structured {
    fn scope(&self) -> Scope<'_> {
        let profile = self.profile;
        Scope { document: self.envelope.document(), ids: &self.ids, security: &self.security, profile }
    }

    fn places(&self) -> Places<'_> {
        Places { envelope: &self.envelope, security: &self.security, ids: &self.ids, profile: self.profile }
    }

    /// Ids of what was decrypted join the others; one that is there already is refused.
    fn add_ids(&mut self, nodes: Option<(NodeId, NodeId)>) -> Result<(), Reason> {
        let document = self.envelope.document();
        let Some((first, last)) = nodes else { return Ok(()) };
        let mut next = Some(first);
        while let Some(node) = next {
            self.ids.extend(document, node);
            next = if node == last { None } else { document.next_sibling(node) };
        }
        refuse_duplicates(&self.ids)
    }
}

impl Held {
    fn signature_values(&self) -> Vec<String> {
        let signatures = &self.base.base.base.base.signatures;
        signatures.iter().map(|one| base64_simd::STANDARD.encode_to_string(one.signature_value())).collect()
    }
}

/// Header blocks of other specifications may be unsigned, and are not read. One that holds an element of SOAP, WS-Security,
/// XML Signature or XML Encryption hides it for a reader that looks by name.
fn refuse_hidden(envelope: &Envelope) -> Result<(), Reason> {
    let document = envelope.document();
    let others = envelope
        .blocks()
        .iter()
        .map(|block| block.node)
        .filter(|node| document.ns(*node) != ns::WSA && !document.is(*node, ns::WSSE, "Security"));
    let hidden = others.flat_map(|node| document.descendants(node)).find(|node| {
        document.kind(*node) == Kind::Element
            && matches!(
                document.ns(*node),
                ns::SOAP11 | ns::SOAP12 | ns::WSSE | ns::WSSE11 | ns::WSU | ns::DS | ns::XENC
            )
    });
    match hidden {
        None => Ok(()),
        Some(node) => Err(Reason::Refused {
            what: format!("{:?} inside of a header block of another specification", clip(document.local(node))),
            at: document.position(node),
        }),
    }
}

fn unique_ids(document: &Document) -> Result<IdIndex, Reason> {
    let ids = IdIndex::build(document, &IdAttributes::usual());
    refuse_duplicates(&ids)?;
    Ok(ids)
}

fn refuse_duplicates(ids: &IdIndex) -> Result<(), Reason> {
    match ids.first_duplicate() {
        None => Ok(()),
        Some(id) => Err(Reason::AmbiguousId { id: clip(id), count: 2 }),
    }
}

/// The certificate that a Signature's KeyInfo points to, as the caller trusts it.
fn signer(document: &Document, pointer: &Pointer, context: &Context<'_>) -> Result<Arc<Signer>, Reason> {
    let found = match pointer {
        Pointer::Token(token) if document.attribute(*token, "", "ValueType") == Some(X509_V3) => {
            check_encoding(document, *token)?;
            let text = leaf(document, *token, "BinarySecurityToken")?;
            context.signers.find(&CertificateReference::Token { text }, context.now)
        }
        Pointer::Token(token) => {
            let name = token_certificates(document, *token)?;
            context.signers.find(&name.as_reference(), context.now)
        }
        Pointer::Name(name) => context.signers.find(&name.as_reference(), context.now),
        Pointer::KeyName(name) => context.signers.find(&CertificateReference::KeyName { name }, context.now),
        Pointer::KeyValue(node) => {
            let key = bare_key(document, *node)?;
            context.signers.find(&CertificateReference::PublicKey { key: &key }, context.now)
        }
        Pointer::EncryptedKey(_) => {
            return Err(Reason::WrongTarget {
                what: "KeyInfo of the Signature",
                expected: "a certificate",
                came: "EncryptedKey".to_owned(),
            });
        }
    };
    Ok(found?)
}

fn bare_key(document: &Document, node: NodeId) -> Result<PKey<Public>, Reason> {
    if document.is(node, ns::DS, "KeyValue") {
        return dsig::key_value::parse(document, node).map_err(|error| xmlsec_reason(&error));
    }
    let octets = base64(document, node, "DEREncodedKeyValue")?;
    PKey::public_key_from_der(&octets).map_err(|error| Reason::XmlSec(error.to_string()))
}

/// Comments and `xsi:type` in business text: one reader stops at a comment, one reads on; one binds the element's type,
/// one the stated.
fn refuse_ambiguous_content(document: &Document, body: NodeId) -> Result<(), Reason> {
    if !document.may_have_asides() && !document.may_have_prefixed_attribute("type") {
        return Ok(());
    }
    for node in document.descendants(body) {
        let what = match document.kind(node) {
            Kind::Comment => "a comment in business text",
            Kind::Element if document.attribute(node, ns::XSI, "type").is_some() => "xsi:type in business text",
            _ => continue,
        };
        return Err(Reason::Refused { what: what.to_owned(), at: document.position(node) });
    }
    Ok(())
}

/// Lenient files may have comments, but none that cuts a word in two: `K001-26<!---->-02` is an attack on readers that
/// stop there, never an editor's remark.
fn refuse_cut_words(document: &Document, body: NodeId) -> Result<(), Reason> {
    if !document.may_have_asides() {
        return Ok(());
    }
    let comments = document.descendants(body).filter(|node| document.kind(*node) == Kind::Comment);
    let parents: HashSet<NodeId> = comments.filter_map(|node| document.parent(node)).collect();
    for parent in parents {
        // The character before, and the first comment since: one pass over the children, however many are comments.
        let (mut before, mut comment): (Option<char>, Option<NodeId>) = (None, None);
        for child in document.children(parent) {
            match document.kind(child) {
                Kind::Comment => comment = comment.or(Some(child)),
                Kind::Text => {
                    let text = document.text(child);
                    let cut = |c: Option<char>| c.is_some_and(|c| !c.is_whitespace());
                    if let Some(node) = comment.filter(|_| cut(before) && cut(text.chars().next())) {
                        let what = "a comment that cuts a word in business text".to_owned();
                        return Err(Reason::Refused { what, at: document.position(node) });
                    }
                    (before, comment) = (text.chars().next_back(), None);
                }
                _ => (before, comment) = (None, None),
            }
        }
    }
    Ok(())
}

/// Whether SignatureConfirmation confirms every signature of the request (SMS 1.1 §8.5); one that says something else is
/// refused.
fn confirmed(
    document: &Document,
    security: &SecurityHeader,
    coverage: &Coverage,
    confirms: &[String],
) -> Result<bool, Reason> {
    if confirms.is_empty() {
        return Ok(true);
    }
    let expected: Vec<Vec<u8>> = confirms.iter().filter_map(|value| decode_base64(value)).collect();
    let mut found = vec![false; expected.len()];
    for node in security.confirmations.iter().filter(|node| coverage.covers(document, **node)) {
        let Some(value) = document.attribute(*node, "", "Value") else { continue };
        let value = decode_base64(value).ok_or(Reason::Confirmation { what: "Value is not base64" })?;
        match expected.iter().position(|one| *one == value) {
            Some(number) => found[number] = true,
            None => return Err(Reason::Confirmation { what: "it confirms a signature that we did not send" }),
        }
    }
    Ok(!found.is_empty() && found.iter().all(|one| *one))
}

fn xmlsec_reason(error: &dsig::Error) -> Reason {
    let malformed = matches!(error, dsig::Error::Structure(_) | dsig::Error::Limit { .. });
    if malformed { Reason::Malformed(chain(error)) } else { Reason::XmlSec(chain(error)) }
}

impl Authentic {
    /// The verified tree, with what was decrypted in its place. Read only below [`Authentic::payload`].
    #[must_use]
    pub fn document(&self) -> &Document {
        self.envelope.document()
    }

    /// Which SOAP it came in.
    #[must_use]
    pub fn version(&self) -> Version {
        self.envelope.version()
    }

    /// The child of the signed Body.
    #[must_use]
    pub fn payload(&self) -> NodeId {
        self.payload
    }

    /// The addressing headers that were signed; others are left out.
    #[must_use]
    pub fn addressing(&self) -> &Addressing {
        &self.addressing
    }

    /// What proves it.
    #[must_use]
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// The envelope as verified: decrypted in place, everything else as received.
    #[must_use]
    pub fn clear_octets(&self) -> Vec<u8> {
        self.envelope.to_octets()
    }
}

impl std::fmt::Debug for Evidence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Holds content keys: they are not printed.
        f.debug_struct("Evidence")
            .field("signed", &self.signed)
            .field("encrypted", &self.encrypted)
            .finish_non_exhaustive()
    }
}
