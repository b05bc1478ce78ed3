//! The lists themselves: read once from the files in the binary, looked up by a hash.

use std::borrow::Cow;
use std::sync::LazyLock;

use super::{Day, NAMES, Unknown};
use crate::base::octets::same;

/// The files, in the order of [`NAMES`].
const FILES: [&str; NAMES.len()] = [
    include_str!("data/iso-3166-1.tsv"),
    include_str!("data/iso-3166-2.tsv"),
    include_str!("data/iso-4217.tsv"),
    include_str!("data/un-locode.tsv"),
    include_str!("data/rec19.tsv"),
    include_str!("data/rec20.tsv"),
    include_str!("data/rec21.tsv"),
    include_str!("data/rec28.tsv"),
    include_str!("data/1001.tsv"),
    include_str!("data/1225.tsv"),
    include_str!("data/1373.tsv"),
    include_str!("data/3035.tsv"),
    include_str!("data/3131.tsv"),
    include_str!("data/7143.tsv"),
    include_str!("data/agreement.tsv"),
    include_str!("data/criterion.tsv"),
];

/// How sure we are of a list or row: `two-sources` compared and equal, `one-source` read in one place, `seen` in a guide
/// or sample, `recalled` from memory and not checked, `pattern` where only the form is known, `ours` where we made it.
const CERTAINTIES: [&str; 6] = ["two-sources", "one-source", "seen", "recalled", "pattern", "ours"];

/// A version of a list: what it said on a day.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Version {
    /// Its name: `D22A`, `2026`.
    pub name: String,
    /// Its day.
    pub day: Day,
}

/// A code.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// The code.
    pub code: Cow<'static, str>,
    /// What it means, in our own words; "" where that was not restated.
    pub name: Cow<'static, str>,
    /// First day in force.
    pub from: Day,
    /// First day no longer in force.
    pub to: Day,
    /// How sure we are of the row.
    pub certainty: Cow<'static, str>,
}

impl Row {
    /// Whether it is in force on `day`. A row without a last day is in force on [`Day::LAST`] too: a document that says no
    /// day is judged by the newest list.
    #[must_use]
    pub fn in_force(&self, day: Day) -> bool {
        self.from <= day && (day < self.to || self.to == Day::LAST)
    }
}

/// The form of the codes of a list whose single codes are not all known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    /// A country, then three of A-Z and 2-9 (UN/LOCODE).
    Locode,
}

/// A code list with all of its versions.
#[derive(Debug)]
pub struct List {
    /// Its name: `iso-3166-1`.
    pub name: String,
    /// Its title, for people.
    pub title: String,
    /// Where it was read.
    pub source: String,
    /// How sure we are of its rows, unless a row says otherwise.
    pub certainty: String,
    /// What becomes of an unknown code unless the partner says otherwise.
    pub unknown: Unknown,
    versions: Vec<Version>,
    form: Option<Form>,
    rows: Vec<Row>,
    /// Numbers of rows plus one, by the hash of their code; 0 where there is none. A power of two, at most half full.
    table: Vec<u16>,
    /// Agreements that have criteria here.
    agreements: Vec<String>,
}

/// Every list, in the order of [`NAMES`].
#[must_use]
pub fn all() -> &'static [List] {
    static LISTS: LazyLock<Vec<List>> = LazyLock::new(|| {
        let read = |file: &&'static str| List::parse(file).expect("a test reads the files of the binary");
        FILES.iter().map(read).collect()
    });
    &LISTS
}

/// The list called `name`.
#[must_use]
pub fn list(name: &str) -> Option<&'static List> {
    all().get(NAMES.iter().position(|known| *known == name)?)
}

/// FNV-1a over the parts.
fn hash(parts: [&[u8]; 3]) -> usize {
    let octets = parts.into_iter().flatten();
    octets.fold(0xCBF2_9CE4_8422_2325_u64, |hash, octet| (hash ^ u64::from(*octet)).wrapping_mul(0x100_0000_01B3))
        as usize
}

