//! `DIR/coconnect.toml`, read once into types (design 4.3).
//!
//! Unknown keys are errors; every field says its unit, default and range. Paths are taken from the folder of the file.
//! Nothing here opens a key or a socket: [`Config::load`] reads text, checks it, and names the place of what is wrong.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::base::id::{Environment, PartnerId};
use crate::exchange::partner::Contact;

/// Why a configuration was not read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be opened.
    #[error("read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The text is no TOML, has an unknown key, or a value of the wrong type.
    #[error("{path}: {message}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What TOML says, with line and column.
        message: String,
    },
    /// A value outside its range.
    #[error("{path}: {key}: expected {expected}, came {came}")]
    Value {
        /// The file.
        path: PathBuf,
        /// Dotted key.
        key: &'static str,
        /// What fits.
        expected: String,
        /// What stands there.
        came: String,
    },
}

/// The configuration of one gateway.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder of the file; every relative path starts here.
    pub dir: PathBuf,
    /// Who we are.
    pub gateway: Gateway,
    /// Where partners reach us.
    pub listener: Vec<Listener>,
    /// Our certificates and keys.
    pub identity: Identity,
    /// The HTTP API for the national system.
    pub local_api: LocalApi,
    /// Journal and index.
    pub store: Store,
    /// Ceilings of the running gateway.
    pub limits: Limits,
    /// Whom partners may call here (`[[contact]]`); default nobody. For the technical annex alone.
    pub contact: Vec<Contact>,
}

/// Who we are.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gateway {
    /// Our id as partners name us: 1 to 32 of A-Z, 0-9 and `-`. Usually the territory code.
    pub id: String,
    /// ISO 3166-1 alpha-2 code of the territory whose COs we send and receive.
    pub country: String,
    /// Domain in the endpoint pattern `https://{environment}.coconnect.{domain}/{operation}`.
    pub domain: String,
    /// `dev`, `test` or `prod`; they share nothing.
    pub environment: String,
}

impl Gateway {
    /// Our id, checked at load.
    #[must_use]
    pub fn partner_id(&self) -> PartnerId {
        PartnerId::parse(&self.id).expect("checked when the configuration was loaded")
    }

    /// Our environment, checked at load.
    #[must_use]
    pub fn environment(&self) -> Environment {
        Environment::parse(&self.environment).expect("checked when the configuration was loaded")
    }
}

/// A door for partners.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// Address and port to listen on. Port 0 takes a free one (the demo and tests).
    pub address: SocketAddr,
    /// Base of the public addresses of our operations, without a slash at the end; `wsa:To` and the WSDL name these.
    /// Default: `https://{environment}.coconnect.{domain}`.
    #[serde(default)]
    pub public_url: Option<String>,
    /// `tls` (default), or `plain`: HTTP without TLS, on loopback and in `dev` only.
    #[serde(default)]
    pub transport: Transport,
}

/// How a listener speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// TLS with a required client certificate.
    #[default]
    Tls,
    /// HTTP without TLS.
    Plain,
}

/// Our certificates and keys, one pair a use.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Server and client side of TLS.
    pub tls: KeyPair,
    /// Signs messages.
    pub sign: KeyPair,
    /// Messages to us are encrypted for it.
    pub encrypt: KeyPair,
    /// File with the password of the key files, when they have one.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// Basic user that we present to partners; 1 to 64 printable ASCII characters without `:`.
    pub basic_user: String,
    /// File with the Basic password that we present.
    pub basic_password_file: PathBuf,
}

/// A certificate chain and its private key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyPair {
    /// PEM or DER; the leaf first, then its issuers.
    pub certificate: PathBuf,
    /// PEM, DER or PKCS#12.
    pub key: PathBuf,
}

/// The HTTP API for the national system (design 2.7).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalApi {
    /// Loopback address and port. Absent: no HTTP API, the admin socket alone.
    #[serde(default)]
    pub address: Option<SocketAddr>,
    /// File that holds the bearer token, one line. Default `keys/local-api.token`.
    #[serde(default = "default_token_file")]
    pub token_file: PathBuf,
}

impl Default for LocalApi {
    fn default() -> Self {
        Self { address: None, token_file: default_token_file() }
    }
}

fn default_token_file() -> PathBuf {
    PathBuf::from("keys/local-api.token")
}

/// Which storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Backend {
    /// Journal in segment files, index in sled.
    #[default]
    Sled,
    /// Nothing survives a stop. Refused in `prod`.
    Memory,
}

/// Journal and index.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// `sled` (default) or `memory` (tests).
    pub backend: Backend,
    /// Folder of journal and index. Default `data`.
    pub data: PathBuf,
    /// MiB of one journal segment, 1 to 1024. Default 32.
    pub segment_mib: u32,
    /// MiB that must stay free on the disk; below it new messages are refused (503) before they are read. 0 to 1048576,
    /// default 256.
    pub min_free_mib: u32,
    /// MiB of memory for the index, 8 to 65536. Default 128.
    pub index_memory_mib: u32,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            backend: Backend::Sled,
            data: PathBuf::from("data"),
            segment_mib: 32,
            min_free_mib: 256,
            index_memory_mib: 128,
        }
    }
}

