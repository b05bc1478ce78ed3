//! A message as an attacker sees it: text, with the places where its elements, tags and attributes stand.

use std::ops::Range;

use coconnect::xml::{self, Document, Kind, NodeId};

/// A generator that anybody can repeat: splitmix64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).unwrap()
    }

    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }
}

/// An attribute or namespace declaration in a start tag.
#[derive(Clone, Debug)]
pub struct Attribute {
    /// As it is written.
    pub name: String,
    /// As it is written, without its quotes.
    pub value: String,
    /// With the white space before it.
    pub range: Range<usize>,
}

/// An element: where it stands.
#[derive(Clone, Debug)]
pub struct Element {
    pub ns: String,
    pub local: String,
    /// From `<` to the `>` of the end tag.
    pub range: Range<usize>,
    /// The qualified name in the start tag.
    pub name: Range<usize>,
    /// Between the tags; empty at the end of an element without content.
    pub inside: Range<usize>,
    pub attributes: Vec<Attribute>,
}

impl Element {
    /// Whether the element has an end tag.
    pub fn is_open(&self) -> bool {
        self.inside.end < self.range.end
    }

    /// The value of its id, and the attribute that says it.
    pub fn id(&self) -> Option<&Attribute> {
        self.attributes.iter().find(|a| a.name.ends_with(":Id") || a.name == "Id" || a.name == "xml:id")
    }
}

/// A message, taken apart once.
pub struct View {
    pub text: String,
    /// In document order.
    pub elements: Vec<Element>,
    /// Numbers of the elements that attacks are about.
    pub targets: Vec<usize>,
    /// Places between and inside of elements.
    pub places: Vec<usize>,
    /// Text and tags' edges: where something can be put into content.
    pub seams: Vec<usize>,
    /// The values of all ids.
    pub ids: Vec<String>,
}

/// Elements of the business text that attacks go through, at most.
const CONTENT_MAX: usize = 12;

const TARGETS: &[&str] = &[
    "Envelope",
    "Header",
    "Body",
    "Security",
    "Timestamp",
    "Created",
    "Expires",
    "Signature",
    "SignedInfo",
    "CanonicalizationMethod",
    "SignatureMethod",
    "Reference",
    "Transforms",
    "DigestMethod",
    "DigestValue",
    "SignatureValue",
    "KeyInfo",
    "SecurityTokenReference",
    "KeyIdentifier",
    "X509Data",
    "BinarySecurityToken",
    "SignatureConfirmation",
    "EncryptedKey",
    "ReferenceList",
    "DataReference",
    "RetrievalMethod",
    "EncryptedData",
    "CipherData",
    "EncryptionMethod",
    "Object",
    "SendCO",
    "SendCOResponse",
    "MetaData",
    "MessageID",
    "Action",
    "To",
    "ReplyTo",
    "RelatesTo",
    "Order",
    "Item",
];

impl View {
    /// Takes `text` apart; nothing when it is not XML.
    pub fn of(text: String) -> Option<Self> {
        let document = xml::parse(text.clone().into_bytes(), &xml::Options::default()).ok()?;
        let all: Vec<NodeId> = document.descendants(document.root()).collect();
        let mut elements = Vec::new();
        let mut seams = Vec::new();
        let mut content = 0;
        for node in all {
            match document.kind(node) {
                Kind::Element => {}
                Kind::Text => {
                    let range = document.range(node);
                    let middle = (range.start..range.end).rev().find(|at| {
                        *at <= range.start + range.len() / 2 && text.is_char_boundary(*at) && !in_reference(&text, *at)
                    });
                    seams.extend([Some(range.start), middle, Some(range.end)].into_iter().flatten());
                    continue;
                }
                _ => continue,
            }
            let inside_body = document.ancestors(node).skip(1).any(|above| document.local(above) == "Body");
            if inside_body && document.local(node) != "EncryptedData" {
                content += 1;
                if content > CONTENT_MAX {
                    continue;
                }
            }
            elements.push(element(&text, &document, node));
        }
        let mut places: Vec<usize> = elements
            .iter()
            .flat_map(|e| [e.range.start, e.range.end, e.inside.start, e.inside.end])
            .filter(|at| *at > 0)
            .collect();
        sort(&mut places);
        sort(&mut seams);
        let targets =
            (0..elements.len()).filter(|at| TARGETS.contains(&elements[*at].local.as_str())).collect::<Vec<_>>();
        let ids = elements.iter().filter_map(|e| e.id()).map(|id| id.value.clone()).collect();
        Some(Self { text, elements, targets, places, seams, ids })
    }

