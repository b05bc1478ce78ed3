//! Profiles and rules on documents: every accepted thing has its refused twin.

use jiff::Timestamp;
use jiff::civil::Date;

use super::*;
use crate::contract::generated::{data, lpco};
use crate::contract::text::Decimal;
use crate::contract::{self, Operation, Slots, encode, sample};
use crate::xml::{self, Document, Options};

const NOON: &str = "2026-11-22T12:00:00Z";

/// A CO of three items to which even the strict profile has nothing to say.
fn good() -> String {
    let mut co = sample::co(1, 3);
    let body = co.lpco.as_deref_mut().unwrap();
    body.issue_date_time = lpco::DateTime::with_zone("20260630093000+09:00");
    for authentication in &mut body.authentication {
        authentication.actual_date_time = Some(Box::new(lpco::DateTime::with_zone("20260630093000+09:00")));
    }
    for (at, item) in body.consignment.consignment_item.iter_mut().enumerate() {
        let kilograms = format!("{}.5", 100 * (at + 1));
        let gross = data::Measure { value: Decimal::parse(&kilograms).unwrap(), unit_code: "KGM".into() };
        item.goods_measure =
            Some(Box::new(lpco::GoodsMeasure { gross_mass_measure: Some(gross), ..lpco::GoodsMeasure::default() }));
        item.commodity.value_amount = None;
        item.origin[0].rule_code = Some(data::Code { value: "CTH".into(), attributes: None });
    }
    let mut octets = Vec::new();
    encode(&co, &Slots::default(), &mut octets);
    // One declaration at the top, so that edits need none.
    let declared = " xmlns:cc=\"urn:coconnect:ext:1\"";
    let text = String::from_utf8(octets).unwrap().replace(declared, "");
    edit(&text, "<md:MetaData", &format!("<md:MetaData{declared}"))
}

fn canonical(text: &str) -> String {
    let document = tree(text);
    let mut octets = Vec::new();
    xml::c14n::exclusive_without(&document, document.document_element(), None, &mut octets).unwrap();
    String::from_utf8(octets).unwrap()
}

/// `text` with the first `from` replaced; the test is wrong when there is none.
fn edit(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from} is not in the document");
    text.replacen(from, to, 1)
}

fn tree(text: &str) -> Document {
    xml::parse(text.as_bytes().to_vec(), &Options::default()).unwrap()
}

fn is_valid(text: &str) -> bool {
    let document = tree(text);
    contract::decode(Operation::SendCo, &document, document.document_element(), &Slots::default()).is_ok()
}

fn judge_at(profile: &Compiled, text: &str, direction: Direction, now: &str, calendars: &Calendars) -> Judgement {
    let document = tree(text);
    let slots = Slots::default();
    let subject = Subject { document: &document, node: document.document_element(), slots: &slots };
    evaluate(profile, &subject, &Circumstances { now: now.parse().unwrap(), direction, calendars })
}

fn judge(profile: &Compiled, text: &str, direction: Direction) -> Judgement {
    judge_at(profile, text, direction, NOON, Profiles::built_in().calendars())
}

/// `verdict code path` of every finding.
fn told(judgement: &Judgement) -> Vec<String> {
    let line = |f: &Finding| format!("{} {} {}", f.verdict, f.violation.code, f.violation.path);
    judgement.findings.iter().map(line).collect()
}

/// `verdict code` of every finding.
fn codes(judgement: &Judgement) -> Vec<String> {
    judgement.findings.iter().map(|f| format!("{} {}", f.verdict, f.violation.code)).collect()
}

fn built_in(name: &str) -> Compiled {
    Profiles::built_in().compiled(name).unwrap()
}

/// A profile of these statements alone.
fn own(text: &str) -> Compiled {
    let profile = Profile::parse(&format!("name = \"own\"\nversion = \"1\"\nforeign = \"pass\"\n{text}")).unwrap();
    Profiles::built_in().compile(&profile).unwrap()
}

/// What is wrong with a profile of these statements.
fn problems(text: &str) -> String {
    let profile = Profile::parse(&format!("name = \"own\"\nversion = \"1\"\n{text}")).unwrap();
    Profiles::built_in().compile(&profile).map(|_| String::new()).unwrap_or_else(|problems| problems.to_string())
}

#[test]
fn every_built_in_profile_is_right_and_says_how_sure_it_is() {
    // A shipped profile that does not compile would stop the first gateway that names it.
    for (profile, origin) in Profiles::built_in().iter() {
        assert_eq!(*origin, Origin::BuiltIn);
        let compiled = Profiles::built_in().compiled(&profile.name).unwrap_or_else(|e| panic!("{}: {e}", profile.name));
        assert_eq!(compiled.name(), profile.name);
        for row in menu(&compiled) {
            assert!(!row.source.is_empty() || row.subject.starts_with("rule text-"), "{}: {row:?}", profile.name);
        }
    }
    assert_eq!(Profiles::built_in().iter().count(), 13);
    let unknown = Profiles::built_in().compiled("nowhere").unwrap_err().to_string();
    assert!(unknown.contains("china-korea"), "{unknown}");
}

#[test]
fn the_default_profile_has_nothing_against_the_samples() {
    // Partners that named no profile before have this one now.
    let profile = Compiled::default_profile();
    for seed in 0..60 {
        let mut octets = Vec::new();
        encode(&sample::co(seed, 7), &Slots::default(), &mut octets);
        for direction in [Direction::In, Direction::Out] {
            let judgement = judge_at(
                &profile,
                std::str::from_utf8(&octets).unwrap(),
                direction,
                "2027-01-05T00:00:00Z",
                &Calendars::built_in(),
            );
            assert_eq!(judgement, Judgement::default(), "seed {seed}");
        }
    }
}

#[test]
fn the_strict_profile_takes_what_annex_ii_asks_for_and_tells_all_that_is_missing_at_once() {
    let (strict, good) = (built_in("strict"), good());
    assert!(is_valid(&good));
    assert_eq!(told(&judge(&strict, &good, Direction::Out)), [""; 0]);
    let mut bad = edit(&good, "<RuleCode>CTH</RuleCode>", "");
    bad = edit(&bad, "<GrossMassMeasure unitCode=\"KGM\">200.5</GrossMassMeasure>", "");
    bad = edit(&bad, "<IssueLocationID>KRSEL</IssueLocationID>", "");
    let (start, end) = (bad.find("<Consignee>").unwrap(), bad.find("</Consignee>").unwrap() + 12);
    bad.replace_range(start..end, "");
    assert!(is_valid(&bad), "the schema is looser");
    let item = "/MetaData/LPCO/Consignment/ConsignmentItem";
    let judgement = judge(&strict, &bad, Direction::In);
    let mut expected = vec![
        "reject one-of /MetaData/LPCO".to_owned(),
        "reject missing-element /MetaData/LPCO/Consignment/Consignee".to_owned(),
        format!("reject missing-element {item}[1]/Origin[1]/RuleCode"),
        format!("reject one-of {item}[2]"),
    ];
    let mut came = told(&judgement);
    expected.sort();
    came.sort();
    assert_eq!(came, expected);
    assert_eq!((judgement.rejections, judgement.notices), (4, 0));
    let missing = judgement.findings.iter().find(|f| f.violation.path.ends_with("RuleCode")).unwrap();
    assert_eq!((missing.violation.wco_id.as_ref(), missing.violation.came.kind.as_ref()), ("436", "nothing"));
    assert_eq!(missing.statement, "LPCO/Consignment/ConsignmentItem/Origin/RuleCode");
    assert_eq!(missing.certainty, Certainty::Seen);
}

#[test]
fn lines_and_columns_are_those_of_the_document_and_count_characters() {
    let profile =
        own("[[element]]\nelement = \"R020\"\nlist = [\"nobody\"]\n[[element]]\nelement = \"D014\"\nlength_max = 3\n");
    let good = good();
    let id = good.find("<ID>").unwrap();
    // Two lines, and two characters of three octets each before the second element.
    let text = format!("{}\n  <ID>{}", &good[..id], &good[id + 4..]);
    let text = edit(&text, "<Consignor><Name>", "\n\u{3000}\u{3000}<Consignor><Name>");
    let judgement = judge(&profile, &text, Direction::In);
    let places: Vec<_> = judgement
        .findings
        .iter()
        .map(|f| (f.violation.line, f.violation.column, f.violation.code.to_string()))
        .collect();
    assert_eq!(places, [(2, 3, "max-length".to_owned()), (3, 14, "code-list".to_owned())]);
    let came = &judgement.findings[1].violation.came;
    assert_eq!(came.in_list, Some(false));
    assert!(came.length.is_some() && judgement.findings[1].violation.value.is_some());
}

