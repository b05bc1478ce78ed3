//! `{svc}Acknowledgement`: the answer to a message that was accepted, in the shape of the WCO `Response`
//! (design 2.1, 2.3), with the journal entry and the proofs of design 2.4.

use jiff::Timestamp;

use super::generated::{TABLES, data, res, svc};
use super::text::{Decimal, Text};
use super::violation::{Came, Violation, Violations};
use super::write::Writer;
use super::{Slot, Slots};
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
        let wire: svc::Acknowledgement =
            super::bind_root(super::root(Slot::Svc, "Acknowledgement"), document, node, slots)?;
        Self::from_wire(&wire).map_err(|wrong| wrong.into_violations(document, node))
    }

    /// Appends `{svc}Acknowledgement` to `out`; it declares its own namespaces, so the octets stand in any envelope.
    pub fn encode(&self, slots: &Slots, out: &mut Vec<u8>) {
        Writer::new(slots, &TABLES, out).complex(super::root(Slot::Svc, "Acknowledgement"), &self.to_wire());
    }

    fn from_wire(wire: &svc::Acknowledgement) -> Result<Self, Wrong> {
        let status = match (wire.response.status.as_slice(), wire.first_message.as_deref()) {
            ([status], None) if status.name_code.value == "accepted" => Status::Accepted,
            ([status], Some(first)) if status.name_code.value == "already-received" => {
                Status::AlreadyReceived { message_id: message_id(&first.message_id)?, leaf: hash(&first.leaf)? }
            }
            _ => return Err(Wrong("Response/Status/NameCode", "accepted, or already-received with FirstMessage")),
        };
        let received = wire.response.issue_date_time.as_deref().and_then(|time| time.date_time.as_ref());
        let Some(received) = received else {
            return Err(Wrong("Response/IssueDateTime", "DateTime with the time of receipt"));
        };
        let head = wire.tree_head.as_deref().map(|head| -> Result<TreeHead, Wrong> {
            Ok(TreeHead {
                log_id: head.log_id.to_string(),
                size: number(&head.size)?,
                root: hash(&head.root)?,
                time: time(&head.time)?,
            })
        });
        let consistency = wire.consistency_proof.as_deref().map(|proof| -> Result<ConsistencyProof, Wrong> {
            Ok(ConsistencyProof { from: number(&proof.from)?, to: number(&proof.to)?, path: hashes(&proof.node)? })
        });
        let inclusion = wire.inclusion_proof.as_deref().map(|proof| -> Result<InclusionProof, Wrong> {
            Ok(InclusionProof {
                message_id: proof.message_id.as_ref().map(message_id).transpose()?,
                leaf: hash(&proof.leaf)?,
                index: number(&proof.index)?,
                size: number(&proof.size)?,
                path: hashes(&proof.node)?,
            })
        });
        let entry = wire.journal_entry.as_deref().map(|entry| -> Result<JournalEntry, Wrong> {
            Ok(JournalEntry {
                log_id: entry.log_id.to_string(),
                partner: entry.partner.to_string(),
                operation: entry.operation.to_string(),
                signature_digest: entry.signature_digest.as_ref().map(hash).transpose()?,
                salt: octets(&entry.salt)?,
            })
        });
        Ok(Self {
            message_id: message_id(&wire.response.functional_reference_id.value)?,
            document_digest: hash(&wire.document_digest)?,
            received: time(received)?,
            status,
            entry: entry.transpose()?,
            head: head.transpose()?,
            consistency: consistency.transpose()?,
            inclusion: inclusion.transpose()?,
        })
    }

    fn to_wire(&self) -> svc::Acknowledgement {
        let (name, first) = match &self.status {
            Status::Accepted => ("accepted", None),
            Status::AlreadyReceived { message_id, leaf } => {
                let first = svc::FirstMessage { message_id: message_id.as_str().into(), leaf: base64(leaf) };
                ("already-received", Some(Box::new(first)))
            }
        };
        let code = |text: &str| data::Code { value: text.into(), attributes: None };
        let response = res::Response {
            function_code: code("11"),
            functional_reference_id: data::Id { value: self.message_id.as_str().into(), attributes: None },
            issue_date_time: Some(Box::new(res::DateTime {
                date_time_string: None,
                date_time: Some(self.received.to_string().into()),
            })),
            status: vec![res::Status { name_code: code(name), effective_date_time: None }],
            ..res::Response::default()
        };
        svc::Acknowledgement {
            response,
            document_digest: base64(&self.document_digest),
            first_message: first,
            journal_entry: self.entry.as_ref().map(|entry| {
                Box::new(svc::JournalEntry {
                    log_id: entry.log_id.as_str().into(),
                    partner: entry.partner.as_str().into(),
                    operation: entry.operation.as_str().into(),
                    signature_digest: entry.signature_digest.as_ref().map(|digest| base64(digest)),
                    salt: base64(&entry.salt),
                })
            }),
            tree_head: self.head.as_ref().map(|head| {
                Box::new(svc::TreeHead {
                    log_id: head.log_id.as_str().into(),
                    size: Decimal::from(head.size),
                    root: base64(&head.root),
                    time: head.time.to_string().into(),
                })
            }),
            consistency_proof: self.consistency.as_ref().map(|proof| {
                Box::new(svc::ConsistencyProof {
                    from: Decimal::from(proof.from),
                    to: Decimal::from(proof.to),
                    node: proof.path.iter().map(|node| base64(node)).collect(),
                })
            }),
            inclusion_proof: self.inclusion.as_ref().map(|proof| {
                Box::new(svc::InclusionProof {
                    message_id: proof.message_id.as_ref().map(|id| id.as_str().into()),
                    leaf: base64(&proof.leaf),
                    index: Decimal::from(proof.index),
                    size: Decimal::from(proof.size),
                    node: proof.path.iter().map(|node| base64(node)).collect(),
                })
            }),
        }
    }
}

