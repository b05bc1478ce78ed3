//! The same attacks on signatures of files: what `xmlsec verify --require-signed` says is signed must be what was signed.

use coconnect::soap::wss::Identity;
use coconnect::xml::c14n::{self, Method, NodeSet, Settings};
use coconnect::xml::xpath::{Environment, Expression, Item};
use coconnect::xml::{self, Document, NodeId, ns};
use coconnect::xmlsec::dsig::token::DocumentTokens;
use coconnect::xmlsec::dsig::verify::{self, Judged, Steps};
use coconnect::xmlsec::dsig::{Context, IdAttributes, IdIndex, KeySource, UrlMap, template};
use coconnect::xmlsec::{self, KeyRing, SigningKey, key_file};

use super::bases::{self, Attacker, Foreign, Parties};
use super::mutate::{self, Forgery, Kind};
use super::view::{Random, View};
use super::{Amount, somebody};

/// A signed file, and what must be signed in it.
struct File {
    name: &'static str,
    text: String,
    required: &'static str,
    namespaces: Vec<(String, String)>,
}

const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const INCLUSIVE: &str = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315";
const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";

fn signature(references: &[(&str, String)], object: &str) -> String {
    let references = references.iter().map(|(uri, transforms)| {
        format!(
            r#"<ds:Reference URI="{uri}"><ds:Transforms>{transforms}</ds:Transforms><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue></ds:DigestValue></ds:Reference>"#
        )
    });
    format!(
        r#"<ds:Signature xmlns:ds="{}" Id="S"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="{EXCLUSIVE}"/><ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"/>{}</ds:SignedInfo><ds:SignatureValue></ds:SignatureValue><ds:KeyInfo><ds:KeyName>k</ds:KeyName></ds:KeyInfo>{object}</ds:Signature>"#,
        ns::DS,
        references.collect::<String>()
    )
}

