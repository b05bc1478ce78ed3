//! Business documents and sealed messages for `scripts/interop`.
//!
//! - `message documents SEED OUT` writes a document of each operation: `OUT/{operation}.xml`. A client of the tests speaks
//!   for Korea throughout, so the answers of an importing side are about a CO of Indonesia: `OUT/issued.xml`, which the
//!   gateway of Indonesia takes with `co submit` first.
//! - `message seal DIR PARTNER OPERATION FILE OUT [full|clear|body-timestamp]` seals the document with the keys of the
//!   gateway in DIR for its PARTNER, SOAP 1.1, and prints the MessageID: `full` is the whole profile (default), `clear`
//!   does not encrypt, `body-timestamp` encrypts and signs no more than Body and Timestamp.

use std::path::Path;
use std::sync::Arc;

use coconnect::base::RealClock;
use coconnect::base::id::PartnerId;
use coconnect::contract::{MetaData, Operation, Slots, encode, sample};
use coconnect::gateway::config::Config;
use coconnect::soap::Version;
use coconnect::soap::wss::SignedParts;
use coconnect::tools::lab::{DocumentGoes, Draft, Lab};

type Failed = Box<dyn std::error::Error>;

const USAGE: &str =
    "usage: message documents SEED OUT | message seal DIR PARTNER OPERATION FILE OUT [full|clear|body-timestamp]";

fn text(document: &MetaData) -> Result<String, Failed> {
    let mut out = Vec::new();
    encode(document, &Slots::default(), &mut out);
    Ok(String::from_utf8(out)?)
}

/// Korea and Indonesia in each other's place.
fn the_other_way(document: &str) -> String {
    document.replace(">KR<", ">@<").replace(">ID<", ">KR<").replace(">@<", ">ID<")
}

fn documents(seed: u64, out: &Path) -> Result<(), Failed> {
    for operation in Operation::SERVED.iter().copied() {
        let document = text(&sample::of(operation, seed))?;
        let answers = matches!(operation, Operation::SendCancellationStatus | Operation::SendFeedback);
        let document = if answers { the_other_way(&document) } else { document };
        std::fs::write(out.join(format!("{}.xml", operation.path().trim_start_matches('/'))), document)?;
    }
    std::fs::write(out.join("issued.xml"), the_other_way(&text(&sample::co(seed, 3))?))?;
    Ok(())
}

fn operation(name: &str) -> Result<Operation, Failed> {
    let found = Operation::SERVED.iter().copied().find(|o| o.path().trim_start_matches('/') == name);
    found.ok_or_else(|| format!("{name}: no operation").into())
}

#[allow(clippy::print_stdout, reason = "a tool of the tests; its line is its answer")]
fn seal(dir: &str, partner: &str, name: &str, file: &str, out: &str, form: &str) -> Result<(), Failed> {
    let config = Config::load(&Path::new(dir).join("coconnect.toml"))?;
    let lab = Lab::open(&config, &PartnerId::parse(partner)?, Arc::new(RealClock::new()))?;
    let (id, document) = (lab.fresh_id()?, std::fs::read_to_string(file)?);
    let mut draft = Draft { version: Version::Soap11, ..Draft::new(operation(name)?, &id, &document) };
    match form {
        "full" => {}
        "clear" => draft.document_goes = DocumentGoes::InClear,
        "body-timestamp" => draft.signed_parts = SignedParts::BodyTimestamp,
        other => return Err(format!("{other}: full, clear or body-timestamp").into()),
    }
    std::fs::write(out, lab.seal(&draft)?.octets)?;
    println!("{id}");
    Ok(())
}

fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["documents", seed, out] => documents(seed.parse()?, Path::new(out)),
        ["seal", dir, partner, name, file, out] => seal(dir, partner, name, file, out, "full"),
        ["seal", dir, partner, name, file, out, form] => seal(dir, partner, name, file, out, form),
        _ => Err(USAGE.into()),
    }
}
