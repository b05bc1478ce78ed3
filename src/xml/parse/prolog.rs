//! The XML declaration, and what stands around the document element (XML 1.0 §2.8).

use std::cell::OnceCell;

use super::Dtd;
use super::entity::Tables;
use super::parser::{Fail, Parser};
use crate::xml::Error;
use crate::xml::tree::arena::{NONE, SIDE};

impl<'t> Parser<'t> {
    /// Reads a document from its first to its last octet.
    pub fn document(mut self, dtd: Dtd, tables: &'t OnceCell<Tables>) -> Result<(), Fail> {
        if self.starts_with(self.at, "<?xml") && self.is_space(self.at + 5) {
            self.xml_declaration()?;
        }
        self.misc()?;
        if self.starts_with(self.at, "<!DOCTYPE") {
            if dtd == Dtd::Refuse {
                return Err(Box::new(Error::DtdRefused { at: self.pos(self.at) }));
            }
            let (read, end) = super::dtd::read(self.main, self.base, self.at)?;
            self.at = end;
            self.entity_origin = self.doc.side.len() as u32 | SIDE;
            self.doc.side.push_str(&read.text);
            self.dtd = Some(tables.get_or_init(|| read));
            self.misc()?;
        }
        if self.byte(self.at) != Some(b'<') {
            return Err(self.expected(self.at, "the document element"));
        }
        if self.byte(self.at + 1) == Some(b'/') {
            return Err(self.error(self.at, "an end tag before the document element"));
        }
        self.doc.document_element = self.doc.nodes.len() as u32;
        if !self.start_tag()? {
            self.content(true)?;
        }
        debug_assert_ne!(self.doc.document_element, NONE);
        self.misc()?;
        if self.at < self.bytes.len() {
            return Err(
                self.expected(self.at, "nothing but comments and processing instructions after the document element")
            );
        }
        Ok(())
    }

    /// White space, comments and processing instructions outside the document element.
    fn misc(&mut self) -> Result<(), Fail> {
        loop {
            self.at = self.after_space(self.at);
            if self.starts_with(self.at, "<!--") {
                self.comment()?;
            } else if self.starts_with(self.at, "<?") {
                self.processing_instruction()?;
            } else {
                return Ok(());
            }
        }
    }

    /// `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>`, in this order and spelling.
    fn xml_declaration(&mut self) -> Result<(), Fail> {
        self.at += "<?xml".len();
        let version = self
            .pseudo_attribute("version")?
            .ok_or_else(|| self.expected(self.at, "version in the XML declaration"))?;
        let digits = version.strip_prefix("1.").unwrap_or("");
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(self.error(self.at, format!("version {version:?} of XML is not known")));
        }
        if let Some(name) = self.pseudo_attribute("encoding")? {
            let start = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic());
            if !start || !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-')) {
                return Err(self.error(self.at, "the name of the encoding is malformed"));
            }
        }
        if let Some(standalone) = self.pseudo_attribute("standalone")?
            && !matches!(standalone, "yes" | "no")
        {
            return Err(self.error(self.at, "standalone is neither yes nor no"));
        }
        self.at = self.after_space(self.at);
        if !self.starts_with(self.at, "?>") {
            return Err(self.expected(self.at, "?> at the end of the XML declaration"));
        }
        self.at += 2;
        Ok(())
    }

    /// The value of `name` if that comes next.
    fn pseudo_attribute(&mut self, name: &str) -> Result<Option<&'t str>, Fail> {
        let at = self.after_space(self.at);
        if at == self.at || !self.starts_with(at, name) {
            return Ok(None);
        }
        let equals = self.after_space(at + name.len());
        if self.byte(equals) != Some(b'=') {
            return Err(self.expected(equals, "="));
        }
        let open = self.after_space(equals + 1);
        let quote =
            self.byte(open).filter(|b| matches!(b, b'"' | b'\'')).ok_or_else(|| self.expected(open, "a quote"))?;
        let length = memchr::memchr(quote, &self.bytes[open + 1..])
            .ok_or_else(|| self.error(open, "this quote is not closed"))?;
        self.at = open + 1 + length + 1;
        Ok(Some(&self.source[open + 1..open + 1 + length]))
    }
}
