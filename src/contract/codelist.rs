//! Code lists as versioned data: which codes exist, since when and until when, and how sure we are of it.
//!
//! The lists stand in `codelist/data/*.tsv` and are part of the binary. A header names the list, where it was read and
//! its versions; a row has code, name in our own words, first day, first day no longer in force, and certainty. A version
//! is a day: what the list said then. A code is judged on the day of issue of the document, or on the day of the version
//! where that is earlier: a CO of 2022 may well say HRK.
//!
//! Which element is bound to which list stands in the schemas (`WCOCodeRemarks`); the generator makes [`Codes`] of it, one
//! method a type that hands every code of a document to a [`Visit`]. [`Lists`] is what a partner has agreed: versions,
//! and what becomes of a code that is not listed. [`check`] costs a hash and a comparison a code and allocates nothing;
//! paths and positions are sought only when there is something to tell.

mod data;
mod place;

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

pub use data::{List, Row, Version, all, list};

use super::violation::{Came, Violation, Violations};
use crate::xml::{Document, NodeId};

/// A day as CCYYMMDD.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Day(u32);

impl Day {
    /// Before every day.
    pub const FIRST: Self = Self(0);
    /// After every day.
    pub const LAST: Self = Self(u32::MAX);

    /// Reads `CCYY-MM-DD`, or `CCYYMMDD` and whatever follows it: the shapes of dates in documents. The zone is not looked
    /// at: the day is the one that the issuer wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let octets = text.as_bytes();
        let digits: Vec<u8> = match octets.get(4) {
            Some(b'-') => [octets.get(..4)?, octets.get(5..7)?, octets.get(8..10)?].concat(),
            _ => octets.get(..8)?.to_vec(),
        };
        let number: u32 = std::str::from_utf8(&digits).ok()?.parse().ok()?;
        let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
        Date::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?).ok()?;
        Some(Self(number))
    }
}

impl From<Date> for Day {
    fn from(date: Date) -> Self {
        let year = u32::try_from(date.year()).unwrap_or(0);
        Self(year * 10_000 + date.month().unsigned_abs() as u32 * 100 + date.day().unsigned_abs() as u32)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.0 / 10_000, self.0 / 100 % 100, self.0 % 100)
    }
}

/// What becomes of a document with a code that is not listed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unknown {
    /// It is refused.
    Reject,
    /// It is taken, and the code is told to the operator.
    Warn,
    /// It is taken.
    Pass,
}

impl Unknown {
    /// As in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reject => "reject",
            Self::Warn => "warn",
            Self::Pass => "pass",
        }
    }
}

/// A list by its number in [`all`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListId(pub u8);

/// Names of the lists, in the order of [`ListId`].
pub const NAMES: [&str; 16] = [
    "iso-3166-1",
    "iso-3166-2",
    "iso-4217",
    "un-locode",
    "rec19",
    "rec20",
    "rec21",
    "rec28",
    "1001",
    "1225",
    "1373",
    "3035",
    "3131",
    "7143",
    "agreement",
    "criterion",
];

const MESSAGE_FUNCTION: ListId = ListId(9);
const CRITERION: ListId = ListId(15);

/// What `WCOCodeRemarks` of the schemas say, and the list that it means. Whatever is not here is bound to no list.
const REMARKS: &[(&str, &str)] = &[
    ("ISO 3166-1", "iso-3166-1"),
    ("ISO 3166-2", "iso-3166-2"),
    ("ISO 4217", "iso-4217"),
    ("UN/LOCODE", "un-locode"),
    ("UN/ECE Rec 19", "rec19"),
    ("UN/ECE Rec 20", "rec20"),
    ("UN/ECE Rec 21", "rec21"),
    ("UN/ECE Rec 28", "rec28"),
    ("UN/EDIFACT 1001", "1001"),
    ("UN/EDIFACT 1225", "1225"),
    ("UN/EDIFACT 1225 (K17)", "1225"),
    ("UN/EDIFACT 1373", "1373"),
    ("UN/EDIFACT 3035", "3035"),
    ("UN/EDIFACT 3131", "3131"),
    ("UN/EDIFACT 7143", "7143"),
    ("list of the agreement", "criterion"),
];

impl ListId {
    /// The list called `name`.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        NAMES.iter().position(|known| *known == name).map(|at| Self(at as u8))
    }

    /// The list that a remark of the schema about the element `element` means.
    #[must_use]
    pub fn of_remark(element: &str, remark: &str) -> Option<Self> {
        if element == "AgreementCode" {
            return Self::of("agreement");
        }
        REMARKS.iter().find(|(text, _)| *text == remark).and_then(|(_, name)| Self::of(name))
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES.get(usize::from(self.0)).copied().unwrap_or("")
    }
}

