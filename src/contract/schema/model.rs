//! Content models: particles, groups, cardinality (XML Schema Part 1 §3.7 to §3.9).

use super::component::{Compiler, Result2};
use super::document::Declared;
use super::{ContentIr, ElementIr, ParticleIr, TermIr};
use crate::contract::bind;
use crate::contract::read::Node;
use crate::contract::table::UNBOUNDED;

impl<'a> Compiler<'a> {
    /// The content model of `nodes` (at most one group), after `before`.
    pub(super) fn content(
        &mut self,
        at: Declared<'a>,
        nodes: Vec<&'a Node>,
        mixed: bool,
        mut elements: Vec<ElementIr>,
        before: Option<ParticleIr>,
    ) -> Result2<ContentIr> {
        let own = match nodes.as_slice() {
            [] => None,
            [node] => self.particle(Declared { node, document: at.document }, &mut elements)?,
            many => return self.unsupported(at, format!("xs:{} beside another group", many[1].name)),
        };
        let model = match (before, own) {
            (None, None) if !mixed => return Ok(ContentIr::Empty),
            (None, None) => ParticleIr { min: 1, max: 1, term: TermIr::Sequence(Vec::new()) },
            (Some(one), None) | (None, Some(one)) => one,
            (Some(first), Some(second)) => {
                if matches!(first.term, TermIr::All(_)) || matches!(second.term, TermIr::All(_)) {
                    return self.invalid(at, "xs:all cannot be extended");
                }
                ParticleIr { min: 1, max: 1, term: TermIr::Sequence(vec![first, second]) }
            }
        };
        let model = simplified(model);
        let model = match model.term {
            TermIr::Sequence(_) if (model.min, model.max) == (1, 1) => model,
            _ => ParticleIr { min: 1, max: 1, term: TermIr::Sequence(vec![model]) },
        };
        Ok(ContentIr::Elements { elements, model, mixed })
    }

    pub(super) fn occurs(&self, at: Declared<'a>) -> Result2<(u32, u32)> {
        let number = |name: &str| -> Result2<u32> {
            match at.node.attribute(name) {
                None => Ok(1),
                Some("unbounded") if name == "maxOccurs" => Ok(UNBOUNDED),
                Some(text) => match text.parse::<u32>() {
                    Ok(number) if number < UNBOUNDED => Ok(number),
                    _ => self.invalid(at, format!("{name} {text:?}")),
                },
            }
        };
        let (min, max) = (number("minOccurs")?, number("maxOccurs")?);
        if max < min { self.invalid(at, "maxOccurs below minOccurs") } else { Ok((min, max)) }
    }

    pub(super) fn particle(&mut self, at: Declared<'a>, elements: &mut Vec<ElementIr>) -> Result2<Option<ParticleIr>> {
        self.depth += 1;
        if self.depth > 100 {
            return self.unsupported(at, "groups nested deeper than 100");
        }
        let (min, max) = self.occurs(at)?;
        let term = match at.node.name.as_str() {
            "element" => {
                let element = match at.node.attribute("ref") {
                    Some(reference) => {
                        let name = self.qname(at, reference)?;
                        match self.documents.global(&["element"], &name) {
                            Some(found) => self.element_global(found, &name)?,
                            None => return self.invalid(at, format!("no element {name}")),
                        }
                    }
                    None => self.element(at, false)?,
                };
                let number = match elements.iter().position(|known| known.name == element.name) {
                    Some(number) => {
                        let known = &elements[number];
                        if known.kind != element.kind
                            || known.fixed != element.fixed
                            || known.nillable != element.nillable
                        {
                            let name = element.name;
                            return self.unsupported(
                                at,
                                format!("element {name} twice in a type with different declarations"),
                            );
                        }
                        number
                    }
                    None => {
                        elements.push(element);
                        elements.len() - 1
                    }
                };
                if number >= usize::from(bind::FOREIGN) {
                    return self.unsupported(at, "more than 65,534 elements in a type");
                }
                TermIr::Element(number as u16)
            }
            "any" => {
                let (wildcard, process) = self.wildcard(at)?;
                TermIr::Any(wildcard, process)
            }
            "group" => {
                let Some(reference) = at.node.attribute("ref") else { return self.invalid(at, "a group without ref") };
                let name = self.qname(at, reference)?;
                let Some(found) = self.documents.global(&["group"], &name) else {
                    return self.invalid(at, format!("no group {name}"));
                };
                if !self.open.insert((2, name.clone())) {
                    return self.invalid(at, format!("group {name} contains itself"));
                }
                let children = self.children_of(found)?;
                let [child] = children.as_slice() else {
                    return self.invalid(found, "a group holds exactly one of sequence, choice, all");
                };
                let inner = self.particle(Declared { node: child, document: found.document }, elements)?;
                self.open.remove(&(2, name));
                match inner {
                    Some(inner) => TermIr::Sequence(vec![inner]),
                    None => TermIr::Sequence(Vec::new()),
                }
            }
            kind @ ("sequence" | "choice" | "all") => {
                let mut inner = Vec::new();
                for child in self.children_of(at)? {
                    let child = Declared { node: child, document: at.document };
                    if kind == "all" && child.node.name != "element" {
                        return self.invalid(at, "xs:all holds elements only");
                    }
                    let Some(particle) = self.particle(child, elements)? else { continue };
                    if kind == "all" && particle.max > 1 {
                        return self.invalid(at, "an element of xs:all occurs at most once");
                    }
                    if matches!(particle.term, TermIr::All(_)) {
                        return self.invalid(at, "xs:all stands alone in a type");
                    }
                    inner.push(particle);
                }
                match kind {
                    "sequence" => TermIr::Sequence(inner),
                    // A choice of nothing can never be met.
                    "choice" if inner.is_empty() && min > 0 => return self.unsupported(at, "an empty choice"),
                    "choice" => TermIr::Choice(inner),
                    _ if max > 1 => return self.invalid(at, "xs:all occurs at most once"),
                    _ => TermIr::All(inner),
                }
            }
            other => return self.unsupported(at, format!("xs:{other} in a content model")),
        };
        self.depth -= 1;
        Ok(if max == 0 { None } else { Some(ParticleIr { min, max, term }) })
    }
}

/// A sequence in a sequence is one sequence; a group of one is that one.
pub(super) fn simplified(particle: ParticleIr) -> ParticleIr {
    let ParticleIr { min, max, term } = particle;
    match term {
        TermIr::Sequence(parts) => {
            let mut out = Vec::new();
            for part in parts.into_iter().map(simplified) {
                match part {
                    ParticleIr { min: 1, max: 1, term: TermIr::Sequence(inner) } => out.extend(inner),
                    other => out.push(other),
                }
            }
            if (min, max) == (1, 1) && out.len() == 1 && !matches!(out[0].term, TermIr::Element(_) | TermIr::Any(..)) {
                return out.pop().unwrap_or(ParticleIr { min, max, term: TermIr::Sequence(Vec::new()) });
            }
            ParticleIr { min, max, term: TermIr::Sequence(out) }
        }
        TermIr::Choice(parts) => {
            ParticleIr { min, max, term: TermIr::Choice(parts.into_iter().map(simplified).collect()) }
        }
        other => ParticleIr { min, max, term: other },
    }
}
