//! The partner file, `partners/NAME.toml` (design 4.3): every key typed, with unit, default and range.
//!
//! Refuses keys that it does not know, values outside their range, and for a partner of `prod` whatever would let an
//! unsigned, unencrypted or unauthenticated business message in or out (design 5, invariant 1).

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::address::Network;
use super::settings::{Contact, Delivery, Encrypt, Retention, Security, SignedParts};
use crate::base::id::{Environment, PartnerId};
use crate::contract::codelist::{NAMES, Unknown};
use crate::contract::version::{NEWEST, VERSIONS_MAX, settable};
use crate::contract::{Operation, Slot, Slots, Version, Versions};

/// Why a partner file is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read from disk.
    #[error("{path}: cannot be read")]
    ConfigUnreadable {
        /// The file.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Not TOML, an unknown key, or a value of the wrong kind: `[security]` with `ciper = "aes256-gcm"`.
    #[error("not a partner file")]
    ConfigSyntax {
        /// Line, column and what was expected.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// A value outside its range: `skew_s = 86400`.
    #[error("{field}: expected {expected}, came {came}")]
    ConfigField {
        /// Path of the key: `security.skew_s`.
        field: String,
        /// Range or form.
        expected: String,
        /// What stands there.
        came: String,
    },
    /// Something that `prod` never permits: `encrypt = "none"`.
    #[error("{field}: {came} is not permitted for a partner of prod, expected {expected}")]
    PolicyProd {
        /// Path of the key.
        field: &'static str,
        /// What `prod` demands.
        expected: &'static str,
        /// What stands there.
        came: String,
    },
    /// A certificate or anchor cannot be used.
    #[error("{field}: {what}")]
    ConfigCertificate {
        /// Path of the key with its number: `certificate[2].file`.
        field: String,
        /// What is wrong with it.
        what: String,
    },
    /// The agreement profile is not there, or is not right: `coconnect profile check` tells more.
    #[error("profile")]
    ConfigProfile {
        /// Why.
        #[source]
        source: Box<crate::exchange::profile::Error>,
    },
    /// Two partners share what must tell them apart: a TLS certificate, a Basic user, an id.
    #[error("{field}: {what} belongs to partner {first} and to partner {second}")]
    ConfigShared {
        /// Path of the key.
        field: &'static str,
        /// The shared value, or its thumbprint.
        what: String,
        /// First partner.
        first: String,
        /// Second partner.
        second: String,
    },
}

impl Error {
    pub(super) fn profile(source: crate::exchange::profile::Error) -> Self {
        Self::ConfigProfile { source: Box::new(source) }
    }

    pub(super) fn field(field: impl Into<String>, expected: impl Into<String>, came: impl ToString) -> Self {
        Self::ConfigField { field: field.into(), expected: expected.into(), came: came.to_string() }
    }
}

/// One operation by its path name, as it stands in `operations_in` and `operations_out`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OperationName {
    /// Send CO.
    SendCo,
    /// Send amendment notification.
    SendAmendmentNotification,
    /// Send cancellation status.
    SendCancellationStatus,
    /// Send feedback.
    SendFeedback,
    /// Send DO.
    SendDo,
}

impl OperationName {
    /// All five, in the order of design 2.
    pub const ALL: [Self; 5] =
        [Self::SendCo, Self::SendAmendmentNotification, Self::SendCancellationStatus, Self::SendFeedback, Self::SendDo];

    /// The operation of the contract.
    #[must_use]
    pub fn operation(self) -> Operation {
        match self {
            Self::SendCo => Operation::SendCo,
            Self::SendAmendmentNotification => Operation::SendAmendmentNotification,
            Self::SendCancellationStatus => Operation::SendCancellationStatus,
            Self::SendFeedback => Operation::SendFeedback,
            Self::SendDo => Operation::SendDo,
        }
    }