#[test]
fn presence_is_asked_where_the_element_around_it_stands() {
    let good = good();
    let mandatory = |element: &str| own(&format!("[[element]]\nelement = \"{element}\"\npresence = \"mandatory\"\n"));
    for (element, found) in [
        ("LPCO/Consignment/Destination", "reject missing-element /MetaData/LPCO/Consignment/Destination"),
        ("D012", ""),
        // Nothing stands around it.
        ("LPCO/ThirdCountryInvoice/Name", ""),
    ] {
        assert_eq!(told(&judge(&mandatory(element), &good, Direction::In)).join(""), found, "{element}");
    }
    let conditional = own("[[element]]\nelement = \"306\"\npresence = \"conditional\"\notherwise = \"absent\"\n\
         when = { any = [{ element = \"436\", is = \"RVC\" }, { all = [{ element = \"K15\", is = \"true\" }, { not = { element = \"D012\", present = true } }] }] }\n");
    let with_value = "</Description><ValueAmount currencyID=\"USD\">1</ValueAmount>";
    for (text, found) in [
        (good.clone(), vec![]),
        (edit(&good, ">CTH<", ">RVC<"), vec!["reject missing-element"]),
        (edit(&edit(&good, ">CTH<", ">RVC<"), "</Description>", with_value), vec![]),
        // The criterion of another item is another matter.
        (edit(&edit(&good, ">CTH<", ">RVC<").replacen(">CTH<", ">WO<", 1), "</Description>", with_value), vec![]),
        (edit(&good, "</Description>", with_value), vec!["reject unexpected-element"]),
    ] {
        assert_eq!(codes(&judge(&conditional, &text, Direction::In)), found);
    }
    let spelled = own(
        "[[rule]]\nkind = \"condition\"\nmessage = \"m\"\nwhen = { element = \"K14\", is = \"false\" }\nverdict = \"flag\"\n",
    );
    for spelling in ["false", "0", "N", "No"] {
        let text = good.replacen(">false</", &format!(">{spelling}</"), 1);
        assert_eq!(codes(&judge(&spelled, &text, Direction::In)), ["flag condition"], "{spelling}");
    }
    assert!(codes(&judge(&spelled, &good.replacen(">false</", ">Yes</", 1), Direction::In)).is_empty());
}

#[test]
fn limits_and_lists_hold_at_their_border_and_not_beyond() {
    let good = good();
    let name = "<Consignor><Name>";
    let close = good[good.find(name).unwrap()..].find("</Name>").unwrap();
    let with_name = |new: &str| {
        let at = good.find(name).unwrap();
        format!("{}{new}{}", &good[..at + name.len()], &good[at + close..])
    };
    let length = own("[[element]]\nelement = \"R020\"\nlength_min = 2\nlength_max = 5\n");
    // Characters, not octets: five of four octets each fit, six of one do not.
    for (value, found) in [
        ("\u{20000}\u{20000}\u{20000}\u{20000}\u{20000}", ""),
        ("abcdef", "reject max-length"),
        ("한글한글한글", "reject max-length"),
        ("a", "reject min-length"),
        ("é́", ""),
    ] {
        assert_eq!(codes(&judge(&length, &with_name(value), Direction::In)).join(""), found, "{value}");
    }
    let weight = |value: &str| edit(&good, ">100.5<", &format!(">{value}<"));
    let number = own(
        "[[element]]\nelement = \"LPCO/Consignment/ConsignmentItem/GoodsMeasure/GrossMassMeasure\"\ndigits_max = 5\ndecimals_max = 2\nminimum = \"0.5\"\nmaximum = \"999.99\"\n",
    );
    for (value, found) in [
        ("0.5", ""),
        ("0.50", ""),
        ("0.49", "reject min-inclusive"),
        ("999.99", ""),
        ("+000999.9900", ""),
        ("1000", "reject max-inclusive"),
        ("1.125", "reject fraction-digits"),
        ("1234.56", "reject total-digits;reject max-inclusive"),
    ] {
        assert_eq!(codes(&judge(&number, &weight(value), Direction::In)).join(";"), found, "{value}");
    }
    let items = own(
        "[[element]]\nelement = \"29A\"\nitems_max = 2\n[[element]]\nelement = \"78A\"\nitems_min = 1\nverdict = \"warn\"\n",
    );
    let judgement = judge(&items, &good, Direction::In);
    assert_eq!(
        codes(&judgement),
        ["reject too-many", "warn too-few", "warn too-few"],
        "one invoice stands at the first item"
    );
    let codes_of = own(
        "[list.c]\nvalues = [\"CTH\"]\n[[element]]\nelement = \"436\"\nlist = \"c\"\n[[element]]\nelement = \"131/@unitCode\"\nlist = [\"KGM\"]\n",
    );
    let text = edit(&edit(&good, ">CTH<", ">cth<"), "unitCode=\"KGM\"", "unitCode=\"TNE\"");
    assert_eq!(codes(&judge(&codes_of, &good, Direction::In)), [""; 0]);
    assert_eq!(codes(&judge(&codes_of, &text, Direction::In)), ["reject code-list", "reject code-list"]);
    let shapes = own("[[element]]\nelement = \"D011\"\nshapes = [\"304\", \"102\"]\n");
    let dated = |code: &str, value: &str| {
        edit(&good, "formatCode=\"304\">20260630093000+09:00", &format!("formatCode=\"{code}\">{value}"))
    };
    assert_eq!(codes(&judge(&shapes, &good, Direction::In)), [""; 0]);
    assert_eq!(codes(&judge(&shapes, &dated("102", "20260630"), Direction::In)), [""; 0]);
    assert_eq!(codes(&judge(&shapes, &dated("204", "20260630093000"), Direction::In)), ["reject date-shape"]);
}

#[test]
fn verdicts_differ_by_direction_where_the_profile_says_so() {
    // Lenient on receipt, strict on sending (design 2.1).
    let strict = built_in("strict");
    let long = edit(&good(), "<Consignor><Name>", &format!("<Consignor><Name>{}", "x".repeat(80)));
    assert!(is_valid(&long), "the schema takes 256 characters");
    assert_eq!(codes(&judge(&strict, &long, Direction::In)), ["warn max-length"]);
    assert_eq!(codes(&judge(&strict, &long, Direction::Out)), ["reject max-length"]);
}

#[test]
fn made_up_documents_are_good_under_every_profile_that_is_meant_for_them() {
    // The demonstration and the measurements send them; a profile that refuses them would stop both.
    for seed in 0..60 {
        for (items, make) in
            [(1, sample::co as fn(u64, usize) -> _), (3, sample::co), (30, sample::co), (3, sample::declaration)]
        {
            let mut octets = Vec::new();
            encode(&make(seed, items), &Slots::default(), &mut octets);
            let text = String::from_utf8(octets).unwrap();
            for name in ["default", "strict", "korea-indonesia"] {
                for direction in [Direction::In, Direction::Out] {
                    let judgement = judge(&built_in(name), &text, direction);
                    assert_eq!(judgement.rejections, 0, "seed {seed}, {name}: {:?}", told(&judgement));
                }
            }
        }
    }
}

// ---- nonsense that the schema takes ----------------------------------------------------------------------------------

