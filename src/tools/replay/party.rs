//! Who sends and who receives: the keys of a run, from a gateway's folder, a partner's offer, or files one by one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use openssl::x509::X509;
use toml::{Table, Value};
use zeroize::Zeroizing;

use crate::base::Clock;
use crate::contract::Slots;
use crate::exchange::partner::{CertificateUse, Partner, Uses};
use crate::gateway::chain;
use crate::gateway::config::Config;
use crate::gateway::identity::OwnIdentity;
use crate::net::{self, Client, ClientSettings, ClientTls, PeerCertificates, PeerCheck, Refusal, ServerName};
use crate::pki::{Certificate, DevCa, Issue, KeyKind, Password, PrivateKey, TrustAnchors, Use};
use crate::soap::wss::{CertificateReference, Identity, Signer, SignerLookup, Signers, TrustError};
use crate::xmlsec::SigningKey;

/// Keys or certificates that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Error(pub String);

fn failed<E: std::error::Error>(what: impl std::fmt::Display) -> impl FnOnce(E) -> Error {
    move |error| Error(format!("{what}: {}", chain(&error)))
}

/// What is ours. Whatever is missing makes the cases that need it be skipped, with the reason.
#[derive(Default)]
pub struct Keys {
    /// Client certificate.
    pub tls: Option<net::Identity>,
    /// Basic user and password.
    pub basic: Option<(String, Zeroizing<String>)>,
    /// Signs messages.
    pub sign: Option<(Certificate, PrivateKey)>,
    /// Opens answers that are encrypted for us.
    pub decrypt: Vec<(Certificate, PrivateKey)>,
    /// Country that sends, ISO 3166-1.
    pub country: Option<String>,
}

impl Keys {
    /// Those of a gateway's folder.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn of_gateway(config: &Config) -> Result<Self, Error> {
        let own = OwnIdentity::load(config).map_err(failed("identity"))?;
        let password = match &config.identity.password_file {
            Some(file) => Some(Password::load(&config.path(file)).map_err(failed("identity.password_file"))?),
            None => None,
        };
        let pair = |files: &crate::gateway::config::KeyPair| {
            load_pair(&config.path(&files.certificate), &config.path(&files.key), password.as_ref())
        };
        Ok(Self {
            tls: Some(own.tls.clone()),
            basic: Some((config.identity.basic_user.clone(), own.basic_password.clone())),
            sign: Some(pair(&config.identity.sign)?),
            decrypt: vec![pair(&config.identity.encrypt)?],
            country: Some(config.gateway.country.clone()),
        })
    }
}

/// A certificate and its key from two files; the key may be PEM, DER or PKCS#12.
///
/// # Errors
/// When one cannot be read, or they do not belong together.
pub fn load_pair(
    certificate: &Path,
    key: &Path,
    password: Option<&Password>,
) -> Result<(Certificate, PrivateKey), Error> {
    let found = first_certificate(certificate)?;
    let key_file = PrivateKey::load(key, password).map_err(failed(key.display()))?;
    if !key_file.key.belongs_to(&found) {
        return Err(Error(format!("{}: not the key of {}", key.display(), certificate.display())));
    }
    Ok((found, key_file.key))
}

/// A certificate chain and key for TLS.
///
/// # Errors
/// As [`load_pair`].
pub fn load_tls(certificate: &Path, key: &Path, password: Option<&Password>) -> Result<net::Identity, Error> {
    let (leaf, private) = load_pair(certificate, key, password)?;
    let above: Vec<X509> = Certificate::load(certificate)
        .map_err(failed(certificate.display()))?
        .iter()
        .skip(1)
        .map(|certificate| certificate.x509().clone())
        .collect();
    net::Identity::new(leaf.x509().clone(), above, private.to_pkey()).map_err(failed(certificate.display()))
}

/// The first certificate of a file.
///
/// # Errors
/// When there is none.
pub fn first_certificate(path: &Path) -> Result<Certificate, Error> {
    let mut found = Certificate::load(path).map_err(failed(path.display()))?.into_iter();
    found.next().ok_or_else(|| Error(format!("{}: holds no certificate", path.display())))
}

/// The other side.
#[derive(Default)]
pub struct Receiver {
    /// Its endpoint, without the path of an operation.
    pub endpoint: Option<String>,
    /// Its certificates, with what they are for.
    pub certificates: Vec<(CertificateUse, Certificate)>,
    /// Authorities that certify them. None: the certificates above are taken as they are.
    pub anchors: Option<TrustAnchors>,
    /// Country that receives.
    pub country: Option<String>,
    /// Operations that were agreed, by their path names; none when nothing says so, and then all are tried.
    pub operations: Option<Vec<String>>,
}

