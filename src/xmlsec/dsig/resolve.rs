//! From `ds:KeyInfo` and the keys of the caller to the keys that may verify a signature.
//!
//! Who may vouch for a public key, in this order: the caller's trust anchors, when there are any; else the caller's own
//! keys, when it is one of them; else, for the forms that the caller named, the message itself. Whatever is left over is
//! refused with its reason.

use std::ops::ControlFlow;
use std::sync::Arc;

use openssl::pkey::{PKey, PKeyRef, Public};
use openssl::x509::{X509, X509Crl};
use zeroize::Zeroizing;

use super::error::Error;
use super::key_info::{KeyInfo, KeyInfoItem, RetrievalMethod};
use super::reference::{Context, Target, dereference};
use super::signature::Signature;
use super::transform;
use super::trust::{Trust, subject};
use super::x509_data::X509Data;
use crate::base::limits;
use crate::xml::{Document, Kind, NodeId, ns};
use crate::xmlsec::enc;
use crate::xmlsec::key::{KeyRing, Material, VerifyingKey};
use crate::xmlsec::policy::{KeyInfoForm, shortened};
use crate::xmlsec::provider::signature::Scheme;

/// Type of a `ds:RetrievalMethod` that leads to the DER of a certificate.
const RAW_X509: &str = "http://www.w3.org/2000/09/xmldsig#rawX509Certificate";
/// Keys that are tried for one signature at most.
const CANDIDATES_MAX: usize = 64;

/// Where keys may come from.
pub struct KeySource<'a> {
    /// The caller's keys.
    pub ring: &'a KeyRing,
    /// The caller's trust anchors; none when keys are to be taken as they are.
    pub trust: Option<&'a Trust>,
    /// Certificates that the caller has and vouches for no more than for those of the message: X509Data may name one.
    pub known: &'a [X509],
}

/// A key that may verify the signature.
pub struct Candidate {
    /// The key.
    pub key: Arc<VerifyingKey>,
    /// How it was found, for people: `x509`, `key-name`, `given key`.
    pub found_by: &'static str,
    /// Its certificate, where one is known.
    pub certificate: Option<X509>,
}

/// The keys that may verify `signature`, most likely first.
///
/// # Errors
/// [`Error::NoKey`] with a reason for each key that may not.
pub fn candidates(
    signature: &Signature,
    context: &Context<'_>,
    source: &KeySource<'_>,
) -> Result<Vec<Candidate>, Error> {
    let mut search = Search {
        context,
        source,
        scheme: signature.scheme(),
        found: Vec::new(),
        message: Pool::default(),
        reasons: Vec::new(),
        visits: 0,
    };
    if let Some(key_info) = signature.key_info() {
        search.key_info(key_info, signature.node(), 0);
        if matches!(search.scheme, Scheme::Hmac { .. }) {
            search.sent_secrets(key_info);
        }
    }
    search.leaves();
    for at in 0..source.ring.keys().len() {
        search.ring_key(at, "given key");
    }
    search.finish()
}

/// Certificates and CRLs that the message brought.
#[derive(Default)]
struct Pool {
    certificates: Vec<(X509, KeyInfoForm)>,
    crls: Vec<X509Crl>,
    /// `ds:X509Data` elements that name a certificate.
    selecting: Vec<X509Data>,
}

enum FoundKey {
    /// One of the caller's, by number.
    Given(usize, Arc<VerifyingKey>),
    Public(PKey<Public>),
    Secret(Zeroizing<Vec<u8>>),
}

impl FoundKey {
    /// The public key; none for a secret.
    fn public(&self) -> Option<&PKeyRef<Public>> {
        match self {
            Self::Given(_, ready) => ready.public(),
            Self::Public(public) => Some(public),
            Self::Secret(_) => None,
        }
    }
}

struct Found {
    key: FoundKey,
    form: Option<KeyInfoForm>,
    found_by: &'static str,
    certificate: Option<X509>,
}

struct Search<'a, 'c> {
    context: &'a Context<'c>,
    source: &'a KeySource<'a>,
    scheme: Scheme,
    found: Vec<Found>,
    message: Pool,
    reasons: Vec<String>,
    /// Children of KeyInfo that were looked at.
    visits: usize,
}

