//! Mutual TLS over OpenSSL (design 2.2): TLS 1.3, and 1.2 with ECDHE and AEAD only.
//!
//! OpenSSL checks that the peer holds the key of its certificate; whether that certificate is trusted is asked of a
//! [`PeerCheck`] during the handshake, so that the peer gets the right alert. There are no session tickets and no
//! resumption: each connection proves the client's key anew, and a revoked certificate cannot come back through one.

use std::fmt;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, OnceLock};

use arc_swap::ArcSwap;
use openssl::error::ErrorStack;
use openssl::ex_data::Index;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{
    self, AlpnError, Ssl, SslContext, SslContextBuilder, SslMethod, SslOptions, SslRef, SslSessionCacheMode,
    SslVerifyMode, SslVersion,
};
use openssl::x509::verify::X509CheckFlags;
use openssl::x509::{X509, X509StoreContext, X509StoreContextRef, X509VerifyResult};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_openssl::SslStream;

/// TLS 1.2 suites: forward secrecy and AEAD. TLS 1.3 has no others.
const CIPHERS_TLS12: &str = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:\
                             ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256";
const GROUPS: &str = "X25519:P-256:P-384";
const ALPN: &[u8] = b"\x08http/1.1";
/// Certificates that a peer may send.
const CHAIN_MAX: usize = 16;

/// Our own certificate with its key.
#[derive(Clone)]
pub struct Identity {
    certificate: X509,
    chain: Vec<X509>,
    key: PKey<Private>,
}

impl Identity {
    /// Takes a certificate, the intermediates to send along (without the anchor), and the certificate's private key.
    ///
    /// # Errors
    /// [`TlsError::KeyMismatch`] when the key belongs to another certificate.
    pub fn new(certificate: X509, chain: Vec<X509>, key: PKey<Private>) -> Result<Self, TlsError> {
        let public = certificate.public_key().map_err(|source| TlsError::Setup { doing: "read public key", source })?;
        if public.public_eq(&key) { Ok(Self { certificate, chain, key }) } else { Err(TlsError::KeyMismatch) }
    }

    fn install(&self, builder: &mut SslContextBuilder) -> Result<(), ErrorStack> {
        builder.set_certificate(&self.certificate)?;
        for certificate in &self.chain {
            builder.add_extra_chain_cert(certificate.clone())?;
        }
        builder.set_private_key(&self.key)?;
        builder.check_private_key()
    }
}

/// What a peer has shown: its certificate and the others it sent that lead upwards from it.
#[derive(Clone, PartialEq, Eq)]
pub struct PeerCertificates {
    leaf: Arc<[u8]>,
    chain: Arc<[Vec<u8>]>,
}

impl PeerCertificates {
    /// The peer's own certificate, DER.
    #[must_use]
    pub fn leaf_der(&self) -> &[u8] {
        &self.leaf
    }

    /// The other certificates, DER.
    #[must_use]
    pub fn chain_der(&self) -> &[Vec<u8>] {
        &self.chain
    }
}

impl fmt::Debug for PeerCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerCertificates({} octets, {} more)", self.leaf.len(), self.chain.len())
    }
}

/// Decides whether a peer is trusted. Runs within the handshake, on the thread of the runtime: it must not block.
pub trait PeerCheck: Send + Sync + 'static {
    /// Accepts or refuses what the peer has shown. Which partner it is is decided later.
    ///
    /// # Errors
    /// [`Refusal`]: which alert the peer gets and what the log says.
    fn check(&self, peer: &PeerCertificates) -> Result<(), Refusal>;
}

impl<F> PeerCheck for F
where
    F: Fn(&PeerCertificates) -> Result<(), Refusal> + Send + Sync + 'static,
{
    fn check(&self, peer: &PeerCertificates) -> Result<(), Refusal> {
        self(peer)
    }
}

/// Why a peer's certificate is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// Expired or not yet valid: alert `certificate_expired`.
    #[error("{0}")]
    Expired(String),
    /// Revoked: alert `handshake_failure`.
    #[error("{0}")]
    Revoked(String),
    /// Not known, or issued by nobody who is: alert `unknown_ca`.
    #[error("{0}")]
    Unknown(String),
    /// Not for this use: alert `unsupported_certificate`.
    #[error("{0}")]
    WrongUse(String),
    /// Anything else: alert `handshake_failure`.
    #[error("{0}")]
    Bad(String),
    /// The server's certificate does not bear the name that was connected to.
    #[error("the certificate does not bear the name {0}")]
    Name(String),
}

