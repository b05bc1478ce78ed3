//! Frames of batches and records: what stands before and behind the octets that were committed.
//!
//! ```text
//! batch   header  32  magic 4 | length 4 (header to trailer) | number 8 | journal time 8 | records 4 | check 4
//!         records     head 32: length 4 | CRC-32 of the octets 4 | leaf index 8 | journal time 8 | records left 4 | check 4
//!                     octets (`store::record`)
//!         trailer 36  chain 32 | check 4
//!         zeros to the next multiple of 64
//! ```
//! Big-endian. Each check is CRC-32 over the segment's salt and number, the octet where the thing stands, and what it
//! protects; the trailer's protects the header, all record heads and the chain. The chain is SHA-256 over 0x02, the
//! chain before, the header, and of each record its head and the SHA-256 of its octets.

use openssl::sha::{Sha256, sha256};

use super::super::CommitError;
use super::super::merkle::Hash;
use super::super::record::{Commit, RECORD_BYTES_MAX, encode};

/// Octets of a batch header and of a record head.
pub const HEAD_BYTES: usize = 32;
/// Octets of a trailer.
pub const TRAILER_BYTES: usize = 36;
/// Batches begin on multiples of this.
pub const ALIGN: u64 = 64;
/// Octets of a closing marker, with its padding.
pub const CLOSING_BYTES: u64 = 128;
/// Records of one batch: with its header and trailer still one vectored write.
pub const BATCH_RECORDS_MAX: usize = 1_000;
/// Octets of one batch: one record of the largest size, or many small ones.
pub const BATCH_BYTES_MAX: usize = RECORD_BYTES_MAX + (8 << 20);

const BATCH: [u8; 4] = *b"CCB1";
const CLOSING: [u8; 4] = *b"CCE1";
const NO_LEAF: u64 = u64::MAX;

/// What salts the checksums of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Salt {
    /// The segment's own random octets.
    pub octets: [u8; 16],
    /// The segment's number.
    pub segment: u64,
}

impl Salt {
    fn check(&self, offset: u64, pieces: &[&[u8]]) -> u32 {
        let mut crc = crc32fast::Hasher::new();
        crc.update(&self.octets);
        crc.update(&self.segment.to_be_bytes());
        crc.update(&offset.to_be_bytes());
        pieces.iter().for_each(|piece| crc.update(piece));
        crc.finalize()
    }
}

/// A commit ready for the journal: encoded and hashed by its writer, before it is queued.
pub struct Frame {
    /// The record head, still empty, and the octets behind it.
    octets: Vec<u8>,
    crc: u32,
    sha: [u8; 32],
}

impl Frame {
    /// Encodes a commit.
    ///
    /// # Errors
    /// [`CommitError::Bounds`].
    pub fn new(commit: &Commit) -> Result<Self, CommitError> {
        let mut octets = vec![0; HEAD_BYTES];
        encode(commit, &mut octets)?;
        let payload = &octets[HEAD_BYTES..];
        let (crc, sha) = (crc32fast::hash(payload), sha256(payload));
        Ok(Self { octets, crc, sha })
    }

    /// Octets of head and record.
    #[must_use]
    pub fn length(&self) -> usize {
        self.octets.len()
    }

    /// Head and record.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    fn seal(&mut self, salt: &Salt, offset: u64, leaf_index: Option<u64>, time: i64, left: u32) {
        let length = u32::try_from(self.octets.len() - HEAD_BYTES).expect("a record is bounded by RECORD_BYTES_MAX");
        let head = RecordHead { length, crc: self.crc, leaf_index, time, left };
        self.octets[..HEAD_BYTES].copy_from_slice(&head.encode(salt, offset));
    }
}

/// What kind of frame a batch header opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// Records.
    Batch,
    /// The end of a segment.
    Closing,
}

/// A batch header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHead {
    /// Batch or closing marker.
    pub kind: FrameKind,
    /// Octets from the header to the end of the trailer.
    pub length: u32,
    /// Number of the batch; a closing marker takes one too.
    pub number: u64,
    /// Journal time, nanoseconds since 1970.
    pub time: i64,
    /// Records.
    pub count: u32,
}

impl BatchHead {
    fn encode(&self, salt: &Salt, offset: u64) -> [u8; HEAD_BYTES] {
        let mut octets = [0; HEAD_BYTES];
        octets[..4].copy_from_slice(match self.kind {
            FrameKind::Batch => &BATCH,
            FrameKind::Closing => &CLOSING,
        });
        octets[4..8].copy_from_slice(&self.length.to_be_bytes());
        octets[8..16].copy_from_slice(&self.number.to_be_bytes());
        octets[16..24].copy_from_slice(&self.time.to_be_bytes());
        octets[24..28].copy_from_slice(&self.count.to_be_bytes());
        let check = salt.check(offset, &[&octets[..28]]);
        octets[28..].copy_from_slice(&check.to_be_bytes());
        octets
    }

