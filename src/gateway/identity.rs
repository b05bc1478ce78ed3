//! Our certificates and keys, read from the files that the configuration names.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use super::config::{Config, KeyPair};
use crate::base::id::Environment;
use crate::exchange::{KeyError, OwnKeys};
use crate::net;
use crate::pki::{self, Certificate, Password, PrivateKey, TrustAnchors};

/// A key or certificate of ours that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read.
    #[error("identity.{what}")]
    Pki {
        /// `tls.certificate`, `sign.key`, ...
        what: String,
        /// Why.
        #[source]
        source: pki::Error,
    },
    /// The certificate file holds none.
    #[error("identity.{what}: {path} holds no certificate")]
    Empty {
        /// Which.
        what: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// A development certificate where the environment is `prod`.
    #[error("identity.{what}: {subject} is of a development authority; prod needs certificates of your own authority")]
    Development {
        /// Which: `sign`.
        what: &'static str,
        /// Its subject.
        subject: String,
    },
    /// The keys do not fit.
    #[error("identity")]
    Keys(#[from] KeyError),
    /// TLS does not take them.
    #[error("identity.tls")]
    Tls(#[from] net::TlsError),
    /// The password file cannot be read.
    #[error("read {path}")]
    Password {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Everything of ours that proves who we are.
pub struct OwnIdentity {
    /// For both sides of TLS.
    pub tls: net::Identity,
    /// For messages.
    pub keys: OwnKeys,
    /// Our certificates by use, for `cert calendar` and for whoever wants to see them.
    pub certificates: Vec<(&'static str, Certificate)>,
    /// Basic password that we present.
    pub basic_password: Zeroizing<String>,
    /// Authorities that partners fall back on when their file names none: `keys/ca.crt` where it is there.
    pub anchors: TrustAnchors,
    /// Key files that others than the owner may read.
    pub readable_by_others: Vec<PathBuf>,
}

struct Pair {
    certificate: Certificate,
    chain: Vec<Certificate>,
    key: PrivateKey,
}

impl OwnIdentity {
    /// Reads every file.
    ///
    /// # Errors
    /// [`Error`] names the key of the configuration.
    pub fn load(config: &Config) -> Result<Self, Error> {
        let password = match &config.identity.password_file {
            Some(file) => Some(
                Password::load(&config.path(file))
                    .map_err(|source| Error::Pki { what: "password_file".to_owned(), source })?,
            ),
            None => None,
        };
        let mut readable_by_others = Vec::new();
        let mut pair =
            |what, files: &KeyPair| load_pair(config, what, files, password.as_ref(), &mut readable_by_others);
        let tls = pair("tls", &config.identity.tls)?;
        let sign = pair("sign", &config.identity.sign)?;
        let encrypt = pair("encrypt", &config.identity.encrypt)?;
        if config.gateway.environment() == Environment::Prod {
            for (what, pair) in [("tls", &tls), ("sign", &sign), ("encrypt", &encrypt)] {
                let mut all = std::iter::once(&pair.certificate).chain(&pair.chain);
                if let Some(found) = all.find(|certificate| certificate.is_of_development()) {
                    return Err(Error::Development { what, subject: found.subject().to_owned() });
                }
            }
        }
        let chain = tls.chain.iter().map(|c| c.x509().clone()).collect();
        let net_identity = net::Identity::new(tls.certificate.x509().clone(), chain, tls.key.to_pkey())?;
        let keys = OwnKeys::new((&sign.certificate, &sign.key), &[(&encrypt.certificate, &encrypt.key)])?;
        let authority = config.path(Path::new("keys/ca.crt"));
        let anchors = if authority.exists() {
            TrustAnchors::load(&[authority]).map_err(|source| Error::Pki { what: "keys/ca.crt".to_owned(), source })?
        } else {
            TrustAnchors::new()
        };
        Ok(Self {
            tls: net_identity,
            keys,
            certificates: vec![("tls", tls.certificate), ("sign", sign.certificate), ("encrypt", encrypt.certificate)],
            basic_password: read_line(&config.path(&config.identity.basic_password_file))?,
            anchors,
            readable_by_others,
        })
    }
}

fn load_pair(
    config: &Config,
    what: &'static str,
    files: &KeyPair,
    password: Option<&Password>,
    readable_by_others: &mut Vec<PathBuf>,
) -> Result<Pair, Error> {
    let certificate_file = config.path(&files.certificate);
    let mut certificates = Certificate::load(&certificate_file)
        .map_err(|source| Error::Pki { what: format!("{what}.certificate"), source })?
        .into_iter();
    let certificate = certificates.next().ok_or(Error::Empty { what, path: certificate_file })?;
    let key_file = config.path(&files.key);
    let key =
        PrivateKey::load(&key_file, password).map_err(|source| Error::Pki { what: format!("{what}.key"), source })?;
    if key.readable_by_others {
        readable_by_others.push(key_file);
    }
    if !key.key.belongs_to(&certificate) {
        let source = pki::Error::KeyMismatch { subject: certificate.subject().to_owned() };
        return Err(Error::Pki { what: format!("{what}.key"), source });
    }
    Ok(Pair { certificate, chain: certificates.collect(), key: key.key })
}

/// The first line of a file that holds a secret.
///
/// # Errors
/// When it cannot be read.
pub fn read_line(path: &Path) -> Result<Zeroizing<String>, Error> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::Password { path: path.to_owned(), source })?;
    let text = Zeroizing::new(text);
    Ok(Zeroizing::new(text.lines().next().unwrap_or_default().trim().to_owned()))
}

/// Who may open TLS with us: a certificate that is in some partner's list for TLS now and that the partner's anchors
/// certify. Which partner it is, and whether Basic and address agree, is decided with the request.
pub(crate) fn partner_check(
    partners: crate::exchange::Partners,
    clock: Arc<dyn crate::base::Clock>,
    purpose: pki::Use,
) -> Arc<dyn net::PeerCheck> {
    Arc::new(move |shown: &net::PeerCertificates| {
        let certificate = Certificate::from_der(shown.leaf_der()).map_err(|e| net::Refusal::Bad(e.to_string()))?;
        let now = clock.now();
        let set = partners.now();
        let partner = set.by_tls_certificate(certificate.thumbprint_sha256(), now).ok_or_else(|| {
            net::Refusal::Unknown(format!("{} is no partner's TLS certificate", certificate.subject()))
        })?;
        check_path(partner, &certificate, shown, now, purpose)
    })
}

/// The same for the server of one partner.
pub(crate) fn server_check(
    partners: crate::exchange::Partners,
    id: crate::base::id::PartnerId,
    clock: Arc<dyn crate::base::Clock>,
) -> Arc<dyn net::PeerCheck> {
    Arc::new(move |shown: &net::PeerCertificates| {
        let certificate = Certificate::from_der(shown.leaf_der()).map_err(|e| net::Refusal::Bad(e.to_string()))?;
        let now = clock.now();
        let set = partners.now();
        let partner = set
            .by_tls_certificate(certificate.thumbprint_sha256(), now)
            .filter(|p| *p.id() == id)
            .ok_or_else(|| {
                net::Refusal::Unknown(format!(
                    "{} is not in the TLS certificates of partner {id}",
                    certificate.subject()
                ))
            })?;
        check_path(partner, &certificate, shown, now, pki::Use::TlsServer)
    })
}

fn check_path(
    partner: &crate::exchange::Partner,
    certificate: &Certificate,
    shown: &net::PeerCertificates,
    now: jiff::Timestamp,
    purpose: pki::Use,
) -> Result<(), net::Refusal> {
    let chain: Vec<Certificate> = shown.chain_der().iter().filter_map(|der| Certificate::from_der(der).ok()).collect();
    partner.anchors().check(certificate, &chain, now, purpose).map(|_| ()).map_err(|error| {
        let text = error.to_string();
        match error {
            pki::PathError::Expired { .. } | pki::PathError::NotYetValid { .. } => net::Refusal::Expired(text),
            pki::PathError::Revoked { .. } => net::Refusal::Revoked(text),
            pki::PathError::WrongUse { .. } => net::Refusal::WrongUse(text),
            _ => net::Refusal::Unknown(text),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::RealClock;
    use crate::base::id::PartnerId;
    use crate::gateway::init::{Plan, Suite, init};

    #[test]
    fn prod_does_not_start_with_keys_of_a_development_authority() {
        let folder = tempfile::tempdir().unwrap();
        let plan = Plan {
            dir: folder.path().to_owned(),
            id: PartnerId::parse("KR").unwrap(),
            country: "KR".to_owned(),
            domain: "customs.kr.example".to_owned(),
            environment: Environment::Test,
            listen: "127.0.0.1:8443".parse().unwrap(),
            public_url: None,
            addresses: vec!["192.0.2.0/24".to_owned()],
            local_api: None,
            suite: Suite::P256,
            authority: None,
            retry_every_s: None,
        };
        init(&plan, &RealClock::new()).unwrap();
        let file = folder.path().join("coconnect.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        OwnIdentity::load(&Config::load(&file).unwrap()).unwrap();
        std::fs::write(&file, text.replace("environment = \"test\"", "environment = \"prod\"")).unwrap();
        let refused = OwnIdentity::load(&Config::load(&file).unwrap()).map(drop).unwrap_err();
        assert!(matches!(refused, Error::Development { what: "tls", .. }), "{refused}");
    }
}
