//! The contract as a partner's developer gets it: from a served address, in each version that is agreed, over TLS by curl; and
//! its schemas judged by libxml2.

use std::path::Path;
use std::process::Command;

use coconnect::contract::source::XSD;
use coconnect::contract::{Slot, Slots, encode, sample};

use super::{World, coconnect, text};
use crate::contract::oracle::{has_xmllint, xmllint};

const OURS: &str = "\n[wco]\naccept = [\"4.0.0\", \"4.2.0\"]\n\n[wco.namespaces.\"4.2.0\"]\nmd = \"urn:test:md:2\"\nlpco = \"urn:test:lpco:2\"\n";

/// Status and body of a GET with the client certificate of KR; none without curl.
fn get(world: &World, path: &str) -> Option<(String, String)> {
    let keys = world.dir("kr/keys");
    let file = |name: &str| text(&keys.join(name));
    let port = world.id.config.listener[0].address.port();
    let run = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "30", "--write-out", "\n%{http_code}"])
        .args(["--cacert", &file("ca.crt"), "--cert", &file("tls.crt"), "--key", &file("tls.key")])
        .arg(format!("https://localhost:{port}{path}"))
        .output()
        .ok()?;
    let out = String::from_utf8(run.stdout).unwrap();
    assert!(run.status.success(), "{path}: {}", String::from_utf8_lossy(&run.stderr));
    let (body, status) = out.rsplit_once('\n').unwrap();
    Some((status.to_owned(), body.to_owned()))
}

/// What `schemaLocation` names in a served document.
fn locations(text: &str) -> Vec<String> {
    let found = text.split("schemaLocation=\"").skip(1).filter_map(|rest| rest.split('"').next());
    found.map(|location| location.replace("&amp;", "&")).collect()
}

/// Puts what was served into a folder, its imports made those of files.
fn keep(folder: &Path, name: &str, text: &str, prefix: &str) {
    let prefix = format!("schemaLocation=\"{}", prefix.replace('&', "&amp;"));
    assert!(name == "datatype.xsd" || text.contains(&prefix), "{name}: {text}");
    std::fs::write(folder.join(name), text.replace(&prefix, "schemaLocation=\"")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_version_that_is_agreed_is_served_with_its_own_namespaces_and_schemas() {
    let mut world = World::new("p256");
    let partner = world.dir("id/partners/KR.toml");
    let agreed = std::fs::read_to_string(&partner).unwrap() + OURS;
    std::fs::write(&partner, agreed).unwrap();
    world.id.start().await.unwrap();
    let base = format!("https://localhost:{}", world.id.config.listener[0].address.port());

    let Some((status, newest)) = get(&world, "/send-co?wsdl") else {
        println!("SKIPPED: no curl on this machine");
        assert!(std::env::var("COCONNECT_NO_SKIP").as_deref() != Ok("1"), "curl is missing");
        return;
    };
    assert_eq!(status, "200");
    assert!(newest.contains(Slot::Lpco.default_uri()) && !newest.contains("urn:test:"), "{newest}");
    assert_eq!(get(&world, "/coconnect.wsdl?wco=4.0.0").unwrap().0, "200");

    let (status, second) = get(&world, "/coconnect.wsdl?wco=4.2.0").unwrap();
    assert_eq!(status, "200");
    assert!(second.contains("urn:test:lpco:2") && !second.contains(Slot::Lpco.default_uri()), "{second}");
    let prefix = format!("{base}/coconnect.wsdl?wco=4.2.0&xsd=");
    assert_eq!(locations(&second), [format!("{prefix}service.xsd")]);

    // Every schema that is imported is served, names this version alone, and takes its documents, not those of the other.
    let folder = tempfile::tempdir().unwrap();
    for (name, _) in XSD {
        let (status, schema) = get(&world, &format!("/coconnect.wsdl?wco=4.2.0&xsd={name}")).unwrap();
        assert_eq!(status, "200", "{name}");
        assert!(locations(&schema).iter().all(|location| location.starts_with(&prefix)), "{name}");
        assert!(!schema.contains(&format!("\"{}\"", Slot::Md.default_uri())), "{name}");
        keep(folder.path(), name, &schema, &prefix);
    }
    let written = |name: &str, slots: &Slots| {
        let mut octets = Vec::new();
        encode(&sample::co(3, 2), slots, &mut octets);
        let path = folder.path().join(name);
        std::fs::write(&path, octets).unwrap();
        path
    };
    let slots = Slots::default().with(Slot::Md, "urn:test:md:2").with(Slot::Lpco, "urn:test:lpco:2");
    let files = [written("second.xml", &slots), written("newest.xml", &Slots::default())];
    if has_xmllint() {
        let verdicts = xmllint(&folder.path().join("service.xsd"), &files).expect("the schemas compile");
        assert_eq!(files.each_ref().map(|file| verdicts[file]), [true, false]);
    }

    // What is not there is said with what is.
    let (status, why) = get(&world, "/coconnect.wsdl?wco=9.9.9").unwrap();
    assert_eq!((status.as_str(), why.contains("expected one of 4.0.0, 4.2.0")), ("404", true), "{why}");
    let (status, why) = get(&world, "/coconnect.wsdl?xsd=other.xsd").unwrap();
    assert_eq!((status.as_str(), why.contains("lpco.xsd")), ("404", true), "{why}");
    world.id.stop().await.unwrap();

    // The same from the command line, for the files that are handed over.
    let out = text(&folder.path().join("annex"));
    let dir = text(&world.dir("id"));
    let common = ["contract", "wsdl", "--endpoint", base.as_str(), "--dir", &dir, "--partner", "KR"];
    let call = |more: &[&str]| -> Vec<String> { common.iter().chain(more).map(|word| (*word).to_owned()).collect() };
    let run = |more: &[&str]| coconnect(&call(more).iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(run(&["--wco", "4.2.0"]), second);
    assert_eq!(run(&[]), get_offline(&base));
    run(&["--wco", "4.2.0", "--out", &out]);
    if has_xmllint() {
        let verdicts = xmllint(&Path::new(&out).join("service.xsd"), &files).expect("the schemas compile");
        assert_eq!(files.each_ref().map(|file| verdicts[file]), [true, false]);
    }
    let unknown = Command::new(env!("CARGO_BIN_EXE_coconnect")).args(call(&["--wco", "9.9.9"])).output().unwrap();
    let told = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(!unknown.status.success() && told.contains("4.0.0, 4.2.0"), "{told}");
}

/// The newest version, as the command writes it without a partner.
fn get_offline(base: &str) -> String {
    coconnect(&["contract", "wsdl", "--endpoint", base])
}
