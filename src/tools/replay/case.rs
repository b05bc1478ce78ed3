//! A case: what is sent, how, and what must come back. Read from a folder with `case.toml` and `request.xml`, or from a
//! file that holds many cases over shared requests.
//!
//! Unknown keys are errors, as in every file of ours: a misspelt option would make a case that shows nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::edit::Edit;
use crate::base::limits;
use crate::contract::Operation;

/// Cases of one run.
const CASES_MAX: usize = 100_000;
/// Steps of one case.
const STEPS_MAX: usize = 64;

/// One case.
#[derive(Clone, PartialEq, Debug)]
pub struct Case {
    /// Its name: folders from the path that was given, `send-co/schema/d014-too-long`.
    pub name: String,
    /// What it claims.
    pub title: String,
    /// Which part of the agreement asks for it.
    pub clause: String,
    /// What must have been accepted before, so that the case can be shown: the CO that a notice names.
    pub before: Vec<Step>,
    /// What it sends, one after the other.
    pub steps: Vec<Step>,
    /// Where it was read from.
    pub file: String,
}

/// What `request.xml` is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The business document: wrapped, addressed, signed and encrypted here (default).
    #[default]
    Document,
    /// A whole envelope in clear: `${security}` in its Header becomes the Security header; signed and encrypted here.
    Envelope,
    /// What goes over the wire, with its variables filled in.
    Text,
    /// What goes over the wire, octet by octet.
    Octets,
}

/// SOAP version.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Soap {
    /// 1.1
    #[serde(rename = "1.1")]
    V11,
    /// 1.2 (default)
    #[default]
    #[serde(rename = "1.2")]
    V12,
}

/// One message of a case and what must come back.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Step {
    /// The operation, by its path: `send-co` (default).
    pub operation: OperationKey,
    /// The file to send, from the folder of the case; default `request.xml`.
    pub request: Option<PathBuf>,
    /// What it is.
    pub kind: Kind,
    /// SOAP version.
    pub soap: Soap,
    /// Changes to the business document.
    pub edit: Vec<Edit>,
    /// Changes to the envelope, each at its stage.
    pub envelope: Vec<Edit>,
    /// Name of the wrapper in Body; default that of the operation.
    pub wrapper: Option<String>,
    /// Sends the very octets of an earlier step again; its number.
    pub resend: Option<usize>,
    /// Blanks after the message, in KiB: for limits of size.
    pub pad_kib: Option<usize>,
    /// Addressing.
    pub wsa: Wsa,
    /// Timestamp.
    pub timestamp: TimestampOptions,
    /// Signature.
    pub sign: Sign,
    /// Encryption.
    pub encrypt: Encrypt,
    /// HTTP.
    pub http: Http,
    /// What must come back.
    pub expect: Expect,
}

/// An operation, as a case names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OperationKey(pub Operation);

impl Default for OperationKey {
    fn default() -> Self {
        Self(Operation::SendCo)
    }
}

impl Serialize for OperationKey {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.0.path().trim_start_matches('/'))
    }
}

impl<'de> Deserialize<'de> for OperationKey {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = String::deserialize(from)?;
        let found = Operation::from_path(&format!("/{name}"));
        found
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom(format!("expected an operation such as send-co, came {name:?}")))
    }
}

/// Addressing headers; texts may hold variables, `none` leaves a header out.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "the fields are named after the headers")]
pub struct Wsa {
    /// Default: a fresh one; `${message_id.1}` is that of the first step.
    pub message_id: Option<String>,
    /// Default: that of the operation.
    pub action: Option<String>,
    /// Default: the address of the operation.
    pub to: Option<String>,
    pub from: Option<String>,
    pub reply_to: Option<String>,
    pub fault_to: Option<String>,
    pub relates_to: Option<String>,
}

/// `wsu:Timestamp`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TimestampOptions {
    /// Seconds from now to Created; below zero lies in the past. Default 0.
    pub offset_s: i64,
    /// Seconds from Created to Expires. Default 300.
    pub lifetime_s: i64,
    /// Whether Expires stands there. Default true.
    pub expires: bool,
    /// Whether there is one at all. Default true.
    pub present: bool,
}

