//! Pattern facets (XML Schema Part 2 Appendix F) as automata: the generator compiles a pattern, generated code and the
//! schema checker run it. Linear in the text, no backtracking.
//!
//! Refused: patterns whose automaton has more than [`STATES_MAX`] states.

mod automaton;
mod syntax;
#[cfg(test)]
mod tests;

/// States of one automaton at most.
pub const STATES_MAX: usize = 4_096;
/// Positions of one pattern at most, counted repetitions written out.
const POSITIONS_MAX: usize = 20_000;
/// No way on.
const DEAD: u32 = u32::MAX;
/// In the tables: whatever follows is accepted.
const REST: u32 = u32::MAX - 1;
const ACCEPT: u8 = 1;

/// A compiled pattern.
#[derive(Debug)]
pub struct Pattern {
    /// The pattern as written in the schema.
    pub source: &'static str,
    /// Character class of each ASCII character.
    pub ascii: &'static [u8; 128],
    /// First and last character and class, in order; characters beyond ASCII in none have class 0.
    pub ranges: &'static [(u32, u32, u8)],
    /// Number of classes.
    pub classes: usize,
    /// For state x class the next state, times [`classes`](Self::classes): where its row begins. [`u32::MAX`] where there is
    /// no way on, one less where all that follows is accepted.
    pub table: &'static [u32],
    /// 1 for a state in which the text may end.
    pub flags: &'static [u8],
    /// Whether no text that matches has white space in it.
    pub spaceless: bool,
}

/// Where a character leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum After {
    /// To no text that matches.
    Nothing,
    /// To the row of another state.
    Row(u32),
    /// To a text that matches, whatever follows.
    Anything,
}

impl Pattern {
    /// Where a character of this class leads from the row of a state; the first state's row is 0.
    #[must_use]
    pub fn after(&self, row: u32, class: u8) -> After {
        match self.table.get(row as usize + usize::from(class)) {
            None | Some(&DEAD) => After::Nothing,
            Some(&REST) => After::Anything,
            Some(next) => After::Row(*next),
        }
    }

    /// Whether the whole of `text` matches.
    #[must_use]
    #[inline]
    pub fn matches(&self, text: &str) -> bool {
        // Mostly the first octet tells, or there are few.
        match text.as_bytes().first().and_then(|octet| self.ascii.get(usize::from(*octet))) {
            Some(class) => match self.table.get(usize::from(*class)) {
                Some(next) if *next < REST => self.matches_from(*next, text.as_bytes().get(1..).unwrap_or_default()),
                Some(&REST) => true,
                _ => false,
            },
            None => self.matches_from(0, text.as_bytes()),
        }
    }

    /// Likewise from the row `row` on.
    fn matches_from(&self, mut row: u32, text: &[u8]) -> bool {
        let (table, ascii) = (self.table, self.ascii);
        for (at, octet) in text.iter().enumerate() {
            let Some(class) = ascii.get(usize::from(*octet)) else {
                // What is before is ASCII, so that here a character begins.
                let rest = std::str::from_utf8(text.get(at..).unwrap_or_default());
                return rest.is_ok_and(|rest| self.matches_wide(row, rest));
            };
            match table.get(row as usize + usize::from(*class)) {
                Some(next) if *next < REST => row = *next,
                Some(&REST) => return true,
                _ => return false,
            }
        }
        self.accepts(row)
    }

    /// Likewise for text that has characters beyond ASCII.
    fn matches_wide(&self, mut row: u32, text: &str) -> bool {
        for character in text.chars() {
            let class = usize::from(self.class(character));
            match self.table.get(row as usize + class) {
                Some(next) if *next < REST => row = *next,
                Some(&REST) => return true,
                _ => return false,
            }
        }
        self.accepts(row)
    }

    #[inline]
    fn accepts(&self, row: u32) -> bool {
        let state = row as usize / self.classes.max(1);
        self.flags.get(state).is_some_and(|flags| flags & ACCEPT != 0)
    }

    #[inline]
    fn class(&self, character: char) -> u8 {
        let code = character as u32;
        if let Some(class) = self.ascii.get(code as usize) {
            return *class;
        }
        let at = self.ranges.partition_point(|(_, last, _)| *last < code);
        match self.ranges.get(at) {
            Some((first, _, class)) if *first <= code => *class,
            _ => 0,
        }
    }
}

/// A compiled pattern that owns its tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiled {
    /// As [`Pattern::source`].
    pub source: String,
    /// As [`Pattern::ascii`].
    pub ascii: Vec<u8>,
    /// As [`Pattern::ranges`].
    pub ranges: Vec<(u32, u32, u8)>,
    /// As [`Pattern::classes`].
    pub classes: usize,
    /// As [`Pattern::table`].
    pub table: Vec<u32>,
    /// As [`Pattern::flags`].
    pub flags: Vec<u8>,
    /// As [`Pattern::spaceless`].
    pub spaceless: bool,
}

/// Why a pattern was not compiled.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum Error {
    /// It breaks the grammar: `[a-`.
    #[error("pattern {pattern:?}: at character {at}: {what}")]
    Syntax {
        /// The pattern.
        pattern: String,
        /// Where, from 1.
        at: usize,
        /// What was expected.
        what: &'static str,
    },
    /// Its automaton would be too large: `(a|b){9000}`.
    #[error("pattern {pattern:?}: more than {limit} {what}")]
    TooLarge {
        /// The pattern.
        pattern: String,
        /// The ceiling.
        limit: usize,
        /// What was counted.
        what: &'static str,
    },
}

/// Compiles `pattern`.
///
/// # Errors
/// [`Error`].
pub fn compile(pattern: &str) -> Result<Compiled, Error> {
    automaton::build(pattern, &syntax::parse(pattern)?)
}

impl Compiled {
    /// The same tables for as long as the program runs: for schemas that are read at run time, by tools.
    #[must_use]
    pub fn leak(self) -> &'static Pattern {
        let mut ascii = [0; 128];
        ascii.copy_from_slice(&self.ascii);
        Box::leak(Box::new(Pattern {
            source: self.source.leak(),
            ascii: Box::leak(Box::new(ascii)),
            ranges: self.ranges.leak(),
            classes: self.classes,
            table: self.table.leak(),
            flags: self.flags.leak(),
            spaceless: self.spaceless,
        }))
    }
}
