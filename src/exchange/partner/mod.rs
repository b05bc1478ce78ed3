//! The agreement with one administration: a new partner is a file, never code.
//!
//! - [`PartnerFile`]: the file, typed and checked (design 4.3).
//! - [`Partner`]: the file with its certificates read.
//! - [`PartnerSet`]: all partners of a moment; [`Partners`] swaps one for the next without a restart.

pub mod address;
pub mod file;
pub mod secret;
pub mod settings;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;

pub use address::Network;
pub use file::{AnchorEntry, CertificateEntry, CertificateUse, Error, OperationName, PartnerFile, Uses, Wco};
pub use secret::{Secret, generate_password};
pub use settings::{
    Cipher, Contact, Delivery, Encrypt, KeyReference, KeyTransport, Order, Retention, Security, SignatureName,
    SignedParts,
};
use zeroize::Zeroizing;

use crate::base::id::{Environment, PartnerId};
use crate::contract::codelist::Lists;
use crate::contract::{Operation, Slots, Version, Versions};
use crate::exchange::profile::{Calendars, Compiled, Profiles};
use crate::pki::{Certificate, TrustAnchors};

/// A certificate of a partner with what it may be used for.
#[derive(Clone, Debug)]
pub struct PartnerCertificate {
    /// The certificate.
    pub certificate: Arc<Certificate>,
    /// Its uses.
    pub uses: Uses,
    /// First moment of use.
    pub use_from: Option<Timestamp>,
}

/// A partner: its file, with certificates, anchors and secret read.
pub struct Partner {
    file: PartnerFile,
    secret: Secret,
    certificates: Vec<PartnerCertificate>,
    anchors: TrustAnchors,
    password_out: Option<(String, Zeroizing<String>)>,
    sent: Version,
    accepted: Versions,
    profile: Arc<Compiled>,
    calendars: Arc<Calendars>,
    code_lists: Lists,
}

impl Partner {
    /// Reads the certificates that `file` names, relative to `folder`; `own_anchors` vouch where it names no anchors. Its
    /// agreement profile is one of the folder `profiles` beside `folder`, or a built-in one.
    ///
    /// # Errors
    /// [`Error`] names the entry.
    pub fn load(file: PartnerFile, folder: &Path, own_anchors: &TrustAnchors) -> Result<Self, Error> {
        Self::load_with(file, folder, own_anchors, &profiles_beside(folder)?)
    }

    fn load_with(
        file: PartnerFile,
        folder: &Path,
        own_anchors: &TrustAnchors,
        profiles: &Profiles,
    ) -> Result<Self, Error> {
        file.check()?;
        let (mut certificates, mut intermediates) = (Vec::new(), Vec::new());
        for (at, entry) in file.certificates.iter().enumerate() {
            let field = format!("certificate[{at}].file");
            let (certificate, above) = chain(&folder.join(&entry.file), &field)?;
            refuse_development(&file, &certificate, || field.clone())?;
            intermediates.extend(above);
            certificates.push(PartnerCertificate {
                certificate: Arc::new(certificate),
                uses: entry.uses.clone(),
                use_from: entry.use_from,
            });
        }
        let mut anchors = if file.anchors.is_empty() { own_anchors.clone() } else { TrustAnchors::new() };
        for own in anchors.anchors() {
            refuse_development(&file, own, || "anchor: none is named, and of our own".to_owned())?;
        }
        for (at, entry) in file.anchors.iter().enumerate() {
            let (first, others) = chain(&folder.join(&entry.file), &format!("anchor[{at}].file"))?;
            refuse_development(&file, &first, || format!("anchor[{at}].file"))?;
            anchors.add_anchor(first);
            others.into_iter().for_each(|other| anchors.add_anchor(other));
        }
        intermediates.into_iter().for_each(|certificate| anchors.add_intermediate(certificate));
        Self::assemble(file, certificates, anchors, folder, profiles)
    }

    /// A partner of parts that are read already, with a built-in profile.
    ///
    /// # Errors
    /// [`Error`] when the file's secret, password file or profile cannot be used.
    pub fn new(
        file: PartnerFile,
        certificates: Vec<PartnerCertificate>,
        anchors: TrustAnchors,
        folder: &Path,
    ) -> Result<Self, Error> {
        Self::assemble(file, certificates, anchors, folder, Profiles::built_in())
    }

