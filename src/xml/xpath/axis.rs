//! Axes and node tests (XPath 1.0 §2.2, §2.3).

use super::syntax::{Axis, Test};
use super::{Error, Item};
use crate::xml::{Document, Kind, NodeId, ns};

/// Gives `visit` what lies on `axis` seen from `item`, in the order of the axis, until it fails.
pub(super) fn walk(
    document: &Document,
    axis: Axis,
    item: Item,
    visit: &mut dyn FnMut(Item) -> Result<(), Error>,
) -> Result<(), Error> {
    let node = match item {
        Item::Node(node) => Some(node),
        Item::Attribute(_) | Item::Namespace(_) => None,
    };
    let mut each = |found: NodeId| visit(Item::Node(found));
    match (axis, node) {
        (Axis::SelfNode | Axis::DescendantOrSelf, None) => visit(item),
        (Axis::SelfNode, Some(node)) => each(node),
        (Axis::Child, Some(node)) => document.children(node).try_for_each(each),
        (Axis::Descendant, Some(node)) => document.descendants(node).skip(1).try_for_each(each),
        (Axis::DescendantOrSelf, Some(node)) => document.descendants(node).try_for_each(each),
        (Axis::Parent, _) => parent(document, item).map_or(Ok(()), each),
        (Axis::AncestorOrSelf, _) => {
            visit(item)?;
            ancestors(document, item).try_for_each(|n| visit(Item::Node(n)))
        }
        (Axis::Ancestor, _) => ancestors(document, item).try_for_each(each),
        (Axis::FollowingSibling, Some(node)) => {
            std::iter::successors(document.next_sibling(node), |n| document.next_sibling(*n)).try_for_each(each)
        }
        (Axis::PrecedingSibling, Some(node)) => {
            std::iter::successors(document.previous_sibling(node), |n| document.previous_sibling(*n)).try_for_each(each)
        }
        (Axis::Following, _) => following(document, item).try_for_each(each),
        (Axis::Preceding, _) => preceding(document, item).try_for_each(each),
        (Axis::Attribute, Some(node)) => document.attributes(node).map(|a| Item::Attribute(a.id)).try_for_each(visit),
        (Axis::Namespace, Some(node)) => {
            document.namespace_nodes(node).into_iter().map(Item::Namespace).try_for_each(visit)
        }
        _ => Ok(()),
    }
}

/// Whether the axis runs against document order.
pub(super) fn is_reverse(axis: Axis) -> bool {
    matches!(axis, Axis::Ancestor | Axis::AncestorOrSelf | Axis::Preceding | Axis::PrecedingSibling)
}

pub(super) fn parent(document: &Document, item: Item) -> Option<NodeId> {
    match item {
        Item::Node(node) => document.parent(node),
        Item::Attribute(attribute) => Some(document.owner(attribute)),
        Item::Namespace(namespace) => Some(namespace.element),
    }
}

fn ancestors(document: &Document, item: Item) -> impl Iterator<Item = NodeId> + '_ {
    std::iter::successors(parent(document, item), |n| document.parent(*n))
}

/// What comes after `item` and is not below it. After an attribute comes the content of its element.
fn following(document: &Document, item: Item) -> impl Iterator<Item = NodeId> + '_ {
    let root = document.root();
    let first = match item {
        Item::Node(node) => document.next_after(root, node),
        Item::Attribute(_) | Item::Namespace(_) => parent(document, item).and_then(|n| document.next_in(root, n)),
    };
    std::iter::successors(first, move |n| document.next_in(root, *n))
}

