//! Every bound of what a document may ask for: refused before its cost is paid, accepted right at it.

use std::fmt::Write as _;

use coconnect::base::limits;
use coconnect::xml::c14n::{self, Method, NodeSet, Settings};
use coconnect::xml::xpath::{Environment, Expression, Item};
use coconnect::xml::{self, Document, Options};
use coconnect::xmlsec::dsig::verify::{Judged, Steps};
use coconnect::xmlsec::dsig::{KeyInfo, Signature};
use coconnect::xmlsec::{Policy, enc};
use openssl::bn::BigNum;
use openssl::pkey::{PKey, Public};
use openssl::rsa::Rsa;

use super::{DS, EXCLUSIVE, XENC, chain, closed, decrypt, is_limit, judge, read, reference, sign, signature};

const XENC11: &str = "http://www.w3.org/2009/xmlenc11#";

fn parsed(text: String, options: &Options) -> Result<Document, xml::Error> {
    xml::parse(text.into_bytes(), options)
}

/// `at` is accepted, `above` refused by a bound.
fn twin(what: &str, at: String, above: String, options: &Options) {
    parsed(at, options).unwrap_or_else(|error| panic!("{what}: {error}"));
    let error = parsed(above, options).map(drop);
    assert!(matches!(error, Err(xml::Error::Limit { .. })), "{what}: {error:?}");
}

#[test]
fn octets_depth_nodes_and_attributes_of_a_document_are_bounded() {
    let usual = Options::default();
    let deep = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    twin("depth", deep(limits::DEPTH_MAX), deep(limits::DEPTH_MAX + 1), &usual);
    let attributes = |count: usize| {
        let mut tag = "<a".to_owned();
        for number in 0..count {
            let _ = write!(tag, " a{number}=\"\"");
        }
        tag + "/>"
    };
    let most = limits::ATTRIBUTES_PER_ELEMENT_MAX;
    twin("attributes", attributes(most), attributes(most + 1), &usual);
    // The document node counts too.
    let few = Options { nodes_max: 100, ..usual.clone() };
    twin("nodes", format!("<r>{}</r>", "<a/>".repeat(98)), format!("<r>{}</r>", "<a/>".repeat(99)), &few);
    let small = Options { bytes_max: 100, ..usual.clone() };
    twin("octets", format!("<a>{}</a>", "x".repeat(93)), format!("<a>{}</a>", "x".repeat(94)), &small);
    let most = limits::MESSAGE_BYTES_MAX;
    twin("octets", format!("<a>{}</a>", "x".repeat(most - 7)), "<".repeat(most + 1), &usual);
}

#[test]
fn namespaces_are_bounded_in_number_scope_and_length() {
    let usual = Options::default();
    let distinct = |count: usize| {
        let mut text = "<r>".to_owned();
        for number in 0..count {
            let _ = write!(text, "<a xmlns=\"urn:{number}\"/>");
        }
        text + "</r>"
    };
    // "", xml and xmlns are known from the start.
    let most = limits::NAMESPACES_MAX - 3;
    twin("distinct", distinct(most), distinct(most + 1), &usual);
    let in_scope = |count: usize| {
        let mut tag = "<r".to_owned();
        for number in 0..count {
            let _ = write!(tag, " xmlns:p{number}=\"urn:u\"");
        }
        tag + "/>"
    };
    let most = limits::NAMESPACES_IN_SCOPE_MAX;
    twin("in scope", in_scope(most), in_scope(most + 1), &usual);
    let uri = |octets: usize| format!("<r xmlns=\"urn:{}\"/>", "x".repeat(octets - 4));
    twin("octets", uri(limits::NAMESPACE_BYTES_MAX), uri(limits::NAMESPACE_BYTES_MAX + 1), &usual);
}

#[test]
fn long_defaults_of_a_dtd_are_charged_wherever_they_are_applied() {
    // Each element would carry megabytes that it does not write.
    let options = Options { dtd: xml::Dtd::Internal, ..Options::default() };
    let text = |default: usize, elements: usize| {
        let default = "d".repeat(default);
        format!("<!DOCTYPE r [<!ATTLIST a b CDATA '{default}'>]><r>{}</r>", "<a/>".repeat(elements))
    };
    let long = 1 << 20;
    twin("long", text(long, 8), text(long, 9), &options);
    parsed(text(limits::DEFAULT_VALUE_BYTES_FREE, 150_000), &options).unwrap();
}

