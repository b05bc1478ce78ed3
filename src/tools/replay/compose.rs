//! The message of a step: a valid one as a gateway would send it, and every departure from it that a case asks for.
//!
//! Envelope and Security header are written as text with a Signature template in it; the W3C layer fills the template and
//! encrypts, with every algorithm that it has: what `serve` refuses must be sent by somebody. Changes by path come in
//! between, each at its stage, so that a signature can hold over what a reader must refuse.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};

use super::case::{
    Basic, Derivation, Encrypt, KeyName, Kind, Order, Pointer, Sign, Soap, Step, TokenPlace, What, Whose,
};
use super::edit::{Stage, splice};
use super::party::{Party, Signing};
use crate::gateway::chain;
use crate::net::header::{HeaderMap, HeaderName, HeaderValue};
use crate::net::{Basic as Credentials, Method};
use crate::pki::Certificate;
use crate::soap::Version;
use crate::soap::mime::ContentType;
use crate::xml::{self, Document, Kind as NodeKind, NodeId, ns};
use crate::xmlsec::Policy;
use crate::xmlsec::algorithm::{self, Cipher, Digest, KeyTransport, KeyWrap, Usage};
use crate::xmlsec::dsig::{IdAttributes, UrlMap, template};
use crate::xmlsec::enc::encrypt::{self, EncryptedDataParts, EncryptedKeyParts, KeyManagement, KeyReference};
use crate::xmlsec::enc::{self, ContentKey, DataMethod, DataType};

/// Variables of a step: `${name}` in requests and options.
#[derive(Clone, Debug, Default)]
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// Sets one.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.insert(name.into(), value.into());
    }

    /// Its value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// `text` with every variable filled in; one that is not known stays as it is, so that it is seen.
    #[must_use]
    pub fn fill(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            out.push_str(before);
            match after.split_once('}').and_then(|(name, tail)| Some((self.get(name)?, tail))) {
                Some((value, tail)) => {
                    out.push_str(value);
                    rest = tail;
                }
                None => {
                    out.push_str("${");
                    rest = after;
                }
            }
        }
        out.push_str(rest);
        out
    }
}

/// Why a step cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The keys of this run are of another kind: the case is skipped.
    #[error("needs {0}")]
    Needs(String),
    /// The case is wrong.
    #[error("{0}")]
    Case(String),
}

fn broken(what: impl std::fmt::Display) -> Error {
    Error::Case(what.to_string())
}

/// What is sent.
#[derive(Clone, Debug)]
pub struct Composed {
    /// Method.
    pub method: Method,
    /// Path below the endpoint.
    pub path: String,
    /// Header fields.
    pub headers: HeaderMap,
    /// Body.
    pub octets: Vec<u8>,
    /// The certificate that the client shows.
    pub client: Whose,
    /// The envelope as signed, before it was encrypted.
    pub clear: Option<String>,
    /// MessageID within, where one was written.
    pub message_id: Option<String>,
    /// SignatureValue: what the answer must confirm.
    pub signature_value: Option<String>,
    /// SOAP version.
    pub version: Version,
}

/// Makes the message of `step` out of `request`.
///
/// # Errors
/// [`Error`].
pub fn compose(
    step: &Step,
    request: &[u8],
    variables: &Variables,
    party: &Party,
    now: Timestamp,
) -> Result<Composed, Error> {
    let version = match step.soap {
        Soap::V11 => Version::Soap11,
        Soap::V12 => Version::Soap12,
    };
    let mut message = Message { step, variables, party, now, version };
    let (octets, clear) = match step.kind {
        Kind::Octets => (request.to_vec(), None),
        Kind::Text => {
            let text = message.edited(variables.fill(utf8(request)?), &[Stage::Clear, Stage::Signed, Stage::Sealed])?;
            (text.into_bytes(), None)
        }
        Kind::Document | Kind::Envelope => {
            let (sealed, clear) = message.seal(request)?;
            (sealed.into_bytes(), Some(clear))
        }
    };
    let (message_id, signature_value) = clear.as_deref().map(told).unwrap_or_default();
    let mut octets = octets;
    octets.resize(octets.len() + step.pad_kib.unwrap_or(0).min(64 * 1024) * 1024, b' ');
    let (method, path, headers) = message.http()?;
    Ok(Composed {
        method,
        path,
        headers,
        octets,
        client: step.http.client_certificate,
        clear,
        message_id,
        signature_value,
        version,
    })
}

