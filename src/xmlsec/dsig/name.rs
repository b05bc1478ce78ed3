//! Distinguished names as text (RFC 4514, and what older software writes) compared with those of certificates.
//!
//! Compared as lists of attribute and value: attribute names by what they mean, values without regard to case and to
//! runs of blanks (X.520 caseIgnoreMatch), the whole in the order of RFC 4514 (last component first) or in that of the
//! certificate, since both are met in signatures.

use openssl::asn1::Asn1Object;
use openssl::nid::Nid;
use openssl::x509::X509NameRef;

/// A component: what the attribute means, and its value in comparable form.
type Component = (String, String);

/// Whether `text` is the name of `name`.
#[must_use]
pub fn matches(text: &str, name: &X509NameRef) -> bool {
    let Some(mut wanted) = parse(text) else { return false };
    let mut had: Vec<Component> = name
        .entries()
        .map(|entry| {
            let value = match entry.data().to_string() {
                Ok(value) => comparable(&value),
                Err(_) => String::from_utf8_lossy(entry.data().as_slice()).into_owned(),
            };
            (meaning(entry.object().nid(), &entry.object().to_string()), value)
        })
        .collect();
    if wanted == had {
        return true;
    }
    had.reverse();
    if wanted == had {
        return true;
    }
    // Components joined by `+` form a set, whose order DER fixes and text does not.
    text.contains('+') && {
        wanted.sort();
        had.sort();
        wanted == had
    }
}

fn meaning(nid: Nid, otherwise: &str) -> String {
    if nid == Nid::UNDEF { otherwise.to_owned() } else { nid.as_raw().to_string() }
}

fn comparable(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// Splits into components; none when it is no distinguished name.
fn parse(text: &str) -> Option<Vec<Component>> {
    let mut components = Vec::new();
    // At the end a blank may belong to the last value: `\ `.
    let mut rest = text.trim_start();
    if rest.len() > 8_192 {
        return None;
    }
    while !rest.is_empty() {
        let (attribute, after) = rest.split_once('=')?;
        let attribute = attribute_meaning(attribute.trim())?;
        let (value, after) = value(after)?;
        components.push((attribute, value));
        rest = after.trim_start();
        if components.len() > 128 {
            return None;
        }
    }
    Some(components)
}

fn attribute_meaning(attribute: &str) -> Option<String> {
    let upper = attribute.to_ascii_uppercase();
    let known = match upper.as_str() {
        "CN" => Nid::COMMONNAME,
        "C" => Nid::COUNTRYNAME,
        "L" => Nid::LOCALITYNAME,
        "ST" | "S" | "SP" => Nid::STATEORPROVINCENAME,
        "O" => Nid::ORGANIZATIONNAME,
        "OU" => Nid::ORGANIZATIONALUNITNAME,
        "E" | "EMAIL" | "EMAILADDRESS" => Nid::PKCS9_EMAILADDRESS,
        "DC" => Nid::DOMAINCOMPONENT,
        "UID" => Nid::USERID,
        "SERIALNUMBER" => Nid::SERIALNUMBER,
        "T" | "TITLE" => Nid::TITLE,
        "SN" | "SURNAME" => Nid::SURNAME,
        "G" | "GN" | "GIVENNAME" => Nid::GIVENNAME,
        "DNQ" | "DNQUALIFIER" => Nid::DNQUALIFIER,
        "STREET" | "STREETADDRESS" => Nid::from_raw(660),
        _ => {
            let plain = attribute.strip_prefix("OID.").or_else(|| attribute.strip_prefix("oid.")).unwrap_or(attribute);
            let legal = plain.bytes().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-'));
            if plain.is_empty() || plain.len() > 64 || !legal {
                return None;
            }
            let object = Asn1Object::from_str(plain).ok()?;
            return Some(meaning(object.nid(), plain));
        }
    };
    Some(meaning(known, attribute))
}

/// A value up to the next separator, and what follows the separator.
fn value(text: &str) -> Option<(String, &str)> {
    let text = text.trim_start();
    if let Some(hex) = text.strip_prefix('#') {
        let end = hex.find([',', ';', '+']).unwrap_or(hex.len());
        let value = from_ber(&octets_of_hex(hex.get(..end)?.trim())?)?;
        return Some((comparable(&value), hex.get(end + 1..).unwrap_or("")));
    }
    let mut octets = Vec::new();
    // Octets up to which trailing blanks are part of the value because they were escaped or quoted.
    let mut kept = 0;
    let mut quoted = false;
    let mut chars = text.char_indices();
    let mut end = text.len();
    while let Some((at, char)) = chars.next() {
        match char {
            '\\' => {
                let (_, first) = chars.next()?;
                let second = text.get(at + 2..).and_then(|rest| rest.chars().next());
                match (first.to_digit(16), second.and_then(|second| second.to_digit(16))) {
                    (Some(high), Some(low)) => {
                        chars.next();
                        octets.push(u8::try_from(high * 16 + low).ok()?);
                    }
                    _ => push(first, &mut octets),
                }
                kept = octets.len();
            }
            '"' => {
                quoted = !quoted;
                kept = octets.len();
            }
            ',' | ';' | '+' if !quoted => {
                end = at;
                break;
            }
            _ => push(char, &mut octets),
        }
    }
    if quoted {
        return None;
    }
    while octets.len() > kept && octets.last() == Some(&b' ') {
        octets.pop();
    }
    Some((comparable(&String::from_utf8(octets).ok()?), text.get(end + 1..).unwrap_or("")))
}

fn push(char: char, octets: &mut Vec<u8>) {
    octets.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
}

fn octets_of_hex(hex: &str) -> Option<Vec<u8>> {
    if !hex.len().is_multiple_of(2) || !hex.is_ascii() {
        return None;
    }
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()).collect()
}

