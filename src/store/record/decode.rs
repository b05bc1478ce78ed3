//! Octets to a commit. Total: any octets give a commit or an error.

use jiff::Timestamp;

use super::super::key::{KEY_BYTES_MAX, Key, Table};
use super::super::merkle::Hash;
use super::encode::{PART_CLEAR, REQUIRE_ABSENT, REQUIRE_VERSION, VERSION};
use super::{
    Commit, Leaf, OPERATIONS_MAX, PARTS_MAX, Part, PartName, REFERENCE_BYTES_MAX, Record, RecordKind, Require,
    VALUE_BYTES_MAX,
};
use crate::base::id::PartnerId;

/// What is wrong with the octets of a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// They end too early.
    #[error("octet {at}: expected {expected} more for {what}, came {came}")]
    Short {
        /// Where.
        at: usize,
        /// What was being read.
        what: &'static str,
        /// Octets wanted.
        expected: usize,
        /// Octets left.
        came: usize,
    },
    /// Octets behind the end.
    #[error("octet {at}: expected the end, came {came} more")]
    Long {
        /// Where.
        at: usize,
        /// Octets left.
        came: usize,
    },
    /// A code that this version does not know.
    #[error("octet {at}: expected a known {what}, came {came}")]
    Code {
        /// Where.
        at: usize,
        /// Of what.
        what: &'static str,
        /// The code.
        came: u8,
    },
    /// A number above its bound.
    #[error("octet {at}: {what}: at most {most}, came {came}")]
    Bound {
        /// Where.
        at: usize,
        /// Of what.
        what: &'static str,
        /// The bound.
        most: usize,
        /// The number.
        came: usize,
    },
    /// Text or an identifier that is none.
    #[error("octet {at}: expected a well-formed {what}")]
    Form {
        /// Where.
        at: usize,
        /// Of what.
        what: &'static str,
    },
}

/// Reads what [`encode()`](super::encode()) wrote.
///
/// # Errors
/// [`DecodeError`] for octets that it did not write.
pub fn decode(octets: &[u8]) -> Result<Commit, DecodeError> {
    let mut from = Cursor { octets, at: 0 };
    from.known("version of the record encoding", |code| (code == VERSION).then_some(()))?;
    let kind = from.known("kind of record", RecordKind::from_code)?;
    let nanoseconds = i64::from_be_bytes(from.array("time")?);
    let time = Timestamp::from_nanosecond(i128::from(nanoseconds)).map_err(|_| from.form("time"))?;
    let partner = from.partner()?;
    let reference = from.reference()?;
    let require = from.list("preconditions", OPERATIONS_MAX, Cursor::require)?;
    let point = from.list("keys that point", OPERATIONS_MAX, Cursor::key)?;
    let put =
        from.list("values", OPERATIONS_MAX, |from| Ok((from.key()?, from.long("value", VALUE_BYTES_MAX)?.to_vec())))?;
    let remove = from.list("keys removed", OPERATIONS_MAX, Cursor::key)?;
    let leaf = match from.partner()? {
        Some(tree) => Some(Leaf { tree, hash: Hash::new(from.array("leaf")?) }),
        None => None,
    };
    let parts = from.list("parts", PARTS_MAX, Cursor::part)?;
    from.end()?;
    let record = Record { kind, partner, time, reference, parts };
    Ok(Commit { record, require, point, put, remove, leaf })
}

