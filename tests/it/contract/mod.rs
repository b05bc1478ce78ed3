//! The contract at work: Annex II row by row, round trips, refused twins, and two other validators' opinion.

mod codes;
mod decoders;
mod facets;
mod instance;
mod json;
mod json_schema;
mod models;
pub mod oracle;
mod shapes;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use coconnect::contract::generated::TABLES;
use coconnect::contract::table::{Element, Type};
use coconnect::contract::{self, MetaData, Operation, Slot, Slots, Violations, sample};
use coconnect::xml::c14n;
use coconnect::xml::{self, Document, Options};

use instance::{Dice, Fill, Tree};

fn parse(octets: &[u8]) -> Document {
    xml::parse(octets.to_vec(), &Options::default()).unwrap()
}

/// By the schema alone: the messages of this module are of every kind, and their numbers are as the dice fell.
fn decode(octets: &[u8]) -> Result<MetaData, Violations> {
    let document = parse(octets);
    contract::bind_document(&document, document.document_element(), &Slots::default())
}

fn encode(message: &MetaData) -> Vec<u8> {
    let mut out = Vec::new();
    contract::encode(message, &Slots::default(), &mut out);
    out
}

fn canonical(octets: &[u8]) -> Vec<u8> {
    let document = parse(octets);
    let mut out = Vec::new();
    c14n::exclusive_without(&document, document.document_element(), None, &mut out).unwrap();
    out
}

/// Codes and paths of what is wrong.
fn wrong(octets: &[u8]) -> Vec<(String, String)> {
    match decode(octets) {
        Ok(_) => Vec::new(),
        Err(violations) => violations.list.into_iter().map(|v| (v.code.into_owned(), v.path)).collect(),
    }
}

/// A folder beside the crate, if it is there.
fn beside(variable: &str, default: &str) -> Option<PathBuf> {
    let path =
        std::env::var_os(variable).map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(default), PathBuf::from);
    if path.exists() {
        return Some(path);
    }
    println!("SKIPPED: nothing at {}; set {variable}", path.display());
    assert!(std::env::var("COCONNECT_NO_SKIP").as_deref() != Ok("1"), "{} is missing", path.display());
    None
}

#[test]
fn every_row_of_annex_ii_is_in_the_message_guide() {
    let Some(spec) = beside("COCONNECT_SPEC", "../shared/spec") else { return };
    let rows = std::fs::read_to_string(spec.join("annex2.tsv")).unwrap();
    let page = coconnect::gateway::annex::guide::guide();
    let mut seen = 0;
    for row in rows.lines().skip(1) {
        let cells: Vec<&str> = row.split('\t').collect();
        let (id, path) = (cells[1], cells[4].replace("cc:", ""));
        if path == "LPCO" {
            seen += 1;
            continue;
        }
        let line = page.lines().find(|line| line.contains(&format!("<tr id=\"MetaData/{path}\">")));
        let line = line.unwrap_or_else(|| panic!("row {}: no {path}", cells[0]));
        // One element has several ids: D017 is 539, K17 is 017.
        let same = [("D017", "539"), ("K17", "017")];
        let wanted = same.iter().find(|(alias, _)| *alias == id).map_or(id, |(_, id)| *id);
        assert!(line.contains(&format!("</td><td>{wanted}</td>")), "row {}: {line}", cells[0]);
        seen += 1;
    }
    assert_eq!(seen, 103);
}

