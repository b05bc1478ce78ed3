//! Evaluation (XPath 1.0 §2.1, §3).

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::axis::{is_reverse, namespace_of, passes, walk, walk_cost};
use super::syntax::{Expr, Operator, Start, Step};
use super::value::{number_to_string, string_to_number};
use super::{Environment, Error, Item, Value};
use crate::xml::{Document, Kind, NodeId};

/// The context of XPath 1.0 §1 that changes within an expression.
#[derive(Clone, Copy)]
pub(super) struct Context {
    pub item: Item,
    pub position: usize,
    pub size: usize,
}

pub(super) struct Evaluator<'e> {
    pub document: &'e Document,
    pub environment: &'e Environment<'e>,
    steps: u64,
    /// Numbers of nodes in document order, where node numbers no longer are.
    order: Option<Vec<u32>>,
    ids: Option<HashMap<String, NodeId>>,
}

impl Drop for Evaluator<'_> {
    fn drop(&mut self) {
        if let Some(taken) = self.environment.steps_taken {
            taken.set(self.steps);
        }
    }
}

impl<'e> Evaluator<'e> {
    pub fn new(document: &'e Document, environment: &'e Environment<'e>) -> Self {
        Self { document, environment, steps: 0, order: None, ids: None }
    }

    pub fn evaluate(&mut self, expr: &Expr, item: Item) -> Result<Value, Error> {
        self.value(expr, Context { item, position: 1, size: 1 })
    }

    /// Counts work before it is done.
    pub fn charge(&mut self, steps: usize) -> Result<(), Error> {
        self.steps = self.steps.saturating_add(steps as u64);
        if self.steps > self.environment.steps_max {
            return Err(Error::Limit { what: "steps of the evaluation", limit: self.environment.steps_max });
        }
        Ok(())
    }

    pub fn value(&mut self, expr: &Expr, context: Context) -> Result<Value, Error> {
        self.charge(1)?;
        match expr {
            Expr::Literal(text) => {
                self.charge(text.len() / 16)?;
                Ok(Value::String(text.clone()))
            }
            Expr::Number(number) => Ok(Value::Number(*number)),
            Expr::Or(terms) => self.first_that_is(true, terms, context),
            Expr::And(terms) => self.first_that_is(false, terms, context),
            Expr::Chain(first, rest) => {
                let mut left = self.value(first, context)?;
                for (operator, right) in rest {
                    let right = self.value(right, context)?;
                    left = self.apply(*operator, &left, &right)?;
                }
                Ok(left)
            }
            Expr::Negative(inner) => {
                let value = self.value(inner, context)?;
                Ok(Value::Number(-self.number(&value)?))
            }
            Expr::Union(terms) => {
                let mut nodes = Vec::new();
                for term in terms {
                    nodes.extend(self.value(term, context)?.into_nodes("the operator |")?);
                }
                self.sort(&mut nodes);
                Ok(Value::Nodes(nodes))
            }
            Expr::Filtered(inner, predicates) => {
                let mut nodes = self.value(inner, context)?.into_nodes("a predicate")?;
                for predicate in predicates {
                    nodes = self.keep(nodes, predicate)?;
                }
                Ok(Value::Nodes(nodes))
            }
            Expr::Path(start, steps) => {
                let mut nodes = match start {
                    Start::Root => vec![Item::Node(self.document.root())],
                    Start::Context => vec![context.item],
                    Start::Expr(inner) => self.value(inner, context)?.into_nodes("a path")?,
                };
                for step in steps {
                    nodes = self.step(&nodes, step)?;
                }
                Ok(Value::Nodes(nodes))
            }
            Expr::Call(function, arguments) => self.call(*function, arguments, context),
        }
    }

    fn first_that_is(&mut self, wanted: bool, terms: &[Expr], context: Context) -> Result<Value, Error> {
        for term in terms {
            if self.value(term, context)?.boolean() == wanted {
                return Ok(Value::Boolean(wanted));
            }
        }
        Ok(Value::Boolean(!wanted))
    }

