//! The rows `xml-malformed` and `c14n` of the vectors.

use std::fs;
use std::path::Path;

use coconnect::xml::c14n::{self, Method, NodeSet, Settings};
use coconnect::xml::xpath::{Environment, Expression};
use coconnect::xml::{Dtd, Error, Options, parse};

use crate::vectors::{Row, Score, root, rows};

fn with_dtd() -> Options {
    Options { dtd: Dtd::Internal, ..Options::default() }
}

/// A parser that takes what is malformed, or refuses what is not, breaks everything above it.
#[test]
fn xml_malformed() {
    let Some(root) = root() else { return };
    let mut score = Score::new("xml-malformed");
    for row in rows(&root, "xml-malformed") {
        let octets = fs::read(root.join(&row.path)).unwrap();
        let read = parse(octets.clone(), &with_dtd());
        let got = if read.is_ok() { "valid" } else { "reject" };
        let detail = read.as_ref().err().map(ToString::to_string).unwrap_or_default();
        score.add(&row.path, &row.expected, got, &detail);
        if let Ok(document) = &read
            && document.octets().windows(9).any(|w| w == b"<!DOCTYPE")
        {
            let strict = parse(octets, &Options::default());
            assert!(matches!(strict, Err(Error::DtdRefused { .. })), "{}: {strict:?}", row.path);
        }
    }
    score.finish();
}

/// Octets are compared: one that differs is a signature that does not verify.
#[test]
fn canonical_forms() {
    let Some(root) = root() else { return };
    let mut score = Score::new("c14n");
    for row in rows(&root, "c14n") {
        let (expected, wanted) = match row.expected.split_once(':') {
            Some((kind, file)) => (kind, Some(fs::read(root.join(file)).unwrap())),
            None => (row.expected.as_str(), None),
        };
        let case = format!("{} {}", row.path, row.algorithms);
        match canonical_form(&root, &row) {
            Ok(form) if wanted.as_ref().is_none_or(|wanted| *wanted == form) => {
                score.add(&case, expected, expected, "")
            }
            Ok(form) => {
                let wanted = String::from_utf8_lossy(wanted.as_deref().unwrap_or_default()).into_owned();
                let detail = format!("\n--- expected\n{wanted}\n--- got\n{}\n---", String::from_utf8_lossy(&form));
                score.add(&case, expected, "differs", &detail);
            }
            Err(what) => score.add(&case, expected, "error", &what),
        }
    }
    score.finish();
}

fn canonical_form(root: &Path, row: &Row) -> Result<Vec<u8>, String> {
    let file = root.join(&row.path);
    let document = parse(fs::read(&file).unwrap(), &with_dtd()).map_err(|e| e.to_string())?;
    let (uri, with_comments) = match row.algorithms.strip_suffix("WithComments") {
        Some(uri) => (uri.trim_end_matches('#'), true),
        None => (row.algorithms.trim_end_matches('#'), false),
    };
    let method = match uri {
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315" => Method::Inclusive10,
        "http://www.w3.org/2006/12/xml-c14n11" => Method::Inclusive11,
        "http://www.w3.org/2001/10/xml-exc-c14n" => Method::Exclusive,
        other => return Err(format!("method {other}")),
    };
    let prefixes = fs::read_to_string(file.with_extension("ns")).unwrap_or_default();
    let prefixes: Vec<&str> =
        prefixes.split_whitespace().map(|prefix| if prefix == "#default" { "" } else { prefix }).collect();
    let nodes = if file.with_extension("xpath").is_file() {
        node_set(&document, &fs::read(file.with_extension("xpath")).unwrap())?
    } else if row.note.contains("37_subset.xpath") {
        let text = fs::read_to_string(file.with_file_name("37_subset.xpath")).unwrap();
        let expression = text.split_once("-->").map_or(text.as_str(), |(_, rest)| rest);
        select(&document, expression, &[("ietf".to_owned(), "http://www.ietf.org".to_owned())])?
    } else {
        NodeSet::document(&document)
    };
    let mut form = Vec::new();
    let settings = Settings { method, with_comments, prefixes: &prefixes };
    c14n::canonicalize(&document, &nodes, &settings, &mut form).map_err(|e| e.to_string())?;
    Ok(form)
}

/// The node-set of an `.xpath` file: an element whose text is the expression, in its namespaces.
fn node_set(document: &coconnect::xml::Document, file: &[u8]) -> Result<NodeSet, String> {
    let file = parse(file.to_vec(), &with_dtd()).map_err(|e| e.to_string())?;
    let element = file.document_element();
    let namespaces: Vec<(String, String)> = file
        .namespaces_in_scope(element)
        .into_iter()
        .map(|(prefix, uri)| (prefix.to_owned(), uri.to_owned()))
        .collect();
    select(document, &file.text_content(element), &namespaces)
}

fn select(
    document: &coconnect::xml::Document,
    expression: &str,
    namespaces: &[(String, String)],
) -> Result<NodeSet, String> {
    let expression = Expression::parse(expression).map_err(|e| e.to_string())?;
    let environment = Environment { namespaces, ..Environment::default() };
    let items = expression.select(document, &environment).map_err(|e| e.to_string())?;
    Ok(NodeSet::Explicit(items.into_iter().collect()))
}
