//! A document judged by a profile: one walk over its tree, all findings at once, each with code, WCO id, path, line,
//! column, what was expected and what came, as the schema's violations have them.
//!
//! Pure: the time and the calendars come in. Linear in the nodes of the document; elements of which the profile asks
//! nothing are passed over whole.

use std::borrow::Cow;

use jiff::Timestamp;

use super::calendar::Calendars;
use super::compile::{Compiled, Reach, Rule, Standing, StatementId, Test, Value, ValueCheck, YES};
use super::file::{Certainty, Foreign, Otherwise, Statement, Verdict};
use super::moment::{Given, NoDate, Shape};
use super::place::{Kind, Place, PlaceId, ROOT};
use super::quantity::Exact;
use crate::contract::bind::kind_of;
use crate::contract::{Came, Slot, Slots, VIOLATIONS_MAX, Violation};
use crate::xml::{Document, Kind as NodeKind, NodeId, ns};

/// Which way a document goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// From a partner.
    In,
    /// To a partner.
    Out,
}

/// What a judgement depends on beside document and profile.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// The time.
    pub now: Timestamp,
    /// Which way the document goes.
    pub direction: Direction,
    /// Working days.
    pub calendars: &'a Calendars,
}

/// What is judged.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The document.
    pub document: &'a Document,
    /// `MetaData`, or `LPCO` where a file has no header; paths and positions count from it.
    pub node: NodeId,
    /// Namespaces.
    pub slots: &'a Slots,
}

/// One thing that a statement of the profile finds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// What is done about it.
    pub verdict: Verdict,
    /// Name of the statement.
    pub statement: String,
    /// How sure that statement is.
    pub certainty: Certainty,
    /// What a person reads; "" where the violation says it all.
    pub message: String,
    /// Where and what.
    pub violation: Violation,
}

/// An element that does not leave the gateway. Its value is not kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Withheld {
    /// It.
    pub node: NodeId,
    /// Its path.
    pub path: String,
    /// Its WCO id, or "".
    pub wco_id: String,
    /// The statement that withholds it.
    pub statement: String,
}

/// What a profile says of a document.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Judgement {
    /// In document order; at most [`VIOLATIONS_MAX`] that reject and as many others.
    pub findings: Vec<Finding>,
    /// How many reject.
    pub rejections: usize,
    /// How many only warn or flag.
    pub notices: usize,
    /// Before sending: what is to be stripped.
    pub withheld: Vec<Withheld>,
}

impl Judgement {
    /// The violations that reject.
    #[must_use]
    pub fn rejected(&self) -> Vec<Violation> {
        self.findings.iter().filter(|f| f.verdict == Verdict::Reject).map(|f| f.violation.clone()).collect()
    }

    /// What is only recorded.
    pub fn noticed(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|f| f.verdict != Verdict::Reject)
    }
}

/// Judges a document: the CO or DO of its payload, with the header around it, or the amended CO within a notice. What
/// carries neither has nothing that a profile speaks of.
#[must_use]
pub fn evaluate(compiled: &Compiled, subject: &Subject<'_>, circumstances: &Circumstances<'_>) -> Judgement {
    let document = subject.document;
    let uris: [&str; Slot::ALL.len()] = Slot::ALL.map(|slot| subject.slots.uri(slot));
    let number = |uri: &str| {
        let own = uris.iter().position(|known| *known == uri);
        let declared = || compiled.places.foreign.iter().position(|known| known == uri).map(|at| at + uris.len());
        own.or_else(declared).map_or(UNKNOWN, |at| at as u8)
    };
    let mut walk = Walk {
        compiled,
        document,
        base: subject.node,
        circumstances,
        numbers: document.ns_by_number().map(number).collect(),
        counts: Vec::with_capacity(64),
        found: Vec::new(),
        out: Judgement::default(),
        agreement: None,
        start: None,
    };
    walk.start = walk.judged();
    if let Some((node, place)) = walk.start {
        walk.in_force();
        walk.class(node, place);
    }
    walk.finish()
}

