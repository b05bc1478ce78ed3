//! `co cancel`, `co decide` and `co claim` on two gateways that serve: acknowledged, and in the history of both sides.

use std::process::Command;
use std::time::{Duration, Instant};

use coconnect::tools::demo::Gateway;
use serde_json::Value;

use super::{World, coconnect, document, text};

/// More than a delivery needs on a slow machine.
const LIMIT: Duration = Duration::from_secs(60);

async fn acknowledged(gateway: &Gateway, message_id: &str) {
    let begun = Instant::now();
    loop {
        let message = gateway.look(&format!("/v1/messages/{message_id}")).await.unwrap();
        if message["status"] == "acknowledged" {
            return;
        }
        assert_eq!(message["status"], "queued", "{message}");
        assert!(begun.elapsed() < LIMIT, "{message}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn taken(arguments: &[&str]) -> String {
    let answer: Value = serde_json::from_str(&coconnect(arguments)).unwrap();
    let answer = if answer.is_array() { answer[0].clone() } else { answer };
    answer["message_id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// Exit code and what stderr says.
fn refused(arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_coconnect")).args(arguments).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_co_is_claimed_cancelled_and_decided_from_the_command_line_of_both_sides() {
    let mut world = World::new("p256");
    let mut kr = world.both().await;
    let (at_kr, at_id, file) = (text(&world.dir("kr")), text(&world.dir("id")), text(&world.dir("co.xml")));
    std::fs::write(&file, document(5, 2)).unwrap();
    let number = coconnect::contract::sample::co(5, 2).facts().number;
    let number = number.as_str();
    acknowledged(&kr, &taken(&["co", "submit", &file, "--dir", &at_kr, "--json"])).await;

    // Before anything happened: the wrong side, an unknown number, no notice, no such item.
    let withdrawal = ["--kind", "withdrawal", "--reason", "The shipment was called off", "--json"];
    let about = |verb: &'static str, number: &'static str, dir: &str| -> Vec<String> {
        ["co", verb, number, "--dir", dir].iter().map(|word| (*word).to_owned()).collect()
    };
    let number: &'static str = Box::leak(number.to_owned().into_boxed_str());
    let call = |verb, number, dir: &str, rest: &[&str]| {
        let mut words = about(verb, number, dir);
        words.extend(rest.iter().map(|word| (*word).to_owned()));
        words
    };
    let claim = ["--declaration", "PIB-1", "--unit", "C62", "--quantity", "10"];
    let with = |more: &[&'static str]| claim.iter().copied().chain(more.iter().copied()).collect::<Vec<_>>();
    for (words, code, expected) in [
        (call("cancel", number, &at_id, &withdrawal), 1, "expected one of which we are exporting"),
        (call("cancel", "NONE", &at_kr, &withdrawal), 1, "no CO \"NONE\" is held here"),
        (call("decide", number, &at_id, &["--accept"]), 1, "expected a notice of its exporter, none came"),
        (call("claim", number, &at_id, &with(&["--item", "3", "--decision", "granted"])), 1, "which has 2"),
        (call("claim", number, &at_id, &with(&["--item", "1", "--decision", "denied"])), 1, "not taken"),
        (call("claim", number, &at_kr, &with(&["--item", "1", "--decision", "granted"])), 1, "we are importing"),
    ] {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (came, said) = refused(&words);
        assert!(came == code && said.contains(expected) && said.contains("hint: "), "{words:?}: {came} {said}");
    }

    let sent = |words: Vec<String>| taken(&words.iter().map(String::as_str).collect::<Vec<_>>());
    let partly =
        with(&["--item", "1", "--decision", "partly-granted", "--granted", "4", "--reason", "Marks", "--json"]);
    acknowledged(&world.id, &sent(call("claim", number, &at_id, &partly))).await;
    let notice = sent(call("cancel", number, &at_kr, &withdrawal));
    acknowledged(&kr, &notice).await;
    // A second notice while the first stands open is refused here already.
    let again = call("cancel", number, &at_kr, &["--kind", "revocation", "--reason", "x"]);
    assert_eq!(refused(&again.iter().map(String::as_str).collect::<Vec<_>>()).0, 1);
    acknowledged(&world.id, &sent(call("decide", number, &at_id, &["--accept", "--json"]))).await;

    for gateway in [&kr, &world.id] {
        let row = gateway.look(&format!("/v1/cos/{number}")).await.unwrap()["rows"][0].clone();
        assert_eq!(row["state"], "cancelled", "{row}");
        let history: Vec<&str> =
            row["history"].as_array().unwrap().iter().map(|m| m["operation"].as_str().unwrap()).collect();
        assert_eq!(history, ["send-feedback", "send-amendment-notification", "send-cancellation-status"]);
        assert_eq!(row["history"][1]["message_id"], notice.as_str());
    }
    kr.stop().await.unwrap();
    world.id.stop().await.unwrap();
}

const SECOND: &str = "\n[wco]\nsend = \"4.2.0\"\naccept = [\"4.0.0\", \"4.2.0\"]\n\n[wco.namespaces.\"4.2.0\"]\nmd = \"urn:test:md:2\"\nlpco = \"urn:test:lpco:2\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn the_amended_co_and_the_co_that_is_held_are_read_in_the_version_that_they_follow() {
    let mut world = World::new("p256");
    for file in ["kr/partners/ID.toml", "id/partners/KR.toml"] {
        let path = world.dir(file);
        let agreed = std::fs::read_to_string(&path).unwrap() + SECOND;
        std::fs::write(&path, agreed).unwrap();
    }
    let mut kr = world.both().await;
    let (at_kr, file, second) = (text(&world.dir("kr")), text(&world.dir("co.xml")), text(&world.dir("second.xml")));
    let newest = document(5, 2);
    std::fs::write(&file, &newest).unwrap();
    let other = newest
        .replace("urn:wco:datamodel:WCO:DocumentMetaData:1", "urn:test:md:2")
        .replace("urn:wco:datamodel:WCO:LPCO:1", "urn:test:lpco:2")
        .replace("4.0.0", "4.2.0");
    std::fs::write(&second, &other).unwrap();
    acknowledged(&kr, &taken(&["co", "submit", &file, "--dir", &at_kr, "--json"])).await;
    let number = coconnect::contract::sample::co(5, 2).facts().number;

    let cancel = |amended: &str| -> Vec<String> {
        let words = ["co", "cancel", &number, "--dir", &at_kr, "--kind", "amendment", "--reason", "Weights"];
        words.iter().chain(&["--json", "--amended", amended]).map(|word| (*word).to_owned()).collect()
    };
    let unknown = text(&world.dir("unknown.xml"));
    std::fs::write(&unknown, other.replace("4.2.0", "4.7.0")).unwrap();
    let signed = text(&world.dir("signed.xml"));
    let mut message = coconnect::contract::sample::co(5, 2);
    let binary_object = "c2lnbmVk".into();
    message.lpco.as_deref_mut().unwrap().document_signature = vec![coconnect::contract::ext::DocumentSignature {
        binary_object: coconnect::contract::data::BinaryObject { value: binary_object, ..Default::default() },
        ..Default::default()
    }];
    let mut octets = Vec::new();
    coconnect::contract::encode(&message, &coconnect::contract::Slots::default(), &mut octets);
    std::fs::write(&signed, octets).unwrap();
    for (amended, expected) in [(&unknown, "agreed: 4.2.0, 4.0.0"), (&signed, "a document signature inside covers it")]
    {
        let words = cancel(amended);
        let (code, told) = refused(&words.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(code == 1 && told.contains(expected), "{code} {told}");
    }
    let words = cancel(&second);
    acknowledged(&kr, &taken(&words.iter().map(String::as_str).collect::<Vec<_>>())).await;

    // To a foreign form, with the versions of the gateway that is named.
    let map = ["contract", "map", "--mapping", "national-json", "--reverse", &second];
    assert!(coconnect(&[&map[..], &["--dir", &at_kr]].concat()).contains(&number));
    let (code, told) = refused(&map);
    assert!(code == 1 && told.contains("wco-version") && told.contains("--dir DIR"), "{code} {told}");
    kr.stop().await.unwrap();
    world.id.stop().await.unwrap();
}
