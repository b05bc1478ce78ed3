//! Listeners: TLS, plain on loopback, Unix socket. One connection is one task; one request is one more, which lives on when
//! the client goes away.
//!
//! Whatever a peer could use up has a bound in [`Limits`]: connections, handshakes, header octets and time, body rate, time
//! of a write. Bodies are bounded where they are read ([`Body::read`]).

use std::collections::HashMap;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{Notify, watch};
use tracing::{debug, info, warn};

use super::address::AllowList;
use super::body::Body;
use super::connection;
use super::tls::{PeerCertificates, ServerTls};
use crate::base::Clock;

/// Bounds of a server, all listeners together unless said otherwise.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections open at a time. Each costs about 30 KiB while idle.
    pub connections_max: usize,
    /// Connections open at a time from one address.
    pub connections_per_address_max: usize,
    /// Time for a handshake.
    pub handshake_timeout: Duration,
    /// Time for the head of a request, counted from the end of the last answer: also how long a connection may idle.
    pub header_timeout: Duration,
    /// Octets of the head of a request; at least 8192.
    pub header_bytes_max: usize,
    /// Header fields of a request.
    pub headers_max: usize,
    /// Octets a second that a body must come at on average, after the grace. 0 asks for none.
    pub body_rate_min: u64,
    /// How long a body may fall behind its rate.
    pub body_rate_grace: Duration,
    /// Time a peer may take none of the answer.
    pub write_timeout: Duration,
    /// Octets of an unread body that are thrown away so that the peer can read its answer.
    pub linger_bytes_max: u64,
    /// Time for that.
    pub linger_timeout: Duration,
    /// Time in which a connection that is opened or idle when the drain begins may still send a request.
    pub drain_grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 1_024,
            connections_per_address_max: 128,
            handshake_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(30),
            header_bytes_max: 32 * 1024,
            headers_max: 64,
            body_rate_min: 1_024,
            body_rate_grace: Duration::from_secs(10),
            write_timeout: Duration::from_secs(30),
            linger_bytes_max: 2 * crate::base::limits::MESSAGE_BYTES_MAX as u64,
            linger_timeout: Duration::from_secs(2),
            drain_grace: Duration::from_millis(500),
        }
    }
}

/// A TCP port on 127.0.0.1 that is free now: for configurations that must name one before anything listens.
///
/// # Errors
/// When the system has none.
pub fn free_loopback_port() -> std::io::Result<u16> {
    Ok(std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Where a connection comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PeerAddress {
    /// Over TCP.
    Tcp(SocketAddr),
    /// Over the Unix socket; the user was checked.
    Unix {
        /// The user's id.
        uid: u32,
    },
}

impl PeerAddress {
    /// The IP address, where there is one.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp(address) => Some(address.ip().to_canonical()),
            Self::Unix { .. } => None,
        }
    }
}

/// Who is at the other end.
#[derive(Clone, Debug)]
pub struct Peer {
    /// From where.
    pub address: PeerAddress,
    /// What the client showed in TLS; trusted by the listener's check, not yet bound to a partner.
    pub certificates: Option<PeerCertificates>,
    /// `TLSv1.3`, `TLSv1.2`, or nothing on a plain connection.
    pub tls_version: Option<&'static str>,
}

impl Peer {
    /// The client's certificate, DER.
    #[must_use]
    pub fn certificate_der(&self) -> Option<&[u8]> {
        self.certificates.as_ref().map(PeerCertificates::leaf_der)
    }

    /// The other certificates that the client sent, DER.
    #[must_use]
    pub fn chain_der(&self) -> &[Vec<u8>] {
        self.certificates.as_ref().map(PeerCertificates::chain_der).unwrap_or_default()
    }
}

