//! Who gets through the handshake.

use std::pin::Pin;
use std::sync::Arc;

use coconnect::net::{
    Client, ClientCertificate, ClientSettings, ClientTls, Request, Response, ServerName, ServerTls, StatusCode,
};
use coconnect::pki::{Issue, Use};
use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode, SslVersion};
use tokio::net::TcpStream;

use super::world::*;

/// Tells what the server saw of the client.
async fn who(request: Request) -> Response {
    let certificate = coconnect::pki::Certificate::from_der(request.peer.certificate_der().unwrap()).unwrap();
    let text = format!("{} {}", certificate.subject(), request.peer.tls_version.unwrap());
    Response::new(StatusCode::OK).body(text)
}

#[tokio::test]
async fn both_ends_show_their_certificates() {
    let ca = authority("CA");
    let server = serve(&ca, who).await;
    let client = client(&server, client_tls(&ca, Some(&certificate(&ca, "KR"))));
    let answer = send(&client, "").await.unwrap();
    assert_eq!(answer.body, b"CN=KR TLSv1.3");
    let shown = answer.certificates.unwrap();
    assert_eq!(coconnect::pki::Certificate::from_der(shown.leaf_der()).unwrap().subject(), "CN=server");
}

#[tokio::test]
async fn a_client_without_a_certificate_is_refused() {
    let ca = authority("CA");
    let server = serve(&ca, echo).await;
    let reason = tls_reason(send(&client(&server, client_tls(&ca, None)), "").await);
    assert_eq!(reason, "the peer refused the connection: tlsv13 alert certificate required");
    assert_eq!((server.metrics().handshakes_failed, server.metrics().requests), (1, 0));
}

#[tokio::test]
async fn a_client_of_a_stranger_is_refused() {
    let (ca, stranger) = (authority("CA"), authority("Stranger"));
    let server = serve(&ca, echo).await;
    let reason = tls_reason(send(&client(&server, client_tls(&ca, Some(&certificate(&stranger, "KR")))), "").await);
    assert_eq!(reason, "the peer refused the connection: tlsv1 alert unknown ca");
    assert_eq!(server.metrics().requests, 0);
}

#[tokio::test]
async fn an_expired_client_is_refused_and_told_so() {
    let ca = authority("CA");
    let server = serve(&ca, echo).await;
    let expired = issue(&ca, Issue::new("KR", BOTH, now(), 30).validity(days(-30), days(-1)));
    let reason = tls_reason(send(&client(&server, client_tls(&ca, Some(&expired))), "").await);
    assert_eq!(reason, "the peer refused the connection: sslv3 alert certificate expired");
}

#[tokio::test]
async fn a_certificate_for_servers_is_no_client() {
    let ca = authority("CA");
    let server = serve(&ca, echo).await;
    let only_server = issue(&ca, Issue::new("KR", &[Use::TlsServer], now(), 30));
    let reason = tls_reason(send(&client(&server, client_tls(&ca, Some(&only_server))), "").await);
    assert_eq!(reason, "the peer refused the connection: sslv3 alert unsupported certificate");
}

#[tokio::test]
async fn a_revoked_client_is_refused_after_a_reload_and_its_open_connection_lives_on() {
    let ca = authority("CA");
    let (pair, own) = (certificate(&ca, "KR"), certificate(&ca, "server"));
    let tls = server_tls(&ca, &own);
    let builder = coconnect::net::ServerBuilder::new(Arc::new(coconnect::base::RealClock::new()), Default::default());
    let server = builder.tls(ANY_PORT, Arc::clone(&tls), everywhere(), Arc::new(echo)).start().await.unwrap();
    let before = client(&server, client_tls(&ca, Some(&pair)));
    assert_eq!(send(&before, "1").await.unwrap().body, b"1");

    let crl = ca.revoke(None, &[&pair.0], days(-1), days(-1), days(7)).unwrap();
    let check = trusting(&[&ca], &[crl], Use::TlsClient);
    tls.reload(&identity(&certificate(&ca, "server 2")), ClientCertificate::Required, check).unwrap();
    assert_eq!(send(&before, "2").await.unwrap().body, b"2");
    assert_eq!(server.metrics().accepted, 1);
    let after = client(&server, client_tls(&ca, Some(&pair)));
    assert_eq!(tls_reason(send(&after, "3").await), "the peer refused the connection: sslv3 alert handshake failure");
    let other = client(&server, client_tls(&ca, Some(&certificate(&ca, "ID"))));
    let shown = send(&other, "4").await.unwrap().certificates.unwrap();
    assert_eq!(coconnect::pki::Certificate::from_der(shown.leaf_der()).unwrap().subject(), "CN=server 2");
}

#[tokio::test]
async fn a_key_of_another_certificate_is_not_taken_over() {
    let ca = authority("CA");
    let (one, other) = (certificate(&ca, "one"), certificate(&ca, "other"));
    assert!(coconnect::net::Identity::new(one.0.x509().clone(), Vec::new(), other.1.to_pkey()).is_err());
}

