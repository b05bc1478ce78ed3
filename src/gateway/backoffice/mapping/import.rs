//! The rules from the foreign side to the contract.

use super::convert::{date_in, decimal_in, picture_in};
use super::engine::{Fate, Mapped, empty, ignores};
use super::file::{As, Each, Level, Rule, Way};
use super::path::{Base, Path, Step, TEXT, Work, get, joined, resolved, set, text_of};
use super::{Error, Mapping};
use crate::contract::json::{Kind, Member, Place, Value};

/// A level of the foreign tree at hand, the innermost last, with its path.
type Chain<'a> = Vec<(&'a Value, String)>;

struct Import<'a> {
    mapping: &'a Mapping,
    octets: &'a [u8],
    fate: Fate,
    work: Work,
}

/// A foreign tree to the JSON form of the contract.
///
/// # Errors
/// [`Error::Source`] when selectors would look at more than [`Work::MAX`] elements.
pub(super) fn import(mapping: &Mapping, tree: &Value, octets: &[u8]) -> Result<Mapped, Error> {
    let mut run = Import { mapping, octets, fate: Fate::default(), work: Work::new() };
    let mut document = empty();
    document.place = tree.place;
    run.level(&mapping.level, &vec![(tree, String::new())], 1, &mut document);
    if run.work.is_over() {
        let what = format!("expected lists that {} comparisons find their way through, came longer ones", Work::MAX);
        return Err(Error::Source(what));
    }
    let left = run.fate.left(tree, &ignores(mapping, true));
    Ok(Mapped { document, left })
}

/// What a rule found.
struct Found<'a> {
    value: &'a Value,
    path: String,
}

