//! What is wrong with a business message, in the form that a person can act on (design 2.1).

use std::borrow::Cow;
use std::fmt;

/// Violations that are listed; the rest is counted.
pub const VIOLATIONS_MAX: usize = 1_000;

/// What came, as far as it may be told on the wire: never the value itself.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Came {
    /// `nothing`, `element`, `attribute`, `text`, or a lexical kind: `digits`, `letters`, `date`, ...
    pub kind: Cow<'static, str>,
    /// Its length in characters.
    pub length: Option<u64>,
    /// Whether the value is in the code list that was expected.
    pub in_list: Option<bool>,
}

/// One thing that is wrong with a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// Stable name of the rule: `missing-element`, `max-length`, `pattern`, ... (`code`).
    pub code: Cow<'static, str>,
    /// WCO id of the data element, "" where it has none: `D014`.
    pub wco_id: Cow<'static, str>,
    /// XPath from the document element, with positions: `/MetaData/LPCO/Consignment/ConsignmentItem[3]/Origin`.
    pub path: String,
    /// Line in the octets of the document element, first line 1.
    pub line: u32,
    /// Column in characters, first column 1.
    pub column: u32,
    /// What the contract expects here.
    pub expected: Cow<'static, str>,
    /// What came, without the value.
    pub came: Came,
    /// The value that came. For `validate` and `message show` of this side only; never encoded.
    pub value: Option<String>,
}

impl fmt::Display for Violation {
    /// One line for a person: place, rule, element, what was expected and what came; without the value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.code)?;
        if !self.wco_id.is_empty() {
            write!(f, " [{}]", self.wco_id)?;
        }
        write!(f, " {}: expected {}, came {}", self.path, self.expected, self.came.kind)?;
        if let Some(length) = self.came.length {
            write!(f, " of {length} character{}", if length == 1 { "" } else { "s" })?;
        }
        match self.came.in_list {
            Some(true) => f.write_str(", in the list"),
            Some(false) => f.write_str(", not in the list"),
            None => Ok(()),
        }
    }
}

/// Everything that is wrong with a message: at most [`VIOLATIONS_MAX`] in full, all of them counted.
#[derive(Clone, PartialEq, Eq, Debug, Default, thiserror::Error)]
#[error("{total} violations of the contract, first: {}", self.list.first().map_or_else(String::new, ToString::to_string))]
pub struct Violations {
    /// In document order.
    pub list: Vec<Violation>,
    /// How many there are; more than `list` holds when it is full.
    pub total: usize,
}

impl Violations {
    /// Adds one, as long as there is room.
    pub fn push(&mut self, violation: impl FnOnce() -> Violation) {
        self.total += 1;
        if self.list.len() < VIOLATIONS_MAX {
            self.list.push(violation());
        }
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }
}