fn utf8(octets: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(octets).map_err(|_| broken("the request is not UTF-8: kind = \"octets\" sends it as it is"))
}

/// MessageID and SignatureValue of an envelope in clear.
fn told(clear: &str) -> (Option<String>, Option<String>) {
    let Ok(document) = parse(clear) else { return (None, None) };
    let text = |ns: &str, local: &str| {
        let mut found = elements(&document).filter(|node| document.is(*node, ns, local));
        found.next().map(|node| document.text_content(node).trim().to_owned())
    };
    (text(ns::WSA, "MessageID"), text(ns::DS, "SignatureValue"))
}

fn parse(text: &str) -> Result<Document, Error> {
    xml::parse(text.as_bytes().to_vec(), &xml::Options::default()).map_err(broken)
}

fn elements(document: &Document) -> impl Iterator<Item = NodeId> + '_ {
    document.descendants(document.root()).filter(|node| document.kind(*node) == NodeKind::Element)
}

const BASE64_BINARY: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary";
const X509: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#";
const SMS11: &str = "http://docs.oasis-open.org/wss/oasis-wss-soap-message-security-1.1#";
/// Ids of the parts that are signed, in the order of the message.
const PARTS: [&str; 10] =
    ["MessageID", "Action", "To", "RelatesTo", "From", "ReplyTo", "FaultTo", "Timestamp", "Token", "Body"];
/// A wsu:Id of ours.
const ENCRYPTED_KEY_ID: &str = "EncryptedKey";
const ENCRYPTED_DATA_ID: &str = "EncryptedData";

/// Every algorithm, the old ones too: a case may send what must be refused.
static EVERYTHING: LazyLock<Policy> = LazyLock::new(Policy::legacy);
static IDS: LazyLock<IdAttributes> = LazyLock::new(IdAttributes::usual);

struct Message<'a> {
    step: &'a Step,
    variables: &'a Variables,
    party: &'a Party,
    now: Timestamp,
    version: Version,
}

