//! Characters as Canonical XML 1.0 §2.3 writes them; good for every XML text.

use super::chars;

/// Appends `text` as character content: `&amp;`, `&lt;`, `&gt;`, `&#xD;`.
#[inline]
pub fn push_text(out: &mut Vec<u8>, text: &str) {
    push(out, text.as_bytes(), chars::TEXT_ESCAPE);
}

/// Appends `value` as the inside of a value in double quotes: `&amp;`, `&lt;`, `&quot;`, `&#x9;`, `&#xA;`, `&#xD;`.
#[inline]
pub fn push_value(out: &mut Vec<u8>, value: &str) {
    push(out, value.as_bytes(), chars::VALUE_ESCAPE);
}

/// Appends the text of a comment or processing instruction, where only CR is written differently.
pub fn push_verbatim(out: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    while let Some(at) = memchr::memchr(b'\r', rest) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(b"&#xD;");
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

#[inline]
fn push(out: &mut Vec<u8>, text: &[u8], class: u8) {
    let mut rest = text;
    loop {
        let at = chars::find(rest, 0, class);
        out.extend_from_slice(&rest[..at]);
        let Some(byte) = rest.get(at) else { return };
        out.extend_from_slice(match byte {
            b'&' => b"&amp;",
            b'<' => b"&lt;",
            b'>' => b"&gt;",
            b'"' => b"&quot;",
            b'\t' => b"&#x9;",
            b'\n' => b"&#xA;",
            _ => b"&#xD;",
        });
        rest = &rest[at + 1..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_has_its_own_characters() {
        let all = "a&<>\"'\t\n\rb\u{e9}";
        let with = |push: fn(&mut Vec<u8>, &str)| {
            let mut out = Vec::new();
            push(&mut out, all);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(with(push_text), "a&amp;&lt;&gt;\"'\t\n&#xD;b\u{e9}");
        assert_eq!(with(push_value), "a&amp;&lt;>&quot;'&#x9;&#xA;&#xD;b\u{e9}");
        assert_eq!(with(push_verbatim), "a&<>\"'\t\n&#xD;b\u{e9}");
    }
}