impl Refusal {
    /// Whether OpenSSL's own objection makes the alert that fits this refusal.
    fn fits(&self, objection: X509VerifyResult) -> bool {
        const UNKNOWN: &[i32] = &[2, 18, 19, 20, 21];
        const NOT_VALID_NOW: &[i32] = &[9, 10];
        const INVALID_PURPOSE: i32 = 26;
        match self {
            Self::Unknown(_) => UNKNOWN.contains(&objection.as_raw()),
            Self::Expired(_) => NOT_VALID_NOW.contains(&objection.as_raw()),
            Self::WrongUse(_) => objection.as_raw() == INVALID_PURPOSE,
            Self::Revoked(_) | Self::Bad(_) | Self::Name(_) => false,
        }
    }
}

/// Whether clients must show a certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientCertificate {
    /// The handshake fails without one.
    Required,
    /// None is asked for: the second listener of design 2.2.
    NotAsked,
}

/// What goes wrong in TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The configured certificate and key do not belong together, or OpenSSL refuses them.
    #[error("TLS set-up, {doing}")]
    Setup {
        /// What was being done.
        doing: &'static str,
        /// OpenSSL's errors.
        #[source]
        source: ErrorStack,
    },
    /// The private key is not that of the certificate.
    #[error("the private key does not belong to the TLS certificate")]
    KeyMismatch,
    /// The peer's certificate was refused here.
    #[error("peer certificate refused: {0}")]
    Refused(#[source] Refusal),
    /// The client showed no certificate.
    #[error("the client showed no certificate")]
    NoCertificate,
    /// The peer refused us with an alert: `tlsv1 alert unknown ca`.
    #[error("the peer refused the connection: {reason}")]
    Alert {
        /// OpenSSL's name of the alert.
        reason: String,
    },
    /// No agreement on version or algorithms, or no TLS at all.
    #[error("handshake failed: {reason}")]
    Protocol {
        /// OpenSSL's words.
        reason: String,
    },
    /// The connection broke off during the handshake.
    #[error("connection broke off during the handshake: {reason}")]
    Broken {
        /// The operating system's words.
        reason: String,
    },
    /// A name that is no DNS name and no address.
    #[error("server name {name:?} is neither a DNS name nor an IP address")]
    ServerName {
        /// The name.
        name: String,
    },
}

/// The server's side, reloadable while serving. Connections that exist keep what they began with.
pub struct ServerTls {
    context: ArcSwap<SslContext>,
}

impl ServerTls {
    /// Builds and checks a server's context.
    ///
    /// # Errors
    /// [`TlsError::Setup`].
    pub fn new(identity: &Identity, clients: ClientCertificate, check: Arc<dyn PeerCheck>) -> Result<Self, TlsError> {
        Ok(Self { context: ArcSwap::from_pointee(server_context(identity, clients, check)?) })
    }

    /// Replaces certificate, key and check for connections to come. The new context is built before the old one goes: on
    /// an error everything stays as it was.
    ///
    /// # Errors
    /// [`TlsError::Setup`].
    pub fn reload(
        &self,
        identity: &Identity,
        clients: ClientCertificate,
        check: Arc<dyn PeerCheck>,
    ) -> Result<(), TlsError> {
        self.context.store(Arc::new(server_context(identity, clients, check)?));
        Ok(())
    }

    /// The handshake of an accepted connection. The caller brings the deadline.
    pub(super) async fn accept<S>(&self, stream: S) -> Result<Secured<S>, Failed<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let context = self.context.load_full();
        let ssl = new_ssl(&context).map_err(|error| Failed { error, stream: None })?;
        handshake(ssl, stream, Side::Server, context.verify_mode()).await
    }
}

/// The name a server must bear.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ServerName {
    /// The certificate must bear the host's name or address (RFC 9525).
    Checked,
    /// Any name: the [`PeerCheck`] pins certificates.
    Pinned,
}

