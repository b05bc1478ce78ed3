//! The agreement profile on the way in and on the way out.

use super::*;
use crate::contract::generated::{data, lpco};
use crate::contract::text::Decimal;
use crate::exchange::fault::Code;

/// A CO of the Korea-Indonesia menu, with `edit` made to it.
fn agreed(seed: u64, edit: impl Fn(&mut contract::MetaData)) -> Vec<u8> {
    octets(&co_agreed(seed, edit))
}

/// A notice that amends the CO of this seed to [`agreed`].
fn amending(seed: u64, edit: impl Fn(&mut contract::MetaData)) -> Vec<u8> {
    let mut notice = sample::notice(seed, contract::NoticeKind::Amendment);
    notice.amendment.as_deref_mut().unwrap().lpco = co_agreed(seed, edit).lpco;
    octets(&notice)
}

fn octets(message: &contract::MetaData) -> Vec<u8> {
    let mut octets = Vec::new();
    encode(message, &Slots::default(), &mut octets);
    octets
}

fn to_submit(document: Vec<u8>) -> Submission {
    Submission { operation: None, ..submission(document) }
}

fn co_agreed(seed: u64, edit: impl Fn(&mut contract::MetaData)) -> contract::MetaData {
    let mut co = sample::co(seed, 2);
    co.lpco.as_deref_mut().unwrap().issue_date_time = lpco::DateTime::with_zone("20261101093000+09:00");
    for authentication in &mut co.lpco.as_deref_mut().unwrap().authentication {
        authentication.actual_date_time = Some(Box::new(lpco::DateTime::with_zone("20261101093000+09:00")));
    }
    for item in &mut co.lpco.as_deref_mut().unwrap().consignment.consignment_item {
        let gross = data::Measure { value: Decimal::from(12), unit_code: "KGM".into() };
        item.goods_measure =
            Some(Box::new(lpco::GoodsMeasure { gross_mass_measure: Some(gross), ..lpco::GoodsMeasure::default() }));
        item.origin[0].rule_code = Some(data::Code { value: "CTH".into(), attributes: None });
    }
    edit(&mut co);
    co
}

fn with_destination(co: &mut contract::MetaData) {
    let country_code = data::Code { value: "ID".into(), attributes: None };
    co.lpco.as_deref_mut().unwrap().consignment.destination =
        Some(Box::new(lpco::Country { country_code, country_name: None }));
}

fn signed(co: &mut contract::MetaData) {
    with_destination(co);
    let binary_object = data::BinaryObject { value: "AAAA".into(), attributes: None };
    co.lpco.as_deref_mut().unwrap().document_signature =
        vec![contract::ext::DocumentSignature { binary_object, ..contract::ext::DocumentSignature::default() }];
}

use crate::contract;

fn with_profiles(sender: &'static str, receiver: &'static str) -> World {
    World::with(move |id| id.profile = sender.to_owned(), move |kr| kr.profile = receiver.to_owned())
}

fn no_rule(co: &mut contract::MetaData) {
    co.lpco.as_deref_mut().unwrap().consignment.consignment_item[1].origin[0].rule_code = None;
}

fn long_name(co: &mut contract::MetaData) {
    co.lpco.as_deref_mut().unwrap().consignment.consignor.name =
        data::Text { value: "x".repeat(90).into(), language_id: None };
}

#[tokio::test]
async fn what_the_profile_rejects_is_a_signed_fault_with_every_error_and_taken_once_corrected() {
    let world = with_profiles("default", "korea-indonesia");
    let submitted = world.kr.submit(submission(agreed(1, no_rule))).await.unwrap();
    world.kr.drive_once().await;
    let sent = world.kr.message_show(&submitted.message_id).unwrap();
    let declined =
        sent.iter().find(|view| view.status == view::MessageStatus::Rejected && !view.errors.is_empty()).unwrap();
    assert_eq!(declined.code.as_deref(), Some(Code::Profile.as_str()));
    assert!(declined.errors.iter().any(|e| e.wco_id == "436" && e.path.contains("ConsignmentItem[2]") && e.line >= 1));
    let refused = world.id.message_list(None, 50).unwrap().rows;
    let refused = refused.iter().find(|view| view.status == view::MessageStatus::Refused).unwrap();
    assert_eq!(refused.profile.as_deref(), Some("korea-indonesia 1"));
    // The refused twin's other half: the corrected document goes.
    world.kr.submit(submission(agreed(1, |_| {}))).await.unwrap();
    world.kr.drive_once().await;
    assert_eq!(world.id.co_list(None, 9).unwrap().rows.len(), 1);
}

