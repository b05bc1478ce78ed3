//! Wrapping attacks as an engine, not a list: from each valid message every kind of variant that moves, copies, renames or
//! shadows what is signed, its Id, the Security header or the Body, at every place; and random compositions of two to
//! four of them. A variant may be accepted only when it says what the original said.
//!
//! - [`bases`]: valid messages of many shapes.
//! - [`view`], [`mutate`]: what an attacker makes of them.
//! - [`judge`]: what a reader learns, and whether that is what was signed; readers that are known to be wrong, which show
//!   that this engine would tell.
//! - [`files`]: the same against signatures of files.
//!
//! `COCONNECT_SEED` repeats a run. `COCONNECT_VARIANTS` sets how many variants of each kind are made of each message where
//! there are more (default 16, with `COCONNECT_LONG=1` 400, and 2,500 compositions of each message).

mod bases;
mod files;
mod judge;
mod mutate;
mod view;

use std::collections::BTreeMap;
use std::sync::Arc;

use bases::{Base, Parties};
use judge::Meaning;
use mutate::{Forgery, Kind};
use view::{Random, View};

/// How much is made.
struct Amount {
    seed: u64,
    of_each_kind: usize,
    compositions: usize,
    long: bool,
}

impl Amount {
    fn chosen() -> Self {
        let number = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
        let long = std::env::var("COCONNECT_LONG").as_deref() == Ok("1");
        Self {
            seed: number("COCONNECT_SEED").unwrap_or(20_261_122),
            of_each_kind: number("COCONNECT_VARIANTS").unwrap_or(if long { 400 } else { 16 }) as usize,
            compositions: if long { 2_500 } else { 60 },
            long,
        }
    }
}

/// What became of variants.
#[derive(Clone, Copy, Default)]
struct Tally {
    made: usize,
    refused: usize,
    same: usize,
    /// Accepted, and says something else: one is one too many.
    other: usize,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, more: Self) {
        self.made += more.made;
        self.refused += more.refused;
        self.same += more.same;
        self.other += more.other;
    }
}

/// How a variant was made: one mutation, or several.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Origin {
    One(Kind),
    Several,
}

/// What a run came to: by base and origin.
#[derive(Default)]
struct Table {
    cells: BTreeMap<(usize, Origin), Tally>,
    bases: Vec<String>,
    /// What was accepted and says something else: in what it differs, and the message.
    dangerous: Vec<(String, &'static str, Origin, String)>,
    /// Of each base and origin one that was accepted, for people.
    samples: BTreeMap<(usize, Origin), String>,
}

impl Table {
    fn judge(&mut self, base: &Base, origin: Origin, text: String, signed: &Meaning, got: Option<Meaning>) {
        let at = (self.bases.len() - 1, origin.clone());
        let cell = self.cells.entry(at.clone()).or_default();
        cell.made += 1;
        let Some(got) = got else {
            cell.refused += 1;
            return;
        };
        match got.difference(signed, base.full) {
            None => {
                cell.same += 1;
                self.samples.entry(at).or_insert(text);
            }
            Some(what) => {
                cell.other += 1;
                self.dangerous.push((base.name.clone(), what, origin, text));
            }
        }
    }

    fn sum(&self, of: impl Fn(&(usize, Origin)) -> bool) -> Tally {
        let mut sum = Tally::default();
        self.cells.iter().filter(|(at, _)| of(at)).for_each(|(_, cell)| sum += *cell);
        sum
    }

    fn origins() -> impl Iterator<Item = Origin> {
        Kind::ALL.into_iter().map(Origin::One).chain([Origin::Several])
    }