impl Search<'_, '_> {
    fn refuse(&mut self, why: String) {
        if self.reasons.len() < 16 && !self.reasons.contains(&why) {
            self.reasons.push(why);
        }
    }

    fn allowed(&mut self, form: KeyInfoForm) -> bool {
        match self.context.policy.key_info_form(form) {
            Ok(()) => true,
            Err(refused) => {
                self.refuse(refused.to_string());
                false
            }
        }
    }

    fn key_info(&mut self, key_info: &KeyInfo, signature: NodeId, depth: usize) {
        if depth > self.context.policy.key_info_depth_max {
            self.refuse("KeyInfo leads from one to the next too often".to_owned());
            return;
        }
        for item in &key_info.items {
            self.item(self.context.document, item, signature, depth);
        }
    }

    fn item(&mut self, document: &Document, item: &KeyInfoItem, signature: NodeId, depth: usize) {
        // Depth alone does not bound it: a few KeyInfo that name each other lead to any number of ways.
        self.visits += 1;
        if self.visits > limits::KEY_INFO_VISITS_MAX {
            self.refuse(format!("children of KeyInfo exceed the limit of {}", limits::KEY_INFO_VISITS_MAX));
            return;
        }
        match item {
            KeyInfoItem::KeyName(name) => {
                if self.allowed(KeyInfoForm::KeyName) {
                    let ring = self.source.ring;
                    for (at, key) in ring.keys().iter().enumerate() {
                        if key.name.as_deref() == Some(name) {
                            self.ring_key(at, "key-name");
                        }
                    }
                }
            }
            KeyInfoItem::KeyValue(_) => self.bare_key(document, item, KeyInfoForm::KeyValue),
            KeyInfoItem::DerEncodedKeyValue(_) => self.bare_key(document, item, KeyInfoForm::DerEncodedKeyValue),
            KeyInfoItem::X509Data(data) => {
                if self.allowed(KeyInfoForm::X509) {
                    self.x509_data(data, KeyInfoForm::X509);
                }
            }
            KeyInfoItem::RetrievalMethod(method) => {
                if self.allowed(KeyInfoForm::RetrievalMethod)
                    && let Err(why) = self.retrieve(method, signature, depth)
                {
                    self.refuse(format!("RetrievalMethod {}: {why}", shortened(&method.uri)));
                }
            }
            KeyInfoItem::KeyInfoReference(uri) => {
                if self.allowed(KeyInfoForm::KeyInfoReference)
                    && let Err(why) = self.follow(uri, signature, depth)
                {
                    self.refuse(format!("KeyInfoReference {}: {why}", shortened(uri)));
                }
            }
            KeyInfoItem::SecurityTokenReference(node) => {
                let here = std::ptr::eq(document, self.context.document);
                if here && self.allowed(KeyInfoForm::SecurityTokenReference) {
                    self.security_token(*node);
                }
            }
            // The secret of an HMAC: see `sent_secrets`.
            KeyInfoItem::EncryptedKey(_) | KeyInfoItem::AgreementMethod(_) => {}
            KeyInfoItem::Other(_) => {}
        }
    }

    fn push(&mut self, found: Found) {
        if self.found.len() < CANDIDATES_MAX {
            self.found.push(found);
        }
    }

    /// The caller's key number `at`.
    fn ring_key(&mut self, at: usize, found_by: &'static str) {
        let ring = self.source.ring;
        let (Some(key), Some(ready)) = (ring.keys().get(at), ring.verifying(at)) else { return };
        let found = FoundKey::Given(at, Arc::clone(ready));
        self.push(Found { key: found, form: None, found_by, certificate: key.certificates.first().cloned() });
    }

    fn bare_key(&mut self, document: &Document, item: &KeyInfoItem, form: KeyInfoForm) {
        if !self.allowed(form) {
            return;
        }
        match item.public_key(document) {
            Ok(Some(public)) => {
                let found = FoundKey::Public(public);
                self.push(Found { key: found, form: Some(form), found_by: form.name(), certificate: None });
            }
            Ok(None) => {}
            Err(why) => self.refuse(format!("{}: {why}", form.name())),
        }
    }

