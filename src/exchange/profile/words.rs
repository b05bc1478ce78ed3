//! Conditions and rules in words, for people: for `profile show`, the technical annex and the message guide. Every key of a
//! rule stands in its words, so that two rules which ask different things never read alike.

use std::collections::BTreeMap;

use super::calendar::Period;
use super::file::{CodeList, Condition, Count, ListRef, Otherwise, RuleKind};
use super::place::Places;

/// The lists of a profile by name.
type Lists = BTreeMap<String, CodeList>;

/// When a conditional element must stand, and what it is otherwise.
pub(super) fn conditional(places: &Places, when: &Condition, otherwise: Otherwise) -> String {
    let otherwise = match otherwise {
        Otherwise::Optional => "otherwise optional",
        Otherwise::Absent => "otherwise it must not stand",
    };
    format!("conditional: must stand when {}; {otherwise}", condition(places, when))
}

/// `Origin/RuleCode (436) begins with "RVC"`.
pub(super) fn condition(places: &Places, when: &Condition) -> String {
    if let Some(inner) = &when.not {
        return format!("not ({})", condition(places, inner));
    }
    let several = |parts: &[Condition], word: &str| {
        let parts: Vec<String> = parts.iter().map(|part| grouped(places, part)).collect();
        parts.join(word)
    };
    if !when.all.is_empty() {
        return several(&when.all, " and ");
    }
    if !when.any.is_empty() {
        return several(&when.any, " or ");
    }
    let element = named(places, when.element.as_deref().unwrap_or_default());
    let asked = match (when.present, &when.is, &when.above) {
        (Some(true), ..) => "stands".to_owned(),
        (Some(false), ..) => "does not stand".to_owned(),
        (None, Some(value), _) => format!("is {value:?}"),
        (None, None, Some(bound)) => format!("is above {bound}"),
        _ if when.starts_with.is_empty() => format!("is {}", either(&when.among)),
        _ => format!("begins with {}", either(&when.starts_with)),
    };
    format!("{element} {asked}")
}

/// In brackets where it has parts of its own.
fn grouped(places: &Places, part: &Condition) -> String {
    let words = condition(places, part);
    if part.all.len() + part.any.len() > 1 { format!("({words})") } else { words }
}

fn either(values: &[String]) -> String {
    values.iter().map(|value| format!("{value:?}")).collect::<Vec<_>>().join(" or ")
}

/// Where what `text` names stands, with its id: `Origin/RuleCode (436)`. An id that stands in several places names them all.
fn named(places: &Places, text: &str) -> String {
    named_within(places, text, None)
}

/// Likewise, of several places only those in the element at the path `within`.
fn named_within(places: &Places, text: &str, within: Option<&str>) -> String {
    let Ok(mut targets) = places.resolve(text) else { return text.to_owned() };
    targets.retain(|target| within.is_none_or(|within| is_within(&places.get(target.place).path, within)));
    let name = |target: &super::place::Target| {
        let place = places.get(target.place);
        let around = ["LPCO/Consignment/ConsignmentItem/", "LPCO/Consignment/", "LPCO/"];
        let path = around.iter().find_map(|around| place.path.strip_prefix(around)).unwrap_or(&place.path);
        let attribute = target.attribute.as_ref().map(|name| format!("/@{name}")).unwrap_or_default();
        let id = if place.wco_id.is_empty() { String::new() } else { format!(" ({})", place.wco_id) };
        format!("{path}{attribute}{id}")
    };
    targets.iter().map(name).collect::<Vec<_>>().join(" or ")
}

/// The path of what `text` names, where that is one element.
pub(super) fn path_of(places: &Places, text: &str) -> Option<String> {
    match places.resolve(text).ok()?.as_slice() {
        [target] => Some(places.get(target.place).path.clone()),
        _ => None,
    }
}

