//! The agreement profile: the menu that two administrations chose from the contract, as data (design 2.7, 4.3).
//!
//! The schema is the loosest agreement; a profile tightens it. It says of each element whether it is mandatory, optional,
//! conditional or withheld, bounds and lists its values, declares elements that the contract does not have, and carries
//! the rules of the agreement, each with the verdict `reject`, `warn` or `flag` and with how sure it is.
//!
//! - [`Profile`]: the file `profiles/NAME.toml`, typed; unknown keys are errors.
//! - [`Profiles`]: those that are built in and those of a folder, with the [`Calendars`] beside them.
//! - [`compile()`]: a profile with what it extends, worked out to a table, or everything that is wrong with it.
//! - [`evaluate()`]: a document judged by it. Pure: time and calendars come in.
//! - [`strip()`]: what it withholds, taken out before sending (REQ-084).
//! - [`menu()`], [`diff()`]: what it says, row by row; in what two of them differ.

pub mod calendar;
mod compile;
mod diff;
mod evaluate;
pub mod file;
mod menu;
mod moment;
mod place;
mod quantity;
mod rules;
mod strip;
pub mod text;
mod words;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

pub use calendar::{Calendar, Calendars, Period};
pub use compile::{Compiled, compile};
pub use diff::{Difference, diff};
pub use evaluate::{Circumstances, Direction, Finding, Judgement, Subject, Withheld, evaluate};
pub use file::{Certainty, Problem, Problems, Profile, Verdict};
pub use menu::{MenuRow, Setting, menu, settings};
pub use moment::{Given, NoDate, Shape};
pub use place::{Place, Places};
pub use quantity::Exact;
pub use rules::{ChainError, Claim, Excess, Line, OnClaim, chain_length, within_original};
pub use strip::{is_signed, strip};

/// Name of the profile of a partner that names none: consistency that every CO has, and nothing of any agreement.
pub const DEFAULT: &str = "default";

/// The profiles that every gateway knows, by name.
const BUILT_IN: &[(&str, &str)] = &[
    ("aanzfta", include_str!("data/aanzfta.toml")),
    ("aladi", include_str!("data/aladi.toml")),
    ("atiga-form-d", include_str!("data/atiga-form-d.toml")),
    ("chafta", include_str!("data/chafta.toml")),
    ("china-korea", include_str!("data/china-korea.toml")),
    ("default", include_str!("data/default.toml")),
    ("korea-india", include_str!("data/korea-india.toml")),
    ("korea-indonesia", include_str!("data/korea-indonesia.toml")),
    ("korea-vietnam", include_str!("data/korea-vietnam.toml")),
    ("non-preferential", include_str!("data/non-preferential.toml")),
    ("rcep", include_str!("data/rcep.toml")),
    ("strict", include_str!("data/strict.toml")),
    ("without-consignee", include_str!("data/without-consignee.toml")),
];

/// Why profiles cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder cannot be read.
    #[error("{path}: cannot be read")]
    ConfigUnreadable {
        /// It.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A file is read and is no profile.
    #[error("{path}: {}", problems.0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    ConfigProfile {
        /// The file, or the name of a profile that is built in.
        path: String,
        /// Everything that is wrong with it.
        problems: Problems,
    },
    /// A calendar file is none.
    #[error("{path}: {what}")]
    ConfigCalendar {
        /// The file.
        path: String,
        /// Why.
        what: String,
    },
    /// No profile has that name.
    #[error("there is no profile {name:?}; there are {}", known.join(", "))]
    ConfigUnknown {
        /// The name.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
}

/// Profiles by name, and calendars.
#[derive(Clone, Debug, Default)]
pub struct Profiles {
    files: BTreeMap<String, (Profile, Origin)>,
    calendars: Arc<Calendars>,
}

/// Where a profile comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// Part of the program.
    BuiltIn,
    /// A file.
    File(std::path::PathBuf),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built in"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

