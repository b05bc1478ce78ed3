//! The client: one attempt under one deadline. It never tries again by itself, follows no redirect and talks only to the
//! endpoint it was made for.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, HOST, HeaderValue};
use hyper::{HeaderMap, Method, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tracing::debug;

use super::basic::Basic;
use super::tls::{self, ClientTls, PeerCertificates, TlsError};
use crate::base::Clock;

/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 8;
/// Octets of the head of an answer.
const HEADER_BYTES_MAX: usize = 32 * 1024;

/// Where an attempt stood.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Stage {
    /// Asking for the address of the name.
    Resolve = 0,
    /// Connecting.
    Connect = 1,
    /// In the TLS handshake.
    Handshake = 2,
    /// Sending, or waiting for the head of the answer: the peer may have acted on the request.
    Exchange = 3,
    /// Reading the body of the answer.
    Read = 4,
}

impl Stage {
    fn from_u8(value: u8) -> Self {
        match value {
            0 => Self::Resolve,
            1 => Self::Connect,
            2 => Self::Handshake,
            3 => Self::Exchange,
            _ => Self::Read,
        }
    }
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Resolve => "resolving the name",
            Self::Connect => "connecting",
            Self::Handshake => "the TLS handshake",
            Self::Exchange => "sending or waiting for the answer",
            Self::Read => "reading the answer",
        })
    }
}

/// Why an attempt failed. All but [`ClientError::Endpoint`] may be otherwise next time.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The endpoint is no `https` URL of a host.
    #[error("endpoint {url:?}: {reason}")]
    Endpoint {
        /// The URL.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The name has no address.
    #[error("no address for {host}")]
    Resolve {
        /// The name.
        host: String,
        /// The resolver's words.
        #[source]
        source: std::io::Error,
    },
    /// No address of the name takes the connection.
    #[error("cannot connect to {host} ({address})")]
    Connect {
        /// The name.
        host: String,
        /// The address tried last.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The handshake failed, or the peer refused our certificate right after it.
    #[error("TLS with {host}")]
    Tls {
        /// The name.
        host: String,
        /// Why.
        #[source]
        source: TlsError,
    },
    /// The deadline passed.
    #[error("no answer within {after:?}, passed in {stage}")]
    Timeout {
        /// The deadline.
        after: Duration,
        /// How far the attempt had come.
        stage: Stage,
    },
    /// The connection broke, or what came is not HTTP.
    #[error("HTTP failed in {stage}")]
    Http {
        /// How far the attempt had come.
        stage: Stage,
        /// hyper's words.
        #[source]
        source: hyper::Error,
    },
    /// The answer is larger than allowed.
    #[error("answer of at most {limit} octets expected, {came} came or were announced")]
    TooLarge {
        /// The ceiling.
        limit: usize,
        /// Octets that came or were announced.
        came: u64,
    },
    /// The Unix socket cannot be connected to: nobody serves.
    #[error("cannot connect to {}", path.display())]
    Socket {
        /// The socket.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Times and numbers of a client.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// Time for one address; the whole attempt has the deadline of the request.
    pub connect_timeout: Duration,
    /// How long a connection is kept for the next request; shorter than servers keep theirs, so that few requests meet a
    /// closing one. Zero keeps none.
    pub idle_timeout: Duration,
    /// Connections kept.
    pub idle_max: usize,
    /// Whether `http://` to a loopback address is allowed: for development.
    pub danger_plain_loopback: bool,
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(15),
            idle_max: 8,
            danger_plain_loopback: false,
        }
    }
}

/// One request.
#[derive(Clone, Debug)]
pub struct Post<'a> {
    /// Appended to the endpoint's path: `/send-co`.
    pub path: &'a str,
    /// Header fields, `Content-Type` and `SOAPAction` among them. `Host` and `Content-Length` are added.
    pub headers: HeaderMap,
    /// Credentials.
    pub basic: Option<&'a Basic>,
    /// The body.
    pub body: Bytes,
    /// The time for everything.
    pub deadline: Duration,
    /// Octets of the answer's body.
    pub answer_max: usize,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status, whatever it is.
    pub status: StatusCode,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// What the server showed in TLS.
    pub certificates: Option<PeerCertificates>,
}

/// The client of one endpoint of one partner.
pub struct Client {
    endpoint: Endpoint,
    tls: Arc<ClientTls>,
    settings: ClientSettings,
    clock: Arc<dyn Clock>,
    pool: Arc<Pool>,
}

