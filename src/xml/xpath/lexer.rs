//! Tokens of an expression (XPath 1.0 §3.7), with its rules for telling `*`, `and`, `or`, `div` and `mod` apart.

use super::Error;
use crate::xml::chars;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// `( ) [ ] . .. @ , ::` and operators by their text.
    Sign(&'static str),
    /// `and`, `or`, `div`, `mod` and the multiplying `*`.
    Operator(&'static str),
    Literal(String),
    Number(f64),
    /// `*`, `p:*`, `p:name`, `name`.
    Name {
        prefix: Option<String>,
        local: Option<String>,
    },
}

const SIGNS: [&str; 22] = [
    "//", "::", "..", "!=", "<=", ">=", "(", ")", "[", "]", ".", "@", ",", "/", "|", "+", "-", "=", "<", ">", "*", "$",
];

/// The tokens, each with the number of octets before it.
pub(super) fn tokens(text: &str) -> Result<Vec<(Token, usize)>, Error> {
    let mut tokens: Vec<(Token, usize)> = Vec::new();
    let mut at = 0;
    loop {
        at += text[at..].bytes().take_while(|b| chars::is(*b, chars::SPACE)).count();
        let rest = &text[at..];
        let Some(first) = rest.chars().next() else { return Ok(tokens) };
        let operand_before = tokens.last().is_some_and(|(token, _)| match token {
            Token::Sign(sign) => matches!(*sign, ")" | "]" | "." | ".."),
            Token::Operator(_) => false,
            Token::Literal(_) | Token::Number(_) | Token::Name { .. } => true,
        });
        let (token, length) = if matches!(first, '"' | '\'') {
            literal(rest, first, at)?
        } else if first.is_ascii_digit() || first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit()) {
            number(rest)
        } else if chars::is_name_start(first) {
            name(rest, operand_before, at)?
        } else if first == '*' {
            let wild = Token::Name { prefix: None, local: None };
            (if operand_before { Token::Operator("*") } else { wild }, 1)
        } else {
            let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) else {
                return Err(Error::Syntax { what: format!("{first:?} starts nothing that XPath knows"), at });
            };
            (Token::Sign(sign), sign.len())
        };
        tokens.push((token, at));
        at += length;
    }
}

fn literal(rest: &str, quote: char, at: usize) -> Result<(Token, usize), Error> {
    match rest[1..].find(quote) {
        Some(length) => Ok((Token::Literal(rest[1..=length].to_owned()), length + 2)),
        None => Err(Error::Syntax { what: "this string is not closed".to_owned(), at }),
    }
}

fn number(rest: &str) -> (Token, usize) {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let mut length = digits(rest);
    if rest[length..].starts_with('.') {
        length += 1 + digits(&rest[length + 1..]);
    }
    (Token::Number(rest[..length].parse().unwrap_or(f64::NAN)), length)
}

fn ncname(text: &str) -> usize {
    let mut chars_of = text.chars();
    match chars_of.next() {
        Some(c) if chars::is_name_start(c) => {
            c.len_utf8() + chars_of.take_while(|c| chars::is_name(*c)).map(char::len_utf8).sum::<usize>()
        }
        _ => 0,
    }
}

fn name(rest: &str, operand_before: bool, at: usize) -> Result<(Token, usize), Error> {
    let length = ncname(rest);
    let first = &rest[..length];
    if operand_before {
        let operator = ["and", "or", "div", "mod"].into_iter().find(|operator| *operator == first);
        return match operator {
            Some(operator) => Ok((Token::Operator(operator), length)),
            None => Err(Error::Syntax { what: format!("expected an operator, came {first:?}"), at }),
        };
    }
    if let Some(after) = rest[length..].strip_prefix(':').filter(|after| !after.starts_with(':')) {
        let prefix = Some(first.to_owned());
        if after.starts_with('*') {
            return Ok((Token::Name { prefix, local: None }, length + 2));
        }
        let local = ncname(after);
        if local == 0 {
            return Err(Error::Syntax { what: format!("expected a name after {first}:"), at });
        }
        return Ok((Token::Name { prefix, local: Some(after[..local].to_owned()) }, length + 1 + local));
    }
    Ok((Token::Name { prefix: None, local: Some(first.to_owned()) }, length))
}
