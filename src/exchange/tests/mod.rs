//! Two exchanges back to back: no sockets, a memory store each, one mock clock.

mod answers;
mod codes;
mod deliveries;
mod lenient;
mod operations;
mod oracle;
mod pressure;
mod profiles;
mod refusals;
mod versions;

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, Weak};

use jiff::Timestamp;

use super::partner::{CertificateUse, PartnerCertificate, Uses};
use super::*;
use crate::base::id::MessageId;
use crate::base::{Clock, MockClock};
use crate::contract::{Acknowledgement, FaultDetail, Slots, encode, sample};
use crate::pki::{Certificate, DevCa, Issue, KeyKind, PrivateKey, TrustAnchors, Use};
use crate::soap::Envelope;
use crate::soap::fault::Received;
use crate::store::{Memory, PartName, RecordKind};
use crate::xml::Document;

/// 2026-11-22T12:00:00Z.
const NOON: i64 = 1_795_348_800;
const PASSWORD: &str = "0123456789abcdef0123456789abcdef";

/// A territory's key pairs.
struct Keys {
    tls: Certificate,
    sign: (Certificate, PrivateKey),
    encrypt: (Certificate, PrivateKey),
}

/// Keys are slow to make, so all tests share those of one run.
struct Trust {
    anchors: TrustAnchors,
    kr: Keys,
    id: Keys,
    stranger: Keys,
    expired: (Certificate, PrivateKey),
}

fn trust() -> &'static Trust {
    static TRUST: std::sync::OnceLock<Trust> = std::sync::OnceLock::new();
    TRUST.get_or_init(|| {
        let now = Timestamp::from_second(NOON).unwrap();
        let key = || PrivateKey::generate(KeyKind::Ec { curve: "prime256v1", bits: 256 }).unwrap();
        let ca = DevCa::create(&Issue::new("CA", &[], now, 3_650), key()).unwrap();
        let pair = |name: &str, uses: &[Use]| {
            let key = key();
            (ca.issue(&Issue::new(name, uses, now, 365), &key).unwrap(), key)
        };
        let keys = |name: &str| Keys {
            tls: pair(&format!("{name} tls"), &[Use::TlsClient, Use::TlsServer]).0,
            sign: pair(&format!("{name} sign"), &[Use::Sign]),
            encrypt: pair(&format!("{name} encrypt"), &[Use::Encrypt]),
        };
        let expired = {
            let key = key();
            let issue = Issue::new("KR old", &[Use::Sign], now, 365);
            let second = |s| Timestamp::from_second(NOON + s).unwrap();
            (ca.issue(&issue.validity(second(-200_000), second(-100_000)), &key).unwrap(), key)
        };
        let mut anchors = TrustAnchors::new();
        anchors.add_anchor(ca.certificate().clone());
        Trust { anchors, kr: keys("KR"), id: keys("ID"), stranger: keys("XX"), expired }
    })
}

/// What happens on the way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Line {
    Up,
    /// Nothing arrives.
    Down,
    /// The request arrives, the answer is lost.
    AnswerLost,
    /// The answer comes with one octet of its signature changed.
    AnswerTampered,
    /// Somebody in between answers without a signature.
    ProxyError,
}

/// The way between the two.
struct Wire {
    line: Mutex<Line>,
    peers: Mutex<HashMap<String, (Weak<Exchange>, Certificate)>>,
    requests: Mutex<Vec<Vec<u8>>>,
    answers: Mutex<Vec<Answer>>,
}

