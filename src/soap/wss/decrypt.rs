//! What is encrypted, for whom, and where it may stand (XML Encryption 1.1; SMS 1.1 §9); opening it in place.
//!
//! Finding and checking come before the SignatureValue and are named to the partner; opening comes after, tells nobody
//! anything, and goes on with a random key when a key does not open.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::Identity;
use super::policy::Profile;
use super::refusal::Reason;
use super::security_header::SecurityHeader;
use super::token_reference::{Pointer, Scope, token_certificates};
use crate::soap::Envelope;
use crate::soap::envelope::clip;
use crate::xml::{Document, Kind, NodeId, ns};
use crate::xmlsec::Policy;
use crate::xmlsec::enc::{self, DataType, EncryptedData, EncryptedKey, KeyMethod};

/// An EncryptedKey with the keys of ours that it is meant for.
#[derive(Debug)]
pub(crate) struct Key {
    pub parsed: EncryptedKey,
    /// Numbers of our keys, in the order in which they are tried.
    openers: Vec<usize>,
}

/// An EncryptedData with the EncryptedKeys that open it.
#[derive(Debug)]
pub(crate) struct Data {
    pub parsed: EncryptedData,
    /// Numbers of keys, in the order in which they are tried.
    keys: Vec<usize>,
}

/// Everything that is encrypted in a message.
#[derive(Debug, Default)]
pub(crate) struct Encrypted {
    pub keys: Vec<Key>,
    pub data: Vec<Data>,
}

/// EncryptedData of one message at most.
const DATA_MAX: usize = 64;

/// Finds what is encrypted, checks algorithms, places and pointers. No key is used. `opened` are the ids of what was
/// encrypted and is open already: lists still name them.
pub(crate) fn find(
    envelope: &Envelope,
    scope: Scope<'_>,
    profile: Profile,
    policy: &Policy,
    opened: &[String],
) -> Result<Encrypted, Reason> {
    let document = scope.document;
    let mut found = Encrypted::default();
    for node in &scope.security.encrypted_keys {
        found.keys.push(parse_key(document, *node, policy)?);
    }
    let root = document.root();
    for node in document.descendants(root).filter(|node| document.is(*node, ns::XENC, "EncryptedData")) {
        if found.data.len() == DATA_MAX {
            return Err(refused(document, node, format!("more than {DATA_MAX} EncryptedData")));
        }
        let parsed = EncryptedData::parse(document, node, policy).map_err(|error| xmlsec(&error))?;
        if parsed.data_type == DataType::Octets {
            return Err(refused(document, node, "EncryptedData is neither of Type Element nor Content".to_owned()));
        }
        refuse_place(envelope, scope.security, profile, &parsed)?;
        let keys = keys_of(scope, profile, policy, &parsed, &mut found.keys)?;
        found.data.push(Data { parsed, keys });
    }
    check_lists(scope, profile, &found, opened)?;
    Ok(found)
}

fn parse_key(document: &Document, node: NodeId, policy: &Policy) -> Result<Key, Reason> {
    let parsed = EncryptedKey::parse(document, node, policy).map_err(|error| xmlsec(&error))?;
    Ok(Key { parsed, openers: Vec::new() })
}

/// `serve` knows these places: the document or its content, Body's content or its one element; nothing nested, and
/// nothing beside it.
fn refuse_place(
    envelope: &Envelope,
    security: &SecurityHeader,
    profile: Profile,
    data: &EncryptedData,
) -> Result<(), Reason> {
    let document = envelope.document();
    let body = envelope.body();
    let nested = std::iter::successors(document.parent(data.node), |node| document.parent(*node))
        .any(|above| document.is(above, ns::XENC, "EncryptedData"));
    if nested {
        return Err(refused(document, data.node, "EncryptedData inside EncryptedData".to_owned()));
    }
    if profile == Profile::Lenient {
        let in_place = document.contains(body, data.node) && data.node != body
            || document.parent(data.node) == Some(security.node);
        if in_place {
            return Ok(());
        }
        return Err(refused(document, data.node, "EncryptedData outside of Body and Security".to_owned()));
    }
    let depth =
        std::iter::successors(Some(data.node), |node| document.parent(*node)).take(4).position(|above| above == body);
    let fits = match (depth, data.data_type) {
        // The child of Body, the business document in its wrapper.
        (Some(1 | 2), _) => true,
        // The content of the business document.
        (Some(3), DataType::Content) => true,
        _ => false,
    };
    let alone = document.parent(data.node).is_some_and(|parent| {
        document.elements(parent).all(|child| child == data.node)
            && document.children(parent).all(|child| {
                child == data.node
                    || document.kind(child) == Kind::Text
                        && document.text(child).trim_matches([' ', '\t', '\r', '\n']).is_empty()
            })
    });
    if fits && alone {
        return Ok(());
    }
    Err(refused(
        document,
        data.node,
        "EncryptedData is not in the place of the business document, of its content or of the content of Body"
            .to_owned(),
    ))
}