#[test]
fn every_row_of_annex_ii_is_in_the_contract() {
    let Some(spec) = beside("COCONNECT_SPEC", "../shared/spec") else { return };
    let rows = std::fs::read_to_string(spec.join("annex2.tsv")).unwrap();
    let mut seen = 0;
    for row in rows.lines().skip(1) {
        let cells: Vec<&str> = row.split('\t').collect();
        let (id, path) = (cells[1], cells[4]);
        let mut steps = path.split('/');
        assert_eq!(steps.next(), Some("LPCO"), "{row}");
        let mut at: &Element = TABLES.roots.iter().find(|root| root.name == "LPCO").unwrap();
        for step in steps {
            let name = step.strip_prefix("cc:").unwrap_or(step);
            let Type::Complex(number) = at.kind else { panic!("{path}: {} holds no elements", at.name) };
            let found = TABLES.complexes[number as usize].elements().iter().find(|e| e.name == name);
            at = found.unwrap_or_else(|| panic!("row {}: no {path}", cells[0]));
            assert!(!step.starts_with("cc:") || at.ns == Slot::Ext as u8, "{path}");
        }
        // One type serves consignee and consignor, one element several ids: R015 is R014's party, D017 is 539, K17 is 017.
        let same = [("R020", "R014"), ("R021", "R015"), ("D017", "539"), ("K17", "017")];
        let wanted = same.iter().find(|(alias, _)| *alias == id).map_or(id, |(_, id)| *id);
        assert_eq!(at.wco_id, wanted, "row {}: {path}", cells[0]);
        seen += 1;
    }
    assert_eq!(seen, 103);
}

#[test]
fn a_message_with_everything_comes_back_unchanged() {
    // Every element and attribute of the contract, twice where it repeats: nothing may be lost or moved.
    for payload in instance::PAYLOADS {
        let whole = instance::document(payload, &mut Dice(1), Fill::Whole).to_octets();
        let message = decode(&whole).unwrap_or_else(|violations| panic!("{payload}: {:#?}", violations.list));
        let written = encode(&message);
        assert_eq!(decode(&written).unwrap(), message);
        assert_eq!(String::from_utf8(canonical(&written)).unwrap(), String::from_utf8(written.clone()).unwrap());
        let names = |octets: &[u8]| {
            let document = parse(octets);
            let nodes = document.descendants(document.document_element());
            nodes.map(|n| format!("{}|{}|{}", document.ns(n), document.local(n), document.text(n))).collect::<Vec<_>>()
        };
        assert_eq!(names(&whole), names(&written), "{payload}");
    }
}

#[test]
fn random_messages_come_back_unchanged_and_in_canonical_form() {
    for seed in 0..400 {
        let payload = instance::PAYLOADS[seed as usize % 4];
        let octets = instance::document(payload, &mut Dice(seed), Fill::Random).to_octets();
        let message = decode(&octets).unwrap_or_else(|v| panic!("seed {seed}: {v:#?}"));
        let written = encode(&message);
        assert_eq!(decode(&written).unwrap(), message, "seed {seed}");
        assert!(canonical(&written) == written, "seed {seed}: what we send is its own canonical form");
    }
}

#[test]
fn foreign_elements_are_kept_with_what_their_descendants_mean() {
    // A descendant in no namespace must not fall into our default namespace when it is passed on.
    let octets = String::from_utf8(encode(&sample::co(1, 1))).unwrap();
    let foreign = "<f:N xmlns:f=\"urn:f\" a=\" xmlns=\"><plain>x</plain></f:N>";
    let with = octets.replace("</LPCO>", &format!("{foreign}</LPCO>"));
    let with = with.replace("<f:N", "<f:N xmlns=\"\"");
    let message = decode(with.as_bytes()).unwrap();
    assert_eq!(message.lpco.as_deref().unwrap().foreign.len(), 1);
    let written = encode(&message);
    let document = parse(&written);
    let plain = document.descendants(document.document_element()).find(|n| document.local(*n) == "plain").unwrap();
    assert_eq!(document.ns(plain), "");
    assert_eq!(decode(&written).unwrap(), message);
}

