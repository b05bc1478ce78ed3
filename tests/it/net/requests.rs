//! Bounds of a server, and what becomes of requests that break them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use coconnect::base::{Clock, RealClock};
use coconnect::net::{AllowList, Cidr, Limits, Request, Response, ServerBuilder, StatusCode, UnixClient};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::world::*;

#[tokio::test]
async fn a_head_that_does_not_come_ends_the_connection() {
    let (server, clock) = serve_plain(Limits::default(), echo).await;
    let mut stream = TcpStream::connect(server.addresses()[0]).await.unwrap();
    stream.write_all(b"POST /send-co HTTP/1.1\r\nHost: a\r\n").await.unwrap();
    let before = clock.elapsed();
    let came = while_time_passes(&clock, Duration::from_secs(1), read_all(&mut stream)).await;
    assert!(came.is_empty() || came.starts_with("HTTP/1.1 408"), "{came}");
    assert!(clock.elapsed() - before >= Limits::default().header_timeout);
    assert_eq!(server.metrics().requests, 0);
}

#[tokio::test]
async fn a_handshake_that_does_not_come_ends_the_connection() {
    let ca = authority("CA");
    let clock = Arc::new(coconnect::base::MockClock::new(now()));
    let tls = server_tls(&ca, &certificate(&ca, "server"));
    let builder = ServerBuilder::new(Arc::clone(&clock) as Arc<dyn Clock>, Limits::default());
    let server = builder.tls(ANY_PORT, tls, everywhere(), Arc::new(echo)).start().await.unwrap();
    let mut stream = TcpStream::connect(server.addresses()[0]).await.unwrap();
    stream.write_all(b"\x16\x03\x01").await.unwrap();
    while_time_passes(&clock, Duration::from_secs(1), read_all(&mut stream)).await;
    eventually("the connection is gone", || server.metrics().connections_open == 0).await;
    assert_eq!(server.metrics().handshakes_failed, 1);
}

#[tokio::test]
async fn clients_that_never_shake_hands_do_not_keep_others_waiting() {
    let ca = authority("CA");
    let server = serve(&ca, echo).await;
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(TcpStream::connect(server.addresses()[0]).await.unwrap());
    }
    eventually("all are open", || server.metrics().connections_open == 100).await;
    let client = client(&server, client_tls(&ca, Some(&certificate(&ca, "KR"))));
    assert_eq!(send(&client, "x").await.unwrap().body, b"x");
}

#[tokio::test]
async fn a_body_that_comes_too_slowly_is_refused() {
    let (server, clock) = serve_plain(Limits::default(), echo).await;
    let mut stream = TcpStream::connect(server.addresses()[0]).await.unwrap();
    stream.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nabc").await.unwrap();
    let mut answer = [0; 400];
    let length =
        while_time_passes(&clock, Duration::from_secs(1), async { stream.read(&mut answer).await.unwrap() }).await;
    let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
    assert!(answer.contains("body comes too slowly: 3 octets"), "{answer}");
}

#[tokio::test]
async fn a_body_has_a_deadline_however_steadily_it_comes() {
    let limits = Limits { body_rate_min: 0, ..Limits::default() };
    let (server, clock) = serve_plain(limits, echo).await;
    let mut stream = TcpStream::connect(server.addresses()[0]).await.unwrap();
    stream.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nabc").await.unwrap();
    let mut answer = [0; 400];
    let length =
        while_time_passes(&clock, Duration::from_secs(5), async { stream.read(&mut answer).await.unwrap() }).await;
    let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
    assert!(answer.contains("body not complete after"), "{answer}");
}

/// Refuses by size without reading.
async fn refuse(request: Request) -> Response {
    drop(request);
    Response::new(StatusCode::PAYLOAD_TOO_LARGE).body("too large")
}

#[tokio::test]
async fn a_refused_sender_reads_its_answer_while_it_is_still_sending() {
    let ca = authority("CA");
    let server = serve(&ca, refuse).await;
    let client = client(&server, client_tls(&ca, Some(&certificate(&ca, "KR"))));
    for _ in 0..3 {
        let answer = client.post(post(vec![b'x'; 30_000_000])).await.unwrap();
        assert_eq!((answer.status, answer.body.as_slice()), (StatusCode::PAYLOAD_TOO_LARGE, &b"too large"[..]));
    }
}

#[tokio::test]
async fn a_body_beyond_its_limit_is_refused_announced_or_not() {
    let (server, _clock) = serve_plain(Limits::default(), echo).await;
    let announced = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1000001\r\n\r\n";
    let answer = raw(server.addresses()[0], &[announced, &vec![b'x'; 1_000_001][..]].concat()).await;
    assert!(answer.contains("at most 1000000 octets expected, 1000001"), "{answer}");
    let chunked = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\nF4241\r\n";
    let end = b"\r\n0\r\n\r\n";
    let answer = raw(server.addresses()[0], &[chunked, &vec![b'x'; 1_000_001][..], end].concat()).await;
    assert!(answer.contains("at most 1000000 octets expected"), "{answer}");
    let just = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1000000\r\n\r\n";
    let answer = raw(server.addresses()[0], &[just, &vec![b'x'; 1_000_000][..]].concat()).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{}", &answer[..100]);
}

#[tokio::test]
async fn leave_to_send_is_given_only_when_the_body_is_wanted() {
    let head = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    let (server, _clock) = serve_plain(Limits::default(), refuse).await;
    let answer = raw(server.addresses()[0], head).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");

    let (server, _clock) = serve_plain(Limits::default(), echo).await;
    let mut stream = TcpStream::connect(server.addresses()[0]).await.unwrap();
    stream.write_all(head).await.unwrap();
    let mut leave = [0; 25];
    stream.read_exact(&mut leave).await.unwrap();
    assert_eq!(&leave, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"abc").await.unwrap();
    stream.shutdown().await.unwrap();
    let answer = read_all(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("abc"), "{answer}");
}

