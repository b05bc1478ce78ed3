//! The deviations that are tried, and how they are named.

use std::fmt;

use crate::xmlsec::algorithm::{C14N, Digest};

/// One respect in which what was signed differs from what the message says was signed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// Another canonicalization than the one stated.
    C14N {
        /// What the message states; none where it states none and Canonical XML 1.0 is meant.
        stated: Option<C14N>,
        /// What fits.
        used: C14N,
    },
    /// Another PrefixList than the one stated.
    PrefixList {
        /// Prefixes stated, `#default` as "".
        stated: Vec<String>,
        /// Prefixes that fit.
        used: Vec<String>,
    },
    /// The octets were signed as they stand in the message, without any canonicalization.
    AsWritten,
    /// Empty elements as one tag, which no canonical form has.
    EmptyTags,
    /// Line ends were signed as CR LF, unlike what a parser hands on.
    LineEndsCrLf,
    /// Line ends were signed as `&#xD;` and LF: the signer's tree held the CR.
    LineEndsKeptCr,
    /// The message has CRs that were not signed.
    LineEndsAdded,
    /// The message has white space between tags that was not signed.
    WhitespaceAdded,
    /// White space between tags was signed and is gone.
    WhitespaceRemoved {
        /// What each level was indented by: spaces, or a tab.
        indent: String,
    },
    /// Text has white space at its ends that was not signed.
    TextPadded,
    /// The Id attribute was added after signing.
    IdAdded,
    /// `xmlns=""`, which STR-Transform puts on the token, was left out.
    NullNamespaceLeftOut,
    /// The reference to the token was signed, not the token that it names.
    TokenReference,
    /// Namespace declarations of the elements above were not there, but for these prefixes.
    DeclarationsAbove {
        /// Prefixes of declarations above that were there, `#default` as "".
        kept: Vec<String>,
    },
    /// All declarations stood on the signed element itself.
    DeclarationsLifted,
    /// The Signature was left out of what it signs, although no transform says so.
    SignatureLeftOut,
    /// The Signature was left in what it signs, although enveloped-signature takes it out.
    SignatureLeftIn,
    /// The whole Security header was left out.
    SecurityLeftOut,
    /// Another element than the URI means.
    Element {
        /// Where it stands.
        path: String,
        /// Its Id, if it has one.
        id: Option<String>,
    },
    /// The digest was made over ciphertext: encrypted before it was signed.
    Ciphertext,
    /// Another digest than the one stated.
    Digest {
        /// Stated.
        stated: Digest,
        /// What fits.
        used: Digest,
    },
    /// DigestValue is the base64 of hexadecimal text.
    Hexadecimal,
    /// The key of another certificate than the one named.
    Key {
        /// Whose.
        name: String,
    },
    /// ECDSA: a DER SEQUENCE in the place of r||s.
    Der,
    /// RSA: the octets of the value in reverse order.
    Reversed,
    /// Another signature method than the one stated.
    Method {
        /// Stated, by its short name.
        stated: &'static str,
        /// What fits.
        used: &'static str,
    },
}

