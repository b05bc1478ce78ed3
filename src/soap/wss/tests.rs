//! Sealed here, opened here: every suite, order and pointer; what is changed on the way is refused.

use std::sync::Arc;

use jiff::Timestamp;
use openssl::pkey::{PKey, Private};

use super::*;
use crate::pki::{DevCa, Issue, PrivateKey, Use};
use crate::soap::addressing::Expect;
use crate::soap::{Addressing, Envelope, Version};
use crate::xml::ns;

pub(crate) fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

/// A pair of parties whose keys are of one kind.
pub(crate) struct Pair {
    pub client: Arc<Identity>,
    pub server: Arc<Identity>,
}

fn identity(ca: &DevCa, name: &str, key: PrivateKey) -> Arc<Identity> {
    let issue = Issue::new(name, &[Use::Sign, Use::Encrypt], now(), 365);
    let certificate = ca.issue(&issue, &key).unwrap();
    Arc::new(Identity::new(certificate.der(), key.to_pkey()).unwrap())
}

fn generate(kind: &str) -> PKey<Private> {
    match kind {
        "rsa" => PKey::from_rsa(openssl::rsa::Rsa::generate(2048).unwrap()).unwrap(),
        "p256" | "p384" => {
            let nid = if kind == "p256" { openssl::nid::Nid::X9_62_PRIME256V1 } else { openssl::nid::Nid::SECP384R1 };
            let group = openssl::ec::EcGroup::from_curve_name(nid).unwrap();
            PKey::from_ec_key(openssl::ec::EcKey::generate(&group).unwrap()).unwrap()
        }
        other => panic!("{other}"),
    }
}

pub(crate) fn pair(kind: &str) -> Pair {
    let key = PrivateKey::from_pkey(generate("p256"));
    let ca = DevCa::create(&Issue::new("Test CA", &[], now(), 365), key).unwrap();
    let make = |name| identity(&ca, name, PrivateKey::from_pkey(generate(kind)));
    Pair { client: make("client"), server: make("server") }
}

pub(crate) const CONTENT: &str = concat!(
    r#"<svc:SendCO xmlns:svc="urn:coconnect:service:1"><md:MetaData xmlns:md="urn:wco:md">"#,
    "<md:ID>K001-26</md:ID><md:Text>\u{ad00}\u{c138} &lt;&amp;&gt; &#xD;</md:Text></md:MetaData></svc:SendCO>"
);

fn addressing() -> Addressing {
    Addressing {
        message_id: Some("urn:uuid:a28b345b-3be5-4f0d-8dfc-2e63613666f0".to_owned()),
        action: Some("urn:coconnect:service:1:SendCO".to_owned()),
        to: Some("https://test.coconnect.example/send-co?a=1&b=2".to_owned()),
        reply_to: Some(crate::soap::addressing::ANONYMOUS.to_owned()),
        ..Addressing::default()
    }
}

pub(crate) fn seal(pair: &Pair, settings: Settings, version: Version) -> Sealed {
    let recipient = Recipient::from_der(pair.server.certificate().unwrap().der()).unwrap();
    let sealer = Sealer::new(settings, Arc::clone(&pair.client), Some(Arc::new(recipient))).unwrap();
    let start = CONTENT.find("<md:MetaData").unwrap();
    let end = CONTENT.find("</svc:SendCO>").unwrap();
    sealer
        .seal(&Outgoing {
            version,
            addressing: &addressing(),
            content: Content { octets: CONTENT.as_bytes(), encrypt: Some(start..end) },
            confirms: None,
            now: now(),
        })
        .unwrap()
}

