//! Base64 of `xs:base64Binary`: XML white space anywhere, canonical otherwise.
//!
//! Most senders write one run or lines of equal length. Either goes through the vector decoder; only the white space at
//! line ends is looked for.

/// The text is not base64: another character, padding in the wrong place or missing, bits set that no octet holds.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
#[error("not base64")]
pub struct NotBase64;

/// Decodes `text`.
///
/// # Errors
/// [`NotBase64`].
pub fn decode(text: &str) -> Result<Vec<u8>, NotBase64> {
    let mut out = Vec::new();
    decode_into(text, &mut out)?;
    Ok(out)
}

/// Decodes `text` into `out`, which is emptied first and keeps its capacity.
///
/// # Errors
/// [`NotBase64`]; `out` is then empty.
pub fn decode_into(text: &str, out: &mut Vec<u8>) -> Result<(), NotBase64> {
    out.clear();
    let text = trim(text.as_bytes());
    // Lines are joined without their ends; the decoder then works in place, since its output is always shorter.
    out.reserve(text.len());
    let mut rest = text;
    while let Some(end) = memchr::memchr3(b'\n', b'\r', b' ', rest) {
        out.extend_from_slice(&rest[..end]);
        let ends = rest[end..].iter().take_while(|octet| is_space(**octet)).count();
        rest = &rest[end + ends..];
    }
    out.extend_from_slice(rest);
    if memchr::memchr(b'\t', out).is_some() {
        out.retain(|octet| !is_space(*octet));
    }
    match base64_simd::STANDARD.decode_inplace(out).map(|decoded| decoded.len()) {
        Ok(len) => {
            out.truncate(len);
            Ok(())
        }
        Err(_) => {
            out.clear();
            Err(NotBase64)
        }
    }
}

/// Encodes `octets` in one run.
#[must_use]
pub fn encode(octets: &[u8]) -> String {
    base64_simd::STANDARD.encode_to_string(octets)
}

/// Appends the base64 of `octets` to `out`, in one run.
pub fn encode_into(octets: &[u8], out: &mut Vec<u8>) {
    base64_simd::STANDARD.encode_append(octets, out);
}

fn is_space(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t' | b'\r' | b'\n')
}

fn trim(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|octet| !is_space(*octet)).unwrap_or(text.len());
    let end = text.iter().rposition(|octet| !is_space(*octet)).map_or(start, |last| last + 1);
    &text[start..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_may_stand_anywhere() {
        for text in ["AQIDBA==", " AQID\nBA==\n", "A\tQ\r\n\r\nI D B A = =", "\n\tAQI\n\tDBA=\n="] {
            assert_eq!(decode(text), Ok(vec![1, 2, 3, 4]), "{text:?}");
        }
        assert_eq!(decode(""), Ok(vec![]));
        assert_eq!(decode(" \n "), Ok(vec![]));
    }

    #[test]
    fn lines_of_76_columns_round_trip() {
        let octets: Vec<u8> = (0..20_000u32).map(|n| (n * 7 % 251) as u8).collect();
        let run = encode(&octets);
        let lines: Vec<&str> = run.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
        for end in ["\n", "\r\n", "\n    "] {
            assert_eq!(decode(&lines.join(end)), Ok(octets.clone()));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["A", "AQ", "AQ=", "AQI", "AQ==AQ==", "A-_B", "AQ=A", "AR==", "AQID\u{a0}", "===="] {
            assert_eq!(decode(text), Err(NotBase64), "{text:?}");
        }
    }
}
