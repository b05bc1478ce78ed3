//! The Security header (SMS 1.1 §5): exactly one for us, its children told apart, pointers resolved strictly.
//!
//! Refused in both profiles: a second Security header for us, one for somebody else alone, stray text, comments in leaves.
//! Refused in `serve` besides: any second Security header, unknown or repeated children.

use super::policy::Profile;
use super::refusal::Reason;
use std::collections::HashMap;

use crate::soap::Envelope;
use crate::soap::envelope::{Role, clip};
use crate::xml::{Document, Kind, NodeId, ns};

/// The children of a Security header, by kind, each in order.
#[derive(Clone, Debug)]
pub struct SecurityHeader {
    /// The header itself.
    pub node: NodeId,
    /// `wsu:Timestamp`.
    pub timestamp: Option<NodeId>,
    /// `wsse:BinarySecurityToken`.
    pub tokens: Vec<NodeId>,
    /// `xenc:EncryptedKey`.
    pub encrypted_keys: Vec<NodeId>,
    /// `xenc:ReferenceList` outside of an EncryptedKey.
    pub reference_lists: Vec<NodeId>,
    /// `ds:Signature`.
    pub signatures: Vec<NodeId>,
    /// `wsse11:SignatureConfirmation`.
    pub confirmations: Vec<NodeId>,
    /// `xenc:EncryptedData`: an encrypted Signature; lenient only.
    pub encrypted_data: Vec<NodeId>,
}

/// Children of a Security header at most; more are refused before any is looked at.
const CHILDREN_MAX: usize = 64;

impl SecurityHeader {
    /// Finds and reads the header of an envelope.
    ///
    /// # Errors
    /// [`Reason`] when there is none or more than one, or it holds what it must not.
    pub fn read(envelope: &Envelope, profile: Profile) -> Result<Self, Reason> {
        let document = envelope.document();
        let all = || envelope.blocks().iter().filter(|block| document.is(block.node, ns::WSSE, "Security"));
        // Files may carry a header for somebody else beside ours (SMS 1.1 §5); a gateway has nobody behind it.
        let ours = profile == Profile::Lenient && all().any(|block| block.role != Role::Foreign);
        let mut headers = all().filter(|block| !ours || block.role != Role::Foreign);
        let first = headers.next().ok_or(Reason::Missing { what: "the Security header" })?;
        if let Some(second) = headers.next() {
            return Err(Reason::Repeated { what: "Security header", at: document.position(second.node) });
        }
        if first.role == Role::Foreign || (first.role != Role::Ours && profile == Profile::Serve) {
            return Err(Reason::ForeignSecurity { at: document.position(first.node) });
        }
        let header = Self::children(document, first.node, profile)?;
        if profile == Profile::Serve {
            header.refuse_repetition(document)?;
        }
        Ok(header)
    }

    fn children(document: &Document, node: NodeId, profile: Profile) -> Result<Self, Reason> {
        let mut header = Self {
            node,
            timestamp: None,
            tokens: Vec::with_capacity(1),
            encrypted_keys: Vec::with_capacity(1),
            reference_lists: Vec::new(),
            signatures: Vec::with_capacity(1),
            confirmations: Vec::new(),
            encrypted_data: Vec::new(),
        };
        for (count, child) in document.children(node).enumerate() {
            let refused = |what: String| Reason::Refused { what, at: document.position(child) };
            if count >= 2 * CHILDREN_MAX {
                return Err(refused(format!("more than {CHILDREN_MAX} children of Security")));
            }
            match document.kind(child) {
                Kind::Element => header.sort(document, child, profile)?,
                Kind::Text if document.text(child).trim_matches([' ', '\t', '\r', '\n']).is_empty() => {}
                Kind::Comment if profile == Profile::Lenient => {}
                _ => return Err(refused("text or comment directly inside Security".to_owned())),
            }
        }
        Ok(header)
    }

    fn sort(&mut self, document: &Document, child: NodeId, profile: Profile) -> Result<(), Reason> {
        match (document.ns(child), document.local(child)) {
            (ns::WSU, "Timestamp") => match self.timestamp.replace(child) {
                None => {}
                Some(_) => return Err(Reason::Repeated { what: "Timestamp", at: document.position(child) }),
            },
            (ns::WSSE, "BinarySecurityToken") => self.tokens.push(child),
            (ns::XENC, "EncryptedKey") => self.encrypted_keys.push(child),
            (ns::XENC, "ReferenceList") => self.reference_lists.push(child),
            (ns::DS, "Signature") => self.signatures.push(child),
            (ns::WSSE11, "SignatureConfirmation") => self.confirmations.push(child),
            (ns::XENC, "EncryptedData") if profile == Profile::Lenient => self.encrypted_data.push(child),
            // A reference that stands for itself does nothing (SMS 1.1 §7.1).
            (ns::WSSE, "SecurityTokenReference") if profile == Profile::Lenient => {}
            (namespace, local) if profile == Profile::Serve => {
                return Err(Reason::Refused {
                    what: format!("{:?} in namespace {:?} has no place in Security", clip(local), clip(namespace)),
                    at: document.position(child),
                });
            }
            _ => {}
        }
        Ok(())
    }