#[test]
fn schema_valid_nonsense_has_its_verdict() {
    // Each line: what, the edit, whether the schema takes it, what `default` and `strict` say on receipt.
    let good = good();
    let gross = "<GrossMassMeasure unitCode=\"KGM\">100.5</GrossMassMeasure>";
    let weights = |inner: &str| edit(&good, gross, inner);
    let name = |text: &str| edit(&good, "<Consignor><Name>", &format!("<Consignor><Name>{text} "));
    let date =
        |inner: &str| edit(&good, "<DateTimeString formatCode=\"304\">20260630093000+09:00</DateTimeString>", inner);
    let table: &[(&str, String, bool, &str, &str)] = &[
        ("weight below zero", weights("<GrossMassMeasure unitCode=\"KGM\">-1</GrossMassMeasure>"), false, "", ""),
        ("minus nothing", weights("<GrossMassMeasure unitCode=\"KGM\">-0.0</GrossMassMeasure>"), true, "", ""),
        (
            "net above gross",
            weights(&format!("{gross}<NetNetWeightMeasure unitCode=\"KGM\">100.6</NetNetWeightMeasure>")),
            true,
            "reject net-above-gross",
            "reject net-above-gross",
        ),
        (
            "net above gross in other units",
            weights(&format!("{gross}<NetWeightMeasure unitCode=\"TNE\">0.1006</NetWeightMeasure>")),
            true,
            "reject net-above-gross",
            "reject net-above-gross",
        ),
        (
            "net equals gross in other units",
            weights(&format!("{gross}<NetWeightMeasure unitCode=\"GRM\">100500</NetWeightMeasure>")),
            true,
            "",
            "",
        ),
        (
            "weight in litres",
            weights("<GrossMassMeasure unitCode=\"LTR\">100.5</GrossMassMeasure>"),
            true,
            "reject weight-unit",
            "reject weight-unit",
        ),
        (
            "items heavier than the total",
            edit(
                &good,
                "<Consignment>",
                "<Consignment><TotalGrossMassMeasure unitCode=\"KGM\">601.4</TotalGrossMassMeasure>",
            ),
            true,
            "reject gross-above-total",
            "reject gross-above-total",
        ),
        (
            "items as heavy as the total",
            edit(
                &good,
                "<Consignment>",
                "<Consignment><TotalGrossMassMeasure unitCode=\"TNE\">0.6015</TotalGrossMassMeasure>",
            ),
            true,
            "",
            "",
        ),
        (
            "two items of one number",
            edit(&good, "<SequenceNumeric>3<", "<SequenceNumeric>1<"),
            true,
            "reject duplicate-sequence",
            "reject duplicate-sequence",
        ),
        (
            "two items of one number, spelled apart",
            edit(&good, "<SequenceNumeric>3<", "<SequenceNumeric>002<"),
            true,
            "reject duplicate-sequence",
            "reject duplicate-sequence",
        ),
        (
            "items out of order",
            edit(
                &edit(&good, "<SequenceNumeric>3<", "<SequenceNumeric>7<"),
                "<SequenceNumeric>2<",
                "<SequenceNumeric>9<",
            ),
            true,
            "",
            "",
        ),
        (
            "a day that does not exist",
            date("<DateTimeString formatCode=\"102\">20260231</DateTimeString>"),
            true,
            "reject date-unreal",
            "reject date-unreal",
        ),
        (
            "a shape that is not its code's",
            date("<DateTimeString formatCode=\"304\">20260630</DateTimeString>"),
            true,
            "reject date-shape",
            "reject date-shape",
        ),
        (
            "a time without zone",
            date("<DateTimeString formatCode=\"204\">20260630093000</DateTimeString>"),
            true,
            "warn date-without-zone",
            "warn date-without-zone",
        ),
        (
            "an xs:dateTime without zone",
            date("<DateTime>2026-06-30T09:30:00</DateTime>"),
            true,
            "warn date-without-zone",
            "warn date-without-zone",
        ),
        ("a day alone", date("<DateTimeString formatCode=\"102\">20260630</DateTimeString>"), true, "", ""),
        (
            "an issue in the future",
            date("<DateTimeString formatCode=\"102\">20261124</DateTimeString>"),
            true,
            "warn issue-in-future",
            "warn issue-in-future;warn authentication-early",
        ),
        ("a name of a million characters", name(&"x".repeat(1_000_000)), false, "", ""),
        ("scripts mixed in a word", name("P\u{430}nama"), true, "flag mixed-script", "warn mixed-script"),
        ("the same as a character reference", name("P&#x430;nama"), true, "flag mixed-script", "warn mixed-script"),
        ("right-to-left text", name("شركة التجارة"), true, "", ""),
        ("text turned around", name("\u{202E}gpj"), true, "warn bidi-control", "reject bidi-control"),
        ("astral characters", name("\u{20000}\u{1F600}"), true, "", ""),
        ("composed", name("\u{C5}ngstr\u{F6}m"), true, "", ""),
        ("decomposed", name("A\u{30A}ngstro\u{308}m"), true, "flag not-nfc", "warn not-nfc"),
        ("Hangul beside Latin", name("주식회사 새벽무역 (Saebyeok Trading)"), true, "", ""),
        ("private characters", name("\u{E000}"), true, "flag private-use", "warn private-use"),
        ("what cannot be seen", name("a\u{200B}b"), true, "flag invisible-character", "warn invisible-character"),
        (
            "a heading that does not exist",
            edit(&good, "<Classification><ID>", "<Classification><ID>99"),
            true,
            "",
            "reject hs-code",
        ),
    ];
    let (default, strict) = (built_in("default"), built_in("strict"));
    for (what, text, valid, by_default, by_strict) in table {
        assert_eq!(is_valid(text), *valid, "{what}: the schema");
        if *valid {
            assert_eq!(codes(&judge(&default, text, Direction::In)).join(";"), *by_default, "{what}: default");
            assert_eq!(codes(&judge(&strict, text, Direction::In)).join(";"), *by_strict, "{what}: strict");
        }
    }
}

#[test]
fn findings_are_counted_beyond_what_is_listed_and_work_stays_linear() {
    let mut octets = Vec::new();
    encode(&sample::co(3, 3_000), &Slots::default(), &mut octets);
    let text = String::from_utf8(octets).unwrap();
    let profile =
        own("[[element]]\nelement = \"LPCO/Consignment/ConsignmentItem/Packaging\"\npresence = \"mandatory\"\n");
    let judgement = judge(&profile, &text, Direction::In);
    assert_eq!((judgement.rejections, judgement.findings.len()), (3_000, contract::VIOLATIONS_MAX));
    assert!(judgement.findings.is_sorted_by_key(|f| (f.violation.line, f.violation.column)));
    assert!(judgement.findings[999].violation.path.ends_with("ConsignmentItem[1000]/Packaging"));
}

// ---- rules -----------------------------------------------------------------------------------------------------------

/// `good`, issued at this moment and departed on these.
fn dated(issued: &str, departed: &[&str], marked: &str) -> String {
    let mut text = good().replace(" formatCode=\"304\">20260630093000+09:00", &format!(">{issued}"));
    text = edit(
        &text,
        ">false</cc:IssuedRetroactivelyIndicator>",
        &format!(">{marked}</cc:IssuedRetroactivelyIndicator>"),
    );
    let (start, end) =
        (text.find("<BorderTransportMeans>").unwrap(), text.find("</BorderTransportMeans>").unwrap() + 23);
    let leg = |at: &&str| {
        format!(
            "<BorderTransportMeans><DepartureDateTime><DateTimeString>{at}</DateTimeString></DepartureDateTime></BorderTransportMeans>"
        )
    };
    text.replace_range(start..end, &departed.iter().map(leg).collect::<String>());
    assert!(is_valid(&text));
    text
}

