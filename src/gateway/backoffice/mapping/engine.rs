//! Walks the rules of a mapping, either way, and remembers what they took.

use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime};

use super::Mapping;
use super::file::{As, Each, Level, Rule, Way};
use super::path::{Base, Path, Step, get, joined, list_of, resolved, set, text_of};
use crate::contract::json::{Kind, Member, Value};

/// A value that no rule took.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Left {
    /// Its path, with positions.
    pub path: String,
    /// Its type: `a string`, `a number`, ...
    pub kind: &'static str,
    /// Why it is left behind on purpose; none when nobody thought of it.
    pub why: Option<String>,
}

/// A document on the other side, and what did not come along.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mapped {
    /// The document.
    pub document: Value,
    /// What no rule took, in the order of the document.
    pub left: Vec<Left>,
}

fn empty() -> Value {
    Kind::Object(Vec::new()).into()
}

// ---- to the contract -------------------------------------------------------------------------------------------------

/// A level of the foreign tree at hand, the innermost last, with its path.
type Chain<'a> = Vec<(&'a Value, String)>;

struct Import<'a> {
    mapping: &'a Mapping,
    octets: &'a [u8],
    taken: BTreeSet<String>,
}

pub(super) fn import(mapping: &Mapping, tree: &Value, octets: &[u8]) -> Mapped {
    let mut run = Import { mapping, octets, taken: BTreeSet::new() };
    let mut document = empty();
    run.level(&mapping.level, &vec![(tree, String::new())], 1, &mut document);
    let mut left = Vec::new();
    leaves(tree, "", &mut |path, value| {
        if !run.taken.contains(path) {
            let why = mapping.ignores.iter().find(|(ignored, _)| covers(ignored, path)).map(|(_, why)| why.clone());
            left.push(Left { path: path.to_owned(), kind: value.type_name(), why });
        }
    });
    Mapped { document, left }
}

/// Every value that holds no other, in order; `null` is nothing.
fn leaves(value: &Value, path: &str, each: &mut impl FnMut(&str, &Value)) {
    match &value.kind {
        Kind::Null => {}
        Kind::Object(members) if !members.is_empty() => {
            members.iter().for_each(|member| leaves(&member.value, &joined(path, &member.name), each));
        }
        Kind::List(values) if !values.is_empty() => {
            values.iter().enumerate().for_each(|(at, value)| leaves(value, &format!("{path}[{at}]"), each));
        }
        _ => each(path, value),
    }
}