/// Stands for a namespace that neither contract nor profile know.
const UNKNOWN: u8 = u8::MAX;

pub(super) struct Walk<'a> {
    pub compiled: &'a Compiled,
    pub document: &'a Document,
    base: NodeId,
    pub circumstances: &'a Circumstances<'a>,
    numbers: Vec<u8>,
    /// How often each child of the elements that are open came so far.
    counts: Vec<u32>,
    found: Vec<(usize, NodeId, Finding)>,
    out: Judgement,
    /// The agreement (K16), once somebody asked.
    agreement: Option<String>,
    /// The element where the walk began, and its place.
    start: Option<(NodeId, PlaceId)>,
}

/// What is told of a finding.
pub(super) struct Told<'t> {
    pub code: &'static str,
    pub expected: Cow<'static, str>,
    pub came: Came,
    pub value: Option<&'t str>,
}

impl<'t> Told<'t> {
    /// Something that is not there.
    pub fn nothing(code: &'static str, expected: impl Into<Cow<'static, str>>) -> Self {
        Self { code, expected: expected.into(), came: Came { kind: "nothing".into(), ..Came::default() }, value: None }
    }

    /// An element that should not be there, or not so often.
    pub fn element(code: &'static str, expected: impl Into<Cow<'static, str>>) -> Self {
        Self { code, expected: expected.into(), came: Came { kind: "element".into(), ..Came::default() }, value: None }
    }

    /// A value.
    pub fn value(code: &'static str, expected: impl Into<Cow<'static, str>>, value: &'t str) -> Self {
        let came = Came { kind: kind_of(value).into(), length: Some(value.chars().count() as u64), in_list: None };
        Self { code, expected: expected.into(), came, value: Some(value) }
    }
}

impl<'a> Walk<'a> {
    /// What a profile speaks of in the document.
    fn judged(&self) -> Option<(NodeId, PlaceId)> {
        let lpco = || self.compiled.places.by_path("LPCO");
        if self.document.local(self.base) == "LPCO" {
            return lpco().map(|place| (self.base, place));
        }
        if self.child(self.base, Slot::Lpco, "LPCO").is_some() {
            return Some((self.base, ROOT));
        }
        let notice = self.child(self.base, Slot::Lpco, "Amendment")?;
        Some((self.child(notice, Slot::Lpco, "LPCO")?, lpco()?))
    }