    fn step(&mut self, from: &[Item], step: &Step) -> Result<Vec<Item>, Error> {
        let document = self.document;
        // Once a step, not once a candidate: hundreds of prefixes may be in scope.
        let uri = namespace_of(&step.test, self.environment.namespaces)?;
        let mut all = Vec::new();
        for item in from {
            self.charge(walk_cost(document, step.axis, *item))?;
            let mut found = Vec::new();
            let mut visited = 0_u64;
            let left = self.environment.steps_max.saturating_sub(self.steps);
            walk(document, step.axis, *item, &mut |candidate| {
                visited += 1;
                if visited > left {
                    return Err(Error::Limit { what: "steps of the evaluation", limit: self.environment.steps_max });
                }
                if passes(document, step.axis, &step.test, candidate, uri) {
                    found.push(candidate);
                }
                Ok(())
            })?;
            self.steps += visited;
            for predicate in &step.predicates {
                found = self.keep(found, predicate)?;
            }
            all.append(&mut found);
        }
        if from.len() > 1 || is_reverse(step.axis) {
            self.sort(&mut all);
        }
        Ok(all)
    }

    /// The nodes for which the predicate holds; a number is a position (XPath 1.0 §2.4).
    fn keep(&mut self, nodes: Vec<Item>, predicate: &Expr) -> Result<Vec<Item>, Error> {
        let size = nodes.len();
        let mut kept = Vec::new();
        for (at, item) in nodes.into_iter().enumerate() {
            let position = at + 1;
            let holds = match self.value(predicate, Context { item, position, size })? {
                Value::Number(number) => number == position as f64,
                other => other.boolean(),
            };
            if holds {
                kept.push(item);
            }
        }
        Ok(kept)
    }

    /// Document order, each node once.
    pub fn sort(&mut self, nodes: &mut Vec<Item>) {
        if nodes.len() < 2 {
            return;
        }
        if self.order.is_none() {
            let mut order = vec![u32::MAX; self.document.node_count()];
            for (at, node) in self.document.descendants(self.document.root()).enumerate() {
                order[node.0 as usize] = at as u32;
            }
            self.order = Some(order);
        }
        let order = self.order.as_deref().unwrap_or(&[]);
        let place = |node: NodeId| order.get(node.0 as usize).copied().unwrap_or(u32::MAX);
        let document = self.document;
        // Namespace nodes come before attributes, both after their element and before its children (XPath 1.0 §5).
        let key = |item: &Item| match *item {
            Item::Node(node) => (place(node), 0, 0),
            Item::Namespace(namespace) => (place(namespace.element), 1, u32::from(namespace.prefix)),
            Item::Attribute(attribute) => (place(document.owner(attribute)), 2, attribute.0),
        };
        if !nodes.is_sorted_by_key(key) {
            nodes.sort_by_cached_key(key);
        }
        nodes.dedup();
    }

