//! XPath: any expression is refused or has a value within its bounds.
#![no_main]

use coconnect::xml::xpath::{Environment, Expression, Item};
use coconnect::xml::{Options, parse};
use libfuzzer_sys::fuzz_target;

const TEXT: &[u8] = b"<a xmlns='urn:a' xmlns:b='urn:b' xml:lang='en'><b:c n='1'>x<d n='2'>5</d>y</b:c><!--k--><?p q?></a>";

fuzz_target!(|text: &str| {
    let Ok(expression) = Expression::parse(text) else { return };
    let document = parse(TEXT.to_vec(), &Options::default()).expect("this text is well-formed");
    let environment = Environment { steps_max: 100_000, ..Environment::default() };
    for node in document.descendants(document.root()) {
        let _ = expression.evaluate(&document, Item::Node(node), &environment);
    }
});