/// What the schema cannot say and the reader needs: where, and what was expected.
struct Wrong(&'static str, &'static str);

impl Wrong {
    fn into_violations(self, document: &Document, node: NodeId) -> Violations {
        let position = document.position_within(node, node);
        let violation = Violation {
            code: "acknowledgement".into(),
            wco_id: "".into(),
            path: format!("/Acknowledgement/{}", self.0),
            line: position.line,
            column: position.column,
            expected: self.1.into(),
            came: Came { kind: "text".into(), ..Came::default() },
            value: None,
        };
        Violations { list: vec![violation], total: 1 }
    }
}

fn octets(text: &Text) -> Result<Vec<u8>, Wrong> {
    let compact: Vec<u8> = text.bytes().filter(|b| *b != b' ').collect();
    base64_simd::STANDARD.decode_to_vec(compact).map_err(|_| Wrong("", "base64"))
}

fn hash(text: &Text) -> Result<Hash, Wrong> {
    octets(text)?.try_into().map_err(|_| Wrong("", "32 octets in base64"))
}

fn hashes(nodes: &[Text]) -> Result<Vec<Hash>, Wrong> {
    nodes.iter().map(hash).collect()
}

fn base64(octets: &[u8]) -> Text {
    Text::from(base64_simd::STANDARD.encode_to_string(octets))
}

fn number(decimal: &Decimal) -> Result<u64, Wrong> {
    decimal.to_u64().ok_or(Wrong("", "a number of 64 bits"))
}

fn time(text: &Text) -> Result<Timestamp, Wrong> {
    text.parse().map_err(|_| Wrong("", "a time with its zone"))
}

fn message_id(text: &Text) -> Result<MessageId, Wrong> {
    MessageId::parse(text).map_err(|_| Wrong("", "urn:uuid: and a UUID"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Acknowledgement {
        Acknowledgement {
            message_id: MessageId::from_random([1; 16]),
            document_digest: [2; 32],
            received: "2026-11-22T01:02:03.123456789Z".parse().unwrap(),
            status: Status::AlreadyReceived { message_id: MessageId::from_random([3; 16]), leaf: [4; 32] },
            entry: Some(JournalEntry {
                log_id: "ID-1".to_owned(),
                partner: "KR".to_owned(),
                operation: "SendCO".to_owned(),
                signature_digest: Some([5; 32]),
                salt: vec![6; 16],
            }),
            head: Some(TreeHead {
                log_id: "ID-1".to_owned(),
                size: u64::MAX,
                root: [7; 32],
                time: "2026-11-22T01:02:03Z".parse().unwrap(),
            }),
            consistency: Some(ConsistencyProof { from: 1, to: 9, path: vec![[8; 32], [9; 32]] }),
            inclusion: Some(InclusionProof { message_id: None, leaf: [10; 32], index: 0, size: 9, path: vec![] }),
        }
    }

    fn read(octets: Vec<u8>) -> Result<Acknowledgement, Violations> {
        let document = crate::xml::parse(octets, &crate::xml::Options::default()).unwrap();
        Acknowledgement::decode(&document, document.document_element(), &Slots::default())
    }

    fn written(acknowledgement: &Acknowledgement) -> Vec<u8> {
        let mut out = Vec::new();
        acknowledgement.encode(&Slots::default(), &mut out);
        out
    }

    #[test]
    fn an_acknowledgement_reads_back_whole_and_bare() {
        let bare = Acknowledgement {
            status: Status::Accepted,
            entry: None,
            head: None,
            consistency: None,
            inclusion: None,
            ..full()
        };
        for acknowledgement in [full(), bare] {
            assert_eq!(read(written(&acknowledgement)).unwrap(), acknowledgement);
        }
    }

    #[test]
    fn already_received_must_name_the_first_message() {
        let text = String::from_utf8(written(&full())).unwrap();
        let (from, to) = (text.find("<svc:FirstMessage>").unwrap(), text.find("<svc:JournalEntry>").unwrap());
        let without = format!("{}{}", &text[..from], &text[to..]);
        assert_eq!(read(without.into_bytes()).unwrap_err().total, 1);
        assert!(read(text.replace("already-received", "accepted").into_bytes()).is_err());
        assert!(read(text.replace("already-received", "rejected").into_bytes()).is_err());
    }
}
