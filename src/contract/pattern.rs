//! Pattern facets (XML Schema Part 2 Appendix F) as automata: the generator compiles a pattern, generated code and the
//! schema checker run it. Linear in the text, no backtracking.
//!
//! Refused: patterns whose automaton has more than [`STATES_MAX`] states.

use std::collections::{BTreeMap, BTreeSet};

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

/// Characters, as sorted ranges that do not touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Set(Vec<(u32, u32)>);

impl Set {
    fn of(ranges: &[(u32, u32)]) -> Self {
        let mut sorted: Vec<_> = ranges.iter().copied().filter(|(a, b)| a <= b).collect();
        sorted.sort_unstable();
        let mut out: Vec<(u32, u32)> = Vec::new();
        for (first, last) in sorted {
            match out.last_mut() {
                Some((_, end)) if first <= end.saturating_add(1) => *end = (*end).max(last),
                _ => out.push((first, last)),
            }
        }
        Self(out)
    }

    fn union(&self, other: &Self) -> Self {
        let mut all = self.0.clone();
        all.extend_from_slice(&other.0);
        Self::of(&all)
    }

    fn complement(&self) -> Self {
        let mut out = Vec::new();
        let mut next = 0;
        for (first, last) in &self.0 {
            if next < *first {
                out.push((next, first - 1));
            }
            next = last + 1;
        }
        if next <= 0x10_FFFF {
            out.push((next, 0x10_FFFF));
        }
        Self(out)
    }

    fn minus(&self, other: &Self) -> Self {
        self.complement().union(other).complement()
    }
}

enum Node {
    Empty,
    Chars(Set),
    Sequence(Vec<Node>),
    Choice(Vec<Node>),
    Repeat(Box<Node>, u32, Option<u32>),
}

/// Compiles `pattern`.
///
/// # Errors
/// [`Error`].
pub fn compile(pattern: &str) -> Result<Compiled, Error> {
    let node = Parser { pattern, chars: pattern.chars().collect(), at: 0, depth: 0 }.parse()?;
    let mut positions = Positions { pattern, sets: Vec::new(), follow: Vec::new() };
    let fragment = positions.add(&node)?;
    positions.determinize(&fragment)
}

