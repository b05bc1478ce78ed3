//! A gateway put together: store, identity, partners, exchange. What `serve` serves and what the commands that need the
//! store open when nothing serves.

use std::path::PathBuf;
use std::sync::Arc;

use super::config::{Backend, Config};
use super::identity::{self, OwnIdentity};
use super::transport::Outgoing;
use crate::base::Clock;
use crate::exchange::{Exchange, ExchangeConfig, Limits, LookUpError, Own, PartnerSet, Partners, Workers};
use crate::store::{self, SharedStore};

const MIB: usize = 1024 * 1024;

/// Why a gateway does not come up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its own keys or certificates.
    #[error(transparent)]
    Identity(#[from] identity::Error),
    /// A partner file.
    #[error("partner file {0}")]
    Partner(String),
    /// The store.
    #[error("open the store in {path}")]
    Store {
        /// Its folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: store::Error,
    },
    /// The outbox.
    #[error("read the outbox")]
    Outbox(#[from] LookUpError),
}

/// A gateway.
pub struct Node {
    /// Its configuration.
    pub config: Config,
    /// Its exchange.
    pub exchange: Arc<Exchange>,
    /// The way to partners.
    pub outgoing: Arc<Outgoing>,
    /// Its time.
    pub clock: Arc<dyn Clock>,
}

impl Node {
    /// Opens everything; nothing is served yet.
    ///
    /// # Errors
    /// [`Error`].
    pub fn open(config: Config, clock: Arc<dyn Clock>) -> Result<(Self, OwnIdentity), Error> {
        let own = OwnIdentity::load(&config)?;
        let partners = Partners::new(load_partners(&config, &own)?);
        let store = open_store(&config, &clock)?;
        let environment = config.gateway.environment();
        let outgoing = Arc::new(Outgoing::new(environment, own.tls.clone(), partners.clone(), Arc::clone(&clock)));
        let exchange = Exchange::new(ExchangeConfig {
            own: Own {
                id: config.gateway.partner_id(),
                environment,
                country: config.gateway.country.clone(),
                public_urls: config.listener.iter().map(|l| config.public_url(l)).collect(),
                basic_user: config.identity.basic_user.clone(),
                basic_password: own.basic_password.clone(),
            },
            keys: own.keys.clone(),
            limits: limits(&config),
            partners,
            store,
            clock: Arc::clone(&clock),
            transport: Arc::clone(&outgoing) as Arc<_>,
        })?;
        Ok((Self { config, exchange, outgoing, clock }, own))
    }

    /// Reads keys, certificates and partner files again and puts them in force; what is under way finishes with the old.
    ///
    /// # Errors
    /// [`Error`]: then everything stays as it was.
    pub fn reload(&self) -> Result<OwnIdentity, Error> {
        let own = OwnIdentity::load(&self.config)?;
        let partners = load_partners(&self.config, &own)?;
        self.exchange.partners().replace(partners);
        self.exchange.replace_keys(own.keys.clone());
        self.outgoing.replace_identity(own.tls.clone());
        Ok(own)
    }
}

fn load_partners(config: &Config, own: &OwnIdentity) -> Result<PartnerSet, Error> {
    PartnerSet::load(&config.partners_dir(), config.gateway.environment(), &own.anchors)
        .map_err(|e| Error::Partner(format!("{e}: {}", super::chain(&e.source))))
}

fn limits(config: &Config) -> Limits {
    let limits = &config.limits;
    let mut workers = limits.workers as usize;
    if workers == 0 {
        workers = std::thread::available_parallelism().map_or(2, usize::from);
    }
    Limits {
        message_bytes_max: limits.message_mib as usize * MIB,
        in_flight_bytes_max: limits.in_flight_mib as usize * MIB,
        body_deadline: std::time::Duration::from_secs(limits.body_timeout_s.into()),
        workers: Workers::Pool(workers),
        ..Limits::default()
    }
}

fn open_sled(config: &Config, clock: &Arc<dyn Clock>) -> Result<SharedStore, store::Error> {
    let set = &config.store;
    let options = store::Options {
        segment_bytes: u64::from(set.segment_mib) << 20,
        min_free_bytes: u64::from(set.min_free_mib) << 20,
        memory_bytes: u64::from(set.index_memory_mib) << 20,
        ..store::Options::default()
    };
    let mut told = 0;
    let store = store::SledStore::open(&config.data_dir(), options, Arc::clone(clock), &mut |records| {
        if records >= told + 100_000 {
            told = records;
            tracing::info!(records, "reading the journal into the index");
        }
    })?;
    Ok(Arc::new(store))
}

fn open_store(config: &Config, clock: &Arc<dyn Clock>) -> Result<SharedStore, Error> {
    let path = config.data_dir();
    match config.store.backend {
        Backend::Memory => Ok(Arc::new(store::Memory::new(Arc::clone(clock)))),
        Backend::Sled => open_sled(config, clock).map_err(|source| Error::Store { path, source }),
    }
}
