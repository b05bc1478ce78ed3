//! The mapping file: TOML, every key typed, unknown keys refused (`manual/mappings.md` tells how to write one).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::convert::is_date_format;
use super::path::{Base, Path, Step};

/// What the foreign side is written in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// JSON, one document a file.
    Json,
    /// Comma separated values with a heading; a document is a run of rows.
    Csv,
    /// XML, one document a file.
    Xml,
}

impl Format {
    /// How files of this format end.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Xml => "xml",
        }
    }
}

/// Which way a rule works.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// To the contract.
    Import,
    /// From the contract.
    Export,
}

/// How a value changes on the way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum As {
    /// Not at all.
    #[default]
    Text,
    /// A JSON number on the foreign side.
    Number,
    /// A JSON boolean on the foreign side.
    Boolean,
    /// A number in the foreign decimal mark.
    Decimal,
    /// A date or time, ISO 8601 or in `format` on the foreign side, `DateTimeString` in the contract.
    Date,
    /// Number and unit in one text: `450 Kg`; the units stand in `units`.
    Measure,
    /// Base64 of its UTF-8 in the contract.
    Base64,
    /// The whole file as it came, in base64: nothing of a signed form is lost.
    Source,
}

/// A rule: a value of the foreign side and its place in the contract.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRule {
    /// Place in the foreign tree; of several, the first that is there.
    #[serde(default)]
    pub from: OneOrMany,
    /// Places in the foreign tree whose texts are the lines of one text.
    #[serde(default)]
    pub lines: Vec<String>,
    /// Place in the JSON form of the contract.
    #[serde(default)]
    pub to: Option<String>,
    /// How the value changes.
    #[serde(default, rename = "as")]
    pub kind: As,
    /// A constant in the contract; `{n}` is the number of the repeated element, from 1.
    #[serde(default)]
    pub value: Option<String>,
    /// On export: what is written where the contract has nothing; `{n}` as above.
    #[serde(default)]
    pub otherwise: Option<String>,
    /// Only when this is in the foreign tree.
    #[serde(default)]
    pub when: Option<String>,
    /// Only when nothing was put at `to` before.
    #[serde(default)]
    pub absent: bool,
    /// Only this way.
    #[serde(default)]
    pub only: Option<Way>,
    /// Cut from the value on import, put before it on export; a value without it is not taken.
    #[serde(default)]
    pub prefix: Option<String>,
    /// Foreign code = code of the contract; a code that is not named is not taken.
    #[serde(default)]
    pub codes: BTreeMap<String, String>,
    /// Longest text that is taken, in characters; the next rule for the same place may take a longer one.
    #[serde(default)]
    pub max: Option<usize>,
    /// Of dates: how they are written (strftime); without it ISO 8601.
    #[serde(default)]
    pub format: Option<String>,
    /// How the value stands on the foreign side: `#` for each letter or digit, all else as it is, `####.##.##`.
    #[serde(default)]
    pub picture: Option<String>,
    /// Instead of `to`: the foreign side always says this, and a document that says otherwise is refused.
    #[serde(default)]
    pub is: Option<String>,
    /// Instead of `to`: the foreign side says here how many elements there are at this place.
    #[serde(default)]
    pub count: Option<String>,
    /// `otherwise` only when this is in the contract.
    #[serde(default)]
    pub with: Option<String>,
}

/// A text, or several.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMany {
    #[default]
    None,
    One(String),
    Many(Vec<String>),
}

/// A level that repeats.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEach {
    /// The foreign elements; each `[]` repeats.
    pub from: String,
    /// The array in the contract, one `[]` at its end.
    pub to: String,
    /// Rules, from and to the elements.
    #[serde(default, rename = "rule")]
    pub rules: Vec<RawRule>,
    /// Levels within.
    #[serde(default, rename = "each")]
    pub eachs: Vec<RawEach>,
}

/// Something that is left behind on purpose.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawIgnore {
    /// Its place on the foreign side, with all below it; `[]` for every element.
    #[serde(default)]
    pub from: Option<String>,
    /// Instead: its place in the contract.
    #[serde(default)]
    pub to: Option<String>,
    /// Why.
    pub why: String,
}

/// How rows become documents.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCsv {
    /// Between cells; default `,`.
    #[serde(default = "comma")]
    pub separator: char,
    /// The column that tells one document from the next.
    pub key: String,
    /// Columns of the document: the same in all of its rows.
    #[serde(default)]
    pub head: Vec<String>,
    /// Columns, in the order in which they are written; without it in the order of the rules.
    #[serde(default)]
    pub columns: Vec<String>,
}

