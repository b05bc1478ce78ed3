//! Two administrations in one process: Korea seals, Indonesia answers. Memory store, a clock that stands still.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::{Error, Sender, Suite};
use crate::base::id::{Environment, MessageId, PartnerId};
use crate::base::{Clock as _, MockClock};
use crate::contract::{Operation, Slots, encode, sample};
use crate::exchange::partner::{CertificateUse, PartnerCertificate, Uses};
use crate::exchange::{
    Answer, BoxFuture, Call, Exchange, ExchangeConfig, Limits, Own, OwnKeys, Partner, PartnerFile, PartnerSet,
    Partners, Peer, Request, Transport, TransportError, Workers,
};
use crate::pki::{Certificate, DevCa, Issue, KeyKind, PrivateKey, TrustAnchors, Use};
use crate::soap::wss::{
    Content, Identity, KeyReference, Order, Outgoing, Recipient, Sealer, Settings, SignedParts, Suite as Algorithms,
};
use crate::soap::{Addressing, Version};
use crate::store::Memory;
use crate::xml::ns;

const PASSWORD: &str = "0123456789abcdef0123456789abcdef";
const ADDRESS: &str = "https://dev.coconnect.beacukai.go.id";

/// A key pair.
pub(super) struct Pair {
    pub certificate: Certificate,
    pub key: PrivateKey,
}

/// The two of them.
pub(super) struct World {
    pub exchange: Arc<Exchange>,
    pub kr_sign: Pair,
    pub id_sign: Pair,
    pub id_encrypt: Pair,
    tls: Certificate,
    anchors: TrustAnchors,
    sealer: Sealer,
    clock: Arc<MockClock>,
    sender: Sender,
    items: usize,
    credentials: String,
    made: u64,
}

struct NoWay;

impl Transport for NoWay {
    fn post<'a>(&'a self, _call: Call<'a>) -> BoxFuture<'a, Result<Answer, TransportError>> {
        Box::pin(std::future::ready(Err(TransportError { what: "nothing is sent in a measurement".to_owned() })))
    }
}

/// A sealed request.
pub(super) struct Sealed {
    pub octets: Vec<u8>,
    /// Octets of the business document in clear.
    pub clear: usize,
}

impl World {
    pub fn new(suite: Suite, sender: Sender, items: usize) -> Result<Self, Error> {
        let failed = |e: crate::pki::Error| Error(crate::gateway::chain(&e));
        let now = Timestamp::from_second(1_795_348_800).map_err(|e| Error(e.to_string()))?;
        let kind = match suite {
            Suite::Rsa2048 => KeyKind::Rsa { bits: 2048 },
            Suite::Rsa3072 => KeyKind::Rsa { bits: 3072 },
            Suite::P256 => KeyKind::Ec { curve: "prime256v1", bits: 256 },
        };
        let ca = DevCa::create(&Issue::new("CA", &[], now, 3_650), PrivateKey::generate(kind).map_err(failed)?)
            .map_err(failed)?;
        let pair = |name: &str, uses: &[Use]| {
            let key = PrivateKey::generate(kind)?;
            Ok(Pair { certificate: ca.issue(&Issue::new(name, uses, now, 365), &key)?, key })
        };
        let tls = pair("KR tls", &[Use::TlsClient]).map_err(failed)?.certificate;
        let kr_sign = pair("KR sign", &[Use::Sign]).map_err(failed)?;
        let id_sign = pair("ID sign", &[Use::Sign]).map_err(failed)?;
        let id_encrypt = pair("ID encrypt", &[Use::Encrypt]).map_err(failed)?;
        let mut anchors = TrustAnchors::new();
        anchors.add_anchor(ca.certificate().clone());
        let clock = Arc::new(MockClock::new(now));
        let exchange = exchange(&clock, partner(&tls, &kr_sign, anchors.clone())?, &id_sign, &id_encrypt)?;
        Ok(Self {
            exchange,
            anchors,
            sealer: sealer(&kr_sign, &id_encrypt)?,
            kr_sign,
            id_sign,
            id_encrypt,
            tls,
            clock,
            sender,
            items,
            credentials: format!("Basic {}", base64_simd::STANDARD.encode_to_string(format!("KR:{PASSWORD}"))),
            made: 0,
        })
    }

