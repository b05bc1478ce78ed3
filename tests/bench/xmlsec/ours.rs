//! This library's side: what `coconnect xmlsec verify` and `coconnect xmlsec sign --template` do with a file.

use coconnect::xml::{self, Options};
use coconnect::xmlsec::dsig::token::DocumentTokens;
use coconnect::xmlsec::dsig::{Context, IdAttributes, IdIndex, KeySource, UrlMap, template, verify};

use crate::material::Case;

/// From the octets to the verdict.
pub fn verify(case: &Case) {
    assert!(is_valid(case, case.signed.clone()), "our own signature does not hold");
}

/// Whether every signature of `octets` holds under the key of `case` and the document element is covered, or the Body of
/// a message.
pub fn is_valid(case: &Case, octets: Vec<u8>) -> bool {
    let document = xml::parse(octets, &Options::default()).unwrap();
    let ids = IdIndex::build(&document, &IdAttributes::usual());
    let urls = UrlMap::new();
    let tokens = DocumentTokens { known: case.known.clone() };
    let context = Context { document: &document, ids: &ids, policy: &case.policy, urls: &urls, tokens: Some(&tokens) };
    let source = KeySource { ring: &case.ring, trust: None, known: &[] };
    let must_be_covered = case.document.must_be_covered(&document);
    let signatures = verify::outermost_signatures(&document);
    !signatures.is_empty()
        && signatures.into_iter().all(|node| {
            let judged = verify::verify(&context, node, &source, verify::Steps::UntilInvalid);
            judged.is_valid() && judged.covers(&document, must_be_covered)
        })
}

/// From the octets of the template to those of the signed document.
pub fn sign(case: &Case) -> Vec<u8> {
    fill(case.template.clone(), &case.signer, case)
}

/// Fills the template that `octets` hold.
pub fn fill(octets: Vec<u8>, signer: &coconnect::xmlsec::SigningKey, case: &Case) -> Vec<u8> {
    let mut document = xml::parse(octets, &Options::default()).unwrap();
    let node = *verify::outermost_signatures(&document).first().unwrap();
    let urls = UrlMap::new();
    let ids = IdAttributes::usual();
    let settings = template::Settings { policy: &case.policy, urls: &urls, ids: &ids };
    let signer = template::Signer { key: signer, name: None, certificates: &[] };
    template::fill(&mut document, node, &signer, &settings).unwrap();
    document.to_octets()
}
