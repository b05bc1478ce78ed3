//! Versions of the WCO Data Model side by side (design 2.1): each has its code, which the header `MetaData` carries, and the
//! namespaces of its slots. Which of them a partner is sent and which it may send is agreed with each.

use super::violation::{Came, Violation, Violations};
use super::{Slot, Slots};
use crate::xml::{Document, NodeId};

/// The version that `wsdl/` and `xsd/` are written for, and that is agreed where a partner file says nothing.
pub const NEWEST: &str = "4.0.0";
/// Versions that are agreed with one partner in one direction, at most.
pub const VERSIONS_MAX: usize = 8;

/// One version: its code and its namespaces.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Version {
    /// `WCODataModelVersionCode`, 1 to 6 characters: `4.0.0`.
    pub code: String,
    /// Its namespaces.
    pub slots: Slots,
}

impl Default for Version {
    fn default() -> Self {
        Self { code: NEWEST.to_owned(), slots: Slots::default() }
    }
}

/// The versions that may come; never none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Versions(Vec<Version>);

impl Default for Versions {
    fn default() -> Self {
        Self(vec![Version::default()])
    }
}

impl Versions {
    /// These; [`Version::default`] where there are none.
    #[must_use]
    pub fn new(versions: Vec<Version>) -> Self {
        if versions.is_empty() { Self::default() } else { Self(versions) }
    }

    /// These, each once, those first whose header has the namespace of the document's: of two with one code that one is meant.
    #[must_use]
    pub fn fitting<'a>(versions: impl IntoIterator<Item = &'a Version>, document: &Document) -> Self {
        let header = header(document, document.document_element());
        let mut all: Vec<Version> = Vec::new();
        for version in versions {
            if !all.contains(version) {
                all.push(version.clone());
            }
        }
        let fits = |version: &Version| header.is_some_and(|node| document.ns(node) == version.slots.uri(Slot::Md));
        // The sort keeps the order of those that fit alike.
        all.sort_by_key(|version| !fits(version));
        Self::new(all)
    }

    /// All of them, in the order in which they were given.
    pub fn iter(&self) -> impl Iterator<Item = &Version> {
        self.0.iter()
    }

    /// The version that a document says it follows: `node` is its `MetaData` or the one element around that. Names are
    /// read by their local part alone, for the namespaces are what the version tells. A document that names none is read
    /// as the first, whose decoder misses the element.
    ///
    /// # Errors
    /// One violation at `WCODataModelVersionCode` when the version is none of these.
    pub fn of(&self, document: &Document, node: NodeId) -> Result<&Version, Violations> {
        let first = self.0.first().expect("never none");
        let Some(base) = header(document, node) else { return Ok(first) };
        // It is the first element in every published schema; a few more are looked at for the sake of a clear answer.
        let told = document.elements(base).take(16).find(|child| document.local(*child) == "WCODataModelVersionCode");
        let Some(told) = told else { return Ok(first) };
        let text = document.text_content(told);
        let code = text.trim_matches([' ', '\t', '\r', '\n']);
        if let Some(version) = self.0.iter().find(|version| version.code == code) {
            return Ok(version);
        }
        // What cannot be a code at all is for the decoder, which tells its form.
        if !(1..=6).contains(&code.chars().count()) {
            return Ok(first);
        }
        let codes: Vec<&str> = self.0.iter().map(|version| version.code.as_str()).collect();
        let position = document.position_within(base, told);
        let violation = Violation {
            code: "wco-version".into(),
            wco_id: "".into(),
            path: "/MetaData/WCODataModelVersionCode".to_owned(),
            line: position.line,
            column: position.column,
            expected: format!("a version of the WCO Data Model that is agreed: {}", codes.join(", ")).into(),
            came: Came { kind: "text".into(), length: Some(text.chars().count() as u64), in_list: Some(false) },
            value: Some(code.chars().take(64).collect()),
        };
        Err(Violations { list: vec![violation], total: 1 })
    }
}

/// `MetaData`, by its local name: `node`, or a child of it.
#[must_use]
pub fn header(document: &Document, node: NodeId) -> Option<NodeId> {
    let is_header = |node: &NodeId| document.local(*node) == "MetaData";
    if is_header(&node) { Some(node) } else { document.elements(node).find(is_header) }
}

/// A namespace of a version, by its slot, that a partner file may set: the service's own is fixed.
#[must_use]
pub fn settable(slot: Slot) -> bool {
    slot != Slot::Svc
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Operation, decode, encode, sample};
    use crate::xml::{self, Options};

    fn other() -> Version {
        let slots =
            Slots::default().with(Slot::Md, "urn:md:2").with(Slot::Lpco, "urn:lpco:2").with(Slot::Ext, "urn:ext:2");
        Version { code: "4.2.0".to_owned(), slots }
    }

    fn written(version: &Version) -> Document {
        let mut message = sample::co(1, 2);
        message.wco_data_model_version_code.value = version.code.as_str().into();
        let mut octets = Vec::new();
        encode(&message, &version.slots, &mut octets);
        xml::parse(octets, &Options::default()).unwrap()
    }

    #[test]
    fn each_version_is_read_by_its_own_namespaces_and_an_unknown_one_is_named() {
        let both = Versions::new(vec![Version::default(), other()]);
        for version in [Version::default(), other()] {
            let document = written(&version);
            let root = document.document_element();
            assert_eq!(both.of(&document, root).unwrap(), &version);
            let read = decode(Operation::SendCo, &document, root, &version.slots).unwrap();
            let mut again = Vec::new();
            encode(&read, &version.slots, &mut again);
            assert_eq!(again, document.octets(), "{}", version.code);
        }
        // Where one alone is agreed, the other is told by its code, not as unknown elements.
        let document = written(&other());
        let refused = Versions::default().of(&document, document.document_element()).unwrap_err();
        assert_eq!(refused.total, 1);
        let one = &refused.list[0];
        assert_eq!((&*one.code, one.path.as_str(), one.line), ("wco-version", "/MetaData/WCODataModelVersionCode", 1));
        assert!(one.expected.ends_with(": 4.0.0") && one.value.as_deref() == Some("4.2.0"));
        // The namespaces of one version under the code of another are no document of either.
        let mut mixed = other();
        mixed.slots = Slots::default();
        let document = written(&mixed);
        let version = both.of(&document, document.document_element()).unwrap();
        assert!(decode(Operation::SendCo, &document, document.document_element(), &version.slots).is_err());
    }
}
