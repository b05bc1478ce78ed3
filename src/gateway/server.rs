//! A gateway that serves: listeners for partners, the local API, delivery, reload and drain.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tracing::{error, info, warn};

use super::config::{Config, Transport};
use super::identity::{OwnIdentity, partner_check};
use super::node::{self, Node};
use crate::contract::version::NEWEST;
use crate::contract::{self, Endpoints, Operation, Version, WsdlPolicy};
use crate::exchange;
use crate::net::{self, AllowList, Cidr, ClientCertificate, Handler, Server, ServerBuilder, ServerTls, StatusCode};
use crate::pki::Use;

/// Why a gateway does not serve.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// TLS does not take our certificate.
    #[error("set up TLS")]
    Tls(#[from] net::TlsError),
    /// A listener cannot be bound.
    #[error("listen")]
    Listen(#[source] std::io::Error),
    /// What a reload read is not accepted; everything stays as it was.
    #[error("reload")]
    Reload(#[from] node::Error),
}

/// A serving gateway.
pub struct Serving {
    node: Arc<Node>,
    tls: Arc<ServerTls>,
    allow: Arc<ArcSwap<AllowList>>,
    server: Server,
    stop: tokio::sync::watch::Sender<bool>,
    driver: tokio::task::JoinHandle<()>,
}

/// What a stop left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped {
    /// Connections that were cut at the deadline.
    pub connections_cut: u64,
    /// Requests that were still being answered then.
    pub requests_left: u64,
}

impl Serving {
    /// Opens the doors: partners by the configured listeners, `local` behind the admin socket and the local API.
    ///
    /// # Errors
    /// [`Error`]; then nothing listens.
    pub async fn start(node: Arc<Node>, own: &OwnIdentity, local: Local) -> Result<Self, Error> {
        let check = partner_check(node.exchange.partners().clone(), Arc::clone(&node.clock), Use::TlsClient);
        let tls = Arc::new(ServerTls::new(&own.tls, ClientCertificate::Required, check)?);
        let allow = Arc::new(ArcSwap::from_pointee(allow_list(&node)));
        let mut builder = ServerBuilder::new(Arc::clone(&node.clock), net_limits(&node.config));
        for listener in &node.config.listener {
            let handler: Arc<dyn Handler> =
                Arc::new(Partners { node: Arc::clone(&node), base: node.config.public_url(listener) });
            builder = match listener.transport {
                Transport::Tls => builder.tls(listener.address, Arc::clone(&tls), Arc::clone(&allow), handler),
                Transport::Plain => builder.danger_plain_loopback(listener.address, handler),
            };
        }
        builder = builder.unix(node.config.admin_socket(), local.admin);
        if let (Some(address), Some(api)) = (node.config.local_api.address, local.api) {
            builder = builder.danger_plain_loopback(address, api);
        }
        let server = builder.start().await.map_err(Error::Listen)?;
        let (stop, stopping) = tokio::sync::watch::channel(false);
        let driver = tokio::spawn(Arc::clone(&node.exchange).drive(stopping));
        Ok(Self { node, tls, allow, server, stop, driver })
    }

    /// Where it listens, in the order of the configuration: partners, then the local API.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        self.server.addresses()
    }

    /// Reads certificates, keys and partners again and puts them in force.
    ///
    /// # Errors
    /// [`Error`]: then everything stays as it was.
    pub fn reload(&self) -> Result<(), Error> {
        let own = self.node.reload()?;
        let check = partner_check(self.node.exchange.partners().clone(), Arc::clone(&self.node.clock), Use::TlsClient);
        self.tls.reload(&own.tls, ClientCertificate::Required, check)?;
        self.allow.store(Arc::new(allow_list(&self.node)));
        Ok(())
    }

    /// Takes nothing new, finishes what was accepted and what is being delivered, within the configured time.
    pub async fn stop(self) -> Stopped {
        let deadline = Duration::from_secs(self.node.config.limits.drain_s.into());
        // The driver ends between two deliveries; it may have ended already.
        let _ = self.stop.send(true);
        let drained = self.server.drain(deadline).await;
        let mut driver = self.driver;
        tokio::select! {
            ended = &mut driver => {
                if let Err(e) = ended {
                    error!(error = %e, "the delivery driver ended by itself");
                }
            }
            () = self.node.clock.sleep(deadline) => {
                warn!("a delivery was still under way at the deadline; it is tried again after the start");
                driver.abort();
            }
        }
        Stopped { connections_cut: drained.connections_cut, requests_left: drained.requests_left }
    }

    /// Serves until the process is told to stop (SIGTERM, SIGINT); SIGHUP and `reload` reload.
    ///
    /// # Errors
    /// When signals cannot be received.
    pub async fn until_signal(&self, reload: &tokio::sync::Notify) -> std::io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hangup = signal(SignalKind::hangup())?;
        loop {
            tokio::select! {
                _ = terminate.recv() => return Ok(()),
                _ = interrupt.recv() => return Ok(()),
                _ = hangup.recv() => self.log_reload(),
                () = reload.notified() => self.log_reload(),
                () = self.store_stopped() => {
                    error!("the store has stopped: nothing more is accepted; see the journal's disk, then start again");
                    return Ok(());
                }
            }
        }
    }

    fn log_reload(&self) {
        match self.reload() {
            Ok(()) => info!("reloaded certificates, keys and partners"),
            Err(e) => error!(error = %super::chain(&e), "reload refused, everything stays as it was"),
        }
    }

    /// Ends when the store has met a fatal error: a failed write or sync.
    async fn store_stopped(&self) {
        loop {
            self.node.clock.sleep(Duration::from_secs(1)).await;
            if matches!(self.node.exchange.store().status().refusing, Some(crate::store::CommitError::Stopped { .. })) {
                return;
            }
        }
    }
}

