//! Makes messages from the tables of the contract: whole ones, random valid ones, and broken ones, by a seed.

use coconnect::contract::datatype::{Facet, Primitive, Simple, Variety};
use coconnect::contract::generated::TABLES;
use coconnect::contract::table::{Content, Element, Particle, Term, Type};
use coconnect::contract::{Operation, Slot, Slots};

/// SplitMix64: a seed gives the same messages on every machine.
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// An element of a message that is being made.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    pub prefix: &'static str,
    pub name: String,
    pub attributes: Vec<(String, String)>,
    pub children: Vec<Tree>,
    pub text: String,
    /// Its declaration, where it has one.
    declared: Option<&'static Element>,
}

/// How much of what is optional is written.
#[derive(Clone, Copy, PartialEq)]
pub enum Fill {
    /// Everything, once or twice where it repeats.
    Whole,
    /// As the dice fall.
    Random,
}

pub fn meta_data(dice: &mut Dice, fill: Fill) -> Tree {
    let root = TABLES.roots.iter().find(|root| root.name == "MetaData").unwrap();
    element(root, dice, fill)
}

/// The payloads that a business document may carry.
pub const PAYLOADS: [&str; 4] = ["LPCO", "Amendment", "Response", "ExporterList"];

/// A business document with this payload.
pub fn document(payload: &str, dice: &mut Dice, fill: Fill) -> Tree {
    let mut tree = meta_data(dice, fill);
    let root = TABLES.roots.iter().find(|root| root.name == payload).unwrap();
    *tree.children.last_mut().expect("the payload comes last") = element(root, dice, fill);
    tree
}

/// What an operation carries, in its wrapper: what other operations alone have is left out of it.
pub fn operation(operation: Operation, dice: &mut Dice, fill: Fill) -> Tree {
    let payload = match operation {
        Operation::SendCo | Operation::SendDo => "LPCO",
        Operation::SendAmendmentNotification => "Amendment",
        Operation::SendCancellationStatus | Operation::SendFeedback => "Response",
    };
    let wrapper = TABLES.roots.iter().find(|root| root.name == operation.name()).expect("every operation is declared");
    let mut tree = element(wrapper, dice, Fill::Random);
    tree.children[0] = document(payload, dice, fill);
    let carried = tree.children[0].children.last_mut().expect("the payload comes last");
    let kind = |tree: &mut Tree, code: &str| {
        tree.children.iter_mut().filter(|c| c.name == "TypeCode").for_each(|c| code.clone_into(&mut c.text));
    };
    match operation {
        Operation::SendCo => kind(carried, "861"),
        Operation::SendDo => kind(carried, "862"),
        Operation::SendAmendmentNotification => {}
        Operation::SendCancellationStatus => {
            carried.children.retain(|child| !matches!(child.name.as_str(), "Error" | "Claim"));
            if !carried.children.iter().any(|child| child.name == "Status") {
                insert(carried, "Status", dice, fill);
            }
        }
        Operation::SendFeedback => {
            carried.children.retain(|child| !matches!(child.name.as_str(), "Error" | "Status"));
            if !carried.children.iter().any(|child| child.name == "Claim") {
                insert(carried, "Claim", dice, fill);
            }
        }
    }
    tree
}

/// Adds an element that the type of `parent` has, at its place in the sequence.
fn insert(parent: &mut Tree, name: &str, dice: &mut Dice, fill: Fill) {
    let Some(Element { kind: Type::Complex(number), .. }) = parent.declared else {
        panic!("{} is a leaf", parent.name)
    };
    let elements = TABLES.complexes[*number as usize].elements();
    let order = |name: &str| elements.iter().position(|element| element.name == name).expect("it is declared");
    let at = parent.children.iter().filter(|child| order(&child.name) < order(name)).count();
    parent.children.insert(at, element(&elements[order(name)], dice, fill));
}

/// Any root of the contract.
pub fn root(root: &'static Element, dice: &mut Dice, fill: Fill) -> Tree {
    element(root, dice, fill)
}