/// Whether the path with positions lies at or below `ignored`, whose `[]` stands for every position.
fn covers(ignored: &Path, path: &str) -> bool {
    let mut wanted = String::new();
    for step in &ignored.steps {
        match step {
            Step::Name(name) => wanted = joined(&wanted, name),
            Step::Index(index) => wanted.push_str(&format!("[{index}]")),
            Step::All => wanted.push_str("[]"),
            Step::Select(..) => return false,
        }
    }
    let mut plain = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('[') {
        let Some((index, after)) = after.split_once(']') else { break };
        plain.push_str(before);
        // A position is kept only where the pattern has none at this place.
        let here = wanted.get(plain.len()..).unwrap_or("");
        plain.push_str(&if here.starts_with("[]") { "[]".to_owned() } else { format!("[{index}]") });
        rest = after;
    }
    plain.push_str(rest);
    plain.strip_prefix(&wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
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
                let Some((found, path)) = chain.last().and_then(|(value, path)| get(value, steps, path)) else {
                    continue;
                };
                match &found.kind {
                    Kind::List(values) => {
                        for (at, value) in values.iter().enumerate() {
                            let mut chain = chain.clone();
                            chain.push((value, format!("{path}[{at}]")));
                            inner.push(chain);
                        }
                    }
                    _ => {
                        let mut chain = chain.clone();
                        chain.push((found, path));
                        inner.push(chain);
                    }
                }
            }
            elements = inner;
        }
        let level = Level { rules: each.rules.clone(), eachs: each.eachs.clone() };
        let mut made = Vec::new();
        for (at, chain) in elements.iter().enumerate() {
            let mut element = empty();
            self.level(&level, chain, at + 1, &mut element);
            made.push(element);
        }
        if !made.is_empty() {
            set(target, &each.to, Kind::List(made).into());
        }
    }

    /// What stands at a foreign path, with its path from the document.
    fn find<'v>(&self, path: &Path, chain: &Chain<'v>) -> Option<(&'v Value, String)> {
        let (context, _) = chain.last()?;
        let (value, at) = match path.base {
            Base::Root => chain.first()?,
            Base::Up(levels) => chain.get(chain.len().checked_sub(levels + 1)?)?,
        };
        get(value, &resolved(&path.steps, context)?, at)
    }

    fn rule(&mut self, rule: &Rule, chain: &Chain<'_>, number: usize, target: &mut Value) {
        if rule.when.as_ref().is_some_and(|when| self.find(when, chain).is_none()) {
            return;
        }
        let Some(to) = &rule.to else { return };
        if rule.raw.absent && get(target, &to.steps, "").is_some() {
            return;
        }
        if rule.raw.kind == As::Source {
            set(target, &to.steps, base64_simd::STANDARD.encode_to_string(self.octets).into());
            return;
        }
        if let Some(value) = &rule.raw.value {
            set(target, &to.steps, value.replace("{n}", &number.to_string()).into());
            return;
        }
        if !rule.lines.is_empty() {
            let found: Vec<(&Value, String)> = rule.lines.iter().filter_map(|path| self.find(path, chain)).collect();
            let lines: Vec<&str> = found.iter().filter_map(|(value, _)| value.as_text()).collect();
            if !lines.is_empty() && lines.len() == found.len() && set(target, &to.steps, lines.join("\n").into()) {
                self.taken.extend(found.into_iter().map(|(_, path)| path));
            }
            return;
        }
        let Some((value, path)) = rule.from.iter().find_map(|from| self.find(from, chain)) else { return };
        if let Some(new) = self.converted(rule, value)
            && set(target, &to.steps, new)
        {
            self.taken.insert(path);
        }
    }

    fn converted(&self, rule: &Rule, value: &Value) -> Option<Value> {
        let raw = &rule.raw;
        let text = text_of(value)?;
        let is_text = matches!(value.kind, Kind::Text(_));
        let taken_as = match raw.kind {
            As::Number => matches!(value.kind, Kind::Number(_)),
            As::Boolean => matches!(value.kind, Kind::Bool(_)),
            As::Decimal => matches!(value.kind, Kind::Number(_) | Kind::Text(_)),
            _ => is_text,
        };
        if !taken_as || text.is_empty() || raw.max.is_some_and(|max| text.chars().count() > max) {
            return None;
        }
        let text = match &raw.prefix {
            Some(prefix) => text.strip_prefix(prefix.as_str())?,
            None => text,
        };
        if !raw.codes.is_empty() {
            return raw.codes.get(text).map(|code| code.as_str().into());
        }
        match raw.kind {
            As::Decimal if is_text => self.decimal(text).map(Value::from),
            As::Date => date_in(text, raw.format.as_deref()),
            As::Measure => {
                let (number, unit) = text.trim().split_once(' ')?;
                let unit = self.mapping.raw.units.get(unit.trim())?;
                let members = vec![Member::new("value", self.decimal(number)?), Member::new("unitCode", unit.as_str())];
                Some(Kind::Object(members).into())
            }
            As::Base64 => Some(base64_simd::STANDARD.encode_to_string(text).into()),
            _ => Some(text.into()),
        }
    }

    /// A number in the foreign marks as the contract writes it.
    fn decimal(&self, text: &str) -> Option<String> {
        let mark = self.mapping.raw.decimal_mark;
        let mut out = String::new();
        for character in text.trim().chars() {
            match character {
                '0'..='9' => out.push(character),
                '+' | '-' if out.is_empty() => out.push(character),
                _ if character == mark && !out.contains('.') => out.push('.'),
                _ if Some(character) == self.mapping.raw.grouping && !out.contains('.') => {}
                _ => return None,
            }
        }
        out.contains(|c: char| c.is_ascii_digit()).then_some(out)
    }
}

fn date_string(text: String, format_code: Option<&str>) -> Value {
    let mut members = vec![Member::new("value", text)];
    members.extend(format_code.map(|code| Member::new("formatCode", code)));
    Kind::Object(vec![Member::new("dateTimeString", Kind::Object(members))]).into()
}

