//! Lexical spaces (Part 2 §3): what is written as a value of a primitive type at all.

use super::Primitive;
use super::value::Moment;
use crate::contract::text::DecimalParts;

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

pub(super) fn float(value: &str) -> Option<f64> {
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
pub(super) fn is_base64(value: &str) -> bool {
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

pub(super) fn is_duration(value: &str) -> bool {
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
