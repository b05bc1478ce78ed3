//! Lexical and value spaces of simple types and their facets (XML Schema Part 2): the runtime of generated decoders.
//!
//! Lengths count characters (octets for binary types, items for lists). Numbers are compared as decimals of any length.
//! Dates are compared on the time line; two that cannot be ordered (one without zone) break a bound.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::pattern::Pattern;
use super::text::DecimalParts;
use crate::base::octets::same;
use crate::xml::Short;

/// What white space becomes before a value is looked at (§4.3.6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WhiteSpace {
    /// Stays.
    Preserve,
    /// Each tab, line feed and carriage return becomes a space.
    Replace,
    /// Replaced, runs made one, ends cut.
    Collapse,
}

/// Which lexical and value space.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Primitive {
    /// `xs:string` and what is derived from it.
    String,
    /// `xs:boolean`.
    Boolean,
    /// `xs:decimal`.
    Decimal,
    /// `xs:integer` and what is derived from it.
    Integer,
    /// `xs:float`, `xs:double`.
    Float,
    /// `xs:dateTime`.
    DateTime,
    /// `xs:date`.
    Date,
    /// `xs:time`.
    Time,
    /// `xs:gYearMonth`.
    YearMonth,
    /// `xs:gYear`.
    Year,
    /// `xs:gMonthDay`.
    MonthDay,
    /// `xs:gDay`.
    Day,
    /// `xs:gMonth`.
    Month,
    /// `xs:duration`.
    Duration,
    /// `xs:hexBinary`.
    HexBinary,
    /// `xs:base64Binary`.
    Base64Binary,
    /// `xs:anyURI`.
    AnyUri,
    /// `xs:anySimpleType`.
    Any,
}

/// What a simple type is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Variety {
    /// One value.
    Atomic(Primitive),
    /// White space separated values of the simple type with this number.
    List(u32),
    /// A value of one of the simple types with these numbers.
    Union(&'static [u32]),
}