    fn assemble(
        file: PartnerFile,
        certificates: Vec<PartnerCertificate>,
        anchors: TrustAnchors,
        folder: &Path,
        profiles: &Profiles,
    ) -> Result<Self, Error> {
        let profile = profiles.compiled(&file.profile).map_err(Error::profile)?;
        let secret = Secret::parse(&file.basic_secret)
            .map_err(|expected| Error::field("basic_secret", expected, "something else"))?;
        let password_out = match (&file.delivery.basic_user, &file.delivery.basic_password_file) {
            (Some(user), Some(path)) => Some((user.clone(), read_password(&folder.join(path))?)),
            _ => None,
        };
        let (sent, accepted) = (file.wco.sent(), file.wco.accepted());
        let code_lists = Lists::new(&file.code_lists, &file.unknown_codes);
        Ok(Self {
            file,
            secret,
            certificates,
            anchors,
            password_out,
            sent,
            accepted,
            profile: Arc::new(profile),
            code_lists,
            calendars: Arc::clone(profiles.calendars()),
        })
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &PartnerId {
        &self.file.id
    }

    /// Its file.
    #[must_use]
    pub fn file(&self) -> &PartnerFile {
        &self.file
    }

    /// What its Basic password is checked against.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Authorities that may have issued its certificates.
    #[must_use]
    pub fn anchors(&self) -> &TrustAnchors {
        &self.anchors
    }

    /// All its certificates.
    #[must_use]
    pub fn certificates(&self) -> &[PartnerCertificate] {
        &self.certificates
    }

    /// The version of the WCO Data Model that we send to it.
    #[must_use]
    pub fn sent_version(&self) -> &Version {
        &self.sent
    }

    /// Namespaces of what we send to it and of its answers.
    #[must_use]
    pub fn slots(&self) -> &Slots {
        &self.sent.slots
    }

    /// The versions of the WCO Data Model that it may send to us.
    #[must_use]
    pub fn accepted_versions(&self) -> &Versions {
        &self.accepted
    }

    /// The agreement profile in force with it.
    #[must_use]
    pub fn profile(&self) -> &Compiled {
        &self.profile
    }

    /// Working days, for the rules of the profile.
    #[must_use]
    pub fn calendars(&self) -> &Calendars {
        &self.calendars
    }

    /// Code lists in force with it, and what becomes of a code that is not listed.
    #[must_use]
    pub fn code_lists(&self) -> &Lists {
        &self.code_lists
    }

    /// User and password that we present to it, where it gave us some of its own.
    #[must_use]
    pub fn password_out(&self) -> Option<(&str, &str)> {
        self.password_out.as_ref().map(|(user, password)| (user.as_str(), password.as_str()))
    }

    /// Its certificates for `wanted` that may be used at `now`, the one that came into use last first.
    #[must_use]
    pub fn certificates_for(&self, wanted: CertificateUse, now: Timestamp) -> Vec<Arc<Certificate>> {
        let mut fitting: Vec<&PartnerCertificate> = self
            .certificates
            .iter()
            .filter(|c| c.uses.contain(wanted) && c.use_from.is_none_or(|from| from <= now))
            .collect();
        fitting.sort_by_key(|c| std::cmp::Reverse(c.use_from));
        fitting.into_iter().map(|c| Arc::clone(&c.certificate)).collect()
    }

    /// The certificate to encrypt for at `now`.
    #[must_use]
    pub fn encryption_certificate(&self, now: Timestamp) -> Option<Arc<Certificate>> {
        let valid = |c: &Arc<Certificate>| c.not_before() <= now && now <= c.not_after();
        self.certificates_for(CertificateUse::Encrypt, now).into_iter().find(valid)
    }

    /// Whether the partner may call `operation` here.
    #[must_use]
    pub fn may_call(&self, operation: Operation) -> bool {
        self.file.operations_in.iter().any(|name| name.operation() == operation)
    }

    /// Whether we may call `operation` there.
    #[must_use]
    pub fn may_be_called(&self, operation: Operation) -> bool {
        self.file.operations_out.iter().any(|name| name.operation() == operation)
    }

    /// The address of `operation` there.
    #[must_use]
    pub fn address_of(&self, operation: Operation) -> Option<String> {
        let base = self.file.endpoint.as_deref()?;
        Some(format!("{}{}", base.trim_end_matches('/'), operation.path()))
    }

    /// Whether the partner speaks for the country.
    #[must_use]
    pub fn speaks_for(&self, country: &str) -> bool {
        self.file.territories.iter().any(|code| code == country)
    }
}

/// The profiles of the folder beside that of the partners.
fn profiles_beside(folder: &Path) -> Result<Profiles, Error> {
    let beside = folder.parent().unwrap_or(Path::new("")).join("profiles");
    Profiles::load(&beside).map_err(Error::profile)
}

/// A development authority's key lies about unguarded: whoever has it could be any partner. Never in `prod`.
fn refuse_development(
    file: &PartnerFile,
    certificate: &Certificate,
    field: impl FnOnce() -> String,
) -> Result<(), Error> {
    if file.environment != Environment::Prod || !certificate.is_of_development() {
        return Ok(());
    }
    let what = format!("{} is of a development authority, which prod does not take", certificate.subject());
    Err(Error::ConfigCertificate { field: field(), what })
}

/// The certificate of a file, and the authorities that follow it there: nothing of a file is left unread.
fn chain(path: &Path, field: &str) -> Result<(Certificate, Vec<Certificate>), Error> {
    let error = |what: String| Error::ConfigCertificate {
        field: field.to_owned(),
        what: format!("{}: {what}", path.display()),
    };
    let mut certificates = Certificate::load(path).map_err(|source| error(source.to_string()))?.into_iter();
    let first = certificates.next().ok_or_else(|| error("holds no certificate".to_owned()))?;
    let above: Vec<Certificate> = certificates.collect();
    match above.iter().find(|certificate| !certificate.is_authority()) {
        None => Ok((first, above)),
        Some(other) => Err(error(format!(
            "expected one certificate, followed by the authorities above it; {} is no authority: give it an entry of its own",
            other.subject()
        ))),
    }
}

fn read_password(path: &Path) -> Result<Zeroizing<String>, Error> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| Error::ConfigUnreadable { path: path.display().to_string(), source })?;
    Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// All partners of one moment.
