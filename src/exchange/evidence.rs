//! Evidence (design 2.4): the journal entry whose hash is the leaf, what proves it in an acknowledgement, and the
//! check of both on the sending side.
//!
//! Entry, version 1: the octet 1, then each field as a 32-bit big-endian length and its octets, in this order: log id,
//! partner, operation, MessageID, document digest, SHA-256 of the request's SignatureValue (empty when it was not
//! signed), time of receipt (RFC 3339), status, salt. Of `already-received` the status field is that word, the first
//! MessageID and the first leaf in hexadecimal, separated by single spaces.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::partner::secret::{from_hex, to_hex};
use crate::base::id::{MessageId, PartnerId};
use crate::contract::{Acknowledgement, ConsistencyProof, InclusionProof, JournalEntry, Status, TreeHead};
use crate::store::merkle::{self, Hash};
use crate::store::{Error as StoreError, Key, Store, Table};

/// Version of the entry's encoding.
const ENTRY_VERSION: u8 = 1;
/// Octets of the salt.
pub const SALT_OCTETS: usize = 16;
/// Heads of a partner that are remembered, so that acknowledgements may arrive out of order.
const HEADS_KEPT: usize = 16;

/// The octets of the entry that `acknowledgement` tells of; none when it carries no entry.
#[must_use]
pub fn entry(acknowledgement: &Acknowledgement) -> Option<Vec<u8>> {
    let e = acknowledgement.entry.as_ref()?;
    let received = acknowledgement.received.to_string();
    let status = status_text(&acknowledgement.status);
    let fields: [&[u8]; 9] = [
        e.log_id.as_bytes(),
        e.partner.as_bytes(),
        e.operation.as_bytes(),
        acknowledgement.message_id.as_str().as_bytes(),
        &acknowledgement.document_digest,
        e.signature_digest.as_ref().map_or(&[][..], |d| &d[..]),
        received.as_bytes(),
        status.as_bytes(),
        &e.salt,
    ];
    let mut octets = Vec::with_capacity(1 + fields.iter().map(|f| f.len() + 4).sum::<usize>());
    octets.push(ENTRY_VERSION);
    for field in fields {
        let length = u32::try_from(field.len()).expect("fields of an entry are short");
        octets.extend_from_slice(&length.to_be_bytes());
        octets.extend_from_slice(field);
    }
    Some(octets)
}

/// The leaf of an acknowledgement.
#[must_use]
pub fn leaf(acknowledgement: &Acknowledgement) -> Option<Hash> {
    entry(acknowledgement).map(|octets| merkle::leaf_hash(&octets))
}

fn status_text(status: &Status) -> String {
    match status {
        Status::Accepted => "accepted".to_owned(),
        Status::AlreadyReceived { message_id, leaf } => format!("already-received {message_id} {}", to_hex(leaf)),
    }
}

/// Makes the entry's own fields.
#[must_use]
pub fn journal_entry(
    log_id: &merkle::LogId,
    partner: &str,
    operation: &str,
    signature_digest: Option<[u8; 32]>,
    salt: [u8; SALT_OCTETS],
) -> JournalEntry {
    JournalEntry {
        log_id: log_id.to_string(),
        partner: partner.to_owned(),
        operation: operation.to_owned(),
        signature_digest,
        salt: salt.to_vec(),
    }
}

/// A head of a partner's log, as a partner told it or as we told it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SeenHead {
    /// Leaves.
    pub size: u64,
    /// Root in hexadecimal.
    pub root: String,
}

/// What a partner's log has told us so far: what the next acknowledgement is checked against.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct LogMemory {
    /// Id of the log; a partner that begins another one has lost the first.
    pub log_id: Option<String>,
    /// The last heads that hang together, oldest first.
    pub heads: VecDeque<SeenHead>,
    /// Heads that arrived before the one they are proved from: acknowledgements overtake each other.
    #[serde(default)]
    pub waiting: VecDeque<WaitingHead>,
}