/// A facet (§4.3).
#[derive(Clone, Copy, Debug)]
pub enum Facet {
    /// `length`
    Length(u64),
    /// `minLength`
    MinLength(u64),
    /// `maxLength`
    MaxLength(u64),
    /// `pattern`: one of those of the same derivation step, and how the schema puts them in words.
    Pattern(&'static [&'static Pattern], &'static str),
    /// `enumeration`
    Enumeration(&'static [&'static str]),
    /// `totalDigits`
    TotalDigits(u64),
    /// `fractionDigits`
    FractionDigits(u64),
    /// `minInclusive`
    MinInclusive(&'static str),
    /// `minExclusive`
    MinExclusive(&'static str),
    /// `maxInclusive`
    MaxInclusive(&'static str),
    /// `maxExclusive`
    MaxExclusive(&'static str),
}

/// A simple type with the facets of all its derivation steps.
#[derive(Clone, Copy, Debug)]
pub struct Simple {
    /// Its name, for people.
    pub name: &'static str,
    /// What it is made of.
    pub variety: Variety,
    /// What white space becomes.
    pub white_space: WhiteSpace,
    /// Its facets, the base type's first.
    pub facets: &'static [Facet],
    /// What most of its values are known by.
    quick: Quick,
}

/// What the facets of a type say in numbers, for values that come by the thousand. A value within is one of the type when
/// `rest` asks for no more; one that is not has to be looked at facet by facet.
#[derive(Clone, Copy, Debug)]
struct Quick {
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
enum Rest {
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

const fn larger(a: u64, b: u64) -> u64 {
    if a > b { a } else { b }
}

const fn smaller(a: u64, b: u64) -> u64 {
    if a < b { a } else { b }
}

/// A bound that is a whole number of at most 18 digits without a sign.
const fn whole(bound: &str) -> Option<u64> {
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

/// What a value breaks: the rule and what it expects.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broken {
    /// As [`Violation::code`](super::Violation::code).
    pub code: &'static str,
    /// What was expected.
    pub expected: String,
    /// Membership, where a list was expected.
    pub in_list: Option<bool>,
}

fn is_space(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t' | b'\n' | b'\r')
}

/// Applies a white space rule; borrows when nothing changes.
#[must_use]
#[inline]
pub fn normalize(text: Cow<'_, str>, rule: WhiteSpace) -> Cow<'_, str> {
    match rule {
        WhiteSpace::Preserve => text,
        WhiteSpace::Replace if text.bytes().any(|b| matches!(b, b'\t' | b'\n' | b'\r')) => {
            Cow::Owned(text.replace(['\t', '\n', '\r'], " "))
        }
        WhiteSpace::Replace => text,
        WhiteSpace::Collapse => {
            if !Seen::of(&Short::from(&*text)).loose {
                return text;
            }
            let mut out = String::with_capacity(text.len());
            for part in text.split([' ', '\t', '\n', '\r']).filter(|part| !part.is_empty()) {
                if !out.is_empty() {
                    out.push(' ');
                }
                out.push_str(part);
            }
            Cow::Owned(out)
        }
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
fn is_valid(simple: &Simple, text: &str) -> bool {
    let mut broken = Vec::new();
    check(&[], simple, text, &mut broken);
    broken.is_empty() && normalize(Cow::Borrowed(text), simple.white_space) == text
}

#[inline(always)]
fn holds_text(simple: &Simple, short: &Short<'_>) -> bool {
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
fn holds_rest(simple: &Simple, text: &str) -> bool {
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
fn holds_number(simple: &Simple, text: &str, point: bool) -> bool {
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
struct Seen {
    /// All of it is ASCII.
    ascii: bool,
    /// A tab, line feed or carriage return may stand in it.
    control: bool,
    /// Something may be to be collapsed: not only single spaces, or not only between others.
    loose: bool,
}

impl Seen {
    /// Eight octets at a time.
    #[inline(always)]
    fn of(short: &Short<'_>) -> Self {
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
const TOPS: u64 = 0x8080_8080_8080_8080;

/// The top bit of each octet that is at most a space.
#[inline(always)]
const fn at_most_space(word: u64) -> u64 {
    !(((word & !TOPS) + 0x5F5F_5F5F_5F5F_5F5F) | word) & TOPS
}

/// What the words of a text have shown so far.
#[derive(Default)]
struct Look {
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

/// Checks `value`, already white-space normalized, against `simple`. Gives everything that it breaks.
pub fn check(simples: &'static [Simple], simple: &Simple, value: &str, broken: &mut Vec<Broken>) {
    match simple.variety {
        Variety::Atomic(primitive) => {
            if !is_lexical(primitive, value) {
                let expected = format!("{} ({})", describe_primitive(primitive), simple.name);
                broken.push(Broken { code: "datatype", expected, in_list: None });
                return;
            }
            for facet in simple.facets {
                check_facet(primitive, facet, value, broken);
            }
        }
        Variety::List(item) => {
            let Some(item) = simples.get(item as usize) else { return };
            let mut count = 0;
            for part in value.split(' ').filter(|part| !part.is_empty()) {
                count += 1;
                check(simples, item, part, broken);
            }
            for facet in simple.facets {
                check_length(facet, count, "items", broken);
                check_whole(simples, simple, facet, value, broken);
            }
        }
        Variety::Union(members) => {
            let fits = |member: &u32| {
                simples.get(*member as usize).is_some_and(|member| {
                    let mut inner = Vec::new();
                    check(simples, member, &normalize(Cow::Borrowed(value), member.white_space), &mut inner);
                    inner.is_empty()
                })
            };
            if !members.iter().any(fits) {
                let names: Vec<&str> =
                    members.iter().filter_map(|m| simples.get(*m as usize)).map(|m| m.name).collect();
                broken.push(Broken {
                    code: "datatype",
                    expected: format!("one of {}", names.join(", ")),
                    in_list: None,
                });
                return;
            }
            for facet in simple.facets {
                check_whole(simples, simple, facet, value, broken);
            }
        }
    }
}

fn check_facet(primitive: Primitive, facet: &Facet, value: &str, broken: &mut Vec<Broken>) {
    match facet {
        Facet::Length(_) | Facet::MinLength(_) | Facet::MaxLength(_) => {
            check_value_length(primitive, facet, value, broken)
        }
        Facet::Pattern(..) => check_text(facet, value, broken),
        Facet::Enumeration(list) => {
            if !is_listed(list, value) && !list.iter().any(|entry| same_value(primitive, entry, value)) {
                broken.push(not_in_list(list));
            }
        }
        Facet::TotalDigits(max) => {
            if DecimalParts::parse(value).is_some_and(|parts| parts.total_digits() as u64 > *max) {
                broken.push(Broken { code: "total-digits", expected: format!("at most {max} digits"), in_list: None });
            }
        }
        Facet::FractionDigits(max) => {
            if DecimalParts::parse(value).is_some_and(|parts| parts.fraction_digits() as u64 > *max) {
                let expected = format!("at most {max} digits after the point");
                broken.push(Broken { code: "fraction-digits", expected, in_list: None });
            }
        }
        Facet::MinInclusive(bound) => {
            if !matches!(compare(primitive, value, bound), Some(Ordering::Greater | Ordering::Equal)) {
                broken.push(Broken { code: "min-inclusive", expected: format!("at least {bound}"), in_list: None });
            }
        }
        Facet::MinExclusive(bound) => {
            if compare(primitive, value, bound) != Some(Ordering::Greater) {
                broken.push(Broken { code: "min-exclusive", expected: format!("more than {bound}"), in_list: None });
            }
        }
        Facet::MaxInclusive(bound) => {
            if !matches!(compare(primitive, value, bound), Some(Ordering::Less | Ordering::Equal)) {
                broken.push(Broken { code: "max-inclusive", expected: format!("at most {bound}"), in_list: None });
            }
        }
        Facet::MaxExclusive(bound) => {
            if compare(primitive, value, bound) != Some(Ordering::Less) {
                broken.push(Broken { code: "max-exclusive", expected: format!("less than {bound}"), in_list: None });
            }
        }
    }
}

/// Whether `value` is spelled like an entry; code lists have hundreds, nearly all of another spelling at first sight.
fn is_listed(list: &[&str], value: &str) -> bool {
    list.iter().any(|entry| same(entry.as_bytes(), value.as_bytes()))
}

fn not_in_list(list: &[&str]) -> Broken {
    let shown = list.iter().take(20).copied().collect::<Vec<_>>().join(", ");
    let more = if list.len() > 20 { format!(" and {} more", list.len() - 20) } else { String::new() };
    Broken { code: "enumeration", expected: format!("one of {shown}{more}"), in_list: Some(false) }
}

/// Pattern and enumeration on the text itself: lists and unions.
fn check_text(facet: &Facet, value: &str, broken: &mut Vec<Broken>) {
    match facet {
        Facet::Pattern(patterns, words) if !patterns.iter().any(|pattern| pattern.matches(value)) => {
            let expected = if words.is_empty() {
                let sources: Vec<&str> = patterns.iter().map(|pattern| pattern.source).collect();
                format!("the pattern {}", sources.join(" or "))
            } else {
                (*words).to_owned()
            };
            broken.push(Broken { code: "pattern", expected, in_list: None });
        }
        Facet::Enumeration(list) if !is_listed(list, value) => broken.push(not_in_list(list)),
        _ => {}
    }
}

fn check_value_length(primitive: Primitive, facet: &Facet, value: &str, broken: &mut Vec<Broken>) {
    match primitive {
        Primitive::HexBinary => check_length(facet, value.len() as u64 / 2, "octets", broken),
        Primitive::Base64Binary => check_length(facet, base64_octets(value), "octets", broken),
        _ => {
            // A text of n octets has at most n characters and at least n/4: mostly no count is needed.
            let octets = value.len() as u64;
            match facet {
                Facet::MaxLength(max) if octets <= *max => {}
                Facet::MinLength(min) if octets >= min.saturating_mul(4) => {}
                _ => check_length(facet, value.chars().count() as u64, "characters", broken),
            }
        }
    }
}

fn check_length(facet: &Facet, length: u64, unit: &str, broken: &mut Vec<Broken>) {
    let (code, expected) = match facet {
        Facet::Length(exact) if length != *exact => ("length", format!("{exact} {unit}")),
        Facet::MinLength(min) if length < *min => ("min-length", format!("at least {min} {unit}")),
        Facet::MaxLength(max) if length > *max => ("max-length", format!("at most {max} {unit}")),
        _ => return,
    };
    broken.push(Broken { code, expected, in_list: None });
}

fn base64_octets(value: &str) -> u64 {
    let digits = value.bytes().filter(|b| !is_space(*b) && *b != b'=').count() as u64;
    digits * 6 / 8
}

/// How the lexical space is told to people.
#[must_use]
pub fn describe_primitive(primitive: Primitive) -> &'static str {
    match primitive {
        Primitive::String | Primitive::Any => "text",
        Primitive::Boolean => "true, false, 1 or 0",
        Primitive::Decimal => "a decimal number",
        Primitive::Integer => "a whole number",
        Primitive::Float => "a number",
        Primitive::DateTime => "a date and time CCYY-MM-DDThh:mm:ss",
        Primitive::Date => "a date CCYY-MM-DD",
        Primitive::Time => "a time hh:mm:ss",
        Primitive::YearMonth => "a month CCYY-MM",
        Primitive::Year => "a year CCYY",
        Primitive::MonthDay => "a day --MM-DD",
        Primitive::Day => "a day ---DD",
        Primitive::Month => "a month --MM",
        Primitive::Duration => "a duration PnYnMnDTnHnMnS",
        Primitive::HexBinary => "hexadecimal digits",
        Primitive::Base64Binary => "base64",
        Primitive::AnyUri => "a URI",
    }
}

/// Whether `value` is in the lexical space.
#[must_use]
pub fn is_lexical(primitive: Primitive, value: &str) -> bool {
    match primitive {
        Primitive::String | Primitive::Any | Primitive::AnyUri => true,
        Primitive::Boolean => matches!(value, "true" | "false" | "1" | "0"),
        Primitive::Decimal => DecimalParts::parse(value).is_some(),
        Primitive::Integer => {
            let digits = value.strip_prefix(['+', '-']).unwrap_or(value);
            !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
        }
        Primitive::Float => float(value).is_some(),
        Primitive::HexBinary => value.len().is_multiple_of(2) && value.bytes().all(|b| b.is_ascii_hexdigit()),
        Primitive::Base64Binary => is_base64(value),
        Primitive::Duration => is_duration(value),
        _ => Moment::parse(primitive, value).is_some(),
    }
}

fn float(value: &str) -> Option<f64> {
    match value {
        "INF" => Some(f64::INFINITY),
        "-INF" => Some(f64::NEG_INFINITY),
        "NaN" => Some(f64::NAN),
        _ => {
            let plain = value.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'));
            if plain { value.parse().ok() } else { None }
        }
    }
}

/// Groups of four digits; spaces only between digits (§3.2.16).
fn is_base64(value: &str) -> bool {
    let mut digits = 0_usize;
    let mut padding = 0_usize;
    let mut last = b'A';
    for octet in value.bytes() {
        match octet {
            b' ' => {}
            b'=' => padding += 1,
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => {
                digits += 1;
                last = octet;
            }
            _ => return false,
        }
    }
    let unused_bits_are_zero = match padding {
        0 => true,
        1 => b"AEIMQUYcgkosw048".contains(&last),
        2 => b"AQgw".contains(&last),
        _ => false,
    };
    (digits + padding).is_multiple_of(4) && unused_bits_are_zero && (padding == 0 || digits > 0)
}

fn is_duration(value: &str) -> bool {
    let Some(rest) = value.strip_prefix('-').unwrap_or(value).strip_prefix('P') else { return false };
    let (date, time) = match rest.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (rest, None),
    };
    let parts = |mut text: &str, units: &[char]| -> Option<usize> {
        let mut units = units.iter();
        let mut count = 0;
        while !text.is_empty() {
            let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
            let (number, unit) = (&text[..end], text[end..].chars().next()?);
            units.find(|known| **known == unit)?;
            let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            let well_formed = match number.split_once('.') {
                Some((whole, fraction)) => unit == 'S' && digits(whole) && digits(fraction),
                None => digits(number),
            };
            if !well_formed {
                return None;
            }
            count += 1;
            text = &text[end + unit.len_utf8()..];
        }
        Some(count)
    };
    match (parts(date, &['Y', 'M', 'D']), time.map(|time| parts(time, &['H', 'M', 'S']))) {
        (Some(count), None) => count > 0,
        (Some(_), Some(Some(count))) => count > 0,
        _ => false,
    }
}

/// A facet of a list or a union, whose values are equal when what they are made of is.
fn check_whole(simples: &'static [Simple], simple: &Simple, facet: &Facet, value: &str, broken: &mut Vec<Broken>) {
    match facet {
        Facet::Enumeration(list) if list.iter().any(|entry| is_same(simples, simple, entry, value)) => {}
        _ => check_text(facet, value, broken),
    }
}

/// Whether two texts are one value of `simple`, whose lexical forms they are.
#[must_use]
pub fn is_same(simples: &'static [Simple], simple: &Simple, a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    match simple.variety {
        Variety::Atomic(primitive) => same_value(primitive, a, b),
        Variety::List(item) => {
            let parts =
                |text: &str| text.split(' ').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>();
            let (a, b) = (parts(a), parts(b));
            let item = simples.get(item as usize);
            item.is_some_and(|item| a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| is_same(simples, item, a, b)))
        }
        Variety::Union(members) => {
            // Each is a value of the first member that it fits (Part 2 §2.5.1.3).
            let value_of = |text: &str| {
                members.iter().filter_map(|member| simples.get(*member as usize)).find_map(|member| {
                    let text = normalize(Cow::Borrowed(text), member.white_space);
                    let mut broken = Vec::new();
                    check(simples, member, &text, &mut broken);
                    broken.is_empty().then(|| (member, text.into_owned()))
                })
            };
            match (value_of(a), value_of(b)) {
                (Some((one, a)), Some((other, b))) => match (one.variety, other.variety) {
                    (Variety::Atomic(one), Variety::Atomic(other)) if family(one) == family(other) => {
                        a == b || same_value(family(one), &a, &b)
                    }
                    (Variety::Atomic(_), Variety::Atomic(_)) => false,
                    _ => std::ptr::eq(one, other) && is_same(simples, one, &a, &b),
                },
                _ => false,
            }
        }
    }
}

/// The primitive whose value space that of `primitive` is a part of.
fn family(primitive: Primitive) -> Primitive {
    if primitive == Primitive::Integer { Primitive::Decimal } else { primitive }
}

/// Months, whole seconds and the rest of a second of a duration: equal where these are (Part 2 §3.2.6).
fn duration(text: &str) -> Option<(i128, i128, String)> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (dates, times) = text.strip_prefix('P')?.split_once('T').unwrap_or((text.get(1..)?, ""));
    let (mut months, mut seconds, mut rest) = (0_i128, 0_i128, String::new());
    for (part, in_time) in [(dates, false), (times, true)] {
        for piece in part.split_inclusive(|c: char| c.is_ascii_alphabetic()) {
            let (number, unit) = piece.split_at(piece.len().checked_sub(1)?);
            let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
            let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
            let factor = match (unit, in_time) {
                ("Y", false) => 12,
                ("M", false) => 1,
                ("D", false) => 86_400,
                ("H", true) => 3_600,
                ("M", true) => 60,
                ("S", true) => 1,
                _ => return None,
            };
            let to = if matches!((unit, in_time), ("Y" | "M", false)) { &mut months } else { &mut seconds };
            *to = to.checked_add(whole.checked_mul(factor)?)?;
            rest = fraction.trim_end_matches('0').to_owned();
        }
    }
    let sign = if negative { -1 } else { 1 };
    if negative && !rest.is_empty() {
        rest.insert(0, '-');
    }
    Some((sign * months, sign * seconds, rest))
}

/// Whether two lexical forms are one value.
fn same_value(primitive: Primitive, a: &str, b: &str) -> bool {
    match primitive {
        Primitive::Boolean => matches!(a, "true" | "1") == matches!(b, "true" | "1"),
        Primitive::Float => match (float(a), float(b)) {
            (Some(a), Some(b)) => a == b || (a.is_nan() && b.is_nan()),
            _ => false,
        },
        Primitive::HexBinary => a.eq_ignore_ascii_case(b),
        Primitive::Base64Binary => a.bytes().filter(|b| *b != b' ').eq(b.bytes().filter(|b| *b != b' ')),
        Primitive::Duration => duration(a).is_some_and(|value| Some(value) == duration(b)),
        Primitive::String | Primitive::Any | Primitive::AnyUri => false,
        _ => compare(primitive, a, b) == Some(Ordering::Equal),
    }
}

/// Order of two values of the same primitive; none where they cannot be ordered.
#[must_use]
pub fn compare(primitive: Primitive, a: &str, b: &str) -> Option<Ordering> {
    match primitive {
        Primitive::Decimal | Primitive::Integer => Some(DecimalParts::parse(a)?.compare(&DecimalParts::parse(b)?)),
        Primitive::Float => match (float(a)?, float(b)?) {
            // It equals itself, and is neither below nor above anything.
            (a, b) if a.is_nan() && b.is_nan() => Some(Ordering::Equal),
            (a, b) => a.partial_cmp(&b),
        },
        _ => Moment::parse(primitive, a)?.compare(&Moment::parse(primitive, b)?),
    }
}

/// A point on the time line (§3.2.7 to §3.2.14), in seconds, with the fraction as its digits.
struct Moment<'a> {
    seconds: i128,
    fraction: &'a str,
    zoned: bool,
}

/// Fourteen hours: what an absent zone may amount to.
const ZONE_MAX_S: i128 = 14 * 3600;

impl<'a> Moment<'a> {
    fn parse(primitive: Primitive, text: &'a str) -> Option<Self> {
        let (body, zone) = split_zone(primitive, text)?;
        let (mut year, mut month, mut day) = (2000, 1, 1);
        let mut time = (0, 0, 0, "");
        match primitive {
            Primitive::DateTime => {
                let (date, clock) = body.split_once('T')?;
                (year, month, day) = date_parts(date)?;
                time = time_parts(clock)?;
            }
            Primitive::Date => (year, month, day) = date_parts(body)?,
            Primitive::Time => time = time_parts(body)?,
            Primitive::YearMonth => {
                let (y, m) = body.rsplit_once('-')?;
                (year, month) = (year_part(y)?, two(m)?);
            }
            Primitive::Year => year = year_part(body)?,
            Primitive::MonthDay => {
                let (m, d) = body.strip_prefix("--")?.split_once('-')?;
                (month, day) = (two(m)?, two(d)?);
            }
            Primitive::Day => day = two(body.strip_prefix("---")?)?,
            Primitive::Month => month = two(body.strip_prefix("--")?)?,
            _ => return None,
        }
        if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
            return None;
        }
        let days = days_from_civil(year, month, day);
        let seconds = days * 86_400 + time.0 * 3600 + time.1 * 60 + time.2 - zone.unwrap_or(0);
        Some(Self { seconds, fraction: time.3, zoned: zone.is_some() })
    }

    fn compare(&self, other: &Self) -> Option<Ordering> {
        let exact = self.seconds.cmp(&other.seconds).then_with(|| self.fraction.cmp(other.fraction));
        if self.zoned == other.zoned {
            return Some(exact);
        }
        let apart = (self.seconds - other.seconds).abs();
        if apart > ZONE_MAX_S { Some(exact) } else { None }
    }
}

/// Cuts off `Z` or `+hh:mm`; gives the offset in seconds.
fn split_zone(primitive: Primitive, text: &str) -> Option<(&str, Option<i128>)> {
    if let Some(body) = text.strip_suffix('Z') {
        return Some((body, Some(0)));
    }
    let at = text.len().checked_sub(6);
    if let Some((body, zone)) = at.and_then(|at| text.split_at_checked(at)) {
        let octets = zone.as_bytes();
        let sign = match octets.first() {
            Some(b'+') => 1,
            Some(b'-') => -1,
            _ => 0,
        };
        if sign != 0 && octets.get(3) == Some(&b':') {
            // `--12-31` has no zone, although its end looks like one at first glance.
            let (hours, minutes) = (two(&zone[1..3])?, two(&zone[4..6])?);
            let valid = (hours < 14 && minutes < 60) || (hours == 14 && minutes == 0);
            return if valid { Some((body, Some(sign * (hours * 3600 + minutes * 60)))) } else { None };
        }
    }
    let _ = primitive;
    Some((text, None))
}

fn two(text: &str) -> Option<i128> {
    let digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

fn year_part(text: &str) -> Option<i128> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let well_formed = digits.len() >= 4
        && digits.len() <= 18
        && digits.bytes().all(|b| b.is_ascii_digit())
        && (digits.len() == 4 || !digits.starts_with('0'))
        && digits != "0000";
    if well_formed { text.parse().ok() } else { None }
}

fn date_parts(text: &str) -> Option<(i128, i128, i128)> {
    let (rest, day) = text.rsplit_once('-')?;
    let (year, month) = rest.rsplit_once('-')?;
    Some((year_part(year)?, two(month)?, two(day)?))
}

fn time_parts(text: &str) -> Option<(i128, i128, i128, &str)> {
    let (whole, fraction) = match text.split_once('.') {
        Some((_, "")) => return None,
        Some((whole, fraction)) => (whole, fraction),
        None => (text, ""),
    };
    let mut parts = whole.split(':');
    let (hours, minutes, seconds) = (two(parts.next()?)?, two(parts.next()?)?, two(parts.next()?)?);
    if parts.next().is_some() || !fraction.bytes().all(|b| b.is_ascii_digit()) || minutes > 59 || seconds > 59 {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let midnight = hours == 24 && minutes == 0 && seconds == 0 && fraction.is_empty();
    if hours > 23 && !midnight { None } else { Some((hours, minutes, seconds, fraction)) }
}

fn days_in_month(year: i128, month: i128) -> i128 {
    match month {
        2 if (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar.
fn days_from_civil(year: i128, month: i128, day: i128) -> i128 {
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_rules_are_the_three_of_the_specification() {
        let text = " a\t\tb \n";
        assert_eq!(normalize(Cow::Borrowed(text), WhiteSpace::Preserve), text);
        assert_eq!(normalize(Cow::Borrowed(text), WhiteSpace::Replace), " a  b  ");
        assert_eq!(normalize(Cow::Borrowed(text), WhiteSpace::Collapse), "a b");
        for clean in ["", "a", "a b c"] {
            assert!(matches!(normalize(Cow::Borrowed(clean), WhiteSpace::Collapse), Cow::Borrowed(_)), "{clean}");
        }
        for spaced in [" ", "a ", " a", "a  b", "a\nb"] {
            assert!(matches!(normalize(Cow::Borrowed(spaced), WhiteSpace::Collapse), Cow::Owned(_)), "{spaced:?}");
        }
    }

    #[test]
    fn lexical_spaces_take_and_refuse() {
        use Primitive::*;
        let table: &[(Primitive, &[&str], &[&str])] = &[
            (Boolean, &["true", "0"], &["TRUE", "yes", ""]),
            (Integer, &["0", "-12", "+007"], &["1.0", "", "+"]),
            (Float, &["1", "-1.5E3", "INF", "NaN"], &["inf", "nan", "1e", "0x1", ""]),
            (
                DateTime,
                &["2025-10-01T09:30:00", "2024-02-29T24:00:00Z", "-0001-01-01T00:00:00.123+14:00"],
                &[
                    "2025-02-29T00:00:00",
                    "2025-10-01",
                    "2025-10-01T09:30",
                    "2025-10-01T24:00:01",
                    "2025-13-01T00:00:00",
                    "2025-10-01T09:30:00+14:01",
                ],
            ),
            (
                Date,
                &["2025-10-01", "2025-10-01Z", "12025-10-01-05:00"],
                &["25-10-01", "2025-1-1", "0000-01-01", "02025-01-01"],
            ),
            (Time, &["09:30:00", "24:00:00", "09:30:00.5Z"], &["9:30:00", "09:60:00", "09:30:00."]),
            (MonthDay, &["--12-31", "--02-29Z"], &["--02-30", "-12-31"]),
            (Month, &["--12", "--01Z"], &["--13", "12"]),
            (Day, &["---31"], &["---32"]),
            (YearMonth, &["2025-10"], &["2025-13", "2025"]),
            (Year, &["2025", "-2025Z"], &["205", "02025"]),
            (
                Duration,
                &["P1Y", "-P1DT2H", "PT0.5S", "P1Y2M3DT4H5M6.7S"],
                &["P", "PT", "1Y", "P1S", "P1.5Y", "PT1M1H", "P-1Y"],
            ),
            (HexBinary, &["", "0aFF"], &["0", "0g"]),
            (Base64Binary, &["", "QQ==", "QUI=", "QUJD", "Q Q = ="], &["QQ", "QR==", "Q===", "QQ==A", "="]),
        ];
        for (primitive, good, bad) in table {
            for value in *good {
                assert!(is_lexical(*primitive, value), "{primitive:?} {value}");
            }
            for value in *bad {
                assert!(!is_lexical(*primitive, value), "{primitive:?} {value}");
            }
        }
    }

    #[test]
    fn white_space_is_seen_wherever_it_stands() {
        let naive = |text: &str| {
            let control = text.bytes().any(|octet| octet < b' ');
            let single = text.split(' ').all(|word| !word.is_empty()) || text.is_empty();
            Seen { ascii: text.is_ascii(), control, loose: control || !single }
        };
        for length in 0..40 {
            for first in 0..length.max(1) {
                for second in first..length.max(1) {
                    for octet in [b' ', b'\t', b'\n', b'!', b'0', 0xFF] {
                        let mut octets = vec![b'x'; length];
                        for at in [first, second] {
                            if let Some(place) = octets.get_mut(at) {
                                *place = octet;
                            }
                        }
                        let text = String::from_utf8_lossy(&octets);
                        assert_eq!(Seen::of(&Short::from(&*text)), naive(&text), "{text:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_taken_at_a_look_breaks_no_rule_of_any_type() {
        // A value that the short way takes is never looked at again.
        let values = [
            "",
            " ",
            "a",
            "a ",
            " a",
            "a  b",
            "a b",
            "a\tb",
            "KR",
            "kr",
            "9",
            "861",
            "0",
            "1",
            "-1",
            "+1",
            "-0",
            "00",
            ".",
            "1.",
            ".5",
            "1.5",
            "1.5.5",
            "99999",
            "100000",
            "0.0000001",
            "1.000000",
            "12345678901234567",
            "true",
            "yes",
            "Y",
            "20260101",
            "20260101093000Z",
            "2026-01-01T09:30:00Z",
            "한",
            "한국",
            "\u{1F600}",
            "\u{A0}",
            "e\u{301}",
        ];
        let long = ["x".repeat(70), "x".repeat(71), "한".repeat(70), "한".repeat(71), "x".repeat(513)];
        let values: Vec<&str> = values.into_iter().chain(long.iter().map(String::as_str)).collect();
        let simples = crate::contract::generated::TABLES.simples;
        let (mut taken, mut left) = (0, 0);
        for simple in simples {
            for value in &values {
                let valid = match simple.variety {
                    Variety::Atomic(_) => is_valid(simple, value),
                    _ => false,
                };
                let holds = holds(simple, &Short::from(*value));
                assert!(valid || !holds, "{value:?} is taken for a value of {}", simple.name);
                taken += usize::from(holds);
                left += usize::from(valid && !holds);
            }
        }
        assert!(taken > 10 * left, "the short way takes {taken}, and leaves {left}");
        let named = |name: &str| simples.iter().find(|simple| simple.name == name).unwrap();
        for (name, good, bad) in [
            ("CountryCodeType", "KR", "kr"),
            ("Text70Type", "Goods of  Korea", " "),
            ("SequenceNumericType", "99999", "100000"),
            ("Amount16Type", "12.50", "12.5001"),
            ("Amount16Type", "0", "-0.001"),
            ("LPCOFunctionType", "9", "8"),
        ] {
            assert!(holds(named(name), &good.into()) && !holds(named(name), &bad.into()), "{name}");
        }
    }

    #[test]
    fn moments_compare_across_zones_and_stay_unordered_without_one() {
        let order = |a, b| compare(Primitive::DateTime, a, b);
        assert_eq!(order("2025-10-01T09:30:00+09:00", "2025-10-01T00:30:00Z"), Some(Ordering::Equal));
        assert_eq!(order("2025-10-01T00:00:00", "2025-10-01T09:00:00Z"), None);
        assert_eq!(order("2025-10-01T00:00:00", "2025-10-02T00:00:00Z"), Some(Ordering::Less));
        assert_eq!(order("2025-10-01T00:00:00.10Z", "2025-10-01T00:00:00.1Z"), Some(Ordering::Equal));
        assert_eq!(order("1969-12-31T24:00:00Z", "1970-01-01T00:00:00Z"), Some(Ordering::Equal));
    }

    #[test]
    fn durations_are_one_value_where_months_and_seconds_are() {
        let equal = |a: &str, b: &str| same_value(Primitive::Duration, a, b);
        assert!(equal("P1D", "PT24H") && equal("P1Y2M", "P14M") && equal("PT1M0.50S", "PT60.5S"));
        assert!(equal("-P1D", "-PT1440M") && equal("P0D", "-PT0S"));
        assert!(!equal("P1M", "P30D") && !equal("P1D", "-P1D") && !equal("PT0.5S", "-PT0.5S") && !equal("P1M", "PT1M"));
    }

    #[test]
    fn facets_bound_values_and_lengths_count_characters() {
        static SIMPLES: [Simple; 3] = [
            Simple::new(
                "n..5,2",
                Variety::Atomic(Primitive::Decimal),
                WhiteSpace::Collapse,
                &[Facet::MinInclusive("0"), Facet::TotalDigits(5), Facet::FractionDigits(2)],
            ),
            Simple::new(
                "a..3",
                Variety::Atomic(Primitive::String),
                WhiteSpace::Preserve,
                &[Facet::MinLength(1), Facet::MaxLength(3)],
            ),
            Simple::new("digest", Variety::Atomic(Primitive::Base64Binary), WhiteSpace::Collapse, &[Facet::Length(2)]),
        ];
        let codes = |simple: usize, value: &str| {
            let mut broken = Vec::new();
            check(&SIMPLES, &SIMPLES[simple], value, &mut broken);
            broken.into_iter().map(|b| b.code).collect::<Vec<_>>()
        };
        assert!(codes(0, "123.45").is_empty() && codes(0, "00123.4500").is_empty());
        assert_eq!(codes(0, "-0.125"), ["min-inclusive", "fraction-digits"]);
        assert_eq!(codes(0, "123456"), ["total-digits"]);
        assert!(codes(1, "한국말").is_empty(), "three characters of nine octets");
        assert_eq!(codes(1, "한국말들"), ["max-length"]);
        assert_eq!(codes(1, ""), ["min-length"]);
        assert!(codes(2, "QUI=").is_empty());
        assert_eq!(codes(2, "QQ=="), ["length"]);
    }
}