/// What stands behind the local doors.
pub struct Local {
    /// The admin socket.
    pub admin: Arc<dyn Handler>,
    /// The local HTTP API, which asks for its token.
    pub api: Option<Arc<dyn Handler>>,
}

/// The door for partners.
struct Partners {
    node: Arc<Node>,
    base: String,
}

impl Handler for Partners {
    fn handle(&self, request: net::Request) -> net::ResponseFuture {
        if request.method == net::Method::GET
            && let Some(asked) = Asked::read(&request.path, request.query.as_deref())
        {
            let response = asked.answer(&self.base, &accepted(&self.node));
            return Box::pin(std::future::ready(response));
        }
        let exchange = Arc::clone(&self.node.exchange);
        Box::pin(async move { to_net(exchange.inbound(from_net(request)).await) })
    }
}

/// The versions of the WCO Data Model that some partner may send, each once.
fn accepted(node: &Node) -> Vec<Version> {
    let mut all = vec![Version::default()];
    for partner in node.exchange.partners().now().all() {
        for version in partner.accepted_versions().iter() {
            if !all.contains(version) {
                all.push(version.clone());
            }
        }
    }
    all
}

/// A document of the contract that is asked for: the WSDL at `/{operation}?wsdl` and `/coconnect.wsdl`, with `policy=cxf` its
/// policies too, its schemas at `?xsd=NAME` (design 2.1); `wco=CODE` asks for another version than the newest.
#[derive(Debug, PartialEq, Eq, Default)]
struct Asked {
    operation: Option<Operation>,
    policy: WsdlPolicy,
    wco: Option<String>,
    xsd: Option<String>,
}