impl Message<'_> {
    /// The envelope as it goes over the wire, and as it was signed.
    fn seal(&mut self, request: &[u8]) -> Result<(String, String), Error> {
        let text = self.envelope(&self.variables.fill(utf8(request)?))?;
        let mut text = self.edited(text, &[Stage::Clear])?;
        if self.step.encrypt.order == Order::EncryptSign {
            text = self.encrypted(&text)?;
        }
        text = self.signed(&text)?;
        let mut clear = text.clone();
        text = self.edited(text, &[Stage::Signed])?;
        if self.step.encrypt.order == Order::SignEncrypt {
            clear = text.clone();
            text = self.encrypted(&text)?;
        }
        Ok((self.edited(text, &[Stage::Sealed])?, clear))
    }

    fn edited(&self, mut text: String, stages: &[Stage]) -> Result<String, Error> {
        for edit in self.step.envelope.iter().filter(|edit| stages.contains(&edit.stage)) {
            text = edit.map(|value| self.variables.fill(value)).apply(&text).map_err(broken)?;
        }
        Ok(text)
    }

    // ---- the envelope in clear -------------------------------------------------------------------------------------

    fn envelope(&self, request: &str) -> Result<String, Error> {
        if self.step.kind == Kind::Envelope {
            if !request.contains("${security}") {
                return Err(broken(
                    "kind = \"envelope\": expected ${security} in Header; kind = \"text\" sends it as it is",
                ));
            }
            let present: Vec<&str> =
                PARTS.into_iter().filter(|id| request.contains(&format!("wsu:Id=\"{id}\""))).collect();
            return Ok(request.replace("${security}", &self.security(&present)?));
        }
        let mut document = request.to_owned();
        for edit in &self.step.edit {
            document = edit.map(|value| self.variables.fill(value)).apply(&document).map_err(broken)?;
        }
        let document = without_declaration(&document);
        let (headers, mut present) = self.addressing();
        present.push("Body");
        let wrapper = self.step.wrapper.as_deref().unwrap_or(self.step.operation.0.name());
        Ok(format!(
            "<soap:Envelope xmlns:soap=\"{soap}\" xmlns:wsse=\"{wsse}\" xmlns:wsu=\"{wsu}\" xmlns:wsa=\"{wsa}\"><soap:Header>{headers}{security}</soap:Header><soap:Body wsu:Id=\"Body\"><svc:{wrapper} xmlns:svc=\"{svc}\">{document}</svc:{wrapper}></soap:Body></soap:Envelope>",
            soap = self.version.namespace(),
            wsse = ns::WSSE,
            wsu = ns::WSU,
            wsa = ns::WSA,
            svc = ns::SVC,
            security = self.security(&present)?,
        ))
    }

    fn addressing(&self) -> (String, Vec<&'static str>) {
        let (wsa, operation) = (&self.step.wsa, self.step.operation.0);
        let address = format!("{}{}", self.party.names.to.trim_end_matches('/'), operation.path());
        let or = |given: &Option<String>, usual: Option<&str>| match given.as_deref() {
            Some("none") => None,
            Some(text) => Some(self.variables.fill(text)),
            None => usual.map(str::to_owned),
        };
        let (mut text, mut present) = (String::new(), Vec::new());
        for (name, value, endpoint) in [
            ("MessageID", or(&wsa.message_id, self.variables.get("message_id")), false),
            ("Action", or(&wsa.action, Some(operation.action())), false),
            ("To", or(&wsa.to, Some(&address)), false),
            ("RelatesTo", or(&wsa.relates_to, None), false),
            ("From", or(&wsa.from, None), true),
            ("ReplyTo", or(&wsa.reply_to, None), true),
            ("FaultTo", or(&wsa.fault_to, None), true),
        ] {
            let Some(value) = value else { continue };
            let value = escaped(&value);
            let value = if endpoint { format!("<wsa:Address>{value}</wsa:Address>") } else { value };
            text.push_str(&format!("<wsa:{name} wsu:Id=\"{name}\">{value}</wsa:{name}>"));
            present.push(name);
        }
        (text, present)
    }

    fn signing(&self) -> Result<Option<&Signing>, Error> {
        match self.step.sign.key {
            Whose::None => Ok(None),
            Whose::Stranger => Ok(Some(&self.party.stranger)),
            Whose::Agreed => match &self.party.sign {
                Some(signing) => Ok(Some(signing)),
                None => Err(Error::Needs("a signing key".to_owned())),
            },
        }
    }

    /// The Security header with a Signature template over the parts that are there.
    fn security(&self, present: &[&str]) -> Result<String, Error> {
        let mut present = present.to_vec();
        let mut out = "<wsse:Security soap:mustUnderstand=\"1\">".to_owned();
        if self.step.timestamp.present {
            out.push_str(&self.timestamp());
            present.push("Timestamp");
        }
        let sign = &self.step.sign;
        let Some(signing) = self.signing()? else {
            return Ok(out + "</wsse:Security>");
        };
        let mut token = String::new();
        if sign.key_reference == KeyName::Direct {
            token = format!(
                "<wsse:BinarySecurityToken EncodingType=\"{BASE64_BINARY}\" ValueType=\"{X509}X509v3\" wsu:Id=\"Token\">{}</wsse:BinarySecurityToken>",
                base64(signing.certificate.der())
            );
            present.push("Token");
        }
        let signature = self.template(signing, &present)?;
        match sign.token {
            TokenPlace::Before => out.push_str(&(token + &signature)),
            TokenPlace::After => out.push_str(&(signature + &token)),
        }
        Ok(out + "</wsse:Security>")
    }

    fn timestamp(&self) -> String {
        let options = &self.step.timestamp;
        let created = plus(self.now, options.offset_s);
        let expires = match options.expires {
            true => format!("<wsu:Expires>{:.3}</wsu:Expires>", plus(created, options.lifetime_s)),
            false => String::new(),
        };
        format!("<wsu:Timestamp wsu:Id=\"Timestamp\"><wsu:Created>{created:.3}</wsu:Created>{expires}</wsu:Timestamp>")
    }

    fn template(&self, signing: &Signing, present: &[&str]) -> Result<String, Error> {
        let sign = &self.step.sign;
        let method = self.signature_method(signing)?;
        let digest = uri(Usage::DigestMethod, sign.digest.as_deref().unwrap_or("sha256"))?;
        let c14n = uri(Usage::C14NMethod, sign.c14n.as_deref().unwrap_or("exc-c14n"))?;
        let transforms = match &sign.transforms {
            Some(names) => names.iter().map(|name| self.transform(name)).collect::<Result<String, _>>()?,
            None => transform(ns::EXC_C14N),
        };
        let mut ids: Vec<&str> = PARTS.into_iter().filter(|id| present.contains(id)).collect();
        if self.step.encrypt.order == Order::EncryptSign && self.step.encrypt.what != What::None {
            ids.push(ENCRYPTED_KEY_ID);
        }
        ids.retain(|id| !sign.omit.iter().any(|omitted| omitted == id));
        ids.extend(sign.extra.iter().map(String::as_str));
        let mut out = format!(
            "<ds:Signature xmlns:ds=\"{}\"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm=\"{c14n}\"></ds:CanonicalizationMethod><ds:SignatureMethod Algorithm=\"{method}\"></ds:SignatureMethod>",
            ns::DS
        );
        for id in ids {
            let (id, transforms) = match id {
                "Token" if sign.str_transform => ("KeyReference", str_transform()),
                id => (id, transforms.clone()),
            };
            out.push_str(&format!(
                "<ds:Reference URI=\"#{}\"><ds:Transforms>{transforms}</ds:Transforms><ds:DigestMethod Algorithm=\"{digest}\"></ds:DigestMethod><ds:DigestValue></ds:DigestValue></ds:Reference>",
                escaped(id)
            ));
        }
        out.push_str("</ds:SignedInfo><ds:SignatureValue></ds:SignatureValue>");
        out.push_str(&key_info(sign, &signing.certificate));
        Ok(out + "</ds:Signature>")
    }

    fn signature_method(&self, signing: &Signing) -> Result<String, Error> {
        let kind = signing.certificate.key_kind();
        let Some(name) = &self.step.sign.algorithm else {
            return Ok(crate::xmlsec::dsig::sign::usual_method(&signing.key).uri().to_owned());
        };
        // A case for RSA keys says nothing when the key of this run is another, and the other way.
        let fits = match signing.key.private().map(|key| key.id()) {
            Some(openssl::pkey::Id::RSA) => name.starts_with("rsa"),
            Some(openssl::pkey::Id::EC) => name.starts_with("ecdsa"),
            Some(openssl::pkey::Id::ED25519) => name.starts_with("eddsa"),
            _ => false,
        };
        if !fits && !name.contains(':') {
            return Err(Error::Needs(format!("a signing key for {name}; the one given is {kind}")));
        }
        uri(Usage::SignatureMethod, name).map(str::to_owned)
    }

    fn transform(&self, name: &str) -> Result<String, Error> {
        let content = match name {
            "xpath" => "<ds:XPath>not(ancestor-or-self::ds:Signature)</ds:XPath>".to_owned(),
            "xpath2" => {
                "<f:XPath xmlns:f=\"http://www.w3.org/2002/06/xmldsig-filter2\" Filter=\"intersect\">.</f:XPath>"
                    .to_owned()
            }
            _ => String::new(),
        };
        let known = uri(Usage::Transform, name).or_else(|_| uri(Usage::C14NMethod, name))?;
        Ok(format!("<ds:Transform Algorithm=\"{known}\">{content}</ds:Transform>"))
    }

    // ---- signature and encryption ----------------------------------------------------------------------------------

    /// The text with its Signature template filled; as it is when no template is left in it.
    fn signed(&self, text: &str) -> Result<String, Error> {
        let Some(signing) = self.signing()? else { return Ok(text.to_owned()) };
        let mut document = parse(text)?;
        let Some(node) = elements(&document).find(|node| document.is(*node, ns::DS, "Signature")) else {
            return Ok(text.to_owned());
        };
        let certificates = [signing.certificate.x509().clone()];
        let signer = template::Signer { key: &signing.key, name: Some("sender"), certificates: &certificates };
        let urls = UrlMap::default();
        let settings = template::Settings { policy: &EVERYTHING, urls: &urls, ids: &IDS };
        template::fill(&mut document, node, &signer, &settings)
            .map_err(|error| broken(format!("the message cannot be signed: {}", chain(&error))))?;
        String::from_utf8(document.to_octets()).map_err(broken)
    }

    fn recipient(&self) -> Result<&Certificate, Error> {
        match self.step.encrypt.recipient {
            Whose::Stranger => Ok(&self.party.stranger.certificate),
            _ => self
                .party
                .recipient
                .as_ref()
                .ok_or_else(|| Error::Needs("the receiver's encryption certificate".to_owned())),
        }
    }

    /// The text with what the case says encrypted.
    fn encrypted(&self, text: &str) -> Result<String, Error> {
        let options = &self.step.encrypt;
        if options.what == What::None {
            return Ok(text.to_owned());
        }
        let document = parse(text)?;
        let (target, data_type) = target(&document, options.what)?;
        let certificate = self.recipient()?;
        let fail = |error: enc::Error| broken(format!("the message cannot be encrypted: {}", chain(&error)));
        let cipher = cipher(options.cipher.as_deref().unwrap_or("aes256-gcm"))?;
        let key = ContentKey::random(cipher).map_err(fail)?;
        let management = management(options, certificate)?;
        let recipient = encrypt::Recipient::new(
            certificate.public_key().clone(),
            recipient_reference(options.key_reference.unwrap_or(KeyName::IssuerSerial), certificate).into_bytes(),
        );
        let inline = options.pointer == Pointer::Inline;
        let mut header = Vec::new();
        let parts = EncryptedKeyParts {
            id: Some(ENCRYPTED_KEY_ID),
            references: if inline { &[] } else { &[ENCRYPTED_DATA_ID] },
            ..EncryptedKeyParts::default()
        };
        encrypt::write_encrypted_key(&mut header, &key, &recipient, &management, &parts).map_err(fail)?;
        let key_reference = match options.pointer {
            Pointer::Str => KeyReference::SecurityTokenReference(ENCRYPTED_KEY_ID),
            Pointer::RetrievalMethod => KeyReference::RetrievalMethod(ENCRYPTED_KEY_ID),
            Pointer::Inline => KeyReference::Inline(&header),
            Pointer::ReferenceList => KeyReference::None,
        };
        let parts = EncryptedDataParts { id: Some(ENCRYPTED_DATA_ID), data_type, mime_type: None, key_reference };
        let clear = text.get(target.clone()).unwrap_or_default();
        let mut data = Vec::new();
        let method = DataMethod::fresh(cipher).map_err(fail)?;
        encrypt::write_encrypted_data(&mut data, clear.as_bytes(), &key, &method, &parts).map_err(fail)?;
        let mut pieces = vec![(target, String::from_utf8(data).map_err(broken)?)];
        if !inline {
            let at = key_place(&document)?;
            pieces.push((at..at, String::from_utf8(header).map_err(broken)?));
        }
        Ok(splice(text, pieces))
    }

    // ---- HTTP --------------------------------------------------------------------------------------------------------

    fn http(&self) -> Result<(Method, String, HeaderMap), Error> {
        let (http, operation) = (&self.step.http, self.step.operation.0);
        let method = http.method.as_deref().unwrap_or("POST");
        let method =
            Method::from_bytes(method.as_bytes()).map_err(|_| broken(format!("http.method: {method:?} is none")))?;
        let path = self.variables.fill(http.path.as_deref().unwrap_or(operation.path()));
        let mut headers = HeaderMap::new();
        let mut add = |name: &str, value: &str| {
            let wrong = || broken(format!("http: the field {name} cannot be sent"));
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
            headers.append(name, HeaderValue::from_str(value).map_err(|_| wrong())?);
            Ok::<_, Error>(())
        };
        let content_type = match http.content_type.as_deref() {
            None => Some(ContentType::written(self.version, operation.action())),
            Some("none") => None,
            Some(given) => Some(self.variables.fill(given)),
        };
        if let Some(content_type) = content_type {
            add("content-type", &content_type)?;
        }
        let soap_action = match http.soap_action.as_deref() {
            None => (self.version == Version::Soap11).then(|| format!("\"{}\"", operation.action())),
            Some("none") => None,
            Some(given) => Some(self.variables.fill(given)),
        };
        if let Some(soap_action) = soap_action {
            add("soapaction", &soap_action)?;
        }
        if let Some(authorization) = self.authorization()? {
            add("authorization", &authorization)?;
        }
        for (name, value) in &http.headers {
            add(name, &self.variables.fill(value))?;
        }
        Ok((method, path, headers))
    }

    fn authorization(&self) -> Result<Option<String>, Error> {
        let given = self.party.basic.as_ref();
        let needed = || given.ok_or_else(|| Error::Needs("Basic credentials".to_owned()));
        let written = |user: &str, password: &[u8]| {
            let credentials = Credentials::new(user, password).map_err(broken)?;
            Ok(Some(credentials.to_header().to_str().map_err(broken)?.to_owned()))
        };
        match self.step.http.basic {
            Basic::Agreed => match given {
                Some((user, password)) => written(user, password.as_bytes()),
                None => Ok(None),
            },
            Basic::None => needed().map(|_| None),
            Basic::WrongUser => written("NOBODY", needed()?.1.as_bytes()),
            Basic::WrongPassword => written(&needed()?.0, b"not-the-password-0123456789abcdef"),
            Basic::Bearer => needed().map(|_| Some("Bearer 0123456789abcdef".to_owned())),
            Basic::Garbled => needed().map(|_| Some("Basic %%%".to_owned())),
        }
    }
}

