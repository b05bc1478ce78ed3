//! The end of a server: what was accepted is answered.

use std::sync::Arc;
use std::time::Duration;

use coconnect::net::{Limits, Request, Response, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::world::*;

/// Answers when told to.
fn waiting(go: &Arc<Notify>) -> impl Fn(Request) -> std::pin::Pin<Box<dyn Future<Output = Response> + Send>> + use<> {
    let go = Arc::clone(go);
    move |request| {
        let go = Arc::clone(&go);
        Box::pin(async move {
            go.notified().await;
            echo(request).await
        })
    }
}

#[tokio::test]
async fn a_request_that_has_begun_is_answered_and_no_new_one_accepted() {
    let ca = authority("CA");
    let go = Arc::new(Notify::new());
    let server = Arc::new(serve(&ca, waiting(&go)).await);
    let pair = certificate(&ca, "KR");
    let client = Arc::new(client(&server, client_tls(&ca, Some(&pair))));
    let asked = tokio::spawn({
        let client = Arc::clone(&client);
        async move { send(&client, "accepted").await }
    });
    eventually("the request has begun", || server.metrics().requests_open == 1).await;
    let draining = tokio::spawn({
        let server = Arc::clone(&server);
        async move { server.drain(Duration::from_secs(20)).await }
    });
    let address = server.addresses()[0];
    let mut refused = false;
    for _ in 0..1_000 {
        refused = TcpStream::connect(address).await.is_err();
        if refused {
            break;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert!(refused, "still accepting");
    go.notify_one();
    let answer = asked.await.unwrap().unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (StatusCode::OK, &b"accepted"[..]));
    assert_eq!(answer.headers["connection"], "close");
    let drained = draining.await.unwrap();
    assert_eq!((drained.connections_cut, drained.requests_left), (0, 0));
}

#[tokio::test]
async fn a_connection_opened_just_before_the_drain_gets_its_answer() {
    // hyper closes a connection under its first request when it is told to shut down just then.
    let (server, clock) = serve_plain(Limits::default(), echo).await;
    let server = Arc::new(server);
    let mut stream = TcpStream::connect(server.addresses()[0]).await.unwrap();
    eventually("the connection is open", || server.metrics().connections_open == 1).await;
    let draining = tokio::spawn({
        let server = Arc::clone(&server);
        async move { server.drain(Duration::from_secs(20)).await }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    stream.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc").await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    let drained = while_time_passes(&clock, Duration::from_millis(100), draining).await.unwrap();
    assert_eq!(drained.connections_cut, 0);
}

#[tokio::test]
async fn idle_connections_end_and_stubborn_ones_are_cut_at_the_deadline() {
    let go = Arc::new(Notify::new());
    let (server, clock) = serve_plain(Limits::default(), waiting(&go)).await;
    let mut idle = TcpStream::connect(server.addresses()[0]).await.unwrap();
    let mut busy = TcpStream::connect(server.addresses()[0]).await.unwrap();
    busy.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    eventually("both are open", || server.metrics().connections_open == 2 && server.metrics().requests_open == 1).await;
    let drained = while_time_passes(&clock, Duration::from_millis(100), server.drain(Duration::from_secs(5))).await;
    assert_eq!((drained.connections_cut, drained.requests_left), (1, 1));
    assert_eq!(read_all(&mut idle).await, "");
    assert_eq!(read_all(&mut busy).await, "");
    // The handler itself was not stopped.
    go.notify_one();
    eventually("the request has ended", || server.metrics().requests_open == 0).await;
}
