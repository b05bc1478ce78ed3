//! Days that count: periods of months and days, working days, holidays. Pure; nothing here asks what time it is.
//!
//! A calendar is a file `profiles/holidays/NAME.toml`: the weekly days of rest, the holidays of the years that it covers,
//! and days that are worked although they fall on a day of rest. A year that it does not cover is told, never guessed.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, Weekday};
use jiff::{Span, ToSpan};
use serde::Deserialize;

use super::file::Certainty;

/// Days that are counted at most: ten years.
const DAYS_MAX: u32 = 3_660;

/// A calendar file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CalendarFile {
    /// For people.
    #[serde(default)]
    title: String,
    /// Weekly days of rest: `["saturday", "sunday"]`.
    weekend: Vec<String>,
    /// First and last year that `holidays` covers; without it the calendar knows no holidays and covers every year.
    #[serde(default)]
    years: Option<[i16; 2]>,
    /// Holidays: CCYY-MM-DD.
    #[serde(default)]
    holidays: Vec<String>,
    /// Days that are worked although they are days of rest.
    #[serde(default)]
    working_days: Vec<String>,
    /// How sure the dates are.
    #[serde(default)]
    certainty: Certainty,
    /// Where they come from.
    #[serde(default)]
    source: String,
}

/// Which days are worked.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Calendar {
    weekend: Vec<Weekday>,
    years: Option<(i16, i16)>,
    holidays: BTreeSet<Date>,
    worked: BTreeSet<Date>,
}

/// A count of days, and the first year that the calendar did not cover.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Counted {
    /// Days, at most ten years of them.
    pub days: u32,
    /// A year in the period whose holidays are not known.
    pub unknown_year: Option<i16>,
}

impl Calendar {
    /// Reads a calendar file.
    ///
    /// # Errors
    /// What is wrong, for a person.
    pub fn parse(text: &str) -> Result<Self, String> {
        let file: CalendarFile = toml::from_str(text).map_err(|e| e.to_string().trim_end().to_owned())?;
        let _ = (&file.title, file.certainty, &file.source);
        let day = |name: &String| match name.as_str() {
            "monday" => Ok(Weekday::Monday),
            "tuesday" => Ok(Weekday::Tuesday),
            "wednesday" => Ok(Weekday::Wednesday),
            "thursday" => Ok(Weekday::Thursday),
            "friday" => Ok(Weekday::Friday),
            "saturday" => Ok(Weekday::Saturday),
            "sunday" => Ok(Weekday::Sunday),
            _ => Err(format!("weekend: expected monday to sunday, came {name:?}")),
        };
        let weekend = file.weekend.iter().map(day).collect::<Result<Vec<_>, _>>()?;
        if weekend.len() > 6 {
            return Err("weekend: expected at least one day of work".to_owned());
        }
        let dates = |field: &str, texts: &[String]| {
            let read = |text: &String| text.parse().map_err(|_| format!("{field}: expected CCYY-MM-DD, came {text:?}"));
            texts.iter().map(read).collect::<Result<BTreeSet<Date>, _>>()
        };
        let (holidays, worked) = (dates("holidays", &file.holidays)?, dates("working_days", &file.working_days)?);
        let years = file.years.map(|[from, to]| (from, to));
        let covered = |date: &Date| years.is_some_and(|(from, to)| (from..=to).contains(&date.year()));
        if let Some(date) = holidays.iter().chain(&worked).find(|date| !covered(date)) {
            return Err(format!("{date} is in none of the years that the calendar says it covers"));
        }
        if let Some(date) = holidays.intersection(&worked).next() {
            return Err(format!("{date} is both a holiday and a working day"));
        }
        Ok(Self { weekend, years, holidays, worked })
    }

    /// What it says, a line each: weekly days of rest, years that it covers, each holiday and each day that is worked all the
    /// same.
    #[must_use]
    pub fn told(&self) -> Vec<(&'static str, String)> {
        let rest: Vec<String> = self.weekend.iter().map(|day| format!("{day:?}")).collect();
        let years = self.years.map_or_else(|| "no holidays".to_owned(), |(from, to)| format!("{from} to {to}"));
        let mut lines = vec![("days of rest", rest.join(", ")), ("covers", years)];
        lines.extend(self.holidays.iter().map(|date| ("holiday", date.to_string())));
        lines.extend(self.worked.iter().map(|date| ("working day", date.to_string())));
        lines
    }

    /// Whether `date` is worked.
    #[must_use]
    pub fn is_worked(&self, date: Date) -> bool {
        self.worked.contains(&date) || !(self.weekend.contains(&date.weekday()) || self.holidays.contains(&date))
    }

    /// Days that are worked after `from`, up to and with `to`.
    #[must_use]
    pub fn working_days(&self, from: Date, to: Date) -> Counted {
        let mut counted = Counted { days: 0, unknown_year: None };
        let mut day = from;
        for _ in 0..DAYS_MAX {
            if day >= to {
                break;
            }
            let Ok(next) = day.tomorrow() else { break };
            day = next;
            counted.days += u32::from(self.is_worked(day));
            if let Some((first, last)) = self.years
                && !(first..=last).contains(&day.year())
            {
                counted.unknown_year.get_or_insert(day.year());
            }
        }
        counted
    }
}

/// Days after `from`, up to and with `to`; none when `to` is not later.
#[must_use]
pub fn calendar_days(from: Date, to: Date) -> u32 {
    from.until(to).map_or(0, |span| u32::try_from(span.get_days()).unwrap_or(0))
}