/// Ceilings of the running gateway. Those of the code (`base::limits`) hold above them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// MiB of one message, 1 to 50. Default 20.
    pub message_mib: u32,
    /// MiB of messages that are read or worked on at the same time, at least `message_mib`, to 65536. Beyond it 503 with
    /// Retry-After. Default 128.
    pub in_flight_mib: u32,
    /// Connections at the same time, 1 to 65536. Default 1024.
    pub connections: u32,
    /// Connections from one address at the same time, 1 to `connections`. Default 128.
    pub connections_per_address: u32,
    /// Seconds for a TLS handshake and for the head of a request, 1 to 120. Default 10.
    pub head_timeout_s: u32,
    /// Seconds for the body of a request, 1 to 600. Default 60.
    pub body_timeout_s: u32,
    /// Seconds that a stop waits for what was accepted, 1 to 600. Default 30.
    pub drain_s: u32,
    /// Threads that do cryptography and validation; 0 takes one a core. 0 to 256, default 0.
    pub workers: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_mib: 20,
            in_flight_mib: 128,
            connections: 1024,
            connections_per_address: 128,
            head_timeout_s: 10,
            body_timeout_s: 60,
            drain_s: 30,
            workers: 0,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    gateway: Gateway,
    listener: Vec<Listener>,
    identity: Identity,
    #[serde(default)]
    local_api: LocalApi,
    #[serde(default)]
    store: Store,
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    contact: Vec<Contact>,
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// [`Error`], naming the file and the key.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        let dir = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Self::parse(&text, dir, path)
    }

    /// Reads and checks a text; `path` is named in errors.
    ///
    /// # Errors
    /// [`Error`].
    pub fn parse(text: &str, dir: &Path, path: &Path) -> Result<Self, Error> {
        let file: File = toml::from_str(text)
            .map_err(|e| Error::Syntax { path: path.to_owned(), message: e.to_string().trim().to_owned() })?;
        let config = Self {
            dir: dir.to_owned(),
            gateway: file.gateway,
            listener: file.listener,
            identity: file.identity,
            local_api: file.local_api,
            store: file.store,
            limits: file.limits,
            contact: file.contact,
        };
        config.check(path)?;
        Ok(config)
    }

    /// A path of the configuration, from its folder.
    #[must_use]
    pub fn path(&self, relative: &Path) -> PathBuf {
        self.dir.join(relative)
    }

    /// The folder of journal and index.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.path(&self.store.data)
    }

    /// The folder of partner files.
    #[must_use]
    pub fn partners_dir(&self) -> PathBuf {
        self.dir.join("partners")
    }

    /// The socket over which other commands reach a running gateway.
    #[must_use]
    pub fn admin_socket(&self) -> PathBuf {
        self.dir.join("run/admin.sock")
    }

    /// The public base URL of a listener.
    #[must_use]
    pub fn public_url(&self, listener: &Listener) -> String {
        match &listener.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("https://{}.coconnect.{}", self.gateway.environment, self.gateway.domain),
        }
    }

    fn check(&self, path: &Path) -> Result<(), Error> {
        let value = |key, expected: &str, came: String| Error::Value {
            path: path.to_owned(),
            key,
            expected: expected.to_owned(),
            came,
        };
        let environment = Environment::parse(&self.gateway.environment)
            .map_err(|_| value("gateway.environment", "dev, test or prod", quoted(&self.gateway.environment)))?;
        if PartnerId::parse(&self.gateway.id).is_err() {
            return Err(value("gateway.id", "1 to 32 of A-Z, 0-9 and -", quoted(&self.gateway.id)));
        }
        if self.gateway.country.len() != 2 || !self.gateway.country.bytes().all(|b| b.is_ascii_uppercase()) {
            return Err(value(
                "gateway.country",
                "two letters of ISO 3166-1, upper case",
                quoted(&self.gateway.country),
            ));
        }
        if !is_host(&self.gateway.domain) {
            return Err(value("gateway.domain", "a host name such as customs.go.kr", quoted(&self.gateway.domain)));
        }
        if self.listener.is_empty() {
            return Err(value("listener", "at least one [[listener]]", "none".to_owned()));
        }
        for listener in &self.listener {
            check_listener(listener, environment).map_err(|(key, expected, came)| value(key, expected, came))?;
        }
        if self.local_api.address.is_some_and(|a| !a.ip().is_loopback()) {
            return Err(value(
                "local_api.address",
                "a loopback address",
                self.local_api.address.map(|a| a.to_string()).unwrap_or_default(),
            ));
        }
        if self.store.backend == Backend::Memory && environment == Environment::Prod {
            return Err(value("store.backend", "sled (memory forgets what was acknowledged)", quoted("memory")));
        }
        let (store, limits) = (&self.store, &self.limits);
        for (key, came, low, high) in [
            ("store.segment_mib", store.segment_mib, 1, 1024),
            ("store.min_free_mib", store.min_free_mib, 0, 1_048_576),
            ("store.index_memory_mib", store.index_memory_mib, 8, 65_536),
            ("limits.message_mib", limits.message_mib, 1, 50),
            ("limits.in_flight_mib", limits.in_flight_mib, limits.message_mib, 65_536),
            ("limits.connections", limits.connections, 1, 65_536),
            ("limits.connections_per_address", limits.connections_per_address, 1, limits.connections),
            ("limits.head_timeout_s", limits.head_timeout_s, 1, 120),
            ("limits.body_timeout_s", limits.body_timeout_s, 1, 600),
            ("limits.drain_s", limits.drain_s, 1, 600),
            ("limits.workers", limits.workers, 0, 256),
        ] {
            if !(low..=high).contains(&came) {
                return Err(value(key, &format!("{low} to {high}"), came.to_string()));
            }
        }
        Ok(())
    }
}

