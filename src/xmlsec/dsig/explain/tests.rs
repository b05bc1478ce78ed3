//! For each deviation a message that has exactly that fault; and messages whose text was changed, which name none.

use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};

use super::*;
use crate::xml;
use crate::xml::c14n::{self, Method, NodeSet, Settings};
use crate::xmlsec::Policy;
use crate::xmlsec::dsig::token::DocumentTokens;
use crate::xmlsec::dsig::{IdAttributes, IdIndex, UrlMap, verify};
use crate::xmlsec::key::VerifyingKey;
use crate::xmlsec::read::encode_base64;

const EXCLUSIVE: &str = r#"<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>"#;
const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";

/// A message: a Signature with one Reference, and a body, in an envelope that declares more than the body uses.
struct Case {
    uri: &'static str,
    transforms: &'static str,
    digest_method: &'static str,
    body: String,
    /// Whether the Signature stands inside of the body.
    enveloped: bool,
}

const BODY: &str = concat!(
    r#"<s:Body wsu:Id="B"><m:Doc xmlns:m="urn:m" xmlns:x="urn:x"><m:ID>1 &lt; 2</m:ID>"#,
    r#"<m:Party xmlns:y="urn:y" wsu:Id="P"><y:Name>A</y:Name><y:None></y:None></m:Party></m:Doc></s:Body>"#
);

impl Default for Case {
    fn default() -> Self {
        Self { uri: "#B", transforms: EXCLUSIVE, digest_method: SHA256, body: BODY.to_owned(), enveloped: false }
    }
}

impl Case {
    fn text(&self, digest_value: &[u8]) -> String {
        let signature = format!(
            concat!(
                r#"<ds:Signature><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>"#,
                r#"<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>"#,
                r#"<ds:Reference URI="{}"><ds:Transforms>{}</ds:Transforms><ds:DigestMethod Algorithm="{}"/>"#,
                "<ds:DigestValue>{}</ds:DigestValue></ds:Reference></ds:SignedInfo><ds:SignatureValue>AAAA</ds:SignatureValue></ds:Signature>"
            ),
            self.uri,
            self.transforms,
            self.digest_method,
            encode_base64(digest_value)
        );
        let (header, body) = if self.enveloped {
            (String::new(), self.body.replacen("</m:Doc>", &format!("{signature}</m:Doc>"), 1))
        } else {
            (signature, self.body.clone())
        };
        format!(
            concat!(
                r#"<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:wsu="{}" xmlns:ds="{}" xmlns:more="urn:more">"#,
                "<s:Header>{}</s:Header>{}</s:Envelope>"
            ),
            ns::WSU,
            ns::DS,
            header,
            body
        )
    }

    fn explain(&self, digest_value: &[u8]) -> ExplainedReference {
        explain_text(self.text(digest_value))
    }

    /// Explains the message whose digest is SHA-256 over `octets`.
    fn with_octets(&self, octets: &[u8]) -> ExplainedReference {
        let explained = self.explain(&openssl::sha::sha256(octets));
        assert_eq!(explained.standing, Standing::Differs);
        for deviation in &explained.fitting {
            assert_eq!(deviation.octets, octets, "{deviation}");
        }
        explained
    }

    /// Canonical octets of the element with this Id, as a signer in the same document would make them.
    fn form(&self, id: &str, method: Method, with_comments: bool, prefixes: &[&str]) -> Vec<u8> {
        let document = xml::parse(self.text(&[0; 32]).into_bytes(), &xml::Options::default()).unwrap();
        let ids = IdIndex::build(&document, &IdAttributes::usual());
        let root = ids.get(&document, id).unwrap();
        let mut out = Vec::new();
        let nodes = NodeSet::subtree(root);
        c14n::canonicalize(&document, &nodes, &Settings { method, with_comments, prefixes }, &mut out).unwrap();
        out
    }

    fn exclusive(&self) -> Vec<u8> {
        self.form("B", Method::Exclusive, false, &[])
    }
}

fn explain_text(text: String) -> ExplainedReference {
    let document = xml::parse(text.into_bytes(), &xml::Options::default()).unwrap();
    let policy = Policy::legacy();
    let ids = IdIndex::build(&document, &IdAttributes::usual());
    let (urls, tokens) = (UrlMap::new(), DocumentTokens::default());
    let context = Context { document: &document, ids: &ids, policy: &policy, urls: &urls, tokens: Some(&tokens) };
    let node = verify::outermost_signatures(&document)[0];
    let signature = Signature::parse(&document, node, &policy).unwrap();
    reference(&context, &signature, 0, None, Search::Everything).unwrap()
}

