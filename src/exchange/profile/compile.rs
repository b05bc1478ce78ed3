//! A profile with what it extends, worked out to a table: for each element of the contract what is asked of it, and the
//! rules at the elements where they are looked at. Everything that contradicts itself or the schema is told here, all of
//! it at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::calendar::Calendars;
use super::file::{
    CONDITION_DEPTH_MAX, Certainty, Condition, Count, ElementEntry, ExtensionEntry, Foreign, ListRef, Otherwise,
    Presence, Problem, Problems, Profile, RuleEntry, RuleKind, Statement, Unlisted, Verdict,
};
use super::moment::Shape;
use super::place::{Kind, PlaceId, Places, ROOT, Target};
use super::quantity::Exact;
use super::text::Oddity;
use super::words;
use crate::contract::Slot;

/// Number of a statement.
pub(super) type StatementId = u16;

/// Whether an element stands.
#[derive(Clone, Debug)]
pub(super) enum Standing {
    Mandatory,
    Optional,
    Conditional(Test, Otherwise),
    Withheld,
}

/// What is asked of a value.
#[derive(Clone, Debug)]
pub(super) enum ValueCheck {
    LengthMin(u32),
    LengthMax(u32),
    Digits(u32),
    Decimals(u32),
    Minimum(Exact, String),
    Maximum(Exact, String),
    List(Arc<[String]>),
    Shapes(Vec<Shape>),
    /// A value of an element that the schema does not know.
    OfKind(Kind),
    RealDate,
    ZonedTime,
    Text(Vec<Oddity>),
}

/// What is asked of an attribute.
#[derive(Clone, Debug)]
pub(super) struct AttributeCheck {
    pub name: String,
    pub mandatory: bool,
    pub list: Option<Arc<[String]>>,
    pub statement: StatementId,
}

/// How to get from an element to others: up, then down.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Reach {
    pub up: usize,
    pub down: Vec<PlaceId>,
}

/// A compiled [`Condition`].
#[derive(Clone, Debug)]
pub(super) enum Test {
    All(Vec<Test>),
    Any(Vec<Test>),
    Not(Box<Test>),
    /// One of the elements has it.
    Element(Vec<(Reach, PlaceId, Option<String>)>, Value),
}

/// What a value must be for a [`Test`].
#[derive(Clone, Debug)]
pub(super) enum Value {
    Present(bool),
    In(Vec<String>),
    StartsWith(Vec<String>),
    Above(Exact),
}

/// What a rule needs beside its numbers.
#[derive(Clone, Debug)]
pub(super) enum RuleData {
    None,
    Criteria(BTreeMap<String, Arc<[String]>>),
    /// Each of the elements, with its name for people.
    Elements(Vec<(Vec<Reach>, String)>),
    Test(Test),
}

#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub kind: RuleKind,
    pub data: RuleData,
    pub statement: StatementId,
}

/// What is asked of an element in one place.
#[derive(Clone, Debug, Default)]
pub(super) struct Setting {
    /// Whether anything is asked of it or of what is in it.
    pub live: bool,
    /// Whether that is more than that its texts are not odd, which ASCII never is.
    pub live_in_ascii: bool,
    pub standing: Option<(Standing, StatementId)>,
    pub items_min: Option<(u32, StatementId)>,
    pub items_max: Option<(u32, StatementId)>,
    pub values: Vec<(ValueCheck, StatementId)>,
    pub attributes: Vec<AttributeCheck>,
    pub rules: Vec<u16>,
    /// Of its children, by their order, those whose number matters.
    pub counted: Vec<u16>,
}

/// A profile that can judge documents. Made once, read by every message.
#[derive(Clone, Debug)]
pub struct Compiled {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) title: String,
    pub(super) extends: Vec<String>,
    pub(super) agreements: Vec<String>,
    pub(super) places: Places,
    pub(super) settings: Vec<Setting>,
    pub(super) statements: Vec<Statement>,
    pub(super) rules: Vec<Rule>,
    pub(super) zones: BTreeMap<String, TimeZone>,
    pub(super) calendars: BTreeMap<String, String>,
    pub(super) unlisted: Unlisted,
    pub(super) foreign: (Foreign, StatementId),
    pub(super) covers: Vec<PlaceId>,
    pub(super) valid_from: Option<Date>,
    pub(super) valid_until: Option<Date>,
    pub(super) in_force: StatementId,
    pub(super) entries: Vec<RuleEntry>,
    pub(super) lists: BTreeMap<String, super::file::CodeList>,
    /// Conditions of conditional elements in words, by statement.
    pub(super) conditions: BTreeMap<StatementId, String>,
}

/// Namespaces that a profile may declare elements of.
const NAMESPACES_MAX: usize = 64;

/// Profiles that a profile may rest on, one on the other.
const CHAIN_MAX: usize = 8;

