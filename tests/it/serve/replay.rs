//! The conformance kit against a real `serve` over TLS: our gateway passes all of it, and the runner is not fooled.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use super::{World, text};

/// More than a whole run needs on a slow machine; a run that hangs ends.
const LIMIT: &str = "600";

fn replay(arguments: &[&str]) -> Output {
    Command::new("timeout")
        .arg(LIMIT)
        .arg(env!("CARGO_BIN_EXE_coconnect"))
        .arg("replay")
        .args(arguments)
        .output()
        .unwrap()
}

fn report(output: &Output) -> Value {
    let shown = String::from_utf8_lossy(&output.stderr).into_owned();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {shown}"))
}

fn count(report: &Value, what: &str) -> u64 {
    report["counts"][what].as_u64().unwrap()
}

/// The cases of a report that ended so, with what differed.
fn with_verdict(report: &Value, verdict: &str) -> Vec<String> {
    let cases = report["cases"].as_array().unwrap().iter().filter(|case| case["verdict"] == verdict);
    cases.map(|case| format!("{}: {} {}", case["name"], case["reason"], case["steps"])).collect()
}

/// A CO of `from` for `to`.
fn document_of(from: &str, to: &str) -> String {
    let place = |text: String, country: &str, mark: &str| text.replace(&format!(">{country}<"), &format!(">{mark}<"));
    let text = place(place(super::document(77, 2), "KR", "from"), "ID", "to");
    text.replace(">from<", &format!(">{from}<")).replace(">to<", &format!(">{to}<"))
}

/// Operation by outcome of the last step: what the kit shows.
fn tell_operations(report: &Value) {
    let mut counts = std::collections::BTreeMap::<(String, String), usize>::new();
    for case in report["cases"].as_array().unwrap().iter().filter(|case| case["verdict"] == "passed") {
        let step = case["steps"].as_array().unwrap().last().unwrap();
        let expected = step["expected"].as_str().unwrap().split([' ', ',']).next().unwrap().to_owned();
        *counts.entry((case["name"].as_str().unwrap().split('/').next().unwrap().to_owned(), expected)).or_default() +=
            1;
    }
    for ((operation, outcome), count) in &counts {
        println!("{operation:28} {outcome:20} {count}");
    }
    for operation in ["send-co", "send-do", "send-amendment-notification", "send-cancellation-status", "send-feedback"]
    {
        for outcome in ["accepted", "already-received", "same-acknowledgement", "fault", "denied"] {
            assert!(
                counts.contains_key(&(operation.to_owned(), outcome.to_owned())),
                "{operation}: no {outcome} shown"
            );
        }
    }
}

