//! XML Schema 1.0 components, resolved into an intermediate form from which the generator writes tables and code, and
//! from which tools make tables at once.
//!
//! Taken: elements, attributes, simple and complex types, simple and complex content, extension and restriction,
//! sequence, choice, all, groups and attribute groups, cardinality, wildcards, all facets, lists and unions, import and
//! include (chameleon too). Refused aloud, with the name of the construct: everything else (redefine, identity
//! constraints, substitution groups, abstract, notations, ID, IDREF, ENTITY, QName values, defaults of elements).

use std::collections::{BTreeMap, BTreeSet};

use super::datatype::{Primitive, WhiteSpace};
use super::pattern;
use super::read::{Error, Node, QName};
use super::table::{self, UNBOUNDED};
use super::violation::Violations;
use crate::xml::{Document, NodeId, ns};

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
        let text = String::from_utf8(octets)
            .map_err(|_| Error::Unreadable { location: location.clone(), what: "not UTF-8".to_owned() })?;
        Ok((location, text))
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
        documentation: Vec::new(),
    };
    compiler.roots()?;
    compiler.check_deterministic()?;
    Ok(compiler.ir)
}

/// A component and the document that declares it.
#[derive(Clone, Copy)]
struct Declared<'a> {
    node: &'a Node,
    document: &'a SchemaDocument,
}

struct SchemaDocument {
    location: String,
    target: String,
    root: Node,
    elements_qualified: bool,
    attributes_qualified: bool,
}

#[derive(Default)]
struct Documents {
    list: Vec<SchemaDocument>,
    loaded: BTreeSet<(String, String)>,
}

const DOCUMENTS_MAX: usize = 200;

impl Documents {
    fn load(
        &mut self,
        from: &str,
        reference: &str,
        include: Option<&str>,
        resolver: &dyn Resolver,
    ) -> Result<(), Error> {
        let (location, text) = resolver.resolve(from, reference)?;
        let root = Node::read(&location, &text)?;
        if root.ns != ns::XSD || root.name != "schema" {
            return Err(Error::Invalid { location, what: "expected xs:schema".to_owned() });
        }
        super::form::check(&location, &root)?;
        let own = root.attribute("targetNamespace").map(str::to_owned);
        let target = match (own, include) {
            (Some(own), Some(wanted)) if own != wanted => {
                let what = format!("an include needs the target namespace {wanted:?}, the document has {own:?}");
                return Err(Error::Invalid { location, what });
            }
            (Some(own), _) => own,
            (None, wanted) => wanted.unwrap_or_default().to_owned(),
        };
        if !self.loaded.insert((location.clone(), target.clone())) {
            return Ok(());
        }
        if self.list.len() >= DOCUMENTS_MAX {
            return Err(Error::Unsupported {
                location,
                construct: "more than 200 documents".to_owned(),
                at: String::new(),
            });
        }
        let form = |name: &str| root.attribute(name) == Some("qualified");
        let (elements_qualified, attributes_qualified) = (form("elementFormDefault"), form("attributeFormDefault"));
        let references: Vec<(bool, Option<String>, Option<String>)> = root
            .children
            .iter()
            .filter(|c| c.ns == ns::XSD && matches!(c.name.as_str(), "import" | "include"))
            .map(|c| {
                let get = |name: &str| c.attribute(name).map(str::to_owned);
                (c.name == "include", get("schemaLocation"), get("namespace"))
            })
            .collect();
        // A chameleon's unprefixed references mean the namespace of its includer.
        let mut root = root;
        if root.attribute("targetNamespace").is_none() && !target.is_empty() {
            adopt(&mut root, &target);
        }
        self.list.push(SchemaDocument {
            location: location.clone(),
            target: target.clone(),
            root,
            elements_qualified,
            attributes_qualified,
        });
        for (include, reference, _) in references {
            match reference {
                Some(reference) => {
                    let wanted = if include { Some(target.as_str()) } else { None };
                    self.load(&location, &reference, wanted, resolver)?;
                }
                None if include => {
                    return Err(Error::Invalid { location, what: "xs:include without schemaLocation".to_owned() });
                }
                None => {}
            }
        }
        Ok(())
    }

    fn global(&self, kinds: &[&str], name: &QName) -> Option<Declared<'_>> {
        self.list.iter().filter(|document| document.target == name.ns).find_map(|document| {
            document
                .root
                .children
                .iter()
                .find(|c| {
                    c.ns == ns::XSD
                        && kinds.contains(&c.name.as_str())
                        && c.attribute("name") == Some(name.local.as_str())
                })
                .map(|node| Declared { node, document })
        })
    }
}

fn adopt(node: &mut Node, target: &str) {
    node.prefixes.entry(String::new()).or_insert_with(|| target.to_owned());
    if node.prefixes.get("").is_some_and(String::is_empty) {
        node.prefixes.insert(String::new(), target.to_owned());
    }
    for child in &mut node.children {
        adopt(child, target);
    }
}

struct Compiler<'a> {
    documents: &'a Documents,
    ir: Ir,
    simples: BTreeMap<QName, u32>,
    complexes: BTreeMap<QName, u32>,
    globals: BTreeMap<QName, ElementIr>,
    /// Simple types and groups that are being resolved: a circle is an error.
    open: BTreeSet<(u8, QName)>,
    depth: usize,
    /// Documentation of the types that are being read, innermost last.
    documentation: Vec<String>,
}

type Result2<T> = Result<T, Error>;

/// The parts of a complex type as it is put together.
#[derive(Default)]
struct Parts {
    attributes: Vec<AttributeIr>,
    any_attribute: Option<(WildcardIr, table::Process)>,
    /// The base type's, which an extension adds to.
    inherited: Option<(WildcardIr, table::Process)>,
    /// Whether a restriction is read: it may prohibit attributes of its base.
    restricts: bool,
    /// Attributes that the type itself names.
    own: BTreeSet<QName>,
    /// The wildcard of the base that is restricted.
    base_wildcard: Option<WildcardIr>,
}

/// Either of two wildcards (Part 1 §3.10.6); none where it cannot be said.
fn union(a: &WildcardIr, b: &WildcardIr) -> Option<WildcardIr> {
    match (a, b) {
        (WildcardIr::Any, _) | (_, WildcardIr::Any) => Some(WildcardIr::Any),
        (a, b) if a == b => Some(a.clone()),
        (WildcardIr::List(a), WildcardIr::List(b)) => {
            let mut all = a.clone();
            all.extend(b.iter().filter(|uri| !a.contains(uri)).cloned());
            Some(WildcardIr::List(all))
        }
        (WildcardIr::Other(not), WildcardIr::List(list)) | (WildcardIr::List(list), WildcardIr::Other(not)) => {
            match (list.contains(not), list.iter().any(String::is_empty)) {
                (true, true) => Some(WildcardIr::Any),
                (false, false) => Some(WildcardIr::Other(not.clone())),
                _ => None,
            }
        }
        _ => None,
    }
}

impl<'a> Compiler<'a> {
    fn unsupported<T>(&self, at: Declared<'_>, construct: impl Into<String>) -> Result2<T> {
        let name = at.node.attribute("name").or_else(|| at.node.attribute("ref")).unwrap_or_default();
        Err(Error::Unsupported {
            location: at.document.location.clone(),
            construct: construct.into(),
            at: name.to_owned(),
        })
    }

    fn invalid<T>(&self, at: Declared<'_>, what: impl Into<String>) -> Result2<T> {
        Err(Error::Invalid { location: at.document.location.clone(), what: what.into() })
    }

