//! The bilateral technical annex, written from what is in force (`coconnect partner annex`).
//!
//! Neither side is "we" in it: both parties stand in the order of their ids, each fact once, a line each, without the time
//! or place of writing. So the files of two gateways are equal octet by octet when both have the same in force, and their
//! diff names what is not yet agreed. What only one side can know (its quarantine, its store) does not stand in it.
//!
//! `[security]`, `[delivery]`, `[retention]`, `[code_lists]` and `profile` of a partner file are read as what both sides do:
//! each algorithm holds for every party whose key fits it.

pub mod agreed;
pub mod example;
pub mod guide;
pub mod menu;

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Value, json};

use agreed::Stated;

use super::config::Config;
use super::identity::OwnIdentity;
use crate::contract::codelist::{self, List};
use crate::exchange::partner::{
    CertificateUse, Cipher, Contact, Encrypt, KeyReference, KeyTransport, OperationName, Order, Partner, SignatureName,
    SignedParts,
};
use crate::pki::{Certificate, KeyKind};
use crate::xmlsec::algorithm::{self, Level, Usage};

/// One fact.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Fact {
    /// What.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// Facts under one heading.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Section {
    /// The heading.
    pub title: String,
    /// The facts.
    pub facts: Vec<Fact>,
}

/// The annex.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Annex {
    /// Ids of the two parties, in order.
    pub parties: [String; 2],
    /// Everything but the menu.
    pub sections: Vec<Section>,
    /// What the agreement profile says, which stands in a section as well.
    pub profile: Vec<Stated>,
    /// The data menu.
    pub menu: Vec<menu::Row>,
}

/// One party, as far as the other must know it.
struct Party {
    id: String,
    territories: Vec<String>,
    endpoint: String,
    basic_user: String,
    /// None: not stated.
    addresses: Option<Vec<String>>,
    certificates: Vec<(CertificateUse, Certificate, Option<jiff::Timestamp>)>,
    anchors: Vec<Certificate>,
    contacts: Vec<Contact>,
    /// Operations that it calls at the other.
    calls: Vec<OperationName>,
}

/// What we told about ourselves beside our configuration: from the offer that `init` wrote.
#[derive(Clone, Debug, Default)]
pub struct Offered {
    /// Networks from which we call; none when the offer is gone.
    pub addresses: Option<Vec<String>>,
}

impl Offered {
    /// From `DIR/partner.toml`, where it is there and can be read.
    #[must_use]
    pub fn read(config: &Config) -> Self {
        let text = std::fs::read_to_string(config.dir.join("partner.toml")).unwrap_or_default();
        let table: toml::Table = text.parse().unwrap_or_default();
        let addresses = table.get("addresses").and_then(toml::Value::as_array);
        let words = |list: &Vec<toml::Value>| list.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect();
        Self { addresses: addresses.map(words) }
    }
}

/// Writes the annex with `partner`.
#[must_use]
pub fn annex(config: &Config, own: &OwnIdentity, offered: &Offered, partner: &Partner) -> Annex {
    let file = partner.file();
    let ours = Party {
        id: config.gateway.id.clone(),
        territories: vec![config.gateway.country.clone()],
        endpoint: config.listener.first().map(|listener| config.public_url(listener)).unwrap_or_default(),
        basic_user: partner.password_out().map_or(config.identity.basic_user.as_str(), |(user, _)| user).to_owned(),
        addresses: offered.addresses.clone(),
        certificates: own
            .certificates
            .iter()
            .filter_map(|(name, certificate)| Some((use_of(name)?, certificate.clone(), None)))
            .collect(),
        anchors: own.anchors.anchors().to_vec(),
        contacts: config.contact.clone(),
        calls: file.operations_out.clone(),
    };
    let theirs = Party {
        id: file.id.to_string(),
        territories: file.territories.clone(),
        endpoint: file.endpoint.as_deref().unwrap_or_default().trim_end_matches('/').to_owned(),
        basic_user: file.basic_user.clone(),
        addresses: Some(file.addresses.iter().map(ToString::to_string).collect()),
        certificates: USES
            .iter()
            .flat_map(|(wanted, _)| {
                let fitting = partner.certificates().iter().filter(|entry| entry.uses.contain(*wanted));
                fitting.map(|entry| (*wanted, entry.certificate.as_ref().clone(), entry.use_from))
            })
            .collect(),
        anchors: partner.anchors().anchors().to_vec(),
        contacts: file.contacts.clone(),
        calls: file.operations_in.clone(),
    };
    let mut parties = [ours, theirs];
    parties.sort_by(|a, b| a.id.cmp(&b.id));
    let mut sections = vec![general(config, partner)];
    sections.extend(parties.iter().map(about));
    sections.push(operations(&parties));
    sections.push(security(partner, &parties));
    sections.push(accepted());
    sections.push(service(config, partner));
    sections.push(code_lists(partner));
    let profile = agreed::stated(partner);
    sections.push(agreed::asks(&profile));
    let [first, second] = parties;
    Annex { parties: [first.id, second.id], sections, profile, menu: menu::menu() }
}

