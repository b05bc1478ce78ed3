//! XML to a tree of values, and back.
//!
//! An element is an object with a member for each name within it, an array where the name stands more than once; an
//! attribute is the member `@name`; the text of an element that has attributes is the member `#text`, and an element of
//! text alone is its text, without white space at its ends. Names are those of the mapping file: its prefixes stand for
//! namespaces, whatever a document calls them; a name of another namespace is `{namespace}name`, so that it is told and
//! never mistaken. Comments, processing instructions, `xsi:` hints and the order of elements of different names are no
//! data. Text beside elements is refused.

use std::borrow::Cow;
use std::collections::HashMap;

use super::file::{Level, RawXml};
use super::format::{Charset, source};
use super::path::{Step, TEXT};
use super::{Error, Mapping};
use crate::base::limits;
use crate::contract::json::{DEPTH_MAX, Kind, Member, Place, Value};
use crate::xml::name::is_ncname;
use crate::xml::{self, Document, Kind as NodeKind, NodeId, TextPos, Writer, chars, ns};

/// Whether the names of a mapping file are names of XML whose prefixes it declares.
pub(super) fn check(raw: Option<&RawXml>, level: &Level, charset: Charset) -> Result<(), String> {
    let none = RawXml::default();
    let raw = raw.unwrap_or(&none);
    for (prefix, uri) in &raw.namespaces {
        let reserved = matches!(prefix.as_str(), "xml" | "xmlns") || matches!(uri.as_str(), ns::XML | ns::XMLNS | "");
        if reserved || !(prefix.is_empty() || is_ncname(prefix)) || uri.len() > limits::NAMESPACE_BYTES_MAX {
            return Err(format!("xml.namespaces: expected a prefix and a namespace, came {prefix:?} and {uri:?}"));
        }
    }
    let mut uris: Vec<&String> = raw.namespaces.values().collect();
    uris.sort();
    if let Some(twice) = uris.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("xml.namespaces: two prefixes stand for {:?}", twice[0]));
    }
    let name = |name: &str| {
        let (prefix, local) = name.split_once(':').unwrap_or(("", name));
        let declared = prefix.is_empty() || raw.namespaces.contains_key(prefix);
        let text = if declared { local } else { "" };
        if is_ncname(text) && charset.has(name) {
            Ok(())
        } else {
            Err(format!(
                "{name:?}: expected a name of XML, its prefix in xml.namespaces, its letters in {}",
                charset.name
            ))
        }
    };
    for (parent, children) in &raw.order {
        name(parent)?;
        children.iter().try_for_each(|child| name(child))?;
        let twice = children.iter().enumerate().find(|(at, child)| children.iter().take(*at).any(|c| c == *child));
        if let Some((_, child)) = twice {
            return Err(format!("xml.order: {child:?} stands twice in {parent:?}"));
        }
    }
    let mut wrong = None;
    let steps = |steps: &[Step]| {
        let names = steps.iter().flat_map(|step| match step {
            Step::Name(name) => std::slice::from_ref(name),
            Step::Select(names, _) => names.as_slice(),
            _ => &[],
        });
        let names = names.filter(|name| *name != TEXT);
        names.map(|text| name(text.strip_prefix('@').unwrap_or(text))).find_map(Result::err)
    };
    level.every_rule(&mut |rule| {
        let paths = rule.from.iter().chain(&rule.lines).chain(&rule.when).chain(&rule.count);
        wrong = wrong.take().or_else(|| paths.map(|path| steps(&path.steps)).find_map(|found| found));
    });
    level.every_level(&mut |levels| wrong = wrong.take().or_else(|| steps(levels)));
    wrong.map_or(Ok(()), Err)
}

// ---- reading ---------------------------------------------------------------------------------------------------------

struct Reader<'a> {
    document: &'a Document,
    /// Namespace and the prefix of the mapping file with its colon.
    prefixes: HashMap<&'a str, String>,
    /// The namespace of names without prefix.
    default: &'a str,
}