pub(crate) fn open(pair: &Pair, policy: Policy, octets: &[u8]) -> Result<Authentic, Refusal> {
    let envelope = Envelope::parse(octets.to_vec(), None).map_err(|error| Refusal::new(Stage::Structure, error))?;
    let signer = Arc::new(Signer::from_der(pair.client.certificate().unwrap().der()).unwrap());
    let context = Context {
        now: now(),
        signers: &Signers::new(vec![signer]),
        keys: std::slice::from_ref(&pair.server),
        expect: Expect::Request {
            actions: &["urn:coconnect:service:1:SendCO"],
            to: &["https://test.coconnect.example/send-co?a=1&b=2"],
        },
        confirms: &[],
    };
    Verifier::new(policy).open(envelope, &context)
}

fn text(authentic: &Authentic) -> String {
    let document = authentic.document();
    document.text_content(authentic.payload()).into_owned()
}

#[test]
fn what_is_sealed_opens_for_every_key_pointer_order_and_version() {
    for kind in ["rsa", "p256", "p384"] {
        let pair = pair(kind);
        for version in [Version::Soap11, Version::Soap12] {
            for key_reference in [KeyReference::Str, KeyReference::RetrievalMethod, KeyReference::Inline] {
                for order in [Order::SignEncrypt, Order::Any] {
                    let settings = Settings { key_reference, order, ..Settings::default() };
                    let sealed = seal(&pair, settings, version);
                    let policy = Policy::serve().order(order);
                    let opened = open(&pair, policy, &sealed.octets).unwrap_or_else(|r| {
                        panic!(
                            "{kind} {version:?} {key_reference:?} {order:?}: {r:?}\n{}",
                            String::from_utf8_lossy(&sealed.octets)
                        )
                    });
                    assert_eq!(text(&opened), "K001-26\u{ad00}\u{c138} <&> \r");
                    assert_eq!(opened.version(), version);
                    let evidence = opened.evidence();
                    assert_eq!(evidence.signed_ciphertext, order == Order::Any);
                    assert_eq!(evidence.encrypted, ["MetaData"]);
                    assert_eq!(evidence.signature_values.first(), Some(&sealed.signature_value));
                    assert_eq!(evidence.content_keys.first(), sealed.content_key.as_ref());
                    assert_eq!(opened.addressing(), &addressing());
                    // The clear envelope verifies again as it is, where the clear text was signed.
                    let policy = Policy::serve().encryption(Encryption::Optional);
                    if order == Order::SignEncrypt && key_reference == KeyReference::Inline {
                        let again = open(&pair, policy, &opened.clear_octets()).unwrap();
                        assert_eq!(text(&again), text(&opened));
                    }
                }
            }
        }
    }
}

#[test]
fn every_algorithm_of_the_partner_file_works() {
    let more = "http://www.w3.org/2001/04/xmldsig-more#";
    let psshash = "http://www.w3.org/2007/05/xmldsig-more#";
    let xenc = "http://www.w3.org/2001/04/xmlenc#";
    let xenc11 = "http://www.w3.org/2009/xmlenc11#";
    let suites = [
        (
            "rsa",
            Some(format!("{more}rsa-sha384")),
            Some(format!("{more}sha384")),
            None,
            Some(format!("{xenc11}aes128-gcm")),
        ),
        (
            "rsa",
            Some(format!("{more}rsa-sha512")),
            Some(format!("{xenc}sha512")),
            Some(format!("{xenc11}rsa-oaep")),
            None,
        ),
        ("rsa", Some(format!("{psshash}sha256-rsa-MGF1")), None, None, Some(format!("{xenc11}aes192-gcm"))),
        ("p256", Some(format!("{more}ecdsa-sha512")), None, Some(format!("{xenc}kw-aes128")), None),
        ("p384", Some(format!("{more}ecdsa-sha384")), Some(format!("{more}sha384")), None, None),
    ];
    let suites = suites.map(|(kind, signature, digest, key_transport, cipher)| {
        (kind, Suite { signature, digest, key_transport, cipher, ..Suite::default() })
    });
    let oaep = |digest: String| Suite {
        key_transport: Some(format!("{xenc11}rsa-oaep")),
        oaep_digest: Some(digest),
        ..Suite::default()
    };
    let hkdf = Suite {
        key_transport: Some(format!("{xenc11}ECDH-ES")),
        key_derivation: Some("http://www.w3.org/2021/04/xmldsig-more#hkdf".to_owned()),
        ..Suite::default()
    };
    let parameters = [
        ("rsa", oaep(format!("{more}sha384"))),
        ("rsa", oaep(format!("{xenc}sha512"))),
        ("p256", hkdf.clone()),
        ("p384", Suite { key_derivation: None, ..hkdf }),
    ];
    for (kind, suite) in suites.into_iter().chain(parameters) {
        let pair = pair(kind);
        let sealed = seal(&pair, Settings { suite: suite.clone(), ..Settings::default() }, Version::Soap12);
        open(&pair, Policy::serve(), &sealed.octets).unwrap_or_else(|r| panic!("{suite:?}: {r:?}"));
    }
}