/// A request, its body unread.
pub struct Request {
    /// GET, POST, ...
    pub method: Method,
    /// The path as sent, percent-encoded; without the query.
    pub path: String,
    /// The query as sent.
    pub query: Option<String>,
    /// The header fields.
    pub headers: HeaderMap,
    /// Who sent it.
    pub peer: Peer,
    /// The body.
    pub body: Body,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The header fields; `Content-Length`, `Date` and `Connection` are added.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Response {
    /// An answer without a body.
    #[must_use]
    pub fn new(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// With a header field. A value that HTTP cannot carry is left out: header values never come from a peer.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// With a body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }
}

/// What [`Handler::handle`] gives.
pub type ResponseFuture = Pin<Box<dyn Future<Output = Response> + Send>>;

/// What is served. A panic in it becomes status 500; a client that goes away does not stop it.
pub trait Handler: Send + Sync + 'static {
    /// Answers a request.
    fn handle(&self, request: Request) -> ResponseFuture;
}

impl<F, R> Handler for F
where
    F: Fn(Request) -> R + Send + Sync + 'static,
    R: Future<Output = Response> + Send + 'static,
{
    fn handle(&self, request: Request) -> ResponseFuture {
        Box::pin(self(request))
    }
}

/// Counters since the start; `open` ones are of the moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Metrics {
    /// Connections accepted.
    pub accepted: u64,
    /// Closed at once: address in no list, or a user that may not.
    pub refused_address: u64,
    /// Closed at once: too many connections.
    pub refused_full: u64,
    /// Handshakes that failed.
    pub handshakes_failed: u64,
    /// Connections open now.
    pub connections_open: u64,
    /// Requests begun.
    pub requests: u64,
    /// Requests being answered now.
    pub requests_open: u64,
    /// Handlers that panicked.
    pub panics: u64,
}

#[derive(Default)]
pub(super) struct Counters {
    accepted: AtomicU64,
    refused_address: AtomicU64,
    refused_full: AtomicU64,
    handshakes_failed: AtomicU64,
    connections_open: AtomicU64,
    pub requests: AtomicU64,
    pub requests_open: AtomicU64,
    pub panics: AtomicU64,
}

/// What all connections of a server share.
pub(super) struct Shared {
    pub clock: Arc<dyn Clock>,
    pub limits: Limits,
    pub counters: Counters,
    pub draining: AtomicBool,
    /// Wakes the drain when a connection or a request ends.
    pub ended: Notify,
    per_address: Mutex<HashMap<IpAddr, usize>>,
    open: AtomicUsize,
}

/// How far a drain has come; connections follow it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Phase {
    Serving,
    Draining,
    Cut,
}

/// What remains when a drain ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Drained {
    /// Connections that were cut at the deadline.
    pub connections_cut: u64,
    /// Requests still being answered at the deadline; they are not stopped.
    pub requests_left: u64,
}

type AllowLists = Arc<ArcSwap<AllowList>>;

enum Planned {
    Tls { address: SocketAddr, tls: Arc<ServerTls>, allow: AllowLists, handler: Arc<dyn Handler> },
    Loopback { address: SocketAddr, handler: Arc<dyn Handler> },
    Unix { path: PathBuf, handler: Arc<dyn Handler> },
}

/// Collects listeners.
pub struct ServerBuilder {
    clock: Arc<dyn Clock>,
    limits: Limits,
    planned: Vec<Planned>,
}

impl ServerBuilder {
    /// A server without listeners.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, limits: Limits) -> Self {
        Self { clock, limits, planned: Vec::new() }
    }

    /// Listens with TLS; addresses outside `allow`, which may be swapped at any time, are closed at accept.
    #[must_use]
    pub fn tls(
        mut self,
        address: SocketAddr,
        tls: Arc<ServerTls>,
        allow: AllowLists,
        handler: Arc<dyn Handler>,
    ) -> Self {
        self.planned.push(Planned::Tls { address, tls, allow, handler });
        self
    }

    /// Listens without TLS, on a loopback address only: for development.
    #[must_use]
    pub fn danger_plain_loopback(mut self, address: SocketAddr, handler: Arc<dyn Handler>) -> Self {
        self.planned.push(Planned::Loopback { address, handler });
        self
    }

    /// Listens on a Unix socket of mode 0600, for this user and root.
    #[must_use]
    pub fn unix(mut self, path: impl Into<PathBuf>, handler: Arc<dyn Handler>) -> Self {
        self.planned.push(Planned::Unix { path: path.into(), handler });
        self
    }

    /// Binds every listener and begins to accept.
    ///
    /// # Errors
    /// [`std::io::Error`] with the address in its text; then nothing listens.
    pub async fn start(self) -> std::io::Result<Server> {
        let (phase, _) = watch::channel(Phase::Serving);
        let shared = Arc::new(Shared {
            clock: self.clock,
            counters: Counters::default(),
            draining: AtomicBool::new(false),
            ended: Notify::new(),
            per_address: Mutex::new(HashMap::new()),
            open: AtomicUsize::new(0),
            limits: self.limits,
        });
        let mut bound = Vec::new();
        for planned in self.planned {
            bound.push(bind(planned).await?);
        }
        let mut server = Server { shared, phase, addresses: Vec::new(), sockets: Vec::new() };
        for listener in bound {
            server.accept_on(listener);
        }
        Ok(server)
    }
}