impl List {
    /// Reads the text of a list.
    ///
    /// # Errors
    /// The line, and what is wrong with it.
    pub fn parse(text: &'static str) -> Result<Self, String> {
        let mut list = Self {
            name: String::new(),
            title: String::new(),
            source: String::new(),
            certainty: String::new(),
            unknown: Unknown::Warn,
            versions: Vec::new(),
            form: None,
            rows: Vec::new(),
            table: Vec::new(),
            agreements: Vec::new(),
        };
        for (number, line) in text.lines().enumerate() {
            let read = match line.strip_prefix("# ") {
                Some(head) => list.head(head),
                None => list.add(line),
            };
            read.map_err(|what| format!("line {}: {what}", number + 1))?;
        }
        list.finish()
    }

    fn head(&mut self, line: &str) -> Result<(), String> {
        let cells: Vec<&str> = line.split('\t').collect();
        let value = |at: usize| cells.get(at).map(|cell| (*cell).to_owned()).ok_or("expected a value".to_owned());
        match cells.first().copied().unwrap_or_default() {
            "list" => self.name = value(1)?,
            "title" => self.title = value(1)?,
            "source" => self.source = value(1)?,
            "certainty" => self.certainty = value(1)?,
            "unknown" => {
                self.unknown = match value(1)?.as_str() {
                    "reject" => Unknown::Reject,
                    "warn" => Unknown::Warn,
                    "pass" => Unknown::Pass,
                    other => return Err(format!("expected reject, warn or pass, came {other:?}")),
                }
            }
            "version" => {
                let day = Day::parse(&value(2)?).ok_or("expected a day of the version")?;
                self.versions.push(Version { name: value(1)?, day });
            }
            "form" => {
                self.form = match value(1)?.as_str() {
                    "locode" => Some(Form::Locode),
                    other => return Err(format!("unknown form {other:?}")),
                }
            }
            "code" => {}
            other => return Err(format!("unknown heading {other:?}")),
        }
        Ok(())
    }

    fn add(&mut self, line: &'static str) -> Result<(), String> {
        let mut cells = line.split('\t');
        let mut cell = || cells.next().unwrap_or("");
        let (code, name, from, to, certainty) = (cell(), cell(), cell(), cell(), cell());
        let day = |text: &str, without: Day| match text {
            "" => Ok(without),
            text => Day::parse(text).ok_or(format!("expected a day, came {text:?}")),
        };
        let certainty = if certainty.is_empty() { self.certainty.clone().into() } else { certainty.into() };
        if code.is_empty() || code.trim() != code {
            return Err(format!("expected a code, came {code:?}"));
        }
        let row = Row {
            code: code.into(),
            name: name.into(),
            from: day(from, Day::FIRST)?,
            to: day(to, Day::LAST)?,
            certainty,
        };
        if row.from >= row.to {
            return Err(format!("{code}: in force on no day"));
        }
        self.rows.push(row);
        Ok(())
    }

    fn finish(mut self) -> Result<Self, String> {
        if !self.versions.windows(2).all(|pair| pair[0].day < pair[1].day) || self.versions.is_empty() {
            return Err("expected versions, the oldest first".to_owned());
        }
        let known = |certainty: &str| CERTAINTIES.contains(&certainty);
        if !known(&self.certainty) || !self.rows.iter().all(|row| known(&row.certainty)) {
            return Err(format!("expected a certainty of {}", CERTAINTIES.join(", ")));
        }
        if self.rows.len() >= usize::from(u16::MAX) {
            return Err("more rows than a list may have".to_owned());
        }
        self.rows.sort_by(|a, b| a.code.cmp(&b.code).then(a.from.cmp(&b.from)));
        if let Some(pair) = self.rows.windows(2).find(|pair| pair[0].code == pair[1].code && pair[0].to > pair[1].from)
        {
            return Err(format!("{}: in force twice on one day", pair[0].code));
        }
        self.table = vec![0; (self.rows.len() * 2).next_power_of_two().max(2)];
        for (number, row) in self.rows.iter().enumerate() {
            // The first row of a code stands for all of its rows, which follow it.
            if number > 0 && self.rows.get(number - 1).is_some_and(|before| before.code == row.code) {
                continue;
            }
            let mut at = hash([row.code.as_bytes(), b"", b""]) & (self.table.len() - 1);
            while self.table.get(at).is_some_and(|taken| *taken != 0) {
                at = (at + 1) & (self.table.len() - 1);
            }
            if let Some(slot) = self.table.get_mut(at) {
                *slot = number as u16 + 1;
            }
        }
        if self.name == "criterion" {
            self.agreements =
                self.rows.iter().filter_map(|row| row.code.split_once('/')).map(|(a, _)| a.to_owned()).collect();
            self.agreements.dedup();
        }
        Ok(self)
    }