/// A date of the foreign side as the contract has it; one with fractions of seconds stays as it is.
fn date_in(text: &str, format: Option<&str>) -> Option<Value> {
    if let Some(format) = format {
        if let Ok(moment) = DateTime::strptime(format, text) {
            return Some(date_string(moment.strftime("%Y%m%d%H%M%S").to_string(), Some("204")));
        }
        let date = Date::strptime(format, text).ok()?;
        return Some(date_string(date.strftime("%Y%m%d").to_string(), Some("102")));
    }
    if text.len() == 10 {
        let date: Date = text.parse().ok()?;
        return Some(date_string(date.strftime("%Y%m%d").to_string(), Some("102")));
    }
    let (local, zone) = text.split_at_checked(19)?;
    let moment: DateTime = local.parse().ok()?;
    let digits = moment.strftime("%Y%m%d%H%M%S").to_string();
    match zone.as_bytes() {
        b"" => Some(date_string(digits, Some("204"))),
        b"Z" => Some(date_string(format!("{digits}Z"), Some("304"))),
        [b'+' | b'-', _, _, b':', _, _] => Some(date_string(format!("{digits}{}", zone.replace(':', "")), Some("304"))),
        _ => Some(date_string(text.to_owned(), None)),
    }
}

/// And back.
fn date_out(value: &Value, format: Option<&str>) -> Option<String> {
    let string = value.member("dateTimeString")?;
    let text = text_of(string)?;
    let code = string.member("formatCode").and_then(text_of);
    let date = |text: &str| Date::strptime("%Y%m%d", text.get(..8)?).ok();
    let moment = |text: &str| DateTime::strptime("%Y%m%d%H%M%S", text.get(..14)?).ok();
    match (code, format) {
        (Some("102"), Some(format)) => Some(date(text)?.strftime(format).to_string()),
        (Some("204"), Some(format)) => Some(moment(text)?.strftime(format).to_string()),
        (Some("102"), None) => Some(date(text)?.to_string()),
        (Some("204"), None) => Some(moment(text)?.strftime("%Y-%m-%dT%H:%M:%S").to_string()),
        (Some("304"), None) => {
            let zone = text.get(14..)?;
            let zone = match zone.len() {
                5 => format!("{}:{}", zone.get(..3)?, zone.get(3..)?),
                _ => zone.to_owned(),
            };
            Some(format!("{}{zone}", moment(text)?.strftime("%Y-%m-%dT%H:%M:%S")))
        }
        (None, None) => Some(text.to_owned()),
        _ => None,
    }
}

// ---- from the contract -----------------------------------------------------------------------------------------------

struct Export<'a> {
    mapping: &'a Mapping,
    taken: BTreeSet<String>,
}

