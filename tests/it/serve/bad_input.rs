//! Bad input over real TLS: each gets the answer of the design, changes nothing, and is found in the journal under the
//! reference id that was returned.

use std::sync::Arc;
use std::time::Duration;

use coconnect::base::{Clock, MockClock, RealClock};
use coconnect::contract::Operation;
use coconnect::soap::Version;
use coconnect::soap::wss::{Identity, SignedParts};
use coconnect::tools::lab::{DocumentGoes, Draft, Lab, Message, Reply};

use super::{World, coconnect, document, text};

const SEND_CO: Operation = Operation::SendCo;

/// What a refusal over HTTP tells: status, code and reference id, "" where there is none.
#[derive(Debug)]
struct Told {
    status: u16,
    code: String,
    reference: String,
    signed: bool,
    body: String,
}

fn value(body: &str, name: &str) -> String {
    let element = coconnect::tools::lab::element(body, name).unwrap_or_default();
    element.split_once('>').map(|(_, rest)| rest.split('<').next().unwrap_or_default().to_owned()).unwrap_or_default()
}

impl Told {
    fn of(reply: &Reply) -> Self {
        let body = String::from_utf8_lossy(&reply.octets).into_owned();
        Self::new(reply.status, body, reply.signed.is_ok())
    }

    fn new(status: u16, body: String, signed: bool) -> Self {
        let detail = coconnect::tools::lab::element(&body, "FaultDetail").unwrap_or_default().to_owned();
        Self { status, code: value(&detail, "code"), reference: value(&detail, "referenceId"), signed, body }
    }
}

struct Case {
    lab: Lab,
    document: String,
}

impl Case {
    fn new(lab: Lab, seed: u64) -> Self {
        Self { lab, document: document(seed, 2) }
    }

