//! Where a statement of a profile may point: every element of the contract below `MetaData`, by its path and by its WCO
//! id, and the elements that a profile declares itself. Made from the generated tables, so it follows the schema.

use std::borrow::Cow;
use std::sync::OnceLock;

use crate::contract::Slot;
use crate::contract::datatype::{Facet, Primitive, Variety};
use crate::contract::generated::TABLES;
use crate::contract::table::{Complex, Content, Particle, Term, Type, UNBOUNDED, wco_id_within};

/// Number of a [`Place`].
pub type PlaceId = u16;

/// What an element holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Other elements.
    Class,
    /// Text for people.
    Text,
    /// A code of a list.
    Code,
    /// An identifier.
    Id,
    /// Date and time, in whatever shape.
    Date,
    /// Yes or no.
    Indicator,
    /// A decimal number.
    Number,
    /// A decimal number with a unit.
    Measure,
    /// A decimal number with a currency.
    Amount,
    /// Octets.
    Binary,
}

impl Kind {
    /// Whether it is a decimal number.
    #[must_use]
    pub fn is_number(self) -> bool {
        matches!(self, Self::Number | Self::Measure | Self::Amount)
    }
}

/// One element of the contract in one place.
#[derive(Clone, Debug)]
pub struct Place {
    /// `LPCO/Consignment/Consignee/Name`; `MetaData/...` for what stands beside LPCO.
    pub path: String,
    /// Local name.
    pub name: Cow<'static, str>,
    /// Number of its namespace: a [`Slot`], or beyond them one of [`Places::foreign`].
    pub ns: u8,
    /// WCO id, or "".
    pub wco_id: Cow<'static, str>,
    /// The element around it.
    pub parent: Option<PlaceId>,
    /// Steps from `MetaData`.
    pub depth: usize,
    /// Least number by the schema.
    pub min: u32,
    /// Greatest number by the schema.
    pub max: u32,
    /// What it holds.
    pub kind: Kind,
    /// Names of its attributes.
    pub attributes: Vec<&'static str>,
    /// What stands in it, in the order of the schema.
    pub children: Vec<PlaceId>,
    /// Whether elements of foreign namespaces may stand in it.
    pub takes_foreign: bool,
}

impl Place {
    /// Whether the schema lets it stand more than once.
    #[must_use]
    pub fn repeats(&self) -> bool {
        self.max > 1
    }
}

/// All places, `MetaData` first.
#[derive(Clone, Debug)]
pub struct Places {
    all: Vec<Place>,
    /// Namespaces of elements that a profile declares.
    pub foreign: Vec<String>,
}

/// What a statement points to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// The element.
    pub place: PlaceId,
    /// Its attribute, when that is meant.
    pub attribute: Option<String>,
}

/// `MetaData`.
pub const ROOT: PlaceId = 0;

/// Other ids under which Annex II names the same element (its faults 1, 2 and 13).
const ALIASES: &[(&str, &str)] = &[("544", "L098"), ("D017", "539"), ("K17", "017")];

/// Payloads of `MetaData` of which no profile speaks: messages about a CO, and lists.
const OTHER_PAYLOADS: [&str; 3] = ["Amendment", "Response", "ExporterList"];

/// Steps below `MetaData` at which reading the tables stops: no type of the contract is that deep.
const DEPTH_MAX: usize = 24;

