//! `coconnect init`: a folder from which a gateway can be served (design 4.3).
//!
//! Writes configuration, keys, the token of the local API, our own Basic password, and `partner.toml`, the offer that the
//! other side gives to `partner add`. Certificates come from a development CA: its own, or one that another folder has.
//! Nothing is written where a gateway already stands.

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::config::Config;
use crate::base::Clock;
use crate::base::id::{Environment, PartnerId};
use crate::exchange::partner::{OperationName, Secret, generate_password};
use crate::net::{Cidr, CidrError};
use crate::pki::{Certificate, DevCa, Issue, KeyKind, PrivateKey, Use};

/// Days that a certificate of the development CA holds.
const CERTIFICATE_DAYS: i64 = 2 * 365;
/// Days that the development CA itself holds.
const AUTHORITY_DAYS: i64 = 10 * 365;

/// Which kind of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    /// RSA of 2048 bits.
    Rsa2048,
    /// RSA of 3072 bits.
    Rsa3072,
    /// The curve P-256.
    P256,
}

impl Suite {
    fn key_kind(self) -> KeyKind {
        match self {
            Self::Rsa2048 => KeyKind::Rsa { bits: 2048 },
            Self::Rsa3072 => KeyKind::Rsa { bits: 3072 },
            Self::P256 => KeyKind::Ec { curve: "prime256v1", bits: 256 },
        }
    }
}

/// What to make.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The folder; made when missing.
    pub dir: PathBuf,
    /// Our id.
    pub id: PartnerId,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// Domain of the endpoint pattern.
    pub domain: String,
    /// `dev` or `test`: the development CA issues nothing for `prod`.
    pub environment: Environment,
    /// Address and port of the listener.
    pub listen: SocketAddr,
    /// Public base URL; default by the endpoint pattern.
    pub public_url: Option<String>,
    /// Networks from which partners will see us call.
    pub addresses: Vec<String>,
    /// Address of the local HTTP API.
    pub local_api: Option<SocketAddr>,
    /// Kind of keys.
    pub suite: Suite,
    /// Folder with `ca.crt` and `ca.key` of an existing development CA.
    pub authority: Option<PathBuf>,
    /// Seconds between tries that partners made from our offer will use; default of the partner file.
    pub retry_every_s: Option<u32>,
}

