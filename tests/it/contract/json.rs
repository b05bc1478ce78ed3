//! The JSON form of the contract: lossless both ways, and as strict as XML.

use coconnect::contract::generated::TABLES;
use coconnect::contract::json::{self, Kind, Value};
use coconnect::contract::{self, Operation, Slot, Slots, Violations, sample};

use super::instance::{self, Dice, Fill};
use super::{beside, canonical, decode, encode, parse};

/// XML of any root to JSON text and back to XML.
fn there_and_back(octets: &[u8]) -> Vec<u8> {
    let document = parse(octets);
    let value = json::from_xml(&document, document.document_element(), &Slots::default()).unwrap();
    let text = value.to_text();
    let again = json::parse(text.as_bytes()).unwrap();
    assert_eq!(again, value);
    let mut out = Vec::new();
    json::to_xml(&again, &Slots::default(), &mut out).unwrap_or_else(|v| panic!("{v:#?}\n{text}"));
    out
}

fn text(octets: Vec<u8>) -> String {
    String::from_utf8(octets).unwrap()
}

#[test]
fn every_row_of_annex_ii_round_trips_through_the_model_and_json() {
    // XML -> model -> XML -> JSON -> XML, with everything that the contract has; and each row is found in the JSON.
    let whole = instance::meta_data(&mut Dice(1), Fill::Whole).to_octets();
    let message = decode(&whole).unwrap();
    let written = encode(&message);
    let back = there_and_back(&written);
    assert_eq!(text(canonical(&back)), text(canonical(&written)));
    assert_eq!(decode(&back).unwrap(), message);
    assert_eq!(json::decode(Operation::SendCo, &json::encode(&message)).unwrap(), message);

    let Some(spec) = beside("COCONNECT_SPEC", "../shared/spec") else { return };
    let value = json::encode(&message);
    let lpco = value.member("metaData").and_then(|m| m.member("lpco")).unwrap();
    let mut seen = 0;
    for row in std::fs::read_to_string(spec.join("annex2.tsv")).unwrap().lines().skip(1) {
        let path = row.split('\t').nth(4).unwrap();
        let mut at = lpco;
        for step in path.split('/').skip(1) {
            let name = json::camel(step.trim_start_matches("cc:"));
            let plural = [name.clone(), format!("{name}s"), format!("{name}es")];
            at = plural.iter().find_map(|name| at.member(name)).unwrap_or_else(|| panic!("{path}: no {name} in JSON"));
            if let Kind::List(values) = &at.kind {
                at = &values[0];
            }
        }
        seen += 1;
    }
    assert_eq!(seen, 103);
}

#[test]
fn random_messages_come_back_from_json_unchanged() {
    for seed in 0..200 {
        let octets = instance::meta_data(&mut Dice(seed), Fill::Random).to_octets();
        let message = decode(&octets).unwrap();
        let written = encode(&message);
        assert!(canonical(&there_and_back(&written)) == canonical(&written), "seed {seed}");
        let value = json::parse(json::encode(&message).to_pretty_text().as_bytes()).unwrap();
        assert_eq!(json::decode(Operation::SendCo, &value).unwrap(), message, "seed {seed}");
    }
}

#[test]
fn every_root_of_the_contract_has_a_json_form() {
    // Answers, notices and statuses as well as COs: the tables give it to all of them.
    for root in TABLES.roots {
        for seed in 0..20 {
            let octets = instance::root(root, &mut Dice(seed), Fill::Random).to_octets();
            let document = parse(&octets);
            let node = document.document_element();
            contract::validate(&document, node, &Slots::default()).unwrap_or_else(|v| panic!("{}: {v:#?}", root.name));
            let value = json::from_xml(&document, node, &Slots::default()).unwrap();
            json::validate(&value).unwrap_or_else(|v| panic!("{} seed {seed}: {v:#?}", root.name));
            let once = there_and_back(&octets);
            assert!(canonical(&there_and_back(&once)) == canonical(&once), "{} seed {seed}", root.name);
        }
    }
}

#[test]
fn namespaces_do_not_show_in_json() {
    let slots = Slots::default().with(Slot::Lpco, "urn:example:lpco:9").with(Slot::Ext, "urn:example:ext");
    let mut octets = Vec::new();
    contract::encode(&sample::co(3, 2), &slots, &mut octets);
    let document = parse(&octets);
    let value = json::from_xml(&document, document.document_element(), &slots).unwrap();
    assert_eq!(value, json::encode(&sample::co(3, 2)));
    assert!(json::from_xml(&document, document.document_element(), &Slots::default()).is_err());
    let mut back = Vec::new();
    json::to_xml(&value, &slots, &mut back).unwrap();
    assert_eq!(text(back), text(octets));
}

#[test]
fn numbers_booleans_and_nulls_are_taken_where_they_say_one_thing() {
    let given = json::encode(&sample::co(3, 1)).to_text();
    let message = json::decode(Operation::SendCo, &json::parse(given.as_bytes()).unwrap()).unwrap();
    let lenient = given.replacen("\"sequenceNumeric\":\"1\"", "\"sequenceNumeric\":1", 1).replacen(
        "\"functionCode\"",
        "\"statusCode\":null,\"functionCode\"",
        1,
    );
    assert_ne!(lenient, given);
    assert_eq!(json::decode(Operation::SendCo, &json::parse(lenient.as_bytes()).unwrap()).unwrap(), message);
}

/// Codes, paths and places of what is wrong with a JSON text.
fn wrong(text: &str) -> Vec<String> {
    let Err(Violations { list, .. }) = json::decode(Operation::SendCo, &json::parse(text.as_bytes()).unwrap()) else {
        return Vec::new();
    };
    list.iter().map(|v| format!("{}:{} {} {}", v.line, v.column, v.code, v.path)).collect()
}