/// The client's side, reloadable.
pub struct ClientTls {
    current: ArcSwap<ClientInner>,
}

#[derive(Clone)]
struct ClientInner {
    context: SslContext,
    name: ServerName,
    generation: u64,
}

impl ClientTls {
    /// Builds and checks a client's context; `identity` is shown to servers that ask for a certificate.
    ///
    /// # Errors
    /// [`TlsError::Setup`].
    pub fn new(identity: Option<&Identity>, name: ServerName, check: Arc<dyn PeerCheck>) -> Result<Self, TlsError> {
        Ok(Self { current: ArcSwap::from_pointee(client_inner(identity, name, check)?) })
    }

    /// Replaces everything for connections to come.
    ///
    /// # Errors
    /// [`TlsError::Setup`]; everything stays as it was.
    pub fn reload(
        &self,
        identity: Option<&Identity>,
        name: ServerName,
        check: Arc<dyn PeerCheck>,
    ) -> Result<(), TlsError> {
        let mut inner = client_inner(identity, name, check)?;
        self.current.rcu(|current| {
            inner.generation = current.generation + 1;
            inner.clone()
        });
        Ok(())
    }

    /// Changes with each reload: connections made before carry another number.
    pub(super) fn generation(&self) -> u64 {
        self.current.load().generation
    }

    pub(super) async fn connect<S>(&self, host: &str, stream: S) -> Result<Secured<S>, TlsError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let inner = self.current.load_full();
        let mut ssl = new_ssl(&inner.context)?;
        let doing = |source| TlsError::Setup { doing: "set server name", source };
        match host.parse::<IpAddr>() {
            // An address is no SNI (RFC 6066 §3).
            Ok(address) if inner.name == ServerName::Checked => ssl.param_mut().set_ip(address).map_err(doing)?,
            Ok(_) => {}
            Err(_) => {
                let plausible =
                    !host.is_empty() && host.bytes().all(|c| c.is_ascii_alphanumeric() || b".-_".contains(&c));
                if !plausible {
                    return Err(TlsError::ServerName { name: host.to_owned() });
                }
                ssl.set_hostname(host).map_err(doing)?;
                if inner.name == ServerName::Checked {
                    ssl.param_mut()
                        .set_hostflags(X509CheckFlags::NO_PARTIAL_WILDCARDS | X509CheckFlags::NEVER_CHECK_SUBJECT);
                    ssl.param_mut().set_host(host).map_err(doing)?;
                }
            }
        }
        ssl.set_ex_data(*EXPECTED_NAME, host.to_owned());
        handshake(ssl, stream, Side::Client, SslVerifyMode::PEER).await.map_err(|failed| failed.error)
    }
}

/// A connection whose peer was accepted.
pub(super) struct Secured<S> {
    pub stream: SslStream<S>,
    pub peer: Option<PeerCertificates>,
    pub version: &'static str,
}

/// A handshake that failed; the stream is left so that the peer can still read the alert.
pub(super) struct Failed<S> {
    pub error: TlsError,
    pub stream: Option<SslStream<S>>,
}

/// The verdict on this connection; each part is set at most once.
#[derive(Default)]
struct Verdict {
    trust: OnceLock<Result<(), Refusal>>,
    wrong_name: OnceLock<Refusal>,
}

impl Verdict {
    /// `None` when nothing was judged.
    fn outcome(&self) -> Option<Result<(), Refusal>> {
        self.wrong_name.get().map(|refusal| Err(refusal.clone())).or_else(|| self.trust.get().cloned())
    }
}

static VERDICT: LazyLock<Index<Ssl, Arc<Verdict>>> =
    LazyLock::new(|| Ssl::new_ex_index().expect("OpenSSL has room for one more index"));
static EXPECTED_NAME: LazyLock<Index<Ssl, String>> =
    LazyLock::new(|| Ssl::new_ex_index().expect("OpenSSL has room for one more index"));

enum Side {
    Server,
    Client,
}

fn new_ssl(context: &SslContext) -> Result<Ssl, TlsError> {
    let mut ssl = Ssl::new(context).map_err(|source| TlsError::Setup { doing: "open TLS connection", source })?;
    ssl.set_ex_data(*VERDICT, Arc::new(Verdict::default()));
    Ok(ssl)
}

