//! The profile file, `profiles/NAME.toml`: every key typed, unknown keys refused, all errors of a file at once. How to
//! write one stands in the manual, [`profiles`](crate::manual::profiles).
//!
//! A file says what it says; what that means for the elements of the contract is worked out in [`compile()`](super::compile()).

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::Date;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::calendar::Period;
use super::moment::Shape;
use super::place::Kind;
use super::text::Oddity;

/// What is done about what breaks a statement.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Nothing: the statement is not in force.
    Off,
    /// It is recorded for risk analysis; nobody is told.
    Flag,
    /// It is recorded and shown.
    Warn,
    /// The document is refused.
    Reject,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::Flag => "flag",
            Self::Warn => "warn",
            Self::Reject => "reject",
        })
    }
}

/// How sure a statement is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// Read in a public text, form or file.
    Seen,
    /// Known from memory: compare it with the agreement before relying on it.
    Recalled,
    /// A proposal: both sides must say yes.
    #[default]
    Proposed,
    /// Agreed by both sides.
    Agreed,
}

impl fmt::Display for Certainty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Seen => "seen",
            Self::Recalled => "recalled",
            Self::Proposed => "proposed",
            Self::Agreed => "agreed",
        })
    }
}

/// Whether an element stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Presence {
    /// In every element around it that stands.
    Mandatory,
    /// As the sender likes.
    Optional,
    /// Mandatory when `when` holds.
    Conditional,
    /// It does not leave the gateway.
    Withheld,
}

impl fmt::Display for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mandatory => "mandatory",
            Self::Optional => "optional",
            Self::Conditional => "conditional",
            Self::Withheld => "withheld",
        })
    }
}

/// What a conditional element is when its condition does not hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Otherwise {
    /// As the sender likes.
    Optional,
    /// It must not stand.
    Absent,
}

/// What becomes of elements that the profile does not list.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unlisted {
    /// They are optional.
    Optional,
    /// They are withheld, as far as the schema can do without them: the profile is the whole menu.
    Withheld,
}

/// What becomes of foreign elements that the profile does not declare.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Foreign {
    /// They are passed on.
    Pass,
    /// They are passed on and recorded with a warning.
    Warn,
    /// They are stripped before sending; received, they are passed on with a warning.
    Withheld,
    /// A document with one is refused.
    Reject,
}

/// What every statement has.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Statement {
    /// Name by which findings tell it and another profile overrides it.
    pub name: String,
    /// On receipt.
    pub verdict: Verdict,
    /// Before sending.
    pub verdict_out: Verdict,
    /// How sure it is.
    pub certainty: Certainty,
    /// Where that is known from.
    pub source: String,
    /// What a person reads when it is broken.
    pub message: String,
}

/// A test of one element, or several of them put together.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// All of these hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub all: Vec<Condition>,
    /// One of these holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub any: Vec<Condition>,
    /// This does not hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not: Option<Box<Condition>>,
    /// The element that is looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub element: Option<String>,
    /// It stands, or does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub present: Option<bool>,
    /// It has this value; `true` and `false` fit every spelling of an indicator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is: Option<String>,
    /// It has one of these values.
    #[serde(default, rename = "in", skip_serializing_if = "Vec::is_empty")]
    pub among: Vec<String>,
    /// It begins with one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub starts_with: Vec<String>,
    /// It is a number above this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<String>,
}

/// Values that an element may have: written out, or a list of the profile by its name.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ListRef {
    /// `list = "criteria"`
    Named(String),
    /// `list = ["WO", "PE"]`
    Values(Vec<String>),
}

/// A code list of the profile.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeList {
    /// Which edition.
    #[serde(default)]
    pub version: String,
    /// The codes.
    pub values: Vec<String>,
    /// How sure they are.
    #[serde(default)]
    pub certainty: Certainty,
    /// Where they come from.
    #[serde(default)]
    pub source: String,
}