#[test]
fn references_and_transforms_are_bounded() {
    for (policy, references, transforms) in [
        (Policy::serve(), limits::REFERENCES_MAX, limits::TRANSFORMS_MAX),
        (Policy::legacy(), Policy::legacy().references_max, Policy::legacy().transforms_max),
    ] {
        let read_one = |references: &str| {
            let text = signature(references).replace("hmac-sha256", "rsa-sha256");
            let document = read(&text.replace("<ds:DigestValue>", "<ds:DigestValue>AAAA"));
            Signature::parse(&document, document.document_element(), &policy).map(drop)
        };
        let one = reference("#a", EXCLUSIVE);
        assert!(read_one(&one.repeat(references)).is_ok());
        let refused = chain(&read_one(&one.repeat(references + 1)).unwrap_err());
        assert!(refused.contains("References of a signature exceed the limit"), "{refused}");
        let refused = chain(&read_one(&reference("#a", &EXCLUSIVE.repeat(transforms + 1))).unwrap_err());
        assert!(refused.contains("Transforms of a Reference exceed the limit"), "{refused}");
        // `serve` knows no Reference of eight transforms, and says so for another reason.
        match read_one(&reference("#a", &EXCLUSIVE.repeat(transforms))) {
            Ok(()) => {}
            Err(error) => assert!(!chain(&error).contains("exceed the limit"), "{}", chain(&error)),
        }
    }
}

#[test]
fn octets_that_all_references_go_through_are_bounded_together() {
    // Each Reference alone is within every bound.
    let text = "<b>xxxxxxxx</b>".repeat(20_000);
    let signed = |references: usize| {
        let one = reference("#i", EXCLUSIVE);
        format!("<r><a xml:id=\"i\">{text}</a>{}</r>", signature(&one.repeat(references)))
    };
    // Twice the document in and out for each: 24 fit into 64 times the document, 256 do not.
    assert!(judge(&read(&sign(&signed(24))), &Policy::legacy(), Steps::UntilInvalid).iter().all(Judged::is_valid));
    let flood = signed(256).replace("<ds:DigestValue>", "<ds:DigestValue>AAAA");
    let flood = read(&flood.replace("<ds:SignatureValue>", "<ds:SignatureValue>AAAA"));
    let judged = judge(&flood, &Policy::legacy(), Steps::All);
    let refused = judged[0].references.iter().filter(|one| matches!(&one.outcome, Some(Err(_)))).count();
    assert!(refused > 100, "{refused} of 256 References were refused");
}

#[test]
fn comments_count_as_octets_gone_through_although_no_form_holds_them() {
    let comments = "<!--c-->".repeat(40_000);
    let one = reference("#i", &EXCLUSIVE.repeat(2));
    let text = format!("<r><a xml:id=\"i\">{comments}</a>{}</r>", signature(&one.repeat(256)));
    let text = text.replace("<ds:DigestValue>", "<ds:DigestValue>AAAA");
    let document = read(&text.replace("<ds:SignatureValue>", "<ds:SignatureValue>AAAA"));
    let judged = judge(&document, &Policy::legacy(), Steps::All);
    assert!(judged[0].references.iter().any(|one| matches!(&one.outcome, Some(Err(_)))));
}

#[test]
fn canonical_octets_are_bounded() {
    let text = format!("<r><a xml:id=\"i\">x</a>{}</r>", signature(&reference("#i", EXCLUSIVE)));
    let document = read(&sign(&text));
    let longest = |canonical_bytes_max: usize| {
        let mut policy = Policy::legacy();
        policy.canonical_bytes_max = canonical_bytes_max;
        judge(&document, &policy, Steps::UntilInvalid).remove(0)
    };
    let size = (1..2_000).find(|size| longest(*size).is_valid()).unwrap();
    let judged = longest(size - 1);
    assert!(is_limit(&judged, "the canonical form exceeds the limit"), "{:?}", judged.verdict);
    // Of itself: references in text grow fivefold, so 50 MB may exceed the ceiling.
    let document = read(&format!("<r>{}</r>", ">".repeat(limits::MESSAGE_BYTES_MAX - 7)));
    let settings = Settings { method: Method::Exclusive, with_comments: false, prefixes: &[] };
    let mut out = Vec::new();
    let done = c14n::canonicalize(&document, &NodeSet::document(&document), &settings, &mut out);
    assert_eq!(done, Ok(()));
    assert!(out.len() <= limits::CANONICAL_BYTES_MAX);
}

