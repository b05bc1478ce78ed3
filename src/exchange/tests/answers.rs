//! What is answered, once and only once.

use super::*;

#[tokio::test]
async fn a_co_arrives_equal_to_the_one_handed_in() {
    let world = World::new();
    let submitted = world.submit(1).await;
    assert_eq!(world.kr.drive_once().await, 1);

    let here = world.id.co_show(&submitted.co.number).unwrap();
    assert_eq!(here.len(), 1);
    assert_eq!((here[0].role, here[0].state), (rules::Role::Importing, rules::CoState::Received));
    assert_eq!(here[0].document_digest, submitted.document_digest);
    let there = world.kr.co_show(&submitted.co.number).unwrap();
    assert_eq!((there[0].role, there[0].state), (rules::Role::Exporting, rules::CoState::Acknowledged));
    let received = world.id.co_document(&submitted.co.number, None).unwrap().unwrap();
    let handed_in = world.kr.co_document(&submitted.co.number, None).unwrap().unwrap();
    assert_eq!(received, handed_in);
    assert!(world.kr.outbox_list().unwrap().is_empty());
    assert!(alerts(&world.kr).is_empty() && alerts(&world.id).is_empty());
}

#[tokio::test]
async fn nothing_of_the_document_travels_in_clear() {
    let world = World::new();
    let submitted = world.submit(1).await;
    world.kr.drive_once().await;
    let wire = String::from_utf8(world.last_request()).unwrap();
    assert!(!wire.contains(&submitted.co.number) && !wire.contains("ConsignmentItem"));
}

#[tokio::test]
async fn a_duplicate_is_answered_with_the_same_element_and_stored_once() {
    let world = World::new();
    let id = world.deliver(1).await;
    let first = acknowledgement_octets(&world.last_answer().body);
    world.advance(400);
    for _ in 0..3 {
        assert!(world.kr.send_again(&id).await.is_ok());
        let answer = world.last_answer();
        assert_eq!(acknowledgement_octets(&answer.body), first, "byte for byte, for ever");
    }
    let envelopes = world.wire.answers.lock().unwrap();
    assert_ne!(envelopes[0].body, envelopes[1].body, "the envelope around it is fresh");
    drop(envelopes);
    assert_eq!(world.records(RecordKind::Received), 1);
    assert_eq!(world.id.store().records(None, 100).unwrap().len(), 1);
}

#[tokio::test]
async fn the_leaf_is_recomputed_from_the_acknowledgement_and_is_in_the_tree() {
    let world = World::new();
    world.deliver(1).await;
    let told = acknowledgement(&world.last_answer().body);
    let leaf = evidence::leaf(&told).unwrap();
    let kr = PartnerId::parse("KR").unwrap();
    assert_eq!(world.id.store().leaf(&kr, 0).unwrap(), leaf);
    assert!(told.head.is_none(), "the first acknowledgement has no head to show");

    for seed in 2..6 {
        world.deliver(seed).await;
        let told = acknowledgement(&world.last_answer().body);
        let head = told.head.unwrap();
        assert_eq!(head.size, seed - 1);
        assert_eq!(told.inclusion.unwrap().index, seed - 2);
        assert_eq!(told.consistency.map(|proof| (proof.from, proof.to)), (seed > 2).then_some((seed - 2, seed - 1)));
    }
    assert!(alerts(&world.kr).is_empty(), "every proof holds");
}

#[tokio::test]
async fn the_same_co_under_another_message_id_is_already_received() {
    let world = World::new();
    let document = document(1, 3);
    let first = Forge::new(&world, &document);
    assert_eq!(world.post(first.seal()).await.status, 200);
    let second = Forge::new(&world, &document);
    let response = world.post(second.seal()).await;
    assert_eq!(response.status, 200);
    let told = acknowledgement(&response.body);
    assert_eq!(told.message_id, second.message_id);
    match told.status {
        crate::contract::Status::AlreadyReceived { message_id, leaf } => {
            assert_eq!(message_id, first.message_id);
            let kr = PartnerId::parse("KR").unwrap();
            assert_eq!(*world.id.store().leaf(&kr, 0).unwrap().as_bytes(), leaf);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(world.records(RecordKind::Received), 1, "not stored or handed over again");
    // And that one again, byte for byte.
    let again = world.post(second.seal()).await;
    assert_eq!(acknowledgement_octets(&again.body), acknowledgement_octets(&response.body));
}

#[tokio::test]
async fn a_message_that_failed_before_is_processed_again() {
    let world = World::new();
    let mut forge = Forge::new(&world, &document(1, 3));
    forge.to = "https://OTHER/send-co".to_owned();
    assert_eq!(fault(&world.post(forge.seal()).await).0.code, "wrong-destination");
    forge.to = "https://ID/send-co".to_owned();
    assert_eq!(world.post(forge.seal()).await.status, 200);
    let seen = world.id.message_show(forge.message_id.as_str()).unwrap();
    let statuses: Vec<_> = seen.iter().map(|message| message.status).collect();
    assert_eq!(statuses, [view::MessageStatus::Refused, view::MessageStatus::Accepted]);
}

#[tokio::test]
async fn many_at_once_are_each_stored_once() {
    let world = World::new();
    let forges: Vec<Forge> = (0..4).map(|seed| Forge::new(&world, &document(seed, 2))).collect();
    let mut answers = Vec::new();
    for _ in 0..3 {
        for forge in &forges {
            let (id, octets) = (Arc::clone(&world.id), forge.seal());
            answers.push(tokio::spawn(async move { id.inbound(request(octets)).await }));
        }
    }
    for answer in answers {
        assert_eq!(answer.await.unwrap().status, 200);
    }
    assert_eq!(world.records(RecordKind::Received), 4);
}
