//! The content of Body: the operation's wrapper around the document. Our own output is decoded again before it leaves.

use std::ops::Range;

use super::entry::{Failure, OutboxEntry};
use super::schedule::Outcome;
use crate::base::id::MessageId;
use crate::contract::version::{self, Version, Versions};
use crate::contract::{self, Operation, Slot, Slots};
use crate::exchange::evidence::digest_from_hex;
use crate::exchange::inbound::{document_digest, wrapped};
use crate::exchange::partner::Partner;
use crate::exchange::{Exchange, key};
use crate::store::PartName;
use crate::xml::{self, Document};

/// Content that reads as the document that was taken.
pub(super) struct Encoded {
    octets: Vec<u8>,
    document: Range<usize>,
    operation: Operation,
    slots: Slots,
}

impl Encoded {
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// The business document in it: what is encrypted.
    pub fn document(&self) -> Range<usize> {
        self.document.clone()
    }

    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// Namespaces of the version in which it was taken; its answer has them too.
    pub fn slots(&self) -> &Slots {
        &self.slots
    }
}

/// Reads the document from the journal, wraps it, and decodes what came out.
pub(super) fn encode(exchange: &Exchange, entry: &OutboxEntry, partner: &Partner) -> Result<Encoded, Box<Failure>> {
    let operation = Operation::from_path(&format!("/{}", entry.operation))
        .ok_or_else(|| Failure::technical(format!("operation {} is not served", entry.operation)))?;
    let document = document(exchange, entry)?;
    let octets = wrapped(operation.name(), &document);
    let start = octets.len() - document.len() - operation.name().len() - "</>".len();
    let slots = check(&octets, operation, entry, partner)?;
    Ok(Encoded { document: start..start + document.len(), octets, operation, slots })
}

fn document(exchange: &Exchange, entry: &OutboxEntry) -> Result<Vec<u8>, Box<Failure>> {
    let store = exchange.store.as_ref();
    let missing = || Failure::technical("the index points to no document: rebuild it");
    let id = MessageId::parse(&entry.message_id).map_err(|_| missing())?;
    let position = store
        .get(&key::message(store, &id))
        .map_err(|error| Failure::technical(error.to_string()))?
        .and_then(|found| found.position())
        .ok_or_else(missing)?;
    let record = store.read(position).map_err(|error| Failure::technical(error.to_string()))?.record;
    record.octets(PartName::Document).map(<[u8]>::to_vec).ok_or_else(missing)
}

fn check(octets: &[u8], operation: Operation, entry: &OutboxEntry, partner: &Partner) -> Result<Slots, Box<Failure>> {
    // What does not read back as taken never leaves, and no later try changes that.
    let wrong = |what: String| Box::new(Failure { outcome: Outcome::Rejected, ..*Failure::technical(what) });
    let tree = xml::parse(octets.to_vec(), &xml::Options::default()).map_err(|error| wrong(error.to_string()))?;
    let slots = slots(&tree, partner)?;
    let (found, node) = contract::business_document(&tree, tree.document_element(), &slots)
        .map_err(|error| wrong(error.to_string()))?;
    let digest = document_digest(&tree, node).map_err(|error| wrong(error.to_string()))?;
    if found != operation || digest_from_hex(&entry.digest) != Some(digest) {
        return Err(wrong("our own message reads as another document".to_owned()));
    }
    contract::decode(operation, &tree, node, &slots).map_err(|violations| {
        Box::new(Failure {
            code: Some("invalid-document".to_owned()),
            errors: violations.list.iter().map(crate::exchange::facts::error_view).collect(),
            ..*wrong(violations.to_string())
        })
    })?;
    Ok(slots)
}

/// Namespaces of the version in which the document was taken. The partner file may have changed since: what is queued stays
/// as it is over all tries, and waits where nothing says any more how it is read.
fn slots(tree: &Document, partner: &Partner) -> Result<Slots, Box<Failure>> {
    let ours = Version::default();
    let known = std::iter::once(partner.sent_version()).chain(partner.accepted_versions().iter()).chain([&ours]);
    let known = Versions::fitting(known, tree);
    let header = version::header(tree, tree.document_element());
    let fitting = known
        .of(tree, tree.document_element())
        .ok()
        .filter(|version| header.is_some_and(|node| tree.ns(node) == version.slots.uri(Slot::Md)));
    fitting.map(|version| version.slots.clone()).ok_or_else(|| {
        Failure::technical(
            "it was taken in a version of the WCO Data Model that [wco] of the partner file no longer names: put the version \
             and its namespaces back under accept until it is delivered",
        )
    })
}
