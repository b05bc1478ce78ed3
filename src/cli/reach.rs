//! How a command reaches a gateway: over its admin socket, or, when nothing serves, by opening the store itself. The
//! routes are the same.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Notify;

use super::out::{self, Failure};
use super::place::Place;
use crate::base::{Clock, RealClock};
use crate::gateway::admin::{AdminClient, Answer};
use crate::gateway::{Node, node};
use crate::net::{ClientError, Method, header};
use crate::web::Api;
use crate::web::rest::Call;

/// A gateway within reach.
pub struct Reach {
    runtime: tokio::runtime::Runtime,
    way: Way,
}

enum Way {
    Socket(AdminClient),
    Store(Box<Api>, Arc<Node>),
}

impl Reach {
    /// The gateway of `place`.
    ///
    /// # Errors
    /// When it neither serves nor can be opened.
    pub fn open(place: &Place) -> Result<Self, Failure> {
        let config = place.config()?;
        let clock: Arc<dyn Clock> = Arc::new(RealClock::new());
        let runtime = tokio::runtime::Runtime::new().map_err(|e| Failure::later(format!("start the runtime: {e}")))?;
        let client = AdminClient::new(&config.admin_socket(), Arc::clone(&clock));
        let serving = match bounded(&runtime, client.get("/v1/health"))? {
            Ok(_) => true,
            Err(ClientError::Socket { .. }) => false,
            Err(e) => return Err(Failure::later(format!("the gateway does not answer: {}", out::chain(&e)))),
        };
        if serving {
            return Ok(Self { runtime, way: Way::Socket(client) });
        }
        let node = {
            let _inside = runtime.enter();
            Node::open(config, clock).map_err(|e| unopened(&e))?.0
        };
        let node = Arc::new(node);
        let api = Api::new(Arc::clone(&node), Arc::new(Notify::new()));
        Ok(Self { runtime, way: Way::Store(Box::new(api), node) })
    }

    /// Whether a running gateway answers.
    #[must_use]
    pub fn serving(&self) -> bool {
        matches!(self.way, Way::Socket(_))
    }

    /// Reads.
    ///
    /// # Errors
    /// What the gateway says.
    pub fn get(&self, path: &str) -> Result<Answer, Failure> {
        expect(self.call(Method::GET, path, "", Vec::new())?)
    }

    /// Reads JSON.
    ///
    /// # Errors
    /// What the gateway says.
    pub fn json(&self, path: &str) -> Result<Value, Failure> {
        Ok(self.get(path)?.json())
    }

    /// Any call; the answer whatever its status.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn call(&self, method: Method, path: &str, content_type: &str, body: Vec<u8>) -> Result<Answer, Failure> {
        match &self.way {
            Way::Socket(client) => {
                let call = client.call(method, path, content_type, body);
                bounded(&self.runtime, call)?
                    .map_err(|e| Failure::later(format!("the gateway does not answer: {}", out::chain(&e))))
            }
            Way::Store(api, _) => {
                let (path, query) = path.split_once('?').unwrap_or((path, ""));
                let media_type = crate::web::rest::media_type(Some(content_type));
                let call = Call { method, path: path.to_owned(), query: query.to_owned(), media_type, body };
                let response = self.runtime.block_on(api.answer(call));
                let content_type = response
                    .headers
                    .get(header::CONTENT_TYPE)
                    .and_then(|v| v.to_str().ok())
                    .unwrap_or_default()
                    .to_owned();
                Ok(Answer { status: response.status.as_u16(), content_type, body: response.body.to_vec() })
            }
        }
    }

    /// Every row of a list, page after page, at most `most`.
    ///
    /// # Errors
    /// What the gateway says.
    pub fn rows(&self, path: &str, most: usize) -> Result<Vec<Value>, Failure> {
        let mut rows = Vec::new();
        let mut after = String::new();
        while rows.len() < most {
            let limit = (most - rows.len()).min(1_000);
            let mut page = self.json(&format!("{path}?limit={limit}{after}"))?;
            if let Some(Value::Array(more)) = page.get_mut("rows").map(Value::take) {
                rows.extend(more);
            }
            match page["next"].as_str() {
                Some(next) => after = format!("&after={}", crate::web::escape(next)),
                None => break,
            }
        }
        Ok(rows)
    }
}

/// How long a running gateway may take for an answer: a submission waits for its commit, nothing else takes long.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// The end of `call`, or a failure when it does not come.
fn bounded<T>(runtime: &tokio::runtime::Runtime, call: impl Future<Output = T>) -> Result<T, Failure> {
    runtime.block_on(async { tokio::time::timeout(ANSWER_MAX, call).await }).map_err(|_| {
        let failure = Failure::later(format!("the gateway does not answer within {} s", ANSWER_MAX.as_secs()));
        failure.hint("it is stopped or stuck: look at its log, and whether its process runs")
    })
}

/// Why a gateway cannot be opened: 2 for what cannot be read, 1 for what is damaged, 75 while another has the store.
pub(super) fn unopened(error: &node::Error) -> Failure {
    match error {
        node::Error::Identity(_) => Failure::usage(out::chain(error)),
        node::Error::Partner(_) => {
            Failure::usage(out::chain(error)).hint("coconnect partner list tells which files are broken")
        }
        node::Error::Store { source, .. } => Failure { error: out::chain(error), ..super::journal::failure(source) },
        node::Error::Outbox(_) => Failure::refused(out::chain(error)),
    }
}

impl Drop for Reach {
    fn drop(&mut self) {
        if let Way::Store(_, node) = &self.way {
            // What was committed is durable already; an unclean close costs the next start a look at the journal's end.
            let _ = self.runtime.block_on(node.exchange.store().close());
        }
    }
}

/// An answer that is a success, or what it says instead.
pub fn expect(answer: Answer) -> Result<Answer, Failure> {
    if answer.ok() {
        return Ok(answer);
    }
    let problem = answer.json();
    let detail = problem["detail"].as_str().map_or_else(|| format!("HTTP {}", answer.status), str::to_owned);
    Err(if answer.status >= 500 { Failure::later(detail) } else { Failure::refused(detail) })
}

/// A text of a JSON object, "" without.
#[must_use]
pub fn text(value: &Value, name: &str) -> String {
    match &value[name] {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