/// A head whose consistency proof starts at a head that has not arrived yet.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WaitingHead {
    /// The head.
    pub head: SeenHead,
    /// Size that its proof starts from.
    pub from: u64,
    /// The proof, in hexadecimal.
    pub path: Vec<String>,
}

/// A proof that does not hold: the partner's log was changed, or shows us another side than others.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Broken {
    /// The log has another id than before.
    #[error("the partner's log has another id than before: it was begun anew")]
    LogReplaced,
    /// Two heads of one size with different roots.
    #[error("two heads of size {size} with different roots")]
    Fork {
        /// The size.
        size: u64,
    },
    /// The consistency proof does not lead from the one root to the other.
    #[error("the head of size {to} does not contain the head of size {from}")]
    Inconsistent {
        /// Size of the head known before.
        from: u64,
        /// Size of the head told now.
        to: u64,
    },
    /// The consistency proof is missing though heads were told before.
    #[error("the consistency proof from a head told before to size {to} is missing")]
    NoConsistency {
        /// Size of the head told now.
        to: u64,
    },
    /// The leaf that is proved is not the one that was acknowledged.
    #[error("leaf {index} is not the one that the acknowledgement of its message promised")]
    OtherLeaf {
        /// Its index.
        index: u64,
    },
    /// The inclusion proof does not lead from the leaf to the root.
    #[error("leaf {index} is not in the head of size {size}")]
    NotIncluded {
        /// Its index.
        index: u64,
        /// Size of the head.
        size: u64,
    },
}

impl LogMemory {
    /// Checks what `acknowledgement` proves against what was told before, and remembers it.
    ///
    /// # Errors
    /// [`Broken`]: an alert. What was told now is the new beginning, so one break is told once.
    pub fn check(&mut self, acknowledgement: &Acknowledgement) -> Result<(), Broken> {
        let mut next = self.clone();
        let verdict = next.compare(acknowledgement);
        *self = match (&verdict, &acknowledgement.head) {
            (Err(_), Some(head)) => {
                let seen = SeenHead { size: head.size, root: to_hex(&head.root) };
                Self { log_id: Some(head.log_id.clone()), heads: VecDeque::from([seen]), waiting: VecDeque::new() }
            }
            (Err(_), None) => Self::default(),
            (Ok(()), _) => next,
        };
        verdict
    }

    fn compare(&mut self, acknowledgement: &Acknowledgement) -> Result<(), Broken> {
        if let Some(entry) = &acknowledgement.entry {
            self.same_log(&entry.log_id)?;
        }
        if let Some(head) = &acknowledgement.head {
            self.same_log(&head.log_id)?;
            let root = Hash::new(head.root);
            check_inclusion(acknowledgement, head.size, &root)?;
            self.take_head(acknowledgement, head.size, &root)?;
        }
        Ok(())
    }

    fn same_log(&mut self, log_id: &str) -> Result<(), Broken> {
        match &self.log_id {
            Some(known) if known != log_id => Err(Broken::LogReplaced),
            Some(_) => Ok(()),
            None => {
                self.log_id = Some(log_id.to_owned());
                Ok(())
            }
        }
    }

    fn root_of(&self, size: u64) -> Option<Hash> {
        let seen = self.heads.iter().find(|head| head.size == size)?;
        Hash::from_hex(&seen.root)
    }

