//! Line and column of what a path names.

use crate::contract::violation::Violation;
use crate::xml::{Document, NodeId};

/// Sets the place of each violation from its path. A path that leads nowhere, which cannot be, leaves the place of the
/// element that was bound.
pub(super) fn place(document: &Document, base: NodeId, violations: &mut [Violation]) {
    for violation in violations {
        let node = find(document, base, &violation.path);
        let place = document.position_within(base, node);
        (violation.line, violation.column) = (place.line, place.column);
    }
}

fn find(document: &Document, base: NodeId, path: &str) -> NodeId {
    let mut at = base;
    for step in path.split('/').skip(2).filter(|step| !step.starts_with('@')) {
        let (name, occurrence) = match step.split_once('[') {
            Some((name, rest)) => (name, rest.trim_end_matches(']').parse().unwrap_or(1_usize)),
            None => (step, 1),
        };
        let named = document.elements(at).filter(|child| document.local(*child) == name);
        let Some(child) = named.into_iter().nth(occurrence.saturating_sub(1)) else { break };
        at = child;
    }
    at
}
