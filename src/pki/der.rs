//! A bounded reader of DER (X.690 §8-10), as much as X.509 needs. It refuses indefinite lengths.
//!
//! OpenSSL decides whether a certificate is one; this reads what its binding does not hand out: whole names, OIDs of
//! algorithms, which extensions are critical.

use jiff::Timestamp;
use jiff::civil;

use super::Error;

/// Tags that X.509 uses.
pub(crate) mod tag {
    pub const BOOLEAN: u8 = 0x01;
    pub const INTEGER: u8 = 0x02;
    pub const OCTET_STRING: u8 = 0x04;
    pub const OID: u8 = 0x06;
    pub const UTF8_STRING: u8 = 0x0c;
    pub const PRINTABLE_STRING: u8 = 0x13;
    pub const TELETEX_STRING: u8 = 0x14;
    pub const IA5_STRING: u8 = 0x16;
    pub const UTC_TIME: u8 = 0x17;
    pub const GENERALIZED_TIME: u8 = 0x18;
    pub const UNIVERSAL_STRING: u8 = 0x1c;
    pub const BMP_STRING: u8 = 0x1e;
    pub const SEQUENCE: u8 = 0x30;
    pub const SET: u8 = 0x31;
    pub const CONTEXT_0: u8 = 0xa0;
    pub const CONTEXT_3: u8 = 0xa3;
}

/// One element: its tag, its content, and the whole of it.
#[derive(Clone, Copy)]
pub(crate) struct Element<'a> {
    pub tag: u8,
    pub content: &'a [u8],
    pub whole: &'a [u8],
}

impl<'a> Element<'a> {
    /// A reader over the elements inside.
    pub fn inside(&self, what: &'static str) -> Reader<'a> {
        Reader { rest: self.content, at: 0, what }
    }
}

/// Reads elements one after the other.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    at: usize,
    what: &'static str,
}

impl<'a> Reader<'a> {
    pub fn new(octets: &'a [u8], what: &'static str) -> Self {
        Self { rest: octets, at: 0, what }
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub fn malformed(&self) -> Error {
        Error::Malformed { what: self.what, at: self.at }
    }

    /// The tag of the next element.
    pub fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next element, whatever it is.
    pub fn any(&mut self) -> Result<Element<'a>, Error> {
        let (tag, header, length) = header(self.rest).ok_or_else(|| self.malformed())?;
        let end = header.checked_add(length).ok_or_else(|| self.malformed())?;
        let whole = self.rest.get(..end).ok_or_else(|| self.malformed())?;
        let content = whole.get(header..).ok_or_else(|| self.malformed())?;
        self.rest = self.rest.get(end..).unwrap_or_default();
        self.at += end;
        Ok(Element { tag, content, whole })
    }

    /// The next element, which must have this tag.
    pub fn expect(&mut self, tag: u8) -> Result<Element<'a>, Error> {
        if self.peek() == Some(tag) { self.any() } else { Err(self.malformed()) }
    }

    /// The next element if it has this tag.
    pub fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, Error> {
        if self.peek() == Some(tag) { self.any().map(Some) } else { Ok(None) }
    }
}

/// Tag, octets of the header, octets of the content.
fn header(octets: &[u8]) -> Option<(u8, usize, usize)> {
    let tag = *octets.first()?;
    // High tag numbers do not occur in X.509.
    if tag & 0x1f == 0x1f {
        return None;
    }
    let first = *octets.get(1)?;
    if first < 0x80 {
        return Some((tag, 2, usize::from(first)));
    }
    let count = usize::from(first & 0x7f);
    if !(1..=4).contains(&count) {
        return None;
    }
    let length = octets.get(2..2 + count)?.iter().fold(0usize, |sum, octet| (sum << 8) | usize::from(*octet));
    Some((tag, 2 + count, length))
}

/// An object identifier in dotted decimal.
pub(crate) fn oid(content: &[u8]) -> Option<String> {
    let mut arcs: Vec<u64> = Vec::new();
    let mut value: u64 = 0;
    for octet in content {
        value = value.checked_mul(128)?.checked_add(u64::from(octet & 0x7f))?;
        if octet & 0x80 == 0 {
            if arcs.is_empty() {
                let first = (value / 40).min(2);
                arcs.push(first);
                arcs.push(value - first * 40);
            } else {
                arcs.push(value);
            }
            value = 0;
        }
    }
    let complete = content.last().is_some_and(|octet| octet & 0x80 == 0);
    complete.then(|| arcs.iter().map(u64::to_string).collect::<Vec<_>>().join("."))
}