#[test]
fn old_algorithms_are_not_sent() {
    let pair = pair("rsa");
    for (signature, cipher) in [
        (Some("http://www.w3.org/2000/09/xmldsig#rsa-sha1"), None),
        (None, Some("http://www.w3.org/2001/04/xmlenc#aes256-cbc")),
        (Some("http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"), None),
    ] {
        let suite =
            Suite { signature: signature.map(str::to_owned), cipher: cipher.map(str::to_owned), ..Suite::default() };
        let settings = Settings { suite, ..Settings::default() };
        assert!(Sealer::new(settings, Arc::clone(&pair.client), None).is_err());
    }
}

#[test]
fn an_answer_confirms_the_request_and_relates_to_it() {
    let pair = pair("p256");
    let request = seal(&pair, Settings::default(), Version::Soap12);
    let sealer = Sealer::new(Settings::default(), Arc::clone(&pair.server), None).unwrap();
    let message_id = "urn:uuid:a28b345b-3be5-4f0d-8dfc-2e63613666f0";
    let answer = |confirms: Option<&[String]>| {
        let addressing = Addressing {
            relates_to: Some(message_id.to_owned()),
            action: Some("urn:coconnect:service:1:SendCOResponse".to_owned()),
            ..Addressing::default()
        };
        let content = Content { octets: b"<a></a>", encrypt: None };
        sealer
            .seal(&Outgoing { version: Version::Soap12, addressing: &addressing, content, confirms, now: now() })
            .unwrap()
            .octets
    };
    let signer = Arc::new(Signer::from_der(pair.server.certificate().unwrap().der()).unwrap());
    let signers = Signers::new(vec![signer]);
    let ours = [request.signature_value.clone()];
    let check = |octets: Vec<u8>, relates_to: &str| {
        let context = Context {
            now: now(),
            signers: &signers,
            keys: &[],
            expect: Expect::Answer { relates_to, actions: &["urn:coconnect:service:1:SendCOResponse"] },
            confirms: &ours,
        };
        let policy = Policy::serve().encryption(Encryption::Optional);
        Verifier::new(policy).open(Envelope::parse(octets, None).unwrap(), &context)
    };
    assert!(check(answer(Some(&ours)), message_id).unwrap().evidence().confirmed);
    assert!(check(answer(None), message_id).is_err(), "nothing confirmed");
    assert!(check(answer(Some(&["AAAA".to_owned()])), message_id).is_err(), "another signature confirmed");
    let other = "urn:uuid:00000000-0000-4000-8000-000000000000";
    let refusal = check(answer(Some(&ours)), other).unwrap_err();
    assert_eq!(refusal.stage, Stage::Freshness);
}

