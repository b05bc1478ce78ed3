//! What is refused: each with the answer of design 2.2, found in the journal, with exactly one alert.

use super::*;

/// Posts, and checks what every refusal of an established partner must show.
async fn refused(world: &World, octets: Vec<u8>, code: &str) -> FaultDetail {
    let (records, raised) = (world.records(RecordKind::Refused), alerts(&world.id).len());
    let response = world.post(octets.clone()).await;
    assert_eq!(response.status, 500, "SOAP 1.1 faults are 500");
    let (detail, is_signed) = fault(&response);
    assert_eq!(detail.code, code);
    assert!(is_signed, "a rejection that is not signed is not believed");
    assert_eq!(world.records(RecordKind::Refused), records + 1);
    assert_eq!(alerts(&world.id).len(), raised + 1, "exactly one alert");
    let seen = world.id.message_show(&detail.reference_id).unwrap();
    assert_eq!((seen.len(), seen[0].code.as_deref()), (1, Some(code)));
    let kept = world.id.message_part(&detail.reference_id, PartName::Request).unwrap().unwrap();
    assert_eq!(kept, octets, "as they came");
    assert_eq!(world.records(RecordKind::Received), world.records(RecordKind::Received));
    detail
}

#[tokio::test]
async fn what_is_no_envelope_is_named_and_changes_nothing() {
    let world = World::new();
    let envelope =
        |body: &str| format!("<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\">{body}</s:Envelope>");
    for (octets, code) in [
        ("hello".to_owned(), "not-xml"),
        ("<!DOCTYPE a><a/>".to_owned(), "dtd-refused"),
        ("<a/>".to_owned(), "not-an-envelope"),
        (envelope("<s:Body><a/></s:Body><s:Body><a/></s:Body>"), "not-an-envelope"),
        (envelope("<s:Body><a/></s:Body>"), "security-missing"),
        (
            "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"><s:Body><a/></s:Body></s:Envelope>"
                .to_owned(),
            "version-mismatch",
        ),
        ("<a>".repeat(10_000), "limit-exceeded"),
    ] {
        refused(&world, octets.into_bytes(), code).await;
    }
    assert_eq!(world.records(RecordKind::Received), 0);
}

#[tokio::test]
async fn a_wrong_address_action_or_environment_is_refused_by_name() {
    let world = World::new();
    let forge = |to: &str, action: &str| {
        let mut forge = Forge::new(&world, &document(1, 1));
        forge.to = to.to_owned();
        forge.action = action.to_owned();
        forge.seal()
    };
    let action = Operation::SendCo.action();
    refused(&world, forge("https://elsewhere/send-co", action), "wrong-destination").await;
    refused(&world, forge("https://prod.coconnect.beacukai.go.id/send-co", action), "other-environment").await;
    refused(&world, forge("https://ID/send-co", Operation::SendFeedback.action()), "action-mismatch").await;

    let octets = Forge::new(&world, &document(1, 1)).seal();
    let request = |octets| super::request(octets);
    let other = with_header(request(octets.clone()), "soapaction", "\"urn:coconnect:service:1:SendFeedback\"");
    assert_eq!(fault(&world.post_as(other).await).0.code, "action-mismatch");
    // Twice: one reader takes the first, one the second, and one none.
    let mut twice = request(octets);
    twice.headers.push(("SOAPAction".to_owned(), format!("\"{action}\"")));
    assert_eq!(fault(&world.post_as(twice).await).0.code, "action-mismatch");
}

#[tokio::test]
async fn an_expired_message_and_one_from_the_future_are_told_so() {
    let world = World::new();
    for seconds in [-2_000, 2_000] {
        let mut forge = Forge::new(&world, &document(1, 1));
        forge.now = Timestamp::from_second(NOON + seconds).unwrap();
        refused(&world, forge.seal(), "message-expired").await;
    }
}

