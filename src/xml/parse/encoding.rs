//! Octets to characters: byte order marks, the encoding declaration (XML 1.0 §4.3.3 and appendix F), allowed characters.
//!
//! UTF-8 stays where it is. UTF-16, ISO-8859-1 and US-ASCII are converted; every other encoding is refused by its name.

use std::ops::Range;

use super::super::chars;
use crate::xml::tree::arena::TEXT_MAX;
use crate::xml::tree::place::position;
use crate::xml::{Error, TextPos};

/// A text all of whose characters XML allows.
pub(super) struct Decoded {
    pub text: String,
    /// Where it starts, after a byte order mark.
    pub start: usize,
    /// Where the name of an encoding stands that is no longer the right one.
    pub foreign: Option<Range<usize>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Ascii,
    Utf16Be,
    Utf16Le,
}

/// Reads `octets` as their mark or their declaration says.
pub(super) fn decode(octets: Vec<u8>) -> Result<Decoded, Error> {
    if octets.starts_with(&[0x4C, 0x6F, 0xA7, 0x94]) {
        return Err(refuse("EBCDIC is not supported: expected UTF-8, UTF-16, ISO-8859-1 or US-ASCII".to_owned()));
    }
    let (family, mark) = sniff(&octets);
    let decoded = match family {
        Family::Ascii => decode_ascii(octets, mark)?,
        Family::Utf16Be | Family::Utf16Le => decode_utf16(&octets[mark..], family == Family::Utf16Be, mark > 0)?,
    };
    if let Some(at) = chars::first_forbidden(&decoded.text) {
        let c = decoded.text[at..].chars().next().map_or(0, u32::from);
        let at = position(decoded.text.as_bytes(), decoded.start, at);
        return Err(Error::NotWellFormed { what: format!("character U+{c:04X} is not allowed in XML"), at });
    }
    Ok(decoded)
}

/// The family of encodings, told by the first octets, and the length of a byte order mark.
fn sniff(octets: &[u8]) -> (Family, usize) {
    match octets {
        [0xEF, 0xBB, 0xBF, ..] => (Family::Ascii, 3),
        [0xFE, 0xFF, ..] => (Family::Utf16Be, 2),
        [0xFF, 0xFE, ..] => (Family::Utf16Le, 2),
        [0, b'<', 0, b'?', ..] => (Family::Utf16Be, 0),
        [b'<', 0, b'?', 0, ..] => (Family::Utf16Le, 0),
        _ => (Family::Ascii, 0),
    }
}

fn decode_ascii(octets: Vec<u8>, mark: usize) -> Result<Decoded, Error> {
    let declared = declared_encoding(&octets[mark..]);
    let name = declared.as_ref().map_or("UTF-8", |(name, _)| *name);
    if name.eq_ignore_ascii_case("UTF-8") || name.eq_ignore_ascii_case("UTF8") {
        return Ok(Decoded { text: utf8(octets, mark)?, start: mark, foreign: None });
    }
    if mark > 0 {
        return Err(contradiction(name, "UTF-8"));
    }
    let foreign = declared.as_ref().map(|(_, range)| range.clone());
    let latin1 = ["ISO-8859-1", "ISO_8859-1", "ISO8859-1", "LATIN1", "L1"].iter().any(|n| name.eq_ignore_ascii_case(n));
    let ascii = ["US-ASCII", "ASCII", "ANSI_X3.4-1968"].iter().any(|n| name.eq_ignore_ascii_case(n));
    if latin1 || ascii {
        let limit = if ascii { 0x7F } else { 0xFF };
        if let Some(at) = octets.iter().position(|octet| *octet > limit) {
            let what = format!("octet 0x{:02X} is not in US-ASCII", octets[at]);
            return Err(Error::NotWellFormed { what, at: position(&octets, 0, at) });
        }
        let text: String = octets.iter().map(|octet| char::from(*octet)).collect();
        return checked(Decoded { text, start: 0, foreign });
    }
    let name: String = name.chars().take(40).collect();
    let unsupported = matches!(name.to_ascii_uppercase().as_str(), "UTF-16" | "UTF-16LE" | "UTF-16BE");
    if unsupported {
        return Err(contradiction(&name, "an encoding of single octets"));
    }
    Err(refuse(format!("encoding {name:?} is not supported: expected UTF-8, UTF-16, ISO-8859-1 or US-ASCII")))
}

