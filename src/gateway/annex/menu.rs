//! The data menu: every element of the business document with its cardinality from the generated tables and its notes
//! from the annotations of the schemas. The message guide has the same rows of every message, and the attributes too.

use std::collections::HashMap;

use serde::Serialize;

use crate::contract::Slot;
use crate::contract::codelist::{self, ListId};
use crate::contract::generated::TABLES;
use crate::contract::source::XSD;
use crate::contract::table::{Attribute, Complex, Content, Element, Particle, Term, Type, UNBOUNDED, wco_id_within};
use crate::xml::{self, Document, NodeId, ns};

/// One element of the menu, or an attribute of one.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Row {
    /// From the document element: `LPCO/Consignment/Consignor/Name`, `.../ValueAmount/@currencyID`.
    pub path: String,
    /// WCO id, or "".
    pub wco_id: String,
    /// Id in the OIF mapping, or "" where it is not known.
    pub oif_id: String,
    /// WCO name.
    pub name: String,
    /// `an..70`, or "" for a class.
    pub format: String,
    /// Code list, or "".
    pub code_list: String,
    /// `1..1`, `0..99`, `1..n`.
    pub cardinality: String,
    /// `mandatory` or `optional`, within its parent.
    pub status: String,
    /// What it means.
    pub note: String,
    /// An example that the schema gives for this element, or "".
    #[serde(skip)]
    pub example: String,
    /// An example that the schema gives for an attribute of this name wherever it stands, or "".
    #[serde(skip)]
    pub usual: String,
    /// Number of the simple type that its value has; none for a class. A date has that of its text.
    #[serde(skip)]
    pub simple: Option<u32>,
    /// Where it is declared: places of one declaration hold the same kind of thing.
    #[serde(skip)]
    pub declared: Declared,
}

/// A declaration: number of the slot, name of the complex type around it, own name (of an attribute `element/@name`).
pub type Declared = (u8, &'static str, String);

/// How much of the contract is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Detail {
    /// Elements; a date in one of its shapes is one thing.
    Menu,
    /// The shapes of a date and every attribute as well.
    Whole,
}

/// What is known of OIF ids, for the reader of an annex.
pub const OIF_NOTE: &str = "OIF ids: the published mapping of the OIF to the WCO Data Model names eight of them, OIF.001 to \
     OIF.004.b; at all others none is known.";

/// Ids of the OIF mapping: path below LPCO, id. The published page of the mapping ends after these eight; the numbers follow
/// no rule by which others could be made.
const OIF: [(&str, &str); 8] = [
    ("IssueDateTime", "OIF.001"),
    ("TypeCode", "OIF.002"),
    ("Authentication", "OIF.003"),
    ("Authentication/Authentication", "OIF.003.a"),
    ("Authentication/ActualLocationName", "OIF.003.b"),
    ("Authentication/Authenticator", "OIF.004"),
    ("Authentication/Authenticator/Name", "OIF.004.a"),
    ("AdditionalInformation", "OIF.004.b"),
];

/// Classes within classes; the contract has fewer.
const DEPTH_MAX: usize = 16;
/// Rows; the contract has some hundreds.
const ROWS_MAX: usize = 20_000;

/// What the schemas say of an element.
#[derive(Clone, Default)]
struct Note {
    name: String,
    description: String,
    format: String,
    code_list: String,
    example: String,
    /// Examples of its attributes, by their names.
    attributes: Vec<(String, String)>,
}

/// The menu of the business document, in the order of the schema.
#[must_use]
pub fn menu() -> Vec<Row> {
    rows_of("MetaData", Detail::Menu)
}

/// Every element below the root of this name and every attribute, in the order of the schema; none for another name.
#[must_use]
pub fn whole(root: &str) -> Vec<Row> {
    rows_of(root, Detail::Whole)
}

/// What the schema says of the root of this name.
#[must_use]
pub fn about(root: &str) -> String {
    let notes = notes();
    let known = TABLES.roots.iter().find(|known| known.name == root);
    known.and_then(|known| notes.top.get(&(known.ns, root.to_owned()))).cloned().unwrap_or_default().description
}

fn rows_of(root: &str, detail: Detail) -> Vec<Row> {
    let mut walk = Walk { notes: notes(), detail, rows: Vec::new() };
    if let Some(root) = TABLES.roots.iter().find(|known| known.name == root) {
        walk.below(root, "", 0);
    }
    walk.rows
}

struct Walk {
    notes: Notes,
    detail: Detail,
    rows: Vec<Row>,
}

impl Walk {
    fn below(&mut self, element: &'static Element, path: &str, depth: usize) {
        let Some(complex) = complex_of(element) else { return };
        if depth > DEPTH_MAX || self.rows.len() > ROWS_MAX {
            return;
        }
        let mut found = Vec::new();
        if let Content::Elements { model, .. } = complex.content
            && (self.detail == Detail::Whole || !is_date(complex))
        {
            cardinalities(&model, (1, 1), &mut found);
        }
        for (index, min, max) in found {
            let Some(child) = complex.elements().get(usize::from(index)) else { continue };
            let below = if path.is_empty() { child.name.to_owned() } else { format!("{path}/{}", child.name) };
            self.rows.push(element_row(complex, child, &below, (min, max), &self.notes));
            self.attributes(complex, child, &below);
            self.below(child, &below, depth + 1);
        }
    }

