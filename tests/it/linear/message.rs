//! A sealed message, opened in the profile of `serve`, and the business document in it, decoded: linear in its items.

use std::sync::Arc;

use coconnect::contract::{self, Operation, Slots, sample};
use coconnect::pki::{DevCa, Issue, PrivateKey, Use};
use coconnect::soap::addressing::Expect;
use coconnect::soap::wss::{
    Content, Context, Identity, Outgoing, Policy, Recipient, Sealer, Settings, Signer, Signers, Verifier,
};
use coconnect::soap::{Addressing, Envelope, Version};
use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::PKey;

use super::{climb, measure, sizes};

struct World {
    sealer: Sealer,
    signers: Arc<Signers>,
    keys: Arc<[Arc<Identity>]>,
}

fn now() -> jiff::Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn world() -> World {
    let key = || {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        PrivateKey::from_pkey(PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap())
    };
    let ca = DevCa::create(&Issue::new("Test CA", &[], now(), 365), key()).unwrap();
    let party = |name: &str| {
        let key = key();
        let certificate = ca.issue(&Issue::new(name, &[Use::Sign, Use::Encrypt], now(), 365), &key).unwrap();
        Arc::new(Identity::new(certificate.der(), key.to_pkey()).unwrap())
    };
    let (client, server) = (party("client"), party("server"));
    let recipient = Recipient::from_der(server.certificate().unwrap().der()).unwrap();
    let sealer = Sealer::new(Settings::default(), Arc::clone(&client), Some(Arc::new(recipient))).unwrap();
    let signer = Signer::from_der(client.certificate().unwrap().der()).unwrap();
    World { sealer, signers: Arc::new(Signers::new(vec![Arc::new(signer)])), keys: Arc::from([server]) }
}

/// A message of so many items.
fn sealed(world: &World, items: usize) -> Vec<u8> {
    let mut octets = b"<svc:SendCO xmlns:svc=\"urn:coconnect:service:1\">".to_vec();
    let start = octets.len();
    contract::encode(&sample::co(1, items), &Slots::default(), &mut octets);
    let end = octets.len();
    octets.extend_from_slice(b"</svc:SendCO>");
    let addressing = Addressing {
        message_id: Some("urn:uuid:a28b345b-3be5-4f0d-8dfc-2e63613666f0".to_owned()),
        action: Some("urn:coconnect:service:1:SendCO".to_owned()),
        to: Some("https://test.coconnect.example/send-co".to_owned()),
        ..Addressing::default()
    };
    let content = Content { octets: &octets, encrypt: Some(start..end) };
    let outgoing = Outgoing { version: Version::Soap12, addressing: &addressing, content, confirms: None, now: now() };
    world.sealer.seal(&outgoing).unwrap().octets
}

fn opened(world: &World, octets: Vec<u8>) -> super::Work {
    let (signers, keys) = (Arc::clone(&world.signers), Arc::clone(&world.keys));
    Box::new(move || {
        let envelope = Envelope::parse(octets, None).unwrap();
        let context = Context { now: now(), signers: &*signers, keys: &keys, expect: Expect::Nothing, confirms: &[] };
        let authentic = Verifier::new(Policy::serve()).open(envelope, &context).unwrap();
        let document = authentic.document();
        let node = document.elements(authentic.payload()).next().unwrap();
        drop(contract::decode(Operation::SendCo, document, node, &Slots::default()).unwrap());
    })
}

/// Octets of an item, as sealed.
const ITEM_BYTES: usize = 1_600;

#[test]
fn memory_of_a_sealed_message_grows_with_its_items() {
    let world = world();
    let [small, large] = [8, 64].map(|items| measure(opened(&world, sealed(&world, items))).0);
    assert!(large < small * 24, "{small} octets for 8 items, {large} for 64");
}

#[test]
fn cpu_time_of_a_sealed_message_grows_with_its_items() {
    let Some(sizes) = sizes() else { return };
    let world = Arc::new(world());
    let wrong = climb("a sealed message, opened and decoded", &sizes, &|size| {
        // At most 50 MB as sealed, base64 of the ciphertext included.
        let octets = sealed(&world, (size / ITEM_BYTES).max(1));
        let (length, world) = (octets.len(), Arc::clone(&world));
        (length, Box::new(move || opened(&world, octets.clone())))
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Envelopes whose Body is hard on the checks that come before any signature.
type Shape = (&'static str, fn(usize) -> String);

const BODIES: [Shape; 4] = [
    ("comments in one element of the Body", |octets| format!("<a>{}</a>", "<!--c-->".repeat(octets / 8))),
    ("comments and texts in one element of the Body", |octets| format!("<a>{}</a>", "<!--c-->\n".repeat(octets / 9))),
    ("comments in one ds:Object", |octets| {
        let comments = "<!--c-->".repeat(octets / 8);
        format!("<ds:Object xmlns:ds=\"{}\">{comments}<a/></ds:Object>", super::DS)
    }),
    ("ids and Ids in the Body", |octets| {
        let ids: String = (0..octets / 30).map(|n| format!("<a Id=\"{n}\" xml:id=\"x{n}\"/>")).collect();
        format!("<a>{ids}</a>")
    }),
];

#[test]
fn cpu_time_of_envelopes_grows_with_their_size_whatever_stands_in_the_body() {
    // Whoever has a certificate can have these checks made: they come before its signature is verified.
    let Some(sizes) = sizes() else { return };
    let world = Arc::new(world());
    let template = String::from_utf8(sealed(&world, 1)).unwrap();
    let mut wrong = Vec::new();
    for (name, make) in BODIES {
        for (profile, policy) in [("serve", Policy::serve()), ("lenient", Policy::lenient())] {
            let what = format!("{name}, {profile}");
            wrong.extend(climb(&what, &sizes, &|size| {
                let body =
                    template.find("Body").and_then(|at| template[at..].find('>').map(|end| at + end + 1)).unwrap();
                let end = template.rfind("Body>").and_then(|close| template[..close].rfind("</")).unwrap();
                let octets = format!("{}{}{}", &template[..body], make(size), &template[end..]).into_bytes();
                let (world, policy) = (Arc::clone(&world), policy.clone());
                (
                    octets.len(),
                    Box::new(move || {
                        let (octets, policy, world) = (octets.clone(), policy.clone(), Arc::clone(&world));
                        Box::new(move || {
                            // Beyond the nodes of one message the parser ends it.
                            let Ok(envelope) = Envelope::parse(octets, None) else { return };
                            let (signers, keys) = (&*world.signers, &*world.keys);
                            let context = Context { now: now(), signers, keys, expect: Expect::Nothing, confirms: &[] };
                            assert!(
                                Verifier::new(policy).open(envelope, &context).is_err(),
                                "the Body is not that which was signed"
                            );
                        })
                    }),
                )
            }));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
