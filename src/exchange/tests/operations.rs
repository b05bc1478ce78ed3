//! The five operations: what each brings about on both sides, and the refused twin of everything that is taken.

use super::*;
use crate::contract::{Cancellation, MetaData, NoticeKind};
use crate::exchange::rules::CoState;
use crate::exchange::view::{About, CoView, Direction, MessageStatus};

fn octets(message: &MetaData) -> Vec<u8> {
    let mut out = Vec::new();
    encode(message, &Slots::default(), &mut out);
    out
}

fn any(message: &MetaData) -> Submission {
    Submission { operation: None, document: octets(message), partner: None, message_id: None }
}

fn number(seed: u64) -> String {
    sample::co(seed, 1).facts().number
}

fn held(exchange: &Exchange, seed: u64) -> CoView {
    exchange.co_show(&number(seed)).unwrap().remove(0)
}

/// Lets `from` submit and deliver; gives its MessageID.
async fn carry(from: &Arc<Exchange>, message: &MetaData) -> String {
    let submitted = from.submit(any(message)).await.unwrap();
    assert_eq!(from.drive_once().await, 1);
    let view = from.message_show(&submitted.message_id).unwrap().remove(0);
    assert_eq!(view.status, MessageStatus::Acknowledged, "{:?}", view.reason);
    submitted.message_id
}

/// KR's client sends `message` under `operation`, past KR's own rules.
async fn forged(world: &World, operation: Operation, message: &MetaData, id: &MessageId) -> Response {
    let forge = Forge {
        message_id: id.clone(),
        to: format!("https://ID{}", operation.path()),
        action: operation.action().to_owned(),
        operation,
        ..Forge::new(world, &octets(message))
    };
    let mut request = with_header(request(forge.seal()), "soapaction", &format!("\"{}\"", operation.action()));
    request.path = operation.path().to_owned();
    world.post_as(request).await
}

async fn refused(world: &World, operation: Operation, message: &MetaData, code: &str) {
    let response = forged(world, operation, message, &crate::exchange::key::new_message_id()).await;
    assert_ne!(response.status, 200, "{operation:?}: expected {code}");
    let (detail, signed) = fault(&response);
    assert_eq!((detail.code.as_ref(), signed), (code, true), "{operation:?}");
}

#[tokio::test]
async fn each_operation_is_carried_and_stands_in_the_history_of_its_co_on_both_sides() {
    let world = World::new();
    world.deliver(1).await;
    carry(&world.id, &sample::feedback(1)).await;
    let notice = carry(&world.kr, &sample::notice(1, NoticeKind::Withdrawal)).await;
    assert_eq!(held(&world.kr, 1).state, CoState::CancelRequested);
    assert_eq!(held(&world.id, 1).state, CoState::CancelPending);
    carry(&world.id, &sample::cancellation_status(1, Cancellation::Accepted)).await;
    for (exchange, first) in [(&world.kr, Direction::In), (&world.id, Direction::Out)] {
        let co = held(exchange, 1);
        assert_eq!(co.state, CoState::Cancelled);
        let history: Vec<&str> = co.history.iter().map(|message| message.operation.as_str()).collect();
        assert_eq!(history, ["send-feedback", "send-amendment-notification", "send-cancellation-status"]);
        assert_eq!(co.history[0].direction, first);
        assert_eq!(co.history[1].message_id, notice);
        assert!(matches!(&co.history[0].about, Some(About::Feedback { total: 2, .. })));
        assert!(matches!(&co.history[1].about, Some(About::Notice { kind, .. }) if kind == "withdrawal"));
        assert!(matches!(&co.history[2].about, Some(About::CancellationStatus { status, .. }) if status == "accepted"));
    }
    // Each has its own document, and each a leaf of its own.
    assert_eq!(
        world.id.message_document(&notice).unwrap().unwrap(),
        octets(&sample::notice(1, NoticeKind::Withdrawal))
    );
    let leaves = |exchange: &Exchange, id: &str| exchange.message_show(id).unwrap()[0].leaf_index;
    assert_eq!(leaves(&world.id, &notice), Some(1));
}

#[tokio::test]
async fn a_do_is_taken_as_a_co_is_and_only_under_its_own_operation() {
    let world = World::new();
    let declaration = sample::declaration(1, 2);
    carry(&world.kr, &declaration).await;
    let number = declaration.facts().number;
    assert_eq!(world.id.co_show(&number).unwrap()[0].items, 2);
    refused(&world, Operation::SendCo, &sample::declaration(2, 1), "invalid-document").await;
    refused(&world, Operation::SendDo, &sample::co(2, 1), "invalid-document").await;
}