enum Bound {
    Tcp { listener: TcpListener, tls: Option<(Arc<ServerTls>, AllowLists)>, handler: Arc<dyn Handler> },
    Unix { listener: UnixListener, path: PathBuf, handler: Arc<dyn Handler> },
}

async fn bind(planned: Planned) -> std::io::Result<Bound> {
    let named = |what: &dyn std::fmt::Display, error: std::io::Error| {
        std::io::Error::new(error.kind(), format!("cannot listen on {what}: {error}"))
    };
    let tcp =
        |address: SocketAddr| async move { TcpListener::bind(address).await.map_err(|error| named(&address, error)) };
    match planned {
        Planned::Tls { address, tls, allow, handler } => {
            Ok(Bound::Tcp { listener: tcp(address).await?, tls: Some((tls, allow)), handler })
        }
        Planned::Loopback { address, .. } if !address.ip().is_loopback() => {
            let reason = format!("plain HTTP is for loopback only, not for {address}");
            Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, reason))
        }
        Planned::Loopback { address, handler } => Ok(Bound::Tcp { listener: tcp(address).await?, tls: None, handler }),
        Planned::Unix { path, handler } => {
            let listener = bind_unix(&path).map_err(|error| named(&path.display(), error))?;
            Ok(Bound::Unix { listener, path, handler })
        }
    }
}

/// Binds in a folder that only its owner may enter, and renames the socket into place when its mode is set: whatever the
/// umask, nobody else connects to a half-made one, and one left by a crash is replaced. Whether another server runs is told
/// by its lock on the store, not by the socket.
fn bind_unix(path: &Path) -> std::io::Result<UnixListener> {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}", std::process::id()));
    let making = path.with_file_name(name);
    let socket = making.join("s");
    // Left by a crash under the same process id.
    for left in [std::fs::remove_file(&socket), std::fs::remove_dir(&making)] {
        match left {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    std::fs::DirBuilder::new().mode(0o700).create(&making)?;
    let bound = UnixListener::bind(&socket).and_then(|listener| {
        std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o600))?;
        std::fs::rename(&socket, path)?;
        Ok(listener)
    });
    if bound.is_err() {
        let _ = std::fs::remove_file(&socket);
    }
    std::fs::remove_dir(&making)?;
    bound
}

/// A running server. Dropping it stops accepting; [`Server::drain`] ends it in good order.
pub struct Server {
    shared: Arc<Shared>,
    phase: watch::Sender<Phase>,
    addresses: Vec<SocketAddr>,
    sockets: Vec<PathBuf>,
}

