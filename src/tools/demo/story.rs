//! The story: eleven steps, each of which checks what it shows.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::process::Gateway;
use super::{Event, Kept, Plan, Surprise};
use crate::base::Clock;
use crate::base::id::{Environment, MessageId, PartnerId};
use crate::contract::{Operation, sample};
use crate::gateway::init::{self, Plan as InitPlan};
use crate::gateway::partners::{self, Existing};
use crate::tools::lab::{Draft, Lab, canonical, slots};
use crate::xml;

/// For the messages of one step to be acknowledged.
const DELIVERY_DEADLINE: Duration = Duration::from_secs(120);
/// Between two looks at a state.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Seconds between two tries in the demonstration.
const RETRY_EVERY_S: u32 = 2;

/// What a message that was handed over is known by.
struct Sent {
    name: String,
    document: String,
    message_id: String,
    number: String,
}

struct Story<'a> {
    plan: &'a Plan,
    clock: Arc<dyn Clock>,
    emit: &'a mut dyn FnMut(Event),
    step: usize,
    title: String,
    began: Duration,
    sent: Vec<Sent>,
}

/// Tells the story; gives where the gateways are when they are kept.
///
/// # Errors
/// [`Surprise`] when anything is not as promised.
pub async fn run(
    plan: &Plan,
    clock: Arc<dyn Clock>,
    emit: &mut (dyn FnMut(Event) + Send),
) -> Result<Option<Kept>, Surprise> {
    let began = clock.elapsed();
    let mut story =
        Story { plan, clock, emit: &mut |e| emit(e), step: 0, title: "set up".to_owned(), began, sent: Vec::new() };
    let outcome = story.tell().await;
    outcome.map_err(|what| Surprise { step: story.step, title: story.title.clone(), what })
}

type Told<T> = Result<T, String>;