    fn take_head(&mut self, acknowledgement: &Acknowledgement, to: u64, root: &Hash) -> Result<(), Broken> {
        let text = root.to_string();
        let known = self.heads.iter().chain(self.waiting.iter().map(|w| &w.head)).find(|head| head.size == to);
        match known {
            Some(head) if head.root == text => return Ok(()),
            Some(_) => return Err(Broken::Fork { size: to }),
            None => {}
        }
        let head = SeenHead { size: to, root: text };
        if self.heads.is_empty() {
            self.heads.push_back(head);
            return Ok(());
        }
        // Later heads that bring no proof leave a gap in which a log could be changed.
        let proof = acknowledgement.consistency.as_ref().ok_or(Broken::NoConsistency { to })?;
        // A head proved from itself would wait for ever for a head that nobody knows.
        if proof.to != to || proof.from >= to {
            return Err(Broken::Inconsistent { from: proof.from, to });
        }
        let path = proof.path.iter().map(|hash| Hash::new(*hash).to_string()).collect();
        self.waiting.push_back(WaitingHead { head, from: proof.from, path });
        self.link()?;
        if self.waiting.len() > HEADS_KEPT { Err(Broken::NoConsistency { to }) } else { Ok(()) }
    }

    /// Links every waiting head whose start has arrived.
    fn link(&mut self) -> Result<(), Broken> {
        while let Some(at) = self.waiting.iter().position(|w| self.root_of(w.from).is_some()) {
            let Some(WaitingHead { head, from, path }) = self.waiting.remove(at) else { break };
            let broken = Broken::Inconsistent { from, to: head.size };
            let (Some(from_root), Some(root)) = (self.root_of(from), Hash::from_hex(&head.root)) else {
                return Err(broken);
            };
            let path: Option<Vec<Hash>> = path.iter().map(|text| Hash::from_hex(text)).collect();
            let path = path.ok_or_else(|| broken.clone())?;
            merkle::verify_consistency(from, head.size, &from_root, &root, &path).map_err(|_| broken)?;
            self.heads.push_back(head);
            while self.heads.len() > HEADS_KEPT {
                self.heads.pop_front();
            }
        }
        Ok(())
    }
}

fn check_inclusion(acknowledgement: &Acknowledgement, size: u64, root: &Hash) -> Result<(), Broken> {
    let Some(proof) = &acknowledgement.inclusion else { return Ok(()) };
    let index = proof.index;
    let path: Vec<Hash> = proof.path.iter().copied().map(Hash::new).collect();
    let held = proof.size == size && merkle::verify_inclusion(&Hash::new(proof.leaf), index, size, &path, root).is_ok();
    if held { Ok(()) } else { Err(Broken::NotIncluded { index, size }) }
}

/// A key and what it shall hold.
pub type Put = (Key, Vec<u8>);

/// What the logs of all partners told.
#[derive(Debug, Default)]
pub struct SeenLogs {
    partners: Mutex<HashMap<PartnerId, LogMemory>>,
}

impl SeenLogs {
    /// Checks an acknowledgement of `partner`; also gives what is to be remembered, for the commit of the receipt.
    pub fn check(
        &self,
        store: &dyn Store,
        partner: &PartnerId,
        acknowledgement: &Acknowledgement,
    ) -> (Result<(), Broken>, Option<Put>) {
        if acknowledgement.entry.is_none() && acknowledgement.head.is_none() {
            return (Ok(()), None);
        }
        let mut partners = self.partners.lock().unwrap_or_else(PoisonError::into_inner);
        let memory =
            partners.entry(partner.clone()).or_insert_with(|| stored_memory(store, partner).unwrap_or_default());
        let verdict = memory.check(acknowledgement).and_then(|()| same_leaf(store, acknowledgement));
        let octets = serde_json::to_vec(memory).expect("a memory has a JSON form");
        (verdict, Some((memory_key(partner), octets)))
    }
}

