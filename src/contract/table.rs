//! What the generator makes of a set of schemas: tables that the [`Binder`](super::bind::Binder) walks and generated
//! code names by number. They are plain data, so a tool can make the same tables from schemas that it reads at run time.

use super::datatype::Simple;
use crate::base::octets::same;
use crate::xml::{Name, name_word};

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
    /// Where that is one sequence of at most 64 elements and wildcards without text between, which most types are: how its
    /// children are found.
    pub flat: Option<Flat>,
    /// Whether an attribute must stand.
    pub owes_attribute: bool,
}

/// A flat sequence, made ready to be walked: its places, and where the place of a name is looked up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flat {
    /// In the order of the sequence.
    pub places: &'static [Place],
    /// Of each place the word of its name.
    pub keys: &'static [u64],
    /// By the hash of a name: the first place of that name, counted from 1; 0 for none. A power of two of them. Two
    /// names may want the same slot: the one that has none is looked for along the places.
    pub slots: &'static [u8],
    /// What the hash multiplies by.
    pub multiplier: u64,
}

/// A place of a flat sequence: as much of its particle and its element as tells one from another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// The name of its element; "" for a wildcard.
    pub name: &'static str,
    /// Least number.
    pub min: u32,
    /// Greatest number, or [`UNBOUNDED`].
    pub max: u32,
    /// Number of the element among those of the complex type; 0 for a wildcard.
    pub element: u16,
    /// The first place after this one that may not simply be passed over: it must be filled, or is a wildcard.
    pub barrier: u16,
    /// Whether a place after this one must be filled.
    pub owes: bool,
}

impl Place {
    /// A place, field by field.
    #[must_use]
    pub const fn new(name: &'static str, min: u32, max: u32, element: u16, barrier: u16, owes: bool) -> Self {
        Self { name, min, max, element, barrier, owes }
    }

    /// Whether it is that of the element with this name, whose word is the place's.
    #[inline(always)]
    fn is_of(&self, name: &Name<'_>) -> bool {
        // Equal words have been seen: they tell all of a name of 8 octets.
        let length = name.octets.len();
        self.name.len() == length && (length <= 8 || same(self.name.as_bytes(), name.octets))
    }

    /// Whether it is one of a wildcard.
    #[must_use]
    #[inline]
    pub const fn is_wildcard(&self) -> bool {
        self.name.is_empty()
    }
}

/// Octets of the slots of a sequence: at most 64 places, at most a quarter of the slots filled.
const SLOTS_MAX: usize = 256;

/// What [`Flat`] refers to, owned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FlatTables {
    /// As [`Flat::places`].
    pub places: Vec<Place>,
    /// As [`Flat::keys`].
    pub keys: Vec<u64>,
    /// As [`Flat::slots`].
    pub slots: Vec<u8>,
    /// As [`Flat::multiplier`].
    pub multiplier: u64,
}

impl Flat {
    /// Finds nothing.
    pub(crate) const NONE: &'static Self = &Self { places: &[], keys: &[], slots: &[0], multiplier: 0 };
}

