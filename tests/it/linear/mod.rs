//! Work is linear in the input, over the shapes that make others quadratic; and every bound is checked before its cost is
//! paid, with an accepted twin right at it ([`bounds`]).
//!
//! Two measures, in one run each: octets that an operation allocates (exact, always run), and CPU time of the thread
//! (`COCONNECT_LONG=1`). From a size to eight times that size either may grow eightfold, with a factor of 3 to spare.
//! `COCONNECT_LINEAR_BYTES` sets the largest size of the long run; 52428800 in an optimized build takes ten minutes:
//! `COCONNECT_LONG=1 COCONNECT_LINEAR_BYTES=52428800 cargo test --profile demo --test it linear -- --nocapture`.

use std::time::Duration;

use coconnect::xml::c14n::{ExplicitSet, Method, NodeSet, Settings, canonicalize};
use coconnect::xml::{self, Document, Dtd, Options};
use coconnect::xmlsec::dsig::token::DocumentTokens;
use coconnect::xmlsec::dsig::verify::{Judged, Steps, Verdict, outermost_signatures, verify};
use coconnect::xmlsec::dsig::{Context, IdAttributes, IdIndex, KeySource, UrlMap, template};
use coconnect::xmlsec::enc::{
    ContentKey, DataMethod, DataType, Decrypted, Decryptor, EncryptedDataParts, KeyReference, Keys,
    write_encrypted_data,
};
use coconnect::xmlsec::key::Key;
use coconnect::xmlsec::{KeyRing, Policy, SigningKey, algorithm::Cipher, enc};
use zeroize::Zeroizing;

mod allocations;
mod bounds;
mod message;
mod shapes;

/// Eight times the input may cost eight times as much, with a factor of 3 to spare.
const RATIO_MAX: f64 = 24.0;
const STEP: usize = 8;
/// CPU time below which the clock says more about the machine than about the work.
const TOO_SHORT: Duration = Duration::from_millis(2);
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

pub(super) const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
pub(super) const WSU: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
pub(super) const XENC: &str = "http://www.w3.org/2001/04/xmlenc#";

pub(super) fn read(text: &str) -> Document {
    xml::parse(text.as_bytes().to_vec(), &Options { dtd: Dtd::Internal, ..Options::default() })
        .unwrap_or_else(|error| panic!("{error}: {}", &text[..text.len().min(300)]))
}

pub(super) fn ring() -> KeyRing {
    let mut ring = KeyRing::new();
    ring.add(Key::secret(Some("k".to_owned()), Zeroizing::new(SECRET.to_vec())));
    ring
}

/// What is measured: prepared from a text of the shape, then done once.
struct Operation {
    name: &'static str,
    prepare: fn(&str) -> Work,
}

const OPERATIONS: &[Operation] = &[
    Operation {
        name: "parse",
        prepare: |text| {
            let octets = text.as_bytes().to_vec();
            Box::new(move || {
                let options = Options { dtd: Dtd::Internal, ..Options::default() };
                drop(std::hint::black_box(xml::parse(octets, &options)));
            })
        },
    },
    Operation { name: "c14n 1.0", prepare: |text| canonical(text, Method::Inclusive10, &[], false) },
    Operation { name: "c14n 1.1", prepare: |text| canonical(text, Method::Inclusive11, &[], false) },
    Operation { name: "exclusive", prepare: |text| canonical(text, Method::Exclusive, &[], false) },
    Operation { name: "exclusive, PrefixList", prepare: |text| canonical(text, Method::Exclusive, &PREFIXES, false) },
    Operation { name: "node-set 1.0", prepare: |text| canonical(text, Method::Inclusive10, &[], true) },
    Operation { name: "node-set exclusive", prepare: |text| canonical(text, Method::Exclusive, &[], true) },
    Operation { name: "node-set, PrefixList", prepare: |text| canonical(text, Method::Exclusive, &PREFIXES, true) },
    Operation {
        name: "ids",
        prepare: |text| {
            let document = read(text);
            Box::new(move || {
                let ids = IdIndex::build(&document, &IdAttributes::usual());
                let _ = std::hint::black_box(ids.get(&document, "i7"));
            })
        },
    },
    Operation { name: "verify", prepare: verified },
    Operation { name: "decrypt", prepare: decrypted },
];

/// A PrefixList: some that the shapes use, many that nobody has.
const PREFIXES: [&str; 600] = {
    let mut all = ["p1"; 600];
    all[1] = "p7";
    all[2] = "";
    all[3] = "nobody";
    all
};

