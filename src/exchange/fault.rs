//! The catalogue of refusals: stable code, SOAP fault code, HTTP status, verdict, text for the peer, remedy for us.
//!
//! Only this file decides what a peer sees (design 2.1, 2.2). A received value is never quoted in a text: the detail
//! given with a [`Fault`] is made of our own words, numbers, times and names of algorithms.

use std::fmt;

pub use crate::contract::Verdict;
use crate::contract::{FaultDetail, Violation};
pub use crate::soap::fault::{Code as SoapCode, Subcode};

/// One row of the catalogue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Row {
    /// Stable name.
    pub name: &'static str,
    /// SOAP fault code.
    pub soap: SoapCode,
    /// Code of WS-Security, where one fits.
    pub subcode: Option<Subcode>,
    /// HTTP status where the refusal is made before the envelope is read; 0 where SOAP decides it.
    pub status: u16,
    /// What the sender should do.
    pub verdict: Verdict,
    /// What the peer reads.
    pub text: &'static str,
    /// What our own people do about it.
    pub remedy: &'static str,
}

macro_rules! catalogue {
    ($($(#[$doc:meta])* $code:ident = $name:literal, $soap:ident, $subcode:expr, $status:literal, $verdict:ident, $text:literal, $remedy:literal;)*) => {
        /// A refusal, by its stable code.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
        pub enum Code { $($(#[$doc])* $code,)* }

        impl Code {
            /// Every code, in the order of the checks.
            pub const ALL: &'static [Self] = &[$(Self::$code,)*];

            /// Its row.
            #[must_use]
            pub fn row(self) -> Row {
                match self {
                    $(Self::$code => Row {
                        name: $name,
                        soap: SoapCode::$soap,
                        subcode: $subcode,
                        status: $status,
                        verdict: Verdict::$verdict,
                        text: $text,
                        remedy: $remedy,
                    },)*
                }
            }
        }
    };
}

catalogue! {
    // Before transport identity: a status and nothing more.
    /// The client certificate belongs to no partner.
    CertificateUnknown = "certificate-unknown", Sender, None, 403, Contact,
        "the client certificate is not known",
        "coconnect cert import, if the partner announced a new TLS certificate";
    /// No Authorization header, or no Basic one.
    BasicMissing = "basic-missing", Sender, None, 401, Correct,
        "HTTP Basic credentials are missing",
        "the partner's client sends no credentials; its configuration lacks them";
    /// User or password are not those of the partner of the client certificate.
    BasicWrong = "basic-wrong", Sender, None, 401, Contact,
        "HTTP Basic credentials are wrong",
        "compare basic_user; make a new password with coconnect partner add if it was lost";
    /// The address is in no network of the partner.
    AddressRefused = "address-refused", Sender, None, 403, Contact,
        "the calling address is not agreed",
        "add the network to addresses, if the partner announced it";
    // Transport identity is established: an unsigned fault with code and reference id.
    /// The partner is not active.
    PartnerInactive = "partner-inactive", Sender, None, 403, Contact,
        "the exchange with this partner is not active",
        "set active = true once the arrangement is in force";
    /// The path names no operation.
    OperationUnknown = "operation-unknown", Sender, None, 404, Correct,
        "no operation is served at this path",
        "the partner's endpoint is wrong; compare with coconnect contract wsdl";
    /// The partner may not call this operation.
    OperationRefused = "operation-refused", Sender, None, 403, Contact,
        "this operation is not agreed with this partner",
        "add it to operations_in, if it was agreed";
    /// Not POST.
    MethodRefused = "method-refused", Sender, None, 405, Correct,
        "operations are called with POST",
        "the partner's client is wrong";
    /// Content-Length or the octets read exceed the limit.
    TooLarge = "too-large", Sender, None, 413, Correct,
        "the message exceeds the size limit",
        "agree on smaller messages, or raise the limit";
    /// Neither text/xml nor application/soap+xml in UTF-8 or UTF-16, or a content coding.
    MediaType = "media-type", Sender, None, 415, Correct,
        "expected text/xml or application/soap+xml without content coding",
        "the partner's client is wrong";
    /// Too many messages of the partner under way.
    TooMany = "too-many", Receiver, None, 429, Retry,
        "too many messages of this partner at once",
        "raise the partner's share, if it was agreed";
    /// The gateway is out of room or of signing budget.
    Busy = "busy", Receiver, None, 503, Retry,
        "the gateway is busy",
        "watch load and memory; the partner will try again";
    /// The body came too slowly, or broke off.
    BodyIncomplete = "body-incomplete", Sender, None, 408, Retry,
        "the message did not arrive completely in time",
        "look at the line between the gateways";
    // The envelope is being read: signed faults.
    /// Not well-formed XML.
    NotXml = "not-xml", Sender, None, 0, Correct,
        "the message is not well-formed XML",
        "the partner's software or a middle box broke the message; see message show";
    /// A document type declaration.
    DtdRefused = "dtd-refused", Sender, None, 0, Correct,
        "document type declarations are refused",
        "the partner's software sends a DTD, or somebody attacks";
    /// A bound of `base::limits`.
    LimitExceeded = "limit-exceeded", Sender, None, 0, Correct,
        "the message exceeds a structural limit",
        "see message show; if the message is honest, talk about its size";
    /// No SOAP envelope, or not exactly one Body with one element.
    NotAnEnvelope = "not-an-envelope", Sender, None, 0, Correct,
        "the message is not a SOAP envelope with one Body and one element in it",
        "the partner's software is wrong; see message show";
    /// An envelope of another SOAP version, or one that the media type contradicts.
    VersionMismatch = "version-mismatch", VersionMismatch, None, 0, Correct,
        "expected SOAP 1.1 in text/xml or SOAP 1.2 in application/soap+xml",
        "the partner's software is wrong; see message show";
    /// A header with mustUnderstand that we do not know.
    MustUnderstand = "must-understand", MustUnderstand, None, 0, Correct,
        "a header that must be understood is not known here",
        "the partner's software adds headers; see message show";
    /// No Security header for us.
    SecurityMissing = "security-missing", Sender, Some(Subcode::InvalidSecurity), 0, Correct,
        "the wsse:Security header is missing",
        "the partner's client does not sign; compare with the shipped client configurations";
    /// The Security header or something in it has a wrong form.
    SecurityInvalid = "security-invalid", Sender, Some(Subcode::InvalidSecurity), 0, Correct,
        "the wsse:Security header is not as agreed",
        "see message explain";
    /// An algorithm or transform outside the profile.
    AlgorithmRefused = "algorithm-refused", Sender, Some(Subcode::UnsupportedAlgorithm), 0, Correct,
        "an algorithm is not permitted",
        "the partner's suite is outside the profile; see message explain";
    /// The token or key reference cannot be resolved to a certificate of the partner.
    TokenRefused = "token-refused", Sender, Some(Subcode::SecurityTokenUnavailable), 0, Contact,
        "the signing certificate cannot be found",
        "coconnect cert import, if the partner announced a new certificate";
    /// The signer is another partner, or nobody we know.
    SignerMismatch = "signer-mismatch", Sender, Some(Subcode::FailedAuthentication), 0, Contact,
        "the signing certificate is not one of this partner",
        "coconnect cert import, if the partner announced a new certificate; else somebody sends for somebody else";
    /// Expired, not yet valid, revoked, untrusted, wrong use.
    CertificateRefused = "certificate-refused", Sender, Some(Subcode::InvalidSecurityToken), 0, Contact,
        "the signing certificate is not valid",
        "coconnect cert check; the partner must renew, or its CRL be loaded";
    /// Timestamp in the past or too long alive.
    MessageExpired = "message-expired", Sender, Some(Subcode::MessageExpired), 0, Correct,
        "the message is not fresh",
        "compare clocks; a retry must be sealed anew";
    /// An addressing header is missing.
    AddressingMissing = "addressing-missing", Sender, None, 0, Correct,
        "a required WS-Addressing header is missing",
        "the partner's client does not send WS-Addressing 1.0";
    /// An addressing header is there twice, or has a wrong form or value.
    AddressingInvalid = "addressing-invalid", Sender, None, 0, Correct,
        "a WS-Addressing header is not as agreed",
        "see message explain";
    /// Action, SOAPAction, path and Body element do not agree.
    ActionMismatch = "action-mismatch", Sender, None, 0, Correct,
        "action, path and body element do not name the same operation",
        "the partner's client is wrong, or somebody redirects messages";
    /// To is none of our addresses of this operation.
    WrongDestination = "wrong-destination", Sender, None, 0, Correct,
        "the message is addressed to somebody else",
        "compare public addresses and the partner's endpoint; else somebody redirects messages";
    /// A message of another environment.
    OtherEnvironment = "other-environment", Sender, None, 0, Contact,
        "the message belongs to another environment",
        "the partner mixes its environments; talk before data leaks";
    /// A part that must be signed is not.
    PartNotSigned = "part-not-signed", Sender, Some(Subcode::FailedCheck), 0, Correct,
        "a part that must be signed is not signed",
        "compare the partner's signed parts with design 2.2";
    /// The business document is not encrypted.
    NotEncrypted = "not-encrypted", Sender, Some(Subcode::FailedCheck), 0, Correct,
        "the business document is not encrypted as agreed",
        "the partner's client does not encrypt; in prod it needs its own coconnect beside it";
    /// SignatureValue does not hold over SignedInfo.
    SignatureInvalid = "signature-invalid", Sender, Some(Subcode::FailedCheck), 0, Contact,
        "the signature does not hold",
        "see message explain";
    /// Anything from decryption to the last Reference digest: one code for all.
    SecurityCheckFailed = "security-check-failed", Sender, Some(Subcode::FailedCheck), 0, Contact,
        "the security of the message does not hold",
        "message explain tells the true reason; the partner must not";
    // Every digest holds: named in full.
    /// Schema, facets, code lists.
    Invalid = "invalid-document", Sender, None, 0, Correct,
        "the document breaks the schema",
        "see message show; the sender corrects";
    /// The agreement profile.
    Profile = "profile-refused", Sender, None, 0, Correct,
        "the document breaks the agreement profile",
        "see message show; the sender corrects, or both agree on another profile";
    /// Receiving or sending country are not ours and the partner's.
    CountryMismatch = "country-mismatch", Sender, None, 0, Correct,
        "the document's countries are not those of sender and receiver",
        "see message show; territories may need an entry";
    /// A MessageID used before with another document.
    MessageIdReused = "message-id-reused", Sender, None, 0, Contact,
        "this MessageID was used before with another document",
        "a broken client, or somebody replays; compare both in message show";
    /// The CO exists with another document.
    CoExists = "co-exists", Sender, None, 0, Correct,
        "this CO was received before with another document",
        "the sender must cancel or replace the first";
    /// The CO that the message names is not known.
    CoUnknown = "co-unknown", Sender, None, 0, Correct,
        "the CO that the message names is not known",
        "compare with coconnect co list; its send-co may still be under way";
    /// The operation comes from the wrong side of the CO.
    WrongRole = "wrong-role", Sender, None, 0, Correct,
        "this operation is for the other side of the CO",
        "the partner's software is wrong";
    /// The state of the CO does not permit it.
    IllegalState = "illegal-state", Sender, None, 0, Correct,
        "the state of the CO does not permit this",
        "see co show";
    // Our side.
    /// The store refused or stopped; nothing was recorded.
    StoreUnavailable = "store-unavailable", Receiver, None, 503, Retry,
        "the message could not be recorded",
        "look at disk and log; the gateway stops itself when the journal fails";
    /// A defect of ours.
    Internal = "internal", Receiver, None, 500, Retry,
        "the gateway failed",
        "report it with the reference id and the log";
}

impl Code {
    /// Its stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.row().name
    }

    /// The code of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == name)
    }

    /// Whether a partner that gets or sends it should look at keys: such a fault holds the partner's queue.
    #[must_use]
    pub fn is_cryptographic(self) -> bool {
        matches!(
            self,
            Self::AlgorithmRefused
                | Self::TokenRefused
                | Self::SignerMismatch
                | Self::CertificateRefused
                | Self::SignatureInvalid
                | Self::SecurityCheckFailed
        )
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A refusal of one message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// Which.
    pub code: Code,
    /// More for the peer, in our words; empty where the row says everything.
    pub detail: String,
    /// Errors of the document.
    pub errors: Vec<Violation>,
    /// The true reason, for the journal alone.
    pub reason: String,
}

impl Fault {
    /// A refusal that the row says in full; `reason` is for the journal.
    #[must_use]
    pub fn new(code: Code, reason: impl Into<String>) -> Self {
        Self { code, detail: String::new(), errors: Vec::new(), reason: reason.into() }
    }

    /// A refusal with a detail that the peer may read; the journal gets the same.
    #[must_use]
    pub fn told(code: Code, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { code, reason: detail.clone(), detail, errors: Vec::new() }
    }

    /// A refusal whose text quotes what came: the journal gets it whole, the peer its length (design 2.1).
    #[must_use]
    pub fn told_unquoted(code: Code, detail: impl Into<String>) -> Self {
        let reason = detail.into();
        Self { code, detail: unquoted(&reason), reason, errors: Vec::new() }
    }

    /// The detail element for the peer.
    #[must_use]
    pub fn detail(&self, reference_id: &str) -> FaultDetail {
        let row = self.code.row();
        let errors = if self.code == Code::SecurityCheckFailed { Vec::new() } else { self.errors.clone() };
        FaultDetail { code: row.name.into(), verdict: row.verdict, reference_id: reference_id.to_owned(), errors }
    }

    /// What the peer reads.
    #[must_use]
    pub fn text(&self) -> String {
        if self.detail.is_empty() || self.code == Code::SecurityCheckFailed {
            self.code.row().text.to_owned()
        } else {
            format!("{}: {}", self.code.row().text, self.detail)
        }
    }
}

/// `text` with everything between double quotes replaced by its length.
fn unquoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '"' {
            out.push(character);
            continue;
        }
        let mut length = 0_usize;
        while let Some(inside) = characters.next() {
            match inside {
                '"' => break,
                // What is escaped counts as one: `\"` and `\n`.
                '\\' => drop(characters.next()),
                _ => {}
            }
            length += 1;
        }
        out.push_str(&format!("(a text of {length} characters)"));
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_are_unique_and_read_back() {
        let names: HashSet<&str> = Code::ALL.iter().map(|c| c.as_str()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        for code in Code::ALL {
            assert_eq!(Code::parse(code.as_str()), Some(*code));
            assert!(!code.row().text.is_empty() && !code.row().remedy.is_empty());
        }
    }

    #[test]
    fn from_decryption_on_there_is_one_text() {
        // A detail given by mistake must not become an oracle.
        let mut fault = Fault::new(Code::SecurityCheckFailed, "AES-GCM tag");
        fault.detail = "AES-GCM tag".to_owned();
        assert_eq!(fault.text(), Fault::new(Code::SecurityCheckFailed, "digest of Body").text());
    }

    #[test]
    fn what_came_is_told_by_its_length_alone() {
        assert_eq!(
            unquoted("header \"a\" in \"urn:\\\"b\""),
            "header (a text of 1 characters) in (a text of 6 characters)"
        );
        assert_eq!(unquoted("1:2: nothing to hide"), "1:2: nothing to hide");
        assert_eq!(unquoted("left \"open"), "left (a text of 4 characters)");
        let fault = Fault::told_unquoted(Code::NotXml, "entity \"SECRET\" is not declared");
        assert!(!fault.text().contains("SECRET") && fault.reason.contains("SECRET"));
    }
}
