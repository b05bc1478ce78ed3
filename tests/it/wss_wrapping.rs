//! Wrapping attacks as an engine, not a list: from a valid message every kind of variant that moves, copies, renames or
//! shadows a signed element, its Id, the Security header or the Body, at every place. A variant may be accepted only when
//! it says what the original said.
//!
//! `COCONNECT_SEED` repeats a run, `COCONNECT_VARIANTS` sets how many (default 1,500 for each message).

use std::sync::Arc;

use coconnect::pki::{DevCa, Issue, PrivateKey, Use};
use coconnect::soap::addressing::{ANONYMOUS, Expect};
use coconnect::soap::wss::{
    Authentic, Content, Context, Encryption, Identity, Outgoing, Policy, Recipient, Sealer, Settings, Signer, Signers,
    Verifier,
};
use coconnect::soap::{Addressing, Envelope, Version};
use coconnect::xml::c14n;
use coconnect::xml::{self, Document, Kind, NodeId};
use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::PKey;

const ACTION: &str = "urn:coconnect:service:1:SendCO";
const TO: &str = "https://test.coconnect.example/send-co";

/// A generator that anybody can repeat: splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }

    fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }
}

pub struct Parties {
    pub client: Arc<Identity>,
    pub server: Arc<Identity>,
}

fn now() -> jiff::Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn ec_key() -> PrivateKey {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PrivateKey::from_pkey(PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap())
}

fn parties() -> Parties {
    let ca = DevCa::create(&Issue::new("Test CA", &[], now(), 365), ec_key()).unwrap();
    let make = |name: &str| {
        let key = ec_key();
        let certificate = ca.issue(&Issue::new(name, &[Use::Sign, Use::Encrypt], now(), 365), &key).unwrap();
        Arc::new(Identity::new(certificate.der(), key.to_pkey()).unwrap())
    };
    Parties { client: make("client"), server: make("server") }
}

/// A valid message and how it is judged.
struct Base {
    name: &'static str,
    octets: String,
    policy: Policy,
}

fn sealed(parties: &Parties, encrypt: bool, version: Version) -> String {
    let content = concat!(
        r#"<svc:SendCO xmlns:svc="urn:coconnect:service:1"><md:MetaData xmlns:md="urn:wco:md">"#,
        "<md:ID>K001-26-TRUE</md:ID><md:Text>goods</md:Text></md:MetaData></svc:SendCO>"
    );
    let recipient = Recipient::from_der(parties.server.certificate().unwrap().der()).unwrap();
    let recipient = encrypt.then(|| Arc::new(recipient));
    let sealer = Sealer::new(Settings::default(), Arc::clone(&parties.client), recipient).unwrap();
    let addressing = Addressing {
        message_id: Some("urn:uuid:a28b345b-3be5-4f0d-8dfc-2e63613666f0".to_owned()),
        action: Some(ACTION.to_owned()),
        to: Some(TO.to_owned()),
        reply_to: Some(ANONYMOUS.to_owned()),
        ..Addressing::default()
    };
    let range = content.find("<md:MetaData").unwrap()..content.find("</svc:SendCO>").unwrap();
    let content = Content { octets: content.as_bytes(), encrypt: Some(range) };
    let outgoing = Outgoing { version, addressing: &addressing, content, confirms: None, now: now() };
    String::from_utf8(sealer.seal(&outgoing).unwrap().octets).unwrap()
}

fn bases(parties: &Parties) -> Vec<Base> {
    let clear = || Policy::serve().encryption(Encryption::Optional);
    vec![
        Base { name: "serve, encrypted", octets: sealed(parties, true, Version::Soap12), policy: Policy::serve() },
        Base { name: "serve, clear", octets: sealed(parties, false, Version::Soap11), policy: clear() },
        Base { name: "lenient, clear", octets: sealed(parties, false, Version::Soap12), policy: Policy::lenient() },
        Base { name: "lenient, encrypted", octets: sealed(parties, true, Version::Soap11), policy: Policy::lenient() },
    ]
}

fn open(parties: &Parties, policy: &Policy, octets: &[u8]) -> Option<Authentic> {
    let envelope = Envelope::parse(octets.to_vec(), None).ok()?;
    let signer = Arc::new(Signer::from_der(parties.client.certificate().unwrap().der()).unwrap());
    let context = Context {
        now: now(),
        signers: &Signers::new(vec![signer]),
        keys: std::slice::from_ref(&parties.server),
        expect: Expect::Nothing,
        confirms: &[],
    };
    Verifier::new(policy.clone()).open(envelope, &context).ok()
}