/// What was made.
#[derive(Debug)]
pub struct Made {
    /// `DIR/coconnect.toml`.
    pub config: PathBuf,
    /// `DIR/partner.toml`.
    pub offer: PathBuf,
    /// Every file, in the order it was written.
    pub files: Vec<PathBuf>,
    /// The three certificates, by use.
    pub certificates: Vec<(&'static str, Certificate)>,
}

/// Why nothing was made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A gateway stands there already.
    #[error("{path} is there already; nothing was changed")]
    Exists {
        /// Its configuration.
        path: PathBuf,
    },
    /// The development CA issues nothing for `prod`.
    #[error("the development CA issues nothing for prod")]
    Prod,
    /// What would be written would not be served.
    #[error(transparent)]
    Config(#[from] super::config::Error),
    /// An address is no network.
    #[error(transparent)]
    Address(#[from] CidrError),
    /// A file cannot be written.
    #[error("write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A key or certificate cannot be made or read.
    #[error("{doing}")]
    Pki {
        /// What was done.
        doing: &'static str,
        /// Why not.
        #[source]
        source: crate::pki::Error,
    },
    /// Random octets are missing.
    #[error("random octets from the system")]
    Random(#[source] openssl::error::ErrorStack),
}

/// Makes the folder.
///
/// # Errors
/// [`Error`]; when a gateway stands there already, nothing is touched.
pub fn init(plan: &Plan, clock: &dyn Clock) -> Result<Made, Error> {
    let config = plan.dir.join("coconnect.toml");
    if config.exists() {
        return Err(Error::Exists { path: config });
    }
    if plan.environment == Environment::Prod {
        return Err(Error::Prod);
    }
    // The same checks as when it is served: nothing is made that would not come up.
    Config::parse(&configuration(plan), &plan.dir, &config)?;
    for network in &plan.addresses {
        Cidr::parse(network)?;
    }
    let mut folder = Folder { dir: plan.dir.clone(), files: Vec::new() };
    for name in ["", "keys", "partners", "profiles", "mappings", "data", "run"] {
        folder.make(name)?;
    }
    let authority = authority(plan, clock, &mut folder)?;
    let certificates = identities(plan, clock, &authority, &mut folder)?;
    let password = generate_password().map_err(Error::Random)?;
    let token = generate_password().map_err(Error::Random)?;
    folder.secret("keys/basic.password", password.as_bytes())?;
    folder.secret("keys/local-api.token", token.as_bytes())?;
    folder.secret("partner.toml", offer(plan, &password, authority.certificate(), &certificates).as_bytes())?;
    folder.plain("coconnect.toml", configuration(plan).as_bytes())?;
    Ok(Made { config, offer: plan.dir.join("partner.toml"), files: folder.files, certificates })
}

/// The development CA: one that is named, else a new one in `keys/`.
fn authority(plan: &Plan, clock: &dyn Clock, folder: &mut Folder) -> Result<DevCa, Error> {
    let pki = |doing| move |source| Error::Pki { doing, source };
    if let Some(existing) = &plan.authority {
        let certificate = Certificate::load(&existing.join("ca.crt"))
            .map_err(pki("read the development CA"))?
            .into_iter()
            .next()
            .ok_or(Error::Pki {
                doing: "read the development CA",
                source: crate::pki::Error::NotACertificate { came: "an empty file" },
            })?;
        let key =
            PrivateKey::load(&existing.join("ca.key"), None).map_err(pki("read the key of the development CA"))?;
        folder.plain("keys/ca.crt", certificate.to_pem().as_bytes())?;
        return DevCa::from_parts(certificate, key.key).map_err(pki("read the development CA"));
    }
    let name = format!("{} Development CA", plan.id);
    let issue = Issue::new(name, &[], clock.now(), AUTHORITY_DAYS)
        .organization(plan.domain.as_str())
        .country(plan.country.as_str());
    let key = PrivateKey::generate(plan.suite.key_kind()).map_err(pki("make the key of the development CA"))?;
    let ca = DevCa::create(&issue, key).map_err(pki("make the development CA"))?;
    folder.plain("keys/ca.crt", ca.certificate().to_pem().as_bytes())?;
    folder.secret("keys/ca.key", &ca.key().to_pem().map_err(pki("write the key of the development CA"))?)?;
    Ok(ca)
}

/// A key and a certificate for each use.
fn identities(
    plan: &Plan,
    clock: &dyn Clock,
    authority: &DevCa,
    folder: &mut Folder,
) -> Result<Vec<(&'static str, Certificate)>, Error> {
    let mut made = Vec::new();
    let host = format!("{}.coconnect.{}", plan.environment, plan.domain);
    for (name, uses) in
        [("tls", &[Use::TlsServer, Use::TlsClient] as &[Use]), ("sign", &[Use::Sign]), ("encrypt", &[Use::Encrypt])]
    {
        let mut issue = Issue::new(format!("{} {name}", plan.id), uses, clock.now(), CERTIFICATE_DAYS)
            .organization(plan.domain.as_str())
            .country(plan.country.as_str());
        if name == "tls" {
            issue = issue.names([host.as_str(), "localhost", "127.0.0.1", "::1"]);
        }
        let pki = |source| Error::Pki { doing: "issue a certificate", source };
        let key = PrivateKey::generate(plan.suite.key_kind()).map_err(pki)?;
        let certificate = authority.issue(&issue, &key).map_err(pki)?;
        folder.secret(&format!("keys/{name}.key"), &key.to_pem().map_err(pki)?)?;
        folder.plain(&format!("keys/{name}.crt"), certificate.to_pem().as_bytes())?;
        made.push((name, certificate));
    }
    Ok(made)
}

/// `partner.toml`: what the other side needs to know of us, in one text. It holds the keyed hash of our Basic password,
/// not the password.
fn offer(plan: &Plan, password: &str, authority: &Certificate, certificates: &[(&'static str, Certificate)]) -> String {
    let mut table = Table::new();
    let text = |s: &str| Value::String(s.to_owned());
    let list = |items: &[&str]| Value::Array(items.iter().map(|i| Value::String((*i).to_owned())).collect());
    let secret = Secret::of_password(password).map(|s| s.to_text()).unwrap_or_default();
    table.insert("id".into(), text(plan.id.as_str()));
    table.insert("environment".into(), text(plan.environment.as_str()));
    table.insert("endpoint".into(), text(&public_url(plan)));
    table.insert("basic_user".into(), text(plan.id.as_str()));
    table.insert("basic_secret".into(), text(&secret));
    table.insert("addresses".into(), Value::Array(plan.addresses.iter().map(|a| text(a)).collect()));
    let operations = OperationName::ALL.map(OperationName::as_str);
    table.insert("operations_in".into(), list(&operations));
    table.insert("operations_out".into(), list(&operations));
    table.insert("territories".into(), list(&[&plan.country]));
    if let Some(seconds) = plan.retry_every_s {
        let mut delivery = Table::new();
        delivery.insert("retry_every_s".into(), Value::Integer(seconds.into()));
        table.insert("delivery".into(), Value::Table(delivery));
    }
    let entry = |uses: Value, certificate: &Certificate| {
        let mut entry = Table::new();
        entry.insert("use".into(), uses);
        entry.insert("pem".into(), text(&certificate.to_pem()));
        Value::Table(entry)
    };
    let entries = certificates.iter().map(|(name, certificate)| entry(text(name), certificate)).collect();
    table.insert("certificate".into(), Value::Array(entries));
    table.insert("anchor".into(), Value::Array(vec![entry(list(&["tls", "sign", "encrypt"]), authority)]));
    format!(
        "# {} as a partner. Give this file to the other side: coconnect partner add --file partner.toml\n\
         # It holds no secret: basic_secret is a keyed hash. See that it arrives unchanged.\n{table}",
        plan.id
    )
}

fn public_url(plan: &Plan) -> String {
    plan.public_url.clone().unwrap_or_else(|| format!("https://{}.coconnect.{}", plan.environment, plan.domain))
}

fn configuration(plan: &Plan) -> String {
    let quote = |s: &str| Value::String(s.to_owned()).to_string();
    let local_api = match plan.local_api {
        Some(address) => format!("address = \"{address}\""),
        None => "# address = \"127.0.0.1:8480\"".to_owned(),
    };
    format!(
        "# A coconnect gateway. Unknown keys are errors; module gateway::config of the documentation tells each key, its unit, default and range\n\
         \n\
         [gateway]\n\
         id = {id}\n\
         country = {country}\n\
         domain = {domain}\n\
         environment = \"{environment}\"\n\
         \n\
         [[listener]]\n\
         address = \"{listen}\"\n\
         public_url = {url}\n\
         \n\
         [identity]\n\
         tls = {{ certificate = \"keys/tls.crt\", key = \"keys/tls.key\" }}\n\
         sign = {{ certificate = \"keys/sign.crt\", key = \"keys/sign.key\" }}\n\
         encrypt = {{ certificate = \"keys/encrypt.crt\", key = \"keys/encrypt.key\" }}\n\
         basic_user = {id}\n\
         basic_password_file = \"keys/basic.password\"\n\
         \n\
         [local_api]\n\
         {local_api}\n\
         token_file = \"keys/local-api.token\"\n\
         \n\
         [store]\n\
         backend = \"sled\"\n\
         data = \"data\"\n",
        id = quote(plan.id.as_str()),
        country = quote(&plan.country),
        domain = quote(&plan.domain),
        environment = plan.environment,
        listen = plan.listen,
        url = quote(&public_url(plan)),
    )
}

/// The folder under construction.
struct Folder {
    dir: PathBuf,
    files: Vec<PathBuf>,
}

impl Folder {
    fn make(&self, name: &str) -> Result<(), Error> {
        let path = self.dir.join(name);
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(if name.is_empty() { 0o755 } else { 0o700 });
        builder.create(&path).map_err(|source| Error::Write { path, source })
    }

    fn plain(&mut self, name: &str, octets: &[u8]) -> Result<(), Error> {
        self.write(name, octets, 0o644)
    }

    fn secret(&mut self, name: &str, octets: &[u8]) -> Result<(), Error> {
        self.write(name, octets, 0o600)
    }

    fn write(&mut self, name: &str, octets: &[u8], mode: u32) -> Result<(), Error> {
        let path: PathBuf = self.dir.join(Path::new(name));
        let write = || -> std::io::Result<()> {
            let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&path)?;
            file.write_all(octets)?;
            file.sync_all()
        };
        write().map_err(|source| Error::Write { path: path.clone(), source })?;
        self.files.push(path);
        Ok(())
    }
}