    /// As written in the file and, after `/`, in the path.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SendCo => "send-co",
            Self::SendAmendmentNotification => "send-amendment-notification",
            Self::SendCancellationStatus => "send-cancellation-status",
            Self::SendFeedback => "send-feedback",
            Self::SendDo => "send-do",
        }
    }
}

/// What a certificate may be used for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CertificateUse {
    /// TLS client and server certificate of the partner.
    Tls,
    /// Signs messages.
    Sign,
    /// Messages are encrypted for it.
    Encrypt,
}

/// One use, or a list of uses.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Uses {
    /// `use = "tls"`.
    One(CertificateUse),
    /// `use = ["tls", "sign"]`.
    Many(Vec<CertificateUse>),
}

impl Uses {
    /// Whether `wanted` is among them.
    #[must_use]
    pub fn contain(&self, wanted: CertificateUse) -> bool {
        match self {
            Self::One(one) => *one == wanted,
            Self::Many(many) => many.contains(&wanted),
        }
    }
}

/// `[[certificate]]`: a certificate of the partner, bound to it and to its uses.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateEntry {
    /// What it may be used for; no default.
    #[serde(rename = "use")]
    pub uses: Uses,
    /// PEM or DER, relative to the folder of the partner file; no default.
    pub file: PathBuf,
    /// First moment of use, RFC 3339 (default: at once). Of several, the latest that has come is used to encrypt; all
    /// that are valid are accepted for TLS and signatures, so that rotation overlaps.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "moment")]
    pub use_from: Option<Timestamp>,
}

/// `[[anchor]]`: a certification authority that may have issued the partner's certificates.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnchorEntry {
    /// Which certificates it vouches for; no default.
    #[serde(rename = "use")]
    pub uses: Uses,
    /// PEM or DER, relative to the folder of the partner file; no default.
    pub file: PathBuf,
}

/// `[wco]`: which versions of the WCO Data Model are exchanged, and under which namespaces.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wco {
    /// The version that we send to it; 1 to 6 characters, default `4.0.0`.
    #[serde(default = "newest")]
    pub send: String,
    /// The versions that it may send to us; 1 to 8, default `["4.0.0"]`.
    #[serde(default = "newest_alone")]
    pub accept: Vec<String>,
    /// Namespaces of a version by slot, where they are not those of `xsd/`:
    /// `[wco.namespaces."4.2.0"]` with `md`, `lpco`, `res` and `ext`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub namespaces: BTreeMap<String, BTreeMap<String, String>>,
}

impl Default for Wco {
    fn default() -> Self {
        Self { send: newest(), accept: newest_alone(), namespaces: BTreeMap::new() }
    }
}

fn newest() -> String {
    NEWEST.to_owned()
}

fn newest_alone() -> Vec<String> {
    vec![newest()]
}

impl Wco {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The version that is sent.
    #[must_use]
    pub fn sent(&self) -> Version {
        self.version(&self.send)
    }

    /// The versions that are taken.
    #[must_use]
    pub fn accepted(&self) -> Versions {
        Versions::new(self.accept.iter().map(|code| self.version(code)).collect())
    }

    fn version(&self, code: &str) -> Version {
        let named = self.namespaces.get(code).into_iter().flatten();
        let slots = named.fold(Slots::default(), |slots, (name, uri)| match Slot::parse(name) {
            Some(slot) => slots.with(slot, uri),
            None => slots,
        });
        Version { code: code.to_owned(), slots }
    }