#[test]
fn each_check_refuses_at_its_own_stage() {
    let pair = pair("p256");
    let sealed = seal(&pair, Settings::default(), Version::Soap12).octets;
    let change = |from: &str, to: &str| {
        let text = String::from_utf8(sealed.clone()).unwrap();
        assert!(text.contains(from), "{from}");
        open(&pair, Policy::serve(), text.replacen(from, to, 1).as_bytes()).err().map(|refusal| refusal.stage)
    };
    let alter = |marker: &str| {
        let text = String::from_utf8(sealed.clone()).unwrap();
        let at = text.find(marker).unwrap() + marker.len() + 8;
        let old = &text[at..=at];
        let new = if old == "A" { "B" } else { "A" };
        let mut text = text.clone();
        text.replace_range(at..=at, new);
        open(&pair, Policy::serve(), text.as_bytes()).err().map(|refusal| refusal.stage)
    };
    assert_eq!(change("<wsse:Security ", "<wsse:Security2 "), Some(Stage::Structure));
    assert_eq!(change("ecdsa-sha256", "ecdsa-sha1"), Some(Stage::Algorithms));
    assert_eq!(change("aes256-gcm", "aes256-cbc"), Some(Stage::Algorithms));
    // Which of both it was decides whether the partner looks at its suite or at its software.
    let is_of_algorithm = |from: &str, to: &str| {
        let text = String::from_utf8(sealed.clone()).unwrap();
        open(&pair, Policy::serve(), text.replacen(from, to, 1).as_bytes())
            .err()
            .map(|refusal| refusal.is_of_algorithm())
    };
    assert_eq!(is_of_algorithm("ecdsa-sha256", "ecdsa-sha1"), Some(true));
    assert_eq!(is_of_algorithm("<ds:SignatureValue>", "<ds:SignatureValue><!-- c -->"), Some(false));
    assert_eq!(is_of_algorithm("<ds:SignatureMethod ", "<ds:Object></ds:Object><ds:SignatureMethod "), Some(false));
    assert_eq!(alter("wsu:Id=\"Token\">"), Some(Stage::Token));
    assert_eq!(change("<wsu:Created>2026-11-22T12:00", "<wsu:Created>2026-11-22T12:07"), Some(Stage::Freshness));
    assert_eq!(change("SendCO</wsa:Action>", "SendDO</wsa:Action>"), Some(Stage::Freshness));
    assert_eq!(change("<ds:Reference URI=\"#Body\"", "<ds:Reference URI=\"#Token\""), Some(Stage::Coverage));
    assert_eq!(alter("<ds:SignatureValue>"), Some(Stage::SignatureValue));
    assert_eq!(
        change("svc:SendCO xmlns:svc=\"urn:coconnect:service:1\"", "svc:SendCO xmlns:svc=\"urn:coconnect:service:2\""),
        Some(Stage::Digests)
    );
    assert_eq!(change("<wsu:Expires>2026-11-22T12:05", "<wsu:Expires>2026-11-22T12:06"), Some(Stage::Digests));
    let text = String::from_utf8(sealed.clone()).unwrap();
    let data = text.rfind("<xenc:CipherValue>").unwrap() + 40;
    let mut cut = text.clone();
    cut.replace_range(data..=data, if &text[data..=data] == "A" { "B" } else { "A" });
    assert_eq!(open(&pair, Policy::serve(), cut.as_bytes()).unwrap_err().stage, Stage::Decryption);
}