fn plus(from: Timestamp, seconds: i64) -> Timestamp {
    from.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(from)
}

fn escaped(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    xml::escape::push_text(&mut out, text);
    String::from_utf8_lossy(&out).into_owned()
}

fn base64(octets: &[u8]) -> String {
    base64_simd::STANDARD.encode_to_string(octets)
}

/// A document without its XML declaration, to stand inside another.
fn without_declaration(text: &str) -> &str {
    let text = text.trim_start_matches('\u{feff}').trim();
    match text.strip_prefix("<?xml").and_then(|rest| rest.split_once("?>")) {
        Some((_, rest)) => rest.trim_start(),
        None => text,
    }
}

/// The URI of a short name; a URI stands for itself.
fn uri(usage: Usage, name: &str) -> Result<&str, Error> {
    if name.contains(':') {
        return Ok(name);
    }
    let found = algorithm::all().find(|(at, known, ..)| *at == usage && *known == name);
    found
        .map(|(_, _, uri, _)| uri)
        .ok_or_else(|| broken(format!("{}: no algorithm is called {name:?}", usage.element())))
}

fn transform(uri: &str) -> String {
    format!("<ds:Transform Algorithm=\"{uri}\"></ds:Transform>")
}

fn str_transform() -> String {
    format!(
        "<ds:Transform Algorithm=\"{}\"><wsse:TransformationParameters><ds:CanonicalizationMethod Algorithm=\"{}\"></ds:CanonicalizationMethod></wsse:TransformationParameters></ds:Transform>",
        algorithm::STR_TRANSFORM,
        ns::EXC_C14N
    )
}

