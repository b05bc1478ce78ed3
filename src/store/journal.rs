//! The journal: the truth and the evidence (design 3; its measurements name the reasons).
//!
//! # On disk
//! `DIR/data/journal/0000000001.seg` and on, each: a header of 4096 octets ([`segment`]), then batches ([`frame`]) on
//! multiples of 64 octets, then a closing marker when the next segment begins. What is not written yet is zero or
//! beyond the end of the file. Every checksum is salted with the segment's own salt and the place where it stands, so
//! nothing that stood there before, or was copied there, passes for a batch. A batch closes with the hash of the chain
//! up to it, over all octets of all records; a segment begins with that of its predecessor.
//!
//! # The tail
//! There is never more than one batch in flight. So a bad batch is the unfinished end **if and only if** no valid
//! batch stands behind it; then everything from it on was never acknowledged and is cut: overwritten with zeros and
//! synced before anything is answered. A bad batch anywhere else is damage: the start stops and says where. A last
//! segment with neither a valid header nor anything behind it is empty.
//!
//! # Kept places
//! Closing a segment ([`writer`]) is where its sorted index of 24-octet entries is to be written, beside it as
//! `.idx`. Segments taken from a pool of old ones instead of fresh zeros need no change of format. Encryption at rest
//! changes what stands in a part (its flags octet says so), not the frames.

pub mod disk;
mod filler;
pub mod frame;
pub mod lookup;
pub mod reader;
pub mod segment;
pub mod writer;

pub use disk::{Disk, RealDisk};
pub use frame::Frame;
pub use lookup::Lookup;
pub use reader::{Batch, Item, JournalCursor, JournalEnd, JournalReader};
pub use segment::Identity;
pub use writer::{JournalOptions, JournalWriter, WriteError};