impl Receiver {
    /// A partner of a gateway's folder.
    #[must_use]
    pub fn of_partner(partner: &Partner, now: Timestamp) -> Self {
        let mut certificates = Vec::new();
        for wanted in [CertificateUse::Tls, CertificateUse::Sign, CertificateUse::Encrypt] {
            let found = partner.certificates_for(wanted, now).into_iter();
            certificates.extend(found.map(|certificate| (wanted, certificate.as_ref().clone())));
        }
        Self {
            endpoint: partner.file().endpoint.clone(),
            certificates,
            anchors: Some(partner.anchors().clone()),
            country: partner.file().territories.first().cloned(),
            operations: Some(partner.file().operations_out.iter().map(|name| name.as_str().to_owned()).collect()),
        }
    }

    /// The offer that `coconnect init` writes (`DIR/partner.toml`), certificates inline or beside it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of_offer(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(failed(path.display()))?;
        let table: Table = text.parse().map_err(failed::<toml::de::Error>(path.display()))?;
        let word = |key: &str| table.get(key).and_then(Value::as_str).map(str::to_owned);
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut receiver = Self { endpoint: word("endpoint"), ..Self::default() };
        for entry in tables(&table, "certificate") {
            let certificate = certificates(entry, folder)?;
            let uses: Uses =
                entry.get("use").cloned().and_then(|value| value.try_into().ok()).ok_or_else(|| {
                    Error(format!("{}: certificate.use: expected tls, sign or encrypt", path.display()))
                })?;
            for wanted in [CertificateUse::Tls, CertificateUse::Sign, CertificateUse::Encrypt] {
                if uses.contain(wanted) {
                    receiver.certificates.extend(certificate.first().map(|first| (wanted, first.clone())));
                }
            }
        }
        let mut anchors = TrustAnchors::new();
        for entry in tables(&table, "anchor") {
            certificates(entry, folder)?.into_iter().for_each(|anchor| anchors.add_anchor(anchor));
        }
        receiver.anchors = (!anchors.anchors().is_empty()).then_some(anchors);
        let territory = table.get("territories").and_then(Value::as_array).and_then(|list| list.first()?.as_str());
        receiver.country = territory.map(str::to_owned);
        let operations = table.get("operations_out").and_then(Value::as_array);
        receiver.operations =
            operations.map(|list| list.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect());
        Ok(receiver)
    }

    fn for_use(&self, wanted: CertificateUse) -> impl Iterator<Item = &Certificate> {
        self.certificates.iter().filter(move |(uses, _)| *uses == wanted).map(|(_, certificate)| certificate)
    }
}

fn tables<'a>(table: &'a Table, key: &str) -> impl Iterator<Item = &'a Table> {
    table.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_table)
}

fn certificates(entry: &Table, folder: &Path) -> Result<Vec<Certificate>, Error> {
    match (entry.get("pem").and_then(Value::as_str), entry.get("file").and_then(Value::as_str)) {
        (Some(pem), None) => Certificate::from_pem(pem.as_bytes()).map_err(failed("pem")),
        (None, Some(file)) => {
            let path: PathBuf = folder.join(file);
            Certificate::load(&path).map_err(failed(path.display()))
        }
        _ => Err(Error("certificate and anchor: expected pem or file".to_owned())),
    }
}

/// A key that signs, with its certificate.
pub struct Signing {
    /// The certificate.
    pub certificate: Certificate,
    /// The key.
    pub key: SigningKey,
}

impl Signing {
    fn new(certificate: Certificate, key: &PrivateKey) -> Self {
        Self { certificate, key: SigningKey::from_private(key.to_pkey()) }
    }
}

/// Names in the messages of a run.
#[derive(Clone, Debug)]
pub struct Names {
    /// Base of `wsa:To`; the endpoint itself, unless the receiver is reached by another way.
    pub to: String,
    /// Country that sends.
    pub sender: String,
    /// Country that receives.
    pub receiver: String,
    /// Agreement, K16.
    pub agreement: String,
    /// A CO that the receiver sent to us: what its answers and feedback are about. Cases that need one are skipped without.
    pub theirs: Option<Held>,
}

/// What tells a CO from all others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Held {
    /// Its number.
    pub number: String,
    /// Issuing body.
    pub issuer: String,
    /// Agreement.
    pub agreement: String,
    /// Issuing territory.
    pub territory: String,
}

