//! Look-ups: what the journal says of COs, messages, the outbox and alerts. They read, they decide nothing.

use super::facts::Facts;
use super::rules::Role;
use super::view::{AlertView, CoIdentity, CoMessage, CoView, Direction, MessageStatus, MessageView, OutboxView, Page};
use super::{Exchange, alert::Alert, held, key};
use crate::base::id::MessageId;
use crate::contract::Operation;
use crate::store::{self, Entry, Journaled, Key, PartName, Position, RecordKind, Store, Table};

/// Why a look-up has no answer.
#[derive(Debug, thiserror::Error)]
pub enum LookUpError {
    /// The store could not be read.
    #[error("the store cannot be read")]
    Store(#[from] store::Error),
    /// A cursor that was not handed out by the page before.
    #[error("not a cursor of this list")]
    Cursor,
}

/// Rows that one page may have.
const ROWS_MAX: usize = 1_000;
/// Records that one page looks through for its rows.
const RECORDS_PER_PAGE: usize = 10_000;

impl Exchange {
    /// COs with this number, with whatever partner and in whatever role.
    ///
    /// # Errors
    /// [`LookUpError::Store`].
    pub fn co_show(&self, number: &str) -> Result<Vec<CoView>, LookUpError> {
        let prefix = key::co_number(self.store.as_ref(), number);
        let mut views = Vec::new();
        for (co_key, entry) in self.store.scan(Table::Co, &prefix.bytes, None, ROWS_MAX)? {
            if let Some(view) = self.co_view(&co_key, &entry)? {
                views.push(CoView { history: self.history(&co_key)?, ..view });
            }
        }
        Ok(views)
    }

    /// The business document of a CO as it was received or handed in: the octets of `MetaData`, clear.
    ///
    /// # Errors
    /// [`LookUpError::Store`].
    pub fn co_document(&self, number: &str, partner: Option<&str>) -> Result<Option<Vec<u8>>, LookUpError> {
        let prefix = key::co_number(self.store.as_ref(), number);
        for (_, entry) in self.store.scan(Table::Co, &prefix.bytes, None, ROWS_MAX)? {
            let Some(position) = entry.position() else { continue };
            let record = self.store.read(position)?.record;
            if partner.is_none_or(|wanted| record.partner.as_ref().is_some_and(|id| id.as_str() == wanted)) {
                return Ok(document_of(&record));
            }
        }
        Ok(None)
    }

    /// The business document that a message brought or took away: the octets of `MetaData`, clear. For one that was
    /// answered with `already-received`, which is not stored again, the one that came first.
    ///
    /// # Errors
    /// [`LookUpError::Store`].
    pub fn message_document(&self, id: &str) -> Result<Option<Vec<u8>>, LookUpError> {
        let mut first = None;
        for position in self.positions_of(id)? {
            let record = self.store.read(position)?.record;
            if let Some(document) = document_of(&record) {
                return Ok(Some(document));
            }
            first = first.or_else(|| Facts::of(&record).and_then(|facts| facts.first));
        }
        match first {
            Some(first) if first != id => self.message_document(&first),
            _ => Ok(None),
        }
    }

    /// A page of COs, in no order that means anything.
    ///
    /// # Errors
    /// [`LookUpError`].
    pub fn co_list(&self, cursor: Option<&str>, limit: usize) -> Result<Page<CoView>, LookUpError> {
        let after = cursor.map(|text| super::partner::secret::from_hex(text).ok_or(LookUpError::Cursor)).transpose()?;
        let limit = limit.clamp(1, ROWS_MAX);
        let found = self.store.scan(Table::Co, &[], after.as_deref(), limit)?;
        let next = found.last().filter(|_| found.len() == limit);
        let next = next.map(|(co_key, _)| super::partner::secret::to_hex(&co_key.bytes));
        let mut rows = Vec::with_capacity(found.len());
        for (co_key, entry) in &found {
            rows.extend(self.co_view(co_key, entry)?);
        }
        rows.sort_by_key(|row| std::cmp::Reverse(row.time));
        Ok(Page { rows, next })
    }

    fn co_view(&self, co_key: &Key, entry: &Entry) -> Result<Option<CoView>, LookUpError> {
        let Some(position) = entry.position() else { return Ok(None) };
        let journaled = self.store.read(position)?;
        let Some(facts) = Facts::of(&journaled.record) else { return Ok(None) };
        let role = if journaled.record.kind == RecordKind::Submitted { Role::Exporting } else { Role::Importing };
        let kept = self.store.get(&key::state(co_key))?;
        let state = held::state(self.store.as_ref(), role, kept.as_ref(), &facts)?;
        Ok(Some(CoView {
            co: facts.co.unwrap_or_else(no_identity),
            partner: journaled.record.partner.as_ref().map_or_else(String::new, ToString::to_string),
            role,
            state,
            message_id: facts.message_id.unwrap_or_default(),
            reference_id: journaled.record.reference,
            document_digest: facts.digest.unwrap_or_default(),
            time: journaled.time,
            items: facts.items,
            history: Vec::new(),
            profile: facts.profile,
            notices: facts.notices,
            withheld: facts.withheld,
        }))
    }