struct Endpoint {
    host: String,
    /// As in `Host`: with the port unless it is the scheme's own.
    authority: HeaderValue,
    port: u16,
    prefix: String,
    plain: bool,
}

impl Endpoint {
    fn parse(url: &str, settings: &ClientSettings) -> Result<Self, ClientError> {
        let wrong = |reason| ClientError::Endpoint { url: url.to_owned(), reason };
        let uri: Uri = url.parse().map_err(|_| wrong("not a URL"))?;
        let plain = match uri.scheme_str() {
            Some("https") => false,
            Some("http") if settings.danger_plain_loopback => true,
            _ => return Err(wrong("https expected")),
        };
        let authority = uri.authority().ok_or_else(|| wrong("a host expected"))?;
        if authority.as_str().contains('@') || uri.query().is_some() {
            return Err(wrong("neither credentials nor a query belong into it"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(wrong("a host expected"));
        }
        let port = authority.port_u16().unwrap_or(if plain { 80 } else { 443 });
        let prefix = uri.path().trim_end_matches('/').to_owned();
        let authority = HeaderValue::from_str(authority.as_str()).map_err(|_| wrong("a host expected"))?;
        Ok(Self { host, authority, port, prefix, plain })
    }
}

/// A connection ready for a request.
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    certificates: Option<PeerCertificates>,
    generation: u64,
}

#[derive(Default)]
struct Pool {
    idle: Mutex<Vec<(Duration, Connection)>>,
}

impl Pool {
    /// The connection that was used last, if it is still good.
    fn take(&self, now: Duration, settings: &ClientSettings, generation: u64) -> Option<Connection> {
        let mut idle = self.idle.lock().expect("no holder of this lock panics");
        while let Some((since, connection)) = idle.pop() {
            let fresh = now.saturating_sub(since) < settings.idle_timeout;
            if fresh && connection.generation == generation && connection.sender.is_ready() {
                return Some(connection);
            }
        }
        None
    }

