//! Code lists over whole documents: which elements are bound, and where an unknown code is told.

use std::collections::BTreeMap;

use coconnect::contract::codelist::{self, Coded, Codes, Day, Found, Lists, Unknown, Visit};
use coconnect::contract::sample;

use super::instance::{self, Dice, Fill};
use super::{decode, encode, parse};

const DAY: &str = "2026-03-01";

fn check(octets: &[u8], policy: Unknown) -> Found {
    let document = parse(octets);
    let message = decode(octets).unwrap();
    let unknown = BTreeMap::from([("default".to_owned(), policy)]);
    let lists = Lists::new(&BTreeMap::new(), &unknown);
    codelist::check(&message, &lists, Day::parse(DAY).unwrap(), &document, document.document_element())
}

fn text(octets: Vec<u8>) -> String {
    String::from_utf8(octets).unwrap()
}

#[test]
fn what_the_schemas_bind_to_a_list_is_handed_over() {
    // Every list but those that only other payloads use; a binding that is lost would be a check that never runs.
    #[derive(Default)]
    struct Seen(BTreeMap<&'static str, usize>, usize);
    impl Visit for Seen {
        fn enter(&mut self, _: &'static str, _: usize) {
            self.1 += 1;
        }
        fn leave(&mut self) {
            self.1 -= 1;
        }
        fn code(&mut self, code: &Coded, _: usize, _: &str) {
            *self.0.entry(code.list.name()).or_default() += 1;
        }
    }
    let message = decode(&instance::document("LPCO", &mut Dice(1), Fill::Whole).to_octets()).unwrap();
    let mut seen = Seen::default();
    message.codes(&mut seen);
    assert_eq!(seen.1, 0);
    for name in codelist::NAMES.iter().filter(|name| **name != "1373") {
        assert!(seen.0.contains_key(name), "no element is bound to {name}: {:?}", seen.0);
    }
    assert!(seen.0.contains_key("1373") && seen.0["iso-3166-1"] > 10, "{:?}", seen.0);
}

#[test]
fn our_own_samples_have_no_unknown_code() {
    for seed in 0..50 {
        let found = check(&encode(&sample::co(seed, 5)), Unknown::Reject);
        assert_eq!(found, Found::default(), "seed {seed}");
    }
}

#[test]
fn unknown_codes_are_told_all_at_once_each_where_it_stands() {
    let valid = text(encode(&sample::co(4, 9)));
    let weighed = valid.matches("<GrossMassMeasure unitCode=\"KGM\"").count();
    let broken = valid
        .replacen("<TypeCode>861</TypeCode>", "\n  <TypeCode>861</TypeCode>", 1)
        .replace("unitCode=\"KGM\"", "unitCode=\"QQQ\"")
        .replacen("<CountryCode>KR</CountryCode><RuleCode>", "\n<CountryCode>QQ</CountryCode><RuleCode>", 1);
    let found = check(broken.as_bytes(), Unknown::Reject).rejected;
    let told: Vec<String> = found.list.iter().map(|v| format!("{} {} {}", v.line, v.wco_id, v.path)).collect();
    assert_eq!(found.total, told.len());
    let country = "3 063 /MetaData/LPCO/Consignment/ConsignmentItem[1]/Origin[1]/CountryCode";
    assert!(told.iter().any(|t| t == country), "{told:#?}");
    let units = told.iter().filter(|t| t.ends_with("]/GoodsMeasure/GrossMassMeasure/@unitCode")).count();
    assert!(weighed > 1 && units == weighed, "{weighed}: {told:#?}");
    let shown = found.list.iter().map(ToString::to_string).collect::<String>();
    assert!(shown.contains("a code of rec20, version 2021") && !shown.contains("QQQ"), "{shown}");
    // The same, only told; and not at all.
    let warned = check(broken.as_bytes(), Unknown::Warn);
    assert_eq!((warned.rejected.total, warned.warned.total), (0, found.total));
    assert_eq!(check(broken.as_bytes(), Unknown::Pass), Found::default());
}

#[test]
fn a_criterion_is_judged_by_the_agreement_of_its_document() {
    let valid = text(encode(&sample::co(4, 1)));
    let rule = valid.split("<RuleCode>").nth(1).unwrap().split('<').next().unwrap();
    let with = |agreement: &str, criterion: &str| {
        let octets = valid.replacen(">KRID<", &format!(">{agreement}<"), 1);
        let octets = octets.replacen(&format!("<RuleCode>{rule}<"), &format!("<RuleCode>{criterion}<"), 1);
        check(octets.as_bytes(), Unknown::Reject).rejected.total
    };
    assert_eq!(with("RCEP", "CTC"), 0);
    assert_eq!(with("RCEP", "W"), 1);
    assert_eq!(with("GSP", "W"), 0);
    assert_eq!(with("ACE18", "Art. 3, inc. c"), 0, "free text");
    assert_eq!(with("NOWHERE", "Art. 3"), 1, "the agreement is unknown, its criteria are not judged");
}

#[test]
fn a_partner_may_have_an_older_version() {
    let amount = |currency: &str| {
        let co = text(encode(&sample::co(4, 1)));
        let value = format!("</Description><ValueAmount currencyID=\"{currency}\">1.00</ValueAmount>");
        if co.contains("currencyID=\"USD\"") {
            return co.replace("currencyID=\"USD\"", &format!("currencyID=\"{currency}\""));
        }
        co.replacen("</Description>", &value, 1)
    };
    let with = |version: &str, currency: &str, day: &str| {
        let octets = amount(currency);
        let document = parse(octets.as_bytes());
        let versions = BTreeMap::from([("iso-4217".to_owned(), version.to_owned())]);
        let lists = Lists::new(&versions, &BTreeMap::new());
        let message = decode(octets.as_bytes()).unwrap();
        codelist::check(&message, &lists, Day::parse(day).unwrap(), &document, document.document_element())
            .rejected
            .total
    };
    assert_eq!(with("2026", "BGN", "2026-03-01"), 1);
    assert_eq!(with("2026", "BGN", "2025-12-31"), 0, "in force on the day of issue");
    assert_eq!(with("2025", "BGN", "2026-03-01"), 0, "the partner's version still has it");
    assert_eq!(with("2023", "XCG", "2026-03-01"), 1, "the partner's version does not have it yet");
    assert_eq!(with("9999", "XCG", "2026-03-01"), 0, "a version that we do not have stands for our newest");
    let differences = codelist::differences(&BTreeMap::from([
        ("iso-4217".to_owned(), "2025".to_owned()),
        ("rec20".to_owned(), "2021".to_owned()),
        ("reasons".to_owned(), "7".to_owned()),
    ]));
    assert_eq!(differences.len(), 2, "{differences:#?}");
    assert!(differences[0].only_theirs.contains(&"BGN".to_owned()) && differences[0].known);
    assert_eq!((differences[1].list.as_str(), differences[1].ours.as_deref()), ("reasons", None));
}