/// What a value must be like.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Limits {
    /// Least number of the element in the one around it.
    pub items_min: Option<u32>,
    /// Greatest number.
    pub items_max: Option<u32>,
    /// Characters, not octets.
    pub length_min: Option<u32>,
    /// Characters, not octets.
    pub length_max: Option<u32>,
    /// Digits of a number.
    pub digits_max: Option<u32>,
    /// Digits after the point.
    pub decimals_max: Option<u32>,
    /// Least number, itself included.
    pub minimum: Option<String>,
    /// Greatest number, itself included.
    pub maximum: Option<String>,
    /// Values that it may have.
    pub list: Option<ListRef>,
    /// Shapes that a date may have.
    pub shapes: Option<Vec<Shape>>,
}

/// `[[element]]`: what is agreed about an element.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ElementEntry {
    /// Its number among those of the file, from 1.
    #[serde(skip)]
    pub number: usize,
    /// Which: WCO ids or paths.
    pub elements: Vec<String>,
    /// Whether it stands.
    pub presence: Option<Presence>,
    /// For a conditional one.
    pub when: Option<Condition>,
    /// For a conditional one.
    pub otherwise: Option<Otherwise>,
    /// Its values.
    pub limits: Limits,
    /// How it is judged.
    pub statement: Statement,
}

/// `[[extension]]`: an element that the contract does not have.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ExtensionEntry {
    /// The element in which it stands.
    pub parent: String,
    /// Its namespace.
    pub ns: String,
    /// Its id, if the two sides gave it one.
    pub id: String,
    /// What it holds.
    #[serde(skip)]
    pub kind: Kind,
    /// What is agreed about it; its one name is its local name.
    pub entry: ElementEntry,
}

/// `[[rule]]`: what is asked of the document as a whole, or of an item.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct RuleEntry {
    /// Its number among those of the file, from 1.
    #[serde(skip)]
    pub number: usize,
    /// Which.
    pub kind: RuleKind,
    /// How it is judged.
    pub statement: Statement,
}

/// How days are counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Count {
    /// Every day.
    Calendar,
    /// Days that the issuer's calendar works.
    Working,
}

/// The rules, each with its numbers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum RuleKind {
    /// How long a CO is good from its day of issue. On receipt an expired one, or one whose own expiry is later; on a
    /// claim whatever is claimed after the last day.
    Validity {
        /// From the day of issue; the last day is still good.
        period: Period,
    },
    /// A CO issued later than so many days after departure is retroactive: it must say so, and after `limit` there is
    /// none any more.
    Retroactive {
        /// Days after departure within which a CO is no retroactive one.
        after_days: u16,
        /// How they are counted.
        count: Count,
        /// After departure; without it there is no end.
        #[serde(default)]
        limit: Period,
    },
    /// A back-to-back CO names the original: number, country, date; not its own country, not later than itself.
    BackToBack {
        /// Longest time between the two.
        #[serde(default)]
        within: Period,
    },
    /// The invoice of a third country: all three of its elements, and neither party's country nor name.
    ThirdCountryInvoice,
    /// A CO that replaces another names it, is not itself that, and is not older.
    Replacement {
        /// Documents that one CO may name as replaced.
        #[serde(default = "one")]
        documents_max: u32,
    },
    /// A certified true copy names the original and is issued in time.
    CertifiedTrueCopy {
        /// After the original's day of issue.
        #[serde(default)]
        within: Period,
    },
    /// Commodity codes of the Harmonized System: digits of an existing chapter, and the edition where one is told.
    HarmonizedSystem {
        /// Least number of digits; default 6.
        #[serde(default = "six")]
        digits_min: u32,
        /// Greatest number of digits; default 10.
        #[serde(default = "ten")]
        digits_max: u32,
        /// Editions that may be told in `IdentificationTypeCode/@listVersionID`; none asks for none.
        #[serde(default)]
        editions: Vec<String>,
        /// Whether an edition must be told.
        #[serde(default)]
        edition_required: bool,
    },
    /// Origin criteria by agreement (K16): each has its list.
    Criteria {
        /// Agreement to its list.
        agreements: BTreeMap<String, ListRef>,
        /// Whether a criterion under another agreement breaks the rule.
        #[serde(default)]
        only_these: bool,
    },
    /// Items are numbered once each.
    Sequence {
        /// Whether they are 1, 2, 3, ... in order.
        #[serde(default)]
        from_one: bool,
    },
    /// Net weight is at most gross weight, and the gross weights of the items at most the total.
    Weights,
    /// Dates are days that exist and have the shape that they name.
    RealDates,
    /// Times have a zone; a day alone needs none.
    ZonedTimes,
    /// No issue later than so many days from now, no authentication earlier than so many days before the issue.
    IssueDate {
        /// Days; default 1, for zones ahead of ours.
        #[serde(default = "one")]
        future_days_max: u32,
        /// Days between authentication and issue; none asks for none.
        #[serde(default)]
        authentication_days_max: Option<u32>,
    },
    /// Texts do not have this.
    Text {
        /// What.
        not: Vec<Oddity>,
        /// Where: WCO ids or paths; none means every text.
        #[serde(default)]
        elements: Vec<String>,
    },
    /// Of several elements so many stand.
    OneOf {
        /// Which: paths or ids.
        elements: Vec<String>,
        /// The element around them; default: the deepest that is around them all.
        #[serde(default)]
        within: Option<String>,
        /// At least; default 1.
        #[serde(default = "one")]
        at_least: u32,
        /// At most.
        #[serde(default)]
        at_most: Option<u32>,
    },
    /// Several elements stand together or not at all.
    Together {
        /// Which: paths or ids.
        elements: Vec<String>,
    },
    /// Something that must not hold: for risk analysis, or for what no other rule says.
    Condition {
        /// The element it is looked at in; default `LPCO`.
        #[serde(default)]
        within: Option<String>,
        /// What must not hold.
        when: Condition,
    },
}