async fn handshake<S>(ssl: Ssl, stream: S, side: Side, mode: SslVerifyMode) -> Result<Secured<S>, Failed<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let verdict = ssl.ex_data(*VERDICT).cloned();
    let opened = |source| Failed { error: TlsError::Setup { doing: "open TLS connection", source }, stream: None };
    let mut stream = SslStream::new(ssl, stream).map_err(opened)?;
    let done = match side {
        Side::Server => Pin::new(&mut stream).accept().await,
        Side::Client => Pin::new(&mut stream).connect().await,
    };
    let verdict = verdict.and_then(|verdict| verdict.outcome());
    let asked = mode.contains(SslVerifyMode::PEER);
    match judged(done, asked, verdict, stream.ssl()) {
        Ok(peer) => {
            let version = stream.ssl().version_str();
            Ok(Secured { stream, peer, version })
        }
        Err(error) => Err(Failed { error, stream: Some(stream) }),
    }
}

/// A peer that was not judged is not let in, whatever OpenSSL thinks of its certificate.
fn judged(
    done: Result<(), ssl::Error>,
    asked: bool,
    verdict: Option<Result<(), Refusal>>,
    ssl: &SslRef,
) -> Result<Option<PeerCertificates>, TlsError> {
    if let Some(Err(refusal)) = verdict {
        return Err(TlsError::Refused(refusal));
    }
    done.map_err(|error| classify(&error))?;
    if !asked {
        return Ok(None);
    }
    let peer = peer_of(ssl).ok_or(TlsError::NoCertificate)?;
    if verdict.is_some() { Ok(Some(peer)) } else { Err(TlsError::NoCertificate) }
}

fn base_context(method: SslMethod) -> Result<SslContextBuilder, ErrorStack> {
    let mut builder = SslContext::builder(method)?;
    builder.set_options(
        SslOptions::NO_COMPRESSION
            | SslOptions::NO_TICKET
            | SslOptions::NO_RENEGOTIATION
            | SslOptions::CIPHER_SERVER_PREFERENCE,
    );
    builder.set_mode(
        ssl::SslMode::RELEASE_BUFFERS | ssl::SslMode::ACCEPT_MOVING_WRITE_BUFFER | ssl::SslMode::ENABLE_PARTIAL_WRITE,
    );
    builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    builder.set_max_proto_version(Some(SslVersion::TLS1_3))?;
    builder.set_security_level(2);
    builder.set_cipher_list(CIPHERS_TLS12)?;
    builder.set_groups_list(GROUPS)?;
    builder.set_session_cache_mode(SslSessionCacheMode::OFF);
    Ok(builder)
}

fn server_context(
    identity: &Identity,
    clients: ClientCertificate,
    check: Arc<dyn PeerCheck>,
) -> Result<SslContext, TlsError> {
    let build = || {
        let mut builder = base_context(SslMethod::tls_server())?;
        builder.set_num_tickets(0)?;
        builder.set_session_id_context(b"coconnect")?;
        identity.install(&mut builder)?;
        builder
            .set_alpn_select_callback(|_, offered| ssl::select_next_proto(ALPN, offered).ok_or(AlpnError::ALERT_FATAL));
        match clients {
            ClientCertificate::Required => {
                let mode = SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT;
                builder.set_verify_callback(mode, move |good, context| judge(good, context, &*check));
            }
            ClientCertificate::NotAsked => builder.set_verify(SslVerifyMode::NONE),
        }
        Ok(builder.build())
    };
    build().map_err(|source| TlsError::Setup { doing: "build server context", source })
}

fn client_inner(
    identity: Option<&Identity>,
    name: ServerName,
    check: Arc<dyn PeerCheck>,
) -> Result<ClientInner, TlsError> {
    let build = || {
        let mut builder = base_context(SslMethod::tls_client())?;
        builder.set_alpn_protos(ALPN)?;
        if let Some(identity) = identity {
            identity.install(&mut builder)?;
        }
        builder.set_verify_callback(SslVerifyMode::PEER, move |good, context| judge(good, context, &*check));
        Ok(builder.build())
    };
    let context = build().map_err(|source| TlsError::Setup { doing: "build client context", source })?;
    Ok(ClientInner { context, name, generation: 0 })
}