    fn qname(&self, at: Declared<'_>, value: &str) -> Result2<QName> {
        match at.node.qname(value) {
            Some(name) => Ok(name),
            None => self.invalid(at, format!("undeclared prefix in {value:?}")),
        }
    }

    fn namespace(&mut self, uri: &str) {
        if !uri.is_empty() && !self.ir.namespaces.iter().any(|known| known == uri) {
            self.ir.namespaces.push(uri.to_owned());
        }
    }

    // ---- the top ---------------------------------------------------------------------------------------------------

    fn roots(&mut self) -> Result2<()> {
        const KNOWN: [&str; 9] = [
            "element",
            "complexType",
            "simpleType",
            "group",
            "attributeGroup",
            "attribute",
            "import",
            "include",
            "annotation",
        ];
        for document in &self.documents.list {
            for node in &document.root.children {
                let at = Declared { node, document };
                if node.ns != ns::XSD || !KNOWN.contains(&node.name.as_str()) {
                    return self.unsupported(at, format!("xs:{}", node.name));
                }
            }
            if document.root.attribute("targetNamespace") == Some("") {
                let at = Declared { node: &document.root, document };
                return self.invalid(at, "an empty target namespace");
            }
        }
        let mut names = BTreeSet::new();
        for document in &self.documents.list {
            for node in &document.root.children {
                let at = Declared { node, document };
                let Some(name) = node.attribute("name") else { continue };
                // Simple and complex types share one space of names.
                let kind = if node.name == "simpleType" { "complexType" } else { node.name.as_str() };
                if !names.insert((kind, document.target.as_str(), name)) {
                    return self.invalid(at, format!("{kind} {name} twice"));
                }
                if node.attribute("final").is_some_and(|value| !value.is_empty()) && node.name.ends_with("Type") {
                    return self.unsupported(at, "@final of a type");
                }
                // Groups that nobody refers to are looked at too.
                match node.name.as_str() {
                    "group" => {
                        let children = self.children_of(at)?;
                        let [child] = children.as_slice() else {
                            return self.invalid(at, "a group holds exactly one of sequence, choice, all");
                        };
                        self.particle(Declared { node: child, document }, &mut Vec::new())?;
                    }
                    "attributeGroup" => {
                        let nodes = self.children_of(at)?;
                        self.attributes(document, nodes, &mut Parts::default())?;
                    }
                    _ => {}
                }
            }
        }
        for document in &self.documents.list {
            for node in document.root.children.iter().filter(|c| c.name == "element") {
                let at = Declared { node, document };
                let Some(name) = node.attribute("name") else { return self.invalid(at, "an element without name") };
                let root = self.element_global(at, &QName::new(&document.target, name))?;
                if root.name.ns == ns::XSI || self.ir.roots.iter().any(|known| known.name == root.name) {
                    return self.invalid(Declared { node, document }, format!("element {} twice", root.name));
                }
                self.ir.roots.push(root);
            }
            for node in document.root.children.iter().filter(|c| c.name == "attribute") {
                let mut attribute = self.attribute(Declared { node, document })?;
                attribute.name.ns.clone_from(&document.target);
                self.ir.attributes.push(attribute);
            }
            // Types that no element uses are looked at too: nothing is misread in silence.
            for node in
                document.root.children.iter().filter(|c| matches!(c.name.as_str(), "complexType" | "simpleType"))
            {
                let at = Declared { node, document };
                let Some(name) = node.attribute("name") else { return self.invalid(at, "a global type without name") };
                let name = QName::new(&document.target, name);
                if node.name == "complexType" {
                    self.complex(at, &name)?;
                } else {
                    self.simple_by_name(at, &name)?;
                }
            }
        }
        Ok(())
    }

    // ---- elements and attributes -----------------------------------------------------------------------------------

    fn element(&mut self, at: Declared<'a>, global: bool) -> Result2<ElementIr> {
        let node = at.node;
        for name in ["substitutionGroup", "abstract", "default"] {
            if node.attribute(name).is_some_and(|value| !(name == "abstract" && matches!(value, "false" | "0"))) {
                return self.unsupported(at, format!("@{name} of an element"));
            }
        }
        let Some(name) = node.attribute("name") else { return self.invalid(at, "an element without name") };
        let qualified = global
            || match node.attribute("form") {
                Some(form) => form == "qualified",
                None => at.document.elements_qualified,
            };
        let name = QName::new(if qualified { &at.document.target } else { "" }, name);
        self.namespace(&name.ns.clone());
        let mut kind = None;
        for child in self.children_of(at)? {
            let inner = Declared { node: child, document: at.document };
            kind = Some(match child.name.as_str() {
                "simpleType" => table::Type::Simple(self.simple(inner, &name.local)?),
                "complexType" => table::Type::Complex(self.complex_anonymous(inner, &name)?),
                other => return self.unsupported(at, format!("xs:{other} in an element")),
            });
        }
        if let Some(kind_name) = node.attribute("type") {
            if kind.is_some() {
                return self.invalid(at, "an element with @type and a type of its own");
            }
            let type_name = self.qname(at, kind_name)?;
            kind = Some(self.any_type(at, &type_name)?);
        }
        let kind = kind.unwrap_or(table::Type::Anything);
        let fixed = node.attribute("fixed").map(str::to_owned);
        let simple = match kind {
            table::Type::Simple(number) => Some(number),
            table::Type::Complex(number) => match self.ir.complexes[number as usize].content {
                ContentIr::Simple(number) => Some(number),
                _ => None,
            },
            table::Type::Anything => None,
        };
        if fixed.is_some() && simple.is_some_and(|number| !self.ir.simples[number as usize].facets.is_empty()) {
            return self.unsupported(at, "@fixed of a type with facets");
        }
        if fixed.is_some() && kind == table::Type::Anything {
            return self.unsupported(at, "@fixed of an element of any type");
        }
        if let (Some(_), table::Type::Complex(number)) = (&fixed, kind)
            && !matches!(self.ir.complexes[number as usize].content, ContentIr::Simple(_))
        {
            return self.unsupported(at, "@fixed of an element with complex content");
        }
        let (wco_id, documentation) = annotation(node);
        let nillable = matches!(node.attribute("nillable"), Some("true" | "1"));
        let code_remarks = code_remarks(node);
        Ok(ElementIr { name, wco_id, code_remarks, documentation, kind, nillable, fixed })
    }

