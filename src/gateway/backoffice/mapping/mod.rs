//! Foreign and national formats to the contract, and back, by mapping files: data, not code.
//!
//! A file pairs places of the foreign tree with places of the JSON form of the contract ([`contract::json`]); most pairs
//! work both ways. What a document holds and no rule takes is reported with its path and type, so that nothing is lost
//! unseen; what is left behind on purpose carries its reason in the file. The result is judged by the one decoder of the
//! contract: a mapping makes no document valid.
//!
//! [`contract::json`]: crate::contract::json

mod engine;
mod file;
mod format;
mod path;

pub use engine::{Left, Mapped};
pub use file::{As, Format, Way};

use encoding_rs::Encoding;

use self::file::{Level, RawCsv, RawMapping};
use self::path::Path;
use crate::contract::json::Value;

/// Why a mapping file or a foreign document is not taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// The mapping file: a key that does not exist, a path that cannot be.
    #[error("mapping file: {0}")]
    Mapping(String),
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
    encoding: &'static Encoding,
    level: Level,
    ignores: Vec<(Path, String)>,
    csv: Option<RawCsv>,
    raw: RawMapping,
}

/// The mapping files of the binary.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("edi3", include_str!("data/edi3.toml")),
    ("tradetrust", include_str!("data/tradetrust.toml")),
    ("national-csv", include_str!("data/national-csv.toml")),
];

impl Mapping {
    /// Reads a mapping file.
    ///
    /// # Errors
    /// [`Error::Mapping`] names the key or path.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let raw: RawMapping = toml::from_str(text).map_err(|error| Error::Mapping(error.to_string()))?;
        let label = raw.encoding.as_deref().unwrap_or("utf-8");
        let encoding = format::encoding(label).ok_or_else(|| {
            Error::Mapping(format!("encoding: expected UTF-8, CP949, GB18030, TIS-620 or Windows-1251, came {label:?}"))
        })?;
        let level = Level::read(raw.rules.clone(), raw.eachs.clone()).map_err(Error::Mapping)?;
        let ignore = |ignore: &file::RawIgnore| Path::parse(&ignore.from).map(|path| (path, ignore.why.clone()));
        let ignores = raw.ignores.iter().map(ignore).collect::<Result<_, _>>().map_err(Error::Mapping)?;
        if (raw.format == Format::Csv) != raw.csv.is_some() {
            return Err(Error::Mapping("expected [csv] for format csv, and for no other".to_owned()));
        }
        let (name, title) = (raw.name.clone(), raw.title.clone());
        let mapping = Self { name, title, format: raw.format, encoding, level, ignores, csv: raw.csv.clone(), raw };
        Ok(mapping)
    }

    /// The mapping of the binary called `name`.
    #[must_use]
    pub fn built_in(name: &str) -> Option<Self> {
        let (_, text) = BUILT_IN.iter().find(|(known, _)| *known == name)?;
        Some(Self::parse(text).expect("a test reads the mappings of the binary"))
    }

    /// Foreign octets to the JSON form of the contract: a document each, with what no rule took.
    ///
    /// # Errors
    /// [`Error::Source`].
    pub fn import(&self, octets: &[u8]) -> Result<Vec<Mapped>, Error> {
        let trees = format::read(self, octets)?;
        Ok(trees.into_iter().map(|tree| engine::import(self, &tree, octets)).collect())
    }

    /// The JSON form of the contract to foreign octets, with what no rule took.
    ///
    /// # Errors
    /// [`Error::Target`].
    pub fn export(&self, document: &Value) -> Result<(Vec<u8>, Vec<Left>), Error> {
        let Mapped { document, left } = engine::export(self, document);
        Ok((format::write(self, &document)?, left))
    }
}
