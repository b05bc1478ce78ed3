//! Outbound: tries, receipts, order, holds.

use super::*;

#[tokio::test]
async fn a_technical_failure_is_tried_for_an_hour_and_then_held_with_one_alert() {
    let world = World::new();
    world.line(Line::Down);
    let submitted = world.submit(1).await;
    let mut minutes = Vec::new();
    for minute in 0..120 {
        if world.kr.drive_once().await > 0 {
            minutes.push(minute);
        }
        world.advance(60);
    }
    assert_eq!(minutes, [0, 10, 20, 30, 40, 50, 60]);
    let waiting = world.kr.outbox_list().unwrap();
    assert_eq!((waiting[0].status, waiting[0].attempts, waiting[0].due), (view::MessageStatus::Held, 7, None));
    assert_eq!(alerts(&world.kr), ["delivery-held"]);

    // A person lets it go again: same MessageID, history kept.
    world.line(Line::Up);
    let id = MessageId::parse(&submitted.message_id).unwrap();
    world.kr.requeue(&id).await.unwrap();
    assert_eq!(world.kr.drive_once().await, 1);
    assert!(world.kr.outbox_list().unwrap().is_empty());
    assert_eq!(world.id.co_show(&submitted.co.number).unwrap()[0].message_id, submitted.message_id);
}

#[tokio::test]
async fn a_lost_answer_is_made_good_by_the_next_try_and_stored_once() {
    let world = World::new();
    world.line(Line::AnswerLost);
    world.submit(1).await;
    assert_eq!(world.kr.drive_once().await, 1);
    world.line(Line::Up);
    world.advance(600);
    assert_eq!(world.kr.drive_once().await, 1);
    assert!(world.kr.outbox_list().unwrap().is_empty());
    assert_eq!(world.records(RecordKind::Received), 1);
    let requests = world.wire.requests.lock().unwrap();
    assert_ne!(requests[0], requests[1], "sealed anew");
    assert!(alerts(&world.kr).is_empty());
}

#[tokio::test]
async fn a_seal_is_used_again_while_its_timestamp_lives() {
    let world = World::with(|file| file.delivery.retry_every_s = 2, |_| {});
    world.line(Line::AnswerLost);
    world.submit(1).await;
    world.kr.drive_once().await;
    world.advance(2);
    world.kr.drive_once().await;
    let requests = world.wire.requests.lock().unwrap();
    assert_eq!(requests[0], requests[1]);
}

#[tokio::test]
async fn an_answer_that_does_not_verify_ends_nothing() {
    for line in [Line::AnswerTampered, Line::ProxyError] {
        let world = World::new();
        world.line(line);
        world.submit(1).await;
        assert_eq!(world.kr.drive_once().await, 1);
        let waiting = world.kr.outbox_list().unwrap();
        assert_eq!((waiting[0].status, waiting[0].attempts), (view::MessageStatus::Queued, 1));
        // Who asks for the message is told what the outbox says: it was tried, and why it waits.
        let shown = &world.kr.message_show(&waiting[0].message_id).unwrap()[0];
        assert_eq!((shown.status, shown.attempts), (view::MessageStatus::Queued, 1));
        assert!(shown.reason.is_some() && shown.reason == waiting[0].reason, "{line:?}: {:?}", shown.reason);
        assert_eq!(shown.due, waiting[0].due);
        world.line(Line::Up);
        world.advance(600);
        world.kr.drive_once().await;
        assert!(world.kr.outbox_list().unwrap().is_empty(), "{line:?}");
    }
}