/// Works a profile out. `find` gives the profile that another one extends.
///
/// # Errors
/// Everything that is wrong with it.
pub fn compile(
    profile: &Profile,
    find: &dyn Fn(&str) -> Option<Profile>,
    calendars: &Calendars,
) -> Result<Compiled, Problems> {
    let chain = chain(profile, find)?;
    let mut work = Work { problems: Vec::new(), out: empty(profile, &chain) };
    for (level, member) in chain.iter().enumerate() {
        // What is wrong below was told when that file was checked, unless this is the file.
        let quiet = level + 1 < chain.len();
        let before = work.problems.len();
        work.member(member, calendars);
        if quiet {
            for problem in work.problems.iter_mut().skip(before) {
                problem.at = format!("{} (extended): {}", member.name, problem.at);
            }
        }
    }
    work.finish();
    if work.problems.is_empty() { Ok(work.out) } else { Err(Problems(work.problems)) }
}

/// The profile after those that it rests on.
fn chain(profile: &Profile, find: &dyn Fn(&str) -> Option<Profile>) -> Result<Vec<Profile>, Problems> {
    let problem = |what: String| Problems(vec![Problem { at: "extends".to_owned(), what }]);
    let mut chain = vec![profile.clone()];
    let mut next = profile.extends.clone();
    while let Some(name) = next {
        if chain.iter().any(|member| member.name == name) {
            return Err(problem(format!("expected a profile that rests on others, came a circle through {name}")));
        }
        if chain.len() >= CHAIN_MAX {
            return Err(problem(format!("expected at most {CHAIN_MAX} profiles one on the other")));
        }
        let Some(member) = find(&name) else {
            return Err(problem(format!("expected the name of a profile, came {name:?}")));
        };
        next = member.extends.clone();
        chain.push(member);
    }
    chain.reverse();
    Ok(chain)
}

fn empty(profile: &Profile, chain: &[Profile]) -> Compiled {
    let places = Places::standard().clone();
    let settings = vec![Setting::default(); places.len()];
    let own = |name: &str, verdict| Statement {
        name: name.to_owned(),
        verdict,
        verdict_out: verdict,
        certainty: Certainty::Proposed,
        source: String::new(),
        message: String::new(),
    };
    let last = |pick: &dyn Fn(&Profile) -> Option<Foreign>| chain.iter().rev().find_map(pick);
    let foreign = last(&|member| member.foreign).unwrap_or(Foreign::Warn);
    let verdict = match foreign {
        Foreign::Pass => Verdict::Off,
        Foreign::Warn | Foreign::Withheld => Verdict::Warn,
        Foreign::Reject => Verdict::Reject,
    };
    Compiled {
        name: profile.name.clone(),
        version: profile.version.clone(),
        title: profile.title.clone(),
        extends: chain.iter().rev().skip(1).map(|member| format!("{} {}", member.name, member.version)).collect(),
        agreements: Vec::new(),
        places,
        settings,
        statements: vec![own("foreign", verdict), own("in-force", Verdict::Warn)],
        rules: Vec::new(),
        zones: BTreeMap::new(),
        calendars: BTreeMap::new(),
        unlisted: chain.iter().rev().find_map(|member| member.unlisted).unwrap_or(Unlisted::Optional),
        foreign: (foreign, 0),
        covers: Vec::new(),
        valid_from: profile.valid_from,
        valid_until: profile.valid_until,
        in_force: 1,
        entries: Vec::new(),
        lists: BTreeMap::new(),
        conditions: BTreeMap::new(),
    }
}

struct Work {
    problems: Vec<Problem>,
    out: Compiled,
}

impl Work {
    fn problem(&mut self, at: &str, what: impl Into<String>) {
        self.problems.push(Problem { at: at.to_owned(), what: what.into() });
    }

    fn statement(&mut self, statement: &Statement) -> StatementId {
        self.out.statements.push(statement.clone());
        (self.out.statements.len() - 1) as StatementId
    }

    fn member(&mut self, profile: &Profile, calendars: &Calendars) {
        for (name, list) in &profile.lists {
            if list.values.is_empty() {
                self.problem(&format!("list.{name}"), "expected at least one value");
            }
            self.out.lists.insert(name.clone(), list.clone());
        }
        for (country, zone) in &profile.zones {
            match TimeZone::get(zone) {
                Ok(zone) => drop(self.out.zones.insert(country.clone(), zone)),
                Err(_) => self
                    .problem(&format!("zones.{country}"), format!("expected a zone such as Asia/Seoul, came {zone:?}")),
            }
        }
        for (country, name) in &profile.calendars {
            if calendars.get(name).is_none() {
                let known: Vec<&str> = calendars.names().collect();
                let what = format!("expected one of {}, or holidays/{name}.toml beside the profile", known.join(", "));
                self.problem(&format!("calendars.{country}"), what);
            }
            self.out.calendars.insert(country.clone(), name.clone());
        }
        for extension in &profile.extensions {
            self.extension(extension);
        }
        if !profile.agreements.is_empty() {
            self.agreements(profile);
        }
        let mut said = BTreeMap::new();
        for entry in &profile.elements {
            let at = format!("element[{}] ({})", entry.number, entry.elements.join(", "));
            self.element(entry, &at, &mut said);
        }
        for entry in &profile.rules {
            let at = format!("rule[{}] ({})", entry.number, entry.statement.name);
            self.rule_entry(entry, &at);
        }
        if let Some(covers) = &profile.signature_covers {
            self.out.covers.clear();
            for text in covers {
                for target in self.resolve("signature_covers", text) {
                    self.out.covers.push(target.place);
                }
            }
        }
    }

