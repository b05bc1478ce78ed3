//! Tests of lexical and value spaces, facets, and of the look that most values are taken by.

use super::quick::is_valid;
use super::*;

#[test]
fn white_space_rules_are_the_three_of_the_specification() {
    let text = " a\t\tb \n";
    assert_eq!(normalize(Cow::Borrowed(text), WhiteSpace::Preserve), text);
    assert_eq!(normalize(Cow::Borrowed(text), WhiteSpace::Replace), " a  b  ");
    assert_eq!(normalize(Cow::Borrowed(text), WhiteSpace::Collapse), "a b");
    for clean in ["", "a", "a b c"] {
        assert!(matches!(normalize(Cow::Borrowed(clean), WhiteSpace::Collapse), Cow::Borrowed(_)), "{clean}");
    }
    for spaced in [" ", "a ", " a", "a  b", "a\nb"] {
        assert!(matches!(normalize(Cow::Borrowed(spaced), WhiteSpace::Collapse), Cow::Owned(_)), "{spaced:?}");
    }
}

#[test]
fn lexical_spaces_take_and_refuse() {
    use Primitive::*;
    let table: &[(Primitive, &[&str], &[&str])] = &[
        (Boolean, &["true", "0"], &["TRUE", "yes", ""]),
        (Integer, &["0", "-12", "+007"], &["1.0", "", "+"]),
        (Float, &["1", "-1.5E3", "INF", "NaN"], &["inf", "nan", "1e", "0x1", ""]),
        (
            DateTime,
            &["2025-10-01T09:30:00", "2024-02-29T24:00:00Z", "-0001-01-01T00:00:00.123+14:00"],
            &[
                "2025-02-29T00:00:00",
                "2025-10-01",
                "2025-10-01T09:30",
                "2025-10-01T24:00:01",
                "2025-13-01T00:00:00",
                "2025-10-01T09:30:00+14:01",
            ],
        ),
        (
            Date,
            &["2025-10-01", "2025-10-01Z", "12025-10-01-05:00"],
            &["25-10-01", "2025-1-1", "0000-01-01", "02025-01-01"],
        ),
        (Time, &["09:30:00", "24:00:00", "09:30:00.5Z"], &["9:30:00", "09:60:00", "09:30:00."]),
        (MonthDay, &["--12-31", "--02-29Z"], &["--02-30", "-12-31"]),
        (Month, &["--12", "--01Z"], &["--13", "12"]),
        (Day, &["---31"], &["---32"]),
        (YearMonth, &["2025-10"], &["2025-13", "2025"]),
        (Year, &["2025", "-2025Z"], &["205", "02025"]),
        (
            Duration,
            &["P1Y", "-P1DT2H", "PT0.5S", "P1Y2M3DT4H5M6.7S"],
            &["P", "PT", "1Y", "P1S", "P1.5Y", "PT1M1H", "P-1Y"],
        ),
        (HexBinary, &["", "0aFF"], &["0", "0g"]),
        (Base64Binary, &["", "QQ==", "QUI=", "QUJD", "Q Q = ="], &["QQ", "QR==", "Q===", "QQ==A", "="]),
    ];
    for (primitive, good, bad) in table {
        for value in *good {
            assert!(is_lexical(*primitive, value), "{primitive:?} {value}");
        }
        for value in *bad {
            assert!(!is_lexical(*primitive, value), "{primitive:?} {value}");
        }
    }
}

#[test]
fn white_space_is_seen_wherever_it_stands() {
    let naive = |text: &str| {
        let control = text.bytes().any(|octet| octet < b' ');
        let single = text.split(' ').all(|word| !word.is_empty()) || text.is_empty();
        Seen { ascii: text.is_ascii(), control, loose: control || !single }
    };
    for length in 0..40 {
        for first in 0..length.max(1) {
            for second in first..length.max(1) {
                for octet in [b' ', b'\t', b'\n', b'!', b'0', 0xFF] {
                    let mut octets = vec![b'x'; length];
                    for at in [first, second] {
                        if let Some(place) = octets.get_mut(at) {
                            *place = octet;
                        }
                    }
                    let text = String::from_utf8_lossy(&octets);
                    assert_eq!(Seen::of(&Short::from(&*text)), naive(&text), "{text:?}");
                }
            }
        }
    }
}