impl Profiles {
    /// Those that are built in.
    #[must_use]
    pub fn built_in() -> &'static Self {
        static BUILT: OnceLock<Profiles> = OnceLock::new();
        BUILT.get_or_init(|| {
            let read = |(name, text): &(&str, &str)| {
                let profile = Profile::parse(text).expect("a test reads every profile that is built in");
                ((*name).to_owned(), (profile, Origin::BuiltIn))
            };
            Self { files: BUILT_IN.iter().map(read).collect(), calendars: Arc::new(Calendars::built_in()) }
        })
    }

    /// Those that are built in, and over them every `*.toml` of `folder` with the calendars of `folder/holidays`. A missing
    /// folder adds none.
    ///
    /// # Errors
    /// [`Error`]: the first file that cannot be read, with everything that is wrong in it.
    pub fn load(folder: &Path) -> Result<Self, Error> {
        let mut profiles = Self::built_in().clone();
        let mut calendars = Calendars::built_in();
        for (path, text) in texts(&folder.join("holidays"))? {
            let calendar = Calendar::parse(&text)
                .map_err(|what| Error::ConfigCalendar { path: path.display().to_string(), what })?;
            calendars.add(&stem(&path), calendar);
        }
        profiles.calendars = Arc::new(calendars);
        for (path, text) in texts(folder)? {
            let profile = profiles.read(&path, &text)?;
            profiles.files.insert(profile.name.clone(), (profile, Origin::File(path)));
        }
        Ok(profiles)
    }

    /// Reads a file as a profile. Its name is the file's.
    ///
    /// # Errors
    /// [`Error::ConfigProfile`].
    pub fn read(&self, path: &Path, text: &str) -> Result<Profile, Error> {
        let refused = |problems| Error::ConfigProfile { path: path.display().to_string(), problems };
        let profile = Profile::parse(text).map_err(refused)?;
        let name = stem(path);
        if profile.name == name {
            return Ok(profile);
        }
        let what = format!("expected {name:?}, as the file is named, came {:?}", profile.name);
        Err(refused(Problems(vec![Problem { at: "name".to_owned(), what }])))
    }

    /// The profile of that name, and where it comes from.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&(Profile, Origin)> {
        self.files.get(name)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &(Profile, Origin)> {
        self.files.values()
    }

    /// The calendars.
    #[must_use]
    pub fn calendars(&self) -> &Arc<Calendars> {
        &self.calendars
    }

    /// Works out the profile of that name.
    ///
    /// # Errors
    /// [`Error`].
    pub fn compiled(&self, name: &str) -> Result<Compiled, Error> {
        let Some((profile, origin)) = self.get(name) else {
            let known = self.files.keys().cloned().collect();
            return Err(Error::ConfigUnknown { name: name.to_owned(), known });
        };
        let path = match origin {
            Origin::BuiltIn => name.to_owned(),
            Origin::File(path) => path.display().to_string(),
        };
        self.compile(profile).map_err(|problems| Error::ConfigProfile { path, problems })
    }

    /// Works out a profile that need not be one of these.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn compile(&self, profile: &Profile) -> Result<Compiled, Problems> {
        let find = |name: &str| self.get(name).map(|(profile, _)| profile.clone());
        compile(profile, &find, &self.calendars)
    }

    /// Works out the text of a profile file, and tells everything that is wrong with it at once: in itself, and in what it
    /// points to.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn compile_text(&self, text: &str) -> Result<Compiled, Problems> {
        let (profile, mut problems) = Profile::parse_partly(text)?;
        // What others of the file point to: where one is broken, they would be blamed for it.
        let is_pointed_to = |at: &str| {
            ["list", "extends", "extension"].iter().any(|key| at == *key || at.starts_with(&format!("{key}[")))
        };
        if problems.iter().any(|problem| is_pointed_to(&problem.at)) {
            return Err(Problems(problems));
        }
        match self.compile(&profile) {
            Ok(compiled) if problems.is_empty() => Ok(compiled),
            Ok(_) => Err(Problems(problems)),
            Err(Problems(more)) => {
                let new: Vec<Problem> = more.into_iter().filter(|problem| !problems.contains(problem)).collect();
                problems.extend(new);
                Err(Problems(problems))
            }
        }
    }
}

impl Compiled {
    /// The default profile, worked out once.
    #[must_use]
    pub fn default_profile() -> Arc<Self> {
        static COMPILED: OnceLock<Arc<Compiled>> = OnceLock::new();
        let make = || Arc::new(Profiles::built_in().compiled(DEFAULT).expect("a test compiles every built-in profile"));
        Arc::clone(COMPILED.get_or_init(make))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// For people.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// `name version` of those that it rests on, the nearest first.
    #[must_use]
    pub fn extends(&self) -> &[String] {
        &self.extends
    }

    /// Its code lists by name, those of the profiles that it rests on included.
    pub fn lists(&self) -> impl Iterator<Item = (&str, &file::CodeList)> {
        self.lists.iter().map(|(name, list)| (name.as_str(), list))
    }

    /// Agreements (K16) that it is for; none means any.
    #[must_use]
    pub fn agreements(&self) -> &[String] {
        &self.agreements
    }
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The *.toml of a folder with their texts, by name; of a missing folder none.
fn texts(folder: &Path) -> Result<Vec<(std::path::PathBuf, String)>, Error> {
    let unreadable = |path: &Path, source| Error::ConfigUnreadable { path: path.display().to_string(), source };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(unreadable(folder, source)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|source| unreadable(folder, source))?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    let read = |path: std::path::PathBuf| match read_bounded(&path) {
        Ok(text) => Ok((path, text)),
        Err(source) => Err(unreadable(&path, source)),
    };
    paths.into_iter().map(read).collect()
}

/// The text of a file, one octet more than a profile may have at most.
///
/// # Errors
/// What the system says, or that it is no UTF-8.
pub fn read_bounded(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let most = file::FILE_BYTES_MAX as u64 + 1;
    std::io::Read::read_to_string(&mut std::io::Read::take(std::fs::File::open(path)?, most), &mut text)?;
    Ok(text)
}