#[test]
fn steps_of_an_expression_are_bounded_and_everything_looked_at_is_a_step() {
    let siblings = format!("<r><s/>{}</r>", "<a/>".repeat(2_000));
    let deep = format!("{}{}{}", "<a b='' c='' d=''>".repeat(200), "<e/>".repeat(500), "</a>".repeat(200));
    let long = format!("<r><t>{}</t>{}</r>", "x".repeat(100_000), "<a/>".repeat(2_000));
    let mut scopes = String::new();
    for level in 0..200 {
        let _ = write!(scopes, "<a xmlns='urn:{level}' xmlns:p='urn:{level}'>");
    }
    let scopes = format!("{scopes}{}{}", "<e/>".repeat(500), "</a>".repeat(200));
    for (text, expression) in [
        // The string-value of elements that hold no text.
        (&siblings, "count(//a[string(..) = 'x'])"),
        // A long string compared with each of many nodes.
        (&long, "count(//a[. = string(/)])"),
        // Attributes of every ancestor.
        (&deep, "count(//*[lang('en')])"),
        // Declarations that others hide.
        (&scopes, "count(//*/namespace::*[false()])"),
    ] {
        let document = read(text);
        let expression = Expression::parse(expression).unwrap();
        let run = |steps_max: u64| {
            let taken = std::cell::Cell::new(0);
            let environment = Environment { steps_max, steps_taken: Some(&taken), ..Environment::default() };
            let value = expression.evaluate(&document, Item::Node(document.root()), &environment);
            (value.map(drop), taken.get())
        };
        let (whole, steps) = run(u64::MAX);
        assert_eq!(whole, Ok(()));
        // Looked at, in a document of a few thousand nodes: far more than its nodes.
        assert!(steps > 20 * document.node_count() as u64 / 3, "{steps} steps, {} nodes", document.node_count());
        assert_eq!(run(steps).0, Ok(()));
        assert!(matches!(run(steps - 1).0, Err(xml::xpath::Error::Limit { .. })));
    }
}

#[test]
fn a_filter_over_many_namespaces_holds_no_list_of_them() {
    // 500 prefixes in scope at 20,000 elements are ten million namespace nodes.
    let mut text = "<r".to_owned();
    for number in 0..500 {
        let _ = write!(text, " xmlns:p{number}=\"urn:{number}\"");
    }
    let document = read(&format!("{text}>{}</r>", "<a/>".repeat(20_000)));
    let expression = Expression::parse("self::r").unwrap();
    let before = super::allocations::octets();
    let filtered = expression.filter(
        &document,
        &NodeSet::document(&document),
        &Environment { steps_max: 100_000, ..Environment::default() },
    );
    assert!(matches!(filtered, Err(xml::xpath::Error::Limit { .. })));
    let set = coconnect::xml::c14n::ExplicitSet::subtree(&document, document.root(), &[], true);
    assert!(set.contains(document.document_element()));
    let octets = super::allocations::octets() - before;
    assert!(octets < 32 << 20, "{octets} octets allocated");
}

#[test]
fn key_info_that_leads_to_key_info_is_followed_to_a_bound() {
    // Nine levels of 32 references each would be 32^8 ways.
    let chain_of = |width: usize| {
        let mut text = format!("<r xmlns:ds=\"{DS}\" xmlns:d=\"http://www.w3.org/2009/xmldsig11#\"><a xml:id=\"i\"/>");
        for level in 0..3 {
            let next = format!("<d:KeyInfoReference URI=\"#k{}\"/>", level + 1).repeat(width);
            let _ = write!(text, "<ds:KeyInfo Id=\"k{level}\">{next}</ds:KeyInfo>");
        }
        text.push_str("<ds:KeyInfo Id=\"k3\"><ds:KeyName>k</ds:KeyName></ds:KeyInfo>");
        let key_info =
            "<ds:KeyInfo><d:KeyInfoReference xmlns:d=\"http://www.w3.org/2009/xmldsig11#\" URI=\"#k0\"/></ds:KeyInfo>";
        let signed = signature(&reference("#i", EXCLUSIVE)).replace("rsa-sha256", "hmac-sha256");
        let signed = signed.replace("</ds:SignatureValue>", &format!("</ds:SignatureValue>{key_info}"));
        text + &signed + "</r>"
    };
    // The key is the caller's as well, so it is found in any case; how often it was looked for is what counts.
    let work = |width: usize| {
        let document = read(&sign(&chain_of(width)));
        let before = super::allocations::octets();
        let judged = judge(&document, &Policy::legacy(), Steps::UntilInvalid);
        assert!(judged[0].is_valid(), "{:?}", judged[0].verdict);
        super::allocations::octets() - before
    };
    let (one, many) = (work(2), work(32));
    assert!(many < one * 400, "{one} octets allocated for 8 ways, {many} for 32,768");
}