struct Parser<'a> {
    pattern: &'a str,
    chars: Vec<char>,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn fail<T>(&self, what: &'static str) -> Result<T, Error> {
        Err(Error::Syntax { pattern: self.pattern.to_owned(), at: self.at + 1, what })
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let character = self.peek();
        self.at += usize::from(character.is_some());
        character
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn parse(mut self) -> Result<Node, Error> {
        let node = self.choice()?;
        if self.at < self.chars.len() { self.fail("a closing parenthesis without its opening one") } else { Ok(node) }
    }

    fn choice(&mut self) -> Result<Node, Error> {
        self.depth += 1;
        if self.depth > 100 {
            return self.fail("parentheses nested deeper than 100");
        }
        let mut branches = vec![self.sequence()?];
        while self.eat('|') {
            branches.push(self.sequence()?);
        }
        self.depth -= 1;
        Ok(if branches.len() == 1 { branches.pop().unwrap_or(Node::Empty) } else { Node::Choice(branches) })
    }

    fn sequence(&mut self) -> Result<Node, Error> {
        let mut pieces = Vec::new();
        while let Some(character) = self.peek() {
            if matches!(character, '|' | ')') {
                break;
            }
            let atom = self.atom()?;
            pieces.push(self.quantified(atom)?);
        }
        Ok(if pieces.is_empty() { Node::Empty } else { Node::Sequence(pieces) })
    }

    fn quantified(&mut self, atom: Node) -> Result<Node, Error> {
        let (min, max) = match self.peek() {
            Some('?') => (0, Some(1)),
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('{') => {
                self.at += 1;
                let bounds = self.bounds()?;
                return Ok(Node::Repeat(Box::new(atom), bounds.0, bounds.1));
            }
            _ => return Ok(atom),
        };
        self.at += 1;
        Ok(Node::Repeat(Box::new(atom), min, max))
    }

    fn bounds(&mut self) -> Result<(u32, Option<u32>), Error> {
        let min = self.number()?;
        let max =
            if self.eat(',') { if self.peek() == Some('}') { None } else { Some(self.number()?) } } else { Some(min) };
        if !self.eat('}') {
            return self.fail("a closing brace");
        }
        if max.is_some_and(|max| max < min) {
            self.fail("a quantity whose end is not below its start")
        } else {
            Ok((min, max))
        }
    }

    fn number(&mut self) -> Result<u32, Error> {
        let start = self.at;
        while self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
        }
        let digits: String = self.chars.get(start..self.at).unwrap_or_default().iter().collect();
        digits.parse().or_else(|_| self.fail("a quantity"))
    }

    fn atom(&mut self) -> Result<Node, Error> {
        match self.next() {
            Some('(') => {
                let node = self.choice()?;
                if self.eat(')') { Ok(node) } else { self.fail("a closing parenthesis") }
            }
            Some('[') => self.class().map(Node::Chars),
            Some('.') => Ok(Node::Chars(Set::of(&[(0x0A, 0x0A), (0x0D, 0x0D)]).complement())),
            Some('\\') => self.escape().map(Node::Chars),
            Some('?' | '*' | '+' | '{' | '}' | ']') => {
                self.at -= 1;
                self.fail("an escape before this character")
            }
            Some(character) => Ok(Node::Chars(Set::of(&[(character as u32, character as u32)]))),
            None => self.fail("a character"),
        }
    }

    fn escape(&mut self) -> Result<Set, Error> {
        let Some(character) = self.next() else { return self.fail("a character after the backslash") };
        let one = |c: char| Ok(Set::of(&[(c as u32, c as u32)]));
        match character {
            'n' => one('\n'),
            'r' => one('\r'),
            't' => one('\t'),
            '\\' | '|' | '.' | '?' | '*' | '+' | '(' | ')' | '{' | '}' | '-' | '[' | ']' | '^' => one(character),
            's' => Ok(spaces()),
            'S' => Ok(spaces().complement()),
            'd' => self.property("Nd"),
            'D' => self.property("Nd").map(|set| set.complement()),
            'w' => self.words(),
            'W' => self.words().map(|set| set.complement()),
            'i' => Ok(name_start()),
            'I' => Ok(name_start().complement()),
            'c' => Ok(name_characters()),
            'C' => Ok(name_characters().complement()),
            'p' | 'P' => {
                if !self.eat('{') {
                    return self.fail("an opening brace");
                }
                let start = self.at;
                while self.peek().is_some_and(|c| c != '}') {
                    self.at += 1;
                }
                let name: String = self.chars.get(start..self.at).unwrap_or_default().iter().collect();
                if !self.eat('}') {
                    return self.fail("a closing brace");
                }
                let set = self.property(&name)?;
                Ok(if character == 'P' { set.complement() } else { set })
            }
            _ => self.fail("a known escape"),
        }
    }

    /// General categories, and the blocks that are asked for in practice.
    fn property(&self, name: &str) -> Result<Set, Error> {
        if let Some(block) = name.strip_prefix("Is") {
            return match BLOCKS.iter().find(|(known, _)| *known == block) {
                Some((_, range)) => Ok(Set::of(&[*range])),
                None => self.fail("a Unicode block that is known here"),
            };
        }
        let known = matches!(
            name,
            "L" | "Lu"
                | "Ll"
                | "Lt"
                | "Lm"
                | "Lo"
                | "M"
                | "Mn"
                | "Mc"
                | "Me"
                | "N"
                | "Nd"
                | "Nl"
                | "No"
                | "P"
                | "Pc"
                | "Pd"
                | "Ps"
                | "Pe"
                | "Pi"
                | "Pf"
                | "Po"
                | "Z"
                | "Zs"
                | "Zl"
                | "Zp"
                | "S"
                | "Sm"
                | "Sc"
                | "Sk"
                | "So"
                | "C"
                | "Cc"
                | "Cf"
                | "Co"
                | "Cn"
        );
        if !known {
            return self.fail("a Unicode general category");
        }
        let hir = regex_syntax::parse(&format!("\\p{{{name}}}"));
        match hir.as_ref().map(regex_syntax::hir::Hir::kind) {
            Ok(regex_syntax::hir::HirKind::Class(regex_syntax::hir::Class::Unicode(class))) => {
                Ok(Set::of(&class.iter().map(|r| (r.start() as u32, r.end() as u32)).collect::<Vec<_>>()))
            }
            _ => self.fail("a Unicode general category"),
        }
    }

    /// `\w`: everything but punctuation, separators and others.
    fn words(&self) -> Result<Set, Error> {
        Ok(self.property("P")?.union(&self.property("Z")?).union(&self.property("C")?).complement())
    }

    /// After `[`: a group, perhaps negated, perhaps with a subtracted class.
    fn class(&mut self) -> Result<Set, Error> {
        self.depth += 1;
        if self.depth > 100 {
            return self.fail("classes nested deeper than 100");
        }
        let negated = self.eat('^');
        let mut set = Set::default();
        let mut first = true;
        loop {
            match self.peek() {
                None => return self.fail("a closing bracket"),
                Some(']') if !first => break,
                Some(']') => return self.fail("a character before the closing bracket"),
                Some('-') if !first && self.chars.get(self.at + 1) == Some(&'[') => break,
                _ => {}
            }
            first = false;
            set = set.union(&self.class_part()?);
        }
        if negated {
            set = set.complement();
        }
        if self.eat('-') {
            self.at += 1;
            let subtracted = self.class()?;
            set = set.minus(&subtracted);
        }
        if !self.eat(']') {
            return self.fail("a closing bracket");
        }
        self.depth -= 1;
        Ok(set)
    }

    fn class_part(&mut self) -> Result<Set, Error> {
        let start = match self.next() {
            Some('\\') => {
                let set = self.escape()?;
                match set.0.as_slice() {
                    [(first, last)] if first == last => *first,
                    _ => return Ok(set),
                }
            }
            Some('[') => {
                self.at -= 1;
                return self.fail("an escape before the opening bracket");
            }
            Some(character) => character as u32,
            None => return self.fail("a closing bracket"),
        };
        // A hyphen is a range unless it stands at the end or before a subtracted class.
        if self.peek() != Some('-') || matches!(self.chars.get(self.at + 1), Some(']' | '[') | None) {
            return Ok(Set::of(&[(start, start)]));
        }
        self.at += 1;
        let end = match self.next() {
            Some('\\') => match self.escape()?.0.as_slice() {
                [(first, last)] if first == last => *first,
                _ => return self.fail("a single character at the end of the range"),
            },
            Some(character) => character as u32,
            None => return self.fail("the end of the range"),
        };
        if end < start { self.fail("a range whose end is not below its start") } else { Ok(Set::of(&[(start, end)])) }
    }
}