    fn resolve(&mut self, at: &str, text: &str) -> Vec<Target> {
        match self.out.places.resolve(text) {
            Ok(targets) => targets,
            Err(expected) => {
                self.problem(at, format!("expected {expected}"));
                Vec::new()
            }
        }
    }

    fn elements_alone(&mut self, at: &str, text: &str) -> Vec<PlaceId> {
        let targets = self.resolve(at, text);
        if targets.iter().any(|target| target.attribute.is_some()) {
            self.problem(at, format!("expected an element, came the attribute {text:?}"));
            return Vec::new();
        }
        targets.into_iter().map(|target| target.place).collect()
    }

    fn agreements(&mut self, profile: &Profile) {
        self.out.agreements.clone_from(&profile.agreements);
        let statement = Statement {
            name: "agreements".to_owned(),
            verdict: Verdict::Reject,
            verdict_out: Verdict::Reject,
            certainty: profile.certainty,
            source: profile.source.clone(),
            message: String::new(),
        };
        let id = self.statement(&statement);
        let values: Arc<[String]> = profile.agreements.clone().into();
        for place in self.elements_alone("agreements", "K16") {
            self.value(place, ValueCheck::List(Arc::clone(&values)), id);
        }
    }

    fn extension(&mut self, extension: &ExtensionEntry) {
        let name = extension.entry.elements.first().cloned().unwrap_or_default();
        let at = format!("extension ({name})");
        if Slot::ALL.iter().any(|slot| slot.default_uri() == extension.ns) {
            let what = format!("expected a namespace of your own: the schema decides what stands in {}", extension.ns);
            self.problem(&at, what);
        }
        let parents = self.elements_alone(&at, &extension.parent);
        let [parent] = parents.as_slice() else {
            if !parents.is_empty() {
                self.problem(&at, "expected parent = one place, by its path");
            }
            return;
        };
        if !self.out.places.get(*parent).takes_foreign {
            let takes: Vec<&str> =
                self.out.places.iter().filter(|(_, p)| p.takes_foreign).map(|(_, p)| p.path.as_str()).collect();
            self.problem(
                &at,
                format!("expected one of {} as parent: nothing foreign may stand elsewhere", takes.join(", ")),
            );
            return;
        }
        if self.out.places.by_path(&format!("{}/{name}", self.out.places.get(*parent).path)).is_some() {
            self.problem(&at, "expected a name that nothing else has there");
            return;
        }
        // Namespaces are told apart by one octet.
        let known = self.out.places.foreign.contains(&extension.ns);
        if !known && self.out.places.foreign.len() >= NAMESPACES_MAX {
            self.problem(&at, format!("expected at most {NAMESPACES_MAX} namespaces of your own"));
            return;
        }
        let id = self.out.places.declare(*parent, &extension.ns, &name, &extension.id, extension.kind);
        self.out.settings.push(Setting::default());
        let statement = self.statement(&extension.entry.statement);
        self.value(id, ValueCheck::OfKind(extension.kind), statement);
        self.apply(&extension.entry, &at, id, statement);
    }

    fn element(&mut self, entry: &ElementEntry, at: &str, said: &mut BTreeMap<PlaceId, (String, Presence)>) {
        let statement = self.statement(&entry.statement);
        for text in &entry.elements {
            let targets = self.resolve(at, text);
            let many = targets.len() > 1;
            for target in targets {
                if let Some(name) = target.attribute {
                    self.attribute(entry, at, target.place, name, statement);
                    continue;
                }
                if let Some(presence) = entry.presence {
                    if many && matches!(presence, Presence::Mandatory | Presence::Conditional) {
                        let paths: Vec<&str> = self
                            .out
                            .places
                            .iter()
                            .filter(|(_, p)| p.wco_id == *text)
                            .map(|(_, p)| p.path.as_str())
                            .collect();
                        let what = format!(
                            "{text} stands in {} places: name one by its path: {}",
                            paths.len(),
                            paths.join(", ")
                        );
                        self.problem(at, what);
                        break;
                    }
                    if let Some((first, other)) = said.insert(target.place, (at.to_owned(), presence))
                        && other != presence
                    {
                        let path = self.out.places.get(target.place).path.clone();
                        self.problem(at, format!("says {presence} of {path}, and {first} says {other}"));
                    }
                }
                self.apply(entry, at, target.place, statement);
            }
        }
    }

