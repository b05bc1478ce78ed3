//! Expressions against values worked out by hand from the text of XPath 1.0.

use super::*;
use crate::xml::{Options, parse};

const TEXT: &str = "<a xmlns='urn:a' xmlns:b='urn:b' xml:lang='en-GB'><b:c n='1'>x<d n='2'>5</d>y</b:c><!--k--><?p q?><d n='3'>7</d></a>";

fn value(text: &str) -> Result<Value, Error> {
    let document = parse(TEXT.as_bytes().to_vec(), &Options::default()).unwrap();
    let namespaces = [("a".to_owned(), "urn:a".to_owned()), ("z".to_owned(), "urn:b".to_owned())];
    let environment = Environment { namespaces: &namespaces, ..Environment::default() };
    Expression::parse(text)?.evaluate(&document, Item::Node(document.root()), &environment)
}

#[test]
fn selects_along_every_axis() {
    for (expression, count) in [
        ("/", 1),
        ("/a:a", 1),
        ("/a", 0),
        ("//*", 4),
        ("//a:d", 2),
        ("//a:d[1]", 2),
        ("(//a:d)[1]", 1),
        ("//@n", 3),
        ("//@n[. > 1]", 2),
        ("//namespace::*", 12),
        ("//namespace::b", 4),
        ("//node()", 10),
        ("//text()", 4),
        ("//comment() | //processing-instruction('p')", 2),
        ("//processing-instruction('x')", 0),
        ("//a:d/ancestor::*", 2),
        ("//a:d/ancestor-or-self::node()", 5),
        ("//z:c/following::node()", 4),
        ("//a:d[. = '7']/preceding::node()", 7),
        ("//a:d[. = '7']/preceding::*", 2),
        ("//a:d[. = '7']/preceding-sibling::node()[1]/self::processing-instruction()", 1),
        ("//z:c/following-sibling::*", 1),
        ("//z:c/descendant::text()", 3),
        ("//z:c/@n/following::node()", 8),
        ("//z:*/..", 1),
        ("//a:d/parent::z:c/child::node()[last()]", 1),
        ("//a:d[position() = 1 and @n != 3]", 1),
        ("//a:d[lang('en')]", 2),
        ("//a:d[lang('de')]", 0),
        ("id('none')", 0),
    ] {
        let Value::Nodes(nodes) = value(expression).unwrap() else { panic!("{expression}") };
        assert_eq!(nodes.len(), count, "{expression}");
    }
}

#[test]
fn computes_numbers_strings_and_truth() {
    for (expression, text) in [
        ("string(1 + 2 * 3 - -4)", "11"),
        ("string(7 mod -3)", "1"),
        ("string(-7 mod 3)", "-1"),
        ("string(1 div 0)", "Infinity"),
        ("string(0 div 0)", "NaN"),
        ("string(- 0)", "0"),
        ("string(.5)", "0.5"),
        ("string(100000000000000000000000)", "100000000000000000000000"),
        ("string(number(' -12.50 '))", "-12.5"),
        ("string(number('1e3'))", "NaN"),
        ("string(round(-2.5))", "-2"),
        ("string(floor(-1.5) + ceiling(1.2))", "0"),
        ("string(sum(//a:d))", "12"),
        ("string(count(//a:d) = 2)", "true"),
        ("substring('12345', 2, 3)", "234"),
        ("substring('12345', 1.5, 2.6)", "234"),
        ("substring('12345', 0 div 0, 3)", ""),
        ("substring('12345', -42, 1 div 0)", "12345"),
        ("substring-before('1999/04/01', '/')", "1999"),
        ("substring-after('1999/04/01', '/')", "04/01"),
        ("translate('--aaa--', 'abc-', 'ABC')", "AAA"),
        ("normalize-space('  a \t b ')", "a b"),
        ("concat(name(//z:c), local-name(//z:c), namespace-uri(//z:c))", "b:ccurn:b"),
        ("string(string-length('a\u{1F600}'))", "2"),
        ("string(//z:c)", "x5y"),
        ("string(//a:d = 7)", "true"),
        ("string(//a:d != 7)", "true"),
        ("string(//a:d < //a:d)", "true"),
        ("string(//a:x = //a:x)", "false"),
        ("string(not(//a:x) and true() or false())", "true"),
        ("string(true() = //a:d)", "true"),
        ("string('a' = 'a' = true())", "true"),
        ("string(//a:d[@n=3]/@n * 2)", "6"),
        ("string(contains('abc', '') and starts-with('abc', 'ab'))", "true"),
        ("string(--1)", "1"),
    ] {
        assert_eq!(value(expression).unwrap(), Value::String(text.to_owned()), "{expression}");
    }
}

#[test]
fn refuses_what_is_no_expression() {
    for expression in [
        "",
        "a[",
        "a]",
        "//",
        "a b",
        "$x",
        "1 +",
        "foo()",
        "count()",
        "count(1, 2)",
        "x:y",
        "x:*",
        "'a",
        "a::b",
        "@",
        "!",
        "here()",
        "x:f()",
        "count(1)",
        "1 | 2",
        "text(1)",
        "a/",
        "(a",
        "a,b",
    ] {
        assert!(value(expression).is_err(), "{expression}");
    }
}

#[test]
fn bounds_nesting_length_and_work() {
    let nested = format!("{}1{}", "(".repeat(1000), ")".repeat(1000));
    assert!(matches!(value(&nested), Err(Error::Limit { .. })));
    let nested = format!("{}1{}", "(".repeat(40), ")".repeat(40));
    assert_eq!(value(&nested), Ok(Value::Number(1.0)));
    assert!(matches!(value(&"1+".repeat(10_000)), Err(Error::Limit { .. })));
    assert_eq!(value(&format!("{}0", "1+".repeat(5_000))), Ok(Value::Number(5_000.0)));
    let document = parse(TEXT.as_bytes().to_vec(), &Options::default()).unwrap();
    let environment = Environment { steps_max: 40, ..Environment::default() };
    let wide = Expression::parse("//node()//node()//node()").unwrap();
    assert!(matches!(
        wide.evaluate(&document, Item::Node(document.root()), &environment),
        Err(Error::Limit { what: "steps of the evaluation", .. })
    ));
}