impl Server {
    /// The TCP addresses bound, in the order in which they were asked for; the port is the real one.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The counters.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let counters = &self.shared.counters;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Metrics {
            accepted: read(&counters.accepted),
            refused_address: read(&counters.refused_address),
            refused_full: read(&counters.refused_full),
            handshakes_failed: read(&counters.handshakes_failed),
            connections_open: read(&counters.connections_open),
            requests: read(&counters.requests),
            requests_open: read(&counters.requests_open),
            panics: read(&counters.panics),
        }
    }

    /// Stops accepting, lets every request that has begun be answered, gives opened and idle connections a moment for one
    /// more (an answer then says `Connection: close`), and cuts what is left at the deadline. Requests that still run then
    /// are counted, not stopped.
    pub async fn drain(&self, deadline: Duration) -> Drained {
        self.shared.draining.store(true, Ordering::SeqCst);
        self.phase.send_replace(Phase::Draining);
        for socket in &self.sockets {
            // Gone already, or replaced by a successor: either way not ours to worry about.
            let _ = std::fs::remove_file(socket);
        }
        tokio::select! {
            biased;
            () = self.all_ended() => {}
            () = self.shared.clock.sleep(deadline) => {}
        }
        let left = self.metrics();
        self.phase.send_replace(Phase::Cut);
        Drained { connections_cut: left.connections_open, requests_left: left.requests_open }
    }

    async fn all_ended(&self) {
        loop {
            let ended = self.shared.ended.notified();
            tokio::pin!(ended);
            // Registered before the counters are read, so that no ending is missed.
            ended.as_mut().enable();
            let metrics = self.metrics();
            if metrics.connections_open == 0 && metrics.requests_open == 0 {
                return;
            }
            ended.await;
        }
    }

    fn accept_on(&mut self, bound: Bound) {
        let shared = Arc::clone(&self.shared);
        let phase = self.phase.subscribe();
        match bound {
            Bound::Tcp { listener, tls, handler } => {
                if let Ok(address) = listener.local_addr() {
                    self.addresses.push(address);
                }
                tokio::spawn(accept_tcp(listener, tls, handler, shared, phase));
            }
            Bound::Unix { listener, path, handler } => {
                self.sockets.push(path);
                tokio::spawn(accept_unix(listener, handler, shared, phase));
            }
        }
    }
}

/// Ends when the phase leaves `Serving`, or the server is gone.
async fn serving_ends(phase: &mut watch::Receiver<Phase>) {
    // An error means that the server was dropped.
    let _ = phase.wait_for(|phase| *phase != Phase::Serving).await;
}

async fn accept_tcp(
    listener: TcpListener,
    tls: Option<(Arc<ServerTls>, AllowLists)>,
    handler: Arc<dyn Handler>,
    shared: Arc<Shared>,
    mut phase: watch::Receiver<Phase>,
) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = serving_ends(&mut phase) => return,
            accepted = listener.accept() => accepted,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                accept_failed(&shared, &error).await;
                continue;
            }
        };
        let ip = address.ip().to_canonical();
        if tls.as_ref().is_some_and(|(_, allow)| !allow.load().contains(ip)) {
            count(&shared.counters.refused_address);
            debug!(%address, "connection refused: address in no list");
            continue;
        }
        let Some(place) = Place::take(&shared, Some(ip)) else {
            debug!(%address, "connection refused: too many");
            continue;
        };
        let tls = tls.as_ref().map(|(tls, _)| Arc::clone(tls));
        let handler = Arc::clone(&handler);
        tokio::spawn(serve_tcp(stream, address, tls, handler, place, phase.clone()));
    }
}

async fn serve_tcp(
    stream: TcpStream,
    address: SocketAddr,
    tls: Option<Arc<ServerTls>>,
    handler: Arc<dyn Handler>,
    place: Place,
    phase: watch::Receiver<Phase>,
) {
    // Answers are written in one piece; waiting for more would only delay them.
    let _ = stream.set_nodelay(true);
    let shared = Arc::clone(&place.shared);
    let mut peer = Peer { address: PeerAddress::Tcp(address), certificates: None, tls_version: None };
    let Some(tls) = tls else {
        return connection::serve(stream, peer, handler, shared, phase).await;
    };
    let secured = tokio::select! {
        biased;
        secured = tls.accept(stream) => secured,
        () = shared.clock.sleep(shared.limits.handshake_timeout) => {
            count(&shared.counters.handshakes_failed);
            return debug!(%address, "handshake timed out");
        }
    };
    match secured {
        Ok(secured) => {
            peer.certificates = secured.peer;
            peer.tls_version = Some(secured.version);
            connection::serve(secured.stream, peer, handler, shared, phase).await;
        }
        Err(failed) => {
            count(&shared.counters.handshakes_failed);
            info!(%address, error = %failed.error, "handshake failed");
            if let Some(mut stream) = failed.stream {
                part(stream.get_mut(), &shared).await;
            }
        }
    }
}

