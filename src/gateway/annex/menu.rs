//! The data menu: every element of the business document with its cardinality from the generated tables and its notes
//! from the annotations of the schemas.

use std::collections::HashMap;

use serde::Serialize;

use crate::contract::generated::TABLES;
use crate::contract::source::XSD;
use crate::contract::table::{Complex, Content, Element, Particle, Term, Type, UNBOUNDED, wco_id_within};
use crate::xml::{self, Document, NodeId, ns};

/// One element of the menu.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Row {
    /// From the document element: `LPCO/Consignment/Consignor/Name`.
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
}

/// Ids of the OIF mapping as far as they are known to us: path below LPCO, id.
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
}

/// The menu of the business document, in the order of the schema.
#[must_use]
pub fn menu() -> Vec<Row> {
    rows_of("MetaData")
}

/// The elements below the root of this name, in the order of the schema; none for another name.
#[must_use]
pub fn rows_of(root: &str) -> Vec<Row> {
    let notes = notes();
    let mut rows = Vec::new();
    if let Some(root) = TABLES.roots.iter().find(|known| known.name == root) {
        walk(root, "", 0, &notes, &mut rows);
    }
    rows
}

fn walk(element: &'static Element, path: &str, depth: usize, notes: &Notes, rows: &mut Vec<Row>) {
    let Type::Complex(number) = element.kind else { return };
    let Some(complex) = TABLES.complexes.get(number as usize) else { return };
    let Content::Elements { elements, model, .. } = complex.content else { return };
    if depth > DEPTH_MAX || rows.len() > ROWS_MAX || is_date(complex) {
        return;
    }
    let mut found = Vec::new();
    cardinalities(&model, (1, 1), &mut found);
    for (index, min, max) in found {
        let Some(child) = elements.get(usize::from(index)) else { continue };
        let below = if path.is_empty() { child.name.to_owned() } else { format!("{path}/{}", child.name) };
        rows.push(row(complex, child, &below, (min, max), notes));
        walk(child, &below, depth + 1, notes, rows);
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

fn row(parent: &Complex, element: &Element, path: &str, (min, max): (u32, u32), notes: &Notes) -> Row {
    let note = notes.of(parent.name, element.name);
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
    }
}

/// Annotations by the name of the type and of the element in it, and those of elements at the top.
#[derive(Default)]
struct Notes {
    inside: HashMap<(String, String), Note>,
    top: HashMap<String, Note>,
}

impl Notes {
    fn of(&self, parent: &str, name: &str) -> Note {
        let inside = self.inside.get(&(parent.to_owned(), name.to_owned()));
        inside.filter(|note| !note.name.is_empty()).or_else(|| self.top.get(name)).cloned().unwrap_or_default()
    }
}

fn notes() -> Notes {
    let mut notes = Notes::default();
    for (_, text) in XSD {
        // The schemas are within the program, and read by the generator in its tests.
        let Ok(document) = xml::parse(text.as_bytes().to_vec(), &xml::Options::default()) else { continue };
        for node in document.elements(document.document_element()) {
            let name = document.attribute(node, "", "name").unwrap_or_default().to_owned();
            if document.is(node, ns::XSD, "element") {
                notes.top.insert(name, annotation(&document, node));
            } else if document.is(node, ns::XSD, "complexType") {
                for element in document.descendants(node).filter(|below| is_element(&document, *below)) {
                    let of = |attribute| document.attribute(element, "", attribute);
                    let own = of("name").or_else(|| of("ref").map(|q| q.rsplit(':').next().unwrap_or(q))).unwrap_or("");
                    notes.inside.insert((name.clone(), own.to_owned()), annotation(&document, element));
                }
            }
        }
    }
    notes
}

fn is_element(document: &Document, node: NodeId) -> bool {
    document.kind(node) == xml::Kind::Element && document.is(node, ns::XSD, "element")
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
