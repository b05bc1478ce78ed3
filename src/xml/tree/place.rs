//! Places in a text: line and column of an offset, found in constant time after one pass.

use memchr::memchr2_iter;

use crate::xml::TextPos;

const STEP: usize = 512;

/// Lines and characters counted up to every 512th octet.
#[derive(Debug)]
pub(crate) struct Lines {
    /// Line ends before the octet, and characters since the last of them.
    marks: Vec<(u32, u32)>,
}

impl Lines {
    pub(crate) fn new(text: &[u8]) -> Self {
        let mut lines = Self { marks: Vec::with_capacity(text.len() / STEP + 1) };
        lines.extend(text);
        lines
    }

    /// Goes on to the end of `text`, which has grown. The last mark may lie between a CR and an LF that has only come
    /// now, so it is made again.
    pub(crate) fn extend(&mut self, text: &[u8]) {
        self.marks.pop();
        let (mut at, mut now) = match self.marks.last() {
            None => (0, (0, 0)),
            Some(last) => {
                let at = (self.marks.len() - 1) * STEP;
                (at + STEP, advance(*last, text, at, at + STEP))
            }
        };
        loop {
            self.marks.push(now);
            let end = at + STEP;
            if end > text.len() {
                return;
            }
            now = advance(now, text, at, end);
            at = end;
        }
    }

    /// Line ends before `offset` and characters since the last of them.
    fn count(&self, text: &[u8], offset: usize) -> (u32, u32) {
        let offset = offset.min(text.len());
        let mark = offset / STEP;
        advance(self.marks[mark], text, mark * STEP, offset)
    }

    /// The place of `offset` when line 1, column 1 is at `base`.
    pub(crate) fn position(&self, text: &[u8], base: usize, offset: usize) -> TextPos {
        relative(self.count(text, base), self.count(text, offset))
    }
}

/// The place of `offset` when line 1, column 1 is at `base`, counted without an index.
pub(crate) fn position(text: &[u8], base: usize, offset: usize) -> TextPos {
    let offset = offset.min(text.len());
    relative((0, 0), advance((0, 0), text, base.min(offset), offset))
}

fn relative(base: (u32, u32), at: (u32, u32)) -> TextPos {
    let line = at.0.saturating_sub(base.0);
    let column = if line == 0 { at.1.saturating_sub(base.1) } else { at.1 };
    TextPos { line: line.saturating_add(1), column: column.saturating_add(1) }
}

/// A line ends with LF, CR LF or a lone CR (XML 1.0 §2.11).
fn advance((mut lines, mut column): (u32, u32), text: &[u8], from: usize, to: usize) -> (u32, u32) {
    let mut line_start = from;
    for found in memchr2_iter(b'\n', b'\r', &text[from..to]) {
        let at = from + found;
        if text[at] == b'\r' && text.get(at + 1) == Some(&b'\n') {
            continue;
        }
        lines = lines.saturating_add(1);
        column = 0;
        line_start = at + 1;
    }
    // Every octet but the continuation octets of UTF-8 starts a character.
    let characters = text[line_start..to].iter().filter(|byte| **byte & 0xC0 != 0x80).count();
    (lines, column.saturating_add(u32::try_from(characters).unwrap_or(u32::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_counting_agree() {
        let text = "a\u{e9}\n\r\n\rx\u{1F600}y\r".repeat(200);
        let mut lines = Lines::new(&text.as_bytes()[..STEP * 3]);
        for end in (STEP * 3..text.len()).step_by(7) {
            lines.extend(&text.as_bytes()[..end]);
        }
        lines.extend(text.as_bytes());
        assert_eq!(lines.marks, Lines::new(text.as_bytes()).marks);
        for (offset, _) in text.char_indices() {
            for base in [0, 3, 700] {
                if base <= offset && text.is_char_boundary(base) {
                    assert_eq!(
                        lines.position(text.as_bytes(), base, offset),
                        position(text.as_bytes(), base, offset),
                        "{base} {offset}"
                    );
                }
            }
        }
        let at = |offset| position("ab\r\ncd\re\u{e9}f".as_bytes(), 0, offset);
        assert_eq!(at(4), TextPos { line: 2, column: 1 });
        assert_eq!(at(10), TextPos { line: 3, column: 3 });
    }
}
