//! Reads WSDL 1.1 and XML Schema documents for the generator, with yaserde. Never a message.
//!
//! Derived structures would lose the order of particles and the namespaces that QName values need, so one manual
//! implementation over yaserde's events keeps both: [`Node`]. What the nodes mean stands in `schema` and `service`.

use std::collections::BTreeMap;
use std::io::Read;

use xml::reader::XmlEvent;
use yaserde::YaDeserialize;
use yaserde::de::Deserializer;

/// An element of a contract document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Namespace URI, "" without.
    pub ns: String,
    /// Local name.
    pub name: String,
    /// Attributes: namespace, local name, value; in the order of the text.
    pub attributes: Vec<(String, String, String)>,
    /// Prefixes in scope.
    pub prefixes: BTreeMap<String, String>,
    /// Child elements, in order.
    pub children: Vec<Node>,
    /// Text directly within, joined.
    pub text: String,
}

/// A name with its namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QName {
    /// Namespace URI, "" without.
    pub ns: String,
    /// Local name.
    pub local: String,
}

impl QName {
    /// {ns}local
    #[must_use]
    pub fn new(ns: &str, local: &str) -> Self {
        Self { ns: ns.to_owned(), local: local.to_owned() }
    }
}

impl std::fmt::Display for QName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{{{}}}{}", self.ns, self.local)
    }
}

/// Why a contract document was not taken.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum Error {
    /// It is not XML, or not there.
    #[error("{location}: {what}")]
    Unreadable {
        /// Which document.
        location: String,
        /// What the reader said.
        what: String,
    },
    /// It uses something that the generator does not know: `xs:redefine`.
    #[error("{location}: {construct} is not taken{}", if at.is_empty() { String::new() } else { format!(" (at {at})") })]
    Unsupported {
        /// Which document.
        location: String,
        /// What.
        construct: String,
        /// Where: the nearest name.
        at: String,
    },
    /// It breaks the specification: a reference to nothing.
    #[error("{location}: {what}")]
    Invalid {
        /// Which document.
        location: String,
        /// What is wrong.
        what: String,
    },
}

const LEVELS_MAX: usize = 200;

impl YaDeserialize for Node {
    fn deserialize<R: Read>(reader: &mut Deserializer<R>) -> yaserde::Result<Self> {
        let mut open: Vec<Self> = Vec::new();
        loop {
            match reader.next_event()? {
                XmlEvent::StartElement { name, attributes, namespace } => {
                    if open.len() >= LEVELS_MAX {
                        return Err(yaserde::Error::custom("elements nested too deeply"));
                    }
                    open.push(Self {
                        ns: name.namespace.unwrap_or_default(),
                        name: name.local_name,
                        attributes: attributes
                            .into_iter()
                            .map(|a| (a.name.namespace.unwrap_or_default(), a.name.local_name, a.value))
                            .collect(),
                        prefixes: namespace.0,
                        children: Vec::new(),
                        text: String::new(),
                    });
                }
                XmlEvent::Characters(text) => {
                    if let Some(node) = open.last_mut() {
                        node.text.push_str(&text);
                    }
                }
                XmlEvent::EndElement { .. } => {
                    let Some(node) = open.pop() else {
                        return Err(yaserde::Error::custom("an end tag without its start"));
                    };
                    match open.last_mut() {
                        Some(parent) => parent.children.push(node),
                        None => return Ok(node),
                    }
                }
                XmlEvent::EndDocument => return Err(yaserde::Error::custom("no element")),
                XmlEvent::Doctype { .. } => return Err(yaserde::Error::custom("a document type declaration")),
                _ => {}
            }
        }
    }
}

impl Node {
    /// Reads the document `text`, called `location` in errors.
    ///
    /// # Errors
    /// [`Error::Unreadable`].
    pub fn read(location: &str, text: &str) -> Result<Self, Error> {
        yaserde::de::from_str(text)
            .map_err(|error| Error::Unreadable { location: location.to_owned(), what: error.to_string() })
    }

    /// Value of the attribute `name` without namespace.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(ns, local, _)| ns.is_empty() && local == name).map(|(_, _, value)| value.trim())
    }

    /// Resolves a QName of an attribute's value.
    #[must_use]
    pub fn qname(&self, value: &str) -> Option<QName> {
        let (prefix, local) = value.split_once(':').unwrap_or(("", value));
        let ns = match self.prefixes.get(prefix) {
            Some(ns) => ns.clone(),
            None if prefix.is_empty() => String::new(),
            None => return None,
        };
        Some(QName { ns, local: local.to_owned() })
    }

    /// The first element below called `name`, at any depth, in no particular namespace: annotations.
    #[must_use]
    pub fn descendant(&self, name: &str) -> Option<&Self> {
        self.children.iter().find_map(|child| if child.name == name { Some(child) } else { child.descendant(name) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_prefixes_and_text_survive() {
        let node = Node::read("t", r#"<a xmlns="u:1" xmlns:p="u:2"><p:b q="p:x"/>t<c xmlns:p="u:3" q="p:x">v</c></a>"#)
            .unwrap();
        assert_eq!(node.children.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["b", "c"]);
        let resolve = |at: usize| node.children[at].qname(node.children[at].attribute("q").unwrap()).unwrap();
        assert_eq!(resolve(0), QName::new("u:2", "x"));
        assert_eq!(resolve(1), QName::new("u:3", "x"));
        assert_eq!(node.children[0].qname("y").unwrap(), QName::new("u:1", "y"));
        assert!(node.children[0].qname("z:y").is_none());
        assert_eq!(node.children[1].text, "v");
    }

    #[test]
    fn what_is_no_document_is_refused() {
        for text in ["", "<a>", "<a></b>", "<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>"] {
            assert!(Node::read("t", text).is_err(), "{text}");
        }
    }
}