    pub fn octets(&self, range: &Range<usize>) -> &str {
        &self.text[range.clone()]
    }

    pub fn element(&self, local: &str) -> Option<&Element> {
        self.elements.iter().find(|element| element.local == local)
    }

    /// The text with each range replaced; nothing when they overlap.
    pub fn edited(&self, edits: &[(Range<usize>, &str)]) -> Option<String> {
        let mut edits: Vec<&(Range<usize>, &str)> = edits.iter().collect();
        edits.sort_by_key(|(range, _)| (range.start, range.end));
        let mut out = String::with_capacity(self.text.len() + 2048);
        let mut at = 0;
        for (range, piece) in edits {
            out.push_str(self.text.get(at..range.start)?);
            out.push_str(piece);
            at = range.end;
        }
        out.push_str(self.text.get(at..)?);
        Some(out)
    }
}

fn sort(list: &mut Vec<usize>) {
    list.sort_unstable();
    list.dedup();
}

fn in_reference(text: &str, at: usize) -> bool {
    let before = &text[..at];
    before.rfind('&').is_some_and(|start| !before[start..].contains(';'))
}

/// The qualified name at the start of the tag `at`.
fn element(text: &str, document: &Document, node: NodeId) -> Element {
    let range = document.range(node);
    let octets = text.as_bytes();
    let name_end = range.start + 1 + text[range.start + 1..].find([' ', '\t', '\r', '\n', '/', '>']).unwrap();
    let mut at = name_end;
    let mut attributes = Vec::new();
    loop {
        let start = at;
        while octets[at].is_ascii_whitespace() {
            at += 1;
        }
        if matches!(octets[at], b'>' | b'/') {
            break;
        }
        let equals = at + text[at..].find('=').unwrap();
        let quote = equals + 1 + text[equals + 1..].find(['"', '\'']).unwrap();
        let end = quote + 1 + text[quote + 1..].find(char::from(octets[quote])).unwrap();
        attributes.push(Attribute {
            name: text[at..equals].trim().to_owned(),
            value: text[quote + 1..end].to_owned(),
            range: start..end + 1,
        });
        at = end + 1;
    }
    let inside = if octets[at] == b'/' {
        range.end..range.end
    } else {
        at + 1..range.start + text[range.clone()].rfind("</").unwrap()
    };
    Element {
        ns: document.ns(node).to_owned(),
        local: document.local(node).to_owned(),
        name: range.start + 1..name_end,
        range,
        inside,
        attributes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_knows_where_everything_stands() {
        let text = r#"<?xml version="1.0"?><e xmlns="urn:e"><Body a='1>' wsu:Id = "b" xmlns:wsu="urn:u">x&amp;y</Body><Item/></e>"#;
        let view = View::of(text.to_owned()).unwrap();
        let body = view.element("Body").unwrap();
        assert_eq!(view.octets(&body.inside), "x&amp;y");
        assert_eq!(body.id().map(|id| id.value.as_str()), Some("b"));
        assert_eq!(view.octets(&body.attributes[0].range), " a='1>'");
        assert!(!view.element("Item").unwrap().is_open());
        let edited = view.edited(&[(body.name.clone(), "B"), (body.range.end..body.range.end, "!")]).unwrap();
        assert!(edited.contains("<B a=") && edited.contains("</Body>!<Item/>"));
    }
}
