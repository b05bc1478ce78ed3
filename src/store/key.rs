//! Keys of the index: a table and some octets.

use std::fmt;

use openssl::sha::Sha256;

/// Octets of one key.
pub const KEY_BYTES_MAX: usize = 256;
/// Octets of a key made by [`Key::keyed`].
pub const KEYED_BYTES: usize = 16;

macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident = $code:literal),* $(,)?) => {
        /// What kind of thing a key finds. The code stands in the journal and never changes its meaning.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        #[repr(u8)]
        pub enum Table {
            $($(#[$doc])* $name = $code),*
        }

        impl Table {
            /// All tables.
            pub const ALL: &'static [Table] = &[$(Table::$name),*];

            /// The table with this code.
            #[must_use]
            pub fn from_code(code: u8) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// Its name, as in reports.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name)),*
                }
            }
        }
    };
}

tables! {
    /// Partner, operation and MessageID of what was received -> its record.
    Dedup = 1,
    /// A CO (territory, body, agreement, number) -> the record that holds it.
    Co = 2,
    /// A MessageID, sent or received -> its record.
    Message = 3,
    /// A reference id that was returned -> its record.
    Reference = 4,
    /// What waits to be delivered.
    Outbox = 5,
    /// The state of a CO or claim.
    State = 6,
    /// A receipt awaited or held.
    Receipt = 7,
    /// An alert that is open.
    Alert = 8,
    /// Work ordered by the time it falls due ([`crate::store::outbox`]).
    Due = 9,
    /// Events for the national side, in order.
    Event = 10,
    /// What the national side handed in, by its own reference.
    Intake = 11,
    /// Heads last sent to or received from a partner.
    Head = 12,
    /// Budgets and counters of a partner.
    Partner = 13,
    /// Users, tokens and their use.
    Access = 14,
    /// Anything else of the gateway's own.
    Setting = 15,
}

/// A key. Where the octets could name somebody, make them with [`crate::store::Store::key`].
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Which table.
    pub table: Table,
    /// Which entry; at most [`KEY_BYTES_MAX`] octets. Order is that of the octets, so numbers are big-endian.
    pub bytes: Vec<u8>,
}

impl Key {
    /// A key of these octets.
    #[must_use]
    pub fn new(table: Table, bytes: impl Into<Vec<u8>>) -> Self {
        Self { table, bytes: bytes.into() }
    }

    /// The first 16 octets of SHA-256 over `secret` and the length-prefixed `parts`.
    #[must_use]
    pub fn keyed(secret: &[u8; 32], table: Table, parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(secret);
        hasher.update(&[table as u8]);
        for part in parts {
            hasher.update(&(part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        let digest = hasher.finish();
        Self { table, bytes: digest[..KEYED_BYTES].to_vec() }
    }

    /// Table and octets in one, ordered as keys are: what stands in sled.
    #[must_use]
    pub(crate) fn flat(&self) -> Vec<u8> {
        let mut flat = Vec::with_capacity(1 + self.bytes.len());
        flat.push(self.table as u8);
        flat.extend_from_slice(&self.bytes);
        flat
    }

    /// The reverse of [`Key::flat`].
    #[must_use]
    pub(crate) fn from_flat(flat: &[u8]) -> Option<Self> {
        let (table, bytes) = flat.split_first()?;
        Some(Self { table: Table::from_code(*table)?, bytes: bytes.to_vec() })
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.table.as_str())?;
        f.write_str(&crate::base::octets::to_hex(&self.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_into_each_other() {
        let secret = [7; 32];
        let one = Key::keyed(&secret, Table::Co, &[b"ab", b"c"]);
        let other = Key::keyed(&secret, Table::Co, &[b"a", b"bc"]);
        assert_ne!(one, other);
        assert_eq!(one.bytes.len(), KEYED_BYTES);
    }

    #[test]
    fn a_flat_key_reads_back_and_keeps_the_order() {
        let low = Key::new(Table::Dedup, [0xff, 0xff]);
        let high = Key::new(Table::Co, [0]);
        assert!(low < high && low.flat() < high.flat());
        assert_eq!(Key::from_flat(&high.flat()), Some(high));
        assert_eq!(Key::from_flat(&[]), None);
        assert_eq!(Key::from_flat(&[0xee, 1]), None);
    }
}
