//! The grammar (XPath 1.0 §2 and §3). Chains of operators are lists, so nesting alone costs stack, and that is bounded.

use super::Error;
use super::function::Function;
use super::lexer::{Token, tokens};
use crate::base::limits;

#[derive(Clone, Debug)]
pub(super) enum Expr {
    Or(Vec<Expr>),
    And(Vec<Expr>),
    /// Operators of one level of precedence, from left to right.
    Chain(Box<Expr>, Vec<(Operator, Expr)>),
    Negative(Box<Expr>),
    Union(Vec<Expr>),
    Path(Start, Vec<Step>),
    Filtered(Box<Expr>, Vec<Expr>),
    Literal(String),
    Number(f64),
    Call(Function, Vec<Expr>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Plus,
    Minus,
    Times,
    Div,
    Mod,
}

#[derive(Clone, Debug)]
pub(super) enum Start {
    Root,
    Context,
    Expr(Box<Expr>),
}

#[derive(Clone, Debug)]
pub(super) struct Step {
    pub axis: Axis,
    pub test: Test,
    pub predicates: Vec<Expr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Axis {
    Ancestor,
    AncestorOrSelf,
    Attribute,
    Child,
    Descendant,
    DescendantOrSelf,
    Following,
    FollowingSibling,
    Namespace,
    Parent,
    Preceding,
    PrecedingSibling,
    SelfNode,
}

#[derive(Clone, Debug)]
pub(super) enum Test {
    Node,
    Text,
    Comment,
    Instruction(Option<String>),
    /// A name; no local part is `*`.
    Name {
        prefix: Option<String>,
        local: Option<String>,
    },
}

pub(super) fn parse(text: &str) -> Result<Expr, Error> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, end: text.len(), depth: 0 };
    let expr = parser.expr()?;
    if parser.at < parser.tokens.len() {
        return Err(parser.expected("the end of the expression"));
    }
    Ok(expr)
}

struct Parser {
    tokens: Vec<(Token, usize)>,
    at: usize,
    end: usize,
    depth: usize,
}

