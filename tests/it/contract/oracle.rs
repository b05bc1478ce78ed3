//! Other validators' opinion: libxml2 (the `xmllint` program) and uppsala on the same schemas, over messages that a
//! seeded mutator makes, and over the schema vectors.
//!
//! `COCONNECT_MUTATIONS` sets how many messages (default 400), `COCONNECT_SEED` where they begin.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use coconnect::contract::schema::{self, Checker};
use coconnect::contract::{self, Slots, source};
use coconnect::xml::{self, Options};

use super::instance::{self, Dice, Fill};
use crate::vectors;

/// Violations that are ours: XML Schema cannot say them (see the tables' `wildcards_are_foreign`) or would let the
/// message choose its rules.
const BEYOND_SCHEMA: [&str; 2] = ["misplaced-element", "xsi-attribute"];

/// Where uppsala 0.12 takes what XML Schema forbids; libxml2 must then agree with us. It leaves out facets that a
/// restriction of simple content adds (Part 1 §3.4.2: the {content type} is the restricted simple type), text in
/// element-only content (§3.4.4, cvc-complex-type 2.3) and attributes of an element of simple type (§3.3.4, cvc-type
/// 3.1.1).
const UPPSALA_LETS_PASS: [&str; 9] = [
    "enumeration",
    "pattern",
    "max-length",
    "min-length",
    "total-digits",
    "fraction-digits",
    "min-inclusive",
    "unexpected-text",
    "unexpected-attribute",
];

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn schemas(folder: &Path) -> PathBuf {
    for (name, text) in source::XSD {
        std::fs::write(folder.join(name), text).unwrap();
    }
    folder.join("metadata.xsd")
}

/// Verdicts of xmllint on many files of one schema; none when the schema does not compile.
fn xmllint(schema: &Path, files: &[PathBuf]) -> Option<BTreeMap<PathBuf, bool>> {
    let mut out = BTreeMap::new();
    for batch in files.chunks(200) {
        let run =
            Command::new("xmllint").args(["--noout", "--nonet", "--schema"]).arg(schema).args(batch).output().unwrap();
        if run.status.code() == Some(5) {
            return None;
        }
        let text = String::from_utf8_lossy(&run.stderr);
        for file in batch {
            let name = file.display();
            let valid = text.lines().any(|line| line == format!("{name} validates"));
            let invalid = text.lines().any(|line| line == format!("{name} fails to validate"));
            assert!(valid != invalid, "xmllint said nothing of {name}");
            out.insert(file.clone(), valid);
        }
    }
    Some(out)
}

fn has_xmllint() -> bool {
    let there = Command::new("xmllint").arg("--version").output().is_ok();
    if !there {
        println!("SKIPPED: no xmllint on this machine");
        assert!(std::env::var("COCONNECT_NO_SKIP").as_deref() != Ok("1"), "xmllint is missing");
    }
    there
}