impl Held {
    /// Of a CO in a file: the business document as it came.
    ///
    /// # Errors
    /// When it cannot be read, or is no CO.
    pub fn of_file(path: &Path) -> Result<Self, Error> {
        let octets = std::fs::read(path).map_err(failed(path.display()))?;
        let document = crate::xml::parse(octets, &crate::xml::Options::default()).map_err(failed(path.display()))?;
        let read = crate::contract::decode_any(&document, document.document_element(), &Slots::default());
        let (_, message) = read.map_err(failed(path.display()))?;
        if message.lpco.is_none() {
            return Err(Error(format!("{}: expected MetaData around the LPCO that the receiver sent", path.display())));
        }
        let facts = message.facts();
        Ok(Self {
            number: facts.number,
            issuer: facts.issuing_body,
            agreement: facts.agreement,
            territory: facts.territory,
        })
    }
}

/// Everything that a run needs to send and to judge answers.
pub struct Party {
    /// Names in messages.
    pub names: Names,
    /// Signs.
    pub sign: Option<Signing>,
    /// Signs and nobody knows it.
    pub stranger: Signing,
    /// For whom is encrypted.
    pub recipient: Option<Certificate>,
    /// Credentials.
    pub basic: Option<(String, Zeroizing<String>)>,
    /// Opens answers.
    pub decrypt: Vec<Arc<Identity>>,
    /// Namespaces in force.
    pub slots: Slots,
    operations: Option<Vec<String>>,
    signers: PeerSigners,
    agreed: Arc<Client>,
    without: Arc<Client>,
    unknown: Arc<Client>,
    has_client_certificate: bool,
    plain: bool,
}

/// Which of the clients.
pub use super::case::Whose;

impl Party {
    /// Puts both sides together.
    ///
    /// # Errors
    /// When an endpoint, key or certificate does not fit.
    pub fn new(
        endpoint: &str,
        names: Names,
        keys: Keys,
        receiver: &Receiver,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let now = clock.now();
        let (stranger, stranger_tls) = stranger(now)?;
        let plain = endpoint.starts_with("http://");
        let check = server_check(receiver, Arc::clone(clock))?;
        let name = match receiver.for_use(CertificateUse::Tls).next() {
            Some(_) => ServerName::Pinned,
            None => ServerName::Checked,
        };
        let client = |identity: Option<&net::Identity>| {
            let tls = ClientTls::new(identity, name.clone(), Arc::clone(&check)).map_err(failed("TLS"))?;
            // Each message has a connection of its own: a receiver closes after some refusals, and the next case must not meet
            // a connection that is closing.
            let settings = ClientSettings {
                danger_plain_loopback: plain,
                idle_timeout: std::time::Duration::ZERO,
                ..ClientSettings::default()
            };
            Client::new(endpoint, Arc::new(tls), settings, Arc::clone(clock)).map(Arc::new).map_err(failed("endpoint"))
        };
        let decrypt = keys
            .decrypt
            .iter()
            .map(|(certificate, key)| Identity::new(certificate.der(), key.to_pkey()).map(Arc::new))
            .collect::<Result<Vec<_>, _>>()
            .map_err(failed("key that opens answers"))?;
        let valid = |certificate: &&Certificate| certificate.not_before() <= now && now <= certificate.not_after();
        Ok(Self {
            names,
            sign: keys.sign.map(|(certificate, key)| Signing::new(certificate, &key)),
            stranger,
            recipient: receiver.for_use(CertificateUse::Encrypt).find(valid).cloned(),
            basic: keys.basic,
            decrypt,
            slots: Slots::default(),
            operations: receiver.operations.clone(),
            signers: PeerSigners::new(receiver)?,
            agreed: client(keys.tls.as_ref())?,
            without: client(None)?,
            unknown: client(Some(&stranger_tls))?,
            has_client_certificate: keys.tls.is_some(),
            plain,
        })
    }

    /// The client that shows this certificate.
    #[must_use]
    pub fn client(&self, whose: Whose) -> &Client {
        match whose {
            Whose::Agreed => &self.agreed,
            Whose::None => &self.without,
            Whose::Stranger => &self.unknown,
        }
    }

    /// Whether the endpoint can tell clients by their certificates.
    #[must_use]
    pub fn has_client_certificate(&self) -> bool {
        self.has_client_certificate && !self.plain
    }

