//! The SOAP envelope (SOAP 1.1 §4, SOAP 1.2 Part 1 §5): structure before anything is believed.
//!
//! Refused: a document type declaration, processing instructions, stray text, anything but `Header?` and `Body`, more or
//! less than one child in `Body`, and header blocks for us that must be understood and are not.

use crate::base::limits;
use crate::xml::{self, Document, Kind, NodeId, TextPos, ns};

/// Which SOAP.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Version {
    /// SOAP 1.1, `text/xml` with a `SOAPAction`.
    Soap11,
    /// SOAP 1.2, `application/soap+xml` with an `action` parameter.
    Soap12,
}

impl Version {
    /// Namespace of the envelope.
    #[must_use]
    pub fn namespace(self) -> &'static str {
        match self {
            Self::Soap11 => ns::SOAP11,
            Self::Soap12 => ns::SOAP12,
        }
    }

    /// As people write it: `1.1`, `1.2`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Soap11 => "1.1",
            Self::Soap12 => "1.2",
        }
    }

    /// Name of the attribute that says for whom a header block is (SOAP 1.1 §4.2.2, SOAP 1.2 §5.2.2).
    #[must_use]
    pub fn role_attribute(self) -> &'static str {
        match self {
            Self::Soap11 => "actor",
            Self::Soap12 => "role",
        }
    }
}

/// Why a document is not an envelope that we read.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum Error {
    /// Not XML, a DTD, or a bound was reached: `<a></b>`. The text begins with line and column.
    #[error(transparent)]
    Xml(#[from] xml::Error),
    /// The document element is not a SOAP envelope: `<html>`.
    #[error("expected a SOAP 1.1 or 1.2 Envelope, came element {local:?} in namespace {namespace:?}")]
    NotAnEnvelope {
        /// Local name that came.
        local: String,
        /// Namespace that came.
        namespace: String,
    },
    /// The media type says one version, the envelope another.
    #[error("the media type is that of SOAP {expected}, the Envelope is SOAP {came}")]
    Version {
        /// Version of the media type.
        expected: &'static str,
        /// Version of the envelope.
        came: &'static str,
    },
    /// Two Bodies, a Header after the Body, a foreign child of Envelope.
    #[error("{at}: expected {expected}, came element {came:?}")]
    Structure {
        /// What stands here in a SOAP message.
        expected: &'static str,
        /// Local name that came.
        came: String,
        /// Where.
        at: TextPos,
    },
    /// No Body, or a Body without a child.
    #[error("{at}: {parent} has no {expected}")]
    Missing {
        /// The element that lacks something.
        parent: &'static str,
        /// What it lacks.
        expected: &'static str,
        /// Where the parent starts.
        at: TextPos,
    },
    /// Text between the parts of an envelope.
    #[error("{at}: text directly inside {parent}")]
    StrayText {
        /// The element that must hold elements only.
        parent: &'static str,
        /// Where.
        at: TextPos,
    },
    /// SOAP messages have no processing instructions (SOAP 1.1 §3, SOAP 1.2 §5).
    #[error("{at}: processing instructions are refused")]
    ProcessingInstruction {
        /// Where.
        at: TextPos,
    },
    /// `mustUnderstand="maybe"`.
    #[error("{at}: mustUnderstand is neither true nor false")]
    MustUnderstandValue {
        /// Where the header block starts.
        at: TextPos,
    },
    /// A header block for us that must be understood and is not known here.
    #[error("{at}: header block {local:?} in namespace {namespace:?} must be understood and is not known here")]
    NotUnderstood {
        /// Namespace of the block.
        namespace: String,
        /// Local name of the block.
        local: String,
        /// Where.
        at: TextPos,
    },
}

/// For whom a header block is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// No actor or role: the ultimate receiver.
    Ours,
    /// `next` or, in SOAP 1.2, `ultimateReceiver`, said aloud: us too.
    OursByName,
    /// Somebody else.
    Foreign,
}

/// A child of Header.
#[derive(Clone, Copy, Debug)]
pub struct HeaderBlock {
    /// The element.
    pub node: NodeId,
    /// Whether it must be understood by whom it is for.
    pub must_understand: bool,
    /// For whom it is.
    pub role: Role,
}

/// A SOAP message with the right structure. Nothing in it is believed yet.
#[derive(Debug)]
pub struct Envelope {
    document: Document,
    version: Version,
    header: Option<NodeId>,
    blocks: Vec<HeaderBlock>,
    body: NodeId,
}

/// Header blocks of one message at most.
const HEADER_BLOCKS_MAX: usize = 64;

impl Envelope {
    /// Reads a message. `expected` is the version that the media type promises, if there is one.
    ///
    /// # Errors
    /// [`Error`] with the first thing that is wrong.
    pub fn parse(octets: Vec<u8>, expected: Option<Version>) -> Result<Self, Error> {
        let options = xml::Options { nodes_max: limits::MESSAGE_NODES_MAX, ..xml::Options::default() };
        Self::from_document(xml::parse(octets, &options)?, expected)
    }