/// Two messages of one partner, both genuine: whatever parts of one stand in the other, it is refused or still says what its
/// own signature covers. Ciphertext, keys, tokens and confirmations of one message are nothing to another.
#[test]
fn no_splice_of_two_genuine_messages_says_what_neither_said() {
    const PARTS: [&str; 13] = [
        "MessageID",
        "To",
        "Timestamp",
        "BinarySecurityToken",
        "EncryptedKey",
        "Signature",
        "SignedInfo",
        "SignatureValue",
        "Body",
        "EncryptedData",
        "CipherData",
        "ReferenceList",
        "KeyInfo",
    ];
    for (kind, order) in [("rsa", Order::SignEncrypt), ("p256", Order::SignEncrypt), ("p256", Order::Any)] {
        let pair = pair(kind);
        let message = |id: &str, content: &str| {
            let recipient = Recipient::from_der(pair.server.certificate().unwrap().der()).unwrap();
            let settings = Settings { order, ..Settings::default() };
            let sealer = Sealer::new(settings, Arc::clone(&pair.client), Some(Arc::new(recipient))).unwrap();
            let content = CONTENT.replace("K001-26", content);
            let (start, end) = (content.find("<md:MetaData").unwrap(), content.find("</svc:SendCO>").unwrap());
            let outgoing = Outgoing {
                version: Version::Soap11,
                addressing: &Addressing {
                    message_id: Some(format!("urn:uuid:a28b345b-3be5-4f0d-8dfc-{id}")),
                    ..addressing()
                },
                content: Content { octets: content.as_bytes(), encrypt: Some(start..end) },
                confirms: None,
                now: now(),
            };
            String::from_utf8(sealer.seal(&outgoing).unwrap().octets).unwrap()
        };
        let both = [message("000000000001", "ONE-000"), message("000000000002", "TWO-000")];
        // The first element of each name, and the last: keys and ciphertexts stand more than once.
        let ranges = |text: &str| {
            let envelope = Envelope::parse(text.as_bytes().to_vec(), None).unwrap();
            let document = envelope.document();
            let of = |name: &str| {
                let all = document.descendants(document.root()).filter(|node| document.local(*node) == name);
                let all: Vec<_> = all.map(|node| document.range(node)).collect();
                [all.first().cloned(), all.last().cloned()]
            };
            PARTS.iter().flat_map(|name| of(name)).collect::<Vec<_>>()
        };
        let places = [ranges(&both[0]), ranges(&both[1])];
        let count = places[0].len();
        let (mut tried, mut opened) = (0, 0);
        for (a, b) in (0..count).flat_map(|a| (a..count).map(move |b| (a, b))) {
            let mut cuts = Vec::new();
            for at in [a, b] {
                if let (Some(to), Some(from)) = (&places[0][at], &places[1][at]) {
                    cuts.push((to.clone(), from.clone()));
                }
            }
            cuts.sort_by_key(|(to, _)| std::cmp::Reverse(to.start));
            cuts.dedup();
            // One within the other is the outer one alone.
            if cuts.windows(2).any(|two| two[1].0.end > two[0].0.start) {
                continue;
            }
            let mut spliced = both[0].clone();
            for (to, from) in cuts {
                spliced.replace_range(to, &both[1][from]);
            }
            tried += 1;
            if let Ok(authentic) = open(&pair, Policy::serve().order(order), spliced.as_bytes()) {
                let said = (authentic.addressing().message_id.clone().unwrap(), text(&authentic));
                let first = said.0.ends_with('1') && said.1.starts_with("ONE-000");
                let second = said.0.ends_with('2') && said.1.starts_with("TWO-000");
                assert!(first || second, "{kind} {order:?} {a} {b}: {said:?}");
                opened += 1;
            }
        }
        // A token, or a part that both share, may stand for the other's: some open, most do not.
        assert!(tried > 100 && opened > 0 && opened < tried / 2, "{kind} {order:?}: {opened} of {tried}");
    }
}

#[test]
fn a_timestamp_moved_out_of_the_security_header_does_not_outlive_its_age() {
    // It stays signed there, and nobody would judge it: an old message could be sent again for ever.
    let pair = pair("p256");
    let settings = Settings { signed_parts: SignedParts::BodyTimestamp, ..Settings::default() };
    let sealed = String::from_utf8(seal(&pair, settings, Version::Soap11).octets).unwrap();
    let start = sealed.find("<wsu:Timestamp").unwrap();
    let end = sealed.find("</wsu:Timestamp>").unwrap() + "</wsu:Timestamp>".len();
    let timestamp = sealed[start..end].to_owned();
    let without = sealed.replacen(&timestamp, "", 1);
    let header = without.find("<wsse:Security").unwrap();
    let moved = [&without[..header], &timestamp, &without[header..]].concat();
    assert!(open(&pair, Policy::lenient(), sealed.as_bytes()).is_ok());
    let refusal = open(&pair, Policy::lenient(), moved.as_bytes()).unwrap_err();
    assert_eq!(refusal.stage, Stage::Coverage, "{refusal:?}");
    assert!(open(&pair, Policy::lenient(), without.as_bytes()).is_err(), "and removed it is missing");
}