/// The text of a BER string of one of the usual kinds, in the short form of length.
fn from_ber(ber: &[u8]) -> Option<String> {
    let (&tag, rest) = ber.split_first()?;
    let (&length, content) = rest.split_first()?;
    if usize::from(length) != content.len() {
        return None;
    }
    match tag {
        0x0c | 0x12 | 0x13 | 0x16 | 0x1a => String::from_utf8(content.to_vec()).ok(),
        0x14 => Some(content.iter().map(|octet| char::from(*octet)).collect()),
        0x1e => {
            let units: Vec<u16> = content.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
            String::from_utf16(&units).ok()
        }
        0x1c if content.len().is_multiple_of(4) => content
            .chunks_exact(4)
            .map(|four| char::from_u32(u32::from_be_bytes([four[0], four[1], four[2], four[3]])))
            .collect(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use openssl::x509::{X509Name, X509NameBuilder};

    fn name(parts: &[(&str, &str)]) -> X509Name {
        let mut builder = X509NameBuilder::new().unwrap();
        for (attribute, value) in parts {
            builder.append_entry_by_text(attribute, value).unwrap();
        }
        builder.build()
    }

    #[test]
    fn both_orders_and_the_usual_spellings_match() {
        let name = name(&[("C", "KR"), ("O", "Korea Customs, Service"), ("CN", "Kim  Min")]);
        for text in [
            "CN=Kim Min,O=Korea Customs\\, Service,C=KR",
            "C=KR, O=\"Korea Customs, Service\", CN=kim min",
            "CN=Kim Min;O=Korea Customs\\2C Service;C=kr",
            "2.5.4.3=Kim Min,OID.2.5.4.10=Korea Customs\\, Service,c=KR",
            "CN=#0c074b696d204d696e,O=Korea Customs\\, Service,C=KR",
            "CN=#1c1c0000004b000000690000006d000000200000004d000000690000006e,O=Korea Customs\\, Service,C=KR",
        ] {
            assert!(matches(text, &name), "{text}");
        }
        for text in [
            "CN=Kim Min,C=KR",
            "CN=Kim Min,O=Korea Customs,C=KR",
            "O=Korea Customs\\, Service,CN=Kim Min,C=KR",
            "",
            "Kim",
            "CN=\"Kim Min",
        ] {
            assert!(!matches(text, &name), "{text}");
        }
    }

    #[test]
    fn an_escaped_blank_at_the_end_of_the_text_belongs_to_the_value() {
        // Cut off, it left a lone backslash behind, and the name named nobody.
        let name = name(&[("C", "KR"), ("CN", " Kim ")]);
        for text in ["C=KR, CN=\\ Kim\\ ", "CN=\\ Kim\\ ,C=KR", "C=KR,CN=\\20Kim\\20 \n", " C=KR,CN=\" Kim \" "] {
            assert!(matches(text, &name), "{text:?}");
        }
        assert!(!matches("C=KR,CN=Kim\\", &name), "nothing is escaped");
    }

    #[test]
    fn email_and_state_have_several_names() {
        let name = name(&[("ST", "Jawa"), ("emailAddress", "a@b.id")]);
        assert!(matches("E=a@b.id,S=Jawa", &name));
        assert!(matches("emailAddress=a@b.id,ST=Jawa", &name));
        assert!(matches("1.2.840.113549.1.9.1=#160661406 22e6964".replace(' ', "").as_str(), &name_of_email()));
    }

    fn name_of_email() -> X509Name {
        name(&[("emailAddress", "a@b.id")])
    }
}