impl Change {
    /// A stable name, for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::C14N { .. } => "canonicalization",
            Self::PrefixList { .. } => "prefix-list",
            Self::AsWritten => "not-canonical",
            Self::EmptyTags => "empty-tags",
            Self::LineEndsCrLf | Self::LineEndsKeptCr | Self::LineEndsAdded => "line-ends",
            Self::WhitespaceAdded => "whitespace-added",
            Self::WhitespaceRemoved { .. } => "whitespace-removed",
            Self::TextPadded => "text-padded",
            Self::IdAdded => "id-added",
            Self::NullNamespaceLeftOut => "null-namespace",
            Self::TokenReference => "token-reference",
            Self::DeclarationsAbove { .. } => "declarations-above",
            Self::DeclarationsLifted => "declarations-lifted",
            Self::SignatureLeftOut => "signature-left-out",
            Self::SignatureLeftIn => "signature-left-in",
            Self::SecurityLeftOut => "security-left-out",
            Self::Element { .. } => "element",
            Self::Ciphertext => "ciphertext",
            Self::Digest { .. } => "digest",
            Self::Hexadecimal => "hexadecimal",
            Self::Key { .. } => "key",
            Self::Der => "der",
            Self::Reversed => "reversed",
            Self::Method { .. } => "method",
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::C14N { stated: Some(stated), used } => {
                write!(f, "{} was used, not {} as stated", c14n_name(*used), c14n_name(*stated))
            }
            Self::C14N { stated: None, used } => write!(
                f,
                "{} was used; the Reference states no canonicalization, which means {}",
                c14n_name(*used),
                c14n_name(C14N::INCLUSIVE10)
            ),
            Self::PrefixList { stated, used } => {
                write!(f, "PrefixList was {}, not {} as stated", list(used), list(stated))
            }
            Self::AsWritten => f.write_str("the octets were signed as they stand, without canonicalization"),
            Self::EmptyTags => f.write_str("empty elements were signed as one tag (<a/>), which is not canonical"),
            Self::LineEndsCrLf => f.write_str("line ends were signed as CR LF"),
            Self::LineEndsKeptCr => {
                f.write_str("line ends were signed as &#xD; LF: the signer's document kept its CRs")
            }
            Self::LineEndsAdded => f.write_str("CRs (&#xD;) were added after signing"),
            Self::WhitespaceAdded => f.write_str("white space between tags was added after signing"),
            Self::WhitespaceRemoved { indent } => {
                let indent = match indent.as_str() {
                    "" => "line ends".to_owned(),
                    "\t" => "line ends and tabs".to_owned(),
                    spaces => format!("line ends and an indent of {}", spaces.len()),
                };
                write!(f, "white space between tags ({indent}) was removed after signing")
            }
            Self::TextPadded => f.write_str("white space at the ends of text was added after signing"),
            Self::IdAdded => f.write_str("the Id attribute was added after signing"),
            Self::NullNamespaceLeftOut => {
                f.write_str("xmlns=\"\", which STR-Transform puts on the token, was left out")
            }
            Self::TokenReference => {
                f.write_str("the SecurityTokenReference itself was signed, not the token that it names")
            }
            Self::DeclarationsAbove { kept } if kept.is_empty() => {
                f.write_str("it was signed without the namespace declarations of the elements around it")
            }
            Self::DeclarationsAbove { kept } => {
                write!(f, "of the namespace declarations around it only {} stood there when it was signed", list(kept))
            }
            Self::DeclarationsLifted => {
                f.write_str("all namespace declarations stood on the signed element when it was signed")
            }
            Self::SignatureLeftOut => {
                f.write_str("the Signature was left out, and no enveloped-signature transform says so")
            }
            Self::SignatureLeftIn => {
                f.write_str("the Signature was left in, although enveloped-signature takes it out")
            }
            Self::SecurityLeftOut => f.write_str("the Security header was left out"),
            Self::Element { path, id: Some(id) } => write!(f, "the element {path} (Id {id:?}) was signed instead"),
            Self::Element { path, id: None } => write!(f, "the element {path} was signed instead"),
            Self::Ciphertext => f.write_str("the digest covers ciphertext: it was encrypted before it was signed"),
            Self::Digest { stated, used } => write!(f, "{} was used, not {} as stated", used.name(), stated.name()),
            Self::Hexadecimal => f.write_str("DigestValue is the base64 of hexadecimal text"),
            Self::Key { name } => write!(f, "the key of {name} signed, not the one that is named"),
            Self::Der => f.write_str("the value is a DER SEQUENCE, not r||s"),
            Self::Reversed => f.write_str("the octets of the value stand in reverse order"),
            Self::Method { stated, used } => write!(f, "{used} was used, not {stated} as stated"),
        }
    }
}

/// A canonicalization in words.
#[must_use]
pub fn c14n_name(c14n: C14N) -> String {
    use crate::xml::c14n::Method;
    let method = match c14n.method {
        Method::Exclusive => "exclusive C14N",
        Method::Inclusive10 => "inclusive C14N 1.0",
        Method::Inclusive11 => "inclusive C14N 1.1",
    };
    if c14n.with_comments { format!("{method} with comments") } else { method.to_owned() }
}

fn list(prefixes: &[String]) -> String {
    let names: Vec<&str> = prefixes.iter().map(|prefix| if prefix.is_empty() { "#default" } else { prefix }).collect();
    if names.is_empty() { "empty".to_owned() } else { format!("\"{}\"", names.join(" ")) }
}