fn issuer_serial(certificate: &Certificate) -> String {
    format!(
        "<ds:X509IssuerSerial><ds:X509IssuerName>{}</ds:X509IssuerName><ds:X509SerialNumber>{}</ds:X509SerialNumber></ds:X509IssuerSerial>",
        escaped(certificate.issuer()),
        certificate.serial_decimal()
    )
}

/// A SecurityTokenReference that names a certificate; empty for the forms that need none.
fn named(name: KeyName, certificate: &Certificate) -> Option<String> {
    let identifier = |value_type: String, octets: &[u8]| {
        format!(
            "<wsse:KeyIdentifier EncodingType=\"{BASE64_BINARY}\" ValueType=\"{value_type}\">{}</wsse:KeyIdentifier>",
            base64(octets)
        )
    };
    Some(match name {
        KeyName::Direct => format!("<wsse:Reference URI=\"#Token\" ValueType=\"{X509}X509v3\"></wsse:Reference>"),
        KeyName::IssuerSerial => format!("<ds:X509Data>{}</ds:X509Data>", issuer_serial(certificate)),
        KeyName::Ski => identifier(
            format!("{X509}X509SubjectKeyIdentifier"),
            certificate.subject_key_identifier().unwrap_or_default(),
        ),
        KeyName::Thumbprint => identifier(format!("{SMS11}ThumbprintSHA1"), certificate.thumbprint_sha1()),
        _ => return None,
    })
}