#[tokio::test]
async fn the_answer_to_another_message_is_no_receipt() {
    let world = World::new();
    world.deliver(1).await;
    let stolen = world.last_answer();
    let submitted = world.submit(2).await;
    let waiting = world.kr.outbox_list().unwrap();
    assert_eq!(waiting.len(), 1);
    // A line that always answers with the acknowledgement of the first message.
    struct Replay(Answer);
    impl Transport for Replay {
        fn post<'a>(&'a self, _call: Call<'a>) -> BoxFuture<'a, Result<Answer, TransportError>> {
            Box::pin(std::future::ready(Ok(self.0.clone())))
        }
    }
    let t = trust();
    let own = Own {
        id: PartnerId::parse("KR").unwrap(),
        environment: Environment::Test,
        country: "KR".to_owned(),
        public_urls: vec!["https://KR".to_owned()],
        basic_user: "KR".to_owned(),
        basic_password: Zeroizing::new(PASSWORD.to_owned()),
    };
    let replayed = Exchange::new(ExchangeConfig {
        own,
        keys: OwnKeys::new((&t.kr.sign.0, &t.kr.sign.1), &[(&t.kr.encrypt.0, &t.kr.encrypt.1)]).unwrap(),
        limits: Limits { workers: Workers::Inline, ..Limits::default() },
        partners: world.kr.partners().clone(),
        store: Arc::clone(world.kr.store()),
        clock: world.clock.clone(),
        transport: Arc::new(Replay(stolen)),
    })
    .unwrap();
    assert_eq!(replayed.drive_once().await, 1);
    let waiting = replayed.outbox_list().unwrap();
    assert_eq!((waiting[0].message_id.as_str(), waiting[0].attempts), (submitted.message_id.as_str(), 1));
    assert!(waiting[0].reason.as_deref().unwrap().contains("RelatesTo"), "{:?}", waiting[0].reason);
}

#[tokio::test]
async fn a_business_rejection_ends_the_message_and_is_never_retried() {
    // ID has the CO with another document already.
    let world = World::new();
    let text = String::from_utf8(document(1, 3)).unwrap();
    let at = text.find("<Description>").unwrap() + "<Description>".len();
    let other = format!("{}Other {}", &text[..at], &text[at..]);
    assert_eq!(world.post(Forge::new(&world, other.as_bytes()).seal()).await.status, 200);

    let submitted = world.submit(1).await;
    assert_eq!(world.kr.drive_once().await, 1);
    assert!(world.kr.outbox_list().unwrap().is_empty());
    world.advance(7_200);
    assert_eq!(world.kr.drive_once().await, 0);
    let seen = world.kr.message_show(&submitted.message_id).unwrap();
    assert!(seen.iter().any(|m| m.status == view::MessageStatus::Rejected && m.code.as_deref() == Some("co-exists")));
    assert_eq!(alerts(&world.kr), ["rejected"]);
    assert_eq!(world.kr.co_show(&submitted.co.number).unwrap()[0].state, rules::CoState::Failed);
}

#[tokio::test]
async fn a_cryptographic_fault_holds_the_queue_with_one_alert() {
    let world = World::new();
    // ID no longer has the key that KR encrypts for.
    let t = trust();
    let other = OwnKeys::new((&t.id.sign.0, &t.id.sign.1), &[(&t.stranger.encrypt.0, &t.stranger.encrypt.1)]).unwrap();
    world.id.replace_keys(other);
    for seed in 1..4 {
        world.submit(seed).await;
    }
    let kr = Arc::clone(&world.kr);
    let driven = tokio::spawn(async move { kr.drive_once().await });
    while !driven.is_finished() {
        tokio::time::sleep(Duration::from_millis(5)).await;
        world.clock.advance(Duration::from_millis(50));
    }
    let id = PartnerId::parse("ID").unwrap();
    assert!(world.kr.is_held(&id));
    let waiting = world.kr.outbox_list().unwrap();
    assert_eq!(waiting.len(), 3, "nothing ended");
    // Whoever looks at the queue sees that it is held, and why.
    assert!(waiting.iter().all(|row| row.status == view::MessageStatus::Held && row.due.is_none()));
    assert!(waiting.iter().all(|row| row.reason.is_some()));
    assert_eq!(alerts(&world.kr), ["partner-held"]);
    world.advance(600);
    assert_eq!(world.kr.drive_once().await, 0);

    let own = OwnKeys::new((&t.id.sign.0, &t.id.sign.1), &[(&t.id.encrypt.0, &t.id.encrypt.1)]).unwrap();
    world.id.replace_keys(own);
    world.kr.release_partner(&id).await.unwrap();
    assert_eq!(world.kr.drive_once().await, 3);
    assert!(world.kr.outbox_list().unwrap().is_empty());
}

