//! Paths into trees of values, on both sides of a mapping: `consignor.addresses[0].cityName`,
//! `classifications[identificationTypeCode=HS].id`, `'Item No.'`.
//!
//! A source path may begin with `^.` (one level out of the innermost `[]`, repeatable) or with `/` (the document), and a
//! selector may take its value from the level at hand: `/Invoices.Invoice[InvoiceOrderNo=$GoodsInvoiceOrderNo].InvoiceNo`.
//!
//! A selector looks at one element after the other. [`Work`] bounds how many are looked at for a document, so that two
//! long lists of which each names the other cost no more than their length allows.

use std::cell::Cell;

use crate::contract::json::{Kind, Member, Value};

/// Steps of a path at most: the trees on both sides have no more levels.
const STEPS_MAX: usize = 64;

/// Where the text of an XML element stands that has attributes: no XML name begins so.
pub(super) const TEXT: &str = "#text";

/// How many elements selectors may still look at.
pub(super) struct Work(Cell<u64>);

impl Work {
    /// Elements that selectors look at in one document at most: a second or two.
    pub const MAX: u64 = 50_000_000;

    pub fn new() -> Self {
        Self(Cell::new(Self::MAX))
    }

    /// Whether there was too much to do: then what was made is not whole.
    pub fn is_over(&self) -> bool {
        self.0.get() == 0
    }

    /// The first of `values` that `has` it.
    fn find(&self, values: &[Value], has: impl Fn(&Value) -> bool) -> Option<usize> {
        let left = self.0.get();
        let within = values.iter().take(usize::try_from(left).unwrap_or(usize::MAX));
        let found = within.clone().position(has);
        let looked = found.map_or(values.len() as u64, |at| at as u64 + 1);
        self.0.set(left.saturating_sub(looked));
        found
    }
}

/// A step down.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// A member.
    Name(String),
    /// An element of an array; a value that is no array is its own first element.
    Index(usize),
    /// The element of an array that has this value at this path.
    Select(Vec<String>, Wanted),
    /// All elements of an array: only where a level repeats.
    All,
}

/// What a selector looks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Wanted {
    /// This text.
    Text(String),
    /// The text at this path of the level at hand.
    Context(Vec<String>),
}

/// Where a source path begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Base {
    /// So many levels out.
    Up(usize),
    /// The document.
    Root,
}

/// A path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Path {
    pub base: Base,
    pub steps: Vec<Step>,
}

impl Path {
    /// Reads a path; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fail = |what: &str| Err(format!("{text:?}: {what}"));
        let (mut base, mut rest) = (Base::Up(0), text);
        if let Some(after) = rest.strip_prefix('/') {
            (base, rest) = (Base::Root, after);
        }
        while let (Base::Up(levels), Some(after)) = (base, rest.strip_prefix("^.")) {
            (base, rest) = (Base::Up(levels + 1), after);
        }
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (name, after) = match rest.strip_prefix('\'') {
                Some(quoted) => match quoted.split_once('\'') {
                    Some(parts) => parts,
                    None => return fail("expected ' at the end of the name"),
                },
                None => rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len())),
            };
            if name.is_empty() || (name.starts_with('^') && !rest.starts_with('\'')) {
                return fail("expected a name");
            }
            if steps.len() >= STEPS_MAX {
                return fail("expected at most 64 steps");
            }
            steps.push(Step::Name(name.to_owned()));
            rest = after;
            while let Some(inner) = rest.strip_prefix('[') {
                let Some((inside, after)) = inner.split_once(']') else { return fail("expected ]") };
                if steps.len() >= STEPS_MAX {
                    return fail("expected at most 64 steps");
                }
                steps.push(bracket(inside).ok_or_else(|| format!("{text:?}: expected [], [0] or [member=value]"))?);
                rest = after;
            }
            rest = match rest.strip_prefix('.') {
                Some("") => return fail("expected a name"),
                Some(after) => after,
                None if rest.is_empty() => rest,
                None => return fail("expected . or ["),
            };
        }
        if steps.is_empty() { fail("expected a name") } else { Ok(Self { base, steps }) }
    }

    /// Cut behind each `[]`: the levels that repeat, the outermost first, without their `[]`. None when it does not end in
    /// one.
    pub fn levels(&self) -> Option<Vec<Vec<Step>>> {
        let mut levels: Vec<Vec<Step>> = self.steps.split(|step| *step == Step::All).map(<[Step]>::to_vec).collect();
        let last = levels.pop()?;
        (last.is_empty() && !levels.is_empty() && levels.iter().all(|level| !level.is_empty())).then_some(levels)
    }

    /// Whether it has a `[]`.
    pub fn repeats(&self) -> bool {
        self.steps.contains(&Step::All)
    }
}

