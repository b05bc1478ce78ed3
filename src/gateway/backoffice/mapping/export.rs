//! The rules from the contract to the foreign side.

use super::convert::{date_out, decimal_out, json_number, picture_out};
use super::engine::{Fate, Mapped, empty, ignores};
use super::file::{As, Each, Level, Rule, Way};
use super::path::{Base, Path, Step, Work, get, joined, list_of, resolved, set, text_of};
use super::{Error, Mapping};
use crate::contract::json::{Kind, Value};

struct Export<'a> {
    mapping: &'a Mapping,
    fate: Fate,
    work: Work,
}

/// The JSON form of the contract to a foreign tree.
///
/// # Errors
/// [`Error::Target`] when selectors would look at more than [`Work::MAX`] elements.
pub(super) fn export(mapping: &Mapping, document: &Value) -> Result<Mapped, Error> {
    let mut run = Export { mapping, fate: Fate::default(), work: Work::new() };
    let mut chain = vec![empty()];
    run.level(&mapping.level, document, "", 1, &mut chain);
    if run.work.is_over() {
        let what = format!("expected lists that {} comparisons find their way through, came longer ones", Work::MAX);
        return Err(Error::Target(what));
    }
    let left = run.fate.left(document, &ignores(mapping, false));
    Ok(Mapped { document: chain.pop().unwrap_or_else(empty), left })
}