fn codes(explained: &ExplainedReference) -> Vec<&'static str> {
    explained.fitting.first().map(|one| one.changes.iter().map(Change::code).collect()).unwrap_or_default()
}

fn string(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).unwrap()
}

#[test]
fn what_holds_is_told_to_hold() {
    let case = Case::default();
    let explained = case.explain(&openssl::sha::sha256(&case.exclusive()));
    assert_eq!(explained.standing, Standing::Holds);
    assert_eq!(explained.octets, case.exclusive());
    assert_eq!(explained.node.as_deref(), Some("/s:Envelope/s:Body"));
    assert!(explained.fitting.is_empty());
}

#[test]
fn names_another_canonicalization() {
    let case = Case { body: BODY.replace("<m:ID>", "<!--c--><m:ID>"), ..Case::default() };
    for (method, with_comments, name) in [
        (Method::Inclusive10, false, "inclusive C14N 1.0 was used, not exclusive C14N as stated"),
        (Method::Inclusive10, true, "inclusive C14N 1.0 with comments was used, not exclusive C14N as stated"),
        (Method::Exclusive, true, "exclusive C14N with comments was used, not exclusive C14N as stated"),
    ] {
        let explained = case.with_octets(&case.form("B", method, with_comments, &[]));
        assert_eq!(explained.fitting[0].to_string(), name);
    }
    // 1.0 and 1.1 come to the same here: both are named.
    let explained = case.with_octets(&case.form("B", Method::Inclusive11, false, &[]));
    assert_eq!(explained.fitting.len(), 2);
    // They differ in xml:id and xml:base of elements above.
    let inherits = Case { body: BODY.replace("<s:Body ", "<s:Body xml:id=\"q\" "), uri: "#P", ..Case::default() };
    let explained = inherits.with_octets(&inherits.form("P", Method::Inclusive11, false, &[]));
    assert_eq!(explained.fitting.len(), 1);
    assert!(explained.fitting[0].to_string().starts_with("inclusive C14N 1.1 was"), "{}", explained.fitting[0]);
}

#[test]
fn names_a_missing_and_a_further_prefix_list() {
    let case = Case::default();
    let explained = case.with_octets(&case.form("B", Method::Exclusive, false, &["more"]));
    assert_eq!(explained.fitting[0].to_string(), "PrefixList was \"more\", not empty as stated");
    let stated = concat!(
        r#"<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#">"#,
        r#"<ec:InclusiveNamespaces xmlns:ec="http://www.w3.org/2001/10/xml-exc-c14n#" PrefixList="more x"/></ds:Transform>"#
    );
    let case = Case { transforms: stated, ..Case::default() };
    let explained = case.with_octets(&case.exclusive());
    assert_eq!(explained.fitting[0].to_string(), "PrefixList was empty, not \"more x\" as stated");
    let explained = case.with_octets(&case.form("B", Method::Exclusive, false, &["x"]));
    assert_eq!(explained.fitting[0].to_string(), "PrefixList was \"x\", not \"more x\" as stated");
}

#[test]
fn names_line_ends() {
    let case = Case { body: BODY.replace("1 &lt; 2", "1\n2"), ..Case::default() };
    let octets = string(&case.exclusive());
    assert_eq!(codes(&case.with_octets(octets.replace('\n', "\r\n").as_bytes())), ["line-ends"]);
    assert_eq!(codes(&case.with_octets(octets.replace('\n', "&#xD;\n").as_bytes())), ["line-ends"]);
    let kept = Case { body: BODY.replace("1 &lt; 2", "1&#xD;\n2"), ..Case::default() };
    let explained = kept.with_octets(octets.as_bytes());
    assert_eq!(explained.fitting[0].to_string(), "CRs (&#xD;) were added after signing");
    let inclusive = string(&case.form("B", Method::Inclusive10, false, &[]));
    let explained = case.with_octets(inclusive.replace('\n', "\r\n").as_bytes());
    assert_eq!(codes(&explained), ["canonicalization", "line-ends"]);
}

