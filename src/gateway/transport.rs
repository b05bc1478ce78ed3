//! The way to partners: `exchange` asks, `net` goes. One client a partner and endpoint, with its connections.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::base::Clock;
use crate::base::id::{Environment, PartnerId};
use crate::exchange::{Answer, BoxFuture, Call, Partners, Transport, TransportError};
use crate::net::{self, Client, ClientSettings, ClientTls, HeaderMap, Post, ServerName};

use super::identity::server_check;

/// Clients, made when first needed.
pub struct Outgoing {
    environment: Environment,
    partners: Partners,
    clock: Arc<dyn Clock>,
    identity: Mutex<net::Identity>,
    clients: Mutex<HashMap<(PartnerId, String), Arc<Client>>>,
}

impl Outgoing {
    /// The way out, presenting `identity`.
    #[must_use]
    pub fn new(environment: Environment, identity: net::Identity, partners: Partners, clock: Arc<dyn Clock>) -> Self {
        Self { environment, partners, clock, identity: Mutex::new(identity), clients: Mutex::default() }
    }

    /// Presents another certificate from now on; connections that exist are given up.
    pub fn replace_identity(&self, identity: net::Identity) {
        *self.identity.lock().unwrap_or_else(PoisonError::into_inner) = identity;
        self.clients.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn client(&self, id: &PartnerId, base: &str) -> Result<Arc<Client>, TransportError> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (id.clone(), base.to_owned());
        if let Some(client) = clients.get(&key) {
            return Ok(Arc::clone(client));
        }
        let failed = |what: String| TransportError { what };
        let check = server_check(self.partners.clone(), id.clone(), Arc::clone(&self.clock));
        let identity = self.identity.lock().unwrap_or_else(PoisonError::into_inner);
        // The certificate is one of the partner's own list, so the name adds nothing: it is pinned.
        let tls = ClientTls::new(Some(&identity), ServerName::Pinned, check).map_err(|e| failed(super::chain(&e)))?;
        let settings =
            ClientSettings { danger_plain_loopback: self.environment == Environment::Dev, ..ClientSettings::default() };
        let client = Client::new(base, Arc::new(tls), settings, Arc::clone(&self.clock))
            .map_err(|e| failed(super::chain(&e)))?;
        let client = Arc::new(client);
        clients.insert(key, Arc::clone(&client));
        Ok(client)
    }
}

impl Transport for Outgoing {
    fn post<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Answer, TransportError>> {
        Box::pin(async move {
            let (base, path) = split(&call.url);
            let client = self.client(call.partner.id(), base)?;
            let post = Post {
                path,
                headers: headers(&call.headers)?,
                basic: None,
                body: call.body.into(),
                deadline: call.deadline,
                answer_max: call.answer_bytes_max,
            };
            let answer = client.post(post).await.map_err(|e| TransportError { what: super::chain(&e) })?;
            let content_type =
                answer.headers.get(net::header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
            Ok(Answer { status: answer.status.as_u16(), content_type: content_type.to_owned(), body: answer.body })
        })
    }
}

/// Base URL and path of an absolute URL; the path is the operation, the last segment.
fn split(url: &str) -> (&str, &str) {
    match url.rfind('/') {
        Some(at) => url.split_at(at),
        None => (url, "/"),
    }
}

fn headers(fields: &[(String, String)]) -> Result<HeaderMap, TransportError> {
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        let wrong = || TransportError { what: format!("header field {name} cannot be sent") };
        let name = net::header::HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
        map.append(name, net::header::HeaderValue::from_str(value).map_err(|_| wrong())?);
    }
    Ok(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_url_splits_at_the_operation() {
        assert_eq!(split("https://a.example/send-co"), ("https://a.example", "/send-co"));
        assert_eq!(split("https://a.example/gw/send-co"), ("https://a.example/gw", "/send-co"));
    }
}
