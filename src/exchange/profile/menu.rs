//! What a profile says, row by row: for people, for `profile show`, for the technical annex of two administrations.

use serde::Serialize;

use super::compile::{Compiled, Standing, ValueCheck, needs};
use super::file::{RuleKind, Statement, Verdict};
use super::place::Kind;
use super::words;

/// One row of the menu: an element or a rule.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct MenuRow {
    /// Path of the element, with `/@name` for an attribute; `rule NAME`.
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
    /// Of a rule: paths of the elements that must stand where it holds, by itself or one of several.
    #[serde(skip)]
    pub needs: Vec<String>,
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
        needs: Vec::new(),
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
                Standing::Conditional(..) => compiled.conditions.get(id).cloned().unwrap_or_default(),
            };
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
        let value = words::rule(&compiled.places, &compiled.lists, &entry.kind);
        let subject = format!("rule {}", entry.statement.name);
        let mut row = row(subject, "", entry.kind.name(), value, &entry.statement);
        row.needs = needs_of(compiled, &entry.kind);
        rows.push(row);
    }
    rows
}

fn needs_of(compiled: &Compiled, kind: &RuleKind) -> Vec<String> {
    let (elements, within) = match kind {
        RuleKind::OneOf { elements, within, .. } => (elements, within.as_deref()),
        RuleKind::Together { elements } => (elements, None),
        other => return needs(other).iter().map(|path| (*path).to_owned()).collect(),
    };
    let within = within.and_then(|within| words::path_of(&compiled.places, within)).unwrap_or_default();
    let targets = elements.iter().filter_map(|text| compiled.places.resolve(text).ok()).flatten();
    let paths = targets.map(|target| compiled.places.get(target.place).path.clone());
    paths.filter(|path| within.is_empty() || words::is_within(path, &within)).collect()
}

/// What a profile says that is no statement about an element and no rule.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Setting {
    /// `zone KR`, `calendar KR`; "" for the profile itself.
    pub subject: String,
    /// What is said: `agreements`, `unlisted`, `foreign`, `signature_covers`, `in force`, `zone`, `calendar`.
    pub says: &'static str,
    /// The value.
    pub value: String,
}

/// Every setting: those of the profile itself, then its zones and calendars by country.
#[must_use]
pub fn settings(compiled: &Compiled) -> Vec<Setting> {
    let covers: Vec<&str> = compiled.covers.iter().map(|id| compiled.places.get(*id).path.as_str()).collect();
    let agreements = if compiled.agreements.is_empty() { "any".to_owned() } else { compiled.agreements.join(", ") };
    let in_force = match (compiled.valid_from, compiled.valid_until) {
        (None, None) => "always".to_owned(),
        (Some(from), None) => format!("from {from}"),
        (None, Some(until)) => format!("until {until}"),
        (Some(from), Some(until)) => format!("from {from} until {until}"),
    };
    let mut settings = Vec::new();
    let mut say = |subject: String, says: &'static str, value: String| settings.push(Setting { subject, says, value });
    say(String::new(), "agreements", agreements);
    say(String::new(), "unlisted", format!("{:?}", compiled.unlisted).to_lowercase());
    say(String::new(), "foreign", format!("{:?}", compiled.foreign.0).to_lowercase());
    say(String::new(), "signature_covers", covers.join(", "));
    say(String::new(), "in force", in_force);
    for (country, zone) in &compiled.zones {
        say(format!("zone {country}"), "zone", zone.iana_name().unwrap_or("UTC").to_owned());
    }
    for (country, calendar) in &compiled.calendars {
        say(format!("calendar {country}"), "calendar", calendar.clone());
    }
    settings
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