    fn attribute(&mut self, entry: &ElementEntry, at: &str, place: PlaceId, name: String, statement: StatementId) {
        let mandatory = match entry.presence {
            Some(Presence::Mandatory) => true,
            None | Some(Presence::Optional) => false,
            Some(other) => {
                self.problem(at, format!("an attribute is mandatory or optional, came {other}"));
                return;
            }
        };
        let list = entry.limits.list.as_ref().and_then(|list| self.list(at, list));
        if entry.limits != (super::file::Limits { list: entry.limits.list.clone(), ..super::file::Limits::default() }) {
            self.problem(at, "an attribute has no limit but list");
        }
        let setting = &mut self.out.settings[usize::from(place)];
        setting.attributes.retain(|check| check.name != name);
        setting.attributes.push(AttributeCheck { name, mandatory, list, statement });
    }

    fn list(&mut self, at: &str, list: &ListRef) -> Option<Arc<[String]>> {
        match list {
            ListRef::Values(values) => Some(values.clone().into()),
            ListRef::Named(name) => match self.out.lists.get(name) {
                Some(list) => Some(list.values.clone().into()),
                None => {
                    let known: Vec<&str> = self.out.lists.keys().map(String::as_str).collect();
                    let what = format!("expected a list of this profile ({}), came {name:?}", known.join(", "));
                    self.problem(at, what);
                    None
                }
            },
        }
    }

    fn value(&mut self, place: PlaceId, check: ValueCheck, statement: StatementId) {
        let name = self.out.statements[usize::from(statement)].name.clone();
        let statements = &self.out.statements;
        let setting = &mut self.out.settings[usize::from(place)];
        // What is said again replaces what was said; several rules about texts stand beside each other.
        let is_text = matches!(check, ValueCheck::Text(_));
        let is_agreement = name == "agreements";
        setting.values.retain(|(other, id)| {
            let same_kind = std::mem::discriminant(other) == std::mem::discriminant(&check);
            let other_name = &statements[usize::from(*id)].name;
            let beside = (is_text && *other_name != name) || (is_agreement != (other_name == "agreements"));
            !same_kind || beside
        });
        setting.values.push((check, statement));
    }

    fn apply(&mut self, entry: &ElementEntry, at: &str, id: PlaceId, statement: StatementId) {
        let place = self.out.places.get(id).clone();
        if let Some(presence) = entry.presence {
            let standing = match presence {
                Presence::Mandatory => Some(Standing::Mandatory),
                Presence::Optional => Some(Standing::Optional),
                Presence::Withheld => {
                    if place.min > 0 {
                        self.problem(at, format!("withholds {}, which the schema asks for", place.path));
                    }
                    Some(Standing::Withheld)
                }
                Presence::Conditional => {
                    if let Some(when) = &entry.when {
                        let otherwise = entry.otherwise.unwrap_or(Otherwise::Optional);
                        let text = words::conditional(&self.out.places, when, otherwise);
                        self.out.conditions.insert(statement, text);
                    }
                    let from = place.parent.unwrap_or(ROOT);
                    let test = entry.when.as_ref().and_then(|when| self.test(at, when, from, 0));
                    test.map(|test| Standing::Conditional(test, entry.otherwise.unwrap_or(Otherwise::Optional)))
                }
            };
            if let Some(standing) = standing {
                self.out.settings[usize::from(id)].standing = Some((standing, statement));
            }
        }
        self.limits(entry, at, id, statement, &place);
    }

    fn limits(
        &mut self,
        entry: &ElementEntry,
        at: &str,
        id: PlaceId,
        statement: StatementId,
        place: &super::place::Place,
    ) {
        let limits = &entry.limits;
        if let Some(least) = limits.items_min {
            if least > place.max {
                self.problem(at, format!("items_min {least}, but the schema has room for {}", place.max));
            }
            self.out.settings[usize::from(id)].items_min = Some((least, statement));
        }
        if let Some(most) = limits.items_max {
            if most < place.min {
                self.problem(at, format!("items_max {most}, but the schema asks for {}", place.min));
            }
            self.out.settings[usize::from(id)].items_max = Some((most, statement));
        }
        let mut wrong = |what: &str, holds: bool| {
            if !holds {
                self.problems.push(Problem { at: at.to_owned(), what: format!("{what} does not fit {}", place.path) });
            }
        };
        let is_value = place.kind != Kind::Class;
        wrong(
            "length",
            is_value && !place.kind.is_number() || limits.length_min.is_none() && limits.length_max.is_none(),
        );
        wrong(
            "a limit of numbers",
            place.kind.is_number()
                || limits.digits_max.is_none()
                    && limits.decimals_max.is_none()
                    && limits.minimum.is_none()
                    && limits.maximum.is_none(),
        );
        wrong("list", is_value && !place.kind.is_number() || limits.list.is_none());
        wrong("shapes", place.kind == Kind::Date || limits.shapes.is_none());
        let number = |text: &Option<String>| text.clone().and_then(|text| Some((Exact::parse(&text)?, text)));
        let list = limits.list.as_ref().and_then(|list| self.list(at, list));
        let checks = [
            limits.length_min.map(ValueCheck::LengthMin),
            limits.length_max.map(ValueCheck::LengthMax),
            limits.digits_max.map(ValueCheck::Digits),
            limits.decimals_max.map(ValueCheck::Decimals),
            number(&limits.minimum).map(|(exact, text)| ValueCheck::Minimum(exact, text)),
            number(&limits.maximum).map(|(exact, text)| ValueCheck::Maximum(exact, text)),
            list.map(ValueCheck::List),
            limits.shapes.clone().map(ValueCheck::Shapes),
        ];
        for check in checks.into_iter().flatten() {
            self.value(id, check, statement);
        }
    }