#[test]
fn a_co_is_good_until_the_end_of_its_last_day_where_it_is_claimed() {
    // Midnight in Seoul is 15:00 UTC, in Lima 05:00 UTC, in Jakarta 17:00 UTC.
    let profile = own(
        "[zones]\nKR = \"Asia/Seoul\"\nID = \"Asia/Jakarta\"\nPE = \"America/Lima\"\n[[rule]]\nkind = \"validity\"\nperiod = { months = 12 }\n",
    );
    let date = |text: &str| text.parse::<Date>().unwrap();
    for (issued, importer, claimed, last, good) in [
        ("20250630145959Z", "ID", "2026-06-30T16:59:59Z", "2026-06-30", true),
        ("20250630145959Z", "ID", "2026-06-30T17:00:00Z", "2026-06-30", false),
        // A second later it is July in Seoul, and the CO is good for a day more.
        ("20250630150000Z", "ID", "2026-06-30T17:00:00Z", "2026-07-01", true),
        ("20250630150000Z", "ID", "2026-07-01T17:00:00Z", "2026-07-01", false),
        ("20250630145959Z", "PE", "2026-07-01T04:59:59Z", "2026-06-30", true),
        ("20250630145959Z", "PE", "2026-07-01T05:00:00Z", "2026-06-30", false),
        ("20250630", "KR", "2026-06-30T14:59:59Z", "2026-06-30", true),
        ("20250630", "KR", "2026-06-30T15:00:00Z", "2026-06-30", false),
        ("20240229", "KR", "2025-02-28T14:59:59Z", "2025-02-28", true),
        ("20240229", "KR", "2025-02-28T15:00:00Z", "2025-02-28", false),
        // A country without a zone is judged in UTC.
        ("20250630", "XX", "2026-06-30T23:59:59Z", "2026-06-30", true),
        ("20250630", "XX", "2026-07-01T00:00:00Z", "2026-06-30", false),
    ] {
        let claimed: Timestamp = claimed.parse().unwrap();
        let issued = Given::parse(issued, None).unwrap().0;
        let claim = Claim { issuer: "KR", issued, expires: None, importer, claimed };
        match profile.on_claim(&claim) {
            OnClaim::Good(day) => assert!(good && day == date(last), "{claim:?}: good until {day}"),
            OnClaim::Expired { last_day, verdict, .. } => {
                assert!(!good && last_day == date(last) && verdict == Verdict::Reject, "{claim:?}: {last_day}");
            }
            OnClaim::NoRule => panic!("the profile has the rule"),
        }
    }
    // Its own expiry may be earlier, and never makes it later.
    let claim = |expires: &str, claimed: &str| {
        profile.on_claim(&Claim {
            issuer: "KR",
            issued: Given::parse("20250630", None).unwrap().0,
            expires: Some(Given::parse(expires, None).unwrap().0),
            importer: "KR",
            claimed: claimed.parse().unwrap(),
        })
    };
    assert_eq!(claim("20251231", "2025-12-31T14:00:00Z"), OnClaim::Good(date("2025-12-31")));
    assert!(matches!(claim("20251231", "2025-12-31T15:00:00Z"), OnClaim::Expired { .. }));
    assert!(matches!(claim("20991231", "2026-07-01T00:00:00Z"), OnClaim::Expired { .. }));
    assert_eq!(
        built_in("default").on_claim(&Claim {
            issuer: "KR",
            issued: Given::Day(date("2025-01-01")),
            expires: None,
            importer: "ID",
            claimed: NOON.parse().unwrap()
        }),
        OnClaim::NoRule
    );
}

#[test]
fn an_expired_co_is_told_on_receipt_and_its_own_expiry_may_not_be_later() {
    let profile = own(
        "[zones]\nKR = \"Asia/Seoul\"\n[[rule]]\nkind = \"validity\"\nperiod = { months = 12 }\nverdict = \"warn\"\n",
    );
    let at = |text: &str, now: &str| codes(&judge_at(&profile, text, Direction::In, now, &Calendars::default()));
    let good = good();
    assert_eq!(at(&good, "2027-06-30T14:59:59Z"), [""; 0]);
    assert_eq!(at(&good, "2027-06-30T15:00:00Z"), ["warn expired"]);
    let expiring = |day: &str| {
        edit(
            &good,
            "<cc:AgreementCode>",
            &format!(
                "<ExpirationDateTime><DateTimeString formatCode=\"102\">{day}</DateTimeString></ExpirationDateTime><cc:AgreementCode>"
            ),
        )
    };
    assert!(is_valid(&expiring("20270630")));
    for (day, now, found) in [
        ("20270630", "2027-06-30T00:00:00Z", ""),
        ("20270701", "2027-06-30T00:00:00Z", "warn validity"),
        ("20260629", "2026-06-30T00:00:00Z", "warn validity"),
        ("20260630", "2026-06-30T00:00:00Z", ""),
        ("20261231", "2026-12-31T15:00:00Z", "warn expired"),
    ] {
        assert_eq!(at(&expiring(day), now).join(""), found, "{day} at {now}");
    }
}

#[test]
fn retroactive_issue_counts_days_in_the_zone_and_by_the_calendar_of_the_issuer() {
    let mut calendars = Calendars::built_in();
    // 2026-09-24 to 26 are holidays; 2026-09-23 is a Wednesday.
    let holidays = "weekend = [\"saturday\", \"sunday\"]\nyears = [2026, 2026]\nholidays = [\"2026-09-24\", \"2026-09-25\", \"2026-09-26\"]\n";
    calendars.add("KR", Calendar::parse(holidays).unwrap());
    let text = |rule: &str| {
        format!(
            "name = \"own\"\nversion = \"1\"\nforeign = \"pass\"\n[zones]\nKR = \"Asia/Seoul\"\n[calendars]\nKR = \"KR\"\n[[rule]]\nkind = \"retroactive\"\n{rule}\n"
        )
    };
    let make = |rule: &str| compile(&Profile::parse(&text(rule)).unwrap(), &|_| None, &calendars).unwrap();
    let working = make("after_days = 3\ncount = \"working\"\nlimit = { months = 12 }");
    let calendar = make("after_days = 3\ncount = \"calendar\"");
    let at = |profile: &Compiled, issued: &str, departed: &[&str], marked: &str| {
        codes(&judge_at(profile, &dated(issued, departed, marked), Direction::In, NOON, &calendars)).join(";")
    };
    for (issued, departed, marked, by_working, by_calendar) in [
        ("20260923", "20260923", "false", "", ""),
        ("20260922", "20260923", "false", "", ""),
        ("20260926", "20260923", "false", "", ""),
        ("20260927", "20260923", "false", "", "reject retroactive-unmarked"),
        // Monday, Tuesday, Wednesday: the third working day after it.
        ("20260930", "20260923", "false", "", "reject retroactive-unmarked"),
        ("20261001", "20260923", "false", "reject retroactive-unmarked", "reject retroactive-unmarked"),
        ("20261001", "20260923", "true", "", ""),
        ("20261001", "20260923", "1", "", ""),
        // 23:59:59 in Seoul, and a second later.
        ("20260930145959Z", "20260923", "false", "", "reject retroactive-unmarked"),
        ("20260930150000Z", "20260923", "false", "reject retroactive-unmarked", "reject retroactive-unmarked"),
        // It left before midnight in Seoul: the day before counts one more.
        ("20260926000000+09:00", "20260922150000Z", "false", "", ""),
        ("20260926000000+09:00", "20260922145959Z", "false", "", "reject retroactive-unmarked"),
    ] {
        assert_eq!(at(&working, issued, &[departed], marked), by_working, "working: {issued} {departed} {marked}");
        assert_eq!(at(&calendar, issued, &[departed], marked), by_calendar, "calendar: {issued} {departed} {marked}");
    }
    // Of several legs the first counts; without a departure there is nothing to count from.
    assert_eq!(at(&calendar, "20260928", &["20260927", "20260923"], "false"), "reject retroactive-unmarked");
    assert_eq!(at(&calendar, "20260928", &["20260927"], "false"), "");
    assert_eq!(at(&calendar, "20260928", &[], "false"), "");
    // A year after departure there is none any more, marked or not.
    assert_eq!(at(&working, "20261101", &["20251101"], "true"), "");
    assert_eq!(at(&working, "20261102", &["20251101"], "true"), "reject retroactive-late");
    // Holidays that are not known are told, and nothing is claimed about them.
    assert_eq!(at(&working, "20270108", &["20261230"], "false"), "reject holidays-unknown");
}

/// `good`, resting on these documents: number, day, country; "" leaves one out.
fn resting(indicator: &str, documents: &[(&str, &str, &str)]) -> String {
    let text =
        edit(&good(), "</cc:IssuedRetroactivelyIndicator>", &format!("</cc:IssuedRetroactivelyIndicator>{indicator}"));
    let document = |(id, day, country): &(&str, &str, &str)| {
        let day = if day.is_empty() {
            String::new()
        } else {
            format!("<IssueDateTime><DateTimeString formatCode=\"102\">{day}</DateTimeString></IssueDateTime>")
        };
        let country = if country.is_empty() {
            String::new()
        } else {
            format!("<IssuingCountryCode>{country}</IssuingCountryCode>")
        };
        format!("<PreviousDocument><ID>{id}</ID>{day}{country}</PreviousDocument>")
    };
    let all: String = documents.iter().map(document).collect();
    let text = edit(&text, "</Authentication><Consignment>", &format!("</Authentication>{all}<Consignment>"));
    assert!(is_valid(&text), "{text}");
    text
}

