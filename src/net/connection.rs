//! One connection: hyper's HTTP/1.1, requests handed to the handler, bodies that nobody read, the end in good order.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, EXPECT, HeaderValue};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{oneshot, watch};
use tracing::{debug, error};

use super::body::{Body, Leftover};
use super::listen::{Handler, Peer, Phase, Request, Response, Shared};
use super::timer::ClockTimer;
use crate::base::Clock;
use crate::base::clock::Sleep;

/// Serves one connection until it ends, by either side or by the drain.
pub(super) async fn serve<S>(
    stream: S,
    peer: Peer,
    handler: Arc<dyn Handler>,
    shared: Arc<Shared>,
    mut phase: watch::Receiver<Phase>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = &shared.limits;
    let stream = Impatient::new(stream, Arc::clone(&shared.clock), limits.write_timeout);
    let service = service_fn({
        let shared = Arc::clone(&shared);
        move |request| answer(request, peer.clone(), Arc::clone(&handler), Arc::clone(&shared))
    });
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder
        .timer(ClockTimer(Arc::clone(&shared.clock)))
        .header_read_timeout(limits.header_timeout)
        .max_headers(limits.headers_max)
        .max_header_size(limits.header_bytes_max.max(8_192))
        // A client that closes its side after the request still gets its answer.
        .half_close(true);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        biased;
        ended = connection.as_mut() => return log_end(ended),
        _ = phase.wait_for(|phase| *phase != Phase::Serving) => {}
    }
    // hyper would close an idle connection under a request that is on its way: give it a moment. A connection that is
    // answering ends by itself, since its answer says so.
    tokio::select! {
        biased;
        ended = connection.as_mut() => return log_end(ended),
        () = shared.clock.sleep(limits.drain_grace) => {}
    }
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        biased;
        ended = connection.as_mut() => log_end(ended),
        _ = phase.wait_for(|phase| *phase == Phase::Cut) => debug!("connection cut at the end of the drain"),
    }
}

fn log_end(ended: Result<(), hyper::Error>) {
    if let Err(error) = ended {
        debug!(%error, "connection ended");
    }
}

/// Counts a request while it is answered, whoever still waits for the answer.
struct Open(Arc<Shared>);

impl Open {
    fn new(shared: Arc<Shared>) -> Self {
        shared.counters.requests.fetch_add(1, Ordering::Relaxed);
        shared.counters.requests_open.fetch_add(1, Ordering::SeqCst);
        Self(shared)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.counters.requests_open.fetch_sub(1, Ordering::SeqCst);
        self.0.ended.notify_waiters();
    }
}

/// Runs the handler in a task of its own: when the client goes away hyper drops this future, and the task goes on.
async fn answer(
    request: hyper::Request<Incoming>,
    peer: Peer,
    handler: Arc<dyn Handler>,
    shared: Arc<Shared>,
) -> Result<hyper::Response<Full<Bytes>>, hyper::Error> {
    let limits = &shared.limits;
    let (head, incoming) = request.into_parts();
    let expects = head.headers.contains_key(EXPECT);
    let (leave, left) = oneshot::channel();
    let mut body = Body::new(incoming, Arc::clone(&shared.clock), limits.body_rate_min, limits.body_rate_grace);
    body.leave_to(leave);
    let request = Request {
        path: head.uri.path().to_owned(),
        query: head.uri.query().map(str::to_owned),
        method: head.method,
        headers: head.headers,
        peer,
        body,
    };
    let open = Open::new(Arc::clone(&shared));
    let task = tokio::spawn(async move {
        let _open = open;
        handler.handle(request).await
    });
    let response = match task.await {
        Ok(response) => response,
        Err(failure) => {
            shared.counters.panics.fetch_add(1, Ordering::Relaxed);
            error!(%failure, "a request handler panicked");
            Response::new(StatusCode::INTERNAL_SERVER_ERROR)
        }
    };
    throw_away(left, expects, &shared);
    Ok(to_hyper(response, &shared))
}

fn to_hyper(response: Response, shared: &Shared) -> hyper::Response<Full<Bytes>> {
    let mut out = hyper::Response::new(Full::new(response.body));
    *out.status_mut() = response.status;
    *out.headers_mut() = response.headers;
    if shared.draining.load(Ordering::SeqCst) {
        out.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    out
}

/// Reads and drops what a refused sender is still sending: closing under it would reset the connection before it reads the
/// answer. A sender that waits for `100 Continue` has sent nothing and must not be asked to.
fn throw_away(mut left: oneshot::Receiver<Leftover>, expects: bool, shared: &Arc<Shared>) {
    let Ok(Leftover { mut incoming, started }) = left.try_recv() else { return };
    if expects && !started {
        return;
    }
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let reading = async {
            let mut octets: u64 = 0;
            while let Some(Ok(frame)) = incoming.frame().await {
                octets += frame.data_ref().map_or(0, |data| data.len() as u64);
                if octets > shared.limits.linger_bytes_max {
                    return;
                }
            }
        };
        tokio::select! {
            () = reading => {}
            () = shared.clock.sleep(shared.limits.linger_timeout) => {}
        }
    });
}

/// A stream that gives up when the peer takes nothing for a while.
struct Impatient<S> {
    stream: S,
    clock: Arc<dyn Clock>,
    timeout: Duration,
    waiting: Option<Sleep>,
}

impl<S> Impatient<S> {
    fn new(stream: S, clock: Arc<dyn Clock>, timeout: Duration) -> Self {
        Self { stream, clock, timeout, waiting: None }
    }

    /// Passes an outcome on; a wait that has lasted too long becomes an error.
    fn patience<T>(&mut self, context: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.waiting = None;
            return outcome;
        }
        let (clock, timeout) = (&self.clock, self.timeout);
        let waiting = self.waiting.get_or_insert_with(|| clock.sleep(timeout));
        match waiting.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer takes nothing"))),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Impatient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Impatient<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, octets);
        self.patience(context, outcome)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(context);
        self.patience(context, outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_shutdown(context);
        self.patience(context, outcome)
    }
}
