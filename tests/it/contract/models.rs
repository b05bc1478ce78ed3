//! Content models made from a seed: what the reader takes of them means what XML Schema says, by a matcher that tries
//! everything; what it does not take it refuses.
//!
//! 300 models, with `COCONNECT_LONG=1` 3,000; `COCONNECT_SEED` says where they begin.

use std::collections::BTreeSet;

use coconnect::contract::schema::{self, Checker};
use coconnect::contract::{generate, read};
use coconnect::xml::{self, Options};

use super::instance::Dice;

const LETTERS: [char; 3] = ['a', 'b', 'c'];
const LENGTH_MAX: usize = 5;

/// A model over elements of one letter.
enum Model {
    Letter(char),
    Sequence(Vec<Part>),
    Choice(Vec<Part>),
    All(Vec<Part>),
}

struct Part {
    min: usize,
    max: Option<usize>,
    model: Model,
}

impl Part {
    fn random(dice: &mut Dice, depth: usize) -> Self {
        let (min, max) =
            [(1, Some(1)), (0, Some(1)), (1, None), (0, None), (1, Some(1)), (2, Some(3)), (0, Some(2)), (1, Some(3))]
                [dice.below(8)];
        Self { min, max, model: Model::random(dice, depth) }
    }

    fn schema(&self) -> String {
        let max = self.max.map_or("unbounded".to_owned(), |max| max.to_string());
        let occurs = format!("minOccurs='{}' maxOccurs='{max}'", self.min);
        let group = |name: &str, parts: &[Part]| {
            let inside: String = parts.iter().map(Part::schema).collect();
            format!("<xs:{name} {occurs}>{inside}</xs:{name}>")
        };
        match &self.model {
            Model::Letter(letter) => format!("<xs:element name='{letter}' {occurs}/>"),
            Model::Sequence(parts) => group("sequence", parts),
            Model::Choice(parts) => group("choice", parts),
            Model::All(parts) => group("all", parts),
        }
    }

    /// Every place where what begins at `from` may end.
    fn ends(&self, text: &[char], from: usize) -> BTreeSet<usize> {
        let mut out = BTreeSet::new();
        let mut reached = BTreeSet::from([from]);
        // Beyond the minimum, a round that takes nothing changes nothing.
        for round in 0..=self.max.unwrap_or(self.min + text.len()) {
            if round >= self.min {
                out.extend(&reached);
            }
            reached = reached.iter().flat_map(|at| self.model.ends(text, *at)).collect();
        }
        out
    }
}

impl Model {
    fn random(dice: &mut Dice, depth: usize) -> Self {
        let kind = if depth == 0 { 0 } else { dice.below(4) };
        let mut parts = |least: usize| -> Vec<Part> {
            let count = least + dice.below(3);
            (0..count).map(|_| Part::random(dice, depth.saturating_sub(1))).collect()
        };
        match kind {
            0 | 1 => Self::Letter(LETTERS[dice.below(3)]),
            2 => Self::Sequence(parts(1)),
            _ => Self::Choice(parts(1)),
        }
    }

    fn ends(&self, text: &[char], from: usize) -> BTreeSet<usize> {
        match self {
            Self::Letter(letter) => (text.get(from) == Some(letter)).then_some(from + 1).into_iter().collect(),
            Self::Sequence(parts) => parts.iter().fold(BTreeSet::from([from]), |reached, part| {
                reached.iter().flat_map(|at| part.ends(text, *at)).collect()
            }),
            Self::Choice(parts) => parts.iter().flat_map(|part| part.ends(text, from)).collect(),
            Self::All(parts) => all(&parts.iter().collect::<Vec<_>>(), text, from),
        }
    }
}