/// UTCTime or GeneralizedTime as RFC 5280 §4.1.2.5 restricts them: to the second, `Z`. Old certificates may leave out seconds
/// or carry an offset; both are read.
pub(crate) fn time(element: &Element<'_>) -> Option<Timestamp> {
    let text = std::str::from_utf8(element.content).ok()?;
    let (year, rest) = match element.tag {
        tag::UTC_TIME => {
            let two: i16 = digits(text.get(..2)?)?;
            (if two < 50 { 2000 + two } else { 1900 + two }, text.get(2..)?)
        }
        tag::GENERALIZED_TIME => (digits(text.get(..4)?)?, text.get(4..)?),
        _ => return None,
    };
    let field = |at: usize| digits(rest.get(at..at + 2)?).and_then(|value| i8::try_from(value).ok());
    let (month, day, hour, minute) = (field(0)?, field(2)?, field(4)?, field(6)?);
    let (second, zone) = match field(8) {
        Some(second) => (second, rest.get(10..)?),
        None => (0, rest.get(8..)?),
    };
    let civil = civil::DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
    // 99991231235959Z means "no end" (RFC 5280 §4.1.2.5) and lies past the last moment that jiff has.
    let utc = civil.to_zoned(jiff::tz::TimeZone::UTC).map_or(Timestamp::MAX, |zoned| zoned.timestamp());
    if zone == "Z" {
        return Some(utc);
    }
    let (sign, offset) = (zone.get(..1)?, zone.get(1..)?);
    let minutes = i64::from(digits(offset.get(..2)?)?) * 60 + i64::from(digits(offset.get(2..4)?)?);
    let minutes = match (sign, offset.len()) {
        ("+", 4) => -minutes,
        ("-", 4) => minutes,
        _ => return None,
    };
    utc.checked_add(jiff::SignedDuration::from_secs(minutes * 60)).ok()
}

fn digits(text: &str) -> Option<i16> {
    if text.bytes().all(|octet| octet.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(tag: u8, content: &[u8]) -> Element<'_> {
        Element { tag, content, whole: content }
    }

    #[test]
    fn reads_times_of_both_centuries_and_kinds() {
        for (tag, text, expected) in [
            (tag::UTC_TIME, "491231235959Z", "2049-12-31T23:59:59Z"),
            (tag::UTC_TIME, "500101000000Z", "1950-01-01T00:00:00Z"),
            (tag::UTC_TIME, "0001010000Z", "2000-01-01T00:00:00Z"),
            (tag::UTC_TIME, "000101000000+0130", "1999-12-31T22:30:00Z"),
            (tag::GENERALIZED_TIME, "20500101000000Z", "2050-01-01T00:00:00Z"),
            (tag::GENERALIZED_TIME, "99991231235959Z", &Timestamp::MAX.to_string()),
        ] {
            assert_eq!(
                time(&element(tag, text.as_bytes())).map(|t| t.to_string()).as_deref(),
                Some(expected),
                "{text}"
            );
        }
        for text in ["", "9", "00010100000", "001301000000Z", "000101000000", "0001010000é0Z", "000101000000+01"] {
            assert!(time(&element(tag::UTC_TIME, text.as_bytes())).is_none(), "{text}");
        }
    }

    #[test]
    fn reads_object_identifiers() {
        assert_eq!(oid(&[0x55, 0x04, 0x03]).as_deref(), Some("2.5.4.3"));
        assert_eq!(
            oid(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b]).as_deref(),
            Some("1.2.840.113549.1.1.11")
        );
        assert_eq!(oid(&[0x88, 0x37]).as_deref(), Some("2.999"));
        assert_eq!(oid(&[0x55, 0x84]), None);
        assert_eq!(oid(&[0xff; 12]), None);
    }

    #[test]
    fn no_length_reaches_outside() {
        for octets in
            [&[0x30u8, 0x05, 1][..], &[0x30, 0x80, 0, 0], &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], &[0x30], &[0x1f, 1, 0]]
        {
            assert!(Reader::new(octets, "test").any().is_err());
        }
    }
}