fn utf8(octets: Vec<u8>, mark: usize) -> Result<String, Error> {
    String::from_utf8(octets).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let octets = error.as_bytes();
        let what = format!("octet 0x{:02X} is not UTF-8", octets.get(at).copied().unwrap_or(0));
        Error::NotWellFormed { what, at: position(octets, mark.min(at), at) }
    })
}

fn decode_utf16(octets: &[u8], big_endian: bool, marked: bool) -> Result<Decoded, Error> {
    let unit = |pair: &[u8]| {
        if big_endian { u16::from_be_bytes([pair[0], pair[1]]) } else { u16::from_le_bytes([pair[0], pair[1]]) }
    };
    let units = octets.chunks_exact(2);
    if !units.remainder().is_empty() {
        return Err(refuse("UTF-16 text ends in the middle of a character".to_owned()));
    }
    let mut text = String::with_capacity(octets.len() / 2 + octets.len() / 8);
    for c in char::decode_utf16(units.map(unit)) {
        let Ok(c) = c else {
            let at = position(text.as_bytes(), 0, text.len());
            return Err(Error::NotWellFormed { what: "half of a surrogate pair in UTF-16".to_owned(), at });
        };
        text.push(c);
    }
    let declared = declared_encoding(text.as_bytes()).map(|(name, range)| (name.to_ascii_uppercase(), range));
    let fits = match declared.as_ref().map(|(name, _)| name.as_str()) {
        None => marked,
        Some("UTF-16") => true,
        Some("UTF-16BE") => big_endian,
        Some("UTF-16LE") => !big_endian,
        Some(_) => false,
    };
    if !fits {
        return Err(contradiction(declared.as_ref().map_or("none", |(name, _)| name), "UTF-16"));
    }
    checked(Decoded { text, start: 0, foreign: declared.map(|(_, range)| range) })
}

fn checked(decoded: Decoded) -> Result<Decoded, Error> {
    if decoded.text.len() > TEXT_MAX {
        let at = TextPos { line: 1, column: 1 };
        return Err(Error::Limit { what: "octets of the document", limit: TEXT_MAX, at });
    }
    Ok(decoded)
}

/// The name in the encoding declaration; the strict look at the declaration comes with the prolog.
fn declared_encoding(octets: &[u8]) -> Option<(&str, Range<usize>)> {
    // `<?xmlx ...?>` is an instruction like any other.
    let declaration =
        octets.strip_prefix(b"<?xml").filter(|rest| rest.first().is_some_and(|b| chars::is(*b, chars::SPACE)))?;
    let end = memchr::memchr(b'>', &declaration[..declaration.len().min(1024)])?;
    let declaration = &declaration[..end];
    let after_name = memchr::memmem::find(declaration, b"encoding")? + b"encoding".len();
    let skip = |mut at: usize| {
        while declaration.get(at).is_some_and(|b| chars::is(*b, chars::SPACE)) {
            at += 1;
        }
        at
    };
    let equals = skip(after_name);
    (declaration.get(equals) == Some(&b'=')).then_some(())?;
    let open = skip(equals + 1);
    let quote = *declaration.get(open).filter(|b| matches!(b, b'"' | b'\''))?;
    let length = memchr::memchr(quote, &declaration[open + 1..])?;
    let name = std::str::from_utf8(&declaration[open + 1..open + 1 + length]).ok()?;
    let start = b"<?xml".len() + open + 1;
    Some((name, start..start + length))
}

fn contradiction(declared: &str, found: &str) -> Error {
    refuse(format!("declared encoding {declared:?} contradicts the octets, which are {found}"))
}

fn refuse(what: String) -> Error {
    Error::NotWellFormed { what, at: TextPos { line: 1, column: 1 } }
}