    /// Its rows, by code.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Its versions, the oldest first.
    #[must_use]
    pub fn versions(&self) -> &[Version] {
        &self.versions
    }

    /// The version called `name`.
    #[must_use]
    pub fn version(&self, name: &str) -> Option<&Version> {
        self.versions.iter().find(|version| version.name == name)
    }

    /// The newest version.
    #[must_use]
    pub fn newest(&self) -> Option<&Version> {
        self.versions.last()
    }

    /// The version in force on `day`; the oldest before that.
    #[must_use]
    pub fn at(&self, day: Day) -> Option<&Version> {
        self.versions.iter().rev().find(|version| version.day <= day).or_else(|| self.versions.first())
    }

    /// Whether `code` is in force on `day`.
    #[must_use]
    #[inline]
    pub fn contains(&self, code: &str, day: Day) -> bool {
        match self.form {
            None => self.find([code.as_bytes(), b"", b""], day).is_some(),
            Some(Form::Locode) => is_locode(code, day),
        }
    }

    /// What `code` is on `day`.
    #[must_use]
    pub fn row(&self, code: &str, day: Day) -> Option<&Row> {
        self.find([code.as_bytes(), b"", b""], day)
    }

    /// The row of the code that the parts make together.
    fn find(&self, parts: [&[u8]; 3], day: Day) -> Option<&Row> {
        let mask = self.table.len().wrapping_sub(1);
        let mut at = hash(parts) & mask;
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let is = |row: &Row| {
            let code = row.code.as_bytes();
            let mut rest = code;
            code.len() == length
                && parts.iter().all(|part| match rest.split_at_checked(part.len()) {
                    Some((start, after)) => {
                        rest = after;
                        same(start, part)
                    }
                    None => false,
                })
        };
        loop {
            let number = usize::from(*self.table.get(at)?).checked_sub(1)?;
            let rows = self.rows.get(number..)?;
            if rows.first().is_some_and(is) {
                return rows.iter().take_while(|row| is(row)).find(|row| row.in_force(day));
            }
            at = (at + 1) & mask;
        }
    }

    /// Whether `value` is a criterion of `agreement`; a percentage or heading behind the code is no part of it: `RVC 45 %`.
    /// An agreement without criteria here has them in free text: everything is one.
    pub(super) fn has_criterion(&self, agreement: &str, value: &str, day: Day) -> bool {
        if self.agreements.binary_search_by(|known| known.as_str().cmp(agreement)).is_err() {
            return true;
        }
        let has = |value: &str| self.find([agreement.as_bytes(), b"/", value.as_bytes()], day).is_some();
        let code = value.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, ' ' | '%' | '.' | ','));
        has(value) || has(code)
    }
}