/// Blocks by the names of XML Schema Part 2.
const BLOCKS: [(&str, (u32, u32)); 24] = [
    ("BasicLatin", (0x0000, 0x007F)),
    ("Latin-1Supplement", (0x0080, 0x00FF)),
    ("LatinExtended-A", (0x0100, 0x017F)),
    ("LatinExtended-B", (0x0180, 0x024F)),
    ("IPAExtensions", (0x0250, 0x02AF)),
    ("SpacingModifierLetters", (0x02B0, 0x02FF)),
    ("CombiningDiacriticalMarks", (0x0300, 0x036F)),
    ("Greek", (0x0370, 0x03FF)),
    ("Cyrillic", (0x0400, 0x04FF)),
    ("Armenian", (0x0530, 0x058F)),
    ("Hebrew", (0x0590, 0x05FF)),
    ("Arabic", (0x0600, 0x06FF)),
    ("Devanagari", (0x0900, 0x097F)),
    ("Thai", (0x0E00, 0x0E7F)),
    ("HangulJamo", (0x1100, 0x11FF)),
    ("GeneralPunctuation", (0x2000, 0x206F)),
    ("CurrencySymbols", (0x20A0, 0x20CF)),
    ("CJKSymbolsandPunctuation", (0x3000, 0x303F)),
    ("Hiragana", (0x3040, 0x309F)),
    ("Katakana", (0x30A0, 0x30FF)),
    ("CJKUnifiedIdeographs", (0x4E00, 0x9FFF)),
    ("HangulSyllables", (0xAC00, 0xD7A3)),
    ("PrivateUse", (0xE000, 0xF8FF)),
    ("HalfwidthandFullwidthForms", (0xFF00, 0xFFEF)),
];

