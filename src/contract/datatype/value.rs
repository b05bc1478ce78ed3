//! Value spaces: which texts are one value, and which of two values is the greater.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::lexical::float;
use super::{Primitive, Simple, Variety, check, normalize};
use crate::contract::text::DecimalParts;

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
pub(super) fn family(primitive: Primitive) -> Primitive {
    if primitive == Primitive::Integer { Primitive::Decimal } else { primitive }
}

/// Months, whole seconds and the rest of a second of a duration: equal where these are (Part 2 §3.2.6).
pub(super) fn duration(text: &str) -> Option<(i128, i128, String)> {
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
pub(super) fn same_value(primitive: Primitive, a: &str, b: &str) -> bool {
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
pub(super) struct Moment<'a> {
    seconds: i128,
    fraction: &'a str,
    zoned: bool,
}

/// Fourteen hours: what an absent zone may amount to.
pub(super) const ZONE_MAX_S: i128 = 14 * 3600;

impl<'a> Moment<'a> {
    pub(super) fn parse(primitive: Primitive, text: &'a str) -> Option<Self> {
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
pub(super) fn split_zone(primitive: Primitive, text: &str) -> Option<(&str, Option<i128>)> {
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

pub(super) fn two(text: &str) -> Option<i128> {
    let digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

pub(super) fn year_part(text: &str) -> Option<i128> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let well_formed = digits.len() >= 4
        && digits.len() <= 18
        && digits.bytes().all(|b| b.is_ascii_digit())
        && (digits.len() == 4 || !digits.starts_with('0'))
        && digits != "0000";
    if well_formed { text.parse().ok() } else { None }
}

pub(super) fn date_parts(text: &str) -> Option<(i128, i128, i128)> {
    let (rest, day) = text.rsplit_once('-')?;
    let (year, month) = rest.rsplit_once('-')?;
    Some((year_part(year)?, two(month)?, two(day)?))
}

pub(super) fn time_parts(text: &str) -> Option<(i128, i128, i128, &str)> {
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

pub(super) fn days_in_month(year: i128, month: i128) -> i128 {
    match month {
        2 if (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar.
pub(super) fn days_from_civil(year: i128, month: i128, day: i128) -> i128 {
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}