impl Transport for Wire {
    fn post<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Answer, TransportError>> {
        Box::pin(async move {
            let line = *self.line.lock().unwrap();
            if line == Line::Down {
                return Err(TransportError { what: "connecting: refused".to_owned() });
            }
            self.requests.lock().unwrap().push(call.body.clone());
            if line == Line::ProxyError {
                let body = b"<html>bad gateway</html>".to_vec();
                return Ok(Answer { status: 502, content_type: "text/html".to_owned(), body });
            }
            let host = call.url.split('/').nth(2).unwrap().to_owned();
            let path = call.url.split_once(&host).unwrap().1.to_owned();
            let (exchange, certificate) = {
                let peers = self.peers.lock().unwrap();
                let (exchange, certificate) = &peers[&host];
                (exchange.upgrade().unwrap(), certificate.clone())
            };
            let mut headers = call.headers;
            headers.push(("Content-Length".to_owned(), call.body.len().to_string()));
            let request = Request {
                method: "POST".to_owned(),
                path,
                headers,
                peer: Peer { address: IpAddr::from([127, 0, 0, 1]), certificate: Some(certificate.der().to_vec()) },
                body: Box::new(call.body),
            };
            let response = exchange.inbound(request).await;
            let content_type = response.headers.iter().find(|(name, _)| name == "Content-Type");
            let content_type = content_type.map(|(_, value)| value.clone()).unwrap_or_default();
            let mut answer = Answer { status: response.status, content_type, body: response.body };
            self.answers.lock().unwrap().push(answer.clone());
            match line {
                Line::AnswerLost => return Err(TransportError { what: "reading the answer: broke".to_owned() }),
                Line::AnswerTampered => tamper(&mut answer.body, "SignatureValue>"),
                _ => {}
            }
            Ok(answer)
        })
    }
}

/// Changes one character of base64 behind the first `mark`.
fn tamper(octets: &mut [u8], mark: &str) {
    let at = octets.windows(mark.len()).position(|w| w == mark.as_bytes()).expect("the mark is there") + mark.len() + 9;
    octets[at] = if octets[at] == b'A' { b'B' } else { b'A' };
}

/// Two administrations: Korea sends, Indonesia receives.
struct World {
    clock: Arc<MockClock>,
    wire: Arc<Wire>,
    kr: Arc<Exchange>,
    id: Arc<Exchange>,
}

fn partner(id: &str, keys: &Keys, edit: impl Fn(&mut PartnerFile)) -> Partner {
    let country = &id[..2];
    let all = format!("{:?}", super::partner::OperationName::ALL.map(super::partner::OperationName::as_str));
    let text = format!(
        "id = \"{id}\"\nenvironment = \"test\"\nendpoint = \"https://{country}\"\nbasic_user = \"{id}\"\n\
         basic_secret = \"{PASSWORD}\"\nterritories = [\"{country}\"]\naddresses = [\"127.0.0.0/8\"]\n\
         operations_in = {all}\noperations_out = {all}\n[delivery]\nretry_every_s = 600\n"
    );
    let mut file = PartnerFile::parse(&text).unwrap();
    edit(&mut file);
    let certificate = |certificate: &Certificate, wanted| PartnerCertificate {
        certificate: Arc::new(certificate.clone()),
        uses: Uses::One(wanted),
        use_from: None,
    };
    let certificates = vec![
        certificate(&keys.tls, CertificateUse::Tls),
        certificate(&keys.sign.0, CertificateUse::Sign),
        certificate(&keys.encrypt.0, CertificateUse::Encrypt),
    ];
    Partner::new(file, certificates, trust().anchors.clone(), Path::new(".")).unwrap()
}

impl World {
    fn new() -> Self {
        Self::with(|_| {}, |_| {})
    }

    /// A world in which the files differ: what KR has about ID, and ID about KR.
    fn with(of_id: impl Fn(&mut PartnerFile), of_kr: impl Fn(&mut PartnerFile)) -> Self {
        let clock = Arc::new(MockClock::new(Timestamp::from_second(NOON).unwrap()));
        let wire = Arc::new(Wire {
            line: Mutex::new(Line::Up),
            peers: Mutex::default(),
            requests: Mutex::default(),
            answers: Mutex::default(),
        });
        let t = trust();
        let limits = || Limits { workers: Workers::Inline, ..Limits::default() };
        let kr = side("KR", &t.kr, vec![partner("ID", &t.id, of_id)], clock.clone(), &wire, limits());
        let others = vec![
            partner("KR", &t.kr, of_kr),
            partner("XX", &t.stranger, |file| file.territories = vec!["VN".to_owned()]),
        ];
        let id = side("ID", &t.id, others, clock.clone(), &wire, limits());
        let mut peers = wire.peers.lock().unwrap();
        peers.insert("ID".to_owned(), (Arc::downgrade(&id), t.kr.tls.clone()));
        peers.insert("KR".to_owned(), (Arc::downgrade(&kr), t.id.tls.clone()));
        drop(peers);
        Self { clock, wire, kr, id }
    }