    /// Children but annotations; refuses foreign ones.
    fn children_of(&self, at: Declared<'a>) -> Result2<Vec<&'a Node>> {
        let mut out = Vec::new();
        for child in &at.node.children {
            if child.ns != ns::XSD {
                return self.unsupported(at, format!("element {} in a schema", child.name));
            }
            if child.name != "annotation" {
                out.push(child);
            }
        }
        Ok(out)
    }

    fn any_type(&mut self, at: Declared<'a>, name: &QName) -> Result2<table::Type> {
        if name.ns == ns::XSD {
            return if name.local == "anyType" {
                Ok(table::Type::Anything)
            } else {
                Ok(table::Type::Simple(self.builtin(at, &name.local)?))
            };
        }
        match self.documents.global(&["complexType", "simpleType"], name) {
            Some(found) if found.node.name == "complexType" => Ok(table::Type::Complex(self.complex(found, name)?)),
            Some(found) => Ok(table::Type::Simple(self.simple_by_name(found, name)?)),
            None => self.invalid(at, format!("no type {name}")),
        }
    }

    fn attribute(&mut self, at: Declared<'a>) -> Result2<AttributeIr> {
        let node = at.node;
        let usage = node.attribute("use").unwrap_or("optional");
        let (declared, name) = match node.attribute("ref") {
            Some(reference) => {
                let name = self.qname(at, reference)?;
                if name.ns == ns::XML {
                    let kind = match name.local.as_str() {
                        "lang" => "language",
                        "space" => "NCName",
                        "base" => "anyURI",
                        _ => return self.unsupported(at, format!("attribute {name}")),
                    };
                    self.namespace(ns::XML);
                    let simple = self.builtin(at, kind)?;
                    let fixed = node.attribute("fixed").map(str::to_owned);
                    return Ok(AttributeIr {
                        name,
                        simple,
                        required: usage == "required",
                        prohibited: usage == "prohibited",
                        fixed,
                    });
                }
                match self.documents.global(&["attribute"], &name) {
                    Some(found) => (found, name),
                    None => return self.invalid(at, format!("no attribute {name}")),
                }
            }
            None => {
                let Some(local) = node.attribute("name") else { return self.invalid(at, "an attribute without name") };
                let qualified = match node.attribute("form") {
                    Some(form) => form == "qualified",
                    None => at.document.attributes_qualified,
                };
                (at, QName::new(if qualified { &at.document.target } else { "" }, local))
            }
        };
        self.namespace(&name.ns.clone());
        let mut simple = None;
        for child in self.children_of(declared)? {
            if child.name != "simpleType" {
                return self.unsupported(declared, format!("xs:{} in an attribute", child.name));
            }
            simple = Some(self.simple(Declared { node: child, document: declared.document }, &name.local)?);
        }
        if let Some(kind) = declared.node.attribute("type") {
            let kind = self.qname(declared, kind)?;
            simple = Some(self.simple_reference(declared, &kind)?);
        }
        let simple = match simple {
            Some(simple) => simple,
            None => self.builtin(declared, "anySimpleType")?,
        };
        let fixed = node.attribute("fixed").or_else(|| declared.node.attribute("fixed")).map(str::to_owned);
        Ok(AttributeIr { name, simple, required: usage == "required", prohibited: usage == "prohibited", fixed })
    }

    /// Takes attribute declarations among `nodes` into `parts`; gives what is left.
    fn attributes(
        &mut self,
        document: &'a SchemaDocument,
        nodes: Vec<&'a Node>,
        parts: &mut Parts,
    ) -> Result2<Vec<&'a Node>> {
        let mut rest = Vec::new();
        for node in nodes {
            let at = Declared { node, document };
            match node.name.as_str() {
                "attribute" => {
                    let attribute = self.attribute(at)?;
                    if attribute.prohibited && !parts.restricts {
                        // In an extension or a declaration there is nothing to take away.
                        continue;
                    }
                    let own = parts.own.insert(attribute.name.clone());
                    match parts.attributes.iter_mut().find(|known| known.name == attribute.name) {
                        Some(known) if parts.restricts && own => {
                            if known.required && !attribute.required {
                                return self.invalid(at, "a restriction makes a required attribute optional");
                            }
                            *known = attribute;
                        }
                        Some(_) => return self.invalid(at, format!("attribute {} twice", attribute.name)),
                        None if parts.restricts && !attribute.prohibited && parts.base_wildcard.is_none() => {
                            return self
                                .invalid(at, format!("attribute {} is not one of the base type", attribute.name));
                        }
                        None if parts.restricts && attribute.prohibited => {}
                        None => parts.attributes.push(attribute),
                    }
                }
                "attributeGroup" => self.attribute_group(at, parts)?,
                "anyAttribute" => {
                    let mut wildcard = self.wildcard(at)?;
                    if let Some(inherited) = parts.inherited.take() {
                        wildcard.0 = match union(&wildcard.0, &inherited.0) {
                            Some(union) => union,
                            None => return self.unsupported(at, "this union of attribute wildcards"),
                        };
                        parts.any_attribute = None;
                    }
                    if parts.any_attribute.as_ref().is_some_and(|known| *known != wildcard) {
                        return self.unsupported(at, "several attribute wildcards for one type");
                    }
                    parts.any_attribute = Some(wildcard);
                }
                _ => rest.push(node),
            }
        }
        Ok(rest)
    }

    fn attribute_group(&mut self, at: Declared<'a>, parts: &mut Parts) -> Result2<()> {
        let Some(reference) = at.node.attribute("ref") else {
            return self.invalid(at, "an attribute group without ref");
        };
        let name = self.qname(at, reference)?;
        let Some(found) = self.documents.global(&["attributeGroup"], &name) else {
            return self.invalid(at, format!("no attribute group {name}"));
        };
        if !self.open.insert((1, name.clone())) {
            return self.invalid(at, format!("attribute group {name} contains itself"));
        }
        let nodes = self.children_of(found)?;
        let rest = self.attributes(found.document, nodes, parts)?;
        self.open.remove(&(1, name));
        match rest.first() {
            Some(other) => self.unsupported(found, format!("xs:{} in an attribute group", other.name)),
            None => Ok(()),
        }
    }

    fn wildcard(&mut self, at: Declared<'a>) -> Result2<(WildcardIr, table::Process)> {
        let target = at.document.target.clone();
        let wildcard = match at.node.attribute("namespace").unwrap_or("##any") {
            "##any" => WildcardIr::Any,
            "##other" => WildcardIr::Other(target),
            list => WildcardIr::List(
                list.split_whitespace()
                    .map(|uri| match uri {
                        "##targetNamespace" => target.clone(),
                        "##local" => String::new(),
                        other => other.to_owned(),
                    })
                    .collect(),
            ),
        };
        match &wildcard {
            WildcardIr::Other(uri) => self.namespace(&uri.clone()),
            WildcardIr::List(list) => list.clone().iter().for_each(|uri| self.namespace(uri)),
            WildcardIr::Any => {}
        }
        let process = match at.node.attribute("processContents").unwrap_or("strict") {
            "skip" => table::Process::Skip,
            "lax" => table::Process::Lax,
            "strict" => table::Process::Strict,
            other => return self.invalid(at, format!("processContents {other:?}")),
        };
        Ok((wildcard, process))
    }

    // ---- complex types ---------------------------------------------------------------------------------------------

    fn complex(&mut self, at: Declared<'a>, name: &QName) -> Result2<u32> {
        if let Some(number) = self.complexes.get(name) {
            return Ok(*number);
        }
        let number = self.reserve(name);
        self.complexes.insert(name.clone(), number);
        self.open.insert((3, name.clone()));
        let complex = self.complex_body(at, name, number)?;
        self.open.remove(&(3, name.clone()));
        self.ir.complexes[number as usize] = complex;
        Ok(number)
    }

    fn complex_anonymous(&mut self, at: Declared<'a>, name: &QName) -> Result2<u32> {
        let number = self.reserve(name);
        let complex = self.complex_body(at, name, number)?;
        self.ir.complexes[number as usize] = complex;
        Ok(number)
    }

    fn reserve(&mut self, name: &QName) -> u32 {
        let number = self.ir.complexes.len() as u32;
        self.ir.complexes.push(ComplexIr {
            name: name.clone(),
            documentation: String::new(),
            shape: number,
            attributes: Vec::new(),
            any_attribute: None,
            content: ContentIr::Empty,
        });
        number
    }