fn one() -> u32 {
    1
}
fn six() -> u32 {
    6
}
fn ten() -> u32 {
    10
}

impl RuleKind {
    /// As it stands in the file.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Validity { .. } => "validity",
            Self::Retroactive { .. } => "retroactive",
            Self::BackToBack { .. } => "back-to-back",
            Self::ThirdCountryInvoice => "third-country-invoice",
            Self::Replacement { .. } => "replacement",
            Self::CertifiedTrueCopy { .. } => "certified-true-copy",
            Self::HarmonizedSystem { .. } => "harmonized-system",
            Self::Criteria { .. } => "criteria",
            Self::Sequence { .. } => "sequence",
            Self::Weights => "weights",
            Self::RealDates => "real-dates",
            Self::ZonedTimes => "zoned-times",
            Self::IssueDate { .. } => "issue-date",
            Self::Text { .. } => "text",
            Self::OneOf { .. } => "one-of",
            Self::Together { .. } => "together",
            Self::Condition { .. } => "condition",
        }
    }
}

/// One profile file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Profile {
    /// Its name: a-z, 0-9 and `-`.
    pub name: String,
    /// Which version of it: what two sides compare.
    pub version: String,
    /// For people.
    pub title: String,
    /// The profile that it adds to.
    pub extends: Option<String>,
    /// Agreements (K16) that it is for; none means any.
    pub agreements: Vec<String>,
    /// First day on which it is in force.
    pub valid_from: Option<Date>,
    /// Last day.
    pub valid_until: Option<Date>,
    /// What becomes of elements that it does not list.
    pub unlisted: Option<Unlisted>,
    /// What becomes of foreign elements that it does not declare.
    pub foreign: Option<Foreign>,
    /// What a document signature covers: paths; default the whole LPCO.
    pub signature_covers: Option<Vec<String>>,
    /// Time zone of an issuing country.
    pub zones: BTreeMap<String, String>,
    /// Calendar of an issuing country.
    pub calendars: BTreeMap<String, String>,
    /// Code lists.
    pub lists: BTreeMap<String, CodeList>,
    /// Elements.
    pub elements: Vec<ElementEntry>,
    /// Elements that the contract does not have.
    pub extensions: Vec<ExtensionEntry>,
    /// Rules.
    pub rules: Vec<RuleEntry>,
    /// How sure its statements are that do not say it themselves.
    pub certainty: Certainty,
    /// Where they come from.
    pub source: String,
}

