//! Examples of the message guide: for every row that holds a value one that is valid under the row's own type.
//!
//! Looked for in this order: what the schema's annotation of the element says; what stands there in the made-up documents of
//! `contract::sample` and in the two kinds of answer; what stands at another place of the same declaration; what the schema
//! says of an attribute of that name; a code of the list to which the element is bound; a value made from the facets of the
//! type. The first that the type takes is shown, so an annotation that its type refuses shows nowhere; a test finds it.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet, VecDeque};

use super::menu::{Declared, Row};
use crate::base::id::MessageId;
use crate::contract::codelist::{self, ListId};
use crate::contract::datatype::{self, Facet, Primitive, Simple, Variety};
use crate::contract::generated::TABLES;
use crate::contract::pattern::{After, Pattern};
use crate::contract::{
    Acknowledgement, Came, Cancellation, ConsistencyProof, FaultDetail, InclusionProof, JournalEntry, NoticeKind,
    Operation, Slots, Status, TreeHead, Verdict, Violation, encode, sample,
};
use crate::xml::{self, Document, Kind, NodeId};

/// Documents are made of so many seeds: enough for every turn that a made-up document may take.
const SEEDS: u64 = 24;
/// Longest text that is looked for in the automaton of a pattern, in states.
const SEARCH_MAX: usize = 20_000;

/// Values of examples.
#[derive(Debug)]
pub struct Examples {
    by_path: HashMap<String, String>,
    by_declaration: HashMap<Declared, String>,
}

impl Examples {
    /// Those for `rows`: each a root and the rows below it.
    #[must_use]
    pub fn new(rows: &[(&str, Vec<Row>)]) -> Self {
        let by_path = from_documents();
        let mut by_declaration = HashMap::new();
        for (root, rows) in rows {
            for row in rows {
                if let Some(value) = by_path.get(&format!("{root}/{}", row.path)) {
                    by_declaration.entry(row.declared.clone()).or_insert_with(|| value.clone());
                }
            }
        }
        Self { by_path, by_declaration }
    }

    /// The example of a row below `root`; none for a class.
    #[must_use]
    pub fn of(&self, root: &str, row: &Row) -> Option<String> {
        let simple = TABLES.simples.get(row.simple? as usize)?;
        let said = |example: &String| Some(example.clone()).filter(|example| !example.is_empty());
        let own = said(&row.example);
        let there = || self.by_path.get(&format!("{root}/{}", row.path)).cloned();
        let alike = || self.by_declaration.get(&row.declared).cloned();
        let fits = |value: &String| is_valid(simple, value);
        own.filter(fits)
            .or_else(|| there().filter(fits))
            .or_else(|| alike().filter(fits))
            .or_else(|| said(&row.usual).filter(fits))
            .or_else(|| listed(row).filter(fits))
            .or_else(|| made(simple))
    }
}

/// Whether `value` is one of the type, white space dealt with as the type says.
#[must_use]
pub fn is_valid(simple: &'static Simple, value: &str) -> bool {
    let mut broken = Vec::new();
    let value = datatype::normalize(Cow::Borrowed(value), simple.white_space);
    datatype::check(TABLES.simples, simple, &value, &mut broken);
    broken.is_empty()
}

/// The first code in force of the list to which the row is bound.
fn listed(row: &Row) -> Option<String> {
    let own = row.path.rsplit('/').next().unwrap_or_default();
    let list = codelist::list(ListId::of_remark(own, &row.code_list)?.name())?;
    let day = list.newest()?.day;
    list.rows().iter().find(|code| code.in_force(day)).map(|code| code.code.to_string())
}

// ---- from documents ----------------------------------------------------------------------------------------------------