    /// A certificate of the message; those beyond the bound are left out.
    fn bring(&mut self, certificate: X509, form: KeyInfoForm) {
        if self.message.certificates.len() < self.context.policy.certificates_max {
            self.message.certificates.push((certificate, form));
        }
    }

    fn x509_data(&mut self, data: &X509Data, form: KeyInfoForm) {
        let ring = self.source.ring;
        for certificate in data.certificates_or(|der| ring.certificate(der)) {
            self.bring(certificate, form);
        }
        for crl in data.parsed_crls() {
            if self.message.crls.len() < self.context.policy.certificates_max {
                self.message.crls.push(crl);
            }
        }
        if !data.selectors.is_empty() && self.message.selecting.len() < self.context.policy.certificates_max {
            self.message.selecting.push(data.clone());
        }
    }

    /// Once all of KeyInfo is read: which certificates hold the signer's key. Those that the selectors name, else those of
    /// the message; of either the ones that issued none of the others.
    fn leaves(&mut self) {
        let mut selected: Vec<(X509, KeyInfoForm)> = Vec::new();
        if !self.message.selecting.is_empty() {
            let known = self.known_certificates().into_iter().map(|certificate| (certificate, KeyInfoForm::X509));
            let all = self.message.certificates.iter().cloned().chain(known);
            selected.extend(all.filter(|(one, _)| self.message.selecting.iter().any(|data| data.selects(one))));
        }
        let mut leaves = without_issuers(&selected);
        leaves.extend(without_issuers(&self.message.certificates));
        for (certificate, form) in leaves {
            match certificate.public_key() {
                Ok(public) => self.push(Found {
                    key: FoundKey::Public(public),
                    form: Some(form),
                    found_by: form.name(),
                    certificate: Some(certificate),
                }),
                Err(_) => self.refuse(format!("certificate {}: key of an unknown kind", subject(&certificate))),
            }
        }
        if self.found.is_empty() && !self.message.selecting.is_empty() {
            self.refuse("x509: no certificate at hand is the one that X509Data names".to_owned());
        }
    }

    /// Certificates that the caller has.
    fn known_certificates(&self) -> Vec<X509> {
        let ring = self.source.ring.keys().iter().flat_map(|key| key.certificates.iter().cloned());
        let trust = self.source.trust.iter().flat_map(|trust| trust.untrusted.iter().chain(&trust.anchors).cloned());
        ring.chain(trust).chain(self.source.known.iter().cloned()).collect()
    }

    /// §4.5.3: the URI and its transforms lead to an element of KeyInfo, or to the DER of a certificate.
    fn retrieve(&mut self, method: &RetrievalMethod, signature: NodeId, depth: usize) -> Result<(), String> {
        if depth >= self.context.policy.key_info_depth_max {
            return Err("too many steps".to_owned());
        }
        let words = |why: Error| why.to_string();
        let target = Target::parse(Some(&method.uri));
        let start = dereference(&target, &method.uri, self.context).map_err(words)?;
        if method.type_uri.as_deref() == Some(RAW_X509) {
            let mut octets = Vec::new();
            transform::run(start, &method.transforms, self.context, signature, &mut octets).map_err(words)?;
            let certificate = X509::from_der(&octets).or_else(|_| X509::from_pem(&octets));
            let certificate = certificate.map_err(|_| "no certificate in DER".to_owned())?;
            self.bring(certificate, KeyInfoForm::X509);
            return self.allowed(KeyInfoForm::X509).then_some(()).ok_or_else(|| "x509 is not allowed here".to_owned());
        }
        let end = transform::run_to_nodes(start, &method.transforms, self.context, signature).map_err(words)?;
        let (holder, nodes) = end;
        let document = holder.document();
        let root = transform::apex(document, &nodes).ok_or("it leads to no element")?;
        if document.is(root, ns::DS, "KeyInfo") {
            let key_info = KeyInfo::parse(document, root, self.context.policy).map_err(words)?;
            for item in &key_info.items {
                self.item(document, item, signature, depth + 1);
            }
            return Ok(());
        }
        match (document.ns(root), document.local(root)) {
            (ns::DS, "RSAKeyValue" | "DSAKeyValue") | (ns::DSIG11, "ECKeyValue") => {
                self.bare_key(document, &KeyInfoItem::KeyValue(root), KeyInfoForm::KeyValue);
            }
            _ => {
                let item = KeyInfoItem::parse(document, root, self.context.policy).map_err(words)?;
                if matches!(item, KeyInfoItem::Other(_)) {
                    return Err(format!(
                        "it leads to {}, which is no key information",
                        shortened(document.local(root))
                    ));
                }
                self.item(document, &item, signature, depth + 1);
            }
        }
        Ok(())
    }