    /// `condition` as it is asked at an element of `from`.
    fn test(&mut self, at: &str, condition: &Condition, from: PlaceId, depth: usize) -> Option<Test> {
        if depth >= CONDITION_DEPTH_MAX {
            self.problem(at, format!("expected conditions at most {CONDITION_DEPTH_MAX} deep"));
            return None;
        }
        let forms = usize::from(!condition.all.is_empty())
            + usize::from(!condition.any.is_empty())
            + usize::from(condition.not.is_some())
            + usize::from(condition.element.is_some());
        let values = usize::from(condition.present.is_some())
            + usize::from(condition.is.is_some())
            + usize::from(!condition.among.is_empty())
            + usize::from(!condition.starts_with.is_empty())
            + usize::from(condition.above.is_some());
        if forms != 1 || values != usize::from(condition.element.is_some()) {
            self.problem(
                at,
                "a condition is all, any or not of others, or element with one of present, is, in, starts_with, above",
            );
            return None;
        }
        if let Some(inner) = &condition.not {
            return self.test(at, inner, from, depth + 1).map(|test| Test::Not(Box::new(test)));
        }
        if condition.element.is_none() {
            let inner = if condition.all.is_empty() { &condition.any } else { &condition.all };
            let tests: Option<Vec<Test>> = inner.iter().map(|inner| self.test(at, inner, from, depth + 1)).collect();
            return if condition.all.is_empty() { tests.map(Test::Any) } else { tests.map(Test::All) };
        }
        let targets = self.resolve(at, condition.element.as_deref().unwrap_or_default());
        if targets.is_empty() {
            return None;
        }
        let value = self.test_value(at, condition, &targets)?;
        let reaches = targets
            .into_iter()
            .map(|target| (reach(&self.out.places, from, target.place), target.place, target.attribute))
            .collect();
        Some(Test::Element(reaches, value))
    }

    fn test_value(&mut self, at: &str, condition: &Condition, targets: &[Target]) -> Option<Value> {
        let indicator = targets.iter().all(|target| self.out.places.get(target.place).kind == Kind::Indicator);
        let spellings = |text: &String| match text.as_str() {
            "true" if indicator => YES.iter().map(|s| (*s).to_owned()).collect(),
            "false" if indicator => NO.iter().map(|s| (*s).to_owned()).collect(),
            _ => vec![text.clone()],
        };
        if let Some(present) = condition.present {
            return Some(Value::Present(present));
        }
        if let Some(is) = &condition.is {
            return Some(Value::In(spellings(is)));
        }
        if !condition.among.is_empty() {
            return Some(Value::In(condition.among.iter().flat_map(spellings).collect()));
        }
        if !condition.starts_with.is_empty() {
            return Some(Value::StartsWith(condition.starts_with.clone()));
        }
        let above = condition.above.as_deref().and_then(Exact::parse);
        if above.is_none() {
            self.problem(at, "above: expected a decimal as text");
        }
        above.map(Value::Above)
    }

    fn rule_entry(&mut self, entry: &RuleEntry, at: &str) {
        // A rule of the same name is this one from now on.
        let name = &entry.statement.name;
        self.out.entries.retain(|other| other.statement.name != *name);
        self.out.entries.push(entry.clone());
        if let RuleKind::Retroactive { after_days, limit, .. } = &entry.kind
            && limit.months == 0
            && limit.days > 0
            && limit.days < *after_days
        {
            self.problem(at, format!("limit {limit} ends before after_days {after_days} does"));
        }
        if let RuleKind::Validity { period } = &entry.kind
            && period.is_empty()
        {
            self.problem(at, "expected period = { months = .. } or { days = .. }");
        }
        if let RuleKind::HarmonizedSystem { digits_min, digits_max, editions, edition_required } = &entry.kind {
            if digits_min > digits_max {
                self.problem(at, format!("digits_min {digits_min} is above digits_max {digits_max}"));
            }
            if *edition_required && editions.is_empty() {
                self.problem(at, "edition_required, and no editions");
            }
        }
        if let RuleKind::OneOf { at_least, at_most, .. } = &entry.kind
            && at_most.is_some_and(|most| most < *at_least)
        {
            self.problem(at, "at_most is below at_least");
        }
    }