#[tokio::test]
async fn only_the_partner_itself_may_sign() {
    let world = World::new();
    for (keys, code) in [
        (&trust().id.sign, "signer-mismatch"),
        (&trust().stranger.sign, "signer-mismatch"),
        (&trust().expired, "signer-mismatch"),
    ] {
        let mut forge = Forge::new(&world, &document(1, 1));
        forge.signer = (keys.0.clone(), PrivateKey::from_pkey(keys.1.to_pkey()));
        refused(&world, forge.seal(), code).await;
    }
}

#[tokio::test]
async fn tampering_is_refused_and_from_decryption_on_with_one_text() {
    let world = World::new();
    let sealed = Forge::new(&world, &document(1, 1)).seal();
    let mut value = sealed.clone();
    tamper(&mut value, "SignatureValue>");
    refused(&world, value, "signature-invalid").await;

    let started = world.clock.elapsed();
    let mut texts = Vec::new();
    for last in [true, false] {
        // The last CipherValue is the document, the first one the wrapped key.
        let text = String::from_utf8(sealed.clone()).unwrap();
        let mark = "CipherValue>";
        let at = if last { text.rfind(&format!("<xenc:{mark}")) } else { text.find(&format!("<xenc:{mark}")) };
        let mut changed = sealed.clone();
        let at = at.expect("there is ciphertext");
        tamper(&mut changed[at..], mark);
        let response = world.post(changed).await;
        assert_eq!(fault(&response).0.code, "security-check-failed");
        let envelope = Envelope::parse(response.body.clone(), None).unwrap();
        let received = Received::read(envelope.document(), envelope.payload().unwrap()).unwrap();
        texts.push((response.status, received.reason, received.subcode));
    }
    assert_eq!(texts[0], texts[1]);
    assert!(world.clock.elapsed() >= started + Duration::from_millis(100), "each left on a later tick");
    let reasons: Vec<_> =
        world.id.message_list(None, 100).unwrap().rows.into_iter().filter_map(|message| message.reason).collect();
    assert!(
        reasons.iter().any(|reason| reason.starts_with("decryption")),
        "the journal has the true reason: {reasons:?}"
    );
}

#[tokio::test]
async fn a_message_id_with_another_document_is_refused_with_its_own_alert() {
    let world = World::new();
    let mut forge = Forge::new(&world, &document(1, 2));
    assert_eq!(world.post(forge.seal()).await.status, 200);
    forge.content = document(2, 2);
    refused(&world, forge.seal(), "message-id-reused").await;
    assert_eq!(alerts(&world.id), ["message-id-reused"]);
    // The first answer still stands.
    forge.content = document(1, 2);
    assert_eq!(world.post(forge.seal()).await.status, 200);
}

#[tokio::test]
async fn another_document_for_a_co_that_exists_is_refused() {
    let world = World::new();
    let first = document(1, 2);
    assert_eq!(world.post(Forge::new(&world, &first).seal()).await.status, 200);
    let text = String::from_utf8(first).unwrap();
    let at = text.find("<Description>").expect("goods have a description") + "<Description>".len();
    let other = format!("{}Other {}", &text[..at], &text[at..]);
    refused(&world, Forge::new(&world, other.as_bytes()).seal(), "co-exists").await;
}

#[tokio::test]
async fn a_document_that_breaks_the_schema_is_told_where() {
    let world = World::new();
    let text = String::from_utf8(document(1, 2)).unwrap();
    let (start, end) = (text.find("<TypeCode>").unwrap(), text.find("</TypeCode>").unwrap() + "</TypeCode>".len());
    let broken = format!("{}{}", &text[..start], &text[end..]);
    let detail = refused(&world, Forge::new(&world, broken.as_bytes()).seal(), "invalid-document").await;
    assert!(!detail.errors.is_empty());
    assert!(detail.errors[0].line >= 1 && !detail.errors[0].path.is_empty());
    let seen = world.id.message_show(&detail.reference_id).unwrap();
    assert_eq!(seen[0].errors.len(), detail.errors.len());
}

