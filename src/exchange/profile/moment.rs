//! Dates of a document as they were given: a day, a time without zone, or a point in time. Nothing is invented: what has
//! no zone keeps none, and a rule asks for the day in the issuer's zone.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};

/// How a date is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub enum Shape {
    /// CCYYMMDD.
    #[serde(rename = "102")]
    Day,
    /// CCYYMMDDHHMMSS, without zone.
    #[serde(rename = "204")]
    Local,
    /// CCYYMMDDHHMMSS with a zone.
    #[serde(rename = "304")]
    Zoned,
    /// The shape of xs:dateTime.
    #[serde(rename = "xml")]
    Xml,
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Day => "102",
            Self::Local => "204",
            Self::Zoned => "304",
            Self::Xml => "xml",
        })
    }
}

/// A date of a document.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Given {
    /// A day.
    Day(Date),
    /// A time that names no zone.
    Local(DateTime),
    /// A point in time.
    Exact(Timestamp),
}

/// Why a text is no date.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoDate {
    /// No such day or time: `20260231`.
    Unreal,
    /// Not of the shape that its format code names.
    Shape,
}

impl Given {
    /// Reads a date, with the format code that stands beside it.
    ///
    /// # Errors
    /// [`NoDate`].
    pub fn parse(text: &str, format_code: Option<&str>) -> Result<(Self, Shape), NoDate> {
        let octets = text.as_bytes();
        let digits = octets.iter().take_while(|b| b.is_ascii_digit()).count();
        let (given, shape) = match digits {
            8 if octets.len() == 8 => (Self::Day(date(text)?), Shape::Day),
            14 if octets.len() == 14 => (Self::Local(date_time(text)?), Shape::Local),
            14 => (Self::Exact(at(date_time(text)?, text.get(14..).ok_or(NoDate::Shape)?)?), Shape::Zoned),
            _ => (xml(text)?, Shape::Xml),
        };
        // Without a code, or with the code of its own shape; xs:dateTime has none.
        match format_code {
            None => Ok((given, shape)),
            Some(code) if code == shape.to_string() => Ok((given, shape)),
            Some(_) => Err(NoDate::Shape),
        }
    }

    /// The day it is in `zone`; what has no zone is taken as the writer's own day.
    #[must_use]
    pub fn day_in(self, zone: &TimeZone) -> Date {
        match self {
            Self::Day(day) => day,
            Self::Local(local) => local.date(),
            Self::Exact(at) => at.to_zoned(zone.clone()).date(),
        }
    }

    /// The last moment that it covers, where nothing else is said in the issuer's zone: a day lasts until it ends there.
    #[must_use]
    pub fn last_moment(self, issuer: &TimeZone) -> Option<Timestamp> {
        match self {
            Self::Exact(at) => Some(at),
            Self::Local(local) => issuer.to_timestamp(local).ok(),
            Self::Day(day) => {
                let midnight = issuer.to_zoned(day.tomorrow().ok()?.at(0, 0, 0, 0)).ok()?.timestamp();
                midnight.checked_sub(jiff::SignedDuration::from_nanos(1)).ok()
            }
        }
    }
}

fn number(text: &str, from: usize, to: usize) -> Result<i16, NoDate> {
    text.get(from..to).and_then(|part| part.parse().ok()).ok_or(NoDate::Shape)
}

fn date(text: &str) -> Result<Date, NoDate> {
    let part = |from, to| number(text, from, to).and_then(|n| i8::try_from(n).map_err(|_| NoDate::Shape));
    Date::new(number(text, 0, 4)?, part(4, 6)?, part(6, 8)?).map_err(|_| NoDate::Unreal)
}

fn date_time(text: &str) -> Result<DateTime, NoDate> {
    let part = |from, to| number(text, from, to).and_then(|n| i8::try_from(n).map_err(|_| NoDate::Shape));
    let time = Time::new(part(8, 10)?, part(10, 12)?, part(12, 14)?, 0).map_err(|_| NoDate::Unreal)?;
    Ok(date(text)?.to_datetime(time))
}