    /// Puts the rules where they are looked at, withholds what is not listed, and looks at the whole.
    fn finish(&mut self) {
        let entries = self.out.entries.clone();
        let mut kinds: BTreeMap<&str, &str> = BTreeMap::new();
        for entry in &entries {
            let at = format!("rule ({})", entry.statement.name);
            if entry.statement.verdict == Verdict::Off && entry.statement.verdict_out == Verdict::Off {
                continue;
            }
            let several = matches!(
                entry.kind,
                RuleKind::Text { .. } | RuleKind::OneOf { .. } | RuleKind::Together { .. } | RuleKind::Condition { .. }
            );
            if let Some(first) = kinds.insert(entry.kind.name(), &entry.statement.name)
                && !several
            {
                let what =
                    format!("a second {} beside {first}: turn one off with verdict = \"off\"", entry.kind.name());
                self.problem(&at, what);
                continue;
            }
            self.place_rule(entry, &at);
        }
        if self.out.covers.is_empty() {
            self.out.covers.extend(self.out.places.by_path("LPCO"));
        }
        if self.out.unlisted == Unlisted::Withheld {
            self.withhold_unlisted();
        }
        self.look_at_withheld(&entries);
        self.mark_live();
    }

    fn at_path(&self, path: &str) -> PlaceId {
        self.out.places.by_path(path).unwrap_or(ROOT)
    }

    fn place_rule(&mut self, entry: &RuleEntry, at: &str) {
        let statement = self.statement(&entry.statement);
        const ITEM: &str = "LPCO/Consignment/ConsignmentItem";
        let (places, data) = match &entry.kind {
            RuleKind::RealDates => return self.every(Kind::Date, &ValueCheck::RealDate, statement),
            RuleKind::ZonedTimes => return self.every(Kind::Date, &ValueCheck::ZonedTime, statement),
            RuleKind::Text { not, elements } => return self.texts(at, not, elements, statement),
            RuleKind::Validity { .. }
            | RuleKind::BackToBack { .. }
            | RuleKind::ThirdCountryInvoice
            | RuleKind::Replacement { .. }
            | RuleKind::CertifiedTrueCopy { .. }
            | RuleKind::IssueDate { .. } => (vec![self.at_path("LPCO")], RuleData::None),
            RuleKind::Retroactive { count, .. } => {
                if *count == Count::Working && self.out.calendars.is_empty() {
                    self.problem(at, "counts working days, and [calendars] names none");
                }
                (vec![self.at_path("LPCO")], RuleData::None)
            }
            RuleKind::HarmonizedSystem { .. } => {
                (vec![self.at_path(&format!("{ITEM}/Commodity/Classification"))], RuleData::None)
            }
            RuleKind::Sequence { .. } => (vec![self.at_path("LPCO/Consignment")], RuleData::None),
            RuleKind::Weights => (vec![self.at_path("LPCO/Consignment"), self.at_path(ITEM)], RuleData::None),
            RuleKind::Criteria { agreements, .. } => {
                let mut lists = BTreeMap::new();
                for (agreement, list) in agreements {
                    if let Some(list) = self.list(at, list) {
                        lists.insert(agreement.clone(), list);
                    }
                }
                (vec![self.at_path(&format!("{ITEM}/Origin"))], RuleData::Criteria(lists))
            }
            RuleKind::OneOf { elements, within, .. } => self.several(at, elements, within.as_deref()),
            RuleKind::Together { elements } => self.several(at, elements, None),
            RuleKind::Condition { within, when } => {
                let found = self.elements_alone(at, within.as_deref().unwrap_or("LPCO"));
                let Some(place) = found.first().copied() else { return };
                let Some(test) = self.test(at, when, place, 0) else { return };
                (vec![place], RuleData::Test(test))
            }
        };
        let number = self.out.rules.len() as u16;
        self.out.rules.push(Rule { kind: entry.kind.clone(), data, statement });
        for place in places {
            self.out.settings[usize::from(place)].rules.push(number);
        }
    }

    fn every(&mut self, kind: Kind, check: &ValueCheck, statement: StatementId) {
        let places: Vec<PlaceId> = self.out.places.iter().filter(|(_, p)| p.kind == kind).map(|(id, _)| id).collect();
        for place in places {
            self.value(place, check.clone(), statement);
        }
    }

    fn texts(&mut self, at: &str, not: &[Oddity], elements: &[String], statement: StatementId) {
        if elements.is_empty() {
            return self.every(Kind::Text, &ValueCheck::Text(not.to_vec()), statement);
        }
        for text in elements {
            for place in self.elements_alone(at, text) {
                self.value(place, ValueCheck::Text(not.to_vec()), statement);
            }
        }
    }

