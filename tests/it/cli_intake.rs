//! `coconnect validate` and `co submit` as processes: JSON, national records by their mappings, and many files.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use coconnect::contract::{Slots, encode, json, sample};
use serde_json::Value;

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_coconnect")).args(arguments).env_remove("COCONNECT_CONFIG").output().unwrap()
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

fn lines(output: &Output) -> Vec<Value> {
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

const TABLE: &str = "tests/cli/files/mapping/table.csv";

/// Two gateways that know each other, in `folder/kr` and `folder/id`.
fn gateways(folder: &Path) -> String {
    let dir = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    for (country, domain, name, port) in [("KR", "customs.go.kr", "kr", "8443"), ("ID", "beacukai.go.id", "id", "9443")]
    {
        let (listen, url) = (format!("127.0.0.1:{port}"), format!("https://localhost:{port}"));
        let arguments = ["--country", country, "--domain", domain, "--dir", &dir(name), "--listen", &listen];
        let output = run(&[&["init"], &arguments[..], &["--public-url", &url]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    }
    let output = run(&["partner", "add", "--dir", &dir("kr"), "--file", &format!("{}/partner.toml", dir("id"))]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    dir("kr")
}

#[test]
fn a_national_table_is_mapped_judged_and_handed_over_and_a_wrong_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let kr = gateways(folder.path());
    let numbers = || -> Vec<String> {
        let output = run(&["co", "list", "--dir", &kr, "--json"]);
        let rows: Value = serde_json::from_slice(&output.stdout).unwrap();
        let mut numbers: Vec<String> =
            rows.as_array().unwrap().iter().map(|row| row["co"]["number"].as_str().unwrap().to_owned()).collect();
        numbers.sort();
        numbers
    };
    let wrong = run(&[
        "co",
        "submit",
        "tests/cli/files/mapping/table-wrong.csv",
        "--mapping",
        "national-csv",
        "--dir",
        &kr,
        "--json",
    ]);
    assert_eq!(wrong.status.code(), Some(1), "{}", text(&wrong.stderr));
    let rows: Value = serde_json::from_slice(&wrong.stdout).unwrap();
    assert!(rows[0]["detail"].as_str().unwrap().contains("1 values that the mapping does not take"), "{rows}");
    assert!(
        text(&wrong.stderr).contains("2:167: rows[0].value: expected a number with '.' before decimals"),
        "{}",
        text(&wrong.stderr)
    );
    assert!(text(&wrong.stderr).contains("not mapped: 2:1: rows[0].colour"), "{}", text(&wrong.stderr));
    assert_eq!(numbers(), ["K001-25-0000418"], "the other CO of the table was taken");

    let output = run(&["co", "submit", TABLE, "--mapping", "national-csv", "--dir", &kr]);
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
    let told = text(&output.stdout);
    assert!(told.contains("table.csv (1 of 2): taken: CO K001-25-0000417"), "{told}");
    assert!(told.contains("table.csv (2 of 2): was taken before: CO K001-25-0000418"), "{told}");

    // A mapping of the gateway's own stands beside those of the program, and is named without its path.
    let mine = run(&["contract", "map", "--show", "national-json"]).stdout;
    fs::create_dir_all(folder.path().join("kr/mappings")).unwrap();
    let mine = text(&mine).replace("\"national-json\"", "\"mine\"").replace("\"co_no\"", "\"number\"");
    fs::write(folder.path().join("kr/mappings/mine.toml"), mine).unwrap();
    let record = fs::read_to_string("tests/cli/files/mapping/record.json").unwrap().replace("co_no", "number");
    let file = folder.path().join("record.json");
    fs::write(&file, record).unwrap();
    let output = run(&["co", "submit", file.to_str().unwrap(), "--mapping", "mine", "--dir", &kr]);
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
    let output = run(&["validate", file.to_str().unwrap(), "--mapping", "mine"]);
    assert_eq!(output.status.code(), Some(2), "without --dir nobody knows it");

    // The JSON form of the contract goes the same way; what the gateway says of it has the places of the JSON.
    let good = json::encode(&sample::co(7, 2));
    let file = folder.path().join("co.json");
    fs::write(&file, good.to_pretty_text()).unwrap();
    let output = run(&["co", "submit", file.to_str().unwrap(), "--dir", &kr]);
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
    let known = numbers();
    assert_eq!(known.len(), 4, "{known:?}");
    let pretty = good.to_pretty_text();
    let (before, after) = pretty.split_once("\"origins\"").unwrap();
    let pretty = format!("{before}\"origins\"{}", after.replacen("\"KR\"", "\"QQ\"", 1));
    fs::write(&file, &pretty).unwrap();
    let output = run(&["co", "submit", file.to_str().unwrap(), "--dir", &kr, "--json"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let rows: Value = serde_json::from_slice(&output.stdout).unwrap();
    let error = rows[0]["errors"].as_array().and_then(|errors| errors.first()).unwrap_or_else(|| panic!("{rows}"));
    let line = usize::try_from(error["line"].as_u64().unwrap()).unwrap();
    assert!(pretty.lines().nth(line - 1).unwrap().contains("QQ"), "{error} and line {line}");
    assert_eq!(numbers(), known);
}

#[test]
fn json_is_judged_as_xml_is_with_the_places_of_the_json() {
    let folder = tempfile::tempdir().unwrap();
    let good = json::encode(&sample::co(3, 2)).to_pretty_text();
    let file = folder.path().join("co.json");
    let judged = |text: &str| {
        fs::write(&file, text).unwrap();
        let output = run(&["validate", file.to_str().unwrap(), "--json"]);
        (output.status.code(), lines(&output))
    };
    let (code, rows) = judged(&good);
    assert_eq!((code, rows[0]["valid"].as_bool()), (Some(0), Some(true)), "{rows:?}");
    assert_eq!(rows[1], serde_json::json!({ "valid": 1, "invalid": 0, "unreadable": 0 }));
    for (from, to, code, wco_path) in [
        // Of the schema, of the lists, of the form.
        ("\"functionCode\": \"9\"", "\"functionCode\": \"none\"", "", "/MetaData/LPCO/FunctionCode"),
        ("\"countryCode\": \"KR\"", "\"countryCode\": \"QQ\"", "code-list", "/CountryCode"),
        ("\"functionCode\": \"9\"", "\"colour\": \"9\"", "unexpected-member", "/MetaData/LPCO/colour"),
    ] {
        let text = good.replacen(from, to, 1);
        assert_ne!(text, good, "{from}");
        let (exit, rows) = judged(&text);
        assert_eq!(exit, Some(1), "{to}");
        let all = rows[0]["violations"].as_array().unwrap();
        let found = all
            .iter()
            .find(|v| v["path"].as_str().unwrap().ends_with(wco_path) && (code.is_empty() || v["code"] == code));
        let found = found.unwrap_or_else(|| panic!("{to}: {all:?}"));
        let line = usize::try_from(found["line"].as_u64().unwrap()).unwrap();
        assert!(text.lines().nth(line - 1).unwrap().contains(to), "{found}");
    }
    let (exit, rows) = judged("{\"metaData\": {\"a\": 1, \"a\": 2}}");
    assert_eq!(exit, Some(1));
    assert!(rows[0]["error"].as_str().unwrap().contains("1:23: expected a name that is new"), "{rows:?}");
    let (exit, _) = judged("[]");
    assert_eq!(exit, Some(1));
}

#[test]
fn thousands_of_files_are_judged_one_after_the_other_with_progress() {
    // What is told of a file must not wait for the last one, nor stay in memory until then.
    const FILES: usize = 3_000;
    let folder = tempfile::tempdir().unwrap();
    let mut octets = Vec::new();
    encode(&sample::co(1, 1), &Slots::default(), &mut octets);
    let good = String::from_utf8(octets).unwrap();
    for number in 0..FILES {
        let below = folder.path().join(format!("{:02}", number % 20));
        fs::create_dir_all(&below).unwrap();
        let text = if number % 1_000 == 7 { good.replace(">KR<", ">QQ<") } else { good.clone() };
        fs::write(below.join(format!("{number:05}.xml")), text).unwrap();
    }
    let before = std::time::Instant::now();
    let output = run(&["validate", folder.path().to_str().unwrap(), "--json"]);
    println!("{FILES} files in {:?}", before.elapsed());
    assert_eq!(output.status.code(), Some(1));
    let rows = lines(&output);
    assert_eq!(rows.len(), FILES + 1);
    assert_eq!(rows[FILES], serde_json::json!({ "valid": FILES - 3, "invalid": 3, "unreadable": 0 }));
    assert_eq!(rows.iter().filter(|row| row["valid"] == serde_json::json!(false)).count(), 3);
    let told = text(&output.stderr);
    assert!(told.contains("1000 of 3000 files") && told.contains("2000 of 3000 files"), "{told}");

    // Names from standard input, as find writes them.
    let mut child = Command::new(env!("CARGO_BIN_EXE_coconnect"))
        .args(["validate", "--files-from", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let names = format!("{0}/00/00000.xml\n\n{0}/07\n{0}/none.xml\n", folder.path().display());
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), names.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stdout);
    // All that are wrong lie in that folder of 150.
    assert!(told.ends_with("148 valid, 3 invalid, 1 unreadable\n"), "{told}");
}

/// A partner's developer begins with these: whatever the manual shows as a message must be one for `validate` too, with its
/// code lists.
#[test]
fn every_document_of_the_data_model_is_valid_with_its_codes() {
    let folder = tempfile::tempdir().unwrap();
    let page = include_str!("../../src/manual/data_model.md");
    let blocks: Vec<&str> =
        page.split("```xml\n").skip(1).map(|rest| rest.split_once("```").expect("a block ends").0).collect();
    for (at, block) in blocks.iter().enumerate() {
        fs::write(folder.path().join(format!("{at}.xml")), block).unwrap();
    }
    let output = run(&["validate", folder.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    assert!(text(&output.stdout).contains(&format!("{} valid, 0 invalid", blocks.len())), "{}", text(&output.stdout));
    // The twin: a list without a day that names no country is refused by the list in force today.
    let list = blocks.iter().find(|block| block.contains("ExporterList")).expect("the page has an exporter list");
    let wrong = folder.path().join("wrong.xml");
    fs::write(&wrong, list.replace(">KR<", ">QZ<")).unwrap();
    let output = run(&["validate", wrong.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("/MetaData/ResponsibleCountryCode"), "{}", text(&output.stdout));
}

/// Notepad and Excel put a byte order mark before what they save.
#[test]
fn json_after_a_byte_order_mark_is_json() {
    let folder = tempfile::tempdir().unwrap();
    let table = run(&["contract", "map", "--mapping", "national-csv", TABLE, "--json"]);
    let mapped: Value = serde_json::from_slice(&table.stdout).unwrap();
    let document = mapped["documents"][0]["document"].to_string();
    let marked = folder.path().join("marked.json");
    fs::write(&marked, format!("\u{feff}{document}")).unwrap();
    let output = run(&["validate", marked.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    fs::write(&marked, format!("{{\u{feff}{}", &document[1..])).unwrap();
    let output = run(&["validate", marked.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "within, it is no white space");
}

/// An empty table is more often a broken export than a day without a CO: an answer of nothing would be taken for done.
#[test]
fn a_table_without_a_row_is_refused_by_map_as_by_validate() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("heading.csv");
    let table = fs::read_to_string(TABLE).unwrap();
    fs::write(&file, table.lines().next().unwrap()).unwrap();
    let file = file.to_str().unwrap();
    let mapped = run(&["contract", "map", "--mapping", "national-csv", file]);
    assert_eq!(mapped.status.code(), Some(1), "{}", text(&mapped.stdout));
    assert!(text(&mapped.stderr).contains("came none"), "{}", text(&mapped.stderr));
    assert_eq!(run(&["validate", "--mapping", "national-csv", file]).status.code(), Some(1));
}

#[test]
fn a_comment_within_the_body_of_a_message_is_refused_as_a_gateway_refuses_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut octets = Vec::new();
    encode(&sample::co(1, 1), &Slots::default(), &mut octets);
    let document = text(&octets);
    let message = format!(
        "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"><s:Body>\n<SendCO xmlns=\"urn:coconnect:service:1\">\
         {document}</SendCO></s:Body></s:Envelope>"
    );
    let commented = |whole: &str| whole.replacen("<FunctionCode>", "<FunctionCode><!-- original -->", 1);
    for (name, octets, code) in [
        ("plain.xml", document.clone(), 0),
        ("remark.xml", commented(&document), 0),
        ("message.xml", message.clone(), 0),
        ("commented.xml", commented(&message), 1),
    ] {
        let file = folder.path().join(name);
        fs::write(&file, octets).unwrap();
        let output = run(&["validate", file.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(code), "{name}: {}{}", text(&output.stdout), text(&output.stderr));
        assert_eq!(text(&output.stdout).contains(": 2:"), code == 1, "{name}: {}", text(&output.stdout));
    }
}
