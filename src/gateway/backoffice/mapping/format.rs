//! Octets of the foreign side to trees, and back: encodings, JSON, the wrapper of OpenAttestation. CSV and XML stand beside.

use std::borrow::Cow;

use encoding_rs::{DecoderResult, EUC_KR, Encoding, GB18030, UTF_8, WINDOWS_874, WINDOWS_1251};

use super::file::Format;
use super::{Error, Mapping, csv, xml};
use crate::base::limits;
use crate::contract::json::{self, Kind, Member, Value};

/// An encoding that a mapping file may declare.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Charset {
    encoding: &'static Encoding,
    /// Its name in our words.
    pub name: &'static str,
}

impl Charset {
    /// The encoding that a mapping file, or the declaration of an XML document, names.
    pub fn of(label: &str) -> Option<Self> {
        let (encoding, name) = match label.to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" => (UTF_8, "UTF-8"),
            "cp949" | "euc-kr" | "ks_c_5601-1987" | "windows-949" => (EUC_KR, "CP949"),
            "gb18030" | "gbk" | "gb2312" => (GB18030, "GB18030"),
            "tis-620" | "windows-874" => (WINDOWS_874, "TIS-620"),
            "windows-1251" | "cp1251" => (WINDOWS_1251, "Windows-1251"),
            _ => return None,
        };
        Some(Self { encoding, name })
    }

    /// Its name in an XML declaration.
    pub fn label(self) -> &'static str {
        self.encoding.name()
    }

    fn is_utf8(self) -> bool {
        self.encoding == UTF_8
    }

    /// The text of `octets`. A byte order mark is taken off UTF-8 and refused elsewhere.
    fn decode(self, octets: &[u8]) -> Result<Cow<'_, str>, Error> {
        let octets = match octets.strip_prefix(b"\xEF\xBB\xBF") {
            Some(rest) if self.is_utf8() => rest,
            Some(_) => return source(format!("1:1: expected {}, came the byte order mark of UTF-8", self.name)),
            None => octets,
        };
        let Some(text) = self.encoding.decode_without_bom_handling_and_without_replacement(octets) else {
            return self.told(octets, self.malformed(octets));
        };
        // Octets without a character become controls in the tables of the web; there is no such text.
        if self.encoding.is_single_byte()
            && let Some(character) = text.chars().position(|c| ('\u{80}'..='\u{9F}').contains(&c))
        {
            return self.told(octets, character);
        }
        Ok(text)
    }

    /// Where the first octets stand that are no character.
    fn malformed(self, octets: &[u8]) -> usize {
        let mut decoder = self.encoding.new_decoder_without_bom_handling();
        let (mut buffer, mut at) = ([0; 4096], 0);
        loop {
            let rest = octets.get(at..).unwrap_or_default();
            let (result, read, _) = decoder.decode_to_utf8_without_replacement(rest, &mut buffer, true);
            at += read;
            match result {
                DecoderResult::OutputFull if read > 0 => {}
                DecoderResult::Malformed(length, after) => return at.saturating_sub(usize::from(length + after)),
                _ => return at,
            }
        }
    }

    fn told<T>(self, octets: &[u8], at: usize) -> Result<T, Error> {
        let before = octets.get(..at).unwrap_or_default();
        let line = before.iter().filter(|octet| **octet == b'\n').count() + 1;
        let came = octets.get(at).map_or_else(|| "the end".to_owned(), |octet| format!("{octet:#04x}"));
        source(format!("line {line}, octet {at}: expected {}, came {came}, which is none", self.name))
    }

    /// The octets of `text`.
    fn encode(self, text: &str) -> Result<Vec<u8>, Error> {
        match self.encoding.encode(text) {
            (octets, _, false) => Ok(octets.into_owned()),
            _ => {
                let lacks = |c: &char| self.encoding.encode(c.encode_utf8(&mut [0; 4])).2;
                let missing = text.chars().find(lacks).unwrap_or_default();
                Err(Error::Target(format!("expected characters that {} has, came {missing:?}", self.name)))
            }
        }
    }

    /// The octets of XML, in which a character that the encoding has not is a reference to it (XML 1.0 section 4.1).
    fn encode_xml(self, text: &str) -> Vec<u8> {
        self.encoding.encode(text).0.into_owned()
    }

    /// Whether it has every character of `text`.
    pub fn has(self, text: &str) -> bool {
        !self.encoding.encode(text).2
    }
}