fn spaces() -> Set {
    Set::of(&[(0x09, 0x0A), (0x0D, 0x0D), (0x20, 0x20)])
}

/// `NameStartChar` of XML 1.0.
fn name_start() -> Set {
    Set::of(&[
        (0x3A, 0x3A),
        (0x41, 0x5A),
        (0x5F, 0x5F),
        (0x61, 0x7A),
        (0xC0, 0xD6),
        (0xD8, 0xF6),
        (0xF8, 0x2FF),
        (0x370, 0x37D),
        (0x37F, 0x1FFF),
        (0x200C, 0x200D),
        (0x2070, 0x218F),
        (0x2C00, 0x2FEF),
        (0x3001, 0xD7FF),
        (0xF900, 0xFDCF),
        (0xFDF0, 0xFFFD),
        (0x1_0000, 0xE_FFFF),
    ])
}

/// `NameChar` of XML 1.0.
fn name_characters() -> Set {
    name_start().union(&Set::of(&[(0x2D, 0x2E), (0x30, 0x39), (0xB7, 0xB7), (0x300, 0x36F), (0x203F, 0x2040)]))
}

/// A part of the automaton: where it begins and ends, and whether it may be empty.
#[derive(Clone)]
struct Fragment {
    first: Vec<usize>,
    last: Vec<usize>,
    empty: bool,
}

/// Glushkov's construction: a position for each character class of the pattern.
struct Positions<'a> {
    pattern: &'a str,
    sets: Vec<Set>,
    follow: Vec<BTreeSet<usize>>,
}