#[test]
fn written_octets_are_the_canonical_octets() {
    // A digest over what was written is right only while every signed part is written in canonical form.
    let pair = pair("p256");
    let recipient = Arc::new(Recipient::from_der(pair.server.certificate().unwrap().der()).unwrap());
    let every = Addressing {
        relates_to: Some("urn:uuid:a28b345b-3be5-4f0d-8dfc-2e63613666f1".to_owned()),
        from: Some("https://kr.example/".to_owned()),
        fault_to: Some(crate::soap::addressing::NONE.to_owned()),
        ..addressing()
    };
    let detail = r#"<svc:FaultDetail xmlns:svc="urn:coconnect:service:1">x</svc:FaultDetail>"#.as_bytes().to_vec();
    let fault = crate::soap::Fault {
        code: crate::soap::fault::Code::Sender,
        subcode: Some(crate::soap::fault::Subcode::FailedCheck),
        reason: "a < b & \"c\" > d\r".to_owned(),
        detail,
    };
    let confirms = ["QUJD+/==".to_owned(), "REVG".to_owned()];
    for version in [Version::Soap11, Version::Soap12] {
        let mut written = Vec::new();
        let range = fault.write(version, &mut written);
        for (octets, encrypt) in [(CONTENT.as_bytes(), None), (&written, None), (&written, Some(range.clone()))] {
            for headers in [&every, &Addressing::default()] {
                for (order, confirms) in [(Order::SignEncrypt, Some(&confirms[..])), (Order::Any, None)] {
                    let settings = Settings { order, ..Settings::default() };
                    let sealer = Sealer::new(settings, Arc::clone(&pair.client), Some(Arc::clone(&recipient))).unwrap();
                    let content = Content { octets, encrypt: encrypt.clone() };
                    let outgoing = Outgoing { version, addressing: headers, content, confirms, now: now() };
                    let sealed = sealer.seal(&outgoing).unwrap();
                    let policy = Policy::lenient();
                    let signer = Arc::new(Signer::from_der(pair.client.certificate().unwrap().der()).unwrap());
                    let context = Context {
                        now: now(),
                        signers: &Signers::new(vec![signer]),
                        keys: std::slice::from_ref(&pair.server),
                        expect: Expect::Nothing,
                        confirms: &[],
                    };
                    let envelope = Envelope::parse(sealed.octets.clone(), Some(version)).unwrap();
                    let opened = Verifier::new(policy).open(envelope, &context);
                    assert!(opened.is_ok(), "{opened:?}\n{}", String::from_utf8_lossy(&sealed.octets));
                }
            }
        }
    }
}

#[test]
fn a_partner_of_dev_may_sign_less() {
    let pair = pair("p256");
    let settings = Settings { signed_parts: SignedParts::BodyTimestamp, ..Settings::default() };
    let sealed = seal(&pair, settings, Version::Soap11).octets;
    assert_eq!(open(&pair, Policy::serve(), &sealed).unwrap_err().stage, Stage::Coverage);
    let opened = open(&pair, Policy::serve().signed_parts(SignedParts::BodyTimestamp), &sealed).unwrap();
    // Nobody signed the headers: they are not handed on.
    assert_eq!(opened.addressing(), &Addressing::default());
}

