//! What a profile says, row by row: for people, for `profile show`, for the technical annex of two administrations.

use serde::Serialize;

use super::compile::{Compiled, Standing, ValueCheck};
use super::file::{Statement, Verdict};
use super::place::Kind;

/// One row of the menu: an element or a rule.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct MenuRow {
    /// Path of the element, with `/@name` for an attribute; `rule NAME`; `zone KR`.
    pub subject: String,
    /// WCO id, or "".
    pub wco_id: String,
    /// What is said of it: `presence`, `max-length`, `list`, ...
    pub says: String,
    /// The value: `mandatory`, `70`, ...
    pub value: String,
    /// On receipt.
    pub verdict: Verdict,
    /// Before sending.
    pub verdict_out: Verdict,
    /// How sure.
    pub certainty: super::Certainty,
    /// Where that is known from.
    pub source: String,
}

fn row(subject: String, wco_id: &str, says: &str, value: String, statement: &Statement) -> MenuRow {
    MenuRow {
        subject,
        wco_id: wco_id.to_owned(),
        says: says.to_owned(),
        value,
        verdict: statement.verdict,
        verdict_out: statement.verdict_out,
        certainty: statement.certainty,
        source: statement.source.clone(),
    }
}

/// Everything that the profile says, elements in the order of the schema, then rules by name.
#[must_use]
pub fn menu(compiled: &Compiled) -> Vec<MenuRow> {
    let mut rows = Vec::new();
    for (id, place) in compiled.places.iter() {
        let setting = &compiled.settings[usize::from(id)];
        let statement = |id: &u16| &compiled.statements[usize::from(*id)];
        let mut say = |says: &str, value: String, id: &u16| {
            rows.push(row(place.path.clone(), &place.wco_id, says, value, statement(id)));
        };
        if let Some((standing, id)) = &setting.standing {
            let value = match standing {
                Standing::Mandatory => "mandatory".to_owned(),
                Standing::Optional => "optional".to_owned(),
                Standing::Withheld => "withheld".to_owned(),
                Standing::Conditional(test, otherwise) => format!("conditional: {test:?}, otherwise {otherwise:?}"),
            };
            let value = if value.starts_with("conditional") { conditional(compiled, *id, &value) } else { value };
            say("presence", value, id);
        }
        if let Some((least, id)) = &setting.items_min {
            say("items-min", least.to_string(), id);
        }
        if let Some((most, id)) = &setting.items_max {
            say("items-max", most.to_string(), id);
        }
        for (check, id) in &setting.values {
            if let Some((says, value)) = value_row(check) {
                say(says, value, id);
            }
        }
        for check in &setting.attributes {
            let value = match (&check.list, check.mandatory) {
                (Some(list), true) => format!("mandatory, one of {}", list.join(", ")),
                (Some(list), false) => format!("one of {}", list.join(", ")),
                (None, true) => "mandatory".to_owned(),
                (None, false) => "optional".to_owned(),
            };
            let subject = format!("{}/@{}", place.path, check.name);
            rows.push(row(subject, &place.wco_id, "attribute", value, statement(&check.statement)));
        }
    }
    let mut entries: Vec<_> = compiled.entries.iter().collect();
    entries.sort_by_key(|entry| &entry.statement.name);
    for entry in entries {
        let value = serde_json::to_value(&entry.kind).unwrap_or_default();
        let subject = format!("rule {}", entry.statement.name);
        rows.push(row(subject, "", entry.kind.name(), value.to_string(), &entry.statement));
    }
    rows
}

/// A condition as the file has it, which reads better than what was made of it.
fn conditional(compiled: &Compiled, statement: u16, otherwise: &str) -> String {
    compiled.conditions.get(&statement).cloned().unwrap_or_else(|| otherwise.to_owned())
}

/// What a check says, where the schema or a rule does not say it already.
fn value_row(check: &ValueCheck) -> Option<(&'static str, String)> {
    Some(match check {
        ValueCheck::LengthMin(least) => ("length-min", least.to_string()),
        ValueCheck::LengthMax(most) => ("length-max", most.to_string()),
        ValueCheck::Digits(most) => ("digits-max", most.to_string()),
        ValueCheck::Decimals(most) => ("decimals-max", most.to_string()),
        ValueCheck::Minimum(_, shown) => ("minimum", shown.clone()),
        ValueCheck::Maximum(_, shown) => ("maximum", shown.clone()),
        ValueCheck::List(list) => ("list", list.join(", ")),
        ValueCheck::Shapes(shapes) => ("shapes", shapes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
        ValueCheck::OfKind(kind) => ("type", kind_name(*kind).to_owned()),
        // These are rules, and stand as such.
        ValueCheck::RealDate | ValueCheck::ZonedTime | ValueCheck::Text(_) => return None,
    })
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Class => "class",
        Kind::Text => "text",
        Kind::Code => "code",
        Kind::Id => "identifier",
        Kind::Date => "date",
        Kind::Indicator => "indicator",
        Kind::Number => "decimal",
        Kind::Measure => "measure",
        Kind::Amount => "amount",
        Kind::Binary => "binary",
    }
}