/// How elements are named and ordered.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawXml {
    /// Prefix that the paths of this file use = namespace. The prefix "" is for elements without a prefix; without it they
    /// are in no namespace. Documents may use other prefixes.
    #[serde(default)]
    pub namespaces: BTreeMap<String, String>,
    /// Element = the elements within it, in the order in which they are written. Others follow.
    #[serde(default)]
    pub order: BTreeMap<String, Vec<String>>,
}

fn comma() -> char {
    ','
}

/// A mapping file as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMapping {
    /// Its name: a-z, 0-9, `.` and `-`.
    pub name: String,
    /// What it maps, for people.
    pub title: String,
    /// What the foreign side is written in.
    pub format: Format,
    /// Encoding of the foreign side; default UTF-8.
    #[serde(default)]
    pub encoding: Option<String>,
    /// Decimal mark of the foreign side; default `.`.
    #[serde(default = "point")]
    pub decimal_mark: char,
    /// Mark between thousands on the foreign side; default none.
    #[serde(default)]
    pub grouping: Option<char>,
    /// Foreign unit = code of UN/ECE Rec 20.
    #[serde(default)]
    pub units: BTreeMap<String, String>,
    /// Takes the wrapper of OpenAttestation 2 off, where there is one.
    #[serde(default)]
    pub openattestation: bool,
    /// For CSV.
    #[serde(default)]
    pub csv: Option<RawCsv>,
    /// For XML.
    #[serde(default)]
    pub xml: Option<RawXml>,
    #[serde(default, rename = "rule")]
    pub rules: Vec<RawRule>,
    #[serde(default, rename = "each")]
    pub eachs: Vec<RawEach>,
    #[serde(default, rename = "ignore")]
    pub ignores: Vec<RawIgnore>,
}

fn point() -> char {
    '.'
}

/// A rule whose paths are read.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub from: Vec<Path>,
    pub lines: Vec<Path>,
    pub to: Option<Path>,
    pub when: Option<Path>,
    pub count: Option<Path>,
    pub with: Option<Path>,
    pub raw: RawRule,
}

/// A level whose paths are read.
#[derive(Clone, Debug)]
pub(super) struct Each {
    /// The foreign levels, the outermost first.
    pub levels: Vec<Vec<Step>>,
    pub to: Vec<Step>,
    pub inner: Level,
}

impl Rule {
    fn read(raw: RawRule) -> Result<Self, String> {
        let many = |texts: &[String]| texts.iter().map(|text| Path::parse(text)).collect::<Result<Vec<_>, _>>();
        let from = match &raw.from {
            OneOrMany::None => Vec::new(),
            OneOrMany::One(text) => vec![Path::parse(text)?],
            OneOrMany::Many(texts) => many(texts)?,
        };
        let one = |text: &Option<String>| text.as_deref().map(Path::parse).transpose();
        let (to, when, count, with) = (one(&raw.to)?, one(&raw.when)?, one(&raw.count)?, one(&raw.with)?);
        let rule = Self { lines: many(&raw.lines)?, to, when, count, with, from, raw };
        rule.check().map_err(|what| format!("rule {}: {what}", rule.name()))?;
        Ok(rule)
    }

    /// How it is called in errors: its `from`, or its `to`.
    pub fn name(&self) -> String {
        match (&self.raw.from, &self.raw.to) {
            (OneOrMany::One(from), _) => from.clone(),
            (OneOrMany::Many(from), _) => from.join(", "),
            (OneOrMany::None, Some(to)) => to.clone(),
            (OneOrMany::None, None) => "without from and to".to_owned(),
        }
    }

