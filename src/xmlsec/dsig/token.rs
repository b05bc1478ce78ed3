//! `wsse:SecurityTokenReference` (WS-Security 1.1 §7): what it leads to, through a hook that the caller supplies.

use openssl::x509::X509;

use super::reference::{Context, Target, dereference};
use super::x509_data::X509Data;
use crate::xml::{Document, NodeId, ns};
use crate::xmlsec::read;

/// Prefix of the ValueType URIs of the X.509 token profile.
const X509_PROFILE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0";

/// What a reference to a security token led to.
#[derive(Clone, Debug)]
pub enum Token {
    /// An element of the document: a `wsse:BinarySecurityToken`.
    Element(NodeId),
    /// An element that is not in the document, written out: a `wsse:BinarySecurityToken` made of a known certificate
    /// (§8.3).
    Octets(Vec<u8>),
}

/// Dereferences `wsse:SecurityTokenReference` elements.
pub trait TokenResolver {
    /// The token that the `wsse:SecurityTokenReference` at `reference` leads to.
    ///
    /// # Errors
    /// Why there is none, for people.
    fn token(&self, context: &Context<'_>, reference: NodeId) -> Result<Token, String>;

    /// The certificates that the `wsse:SecurityTokenReference` at `reference` brings or names, `known` among others.
    ///
    /// # Errors
    /// Why there is none, for people.
    fn certificates(&self, context: &Context<'_>, reference: NodeId, known: &[X509]) -> Result<Vec<X509>, String>;
}

/// §8.3: the apex element of a dereferenced token bears `xmlns=""` unless it declares a default namespace.
pub(super) fn with_null_default_namespace(mut canonical: Vec<u8>) -> Vec<u8> {
    let Some(tag_end) = canonical.iter().position(|octet| *octet == b'>') else { return canonical };
    let tag = canonical.get(..tag_end).unwrap_or_default();
    let declares = tag.windows(8).any(|window| window == b" xmlns=\"");
    if declares {
        return canonical;
    }
    let name_end = tag.iter().position(|octet| *octet == b' ').unwrap_or(tag_end);
    canonical.splice(name_end..name_end, *b" xmlns=\"\"");
    canonical
}

/// Tokens of the document itself, and the certificates that the caller knows: enough for files on the command line.
#[derive(Default)]
pub struct DocumentTokens {
    /// Certificates that a key identifier may name.
    pub known: Vec<X509>,
}

impl TokenResolver for DocumentTokens {
    fn token(&self, context: &Context<'_>, reference: NodeId) -> Result<Token, String> {
        let document = context.document;
        match single_child(document, reference)? {
            Pointer::Reference(uri) => Ok(Token::Element(target(context, uri)?)),
            Pointer::Embedded(node) => Ok(Token::Element(node)),
            Pointer::KeyIdentifier(_) | Pointer::X509Data(_) => {
                let certificates = self.certificates(context, reference, &self.known)?;
                let certificate = certificates.first().ok_or("no certificate fits")?;
                Ok(Token::Octets(binary_security_token(document, reference, certificate)?))
            }
        }
    }

    fn certificates(&self, context: &Context<'_>, reference: NodeId, known: &[X509]) -> Result<Vec<X509>, String> {
        let document = context.document;
        match single_child(document, reference)? {
            Pointer::Reference(uri) => certificates_of_token(document, target(context, uri)?, known),
            Pointer::Embedded(node) => certificates_of_token(document, node, known),
            Pointer::KeyIdentifier(node) => by_key_identifier(document, node, known),
            Pointer::X509Data(node) => {
                let data = X509Data::parse(document, node, context.policy).map_err(|why| why.to_string())?;
                let mut found = data.parsed_certificates();
                found.extend(known.iter().filter(|certificate| data.selects(certificate)).cloned());
                Ok(found)
            }
        }
    }
}

enum Pointer<'a> {
    Reference(&'a str),
    Embedded(NodeId),
    KeyIdentifier(NodeId),
    X509Data(NodeId),
}

fn single_child(document: &Document, reference: NodeId) -> Result<Pointer<'_>, String> {
    let children = read::elements(document, reference).map_err(|why| why.to_string())?;
    let &[child] = children.as_slice() else { return Err("expected exactly one child".to_owned()) };
    match (document.ns(child), document.local(child)) {
        (ns::WSSE, "Reference") => {
            document.attribute(child, "", "URI").map(Pointer::Reference).ok_or_else(|| "expected a URI".to_owned())
        }
        (ns::WSSE, "Embedded") => {
            document.elements(child).next().map(Pointer::Embedded).ok_or_else(|| "expected a token".to_owned())
        }
        (ns::WSSE, "KeyIdentifier") => Ok(Pointer::KeyIdentifier(child)),
        (ns::DS, "X509Data") => Ok(Pointer::X509Data(child)),
        _ => Err(format!("{} is not implemented", crate::xmlsec::policy::shortened(document.local(child)))),
    }
}

fn target(context: &Context<'_>, uri: &str) -> Result<NodeId, String> {
    let target = Target::parse(Some(uri));
    let found = dereference(&target, uri, context).map_err(|why| why.to_string())?;
    found.root_here().ok_or_else(|| "it leads out of the document".to_owned())
}

/// The certificate of these octets: one of `known` where it is there, since reading one costs more than looking for it.
fn certificate(der: &[u8], known: &[X509]) -> Option<X509> {
    let same = |known: &&X509| known.to_der().is_ok_and(|known| known == der);
    known.iter().find(same).cloned().or_else(|| X509::from_der(der).ok())
}

/// The certificates in a `wsse:BinarySecurityToken`: one, or a PKIPath.
fn certificates_of_token(document: &Document, token: NodeId, known: &[X509]) -> Result<Vec<X509>, String> {
    if !document.is(token, ns::WSSE, "BinarySecurityToken") {
        return Err(format!("{} is no BinarySecurityToken", crate::xmlsec::policy::shortened(document.local(token))));
    }
    let octets = read::base64(document, token).map_err(|why| why.to_string())?;
    let value_type = document.attribute(token, "", "ValueType").unwrap_or_default();
    if value_type.ends_with("#X509PKIPathv1") {
        return pki_path(&octets).ok_or_else(|| "expected a PKIPath".to_owned());
    }
    certificate(&octets, known).map(|one| vec![one]).ok_or_else(|| "expected a certificate".to_owned())
}

/// `SEQUENCE OF Certificate`, the anchor's end first.
fn pki_path(der: &[u8]) -> Option<Vec<X509>> {
    const CERTIFICATES_MAX: usize = 16;
    let (&first, _) = der.split_first()?;
    if first != 0x30 {
        return None;
    }
    let mut rest = der.get(header_size(der)?..)?;
    let mut path = Vec::new();
    while !rest.is_empty() && path.len() < CERTIFICATES_MAX {
        let size = header_size(rest)?.checked_add(content_size(rest)?)?;
        path.push(X509::from_der(rest.get(..size)?).ok()?);
        rest = rest.get(size..)?;
    }
    path.reverse();
    Some(path)
}

fn header_size(der: &[u8]) -> Option<usize> {
    let length = *der.get(1)?;
    Some(if length < 128 { 2 } else { 2 + usize::from(length & 0x7f) })
}

fn content_size(der: &[u8]) -> Option<usize> {
    let length = *der.get(1)?;
    if length < 128 {
        return Some(usize::from(length));
    }
    let octets = der.get(2..header_size(der)?)?;
    if octets.len() > 4 {
        return None;
    }
    Some(octets.iter().fold(0, |size, octet| size << 8 | usize::from(*octet)))
}

/// `wsse:KeyIdentifier`: SubjectKeyIdentifier, SHA-1 thumbprint, or the certificate itself.
fn by_key_identifier(document: &Document, node: NodeId, known: &[X509]) -> Result<Vec<X509>, String> {
    let value = read::base64(document, node).map_err(|why| why.to_string())?;
    let value_type = document.attribute(node, "", "ValueType").unwrap_or_default();
    let fits = |certificate: &&X509| -> bool {
        if value_type.ends_with("#X509SubjectKeyIdentifier") {
            certificate.subject_key_id().is_some_and(|ski| ski.as_slice() == value)
        } else {
            value_type.ends_with("#ThumbprintSHA1")
                && certificate.to_der().is_ok_and(|der| openssl::sha::sha1(&der)[..] == value[..])
        }
    };
    if value_type.ends_with("#X509v3") {
        return certificate(&value, known).map(|one| vec![one]).ok_or_else(|| "expected a certificate".to_owned());
    }
    Ok(known.iter().filter(fits).cloned().collect())
}

/// §8.3: a certificate that was only named becomes a token, with the prefix that the reference uses.
fn binary_security_token(document: &Document, reference: NodeId, certificate: &X509) -> Result<Vec<u8>, String> {
    let prefix = match document.prefix(reference) {
        "" => "wsse",
        prefix => prefix,
    };
    let text = read::encode_base64(&certificate.to_der().map_err(|why| why.to_string())?);
    let wsse = ns::WSSE;
    Ok(format!(
        "<{prefix}:BinarySecurityToken xmlns:{prefix}=\"{wsse}\" ValueType=\"{X509_PROFILE}#X509v3\">{text}</{prefix}:BinarySecurityToken>"
    )
    .into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_apex_bears_a_null_default_namespace() {
        let with = |text: &str| String::from_utf8(with_null_default_namespace(text.as_bytes().to_vec())).unwrap();
        assert_eq!(with("<a:b xmlns:a=\"u\">x</a:b>"), "<a:b xmlns=\"\" xmlns:a=\"u\">x</a:b>");
        assert_eq!(with("<b>x</b>"), "<b xmlns=\"\">x</b>");
        assert_eq!(with("<b xmlns=\"u\">x</b>"), "<b xmlns=\"u\">x</b>");
    }
}
