//! JSON Schema (draft 2020-12) of the JSON form, from the same tables (`contract json-schema`).
//!
//! It says what the form is and what JSON Schema can say of values: members, cardinality, lengths in characters, enumerations.
//! Patterns stand in words and numeric bounds not at all, for values are strings: the decoder judges those. So whatever the
//! decoder takes in the form that [`from_xml`](super::from_xml) writes is valid here, and not the other way round.

use serde_json::{Map, Value, json};

use super::name::{self, FOREIGN, VALUE, camel};
use crate::contract::datatype::{Facet, Primitive, Variety};
use crate::contract::generated::TABLES;
use crate::contract::table::{Complex, Content, Element, Type, UNBOUNDED};

/// The schema of every root of the contract.
#[must_use]
pub fn json_schema() -> Value {
    let roots: Vec<Value> = TABLES
        .roots
        .iter()
        .map(|root| {
            let name = camel(root.name);
            json!({
                "type": "object",
                "properties": { &name: of_type(root) },
                "required": [name],
                "additionalProperties": false,
            })
        })
        .collect();
    let mut definitions = Map::new();
    for (number, complex) in TABLES.complexes.iter().enumerate() {
        definitions.insert(definition(number, complex), of_complex(complex));
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:coconnect:contract:json:1",
        "title": "Messages of coconnect in JSON",
        "anyOf": roots,
        "$defs": definitions,
    })
}

/// Names are for people; the number tells two of one name apart.
fn definition(number: usize, complex: &Complex) -> String {
    format!("{}-{number}", complex.name.rsplit(['}', ':']).next().unwrap_or(complex.name))
}

fn of_type(element: &Element) -> Value {
    let mut schema = match element.kind {
        Type::Simple(number) => of_simple(number),
        Type::Complex(number) => match TABLES.complexes.get(number as usize) {
            Some(complex) => json!({ "$ref": format!("#/$defs/{}", definition(number as usize, complex)) }),
            None => json!({}),
        },
        Type::Anything => json!({}),
    };
    if let (Value::Object(schema), Some(fixed)) = (&mut schema, element.fixed) {
        schema.insert("const".to_owned(), json!(fixed));
    }
    if let (Value::Object(schema), false) = (&mut schema, element.wco_id.is_empty()) {
        schema.insert("$comment".to_owned(), json!(format!("WCO {}", element.wco_id)));
    }
    schema
}

fn of_simple(number: u32) -> Value {
    let Some(simple) = TABLES.simples.get(number as usize) else { return json!({}) };
    let kind = match simple.variety {
        Variety::Atomic(Primitive::Boolean) => json!(["string", "boolean"]),
        Variety::Atomic(Primitive::Decimal) => json!(["string", "number"]),
        _ => json!("string"),
    };
    let mut schema = Map::new();
    schema.insert("type".to_owned(), kind);
    // Lengths of octets and of list items are none of the string's.
    let counts_characters = !matches!(
        simple.variety,
        Variety::Atomic(Primitive::Base64Binary | Primitive::HexBinary) | Variety::List(_) | Variety::Union(_)
    );
    let mut words = Vec::new();
    for facet in simple.facets {
        let (key, value) = match facet {
            Facet::Length(count) if counts_characters => {
                schema.insert("minLength".to_owned(), json!(count));
                ("maxLength", json!(count))
            }
            Facet::MinLength(count) if counts_characters => ("minLength", json!(count)),
            Facet::MaxLength(count) if counts_characters => ("maxLength", json!(count)),
            Facet::Enumeration(values) => ("enum", json!(values)),
            Facet::Pattern(_, said) if !said.is_empty() => {
                words.push(*said);
                continue;
            }
            _ => continue,
        };
        schema.insert(key.to_owned(), value);
    }
    if !words.is_empty() {
        schema.insert("description".to_owned(), json!(words.join("; ")));
    }
    Value::Object(schema)
}

fn of_complex(complex: &Complex) -> Value {
    match complex.content {
        Content::Simple(number) => {
            let value = of_simple(number);
            if complex.attributes.is_empty() {
                return value;
            }
            let (mut properties, mut required) = (Map::new(), vec![json!(VALUE)]);
            properties.insert(VALUE.to_owned(), value.clone());
            attributes(complex, &mut properties, &mut required);
            let alone = required.len() == 1;
            let whole = json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false });
            if alone { json!({ "anyOf": [value, whole] }) } else { whole }
        }
        Content::Empty | Content::Elements { .. } => {
            let (mut properties, mut required) = (Map::new(), Vec::new());
            for slot in name::slots(complex) {
                let Some((number, element)) = slot.element.and_then(|at| Some((at, complex.elements().get(at)?)))
                else {
                    properties.insert(FOREIGN.to_owned(), json!({ "type": "array", "items": { "type": "string" } }));
                    continue;
                };
                // Where the content is one sequence, its places tell how often; elsewhere only whether more than once.
                let place = complex.flat.and_then(|flat| {
                    flat.places.iter().find(|place| !place.is_wildcard() && usize::from(place.element) == number)
                });
                let (least, most) = place.map_or((0, UNBOUNDED), |place| (place.min, place.max));
                let name = name::member(element, slot.repeats);
                let schema = if slot.repeats {
                    let mut list = json!({ "type": "array", "items": of_type(element), "minItems": least.max(1) });
                    if let (Value::Object(list), true) = (&mut list, most != UNBOUNDED) {
                        list.insert("maxItems".to_owned(), json!(most));
                    }
                    list
                } else {
                    of_type(element)
                };
                if least > 0 {
                    required.push(json!(name));
                }
                properties.insert(name, schema);
            }
            attributes(complex, &mut properties, &mut required);
            json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
        }
    }
}

fn attributes(complex: &Complex, properties: &mut Map<String, Value>, required: &mut Vec<Value>) {
    for attribute in complex.attributes.iter().filter(|attribute| !attribute.prohibited) {
        let name = camel(attribute.name);
        if attribute.required {
            required.push(json!(name));
        }
        properties.insert(name, of_simple(attribute.simple));
    }
}