fn bracket(inside: &str) -> Option<Step> {
    if inside.is_empty() {
        return Some(Step::All);
    }
    if let Ok(index) = inside.parse() {
        return Some(Step::Index(index));
    }
    let (member, value) = inside.split_once('=')?;
    let names = |text: &str| text.split('.').map(str::to_owned).collect::<Vec<_>>();
    let wanted = match value.strip_prefix('$') {
        Some(path) => Wanted::Context(names(path)),
        None => Wanted::Text(value.to_owned()),
    };
    (!member.is_empty() && !value.is_empty()).then(|| Step::Select(names(member), wanted))
}

/// The text of a scalar, or of the value of one with attributes.
pub(super) fn text_of(value: &Value) -> Option<&str> {
    match &value.kind {
        Kind::Text(text) | Kind::Number(text) => Some(text),
        Kind::Bool(true) => Some("true"),
        Kind::Bool(false) => Some("false"),
        Kind::Object(_) => value.member(TEXT).or_else(|| value.member("value")).and_then(text_of),
        Kind::List(_) | Kind::Null => None,
    }
}

fn down<'a>(value: &'a Value, names: &[String]) -> Option<&'a Value> {
    names.iter().try_fold(value, |at, name| at.member(name))
}

/// Steps with what a selector takes from `context` written in; none when it is not there.
pub(super) fn resolved(steps: &[Step], context: &Value) -> Option<Vec<Step>> {
    let resolve = |step: &Step| match step {
        Step::Select(names, Wanted::Context(path)) => {
            let text = down(context, path).and_then(text_of)?;
            Some(Step::Select(names.clone(), Wanted::Text(text.to_owned())))
        }
        other => Some(other.clone()),
    };
    steps.iter().map(resolve).collect()
}

/// What stands at `steps` below `value`, and its path with positions, appended to `at`.
pub(super) fn get<'a>(value: &'a Value, steps: &[Step], at: &str, work: &Work) -> Option<(&'a Value, String)> {
    let (mut value, mut path) = (value, at.to_owned());
    for step in steps {
        match (step, &value.kind) {
            // An XML element without attributes is its text.
            (Step::Name(name), Kind::Text(_)) if name == TEXT => {}
            (Step::Name(name), _) => {
                value = value.member(name)?;
                path = joined(&path, name);
            }
            (Step::Index(index), Kind::List(values)) => {
                value = values.get(*index)?;
                path.push_str(&format!("[{index}]"));
            }
            (Step::Index(0), _) => {}
            (Step::Select(names, Wanted::Text(wanted)), Kind::List(values)) => {
                let has = |value: &Value| down(value, names).and_then(text_of) == Some(wanted);
                let index = work.find(values, has)?;
                value = values.get(index)?;
                path.push_str(&format!("[{index}]"));
            }
            (Step::Select(names, Wanted::Text(wanted)), _) => {
                if down(value, names).and_then(text_of) != Some(wanted) {
                    return None;
                }
            }
            _ => return None,
        }
    }
    Some((value, path))
}

