//! Makes messages from the tables of the contract: whole ones, random valid ones, and broken ones, by a seed.

use coconnect::contract::datatype::{Facet, Primitive, Simple, Variety};
use coconnect::contract::generated::TABLES;
use coconnect::contract::table::{Content, Element, Particle, Term, Type};
use coconnect::contract::{Slot, Slots};

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

/// Any root of the contract.
pub fn root(root: &Element, dice: &mut Dice, fill: Fill) -> Tree {
    element(root, dice, fill)
}

fn prefix(ns: u8) -> &'static str {
    match Slot::ALL[usize::from(ns)] {
        Slot::Lpco => "",
        slot => slot.prefix(),
    }
}

fn element(declaration: &Element, dice: &mut Dice, fill: Fill) -> Tree {
    let mut tree = Tree { prefix: prefix(declaration.ns), name: declaration.name.to_owned(), ..Tree::default() };
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

fn particle(particle: &Particle, elements: &[Element], parent: &mut Tree, dice: &mut Dice, fill: Fill) {
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

    pub fn at_mut(&mut self, path: &[usize]) -> &mut Tree {
        path.iter().fold(self, |node, at| &mut node.children[*at])
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Breaks a valid message in one place, or leaves it valid now and then; gives the name of what was done.
pub fn mutate(tree: &mut Tree, dice: &mut Dice) -> &'static str {
    let paths = tree.paths();
    let path = paths[dice.below(paths.len())].clone();
    let (last, parent) = path.split_last().unwrap();
    let leaves: Vec<&Vec<usize>> = paths.iter().filter(|p| tree.clone().at_mut(p).children.is_empty()).collect();
    let leaf = leaves[dice.below(leaves.len())].clone();
    let values = [
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
        "한국",
        "This text is longer than most codes and identifiers may be in this contract, so that it breaks a length here and there, and not elsewhere.",
    ];
    match dice.below(12) {
        0 => {
            tree.at_mut(parent).children.remove(*last);
            "missing"
        }
        1 => {
            let copy = tree.at_mut(&path).clone();
            tree.at_mut(parent).children.insert(*last, copy);
            "repeated"
        }
        2 => {
            let siblings = &mut tree.at_mut(parent).children;
            let other = dice.below(siblings.len());
            siblings.swap(*last, other);
            "reordered"
        }
        3 => {
            tree.at_mut(&path).name.push('X');
            "misnamed"
        }
        4 => {
            let prefixes = ["md", "cc", "svc", "res", "", "other"];
            tree.at_mut(&path).prefix = prefixes[dice.below(prefixes.len())];
            "wrong namespace"
        }
        5..=7 => {
            tree.at_mut(&leaf).text = values[dice.below(values.len())].to_owned();
            "other value"
        }
        8 => {
            let names = ["formatCode", "unitCode", "currencyID", "listID", "nonsense", "schemeID", "languageID"];
            let name = names[dice.below(names.len())];
            let node = tree.at_mut(&leaf);
            match node.attributes.iter().position(|(known, _)| known == name) {
                Some(at) => drop(node.attributes.remove(at)),
                None => node.attributes.push((name.to_owned(), values[dice.below(values.len())].to_owned())),
            }
            "attribute"
        }
        9 => {
            let node = tree.at_mut(&path);
            match node.attributes.first_mut() {
                Some(attribute) => attribute.1 = values[dice.below(values.len())].to_owned(),
                None => node.text.push_str("stray"),
            }
            "attribute value or stray text"
        }
        10 => {
            let extra = foreign(dice);
            let siblings = &mut tree.at_mut(parent).children;
            let at = dice.below(siblings.len() + 1);
            siblings.insert(at, extra);
            "foreign element"
        }
        _ => "unchanged",
    }
}
