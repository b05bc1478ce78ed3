//! Short names and texts as machine words, so that they are compared and looked at without a branch for each length.

use super::arena::{SIDE, Span};

/// A name in its document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name<'d> {
    /// Its octets.
    pub octets: &'d [u8],
    /// As [`name_word`].
    pub word: u64,
}

/// At most eight octets, little-endian.
const fn word_of(octets: &[u8]) -> u64 {
    let (mut word, mut at) = (0, octets.len());
    while at > 0 {
        at -= 1;
        word = word << 8 | octets[at] as u64;
    }
    word
}

/// The last eight octets of a name, little-endian, of a shorter one all; its length on top. Equal words of names of one length up
/// to eight are equal names; unequal words are unequal names.
pub(crate) const fn name_word(name: &[u8]) -> u64 {
    let word = match name.last_chunk::<8>() {
        Some(last) => u64::from_le_bytes(*last),
        None => word_of(name),
    };
    with_length(word, name.len())
}

const fn with_length(word: u64, length: usize) -> u64 {
    word ^ (length as u64).rotate_left(57)
}

impl<'d> Name<'d> {
    /// The name that lies at `span` of `buffer`.
    #[inline(always)]
    pub(super) fn at(buffer: &'d [u8], span: Span) -> Self {
        let (start, end) = ((span.start & !SIDE) as usize, span.end as usize);
        let upto = buffer.get(..end).unwrap_or_default();
        let octets = upto.get(start..).unwrap_or_default();
        let word = match upto.last_chunk::<8>() {
            // What is read from before the name is shifted out.
            Some(last) if !octets.is_empty() => {
                let spare = 8 * 8_u32.saturating_sub(octets.len() as u32);
                with_length(u64::from_le_bytes(*last) >> spare, octets.len())
            }
            _ => name_word(octets),
        };
        Self { octets, word }
    }
}

impl<'d> From<&'d [u8]> for Name<'d> {
    fn from(octets: &'d [u8]) -> Self {
        Self { octets, word: name_word(octets) }
    }
}

/// A text in its document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Short<'d> {
    /// The text.
    pub text: &'d str,
    /// Its octets, little-endian, zeros after them; none for more than [`Short::MAX`] and at the very end of a document.
    pub words: Option<[u64; 3]>,
}

/// For each length the octets of three words that are of the text.
const MASKS: [[u64; 3]; Short::MAX + 1] = {
    let mut masks = [[0; 3]; Short::MAX + 1];
    let mut length = 0;
    while length <= Short::MAX {
        let mut octet = 0;
        while octet < length {
            masks[length][octet / 8] |= 0xFF << (8 * (octet % 8));
            octet += 1;
        }
        length += 1;
    }
    masks
};

impl<'d> Short<'d> {
    /// Octets that three words hold.
    pub const MAX: usize = 24;
    /// For a text of `length` octets that has words: those octets of the words that are of the text, all bits set.
    #[inline]
    pub fn mask(length: usize) -> [u64; 3] {
        MASKS.get(length).copied().unwrap_or([u64::MAX; 3])
    }

    /// No octets.
    pub const EMPTY: Self = Self { text: "", words: Some([0; 3]) };

    /// `text`, which lies at `span` of `buffer`.
    #[inline(always)]
    pub(super) fn at(buffer: &[u8], span: Span, text: &'d str) -> Self {
        let start = (span.start & !SIDE) as usize;
        let around = buffer.get(start..).and_then(|rest| rest.first_chunk::<{ Short::MAX }>());
        let words = match (around, MASKS.get(text.len())) {
            (Some(around), Some(mask)) => {
                let (words, _) = around.as_chunks::<8>();
                let word = |at: usize| words.get(at).map_or(0, |word| u64::from_le_bytes(*word)) & mask[at];
                Some([word(0), word(1), word(2)])
            }
            _ => None,
        };
        Self { text, words }
    }
}

impl<'d> From<&'d str> for Short<'d> {
    fn from(text: &'d str) -> Self {
        let mut words = None;
        if text.len() <= Self::MAX {
            let word = |at: usize| word_of(text.as_bytes().chunks(8).nth(at).unwrap_or_default());
            words = Some([word(0), word(1), word(2)]);
        }
        Self { text, words }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_octets_wherever_they_stand() {
        let text = "<ns:abcdefghijklmnopqrstuvwxyzABCDEFGH>0123456789";
        for start in 0..text.len() {
            for end in start..=text.len() {
                let span = Span { start: start as u32, end: end as u32 };
                let name = Name::at(text.as_bytes(), span);
                assert_eq!((name.octets, name.word), (&text.as_bytes()[start..end], name_word(name.octets)));
                let short = Short::at(text.as_bytes(), span, &text[start..end]);
                let expected = Short::from(&text[start..end]).words;
                let near_the_end = start + Short::MAX > text.len();
                assert!(short.words == expected || (near_the_end && short.words.is_none()), "{start}..{end}");
                assert_eq!(expected.is_some(), end - start <= Short::MAX);
            }
        }
        let names = ["", "A", "AA", "ID", "Id", "CountryCode", "XountryCode", "Nam", "Name", "CityName"];
        for (at, name) in names.iter().enumerate() {
            let same: Vec<usize> =
                (0..names.len()).filter(|o| name_word(names[*o].as_bytes()) == name_word(name.as_bytes())).collect();
            let expected: &[usize] = if name.ends_with("ountryCode") { &[5, 6] } else { &[at] };
            assert_eq!(same, expected, "{name}");
        }
        assert_eq!(Short::EMPTY.words, Short::from("").words);
    }
}