    /// Reads a header that stands at `offset`; `None` when it is none.
    #[must_use]
    pub fn decode(octets: &[u8; HEAD_BYTES], salt: &Salt, offset: u64) -> Option<Self> {
        let kind = match [octets[0], octets[1], octets[2], octets[3]] {
            BATCH => FrameKind::Batch,
            CLOSING => FrameKind::Closing,
            _ => return None,
        };
        let word = |at: usize| u32::from_be_bytes([octets[at], octets[at + 1], octets[at + 2], octets[at + 3]]);
        let wide = |at: usize| (u64::from(word(at)) << 32) | u64::from(word(at + 4));
        let head = Self { kind, length: word(4), number: wide(8), time: wide(16).cast_signed(), count: word(24) };
        let least = HEAD_BYTES + TRAILER_BYTES + head.count as usize * HEAD_BYTES;
        let sound = salt.check(offset, &[&octets[..28]]) == word(28)
            && (least..=BATCH_BYTES_MAX).contains(&(head.length as usize))
            && (head.kind == FrameKind::Closing) == (head.count == 0);
        sound.then_some(head)
    }
}

/// A record head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordHead {
    /// Octets behind it.
    pub length: u32,
    /// CRC-32 of them.
    pub crc: u32,
    /// The leaf's index in its tree.
    pub leaf_index: Option<u64>,
    /// Journal time, nanoseconds since 1970.
    pub time: i64,
    /// Records behind it in its batch.
    pub left: u32,
}

impl RecordHead {
    fn encode(&self, salt: &Salt, offset: u64) -> [u8; HEAD_BYTES] {
        let mut octets = [0; HEAD_BYTES];
        octets[..4].copy_from_slice(&self.length.to_be_bytes());
        octets[4..8].copy_from_slice(&self.crc.to_be_bytes());
        octets[8..16].copy_from_slice(&self.leaf_index.unwrap_or(NO_LEAF).to_be_bytes());
        octets[16..24].copy_from_slice(&self.time.to_be_bytes());
        octets[24..28].copy_from_slice(&self.left.to_be_bytes());
        let check = salt.check(offset, &[&octets[..28]]);
        octets[28..].copy_from_slice(&check.to_be_bytes());
        octets
    }

    /// Reads a head that stands at `offset`; `None` when it is none.
    #[must_use]
    pub fn decode(octets: &[u8; HEAD_BYTES], salt: &Salt, offset: u64) -> Option<Self> {
        let word = |at: usize| u32::from_be_bytes([octets[at], octets[at + 1], octets[at + 2], octets[at + 3]]);
        let wide = |at: usize| (u64::from(word(at)) << 32) | u64::from(word(at + 4));
        let leaf_index = Some(wide(8)).filter(|index| *index != NO_LEAF);
        let head = Self { length: word(0), crc: word(4), leaf_index, time: wide(16).cast_signed(), left: word(24) };
        let sound = salt.check(offset, &[&octets[..28]]) == word(28) && head.length as usize <= RECORD_BYTES_MAX;
        sound.then_some(head)
    }
}

/// The chain over batches, being computed.
struct Chain(Sha256);

impl Chain {
    fn new(before: &Hash, header: &[u8; HEAD_BYTES]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(&[2]);
        hasher.update(before.as_bytes());
        hasher.update(header);
        Self(hasher)
    }

    fn record(&mut self, head: &[u8], sha: &[u8; 32]) {
        self.0.update(head);
        self.0.update(sha);
    }

    fn finish(self) -> Hash {
        Hash::new(self.0.finish())
    }
}

/// Header and trailer of a batch whose frames are sealed.
pub struct Sealed {
    /// The header.
    pub header: [u8; HEAD_BYTES],
    /// The trailer, and zeros up to the next batch.
    pub trailer: Vec<u8>,
    /// The chain up to and with this batch.
    pub chain: Hash,
    /// Where each record stands.
    pub offsets: Vec<u64>,
    /// Octets of all, padding included.
    pub length: u64,
}

/// Octets that a batch of these frames takes, padding included.
#[must_use]
pub fn batch_length(frames: usize) -> u64 {
    ((HEAD_BYTES + frames + TRAILER_BYTES) as u64).next_multiple_of(ALIGN)
}

