//! What most values are known by at a look: types made ready, and values taken eight octets at a time.

use std::borrow::Cow;

use super::{Facet, Primitive, Simple, Variety, WhiteSpace, check, is_listed, normalize};
use crate::contract::pattern::Pattern;
use crate::xml::Short;

/// What the facets of a type say in numbers, for values that come by the thousand. A value within is one of the type when
/// `rest` asks for no more; one that is not has to be looked at facet by facet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quick {
    /// Text: characters at least.
    least: u64,
    /// Text: characters at most. Number: digits at most.
    most: u64,
    /// Number: digits after the point at most.
    fraction: u64,
    /// Number: its whole part at least.
    low: u64,
    /// Number: its whole part at most, fraction or not.
    high: u64,
    /// What is to be looked at as well.
    rest: Rest,
    /// Whether that leaves no room for white space.
    tight: bool,
    /// Whether the facets say what these numbers cannot.
    beyond: bool,
}

/// The facets that are no numbers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rest {
    /// None.
    Nothing,
    /// One pattern.
    Pattern(&'static Pattern),
    /// One list.
    Enumeration(&'static [&'static str]),
    /// Several.
    Several,
}

impl Quick {
    const fn of(variety: Variety, facets: &'static [Facet]) -> Self {
        let counts_characters = matches!(variety, Variety::Atomic(Primitive::String));
        let mut quick = Self {
            least: 0,
            most: u64::MAX,
            fraction: u64::MAX,
            low: 0,
            high: u64::MAX,
            rest: Rest::Nothing,
            tight: false,
            beyond: false,
        };
        let mut at = 0;
        while at < facets.len() {
            match facets[at] {
                // What the specification gives to types of the other kind alone.
                Facet::Length(_) | Facet::MinLength(_) | Facet::MaxLength(_) if !counts_characters => {
                    quick.beyond = true;
                }
                Facet::Length(exact) => {
                    quick.least = larger(quick.least, exact);
                    quick.most = smaller(quick.most, exact);
                }
                Facet::MinLength(min) => quick.least = larger(quick.least, min),
                Facet::MaxLength(max) => quick.most = smaller(quick.most, max),
                Facet::Pattern(patterns, _) => {
                    let [pattern] = patterns else {
                        quick.rest = Rest::Several;
                        at += 1;
                        continue;
                    };
                    quick.rest = quick.rest.and(Rest::Pattern(pattern));
                    quick.tight |= pattern.spaceless;
                }
                Facet::Enumeration(list) => {
                    quick.rest = quick.rest.and(Rest::Enumeration(list));
                    quick.tight = true;
                }
                _ if counts_characters => quick.beyond = true,
                Facet::TotalDigits(max) => quick.most = smaller(quick.most, max),
                Facet::FractionDigits(max) => quick.fraction = smaller(quick.fraction, max),
                Facet::MinInclusive(bound) => match whole(bound) {
                    Some(bound) => quick.low = larger(quick.low, bound),
                    None => quick.beyond = true,
                },
                // Less than all that is more than the bound: what lies between is looked at closely.
                Facet::MinExclusive(bound) => match whole(bound) {
                    Some(bound) => quick.low = larger(quick.low, bound.saturating_add(1)),
                    None => quick.beyond = true,
                },
                Facet::MaxInclusive(bound) if matches!(variety, Variety::Atomic(Primitive::Integer)) => {
                    match whole(bound) {
                        Some(bound) => quick.high = smaller(quick.high, bound),
                        None => quick.beyond = true,
                    }
                }
                Facet::MaxInclusive(bound) | Facet::MaxExclusive(bound) => match whole(bound) {
                    Some(bound) if bound > 0 => quick.high = smaller(quick.high, bound - 1),
                    _ => quick.beyond = true,
                },
            }
            at += 1;
        }
        quick
    }
}

impl Rest {
    const fn and(self, other: Self) -> Self {
        match self {
            Self::Nothing => other,
            _ => Self::Several,
        }
    }
}

pub(super) const fn larger(a: u64, b: u64) -> u64 {
    if a > b { a } else { b }
}

pub(super) const fn smaller(a: u64, b: u64) -> u64 {
    if a < b { a } else { b }
}

/// A bound that is a whole number of at most 18 digits without a sign.
pub(super) const fn whole(bound: &str) -> Option<u64> {
    let digits = bound.as_bytes();
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    let (mut at, mut number) = (0, 0);
    while at < digits.len() {
        if !digits[at].is_ascii_digit() {
            return None;
        }
        number = number * 10 + (digits[at] - b'0') as u64;
        at += 1;
    }
    Some(number)
}

impl Simple {
    /// A simple type.
    #[must_use]
    pub const fn new(name: &'static str, variety: Variety, white_space: WhiteSpace, facets: &'static [Facet]) -> Self {
        Self { name, variety, white_space, facets, quick: Quick::of(variety, facets) }
    }
}

/// Whether `text`, just as it stands, is a value of `simple`: no white space to normalize, no facet broken. Made for the
/// types and values that come by the thousand; false says no more than that [`normalize`] and [`check`] have to look.
#[must_use]
#[inline(always)]
pub(crate) fn holds(simple: &Simple, short: &Short<'_>) -> bool {
    let text = short.text;
    let holds = match simple.variety {
        Variety::Atomic(Primitive::String) => holds_text(simple, short),
        Variety::Atomic(Primitive::Decimal) => holds_number(simple, text, true),
        Variety::Atomic(Primitive::Integer) => holds_number(simple, text, false),
        _ => false,
    };
    debug_assert!(!holds || is_valid(simple, text), "{text:?} is taken for a value of {}", simple.name);
    holds
}

