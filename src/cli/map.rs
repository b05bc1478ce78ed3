//! `coconnect contract map`: foreign and national documents to the contract, and back.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::out::{self, Exit, Failure};
use crate::base::limits;
use crate::contract::{Slots, json as form};
use crate::gateway::backoffice::mapping::{BUILT_IN, Left, Mapping};
use crate::xml;

/// Arguments of `contract map`.
#[derive(Debug, Args)]
pub struct Map {
    /// The document, or - for stdin.
    #[arg(value_name = "FILE|-", required_unless_present_any = ["list", "show"])]
    file: Option<PathBuf>,
    /// A mapping of this program.
    #[arg(long, value_name = "NAME", conflicts_with = "mapping_file")]
    mapping: Option<String>,
    /// A mapping file of your own.
    #[arg(long, value_name = "FILE")]
    mapping_file: Option<PathBuf>,
    /// From the contract (XML) to the foreign side.
    #[arg(long)]
    reverse: bool,
    /// Name the mappings of this program.
    #[arg(long)]
    list: bool,
    /// Print a mapping file of this program, to begin your own with.
    #[arg(long, value_name = "NAME")]
    show: Option<String>,
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
        for mapping in BUILT_IN.iter().filter_map(|(name, _)| Mapping::built_in(name)) {
            out::line(&format!("{:<14} {}", mapping.name, mapping.title));
        }
        return Ok(Exit::Done);
    }
    if let Some(name) = &arguments.show {
        let found = BUILT_IN.iter().find(|(known, _)| known == name).ok_or_else(|| unknown(name))?;
        out::octets(found.1.as_bytes());
        return Ok(Exit::Done);
    }
    let mapping = mapping(arguments)?;
    let octets = read(arguments.file.as_deref().unwrap_or(Path::new("-")))?;
    if arguments.reverse { export(arguments, &mapping, octets) } else { import(arguments, &mapping, &octets) }
}

fn unknown(name: &str) -> Failure {
    Failure::usage(format!("there is no mapping {name:?}")).hint("coconnect contract map --list names those there are")
}

fn mapping(arguments: &Map) -> Result<Mapping, Failure> {
    match (&arguments.mapping, &arguments.mapping_file) {
        (Some(name), _) => Mapping::built_in(name).ok_or_else(|| unknown(name)),
        (None, Some(path)) => {
            let text = std::fs::read_to_string(path);
            let text = text.map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
            Mapping::parse(&text).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
        }
        (None, None) => Err(Failure::usage("which mapping?").hint("give --mapping NAME or --mapping-file FILE")),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut octets = Vec::new();
    let limit = limits::MESSAGE_BYTES_MAX as u64 + 1;
    let done = if path == Path::new("-") {
        std::io::stdin().lock().take(limit).read_to_end(&mut octets)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut octets))
    };
    done.map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    if octets.len() > limits::MESSAGE_BYTES_MAX {
        return Err(Failure::refused(format!("{}: more than {} octets", path.display(), limits::MESSAGE_BYTES_MAX)));
    }
    Ok(octets)
}

fn import(arguments: &Map, mapping: &Mapping, octets: &[u8]) -> Result<Exit, Failure> {
    let mapped = mapping.import(octets).map_err(|error| Failure::refused(error.to_string()))?;
    let mut exit = Exit::Done;
    let mut rows = Vec::new();
    for one in mapped {
        let wrong = form::decode_any(&one.document).err();
        if wrong.is_some() {
            exit = Exit::Refused;
        }
        let found = wrong.map(|violations| violations.list).unwrap_or_default();
        if arguments.json {
            let document: serde_json::Value = serde_json::from_str(&one.document.to_text()).unwrap_or_default();
            let errors: Vec<_> = found
                .iter()
                .map(|v| json!({ "code": v.code, "wco_id": v.wco_id, "path": v.path, "expected": v.expected }))
                .collect();
            rows.push(json!({ "document": document, "errors": errors, "left": left_json(&one.left) }));
            continue;
        }
        tell(&one.left);
        for violation in &found {
            eprintln!(
                "coconnect: error: {}: expected {}, came {}",
                violation.path, violation.expected, violation.came.kind
            );
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
    let document = xml::parse(octets, &xml::Options::default()).map_err(|error| Failure::refused(error.to_string()))?;
    let value = form::from_xml(&document, document.document_element(), &Slots::default())
        .map_err(|error| Failure::refused(error.to_string()).hint("coconnect validate FILE tells all that is wrong"))?;
    let (octets, left) = mapping.export(&value).map_err(|error| Failure::refused(error.to_string()))?;
    if arguments.json {
        let text = String::from_utf8_lossy(&octets);
        out::json(&json!({ "mapping": mapping.name, "text": text, "left": left_json(&left) }));
    } else {
        tell(&left);
        out::octets(&octets);
    }
    Ok(Exit::Done)
}

fn left_json(left: &[Left]) -> Vec<serde_json::Value> {
    left.iter().map(|left| json!({ "path": left.path, "type": left.kind, "why": left.why })).collect()
}

fn tell(left: &[Left]) {
    for Left { path, kind, why } in left {
        match why {
            Some(why) => eprintln!("coconnect: left behind: {path} ({kind}): {why}"),
            None => eprintln!("coconnect: not mapped: {path} ({kind})"),
        }
    }
}
