//! Whether a field can keep the elements of a type, and how many it holds.

use std::collections::BTreeSet;

use super::Generator;
use crate::contract::schema::{ContentIr, ElementIr, ParticleIr, TermIr};
use crate::contract::table::{Process, Type};

/// How often an element occurs in its type.
#[derive(Clone, Copy)]
pub(super) struct Occurs {
    pub(super) min: u32,
    pub(super) max: u32,
}

impl Generator<'_> {
    /// How often each element occurs, where each has one place and their order says nothing: a field can keep it.
    pub(super) fn places(&self, elements: &[ElementIr], model: &ParticleIr, mixed: bool) -> Option<Vec<Occurs>> {
        let mut found: Vec<Option<Occurs>> = vec![None; elements.len()];
        let mut stack = vec![(model, 1_u32, 1_u32)];
        let mut wildcards = 0;
        while let Some((particle, min, max)) = stack.pop() {
            let times = |a: u32, b: u32| if a == 0 || b == 0 { 0 } else { a.saturating_mul(b) };
            let (min, max) = (times(min, particle.min), times(max, particle.max));
            match &particle.term {
                TermIr::Element(number) => {
                    let slot = &mut found[usize::from(*number)];
                    if slot.is_some() {
                        return None;
                    }
                    *slot = Some(Occurs { min, max });
                }
                TermIr::Any(..) => wildcards += 1,
                TermIr::Sequence(parts) | TermIr::All(parts) | TermIr::Choice(parts) => {
                    if max > 1 && leaves(particle) > 1 {
                        return None;
                    }
                    let choice = matches!(particle.term, TermIr::Choice(_));
                    stack.extend(parts.iter().map(|part| (part, if choice { 0 } else { min }, max)));
                }
            }
        }
        if mixed || wildcards > usize::from(ends_in_wildcard(model)) {
            return None;
        }
        Some(found.into_iter().map(|slot| slot.unwrap_or(Occurs { min: 0, max: 1 })).collect())
    }

    /// Whether a value of the type would hold, by fields that must stand, another one of its own type.
    pub(super) fn holds_itself(&self, number: u32, element: &ElementIr) -> bool {
        let mut seen = BTreeSet::new();
        let mut stack = vec![element.kind];
        while let Some(kind) = stack.pop() {
            let Type::Complex(inner) = kind else { continue };
            let shape = self.ir.complexes[inner as usize].shape;
            if shape == number {
                return true;
            }
            let ContentIr::Elements { elements, model, mixed } = &self.ir.complexes[shape as usize].content else {
                continue;
            };
            if !seen.insert(shape) {
                continue;
            }
            if let Some(occurs) = self.places(elements, model, *mixed) {
                let one = elements.iter().zip(occurs).filter(|(_, occurs)| occurs.min > 0 && occurs.max == 1);
                stack.extend(one.map(|(element, _)| element.kind));
            }
        }
        false
    }
}

/// Elements and wildcards of a model.
pub(super) fn leaves(particle: &ParticleIr) -> usize {
    match &particle.term {
        TermIr::Element(_) | TermIr::Any(..) => 1,
        TermIr::Sequence(parts) | TermIr::Choice(parts) | TermIr::All(parts) => parts.iter().map(leaves).sum(),
    }
}

/// Whether the last part of a sequence is a wildcard.
pub(super) fn ends_in_wildcard(model: &ParticleIr) -> bool {
    match &model.term {
        TermIr::Sequence(parts) => parts.last().is_some_and(|part| matches!(part.term, TermIr::Any(..))),
        _ => false,
    }
}

pub(super) fn has_wildcard(particle: &ParticleIr) -> bool {
    match &particle.term {
        TermIr::Element(_) => false,
        TermIr::Any(_, Process::Skip | Process::Lax | Process::Strict) => true,
        TermIr::Sequence(parts) | TermIr::Choice(parts) | TermIr::All(parts) => parts.iter().any(has_wildcard),
    }
}
