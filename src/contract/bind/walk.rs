//! The walk along the children of an element: a flat sequence place by place, any other model matched first.
//!
//! Nearly every child is the element of the place at hand once more, or that of a later one with nothing owed in between:
//! [`Binder::next`] finds its place by its name. Whatever else stands goes by the whole of the rules.

use super::report::{Step, What, came_element, came_nothing};
use super::{Binder, Child, FOREIGN};
use crate::base::limits;
use crate::base::octets::same;
use crate::contract::table::{Complex, Content, Element, Flat, Particle, Term, Type};
use crate::contract::violation::Came;
use crate::xml::{Kind, NodeId};

/// The children of an element that are not yet handed out. It is asked for the next until there is none.
pub struct Children {
    parent: NodeId,
    /// The child to look at next.
    next: Option<NodeId>,
    elements: &'static [Element],
    parts: &'static [Particle],
    /// How the place of a child is found; without places in other models than a flat sequence.
    flat: &'static Flat,
    /// Whether it is one.
    is_flat: bool,
    /// The place that the walk has reached, and how many stood there.
    at: usize,
    count: u32,
    /// How many must stand there, the place up to which the walk may go from there, and whether one after it is owed.
    min: u32,
    barrier: u16,
    owes: bool,
    /// Whether the path has a step for the child at hand.
    stepped: bool,
    /// What only some need.
    rest: Option<Box<Rest>>,
}

/// What is needed where the children are not simply those of a flat sequence.
#[derive(Default)]
struct Rest {
    /// Places whose element stood elsewhere, one bit a place.
    misplaced: u64,
    /// Places that were passed over with too few.
    skipped: u64,
    /// Children that a model other than a flat sequence took, with their occurrences.
    matched: std::vec::IntoIter<(Child, u32)>,
}

impl Children {
    /// Stands at the place `at`.
    #[inline(always)]
    fn reach(&mut self, at: usize, count: u32) {
        (self.at, self.count) = (at, count);
        (self.min, self.owes, self.barrier) = match self.flat.places.get(at) {
            // A wildcard may take what a later place would.
            Some(place) if place.is_wildcard() => (place.min, place.owes, 0),
            Some(place) => (place.min, place.owes, place.barrier),
            None => (0, false, 0),
        };
    }
}

impl<'a> Binder<'a> {
    /// The children of `node`, whose type is `complex`, in the order of the text.
    #[inline]
    pub fn children(&mut self, node: NodeId, complex: &'static Complex) -> Children {
        let mut children = Children {
            parent: node,
            next: self.document.first_child(node),
            elements: &[],
            parts: &[],
            flat: complex.flat.as_ref().unwrap_or(Flat::NONE),
            is_flat: complex.flat.is_some(),
            at: 0,
            count: 0,
            min: 0,
            barrier: 0,
            owes: false,
            stepped: false,
            rest: None,
        };
        if let Content::Elements { elements, model, .. } = &complex.content {
            children.elements = elements;
            if let Term::Sequence(parts) = model.term {
                children.parts = parts;
            }
        }
        if children.is_flat {
            children.reach(0, 0);
        } else {
            children.rest = Some(self.match_all(node, complex));
        }
        // The parser bounds the depth already; a caller with other options must not cost a stack.
        if self.path.len() < limits::DEPTH_MAX {
            self.path.push(Step { what: What::Named(""), occurrence: 1, repeats: false });
            children.stepped = true;
        } else {
            children.next = None;
        }
        children
    }

    #[cold]
    #[inline(never)]
    fn match_all(&mut self, node: NodeId, complex: &'static Complex) -> Box<Rest> {
        const NOTHING: Particle = Particle { min: 1, max: 1, term: Term::Sequence(&[]) };
        let (elements, model, mixed) = match complex.content {
            Content::Elements { elements, model, mixed } => (elements, model, mixed),
            Content::Empty | Content::Simple(_) => (&[][..], NOTHING, false),
        };
        let matched = self.matched(node, elements, &model, mixed).into_iter();
        Box::new(Rest { matched, ..Rest::default() })
    }

    /// The next child, the path leading to it; none at the end, and when the document is too deep.
    #[inline]
    pub fn next(&mut self, children: &mut Children) -> Option<Child> {
        if let Some(node) = children.next
            && let Some((name, ns, next)) = self.document.element_at(node)
            && let Some((position, place)) = children.flat.find(&name, children.at)
            && let Some(element) = children.elements.get(usize::from(place.element))
            && u32::from(ns) == self.in_document(element.ns)
        {
            // All of it is computed, so that there is one branch, which nearly always goes the same way.
            let again = position == children.at;
            let had = if again { children.count } else { 0 };
            let onward = (position > children.at)
                & (children.count >= children.min)
                & (usize::from(children.barrier) >= position);
            if (had < place.max) & (again | onward) {
                (children.next, children.at, children.count) = (next, position, had + 1);
                (children.min, children.barrier, children.owes) = (place.min, place.barrier, place.owes);
                if let Some(step) = self.path.last_mut() {
                    *step = Step { what: What::Declared(element), occurrence: had + 1, repeats: place.max > 1 };
                }
                return Some(Child { node, index: place.element, kind: element.kind });
            }
        }
        self.next_by_the_rules(children)
    }

