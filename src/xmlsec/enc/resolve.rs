//! From a `ds:KeyInfo` to octets of a key: names, `EncryptedKey` in every place it may stand, agreement, derivation, and
//! any nesting of them (XML Encryption 1.1 §3.5, XML Signature 1.1 §4.5).
//!
//! A document may name several keys and recipients. Those that name one of our keys are tried first, then all, within
//! bounds: EncryptedKeys of a document, uses of a key, steps from one KeyInfo to the next. A candidate that fails does not
//! stop the others; what was tried is kept for the operator.

use std::collections::HashMap;
use std::ops::ControlFlow;

use openssl::pkey::{PKey, Public};
use zeroize::Zeroizing;

use super::agreement::Name;
use super::decrypt::{ContentKey, DecryptionKey, cipher_octets, decrypt_key_octets, open_data};
use super::element::leaf;
use super::encrypted_type::{EncryptedKey, KeyMethod};
use super::{Agreement, DerivedKey, Error, Kind};
use crate::base::limits;
use crate::xml::{Document, NodeId, ns};
use crate::xmlsec::algorithm::Digest;
use crate::xmlsec::dsig::{self, Context, KeyInfoItem, RetrievalMethod};
use crate::xmlsec::key::{Key, KeyRing};
use crate::xmlsec::policy::{KeyInfoForm, Policy, shortened};
use crate::xmlsec::provider::digest;

/// `ValueType` of a key identifier that hashes an EncryptedKey (WS-Security 1.1 §7.3).
const ENCRYPTED_KEY_SHA1: &str = "http://docs.oasis-open.org/wss/oasis-wss-soap-message-security-1.1#EncryptedKeySHA1";
/// Uses of our keys for each EncryptedKey that may be tried.
const USES_PER_KEY: usize = 8;
/// EncryptedKeys that nobody names and that are tried all the same.
const SILENT_KEYS_MAX: usize = 16;
/// Lines kept of what was tried.
const TRIED_MAX: usize = 32;

/// The keys of a caller, prepared once.
pub struct Keys {
    entries: Vec<Entry>,
}

struct Entry {
    key: Key,
    opener: Option<DecryptionKey>,
    public: Option<PKey<Public>>,
}

impl Keys {
    /// Prepares every key of `ring`; those that open nothing stay known by name.
    #[must_use]
    pub fn new(ring: &KeyRing) -> Self {
        let prepare = |key: &Key| Entry {
            opener: DecryptionKey::from_key(key),
            public: key.public().ok().flatten(),
            key: key.clone(),
        };
        Self { entries: ring.keys().iter().map(prepare).collect() }
    }

    fn public_named(&self, name: Name<'_>) -> Option<PKey<Public>> {
        let is_it = |entry: &&Entry| match name {
            Name::Key(name) => entry.key.name.as_deref() == Some(name),
            Name::Certificate(data) => entry.key.certificates.first().is_some_and(|leaf| data.selects(leaf)),
        };
        self.entries.iter().find(is_it).and_then(|entry| entry.public.clone())
    }
}

/// What a key is wanted for.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// URI of the algorithm: the legacy derivation hashes it.
    pub algorithm_uri: &'a str,
    /// Octets it must have, where that is known.
    pub key_bytes: Option<usize>,
    /// Whether a wrong key is always noticed.
    pub authenticated: bool,
}

/// What is called with each candidate: `Break` when it was the right one.
pub type Visit<'v> = &'v mut dyn FnMut(&[u8]) -> ControlFlow<()>;

/// Opens an EncryptedKey with a key that may have wrapped it.
type Unwrap<'u> = &'u dyn Fn(&[u8]) -> Result<Zeroizing<Vec<u8>>, Error>;

/// Bounds and memory of the search through one document.
#[derive(Default)]
pub struct Search {
    /// EncryptedKeys that were tried.
    encrypted_keys: HashMap<NodeId, Option<Zeroizing<Vec<u8>>>>,
    uses: usize,
    tried: Vec<String>,
    refused: Option<Error>,
    /// What the EncryptedKeys say of themselves, gathered once: a document may hold as many of them as things that they
    /// close, and each thing asks.
    index: Index,
    /// Looks that were taken.
    looks: usize,
    /// Iterations of PBKDF2 that were paid.
    iterations: usize,
    /// The last resort.
    last: Option<Box<Search>>,
    /// Whether the names of secrets do not count.
    any_name: bool,
    /// Whether a bound was reached, where that ends a search quietly.
    exhausted: bool,
}