    /// Notices, cancellation status and feedback about a CO, oldest first.
    fn history(&self, co_key: &Key) -> Result<Vec<CoMessage>, LookUpError> {
        let found = self.store.scan(Table::State, &key::abouts(co_key).bytes, None, ROWS_MAX)?;
        let mut positions: Vec<Position> = found.iter().filter_map(|(_, entry)| entry.position()).collect();
        positions.sort_unstable();
        let mut messages = Vec::with_capacity(positions.len());
        for position in positions {
            let Some(view) = self.message_view(&self.store.read(position)?)? else { continue };
            messages.push(CoMessage {
                time: view.time,
                direction: view.direction,
                operation: view.operation.unwrap_or_default(),
                status: view.status,
                message_id: view.message_id.unwrap_or_default(),
                reference_id: view.reference_id,
                about: view.about,
            });
        }
        Ok(messages)
    }

    /// Every record about a MessageID or reference id, refused ones too, oldest first.
    ///
    /// # Errors
    /// [`LookUpError::Store`].
    pub fn message_show(&self, id: &str) -> Result<Vec<MessageView>, LookUpError> {
        let mut positions = Vec::new();
        for found in self.positions_of(id)? {
            if !positions.contains(&found) {
                positions.push(found);
            }
        }
        positions.sort_unstable();
        let mut views = Vec::with_capacity(positions.len());
        for position in positions {
            views.extend(self.message_view(&self.store.read(position)?)?);
        }
        Ok(views)
    }

    /// A part of the record under a MessageID or reference id: octets as they came, the clear envelope, the
    /// Acknowledgement element, the answer.
    ///
    /// # Errors
    /// [`LookUpError::Store`].
    pub fn message_part(&self, id: &str, part: PartName) -> Result<Option<Vec<u8>>, LookUpError> {
        for position in self.positions_of(id)? {
            if let Some(octets) = self.store.read(position)?.record.octets(part) {
                return Ok(Some(octets.to_vec()));
            }
        }
        Ok(None)
    }

    /// A page of messages in the order of the journal.
    ///
    /// # Errors
    /// [`LookUpError`].
    pub fn message_list(&self, cursor: Option<&str>, limit: usize) -> Result<Page<MessageView>, LookUpError> {
        let limit = limit.clamp(1, ROWS_MAX);
        let mut after = cursor.map(|text| text.parse::<Position>().map_err(|_| LookUpError::Cursor)).transpose()?;
        let (mut rows, mut looked_at) = (Vec::new(), 0);
        while rows.len() < limit && looked_at < RECORDS_PER_PAGE {
            let records = self.store.records(after, (limit - rows.len()).max(64))?;
            if records.is_empty() {
                return Ok(Page { rows, next: None });
            }
            for journaled in &records {
                looked_at += 1;
                after = Some(journaled.position);
                rows.extend(self.message_view(journaled)?);
                if rows.len() == limit {
                    break;
                }
            }
        }
        Ok(Page { rows, next: after.map(|position| position.to_string()) })
    }