fn encrypted_key(inside: &str) -> String {
    format!(
        "<e:EncryptedKey xmlns:e=\"{XENC}\"><e:EncryptionMethod Algorithm=\"{XENC}kw-aes256\"/>\
         <d:KeyInfo xmlns:d=\"{DS}\"><d:KeyName>k</d:KeyName></d:KeyInfo>\
         <e:CipherData><e:CipherValue>AAAA</e:CipherValue></e:CipherData>{inside}</e:EncryptedKey>"
    )
}

fn failure(text: &str, policy: &Policy) -> String {
    match decrypt(&mut read(text), policy) {
        Ok(_) => "opened".to_owned(),
        Err(error) => chain(&error),
    }
}

#[test]
fn encrypted_keys_are_bounded_in_number_and_in_tries() {
    let mut data = Vec::new();
    closed(b"<a/>", &mut data);
    let data = String::from_utf8(data).unwrap();
    // Held, but never tried: the data names another key.
    let held = |count: usize| failure(&format!("<r>{data}{}</r>", encrypted_key("").repeat(count)), &Policy::legacy());
    assert_eq!(held(limits::ENCRYPTED_KEYS_MAX), "opened");
    assert!(held(limits::ENCRYPTED_KEYS_MAX + 1).contains("EncryptedKey elements exceed the limit"));
    // Tried: they carry the name of the key that the data asks for, and none opens.
    let other = data.replacen("KeyName>k<", "KeyName>wanted<", 1);
    let tried = |count: usize| {
        let keys = encrypted_key("<e:CarriedKeyName>wanted</e:CarriedKeyName>").repeat(count);
        failure(&format!("<r>{other}{keys}</r>"), &Policy::legacy())
    };
    let most = Policy::legacy().encrypted_keys_max;
    assert!(!tried(most).contains("exceed the limit"), "{}", tried(most));
    assert!(tried(most + 1).contains("EncryptedKey elements that were tried exceed the limit"));
}

#[test]
fn the_search_for_keys_is_bounded() {
    let mut data = Vec::new();
    closed(b"<a/>", &mut data);
    let data = String::from_utf8(data).unwrap();
    let names = |names: usize, keys: usize| {
        let name = "<ds:KeyName>wanted</ds:KeyName>";
        let asking = data.replacen("<ds:KeyName>k</ds:KeyName>", &name.repeat(names), 1);
        assert_ne!(asking, data);
        let keys = encrypted_key("<e:CarriedKeyName>wanted</e:CarriedKeyName>").repeat(keys);
        failure(&format!("<r>{asking}{keys}</r>"), &Policy::legacy())
    };
    assert!(names(2_000, 2_000).contains("looks for keys exceed the limit"));
    assert!(!names(20, 20).contains("looks for keys"));
}

fn derived(iterations: usize, key_length: &str) -> String {
    format!(
        "<x:DerivedKey xmlns:x=\"{XENC11}\"><x:KeyDerivationMethod Algorithm=\"{XENC11}pbkdf2\"><x:PBKDF2-params>\
         <x:Salt><x:Specified>AAAA</x:Specified></x:Salt><x:IterationCount>{iterations}</x:IterationCount>{key_length}\
         <x:PRF Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#hmac-sha256\"/></x:PBKDF2-params>\
         </x:KeyDerivationMethod></x:DerivedKey>"
    )
}

