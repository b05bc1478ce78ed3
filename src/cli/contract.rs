//! `coconnect contract`: WSDL and schemas, and the code that is made from them (design 3.1).

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::out::{self, Exit, Failure};
use super::place::Place;
use crate::contract::{self, Endpoints, Version, WsdlPolicy, generate, schema, source};

/// The service contract: WSDL, schemas, and the code made from them.
#[derive(Debug, Subcommand)]
pub enum Contract {
    /// Make src/contract/generated.rs from wsdl/ and xsd/.
    #[command(after_help = "EXAMPLES:\n  coconnect contract generate\n  coconnect contract generate --check")]
    Generate(Generate),
    /// Read WSDL and schema files and tell what the generator would not take.
    #[command(
        after_help = "EXAMPLES:\n  coconnect contract check wsdl/coconnect.wsdl\n  coconnect contract check partner/*.xsd"
    )]
    Check(Check),
    /// Write the WSDL, and its schemas, for an endpoint.
    #[command(
        after_help = "EXAMPLES:\n  coconnect contract wsdl --endpoint https://test.coconnect.customs.go.kr\n  coconnect contract wsdl --endpoint https://test.coconnect.customs.go.kr --out annex/\n  coconnect contract wsdl --dir kr --partner ID --wco 4.2.0 --endpoint https://coconnect.customs.go.kr --out annex/"
    )]
    Wsdl(Wsdl),
    /// Write the message guide as HTML: every element and attribute with its id, format, list, meaning and example, and which
    /// profile asks for it under which condition.
    #[command(
        after_help = "EXAMPLES:\n  coconnect contract guide > guide.html\n  coconnect contract guide --out guide.html"
    )]
    Guide(Guide),
    /// Write the JSON Schema (draft 2020-12) of the JSON form of every message.
    #[command(after_help = "EXAMPLES:\n  coconnect contract json-schema > coconnect.schema.json")]
    JsonSchema,
    /// Turn foreign and national documents into the contract, and back, by a mapping file.
    #[command(
        after_help = "What no rule of the mapping takes is told on stderr with its path and type, with --json in the answer.\n\
                      A source of several documents gives one a line; --reverse takes one document.\n\
                      Exit 0: every document that was made is valid. Exit 1: one is not, a rule did not take its\n\
                      value, or the source is not of its format. Exit 2: a broken mapping, or an unreadable file.\n\n\
                      EXAMPLES:\n  coconnect contract map --list\n  coconnect contract map --mapping edi3 co.json > co.xml\n  coconnect contract map --mapping edi3 --reverse co.xml > co.json\n  coconnect contract map --show national-csv > mine.toml\n  coconnect contract map --mapping-file mine.toml --json table.csv\n  coconnect contract map --check mine.toml\n  coconnect contract map --dir kr --mapping mine table.csv"
    )]
    Map(super::map::Map),
}