    fn drop_old(&self, now: Duration, idle_timeout: Duration) {
        let mut idle = self.idle.lock().expect("no holder of this lock panics");
        idle.retain(|(since, connection)| now.saturating_sub(*since) < idle_timeout && !connection.sender.is_closed());
    }
}

impl Client {
    /// A client for an endpoint: `https://prod.coconnect.customs.example`, with or without a path.
    ///
    /// # Errors
    /// [`ClientError::Endpoint`].
    pub fn new(
        endpoint: &str,
        tls: Arc<ClientTls>,
        settings: ClientSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ClientError> {
        let endpoint = Endpoint::parse(endpoint, &settings)?;
        Ok(Self { endpoint, tls, settings, clock, pool: Arc::default() })
    }

    /// The whole URL of a path, as `wsa:To` carries it.
    #[must_use]
    pub fn url_of(&self, path: &str) -> String {
        let scheme = if self.endpoint.plain { "http" } else { "https" };
        let authority = self.endpoint.authority.to_str().unwrap_or_default();
        format!("{scheme}://{authority}{}{path}", self.endpoint.prefix)
    }

    /// Sends a POST and reads the answer. Every status is an answer.
    ///
    /// # Errors
    /// [`ClientError`]. From [`Stage::Exchange`] on the peer may have acted on the request.
    pub async fn post(&self, post: Post<'_>) -> Result<Answer, ClientError> {
        self.send_as(Method::POST, post).await
    }

    /// The same with another method: what a conformance tester asks of the HTTP layer.
    ///
    /// # Errors
    /// As [`Client::post`].
    pub async fn send_as(&self, method: Method, post: Post<'_>) -> Result<Answer, ClientError> {
        let stage = AtomicU8::new(Stage::Resolve as u8);
        let after = post.deadline;
        let attempt = self.attempt(method, post, &stage);
        tokio::select! {
            biased;
            outcome = attempt => outcome,
            () = self.clock.sleep(after) => {
                Err(ClientError::Timeout { after, stage: Stage::from_u8(stage.load(Ordering::Relaxed)) })
            }
        }
    }

    async fn attempt(&self, method: Method, post: Post<'_>, stage: &AtomicU8) -> Result<Answer, ClientError> {
        let request = self.request(method, &post)?;
        let (connection, response) = self.send(request, stage).await?;
        stage.store(Stage::Read as u8, Ordering::Relaxed);
        let certificates = connection.certificates.clone();
        let answer =
            read_answer(response, post.answer_max, certificates, |error| self.http_error(stage, error)).await?;
        self.keep(connection);
        Ok(answer)
    }

    /// Sends on a kept connection, or on a new one.
    async fn send(
        &self,
        mut request: hyper::Request<Full<Bytes>>,
        stage: &AtomicU8,
    ) -> Result<(Connection, hyper::Response<Incoming>), ClientError> {
        let generation = self.tls.generation();
        while let Some(mut connection) = self.pool.take(self.clock.elapsed(), &self.settings, generation) {
            stage.store(Stage::Exchange as u8, Ordering::Relaxed);
            match connection.sender.try_send_request(request).await {
                Ok(response) => return Ok((connection, response)),
                Err(mut failed) => match failed.take_message() {
                    // It closed before an octet of the request was written: nothing was tried yet.
                    Some(unsent) => request = unsent,
                    None => return Err(self.http_error(stage, failed.into_error())),
                },
            }
        }
        let mut connection = self.connect(stage, generation).await?;
        stage.store(Stage::Exchange as u8, Ordering::Relaxed);
        let response = connection.sender.send_request(request).await;
        Ok((connection, response.map_err(|error| self.http_error(stage, error))?))
    }

    fn request(&self, method: Method, post: &Post<'_>) -> Result<hyper::Request<Full<Bytes>>, ClientError> {
        let path = format!("{}{}", self.endpoint.prefix, post.path);
        let wrong = || ClientError::Endpoint { url: path.clone(), reason: "not a path" };
        let uri: Uri = path.parse().map_err(|_| wrong())?;
        if !path.starts_with('/') {
            return Err(wrong());
        }
        let mut request = hyper::Request::new(Full::new(post.body.clone()));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = post.headers.clone();
        request.headers_mut().insert(HOST, self.endpoint.authority.clone());
        if let Some(basic) = post.basic {
            request.headers_mut().insert(AUTHORIZATION, basic.to_header());
        }
        Ok(request)
    }

    async fn connect(&self, stage: &AtomicU8, generation: u64) -> Result<Connection, ClientError> {
        let host = &self.endpoint.host;
        stage.store(Stage::Resolve as u8, Ordering::Relaxed);
        let resolve = |source| ClientError::Resolve { host: host.clone(), source };
        let addresses = lookup_host((host.as_str(), self.endpoint.port)).await.map_err(resolve)?;
        let addresses: Vec<SocketAddr> = addresses.take(ADDRESSES_MAX).collect();
        stage.store(Stage::Connect as u8, Ordering::Relaxed);
        let stream = self.connect_tcp(&addresses).await?;
        // A request is written in one piece.
        let _ = stream.set_nodelay(true);
        if self.endpoint.plain {
            let sender = open(stream).await.map_err(|error| self.http_error(stage, error))?;
            return Ok(Connection { sender, certificates: None, generation });
        }
        stage.store(Stage::Handshake as u8, Ordering::Relaxed);
        let tls = |source| ClientError::Tls { host: host.clone(), source };
        let secured = self.tls.connect(host, stream).await.map_err(tls)?;
        let sender = open(secured.stream).await.map_err(|error| self.http_error(stage, error))?;
        Ok(Connection { sender, certificates: secured.peer, generation })
    }

    /// Tries the addresses one after the other.
    async fn connect_tcp(&self, addresses: &[SocketAddr]) -> Result<TcpStream, ClientError> {
        let host = || self.endpoint.host.clone();
        let mut last = ClientError::Resolve { host: host(), source: std::io::ErrorKind::NotFound.into() };
        for address in addresses.iter().copied() {
            if self.endpoint.plain && !address.ip().is_loopback() {
                let url = self.url_of("");
                return Err(ClientError::Endpoint { url, reason: "plain HTTP goes to loopback only" });
            }
            let outcome = tokio::select! {
                biased;
                outcome = TcpStream::connect(address) => outcome,
                () = self.clock.sleep(self.settings.connect_timeout) => Err(std::io::ErrorKind::TimedOut.into()),
            };
            match outcome {
                Ok(stream) => return Ok(stream),
                Err(source) => last = ClientError::Connect { host: host(), address, source },
            }
        }
        Err(last)
    }

    /// Keeps a connection for the next request, and sees to it that it is closed in time when none comes.
    fn keep(&self, connection: Connection) {
        let idle_timeout = self.settings.idle_timeout;
        if idle_timeout.is_zero() || connection.sender.is_closed() {
            return;
        }
        let now = self.clock.elapsed();
        self.pool.drop_old(now, idle_timeout);
        let mut idle = self.pool.idle.lock().expect("no holder of this lock panics");
        if idle.len() >= self.settings.idle_max {
            return;
        }
        idle.push((now, connection));
        drop(idle);
        let (pool, clock) = (Arc::downgrade(&self.pool), Arc::clone(&self.clock));
        tokio::spawn(async move {
            clock.sleep(idle_timeout).await;
            if let Some(pool) = pool.upgrade() {
                pool.drop_old(clock.elapsed(), idle_timeout);
            }
        });
    }

    /// With TLS 1.3 a refusal of our certificate arrives as a broken exchange: it is named as what it is.
    fn http_error(&self, stage: &AtomicU8, error: hyper::Error) -> ClientError {
        match late_alert(&error) {
            Some(source) => ClientError::Tls { host: self.endpoint.host.clone(), source },
            None => ClientError::Http { stage: Stage::from_u8(stage.load(Ordering::Relaxed)), source: error },
        }
    }
}

fn late_alert(error: &hyper::Error) -> Option<TlsError> {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(alert) = cause.downcast_ref::<std::io::Error>().and_then(tls::late_alert) {
            return Some(alert);
        }
        source = cause.source();
    }
    None
}

/// Starts HTTP on a connection; a task of its own moves the octets until the connection or the sender ends.
async fn open<S>(stream: S) -> Result<SendRequest<Full<Bytes>>, hyper::Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = http1::Builder::new();
    builder.max_header_size(HEADER_BYTES_MAX);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            debug!(%error, "outgoing connection ended");
        }
    });
    Ok(sender)
}