#[test]
fn clear_text_is_refused_where_encryption_is_required() {
    let pair = pair("p256");
    let sealer = Sealer::new(Settings::default(), Arc::clone(&pair.client), None).unwrap();
    let content = Content { octets: CONTENT.as_bytes(), encrypt: None };
    let outgoing =
        Outgoing { version: Version::Soap11, addressing: &addressing(), content, confirms: None, now: now() };
    let sealed = sealer.seal(&outgoing).unwrap().octets;
    assert!(matches!(open(&pair, Policy::serve(), &sealed).unwrap_err().reason, Reason::NotEncrypted));
    assert!(open(&pair, Policy::serve().encryption(Encryption::Optional), &sealed).is_ok());
    assert_eq!(ns::SVC, "urn:coconnect:service:1");
}

#[test]
fn what_nothing_reads_has_no_place_in_what_points() {
    // Unsigned and unread: a second SignedInfo or Body could hide in a pointer, for a reader that looks by name.
    let hidden = [
        r#"<ds:SignedInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"></ds:SignedInfo>"#,
        r#"<x xmlns="urn:x"></x>"#,
        "text",
    ];
    for kind in ["rsa", "p256"] {
        let pair = pair(kind);
        let sealed = String::from_utf8(seal(&pair, Settings::default(), Version::Soap12).octets).unwrap();
        let key = sealed.find("<xenc:EncryptedKey").unwrap();
        let recipient = if kind == "rsa" { "<ds:KeyInfo>" } else { "<xenc:RecipientKeyInfo>" };
        let at = |from: usize, what: &str| from + sealed[from..].find(what).unwrap();
        let signature = at(0, "<ds:SignatureValue>");
        let places = [
            // wsse:Reference of the Signature, and of the EncryptedData.
            at(signature, "</wsse:Reference>"),
            at(at(0, "<xenc:EncryptedData"), "</wsse:Reference>"),
            // KeyInfo of the EncryptedKey, first and last, and what names the recipient.
            at(key, "<ds:KeyInfo>") + "<ds:KeyInfo>".len(),
            at(key, "</ds:KeyInfo><xenc:CipherData>"),
            at(key, recipient) + recipient.len(),
            at(key, "</wsse:SecurityTokenReference>"),
        ];
        assert!(open(&pair, Policy::serve(), sealed.as_bytes()).is_ok());
        for place in places {
            for hidden in hidden {
                let text = format!("{}{hidden}{}", &sealed[..place], &sealed[place..]);
                let refusal = open(&pair, Policy::serve(), text.as_bytes()).unwrap_err();
                assert!(!refusal.stage.is_sealed(), "{hidden} before {}: {refusal:?}", &sealed[place..place + 40]);
            }
        }
    }
}

#[test]
fn a_header_of_another_specification_holds_nothing_of_these() {
    // It is not read here; another reader that looks by name would find a second Security header or Body in it.
    let pair = pair("p256");
    let sealed = String::from_utf8(seal(&pair, Settings::default(), Version::Soap12).octets).unwrap();
    let with = |block: &str| {
        let text = sealed.replacen("<wsse:Security ", &format!("{block}<wsse:Security "), 1);
        open(&pair, Policy::serve(), text.as_bytes())
    };
    assert!(with(r#"<t:Trace xmlns:t="urn:t"><t:Id>1</t:Id></t:Trace>"#).is_ok());
    for namespace in [ns::SOAP11, ns::SOAP12, ns::WSSE, ns::WSSE11, ns::WSU, ns::DS, ns::XENC] {
        for block in [
            format!(r#"<t:Trace xmlns:t="urn:t"><x:Body xmlns:x="{namespace}"></x:Body></t:Trace>"#),
            format!(r#"<x:Other xmlns:x="{namespace}"></x:Other>"#),
        ] {
            assert_eq!(with(&block).map(|_| ()).map_err(|refusal| refusal.stage), Err(Stage::Structure), "{block}");
        }
    }
}
