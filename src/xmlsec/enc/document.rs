//! A whole document: every `EncryptedData` that opens is replaced by its clear text, and what was inside it as well
//! (XML Encryption 1.1 §4.4, §4.5).
//!
//! An `EncryptedData` for which we have no key is left as it is; one that is broken is an error. Encryption inside
//! encryption is followed to a bounded depth.

use std::ops::ControlFlow;

use zeroize::Zeroizing;

use super::decrypt::{cipher_octets, open_data};
use super::encrypted_type::{DataType, EncryptedData};
use super::resolve::{Keys, Resolver, Search, Wanted};
use super::{Error, Kind};
use crate::base::limits;
use crate::xml::{Document, Kind as NodeKind, NodeId, TextPos, ns};
use crate::xmlsec::dsig::{Context, IdAttributes, IdIndex, UrlMap};
use crate::xmlsec::policy::Policy;

/// `EncryptedData` inside the clear text of `EncryptedData`, at most.
const NESTING_MAX: usize = 8;
/// `EncryptedData` of one document, at most.
const ENCRYPTED_DATA_MAX: usize = 10_000;

/// What a document came to.
pub enum Clear {
    /// It was changed in place.
    Document,
    /// Its one `EncryptedData` holds neither an element nor content.
    Octets(Zeroizing<Vec<u8>>),
}

/// An `EncryptedData` that stays closed because we have no key for it.
#[derive(Debug)]
pub struct Left {
    /// Its `Id`.
    pub id: Option<String>,
    /// Where it stands.
    pub at: TextPos,
    /// Why.
    pub reason: Error,
}

/// The outcome.
pub struct Decrypted {
    /// The clear text.
    pub clear: Clear,
    /// How many were opened.
    pub opened: usize,
    /// Those left closed.
    pub left: Vec<Left>,
}

/// Opens what it finds with the keys of a caller.
pub struct Decryptor<'a> {
    /// Ours.
    pub keys: &'a Keys,
    /// What the document may use.
    pub policy: &'a Policy,
    /// Octets of URIs outside the document.
    pub urls: &'a UrlMap,
    /// Which attributes are ids.
    pub ids: IdAttributes,
}