/// All parts, each once, in any order.
fn all(parts: &[&Part], text: &[char], from: usize) -> BTreeSet<usize> {
    if parts.is_empty() {
        return BTreeSet::from([from]);
    }
    let mut out = BTreeSet::new();
    for at in 0..parts.len() {
        let mut rest = parts.to_vec();
        let part = rest.remove(at);
        for end in part.ends(text, from) {
            out.extend(all(&rest, text, end));
        }
    }
    out
}

/// Every text of the letters up to the length.
fn texts() -> Vec<Vec<char>> {
    let mut out = vec![Vec::new()];
    let mut from = 0;
    for _ in 0..LENGTH_MAX {
        let to = out.len();
        for at in from..to {
            for letter in LETTERS {
                let mut longer = out[at].clone();
                longer.push(letter);
                out.push(longer);
            }
        }
        from = to;
    }
    out
}

/// What stands at the top: mostly a sequence, as in most schemas.
fn top(dice: &mut Dice) -> Part {
    let parts = |dice: &mut Dice| (0..1 + dice.below(4)).map(|_| Part::random(dice, 2)).collect::<Vec<_>>();
    match dice.below(6) {
        0 => Part { min: dice.below(2), max: Some(1), model: Model::All(each_once(dice)) },
        1 => Part { min: 1, max: Some(1), model: Model::Choice(parts(dice)) },
        2 => Part { model: Model::Sequence(parts(dice)), ..Part::random(dice, 0) },
        _ => Part { min: 1, max: Some(1), model: Model::Sequence(parts(dice)) },
    }
}

fn each_once(dice: &mut Dice) -> Vec<Part> {
    LETTERS.into_iter().map(|l| Part { min: dice.below(2), max: Some(1), model: Model::Letter(l) }).collect()
}

#[test]
fn a_model_that_is_taken_means_what_a_matcher_that_tries_everything_says() {
    struct One(String);
    impl schema::Resolver for One {
        fn resolve(&self, _: &str, reference: &str) -> Result<(String, String), read::Error> {
            Ok((reference.to_owned(), self.0.clone()))
        }
    }
    let number = |variable: &str| std::env::var(variable).ok().and_then(|value| value.parse::<u64>().ok());
    let count = if std::env::var("COCONNECT_LONG").as_deref() == Ok("1") { 3_000 } else { 300 };
    let first = number("COCONNECT_SEED").unwrap_or(1);
    let texts = texts();
    let (mut taken, mut refused, mut valid, mut invalid, mut wrong) = (0, 0, 0, 0, Vec::new());
    for seed in first..first + count {
        let part = top(&mut Dice(seed));
        let schema = format!(
            "<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema'><xs:element name='r'><xs:complexType>{}</xs:complexType></xs:element></xs:schema>",
            part.schema()
        );
        let ir = match schema::read("m.xsd", &One(schema.clone()), &[]) {
            Ok(ir) => ir,
            Err(read::Error::Unsupported { .. }) => {
                refused += 1;
                continue;
            }
            Err(error) => panic!("seed {seed}: {error}: {schema}"),
        };
        taken += 1;
        generate::decoder(&ir).unwrap_or_else(|error| panic!("seed {seed}: {error}: {schema}"));
        let checker = Checker::new(&ir);
        for text in &texts {
            let children: String = text.iter().map(|letter| format!("<{letter}/>")).collect();
            let document = xml::parse(format!("<r>{children}</r>").into_bytes(), &Options::default()).unwrap();
            let ours = checker.check(&document, document.document_element()).is_ok();
            let expected = part.ends(text, 0).contains(&text.len());
            *(if expected { &mut valid } else { &mut invalid }) += 1;
            if ours != expected {
                wrong.push(format!("seed {seed}: {} is {expected}: {schema}", text.iter().collect::<String>()));
                break;
            }
        }
    }
    println!(
        "content models, seeds {first}..{}: {taken} taken, {refused} refused; {valid} instances valid, {invalid} invalid, {} models wrong",
        first + count,
        wrong.len()
    );
    assert!(taken > count / 5 && valid > 0 && invalid > 0, "too little was judged");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