/// A path with one more name.
pub(super) fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// Puts `new` at `steps` below `value`, making objects and arrays on the way. What a selector looks for is written when it
/// is not there. False when something of another kind stands in the way, or an index leaves a gap.
pub(super) fn set(value: &mut Value, steps: &[Step], new: Value, work: &Work) -> bool {
    let Some((step, rest)) = steps.split_first() else {
        // A member of a value with attributes may have come before the value itself, or behind it.
        *value = new;
        return true;
    };
    match step {
        Step::Name(name) => {
            if matches!(value.kind, Kind::Null) {
                value.kind = Kind::Object(Vec::new());
            }
            let Kind::Object(members) = &mut value.kind else { return false };
            let at = members.iter().position(|member| member.name == *name).unwrap_or_else(|| {
                members.push(Member::new(name.clone(), Kind::Null));
                members.len() - 1
            });
            members.get_mut(at).is_some_and(|member| set(&mut member.value, rest, new, work))
        }
        Step::Index(index) => {
            let Some(values) = list_of(value) else { return false };
            if values.len() == *index {
                values.push(Kind::Null.into());
            }
            values.get_mut(*index).is_some_and(|value| set(value, rest, new, work))
        }
        Step::Select(names, Wanted::Text(wanted)) => {
            let Some(values) = list_of(value) else { return false };
            let has = |value: &Value| down(value, names).and_then(text_of) == Some(wanted);
            let at = work.find(values, has).unwrap_or_else(|| {
                let mut fresh = Kind::Object(Vec::new()).into();
                let member: Vec<Step> = names.iter().cloned().map(Step::Name).collect();
                set(&mut fresh, &member, wanted.as_str().into(), work);
                values.push(fresh);
                values.len() - 1
            });
            values.get_mut(at).is_some_and(|value| set(value, rest, new, work))
        }
        Step::Select(_, Wanted::Context(_)) | Step::All => false,
    }
}

/// The elements of an array, which it becomes when it is nothing yet.
pub(super) fn list_of(value: &mut Value) -> Option<&mut Vec<Value>> {
    if matches!(value.kind, Kind::Null) {
        value.kind = Kind::List(Vec::new());
    }
    match &mut value.kind {
        Kind::List(values) => Some(values),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_or_refused_with_a_reason() {
        let path = Path::parse("^.a.'Item No.'[0].b[c.d=$e]").unwrap();
        assert_eq!(path.base, Base::Up(1));
        assert_eq!(path.steps.len(), 5);
        assert_eq!(Path::parse("/a").unwrap().base, Base::Root);
        assert_eq!(Path::parse("a.b[].c[]").unwrap().levels().unwrap().len(), 2);
        assert!(Path::parse("a.b[].c").unwrap().levels().is_none());
        for refused in ["", "a.", ".a", "a..b", "a[", "a[=x]", "a[x=]", "a]b[", "'a", "a[0]b", "^", "/"] {
            assert!(Path::parse(refused).is_err_and(|e| e.contains("expected")), "{refused}");
        }
    }

    #[test]
    fn a_path_of_endless_steps_and_a_search_without_end_stop() {
        // Each step costs a call, and a list that a selector goes through again for each element is quadratic.
        assert!(Path::parse(&["a"; STEPS_MAX].join(".")).is_ok());
        assert!(Path::parse(&["a"; STEPS_MAX + 1].join(".")).is_err_and(|e| e.contains("64 steps")));
        assert!(Path::parse(&format!("a{}", "[0]".repeat(STEPS_MAX))).is_err_and(|e| e.contains("64 steps")));
        let values: Vec<Value> = (0..10_000).map(|n| Kind::Number(n.to_string()).into()).collect();
        let work = Work::new();
        let has = |value: &Value| matches!(&value.kind, Kind::Number(n) if n == "9999");
        for _ in 0..5_000 {
            assert!(!work.is_over());
            assert_eq!(work.find(&values, has), Some(9_999));
        }
        assert!(work.is_over());
        assert_eq!(work.find(&values, has), None);
    }

    #[test]
    fn what_is_set_is_found_again_under_the_same_path() {
        let work = Work::new();
        let mut value: Value = Kind::Object(Vec::new()).into();
        for (path, text) in
            [("a.b", "1"), ("l[0].x", "2"), ("l[1].x", "3"), ("s[k=v].y", "4"), ("s[k=w].y", "5"), ("s[k=v].z", "6")]
        {
            let path = Path::parse(path).unwrap();
            assert!(set(&mut value, &path.steps, text.into(), &work), "{path:?}");
            assert_eq!(get(&value, &path.steps, "", &work).unwrap().0.as_text(), Some(text));
        }
        assert_eq!(
            value.to_text(),
            r#"{"a":{"b":"1"},"l":[{"x":"2"},{"x":"3"}],"s":[{"k":"v","y":"4","z":"6"},{"k":"w","y":"5"}]}"#
        );
        for refused in ["a.b.c", "l[5].x", "a[0]"] {
            assert!(!set(&mut value, &Path::parse(refused).unwrap().steps, "x".into(), &work), "{refused}");
        }
        assert_eq!(get(&value, &Path::parse("s[k=w].y").unwrap().steps, "", &work).unwrap().1, "s[1].y");
    }
}
