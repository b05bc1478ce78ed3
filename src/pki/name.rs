//! Distinguished names as text (RFC 4514 §2), the form that `ds:X509IssuerName` carries.

use super::Error;
use super::der::{Element, Reader, oid, tag};

/// Names that RFC 4514 §3 lists, and those that certificates in use carry beside them.
const SHORT_NAMES: &[(&str, &str)] = &[
    ("2.5.4.3", "CN"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.6", "C"),
    ("2.5.4.9", "STREET"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("0.9.2342.19200300.100.1.1", "UID"),
];

/// Turns a DER `Name` into RFC 4514 text: last RDN first, attributes of one RDN joined by `+`.
pub(crate) fn rfc4514(name: &Element<'_>) -> Result<String, Error> {
    let mut rdns = Vec::new();
    let mut sequence = name.inside("name");
    while !sequence.is_empty() {
        let mut set = sequence.expect(tag::SET)?.inside("relative name");
        let mut attributes = Vec::new();
        while !set.is_empty() {
            attributes.push(attribute(set.expect(tag::SEQUENCE)?.inside("name attribute"))?);
        }
        rdns.push(attributes.join("+"));
    }
    rdns.reverse();
    Ok(rdns.join(","))
}

fn attribute(mut reader: Reader<'_>) -> Result<String, Error> {
    let kind = reader.expect(tag::OID)?;
    let kind = oid(kind.content).ok_or_else(|| reader.malformed())?;
    let value = reader.any()?;
    let name = SHORT_NAMES.iter().find(|(oid, _)| *oid == kind).map(|(_, short)| *short);
    // RFC 4514 §2.4: a type without a short name is written with the value in hexadecimal.
    let text = match (name, text_of(&value)) {
        (Some(_), Some(text)) => escape(&text),
        _ => value.whole.iter().fold(String::from("#"), |text, octet| text + &format!("{octet:02x}")),
    };
    Ok(format!("{}={text}", name.unwrap_or(&kind)))
}

/// The characters of a string of any of the kinds that names use.
pub(crate) fn text_of(value: &Element<'_>) -> Option<String> {
    match value.tag {
        tag::UTF8_STRING | tag::PRINTABLE_STRING | tag::IA5_STRING => String::from_utf8(value.content.to_vec()).ok(),
        // T.61 in name only: everybody writes Latin-1 there.
        tag::TELETEX_STRING => Some(value.content.iter().map(|octet| char::from(*octet)).collect()),
        tag::BMP_STRING => {
            let units = value.content.chunks(2).map(|pair| match pair {
                [high, low] => Some(u16::from_be_bytes([*high, *low])),
                _ => None,
            });
            String::from_utf16(&units.collect::<Option<Vec<u16>>>()?).ok()
        }
        tag::UNIVERSAL_STRING => {
            let points = value.content.chunks(4).map(|four| match four {
                [a, b, c, d] => char::from_u32(u32::from_be_bytes([*a, *b, *c, *d])),
                _ => None,
            });
            points.collect()
        }
        _ => None,
    }
}

/// RFC 4514 §2.4: what must be escaped in a value.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let last = text.chars().count().saturating_sub(1);
    for (at, c) in text.chars().enumerate() {
        let edge_space = c == ' ' && (at == 0 || at == last);
        if matches!(c, '"' | '+' | ',' | ';' | '<' | '>' | '\\') || edge_space || (c == '#' && at == 0) {
            escaped.push('\\');
            escaped.push(c);
        } else if c.is_control() && c.is_ascii() {
            escaped.push_str(&format!("\\{:02x}", u32::from(c)));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_rfc_4514_names() {
        assert_eq!(escape(" a,b+c\"d\\e<f>g;h "), "\\ a\\,b\\+c\\\"d\\\\e\\<f\\>g\\;h\\ ");
        assert_eq!(escape("#a#"), "\\#a#");
        assert_eq!(escape("a\r\u{0}"), "a\\0d\\00");
        assert_eq!(escape("Żółć 한국"), "Żółć 한국");
        assert_eq!(escape(" "), "\\ ");
    }
}
