//! `coconnect contract map`: foreign and national documents to the contract, and back.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::intake::{self, Intake, left_json, left_lines};
use super::out::{self, Exit, Failure};
use super::place::Place;
use crate::contract::{Slots, Versions, json as form};
use crate::gateway::backoffice::mapping::{BUILT_IN, Error, Left, Mapping};
use crate::xml;

/// Arguments of `contract map`.
#[derive(Debug, Args)]
pub struct Map {
    /// The document, or - for stdin.
    #[arg(value_name = "FILE|-", required_unless_present_any = ["list", "show", "check"])]
    file: Option<PathBuf>,
    /// A mapping of this program, or of the gateway in --dir.
    #[arg(long, value_name = "NAME|FILE", conflicts_with = "mapping_file")]
    mapping: Option<String>,
    /// A mapping file of your own.
    #[arg(long, value_name = "FILE")]
    mapping_file: Option<PathBuf>,
    /// Folder of a gateway whose mappings/ are meant too.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// From the contract (XML or JSON) to the foreign side.
    #[arg(long)]
    reverse: bool,
    /// Name the mappings of this program, and of the gateway in --dir, and tell which are broken.
    #[arg(long)]
    list: bool,
    /// Print a mapping file of this program, to begin your own with.
    #[arg(long, value_name = "NAME")]
    show: Option<String>,
    /// Tell whether a mapping file is right, or where it is wrong and what was expected there.
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["file", "mapping", "mapping_file", "reverse", "list", "show"])]
    check: Vec<PathBuf>,
    /// Print one JSON object: the documents in JSON, what is wrong with them, and what no rule took.
    #[arg(long)]
    json: bool,
}