#[test]
fn names_white_space_that_came_or_went() {
    let signed = Case::default();
    let printed = Case { body: string(&text::pretty(BODY.as_bytes(), "  ", 1, "\n").unwrap()), ..Case::default() };
    assert_eq!(codes(&printed.with_octets(&signed.exclusive())), ["whitespace-added"]);
    let explained = signed.with_octets(&printed.exclusive());
    assert_eq!(
        explained.fitting[0].to_string(),
        "white space between tags (line ends and an indent of 2) was removed after signing"
    );
    let tabs = text::pretty(&signed.exclusive(), "\t", 0, "\n").unwrap();
    assert_eq!(codes(&signed.with_octets(&tabs)), ["whitespace-removed"]);
    let crlf = text::pretty(&signed.exclusive(), "    ", 0, "\r\n").unwrap();
    assert_eq!(codes(&signed.with_octets(&crlf)), ["whitespace-removed", "line-ends"]);
    let padded = Case { body: BODY.replace("1 &lt; 2", "\n 1 &lt; 2 "), ..Case::default() };
    assert_eq!(codes(&padded.with_octets(&signed.exclusive())), ["text-padded"]);
}

#[test]
fn names_what_was_never_canonical() {
    let case = Case { body: BODY.replace("<y:None></y:None>", "<y:None/>"), ..Case::default() };
    assert_eq!(codes(&case.with_octets(case.body.as_bytes())), ["not-canonical"]);
    let empty = string(&case.exclusive()).replace("></y:None>", "/>");
    assert_eq!(codes(&case.with_octets(empty.as_bytes())), ["empty-tags"]);
}

