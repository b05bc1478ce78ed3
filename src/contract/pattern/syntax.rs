//! The grammar of patterns (Appendix F): characters, classes, quantities.

use super::Error;

/// Characters, as sorted ranges that do not touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Set(pub(super) Vec<(u32, u32)>);

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

pub(super) enum Node {
    Empty,
    Chars(Set),
    Sequence(Vec<Node>),
    Choice(Vec<Node>),
    Repeat(Box<Node>, u32, Option<u32>),
}

/// Reads `pattern` by its grammar.
///
/// # Errors
/// [`Error::Syntax`], and [`Error::TooLarge`] for what could not be counted.
pub(super) fn parse(pattern: &str) -> Result<Node, Error> {
    Parser { pattern, chars: pattern.chars().collect(), at: 0, depth: 0 }.parse()
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