#[tokio::test]
async fn large_and_malformed_heads_are_refused() {
    let (server, _clock) = serve_plain(Limits::default(), echo).await;
    let address = server.addresses()[0];
    let long = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(40_000));
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(100));
    for head in [long.as_bytes(), many.as_bytes()] {
        let answer = raw(address, head).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    }
    for head in [
        &b"GET / HTTP/9.9\r\nHost: a\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    ] {
        let answer = raw(address, head).await;
        assert!(answer.starts_with("HTTP/1.1 400") || answer.is_empty(), "{answer}");
    }
    assert_eq!(server.metrics().requests, 0);
}

#[tokio::test]
async fn connections_are_bounded_in_all_and_per_address() {
    for limits in [
        Limits { connections_per_address_max: 2, ..Limits::default() },
        Limits { connections_max: 2, ..Limits::default() },
    ] {
        let (server, _clock) = serve_plain(limits, echo).await;
        let address = server.addresses()[0];
        let one = TcpStream::connect(address).await.unwrap();
        let _two = TcpStream::connect(address).await.unwrap();
        eventually("two are open", || server.metrics().connections_open == 2).await;
        let mut three = TcpStream::connect(address).await.unwrap();
        assert_eq!(read_all(&mut three).await, "");
        assert_eq!(server.metrics().refused_full, 1);
        drop(one);
        eventually("one is open", || server.metrics().connections_open == 1).await;
        let answer = raw(address, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

#[tokio::test]
async fn addresses_in_no_list_are_closed_at_accept_and_the_list_may_change() {
    let ca = authority("CA");
    let allow = Arc::new(ArcSwap::from_pointee(AllowList::new([Cidr::parse("192.0.2.0/24").unwrap()])));
    let tls = server_tls(&ca, &certificate(&ca, "server"));
    let builder = ServerBuilder::new(Arc::new(RealClock::new()), Limits::default());
    let server = builder.tls(ANY_PORT, tls, Arc::clone(&allow), Arc::new(echo)).start().await.unwrap();
    let pair = certificate(&ca, "KR");
    assert!(send(&client(&server, client_tls(&ca, Some(&pair))), "").await.is_err());
    assert_eq!((server.metrics().refused_address, server.metrics().accepted), (1, 0));
    allow.store(Arc::new(AllowList::new([Cidr::parse("127.0.0.0/8").unwrap()])));
    assert!(send(&client(&server, client_tls(&ca, Some(&pair))), "").await.is_ok());
}

#[tokio::test]
async fn plain_http_is_for_loopback_only() {
    let clock = Arc::new(RealClock::new());
    let anywhere = "0.0.0.0:0".parse().unwrap();
    let builder = ServerBuilder::new(clock, Limits::default()).danger_plain_loopback(anywhere, Arc::new(echo));
    assert!(builder.start().await.is_err());
}

#[tokio::test]
async fn a_panic_is_status_500_and_the_server_goes_on() {
    let (server, _clock) = serve_plain(Limits::default(), |request: Request| async move {
        assert_ne!(request.path, "/panic", "as the test wants");
        Response::new(StatusCode::OK)
    })
    .await;
    let address = server.addresses()[0];
    let answer = raw(address, b"GET /panic HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
    let answer = raw(address, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!((server.metrics().panics, server.metrics().requests_open), (1, 0));
}

#[tokio::test]
async fn a_client_that_goes_away_does_not_stop_the_handler() {
    let (go, done) = (Arc::new(tokio::sync::Notify::new()), Arc::new(AtomicBool::new(false)));
    let (server, _clock) = serve_plain(Limits::default(), {
        let (go, done) = (Arc::clone(&go), Arc::clone(&done));
        move |_| {
            let (go, done) = (Arc::clone(&go), Arc::clone(&done));
            async move {
                go.notified().await;
                done.store(true, Ordering::SeqCst);
                Response::new(StatusCode::OK)
            }
        }
    })
    .await;
    let mut stream = TcpStream::connect(server.addresses()[0]).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    eventually("the request has begun", || server.metrics().requests_open == 1).await;
    stream.set_zero_linger().unwrap();
    drop(stream);
    tokio::time::sleep(Duration::from_millis(20)).await;
    go.notify_one();
    eventually("the request has ended", || server.metrics().requests_open == 0).await;
    eventually("the connection is gone", || server.metrics().connections_open == 0).await;
    assert!(done.load(Ordering::SeqCst));
}

#[tokio::test]
async fn the_admin_socket_is_for_its_owner() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    std::fs::write(&path, "left by a crash").unwrap();
    let clock = Arc::new(RealClock::new());
    let builder = ServerBuilder::new(Arc::clone(&clock) as Arc<dyn Clock>, Limits::default());
    let server = builder.unix(&path, Arc::new(echo)).start().await.unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let client = UnixClient::new(&path, clock);
    let ask = || {
        let deadline = Duration::from_secs(20);
        client.request(coconnect::net::Method::POST, "/co?x=1", Default::default(), "hello".into(), deadline, 100)
    };
    assert_eq!(ask().await.unwrap().body, b"hello");
    server.drain(Duration::from_secs(20)).await;
    assert!(!path.exists());
    assert!(matches!(ask().await, Err(coconnect::net::ClientError::Socket { .. })));
}