#[tokio::test]
async fn a_server_must_be_trusted_and_bear_its_name() {
    let (ca, stranger) = (authority("CA"), authority("Stranger"));
    let server = serve(&stranger, echo).await;
    let reason = tls_reason(send(&client(&server, client_tls(&ca, None)), "").await);
    assert!(reason.starts_with("peer certificate refused: certificate CN=server: issuer CN=Stranger"), "{reason}");

    let nameless = issue(&ca, Issue::new("localhost", BOTH, now(), 30).names(["other.example"]));
    let tls = server_tls(&ca, &nameless);
    let builder = coconnect::net::ServerBuilder::new(Arc::new(coconnect::base::RealClock::new()), Default::default());
    let server = builder.tls(ANY_PORT, tls, everywhere(), Arc::new(echo)).start().await.unwrap();
    let pair = certificate(&ca, "KR");
    let reason = tls_reason(send(&client(&server, client_tls(&ca, Some(&pair))), "").await);
    assert_eq!(reason, "peer certificate refused: the certificate does not bear the name localhost");
    let by_address = format!("https://{}", server.addresses()[0]);
    let clock = Arc::new(coconnect::base::RealClock::new());
    let by_address = Client::new(&by_address, client_tls(&ca, Some(&pair)), ClientSettings::default(), clock).unwrap();
    let reason = tls_reason(send(&by_address, "").await);
    assert_eq!(reason, "peer certificate refused: the certificate does not bear the name 127.0.0.1");

    // Pinned, the name does not matter; the check still does.
    for (trusted, accepted) in [(&ca, true), (&stranger, false)] {
        let check = trusting(&[trusted], &[], Use::TlsServer);
        let tls = ClientTls::new(Some(&identity(&pair)), ServerName::Pinned, check).unwrap();
        assert_eq!(send(&client(&server, Arc::new(tls)), "").await.is_ok(), accepted);
    }
}

#[tokio::test]
async fn intermediates_come_along_both_ways() {
    let root = authority("Root");
    let middle = root.issue_authority(&Issue::new("Middle", &[], now(), 300), key(), Some(0)).unwrap();
    let with_chain = |pair: &(coconnect::pki::Certificate, coconnect::pki::PrivateKey)| {
        let chain = vec![middle.certificate().x509().clone()];
        coconnect::net::Identity::new(pair.0.x509().clone(), chain, pair.1.to_pkey()).unwrap()
    };
    let own = with_chain(&certificate(&middle, "server"));
    let tls = ServerTls::new(&own, ClientCertificate::Required, trusting(&[&root], &[], Use::TlsClient)).unwrap();
    let builder = coconnect::net::ServerBuilder::new(Arc::new(coconnect::base::RealClock::new()), Default::default());
    let server = builder.tls(ANY_PORT, Arc::new(tls), everywhere(), Arc::new(who)).start().await.unwrap();
    let check = trusting(&[&root], &[], Use::TlsServer);
    let tls = ClientTls::new(Some(&with_chain(&certificate(&middle, "KR"))), ServerName::Checked, check).unwrap();
    let answer = send(&client(&server, Arc::new(tls)), "").await.unwrap();
    assert_eq!(answer.certificates.unwrap().chain_der(), [middle.certificate().der()]);
}

/// A handshake with a version and suites of our choice.
async fn handshake(
    server: &coconnect::net::Server,
    ca: &coconnect::pki::DevCa,
    version: SslVersion,
    suites: &str,
) -> bool {
    let (own, key) = certificate(ca, "KR");
    let mut builder = SslConnector::builder(SslMethod::tls_client()).unwrap();
    builder.set_verify(SslVerifyMode::NONE);
    builder.set_security_level(0);
    builder.set_min_proto_version(Some(version)).unwrap();
    builder.set_max_proto_version(Some(version)).unwrap();
    builder.set_cipher_list(suites).unwrap();
    builder.set_certificate(own.x509()).unwrap();
    builder.set_private_key(key.pkey()).unwrap();
    let ssl = builder.build().configure().unwrap().into_ssl("localhost").unwrap();
    let stream = TcpStream::connect(server.addresses()[0]).await.unwrap();
    let mut stream = tokio_openssl::SslStream::new(ssl, stream).unwrap();
    Pin::new(&mut stream).connect().await.is_ok()
}

#[tokio::test]
async fn old_versions_and_suites_are_refused() {
    let ca = authority("CA");
    let server = serve(&ca, echo).await;
    assert!(handshake(&server, &ca, SslVersion::TLS1_2, "ECDHE+AESGCM").await);
    assert!(!handshake(&server, &ca, SslVersion::TLS1_2, "ECDHE-ECDSA-AES128-SHA256").await);
    assert!(!handshake(&server, &ca, SslVersion::TLS1_1, "ALL:@SECLEVEL=0").await);
    assert!(!handshake(&server, &ca, SslVersion::TLS1, "ALL:@SECLEVEL=0").await);
}

#[tokio::test]
async fn a_second_listener_may_do_without_client_certificates() {
    let ca = authority("CA");
    let own = identity(&certificate(&ca, "server"));
    let check = trusting(&[&ca], &[], Use::TlsClient);
    let tls = Arc::new(ServerTls::new(&own, ClientCertificate::NotAsked, check).unwrap());
    let builder = coconnect::net::ServerBuilder::new(Arc::new(coconnect::base::RealClock::new()), Default::default());
    let bare = |request: Request| async move {
        Response::new(StatusCode::OK).body(format!("{}", request.peer.certificate_der().is_none()))
    };
    let server = builder.tls(ANY_PORT, tls, everywhere(), Arc::new(bare)).start().await.unwrap();
    assert_eq!(send(&client(&server, client_tls(&ca, None)), "").await.unwrap().body, b"true");
}
