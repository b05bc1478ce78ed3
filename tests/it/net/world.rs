//! A development authority, a server and its clients.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use coconnect::base::{Clock, MockClock, RealClock};
use coconnect::net::{
    AllowList, Answer, Bytes, Client, ClientCertificate, ClientError, ClientSettings, ClientTls, HeaderMap, Identity,
    Limits, PeerCertificates, PeerCheck, Post, Refusal, Request, Response, Server, ServerBuilder, ServerName,
    ServerTls, StatusCode,
};
use coconnect::pki::{Certificate, Crl, DevCa, Issue, KeyKind, PathError, PrivateKey, TrustAnchors, Use};
use jiff::{SignedDuration, Timestamp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);
pub const BOTH: &[Use] = &[Use::TlsServer, Use::TlsClient];

pub fn now() -> Timestamp {
    RealClock::new().now()
}

pub fn days(days: i64) -> Timestamp {
    now().checked_add(SignedDuration::from_hours(24 * days)).unwrap()
}

pub fn key() -> PrivateKey {
    PrivateKey::generate(KeyKind::Ec { curve: "prime256v1", bits: 256 }).unwrap()
}

pub fn authority(name: &str) -> DevCa {
    DevCa::create(&Issue::new(name, &[], now(), 3650), key()).unwrap()
}

/// A certificate for both ends of TLS on loopback.
pub fn certificate(ca: &DevCa, name: &str) -> (Certificate, PrivateKey) {
    issue(ca, Issue::new(name, BOTH, now(), 30).names(["localhost", "127.0.0.1"]))
}

pub fn issue(ca: &DevCa, issue: Issue) -> (Certificate, PrivateKey) {
    let key = key();
    (ca.issue(&issue, &key).unwrap(), key)
}

pub fn identity(pair: &(Certificate, PrivateKey)) -> Identity {
    Identity::new(pair.0.x509().clone(), Vec::new(), pair.1.to_pkey()).unwrap()
}

/// The check that a gateway makes: a path to one of the anchors, for this end of TLS.
pub fn trusting(anchors: &[&DevCa], crls: &[Crl], purpose: Use) -> Arc<dyn PeerCheck> {
    let mut trust = TrustAnchors::new();
    anchors.iter().for_each(|ca| trust.add_anchor(ca.certificate().clone()));
    crls.iter().for_each(|crl| trust.add_crl(crl.clone()));
    Arc::new(move |peer: &PeerCertificates| {
        let bad = |error: coconnect::pki::Error| Refusal::Bad(error.to_string());
        let leaf = Certificate::from_der(peer.leaf_der()).map_err(bad)?;
        let chain: Result<Vec<_>, _> = peer.chain_der().iter().map(|der| Certificate::from_der(der)).collect();
        match trust.check(&leaf, &chain.map_err(bad)?, now(), purpose) {
            Ok(_) => Ok(()),
            Err(error @ (PathError::Expired { .. } | PathError::NotYetValid { .. })) => {
                Err(Refusal::Expired(error.to_string()))
            }
            Err(error @ PathError::Revoked { .. }) => Err(Refusal::Revoked(error.to_string())),
            Err(error @ PathError::WrongUse { .. }) => Err(Refusal::WrongUse(error.to_string())),
            Err(error) => Err(Refusal::Unknown(error.to_string())),
        }
    })
}

pub fn server_tls(ca: &DevCa, pair: &(Certificate, PrivateKey)) -> Arc<ServerTls> {
    let check = trusting(&[ca], &[], Use::TlsClient);
    Arc::new(ServerTls::new(&identity(pair), ClientCertificate::Required, check).unwrap())
}

pub fn client_tls(ca: &DevCa, pair: Option<&(Certificate, PrivateKey)>) -> Arc<ClientTls> {
    let check = trusting(&[ca], &[], Use::TlsServer);
    Arc::new(ClientTls::new(pair.map(identity).as_ref(), ServerName::Checked, check).unwrap())
}

pub fn everywhere() -> Arc<ArcSwap<AllowList>> {
    Arc::new(ArcSwap::from_pointee(AllowList::everywhere()))
}

/// Serves one handler over TLS with a certificate of `ca`.
pub async fn serve<F, R>(ca: &DevCa, handler: F) -> Server
where
    F: Fn(Request) -> R + Send + Sync + 'static,
    R: Future<Output = Response> + Send + 'static,
{
    let tls = server_tls(ca, &certificate(ca, "server"));
    let builder = ServerBuilder::new(Arc::new(RealClock::new()), Limits::default());
    builder.tls(ANY_PORT, tls, everywhere(), Arc::new(handler)).start().await.unwrap()
}

/// Serves one handler without TLS on a clock that the test moves.
pub async fn serve_plain<F, R>(limits: Limits, handler: F) -> (Server, Arc<MockClock>)
where
    F: Fn(Request) -> R + Send + Sync + 'static,
    R: Future<Output = Response> + Send + 'static,
{
    let clock = Arc::new(MockClock::new(now()));
    let builder = ServerBuilder::new(Arc::clone(&clock) as Arc<dyn Clock>, limits);
    (builder.danger_plain_loopback(ANY_PORT, Arc::new(handler)).start().await.unwrap(), clock)
}

/// Reads the body and sends it back.
pub async fn echo(mut request: Request) -> Response {
    match request.body.read(1_000_000, Duration::from_secs(60)).await {
        Ok(body) => Response::new(StatusCode::OK).body(body),
        Err(error) => Response::new(StatusCode::BAD_REQUEST).body(error.to_string()),
    }
}

/// A client of the first address of a server.
pub fn client(server: &Server, tls: Arc<ClientTls>) -> Client {
    let endpoint = format!("https://localhost:{}", server.addresses()[0].port());
    Client::new(&endpoint, tls, ClientSettings::default(), Arc::new(RealClock::new())).unwrap()
}

pub fn post(body: impl Into<Bytes>) -> Post<'static> {
    Post {
        path: "/send-co",
        headers: HeaderMap::new(),
        basic: None,
        body: body.into(),
        deadline: Duration::from_secs(20),
        answer_max: 1_000_000,
    }
}

pub async fn send(client: &Client, body: &str) -> Result<Answer, ClientError> {
    client.post(post(body.to_owned())).await
}

/// What the client's TLS says went wrong.
pub fn tls_reason(outcome: Result<Answer, ClientError>) -> String {
    match outcome {
        Err(ClientError::Tls { source, .. }) => source.to_string(),
        other => panic!("expected an error of TLS, came {:?}", other.map(|answer| answer.status)),
    }
}

/// Sends octets as they are and reads to the end of the connection.
pub async fn raw(address: SocketAddr, octets: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(octets).await.unwrap();
    read_all(&mut stream).await
}

pub async fn read_all(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset after the answer is an end like any other.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

/// Moves the clock in steps until the future ends.
pub async fn while_time_passes<T>(clock: &MockClock, step: Duration, future: impl Future<Output = T>) -> T {
    tokio::pin!(future);
    for _ in 0..2_000 {
        tokio::select! {
            biased;
            outcome = future.as_mut() => return outcome,
            () = tokio::time::sleep(Duration::from_millis(2)) => clock.advance(step),
        }
    }
    panic!("still waiting after {:?} of clock time", step * 2_000)
}

/// Waits for something that another task brings about.
pub async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..2_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("never came true: {what}");
}
