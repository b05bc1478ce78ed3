//! STR-Transform (SMS 1.1 §8.3): the token in the place of the reference to it.
//!
//! Where the token is not in the message, it is made of the signer's certificate as WSS4J makes it: the reference's
//! prefix, ValueType X509v3, no EncodingType, base64 without line ends.

use openssl::x509::X509;

use super::Signer;
use super::token::is_meant;
use super::token_reference::{Pointer, Scope, X509_V3};
use crate::xml::{NodeId, ns};
use crate::xmlsec::dsig::{Context, Token, TokenResolver};

/// The tokens that a signature of `signer` may cover.
pub(crate) struct Tokens<'a> {
    pub scope: Scope<'a>,
    pub signer: &'a Signer,
}

impl TokenResolver for Tokens<'_> {
    fn token(&self, _context: &Context<'_>, reference: NodeId) -> Result<Token, String> {
        match self.scope.token_reference(reference).map_err(|reason| reason.to_string())? {
            Pointer::Token(token) => Ok(Token::Element(token)),
            Pointer::Name(name) => {
                // Only the certificate that verifies this signature is known for certain.
                if !is_meant(self.signer.certificate(), &name.as_reference()) {
                    return Err("the reference names another certificate than the signer's".to_owned());
                }
                Ok(Token::Octets(self.made_token(reference)))
            }
            _ => Err("the reference leads to no certificate".to_owned()),
        }
    }

    fn certificates(&self, _context: &Context<'_>, _reference: NodeId, _known: &[X509]) -> Result<Vec<X509>, String> {
        Ok(vec![self.signer.certificate().x509().clone()])
    }
}

impl Tokens<'_> {
    fn made_token(&self, reference: NodeId) -> Vec<u8> {
        let prefix = self.scope.document.prefix(reference);
        let (colon, declaration) =
            if prefix.is_empty() { ("", "xmlns".to_owned()) } else { (":", format!("xmlns:{prefix}")) };
        let name = format!("{prefix}{colon}BinarySecurityToken");
        let token = self.signer.token();
        format!("<{name} {declaration}=\"{}\" ValueType=\"{X509_V3}\">{token}</{name}>", ns::WSSE).into_bytes()
    }
}