#[test]
fn what_is_taken_at_a_look_breaks_no_rule_of_any_type() {
    // A value that the short way takes is never looked at again.
    let values = [
        "",
        " ",
        "a",
        "a ",
        " a",
        "a  b",
        "a b",
        "a\tb",
        "KR",
        "kr",
        "9",
        "861",
        "0",
        "1",
        "-1",
        "+1",
        "-0",
        "00",
        ".",
        "1.",
        ".5",
        "1.5",
        "1.5.5",
        "99999",
        "100000",
        "0.0000001",
        "1.000000",
        "12345678901234567",
        "true",
        "yes",
        "Y",
        "20260101",
        "20260101093000Z",
        "2026-01-01T09:30:00Z",
        "한",
        "한국",
        "\u{1F600}",
        "\u{A0}",
        "e\u{301}",
    ];
    let long = ["x".repeat(70), "x".repeat(71), "한".repeat(70), "한".repeat(71), "x".repeat(513)];
    let values: Vec<&str> = values.into_iter().chain(long.iter().map(String::as_str)).collect();
    let simples = crate::contract::generated::TABLES.simples;
    let (mut taken, mut left) = (0, 0);
    for simple in simples {
        for value in &values {
            let valid = match simple.variety {
                Variety::Atomic(_) => is_valid(simple, value),
                _ => false,
            };
            let holds = holds(simple, &Short::from(*value));
            assert!(valid || !holds, "{value:?} is taken for a value of {}", simple.name);
            taken += usize::from(holds);
            left += usize::from(valid && !holds);
        }
    }
    assert!(taken > 10 * left, "the short way takes {taken}, and leaves {left}");
    let named = |name: &str| simples.iter().find(|simple| simple.name == name).unwrap();
    for (name, good, bad) in [
        ("CountryCodeType", "KR", "kr"),
        ("Text70Type", "Goods of  Korea", " "),
        ("SequenceNumericType", "99999", "100000"),
        ("Amount16Type", "12.50", "12.5001"),
        ("Amount16Type", "0", "-0.001"),
        ("LPCOFunctionType", "9", "8"),
    ] {
        assert!(holds(named(name), &good.into()) && !holds(named(name), &bad.into()), "{name}");
    }
}

#[test]
fn moments_compare_across_zones_and_stay_unordered_without_one() {
    let order = |a, b| compare(Primitive::DateTime, a, b);
    assert_eq!(order("2025-10-01T09:30:00+09:00", "2025-10-01T00:30:00Z"), Some(Ordering::Equal));
    assert_eq!(order("2025-10-01T00:00:00", "2025-10-01T09:00:00Z"), None);
    assert_eq!(order("2025-10-01T00:00:00", "2025-10-02T00:00:00Z"), Some(Ordering::Less));
    assert_eq!(order("2025-10-01T00:00:00.10Z", "2025-10-01T00:00:00.1Z"), Some(Ordering::Equal));
    assert_eq!(order("1969-12-31T24:00:00Z", "1970-01-01T00:00:00Z"), Some(Ordering::Equal));
}

#[test]
fn durations_are_one_value_where_months_and_seconds_are() {
    let equal = |a: &str, b: &str| same_value(Primitive::Duration, a, b);
    assert!(equal("P1D", "PT24H") && equal("P1Y2M", "P14M") && equal("PT1M0.50S", "PT60.5S"));
    assert!(equal("-P1D", "-PT1440M") && equal("P0D", "-PT0S"));
    assert!(!equal("P1M", "P30D") && !equal("P1D", "-P1D") && !equal("PT0.5S", "-PT0.5S") && !equal("P1M", "PT1M"));
}

#[test]
fn facets_bound_values_and_lengths_count_characters() {
    static SIMPLES: [Simple; 3] = [
        Simple::new(
            "n..5,2",
            Variety::Atomic(Primitive::Decimal),
            WhiteSpace::Collapse,
            &[Facet::MinInclusive("0"), Facet::TotalDigits(5), Facet::FractionDigits(2)],
        ),
        Simple::new(
            "a..3",
            Variety::Atomic(Primitive::String),
            WhiteSpace::Preserve,
            &[Facet::MinLength(1), Facet::MaxLength(3)],
        ),
        Simple::new("digest", Variety::Atomic(Primitive::Base64Binary), WhiteSpace::Collapse, &[Facet::Length(2)]),
    ];
    let codes = |simple: usize, value: &str| {
        let mut broken = Vec::new();
        check(&SIMPLES, &SIMPLES[simple], value, &mut broken);
        broken.into_iter().map(|b| b.code).collect::<Vec<_>>()
    };
    assert!(codes(0, "123.45").is_empty() && codes(0, "00123.4500").is_empty());
    assert_eq!(codes(0, "-0.125"), ["min-inclusive", "fraction-digits"]);
    assert_eq!(codes(0, "123456"), ["total-digits"]);
    assert!(codes(1, "한국말").is_empty(), "three characters of nine octets");
    assert_eq!(codes(1, "한국말들"), ["max-length"]);
    assert_eq!(codes(1, ""), ["min-length"]);
    assert!(codes(2, "QUI=").is_empty());
    assert_eq!(codes(2, "QQ=="), ["length"]);
}