    fn statement(&self, id: StatementId) -> &'a Statement {
        &self.compiled.statements[usize::from(id)]
    }

    /// The verdict of a statement in this direction.
    fn verdict(&self, id: StatementId) -> Verdict {
        let statement = self.statement(id);
        match self.circumstances.direction {
            Direction::In => statement.verdict,
            Direction::Out => statement.verdict_out,
        }
    }

    /// Tells of `node`; `below` is the element in it that is meant, where that does not stand.
    pub fn report(&mut self, id: StatementId, node: NodeId, below: Option<&Place>, told: Told<'_>) {
        let verdict = self.verdict(id);
        let count = match verdict {
            Verdict::Off => return,
            Verdict::Reject => &mut self.out.rejections,
            Verdict::Warn | Verdict::Flag => &mut self.out.notices,
        };
        *count += 1;
        if *count > VIOLATIONS_MAX {
            return;
        }
        let (mut path, place) = self.path_of(node);
        let mut wco_id = place.map_or(Cow::Borrowed(""), |place| self.compiled.places.get(place).wco_id.clone());
        if let Some(below) = below {
            path.push('/');
            path.push_str(&below.name);
            wco_id = below.wco_id.clone();
        }
        let statement = self.statement(id);
        let violation = Violation {
            code: Cow::Borrowed(told.code),
            wco_id,
            path,
            line: 0,
            column: 0,
            expected: told.expected,
            came: told.came,
            value: told.value.map(str::to_owned),
        };
        self.found.push((
            self.document.range(node).start,
            node,
            Finding {
                verdict,
                statement: statement.name.clone(),
                certainty: statement.certainty,
                message: statement.message.clone(),
                violation,
            },
        ));
    }

    /// Path from the base, and the place where it ends. Only asked for what is told, so bounded by what may be told.
    fn path_of(&self, node: NodeId) -> (String, Option<PlaceId>) {
        let mut chain: Vec<NodeId> = vec![node];
        chain.extend(self.document.ancestors(node).take_while(|_| node != self.base).take(64));
        if let Some(end) = chain.iter().position(|step| *step == self.base) {
            chain.truncate(end + 1);
        }
        let begun = |step: NodeId| self.start.filter(|(start, _)| *start == step).map(|(_, place)| place);
        let (mut path, mut place) = (format!("/{}", self.document.local(self.base)), begun(self.base));
        for step in chain.iter().rev().skip(1) {
            let local = self.document.local(*step);
            place = begun(*step).or_else(|| place.and_then(|around| self.child_place(around, *step)));
            path.push('/');
            path.push_str(local);
            let before =
                std::iter::successors(self.document.previous_sibling(*step), |n| self.document.previous_sibling(*n))
                    .filter(|n| self.document.kind(*n) == NodeKind::Element && self.document.local(*n) == local)
                    .count();
            if before > 0 || place.is_some_and(|place| self.compiled.places.get(place).repeats()) {
                path.push_str(&format!("[{}]", before + 1));
            }
        }
        (path, place)
    }

    fn child_place(&self, around: PlaceId, node: NodeId) -> Option<PlaceId> {
        self.compiled.places.get(around).children.iter().copied().find(|child| self.is(node, *child))
    }

    #[inline]
    fn number(&self, node: NodeId) -> u8 {
        self.numbers.get(usize::from(self.document.ns_number(node))).copied().unwrap_or(UNKNOWN)
    }

    #[inline]
    fn is(&self, node: NodeId, place: PlaceId) -> bool {
        let place = self.compiled.places.get(place);
        self.document.is_local(node, &place.name) && self.number(node) == place.ns
    }

    /// The first child element of that name.
    pub fn child(&self, node: NodeId, slot: Slot, name: &str) -> Option<NodeId> {
        self.children(node, slot, name).next()
    }

    /// The child elements of that name.
    pub fn children<'s>(&'s self, node: NodeId, slot: Slot, name: &'s str) -> impl Iterator<Item = NodeId> + 's {
        self.document.children(node).filter(move |n| self.document.is_local(*n, name) && self.number(*n) == slot as u8)
    }

    /// The text of an element, without white space around it.
    pub fn text(&self, node: NodeId) -> Cow<'a, str> {
        match self.content(node) {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim_matches(is_space)),
            Cow::Owned(text) => Cow::Owned(text.trim_matches(is_space).to_owned()),
        }
    }

    /// The text of an element as it stands; nearly always one text and nothing else.
    #[inline]
    fn content(&self, node: NodeId) -> Cow<'a, str> {
        let document: &'a Document = self.document;
        match document.first_child(node) {
            None => Cow::Borrowed(""),
            Some(only) if document.kind(only) == NodeKind::Text && document.next_sibling(only).is_none() => {
                Cow::Borrowed(document.text(only))
            }
            Some(_) => document.text_content(node),
        }
    }

    /// The text of a child of the document's namespace.
    pub fn child_text(&self, node: NodeId, slot: Slot, name: &str) -> Option<Cow<'a, str>> {
        self.child(node, slot, name).map(|child| self.text(child))
    }

    /// Whether an indicator says yes.
    pub fn says_yes(&self, node: NodeId, slot: Slot, name: &str) -> bool {
        self.child_text(node, slot, name).is_some_and(|text| YES.contains(&&*text))
    }

    /// The date in an element of a date type, or of a declared one.
    pub fn date(&self, node: NodeId) -> Result<(Given, Shape), NoDate> {
        let inner = self.child(node, Slot::Lpco, "DateTimeString");
        let format_code = inner.and_then(|inner| self.document.attribute(inner, "", "formatCode"));
        Given::parse(&self.text(node), format_code)
    }

    /// The header around an LPCO, which may stand within a notice.
    pub fn header(&self, lpco: NodeId) -> Option<NodeId> {
        self.document.ancestors(lpco).find(|above| self.document.is_local(*above, "MetaData"))
    }

    /// The agreement of the document (K16), read once.
    pub fn agreement(&mut self, node: NodeId) -> String {
        if self.agreement.is_none() {
            let lpco = self.document.ancestors(node).find(|above| self.document.local(*above) == "LPCO");
            let code = lpco.and_then(|lpco| self.child_text(lpco, Slot::Ext, "AgreementCode"));
            self.agreement = Some(code.unwrap_or_default().into_owned());
        }
        self.agreement.clone().unwrap_or_default()
    }

    // ---- the walk --------------------------------------------------------------------------------------------------

    fn in_force(&mut self) {
        let (from, until) = (self.compiled.valid_from, self.compiled.valid_until);
        if from.is_none() && until.is_none() {
            return;
        }
        let today = self.circumstances.now.to_zoned(jiff::tz::TimeZone::UTC).date();
        if from.is_some_and(|from| today < from) || until.is_some_and(|until| today > until) {
            let day = |day: Option<jiff::civil::Date>| day.map_or_else(|| "ever".to_owned(), |day| day.to_string());
            let expected = format!("a day on which the profile is in force, {} to {}", day(from), day(until));
            self.report(self.compiled.in_force, self.base, None, Told::element("profile-not-in-force", expected));
        }
    }

    /// An element that holds others.
    fn class(&mut self, node: NodeId, id: PlaceId) {
        let compiled = self.compiled;
        let place = compiled.places.get(id);
        let setting = &compiled.settings[usize::from(id)];
        let base = self.counts.len();
        self.counts.resize(base + place.children.len(), 0);
        let document = self.document;
        // The schema has seen to their order, so the next one is nearly always at or after the last.
        let mut cursor = 0;
        let mut next = document.first_child(node);
        while let Some(child) = next {
            next = document.next_sibling(child);
            if document.kind(child) != NodeKind::Element {
                continue;
            }
            match self.find(place, child, cursor) {
                Some(at) => {
                    cursor = at;
                    self.counts[base + at] += 1;
                    self.element(child, place.children[at]);
                }
                None => self.foreign(child, place),
            }
        }
        for at in &setting.counted {
            let count = self.counts[base + usize::from(*at)];
            self.counted(node, id, place.children[usize::from(*at)], count);
        }
        self.counts.truncate(base);
        for rule in &setting.rules {
            let rule: &'a Rule = &compiled.rules[usize::from(*rule)];
            super::rules::look(self, rule, node, id);
        }
    }

    /// Which child of `place` the element is; the search begins at `cursor`.
    #[inline]
    fn find(&self, place: &Place, node: NodeId, cursor: usize) -> Option<usize> {
        let number = self.number(node);
        let is = |at: &usize| {
            place.children.get(*at).is_some_and(|child| {
                let child = self.compiled.places.get(*child);
                child.ns == number && self.document.is_local(node, &child.name)
            })
        };
        (cursor..place.children.len()).find(is).or_else(|| (0..cursor).find(is))
    }

    fn element(&mut self, node: NodeId, id: PlaceId) {
        let compiled = self.compiled;
        let setting = &compiled.settings[usize::from(id)];
        if !setting.live || !setting.live_in_ascii && self.is_ascii(node) {
            return;
        }
        if let Some((Standing::Withheld, statement)) = &setting.standing {
            return self.withheld(node, *statement);
        }
        for check in &setting.attributes {
            self.attribute(node, check);
        }
        let place = compiled.places.get(id);
        if place.kind == Kind::Class {
            return self.class(node, id);
        }
        if !setting.values.is_empty() {
            self.value(node, place, &setting.values);
        }
    }

    /// Whether all that is written in it is ASCII. With a reference it may not be.
    fn is_ascii(&self, node: NodeId) -> bool {
        if !self.document.is_whole(node) {
            return false;
        }
        let octets = self.document.octets().get(self.document.range(node));
        octets.is_some_and(|octets| octets.is_ascii() && memchr::memchr(b'&', octets).is_none())
    }

    fn withheld(&mut self, node: NodeId, statement: StatementId) {
        if self.circumstances.direction == Direction::In {
            self.report(
                statement,
                node,
                None,
                Told::element("withheld-element", "nothing: it was agreed to be left out"),
            );
            return;
        }
        let (path, place) = self.path_of(node);
        let wco_id = place.map_or_else(String::new, |place| self.compiled.places.get(place).wco_id.to_string());
        self.out.withheld.push(Withheld { node, path, wco_id, statement: self.statement(statement).name.clone() });
    }

    fn foreign(&mut self, node: NodeId, around: &Place) {
        // A signature inside the document is kept byte for byte, and an element of ours out of its place is the schema's.
        if !around.takes_foreign || self.number(node) != UNKNOWN || self.document.ns(node) == ns::DS {
            return;
        }
        let (policy, statement) = self.compiled.foreign;
        match (policy, self.circumstances.direction) {
            (Foreign::Pass, _) => {}
            (Foreign::Withheld, Direction::Out) => self.withheld(node, statement),
            _ => self.report(
                statement,
                node,
                None,
                Told::element("foreign-element", "elements of schema and profile alone"),
            ),
        }
    }

    /// Whether the number of an element is right.
    fn counted(&mut self, node: NodeId, around: PlaceId, id: PlaceId, count: u32) {
        let compiled = self.compiled;
        let setting = &compiled.settings[usize::from(id)];
        let place = compiled.places.get(id);
        let _ = around;
        match &setting.standing {
            Some((Standing::Mandatory, statement)) if count == 0 => {
                let told = Told::nothing("missing-element", format!("element {}", place.name));
                self.report(*statement, node, Some(place), told);
            }
            Some((Standing::Conditional(test, otherwise), statement)) => {
                // The condition is only looked at where its answer matters.
                if count == 0 && self.holds(test, node) {
                    let told =
                        Told::nothing("missing-element", format!("element {}, as its condition holds", place.name));
                    self.report(*statement, node, Some(place), told);
                } else if count > 0 && *otherwise == Otherwise::Absent && !self.holds(test, node) {
                    let told = Told::element(
                        "unexpected-element",
                        format!("no element {}, as its condition does not hold", place.name),
                    );
                    self.report(*statement, node, Some(place), told);
                }
            }
            _ => {}
        }
        if let Some((least, statement)) = setting.items_min
            && count < least
        {
            let told = Told::element("too-few", format!("at least {least} of {}", place.name));
            self.report(statement, node, Some(place), told);
        }
        if let Some((most, statement)) = setting.items_max
            && count > most
        {
            let told = Told::element("too-many", format!("at most {most} of {}", place.name));
            self.report(statement, node, Some(place), told);
        }
    }

    fn attribute(&mut self, node: NodeId, check: &super::compile::AttributeCheck) {
        let document = self.document;
        match document.attribute(node, "", &check.name) {
            None if check.mandatory => {
                self.report(
                    check.statement,
                    node,
                    None,
                    Told::nothing("missing-attribute", format!("attribute {}", check.name)),
                );
            }
            Some(value) => {
                if let Some(list) = &check.list
                    && !list.iter().any(|known| known == value)
                {
                    let told = not_in(list, value);
                    self.report(check.statement, node, None, told);
                }
            }
            None => {}
        }
    }

    fn value(&mut self, node: NodeId, place: &Place, checks: &[(ValueCheck, StatementId)]) {
        // Blanks around a text for people are part of it; around a code they are none.
        let text = if place.kind == Kind::Text { self.content(node) } else { self.text(node) };
        for (check, statement) in checks {
            if let Some(told) = self.check(node, place, check, &text) {
                self.report(*statement, node, None, told);
            }
        }
    }

    fn check<'t>(&self, node: NodeId, place: &Place, check: &ValueCheck, text: &'t str) -> Option<Told<'t>> {
        let told = |code, expected: String| Some(Told::value(code, expected, text));
        let exact = || if place.kind.is_number() { Exact::parse(text) } else { None };
        match check {
            // No text has more characters than octets.
            ValueCheck::LengthMax(most) if text.len() <= *most as usize => None,
            ValueCheck::LengthMax(most) if text.chars().count() > *most as usize => {
                told("max-length", format!("at most {most} characters"))
            }
            ValueCheck::LengthMin(least) if text.chars().count() < *least as usize => {
                told("min-length", format!("at least {least} characters"))
            }
            ValueCheck::Digits(most) if digits(text) > *most as usize => {
                told("total-digits", format!("at most {most} digits"))
            }
            ValueCheck::Decimals(most) if exact().is_some_and(|n| n.places() > *most) => {
                told("fraction-digits", format!("at most {most} digits after the point"))
            }
            ValueCheck::Minimum(least, shown)
                if exact().and_then(|n| n.compare(*least)) == Some(std::cmp::Ordering::Less) =>
            {
                told("min-inclusive", format!("{shown} or more"))
            }
            ValueCheck::Maximum(most, shown)
                if exact().and_then(|n| n.compare(*most)) == Some(std::cmp::Ordering::Greater) =>
            {
                told("max-inclusive", format!("{shown} or less"))
            }
            ValueCheck::List(list) if !list.iter().any(|known| known == text) => Some(not_in(list, text)),
            ValueCheck::Shapes(shapes) => {
                let fits = self.date(node).is_ok_and(|(_, shape)| shapes.contains(&shape));
                let names: Vec<String> = shapes.iter().map(ToString::to_string).collect();
                if fits { None } else { told("date-shape", format!("a date of the shape {}", names.join(" or "))) }
            }
            ValueCheck::RealDate => match self.date(node) {
                Ok(_) => None,
                Err(NoDate::Unreal) => told("date-unreal", "a day and time that exist".to_owned()),
                Err(NoDate::Shape) => told("date-shape", "a date of the shape that its format code names".to_owned()),
            },
            ValueCheck::ZonedTime => match self.date(node) {
                Ok((Given::Local(_), _)) => {
                    told("date-without-zone", "a time with its zone, or a day alone".to_owned())
                }
                _ => None,
            },
            ValueCheck::Text(oddities) => {
                // The first oddity is told: a second one in the same text helps nobody.
                let found = oddities.iter().find(|oddity| oddity.is_in(text))?;
                Some(Told::value(found.code(), found.expected(), text))
            }
            ValueCheck::OfKind(kind) => self.of_kind(node, *kind, text),
            _ => None,
        }
    }

    /// A value of an element that the schema does not know.
    fn of_kind<'t>(&self, node: NodeId, kind: Kind, text: &'t str) -> Option<Told<'t>> {
        if self.document.elements(node).next().is_some() {
            return Some(Told::element("unexpected-element", "text only"));
        }
        let (fits, expected) = match kind {
            Kind::Number => (Exact::parse(text).is_some(), "a decimal number"),
            Kind::Date => (Given::parse(text, None).is_ok(), "a date"),
            Kind::Indicator => (text == "true" || text == "false", "true or false"),
            Kind::Code | Kind::Id => (!text.is_empty() && !text.contains(is_space), "a token without white space"),
            _ => (!text.trim_matches(is_space).is_empty(), "text that is not blank"),
        };
        if fits { None } else { Some(Told::value("value", expected, text)) }
    }

    // ---- conditions ------------------------------------------------------------------------------------------------

    /// Whether `test` holds at `node`.
    pub fn holds(&self, test: &Test, node: NodeId) -> bool {
        match test {
            Test::All(tests) => tests.iter().all(|test| self.holds(test, node)),
            Test::Any(tests) => tests.iter().any(|test| self.holds(test, node)),
            Test::Not(test) => !self.holds(test, node),
            Test::Element(reaches, Value::Present(false)) => !reaches.iter().any(|(reach, _, attribute)| {
                self.any(node, reach, &mut |n| {
                    attribute.as_ref().is_none_or(|a| self.document.attribute(n, "", a).is_some())
                })
            }),
            Test::Element(reaches, value) => reaches.iter().any(|(reach, place, attribute)| {
                let number = self.compiled.places.get(*place).kind.is_number();
                self.any(node, reach, &mut |found| match attribute {
                    None => fits(&self.text(found), value, number),
                    Some(name) => self.document.attribute(found, "", name).is_some_and(|text| fits(text, value, false)),
                })
            }),
        }
    }

    /// Whether one of the elements that `reach` leads to passes `test`.
    pub fn any(&self, node: NodeId, reach: &Reach, test: &mut dyn FnMut(NodeId) -> bool) -> bool {
        let mut top = node;
        for _ in 0..reach.up {
            // Above an LPCO is the header, even where a notice stands between them.
            let begun = self.start.is_some_and(|(start, _)| start == top);
            match if begun { self.header(top) } else { self.document.parent(top) } {
                Some(above) => top = above,
                None => return false,
            }
        }
        self.below(top, &reach.down, test)
    }

    fn below(&self, node: NodeId, down: &[PlaceId], test: &mut dyn FnMut(NodeId) -> bool) -> bool {
        let Some((first, rest)) = down.split_first() else { return test(node) };
        let mut next = self.document.first_child(node);
        while let Some(child) = next {
            if self.is(child, *first) && self.below(child, rest, test) {
                return true;
            }
            next = self.document.next_sibling(child);
        }
        false
    }

    // ---- the end ---------------------------------------------------------------------------------------------------

    fn finish(mut self) -> Judgement {
        self.found.sort_by_key(|(offset, ..)| *offset);
        let octets = self.document.octets();
        let start = self.document.range(self.base).start;
        // One pass over the octets; columns count characters, the octets that do not continue one.
        let (mut at, mut line, mut column) = (start, 1_u32, 1_u32);
        for (offset, _, finding) in &mut self.found {
            for octet in octets.get(at..*offset).unwrap_or_default() {
                if *octet == b'\n' {
                    line += 1;
                    column = 1;
                } else if octet & 0xC0 != 0x80 {
                    column += 1;
                }
            }
            at = at.max(*offset);
            (finding.violation.line, finding.violation.column) = (line, column);
        }
        self.out.findings = self.found.into_iter().map(|(_, _, finding)| finding).collect();
        self.out
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

fn digits(text: &str) -> usize {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let count = |part: &str| part.bytes().filter(u8::is_ascii_digit).count();
    count(whole.trim_start_matches(['+', '-', '0'])) + count(fraction.trim_end_matches('0'))
}

fn fits(text: &str, value: &Value, number: bool) -> bool {
    match value {
        Value::Present(wanted) => *wanted,
        Value::In(values) => {
            let same = |wanted: &String| {
                wanted == text
                    || number
                        && matches!((Exact::parse(wanted), Exact::parse(text)), (Some(a), Some(b)) if a.compare(b) == Some(std::cmp::Ordering::Equal))
            };
            values.iter().any(same)
        }
        Value::StartsWith(starts) => starts.iter().any(|start| text.starts_with(start.as_str())),
        Value::Above(least) => Exact::parse(text).and_then(|n| n.compare(*least)) == Some(std::cmp::Ordering::Greater),
    }
}

/// Values of a list that are written out in a finding.
const SHOWN_MAX: usize = 12;

fn not_in<'t>(list: &[String], text: &'t str) -> Told<'t> {
    let mut told = Told::value("code-list", expected_of(list), text);
    told.came.in_list = Some(false);
    told
}

/// `one of WO, PE, ... and 7 more`.
pub(super) fn expected_of(list: &[String]) -> String {
    let shown: Vec<&str> = list.iter().take(SHOWN_MAX).map(String::as_str).collect();
    match list.len().saturating_sub(SHOWN_MAX) {
        0 => format!("one of {}", shown.join(", ")),
        more => format!("one of {} and {more} more", shown.join(", ")),
    }
}