    fn complex_body(&mut self, at: Declared<'a>, name: &QName, number: u32) -> Result2<ComplexIr> {
        self.depth += 1;
        if self.depth > 100 {
            return self.unsupported(at, "types nested deeper than 100");
        }
        if matches!(at.node.attribute("abstract"), Some("true" | "1")) {
            return self.unsupported(at, "an abstract type");
        }
        self.documentation.push(annotation(at.node).1);
        let mixed = matches!(at.node.attribute("mixed"), Some("true" | "1"));
        let mut parts = Parts::default();
        let nodes = self.children_of(at)?;
        let special = nodes.iter().find(|n| matches!(n.name.as_str(), "simpleContent" | "complexContent")).copied();
        let mut shape = number;
        let content = match special {
            Some(content) if nodes.len() == 1 => {
                let inner = Declared { node: content, document: at.document };
                if content.name == "simpleContent" {
                    let (simple, base) = self.simple_content(inner, &name.local, &mut parts)?;
                    shape = base.unwrap_or(number);
                    ContentIr::Simple(simple)
                } else {
                    self.complex_content(inner, mixed, &mut parts)?
                }
            }
            Some(_) => return self.invalid(at, "content beside simpleContent or complexContent"),
            None => {
                let rest = self.attributes(at.document, nodes, &mut parts)?;
                self.content(at, rest, mixed, Vec::new(), None)?
            }
        };
        self.depth -= 1;
        if parts.attributes.len() > 64 {
            return self.unsupported(at, "more than 64 attributes");
        }
        let documentation = self.documentation.pop().unwrap_or_default();
        Ok(ComplexIr {
            name: name.clone(),
            documentation,
            shape,
            attributes: parts.attributes,
            any_attribute: parts.any_attribute,
            content,
        })
    }

    /// Gives the simple type, and the shape of the base when only facets are added.
    fn simple_content(&mut self, at: Declared<'a>, name: &str, parts: &mut Parts) -> Result2<(u32, Option<u32>)> {
        let derivation = self.derivation(at)?;
        let base = self.base(derivation)?;
        let nodes = self.children_of(derivation)?;
        let base_type = self.any_type(derivation, &base)?;
        let (base_simple, base_shape) = match base_type {
            table::Type::Simple(number) => (number, None),
            table::Type::Complex(number) => {
                if self.open.contains(&(3, base.clone())) {
                    return self.invalid(derivation, format!("type {base} is derived from itself"));
                }
                let complex = &self.ir.complexes[number as usize];
                let ContentIr::Simple(simple) = complex.content else {
                    return self.unsupported(derivation, "simple content on a type without");
                };
                parts.attributes.clone_from(&complex.attributes);
                parts.any_attribute.clone_from(&complex.any_attribute);
                (simple, Some(complex.shape))
            }
            table::Type::Anything => return self.invalid(derivation, "simple content on any type"),
        };
        let before = parts.attributes.clone();
        if derivation.node.name == "restriction" {
            parts.restricts = true;
            parts.base_wildcard = parts.any_attribute.as_ref().map(|(wildcard, _)| wildcard.clone());
            parts.any_attribute = None;
        } else {
            parts.inherited.clone_from(&parts.any_attribute);
        }
        let rest = self.attributes(derivation.document, nodes, parts)?;
        if derivation.node.name == "extension" {
            if !rest.is_empty() {
                return self.unsupported(derivation, format!("xs:{} in an extension", rest[0].name));
            }
            let shape = base_shape.filter(|_| before == parts.attributes);
            return Ok((base_simple, shape));
        }
        if base_shape.is_none() {
            return self.invalid(derivation, "a restriction of simple content needs a complex base");
        }
        let simple = self.restrict(derivation, base_simple, rest, name)?;
        let shape = base_shape.filter(|_| before == parts.attributes);
        Ok((simple, shape))
    }

