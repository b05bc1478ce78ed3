//! The routes of the local API (design 2.7, 4). JSON in and out, but for documents, which are XML; one that is handed in may be
//! in the JSON form of the contract (`application/json`).
//!
//! | method, path | what |
//! |---|---|
//! | GET `/v1/health` | what is served, and whether the store takes messages |
//! | GET `/v1/openapi.json` | this, as OpenAPI 3.1 |
//! | POST `/v1/cos?partner=ID` | take a business document for delivery: 201 and how it is known |
//! | GET `/v1/cos?after=&limit=` | COs, in and out |
//! | GET `/v1/cos/{number}?partner=` | COs of that number; `&part=document` the XML of the only one |
//! | GET `/v1/messages?after=&limit=` | messages, in and out, refused ones too |
//! | GET `/v1/messages/{id}` | by MessageID or reference id; `?part=` its octets: `document`, `acknowledgement`, `request`, `clear`, `reply`, `sent`, `answer` |
//! | GET `/v1/outbox` | what waits for delivery |
//! | POST `/v1/outbox/{id}/retry` | try a waiting or held message at once; its hour begins anew |
//! | POST `/v1/partners/{id}/retry` | release a partner's held queue, and try all that waits for it at once |
//! | GET `/v1/alerts?after=&limit=` | what somebody must look at |
//! | GET `/v1/journal/heads` | the last durable head of each partner's tree |
//! | POST `/v1/reload` | read certificates, keys and partners again |

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Notify;
use zeroize::Zeroizing;

use super::{Problem, unescape};
use crate::base::id::{MessageId, PartnerId};
use crate::contract::{Operation, Slots, Violation, Violations, json as form};
use crate::exchange::view::Page;
use crate::exchange::{ActError, LookUpError, Submission, SubmitError};
use crate::gateway::Node;
use crate::net::{self, Handler, Method, Request, Response, ResponseFuture, StatusCode, header};
use crate::store::PartName;

/// Rows of a page when nothing is said.
const LIMIT_DEFAULT: usize = 100;
/// Rows of a page at most.
const LIMIT_MAX: usize = 1_000;
/// For the body of a local request to arrive.
const BODY_DEADLINE: Duration = Duration::from_secs(60);

/// The routes over one gateway.
#[derive(Clone)]
pub struct Api {
    node: Arc<Node>,
    reload: Arc<Notify>,
}