/// The tree of one document; its text is decoded already.
///
/// # Errors
/// [`Error::Source`]: no XML, a document type, another encoding than declared, elements deeper than [`DEPTH_MAX`], text
/// beside elements.
pub(super) fn read(mapping: &Mapping, text: &str) -> Result<Value, Error> {
    let text = undeclared(text, mapping.charset)?;
    let options = xml::Options { nodes_max: limits::MESSAGE_NODES_MAX, ..xml::Options::default() };
    let document =
        xml::parse(text.into_owned().into_bytes(), &options).map_err(|error| Error::Source(error.to_string()))?;
    let none = RawXml::default();
    let namespaces = &mapping.raw.xml.as_ref().unwrap_or(&none).namespaces;
    let prefixed = namespaces.iter().filter(|(prefix, _)| !prefix.is_empty());
    let prefixes = prefixed.map(|(prefix, uri)| (uri.as_str(), format!("{prefix}:"))).collect();
    let default = namespaces.get("").map_or("", String::as_str);
    let reader = Reader { document: &document, prefixes, default };
    let root = document.document_element();
    let value = reader.element(root, 1)?;
    let member =
        Member { name: reader.name(document.ns(root), document.local(root), default), place: value.place, value };
    Ok(Value { place: member.place, kind: Kind::Object(vec![member]) })
}

/// The text with its XML declaration in UTF-8, which it is now. The declaration must say what the mapping file says.
fn undeclared(text: &str, charset: Charset) -> Result<Cow<'_, str>, Error> {
    let Some(declaration) = text.strip_prefix("<?xml").and_then(|rest| rest.split_once("?>")).map(|(inside, _)| inside)
    else {
        return Ok(Cow::Borrowed(text));
    };
    let Some((before, after)) = declaration.split_once("encoding") else { return Ok(Cow::Borrowed(text)) };
    let value = after.trim_start().strip_prefix('=').map(str::trim_start);
    let quote = value.and_then(|value| value.chars().next()).filter(|quote| matches!(quote, '"' | '\''));
    let named = value.zip(quote).and_then(|(value, quote)| value.get(1..)?.split_once(quote));
    let Some((label, rest)) = named else { return Ok(Cow::Borrowed(text)) };
    if Charset::of(label) != Some(charset) {
        return source(format!("1:1: expected an XML declaration of {}, came {label:?}", charset.name));
    }
    let body = text.get("<?xml".len() + declaration.len()..).unwrap_or_default();
    Ok(Cow::Owned(format!("<?xml{before}encoding=\"UTF-8\"{rest}{body}")))
}

fn place(at: TextPos) -> Place {
    Place { line: at.line, column: at.column }
}

impl Reader<'_> {
    fn name(&self, uri: &str, local: &str, default: &str) -> String {
        match self.prefixes.get(uri) {
            _ if uri == default => local.to_owned(),
            Some(prefix) => format!("{prefix}{local}"),
            None => format!("{{{uri}}}{local}"),
        }
    }

    fn element(&self, node: NodeId, depth: usize) -> Result<Value, Error> {
        let at = place(self.document.position(node));
        if depth > DEPTH_MAX {
            return source(format!("{}:{}: expected at most {DEPTH_MAX} levels", at.line, at.column));
        }
        let mut members = Vec::new();
        for attribute in self.document.attributes(node).filter(|attribute| attribute.ns != ns::XSI) {
            let name = format!("@{}", self.name(attribute.ns, attribute.local, ""));
            let value = Value { place: at, kind: Kind::Text(attribute.value.to_owned()) };
            members.push(Member { name, place: at, value });
        }
        let mut text = String::new();
        let mut elements: Vec<Value> = Vec::new();
        let mut names: Vec<String> = Vec::new();
        for child in self.document.children(node) {
            match self.document.kind(child) {
                NodeKind::Element => {
                    names.push(self.name(self.document.ns(child), self.document.local(child), self.default));
                    elements.push(self.element(child, depth + 1)?);
                }
                NodeKind::Text => text.push_str(self.document.text(child)),
                _ => {}
            }
        }
        let text = text.trim_matches([' ', '\t', '\r', '\n']);
        if !text.is_empty() && !elements.is_empty() {
            return source(format!(
                "{}:{}: expected text or elements within an element, came both",
                at.line, at.column
            ));
        }
        if !text.is_empty() {
            let text = Value { place: at, kind: Kind::Text(text.to_owned()) };
            if members.is_empty() {
                return Ok(text);
            }
            members.push(Member { name: TEXT.to_owned(), place: at, value: text });
        }
        gather(&mut members, names, elements);
        let kind = if members.is_empty() { Kind::Null } else { Kind::Object(members) };
        Ok(Value { place: at, kind })
    }
}

