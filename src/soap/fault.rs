//! SOAP faults (SOAP 1.1 §4.4, SOAP 1.2 §5.4), typed, read and written in both versions.
//!
//! What `Detail` holds belongs to the contract: octets in, elements out.

use super::Version;
use super::envelope::clip;
use crate::xml::{Document, NodeId, ns};

/// Whose fault it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Code {
    /// The envelope is of another SOAP version.
    VersionMismatch,
    /// A header block must be understood and is not.
    MustUnderstand,
    /// The message is wrong: `Client` of SOAP 1.1, `Sender` of SOAP 1.2.
    Sender,
    /// We are not able to: `Server` of SOAP 1.1, `Receiver` of SOAP 1.2.
    Receiver,
}

impl Code {
    /// The local name of the code in a version.
    #[must_use]
    pub fn as_str(self, version: Version) -> &'static str {
        match (self, version) {
            (Self::VersionMismatch, _) => "VersionMismatch",
            (Self::MustUnderstand, _) => "MustUnderstand",
            (Self::Sender, Version::Soap11) => "Client",
            (Self::Sender, Version::Soap12) => "Sender",
            (Self::Receiver, Version::Soap11) => "Server",
            (Self::Receiver, Version::Soap12) => "Receiver",
        }
    }

    /// HTTP status of a response with this fault (SOAP 1.1 §6.2, SOAP 1.2 Part 2 §7.5.2.2).
    #[must_use]
    pub fn http_status(self, version: Version) -> u16 {
        match (self, version) {
            (Self::Sender, Version::Soap12) => 400,
            _ => 500,
        }
    }

    fn parse(local: &str) -> Option<Self> {
        Some(match local {
            "VersionMismatch" => Self::VersionMismatch,
            "MustUnderstand" => Self::MustUnderstand,
            "Client" | "Sender" => Self::Sender,
            "Server" | "Receiver" => Self::Receiver,
            _ => return None,
        })
    }
}

/// A code of WS-Security (SMS 1.1 §12): the Subcode of SOAP 1.2, the faultcode of SOAP 1.1.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Subcode {
    /// A token type that is not supported.
    UnsupportedSecurityToken,
    /// A signature or encryption algorithm that is not supported.
    UnsupportedAlgorithm,
    /// An error while processing the Security header.
    InvalidSecurity,
    /// An invalid token.
    InvalidSecurityToken,
    /// The token could not be authenticated or authorized.
    FailedAuthentication,
    /// The signature or decryption was invalid.
    FailedCheck,
    /// The referenced token could not be retrieved.
    SecurityTokenUnavailable,
    /// The message has expired.
    MessageExpired,
}

impl Subcode {
    /// Namespace, prefix and local name.
    #[must_use]
    pub fn name(self) -> (&'static str, &'static str, &'static str) {
        let local = match self {
            Self::UnsupportedSecurityToken => "UnsupportedSecurityToken",
            Self::UnsupportedAlgorithm => "UnsupportedAlgorithm",
            Self::InvalidSecurity => "InvalidSecurity",
            Self::InvalidSecurityToken => "InvalidSecurityToken",
            Self::FailedAuthentication => "FailedAuthentication",
            Self::FailedCheck => "FailedCheck",
            Self::SecurityTokenUnavailable => "SecurityTokenUnavailable",
            Self::MessageExpired => return (ns::WSU, "wsu", "MessageExpired"),
        };
        (ns::WSSE, "wsse", local)
    }
}

/// A fault of ours, to be written.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Whose fault it is.
    pub code: Code,
    /// Code of WS-Security, where there is one.
    pub subcode: Option<Subcode>,
    /// What went wrong, in English.
    pub reason: String,
    /// The children of `detail`/`Detail`: exclusive canonical form, with the namespaces they need. Empty for none.
    pub detail: Vec<u8>,
}

impl Fault {
    /// Appends the Fault element in the canonical form it has inside a Body whose prefix for SOAP is `soap`. Gives the
    /// range of the detail's octets in `out`, which may be encrypted.
    pub fn write(&self, version: Version, out: &mut Vec<u8>) -> std::ops::Range<usize> {
        match version {
            Version::Soap11 => self.write_11(out),
            Version::Soap12 => self.write_12(out),
        }
    }

