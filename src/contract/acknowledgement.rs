//! `{svc}Acknowledgement`: the answer to a message that was accepted, in the shape of the WCO `Response`
//! (design 2.1, 2.3), with the journal entry and the proofs of design 2.4.

use jiff::Timestamp;

use super::{Slots, Violations};
use crate::base::id::MessageId;
use crate::xml::{Document, NodeId};

/// A SHA-256 digest.
pub type Hash = [u8; 32];

/// What happened to the message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Status {
    /// Recorded and handed over.
    Accepted,
    /// The same CO came before under another MessageID: nothing was stored again.
    AlreadyReceived {
        /// MessageID under which it came first.
        message_id: MessageId,
        /// Leaf of that first message in the partner's tree.
        leaf: Hash,
    },
}

/// The fields of the journal entry that stand nowhere else in the Acknowledgement. With MessageID, digest, time and
/// status of the Acknowledgement itself they are the entry whose hash is the leaf.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JournalEntry {
    /// Id of the log.
    pub log_id: String,
    /// The sender, as the receiver names it.
    pub partner: String,
    /// Name of the operation: `SendCO`.
    pub operation: String,
    /// SHA-256 of the octets of the request's SignatureValue; none when it was not signed (`dev`, `test`).
    pub signature_digest: Option<Hash>,
    /// Random octets, so that the leaf tells nothing about the fields.
    pub salt: Vec<u8>,
}

/// The last durable head of the partner's tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TreeHead {
    /// Id of the log.
    pub log_id: String,
    /// Number of leaves.
    pub size: u64,
    /// Root hash.
    pub root: Hash,
    /// When it was made.
    pub time: Timestamp,
}

/// That the tree of `from` leaves is the beginning of the tree of the head (RFC 9162 §2.1.4).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConsistencyProof {
    /// Size of the head last sent.
    pub from: u64,
    /// Size of the head of this Acknowledgement.
    pub to: u64,
    /// The nodes.
    pub path: Vec<Hash>,
}

/// That a leaf is in the tree of the head (RFC 9162 §2.1.3).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InclusionProof {
    /// MessageID of the partner's previous message.
    pub message_id: Option<MessageId>,
    /// Its leaf.
    pub leaf: Hash,
    /// Its index.
    pub index: u64,
    /// Size of the head of this Acknowledgement.
    pub size: u64,
    /// The nodes.
    pub path: Vec<Hash>,
}

/// The Acknowledgement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Acknowledgement {
    /// MessageID of what was received.
    pub message_id: MessageId,
    /// Document digest of what was received (design 2.3).
    pub document_digest: Hash,
    /// When it was received.
    pub received: Timestamp,
    /// What happened to it.
    pub status: Status,
    /// The rest of the journal entry.
    pub entry: Option<JournalEntry>,
    /// The last durable head.
    pub head: Option<TreeHead>,
    /// From the head last sent to this partner.
    pub consistency: Option<ConsistencyProof>,
    /// Of the partner's previous leaf.
    pub inclusion: Option<InclusionProof>,
}

impl Acknowledgement {
    /// Reads `{svc}Acknowledgement` at `node`, by the generated decoder.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn decode(document: &Document, node: NodeId, slots: &Slots) -> Result<Self, Violations> {
        let _ = (document, node, slots);
        todo!("lands with the generator")
    }

    /// Appends `{svc}Acknowledgement` to `out`; it declares its own namespaces, so the octets stand in any envelope.
    pub fn encode(&self, slots: &Slots, out: &mut Vec<u8>) {
        let _ = (slots, out);
        todo!("lands with the generator")
    }
}