/// EncryptedKeys by what they say.
#[derive(Default)]
struct Index {
    /// EncryptedKeys that are in it: the first so many of the document.
    read: usize,
    /// By URI of a `ReferenceList`.
    closing: HashMap<String, Vec<NodeId>>,
    /// By `CarriedKeyName`.
    carrying: HashMap<String, Vec<NodeId>>,
    /// Those that stand by themselves and say nothing of what they are for.
    silent: Vec<NodeId>,
    /// DerivedKeys by `DerivedKeyName`; none before the first look.
    deriving: Option<HashMap<String, Vec<NodeId>>>,
    /// EncryptedKeys whose cipher values are hashed.
    hashed: usize,
    /// By SHA-1 of the cipher value.
    hashes: HashMap<Vec<u8>, Vec<NodeId>>,
    /// Whether the KeyInfo names one of our keys.
    ours: HashMap<NodeId, bool>,
}

impl Wanted<'_> {
    /// The key in `opened`, if it is long enough. Old senders closed longer keys than the cipher wants and used their
    /// head; nobody does that among partners, where [`super::decrypt_key`] refuses it.
    fn cut<'o>(&self, opened: &'o [u8]) -> Result<&'o [u8], Error> {
        let Some(expected) = self.key_bytes else { return Ok(opened) };
        opened.get(..expected).ok_or(Error::ContentKeySize { expected, came: opened.len() })
    }
}

impl Search {
    fn note(&mut self, line: String) {
        if self.tried.len() < TRIED_MAX {
            self.tried.push(line);
        }
    }

    /// A candidate failed. A refusal before any key was used is the better answer when nothing else opens.
    fn failed(&mut self, what: &str, error: Error) {
        self.note(format!("{what}: {}", chain(&error)));
        if matches!(error.kind(), Kind::Policy | Kind::Structure) && self.refused.is_none() {
            self.refused = Some(error);
        }
    }

    /// Counts work before it is done.
    fn look(&mut self, at: usize) -> Result<(), Error> {
        let limit = limits::KEY_SEARCH_MAX;
        self.looks = self.looks.saturating_add(at);
        if self.looks > limit { Err(Error::Limit { what: "looks for keys", limit }) } else { Ok(()) }
    }

    /// Counts iterations before they are paid.
    fn iterate(&mut self, iterations: usize, policy: &Policy) -> Result<(), Error> {
        let one = usize::try_from(policy.pbkdf2_iterations_max).unwrap_or(usize::MAX);
        let limit = one.saturating_mul(limits::DERIVATIONS_MAX);
        self.iterations = self.iterations.saturating_add(iterations);
        if self.iterations > limit {
            return Err(Error::Limit { what: "iterations of all key derivations", limit });
        }
        Ok(())
    }

    /// Why nothing opened, once the search has ended; what was noted is forgotten.
    pub fn verdict(&mut self, wanted: &str) -> Error {
        let tried = std::mem::take(&mut self.tried).join("; ");
        self.refused.take().unwrap_or_else(|| Error::NoKey { wanted: wanted.to_owned(), tried })
    }
}

/// An error with its causes on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        line.push_str(": ");
        line.push_str(&next.to_string());
        cause = next.source();
    }
    line
}

/// Looks for keys in one document.
pub struct Resolver<'a> {
    /// Document, ids, policy, files for URIs.
    pub context: &'a Context<'a>,
    /// Ours.
    pub keys: &'a Keys,
    /// Every EncryptedKey of the document.
    pub encrypted_keys: &'a [NodeId],
}