impl Default for TimestampOptions {
    fn default() -> Self {
        Self { offset_s: 0, lifetime_s: 300, expires: true, present: true }
    }
}

/// Whose key or certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Whose {
    /// The one that was given for it (default).
    #[default]
    Agreed,
    /// One made for this run, that nobody knows.
    Stranger,
    /// None.
    None,
}

/// How KeyInfo names the signer's certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyName {
    /// A direct reference to the BinarySecurityToken (default).
    #[default]
    Direct,
    /// IssuerSerial in a SecurityTokenReference.
    IssuerSerial,
    /// SubjectKeyIdentifier.
    Ski,
    /// SHA-1 of the certificate.
    Thumbprint,
    /// The certificate in ds:X509Data.
    X509Data,
    /// The bare public key in ds:KeyValue.
    KeyValue,
    /// ds:KeyName.
    KeyName,
    /// No KeyInfo.
    None,
}

/// Where the token stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenPlace {
    /// Before the Signature (default).
    #[default]
    Before,
    /// After it.
    After,
}

/// The signature.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sign {
    /// With whose key.
    pub key: Whose,
    /// Short name (`rsa-sha256`) or URI; default by the kind of the key.
    pub algorithm: Option<String>,
    /// Digest of the References; default `sha256`.
    pub digest: Option<String>,
    /// CanonicalizationMethod of SignedInfo; default `exc-c14n`.
    pub c14n: Option<String>,
    /// Transforms of every Reference; default `["exc-c14n"]`.
    pub transforms: Option<Vec<String>>,
    /// How the certificate is named.
    pub key_reference: KeyName,
    /// Where the token stands.
    pub token: TokenPlace,
    /// Parts that are left out: `Body`, `Timestamp`, `Token`, `MessageID`, `Action`, `To`, ...
    pub omit: Vec<String>,
    /// Ids that are signed beside the usual parts.
    pub extra: Vec<String>,
    /// Whether the token is signed through STR-Transform instead of by its id.
    pub str_transform: bool,
}

/// What is encrypted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// The business document (default).
    #[default]
    Document,
    /// What is inside the business document.
    DocumentContent,
    /// What is inside Body: the wrapper.
    BodyContent,
    /// Nothing.
    None,
}

/// Which pointer leads from EncryptedData to EncryptedKey.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pointer {
    /// SecurityTokenReference (default).
    #[default]
    Str,
    /// RetrievalMethod.
    RetrievalMethod,
    /// The EncryptedKey stands inside.
    Inline,
    /// None: the ReferenceList of the EncryptedKey alone.
    ReferenceList,
}

/// Which comes first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Signed, then encrypted (default).
    #[default]
    SignEncrypt,
    /// Encrypted, then signed.
    EncryptSign,
}

/// Key derivation of an agreement.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Derivation {
    /// ConcatKDF with SHA-256 (default).
    #[default]
    Concat,
    /// HKDF with SHA-256.
    Hkdf,
}

/// The encryption.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Encrypt {
    /// What.
    pub what: What,
    /// For whom.
    pub recipient: Whose,
    /// Cipher, short name or URI; default `aes256-gcm`.
    pub cipher: Option<String>,
    /// Key transport under RSA keys (default `rsa-oaep-mgf1p`), key wrap under keys that agree (default `kw-aes256`).
    pub transport: Option<String>,
    /// Digest within `rsa-oaep` and its MGF1: `sha256` (default), `sha384`, `sha512`, `sha1`.
    pub oaep_digest: Option<String>,
    /// OAEP label, as text.
    pub oaep_label: Option<String>,
    /// Key derivation under keys that agree.
    pub derivation: Derivation,
    /// Pointer to the EncryptedKey.
    pub pointer: Pointer,
    /// How the receiver's certificate is named.
    pub key_reference: Option<KeyName>,
    /// Which comes first.
    pub order: Order,
}