    /// What waits in the outbox, the order of intake kept.
    ///
    /// # Errors
    /// [`LookUpError::Store`].
    pub fn outbox_list(&self) -> Result<Vec<OutboxView>, LookUpError> {
        let mut entries = Vec::new();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = self.store.scan(Table::Outbox, &[], after.as_deref(), ROWS_MAX)?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.bytes.clone());
            entries.extend(page.iter().filter_map(|(_, e)| e.bytes().and_then(super::outbound::OutboxEntry::of)));
        }
        entries.sort_by_key(|entry| entry.sequence);
        let held =
            |partner: &str| crate::base::id::PartnerId::parse(partner).is_ok_and(|partner| self.is_held(&partner));
        let mut views: Vec<OutboxView> = entries.iter().map(super::outbound::OutboxEntry::view).collect();
        for view in views.iter_mut().filter(|view| held(&view.partner)) {
            view.status = MessageStatus::Held;
            view.due = None;
            view.reason.get_or_insert_with(|| "the partner's queue is held: see the alert partner-held".to_owned());
        }
        Ok(views)
    }

    /// A page of alerts, oldest first.
    ///
    /// # Errors
    /// [`LookUpError`].
    pub fn alert_list(&self, cursor: Option<&str>, limit: usize) -> Result<Page<AlertView>, LookUpError> {
        let after = cursor.map(|text| super::partner::secret::from_hex(text).ok_or(LookUpError::Cursor)).transpose()?;
        let limit = limit.clamp(1, ROWS_MAX);
        let found = self.store.scan(Table::Alert, &[], after.as_deref(), limit)?;
        let next = found.last().filter(|_| found.len() == limit);
        let next = next.map(|(alert_key, _)| super::partner::secret::to_hex(&alert_key.bytes));
        let rows = found.iter().filter_map(|(alert_key, entry)| Alert::view(alert_key, entry.bytes()?)).collect();
        Ok(Page { rows, next })
    }

    /// Records about `id`: by reference, by MessageID as sender, by MessageID as receiver.
    fn positions_of(&self, id: &str) -> Result<Vec<Position>, LookUpError> {
        let store: &dyn Store = self.store.as_ref();
        let mut positions = Vec::new();
        if id.len() <= store::key::KEY_BYTES_MAX {
            positions.extend(store.get(&key::reference(id))?.and_then(|entry| entry.position()));
        }
        let Ok(message_id) = MessageId::parse(id) else { return Ok(positions) };
        let prefix = key::message(store, &message_id);
        let found = store.scan(Table::Message, &prefix.bytes, None, ROWS_MAX)?;
        positions.extend(found.iter().filter_map(|(_, entry)| entry.position()));
        positions.extend(store.get(&key::receipt(store, &message_id))?.and_then(|entry| entry.position()));
        for partner in self.partners.now().all() {
            for operation in Operation::SERVED {
                let dedup = key::dedup(store, partner.id(), *operation, &message_id);
                positions.extend(store.get(&dedup)?.and_then(|entry| entry.position()));
            }
        }
        Ok(positions)
    }

    fn message_view(&self, journaled: &Journaled) -> Result<Option<MessageView>, LookUpError> {
        let record = &journaled.record;
        let facts = Facts::of(record).unwrap_or_default();
        let (direction, status, waiting) = match record.kind {
            RecordKind::Received => (Direction::In, MessageStatus::Accepted, None),
            RecordKind::Repeated => (Direction::In, MessageStatus::AlreadyReceived, None),
            RecordKind::Refused => (Direction::In, MessageStatus::Refused, None),
            RecordKind::Submitted => {
                let (status, entry) = held::delivery(self.store.as_ref(), &facts)?;
                (Direction::Out, status, entry)
            }
            RecordKind::Attempted => (Direction::Out, MessageStatus::Queued, None),
            RecordKind::Delivered => (Direction::Out, MessageStatus::Acknowledged, None),
            RecordKind::Declined => (Direction::Out, MessageStatus::Rejected, None),
            RecordKind::Held => (Direction::Out, MessageStatus::Held, None),
            RecordKind::Changed | RecordKind::Alert | RecordKind::Act | RecordKind::Heads => return Ok(None),
        };
        // A message that waits tells how often it was tried and why that failed; its own record is older than that.
        let (attempts, due, last) = match waiting {
            Some(entry) => (entry.attempts, entry.due, entry.reason),
            None => (facts.attempts, None, None),
        };
        let reason =
            record.octets(PartName::Reason).map(|octets| String::from_utf8_lossy(octets).into_owned()).or(last);
        Ok(Some(MessageView {
            direction,
            reference_id: record.reference.clone(),
            partner: record.partner.as_ref().map_or_else(String::new, ToString::to_string),
            status,
            time: journaled.time,
            remedy: facts.remedy(),
            message_id: facts.message_id,
            operation: facts.operation,
            document_digest: facts.digest,
            co: facts.co,
            about: facts.about,
            code: facts.code,
            reason,
            errors: facts.errors,
            profile: facts.profile,
            notices: facts.notices,
            withheld: facts.withheld,
            warnings: facts.warnings,
            leaf_index: journaled.leaf.as_ref().map(|(_, index)| *index),
            position: journaled.position.to_string(),
            octets: facts.octets,
            attempts,
            due,
        }))
    }
}

/// The document in a record: handed in, or inside the clear envelope.
fn document_of(record: &store::Record) -> Option<Vec<u8>> {
    if let Some(document) = record.octets(PartName::Document) {
        return Some(document.to_vec());
    }
    let envelope = crate::soap::Envelope::parse(record.octets(PartName::Clear)?.to_vec(), None).ok()?;
    let tree = envelope.document();
    let document = tree.elements(envelope.payload().ok()?).next()?;
    let mut octets = Vec::new();
    let without_id = Some((crate::xml::ns::WSU, "Id"));
    crate::xml::c14n::exclusive_without(tree, document, without_id, &mut octets).ok()?;
    Some(octets)
}

fn no_identity() -> CoIdentity {
    CoIdentity {
        territory: String::new(),
        issuing_body: String::new(),
        agreement: String::new(),
        number: String::new(),
    }
}