/// `Z`, `+09:00` or `+0900`.
fn at(local: DateTime, zone: &str) -> Result<Timestamp, NoDate> {
    let offset = match zone.as_bytes() {
        b"Z" => Offset::UTC,
        [sign @ (b'+' | b'-'), ..] => {
            let digits: String = zone.chars().filter(char::is_ascii_digit).collect();
            if digits.len() != 4 || zone.len() > 6 {
                return Err(NoDate::Shape);
            }
            let seconds = i32::from(number(&digits, 0, 2)?) * 3_600 + i32::from(number(&digits, 2, 4)?) * 60;
            Offset::from_seconds(if *sign == b'-' { -seconds } else { seconds }).map_err(|_| NoDate::Unreal)?
        }
        _ => return Err(NoDate::Shape),
    };
    offset.to_timestamp(local).map_err(|_| NoDate::Unreal)
}

/// CCYY-MM-DDThh:mm:ss with fraction and zone as they may be; 24:00:00 is the next day's first moment.
fn xml(text: &str) -> Result<Given, NoDate> {
    let (day, rest) = text.split_once('T').ok_or(NoDate::Shape)?;
    let day: Date = day.parse().map_err(|_| if day.len() == 10 { NoDate::Unreal } else { NoDate::Shape })?;
    let end = rest.find(['Z', '+', '-']).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at(end);
    let local = match clock.strip_prefix("24:00:00") {
        Some(fraction) if fraction.trim_start_matches('.').bytes().all(|b| b == b'0') => {
            day.tomorrow().map_err(|_| NoDate::Unreal)?.to_datetime(Time::midnight())
        }
        _ => day.to_datetime(clock.parse::<Time>().map_err(|_| NoDate::Unreal)?),
    };
    if zone.is_empty() { Ok(Given::Local(local)) } else { at(local, zone).map(Given::Exact) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_of_a_moment_is_the_day_where_it_was_issued() {
        // An hour before midnight UTC it is the next morning in Seoul: a validity of a year ends a day later.
        let seoul = TimeZone::get("Asia/Seoul").unwrap();
        let lima = TimeZone::get("America/Lima").unwrap();
        for (text, code, in_seoul, in_lima) in [
            ("20260630145959Z", Some("304"), "2026-06-30", "2026-06-30"),
            ("20260630150000Z", Some("304"), "2026-07-01", "2026-06-30"),
            ("20260701000000+09:00", Some("304"), "2026-07-01", "2026-06-30"),
            ("20260701000000+0900", None, "2026-07-01", "2026-06-30"),
            ("20260701045959Z", Some("304"), "2026-07-01", "2026-06-30"),
            ("20260701050000Z", Some("304"), "2026-07-01", "2026-07-01"),
            ("20260701", Some("102"), "2026-07-01", "2026-07-01"),
            ("20260701235959", Some("204"), "2026-07-01", "2026-07-01"),
            ("2026-06-30T23:30:00-05:00", None, "2026-07-01", "2026-06-30"),
            ("2026-06-30T24:00:00", None, "2026-07-01", "2026-07-01"),
            ("2026-06-30T12:00:00.250", None, "2026-06-30", "2026-06-30"),
        ] {
            let (given, _) = Given::parse(text, code).unwrap_or_else(|e| panic!("{text}: {e:?}"));
            assert_eq!(given.day_in(&seoul).to_string(), in_seoul, "{text}");
            assert_eq!(given.day_in(&lima).to_string(), in_lima, "{text}");
        }
    }

    #[test]
    fn what_is_no_day_or_not_its_shape_is_told() {
        for text in ["20260231", "20250229", "20261131093000Z", "2026-02-31T00:00:00Z", "20260101250000"] {
            assert_eq!(Given::parse(text, None), Err(NoDate::Unreal), "{text}");
        }
        assert!(Given::parse("20240229", None).is_ok());
        for (text, code) in [
            ("20260701", "304"),
            ("20260701093000Z", "102"),
            ("2026-07-01T09:30:00Z", "304"),
            ("20260701093000", "304"),
            ("20260701093000+9", "304"),
        ] {
            assert_eq!(Given::parse(text, Some(code)), Err(NoDate::Shape), "{text} as {code}");
        }
        for text in ["", "2026", "now", "20260701x", "20260701093000+", "20260701093000ü"] {
            assert!(Given::parse(text, None).is_err(), "{text}");
        }
    }
}
