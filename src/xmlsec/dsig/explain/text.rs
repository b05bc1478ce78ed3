//! Changes that stacks and editors make to XML as text: line ends, white space between tags, empty tags.
//!
//! They work on octets that were well-formed XML a moment ago, the canonical form of an element or the element as it
//! stands, by its tags alone. Each gives nothing where it would change nothing.

use std::ops::Range;

/// A piece of XML text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Piece {
    Start,
    End,
    /// `<a/>`
    Empty,
    /// Comment or processing instruction.
    Aside,
    Text,
}

/// The pieces of `octets` in order; none when a tag does not end.
fn pieces(octets: &[u8]) -> Option<Vec<(Piece, Range<usize>)>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < octets.len() {
        let rest = octets.get(at..)?;
        let (piece, len) = if rest.first() != Some(&b'<') {
            (Piece::Text, memchr::memchr(b'<', rest).unwrap_or(rest.len()))
        } else if rest.starts_with(b"<!--") {
            (Piece::Aside, memchr::memmem::find(rest, b"-->")? + 3)
        } else if rest.starts_with(b"<?") {
            (Piece::Aside, memchr::memmem::find(rest, b"?>")? + 2)
        } else if rest.starts_with(b"<![CDATA[") {
            (Piece::Text, memchr::memmem::find(rest, b"]]>")? + 3)
        } else {
            let len = tag_len(rest)?;
            let piece = match (rest.get(1), rest.get(len - 2)) {
                (Some(b'/'), _) => Piece::End,
                (_, Some(b'/')) => Piece::Empty,
                _ => Piece::Start,
            };
            (piece, len)
        };
        found.push((piece, at..at + len));
        at += len;
    }
    Some(found)
}

/// Octets of the tag that `rest` begins with: `>` may stand inside of quotes.
fn tag_len(rest: &[u8]) -> Option<usize> {
    let mut quote = None;
    for (at, octet) in rest.iter().enumerate() {
        match (quote, octet) {
            (None, b'>') => return Some(at + 1),
            (None, b'"' | b'\'') => quote = Some(*octet),
            (Some(open), octet) if open == *octet => quote = None,
            _ => {}
        }
    }
    None
}

fn is_blank(octets: &[u8]) -> bool {
    let mut rest = octets;
    while let Some(first) = rest.first() {
        if matches!(first, b' ' | b'\t' | b'\r' | b'\n') {
            rest = &rest[1..];
        } else if rest.starts_with(b"&#xD;") {
            rest = &rest[5..];
        } else {
            return false;
        }
    }
    true
}

/// For each piece, whether it is white space between the tags of an element that holds no other text.
fn between_tags(octets: &[u8], pieces: &[(Piece, Range<usize>)]) -> Vec<bool> {
    struct Open {
        blanks: Vec<usize>,
        elements: bool,
        text: bool,
    }
    let mut marked = vec![false; pieces.len()];
    let mut open = vec![Open { blanks: Vec::new(), elements: false, text: false }];
    for (number, (piece, range)) in pieces.iter().enumerate() {
        let Some(top) = open.last_mut() else { break };
        match piece {
            Piece::Start => {
                top.elements = true;
                open.push(Open { blanks: Vec::new(), elements: false, text: false });
            }
            Piece::Empty | Piece::Aside => top.elements = true,
            Piece::Text if is_blank(&octets[range.clone()]) => top.blanks.push(number),
            Piece::Text => top.text = true,
            Piece::End => {
                let Some(closed) = open.pop() else { break };
                if closed.elements && !closed.text {
                    closed.blanks.into_iter().for_each(|blank| marked[blank] = true);
                }
            }
        }
    }
    marked
}

fn changed(octets: &[u8], new: Vec<u8>) -> Option<Vec<u8>> {
    (new != octets).then_some(new)
}

/// Without the white space between tags.
pub(super) fn compact(octets: &[u8]) -> Option<Vec<u8>> {
    let pieces = pieces(octets)?;
    let blanks = between_tags(octets, &pieces);
    let mut out = Vec::with_capacity(octets.len());
    for ((_, range), blank) in pieces.iter().zip(blanks) {
        if !blank {
            out.extend_from_slice(&octets[range.clone()]);
        }
    }
    changed(octets, out)
}