impl Places {
    /// The places of the contract.
    #[must_use]
    pub fn standard() -> &'static Self {
        static PLACES: OnceLock<Places> = OnceLock::new();
        PLACES.get_or_init(|| {
            let mut places = Self { all: Vec::new(), foreign: Vec::new() };
            let root = TABLES.roots.iter().find(|root| root.name == "MetaData" && root.ns == Slot::Md as u8);
            let root = root.expect("the generator refuses a contract without MetaData");
            places.add(None, root, 1, 1, &mut Vec::new());
            places
        })
    }

    fn add(
        &mut self,
        parent: Option<PlaceId>,
        element: &'static crate::contract::table::Element,
        min: u32,
        max: u32,
        above: &mut Vec<u32>,
    ) {
        let id = self.all.len() as PlaceId;
        let path = match parent.map(|parent| self.get(parent)) {
            None => element.name.to_owned(),
            // The document stands for itself; what is beside it is told by the header's name.
            Some(_) if element.name == "LPCO" => element.name.to_owned(),
            Some(around) => format!("{}/{}", around.path, element.name),
        };
        let own = wco_id_within(path.split('/'), element.wco_id);
        let complex = complex_of(element.kind);
        let kind = kind_of(element.kind);
        self.all.push(Place {
            path,
            name: Cow::Borrowed(element.name),
            ns: element.ns,
            wco_id: Cow::Borrowed(own),
            parent,
            depth: parent.map_or(0, |parent| self.get(parent).depth + 1),
            min,
            max,
            kind,
            attributes: complex.map_or_else(Vec::new, |c| c.attributes.iter().map(|a| a.name).collect()),
            children: Vec::new(),
            takes_foreign: false,
        });
        if let Some(parent) = parent {
            self.all[usize::from(parent)].children.push(id);
        }
        let (Some(complex), Type::Complex(number)) = (complex, element.kind) else { return };
        if kind != Kind::Class || above.contains(&number) || above.len() >= DEPTH_MAX {
            return;
        }
        let Content::Elements { elements, model, .. } = complex.content else { return };
        let mut found = Vec::new();
        let mut takes_foreign = false;
        particles(&model, 1, 1, &mut |index, min, max| match index {
            Some(index) => found.push((index, min, max)),
            None => takes_foreign = true,
        });
        self.all[usize::from(id)].takes_foreign = takes_foreign;
        above.push(number);
        for (index, min, max) in found {
            let Some(child) = elements.get(usize::from(index)) else { continue };
            if parent.is_none() && OTHER_PAYLOADS.contains(&child.name) {
                continue;
            }
            // A profile is asked of documents whose payload is LPCO: among them it is no choice.
            let min = if parent.is_none() && child.name == "LPCO" { 1 } else { min };
            self.add(Some(id), child, min, max, above);
        }
        above.pop();
    }

    /// Declares an element that the contract does not have, of the foreign namespace `ns`.
    pub fn declare(&mut self, parent: PlaceId, ns: &str, name: &str, wco_id: &str, kind: Kind) -> PlaceId {
        let known = self.foreign.iter().position(|uri| uri == ns);
        let number = known.unwrap_or_else(|| {
            self.foreign.push(ns.to_owned());
            self.foreign.len() - 1
        });
        let id = self.all.len() as PlaceId;
        let around = self.get(parent);
        let (path, depth) = (format!("{}/{name}", around.path), around.depth + 1);
        self.all.push(Place {
            path,
            name: Cow::Owned(name.to_owned()),
            ns: (Slot::ALL.len() + number) as u8,
            wco_id: Cow::Owned(wco_id.to_owned()),
            parent: Some(parent),
            depth,
            min: 0,
            max: UNBOUNDED,
            kind,
            attributes: Vec::new(),
            children: Vec::new(),
            takes_foreign: false,
        });
        self.all[usize::from(parent)].children.push(id);
        id
    }

    /// The place of that number.
    ///
    /// # Panics
    /// On a number that these places did not hand out.
    #[must_use]
    pub fn get(&self, id: PlaceId) -> &Place {
        &self.all[usize::from(id)]
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none; there is always `MetaData`.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// All of them with their numbers, an element before what is in it.
    pub fn iter(&self) -> impl Iterator<Item = (PlaceId, &Place)> {
        self.all.iter().enumerate().map(|(at, place)| (at as PlaceId, place))
    }

    /// The place itself, then what is around it, up to `MetaData`.
    pub fn up(&self, id: PlaceId) -> impl Iterator<Item = PlaceId> + '_ {
        std::iter::successors(Some(id), |id| self.get(*id).parent)
    }

    /// The deepest place that is around both, or one of them.
    #[must_use]
    pub fn common(&self, a: PlaceId, b: PlaceId) -> PlaceId {
        let above: Vec<PlaceId> = self.up(a).collect();
        self.up(b).find(|id| above.contains(id)).unwrap_or(ROOT)
    }

    /// The place of exactly this path.
    #[must_use]
    pub fn by_path(&self, path: &str) -> Option<PlaceId> {
        self.iter().find(|(_, place)| place.path == path).map(|(id, _)| id)
    }

    /// What `text` names: a path (`LPCO/Consignment/Consignee`, prefixes and a leading `MetaData/` left aside, with
    /// `/@name` for an attribute) or a WCO id, which may stand in several places.
    ///
    /// # Errors
    /// What was expected, for a person.
    pub fn resolve(&self, text: &str) -> Result<Vec<Target>, String> {
        let clean: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let (element, attribute) = match clean.split_once("/@") {
            Some((element, attribute)) => (element, Some(attribute.to_owned())),
            None => (clean.as_str(), None),
        };
        let found: Vec<PlaceId> = if element.contains('/') || matches!(element, "LPCO" | "MetaData") {
            let steps: Vec<&str> = element.split('/').map(|step| step.rsplit(':').next().unwrap_or(step)).collect();
            let path = steps.join("/");
            let path = path.strip_prefix("MetaData/LPCO").map_or(path.clone(), |rest| format!("LPCO{rest}"));
            self.by_path(&path).into_iter().collect()
        } else {
            let id = ALIASES.iter().find(|(alias, _)| *alias == element).map_or(element, |(_, id)| id);
            self.iter().filter(|(_, place)| !id.is_empty() && place.wco_id == id).map(|(id, _)| id).collect()
        };
        if found.is_empty() {
            return Err(self.unknown(text, element));
        }
        let has = |id: &PlaceId, name: &str| self.get(*id).attributes.contains(&name);
        if let Some(name) = &attribute
            && !found.iter().all(|id| has(id, name))
        {
            return Err(format!("an attribute of {}, came @{name}", self.get(found[0]).path));
        }
        Ok(found.into_iter().map(|place| Target { place, attribute: attribute.clone() }).collect())
    }

    fn unknown(&self, text: &str, element: &str) -> String {
        let last = element.rsplit('/').next().unwrap_or(element);
        let last = last.rsplit(':').next().unwrap_or(last);
        let alike: Vec<&str> =
            self.iter().filter(|(_, p)| p.name == last).map(|(_, p)| p.path.as_str()).take(4).collect();
        let hint = if alike.is_empty() { String::new() } else { format!("; is it {}?", alike.join(" or ")) };
        format!("a WCO id or a path of the schema, came {text:?}{hint}")
    }
}