/// A request whose body is read.
pub struct Call {
    /// GET or POST.
    pub method: Method,
    /// `/v1/...`.
    pub path: String,
    /// Without `?`.
    pub query: String,
    /// Media type of the body, without parameters, in lower case; "" where none is told.
    pub media_type: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Api {
    /// The routes; `reload` is notified when a reload is asked for.
    #[must_use]
    pub fn new(node: Arc<Node>, reload: Arc<Notify>) -> Self {
        Self { node, reload }
    }

    /// Answers a request.
    pub async fn answer(&self, call: Call) -> Response {
        self.route(call).await.unwrap_or_else(|problem| problem.response())
    }

    async fn route(&self, call: Call) -> Result<Response, Problem> {
        let query = Query::parse(&call.query)?;
        let segments: Vec<String> = call
            .path
            .trim_start_matches('/')
            .split('/')
            .map(|s| unescape(s).ok_or_else(|| Problem::bad_request("the path is not percent-encoded UTF-8")))
            .collect::<Result<_, _>>()?;
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        match (call.method.as_str(), segments.as_slice()) {
            ("GET", ["v1", "health"]) => Ok(self.health()),
            ("GET", ["v1", "openapi.json"]) => Ok(answer(StatusCode::OK, &super::openapi::openapi())),
            ("POST", ["v1", "cos"]) => self.submit(&query, &call.media_type, call.body).await,
            ("GET", ["v1", "cos"]) => self.page(&query, |after, limit| self.node.exchange.co_list(after, limit)),
            ("GET", ["v1", "cos", number]) => self.co(number, &query),
            ("GET", ["v1", "messages"]) => {
                self.page(&query, |after, limit| self.node.exchange.message_list(after, limit))
            }
            ("GET", ["v1", "messages", id]) => self.message(id, &query),
            ("GET", ["v1", "outbox"]) => self.outbox(),
            ("POST", ["v1", "outbox", id, "retry"]) => self.retry(id).await,
            ("POST", ["v1", "partners", id, "retry"]) => self.retry_partner(id).await,
            ("GET", ["v1", "alerts"]) => self.page(&query, |after, limit| self.node.exchange.alert_list(after, limit)),
            ("GET", ["v1", "journal", "heads"]) => self.heads(),
            ("POST", ["v1", "reload"]) => {
                self.reload.notify_one();
                Ok(answer(StatusCode::ACCEPTED, &json!({ "reload": "asked for; the log says what came of it" })))
            }
            (_, ["v1", "health" | "cos" | "messages" | "outbox" | "partners" | "alerts" | "reload", ..]) => {
                Err(Problem::new(
                    StatusCode::METHOD_NOT_ALLOWED,
                    "method-not-allowed",
                    format!("{} is not possible on {}", call.method, call.path),
                ))
            }
            _ => Err(Problem::not_found(format!("there is no {}", call.path))),
        }
    }

    fn health(&self) -> Response {
        let config = &self.node.config;
        let status = self.node.exchange.store().status();
        let refusing = status.refusing.as_ref().map(ToString::to_string);
        let code = if refusing.is_some() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
        answer(
            code,
            &json!({
                "gateway": config.gateway.id,
                "environment": config.gateway.environment,
                "version": env!("CARGO_PKG_VERSION"),
                "partners": self.node.exchange.partners().now().all().len(),
                "journal_end": status.end.map(|p| p.to_string()),
                "unapplied": status.unapplied,
                "free_bytes": status.free_bytes,
                "refusing": refusing,
            }),
        )
    }

    async fn submit(&self, query: &Query, media_type: &str, body: Vec<u8>) -> Result<Response, Problem> {
        // Whatever else is told is taken for XML, whose parser says what is wrong: curl tells a form where nothing is told.
        let (document, tree) = match media_type {
            "application/json" => of_json(&body).map(|(document, tree)| (document, Some(tree)))?,
            _ => (body, None),
        };
        let partner = query
            .get("partner")
            .map(|p| PartnerId::parse(p).map_err(|e| Problem::bad_request(e.to_string())))
            .transpose()?;
        let operation = match query.get("operation") {
            None => None,
            Some(name) => Some(
                Operation::from_path(&format!("/{name}"))
                    .ok_or_else(|| Problem::bad_request(format!("operation {name:?} is not one of those served")))?,
            ),
        };
        let message_id = query
            .get("message-id")
            .map(|id| MessageId::parse(id).map_err(|e| Problem::bad_request(e.to_string())))
            .transpose()?;
        let submission = Submission { operation, document, partner, message_id };
        let submitted = self.node.exchange.submit(submission).await.map_err(|e| refused(&e, tree.as_ref()))?;
        let status = if submitted.already { StatusCode::OK } else { StatusCode::CREATED };
        Ok(answer(status, &serde_json::to_value(&submitted).unwrap_or_default()))
    }

    fn co(&self, number: &str, query: &Query) -> Result<Response, Problem> {
        let mut rows = self.node.exchange.co_show(number).map_err(|e| unreadable(&e))?;
        if let Some(partner) = query.get("partner") {
            rows.retain(|row| row.partner == partner);
        }
        if rows.is_empty() {
            return Err(Problem::not_found(format!("no CO {number:?} is held here")));
        }
        match query.get("part") {
            None => Ok(answer(StatusCode::OK, &json!({ "rows": rows }))),
            Some("document") => match rows.as_slice() {
                [one] => self.document(number, &one.partner),
                many => Err(Problem::new(
                    StatusCode::CONFLICT,
                    "ambiguous",
                    format!("{} COs have the number {number:?}; name the partner", many.len()),
                )),
            },
            Some(other) => Err(Problem::bad_request(format!("part: expected document, came {other:?}"))),
        }
    }

    fn document(&self, number: &str, partner: &str) -> Result<Response, Problem> {
        let found = self.node.exchange.co_document(number, Some(partner)).map_err(|e| unreadable(&e))?;
        found.map(xml).ok_or_else(|| Problem::not_found(format!("the document of CO {number:?} is no longer held")))
    }

    /// Every record about an id: the first tells what became of the message, the others how it came to that.
    fn message(&self, id: &str, query: &Query) -> Result<Response, Problem> {
        if let Some(part) = query.get("part") {
            return self.part(id, part);
        }
        let rows = self.node.exchange.message_show(id).map_err(|e| unreadable(&e))?;
        let Some((first, history)) = rows.split_first() else {
            return Err(Problem::not_found(format!("no message has the MessageID or reference id {id:?}")));
        };
        let mut value = serde_json::to_value(first).unwrap_or_default();
        if let Some(map) = value.as_object_mut() {
            map.insert("history".to_owned(), json!(history));
        }
        Ok(answer(StatusCode::OK, &value))
    }

    fn part(&self, id: &str, name: &str) -> Result<Response, Problem> {
        let part = match name {
            "document" => {
                let found = self.node.exchange.message_document(id).map_err(|e| unreadable(&e))?;
                let missing = || Problem::not_found(format!("message {id:?} holds no document that was accepted"));
                return found.map(xml).ok_or_else(missing);
            }
            "acknowledgement" => PartName::Acknowledgement,
            "request" => PartName::Request,
            "clear" => PartName::Clear,
            "reply" => PartName::Reply,
            "sent" => PartName::Sent,
            "answer" => PartName::Answer,
            _ => {
                let expected = "part: expected document, acknowledgement, request, clear, reply, sent or answer";
                return Err(Problem::bad_request(expected));
            }
        };
        let found = self.node.exchange.message_part(id, part).map_err(|e| unreadable(&e))?;
        found.map(xml).ok_or_else(|| Problem::not_found(format!("message {id:?} has no {name}")))
    }

    fn outbox(&self) -> Result<Response, Problem> {
        let rows = self.node.exchange.outbox_list().map_err(|e| unreadable(&e))?;
        Ok(answer(StatusCode::OK, &json!({ "rows": rows, "next": null })))
    }

    async fn retry(&self, id: &str) -> Result<Response, Problem> {
        let id = MessageId::parse(id).map_err(|e| Problem::bad_request(e.to_string()))?;
        self.node.exchange.requeue(&id).await.map_err(|e| not_done(&e))?;
        Ok(answer(StatusCode::OK, &json!({ "retried": [id.to_string()] })))
    }

    async fn retry_partner(&self, id: &str) -> Result<Response, Problem> {
        let exchange = &self.node.exchange;
        let partner = PartnerId::parse(id).map_err(|e| Problem::bad_request(e.to_string()))?;
        if exchange.partners().now().by_id(&partner).is_none() {
            return Err(Problem::not_found(format!("there is no partner {id:?}")));
        }
        exchange.release_partner(&partner).await.map_err(|e| not_done(&e))?;
        let mut retried = Vec::new();
        for row in exchange.outbox_list().map_err(|e| unreadable(&e))?.iter().filter(|row| row.partner == id) {
            // One that is being tried just now needs no second try.
            let Ok(message_id) = MessageId::parse(&row.message_id) else { continue };
            match exchange.requeue(&message_id).await {
                Ok(()) => retried.push(row.message_id.clone()),
                Err(ActError::NotWaiting { .. }) => {}
                Err(error) => return Err(not_done(&error)),
            }
        }
        Ok(answer(StatusCode::OK, &json!({ "released": id, "retried": retried })))
    }

    fn heads(&self) -> Result<Response, Problem> {
        let mut rows = Vec::new();
        for partner in self.node.exchange.partners().now().all() {
            let head = self
                .node
                .exchange
                .store()
                .head(partner.id())
                .map_err(|e| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "store", crate::gateway::chain(&e)))?;
            if let Some(head) = head {
                rows.push(json!({
                    "partner": partner.id().as_str(),
                    "log_id": head.log_id.to_string(),
                    "size": head.size,
                    "root": head.root.to_string(),
                    "time": head.time.to_string(),
                }));
            }
        }
        Ok(answer(StatusCode::OK, &json!({ "rows": rows })))
    }

