//! `message explain ID`: what operations staff see of a refused message, beside a running gateway and without it.

use std::process::Command;

use coconnect::tools::lab::Draft;
use serde_json::Value;

use super::{World, document, text};

const SEND_CO: coconnect::contract::Operation = coconnect::contract::Operation::SendCo;

fn explain(arguments: &[&str]) -> (Option<i32>, String) {
    let program = env!("CARGO_BIN_EXE_coconnect");
    let output = Command::new(program).args(["message", "explain"]).args(arguments).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_message_is_explained_by_its_reference_id() {
    let mut world = World::new("p256");
    world.id.start().await.unwrap();
    let lab = world.lab("kr");
    let document = document(7, 2);
    let id = lab.fresh_id().unwrap();
    let message = lab.seal(&Draft::new(SEND_CO, &id, &document)).unwrap();
    let sound = String::from_utf8(message.octets.clone()).unwrap();
    // One part changed after signing: the fault tells the sender nothing more than that.
    let at = sound.find("<wsu:Expires").unwrap();
    let second = at + sound[at..].find("</wsu:Expires>").unwrap() - 2;
    let other = if &sound[second..=second] == "1" { "2" } else { "1" };
    let mut changed = sound.clone();
    changed.replace_range(second..=second, other);
    let refused = lab.send(SEND_CO, &message, changed.into_bytes()).await.unwrap();
    let row = world.rows("messages").await.into_iter().find(|row| row["status"] == "refused").unwrap();
    let reference = row["reference_id"].as_str().unwrap().to_owned();
    let told = format!("{refused:?}");
    assert!(!told.contains("Expires") && !told.contains("would"), "the sender hears nothing of it");

    let dir = text(&world.dir("id"));
    let check = |(code, said): (Option<i32>, String)| {
        assert_eq!(code, Some(1), "{said}");
        let value: Value = serde_json::from_str(&said).unwrap_or_else(|e| panic!("{e}: {said}"));
        assert_eq!(value["record"]["reference_id"], reference.as_str());
        assert_eq!(value["record"]["partner"], "KR");
        assert_eq!(value["stage"], "digests", "judged at the time of receipt");
        let signature = &value["signatures"][0];
        assert_eq!(signature["value"]["verdict"], "valid");
        let wrong: Vec<&Value> =
            signature["references"].as_array().unwrap().iter().filter(|one| one["verdict"] != "valid").collect();
        assert_eq!(wrong.len(), 1);
        assert!(wrong[0]["canonical"].as_str().unwrap().contains("Expires"));
        assert_eq!(wrong[0]["would_match"].as_array().map(Vec::len), Some(0), "the text was changed");
        assert_eq!(value["encrypted_keys"][0]["our_keys"][0]["outcome"], "opens");
    };
    check(explain(&[&reference, "--dir", &dir, "--json"]));
    let (code, said) = explain(&["R-00000000000000000000000000", "--dir", &dir]);
    assert_eq!(code, Some(1), "{said}");
    world.id.stop().await.unwrap();

    // Nothing serves: the store is opened.
    check(explain(&[&reference, "--dir", &dir, "--json"]));
    let folder = text(&world.dir("octets"));
    let (code, said) = explain(&[&reference, "--dir", &dir, "--out", &folder]);
    assert_eq!(code, Some(1));
    assert!(said.contains("the text itself was changed"), "{said}");
    assert!(std::fs::read(format!("{folder}/signature-1-signed-info.xml")).unwrap().starts_with(b"<ds:SignedInfo"));
    // A message that was accepted holds, and is said to.
}