impl Story<'_> {
    async fn tell(&mut self) -> Told<Option<Kept>> {
        let (mut kr, mut id) = self.make()?;
        self.start(&mut kr, &mut id).await?;
        self.exchange(&kr).await?;
        self.read_back(&id).await?;
        let lab = Lab::open(&kr.config, &partner("ID")?, Arc::clone(&self.clock)).map_err(|e| e.to_string())?;
        self.same_again(&lab, &kr, &id).await?;
        self.one_byte(&lab, &id).await?;
        self.broken_schema(&lab, &id).await?;
        self.killed(&kr, &mut id).await?;
        self.verify_journals(&kr, &id).await?;
        if self.plan.keep {
            let (kr_file, id_file) = (kr.config_file(), id.config_file());
            let processes = [kr.leave(), id.leave()].into_iter().flatten().collect();
            return Ok(Some(Kept { kr: kr_file, id: id_file, processes }));
        }
        self.stop(&mut kr, &mut id).await?;
        Ok(None)
    }

    // Step 1.
    fn make(&mut self) -> Told<(Gateway, Gateway)> {
        self.begin("two administrations: configuration, keys, a development CA, and each other's offer");
        let authority = self.plan.dir.join("kr/keys");
        let mut made = Vec::new();
        for (name, country, domain, ca) in
            [("kr", "KR", "customs.go.kr", None), ("id", "ID", "beacukai.go.id", Some(authority.clone()))]
        {
            let port = crate::net::free_loopback_port().map_err(|e| format!("find a free port: {e}"))?;
            let plan = InitPlan {
                dir: self.plan.dir.join(name),
                id: partner(country)?,
                country: country.to_owned(),
                domain: domain.to_owned(),
                environment: Environment::Dev,
                listen: std::net::SocketAddr::from(([127, 0, 0, 1], port)),
                public_url: Some(format!("https://localhost:{port}")),
                addresses: vec!["127.0.0.0/8".to_owned(), "::1/128".to_owned()],
                local_api: None,
                suite: self.plan.suite,
                authority: ca,
                retry_every_s: Some(RETRY_EVERY_S),
            };
            let result = init::init(&plan, self.clock.as_ref()).map_err(|e| crate::gateway::chain(&e))?;
            self.line(format!("{country}: {} (https://localhost:{port})", result.config.display()));
            made.push(result);
        }
        let names = ["KR", "ID"];
        for (ours, theirs) in [(0, 1), (1, 0)] {
            let folder = made[ours].config.with_file_name("partners");
            let added =
                partners::add(&folder, &made[theirs].offer, &partner(names[ours])?, Environment::Dev, Existing::Keep)
                    .map_err(|e| crate::gateway::chain(&e))?;
            self.line(format!("{} is now a partner: {}", added.file.id, added.path.display()));
        }
        let gateway =
            |name, dir: &str| Gateway::new(name, &self.plan.dir.join(dir), &self.plan.program, Arc::clone(&self.clock));
        let pair = (gateway("KR", "kr")?, gateway("ID", "id")?);
        self.shown(
            "set up without a hand-written line",
            format!("{} files", made.iter().map(|m| m.files.len()).sum::<usize>()),
        );
        Ok(pair)
    }

    // Step 2.
    async fn start(&mut self, kr: &mut Gateway, id: &mut Gateway) -> Told<()> {
        self.begin("two processes, mutual TLS");
        let kr_pid = kr.start().await?;
        let id_pid = id.start().await?;
        self.line(format!("KR serves as process {kr_pid}, ID as process {id_pid}"));
        self.shown("two separate processes serve", format!("processes {kr_pid} and {id_pid}"));
        Ok(())
    }

    // Step 3.
    async fn exchange(&mut self, kr: &Gateway) -> Told<()> {
        self.begin("KR hands over Certificates of Origin; its gateway signs, encrypts and delivers them to ID");
        let mut documents = vec![
            ("small".to_owned(), document(1, 1)),
            ("30 items".to_owned(), document(2, 30)),
            ("1,000 items".to_owned(), document(3, 1_000)),
        ];
        documents.push(("another".to_owned(), document(4, 3)));
        for path in inputs(&self.plan.inputs)? {
            let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
            documents.push((path.display().to_string(), text));
        }
        for (name, document) in documents {
            let handed = self.clock.elapsed();
            let sent = self.hand_over(kr, name, document).await?;
            let message = self.acknowledged(kr, &sent.message_id).await?;
            self.line(format!(
                "{:12} CO {}  {} octets  acknowledged after {} ms, KR's journal {}",
                sent.name,
                sent.number,
                sent.document.len(),
                (self.clock.elapsed() - handed).as_millis(),
                message["position"].as_str().unwrap_or_default(),
            ));
            self.sent.push(sent);
        }
        let count = self.sent.len();
        self.shown(
            "COs go through",
            format!("{count} COs acknowledged by ID, each acknowledgement signed and verified"),
        );
        Ok(())
    }

    // Step 4.
    async fn read_back(&mut self, id: &Gateway) -> Told<()> {
        self.begin("a CO as read back at ID equals the one handed in at KR");
        let mut equal = 0;
        for at in 0..self.sent.len() {
            let path = format!("/v1/messages/{}?part=document", self.sent[at].message_id);
            let answer = id.look_raw(&path).await?;
            let came = canonical_text(&answer.body)?;
            let went = canonical_text(self.sent[at].document.as_bytes())?;
            if !came.contains(&went) {
                return Err(format!("CO {}: what ID holds differs from what KR handed in", self.sent[at].number));
            }
            equal += 1;
            if at == 0 {
                let digest = crate::base::sha256(came.as_bytes());
                self.evidence("first lines at ID", came.chars().take(240).collect());
                self.evidence("SHA-256 of the canonical form at ID", hex(&digest));
            }
        }
        self.shown("what arrives is what was sent", format!("{equal} of {equal} equal after canonicalization"));
        Ok(())
    }

    // Step 5.
    async fn same_again(&mut self, lab: &Lab, kr: &Gateway, id: &Gateway) -> Told<()> {
        self.begin("the same message again: same MessageID, new Timestamp and seal");
        let (message_id, number) = (self.sent[1].message_id.clone(), self.sent[1].number.clone());
        let before = self.count(id, &number).await?;
        let document =
            String::from_utf8_lossy(&id.look_raw(&format!("/v1/messages/{message_id}?part=document")).await?.body)
                .into_owned();
        let stored = kr.look_raw(&format!("/v1/messages/{message_id}?part=acknowledgement")).await?.body;
        let stored = String::from_utf8_lossy(&stored).into_owned();
        let parsed = MessageId::parse(&message_id).map_err(|e| e.to_string())?;
        let mut seals = Vec::new();
        for _ in 0..3 {
            let message = lab.seal(&Draft::new(Operation::SendCo, &parsed, &document)).map_err(|e| e.to_string())?;
            let reply =
                lab.send(Operation::SendCo, &message, message.octets.clone()).await.map_err(|e| e.to_string())?;
            let signed = reply.signed.clone().map_err(|e| format!("the answer's signature does not hold: {e}"))?;
            let acknowledgement =
                reply.acknowledgement().ok_or(format!("expected an acknowledgement, came {}", reply.payload))?;
            if acknowledgement != stored {
                return Err(format!("expected the stored Acknowledgement\n{stored}\ncame\n{acknowledgement}"));
            }
            self.line(format!("HTTP {}; the answer signs {}", reply.status, signed.join(", ")));
            seals.push(message.signature_value);
        }
        if seals[0] == seals[1] || seals[1] == seals[2] {
            return Err("expected a fresh seal for each try".to_owned());
        }
        let after = self.count(id, &number).await?;
        if (before, after) != (1, 1) {
            return Err(format!("expected CO {number} once at ID before and after, came {before} and {after}"));
        }
        self.evidence("Acknowledgement, three times the same", stored.chars().take(400).collect());
        self.shown(
            "once and only once",
            "3 fresh seals, 3 byte-identical Acknowledgement elements, 1 CO stored".to_owned(),
        );
        Ok(())
    }

    // Step 6.
    async fn one_byte(&mut self, lab: &Lab, id: &Gateway) -> Told<()> {
        self.begin("a message changed by one byte");
        let mut shown = Vec::new();
        for (what, marker) in
            [("in the SignatureValue", "SignatureValue>"), ("in the encrypted document", "CipherValue>")]
        {
            let fresh = lab.fresh_id().map_err(|e| e.to_string())?;
            let message =
                lab.seal(&Draft::new(Operation::SendCo, &fresh, &document(77, 2))).map_err(|e| e.to_string())?;
            let changed = change(&message.octets, marker).ok_or(format!("{marker} is not in the message"))?;
            let reply = lab.send(Operation::SendCo, &message, changed).await.map_err(|e| e.to_string())?;
            let (code, reference) = self.refusal(&reply)?;
            let found = id.look(&format!("/v1/messages/{reference}")).await?;
            self.line(format!("{what}: HTTP {}, signed fault {code}, reference {reference}", reply.status));
            self.evidence(
                "what ID's journal says under that reference",
                found["reason"].as_str().unwrap_or_default().to_owned(),
            );
            shown.push(code);
        }
        self.shown(
            "a changed message is refused",
            format!("signed faults {}; the true reason is in the journal", shown.join(", ")),
        );
        Ok(())
    }

    // Step 7.
    async fn broken_schema(&mut self, lab: &Lab, id: &Gateway) -> Told<()> {
        self.begin("a CO that breaks the schema");
        let good = document(78, 2);
        let broken = good.replacen("<CountryCode>KR</CountryCode>", "<CountryCode>KOREA</CountryCode>", 1);
        if broken == good {
            return Err("the sample has no CountryCode KR to break".to_owned());
        }
        let fresh = lab.fresh_id().map_err(|e| e.to_string())?;
        let message = lab.seal(&Draft::new(Operation::SendCo, &fresh, &broken)).map_err(|e| e.to_string())?;
        let reply = lab.send(Operation::SendCo, &message, message.octets.clone()).await.map_err(|e| e.to_string())?;
        let (code, reference) = self.refusal(&reply)?;
        let found = id.look(&format!("/v1/messages/{reference}")).await?;
        let error = found["errors"].get(0).cloned().unwrap_or_default();
        let (path, wco, line, column) =
            (text(&error["path"]), text(&error["wco_id"]), error["line"].to_string(), error["column"].to_string());
        if !path.contains("CountryCode")
            || wco.is_empty()
            || !reply.payload.contains(&wco)
            || reply.payload.contains("KOREA")
        {
            return Err(format!(
                "expected element, WCO id, line and column and no value in the fault, came {}",
                reply.payload
            ));
        }
        self.evidence("the fault on the wire", reply.payload.chars().take(700).collect());
        self.line(format!("{path} (WCO {wco}) at {line}:{column}: expected {}", text(&error["expected"])));
        self.shown(
            "errors say what, where and what was expected",
            format!("{code}: {wco} at {line}:{column}, reference {reference}"),
        );
        Ok(())
    }

    // Step 8.
    async fn killed(&mut self, kr: &Gateway, id: &mut Gateway) -> Told<()> {
        let total = self.plan.crash_messages;
        self.begin(&format!("ID is killed with -9 while {total} COs are under way"));
        let mut crash = Vec::new();
        for at in 0..total {
            let sent = self.hand_over(kr, format!("crash {at}"), document(1_000 + at as u64, 10)).await?;
            crash.push(sent);
            if at == total / 2 {
                // Some are through, some under way, some not begun.
                id.kill().await?;
                self.line(format!("kill -9 after {} were handed over", at + 1));
            }
        }
        let waiting = kr.look("/v1/outbox").await?["rows"].as_array().map_or(0, Vec::len);
        self.line(format!("KR's outbox holds {waiting}; it tries again every {RETRY_EVERY_S} s"));
        if waiting == 0 {
            return Err("expected messages in the outbox of KR while ID is dead".to_owned());
        }
        let pid = id.start().await?;
        self.line(format!("ID serves again as process {pid}"));
        for (at, sent) in crash.iter().enumerate() {
            self.acknowledged(kr, &sent.message_id).await?;
            self.progress("acknowledged", at + 1, total);
        }
        let mut wrong = Vec::new();
        for sent in &crash {
            let count = self.count(id, &sent.number).await?;
            if count != 1 {
                wrong.push(format!("{} {count} times", sent.number));
            }
        }
        if !wrong.is_empty() {
            return Err(format!("expected every CO once at ID, came {}", wrong.join(", ")));
        }
        self.sent.extend(crash);
        self.shown(
            "kill -9 loses nothing and doubles nothing",
            format!("{total} of {total} acknowledged, each once at ID"),
        );
        Ok(())
    }

    // Step 9.
    async fn verify_journals(&mut self, kr: &Gateway, id: &Gateway) -> Told<()> {
        self.begin("both journals verified, octet by octet");
        let mut shown = Vec::new();
        for gateway in [kr, id] {
            let (ok, answer) = gateway.command(&["journal", "verify", "--json"]).await?;
            if !ok {
                return Err(format!("{}: journal verify: {answer}", gateway.name));
            }
            let report: Value = serde_json::from_str(&answer)
                .map_err(|e| format!("{}: journal verify: {e}: {answer}", gateway.name))?;
            self.evidence(&format!("journal of {}", gateway.name), report.to_string());
            shown.push(format!("{}: {} records", gateway.name, report["records"]));
        }
        self.shown("the journals hold", shown.join(", "));
        Ok(())
    }

    // Step 10.
    async fn stop(&mut self, kr: &mut Gateway, id: &mut Gateway) -> Told<()> {
        self.begin("both stop, after finishing what they accepted");
        kr.stop().await?;
        id.stop().await?;
        self.shown("a stop is graceful", "both processes ended with 0".to_owned());
        Ok(())
    }

    async fn hand_over(&mut self, kr: &Gateway, name: String, document: String) -> Told<Sent> {
        let answer = kr.submit("ID", &document).await?;
        let message_id = text(&answer["message_id"]);
        let number = text(&answer["co"]["number"]);
        if message_id.is_empty() || number.is_empty() {
            return Err(format!("expected a message id and the CO's number, came {answer}"));
        }
        Ok(Sent { name, document, message_id, number })
    }

    /// Waits until KR holds ID's signed acknowledgement.
    async fn acknowledged(&mut self, kr: &Gateway, message_id: &str) -> Told<Value> {
        let start = self.clock.elapsed();
        loop {
            let message = kr.look(&format!("/v1/messages/{message_id}")).await?;
            match message["status"].as_str() {
                Some("acknowledged") => return Ok(message),
                Some("queued") => {}
                _ => return Err(format!("expected the message to be acknowledged, came {message}")),
            }
            if self.clock.elapsed() - start > DELIVERY_DEADLINE {
                return Err(format!("not acknowledged after {DELIVERY_DEADLINE:?}: {message}"));
            }
            self.clock.sleep(LOOK_EVERY).await;
        }
    }

    /// How many COs of that number ID holds from KR.
    async fn count(&self, id: &Gateway, number: &str) -> Told<usize> {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let mut after = String::new();
        loop {
            let page = id.look(&format!("/v1/cos?limit=1000{after}")).await?;
            for row in page["rows"].as_array().into_iter().flatten() {
                *seen.entry(text(&row["co"]["number"])).or_default() += 1;
            }
            match page["next"].as_str() {
                Some(next) => after = format!("&after={}", crate::gateway::admin::escape(next)),
                None => return Ok(seen.get(number).copied().unwrap_or_default()),
            }
        }
    }

    /// Code and reference id of a signed fault.
    fn refusal(&self, reply: &crate::tools::lab::Reply) -> Told<(String, String)> {
        if !reply.payload.contains("Fault") || (200..300).contains(&reply.status) {
            return Err(format!("expected a fault, came HTTP {} {}", reply.status, reply.payload));
        }
        reply.signed.as_ref().map_err(|e| format!("expected a signed fault, its signature does not hold: {e}"))?;
        let tree =
            xml::parse(reply.payload.clone().into_bytes(), &xml::Options::default()).map_err(|e| e.to_string())?;
        let mut code = String::new();
        let mut reference = String::new();
        for node in tree.descendants(tree.root()) {
            if tree.ns(node) == xml::name::ns::SVC {
                match tree.local(node) {
                    "code" | "Code" if code.is_empty() => code = tree.text_content(node).into_owned(),
                    "referenceId" | "ReferenceID" | "ReferenceId" => reference = tree.text_content(node).into_owned(),
                    _ => {}
                }
            }
        }
        if code.is_empty() || reference.is_empty() {
            return Err(format!("expected code and reference id in the fault, came {}", reply.payload));
        }
        Ok((code, reference))
    }

    fn begin(&mut self, title: &str) {
        self.step += 1;
        title.clone_into(&mut self.title);
        self.began = self.clock.elapsed();
        (self.emit)(Event::Step { number: self.step, title: title.to_owned() });
    }

    fn line(&mut self, text: String) {
        (self.emit)(Event::Line { text });
    }

    fn evidence(&mut self, name: &str, value: String) {
        (self.emit)(Event::Evidence { name: name.to_owned(), value });
    }

    fn progress(&mut self, what: &str, done: usize, total: usize) {
        (self.emit)(Event::Progress { what: what.to_owned(), done, total });
    }

    fn shown(&mut self, claim: &str, evidence: String) {
        let took = self.clock.elapsed().saturating_sub(self.began);
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        (self.emit)(Event::Shown { number: self.step, claim: claim.to_owned(), evidence, took_ms });
    }
}