async fn read_answer(
    response: hyper::Response<Incoming>,
    answer_max: usize,
    certificates: Option<PeerCertificates>,
    http_error: impl Fn(hyper::Error) -> ClientError,
) -> Result<Answer, ClientError> {
    let (head, mut incoming) = response.into_parts();
    let announced = incoming.size_hint().exact().unwrap_or(0);
    if announced > answer_max as u64 {
        return Err(ClientError::TooLarge { limit: answer_max, came: announced });
    }
    let mut body = Vec::new();
    while let Some(frame) = incoming.frame().await {
        let Ok(data) = frame.map_err(&http_error)?.into_data() else { continue };
        if body.len().saturating_add(data.len()) > answer_max {
            return Err(ClientError::TooLarge { limit: answer_max, came: (body.len() + data.len()) as u64 });
        }
        body.extend_from_slice(&data);
    }
    Ok(Answer { status: head.status, headers: head.headers, body, certificates })
}

/// The client of the admin socket: a connection a request.
pub struct UnixClient {
    path: PathBuf,
    clock: Arc<dyn Clock>,
}

impl UnixClient {
    /// A client for the socket at `path`.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, clock: Arc<dyn Clock>) -> Self {
        Self { path: path.into(), clock }
    }

    /// Sends a request and reads the answer.
    ///
    /// # Errors
    /// [`ClientError::Socket`] when nobody serves; [`ClientError::Timeout`], [`ClientError::Http`],
    /// [`ClientError::TooLarge`].
    pub async fn request(
        &self,
        method: Method,
        path_and_query: &str,
        headers: HeaderMap,
        body: Bytes,
        deadline: Duration,
        answer_max: usize,
    ) -> Result<Answer, ClientError> {
        let attempt = self.attempt(method, path_and_query, headers, body, answer_max);
        tokio::select! {
            biased;
            outcome = attempt => outcome,
            () = self.clock.sleep(deadline) => Err(ClientError::Timeout { after: deadline, stage: Stage::Exchange }),
        }
    }

    async fn attempt(
        &self,
        method: Method,
        path_and_query: &str,
        headers: HeaderMap,
        body: Bytes,
        answer_max: usize,
    ) -> Result<Answer, ClientError> {
        let uri: Uri = path_and_query
            .parse()
            .map_err(|_| ClientError::Endpoint { url: path_and_query.to_owned(), reason: "not a path" })?;
        let socket = |source| ClientError::Socket { path: self.path.clone(), source };
        let stream = UnixStream::connect(&self.path).await.map_err(socket)?;
        let exchange = |source| ClientError::Http { stage: Stage::Exchange, source };
        let mut sender = open(stream).await.map_err(exchange)?;
        let mut request = hyper::Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        request.headers_mut().insert(HOST, HeaderValue::from_static("localhost"));
        let response = sender.send_request(request).await.map_err(exchange)?;
        read_answer(response, answer_max, None, |source| ClientError::Http { stage: Stage::Read, source }).await
    }
}