pub(super) fn export(mapping: &Mapping, document: &Value) -> Mapped {
    let mut run = Export { mapping, taken: BTreeSet::new() };
    let mut chain = vec![empty()];
    run.level(&mapping.level, document, "", 1, &mut chain);
    let mut left = Vec::new();
    leaves(document, "", &mut |path, value| {
        let above =
            |at: &String| path.strip_prefix(at.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        if !run.taken.iter().any(above) {
            left.push(Left { path: path.to_owned(), kind: value.type_name(), why: None });
        }
    });
    Mapped { document: chain.pop().unwrap_or_else(empty), left }
}

impl Export<'_> {
    /// `chain` holds what is being made, the innermost level last.
    fn level(&mut self, level: &Level, from: &Value, at: &str, number: usize, chain: &mut Vec<Value>) {
        for rule in level.rules.iter().filter(|rule| rule.raw.only != Some(Way::Import)) {
            self.rule(rule, from, at, number, chain);
        }
        for each in &level.eachs {
            self.each(each, from, at, chain);
        }
    }

    fn each(&mut self, each: &Each, from: &Value, at: &str, chain: &mut Vec<Value>) {
        let Some((found, path)) = get(from, &each.to, at) else { return };
        let Kind::List(values) = &found.kind else { return };
        let level = Level { rules: each.rules.clone(), eachs: each.eachs.clone() };
        let mut made: Vec<Vec<Value>> = Vec::new();
        for (index, value) in values.iter().enumerate() {
            let depth = chain.len();
            chain.extend(each.levels.iter().map(|_| empty()));
            self.level(&level, value, &format!("{path}[{index}]"), index + 1, chain);
            made.push(chain.split_off(depth));
        }
        if let Some(parent) = chain.last_mut() {
            nest(parent, &each.levels, &made);
        }
    }

    fn rule(&mut self, rule: &Rule, from: &Value, at: &str, number: usize, chain: &mut [Value]) {
        let Some(to) = &rule.to else { return };
        let Some((value, path)) = get(from, &to.steps, at) else {
            if let (Some(otherwise), Some(source)) = (&rule.raw.otherwise, rule.from.first()) {
                put(source, otherwise.replace("{n}", &number.to_string()).into(), chain);
            }
            return;
        };
        if let Some(constant) = &rule.raw.value {
            if text_of(value) == Some(constant.replace("{n}", &number.to_string()).as_str()) {
                self.taken.insert(path);
            }
            return;
        }
        if !rule.lines.is_empty() {
            let Some(text) = value.as_text() else { return };
            let parts: Vec<&str> = text.splitn(rule.lines.len(), '\n').collect();
            if parts.into_iter().zip(&rule.lines).all(|(part, place)| put(place, part.into(), chain)) {
                self.taken.insert(path);
            }
            return;
        }
        let (Some(new), Some(place)) = (self.converted(rule, value), rule.from.first()) else { return };
        if put(place, new, chain) {
            // What carries attributes is taken whole only by a conversion that writes them.
            let whole = matches!(rule.raw.kind, As::Date | As::Measure) || !matches!(value.kind, Kind::Object(_));
            self.taken.insert(if whole { path } else { joined(&path, "value") });
            // What a selector looked for is told by the place itself.
            self.selected(&to.steps, from, at);
        }
    }

    fn selected(&mut self, steps: &[Step], from: &Value, at: &str) {
        for (index, step) in steps.iter().enumerate() {
            if let Step::Select(names, _) = step
                && let Some((_, path)) = steps.get(..=index).and_then(|steps| get(from, steps, at))
            {
                self.taken.insert(joined(&path, &names.join(".")));
            }
        }
    }

    fn converted(&self, rule: &Rule, value: &Value) -> Option<Value> {
        let raw = &rule.raw;
        if raw.kind == As::Date {
            return date_out(value, raw.format.as_deref()).map(Value::from);
        }
        if raw.kind == As::Measure {
            let unit = value.member("unitCode").and_then(text_of)?;
            let (unit, _) = self.mapping.raw.units.iter().find(|(_, code)| *code == unit)?;
            return Some(format!("{} {unit}", self.decimal(text_of(value)?)).into());
        }
        let text = text_of(value)?;
        let text = match raw.codes.iter().find(|(_, code)| *code == text) {
            Some((foreign, _)) => foreign.as_str(),
            None if raw.codes.is_empty() => text,
            None => return None,
        };
        let text = format!("{}{text}", raw.prefix.as_deref().unwrap_or(""));
        match raw.kind {
            As::Number => Some(Kind::Number(text).into()),
            As::Boolean => Some(Kind::Bool(text == "true").into()),
            As::Decimal => Some(self.decimal(&text).into()),
            As::Base64 => {
                let octets = base64_simd::STANDARD.decode_to_vec(text.as_bytes()).ok()?;
                String::from_utf8(octets).ok().map(Value::from)
            }
            As::Source => None,
            _ => Some(text.into()),
        }
    }

    fn decimal(&self, text: &str) -> String {
        text.replace('.', &self.mapping.raw.decimal_mark.to_string())
    }
}

/// Writes `new` at a foreign path of what is being made.
fn put(place: &Path, new: Value, chain: &mut [Value]) -> bool {
    let Some(steps) = chain.last().and_then(|context| resolved(&place.steps, context)) else { return false };
    let at = match place.base {
        Base::Root => Some(0),
        Base::Up(levels) => chain.len().checked_sub(levels + 1),
    };
    at.and_then(|at| chain.get_mut(at)).is_some_and(|value| set(value, &steps, new))
}

/// Puts elements of several levels below `parent`; neighbours whose outer levels say the same share them.
fn nest(parent: &mut Value, levels: &[Vec<Step>], elements: &[Vec<Value>]) {
    let Some((steps, inner)) = levels.split_first() else { return };
    let mut out = Vec::new();
    let mut rest = elements;
    while let Some(head) = rest.first().and_then(|element| element.first()) {
        let alike = if inner.is_empty() { 1 } else { rest.iter().take_while(|e| e.first() == Some(head)).count() };
        let (group, after) = rest.split_at(alike.max(1));
        let mut value = head.clone();
        let below: Vec<Vec<Value>> = group.iter().map(|e| e.get(1..).unwrap_or_default().to_vec()).collect();
        nest(&mut value, inner, &below);
        out.push(value);
        rest = after;
    }
    let mut holder: Value = Kind::Null.into();
    if let Some(list) = list_of(&mut holder) {
        *list = out;
    }
    set(parent, steps, holder);
}