#[tokio::test]
async fn the_outbox_survives_a_restart() {
    let world = World::new();
    world.line(Line::Down);
    world.submit(1).await;
    world.kr.drive_once().await;
    world.line(Line::Up);
    let t = trust();
    let kr = Exchange::new(ExchangeConfig {
        own: Own {
            id: PartnerId::parse("KR").unwrap(),
            environment: Environment::Test,
            country: "KR".to_owned(),
            public_urls: vec!["https://KR".to_owned()],
            basic_user: "KR".to_owned(),
            basic_password: Zeroizing::new(PASSWORD.to_owned()),
        },
        keys: OwnKeys::new((&t.kr.sign.0, &t.kr.sign.1), &[(&t.kr.encrypt.0, &t.kr.encrypt.1)]).unwrap(),
        limits: Limits { workers: Workers::Inline, ..Limits::default() },
        partners: world.kr.partners().clone(),
        store: Arc::clone(world.kr.store()),
        clock: world.clock.clone(),
        transport: world.wire.clone(),
    })
    .unwrap();
    assert_eq!(kr.drive_once().await, 0, "not due yet");
    world.advance(600);
    assert_eq!(kr.drive_once().await, 1);
    assert_eq!(world.records(RecordKind::Received), 1);
}

#[tokio::test]
async fn what_is_not_ours_or_has_no_route_is_not_taken() {
    let world = World::new();
    let text = String::from_utf8(document(1, 1)).unwrap();
    let submit = |text: String| world.kr.submit(submission(text.into_bytes()));
    assert!(matches!(submit(text.replace(">ID<", ">VN<")).await, Err(SubmitError::NoRoute { count: 0, .. })));
    assert!(matches!(submit("<a/>".to_owned()).await, Err(SubmitError::NotADocument { .. })));
    assert!(matches!(submit("<a>".to_owned()).await, Err(SubmitError::NotXml(_))));
    assert!(world.kr.store().records(None, 10).unwrap().is_empty());

    let first = submit(text.clone()).await.unwrap();
    let again = submit(text).await.unwrap();
    assert_eq!((again.message_id, again.already), (first.message_id, true));
    assert_eq!(world.kr.outbox_list().unwrap().len(), 1);
}

#[tokio::test]
async fn the_driver_delivers_what_is_submitted_and_stops() {
    let world = World::new();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let driver = tokio::spawn(Arc::clone(&world.kr).drive(stopped));
    world.submit(1).await;
    for _ in 0..500 {
        if world.kr.outbox_list().unwrap().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(world.kr.outbox_list().unwrap().is_empty());
    stop.send(true).unwrap();
    driver.await.unwrap();
}

#[tokio::test]
async fn a_head_proves_the_leaf_that_was_promised_and_no_other() {
    use super::evidence::{Broken, SeenLogs};
    use crate::contract::{InclusionProof, Status, TreeHead};
    let world = World::new();
    let id = world.deliver(1).await;
    let partner = PartnerId::parse("ID").unwrap();
    let told = |leaf: Option<[u8; 32]>, root: [u8; 32]| Acknowledgement {
        message_id: MessageId::from_random([1; 16]),
        document_digest: [2; 32],
        received: world.clock.now(),
        status: Status::Accepted,
        entry: None,
        head: Some(TreeHead {
            log_id: world.id.store().log_id(&PartnerId::parse("KR").unwrap()).to_string(),
            size: 1,
            root,
            time: world.clock.now(),
        }),
        consistency: None,
        inclusion: leaf.map(|leaf| InclusionProof {
            message_id: Some(id.clone()),
            leaf,
            index: 0,
            size: 1,
            path: Vec::new(),
        }),
    };
    let store = world.kr.store().as_ref();
    let check = |told: &Acknowledgement| SeenLogs::default().check(store, &partner, told).0;
    let facts = |j: &crate::store::Journaled| super::facts::Facts::of(&j.record).and_then(|facts| facts.leaf);
    let leaf = world.kr.store().records(None, 100).unwrap().iter().find_map(facts).expect("the receipt has its leaf");
    let leaf = super::evidence::digest_from_hex(&leaf).unwrap();
    assert_eq!(check(&told(Some(leaf), leaf)), Ok(()));
    assert_eq!(check(&told(Some([9; 32]), [9; 32])), Err(Broken::OtherLeaf { index: 0 }));
    assert_eq!(check(&told(None, leaf)), Err(Broken::NotIncluded { index: 0, size: 1 }));
}