fn canonical(text: &str, method: Method, prefixes: &'static [&'static str], explicit: bool) -> Work {
    let document = read(text);
    Box::new(move || {
        let nodes = match explicit {
            false => NodeSet::document(&document),
            true => NodeSet::Explicit(ExplicitSet::subtree(&document, document.root(), &[], true)),
        };
        let mut out = Vec::new();
        canonicalize(&document, &nodes, &Settings { method, with_comments: true, prefixes }, &mut out).unwrap();
        std::hint::black_box(out);
    })
}

/// `text` without what may stand only at the top of a document.
fn content(text: &str) -> &str {
    let start = text.find("<r").unwrap();
    let end = text.rfind("</r>").unwrap() + 4;
    &text[start..end]
}

pub(super) fn reference(uri: &str, transforms: &str) -> String {
    format!(
        "<ds:Reference URI=\"{uri}\"><ds:Transforms>{transforms}</ds:Transforms>\
         <ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/><ds:DigestValue></ds:DigestValue>\
         </ds:Reference>"
    )
}

pub(super) const EXCLUSIVE: &str = "<ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>";
pub(super) const ENVELOPED: &str =
    "<ds:Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"/>";

/// A signature by HMAC, not filled yet.
pub(super) fn signature(references: &str) -> String {
    format!(
        "<ds:Signature xmlns:ds=\"{DS}\"><ds:SignedInfo>\
         <ds:CanonicalizationMethod Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>\
         <ds:SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#hmac-sha256\"/>{references}\
         </ds:SignedInfo><ds:SignatureValue></ds:SignatureValue></ds:Signature>"
    )
}

/// Fills the signatures of `text`, under a policy that bounds no count.
pub(super) fn sign(text: &str) -> String {
    let mut document = read(text);
    let policy = Policy::legacy();
    let key = SigningKey::from_secret(Zeroizing::new(SECRET.to_vec()));
    let signer = template::Signer { key: &key, name: None, certificates: &[] };
    let (urls, ids) = (UrlMap::new(), IdAttributes::usual());
    let settings = template::Settings { policy: &policy, urls: &urls, ids: &ids };
    for node in outermost_signatures(&document) {
        template::fill(&mut document, node, &signer, &settings).unwrap();
    }
    String::from_utf8(document.to_octets()).unwrap()
}

pub(super) fn judge(document: &Document, policy: &Policy, steps: Steps) -> Vec<Judged> {
    let ids = IdIndex::build(document, &IdAttributes::usual());
    let (urls, ring, tokens) = (UrlMap::new(), ring(), DocumentTokens::default());
    let context = Context { document, ids: &ids, policy, urls: &urls, tokens: Some(&tokens) };
    let source = KeySource { ring: &ring, trust: None, known: &[] };
    let nodes = outermost_signatures(document);
    nodes.into_iter().map(|node| verify(&context, node, &source, steps)).collect()
}

fn verified(text: &str) -> Work {
    let signed = format!("<s>{}{}</s>", content(text), signature(&reference("", &format!("{ENVELOPED}{EXCLUSIVE}"))));
    let document = read(&sign(&signed));
    Box::new(move || {
        let judged = judge(&document, &Policy::legacy(), Steps::UntilInvalid);
        assert!(judged.iter().all(Judged::is_valid), "{:?}", judged.first().map(|judged| &judged.verdict));
    })
}

/// An `EncryptedData` under the key `k`.
pub(super) fn closed(clear: &[u8], out: &mut Vec<u8>) {
    let key = ContentKey::new(Zeroizing::new(SECRET.to_vec()));
    let key_reference = KeyReference::KeyName("k");
    let parts = EncryptedDataParts { id: None, data_type: DataType::Content, mime_type: None, key_reference };
    let method = DataMethod::fresh(Cipher::Aes256Gcm).unwrap();
    write_encrypted_data(out, clear, &key, &method, &parts).unwrap();
}

pub(super) fn decrypt(document: &mut Document, policy: &Policy) -> Result<Decrypted, enc::Error> {
    let (keys, urls) = (Keys::new(&ring()), UrlMap::new());
    Decryptor { keys: &keys, policy, urls: &urls, ids: IdAttributes::usual() }.decrypt_document(document)
}

fn decrypted(text: &str) -> Work {
    let mut octets = b"<s>".to_vec();
    closed(content(text).as_bytes(), &mut octets);
    octets.extend_from_slice(b"</s>");
    let mut document = read(std::str::from_utf8(&octets).unwrap());
    Box::new(move || {
        decrypt(&mut document, &Policy::legacy()).unwrap();
        std::hint::black_box(document.to_octets());
    })
}

/// CPU time of this thread.
fn cpu() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(now.tv_sec).unwrap(), u32::try_from(now.tv_nsec).unwrap())
}