fn check_listener(listener: &Listener, environment: Environment) -> Result<(), (&'static str, &'static str, String)> {
    if listener.transport == Transport::Plain
        && (environment != Environment::Dev || !listener.address.ip().is_loopback())
    {
        return Err((
            "listener.transport",
            "tls (plain is for loopback in dev only)",
            format!("plain on {} in {environment}", listener.address),
        ));
    }
    if let Some(url) = &listener.public_url {
        let scheme = if listener.transport == Transport::Plain { "http://" } else { "https://" };
        if url.strip_prefix(scheme).is_none_or(|rest| rest.is_empty() || rest.contains(['?', '#', ' '])) {
            return Err(("listener.public_url", "a URL of the listener's scheme without query", quoted(url)));
        }
    }
    Ok(())
}

fn is_host(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 253
        && text.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
}

fn quoted(text: &str) -> String {
    format!("{text:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
[gateway]
id = "KR"
country = "KR"
domain = "customs.go.kr"
environment = "dev"
[[listener]]
address = "127.0.0.1:8443"
[identity]
tls = { certificate = "keys/tls.crt", key = "keys/tls.key" }
sign = { certificate = "keys/sign.crt", key = "keys/sign.key" }
encrypt = { certificate = "keys/encrypt.crt", key = "keys/encrypt.key" }
basic_user = "KR"
basic_password_file = "keys/basic.password"
"#;

    fn parse(text: &str) -> Result<Config, Error> {
        Config::parse(text, Path::new("/srv/kr"), Path::new("coconnect.toml"))
    }

    #[test]
    fn the_endpoint_pattern_follows_environment_and_domain() {
        for (environment, domain, expected) in [
            ("dev", "customs.go.kr", "https://dev.coconnect.customs.go.kr"),
            ("test", "beacukai.go.id", "https://test.coconnect.beacukai.go.id"),
            ("prod", "aduana.gub.uy", "https://prod.coconnect.aduana.gub.uy"),
        ] {
            let text = GOOD.replace("customs.go.kr", domain).replace("\"dev\"", &format!("\"{environment}\""));
            let config = parse(&text).unwrap();
            assert_eq!(config.public_url(&config.listener[0]), expected);
        }
    }

    #[test]
    fn refuses_an_unknown_key_and_names_it() {
        let error = parse(&GOOD.replace("[identity]", "[store]\nsegmnt_mib = 3\n[identity]")).unwrap_err().to_string();
        assert!(error.contains("segmnt_mib"), "{error}");
    }

    #[test]
    fn refuses_plain_http_outside_dev_loopback() {
        let plain = |environment: &str, address: &str| {
            GOOD.replace("\"dev\"", &format!("\"{environment}\""))
                .replace("address = \"127.0.0.1:8443\"", &format!("address = \"{address}\"\ntransport = \"plain\""))
        };
        assert!(parse(&plain("dev", "127.0.0.1:80")).is_ok());
        assert!(parse(&plain("dev", "0.0.0.0:80")).is_err());
        assert!(parse(&plain("test", "127.0.0.1:80")).is_err());
        assert!(parse(&plain("prod", "127.0.0.1:80")).is_err());
    }

    #[test]
    fn refuses_values_out_of_range_by_key() {
        for (text, key) in [
            (GOOD.replace("id = \"KR\"", "id = \"../KR\""), "gateway.id"),
            (GOOD.replace("country = \"KR\"", "country = \"kr\""), "gateway.country"),
            (GOOD.replace("\"dev\"", "\"staging\""), "gateway.environment"),
            (format!("{GOOD}[limits]\nmessage_mib = 51\n"), "limits.message_mib"),
            (format!("{GOOD}[limits]\nmessage_mib = 20\nin_flight_mib = 19\n"), "limits.in_flight_mib"),
            (format!("{GOOD}[local_api]\naddress = \"0.0.0.0:1\"\n"), "local_api.address"),
            (format!("{}[store]\nbackend = \"memory\"\n", GOOD.replace("\"dev\"", "\"prod\"")), "store.backend"),
        ] {
            let error = parse(&text).unwrap_err().to_string();
            assert!(error.contains(key), "{key}: {error}");
        }
    }
}