impl Positions<'_> {
    fn too_large<T>(&self, limit: usize, what: &'static str) -> Result<T, Error> {
        Err(Error::TooLarge { pattern: self.pattern.to_owned(), limit, what })
    }

    fn add(&mut self, node: &Node) -> Result<Fragment, Error> {
        match node {
            Node::Empty => Ok(Fragment { first: vec![], last: vec![], empty: true }),
            Node::Chars(set) => {
                if self.sets.len() >= POSITIONS_MAX {
                    return self.too_large(POSITIONS_MAX, "positions");
                }
                self.sets.push(set.clone());
                self.follow.push(BTreeSet::new());
                let at = self.sets.len() - 1;
                Ok(Fragment { first: vec![at], last: vec![at], empty: false })
            }
            Node::Sequence(parts) => {
                let mut whole = Fragment { first: vec![], last: vec![], empty: true };
                for part in parts {
                    let part = self.add(part)?;
                    whole = self.join(whole, part);
                }
                Ok(whole)
            }
            Node::Choice(branches) => {
                let mut whole = Fragment { first: vec![], last: vec![], empty: false };
                for branch in branches {
                    let branch = self.add(branch)?;
                    whole.first.extend(branch.first);
                    whole.last.extend(branch.last);
                    whole.empty |= branch.empty;
                }
                Ok(whole)
            }
            Node::Repeat(part, min, max) => self.repeat(part, *min, *max),
        }
    }

    fn join(&mut self, left: Fragment, right: Fragment) -> Fragment {
        self.link(&left.last, &right.first);
        let mut first = left.first;
        if left.empty {
            first.extend_from_slice(&right.first);
        }
        let mut last = right.last;
        if right.empty {
            last.extend_from_slice(&left.last);
        }
        Fragment { first, last, empty: left.empty && right.empty }
    }

    fn link(&mut self, from: &[usize], to: &[usize]) {
        for position in from {
            if let Some(follow) = self.follow.get_mut(*position) {
                follow.extend(to.iter().copied());
            }
        }
    }

    /// Written out: `min` copies, then optional ones, or a loop.
    fn repeat(&mut self, part: &Node, min: u32, max: Option<u32>) -> Result<Fragment, Error> {
        let mut whole = Fragment { first: vec![], last: vec![], empty: true };
        let fixed = if max.is_none() { min.max(1) } else { min };
        for copy in 0..fixed {
            let mut fragment = self.add(part)?;
            if max.is_none() && copy + 1 == fixed {
                let (last, first) = (fragment.last.clone(), fragment.first.clone());
                self.link(&last, &first);
                fragment.empty |= min == 0;
            }
            whole = self.join(whole, fragment);
        }
        let optional = max.map_or(0, |max| max - min);
        // a{0,3} is (a(a(a)?)?)?: each optional copy can be reached only through the one before it.
        let mut tail: Vec<Fragment> = Vec::new();
        for _ in 0..optional {
            tail.push(self.add(part)?);
        }
        let mut nested = Fragment { first: vec![], last: vec![], empty: true };
        for fragment in tail.into_iter().rev() {
            nested = self.join(fragment, nested);
            nested.empty = true;
        }
        Ok(self.join(whole, nested))
    }

    #[allow(clippy::needless_range_loop, reason = "a class is the column of every table here")]
    fn determinize(&self, whole: &Fragment) -> Result<Compiled, Error> {
        let (ascii, ranges, classes, class_of_position) = self.classes()?;
        let start: BTreeSet<usize> = whole.first.iter().copied().collect();
        let last: BTreeSet<usize> = whole.last.iter().copied().collect();
        // A state: the positions that may come next, and whether the text may end here.
        let mut states: BTreeMap<(BTreeSet<usize>, bool), u32> = BTreeMap::new();
        let mut queue = vec![(start, whole.empty)];
        states.insert(queue[0].clone(), 0);
        let mut table: Vec<u32> = Vec::new();
        let mut at = 0;
        while let Some((next_positions, _)) = queue.get(at).cloned() {
            for class in 0..classes {
                let mut target = BTreeSet::new();
                let mut accepting = false;
                let mut any = false;
                for position in &next_positions {
                    if class_of_position[*position][class] {
                        any = true;
                        accepting |= last.contains(position);
                        target.extend(self.follow[*position].iter().copied());
                    }
                }
                let number = if any {
                    let key = (target, accepting);
                    match states.get(&key) {
                        Some(number) => *number,
                        None => {
                            if states.len() >= STATES_MAX {
                                return self.too_large(STATES_MAX, "states");
                            }
                            let number = states.len() as u32;
                            states.insert(key.clone(), number);
                            queue.push(key);
                            number
                        }
                    }
                } else {
                    DEAD
                };
                table.push(number);
            }
            at += 1;
        }
        let accepting: Vec<bool> = queue.iter().map(|(_, accepting)| *accepting).collect();
        Ok(minimal(self.pattern, ascii, ranges, classes, &table, &accepting))
    }

    /// Splits all characters into classes that no set of the pattern tells apart.
    #[allow(clippy::type_complexity, reason = "four results of one split, used at once")]
    fn classes(&self) -> Result<(Vec<u8>, Vec<(u32, u32, u8)>, usize, Vec<Vec<bool>>), Error> {
        let mut borders: BTreeSet<u32> = BTreeSet::from([0, 0x11_0000]);
        for set in &self.sets {
            for (first, last) in &set.0 {
                borders.insert(*first);
                borders.insert(last + 1);
            }
        }
        let borders: Vec<u32> = borders.into_iter().collect();
        let distinct: Vec<&Set> = {
            let mut seen: Vec<&Set> = Vec::new();
            for set in &self.sets {
                if !seen.contains(&set) {
                    seen.push(set);
                }
            }
            seen
        };
        let mut signatures: BTreeMap<Vec<bool>, u8> = BTreeMap::new();
        signatures.insert(vec![false; distinct.len()], 0);
        let mut ascii = vec![0_u8; 128];
        let mut ranges: Vec<(u32, u32, u8)> = Vec::new();
        for pair in borders.windows(2) {
            let (first, end) = (pair[0], pair[1]);
            let signature: Vec<bool> =
                distinct.iter().map(|set| set.0.iter().any(|(a, b)| *a <= first && first <= *b)).collect();
            let fresh = signatures.len();
            if fresh >= 255 {
                return self.too_large(255, "classes of characters");
            }
            let class = *signatures.entry(signature).or_insert(fresh as u8);
            for code in first..end.min(128) {
                ascii[code as usize] = class;
            }
            if end > 128 && class != 0 {
                ranges.push((first.max(128), end - 1, class));
            }
        }
        let classes = signatures.len();
        let mut members = vec![vec![false; classes]; self.sets.len()];
        for (signature, class) in &signatures {
            for (position, set) in self.sets.iter().enumerate() {
                let index = distinct.iter().position(|known| *known == set).unwrap_or_default();
                members[position][usize::from(*class)] = signature.get(index).copied().unwrap_or(false);
            }
        }
        Ok((ascii, ranges, classes, members))
    }
}