/// Takes the codes of a document, in its order.
pub trait Visit {
    /// Steps into an element; `occurrence` is 0 for one that stands at most once.
    fn enter(&mut self, name: &'static str, occurrence: usize);
    /// Steps out of it.
    fn leave(&mut self);
    /// A code in the element `name`, or in its attribute `attribute` unless that is "".
    fn code(&mut self, code: &Coded, occurrence: usize, value: &str);
}

/// An element or attribute that is bound to a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Coded {
    /// Name of the element.
    pub element: &'static str,
    /// Name of the attribute, or "".
    pub attribute: &'static str,
    /// WCO id, or "".
    pub wco_id: &'static str,
    /// The list.
    pub list: ListId,
}

/// What generated code does for a type: hands over its codes.
pub trait Codes {
    /// Hands every code of this value to `visit`.
    fn codes<V: Visit>(&self, visit: &mut V);
}

/// Whether `code` is in force in `version` of `list` on `day`. None when there is no such list or version.
///
/// # Example
/// ```
/// use coconnect::contract::codelist::{self, Day};
/// let day = Day::parse("2022-06-01").unwrap();
/// assert_eq!(codelist::contains("iso-4217", "2026", "HRK", day), Some(true));
/// assert_eq!(codelist::contains("iso-4217", "2026", "HRK", Day::parse("2024-06-01").unwrap()), Some(false));
/// assert_eq!(codelist::contains("criterion", "1", "RCEP/CTC", day), Some(true));
/// ```
#[must_use]
pub fn contains(list: &str, version: &str, code: &str, day: Day) -> Option<bool> {
    let list = self::list(list)?;
    let version = list.version(version)?;
    Some(list.contains(code, day.min(version.day)))
}

/// What holds of one list with a partner.
#[derive(Clone, Copy, Debug)]
struct Agreed {
    /// Day of the version in force.
    day: Day,
    unknown: Unknown,
}

/// The lists in force with a partner.
#[derive(Clone, Debug)]
pub struct Lists {
    agreed: [Agreed; NAMES.len()],
}

impl Default for Lists {
    /// Our newest versions, and what each list says of an unknown code.
    fn default() -> Self {
        Self::new(&BTreeMap::new(), &BTreeMap::new())
    }
}

impl Lists {
    /// From the tables `[code_lists]` (name = version) and `[unknown_codes]` (name = reject, warn or pass; `default` for
    /// those that are not named) of a partner file. A version that we do not have stands for our newest.
    #[must_use]
    pub fn new(versions: &BTreeMap<String, String>, unknown: &BTreeMap<String, Unknown>) -> Self {
        let agreed = NAMES.map(|name| {
            let list = self::list(name);
            let version = versions.get(name).and_then(|version| list?.version(version));
            let own = list.map_or(Unknown::Pass, |list| list.unknown);
            Agreed {
                day: version.map_or(Day::LAST, |version| version.day),
                unknown: unknown.get(name).or_else(|| unknown.get("default")).copied().unwrap_or(own),
            }
        });
        Self { agreed }
    }

    /// Whether `value` may stand, for what becomes of it otherwise.
    fn judge(&self, id: ListId, agreement: &str, value: &str, day: Day) -> Option<Unknown> {
        let agreed = self.agreed.get(usize::from(id.0))?;
        if agreed.unknown == Unknown::Pass {
            return None;
        }
        let list = all().get(usize::from(id.0))?;
        let day = day.min(agreed.day);
        let listed = match id {
            CRITERION => list.has_criterion(agreement, value, day),
            // Message functions stand with and without a zero before them (n..2).
            MESSAGE_FUNCTION => list.contains(value.trim_start_matches('0'), day),
            _ => list.contains(value, day),
        };
        if listed { None } else { Some(agreed.unknown) }
    }
}

/// What is wrong with the codes of a document, and what is only to be told.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Found {
    /// For these the document is refused.
    pub rejected: Violations,
    /// These are told to the operator.
    pub warned: Violations,
}

/// Checks the codes of `message`, bound from the element `node` of `document`, on `day`, its day of issue.
///
/// Time: a look-up a code; linear in the document only when something is found.
#[must_use]
pub fn check<T: Codes>(message: &T, lists: &Lists, day: Day, document: &Document, node: NodeId) -> Found {
    let mut fast = Fast { lists, day, agreement: String::new(), found: false };
    message.codes(&mut fast);
    if !fast.found {
        return Found::default();
    }
    let root = document.local(node);
    let mut slow = Slow {
        lists,
        day,
        agreement: String::new(),
        path: format!("/{root}"),
        ends: Vec::new(),
        found: Found::default(),
    };
    message.codes(&mut slow);
    let mut found = slow.found;
    place::place(document, node, &mut found.rejected.list);
    place::place(document, node, &mut found.warned.list);
    found
}

