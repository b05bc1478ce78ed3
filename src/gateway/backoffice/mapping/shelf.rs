//! The mappings that a gateway has: those of the binary, and the files of its folder `mappings/`.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::{BUILT_IN, Error, Mapping};

/// Octets of a mapping file at most.
pub const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Files of a folder at most.
const FILES_MAX: usize = 1_000;

/// Where a mapping comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// Part of the program.
    BuiltIn,
    /// A file.
    File(PathBuf),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built in"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Mappings by name. A file takes the place of the one of the binary that has its name. A file that is broken takes its
/// name all the same: whoever asks for it is told, and nobody gets another mapping in its place.
#[derive(Debug, Default)]
pub struct Shelf {
    all: BTreeMap<String, (Result<Mapping, Error>, Origin)>,
}

impl Shelf {
    /// Those of the binary.
    #[must_use]
    pub fn built_in() -> Self {
        let one = |(name, text): &(&str, &str)| ((*name).to_owned(), (Mapping::parse(text), Origin::BuiltIn));
        Self { all: BUILT_IN.iter().map(one).collect() }
    }

    /// Those of the binary, and over them every `*.toml` of `folder`. A missing folder adds none.
    ///
    /// # Errors
    /// When the folder cannot be read, or has more than a thousand files. What is wrong with a file is told by
    /// [`Shelf::get`] and [`Shelf::iter`].
    pub fn load(folder: &Path) -> Result<Self, Error> {
        let mut shelf = Self::built_in();
        let refused = |error: std::io::Error| Error::Mapping(format!("{}: {error}", folder.display()));
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(shelf),
            Err(error) => return Err(refused(error)),
        };
        for (at, entry) in entries.enumerate() {
            let path = entry.map_err(refused)?.path();
            if at >= FILES_MAX {
                return Err(Error::Mapping(format!("{}: expected at most {FILES_MAX} files", folder.display())));
            }
            let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
            if let Some(name) = name.filter(|_| path.extension().is_some_and(|extension| extension == "toml")) {
                let mapping = Mapping::of_file(&path).and_then(|mapping| named(mapping, &name));
                shelf.all.insert(name, (mapping, Origin::File(path)));
            }
        }
        Ok(shelf)
    }

    /// The mapping called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&(Result<Mapping, Error>, Origin)> {
        self.all.get(name)
    }

    /// All, by name: each mapping, or what is wrong with its file, and where it comes from.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &(Result<Mapping, Error>, Origin))> {
        self.all.iter().map(|(name, found)| (name.as_str(), found))
    }

    /// Takes it out of the shelf.
    #[must_use]
    pub fn take(mut self, name: &str) -> Option<(Result<Mapping, Error>, Origin)> {
        self.all.remove(name)
    }
}

fn named(mapping: Mapping, file: &str) -> Result<Mapping, Error> {
    if mapping.name == file {
        return Ok(mapping);
    }
    Err(Error::Mapping(format!("name: expected {file:?}, as the file is named, came {:?}", mapping.name)))
}

impl Mapping {
    /// Reads the mapping file at `path`, of at most [`FILE_BYTES_MAX`] octets.
    ///
    /// # Errors
    /// [`Error::Mapping`], without the name of the file.
    pub fn of_file(path: &Path) -> Result<Self, Error> {
        let mut text = String::new();
        let read = std::fs::File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text));
        match read {
            Err(error) => Err(Error::Unreadable(error.to_string())),
            Ok(_) if text.len() as u64 > FILE_BYTES_MAX => {
                Err(Error::Mapping(format!("expected at most {FILE_BYTES_MAX} octets, came more")))
            }
            Ok(_) => Self::parse(&text),
        }
    }
}