/// One thing that is wrong with a profile.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Problem {
    /// Which key or entry: `element[3] (27A)`.
    pub at: String,
    /// What was expected and what came.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.at.is_empty() { f.write_str(&self.what) } else { write!(f, "{}: {}", self.at, self.what) }
    }
}

/// Everything that is wrong with a profile.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}", self.0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct Problems(pub Vec<Problem>);

/// Octets of a profile file at most.
pub const FILE_BYTES_MAX: usize = 1024 * 1024;
/// Statements of a profile at most.
pub const STATEMENTS_MAX: usize = 2_000;
/// How deep conditions may stand in each other.
pub const CONDITION_DEPTH_MAX: usize = 8;

impl Profile {
    /// Reads the text of a profile file.
    ///
    /// # Errors
    /// Everything that is wrong with it as far as it can be read alone; what it points to is looked at when it is compiled.
    pub fn parse(text: &str) -> Result<Self, Problems> {
        let (profile, problems) = Self::parse_partly(text)?;
        if problems.is_empty() { Ok(profile) } else { Err(Problems(problems)) }
    }

    /// Reads the text of a profile file as far as it can be read, with what is wrong: entries that cannot be read are left
    /// out. For a check that goes on to look at the others, never for use.
    ///
    /// # Errors
    /// A text that is too long or no TOML: nothing of it can be read.
    pub fn parse_partly(text: &str) -> Result<(Self, Vec<Problem>), Problems> {
        if text.len() > FILE_BYTES_MAX {
            let what = format!("expected at most {FILE_BYTES_MAX} octets, came {}", text.len());
            return Err(Problems(vec![Problem { at: String::new(), what }]));
        }
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            Problems(vec![Problem { at: String::new(), what: error.to_string().trim_end().to_owned() }])
        })?;
        let mut reader = Reader { problems: Vec::new() };
        let profile = reader.profile(table);
        Ok((profile, reader.problems))
    }
}

/// Takes keys out of tables; what is left over at the end nobody knows.
struct Reader {
    problems: Vec<Problem>,
}

impl Reader {
    fn problem(&mut self, at: &str, what: impl Into<String>) {
        self.problems.push(Problem { at: at.to_owned(), what: what.into() });
    }

    fn take<T: DeserializeOwned>(&mut self, table: &mut Table, at: &str, key: &str) -> Option<T> {
        let value = table.remove(key)?;
        match value.try_into() {
            Ok(value) => Some(value),
            Err(error) => {
                let place = if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") };
                self.problem(&place, error.to_string().trim_end());
                None
            }
        }
    }

    fn leftover(&mut self, table: &Table, at: &str) {
        for key in table.keys() {
            let place = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
            self.problem(&place, "expected a key that profiles have, came an unknown one");
        }
    }

    fn tables(&mut self, table: &mut Table, key: &str) -> Vec<Table> {
        match table.remove(key) {
            None => Vec::new(),
            Some(Value::Array(entries)) if entries.iter().all(Value::is_table) => entries
                .into_iter()
                .filter_map(|entry| match entry {
                    Value::Table(table) => Some(table),
                    _ => None,
                })
                .collect(),
            Some(_) => {
                self.problem(key, format!("expected [[{key}]] tables"));
                Vec::new()
            }
        }
    }

