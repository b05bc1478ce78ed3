//! WS-Addressing 1.0 headers (Core §3.1, SOAP Binding §3): each at most once, answers to anonymous or none.

use super::envelope::{Envelope, Role, clip};
use crate::xml::{Document, Kind, NodeId, TextPos, ns};

/// `http://www.w3.org/2005/08/addressing/anonymous`: the answer goes back on the same connection.
pub const ANONYMOUS: &str = "http://www.w3.org/2005/08/addressing/anonymous";
/// `http://www.w3.org/2005/08/addressing/none`: no answer is wanted.
pub const NONE: &str = "http://www.w3.org/2005/08/addressing/none";
const REPLY: &str = "http://www.w3.org/2005/08/addressing/reply";

/// The headers that we act on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub enum Name {
    /// `wsa:MessageID`.
    MessageId,
    /// `wsa:Action`.
    Action,
    /// `wsa:To`.
    To,
    /// `wsa:RelatesTo`.
    RelatesTo,
    /// `wsa:From`.
    From,
    /// `wsa:ReplyTo`.
    ReplyTo,
    /// `wsa:FaultTo`.
    FaultTo,
}

impl Name {
    /// Reads a local name.
    #[must_use]
    pub fn parse(local: &str) -> Option<Self> {
        Some(match local {
            "MessageID" => Self::MessageId,
            "Action" => Self::Action,
            "To" => Self::To,
            "RelatesTo" => Self::RelatesTo,
            "From" => Self::From,
            "ReplyTo" => Self::ReplyTo,
            "FaultTo" => Self::FaultTo,
            _ => return None,
        })
    }

    /// The local name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MessageId => "MessageID",
            Self::Action => "Action",
            Self::To => "To",
            Self::RelatesTo => "RelatesTo",
            Self::From => "From",
            Self::ReplyTo => "ReplyTo",
            Self::FaultTo => "FaultTo",
        }
    }
}

/// Why the addressing headers are not taken.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum Error {
    /// Two `wsa:To`.
    #[error("{at}: a second wsa:{name}")]
    Repeated {
        /// Local name.
        name: &'static str,
        /// Where the second one starts.
        at: TextPos,
    },
    /// `wsa:messageid`: no header of WS-Addressing has this name.
    #[error("{at}: no header of WS-Addressing has this name")]
    Unknown {
        /// Where it starts.
        at: TextPos,
    },
    /// A header that a request or an answer must have.
    #[error("wsa:{name} is missing")]
    Missing {
        /// Local name.
        name: &'static str,
    },
    /// Elements, comments or nothing where an address was expected.
    #[error("{at}: wsa:{name} holds no plain address")]
    NotAnAddress {
        /// Local name.
        name: &'static str,
        /// Where.
        at: TextPos,
    },
    /// `wsa:ReplyTo` with an address of its own: answers go back on the same connection only.
    #[error("{at}: wsa:{name} is neither anonymous nor none")]
    ReplyElsewhere {
        /// Local name.
        name: &'static str,
        /// Where.
        at: TextPos,
    },
    /// The header is not addressed to us: an actor or role on it.
    #[error("{at}: wsa:{name} carries an actor or role")]
    Role {
        /// Local name.
        name: &'static str,
        /// Where.
        at: TextPos,
    },
    /// `wsa:RelatesTo` of a relationship other than reply.
    #[error("{at}: RelationshipType is not that of a reply")]
    Relationship {
        /// Where.
        at: TextPos,
    },
    /// A header whose value is not the expected one.
    #[error("wsa:{name} is not {expected:?}")]
    Unexpected {
        /// Local name.
        name: &'static str,
        /// What was expected.
        expected: String,
    },
    /// `wsa:To` is none of our addresses.
    #[error("wsa:To is none of the addresses served here for this operation")]
    ToSomebodyElse,
}

/// The headers of one message, as they stand there.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Addressing {
    /// `wsa:MessageID`.
    pub message_id: Option<String>,
    /// `wsa:Action`.
    pub action: Option<String>,
    /// `wsa:To`.
    pub to: Option<String>,
    /// `wsa:RelatesTo`.
    pub relates_to: Option<String>,
    /// Address of `wsa:From`.
    pub from: Option<String>,
    /// Address of `wsa:ReplyTo`.
    pub reply_to: Option<String>,
    /// Address of `wsa:FaultTo`.
    pub fault_to: Option<String>,
}