#[test]
fn every_accepted_json_has_its_refused_twin() {
    let valid = json::encode(&sample::co(4, 2)).to_pretty_text();
    assert!(wrong(&valid).is_empty());
    let cases = [
        ("\"functionCode\": \"9\"", "\"functionCode\": 9", "json-type /MetaData/LPCO/FunctionCode"),
        ("\"functionCode\": \"9\"", "\"functionCode\": [\"9\"]", "json-type /MetaData/LPCO/FunctionCode"),
        (
            "\"functionCode\": \"9\"",
            "\"functionCode\": {\"value\": \"9\", \"x\": \"\"}",
            "unexpected-member /MetaData/LPCO/FunctionCode/x",
        ),
        ("\"functionCode\": \"9\"", "\"functionCode\": {}", "missing-member /MetaData/LPCO/FunctionCode"),
        ("\"functionCode\": \"9\"", "\"functionCode\": null", "missing-element /MetaData/LPCO/FunctionCode"),
        ("\"functionCode\": \"9\"", "\"functionCode\": \"\\u0001\"", "character /MetaData/LPCO/FunctionCode"),
        ("\"functionCode\": \"9\"", "\"FunctionCode\": \"9\"", "unexpected-member /MetaData/LPCO/FunctionCode"),
        ("\"typeCode\": \"861\"", "\"typeCode\": \"863\"", "enumeration /MetaData/LPCO/TypeCode"),
        (
            "\"sequenceNumeric\": \"2\"",
            "\"sequenceNumeric\": 1e3",
            "datatype /MetaData/LPCO/Consignment/ConsignmentItem[2]/SequenceNumeric",
        ),
        (
            "\"unitCode\": \"KGM\"",
            "\"unitCode\": \"kilos\"",
            "pattern /MetaData/LPCO/Consignment/ConsignmentItem[1]/GoodsMeasure/GrossMassMeasure/@unitCode",
        ),
        (
            "\"consignment\": {",
            "\"foreign\": [\"</LPCO>\"], \"consignment\": {",
            "foreign-element /MetaData/LPCO/foreign[1]",
        ),
        (
            "\"consignment\": {",
            "\"foreign\": [\"<a/><b/>\"], \"consignment\": {",
            "foreign-element /MetaData/LPCO/foreign[1]",
        ),
        (
            "\"consignment\": {",
            "\"foreign\": [\"<ID>x</ID>\"], \"consignment\": {",
            "unexpected-element /MetaData/LPCO/ID",
        ),
    ];
    for (from, to, expected) in cases {
        assert!(valid.contains(from), "{from}");
        let found = wrong(&valid.replacen(from, to, 1));
        assert!(found.iter().any(|found| found.ends_with(expected)), "{to}: {found:?}");
    }
    for root in ["{}", "[]", "{\"metadata\": {}}", "{\"metaData\": {}, \"lpco\": {}}"] {
        assert_eq!(wrong(root).len(), 1, "{root}");
    }
}

#[test]
fn violations_stand_where_the_json_has_them() {
    // Line and column of the JSON text, not of the XML that it becomes; all at once and in order.
    let given = "{\"metaData\": {\n  \"wcoDataModelVersionCode\": \"4.0.0\",\n  \"responsibleCountryCode\": \"kr\",\n  \"extra\": 1,\n  \"lpco\": {\n    \"consignment\": {\"consignmentItems\": [{\n      \"sequenceNumeric\": \"x\"}]}}}}";
    let found = wrong(given);
    for expected in [
        "3:29 pattern /MetaData/ResponsibleCountryCode",
        "4:3 unexpected-member /MetaData/extra",
        "5:11 missing-element /MetaData/LPCO/ID",
        "7:26 datatype /MetaData/LPCO/Consignment/ConsignmentItem[1]/SequenceNumeric",
    ] {
        assert!(found.iter().any(|f| f == expected), "{expected}: {found:#?}");
    }
    let places: Vec<(u32, u32)> = found
        .iter()
        .map(|f| f.split_once(' ').unwrap().0.split_once(':').unwrap())
        .map(|(line, column)| (line.parse().unwrap(), column.parse().unwrap()))
        .collect();
    assert!(places.is_sorted(), "{found:#?}");
}

#[test]
fn attributes_that_json_cannot_keep_are_refused_not_dropped() {
    let octets = text(encode(&sample::co(1, 1)));
    let with = |attribute: &str| {
        let octets = octets.replacen("<md:MetaData", &format!("<md:MetaData {attribute}"), 1);
        let document = parse(octets.as_bytes());
        json::from_xml(&document, document.document_element(), &Slots::default())
    };
    assert!(with("xmlns:o=\"urn:other\" o:a=\"1\"").is_err());
    let wsu = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
    assert!(with(&format!("xmlns:u=\"{wsu}\" u:Id=\"x\"")).is_ok());
}

#[test]
fn an_element_with_attributes_is_an_object_and_one_without_a_string() {
    let value = json::encode(&sample::co(2, 1));
    let items = value.member("metaData").and_then(|m| m.member("lpco")).and_then(|l| l.member("consignment")).unwrap();
    let Kind::List(items) = &items.member("consignmentItems").unwrap().kind else { panic!("no array") };
    let mass = items[0].member("goodsMeasure").and_then(|c| c.member("grossMassMeasure")).unwrap();
    assert!(mass.member("value").and_then(Value::as_text).is_some_and(|v| v.contains('.')), "{mass}");
    assert_eq!(mass.member("unitCode").and_then(Value::as_text), Some("KGM"));
    assert!(items[0].member("sequenceNumeric").and_then(Value::as_text).is_some());
}