/// Credentials.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basic {
    /// Those that were given (default).
    #[default]
    Agreed,
    /// No Authorization field.
    None,
    /// Another user.
    WrongUser,
    /// Another password.
    WrongPassword,
    /// A bearer token.
    Bearer,
    /// `Basic` and something that is no base64.
    Garbled,
}

/// HTTP.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Method; default POST.
    pub method: Option<String>,
    /// Path below the endpoint; default that of the operation.
    pub path: Option<String>,
    /// Content-Type; default by the SOAP version; `none` sends none.
    pub content_type: Option<String>,
    /// SOAPAction of SOAP 1.1, quotes included; `none` sends none.
    pub soap_action: Option<String>,
    /// Credentials.
    pub basic: Basic,
    /// Certificate of the client.
    pub client_certificate: Whose,
    /// Further fields.
    pub headers: BTreeMap<String, String>,
}

/// What must come back.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// Which answer.
    pub outcome: Outcome,
    /// Code of the fault; one of these.
    #[serde(deserialize_with = "one_or_many")]
    pub code: Vec<String>,
    /// Verdict of the fault; default that of the catalogue.
    pub verdict: Option<String>,
    /// HTTP status; default by outcome, code and SOAP version.
    pub status: Option<u16>,
    /// Whether the answer is signed; default: all but the refusals of the HTTP layer.
    pub signed: Option<bool>,
    /// Errors that must be listed.
    pub error: Vec<ExpectedError>,
    /// How many errors are listed.
    pub errors_total: Option<usize>,
    /// The step whose MessageID an `already-received` names; or of the same MessageID, the step whose Acknowledgement
    /// comes back byte for byte.
    pub first: Option<usize>,
}

/// One error that must be listed.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExpectedError {
    /// Its code: `max-length`.
    pub code: Option<String>,
    /// Its WCO id.
    pub wco_id: Option<String>,
    /// Its path.
    pub path: Option<String>,
}

/// Kinds of answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// An Acknowledgement, status `accepted` (default).
    #[default]
    Accepted,
    /// An Acknowledgement, status `already-received`.
    AlreadyReceived,
    /// The stored Acknowledgement of an earlier step, byte for byte.
    SameAcknowledgement,
    /// A fault.
    Fault,
    /// No connection, or 401 or 403 and nothing more: before transport identity.
    Denied,
}

impl Outcome {
    /// As it stands in a case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::AlreadyReceived => "already-received",
            Self::SameAcknowledgement => "same-acknowledgement",
            Self::Fault => "fault",
            Self::Denied => "denied",
        }
    }
}

fn one_or_many<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a code or a list of codes")]
    enum Codes {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Codes::deserialize(from)? {
        Codes::One(code) => vec![code],
        Codes::Many(codes) => codes,
    })
}

/// A case that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {what}")]
pub struct Error {
    /// The file, with the name of the case within it.
    pub file: String,
    /// What was expected, and what came.
    pub what: String,
}

fn wrong(file: impl Into<String>, what: impl Into<String>) -> Error {
    Error { file: file.into(), what: what.into() }
}

/// Where requests are read from.
pub trait Source {
    /// The octets of a file.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn read(&self, path: &Path) -> Result<Vec<u8>, String>;
}

/// Files on disk.
#[derive(Clone, Copy, Debug)]
pub struct Disk;

impl Source for Disk {
    fn read(&self, path: &Path) -> Result<Vec<u8>, String> {
        let size = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
        if size > limits::MESSAGE_BYTES_MAX as u64 {
            return Err(format!("expected at most {} octets, came {size}", limits::MESSAGE_BYTES_MAX));
        }
        std::fs::read(path).map_err(|error| error.to_string())
    }
}