impl Addressing {
    /// Reads the headers of an envelope. They are not believed until the signature over them holds.
    ///
    /// # Errors
    /// [`Error`] for a repeated header or one that is not a plain address.
    pub fn read(envelope: &Envelope) -> Result<Self, Error> {
        Ok(Located::read(envelope, true)?.values)
    }

    pub(crate) fn slot(&mut self, name: Name) -> &mut Option<String> {
        match name {
            Name::MessageId => &mut self.message_id,
            Name::Action => &mut self.action,
            Name::To => &mut self.to,
            Name::RelatesTo => &mut self.relates_to,
            Name::From => &mut self.from,
            Name::ReplyTo => &mut self.reply_to,
            Name::FaultTo => &mut self.fault_to,
        }
    }

    /// The value of a header.
    #[must_use]
    pub fn value(&self, name: Name) -> Option<&str> {
        match name {
            Name::MessageId => self.message_id.as_deref(),
            Name::Action => self.action.as_deref(),
            Name::To => self.to.as_deref(),
            Name::RelatesTo => self.relates_to.as_deref(),
            Name::From => self.from.as_deref(),
            Name::ReplyTo => self.reply_to.as_deref(),
            Name::FaultTo => self.fault_to.as_deref(),
        }
    }
}

/// The headers with the elements that hold them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Located {
    pub values: Addressing,
    pub nodes: Vec<(Name, NodeId)>,
}

impl Located {
    /// `strict`: answers to anonymous or none, no role, a reply. Otherwise only that each header stands there once.
    pub(crate) fn read(envelope: &Envelope, strict: bool) -> Result<Self, Error> {
        let document = envelope.document();
        let mut located = Self::default();
        for block in envelope.blocks().iter().filter(|block| document.ns(block.node) == ns::WSA) {
            let at = || document.position(block.node);
            let Some(name) = Name::parse(document.local(block.node)) else {
                // Headers that WS-Addressing does not have would be unsigned and unread.
                if strict { return Err(Error::Unknown { at: at() }) } else { continue }
            };
            if strict && block.role != Role::Ours {
                return Err(Error::Role { name: name.as_str(), at: at() });
            }
            let value = match name {
                Name::From | Name::ReplyTo | Name::FaultTo => endpoint(document, block.node, name),
                _ => plain(document, block.node, name),
            };
            let value = match value {
                Err(_) if !strict => String::new(),
                other => other?,
            };
            if strict && matches!(name, Name::ReplyTo | Name::FaultTo) && value != ANONYMOUS && value != NONE {
                return Err(Error::ReplyElsewhere { name: name.as_str(), at: at() });
            }
            if strict
                && name == Name::RelatesTo
                && document.attribute(block.node, "", "RelationshipType").is_some_and(|t| t != REPLY)
            {
                return Err(Error::Relationship { at: at() });
            }
            if located.values.slot(name).replace(value).is_some() {
                return Err(Error::Repeated { name: name.as_str(), at: at() });
            }
            located.nodes.push((name, block.node));
        }
        Ok(located)
    }
}

/// The `wsa:Address` of an endpoint reference.
fn endpoint(document: &Document, node: NodeId, name: Name) -> Result<String, Error> {
    let mut addresses = document.elements(node).filter(|child| document.is(*child, ns::WSA, "Address"));
    match (addresses.next(), addresses.next()) {
        (Some(address), None) => plain(document, address, name),
        _ => Err(Error::NotAnAddress { name: name.as_str(), at: document.position(node) }),
    }
}

/// The text of an element that holds one text and nothing else.
fn plain(document: &Document, node: NodeId, name: Name) -> Result<String, Error> {
    let not_plain = || Error::NotAnAddress { name: name.as_str(), at: document.position(node) };
    let child = document.first_child(node).ok_or_else(not_plain)?;
    if document.kind(child) != Kind::Text || document.next_sibling(child).is_some() {
        return Err(not_plain());
    }
    let text = document.text(child).trim_matches([' ', '\t', '\r', '\n']);
    if text.is_empty() || text.len() > ADDRESS_BYTES_MAX { Err(not_plain()) } else { Ok(text.to_owned()) }
}

/// Octets of one address; longer ones are not addresses.
const ADDRESS_BYTES_MAX: usize = 4_096;

