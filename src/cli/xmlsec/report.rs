//! What `xmlsec verify` says: one line for each signature, or every step as JSON.

use serde_json::{Value, json};

use crate::cli::out;
use crate::xml::c14n::NodeSet;
use crate::xml::{Document, NodeId};
pub(super) use crate::xmlsec::dsig::explain::path;
use crate::xmlsec::dsig::trust::rfc4514;
use crate::xmlsec::dsig::verify::{Judged, JudgedReference, Verdict};
use crate::xmlsec::dsig::{Digested, Error, Transform};
use crate::xmlsec::policy::Refused;
use crate::xmlsec::read::encode_base64;

/// One line for people.
pub(super) fn line(document: &Document, judged: &Judged) -> String {
    let at = document.position(judged.node);
    let verdict = verdict_word(&judged.verdict);
    let Some(signature) = &judged.signature else { return format!("signature at {at}: {verdict}") };
    let method = signature.signature_method().name();
    let references = signature.references().len();
    let key = judged.key_found_by.map(|by| format!(", key by {by}")).unwrap_or_default();
    format!("signature at {at}: {verdict}: {method}, references {references}{key}")
}

fn verdict_word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Valid => "valid",
        Verdict::Invalid(_) => "invalid",
        Verdict::Failed(_) => "refused",
    }
}

/// What to do about it.
pub(super) fn hint(verdict: &Verdict) -> Option<&'static str> {
    let Verdict::Failed(error) = verdict else { return None };
    Some(match error {
        Error::Refused {
            refused: Refused::Algorithm { .. } | Refused::KeySize { .. } | Refused::Parameter { .. },
            ..
        } => "--allow-legacy allows every algorithm that is implemented, for old files only",
        Error::NoKey { .. } => {
            "give the signer's key with --key, its issuer with --trusted, or name a form with --key-info"
        }
        Error::Id { .. } => "name further id attributes with --id-attr",
        Error::External { .. } => "answer the URI with a file: --url-map URI=FILE",
        Error::Reference { source, .. } => match **source {
            Error::Id { .. } => "name further id attributes with --id-attr",
            Error::External { .. } => "answer the URI with a file: --url-map URI=FILE",
            Error::Xml(_) => "--allow-dtd reads an internal DTD subset of files on the command line",
            _ => return None,
        },
        _ => return None,
    })
}

/// Every step.
pub(super) fn json(document: &Document, judged: &[Judged], bare: &[NodeId], valid: bool) -> Value {
    let signatures: Vec<Value> = judged.iter().map(|one| signature(document, one)).collect();
    let bare: Vec<String> = bare.iter().map(|node| path(document, *node)).collect();
    json!({ "valid": valid, "signatures": signatures, "not_covered": bare })
}

fn signature(document: &Document, judged: &Judged) -> Value {
    let mut value = json!({
        "node": path(document, judged.node),
        "at": document.position(judged.node).to_string(),
        "verdict": verdict_word(&judged.verdict),
    });
    match &judged.verdict {
        Verdict::Valid => {}
        Verdict::Invalid(invalid) => value["reason"] = json!(invalid.to_string()),
        Verdict::Failed(error) => value["reason"] = json!(out::chain(error)),
    }
    if let Some(signature) = &judged.signature {
        value["canonicalization"] = json!(signature.canonicalization().c14n.uri());
        value["signature_method"] = json!(signature.signature_method().uri());
        value["signature_value"] = json!(match judged.value {
            Some(true) => "valid",
            Some(false) => "invalid",
            None => "not checked",
        });
    }
    if let Some(by) = judged.key_found_by {
        value["key_found_by"] = json!(by);
    }
    if let Some(certificate) = &judged.certificate {
        value["certificate"] = json!(rfc4514(certificate.subject_name()));
    }
    value["references"] = judged.references.iter().map(|one| reference(document, one)).collect();
    if !judged.manifests.is_empty() {
        value["manifest_references"] = judged.manifests.iter().map(|one| reference(document, one)).collect();
    }
    value
}

fn reference(document: &Document, judged: &JudgedReference) -> Value {
    let reference = &judged.reference;
    let transforms: Vec<&str> = reference.transforms().iter().map(Transform::uri).collect();
    let mut value = json!({
        "index": reference.index(),
        "uri": reference.uri(),
        "type": reference.type_uri(),
        "node": Value::Null,
        "transforms": transforms,
        "digest_method": reference.digest_method().uri(),
        "expected": encode_base64(reference.expected()),
        "computed": Value::Null,
    });
    match &judged.outcome {
        None => value["verdict"] = json!("not checked"),
        Some(Err(error)) => {
            value["verdict"] = json!("refused");
            value["reason"] = json!(out::chain(error));
        }
        Some(Ok(digested)) => {
            value["node"] = json!(resolved(document, digested));
            value["computed"] = json!(encode_base64(&digested.computed));
            value["octets"] = json!(digested.size);
            value["verdict"] = json!(if digested.matches { "valid" } else { "invalid" });
        }
    }
    value
}

fn resolved(document: &Document, digested: &Digested) -> Option<String> {
    let node = match (&digested.target, &digested.covered) {
        (Some(node), _) => *node,
        (None, Some(NodeSet::Subtree { root, .. })) => *root,
        _ => return None,
    };
    Some(path(document, node))
}