/// Whether the element at `path` is in the one at `within`, or is it.
pub(super) fn is_within(path: &str, within: &str) -> bool {
    path.strip_prefix(within).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn all_named(places: &Places, elements: &[String], within: Option<&str>) -> String {
    elements.iter().map(|element| named_within(places, element, within)).collect::<Vec<_>>().join(", ")
}

/// The codes themselves: two lists of one name may differ.
fn codes(lists: &Lists, list: &ListRef) -> String {
    match list {
        ListRef::Named(name) => lists.get(name).map_or_else(|| name.clone(), |list| either(&list.values)),
        ListRef::Values(values) => either(values),
    }
}

/// ", within 12 months" unless the period is empty.
fn within(words: &str, period: Period) -> String {
    if period.is_empty() { String::new() } else { format!(", {words} {period}") }
}

/// `1 day`, `30 days`.
fn counted(number: u32, unit: &str) -> String {
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

/// What a rule asks.
pub(super) fn rule(places: &Places, lists: &Lists, kind: &RuleKind) -> String {
    match kind {
        RuleKind::Validity { period } => format!("good for {period} from the day of issue, the last day included"),
        RuleKind::Retroactive { after_days, count, limit } => {
            let count = match count {
                Count::Calendar => "calendar",
                Count::Working => "working",
            };
            let end =
                if limit.is_empty() { String::new() } else { format!("; none is issued later than {limit} after") };
            format!(
                "issued more than {after_days} {count} days after departure it says that it is retroactive (K14){end}"
            )
        }
        RuleKind::BackToBack { within: period } => format!(
            "a back-to-back CO (K15) names the original: number, another country, a date that is not later{}",
            within("issued within", *period)
        ),
        RuleKind::ThirdCountryInvoice => {
            "K9, K10 and K11 stand together, and name neither party's country nor its name".to_owned()
        }
        RuleKind::Replacement { documents_max } => format!(
            "a CO that replaces another (K17 is 5) names it, is not itself that one and not older; at most {documents_max} named"
        ),
        RuleKind::CertifiedTrueCopy { within: period } => {
            format!("a certified true copy names its original{}", within("issued within", *period))
        }
        RuleKind::HarmonizedSystem { digits_min, digits_max, editions, edition_required } => {
            let editions = match (editions.as_slice(), edition_required) {
                ([], false) => String::new(),
                ([], true) => "; the edition must be told".to_owned(),
                (some, false) => format!("; the edition, where told, is {}", either(some)),
                (some, true) => format!("; the edition must be told and is {}", either(some)),
            };
            format!("commodity codes have {digits_min} to {digits_max} digits of an existing chapter{editions}")
        }
        RuleKind::Criteria { agreements, only_these } => {
            let each = agreements.iter().map(|(agreement, list)| format!("under {agreement} {}", codes(lists, list)));
            let others = if *only_these { "none under another agreement" } else { "under others any" };
            format!("origin criteria are, {}; {others}", each.collect::<Vec<_>>().join("; "))
        }
        RuleKind::Sequence { from_one: false } => "items are numbered once each".to_owned(),
        RuleKind::Sequence { from_one: true } => "items are numbered 1, 2, 3 and so on".to_owned(),
        RuleKind::Weights => "net weight is at most gross weight, and the items together at most the total".to_owned(),
        RuleKind::RealDates => "dates are days that exist, in the shape that they name".to_owned(),
        RuleKind::ZonedTimes => "times have a zone".to_owned(),
        RuleKind::IssueDate { future_days_max, authentication_days_max } => {
            let earlier = authentication_days_max
                .map(|days| format!("; no authentication more than {} before the issue", counted(days, "day")))
                .unwrap_or_default();
            format!("no issue more than {} from now{earlier}", counted(*future_days_max, "day"))
        }
        RuleKind::Text { not, elements } => {
            let whose = if elements.is_empty() { "texts".to_owned() } else { all_named(places, elements, None) };
            let codes: Vec<&str> = not.iter().map(|oddity| oddity.code()).collect();
            format!("{whose}: none of {}", codes.join(", "))
        }
        RuleKind::OneOf { elements, within, at_least, at_most } => {
            let path = within.as_ref().and_then(|around| path_of(places, around));
            let most = at_most.map(|most| format!(" and at most {most}")).unwrap_or_default();
            let around =
                within.as_ref().map(|around| format!(" in each {}", named(places, around))).unwrap_or_default();
            format!(
                "at least {at_least}{most} of these stand{around}: {}",
                all_named(places, elements, path.as_deref())
            )
        }
        RuleKind::Together { elements } => {
            format!("these stand together or not at all: {}", all_named(places, elements, None))
        }
        RuleKind::Condition { within, when } => {
            let around = within.as_ref().map(|around| format!(" in {}", named(places, around))).unwrap_or_default();
            format!("it must not be{around} that {}", condition(places, when))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::profile::Profiles;

    fn said(text: &str) -> String {
        let when: Condition = toml::from_str(text).unwrap();
        condition(Places::standard(), &when)
    }

    #[test]
    fn a_condition_reads_as_a_sentence() {
        for (text, words) in [
            ("element = \"436\"\nstarts_with = [\"RVC\"]", "Origin/RuleCode (436) begins with \"RVC\""),
            ("element = \"144\"\npresent = true", "ConsignmentItem/Packaging/QuantityQuantity (144) stands"),
            ("element = \"K15\"\npresent = false", "BackToBackIndicator (K15) does not stand"),
            ("element = \"LPCO/FunctionCode\"\nin = [\"4\", \"5\"]", "FunctionCode (017) is \"4\" or \"5\""),
            (
                "element = \"LPCO/Consignment/ConsignmentItem/Commodity/ValueAmount/@currencyID\"\nis = \"USD\"",
                "Commodity/ValueAmount/@currencyID (306) is \"USD\"",
            ),
            ("element = \"306\"\nabove = \"200\"", "Commodity/ValueAmount (306) is above 200"),
            ("[not]\nelement = \"D031\"\nis = \"1\"", "not (CategoryCode (D031) is \"1\")"),
            (
                "all = [{ element = \"K15\", is = \"true\" }, { any = [{ element = \"K9\", present = true }, \
                 { element = \"K12\", present = true }] }]",
                "BackToBackIndicator (K15) is \"true\" and (ThirdCountryInvoice/CountryCode (K9) stands or Exhibition/Name \
                 (K12) stands)",
            ),
        ] {
            assert_eq!(said(text), words.replace("ConsignmentItem/Packaging", "Packaging"), "{text}");
        }
        // What the words leave away must not be what tells two conditions apart.
        assert_ne!(said("element = \"K9\"\nis = \"KR\""), said("element = \"K9\"\nstarts_with = [\"KR\"]"));
        assert_ne!(said("element = \"K9\"\nin = [\"A or B\"]"), said("element = \"K9\"\nin = [\"A\", \"B\"]"));
    }

    #[test]
    fn every_key_of_a_rule_stands_in_its_words() {
        // A key that the words leave away would hide a difference between two administrations.
        let places = Places::standard();
        let cases: &[(&str, &[&str])] = &[
            ("kind = \"validity\"", &["period = { months = 12 }", "period = { days = 12 }"]),
            (
                "kind = \"retroactive\"",
                &[
                    "after_days = 3\ncount = \"working\"",
                    "after_days = 4\ncount = \"working\"",
                    "after_days = 3\ncount = \"calendar\"",
                    "after_days = 3\ncount = \"working\"\nlimit = { months = 1 }",
                ],
            ),
            ("kind = \"back-to-back\"", &["", "within = { months = 1 }", "within = { days = 1 }"]),
            ("kind = \"replacement\"", &["", "documents_max = 2"]),
            ("kind = \"certified-true-copy\"", &["", "within = { months = 1 }"]),
            (
                "kind = \"harmonized-system\"",
                &[
                    "",
                    "digits_min = 8",
                    "digits_max = 8",
                    "edition_required = true",
                    "editions = [\"2022\"]",
                    "editions = [\"2022\"]\nedition_required = true",
                ],
            ),
            (
                "kind = \"criteria\"",
                &[
                    "agreements = { KRID = \"cepa\" }",
                    "agreements = { KRID = [\"WO\"] }",
                    "agreements = { KRVN = \"cepa\" }",
                    "agreements = { KRID = \"cepa\" }\nonly_these = true",
                ],
            ),
            ("kind = \"sequence\"", &["", "from_one = true"]),
            ("kind = \"issue-date\"", &["", "future_days_max = 2", "authentication_days_max = 2"]),
            (
                "kind = \"text\"",
                &["not = [\"invisible\"]", "not = [\"not-nfc\"]", "not = [\"invisible\"]\nelements = [\"R014\"]"],
            ),
            (
                "kind = \"one-of\"",
                &[
                    "elements = [\"D012\", \"D034\"]",
                    "elements = [\"D012\", \"D031\"]",
                    "elements = [\"D012\", \"D034\"]\nat_least = 2",
                    "elements = [\"D012\", \"D034\"]\nat_most = 2",
                    "elements = [\"D012\", \"D034\"]\nwithin = \"LPCO\"",
                ],
            ),
            ("kind = \"together\"", &["elements = [\"K12\", \"K13\"]", "elements = [\"K12\", \"K9\"]"]),
            (
                "kind = \"condition\"",
                &[
                    "when = { element = \"K9\", present = true }",
                    "when = { element = \"K9\", present = false }",
                    "when = { element = \"K9\", present = true }\nwithin = \"LPCO/Consignment\"",
                ],
            ),
        ];
        let lists = Lists::from([("cepa".to_owned(), toml::from_str("values = [\"WO\", \"PE\"]").unwrap())]);
        let mut seen = std::collections::BTreeSet::new();
        let mut count = 0;
        for (kind, variants) in cases {
            for variant in *variants {
                let read: RuleKind = toml::from_str(&format!("{kind}\n{variant}")).unwrap();
                let words = rule(places, &lists, &read);
                assert!(seen.insert(words.clone()), "{kind} {variant}: {words} was said before");
                count += 1;
            }
        }
        assert!(count > 40, "{count}");
    }

    #[test]
    fn built_in_profiles_say_everything_in_words() {
        for (profile, _) in Profiles::built_in().iter() {
            let compiled = Profiles::built_in().compiled(&profile.name).unwrap();
            for row in super::super::menu(&compiled) {
                assert!(!row.value.is_empty() && !row.value.contains(['{', '}']), "{}: {}", profile.name, row.value);
                assert_ne!(row.value, "conditional", "{}: {}", profile.name, row.subject);
            }
        }
    }
}