    fn derivation(&self, at: Declared<'a>) -> Result2<Declared<'a>> {
        match self.children_of(at)?.as_slice() {
            [node] if matches!(node.name.as_str(), "extension" | "restriction") => {
                Ok(Declared { node, document: at.document })
            }
            _ => self.invalid(at, "expected one extension or restriction"),
        }
    }

    fn base(&self, at: Declared<'a>) -> Result2<QName> {
        match at.node.attribute("base") {
            Some(base) => self.qname(at, base),
            None => self.invalid(at, "a derivation without base"),
        }
    }

    fn complex_content(&mut self, at: Declared<'a>, outer_mixed: bool, parts: &mut Parts) -> Result2<ContentIr> {
        let mixed = match at.node.attribute("mixed") {
            Some(value) => matches!(value, "true" | "1"),
            None => outer_mixed,
        };
        let derivation = self.derivation(at)?;
        let base = self.base(derivation)?;
        let restriction = derivation.node.name == "restriction";
        parts.restricts = restriction;
        let (mut elements, mut model, mut base_mixed) = (Vec::new(), None, mixed);
        match self.any_type(derivation, &base)? {
            table::Type::Complex(number) => {
                if self.open.contains(&(3, base.clone())) {
                    return self.unsupported(derivation, format!("a type derived from {base}, which contains it"));
                }
                let complex = &self.ir.complexes[number as usize];
                parts.attributes.clone_from(&complex.attributes);
                parts.base_wildcard = complex.any_attribute.as_ref().map(|(wildcard, _)| wildcard.clone());
                if !restriction {
                    parts.any_attribute.clone_from(&complex.any_attribute);
                    parts.inherited.clone_from(&complex.any_attribute);
                }
                match &complex.content {
                    ContentIr::Elements { elements: e, model: m, mixed } if !restriction => {
                        elements.clone_from(e);
                        model = Some(m.clone());
                        base_mixed = *mixed;
                    }
                    ContentIr::Simple(_) => return self.unsupported(derivation, "complex content on simple content"),
                    _ => {}
                }
            }
            table::Type::Anything if restriction => parts.base_wildcard = Some(WildcardIr::Any),
            _ => return self.unsupported(derivation, "complex content on this base"),
        }
        let nodes = self.children_of(derivation)?;
        let rest = self.attributes(derivation.document, nodes, parts)?;
        if !restriction && model.is_some() && base_mixed != mixed && !rest.is_empty() {
            return self.unsupported(derivation, "an extension that changes mixed content");
        }
        self.content(derivation, rest, if restriction { mixed } else { mixed || base_mixed }, elements, model)
    }

    /// The content model of `nodes` (at most one group), after `before`.
    fn content(
        &mut self,
        at: Declared<'a>,
        nodes: Vec<&'a Node>,
        mixed: bool,
        mut elements: Vec<ElementIr>,
        before: Option<ParticleIr>,
    ) -> Result2<ContentIr> {
        let own = match nodes.as_slice() {
            [] => None,
            [node] => self.particle(Declared { node, document: at.document }, &mut elements)?,
            many => return self.unsupported(at, format!("xs:{} beside another group", many[1].name)),
        };
        let model = match (before, own) {
            (None, None) if !mixed => return Ok(ContentIr::Empty),
            (None, None) => ParticleIr { min: 1, max: 1, term: TermIr::Sequence(Vec::new()) },
            (Some(one), None) | (None, Some(one)) => one,
            (Some(first), Some(second)) => {
                if matches!(first.term, TermIr::All(_)) || matches!(second.term, TermIr::All(_)) {
                    return self.invalid(at, "xs:all cannot be extended");
                }
                ParticleIr { min: 1, max: 1, term: TermIr::Sequence(vec![first, second]) }
            }
        };
        let model = simplified(model);
        let model = match model.term {
            TermIr::Sequence(_) if (model.min, model.max) == (1, 1) => model,
            _ => ParticleIr { min: 1, max: 1, term: TermIr::Sequence(vec![model]) },
        };
        Ok(ContentIr::Elements { elements, model, mixed })
    }

    fn occurs(&self, at: Declared<'a>) -> Result2<(u32, u32)> {
        let number = |name: &str| -> Result2<u32> {
            match at.node.attribute(name) {
                None => Ok(1),
                Some("unbounded") if name == "maxOccurs" => Ok(UNBOUNDED),
                Some(text) => match text.parse::<u32>() {
                    Ok(number) if number < UNBOUNDED => Ok(number),
                    _ => self.invalid(at, format!("{name} {text:?}")),
                },
            }
        };
        let (min, max) = (number("minOccurs")?, number("maxOccurs")?);
        if max < min { self.invalid(at, "maxOccurs below minOccurs") } else { Ok((min, max)) }
    }

    fn particle(&mut self, at: Declared<'a>, elements: &mut Vec<ElementIr>) -> Result2<Option<ParticleIr>> {
        self.depth += 1;
        if self.depth > 100 {
            return self.unsupported(at, "groups nested deeper than 100");
        }
        let (min, max) = self.occurs(at)?;
        let term = match at.node.name.as_str() {
            "element" => {
                let element = match at.node.attribute("ref") {
                    Some(reference) => {
                        let name = self.qname(at, reference)?;
                        match self.documents.global(&["element"], &name) {
                            Some(found) => self.element_global(found, &name)?,
                            None => return self.invalid(at, format!("no element {name}")),
                        }
                    }
                    None => self.element(at, false)?,
                };
                let number = match elements.iter().position(|known| known.name == element.name) {
                    Some(number) => {
                        let known = &elements[number];
                        if known.kind != element.kind
                            || known.fixed != element.fixed
                            || known.nillable != element.nillable
                        {
                            let name = element.name;
                            return self.unsupported(
                                at,
                                format!("element {name} twice in a type with different declarations"),
                            );
                        }
                        number
                    }
                    None => {
                        elements.push(element);
                        elements.len() - 1
                    }
                };
                if number >= usize::from(super::bind::FOREIGN) {
                    return self.unsupported(at, "more than 65,534 elements in a type");
                }
                TermIr::Element(number as u16)
            }
            "any" => {
                let (wildcard, process) = self.wildcard(at)?;
                TermIr::Any(wildcard, process)
            }
            "group" => {
                let Some(reference) = at.node.attribute("ref") else { return self.invalid(at, "a group without ref") };
                let name = self.qname(at, reference)?;
                let Some(found) = self.documents.global(&["group"], &name) else {
                    return self.invalid(at, format!("no group {name}"));
                };
                if !self.open.insert((2, name.clone())) {
                    return self.invalid(at, format!("group {name} contains itself"));
                }
                let children = self.children_of(found)?;
                let [child] = children.as_slice() else {
                    return self.invalid(found, "a group holds exactly one of sequence, choice, all");
                };
                let inner = self.particle(Declared { node: child, document: found.document }, elements)?;
                self.open.remove(&(2, name));
                match inner {
                    Some(inner) => TermIr::Sequence(vec![inner]),
                    None => TermIr::Sequence(Vec::new()),
                }
            }
            kind @ ("sequence" | "choice" | "all") => {
                let mut inner = Vec::new();
                for child in self.children_of(at)? {
                    let child = Declared { node: child, document: at.document };
                    if kind == "all" && child.node.name != "element" {
                        return self.invalid(at, "xs:all holds elements only");
                    }
                    let Some(particle) = self.particle(child, elements)? else { continue };
                    if kind == "all" && particle.max > 1 {
                        return self.invalid(at, "an element of xs:all occurs at most once");
                    }
                    if matches!(particle.term, TermIr::All(_)) {
                        return self.invalid(at, "xs:all stands alone in a type");
                    }
                    inner.push(particle);
                }
                match kind {
                    "sequence" => TermIr::Sequence(inner),
                    // A choice of nothing can never be met.
                    "choice" if inner.is_empty() && min > 0 => return self.unsupported(at, "an empty choice"),
                    "choice" => TermIr::Choice(inner),
                    _ if max > 1 => return self.invalid(at, "xs:all occurs at most once"),
                    _ => TermIr::All(inner),
                }
            }
            other => return self.unsupported(at, format!("xs:{other} in a content model")),
        };
        self.depth -= 1;
        Ok(if max == 0 { None } else { Some(ParticleIr { min, max, term }) })
    }

    /// A global element, read once.
    fn element_global(&mut self, at: Declared<'a>, name: &QName) -> Result2<ElementIr> {
        if let Some(known) = self.globals.get(name) {
            return Ok(known.clone());
        }
        // An anonymous type that holds a reference to its own element would never end.
        if !self.open.insert((4, name.clone())) {
            return self.unsupported(at, "an element of an anonymous type that contains itself");
        }
        let element = self.element(at, true)?;
        self.open.remove(&(4, name.clone()));
        self.globals.insert(name.clone(), element.clone());
        Ok(element)
    }

    // ---- simple types ----------------------------------------------------------------------------------------------

    fn simple_reference(&mut self, at: Declared<'a>, name: &QName) -> Result2<u32> {
        match self.any_type(at, name)? {
            table::Type::Simple(number) => Ok(number),
            _ => self.invalid(at, format!("{name} is no simple type")),
        }
    }

    fn simple_by_name(&mut self, at: Declared<'a>, name: &QName) -> Result2<u32> {
        if let Some(number) = self.simples.get(name) {
            return Ok(*number);
        }
        if !self.open.insert((0, name.clone())) {
            return self.invalid(at, format!("type {name} is derived from itself"));
        }
        let number = self.simple(at, &name.local)?;
        self.open.remove(&(0, name.clone()));
        self.simples.insert(name.clone(), number);
        Ok(number)
    }

    fn simple(&mut self, at: Declared<'a>, name: &str) -> Result2<u32> {
        self.documentation.push(annotation(at.node).1);
        let number = self.simple_body(at, name);
        self.documentation.pop();
        number
    }

    fn simple_body(&mut self, at: Declared<'a>, name: &str) -> Result2<u32> {
        let children = self.children_of(at)?;
        let [node] = children.as_slice() else {
            return self.invalid(at, "a simple type holds exactly one of restriction, list, union");
        };
        let inner = Declared { node, document: at.document };
        match node.name.as_str() {
            "restriction" => {
                let mut nodes = self.children_of(inner)?;
                let base = match node.attribute("base") {
                    Some(base) => {
                        let base = self.qname(inner, base)?;
                        self.simple_reference(inner, &base)?
                    }
                    None => match nodes.first() {
                        Some(first) if first.name == "simpleType" => {
                            let first = Declared { node: nodes.remove(0), document: at.document };
                            self.simple(first, name)?
                        }
                        _ => return self.invalid(inner, "a restriction without base"),
                    },
                };
                self.restrict(inner, base, nodes, name)
            }
            "list" => {
                let item = match node.attribute("itemType") {
                    Some(item) => {
                        let item = self.qname(inner, item)?;
                        self.simple_reference(inner, &item)?
                    }
                    None => match self.children_of(inner)?.as_slice() {
                        [child] if child.name == "simpleType" => {
                            self.simple(Declared { node: child, document: at.document }, name)?
                        }
                        _ => return self.invalid(inner, "a list without item type"),
                    },
                };
                if matches!(self.ir.simples[item as usize].variety, VarietyIr::List(_)) {
                    return self.invalid(inner, "a list of lists");
                }
                Ok(self.push_simple(name, VarietyIr::List(item), WhiteSpace::Collapse, Vec::new()))
            }
            "union" => {
                let mut members = Vec::new();
                for member in node.attribute("memberTypes").unwrap_or_default().split_whitespace() {
                    let member = self.qname(inner, member)?;
                    members.push(self.simple_reference(inner, &member)?);
                }
                for child in self.children_of(inner)? {
                    members.push(self.simple(Declared { node: child, document: at.document }, name)?);
                }
                if members.is_empty() {
                    return self.invalid(inner, "a union of nothing");
                }
                Ok(self.push_simple(name, VarietyIr::Union(members), WhiteSpace::Preserve, Vec::new()))
            }
            other => self.unsupported(at, format!("xs:{other} in a simple type")),
        }
    }

    fn push_simple(&mut self, name: &str, variety: VarietyIr, white_space: WhiteSpace, facets: Vec<FacetIr>) -> u32 {
        self.ir.simples.push(SimpleIr { name: name.to_owned(), variety, white_space, facets });
        (self.ir.simples.len() - 1) as u32
    }

    fn restrict(&mut self, at: Declared<'a>, base: u32, nodes: Vec<&'a Node>, name: &str) -> Result2<u32> {
        let base = self.ir.simples[base as usize].clone();
        if nodes.is_empty() {
            return Ok(self.push_simple(&base.name.clone(), base.variety, base.white_space, base.facets));
        }
        let (mut facets, mut white_space) = (base.facets, base.white_space);
        let (mut patterns, mut list) = (Vec::new(), Vec::new());
        for node in nodes {
            let inner = Declared { node, document: at.document };
            // White space of a value counts here.
            let raw = node.attributes.iter().find(|(ns, local, _)| ns.is_empty() && local == "value");
            let Some((_, _, value)) = raw else {
                return self.unsupported(at, format!("xs:{} without value", node.name));
            };
            match node.name.as_str() {
                "pattern" => match pattern::compile(value) {
                    Ok(compiled) => patterns.push(compiled),
                    Err(error) => return self.unsupported(inner, error.to_string()),
                },
                "enumeration" => list.push(value.clone()),
                "whiteSpace" => {
                    white_space = match value.trim() {
                        "preserve" => WhiteSpace::Preserve,
                        "replace" => WhiteSpace::Replace,
                        "collapse" => WhiteSpace::Collapse,
                        other => return self.invalid(inner, format!("whiteSpace {other:?}")),
                    };
                }
                "length" => facets.push(FacetIr::Number("Length", self.number(inner, value)?)),
                "minLength" => facets.push(FacetIr::Number("MinLength", self.number(inner, value)?)),
                "maxLength" => facets.push(FacetIr::Number("MaxLength", self.number(inner, value)?)),
                "totalDigits" => facets.push(FacetIr::Number("TotalDigits", self.number(inner, value)?)),
                "fractionDigits" => facets.push(FacetIr::Number("FractionDigits", self.number(inner, value)?)),
                bound @ ("minInclusive" | "minExclusive" | "maxInclusive" | "maxExclusive") => {
                    let facet = match bound {
                        "minInclusive" => "MinInclusive",
                        "minExclusive" => "MinExclusive",
                        "maxInclusive" => "MaxInclusive",
                        _ => "MaxExclusive",
                    };
                    let VarietyIr::Atomic(primitive) = base.variety else {
                        return self.invalid(inner, format!("{bound} of a list or union"));
                    };
                    if matches!(
                        primitive,
                        Primitive::Duration | Primitive::String | Primitive::Any | Primitive::Boolean
                    ) {
                        return self.unsupported(inner, format!("{bound} of {primitive:?}"));
                    }
                    let value = value.trim();
                    if !super::datatype::is_lexical(primitive, value) {
                        return self.invalid(inner, format!("{bound} {value:?}"));
                    }
                    facets.push(FacetIr::Bound(facet, value.to_owned()));
                }
                other => return self.unsupported(at, format!("xs:{other} in a restriction")),
            }
        }
        if !patterns.is_empty() {
            let words = self.documentation.last().map(|text| text.trim_end_matches('.').to_owned()).unwrap_or_default();
            facets.push(FacetIr::Pattern(patterns, words));
        }
        if !list.is_empty() {
            let list = list
                .into_iter()
                .map(|value| super::datatype::normalize(value.into(), white_space).into_owned())
                .collect();
            facets.push(FacetIr::Enumeration(list));
        }
        Ok(self.push_simple(name, base.variety, white_space, facets))
    }

    fn number(&self, at: Declared<'a>, value: &str) -> Result2<u64> {
        match value.trim().parse() {
            Ok(number) => Ok(number),
            Err(_) => self.invalid(at, format!("facet value {value:?}")),
        }
    }

    /// A type of XML Schema Part 2.
    fn builtin(&mut self, at: Declared<'a>, local: &str) -> Result2<u32> {
        use Primitive as P;
        let name = QName::new(ns::XSD, local);
        if let Some(number) = self.simples.get(&name) {
            return Ok(*number);
        }
        let bounds = |min: &str, max: &str| {
            let bound = |facet, value: &str| (!value.is_empty()).then(|| FacetIr::Bound(facet, value.to_owned()));
            [bound("MinInclusive", min), bound("MaxInclusive", max)].into_iter().flatten().collect::<Vec<_>>()
        };
        let text = |source: &str| -> Vec<FacetIr> {
            pattern::compile(source)
                .map(|compiled| vec![FacetIr::Pattern(vec![compiled], String::new())])
                .unwrap_or_default()
        };
        let (primitive, white_space, facets) = match local {
            "string" => (P::String, WhiteSpace::Preserve, vec![]),
            "normalizedString" => (P::String, WhiteSpace::Replace, vec![]),
            "token" => (P::String, WhiteSpace::Collapse, vec![]),
            "language" => (P::String, WhiteSpace::Collapse, text("[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*")),
            "Name" => (P::String, WhiteSpace::Collapse, text(r"\i\c*")),
            "NCName" => (P::String, WhiteSpace::Collapse, text(r"[\i-[:]][\c-[:]]*")),
            "NMTOKEN" => (P::String, WhiteSpace::Collapse, text(r"\c+")),
            "boolean" => (P::Boolean, WhiteSpace::Collapse, vec![]),
            "decimal" => (P::Decimal, WhiteSpace::Collapse, vec![]),
            "integer" => (P::Integer, WhiteSpace::Collapse, vec![]),
            "nonPositiveInteger" => (P::Integer, WhiteSpace::Collapse, bounds("", "0")),
            "negativeInteger" => (P::Integer, WhiteSpace::Collapse, bounds("", "-1")),
            "nonNegativeInteger" => (P::Integer, WhiteSpace::Collapse, bounds("0", "")),
            "positiveInteger" => (P::Integer, WhiteSpace::Collapse, bounds("1", "")),
            "long" => (P::Integer, WhiteSpace::Collapse, bounds("-9223372036854775808", "9223372036854775807")),
            "int" => (P::Integer, WhiteSpace::Collapse, bounds("-2147483648", "2147483647")),
            "short" => (P::Integer, WhiteSpace::Collapse, bounds("-32768", "32767")),
            "byte" => (P::Integer, WhiteSpace::Collapse, bounds("-128", "127")),
            "unsignedLong" => (P::Integer, WhiteSpace::Collapse, bounds("0", "18446744073709551615")),
            "unsignedInt" => (P::Integer, WhiteSpace::Collapse, bounds("0", "4294967295")),
            "unsignedShort" => (P::Integer, WhiteSpace::Collapse, bounds("0", "65535")),
            "unsignedByte" => (P::Integer, WhiteSpace::Collapse, bounds("0", "255")),
            "float" | "double" => (P::Float, WhiteSpace::Collapse, vec![]),
            "dateTime" => (P::DateTime, WhiteSpace::Collapse, vec![]),
            "date" => (P::Date, WhiteSpace::Collapse, vec![]),
            "time" => (P::Time, WhiteSpace::Collapse, vec![]),
            "gYearMonth" => (P::YearMonth, WhiteSpace::Collapse, vec![]),
            "gYear" => (P::Year, WhiteSpace::Collapse, vec![]),
            "gMonthDay" => (P::MonthDay, WhiteSpace::Collapse, vec![]),
            "gDay" => (P::Day, WhiteSpace::Collapse, vec![]),
            "gMonth" => (P::Month, WhiteSpace::Collapse, vec![]),
            "duration" => (P::Duration, WhiteSpace::Collapse, vec![]),
            "hexBinary" => (P::HexBinary, WhiteSpace::Collapse, vec![]),
            "base64Binary" => (P::Base64Binary, WhiteSpace::Collapse, vec![]),
            "anyURI" => (P::AnyUri, WhiteSpace::Collapse, vec![]),
            "anySimpleType" => (P::Any, WhiteSpace::Preserve, vec![]),
            "NMTOKENS" => {
                let item = self.builtin(at, "NMTOKEN")?;
                let facets = vec![FacetIr::Number("MinLength", 1)];
                let number = self.push_simple(local, VarietyIr::List(item), WhiteSpace::Collapse, facets);
                self.simples.insert(name, number);
                return Ok(number);
            }
            _ => return self.unsupported(at, format!("xs:{local}")),
        };
        let number = self.push_simple(local, VarietyIr::Atomic(primitive), white_space, facets);
        self.simples.insert(name, number);
        Ok(number)
    }

    // ---- Unique Particle Attribution --------------------------------------------------------------------------------

    /// The decoder never goes back, so a model must tell from one child which particle it belongs to.
    fn check_deterministic(&self) -> Result2<()> {
        for complex in &self.ir.complexes {
            let ContentIr::Elements { elements, model, .. } = &complex.content else { continue };
            let mut check = Determinism { elements, terms: Vec::new(), follow: Vec::new(), counted: false };
            let fragment = check.add(model);
            let clash = check.clash(&fragment);
            if clash || check.counted {
                return Err(Error::Unsupported {
                    location: complex.name.to_string(),
                    construct: "a content model that needs more than one child to decide".to_owned(),
                    at: complex.name.local.clone(),
                });
            }
        }
        Ok(())
    }
}

struct Determinism<'m> {
    elements: &'m [ElementIr],
    terms: Vec<&'m TermIr>,
    follow: Vec<BTreeSet<usize>>,
    /// A group repeats what itself ends in a variable number of the same particle.
    counted: bool,
}