    fn check(&self) -> Result<(), Error> {
        let is_code = |code: &str| {
            (1..=6).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-')
        };
        let quoted = |code: &str| format!("{code:?}");
        let code = "1 to 6 of A-Z, a-z, 0-9, . and -";
        if !is_code(&self.send) {
            return Err(Error::field("wco.send", code, quoted(&self.send)));
        }
        if !(1..=VERSIONS_MAX).contains(&self.accept.len()) {
            return Err(Error::field("wco.accept", format!("1 to {VERSIONS_MAX} versions"), self.accept.len()));
        }
        for (at, one) in self.accept.iter().enumerate() {
            if !is_code(one) || self.accept.iter().take(at).any(|earlier| earlier == one) {
                return Err(Error::field(format!("wco.accept[{at}]"), format!("{code}, each once"), quoted(one)));
            }
        }
        for (version, slots) in &self.namespaces {
            if *version != self.send && !self.accept.contains(version) {
                let field = format!("wco.namespaces.{version:?}");
                return Err(Error::field(field, "a version of wco.send or wco.accept", "another"));
            }
            for (name, uri) in slots {
                let field = format!("wco.namespaces.{version:?}.{name}");
                if !Slot::parse(name).is_some_and(settable) {
                    return Err(Error::field(field, "md, lpco, res or ext", quoted(name)));
                }
                // Relative URIs as namespaces have no canonical form.
                let absolute = uri.split_once(':').is_some_and(|(scheme, rest)| {
                    !rest.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
                });
                if !absolute || uri.len() > 256 || uri.bytes().any(|b| b <= b' ' || b"\"<>".contains(&b)) {
                    return Err(Error::field(field, "an absolute URI of at most 256 characters", quoted(uri)));
                }
            }
            let version = self.version(version);
            let uris = Slot::ALL.map(|slot| version.slots.uri(slot).to_owned());
            if uris.iter().enumerate().any(|(at, uri)| uris.iter().skip(at + 1).any(|other| other == uri)) {
                return Err(Error::field(
                    format!("wco.namespaces.{:?}", version.code),
                    "one namespace for each slot",
                    "one twice",
                ));
            }
        }
        Ok(())
    }
}

/// One partner file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartnerFile {
    /// How we name the partner: 1 to 32 of A-Z, 0-9 and `-`.
    #[serde(with = "partner_id")]
    pub id: PartnerId,
    /// `dev`, `test` or `prod`; must be our own.
    #[serde(with = "environment")]
    pub environment: Environment,
    /// Base URL of the partner's gateway, `https://...`; the operation's path is appended. Without it nothing can be
    /// sent to the partner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Basic user that the partner presents to us; 1 to 64 printable ASCII characters without `:`.
    pub basic_user: String,
    /// What its password is checked against: `hmac-sha256:SALT:HASH` in hexadecimal, or the password itself, which
    /// `partner add` replaces by that form.
    pub basic_secret: String,
    /// Networks that the partner calls from; default none, and then nothing is accepted from it.
    #[serde(default)]
    pub addresses: Vec<Network>,
    /// Operations that the partner may call here; default none.
    #[serde(default)]
    pub operations_in: Vec<OperationName>,
    /// Operations that we may call there; default none.
    #[serde(default)]
    pub operations_out: Vec<OperationName>,
    /// Country codes (ISO 3166-1 alpha-2) that the partner speaks for.
    pub territories: Vec<String>,
    /// Name of the agreement profile: a file of `profiles/`, else one that is built in; default `default`.
    #[serde(default = "default_profile")]
    pub profile: String,
    /// Whether messages are exchanged with it now; default true.
    #[serde(default = "yes")]
    pub active: bool,
    /// Security settings.
    #[serde(default)]
    pub security: Security,
    /// Delivery settings.
    #[serde(default)]
    pub delivery: Delivery,
    /// Retention settings.
    #[serde(default)]
    pub retention: Retention,
    /// Versions of the WCO Data Model.
    #[serde(default, skip_serializing_if = "Wco::is_default")]
    pub wco: Wco,
    /// Code lists in force with the partner, name = version: `iso-4217 = "2026"`. A list that is not named, or of which we do
    /// not have the version, stands for our newest; `partner show` tells where they differ.
    #[serde(default)]
    pub code_lists: BTreeMap<String, String>,
    /// What becomes of a document with a code that is not listed: name of a list = `reject`, `warn` or `pass`; `default` for
    /// those that are not named; without it what each list says (`partner show --json`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unknown_codes: BTreeMap<String, Unknown>,
    /// Its certificates.
    #[serde(default, rename = "certificate")]
    pub certificates: Vec<CertificateEntry>,
    /// Its certification authorities; default: those of our own configuration.
    #[serde(default, rename = "anchor")]
    pub anchors: Vec<AnchorEntry>,
    /// Whom to call there; default nobody.
    #[serde(default, rename = "contact", skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<Contact>,
}

