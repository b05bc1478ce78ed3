//! Versions of the WCO Data Model side by side: what is agreed per partner and direction, and the refused twin of each.

use super::*;
use crate::contract::{MetaData, Slot, Version};
use crate::exchange::partner::Wco;
use crate::exchange::view::MessageStatus;
use crate::xml;

const OTHER: &str = "4.2.0";

/// What a partner file says of another version, under namespaces of its own.
fn wco(send: &str, accept: &[&str]) -> Wco {
    let uris = [("md", "urn:wco:md:42"), ("lpco", "urn:wco:lpco:42"), ("res", "urn:wco:res:42")];
    let uris = uris.iter().map(|(slot, uri)| ((*slot).to_owned(), (*uri).to_owned())).collect();
    let is_agreed = send == OTHER || accept.contains(&OTHER);
    Wco {
        send: send.to_owned(),
        accept: accept.iter().map(|code| (*code).to_owned()).collect(),
        namespaces: is_agreed.then(|| (OTHER.to_owned(), uris)).into_iter().collect(),
    }
}

fn written(message: &MetaData, version: &Version) -> Vec<u8> {
    let mut message = message.clone();
    message.wco_data_model_version_code.value = version.code.as_str().into();
    let mut octets = Vec::new();
    encode(&message, &version.slots, &mut octets);
    octets
}

fn other() -> Version {
    wco(OTHER, &[OTHER]).sent()
}

async fn hand_in(world: &World, document: Vec<u8>) -> view::MessageView {
    let submission = Submission { operation: None, document, partner: None, message_id: None };
    let submitted = world.kr.submit(submission).await.unwrap();
    assert_eq!(world.kr.drive_once().await, 1);
    // The last record has what came of it.
    world.kr.message_show(&submitted.message_id).unwrap().pop().unwrap()
}

#[tokio::test]
async fn each_direction_has_its_version_and_what_is_handed_in_is_written_in_that_of_the_partner() {
    // KR sends 4.2.0 and takes 4.0.0; ID the other way round.
    let world = World::with(|id| id.wco = wco(OTHER, &["4.0.0"]), |kr| kr.wco = wco("4.0.0", &[OTHER]));
    // Handed in as either, it leaves as what was agreed.
    for (seed, version) in [(1, Version::default()), (2, other())] {
        let message = sample::co(seed, 2);
        let shown = hand_in(&world, written(&message, &version)).await;
        assert_eq!(shown.status, MessageStatus::Acknowledged, "{:?}", shown.reason);
        let arrived = world.id.message_document(&shown.message_id.unwrap()).unwrap().unwrap();
        let sent = xml::parse(written(&message, &other()), &xml::Options::default()).unwrap();
        let mut canonical = Vec::new();
        xml::c14n::exclusive_without(&sent, sent.document_element(), None, &mut canonical).unwrap();
        assert_eq!(String::from_utf8(arrived).unwrap(), String::from_utf8(canonical).unwrap());
    }
    // The acknowledgement follows the version of its message.
    let answer = world.wire.answers.lock().unwrap().last().cloned().unwrap();
    assert!(String::from_utf8_lossy(&answer.body).contains("urn:wco:res:42"));
    // The other direction, in the other version.
    let feedback = sample::feedback(1);
    let submission = Submission {
        operation: None,
        document: written(&feedback, &Version::default()),
        partner: None,
        message_id: None,
    };
    let submitted = world.id.submit(submission).await.unwrap();
    assert_eq!(world.id.drive_once().await, 1);
    let shown = world.id.message_show(&submitted.message_id).unwrap().remove(0);
    assert_eq!(shown.status, MessageStatus::Acknowledged, "{:?}", shown.reason);
    let arrived = world.kr.message_document(&submitted.message_id).unwrap().unwrap();
    assert!(String::from_utf8(arrived).unwrap().contains(Slot::Md.default_uri()));
}

#[tokio::test]
async fn a_version_that_is_not_agreed_is_refused_with_its_place_and_those_that_are() {
    // Known namespaces or not, the code decides; a version that is agreed in the other direction alone does not count.
    for accepts in [wco("4.0.0", &["4.0.0"]), wco(OTHER, &["4.0.0"])] {
        let world = World::with(|id| id.wco = wco(OTHER, &["4.0.0"]), |kr| kr.wco = accepts.clone());
        let shown = hand_in(&world, written(&sample::co(1, 2), &other())).await;
        assert_eq!((shown.status, shown.code.as_deref()), (MessageStatus::Rejected, Some("invalid-document")));
        let error = &shown.errors[0];
        assert_eq!((error.code.as_str(), error.path.as_str()), ("wco-version", "/MetaData/WCODataModelVersionCode"));
        assert!(error.expected.ends_with("that is agreed: 4.0.0"), "{}", error.expected);
        assert!(world.id.co_show(&sample::co(1, 2).facts().number).unwrap().is_empty());
    }
    // A version that nobody knows is refused where it is handed in.
    let world = World::new();
    let unknown = Version { code: "9.9.9".to_owned(), ..Version::default() };
    let document = written(&sample::co(1, 2), &unknown);
    let submission = Submission { operation: None, document: document.clone(), partner: None, message_id: None };
    match world.kr.submit(submission).await {
        Err(SubmitError::Invalid(violations)) => assert_eq!(violations.list[0].code, "wco-version"),
        other => panic!("{other:?}"),
    }
    // And where it arrives.
    let response = world.post(Forge::new(&world, &document).seal()).await;
    let (detail, signed) = fault(&response);
    assert_eq!((detail.code.as_ref(), signed, &*detail.errors[0].code), ("invalid-document", true, "wco-version"));
}

