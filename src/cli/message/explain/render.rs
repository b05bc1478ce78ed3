//! How an explanation is shown: for people, as JSON, as files.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::record_view;
use crate::cli::out::{self, Failure};
use crate::cli::reach::text;
use crate::soap::wss::explain::{
    CertificateFacts, ExplainedKey, ExplainedSignature, Explanation, Fit, OurKey, Outcome,
};
use crate::xmlsec::dsig::explain::{Change, Deviation, ExplainedReference, ExplainedValue, Standing};
use crate::xmlsec::read::encode_base64;

/// Octets that are shown without `--bytes`.
const SHOWN_MAX: usize = 512;

/// Prints it for people.
pub(super) fn print(what: &str, record: &Value, explanation: &Explanation, whole: bool) {
    if !record.is_null() {
        let reason = text(record, "reason");
        out::line(&format!(
            "{what}: {} {}, the journal says {}{}",
            text(record, "partner"),
            text(record, "time"),
            text(record, "status"),
            if reason.is_empty() { String::new() } else { format!(": {reason}") }
        ));
    }
    match &explanation.refusal {
        None => out::line("judged now: accepted"),
        Some((stage, reason)) => out::line(&format!("judged now: refused at {}: {reason}", stage.as_str())),
    }
    for (number, one) in explanation.signatures.iter().enumerate() {
        signature(number + 1, one, whole);
    }
    if explanation.signatures.is_empty() {
        out::line("no signature in it");
    }
    for (number, one) in explanation.encrypted_keys.iter().enumerate() {
        encrypted_key(number + 1, one, &explanation.ours);
    }
    for (number, one) in explanation.encrypted_data.iter().enumerate() {
        let id = one.id.as_deref().map(|id| format!(" {id:?}")).unwrap_or_default();
        let cipher = one.cipher.as_ref().map_or_else(|why| format!("unreadable: {why}"), |name| (*name).to_owned());
        let opened = one.opened.as_ref().map_or_else(|why| format!("stays closed: {why}"), |()| "opens".to_owned());
        out::line(&format!("encrypted data {}{id} at {}: {cipher}: {opened}", number + 1, one.at));
    }
    if !explanation.encrypted_keys.is_empty() {
        our_keys(&explanation.ours);
    }
}

fn signature(number: usize, one: &ExplainedSignature, whole: bool) {
    out::line(&format!("signature {number} at {}: {}", one.at, one.node));
    out::line(&format!("  names       {}", one.names));
    match &one.signer {
        Some(signer) => out::line(&format!("  signer      {}", facts(signer))),
        None => out::line("  signer      not at hand: give the certificate with --key"),
    }
    if let Some(why) = &one.failure {
        out::line(&format!("  unreadable  {why}"));
    }
    if let Some(explained) = &one.value {
        value(explained, whole);
    }
    for explained in &one.references {
        reference(explained, whole);
    }
}

fn value(one: &ExplainedValue, whole: bool) {
    let verdict = match (one.holds, &one.failure) {
        (Some(true), _) => "holds".to_owned(),
        (_, Some(why)) => format!("not computed: {why}"),
        (Some(false), None) => "does not fit SignedInfo".to_owned(),
        (None, None) => "not checked: the signer's key is not at hand".to_owned(),
    };
    out::line(&format!("  SignatureValue: {verdict}"));
    if one.holds == Some(true) {
        return;
    }
    out::line(&format!("    method    {}", one.method));
    out::line(&format!("    c14n      {}", one.canonicalization));
    if let Some(signed) = &one.signed {
        out::line(&format!("    signed    with the key of {}", signed.name));
        out::line(&format!("    expected  {} {}", signed.digest.name(), encode_base64(&signed.value)));
    }
    if let Some(computed) = &one.computed {
        out::line(&format!("    computed  {}", encode_base64(computed)));
    }
    octets("SignedInfo", &one.octets, whole);
    if one.holds.is_none() && one.fitting.is_empty() {
        out::line("    no key at hand fits: give the signer's certificate with --key to know more");
    } else {
        fitting(&one.fitting, one.exhausted);
    }
}

fn reference(one: &ExplainedReference, whole: bool) {
    let over_ciphertext = one.fitting.first().is_some_and(|first| first.changes == [Change::Ciphertext]);
    let verdict = match &one.standing {
        Standing::Holds => "holds".to_owned(),
        Standing::Differs if over_ciphertext => "holds over ciphertext, not over clear text".to_owned(),
        Standing::Differs => "the digest differs".to_owned(),
        Standing::NotComputed(why) => format!("not computed: {why}"),
    };
    let node = one.node.as_deref().map(|node| format!(" {node}")).unwrap_or_default();
    out::line(&format!("  reference {} {}{node}: {verdict}", one.index, one.uri));
    if one.standing == Standing::Holds && !whole {
        return;
    }
    out::line(&format!("    transforms {}", one.transforms.join(" ")));
    out::line(&format!("    digest    {}", one.digest_method));
    out::line(&format!("    expected  {}", encode_base64(&one.expected)));
    if let Some(computed) = &one.computed {
        out::line(&format!("    computed  {}", encode_base64(computed)));
    }
    octets("octets", &one.octets, whole);
    match (&one.standing, one.is_sealed && one.fitting.is_empty()) {
        (Standing::Holds, _) => {}
        (Standing::NotComputed(_), false) if one.fitting.is_empty() => {}
        (_, true) => out::line("    it holds ciphertext that none of our keys opens: what was signed is not known"),
        (_, false) => fitting(&one.fitting, one.exhausted),
    }
}