/// The EncryptedKeys that open `data`: the one its KeyInfo points to, or those whose list names it.
fn keys_of(
    scope: Scope<'_>,
    profile: Profile,
    policy: &Policy,
    data: &EncryptedData,
    keys: &mut Vec<Key>,
) -> Result<Vec<usize>, Reason> {
    let document = scope.document;
    let mut numbers = Vec::new();
    match data.key_info {
        Some(key_info) => match scope.key_info(key_info)? {
            Pointer::EncryptedKey(node) => match keys.iter().position(|key| key.parsed.node == node) {
                Some(number) => numbers.push(number),
                None => {
                    keys.push(parse_key(document, node, policy)?);
                    numbers.push(keys.len() - 1);
                }
            },
            _ => {
                return Err(refused(
                    document,
                    key_info,
                    "KeyInfo of EncryptedData points to no EncryptedKey".to_owned(),
                ));
            }
        },
        None => {
            let uri = data.id.as_deref().map(|id| format!("#{id}"));
            numbers.extend(
                (0..keys.len()).filter(|at| uri.as_ref().is_some_and(|uri| keys[*at].parsed.references.contains(uri))),
            );
        }
    }
    if profile == Profile::Lenient {
        // A second recipient: the same content key under another certificate, which nothing points to.
        let others: Vec<usize> = (0..keys.len()).filter(|at| !numbers.contains(at)).collect();
        numbers.extend(others);
    }
    if numbers.is_empty() {
        return Err(Reason::Missing { what: "the EncryptedKey of EncryptedData" });
    }
    Ok(numbers)
}

/// Every DataReference names an EncryptedData that is there, once.
fn check_lists(scope: Scope<'_>, profile: Profile, found: &Encrypted, opened: &[String]) -> Result<(), Reason> {
    let document = scope.document;
    let mut named: Vec<NodeId> = Vec::new();
    let mut check = |uri: &str| -> Result<(), Reason> {
        if opened.iter().any(|id| uri.strip_prefix('#') == Some(id)) {
            return Ok(());
        }
        let target = scope.resolve("DataReference", uri)?;
        let is_data = found.data.iter().any(|data| data.parsed.node == target);
        if !is_data {
            let came = clip(document.local(target));
            return Err(Reason::WrongTarget { what: "DataReference", expected: "EncryptedData", came });
        }
        if named.contains(&target) && profile == Profile::Serve {
            return Err(Reason::Repeated { what: "DataReference to one EncryptedData", at: document.position(target) });
        }
        named.push(target);
        Ok(())
    };
    for key in &found.keys {
        for uri in &key.parsed.references {
            check(uri)?;
        }
    }
    for list in &scope.security.reference_lists {
        for reference in document.elements(*list) {
            if !document.is(reference, ns::XENC, "DataReference") {
                return Err(refused(
                    document,
                    reference,
                    "ReferenceList holds something else than DataReference".to_owned(),
                ));
            }
            check(document.attribute(reference, "", "URI").unwrap_or_default())?;
        }
    }
    Ok(())
}

impl Encrypted {
    /// Whether nothing is encrypted.
    pub(crate) fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// Finds which of our keys each EncryptedKey is meant for. Nothing secret decides here.
    pub(crate) fn choose_keys(&mut self, scope: Scope<'_>, ours: &[Arc<Identity>]) -> Result<(), Reason> {
        for key in &mut self.keys {
            let agreed = key.parsed.agreement.as_ref().and_then(|agreement| agreement.recipient);
            key.parsed.key_info.into_iter().chain(agreed).try_for_each(|node| scope.only(node, 1))?;
            let recipient = key.parsed.agreement.as_ref().map_or(key.parsed.key_info, |agreement| agreement.recipient);
            let fitting = |at: &usize| ours[*at].opens(&key.parsed.method);
            let pointer = match recipient {
                // An empty X509Data or KeyInfo names nobody: xmlsec1 leaves it so when it has no certificate.
                Some(node) if scope.document.descendants(node).any(|below| is_name(scope.document, below)) => {
                    Some(recipient_pointer(scope, node)?)
                }
                _ => None,
            };
            let names = match pointer {
                Some(Pointer::Token(token)) => Some(token_certificates(scope.document, token)?),
                Some(Pointer::Name(name)) => Some(name),
                _ => None,
            };
            key.openers = (0..ours.len())
                .filter(|at| match &names {
                    Some(name) => ours[*at].may_be_meant(&name.as_reference()),
                    None => true,
                })
                .filter(fitting)
                .collect();
        }
        let opens = |data: &Data| data.keys.iter().any(|number| !self.keys[*number].openers.is_empty());
        if self.data.iter().all(opens) {
            return Ok(());
        }
        let names: Vec<String> = ours.iter().map(|key| key.name()).collect();
        Err(Reason::NotForUs { ours: if names.is_empty() { "none".to_owned() } else { names.join(", ") } })
    }