/// The first value of each element and attribute in made-up messages, by its path with the root.
fn from_documents() -> HashMap<String, String> {
    let slots = Slots::default();
    let mut all = HashMap::new();
    let mut take = |message: &crate::contract::MetaData| {
        let mut octets = Vec::new();
        encode(message, &slots, &mut octets);
        collect(octets, &mut all);
    };
    for seed in 1..=SEEDS {
        Operation::SERVED.iter().for_each(|operation| take(&sample::of(*operation, seed)));
    }
    take(&sample::notice(1, NoticeKind::Amendment));
    take(&sample::cancellation_status(1, Cancellation::Declined));
    take(&sample::exporter_list(1));
    let mut octets = Vec::new();
    if let Some(acknowledgement) = acknowledgement() {
        acknowledgement.encode(&slots, &mut octets);
        collect(octets, &mut all);
    }
    let mut octets = Vec::new();
    fault_detail().encode(&slots, &mut octets);
    collect(octets, &mut all);
    all
}

/// An answer with everything that one may have.
fn acknowledgement() -> Option<Acknowledgement> {
    let id = |text: &str| MessageId::parse(text).ok();
    let first = id("urn:uuid:0b6f6f0e-9c0f-4d0a-9d7e-5a1c7f5b2f11")?;
    Some(Acknowledgement {
        message_id: id("urn:uuid:4468385d-377d-4fb2-997b-12ffa935c4a9")?,
        document_digest: [7; 32],
        received: "2026-11-20T09:00:01Z".parse().ok()?,
        status: Status::AlreadyReceived { message_id: first.clone(), leaf: [11; 32] },
        entry: Some(JournalEntry {
            log_id: "ID/KR".to_owned(),
            partner: "KR".to_owned(),
            operation: Operation::SendCo.name().to_owned(),
            signature_digest: Some([13; 32]),
            salt: vec![17; 16],
        }),
        head: Some(TreeHead {
            log_id: "ID/KR".to_owned(),
            size: 4_211,
            root: [19; 32],
            time: "2026-11-20T09:00:00Z".parse().ok()?,
        }),
        consistency: Some(ConsistencyProof { from: 4_210, to: 4_211, path: vec![[23; 32]] }),
        inclusion: Some(InclusionProof {
            message_id: Some(first),
            leaf: [11; 32],
            index: 4_210,
            size: 4_211,
            path: vec![[29; 32]],
        }),
    })
}

fn fault_detail() -> FaultDetail {
    let error = Violation {
        code: "code-list".into(),
        wco_id: "063".into(),
        path: "/MetaData/LPCO/Consignment/ConsignmentItem/Origin/CountryCode".to_owned(),
        line: 1,
        column: 812,
        expected: "a code of iso-3166-1, version 2026, in force on the day of issue".into(),
        came: Came { kind: "text".into(), length: Some(2), in_list: Some(false) },
        value: None,
    };
    FaultDetail {
        code: "invalid-document".into(),
        verdict: Verdict::Correct,
        reference_id: "R-7K2M9QX3V8ZC5T1D4B6N0WEHJA".to_owned(),
        errors: vec![error],
    }
}

fn collect(octets: Vec<u8>, all: &mut HashMap<String, String>) {
    let Ok(document) = xml::parse(octets, &xml::Options::default()) else { return };
    let root = document.document_element();
    let mut waiting = vec![(root, document.local(root).to_owned())];
    while let Some((node, path)) = waiting.pop() {
        for attribute in document.attributes(node).filter(|attribute| attribute.ns.is_empty()) {
            all.entry(format!("{path}/@{}", attribute.local)).or_insert_with(|| attribute.value.to_owned());
        }
        if is_leaf(&document, node) {
            let value = document.text_content(node).into_owned();
            // What holds a date in one of its shapes has the example of the shape.
            if let Some(date) = path.strip_suffix("/DateTimeString") {
                all.entry(date.to_owned()).or_insert_with(|| value.clone());
            }
            all.entry(path.clone()).or_insert(value);
        }
        // The first of several siblings is looked at first.
        let from = waiting.len();
        for child in document.elements(node) {
            waiting.push((child, format!("{path}/{}", document.local(child))));
        }
        waiting[from..].reverse();
    }
}

fn is_leaf(document: &Document, node: NodeId) -> bool {
    document.elements(node).next().is_none() && document.children(node).any(|child| document.kind(child) == Kind::Text)
}