#[tokio::test]
async fn a_declined_cancellation_leaves_the_co_in_force() {
    let world = World::new();
    world.deliver(1).await;
    carry(&world.kr, &sample::notice(1, NoticeKind::Amendment)).await;
    carry(&world.id, &sample::cancellation_status(1, Cancellation::Declined)).await;
    assert_eq!(held(&world.kr, 1).state, CoState::Acknowledged);
    assert_eq!(held(&world.id, 1).state, CoState::Received);
    // So it may be asked for again.
    carry(&world.kr, &sample::notice(1, NoticeKind::Revocation)).await;
    assert_eq!(held(&world.id, 1).state, CoState::CancelPending);
}

#[tokio::test]
async fn a_message_about_a_co_is_refused_when_the_co_is_unknown_or_the_partner_on_the_wrong_side() {
    let world = World::new();
    refused(&world, Operation::SendAmendmentNotification, &sample::notice(9, NoticeKind::Withdrawal), "co-unknown")
        .await;
    world.deliver(1).await;
    // KR exported it, so it has no treatment to decide on: the twin of what ID may say.
    let as_sent_by_kr = |mut message: MetaData| {
        let header = sample::notice(1, NoticeKind::Withdrawal);
        message.responsible_country_code = header.responsible_country_code;
        message.communication_meta_data = header.communication_meta_data;
        message
    };
    let feedback = as_sent_by_kr(sample::feedback(1));
    refused(&world, Operation::SendFeedback, &feedback, "wrong-role").await;
    let status = as_sent_by_kr(sample::cancellation_status(1, Cancellation::Accepted));
    refused(&world, Operation::SendCancellationStatus, &status, "wrong-role").await;
    // Unknown on either side stays unknown; a sender that is not the partner's country is told so.
    refused(&world, Operation::SendFeedback, &as_sent_by_kr(sample::feedback(9)), "co-unknown").await;
    refused(&world, Operation::SendFeedback, &sample::feedback(1), "country-mismatch").await;
    assert!(held(&world.id, 1).history.is_empty());
    assert_eq!(held(&world.id, 1).state, CoState::Received);
}

#[tokio::test]
async fn both_spellings_of_cancellation_are_served_and_no_third() {
    let world = World::new();
    world.deliver(1).await;
    let operation = Operation::SendCancellationStatus;
    let mut message = sample::cancellation_status(1, Cancellation::Accepted);
    let header = sample::notice(1, NoticeKind::Withdrawal);
    message.responsible_country_code = header.responsible_country_code;
    message.communication_meta_data = header.communication_meta_data;
    let paths = ["/send-cancellation-status", "/send-cancelation-status", "/send-cancel-status"];
    for (path, to) in [(0, 0), (1, 0), (0, 1), (1, 1), (2, 0), (0, 2)] {
        let forge = Forge {
            to: format!("https://ID{}", paths[to]),
            action: operation.action().to_owned(),
            operation,
            ..Forge::new(&world, &octets(&message))
        };
        let mut request = with_header(request(forge.seal()), "soapaction", &format!("\"{}\"", operation.action()));
        request.path = paths[path].to_owned();
        let response = world.post_as(request).await;
        // The exporter may not say it: a refusal that only the rules of this operation give.
        let expected = match (path, to) {
            (2, _) => "operation-unknown",
            (_, 2) => "wrong-destination",
            _ => "wrong-role",
        };
        assert_eq!(fault(&response).0.code, expected, "{} to {}", paths[path], paths[to]);
    }
}

#[tokio::test]
async fn a_co_of_one_partner_is_unknown_to_another() {
    // XX speaks of a CO that KR sent: nothing tells it that such a CO is here.
    let world = World::new();
    world.deliver(1).await;
    let mut message = sample::notice(1, NoticeKind::Withdrawal);
    message.responsible_country_code.value = "VN".into();
    let t = trust();
    let operation = Operation::SendAmendmentNotification;
    let forge = Forge {
        to: format!("https://ID{}", operation.path()),
        action: operation.action().to_owned(),
        operation,
        signer: (t.stranger.sign.0.clone(), PrivateKey::from_pkey(t.stranger.sign.1.to_pkey())),
        ..Forge::new(&world, &octets(&message))
    };
    let credentials = base64_simd::STANDARD.encode_to_string(format!("XX:{PASSWORD}"));
    let mut request = with_header(request(forge.seal()), "authorization", &format!("Basic {credentials}"));
    request = with_header(request, "soapaction", &format!("\"{}\"", operation.action()));
    request.path = operation.path().to_owned();
    request.peer.certificate = Some(t.stranger.tls.der().to_vec());
    let (detail, _) = fault(&world.post_as(request).await);
    assert_eq!(detail.code, "co-unknown");
    assert_eq!(held(&world.id, 1).state, CoState::Received);
}