/// Octets allocated, and CPU time, of one run.
fn measure(work: Work) -> (u64, Duration) {
    let (octets, start) = (allocations::octets(), cpu());
    work();
    (allocations::octets() - octets, cpu() - start)
}

/// The shorter of some runs: what disturbs one only makes it longer.
fn shortest(prepare: &dyn Fn() -> Work) -> Duration {
    let first = measure(prepare()).1;
    let again = if first < Duration::from_millis(200) { 2 } else { 1 };
    (0..again).map(|_| measure(prepare()).1).min().map_or(first, |other| other.min(first))
}

#[test]
fn memory_grows_with_the_input_over_every_shape_and_operation() {
    // Exact, so it runs always: a table that grows with the square of something shows here.
    let mut wrong = Vec::new();
    for shape in shapes::ALL {
        let texts = [(shape.make)(4 << 10), (shape.make)(32 << 10)];
        for operation in OPERATIONS.iter().filter(|operation| shape.suits(operation.name)) {
            let [small, large] =
                [&texts[0], &texts[1]].map(|text| measure((operation.prepare)(text)).0 as f64 + 65_536.0);
            let grown = texts[1].len() as f64 / texts[0].len() as f64;
            if large / small > grown * 3.0 {
                wrong.push(format!("{} of {}: {small} to {large} octets", operation.name, shape.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Work that is done once, and what makes it anew.
type Work = Box<dyn FnOnce()>;
type Again = Box<dyn Fn() -> Work>;

/// Runs `prepare` over sizes that grow eightfold; says where CPU time grew faster than three times the input.
fn climb(what: &str, sizes: &[usize], prepare: &dyn Fn(usize) -> (usize, Again)) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut line = format!("{what:<52}");
    let mut before: Option<(usize, Duration)> = None;
    for size in sizes {
        let (octets, again) = prepare(*size);
        let time = shortest(&again);
        line.push_str(&format!(" {:>9.2}", time.as_secs_f64() * 1e3));
        if let Some((small, short)) = before
            && short >= TOO_SHORT
        {
            let grown = octets as f64 / small as f64;
            let ratio = time.as_secs_f64() / short.as_secs_f64();
            line.push_str(&format!(" ({ratio:.1})"));
            if ratio > grown * RATIO_MAX / STEP as f64 {
                wrong.push(format!("{what}: {short:?} for {small} octets, {time:?} for {octets}"));
            }
        }
        before = Some((octets, time));
    }
    println!("{line}");
    wrong
}

/// Sizes of the long run: 10 KB and up, each eight times the one before, the last as large as was asked for.
fn sizes() -> Option<Vec<usize>> {
    if std::env::var_os("COCONNECT_LONG").is_none() {
        println!("CPU time is compared with COCONNECT_LONG=1");
        return None;
    }
    let most: usize =
        std::env::var("COCONNECT_LINEAR_BYTES").ok().and_then(|text| text.parse().ok()).unwrap_or(1 << 20);
    Some(
        std::iter::successors(Some(most), |size| Some(size / STEP))
            .take_while(|size| *size >= 8 << 10)
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .collect(),
    )
}

#[test]
fn cpu_time_grows_with_the_input_over_every_shape_and_operation() {
    // Time is asserted only when it is asked for: it depends on the machine.
    let Some(sizes) = sizes() else { return };
    println!("ms of CPU (ratio to the size before) over {sizes:?} octets");
    let mut wrong = Vec::new();
    for shape in shapes::ALL {
        for operation in OPERATIONS.iter().filter(|operation| shape.suits(operation.name)) {
            let what = format!("{} | {}", shape.name, operation.name);
            wrong.extend(climb(&what, &sizes, &|size| {
                let text = (shape.make)(size.min(shape.octets_max));
                let length = text.len();
                (length, Box::new(move || (operation.prepare)(&text)))
            }));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn cpu_time_grows_with_the_input_for_what_a_document_may_hold_many_of() {
    // References, transforms, signatures, EncryptedData, EncryptedKeys: bounded in number, linear in the octets.
    let Some(sizes) = sizes() else { return };
    let mut wrong = Vec::new();
    for many in shapes::MANY {
        wrong.extend(climb(many.name, &sizes, &|size| {
            let text = (many.make)(size.min(many.octets_max));
            let (length, judge) = (text.len(), many.judge);
            (
                length,
                Box::new(move || {
                    let document = read(&text);
                    Box::new(move || judge(document))
                }),
            )
        }));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether the verdict is that a bound was reached.
pub(super) fn is_limit(judged: &Judged, what: &str) -> bool {
    matches!(&judged.verdict, Verdict::Failed(error) if chain(error).contains(what))
}

pub(super) fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