const USES: [(CertificateUse, &str); 3] =
    [(CertificateUse::Tls, "tls"), (CertificateUse::Sign, "sign"), (CertificateUse::Encrypt, "encrypt")];

fn use_of(name: &str) -> Option<CertificateUse> {
    USES.iter().find(|(_, known)| *known == name).map(|(wanted, _)| *wanted)
}

fn fact(name: impl Into<String>, value: impl ToString) -> Fact {
    Fact { name: name.into(), value: value.to_string() }
}

fn section(title: impl Into<String>, facts: Vec<Fact>) -> Section {
    Section { title: title.into(), facts }
}

fn list<T: ToString>(items: &[T]) -> String {
    let mut texts: Vec<String> = items.iter().map(ToString::to_string).collect();
    texts.sort();
    texts.dedup();
    if texts.is_empty() { "none".to_owned() } else { texts.join(", ") }
}

fn general(config: &Config, partner: &Partner) -> Section {
    let file = partner.file();
    let mut facts = vec![
        fact("environment", config.gateway.environment()),
        fact("agreement profile", format!("{}, version {}", file.profile, partner.profile().version())),
        fact("in force", if file.active { "yes" } else { "no" }),
        fact("protocol", "SOAP 1.1 and 1.2, WS-Addressing 1.0, WS-Security 1.1, one operation a path"),
    ];
    let (own, other) = (config.gateway.partner_id().to_string(), partner.id().to_string());
    let taken: Vec<&str> = partner.accepted_versions().iter().map(|version| version.code.as_str()).collect();
    let mut ways = [(&own, &other, partner.sent_version().code.clone()), (&other, &own, taken.join(", "))];
    ways.sort();
    for (from, to, codes) in ways {
        facts.push(fact(format!("WCO Data Model from {from} to {to}"), codes));
    }
    let versions = partner.accepted_versions().iter().chain(std::iter::once(partner.sent_version()));
    let mut told = std::collections::BTreeMap::new();
    versions.for_each(|version| drop(told.insert(version.code.clone(), version.slots.clone())));
    for (code, slots) in told {
        for slot in crate::contract::Slot::ALL {
            facts.push(fact(format!("WCO Data Model {code}, namespace {}", slot.prefix()), slots.uri(slot)));
        }
    }
    section("Agreement", facts)
}

fn about(party: &Party) -> Section {
    let mut facts = vec![
        fact("speaks for", list(&party.territories)),
        fact("endpoint", &party.endpoint),
        fact("HTTP Basic user", &party.basic_user),
        fact("calls from", party.addresses.as_ref().map_or_else(|| "not stated".to_owned(), |networks| list(networks))),
    ];
    for (wanted, name) in USES {
        let mut lines: Vec<String> = party
            .certificates
            .iter()
            .filter(|(uses, ..)| *uses == wanted)
            .map(|(_, certificate, from)| {
                let from = from.map(|from| format!(", used from {from}")).unwrap_or_default();
                format!("{}{from}", described(certificate))
            })
            .collect();
        lines.sort();
        if lines.is_empty() {
            lines.push("none".to_owned());
        }
        facts.extend(lines.into_iter().map(|line| fact(format!("certificate for {name}"), line)));
    }
    let mut anchors: Vec<String> = party.anchors.iter().map(described).collect();
    anchors.sort();
    anchors.dedup();
    facts.extend(anchors.into_iter().map(|line| fact("certified by", line)));
    let mut contacts: Vec<String> = party.contacts.iter().map(ToString::to_string).collect();
    contacts.sort();
    if contacts.is_empty() {
        contacts.push("none stated".to_owned());
    }
    facts.extend(contacts.into_iter().map(|line| fact("contact", line)));
    section(format!("Party {}", party.id), facts)
}