fn key_info(sign: &Sign, certificate: &Certificate) -> String {
    let inside = match sign.key_reference {
        KeyName::None => return String::new(),
        KeyName::X509Data => "<ds:X509Data></ds:X509Data>".to_owned(),
        KeyName::KeyValue => "<ds:KeyValue></ds:KeyValue>".to_owned(),
        KeyName::KeyName => "<ds:KeyName>sender</ds:KeyName>".to_owned(),
        other => format!(
            "<wsse:SecurityTokenReference wsu:Id=\"KeyReference\">{}</wsse:SecurityTokenReference>",
            named(other, certificate).unwrap_or_default()
        ),
    };
    format!("<ds:KeyInfo>{inside}</ds:KeyInfo>")
}

/// How an EncryptedKey names whom it is for, with its namespaces.
fn recipient_reference(name: KeyName, certificate: &Certificate) -> String {
    match name {
        KeyName::X509Data => format!(
            "<ds:X509Data xmlns:ds=\"{}\"><ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data>",
            ns::DS,
            base64(certificate.der())
        ),
        KeyName::KeyName => format!("<ds:KeyName xmlns:ds=\"{}\">receiver</ds:KeyName>", ns::DS),
        other => match named(other, certificate) {
            Some(inside) => format!(
                "<wsse:SecurityTokenReference xmlns:wsse=\"{}\" xmlns:ds=\"{}\">{inside}</wsse:SecurityTokenReference>",
                ns::WSSE,
                ns::DS
            ),
            None => String::new(),
        },
    }
}