impl Export<'_> {
    /// `chain` holds what is being made, the innermost level last.
    fn level(&mut self, level: &Level, from: &Value, at: &str, number: usize, chain: &mut Vec<Value>) {
        let counts = |rule: &&Rule| rule.count.is_some();
        let rules = || level.rules.iter().filter(|rule| rule.raw.only != Some(Way::Import));
        for rule in rules().filter(|rule| !counts(rule)) {
            self.rule(rule, from, at, number, chain);
        }
        for each in &level.eachs {
            self.each(each, from, at, chain);
        }
        for rule in rules().filter(counts) {
            self.count(rule, chain);
        }
    }

    fn each(&mut self, each: &Each, from: &Value, at: &str, chain: &mut Vec<Value>) {
        let Some((found, path)) = get(from, &each.to, at, &self.work) else { return };
        let Kind::List(values) = &found.kind else { return };
        let mut made: Vec<Vec<Value>> = Vec::new();
        for (index, value) in values.iter().enumerate() {
            let depth = chain.len();
            chain.extend(each.levels.iter().map(|_| empty()));
            self.level(&each.inner, value, &format!("{path}[{index}]"), index + 1, chain);
            made.push(chain.split_off(depth));
        }
        if let Some(parent) = chain.last_mut() {
            nest(parent, &each.levels, &made, &self.work);
        }
    }

    fn count(&self, rule: &Rule, chain: &mut [Value]) {
        let (Some(from), Some(counted)) = (rule.from.first(), &rule.count) else { return };
        let found = chain.last().and_then(|context| get(context, &counted.steps, "", &self.work));
        let count = match found.map(|(value, _)| &value.kind) {
            None => return,
            Some(Kind::List(values)) => values.len(),
            Some(_) => 1,
        };
        let count = count.to_string();
        let kind = if rule.raw.kind == As::Number { Kind::Number(count) } else { Kind::Text(count) };
        self.put(from, kind.into(), chain);
    }

    fn rule(&mut self, rule: &Rule, from: &Value, at: &str, number: usize, chain: &mut [Value]) {
        if let (Some(is), Some(place)) = (&rule.raw.is, rule.from.first()) {
            self.put(place, is.as_str().into(), chain);
            return;
        }
        let Some(to) = &rule.to else { return };
        let Some((value, path)) = get(from, &to.steps, at, &self.work) else {
            let with = |with: &Path| get(from, &with.steps, at, &self.work).is_some();
            if let (Some(otherwise), Some(source)) = (&rule.raw.otherwise, rule.from.first())
                && rule.with.as_ref().is_none_or(with)
            {
                self.put(source, otherwise.replace("{n}", &number.to_string()).into(), chain);
            }
            return;
        };
        if let Some(constant) = &rule.raw.value {
            if text_of(value) == Some(constant.replace("{n}", &number.to_string()).as_str()) {
                self.fate.take(path);
                self.selected(&to.steps, from, at);
            }
            return;
        }
        if !rule.lines.is_empty() {
            let Some(text) = value.as_text() else { return };
            let parts = text.splitn(rule.lines.len(), '\n').zip(&rule.lines);
            if parts.filter(|(part, _)| !part.is_empty()).all(|(part, place)| self.put(place, part.into(), chain)) {
                self.fate.take(path);
            }
            return;
        }
        let Some(place) = rule.from.first() else { return };
        match self.converted(rule, value) {
            Ok(new) => {
                if self.put(place, new, chain) {
                    // What carries attributes is taken whole only by a conversion that writes them.
                    let whole =
                        matches!(rule.raw.kind, As::Date | As::Measure) || !matches!(value.kind, Kind::Object(_));
                    self.fate.take(if whole { path } else { joined(&path, "value") });
                    self.selected(&to.steps, from, at);
                }
            }
            Err(expected) => self.fate.refuse(path, expected),
        }
    }

    /// What a selector looked for is told by the place itself.
    fn selected(&mut self, steps: &[Step], from: &Value, at: &str) {
        for (index, step) in steps.iter().enumerate() {
            if let Step::Select(names, _) = step
                && let Some((_, path)) = steps.get(..=index).and_then(|steps| get(from, steps, at, &self.work))
            {
                self.fate.take(joined(&path, &names.join(".")));
            }
        }
    }

    /// The value for the foreign side, or what was expected instead.
    fn converted(&self, rule: &Rule, value: &Value) -> Result<Value, String> {
        let raw = &rule.raw;
        if raw.kind == As::Date {
            let format = raw.format.as_deref();
            let text = date_out(value, format).map(Value::from);
            return text.ok_or_else(|| format!("a date that {} has room for", format.unwrap_or("ISO 8601")));
        }
        if raw.kind == As::Measure {
            let code = value.member("unitCode").and_then(text_of);
            let unit = self.mapping.raw.units.iter().find(|(_, known)| Some(known.as_str()) == code);
            return match (unit, text_of(value)) {
                (Some((unit, _)), Some(number)) => Ok(format!("{} {unit}", self.decimal(number)).into()),
                _ => Err("a measure in one of the units of the mapping".to_owned()),
            };
        }
        let Some(text) = text_of(value) else { return Err("a value".to_owned()) };
        let text = match raw.codes.iter().find(|(_, code)| *code == text) {
            Some((foreign, _)) => foreign.as_str(),
            None if raw.codes.is_empty() => text,
            None => return Err("a code that the mapping translates".to_owned()),
        };
        let text = match &raw.picture {
            Some(picture) => picture_out(text, picture).ok_or_else(|| format!("a text for {picture}"))?,
            None => text.to_owned(),
        };
        let text = format!("{}{text}", raw.prefix.as_deref().unwrap_or(""));
        match raw.kind {
            As::Number => json_number(&text).map(|text| Kind::Number(text).into()).ok_or_else(|| "a number".to_owned()),
            As::Boolean => match text.as_str() {
                "true" | "false" => Ok(Kind::Bool(text == "true").into()),
                _ => Err("true or false".to_owned()),
            },
            As::Decimal => Ok(self.decimal(&text).into()),
            As::Base64 => {
                let octets = base64_simd::STANDARD.decode_to_vec(text.as_bytes()).ok();
                let text = octets.and_then(|octets| String::from_utf8(octets).ok()).map(Value::from);
                text.ok_or_else(|| "base64 of a text".to_owned())
            }
            _ => Ok(text.into()),
        }
    }

    fn decimal(&self, text: &str) -> String {
        decimal_out(text, self.mapping.raw.decimal_mark)
    }

    /// Writes `new` at a foreign path of what is being made.
    fn put(&self, place: &Path, new: Value, chain: &mut [Value]) -> bool {
        let Some(steps) = chain.last().and_then(|context| resolved(&place.steps, context)) else { return false };
        let at = match place.base {
            Base::Root => Some(0),
            Base::Up(levels) => chain.len().checked_sub(levels + 1),
        };
        at.and_then(|at| chain.get_mut(at)).is_some_and(|value| set(value, &steps, new, &self.work))
    }
}

/// Puts elements of several levels below `parent`; neighbours whose outer levels say the same share them.
fn nest(parent: &mut Value, levels: &[Vec<Step>], elements: &[Vec<Value>], work: &Work) {
    let Some((steps, inner)) = levels.split_first() else { return };
    let mut out = Vec::new();
    let mut rest = elements;
    while let Some(head) = rest.first().and_then(|element| element.first()) {
        let alike = if inner.is_empty() { 1 } else { rest.iter().take_while(|e| e.first() == Some(head)).count() };
        let (group, after) = rest.split_at(alike.max(1));
        let mut value = head.clone();
        let below: Vec<Vec<Value>> = group.iter().map(|e| e.get(1..).unwrap_or_default().to_vec()).collect();
        nest(&mut value, inner, &below, work);
        out.push(value);
        rest = after;
    }
    let mut holder: Value = Kind::Null.into();
    if let Some(list) = list_of(&mut holder) {
        *list = out;
    }
    set(parent, steps, holder, work);
}
