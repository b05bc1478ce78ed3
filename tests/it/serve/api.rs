//! The local API of two gateways that serve: every answer is what its OpenAPI description says, judged by another validator; and
//! documents in the JSON form of the contract are taken as those in XML are.

use std::time::{Duration, Instant};

use coconnect::contract::{json as form, sample};
use coconnect::tools::demo::Gateway;
use serde_json::{Value, json};

use super::World;

/// Judges answers by the description that the gateway itself serves.
struct Described(Value);

impl Described {
    /// What is wrong with the answer to `method` on the route `path`; empty when it is as described.
    fn wrong(&self, method: &str, path: &str, status: u16, answer: &Value) -> Vec<String> {
        let response = &self.0["paths"][path][method]["responses"][status.to_string()];
        let content = &response["content"];
        let media = if status < 400 { "application/json" } else { "application/problem+json" };
        let Some(schema) = content.get(media).map(|media| media["schema"].clone()) else {
            return vec![format!("{method} {path}: {status} is not described")];
        };
        let whole = json!({ "components": self.0["components"], "allOf": [schema] });
        let validator = jsonschema::draft202012::new(&whole).unwrap();
        validator.iter_errors(answer).map(|error| format!("{path}: {error} at {}", error.instance_path)).collect()
    }
}

async fn settled(gateway: &Gateway) {
    let begun = Instant::now();
    while !gateway.look("/v1/outbox").await.unwrap()["rows"].as_array().unwrap().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(60), "nothing is delivered");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_what_the_description_says_and_json_is_taken_as_xml_is() {
    let mut world = World::new("p256");
    let mut kr = world.both().await;
    let admin = kr.admin();
    let described = Described(kr.look("/v1/openapi.json").await.unwrap());

    let co = form::encode(&sample::co(7, 3)).to_pretty_text();
    let taken = admin.post("/v1/cos?partner=ID", "application/json; charset=utf-8", co.clone().into()).await.unwrap();
    let answer: Value = serde_json::from_slice(&taken.body).unwrap();
    assert_eq!(taken.status, 201, "{answer}");
    assert_eq!(described.wrong("post", "/v1/cos", 201, &answer), Vec::<String>::new());
    // The twin in XML is the same document.
    let twin = admin.post("/v1/cos?partner=ID", "application/xml", super::document(7, 3).into()).await.unwrap();
    let twin_answer: Value = serde_json::from_slice(&twin.body).unwrap();
    assert_eq!(twin_answer["document_digest"], answer["document_digest"], "{twin_answer}");
    settled(&kr).await;

    // What is wrong is told with its place in the JSON.
    let second = form::encode(&sample::co(8, 1)).to_pretty_text();
    let bad = second.replacen("\"KR\"", "\"korea\"", 1);
    let line = bad.lines().position(|line| line.contains("\"korea\"")).unwrap() + 1;
    for (body, status, code, expected_line) in
        [(bad.as_str(), 422, "pattern", line), ("{\"metaData\": ", 400, "json", 1), ("[]", 422, "unexpected-root", 1)]
    {
        let refused = admin.post("/v1/cos", "application/json", body.into()).await.unwrap();
        let answer: Value = serde_json::from_slice(&refused.body).unwrap();
        assert_eq!(
            (refused.status, answer["errors"][0]["line"].as_u64()),
            (status, Some(expected_line as u64)),
            "{answer}"
        );
        assert_eq!(answer["errors"][0]["code"], code, "{answer}");
        if described.0["paths"]["/v1/cos"]["post"]["responses"].get(status.to_string()).is_some() {
            assert_eq!(described.wrong("post", "/v1/cos", status, &answer), Vec::<String>::new());
        } else {
            panic!("{status} is not described");
        }
    }

    let number = sample::co(7, 3).facts().number;
    let id = answer["message_id"].as_str().unwrap();
    for (route, path) in [
        ("/v1/health", "/v1/health".to_owned()),
        ("/v1/openapi.json", "/v1/openapi.json".to_owned()),
        ("/v1/cos", "/v1/cos?limit=1".to_owned()),
        ("/v1/cos/{number}", format!("/v1/cos/{}", coconnect::web::escape(&number))),
        ("/v1/messages", "/v1/messages".to_owned()),
        ("/v1/messages/{id}", format!("/v1/messages/{id}")),
        ("/v1/outbox", "/v1/outbox".to_owned()),
        ("/v1/alerts", "/v1/alerts".to_owned()),
        ("/v1/journal/heads", "/v1/journal/heads".to_owned()),
        ("/v1/cos/{number}", "/v1/cos/none".to_owned()),
        ("/v1/messages/{id}", "/v1/messages/none".to_owned()),
    ] {
        for gateway in [&kr, &world.id] {
            let raw = gateway.admin().get(&path).await.unwrap();
            let answer: Value = serde_json::from_slice(&raw.body).unwrap();
            assert_eq!(described.wrong("get", route, raw.status, &answer), Vec::<String>::new(), "{answer}");
        }
    }

    // The check itself can fail: a row without its status, a number for a text, a list for an object.
    let message = kr.look(&format!("/v1/messages/{id}")).await.unwrap();
    let edits: [fn(&mut Value); 3] = [
        |value| drop(value.as_object_mut().unwrap().remove("status")),
        |value| value["partner"] = json!(7),
        |value| *value = json!([]),
    ];
    for edit in edits {
        let mut wrong = message.clone();
        edit(&mut wrong);
        assert!(!described.wrong("get", "/v1/messages/{id}", 200, &wrong).is_empty(), "{wrong}");
    }
    kr.stop().await.unwrap();
    world.id.stop().await.unwrap();
}