    fn write_11(&self, out: &mut Vec<u8>) -> std::ops::Range<usize> {
        out.extend_from_slice(b"<soap:Fault><faultcode");
        match self.subcode {
            // WS-Security puts its code in place of SOAP's own (SMS 1.1 §12). The QName stands in content, so exclusive
            // canonicalization does not see its prefix; the declaration stays on the wire and out of the digest.
            Some(subcode) if !self.code_stands_alone() => {
                let (_, prefix, local) = subcode.name();
                push(out, &[">", prefix, ":", local]);
            }
            _ => push(out, &[">soap:", self.code.as_str(Version::Soap11)]),
        }
        out.extend_from_slice(b"</faultcode><faultstring>");
        escape_text(&self.reason, out);
        out.extend_from_slice(b"</faultstring>");
        let detail = if self.detail.is_empty() {
            out.len()..out.len()
        } else {
            out.extend_from_slice(b"<detail>");
            let start = out.len();
            out.extend_from_slice(&self.detail);
            let range = start..out.len();
            out.extend_from_slice(b"</detail>");
            range
        };
        out.extend_from_slice(b"</soap:Fault>");
        detail
    }

    fn write_12(&self, out: &mut Vec<u8>) -> std::ops::Range<usize> {
        push(out, &["<soap:Fault><soap:Code><soap:Value>soap:", self.code.as_str(Version::Soap12), "</soap:Value>"]);
        if let Some(subcode) = self.subcode {
            let (_, prefix, local) = subcode.name();
            push(out, &["<soap:Subcode><soap:Value>", prefix, ":", local, "</soap:Value></soap:Subcode>"]);
        }
        out.extend_from_slice(b"</soap:Code><soap:Reason><soap:Text xml:lang=\"en\">");
        escape_text(&self.reason, out);
        out.extend_from_slice(b"</soap:Text></soap:Reason>");
        let detail = if self.detail.is_empty() {
            out.len()..out.len()
        } else {
            out.extend_from_slice(b"<soap:Detail>");
            let start = out.len();
            out.extend_from_slice(&self.detail);
            let range = start..out.len();
            out.extend_from_slice(b"</soap:Detail>");
            range
        };
        out.extend_from_slice(b"</soap:Fault>");
        detail
    }

    /// Whether SOAP 1.1 keeps its own code: only the sender's faults have codes of WS-Security.
    fn code_stands_alone(&self) -> bool {
        self.code != Code::Sender
    }
}

/// A whole envelope around a fault, unsigned: for the refusals of design 2.1 that come before the envelope is read.
#[must_use]
pub fn unsigned(version: Version, fault: &Fault) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    push(&mut out, &["<soap:Envelope xmlns:soap=\"", version.namespace(), "\" xmlns:wsse=\"", ns::WSSE]);
    push(&mut out, &["\" xmlns:wsu=\"", ns::WSU, "\"><soap:Body>"]);
    fault.write(version, &mut out);
    out.extend_from_slice(b"</soap:Body></soap:Envelope>");
    out
}

/// A fault that came from a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Whose fault, as the peer sees it; none for a code outside the specification.
    pub code: Option<Code>,
    /// The most specific code: local name without prefix.
    pub subcode: Option<String>,
    /// The first reason, clipped.
    pub reason: String,
    /// The children of detail.
    pub detail: Vec<NodeId>,
}

impl Received {
    /// Reads a Fault element; none when `node` is something else.
    #[must_use]
    pub fn read(document: &Document, node: NodeId) -> Option<Self> {
        if document.is(node, ns::SOAP11, "Fault") {
            Some(read_11(document, node))
        } else if document.is(node, ns::SOAP12, "Fault") {
            Some(read_12(document, node))
        } else {
            None
        }
    }
}