    /// Begins with an empty store again: a message is measured, not the growth of a heap that keeps all of them.
    pub fn renew(&mut self) -> Result<(), Error> {
        let partner = partner(&self.tls, &self.kr_sign, self.anchors.clone())?;
        self.exchange = exchange(&self.clock, partner, &self.id_sign, &self.id_encrypt)?;
        Ok(())
    }

    /// Seals one more CO that nobody has seen.
    pub fn seal(&mut self) -> Result<Sealed, Error> {
        self.made += 1;
        let mut document = Vec::new();
        encode(&sample::co(self.made, self.items), &Slots::default(), &mut document);
        let open = format!("<svc:SendCO xmlns:svc=\"{}\">", ns::SVC);
        let mut content = open.clone().into_bytes();
        content.extend_from_slice(&document);
        content.extend_from_slice(b"</svc:SendCO>");
        let range = open.len()..open.len() + document.len();
        let mut random = [0; 16];
        openssl::rand::rand_bytes(&mut random).map_err(Error::of("random octets"))?;
        let addressing = Addressing {
            message_id: Some(MessageId::from_random(random).to_string()),
            action: Some(Operation::SendCo.action().to_owned()),
            to: Some(format!("{ADDRESS}{}", Operation::SendCo.path())),
            ..Addressing::default()
        };
        let sealed = self
            .sealer
            .seal(&Outgoing {
                version: Version::Soap11,
                addressing: &addressing,
                content: Content { octets: &content, encrypt: Some(range) },
                confirms: None,
                now: self.clock.now(),
            })
            .map_err(|e| Error(crate::gateway::chain(&e)))?;
        let clear = document.len();
        let octets = match self.sender {
            Sender::Canonical => sealed.octets,
            Sender::Plain => {
                let key = sealed.content_key.ok_or_else(|| Error("nothing was encrypted".to_owned()))?;
                plain(&sealed.octets, &document, &key)?
            }
        };
        Ok(Sealed { octets, clear })
    }

    /// The request as the server hands it over.
    pub fn request(&self, octets: Vec<u8>) -> Request {
        Request {
            method: "POST".to_owned(),
            path: Operation::SendCo.path().to_owned(),
            headers: vec![
                ("content-type".to_owned(), "text/xml; charset=utf-8".to_owned()),
                ("soapaction".to_owned(), format!("\"{}\"", Operation::SendCo.action())),
                ("authorization".to_owned(), self.credentials.clone()),
                ("content-length".to_owned(), octets.len().to_string()),
            ],
            peer: Peer { address: IpAddr::from([127, 0, 0, 1]), certificate: Some(self.tls.der().to_vec()) },
            body: Box::new(octets),
        }
    }
}

fn exchange(clock: &Arc<MockClock>, kr: Partner, sign: &Pair, encrypt: &Pair) -> Result<Arc<Exchange>, Error> {
    let id = PartnerId::parse("ID").map_err(|e| Error(e.to_string()))?;
    let keys = OwnKeys::new((&sign.certificate, &sign.key), &[(&encrypt.certificate, &encrypt.key)])
        .map_err(|e| Error(e.to_string()))?;
    let set = PartnerSet::new(vec![kr], Environment::Dev).map_err(|e| Error(crate::gateway::chain(&e)))?;
    let config = ExchangeConfig {
        own: Own {
            id,
            environment: Environment::Dev,
            country: "ID".to_owned(),
            public_urls: vec![ADDRESS.to_owned()],
            basic_user: "ID".to_owned(),
            basic_password: Zeroizing::new(PASSWORD.to_owned()),
        },
        keys,
        limits: Limits { workers: Workers::Inline, ..Limits::default() },
        partners: Partners::new(set),
        store: Arc::new(Memory::new(clock.clone())),
        clock: clock.clone(),
        transport: Arc::new(NoWay),
    };
    Exchange::new(config).map_err(|e| Error(crate::gateway::chain(&e)))
}

