//! What the generator makes of a set of schemas: tables that the [`Binder`](super::bind::Binder) walks and generated
//! code names by number. They are plain data, so a tool can make the same tables from schemas that it reads at run time.

use super::datatype::Simple;

/// No bound.
pub const UNBOUNDED: u32 = u32::MAX;

/// Elements whose type several places share, and the id that Annex II gives them below one of these: the consignor is of the
/// consignee's type (rows 17, 18 and 44, 45). Element around, id in the schema, id below that element.
const SHARED: &[(&str, &str, &str)] = &[("Consignor", "R014", "R020"), ("Consignor", "R015", "R021")];

/// The WCO id at a place: that of the schema, or the one that the place gives it. `path` holds the names of the elements from
/// the document element on.
#[must_use]
pub fn wco_id_within<'p>(mut path: impl Iterator<Item = &'p str>, id: &'static str) -> &'static str {
    let Some((around, _, own)) = SHARED.iter().find(|(_, shared, _)| *shared == id) else { return id };
    if path.any(|name| name == *around) { own } else { id }
}

/// Every type of a contract.
#[derive(Debug)]
pub struct Tables {
    /// Simple types.
    pub simples: &'static [Simple],
    /// Complex types.
    pub complexes: &'static [Complex],
    /// Elements that may stand at the top.
    pub roots: &'static [Element],
    /// Attributes that a wildcard may take.
    pub attributes: &'static [Attribute],
    /// Whether a wildcard refuses the namespaces of the contract itself: an element of ours out of its place is no
    /// extension. Stricter than XML Schema, which cannot say so.
    pub wildcards_are_foreign: bool,
}

/// The type of an element.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Type {
    /// The simple type with this number.
    Simple(u32),
    /// The complex type with this number.
    Complex(u32),
    /// `xs:anyType`.
    Anything,
}

/// An element declaration.
#[derive(Clone, Copy, Debug)]
pub struct Element {
    /// Namespace, as a number of the table of namespaces.
    pub ns: u8,
    /// Local name.
    pub name: &'static str,
    /// WCO id, or "".
    pub wco_id: &'static str,
    /// Its type.
    pub kind: Type,
    /// Whether `xsi:nil` may stand.
    pub nillable: bool,
    /// The one value that it may have.
    pub fixed: Option<&'static str>,
}

/// An attribute declaration.
#[derive(Clone, Copy, Debug)]
pub struct Attribute {
    /// Namespace, as a number of the table of namespaces; [`NO_NAMESPACE`] for most.
    pub ns: u8,
    /// Local name.
    pub name: &'static str,
    /// Its simple type.
    pub simple: u32,
    /// Whether it must stand.
    pub required: bool,
    /// Whether it must not stand.
    pub prohibited: bool,
    /// The one value that it may have.
    pub fixed: Option<&'static str>,
}

/// The number that stands for no namespace.
pub const NO_NAMESPACE: u8 = u8::MAX;

/// Which namespaces a wildcard takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wildcard {
    /// All.
    Any,
    /// All but this one and none.
    Other(u8),
    /// These.
    List(&'static [u8]),
}

/// How closely what a wildcard took is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Process {
    /// Not at all.
    Skip,
    /// Where it is declared.
    Lax,
    /// It must be declared.
    Strict,
}

/// A part of a content model.
#[derive(Clone, Copy, Debug)]
pub struct Particle {
    /// Least number.
    pub min: u32,
    /// Greatest number, or [`UNBOUNDED`].
    pub max: u32,
    /// What.
    pub term: Term,
}

