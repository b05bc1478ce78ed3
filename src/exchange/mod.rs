//! Floor 4: the business, in the order in which it happens.
//!
//! - [`inbound`]: admit, receive, authenticate, validate, decide, record, acknowledge.
//! - [`outbound`]: submit, driver, encode, secure, deliver, receipt, schedule.
//! - [`partner`]: the agreement with one administration; [`rules`]: State x Event -> Decision; [`fault`]: the catalogue.
//! - [`evidence`], [`alert`], [`view`]: what is proved, what somebody must look at, what look-ups return.
//!
//! [`Exchange`] holds them together. The gateway makes one, hands it requests, and lets [`Exchange::drive`] run.

pub mod alert;
mod budget;
mod codes;
mod crypto;
pub mod evidence;
mod facts;
pub mod fault;
pub mod inbound;
mod key;
mod look_up;
pub mod message;
pub mod outbound;
pub mod partner;
pub mod profile;
pub mod rules;
pub mod view;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use zeroize::Zeroizing;

use crate::base::Clock;
use crate::base::id::{Environment, PartnerId};
use crate::base::limits::MESSAGE_BYTES_MAX;
use crate::contract::Operation;
use crate::store::SharedStore;

pub use crypto::{KeyError, OwnKeys};
pub use fault::{Code, Fault};
pub use inbound::Stage;
pub use look_up::LookUpError;
pub use message::{Answer, Body, BodyError, BoxFuture, Call, Peer, Request, Response, Transport, TransportError};
pub use outbound::{ActError, Submission, SubmitError};
pub use partner::{Partner, PartnerFile, PartnerSet, Partners};

/// Who we are.
pub struct Own {
    /// Our id, as partners name us.
    pub id: PartnerId,
    /// Which world we live in.
    pub environment: Environment,
    /// The territory whose COs we send and receive.
    pub country: String,
    /// Bases of our public addresses, without a slash at the end; `wsa:To` must be one of them and the operation's path.
    pub public_urls: Vec<String>,
    /// Basic user that we present to partners.
    pub basic_user: String,
    /// Basic password that we present to partners.
    pub basic_password: Zeroizing<String>,
}

/// Where the cryptography and validation of a message run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Workers {
    /// In the calling task: measurements on one thread.
    Inline,
    /// On at most so many blocking threads at once.
    Pool(usize),
}

/// Ceilings of a running exchange.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Octets of one message.
    pub message_bytes_max: usize,
    /// Octets of all messages that are read or worked on at once; beyond it 503.
    pub in_flight_bytes_max: usize,
    /// Messages of one partner at once; beyond it 429.
    pub per_partner_max: usize,
    /// For the whole body to arrive.
    pub body_deadline: Duration,
    /// Faults that are signed at once; beyond it 503.
    pub signings_max: usize,
    /// Threads.
    pub workers: Workers,
    /// Deliveries under way at once, over all partners.
    pub deliveries_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes_max: MESSAGE_BYTES_MAX,
            in_flight_bytes_max: 128 * 1024 * 1024,
            per_partner_max: 256,
            body_deadline: Duration::from_secs(60),
            signings_max: 32,
            workers: Workers::Pool(std::thread::available_parallelism().map_or(2, usize::from)),
            deliveries_max: 64,
        }
    }
}

/// Everything that an exchange is made of.
pub struct ExchangeConfig {
    /// Who we are.
    pub own: Own,
    /// Our keys; [`Exchange::replace_keys`] puts others in force.
    pub keys: OwnKeys,
    /// Ceilings.
    pub limits: Limits,
    /// Partners in force; keep a clone to replace them.
    pub partners: Partners,
    /// Journal and index.
    pub store: SharedStore,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The way to partners.
    pub transport: Arc<dyn Transport>,
}

/// The exchange of one gateway.
pub struct Exchange {
    own: Own,
    keys: ArcSwap<OwnKeys>,
    limits: Limits,
    partners: Partners,
    store: SharedStore,
    clock: Arc<dyn Clock>,
    transport: Arc<dyn Transport>,
    budget: budget::Budget,
    crypto: crypto::Cache,
    heads: evidence::SentHeads,
    logs: evidence::SeenLogs,
    quarantine: inbound::Quarantine,
    queue: outbound::Queue,
    measure: std::sync::OnceLock<Measure>,
}

/// Told that a stage of an inbound message has ended. A stage may end in several parts.
pub type Measure = Box<dyn Fn(Stage) + Send + Sync>;

impl Exchange {
    /// Puts an exchange together and reads the outbox.
    ///
    /// # Errors
    /// When the outbox cannot be read.
    pub fn new(config: ExchangeConfig) -> Result<Arc<Self>, LookUpError> {
        let queue = outbound::Queue::load(config.store.as_ref())?;
        Ok(Arc::new(Self {
            budget: budget::Budget::new(&config.limits),
            own: config.own,
            keys: ArcSwap::from_pointee(config.keys),
            limits: config.limits,
            partners: config.partners,
            store: config.store,
            clock: config.clock,
            transport: config.transport,
            crypto: crypto::Cache::default(),
            heads: evidence::SentHeads::default(),
            logs: evidence::SeenLogs::default(),
            quarantine: inbound::Quarantine::default(),
            queue,
            measure: std::sync::OnceLock::new(),
        }))
    }

    /// Answers one request of a partner. Never fails: what goes wrong is an answer.
    pub async fn inbound(self: &Arc<Self>, request: Request) -> Response {
        inbound::inbound(self, request).await
    }

    /// Tells `measure` from now on when a stage of an inbound message ends. The first caller is heard.
    pub fn measure(&self, measure: Measure) {
        // A second measurement of one exchange would disturb the first.
        let _ = self.measure.set(measure);
    }

    /// A stage of an inbound message has ended.
    fn ended(&self, stage: Stage) {
        if let Some(measure) = self.measure.get() {
            measure(stage);
        }
    }

    /// Takes a business document for delivery: one commit, then it is in the outbox.
    ///
    /// # Errors
    /// [`SubmitError`]: nothing was recorded.
    pub async fn submit(self: &Arc<Self>, submission: Submission) -> Result<view::Submitted, SubmitError> {
        outbound::submit(self, submission).await
    }

    /// Delivers what is due until `shutdown` holds true; then finishes what is under way.
    pub async fn drive(self: Arc<Self>, shutdown: tokio::sync::watch::Receiver<bool>) {
        outbound::drive(self, shutdown).await;
    }

    /// Makes every try that is due now and waits for their ends; gives how many there were.
    pub async fn drive_once(self: &Arc<Self>) -> usize {
        outbound::drive_once(self).await
    }

    /// Puts other keys of ours in force: rotation without a restart.
    pub fn replace_keys(&self, keys: OwnKeys) {
        self.keys.store(Arc::new(keys));
    }

    /// Who we are.
    #[must_use]
    pub fn own(&self) -> &Own {
        &self.own
    }

    /// The partners in force.
    #[must_use]
    pub fn partners(&self) -> &Partners {
        &self.partners
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &SharedStore {
        &self.store
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Our public addresses of an operation, aliases included.
    fn addresses_of(&self, operation: Operation) -> Vec<String> {
        let paths = std::iter::once(operation.path()).chain(operation.aliases().iter().copied());
        paths.flat_map(|path| self.own.public_urls.iter().map(move |base| format!("{base}{path}"))).collect()
    }
}

#[cfg(test)]
mod tests;