    fn attributes(&mut self, parent: &'static Complex, element: &'static Element, path: &str) {
        let Some(complex) = complex_of(element).filter(|_| self.detail == Detail::Whole) else { return };
        let carrier = self.notes.of(element.ns, parent.name, element.name);
        for attribute in complex.attributes.iter().filter(|attribute| !attribute.prohibited) {
            let note = self.notes.attributes.get(attribute.name).cloned().unwrap_or_default();
            self.rows.push(attribute_row((parent, element, &carrier), (attribute, note), path));
        }
    }
}

fn complex_of(element: &Element) -> Option<&'static Complex> {
    let Type::Complex(number) = element.kind else { return None };
    TABLES.complexes.get(number as usize)
}

/// The simple type of what an element holds: its own, that of its content, or of the text of a date.
fn simple_of(element: &Element) -> Option<u32> {
    match element.kind {
        Type::Simple(number) => Some(number),
        Type::Complex(_) => {
            let complex = complex_of(element)?;
            match complex.content {
                Content::Simple(number) => Some(number),
                Content::Elements { elements, .. } if is_date(complex) => simple_of(elements.first()?),
                _ => None,
            }
        }
        Type::Anything => None,
    }
}

/// A date in one of its shapes is one thing of the menu.
fn is_date(complex: &Complex) -> bool {
    complex.elements().first().is_some_and(|first| first.name == "DateTimeString")
}

/// Number of the declaration, least and greatest number of each element of a model.
fn cardinalities(particle: &Particle, around: (u32, u32), found: &mut Vec<(u16, u32, u32)>) {
    let times = |a: u32, b: u32| if a == UNBOUNDED || b == UNBOUNDED { UNBOUNDED } else { a.saturating_mul(b) };
    let here = (particle.min.saturating_mul(around.0), times(particle.max, around.1));
    match particle.term {
        Term::Element(index) => found.push((index, here.0, here.1)),
        Term::Any(..) => {}
        Term::Sequence(parts) | Term::All(parts) => parts.iter().for_each(|part| cardinalities(part, here, found)),
        // One of them: none of them is mandatory by itself.
        Term::Choice(parts) => parts.iter().for_each(|part| cardinalities(part, (0, here.1), found)),
    }
}

fn element_row(parent: &'static Complex, element: &Element, path: &str, (min, max): (u32, u32), notes: &Notes) -> Row {
    let note = notes.of(element.ns, parent.name, element.name);
    let below = path.strip_prefix("LPCO/").unwrap_or_default();
    let oif = OIF.iter().find(|(known, _)| *known == below).map_or("", |(_, id)| *id);
    Row {
        path: path.to_owned(),
        wco_id: wco_id_within(path.split('/'), element.wco_id).to_owned(),
        oif_id: oif.to_owned(),
        name: note.name,
        format: note.format,
        code_list: note.code_list,
        cardinality: if max == UNBOUNDED { format!("{min}..n") } else { format!("{min}..{max}") },
        status: if min > 0 { "mandatory" } else { "optional" }.to_owned(),
        note: note.description,
        example: note.example,
        usual: String::new(),
        simple: simple_of(element),
        declared: (element.ns, parent.name, element.name.to_owned()),
    }
}