#[test]
fn a_back_to_back_co_names_an_original_of_another_country_that_is_not_later() {
    let profile = own("[[rule]]\nkind = \"back-to-back\"\nwithin = { months = 6 }\n");
    let yes = "<cc:BackToBackIndicator>true</cc:BackToBackIndicator>";
    for (indicator, documents, found) in [
        ("", vec![], ""),
        ("<cc:BackToBackIndicator>N</cc:BackToBackIndicator>", vec![], ""),
        (yes, vec![], "reject back-to-back"),
        (yes, vec![("CN-1", "20260601", "CN")], ""),
        (yes, vec![("CN-1", "", "")], "reject back-to-back;reject back-to-back"),
        (yes, vec![("KR-1", "20260601", "KR")], "reject back-to-back"),
        // The issue is 2026-06-30 in Seoul, and 2026-06-30 00:30 UTC.
        (yes, vec![("CN-1", "20260630", "CN")], ""),
        (yes, vec![("CN-1", "20260701", "CN")], "reject back-to-back"),
        (yes, vec![("CN-1", "20251230", "CN")], ""),
        (yes, vec![("CN-1", "20251229", "CN")], "reject back-to-back"),
    ] {
        let text = resting(indicator, &documents);
        assert_eq!(codes(&judge(&profile, &text, Direction::In)).join(";"), found, "{documents:?}");
    }
}

#[test]
fn quantities_lie_within_the_original_exactly() {
    let line = |code: &str, quantity: &str, unit: &str| Line {
        code: code.to_owned(),
        quantity: quantity.to_owned(),
        unit: unit.to_owned(),
    };
    let original = [line("870322", "10", "C62"), line("390120", "1", "TNE"), line("390120", "0.5", "TNE")];
    for (used, now, excess) in [
        (vec![], vec![line("8703.22.10", "10", "C62")], vec![]),
        (vec![], vec![line("870322", "10.000001", "C62")], vec!["870322 C62"]),
        (vec![line("870322", "4", "C62")], vec![line("870322", "6", "C62")], vec![]),
        (vec![line("870322", "4", "C62")], vec![line("870322", "7", "C62")], vec!["870322 C62"]),
        (vec![line("390120", "0.9999", "TNE")], vec![line("390120", "500.1", "KGM")], vec![]),
        (vec![line("390120", "0.9999", "TNE")], vec![line("390120", "500.100001", "KGM")], vec!["390120 KGM"]),
        // Another heading or another unit is not in the original.
        (vec![], vec![line("870323", "1", "C62")], vec!["870323 C62"]),
        (vec![], vec![line("870322", "1", "PR")], vec!["870322 PR"]),
        (vec![], vec![line("870322", "-1", "C62")], vec!["870322 C62"]),
        (vec![], vec![line("870322", "many", "C62")], vec!["870322 C62"]),
        // What was overdrawn before is no fault of a line that does not touch it.
        (vec![line("870322", "99", "C62")], vec![line("390120", "1", "KGM")], vec![]),
        (vec![], vec![], vec![]),
    ] {
        let found: Vec<String> =
            within_original(&original, &used, &now).iter().map(|e| format!("{} {}", e.code, e.unit)).collect();
        assert_eq!(found, excess, "{used:?} {now:?}");
    }
}

#[test]
fn an_invoice_of_a_third_country_is_of_neither_party() {
    let profile = own("[[rule]]\nkind = \"third-country-invoice\"\n");
    let good = good();
    let consignor = good.split("<Consignor><Name>").nth(1).unwrap().split("</Name>").next().unwrap().to_owned();
    let with = |inner: &str| {
        let text = edit(
            &good,
            "</cc:IssuedRetroactivelyIndicator>",
            &format!("</cc:IssuedRetroactivelyIndicator><cc:ThirdCountryInvoice>{inner}</cc:ThirdCountryInvoice>"),
        );
        assert!(is_valid(&text));
        codes(&judge(&profile, &text, Direction::In)).join(";")
    };
    let (country, name, line) = (
        "<cc:CountryCode>SG</cc:CountryCode>",
        "<cc:Name>Trader Pte</cc:Name>",
        "<cc:AddressLine>1 Quay</cc:AddressLine>",
    );
    assert_eq!(with(&format!("{country}{name}{line}")), "");
    assert_eq!(with(country), "reject third-country-invoice;reject third-country-invoice");
    for party in ["KR", "ID"] {
        assert_eq!(
            with(&format!("<cc:CountryCode>{party}</cc:CountryCode>{name}{line}")),
            "reject third-country-invoice",
            "{party}"
        );
    }
    // The consignor under a comma less and in capitals is still the consignor.
    let same = consignor.to_uppercase().replace([',', '.'], "");
    assert_eq!(with(&format!("{country}<cc:Name>{same}</cc:Name>{line}")), "reject third-country-invoice");
    assert_eq!(codes(&judge(&profile, &good, Direction::In)), [""; 0]);
}

#[test]
fn a_replacement_names_another_co_that_is_not_later() {
    let profile = own("[[rule]]\nkind = \"replacement\"\ndocuments_max = 1\n");
    let number = good().split("<ID>").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let at = |function: &str, documents: &[(&str, &str, &str)]| {
        let text = edit(&resting("", documents), "<FunctionCode>9<", &format!("<FunctionCode>{function}<"));
        codes(&judge(&profile, &text, Direction::In)).join(";")
    };
    assert_eq!(at("9", &[]), "");
    assert_eq!(at("5", &[]), "reject replacement");
    assert_eq!(at("5", &[("K-0", "20260629", "")]), "");
    assert_eq!(at("5", &[("K-0", "20260701", "")]), "reject replacement");
    assert_eq!(at("5", &[(number.as_str(), "20260629", "")]), "reject replacement");
    assert_eq!(at("5", &[("K-0", "20260629", ""), ("K-1", "", "")]), "reject replacement");
}

#[test]
fn a_row_of_replaced_cos_ends_and_has_its_length() {
    let pairs = [("C", "B"), ("B", "A"), ("X", "Y"), ("Y", "X"), ("Z", "Z")];
    let replaced = |number: &str| pairs.iter().find(|(new, _)| *new == number).map(|(_, old)| *old);
    assert_eq!(chain_length("A", 3, replaced), Ok(1));
    assert_eq!(chain_length("C", 3, replaced), Ok(3));
    assert_eq!(chain_length("C", 2, replaced), Err(ChainError::TooLong(2)));
    assert_eq!(chain_length("X", 9, replaced), Err(ChainError::Circle("X".to_owned())));
    assert_eq!(chain_length("Z", 9, replaced), Err(ChainError::Circle("Z".to_owned())));
}

#[test]
fn a_certified_true_copy_names_its_original_and_is_in_time() {
    let profile = own("[[rule]]\nkind = \"certified-true-copy\"\nwithin = { months = 12 }\n");
    let yes = "<cc:CertifiedTrueCopyIndicator>Yes</cc:CertifiedTrueCopyIndicator>";
    for (documents, found) in [
        (vec![], "reject certified-true-copy"),
        (vec![("K-0", "20250630", "")], ""),
        (vec![("K-0", "20250629", "")], "reject certified-true-copy"),
        (vec![("K-0", "20260701", "")], "reject certified-true-copy"),
        (vec![("K-0", "", "")], "reject certified-true-copy"),
    ] {
        assert_eq!(codes(&judge(&profile, &resting(yes, &documents), Direction::In)).join(""), found, "{documents:?}");
        assert_eq!(codes(&judge(&profile, &resting("", &documents), Direction::In)).join(""), "");
    }
}