impl Resolver<'_> {
    fn doc(&self) -> &Document {
        self.context.document
    }

    fn allows(&self, form: KeyInfoForm) -> bool {
        self.context.policy.key_info.has(form)
    }

    /// Calls `visit` with every key that `key_info` leads to, until it breaks. Without a KeyInfo: with every symmetric
    /// key. `data_id` is the id of what the key is for: a ReferenceList may name it.
    ///
    /// # Errors
    /// [`Error::Limit`] only; other failures are kept in `search`.
    pub fn each_key(
        &self,
        key_info: Option<NodeId>,
        data_id: Option<&str>,
        wanted: Wanted<'_>,
        search: &mut Search,
        visit: Visit<'_>,
    ) -> Result<ControlFlow<()>, Error> {
        if self.follow_key_info(key_info, wanted, 0, search, visit)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        if let Some(id) = data_id {
            self.read_index(search)?;
            let naming = search.index.closing.get(&format!("#{id}")).cloned().unwrap_or_default();
            if self.encrypted(naming, wanted, 0, search, visit)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        // Without a KeyInfo the reader is supposed to know; whatever key the document brings may be meant.
        match key_info {
            None if self.allows(KeyInfoForm::EncryptedKey) => {
                self.encrypted(self.encrypted_keys.to_vec(), wanted, 0, search, visit)
            }
            _ => Ok(ControlFlow::Continue(())),
        }
    }

    /// The last resort, where a KeyInfo led nowhere: XML Encryption 1.1 §3.5 takes no name for more than a hint. Calls
    /// `visit` with every key that EncryptedKeys hold which stand by themselves and name neither data nor itself; and, where
    /// a wrong key is always noticed, with the keys that secrets of other names open. It has bounds of its own; at their
    /// end there is no such key, and what is still to come is looked for as before.
    pub fn each_unnamed_key(
        &self,
        key_info: NodeId,
        wanted: Wanted<'_>,
        search: &mut Search,
        visit: Visit<'_>,
    ) -> ControlFlow<()> {
        let mut last = search.last.take().unwrap_or_else(|| Box::new(Search { any_name: true, ..Search::default() }));
        let found = if last.exhausted {
            Ok(ControlFlow::Continue(()))
        } else {
            self.under_other_names(key_info, wanted, &mut last, visit)
        };
        last.exhausted |= found.is_err();
        std::mem::take(&mut last.tried).into_iter().for_each(|line| search.note(line));
        search.last = Some(last);
        found.unwrap_or(ControlFlow::Continue(()))
    }

    fn under_other_names(
        &self,
        key_info: NodeId,
        wanted: Wanted<'_>,
        search: &mut Search,
        visit: Visit<'_>,
    ) -> Result<ControlFlow<()>, Error> {
        if self.allows(KeyInfoForm::EncryptedKey) && self.silent(wanted, search, visit)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        let named = |entry: &Entry| entry.key.name.is_some() && entry.key.secret_octets().is_some();
        if !self.keys.entries.iter().any(named) {
            return Ok(ControlFlow::Continue(()));
        }
        self.follow_key_info(Some(key_info), wanted, 0, search, visit)
    }

    fn silent(&self, wanted: Wanted<'_>, search: &mut Search, visit: Visit<'_>) -> Result<ControlFlow<()>, Error> {
        self.read_index(search)?;
        let silent: Vec<NodeId> = search.index.silent.iter().copied().take(SILENT_KEYS_MAX).collect();
        search.look(silent.len())?;
        self.encrypted(silent, wanted, 0, search, visit)
    }

    fn follow_key_info(
        &self,
        key_info: Option<NodeId>,
        wanted: Wanted<'_>,
        depth: usize,
        search: &mut Search,
        visit: Visit<'_>,
    ) -> Result<ControlFlow<()>, Error> {
        let limit = self.context.policy.key_info_depth_max;
        if depth > limit {
            return Err(Error::Limit { what: "steps from one KeyInfo to the next", limit });
        }
        let Some(key_info) = key_info else { return Ok(self.secrets(None, wanted, search, visit)) };
        let mut encrypted = Vec::new();
        for child in self.doc().elements(key_info) {
            search.look(1)?;
            if self.child(child, wanted, depth, &mut encrypted, search, visit)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        self.encrypted(encrypted, wanted, depth, search, visit)
    }

    /// One child of a KeyInfo. EncryptedKeys are only collected: the best of all is tried first.
    fn child(
        &self,
        node: NodeId,
        wanted: Wanted<'_>,
        depth: usize,
        encrypted: &mut Vec<NodeId>,
        search: &mut Search,
        visit: Visit<'_>,
    ) -> Result<ControlFlow<()>, Error> {
        let doc = self.doc();
        match (doc.ns(node), doc.local(node)) {
            (ns::DS, "KeyName") if self.allows(KeyInfoForm::KeyName) => {
                let Ok(name) = leaf(doc, node) else { return Ok(ControlFlow::Continue(())) };
                let name = name.trim();
                self.read_index(search)?;
                let carrying = search.index.carrying.get(name).cloned().unwrap_or_default();
                search.look(carrying.len())?;
                encrypted.extend(carrying);
                if self.secrets(Some(name), wanted, search, visit).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
                for node in self.deriving(name, search)? {
                    if self.derived(node, wanted, search, visit)?.is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
            }
            (ns::XENC, "EncryptedKey") if self.allows(KeyInfoForm::EncryptedKey) => encrypted.push(node),
            (ns::XENC, "AgreementMethod") if self.allows(KeyInfoForm::AgreementMethod) => {
                return self.agreed(node, wanted, search, visit);
            }
            (ns::XENC11, "DerivedKey") => return self.derived(node, wanted, search, visit),
            (ns::DS, "RetrievalMethod") if self.allows(KeyInfoForm::RetrievalMethod) => {
                let limit = self.context.policy.key_info_depth_max;
                if depth >= limit {
                    return Err(Error::Limit { what: "steps from one KeyInfo to the next", limit });
                }
                match self.retrieved(node, search) {
                    Some(target) if doc.is(target, ns::DS, "KeyInfo") => {
                        return self.follow_key_info(Some(target), wanted, depth + 1, search, visit);
                    }
                    Some(target) => return self.child(target, wanted, depth + 1, encrypted, search, visit),
                    None => {}
                }
            }
            (ns::DSIG11, "KeyInfoReference") if self.allows(KeyInfoForm::KeyInfoReference) => {
                let target = self.same_document(node, doc.attribute(node, "", "URI").unwrap_or(""), search);
                if let Some(target) = target.filter(|target| doc.is(*target, ns::DS, "KeyInfo")) {
                    return self.follow_key_info(Some(target), wanted, depth + 1, search, visit);
                }
            }
            (ns::WSSE, "SecurityTokenReference") if self.allows(KeyInfoForm::SecurityTokenReference) => {
                let found = self.by_token_reference(node, search)?;
                search.look(found.len())?;
                encrypted.extend(found);
            }
            _ => {}
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Symmetric keys of this name. One without a name fits any; one with another name is tried at the very end alone, and
    /// never for a cipher without authentication, which would take it.
    fn secrets(
        &self,
        name: Option<&str>,
        wanted: Wanted<'_>,
        search: &mut Search,
        visit: Visit<'_>,
    ) -> ControlFlow<()> {
        if !self.context.policy.allows_symmetric_keys() {
            search.note("symmetric keys: only with --allow-legacy".to_owned());
            return ControlFlow::Continue(());
        }
        let name = name.filter(|_| !(search.any_name && wanted.authenticated));
        for (key, octets) in self.named_secrets(name) {
            let fits = wanted.key_bytes.is_none_or(|expected| expected == octets.len());
            search.note(format!(
                "{} of {} octets{}",
                describe(key),
                octets.len(),
                if fits { "" } else { ": other size" }
            ));
            if fits {
                visit(octets)?;
            }
        }
        ControlFlow::Continue(())
    }

    fn named_secrets<'s>(&'s self, name: Option<&'s str>) -> impl Iterator<Item = (&'s Key, &'s [u8])> {
        self.keys.entries.iter().map(|entry| &entry.key).filter_map(move |key| {
            let fits = match (name, key.name.as_deref()) {
                (Some(wanted), Some(ours)) => wanted == ours,
                _ => true,
            };
            key.secret_octets().filter(|_| fits).map(|octets| (key, octets))
        })
    }

    fn derived(
        &self,
        node: NodeId,
        wanted: Wanted<'_>,
        search: &mut Search,
        visit: Visit<'_>,
    ) -> Result<ControlFlow<()>, Error> {
        if !self.context.policy.allows_symmetric_keys() {
            search.note("DerivedKey: only with --allow-legacy".to_owned());
            return Ok(ControlFlow::Continue(()));
        }
        let derived = match DerivedKey::parse(self.doc(), node, self.context.policy) {
            Ok(derived) => derived,
            Err(error) => {
                search.failed("DerivedKey", error);
                return Ok(ControlFlow::Continue(()));
            }
        };
        let Some(key_bytes) = wanted.key_bytes.or(derived.derivation.key_bytes()) else {
            search.note("DerivedKey: of unknown length".to_owned());
            return Ok(ControlFlow::Continue(()));
        };
        for (key, octets) in self.named_secrets(derived.master_key_name.as_deref()) {
            if !self.may_use(search) {
                break;
            }
            search.iterate(derived.derivation.iterations(key_bytes), self.context.policy)?;
            match derived.derivation.derive(octets, wanted.algorithm_uri, key_bytes) {
                Ok(octets) if visit(&octets).is_break() => return Ok(ControlFlow::Break(())),
                Ok(_) => {}
                Err(error) => search.failed(&format!("DerivedKey from {}", describe(key)), error),
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn agreed(
        &self,
        node: NodeId,
        wanted: Wanted<'_>,
        search: &mut Search,
        visit: Visit<'_>,
    ) -> Result<ControlFlow<()>, Error> {
        let agreement = match Agreement::parse(self.doc(), node, self.context.policy) {
            Ok(agreement) => agreement,
            Err(error) => {
                search.failed("AgreementMethod", error);
                return Ok(ControlFlow::Continue(()));
            }
        };
        let Some(key_bytes) = wanted.key_bytes.or(agreement.derivation.key_bytes()) else {
            search.note("AgreementMethod: of unknown length".to_owned());
            return Ok(ControlFlow::Continue(()));
        };
        for entry in self.hinted_first(agreement.recipient) {
            let Some(opener) = entry.opener.as_ref() else { continue };
            let Some(ours) = opener.agreement().filter(|ours| agreement.fits(ours.curve())) else { continue };
            self.expect_use(search)?;
            search.iterate(agreement.derivation.iterations(key_bytes), self.context.policy)?;
            let named = |name: Name<'_>| self.keys.public_named(name);
            let key = opener
                .expect_allowed(self.context.policy, || self.doc().position(node))
                .and_then(|()| agreement.derive(ours, &named, wanted.algorithm_uri, key_bytes));
            match key {
                Ok(key) if visit(&key).is_break() => return Ok(ControlFlow::Break(())),
                Ok(_) => {
                    search.note(format!("AgreementMethod with {}: the agreed key does not fit", describe(&entry.key)))
                }
                Err(error) => search.failed(&format!("AgreementMethod with {}", describe(&entry.key)), error),
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Every EncryptedKey of `nodes`, those first whose KeyInfo names a key of ours.
    fn encrypted(
        &self,
        nodes: Vec<NodeId>,
        wanted: Wanted<'_>,
        depth: usize,
        search: &mut Search,
        visit: Visit<'_>,
    ) -> Result<ControlFlow<()>, Error> {
        search.look(nodes.len())?;
        let mut nodes: Vec<(bool, NodeId)> =
            nodes.into_iter().map(|node| Ok((!self.names_us(node, search)?, node))).collect::<Result<_, Error>>()?;
        nodes.sort_by_key(|(others, _)| *others);
        for (_, node) in nodes {
            if self.encrypted_key(node, wanted, depth, search, visit)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn encrypted_key(
        &self,
        node: NodeId,
        wanted: Wanted<'_>,
        depth: usize,
        search: &mut Search,
        visit: Visit<'_>,
    ) -> Result<ControlFlow<()>, Error> {
        if let Some(Some(known)) = search.encrypted_keys.get(&node) {
            return Ok(wanted.cut(known).map_or(ControlFlow::Continue(()), visit));
        }
        let limit = self.context.policy.encrypted_keys_max;
        if search.encrypted_keys.len() >= limit && !search.encrypted_keys.contains_key(&node) {
            return Err(Error::Limit { what: "EncryptedKey elements that were tried", limit });
        }
        search.encrypted_keys.insert(node, None);
        let at = format!("EncryptedKey at {}", self.doc().position(node));
        let read = EncryptedKey::parse(self.doc(), node, self.context.policy).and_then(|key| {
            let octets = cipher_octets(self.doc(), &key.cipher_data, Some(self.context))?;
            Ok((key, octets))
        });
        let (key, octets) = match read {
            Ok(read) => read,
            Err(error) => {
                search.failed(&at, error);
                return Ok(ControlFlow::Continue(()));
            }
        };
        match &key.method {
            KeyMethod::Transport(_) => self.transported(&key, &octets, wanted, &at, search, visit),
            KeyMethod::Wrap(wrap) => {
                let kek = Wanted { algorithm_uri: wrap.uri(), key_bytes: Some(wrap.key_size()), authenticated: true };
                let unwrap = |kek: &[u8]| Ok(wrap.unwrap_key(kek, &octets)?);
                self.wrapped(&key, kek, &unwrap, wanted, depth, search, visit)
            }
            KeyMethod::Cipher(method) => {
                let cipher = method.cipher;
                let (key_bytes, authenticated) = (Some(cipher.key_size()), cipher.is_authenticated());
                let kek = Wanted { algorithm_uri: cipher.uri(), key_bytes, authenticated };
                let unwrap = |kek: &[u8]| open_data(method, &octets, kek);
                self.wrapped(&key, kek, &unwrap, wanted, depth, search, visit)
            }
        }
    }

    fn transported(
        &self,
        key: &EncryptedKey,
        octets: &[u8],
        wanted: Wanted<'_>,
        at: &str,
        search: &mut Search,
        visit: Visit<'_>,
    ) -> Result<ControlFlow<()>, Error> {
        for entry in self.hinted_first(key.key_info) {
            let Some(opener) = entry.opener.as_ref().filter(|opener| opener.is_rsa()) else { continue };
            self.expect_use(search)?;
            // Of unknown length, so that wrong padding is told and the next key can be tried: this is for files.
            let policy = self.context.policy;
            let opened = decrypt_key_octets(self.doc(), key, octets, opener, None, &|_| None, policy);
            if let Some(visited) = self.opened(key.node, opened, wanted, &entry.key, at, search, visit) {
                return Ok(visited);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    #[allow(clippy::too_many_arguments, reason = "one step of a recursion; a struct would be made for this call only")]
    fn opened(
        &self,
        node: NodeId,
        opened: Result<ContentKey, Error>,
        wanted: Wanted<'_>,
        with: &Key,
        at: &str,
        search: &mut Search,
        visit: Visit<'_>,
    ) -> Option<ControlFlow<()>> {
        let what = format!("{at} with {}", describe(with));
        let key = match opened {
            Ok(key) => key,
            Err(error) => {
                search.failed(&what, error);
                return None;
            }
        };
        match wanted.cut(key.octets()).map(visit) {
            Ok(ControlFlow::Break(())) => {
                search.encrypted_keys.insert(node, Some(Zeroizing::new(key.octets().to_vec())));
                return Some(ControlFlow::Break(()));
            }
            Ok(ControlFlow::Continue(())) => search.note(format!("{what}: opens, but what it holds does not fit")),
            Err(error) => search.failed(&what, error),
        }
        None
    }

    /// A key under a symmetric one: looks for that first, with the KeyInfo of the EncryptedKey.
    #[allow(clippy::too_many_arguments, reason = "one step of a recursion; a struct would be made for this call only")]
    fn wrapped(
        &self,
        key: &EncryptedKey,
        kek: Wanted<'_>,
        unwrap: Unwrap<'_>,
        wanted: Wanted<'_>,
        depth: usize,
        search: &mut Search,
        visit: Visit<'_>,
    ) -> Result<ControlFlow<()>, Error> {
        let at = format!("EncryptedKey at {}", self.doc().position(key.node));
        let mut failures = Vec::new();
        let mut found = None;
        let found_kek = self.follow_key_info(key.key_info, kek, depth + 1, search, &mut |kek| {
            let opened = match unwrap(kek) {
                Ok(opened) => opened,
                Err(error) => {
                    failures.push(error);
                    return ControlFlow::Continue(());
                }
            };
            match wanted.cut(&opened).map(&mut *visit) {
                Ok(ControlFlow::Break(())) => {
                    found = Some(opened);
                    return ControlFlow::Break(());
                }
                Ok(ControlFlow::Continue(())) => {}
                Err(error) => failures.push(error),
            }
            ControlFlow::Continue(())
        })?;
        failures.into_iter().for_each(|error| search.failed(&at, error));
        if let Some(found) = found {
            search.encrypted_keys.insert(key.node, Some(found));
        }
        Ok(found_kek)
    }

    fn may_use(&self, search: &mut Search) -> bool {
        search.uses += 1;
        search.uses <= self.context.policy.encrypted_keys_max * USES_PER_KEY
    }

    fn expect_use(&self, search: &mut Search) -> Result<(), Error> {
        let limit = self.context.policy.encrypted_keys_max * USES_PER_KEY;
        if self.may_use(search) { Ok(()) } else { Err(Error::Limit { what: "uses of our keys", limit }) }
    }

    /// Our keys, those first that `key_info` names.
    fn hinted_first(&self, key_info: Option<NodeId>) -> impl Iterator<Item = &Entry> {
        let hints = self.hints(key_info);
        let (named, others): (Vec<_>, Vec<_>) =
            self.keys.entries.iter().partition(|entry| hints.iter().any(|hint| self.hints_at(hint, entry)));
        named.into_iter().chain(others)
    }

    fn hints(&self, key_info: Option<NodeId>) -> Vec<KeyInfoItem> {
        let children = key_info.into_iter().flat_map(|info| self.doc().elements(info));
        children.filter_map(|child| KeyInfoItem::parse(self.doc(), child, self.context.policy).ok()).take(32).collect()
    }

    fn hints_at(&self, hint: &KeyInfoItem, entry: &Entry) -> bool {
        let is_ours = |key: &PKey<Public>| entry.public.as_ref().is_some_and(|ours| ours.public_eq(key));
        match hint {
            KeyInfoItem::KeyName(name) if self.allows(KeyInfoForm::KeyName) => entry.key.name.as_ref() == Some(name),
            KeyInfoItem::X509Data(data) if self.allows(KeyInfoForm::X509) => {
                entry.key.certificates.iter().any(|certificate| data.selects(certificate))
                    || data
                        .parsed_certificates()
                        .iter()
                        .any(|certificate| certificate.public_key().is_ok_and(|key| is_ours(&key)))
            }
            KeyInfoItem::KeyValue(_) | KeyInfoItem::DerEncodedKeyValue(_) => {
                hint.public_key(self.doc()).is_ok_and(|key| key.is_some_and(|key| is_ours(&key)))
            }
            _ => false,
        }
    }

    /// Whether the KeyInfo of an EncryptedKey names one of our keys; found out once.
    fn names_us(&self, encrypted_key: NodeId, search: &mut Search) -> Result<bool, Error> {
        if let Some(known) = search.index.ours.get(&encrypted_key) {
            return Ok(*known);
        }
        let doc = self.doc();
        let mut info = doc.elements(encrypted_key).find(|child| doc.is(*child, ns::DS, "KeyInfo"));
        let agreement = info.and_then(|info| doc.elements(info).find(|c| doc.is(*c, ns::XENC, "AgreementMethod")));
        if let Some(agreement) = agreement {
            info = doc.elements(agreement).find(|child| doc.is(*child, ns::XENC, "RecipientKeyInfo"));
        }
        let hints = self.hints(info);
        search.look(1 + hints.len() * self.keys.entries.len())?;
        let ours = self.keys.entries.iter().any(|entry| hints.iter().any(|hint| self.hints_at(hint, entry)));
        search.index.ours.insert(encrypted_key, ours);
        Ok(ours)
    }

    /// The DerivedKeys of the document that are called `name` (XML Encryption 1.1 §5.4: `DerivedKeyName`).
    fn deriving(&self, name: &str, search: &mut Search) -> Result<Vec<NodeId>, Error> {
        if !self.context.policy.allows_symmetric_keys() {
            return Ok(Vec::new());
        }
        let doc = self.doc();
        let deriving = search.index.deriving.get_or_insert_with(|| {
            let mut deriving: HashMap<String, Vec<NodeId>> = HashMap::new();
            let all = doc.descendants(doc.root()).filter(|node| doc.is(*node, ns::XENC11, "DerivedKey"));
            for node in all.take(self.context.policy.encrypted_keys_max) {
                let named = doc.elements(node).find(|child| doc.is(*child, ns::XENC11, "DerivedKeyName"));
                if let Some(named) = named {
                    deriving.entry(doc.text_content(named).trim().to_owned()).or_default().push(node);
                }
            }
            deriving
        });
        let found = deriving.get(name).cloned().unwrap_or_default();
        search.look(found.len())?;
        Ok(found)
    }

    /// Reads what the EncryptedKeys say that were not read before.
    fn read_index(&self, search: &mut Search) -> Result<(), Error> {
        if !self.allows(KeyInfoForm::EncryptedKey) {
            return Ok(());
        }
        let doc = self.doc();
        while let Some(key) = self.encrypted_keys.get(search.index.read).copied() {
            search.index.read += 1;
            let inside = doc.parent(key).is_some_and(|parent| doc.is(parent, ns::DS, "KeyInfo"));
            let mut silent = !inside;
            for child in doc.elements(key) {
                search.look(1)?;
                silent &= !doc.is(child, ns::XENC, "CarriedKeyName") && !doc.is(child, ns::XENC, "ReferenceList");
                if doc.is(child, ns::XENC, "CarriedKeyName") {
                    let name = doc.text_content(child).trim().to_owned();
                    search.index.carrying.entry(name).or_default().push(key);
                } else if doc.is(child, ns::XENC, "ReferenceList") {
                    for reference in doc.elements(child) {
                        search.look(1)?;
                        let Some(uri) = doc.attribute(reference, "", "URI") else { continue };
                        let closing = search.index.closing.entry(uri.to_owned()).or_default();
                        if closing.last() != Some(&key) {
                            closing.push(key);
                        }
                    }
                }
            }
            if silent {
                search.index.silent.push(key);
            }
        }
        Ok(())
    }

    /// Hashes the cipher values that were not hashed before.
    fn read_hashes(&self, search: &mut Search) -> Result<(), Error> {
        let doc = self.doc();
        while let Some(key) = self.encrypted_keys.get(search.index.hashed).copied() {
            search.index.hashed += 1;
            search.look(1)?;
            let value = doc.descendants(key).find(|n| doc.is(*n, ns::XENC, "CipherValue"));
            let octets = value.and_then(|value| crate::xmlsec::base64::decode(&doc.text_content(value)).ok());
            if let Some(hash) = octets.and_then(|octets| digest::digest(Digest::Sha1, &octets).ok()) {
                search.index.hashes.entry(hash.to_vec()).or_default().push(key);
            }
        }
        Ok(())
    }

    fn same_document(&self, node: NodeId, uri: &str, search: &mut Search) -> Option<NodeId> {
        let at = self.doc().position(node);
        let Some(id) = uri.strip_prefix('#') else {
            search.failed("reference", Error::Unsupported { what: format!("the reference {:?}", shortened(uri)), at });
            return None;
        };
        match self.context.ids.get(self.doc(), id) {
            Ok(target) => Some(target),
            Err(error) => {
                search.note(format!("{:?} at {at}: {error}", shortened(uri)));
                None
            }
        }
    }

    /// The element of this document that a RetrievalMethod leads to.
    fn retrieved(&self, node: NodeId, search: &mut Search) -> Option<NodeId> {
        let found = RetrievalMethod::parse(self.doc(), node, self.context.policy)
            .and_then(|method| dsig::retrieved_element(self.context, &method, node));
        match found {
            Ok(target) => Some(target),
            Err(error) => {
                search.note(format!("RetrievalMethod at {}: {}", self.doc().position(node), chain(&error)));
                None
            }
        }
    }

    /// WS-Security: `wsse:Reference` to an EncryptedKey, or its hash.
    fn by_token_reference(&self, node: NodeId, search: &mut Search) -> Result<Vec<NodeId>, Error> {
        let doc = self.doc();
        let Some(child) = doc.elements(node).next() else { return Ok(Vec::new()) };
        if doc.is(child, ns::WSSE, "Reference") {
            let target = self.same_document(child, doc.attribute(child, "", "URI").unwrap_or(""), search);
            return Ok(target.into_iter().filter(|target| doc.is(*target, ns::XENC, "EncryptedKey")).collect());
        }
        let hashed = doc.is(child, ns::WSSE, "KeyIdentifier")
            && doc.attribute(child, "", "ValueType") == Some(ENCRYPTED_KEY_SHA1);
        let Some(expected) = hashed.then(|| crate::xmlsec::base64::decode(&doc.text_content(child)).ok()).flatten()
        else {
            return Ok(Vec::new());
        };
        self.read_hashes(search)?;
        Ok(search.index.hashes.get(&expected).cloned().unwrap_or_default())
    }
}

fn describe(key: &Key) -> String {
    match &key.name {
        Some(name) => format!("key {name:?}"),
        None => "a key without name".to_owned(),
    }
}