async fn run_kit(suite: &str, passed_at_least: u64) {
    let mut world = World::new(suite);
    world.id.start().await.unwrap();
    let folder = world.dir("report");
    std::fs::create_dir_all(&folder).unwrap();
    let (kr, junit, html) = (text(&world.dir("kr")), text(&folder.join("junit.xml")), text(&folder.join("page.html")));
    // A CO of ID that KR received: what the answers and the feedback of the kit are about.
    let theirs = text(&world.dir("theirs.xml"));
    let document = document_of("ID", "KR");
    std::fs::write(&theirs, &document).unwrap();
    super::coconnect(&["co", "submit", &theirs, "--to", "KR", "--dir", &text(&world.dir("id"))]);
    let mut arguments =
        vec!["--builtin", "--dir", &kr, "--partner", "ID", "--json", "--junit", &junit, "--html", &html];
    arguments.extend(["--their-co", &theirs]);
    let output = replay(&arguments);
    let report = report(&output);
    for verdict in ["failed", "broken", "unreachable"] {
        let found = with_verdict(&report, verdict);
        assert!(found.is_empty(), "{suite}, {verdict}:\n{}", found.join("\n"));
    }
    println!(
        "{suite}: {} passed, {} skipped in {} ms",
        count(&report, "passed"),
        count(&report, "skipped"),
        report["took_ms"]
    );
    assert!(count(&report, "passed") >= passed_at_least, "{}", report["counts"]);
    assert_eq!(output.status.code(), Some(0));
    // A skip is the other kind of key, or an operation that was not agreed, and nothing else.
    for case in with_verdict(&report, "skipped") {
        assert!(case.contains("the one given is"), "{case}");
    }
    tell_operations(&report);
    let junit = std::fs::read_to_string(junit).unwrap();
    assert_eq!(junit.matches("<testcase ").count(), report["cases"].as_array().unwrap().len());
    assert!(!junit.contains("<failure") && std::fs::read_to_string(html).unwrap().contains("Conformance report"));
    // What was refused changed nothing: the receiver holds the COs that were accepted, each once.
    let accepted = report["cases"].as_array().unwrap().iter().filter(|case| case["verdict"] == "passed");
    let steps = accepted.flat_map(|case| case["steps"].as_array().unwrap().clone());
    let brings_co = |step: &Value| ["send-co", "send-do"].contains(&step["operation"].as_str().unwrap());
    let accepted = steps.filter(|step| step["expected"] == "accepted" && brings_co(step)).count();
    // Three cases put one document in the place of another; one CO is that of ID.
    assert_eq!(world.rows("cos").await.len() + 3, accepted + 1);
    world.id.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn our_gateway_passes_the_whole_kit_with_keys_on_p256() {
    run_kit("p256", 900).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_gateway_passes_the_whole_kit_with_rsa_keys() {
    run_kit("rsa2048", 900).await;
}

/// Writes a case that is only its `case.toml` over the usual CO.
fn case(folder: &Path, name: &str, rest: &str) {
    let home = folder.join(name);
    std::fs::create_dir_all(&home).unwrap();
    let co = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/kit/send-co/co.xml");
    std::fs::copy(co, home.join("request.xml")).unwrap();
    std::fs::write(home.join("case.toml"), format!("title = \"control\"\n{rest}")).unwrap();
}

/// A runner that always says yes would pass every kit.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_expectation_of_each_kind_is_reported_with_expected_came_place_and_what_to_do() {
    let mut world = World::new("p256");
    world.id.start().await.unwrap();
    let cases = world.dir("cases");
    let long = "[[edit]]\nat = \"/MetaData/LPCO/ID\"\nfill = 71\n[expect]\noutcome = \"fault\"\n";
    let controls = [
        ("accepted-instead-of-fault", "[expect]\noutcome = \"fault\"\ncode = \"not-encrypted\"\n".to_owned(), "outcome"),
        ("fault-instead-of-accepted", "[encrypt]\nwhat = \"none\"\n".to_owned(), "outcome"),
        ("another-code", format!("{long}code = \"country-mismatch\"\n"), "code"),
        ("another-verdict", format!("{long}code = \"invalid-document\"\nverdict = \"retry\"\n"), "verdict"),
        ("another-status", format!("{long}code = \"invalid-document\"\nstatus = 500\n"), "HTTP status"),
        ("another-id", format!("{long}code = \"invalid-document\"\nerror = [{{ wco_id = \"D013\" }}]\n"), "error"),
        ("another-path", format!("{long}code = \"invalid-document\"\nerror = [{{ path = \"/MetaData/LPCO\" }}]\n"), "error"),
        ("another-number", format!("{long}code = \"invalid-document\"\nerrors_total = 2\n"), "number of errors"),
        ("not-denied", "[expect]\noutcome = \"denied\"\n".to_owned(), "outcome"),
        ("denied", "[http]\nbasic = \"wrong-password\"\n".to_owned(), "outcome"),
        (
            "not-received-before",
            "[[step]]\n[[step]]\nedit = [{ at = \"/MetaData/LPCO/ID\", set = \"${co}-B\" }]\nexpect = { outcome = \"already-received\" }\n".to_owned(),
            "status",
        ),
        (
            "another-acknowledgement",
            "[[step]]\n[[step]]\nexpect = { outcome = \"same-acknowledgement\", first = 1 }\n".to_owned(),
            "Acknowledgement",
        ),
        (
            "http-faults-are-not-signed",
            "[http]\nmethod = \"PUT\"\n[expect]\noutcome = \"fault\"\ncode = \"method-refused\"\nsigned = true\n".to_owned(),
            "signature of the answer",
        ),
    ];
    for (name, rest, _) in &controls {
        case(&cases, name, rest);
    }
    let (kr, cases) = (text(&world.dir("kr")), text(&cases));
    let kept = text(&world.dir("kept"));
    let output = replay(&[&cases, "--dir", &kr, "--partner", "ID", "--json", "--keep", &kept]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let report = report(&output);
    assert_eq!(
        (count(&report, "failed"), count(&report, "passed")),
        (controls.len() as u64, 0),
        "{}",
        report["counts"]
    );
    for (name, _, what) in &controls {
        let found = report["cases"].as_array().unwrap().iter().find(|case| case["name"] == *name).unwrap();
        let step = found["steps"].as_array().unwrap().last().unwrap();
        let difference = &step["differences"][0];
        assert_eq!(difference["what"], *what, "{name}: {step}");
        for key in ["expected", "came", "place", "todo"] {
            assert!(!difference[key].as_str().unwrap().is_empty(), "{name}: {key} of {difference}");
        }
        let folder = Path::new(step["kept"].as_str().unwrap());
        assert!(folder.join("request.xml").is_file() && folder.join("request.head").is_file(), "{name}");
        let head = std::fs::read_to_string(folder.join("request.head")).unwrap();
        assert!(!head.contains("Basic "), "credentials are not kept");
    }
    // The canonical octets behind both signatures are there.
    let folder = Path::new(&kept).join("accepted-instead-of-fault/step-1");
    for name in
        ["request.signature-1.SignedInfo.c14n", "answer.signature-1.SignedInfo.c14n", "answer.xml", "request.clear.xml"]
    {
        assert!(folder.join(name).is_file(), "{name}");
    }
    world.id.stop().await.unwrap();
}

/// Answers are believed only from the receiver's own certificate.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_signed_by_somebody_else_is_no_answer() {
    let mut world = World::new("p256");
    world.id.start().await.unwrap();
    let (kr, other) = (text(&world.dir("kr")), text(&world.dir("xx/keys/sign.crt")));
    let only = "send-co/accepted/usual";
    let usual = ["--builtin", "--only", only, "--dir", &kr, "--partner", "ID", "--json"];
    assert_eq!(replay(&usual).status.code(), Some(0));
    let mut arguments = usual.to_vec();
    arguments.extend(["--receiver-sign", &other]);
    let output = replay(&arguments);
    assert_eq!(output.status.code(), Some(1));
    let difference = &report(&output)["cases"][0]["steps"][0]["differences"][0];
    assert_eq!(difference["what"], "signature of the answer", "{difference}");
    world.id.stop().await.unwrap();
}

/// The kit written out, run with the keys given one by one and the receiver's offer alone, as a partner would.
#[tokio::test(flavor = "multi_thread")]
async fn a_partner_runs_the_kit_that_was_written_out_with_its_own_files() {
    let mut world = World::new("p256");
    let (kit, keys) = (text(&world.dir("kit")), world.dir("kr/keys"));
    let output = replay(&["--write-kit", &kit]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(world.dir("kit/send-co/schema/id-too-long/case.toml").is_file());
    let key = |name: &str| text(&keys.join(name));
    let (offer, basic) = (text(&world.dir("id/partner.toml")), key("basic.password"));
    let (tls, tls_key, sign, sign_key) = (key("tls.crt"), key("tls.key"), key("sign.crt"), key("sign.key"));
    let arguments = [
        &kit,
        "--partner-file",
        &offer,
        "--tls-cert",
        &tls,
        "--tls-key",
        &tls_key,
        "--sign-cert",
        &sign,
        "--sign-key",
        &sign_key,
        "--basic-user",
        "KR",
        "--basic-password-file",
        &basic,
        "--only",
        "send-co/once/*",
        "--only",
        "send-co/http/*",
        "--json",
    ];
    // Nobody serves yet.
    let output = replay(&arguments);
    assert_eq!(output.status.code(), Some(75), "{}", String::from_utf8_lossy(&output.stdout));
    world.id.start().await.unwrap();
    let output = replay(&arguments);
    let report = report(&output);
    assert_eq!(output.status.code(), Some(0), "{}", with_verdict(&report, "failed").join("\n"));
    assert_eq!((count(&report, "passed"), count(&report, "skipped")), (34, 0));
    world.id.stop().await.unwrap();
}
