//! Names of the JSON form: lowerCamelCase by words, so `ID` is `id`, `IssueLocationID` is `issueLocationId` and
//! `WCODataModelVersionCode` is `wcoDataModelVersionCode`; what repeats is an array and has its plural.

use crate::contract::table::{Complex, Content, Element, Particle, Term, UNBOUNDED};

/// Member of the value of an element that has attributes.
pub const VALUE: &str = "value";
/// Member with the elements of foreign namespaces.
pub const FOREIGN: &str = "foreign";

/// `name` in lowerCamelCase.
#[must_use]
pub fn camel(name: &str) -> String {
    let characters: Vec<char> = name.chars().collect();
    let mut out = String::with_capacity(name.len());
    for (at, character) in characters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|b| characters.get(b));
        let after = characters.get(at + 1);
        // A run of capitals is one word, but for its last letter before a small one.
        let begins = character.is_ascii_uppercase()
            && (before.is_some_and(|b| !b.is_ascii_uppercase()) || after.is_some_and(|a| a.is_ascii_lowercase()));
        if begins && at > 0 {
            out.push(*character);
        } else {
            out.push(character.to_ascii_lowercase());
        }
    }
    out
}

/// The plural of a name in lowerCamelCase; words without one stay.
fn plural(name: &str) -> String {
    let same = ["Information", "information", "Equipment", "equipment", "Means", "means", "Data", "data"];
    if same.iter().any(|word| name.ends_with(word)) {
        return name.to_owned();
    }
    if ["s", "x", "ch", "sh"].iter().any(|end| name.ends_with(end)) {
        return format!("{name}es");
    }
    match name.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        _ => format!("{name}s"),
    }
}

/// The member of `element`, which repeats or not.
#[must_use]
pub fn member(element: &Element, repeats: bool) -> String {
    let name = camel(element.name);
    if repeats { plural(&name) } else { name }
}

/// A place of a content model: an element by its number, or a wildcard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slot {
    /// The element's number among those of the type; none for a wildcard.
    pub element: Option<usize>,
    /// Whether it may stand more than once.
    pub repeats: bool,
}

/// The places of the content of `complex`, in the order in which they are written.
#[must_use]
pub fn slots(complex: &Complex) -> Vec<Slot> {
    let mut out = Vec::new();
    if let Content::Elements { model, .. } = &complex.content {
        collect(model, false, &mut out);
    }
    out
}

fn collect(particle: &Particle, within: bool, out: &mut Vec<Slot>) {
    let repeats = within || particle.max > 1 || particle.max == UNBOUNDED;
    match particle.term {
        _ if particle.max == 0 => {}
        Term::Element(number) => out.push(Slot { element: Some(usize::from(number)), repeats }),
        Term::Any(..) => out.push(Slot { element: None, repeats }),
        Term::Sequence(parts) | Term::Choice(parts) | Term::All(parts) => {
            parts.iter().for_each(|part| collect(part, repeats, out));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::contract::generated::TABLES;

    #[test]
    fn names_are_those_of_the_domain_notes() {
        for (name, wanted) in [
            ("ID", "id"),
            ("LPCO", "lpco"),
            ("IssueDateTime", "issueDateTime"),
            ("WCODataModelVersionCode", "wcoDataModelVersionCode"),
            ("MarksNumbersID", "marksNumbersId"),
            ("currencyID", "currencyId"),
            ("listAgencyID", "listAgencyId"),
            ("SendCOResponse", "sendCoResponse"),
            ("URI", "uri"),
        ] {
            assert_eq!(camel(name), wanted);
        }
        for (name, wanted) in [
            ("address", "addresses"),
            ("consignmentItem", "consignmentItems"),
            ("additionalInformation", "additionalInformation"),
            ("borderTransportMeans", "borderTransportMeans"),
            ("tariffQuantity", "tariffQuantities"),
            ("packaging", "packagings"),
        ] {
            assert_eq!(plural(name), wanted);
        }
    }

    #[test]
    fn no_two_parts_of_a_type_have_one_name() {
        // Two elements under one member, or an attribute called like the value, would lose one of them in silence.
        for complex in TABLES.complexes {
            let mut names = BTreeSet::new();
            let mut wildcards = 0;
            for slot in slots(complex) {
                match slot.element.and_then(|number| complex.elements().get(number)) {
                    Some(element) => {
                        let name = member(element, slot.repeats);
                        assert!(name != FOREIGN && names.insert(name), "{}: {}", complex.name, element.name);
                    }
                    None => wildcards += 1,
                }
            }
            assert!(wildcards <= 1, "{}: the places of two wildcards could not be told apart", complex.name);
            assert!(
                complex.attributes.is_empty() || !matches!(complex.content, Content::Elements { .. }),
                "{}: attributes beside elements",
                complex.name
            );
            names.insert(VALUE.to_owned());
            for attribute in complex.attributes {
                assert!(names.insert(camel(attribute.name)), "{}: @{}", complex.name, attribute.name);
            }
        }
        let roots: BTreeSet<String> = TABLES.roots.iter().map(|root| camel(root.name)).collect();
        assert_eq!(roots.len(), TABLES.roots.len(), "two roots under one name");
    }
}
