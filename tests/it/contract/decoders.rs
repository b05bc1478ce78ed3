//! Generated decoders judge the instances of the schema vectors: all schemas that the reader takes become Rust in one
//! program, compiled against this crate, whose verdicts must be those of the vectors and of the tables at run time; what
//! is valid must come back as the same model and the same tree.
//!
//! A seeded tenth of the schemas (`COCONNECT_SEED`), with `COCONNECT_LONG=1` all of them; `COCONNECT_KEEP` says a folder
//! where the program stays.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use coconnect::contract::schema::{self, Checker, ContentIr, Ir, ParticleIr, TermIr};
use coconnect::contract::{generate, read};
use coconnect::xml::{self, Options};

use super::oracle::{Row, has_xmllint, read_schema, schema_rows, xmllint};
use super::shapes::{LIBXML2_DIFFERS, SHAPES, document};
use crate::vectors;

const PROGRAM: &str = include_str!("decoders.rs.txt");

fn skip(why: &str) {
    println!("SKIPPED: {why}");
    assert!(std::env::var("COCONNECT_NO_SKIP").as_deref() != Ok("1"), "{why}");
}

/// The crate as it was built for this test: the newest library beside it that is not newer.
fn library() -> Option<PathBuf> {
    let test = std::env::current_exe().unwrap();
    let built = |path: &Path| std::fs::metadata(path).and_then(|m| m.modified()).ok();
    let files = std::fs::read_dir(test.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
    let ours = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.starts_with("libcoconnect-") && name.ends_with(".rlib") && built(path) <= built(&test)
    };
    files.filter(ours).max_by_key(|path| built(path))
}

fn compiler() -> String {
    std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned())
}

/// The program with these decoders, or what the compiler says.
fn compile(folder: &Path, decoders: &BTreeMap<usize, String>, library: &Path) -> Result<PathBuf, String> {
    let (mut modules, mut arms) = (String::new(), String::new());
    for (number, text) in decoders {
        std::fs::write(folder.join(format!("s{number}.rs")), text).unwrap();
        modules.push_str(&format!("mod s{number};\n"));
        arms.push_str(&format!("\"{number}\" => judge(path, s{number}::decode, s{number}::encode),\n"));
    }
    let main = folder.join("main.rs");
    std::fs::write(&main, PROGRAM.replace("MODULES", &modules).replace("ARMS", &arms)).unwrap();
    let program = folder.join("decoders");
    // A library built with these must be linked with them.
    let flags = std::env::var("RUSTFLAGS").unwrap_or_default();
    let run = Command::new(compiler())
        .args(flags.split_whitespace())
        .current_dir(folder)
        .args(["--edition", "2024", "-C", "debuginfo=0", "-A", "warnings", "-o"])
        .args([&program, &main])
        .arg("--extern")
        .arg(format!("coconnect={}", library.display()))
        .arg("-L")
        .arg(format!("dependency={}", library.parent().unwrap().display()))
        .output()
        .unwrap();
    if run.status.success() { Ok(program) } else { Err(String::from_utf8_lossy(&run.stderr).into_owned()) }
}

/// What the program says of the cases: verdict and rest by path and schema.
fn run(program: &Path, cases: &[(usize, PathBuf)]) -> Vec<(String, String)> {
    let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let lines: String = cases.iter().map(|(number, path)| format!("{number}\t{}\n", path.display())).collect();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success(), "the decoders panicked");
    let told = String::from_utf8(output.stdout).unwrap();
    let split = |line: &str| {
        let cells: Vec<&str> = line.splitn(3, '\t').collect();
        (cells[1].to_owned(), cells[2].to_owned())
    };
    told.lines().map(split).collect()
}

/// Whether what became of a round trip is right: fields of xs:all have no order, that of the schema is written; an empty
/// element has its fixed value.
fn comes_back(rest: &str, ir: &Ir) -> bool {
    let elements = ir.complexes.iter().filter_map(|complex| match &complex.content {
        ContentIr::Elements { elements, .. } => Some(elements),
        _ => None,
    });
    let has_fixed = elements.chain([&ir.roots]).flatten().any(|element| element.fixed.is_some());
    rest == "same" || (rest == "another order" && has_all(ir)) || (rest == "filled" && has_fixed)
}