    /// Checks the structure of a document that was parsed elsewhere, with bounds of the caller.
    ///
    /// # Errors
    /// [`Error`] with the first thing that is wrong.
    pub fn from_document(document: Document, expected: Option<Version>) -> Result<Self, Error> {
        let envelope = document.document_element();
        let version = version_of(&document, envelope)?;
        if let Some(expected) = expected.filter(|expected| *expected != version) {
            return Err(Error::Version { expected: expected.as_str(), came: version.as_str() });
        }
        refuse_processing_instructions(&document, document.root())?;
        let (header, body) = parts(&document, envelope, version)?;
        let blocks = match header {
            Some(header) => header_blocks(&document, header, version)?,
            None => Vec::new(),
        };
        let envelope = Self { document, version, header, blocks, body };
        envelope.payload()?;
        Ok(envelope)
    }

    /// Which SOAP.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// The tree.
    #[must_use]
    pub fn document(&self) -> &Document {
        &self.document
    }

    pub(crate) fn document_mut(&mut self) -> &mut Document {
        &mut self.document
    }

    /// The Envelope element.
    #[must_use]
    pub fn element(&self) -> NodeId {
        self.document.document_element()
    }

    /// The Header element.
    #[must_use]
    pub fn header(&self) -> Option<NodeId> {
        self.header
    }

    /// The header blocks, in order.
    #[must_use]
    pub fn blocks(&self) -> &[HeaderBlock] {
        &self.blocks
    }

    /// The Body element.
    #[must_use]
    pub fn body(&self) -> NodeId {
        self.body
    }

    /// The one child element of Body; EncryptedData while the message is sealed.
    ///
    /// # Errors
    /// [`Error`] when Body holds text, no element or more than one.
    pub fn payload(&self) -> Result<NodeId, Error> {
        refuse_text(&self.document, self.body, "Body")?;
        let mut children = self.document.elements(self.body);
        let first = children.next().ok_or_else(|| Error::Missing {
            parent: "Body",
            expected: "child element",
            at: self.document.position(self.body),
        })?;
        match children.next() {
            None => Ok(first),
            Some(second) => Err(structure(&self.document, "the end of Body after its one child", second)),
        }
    }

    /// The message as octets: as received, or with what was decrypted in its place.
    #[must_use]
    pub fn to_octets(&self) -> Vec<u8> {
        self.document.to_octets()
    }
}

fn version_of(document: &Document, envelope: NodeId) -> Result<Version, Error> {
    match (document.ns(envelope), document.local(envelope)) {
        (ns::SOAP11, "Envelope") => Ok(Version::Soap11),
        (ns::SOAP12, "Envelope") => Ok(Version::Soap12),
        (namespace, local) => Err(Error::NotAnEnvelope { local: clip(local), namespace: clip(namespace) }),
    }
}

fn parts(document: &Document, envelope: NodeId, version: Version) -> Result<(Option<NodeId>, NodeId), Error> {
    refuse_text(document, envelope, "Envelope")?;
    let soap = version.namespace();
    let mut children = document.elements(envelope).peekable();
    let header = children.next_if(|child| document.is(*child, soap, "Header"));
    let body = children.next().ok_or_else(|| Error::Missing {
        parent: "Envelope",
        expected: "Body",
        at: document.position(envelope),
    })?;
    if !document.is(body, soap, "Body") {
        return Err(structure(document, "Header at most once, then Body", body));
    }
    match children.next() {
        None => Ok((header, body)),
        Some(extra) => Err(structure(document, "the end of Envelope after Body", extra)),
    }
}

fn header_blocks(document: &Document, header: NodeId, version: Version) -> Result<Vec<HeaderBlock>, Error> {
    refuse_text(document, header, "Header")?;
    let mut blocks = Vec::with_capacity(8);
    for node in document.elements(header) {
        if blocks.len() == HEADER_BLOCKS_MAX {
            return Err(structure(document, "at most 64 header blocks", node));
        }
        let must_understand = must_understand(document, node, version)?;
        let block = HeaderBlock { node, must_understand, role: role(document, node, version) };
        if block.must_understand && block.role != Role::Foreign && !understood(document, node) {
            return Err(Error::NotUnderstood {
                namespace: clip(document.ns(node)),
                local: clip(document.local(node)),
                at: document.position(node),
            });
        }
        blocks.push(block);
    }
    Ok(blocks)
}

fn must_understand(document: &Document, node: NodeId, version: Version) -> Result<bool, Error> {
    match document.attribute(node, version.namespace(), "mustUnderstand").map(str::trim) {
        None | Some("0" | "false") => Ok(false),
        Some("1" | "true") => Ok(true),
        Some(_) => Err(Error::MustUnderstandValue { at: document.position(node) }),
    }
}

