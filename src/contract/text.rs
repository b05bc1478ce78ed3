//! Values of the model: short ones within themselves, so that a CO of thousands of codes costs few allocations.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Deref;

use crate::xml::Short;

/// Octets that a [`Text`] holds within itself.
const INLINE: usize = 22;

/// A text of the model, kept as it came after the white space rule of its type.
#[derive(Clone)]
pub struct Text(Repr);

#[derive(Clone)]
enum Repr {
    Inline { length: u8, octets: [u8; INLINE] },
    Heap(Box<str>),
}

impl Text {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Inline { length, octets } => {
                let octets = octets.get(..usize::from(*length)).unwrap_or_default();
                std::str::from_utf8(octets).expect("copied from a str of this length")
            }
            Repr::Heap(text) => text,
        }
    }
}

impl Text {
    /// Becomes `short`. What is short is written where it stays: made elsewhere and moved, it would be waited for.
    #[inline]
    pub(crate) fn set(&mut self, short: &Short<'_>) {
        match (&mut self.0, short.words) {
            (Repr::Inline { length, octets }, Some(words)) if short.text.len() <= INLINE => {
                put(octets, words);
                *length = short.text.len() as u8;
            }
            _ => *self = Self::from(short.text),
        }
    }
}

/// Puts three words where a [`Text`] holds octets within itself: the third with the end of the second before it, so that it is
/// one store.
#[inline(always)]
fn put(to: &mut [u8; INLINE], [a, b, c]: [u64; 3]) {
    if let Some(first) = to.first_chunk_mut() {
        *first = a.to_le_bytes();
    }
    if let Some(second) = to.get_mut(8..).and_then(|rest| rest.first_chunk_mut()) {
        *second = b.to_le_bytes();
    }
    if let Some(third) = to.last_chunk_mut() {
        *third = (b >> 48 | c << 16).to_le_bytes();
    }
}

impl From<&str> for Text {
    #[inline]
    fn from(text: &str) -> Self {
        match Short::from(text).words {
            Some(words) if text.len() <= INLINE => {
                let mut octets = [0; INLINE];
                put(&mut octets, words);
                Self(Repr::Inline { length: text.len() as u8, octets })
            }
            _ => Self(Repr::Heap(text.into())),
        }
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        if text.len() <= INLINE { Self::from(text.as_str()) } else { Self(Repr::Heap(text.into_boxed_str())) }
    }
}

impl Default for Text {
    fn default() -> Self {
        Self(Repr::Inline { length: 0, octets: [0; INLINE] })
    }
}

impl Deref for Text {
    type Target = str;
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}
impl Eq for Text {}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// A decimal number of any precision (`xs:decimal` and what is derived from it), kept as it came: never a binary float.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Decimal(Text);

impl Decimal {
    /// Reads an `xs:decimal`; none when the text is no such number.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        DecimalParts::parse(text).map(|_| Self(Text::from(text)))
    }

    /// For generated decoders, whose runtime checks the text that it puts there.
    #[doc(hidden)]
    pub fn unchecked(&mut self) -> &mut Text {
        &mut self.0
    }

    /// As it came.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Compares the numbers: `1.50` equals `+1.5`.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Ordering {
        match (DecimalParts::parse(&self.0), DecimalParts::parse(&other.0)) {
            (Some(a), Some(b)) => a.compare(&b),
            // A default Decimal is empty; it stands for zero digits.
            (a, b) => a.is_some().cmp(&b.is_some()),
        }
    }

    /// The number, when it is whole and fits.
    #[must_use]
    pub fn to_u64(&self) -> Option<u64> {
        let parts = DecimalParts::parse(&self.0)?;
        if !parts.fraction.is_empty() || (parts.negative && !parts.is_zero()) {
            return None;
        }
        if parts.whole.is_empty() { Some(0) } else { parts.whole.parse().ok() }
    }
}