// ---- from the type -----------------------------------------------------------------------------------------------------

/// A value of `simple`, from its facets alone. None where none of the values that are tried is one.
fn made(simple: &'static Simple) -> Option<String> {
    let member = |number: &u32| TABLES.simples.get(*number as usize).and_then(made);
    let tried: Vec<String> = match simple.variety {
        Variety::List(item) => member(&item).into_iter().collect(),
        Variety::Union(members) => members.iter().filter_map(member).collect(),
        Variety::Atomic(primitive) => candidates(primitive, simple.facets),
    };
    tried.into_iter().find(|value| is_valid(simple, value))
}

fn candidates(primitive: Primitive, facets: &[Facet]) -> Vec<String> {
    let mut tried = Vec::new();
    // The last step of a derivation is the narrowest.
    for facet in facets.iter().rev() {
        match facet {
            Facet::Enumeration(values) => tried.extend(values.iter().map(|value| (*value).to_owned())),
            Facet::Pattern(patterns, _) => tried.extend(patterns.iter().filter_map(|pattern| shortest(pattern))),
            Facet::MinInclusive(bound) | Facet::MaxInclusive(bound) => tried.push((*bound).to_owned()),
            _ => {}
        }
    }
    // A common value reads better than a bound.
    tried.splice(0..0, usual(primitive, facets));
    tried
}

/// Values that people know, in the length that the facets ask for.
fn usual(primitive: Primitive, facets: &[Facet]) -> Vec<String> {
    let (mut least, mut most) = (0, u64::MAX);
    for facet in facets {
        match facet {
            Facet::Length(exact) => (least, most) = (*exact, *exact),
            Facet::MinLength(min) => least = least.max(*min),
            Facet::MaxLength(max) => most = most.min(*max),
            _ => {}
        }
    }
    let fitted = |word: &str| -> String {
        let length = (word.len() as u64).clamp(least, most);
        word.chars().cycle().take(usize::try_from(length).unwrap_or(0)).collect()
    };
    let octets = usize::try_from(least.max(8).min(most)).unwrap_or(8);
    let texts: Vec<String> = match primitive {
        Primitive::String | Primitive::Any => vec![fitted("Example"), fitted("en")],
        Primitive::AnyUri => vec![fitted("urn:example:1")],
        Primitive::Boolean => vec!["true".to_owned()],
        Primitive::Decimal | Primitive::Integer | Primitive::Float => vec!["1".to_owned(), "10".to_owned()],
        Primitive::DateTime => vec!["2026-11-20T09:00:00Z".to_owned()],
        Primitive::Date => vec!["2026-11-20".to_owned()],
        Primitive::Time => vec!["09:00:00Z".to_owned()],
        Primitive::YearMonth => vec!["2026-11".to_owned()],
        Primitive::Year => vec!["2026".to_owned()],
        Primitive::MonthDay => vec!["--11-20".to_owned()],
        Primitive::Day => vec!["---20".to_owned()],
        Primitive::Month => vec!["--11".to_owned()],
        Primitive::Duration => vec!["P1D".to_owned()],
        Primitive::HexBinary => vec!["2A".repeat(octets)],
        Primitive::Base64Binary => vec![crate::xmlsec::base64::encode(&vec![0x2A; octets])],
    };
    texts
}