/// The cases of a `case.toml` (one) or of a file with `[[case]]` (many). `folder` is what the name begins with, `file`
/// where the text comes from; requests are named from its folder.
///
/// # Errors
/// [`Error`], naming case and key.
pub fn parse(text: &str, file: &Path, name: &str) -> Result<Vec<Case>, Error> {
    let shown = file.display().to_string();
    let mut table: Table =
        text.parse().map_err(|error: toml::de::Error| wrong(&shown, error.to_string().trim().to_owned()))?;
    let Some(cases) = table.remove("case") else {
        return Ok(vec![case(table, file, name.to_owned())?]);
    };
    let defaults = match table.remove("defaults") {
        Some(Value::Table(defaults)) => defaults,
        None => Table::new(),
        Some(_) => return Err(wrong(&shown, "defaults: expected a table")),
    };
    if let Some(key) = table.keys().next() {
        return Err(wrong(&shown, format!("{key}: expected defaults and case beside each other, nothing else")));
    }
    let Value::Array(cases) = cases else { return Err(wrong(&shown, "case: expected [[case]]")) };
    let mut found: Vec<Case> = Vec::with_capacity(cases.len());
    for (at, value) in cases.into_iter().enumerate() {
        let Value::Table(mut given) = value else { return Err(wrong(&shown, "case: expected [[case]]")) };
        let own = match given.remove("name") {
            Some(Value::String(own)) if is_name(&own) => own,
            Some(other) => {
                return Err(wrong(&shown, format!("case {}: name: expected a-z, 0-9, - and /, came {other}", at + 1)));
            }
            None => return Err(wrong(&shown, format!("case {}: name is missing", at + 1))),
        };
        let full = if name.is_empty() { own } else { format!("{name}/{own}") };
        if found.iter().any(|other| other.name == full) {
            return Err(wrong(&shown, format!("{full}: the name stands twice")));
        }
        found.push(case(merged(&defaults, given), file, full)?);
    }
    Ok(found)
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 120
        && text.split('/').all(|part| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        })
}