/// A head proves a leaf of ours, and the leaf that is proved for one of our messages is the one that its own
/// acknowledgement promised.
fn same_leaf(store: &dyn Store, acknowledgement: &Acknowledgement) -> Result<(), Broken> {
    let Some(proof) = &acknowledgement.inclusion else {
        // Every head but an empty one comes with a leaf of ours.
        let size = acknowledgement.head.as_ref().map_or(0, |head| head.size);
        return if size == 0 { Ok(()) } else { Err(Broken::NotIncluded { index: size - 1, size }) };
    };
    let Some(id) = &proof.message_id else { return Ok(()) };
    let position = store.get(&super::key::receipt(store, id)).ok().flatten().and_then(|entry| entry.position());
    // A message whose receipt is not recorded yet, or was lost with its answer, has promised nothing.
    let Some(record) = position.and_then(|position| store.read(position).ok()) else { return Ok(()) };
    let promised = super::facts::Facts::of(&record.record).and_then(|facts| facts.leaf);
    match promised.as_deref().and_then(digest_from_hex) {
        Some(leaf) if leaf != proof.leaf => Err(Broken::OtherLeaf { index: proof.index }),
        _ => Ok(()),
    }
}

fn stored_memory(store: &dyn Store, partner: &PartnerId) -> Option<LogMemory> {
    let entry = store.get(&memory_key(partner)).ok()??;
    serde_json::from_slice(entry.bytes()?).ok()
}

/// What an acknowledgement proves besides itself.
#[derive(Clone, Debug, Default)]
pub struct Proofs {
    /// The last durable head.
    pub head: Option<TreeHead>,
    /// From the head last sent to this partner.
    pub consistency: Option<ConsistencyProof>,
    /// Of the partner's previous leaf.
    pub inclusion: Option<InclusionProof>,
}

/// The heads last sent, and which message made which leaf, per partner.
#[derive(Debug, Default)]
pub struct SentHeads {
    partners: Mutex<HashMap<PartnerId, Sent>>,
}

#[derive(Debug, Default)]
struct Sent {
    size: Option<u64>,
    leaves: VecDeque<(u64, MessageId)>,
}

/// Leaves whose message is remembered; a proof of an older one goes without its MessageID.
const LEAVES_KEPT: usize = 1_024;

impl SentHeads {
    /// Puts the proofs for `partner` together from the last durable head.
    ///
    /// # Errors
    /// When the tree cannot be read.
    pub fn proofs(&self, store: &dyn Store, partner: &PartnerId) -> Result<Proofs, StoreError> {
        let Some(head) = store.head(partner)? else { return Ok(Proofs::default()) };
        let from = self.last_sent(store, partner)?;
        let consistency = match from {
            Some(from) if from < head.size && from > 0 => {
                let path = store.consistency(partner, from, head.size)?;
                Some(ConsistencyProof { from, to: head.size, path: path.iter().map(|h| *h.as_bytes()).collect() })
            }
            _ => None,
        };
        let inclusion = match head.size.checked_sub(1) {
            Some(index) => Some(InclusionProof {
                message_id: self.message_of(partner, index),
                leaf: *store.leaf(partner, index)?.as_bytes(),
                index,
                size: head.size,
                path: store.inclusion(partner, index, head.size)?.iter().map(|h| *h.as_bytes()).collect(),
            }),
            None => None,
        };
        let head =
            TreeHead { log_id: head.log_id.to_string(), size: head.size, root: *head.root.as_bytes(), time: head.time };
        Ok(Proofs { head: Some(head), consistency, inclusion })
    }

    /// Key and value that make `proofs` the head last sent, for the commit of the acknowledgement; none when it is no news.
    #[must_use]
    pub fn put(&self, partner: &PartnerId, proofs: &Proofs) -> Option<Put> {
        let size = proofs.head.as_ref()?.size;
        let partners = self.partners.lock().unwrap_or_else(PoisonError::into_inner);
        let known = partners.get(partner).and_then(|sent| sent.size);
        (known.is_none_or(|known| known < size)).then(|| (sent_key(partner), size.to_be_bytes().to_vec()))
    }