impl Import<'_> {
    fn level(&mut self, level: &Level, chain: &Chain<'_>, number: usize, target: &mut Value) {
        for rule in level.rules.iter().filter(|rule| rule.raw.only != Some(Way::Export)) {
            self.rule(rule, chain, number, target);
        }
        for each in &level.eachs {
            self.each(each, chain, target);
        }
    }

    fn each(&mut self, each: &Each, chain: &Chain<'_>, target: &mut Value) {
        let mut elements: Vec<Chain<'_>> = vec![chain.clone()];
        for steps in &each.levels {
            let mut inner = Vec::new();
            for chain in elements {
                let found = chain.last().and_then(|(value, path)| get(value, steps, path, &self.work));
                let Some((found, path)) = found.filter(|(value, _)| !is_nothing(value)) else { continue };
                let mut push = |value, path| {
                    let mut chain = chain.clone();
                    chain.push((value, path));
                    inner.push(chain);
                };
                match &found.kind {
                    Kind::List(values) => {
                        values.iter().enumerate().for_each(|(at, value)| push(value, format!("{path}[{at}]")));
                    }
                    _ => push(found, path),
                }
            }
            elements = inner;
        }
        let mut made = Vec::new();
        for (at, chain) in elements.iter().enumerate() {
            let mut element = empty();
            element.place = chain.last().map_or(Place::default(), |(value, _)| value.place);
            self.level(&each.inner, chain, at + 1, &mut element);
            made.push(element);
        }
        if let Some(first) = made.first() {
            let place = first.place;
            set(target, &each.to, Value { place, kind: Kind::List(made) }, &self.work);
        }
    }

    /// What stands at a foreign path, with its path from the document.
    fn find<'v>(&self, path: &Path, chain: &Chain<'v>) -> Option<Found<'v>> {
        let (context, _) = chain.last()?;
        let (value, at) = match path.base {
            Base::Root => chain.first()?,
            Base::Up(levels) => chain.get(chain.len().checked_sub(levels + 1)?)?,
        };
        let (value, path) = get(value, &resolved(&path.steps, context)?, at, &self.work)?;
        // The text of an XML element with attributes stands one step further down.
        let found = match value.member(TEXT) {
            Some(text) => Found { value: text, path: joined(&path, TEXT) },
            None => Found { value, path },
        };
        (!is_nothing(found.value)).then_some(found)
    }

    /// Takes what was found, with what the selectors of its path looked for.
    fn take(&mut self, found: String, path: &Path, chain: &Chain<'_>) {
        self.fate.take(found);
        let selects = path.steps.iter().enumerate().filter_map(|(at, step)| match step {
            Step::Select(names, _) => Some((at, names)),
            _ => None,
        });
        for (at, names) in selects {
            let element = Path { base: path.base, steps: path.steps.get(..=at).unwrap_or_default().to_vec() };
            if let Some(found) = self.find(&element, chain) {
                self.fate.take(joined(&found.path, &names.join(".")));
            }
        }
    }

    fn rule(&mut self, rule: &Rule, chain: &Chain<'_>, number: usize, target: &mut Value) {
        if rule.when.as_ref().is_some_and(|when| self.find(when, chain).is_none()) {
            return;
        }
        let Some(to) = &rule.to else { return self.check(rule, chain) };
        if rule.raw.absent && get(target, &to.steps, "", &self.work).is_some() {
            return;
        }
        if rule.raw.kind == As::Source {
            set(target, &to.steps, base64_simd::STANDARD.encode_to_string(self.octets).into(), &self.work);
            return;
        }
        if let Some(value) = &rule.raw.value {
            set(target, &to.steps, value.replace("{n}", &number.to_string()).into(), &self.work);
            return;
        }
        if !rule.lines.is_empty() {
            return self.lines(rule, &to.steps, chain, target);
        }
        let Some((from, found)) = rule.from.iter().find_map(|from| Some((from, self.find(from, chain)?))) else {
            return;
        };
        match self.converted(rule, found.value) {
            Ok(kind) => {
                let new = Value { place: found.value.place, kind };
                if set(target, &to.steps, new, &self.work) {
                    self.take(found.path, from, chain);
                } else {
                    let expected = format!("room at {}, where another rule put something else", rule.name());
                    self.fate.refuse(found.path, expected);
                }
            }
            Err(expected) => self.fate.refuse(found.path, expected),
        }
    }

    /// Of what has no place in the contract: that it says what it must.
    fn check(&mut self, rule: &Rule, chain: &Chain<'_>) {
        let Some(from) = rule.from.first() else { return };
        let Some(found) = self.find(from, chain) else { return };
        let (wanted, why) = match (&rule.raw.is, &rule.count) {
            (Some(is), _) => (is.clone(), String::new()),
            (None, Some(counted)) => {
                let count = match self.find(counted, chain).map(|found| &found.value.kind) {
                    None => 0,
                    Some(Kind::List(values)) => values.len(),
                    Some(_) => 1,
                };
                let name = rule.raw.count.as_deref().unwrap_or_default();
                (count.to_string(), format!(", the number of {name}"))
            }
            (None, None) => return,
        };
        if text_of(found.value) == Some(wanted.as_str()) {
            self.take(found.path, from, chain);
        } else {
            self.fate.refuse(found.path, format!("{wanted:?}{why}"));
        }
    }

    fn lines(&mut self, rule: &Rule, to: &[Step], chain: &Chain<'_>, target: &mut Value) {
        let found: Vec<Option<Found<'_>>> = rule.lines.iter().map(|path| self.find(path, chain)).collect();
        let Some(last) = found.iter().rposition(Option::is_some) else { return };
        let mut texts = Vec::new();
        for (at, found) in found.iter().enumerate().take(last + 1) {
            let text = found.as_ref().map_or(Some(""), |found| found.value.as_text());
            match text.filter(|text| at + 1 == rule.lines.len() || !text.contains('\n')) {
                Some(text) => texts.push(text),
                None => {
                    let path = found.as_ref().map(|found| found.path.clone()).unwrap_or_default();
                    return self.fate.refuse(path, "a text of one line".to_owned());
                }
            }
        }
        let place = found.iter().flatten().next().map_or(Place::default(), |found| found.value.place);
        let new = Value { place, kind: Kind::Text(texts.join("\n")) };
        if set(target, to, new, &self.work) {
            found.into_iter().flatten().for_each(|found| self.fate.take(found.path));
        }
    }

    /// The value for the contract, or what was expected instead.
    fn converted(&self, rule: &Rule, value: &Value) -> Result<Kind, String> {
        let raw = &rule.raw;
        let (wanted, fits) = match raw.kind {
            As::Number => ("a number", matches!(value.kind, Kind::Number(_))),
            As::Boolean => ("true or false", matches!(value.kind, Kind::Bool(_))),
            As::Decimal => ("a number", matches!(value.kind, Kind::Number(_) | Kind::Text(_))),
            _ => ("a string", matches!(value.kind, Kind::Text(_))),
        };
        let Some(text) = text_of(value).filter(|_| fits) else { return Err(wanted.to_owned()) };
        if let Some(max) = raw.max.filter(|max| text.chars().count() > *max) {
            return Err(format!("at most {max} characters"));
        }
        let text = match &raw.prefix {
            Some(prefix) => {
                text.strip_prefix(prefix.as_str()).ok_or_else(|| format!("a text that begins with {prefix:?}"))?
            }
            None => text,
        };
        if !raw.codes.is_empty() {
            let code = raw.codes.get(text).ok_or_else(|| one_of(raw.codes.keys()))?;
            return Ok(Kind::Text(code.clone()));
        }
        if let Some(picture) = &raw.picture {
            return picture_in(text, picture).map(Kind::Text).ok_or_else(|| format!("a text like {picture}"));
        }
        match raw.kind {
            As::Decimal if matches!(value.kind, Kind::Text(_)) => {
                self.decimal(text).map(Kind::Text).ok_or_else(|| self.number_wanted())
            }
            As::Date => {
                let format = raw.format.as_deref();
                let date = date_in(text, format);
                date.map(|date| date.kind)
                    .ok_or_else(|| format!("a date as {}", format.unwrap_or("ISO 8601 writes it")))
            }
            As::Measure => {
                let units = &self.mapping.raw.units;
                let wanted = || format!("{} and a unit, {}", self.number_wanted(), one_of(units.keys()));
                let (number, unit) = text.trim().split_once(' ').ok_or_else(wanted)?;
                let unit = units.get(unit.trim()).ok_or_else(wanted)?;
                let number = self.decimal(number).ok_or_else(wanted)?;
                Ok(Kind::Object(vec![Member::new("value", number), Member::new("unitCode", unit.as_str())]))
            }
            As::Base64 => Ok(Kind::Text(base64_simd::STANDARD.encode_to_string(text))),
            _ => Ok(Kind::Text(text.to_owned())),
        }
    }

    fn decimal(&self, text: &str) -> Option<String> {
        decimal_in(text, self.mapping.raw.decimal_mark, self.mapping.raw.grouping)
    }

    fn number_wanted(&self) -> String {
        let raw = &self.mapping.raw;
        match raw.grouping {
            Some(grouping) => {
                format!("a number with {:?} before decimals and {grouping:?} between thousands", raw.decimal_mark)
            }
            None => format!("a number with {:?} before decimals", raw.decimal_mark),
        }
    }
}

/// `null` and a text without characters say nothing.
fn is_nothing(value: &Value) -> bool {
    match &value.kind {
        Kind::Null => true,
        Kind::Text(text) => text.is_empty(),
        _ => false,
    }
}

/// The names in words, ten of them at most.
fn one_of<'a>(names: impl ExactSizeIterator<Item = &'a String>) -> String {
    let more = if names.len() > 10 { ", ..." } else { "" };
    let names: Vec<String> = names.take(10).map(|name| format!("{name:?}")).collect();
    format!("one of {}{more}", names.join(", "))
}
