//! The core function library (XPath 1.0 §4).

use super::axis::expanded_name;
use super::evaluate::{Context, Evaluator};
use super::syntax::Expr;
use super::{Error, Item, Value};
use crate::xml::{Kind, NodeId, chars, ns};

macro_rules! functions {
    ($($variant:ident $name:literal $from:literal $to:expr;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Function { $($variant),* }

        impl Function {
            /// The function of that name, if it takes that many arguments.
            pub fn find(name: &str, arguments: usize) -> Result<Self, Error> {
                let (function, least, most): (Self, usize, usize) = match name {
                    $($name => (Self::$variant, $from, $to),)*
                    "here" => return Err(Error::Function { what: "here() is not supported".to_owned() }),
                    _ => return Err(Error::Function { what: format!("function {name} is not known") }),
                };
                if (least..=most).contains(&arguments) {
                    return Ok(function);
                }
                Err(Error::Function { what: format!("{name} cannot be called with {arguments} arguments") })
            }
        }
    };
}

functions! {
    Last "last" 0 0;
    Position "position" 0 0;
    Count "count" 1 1;
    Id "id" 1 1;
    LocalName "local-name" 0 1;
    NamespaceUri "namespace-uri" 0 1;
    Name "name" 0 1;
    String "string" 0 1;
    Concat "concat" 2 usize::MAX;
    StartsWith "starts-with" 2 2;
    Contains "contains" 2 2;
    SubstringBefore "substring-before" 2 2;
    SubstringAfter "substring-after" 2 2;
    Substring "substring" 2 3;
    StringLength "string-length" 0 1;
    NormalizeSpace "normalize-space" 0 1;
    Translate "translate" 3 3;
    Boolean "boolean" 1 1;
    Not "not" 1 1;
    True "true" 0 0;
    False "false" 0 0;
    Lang "lang" 1 1;
    Number "number" 0 1;
    Sum "sum" 1 1;
    Floor "floor" 1 1;
    Ceiling "ceiling" 1 1;
    Round "round" 1 1;
}

impl Evaluator<'_> {
    pub fn call(&mut self, function: Function, arguments: &[Expr], context: Context) -> Result<Value, Error> {
        match function {
            Function::Last => Ok(Value::Number(context.size as f64)),
            Function::Position => Ok(Value::Number(context.position as f64)),
            Function::True => Ok(Value::Boolean(true)),
            Function::False => Ok(Value::Boolean(false)),
            Function::Count => {
                let nodes = self.argument(arguments, 0, context)?.into_nodes("count()")?;
                Ok(Value::Number(nodes.len() as f64))
            }
            Function::Id => self.id(arguments, context),
            Function::LocalName | Function::NamespaceUri | Function::Name => {
                self.name(function, arguments, context).map(Value::String)
            }
            Function::Sum => {
                let nodes = self.argument(arguments, 0, context)?.into_nodes("sum()")?;
                let mut sum = 0.0;
                for node in nodes {
                    sum += super::value::string_to_number(&self.text_of(node)?);
                }
                Ok(Value::Number(sum))
            }
            Function::Boolean => Ok(Value::Boolean(self.argument(arguments, 0, context)?.boolean())),
            Function::Not => Ok(Value::Boolean(!self.argument(arguments, 0, context)?.boolean())),
            Function::Lang => self.lang(arguments, context),
            Function::Number | Function::Floor | Function::Ceiling | Function::Round => {
                let value = self.argument_or_context(arguments, context)?;
                let number = self.number(&value)?;
                Ok(Value::Number(match function {
                    Function::Floor => number.floor(),
                    Function::Ceiling => number.ceil(),
                    // Halves go towards positive infinity.
                    Function::Round if number.fract() != 0.0 => (number + 0.5).floor(),
                    _ => number,
                }))
            }
            _ => self.string_function(function, arguments, context),
        }
    }

    fn argument(&mut self, arguments: &[Expr], at: usize, context: Context) -> Result<Value, Error> {
        match arguments.get(at) {
            Some(argument) => self.value(argument, context),
            None => Err(Error::Function { what: "an argument is missing".to_owned() }),
        }
    }

    fn argument_or_context(&mut self, arguments: &[Expr], context: Context) -> Result<Value, Error> {
        if arguments.is_empty() {
            return Ok(Value::Nodes(vec![context.item]));
        }
        self.argument(arguments, 0, context)
    }

    fn id(&mut self, arguments: &[Expr], context: Context) -> Result<Value, Error> {
        let value = self.argument(arguments, 0, context)?;
        let mut texts = Vec::new();
        match &value {
            Value::Nodes(nodes) => {
                for node in nodes {
                    texts.push(self.text_of(*node)?.into_owned());
                }
            }
            other => texts.push(self.string(other)?),
        }
        let mut nodes = Vec::new();
        for id in texts.iter().flat_map(|text| text.split([' ', '\t', '\r', '\n'])).filter(|id| !id.is_empty()) {
            self.charge(1)?;
            nodes.extend(self.element_by_id(id)?.map(Item::Node));
        }
        self.sort(&mut nodes);
        Ok(Value::Nodes(nodes))
    }

    fn name(&mut self, function: Function, arguments: &[Expr], context: Context) -> Result<String, Error> {
        let nodes = self.argument_or_context(arguments, context)?.into_nodes("a function about names")?;
        let Some(item) = nodes.first() else { return Ok(String::new()) };
        let (uri, local) = expanded_name(self.document, *item);
        let prefix = match *item {
            Item::Node(node) => self.document.prefix(node),
            Item::Attribute(attribute) => self.document.attribute_by_id(attribute).prefix,
            Item::Namespace(_) => "",
        };
        Ok(match function {
            Function::NamespaceUri => uri.to_owned(),
            Function::Name if !prefix.is_empty() => format!("{prefix}:{local}"),
            _ => local.to_owned(),
        })
    }

    /// Whether the language of the context node is the one asked for, or a sublanguage of it.
    fn lang(&mut self, arguments: &[Expr], context: Context) -> Result<Value, Error> {
        let wanted = self.argument(arguments, 0, context)?;
        let wanted = self.string(&wanted)?.to_ascii_lowercase();
        let document = self.document;
        let start = match context.item {
            Item::Node(node) => Some(node),
            other => super::axis::parent(document, other),
        };
        let elements = std::iter::successors(start, |n: &NodeId| document.parent(*n));
        self.charge(elements.clone().map(|n| document.attributes(n).count() + 1).sum())?;
        let found = elements
            .filter(|n| document.kind(*n) == Kind::Element)
            .find_map(|n| document.attribute(n, ns::XML, "lang"))
            .map(str::to_ascii_lowercase);
        Ok(Value::Boolean(found.is_some_and(|lang| {
            lang.strip_prefix(wanted.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        })))
    }

    fn string_function(&mut self, function: Function, arguments: &[Expr], context: Context) -> Result<Value, Error> {
        let mut texts = Vec::with_capacity(arguments.len());
        if arguments.is_empty() {
            texts.push(self.text_of(context.item)?.into_owned());
        }
        for (at, argument) in arguments.iter().enumerate() {
            if function == Function::Substring && at > 0 {
                break;
            }
            let value = self.value(argument, context)?;
            texts.push(self.string(&value)?);
        }
        self.charge(texts.iter().map(String::len).sum::<usize>() / 16 + 1)?;
        let text = |at: usize| texts.get(at).map_or("", String::as_str);
        let (first, second) = (text(0), text(1));
        Ok(match function {
            Function::String => Value::String(first.to_owned()),
            Function::Concat => Value::String(texts.concat()),
            Function::StartsWith => Value::Boolean(first.starts_with(second)),
            Function::Contains => Value::Boolean(first.contains(second)),
            Function::SubstringBefore => Value::String(first.find(second).map_or("", |at| &first[..at]).to_owned()),
            Function::SubstringAfter => {
                Value::String(first.find(second).map_or("", |at| &first[at + second.len()..]).to_owned())
            }
            Function::StringLength => Value::Number(first.chars().count() as f64),
            Function::NormalizeSpace => Value::String(normalize_space(first)),
            Function::Translate => Value::String(translate(first, second, text(2))),
            _ => {
                let start = self.argument(arguments, 1, context)?;
                let start = self.number(&start)?;
                let length = match arguments.get(2) {
                    Some(length) => {
                        let length = self.value(length, context)?;
                        Some(self.number(&length)?)
                    }
                    None => None,
                };
                Value::String(substring(first, start, length))
            }
        })
    }
}

fn normalize_space(text: &str) -> String {
    let space = |c: char| u8::try_from(c).is_ok_and(|b| chars::is(b, chars::SPACE));
    text.split(space).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

fn translate(text: &str, from: &str, to: &str) -> String {
    let mut map = std::collections::HashMap::new();
    let mut to = to.chars();
    for c in from.chars() {
        let by = to.next();
        map.entry(c).or_insert(by);
    }
    text.chars().filter_map(|c| map.get(&c).copied().unwrap_or(Some(c))).collect()
}

/// Characters whose position p fulfils p >= round(start) and p < round(start) + round(length).
fn substring(text: &str, start: f64, length: Option<f64>) -> String {
    let round = |number: f64| (number + 0.5).floor();
    let start = round(start);
    let end = length.map_or(f64::INFINITY, |length| start + round(length));
    let inside = |at: usize| {
        let position = at as f64 + 1.0;
        position >= start && position < end
    };
    text.chars().enumerate().filter(|(at, _)| inside(*at)).map(|(_, c)| c).collect()
}