impl From<u64> for Decimal {
    fn from(number: u64) -> Self {
        Self(Text::from(number.to_string()))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A decimal in canonical parts: no leading zeros before, no trailing zeros after the point.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct DecimalParts<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
}

impl<'a> DecimalParts<'a> {
    /// Reads `[+-]?(digits(.digits?)?|.digits)` (XML Schema Part 2 §3.2.3).
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (negative, digits) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let mut point = digits.len();
        for (at, octet) in digits.bytes().enumerate() {
            match octet {
                b'0'..=b'9' => {}
                b'.' if point == digits.len() => point = at,
                _ => return None,
            }
        }
        let (whole, fraction) = (&digits[..point], digits.get(point + 1..).unwrap_or_default());
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let zero = |octet: &u8| *octet == b'0';
        let whole = &whole[whole.bytes().take_while(zero).count()..];
        let fraction = &fraction[..fraction.len() - fraction.bytes().rev().take_while(zero).count()];
        Some(Self { negative, whole, fraction })
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.whole.is_empty() && self.fraction.is_empty()
    }

    /// Digits that count for `totalDigits`.
    pub(crate) fn total_digits(&self) -> usize {
        let fraction = if self.whole.is_empty() { self.fraction.trim_start_matches('0') } else { self.fraction };
        // 0.05 has the value 5 x 10^-2, but totalDigits bounds the fraction digits as well (§4.3.11).
        (self.whole.len() + self.fraction.len()).max(fraction.len())
    }

    /// Digits that count for `fractionDigits`.
    pub(crate) fn fraction_digits(&self) -> usize {
        self.fraction.len()
    }

    /// Compares the numbers.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        let sign = |parts: &Self| {
            if parts.is_zero() {
                0
            } else if parts.negative {
                -1
            } else {
                1
            }
        };
        let (left, right) = (sign(self), sign(other));
        if left != right || left == 0 {
            return left.cmp(&right);
        }
        let magnitude = self
            .whole
            .len()
            .cmp(&other.whole.len())
            .then_with(|| self.whole.cmp(other.whole))
            .then_with(|| self.fraction.cmp(other.fraction));
        if left < 0 { magnitude.reverse() } else { magnitude }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_reads_back_at_every_length() {
        // The border between the two forms is where an off-by-one would hide.
        for length in 0..60 {
            let text: String =
                "한글 and Latin, mixed and long enough to leave the inline form".chars().take(length).collect();
            assert_eq!(Text::from(text.as_str()).as_str(), text);
            assert_eq!(Text::from(text.clone()), Text::from(text.as_str()));
            let mut changed = Text::from("a longer text than fits, to be replaced");
            for old in ["", "1234567890", "a longer text than fits"] {
                changed.set(&old.into());
                changed.set(&text.as_str().into());
                assert_eq!((changed.as_str(), &changed), (text.as_str(), &Text::from(text.as_str())));
            }
            let digits = "0123456789abcdefghijklmnopqrstuvwxyz".get(..length.min(36)).unwrap_or_default();
            assert_eq!(Text::from(digits).as_str(), digits);
        }
        assert_eq!(size_of::<Text>(), 24);
        assert_eq!(size_of::<Option<Text>>(), 24);
    }

    #[test]
    fn decimals_compare_by_value_and_never_as_floats() {
        let number = |text| Decimal::parse(text).unwrap();
        assert_eq!(number("1.50").compare(&number("+01.5")), Ordering::Equal);
        assert_eq!(number("-0.0").compare(&number("0")), Ordering::Equal);
        assert_eq!(number("-2").compare(&number("1")), Ordering::Less);
        assert_eq!(number("-2").compare(&number("-10")), Ordering::Greater);
        assert_eq!(number("0.1").compare(&number("0.10000000000000000000000001")), Ordering::Less);
        assert_eq!(number("10").compare(&number("9.99")), Ordering::Greater);
        for text in ["", "+", ".", "1e3", "1,5", " 1", "NaN", "--1", "0x1"] {
            assert!(Decimal::parse(text).is_none(), "{text}");
        }
        assert_eq!(number("007.000").to_u64(), Some(7));
        assert_eq!(number("7.5").to_u64(), None);
    }
}