fn default_profile() -> String {
    "default".to_owned()
}

fn yes() -> bool {
    true
}

impl PartnerFile {
    /// Reads and checks the text of a partner file.
    ///
    /// # Errors
    /// [`Error`] names the key, what was expected and what came.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let file: Self = toml::from_str(text).map_err(|source| Error::ConfigSyntax { source: Box::new(source) })?;
        file.check()?;
        Ok(file)
    }

    /// The file as text; reading it gives the same file.
    ///
    /// # Panics
    /// Never: every value of this type has a TOML form.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("every field has a TOML form")
    }

    /// Every range and the rules of `prod`.
    ///
    /// # Errors
    /// The first that is broken.
    pub fn check(&self) -> Result<(), Error> {
        self.check_identity()?;
        self.check_numbers()?;
        self.wco.check()?;
        if self.environment == Environment::Prod {
            self.check_prod()?;
        }
        Ok(())
    }

    fn check_identity(&self) -> Result<(), Error> {
        check_basic_user("basic_user", &self.basic_user)?;
        if let Some(user) = &self.delivery.basic_user {
            check_basic_user("delivery.basic_user", user)?;
        }
        if self.delivery.basic_user.is_some() != self.delivery.basic_password_file.is_some() {
            return Err(Error::field("delivery", "basic_user and basic_password_file together", "one of them"));
        }
        super::secret::Secret::parse(&self.basic_secret)
            .map_err(|what| Error::field("basic_secret", what, "something else"))?;
        if self.territories.is_empty() {
            return Err(Error::field("territories", "at least one country code", "none"));
        }
        for (at, code) in self.territories.iter().enumerate() {
            if code.len() != 2 || !code.bytes().all(|b| b.is_ascii_uppercase()) {
                return Err(Error::field(format!("territories[{at}]"), "two of A-Z", format!("{code:?}")));
            }
        }
        if self.profile.is_empty()
            || !self.profile.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        {
            return Err(Error::field("profile", "a-z, 0-9 and -", format!("{:?}", self.profile)));
        }
        if let Some(name) = self.unknown_codes.keys().find(|name| *name != "default" && !NAMES.contains(&name.as_str()))
        {
            let expected = format!("default or one of {}", NAMES.join(", "));
            return Err(Error::field("unknown_codes", expected, format!("{name:?}")));
        }
        self.check_endpoint()
    }

    fn check_endpoint(&self) -> Result<(), Error> {
        let Some(endpoint) = &self.endpoint else {
            if self.operations_out.is_empty() {
                return Ok(());
            }
            return Err(Error::field("endpoint", "a URL, since operations_out names operations", "none"));
        };
        let tls = endpoint.strip_prefix("https://");
        let plain = endpoint.strip_prefix("http://");
        let rest = match (tls, plain, self.environment) {
            (Some(rest), _, _) => rest,
            (None, Some(rest), Environment::Dev) if is_loopback(rest) => rest,
            _ => {
                return Err(Error::field("endpoint", "https:// (http:// on loopback in dev only)", endpoint));
            }
        };
        if rest.is_empty() || rest.contains(['?', '#', '@']) || !rest.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Error::field("endpoint", "host, optional port and path", endpoint));
        }
        Ok(())
    }

    fn check_numbers(&self) -> Result<(), Error> {
        let d = &self.delivery;
        let r = &self.retention;
        let mib = 1024 * 1024;
        for (field, came, low, high) in [
            ("security.skew_s", self.security.skew_s, 0, 300),
            ("delivery.retry_every_s", d.retry_every_s, 1, 3_600),
            ("delivery.parallel", d.parallel, 1, 64),
            ("delivery.pace_per_min", d.pace_per_min, 0, 60_000),
            ("delivery.timeout_s", d.timeout_s, 1, 600),
            ("delivery.answer_bytes_max", d.answer_bytes_max, 16 * 1024, 50 * mib),
            ("retention.minimum_days", r.minimum_days, 0, 36_500),
            ("retention.maximum_days", r.maximum_days, r.minimum_days, 36_500),
            ("retention.quarantine_mib_per_day", r.quarantine_mib_per_day, 1, 102_400),
        ] {
            if came < low || came > high {
                return Err(Error::field(field, format!("{low} to {high}"), came));
            }
        }
        Ok(())
    }

    fn check_prod(&self) -> Result<(), Error> {
        let refuse = |field, expected, came: &str| Err(Error::PolicyProd { field, expected, came: came.to_owned() });
        if self.security.encrypt == Encrypt::None {
            return refuse("security.encrypt", "document or a list of elements", "\"none\"");
        }
        if matches!(&self.security.encrypt, Encrypt::Elements(list) if list.is_empty()) {
            return refuse("security.encrypt", "document or a list of elements", "an empty list");
        }
        if self.security.signed_parts == SignedParts::BodyTimestamp {
            return refuse("security.signed_parts", "full", "\"body-timestamp\"");
        }
        for (what, wanted) in [("tls", CertificateUse::Tls), ("sign", CertificateUse::Sign)] {
            if !self.operations_in.is_empty() && !self.certificates.iter().any(|c| c.uses.contain(wanted)) {
                return refuse("certificate", "one for tls and one for sign", &format!("none for {what}"));
            }
        }
        if !self.operations_out.is_empty() && !self.certificates.iter().any(|c| c.uses.contain(CertificateUse::Encrypt))
        {
            return refuse("certificate", "one for encrypt, since operations_out names operations", "none for encrypt");
        }
        if self.addresses.iter().any(Network::is_everything) {
            return refuse("addresses", "networks of the partner", "every address");
        }
        Ok(())
    }
}

