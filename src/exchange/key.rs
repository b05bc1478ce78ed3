//! Keys of what this room keeps in the store. Keyed hashes wherever a name or number could be read from them.

use super::view::CoIdentity;
use crate::base::id::{MessageId, PartnerId};
use crate::base::octets;
use crate::contract::Operation;
use crate::exchange::rules::Role;
use crate::store::{Key, Store, Table};

/// Partner, operation and MessageID of what was received: the record that answers a duplicate.
pub(super) fn dedup(store: &dyn Store, partner: &PartnerId, operation: Operation, id: &MessageId) -> Key {
    store.key(Table::Dedup, &[partner.as_str().as_bytes(), operation.name().as_bytes(), id.as_str().as_bytes()])
}

/// A CO with a partner: the number first, so that all COs of one number stand together.
pub(super) fn co(store: &dyn Store, role: Role, partner: &PartnerId, co: &CoIdentity) -> Key {
    let mut key = co_number(store, &co.number);
    let role = match role {
        Role::Exporting => b"out",
        Role::Importing => b"in_",
    };
    let parts: [&[u8]; 6] = [
        role,
        partner.as_str().as_bytes(),
        co.territory.as_bytes(),
        co.issuing_body.as_bytes(),
        co.agreement.as_bytes(),
        co.number.as_bytes(),
    ];
    key.bytes.extend_from_slice(&store.key(Table::Co, &parts).bytes);
    key
}

/// What all keys of COs with this number begin with.
pub(super) fn co_number(store: &dyn Store, number: &str) -> Key {
    store.key(Table::Co, &[b"number", number.as_bytes()])
}

/// The state of a CO, where it is no longer the one that its record began with.
pub(super) fn state(co: &Key) -> Key {
    Key::new(Table::State, co.bytes.clone())
}

/// A message about a CO, by its operation and document: the same one again is found, and all of a CO stand together.
pub(super) fn about(co: &Key, operation: Operation, digest: &[u8; 32]) -> Key {
    let mut key = abouts(co);
    // The operations are five, and their places in the WSDL do not change.
    let place = Operation::SERVED.iter().position(|served| *served == operation).unwrap_or_default();
    key.bytes.push(u8::try_from(place).unwrap_or_default());
    key.bytes.extend_from_slice(&digest[..16]);
    key
}

/// What all keys of messages about a CO begin with.
pub(super) fn abouts(co: &Key) -> Key {
    let mut key = state(co);
    key.bytes.push(b'/');
    key
}

/// What all keys of records about this MessageID begin with.
pub(super) fn message(store: &dyn Store, id: &MessageId) -> Key {
    store.key(Table::Message, &[id.as_str().as_bytes()])
}

/// One more record about this MessageID.
pub(super) fn message_record(store: &dyn Store, id: &MessageId, reference: &str) -> Key {
    let mut key = message(store, id);
    key.bytes.extend_from_slice(&crate::base::sha256(reference.as_bytes())[..8]);
    key
}

/// A reference id.
pub(super) fn reference(reference: &str) -> Key {
    Key::new(Table::Reference, reference.as_bytes())
}

/// An entry of the outbox.
pub(super) fn outbox(store: &dyn Store, id: &MessageId) -> Key {
    Key::new(Table::Outbox, message(store, id).bytes)
}

/// How a delivery ended.
pub(super) fn receipt(store: &dyn Store, id: &MessageId) -> Key {
    Key::new(Table::Receipt, message(store, id).bytes)
}

/// Why a partner's queue is held.
pub(super) fn held(partner: &PartnerId) -> Key {
    Key::new(Table::Partner, format!("held {partner}"))
}

/// How much of a partner's quarantine is used.
pub(super) fn quarantine(partner: &PartnerId) -> Key {
    Key::new(Table::Partner, format!("quarantine {partner}"))
}

/// A new reference id: `R-` and 26 characters, 130 random bits.
pub(super) fn new_reference() -> String {
    format!("R-{}", random_text(26))
}

/// Random text in the alphabet of Crockford's base 32: no letter that looks like another, five bits a character.
pub(super) fn random_text(characters: usize) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let mut octets = vec![0; characters];
    octets::random(&mut octets).expect("the system has random octets, or no key could have been made");
    octets.into_iter().map(|octet| char::from(ALPHABET[usize::from(octet & 31)])).collect()
}

/// A new MessageID.
pub(super) fn new_message_id() -> MessageId {
    MessageId::from_random(random())
}

/// Random octets.
pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut octets = [0; N];
    octets::random(&mut octets).expect("the system has random octets, or no key could have been made");
    octets
}