/// Closes our side and takes what the peer is still sending: a reset would reach it before it has read the alert.
async fn part(stream: &mut TcpStream, shared: &Shared) {
    const OCTETS_MAX: u64 = 64 * 1024;
    let parting = async {
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(OCTETS_MAX), &mut tokio::io::sink()).await
    };
    tokio::select! {
        // Gone is gone, however.
        _ = parting => {}
        () = shared.clock.sleep(shared.limits.linger_timeout) => {}
    }
}

async fn accept_unix(
    listener: UnixListener,
    handler: Arc<dyn Handler>,
    shared: Arc<Shared>,
    mut phase: watch::Receiver<Phase>,
) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = serving_ends(&mut phase) => return,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                accept_failed(&shared, &error).await;
                continue;
            }
        };
        let Some(uid) = allowed_user(&stream) else {
            count(&shared.counters.refused_address);
            warn!("connection to the admin socket refused: another user");
            continue;
        };
        let Some(place) = Place::take(&shared, None) else { continue };
        let handler = Arc::clone(&handler);
        let phase = phase.clone();
        tokio::spawn(async move {
            let shared = Arc::clone(&place.shared);
            let peer = Peer { address: PeerAddress::Unix { uid }, certificates: None, tls_version: None };
            connection::serve(stream, peer, handler, shared, phase).await;
        });
    }
}

/// This user, and root.
fn allowed_user(stream: &UnixStream) -> Option<u32> {
    let uid = stream.peer_cred().ok()?.uid();
    (uid == 0 || uid == rustix::process::geteuid().as_raw()).then_some(uid)
}

/// Accepting fails when descriptors run out; trying again at once would only burn the processor.
async fn accept_failed(shared: &Shared, error: &std::io::Error) {
    warn!(%error, "accepting a connection failed");
    shared.clock.sleep(Duration::from_millis(100)).await;
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// A connection's place within the bounds, given back when dropped.
struct Place {
    shared: Arc<Shared>,
    address: Option<IpAddr>,
}

impl Place {
    fn take(shared: &Arc<Shared>, address: Option<IpAddr>) -> Option<Self> {
        if shared.open.fetch_add(1, Ordering::SeqCst) >= shared.limits.connections_max {
            shared.open.fetch_sub(1, Ordering::SeqCst);
            count(&shared.counters.refused_full);
            return None;
        }
        if let Some(address) = address {
            let mut per_address = shared.per_address.lock().expect("no holder of this lock panics");
            let open = per_address.entry(address).or_default();
            if *open >= shared.limits.connections_per_address_max {
                drop(per_address);
                shared.open.fetch_sub(1, Ordering::SeqCst);
                count(&shared.counters.refused_full);
                return None;
            }
            *open += 1;
        }
        count(&shared.counters.accepted);
        count(&shared.counters.connections_open);
        Some(Self { shared: Arc::clone(shared), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(address) = self.address {
            let mut per_address = self.shared.per_address.lock().expect("no holder of this lock panics");
            if let Some(open) = per_address.get_mut(&address) {
                *open = open.saturating_sub(1);
                if *open == 0 {
                    per_address.remove(&address);
                }
            }
        }
        self.shared.open.fetch_sub(1, Ordering::SeqCst);
        self.shared.counters.connections_open.fetch_sub(1, Ordering::SeqCst);
        self.shared.ended.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_is_for_its_owner_alone_and_leaves_nothing_beside_it() {
        use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        // What a crash left: the folder that is bound in, and a socket in its place.
        let left = folder.path().join(format!(".admin.sock.{}", std::process::id()));
        std::fs::DirBuilder::new().mode(0o700).create(&left).unwrap();
        drop(std::os::unix::net::UnixListener::bind(left.join("s")).unwrap());
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let _listener = bind_unix(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        // A name that cannot be bound: the folder in between goes all the same.
        let taken = folder.path().join("folder");
        std::fs::create_dir(&taken).unwrap();
        assert!(bind_unix(&taken).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