#[tokio::test]
async fn a_message_about_a_co_is_recorded_once_whatever_its_message_id() {
    let world = World::new();
    world.deliver(1).await;
    let (operation, notice) = (Operation::SendAmendmentNotification, sample::notice(1, NoticeKind::Withdrawal));
    let (first, second) = (crate::exchange::key::new_message_id(), crate::exchange::key::new_message_id());
    let accepted = forged(&world, operation, &notice, &first).await;
    assert_eq!(acknowledgement(&accepted.body).status, crate::contract::Status::Accepted);
    // The same MessageID: the same element, byte for byte.
    let again = forged(&world, operation, &notice, &first).await;
    assert_eq!(acknowledgement_octets(&again.body), acknowledgement_octets(&accepted.body));
    // Another MessageID: an Acknowledgement of its own that names the first.
    let other = forged(&world, operation, &notice, &second).await;
    match acknowledgement(&other.body).status {
        crate::contract::Status::AlreadyReceived { message_id, .. } => assert_eq!(message_id, first),
        crate::contract::Status::Accepted => panic!("recorded twice"),
    }
    assert_eq!(held(&world.id, 1).history.len(), 1);
    // The same MessageID with another document, and a second notice while the first stands open.
    let changed = sample::notice(1, NoticeKind::Revocation);
    let (detail, _) = fault(&forged(&world, operation, &changed, &first).await);
    assert_eq!(detail.code, "message-id-reused");
    refused(&world, operation, &changed, "illegal-state").await;
    assert_eq!(held(&world.id, 1).history.len(), 1);
}

#[tokio::test]
async fn the_payload_of_another_operation_is_refused_with_its_place() {
    let world = World::new();
    world.deliver(1).await;
    let id = crate::exchange::key::new_message_id();
    let (detail, _) = fault(&forged(&world, Operation::SendFeedback, &sample::co(2, 1), &id).await);
    assert_eq!((detail.code.as_ref(), detail.errors[0].code.as_ref()), ("invalid-document", "operation-payload"));
    assert_eq!(detail.errors[0].path, "/MetaData/LPCO");
    refused(&world, Operation::SendCo, &sample::exporter_list(1), "invalid-document").await;
}

#[tokio::test]
async fn an_operation_that_was_not_agreed_is_refused_for_each_of_them() {
    let world = World::with(|_| {}, |file| file.operations_in.clear());
    for operation in Operation::SERVED {
        let id = crate::exchange::key::new_message_id();
        let (detail, signed) = fault(&forged(&world, *operation, &sample::of(*operation, 1), &id).await);
        assert_eq!((detail.code.as_ref(), signed), ("operation-refused", false), "{operation:?}");
    }
}

#[tokio::test]
async fn what_our_own_rules_forbid_is_not_submitted() {
    let world = World::new();
    let notice = any(&sample::notice(1, NoticeKind::Withdrawal));
    assert!(matches!(world.kr.submit(notice.clone()).await, Err(SubmitError::NotNow { .. })), "unknown CO");
    world.deliver(1).await;
    let status = any(&sample::cancellation_status(1, Cancellation::Accepted));
    assert!(matches!(world.id.submit(status).await, Err(SubmitError::NotNow { .. })), "nobody asked");
    let first = world.kr.submit(notice.clone()).await.unwrap();
    let again = world.kr.submit(notice).await.unwrap();
    assert_eq!((again.already, again.message_id), (true, first.message_id));
    let second = any(&sample::notice(1, NoticeKind::Revocation));
    assert!(matches!(world.kr.submit(second).await, Err(SubmitError::NotNow { .. })), "one stands open");
    assert!(matches!(world.kr.submit(any(&sample::exporter_list(1))).await, Err(SubmitError::Invalid(_))));
}

#[tokio::test]
async fn a_notice_that_the_partner_refuses_leaves_the_co_as_it_was() {
    // ID lost what KR holds a receipt for: another ID, with the same keys, knows nothing of the CO.
    let world = World::new();
    world.deliver(1).await;
    let other = World::new();
    let t = trust();
    world.wire.peers.lock().unwrap().insert("ID".to_owned(), (Arc::downgrade(&other.id), t.kr.tls.clone()));
    let submitted = world.kr.submit(any(&sample::notice(1, NoticeKind::Withdrawal))).await.unwrap();
    assert_eq!(held(&world.kr, 1).state, CoState::CancelRequested);
    assert_eq!(world.kr.drive_once().await, 1);
    assert_eq!(world.kr.message_show(&submitted.message_id).unwrap()[0].status, MessageStatus::Rejected);
    assert_eq!(held(&world.kr, 1).state, CoState::Acknowledged);
}
