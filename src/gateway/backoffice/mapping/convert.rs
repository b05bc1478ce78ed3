//! Values on their way: numbers in foreign marks, dates, pictures. Each either says the same on both sides or is refused.

use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::strtime;

use crate::contract::json::{Kind, Member, Value};

/// A number in foreign marks as the contract writes it. Thousands are in groups of three or in none: `12,5` under a
/// grouping comma is no number, and never 125.
pub(super) fn decimal_in(text: &str, mark: char, grouping: Option<char>) -> Option<String> {
    let text = text.trim();
    let (sign, unsigned) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    let (whole, fraction) = match unsigned.split_once(mark) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (unsigned, None),
    };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let whole = match grouping.filter(|grouping| whole.contains(*grouping)) {
        Some(grouping) => {
            let mut groups = whole.split(grouping);
            let first = groups.next().is_some_and(|group| (1..=3).contains(&group.len()) && digits(group));
            if !first || !groups.all(|group| group.len() == 3 && digits(group)) {
                return None;
            }
            whole.replace(grouping, "")
        }
        None if digits(whole) => whole.to_owned(),
        None => return None,
    };
    if whole.is_empty() && fraction.is_none_or(str::is_empty) || !fraction.is_none_or(digits) {
        return None;
    }
    let sign = if sign { "-" } else { "" };
    Some(match fraction {
        Some(fraction) => format!("{sign}{whole}.{fraction}"),
        None => format!("{sign}{whole}"),
    })
}

/// And back, without grouping.
pub(super) fn decimal_out(text: &str, mark: char) -> String {
    text.replace('.', mark.encode_utf8(&mut [0; 4]))
}

