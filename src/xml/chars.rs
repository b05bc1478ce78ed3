//! Character classes of XML 1.0 (5th edition) §2.2 and §2.3, and of Namespaces in XML 1.0 §4 (NCName).

/// May start an NCName; ASCII only.
pub(crate) const NAME_START: u8 = 1;
/// May stand in an NCName; ASCII only.
pub(crate) const NAME: u8 = 2;
/// White space.
pub(crate) const SPACE: u8 = 4;
/// Ends a plain run of text: markup, reference, line end to normalize, and what a canonical form writes differently.
pub(crate) const TEXT_STOP: u8 = 8;
/// Ends a plain run of an attribute value.
pub(crate) const VALUE_STOP: u8 = 16;
/// Written escaped in canonical text.
pub(crate) const TEXT_ESCAPE: u8 = 32;
/// Written escaped in a canonical attribute value.
pub(crate) const VALUE_ESCAPE: u8 = 64;

static CLASS: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 128 {
        let byte = at as u8;
        let mut class = 0;
        if byte.is_ascii_alphabetic() || byte == b'_' {
            class |= NAME_START | NAME;
        }
        if byte.is_ascii_digit() || byte == b'-' || byte == b'.' {
            class |= NAME;
        }
        if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
            class |= SPACE;
        }
        if matches!(byte, b'<' | b'&' | b'\r' | b']' | b'>') {
            class |= TEXT_STOP;
        }
        if matches!(byte, b'<' | b'&' | b'\r' | b'\n' | b'\t' | b'"' | b'\'') {
            class |= VALUE_STOP;
        }
        if matches!(byte, b'<' | b'&' | b'\r' | b'>') {
            class |= TEXT_ESCAPE;
        }
        if matches!(byte, b'<' | b'&' | b'\r' | b'\n' | b'\t' | b'"') {
            class |= VALUE_ESCAPE;
        }
        table[at] = class;
        at += 1;
    }
    table
}

/// Whether `byte` is of one of the classes in `mask`.
#[inline]
pub(crate) fn is(byte: u8, mask: u8) -> bool {
    CLASS[usize::from(byte)] & mask != 0
}

/// First place from `at` on whose octet is of a class in `mask`; the length when there is none.
#[inline]
pub(crate) fn find(bytes: &[u8], at: usize, mask: u8) -> usize {
    bytes.get(at..).map_or(bytes.len(), |rest| {
        rest.iter().position(|byte| is(*byte, mask)).map_or(bytes.len(), |found| at + found)
    })
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// The octet in all eight places.
const fn all(octet: u8) -> u64 {
    ONES * octet as u64
}

/// High bits where an octet of `word` is below `bound` (at most 0x80). Beyond the first such place bits may be wrong.
#[inline(always)]
const fn below(word: u64, bound: u8) -> u64 {
    word.wrapping_sub(all(bound)) & !word & HIGHS
}

/// The first place from `at` on, within `most` octets, whose octet `stops` marks; eight octets are looked at at once.
/// `class` says the same octet by octet.
#[inline(always)]
fn find_by_words(bytes: &[u8], at: usize, most: usize, class: u8, stops: impl Fn(u64) -> u64) -> Option<usize> {
    let mut rest = bytes.get(at..).unwrap_or_default();
    rest = rest.get(..most).unwrap_or(rest);
    let mut from = at;
    while let Some((word, after)) = rest.split_first_chunk::<8>() {
        let marks = stops(u64::from_le_bytes(*word));
        if marks != 0 {
            return Some(from + (marks.trailing_zeros() / 8) as usize);
        }
        from += 8;
        rest = after;
    }
    rest.iter().position(|byte| is(*byte, class)).map(|found| from + found)
}

/// As [`find`] for [`TEXT_STOP`], none when none of the next `most` octets is one.
#[inline]
pub(crate) fn find_text_stop(bytes: &[u8], at: usize, most: usize) -> Option<usize> {
    find_by_words(bytes, at, most, TEXT_STOP, |word| {
        // `<` and `>` differ in one bit.
        below((word | all(2)) ^ all(b'>'), 1)
            | below(word ^ all(b'&'), 1)
            | below(word ^ all(b']'), 1)
            | below(word ^ all(b'\r'), 1)
    })
}

/// As [`find`] for [`VALUE_STOP`]. Of the control characters only those that it names are let into a text.
#[inline]
pub(crate) fn find_value_stop(bytes: &[u8], at: usize) -> usize {
    let found = find_by_words(bytes, at, usize::MAX, VALUE_STOP, |word| {
        // `"` and `&` differ in one bit.
        below((word | all(4)) ^ all(b'&'), 1)
            | below(word ^ all(b'\''), 1)
            | below(word ^ all(b'<'), 1)
            | below(word, b' ')
    });
    found.unwrap_or(bytes.len())
}

/// `NameStartChar` without `:`.
pub(crate) fn is_name_start(c: char) -> bool {
    matches!(c, 'A'..='Z' | '_' | 'a'..='z'
        | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}' | '\u{370}'..='\u{37D}'
        | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}' | '\u{2C00}'..='\u{2FEF}'
        | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}' | '\u{10000}'..='\u{EFFFF}')
}

