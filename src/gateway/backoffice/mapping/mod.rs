//! Foreign and national formats to the contract, and back, by mapping files: data, not code.
//!
//! A file pairs places of the foreign tree with places of the JSON form of the contract ([`contract::json`]); most pairs
//! work both ways. What a document holds and no rule takes is reported with its path and type, so that nothing is lost
//! unseen; what is left behind on purpose carries its reason in the file. The result is judged by the one decoder of the
//! contract: a mapping makes no document valid.
//!
//! [`contract::json`]: crate::contract::json

mod convert;
mod csv;
mod engine;
mod export;
mod file;
mod format;
mod import;
mod path;
mod shelf;
mod xml;

pub use engine::{Left, Mapped};
pub use file::{As, Format, Way};
pub use shelf::{FILE_BYTES_MAX, Origin, Shelf};

use self::file::{Ignore, Level, RawMapping};
use self::format::Charset;
use crate::contract::json::Value;

/// Why a mapping file or a foreign document is not taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// The mapping file: a key that does not exist, a path that cannot be.
    #[error("mapping file: {0}")]
    Mapping(String),
    /// The mapping file cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// The foreign document: not in its format or encoding.
    #[error("{0}")]
    Source(String),
    /// The foreign format cannot hold what the contract has.
    #[error("{0}")]
    Target(String),
}

/// A mapping that is read.
#[derive(Debug)]
pub struct Mapping {
    /// Its name.
    pub name: String,
    /// What it maps, for people.
    pub title: String,
    /// What the foreign side is written in.
    pub format: Format,
    charset: Charset,
    level: Level,
    ignores: Vec<Ignore>,
    raw: RawMapping,
}

/// The mapping files of the binary.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("edi3", include_str!("data/edi3.toml")),
    ("tradetrust", include_str!("data/tradetrust.toml")),
    ("aladi-cod", include_str!("data/aladi-cod.toml")),
    ("national-csv", include_str!("data/national-csv.toml")),
    ("national-json", include_str!("data/national-json.toml")),
];

impl Mapping {
    /// Reads a mapping file.
    ///
    /// # Errors
    /// [`Error::Mapping`] names the line, key or path, and what was expected there.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let raw: RawMapping = toml::from_str(text).map_err(|error| Error::Mapping(one_line(text, &error)))?;
        Self::read(raw).map_err(Error::Mapping)
    }

    fn read(raw: RawMapping) -> Result<Self, String> {
        let label = raw.encoding.as_deref().unwrap_or("utf-8");
        let charset = Charset::of(label).ok_or_else(|| {
            format!("encoding: expected UTF-8, CP949, GB18030, TIS-620 or Windows-1251, came {label:?}")
        })?;
        let named = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-');
        if raw.name.is_empty() || raw.name.len() > 64 || !raw.name.chars().all(named) {
            return Err(format!("name: expected up to 64 of a-z, 0-9, . and -, came {:?}", raw.name));
        }
        let mark = |mark: char| !mark.is_alphanumeric() && !matches!(mark, '+' | '-');
        if !mark(raw.decimal_mark) || raw.grouping.is_some_and(|g| !mark(g) || g == raw.decimal_mark) {
            return Err(
                "decimal_mark, grouping: expected two marks that differ and are no digit, letter or sign".to_owned()
            );
        }
        if (raw.format == Format::Csv) != raw.csv.is_some() {
            return Err("expected [csv] for format csv, and for no other".to_owned());
        }
        if raw.format != Format::Xml && raw.xml.is_some() {
            return Err("expected [xml] for format xml alone".to_owned());
        }
        if raw.format != Format::Json && raw.openattestation {
            return Err("openattestation: expected format json".to_owned());
        }
        let level = Level::read(raw.rules.clone(), raw.eachs.clone())?;
        let ignores = raw.ignores.iter().map(Ignore::read).collect::<Result<Vec<_>, _>>()?;
        match (raw.format, &raw.csv) {
            (Format::Json, _) => {}
            (Format::Csv, Some(csv)) => csv::check(csv)?,
            _ => xml::check(raw.xml.as_ref(), &level, charset)?,
        }
        if raw.format != Format::Json {
            let mut typed = None;
            level.every_rule(&mut |rule| {
                if matches!(rule.raw.kind, As::Number | As::Boolean) {
                    typed.get_or_insert(rule);
                }
            });
            if let Some(rule) = typed {
                return Err(format!(
                    "rule {}: number and boolean are values of JSON; expected decimal or text",
                    rule.name()
                ));
            }
        }
        let (name, title, format) = (raw.name.clone(), raw.title.clone(), raw.format);
        Ok(Self { name, title, format, charset, level, ignores, raw })
    }

    /// The mapping of the binary called `name`.
    #[must_use]
    pub fn built_in(name: &str) -> Option<Self> {
        let (_, text) = BUILT_IN.iter().find(|(known, _)| *known == name)?;
        Some(Self::parse(text).expect("a test reads the mappings of the binary"))
    }

    /// Foreign octets to the JSON form of the contract: a document each, with what did not come along. Values stand where
    /// those of the source stood, so that what the decoder says about them names the line of the source.
    ///
    /// # Errors
    /// [`Error::Source`].
    pub fn import(&self, octets: &[u8]) -> Result<Vec<Mapped>, Error> {
        let trees = format::read(self, octets)?;
        trees.into_iter().map(|tree| import::import(self, &tree, octets)).collect()
    }

    /// The JSON form of the contract to foreign octets, with what did not come along.
    ///
    /// # Errors
    /// [`Error::Target`].
    pub fn export(&self, document: &Value) -> Result<(Vec<u8>, Vec<Left>), Error> {
        let Mapped { document, left } = export::export(self, document)?;
        Ok((format::write(self, &document)?, left))
    }
}

/// An error of TOML in one line, with the line in the file.
fn one_line(text: &str, error: &toml::de::Error) -> String {
    let message = error.message().replace('\n', ", ");
    match error.span().and_then(|span| text.get(..span.start)) {
        Some(before) => format!("line {}: {message}", before.matches('\n').count() + 1),
        None => message,
    }
}
