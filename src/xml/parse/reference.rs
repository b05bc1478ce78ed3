//! Character and entity references (XML 1.0 §4.1, §4.6).

use super::super::chars;
use super::parser::Parser;
use crate::xml::Error;

/// What a reference stands for.
pub(super) enum Reference {
    Character(char),
    /// A general entity: where its name stands.
    Entity(usize, usize),
}

impl Parser<'_> {
    /// Reads the reference at `at` (an `&`) and gives the place after it.
    pub fn reference(&self, at: usize) -> Result<(Reference, usize), Error> {
        if self.byte(at + 1) == Some(b'#') {
            return self.character_reference(at);
        }
        let end = self.ncname(at + 1, "a name after &")?;
        if self.byte(end) != Some(b';') {
            return Err(self.expected(end, "; at the end of a reference"));
        }
        let reference = match &self.bytes[at + 1..end] {
            b"lt" => Reference::Character('<'),
            b"gt" => Reference::Character('>'),
            b"amp" => Reference::Character('&'),
            b"quot" => Reference::Character('"'),
            b"apos" => Reference::Character('\''),
            _ => Reference::Entity(at + 1, end),
        };
        Ok((reference, end + 1))
    }

    fn character_reference(&self, at: usize) -> Result<(Reference, usize), Error> {
        let (radix, from) = if self.byte(at + 2) == Some(b'x') { (16, at + 3) } else { (10, at + 2) };
        let mut value: u32 = 0;
        let mut end = from;
        while let Some(digit) = self.byte(end).and_then(|b| char::from(b).to_digit(radix)) {
            // Leading zeros are allowed without end; a value that is too large stays too large.
            value = value.saturating_mul(radix).saturating_add(digit);
            end += 1;
        }
        if end == from || self.byte(end) != Some(b';') {
            return Err(self.expected(end, "digits and ; in a character reference"));
        }
        match char::from_u32(value).filter(|c| chars::is_char(*c)) {
            Some(c) => Ok((Reference::Character(c), end + 1)),
            None => Err(self.error(at, "this character reference names no character that XML allows")),
        }
    }

    /// A reference in content, at `self.at`.
    pub fn content_reference(&mut self) -> Result<(), Error> {
        let at = self.at;
        let (reference, end) = self.reference(at)?;
        match reference {
            Reference::Character(c) => {
                // Only these are written so in a canonical form.
                if !matches!(&self.bytes[at..end], b"&lt;" | b"&gt;" | b"&amp;" | b"&#xD;") {
                    self.not_canonical();
                }
                self.keep_text(c.encode_utf8(&mut [0; 4]), at);
                self.at = end;
                Ok(())
            }
            Reference::Entity(from, to) => {
                let name = self.source[from..to].to_owned();
                Err(self.error(at, format!("entity {name} is not declared")))
            }
        }
    }

    /// Whether the innermost open element was opened in the source being read.
    pub fn at_home(&self) -> bool {
        true
    }

    /// At the end of an entity, goes back to where its reference stood; false at the end of the text itself.
    pub fn leave_entity(&mut self) -> Result<bool, Error> {
        Ok(false)
    }

    /// The place in the text that ends what was read up to `at`.
    #[inline]
    pub fn place_end(&self, at: usize) -> u32 {
        at as u32
    }
}