fn described(certificate: &Certificate) -> String {
    format!(
        "{}, {}, valid {} to {}, SHA-256 {}",
        certificate.subject(),
        certificate.key_kind(),
        certificate.not_before(),
        certificate.not_after(),
        certificate.fingerprint()
    )
}

fn operations(parties: &[Party; 2]) -> Section {
    let mut facts = Vec::new();
    for (from, to) in ways(parties) {
        for name in OperationName::ALL {
            let agreed = if from.calls.contains(&name) { "agreed" } else { "not agreed" };
            facts.push(fact(format!("{} to {}: {}", from.id, to.id, name.as_str()), agreed));
        }
    }
    section("Operations", facts)
}

fn ways(parties: &[Party; 2]) -> [(&Party, &Party); 2] {
    let [first, second] = parties;
    [(first, second), (second, first)]
}

fn key_of(party: &Party, wanted: CertificateUse) -> Option<KeyKind> {
    party.certificates.iter().find(|(uses, ..)| *uses == wanted).map(|(_, certificate, _)| certificate.key_kind())
}

fn security(partner: &Partner, parties: &[Party; 2]) -> Section {
    let settings = &partner.file().security;
    let mut facts = Vec::new();
    for (from, to) in ways(parties) {
        let way = format!("{} to {}", from.id, to.id);
        let signing = key_of(from, CertificateUse::Sign);
        facts.push(fact(format!("{way}: signature"), signature(settings.signature, signing)));
        let opening = key_of(to, CertificateUse::Encrypt);
        facts.push(fact(format!("{way}: content key"), transport(settings.key_transport, opening)));
    }
    let encrypted = match &settings.encrypt {
        Encrypt::Document => "the business document".to_owned(),
        Encrypt::None => "nothing".to_owned(),
        Encrypt::Elements(paths) => list(paths),
    };
    facts.extend([
        fact("encrypted", encrypted),
        fact(
            "cipher",
            match settings.cipher {
                Cipher::Aes128Gcm => "aes128-gcm",
                Cipher::Aes192Gcm => "aes192-gcm",
                Cipher::Aes256Gcm => "aes256-gcm",
            },
        ),
        fact(
            "EncryptedData points to its key by",
            match settings.key_reference {
                KeyReference::Str => "SecurityTokenReference",
                KeyReference::RetrievalMethod => "RetrievalMethod",
                KeyReference::Inline => "the EncryptedKey inside it",
            },
        ),
        fact(
            "order",
            match settings.order {
                Order::SignEncrypt => "sign, then encrypt",
                Order::Any => "either",
            },
        ),
        fact(
            "signed in a request",
            match settings.signed_parts {
                SignedParts::Full => "Body, Timestamp, every wsa header; MessageID, Action and To must be there",
                SignedParts::BodyTimestamp => "Body and Timestamp",
            },
        ),
        fact("signed in an answer", "Body, Timestamp, every wsa header, SignatureConfirmation, the token"),
        fact("clocks may differ by", format!("{} s", settings.skew_s)),
        fact("a message lives", "300 s, at most 15 minutes"),
        fact("transport", "TLS 1.3, or TLS 1.2 with AEAD, with client certificate and HTTP Basic"),
    ]);
    section("Security", facts)
}