    fn profile(&mut self, mut table: Table) -> Profile {
        let mut top = Profile {
            name: self.take(&mut table, "", "name").unwrap_or_default(),
            version: self.take(&mut table, "", "version").unwrap_or_default(),
            title: self.take(&mut table, "", "title").unwrap_or_default(),
            extends: self.take(&mut table, "", "extends"),
            agreements: self.take(&mut table, "", "agreements").unwrap_or_default(),
            valid_from: self.date(&mut table, "valid_from"),
            valid_until: self.date(&mut table, "valid_until"),
            unlisted: self.take(&mut table, "", "unlisted"),
            foreign: self.take(&mut table, "", "foreign"),
            signature_covers: self.take(&mut table, "", "signature_covers"),
            zones: self.take(&mut table, "", "zones").unwrap_or_default(),
            calendars: self.take(&mut table, "", "calendars").unwrap_or_default(),
            lists: self.take(&mut table, "", "list").unwrap_or_default(),
            certainty: self.take(&mut table, "", "certainty").unwrap_or_default(),
            source: self.take(&mut table, "", "source").unwrap_or_default(),
            elements: Vec::new(),
            extensions: Vec::new(),
            rules: Vec::new(),
        };
        if !is_name(&top.name) {
            let what = format!("expected 1 to 64 of a-z, 0-9 and -, came {:?}", top.name);
            self.problem("name", what);
        }
        if top.version.is_empty() || top.version.chars().count() > 32 {
            self.problem("version", "expected a text of 1 to 32 characters, such as \"1\"");
        }
        if let (Some(from), Some(until)) = (top.valid_from, top.valid_until)
            && until < from
        {
            self.problem("valid_until", format!("expected a day from {from} on, came {until}"));
        }
        let (elements, extensions) = (self.tables(&mut table, "element"), self.tables(&mut table, "extension"));
        let rules = self.tables(&mut table, "rule");
        let statements = elements.len() + extensions.len() + rules.len();
        if statements > STATEMENTS_MAX {
            self.problem("", format!("expected at most {STATEMENTS_MAX} statements, came {statements}"));
            return top;
        }
        for (number, entry) in elements.into_iter().enumerate() {
            top.elements.extend(self.element(entry, number + 1, &top));
        }
        for (number, entry) in extensions.into_iter().enumerate() {
            top.extensions.extend(self.extension(entry, number + 1, &top));
        }
        for (number, entry) in rules.into_iter().enumerate() {
            top.rules.extend(self.rule(entry, number + 1, &top));
        }
        self.leftover(&table, "");
        top
    }

    fn date(&mut self, table: &mut Table, key: &str) -> Option<Date> {
        // TOML has dates of its own, and people write texts.
        let text = match table.remove(key)? {
            Value::Datetime(date) => date.to_string(),
            Value::String(text) => text,
            other => other.to_string(),
        };
        let date = text.parse().ok();
        if date.is_none() {
            self.problem(key, format!("expected a day CCYY-MM-DD, came {text:?}"));
        }
        date
    }

    /// Takes what every statement has. `usual` is the verdict of one that says none.
    fn statement(&mut self, table: &mut Table, at: &str, name: String, usual: Verdict, top: &Profile) -> Statement {
        let verdict = self.take(table, at, "verdict").unwrap_or(usual);
        Statement {
            verdict,
            verdict_out: self.take(table, at, "verdict_out").unwrap_or(verdict),
            certainty: self.take(table, at, "certainty").unwrap_or(top.certainty),
            source: self.take(table, at, "source").unwrap_or_else(|| top.source.clone()),
            message: self.take(table, at, "message").unwrap_or_default(),
            name,
        }
    }

    fn element(&mut self, mut table: Table, number: usize, top: &Profile) -> Option<ElementEntry> {
        let elements = match table.remove("element") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        if elements.is_empty() {
            self.problem(&format!("element[{number}]"), "expected element = a WCO id, a path, or a list of them");
            return None;
        }
        let at = format!("element[{number}] ({})", elements.join(", "));
        let name = elements.join(", ");
        let entry = self.entry(&mut table, &at, elements, name, top);
        self.leftover(&table, &at);
        Some(ElementEntry { number, ..entry })
    }