fn check_basic_user(field: &str, user: &str) -> Result<(), Error> {
    let good = (1..=64).contains(&user.len()) && user.bytes().all(|b| b.is_ascii_graphic() && b != b':');
    if good { Ok(()) } else { Err(Error::field(field, "1 to 64 printable characters without :", format!("{user:?}"))) }
}

fn is_loopback(rest: &str) -> bool {
    let authority = rest.split('/').next().unwrap_or("");
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or(""),
        None => authority.split(':').next().unwrap_or(""),
    };
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// RFC 3339 as a TOML date or as a text.
fn moment<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a date and time with its zone, RFC 3339")]
    enum Moment {
        Date(toml::value::Datetime),
        Text(String),
    }
    let text = match Moment::deserialize(from)? {
        Moment::Date(date) => date.to_string(),
        Moment::Text(text) => text,
    };
    text.parse().map(Some).map_err(serde::de::Error::custom)
}

mod partner_id {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use crate::base::id::PartnerId;

    pub(super) fn serialize<S: Serializer>(id: &PartnerId, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(id.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PartnerId, D::Error> {
        PartnerId::parse(&String::deserialize(from)?).map_err(de::Error::custom)
    }
}

mod environment {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use crate::base::id::Environment;

    pub(super) fn serialize<S: Serializer>(environment: &Environment, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(environment.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Environment, D::Error> {
        Environment::parse(&String::deserialize(from)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINIMAL: &str = r#"
id = "ID"
environment = "test"
endpoint = "https://test.coconnect.beacukai.go.id"
basic_user = "ID"
basic_secret = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
territories = ["ID"]
"#;

    fn with(extra: &str) -> Result<PartnerFile, Error> {
        PartnerFile::parse(&format!("{MINIMAL}{extra}"))
    }

    #[test]
    fn a_minimal_file_has_the_defaults_of_the_design() {
        let file = with("").unwrap();
        assert_eq!(file.security, Security::default());
        assert_eq!(file.delivery.retry_every_s, 600);
        assert!(file.addresses.is_empty(), "nothing is accepted from a partner that names no address");
    }

    #[test]
    fn a_file_written_reads_back() {
        let file = with(
            "operations_in = [\"send-co\"]\naddresses = [\"10.0.0.0/8\", \"::1\"]\n[security]\nencrypt = [\"//x\"]\n\
             [[certificate]]\nuse = [\"tls\", \"sign\"]\nfile = \"id.pem\"\nuse_from = \"2026-01-01T00:00:00Z\"\n",
        )
        .unwrap();
        assert_eq!(PartnerFile::parse(&file.to_toml()).unwrap(), file);
    }

    #[test]
    fn an_unknown_key_is_an_error_wherever_it_stands() {
        for extra in [
            "colour = 1",
            "[security]\nciper = \"aes256-gcm\"",
            "[delivery]\nretries = 3",
            "[[certificate]]\nuse = \"tls\"\nfile = \"a\"\npassword = \"x\"",
            "[[anchor]]\nuse = \"tls\"\nfile = \"a\"\nx = 1",
            "[retention]\nforever = true",
        ] {
            assert!(matches!(with(extra), Err(Error::ConfigSyntax { .. })), "{extra}");
        }
    }

    #[test]
    fn values_outside_their_range_are_refused_by_name() {
        for (extra, field) in [
            ("[security]\nskew_s = 301", "security.skew_s"),
            ("[delivery]\nretry_every_s = 0", "delivery.retry_every_s"),
            ("[delivery]\nparallel = 0", "delivery.parallel"),
            ("[retention]\nminimum_days = 10\nmaximum_days = 9", "retention.maximum_days"),
        ] {
            match with(extra) {
                Err(Error::ConfigField { field: named, .. }) => assert_eq!(named, field),
                other => panic!("{extra}: {other:?}"),
            }
        }
    }

    #[test]
    fn prod_takes_no_setting_that_weakens_it() {
        // Invariant 1: whatever stands in the file, a prod partner is signed, encrypted and authenticated.
        let strict = "operations_in = [\"send-co\"]\noperations_out = [\"send-co\"]\naddresses = [\"192.0.2.0/24\"]\n\
                      [[certificate]]\nuse = [\"tls\", \"sign\", \"encrypt\"]\nfile = \"id.pem\"\n";
        let prod = MINIMAL.replace("\"test\"", "\"prod\"");
        let good = format!("{prod}{strict}");
        PartnerFile::parse(&good).unwrap();
        for weak in [
            format!("{good}[security]\nencrypt = \"none\"\n"),
            format!("{good}[security]\nencrypt = []\n"),
            format!("{good}[security]\nsigned_parts = \"body-timestamp\"\n"),
            good.replace("192.0.2.0/24", "0.0.0.0/0"),
            good.replace("[\"tls\", \"sign\", \"encrypt\"]", "[\"tls\", \"encrypt\"]"),
            good.replace("[\"tls\", \"sign\", \"encrypt\"]", "[\"sign\", \"encrypt\"]"),
            good.replace("[\"tls\", \"sign\", \"encrypt\"]", "[\"tls\", \"sign\"]"),
        ] {
            assert!(matches!(PartnerFile::parse(&weak), Err(Error::PolicyProd { .. })), "{weak}");
        }
        assert!(PartnerFile::parse(&good.replace("https://", "http://")).is_err());
    }

    #[test]
    fn plain_http_is_for_loopback_in_dev() {
        let dev = MINIMAL.replace("\"test\"", "\"dev\"");
        for (url, good) in [
            ("http://127.0.0.1:8080/x", true),
            ("http://localhost:1", true),
            ("http://[::1]:9", true),
            ("http://192.0.2.1", false),
            ("http://127.0.0.1.example.org", false),
            ("ftp://127.0.0.1", false),
            ("https://", false),
        ] {
            let text = dev.replace("https://test.coconnect.beacukai.go.id", url);
            assert_eq!(PartnerFile::parse(&text).is_ok(), good, "{url}");
        }
    }
}