    /// Whether every EncryptedKey in the header and every EncryptedData is covered, as `order = any` asks.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.keys.iter().map(|key| key.parsed.node).chain(self.data.iter().map(|data| data.parsed.node))
    }
}

fn is_name(document: &Document, node: NodeId) -> bool {
    matches!(
        document.local(node),
        "X509Certificate" | "X509IssuerSerial" | "X509SKI" | "KeyIdentifier" | "Reference" | "Embedded"
    )
}

/// Who an EncryptedKey is for. A KeyInfo of several children names the same key several times; the certificate decides.
fn recipient_pointer(scope: Scope<'_>, key_info: NodeId) -> Result<Pointer, Reason> {
    let document = scope.document;
    let named = document.elements(key_info).find(|child| document.descendants(*child).any(|n| is_name(document, n)));
    match named {
        Some(child) if document.is(child, ns::WSSE, "SecurityTokenReference") => scope.token_reference(child),
        _ => scope.key_info(key_info),
    }
}

/// One thing that was opened.
pub(crate) struct Opened {
    /// First and last node that took the place of the EncryptedData.
    pub nodes: Option<(NodeId, NodeId)>,
    /// The key that opened it.
    pub key: Zeroizing<Vec<u8>>,
    /// What was opened, by name.
    pub name: String,
    /// Id of the EncryptedData.
    pub id: Option<String>,
}

/// Opens one EncryptedData in its place. Whatever goes wrong with a key, the cipher text is decrypted all the same, with
/// a random key.
pub(crate) fn open(
    document: &mut Document,
    encrypted: &Encrypted,
    number: usize,
    ours: &[Arc<Identity>],
    policy: &Policy,
) -> Result<Opened, Reason> {
    let data = &encrypted.data[number];
    let mut failure = None;
    for key in data.keys.iter().map(|key| &encrypted.keys[*key]) {
        for opener in &key.openers {
            match open_with(document, data, key, &ours[*opener], policy) {
                Ok(opened) => return put_in_place(document, data, opened),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
    }
    Err(failure.unwrap_or_else(|| Reason::Decryption("none of our keys is asked for".to_owned())))
}

/// Clear text, and the content key that opened it.
type ClearAndKey = (Zeroizing<Vec<u8>>, Zeroizing<Vec<u8>>);

fn open_with(
    document: &Document,
    data: &Data,
    key: &Key,
    ours: &Identity,
    policy: &Policy,
) -> Result<ClearAndKey, Reason> {
    let decryption = |error: &enc::Error| Reason::Decryption(chain(error));
    let opener = ours.opener.as_ref().ok_or_else(|| Reason::Decryption("our key does not decrypt".to_owned()))?;
    let cipher = data.parsed.method.cipher;
    let (content_key, failure) = enc::decrypt_key_or_random(document, &key.parsed, opener, cipher, policy)
        .map_err(|error| decryption(&error))?;
    let clear = enc::decrypt_data(document, &data.parsed, &content_key);
    match (clear, failure) {
        (Ok(clear), None) => Ok((clear, Zeroizing::new(content_key.octets().to_vec()))),
        (_, Some(error)) => Err(Reason::Decryption(format!("EncryptedKey: {}", chain(&error)))),
        (Err(error), None) => Err(Reason::Decryption(format!("EncryptedData: {}", chain(&error)))),
    }
}

fn put_in_place(document: &mut Document, data: &Data, (mut clear, key): ClearAndKey) -> Result<Opened, Reason> {
    let parent = document.parent(data.parsed.node).map(|parent| clip(document.local(parent))).unwrap_or_default();
    let nodes = document.replace(data.parsed.node, &clear).map_err(|error| Reason::ClearText(error.to_string()))?;
    crate::base::octets::wipe(&mut std::mem::take(&mut *clear));
    let name = match (data.parsed.data_type, nodes) {
        (DataType::Element, Some((first, last))) if first == last && document.kind(first) == Kind::Element => {
            clip(document.local(first))
        }
        (DataType::Element, _) => {
            return Err(Reason::ClearText("Type says Element, the clear text is not one element".to_owned()));
        }
        _ => format!("content of {parent}"),
    };
    Ok(Opened { nodes, key, name, id: data.parsed.id.clone() })
}

impl Identity {
    /// Whether this kind of key can open keys closed by `method`.
    fn opens(&self, method: &KeyMethod) -> bool {
        self.opener.as_ref().is_some_and(|opener| match method {
            KeyMethod::Transport(_) => opener.is_rsa(),
            _ => opener.agreement().is_some(),
        })
    }
}

fn refused(document: &Document, node: NodeId, what: String) -> Reason {
    Reason::Refused { what, at: document.position(node) }
}

fn xmlsec(error: &enc::Error) -> Reason {
    let malformed = error.kind() == enc::Kind::Structure || matches!(error, enc::Error::Limit { .. });
    if malformed { Reason::Malformed(chain(error)) } else { Reason::XmlSec(chain(error)) }
}

/// An error with its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