/// By its name where it fits the key, else what fits the key.
fn signature(setting: SignatureName, key: Option<KeyKind>) -> String {
    let name = match serde_json::to_value(setting) {
        Ok(Value::String(name)) => name,
        _ => String::new(),
    };
    match key {
        None => "none: no certificate signs".to_owned(),
        Some(KeyKind::Rsa { .. }) if name.starts_with("rsa") => name,
        Some(KeyKind::Ec { .. }) if name.starts_with("ecdsa") => name,
        Some(KeyKind::Rsa { .. }) => "rsa-sha256".to_owned(),
        Some(KeyKind::Ec { .. }) => "ecdsa-sha256".to_owned(),
        Some(KeyKind::Ed25519) => "ed25519".to_owned(),
        Some(other) => format!("by the key {other}"),
    }
}

fn transport(setting: KeyTransport, key: Option<KeyKind>) -> String {
    let (rsa, agreement) = match setting {
        KeyTransport::ByKey | KeyTransport::EcdhEs => ("rsa-oaep-mgf1p", "ECDH-ES, ConcatKDF SHA-256, kw-aes256"),
        KeyTransport::EcdhEsHkdf => ("rsa-oaep-mgf1p", "ECDH-ES, HKDF SHA-256, kw-aes256"),
        KeyTransport::RsaOaepMgf1p => ("rsa-oaep-mgf1p", "ECDH-ES, ConcatKDF SHA-256, kw-aes256"),
        KeyTransport::RsaOaepSha256 => ("rsa-oaep with SHA-256", "ECDH-ES, ConcatKDF SHA-256, kw-aes256"),
        KeyTransport::RsaOaepSha384 => ("rsa-oaep with SHA-384", "ECDH-ES, ConcatKDF SHA-256, kw-aes256"),
        KeyTransport::RsaOaepSha512 => ("rsa-oaep with SHA-512", "ECDH-ES, ConcatKDF SHA-256, kw-aes256"),
    };
    match key {
        None => "none: no certificate to encrypt for".to_owned(),
        Some(KeyKind::Rsa { .. }) => rsa.to_owned(),
        Some(_) => agreement.to_owned(),
    }
}

/// What both sides take, whatever is sent by default.
fn accepted() -> Section {
    let named = |wanted: Usage| {
        let names: Vec<&str> = algorithm::all()
            .filter(|(usage, _, _, level)| *usage == wanted && *level == Level::Serve)
            .map(|(_, name, ..)| name)
            .collect();
        list(&names)
    };
    let facts = [
        ("signature", Usage::SignatureMethod),
        ("digest", Usage::DigestMethod),
        ("canonicalization", Usage::C14NMethod),
        ("transform", Usage::Transform),
        ("cipher", Usage::EncryptionMethod),
        ("key transport", Usage::KeyTransport),
        ("digest within OAEP", Usage::OaepDigest),
        ("key agreement", Usage::KeyAgreement),
        ("key derivation", Usage::KeyDerivation),
        ("key wrap", Usage::KeyWrap),
    ];
    section("Algorithms accepted", facts.into_iter().map(|(name, usage)| fact(name, named(usage))).collect())
}

fn service(config: &Config, partner: &Partner) -> Section {
    let (delivery, retention) = (&partner.file().delivery, &partner.file().retention);
    section(
        "Service levels",
        vec![
            fact(
                "tries after a technical failure",
                format!("every {} s for one hour, then held for a person", delivery.retry_every_s),
            ),
            fact("one attempt lasts at most", format!("{} s", delivery.timeout_s)),
            fact("messages under way at once", delivery.parallel),
            fact(
                "messages begun a minute",
                if delivery.pace_per_min == 0 { "no bound".to_owned() } else { delivery.pace_per_min.to_string() },
            ),
            fact("largest message", format!("{} MiB", config.limits.message_mib)),
            fact("largest answer", format!("{} octets", delivery.answer_bytes_max)),
            fact("payload is kept", format!("{} to {} days", retention.minimum_days, retention.maximum_days)),
        ],
    )
}