#[tokio::test]
async fn what_the_profile_warns_of_is_taken_and_shown() {
    let world = with_profiles("default", "korea-indonesia");
    let submitted = world.kr.submit(submission(agreed(2, long_name))).await.unwrap();
    assert!(submitted.notices.is_empty(), "the default profile has nothing against a long name");
    world.kr.drive_once().await;
    let co = world.id.co_list(None, 9).unwrap().rows.remove(0);
    assert_eq!(co.profile.as_deref(), Some("korea-indonesia 1"));
    let notice = &co.notices[0];
    assert_eq!(
        (notice.verdict.as_str(), notice.error.code.as_str(), notice.error.wco_id.as_str()),
        ("warn", "max-length", "R020")
    );
    let shown = world.id.message_show(&submitted.message_id).unwrap();
    assert!(shown.iter().any(|view| view.notices == co.notices));
}

#[tokio::test]
async fn sending_is_strict_and_nothing_is_recorded() {
    let world = with_profiles("korea-indonesia", "default");
    for edit in [no_rule as fn(&mut contract::MetaData), long_name] {
        match world.kr.submit(submission(agreed(3, edit))).await {
            Err(SubmitError::Profile { profile, violations }) => {
                assert_eq!((profile.as_str(), violations.total), ("korea-indonesia 1", 1));
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(world.kr.message_list(None, 9).unwrap().rows.is_empty());
    world.kr.submit(submission(agreed(3, |_| {}))).await.unwrap();
}

#[tokio::test]
async fn what_the_profile_withholds_never_leaves_and_is_logged_by_its_path() {
    // REQ-084: supplied data is not excessive.
    let world = with_profiles("without-consignee", "default");
    let submitted = world.kr.submit(submission(agreed(4, with_destination))).await.unwrap();
    assert_eq!(submitted.withheld.len(), 1);
    assert_eq!(
        (submitted.withheld[0].wco_id.as_str(), submitted.withheld[0].path.as_str()),
        ("27A", "/MetaData/LPCO/Consignment/Consignee")
    );
    world.kr.drive_once().await;
    let document = world.id.co_document(&submitted.co.number, None).unwrap().unwrap();
    assert!(!String::from_utf8(document).unwrap().contains("Consignee"));
    let record = world.kr.message_show(&submitted.message_id).unwrap().remove(0);
    assert_eq!(record.withheld, submitted.withheld);
    assert_eq!(record.document_digest.as_deref(), Some(submitted.document_digest.as_str()));
    // Without a destination the country was the consignee's alone: the profile asks for it.
    assert!(matches!(world.kr.submit(submission(agreed(5, |_| {}))).await, Err(SubmitError::Profile { .. })));
    // Signed, it must not be touched.
    match world.kr.submit(submission(agreed(6, signed))).await {
        Err(SubmitError::Signed { path, .. }) => assert_eq!(path, "/MetaData/LPCO/Consignment/Consignee"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_partner_of_a_profile_that_is_not_there_is_refused_by_name() {
    let keys = &trust().id;
    let mut file = partner("ID", keys, |_| {}).file().clone();
    file.profile = "nowhere".to_owned();
    let error = Partner::new(file, Vec::new(), TrustAnchors::new(), Path::new(".")).err().unwrap();
    let text = std::error::Error::source(&error).unwrap().to_string();
    assert!(text.contains("nowhere") && text.contains("china-korea"), "{text}");
}

#[tokio::test]
async fn the_amended_co_within_a_notice_is_stripped_and_judged_as_a_co_is() {
    let world = with_profiles("without-consignee", "default");
    let co = world.kr.submit(submission(agreed(4, with_destination))).await.unwrap();
    world.kr.drive_once().await;
    let notice = world.kr.submit(to_submit(amending(4, with_destination))).await.unwrap();
    let withheld: Vec<_> = notice.withheld.iter().map(|one| (one.wco_id.as_str(), one.path.as_str())).collect();
    assert_eq!(withheld, [("27A", "/MetaData/Amendment/LPCO/Consignment/Consignee")]);
    world.kr.drive_once().await;
    let came = world.id.message_document(&notice.message_id).unwrap().unwrap();
    let came = String::from_utf8(came).unwrap();
    assert!(came.contains(&co.co.number) && !came.contains("Consignee"), "{came}");
    // Signed, it must not be touched.
    match world.kr.submit(to_submit(amending(4, signed))).await {
        Err(SubmitError::Signed { path, .. }) => assert_eq!(path, "/MetaData/Amendment/LPCO/Consignment/Consignee"),
        other => panic!("{other:?}"),
    }
    // What its rules reject is refused on receipt, with its place.
    let world = with_profiles("default", "korea-indonesia");
    world.kr.submit(submission(agreed(1, |_| {}))).await.unwrap();
    world.kr.drive_once().await;
    let notice = world.kr.submit(to_submit(amending(1, no_rule))).await.unwrap();
    world.kr.drive_once().await;
    let declined = world.kr.message_show(&notice.message_id).unwrap();
    let declined = declined.iter().find(|view| !view.errors.is_empty()).unwrap();
    assert_eq!(declined.code.as_deref(), Some(Code::Profile.as_str()));
    let error = declined.errors.iter().find(|error| error.wco_id == "436").unwrap();
    assert!(error.path.starts_with("/MetaData/Amendment/LPCO/Consignment/ConsignmentItem[2]"), "{}", error.path);
}