/// Arguments of `contract guide`.
#[derive(Debug, Args)]
pub struct Guide {
    /// Write it to FILE instead of stdout.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Arguments of `contract generate`.
#[derive(Debug, Args)]
pub struct Generate {
    /// Change nothing; exit 1 when the committed text is stale.
    #[arg(long)]
    check: bool,
    /// Root of the source tree.
    #[arg(long, default_value = ".")]
    root: PathBuf,
}

/// Arguments of `contract check`.
#[derive(Debug, Args)]
pub struct Check {
    /// WSDL (*.wsdl) and schema files.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Print one JSON object a file.
    #[arg(long)]
    json: bool,
}

/// Arguments of `contract wsdl`.
#[derive(Debug, Args)]
pub struct Wsdl {
    /// Public base URL, or one endpoint whose path names its operation.
    #[arg(long, value_name = "URL")]
    endpoint: String,
    /// Folder for the WSDL and its schemas; without it the WSDL goes to stdout.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Bring WS-SecurityPolicy along, for stacks that can use it: cxf.
    #[arg(long, value_name = "NAME", value_parser = policy)]
    policy: Option<WsdlPolicy>,
    /// A namespace of this partner: svc, md, lpco, res or ext, and its URI.
    #[arg(long, value_name = "SLOT=URI")]
    slot: Vec<String>,
    /// The contract as it is agreed with this partner: with the namespaces of the versions that it may send.
    #[arg(long, value_name = "NAME", conflicts_with = "slot")]
    partner: Option<String>,
    /// Which of them. Default: the first that its file names.
    #[arg(long, value_name = "CODE", requires = "partner")]
    wco: Option<String>,
    #[command(flatten)]
    place: Place,
}

fn policy(text: &str) -> Result<WsdlPolicy, String> {
    WsdlPolicy::parse(text).ok_or_else(|| "expected cxf".to_owned())
}

/// Runs `contract`.
///
/// # Errors
/// [`Failure`].
pub fn run(command: Contract) -> Result<Exit, Failure> {
    match command {
        Contract::Generate(arguments) => generate(&arguments),
        Contract::Check(arguments) => check(&arguments),
        Contract::Guide(arguments) => guide(&arguments),
        Contract::JsonSchema => {
            out::json(&contract::json::json_schema());
            Ok(Exit::Done)
        }
        Contract::Wsdl(arguments) => wsdl(&arguments),
        Contract::Map(arguments) => super::map::run(&arguments),
    }
}

fn generate(arguments: &Generate) -> Result<Exit, Failure> {
    let path = arguments.root.join("src/contract/generated.rs");
    let wsdl = arguments.root.join("wsdl/coconnect.wsdl");
    let text = std::fs::read_to_string(&wsdl).map_err(|error| {
        Failure::usage(format!("{}: {error}", wsdl.display())).hint("run it in the source tree, or give --root DIR")
    })?;
    let (ir, service) =
        source::read(&text, &wsdl.to_string_lossy(), &schema::Folder).map_err(|e| Failure::refused(out::chain(&e)))?;
    let fresh = generate::generate(&ir, &service).map_err(|e| Failure::refused(out::chain(&e)))?;
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    if committed == fresh {
        out::line(&format!("{}: up to date", path.display()));
        return Ok(Exit::Done);
    }
    if arguments.check {
        return Err(Failure::refused(format!("{}: stale", path.display())).hint("coconnect contract generate"));
    }
    std::fs::write(&path, fresh).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    out::line(&format!("{}: written", path.display()));
    Ok(Exit::Done)
}

fn check(arguments: &Check) -> Result<Exit, Failure> {
    for file in &arguments.files {
        std::fs::File::open(file).map_err(|error| Failure::usage(format!("{}: {error}", file.display())))?;
    }
    let mut exit = Exit::Done;
    for file in &arguments.files {
        let verdict = check_file(file);
        if arguments.json {
            let (taken, what) = match &verdict {
                Ok(what) => (true, what),
                Err(what) => (false, what),
            };
            out::line(&serde_json::json!({ "file": file.to_string_lossy(), "taken": taken, "what": what }).to_string());
        } else {
            match &verdict {
                Ok(what) => out::line(&format!("{}: taken: {what}", file.display())),
                Err(what) => out::line(&format!("{}: refused: {what}", file.display())),
            }
        }
        if verdict.is_err() {
            exit = Exit::Refused;
        }
    }
    Ok(exit)
}

fn check_file(file: &Path) -> Result<String, String> {
    let location = file.to_string_lossy();
    if file.extension().is_some_and(|extension| extension == "wsdl") {
        let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
        let (ir, service) = source::read(&text, &location, &schema::Folder).map_err(|e| out::chain(&e))?;
        return Ok(format!("{} operations, {}", service.operations.len(), counts(&ir)));
    }
    let reference = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    schema::read_from(&location, &reference, &schema::Folder, &[]).map(|ir| counts(&ir)).map_err(|e| out::chain(&e))
}

fn counts(ir: &schema::Ir) -> String {
    format!("{} elements, {} complex types, {} simple types", ir.roots.len(), ir.complexes.len(), ir.simples.len())
}

fn guide(arguments: &Guide) -> Result<Exit, Failure> {
    let page = crate::gateway::annex::guide::guide();
    let Some(path) = &arguments.out else {
        out::octets(page.as_bytes());
        return Ok(Exit::Done);
    };
    std::fs::write(path, page).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    out::line(&format!("{}: written", path.display()));
    Ok(Exit::Done)
}

/// The version that a partner may send and that is asked for.
fn agreed(arguments: &Wsdl, name: &str) -> Result<Version, Failure> {
    let config = arguments.place.config()?;
    let file = super::partner::file_of(&config, name)?;
    let versions = file.wco.accepted();
    let code = arguments.wco.as_deref();
    versions.iter().find(|version| code.is_none_or(|code| version.code == code)).cloned().ok_or_else(|| {
        let codes: Vec<&str> = versions.iter().map(|version| version.code.as_str()).collect();
        Failure::refused(format!(
            "--wco {}: expected a version that {name} may send: {}",
            code.unwrap_or_default(),
            codes.join(", ")
        ))
        .hint("[wco] accept in its partner file names them; [wco.namespaces] their namespaces")
    })
}

fn wsdl(arguments: &Wsdl) -> Result<Exit, Failure> {
    let agreed = arguments.partner.as_ref().map(|name| agreed(arguments, name)).transpose()?;
    let slots = match &agreed {
        Some(version) => version.slots.clone(),
        None => super::validate::slots(&arguments.slot)?,
    };
    let endpoint = arguments.endpoint.trim_end_matches('/');
    if !endpoint.contains("://") {
        return Err(Failure::usage(format!(
            "--endpoint {endpoint:?}: expected a URL such as https://test.coconnect.customs.go.kr"
        )));
    }
    let named = contract::Operation::SERVED.iter().copied().find(|operation| endpoint.ends_with(operation.path()));
    let base = named.map_or(endpoint, |operation| endpoint.trim_end_matches(operation.path()));
    let policy = arguments.policy.unwrap_or_default();
    let Some(folder) = &arguments.out else {
        let wco = agreed.as_ref().filter(|version| **version != Version::default());
        let wco = wco.map_or_else(String::new, |version| format!("wco={}&", version.code));
        let schema_prefix = format!("{base}/coconnect.wsdl?{wco}xsd=");
        let text = contract::wsdl(&Endpoints { base: base.to_owned(), schema_prefix }, named, policy, &slots);
        out::octets(text.as_bytes());
        return Ok(Exit::Done);
    };
    let endpoints = Endpoints { base: base.to_owned(), schema_prefix: String::new() };
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
        out::line(&format!("{}: written", path.display()));
        Ok(())
    };
    std::fs::create_dir_all(folder).map_err(|error| Failure::usage(format!("{}: {error}", folder.display())))?;
    write("coconnect.wsdl", &contract::wsdl(&endpoints, named, policy, &slots))?;
    for (name, _) in source::XSD {
        if let Some(text) = contract::xsd(name, &endpoints, &slots) {
            write(name, &text)?;
        }
    }
    Ok(Exit::Done)
}