struct Reach {
    first: BTreeSet<usize>,
    last: BTreeSet<usize>,
    empty: bool,
}

impl<'m> Determinism<'m> {
    fn add(&mut self, particle: &'m ParticleIr) -> Reach {
        let mut reach = match &particle.term {
            TermIr::Element(_) | TermIr::Any(..) => {
                self.terms.push(&particle.term);
                self.follow.push(BTreeSet::new());
                let at = BTreeSet::from([self.terms.len() - 1]);
                Reach { first: at.clone(), last: at, empty: false }
            }
            TermIr::Sequence(parts) => {
                let mut whole = Reach { first: BTreeSet::new(), last: BTreeSet::new(), empty: true };
                for part in parts {
                    let next = self.add(part);
                    for position in &whole.last {
                        self.follow[*position].extend(next.first.iter().copied());
                    }
                    if whole.empty {
                        whole.first.extend(next.first.iter().copied());
                    }
                    if next.empty {
                        whole.last.extend(next.last);
                    } else {
                        whole.last = next.last;
                    }
                    whole.empty &= next.empty;
                }
                whole
            }
            TermIr::Choice(parts) | TermIr::All(parts) => {
                let all = matches!(particle.term, TermIr::All(_));
                let mut whole = Reach { first: BTreeSet::new(), last: BTreeSet::new(), empty: all || parts.is_empty() };
                for part in parts {
                    let next = self.add(part);
                    whole.first.extend(next.first);
                    whole.last.extend(next.last);
                    whole.empty = if all { whole.empty && next.empty } else { whole.empty || next.empty };
                }
                whole
            }
        };
        if particle.max > 1 {
            let group = !matches!(particle.term, TermIr::Element(_) | TermIr::Any(..));
            for position in reach.last.clone() {
                if group && !(particle.min <= 1 && particle.max == UNBOUNDED) {
                    // (a{1,2}){2}: how many belong to the first round cannot be told from the next child alone.
                    self.counted |= self.follow[position].iter().any(|next| reach.first.contains(next));
                }
                self.follow[position].extend(reach.first.iter().copied());
            }
        }
        if particle.min == 0 {
            reach.empty = true;
        }
        reach
    }

