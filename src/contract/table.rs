//! What the generator makes of a set of schemas: tables that the [`Binder`](super::bind::Binder) walks and generated
//! code names by number. They are plain data, so a tool can make the same tables from schemas that it reads at run time.

use super::datatype::Simple;

/// No bound.
pub const UNBOUNDED: u32 = u32::MAX;

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
    /// Whether that is one sequence of at most 64 elements and wildcards: what most types are.
    pub flat: bool,
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

    /// The parts of its content when it is one flat sequence.
    #[must_use]
    #[inline]
    pub fn flat(&self) -> Option<&'static [Particle]> {
        match self.content {
            Content::Elements { model: Particle { term: Term::Sequence(parts), .. }, .. } if self.flat => Some(parts),
            _ => None,
        }
    }
}