fn fitting(all: &[Deviation], exhausted: bool) {
    for (at, deviation) in all.iter().enumerate() {
        out::line(&format!("    {} {deviation}", if at == 0 { "would fit:" } else { "or:       " }));
    }
    if all.is_empty() && exhausted {
        out::line("    nothing that was tried would fit; the search ended at its bound");
    } else if all.is_empty() {
        out::line("    nothing that senders are known to do would fit: the text itself was changed");
    }
}

/// Octets as text, each line indented; what cannot be printed is escaped.
fn octets(name: &str, octets: &[u8], whole: bool) {
    let shown = octets.get(..SHOWN_MAX).filter(|_| !whole).unwrap_or(octets);
    let more = octets.len() - shown.len();
    out::line(&format!("    {name} ({} octets)", octets.len()));
    for line in String::from_utf8_lossy(shown).split('\n') {
        let escaped: String =
            line.chars().flat_map(|c| if c.is_control() { c.escape_debug().collect() } else { vec![c] }).collect();
        out::line(&format!("      | {escaped}"));
    }
    if more > 0 {
        out::line(&format!("      and {more} more: --bytes shows them, --out DIR writes them"));
    }
}

fn encrypted_key(number: usize, one: &ExplainedKey, ours: &[OurKey]) {
    let id = one.id.as_deref().map(|id| format!(" {id:?}")).unwrap_or_default();
    out::line(&format!("encrypted key {number}{id} at {}: {}", one.at, one.method));
    if let Some(why) = &one.failure {
        out::line(&format!("  unreadable  {why}"));
        return;
    }
    out::line(&format!("  for         {}", one.recipient));
    if let Some(stranger) = &one.stranger {
        out::line(&format!("  which is    {}: not a key of ours", facts(stranger)));
    }
    for fit in &one.fits {
        let Some(key) = ours.get(fit.ours) else { continue };
        let named = if fit.is_named { "named" } else { "not named" };
        out::line(&format!("  our key {}  {named}, {}: {}", fit.ours + 1, outcome(fit), our_name(key)));
    }
    if one.fits.is_empty() {
        out::line("  we have     no private key: give one with --key");
    }
}

fn outcome(fit: &Fit) -> String {
    match &fit.outcome {
        Outcome::Opens => "opens it".to_owned(),
        Outcome::OtherKind => "is of another kind".to_owned(),
        Outcome::Fails { why, with: None } => format!("does not open it ({why})"),
        Outcome::Fails { why, with: Some(with) } => format!("does not open it ({why}); would open it by {with}"),
    }
}

fn our_keys(ours: &[OurKey]) {
    for (number, key) in ours.iter().enumerate() {
        let facts = key.certificate.as_ref().map_or_else(|| "without certificate".to_owned(), facts);
        let name = key.name.as_deref().map(|name| format!(" {name}")).unwrap_or_default();
        out::line(&format!("our key {}{name}: {}, {facts}", number + 1, key.kind));
    }
}

fn our_name(key: &OurKey) -> String {
    match (&key.certificate, &key.name) {
        (Some(certificate), _) => certificate.subject.clone(),
        (None, Some(name)) => name.clone(),
        (None, None) => "without certificate".to_owned(),
    }
}

fn facts(one: &CertificateFacts) -> String {
    let identifier = one.key_identifier.as_deref().unwrap_or("none");
    format!("{}, serial {}, SKI {identifier}, until {}", one.subject, one.serial, one.not_after)
}

/// Everything as one JSON object.
pub(super) fn json(what: &str, record: &Value, explanation: &Explanation, whole: bool) -> Value {
    json!({
        "message": what,
        "record": if record.is_null() { Value::Null } else { record_view(record) },
        "verdict": if explanation.refusal.is_none() { "accepted" } else { "refused" },
        "stage": explanation.refusal.as_ref().map(|(stage, _)| stage.as_str()),
        "reason": explanation.refusal.as_ref().map(|(_, reason)| reason),
        "signatures": explanation.signatures.iter().map(|one| signature_json(one, whole)).collect::<Vec<_>>(),
        "encrypted_keys": explanation.encrypted_keys.iter().map(key_json).collect::<Vec<_>>(),
        "encrypted_data": explanation.encrypted_data.iter().map(|one| json!({
            "id": one.id,
            "at": one.at.to_string(),
            "cipher": one.cipher.as_ref().ok(),
            "opened": one.opened.is_ok(),
            "reason": one.opened.as_ref().err().or(one.cipher.as_ref().err()),
        })).collect::<Vec<_>>(),
        "our_keys": explanation.ours.iter().map(|key| json!({
            "name": key.name, "kind": key.kind, "certificate": key.certificate.as_ref().map(facts_json),
        })).collect::<Vec<_>>(),
    })
}

