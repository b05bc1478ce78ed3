//! Unique Particle Attribution (XML Schema Part 1 §3.8.6): the decoder never goes back, so one child must tell which
//! particle it belongs to. Models that need more are refused.

use std::collections::BTreeSet;

use super::attribute::takes;
use super::component::{Compiler, Result2};
use super::{ContentIr, ElementIr, ParticleIr, TermIr, WildcardIr};
use crate::contract::read::Error;
use crate::contract::table::UNBOUNDED;

impl Compiler<'_> {
    /// The decoder never goes back, so a model must tell from one child which particle it belongs to.
    pub(super) fn check_deterministic(&self) -> Result2<()> {
        for complex in &self.ir.complexes {
            let ContentIr::Elements { elements, model, .. } = &complex.content else { continue };
            let mut check = Determinism { elements, terms: Vec::new(), follow: Vec::new(), counted: false };
            let fragment = check.add(model);
            let clash = check.clash(&fragment);
            if clash || check.counted {
                return Err(Error::Unsupported {
                    location: complex.name.to_string(),
                    construct: "a content model that needs more than one child to decide".to_owned(),
                    at: complex.name.local.clone(),
                });
            }
        }
        Ok(())
    }
}

struct Determinism<'m> {
    elements: &'m [ElementIr],
    terms: Vec<&'m TermIr>,
    follow: Vec<BTreeSet<usize>>,
    /// A group repeats what itself ends in a variable number of the same particle.
    counted: bool,
}

struct Reach {
    first: BTreeSet<usize>,
    last: BTreeSet<usize>,
    empty: bool,
}

impl<'m> Determinism<'m> {
    fn add(&mut self, particle: &'m ParticleIr) -> Reach {
        let mut reach = match &particle.term {
            TermIr::Element(_) | TermIr::Any(..) => {
                self.terms.push(&particle.term);
                self.follow.push(BTreeSet::new());
                let at = BTreeSet::from([self.terms.len() - 1]);
                Reach { first: at.clone(), last: at, empty: false }
            }
            TermIr::Sequence(parts) => {
                let mut whole = Reach { first: BTreeSet::new(), last: BTreeSet::new(), empty: true };
                for part in parts {
                    let next = self.add(part);
                    for position in &whole.last {
                        self.follow[*position].extend(next.first.iter().copied());
                    }
                    if whole.empty {
                        whole.first.extend(next.first.iter().copied());
                    }
                    if next.empty {
                        whole.last.extend(next.last);
                    } else {
                        whole.last = next.last;
                    }
                    whole.empty &= next.empty;
                }
                whole
            }
            TermIr::Choice(parts) | TermIr::All(parts) => {
                let all = matches!(particle.term, TermIr::All(_));
                let mut whole = Reach { first: BTreeSet::new(), last: BTreeSet::new(), empty: all || parts.is_empty() };
                for part in parts {
                    let next = self.add(part);
                    whole.first.extend(next.first);
                    whole.last.extend(next.last);
                    whole.empty = if all { whole.empty && next.empty } else { whole.empty || next.empty };
                }
                whole
            }
        };
        if particle.max > 1 {
            let group = !matches!(particle.term, TermIr::Element(_) | TermIr::Any(..));
            // The decoder stays in a round as long as it can. That is right where a round more is never wanted, and where
            // nothing within is counted: of four `a`, (a{2,3})* is two and two, (a{1,2}){2} of two is one and one.
            let stays = (particle.min <= 1 || reach.empty) && !counts(&particle.term);
            for position in reach.last.clone() {
                if group && !stays {
                    self.counted |= self.follow[position].iter().any(|next| reach.first.contains(next));
                }
                self.follow[position].extend(reach.first.iter().copied());
            }
        }
        if particle.min == 0 {
            reach.empty = true;
        }
        reach
    }

    fn clash(&self, whole: &Reach) -> bool {
        let clashes = |set: &BTreeSet<usize>| {
            set.iter().any(|a| set.iter().any(|b| a < b && self.overlap(self.terms[*a], self.terms[*b])))
        };
        clashes(&whole.first) || self.follow.iter().any(clashes)
    }

    fn overlap(&self, a: &TermIr, b: &TermIr) -> bool {
        match (a, b) {
            (TermIr::Element(a), TermIr::Element(b)) => a == b,
            (TermIr::Element(e), TermIr::Any(w, _)) | (TermIr::Any(w, _), TermIr::Element(e)) => {
                takes(w, &self.elements[usize::from(*e)].name.ns)
            }
            (TermIr::Any(WildcardIr::List(list), _), TermIr::Any(other, _))
            | (TermIr::Any(other, _), TermIr::Any(WildcardIr::List(list), _)) => {
                list.iter().any(|uri| takes(other, uri))
            }
            (TermIr::Any(..), TermIr::Any(..)) => true,
            _ => false,
        }
    }
}

/// Whether anything in the group occurs a number of times that must be counted.
fn counts(term: &TermIr) -> bool {
    match term {
        TermIr::Element(_) | TermIr::Any(..) => false,
        TermIr::Sequence(parts) | TermIr::Choice(parts) | TermIr::All(parts) => {
            parts.iter().any(|part| part.min > 1 || (part.max > 1 && part.max != UNBOUNDED) || counts(&part.term))
        }
    }
}