#[test]
fn every_accepted_thing_has_its_refused_twin() {
    let valid = String::from_utf8(encode(&sample::co(4, 3))).unwrap();
    assert!(wrong(valid.as_bytes()).is_empty());
    let cases: &[(&str, &str, &str, &str)] = &[
        ("<ID>K001-26-0000005</ID>", "", "missing-element", "/MetaData/LPCO/ID"),
        ("<TypeCode>861</TypeCode>", "<TypeCode>861</TypeCode><Extra/>", "unexpected-element", "/MetaData/LPCO/Extra"),
        ("<TypeCode>861</TypeCode>", "<TypeCode>863</TypeCode>", "enumeration", "/MetaData/LPCO/TypeCode"),
        (
            "<FunctionCode>9</FunctionCode>",
            "<x:FunctionCode xmlns:x=\"urn:other\">9</x:FunctionCode>",
            "unexpected-element",
            "/MetaData/LPCO/FunctionCode",
        ),
        (
            "<FunctionCode>9</FunctionCode>",
            "<FunctionCode a=\"1\">9</FunctionCode>",
            "unexpected-attribute",
            "/MetaData/LPCO/FunctionCode/@a",
        ),
        (
            "<FunctionCode>9</FunctionCode>",
            "<FunctionCode>9<b/></FunctionCode>",
            "unexpected-element",
            "/MetaData/LPCO/FunctionCode",
        ),
        ("<FunctionCode>9</FunctionCode>", "stray<FunctionCode>9</FunctionCode>", "unexpected-text", "/MetaData/LPCO"),
        ("unitCode=\"KGM\"", "", "missing-attribute", "/@unitCode"),
        ("unitCode=\"KGM\"", "unitCode=\"kilos\"", "pattern", "/@unitCode"),
        ("formatCode=\"304\"", "formatCode=\"305\"", "enumeration", "/@formatCode"),
        (
            "<CountryCode>KR</CountryCode><RuleCode>",
            "<CountryCode>K1</CountryCode><RuleCode>",
            "pattern",
            "/Origin[1]/CountryCode",
        ),
        (
            "<SequenceNumeric>2</SequenceNumeric>",
            "<SequenceNumeric>0</SequenceNumeric>",
            "min-inclusive",
            "/ConsignmentItem[2]/SequenceNumeric",
        ),
        (
            "<SequenceNumeric>2</SequenceNumeric>",
            "<SequenceNumeric>1.0</SequenceNumeric>",
            "datatype",
            "/ConsignmentItem[2]/SequenceNumeric",
        ),
        (
            "<SequenceNumeric>2</SequenceNumeric>",
            "<SequenceNumeric xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\" i:type=\"x\">2</SequenceNumeric>",
            "xsi-attribute",
            "/ConsignmentItem[2]/SequenceNumeric",
        ),
        (
            "<SequenceNumeric>2</SequenceNumeric>",
            "<SequenceNumeric xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\" i:nil=\"true\"/>",
            "xsi-attribute",
            "/ConsignmentItem[2]/SequenceNumeric",
        ),
        ("<md:MetaData", "<md:Metadata xmlns:q=\"q\"", "unexpected-root", "/Metadata"),
    ];
    for (from, to, code, path) in cases {
        assert!(valid.contains(from), "{from}");
        let broken = valid.replacen(from, to, 1);
        let broken = if to.contains("Metadata") { broken.replace("</md:MetaData", "</md:Metadata") } else { broken };
        let found = wrong(broken.as_bytes());
        // A misnamed element is missing as well, and one that claims to be nil has no number.
        let most = if to.contains("urn:other") || to.contains("nil=") { 2 } else { 1 };
        assert!(found.len() <= most, "{to}: {found:?}");
        assert!(found.iter().any(|(c, p)| c == code && p.ends_with(path)), "{to}: {found:?}");
    }
    // Order: one violation, at the element that stands too early.
    let swapped = valid.replace(
        "<FunctionCode>9</FunctionCode><ID>K001-26-0000005</ID>",
        "<ID>K001-26-0000005</ID><FunctionCode>9</FunctionCode>",
    );
    assert_eq!(wrong(swapped.as_bytes()), [("misplaced-element".to_owned(), "/MetaData/LPCO/ID".to_owned())]);
    // One of ours behind a wildcard is no extension.
    let behind = valid.replace(
        "</LPCO>",
        "<cc:BackToBackIndicator xmlns:cc=\"urn:coconnect:ext:1\">true</cc:BackToBackIndicator></LPCO>",
    );
    assert_eq!(wrong(behind.as_bytes())[0].0, "misplaced-element");
    let twice = valid.replace("<Consignor>", "<Consignor><Name>Second</Name></Consignor><Consignor>");
    assert_eq!(wrong(twice.as_bytes())[0].0, "too-many");
}