    /// XML Signature 1.1 §4.5.10: leads to a `ds:KeyInfo` of this document.
    fn follow(&mut self, uri: &str, signature: NodeId, depth: usize) -> Result<(), String> {
        let start = dereference(&Target::parse(Some(uri)), uri, self.context).map_err(|why| why.to_string())?;
        let root = start.root_here().ok_or("it leads out of the document")?;
        let document = self.context.document;
        if document.kind(root) != Kind::Element || !document.is(root, ns::DS, "KeyInfo") {
            return Err("it leads to no KeyInfo".to_owned());
        }
        let key_info = KeyInfo::parse(document, root, self.context.policy).map_err(|why| why.to_string())?;
        self.key_info(&key_info, signature, depth + 1);
        Ok(())
    }

    fn security_token(&mut self, node: NodeId) {
        let Some(resolver) = self.context.tokens else {
            self.refuse("security tokens are not resolved here".to_owned());
            return;
        };
        let known = self.known_certificates();
        match resolver.certificates(self.context, node, &known) {
            Ok(certificates) => {
                for certificate in certificates {
                    self.bring(certificate, KeyInfoForm::SecurityTokenReference);
                }
            }
            Err(why) => self.refuse(format!("SecurityTokenReference: {}", shortened(&why))),
        }
    }

