//! The client names what went wrong, keeps connections, and keeps its bounds.

use std::sync::Arc;
use std::time::Duration;

use coconnect::base::{Clock, MockClock, RealClock};
use coconnect::net::{
    Basic, Client, ClientError, ClientSettings, HeaderMap, Limits, Post, Request, Response, ServerBuilder, Stage,
    StatusCode, header,
};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::world::*;

fn client_of(endpoint: &str, clock: Arc<dyn Clock>) -> Result<Client, ClientError> {
    let settings = ClientSettings { danger_plain_loopback: true, ..ClientSettings::default() };
    Client::new(endpoint, client_tls(&authority("CA"), None), settings, clock)
}

#[tokio::test]
async fn what_is_asked_arrives_whole() {
    let ca = authority("CA");
    let server = serve(&ca, |request: Request| async move {
        let basic = Basic::from_headers(&request.headers).unwrap();
        let media = request.headers[header::CONTENT_TYPE].to_str().unwrap().to_owned();
        let host = request.headers[header::HOST].to_str().unwrap().to_owned();
        let text = format!("{} {} {} {}", request.path, basic.user(), media, host.starts_with("localhost:"));
        Response::new(StatusCode::IM_A_TEAPOT).header(header::CONTENT_TYPE, "text/xml").body(text)
    })
    .await;
    let client = client(&server, client_tls(&ca, Some(&certificate(&ca, "KR"))));
    let basic = Basic::new("KR", "secret").unwrap();
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, "application/soap+xml".parse().unwrap());
    let answer = client.post(Post { basic: Some(&basic), headers, ..post("<a/>") }).await.unwrap();
    assert_eq!(answer.status, StatusCode::IM_A_TEAPOT);
    assert_eq!(answer.headers[header::CONTENT_TYPE], "text/xml");
    assert_eq!(String::from_utf8(answer.body).unwrap(), "/send-co KR application/soap+xml true");
}

