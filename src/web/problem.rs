//! Errors of the local API: `application/problem+json` (RFC 9457).

use serde_json::{Value, json};

use crate::net::{Response, StatusCode, header};

/// An error: what was expected, what came, where, and what to do.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    extra: Vec<(&'static str, Value)>,
}

impl Problem {
    /// An error of a stable code.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), extra: Vec::new() }
    }

    /// There is no such thing.
    #[must_use]
    pub fn not_found(what: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", what)
    }

    /// The request does not fit.
    #[must_use]
    pub fn bad_request(what: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", what)
    }

    /// With a further member.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: Value) -> Self {
        self.extra.push((name, value));
        self
    }

    /// As an answer.
    #[must_use]
    pub fn response(&self) -> Response {
        let mut body = json!({
            "type": format!("urn:coconnect:problem:{}", self.code),
            "title": self.status.canonical_reason().unwrap_or("error"),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if let Some(map) = body.as_object_mut() {
            for (name, value) in &self.extra {
                map.insert((*name).to_owned(), value.clone());
            }
        }
        Response::new(self.status).header(header::CONTENT_TYPE, "application/problem+json").body(body.to_string())
    }
}