#[test]
fn all_errors_are_told_at_once_each_where_it_stands() {
    let valid = String::from_utf8(encode(&sample::co(4, 2))).unwrap();
    let broken = valid
        .replace("<TypeCode>861</TypeCode>", "\n  <TypeCode>한국</TypeCode><CategoryCode>12345</CategoryCode>")
        .replace("<IdentificationTypeCode>HS<", "\n<IdentificationTypeCode>HARMONISED<")
        .replace("<cc:AgreementCode xmlns:cc=\"urn:coconnect:ext:1\">KRID</cc:AgreementCode>", "");
    let violations = decode(broken.as_bytes()).unwrap_err();
    let told: Vec<String> =
        violations.list.iter().map(|v| format!("{}:{} {} {}", v.line, v.column, v.code, v.wco_id)).collect();
    let start = valid.find("<LPCO").unwrap() + 1;
    let expected = [
        format!("1:{start} missing-element K16"),
        "2:3 enumeration D013".to_owned(),
        "2:26 max-length D031".to_owned(),
        "3:1 max-length 337".to_owned(),
        "4:1 max-length 337".to_owned(),
    ];
    assert_eq!(told, expected);
    assert_eq!(violations.total, 5);
    assert_eq!(violations.list[1].came.in_list, Some(false));
    assert_eq!(violations.list[1].came.length, Some(2), "characters, not octets");
    let line = violations.list[1].to_string();
    assert!(!line.contains("한국"), "the value is not for the wire: {line}");
}

#[test]
fn errors_are_bounded_and_counted() {
    let octets = String::from_utf8(encode(&sample::co(5, 3_000))).unwrap();
    let broken = octets.replace("<IdentificationTypeCode>HS<", "<IdentificationTypeCode>WRONG<");
    let violations = decode(broken.as_bytes()).unwrap_err();
    assert_eq!((violations.list.len(), violations.total), (1_000, 3_000));
}

#[test]
fn namespaces_come_from_the_slots_and_from_nothing_else() {
    let octets = encode(&sample::co(6, 1));
    let other = Slots::default().with(Slot::Lpco, "urn:wco:datamodel:WCO:LPCO:2");
    let document = parse(&octets);
    assert!(contract::decode(Operation::SendCo, &document, document.document_element(), &other).is_err());
    let mut renamed = Vec::new();
    contract::encode(&sample::co(6, 1), &other, &mut renamed);
    let document = parse(&renamed);
    assert!(contract::decode(Operation::SendCo, &document, document.document_element(), &other).is_ok());
    assert!(decode(&renamed).is_err());
}

#[test]
fn a_body_holds_one_wrapper_with_one_business_document() {
    let inner = String::from_utf8(encode(&sample::co(7, 1))).unwrap();
    let found = |wrapper: &str| {
        let document = parse(wrapper.as_bytes());
        contract::business_document(&document, document.document_element(), &Slots::default()).map(|(op, _)| op)
    };
    let wrapped = |name: &str, ns: &str, content: &str| format!("<s:{name} xmlns:s=\"{ns}\">{content}</s:{name}>");
    let svc = "urn:coconnect:service:1";
    assert_eq!(found(&wrapped("SendCO", svc, &format!(" {inner}\n"))), Ok(Operation::SendCo));
    for refused in [
        wrapped("SendCO", "urn:other", &inner),
        wrapped("SendNothing", svc, &inner),
        wrapped("SendCO", svc, ""),
        wrapped("SendCO", svc, &format!("{inner}{inner}")),
        wrapped("SendCO", svc, &format!("text{inner}")),
        wrapped("SendCO", svc, "<LPCO/>"),
        wrapped("SendCO", svc, &inner).replacen("<s:SendCO", "<s:SendCO a=\"1\"", 1),
    ] {
        assert!(found(&refused).is_err(), "{refused}");
    }
}

