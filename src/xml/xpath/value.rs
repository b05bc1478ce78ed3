//! Values and their conversions (XPath 1.0 §3.3 to §3.5, §4.2 to §4.4).

use super::{Error, Value};
use crate::xml::chars;

impl Value {
    /// As `boolean()`: a node-set is true when it is not empty.
    #[must_use]
    pub fn boolean(&self) -> bool {
        match self {
            Self::Nodes(nodes) => !nodes.is_empty(),
            Self::Boolean(value) => *value,
            Self::Number(number) => *number != 0.0 && !number.is_nan(),
            Self::String(text) => !text.is_empty(),
        }
    }

    pub(super) fn into_nodes(self, what: &'static str) -> Result<Vec<super::Item>, Error> {
        match self {
            Self::Nodes(nodes) => Ok(nodes),
            _ => Err(Error::Type { what }),
        }
    }
}

/// `string()` of a number: decimal without exponent, as short as it can be.
pub(super) fn number_to_string(number: f64) -> String {
    if number.is_nan() {
        "NaN".to_owned()
    } else if number.is_infinite() {
        if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
    } else if number == 0.0 {
        "0".to_owned()
    } else {
        number.to_string()
    }
}

/// `number()` of a string: white space, an optional minus, digits with an optional point; else NaN.
pub(super) fn string_to_number(text: &str) -> f64 {
    let text = text.trim_matches(|c: char| u8::try_from(c).is_ok_and(|b| chars::is(b, chars::SPACE)));
    let digits = text.strip_prefix('-').unwrap_or(text);
    let well_formed = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && digits.bytes().filter(|b| *b == b'.').count() <= 1
        && digits.bytes().any(|b| b.is_ascii_digit());
    if well_formed { text.parse().unwrap_or(f64::NAN) } else { f64::NAN }
}