/// Every tag in elements of tags alone on a line of its own. `depth` is how far the outermost element is indented.
pub(super) fn pretty(octets: &[u8], indent: &str, depth: usize, line_end: &str) -> Option<Vec<u8>> {
    let compacted = compact(octets);
    let octets = compacted.as_deref().unwrap_or(octets);
    let pieces = pieces(octets)?;
    let mixed = holds_text(octets, &pieces);
    let mut out = Vec::with_capacity(octets.len() * 2);
    // Whether the element that is open has a line for each child, and whether it has had one.
    let mut open: Vec<(bool, bool)> = Vec::new();
    let line = |out: &mut Vec<u8>, depth: usize| {
        out.extend_from_slice(line_end.as_bytes());
        (0..depth).for_each(|_| out.extend_from_slice(indent.as_bytes()));
    };
    for (number, (piece, range)) in pieces.iter().enumerate() {
        let level = depth + open.len();
        match piece {
            Piece::Start | Piece::Empty | Piece::Aside => {
                if let Some((lines, had)) = open.last_mut()
                    && *lines
                {
                    *had = true;
                    line(&mut out, level);
                }
                out.extend_from_slice(&octets[range.clone()]);
                if *piece == Piece::Start {
                    open.push((!mixed[number], false));
                }
            }
            Piece::End => {
                if open.pop()?.1 {
                    line(&mut out, level - 1);
                }
                out.extend_from_slice(&octets[range.clone()]);
            }
            Piece::Text => out.extend_from_slice(&octets[range.clone()]),
        }
    }
    changed(octets, out)
}

/// For each start tag, whether its element holds text of its own.
fn holds_text(octets: &[u8], pieces: &[(Piece, Range<usize>)]) -> Vec<bool> {
    let mut mixed = vec![false; pieces.len()];
    let mut open = Vec::new();
    for (number, (piece, range)) in pieces.iter().enumerate() {
        match piece {
            Piece::Start => open.push(number),
            Piece::End => {
                open.pop();
            }
            Piece::Text if !octets[range.clone()].is_empty() => {
                if let Some(at) = open.last() {
                    mixed[*at] = true;
                }
            }
            _ => {}
        }
    }
    mixed
}

/// Text of elements that hold text alone, without white space at its ends.
pub(super) fn trimmed(octets: &[u8]) -> Option<Vec<u8>> {
    let pieces = pieces(octets)?;
    let mut out = Vec::with_capacity(octets.len());
    for (number, (piece, range)) in pieces.iter().enumerate() {
        let piece_before = number.checked_sub(1).and_then(|before| pieces.get(before)).map(|(piece, _)| *piece);
        let piece_after = pieces.get(number + 1).map(|(piece, _)| *piece);
        let is_leaf = *piece == Piece::Text && piece_before == Some(Piece::Start) && piece_after == Some(Piece::End);
        let text = &octets[range.clone()];
        out.extend_from_slice(if is_leaf { text.trim_ascii() } else { text });
    }
    changed(octets, out)
}

/// `<a></a>` written `<a/>`.
pub(super) fn empty_tags(octets: &[u8]) -> Option<Vec<u8>> {
    let pieces = pieces(octets)?;
    let mut out = Vec::with_capacity(octets.len());
    let mut skip = false;
    for (number, (piece, range)) in pieces.iter().enumerate() {
        if std::mem::take(&mut skip) {
            continue;
        }
        let text = &octets[range.clone()];
        if *piece == Piece::Start && pieces.get(number + 1).is_some_and(|(next, _)| *next == Piece::End) {
            out.extend_from_slice(text.strip_suffix(b">").unwrap_or(text));
            out.extend_from_slice(b"/>");
            skip = true;
        } else {
            out.extend_from_slice(text);
        }
    }
    changed(octets, out)
}