/// `NameChar` without `:`.
pub(crate) fn is_name(c: char) -> bool {
    is_name_start(c) || matches!(c, '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

/// `Char`.
pub(crate) fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}')
}

/// Place of the first character that XML does not allow: a control character, U+FFFE or U+FFFF.
pub(crate) fn first_forbidden(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    match (first_control(bytes), first_noncharacter(bytes)) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

const CHUNK: usize = 128;

fn first_control(bytes: &[u8]) -> Option<usize> {
    let control = |byte: u8| (byte < 0x20) & (byte != b'\n') & (byte != b'\t') & (byte != b'\r');
    for (number, chunk) in bytes.chunks(CHUNK).enumerate() {
        // Written so that the compiler makes vector code of both: a least octet, then a test of each.
        if chunk.iter().fold(u8::MAX, |least, byte| least.min(*byte)) >= 0x20 {
            continue;
        }
        if chunk.iter().fold(0, |any, byte| any | u8::from(control(*byte))) != 0 {
            return chunk.iter().position(|byte| control(*byte)).map(|at| number * CHUNK + at);
        }
    }
    None
}

/// U+FFFE and U+FFFF are EF BF BE and EF BF BF.
fn first_noncharacter(bytes: &[u8]) -> Option<usize> {
    memchr::memchr_iter(0xEF, bytes)
        .find(|at| bytes.get(at + 1) == Some(&0xBF) && matches!(bytes.get(at + 2), Some(0xBE | 0xBF)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_first_forbidden_character_and_no_other() {
        assert_eq!(first_forbidden("a\t\r\n\u{FFFD}\u{10FFFF}\u{7F}"), None);
        for (text, at) in [("ab\u{1}", 2), ("\u{FFFE}", 0), ("\u{FF0C}\u{FFFF}", 3), ("\0", 0)] {
            assert_eq!(first_forbidden(text), Some(at), "{text:?}");
            assert_eq!(first_forbidden(&format!("{}{text}", "x".repeat(127))), Some(at + 127));
        }
    }

    #[test]
    fn words_find_what_octets_find() {
        let control = |byte: u8| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r');
        for plain in [b'a', 0x7F, 0x80, 0xFF, b' '] {
            for first in (0..=255_u8).filter(|byte| !control(*byte)) {
                for second in [b'a', b'<', b'=', b'\'', first.wrapping_add(1), first.wrapping_sub(1)] {
                    for at in [0, 1, 7, 8, 13, 19] {
                        let mut bytes = [plain; 21];
                        (bytes[at], bytes[at + 1]) = (first, if control(second) { b'a' } else { second });
                        for from in [0, 3] {
                            assert_eq!(find_value_stop(&bytes, from), find(&bytes, from, VALUE_STOP), "{bytes:?}");
                            let found = Some(find(&bytes, from, TEXT_STOP)).filter(|found| *found < bytes.len());
                            assert_eq!(find_text_stop(&bytes, from, 99), found, "{bytes:?}");
                            assert_eq!(find_text_stop(&bytes, from, 9), found.filter(|f| *f < from + 9), "{bytes:?}");
                        }
                    }
                }
            }
        }
        assert_eq!((find_value_stop(b"", 0), find_text_stop(b"ab", 2, 8)), (0, None));
    }

    #[test]
    fn tables_agree_with_the_productions() {
        for byte in 0..128_u8 {
            assert_eq!(is(byte, NAME_START), is_name_start(char::from(byte)));
            assert_eq!(is(byte, NAME), is_name(char::from(byte)));
        }
    }
}