fn prefix(ns: u8) -> &'static str {
    match Slot::ALL[usize::from(ns)] {
        Slot::Lpco => "",
        slot => slot.prefix(),
    }
}

fn element(declaration: &'static Element, dice: &mut Dice, fill: Fill) -> Tree {
    let mut tree = Tree {
        prefix: prefix(declaration.ns),
        name: declaration.name.to_owned(),
        declared: Some(declaration),
        ..Tree::default()
    };
    match declaration.kind {
        Type::Simple(number) => tree.text = value(&TABLES.simples[number as usize], dice),
        Type::Complex(number) => {
            let complex = &TABLES.complexes[number as usize];
            for attribute in complex.attributes {
                if attribute.required || fill == Fill::Whole || dice.below(6) == 0 {
                    let value = value(&TABLES.simples[attribute.simple as usize], dice);
                    tree.attributes.push((attribute.name.to_owned(), value));
                }
            }
            match complex.content {
                Content::Empty => {}
                Content::Simple(number) => tree.text = value(&TABLES.simples[number as usize], dice),
                Content::Elements { elements, ref model, .. } => particle(model, elements, &mut tree, dice, fill),
            }
        }
        Type::Anything => {}
    }
    tree
}

fn particle(particle: &Particle, elements: &'static [Element], parent: &mut Tree, dice: &mut Dice, fill: Fill) {
    let most = particle.max.min(particle.min.max(1) + 1);
    let count = match fill {
        Fill::Whole => most.max(particle.min),
        Fill::Random if particle.min == 0 && dice.below(3) > 0 => 0,
        Fill::Random => particle.min + dice.below((most - particle.min + 1) as usize) as u32,
    };
    for _ in 0..count {
        match particle.term {
            Term::Element(number) => parent.children.push(element(&elements[usize::from(number)], dice, fill)),
            Term::Any(..) => parent.children.push(foreign(dice)),
            Term::Sequence(parts) | Term::All(parts) => {
                parts.iter().for_each(|part| self::particle(part, elements, parent, dice, fill));
            }
            Term::Choice(parts) => {
                let at = dice.below(parts.len());
                self::particle(&parts[at], elements, parent, dice, fill);
            }
        }
    }
}

fn foreign(dice: &mut Dice) -> Tree {
    let inner = Tree { prefix: "x", name: "Inner".to_owned(), text: "a < b".to_owned(), ..Tree::default() };
    let attributes = vec![("a".to_owned(), "1\"2".to_owned())];
    Tree { prefix: "x", name: format!("Note{}", dice.below(9)), attributes, children: vec![inner], ..Tree::default() }
}

/// A value that the type takes.
pub fn value(simple: &Simple, dice: &mut Dice) -> String {
    let mut max = 12_u64;
    let mut exact = None;
    let mut least = 1_u64;
    for facet in simple.facets {
        match facet {
            Facet::Enumeration(list) => return list[dice.below(list.len())].to_owned(),
            Facet::Pattern(patterns, _) if !patterns[0].source.starts_with(r"[\s\S]*") => {
                return of_pattern(patterns[0].source, dice);
            }
            Facet::MaxLength(n) => max = max.min(*n),
            Facet::MinLength(n) => least = *n,
            Facet::Length(n) => exact = Some(*n),
            _ => {}
        }
    }
    let Variety::Atomic(primitive) = simple.variety else { panic!("no lists or unions in the contract") };
    match primitive {
        Primitive::Base64Binary => {
            let octets: Vec<u8> = (0..exact.unwrap_or(least.max(16))).map(|_| dice.next() as u8).collect();
            base64_simd::STANDARD.encode_to_string(octets)
        }
        Primitive::Integer => (1 + dice.below(99_999)).to_string(),
        Primitive::Decimal => {
            let whole = dice.below(90_000);
            let shapes = [format!("{whole}"), format!("{whole}.50"), format!("+0{whole}.125"), format!(".{whole}")];
            let fits = simple.facets.iter().any(|f| matches!(f, Facet::FractionDigits(0)));
            let narrow = simple.facets.iter().any(|f| matches!(f, Facet::FractionDigits(3)));
            let choices = if fits {
                1
            } else if narrow {
                3
            } else {
                4
            };
            shapes[dice.below(choices)].clone()
        }
        Primitive::Boolean => ["true", "false", "1", "0"][dice.below(4)].to_owned(),
        Primitive::DateTime => {
            ["2025-10-01T09:30:00", "2025-10-01T09:30:00.5+09:00", "2024-02-29T24:00:00Z"][dice.below(3)].to_owned()
        }
        Primitive::String => {
            let alphabet: Vec<char> = "ABCxyz0189-./&<>'\"한국어éñ𠀀".chars().collect();
            (0..1 + dice.below(max as usize)).map(|_| alphabet[dice.below(alphabet.len())]).collect()
        }
        other => panic!("no sample for {other:?}"),
    }
}