#[test]
fn iterations_of_pbkdf2_and_what_they_make_are_bounded() {
    let mut policy = Policy::legacy();
    policy.pbkdf2_iterations_max = 100;
    let parse = |text: &str| {
        let document = read(text);
        enc::DerivedKey::parse(&document, document.document_element(), &policy).map(drop).map_err(|e| chain(&e))
    };
    assert_eq!(parse(&derived(100, "")), Ok(()));
    assert!(parse(&derived(101, "")).unwrap_err().contains("IterationCount"));
    let length = |octets: u64| derived(1, &format!("<x:KeyLength>{octets}</x:KeyLength>"));
    assert_eq!(parse(&length(limits::DERIVED_KEY_BYTES_MAX as u64)), Ok(()));
    assert!(parse(&length(limits::DERIVED_KEY_BYTES_MAX as u64 + 1)).unwrap_err().contains("KeyLength"));
    // A length that no machine has: refused, not tried.
    assert!(parse(&length(1 << 50)).unwrap_err().contains("KeyLength"));

    // Several derivations share a budget of four times the most that one may take.
    let mut data = Vec::new();
    closed(b"<a/>", &mut data);
    let data = String::from_utf8(data).unwrap();
    let several = |count: usize| {
        let keys = derived(100, "").repeat(count);
        failure(&format!("<r>{}</r>", data.replacen("<ds:KeyName>k</ds:KeyName>", &keys, 1)), &policy)
    };
    assert!(!several(limits::DERIVATIONS_MAX).contains("iterations"), "{}", several(limits::DERIVATIONS_MAX));
    assert!(several(limits::DERIVATIONS_MAX + 1).contains("iterations of all key derivations exceed the limit"));
}

#[test]
fn labels_of_oaep_are_bounded_and_none_is_taken_in_serve() {
    let key = |octets: usize| {
        let label = coconnect::xmlsec::read::encode_base64(&vec![7; octets]);
        let label = if octets == 0 { String::new() } else { format!("<e:OAEPparams>{label}</e:OAEPparams>") };
        read(&format!(
            "<e:EncryptedKey xmlns:e=\"{XENC}\"><e:EncryptionMethod Algorithm=\"{XENC}rsa-oaep-mgf1p\">{label}\
             </e:EncryptionMethod><e:CipherData><e:CipherValue>AAAA</e:CipherValue></e:CipherData></e:EncryptedKey>"
        ))
    };
    let parse = |octets: usize, policy: &Policy| {
        let document = key(octets);
        enc::EncryptedKey::parse(&document, document.document_element(), policy).map(drop).map_err(|e| chain(&e))
    };
    assert_eq!(parse(limits::OAEP_LABEL_BYTES_MAX, &Policy::default()), Ok(()));
    assert!(parse(limits::OAEP_LABEL_BYTES_MAX + 1, &Policy::default()).unwrap_err().contains("OAEPparams"));
    assert_eq!(parse(0, &Policy::serve()), Ok(()));
    assert!(parse(1, &Policy::serve()).unwrap_err().contains("OAEPparams"));
}

fn rsa(bits: i32) -> PKey<Public> {
    // A modulus of that many bits; nobody needs to know its factors.
    let mut modulus = BigNum::new().unwrap();
    modulus.set_bit(bits - 1).unwrap();
    modulus.set_bit(0).unwrap();
    let exponent = BigNum::from_u32(65_537).unwrap();
    PKey::from_rsa(Rsa::from_public_components(modulus, exponent).unwrap()).unwrap()
}

#[test]
fn sizes_of_keys_are_bounded_below_and_above() {
    for (policy, least, most) in
        [(Policy::serve(), 2048, 8192), (Policy::default(), 2048, 8192), (Policy::legacy(), 512, 16_384)]
    {
        let allowed = |bits: i32| policy.public_key(&rsa(bits)).is_ok();
        assert!(allowed(least) && allowed(most), "{}", policy.profile());
        assert!(!allowed(least - 1) && !allowed(most + 1), "{}", policy.profile());
    }
}

#[test]
fn certificates_of_a_chain_are_bounded() {
    for policy in [Policy::serve(), Policy::default()] {
        let entries = |count: usize| {
            let entries = "<X509Certificate>AAAA</X509Certificate>".repeat(count);
            let document = read(&format!("<KeyInfo xmlns=\"{DS}\"><X509Data>{entries}</X509Data></KeyInfo>"));
            KeyInfo::parse(&document, document.document_element(), &policy).map(drop).map_err(|error| chain(&error))
        };
        assert_eq!(entries(policy.certificates_max), Ok(()));
        assert!(entries(policy.certificates_max + 1).unwrap_err().contains("entries of X509Data exceed the limit"));
    }
}