/// The octets that are encrypted.
fn target(document: &Document, what: What) -> Result<(std::ops::Range<usize>, DataType), Error> {
    let missing = |what: &str| broken(format!("encrypt: there is no {what} in the envelope"));
    let root = document.document_element();
    let body = document.elements(root).find(|node| document.local(*node) == "Body").ok_or_else(|| missing("Body"))?;
    let wrapper = document.elements(body).next().ok_or_else(|| missing("element in Body"))?;
    match what {
        What::BodyContent => Ok((document.range(wrapper), DataType::Content)),
        What::Document => {
            let inner = document.elements(wrapper).next().ok_or_else(|| missing("business document"))?;
            Ok((document.range(inner), DataType::Element))
        }
        What::DocumentContent | What::None => {
            let inner = document.elements(wrapper).next().ok_or_else(|| missing("business document"))?;
            let first = document.first_child(inner).ok_or_else(|| missing("content of the business document"))?;
            let last = document.children(inner).last().unwrap_or(first);
            Ok((document.range(first).start..document.range(last).end, DataType::Content))
        }
    }
}

/// Before the Signature, else at the end of Security.
fn key_place(document: &Document) -> Result<usize, Error> {
    let security = elements(document)
        .find(|node| document.is(*node, ns::WSSE, "Security"))
        .ok_or_else(|| broken("encrypt: there is no Security header for the EncryptedKey"))?;
    let signature = document.elements(security).find(|node| document.is(*node, ns::DS, "Signature"));
    let last = document.elements(security).last();
    match (signature, last) {
        (Some(signature), _) => Ok(document.range(signature).start),
        (None, Some(last)) => Ok(document.range(last).end),
        (None, None) => Err(broken("encrypt: the Security header is empty")),
    }
}