#[test]
fn headings_are_digits_of_a_chapter_and_of_an_agreed_edition() {
    let profile = own("[[rule]]\nkind = \"harmonized-system\"\ndigits_max = 8\neditions = [\"2017\", \"2022\"]\n");
    let required = own("[[rule]]\nkind = \"harmonized-system\"\neditions = [\"2022\"]\nedition_required = true\n");
    let good = good();
    let heading = good.split("<Classification><ID>").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let with = |code: &str, kind: &str| {
        let from = format!("<Classification><ID>{heading}</ID><IdentificationTypeCode>HS<");
        edit(&good, &from, &format!("<Classification><ID>{code}</ID><IdentificationTypeCode{kind}<"))
    };
    for (code, kind, found) in [
        ("870322", ">HS", ""),
        ("87032210", ">HS", ""),
        ("870322100", ">HS", "reject hs-code"),
        ("87032", ">HS", "reject hs-code"),
        ("8703.22", ">HS", "reject hs-code"),
        ("770100", ">HS", "reject hs-code"),
        ("980100", ">HS", "reject hs-code"),
        ("000100", ">HS", "reject hs-code"),
        ("８７０３２２", ">HS", "reject hs-code"),
        ("990000-X", ">SRZ", ""),
        ("870322", " listVersionID=\"2022\">HS", ""),
        ("870322", " listVersionID=\"2012\">HS", "reject hs-edition"),
    ] {
        assert_eq!(codes(&judge(&profile, &with(code, kind), Direction::In)).join(";"), found, "{code} {kind}");
    }
    assert_eq!(codes(&judge(&required, &good, Direction::In)), ["reject hs-edition"; 3]);
}

#[test]
fn criteria_are_those_of_the_agreement_in_the_document() {
    let profile = own(
        "[list.k]\nvalues = [\"CTH\", \"WO\"]\n[[rule]]\nkind = \"criteria\"\nagreements = { KRID = \"k\", RCEP = [\"CTC\"] }\n",
    );
    let only = own(
        "[[rule]]\nkind = \"criteria\"\nagreements = { RCEP = [\"CTC\"] }\nonly_these = true\nverdict = \"warn\"\n",
    );
    let good = good();
    let rcep = edit(&good, ">KRID<", ">RCEP<");
    assert_eq!(codes(&judge(&profile, &good, Direction::In)), [""; 0]);
    assert_eq!(codes(&judge(&profile, &edit(&good, ">CTH<", ">RVC<"), Direction::In)), ["reject criterion"]);
    assert_eq!(codes(&judge(&profile, &rcep, Direction::In)), ["reject criterion"; 3]);
    assert_eq!(codes(&judge(&profile, &edit(&good, ">KRID<", ">OTHER<"), Direction::In)), [""; 0]);
    assert_eq!(codes(&judge(&only, &good, Direction::In)), ["warn criterion"; 3]);
    // The profile of one agreement takes no CO of another.
    assert_eq!(codes(&judge(&built_in("korea-indonesia"), &good, Direction::In)), [""; 0]);
    assert!(codes(&judge(&built_in("korea-indonesia"), &rcep, Direction::In)).contains(&"reject code-list".to_owned()));
}

#[test]
fn several_elements_stand_as_the_rule_says() {
    let good = good();
    let one = own("[[rule]]\nkind = \"one-of\"\nelements = [\"D012\", \"D034\"]\nat_most = 1\n");
    let both = edit(&good, "</IssueLocationID>", "</IssueLocationID><IssueLocation>Seoul</IssueLocation>");
    assert_eq!(codes(&judge(&one, &good, Direction::In)), [""; 0]);
    assert_eq!(codes(&judge(&one, &both, Direction::In)), ["reject one-of"]);
    assert_eq!(
        codes(&judge(&one, &edit(&good, "<IssueLocationID>KRSEL</IssueLocationID>", ""), Direction::In)),
        ["reject one-of"]
    );
    let together = own("[[rule]]\nkind = \"together\"\nelements = [\"K12\", \"K13\"]\n");
    let exhibition = |inner: &str| {
        edit(
            &good,
            "</cc:IssuedRetroactivelyIndicator>",
            &format!("</cc:IssuedRetroactivelyIndicator><cc:Exhibition>{inner}</cc:Exhibition>"),
        )
    };
    assert_eq!(codes(&judge(&together, &good, Direction::In)), [""; 0]);
    assert_eq!(
        codes(&judge(
            &together,
            &exhibition("<cc:Name>Fair</cc:Name><cc:AddressLine>Hall</cc:AddressLine>"),
            Direction::In
        )),
        [""; 0]
    );
    assert_eq!(codes(&judge(&together, &exhibition("<cc:Name>Fair</cc:Name>"), Direction::In)), ["reject together"]);
}

#[test]
fn a_condition_raises_a_flag_and_blocks_nothing() {
    let profile = own(
        "[[rule]]\nkind = \"condition\"\nname = \"cars\"\nwithin = \"LPCO/Consignment/ConsignmentItem\"\nverdict = \"flag\"\nmessage = \"heavy goods\"\n\
         when = { all = [{ element = \"145\", starts_with = [\"8\", \"3\", \"2\", \"1\", \"4\", \"5\", \"6\", \"7\"] }, { element = \"131\", above = \"200\" }] }\n",
    );
    let judgement = judge(&profile, &good(), Direction::In);
    assert_eq!(codes(&judgement), ["flag condition", "flag condition"], "200.5 and 300.5 kg");
    assert_eq!((judgement.rejections, judgement.notices), (0, 2));
    assert_eq!(judgement.findings[0].message, "heavy goods");
    assert!(judgement.rejected().is_empty());
}

// ---- what is withheld ------------------------------------------------------------------------------------------------

#[test]
fn what_is_withheld_is_stripped_and_the_rest_is_canonical_and_valid() {
    let profile = own(
        "[[element]]\nelement = [\"27A\", \"LPCO/Consignment/ConsignmentItem/GoodsMeasure\"]\npresence = \"withheld\"\n",
    );
    let text = canonical(&good());
    let document = tree(&text);
    let judgement = judge(&profile, &text, Direction::Out);
    assert!(judgement.findings.is_empty());
    let paths: Vec<&str> = judgement.withheld.iter().map(|w| w.path.as_str()).collect();
    let item = "/MetaData/LPCO/Consignment/ConsignmentItem";
    assert_eq!(
        paths,
        [
            "/MetaData/LPCO/Consignment/Consignee".to_owned(),
            format!("{item}[1]/GoodsMeasure"),
            format!("{item}[2]/GoodsMeasure"),
            format!("{item}[3]/GoodsMeasure")
        ]
    );
    assert_eq!(judgement.withheld[0].wco_id, "27A");
    let stripped = String::from_utf8(strip(&document, document.document_element(), &judgement.withheld)).unwrap();
    assert!(is_valid(&stripped) && !stripped.contains("Consignee") && !stripped.contains("GrossMass"));
    assert_eq!(canonical(&stripped), stripped, "what is left of a canonical form is one");
    // Received all the same, it is told and taken.
    assert_eq!(codes(&judge(&profile, &text, Direction::In)), ["warn withheld-element"; 4]);
}

#[test]
fn a_profile_that_is_the_whole_menu_withholds_what_it_does_not_list() {
    let profile = own(
        "unlisted = \"withheld\"\n[[element]]\nelement = [\"LPCO/Authentication/Authenticator\", \"LPCO/Consignment/Consignor/Address/CountryCode\", \"21A\", \"436\", \"D012\"]\npresence = \"optional\"\n",
    );
    let text = good();
    let document = tree(&text);
    let judgement = judge(&profile, &text, Direction::Out);
    let stripped = String::from_utf8(strip(&document, document.document_element(), &judgement.withheld)).unwrap();
    assert!(is_valid(&stripped), "what the schema asks for stays");
    for (name, stays) in [
        ("<Consignee>", false),
        ("<GoodsMeasure>", false),
        ("<BorderTransportMeans>", false),
        ("<CityName>", false),
        ("<Classification>", true),
        ("<RuleCode>", true),
        ("<Authenticator>", true),
        ("<CountryCode>KR", true),
        ("<IssueLocationID>", true),
    ] {
        assert_eq!(stripped.contains(name), stays, "{name}");
    }
    assert!(judgement.withheld.iter().all(|w| w.statement == "unlisted"));
}