    /// Remembers what a durable commit sent.
    pub fn committed(&self, partner: &PartnerId, proofs: &Proofs, leaf_index: Option<u64>, message_id: &MessageId) {
        let mut partners = self.partners.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = partners.entry(partner.clone()).or_default();
        if let Some(head) = &proofs.head {
            sent.size = Some(sent.size.unwrap_or(0).max(head.size));
        }
        if let Some(index) = leaf_index {
            sent.leaves.push_back((index, message_id.clone()));
            while sent.leaves.len() > LEAVES_KEPT {
                sent.leaves.pop_front();
            }
        }
    }

    fn last_sent(&self, store: &dyn Store, partner: &PartnerId) -> Result<Option<u64>, StoreError> {
        let known = |this: &Self| {
            this.partners.lock().unwrap_or_else(PoisonError::into_inner).get(partner).and_then(|sent| sent.size)
        };
        if let Some(size) = known(self) {
            return Ok(Some(size));
        }
        let entry = store.get(&sent_key(partner))?;
        let octets = entry.as_ref().and_then(|entry| entry.bytes()).and_then(|bytes| bytes.try_into().ok());
        let Some(size) = octets.map(u64::from_be_bytes) else { return Ok(None) };
        self.partners.lock().unwrap_or_else(PoisonError::into_inner).entry(partner.clone()).or_default().size =
            Some(size);
        Ok(Some(size))
    }

    fn message_of(&self, partner: &PartnerId, index: u64) -> Option<MessageId> {
        let partners = self.partners.lock().unwrap_or_else(PoisonError::into_inner);
        let leaves = &partners.get(partner)?.leaves;
        leaves.iter().rev().find(|(at, _)| *at == index).map(|(_, message_id)| message_id.clone())
    }
}

fn sent_key(partner: &PartnerId) -> Key {
    Key::new(Table::Head, format!("sent {partner}"))
}

/// Where the memory of a partner's log stands.
fn memory_key(partner: &PartnerId) -> Key {
    Key::new(Table::Head, format!("seen {partner}"))
}

/// Reads a digest in hexadecimal.
#[must_use]
pub fn digest_from_hex(text: &str) -> Option<[u8; 32]> {
    from_hex(text)?.try_into().ok()
}