    fn check(&self) -> Result<(), String> {
        let paths = self.from.iter().chain(&self.lines).chain(&self.to).chain(&self.when).chain(&self.count);
        if paths.chain(&self.with).any(Path::repeats) {
            return Err("expected no [] in a rule; [[each]] repeats".to_owned());
        }
        let foreign_only = [self.to.is_none(), self.raw.is.is_some(), self.raw.count.is_some()];
        if foreign_only[1] || foreign_only[2] {
            let alone = self.from.len() == 1 && self.lines.is_empty() && self.raw.value.is_none();
            return match foreign_only {
                [true, is, count] if is != count && alone => Ok(()),
                _ => Err("expected `from` and either `is` or `count`, and nothing else".to_owned()),
            };
        }
        if self.to.as_ref().is_some_and(|to| to.base != Base::Up(0)) {
            return Err("expected a path within the level for `to`".to_owned());
        }
        if self.to.is_none() {
            return Err("expected `to`".to_owned());
        }
        let source = self.raw.kind == As::Source;
        let sources = [!self.from.is_empty(), !self.lines.is_empty(), self.raw.value.is_some(), source];
        if sources.iter().filter(|is| **is).count() != 1 {
            return Err("expected one of `from`, `lines`, `value` and `as = \"source\"`".to_owned());
        }
        if !self.lines.is_empty() && self.raw.kind != As::Text {
            return Err("lines are text".to_owned());
        }
        if self.raw.format.as_ref().is_some_and(|format| self.raw.kind != As::Date || !is_date_format(format)) {
            return Err("expected `format` of a date, with day, month and year: \"%d.%m.%Y\"".to_owned());
        }
        if self.raw.picture.as_ref().is_some_and(|picture| self.raw.kind != As::Text || !picture.contains('#')) {
            return Err("expected `picture` of a text, with # for its characters: \"####.##.##\"".to_owned());
        }
        if self.with.is_some() && self.raw.otherwise.is_none() {
            return Err("expected `otherwise` beside `with`".to_owned());
        }
        let mut codes: Vec<&String> = self.raw.codes.values().collect();
        codes.sort();
        if codes.windows(2).any(|pair| pair[0] == pair[1]) && self.raw.only != Some(Way::Import) {
            return Err("two foreign codes for one of ours: export could not choose; say only = \"import\"".to_owned());
        }
        Ok(())
    }
}

impl Each {
    fn read(raw: RawEach) -> Result<Self, String> {
        let from = Path::parse(&raw.from)?;
        let to = Path::parse(&raw.to)?;
        let levels = from.levels().ok_or_else(|| format!("each {:?}: expected [] at the end of `from`", raw.from))?;
        let single = to.levels().filter(|levels| levels.len() == 1 && to.base == Base::Up(0));
        let to = single.and_then(|mut levels| levels.pop());
        let to = to.ok_or_else(|| format!("each {:?}: expected one [], at the end of `to`", raw.from))?;
        if from.base != Base::Up(0) {
            return Err(format!("each {:?}: expected a path within the level", raw.from));
        }
        Ok(Self { levels, to, inner: Level::read(raw.rules, raw.eachs)? })
    }
}

/// Rules and levels of a mapping.
#[derive(Clone, Debug)]
pub(super) struct Level {
    pub rules: Vec<Rule>,
    pub eachs: Vec<Each>,
}

/// Something that is left behind on purpose.
#[derive(Clone, Debug)]
pub(super) struct Ignore {
    pub path: Path,
    /// Whether the path is of the foreign side.
    pub foreign: bool,
    pub why: String,
}

impl Ignore {
    pub fn read(raw: &RawIgnore) -> Result<Self, String> {
        let (path, foreign) = match (&raw.from, &raw.to) {
            (Some(from), None) => (from, true),
            (None, Some(to)) => (to, false),
            _ => return Err(format!("ignore, {:?}: expected either `from` or `to`", raw.why)),
        };
        Ok(Self { path: Path::parse(path)?, foreign, why: raw.why.clone() })
    }
}

impl Level {
    /// Every rule, of the levels within too.
    pub fn every_rule<'a>(&'a self, each: &mut impl FnMut(&'a Rule)) {
        self.rules.iter().for_each(&mut *each);
        self.eachs.iter().for_each(|inner| inner.inner.every_rule(each));
    }

    /// The foreign levels that repeat, of the levels within too.
    pub fn every_level<'a>(&'a self, each: &mut impl FnMut(&'a [Step])) {
        for inner in &self.eachs {
            inner.levels.iter().for_each(|steps| each(steps));
            inner.inner.every_level(each);
        }
    }

    pub fn read(rules: Vec<RawRule>, eachs: Vec<RawEach>) -> Result<Self, String> {
        Ok(Self {
            rules: rules.into_iter().map(Rule::read).collect::<Result<_, _>>()?,
            eachs: eachs.into_iter().map(Each::read).collect::<Result<_, _>>()?,
        })
    }
}