#[test]
fn the_instance_of_the_domain_notes_is_valid() {
    // The three date shapes, and goods measures where WCO DM 3 has them.
    let text = include_str!("domain-co.xml");
    let message = decode(text.as_bytes()).unwrap_or_else(|v| panic!("{:#?}", v.list));
    let facts = message.facts();
    assert_eq!((facts.territory.as_str(), facts.number.as_str()), ("KR", "K001-25-0000123"));
    assert_eq!((facts.agreement.as_str(), facts.issuing_body.as_str()), ("KRID", "KCCI"));
    assert_eq!(facts.receiving_territory.as_deref(), Some("ID"));
    let lpco = message.lpco.as_deref().unwrap();
    assert_eq!(lpco.issue_date_time.text(), "20251001093000Z");
    let commodity = &lpco.consignment.consignment_item[1].commodity;
    assert!(commodity.goods_measure.is_some());
    // Blanks between elements are no part of the model.
    let compact: String = text.lines().map(str::trim).collect();
    assert!(canonical(&encode(&message)) == canonical(compact.as_bytes()));
}

#[test]
fn ten_thousand_items_cost_ten_times_a_thousand() {
    // A bound on the shape, with room for a busy machine: the best of three, and no more than three times the linear cost.
    let time = |items: usize| {
        let octets = encode(&sample::co(9, items));
        let document = parse(&octets);
        let run = || {
            let start = std::time::Instant::now();
            contract::decode(Operation::SendCo, &document, document.document_element(), &Slots::default()).unwrap();
            start.elapsed()
        };
        (0..3).map(|_| run()).min().unwrap()
    };
    let (small, large) = (time(1_000), time(10_000));
    assert!(large < small * 30, "1,000 items {small:?}, 10,000 items {large:?}");
}

/// The elements of the samples that are real: every datum of the ChAFTA CO has its place.
#[test]
fn the_data_of_the_chafta_sample_fits() {
    let Some(samples) = beside("COCONNECT_SAMPLES", "../shared/samples") else { return };
    let text = std::fs::read_to_string(samples.join("edi3-chafta-coo-full.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut message = sample::co(1, 3);
    let party = &json["supplyChainConsignment"]["exporter"];
    let lpco = message.lpco.as_deref_mut().unwrap();
    let consignor = &mut lpco.consignment.consignor;
    consignor.name.value = party["name"].as_str().unwrap().into();
    lpco.id.value = json["iD"].as_str().unwrap().into();
    lpco.agreement_code.value = json["freeTradeAgreement"].as_str().unwrap().into();
    for authentication in ["firstSignatoryAuthentication", "secondSignatoryAuthentication"] {
        let source = &json[authentication];
        let mut target = lpco.authentication[0].clone();
        target.authentication =
            Some(contract::data::Text { value: source["statement"].as_str().unwrap().into(), language_id: None });
        lpco.authentication.push(target);
        let signature = base64_simd::STANDARD.encode_to_string(source["signature"].as_str().unwrap());
        lpco.document_signature.push(contract::ext::DocumentSignature {
            binary_object: contract::data::BinaryObject { value: signature.into(), attributes: None },
            ..Default::default()
        });
    }
    assert_eq!(decode(&encode(&message)).unwrap(), message);
}

/// Names of what the trees of this module use, so that a new slot is not forgotten in them.
#[test]
fn every_slot_is_written_by_the_whole_messages_but_that_of_the_answer() {
    fn prefixes(tree: &Tree, out: &mut BTreeSet<&'static str>) {
        out.insert(tree.prefix);
        tree.children.iter().for_each(|child| prefixes(child, out));
    }
    let mut found = BTreeSet::new();
    for payload in instance::PAYLOADS {
        prefixes(&instance::document(payload, &mut Dice(1), Fill::Whole), &mut found);
    }
    assert_eq!(found, BTreeSet::from(["", "cc", "md", "res", "x"]));
}