impl FlatTables {
    /// For a sequence of at most 64 places: of each the number and the name of its element, none for a wildcard; least and
    /// greatest number.
    #[must_use]
    pub fn new(parts: &[(Option<(u16, &'static str)>, u32, u32)]) -> Self {
        let mut places = Vec::with_capacity(parts.len());
        let (mut barrier, mut owes) = (parts.len() as u16, false);
        for (at, (element, min, max)) in parts.iter().enumerate().rev() {
            let (number, name) = element.unwrap_or((0, ""));
            places.push(Place::new(name, *min, *max, number, barrier, owes));
            owes |= *min > 0;
            if *min > 0 || element.is_none() {
                barrier = at as u16;
            }
        }
        places.reverse();
        // No name has the word of a wildcard.
        let word = |place: &Place| if place.is_wildcard() { u64::MAX } else { name_word(place.name.as_bytes()) };
        let keys: Vec<u64> = places.iter().map(word).collect();
        // The smallest of some tables in which most names have a slot of their own.
        let mut best: Option<(usize, Self)> = None;
        let mut size = (parts.len() * 2).next_power_of_two().clamp(2, SLOTS_MAX);
        while size <= SLOTS_MAX {
            for attempt in 0..64_u64 {
                let multiplier = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(2 * attempt + 1);
                let (slots, lost) = fill(&places, size, multiplier);
                if best.as_ref().is_none_or(|(least, _)| lost < *least) {
                    best = Some((lost, Self { places: places.clone(), keys: keys.clone(), slots, multiplier }));
                }
            }
            if best.as_ref().is_some_and(|(lost, _)| *lost == 0) {
                break;
            }
            size *= 2;
        }
        best.map_or(Self { places, keys, slots: vec![0, 0], multiplier: 1 }, |(_, tables)| tables)
    }

    /// For tables that are made at run time; never given back.
    #[must_use]
    pub fn leak(self) -> Flat {
        Flat {
            places: self.places.leak(),
            keys: self.keys.leak(),
            slots: self.slots.leak(),
            multiplier: self.multiplier,
        }
    }
}

/// Slots for `places`, and how many names found theirs taken.
fn fill(places: &[Place], size: usize, multiplier: u64) -> (Vec<u8>, usize) {
    let mut slots = vec![0_u8; size];
    let mut lost = 0;
    for (at, place) in places.iter().enumerate() {
        let first = places.iter().position(|other| other.name == place.name) == Some(at);
        if place.is_wildcard() || !first {
            continue;
        }
        match slots.get_mut(slot(name_word(place.name.as_bytes()), multiplier, size)) {
            Some(slot) if *slot == 0 => *slot = at as u8 + 1,
            _ => lost += 1,
        }
    }
    (slots, lost)
}

/// Which of `size` slots, a power of two up to [`SLOTS_MAX`], a name belongs to: upper bits of a product with its key.
#[inline]
fn slot(key: u64, multiplier: u64, size: usize) -> usize {
    ((key ^ key >> 32).wrapping_mul(multiplier) >> 56) as usize & (size - 1)
}

impl Flat {
    /// The first place of the elements with this name at or after `from`, or the first of all, as far as the slots know.
    ///
    /// Most names are those of a place close by. One that is found by going along is known as soon as the branches are
    /// guessed; one that is looked up is known only when its octets have been read and multiplied.
    #[inline(always)]
    #[must_use]
    pub(crate) fn find(&self, name: &Name<'_>, from: usize) -> Option<(usize, &'static Place)> {
        const CLOSE: usize = 8;
        let mut at = from;
        for word in self.keys.get(from..).unwrap_or_default().iter().take(CLOSE) {
            if *word == name.word {
                return self.places.get(at).filter(|place| place.is_of(name)).map(|place| (at, place));
            }
            at += 1;
        }
        let at = usize::from(*self.slots.get(slot(name.word, self.multiplier, self.slots.len()))?).wrapping_sub(1);
        let alike = self.keys.get(at) == Some(&name.word);
        self.places.get(at).filter(|place| alike && place.is_of(name)).map(|place| (at, place))
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
    pub fn flat(&self) -> Option<(Flat, &'static [Particle])> {
        match (self.flat, self.content) {
            (Some(flat), Content::Elements { model: Particle { term: Term::Sequence(parts), .. }, .. }) => {
                Some((flat, parts))
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
            let Some((flat, parts)) = complex.flat() else { continue };
            let from_parts: Vec<_> = parts
                .iter()
                .map(|part| match part.term {
                    Term::Element(at) => (Some((at, complex.elements()[usize::from(at)].name)), part.min, part.max),
                    _ => (None, part.min, part.max),
                })
                .collect();
            assert_eq!(flat, FlatTables::new(&from_parts).leak(), "{}", complex.name);
            seen += 1;
        }
        assert!(seen > 20, "{seen}");
    }

    #[test]
    fn every_name_of_the_contract_has_its_slot() {
        // One that has none is found as well, later: the decoder's speed rests on this, not its answers.
        let name = |name: &'static str| Name::from(name.as_bytes());
        for (flat, _) in TABLES.complexes.iter().filter_map(Complex::flat) {
            for place in flat.places.iter().filter(|place| !place.is_wildcard()) {
                let first = flat.places.iter().position(|other| other.name == place.name);
                for from in 0..=flat.places.len() {
                    let close = flat.places.iter().skip(from).take(8).position(|other| other.name == place.name);
                    let expected = close.map(|offset| from + offset).or(first);
                    assert_eq!(flat.find(&name(place.name), from).map(|(found, _)| found), expected, "{place:?}");
                }
            }
            for other in ["NoSuchName", "", "CountryCodf", "xountryCode", "IdentificationTxpeCode"] {
                assert!(flat.find(&name(other), 0).is_none(), "{other}");
            }
        }
    }

    #[test]
    fn a_barrier_is_the_next_place_that_is_owed_or_a_wildcard() {
        let names = [Some((0, "A")), Some((1, "B")), Some((2, "C")), None, Some((3, "D"))];
        let flat = FlatTables::new(&names.map(|name| (name, u32::from(name == Some((2, "C"))), 1)));
        let told: Vec<(u16, bool)> = flat.places.iter().map(|place| (place.barrier, place.owes)).collect();
        assert_eq!(told, [(2, true), (2, true), (3, false), (5, false), (5, false)]);
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