impl Parser {
    fn expected(&self, what: &str) -> Error {
        let (came, at) = match self.tokens.get(self.at) {
            Some((token, at)) => (format!("{token:?}"), *at),
            None => ("the end".to_owned(), self.end),
        };
        Error::Syntax { what: format!("expected {what}, came {came}"), at }
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(token, _)| token)
    }

    fn is_sign(&self, ahead: usize, sign: &str) -> bool {
        matches!(self.tokens.get(self.at + ahead), Some((Token::Sign(s), _)) if *s == sign)
    }

    fn take(&mut self, sign: &str) -> bool {
        let found = self.is_sign(0, sign);
        self.at += usize::from(found);
        found
    }

    fn require(&mut self, sign: &str) -> Result<(), Error> {
        if self.take(sign) { Ok(()) } else { Err(self.expected(sign)) }
    }

    fn take_operator(&mut self, operator: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Operator(o)) if *o == operator);
        self.at += usize::from(found);
        found
    }

    fn expr(&mut self) -> Result<Expr, Error> {
        self.depth += 1;
        if self.depth > limits::XPATH_DEPTH_MAX {
            return Err(Error::Limit { what: "levels of the expression", limit: limits::XPATH_DEPTH_MAX as u64 });
        }
        let mut terms = vec![self.and()?];
        while self.take_operator("or") {
            terms.push(self.and()?);
        }
        self.depth -= 1;
        Ok(one_or(terms, Expr::Or))
    }

    fn and(&mut self) -> Result<Expr, Error> {
        let mut terms = vec![self.equality()?];
        while self.take_operator("and") {
            terms.push(self.equality()?);
        }
        Ok(one_or(terms, Expr::And))
    }

    fn equality(&mut self) -> Result<Expr, Error> {
        self.chain(&[("=", Operator::Equal), ("!=", Operator::Unequal)], &[], Self::relational)
    }

    fn relational(&mut self) -> Result<Expr, Error> {
        let signs = [
            ("<=", Operator::LessOrEqual),
            (">=", Operator::GreaterOrEqual),
            ("<", Operator::Less),
            (">", Operator::Greater),
        ];
        self.chain(&signs, &[], Self::additive)
    }

    fn additive(&mut self) -> Result<Expr, Error> {
        self.chain(&[("+", Operator::Plus), ("-", Operator::Minus)], &[], Self::multiplicative)
    }

    fn multiplicative(&mut self) -> Result<Expr, Error> {
        let words = [("*", Operator::Times), ("div", Operator::Div), ("mod", Operator::Mod)];
        self.chain(&[], &words, Self::unary)
    }

    fn chain(
        &mut self,
        signs: &[(&str, Operator)],
        words: &[(&str, Operator)],
        next: fn(&mut Self) -> Result<Expr, Error>,
    ) -> Result<Expr, Error> {
        let first = next(self)?;
        let mut rest = Vec::new();
        loop {
            let sign = signs.iter().find(|(sign, _)| self.take(sign));
            let found = sign.or_else(|| words.iter().find(|(word, _)| self.take_operator(word)));
            match found {
                Some((_, operator)) => rest.push((*operator, next(self)?)),
                None if rest.is_empty() => return Ok(first),
                None => return Ok(Expr::Chain(Box::new(first), rest)),
            }
        }
    }

    fn unary(&mut self) -> Result<Expr, Error> {
        let mut minuses = 0_usize;
        while self.take("-") {
            minuses += 1;
        }
        let expr = self.union()?;
        Ok(match minuses {
            0 => expr,
            n if n % 2 == 1 => Expr::Negative(Box::new(expr)),
            // Even so it is a number.
            _ => Expr::Negative(Box::new(Expr::Negative(Box::new(expr)))),
        })
    }

    fn union(&mut self) -> Result<Expr, Error> {
        let mut terms = vec![self.path()?];
        while self.take("|") {
            terms.push(self.path()?);
        }
        Ok(one_or(terms, Expr::Union))
    }

    fn path(&mut self) -> Result<Expr, Error> {
        if self.take("//") {
            let mut steps = vec![any_descendant()];
            self.steps(&mut steps)?;
            return Ok(Expr::Path(Start::Root, steps));
        }
        if self.take("/") {
            let mut steps = Vec::new();
            if self.starts_step() {
                self.steps(&mut steps)?;
            }
            return Ok(Expr::Path(Start::Root, steps));
        }
        if !self.starts_primary() {
            let mut steps = Vec::new();
            self.steps(&mut steps)?;
            return Ok(Expr::Path(Start::Context, steps));
        }
        let primary = self.primary()?;
        let predicates = self.predicates()?;
        let filtered = if predicates.is_empty() { primary } else { Expr::Filtered(Box::new(primary), predicates) };
        let mut steps = Vec::new();
        if self.take("//") {
            steps.push(any_descendant());
        } else if !self.take("/") {
            return Ok(filtered);
        }
        self.steps(&mut steps)?;
        Ok(Expr::Path(Start::Expr(Box::new(filtered)), steps))
    }

    fn starts_step(&self) -> bool {
        matches!(self.peek(), Some(Token::Name { .. } | Token::Sign("." | ".." | "@")))
    }

    fn starts_primary(&self) -> bool {
        match self.peek() {
            Some(Token::Literal(_) | Token::Number(_) | Token::Sign("(" | "$")) => true,
            Some(Token::Name { prefix, local: Some(local) }) => {
                let node_type = prefix.is_none()
                    && matches!(local.as_str(), "node" | "text" | "comment" | "processing-instruction");
                self.is_sign(1, "(") && !node_type
            }
            _ => false,
        }
    }

    fn primary(&mut self) -> Result<Expr, Error> {
        let token = self.peek().cloned();
        self.at += 1;
        match token {
            Some(Token::Literal(text)) => Ok(Expr::Literal(text)),
            Some(Token::Number(number)) => Ok(Expr::Number(number)),
            Some(Token::Sign("(")) => {
                let inner = self.expr()?;
                self.require(")")?;
                Ok(inner)
            }
            Some(Token::Name { prefix: None, local: Some(name) }) => self.call(&name),
            Some(Token::Name { prefix: Some(prefix), local }) => {
                let what = format!("function {prefix}:{} is not known", local.unwrap_or_default());
                Err(Error::Function { what })
            }
            _ => {
                self.at -= 1;
                Err(Error::Syntax { what: "variables are not supported".to_owned(), at: self.tokens[self.at].1 })
            }
        }
    }

    fn call(&mut self, name: &str) -> Result<Expr, Error> {
        self.require("(")?;
        let mut arguments = Vec::new();
        if !self.take(")") {
            loop {
                arguments.push(self.expr()?);
                if self.take(")") {
                    break;
                }
                self.require(",")?;
            }
        }
        Ok(Expr::Call(Function::find(name, arguments.len())?, arguments))
    }

    fn predicates(&mut self) -> Result<Vec<Expr>, Error> {
        let mut predicates = Vec::new();
        while self.take("[") {
            predicates.push(self.expr()?);
            self.require("]")?;
        }
        Ok(predicates)
    }

    fn steps(&mut self, steps: &mut Vec<Step>) -> Result<(), Error> {
        loop {
            let step = self.step()?;
            steps.push(step);
            if self.take("//") {
                steps.push(any_descendant());
            } else if !self.take("/") {
                return Ok(());
            }
        }
    }

    fn step(&mut self) -> Result<Step, Error> {
        if self.take(".") {
            return Ok(Step { axis: Axis::SelfNode, test: Test::Node, predicates: Vec::new() });
        }
        if self.take("..") {
            return Ok(Step { axis: Axis::Parent, test: Test::Node, predicates: Vec::new() });
        }
        let axis = self.axis()?;
        let test = self.test()?;
        Ok(Step { axis, test, predicates: self.predicates()? })
    }

    fn axis(&mut self) -> Result<Axis, Error> {
        if self.take("@") {
            return Ok(Axis::Attribute);
        }
        if !self.is_sign(1, "::") {
            return Ok(Axis::Child);
        }
        let Some(Token::Name { prefix: None, local: Some(name) }) = self.peek() else {
            return Err(self.expected("an axis"));
        };
        let axis = match name.as_str() {
            "ancestor" => Axis::Ancestor,
            "ancestor-or-self" => Axis::AncestorOrSelf,
            "attribute" => Axis::Attribute,
            "child" => Axis::Child,
            "descendant" => Axis::Descendant,
            "descendant-or-self" => Axis::DescendantOrSelf,
            "following" => Axis::Following,
            "following-sibling" => Axis::FollowingSibling,
            "namespace" => Axis::Namespace,
            "parent" => Axis::Parent,
            "preceding" => Axis::Preceding,
            "preceding-sibling" => Axis::PrecedingSibling,
            "self" => Axis::SelfNode,
            _ => return Err(self.expected("an axis")),
        };
        self.at += 2;
        Ok(axis)
    }

    fn test(&mut self) -> Result<Test, Error> {
        let Some(Token::Name { prefix, local }) = self.peek().cloned() else {
            return Err(self.expected("a node test"));
        };
        self.at += 1;
        if !self.take("(") {
            return Ok(Test::Name { prefix, local });
        }
        let test = match (prefix.as_deref(), local.as_deref()) {
            (None, Some("node")) => Test::Node,
            (None, Some("text")) => Test::Text,
            (None, Some("comment")) => Test::Comment,
            (None, Some("processing-instruction")) => {
                let target = match self.peek() {
                    Some(Token::Literal(target)) => Some(target.clone()),
                    _ => None,
                };
                self.at += usize::from(target.is_some());
                Test::Instruction(target)
            }
            _ => {
                self.at -= 1;
                return Err(self.expected("a node test"));
            }
        };
        self.require(")")?;
        Ok(test)
    }
}

fn any_descendant() -> Step {
    Step { axis: Axis::DescendantOrSelf, test: Test::Node, predicates: Vec::new() }
}

fn one_or(mut terms: Vec<Expr>, many: fn(Vec<Expr>) -> Expr) -> Expr {
    match terms.pop() {
        Some(only) if terms.is_empty() => only,
        Some(last) => {
            terms.push(last);
            many(terms)
        }
        None => many(terms),
    }
}