/// Every list with the version in force between the two, and what becomes of a code that it does not have.
fn code_lists(partner: &Partner) -> Section {
    let (agreed, unknown) = (&partner.file().code_lists, &partner.file().unknown_codes);
    let row = |list: &List| {
        let newest = list.newest().map_or("none", |version| version.name.as_str());
        let version = match agreed.get(&list.name) {
            Some(version) if list.version(version).is_some() => format!("version {version}, agreed"),
            Some(version) => format!("version {version} agreed and not in the program, whose {newest} stands for it"),
            None => format!("version {newest}, the newest of the program; none agreed"),
        };
        let policy = unknown.get(&list.name).or_else(|| unknown.get("default")).copied().unwrap_or(list.unknown);
        fact(list.name.as_str(), format!("{version}; unknown code: {}", policy.as_str()))
    };
    section("Code lists", codelist::all().iter().map(row).collect())
}

impl Annex {
    /// As Markdown: a fact a line.
    #[must_use]
    pub fn markdown(&self) -> String {
        let [first, second] = &self.parties;
        let mut out = format!("# Technical annex: {first} and {second}\n");
        for section in &self.sections {
            let _ = write!(out, "\n## {}\n\n", section.title);
            for fact in &section.facts {
                let _ = writeln!(out, "- {}: {}", fact.name, fact.value);
            }
        }
        let _ = writeln!(
            out,
            "\n## Data menu\n\nMandatory and optional are meant within the element above, by the schema alone; what the agreement \
             profile asks stands above.\n{}\n",
            menu::OIF_NOTE
        );
        out.push_str("| element | WCO id | OIF id | name | format | code list | cardinality | status | note |\n|---|---|---|---|---|---|---|---|---|\n");
        for row in &self.menu {
            let cells = cells(row).map(|cell| cell.replace('|', "\\|"));
            let _ = writeln!(out, "| {} |", cells.join(" | "));
        }
        out
    }

    /// The data menu as CSV (RFC 4180): a line for each element, by the schema alone, and below it one for each thing that the
    /// agreement profile says of it, with `says` filled. What the profile says of no element of the schema (its settings,
    /// elements that it declares itself, rules) comes last.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut out = String::from(
            "element,wco_id,oif_id,name,format,code_list,cardinality,status,note,says,value,on_receipt,before_sending,certainty\r\n",
        );
        let mut left: Vec<&Stated> = self.profile.iter().collect();
        for row in &self.menu {
            push_line(&mut out, cells(row).into_iter().chain([""; 5]));
            let own = |stated: &&Stated| element_of(&stated.subject) == row.path;
            let (of_it, others) = left.into_iter().partition::<Vec<_>, _>(own);
            of_it.into_iter().for_each(|stated| push_stated(&mut out, stated, row));
            left = others;
        }
        let none = menu::Row::default();
        left.into_iter().for_each(|stated| push_stated(&mut out, stated, &none));
        out
    }

    /// Everything as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "parties": self.parties, "sections": self.sections, "profile": self.profile, "menu": self.menu,
            "oif_note": menu::OIF_NOTE,
        })
    }
}

fn cells(row: &menu::Row) -> [&str; 9] {
    [
        &row.path,
        &row.wco_id,
        &row.oif_id,
        &row.name,
        &row.format,
        &row.code_list,
        &row.cardinality,
        &row.status,
        &row.note,
    ]
}

/// `LPCO/ID` of `LPCO/ID/@schemeID`.
fn element_of(subject: &str) -> &str {
    subject.split("/@").next().unwrap_or(subject)
}

fn push_stated(out: &mut String, stated: &Stated, row: &menu::Row) {
    let subject = [stated.subject.as_str(), &stated.wco_id, &row.oif_id, &row.name, "", "", "", "", ""];
    let said = [&stated.says, &stated.value, &stated.on_receipt, &stated.before_sending, &stated.certainty];
    push_line(out, subject.into_iter().chain(said.map(String::as_str)));
}

fn push_line<'c>(out: &mut String, cells: impl Iterator<Item = &'c str>) {
    let cells: Vec<String> = cells.map(quoted).collect();
    out.push_str(&cells.join(","));
    out.push_str("\r\n");
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\r', '\n']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
}

#[cfg(test)]
mod tests;
