//! The loop over text, tags, comments, processing instructions and CDATA sections (XML 1.0 §2.4 to §2.7, §3.1).

use super::super::chars;
use super::parser::{Fail, Parser, push_normalized};
use crate::base::octets::same;
use crate::xml::tree::Kind;
use crate::xml::tree::arena::{CONTENT_CANONICAL, NONE, Node, SIDE, Span, TAGS_CANONICAL};

/// Plain text is looked at eight octets at once up to here, and by vector search from here on.
const SHORT_TEXT: usize = 48;

impl Parser<'_> {
    /// Reads content. With `element`, until the end tag that closes the outermost element; else to the end of the text.
    pub fn content(&mut self, element: bool) -> Result<(), Fail> {
        loop {
            self.character_data()?;
            match self.byte(self.at + 1) {
                _ if self.at >= self.bytes.len() => {
                    if self.leave_entity()? {
                        continue;
                    }
                    return self.end_of_text(element);
                }
                Some(b'/') => {
                    self.end_tag()?;
                    if element && self.stack.len() == 1 {
                        return Ok(());
                    }
                }
                Some(b'!') if self.starts_with(self.at, "<![CDATA[") => self.cdata()?,
                Some(b'!') if self.starts_with(self.at, "<!--") => self.comment()?,
                Some(b'!') => return Err(self.error(self.at, "expected a comment or a CDATA section after <!")),
                Some(b'?') => self.processing_instruction()?,
                _ => {
                    self.flush()?;
                    self.start_tag()?;
                }
            }
        }
    }

    fn end_of_text(&mut self, element: bool) -> Result<(), Fail> {
        self.flush()?;
        let open = *self.stack.last().expect("the document itself is always open");
        if element || self.stack.len() > 1 {
            let name = self.slice(self.doc.nodes[open.node as usize].name_span()).to_owned();
            return Err(self.error(self.at, format!("element {name:?} is not closed")));
        }
        Ok(())
    }

    /// Text and references up to the next markup.
    fn character_data(&mut self) -> Result<(), Fail> {
        let mut from = self.at;
        self.at = self.plain_text_end(from);
        if !self.pending.present && self.byte(self.at) == Some(b'<') && self.byte(self.at + 1) != Some(b'!') {
            // Nearly every text: nothing to replace in it, and nothing that it could be joined with.
            return if from == self.at { Ok(()) } else { self.push_text(self.span(from, self.at), self.place(from)) };
        }
        loop {
            self.at = self.plain_text_end(self.at);
            match self.byte(self.at) {
                None | Some(b'<') => break,
                Some(b'&') => {
                    self.keep(from, self.at);
                    self.content_reference()?;
                    from = self.at;
                }
                Some(b'\r') if self.origin == 0 => {
                    self.keep(from, self.at);
                    self.keep_text("\n", self.at);
                    self.not_canonical();
                    self.at += 1 + usize::from(self.byte(self.at + 1) == Some(b'\n'));
                    from = self.at;
                }
                Some(b']') if self.starts_with(self.at, "]]>") => {
                    return Err(self.error(self.at, "]]> in text"));
                }
                Some(byte) => {
                    if byte == b'>' || byte == b'\r' {
                        self.not_canonical();
                    }
                    self.at += 1;
                }
            }
        }
        self.keep(from, self.at);
        Ok(())
    }

    /// The first octet from `at` on that is not plain text.
    #[inline]
    pub fn plain_text_end(&self, at: usize) -> usize {
        if let Some(found) = chars::find_text_stop(self.bytes, at, SHORT_TEXT) {
            return found;
        }
        let from = self.bytes.len().min(at + SHORT_TEXT);
        let rest = &self.bytes[from..];
        let markup = memchr::memchr2(b'<', b'&', rest).unwrap_or(rest.len());
        from + memchr::memchr3(b'\r', b']', b'>', &rest[..markup]).unwrap_or(markup)
    }

    /// Adds `from..to` of the source to the text that has no node yet.
    #[inline]
    pub fn keep(&mut self, from: usize, to: usize) {
        if from == to {
            return;
        }
        let span = self.span(from, to);
        if !self.pending.present {
            self.pending.present = true;
            self.pending.owned = false;
            self.pending.span = span;
            self.pending.from = self.place(from);
        } else if !self.pending.owned
            && self.pending.span.end == (span.start & !SIDE)
            && (self.pending.span.start ^ span.start) & SIDE == 0
        {
            self.pending.span.end = span.end;
        } else {
            self.own_pending();
            self.doc.side.push_str(&self.source[from..to]);
            self.pending.span.end = self.doc.side.len() as u32;
        }
    }

    /// Adds characters that do not stand in the source.
    pub fn keep_text(&mut self, text: &str, at: usize) {
        if !self.pending.present {
            self.pending.present = true;
            self.pending.owned = true;
            let end = self.doc.side.len() as u32;
            self.pending.span = Span { start: end | SIDE, end };
            self.pending.from = self.place(at);
        }
        self.own_pending();
        self.doc.side.push_str(text);
        self.pending.span.end = self.doc.side.len() as u32;
    }

    /// Moves the pending text to the end of the side buffer.
    fn own_pending(&mut self) {
        if self.pending.owned {
            return;
        }
        let start = self.doc.side.len() as u32;
        let span = self.pending.span;
        if span.start & SIDE == 0 {
            self.doc.side.push_str(&self.main[span.start as usize..span.end as usize]);
        } else {
            self.doc.side.extend_from_within((span.start & !SIDE) as usize..span.end as usize);
        }
        self.pending.owned = true;
        self.pending.span = Span { start: start | SIDE, end: self.doc.side.len() as u32 };
    }

    /// Makes a text node of the pending text.
    #[inline]
    pub fn flush(&mut self) -> Result<(), Fail> {
        if !self.pending.present {
            return Ok(());
        }
        self.pending.present = false;
        if self.pending.span.is_empty() {
            return Ok(());
        }
        self.push_text(self.pending.span, self.pending.from)
    }

    #[inline]
    fn push_text(&mut self, text: Span, from: u32) -> Result<(), Fail> {
        let end = self.place_end(self.at);
        self.push(Node { start: from, end, a: text.start, b: text.end, ..Node::new(Kind::Text, NONE) })?;
        Ok(())
    }

    fn end_tag(&mut self) -> Result<(), Fail> {
        self.flush()?;
        if !self.at_home() {
            return Err(self.error(self.at, "an end tag for an element that was opened outside of this entity"));
        }
        let Some(open) = self.stack.pop().filter(|_| !self.stack.is_empty()) else {
            return Err(self.error(self.at, "an end tag without a start tag"));
        };
        let node = self.doc.nodes[open.node as usize];
        let name_at = self.at + 2;
        let after = name_at + usize::from(node.name_len);
        let name = self.slice(node.name_span());
        let same = self.bytes.get(name_at..after).is_some_and(|came| same(came, name.as_bytes()));
        let mut tags = node.flags & TAGS_CANONICAL;
        let mut end = after;
        if !same || self.byte(after) != Some(b'>') {
            tags = 0;
            end = self.after_space(after);
            if !same || self.byte(end) != Some(b'>') {
                return Err(self.wrong_end_tag(name_at, name));
            }
        }
        self.at = end + 1;
        self.close(open, tags);
        Ok(())
    }

    #[cold]
    fn wrong_end_tag(&self, name_at: usize, name: &str) -> Fail {
        match self.qname(name_at, "a name after </") {
            Ok((end, _)) if &self.bytes[name_at..end] == name.as_bytes() => {
                self.expected(self.after_space(end), "> at the end of the end tag")
            }
            Ok((end, _)) => {
                let came = String::from_utf8_lossy(&self.bytes[name_at..end]).into_owned();
                self.error(name_at, format!("expected the end tag of {name:?}, came that of {came:?}"))
            }
            Err(error) => error,
        }
    }

    /// Ends the element `open`, which stands no longer on the stack; `tags` is what is known of its tags.
    #[inline]
    pub fn close(&mut self, open: super::parser::Open, tags: u8) {
        let end = self.place_end(self.at);
        let node = &mut self.doc.nodes[open.node as usize];
        node.end = end;
        node.flags = tags | open.canonical;
        node.prefixes = open.prefixes;
        if self.origin != 0 {
            // The octets in its place are those of the reference.
            node.flags = 0;
        }
        let whole = node.flags == TAGS_CANONICAL | CONTENT_CANONICAL;
        while self.undo.len() > open.undo as usize {
            if let Some((prefix, uri)) = self.undo.pop() {
                self.current[usize::from(prefix)] = uri;
            }
        }
        if let Some(above) = self.stack.last_mut() {
            above.prefixes |= open.prefixes;
            if !whole {
                above.canonical = 0;
            }
        }
    }

    fn cdata(&mut self) -> Result<(), Fail> {
        let from = self.at + "<![CDATA[".len();
        let length = memchr::memmem::find(&self.bytes[from..], b"]]>")
            .ok_or_else(|| self.error(self.at, "this CDATA section is not closed"))?;
        let to = from + length;
        self.not_canonical();
        if self.origin == 0 && memchr::memchr(b'\r', &self.bytes[from..to]).is_some() {
            let mut text = String::with_capacity(length);
            push_normalized(&mut text, &self.source[from..to]);
            self.keep_text(&text, from);
        } else {
            self.keep(from, to);
        }
        self.at = to + "]]>".len();
        Ok(())
    }

    pub fn comment(&mut self) -> Result<(), Fail> {
        self.flush()?;
        let start = self.at;
        let from = start + "<!--".len();
        let length = memchr::memmem::find(&self.bytes[from..], b"--")
            .ok_or_else(|| self.error(start, "this comment is not closed"))?;
        let to = from + length;
        if self.byte(to + 2) != Some(b'>') {
            return Err(self.error(to, "-- inside a comment"));
        }
        self.at = to + "-->".len();
        let mut node = Node::new(Kind::Comment, NONE);
        (node.start, node.end) = (self.place(start), self.place_end(self.at));
        self.push_leaf(node, from, to)?;
        Ok(())
    }

    pub fn processing_instruction(&mut self) -> Result<(), Fail> {
        self.flush()?;
        let start = self.at;
        let name_end = self.ncname(start + 2, "the target of a processing instruction")?;
        if self.bytes[start + 2..name_end].eq_ignore_ascii_case(b"xml") {
            return Err(
                self.error(start, "the target xml is reserved; an XML declaration stands only at the very start")
            );
        }
        let length = memchr::memmem::find(&self.bytes[name_end..], b"?>")
            .ok_or_else(|| self.error(start, "this processing instruction is not closed"))?;
        let to = name_end + length;
        let from = self.after_space(name_end).min(to);
        if from == name_end && from != to {
            return Err(self.expected(name_end, "white space after the target of a processing instruction"));
        }
        self.at = to + "?>".len();
        let mut node = Node::new(Kind::ProcessingInstruction, NONE);
        (node.start, node.end) = (self.place(start), self.place_end(self.at));
        node.name = self.span(start + 2, name_end).start;
        node.name_len = (name_end - start - 2) as u16;
        self.push_leaf(node, from, to)?;
        Ok(())
    }
}