impl Asked {
    /// None when something else is asked for.
    fn read(path: &str, query: Option<&str>) -> Option<Self> {
        let operation = Operation::from_path(path);
        if operation.is_none() && path != "/coconnect.wsdl" {
            return None;
        }
        let mut asked = Self { operation, ..Self::default() };
        let mut named = operation.is_none();
        for part in query.unwrap_or("").split('&').filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                None if part.eq_ignore_ascii_case("wsdl") => named = true,
                Some((name, value)) if name.eq_ignore_ascii_case("policy") => asked.policy = WsdlPolicy::parse(value)?,
                Some((name, value)) if name.eq_ignore_ascii_case("wco") => asked.wco = Some(value.to_owned()),
                Some((name, value)) if name.eq_ignore_ascii_case("xsd") => {
                    named = true;
                    asked.xsd = Some(value.to_owned());
                }
                _ => return None,
            }
        }
        named.then_some(asked)
    }

    fn answer(&self, base: &str, versions: &[Version]) -> net::Response {
        let text = self.version(versions).and_then(|version| {
            let wco = self.wco.as_ref().map_or_else(String::new, |code| format!("wco={code}&"));
            let schema_prefix = format!("{base}/coconnect.wsdl?{wco}xsd=");
            let endpoints = Endpoints { base: base.to_owned(), schema_prefix };
            match &self.xsd {
                Some(name) => contract::xsd(name, &endpoints, &version.slots).ok_or_else(|| {
                    let known: Vec<&str> = contract::source::XSD.iter().map(|(name, _)| *name).collect();
                    format!("xsd: expected one of {}, came a name that is none of them", known.join(", "))
                }),
                None => Ok(contract::wsdl(&endpoints, self.operation, self.policy, &version.slots)),
            }
        });
        match text {
            Ok(text) => net::Response::new(StatusCode::OK)
                .header(net::header::CONTENT_TYPE, "text/xml; charset=utf-8")
                .body(text),
            Err(why) => net::Response::new(StatusCode::NOT_FOUND)
                .header(net::header::CONTENT_TYPE, "text/plain; charset=utf-8")
                .body(why + "\n"),
        }
    }

    /// The one version that is meant.
    fn version<'a>(&self, versions: &'a [Version]) -> Result<&'a Version, String> {
        let code = self.wco.as_deref().unwrap_or(NEWEST);
        let mut meant = versions.iter().filter(|version| version.code == code);
        match (meant.next(), meant.next()) {
            // Without a code it is the contract as it is published.
            (Some(version), None) => Ok(version),
            (Some(version), Some(_)) if self.wco.is_none() => Ok(version),
            (Some(_), Some(_)) => Err(format!(
                "wco={code}: several agreements have that version, each with namespaces of its own; ask for the files of yours \
                 (coconnect contract wsdl --partner NAME --wco {code})"
            )),
            (None, _) => {
                let mut known: Vec<&str> = versions.iter().map(|version| version.code.as_str()).collect();
                known.dedup();
                Err(format!("wco: expected one of {}, came a version that nobody here accepts", known.join(", ")))
            }
        }
    }
}

fn from_net(request: net::Request) -> exchange::Request {
    let headers = request
        .headers
        .iter()
        // A value that is no text cannot be one that is looked at; it is kept as something that fits nothing.
        .map(|(name, value)| (name.as_str().to_owned(), value.to_str().unwrap_or("\u{fffd}").to_owned()))
        .collect();
    let address = request.peer.address.ip().unwrap_or(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));
    exchange::Request {
        method: request.method.as_str().to_owned(),
        path: request.path,
        headers,
        peer: exchange::Peer {
            address,
            certificate: request.peer.certificates.as_ref().map(|c| c.leaf_der().to_vec()),
        },
        body: Box::new(NetBody(request.body)),
    }
}

fn to_net(response: exchange::Response) -> net::Response {
    let status = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = net::Response::new(status);
    for (name, value) in &response.headers {
        if let Ok(name) = net::header::HeaderName::from_bytes(name.as_bytes()) {
            answer = answer.header(name, value);
        }
    }
    answer.body(response.body)
}

struct NetBody(net::Body);

impl exchange::Body for NetBody {
    fn read(
        mut self: Box<Self>,
        limit: usize,
        deadline: Duration,
    ) -> exchange::BoxFuture<'static, Result<Vec<u8>, exchange::BodyError>> {
        Box::pin(async move {
            self.0.read(limit, deadline).await.map_err(|e| match e {
                net::BodyError::TooLarge { limit, .. } => exchange::BodyError::TooLarge { limit },
                net::BodyError::Deadline { after, .. } | net::BodyError::TooSlow { after, .. } => {
                    exchange::BodyError::TooSlow { limit: after }
                }
                net::BodyError::Broken { .. } | net::BodyError::AlreadyRead => exchange::BodyError::Broken,
            })
        })
    }
}

/// The union of all partners' networks: asked at accept, before TLS.
fn allow_list(node: &Node) -> AllowList {
    let set = node.exchange.partners().now();
    AllowList::new(
        set.all()
            .iter()
            .flat_map(|partner| partner.file().addresses.iter())
            .filter_map(|n| Cidr::parse(&n.to_string()).ok()),
    )
}

fn net_limits(config: &Config) -> net::Limits {
    let limits = &config.limits;
    let head = Duration::from_secs(limits.head_timeout_s.into());
    net::Limits {
        connections_max: limits.connections as usize,
        connections_per_address_max: limits.connections_per_address as usize,
        handshake_timeout: head,
        header_timeout: head.max(Duration::from_secs(30)),
        ..net::Limits::default()
    }
}