/// What a reader of the message learns: the canonical payload and the believed headers.
fn meaning(authentic: &Authentic) -> (Vec<u8>, Addressing) {
    let mut canonical = Vec::new();
    c14n::exclusive_without(authentic.document(), authentic.payload(), None, &mut canonical).unwrap();
    (canonical, authentic.addressing().clone())
}

/// Elements that attacks are about.
fn targets(document: &Document) -> Vec<NodeId> {
    let interesting = [
        "Body",
        "Header",
        "Security",
        "Timestamp",
        "Created",
        "Signature",
        "SignedInfo",
        "Reference",
        "SignatureValue",
        "KeyInfo",
        "SecurityTokenReference",
        "BinarySecurityToken",
        "EncryptedKey",
        "ReferenceList",
        "EncryptedData",
        "SendCO",
        "MetaData",
        "MessageID",
        "Action",
        "To",
        "ReplyTo",
    ];
    elements(document).into_iter().filter(|node| interesting.contains(&document.local(*node))).collect()
}

fn elements(document: &Document) -> Vec<NodeId> {
    document.descendants(document.root()).filter(|node| document.kind(*node) == Kind::Element).collect()
}

/// A piece of the message as an attacker would have it read: other content, same shape.
fn forge(text: &str) -> String {
    let mut forged = text.replace("K001-26-TRUE", "K001-26-FALSE").replace("goods", "gold");
    forged = forged.replace(">urn:uuid:a28b345b", ">urn:uuid:ffffffff").replace(TO, "https://elsewhere.example/");
    forged = forged.replace("2026-11-22T12:0", "2026-11-22T12:1");
    if let (Some(start), Some(end)) = (forged.find("<xenc:EncryptedData"), forged.rfind("</xenc:EncryptedData>")) {
        let clear = r#"<md:MetaData xmlns:md="urn:wco:md"><md:ID>K001-26-FALSE</md:ID></md:MetaData>"#;
        forged.replace_range(start..end + "</xenc:EncryptedData>".len(), clear);
    }
    forged
}

/// The Id of the first tag, changed: kept, dropped, renamed, or said with another attribute.
fn with_id(random: &mut Random, text: &str) -> String {
    let tag_end = text.find('>').unwrap_or(text.len());
    let (tag, rest) = text.split_at(tag_end);
    let Some(at) = tag.find(" wsu:Id=\"").or_else(|| tag.find(" Id=\"")) else { return text.to_owned() };
    let value_start = at + tag[at..].find('"').unwrap() + 1;
    let value_end = value_start + tag[value_start..].find('"').unwrap();
    let value = &tag[value_start..value_end];
    let attribute = match random.below(8) {
        0 | 1 => return text.to_owned(),
        2 => String::new(),
        3 => format!(" wsu:Id=\"{value}-2\""),
        4 => format!(" xml:id=\"{value}\""),
        5 => format!(" Id=\"{value}\""),
        6 => format!(" xmlns:f=\"urn:f\" f:Id=\"{value}\""),
        _ => format!(" ID=\"{value}\" id=\"{value}\""),
    };
    format!("{}{attribute}{}{rest}", &tag[..at], &tag[value_end + 1..])
}