/// What a caller expects the headers to say, checked before the signature is.
#[derive(Clone, Debug)]
pub enum Expect<'a> {
    /// Nothing: files on the command line.
    Nothing,
    /// MessageID, Action and To of a request, or RelatesTo and Action of an answer, stand there, whatever they say.
    Present,
    /// A request: its Action is one of these, its To one of those.
    Request {
        /// Actions served at this path.
        actions: &'a [&'a str],
        /// Our public addresses of this operation.
        to: &'a [&'a str],
    },
    /// The answer to a request of ours.
    Answer {
        /// MessageID of the request.
        relates_to: &'a str,
        /// Actions that may answer it: that of the response and that of a fault.
        actions: &'a [&'a str],
    },
}

impl Expect<'_> {
    /// Compares. `required` says whether headers must be there at all (`signed_parts = full`).
    pub(crate) fn check(&self, came: &Addressing, required: bool) -> Result<(), Error> {
        let present = |names: &[Name]| match names.iter().find(|name| required && came.value(**name).is_none()) {
            Some(name) => Err(Error::Missing { name: name.as_str() }),
            None => Ok(()),
        };
        match self {
            Self::Nothing => Ok(()),
            Self::Present if came.relates_to.is_some() => present(&[Name::RelatesTo, Name::Action]),
            Self::Present => present(&[Name::MessageId, Name::Action, Name::To]),
            Self::Request { actions, to } => {
                present(&[Name::MessageId, Name::Action, Name::To])?;
                one_of(came, Name::Action, actions)?;
                match came.to.as_deref() {
                    Some(address) if !to.contains(&address) => Err(Error::ToSomebodyElse),
                    _ => Ok(()),
                }
            }
            Self::Answer { relates_to, actions } => {
                // An answer without RelatesTo cannot end a message, whatever else is optional.
                match came.relates_to.as_deref() {
                    None => return Err(Error::Missing { name: Name::RelatesTo.as_str() }),
                    Some(id) if !id.eq_ignore_ascii_case(relates_to) => {
                        return Err(Error::Unexpected { name: "RelatesTo", expected: clip(relates_to) });
                    }
                    Some(_) => {}
                }
                present(&[Name::Action])?;
                one_of(came, Name::Action, actions)
            }
        }
    }
}

fn one_of(came: &Addressing, name: Name, expected: &[&str]) -> Result<(), Error> {
    match came.value(name) {
        Some(value) if !expected.contains(&value) => {
            Err(Error::Unexpected { name: name.as_str(), expected: expected.join(" or ") })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(headers: &str) -> Result<Addressing, Error> {
        let text = format!(
            r#"<s:Envelope xmlns:s="{}"><s:Header xmlns:wsa="{}">{headers}</s:Header><s:Body><a/></s:Body></s:Envelope>"#,
            ns::SOAP11,
            ns::WSA
        );
        Addressing::read(&Envelope::parse(text.into_bytes(), None).unwrap())
    }

    #[test]
    fn reads_addresses_and_endpoints() {
        let came = read(&format!(
            "<wsa:To> urn:us </wsa:To><wsa:ReplyTo><wsa:Address>{ANONYMOUS}</wsa:Address></wsa:ReplyTo>"
        ))
        .unwrap();
        assert_eq!(came.to.as_deref(), Some("urn:us"));
        assert_eq!(came.reply_to.as_deref(), Some(ANONYMOUS));
    }

    #[test]
    fn refuses_what_could_be_read_in_two_ways() {
        for headers in [
            "<wsa:To>urn:us</wsa:To><wsa:To>urn:us</wsa:To>",
            "<wsa:To>urn:<!---->us</wsa:To>",
            "<wsa:To/>",
            "<wsa:To><a/></wsa:To>",
            "<wsa:ReplyTo><wsa:Address>http://elsewhere/</wsa:Address></wsa:ReplyTo>",
            "<wsa:ReplyTo/>",
            r#"<wsa:RelatesTo RelationshipType="urn:other">urn:x</wsa:RelatesTo>"#,
            r#"<wsa:To s:actor="urn:somebody">urn:us</wsa:To>"#,
        ] {
            assert!(read(headers).is_err(), "{headers}");
        }
    }

    #[test]
    fn an_answer_must_relate_to_the_request() {
        let came = Addressing { relates_to: Some("urn:uuid:A".into()), ..Addressing::default() };
        let expect = |relates_to| Expect::Answer { relates_to, actions: &[] };
        assert!(expect("urn:uuid:a").check(&came, false).is_ok());
        assert!(expect("urn:uuid:b").check(&came, false).is_err());
        assert!(expect("urn:uuid:a").check(&Addressing::default(), false).is_err());
    }
}