/// What a particle stands for.
#[derive(Clone, Copy, Debug)]
pub enum Term {
    /// The element with this number among those of the complex type.
    Element(u16),
    /// Any element.
    Any(Wildcard, Process),
    /// All parts in this order.
    Sequence(&'static [Particle]),
    /// One of the parts.
    Choice(&'static [Particle]),
    /// All parts in any order.
    All(&'static [Particle]),
}

/// What an element of a complex type holds.
#[derive(Clone, Copy, Debug)]
pub enum Content {
    /// Nothing.
    Empty,
    /// A value of the simple type with this number.
    Simple(u32),
    /// Elements.
    Elements {
        /// Every element declaration in the model, each name once.
        elements: &'static [Element],
        /// The model.
        model: Particle,
        /// Whether text may stand between them.
        mixed: bool,
    },
}

/// A complex type.
#[derive(Clone, Copy, Debug)]
pub struct Complex {
    /// Its name, for people.
    pub name: &'static str,
    /// Its attributes.
    pub attributes: &'static [Attribute],
    /// Which others.
    pub any_attribute: Option<(Wildcard, Process)>,
    /// What it holds.
    pub content: Content,
    /// Its places where that is one sequence of at most 64 elements and wildcards: what most types are.
    pub flat: Option<&'static [Place]>,
}

/// A place of a flat sequence: as much of its particle and its element as tells one from another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// [`name_key`] of the element; 0 for a wildcard.
    pub key: u32,
    /// Least number.
    pub min: u32,
    /// Greatest number, or [`UNBOUNDED`].
    pub max: u32,
    /// Number of the element among those of the complex type; 0 for a wildcard.
    pub element: u16,
}

impl Place {
    /// The place of an element.
    #[must_use]
    pub const fn element(element: u16, name: &str, min: u32, max: u32) -> Self {
        Self { key: name_key(name.as_bytes()), min, max, element }
    }

    /// The place of a wildcard.
    #[must_use]
    pub const fn any(min: u32, max: u32) -> Self {
        Self { key: 0, min, max, element: 0 }
    }
}

/// Length, first and last octet of a name: other keys are other names, equal keys are to be compared. 0 is no name's.
#[must_use]
#[inline]
pub const fn name_key(name: &[u8]) -> u32 {
    match name {
        [] => 0,
        [one] => 1 << 16 | (*one as u32) << 8 | *one as u32,
        [first, .., last] => (name.len() as u32) << 16 | (*first as u32) << 8 | *last as u32,
    }
}

impl Complex {
    /// The element declarations of its content.
    #[must_use]
    pub fn elements(&self) -> &'static [Element] {
        match self.content {
            Content::Elements { elements, .. } => elements,
            _ => &[],
        }
    }

    /// Places and parts of its content when it is one flat sequence.
    #[must_use]
    #[inline]
    pub fn flat(&self) -> Option<(&'static [Place], &'static [Particle])> {
        match (self.flat, self.content) {
            (Some(places), Content::Elements { model: Particle { term: Term::Sequence(parts), .. }, .. }) => {
                Some((places, parts))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::generated::TABLES;

    #[test]
    fn places_say_what_the_model_says() {
        // The walk along a sequence believes its places.
        let mut seen = 0;
        for complex in TABLES.complexes {
            let Some((places, parts)) = complex.flat() else { continue };
            let from_parts: Vec<Place> = parts
                .iter()
                .map(|part| match part.term {
                    Term::Element(at) => {
                        Place::element(at, complex.elements()[usize::from(at)].name, part.min, part.max)
                    }
                    _ => Place::any(part.min, part.max),
                })
                .collect();
            assert_eq!(places, from_parts, "{}", complex.name);
            seen += 1;
        }
        assert!(seen > 20, "{seen}");
    }

    #[test]
    fn names_with_other_ends_or_lengths_have_other_keys() {
        assert_ne!(name_key(b"ID"), name_key(b"Id"));
        assert_ne!(name_key(b"ID"), name_key(b"IXD"));
        assert_ne!(name_key(b"A"), name_key(b"AA"));
        assert_eq!(name_key(b"Name"), name_key(b"Nave"), "those are compared");
        assert_ne!(name_key(b"A"), Place::any(0, 1).key);
    }

    #[test]
    fn an_id_is_that_of_the_place_and_not_of_the_type_that_places_share() {
        let id = |path: &str, id: &'static str| wco_id_within(path.split('/'), id);
        assert_eq!(id("MetaData/LPCO/Consignment/Consignor/Name", "R014"), "R020");
        assert_eq!(id("MetaData/LPCO/Consignment/Consignor/ID", "R015"), "R021");
        assert_eq!(id("MetaData/LPCO/Consignment/Consignee/Name", "R014"), "R014");
        assert_eq!(id("MetaData/LPCO/Consignment/Consignor/Address/Line", "239"), "239");
    }
}