    /// Secrets that the message brings encrypted for a key of the caller, or that it derives or agrees upon with one.
    /// Anybody can close a secret for a public key: where anchors must vouch, only what a shared secret opens counts.
    fn sent_secrets(&mut self, key_info: &KeyInfo) {
        let document = self.context.document;
        let encrypted_keys: Vec<NodeId> = document
            .descendants(document.root())
            .filter(|node| document.kind(*node) == Kind::Element && document.is(*node, ns::XENC, "EncryptedKey"))
            .take(self.context.policy.encrypted_keys_max)
            .collect();
        let keys = match self.source.trust {
            None => enc::Keys::new(self.source.ring),
            Some(_) => enc::Keys::new(&self.source.ring.shared()),
        };
        let resolver = enc::Resolver { context: self.context, keys: &keys, encrypted_keys: &encrypted_keys };
        let wanted = enc::Wanted { algorithm_uri: "", key_bytes: None, authenticated: false };
        let mut search = enc::Search::default();
        let mut secrets: Vec<Zeroizing<Vec<u8>>> = Vec::new();
        let outcome = resolver.each_key(Some(key_info.node), None, wanted, &mut search, &mut |octets| {
            secrets.push(Zeroizing::new(octets.to_vec()));
            if secrets.len() < CANDIDATES_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        match outcome {
            Err(why) => self.refuse(why.to_string()),
            Ok(_) if secrets.is_empty() => self.refuse(search.verdict("the secret of the HMAC").to_string()),
            Ok(_) => {}
        }
        for octets in secrets {
            let key = FoundKey::Secret(octets);
            self.push(Found { key, form: None, found_by: "encrypted-key", certificate: None });
        }
    }

    /// Which of the caller's keys `public` is.
    fn given(&self, public: &PKeyRef<Public>) -> Option<usize> {
        self.source.ring.keys().iter().position(|key| match &key.material {
            Material::Public(own) => own.public_eq(public),
            Material::Private(own) => own.public_eq(public),
            Material::Secret(_) => false,
        })
    }

    /// Whether the key, of which the caller has number `given`, may be used; the certificate that vouches for it.
    fn authorize(&self, found: &Found, given: Option<usize>) -> Result<Option<X509>, String> {
        let Some(public) = found.key.public() else { return Ok(None) };
        if let Some(trust) = self.source.trust {
            return self.certified(trust, found, public);
        }
        if given.is_some() {
            return Ok(found.certificate.clone());
        }
        match found.form {
            None => Ok(found.certificate.clone()),
            Some(form) if self.context.policy.danger_accept_message_keys.has(form) => Ok(found.certificate.clone()),
            Some(form) => Err(format!("only the message vouches for this key ({})", form.name())),
        }
    }

    fn certified(&self, trust: &Trust, found: &Found, public: &PKeyRef<Public>) -> Result<Option<X509>, String> {
        let extra: Vec<X509> = self.message.certificates.iter().map(|(certificate, _)| certificate.clone()).collect();
        let own = match &found.certificate {
            Some(certificate) => vec![certificate.clone()],
            // A bare key: whoever certified it may have been sent or given beside it.
            None => extra
                .iter()
                .cloned()
                .chain(self.known_certificates())
                .filter(|certificate| certificate.public_key().is_ok_and(|key| key.public_eq(public)))
                .collect(),
        };
        let mut why = "no certificate for this key, and only certified keys are wanted".to_owned();
        for certificate in own {
            match trust.certify(&certificate, &extra, &self.message.crls, self.context.policy) {
                Ok(()) => return Ok(Some(certificate)),
                Err(error) => why = error.to_string(),
            }
        }
        Err(why)
    }

    fn finish(mut self) -> Result<Vec<Candidate>, Error> {
        let mut candidates: Vec<Candidate> = Vec::new();
        for found in std::mem::take(&mut self.found) {
            let fits = match found.key.public() {
                Some(public) => self.scheme.fits(public.id()),
                None => matches!(self.scheme, Scheme::Hmac { .. }),
            };
            if !fits {
                let want = self.scheme.key_kind();
                self.refuse(format!("{}: not a key of kind {want}", found.found_by));
                continue;
            }
            // Where the caller has the key, that one is taken: it is ready.
            let given = match &found.key {
                FoundKey::Given(at, _) => Some(*at),
                FoundKey::Public(public) => self.given(public),
                FoundKey::Secret(_) => None,
            };
            let ready = given.and_then(|at| self.source.ring.verifying(at));
            if let Some(public) = found.key.public() {
                let same = |other: &Candidate| match ready {
                    Some(ready) if Arc::ptr_eq(ready, &other.key) => true,
                    _ => other.key.public().is_some_and(|key| key.public_eq(public)),
                };
                if candidates.iter().any(same) {
                    continue;
                }
                let policy = self.context.policy;
                if let Err(refused) = ready.map_or_else(|| policy.public_key(public), |ready| ready.check(policy)) {
                    self.refuse(refused.to_string());
                    continue;
                }
            }
            match self.authorize(&found, given) {
                Ok(certificate) => {
                    let key = match (ready, found.key) {
                        (Some(ready), _) => Arc::clone(ready),
                        (None, FoundKey::Given(_, ready)) => ready,
                        (None, FoundKey::Public(public)) => Arc::new(VerifyingKey::from_public(public)),
                        (None, FoundKey::Secret(octets)) => Arc::new(VerifyingKey::from_secret(octets)),
                    };
                    candidates.push(Candidate { key, found_by: found.found_by, certificate });
                }
                Err(why) => self.refuse(format!("{}: {why}", found.found_by)),
            }
        }
        if candidates.is_empty() {
            if self.reasons.is_empty() {
                self.reasons.push("neither the document nor the caller names one".to_owned());
            }
            return Err(Error::NoKey { reasons: self.reasons });
        }
        Ok(candidates)
    }
}

/// The certificates that issued none of the others.
fn without_issuers(certificates: &[(X509, KeyInfoForm)]) -> Vec<(X509, KeyInfoForm)> {
    if let [_] | [] = certificates {
        return certificates.to_vec();
    }
    let issued_another = |one: &X509| {
        certificates.iter().any(|(other, _)| {
            one.issued(other) == openssl::x509::X509VerifyResult::OK && one.to_der().ok() != other.to_der().ok()
        })
    };
    certificates.iter().filter(|(one, _)| !issued_another(one)).cloned().collect()
}
