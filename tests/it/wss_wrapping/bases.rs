//! Valid messages of many shapes, each with what it is judged by: ours, those that other senders write, and WSS4J's.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use coconnect::pki::{Certificate, DevCa, Issue, Leniency, PrivateKey, TrustAnchors, Use};
use coconnect::soap::addressing::{ANONYMOUS, Expect};
use coconnect::soap::wss::{
    Anchored, Content, Context, Encryption, Identity, KeyReference, Order, Outgoing, Policy, Recipient, Sealer,
    Settings, SignedParts, Signer, SignerLookup, Signers, Suite, Verifier,
};
use coconnect::soap::{Addressing, Envelope, Version};
use coconnect::xml::{self, ns};
use coconnect::xmlsec::dsig::{IdAttributes, UrlMap, template};
use coconnect::xmlsec::enc::{
    self, ContentKey, DataMethod, DataType, EncryptedDataParts, EncryptedKeyParts, encrypt::KeyManagement,
};
use coconnect::xmlsec::{self, SigningKey, algorithm::Cipher};
use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};

use super::judge::Meaning;

pub const ACTION: &str = "urn:coconnect:service:1:SendCO";
pub const TO: &str = "https://test.coconnect.example/send-co";
const MESSAGE_ID: &str = "urn:uuid:a28b345b-3be5-4f0d-8dfc-2e63613666f0";
/// What is written as X509 token types and key identifiers.
const X509_PROFILE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#";
const SMS10: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#";
const SMS11: &str = "http://docs.oasis-open.org/wss/oasis-wss-soap-message-security-1.1#";

/// The business text: canonical as a child of Body.
pub const CONTENT: &str = concat!(
    r#"<svc:SendCO xmlns:svc="urn:coconnect:service:1"><md:MetaData xmlns:md="urn:wco:md">"#,
    "<md:ID>K001-26-TRUE</md:ID><md:Order><md:Item>goods &amp; 12.50 kg</md:Item><md:Item>other</md:Item></md:Order>",
    "</md:MetaData></svc:SendCO>"
);

/// Who takes part.
pub struct Parties {
    pub client: Arc<Identity>,
    pub server: Arc<Identity>,
    /// Certified by the same authority, and no partner's signer.
    pub mallory: Arc<Identity>,
}

