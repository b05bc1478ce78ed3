//! Too much, too slow, out of room, out of disk, and a change of partners while serving.

use super::*;

/// A body that never comes.
struct Slow;

impl Body for Slow {
    fn read(self: Box<Self>, _limit: usize, deadline: Duration) -> BoxFuture<'static, Result<Vec<u8>, BodyError>> {
        Box::pin(std::future::ready(Err(BodyError::TooSlow { limit: deadline })))
    }
}

#[tokio::test]
async fn a_slow_sender_is_told_and_found_in_the_journal() {
    let world = World::new();
    let mut slow = request(Vec::new());
    slow.body = Box::new(Slow);
    let response = world.post_as(slow).await;
    assert_eq!(response.status, 408);
    let (detail, is_signed) = fault(&response);
    assert_eq!((detail.code.as_ref(), is_signed), ("body-incomplete", false));
    assert_eq!(world.id.message_show(&detail.reference_id).unwrap().len(), 1);
    assert!(alerts(&world.id).is_empty(), "what is tried again by itself alerts nobody");
}

#[tokio::test]
async fn a_body_longer_than_announced_is_cut_off() {
    let world = World::new();
    let mut request = request(vec![b' '; 4_096]);
    struct Long;
    impl Body for Long {
        fn read(self: Box<Self>, limit: usize, _deadline: Duration) -> BoxFuture<'static, Result<Vec<u8>, BodyError>> {
            Box::pin(std::future::ready(Err(BodyError::TooLarge { limit })))
        }
    }
    request.body = Box::new(Long);
    assert_eq!(world.post_as(request).await.status, 413);
}

/// A body that waits until it is let go.
struct Waiting(tokio::sync::oneshot::Receiver<Vec<u8>>);

impl Body for Waiting {
    fn read(self: Box<Self>, _limit: usize, _deadline: Duration) -> BoxFuture<'static, Result<Vec<u8>, BodyError>> {
        Box::pin(async move { self.0.await.map_err(|_| BodyError::Broken) })
    }
}

#[tokio::test]
async fn a_partner_fills_its_share_of_the_room_and_nobody_elses() {
    let world = World::new();
    let holds = world.id.limits.message_bytes_max;
    let share = world.id.limits.in_flight_bytes_max / 2;
    let announced = || with_header(request(Vec::new()), "content-length", &holds.to_string());
    let mut under_way = Vec::new();
    for _ in 0..share / holds {
        let (let_go, waiting) = tokio::sync::oneshot::channel();
        let mut next = announced();
        next.body = Box::new(Waiting(waiting));
        let id = Arc::clone(&world.id);
        under_way.push((tokio::spawn(async move { id.inbound(next).await }), let_go));
        tokio::task::yield_now().await;
    }
    let response = world.post_as(announced()).await;
    assert_eq!(response.status, 429);
    assert!(response.headers.iter().any(|(name, _)| name == "Retry-After"));
    assert_eq!(fault(&response).0.code, "too-many");
    // Another partner goes on: it is told what is wrong with its message, not that there is no room.
    let mut other = announced();
    other.peer.certificate = Some(trust().stranger.tls.der().to_vec());
    let credentials = base64_simd::STANDARD.encode_to_string(format!("XX:{PASSWORD}"));
    let other = with_header(other, "authorization", &format!("Basic {credentials}"));
    assert_eq!(fault(&world.post_as(other).await).0.code, "not-xml");
    let (held, let_go) = under_way.remove(0);
    let_go.send(Forge::new(&world, &document(1, 1)).seal()).unwrap();
    assert_eq!(held.await.unwrap().status, 200, "what was admitted is served");
}

#[tokio::test]
async fn nothing_is_accepted_while_the_store_is_closed() {
    let world = World::new();
    let octets = Forge::new(&world, &document(1, 1)).seal();
    world.id.store().close().await.unwrap();
    let response = world.post(octets).await;
    assert_eq!(response.status, 503);
    assert_eq!(fault(&response).0.code, "store-unavailable");
}

#[tokio::test]
async fn a_partner_that_is_taken_out_or_rotates_its_keys_needs_no_restart() {
    let world = World::new();
    world.deliver(1).await;
    let t = trust();
    world.id.partners().replace(PartnerSet::new(Vec::new(), Environment::Test).unwrap());
    assert_eq!(world.post(Forge::new(&world, &document(2, 1)).seal()).await.status, 403);

    // KR with another signing key: the old one no longer signs for it.
    let keys = Keys { tls: t.kr.tls.clone(), sign: copy(&t.stranger.sign), encrypt: copy(&t.kr.encrypt) };
    world.id.partners().replace(PartnerSet::new(vec![partner("KR", &keys, |_| {})], Environment::Test).unwrap());
    let mut forge = Forge::new(&world, &document(2, 1));
    assert_eq!(fault(&world.post(forge.seal()).await).0.code, "signer-mismatch");
    forge.signer = copy(&t.stranger.sign);
    assert_eq!(world.post(forge.seal()).await.status, 200);
}

fn copy(pair: &(Certificate, PrivateKey)) -> (Certificate, PrivateKey) {
    (pair.0.clone(), PrivateKey::from_pkey(pair.1.to_pkey()))
}

#[tokio::test]
async fn an_expired_certificate_of_the_partner_is_named() {
    let world = World::new();
    let t = trust();
    let keys = Keys { tls: t.kr.tls.clone(), sign: copy(&t.expired), encrypt: copy(&t.kr.encrypt) };
    world.id.partners().replace(PartnerSet::new(vec![partner("KR", &keys, |_| {})], Environment::Test).unwrap());
    let mut forge = Forge::new(&world, &document(2, 1));
    forge.signer = copy(&t.expired);
    let response = world.post(forge.seal()).await;
    assert_eq!(fault(&response).0.code, "certificate-refused");
    assert!(String::from_utf8_lossy(&response.body).contains("expired 2026-"));
}

#[test]
fn what_tells_partners_apart_is_not_shared() {
    let t = trust();
    let set = |partners| PartnerSet::new(partners, Environment::Test).err().map(|error| error.to_string());
    assert_eq!(set(vec![partner("KR", &t.kr, |_| {}), partner("ID", &t.id, |_| {})]), None);
    let shared_certificate = set(vec![partner("KR", &t.kr, |_| {}), partner("ID", &t.kr, |_| {})]);
    assert!(shared_certificate.unwrap().starts_with("certificate: "));
    let shared_user =
        vec![partner("KR", &t.kr, |_| {}), partner("ID", &t.id, |file| file.basic_user = "KR".to_owned())];
    assert!(set(shared_user).unwrap().starts_with("basic_user: KR"));
    let other_world = vec![partner("KR", &t.kr, |file| file.environment = Environment::Dev)];
    assert!(set(other_world).unwrap().contains("expected test"));
}