#[test]
fn names_declarations_that_stood_elsewhere() {
    let inclusive = r#"<ds:Transform Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"/>"#;
    let case = Case { transforms: inclusive, ..Case::default() };
    // Signed alone, then put into the envelope: what the envelope declares beside was not there.
    let alone = BODY.replace(
        "<s:Body ",
        &format!(r#"<s:Body xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:wsu="{}" "#, ns::WSU),
    );
    let explained = case.with_octets(alone.as_bytes());
    assert_eq!(codes(&explained), ["declarations-above"]);
    // Signed before a serializer moved every declaration to the place of its use.
    let lifted =
        BODY.replace(" xmlns:m=\"urn:m\"", "").replace(" xmlns:x=\"urn:x\"", "").replace(" xmlns:y=\"urn:y\"", "");
    let lifted = lifted.replace(
        "<s:Body ",
        &format!(
            r#"<s:Body xmlns:ds="{}" xmlns:m="urn:m" xmlns:more="urn:more" xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:wsu="{}" xmlns:x="urn:x" xmlns:y="urn:y" "#,
            ns::DS,
            ns::WSU
        ),
    );
    assert_eq!(codes(&case.with_octets(lifted.as_bytes())), ["declarations-lifted"]);
}

#[test]
fn names_the_element_that_was_signed_instead() {
    let case = Case::default();
    let explained = case.with_octets(&case.form("P", Method::Exclusive, false, &[]));
    assert_eq!(
        explained.fitting[0].to_string(),
        "the element /s:Envelope/s:Body/m:Doc/m:Party (Id \"P\") was signed instead"
    );
    // An Id that leads nowhere: nothing could be computed, and the element is found all the same.
    let nowhere = Case { uri: "#P", body: BODY.replace("wsu:Id=\"P\"", "wsu:Id=\"P2\""), ..Case::default() };
    let explained = nowhere.explain(&openssl::sha::sha256(&nowhere.form("P2", Method::Exclusive, false, &[])));
    assert!(matches!(explained.standing, Standing::NotComputed(_)));
    assert_eq!(codes(&explained), ["element"]);
}

#[test]
fn names_an_id_that_was_added_later() {
    let case = Case::default();
    let before = string(&case.exclusive()).replace(&format!(" xmlns:wsu=\"{}\" wsu:Id=\"B\"", ns::WSU), "");
    let before = before.replacen("<m:Party ", &format!("<m:Party xmlns:wsu=\"{}\" ", ns::WSU), 1);
    assert_eq!(codes(&case.with_octets(before.as_bytes())), ["id-added"]);
}

#[test]
fn names_another_digest_and_another_writing_of_it() {
    let case = Case::default();
    let octets = case.exclusive();
    let explained = case.explain(&openssl::sha::sha1(&octets));
    assert_eq!(explained.fitting[0].to_string(), "sha1 was used, not sha256 as stated");
    let explained = case.explain(&openssl::sha::sha512(&case.form("B", Method::Inclusive10, false, &[])));
    assert_eq!(codes(&explained), ["canonicalization", "digest"]);
    let hexadecimal: String = openssl::sha::sha256(&octets).iter().map(|octet| format!("{octet:02X}")).collect();
    assert_eq!(codes(&case.explain(hexadecimal.as_bytes())), ["hexadecimal"]);
}

#[test]
fn names_a_signature_that_was_left_out_without_saying_so() {
    let left_out = Case { enveloped: true, ..Case::default() };
    let explained = left_out.with_octets(&Case::default().exclusive());
    assert_eq!(codes(&explained), ["signature-left-out"]);
}

#[test]
fn names_a_signature_that_was_left_in() {
    let transforms = concat!(
        r#"<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>"#,
        r#"<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>"#
    );
    let case = Case { transforms, enveloped: true, ..Case::default() };
    // The digest was made over the template, its values still empty.
    let template = string(&case.exclusive()).replace(&format!(">{}<", encode_base64(&[0; 32])), "><");
    let template = template.replace(">AAAA<", "><");
    assert!(template.contains("<ds:DigestValue></ds:DigestValue>"));
    assert_eq!(codes(&case.with_octets(template.as_bytes())), ["signature-left-in"]);
}

#[test]
fn names_nothing_when_the_text_was_changed() {
    let signed = Case::default();
    for (from, to) in [("1 &lt; 2", "1 &lt; 3"), ("y:Name>A", "y:Name>B"), ("urn:x", "urn:z"), ("m:ID>", "m:Id>")] {
        let changed = Case { body: BODY.replace(from, to), ..Case::default() };
        let explained = changed.explain(&openssl::sha::sha256(&signed.form("B", Method::Inclusive10, false, &[])));
        assert_eq!(explained.standing, Standing::Differs, "{from}");
        assert_eq!(explained.fitting, [], "{from}");
        assert!(!explained.exhausted);
    }
}

#[test]
fn the_search_ends_at_its_bound_and_says_so() {
    // 24 prefixes and a long text: more forms than the bound has octets for.
    let declarations: String = (0..30).map(|n| format!(" xmlns:p{n}=\"urn:{n}\"")).collect();
    let long = "x".repeat(3_000_000);
    let case = Case {
        body: format!(r#"<s:Body wsu:Id="B"><m:Doc xmlns:m="urn:m"{declarations}>{long}</m:Doc></s:Body>"#),
        ..Case::default()
    };
    let explained = case.explain(&[7; 32]);
    assert!(explained.exhausted);
    assert_eq!(explained.fitting, []);
}

mod values {
    use super::*;
    use openssl::ecdsa::EcdsaSig;

    fn explained(text: &str, key: &PKey<Private>, others: &[Suspect]) -> ExplainedValue {
        let document = xml::parse(text.as_bytes().to_vec(), &xml::Options::default()).unwrap();
        let mut policy = Policy::legacy();
        policy.allow_der_ecdsa = false;
        let ids = IdIndex::build(&document, &IdAttributes::usual());
        let urls = UrlMap::new();
        let context = Context { document: &document, ids: &ids, policy: &policy, urls: &urls, tokens: None };
        let node = verify::outermost_signatures(&document)[0];
        let signature = Signature::parse(&document, node, &policy).unwrap();
        value(&context, &signature, Some(&suspect("named", key)), others, Search::Everything)
    }

    fn suspect(name: &str, key: &PKey<Private>) -> Suspect {
        let public = PKey::public_key_from_der(&key.public_key_to_der().unwrap()).unwrap();
        Suspect { name: name.to_owned(), key: VerifyingKey::from_public(public) }
    }

    fn rsa() -> PKey<Private> {
        PKey::from_rsa(openssl::rsa::Rsa::generate(2048).unwrap()).unwrap()
    }

    fn p256() -> PKey<Private> {
        let group = openssl::ec::EcGroup::from_curve_name(openssl::nid::Nid::X9_62_PRIME256V1).unwrap();
        PKey::from_ec_key(openssl::ec::EcKey::generate(&group).unwrap()).unwrap()
    }

    /// A message with `value` in the place of its SignatureValue, under `method`.
    fn message(method: &str, value: &[u8]) -> String {
        let text = Case::default().text(&[1; 32]);
        let text = text.replace("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", method);
        text.replace(">AAAA<", &format!(">{}<", encode_base64(value)))
    }

    fn signed_info(method: &str, c14n: Method) -> Vec<u8> {
        let document = xml::parse(message(method, b"x").into_bytes(), &xml::Options::default()).unwrap();
        let node = document.descendants(document.root()).find(|n| document.is(*n, ns::DS, "SignedInfo")).unwrap();
        let mut out = Vec::new();
        let settings = Settings { method: c14n, with_comments: false, prefixes: &[] };
        c14n::canonicalize(&document, &NodeSet::subtree(node), &settings, &mut out).unwrap();
        out
    }

    fn sign(key: &PKey<Private>, digest: MessageDigest, octets: &[u8]) -> Vec<u8> {
        let mut signer = openssl::sign::Signer::new(digest, key).unwrap();
        signer.sign_oneshot_to_vec(octets).unwrap()
    }

    const RSA: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
    const EC: &str = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256";

    fn codes(explained: &ExplainedValue) -> Vec<&'static str> {
        explained.fitting.first().map(|one| one.changes.iter().map(Change::code).collect()).unwrap_or_default()
    }

    #[test]
    fn a_value_that_holds_is_told_to_hold() {
        let key = rsa();
        let value = sign(&key, MessageDigest::sha256(), &signed_info(RSA, Method::Exclusive));
        let explained = explained(&message(RSA, &value), &key, &[]);
        assert_eq!(explained.holds, Some(true));
        assert_eq!(explained.fitting, []);
    }

    #[test]
    fn names_another_form_of_signed_info() {
        let key = rsa();
        let value = sign(&key, MessageDigest::sha256(), &signed_info(RSA, Method::Inclusive10));
        let explained = explained(&message(RSA, &value), &key, &[]);
        assert_eq!(explained.holds, Some(false));
        assert_eq!(codes(&explained), ["canonicalization"]);
        // The key opens the value: it is the form that is wrong.
        let signed = explained.signed.unwrap();
        assert_eq!(signed.name, "named");
        assert_eq!(signed.value, openssl::sha::sha256(&signed_info(RSA, Method::Inclusive10)));
        assert_ne!(Some(signed.value), explained.computed);
    }

    #[test]
    fn names_the_certificate_that_signed() {
        let (key, other) = (rsa(), rsa());
        let value = sign(&other, MessageDigest::sha256(), &signed_info(RSA, Method::Exclusive));
        let explained = explained(&message(RSA, &value), &key, &[suspect("the other", &other)]);
        assert_eq!(explained.fitting[0].to_string(), "the key of the other signed, not the one that is named");
        assert_eq!(explained.signed.unwrap().name, "the other");
    }

    #[test]
    fn names_other_encodings_of_the_value() {
        let key = p256();
        let der = sign(&key, MessageDigest::sha256(), &signed_info(EC, Method::Exclusive));
        assert!(EcdsaSig::from_der(&der).is_ok());
        assert_eq!(codes(&explained(&message(EC, &der), &key, &[])), ["der"]);
        let key = rsa();
        let mut value = sign(&key, MessageDigest::sha256(), &signed_info(RSA, Method::Exclusive));
        value.reverse();
        assert_eq!(codes(&explained(&message(RSA, &value), &key, &[])), ["reversed"]);
    }

    #[test]
    fn names_another_method() {
        let key = rsa();
        let value = sign(&key, MessageDigest::sha1(), &signed_info(RSA, Method::Exclusive));
        let explained = explained(&message(RSA, &value), &key, &[]);
        assert_eq!(explained.fitting[0].to_string(), "rsa-sha1 was used, not rsa-sha256 as stated");
    }

    #[test]
    fn names_nothing_when_signed_info_was_changed() {
        let key = rsa();
        let value = sign(&key, MessageDigest::sha256(), &signed_info(RSA, Method::Exclusive));
        let changed = message(RSA, &value).replace("URI=\"#B\"", "URI=\"#P\"");
        let explained = explained(&changed, &key, &[suspect("the other", &rsa())]);
        assert_eq!(explained.holds, Some(false));
        assert_eq!(explained.fitting, []);
        assert!(!explained.exhausted);
        assert!(explained.signed.is_some(), "the key is right all the same");
    }
}