#[derive(Default)]
pub struct PartnerSet {
    partners: Vec<Arc<Partner>>,
    by_id: HashMap<PartnerId, usize>,
    by_certificate: HashMap<[u8; 32], usize>,
}

impl PartnerSet {
    /// Puts partners together; what must tell them apart may not be shared.
    ///
    /// # Errors
    /// [`Error::ConfigShared`], or [`Error::ConfigField`] for a partner of another environment.
    pub fn new(partners: Vec<Partner>, environment: Environment) -> Result<Self, Error> {
        let mut set = Self::default();
        let mut users: HashMap<String, PartnerId> = HashMap::new();
        for partner in partners {
            if partner.file.environment != environment {
                return Err(Error::field(
                    "environment",
                    format!("{environment}, our own"),
                    format!("{} of partner {}", partner.file.environment, partner.id()),
                ));
            }
            let at = set.partners.len();
            let shared = |field, what: String, first: &PartnerId| Error::ConfigShared {
                field,
                what,
                first: first.to_string(),
                second: partner.id().to_string(),
            };
            if set.by_id.insert(partner.id().clone(), at).is_some() {
                return Err(shared("id", partner.id().to_string(), partner.id()));
            }
            if let Some(first) = users.insert(partner.file.basic_user.clone(), partner.id().clone()) {
                return Err(shared("basic_user", partner.file.basic_user.clone(), &first));
            }
            for entry in &partner.certificates {
                let thumbprint = *entry.certificate.thumbprint_sha256();
                if let Some(first) = set.by_certificate.insert(thumbprint, at)
                    && first != at
                {
                    let first = set.partners[first].id().clone();
                    return Err(shared("certificate", entry.certificate.fingerprint(), &first));
                }
            }
            set.partners.push(Arc::new(partner));
        }
        Ok(set)
    }

    /// Reads every `*.toml` in `folder`; a missing folder holds no partner.
    ///
    /// # Errors
    /// The first file that is not accepted, with its name.
    pub fn load(folder: &Path, environment: Environment, own_anchors: &TrustAnchors) -> Result<Self, LoadError> {
        let unreadable = |source| Error::ConfigUnreadable { path: folder.display().to_string(), source };
        let mut files = Vec::new();
        match std::fs::read_dir(folder) {
            Ok(entries) => {
                for entry in entries {
                    let path = entry.map_err(|source| LoadError::of(folder, unreadable(source)))?.path();
                    if path.extension().is_some_and(|e| e == "toml") {
                        files.push(path);
                    }
                }
            }
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(LoadError::of(folder, unreadable(source))),
        }
        files.sort();
        let profiles = profiles_beside(folder).map_err(|error| LoadError::of(folder, error))?;
        let mut partners = Vec::with_capacity(files.len());
        for path in files {
            let text = std::fs::read_to_string(&path).map_err(|source| {
                LoadError::of(&path, Error::ConfigUnreadable { path: path.display().to_string(), source })
            })?;
            let partner =
                PartnerFile::parse(&text).and_then(|file| Partner::load_with(file, folder, own_anchors, &profiles));
            partners.push(partner.map_err(|error| LoadError::of(&path, error))?);
        }
        Self::new(partners, environment).map_err(|error| LoadError::of(folder, error))
    }

