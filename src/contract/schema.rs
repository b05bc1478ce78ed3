//! XML Schema 1.0 components, resolved into an intermediate form from which the generator writes tables and code, and
//! from which tools make tables at once.
//!
//! Taken: elements, attributes, simple and complex types, simple and complex content, extension and restriction,
//! sequence, choice, all, groups and attribute groups, cardinality, wildcards, all facets, lists and unions, import and
//! include (chameleon too). Refused aloud, with the name of the construct: everything else (redefine, identity
//! constraints, substitution groups, abstract, notations, ID, IDREF, ENTITY, QName values, defaults of elements).
//!
//! Here stand the form and the way in. `document` loads, `component` reads what is at the top and elements, `attribute`,
//! `complex`, `model` and `simple` their kind of component, `determinism` judges the models, `checker` makes tables at
//! once.

mod attribute;
mod checker;
mod complex;
mod component;
mod determinism;
mod document;
mod model;
mod simple;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

pub use checker::Checker;

use super::datatype::{Primitive, WhiteSpace};
use super::pattern;
use super::read::{Error, QName};
use super::table;
use component::Compiler;
use document::Documents;

/// Namespaces that tables can number.
const NAMESPACES_MAX: usize = 254;

/// A simple type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimpleIr {
    /// Its name, or that of its place.
    pub name: String,
    /// What it is made of.
    pub variety: VarietyIr,
    /// What white space becomes.
    pub white_space: WhiteSpace,
    /// Facets, base first.
    pub facets: Vec<FacetIr>,
}

/// What a simple type is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VarietyIr {
    /// One value.
    Atomic(Primitive),
    /// Many.
    List(u32),
    /// One of several types.
    Union(Vec<u32>),
}

/// A facet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FacetIr {
    /// `length`, `minLength`, `maxLength`, `totalDigits`, `fractionDigits`.
    Number(&'static str, u64),
    /// `minInclusive` and so on.
    Bound(&'static str, String),
    /// `pattern`, one derivation step, and how the schema puts it in words.
    Pattern(Vec<pattern::Compiled>, String),
    /// `enumeration`.
    Enumeration(Vec<String>),
}

/// An element declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElementIr {
    /// Its name.
    pub name: QName,
    /// WCO id, or "".
    pub wco_id: String,
    /// Code list, as its annotation says: `WCOCodeRemarks`.
    pub code_remarks: String,
    /// First sentence of its documentation, or "".
    pub documentation: String,
    /// Its type.
    pub kind: table::Type,
    /// Whether `xsi:nil` may stand.
    pub nillable: bool,
    /// The one value that it may have.
    pub fixed: Option<String>,
}

/// An attribute declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeIr {
    /// Its name.
    pub name: QName,
    /// Its simple type.
    pub simple: u32,
    /// Whether it must stand.
    pub required: bool,
    /// Whether it must not stand.
    pub prohibited: bool,
    /// The one value that it may have.
    pub fixed: Option<String>,
}

/// Namespaces of a wildcard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WildcardIr {
    /// All.
    Any,
    /// All but this and none.
    Other(String),
    /// These.
    List(Vec<String>),
}

/// A part of a content model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParticleIr {
    /// Least number.
    pub min: u32,
    /// Greatest number.
    pub max: u32,
    /// What.
    pub term: TermIr,
}

/// What a particle stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TermIr {
    /// An element of the type, by number.
    Element(u16),
    /// Any element.
    Any(WildcardIr, table::Process),
    /// All in order.
    Sequence(Vec<ParticleIr>),
    /// One of.
    Choice(Vec<ParticleIr>),
    /// All in any order.
    All(Vec<ParticleIr>),
}

/// What an element of a complex type holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContentIr {
    /// Nothing.
    Empty,
    /// A value.
    Simple(u32),
    /// Elements.
    Elements {
        /// Declarations, each name once.
        elements: Vec<ElementIr>,
        /// The model.
        model: ParticleIr,
        /// Whether text may stand between.
        mixed: bool,
    },
}