fn cipher(name: &str) -> Result<Cipher, Error> {
    let found = uri(Usage::EncryptionMethod, name)?;
    EVERYTHING.cipher(found).map_err(broken)
}

fn management(options: &Encrypt, certificate: &Certificate) -> Result<KeyManagement, Error> {
    let mut management = KeyManagement::default();
    let digest = |name: &str| EVERYTHING.oaep_digest(uri(Usage::OaepDigest, name)?).map_err(broken);
    let is_rsa = certificate.public_key().id() == openssl::pkey::Id::RSA;
    let kind = certificate.key_kind();
    if let Some(label) = &options.oaep_label {
        management.transport.label = label.as_bytes().to_vec();
    }
    let about_rsa = options.oaep_label.is_some() || options.oaep_digest.is_some();
    if about_rsa && !is_rsa {
        return Err(Error::Needs(format!("an RSA certificate of the receiver; the one given is {kind}")));
    }
    if options.derivation == Derivation::Hkdf && is_rsa {
        return Err(Error::Needs(format!("a certificate of the receiver whose key agrees; the one given is {kind}")));
    }
    match options.transport.as_deref() {
        Some(name) if is_rsa != name.starts_with("rsa") => {
            return Err(Error::Needs(format!("a certificate of the receiver for {name}; the one given is {kind}")));
        }
        Some(name) if is_rsa => {
            let method = EVERYTHING.key_transport(uri(Usage::KeyTransport, name)?).map_err(broken)?;
            management.transport.algorithm = method;
            if method == KeyTransport::RsaOaep {
                let digest = digest(options.oaep_digest.as_deref().unwrap_or("sha256"))?;
                (management.transport.digest, management.transport.mgf1) = (digest, digest);
            }
        }
        Some(name) => {
            management.wrap = EVERYTHING.key_wrap(uri(Usage::KeyWrap, name)?).map_err(broken)?;
            management.derivation = encrypt::concat_kdf(Digest::Sha256, management.wrap);
        }
        None => {}
    }
    if management.transport.algorithm == KeyTransport::RsaOaepMgf1p
        && let Some(name) = &options.oaep_digest
    {
        management.transport.digest = digest(name)?;
    }
    if options.derivation == Derivation::Hkdf {
        management.derivation = enc::Derivation::Hkdf {
            digest: Digest::Sha256,
            salt: Vec::new(),
            info: b"coconnect".to_vec(),
            key_bytes: Some(KeyWrap::key_size(management.wrap)),
        };
    }
    Ok(management)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_filled_and_unknown_ones_stay_to_be_seen() {
        let mut variables = Variables::default();
        variables.set("co", "K-1");
        variables.set("now", "t");
        assert_eq!(variables.fill("a ${co}${now} ${none} ${ $${co}"), "a K-1t ${none} ${ $K-1");
        assert_eq!(variables.fill(""), "");
    }

    #[test]
    fn a_declaration_does_not_go_into_the_envelope() {
        assert_eq!(without_declaration("\u{feff}<?xml version=\"1.0\"?>\n<a/>\n"), "<a/>");
        assert_eq!(without_declaration("<a/>"), "<a/>");
    }
}