fn complex_of(kind: Type) -> Option<&'static Complex> {
    match kind {
        Type::Complex(number) => TABLES.complexes.get(number as usize),
        _ => None,
    }
}

fn kind_of(kind: Type) -> Kind {
    match kind {
        Type::Simple(number) => simple_kind(number, Kind::Text),
        Type::Anything => Kind::Class,
        Type::Complex(_) => {
            let Some(complex) = complex_of(kind) else { return Kind::Class };
            match complex.content {
                Content::Elements { elements, .. } if elements.iter().any(|e| e.name == "DateTimeString") => Kind::Date,
                Content::Elements { .. } | Content::Empty => Kind::Class,
                Content::Simple(number) => {
                    let has = |name| complex.attributes.iter().any(|a| a.name == name);
                    let otherwise = match () {
                        () if has("unitCode") => Kind::Measure,
                        () if has("currencyID") => Kind::Amount,
                        () if has("listID") => Kind::Code,
                        () if has("schemeID") => Kind::Id,
                        () if has("mimeCode") => Kind::Binary,
                        () => Kind::Text,
                    };
                    simple_kind(number, otherwise)
                }
            }
        }
    }
}

/// The kind by the simple type where that says more than the attributes do.
fn simple_kind(number: u32, otherwise: Kind) -> Kind {
    let Some(simple) = TABLES.simples.get(number as usize) else { return otherwise };
    let is_yes_or_no =
        simple.facets.iter().any(|f| matches!(f, Facet::Enumeration(values) if values.contains(&"true")));
    match simple.variety {
        _ if is_yes_or_no => Kind::Indicator,
        Variety::Atomic(Primitive::Boolean) => Kind::Indicator,
        Variety::Atomic(Primitive::Decimal | Primitive::Integer) if otherwise == Kind::Text => Kind::Number,
        Variety::Atomic(Primitive::DateTime | Primitive::Date) => Kind::Date,
        Variety::Atomic(Primitive::HexBinary | Primitive::Base64Binary) => Kind::Binary,
        _ => otherwise,
    }
}