/// Seals `frames` (each with its leaf index) as batch `number` at `offset`, or a closing marker when there are none.
#[must_use]
pub fn seal(
    salt: &Salt,
    offset: u64,
    number: u64,
    time: i64,
    before: &Hash,
    frames: &mut [(Frame, Option<u64>)],
) -> Sealed {
    let octets: usize = frames.iter().map(|(frame, _)| frame.length()).sum();
    let kind = if frames.is_empty() { FrameKind::Closing } else { FrameKind::Batch };
    let length = u32::try_from(HEAD_BYTES + octets + TRAILER_BYTES).expect("a batch is bounded by BATCH_BYTES_MAX");
    let count = u32::try_from(frames.len()).expect("a batch is bounded by BATCH_RECORDS_MAX");
    let header = BatchHead { kind, length, number, time, count }.encode(salt, offset);
    let mut chain = Chain::new(before, &header);
    let mut heads = crc32fast::Hasher::new();
    heads.update(&salt.octets);
    heads.update(&salt.segment.to_be_bytes());
    heads.update(&offset.to_be_bytes());
    heads.update(&header);
    let mut at = offset + HEAD_BYTES as u64;
    let mut offsets = Vec::with_capacity(frames.len());
    for (left, (frame, leaf_index)) in (0..count).rev().zip(frames.iter_mut()) {
        frame.seal(salt, at, *leaf_index, time, left);
        heads.update(&frame.octets[..HEAD_BYTES]);
        chain.record(&frame.octets[..HEAD_BYTES], &frame.sha);
        offsets.push(at);
        at += frame.length() as u64;
    }
    let chain = chain.finish();
    heads.update(chain.as_bytes());
    let padded = batch_length(octets);
    let mut trailer = vec![0; usize::try_from(padded).expect("a batch is bounded") - HEAD_BYTES - octets];
    trailer[..32].copy_from_slice(chain.as_bytes());
    trailer[32..TRAILER_BYTES].copy_from_slice(&heads.finalize().to_be_bytes());
    Sealed { header, trailer, chain, offsets, length: padded }
}

/// A record found in a batch.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// Where its head stands in the segment.
    pub offset: u64,
    /// Its head.
    pub head: RecordHead,
    /// Where its octets begin in the batch.
    start: usize,
}

impl Found {
    /// Its octets in those of its batch.
    #[must_use]
    pub fn octets<'a>(&self, batch: &'a [u8]) -> &'a [u8] {
        batch.get(self.start..self.start + self.head.length as usize).unwrap_or(&[])
    }
}

/// What is wrong with the octets of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Octet of the segment.
    pub offset: u64,
    /// What should stand there.
    pub expected: String,
    /// What stands there.
    pub came: String,
}

impl Wrong {
    /// At `offset`.
    pub fn new(offset: u64, expected: impl Into<String>, came: impl Into<String>) -> Self {
        Self { offset, expected: expected.into(), came: came.into() }
    }
}

/// Checks a whole batch (header to trailer) that stands at `offset`: every checksum, and the records' places.
///
/// Gives the records and the chain that the trailer claims.
///
/// # Errors
/// The first thing that is wrong.
pub fn open(octets: &[u8], salt: &Salt, offset: u64) -> Result<(BatchHead, Vec<Found>, Hash), Wrong> {
    let header: &[u8; HEAD_BYTES] =
        octets.first_chunk().ok_or_else(|| Wrong::new(offset, "a batch header", "the end"))?;
    let head =
        BatchHead::decode(header, salt, offset).ok_or_else(|| Wrong::new(offset, "a batch header", "another"))?;
    let body_end = (head.length as usize).checked_sub(TRAILER_BYTES).filter(|_| octets.len() == head.length as usize);
    let body_end = body_end
        .ok_or_else(|| Wrong::new(offset, format!("{} octets of a batch", head.length), format!("{}", octets.len())))?;
    let mut found = Vec::new();
    let mut heads: Vec<&[u8]> = vec![header];
    let mut at = HEAD_BYTES;
    for left in (0..head.count).rev() {
        let here = offset + at as u64;
        let octets_of_head = octets[..body_end].get(at..).and_then(<[u8]>::first_chunk::<HEAD_BYTES>);
        let record = octets_of_head.and_then(|octets| RecordHead::decode(octets, salt, here));
        let record = record.filter(|record| record.left == left && record.time == head.time);
        let record = record.ok_or_else(|| Wrong::new(here, "a record head", "another"))?;
        let start = at + HEAD_BYTES;
        let payload = octets[..body_end].get(start..start + record.length as usize);
        let payload = payload.ok_or_else(|| Wrong::new(here, "a record within its batch", "a longer one"))?;
        let crc = crc32fast::hash(payload);
        if crc != record.crc {
            return Err(Wrong::new(here, format!("a record with CRC-32 {:08x}", record.crc), format!("{crc:08x}")));
        }
        heads.push(&octets[at..start]);
        found.push(Found { offset: here, head: record, start });
        at = start + record.length as usize;
    }
    if at != body_end {
        return Err(Wrong::new(offset + at as u64, "the trailer of the batch", "other octets"));
    }
    let trailer = &octets[body_end..];
    heads.push(&trailer[..32]);
    let check = salt.check(offset, &heads);
    if trailer[32..] != check.to_be_bytes() {
        return Err(Wrong::new(offset + body_end as u64, format!("a batch with check {check:08x}"), "another"));
    }
    let chain = Hash::from_slice(&trailer[..32]).expect("32 octets were taken");
    Ok((head, found, chain))
}

/// The chain up to and with a batch that [`open`] found sound, from that before it.
#[must_use]
pub fn chain_after(before: &Hash, octets: &[u8], found: &[Found]) -> Hash {
    let header = octets.first_chunk().expect("a sound batch has a header");
    let mut chain = Chain::new(before, header);
    for record in found {
        let payload = record.octets(octets);
        chain.record(octets.get(record.start - HEAD_BYTES..record.start).unwrap_or(&[]), &sha256(payload));
    }
    chain.finish()
}