/// Every `from` replaced by `to`.
pub(super) fn replaced(octets: &[u8], from: &[u8], to: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(octets.len());
    let mut last = 0;
    for at in memchr::memmem::find_iter(octets, from) {
        out.extend_from_slice(&octets[last..at]);
        out.extend_from_slice(to);
        last = at + from.len();
    }
    out.extend_from_slice(&octets[last..]);
    changed(octets, out)
}

/// `declarations` added to the first tag, but for prefixes that it declares itself.
pub(super) fn declared(octets: &[u8], declarations: &[(&str, &str)]) -> Option<Vec<u8>> {
    let tag = octets.get(..tag_len(octets)?)?;
    let name_end = tag.iter().position(|octet| octet.is_ascii_whitespace() || matches!(octet, b'>' | b'/'))?;
    let name_end = if name_end == 0 { return None } else { name_end };
    let mut out = octets.get(..name_end)?.to_vec();
    for (prefix, uri) in declarations {
        let name = if prefix.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{prefix}") };
        let has = tag.windows(name.len() + 2).any(|window| {
            window[0].is_ascii_whitespace() && window[1..].starts_with(name.as_bytes()) && window.ends_with(b"=")
        });
        if has {
            continue;
        }
        out.extend_from_slice(format!(" {name}=\"").as_bytes());
        crate::xml::escape::push_value(&mut out, uri);
        out.push(b'"');
    }
    out.extend_from_slice(octets.get(name_end..)?);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(octets: Option<Vec<u8>>) -> Option<String> {
        octets.map(|octets| String::from_utf8(octets).unwrap())
    }

    #[test]
    fn white_space_between_tags_goes_and_comes_and_text_stays() {
        let lines = b"<a x=\">\">\n  <b> t </b>\n  <c></c>\n  <m>x <n></n> </m>\n</a>";
        let one = "<a x=\">\"><b> t </b><c></c><m>x <n></n> </m></a>";
        assert_eq!(text(compact(lines)).as_deref(), Some(one));
        assert_eq!(compact(one.as_bytes()), None);
        let again = text(pretty(one.as_bytes(), "  ", 0, "\n"));
        assert_eq!(again.as_deref(), std::str::from_utf8(lines).ok());
        assert_eq!(
            text(pretty(lines, "\t", 1, "\r\n")).as_deref(),
            Some("<a x=\">\">\r\n\t\t<b> t </b>\r\n\t\t<c></c>\r\n\t\t<m>x <n></n> </m>\r\n\t</a>")
        );
    }

    #[test]
    fn leaves_are_trimmed_and_tags_are_shortened() {
        assert_eq!(text(trimmed(b"<a> <b> t </b></a>")).as_deref(), Some("<a> <b>t</b></a>"));
        assert_eq!(trimmed(b"<a><b>t</b></a>"), None);
        assert_eq!(text(empty_tags(b"<a><b></b> <c>x</c></a>")).as_deref(), Some("<a><b/> <c>x</c></a>"));
        assert_eq!(text(replaced(b"a\nb\n", b"\n", b"\r\n")).as_deref(), Some("a\r\nb\r\n"));
        assert_eq!(replaced(b"ab", b"\n", b"\r\n"), None);
    }

    #[test]
    fn declarations_join_the_first_tag_once() {
        let added = declared(b"<p:a xmlns:p=\"u\" b=\"1\"><c/></p:a>", &[("p", "u"), ("q", "v&w"), ("", "d")]);
        assert_eq!(
            text(added).as_deref(),
            Some("<p:a xmlns:q=\"v&amp;w\" xmlns=\"d\" xmlns:p=\"u\" b=\"1\"><c/></p:a>")
        );
    }

    #[test]
    fn what_does_not_end_changes_nothing() {
        for broken in [&b"<a"[..], b"<a x=\"", b"<!-- ", b"<?x", b"<a><![CDATA["] {
            assert_eq!(compact(broken), None);
            assert_eq!(pretty(broken, " ", 0, "\n"), None);
            assert_eq!(trimmed(broken), None);
        }
        assert_eq!(pretty(b"</a>", " ", 0, "\n"), None);
    }
}