/// `over` on top of `under`, table by table; lists are replaced.
fn merged(under: &Table, over: Table) -> Table {
    let mut out = under.clone();
    for (key, value) in over {
        match (out.get(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => {
                let both = merged(below, above);
                out.insert(key, Value::Table(both));
            }
            (_, value) => drop(out.insert(key, value)),
        }
    }
    out
}

fn case(mut table: Table, file: &Path, name: String) -> Result<Case, Error> {
    let shown = format!("{} ({name})", file.display());
    let mut text = |key: &str| match table.remove(key) {
        Some(Value::String(text)) => Ok(text),
        None => Ok(String::new()),
        Some(other) => Err(wrong(&shown, format!("{key}: expected a text, came {other}"))),
    };
    let (title, clause) = (text("title")?, text("clause")?);
    if title.is_empty() {
        return Err(wrong(&shown, "title is missing: what does the case claim?"));
    }
    let before = match table.remove("before") {
        None => Vec::new(),
        Some(Value::Array(list)) => before(list, &shown)?,
        Some(_) => return Err(wrong(&shown, "before: expected [[before]]")),
    };
    let tables = match table.remove("step") {
        None => vec![table],
        Some(Value::Array(steps)) => {
            let mut all = Vec::with_capacity(steps.len());
            for step in steps {
                let Value::Table(step) = step else { return Err(wrong(&shown, "step: expected [[step]]")) };
                all.push(merged(&table, step));
            }
            all
        }
        Some(_) => return Err(wrong(&shown, "step: expected [[step]]")),
    };
    if tables.is_empty() || tables.len() > STEPS_MAX {
        return Err(wrong(&shown, format!("step: expected 1 to {STEPS_MAX}, came {}", tables.len())));
    }
    let mut steps: Vec<Step> = Vec::with_capacity(tables.len());
    for (at, table) in tables.into_iter().enumerate() {
        let place = |what: String| wrong(format!("{shown}, step {}", at + 1), what);
        let step: Step =
            table.try_into().map_err(|error: toml::de::Error| place(error.to_string().trim().to_owned()))?;
        check(&step, at).map_err(place)?;
        steps.push(step);
    }
    Ok(Case { name, title, clause, before, steps, file: file.display().to_string() })
}

/// The messages before a case. Each says all of itself; each must be accepted.
fn before(list: Vec<Value>, shown: &str) -> Result<Vec<Step>, Error> {
    if list.len() > STEPS_MAX {
        return Err(wrong(shown, format!("before: expected at most {STEPS_MAX}, came {}", list.len())));
    }
    let mut steps = Vec::with_capacity(list.len());
    for (at, value) in list.into_iter().enumerate() {
        let place = |what: String| wrong(format!("{shown}, before {}", at + 1), what);
        let Value::Table(table) = value else { return Err(place("expected a table".to_owned())) };
        if let Some(key) = ["expect", "resend"].into_iter().find(|key| table.contains_key(*key)) {
            return Err(place(format!("{key}: what comes before is sent once and must be accepted")));
        }
        let step: Step =
            table.try_into().map_err(|error: toml::de::Error| place(error.to_string().trim().to_owned()))?;
        check(&step, 0).map_err(place)?;
        steps.push(step);
    }
    Ok(steps)
}

/// What the types do not say.
fn check(step: &Step, at: usize) -> Result<(), String> {
    for number in [step.resend, step.expect.first].into_iter().flatten() {
        if number == 0 || number > at {
            return Err(format!("expected the number of an earlier step (1 to {at}), came {number}"));
        }
    }
    let expect = &step.expect;
    let faulty = !expect.code.is_empty() || !expect.error.is_empty() || expect.verdict.is_some();
    if faulty && expect.outcome != Outcome::Fault {
        return Err("expect: code, verdict and error belong to outcome = \"fault\"".to_owned());
    }
    if expect.outcome == Outcome::Fault && expect.code.is_empty() && expect.status.is_none() {
        return Err("expect: a fault needs its code, or at least the HTTP status".to_owned());
    }
    if expect.outcome == Outcome::SameAcknowledgement && expect.first.is_none() {
        return Err("expect: same-acknowledgement needs first = the number of the step that was accepted".to_owned());
    }
    for edit in step.edit.iter().chain(&step.envelope) {
        if edit.actions() != 1 {
            return Err(format!(
                "{}: expected one action (set, remove, append, ...), came {}",
                edit.at,
                edit.actions()
            ));
        }
    }
    Ok(())
}

/// The cases below the paths, in order of their names: a folder with `case.toml` is one; every other `*.toml` must hold
/// `[[case]]`.
///
/// # Errors
/// Each file that cannot be read as cases, so that all are corrected at once; a path that holds no case is one.
pub fn load(paths: &[PathBuf]) -> Result<Vec<Case>, Vec<Error>> {
    let mut found = Found::default();
    for path in paths {
        let before = (found.cases.len(), found.broken.len());
        if path.is_dir() {
            folder(path, "", 0, &mut found);
        } else {
            file(path, &file_stem(path), &mut found);
        }
        if (found.cases.len(), found.broken.len()) == before {
            found.broken.push(wrong(path.display().to_string(), "no case.toml and no file with [[case]] below"));
        }
    }
    if !found.broken.is_empty() {
        return Err(found.broken);
    }
    found.cases.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found.cases)
}

/// What stands below the paths.
#[derive(Default)]
struct Found {
    cases: Vec<Case>,
    broken: Vec<Error>,
}

fn file_stem(path: &Path) -> String {
    let parent = path.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    match path.file_name().is_some_and(|name| name == "case.toml") {
        true => parent.unwrap_or_else(|| "case".to_owned()),
        false => String::new(),
    }
}

/// Broken files after which no other folder is looked at.
const BROKEN_MAX: usize = 1_000;

/// Folders within folders.
const DEPTH_MAX: usize = 16;