/// Whether the elements of some type may come in any order.
fn has_all(ir: &Ir) -> bool {
    fn of(particle: &ParticleIr) -> bool {
        match &particle.term {
            TermIr::All(_) => true,
            TermIr::Sequence(parts) | TermIr::Choice(parts) => parts.iter().any(of),
            TermIr::Element(_) | TermIr::Any(..) => false,
        }
    }
    ir.complexes.iter().any(|complex| matches!(&complex.content, ContentIr::Elements { model, .. } if of(model)))
}

/// The schemas that the reader takes, and how many of all it was asked for.
fn taken(root: &Path, rows: &[Row], of: impl Fn(usize) -> bool) -> (Vec<(String, Ir)>, usize) {
    let schemas: BTreeSet<&str> = rows.iter().map(|row| row.schema.as_str()).collect();
    let asked: Vec<&str> =
        schemas.into_iter().enumerate().filter(|(at, _)| of(*at)).map(|(_, schema)| schema).collect();
    let count = asked.len();
    let taken = asked.into_iter().filter_map(|schema| Some((schema.to_owned(), read_schema(root, schema).ok()?)));
    (taken.collect(), count)
}

#[test]
fn generated_decoders_judge_as_the_vectors_say_and_give_back_what_they_read() {
    let Some(root) = vectors::root() else { return };
    let Some(library) = library() else { return skip("no library of this crate beside the tests") };
    if Command::new(compiler()).arg("--version").output().is_err() {
        return skip("no rustc on this machine");
    }
    let long = std::env::var("COCONNECT_LONG").as_deref() == Ok("1");
    let seed = std::env::var("COCONNECT_SEED").ok().and_then(|seed| seed.parse::<usize>().ok()).unwrap_or(1);
    let rows = schema_rows(&root);
    let (schemas, asked) = taken(&root, &rows, |at| long || at % 10 == seed % 10);
    let (mut decoders, mut refused) = (BTreeMap::new(), BTreeMap::<String, usize>::new());
    for (number, (schema, ir)) in schemas.iter().enumerate() {
        match generate::decoder(ir) {
            Ok(text) => drop(decoders.insert(number, text)),
            Err(read::Error::Unsupported { construct, .. }) => *refused.entry(construct).or_default() += 1,
            Err(error) => panic!("{schema}: {error}"),
        }
    }
    let temporary = tempfile::tempdir().unwrap();
    let keep = std::env::var_os("COCONNECT_KEEP").map(PathBuf::from);
    let folder = keep.as_deref().unwrap_or(temporary.path());
    let started = std::time::Instant::now();
    let program = compile(folder, &decoders, &library).unwrap_or_else(|told| panic!("{told}"));
    let compiled = started.elapsed();
    let number =
        |schema: &str| schemas.iter().position(|(name, _)| name == schema).filter(|at| decoders.contains_key(at));
    let judged: Vec<(usize, &Row)> =
        rows.iter().filter(|row| row.path != row.schema).filter_map(|row| Some((number(&row.schema)?, row))).collect();
    let cases: Vec<(usize, PathBuf)> = judged.iter().map(|(at, row)| (*at, root.join(&row.path))).collect();
    let told = run(&program, &cases);
    assert_eq!(told.len(), cases.len());
    let (mut counts, mut wrong, mut back) =
        (BTreeMap::<&str, usize>::new(), Vec::new(), BTreeMap::<&str, usize>::new());
    for ((at, row), (verdict, rest)) in judged.iter().zip(&told) {
        *counts.entry(verdict).or_default() += 1;
        let by_tables = xml::parse(std::fs::read(root.join(&row.path)).unwrap(), &Options::default())
            .map(|document| Checker::new(&schemas[*at].1).check(&document, document.document_element()));
        let by_tables = by_tables.map_or("unread", |told| if told.is_ok() { "valid" } else { "invalid" });
        let by_design = verdict == "unread" || rest.split(',').any(|code| code == "xsi-attribute");
        if verdict != by_tables || (*verdict != row.expected && !by_design) {
            wrong.push(format!(
                "{} with {}: {verdict} ({rest}), the tables say {by_tables}, the vectors {}",
                row.path, row.schema, row.expected
            ));
        }
        if verdict == "valid" {
            *back.entry(rest.split(':').next().unwrap_or_default()).or_default() += 1;
            if !comes_back(rest, &schemas[*at].1) {
                wrong.push(format!("{} with {}: comes back otherwise: {rest}", row.path, row.schema));
            }
        }
    }
    println!(
        "generated decoders: {asked} schemas, {} taken by the reader, {} decoders ({} KB, compiled in {compiled:.1?}), {} refused by the model; instances {counts:?}, round trips {back:?}, {} wrong",
        schemas.len(),
        decoders.len(),
        decoders.values().map(String::len).sum::<usize>() / 1024,
        refused.values().sum::<usize>(),
        wrong.len()
    );
    for (reason, count) in &refused {
        println!("  {count:4} {reason}");
    }
    assert!(!judged.is_empty(), "nothing was judged");
    assert!(wrong.is_empty(), "{} rows:\n{}", wrong.len(), wrong.join("\n"));
}