    /// Bases down, kinds across: variants made, and after the stroke those accepted with the same meaning.
    fn print(&self) {
        println!("kind                  made  refused  accepted with the same meaning");
        for (number, origin) in Self::origins().enumerate() {
            let Tally { made, refused, same, .. } = self.sum(|(_, of)| *of == origin);
            let name = match &origin {
                Origin::One(kind) => format!("{kind:?}"),
                Origin::Several => "two to four of them".to_owned(),
            };
            println!("{number:2} {name:20} {made:5} {refused:8} {same:8}");
        }
        println!("base x kind (by number): made/accepted with the same meaning");
        for (number, base) in self.bases.iter().enumerate() {
            let cells = Self::origins().map(|origin| {
                let cell = self.cells.get(&(number, origin)).copied().unwrap_or_default();
                format!("{}/{}", cell.made, cell.same)
            });
            println!("{base:28} {}", cells.collect::<Vec<_>>().join(" "));
        }
    }
}

/// Makes the variants of one base and has them judged. A kind with more variants than wanted is sampled evenly.
fn attack(table: &mut Table, base: &Base, amount: &Amount, open: &dyn Fn(&Base, &str) -> Option<Meaning>) {
    let signed = open(base, &base.text).unwrap_or_else(|| panic!("{}: the message itself is refused", base.name));
    table.bases.push(base.name.clone());
    let mut random =
        Random(amount.seed ^ base.name.bytes().fold(0, |sum: u64, byte| sum.wrapping_mul(31) + u64::from(byte)));
    let forgery = Forgery::new(&base.attacker, &base.text);
    let view = View::of(base.text.clone()).unwrap();
    for kind in Kind::ALL {
        let count = kind.count(&view, &forgery);
        let wanted = amount.of_each_kind.min(count);
        for number in 0..wanted {
            let (from, to) = (count * number / wanted, count * (number + 1) / wanted);
            // Some numbers stand for nothing, such as a place inside of what is moved: the next ones are tried.
            let start = from + random.below(to - from);
            let text = (start..to).chain(from..start).take(12).find_map(|at| kind.make(&view, &forgery, at));
            let Some(text) = text else { continue };
            let got = open(base, &text);
            table.judge(base, Origin::One(kind), text, &signed, got);
        }
    }
    for _ in 0..amount.compositions {
        let steps = 2 + random.below(3);
        let mut text = None;
        for step in 0..steps {
            let made = match &text {
                None => mutate::random(&mut random, &view, &forgery),
                Some(text) => View::of(String::clone(text)).and_then(|v| mutate::random(&mut random, &v, &forgery)),
            };
            match made {
                Some((_, made)) => text = Some(made),
                None if step == 0 => {}
                None => break,
            }
        }
        let Some(text) = text.filter(|text| *text != base.text) else { continue };
        let got = open(base, &text);
        table.judge(base, Origin::Several, text, &signed, got);
    }
}

fn every_base(amount: &Amount) -> Vec<Base> {
    let (ec, rsa) = (Parties::new("p256"), Parties::new("rsa"));
    let mut bases = bases::written(&ec, &rsa);
    if let Some(root) = crate::vectors::root() {
        let mut captured = bases::captured(&root, &ec.mallory);
        assert!(captured.len() > 80, "only {} messages of others are taken", captured.len());
        if !amount.long {
            // A few of them each time: all of what the gateway itself would take, every seventh of the others.
            let mut number = usize::try_from(amount.seed % 7).unwrap();
            captured.retain(|base| {
                number += 1;
                base.full || number.is_multiple_of(7)
            });
            captured.truncate(16);
        }
        bases.extend(captured);
    }
    bases
}

#[test]
fn no_variant_of_a_message_says_something_else() {
    // Signature wrapping: the signature holds, and something that was not signed is read.
    let amount = Amount::chosen();
    let mut table = Table::default();
    for base in every_base(&amount) {
        attack(&mut table, &base, &amount, &|base, text| base.open(text.as_bytes()));
    }
    println!("seed {}", amount.seed);
    table.print();
    if let Ok(folder) = std::env::var("COCONNECT_SAMPLES_TO") {
        for ((base, origin), text) in &table.samples {
            let name = table.bases[*base].replace([' ', ','], "_");
            std::fs::write(format!("{folder}/{name}-{origin:?}.xml"), text).unwrap();
        }
    }
    if let Some((base, what, origin, text)) = table.dangerous.first() {
        panic!("seed {}: {base}: {origin:?}: another {what} is accepted:\n{text}", amount.seed);
    }
    let all = table.sum(|_| true);
    println!("{} variants, {} refused, {} accepted with the same meaning", all.made, all.refused, all.same);
    assert!(all.made >= 10_000 || amount.of_each_kind < 16, "too few variants: {}", all.made);
    for origin in Table::origins() {
        let made = table.sum(|(_, of)| *of == origin).made;
        assert!(made >= 90 || amount.of_each_kind < 16, "{origin:?}: made only {made}");
    }
}

#[test]
fn readers_that_are_known_to_be_wrong_are_found_out() {
    // A test that cannot fail shows nothing: here the signature is checked as it should be, and then the message is read
    // by names, as stacks did that were broken so.
    let amount = Amount { of_each_kind: 60, compositions: 60, long: false, ..Amount::chosen() };
    let (ec, rsa) = (Parties::new("p256"), Parties::new("rsa"));
    let mut found: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut kinds: BTreeMap<Origin, usize> = BTreeMap::new();
    for base in bases::written(&ec, &rsa).iter().filter(|base| base.name.ends_with("clear") && base.full) {
        let mut table = Table::default();
        let reader = judge::ByName::new(&ec.client);
        attack(&mut table, base, &amount, &|_, text| reader.open(text));
        for (_, what, origin, _) in &table.dangerous {
            *found.entry(what).or_default() += 1;
            *kinds.entry(origin.clone()).or_default() += 1;
        }
        assert!(table.sum(|_| true).refused > 500, "{}: it checks no signature", base.name);
    }
    println!("found: {found:?}\nby: {kinds:?}");
    for what in ["payload", "addressing", "timestamp"] {
        assert!(found.contains_key(what), "{what}: {found:?}");
    }
    assert!(found.values().sum::<usize>() > 50, "{found:?}");
    for kind in [Kind::Shadow, Kind::ShadowWrapped, Kind::Forge, Kind::Nest, Kind::Envelope] {
        assert!(kinds.contains_key(&Origin::One(kind)), "{kind:?}: {kinds:?}");
    }
}

#[test]
fn no_changed_octet_is_believed() {
    // Every unsigned field is read and checked, so that a changed octet is refused or says the same.
    let (ec, rsa) = (Parties::new("p256"), Parties::new("rsa"));
    let step = if Amount::chosen().long { 1 } else { 7 };
    for base in bases::written(&ec, &rsa).iter().filter(|base| base.full) {
        let signed = base.open(base.text.as_bytes()).unwrap();
        let mut accepted = Vec::new();
        let original = base.text.as_bytes();
        let tried = original.len().div_ceil(step);
        for at in (0..original.len()).step_by(step) {
            let mut changed = original.to_vec();
            changed[at] ^= 1;
            if let Some(got) = base.open(&changed) {
                assert_eq!(got.difference(&signed, base.full), None, "{}: octet {at}", base.name);
                let around = &original[at.saturating_sub(24)..(at + 8).min(original.len())];
                accepted.push(String::from_utf8_lossy(around).into_owned());
            }
        }
        // What remains: names of declarations and attributes that mean nothing, such as a changed xmlns:wsse11.
        println!("{}: {} of {tried} one-bit changes accepted, all with the signed content", base.name, accepted.len());
        assert!(accepted.len() < tried / 12, "{}: too many unread octets: {accepted:#?}", base.name);
    }
}

/// Keeps one identity for several tests of files.
fn somebody() -> Arc<coconnect::soap::wss::Identity> {
    Parties::new("p256").client
}