fn of_pattern(source: &str, dice: &mut Dice) -> String {
    let pick = |list: &[&str], dice: &mut Dice| list[dice.below(list.len())].to_owned();
    match source {
        "[A-Z]{2}" => pick(&["KR", "ID", "CN", "VN"], dice),
        "[A-Z]{3}" => pick(&["USD", "KRW", "IDR"], dice),
        "[A-Z0-9]{1,3}" => pick(&["KGM", "NMB", "C62", "5"], dice),
        "[0-9]{1,2}" => pick(&["11", "9", "09"], dice),
        _ if source.starts_with("[0-9]{4}(0[1-9]") => pick(
            &["20251001", "20251001093000", "20251001093000Z", "20251001093000+0900", "2025-10-01T09:30:00.5Z"],
            dice,
        ),
        _ if source.contains("[a-zA-Z]{1,8}") => pick(&["ko", "id", "en-GB"], dice),
        _ if source.starts_with("[Uu][Rr][Nn]") => "urn:uuid:0f8fad5b-d9cb-469f-a165-70867728950e".to_owned(),
        other => panic!("no sample for the pattern {other}"),
    }
}

impl Tree {
    pub fn to_octets(&self) -> Vec<u8> {
        let mut out = String::new();
        self.write(&mut out, true);
        out.into_bytes()
    }

    fn write(&self, out: &mut String, root: bool) {
        let name = if self.prefix.is_empty() { self.name.clone() } else { format!("{}:{}", self.prefix, self.name) };
        out.push('<');
        out.push_str(&name);
        if root {
            let slots = Slots::default();
            for slot in Slot::ALL {
                let prefix = if slot == Slot::Lpco { String::new() } else { format!(":{}", slot.prefix()) };
                out.push_str(&format!(" xmlns{prefix}=\"{}\"", slots.uri(slot)));
            }
            out.push_str(" xmlns:x=\"urn:example:foreign\" xmlns:other=\"urn:example:other\"");
        }
        for (name, value) in &self.attributes {
            out.push_str(&format!(" {name}=\"{}\"", escaped(value)));
        }
        out.push('>');
        out.push_str(&escaped(&self.text));
        self.children.iter().for_each(|child| child.write(out, false));
        out.push_str(&format!("</{name}>"));
    }

    /// Paths (indexes of children) to all elements but the root.
    pub fn paths(&self) -> Vec<Vec<usize>> {
        let mut out = Vec::new();
        let mut stack = vec![(self, Vec::new())];
        while let Some((node, path)) = stack.pop() {
            for (at, child) in node.children.iter().enumerate() {
                let mut inner = path.clone();
                inner.push(at);
                out.push(inner.clone());
                stack.push((child, inner));
            }
        }
        out
    }

    pub fn at(&self, path: &[usize]) -> &Tree {
        path.iter().fold(self, |node, at| &node.children[*at])
    }