/// Every shape of schema: the generated decoder says what we say here, so do the tables and, where it is there, libxml2.
#[test]
fn every_shape_of_schema_becomes_a_decoder_that_judges_right_and_loses_nothing() {
    let Some(library) = library() else { return skip("no library of this crate beside the tests") };
    if Command::new(compiler()).arg("--version").output().is_err() {
        return skip("no rustc on this machine");
    }
    let temporary = tempfile::tempdir().unwrap();
    let keep = std::env::var_os("COCONNECT_KEEP").map(PathBuf::from);
    let folder = keep.as_deref().unwrap_or(temporary.path());
    let (mut decoders, mut cases, mut expected, mut irs) = (BTreeMap::new(), Vec::new(), Vec::new(), Vec::new());
    for (number, shape) in SHAPES.iter().enumerate() {
        let place = folder.join(shape.name);
        std::fs::create_dir_all(&place).unwrap();
        for (name, text) in shape.files {
            std::fs::write(place.join(name), document(text)).unwrap();
        }
        let main = place.join(shape.files[0].0);
        let ir = schema::read(&main.to_string_lossy(), &schema::Folder, &[])
            .unwrap_or_else(|e| panic!("{}: {e}", shape.name));
        decoders.insert(number, generate::decoder(&ir).unwrap_or_else(|e| panic!("{}: {e}", shape.name)));
        let instances =
            shape.valid.iter().map(|text| (text, true)).chain(shape.invalid.iter().map(|text| (text, false)));
        let mut files = Vec::new();
        for (at, (text, valid)) in instances.enumerate() {
            let path = place.join(format!("{at}.xml"));
            std::fs::write(&path, text).unwrap();
            files.push(path.clone());
            cases.push((number, path));
            expected.push((valid, *text));
        }
        if has_xmllint() {
            let told = xmllint(&main, &files).unwrap_or_else(|| panic!("{}: libxml2 does not take it", shape.name));
            for (path, (valid, text)) in files.iter().zip(&expected[expected.len() - files.len()..]) {
                assert_eq!(told[path] == *valid, !LIBXML2_DIFFERS.contains(text), "libxml2 on {text}");
            }
        }
        irs.push(ir);
    }
    let program = compile(folder, &decoders, &library).unwrap_or_else(|told| panic!("{told}"));
    for (((number, _), (valid, text)), (verdict, rest)) in cases.iter().zip(&expected).zip(run(&program, &cases)) {
        let document = xml::parse(text.as_bytes().to_vec(), &Options::default()).unwrap();
        let by_tables = Checker::new(&irs[*number]).check(&document, document.document_element());
        assert_eq!((verdict == "valid", by_tables.is_ok()), (*valid, *valid), "{text}: {rest}: {by_tables:?}");
        assert!(!valid || comes_back(&rest, &irs[*number]), "{text}: {rest}");
    }
    println!("generated decoders: {} shapes, {} instances", SHAPES.len(), cases.len());
}