/// OpenSSL's callback for each certificate and each objection. The check's verdict counts, given once, when the chain is
/// linked. OpenSSL's own objections about trust are passed over, since there is no store behind them, except that a
/// refusal waits for the one that makes the fitting alert. A wrong server name is always final.
fn judge(good: bool, context: &mut X509StoreContextRef, check: &dyn PeerCheck) -> bool {
    const HOSTNAME_MISMATCH: i32 = 62;
    const IP_ADDRESS_MISMATCH: i32 = 64;
    let Some(ssl) = X509StoreContext::ssl_idx().ok().and_then(|index| context.ex_data(index)) else { return false };
    let Some(verdict) = ssl.ex_data(*VERDICT).cloned() else { return false };
    if !good && matches!(context.error().as_raw(), HOSTNAME_MISMATCH | IP_ADDRESS_MISMATCH) {
        let expected = ssl.ex_data(*EXPECTED_NAME).cloned().unwrap_or_default();
        verdict.wrong_name.get_or_init(|| Refusal::Name(expected));
        return false;
    }
    let verdict = verdict.trust.get_or_init(|| match shown_in(context) {
        Some(shown) => check.check(&shown),
        None => Err(Refusal::Bad("the certificates cannot be read".to_owned())),
    });
    // What the check left in OpenSSL's queue is not about this connection.
    drop(ErrorStack::get());
    let Err(refusal) = verdict else {
        context.set_error(X509VerifyResult::OK);
        return true;
    };
    let last_call = good && context.error_depth() == 0;
    if last_call {
        context.set_error(X509VerifyResult::APPLICATION_VERIFICATION);
    }
    !last_call && (good || !refusal.fits(context.error()))
}

/// The certificates as far as OpenSSL has linked them: the leaf first.
fn shown_in(context: &X509StoreContextRef) -> Option<PeerCertificates> {
    let chain = context.chain()?;
    let mut octets = chain.iter().take(CHAIN_MAX).map(|certificate| certificate.to_der().ok());
    let leaf = octets.next()??;
    let others: Option<Vec<Vec<u8>>> = octets.collect();
    Some(PeerCertificates { leaf: leaf.into(), chain: others?.into() })
}

fn peer_of(ssl: &SslRef) -> Option<PeerCertificates> {
    let leaf = ssl.peer_certificate()?.to_der().ok()?;
    let sent = ssl.peer_cert_chain().into_iter().flatten().take(CHAIN_MAX);
    let chain: Option<Vec<Vec<u8>>> = sent.map(|certificate| certificate.to_der().ok()).collect();
    let chain: Vec<Vec<u8>> = chain?.into_iter().filter(|der| *der != leaf).collect();
    Some(PeerCertificates { leaf: leaf.into(), chain: chain.into() })
}

/// Names the reason of a failed handshake.
pub(super) fn classify(error: &ssl::Error) -> TlsError {
    if let Some(stack) = error.ssl_error() {
        return classify_stack(stack);
    }
    match error.io_error() {
        Some(error) => TlsError::Broken { reason: error.to_string() },
        None => TlsError::Broken { reason: "closed by the peer".to_owned() },
    }
}

fn classify_stack(stack: &ErrorStack) -> TlsError {
    let reason = stack.errors().iter().find_map(openssl::error::Error::reason).unwrap_or("unknown").to_owned();
    if reason.contains("alert") {
        TlsError::Alert { reason }
    } else if reason.contains("did not return a certificate") {
        TlsError::NoCertificate
    } else if reason.contains("unexpected eof") {
        TlsError::Broken { reason: "closed by the peer".to_owned() }
    } else {
        TlsError::Protocol { reason }
    }
}

/// An alert that came after the handshake: with TLS 1.3 a client learns only then that its certificate is refused.
pub(super) fn late_alert(error: &std::io::Error) -> Option<TlsError> {
    let error = error.get_ref()?.downcast_ref::<ssl::Error>()?;
    error.ssl_error().map(classify_stack)
}