pub(in crate::store) struct Cursor<'a> {
    octets: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(in crate::store) fn new(octets: &'a [u8]) -> Self {
        Self { octets, at: 0 }
    }

    pub(in crate::store) fn take(&mut self, length: usize, what: &'static str) -> Result<&'a [u8], DecodeError> {
        let left = self.octets.get(self.at..).unwrap_or(&[]);
        let short = DecodeError::Short { at: self.at, what, expected: length, came: left.len() };
        let taken = left.get(..length).ok_or(short)?;
        self.at += length;
        Ok(taken)
    }

    pub(in crate::store) fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], DecodeError> {
        let taken = self.take(N, what)?;
        Ok(taken.try_into().expect("take gives as many octets as asked"))
    }

    pub(in crate::store) fn end(&self) -> Result<(), DecodeError> {
        match self.octets.len() - self.at {
            0 => Ok(()),
            came => Err(DecodeError::Long { at: self.at, came }),
        }
    }

    fn form(&self, what: &'static str) -> DecodeError {
        DecodeError::Form { at: self.at, what }
    }

    fn known<T>(&mut self, what: &'static str, known: impl Fn(u8) -> Option<T>) -> Result<T, DecodeError> {
        let at = self.at;
        let [came] = self.array(what)?;
        known(came).ok_or(DecodeError::Code { at, what, came })
    }

    fn bounded(&self, what: &'static str, came: usize, most: usize) -> Result<usize, DecodeError> {
        if came <= most { Ok(came) } else { Err(DecodeError::Bound { at: self.at, what, most, came }) }
    }

    fn short(&mut self, what: &'static str, most: usize) -> Result<&'a [u8], DecodeError> {
        let [length] = self.array(what)?;
        let length = self.bounded(what, usize::from(length), most)?;
        self.take(length, what)
    }

    fn long(&mut self, what: &'static str, most: usize) -> Result<&'a [u8], DecodeError> {
        let length = u32::from_be_bytes(self.array(what)?);
        let length = self.bounded(what, length as usize, most)?;
        self.take(length, what)
    }

    fn text(&self, octets: &'a [u8], what: &'static str) -> Result<&'a str, DecodeError> {
        std::str::from_utf8(octets).map_err(|_| self.form(what))
    }

    pub(in crate::store) fn partner(&mut self) -> Result<Option<PartnerId>, DecodeError> {
        let octets = self.short("partner id", 32)?;
        if octets.is_empty() {
            return Ok(None);
        }
        let text = self.text(octets, "partner id")?;
        PartnerId::parse(text).map(Some).map_err(|_| self.form("partner id"))
    }

    fn reference(&mut self) -> Result<String, DecodeError> {
        let octets = self.short("reference id", REFERENCE_BYTES_MAX)?;
        self.text(octets, "reference id").map(str::to_owned)
    }

    fn key(&mut self) -> Result<Key, DecodeError> {
        let table = self.known("table", Table::from_code)?;
        let length = u16::from_be_bytes(self.array("key")?);
        let length = self.bounded("octets of a key", usize::from(length), KEY_BYTES_MAX)?;
        Ok(Key::new(table, self.take(length, "key")?))
    }

    fn require(&mut self) -> Result<Require, DecodeError> {
        let versioned = self.known("precondition", |code| match code {
            REQUIRE_ABSENT => Some(false),
            REQUIRE_VERSION => Some(true),
            _ => None,
        })?;
        let key = self.key()?;
        match versioned {
            false => Ok(Require::Absent(key)),
            true => Ok(Require::Version { key, version: u64::from_be_bytes(self.array("version")?) }),
        }
    }

    fn part(&mut self) -> Result<Part, DecodeError> {
        let name = self.known("part", PartName::from_code)?;
        self.known("flags of a part", |code| (code == PART_CLEAR).then_some(()))?;
        Ok(Part { name, octets: self.long("part", super::RECORD_BYTES_MAX)?.into() })
    }

    fn list<T>(
        &mut self,
        what: &'static str,
        most: usize,
        item: impl Fn(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let count = usize::from(u16::from_be_bytes(self.array(what)?));
        let count = self.bounded(what, count, most)?;
        // Grown as items are found, not as many as are claimed.
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(item(self)?);
        }
        Ok(items)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::encode;
    use super::*;

    fn key() -> impl Strategy<Value = Key> {
        (1u8..=15, prop::collection::vec(any::<u8>(), 0..40))
            .prop_map(|(table, bytes)| Key::new(Table::from_code(table).unwrap(), bytes))
    }

    fn octets() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(any::<u8>(), 0..60)
    }

    fn commit() -> impl Strategy<Value = Commit> {
        let record = (
            1u8..=12,
            any::<i64>(),
            prop::option::of("[A-Z0-9][A-Z0-9-]{0,31}"),
            "[a-z\u{e9}]{0,20}",
            prop::collection::vec((1u8..=13, octets()), 0..5),
        )
            .prop_map(|(kind, time, partner, reference, parts)| Record {
                kind: RecordKind::from_code(kind).unwrap(),
                partner: partner.map(|p| PartnerId::parse(&p).unwrap()),
                time: Timestamp::from_nanosecond(i128::from(time)).unwrap(),
                reference,
                parts: parts
                    .into_iter()
                    .map(|(name, octets)| Part { name: PartName::from_code(name).unwrap(), octets: octets.into() })
                    .collect(),
            });
        let require = prop_oneof![
            key().prop_map(Require::Absent),
            (key(), any::<u64>()).prop_map(|(key, version)| Require::Version { key, version })
        ];
        (
            record,
            prop::collection::vec(require, 0..4),
            prop::collection::btree_map(key(), octets(), 0..9),
            prop::option::of(any::<[u8; 32]>()),
        )
            .prop_map(|(record, require, keys, leaf)| {
                let mut commit = Commit::new(record);
                commit.require = require;
                for (at, (key, value)) in keys.into_iter().enumerate() {
                    match at % 3 {
                        0 => commit.point.push(key),
                        1 => commit.put.push((key, value)),
                        _ => commit.remove.push(key),
                    }
                }
                commit.leaf = leaf.map(|hash| Leaf { tree: PartnerId::parse("KR").unwrap(), hash: Hash::new(hash) });
                commit
            })
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes(commit in commit()) {
            let mut octets = Vec::new();
            encode(&commit, &mut octets).unwrap();
            prop_assert_eq!(decode(&octets).unwrap(), commit);
        }

        #[test]
        fn every_cut_is_an_error(commit in commit()) {
            let mut octets = Vec::new();
            encode(&commit, &mut octets).unwrap();
            for length in 0..octets.len() {
                prop_assert!(decode(&octets[..length]).is_err());
            }
            octets.push(0);
            let long = matches!(decode(&octets), Err(DecodeError::Long { came: 1, .. }));
            prop_assert!(long);
        }

        #[test]
        fn what_decodes_has_one_form(commit in commit(), at in any::<prop::sample::Index>(), flip in 1u8..) {
            let mut octets = Vec::new();
            encode(&commit, &mut octets).unwrap();
            let at = at.index(octets.len());
            octets[at] ^= flip;
            if let Ok(changed) = decode(&octets) {
                let mut again = Vec::new();
                // A flip may make two operations write one key: the only thing that decodes and is not encoded.
                if encode(&changed, &mut again).is_ok() {
                    prop_assert_eq!(again, octets);
                }
            }
        }

        #[test]
        fn noise_never_panics(octets in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode(&octets);
        }
    }
}
