//! XPath 1.0 on our tree: for the XPath and XPath Filter 2.0 transforms of files, for elements named in configuration and
//! on the command line. No variables, no `here()`; no extension functions.
//!
//! All axes, the namespace axis included, and the whole core function library. Work is bounded: expressions by length and
//! nesting, evaluation by the nodes it visits and the octets it compares.
//!
//! ```
//! use coconnect::xml::{parse, Options, xpath::{Environment, Expression, Item}};
//! let document = parse(b"<a><b/><b/></a>".to_vec(), &Options::default())?;
//! let expression = Expression::parse("count(//b) = 2")?;
//! let value = expression.evaluate(&document, Item::Node(document.root()), &Environment::default())?;
//! assert!(value.boolean());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::HashMap;

use super::c14n::{ExplicitSet, NodeSet};
use super::tree::{AttributeId, NamespaceNode};
use super::{Document, Kind, NodeId};
use crate::base::limits;
use evaluate::Evaluator;
use syntax::{Axis, Expr};

mod axis;
mod evaluate;
mod function;
mod lexer;
mod syntax;
mod value;

/// Why an expression has no value.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum Error {
    /// It is no XPath 1.0 expression: `a[`.
    #[error("XPath, character {at}: {what}")]
    Syntax {
        /// What was expected and what came.
        what: String,
        /// Characters before it.
        at: usize,
    },
    /// A prefix has no namespace: `x:a` without `--ns x=...`.
    #[error("XPath: prefix {prefix:?} has no namespace")]
    Prefix {
        /// The prefix.
        prefix: String,
    },
    /// A function that is unknown, refused, or called with the wrong arguments: `here()`.
    #[error("XPath: {what}")]
    Function {
        /// What is wrong with the call.
        what: String,
    },
    /// A value of another type was needed: `count(1)`.
    #[error("XPath: {what} needs a node-set")]
    Type {
        /// What needed it.
        what: &'static str,
    },
    /// A ceiling was reached.
    #[error("XPath: {what} exceed the limit of {limit}")]
    Limit {
        /// What was counted, in the plural.
        what: &'static str,
        /// The ceiling.
        limit: u64,
    },
}

/// A node of the XPath data model.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Item {
    /// Document, element, text, comment, processing instruction.
    Node(NodeId),
    /// An attribute.
    Attribute(AttributeId),
    /// A namespace node.
    Namespace(NamespaceNode),
}

/// What an expression gives.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A node-set, in document order.
    Nodes(Vec<Item>),
    /// A truth value.
    Boolean(bool),
    /// A number.
    Number(f64),
    /// A string.
    String(String),
}

/// What an expression is evaluated with.
#[derive(Clone, Debug)]
pub struct Environment<'e> {
    /// Prefixes that names in the expression may have, and their namespaces.
    pub namespaces: &'e [(String, String)],
    /// Ids beside those that the DTD declares, for `id()`.
    pub ids: Option<&'e HashMap<String, NodeId>>,
    /// Nodes that may be visited.
    pub steps_max: u64,
    /// Gets what the evaluation came to, when it is wanted: several may share a budget.
    pub steps_taken: Option<&'e std::cell::Cell<u64>>,
}

impl Default for Environment<'_> {
    fn default() -> Self {
        Self { namespaces: &[], ids: None, steps_max: limits::XPATH_STEPS_MAX, steps_taken: None }
    }
}

/// A parsed expression.
#[derive(Clone, Debug)]
pub struct Expression {
    root: Expr,
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// [`Error::Syntax`], [`Error::Function`] for unknown functions, [`Error::Limit`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > limits::XPATH_BYTES_MAX {
            return Err(Error::Limit { what: "octets of the expression", limit: limits::XPATH_BYTES_MAX as u64 });
        }
        syntax::parse(text).map(|root| Self { root })
    }

    /// The value with `context` as context node, position and size 1.
    ///
    /// # Errors
    /// [`Error`].
    pub fn evaluate(&self, document: &Document, context: Item, environment: &Environment<'_>) -> Result<Value, Error> {
        Evaluator::new(document, environment).evaluate(&self.root, context)
    }

    /// The nodes that the expression selects from the document node.
    ///
    /// # Errors
    /// [`Error`]; [`Error::Type`] when the value is no node-set.
    pub fn select(&self, document: &Document, environment: &Environment<'_>) -> Result<Vec<Item>, Error> {
        self.evaluate(document, Item::Node(document.root()), environment)?.into_nodes("the expression")
    }

    /// Those nodes of `input` for which the expression is true: the XPath transform (XML Signature 1.1 §6.6.3).
    ///
    /// # Errors
    /// [`Error`].
    pub fn filter(
        &self,
        document: &Document,
        input: &NodeSet,
        environment: &Environment<'_>,
    ) -> Result<ExplicitSet, Error> {
        let mut evaluator = Evaluator::new(document, environment);
        let mut set = ExplicitSet::new();
        let mut judge = |evaluator: &mut Evaluator<'_>, item| -> Result<(), Error> {
            if evaluator.evaluate(&self.root, item)?.boolean() {
                set.insert_item(item);
            }
            Ok(())
        };
        // One node at a time: with hundreds of prefixes in scope a list of all would be hundreds of times the document.
        let (root, except, comments): (NodeId, &[NodeId], bool) = match input {
            NodeSet::Explicit(_) => (document.root(), &[], true),
            NodeSet::Subtree { root, except, comments } => (*root, except, *comments),
        };
        let has = |item| match input {
            NodeSet::Explicit(set) => set.contains_item(item),
            NodeSet::Subtree { .. } => true,
        };
        let mut next = Some(root);
        while let Some(node) = next {
            if except.contains(&node) {
                next = document.next_after(root, node);
                continue;
            }
            next = document.next_in(root, node);
            if !comments && document.kind(node) == Kind::Comment {
                continue;
            }
            if has(Item::Node(node)) {
                judge(&mut evaluator, Item::Node(node))?;
            }
            evaluator.charge(axis::walk_cost(document, Axis::Namespace, Item::Node(node)))?;
            for namespace in document.namespace_nodes(node).into_iter().map(Item::Namespace) {
                if has(namespace) {
                    judge(&mut evaluator, namespace)?;
                }
            }
            for attribute in document.attributes(node).map(|a| Item::Attribute(a.id)) {
                if has(attribute) {
                    judge(&mut evaluator, attribute)?;
                }
            }
        }
        Ok(set)
    }
}

impl ExplicitSet {
    /// Adds one item.
    pub fn insert_item(&mut self, item: Item) {
        match item {
            Item::Node(node) => self.insert(node),
            Item::Attribute(attribute) => self.insert_attribute(attribute),
            Item::Namespace(namespace) => self.insert_namespace(namespace),
        }
    }

    /// Whether the item is in.
    #[must_use]
    pub fn contains_item(&self, item: Item) -> bool {
        match item {
            Item::Node(node) => self.contains(node),
            Item::Attribute(attribute) => self.contains_attribute(attribute),
            Item::Namespace(namespace) => self.contains_namespace(namespace),
        }
    }
}

impl FromIterator<Item> for ExplicitSet {
    fn from_iter<T: IntoIterator<Item = Item>>(items: T) -> Self {
        let mut set = Self::new();
        items.into_iter().for_each(|item| set.insert_item(item));
        set
    }
}

#[cfg(test)]
mod tests;