fn partner(tls: &Certificate, sign: &Pair, anchors: TrustAnchors) -> Result<Partner, Error> {
    let text = format!(
        "id = \"KR\"\nenvironment = \"dev\"\nbasic_user = \"KR\"\nbasic_secret = \"{PASSWORD}\"\nterritories = [\"KR\"]\n\
         addresses = [\"127.0.0.0/8\"]\noperations_in = [\"send-co\"]\n"
    );
    let file = PartnerFile::parse(&text).map_err(|e| Error(crate::gateway::chain(&e)))?;
    let entry = |certificate: &Certificate, wanted| PartnerCertificate {
        certificate: Arc::new(certificate.clone()),
        uses: Uses::One(wanted),
        use_from: None,
    };
    let certificates = vec![entry(tls, CertificateUse::Tls), entry(&sign.certificate, CertificateUse::Sign)];
    Partner::new(file, certificates, anchors, Path::new(".")).map_err(|e| Error(crate::gateway::chain(&e)))
}

fn sealer(sign: &Pair, encrypt: &Pair) -> Result<Sealer, Error> {
    let failed = |e: &dyn std::error::Error| Error(crate::gateway::chain(e));
    let identity = Identity::new(sign.certificate.der(), sign.key.to_pkey()).map_err(|e| failed(&e))?;
    let recipient = Recipient::from_der(encrypt.certificate.der()).map_err(|e| failed(&e))?;
    let settings = Settings {
        suite: Algorithms::default(),
        key_reference: KeyReference::Str,
        order: Order::SignEncrypt,
        signed_parts: SignedParts::Full,
    };
    Sealer::new(settings, Arc::new(identity), Some(Arc::new(recipient))).map_err(|e| failed(&e))
}

/// The same message as another stack would write it: single quotes around attributes, and 76 columns of base64. What is
/// signed has the same canonical form.
fn plain(sealed: &[u8], document: &[u8], key: &[u8]) -> Result<Vec<u8>, Error> {
    use openssl::symm::{Cipher, encrypt_aead};
    let clear = single_quotes(document);
    let mut nonce = [0; 12];
    openssl::rand::rand_bytes(&mut nonce).map_err(Error::of("random octets"))?;
    let mut tag = [0; 16];
    let body =
        encrypt_aead(Cipher::aes_256_gcm(), key, Some(&nonce), &[], &clear, &mut tag).map_err(Error::of("AES-GCM"))?;
    let cipher = [&nonce[..], &body, &tag].concat();
    let wrapped = columns(&base64_simd::STANDARD.encode_to_string(&cipher));
    let text = String::from_utf8_lossy(sealed);
    // The payload's CipherValue is the last one.
    let start = text.rfind("CipherValue>").and_then(|end| text.get(..end)?.rfind("CipherValue>")).map(|at| at + 12);
    let end = text.rfind("</xenc:CipherValue>");
    let (Some(start), Some(end)) = (start, end) else {
        return Err(Error("the sealed message has no CipherValue".to_owned()));
    };
    let octets = [&text.as_bytes()[..start], wrapped.as_bytes(), &text.as_bytes()[end..]].concat();
    Ok(single_quotes(&octets))
}

fn columns(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 76 + 2);
    for line in text.as_bytes().chunks(76) {
        out.push_str(&String::from_utf8_lossy(line));
        out.push('\n');
    }
    out
}

/// `"` inside tags as `'`: values of what we write hold neither.
fn single_quotes(octets: &[u8]) -> Vec<u8> {
    let mut out = octets.to_vec();
    let mut in_tag = false;
    for octet in &mut out {
        match *octet {
            b'<' => in_tag = true,
            b'>' => in_tag = false,
            b'"' if in_tag => *octet = b'\'',
            _ => {}
        }
    }
    out
}