fn partner(id: &str) -> Told<PartnerId> {
    PartnerId::parse(id).map_err(|e| e.to_string())
}

/// A made-up CO of Korea for Indonesia.
fn document(seed: u64, items: usize) -> String {
    let mut out = Vec::new();
    crate::contract::encode(&sample::co(seed, items), &slots(), &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// Exclusive canonical form of the document element.
fn canonical_text(octets: &[u8]) -> Told<String> {
    let tree = xml::parse(octets.to_vec(), &xml::Options::default()).map_err(|e| e.to_string())?;
    canonical(&tree, tree.document_element()).ok_or("no canonical form".to_owned())
}

/// One byte of the text of the last element with this end tag replaced by another of its alphabet.
fn change(octets: &[u8], marker: &str) -> Option<Vec<u8>> {
    let at = octets.windows(marker.len()).rposition(|w| w == marker.as_bytes())?;
    // The last one is the end tag: the text stands before it.
    let at = octets.get(..at)?.iter().rposition(|b| *b == b'<')?.checked_sub(40)?;
    let mut changed = octets.to_vec();
    let byte = changed.get_mut(at)?;
    *byte = if *byte == b'a' { b'b' } else { b'a' };
    Some(changed)
}

/// Files of the given files and folders, in order of name.
fn inputs(paths: &[PathBuf]) -> Told<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let entries = std::fs::read_dir(path).map_err(|e| format!("{}: {e}", path.display()))?;
            let mut inside: Vec<PathBuf> =
                entries.filter_map(|e| e.ok().map(|e| e.path())).filter(|p| is_xml(p)).collect();
            inside.sort();
            files.extend(inside);
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

fn is_xml(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("xml"))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn hex(octets: &[u8]) -> String {
    crate::base::octets::to_hex(octets)
}
