//! A small writer of XML: start, attribute, text, end, over octets.
//!
//! What it writes is well-formed when names are names and prefixes are declared, which the caller sees to. It is in
//! canonical form when the caller gives declarations sorted by prefix first and then attributes sorted by namespace URI
//! and local name: then it can be hashed as it stands.

use super::escape;

/// Writes markup to the end of a buffer.
#[derive(Debug, Default)]
pub struct Writer {
    out: Vec<u8>,
    /// Names of open elements, one after the other, and where each starts.
    names: String,
    starts: Vec<usize>,
    /// A start tag still lacks its `>`.
    in_tag: bool,
}

impl Writer {
    /// A writer onto an empty buffer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A writer onto the end of `out`, which [`Writer::finish`] gives back.
    #[must_use]
    pub fn onto(out: Vec<u8>) -> Self {
        Self { out, ..Self::default() }
    }

    /// Opens an element: `soap:Body`.
    pub fn start(&mut self, name: &str) -> &mut Self {
        self.close_tag();
        self.out.push(b'<');
        self.out.extend_from_slice(name.as_bytes());
        self.starts.push(self.names.len());
        self.names.push_str(name);
        self.in_tag = true;
        self
    }

    /// Declares a namespace on the element just opened; prefix "" is the default namespace.
    pub fn namespace(&mut self, prefix: &str, uri: &str) -> &mut Self {
        debug_assert!(self.in_tag, "a declaration belongs into a start tag");
        self.out.extend_from_slice(if prefix.is_empty() { b" xmlns" } else { b" xmlns:" });
        self.out.extend_from_slice(prefix.as_bytes());
        self.value(uri)
    }

    /// Adds an attribute to the element just opened.
    pub fn attribute(&mut self, name: &str, value: &str) -> &mut Self {
        debug_assert!(self.in_tag, "an attribute belongs into a start tag");
        self.out.push(b' ');
        self.out.extend_from_slice(name.as_bytes());
        self.value(value)
    }

    fn value(&mut self, value: &str) -> &mut Self {
        self.out.extend_from_slice(b"=\"");
        escape::push_value(&mut self.out, value);
        self.out.push(b'"');
        self
    }

    /// Writes text.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.close_tag();
        escape::push_text(&mut self.out, text);
        self
    }

    /// Writes octets that are well-formed content already.
    pub fn raw(&mut self, content: &[u8]) -> &mut Self {
        self.close_tag();
        self.out.extend_from_slice(content);
        self
    }

    /// Closes the innermost element, always with an end tag.
    pub fn end(&mut self) -> &mut Self {
        self.close_tag();
        let start = self.starts.pop().expect("each end belongs to a start");
        self.out.extend_from_slice(b"</");
        self.out.extend_from_slice(&self.names.as_bytes()[start..]);
        self.out.push(b'>');
        self.names.truncate(start);
        self
    }

    /// An element that holds only text.
    pub fn leaf(&mut self, name: &str, text: &str) -> &mut Self {
        self.start(name).text(text).end()
    }

    fn close_tag(&mut self) {
        if self.in_tag {
            self.out.push(b'>');
            self.in_tag = false;
        }
    }

    /// Octets written so far; ends a start tag, so that ranges can be cut at the border of content.
    pub fn position(&mut self) -> usize {
        self.close_tag();
        self.out.len()
    }

    /// What has been written so far.
    #[must_use]
    pub fn written(&self) -> &[u8] {
        &self.out
    }

    /// The buffer, every element closed.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        while !self.starts.is_empty() {
            self.end();
        }
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::c14n::{self, Method, NodeSet, Settings};
    use crate::xml::{Options, parse};

    #[test]
    fn what_is_written_in_order_is_canonical() {
        let mut writer = Writer::new();
        writer.start("a:e").namespace("", "urn:d").namespace("a", "urn:a").attribute("x", "1\t\"<&'>");
        writer.leaf("b", "<&>\r").start("empty").end().text("\u{e9}");
        let octets = writer.finish();
        let document = parse(octets.clone(), &Options::default()).unwrap();
        let settings = Settings { method: Method::Inclusive10, with_comments: true, prefixes: &[] };
        let mut canonical = Vec::new();
        c14n::canonicalize(&document, &NodeSet::document(&document), &settings, &mut canonical).unwrap();
        assert_eq!(String::from_utf8(octets).unwrap(), String::from_utf8(canonical).unwrap());
    }
}
