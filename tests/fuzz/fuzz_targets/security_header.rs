//! The Security header: a sealed message, edited as the input says, is refused in the profile of `serve`, or says what
//! its sender signed.
#![no_main]

use std::sync::{Arc, OnceLock};

use coconnect::soap::addressing::{ANONYMOUS, Expect};
use coconnect::soap::wss::{
    Authentic, Content, Context, Encryption, Identity, KeyReference, Outgoing, Policy, Recipient, Sealer, Settings,
    Signer, Signers, Verifier,
};
use coconnect::soap::{Addressing, Envelope, Version};
use coconnect::xml::c14n;
use coconnect_fuzz::{Input, edit, now, receivers, senders};
use libfuzzer_sys::fuzz_target;

const CONTENT: &str = concat!(
    r#"<svc:SendCO xmlns:svc="urn:coconnect:service:1"><md:MetaData xmlns:md="urn:wco:md">"#,
    "<md:ID>K001-26</md:ID><md:Text>goods &lt;&amp;&gt;</md:Text></md:MetaData></svc:SendCO>"
);

/// A sealed message, how it is judged, and what it says.
struct Base {
    octets: Vec<u8>,
    policy: Policy,
    meaning: (Vec<u8>, Addressing),
}

struct World {
    signers: Signers,
    keys: [Arc<Identity>; 2],
    bases: Vec<Base>,
}

fuzz_target!(|octets: &[u8]| {
    static WORLD: OnceLock<World> = OnceLock::new();
    let world = WORLD.get_or_init(World::new);
    let mut input = Input(octets);
    let base = &world.bases[usize::from(input.octet()) % world.bases.len()];
    let edited = edit(base.octets.clone(), &mut input);
    if let Some(authentic) = world.open(&base.policy, edited) {
        assert!(meaning(&authentic) == base.meaning, "accepted with other content than was signed");
    }
});

impl World {
    fn new() -> Self {
        let (senders, keys) = (senders(), receivers());
        let signer = |sender: &Arc<Identity>| {
            Arc::new(Signer::from_der(sender.certificate().expect("it has one").der()).expect("a certificate"))
        };
        let signers = Signers::new(senders.iter().map(signer).collect());
        let mut world = Self { signers, keys, bases: Vec::new() };
        for (sender, receiver) in senders.iter().zip(world.keys.clone()) {
            for (key_reference, version, encrypted) in [
                (KeyReference::Str, Version::Soap12, true),
                (KeyReference::RetrievalMethod, Version::Soap11, true),
                (KeyReference::Inline, Version::Soap12, true),
                (KeyReference::Str, Version::Soap11, false),
            ] {
                let settings = Settings { key_reference, ..Settings::default() };
                let octets = seal(settings, sender, encrypted.then_some(&receiver), version);
                let encryption = if encrypted { Encryption::Required } else { Encryption::Optional };
                let policy = Policy::serve().encryption(encryption);
                let opened = world.open(&policy, octets.clone()).expect("what was sealed opens");
                let meaning = meaning(&opened);
                world.bases.push(Base { octets, policy, meaning });
            }
        }
        world
    }

    fn open(&self, policy: &Policy, octets: Vec<u8>) -> Option<Authentic> {
        let envelope = Envelope::parse(octets, None).ok()?;
        let context =
            Context { now: now(), signers: &self.signers, keys: &self.keys, expect: Expect::Nothing, confirms: &[] };
        Verifier::new(policy.clone()).open(envelope, &context).ok()
    }
}

fn seal(settings: Settings, sender: &Arc<Identity>, receiver: Option<&Arc<Identity>>, version: Version) -> Vec<u8> {
    let recipient = receiver.map(|receiver| {
        let der = receiver.certificate().expect("it has one").der();
        Arc::new(Recipient::from_der(der).expect("a recipient"))
    });
    let sealer = Sealer::new(settings, Arc::clone(sender), recipient).expect("settings of our own");
    let addressing = Addressing {
        message_id: Some("urn:uuid:a28b345b-3be5-4f0d-8dfc-2e63613666f0".to_owned()),
        action: Some("urn:coconnect:service:1:SendCO".to_owned()),
        to: Some("https://test.coconnect.example/send-co".to_owned()),
        reply_to: Some(ANONYMOUS.to_owned()),
        ..Addressing::default()
    };
    let range = CONTENT.find("<md:MetaData").expect("it is there")..CONTENT.find("</svc:SendCO>").expect("it is there");
    let content = Content { octets: CONTENT.as_bytes(), encrypt: Some(range) };
    let outgoing = Outgoing { version, addressing: &addressing, content, confirms: None, now: now() };
    sealer.seal(&outgoing).expect("sealed").octets
}

/// What a reader of the message learns: the canonical payload and the believed headers.
fn meaning(authentic: &Authentic) -> (Vec<u8>, Addressing) {
    let mut canonical = Vec::new();
    c14n::exclusive_without(authentic.document(), authentic.payload(), None, &mut canonical).expect("a form");
    (canonical, authentic.addressing().clone())
}