/// Calls `each` for every element (by number) and wildcard (none) of a model with its least and greatest number.
fn particles(particle: &Particle, min: u32, max: u32, each: &mut dyn FnMut(Option<u16>, u32, u32)) {
    let least = particle.min.saturating_mul(min);
    let most = if particle.max == UNBOUNDED || max == UNBOUNDED { UNBOUNDED } else { particle.max.saturating_mul(max) };
    match particle.term {
        Term::Element(index) => each(Some(index), least, most),
        Term::Any(..) => each(None, least, most),
        Term::Sequence(parts) | Term::All(parts) => parts.iter().for_each(|part| particles(part, least, most, each)),
        Term::Choice(parts) => parts.iter().for_each(|part| particles(part, 0, most, each)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<String> {
        let places = Places::standard();
        let found = places.resolve(text).unwrap();
        found.iter().map(|target| places.get(target.place).path.clone()).collect()
    }

    #[test]
    fn an_element_is_found_by_id_by_path_and_by_alias() {
        // Annex II names some elements by several ids, and agreements will use either.
        assert_eq!(paths("D014"), ["LPCO/ID"]);
        assert_eq!(paths("LPCO/ cc:ThirdCountryInvoice/CountryCode"), ["LPCO/ThirdCountryInvoice/CountryCode"]);
        assert_eq!(paths("K9"), ["LPCO/ThirdCountryInvoice/CountryCode"]);
        assert_eq!(paths("MetaData/LPCO/ID"), ["LPCO/ID"]);
        assert_eq!(paths("544"), ["LPCO/Authentication/ActualLocationID"]);
        assert_eq!(paths("R020"), ["LPCO/Consignment/Consignor/Name"]);
        assert_eq!(paths("R014"), ["LPCO/Consignment/Consignee/Name"]);
        assert_eq!(paths("MetaData/ResponsibleCountryCode"), ["MetaData/ResponsibleCountryCode"]);
        assert!(paths("04A").len() >= 4, "an id that stands in several places means them all");
    }

    #[test]
    fn what_the_schema_does_not_have_is_refused_with_what_is_alike() {
        let places = Places::standard();
        let error = places.resolve("LPCO/Consignment/RuleCode").unwrap_err();
        assert!(error.contains("LPCO/Consignment/ConsignmentItem/Origin/RuleCode"), "{error}");
        assert!(
            places.resolve("X999").is_err() && places.resolve("").is_err() && places.resolve("D014/@unitCode").is_err()
        );
    }

    #[test]
    fn kinds_and_numbers_are_those_of_the_schema() {
        let places = Places::standard();
        let place = |path: &str| places.get(places.by_path(path).unwrap());
        let item = "LPCO/Consignment/ConsignmentItem";
        assert_eq!(place(item).max, 99_999);
        assert!(
            place(item).takes_foreign && place("LPCO").takes_foreign && !place("LPCO/Authentication").takes_foreign
        );
        for (path, kind) in [
            ("LPCO/IssueDateTime", Kind::Date),
            ("LPCO/IssuedRetroactivelyIndicator", Kind::Indicator),
            ("LPCO/Consignment/ConsignmentItem/SequenceNumeric", Kind::Number),
            ("LPCO/Consignment/ConsignmentItem/GoodsMeasure/GrossMassMeasure", Kind::Measure),
            ("LPCO/Consignment/ConsignmentItem/Commodity/ValueAmount", Kind::Amount),
            ("LPCO/Consignment/ConsignmentItem/Origin/RuleCode", Kind::Code),
            ("LPCO/Consignment/Consignee/Name", Kind::Text),
            ("LPCO/ID", Kind::Id),
        ] {
            assert_eq!(place(path).kind, kind, "{path}");
        }
    }

    #[test]
    fn every_path_of_annex_ii_has_its_place() {
        // The ids and the paths of the annex that the built-in profiles and partners' profiles use.
        for id in [
            "D011", "D013", "61B", "104", "539", "12A", "R007", "369", "28A", "15A", "T005", "T006", "T010", "149",
            "27A", "R014", "R015", "410", "241", "242", "412", "244", "243", "239", "245", "29A", "006", "23A", "137",
            "65A", "131", "128", "92A", "063", "93A", "142", "144", "141", "30A", "R020", "R021", "83A", "L009",
            "L010", "31B", "152", "44B", "165", "38B", "L012", "L013", "451", "L098", "D017", "105", "21A", "145",
            "337", "130", "78A", "D016", "D015", "436", "306", "K9", "K10", "K11", "K12", "K13", "K14", "K15", "K16",
            "K17", "D014", "D031", "D012", "D034", "019", "501", "413", "066", "01B", "R034", "324", "156", "R005",
            "04A", "03A",
        ] {
            assert!(Places::standard().resolve(id).is_ok(), "{id}");
        }
    }
}