    fn page<T: serde::Serialize>(
        &self,
        query: &Query,
        list: impl FnOnce(Option<&str>, usize) -> Result<Page<T>, LookUpError>,
    ) -> Result<Response, Problem> {
        let limit = match query.get("limit") {
            None => LIMIT_DEFAULT,
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=LIMIT_MAX).contains(limit))
                .ok_or_else(|| Problem::bad_request(format!("limit: expected 1 to {LIMIT_MAX}, came {text:?}")))?,
        };
        let page = list(query.get("after"), limit).map_err(|e| unreadable(&e))?;
        Ok(answer(StatusCode::OK, &serde_json::to_value(&page).unwrap_or_default()))
    }
}

/// Who may come in by a door.
pub enum Door {
    /// The admin socket: the system has checked the user.
    Socket,
    /// The local HTTP API: a bearer token (RFC 6750).
    Token(Zeroizing<String>),
}

/// The API behind a door.
pub struct Guarded {
    api: Api,
    door: Door,
    body_max: usize,
}

impl Api {
    /// This API behind `door`.
    #[must_use]
    pub fn behind(&self, door: Door) -> Arc<dyn Handler> {
        let body_max = self.node.config.limits.message_mib as usize * 1024 * 1024;
        Arc::new(Guarded { api: self.clone(), door, body_max })
    }
}

