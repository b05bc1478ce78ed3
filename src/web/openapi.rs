//! The OpenAPI 3.1 description of the local API (design 2.7), served at `/v1/openapi.json`.

use serde_json::{Map, Value, json};

use crate::exchange::view::{AlertView, CoView, ErrorView, MessageView, OutboxView, Submitted};

/// A route: method, path, what it does, query parameters with what they mean, whether it takes a document, statuses with what
/// they say, and what it answers.
struct Route {
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    query: &'static [(&'static str, &'static str)],
    takes: bool,
    answers: &'static [(u16, &'static str)],
    /// What an answer below 400 is, by name of a schema; and whether it may be octets instead.
    gives: Gives,
}

/// What a route answers.
#[derive(Clone, Copy)]
enum Gives {
    /// The schema of this name.
    One(&'static str),
    /// `rows` of it, and `next` where more follow.
    Rows(&'static str),
    /// The schema of this name, or with `part` the octets of a message or document.
    OneOrOctets(&'static str),
    /// `rows` of it, or with `part` a document.
    RowsOrOctets(&'static str),
}

const PAGE: &[(&str, &str)] = &[
    ("after", "the `next` of the page before: the position from which on rows are older"),
    ("limit", "rows at most, 1 to 1000; default 100"),
];
const PARTNER: (&str, &str) = ("partner", "id of the partner, where several have it");

const ROUTES: &[Route] = &[
    Route {
        method: "get",
        path: "/v1/health",
        summary: "What is served, and whether the store takes messages",
        query: &[],
        takes: false,
        answers: &[(200, "messages are taken"), (503, "the store refuses; `refusing` says why")],
        gives: Gives::One("Health"),
    },
    Route {
        method: "get",
        path: "/v1/openapi.json",
        summary: "This description",
        query: &[],
        takes: false,
        answers: &[(200, "OpenAPI 3.1")],
        gives: Gives::One("Description"),
    },
    Route {
        method: "post",
        path: "/v1/cos",
        summary: "Take a business document for delivery",
        query: &[
            PARTNER,
            ("operation", "path name of the operation; default: the one that carries such a document"),
            ("message-id", "MessageID of the caller's choice, urn:uuid:"),
        ],
        takes: true,
        answers: &[
            (200, "it was taken before"),
            (201, "taken: its MessageID, digest and what is withheld"),
            (400, "the JSON is broken, with its place, or a parameter is none"),
            (409, "the state of the CO, or the MessageID, forbids it"),
            (503, "the store refuses: try again later"),
            (422, "it breaks the schema, a code list or the agreement profile: every error with path, line and column"),
        ],
        gives: Gives::One("Submitted"),
    },
    Route {
        method: "get",
        path: "/v1/cos",
        summary: "COs, in and out, the newest first",
        query: PAGE,
        takes: false,
        answers: &[(200, "`rows`, and `next` where more follow")],
        gives: Gives::Rows("CoView"),
    },
    Route {
        method: "get",
        path: "/v1/cos/{number}",
        summary: "COs of this number, with what was said of them; or the XML of the only one",
        query: &[PARTNER, ("part", "`document`: the XML")],
        takes: false,
        answers: &[
            (200, "`rows`, or the XML"),
            (404, "none is held"),
            (409, "several have the number: name the partner"),
        ],
        gives: Gives::RowsOrOctets("CoView"),
    },
    Route {
        method: "get",
        path: "/v1/messages",
        summary: "Messages, in and out, refused ones too, the newest first",
        query: PAGE,
        takes: false,
        answers: &[(200, "`rows`, and `next` where more follow")],
        gives: Gives::Rows("MessageView"),
    },
    Route {
        method: "get",
        path: "/v1/messages/{id}",
        summary: "A message by its MessageID or by the reference id of a fault; or some of its octets",
        query: &[(
            "part",
            "`document`, `acknowledgement`, `request`, `clear`, `reply`, `sent` or `answer`: those octets",
        )],
        takes: false,
        answers: &[(200, "what became of it, or the octets"), (404, "nobody has it")],
        gives: Gives::OneOrOctets("MessageWithHistory"),
    },
    Route {
        method: "get",
        path: "/v1/outbox",
        summary: "What waits for delivery",
        query: &[],
        takes: false,
        answers: &[(200, "`rows`")],
        gives: Gives::Rows("OutboxView"),
    },
    Route {
        method: "post",
        path: "/v1/outbox/{id}/retry",
        summary: "Try a waiting or held message at once; its hour begins anew",
        query: &[],
        takes: false,
        answers: &[(200, "`retried`: its MessageID"), (404, "it does not wait")],
        gives: Gives::One("Retried"),
    },
    Route {
        method: "post",
        path: "/v1/partners/{id}/retry",
        summary: "Release a partner's held queue, and try all that waits for it at once",
        query: &[],
        takes: false,
        answers: &[(200, "`retried`: the MessageIDs"), (404, "no such partner")],
        gives: Gives::One("RetriedAll"),
    },
    Route {
        method: "get",
        path: "/v1/alerts",
        summary: "What somebody must look at, the newest first",
        query: PAGE,
        takes: false,
        answers: &[(200, "`rows`, and `next` where more follow")],
        gives: Gives::Rows("AlertView"),
    },
    Route {
        method: "get",
        path: "/v1/journal/heads",
        summary: "The last durable head of each partner's tree",
        query: &[],
        takes: false,
        answers: &[(200, "`rows`")],
        gives: Gives::Rows("Head"),
    },
    Route {
        method: "post",
        path: "/v1/reload",
        summary: "Read certificates, keys and partners again",
        query: &[],
        takes: false,
        answers: &[(202, "asked for; the log says what came of it")],
        gives: Gives::One("Reload"),
    },
];

/// The description.
#[must_use]
pub fn openapi() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in ROUTES {
        let mut parameters: Vec<Value> = route
            .path
            .split('/')
            .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
            .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
            .collect();
        parameters.extend(route.query.iter().map(|(name, means)| {
            json!({ "name": name, "in": "query", "description": means, "schema": { "type": "string" } })
        }));
        let mut responses = Map::new();
        for (status, means) in route.answers {
            let content = if *status < 400 { route.gives.content() } else { problem() };
            responses.insert(status.to_string(), json!({ "description": means, "content": content }));
        }
        let mut operation = json!({ "summary": route.summary, "parameters": parameters, "responses": responses });
        if let (Value::Object(operation), true) = (&mut operation, route.takes) {
            let content = json!({
                "application/xml": { "schema": { "type": "string", "description": "MetaData, or the wrapper of an operation" } },
                "application/json": { "schema": reference("Document") },
            });
            operation.insert("requestBody".to_owned(), json!({ "required": true, "content": content }));
        }
        if let Value::Object(methods) = paths.entry(route.path).or_insert_with(|| json!({})) {
            methods.insert(route.method.to_owned(), operation);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "coconnect local API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "For the national systems behind a gateway; on loopback, with the bearer token of keys/local-api.token.",
        },
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "schemas": schemas(),
        },
    })
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn problem() -> Value {
    json!({ "application/problem+json": { "schema": reference("Problem") } })
}

impl Gives {
    fn content(self) -> Value {
        let octets = json!({ "schema": { "type": "string", "format": "binary" } });
        let json = |schema: Value| json!({ "application/json": { "schema": schema } });
        let rows = |name: &str| {
            json(json!({
                "type": "object",
                "properties": {
                    "rows": { "type": "array", "items": reference(name) },
                    "next": { "type": ["string", "null"], "description": "`after` of the page that follows" },
                },
                "required": ["rows"],
            }))
        };
        let (mut content, part) = match self {
            Self::One(name) => (json(reference(name)), false),
            Self::Rows(name) => (rows(name), false),
            Self::OneOrOctets(name) => (json(reference(name)), true),
            Self::RowsOrOctets(name) => (rows(name), true),
        };
        if let (Value::Object(content), true) = (&mut content, part) {
            content.insert("application/xml".to_owned(), octets);
        }
        content
    }
}

/// What bodies and answers are: the views as they are written, and the JSON form of the contract.
fn schemas() -> Value {
    // JSON Schema 2020-12 is that of OpenAPI 3.1.
    let settings = schemars::generate::SchemaSettings::draft2020_12().with(|settings| {
        settings.contract = schemars::generate::Contract::Serialize;
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    generator.subschema_for::<CoView>();
    generator.subschema_for::<MessageView>();
    generator.subschema_for::<OutboxView>();
    generator.subschema_for::<AlertView>();
    generator.subschema_for::<Submitted>();
    generator.subschema_for::<ErrorView>();
    let mut all = generator.take_definitions(true);
    let text = json!({ "type": "string" });
    let maybe = json!({ "type": ["string", "null"] });
    let mut add = |name: &str, schema: Value| all.insert(name.to_owned(), schema);
    add(
        "Problem",
        json!({
            "type": "object",
            "description": "RFC 9457, with the errors of a document",
            "properties": {
                "type": text,
                "title": text,
                "status": { "type": "integer" },
                "detail": text,
                "errors": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "code": text, "wco_id": text, "path": text, "expected": text, "came": text, "value": maybe,
                            "line": { "type": "integer" }, "column": { "type": "integer" },
                        },
                        "required": ["code", "line", "column", "expected", "came"],
                    },
                },
            },
            "required": ["type", "title", "status", "detail"],
        }),
    );
    add("Description", json!({ "type": "object", "required": ["openapi", "paths"] }));
    add(
        "Health",
        json!({
            "type": "object",
            "properties": {
                "gateway": text, "environment": text, "version": text, "partners": { "type": "integer" },
                "journal_end": maybe, "unapplied": { "type": "integer" }, "free_bytes": { "type": ["integer", "null"] },
                "refusing": maybe,
            },
            "required": ["gateway", "environment", "version", "partners", "refusing"],
        }),
    );
    add(
        "MessageWithHistory",
        json!({
            "allOf": [reference("MessageView")],
            "properties": { "history": { "type": "array", "items": reference("MessageView") } },
            "required": ["history"],
        }),
    );
    add("Retried", json!({ "type": "object", "properties": { "retried": text }, "required": ["retried"] }));
    add(
        "RetriedAll",
        json!({
            "type": "object",
            "properties": { "retried": { "type": "array", "items": text } },
            "required": ["retried"],
        }),
    );
    add("Head", json!({ "type": "object", "description": "partner, number of leaves, root and when it was durable" }));
    add("Reload", json!({ "type": "object", "properties": { "reload": text }, "required": ["reload"] }));
    // The contract's own schema, its definitions beside the others.
    let mut contract = crate::contract::json::json_schema();
    moved(&mut contract);
    if let Some(definitions) = contract.get_mut("$defs").and_then(Value::as_object_mut) {
        all.extend(std::mem::take(definitions));
    }
    if let Some(map) = contract.as_object_mut() {
        ["$defs", "$schema", "$id"].iter().for_each(|name| drop(map.remove(*name)));
    }
    all.insert("Document".to_owned(), contract);
    Value::Object(all)
}

/// References to definitions of a schema become references to components.
fn moved(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                match (name.as_str(), &mut *value) {
                    ("$ref", Value::String(to)) => *to = to.replace("#/$defs/", "#/components/schemas/"),
                    _ => moved(value),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(moved),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The arms of the router as `get /v1/cos/{}`.
    fn routed() -> BTreeSet<String> {
        let text = include_str!("rest.rs");
        let arms = text.lines().filter_map(|line| line.trim().strip_prefix("(\""));
        arms.filter_map(|arm| {
            let (method, rest) = arm.split_once("\", [\"v1\"")?;
            let (segments, _) = rest.split_once("]) =>")?;
            let path: String = segments
                .split(',')
                .map(str::trim)
                .filter(|segment| !segment.is_empty())
                .map(|segment| match segment.strip_prefix('"') {
                    Some(literal) => format!("/{}", literal.trim_end_matches('"')),
                    None => "/{}".to_owned(),
                })
                .collect();
            Some(format!("{} /v1{path}", method.to_lowercase()))
        })
        .collect()
    }

    #[test]
    fn every_route_is_described_and_nothing_else() {
        let blank = |path: &str| {
            let blank = |segment: &str| if segment.starts_with('{') { "{}".to_owned() } else { segment.to_owned() };
            path.split('/').map(blank).collect::<Vec<_>>().join("/")
        };
        let described: BTreeSet<String> =
            ROUTES.iter().map(|route| format!("{} {}", route.method, blank(route.path))).collect();
        assert_eq!(described.len(), ROUTES.len(), "a route twice");
        assert_eq!(described, routed());
        let document = openapi();
        for route in ROUTES {
            let operation = &document["paths"][route.path][route.method];
            assert!(operation["responses"].as_object().is_some_and(|all| !all.is_empty()), "{}", route.path);
        }
    }
}