    fn several(&mut self, at: &str, elements: &[String], within: Option<&str>) -> (Vec<PlaceId>, RuleData) {
        let found: Vec<(String, Vec<PlaceId>)> =
            elements.iter().map(|text| (text.clone(), self.elements_alone(at, text))).collect();
        if found.len() < 2 {
            self.problem(at, "expected at least two elements");
        }
        let around = match within {
            Some(text) => self.elements_alone(at, text).first().copied(),
            None => {
                let parent = |id: PlaceId| self.out.places.get(id).parent.unwrap_or(ROOT);
                let parents = found.iter().flat_map(|(_, ids)| ids).map(|id| parent(*id));
                parents.reduce(|a, b| self.out.places.common(a, b))
            }
        };
        let Some(around) = around else { return (Vec::new(), RuleData::None) };
        let mut data = Vec::new();
        for (text, ids) in found {
            let inside: Vec<PlaceId> =
                ids.into_iter().filter(|id| *id != around && self.out.places.up(*id).any(|up| up == around)).collect();
            if inside.is_empty() {
                let path = self.out.places.get(around).path.clone();
                self.problem(at, format!("{text} is not in {path}"));
            }
            let name = inside.first().map_or(text, |id| self.out.places.get(*id).path.clone());
            let name = name.rsplit('/').next().unwrap_or(&name).to_owned();
            data.push((inside.into_iter().map(|id| reach(&self.out.places, around, id)).collect(), name));
        }
        (vec![around], RuleData::Elements(data))
    }

    fn withhold_unlisted(&mut self) {
        let statement = Statement {
            name: "unlisted".to_owned(),
            verdict: Verdict::Warn,
            verdict_out: Verdict::Warn,
            certainty: Certainty::Proposed,
            source: String::new(),
            message: "the profile is the whole menu, and does not list it".to_owned(),
        };
        let statement = self.statement(&statement);
        let listed: Vec<bool> = self.out.settings.iter().map(|s| s.standing.is_some()).collect();
        let is_listed = |id: PlaceId| listed.get(usize::from(id)).copied().unwrap_or(false);
        let ids: Vec<PlaceId> = self.out.places.iter().map(|(id, _)| id).collect();
        // A listed element brings what is in it; one that holds a listed one stands as well.
        let mut holds = vec![false; ids.len()];
        for id in ids.iter().filter(|id| is_listed(**id)) {
            self.out.places.up(*id).for_each(|up| holds[usize::from(up)] = true);
        }
        for id in ids {
            let place = self.out.places.get(id);
            let brought = self.out.places.up(id).any(is_listed);
            if place.min == 0 && !holds[usize::from(id)] && !brought {
                self.out.settings[usize::from(id)].standing = Some((Standing::Withheld, statement));
            }
        }
    }

    fn is_withheld(&self, id: PlaceId) -> bool {
        let withheld =
            |id: PlaceId| matches!(self.out.settings[usize::from(id)].standing, Some((Standing::Withheld, _)));
        self.out.places.up(id).any(withheld)
    }

    /// What is withheld and asked for all the same.
    fn look_at_withheld(&mut self, entries: &[RuleEntry]) {
        let ids: Vec<PlaceId> = self.out.places.iter().map(|(id, _)| id).collect();
        for id in &ids {
            let setting = self.out.settings[usize::from(*id)].clone();
            let asked = matches!(setting.standing, Some((Standing::Mandatory | Standing::Conditional(..), _)))
                || setting.items_min.is_some_and(|(least, _)| least > 0);
            let path = self.out.places.get(*id).path.clone();
            if asked && self.is_withheld(*id) {
                self.problem(&path, "is asked for, and withheld with what is around it or by itself");
            }
            if let Some((Standing::Conditional(test, _), _)) = &setting.standing
                && let Some(other) = self.withheld_in(test)
            {
                self.problem(&path, format!("its condition looks at {other}, which is withheld"));
            }
        }
        for entry in entries.iter().filter(|e| e.statement.verdict_out != Verdict::Off) {
            let at = format!("rule ({})", entry.statement.name);
            for path in needs(&entry.kind) {
                if let Some(id) = self.out.places.by_path(path)
                    && self.is_withheld(id)
                {
                    self.problem(&at, format!("needs {path}, which is withheld"));
                }
            }
        }
        for rule in self.out.rules.clone() {
            self.look_at_rule(&rule);
        }
        self.look_at_signature(&ids);
    }