    /// All of them, in the order of their files.
    #[must_use]
    pub fn all(&self) -> &[Arc<Partner>] {
        &self.partners
    }

    /// The partner of that id.
    #[must_use]
    pub fn by_id(&self, id: &PartnerId) -> Option<&Arc<Partner>> {
        self.by_id.get(id).and_then(|at| self.partners.get(*at))
    }

    /// The partner whose TLS certificate has this SHA-256 thumbprint.
    #[must_use]
    pub fn by_tls_certificate(&self, thumbprint: &[u8; 32], now: Timestamp) -> Option<&Arc<Partner>> {
        let partner = self.by_certificate.get(thumbprint).and_then(|at| self.partners.get(*at))?;
        let usable = |c: &PartnerCertificate| {
            c.certificate.thumbprint_sha256() == thumbprint
                && c.uses.contain(CertificateUse::Tls)
                && c.use_from.is_none_or(|from| from <= now)
        };
        partner.certificates.iter().any(usable).then_some(partner)
    }

    /// The partner that owns the certificate, whatever its use.
    #[must_use]
    pub fn by_certificate(&self, thumbprint: &[u8; 32]) -> Option<&Arc<Partner>> {
        self.by_certificate.get(thumbprint).and_then(|at| self.partners.get(*at))
    }

    /// The partner of that Basic user.
    #[must_use]
    pub fn by_basic_user(&self, user: &str) -> Option<&Arc<Partner>> {
        self.partners.iter().find(|partner| partner.file.basic_user == user)
    }

    /// Whether any partner calls from `address`: asked at accept, before TLS.
    #[must_use]
    pub fn any_calls_from(&self, address: std::net::IpAddr) -> bool {
        self.partners.iter().any(|partner| partner.file.addresses.iter().any(|network| network.contains(address)))
    }

    /// Every certificate that a partner may open TLS with: for a server that pins them.
    #[must_use]
    pub fn anchors_of_all(&self) -> Vec<Certificate> {
        let mut anchors: Vec<Certificate> = Vec::new();
        for anchor in self.partners.iter().flat_map(|partner| partner.anchors.anchors()) {
            if !anchors.contains(anchor) {
                anchors.push(anchor.clone());
            }
        }
        anchors
    }
}

/// A partner file that was not accepted.
#[derive(Debug, thiserror::Error)]
#[error("{path}")]
pub struct LoadError {
    /// The file or folder.
    pub path: String,
    /// Why.
    #[source]
    pub source: Error,
}

impl LoadError {
    fn of(path: &Path, source: Error) -> Self {
        Self { path: path.display().to_string(), source }
    }
}

/// The partners in force; a reload swaps the whole set at once.
#[derive(Clone)]
pub struct Partners(Arc<ArcSwap<PartnerSet>>);

