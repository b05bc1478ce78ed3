//! The folder of partner files: `partners/NAME.toml`, and beside each a folder `NAME/` with its certificates.
//!
//! A partner hands over an *offer*: one text, as `init` writes it to `DIR/partner.toml`, with its certificates inline
//! (`pem = """..."""` instead of `file = "..."`). [`add`] writes the certificates out, replaces a password in clear by its
//! keyed hash, checks the whole, and only then puts the file in place.

use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::base::id::{Environment, PartnerId};
use crate::exchange::partner::{self, PartnerFile, Secret};

/// Why a partner was not added or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read or written.
    #[error("{action} {path}")]
    File {
        /// `read`, `write`, ...
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The text is no TOML.
    #[error("{path}: {message}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What TOML says.
        message: String,
    },
    /// A value does not fit.
    #[error("{path}: {what}")]
    Offer {
        /// The file.
        path: PathBuf,
        /// What was expected and what came.
        what: String,
    },
    /// The partner is there already and replacing it was not asked for.
    #[error("partner {id} is there already: {path}")]
    Exists {
        /// The partner.
        id: String,
        /// Its file.
        path: PathBuf,
    },
    /// The offer is of another environment than ours.
    #[error("the offer is of environment {came}, this gateway is {ours}; environments share nothing")]
    Environment {
        /// Of the offer.
        came: Environment,
        /// Ours.
        ours: Environment,
    },
}

/// Whether a partner that is there already is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Refuse.
    Keep,
    /// Write the new file in its place.
    Replace,
}

/// What [`add`] wrote.
#[derive(Debug)]
pub struct Added {
    /// The partner, as checked.
    pub file: PartnerFile,
    /// Where its file stands.
    pub path: PathBuf,
    /// Every certificate that was written.
    pub certificates: Vec<PathBuf>,
}

/// Reads an offer and makes it a partner of the gateway `own` whose partner folder is `partners`.
///
/// # Errors
/// [`Error`]; nothing is then changed but for certificates already written into the partner's folder.
pub fn add(
    partners: &Path,
    offer: &Path,
    own: &PartnerId,
    ours: Environment,
    existing: Existing,
) -> Result<Added, Error> {
    let text = read(offer)?;
    let mut table: Table = text.parse().map_err(|e: toml::de::Error| Error::Syntax {
        path: offer.to_owned(),
        message: e.to_string().trim().to_owned(),
    })?;
    let refuse = |what: String| Error::Offer { path: offer.to_owned(), what };
    let id = table.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let id = PartnerId::parse(&id).map_err(|e| refuse(format!("id: {e}")))?;
    let path = partners.join(format!("{id}.toml"));
    if id == *own {
        return Err(refuse(format!("id: {id} is this gateway itself; expected the offer of another administration")));
    }
    if existing == Existing::Keep && path.exists() {
        return Err(Error::Exists { id: id.to_string(), path });
    }
    if let Some(secret) = table.get("basic_secret").and_then(Value::as_str) {
        let hashed = Secret::parse(secret).map_err(|what| refuse(format!("basic_secret: expected {what}")))?.to_text();
        table.insert("basic_secret".to_owned(), Value::String(hashed));
    }
    let origin = offer.parent().unwrap_or(Path::new("."));
    let pieces = certificates(&mut table, origin, id.as_str()).map_err(refuse)?;
    let file = PartnerFile::parse(&table.to_string()).map_err(|e| refuse(super::chain(&e)))?;
    if file.environment != ours {
        return Err(Error::Environment { came: file.environment, ours });
    }
    let mut written = Vec::new();
    let folder = partners.join(id.as_str());
    fs::create_dir_all(&folder).map_err(|source| Error::File { action: "create", path: folder.clone(), source })?;
    for (name, octets) in pieces {
        let target = partners.join(name);
        write_whole(&target, &octets)?;
        written.push(target);
    }
    write_whole(&path, file.to_toml().as_bytes())?;
    Ok(Added { file, path, certificates: written })
}

/// A file by its name, and what is in it.
pub type Listed = (String, Result<PartnerFile, Error>);

/// Every partner file of a folder, by name; a broken one as its error, so that the others can still be shown.
///
/// # Errors
/// When the folder itself cannot be read.
pub fn list(partners: &Path) -> Result<Vec<Listed>, Error> {
    let entries = match fs::read_dir(partners) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(Error::File { action: "read", path: partners.to_owned(), source }),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|source| Error::File { action: "read", path: partners.to_owned(), source })?.path();
        if path.extension().is_some_and(|e| e == "toml") {
            let name = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
            found.push((name, load(&path)));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}

/// Reads one partner file.
///
/// # Errors
/// [`Error`].
pub fn load(path: &Path) -> Result<PartnerFile, Error> {
    PartnerFile::parse(&read(path)?).map_err(|e| match e {
        partner::Error::ConfigSyntax { source } => {
            Error::Syntax { path: path.to_owned(), message: source.to_string().trim().to_owned() }
        }
        e => Error::Offer { path: path.to_owned(), what: super::chain(&e) },
    })
}

/// Files to write, relative to the partner folder, and their octets.
type Pieces = Vec<(PathBuf, Vec<u8>)>;

/// Takes the certificates out of an offer: `pem` inline, or `file` beside it. Gives what is to be written, relative to the
/// partner folder, and leaves `file` entries that name it.
fn certificates(table: &mut Table, origin: &Path, id: &str) -> Result<Pieces, String> {
    let mut pieces = Vec::new();
    for section in ["certificate", "anchor"] {
        let Some(entries) = table.get_mut(section) else { continue };
        let entries = entries.as_array_mut().ok_or(format!("{section}: expected [[{section}]] tables"))?;
        for (at, entry) in entries.iter_mut().enumerate() {
            let entry = entry.as_table_mut().ok_or(format!("{section}[{at}]: expected a table"))?;
            let octets = match (entry.remove("pem"), entry.get("file").and_then(Value::as_str)) {
                (Some(Value::String(pem)), None) => pem.into_bytes(),
                (None, Some(file)) => {
                    fs::read(origin.join(file)).map_err(|e| format!("{section}[{at}].file: {file}: {e}"))?
                }
                _ => return Err(format!("{section}[{at}]: expected either pem or file")),
            };
            let uses = match entry.get("use") {
                Some(Value::String(one)) => one.clone(),
                Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("-"),
                _ => return Err(format!("{section}[{at}].use: expected tls, sign or encrypt")),
            };
            if !uses.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') {
                return Err(format!("{section}[{at}].use: expected tls, sign or encrypt"));
            }
            let name = Path::new(id).join(format!("{section}-{at}-{uses}.pem"));
            entry.insert("file".to_owned(), Value::String(name.to_string_lossy().into_owned()));
            pieces.push((name, octets));
        }
    }
    Ok(pieces)
}

/// Writes a file beside its place, syncs it and renames it there: a reader sees the old text or the new one.
pub(crate) fn write_whole(path: &Path, octets: &[u8]) -> Result<(), Error> {
    let beside = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        let mut file = fs::File::create(&beside)?;
        std::io::Write::write_all(&mut file, octets)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().map_err(|source| Error::File { action: "write", path: path.to_owned(), source })
}

fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|source| Error::File { action: "read", path: path.to_owned(), source })
}