impl Guarded {
    fn let_in(&self, request: &Request) -> bool {
        let Door::Token(token) = &self.door else { return true };
        let given = request.headers.get(header::AUTHORIZATION).map_or(&b""[..], |v| v.as_bytes());
        let given = given.strip_prefix(b"Bearer ").unwrap_or_default();
        !token.is_empty() && given.len() == token.len() && openssl::memcmp::eq(given, token.as_bytes())
    }
}

impl Handler for Guarded {
    fn handle(&self, mut request: Request) -> ResponseFuture {
        if !self.let_in(&request) {
            let problem = Problem::new(
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "a bearer token is expected; it stands in keys/local-api.token",
            );
            return Box::pin(std::future::ready(problem.response().header(header::WWW_AUTHENTICATE, "Bearer")));
        }
        let (api, body_max) = (self.api.clone(), self.body_max);
        let media_type = media_type(request.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()));
        Box::pin(async move {
            let body = match request.body.read(body_max, BODY_DEADLINE).await {
                Ok(body) => body,
                Err(net::BodyError::TooLarge { limit, .. }) => {
                    let detail = format!("a document of at most {limit} octets is expected");
                    return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail).response();
                }
                Err(e) => return Problem::bad_request(e.to_string()).response(),
            };
            let query = request.query.unwrap_or_default();
            api.answer(Call { method: request.method, path: request.path, query, media_type, body }).await
        })
    }
}

/// The values of a query; each name once.
struct Query(Vec<(String, String)>);

impl Query {
    fn parse(text: &str) -> Result<Self, Problem> {
        let mut values: Vec<(String, String)> = Vec::new();
        for pair in text.split('&').filter(|p| !p.is_empty()).take(32) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = unescape(value)
                .ok_or_else(|| Problem::bad_request(format!("query {name}: not percent-encoded UTF-8")))?;
            if values.iter().any(|(n, _)| n == name) {
                return Err(Problem::bad_request(format!("query {name}: given twice")));
            }
            values.push((name.to_owned(), value));
        }
        Ok(Self(values))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

fn answer(status: StatusCode, value: &Value) -> Response {
    Response::new(status).header(header::CONTENT_TYPE, "application/json").body(value.to_string())
}

fn xml(octets: Vec<u8>) -> Response {
    Response::new(StatusCode::OK).header(header::CONTENT_TYPE, "application/xml").body(octets)
}

fn not_done(error: &ActError) -> Problem {
    let detail = crate::gateway::chain(error);
    match error {
        ActError::NotWaiting { .. } | ActError::Unknown { .. } => Problem::not_found(detail),
        ActError::Failed { .. } => Problem::new(StatusCode::CONFLICT, "not-done", detail),
        ActError::Store(_) | ActError::Commit(_) => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "store", detail),
    }
}