fn transforms(list: &[&str]) -> String {
    list.iter().map(|uri| format!(r#"<ds:Transform Algorithm="{uri}"/>"#)).collect()
}

const ORDER: &str = r#"<md:MetaData xmlns:md="urn:wco:md" xml:id="B"><md:ID>K001-26-TRUE</md:ID><md:Order><md:Item>goods 12.50 kg</md:Item></md:Order></md:MetaData>"#;

fn unsigned() -> Vec<File> {
    let file = |name, text, required| File {
        name,
        text,
        required,
        namespaces: [("md", "urn:wco:md"), ("s", ns::SOAP11), ("svc", ns::SVC)]
            .map(|(prefix, uri)| (prefix.to_owned(), uri.to_owned()))
            .to_vec(),
    };
    let around = |inside: &str| format!(r#"<doc xml:lang="ko"><Header/><Body>{inside}</Body></doc>"#);
    let filter = r#"<ds:Transform Algorithm="http://www.w3.org/2002/06/xmldsig-filter2"><f:XPath xmlns:f="http://www.w3.org/2002/06/xmldsig-filter2" xmlns:md="urn:wco:md" Filter="intersect">//md:MetaData</f:XPath></ds:Transform>"#;
    let xpath = r#"<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><ds:XPath xmlns:md="urn:wco:md">ancestor-or-self::md:MetaData</ds:XPath></ds:Transform>"#;
    let whole = |list: String| signature(&[("", list)], "");
    let by_id = |list: &[&str]| signature(&[("#B", transforms(list))], "");
    vec![
        file("detached exclusive", around(&format!("{ORDER}{}", by_id(&[EXCLUSIVE]))), "//md:MetaData"),
        file("detached inclusive", around(&format!("{}{ORDER}", by_id(&[INCLUSIVE]))), "/doc/Body/md:MetaData"),
        file(
            "no transform",
            around(&format!("{ORDER}{}", signature(&[("#B", transforms(&[INCLUSIVE]))], ""))),
            "//md:MetaData/md:Order",
        ),
        file(
            "enveloped whole document",
            around(&format!("{ORDER}{}", whole(transforms(&[ENVELOPED, EXCLUSIVE])))),
            "/doc/Body/md:MetaData",
        ),
        file(
            "enveloped in the element",
            around(&ORDER.replace("</md:MetaData>", &format!("{}</md:MetaData>", by_id(&[ENVELOPED, EXCLUSIVE])))),
            "//md:MetaData",
        ),
        file(
            "enveloping",
            signature(&[("#O", transforms(&[EXCLUSIVE]))], &format!(r#"<ds:Object Id="O">{ORDER}</ds:Object>"#)),
            "//md:MetaData",
        ),
        file("XPath filter 2", around(&format!("{ORDER}{}", whole(filter.to_owned()))), "//md:MetaData"),
        file("XPath", around(&format!("{ORDER}{}", whole(xpath.to_owned()))), "//md:MetaData"),
        file(
            "two References",
            around(&format!(
                r#"{ORDER}<Item xml:id="C">more</Item>{}"#,
                signature(&[("#B", transforms(&[EXCLUSIVE])), ("#C", transforms(&[EXCLUSIVE]))], "")
            )),
            "//md:MetaData | //Item",
        ),
    ]
}

fn sign(mut file: File, signer: &Identity) -> File {
    let mut document = xml::parse(file.text.into_bytes(), &xml::Options::default()).unwrap();
    let node = verify::outermost_signatures(&document)[0];
    let key = SigningKey::from_private(signer.key().clone());
    let settings =
        template::Settings { policy: &xmlsec::Policy::default(), urls: &UrlMap::new(), ids: &IdAttributes::usual() };
    template::fill(&mut document, node, &template::Signer { key: &key, name: None, certificates: &[] }, &settings)
        .unwrap_or_else(|error| panic!("{}: {error}", file.name));
    file.text = String::from_utf8(document.to_octets()).unwrap();
    file
}

/// What is selected and signed, each node in canonical form without the Signatures in it; nothing when a signature does
/// not hold or something is not covered. As `xmlsec verify --require-signed` decides.
fn signed(file: &File, ring: &KeyRing, text: &str) -> Option<Vec<Vec<u8>>> {
    let document = xml::parse(text.as_bytes().to_vec(), &xml::Options::default()).ok()?;
    let ids = IdIndex::build(&document, &IdAttributes::usual());
    let (policy, urls) = (xmlsec::Policy::default(), UrlMap::new());
    let tokens = DocumentTokens { known: ring.keys().iter().flat_map(|key| key.certificates.clone()).collect() };
    let context = Context { document: &document, ids: &ids, policy: &policy, urls: &urls, tokens: Some(&tokens) };
    let source = KeySource { ring, trust: None, known: &[] };
    let environment = Environment { namespaces: &file.namespaces, ..Environment::default() };
    let selected = Expression::parse(file.required).unwrap().select(&document, &environment).ok()?;
    let nodes: Vec<NodeId> = selected
        .into_iter()
        .filter_map(|item| match item {
            Item::Node(node) => Some(node),
            _ => None,
        })
        .collect();
    let judged: Vec<Judged> = verify::outermost_signatures(&document)
        .into_iter()
        .map(|node| verify::verify(&context, node, &source, Steps::UntilInvalid))
        .collect();
    let all_valid = !judged.is_empty() && judged.iter().all(Judged::is_valid);
    let covered = |node: NodeId| judged.iter().any(|one| one.covers(&document, node));
    (all_valid && !nodes.is_empty() && nodes.iter().all(|node| covered(*node)))
        .then(|| nodes.iter().map(|node| without_signatures(file, &document, *node, &judged)).collect())
}

/// Compared in the form that was signed: an inclusive one has the `xml:lang` of what is around it, and says the same
/// where the element itself says it.
fn without_signatures(file: &File, document: &Document, node: NodeId, judged: &[Judged]) -> Vec<u8> {
    let inclusive = ["detached inclusive", "no transform", "XPath filter 2", "XPath"].contains(&file.name);
    let method = if inclusive { Method::Inclusive10 } else { Method::Exclusive };
    let except = judged.iter().map(|one| one.node).filter(|one| document.contains(node, *one)).collect();
    let mut out = Vec::new();
    let settings = Settings { method, with_comments: false, prefixes: &[] };
    c14n::canonicalize(document, &NodeSet::Subtree { root: node, except, comments: false }, &settings, &mut out)
        .unwrap();
    out
}

#[test]
fn what_verify_calls_signed_is_what_was_signed() {
    let amount = Amount::chosen();
    let signer = somebody();
    let parties = Parties::new("p256");
    let attacker = Attacker { recipient: None, identity: parties.mallory };
    let mut ring = KeyRing::new();
    ring.add(key_file::load(signer.certificate().unwrap().der(), "signer", None).unwrap());
    let mut files: Vec<File> = unsigned().into_iter().map(|file| sign(file, &signer)).collect();
    let soap = Parties { client: signer.clone(), server: signer.clone(), mallory: signer.clone() };
    files.push(File {
        name: "SOAP message",
        text: bases::foreign(&soap, &signer, bases::CONTENT, Foreign::default()),
        // By its name: `*` would also select the signed Body inside of an unsigned one.
        required: "/s:Envelope/s:Body/svc:SendCO",
        namespaces: files[0].namespaces.clone(),
    });
    let (mut made, mut accepted) = (0, 0);
    for file in &files {
        let was = signed(file, &ring, &file.text).unwrap_or_else(|| panic!("{}: refused unchanged", file.name));
        let known = |node: &Vec<u8>| was.contains(node);
        let forgery = Forgery::new(&attacker, &file.text);
        let view = View::of(file.text.clone()).unwrap();
        let mut random = Random(amount.seed);
        let mut of_this = (0, 0);
        let mut judge = |text: String, how: &str| {
            of_this.0 += 1;
            let Some(got) = signed(file, &ring, &text) else { return };
            of_this.1 += 1;
            assert!(got.iter().all(known), "seed {}: {}: {how}: not what was signed:\n{text}", amount.seed, file.name);
        };
        for kind in Kind::ALL {
            let count = kind.count(&view, &forgery);
            for _ in 0..(2 * amount.of_each_kind).min(count) {
                if let Some(text) = kind.make(&view, &forgery, random.below(count)) {
                    judge(text, &format!("{kind:?}"));
                }
            }
        }
        for _ in 0..2 * amount.compositions {
            let Some((one, text)) = mutate::random(&mut random, &view, &forgery) else { continue };
            let Some(view) = View::of(text) else { continue };
            let Some((other, text)) = mutate::random(&mut random, &view, &forgery) else { continue };
            judge(text, &format!("{one:?}, {other:?}"));
        }
        println!("{:26} {} variants, {} accepted, each with what was signed", file.name, of_this.0, of_this.1);
        made += of_this.0;
        accepted += of_this.1;
    }
    println!("seed {}: {made} variants of files, {accepted} accepted, each with what was signed", amount.seed);
    assert!(made > 2_500 || amount.of_each_kind < 16);
}