fn folder(path: &Path, name: &str, depth: usize, found: &mut Found) {
    let fail = |what: String| wrong(path.display().to_string(), what);
    if depth > DEPTH_MAX {
        found.broken.push(fail(format!("folders deeper than {DEPTH_MAX}")));
        return;
    }
    let alone = path.join("case.toml");
    if alone.is_file() {
        let name = match name {
            "" => file_stem(&alone),
            name => name.to_owned(),
        };
        file(&alone, &name, found);
        return;
    }
    let entries = std::fs::read_dir(path).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
    let mut entries: Vec<PathBuf> = match entries {
        Ok(entries) => entries.into_iter().map(|entry| entry.path()).collect(),
        Err(error) => {
            found.broken.push(fail(error.to_string()));
            return;
        }
    };
    entries.sort();
    for entry in entries {
        let own = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if entry.is_dir() && !own.starts_with('.') {
            let below = if name.is_empty() { own } else { format!("{name}/{own}") };
            folder(&entry, &below, depth + 1, found);
        } else if entry.extension().is_some_and(|extension| extension == "toml") {
            file(&entry, name, found);
        }
        // Links that lead back make folders without end: each way ends in an error, and so many are enough.
        if found.cases.len() > CASES_MAX || found.broken.len() > BROKEN_MAX {
            return;
        }
    }
}

fn file(path: &Path, name: &str, found: &mut Found) {
    let fail = |what: &str| wrong(path.display().to_string(), what);
    let text = Disk.read(path).map_err(|what| fail(&what));
    let text = text.and_then(|text| String::from_utf8(text).map_err(|_| fail("expected UTF-8")));
    let cases = match text.and_then(|text| parse(&text, path, name)) {
        Ok(cases) => cases,
        Err(error) => {
            found.broken.push(error);
            return;
        }
    };
    for case in cases {
        match found.cases.iter().find(|other| other.name == case.name) {
            Some(other) => {
                let what = format!("{}: the name stands in {} too", case.name, other.file);
                found.broken.push(wrong(&case.file, what));
            }
            None => found.cases.push(case),
        }
    }
    if found.cases.len() > CASES_MAX {
        found.broken.push(fail(&format!("more than {CASES_MAX} cases")));
    }
}