    fn clash(&self, whole: &Reach) -> bool {
        let clashes = |set: &BTreeSet<usize>| {
            set.iter().any(|a| set.iter().any(|b| a < b && self.overlap(self.terms[*a], self.terms[*b])))
        };
        clashes(&whole.first) || self.follow.iter().any(clashes)
    }

    fn overlap(&self, a: &TermIr, b: &TermIr) -> bool {
        let takes = |wildcard: &WildcardIr, uri: &str| match wildcard {
            WildcardIr::Any => true,
            WildcardIr::Other(not) => uri != not && !uri.is_empty(),
            WildcardIr::List(list) => list.iter().any(|known| known == uri),
        };
        match (a, b) {
            (TermIr::Element(a), TermIr::Element(b)) => a == b,
            (TermIr::Element(e), TermIr::Any(w, _)) | (TermIr::Any(w, _), TermIr::Element(e)) => {
                takes(w, &self.elements[usize::from(*e)].name.ns)
            }
            (TermIr::Any(WildcardIr::List(list), _), TermIr::Any(other, _))
            | (TermIr::Any(other, _), TermIr::Any(WildcardIr::List(list), _)) => {
                list.iter().any(|uri| takes(other, uri))
            }
            (TermIr::Any(..), TermIr::Any(..)) => true,
            _ => false,
        }
    }
}

/// A sequence in a sequence is one sequence; a group of one is that one.
fn simplified(particle: ParticleIr) -> ParticleIr {
    let ParticleIr { min, max, term } = particle;
    match term {
        TermIr::Sequence(parts) => {
            let mut out = Vec::new();
            for part in parts.into_iter().map(simplified) {
                match part {
                    ParticleIr { min: 1, max: 1, term: TermIr::Sequence(inner) } => out.extend(inner),
                    other => out.push(other),
                }
            }
            if (min, max) == (1, 1) && out.len() == 1 && !matches!(out[0].term, TermIr::Element(_) | TermIr::Any(..)) {
                return out.pop().unwrap_or(ParticleIr { min, max, term: TermIr::Sequence(Vec::new()) });
            }
            ParticleIr { min, max, term: TermIr::Sequence(out) }
        }
        TermIr::Choice(parts) => {
            ParticleIr { min, max, term: TermIr::Choice(parts.into_iter().map(simplified).collect()) }
        }
        other => ParticleIr { min, max, term: other },
    }
}

/// What the annotation says of the code list.
fn code_remarks(node: &Node) -> String {
    let annotation = node.children.iter().find(|child| child.name == "annotation");
    annotation.and_then(|a| a.descendant("WCOCodeRemarks")).map(|n| n.text.trim().to_owned()).unwrap_or_default()
}