impl Decryptor<'_> {
    /// Opens every `EncryptedData` of `document`.
    ///
    /// # Errors
    /// The first `EncryptedData` that is malformed, refused or broken; [`Error::NoKey`] when none could be opened, or when
    /// there is none.
    pub fn decrypt_document(&self, document: &mut Document) -> Result<Decrypted, Error> {
        let mut ids = IdIndex::build(document, &self.ids);
        let mut search = Search::default();
        let (mut opened, mut left) = (0, Vec::new());
        let mut pending: Vec<(NodeId, usize)> =
            outermost(document, document.root())?.into_iter().rev().map(|node| (node, 0)).collect();
        let only = pending.len() == 1;
        let mut encrypted_keys = all(document, document.root(), "EncryptedKey");
        expect_few(&encrypted_keys)?;
        while let Some((node, depth)) = pending.pop() {
            let data = EncryptedData::parse(document, node, self.policy)?;
            if data.data_type == DataType::Octets && !(only && depth == 0) {
                let what = "octets in the middle of a document".to_owned();
                let at = document.position(node);
                left.push(Left { id: data.id, at, reason: Error::Unsupported { what, at } });
                continue;
            }
            let clear = match self.open(document, &ids, &encrypted_keys, &data, &mut search) {
                Ok(clear) => clear,
                Err(reason) if reason.kind() == Kind::NoKey => {
                    left.push(Left { id: data.id, at: document.position(node), reason });
                    continue;
                }
                Err(error) => return Err(error),
            };
            opened += 1;
            if data.data_type == DataType::Octets {
                return Ok(Decrypted { clear: Clear::Octets(clear), opened, left });
            }
            let inside = replace(document, &data, &clear)?;
            for new in &inside {
                ids.extend(document, *new);
                encrypted_keys.extend(all(document, *new, "EncryptedKey"));
                expect_few(&encrypted_keys)?;
                let nested = outermost(document, *new)?;
                if !nested.is_empty() && depth == NESTING_MAX {
                    return Err(Error::Limit { what: "EncryptedData inside EncryptedData", limit: NESTING_MAX });
                }
                if opened + pending.len() + nested.len() > ENCRYPTED_DATA_MAX {
                    return Err(Error::Limit { what: "EncryptedData elements", limit: ENCRYPTED_DATA_MAX });
                }
                pending.extend(nested.into_iter().rev().map(|node| (node, depth + 1)));
            }
        }
        if opened > 0 {
            return Ok(Decrypted { clear: Clear::Document, opened, left });
        }
        Err(left.into_iter().next().map_or_else(
            || Error::NoKey { wanted: "an EncryptedData; the document has none".to_owned(), tried: String::new() },
            |left| left.reason,
        ))
    }

    fn open(
        &self,
        document: &Document,
        ids: &IdIndex,
        encrypted_keys: &[NodeId],
        data: &EncryptedData,
        search: &mut Search,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let context = Context { document, ids, policy: self.policy, urls: self.urls, tokens: None };
        let octets = cipher_octets(document, &data.cipher_data, Some(&context))?;
        let cipher = data.method.cipher;
        let wanted = Wanted {
            algorithm_uri: cipher.uri(),
            key_bytes: Some(cipher.key_size()),
            authenticated: cipher.is_authenticated(),
        };
        let resolver = Resolver { context: &context, keys: self.keys, encrypted_keys };
        let (mut clear, mut broken) = (None, None);
        let mut visit =
            |key: &[u8]| match open_data(&data.method, &octets, key).and_then(|clear| expect_text(data, clear)) {
                Ok(opened) => {
                    clear = Some(opened);
                    ControlFlow::Break(())
                }
                Err(error) => {
                    broken = Some(error);
                    ControlFlow::Continue(())
                }
            };
        let found = resolver.each_key(data.key_info, data.id.as_deref(), wanted, search, &mut visit)?;
        if found.is_continue()
            && let Some(key_info) = data.key_info
        {
            // Such a key was perhaps not meant for it: that it does not fit breaks nothing, and empty text proves nothing.
            let _ = resolver.each_unnamed_key(key_info, wanted, search, &mut |key| {
                let opened = open_data(&data.method, &octets, key).and_then(|clear| expect_text(data, clear));
                clear = opened.ok().filter(|clear| !clear.is_empty());
                if clear.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
        }
        // A key that was meant for it and does not open it says more than that no other key was found.
        let verdict = search.verdict(&format!("a key for {}", cipher.uri()));
        clear.ok_or_else(|| broken.unwrap_or(verdict))
    }
}

/// Clear text that is to be XML is UTF-8: octets under a wrong key hardly ever are.
fn expect_text(data: &EncryptedData, clear: Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>, Error> {
    if data.data_type == DataType::Octets || std::str::from_utf8(&clear).is_ok() {
        return Ok(clear);
    }
    Err(Error::ClearText { expected: "UTF-8", source: None })
}

/// Puts `clear` in the place of `data`; gives the new nodes.
fn replace(document: &mut Document, data: &EncryptedData, clear: &[u8]) -> Result<Vec<NodeId>, Error> {
    let expected = if data.data_type == DataType::Element { "one element" } else { "element content" };
    let mut clear = without_prolog(clear);
    // Around the document element white space means nothing and may not be put in its place.
    if document.parent(data.node).is_some_and(|parent| document.kind(parent) == NodeKind::Document) {
        clear = clear.trim_ascii();
    }
    let placed =
        document.replace(data.node, clear).map_err(|source| Error::ClearText { expected, source: Some(source) })?;
    let mut nodes = Vec::new();
    if let Some((first, last)) = placed {
        let mut next = Some(first);
        while let Some(node) = next {
            nodes.push(node);
            next = if node == last { None } else { document.next_sibling(node) };
        }
    }
    let elements = nodes.iter().filter(|node| document.kind(**node) == NodeKind::Element).count();
    if data.data_type == DataType::Element && elements != 1 {
        return Err(Error::ClearText { expected, source: None });
    }
    Ok(nodes)
}

/// Some senders closed a whole document: its byte order mark and XML declaration cannot stand inside another.
fn without_prolog(clear: &[u8]) -> &[u8] {
    let clear = clear.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(clear);
    let declared = clear.strip_prefix(b"<?xml").filter(|rest| rest.first().is_some_and(u8::is_ascii_whitespace));
    let end = declared.and_then(|rest| rest.windows(2).position(|pair| pair == b"?>").map(|at| &rest[at + 2..]));
    end.unwrap_or(clear)
}

fn expect_few(encrypted_keys: &[NodeId]) -> Result<(), Error> {
    let limit = limits::ENCRYPTED_KEYS_MAX;
    if encrypted_keys.len() > limit { Err(Error::Limit { what: "EncryptedKey elements", limit }) } else { Ok(()) }
}

fn all(document: &Document, root: NodeId, local: &str) -> Vec<NodeId> {
    document.descendants(root).filter(|node| document.is(*node, ns::XENC, local)).collect()
}

/// The `EncryptedData` at or below `root` that stand inside no other.
fn outermost(document: &Document, root: NodeId) -> Result<Vec<NodeId>, Error> {
    let mut found: Vec<NodeId> = Vec::new();
    for node in document.descendants(root).filter(|node| document.is(*node, ns::XENC, "EncryptedData")) {
        // Document order: only the last one found can be around this one.
        if found.last().is_none_or(|last| !document.contains(*last, node)) {
            if found.len() == ENCRYPTED_DATA_MAX {
                return Err(Error::Limit { what: "EncryptedData elements", limit: ENCRYPTED_DATA_MAX });
            }
            found.push(node);
        }
    }
    Ok(found)
}