impl Partners {
    /// Begins with this set.
    #[must_use]
    pub fn new(set: PartnerSet) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(set)))
    }

    /// The set in force now.
    #[must_use]
    pub fn now(&self) -> Arc<PartnerSet> {
        self.0.load_full()
    }

    /// Puts another set in force; what is under way finishes with the one it began with.
    pub fn replace(&self, set: PartnerSet) {
        self.0.store(Arc::new(set));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::{DevCa, Issue, KeyKind, PrivateKey, Use};

    const P256: KeyKind = KeyKind::Ec { curve: "prime256v1", bits: 256 };

    struct World {
        folder: tempfile::TempDir,
        root: DevCa,
        middle: DevCa,
        now: Timestamp,
    }

    fn key() -> PrivateKey {
        PrivateKey::generate(P256).unwrap()
    }

    impl World {
        fn new() -> Self {
            let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
            let root = DevCa::create(&Issue::new("Root", &[], now, 365), key()).unwrap();
            let middle = root.issue_authority(&Issue::new("Middle", &[], now, 365), key(), None).unwrap();
            Self { folder: tempfile::tempdir().unwrap(), root, middle, now }
        }

        fn signer(&self, name: &str) -> Certificate {
            self.middle.issue(&Issue::new(name, &[Use::Sign], self.now, 300), &key()).unwrap()
        }

        /// A partner whose one certificate file holds these.
        fn partner(&self, certificates: &[&Certificate], anchors: &[&Certificate]) -> Result<Partner, Error> {
            let pem = |all: &[&Certificate]| all.iter().map(|one| one.to_pem()).collect::<String>();
            std::fs::write(self.folder.path().join("sign.pem"), pem(certificates)).unwrap();
            std::fs::write(self.folder.path().join("anchor.pem"), pem(anchors)).unwrap();
            let text = concat!(
                "id = \"ID\"\nenvironment = \"test\"\nbasic_user = \"ID\"\n",
                "basic_secret = \"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"\nterritories = [\"ID\"]\n",
                "[[certificate]]\nuse = \"sign\"\nfile = \"sign.pem\"\n[[anchor]]\nuse = \"sign\"\nfile = \"anchor.pem\"\n"
            );
            Partner::load(PartnerFile::parse(text).unwrap(), self.folder.path(), &TrustAnchors::new())
        }

        fn is_certified(&self, partner: &Partner) -> bool {
            let certificate = &partner.certificates()[0].certificate;
            partner.anchors().check(certificate, &[], self.now, Use::Sign).is_ok()
        }
    }

    #[test]
    fn a_chain_file_is_used_whole() {
        // Authorities hand certificates out with the intermediates below their root.
        let world = World::new();
        let (signer, root, middle) = (world.signer("signer"), world.root.certificate(), world.middle.certificate());
        let with_chain = world.partner(&[&signer, middle], &[root]).unwrap();
        assert_eq!(with_chain.certificates().len(), 1);
        assert!(world.is_certified(&with_chain));
        let alone = world.partner(&[&signer], &[root]).unwrap();
        assert!(!world.is_certified(&alone), "without the intermediate there is no path");
        let both_anchors = world.partner(&[&signer], &[root, middle]).unwrap();
        assert!(world.is_certified(&both_anchors));
    }

    #[test]
    fn prod_takes_no_partner_of_a_development_authority() {
        let world = World::new();
        let load = |environment: &str, authority: &str, names_it: bool| {
            let ca = DevCa::create(&Issue::new(authority, &[], world.now, 365), key()).unwrap();
            let folder = tempfile::tempdir().unwrap();
            let write = |name: &str, octets: String| std::fs::write(folder.path().join(name), octets).unwrap();
            write("anchor.pem", ca.certificate().to_pem());
            let mut text = format!(
                "id = \"ID\"\nenvironment = \"{environment}\"\nbasic_user = \"ID\"\nbasic_secret = \"{}\"\nterritories = [\"ID\"]\n",
                "0123456789abcdef".repeat(4)
            );
            for (name, uses) in [("tls", &[Use::TlsServer, Use::TlsClient] as &[Use]), ("sign", &[Use::Sign])] {
                let issued = ca.issue(&Issue::new(name, uses, world.now, 300), &key()).unwrap();
                write(&format!("{name}.pem"), issued.to_pem());
                text.push_str(&format!("[[certificate]]\nuse = \"{name}\"\nfile = \"{name}.pem\"\n"));
            }
            let mut own = TrustAnchors::new();
            if names_it {
                text.push_str("[[anchor]]\nuse = \"sign\"\nfile = \"anchor.pem\"\n");
            } else {
                own.add_anchor(ca.certificate().clone());
            }
            Partner::load(PartnerFile::parse(&text).unwrap(), folder.path(), &own).map(drop)
        };
        for names_it in [true, false] {
            let refused = load("prod", "ID Development CA", names_it).unwrap_err().to_string();
            assert!(refused.contains("of a development authority"), "{refused}");
            load("prod", "ID Customs CA", names_it).unwrap();
            load("test", "ID Development CA", names_it).unwrap();
        }
    }

    #[test]
    fn a_second_certificate_that_is_no_authority_is_refused() {
        // Read for its first alone, the second would never be accepted, and nobody would be told.
        let world = World::new();
        let (signer, other, root) = (world.signer("signer"), world.signer("other"), world.root.certificate());
        for (certificates, anchors) in
            [([&signer, &other].as_slice(), [root].as_slice()), (&[&signer], &[root, &other])]
        {
            let refused = world.partner(certificates, anchors).err().unwrap().to_string();
            assert!(refused.contains("other is no authority"), "{refused}");
        }
    }
}