/// The same as [`holds`], from the rules themselves. Neither lists nor unions come here.
pub(super) fn is_valid(simple: &Simple, text: &str) -> bool {
    let mut broken = Vec::new();
    check(&[], simple, text, &mut broken);
    broken.is_empty() && normalize(Cow::Borrowed(text), simple.white_space) == text
}

#[inline(always)]
pub(super) fn holds_text(simple: &Simple, short: &Short<'_>) -> bool {
    let text = short.text;
    let quick = &simple.quick;
    if quick.beyond || !holds_rest(simple, text) {
        return false;
    }
    // A text of n octets has at most n characters and at least n/4.
    let most = text.len() as u64;
    if quick.tight && most.div_ceil(4) >= quick.least && most <= quick.most {
        return true;
    }
    let seen = Seen::of(short);
    let stands = match simple.white_space {
        WhiteSpace::Preserve => true,
        WhiteSpace::Replace => !seen.control,
        WhiteSpace::Collapse => !seen.loose,
    };
    let least = if seen.ascii { most } else { most.div_ceil(4) };
    stands && least >= quick.least && most <= quick.most
}

/// The facets that are no numbers.
#[inline(always)]
pub(super) fn holds_rest(simple: &Simple, text: &str) -> bool {
    match simple.quick.rest {
        Rest::Nothing => true,
        Rest::Pattern(pattern) => pattern.matches(text),
        Rest::Enumeration(list) => is_listed(list, text),
        Rest::Several => simple.facets.iter().all(|facet| match facet {
            Facet::Pattern(patterns, _) => patterns.iter().any(|pattern| pattern.matches(text)),
            Facet::Enumeration(list) => is_listed(list, text),
            _ => true,
        }),
    }
}

/// Digits with at most one point, whose number lies well within the bounds.
#[inline]
pub(super) fn holds_number(simple: &Simple, text: &str, point: bool) -> bool {
    let quick = &simple.quick;
    // Whole parts of 18 digits do not overflow.
    if quick.beyond || text.len() > 18 {
        return false;
    }
    let (mut whole, mut digits, mut before) = (0_u64, 0_u64, None);
    for octet in text.bytes() {
        match octet {
            b'0'..=b'9' => {
                digits += 1;
                if before.is_none() {
                    whole = whole * 10 + u64::from(octet - b'0');
                }
            }
            b'.' if point && before.is_none() => before = Some(digits),
            _ => return false,
        }
    }
    let fraction = digits - before.unwrap_or(digits);
    digits > 0
        && digits <= quick.most
        && fraction <= quick.fraction
        && (quick.low..=quick.high).contains(&whole)
        && holds_rest(simple, text)
}

/// What stands in a text, as far as white space and lengths go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Seen {
    /// All of it is ASCII.
    pub(super) ascii: bool,
    /// A tab, line feed or carriage return may stand in it.
    pub(super) control: bool,
    /// Something may be to be collapsed: not only single spaces, or not only between others.
    pub(super) loose: bool,
}

impl Seen {
    /// Eight octets at a time.
    #[inline(always)]
    pub(super) fn of(short: &Short<'_>) -> Self {
        let octets = short.text.as_bytes();
        let mut look = Look::default();
        match short.words {
            Some([a, b, c]) => {
                let [x, y, z] = Short::mask(octets.len());
                // Most values are short, and have no white space.
                if (at_most_space(a) & x) | (at_most_space(b) & y) | (at_most_space(c) & z) == 0 {
                    return Self { ascii: (a | b | c) & TOPS == 0, control: false, loose: false };
                }
                for (word, mask) in [(a, x), (b, y), (c, z)] {
                    look.at(word, mask);
                }
            }
            None => {
                let (words, rest) = octets.as_chunks::<8>();
                words.iter().for_each(|word| look.at(u64::from_le_bytes(*word), u64::MAX));
                let (word, mask) = rest
                    .iter()
                    .rev()
                    .fold((0, 0), |(word, mask): (u64, u64), octet| (word << 8 | u64::from(*octet), mask << 8 | 0xFF));
                look.at(word, mask);
            }
        }
        let ends = octets.first() == Some(&b' ') || octets.last() == Some(&b' ');
        Self { ascii: look.all & TOPS == 0, control: look.control, loose: look.control || look.twice || ends }
    }
}

/// The top bit of each octet.
pub(super) const TOPS: u64 = 0x8080_8080_8080_8080;

/// The top bit of each octet that is at most a space.
#[inline(always)]
pub(super) const fn at_most_space(word: u64) -> u64 {
    !(((word & !TOPS) + 0x5F5F_5F5F_5F5F_5F5F) | word) & TOPS
}

/// What the words of a text have shown so far.
#[derive(Default)]
pub(super) struct Look {
    all: u64,
    control: bool,
    /// Two spaces in a row.
    twice: bool,
    /// The top bit, when the last octet was a space.
    carry: u64,
}

impl Look {
    /// The next eight octets; those that are not of the text are zeros, and not in `mask`.
    #[inline]
    fn at(&mut self, word: u64, mask: u64) {
        let low = at_most_space(word) & mask;
        // Of what is at most a space only a space has this bit.
        let spaces = low & (word << 2);
        self.all |= word;
        self.control |= spaces != low;
        self.twice |= spaces & (spaces << 8 | self.carry >> 56) != 0;
        self.carry = spaces & 1 << 63;
    }
}