fn unreadable(error: &LookUpError) -> Problem {
    if matches!(error, LookUpError::Cursor) {
        return Problem::new(StatusCode::BAD_REQUEST, "cursor", crate::gateway::chain(error));
    }
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "store", crate::gateway::chain(error))
}

fn refused(error: &SubmitError, tree: Option<&form::Value>) -> Problem {
    let detail = crate::gateway::chain(error);
    let placed = |violations: &Violations| -> Vec<Value> {
        violations.list.iter().map(|one| violation(one, tree.map(|tree| form::locate(tree, &one.path)))).collect()
    };
    match error {
        SubmitError::Invalid(violations) => {
            let errors = placed(violations);
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-document", detail).with("errors", json!(errors))
        }
        SubmitError::Profile { violations, .. } => {
            let errors = placed(violations);
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "profile-refused", detail).with("errors", json!(errors))
        }
        SubmitError::CoExists { message_id } => {
            Problem::new(StatusCode::CONFLICT, "co-exists", detail).with("message_id", json!(message_id))
        }
        SubmitError::NotNow { .. } => Problem::new(StatusCode::CONFLICT, "not-now", detail),
        SubmitError::MessageIdUsed { .. } => Problem::new(StatusCode::CONFLICT, "message-id-used", detail),
        SubmitError::Store(_) | SubmitError::Commit(_) => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "store", detail)
        }
        _ => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "not-taken", detail),
    }
}

/// The media type of a `Content-Type`, without parameters, in lower case.
#[must_use]
pub fn media_type(content_type: Option<&str>) -> String {
    content_type.and_then(|value| value.split(';').next()).unwrap_or_default().trim().to_ascii_lowercase()
}

/// The XML of a document in the JSON form of the contract, and its JSON with the places of its values.
fn of_json(body: &[u8]) -> Result<(Vec<u8>, form::Value), Problem> {
    let broken = |error: form::SyntaxError| {
        let form::Place { line, column } = error.place;
        let errors =
            json!([{ "code": "json", "line": line, "column": column, "expected": error.expected, "came": error.came }]);
        Problem::new(StatusCode::BAD_REQUEST, "broken-json", format!("the body is not JSON: {error}"))
            .with("errors", errors)
    };
    let tree = form::parse(body).map_err(broken)?;
    let mut octets = Vec::new();
    let written = form::validate(&tree).and_then(|()| form::to_xml(&tree, &Slots::default(), &mut octets));
    match written {
        Ok(()) => Ok((octets, tree)),
        Err(violations) => Err(refused(&SubmitError::Invalid(violations), Some(&tree))),
    }
}

/// A violation in full: the document is the caller's own. `place` is where it stands in the JSON that was handed in.
fn violation(violation: &Violation, place: Option<form::Place>) -> Value {
    let (line, column) = place.map_or((violation.line, violation.column), |place| (place.line, place.column));
    json!({
        "code": violation.code,
        "wco_id": violation.wco_id,
        "path": violation.path,
        "line": line,
        "column": column,
        "expected": violation.expected,
        "came": came(&violation.came),
        "value": violation.value,
    })
}

/// Kind, length and list membership of a value that came.
fn came(came: &crate::contract::Came) -> String {
    let mut text = came.kind.to_string();
    if let Some(length) = came.length {
        text.push_str(&format!(", {length} characters"));
    }
    match came.in_list {
        Some(true) => text.push_str(", in the list"),
        Some(false) => text.push_str(", not in the list"),
        None => {}
    }
    text
}