pub fn now() -> jiff::Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn generate(kind: &str) -> PKey<Private> {
    if kind == "rsa" {
        return PKey::from_rsa(openssl::rsa::Rsa::generate(2048).unwrap()).unwrap();
    }
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

impl Parties {
    pub fn new(kind: &str) -> Self {
        let key = |kind| PrivateKey::from_pkey(generate(kind));
        let ca = DevCa::create(&Issue::new("Test CA", &[], now(), 365), key("p256")).unwrap();
        let make = |name: &str| {
            let key = key(kind);
            let certificate = ca.issue(&Issue::new(name, &[Use::Sign, Use::Encrypt], now(), 365), &key).unwrap();
            Arc::new(Identity::new(certificate.der(), key.to_pkey()).unwrap())
        };
        Self { client: make("client"), server: make("server"), mallory: make("mallory") }
    }

    fn signers(&self, signer: &Arc<Identity>) -> Arc<dyn SignerLookup> {
        let signer = Signer::from_der(signer.certificate().unwrap().der()).unwrap();
        Arc::new(Signers::new(vec![Arc::new(signer)]))
    }
}

/// What the addressing headers must say.
#[derive(Clone)]
pub enum Expected {
    Nothing,
    Request,
    Answer,
}

/// A valid message and how it is judged.
pub struct Base {
    pub name: String,
    pub text: String,
    pub policy: Policy,
    pub signers: Arc<dyn SignerLookup>,
    pub keys: Vec<Arc<Identity>>,
    pub expected: Expected,
    pub confirms: Vec<String>,
    pub now: jiff::Timestamp,
    /// Whether every addressing header must be signed, so that none may be missing from a variant.
    pub full: bool,
    /// For whom an attacker encrypts, and with whose certificate he signs.
    pub attacker: Attacker,
}

/// What an outsider has: the receiver's public key, and a certificate of his own.
#[derive(Clone)]
pub struct Attacker {
    pub recipient: Option<Certificate>,
    pub identity: Arc<Identity>,
}

impl Base {
    /// Judges a message as the receiver of this one does.
    pub fn open(&self, octets: &[u8]) -> Option<Meaning> {
        let envelope = Envelope::parse(octets.to_vec(), None).ok()?;
        let expect = match self.expected {
            Expected::Nothing => Expect::Nothing,
            Expected::Request => Expect::Request { actions: &[ACTION], to: &[TO] },
            Expected::Answer => Expect::Answer { relates_to: MESSAGE_ID, actions: &[ANSWER] },
        };
        let context =
            Context { now: self.now, signers: &*self.signers, keys: &self.keys, expect, confirms: &self.confirms };
        Verifier::new(self.policy.clone()).open(envelope, &context).ok().map(|authentic| Meaning::of(&authentic))
    }
}

const ANSWER: &str = "urn:coconnect:service:1:SendCOResponse";

fn addressing() -> Addressing {
    Addressing {
        message_id: Some(MESSAGE_ID.to_owned()),
        action: Some(ACTION.to_owned()),
        to: Some(TO.to_owned()),
        reply_to: Some(ANONYMOUS.to_owned()),
        ..Addressing::default()
    }
}

/// How our own sealer seals.
struct Ours {
    encrypt: bool,
    version: Version,
    settings: Settings,
}

fn sealed(parties: &Parties, ours: &Ours) -> String {
    let recipient = Recipient::from_der(parties.server.certificate().unwrap().der()).unwrap();
    let recipient = ours.encrypt.then(|| Arc::new(recipient));
    let sealer = Sealer::new(ours.settings.clone(), Arc::clone(&parties.client), recipient).unwrap();
    let range = CONTENT.find("<md:MetaData").unwrap()..CONTENT.find("</svc:SendCO>").unwrap();
    let content = Content { octets: CONTENT.as_bytes(), encrypt: Some(range) };
    let addressing = addressing();
    let outgoing = Outgoing { version: ours.version, addressing: &addressing, content, confirms: None, now: now() };
    String::from_utf8(sealer.seal(&outgoing).unwrap().octets).unwrap()
}

fn answer(parties: &Parties, confirms: &[String]) -> String {
    let content = r#"<svc:SendCOResponse xmlns:svc="urn:coconnect:service:1"><svc:Acknowledgement><svc:Status>accepted</svc:Status></svc:Acknowledgement></svc:SendCOResponse>"#;
    let addressing = Addressing {
        message_id: Some("urn:uuid:a28b345b-3be5-4f0d-8dfc-2e63613666f9".to_owned()),
        action: Some(ANSWER.to_owned()),
        to: Some(ANONYMOUS.to_owned()),
        relates_to: Some(MESSAGE_ID.to_owned()),
        ..Addressing::default()
    };
    let sealer = Sealer::new(Settings::default(), Arc::clone(&parties.server), None).unwrap();
    let content = Content { octets: content.as_bytes(), encrypt: None };
    let outgoing =
        Outgoing { version: Version::Soap12, addressing: &addressing, content, confirms: Some(confirms), now: now() };
    String::from_utf8(sealer.seal(&outgoing).unwrap().octets).unwrap()
}

/// How a stack that is not ours writes a message.
#[derive(Clone, Copy)]
pub struct Foreign {
    /// What stands in `ds:KeyInfo`.
    pub key: &'static str,
    /// What is encrypted after signing: nothing, `element`, `content`, `payload`, `body`.
    pub encrypt: &'static str,
    /// Whether the token is signed through STR-Transform.
    pub token_through_str: bool,
    pub transforms: &'static str,
    /// How the EncryptedData finds its key: `str`, `list`, `retrieval`, `inline`, `outer-list`.
    pub pointer: &'static str,
    /// A header of another specification, signed or not.
    pub other_header: bool,
}

impl Default for Foreign {
    fn default() -> Self {
        Self {
            key: "direct",
            encrypt: "",
            token_through_str: false,
            transforms: "",
            pointer: "str",
            other_header: false,
        }
    }
}

const EXCLUSIVE: &str = r#"<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>"#;

/// The key reference of a signature.
fn key_info(identity: &Identity, form: &str) -> String {
    let certificate = identity.certificate().unwrap();
    let base64 = |octets: &[u8]| openssl::base64::encode_block(octets);
    let identifier = |kind: &str, value: String| {
        format!(
            r#"<wsse:KeyIdentifier EncodingType="{SMS10}Base64Binary" ValueType="{kind}">{value}</wsse:KeyIdentifier>"#
        )
    };
    let x509 = |inside: String| format!("<ds:X509Data>{inside}</ds:X509Data>");
    let inside = match form {
        "issuer-serial" => x509(format!(
            "<ds:X509IssuerSerial><ds:X509IssuerName>{}</ds:X509IssuerName><ds:X509SerialNumber>{}</ds:X509SerialNumber></ds:X509IssuerSerial>",
            certificate.issuer(),
            certificate.serial_decimal()
        )),
        "ski" => identifier(
            &format!("{X509_PROFILE}X509SubjectKeyIdentifier"),
            base64(certificate.subject_key_identifier().unwrap()),
        ),
        "thumbprint" => identifier(&format!("{SMS11}ThumbprintSHA1"), base64(certificate.thumbprint_sha1())),
        "x509-data" => {
            return x509(format!("<ds:X509Certificate>{}</ds:X509Certificate>", base64(certificate.der())));
        }
        _ => format!(r##"<wsse:Reference URI="#X509" ValueType="{X509_PROFILE}X509v3"/>"##),
    };
    format!(r#"<wsse:SecurityTokenReference wsu:Id="STR">{inside}</wsse:SecurityTokenReference>"#)
}

/// A message in the hand of another stack: namespaces at the top, line breaks, its own ids, empty-element tags.
pub fn foreign(parties: &Parties, signer: &Identity, content: &str, shape: Foreign) -> String {
    let reference = |id: &str, transforms: &str| {
        format!(
            r##"<ds:Reference URI="#{id}"><ds:Transforms>{transforms}</ds:Transforms><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue></ds:DigestValue></ds:Reference>"##
        )
    };
    let transforms = match shape.transforms {
        "enveloped" => {
            format!(r#"<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>{EXCLUSIVE}"#)
        }
        "prefixes" => r#"<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"><ec:InclusiveNamespaces xmlns:ec="http://www.w3.org/2001/10/xml-exc-c14n#" PrefixList="s wsa"/></ds:Transform>"#.to_owned(),
        _ => EXCLUSIVE.to_owned(),
    };
    let mut references: Vec<String> =
        ["B-1", "TS-1", "MID-1", "ACT-1", "TO-1"].map(|id| reference(id, &transforms)).to_vec();
    if shape.other_header {
        references.push(reference("OTHER", &transforms));
    }
    if shape.token_through_str {
        let str_transform = format!(
            r#"<ds:Transform Algorithm="{SMS10}STR-Transform"><wsse:TransformationParameters><ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/></wsse:TransformationParameters></ds:Transform>"#
        );
        references.push(reference("STR", &str_transform));
    }
    let token = match shape.key {
        "direct" => format!(
            r#"<wsse:BinarySecurityToken EncodingType="{SMS10}Base64Binary" ValueType="{X509_PROFILE}X509v3" wsu:Id="X509">{}</wsse:BinarySecurityToken>"#,
            signer.token()
        ),
        _ => String::new(),
    };
    let algorithm = if signer.key().id() == openssl::pkey::Id::RSA { "rsa-sha256" } else { "ecdsa-sha256" };
    let other = if shape.other_header {
        r#"<o:Trace xmlns:o="urn:other" wsu:Id="OTHER">t-1</o:Trace><o:Hint xmlns:o="urn:other">unsigned</o:Hint>"#
    } else {
        ""
    };
    let text = format!(
        r#"<s:Envelope xmlns:s="{soap}" xmlns:wsa="{wsa}" xmlns:wsu="{wsu}">
<s:Header>
<wsa:MessageID wsu:Id="MID-1">{MESSAGE_ID}</wsa:MessageID><wsa:Action wsu:Id="ACT-1">{ACTION}</wsa:Action><wsa:To wsu:Id="TO-1">{TO}</wsa:To>{other}
<wsse:Security s:mustUnderstand="1" xmlns:wsse="{wsse}"><wsu:Timestamp wsu:Id="TS-1"><wsu:Created>2026-11-22T12:00:00Z</wsu:Created><wsu:Expires>2026-11-22T12:05:00Z</wsu:Expires></wsu:Timestamp>{token}<ds:Signature xmlns:ds="{ds}" Id="SIG-1"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/><ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#{algorithm}"/>{references}</ds:SignedInfo><ds:SignatureValue></ds:SignatureValue><ds:KeyInfo Id="KI-1">{key_info}</ds:KeyInfo></ds:Signature></wsse:Security>
</s:Header>
<s:Body wsu:Id="B-1">{content}</s:Body>
</s:Envelope>"#,
        soap = Version::Soap11.namespace(),
        wsa = ns::WSA,
        wsu = ns::WSU,
        wsse = ns::WSSE,
        ds = ns::DS,
        references = references.concat(),
        key_info = key_info(signer, shape.key),
    );
    let mut document = xml::parse(text.into_bytes(), &xml::Options::default()).unwrap();
    let node = document.descendants(document.root()).find(|n| document.is(*n, ns::DS, "Signature")).unwrap();
    let key = SigningKey::from_private(signer.key().clone());
    let settings =
        template::Settings { policy: &xmlsec::Policy::default(), urls: &UrlMap::new(), ids: &IdAttributes::usual() };
    template::fill(&mut document, node, &template::Signer { key: &key, name: None, certificates: &[] }, &settings)
        .unwrap();
    let text = String::from_utf8(document.to_octets()).unwrap();
    encrypted(parties.server.certificate().unwrap(), text, shape)
}

fn encrypted(recipient: &Certificate, text: String, shape: Foreign) -> String {
    let between = |open: &str, close: &str| text.find(open).unwrap()..text.rfind(close).unwrap();
    let element = |open: &str, close: &str| {
        let range = between(open, close);
        range.start..range.end + close.len()
    };
    let inside = |open: &str, close: &str| {
        let range = between(open, close);
        range.start + text[range.start..].find('>').unwrap() + 1..range.end
    };
    let (range, data_type) = match shape.encrypt {
        "" => return text,
        "element" => (element("<md:MetaData", "</md:MetaData>"), DataType::Element),
        "content" => (inside("<md:MetaData", "</md:MetaData>"), DataType::Content),
        "payload" => (element("<svc:SendCO", "</svc:SendCO>"), DataType::Element),
        "body" => (inside("<s:Body", "</s:Body>"), DataType::Content),
        other => panic!("{other}"),
    };
    let (key, data) = closed(recipient, text[range.clone()].as_bytes(), data_type, "ED-1", "EK-1", shape.pointer);
    let mut text = text.clone();
    text.replace_range(range, &data);
    let at = text.find("<ds:Signature").unwrap();
    text.insert_str(at, &key);
    text
}

/// Encrypts as anybody can: what stands in the header, and what takes the place of the clear text.
pub fn closed(
    recipient: &Certificate,
    clear: &[u8],
    data_type: DataType,
    data_id: &str,
    key_id: &str,
    pointer: &str,
) -> (String, String) {
    let content_key = ContentKey::random(Cipher::Aes256Gcm).unwrap();
    let name = format!(
        r#"<wsse:SecurityTokenReference xmlns:wsse="{}"><ds:X509Data xmlns:ds="{}"><ds:X509IssuerSerial><ds:X509IssuerName>{}</ds:X509IssuerName><ds:X509SerialNumber>{}</ds:X509SerialNumber></ds:X509IssuerSerial></ds:X509Data></wsse:SecurityTokenReference>"#,
        ns::WSSE,
        ns::DS,
        recipient.issuer(),
        recipient.serial_decimal()
    );
    let recipient = enc::encrypt::Recipient::new(recipient.public_key().clone(), name.into_bytes());
    let named = [data_id];
    let references = if matches!(pointer, "inline" | "outer-list") { &[][..] } else { &named[..] };
    let parts = EncryptedKeyParts { id: Some(key_id), references, ..EncryptedKeyParts::default() };
    let mut key = Vec::new();
    let management = KeyManagement::default();
    enc::encrypt::write_encrypted_key(&mut key, &content_key, &recipient, &management, &parts).unwrap();
    let key_reference = match pointer {
        "list" => enc::encrypt::KeyReference::None,
        "retrieval" => enc::encrypt::KeyReference::RetrievalMethod(key_id),
        "inline" => enc::encrypt::KeyReference::Inline(&key),
        _ => enc::encrypt::KeyReference::SecurityTokenReference(key_id),
    };
    let parts = EncryptedDataParts { id: Some(data_id), data_type, mime_type: None, key_reference };
    let mut data = Vec::new();
    let method = DataMethod::fresh(Cipher::Aes256Gcm).unwrap();
    enc::encrypt::write_encrypted_data(&mut data, clear, &content_key, &method, &parts).unwrap();
    let mut key = String::from_utf8(key).unwrap();
    match pointer {
        "inline" => key.clear(),
        "outer-list" => key.push_str(&format!(
            r##"<xenc:ReferenceList xmlns:xenc="{}"><xenc:DataReference URI="#{data_id}"/></xenc:ReferenceList>"##,
            ns::XENC
        )),
        _ => {}
    }
    (key, String::from_utf8(data).unwrap())
}

/// Every message that is ours or written here.
pub fn written(ec: &Parties, rsa: &Parties) -> Vec<Base> {
    let mut bases = Vec::new();
    let clear = || Policy::serve().encryption(Encryption::Optional);
    let mut add = |parties: &Parties, name: &str, text: String, policy: Policy, full: bool| {
        bases.push(Base {
            name: name.to_owned(),
            text,
            policy,
            signers: parties.signers(&parties.client),
            keys: vec![Arc::clone(&parties.server)],
            expected: if full { Expected::Request } else { Expected::Nothing },
            confirms: Vec::new(),
            now: now(),
            full,
            attacker: Attacker {
                recipient: parties.server.certificate().cloned(),
                identity: Arc::clone(&parties.mallory),
            },
        });
    };
    let with =
        |key_reference, order, signed_parts| Settings { suite: Suite::default(), key_reference, order, signed_parts };
    let usual = || with(KeyReference::Str, Order::SignEncrypt, SignedParts::Full);
    let ours = |encrypt, version, settings| Ours { encrypt, version, settings };
    let (soap11, soap12) = (Version::Soap11, Version::Soap12);
    let seal = |parties: &Parties, encrypt, version, settings| sealed(parties, &ours(encrypt, version, settings));
    add(ec, "serve p256 encrypted", seal(ec, true, soap12, usual()), Policy::serve(), true);
    add(rsa, "serve rsa encrypted", seal(rsa, true, soap11, usual()), Policy::serve(), true);
    add(ec, "serve p256 clear", seal(ec, false, soap11, usual()), clear(), true);
    add(ec, "lenient clear", seal(ec, false, soap12, usual()), Policy::lenient(), false);
    add(ec, "lenient encrypted", seal(ec, true, soap11, usual()), Policy::lenient(), false);
    let retrieval = with(KeyReference::RetrievalMethod, Order::SignEncrypt, SignedParts::Full);
    add(ec, "serve retrieval-method", seal(ec, true, soap12, retrieval), Policy::serve(), true);
    let inline = with(KeyReference::Inline, Order::SignEncrypt, SignedParts::Full);
    add(ec, "serve inline key", seal(ec, true, soap11, inline), Policy::serve(), true);
    let any = with(KeyReference::Str, Order::Any, SignedParts::Full);
    let any_policy = || Policy::serve().order(Order::Any);
    add(ec, "serve encrypt, sign", seal(ec, true, soap12, any), any_policy(), true);
    let any = with(KeyReference::Inline, Order::Any, SignedParts::Full);
    add(ec, "serve encrypt, sign, inline", seal(ec, true, soap12, any), any_policy(), true);
    add(ec, "serve either order", seal(ec, true, soap12, usual()), any_policy(), true);
    let less = || with(KeyReference::Str, Order::SignEncrypt, SignedParts::BodyTimestamp);
    let less_policy = Policy::serve().signed_parts(SignedParts::BodyTimestamp);
    add(ec, "body-timestamp encrypted", seal(ec, true, soap12, less()), less_policy.clone(), false);
    let less_clear = less_policy.encryption(Encryption::Optional);
    add(ec, "body-timestamp clear", seal(ec, false, soap11, less()), less_clear, false);
    let plain = Foreign::default();
    let shapes = [
        ("foreign clear", Foreign { ..plain }),
        ("foreign STR-Transform", Foreign { token_through_str: true, encrypt: "element", ..plain }),
        ("foreign STR-Transform clear", Foreign { token_through_str: true, ..plain }),
        ("foreign issuer-serial", Foreign { key: "issuer-serial", ..plain }),
        ("foreign ski", Foreign { key: "ski", encrypt: "content", ..plain }),
        ("foreign thumbprint", Foreign { key: "thumbprint", ..plain }),
        ("foreign x509-data", Foreign { key: "x509-data", encrypt: "element", pointer: "retrieval", ..plain }),
        ("foreign content", Foreign { encrypt: "content", ..plain }),
        ("foreign payload", Foreign { encrypt: "payload", pointer: "list", ..plain }),
        ("foreign body content", Foreign { encrypt: "body", pointer: "outer-list", ..plain }),
        ("foreign enveloped", Foreign { transforms: "enveloped", encrypt: "element", pointer: "inline", ..plain }),
        ("foreign prefixes", Foreign { transforms: "prefixes", ..plain }),
        ("foreign other header", Foreign { other_header: true, encrypt: "body", ..plain }),
    ];
    for (name, shape) in shapes {
        let parties = if name == "foreign issuer-serial" { rsa } else { ec };
        let policy = if shape.encrypt.is_empty() { clear() } else { Policy::serve() };
        add(parties, name, foreign(parties, &parties.client, CONTENT, shape), policy, true);
    }
    let lenient = Foreign { token_through_str: true, encrypt: "body", other_header: true, ..plain };
    add(ec, "lenient foreign", foreign(ec, &ec.client, CONTENT, lenient), Policy::lenient(), false);
    bases.push(answer_base(ec));
    bases
}

fn answer_base(parties: &Parties) -> Base {
    let confirms = ["QUJDRA==".to_owned(), "RUZHSA==".to_owned()];
    Base {
        name: "answer confirming two".to_owned(),
        text: answer(parties, &confirms),
        policy: Policy::serve().encryption(Encryption::Optional),
        signers: parties.signers(&parties.server),
        keys: vec![Arc::clone(&parties.client)],
        expected: Expected::Answer,
        confirms: confirms.to_vec(),
        now: now(),
        full: true,
        attacker: Attacker { recipient: parties.client.certificate().cloned(), identity: Arc::clone(&parties.mallory) },
    }
}

/// Messages of other stacks whose keys are known: WSS4J's corpus and the captures of four clients. Those in other
/// encodings than UTF-8 are left out.
pub fn captured(root: &Path, mallory: &Arc<Identity>) -> Vec<Base> {
    let mut bases = Vec::new();
    let wss4j = root.join("wss4j");
    let manifest = fs::read_to_string(wss4j.join("manifest.tsv")).unwrap();
    for cells in manifest.lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>()) {
        if !matches!(cells[4], "valid" | "decrypts-and-verifies") {
            continue;
        }
        let Ok(text) = fs::read_to_string(wss4j.join(cells[0])) else { continue };
        let keys = wss4j.join("keys");
        let senders: Vec<&str> = cells[2]
            .split("; ")
            .filter_map(|pair| pair.strip_prefix("pubkey-cert-pem=keys/")?.strip_suffix(".crt"))
            .collect();
        let receiver = if senders.contains(&"server") { "client" } else { "server" };
        let name = cells[0].split('-').next().unwrap_or(cells[0]).to_owned();
        bases.extend(capture(&name, text, &keys, &senders, receiver, "2026-11-22T12:00:30Z", mallory));
    }
    let clients = root.join("wss-clients");
    for file in ["java-wss4j-oaep-gcm.xml", "zeep-bst.xml", "node-soap-wsuid.xml", "gsoap-sign-only.xml"] {
        let text = fs::read_to_string(clients.join(file)).unwrap();
        let name = file.trim_end_matches(".xml").to_owned();
        bases.extend(capture(&name, text, &clients, &["client"], "server", "2026-11-22T00:40:00Z", mallory));
    }
    bases
}

/// Under every policy that takes it: lenient with old algorithms, and what `serve` asks of a partner of `test`.
fn capture(
    name: &str,
    text: String,
    keys: &Path,
    senders: &[&str],
    receiver: &str,
    at: &str,
    mallory: &Arc<Identity>,
) -> Vec<Base> {
    let certificates = |file: &str| Certificate::from_octets(&fs::read(keys.join(file)).unwrap()).unwrap();
    let private = fs::read(keys.join(format!("{receiver}.key"))).unwrap();
    let private = PKey::private_key_from_pem(&private).unwrap();
    let own = certificates(&format!("{receiver}.crt")).remove(0);
    let identity = Arc::new(Identity::new(own.der(), private).unwrap());
    let mut anchors = TrustAnchors::new();
    anchors.set_leniency(Leniency::AllowLegacy);
    certificates("ca.crt").into_iter().for_each(|authority| anchors.add_anchor(authority));
    let mut signers = Anchored::new(anchors, Use::Any);
    for sender in senders {
        certificates(&format!("{sender}.crt")).into_iter().for_each(|certificate| signers.know(certificate, None));
    }
    let signers: Arc<dyn SignerLookup> = Arc::new(signers);
    let serve = Policy::serve().encryption(Encryption::Optional).order(Order::Any);
    let policies = [
        ("lenient", Policy::lenient().allow_legacy_algorithms(), false),
        ("test", serve.clone().signed_parts(SignedParts::BodyTimestamp), false),
        ("serve", serve, true),
    ];
    let bases = policies.into_iter().map(|(kind, policy, full)| Base {
        name: format!("{name} {kind}"),
        text: text.clone(),
        policy,
        signers: Arc::clone(&signers),
        keys: vec![Arc::clone(&identity)],
        expected: Expected::Nothing,
        confirms: Vec::new(),
        now: at.parse().unwrap(),
        full,
        attacker: Attacker { recipient: Some(own.clone()), identity: Arc::clone(mallory) },
    });
    // One has a Timestamp that is not signed: no policy takes it.
    bases.filter(|base| base.open(base.text.as_bytes()).is_some()).collect()
}