#[tokio::test]
async fn a_connection_is_used_again_until_it_has_idled_too_long() {
    let (server, _) = serve_plain(Limits::default(), echo).await;
    let clock = Arc::new(MockClock::new(now()));
    let endpoint = format!("http://{}/gateway/", server.addresses()[0]);
    let client = client_of(&endpoint, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
    assert_eq!(client.url_of("/send-co"), format!("http://{}/gateway/send-co", server.addresses()[0]));
    for number in 0..5 {
        send(&client, "x").await.unwrap();
        assert_eq!(server.metrics().requests, number + 1);
    }
    assert_eq!(server.metrics().accepted, 1);
    clock.advance(ClientSettings::default().idle_timeout);
    eventually("the idle connection is closed", || server.metrics().connections_open == 0).await;
    send(&client, "x").await.unwrap();
    assert_eq!(server.metrics().accepted, 2);
}

#[tokio::test]
async fn a_reload_makes_new_connections() {
    let ca = authority("CA");
    let server = serve(&ca, echo).await;
    let tls = client_tls(&ca, Some(&certificate(&ca, "KR")));
    let client = client(&server, Arc::clone(&tls));
    send(&client, "x").await.unwrap();
    let check = trusting(&[&ca], &[], coconnect::pki::Use::TlsServer);
    tls.reload(Some(&identity(&certificate(&ca, "KR 2"))), coconnect::net::ServerName::Checked, check).unwrap();
    send(&client, "x").await.unwrap();
    assert_eq!(server.metrics().accepted, 2);
}

#[tokio::test]
async fn a_connection_closed_by_the_server_is_not_met_again() {
    let ca = authority("CA");
    let limits = Limits { header_timeout: Duration::from_millis(50), ..Limits::default() };
    let tls = server_tls(&ca, &certificate(&ca, "server"));
    let builder = ServerBuilder::new(Arc::new(RealClock::new()), limits);
    let server = builder.tls(ANY_PORT, tls, everywhere(), Arc::new(echo)).start().await.unwrap();
    let client = client(&server, client_tls(&ca, Some(&certificate(&ca, "KR"))));
    for _ in 0..3 {
        assert_eq!(send(&client, "x").await.unwrap().body, b"x");
        eventually("the server has closed", || server.metrics().connections_open == 0).await;
    }
    assert_eq!(server.metrics().accepted, 3);
}

#[tokio::test]
async fn endpoints_that_are_none_are_refused() {
    let clock: Arc<dyn Clock> = Arc::new(RealClock::new());
    for endpoint in ["", "ftp://a", "a.example", "https://", "https://u:p@a.example", "https://a.example/?x", "/path"] {
        assert!(matches!(client_of(endpoint, Arc::clone(&clock)), Err(ClientError::Endpoint { .. })), "{endpoint}");
    }
    for endpoint in ["https://a.example", "https://a.example:8443/x", "https://[::1]:8443"] {
        assert!(client_of(endpoint, Arc::clone(&clock)).is_ok(), "{endpoint}");
    }
    let strict = Client::new(
        "http://127.0.0.1",
        client_tls(&authority("CA"), None),
        ClientSettings::default(),
        Arc::clone(&clock),
    );
    assert!(matches!(strict, Err(ClientError::Endpoint { reason: "https expected", .. })));
    let outside = client_of("http://192.0.2.1", clock).unwrap();
    assert!(matches!(send(&outside, "").await, Err(ClientError::Endpoint { .. })));
}

#[tokio::test]
async fn each_stage_has_its_error() {
    let clock: Arc<dyn Clock> = Arc::new(RealClock::new());
    let ask = |endpoint: String| {
        let client = client_of(&endpoint, Arc::clone(&clock)).unwrap();
        async move { send(&client, "x").await.map(|answer| answer.status).unwrap_err() }
    };
    let error = ask("https://name.invalid".into()).await;
    assert!(matches!(error, ClientError::Resolve { .. }), "{error:?}");

    let closed = TcpListener::bind(ANY_PORT).await.unwrap().local_addr().unwrap();
    let error = ask(format!("https://{closed}")).await;
    assert!(matches!(error, ClientError::Connect { address, .. } if address == closed), "{error:?}");

    // A server that speaks something else.
    let listener = TcpListener::bind(ANY_PORT).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.write_all(b"220 mail.example ESMTP\r\n").await.unwrap();
        }
    });
    let error = ask(format!("https://{address}")).await;
    assert!(matches!(&error, ClientError::Tls { source: coconnect::net::TlsError::Protocol { .. }, .. }), "{error:?}");
    let error = ask(format!("http://{address}")).await;
    assert!(matches!(error, ClientError::Http { stage: Stage::Exchange, .. }), "{error:?}");
}

#[tokio::test]
async fn one_deadline_covers_every_stage() {
    let clock = Arc::new(MockClock::new(now()));
    let listener = TcpListener::bind(ANY_PORT).await.unwrap();
    let silent = listener.local_addr().unwrap();
    let timeout = |endpoint: String| {
        let client = client_of(&endpoint, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
        let clock = Arc::clone(&clock);
        async move {
            let outcome = while_time_passes(&clock, Duration::from_secs(1), send(&client, "x")).await;
            match outcome.map(|answer| answer.status) {
                Err(ClientError::Timeout { after, stage }) => (after, stage),
                other => panic!("expected a timeout, came {other:?}"),
            }
        }
    };
    let after = Duration::from_secs(20);
    assert_eq!(timeout(format!("https://{silent}")).await, (after, Stage::Handshake));
    assert_eq!(timeout(format!("http://{silent}")).await, (after, Stage::Exchange));
    let (server, _) = serve_plain(Limits::default(), |_| std::future::pending::<Response>()).await;
    assert_eq!(timeout(format!("http://{}", server.addresses()[0])).await, (after, Stage::Exchange));
}

#[tokio::test]
async fn an_answer_has_a_largest_size() {
    let (server, _) = serve_plain(Limits::default(), echo).await;
    let endpoint = format!("http://{}", server.addresses()[0]);
    let client = client_of(&endpoint, Arc::new(RealClock::new())).unwrap();
    let answer = client.post(Post { answer_max: 10, ..post("0123456789") }).await.unwrap();
    assert_eq!(answer.body.len(), 10);
    let error = client.post(Post { answer_max: 10, ..post("0123456789a") }).await.unwrap_err();
    assert!(matches!(error, ClientError::TooLarge { limit: 10, came: 11 }), "{error:?}");
}