    /// The string-value of a node (XPath 1.0 §5). What is looked at for it is charged, texts or not.
    pub fn text_of(&mut self, item: Item) -> Result<Cow<'e, str>, Error> {
        let document = self.document;
        if let Item::Node(node) = item
            && matches!(document.kind(node), Kind::Document | Kind::Element)
        {
            for _ in document.descendants(node) {
                self.charge(1)?;
            }
        }
        let text = match item {
            Item::Node(node) => document.text_content(node),
            Item::Attribute(attribute) => Cow::Borrowed(document.attribute_by_id(attribute).value),
            Item::Namespace(namespace) => Cow::Borrowed(document.namespace_node(namespace).1),
        };
        self.charge(text.len() / 16 + 1)?;
        Ok(text)
    }

    pub fn string(&mut self, value: &Value) -> Result<String, Error> {
        Ok(match value {
            Value::Nodes(nodes) => match nodes.first() {
                Some(first) => self.text_of(*first)?.into_owned(),
                None => String::new(),
            },
            Value::Boolean(value) => value.to_string(),
            Value::Number(number) => number_to_string(*number),
            Value::String(text) => {
                self.charge(text.len() / 16)?;
                text.clone()
            }
        })
    }

    pub fn number(&mut self, value: &Value) -> Result<f64, Error> {
        Ok(match value {
            Value::Boolean(value) => f64::from(u8::from(*value)),
            Value::Number(number) => *number,
            Value::Nodes(_) | Value::String(_) => string_to_number(&self.string(value)?),
        })
    }

    fn apply(&mut self, operator: Operator, left: &Value, right: &Value) -> Result<Value, Error> {
        let arithmetic = |a: f64, b: f64| match operator {
            Operator::Plus => a + b,
            Operator::Minus => a - b,
            Operator::Times => a * b,
            Operator::Div => a / b,
            // The remainder has the sign of the dividend, as in Rust.
            _ => a % b,
        };
        match operator {
            Operator::Plus | Operator::Minus | Operator::Times | Operator::Div | Operator::Mod => {
                let (a, b) = (self.number(left)?, self.number(right)?);
                Ok(Value::Number(arithmetic(a, b)))
            }
            _ => self.compare(operator, left, right).map(Value::Boolean),
        }
    }

    /// Comparisons (XPath 1.0 §3.4): with a node-set, whether some node fulfils it.
    fn compare(&mut self, operator: Operator, left: &Value, right: &Value) -> Result<bool, Error> {
        match (left, right) {
            (Value::Nodes(a), Value::Nodes(b)) => self.compare_sets(operator, a, b),
            (Value::Nodes(_), Value::Boolean(_)) | (Value::Boolean(_), Value::Nodes(_)) => {
                let (left, right) = (Value::Boolean(left.boolean()), Value::Boolean(right.boolean()));
                self.compare_simple(operator, &left, &right)
            }
            (Value::Nodes(nodes), other) => {
                for node in nodes {
                    let text = Value::String(self.text_of(*node)?.into_owned());
                    if self.compare_simple(operator, &text, other)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            (other, Value::Nodes(nodes)) => {
                for node in nodes {
                    let text = Value::String(self.text_of(*node)?.into_owned());
                    if self.compare_simple(operator, other, &text)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            _ => self.compare_simple(operator, left, right),
        }
    }

    /// Linear in both sets: equality by hash, order by the extremes.
    fn compare_sets(&mut self, operator: Operator, a: &[Item], b: &[Item]) -> Result<bool, Error> {
        let mut texts = |items: &[Item]| items.iter().map(|i| self.text_of(*i)).collect::<Result<Vec<_>, _>>();
        let (a, b) = (texts(a)?, texts(b)?);
        let numbers = |texts: &[Cow<'_, str>]| {
            let numbers = texts.iter().map(|t| string_to_number(t)).filter(|n| !n.is_nan());
            numbers.fold(None, |range: Option<(f64, f64)>, n| {
                Some(range.map_or((n, n), |(low, high)| (low.min(n), high.max(n))))
            })
        };
        Ok(match operator {
            Operator::Equal => {
                let known: HashSet<&str> = b.iter().map(AsRef::as_ref).collect();
                a.iter().any(|text| known.contains(text.as_ref()))
            }
            Operator::Unequal => {
                // Unless all texts on both sides are one and the same.
                let mut all = a.iter().chain(&b);
                let first = all.next();
                !a.is_empty() && !b.is_empty() && all.any(|text| Some(text) != first)
            }
            _ => match (numbers(&a), numbers(&b)) {
                (Some((a_low, a_high)), Some((b_low, b_high))) => match operator {
                    Operator::Less => a_low < b_high,
                    Operator::LessOrEqual => a_low <= b_high,
                    Operator::Greater => a_high > b_low,
                    _ => a_high >= b_low,
                },
                _ => false,
            },
        })
    }

    fn compare_simple(&mut self, operator: Operator, left: &Value, right: &Value) -> Result<bool, Error> {
        let equality = matches!(operator, Operator::Equal | Operator::Unequal);
        let equal = match (left, right) {
            _ if !equality => {
                let (a, b) = (self.number(left)?, self.number(right)?);
                return Ok(match operator {
                    Operator::Less => a < b,
                    Operator::LessOrEqual => a <= b,
                    Operator::Greater => a > b,
                    _ => a >= b,
                });
            }
            (Value::Boolean(_), _) | (_, Value::Boolean(_)) => left.boolean() == right.boolean(),
            (Value::Number(_), _) | (_, Value::Number(_)) => self.number(left)? == self.number(right)?,
            _ => self.string(left)? == self.string(right)?,
        };
        Ok(equal == (operator == Operator::Equal))
    }

    /// The element with the id `id`: one that the DTD declares, or one of those given.
    pub fn element_by_id(&mut self, id: &str) -> Result<Option<NodeId>, Error> {
        if self.ids.is_none() {
            self.charge(self.document.node_count())?;
            let mut ids = self.environment.ids.cloned().unwrap_or_default();
            let document = self.document;
            for node in document.descendants(document.root()) {
                for attribute in document.attributes(node).filter(|a| a.is_dtd_id) {
                    ids.entry(attribute.value.to_owned()).or_insert(node);
                }
            }
            self.ids = Some(ids);
        }
        Ok(self.ids.as_ref().and_then(|ids| ids.get(id)).copied())
    }
}