    /// `serve` takes one of each; a second token only because a sender may bring the certificate that it encrypted for.
    fn refuse_repetition(&self, document: &Document) -> Result<(), Reason> {
        let lists: [(&'static str, &[NodeId], usize); 5] = [
            ("BinarySecurityToken", &self.tokens, 2),
            ("EncryptedKey", &self.encrypted_keys, 1),
            ("ReferenceList", &self.reference_lists, 1),
            ("Signature", &self.signatures, 1),
            ("SignatureConfirmation", &self.confirmations, 8),
        ];
        for (what, list, most) in lists {
            if let Some(extra) = list.get(most) {
                return Err(Reason::Repeated { what, at: document.position(*extra) });
            }
        }
        Ok(())
    }

    /// Whether `node` is a child of this header of the given kind.
    pub(crate) fn is_token(&self, node: NodeId) -> bool {
        self.tokens.contains(&node)
    }
}

/// Refuses comments in the leaves of the security specifications, where one reader stops and another reads on
/// (CVE-2025-29775), and in `serve` everywhere below the Security header.
pub(crate) fn refuse_comments(document: &Document, profile: Profile, security: NodeId) -> Result<(), Reason> {
    // Comments are rare; the walk is paid only when there are any.
    if !document.may_have_asides() {
        return Ok(());
    }
    let mut leaves: HashMap<NodeId, bool> = HashMap::new();
    for node in document.descendants(document.root()).filter(|node| document.kind(*node) == Kind::Comment) {
        let Some(parent) = document.parent(node).filter(|parent| document.kind(*parent) == Kind::Element) else {
            continue;
        };
        let ours = is_security_namespace(document.ns(parent));
        // A parent of many comments is looked through once: its first element may stand behind all of them.
        let mut leaf = || *leaves.entry(parent).or_insert_with(|| document.elements(parent).next().is_none());
        let refused = match profile {
            Profile::Serve => ours || document.contains(security, node),
            Profile::Lenient => ours && leaf(),
        };
        if refused {
            let what = format!("a comment inside {:?}", clip(document.local(parent)));
            return Err(Reason::Refused { what, at: document.position(node) });
        }
    }
    Ok(())
}

fn is_security_namespace(namespace: &str) -> bool {
    matches!(
        namespace,
        ns::DS | ns::DSIG11 | ns::XENC | ns::XENC11 | ns::WSSE | ns::WSSE11 | ns::WSU | ns::WSA | ns::EXC_C14N
    )
}

/// The text of an element that holds text only; `what` names it in the error.
pub(crate) fn leaf<'a>(document: &'a Document, node: NodeId, what: &'static str) -> Result<&'a str, Reason> {
    let refused = || Reason::Refused { what: format!("{what} holds more than text"), at: document.position(node) };
    let Some(child) = document.first_child(node) else { return Ok("") };
    if document.kind(child) != Kind::Text || document.next_sibling(child).is_some() {
        return Err(refused());
    }
    Ok(document.text(child))
}

/// Octets of base64 text, white space left out.
pub(crate) fn base64(document: &Document, node: NodeId, what: &'static str) -> Result<Vec<u8>, Reason> {
    decode_base64(leaf(document, node, what)?)
        .ok_or_else(|| Reason::Refused { what: format!("{what} is not base64"), at: document.position(node) })
}

/// Octets of base64 text, white space left out.
pub(crate) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    if let Ok(octets) = base64_simd::STANDARD.decode_to_vec(text.as_bytes()) {
        return Some(octets);
    }
    let compact: Vec<u8> = text.bytes().filter(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).collect();
    base64_simd::STANDARD.decode_to_vec(compact).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(headers: &str, profile: Profile) -> Result<SecurityHeader, Reason> {
        let text = format!(
            r#"<s:Envelope xmlns:s="{}" xmlns:wsse="{}" xmlns:wsu="{}" xmlns:ds="{}"><s:Header>{headers}</s:Header><s:Body><a/></s:Body></s:Envelope>"#,
            ns::SOAP11,
            ns::WSSE,
            ns::WSU,
            ns::DS
        );
        let envelope = Envelope::parse(text.into_bytes(), None).unwrap();
        let header = SecurityHeader::read(&envelope, profile)?;
        refuse_comments(envelope.document(), profile, header.node)?;
        Ok(header)
    }

    #[test]
    fn one_header_for_us_and_no_other() {
        // A second Security header lets two readers see two signatures.
        let one = "<wsse:Security><ds:Signature/></wsse:Security>";
        for profile in [Profile::Serve, Profile::Lenient] {
            assert!(read(one, profile).is_ok());
            assert!(read("", profile).is_err());
            assert!(read(&format!("{one}{one}"), profile).is_err());
            let beside = read(&format!(r#"{one}<wsse:Security s:actor="urn:other"/>"#), profile);
            assert_eq!(beside.is_ok(), profile == Profile::Lenient);
            assert!(read(r#"<wsse:Security s:actor="urn:other"/>"#, profile).is_err());
        }
    }

    #[test]
    fn serve_takes_known_children_once() {
        for inside in ["<x/>", "<ds:Signature/><ds:Signature/>", "<ds:Signature/><!---->", "<wsse:UsernameToken/>"] {
            let header = format!("<wsse:Security>{inside}</wsse:Security>");
            assert!(read(&header, Profile::Serve).is_err(), "{inside}");
            assert!(read(&header, Profile::Lenient).is_ok(), "{inside}");
        }
        for inside in [
            "text",
            "<wsu:Timestamp/><wsu:Timestamp/>",
            "<wsu:Timestamp><wsu:Created>a<!---->b</wsu:Created></wsu:Timestamp>",
        ] {
            let header = format!("<wsse:Security>{inside}</wsse:Security>");
            assert!(read(&header, Profile::Lenient).is_err(), "{inside}");
        }
    }
}