fn signature_json(one: &ExplainedSignature, whole: bool) -> Value {
    json!({
        "node": one.node,
        "at": one.at.to_string(),
        "failure": one.failure,
        "names": one.names,
        "signer": one.signer.as_ref().map(facts_json),
        "value": one.value.as_ref().map(|value| value_json(value, whole)),
        "references": one.references.iter().map(|one| reference_json(one, whole)).collect::<Vec<_>>(),
    })
}

fn value_json(one: &ExplainedValue, whole: bool) -> Value {
    json!({
        "signature_method": one.method,
        "canonicalization": one.canonicalization,
        "verdict": match one.holds { Some(true) => "valid", Some(false) => "invalid", None => "not checked" },
        "reason": one.failure,
        "signed": one.signed.as_ref().map(|signed| json!({
            "key": signed.name, "digest": signed.digest.name(), "value": encode_base64(&signed.value),
        })),
        "computed": one.computed.as_deref().map(encode_base64),
        "octets": one.octets.len(),
        "canonical": canonical(&one.octets, whole),
        "would_match": deviations(&one.fitting),
        "search_ended_at_bound": one.exhausted,
    })
}

fn reference_json(one: &ExplainedReference, whole: bool) -> Value {
    let (verdict, reason) = match &one.standing {
        Standing::Holds => ("valid", None),
        Standing::Differs => ("invalid", None),
        Standing::NotComputed(why) => ("refused", Some(why)),
    };
    json!({
        "index": one.index,
        "uri": one.uri,
        "node": one.node,
        "transforms": one.transforms,
        "digest_method": one.digest_method,
        "expected": encode_base64(&one.expected),
        "computed": one.computed.as_deref().map(encode_base64),
        "verdict": verdict,
        "reason": reason,
        "octets": one.octets.len(),
        "canonical": canonical(&one.octets, whole),
        "holds_ciphertext": one.is_sealed,
        "would_match": deviations(&one.fitting),
        "search_ended_at_bound": one.exhausted,
    })
}

fn canonical(octets: &[u8], whole: bool) -> String {
    let shown = octets.get(..SHOWN_MAX).filter(|_| !whole).unwrap_or(octets);
    String::from_utf8_lossy(shown).into_owned()
}

fn deviations(all: &[Deviation]) -> Value {
    let one = |deviation: &Deviation| {
        let changes: Vec<Value> = deviation
            .changes
            .iter()
            .map(|change| json!({ "code": change.code(), "text": change.to_string() }))
            .collect();
        json!({ "changes": changes, "octets": deviation.octets.len() })
    };
    Value::Array(all.iter().map(one).collect())
}

fn key_json(one: &ExplainedKey) -> Value {
    let fits = one.fits.iter().map(|fit| {
        let (outcome, reason, with) = match &fit.outcome {
            Outcome::Opens => ("opens", None, None),
            Outcome::OtherKind => ("other-kind", None, None),
            Outcome::Fails { why, with } => ("fails", Some(why), with.as_ref().map(ToString::to_string)),
        };
        json!({ "our_key": fit.ours, "named": fit.is_named, "outcome": outcome, "reason": reason, "would_open_by": with })
    });
    json!({
        "id": one.id,
        "at": one.at.to_string(),
        "method": one.method,
        "recipient": one.recipient,
        "stranger": one.stranger.as_ref().map(facts_json),
        "failure": one.failure,
        "our_keys": fits.collect::<Vec<_>>(),
    })
}

fn facts_json(one: &CertificateFacts) -> Value {
    json!({
        "subject": one.subject,
        "serial": one.serial,
        "key_identifier": one.key_identifier,
        "not_after": one.not_after.to_string(),
    })
}

/// Writes our octets, and those that would fit, each into a file; gives their paths.
pub(super) fn write(folder: &Path, explanation: &Explanation) -> Result<Vec<PathBuf>, Failure> {
    std::fs::create_dir_all(folder).map_err(|error| Failure::usage(format!("create {}: {error}", folder.display())))?;
    let mut written = Vec::new();
    let mut put = |name: String, octets: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, octets).map_err(|error| Failure::usage(format!("write {}: {error}", path.display())))?;
        written.push(path);
        Ok(())
    };
    for (number, signature) in explanation.signatures.iter().enumerate() {
        let number = number + 1;
        if let Some(value) = &signature.value {
            put(format!("signature-{number}-signed-info.xml"), &value.octets)?;
            if let Some(first) = value.fitting.first() {
                put(format!("signature-{number}-signed-info-fitting.xml"), &first.octets)?;
            }
        }
        for one in &signature.references {
            put(format!("signature-{number}-reference-{}.xml", one.index), &one.octets)?;
            if let Some(first) = one.fitting.first() {
                put(format!("signature-{number}-reference-{}-fitting.xml", one.index), &first.octets)?;
            }
        }
    }
    Ok(written)
}