    /// Whether the operation of this path name was agreed with the receiver.
    #[must_use]
    pub fn may_call(&self, operation: &str) -> bool {
        self.operations.as_ref().is_none_or(|agreed| agreed.iter().any(|name| name == operation))
    }

    /// Who may sign answers.
    #[must_use]
    pub fn signers(&self) -> &dyn SignerLookup {
        &self.signers
    }
}

/// A key pair that was made for this run: nobody has heard of it.
fn stranger(now: Timestamp) -> Result<(Signing, net::Identity), Error> {
    let kind = KeyKind::Ec { curve: "prime256v1", bits: 256 };
    let make = || PrivateKey::generate(kind).map_err(failed("make a stranger's key"));
    let authority = DevCa::create(&Issue::new("Nobody CA", &[], now, 2), make()?).map_err(failed("make a stranger"))?;
    let issue = |name: &str, uses: &[Use]| {
        let key = make()?;
        let certificate = authority.issue(&Issue::new(name, uses, now, 1), &key).map_err(failed("make a stranger"))?;
        Ok::<_, Error>((certificate, key))
    };
    let (certificate, key) = issue("Nobody", &[Use::Sign])?;
    let (tls, tls_key) = issue("Nobody tls", &[Use::TlsClient])?;
    let identity =
        net::Identity::new(tls.x509().clone(), Vec::new(), tls_key.to_pkey()).map_err(failed("make a stranger"))?;
    Ok((Signing::new(certificate, &key), identity))
}

/// The server must show a certificate of the receiver's list, certified by its anchors where there are some.
fn server_check(receiver: &Receiver, clock: Arc<dyn Clock>) -> Result<Arc<dyn PeerCheck>, Error> {
    let pinned: Vec<[u8; 32]> =
        receiver.for_use(CertificateUse::Tls).map(|certificate| *certificate.thumbprint_sha256()).collect();
    let anchors = receiver.anchors.clone();
    if pinned.is_empty() && anchors.is_none() {
        return Err(Error(
            "nothing says how the receiver's server is known: expected its partner file, its TLS certificate or trust anchors"
                .to_owned(),
        ));
    }
    Ok(Arc::new(move |shown: &PeerCertificates| {
        let leaf = Certificate::from_der(shown.leaf_der()).map_err(|error| Refusal::Bad(error.to_string()))?;
        if !pinned.is_empty() && !pinned.contains(leaf.thumbprint_sha256()) {
            return Err(Refusal::Unknown(format!("{} is not in the receiver's TLS certificates", leaf.subject())));
        }
        let Some(anchors) = &anchors else { return Ok(()) };
        let above: Vec<Certificate> =
            shown.chain_der().iter().filter_map(|der| Certificate::from_der(der).ok()).collect();
        match anchors.check(&leaf, &above, clock.now(), Use::TlsServer) {
            Ok(_) => Ok(()),
            Err(error) => Err(Refusal::Unknown(error.to_string())),
        }
    }))
}

/// Who may sign answers: the certificates of the receiver's list, certified by its anchors where there are some.
struct PeerSigners {
    signers: Signers,
    certificates: Vec<Certificate>,
    anchors: Option<TrustAnchors>,
}

impl PeerSigners {
    fn new(receiver: &Receiver) -> Result<Self, Error> {
        let certificates: Vec<Certificate> = receiver.for_use(CertificateUse::Sign).cloned().collect();
        if certificates.is_empty() {
            return Err(Error(
                "nothing says who signs the answers: expected the receiver's partner file or its signing certificate"
                    .to_owned(),
            ));
        }
        let signers = certificates
            .iter()
            .map(|certificate| Signer::from_der(certificate.der()).map(Arc::new))
            .collect::<Result<Vec<_>, _>>()
            .map_err(failed("the receiver's signing certificate"))?;
        Ok(Self { signers: Signers::new(signers), certificates, anchors: receiver.anchors.clone() })
    }
}

impl SignerLookup for PeerSigners {
    fn find(&self, reference: &CertificateReference<'_>, at: Timestamp) -> Result<Arc<Signer>, TrustError> {
        let signer = self.signers.find(reference, at)?;
        let der = signer.certificate().der();
        let certificate = self.certificates.iter().find(|certificate| certificate.der() == der);
        if let (Some(anchors), Some(certificate)) = (&self.anchors, certificate)
            && let Err(error) = anchors.check(certificate, &[], at, Use::Sign)
        {
            return Err(TrustError::Untrusted { subject: certificate.subject().to_owned(), cause: error.to_string() });
        }
        Ok(signer)
    }
}