    #[inline(never)]
    fn next_by_the_rules(&mut self, children: &mut Children) -> Option<Child> {
        if !std::mem::take(&mut children.stepped) {
            return None;
        }
        // Violations of the sequence are those of the parent.
        self.path.pop();
        let found = if !children.is_flat {
            let matched = children.rest.as_mut().and_then(|rest| rest.matched.next());
            matched.map(|(child, occurrence)| (child, occurrence, false))
        } else if children.next.is_none() && children.is_complete() {
            None
        } else {
            let found = self.next_out_of_order(children);
            children.reach(children.at, children.count);
            found
        };
        let (child, occurrence, repeats) = found?;
        let what = match children.elements.get(usize::from(child.index)) {
            Some(element) => What::Declared(element),
            None => What::Named(self.document.local(child.node)),
        };
        self.path.push(Step { what, occurrence, repeats });
        children.stepped = true;
        Some(child)
    }

    /// The next child of a flat sequence, with its occurrence and whether it repeats: the whole of the rules, for what is
    /// not simply the next element.
    fn next_out_of_order(&mut self, walk: &mut Children) -> Option<(Child, u32, bool)> {
        let Children { elements, parts, at, count, next, parent, rest, .. } = walk;
        let (elements, parts) = (*elements, *parts);
        let Rest { misplaced, skipped, .. } = &mut **rest.get_or_insert_default();
        let document = self.document;
        while let Some(node) = *next {
            *next = document.next_sibling(node);
            match document.kind(node) {
                Kind::Element => {}
                Kind::Text => {
                    self.stray_text(node);
                    continue;
                }
                _ => continue,
            }
            let (local, uri) = (document.local(node), document.ns(node));
            let is = |part: &Particle| match part.term {
                Term::Element(index) => elements
                    .get(usize::from(index))
                    .is_some_and(|e| same(e.name.as_bytes(), local.as_bytes()) && self.in_namespace(node, e)),
                Term::Any(wildcard, _) => self.foreign(wildcard, uri),
                _ => false,
            };
            if let Some(part) = parts.get(*at)
                && *count < part.max
                && let Term::Element(index) = part.term
                && let Some(element) = elements.get(usize::from(index))
                && same(element.name.as_bytes(), local.as_bytes())
                && self.in_namespace(node, element)
            {
                *count += 1;
                let (occurrence, repeats) = (*count, part.max > 1);
                return Some((Child { node, index, kind: element.kind }, occurrence, repeats));
            }
            let full = parts.get(*at).is_some_and(|part| *count >= part.max);
            let ahead = parts.get(*at..).and_then(|rest| rest.iter().position(is)).map(|offset| *at + offset);
            // An element that is full may stand again further on under the same name.
            let ahead = match ahead {
                Some(position) if position == *at && full => {
                    let further = parts.get(*at + 1..).and_then(|rest| rest.iter().position(is));
                    further.map_or(Some(position), |offset| Some(*at + 1 + offset))
                }
                other => other,
            };
            // Passing over what must come: the message is wrong already. A wildcard would swallow a misnamed element and
            // with it the place; an element that stands too early is told alone when what it passes over still comes.
            let had = |index: usize| if index == *at { *count } else { 0 };
            let owed =
                |index: usize| parts.get(index).is_some_and(|p| had(index) < p.min && *misplaced & (1 << index) == 0);
            let mut early = None;
            let ahead = ahead.filter(|position| {
                if !(*at..*position).any(owed) {
                    return true;
                }
                match parts.get(*position).map(|part| part.term) {
                    Some(Term::Element(index)) => {
                        let following = std::iter::successors(*next, |n| document.next_sibling(*n));
                        let following = following.into_iter().find(|n| document.kind(*n) == Kind::Element);
                        let comes = following.is_some_and(|n| {
                            parts.get(*at..*position).unwrap_or_default().iter().any(|part| match part.term {
                                Term::Element(e) => elements.get(usize::from(e)).is_some_and(|e| self.is(n, e)),
                                _ => false,
                            })
                        });
                        if comes {
                            early = Some((*position, index));
                        }
                        !comes
                    }
                    _ => false,
                }
            });
            if let Some((position, index)) = early
                && let Some(element) = elements.get(usize::from(index))
            {
                let expected = expected_at(parts, *at, *count, elements);
                *misplaced |= 1 << position;
                self.enter(What::Named(element.name));
                self.report(node, "misplaced-element", element.wco_id, expected, came_element(), None);
                self.path.pop();
                return Some((Child { node, index, kind: element.kind }, 1, false));
            }
            let Some(position) = ahead else {
                let behind = parts.get(..*at).and_then(|before| before.iter().position(is));
                let declared = behind.and_then(|p| parts.get(p)).and_then(|p| match p.term {
                    Term::Element(index) => elements.get(usize::from(index)).map(|e| (index, e)),
                    _ => None,
                });
                let expected = expected_at(parts, *at, *count, elements);
                match (declared, behind) {
                    (Some((index, element)), Some(position)) => {
                        *misplaced |= 1 << position;
                        self.enter(What::Named(element.name));
                        self.report(node, "misplaced-element", element.wco_id, expected, came_element(), None);
                        self.path.pop();
                        // Its values are still looked at; the message is refused whatever they are.
                        return Some((Child { node, index, kind: element.kind }, 1, false));
                    }
                    _ => {
                        // The wildcard of XML Schema would take it; but one of ours out of its place is no extension.
                        let barred = |part: &Particle| matches!(part.term, Term::Any(w, _) if self.wildcard_takes(w, uri) && !self.foreign(w, uri));
                        let ours = parts.get(*at..).is_some_and(|rest| rest.iter().any(barred));
                        let code = if ours { "misplaced-element" } else { "unexpected-element" };
                        self.enter(What::Named(local));
                        self.report(node, code, "", expected, came_element(), None);
                        self.path.pop();
                    }
                }
                continue;
            };
            let Some(part) = parts.get(position) else { continue };
            if position == *at {
                *count += 1;
            } else {
                for passed in *at..position {
                    if parts.get(passed).is_some_and(|p| had(passed) < p.min) {
                        *skipped |= 1 << passed;
                    }
                }
                *at = position;
                *count = 1;
            }
            let repeats = part.max > 1;
            let (occurrence, too_many) = (*count, *count > part.max);
            match part.term {
                Term::Element(index) => {
                    let Some(element) = elements.get(usize::from(index)) else { continue };
                    if too_many {
                        let expected = format!("at most {} of {}", part.max, element.name);
                        self.path.push(Step { what: What::Named(element.name), occurrence, repeats });
                        self.report(node, "too-many", element.wco_id, expected, came_element(), None);
                        self.path.pop();
                    }
                    return Some((Child { node, index, kind: element.kind }, occurrence, repeats));
                }
                Term::Any(_, process) => {
                    if too_many {
                        let expected = format!("at most {} elements of another namespace", part.max);
                        self.enter(What::Named(local));
                        self.report(node, "too-many", "", expected, came_element(), None);
                        self.path.pop();
                    }
                    self.check_foreign(node, process);
                    return Some((Child { node, index: FOREIGN, kind: Type::Anything }, occurrence, repeats));
                }
                _ => {}
            }
        }
        // The end: what was passed over and never came, and what is still wanted.
        let (parent, missing) = (*parent, {
            let mut missing = *skipped & !*misplaced;
            for (index, part) in parts.iter().enumerate().skip(*at) {
                let had = if index == *at { *count } else { 0 };
                if had < part.min && *misplaced & (1 << index) == 0 {
                    missing |= 1 << index;
                }
            }
            missing
        });
        if missing != 0 {
            for (index, part) in parts.iter().enumerate() {
                if missing & (1 << index) == 0 {
                    continue;
                }
                match part.term {
                    Term::Element(element) => {
                        if let Some(element) = elements.get(usize::from(element)) {
                            self.missing(parent, element, part.min);
                        }
                    }
                    _ => {
                        let expected = format!("at least {} elements of another namespace", part.min);
                        self.report(parent, "missing-element", "", expected, came_nothing(), None);
                    }
                }
            }
            *at = parts.len();
            *skipped = 0;
        }
        None
    }