    /// Seals with `edit`, changes the octets with `change`, sends.
    async fn send(&self, edit: impl Fn(&mut Draft<'_>), change: impl Fn(String) -> String) -> Told {
        let message = self.seal(edit);
        let octets = change(String::from_utf8(message.octets.clone()).unwrap());
        Told::of(&self.lab.send(SEND_CO, &message, octets.into_bytes()).await.unwrap())
    }

    fn seal(&self, edit: impl Fn(&mut Draft<'_>)) -> Message {
        let id = self.lab.fresh_id().unwrap();
        let mut draft = Draft::new(SEND_CO, &id, &self.document);
        edit(&mut draft);
        self.lab.seal(&draft).unwrap()
    }

    async fn post(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Told {
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let answer = self.lab.post(path, headers, body.into()).await.unwrap();
        let signed = self.lab.verify_unrelated(&answer.body).is_ok();
        Told::new(answer.status, String::from_utf8_lossy(&answer.body).into_owned(), signed)
    }
}

fn same(text: String) -> String {
    text
}

/// An envelope without security around `body`.
fn envelope(header: &str, body: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"{}\"><s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>",
        Version::Soap12.namespace()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn each_gets_its_answer_changes_nothing_and_is_found() {
    let mut world = World::new("p256");
    world.id.start().await.unwrap();
    let case = Case::new(world.lab("kr"), 1);
    let mut told: Vec<(&str, Told, &str)> = Vec::new();

    // The envelope itself.
    let soap12 = "application/soap+xml; charset=utf-8; action=\"urn:coconnect:service:1:SendCO\"";
    let authorization = case.lab.authorization().to_owned();
    let good_headers = [("content-type", soap12), ("authorization", authorization.as_str())];
    let deep = format!("{}{}", "<a>".repeat(10_000), "</a>".repeat(10_000));
    let attributes: String = (0..1_000_000).map(|at| format!(" a{at}=\"\"")).collect();
    for (what, body, code) in [
        ("not XML", "hello".to_owned(), "not-xml"),
        ("a DTD", format!("<!DOCTYPE s [<!ENTITY a \"b\">]>{}", envelope("", "<a/>")), "dtd-refused"),
        ("10,000 levels", envelope("", &deep), ""),
        ("a million attributes", envelope("", &format!("<a{attributes}/>")), ""),
        ("no Security header", envelope("", "<a/>"), ""),
        ("no envelope", "<a/>".to_owned(), ""),
    ] {
        told.push((what, case.post("/send-co", &good_headers, body).await, code));
    }
    let two_bodies = |text: String| {
        let body = coconnect::tools::lab::element(&text, "Body").unwrap().to_owned();
        text.replacen(&body, &format!("{body}{body}"), 1)
    };
    told.push(("two Bodies", case.send(|_| {}, two_bodies).await, ""));

    // Addressing.
    told.push((
        "Action unlike the path",
        case.send(|d| d.action = Some("urn:coconnect:service:1:SendDO"), same).await,
        "",
    ));
    told.push(("To somebody else", case.send(|d| d.to = Some("https://elsewhere.example/send-co"), same).await, ""));
    told.push(("another wrapper", case.send(|d| d.wrapper = Some("SendNothing"), same).await, ""));

    // Security.
    told.push(("a missing signed part", case.send(|d| d.signed_parts = SignedParts::BodyTimestamp, same).await, ""));
    told.push(("a document in clear", case.send(|d| d.document_goes = DocumentGoes::InClear, same).await, ""));
    let twice = |text: String| {
        let id = text.split("wsu:Id=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let other = text.split("wsu:Id=\"").nth(2).unwrap().split('"').next().unwrap().to_owned();
        text.replacen(&format!("wsu:Id=\"{other}\""), &format!("wsu:Id=\"{id}\""), 1)
    };
    told.push(("a wsu:Id twice", case.send(|_| {}, twice).await, ""));
    let late: Arc<dyn Clock> =
        Arc::new(MockClock::new(RealClock::new().now().checked_sub(Duration::from_secs(3600)).unwrap()));
    let past = Case::new(world.lab_at("kr", late), 2).seal(|_| {});
    told.push((
        "an expired Timestamp",
        Told::of(&case.lab.send(SEND_CO, &past, past.octets.clone()).await.unwrap()),
        "",
    ));
    let signer = |folder: &str| {
        let key = coconnect::pki::PrivateKey::load(&world.dir(folder).join("keys/sign.key"), None).unwrap();
        let certificate = coconnect::pki::Certificate::load(&world.dir(folder).join("keys/sign.crt")).unwrap();
        Arc::new(Identity::new(certificate[0].der(), key.key.to_pkey()).unwrap())
    };
    let stranger = super::World::new("p256");
    let unknown = {
        let key = coconnect::pki::PrivateKey::load(&stranger.dir("kr").join("keys/sign.key"), None).unwrap();
        let certificate = coconnect::pki::Certificate::load(&stranger.dir("kr").join("keys/sign.crt")).unwrap();
        Arc::new(Identity::new(certificate[0].der(), key.key.to_pkey()).unwrap())
    };
    told.push(("an unknown certificate", case.send(|d| d.signer = Some(Arc::clone(&unknown)), same).await, ""));
    let other = signer("xx");
    told.push(("another partner's certificate", case.send(|d| d.signer = Some(Arc::clone(&other)), same).await, ""));

    for (what, told, code) in &told {
        println!("bad input: {what}: HTTP {} {} signed {}", told.status, told.code, told.signed);
        assert!((400..=500).contains(&told.status), "{what}: {told:?}");
        assert!(told.signed, "{what}: expected a signed fault: {told:?}");
        assert!(!told.code.is_empty() && !told.reference.is_empty(), "{what}: {told:?}");
        assert!(
            code.is_empty() || told.code == *code || told.code.starts_with("malformed"),
            "{what}: expected {code}, came {told:?}"
        );
        assert!(
            !told.body.contains("elsewhere.example") && !told.body.contains("SendNothing"),
            "{what} quotes what came: {told:?}"
        );
    }
    for (what, told, _) in &told {
        let found =
            world.id.look(&format!("/v1/messages/{}", told.reference)).await.unwrap_or_else(|e| panic!("{what}: {e}"));
        assert_eq!(found["status"], "refused", "{what}");
        assert_eq!(found["code"], told.code.as_str(), "{what}");
        assert!(!found["reason"].as_str().unwrap_or_default().is_empty(), "{what}: the true reason is missing");
    }
    assert!(world.rows("cos").await.is_empty(), "nothing was stored");

    // The same content is accepted when nothing is wrong: the refusals above had their own reason.
    let good = case.send(|_| {}, same).await;
    assert_eq!(good.status, 200, "{good:?}");
    assert_eq!(world.rows("cos").await.len(), 1);

    // A MessageID again with other content.
    let id = case.lab.fresh_id().unwrap();
    let (first, second) = (document(50, 1), document(51, 1));
    let first = case.lab.seal(&Draft::new(SEND_CO, &id, &first)).unwrap();
    let second = case.lab.seal(&Draft::new(SEND_CO, &id, &second)).unwrap();
    assert_eq!(case.lab.send(SEND_CO, &first, first.octets.clone()).await.unwrap().status, 200);
    let replayed = Told::of(&case.lab.send(SEND_CO, &second, second.octets.clone()).await.unwrap());
    assert!(replayed.signed && !replayed.reference.is_empty() && replayed.status >= 400, "{replayed:?}");
    assert_eq!(world.rows("cos").await.len(), 2);
    world.id.stop().await.unwrap();
}

/// The HTTP layer refuses before the envelope is read: a status alone before transport identity.
#[tokio::test(flavor = "multi_thread")]
async fn http_refuses_before_anything_is_read() {
    let mut world = World::new("p256");
    world.id.start().await.unwrap();
    let case = Case::new(world.lab("kr"), 1);
    let soap12 = "application/soap+xml; action=\"urn:coconnect:service:1:SendCO\"";
    let authorization = case.lab.authorization().to_owned();
    let with = |content_type: &'static str| [("content-type", content_type), ("authorization", authorization.as_str())];

    let missing = case.post("/send-co", &[("content-type", soap12)], "x").await;
    assert_eq!((missing.status, missing.body.as_str()), (401, ""), "{missing:?}");
    let wrong = case.post("/send-co", &[("content-type", soap12), ("authorization", "Basic S1I6d3Jvbmc=")], "x").await;
    assert_eq!((wrong.status, wrong.body.as_str()), (401, ""), "{wrong:?}");
    let unknown = case.post("/send-everything", &with(soap12), "x").await;
    assert_eq!(unknown.status, 404, "{unknown:?}");
    let media = case.post("/send-co", &with("application/json"), "{}").await;
    assert_eq!(media.status, 415, "{media:?}");
    assert!(!media.reference.is_empty(), "{media:?}");
    let large = case.post("/send-co", &with(soap12), vec![b' '; 21 * 1024 * 1024]).await;
    assert_eq!(large.status, 413, "{large:?}");
    assert!(!large.reference.is_empty(), "{large:?}");
    for told in [&media, &large] {
        let found = world.id.look(&format!("/v1/messages/{}", told.reference)).await.unwrap();
        assert_eq!(found["code"], told.code.as_str());
    }
    assert!(world.rows("cos").await.is_empty());

    // Without a client certificate the handshake ends: not one octet of HTTP is answered.
    let address = world.id.config.listener[0].address;
    let output = std::process::Command::new("openssl")
        .args(["s_client", "-connect", &address.to_string(), "-quiet", "-no_ign_eof"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .and_then(|mut child| {
            use std::io::Write as _;
            if let Some(stdin) = child.stdin.as_mut() {
                // The peer may close first; that is the point.
                let _ = stdin.write_all(b"POST /send-co HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
            }
            child.wait_with_output()
        });
    match output {
        Ok(output) => assert!(!String::from_utf8_lossy(&output.stdout).contains("HTTP/1.1"), "{output:?}"),
        Err(e) => println!("SKIPPED: no client certificate with openssl s_client: {e}"),
    }
    world.id.stop().await.unwrap();
}

/// What is wrong is said with the command that helps.
#[test]
fn a_second_gateway_in_the_same_folder_is_refused_by_name() {
    let world = World::new("p256");
    let dir = text(&world.dir("id"));
    let list = coconnect(&["outbox", "list", "--dir", &dir]);
    assert!(list.contains("empty"), "{list}");
}
