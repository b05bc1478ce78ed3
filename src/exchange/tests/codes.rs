//! Code lists: an unknown code is refused, told or passed, as the partner's file says.

use super::*;
use crate::contract::codelist::Unknown;

/// A CO whose unit of mass nobody knows.
fn with_unknown_unit(seed: u64) -> Vec<u8> {
    let text = String::from_utf8(document(seed, 2)).unwrap();
    text.replacen("unitCode=\"KGM\"", "unitCode=\"QQQ\"", 1).into_bytes()
}

fn policy(list: &str, unknown: Unknown) -> impl Fn(&mut PartnerFile) {
    let list = list.to_owned();
    move |file| {
        file.unknown_codes.insert(list.clone(), unknown);
    }
}

async fn post(world: &World, octets: &[u8]) -> Response {
    world.post(Forge::new(world, octets).seal()).await
}

#[tokio::test]
async fn an_unknown_code_is_refused_with_its_place_where_the_partner_says_reject() {
    let world = World::with(|_| {}, policy("rec20", Unknown::Reject));
    assert_eq!(post(&world, &document(1, 2)).await.status, 200);
    let (detail, is_signed) = fault(&post(&world, &with_unknown_unit(2)).await);
    assert!(is_signed && detail.code == "invalid-document", "{detail:?}");
    let error = &detail.errors[0];
    assert_eq!((error.code.as_ref(), error.came.in_list), ("code-list", Some(false)));
    assert!(error.path.ends_with("GrossMassMeasure/@unitCode") && error.line == 1 && error.column > 100, "{error}");
    assert!(error.value.is_none(), "a received value is never quoted");
    assert_eq!(world.records(RecordKind::Received), 1);
}

#[tokio::test]
async fn an_unknown_code_is_taken_and_told_where_the_partner_says_warn() {
    // What rec20 says by itself.
    let world = World::new();
    assert_eq!(post(&world, &with_unknown_unit(2)).await.status, 200);
    let seen = world.id.message_list(None, 10).unwrap().rows;
    let received = seen.iter().find(|message| message.status == view::MessageStatus::Accepted).unwrap();
    assert_eq!(received.warnings.len(), 1);
    assert_eq!(received.warnings[0].value.as_deref(), Some("QQQ"));
    assert!(received.errors.is_empty());
}

#[tokio::test]
async fn an_unknown_code_is_no_matter_where_the_partner_says_pass() {
    let world = World::with(|_| {}, policy("default", Unknown::Pass));
    let text = String::from_utf8(with_unknown_unit(3)).unwrap();
    let octets = text.replacen("<CountryCode>KR</CountryCode><RuleCode>", "<CountryCode>QQ</CountryCode><RuleCode>", 1);
    assert_ne!(octets, text);
    assert_eq!(post(&world, octets.as_bytes()).await.status, 200);
    let other = World::new();
    assert_eq!(
        post(&other, octets.as_bytes()).await.status,
        500,
        "a country that does not exist is refused by default"
    );
}

#[tokio::test]
async fn what_the_partner_would_refuse_is_refused_at_submission() {
    let world = World::with(policy("rec20", Unknown::Reject), |_| {});
    let refused = world.kr.submit(submission(with_unknown_unit(4))).await;
    assert!(
        matches!(refused, Err(SubmitError::Invalid(ref found)) if found.list[0].code == "code-list"),
        "{refused:?}"
    );
    assert!(world.kr.submit(submission(document(4, 2))).await.is_ok());
}

#[test]
fn a_policy_for_a_list_that_does_not_exist_is_refused() {
    let text = |name: &str| {
        format!(
            "id = \"KR\"\nenvironment = \"test\"\nbasic_user = \"KR\"\nbasic_secret = \"{PASSWORD}\"\nterritories = [\"KR\"]\n\
             [unknown_codes]\n{name} = \"warn\"\n[code_lists]\niso-4217 = \"2023\"\nreasons = \"7\"\n"
        )
    };
    assert!(PartnerFile::parse(&text("iso-4217")).is_ok());
    assert!(PartnerFile::parse(&text("default")).is_ok());
    assert!(PartnerFile::parse(&text("iso-4218")).is_err());
}