#[test]
fn a_document_signature_keeps_what_it_covers() {
    let text = good();
    let signed = edit(
        &text,
        "<Consignment>",
        "<cc:DocumentSignature><cc:BinaryObject>AAAA</cc:BinaryObject></cc:DocumentSignature><Consignment>",
    );
    assert!(is_valid(&signed));
    let is = |text: &str| {
        let tree = tree(text);
        is_signed(&tree, tree.document_element())
    };
    assert!(is(&signed) && !is(&text));
    let embedded = edit(&text, "</LPCO>", "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"/></LPCO>");
    assert!(is(&embedded));
    let withheld = "[[element]]\nelement = \"27A\"\npresence = \"withheld\"\n";
    let agreed = "[[element]]\nelement = \"LPCO/DocumentSignature\"\npresence = \"mandatory\"\n";
    assert!(
        problems(&format!("{withheld}{agreed}"))
            .contains("the document signature that this profile agrees on covers it")
    );
    assert_eq!(problems(withheld), "");
    assert_eq!(problems(&format!("signature_covers = [\"LPCO/Consignment/ConsignmentItem\"]\n{withheld}{agreed}")), "");
}

// ---- extensions ------------------------------------------------------------------------------------------------------

#[test]
fn a_profile_declares_elements_that_the_contract_does_not_have() {
    let profile = own(
        "[[extension]]\nname = \"HarvestDate\"\nns = \"urn:kr-id:ext:1\"\nparent = \"LPCO/Consignment/ConsignmentItem\"\ntype = \"date\"\npresence = \"mandatory\"\nid = \"KI1\"\n\
         [[extension]]\nname = \"Moisture\"\nns = \"urn:kr-id:ext:1\"\nparent = \"LPCO/Consignment/ConsignmentItem\"\ntype = \"decimal\"\nmaximum = \"100\"\nitems_max = 1\n",
    );
    let foreign = |inner: &str| {
        let text = good().replace(
            "</ConsignmentItem>",
            &format!("{}</ConsignmentItem>", inner.replace('<', "<k:").replace("<k:/", "</k:")),
        );
        let text = edit(&text, "<md:MetaData", "<md:MetaData xmlns:k=\"urn:kr-id:ext:1\"");
        assert!(is_valid(&text));
        codes(&judge(&profile, &text, Direction::In)).join(";")
    };
    assert_eq!(foreign("<HarvestDate>20260601</HarvestDate><Moisture>12.5</Moisture>"), "");
    assert_eq!(foreign(""), "reject missing-element;reject missing-element;reject missing-element");
    assert_eq!(foreign("<HarvestDate>20260631</HarvestDate>").matches("reject value").count(), 3);
    assert_eq!(
        foreign("<HarvestDate>20260601</HarvestDate><Moisture>100.1</Moisture>").matches("max-inclusive").count(),
        3
    );
    assert_eq!(
        foreign("<HarvestDate>20260601</HarvestDate><Moisture>wet</Moisture>").matches("reject value").count(),
        3
    );
    assert_eq!(
        foreign("<HarvestDate>20260601</HarvestDate><Moisture>1</Moisture><Moisture>2</Moisture>")
            .matches("too-many")
            .count(),
        3
    );
    for (text, says) in [
        ("name = \"X\"\nns = \"urn:coconnect:ext:1\"\ntype = \"text\"", "a namespace of your own"),
        (
            "name = \"X\"\nns = \"urn:x\"\ntype = \"text\"\nparent = \"LPCO/Authentication\"",
            "nothing foreign may stand elsewhere",
        ),
        ("name = \"X\"\nns = \"urn:x\"\ntype = \"text\"\nparent = \"04A\"", "one place"),
        ("name = \"ID\"\nns = \"urn:x\"\ntype = \"text\"", "a name that nothing else has"),
        ("name = \"X\"\nns = \"urn:x\"\ntype = \"text\"\nmaximum = \"1\"", "does not fit"),
    ] {
        let found = problems(&format!("[[extension]]\n{text}\n"));
        assert!(found.contains(says), "{text}: {found}");
    }
}

#[test]
fn a_profile_declares_no_more_namespaces_than_can_be_told_apart() {
    // Numbers of namespaces are octets; the 252nd would be taken for one of the contract.
    let many = |count: usize| -> String {
        (0..count).map(|n| format!("[[extension]]\nname = \"X{n}\"\nns = \"urn:x:{n}\"\ntype = \"text\"\n")).collect()
    };
    assert_eq!(problems(&many(64)), "");
    assert!(problems(&many(300)).contains("at most 64 namespaces"));
}

#[test]
fn foreign_elements_that_nobody_declared_are_treated_as_the_profile_says() {
    let text = edit(&good(), "</LPCO>", "<x:Extra xmlns:x=\"urn:x\">1</x:Extra></LPCO>");
    assert!(is_valid(&text));
    let with = |policy: &str| {
        let profile = Profile::parse(&format!("name = \"own\"\nversion = \"1\"\nforeign = \"{policy}\"\n")).unwrap();
        let compiled = Profiles::built_in().compile(&profile).unwrap();
        let (received, sent) = (judge(&compiled, &text, Direction::In), judge(&compiled, &text, Direction::Out));
        (codes(&received).join(""), codes(&sent).join(""), sent.withheld.len())
    };
    let text_of = |word: &str| format!("{word} foreign-element");
    assert_eq!(with("pass"), (String::new(), String::new(), 0));
    assert_eq!(with("warn"), (text_of("warn"), text_of("warn"), 0));
    assert_eq!(with("withheld"), (text_of("warn"), String::new(), 1));
    assert_eq!(with("reject"), (text_of("reject"), text_of("reject"), 0));
}

// ---- profiles themselves ---------------------------------------------------------------------------------------------

#[test]
fn a_profile_that_contradicts_itself_or_the_schema_is_refused_with_every_reason() {
    let element = |name: &str, rest: &str| format!("[[element]]\nelement = \"{name}\"\n{rest}\n");
    let withheld = "presence = \"withheld\"";
    for (text, says) in [
        (element("X99", "presence = \"optional\""), "a WCO id or a path"),
        (element("LPCO/Consignment/ConsignmentItem/Rulecode", "presence = \"optional\""), "a WCO id or a path"),
        (element("04A", "presence = \"mandatory\""), "name one by its path"),
        (element("D014", withheld), "which the schema asks for"),
        (element("30A", withheld), "which the schema asks for"),
        (element("27A", withheld) + &element("27A", "presence = \"mandatory\""), "says mandatory of LPCO/Consignment/Consignee"),
        (element("27A", withheld) + &element("LPCO/Consignment/Consignee/Address", "presence = \"mandatory\""), "asked for, and withheld"),
        (element("27A", withheld) + &element("306", "presence = \"conditional\"\nwhen = { element = \"R014\", present = true }"), "its condition looks at"),
        (element("29A", "items_max = 100000\nitems_min = 100000"), "has room for 99999"),
        (element("131", "length_max = 3"), "length does not fit"),
        (element("R014", "decimals_max = 3"), "a limit of numbers does not fit"),
        (element("27A", "list = [\"x\"]"), "list does not fit"),
        (element("R014", "shapes = [\"304\"]"), "shapes does not fit"),
        (element("436", "list = \"nowhere\""), "expected a list of this profile"),
        (element("131/@unitCode", withheld), "an attribute is mandatory or optional"),
        (element("131/@nothing", "presence = \"optional\""), "an attribute of"),
        (element("306", "presence = \"conditional\"\nwhen = { element = \"436\" }"), "a condition is all, any or not"),
        (element("306", "presence = \"conditional\"\nwhen = { all = [], present = true }"), "a condition is all, any or not"),
        (element("K14", withheld) + "[[rule]]\nkind = \"retroactive\"\nafter_days = 1\ncount = \"calendar\"\n", "needs LPCO/IssuedRetroactivelyIndicator"),
        (element("D012", withheld) + &element("D034", withheld) + "[[rule]]\nkind = \"one-of\"\nelements = [\"D012\", \"D034\"]\n", "2 of its 2 elements are withheld"),
        (element("K13", withheld) + "[[rule]]\nkind = \"together\"\nelements = [\"K12\", \"K13\"]\n", "1 of its 2 elements are withheld"),
        ("[[rule]]\nkind = \"retroactive\"\nafter_days = 9\ncount = \"calendar\"\nlimit = { days = 8 }\n".to_owned(), "ends before"),
        ("[[rule]]\nkind = \"retroactive\"\nafter_days = 9\ncount = \"working\"\n".to_owned(), "[calendars] names none"),
        ("[[rule]]\nkind = \"validity\"\nperiod = {}\n".to_owned(), "expected period"),
        ("[[rule]]\nkind = \"validity\"\nperiod = { days = 1 }\n[[rule]]\nkind = \"validity\"\nname = \"other\"\nperiod = { days = 2 }\n".to_owned(), "a second validity beside validity"),
        ("[[rule]]\nkind = \"harmonized-system\"\ndigits_min = 8\ndigits_max = 6\n".to_owned(), "is above digits_max"),
        ("[[rule]]\nkind = \"one-of\"\nelements = [\"D012\"]\n".to_owned(), "at least two"),
        ("[[rule]]\nkind = \"one-of\"\nwithin = \"27A\"\nelements = [\"D012\", \"R014\"]\n".to_owned(), "D012 is not in LPCO/Consignment/Consignee"),
        ("[zones]\nKR = \"Asia/Nowhere\"\n".to_owned(), "a zone such as Asia/Seoul"),
        ("[calendars]\nKR = \"nowhere\"\n".to_owned(), "holidays/nowhere.toml"),
        ("extends = \"nowhere\"\n".to_owned(), "the name of a profile"),
        ("extends = \"own\"\n".to_owned(), "a circle through own"),
        ("signature_covers = [\"X\"]\n".to_owned(), "a WCO id or a path"),
    ] {
        let found = problems(&text);
        assert!(found.contains(says), "{text}\n{found}");
    }
    let several = problems(
        &(element("X1", "presence = \"optional\"")
            + &element("X2", "presence = \"optional\"")
            + &element("D014", withheld)),
    );
    assert_eq!(several.matches("element[").count(), 3, "{several}");
}

#[test]
fn what_a_profile_says_overrides_what_it_extends() {
    let find = |name: &str| Profiles::built_in().get(name).map(|(profile, _)| profile.clone());
    let make = |text: &str| {
        let profile =
            Profile::parse(&format!("name = \"own\"\nversion = \"1\"\nextends = \"strict\"\n{text}")).unwrap();
        compile(&profile, &find, Profiles::built_in().calendars()).unwrap()
    };
    let bare = edit(&good(), "<RuleCode>CTH</RuleCode>", "");
    assert_eq!(codes(&judge(&make(""), &bare, Direction::In)), ["reject missing-element"]);
    assert_eq!(
        codes(&judge(&make("[[element]]\nelement = \"436\"\npresence = \"optional\"\n"), &bare, Direction::In)),
        [""; 0]
    );
    assert_eq!(
        codes(&judge(
            &make("[[element]]\nelement = \"436\"\npresence = \"mandatory\"\nverdict = \"warn\"\n"),
            &bare,
            Direction::In
        )),
        ["warn missing-element"]
    );
    let unplaced = edit(&good(), "<IssueLocationID>KRSEL</IssueLocationID>", "");
    assert_eq!(codes(&judge(&make(""), &unplaced, Direction::In)), ["reject one-of"]);
    let off = make(
        "[[rule]]\nkind = \"one-of\"\nname = \"place-of-issue\"\nelements = [\"D012\", \"D034\"]\nverdict = \"off\"\n",
    );
    assert_eq!(codes(&judge(&off, &unplaced, Direction::In)), [""; 0]);
    assert_eq!(make("").extends(), ["strict 1", "default 1"]);
}

#[test]
fn profiles_differ_by_what_they_ask_for_and_not_by_how_they_are_written() {
    let (a, b) = (
        own(
            "[[element]]\nelement = \"436\"\npresence = \"mandatory\"\nlist = [\"WO\"]\n[[element]]\nelement = \"D012\"\npresence = \"optional\"\n",
        ),
        own(
            "[[element]]\nelement = \"D012\"\npresence = \"optional\"\nsource = \"elsewhere\"\ncertainty = \"seen\"\n[[element]]\nelement = \"LPCO/Consignment/ConsignmentItem/Origin/RuleCode\"\npresence = \"mandatory\"\nverdict = \"warn\"\nlist = [\"WO\", \"PE\"]\n",
        ),
    );
    assert_eq!(diff(&a, &a.clone()), []);
    let found: Vec<String> =
        diff(&a, &b).iter().map(|d| format!("{} {}: {:?} {:?}", d.subject, d.says, d.first, d.second)).collect();
    let rule = "LPCO/Consignment/ConsignmentItem/Origin/RuleCode";
    assert_eq!(
        found,
        [
            format!("{rule} list: Some(\"WO (reject)\") Some(\"WO, PE (warn)\")"),
            format!("{rule} presence: Some(\"mandatory (reject)\") Some(\"mandatory (warn)\")"),
        ]
    );
    let found = diff(&built_in("strict"), &built_in("without-consignee"));
    assert!(
        found
            .iter()
            .any(|d| d.subject == "LPCO/Consignment/Consignee" && d.second.as_deref() == Some("withheld (warn)"))
    );
}

#[test]
fn a_profile_out_of_its_time_is_told() {
    let profile = own("valid_from = 2026-01-01\nvalid_until = 2026-12-31\n");
    for (now, found) in [
        ("2025-12-31T23:59:59Z", "warn profile-not-in-force"),
        ("2026-01-01T00:00:00Z", ""),
        ("2026-12-31T23:59:59Z", ""),
        ("2027-01-01T00:00:00Z", "warn profile-not-in-force"),
    ] {
        assert_eq!(
            codes(&judge_at(&profile, &good(), Direction::In, now, &Calendars::default())).join(""),
            found,
            "{now}"
        );
    }
}

#[test]
fn a_folder_adds_its_profiles_and_calendars_and_a_broken_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    std::fs::create_dir(folder.path().join("holidays")).unwrap();
    write("holidays/kr.toml", "weekend = [\"sunday\"]\nyears = [2026, 2026]\nholidays = [\"2026-01-01\"]\n");
    write("ours.toml", "name = \"ours\"\nversion = \"3\"\nextends = \"strict\"\n[calendars]\nKR = \"kr\"\n");
    write("strict.toml", "name = \"strict\"\nversion = \"9\"\n");
    let profiles = Profiles::load(folder.path()).unwrap();
    let ours = profiles.compiled("ours").unwrap();
    assert_eq!(
        (ours.version(), ours.extends()),
        ("3", ["strict 9".to_owned()].as_slice()),
        "a file stands before what is built in"
    );
    assert!(profiles.compiled("rcep").is_ok());
    write("other.toml", "name = \"ours\"\nversion = \"1\"\n");
    let error = Profiles::load(folder.path()).unwrap_err().to_string();
    assert!(error.contains("other.toml") && error.contains("as the file is named"), "{error}");
    assert_eq!(Profiles::load(&folder.path().join("nowhere")).unwrap().iter().count(), 13);
}