fn wrapped(random: &mut Random, text: &str) -> String {
    let (open, close) = match random.below(7) {
        0 | 1 => return text.to_owned(),
        2 => ("<w:Wrapper xmlns:w=\"urn:w\">", "</w:Wrapper>"),
        3 => ("<w:Wrapper xmlns:w=\"urn:w\" soap:mustUnderstand=\"0\">", "</w:Wrapper>"),
        4 => ("<ds:Object xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">", "</ds:Object>"),
        5 => ("<soap:Header>", "</soap:Header>"),
        _ => ("<soap:Body>", "</soap:Body>"),
    };
    format!("{open}{text}{close}")
}

/// A place between or inside of elements.
fn place(random: &mut Random, document: &Document, all: &[NodeId]) -> usize {
    let node = *random.pick(all);
    let range = document.range(node);
    let inside = document.first_child(node).map(|child| document.range(child).start);
    match random.below(3) {
        0 => range.start,
        1 => range.end,
        _ => inside.unwrap_or(range.end),
    }
}

/// One variant: pieces of the message copied, moved or forged; the original left, removed, replaced or renamed.
fn variant(random: &mut Random, text: &str, document: &Document) -> String {
    let all = elements(document);
    let target = *random.pick(&targets(document));
    let range = document.range(target);
    let original = &text[range.clone()];
    let piece = if random.below(2) == 0 { original.to_owned() } else { forge(original) };
    let piece = with_id(random, &piece);
    let piece = wrapped(random, &piece);
    let replacement = match random.below(7) {
        0 | 1 => original.to_owned(),
        2 => String::new(),
        3 => with_id(random, &forge(original)),
        4 => {
            // The new element around the wrapper around the old one.
            let forged = with_id(random, &forge(original));
            let at = forged.rfind("</").unwrap_or(forged.len());
            let inner = wrapped(random, original);
            format!("{}{inner}{}", &forged[..at], &forged[at..])
        }
        5 => with_id(random, original),
        _ => {
            let local = document.local(target);
            original.replacen(local, &format!("{local}X"), 1).replace(&format!(":{local}>"), &format!(":{local}X>"))
        }
    };
    let at = place(random, document, &all);
    if random.below(8) == 0 {
        // Only a second bearer of some Id, somewhere.
        return shadow(random, text, document, &all);
    }
    if at <= range.start {
        format!("{}{piece}{}{replacement}{}", &text[..at], &text[at..range.start], &text[range.end..])
    } else if at >= range.end {
        format!("{}{replacement}{}{piece}{}", &text[..range.start], &text[range.end..at], &text[at..])
    } else {
        // The place lies in the original itself: it stays, with the piece inside.
        format!("{}{piece}{}", &text[..at], &text[at..])
    }
}

fn shadow(random: &mut Random, text: &str, document: &Document, all: &[NodeId]) -> String {
    let ids: Vec<&str> =
        all.iter().flat_map(|node| document.attributes(*node)).filter(|a| a.local == "Id").map(|a| a.value).collect();
    let id = *random.pick(&ids);
    let bearer = *random.pick(all);
    let start = document.range(bearer).start;
    let name_end = start + text[start..].find([' ', '>', '/']).unwrap();
    let attribute = *random.pick(&["wsu:Id", "Id", "ID", "id", "xml:id", "soap:Id"]);
    format!("{} {attribute}=\"{id}\"{}", &text[..name_end], &text[name_end..])
}

#[test]
fn no_variant_of_a_message_says_something_else() {
    // Signature wrapping: the signature holds, and something that was not signed is read.
    let seed = std::env::var("COCONNECT_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_261_122);
    let count = std::env::var("COCONNECT_VARIANTS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_500);
    println!("seed {seed}, {count} variants of each message");
    let parties = parties();
    let mut random = Random(seed);
    for base in bases(&parties) {
        let expected = meaning(&open(&parties, &base.policy, base.octets.as_bytes()).expect(base.name));
        let document = xml::parse(base.octets.clone().into_bytes(), &xml::Options::default()).unwrap();
        let (mut changed, mut accepted) = (0, 0);
        for _ in 0..count {
            let variant = variant(&mut random, &base.octets, &document);
            if variant == base.octets {
                continue;
            }
            changed += 1;
            let Some(authentic) = open(&parties, &base.policy, variant.as_bytes()) else { continue };
            accepted += 1;
            let (payload, addressing) = meaning(&authentic);
            assert!(payload == expected.0, "seed {seed}: {}: other content accepted:\n{variant}", base.name);
            // Less may be believed, never something else.
            for name in [addressing.message_id, addressing.action, addressing.to, addressing.reply_to] {
                let known = [&expected.1.message_id, &expected.1.action, &expected.1.to, &expected.1.reply_to];
                assert!(
                    name.is_none() || known.contains(&&name),
                    "seed {seed}: {}: other header:\n{variant}",
                    base.name
                );
            }
        }
        println!("{:20} {changed} variants, {accepted} accepted, all with the signed content", base.name);
        assert!(changed > count / 2, "the engine changes too little");
    }
}

#[test]
fn no_changed_octet_is_believed() {
    // Every unsigned field is read and checked, so that a changed octet is refused or says the same.
    let parties = parties();
    for base in bases(&parties).iter().take(2) {
        let expected = meaning(&open(&parties, &base.policy, base.octets.as_bytes()).unwrap());
        let mut accepted = Vec::new();
        let original = base.octets.as_bytes();
        for at in (0..original.len()).step_by(5) {
            let mut changed = original.to_vec();
            changed[at] ^= 1;
            if let Some(authentic) = open(&parties, &base.policy, &changed) {
                assert_eq!(meaning(&authentic).0, expected.0, "{}: octet {at}", base.name);
                accepted.push(
                    String::from_utf8_lossy(&original[at.saturating_sub(24)..(at + 8).min(original.len())])
                        .into_owned(),
                );
            }
        }
        // What remains: names of declarations and attributes that mean nothing, such as a changed xmlns:wsse11.
        let tried = original.len() / 5;
        println!("{}: {} of {tried} one-bit changes accepted, all with the signed content", base.name, accepted.len());
        accepted.iter().for_each(|place| println!("  ...{place}"));
        assert!(accepted.len() < tried / 20, "{}: too many unread octets", base.name);
    }
}
