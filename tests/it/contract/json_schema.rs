//! The JSON Schema, judged by a validator of others: it takes what the contract takes, and refuses what JSON Schema can.

use coconnect::contract::generated::TABLES;
use coconnect::contract::{self, Slots, json};
use jsonschema::Validator;
use serde_json::Value;

use super::instance::{self, Dice, Fill};
use super::parse;

fn validator() -> Validator {
    let schema = json::json_schema();
    jsonschema::meta::validate(&schema).unwrap();
    jsonschema::draft202012::new(&schema).unwrap()
}

fn of_xml(octets: &[u8]) -> Value {
    let document = parse(octets);
    let value = json::from_xml(&document, document.document_element(), &Slots::default()).unwrap();
    serde_json::from_str(&value.to_text()).unwrap()
}

#[test]
fn what_the_contract_takes_is_valid_by_the_json_schema() {
    let validator = validator();
    for root in TABLES.roots {
        for seed in 0..20 {
            for fill in [Fill::Random, Fill::Whole] {
                let octets = instance::root(root, &mut Dice(seed), fill).to_octets();
                let value = of_xml(&octets);
                let wrong: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).take(3).collect();
                assert!(wrong.is_empty(), "{} seed {seed}: {wrong:?}", root.name);
            }
        }
    }
}

/// Every object of a value, by its pointer.
fn objects(value: &Value, at: String, out: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            out.push(at.clone());
            members.iter().for_each(|(name, inner)| objects(inner, format!("{at}/{name}"), out));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(number, inner)| objects(inner, format!("{at}/{number}"), out));
        }
        _ => {}
    }
}

#[test]
fn what_json_schema_can_say_it_refuses_and_then_the_contract_refuses_it_too() {
    let validator = validator();
    let (mut refused, mut tried) = ([0_usize; 3], [0_usize; 3]);
    for seed in 0..30 {
        let payload = instance::PAYLOADS[seed as usize % instance::PAYLOADS.len()];
        let whole = of_xml(&instance::document(payload, &mut Dice(seed), Fill::Whole).to_octets());
        let mut all = Vec::new();
        objects(&whole, String::new(), &mut all);
        let mut dice = Dice(seed + 1_000);
        for _ in 0..60 {
            let at = &all[dice.below(all.len())];
            let mut value = whole.clone();
            let members = value.pointer_mut(at).unwrap().as_object_mut().unwrap();
            let names: Vec<String> = members.keys().cloned().collect();
            let kind = dice.below(3);
            match kind {
                // A member that nobody knows.
                0 => drop(members.insert("nobodyKnowsIt".to_owned(), Value::from("x"))),
                // One that is missing, which is wrong where it is required.
                1 => drop(members.remove(&names[dice.below(names.len())])),
                // A value of another type.
                _ => drop(members.insert(names[dice.below(names.len())].clone(), Value::from(vec![vec![1]]))),
            }
            tried[kind] += 1;
            if validator.is_valid(&value) {
                assert!(kind == 1, "seed {seed} at {at}: {value}");
                continue;
            }
            refused[kind] += 1;
            let ours = json::parse(value.to_string().as_bytes()).unwrap();
            assert!(json::validate(&ours).is_err(), "seed {seed} at {at}, kind {kind}: the contract takes it");
        }
    }
    println!("unknown, missing, wrong type: {refused:?} of {tried:?} refused");
    assert!(
        refused[0] == tried[0] && refused[2] == tried[2] && refused[1] > 20 && refused[1] < tried[1],
        "{refused:?}"
    );
}

#[test]
fn lengths_and_lists_are_said() {
    let validator = validator();
    let mut octets = Vec::new();
    contract::encode(&contract::sample::co(1, 1), &Slots::default(), &mut octets);
    let good = of_xml(&octets);
    assert!(validator.is_valid(&good));
    for (at, long) in [("/metaData/lpco/id", 71), ("/metaData/wcoDataModelVersionCode", 7)] {
        let mut value = good.clone();
        // Characters count, not octets.
        *value.pointer_mut(at).unwrap() = Value::from("\u{ac00}".repeat(long - 1));
        assert!(validator.is_valid(&value), "{at}");
        *value.pointer_mut(at).unwrap() = Value::from("\u{ac00}".repeat(long));
        assert!(!validator.is_valid(&value), "{at}");
    }
    let schema = json::json_schema().to_string();
    assert!(schema.contains("\"enum\":[\"retry\",\"correct\",\"contact\"]"), "the verdicts of a fault");
}