/// Merges states that nothing tells apart (Moore), and marks those from which everything is accepted.
fn minimal(
    source: &str,
    ascii: Vec<u8>,
    ranges: Vec<(u32, u32, u8)>,
    classes: usize,
    table: &[u32],
    accepting: &[bool],
) -> Compiled {
    let states = accepting.len();
    let next = |state: usize, class: usize| table[state * classes + class];
    let mut group: Vec<usize> = accepting.iter().map(|a| usize::from(*a)).collect();
    loop {
        let mut known: BTreeMap<(usize, Vec<Option<usize>>), usize> = BTreeMap::new();
        let refined: Vec<usize> = (0..states)
            .map(|state| {
                let row = (0..classes)
                    .map(|class| match next(state, class) {
                        DEAD => None,
                        to => Some(group[to as usize]),
                    })
                    .collect();
                let fresh = known.len();
                *known.entry((group[state], row)).or_insert(fresh)
            })
            .collect();
        let before = group.iter().collect::<BTreeSet<_>>().len();
        let after = known.len();
        group = refined;
        if after == before {
            break;
        }
    }
    // State 0 comes first, so its group has number 0.
    let groups = group.iter().max().map_or(0, |max| max + 1);
    let mut out = vec![DEAD; groups * classes];
    let mut flags = vec![0_u8; groups];
    for state in 0..states {
        let row = group[state];
        flags[row] |= if accepting[state] { ACCEPT } else { 0 };
        for class in 0..classes {
            let to = next(state, class);
            out[row * classes + class] = if to == DEAD { DEAD } else { (group[to as usize] * classes) as u32 };
        }
    }
    // A state that accepts whatever follows is not worth following. Class 0 may be that of no character at all.
    let covered: u32 = ranges.iter().map(|(first, last, _)| last - first + 1).sum();
    let used: Vec<usize> =
        (0..classes).filter(|class| *class != 0 || covered < 0x11_0000 - 128 || ascii.contains(&0)).collect();
    for state in 0..groups {
        let row = (state * classes) as u32;
        if flags[state] & ACCEPT != 0 && used.iter().all(|class| out[state * classes + class] == row) {
            out.iter_mut().filter(|to| **to == row).for_each(|to| *to = REST);
        }
    }
    let spaceless = b" \t\n\r".iter().all(|space| {
        let class = usize::from(ascii[usize::from(*space)]);
        (0..groups).all(|state| out[state * classes + class] == DEAD)
    }) && !out.contains(&REST);
    Compiled { source: source.to_owned(), ascii, ranges, classes, table: out, flags, spaceless }
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

#[cfg(test)]
mod tests {
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
}