fn read_11(document: &Document, node: NodeId) -> Received {
    let child = |name: &str| document.elements(node).find(|child| document.local(*child) == name);
    let code = child("faultcode").map(|code| document.text_content(code).trim().to_owned()).unwrap_or_default();
    let local = local_of(&code);
    let known = Code::parse(local.split('.').next().unwrap_or_default());
    Received {
        // A code of WS-Security stands in place of Client.
        code: known.or(Some(Code::Sender).filter(|_| !local.is_empty())),
        subcode: known.is_none().then(|| clip(local)).filter(|text| !text.is_empty()),
        reason: child("faultstring").map(|text| clip_reason(document, text)).unwrap_or_default(),
        detail: child("detail").map(|detail| document.elements(detail).collect()).unwrap_or_default(),
    }
}

fn read_12(document: &Document, node: NodeId) -> Received {
    let child = |parent: NodeId, name: &str| document.elements(parent).find(|c| document.is(*c, ns::SOAP12, name));
    let value = |parent: NodeId| child(parent, "Value").map(|v| document.text_content(v).trim().to_owned());
    let code = child(node, "Code");
    let subcode = code.and_then(|code| child(code, "Subcode")).and_then(value);
    Received {
        code: code.and_then(value).and_then(|text| Code::parse(local_of(&text))),
        subcode: subcode.map(|text| clip(local_of(&text))),
        reason: child(node, "Reason")
            .and_then(|reason| child(reason, "Text"))
            .map(|text| clip_reason(document, text))
            .unwrap_or_default(),
        detail: child(node, "Detail").map(|detail| document.elements(detail).collect()).unwrap_or_default(),
    }
}

fn local_of(qname: &str) -> &str {
    qname.rsplit(':').next().unwrap_or(qname)
}

/// What a peer says goes into logs: its beginning, without control characters.
fn clip_reason(document: &Document, node: NodeId) -> String {
    document.text_content(node).trim().chars().filter(|c| !c.is_control()).take(500).collect()
}

fn push(out: &mut Vec<u8>, pieces: &[&str]) {
    for piece in pieces {
        out.extend_from_slice(piece.as_bytes());
    }
}

/// Text as canonical XML writes it (C14N10 §2.3).
pub(crate) fn escape_text(text: &str, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        match byte {
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            b'\r' => out.extend_from_slice(b"&#xD;"),
            // Characters that XML cannot hold become a question mark rather than a message that cannot be read.
            0..=8 | 11 | 12 | 14..=31 => out.push(b'?'),
            other => out.push(other),
        }
    }
}

/// An attribute value as canonical XML writes it (C14N10 §2.3), without its quotes.
pub(crate) fn escape_attribute(text: &str, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        match byte {
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'"' => out.extend_from_slice(b"&quot;"),
            b'\t' => out.extend_from_slice(b"&#x9;"),
            b'\n' => out.extend_from_slice(b"&#xA;"),
            b'\r' => out.extend_from_slice(b"&#xD;"),
            0..=8 | 11 | 12 | 14..=31 => out.push(b'?'),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soap::Envelope;

    fn fault() -> Fault {
        Fault {
            code: Code::Sender,
            subcode: Some(Subcode::FailedCheck),
            reason: "a < b".to_owned(),
            detail: br#"<d:FaultDetail xmlns:d="urn:d">x</d:FaultDetail>"#.to_vec(),
        }
    }

    #[test]
    fn a_written_fault_reads_back_in_both_versions() {
        for version in [Version::Soap11, Version::Soap12] {
            let envelope = Envelope::parse(unsigned(version, &fault()), Some(version)).unwrap();
            let read = Received::read(envelope.document(), envelope.payload().unwrap()).unwrap();
            assert_eq!(read.code, Some(Code::Sender));
            assert_eq!(read.subcode.as_deref(), Some("FailedCheck"));
            assert_eq!(read.reason, "a < b");
            assert_eq!(envelope.document().local(read.detail[0]), "FaultDetail");
        }
    }

    #[test]
    fn the_range_of_the_detail_is_exact() {
        for version in [Version::Soap11, Version::Soap12] {
            let mut out = Vec::new();
            let range = fault().write(version, &mut out);
            assert_eq!(&out[range], fault().detail.as_slice());
        }
    }

    #[test]
    fn status_codes_are_those_of_the_binding() {
        assert_eq!(Code::Sender.http_status(Version::Soap12), 400);
        assert_eq!(Code::Sender.http_status(Version::Soap11), 500);
        assert_eq!(Code::Receiver.http_status(Version::Soap12), 500);
    }
}
