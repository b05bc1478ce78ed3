//! `coconnect serve`: the gateway.

use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;
use tokio::sync::Notify;
use tracing::{info, warn};

use super::out::{self, Exit, Failure};
use super::place::Place;
use super::reach::unopened;
use crate::base::{Clock, RealClock};
use crate::gateway::Node;
use crate::gateway::config::Config;
use crate::gateway::server::{Local, Serving};
use crate::pki::Certificate;
use crate::web::{Api, Door};

/// Serve partners, deliver what is in the outbox, and answer other commands over DIR/run/admin.sock.
#[derive(Debug, Args)]
#[command(
    after_help = "SIGHUP reads certificates, keys and partner files again; SIGTERM and SIGINT finish what was accepted, then end.\nThe log goes to stderr; COCONNECT_LOG=info says how much.\n\nEXAMPLES:\n  coconnect serve --dir kr\n  coconnect serve --config /etc/coconnect/coconnect.toml"
)]
pub struct Serve {
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(args: &Serve) -> Result<Exit, Failure> {
    let config = args.place.config()?;
    let runtime = tokio::runtime::Runtime::new().map_err(|e| Failure::later(format!("start the runtime: {e}")))?;
    runtime.block_on(serve(config))
}

async fn serve(config: Config) -> Result<Exit, Failure> {
    let clock: Arc<dyn Clock> = Arc::new(RealClock::new());
    let drain_s = config.limits.drain_s;
    let (node, own) = Node::open(config, Arc::clone(&clock)).map_err(|e| unopened(&e))?;
    for file in &own.readable_by_others {
        warn!(file = %file.display(), "others than the owner may read this key file: chmod 600");
    }
    for trouble in unusable(&own.certificates, clock.now()) {
        warn!("{trouble}");
        eprintln!("coconnect: warning: {trouble}; hint: coconnect cert calendar shows what expires when");
    }
    let node = Arc::new(node);
    let reload = Arc::new(Notify::new());
    let api = Api::new(Arc::clone(&node), Arc::clone(&reload));
    let local = Local { admin: api.behind(Door::Socket), api: local_api(&node, &api)? };
    let serving = Serving::start(Arc::clone(&node), &own, local).await.map_err(|e| {
        Failure::refused(out::chain(&e))
            .hint("another gateway may hold the address or the folder; see who listens there")
    })?;
    for address in serving.addresses() {
        info!(%address, gateway = node.config.gateway.id, "serving");
        out::line(&format!("serving {} on {address}", node.config.gateway.id));
    }
    serving.until_signal(&reload).await.map_err(|e| Failure::later(format!("receive signals: {e}")))?;
    info!(drain_s, "stopping: what was accepted is finished first");
    let stopped = serving.stop().await;
    if let Err(e) = node.exchange.store().close().await {
        warn!(error = %out::chain(&e), "the store was not closed cleanly; the next start reads the journal's end again");
    }
    info!(connections_cut = stopped.connections_cut, requests_left = stopped.requests_left, "stopped");
    let failed = matches!(node.exchange.store().status().refusing, Some(crate::store::CommitError::Stopped { .. }));
    if failed {
        return Err(Failure::later("the store met a fatal error and was stopped; the log says which")
            .hint("see the disk, then start again: what was acknowledged is in the journal"));
    }
    Ok(Exit::Done)
}

/// Our own certificates that no partner takes at `now`. The gateway serves all the same: what it holds can be looked at, and
/// new ones are read with SIGHUP.
fn unusable(certificates: &[(&'static str, Certificate)], now: Timestamp) -> Vec<String> {
    let trouble = |(what, certificate): &(&'static str, Certificate)| {
        let subject = certificate.subject();
        if now > certificate.not_after() {
            Some(format!("our {what} certificate {subject} expired {}: partners refuse it", certificate.not_after()))
        } else if now < certificate.not_before() {
            Some(format!("our {what} certificate {subject} is valid from {} only", certificate.not_before()))
        } else {
            None
        }
    };
    certificates.iter().filter_map(trouble).collect()
}

fn local_api(node: &Arc<Node>, api: &Api) -> Result<Option<Arc<dyn crate::net::Handler>>, Failure> {
    if node.config.local_api.address.is_none() {
        return Ok(None);
    }
    let file = node.config.path(&node.config.local_api.token_file);
    let token = crate::gateway::identity::read_line(&file)
        .map_err(|e| Failure::usage(out::chain(&e)).hint("put a random token there, one line, mode 0600"))?;
    if token.len() < 32 {
        return Err(Failure::refused(format!("{}: expected a token of at least 32 characters", file.display())));
    }
    Ok(Some(api.behind(Door::Token(token))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::{DevCa, Issue, KeyKind, PrivateKey, Use};

    #[test]
    fn an_own_certificate_past_or_before_its_time_is_named() {
        let now: Timestamp = "2026-11-26T12:00:00Z".parse().unwrap();
        let key = || PrivateKey::generate(KeyKind::Ec { curve: "prime256v1", bits: 256 }).unwrap();
        let ca = DevCa::create(&Issue::new("CA", &[], now, 3_650), key()).unwrap();
        let certificate = ca.issue(&Issue::new("KR sign", &[Use::Sign], now, 10), &key()).unwrap();
        let at = |days: i64| now + jiff::SignedDuration::from_hours(24 * days);
        let ours = [("sign", certificate)];
        assert!(unusable(&ours, at(5)).is_empty());
        assert!(
            unusable(&ours, at(20))[0].contains("sign certificate") && unusable(&ours, at(20))[0].contains("expired")
        );
        assert!(unusable(&ours, at(-30))[0].contains("valid from"));
    }
}