    fn line(&self, line: Line) {
        *self.wire.line.lock().unwrap() = line;
    }

    fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Submits sample CO `seed` at KR.
    async fn submit(&self, seed: u64) -> view::Submitted {
        self.kr.submit(submission(document(seed, 3))).await.unwrap()
    }

    /// Submits and delivers.
    async fn deliver(&self, seed: u64) -> MessageId {
        let submitted = self.submit(seed).await;
        assert_eq!(self.kr.drive_once().await, 1);
        MessageId::parse(&submitted.message_id).unwrap()
    }

    /// A request of KR to ID as it came over the wire last.
    fn last_request(&self) -> Vec<u8> {
        self.wire.requests.lock().unwrap().last().unwrap().clone()
    }

    fn last_answer(&self) -> Answer {
        self.wire.answers.lock().unwrap().last().unwrap().clone()
    }

    /// Lets ID answer `octets` as if KR had sent them.
    async fn post(&self, octets: Vec<u8>) -> Response {
        self.post_as(request(octets)).await
    }

    /// Answers a request; the clock moves on while a fault waits for its tick.
    async fn post_as(&self, request: Request) -> Response {
        let id = Arc::clone(&self.id);
        let mut answer = tokio::spawn(async move { id.inbound(request).await });
        loop {
            tokio::select! {
                biased;
                response = &mut answer => return response.unwrap(),
                () = tokio::time::sleep(Duration::from_millis(20)) => self.clock.advance(Duration::from_millis(50)),
            }
        }
    }

    fn records(&self, kind: RecordKind) -> usize {
        records(&self.id, kind)
    }
}

fn side(
    name: &str,
    keys: &Keys,
    partners: Vec<Partner>,
    clock: Arc<dyn Clock>,
    wire: &Arc<Wire>,
    limits: Limits,
) -> Arc<Exchange> {
    let identity: [u8; 16] = [name.as_bytes()[0]; 16];
    let store = Memory::with_identity(clock.clone(), identity, [7; 32]);
    let own = Own {
        id: PartnerId::parse(name).unwrap(),
        environment: Environment::Test,
        country: name.to_owned(),
        public_urls: vec![format!("https://{name}")],
        basic_user: name.to_owned(),
        basic_password: Zeroizing::new(PASSWORD.to_owned()),
    };
    Exchange::new(ExchangeConfig {
        own,
        keys: OwnKeys::new((&keys.sign.0, &keys.sign.1), &[(&keys.encrypt.0, &keys.encrypt.1)]).unwrap(),
        limits,
        partners: Partners::new(PartnerSet::new(partners, Environment::Test).unwrap()),
        store: Arc::new(store),
        clock,
        transport: wire.clone(),
    })
    .unwrap()
}

fn records(exchange: &Exchange, kind: RecordKind) -> usize {
    exchange.store().records(None, 10_000).unwrap().iter().filter(|j| j.record.kind == kind).count()
}

fn alerts(exchange: &Exchange) -> Vec<String> {
    exchange.alert_list(None, 1_000).unwrap().rows.into_iter().map(|alert| alert.kind).collect()
}

/// A sample CO as its owner hands it in.
fn document(seed: u64, items: usize) -> Vec<u8> {
    let mut octets = Vec::new();
    encode(&sample::co(seed, items), &Slots::default(), &mut octets);
    octets
}

fn submission(document: Vec<u8>) -> Submission {
    Submission { operation: Some(Operation::SendCo), document, partner: None, message_id: None }
}