    fn entry(
        &mut self,
        table: &mut Table,
        at: &str,
        elements: Vec<String>,
        name: String,
        top: &Profile,
    ) -> ElementEntry {
        let presence: Option<Presence> = self.take(table, at, "presence");
        // A partner that sends more than was agreed is told so, and its document taken.
        let usual = if presence == Some(Presence::Withheld) { Verdict::Warn } else { Verdict::Reject };
        let entry = ElementEntry {
            number: 0,
            presence,
            when: self.take(table, at, "when"),
            otherwise: self.take(table, at, "otherwise"),
            limits: Limits {
                items_min: self.take(table, at, "items_min"),
                items_max: self.take(table, at, "items_max"),
                length_min: self.take(table, at, "length_min"),
                length_max: self.take(table, at, "length_max"),
                digits_max: self.take(table, at, "digits_max"),
                decimals_max: self.take(table, at, "decimals_max"),
                minimum: self.take(table, at, "minimum"),
                maximum: self.take(table, at, "maximum"),
                list: self.take(table, at, "list"),
                shapes: self.take(table, at, "shapes"),
            },
            statement: self.statement(table, at, name, usual, top),
            elements,
        };
        match (entry.presence, &entry.when) {
            (Some(Presence::Conditional), None) => self.problem(at, "a conditional element needs when = { ... }"),
            (Some(Presence::Conditional), Some(_)) => {}
            (_, Some(_)) => self.problem(at, "when belongs to presence = \"conditional\""),
            (_, None) => {}
        }
        if entry.otherwise.is_some() && entry.presence != Some(Presence::Conditional) {
            self.problem(at, "otherwise belongs to presence = \"conditional\"");
        }
        if entry.presence.is_none() && entry.limits == Limits::default() {
            self.problem(at, "says nothing: expected presence, a limit or a list");
        }
        for bound in [&entry.limits.minimum, &entry.limits.maximum].into_iter().flatten() {
            if super::quantity::Exact::parse(bound).is_none() {
                self.problem(at, format!("expected a decimal as text, such as \"0.5\", came {bound:?}"));
            }
        }
        self.contradictions(at, &entry);
        entry
    }

    fn contradictions(&mut self, at: &str, entry: &ElementEntry) {
        let limits = &entry.limits;
        let pairs = [(limits.items_min, limits.items_max, "items"), (limits.length_min, limits.length_max, "length")];
        for (least, most, what) in pairs {
            if let (Some(least), Some(most)) = (least, most)
                && least > most
            {
                self.problem(at, format!("{what}_min {least} is above {what}_max {most}"));
            }
        }
        let number = |text: &Option<String>| text.as_deref().and_then(super::quantity::Exact::parse);
        if let (Some(least), Some(most)) = (number(&limits.minimum), number(&limits.maximum))
            && least.compare(most) == Some(std::cmp::Ordering::Greater)
        {
            self.problem(at, "minimum is above maximum");
        }
        if limits.items_max == Some(0) {
            self.problem(at, "items_max = 0: say presence = \"withheld\"");
        }
        if let Some(ListRef::Values(values)) = &limits.list
            && values.is_empty()
        {
            self.problem(at, "an empty list: no value would be taken");
        }
        if entry.presence == Some(Presence::Withheld) && *limits != Limits::default() {
            self.problem(at, "is withheld, and has limits");
        }
    }

    fn extension(&mut self, mut table: Table, number: usize, top: &Profile) -> Option<ExtensionEntry> {
        let name: String = self.take(&mut table, &format!("extension[{number}]"), "name").unwrap_or_default();
        let at = format!("extension[{number}] ({name})");
        let is_local_name = name.chars().next().is_some_and(|c| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
        if !is_local_name || name.len() > 64 {
            self.problem(&at, "expected name = an XML name of ASCII letters, digits, - _ and .");
        }
        let ns: String = self.take(&mut table, &at, "ns").unwrap_or_default();
        if !ns.contains(':') || ns.contains(char::is_whitespace) {
            self.problem(&at, format!("expected ns = an absolute URI, came {ns:?}"));
        }
        let kind: String = self.take(&mut table, &at, "type").unwrap_or_default();
        let kind = match kind.as_str() {
            "text" => Kind::Text,
            "code" => Kind::Code,
            "identifier" => Kind::Id,
            "date" => Kind::Date,
            "indicator" => Kind::Indicator,
            "decimal" => Kind::Number,
            other => {
                let what =
                    format!("expected type = text, code, identifier, date, indicator or decimal, came {other:?}");
                self.problem(&at, what);
                Kind::Text
            }
        };
        let parent = self.take(&mut table, &at, "parent").unwrap_or_else(|| "LPCO".to_owned());
        let id = self.take(&mut table, &at, "id").unwrap_or_default();
        table.entry("presence").or_insert_with(|| Value::String("optional".to_owned()));
        let entry = self.entry(&mut table, &at, vec![name.clone()], name, top);
        self.leftover(&table, &at);
        Some(ExtensionEntry { parent, ns, id, kind, entry })
    }

    fn rule(&mut self, mut table: Table, number: usize, top: &Profile) -> Option<RuleEntry> {
        let kind = table.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
        let name: Option<String> = self.take(&mut table, &format!("rule[{number}]"), "name");
        let name = name.unwrap_or(kind);
        let at = format!("rule[{number}] ({name})");
        if !is_name(&name) {
            self.problem(
                &at,
                "expected kind = \"...\", and name = 1 to 64 of a-z, 0-9 and - where one kind stands twice",
            );
        }
        let statement = self.statement(&mut table, &at, name, Verdict::Reject, top);
        match Value::Table(table).try_into::<RuleKind>() {
            Ok(kind) => {
                if matches!(kind, RuleKind::Condition { .. }) && statement.message.is_empty() {
                    self.problem(&at, "a condition needs message = what a person reads");
                }
                Some(RuleEntry { number, kind, statement })
            }
            Err(error) => {
                self.problem(&at, error.to_string().trim_end());
                None
            }
        }
    }
}

/// Whether `text` may name a profile or a rule.
#[must_use]
pub fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "name = \"x\"\nversion = \"1\"\n";

