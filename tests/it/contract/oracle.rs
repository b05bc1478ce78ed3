//! Other validators' opinion: libxml2 (the `xmllint` program) and uppsala on the same schemas, over messages that a
//! seeded mutator makes, and over the schema vectors.
//!
//! 5,000 messages, with `COCONNECT_LONG=1` 50,000; `COCONNECT_MUTATIONS` says another number, `COCONNECT_SEED` where they
//! begin, `COCONNECT_KEEP` a folder for those on which the validators differ.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use coconnect::contract::schema::{self, Checker};
use coconnect::contract::{self, Operation, Slots, source};
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

/// Where uppsala 0.12 refuses what XML Schema takes; libxml2 must then agree with us.
///
/// - It matches a pattern against the value of an attribute as it stands, white space around it included. Part 2 §4.3.6:
///   white space is normalized first, and every other facet is about what that leaves; `collapse` takes the spaces at the
///   ends away.
/// - It counts the digits that are written. Part 2 §4.3.11: totalDigits is about values that are i x 10^-n with |i| below
///   10^totalDigits, so zeros in front do not count.
/// - It wants a digit behind the period. Part 2 of XML Schema 1.1 §3.3.3.1 (unsignedDecimalPtNumeral) makes them optional;
///   1.0 §3.2.3.1 says only that digits are separated by a period.
fn uppsala_is_too_strict(told: &str) -> bool {
    let unnormalized =
        told.contains("does not match pattern") && (told.contains("Value ' ") || told.contains(" ' does not match"));
    let digits = told.contains("exceeds totalDigits");
    let bare_period = told.contains(".' is not a valid decimal");
    unnormalized || digits || bare_period
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn schemas(folder: &Path) -> PathBuf {
    for (name, text) in source::XSD {
        std::fs::write(folder.join(name), text).unwrap();
    }
    folder.join("service.xsd")
}

/// Verdicts of xmllint on many files of one schema; none when the schema does not compile.
pub fn xmllint(schema: &Path, files: &[PathBuf]) -> Option<BTreeMap<PathBuf, bool>> {
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

pub fn has_xmllint() -> bool {
    let there = Command::new("xmllint").arg("--version").output().is_ok();
    if !there {
        println!("SKIPPED: no xmllint on this machine");
        assert!(std::env::var("COCONNECT_NO_SKIP").as_deref() != Ok("1"), "xmllint is missing");
    }
    there
}

/// What one mutated message came to.
struct Case {
    path: PathBuf,
    seed: u64,
    carried: &'static str,
    kind: &'static str,
    octets: Vec<u8>,
    verdict: Result<(), contract::Violations>,
}

impl Case {
    /// Makes the message of `seed`, and judges it with the checker and with the generated decoder.
    fn new(seed: u64, folder: &Path, demanded: &mut usize) -> Self {
        let mut dice = Dice(seed);
        // Each operation in its turn, and the list of exporters, which none carries.
        let operation = Operation::SERVED.get((seed % 6) as usize).copied();
        let mut tree = match operation {
            Some(operation) => instance::operation(operation, &mut dice, Fill::Random),
            None => instance::document("ExporterList", &mut dice, Fill::Random),
        };
        let whole = xml::parse(tree.to_octets(), &Options::default()).unwrap();
        let before = contract::validate(&whole, whole.document_element(), &Slots::default());
        before.unwrap_or_else(|violations| panic!("seed {seed}: not valid to begin with: {violations:#?}"));
        let kind = instance::mutate(&mut tree, &mut dice);
        let octets = tree.to_octets();
        let document = xml::parse(octets.clone(), &Options::default()).unwrap();
        let root = document.document_element();
        let verdict = contract::validate(&document, root, &Slots::default());
        let business = match operation {
            Some(_) => contract::business_document(&document, root, &Slots::default()).ok().map(|(_, node)| node),
            None => Some(root),
        };
        let bound = business.is_some_and(|node| contract::bind_document(&document, node, &Slots::default()).is_ok());
        assert_eq!(verdict.is_ok(), bound, "seed {seed}: binding and checking disagree");
        if let (true, Some(operation), Some(node)) = (bound, operation, business) {
            *demanded += usize::from(contract::decode(operation, &document, node, &Slots::default()).is_err());
        }
        let carried = operation.map_or("ExporterList", Operation::name);
        Self { path: folder.join(format!("{seed}.xml")), seed, carried, kind, octets, verdict }
    }

    /// Whether all that we say of it is that base64Binary holds other characters than its alphabet and white space of XML.
    /// Both others take them: libxml2 passes over what is not of the alphabet (as RFC 2045 §6.8 has it for mail), uppsala
    /// trims what Unicode calls white space. Part 2 §3.2.16: the lexical forms are limited to the 65 characters of the
    /// Base64 Alphabet and white space, and that is #x20, #x9, #xA and #xD.
    fn has_strangers_in_base64(&self) -> bool {
        let of_alphabet = |c: char| c.is_ascii_alphanumeric() || "+/= \t\n\r".contains(c);
        self.verdict.as_ref().is_err_and(|v| {
            v.list.iter().all(|v| {
                let strangers = v.value.as_ref().is_some_and(|value| !value.chars().all(of_alphabet));
                v.code == "datatype" && v.expected.contains("base64Binary") && strangers
            })
        })
    }

    /// Whether all that we say of it has one of these codes.
    fn only(&self, codes: &[&str]) -> bool {
        self.verdict.as_ref().is_err_and(|v| v.list.iter().all(|v| codes.contains(&&*v.code)))
    }
}

/// Counts of a run.
#[derive(Default)]
struct Counts {
    kinds: BTreeMap<&'static str, [usize; 2]>,
    carried: BTreeMap<&'static str, [usize; 2]>,
    codes: BTreeMap<String, usize>,
    with_libxml2: usize,
    with_uppsala: usize,
    gaps: usize,
    strangers: usize,
    stricter: usize,
    demanded: usize,
    different: Vec<String>,
}

impl Counts {
    fn add(&mut self, case: &Case, libxml2: bool, uppsala: bool, told: Option<String>) {
        let valid = case.verdict.is_ok();
        for counts in [self.kinds.entry(case.kind).or_default(), self.carried.entry(case.carried).or_default()] {
            counts[usize::from(!valid)] += 1;
        }
        let first = case.verdict.as_ref().err().and_then(|violations| violations.list.first());
        if let Some(first) = first {
            *self.codes.entry(first.code.to_string()).or_default() += 1;
        }
        let only_ours = case.only(&BEYOND_SCHEMA);
        let agrees = |other: bool| other == valid || (other && only_ours);
        let strangers = libxml2 && case.has_strangers_in_base64();
        let strict = valid && libxml2 && !uppsala && told.as_deref().is_some_and(uppsala_is_too_strict);
        let gap = strict || (strangers && uppsala) || (uppsala && !libxml2 && case.only(&UPPSALA_LETS_PASS));
        self.stricter += usize::from(libxml2 && only_ours);
        self.with_libxml2 += usize::from(agrees(libxml2));
        self.with_uppsala += usize::from(agrees(uppsala));
        self.gaps += usize::from(gap);
        self.strangers += usize::from(strangers);
        if (agrees(libxml2) || strangers) && (agrees(uppsala) || gap) {
            return;
        }
        if let Ok(keep) = std::env::var("COCONNECT_KEEP") {
            std::fs::write(Path::new(&keep).join(format!("{}.xml", case.seed)), &case.octets).unwrap();
        }
        self.different.push(format!(
            "seed {} ({}, {}): ours {valid} ({}), libxml2 {libxml2}, uppsala {uppsala} ({})",
            case.seed,
            case.carried,
            case.kind,
            first.map(ToString::to_string).unwrap_or_default(),
            told.unwrap_or_default()
        ));
    }

    fn print(&self) {
        for (what, table) in [("mutation", &self.kinds), ("carried", &self.carried)] {
            for (name, [valid, invalid]) in table {
                println!("{what:9} {name:28} {valid:6} valid {invalid:6} invalid");
            }
        }
        println!("first violation: {:?}", self.codes);
    }
}

#[test]
fn our_verdict_is_that_of_two_other_validators() {
    if !has_xmllint() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let schema = schemas(folder.path());
    let standard = if std::env::var("COCONNECT_LONG").as_deref() == Ok("1") { 50_000 } else { 5_000 };
    let (first, count) = (number("COCONNECT_SEED", 1), number("COCONNECT_MUTATIONS", standard));
    let schema_text = std::fs::read_to_string(&schema).unwrap();
    let schema_document = uppsala::parse(&schema_text).unwrap();
    let third = uppsala::XsdValidator::from_schema_with_base_path(&schema_document, Some(folder.path())).unwrap();
    let mut counts = Counts::default();
    let seeds: Vec<u64> = (first..first + count).collect();
    for batch in seeds.chunks(500) {
        let cases: Vec<Case> = batch.iter().map(|seed| Case::new(*seed, folder.path(), &mut counts.demanded)).collect();
        cases.iter().for_each(|case| std::fs::write(&case.path, &case.octets).unwrap());
        let files: Vec<PathBuf> = cases.iter().map(|case| case.path.clone()).collect();
        let libxml2 = xmllint(&schema, &files).expect("our schema compiles");
        for case in &cases {
            let told = third.validate(&uppsala::parse(std::str::from_utf8(&case.octets).unwrap()).unwrap());
            counts.add(case, libxml2[&case.path], told.is_empty(), told.first().map(ToString::to_string));
            std::fs::remove_file(&case.path).unwrap();
        }
    }
    counts.print();
    let Counts { with_libxml2, with_uppsala, gaps, strangers, stricter, demanded, different, .. } = &counts;
    println!(
        "seeds {first}..{}: agreement with libxml2 {with_libxml2}/{count} and {strangers} where it reads base64 as mail does, with uppsala {with_uppsala}/{count} and {gaps} in its gaps; stricter by design {stricter}; of the valid ones {demanded} are refused for their operation",
        first + count
    );
    // A mutator that breaks nothing, or everything, shows nothing.
    if count >= 5_000 {
        assert_eq!(counts.kinds.len(), instance::MUTATIONS.len());
        assert_eq!(counts.carried.len(), Operation::SERVED.len() + 1);
        for kind in instance::MUTATIONS {
            let [valid, invalid] = counts.kinds[kind];
            assert!((invalid == 0) == (kind == "unchanged"), "{kind}: {valid} valid, {invalid} invalid");
        }
    }
    assert!(different.is_empty(), "{} messages:\n{}", different.len(), different.join("\n"));
}

/// A row of kind `xsd` of the vectors.
pub struct Row {
    /// The instance; the schema itself where it is the case.
    pub path: String,
    pub schema: String,
    pub expected: String,
    note: String,
}

/// Rows of kind `xsd` whose schema is a file of XML Schema.
pub fn schema_rows(root: &Path) -> Vec<Row> {
    let manifest = std::fs::read_to_string(root.join("manifest.tsv")).unwrap();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('\t').collect();
        let [path, "xsd", key, _, expected, note, ..] = cells.as_slice() else { return None };
        let schema = key.strip_prefix("schema=").unwrap_or(path).to_owned();
        let [path, expected, note] = [path, expected, note].map(|cell| (*cell).to_owned());
        Path::new(&schema).extension().is_some_and(|e| e == "xsd").then_some(Row { path, schema, expected, note })
    };
    manifest.lines().filter_map(row).collect()
}

pub fn read_schema(root: &Path, schema: &str) -> Result<schema::Ir, contract::read::Error> {
    let file = root.join(schema);
    let reference = file.file_name().unwrap().to_string_lossy().into_owned();
    schema::read_from(&file.to_string_lossy(), &reference, &schema::Folder, &[])
}

/// What is said of a row: `xsi:type` is refused by design, whatever the schema says.
fn misjudged(row: &Row, verdict: &Result<(), contract::Violations>) -> bool {
    let got = if verdict.is_ok() { "valid" } else { "invalid" };
    let xsi = verdict.as_ref().is_err_and(|v| v.list.iter().any(|v| v.code == "xsi-attribute"));
    got != row.expected && !xsi
}

#[test]
fn schema_vectors_are_taken_right_or_refused_aloud() {
    let Some(root) = vectors::root() else { return };
    let (mut schemas, mut instances, mut unreadable) = (0, [0, 0], 0);
    let (mut refused, mut wrong) = (BTreeMap::<String, usize>::new(), Vec::new());
    for row in schema_rows(&root) {
        let Row { path, schema, expected, note } = &row;
        let ir = match read_schema(&root, schema) {
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
        if path == schema {
            schemas += 1;
            if expected != "valid" {
                wrong.push(format!("{path}: taken, expected {expected}: {note}"));
            }
            continue;
        }
        let Ok(document) = xml::parse(std::fs::read(root.join(path)).unwrap(), &Options::default()) else {
            unreadable += 1;
            continue;
        };
        let verdict = Checker::new(&ir).check(&document, document.document_element());
        instances[usize::from(verdict.is_err())] += 1;
        if misjudged(&row, &verdict) {
            let first = verdict.err().and_then(|v| v.list.first().map(ToString::to_string)).unwrap_or_default();
            wrong.push(format!("{path} with {schema}: expected {expected}: {first}"));
        }
    }
    let total: usize = refused.values().sum();
    let [valid, invalid] = instances;
    println!(
        "schema vectors: {schemas} schemas taken, {valid} instances valid and {invalid} invalid, {} of all these wrong; {total} rows refused aloud, {unreadable} instances not read",
        wrong.len()
    );
    for (reason, count) in &refused {
        println!("  {count:4} {reason}");
    }
    assert!(schemas > 0 && valid > 0 && invalid > 0, "nothing was judged");
    assert!(wrong.is_empty(), "{} rows:\n{}", wrong.len(), wrong.join("\n"));
}
