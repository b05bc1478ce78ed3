//! Tests of patterns.

use super::*;

fn matches(pattern: &str, text: &str) -> bool {
    compile(pattern).unwrap().leak().matches(text)
}

#[test]
fn a_pattern_covers_the_whole_text() {
    assert!(matches("[A-Z]{2}", "KR"));
    for text in ["", "K", "KRI", "kr", "K1", " KR"] {
        assert!(!matches("[A-Z]{2}", text), "{text}");
    }
    assert!(matches("a|b", "a") && !matches("a|b", "ab"));
    assert!(matches("^a$", "^a$"), "circumflex and dollar are no anchors in XML Schema");
}

#[test]
fn what_accepts_all_that_follows_ends_the_look() {
    let compiled = compile(r"[\s\S]*[^\s][\s\S]*").unwrap();
    assert!(compiled.table.contains(&REST) && !compiled.spaceless);
    assert!(!compile("[a-z]*").unwrap().table.contains(&REST), "what follows must be letters");
    assert!(matches("a[\\s\\S]*", "a\u{10FFFF}\n") && !matches("a[\\s\\S]*", "ba"));
    // White space that only some places allow is white space.
    assert!(compile("[A-Z]{2}").unwrap().spaceless && !compile("a( b)?").unwrap().spaceless);
    assert!(!compile("[^a]").unwrap().spaceless);
}

#[test]
fn quantities_count_exactly() {
    for (pattern, least, most) in [
        ("a{3}", 3, 3),
        ("a{2,4}", 2, 4),
        ("a{2,}", 2, 50),
        ("a?", 0, 1),
        ("a*", 0, 50),
        ("a+", 1, 50),
        ("(a{1,2}){2}", 2, 4),
    ] {
        for count in 0..=50 {
            let text = "a".repeat(count);
            assert_eq!(matches(pattern, &text), (least..=most).contains(&count), "{pattern} {count}");
        }
    }
    assert!(matches("(ab){0,2}c", "ababc") && !matches("(ab){0,2}c", "abababc"));
}

#[test]
fn classes_negate_and_subtract() {
    assert!(matches("[^a-c]", "d") && !matches("[^a-c]", "b"));
    assert!(matches("[a-z-[aeiou]]+", "xyz") && !matches("[a-z-[aeiou]]+", "xaz"));
    assert!(matches(r"[\-+]", "-") && matches("[-+]", "-") && matches("[+-]", "-"));
    assert!(matches(r"[\s\S]*[^\s][\s\S]*", "  \n 한 ") && !matches(r"[\s\S]*[^\s][\s\S]*", " \n\t "));
    assert!(matches(".", "x") && !matches(".", "\n"));
    assert!(matches(r"\d", "7") && matches(r"\d", "٣") && !matches(r"\d", "x"));
    assert!(matches(r"\p{Lu}\P{Lu}", "Aa") && matches(r"\i\c*", "xs:name-1"));
    assert!(matches(r"\p{IsHangulSyllables}+", "한국"));
}

#[test]
fn refuses_what_is_no_pattern() {
    for pattern in ["[a-", "(a", "a)", "*", "a{2,1}", "a{x}", r"\q", r"\p{Xy}", r"\p{IsNowhere}", "[]", "a**"] {
        assert!(compile(pattern).is_err(), "{pattern}");
    }
    assert!(matches!(compile("(a|b){30000}"), Err(Error::TooLarge { .. })));
}