/// Country and three of A-Z and 2-9; XZ is the high seas.
fn is_locode(code: &str, day: Day) -> bool {
    let Some((country, place)) = code.split_at_checked(2) else { return false };
    let known = country == "XZ" || list("iso-3166-1").is_some_and(|countries| countries.contains(country, day));
    known && place.len() == 3 && place.bytes().all(|b| b.is_ascii_uppercase() || matches!(b, b'2'..=b'9'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_read_and_is_the_list_that_its_name_says() {
        for (name, file) in NAMES.iter().zip(FILES) {
            let list = List::parse(file).unwrap_or_else(|what| panic!("{name}: {what}"));
            assert_eq!(list.name, *name);
            assert!(!list.title.is_empty() && !list.source.is_empty(), "{name}");
            assert!(!list.rows.is_empty() || list.form.is_some(), "{name}");
        }
    }

    /// A document without a day of issue is judged on the last day of all: no code of today may be unknown on it.
    #[test]
    fn a_code_without_last_day_is_in_force_on_the_last_day_of_all() {
        let countries = list("iso-3166-1").unwrap();
        assert!(countries.contains("KR", Day::LAST));
        assert!(!countries.contains("AN", Day::LAST), "gone since 2010");
        for list in all().iter().filter(|list| list.form.is_none()) {
            for row in list.rows() {
                let again = list.rows().iter().any(|r| r.code == row.code && r.to == Day::LAST);
                assert_eq!(list.contains(&row.code, Day::LAST), again, "{} {}", list.name, row.code);
            }
        }
    }

    #[test]
    fn every_row_is_found_on_its_days_and_nothing_else_is() {
        for list in all() {
            for row in list.rows() {
                let day = if row.to == Day::LAST { row.from.max(Day(20_260_101)) } else { row.from };
                assert_eq!(
                    list.row(&row.code, day).map(|found| &found.code),
                    Some(&row.code),
                    "{} {}",
                    list.name,
                    row.code
                );
                let again = list.rows().iter().filter(|r| r.code == row.code).count() > 1;
                assert!(row.to == Day::LAST || !list.contains(&row.code, row.to) || again);
                let longer = format!("{}~", row.code);
                assert!(
                    !list.contains(&longer, day)
                        && !list.contains(&row.code.to_lowercase().replace(char::is_numeric, "~"), day)
                );
            }
            assert!(!list.contains("", Day(20_260_101)));
        }
    }

    #[test]
    fn codes_come_and_go_on_their_days() {
        let currencies = list("iso-4217").unwrap();
        for (code, last, first) in [("BGN", "2025-12-31", "2026-01-01"), ("HRK", "2022-12-31", "2023-01-01")] {
            assert!(currencies.contains(code, Day::parse(last).unwrap()), "{code}");
            assert!(!currencies.contains(code, Day::parse(first).unwrap()), "{code}");
        }
        assert!(!currencies.contains("SLE", Day::parse("20220331").unwrap()));
        assert!(currencies.contains("SLE", Day::parse("20220401093000Z").unwrap()));
        let countries = list("iso-3166-1").unwrap();
        assert!(countries.contains("KR", Day::FIRST) && !countries.contains("AN", Day(20_200_101)));
        let places = list("un-locode").unwrap();
        for (code, known) in [
            ("KRSEL", true),
            ("XZZZZ", true),
            ("QQSEL", false),
            ("KRSE", false),
            ("KRSE1", false),
            ("krsel", false),
            ("한국", false),
        ] {
            assert_eq!(places.contains(code, Day(20_260_101)), known, "{code}");
        }
    }

    #[test]
    fn a_broken_list_is_refused_by_line() {
        let head = "# list\tx\n# certainty\tours\n# version\t1\t2026-01-01\n";
        for (rows, what) in [
            ("A\tname\t2026-13-01\n", "line 4: expected a day"),
            ("A\tname\t2026-01-01\t2026-01-01\n", "line 4: A: in force on no day"),
            (" A\tname\n", "line 4: expected a code"),
            ("A\nA\n", "A: in force twice"),
            ("A\t\t\t\tsurely\n", "expected a certainty"),
            ("# nonsense\tx\n", "line 4: unknown heading"),
        ] {
            let text: &'static str = format!("{head}{rows}").leak();
            let told = List::parse(text).unwrap_err();
            assert!(told.starts_with(what), "{rows:?}: {told}");
        }
        assert!(List::parse(format!("{head}A\t\t\t2020-01-01\nA\t\t2021-01-01\n").leak()).is_ok());
    }

    #[test]
    fn criteria_belong_to_their_agreement() {
        let list = list("criterion").unwrap();
        let day = Day(20_260_101);
        for (agreement, value, known) in [
            ("RCEP", "CTC", true),
            ("RCEP", "CTH", false),
            ("ATIGA", "RVC 45.5 %", true),
            ("ATIGA", "45", false),
            ("KRID", "CTH or RVC", true),
            ("GSP", "W87.03", true),
            ("ACE14", "TITULO III - ARTIGO 16", true),
        ] {
            assert_eq!(list.has_criterion(agreement, value, day), known, "{agreement} {value}");
        }
    }
}