/// Adds elements by name, in the order in which each name comes first.
fn gather(members: &mut Vec<Member>, names: Vec<String>, elements: Vec<Value>) {
    let mut known: HashMap<String, usize> = HashMap::new();
    for (name, value) in names.into_iter().zip(elements) {
        let at = *known.entry(name.clone()).or_insert(members.len());
        match members.get_mut(at) {
            None => members.push(Member { name, place: value.place, value }),
            Some(Member { value: Value { kind: Kind::List(values), .. }, .. }) => values.push(value),
            Some(member) => {
                let first = std::mem::replace(&mut member.value, Kind::Null.into());
                member.value = Value { place: first.place, kind: Kind::List(vec![first, value]) };
            }
        }
    }
}

// ---- writing ---------------------------------------------------------------------------------------------------------

struct Write<'a> {
    raw: &'a RawXml,
    writer: Writer,
}

/// The text of the tree that the rules made: one root element, namespaces declared there.
///
/// # Errors
/// [`Error::Target`]: no root or several, a character that XML has not.
pub(super) fn write(mapping: &Mapping, tree: &Value) -> Result<String, Error> {
    let none = RawXml::default();
    let raw = mapping.raw.xml.as_ref().unwrap_or(&none);
    let root = match &tree.kind {
        Kind::Object(members) => match members.as_slice() {
            [root] if !root.name.starts_with(['@', '#']) && !matches!(root.value.kind, Kind::List(_)) => Some(root),
            _ => None,
        },
        _ => None,
    };
    let Some(root) = root else {
        return Err(Error::Target("expected one root element, the mapping made none or several".to_owned()));
    };
    let mut write = Write { raw, writer: Writer::new() };
    write.element(&root.name, &root.value, true)?;
    let text = String::from_utf8(write.writer.finish()).unwrap_or_default();
    Ok(format!("<?xml version=\"1.0\" encoding=\"{}\"?>\n{text}\n", mapping.charset.label()))
}

impl Write<'_> {
    fn element(&mut self, name: &str, value: &Value, root: bool) -> Result<(), Error> {
        self.writer.start(name);
        if root {
            self.raw.namespaces.iter().for_each(|(prefix, uri)| {
                self.writer.namespace(prefix, uri);
            });
        }
        match &value.kind {
            Kind::Null => {}
            Kind::Text(text) | Kind::Number(text) => {
                checked(name, text)?;
                self.writer.text(text);
            }
            Kind::Bool(value) => {
                self.writer.text(if *value { "true" } else { "false" });
            }
            Kind::Object(members) => self.members(name, members)?,
            Kind::List(_) => {
                return Err(Error::Target(format!("{name}: expected an element, the mapping made a list of lists")));
            }
        }
        self.writer.end();
        Ok(())
    }

    fn members(&mut self, name: &str, members: &[Member]) -> Result<(), Error> {
        for member in members {
            if let (Some(attribute), Kind::Text(text)) = (member.name.strip_prefix('@'), &member.value.kind) {
                checked(&member.name, text)?;
                self.writer.attribute(attribute, text);
            }
        }
        let order = self.raw.order.get(name);
        let rank = |member: &&Member| {
            let at = order.and_then(|order| order.iter().position(|child| *child == member.name));
            at.unwrap_or(usize::MAX)
        };
        let mut children: Vec<&Member> = members.iter().filter(|member| !member.name.starts_with('@')).collect();
        children.sort_by_key(rank);
        for member in children {
            match &member.value.kind {
                Kind::Text(text) if member.name == TEXT => {
                    checked(name, text)?;
                    self.writer.text(text);
                }
                Kind::List(values) => values.iter().try_for_each(|value| self.element(&member.name, value, false))?,
                _ => self.element(&member.name, &member.value, false)?,
            }
        }
        Ok(())
    }
}

fn checked(name: &str, text: &str) -> Result<(), Error> {
    match chars::first_forbidden(text) {
        None => Ok(()),
        Some(_) => Err(Error::Target(format!("{name}: expected characters that XML 1.0 has"))),
    }
}