/// Whoever writes a profile wants to correct it once: an unknown key must not hide a path that there is not.
#[test]
fn what_is_wrong_with_the_file_and_with_what_it_points_to_is_told_at_once() {
    let text = "name = \"mine\"\nversion = \"1\"\nextends = \"strict\"\ncolour = 1\n\
                [[element]]\npresence = \"mandatory\"\n\
                [[element]]\nelement = \"LPCO/Nope\"\npresence = \"mandatory\"\n\
                [[element]]\nelement = \"D014\"\nlist = \"nowhere\"\n\
                [[rule]]\nkind = \"moon-phase\"\n\
                [[rule]]\nkind = \"one-of\"\nelements = [\"LPCO/Nope\"]\nat_least = 1\n";
    let told: Vec<String> =
        Profiles::built_in().compile_text(text).unwrap_err().0.iter().map(ToString::to_string).collect();
    for expected in [
        "element[1]",
        "colour: ",
        "rule[1] (moon-phase)",
        "element[2] (LPCO/Nope)",
        "element[3] (D014): expected a list",
        "rule (one-of): expected a WCO id",
    ] {
        assert!(told.iter().any(|told| told.starts_with(expected)), "{expected}: {told:#?}");
    }
    // The twins: nothing is told twice, and what points to a broken list is not blamed for it.
    let mut once = told.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), told.len(), "{told:#?}");
    let broken =
        "name = \"mine\"\nversion = \"1\"\n[list.a]\nvalues = 3\n[[element]]\nelement = \"D014\"\nlist = \"a\"\n";
    let told = Profiles::built_in().compile_text(broken).unwrap_err().0;
    assert!(told.iter().all(|problem| problem.at.starts_with("list")), "{told:?}");
    assert!(Profiles::built_in().compile_text("name = \"mine\"\nversion = \"1\"\n").is_ok());
}