#[tokio::test]
async fn what_a_signature_inside_covers_is_not_written_anew() {
    let world = World::with(|id| id.wco = wco(OTHER, &["4.0.0"]), |kr| kr.wco = wco("4.0.0", &[OTHER]));
    let mut message = sample::co(1, 2);
    let binary_object = crate::contract::data::BinaryObject { value: "QUJD".into(), attributes: None };
    message.lpco.as_deref_mut().unwrap().document_signature = vec![crate::contract::ext::DocumentSignature {
        binary_object,
        ..crate::contract::ext::DocumentSignature::default()
    }];
    let document = written(&message, &Version::default());
    let submission = Submission { operation: None, document: document.clone(), partner: None, message_id: None };
    match world.kr.submit(submission).await {
        Err(SubmitError::NotSendable { what }) => {
            assert!(what.contains("version 4.0.0") && what.contains(OTHER), "{what}")
        }
        other => panic!("{other:?}"),
    }
    // Nor is what the typed document has no room for.
    let mark = |document: &[u8]| {
        let text = String::from_utf8(document.to_vec()).unwrap();
        text.replacen("MetaData ", "MetaData xmlns:q=\"urn:q\" q:mark=\"1\" ", 1).into_bytes()
    };
    let marked = mark(&written(&sample::co(2, 2), &Version::default()));
    let submission = Submission { operation: None, document: marked.clone(), partner: None, message_id: None };
    match world.kr.submit(submission).await {
        Err(SubmitError::NotSendable { what }) => assert!(what.contains("mark") && what.contains("urn:q"), "{what}"),
        other => panic!("{other:?}"),
    }
    // To a partner of that version both go.
    let world = World::new();
    for document in [document, marked] {
        let shown = hand_in(&world, document).await;
        assert_eq!(shown.status, MessageStatus::Acknowledged, "{:?}", shown.reason);
    }
}

#[tokio::test]
async fn what_is_queued_goes_in_the_version_in_which_it_was_taken() {
    let t = trust();
    let agree = |world: &World, wco: Wco| {
        let file = partner("ID", &t.id, |file| file.wco = wco.clone());
        world.kr.partners().replace(PartnerSet::new(vec![file], Environment::Test).unwrap());
    };
    let world = World::with(|id| id.wco = wco(OTHER, &["4.0.0"]), |kr| kr.wco = wco("4.0.0", &[OTHER]));
    let submit = |seed| Submission {
        operation: None,
        document: written(&sample::co(seed, 2), &Version::default()),
        partner: None,
        message_id: None,
    };
    // Both are taken as 4.2.0; then 4.0.0 is agreed, first with the namespaces of 4.2.0 still there, then without.
    let first = world.kr.submit(submit(1)).await.unwrap().message_id;
    agree(&world, wco("4.0.0", &[OTHER]));
    assert_eq!(world.kr.drive_once().await, 1);
    let shown = world.kr.message_show(&first).unwrap().pop().unwrap();
    assert_eq!(shown.status, MessageStatus::Acknowledged, "{:?}", shown.reason);

    agree(&world, wco(OTHER, &["4.0.0"]));
    let second = world.kr.submit(submit(2)).await.unwrap().message_id;
    agree(&world, Wco::default());
    assert_eq!(world.kr.drive_once().await, 1);
    let shown = world.kr.message_show(&second).unwrap().pop().unwrap();
    assert_eq!(shown.status, MessageStatus::Queued, "{:?}", shown.reason);
    assert!(shown.reason.is_some_and(|reason| reason.contains("[wco]")), "it says what to do");
    // It waits; with the namespaces back it goes.
    agree(&world, wco("4.0.0", &[OTHER]));
    world.advance(600);
    assert_eq!(world.kr.drive_once().await, 1);
    let shown = world.kr.message_show(&second).unwrap().pop().unwrap();
    assert_eq!(shown.status, MessageStatus::Acknowledged, "{:?}", shown.reason);
}
