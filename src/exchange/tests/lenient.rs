//! Partners of `test` whose file asks for less: what then works, and what still does not.

use super::*;
use crate::exchange::partner::{Encrypt, SignedParts};
use crate::soap::wss::{Content, Identity, KeyReference, Order, Outgoing, Sealer, Settings, Suite};
use crate::soap::{Addressing, Version};

fn lenient(file: &mut PartnerFile) {
    file.security.encrypt = Encrypt::None;
    file.security.signed_parts = SignedParts::BodyTimestamp;
}

/// What a client without WS-Addressing and encryption sends: Body and Timestamp signed.
fn bare(world: &World, document: &[u8], version: Version) -> Vec<u8> {
    let settings = Settings {
        suite: Suite::default(),
        key_reference: KeyReference::Str,
        order: Order::SignEncrypt,
        signed_parts: crate::soap::wss::SignedParts::BodyTimestamp,
    };
    let identity = Identity::new(trust().kr.sign.0.der(), trust().kr.sign.1.to_pkey()).unwrap();
    let sealer = Sealer::new(settings, Arc::new(identity), None).unwrap();
    let content = inbound::wrapped("SendCO", document);
    let outgoing = Outgoing {
        version,
        addressing: &Addressing::default(),
        content: Content { octets: &content, encrypt: None },
        confirms: None,
        now: world.clock.now(),
    };
    sealer.seal(&outgoing).unwrap().octets
}

#[tokio::test]
async fn a_client_without_addressing_is_answered_once_and_only_once() {
    let world = World::with(|_| {}, lenient);
    let first = world.post(bare(&world, &document(1, 2), Version::Soap11)).await;
    assert_eq!(first.status, 200);
    world.advance(5);
    let again = world.post(bare(&world, &document(1, 2), Version::Soap11)).await;
    assert_eq!(acknowledgement_octets(&again.body), acknowledgement_octets(&first.body));
    assert_eq!(world.records(RecordKind::Received), 1);
}

#[tokio::test]
async fn soap_1_2_is_answered_in_soap_1_2() {
    let world = World::with(|_| {}, lenient);
    let action = Operation::SendCo.action();
    let media_type = format!("application/soap+xml; charset=utf-8; action=\"{action}\"");
    let good = request(bare(&world, &document(1, 2), Version::Soap12));
    let response = world.post_as(with_header(good, "content-type", &media_type)).await;
    assert_eq!(response.status, 200);
    assert_eq!(Envelope::parse(response.body, None).unwrap().version(), Version::Soap12);

    let text = String::from_utf8(document(2, 2))
        .unwrap()
        .replace("<TypeCode>", "<TypeCoda>")
        .replace("</TypeCode>", "</TypeCoda>");
    let bad = request(bare(&world, text.as_bytes(), Version::Soap12));
    let response = world.post_as(with_header(bad, "content-type", &media_type)).await;
    assert_eq!(response.status, 400, "a Sender fault of SOAP 1.2");
    assert_eq!(fault(&response).0.code, "invalid-document");
}

#[tokio::test]
async fn the_same_message_from_a_partner_of_the_full_profile_is_refused() {
    let world = World::new();
    let response = world.post(bare(&world, &document(1, 2), Version::Soap11)).await;
    let code = fault(&response).0.code;
    assert!(["addressing-missing", "not-encrypted", "part-not-signed"].contains(&code.as_ref()), "{code}");
    assert_eq!(world.records(RecordKind::Received), 0);
}

#[tokio::test]
async fn we_send_in_clear_to_a_partner_that_asks_for_it() {
    let world = World::with(lenient, lenient);
    let submitted = world.submit(1).await;
    world.kr.drive_once().await;
    let waiting = world.kr.outbox_list().unwrap();
    assert!(waiting.is_empty(), "{waiting:?}");
    assert!(String::from_utf8(world.last_request()).unwrap().contains(&submitted.co.number));
}