fn role(document: &Document, node: NodeId, version: Version) -> Role {
    match document.attribute(node, version.namespace(), version.role_attribute()).map(str::trim) {
        None => Role::Ours,
        // An empty role is the ultimate receiver, said with an empty URI; WSS4J and others write it so.
        Some(
            ""
            | "http://schemas.xmlsoap.org/soap/actor/next"
            | "http://www.w3.org/2003/05/soap-envelope/role/next"
            | "http://www.w3.org/2003/05/soap-envelope/role/ultimateReceiver",
        ) => Role::OursByName,
        Some(_) => Role::Foreign,
    }
}

/// Whether this code acts on the header block.
fn understood(document: &Document, node: NodeId) -> bool {
    match document.ns(node) {
        ns::WSSE => document.local(node) == "Security",
        ns::WSA => super::addressing::Name::parse(document.local(node)).is_some(),
        _ => false,
    }
}

pub(crate) fn refuse_processing_instructions(document: &Document, root: NodeId) -> Result<(), Error> {
    if !document.may_have_asides() {
        return Ok(());
    }
    match document.descendants(root).find(|node| document.kind(*node) == Kind::ProcessingInstruction) {
        None => Ok(()),
        Some(node) => Err(Error::ProcessingInstruction { at: document.position(node) }),
    }
}

fn refuse_text(document: &Document, parent: NodeId, name: &'static str) -> Result<(), Error> {
    let stray = document.children(parent).find(|child| {
        document.kind(*child) == Kind::Text
            && document.text(*child).bytes().any(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
    });
    match stray {
        None => Ok(()),
        Some(node) => Err(Error::StrayText { parent: name, at: document.position(node) }),
    }
}

fn structure(document: &Document, expected: &'static str, came: NodeId) -> Error {
    Error::Structure { expected, came: clip(document.local(came)), at: document.position(came) }
}

/// A foreign name for an error: its beginning only.
pub(crate) fn clip(text: &str) -> String {
    text.chars().take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Envelope, Error> {
        Envelope::parse(text.as_bytes().to_vec(), None)
    }

    fn soap(header: &str, body: &str) -> String {
        format!(r#"<s:Envelope xmlns:s="{}">{header}{body}</s:Envelope>"#, ns::SOAP12)
    }

    #[test]
    fn reads_both_versions() {
        for version in [Version::Soap11, Version::Soap12] {
            let text = format!(r#"<e:Envelope xmlns:e="{}"> <e:Body><a/></e:Body> </e:Envelope>"#, version.namespace());
            let envelope = parse(&text).unwrap();
            assert_eq!(envelope.version(), version);
            assert_eq!(envelope.document().local(envelope.payload().unwrap()), "a");
        }
    }

    #[test]
    fn the_media_type_and_the_envelope_agree() {
        let text = soap("", "<s:Body><a/></s:Body>");
        assert!(matches!(
            Envelope::parse(text.into_bytes(), Some(Version::Soap11)),
            Err(Error::Version { expected: "1.1", came: "1.2" })
        ));
    }

    #[test]
    fn refuses_every_other_shape() {
        // Wrapping attacks live on a second Body or a Header in an odd place.
        for (header, body) in [
            ("", ""),
            ("", "<s:Body/>"),
            ("", "<s:Body><a/><b/></s:Body>"),
            ("", "<s:Body><a/></s:Body><s:Body><a/></s:Body>"),
            ("", "<s:Body><a/></s:Body><s:Header/>"),
            ("<s:Header/><s:Header/>", "<s:Body><a/></s:Body>"),
            ("<x/>", "<s:Body><a/></s:Body>"),
            ("", "<s:Body><a/></s:Body><x/>"),
            ("text", "<s:Body><a/></s:Body>"),
            ("<s:Header>text</s:Header>", "<s:Body><a/></s:Body>"),
            ("", "<s:Body>text<a/></s:Body>"),
            ("", "<s:Body><a><?pi?></a></s:Body>"),
        ] {
            assert!(parse(&soap(header, body)).is_err(), "{header}{body}");
        }
        assert!(matches!(parse("<html/>"), Err(Error::NotAnEnvelope { .. })));
    }

    #[test]
    fn an_unknown_header_must_not_demand_understanding() {
        let block = |attributes: &str| {
            soap(&format!(r#"<s:Header><x:Odd xmlns:x="urn:x" {attributes}/></s:Header>"#), "<s:Body><a/></s:Body>")
        };
        assert!(parse(&block("")).is_ok());
        assert!(parse(&block(r#"s:mustUnderstand="false""#)).is_ok());
        assert!(matches!(parse(&block(r#"s:mustUnderstand="1""#)), Err(Error::NotUnderstood { .. })));
        assert!(matches!(parse(&block(r#"s:mustUnderstand="yes""#)), Err(Error::MustUnderstandValue { .. })));
        assert!(parse(&block(r#"s:mustUnderstand="1" s:role="urn:somebody""#)).is_ok());
    }
}