/// A number of months and days.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// Calendar months: from the 31st a month ends on its last day.
    #[serde(default)]
    pub months: u16,
    /// Days after that.
    #[serde(default)]
    pub days: u16,
}

impl Period {
    /// `from` and the period: the same day of the month, or the last where there is none.
    #[must_use]
    pub fn after(self, from: Date) -> Date {
        let span: Span = i64::from(self.months).months();
        let moved = from.saturating_add(span);
        moved.saturating_add(i64::from(self.days).days())
    }

    /// Whether it is nothing.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.months == 0 && self.days == 0
    }
}

impl std::fmt::Display for Period {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.months, self.days) {
            (0, days) => write!(f, "{days} days"),
            (months, 0) => write!(f, "{months} months"),
            (months, days) => write!(f, "{months} months and {days} days"),
        }
    }
}

/// Calendars by name.
#[derive(Clone, Debug, Default)]
pub struct Calendars(BTreeMap<String, Calendar>);

/// Calendars that every gateway knows. They have no holidays: those are announced each year by each administration.
const BUILT_IN: &[(&str, &str)] = &[
    ("sat-sun", "weekend = [\"saturday\", \"sunday\"]\ncertainty = \"proposed\"\n"),
    ("fri-sat", "weekend = [\"friday\", \"saturday\"]\ncertainty = \"proposed\"\n"),
    ("sun", "weekend = [\"sunday\"]\ncertainty = \"proposed\"\n"),
];

impl Calendars {
    /// Those that are built in.
    #[must_use]
    pub fn built_in() -> Self {
        let read = |(name, text): &(&str, &str)| Some(((*name).to_owned(), Calendar::parse(text).ok()?));
        Self(BUILT_IN.iter().filter_map(read).collect())
    }

    /// Adds or replaces one.
    pub fn add(&mut self, name: &str, calendar: Calendar) {
        self.0.insert(name.to_owned(), calendar);
    }

    /// The calendar of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Calendar> {
        self.0.get(name)
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    const KOREA: &str = "weekend = [\"saturday\", \"sunday\"]\nyears = [2026, 2026]\n\
                         holidays = [\"2026-09-24\", \"2026-09-25\"]\nworking_days = [\"2026-09-26\"]\n";

    #[test]
    fn working_days_leave_out_rest_and_holidays_and_count_days_that_are_made_up() {
        let korea = Calendar::parse(KOREA).unwrap();
        // 2026-09-23 is a Wednesday.
        for (from, to, working, all) in [
            ("2026-09-23", "2026-09-23", 0, 0),
            ("2026-09-23", "2026-09-22", 0, 0),
            ("2026-09-22", "2026-09-23", 1, 1),
            ("2026-09-23", "2026-09-24", 0, 1),
            ("2026-09-23", "2026-09-26", 1, 3),
            ("2026-09-23", "2026-09-27", 1, 4),
            ("2026-09-23", "2026-09-28", 2, 5),
            ("2026-10-02", "2026-10-05", 1, 3),
        ] {
            let counted = korea.working_days(day(from), day(to));
            assert_eq!(counted, Counted { days: working, unknown_year: None }, "{from} {to}");
            assert_eq!(calendar_days(day(from), day(to)), all, "{from} {to}");
        }
    }

    #[test]
    fn a_year_that_the_calendar_does_not_cover_is_told() {
        // Silence would count New Year as a working day.
        let korea = Calendar::parse(KOREA).unwrap();
        assert_eq!(korea.working_days(day("2026-12-30"), day("2027-01-04")).unknown_year, Some(2027));
        assert_eq!(
            Calendars::built_in().get("sat-sun").unwrap().working_days(day("2026-12-30"), day("2027-01-04")),
            Counted { days: 3, unknown_year: None }
        );
        let far = korea.working_days(day("0001-01-01"), day("9999-01-01"));
        assert!(far.days <= DAYS_MAX, "the count is bounded");
    }

    #[test]
    fn periods_end_on_the_day_of_the_month_or_its_last() {
        for (from, months, days, to) in [
            ("2024-02-29", 12, 0, "2025-02-28"),
            ("2025-02-28", 12, 0, "2026-02-28"),
            ("2026-01-31", 1, 0, "2026-02-28"),
            ("2026-08-31", 6, 0, "2027-02-28"),
            ("2026-12-31", 0, 1, "2027-01-01"),
            ("2026-01-15", 4, 10, "2026-05-25"),
        ] {
            assert_eq!(Period { months, days }.after(day(from)), day(to), "{from}");
        }
        assert_eq!(
            Period { months: 12, days: 0 }.after(day("9999-06-01")),
            day("9999-12-31"),
            "it stops at the end of time"
        );
    }

    #[test]
    fn a_calendar_that_contradicts_itself_is_refused() {
        for (text, says) in [
            ("weekend = [\"caturday\"]", "monday to sunday"),
            ("weekend = []\nholidays = [\"2026-01-01\"]", "none of the years"),
            ("weekend = []\nyears = [2026, 2026]\nholidays = [\"2026-02-30\"]", "CCYY-MM-DD"),
            (
                "weekend = []\nyears = [2026, 2026]\nholidays = [\"2026-01-01\"]\nworking_days = [\"2026-01-01\"]",
                "both",
            ),
            ("weekend = []\nholiday = []", "unknown field"),
            (
                "weekend = [\"monday\",\"tuesday\",\"wednesday\",\"thursday\",\"friday\",\"saturday\",\"sunday\"]",
                "day of work",
            ),
        ] {
            let error = Calendar::parse(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