/// What KR's client would send to ID.
fn request(octets: Vec<u8>) -> Request {
    let action = Operation::SendCo.action();
    let credentials = base64_simd::STANDARD.encode_to_string(format!("KR:{PASSWORD}"));
    Request {
        method: "POST".to_owned(),
        path: "/send-co".to_owned(),
        headers: vec![
            ("content-type".to_owned(), "text/xml; charset=utf-8".to_owned()),
            ("soapaction".to_owned(), format!("\"{action}\"")),
            ("authorization".to_owned(), format!("Basic {credentials}")),
            ("content-length".to_owned(), octets.len().to_string()),
        ],
        peer: Peer { address: IpAddr::from([127, 0, 0, 1]), certificate: Some(trust().kr.tls.der().to_vec()) },
        body: Box::new(octets),
    }
}

fn with_header(mut request: Request, name: &str, value: &str) -> Request {
    request.headers.retain(|(n, _)| n != name);
    request.headers.push((name.to_owned(), value.to_owned()));
    request
}

/// A message that KR's software could seal: any content, headers and keys.
struct Forge {
    message_id: MessageId,
    to: String,
    action: String,
    operation: Operation,
    content: Vec<u8>,
    now: Timestamp,
    signer: (Certificate, PrivateKey),
}

impl Forge {
    fn new(world: &World, document: &[u8]) -> Self {
        Self { now: world.clock.now(), ..Self::of(document) }
    }

    fn of(document: &[u8]) -> Self {
        Self {
            message_id: super::key::new_message_id(),
            to: "https://ID/send-co".to_owned(),
            action: Operation::SendCo.action().to_owned(),
            operation: Operation::SendCo,
            content: document.to_vec(),
            now: Timestamp::from_second(NOON).unwrap(),
            signer: (trust().kr.sign.0.clone(), PrivateKey::from_pkey(trust().kr.sign.1.to_pkey())),
        }
    }

    fn seal(&self) -> Vec<u8> {
        self.sealed().octets
    }

    fn sealed(&self) -> crate::soap::wss::Sealed {
        use crate::soap::wss::{
            Content, Identity, KeyReference, Order, Outgoing, Recipient, Sealer, Settings, SignedParts, Suite,
        };
        let settings = Settings {
            suite: Suite::default(),
            key_reference: KeyReference::Str,
            order: Order::SignEncrypt,
            signed_parts: SignedParts::Full,
        };
        let identity = Identity::new(self.signer.0.der(), self.signer.1.to_pkey()).unwrap();
        let recipient = Recipient::from_der(trust().id.encrypt.0.der()).unwrap();
        let sealer = Sealer::new(settings, Arc::new(identity), Some(Arc::new(recipient))).unwrap();
        let name = self.operation.name();
        let content = inbound::wrapped(name, &self.content);
        let start = content.len() - self.content.len() - name.len() - "</>".len();
        let addressing = crate::soap::Addressing {
            message_id: Some(self.message_id.to_string()),
            action: Some(self.action.clone()),
            to: Some(self.to.clone()),
            ..crate::soap::Addressing::default()
        };
        let outgoing = Outgoing {
            version: crate::soap::Version::Soap11,
            addressing: &addressing,
            content: Content { octets: &content, encrypt: Some(start..start + self.content.len()) },
            confirms: None,
            now: self.now,
        };
        sealer.seal(&outgoing).unwrap()
    }
}

/// The Acknowledgement element in an answer, as octets.
fn acknowledgement_octets(body: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(body).unwrap();
    let (start, end) = (text.find("<svc:Acknowledgement").unwrap(), text.rfind("</svc:Acknowledgement>").unwrap());
    text.as_bytes()[start..end].to_vec()
}

fn acknowledgement(body: &[u8]) -> Acknowledgement {
    let envelope = Envelope::parse(body.to_vec(), None).unwrap();
    let tree: &Document = envelope.document();
    let element = tree.elements(envelope.payload().unwrap()).next().unwrap();
    Acknowledgement::decode(tree, element, &Slots::default()).unwrap()
}

/// The detail of a fault, and whether the fault is signed.
fn fault(response: &Response) -> (FaultDetail, bool) {
    let envelope = Envelope::parse(response.body.clone(), None).unwrap();
    let tree = envelope.document();
    let received = Received::read(tree, envelope.payload().unwrap()).expect("a fault was expected");
    let detail = FaultDetail::decode(tree, received.detail[0], &Slots::default()).unwrap();
    (detail, envelope.header().is_some())
}