    fn problems(text: &str) -> Vec<String> {
        match Profile::parse(&format!("{HEAD}{text}")) {
            Ok(_) => Vec::new(),
            Err(problems) => problems.0.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn all_errors_of_a_file_are_told_at_once() {
        // Whoever writes a profile wants to correct it once.
        let found = problems(
            "colour = \"red\"\nunlisted = \"maybe\"\n[[element]]\nelement = \"27A\"\npresense = \"mandatory\"\n\
             [[element]]\npresence = \"optional\"\n[[rule]]\nkind = \"validity\"\nperiod = { weeks = 3 }\n\
             [[rule]]\nkind = \"moon-phase\"\n[[extension]]\nname = \"A B\"\nns = \"x\"\ntype = \"float\"\n",
        );
        for part in [
            "colour:",
            "unlisted:",
            "element[1] (27A).presense",
            "element[1] (27A): says nothing",
            "element[2]:",
            "rule[1] (validity)",
            "rule[2] (moon-phase)",
            "an XML name",
            "absolute URI",
            "came \"float\"",
        ] {
            assert!(found.iter().any(|line| line.contains(part)), "{part} is not in {found:#?}");
        }
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for (text, says) in [
            ("presence = \"conditional\"", "needs when"),
            ("presence = \"mandatory\"\nwhen = { element = \"K9\", present = true }", "when belongs"),
            ("presence = \"mandatory\"\notherwise = \"absent\"", "otherwise belongs"),
            ("length_min = 9\nlength_max = 8", "length_min 9 is above"),
            ("items_max = 0", "say presence"),
            ("minimum = \"2\"\nmaximum = \"1.5\"", "minimum is above"),
            ("minimum = \"two\"", "a decimal as text"),
            ("list = []", "an empty list"),
            ("presence = \"withheld\"\nlength_max = 3", "is withheld, and has limits"),
            ("minimum = 0.5", "expected a string"),
        ] {
            let found = problems(&format!("[[element]]\nelement = \"306\"\n{text}\n"));
            assert!(found.iter().any(|line| line.contains(says)), "{text}: {found:?}");
        }
        assert!(problems("valid_from = 2026-02-01\nvalid_until = 2026-01-31\n")[0].contains("valid_until"));
        assert!(problems("valid_from = 2026-02-01\nvalid_until = \"2026-02-01\"\n").is_empty());
    }

    #[test]
    fn a_file_that_is_no_toml_or_too_large_is_told_so() {
        assert!(Profile::parse("name = ").unwrap_err().to_string().contains("line 1"));
        assert!(Profile::parse(&"#".repeat(FILE_BYTES_MAX + 1)).unwrap_err().to_string().contains("octets"));
        let many = "[[rule]]\nkind = \"weights\"\n".repeat(STATEMENTS_MAX + 1);
        assert!(problems(&many)[0].contains("statements"));
        assert!(Profile::parse("").unwrap_err().0.len() >= 2, "name and version are asked for");
    }
}