/// Only whether there is something to tell.
struct Fast<'a> {
    lists: &'a Lists,
    day: Day,
    agreement: String,
    found: bool,
}

impl Visit for Fast<'_> {
    #[inline]
    fn enter(&mut self, _: &'static str, _: usize) {}
    #[inline]
    fn leave(&mut self) {}
    #[inline]
    fn code(&mut self, code: &Coded, _: usize, value: &str) {
        if code.element == "AgreementCode" && self.agreement != value {
            value.clone_into(&mut self.agreement);
        }
        self.found |= self.lists.judge(code.list, &self.agreement, value, self.day).is_some();
    }
}

struct Slow<'a> {
    lists: &'a Lists,
    day: Day,
    agreement: String,
    path: String,
    ends: Vec<usize>,
    found: Found,
}

impl Slow<'_> {
    fn step(&mut self, name: &str, occurrence: usize) {
        self.ends.push(self.path.len());
        self.path.push('/');
        self.path.push_str(name);
        if occurrence > 0 {
            self.path.push_str(&format!("[{occurrence}]"));
        }
    }
}

impl Visit for Slow<'_> {
    fn enter(&mut self, name: &'static str, occurrence: usize) {
        self.step(name, occurrence);
    }

    fn leave(&mut self) {
        if let Some(end) = self.ends.pop() {
            self.path.truncate(end);
        }
    }

    fn code(&mut self, code: &Coded, occurrence: usize, value: &str) {
        if code.element == "AgreementCode" {
            value.clone_into(&mut self.agreement);
        }
        let Some(unknown) = self.lists.judge(code.list, &self.agreement, value, self.day) else { return };
        self.step(code.element, occurrence);
        let path = match code.attribute {
            "" => self.path.clone(),
            attribute => format!("{}/@{attribute}", self.path),
        };
        self.leave();
        let expected = self.expected(code.list);
        let found = match unknown {
            Unknown::Reject => &mut self.found.rejected,
            Unknown::Warn | Unknown::Pass => &mut self.found.warned,
        };
        found.push(|| Violation {
            code: "code-list".into(),
            wco_id: code.wco_id.into(),
            path,
            line: 0,
            column: 0,
            expected: expected.into(),
            came: Came {
                kind: super::bind::kind_of(value).into(),
                length: Some(value.chars().count() as u64),
                in_list: Some(false),
            },
            value: Some(value.to_owned()),
        });
    }
}

impl Slow<'_> {
    fn expected(&self, id: ListId) -> String {
        let Some(list) = all().get(usize::from(id.0)) else { return String::new() };
        let limit = self.lists.agreed.get(usize::from(id.0)).map_or(Day::LAST, |agreed| agreed.day);
        let version = list.at(limit).map_or("", |version| version.name.as_str());
        match id {
            CRITERION => format!("a criterion of {} (list criterion, version {version})", self.agreement),
            id => format!("a code of {}, version {version}, in force on the day of issue", id.name()),
        }
    }
}

/// How the version of one list that a partner has differs from ours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// The list.
    pub list: String,
    /// Our newest version; none when we have no such list.
    pub ours: Option<String>,
    /// The partner's version.
    pub theirs: String,
    /// Whether we have the partner's version, so that the next two are known.
    pub known: bool,
    /// Codes in force in ours and not in theirs.
    pub only_ours: Vec<String>,
    /// Codes in force in theirs and not in ours.
    pub only_theirs: Vec<String>,
}

/// How the versions of a partner differ from our newest; lists of which we have the same version are left out.
#[must_use]
pub fn differences(versions: &BTreeMap<String, String>) -> Vec<Difference> {
    let differs = |(name, version): (&String, &String)| {
        let list = self::list(name);
        let ours = list.and_then(List::newest);
        let theirs = list.and_then(|list| list.version(version));
        let mut difference = Difference {
            list: name.clone(),
            ours: ours.map(|version| version.name.clone()),
            theirs: version.clone(),
            known: theirs.is_some(),
            only_ours: Vec::new(),
            only_theirs: Vec::new(),
        };
        if difference.ours.as_ref() == Some(version) {
            return None;
        }
        if let (Some(list), Some(ours), Some(theirs)) = (list, ours, theirs) {
            let only = |day: Day, other: Day| -> Vec<String> {
                let here = list.rows().iter().filter(|row| row.in_force(day) && !list.contains(&row.code, other));
                here.map(|row| row.code.to_string()).collect()
            };
            difference.only_ours = only(ours.day, theirs.day);
            difference.only_theirs = only(theirs.day, ours.day);
        }
        Some(difference)
    };
    versions.iter().filter_map(differs).collect()
}