impl ContentIr {
    /// How its children are found, where its model is one sequence of at most 64 elements and wildcards without text between.
    #[must_use]
    pub fn flat_tables(&self) -> Option<table::FlatTables> {
        let Self::Elements {
            elements,
            model: ParticleIr { min: 1, max: 1, term: TermIr::Sequence(parts) },
            mixed: false,
        } = self
        else {
            return None;
        };
        if parts.len() > 64 {
            return None;
        }
        // A place keeps its name as long as the program runs, as the tables do.
        let name = |at: u16| &*elements[usize::from(at)].name.local.clone().leak();
        let place = |part: &ParticleIr| match part.term {
            TermIr::Element(at) => Some((Some((at, name(at))), part.min, part.max)),
            TermIr::Any(..) => Some((None, part.min, part.max)),
            _ => None,
        };
        let places: Option<Vec<_>> = parts.iter().map(place).collect();
        places.map(|places| table::FlatTables::new(&places))
    }
}

/// A complex type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComplexIr {
    /// Its name; that of its element for an anonymous one.
    pub name: QName,
    /// Documentation of the type.
    pub documentation: String,
    /// The type whose structure it has: itself, or the base of a restriction of simple content.
    pub shape: u32,
    /// Attributes.
    pub attributes: Vec<AttributeIr>,
    /// Others.
    pub any_attribute: Option<(WildcardIr, table::Process)>,
    /// Content.
    pub content: ContentIr,
}

/// Everything that a set of schema documents declares and its elements need.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ir {
    /// Namespaces by number.
    pub namespaces: Vec<String>,
    /// Simple types.
    pub simples: Vec<SimpleIr>,
    /// Complex types.
    pub complexes: Vec<ComplexIr>,
    /// Global elements.
    pub roots: Vec<ElementIr>,
    /// Global attributes.
    pub attributes: Vec<AttributeIr>,
}

/// Gives the text of the document at a location, relative to another one.
pub trait Resolver {
    /// The location of `reference` as seen from `from`, and its text.
    ///
    /// # Errors
    /// [`Error::Unreadable`].
    fn resolve(&self, from: &str, reference: &str) -> Result<(String, String), Error>;
}

/// Schema documents in a folder and below.
#[derive(Debug, Clone)]
pub struct Folder;

impl Resolver for Folder {
    fn resolve(&self, from: &str, reference: &str) -> Result<(String, String), Error> {
        let path = match std::path::Path::new(from).parent() {
            Some(folder) if !from.is_empty() => folder.join(reference),
            _ => reference.into(),
        };
        let location = path.to_string_lossy().into_owned();
        if reference.contains("://") {
            let what = "only files are read, nothing over a network".to_owned();
            return Err(Error::Unreadable { location: reference.to_owned(), what });
        }
        let octets =
            std::fs::read(&path).map_err(|e| Error::Unreadable { location: location.clone(), what: e.to_string() })?;
        match document::decoded(octets) {
            Ok(text) => Ok((location, text)),
            Err(what) => Err(Error::Unreadable { location, what }),
        }
    }
}

/// Reads the schema at `location` with all that it imports and includes; `first` are namespaces whose numbers are
/// fixed.
///
/// # Errors
/// [`Error`].
pub fn read(location: &str, resolver: &dyn Resolver, first: &[&str]) -> Result<Ir, Error> {
    read_from("", location, resolver, first)
}

/// As [`read`], the location as seen from the document `from`.
///
/// # Errors
/// [`Error`].
pub fn read_from(from: &str, location: &str, resolver: &dyn Resolver, first: &[&str]) -> Result<Ir, Error> {
    let mut documents = Documents::default();
    documents.load(from, location, None, resolver)?;
    let mut compiler = Compiler {
        documents: &documents,
        ir: Ir { namespaces: first.iter().map(|ns| (*ns).to_owned()).collect(), ..Ir::default() },
        simples: BTreeMap::new(),
        complexes: BTreeMap::new(),
        globals: BTreeMap::new(),
        open: BTreeSet::new(),
        depth: 0,
        waiting: VecDeque::new(),
        documentation: Vec::new(),
    };
    compiler.roots()?;
    compiler.complexes_that_wait()?;
    if compiler.ir.namespaces.len() > NAMESPACES_MAX {
        let construct = "more than 254 namespaces".to_owned();
        return Err(Error::Unsupported { location: location.to_owned(), construct, at: String::new() });
    }
    compiler.check_deterministic()?;
    Ok(compiler.ir)
}