    fn look_at_rule(&mut self, rule: &Rule) {
        let at = format!("rule ({})", self.out.statements[usize::from(rule.statement)].name);
        match &rule.data {
            RuleData::Test(test) => {
                if let Some(other) = self.withheld_in(test) {
                    self.problem(&at, format!("its condition looks at {other}, which is withheld"));
                }
            }
            RuleData::Elements(elements) => {
                let gone = |reaches: &Vec<Reach>| {
                    reaches.iter().all(|reach| reach.down.last().is_some_and(|id| self.is_withheld(*id)))
                };
                let withheld = elements.iter().filter(|(reaches, _)| gone(reaches)).count();
                let left = elements.len() - withheld;
                let broken = match &rule.kind {
                    RuleKind::OneOf { at_least, .. } => (left as u32) < *at_least,
                    _ => withheld > 0 && left > 0,
                };
                if broken {
                    self.problem(&at, format!("{withheld} of its {} elements are withheld", elements.len()));
                }
            }
            RuleData::None | RuleData::Criteria(_) => {}
        }
    }

    fn withheld_in(&self, test: &Test) -> Option<String> {
        match test {
            Test::All(tests) | Test::Any(tests) => tests.iter().find_map(|test| self.withheld_in(test)),
            Test::Not(test) => self.withheld_in(test),
            Test::Element(reaches, _) => {
                let all = reaches.iter().all(|(_, place, _)| self.is_withheld(*place));
                reaches.first().filter(|_| all).map(|(_, place, _)| self.out.places.get(*place).path.clone())
            }
        }
    }

    /// A document signature breaks when something that it covers is taken away.
    fn look_at_signature(&mut self, ids: &[PlaceId]) {
        let Some(signature) = self.out.places.by_path("LPCO/DocumentSignature") else { return };
        let agreed = matches!(
            self.out.settings[usize::from(signature)].standing,
            Some((Standing::Mandatory | Standing::Optional | Standing::Conditional(..), _))
        );
        if !agreed {
            return;
        }
        for id in ids {
            let withheld = matches!(self.out.settings[usize::from(*id)].standing, Some((Standing::Withheld, _)));
            if withheld && self.out.places.up(*id).any(|up| self.out.covers.contains(&up)) {
                let path = self.out.places.get(*id).path.clone();
                self.problem(&path, "is withheld, and the document signature that this profile agrees on covers it");
            }
        }
    }

    fn mark_live(&mut self) {
        let passes = self.out.foreign.0 == Foreign::Pass;
        for id in (0..self.out.places.len() as PlaceId).rev() {
            let place = self.out.places.get(id);
            let counted: Vec<u16> = (0_u16..)
                .zip(&place.children)
                .filter(|(_, child)| {
                    let setting = &self.out.settings[usize::from(**child)];
                    setting.items_min.is_some()
                        || setting.items_max.is_some()
                        || matches!(setting.standing, Some((Standing::Mandatory | Standing::Conditional(..), _)))
                })
                .map(|(at, _)| at)
                .collect();
            let children = || place.children.iter().map(|child| &self.out.settings[usize::from(*child)]);
            let (below, below_in_ascii) =
                (children().any(|child| child.live), children().any(|child| child.live_in_ascii));
            let foreign = place.takes_foreign && !passes;
            let setting = &mut self.out.settings[usize::from(id)];
            let itself = foreign
                || !counted.is_empty()
                || !setting.attributes.is_empty()
                || !setting.rules.is_empty()
                || matches!(setting.standing, Some((Standing::Withheld, _)));
            let is_of_text = |(check, _): &(ValueCheck, StatementId)| matches!(check, ValueCheck::Text(_));
            setting.live = below || itself || !setting.values.is_empty();
            setting.live_in_ascii = below_in_ascii || itself || !setting.values.iter().all(is_of_text);
            setting.counted = counted;
        }
    }
}

/// Elements without which a rule cannot be fulfilled.
pub(super) fn needs(kind: &RuleKind) -> &'static [&'static str] {
    match kind {
        RuleKind::Retroactive { .. } => &["LPCO/IssuedRetroactivelyIndicator"],
        RuleKind::BackToBack { .. } | RuleKind::CertifiedTrueCopy { .. } => {
            &["LPCO/PreviousDocument", "LPCO/PreviousDocument/IssueDateTime"]
        }
        RuleKind::Replacement { .. } => &["LPCO/PreviousDocument"],
        RuleKind::ThirdCountryInvoice => &["LPCO/ThirdCountryInvoice"],
        RuleKind::Criteria { .. } => &["LPCO/Consignment/ConsignmentItem/Origin/RuleCode"],
        RuleKind::HarmonizedSystem { .. } => &["LPCO/Consignment/ConsignmentItem/Commodity/Classification"],
        _ => &[],
    }
}

/// Spellings of an indicator (the schema's, row K14 of Annex II).
pub(super) const YES: [&str; 4] = ["true", "1", "Y", "Yes"];
const NO: [&str; 4] = ["false", "0", "N", "No"];

/// The way from an element of `from` to those of `to`.
fn reach(places: &Places, from: PlaceId, to: PlaceId) -> Reach {
    let common = places.common(from, to);
    let mut down: Vec<PlaceId> = places.up(to).take_while(|id| *id != common).collect();
    down.reverse();
    Reach { up: places.get(from).depth - places.get(common).depth, down }
}