/// Whether `name` fits a pattern in which `*` stands for any run of characters and `?` for one.
#[must_use]
pub fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || Some(c) == name.get(n) => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    p = at + 1;
                    n = from + 1;
                    star = Some((at, from + 1));
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Case>, Error> {
        parse(text, Path::new("x.toml"), "g")
    }

    /// A tester who wrote a hundred cases corrects them once, not one a run.
    #[test]
    fn every_file_that_is_no_case_is_told_at_once() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("a", "garbage = ["), ("b", "nosuch = 1"), ("c", "\u{0}")] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
            std::fs::write(folder.path().join(name).join("case.toml"), text).unwrap();
        }
        let told: Vec<String> =
            load(&[folder.path().to_owned()]).unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 3, "{told:#?}");
        for name in ["a/case.toml", "b/case.toml", "c/case.toml"] {
            assert!(told.iter().any(|told| told.contains(name)), "{told:#?}");
        }
        let empty = tempfile::tempdir().unwrap();
        assert_eq!(load(&[empty.path().to_owned()]).unwrap_err().len(), 1, "none is wrong too");
    }

    /// A link back to its own folder, ten times, would be walked for ever.
    #[cfg(unix)]
    #[test]
    fn links_that_lead_back_end() {
        let folder = tempfile::tempdir().unwrap();
        for link in 0..10 {
            std::os::unix::fs::symlink(folder.path(), folder.path().join(format!("l{link}"))).unwrap();
        }
        let told = load(&[folder.path().to_owned()]).unwrap_err();
        assert!(told.len() <= BROKEN_MAX + 1, "{}", told.len());
        assert!(told[0].to_string().contains("deeper"), "{}", told[0]);
    }

    #[test]
    fn steps_take_what_stands_above_them_and_say_the_rest() {
        let text = "title = \"t\"\nsoap = \"1.1\"\n[sign]\ndigest = \"sha512\"\n[[step]]\n[[step]]\nsoap = \"1.2\"\n\
                    [step.sign]\nalgorithm = \"rsa-sha512\"\n[step.expect]\noutcome = \"same-acknowledgement\"\nfirst = 1\n";
        let cases = read(text).unwrap();
        let [case] = cases.as_slice() else { panic!("{cases:?}") };
        assert_eq!((case.name.as_str(), case.steps.len()), ("g", 2));
        assert_eq!((case.steps[0].soap, case.steps[1].soap), (Soap::V11, Soap::V12));
        assert_eq!(case.steps[1].sign.digest.as_deref(), Some("sha512"));
        assert_eq!(case.steps[0].sign.algorithm, None);
    }

    #[test]
    fn a_file_of_many_cases_gives_each_its_name() {
        let text = "[defaults]\nrequest = \"co.xml\"\n[[case]]\nname = \"a\"\ntitle = \"t\"\n[[case]]\nname = \"b/c\"\ntitle = \"u\"\n";
        let names: Vec<String> = read(text).unwrap().into_iter().map(|case| case.name).collect();
        assert_eq!(names, ["g/a", "g/b/c"]);
        assert_eq!(read(text).unwrap()[1].steps[0].request.as_deref(), Some(Path::new("co.xml")));
    }

    #[test]
    fn what_comes_before_says_all_of_itself_and_is_accepted() {
        let text = "title = \"t\"\nsoap = \"1.1\"\noperation = \"send-feedback\"\n[[before]]\nrequest = \"co.xml\"\n";
        let cases = read(text).unwrap();
        let [before] = cases[0].before.as_slice() else { panic!("{cases:?}") };
        assert_eq!(
            (before.operation.0, before.soap, before.expect.outcome),
            (Operation::SendCo, Soap::V12, Outcome::Accepted)
        );
        assert_eq!(cases[0].steps.len(), 1);
        for rest in ["resend = 1", "expect = { outcome = \"denied\" }", "operation = \"send-nothing\"", "colour = 1"] {
            let error = read(&format!("{text}{rest}\n")).expect_err(rest).to_string();
            assert!(error.contains("before 1"), "{rest}: {error}");
        }
    }

    #[test]
    fn what_would_show_nothing_is_refused_with_its_place() {
        let fault = "title = \"t\"\n[expect]\noutcome = \"fault\"\n";
        for (text, what) in [
            ("", "title"),
            ("title = \"t\"\nsaop = \"1.1\"", "saop"),
            ("title = \"t\"\noperation = \"send-nothing\"", "send-nothing"),
            ("title = \"t\"\n[sign]\ndgest = \"sha1\"", "dgest"),
            ("title = \"t\"\nresend = 1", "earlier step"),
            (fault, "code"),
            ("title = \"t\"\n[expect]\ncode = \"x\"", "outcome"),
            ("title = \"t\"\n[expect]\noutcome = \"same-acknowledgement\"", "first"),
            ("title = \"t\"\n[[edit]]\nat = \"/A\"", "one action"),
            ("title = \"t\"\n[[edit]]\nat = \"/A\"\nset = \"1\"\nremove = true", "one action"),
            ("[[case]]\ntitle = \"t\"", "name"),
            ("[[case]]\nname = \"A B\"\ntitle = \"t\"", "name"),
            ("[[case]]\nname = \"a\"\ntitle = \"t\"\n[[case]]\nname = \"a\"\ntitle = \"t\"", "twice"),
            ("x = 1\n[[case]]\nname = \"a\"\ntitle = \"t\"", "x"),
        ] {
            let error = read(text).expect_err(text).to_string();
            assert!(error.contains(what) && error.starts_with("x.toml"), "{text}: {error}");
        }
    }

    #[test]
    fn a_pattern_fits_whole_names() {
        for (pattern, name, fit) in [
            ("*", "send-co/a", true),
            ("send-co/*", "send-co/a/b", true),
            ("send-co/?", "send-co/a", true),
            ("send-co/?", "send-co/ab", false),
            ("*/schema/*-long", "send-co/schema/d014-too-long", true),
            ("schema", "send-co/schema", false),
            ("", "a", false),
            ("**a", "ba", true),
        ] {
            assert_eq!(fits(pattern, name), fit, "{pattern} {name}");
        }
    }
}