/// An attribute has the id of what carries it, as a violation does.
fn attribute_row(
    (parent, element, carrier): (&'static Complex, &Element, &Note),
    (attribute, note): (&Attribute, Note),
    path: &str,
) -> Row {
    let own = carrier.attributes.iter().find(|(name, _)| name == attribute.name).map(|(_, value)| value.clone());
    Row {
        path: format!("{path}/@{}", attribute.name),
        wco_id: wco_id_within(path.split('/'), element.wco_id).to_owned(),
        oif_id: String::new(),
        name: note.name,
        format: note.format,
        code_list: note.code_list,
        cardinality: if attribute.required { "1..1" } else { "0..1" }.to_owned(),
        status: if attribute.required { "mandatory" } else { "optional" }.to_owned(),
        note: note.description,
        example: own.or_else(|| of_list(element, carrier, attribute)).unwrap_or_default(),
        usual: note.example,
        simple: Some(attribute.simple),
        declared: (element.ns, parent.name, format!("{}/@{}", element.name, attribute.name)),
    }
}

/// Name and newest version of the list to which an element is bound, for the attributes that tell them.
fn of_list(element: &Element, carrier: &Note, attribute: &Attribute) -> Option<String> {
    let list = codelist::list(ListId::of_remark(element.name, &carrier.code_list)?.name())?;
    match attribute.name {
        "listID" => Some(list.name.clone()),
        "listVersionID" => list.newest().map(|version| version.name.clone()),
        _ => None,
    }
}

/// Annotations. Two schemas may have a type of one name, so the slot of the namespace comes first in each key.
#[derive(Default)]
struct Notes {
    /// Of elements in a type: slot, type, element.
    inside: HashMap<(u8, String, String), Note>,
    /// Of elements at the top: slot, element.
    top: HashMap<(u8, String), Note>,
    /// Of attributes: each name means one thing.
    attributes: HashMap<String, Note>,
}

impl Notes {
    fn of(&self, slot: u8, parent: &str, name: &str) -> Note {
        let inside = self.inside.get(&(slot, parent.to_owned(), name.to_owned()));
        let top = || self.top.get(&(slot, name.to_owned()));
        inside.filter(|note| !note.name.is_empty()).or_else(top).cloned().unwrap_or_default()
    }
}

fn notes() -> Notes {
    let mut notes = Notes::default();
    for (_, text) in XSD {
        // The schemas are within the program, and read by the generator in its tests.
        let Ok(document) = xml::parse(text.as_bytes().to_vec(), &xml::Options::default()) else { continue };
        let schema = document.document_element();
        let target = document.attribute(schema, "", "targetNamespace").unwrap_or_default();
        let slot = Slot::ALL.into_iter().find(|slot| slot.default_uri() == target).map_or(u8::MAX, |slot| slot as u8);
        for node in document.elements(schema) {
            let name = document.attribute(node, "", "name").unwrap_or_default().to_owned();
            if document.is(node, ns::XSD, "element") {
                notes.top.insert((slot, name), annotation(&document, node));
            } else if document.is(node, ns::XSD, "complexType") {
                inside(&document, node, (slot, &name), &mut notes);
            }
        }
    }
    notes
}

/// What stands in the complex type `node`, of this slot and name.
fn inside(document: &Document, node: NodeId, (slot, name): (u8, &str), notes: &mut Notes) {
    for below in document.descendants(node) {
        let Some(own) = document.attribute(below, "", "name") else { continue };
        if is_xsd(document, below, "element") {
            notes.inside.insert((slot, name.to_owned(), own.to_owned()), annotation(document, below));
        } else if is_xsd(document, below, "attribute") {
            notes.attributes.entry(own.to_owned()).or_insert_with(|| annotation(document, below));
        }
    }
}

fn is_xsd(document: &Document, node: NodeId, local: &str) -> bool {
    document.kind(node) == xml::Kind::Element && document.is(node, ns::XSD, local)
}

fn annotation(document: &Document, node: NodeId) -> Note {
    let mut note = Note::default();
    let Some(annotation) = document.elements(node).find(|child| document.is(*child, ns::XSD, "annotation")) else {
        return note;
    };
    for below in document.descendants(annotation).filter(|below| document.kind(*below) == xml::Kind::Element) {
        let slot = match document.local(below) {
            "WCOName" => &mut note.name,
            "WCODescription" => &mut note.description,
            "WCOFormat" => &mut note.format,
            "WCOCodeRemarks" => &mut note.code_list,
            "Example" => {
                let attributes = document.attributes(below);
                note.attributes = attributes.map(|a| (a.local.to_owned(), a.value.to_owned())).collect();
                &mut note.example
            }
            _ => continue,
        };
        *slot = document.text_content(below).split_whitespace().collect::<Vec<_>>().join(" ");
    }
    note
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_menu_has_ids_names_formats_and_lists() {
        let menu = menu();
        assert!(menu.len() > 150, "{} rows", menu.len());
        let row = |path: &str| menu.iter().find(|row| row.path == path).unwrap_or_else(|| panic!("{path}"));
        let number = row("LPCO/ID");
        assert_eq!(
            (number.wco_id.as_str(), number.format.as_str(), number.status.as_str()),
            ("D014", "an..70", "mandatory")
        );
        assert!(!number.name.is_empty() && !number.note.is_empty());
        let kind = row("LPCO/TypeCode");
        assert_eq!((kind.oif_id.as_str(), kind.code_list.as_str()), ("OIF.002", "UN/EDIFACT 1001"));
        let item = row("LPCO/Consignment/ConsignmentItem");
        assert_eq!((item.cardinality.as_str(), item.wco_id.as_str()), ("1..99999", "29A"));
        assert_eq!(row("LPCO/AgreementCode").wco_id, "K16");
        let party = |path: &str| row(path).wco_id.as_str().to_owned();
        assert_eq!(party("LPCO/Consignment/Consignor/Name"), "R020");
        assert_eq!(party("LPCO/Consignment/Consignee/Name"), "R014");
        assert_eq!(row("LPCO/Consignment/Consignee").status, "optional");
        assert!(!menu.iter().any(|row| row.path.ends_with("DateTimeString")), "a date is one thing");
        // A path that stands twice would make a diff say nothing.
        let mut paths: Vec<&str> = menu.iter().map(|row| row.path.as_str()).collect();
        paths.sort_unstable();
        assert!(paths.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn every_known_oif_id_stands_at_an_element() {
        let menu = menu();
        for (_, id) in OIF {
            assert_eq!(menu.iter().filter(|row| row.oif_id == id).count(), 1, "{id}");
        }
    }
}