/// The shortest text that a pattern takes, of letters and digits where it can be.
fn shortest(pattern: &Pattern) -> Option<String> {
    let readable = (b'A'..=b'Z').chain(b'0'..=b'9').chain(b'a'..=b'z').chain(b'!'..=b'~').chain([b' ']);
    let mut of_class: HashMap<u8, char> = HashMap::new();
    for octet in readable {
        let class = pattern.ascii.get(usize::from(octet)).copied()?;
        of_class.entry(class).or_insert(char::from(octet));
    }
    let mut classes: Vec<(u8, char)> = of_class.into_iter().collect();
    classes.sort_unstable();
    let mut seen = HashSet::from([0]);
    let mut waiting = VecDeque::from([(0, String::new())]);
    while let Some((row, text)) = waiting.pop_front() {
        if !text.is_empty() && pattern.matches(&text) {
            return Some(text);
        }
        for (class, character) in &classes {
            let longer = || format!("{text}{character}");
            match pattern.after(row, *class) {
                After::Anything => return Some(longer()),
                // What was reached by a shorter text is not looked at again.
                After::Row(next) if seen.len() < SEARCH_MAX && seen.insert(next) => {
                    waiting.push_back((next, longer()));
                }
                After::Row(_) | After::Nothing => {}
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::guide::{ROOTS, rows};
    use super::*;

    #[test]
    fn a_value_is_made_for_every_simple_type_of_the_contract() {
        let mut seen = 0;
        for simple in TABLES.simples {
            let value = made(simple).unwrap_or_else(|| panic!("{}: none", simple.name));
            assert!(is_valid(simple, &value), "{}: {value}", simple.name);
            seen += 1;
        }
        assert!(seen > 20, "{seen}");
    }

    #[test]
    fn every_row_with_a_value_has_an_example_that_its_own_type_takes() {
        let rows = rows();
        let examples = Examples::new(&rows);
        let (mut values, mut classes) = (0, 0);
        for (root, row) in rows.iter().flat_map(|(root, rows)| rows.iter().map(move |row| (root, row))) {
            let Some(number) = row.simple else {
                assert_eq!(examples.of(root, row), None, "{}", row.path);
                classes += 1;
                continue;
            };
            let simple = &TABLES.simples[number as usize];
            let example = examples.of(root, row).unwrap_or_else(|| panic!("{root}/{}: no example", row.path));
            assert!(is_valid(simple, &example), "{root}/{}: {example:?} is no {}", row.path, simple.name);
            for said in [&row.example, &row.usual] {
                assert!(said.is_empty() || is_valid(simple, said), "{}: the schema says {said:?}", row.path);
            }
            values += 1;
        }
        assert_eq!(rows.len(), ROOTS.len());
        assert!(values > 600 && classes > 80, "{values} values, {classes} classes");
    }

    #[test]
    fn an_example_that_the_type_refuses_is_not_shown() {
        let rows = rows();
        let examples = Examples::new(&rows);
        let row = rows[0].1.iter().find(|row| row.path == "LPCO/Consignment/Consignor/Address/CountryCode").unwrap();
        assert_eq!(examples.of("MetaData", row).as_deref(), Some("KR"));
        let wrong = Row { example: "Korea".to_owned(), ..row.clone() };
        assert_eq!(examples.of("MetaData", &wrong).as_deref(), Some("KR"), "what the document has stands instead");
        let right = Row { example: "VN".to_owned(), ..row.clone() };
        assert_eq!(examples.of("MetaData", &right).as_deref(), Some("VN"));
        assert!(!is_valid(&TABLES.simples[row.simple.unwrap() as usize], "Korea"));
    }

    #[test]
    fn examples_are_of_the_list_to_which_their_row_is_bound() {
        let rows = rows();
        let examples = Examples::new(&rows);
        let mut seen = 0;
        for (root, row) in rows.iter().flat_map(|(root, rows)| rows.iter().map(move |row| (root, row))) {
            let own = row.path.rsplit('/').next().unwrap();
            let Some(list) = ListId::of_remark(own, &row.code_list).map(|id| codelist::list(id.name()).unwrap()) else {
                continue;
            };
            // A measure is bound by its unit, an amount by its currency, a criterion under its agreement.
            let is_number = row.format.starts_with("n..16");
            let (Some(example), false, false) = (examples.of(root, row), is_number, own == "RuleCode") else {
                continue;
            };
            assert!(
                list.contains(&example, list.newest().unwrap().day),
                "{root}/{}: {example} is not in {}",
                row.path,
                list.name
            );
            seen += 1;
        }
        assert!(seen > 50, "{seen}");
    }
}