/// Writes a digest in hexadecimal.
#[must_use]
pub fn digest_to_hex(digest: &[u8; 32]) -> String {
    to_hex(digest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::merkle::{leaf_hash, node_hash};

    fn told(size: u64, root: Hash, consistency: Option<(u64, Vec<Hash>)>) -> Acknowledgement {
        Acknowledgement {
            message_id: MessageId::from_random([1; 16]),
            document_digest: [2; 32],
            received: jiff::Timestamp::UNIX_EPOCH,
            status: Status::Accepted,
            entry: None,
            head: Some(TreeHead {
                log_id: "L".to_owned(),
                size,
                root: *root.as_bytes(),
                time: jiff::Timestamp::UNIX_EPOCH,
            }),
            consistency: consistency.map(|(from, path)| ConsistencyProof {
                from,
                to: size,
                path: path.iter().map(|hash| *hash.as_bytes()).collect(),
            }),
            inclusion: None,
        }
    }

    /// Leaves a, b, c, d and the roots of the trees of 1, 2, 3 and 4 of them.
    fn tree() -> ([Hash; 4], [Hash; 4]) {
        let leaf = [b"a", b"b", b"c", b"d"].map(|octets| leaf_hash(octets));
        let two = node_hash(&leaf[0], &leaf[1]);
        let last = node_hash(&leaf[2], &leaf[3]);
        (leaf, [leaf[0], two, node_hash(&two, &leaf[2]), node_hash(&two, &last)])
    }

    #[test]
    fn heads_that_hang_together_are_taken_in_any_order() {
        let (leaf, root) = tree();
        let last = node_hash(&leaf[2], &leaf[3]);
        let mut memory = LogMemory::default();
        assert_eq!(memory.check(&told(1, root[0], None)), Ok(()));
        // The acknowledgement with head 4, proved from 2, overtakes the one with head 2.
        assert_eq!(memory.check(&told(4, root[3], Some((2, vec![last])))), Ok(()));
        assert_eq!(memory.waiting.len(), 1);
        assert_eq!(memory.check(&told(2, root[1], Some((1, vec![leaf[1]])))), Ok(()));
        assert_eq!((memory.waiting.len(), memory.heads.len()), (0, 3));
        assert_eq!(memory.check(&told(4, root[3], None)), Ok(()), "told again");
    }

    #[test]
    fn a_log_that_was_changed_is_told_once() {
        let (leaf, root) = tree();
        let mut memory = LogMemory::default();
        memory.check(&told(2, root[1], None)).unwrap();
        assert_eq!(memory.check(&told(2, root[0], None)), Err(Broken::Fork { size: 2 }));
        assert_eq!(memory.check(&told(2, root[0], None)), Ok(()), "what was told now is the new beginning");

        let mut memory = LogMemory::default();
        memory.check(&told(2, root[1], None)).unwrap();
        let wrong = memory.check(&told(3, root[2], Some((2, vec![leaf[0]]))));
        assert_eq!(wrong, Err(Broken::Inconsistent { from: 2, to: 3 }));

        let mut memory = LogMemory::default();
        memory.check(&told(2, root[1], None)).unwrap();
        assert_eq!(memory.check(&told(3, root[2], None)), Err(Broken::NoConsistency { to: 3 }));

        let mut memory = LogMemory::default();
        memory.check(&told(2, root[1], None)).unwrap();
        let mut other_log = told(3, root[2], Some((2, vec![leaf[2]])));
        other_log.head.as_mut().unwrap().log_id = "M".to_owned();
        assert_eq!(memory.check(&other_log), Err(Broken::LogReplaced));
    }

    #[test]
    fn a_leaf_that_is_not_in_the_head_is_noticed() {
        let (leaf, root) = tree();
        let proof = |leaf: Hash| InclusionProof {
            message_id: None,
            leaf: *leaf.as_bytes(),
            index: 1,
            size: 2,
            path: vec![*tree().0[0].as_bytes()],
        };
        let mut told = told(2, root[1], None);
        told.inclusion = Some(proof(leaf[1]));
        assert_eq!(LogMemory::default().check(&told), Ok(()));
        told.inclusion = Some(proof(leaf[2]));
        assert_eq!(LogMemory::default().check(&told), Err(Broken::NotIncluded { index: 1, size: 2 }));
    }

    #[test]
    fn every_field_of_the_entry_is_in_the_leaf() {
        let (_, root) = tree();
        let mut base = told(1, root[0], None);
        base.entry = Some(journal_entry(&merkle::LogId::new([3; 16]), "KR", "SendCO", Some([4; 32]), [5; 16]));
        let mut leaves = vec![leaf(&base).unwrap()];
        let mut add = |change: &dyn Fn(&mut Acknowledgement)| {
            let mut changed = base.clone();
            change(&mut changed);
            leaves.push(leaf(&changed).unwrap());
        };
        add(&|a| a.message_id = MessageId::from_random([9; 16]));
        add(&|a| a.document_digest = [9; 32]);
        add(&|a| a.received = jiff::Timestamp::MAX);
        add(&|a| a.status = Status::AlreadyReceived { message_id: MessageId::from_random([9; 16]), leaf: [9; 32] });
        add(&|a| a.entry.as_mut().unwrap().log_id = "x".to_owned());
        add(&|a| a.entry.as_mut().unwrap().partner = "x".to_owned());
        add(&|a| a.entry.as_mut().unwrap().operation = "x".to_owned());
        add(&|a| a.entry.as_mut().unwrap().signature_digest = None);
        add(&|a| a.entry.as_mut().unwrap().salt = vec![9]);
        let count = leaves.len();
        leaves.sort();
        leaves.dedup();
        assert_eq!(leaves.len(), count);
    }
}