/// Runs `contract map`.
///
/// # Errors
/// [`Failure`].
pub(super) fn run(arguments: &Map) -> Result<Exit, Failure> {
    if arguments.list {
        return list(arguments);
    }
    if !arguments.check.is_empty() {
        return Ok(check(arguments));
    }
    if let Some(name) = &arguments.show {
        let found = BUILT_IN.iter().find(|(known, _)| known == name);
        let found = found.ok_or_else(|| {
            Failure::usage(format!("there is no mapping {name:?}"))
                .hint("coconnect contract map --list names those there are")
        })?;
        out::octets(found.1.as_bytes());
        return Ok(Exit::Done);
    }
    let mapping = mapping(arguments)?;
    let path = arguments.file.as_deref().unwrap_or(Path::new("-"));
    let octets = intake::octets(path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    if arguments.reverse { export(arguments, &mapping, octets) } else { import(arguments, &mapping, &octets) }
}

fn list(arguments: &Map) -> Result<Exit, Failure> {
    let shelf = intake::shelf(arguments.dir.as_deref())?;
    let (mut exit, mut table, mut rows) = (Exit::Done, Vec::new(), Vec::new());
    for (name, (mapping, origin)) in shelf.iter() {
        let (format, title, error) = match mapping {
            Ok(mapping) => (mapping.format.extension(), mapping.title.clone(), None),
            Err(error) => ("", format!("broken: {error}"), Some(error.to_string())),
        };
        if error.is_some() {
            exit = Exit::Refused;
        }
        rows.push(
            json!({ "name": name, "format": format, "title": title, "origin": origin.to_string(), "error": error }),
        );
        table.push([name, format, &origin.to_string(), &title].map(str::to_owned).to_vec());
    }
    if arguments.json {
        out::json(&json!(rows));
    } else {
        out::table(&["name", "format", "from", "title"], &table);
    }
    Ok(exit)
}

fn check(arguments: &Map) -> Exit {
    let (mut exit, mut rows) = (Exit::Done, Vec::new());
    for path in &arguments.check {
        let (says, error) = match Mapping::of_file(path) {
            Ok(mapping) => (format!("right: {}, {}", mapping.name, mapping.title), None),
            Err(error) => {
                exit = match (&error, exit) {
                    (Error::Unreadable(_), _) | (_, Exit::Usage) => Exit::Usage,
                    _ => Exit::Refused,
                };
                (error.to_string(), Some(error.to_string()))
            }
        };
        if !arguments.json {
            out::line(&format!("{}: {says}", path.display()));
        }
        rows.push(json!({ "file": path.display().to_string(), "right": error.is_none(), "error": error }));
    }
    if arguments.json {
        out::json(&json!(rows));
    }
    exit
}

fn mapping(arguments: &Map) -> Result<Mapping, Failure> {
    match (&arguments.mapping, &arguments.mapping_file) {
        (Some(name), _) => intake::mapping(name, arguments.dir.as_deref()),
        (None, Some(path)) => {
            Mapping::of_file(path).map_err(|error| intake::broken(&path.display().to_string(), &error))
        }
        (None, None) => Err(Failure::usage("which mapping?").hint("give --mapping NAME or --mapping-file FILE")),
    }
}

fn import(arguments: &Map, mapping: &Mapping, octets: &[u8]) -> Result<Exit, Failure> {
    let mapped = mapping.import(octets).map_err(|error| Failure::refused(error.to_string()))?;
    if mapped.is_empty() {
        return Err(Failure::refused(intake::none_of(mapping)));
    }
    let mut exit = Exit::Done;
    let mut rows = Vec::new();
    for one in mapped {
        let wrong = form::decode_any(&one.document).err();
        if wrong.is_some() || one.left.iter().any(Left::is_refused) {
            exit = Exit::Refused;
        }
        let found = wrong.map(|violations| violations.list).unwrap_or_default();
        if arguments.json {
            let document: serde_json::Value = serde_json::from_str(&one.document.to_text()).unwrap_or_default();
            let errors: Vec<_> = found
                .iter()
                .map(|v| {
                    json!({
                        "code": v.code, "wco_id": v.wco_id, "path": v.path, "line": v.line, "column": v.column,
                        "expected": v.expected,
                    })
                })
                .collect();
            rows.push(json!({ "document": document, "errors": errors, "left": left_json(&one.left) }));
            continue;
        }
        tell(&one.left);
        for violation in &found {
            eprintln!("coconnect: error: {violation}");
        }
        let mut text = Vec::new();
        // What has no place in the contract was told above; what has one is shown, so that it can be looked at.
        let _ = form::to_xml(&one.document, &Slots::default(), &mut text);
        text.push(b'\n');
        out::octets(&text);
    }
    if arguments.json {
        out::json(&json!({ "mapping": mapping.name, "documents": rows }));
    }
    Ok(exit)
}

fn export(arguments: &Map, mapping: &Mapping, octets: Vec<u8>) -> Result<Exit, Failure> {
    let invalid = |what: String| Failure::refused(what).hint("coconnect validate FILE tells all that is wrong");
    let documents = intake::documents(octets, None).map_err(Failure::refused)?;
    let Some(Intake { octets, tree, wrong, .. }) = documents.into_iter().next() else { return Ok(Exit::Done) };
    let value = match tree {
        Some(_) if !wrong.is_empty() => return Err(invalid(wrong.to_string())),
        Some(tree) => tree,
        None => {
            let document = xml::parse(octets, &xml::Options::default());
            let document = document.map_err(|error| Failure::refused(error.to_string()))?;
            let root = document.document_element();
            let versions = match &arguments.dir {
                Some(dir) => super::partner::versions(&Place { config: None, dir: Some(dir.clone()) }.config()?)?,
                None => Vec::new(),
            };
            let versions = Versions::fitting(&versions, &document);
            let version = versions.of(&document, root).map_err(|unknown| {
                let failure = Failure::refused(unknown.to_string());
                failure.hint("with --dir DIR the versions are known that the partner files of that gateway name")
            })?;
            form::from_xml(&document, root, &version.slots).map_err(|error| invalid(error.to_string()))?
        }
    };
    let (octets, left) = mapping.export(&value).map_err(|error| Failure::refused(error.to_string()))?;
    if arguments.json {
        let text = String::from_utf8_lossy(&octets);
        out::json(&json!({ "mapping": mapping.name, "text": text, "left": left_json(&left) }));
    } else {
        tell(&left);
        out::octets(&octets);
    }
    Ok(if left.iter().any(Left::is_refused) { Exit::Refused } else { Exit::Done })
}

fn tell(left: &[Left]) {
    for line in left_lines(left) {
        eprintln!("coconnect: {line}");
    }
}