#[tokio::test]
async fn a_document_for_another_country_is_refused() {
    let world = World::new();
    let text = String::from_utf8(document(1, 1)).unwrap();
    let foreign = text.replace(">ID<", ">VN<");
    assert_ne!(foreign, text);
    refused(&world, Forge::new(&world, foreign.as_bytes()).seal(), "country-mismatch").await;
}

#[tokio::test]
async fn before_transport_identity_there_is_a_status_and_nothing_more() {
    let world = World::new();
    let octets = Forge::new(&world, &document(1, 1)).seal();
    let basic = |text: &str| format!("Basic {}", base64_simd::STANDARD.encode_to_string(text));
    let unknown = |certificate: Option<Vec<u8>>| {
        let mut request = request(octets.clone());
        request.peer.certificate = certificate;
        request
    };
    let mut from_elsewhere = request(octets.clone());
    from_elsewhere.peer.address = IpAddr::from([192, 0, 2, 1]);
    for (request, status) in [
        (unknown(None), 403),
        (unknown(Some(trust().kr.sign.0.der().to_vec())), 403),
        // The certificate of another partner, with the credentials of this one.
        (unknown(Some(trust().stranger.tls.der().to_vec())), 401),
        (with_header(request(octets.clone()), "authorization", &basic("KR:wrong")), 401),
        (with_header(request(octets.clone()), "authorization", &basic(&format!("XX:{PASSWORD}"))), 401),
        (with_header(request(octets.clone()), "authorization", "Bearer x"), 401),
        (from_elsewhere, 403),
    ] {
        let response = world.post_as(request).await;
        assert_eq!((response.status, response.body.len()), (status, 0));
        assert_eq!(status == 401, response.headers.iter().any(|(name, _)| name == "WWW-Authenticate"));
    }
    assert!(world.id.store().records(None, 10).unwrap().is_empty());
    assert!(alerts(&world.id).is_empty());
}

#[tokio::test]
async fn what_http_refuses_of_a_partner_carries_an_unsigned_fault_with_a_reference() {
    let world = World::with(|_| {}, |file| file.retention.quarantine_mib_per_day = 1);
    let octets = Forge::new(&world, &document(1, 1)).seal();
    let mut get = request(octets.clone());
    get.method = "GET".to_owned();
    let mut unknown_path = request(octets.clone());
    unknown_path.path = "/send-nothing".to_owned();
    for (request, status, code) in [
        (get, 405, "method-refused"),
        (unknown_path, 404, "operation-unknown"),
        (with_header(request(octets.clone()), "content-type", "application/json"), 415, "media-type"),
        (with_header(request(octets.clone()), "content-encoding", "gzip"), 415, "media-type"),
        (with_header(request(octets.clone()), "content-length", "999999999"), 413, "too-large"),
        (with_header(request(octets.clone()), "content-length", "-1"), 413, "too-large"),
    ] {
        let response = world.post_as(request).await;
        assert_eq!(response.status, status);
        let (detail, is_signed) = fault(&response);
        assert_eq!((detail.code.as_ref(), is_signed), (code, false));
        assert_eq!(world.id.message_show(&detail.reference_id).unwrap().len(), 1);
    }
}

#[tokio::test]
async fn an_operation_that_was_not_agreed_is_refused() {
    let world = World::with(|_| {}, |file| file.operations_in.clear());
    let response = world.post(Forge::new(&world, &document(1, 1)).seal()).await;
    assert_eq!(response.status, 403);
    assert_eq!(fault(&response).0.code, "operation-refused");
}

#[tokio::test]
async fn beyond_the_quarantine_budget_digest_and_beginning_are_kept() {
    let world = World::with(|_| {}, |file| file.retention.quarantine_mib_per_day = 1);
    let large = vec![b'x'; 700 * 1024];
    let kept = async |octets: &[u8]| {
        let (detail, _) = fault(&world.post(octets.to_vec()).await);
        let kept = world.id.message_part(&detail.reference_id, PartName::Request).unwrap().unwrap();
        kept.len()
    };
    assert_eq!(kept(&large).await, large.len());
    assert_eq!(kept(&large).await, 64 * 1024);
}