    pub fn at_mut(&mut self, path: &[usize]) -> &mut Tree {
        path.iter().fold(self, |node, at| &mut node.children[*at])
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The simple type of an element without children, if it has one.
fn simple_of(tree: &Tree) -> Option<&'static Simple> {
    let number = match tree.declared?.kind {
        Type::Simple(number) => number,
        Type::Complex(number) => match TABLES.complexes[number as usize].content {
            Content::Simple(number) => number,
            _ => return None,
        },
        Type::Anything => return None,
    };
    TABLES.simples.get(number as usize)
}

/// Values that stand at a facet's bound, half of them beyond it.
fn at_the_bounds(simple: &Simple) -> Vec<String> {
    let mut out = Vec::new();
    let wide = |count: u64| "\u{D55C}".repeat(count as usize);
    for facet in simple.facets {
        match facet {
            Facet::Length(n) => out.extend([wide(*n), wide(n + 1), "A".repeat(*n as usize)]),
            Facet::MinLength(n) => out.extend([wide(*n), wide(n.saturating_sub(1)), " ".repeat(*n as usize)]),
            Facet::MaxLength(n) => {
                out.extend([wide(*n), wide(n + 1), "x".repeat(*n as usize), "x".repeat(*n as usize + 1)]);
            }
            Facet::TotalDigits(n) => {
                let n = *n as usize;
                out.extend([
                    "9".repeat(n),
                    "9".repeat(n + 1),
                    format!("0{}", "9".repeat(n)),
                    format!("{}.9", "9".repeat(n)),
                ]);
            }
            Facet::FractionDigits(n) => {
                let n = *n as usize;
                out.extend([format!("1.{}", "1".repeat(n + 1)), format!("1.{}00", "1".repeat(n.max(1)))]);
                out.push(format!("1.{}", "1".repeat(n)));
            }
            Facet::MinInclusive(bound)
            | Facet::MinExclusive(bound)
            | Facet::MaxInclusive(bound)
            | Facet::MaxExclusive(bound) => {
                out.extend([(*bound).to_owned(), format!("-{bound}"), format!("{bound}0"), format!("+{bound}")]);
                out.extend([format!("{bound}.0"), format!("{bound}.000000001"), format!("-0.1{bound}")]);
            }
            Facet::Pattern(patterns, _) => {
                let valid = match patterns[0].source {
                    source if source.starts_with(r"[\s\S]*") => "\u{A0}".to_owned(),
                    source => of_pattern(source, &mut Dice(7)),
                };
                out.extend([
                    valid.to_lowercase(),
                    format!("{valid}0"),
                    format!("{valid}\u{661}"),
                    valid.chars().skip(1).collect(),
                ]);
                out.push(format!("\t{valid}\n"));
            }
            Facet::Enumeration(_) => {}
        }
    }
    out
}

/// Codes that look like those of a list and are not in it, but for one.
fn beside_the_list(list: &[&str], dice: &mut Dice) -> String {
    let code = list[dice.below(list.len())];
    match dice.below(7) {
        0 => code.to_lowercase() + if code.chars().any(char::is_alphabetic) { "" } else { "a" },
        1 => format!("0{code}"),
        2 => format!("{code}{code}"),
        3 => code.chars().rev().chain(['Z']).collect(),
        4 => code.chars().take(code.chars().count() - 1).collect(),
        5 => format!(" {code}\n"),
        _ => "ZZ9".to_owned(),
    }
}

/// What [`mutate`] may do.
pub const MUTATIONS: [&str; 14] = [
    "missing",
    "extra: twice",
    "extra: another's",
    "extra: foreign",
    "reordered",
    "misnamed",
    "wrong namespace",
    "out of facet",
    "wrong code",
    "wrong attribute",
    "attribute's value",
    "any value",
    "stray text",
    "unchanged",
];

/// Breaks a valid message in one place, or leaves it valid now and then; gives the name of what was done.
pub fn mutate(tree: &mut Tree, dice: &mut Dice) -> &'static str {
    let kind = MUTATIONS[dice.below(MUTATIONS.len())];
    let mut paths = tree.paths();
    // Some mutations need an element of a kind; every message has one of each.
    paths.retain(|path| {
        let node = tree.at(path);
        let facets = || simple_of(node).map_or(&[][..], |simple| simple.facets);
        match kind {
            "out of facet" => facets().iter().any(|facet| !matches!(facet, Facet::Enumeration(_))),
            "wrong code" => facets().iter().any(|facet| matches!(facet, Facet::Enumeration(_))),
            "attribute's value" => !node.attributes.is_empty(),
            "any value" => node.children.is_empty(),
            _ => true,
        }
    });
    if paths.is_empty() {
        return "unchanged";
    }
    let path = paths[dice.below(paths.len())].clone();
    let (last, parent) = path.split_last().expect("the root is no path of them");
    match kind {
        "missing" => drop(tree.at_mut(parent).children.remove(*last)),
        "extra: twice" => {
            let copy = tree.at(&path).clone();
            tree.at_mut(parent).children.insert(*last, copy);
        }
        "extra: another's" => {
            let other = tree.at(&paths[dice.below(paths.len())]).clone();
            tree.at_mut(parent).children.insert(*last, other);
        }
        "extra: foreign" => {
            let extra = foreign(dice);
            let siblings = &mut tree.at_mut(parent).children;
            let at = dice.below(siblings.len() + 1);
            siblings.insert(at, extra);
        }
        "reordered" => {
            let siblings = &mut tree.at_mut(parent).children;
            let other = dice.below(siblings.len());
            siblings.swap(*last, other);
        }
        "misnamed" => {
            let name = &mut tree.at_mut(&path).name;
            match dice.below(3) {
                0 => name.push('X'),
                1 => *name = name.to_lowercase(),
                _ => drop(name.pop()),
            }
            if name.is_empty() {
                name.push('_');
            }
        }
        "wrong namespace" => {
            let prefixes = ["md", "cc", "svc", "res", "", "other"];
            tree.at_mut(&path).prefix = prefixes[dice.below(prefixes.len())];
        }
        "out of facet" => {
            let simple = simple_of(tree.at(&path)).expect("it was chosen for its facets");
            let values = at_the_bounds(simple);
            values[dice.below(values.len())].clone_into(&mut tree.at_mut(&path).text);
        }
        "wrong code" => {
            let simple = simple_of(tree.at(&path)).expect("it was chosen for its list");
            let list = simple.facets.iter().find_map(|facet| match facet {
                Facet::Enumeration(list) => Some(*list),
                _ => None,
            });
            tree.at_mut(&path).text = beside_the_list(list.expect("it was chosen for its list"), dice);
        }
        "wrong attribute" => {
            let names = ["formatCode", "unitCode", "currencyID", "listID", "nonsense", "schemeID", "languageID", "x:a"];
            let name = names[dice.below(names.len())];
            let node = tree.at_mut(&path);
            match node.attributes.iter().position(|(known, _)| known == name) {
                Some(at) => drop(node.attributes.remove(at)),
                None => node.attributes.push((name.to_owned(), VALUES[dice.below(VALUES.len())].to_owned())),
            }
        }
        "attribute's value" => {
            let attributes = &mut tree.at_mut(&path).attributes;
            let at = dice.below(attributes.len());
            VALUES[dice.below(VALUES.len())].clone_into(&mut attributes[at].1);
        }
        "any value" => VALUES[dice.below(VALUES.len())].clone_into(&mut tree.at_mut(&path).text),
        "stray text" => tree.at_mut(&path).text.push_str("stray"),
        _ => {}
    }
    kind
}

/// Values that fit here and there.
const VALUES: [&str; 28] = [
    "",
    " ",
    "x",
    "KR",
    "kr",
    "999",
    "-1",
    "0",
    "1.2345678",
    "12345678901234567",
    "1e3",
    "NaN",
    "99999",
    "100000",
    "20251301",
    "20251001",
    "2025-02-30T00:00:00Z",
    "true",
    "TRUE",
    "AAAA",
    "A===",
    "861",
    "9",
    " 9 ",
    "a\nb",
    "\u{A0}",
    "\u{D55C}\u{AD6D}",
    "This text is longer than most codes and identifiers may be in this contract, so that it breaks a length here and there, and not elsewhere.",
];