    fn missing(&mut self, parent: NodeId, element: &'static Element, min: u32) {
        self.enter(What::Named(element.name));
        let expected =
            if min > 1 { format!("at least {min} of {}", element.name) } else { format!("element {}", element.name) };
        self.report(parent, "missing-element", element.wco_id, expected, came_nothing(), None);
        self.path.pop();
    }

    pub(super) fn stray_text(&mut self, node: NodeId) {
        let text = self.document.text(node);
        if text.bytes().any(|b| !matches!(b, b' ' | b'\t' | b'\n' | b'\r')) {
            let came = Came { kind: "text".into(), length: Some(text.chars().count() as u64), in_list: None };
            self.report(node, "unexpected-text", "", "elements only".into(), came, Some(text.to_owned()));
        }
    }
}

impl Children {
    /// Whether nothing is owed any more, and nothing was out of its place.
    #[inline]
    fn is_complete(&self) -> bool {
        let rest = self.rest.as_ref().map_or(0, |rest| rest.misplaced | rest.skipped);
        self.count >= self.min && !self.owes && rest == 0
    }
}

fn expected_at(parts: &[Particle], at: usize, count: u32, elements: &[Element]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for (index, part) in parts.iter().enumerate().skip(at) {
        let had = if index == at { count } else { 0 };
        if had >= part.max {
            continue;
        }
        match part.term {
            Term::Element(element) => names.extend(elements.get(usize::from(element)).map(|e| e.name)),
            _ => names.push("an element of a foreign namespace"),
        }
        if had < part.min || names.len() >= 8 {
            break;
        }
    }
    match names.as_slice() {
        [] => "the end of the element".to_owned(),
        [one] => format!("{one} or the end of the element"),
        many => format!("one of {}", many.join(", ")),
    }
}