/// What comes before `item` and is not above it, nearest first.
fn preceding(document: &Document, item: Item) -> impl Iterator<Item = NodeId> + '_ {
    let from = match item {
        Item::Node(node) => Some(node),
        _ => parent(document, item),
    };
    let mut at = from;
    // The next sibling to go to, once the ancestor that has none before it is left behind.
    let mut inside: Option<NodeId> = None;
    std::iter::from_fn(move || {
        if let Some(done) = inside {
            // `done` was given; go on to what is before it inside the same sibling, or leave the sibling.
            let before = document.previous_sibling(done).map(|n| last_below(document, n));
            if let Some(before) = before {
                inside = Some(before);
                return Some(before);
            }
            let above = document.parent(done)?;
            if Some(above) != at.and_then(|n| document.parent(n)) {
                inside = Some(above);
                return Some(above);
            }
            at = Some(above);
            inside = None;
        }
        loop {
            let here = at?;
            if let Some(before) = document.previous_sibling(here) {
                let last = last_below(document, before);
                inside = Some(last);
                return Some(last);
            }
            at = document.parent(here);
        }
    })
}

fn last_below(document: &Document, node: NodeId) -> NodeId {
    let mut node = node;
    while let Some(last) = document.children(node).last() {
        node = last;
    }
    node
}

/// Name of an item, as `local-name()` and `namespace-uri()` give it.
pub(super) fn expanded_name(document: &Document, item: Item) -> (&str, &str) {
    match item {
        Item::Node(node) => match document.kind(node) {
            Kind::Element => (document.ns(node), document.local(node)),
            Kind::ProcessingInstruction => ("", document.local(node)),
            Kind::Document | Kind::Text | Kind::Comment => ("", ""),
        },
        Item::Attribute(attribute) => {
            let attribute = document.attribute_by_id(attribute);
            (attribute.ns, attribute.local)
        }
        Item::Namespace(namespace) => ("", document.namespace_node(namespace).0),
    }
}

/// What a walk looks at beyond the nodes that it gives, in steps: declarations that others hide.
pub(super) fn walk_cost(document: &Document, axis: Axis, item: Item) -> usize {
    match (axis, item) {
        (Axis::Namespace, Item::Node(node)) if document.kind(node) == Kind::Element => {
            document.scopes_of(node).map(|scope| scope.len as usize + 1).sum::<usize>() / 8
        }
        _ => 0,
    }
}

/// The namespace of the names that `test` lets through; "" where it is about none.
pub(super) fn namespace_of<'n>(test: &Test, namespaces: &'n [(String, String)]) -> Result<&'n str, Error> {
    match test {
        Test::Name { prefix: Some(prefix), .. } => namespace(prefix, namespaces),
        _ => Ok(""),
    }
}

/// Whether `item`, found on `axis`, passes `test`; `uri` is the namespace of its name ([`namespace_of`]).
pub(super) fn passes(document: &Document, axis: Axis, test: &Test, item: Item, uri: &str) -> bool {
    let kind = match item {
        Item::Node(node) => Some(document.kind(node)),
        Item::Attribute(_) | Item::Namespace(_) => None,
    };
    match test {
        Test::Node => true,
        Test::Text => kind == Some(Kind::Text),
        Test::Comment => kind == Some(Kind::Comment),
        Test::Instruction(target) => {
            kind == Some(Kind::ProcessingInstruction)
                && target.as_deref().is_none_or(|target| expanded_name(document, item).1 == target)
        }
        Test::Name { prefix, local } => {
            let principal = match axis {
                Axis::Attribute => matches!(item, Item::Attribute(_)),
                Axis::Namespace => matches!(item, Item::Namespace(_)),
                _ => kind == Some(Kind::Element),
            };
            principal && {
                let (item_uri, item_local) = expanded_name(document, item);
                let any_namespace = prefix.is_none() && local.is_none();
                local.as_deref().is_none_or(|l| l == item_local) && (any_namespace || uri == item_uri)
            }
        }
    }
}

fn namespace<'n>(prefix: &str, namespaces: &'n [(String, String)]) -> Result<&'n str, Error> {
    match namespaces.iter().find(|(known, _)| known == prefix) {
        Some((_, uri)) => Ok(uri),
        None if prefix == "xml" => Ok(ns::XML),
        None => Err(Error::Prefix { prefix: prefix.to_owned() }),
    }
}