pub(super) fn source<T>(what: impl Into<String>) -> Result<T, Error> {
    Err(Error::Source(what.into()))
}

/// Trees of the documents in `octets`.
pub(super) fn read(mapping: &Mapping, octets: &[u8]) -> Result<Vec<Value>, Error> {
    if octets.len() > limits::MESSAGE_BYTES_MAX {
        return source(format!("expected at most {} octets, came {}", limits::MESSAGE_BYTES_MAX, octets.len()));
    }
    let text = mapping.charset.decode(octets)?;
    match (mapping.format, &mapping.raw.csv) {
        (Format::Csv, Some(csv)) => csv::read(csv, &text),
        (Format::Xml, _) => Ok(vec![xml::read(mapping, &text)?]),
        _ => {
            let tree = json::parse(text.as_bytes()).map_err(|error| Error::Source(error.to_string()))?;
            match tree.kind {
                _ if mapping.raw.openattestation => Ok(vec![unwrapped(tree)]),
                Kind::List(values) => Ok(values),
                _ => Ok(vec![tree]),
            }
        }
    }
}

/// The octets of a tree.
pub(super) fn write(mapping: &Mapping, tree: &Value) -> Result<Vec<u8>, Error> {
    match (mapping.format, &mapping.raw.csv) {
        (Format::Csv, Some(csv)) => mapping.charset.encode(&csv::write(csv, tree)?),
        (Format::Xml, _) => Ok(mapping.charset.encode_xml(&xml::write(mapping, tree)?)),
        _ => mapping.charset.encode(&tree.to_pretty_text()),
    }
}

// ---- OpenAttestation -------------------------------------------------------------------------------------------------

/// The data of a wrapped document of OpenAttestation 2, the salt of its values taken off; any other tree as it is.
fn unwrapped(tree: Value) -> Value {
    match (tree.member("data"), tree.member("signature")) {
        (Some(data), Some(_)) => unsalted(data),
        _ => tree,
    }
}

fn unsalted(value: &Value) -> Value {
    let kind = match &value.kind {
        Kind::Text(text) => plain(text).unwrap_or_else(|| value.kind.clone()),
        Kind::List(values) => Kind::List(values.iter().map(unsalted).collect()),
        Kind::Object(members) => {
            Kind::Object(members.iter().map(|m| Member { value: unsalted(&m.value), ..m.clone() }).collect())
        }
        other => other.clone(),
    };
    Value { place: value.place, kind }
}

/// `uuid:type:value`.
fn plain(text: &str) -> Option<Kind> {
    let mut parts = text.splitn(3, ':');
    let (salt, kind, value) = (parts.next()?, parts.next()?, parts.next()?);
    let salted = salt.len() == 36 && salt.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    match kind {
        _ if !salted => None,
        "string" => Some(Kind::Text(value.to_owned())),
        "number" => Some(Kind::Number(value.to_owned())),
        "boolean" => Some(Kind::Bool(value == "true")),
        "null" | "undefined" => Some(Kind::Null),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_of_another_encoding_are_refused_with_their_place() {
        for (label, text, wrong, at) in [
            ("UTF-8", "강판 钢板", &b"a\n\xB0\xAD"[..], "line 2, octet 2: expected UTF-8, came 0xb0"),
            ("CP949", "강판 힣 뷁", b"ab\xFF", "line 1, octet 2: expected CP949, came 0xff"),
            ("GB18030", "钢板 \u{1F600}", b"\xFF", "octet 0: expected GB18030"),
            ("TIS-620", "ไทย", b"\n\n\xDB", "line 3, octet 2: expected TIS-620, came 0xdb"),
            ("Windows-1251", "Сталь Ђ", b"x\x98", "line 1, octet 1: expected Windows-1251, came 0x98"),
        ] {
            let charset = Charset::of(label).unwrap();
            let octets = charset.encode(text).unwrap();
            assert_eq!(charset.decode(&octets).unwrap(), text, "{label}");
            let told = charset.decode(wrong).unwrap_err().to_string();
            assert!(told.contains(at), "{label}: {told}");
            let mut marked = b"\xEF\xBB\xBF".to_vec();
            marked.extend(&octets);
            assert_eq!(charset.decode(&marked).is_ok(), label == "UTF-8", "{label} with a byte order mark");
        }
        let told = Charset::of("cp1251").unwrap().encode("a 강").unwrap_err().to_string();
        assert_eq!(told, "expected characters that Windows-1251 has, came '강'");
    }
}