/// A decimal of the contract as a JSON number, which begins with a digit and has no zeros before others.
pub(super) fn json_number(text: &str) -> Option<String> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = rest.split_once('.').unwrap_or((rest, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || whole.len() + fraction.len() == 0 {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    Some(if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") })
}

/// What stands at the `#` of a picture such as `####.##.##`; none when the marks between are others.
pub(super) fn picture_in(text: &str, picture: &str) -> Option<String> {
    let mut out = String::new();
    let mut characters = text.chars();
    for wanted in picture.chars() {
        match (wanted, characters.next()?) {
            ('#', character) if character.is_alphanumeric() => out.push(character),
            ('#', _) => return None,
            (mark, character) if mark == character => {}
            _ => return None,
        }
    }
    characters.next().is_none().then_some(out)
}

/// And back.
pub(super) fn picture_out(text: &str, picture: &str) -> Option<String> {
    let mut characters = text.chars();
    let mut out = String::new();
    for wanted in picture.chars() {
        out.push(if wanted == '#' { characters.next()? } else { wanted });
    }
    characters.next().is_none().then_some(out)
}

/// Whether a format writes the time of day.
fn timed(format: &str) -> bool {
    ["%H", "%I", "%k", "%l", "%T", "%R"].iter().any(|directive| format.contains(directive))
}

/// Whether dates can be written in this format and read again.
pub(super) fn is_date_format(format: &str) -> bool {
    let moment = DateTime::constant(2025, 12, 31, 23, 59, 58, 0);
    let text = if timed(format) { strtime::format(format, moment) } else { strtime::format(format, moment.date()) };
    let Ok(text) = text else { return false };
    date_in(&text, Some(format)).and_then(|value| date_out(&value, Some(format))) == Some(text)
}

fn date_string(text: String, format_code: Option<&str>) -> Value {
    let mut members = vec![Member::new("value", text)];
    members.extend(format_code.map(|code| Member::new("formatCode", code)));
    Kind::Object(vec![Member::new("dateTimeString", Kind::Object(members))]).into()
}

fn day(date: Date) -> Value {
    date_string(date.strftime("%Y%m%d").to_string(), Some("102"))
}

fn moment_digits(moment: DateTime) -> String {
    moment.strftime("%Y%m%d%H%M%S").to_string()
}

/// A date of the foreign side as the contract has it; one with fractions of seconds stays as it is.
pub(super) fn date_in(text: &str, format: Option<&str>) -> Option<Value> {
    match format {
        Some(format) if timed(format) => {
            let moment = DateTime::strptime(format, text).ok()?;
            Some(date_string(moment_digits(moment), Some("204")))
        }
        Some(format) => Date::strptime(format, text).ok().map(day),
        None if text.len() == 10 => text.parse().ok().map(day),
        None => {
            let (local, zone) = text.split_at_checked(19)?;
            let digits = moment_digits(local.parse().ok()?);
            match zone.as_bytes() {
                b"" => Some(date_string(digits, Some("204"))),
                b"Z" => Some(date_string(format!("{digits}Z"), Some("304"))),
                [b'+' | b'-', _, _, b':', _, _] => {
                    Some(date_string(format!("{digits}{}", zone.replace(':', "")), Some("304")))
                }
                _ => Some(date_string(text.to_owned(), None)),
            }
        }
    }
}

/// And back; none when the format has no room for what the date says.
pub(super) fn date_out(value: &Value, format: Option<&str>) -> Option<String> {
    let string = value.member("dateTimeString")?;
    let text = super::path::text_of(string)?;
    let code = string.member("formatCode").and_then(super::path::text_of);
    let date = |text: &str| Date::strptime("%Y%m%d", text.get(..8)?).ok();
    let moment = |text: &str| DateTime::strptime("%Y%m%d%H%M%S", text.get(..14)?).ok();
    match (code, format) {
        (Some("102"), Some(format)) if !timed(format) => strtime::format(format, date(text)?).ok(),
        (Some("204"), Some(format)) => {
            let moment = moment(text)?;
            if timed(format) {
                strtime::format(format, moment).ok()
            } else {
                (moment.time() == Time::midnight()).then(|| strtime::format(format, moment.date()).ok()).flatten()
            }
        }
        (Some("102"), None) => Some(date(text)?.to_string()),
        (Some("204"), None) => Some(moment(text)?.strftime("%Y-%m-%dT%H:%M:%S").to_string()),
        (Some("304"), None) => {
            let zone = text.get(14..)?;
            let zone = match zone.len() {
                5 => format!("{}:{}", zone.get(..3)?, zone.get(3..)?),
                _ => zone.to_owned(),
            };
            Some(format!("{}{zone}", moment(text)?.strftime("%Y-%m-%dT%H:%M:%S")))
        }
        (None, None) => Some(text.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_other_marks_than_declared_are_refused_not_guessed() {
        for (text, mark, grouping, expected) in [
            ("1234.50", '.', None, Some("1234.50")),
            ("1234,50", ',', None, Some("1234.50")),
            ("1.234,50", ',', Some('.'), Some("1234.50")),
            ("12 345 678,5", ',', Some(' '), Some("12345678.5")),
            ("-7", ',', Some('.'), Some("-7")),
            ("+.5", '.', None, Some(".5")),
            // The twins: a factor of a hundred or a thousand lies in each.
            ("1234,50", '.', Some(','), None),
            ("1,234.50", '.', None, None),
            ("1.234.50", '.', None, None),
            ("12,34,567", '.', Some(','), None),
            ("1234,567", '.', Some(','), None),
            (",123", '.', Some(','), None),
            ("1.234,567,890", ',', Some('.'), None),
            ("1e5", '.', None, None),
            ("", '.', None, None),
            (".", '.', None, None),
            ("-", '.', None, None),
            ("1 000", '.', None, None),
            ("١٢", '.', None, None),
        ] {
            assert_eq!(decimal_in(text, mark, grouping).as_deref(), expected, "{text} with {mark} and {grouping:?}");
        }
    }

    #[test]
    fn decimals_become_json_numbers_or_nothing() {
        for (text, expected) in [
            ("007", Some("7")),
            ("+1.50", Some("1.50")),
            (".5", Some("0.5")),
            ("5.", Some("5")),
            ("-0", Some("-0")),
            ("", None),
            (".", None),
            ("1e5", None),
            ("1.2.3", None),
            ("--1", None),
        ] {
            assert_eq!(json_number(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn pictures_take_their_marks_off_and_put_them_back() {
        assert_eq!(picture_in("8704.22.10", "####.##.##").as_deref(), Some("87042210"));
        assert_eq!(picture_out("87042210", "####.##.##").as_deref(), Some("8704.22.10"));
        for refused in ["8704.2210", "8704.22.1", "8704.22.100", "8704-22-10", "87.04.2210", ""] {
            assert_eq!(picture_in(refused, "####.##.##"), None, "{refused}");
        }
        assert_eq!(picture_out("870422", "####.##.##"), None);
    }

    #[test]
    fn a_format_of_days_takes_no_moment_and_loses_none() {
        let day = date_in("01.10.2025", Some("%d.%m.%Y")).unwrap();
        assert_eq!(day.to_text(), r#"{"dateTimeString":{"value":"20251001","formatCode":"102"}}"#);
        assert_eq!(date_out(&day, Some("%d.%m.%Y")).as_deref(), Some("01.10.2025"));
        let moment = date_in("01.10.2025 09:30", Some("%d.%m.%Y %H:%M")).unwrap();
        assert_eq!(date_out(&moment, Some("%d.%m.%Y %H:%M")).as_deref(), Some("01.10.2025 09:30"));
        assert_eq!(date_out(&moment, Some("%d.%m.%Y")), None, "half past nine has no room in a day");
        assert_eq!(date_out(&day, Some("%d.%m.%Y %H:%M")), None, "a day is no moment");
        for refused in ["31.02.2025", "2025-10-01", "01.10.2025 ", ""] {
            assert_eq!(date_in(refused, Some("%d.%m.%Y")), None, "{refused}");
        }
        for (format, is) in [("%d.%m.%Y", true), ("%Y%m%d%H%M%S", true), ("%d", false), ("%Q", false), ("", false)] {
            assert_eq!(is_date_format(format), is, "{format}");
        }
    }
}
