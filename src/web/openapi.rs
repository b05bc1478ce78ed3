//! The OpenAPI 3.1 description of the local API (design 2.7), served at `/v1/openapi.json`.

use serde_json::{Map, Value, json};

/// A route: method, path, what it does, query parameters with what they mean, media type of the body that it takes,
/// statuses with what they say.
struct Route {
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    query: &'static [(&'static str, &'static str)],
    takes: Option<&'static str>,
    answers: &'static [(u16, &'static str)],
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
        takes: None,
        answers: &[(200, "messages are taken"), (503, "the store refuses; `refusing` says why")],
    },
    Route {
        method: "get",
        path: "/v1/openapi.json",
        summary: "This description",
        query: &[],
        takes: None,
        answers: &[(200, "OpenAPI 3.1")],
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
        takes: Some("application/xml"),
        answers: &[
            (200, "it was taken before"),
            (201, "taken: its MessageID, digest and what is withheld"),
            (409, "the state of the CO, or the MessageID, forbids it"),
            (503, "the store refuses: try again later"),
            (422, "it breaks the schema, a code list or the agreement profile: every error with path, line and column"),
        ],
    },
    Route {
        method: "get",
        path: "/v1/cos",
        summary: "COs, in and out, the newest first",
        query: PAGE,
        takes: None,
        answers: &[(200, "`rows`, and `next` where more follow")],
    },
    Route {
        method: "get",
        path: "/v1/cos/{number}",
        summary: "COs of this number, with what was said of them; or the XML of the only one",
        query: &[PARTNER, ("part", "`document`: the XML")],
        takes: None,
        answers: &[
            (200, "`rows`, or the XML"),
            (404, "none is held"),
            (409, "several have the number: name the partner"),
        ],
    },
    Route {
        method: "get",
        path: "/v1/messages",
        summary: "Messages, in and out, refused ones too, the newest first",
        query: PAGE,
        takes: None,
        answers: &[(200, "`rows`, and `next` where more follow")],
    },
    Route {
        method: "get",
        path: "/v1/messages/{id}",
        summary: "A message by its MessageID or by the reference id of a fault; or some of its octets",
        query: &[(
            "part",
            "`document`, `acknowledgement`, `request`, `clear`, `reply`, `sent` or `answer`: those octets",
        )],
        takes: None,
        answers: &[(200, "what became of it, or the octets"), (404, "nobody has it")],
    },
    Route {
        method: "get",
        path: "/v1/outbox",
        summary: "What waits for delivery",
        query: &[],
        takes: None,
        answers: &[(200, "`rows`")],
    },
    Route {
        method: "post",
        path: "/v1/outbox/{id}/retry",
        summary: "Try a waiting or held message at once; its hour begins anew",
        query: &[],
        takes: None,
        answers: &[(200, "`retried`: its MessageID"), (404, "it does not wait")],
    },
    Route {
        method: "post",
        path: "/v1/partners/{id}/retry",
        summary: "Release a partner's held queue, and try all that waits for it at once",
        query: &[],
        takes: None,
        answers: &[(200, "`retried`: the MessageIDs"), (404, "no such partner")],
    },
    Route {
        method: "get",
        path: "/v1/alerts",
        summary: "What somebody must look at, the newest first",
        query: PAGE,
        takes: None,
        answers: &[(200, "`rows`, and `next` where more follow")],
    },
    Route {
        method: "get",
        path: "/v1/journal/heads",
        summary: "The last durable head of each partner's tree",
        query: &[],
        takes: None,
        answers: &[(200, "`rows`")],
    },
    Route {
        method: "post",
        path: "/v1/reload",
        summary: "Read certificates, keys and partners again",
        query: &[],
        takes: None,
        answers: &[(202, "asked for; the log says what came of it")],
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
            let media = if *status < 400 { "application/json" } else { "application/problem+json" };
            let schema = if *status < 400 {
                json!({ "type": "object" })
            } else {
                json!({ "$ref": "#/components/schemas/Problem" })
            };
            responses.insert(
                status.to_string(),
                json!({ "description": means, "content": { media: { "schema": schema } } }),
            );
        }
        let mut operation = json!({ "summary": route.summary, "parameters": parameters, "responses": responses });
        if let (Value::Object(operation), Some(media)) = (&mut operation, route.takes) {
            let body = json!({ "required": true, "content": { media: { "schema": { "type": "string" } } } });
            operation.insert("requestBody".to_owned(), body);
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
            "schemas": {
                "Problem": {
                    "type": "object",
                    "description": "RFC 9457, with the errors of a document",
                    "properties": {
                        "type": { "type": "string" },
                        "title": { "type": "string" },
                        "status": { "type": "integer" },
                        "detail": { "type": "string" },
                        "errors": { "type": "array", "items": { "type": "object" } },
                    },
                },
            },
        },
    })
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
