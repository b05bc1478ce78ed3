//! Names: the namespace constants of the specifications we implement.

use super::chars;

/// Whether `text` is an `NCName`, a name without a colon (Namespaces in XML 1.0 §4).
#[must_use]
pub fn is_ncname(text: &str) -> bool {
    let mut all = text.chars();
    all.next().is_some_and(chars::is_name_start) && all.all(chars::is_name)
}

/// Namespace URIs, named by the prefix that the specifications give them.
pub mod ns {
    /// `xml:` (Namespaces in XML 1.0 §3).
    pub const XML: &str = "http://www.w3.org/XML/1998/namespace";
    /// `xmlns:` (Namespaces in XML 1.0 §3).
    pub const XMLNS: &str = "http://www.w3.org/2000/xmlns/";
    /// XML Signature 1.x.
    pub const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
    /// XML Signature 1.1 additions.
    pub const DSIG11: &str = "http://www.w3.org/2009/xmldsig11#";
    /// XML Encryption 1.0.
    pub const XENC: &str = "http://www.w3.org/2001/04/xmlenc#";
    /// XML Encryption 1.1 additions.
    pub const XENC11: &str = "http://www.w3.org/2009/xmlenc11#";
    /// Exclusive Canonical XML 1.0; the namespace of `InclusiveNamespaces`.
    pub const EXC_C14N: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
    /// SOAP 1.1 envelope.
    pub const SOAP11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
    /// SOAP 1.2 envelope.
    pub const SOAP12: &str = "http://www.w3.org/2003/05/soap-envelope";
    /// WS-Security 1.0 extension.
    pub const WSSE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
    /// WS-Security 1.1 extension.
    pub const WSSE11: &str = "http://docs.oasis-open.org/wss/oasis-wss-wssecurity-secext-1.1.xsd";
    /// WS-Security utility.
    pub const WSU: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
    /// WS-Addressing 1.0.
    pub const WSA: &str = "http://www.w3.org/2005/08/addressing";
    /// XML Schema.
    pub const XSD: &str = "http://www.w3.org/2001/XMLSchema";
    /// XML Schema instance.
    pub const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
    /// Our service.
    pub const SVC: &str = "urn:coconnect:service:1";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_names_without_a_colon() {
        for (text, is) in
            [("a-1", true), ("\u{e9}\u{b7}", true), ("1a", false), ("a:b", false), ("", false), ("a b", false)]
        {
            assert_eq!(is_ncname(text), is, "{text}");
        }
    }
}
