//! Content models that are no flat sequence: all children are matched first, then handed out.

use super::{Binder, Child, FOREIGN, What, came_element, came_nothing};
use crate::contract::table::{Element, Particle, Process, Term, Type, UNBOUNDED};
use crate::xml::{Kind, NodeId};

impl Binder<'_> {
    /// The children with their occurrences.
    pub(super) fn matched(
        &mut self,
        parent: NodeId,
        elements: &'static [Element],
        model: &Particle,
        mixed: bool,
    ) -> Vec<(Child, u32)> {
        let document = self.document;
        let mut nodes = Vec::new();
        for node in document.children(parent) {
            match document.kind(node) {
                Kind::Element => nodes.push(node),
                Kind::Text if !mixed => self.stray_text(node),
                _ => {}
            }
        }
        let mut matcher = Matcher { binder: self, elements, nodes: &nodes, out: Vec::with_capacity(nodes.len()) };
        let result = matcher.particle(model, 0);
        let mut out = matcher.out;
        let failure = match result {
            Ok(end) if end == nodes.len() => None,
            Ok(end) => Some((end, "nothing more".to_owned())),
            Err((at, expected)) => Some((at, expected)),
        };
        if let Some((at, expected)) = failure {
            match nodes.get(at) {
                Some(node) => {
                    self.enter(What::Named(document.local(*node)));
                    self.report(*node, "unexpected-element", "", expected, came_element(), None);
                    self.path.pop();
                }
                None => self.report(parent, "missing-element", "", expected, came_nothing(), None),
            }
            // Whatever has a declaration is still looked at.
            for node in nodes.iter().skip(out.len()) {
                if let Some(index) = elements.iter().position(|e| self.is(*node, e)) {
                    out.push((*node, index as u16, None));
                }
            }
        }
        let mut counts = vec![0_u32; elements.len()];
        out.into_iter()
            .map(|(node, index, process)| {
                if let Some(process) = process {
                    self.check_foreign(node, process);
                    return (Child { node, index: FOREIGN, kind: Type::Anything }, 1);
                }
                let occurrence = counts.get_mut(usize::from(index)).map_or(1, |count| {
                    *count += 1;
                    *count
                });
                let kind = elements.get(usize::from(index)).map_or(Type::Anything, |e| e.kind);
                (Child { node, index, kind }, occurrence)
            })
            .collect()
    }
}

/// Matches children to a model that is deterministic (Unique Particle Attribution), without going back.
struct Matcher<'m, 'a> {
    binder: &'m Binder<'a>,
    elements: &'static [Element],
    nodes: &'m [NodeId],
    out: Vec<(NodeId, u16, Option<Process>)>,
}

type Matched = Result<usize, (usize, String)>;

impl Matcher<'_, '_> {
    fn particle(&mut self, particle: &Particle, mut at: usize) -> Matched {
        let mut count = 0;
        while particle.max == UNBOUNDED || count < particle.max {
            if !self.begins(&particle.term, at) {
                break;
            }
            let before = at;
            at = self.term(&particle.term, at)?;
            count += 1;
            if at == before {
                break;
            }
        }
        if count < particle.min && !empties(&particle.term) {
            return Err((at, self.expected(&particle.term)));
        }
        Ok(at)
    }

    fn term(&mut self, term: &Term, mut at: usize) -> Matched {
        match term {
            Term::Element(index) => {
                if let Some(node) = self.nodes.get(at) {
                    self.out.push((*node, *index, None));
                }
                Ok(at + 1)
            }
            Term::Any(_, process) => {
                if let Some(node) = self.nodes.get(at) {
                    self.out.push((*node, 0, Some(*process)));
                }
                Ok(at + 1)
            }
            Term::Sequence(parts) => {
                for part in *parts {
                    at = self.particle(part, at)?;
                }
                Ok(at)
            }
            Term::Choice(parts) => match parts.iter().find(|part| part.max > 0 && self.begins(&part.term, at)) {
                Some(part) => self.particle(part, at),
                None => Ok(at),
            },
            Term::All(parts) => {
                let mut used = vec![false; parts.len()];
                while let Some(index) =
                    parts.iter().enumerate().position(|(i, p)| !used[i] && p.max > 0 && self.begins(&p.term, at))
                {
                    used[index] = true;
                    at = self.particle(&parts[index], at)?;
                }
                match parts.iter().zip(&used).find(|(part, used)| !**used && part.min > 0) {
                    Some((part, _)) => Err((at, self.expected(&part.term))),
                    None => Ok(at),
                }
            }
        }
    }

    /// Whether `term` can begin with the child at `at`.
    fn begins(&self, term: &Term, at: usize) -> bool {
        let Some(node) = self.nodes.get(at) else { return false };
        match term {
            Term::Element(index) => {
                self.elements.get(usize::from(*index)).is_some_and(|element| self.binder.is(*node, element))
            }
            Term::Any(wildcard, _) => self.binder.foreign(*wildcard, self.binder.document.ns(*node)),
            Term::Sequence(parts) => {
                for part in *parts {
                    if part.max > 0 && self.begins(&part.term, at) {
                        return true;
                    }
                    if part.min > 0 && !empties(&part.term) {
                        return false;
                    }
                }
                false
            }
            Term::Choice(parts) | Term::All(parts) => parts.iter().any(|p| p.max > 0 && self.begins(&p.term, at)),
        }
    }

    fn expected(&self, term: &Term) -> String {
        let mut names = Vec::new();
        self.first_names(term, &mut names);
        match names.as_slice() {
            [] => "an element".to_owned(),
            [one] => format!("element {one}"),
            many => format!("one of the elements {}", many.join(", ")),
        }
    }

    fn first_names(&self, term: &Term, names: &mut Vec<&'static str>) {
        match term {
            Term::Element(index) => names.extend(self.elements.get(usize::from(*index)).map(|e| e.name)),
            Term::Any(..) => names.push("of another namespace"),
            Term::Sequence(parts) => {
                for part in *parts {
                    self.first_names(&part.term, names);
                    if part.min > 0 && !empties(&part.term) {
                        break;
                    }
                }
            }
            Term::Choice(parts) | Term::All(parts) => parts.iter().for_each(|part| self.first_names(&part.term, names)),
        }
    }
}

/// Whether a term may stand for nothing.
fn empties(term: &Term) -> bool {
    match term {
        Term::Element(_) | Term::Any(..) => false,
        Term::Sequence(parts) | Term::All(parts) => parts.iter().all(|p| p.min == 0 || empties(&p.term)),
        Term::Choice(parts) => parts.is_empty() || parts.iter().any(|p| p.min == 0 || empties(&p.term)),
    }
}