/// WCO id and description of a component.
fn annotation(node: &Node) -> (String, String) {
    let Some(annotation) = node.children.iter().find(|c| c.name == "annotation") else {
        return (String::new(), String::new());
    };
    let text = |name: &str| annotation.descendant(name).map(|n| n.text.trim().to_owned()).unwrap_or_default();
    let mut description = text("WCODescription");
    if description.is_empty() {
        description = text("documentation");
    }
    (text("WCOID"), description.split_whitespace().collect::<Vec<_>>().join(" "))
}

// ---- tables at run time ------------------------------------------------------------------------------------------------

/// Schemas that were read at run time, ready to check documents. For tools and tests: it is never freed.
#[derive(Debug)]
pub struct Checker {
    tables: &'static table::Tables,
    namespaces: Vec<String>,
}

impl Checker {
    /// From what was read.
    #[must_use]
    pub fn new(ir: &Ir) -> Self {
        Self { tables: ir.leak(), namespaces: ir.namespaces.clone() }
    }

    /// Checks the element `node` against the global element of its name.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn check(&self, document: &Document, node: NodeId) -> Result<(), Violations> {
        let namespaces: Vec<&str> = self.namespaces.iter().map(String::as_str).collect();
        let uri = |number: u8| namespaces.get(usize::from(number)).copied().unwrap_or("");
        let known = self.tables.roots.iter().find(|r| r.name == document.local(node) && uri(r.ns) == document.ns(node));
        let mut binder = super::bind::Binder::new(document, node, self.tables, &namespaces);
        match known {
            Some(root) if binder.enter_root(root) => binder.check(node, root.kind, root),
            _ => binder.unknown_root(),
        }
        binder.finish()
    }
}

impl Ir {
    /// The number of a namespace.
    #[must_use]
    pub fn number(&self, uri: &str) -> u8 {
        if uri.is_empty() {
            return table::NO_NAMESPACE;
        }
        self.namespaces.iter().position(|known| known == uri).map_or(table::NO_NAMESPACE, |at| at.min(254) as u8)
    }

    /// Tables that live as long as the program: for tools that read schemas at run time.
    #[must_use]
    pub fn leak(&self) -> &'static table::Tables {
        let leak = |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
        let simples: Vec<super::datatype::Simple> = self.simples.iter().map(leak_simple).collect();
        let complexes: Vec<table::Complex> = self
            .complexes
            .iter()
            .map(|complex| table::Complex {
                name: leak(&complex.name.local),
                attributes: complex.attributes.iter().map(|a| self.leak_attribute(a)).collect::<Vec<_>>().leak(),
                any_attribute: complex.any_attribute.as_ref().map(|(w, p)| (self.leak_wildcard(w), *p)),
                flat: complex.content.flat_tables().map(table::FlatTables::leak),
                owes_attribute: complex.attributes.iter().any(|attribute| attribute.required),
                content: match &complex.content {
                    ContentIr::Empty => table::Content::Empty,
                    ContentIr::Simple(number) => table::Content::Simple(*number),
                    ContentIr::Elements { elements, model, mixed } => table::Content::Elements {
                        elements: elements.iter().map(|e| self.leak_element(e)).collect::<Vec<_>>().leak(),
                        model: self.leak_particle(model),
                        mixed: *mixed,
                    },
                },
            })
            .collect();
        Box::leak(Box::new(table::Tables {
            simples: simples.leak(),
            complexes: complexes.leak(),
            roots: self.roots.iter().map(|e| self.leak_element(e)).collect::<Vec<_>>().leak(),
            attributes: self.attributes.iter().map(|a| self.leak_attribute(a)).collect::<Vec<_>>().leak(),
            wildcards_are_foreign: false,
        }))
    }

    fn leak_attribute(&self, attribute: &AttributeIr) -> table::Attribute {
        table::Attribute {
            ns: self.number(&attribute.name.ns),
            name: attribute.name.local.clone().leak(),
            simple: attribute.simple,
            required: attribute.required,
            prohibited: attribute.prohibited,
            fixed: attribute.fixed.clone().map(|f| &*f.leak()),
        }
    }

    fn leak_element(&self, element: &ElementIr) -> table::Element {
        table::Element {
            ns: self.number(&element.name.ns),
            name: element.name.local.clone().leak(),
            wco_id: element.wco_id.clone().leak(),
            kind: element.kind,
            nillable: element.nillable,
            fixed: element.fixed.clone().map(|f| &*f.leak()),
        }
    }

    fn leak_wildcard(&self, wildcard: &WildcardIr) -> table::Wildcard {
        match wildcard {
            WildcardIr::Any => table::Wildcard::Any,
            WildcardIr::Other(uri) => table::Wildcard::Other(self.number(uri)),
            WildcardIr::List(list) => {
                table::Wildcard::List(list.iter().map(|uri| self.number(uri)).collect::<Vec<_>>().leak())
            }
        }
    }

    fn leak_particle(&self, particle: &ParticleIr) -> table::Particle {
        let parts = |list: &[ParticleIr]| -> &'static [table::Particle] {
            list.iter().map(|p| self.leak_particle(p)).collect::<Vec<_>>().leak()
        };
        let term = match &particle.term {
            TermIr::Element(number) => table::Term::Element(*number),
            TermIr::Any(wildcard, process) => table::Term::Any(self.leak_wildcard(wildcard), *process),
            TermIr::Sequence(list) => table::Term::Sequence(parts(list)),
            TermIr::Choice(list) => table::Term::Choice(parts(list)),
            TermIr::All(list) => table::Term::All(parts(list)),
        };
        table::Particle { min: particle.min, max: particle.max, term }
    }
}

fn leak_simple(simple: &SimpleIr) -> super::datatype::Simple {
    use super::datatype::{Facet, Variety};
    let facets = simple
        .facets
        .iter()
        .map(|facet| match facet {
            FacetIr::Number("Length", n) => Facet::Length(*n),
            FacetIr::Number("MinLength", n) => Facet::MinLength(*n),
            FacetIr::Number("MaxLength", n) => Facet::MaxLength(*n),
            FacetIr::Number("TotalDigits", n) => Facet::TotalDigits(*n),
            FacetIr::Number(_, n) => Facet::FractionDigits(*n),
            FacetIr::Bound("MinInclusive", v) => Facet::MinInclusive(v.clone().leak()),
            FacetIr::Bound("MinExclusive", v) => Facet::MinExclusive(v.clone().leak()),
            FacetIr::Bound("MaxInclusive", v) => Facet::MaxInclusive(v.clone().leak()),
            FacetIr::Bound(_, v) => Facet::MaxExclusive(v.clone().leak()),
            FacetIr::Pattern(list, words) => Facet::Pattern(
                list.iter().cloned().map(pattern::Compiled::leak).collect::<Vec<_>>().leak(),
                words.clone().leak(),
            ),
            FacetIr::Enumeration(list) => {
                Facet::Enumeration(list.iter().map(|v| &*v.clone().leak()).collect::<Vec<_>>().leak())
            }
        })
        .collect::<Vec<_>>()
        .leak();
    let variety = match &simple.variety {
        VarietyIr::Atomic(primitive) => Variety::Atomic(*primitive),
        VarietyIr::List(item) => Variety::List(*item),
        VarietyIr::Union(members) => Variety::Union(members.clone().leak()),
    };
    super::datatype::Simple::new(simple.name.clone().leak(), variety, simple.white_space, facets)
}