#[test]
fn our_verdict_is_that_of_two_other_validators() {
    if !has_xmllint() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let schema = schemas(folder.path());
    let (first, count) = (number("COCONNECT_SEED", 1), number("COCONNECT_MUTATIONS", 400));
    let schema_text = std::fs::read_to_string(&schema).unwrap();
    let schema_document = uppsala::parse(&schema_text).unwrap();
    let third = uppsala::XsdValidator::from_schema_with_base_path(&schema_document, Some(folder.path())).unwrap();
    let mut ours = BTreeMap::new();
    let mut kinds: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut payloads: BTreeMap<&str, usize> = BTreeMap::new();
    let mut stricter = 0;
    for seed in first..first + count {
        let mut dice = Dice(seed);
        let payload = instance::PAYLOADS[seed as usize % 4];
        *payloads.entry(payload).or_default() += 1;
        let mut tree = instance::document(payload, &mut dice, Fill::Random);
        let kind = instance::mutate(&mut tree, &mut dice);
        let octets = tree.to_octets();
        let document = xml::parse(octets.clone(), &Options::default()).unwrap();
        let verdict = contract::validate(&document, document.document_element(), &Slots::default());
        let bound = contract::bind_document(&document, document.document_element(), &Slots::default());
        assert_eq!(verdict.is_ok(), bound.is_ok(), "seed {seed}: binding and checking disagree");
        let beyond = |v: &contract::Violation| BEYOND_SCHEMA.contains(&&*v.code);
        let only_ours = verdict.as_ref().is_err_and(|v| v.list.iter().all(beyond));
        let path = folder.path().join(format!("{seed}.xml"));
        std::fs::write(&path, octets).unwrap();
        let entry = kinds.entry(kind).or_default();
        if verdict.is_ok() {
            entry.0 += 1
        } else {
            entry.1 += 1
        }
        let first = verdict.as_ref().err().and_then(|v| v.list.first().map(ToString::to_string)).unwrap_or_default();
        let gap = |v: &contract::Violation| UPPSALA_LETS_PASS.contains(&&*v.code);
        let in_gap = verdict.as_ref().is_err_and(|v| v.list.iter().all(gap));
        ours.insert(path, (verdict.is_ok(), only_ours, kind, seed, first, in_gap));
    }
    let files: Vec<PathBuf> = ours.keys().cloned().collect();
    let libxml2 = xmllint(&schema, &files).expect("our schema compiles");
    let (mut with_libxml2, mut with_uppsala, mut gaps, mut different) = (0, 0, 0, Vec::new());
    for (path, (valid, only_ours, kind, seed, first, in_gap)) in &ours {
        let text = std::fs::read_to_string(path).unwrap();
        let told = third.validate(&uppsala::parse(&text).unwrap());
        let uppsala = told.is_empty();
        let agrees = |other: bool| other == *valid || (other && *only_ours);
        stricter += usize::from(libxml2[path] && *only_ours);
        with_libxml2 += usize::from(agrees(libxml2[path]));
        with_uppsala += usize::from(agrees(uppsala));
        let gap = uppsala && *in_gap && !libxml2[path];
        gaps += usize::from(gap);
        if !agrees(libxml2[path]) || !(agrees(uppsala) || gap) {
            if let Ok(keep) = std::env::var("COCONNECT_KEEP") {
                std::fs::copy(path, Path::new(&keep).join(path.file_name().unwrap())).unwrap();
            }
            different.push(format!(
                "seed {seed} ({kind}): ours {valid} ({first}), libxml2 {}, uppsala {:?}",
                libxml2[path],
                told.first().map(|e| e.to_string())
            ));
        }
    }
    for (kind, (valid, invalid)) in kinds {
        println!("{kind:32} {valid:6} valid {invalid:6} invalid");
    }
    println!("payloads: {payloads:?}");
    println!(
        "seeds {first}..{}: agreement with libxml2 {with_libxml2}/{count}, with uppsala {with_uppsala}/{count} and {gaps} in its gaps; stricter by design {stricter}",
        first + count
    );
    assert!(different.is_empty(), "{} messages:\n{}", different.len(), different.join("\n"));
}

#[test]
fn schema_vectors_are_taken_right_or_refused_aloud() {
    let Some(root) = vectors::root() else { return };
    let manifest = std::fs::read_to_string(root.join("manifest.tsv")).unwrap();
    let (mut taken, mut refused, mut wrong) = (0, BTreeMap::<String, usize>::new(), Vec::new());
    let mut unreadable = 0;
    for row in manifest.lines().map(|line| line.split('\t').collect::<Vec<_>>()) {
        let [path, "xsd", key, _, expected, note, ..] = row.as_slice() else { continue };
        let schema = key.strip_prefix("schema=").unwrap_or(path);
        if Path::new(schema).extension().is_none_or(|extension| extension != "xsd") {
            continue;
        }
        let file = root.join(schema);
        let reference = file.file_name().unwrap().to_string_lossy().into_owned();
        let ir = match schema::read_from(&file.to_string_lossy(), &reference, &schema::Folder, &[]) {
            Ok(ir) => ir,
            Err(error) => {
                let reason = match &error {
                    contract::read::Error::Unsupported { construct, .. } => construct.chars().take(60).collect(),
                    contract::read::Error::Invalid { .. } => "invalid schema".to_owned(),
                    contract::read::Error::Unreadable { .. } => "unreadable".to_owned(),
                };
                *refused.entry(reason).or_default() += 1;
                continue;
            }
        };
        if *path == schema {
            taken += 1;
            if *expected != "valid" {
                wrong.push(format!("{path}: taken, expected {expected}: {note}"));
            }
            continue;
        }
        let Ok(document) = xml::parse(std::fs::read(root.join(path)).unwrap(), &Options::default()) else {
            unreadable += 1;
            continue;
        };
        let verdict = Checker::new(&ir).check(&document, document.document_element());
        let got = if verdict.is_ok() { "valid" } else { "invalid" };
        taken += 1;
        // `xsi:type` is refused by design; a schema that does not compile is the schema's own fault.
        let xsi = verdict.as_ref().is_err_and(|v| v.list.iter().any(|v| v.code == "xsi-attribute"));
        if got != *expected && !xsi {
            let first = verdict.err().and_then(|v| v.list.first().map(ToString::to_string)).unwrap_or_default();
            wrong.push(format!("{path} with {schema}: expected {expected}, got {got}: {first}"));
        }
    }
    let total: usize = refused.values().sum();
    println!(
        "schema vectors: {taken} taken, {} of them wrong, {total} refused aloud, {unreadable} instances not read",
        wrong.len()
    );
    for (reason, count) in &refused {
        println!("  {count:4} {reason}");
    }
    assert!(wrong.is_empty(), "{} rows:\n{}", wrong.len(), wrong.join("\n"));
}
