//! The rules of agreements, each a function of the document, its numbers and the time. No I/O; nothing is guessed: what
//! a document does not say is no reason to refuse it here, the profile's presence is.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::calendar::{Period, calendar_days};
use super::compile::{Compiled, Rule, RuleData};
use super::evaluate::{Told, Walk, expected_of};
use super::file::{Count, RuleKind, Statement, Verdict};
use super::moment::Given;
use super::place::PlaceId;
use super::quantity::Exact;
use super::text::folded;
use crate::contract::{Slot, codelist};
use crate::xml::NodeId;

/// Looks at one rule at the element `node` of the place `id`.
pub(super) fn look(walk: &mut Walk<'_>, rule: &Rule, node: NodeId, id: PlaceId) {
    match &rule.kind {
        RuleKind::Validity { period } => validity(walk, rule, node, *period),
        RuleKind::Retroactive { after_days, count, limit } => {
            retroactive(walk, rule, node, &Late { after_days: u32::from(*after_days), count: *count, limit: *limit });
        }
        RuleKind::BackToBack { within } => back_to_back(walk, rule, node, *within),
        RuleKind::ThirdCountryInvoice => third_country_invoice(walk, rule, node),
        RuleKind::Replacement { documents_max } => replacement(walk, rule, node, *documents_max),
        RuleKind::CertifiedTrueCopy { within } => certified_true_copy(walk, rule, node, *within),
        RuleKind::HarmonizedSystem { digits_min, digits_max, editions, edition_required } => {
            let digits = (*digits_min as usize, *digits_max as usize);
            harmonized_system(walk, rule, node, digits, editions, *edition_required);
        }
        RuleKind::Criteria { only_these, .. } => criteria(walk, rule, node, *only_these),
        RuleKind::Sequence { from_one } => sequence(walk, rule, node, *from_one),
        RuleKind::Weights if walk.compiled.places.get(id).name == "ConsignmentItem" => item_weights(walk, rule, node),
        RuleKind::Weights => total_weight(walk, rule, node),
        RuleKind::IssueDate { future_days_max, authentication_days_max } => {
            issue_date(walk, rule, node, *future_days_max, *authentication_days_max);
        }
        RuleKind::OneOf { at_least, at_most, .. } => one_of(walk, rule, node, *at_least, *at_most),
        RuleKind::Together { .. } => together(walk, rule, node),
        RuleKind::Condition { .. } => condition(walk, rule, node),
        // These are looked at where their values are.
        RuleKind::RealDates | RuleKind::ZonedTimes | RuleKind::Text { .. } => {}
    }
}

const LPCO: Slot = Slot::Lpco;
const EXT: Slot = Slot::Ext;

// ---- who and when ----------------------------------------------------------------------------------------------------

/// The country that issued the CO: the header's, else the consignor's.
fn issuer(walk: &Walk<'_>, lpco: NodeId) -> String {
    let header = walk.header(lpco).and_then(|md| walk.child_text(md, Slot::Md, "ResponsibleCountryCode"));
    let consignor = || {
        let party = walk.child(walk.child(lpco, LPCO, "Consignment")?, LPCO, "Consignor")?;
        walk.child_text(walk.child(party, LPCO, "Address")?, LPCO, "CountryCode")
    };
    header.or_else(consignor).unwrap_or_default().into_owned()
}

/// The zone of a country in this profile; UTC where it names none.
fn zone(compiled: &Compiled, country: &str) -> TimeZone {
    compiled.zones.get(country).cloned().unwrap_or(TimeZone::UTC)
}

/// The day that an element says, in `zone`.
fn day(walk: &Walk<'_>, node: Option<NodeId>, zone: &TimeZone) -> Option<Date> {
    walk.date(node?).ok().map(|(given, _)| given.day_in(zone))
}

/// The day of issue in the issuer's zone, with that zone and country.
fn issued(walk: &Walk<'_>, lpco: NodeId) -> Option<(Date, TimeZone, String)> {
    let country = issuer(walk, lpco);
    let zone = zone(walk.compiled, &country);
    let day = day(walk, walk.child(lpco, LPCO, "IssueDateTime"), &zone)?;
    Some((day, zone, country))
}

// ---- validity --------------------------------------------------------------------------------------------------------

fn validity(walk: &mut Walk<'_>, rule: &Rule, lpco: NodeId, period: Period) {
    let Some((issue, zone, _)) = issued(walk, lpco) else { return };
    let last = period.after(issue);
    let expiry = walk.child(lpco, LPCO, "ExpirationDateTime");
    let own = day(walk, expiry, &zone);
    if let (Some(node), Some(own)) = (expiry, own) {
        if own > last {
            let expected = format!("an expiry within {period} of the issue, on {last} at the latest");
            return walk.report(rule.statement, node, None, Told::element("validity", expected));
        }
        if own < issue {
            return walk.report(
                rule.statement,
                node,
                None,
                Told::element("validity", "an expiry on or after the day of issue"),
            );
        }
    }
    let last = own.map_or(last, |own| own.min(last));
    let today = walk.circumstances.now.to_zoned(zone).date();
    if today > last {
        let node = expiry.unwrap_or(lpco);
        walk.report(
            rule.statement,
            node,
            None,
            Told::element("expired", format!("a CO that is still good; its last day was {last}")),
        );
    }
}

/// A claim of preference, for the rule of validity.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// Country that issued the CO.
    pub issuer: &'a str,
    /// Its date of issue.
    pub issued: Given,
    /// Its own expiry, where it has one.
    pub expires: Option<Given>,
    /// Country in which it is claimed.
    pub importer: &'a str,
    /// When it is claimed.
    pub claimed: Timestamp,
}

/// What the rule of validity says of a claim.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OnClaim {
    /// No rule of validity is in force.
    NoRule,
    /// The CO is good up to and with this day.
    Good(Date),
    /// Its last day is past.
    Expired {
        /// That day.
        last_day: Date,
        /// The day of the claim where it is made.
        claimed: Date,
        /// What the profile does about it.
        verdict: Verdict,
    },
}

impl Compiled {
    fn rule_of(&self, wanted: impl Fn(&RuleKind) -> bool) -> Option<(&RuleKind, &Statement)> {
        let rule = self.rules.iter().find(|rule| wanted(&rule.kind))?;
        Some((&rule.kind, &self.statements[usize::from(rule.statement)]))
    }

    /// Whether a CO is still good when it is claimed. The day of issue is the issuer's, the day of the claim the
    /// importer's; the last day is still good until its end there.
    #[must_use]
    pub fn on_claim(&self, claim: &Claim<'_>) -> OnClaim {
        let Some((RuleKind::Validity { period }, statement)) = self.rule_of(|k| matches!(k, RuleKind::Validity { .. }))
        else {
            return OnClaim::NoRule;
        };
        let home = zone(self, claim.issuer);
        let computed = period.after(claim.issued.day_in(&home));
        let last_day = claim.expires.map_or(computed, |own| own.day_in(&home).min(computed));
        let claimed = claim.claimed.to_zoned(zone(self, claim.importer)).date();
        if claimed <= last_day {
            OnClaim::Good(last_day)
        } else {
            OnClaim::Expired { last_day, claimed, verdict: statement.verdict }
        }
    }
}

// ---- retroactive issue -----------------------------------------------------------------------------------------------

struct Late {
    after_days: u32,
    count: Count,
    limit: Period,
}

fn retroactive(walk: &mut Walk<'_>, rule: &Rule, lpco: NodeId, late: &Late) {
    let Some((issue, zone, country)) = issued(walk, lpco) else { return };
    let Some(consignment) = walk.child(lpco, LPCO, "Consignment") else { return };
    let legs: Vec<NodeId> = walk.children(consignment, LPCO, "BorderTransportMeans").collect();
    // Of several legs the first departure counts: the goods have left.
    let departed = legs.iter().filter_map(|leg| day(walk, walk.child(*leg, LPCO, "DepartureDateTime"), &zone)).min();
    let Some(departed) = departed else { return };
    let (days, unknown) = match late.count {
        Count::Calendar => (calendar_days(departed, issue), None),
        Count::Working => {
            let name = walk.compiled.calendars.get(&country).or_else(|| walk.compiled.calendars.get("*"));
            match name.and_then(|name| walk.circumstances.calendars.get(name)) {
                Some(calendar) => {
                    let counted = calendar.working_days(departed, issue);
                    (counted.days, counted.unknown_year.map(|year| format!("holidays of {year}")))
                }
                // Without a calendar no day is left out, and that is told.
                None => (calendar_days(departed, issue), Some("a calendar of the issuing country".to_owned())),
            }
        }
    };
    let marked = walk.child(lpco, EXT, "IssuedRetroactivelyIndicator");
    let says_yes = walk.says_yes(lpco, EXT, "IssuedRetroactivelyIndicator");
    let counted = if late.count == Count::Working { "working days" } else { "days" };
    if days > late.after_days && !says_yes {
        // What could not be counted exactly may be in time all the same.
        let told = match &unknown {
            Some(missing) => {
                Told::nothing("holidays-unknown", format!("{missing}, to count {counted} since departure"))
            }
            None => Told::element(
                "retroactive-unmarked",
                format!(
                    "IssuedRetroactivelyIndicator true: issued {days} {counted} after departure, more than {}",
                    late.after_days
                ),
            ),
        };
        walk.report(rule.statement, marked.unwrap_or(lpco), None, told);
    }
    if !late.limit.is_empty() && issue > late.limit.after(departed) {
        let node = walk.child(lpco, LPCO, "IssueDateTime").unwrap_or(lpco);
        let last = late.limit.after(departed);
        let told = Told::element(
            "retroactive-late",
            format!("an issue within {} of departure, on {last} at the latest", late.limit),
        );
        walk.report(rule.statement, node, None, told);
    }
}

// ---- documents that rest on others -----------------------------------------------------------------------------------

fn back_to_back(walk: &mut Walk<'_>, rule: &Rule, lpco: NodeId, within: Period) {
    if !walk.says_yes(lpco, EXT, "BackToBackIndicator") {
        return;
    }
    let Some(original) = walk.child(lpco, LPCO, "PreviousDocument") else {
        let told = Told::nothing("back-to-back", "PreviousDocument with number, country and date of the original");
        return walk.report(rule.statement, lpco, None, told);
    };
    for (name, what) in [("IssueDateTime", "the date"), ("IssuingCountryCode", "the country")] {
        if walk.child(original, LPCO, name).is_none() {
            let told = Told::nothing("back-to-back", format!("{name}, {what} of the original"));
            walk.report(rule.statement, original, None, told);
        }
    }
    if let Some(node) = walk.child(original, LPCO, "IssuingCountryCode")
        && walk.text(node) == issuer(walk, lpco).as_str()
    {
        let text = walk.text(node);
        walk.report(
            rule.statement,
            node,
            None,
            Told::value("back-to-back", "another country than the one that issues this CO", &text),
        );
    }
    rests_on(walk, rule, lpco, original, within, "back-to-back");
}

fn certified_true_copy(walk: &mut Walk<'_>, rule: &Rule, lpco: NodeId, within: Period) {
    if !walk.says_yes(lpco, EXT, "CertifiedTrueCopyIndicator") {
        return;
    }
    let Some(original) = walk.child(lpco, LPCO, "PreviousDocument") else {
        let told = Told::nothing("certified-true-copy", "PreviousDocument with number and date of the original");
        return walk.report(rule.statement, lpco, None, told);
    };
    if walk.child(original, LPCO, "IssueDateTime").is_none() {
        walk.report(
            rule.statement,
            original,
            None,
            Told::nothing("certified-true-copy", "IssueDateTime, the date of the original"),
        );
    }
    rests_on(walk, rule, lpco, original, within, "certified-true-copy");
}

/// Message function 5 of code list 1225.
const REPLACE: &str = "5";

fn replacement(walk: &mut Walk<'_>, rule: &Rule, lpco: NodeId, documents_max: u32) {
    if walk.child_text(lpco, LPCO, "FunctionCode").is_none_or(|code| code != REPLACE) {
        return;
    }
    let replaced: Vec<NodeId> = walk.children(lpco, LPCO, "PreviousDocument").collect();
    if replaced.is_empty() {
        return walk.report(
            rule.statement,
            lpco,
            None,
            Told::nothing("replacement", "PreviousDocument, the CO that this one replaces"),
        );
    }
    if replaced.len() > documents_max as usize {
        let told = Told::element("replacement", format!("at most {documents_max} replaced documents"));
        walk.report(rule.statement, lpco, None, told);
    }
    let own = walk.child_text(lpco, LPCO, "ID").unwrap_or_default();
    for original in replaced {
        if let Some(node) = walk.child(original, LPCO, "ID")
            && walk.text(node) == own
        {
            walk.report(rule.statement, node, None, Told::element("replacement", "another number than the CO's own"));
        }
        rests_on(walk, rule, lpco, original, Period::default(), "replacement");
    }
}

/// The one that rests on another is not older, and not issued too long after it.
fn rests_on(walk: &mut Walk<'_>, rule: &Rule, lpco: NodeId, original: NodeId, within: Period, code: &'static str) {
    let Some((issue, zone, _)) = issued(walk, lpco) else { return };
    let node = walk.child(original, LPCO, "IssueDateTime");
    let (Some(node), Some(earlier)) = (node, day(walk, node, &zone)) else { return };
    if earlier > issue {
        walk.report(rule.statement, node, None, Told::element(code, "a day not after the issue of this CO"));
    } else if !within.is_empty() && issue > within.after(earlier) {
        let expected = format!("this CO within {within} of the original, on {} at the latest", within.after(earlier));
        walk.report(rule.statement, node, None, Told::element(code, expected));
    }
}

/// How many COs stand in a row, each replacing the one before.
///
/// `replaced` gives the number that a CO replaces, where it replaces one.
///
/// # Errors
/// The number at which the row comes back to itself, or is longer than `most`.
pub fn chain_length<'n>(
    start: &'n str,
    most: usize,
    replaced: impl Fn(&str) -> Option<&'n str>,
) -> Result<usize, ChainError> {
    let mut seen = vec![start];
    while let Some(next) = replaced(seen.last().copied().unwrap_or_default()) {
        if seen.contains(&next) {
            return Err(ChainError::Circle(next.to_owned()));
        }
        if seen.len() >= most {
            return Err(ChainError::TooLong(most));
        }
        seen.push(next);
    }
    Ok(seen.len())
}

/// What is wrong with a row of replaced COs.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ChainError {
    /// A CO replaces itself by way of others.
    #[error("expected a row of COs, came a circle through {0}")]
    Circle(String),
    /// More than were agreed.
    #[error("expected at most {0} COs in a row")]
    TooLong(usize),
}

/// A quantity of goods under one heading.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// Commodity code; its first six digits count.
    pub code: String,
    /// A decimal.
    pub quantity: String,
    /// Unit (UN/ECE Rec 20).
    pub unit: String,
}

/// A heading of which more is claimed than the original has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Excess {
    /// Six digits.
    pub code: String,
    /// The unit; `KGM` for every mass.
    pub unit: String,
}

/// Whether what a back-to-back CO (or a claim) takes lies within what the original has, less what was taken before. By
/// heading and unit; units of mass are added in kilograms. What is no decimal is an excess.
#[must_use]
pub fn within_original(original: &[Line], used: &[Line], now: &[Line]) -> Vec<Excess> {
    let key = |line: &Line| {
        let code: String = line.code.chars().filter(char::is_ascii_digit).take(6).collect();
        let unit = if Exact::mass("0", &line.unit).is_some() { "KGM" } else { &line.unit };
        (code, unit.to_owned())
    };
    let amount = |line: &Line| Exact::mass(&line.quantity, &line.unit).or_else(|| Exact::parse(&line.quantity));
    let sum = |lines: &[&[Line]]| {
        let mut sums: BTreeMap<(String, String), Option<Exact>> = BTreeMap::new();
        for line in lines.iter().copied().flatten() {
            let sum = sums.entry(key(line)).or_insert(Some(Exact::ZERO));
            let added = amount(line).filter(|amount| !amount.is_negative());
            *sum = sum.and_then(|sum| sum.plus(added?));
        }
        sums
    };
    let (has, takes) = (sum(&[original]), sum(&[used, now]));
    let touched = sum(&[now]);
    let exceeds = |key: &(String, String), taken: &Option<Exact>| {
        let (Some(Some(has)), Some(taken)) = (has.get(key), taken) else { return true };
        !matches!(taken.compare(*has), Some(Ordering::Less | Ordering::Equal))
    };
    let over = takes.iter().filter(|(key, taken)| touched.contains_key(*key) && exceeds(key, taken));
    over.map(|((code, unit), _)| Excess { code: code.clone(), unit: unit.clone() }).collect()
}

// ---- third-country invoice -------------------------------------------------------------------------------------------

fn third_country_invoice(walk: &mut Walk<'_>, rule: &Rule, lpco: NodeId) {
    let Some(invoice) = walk.child(lpco, EXT, "ThirdCountryInvoice") else { return };
    for (name, id) in [("CountryCode", "K9"), ("Name", "K10"), ("AddressLine", "K11")] {
        if walk.child(invoice, EXT, name).is_none() {
            let told = Told::nothing("third-country-invoice", format!("{name} ({id}): all three stand together"));
            walk.report(rule.statement, invoice, None, told);
        }
    }
    let consignment = walk.child(lpco, LPCO, "Consignment");
    let parties: Vec<NodeId> =
        ["Consignor", "Consignee"].iter().filter_map(|name| walk.child(consignment?, LPCO, name)).collect();
    if let Some(node) = walk.child(invoice, EXT, "CountryCode") {
        let text = walk.text(node);
        if party_countries(walk, lpco, &parties).iter().any(|country| *country == text) {
            let told = Told::value("third-country-invoice", "a country that is neither party's", &text);
            walk.report(rule.statement, node, None, told);
        }
    }
    if let Some(node) = walk.child(invoice, EXT, "Name") {
        let text = walk.text(node);
        let same =
            |party: &NodeId| walk.child_text(*party, LPCO, "Name").is_some_and(|name| folded(&name) == folded(&text));
        if parties.iter().any(same) {
            let told = Told::value("third-country-invoice", "a company that is neither consignor nor consignee", &text);
            walk.report(rule.statement, node, None, told);
        }
    }
}

fn party_countries(walk: &Walk<'_>, lpco: NodeId, parties: &[NodeId]) -> Vec<String> {
    let mut countries = vec![issuer(walk, lpco)];
    for party in parties {
        for address in walk.children(*party, LPCO, "Address") {
            countries.extend(walk.child_text(address, LPCO, "CountryCode").map(String::from));
        }
    }
    let consignment = walk.child(lpco, LPCO, "Consignment");
    for name in ["Destination", "ExportCountry"] {
        let country = consignment.and_then(|consignment| walk.child(consignment, LPCO, name));
        countries.extend(country.and_then(|node| walk.child_text(node, LPCO, "CountryCode")).map(String::from));
    }
    countries
}

// ---- goods -----------------------------------------------------------------------------------------------------------

/// Chapters of the Harmonized System: 1 to 97; 77 is kept free.
fn is_chapter(code: &str) -> bool {
    code.get(..2).and_then(|chapter| chapter.parse::<u8>().ok()).is_some_and(|n| (1..=97).contains(&n) && n != 77)
}

fn harmonized_system(
    walk: &mut Walk<'_>,
    rule: &Rule,
    classification: NodeId,
    (least, most): (usize, usize),
    editions: &[String],
    edition_required: bool,
) {
    let Some(kind) = walk.child(classification, LPCO, "IdentificationTypeCode") else { return };
    if walk.text(kind) != "HS" {
        return;
    }
    if let Some(node) = walk.child(classification, LPCO, "ID") {
        let text = walk.text(node);
        let fits =
            (least..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()) && is_chapter(&text);
        if !fits {
            let expected = format!("{least} to {most} digits of a chapter of the Harmonized System, without dots");
            walk.report(rule.statement, node, None, Told::value("hs-code", expected, &text));
        }
    }
    if editions.is_empty() {
        return;
    }
    let document = walk.document;
    match document.attribute(kind, "", "listVersionID") {
        Some(edition) if !editions.iter().any(|known| known == edition) => {
            let mut told = Told::value("hs-edition", expected_of(editions), edition);
            told.came.in_list = Some(false);
            walk.report(rule.statement, kind, None, told);
        }
        None if edition_required => {
            let expected = format!("the edition in listVersionID: {}", expected_of(editions));
            walk.report(rule.statement, kind, None, Told::nothing("hs-edition", expected));
        }
        _ => {}
    }
}

fn criteria(walk: &mut Walk<'_>, rule: &Rule, origin: NodeId, only_these: bool) {
    let RuleData::Criteria(lists) = &rule.data else { return };
    let Some(node) = walk.child(origin, LPCO, "RuleCode") else { return };
    let text = walk.text(node);
    let agreement = walk.agreement(origin);
    match lists.get(&agreement) {
        Some(list) if !list.iter().any(|known| *known == text) => {
            let mut told = Told::value("criterion", format!("{} under this agreement", expected_of(list)), &text);
            told.came.in_list = Some(false);
            walk.report(rule.statement, node, None, told);
        }
        None if only_these => {
            let told = Told::value("criterion", "an agreement whose criteria are known", &text);
            walk.report(rule.statement, node, None, told);
        }
        _ => {}
    }
}

fn sequence(walk: &mut Walk<'_>, rule: &Rule, consignment: NodeId, from_one: bool) {
    let items: Vec<NodeId> = walk.children(consignment, LPCO, "ConsignmentItem").collect();
    let numbers: Vec<(NodeId, Option<u64>)> = items
        .iter()
        .filter_map(|item| walk.child(*item, LPCO, "SequenceNumeric"))
        .map(|node| (node, number(&walk.text(node))))
        .collect();
    let mut last = 0;
    let mut rising = true;
    for (at, (node, number)) in numbers.iter().enumerate() {
        let Some(number) = number else { continue };
        rising &= *number > last;
        last = *number;
        if from_one && *number != at as u64 + 1 {
            let text = walk.text(*node);
            let expected = format!("{}, as items are numbered from 1", at + 1);
            walk.report(rule.statement, *node, None, Told::value("sequence-gap", expected, &text));
        }
    }
    // What rises all the way has nothing twice.
    if rising {
        return;
    }
    let mut seen = std::collections::HashSet::with_capacity(numbers.len());
    for (node, number) in numbers {
        if let Some(number) = number
            && !seen.insert(number)
        {
            let text = walk.text(node);
            let told = Told::value("duplicate-sequence", "a number that no item before has", &text);
            walk.report(rule.statement, node, None, told);
        }
    }
}

fn number(text: &str) -> Option<u64> {
    let text = text.strip_prefix('+').unwrap_or(text);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.bytes().all(|b| b == b'0') { whole.parse().ok() } else { None }
}

/// A mass with its unit; tells of a unit that is none. One that is in no list is the code lists' to judge.
fn mass(walk: &mut Walk<'_>, rule: &Rule, node: NodeId) -> Option<Exact> {
    let document = walk.document;
    let unit = document.attribute(node, "", "unitCode").unwrap_or_default();
    let mass = Exact::mass(&walk.text(node), unit);
    let listed = || codelist::list("rec20").is_some_and(|list| list.rows().iter().any(|row| row.code == unit));
    if mass.is_none() && Exact::mass("0", unit).is_none() && listed() {
        let told = Told::value("weight-unit", "a unit of mass: KGM, GRM, TNE, DTN, MGM, LBR or ONZ", unit);
        walk.report(rule.statement, node, None, told);
    }
    mass
}

/// The measures of an item: where Annex II has them, and where older versions of the data model do.
fn measures(walk: &Walk<'_>, item: NodeId) -> [Option<NodeId>; 2] {
    let commodity = walk.child(item, LPCO, "Commodity");
    [
        walk.child(item, LPCO, "GoodsMeasure"),
        commodity.and_then(|commodity| walk.child(commodity, LPCO, "GoodsMeasure")),
    ]
}

fn item_weights(walk: &mut Walk<'_>, rule: &Rule, item: NodeId) {
    for measure in measures(walk, item).into_iter().flatten() {
        let gross = walk.child(measure, LPCO, "GrossMassMeasure").and_then(|node| mass(walk, rule, node));
        for name in ["NetNetWeightMeasure", "NetWeightMeasure"] {
            let Some(node) = walk.child(measure, LPCO, name) else { continue };
            let net = mass(walk, rule, node);
            if let (Some(gross), Some(net)) = (gross, net)
                && net.compare(gross) == Some(Ordering::Greater)
            {
                let text = walk.text(node);
                let told = Told::value("net-above-gross", "at most the gross weight beside it", &text);
                walk.report(rule.statement, node, None, told);
            }
        }
    }
}

fn total_weight(walk: &mut Walk<'_>, rule: &Rule, consignment: NodeId) {
    let Some(node) = walk.child(consignment, LPCO, "TotalGrossMassMeasure") else { return };
    let Some(total) = mass(walk, rule, node) else { return };
    let items: Vec<NodeId> = walk.children(consignment, LPCO, "ConsignmentItem").collect();
    let mut sum = Exact::ZERO;
    for item in items {
        let measure = measures(walk, item).into_iter().flatten().next();
        let Some(gross) = measure.and_then(|measure| walk.child(measure, LPCO, "GrossMassMeasure")) else { continue };
        let unit = walk.document.attribute(gross, "", "unitCode").unwrap_or_default();
        // A unit that is none was told at the item.
        let Some(next) = Exact::mass(&walk.text(gross), unit).and_then(|mass| sum.plus(mass)) else { return };
        sum = next;
    }
    if sum.compare(total) == Some(Ordering::Greater) {
        let text = walk.text(node);
        let told = Told::value("gross-above-total", "at least the gross weights of all items together", &text);
        walk.report(rule.statement, node, None, told);
    }
}

// ---- dates -----------------------------------------------------------------------------------------------------------

fn issue_date(
    walk: &mut Walk<'_>,
    rule: &Rule,
    lpco: NodeId,
    future_days_max: u32,
    authentication_days_max: Option<u32>,
) {
    let Some((issue, zone, _)) = issued(walk, lpco) else { return };
    let today = walk.circumstances.now.to_zoned(zone.clone()).date();
    if calendar_days(today, issue) > future_days_max {
        let node = walk.child(lpco, LPCO, "IssueDateTime").unwrap_or(lpco);
        let told = Told::element("issue-in-future", format!("an issue at most {future_days_max} days from now"));
        walk.report(rule.statement, node, None, told);
    }
    let Some(most) = authentication_days_max else { return };
    let signed: Vec<NodeId> = walk
        .children(lpco, LPCO, "Authentication")
        .filter_map(|authentication| walk.child(authentication, LPCO, "ActualDateTime"))
        .collect();
    for node in signed {
        if day(walk, Some(node), &zone).is_some_and(|day| calendar_days(day, issue) > most) {
            let told = Told::element(
                "authentication-early",
                format!("an authentication at most {most} days before the issue"),
            );
            walk.report(rule.statement, node, None, told);
        }
    }
}

// ---- several elements ------------------------------------------------------------------------------------------------

fn standing<'r>(walk: &Walk<'_>, rule: &'r Rule, node: NodeId) -> (Vec<&'r str>, Vec<&'r str>) {
    let RuleData::Elements(elements) = &rule.data else { return (Vec::new(), Vec::new()) };
    let (mut there, mut missing) = (Vec::new(), Vec::new());
    for (reaches, name) in elements {
        let stands = reaches.iter().any(|reach| walk.any(node, reach, &mut |_| true));
        if stands { there.push(name.as_str()) } else { missing.push(name.as_str()) }
    }
    (there, missing)
}

fn one_of(walk: &mut Walk<'_>, rule: &Rule, node: NodeId, at_least: u32, at_most: Option<u32>) {
    let (there, missing) = standing(walk, rule, node);
    if (there.len() as u32) < at_least {
        let told = Told::nothing("one-of", format!("at least {at_least} of {}", [there, missing].concat().join(", ")));
        walk.report(rule.statement, node, None, told);
    } else if at_most.is_some_and(|most| there.len() as u32 > most) {
        let most = at_most.unwrap_or_default();
        let told = Told::element("one-of", format!("at most {most} of {}", [there, missing].concat().join(", ")));
        walk.report(rule.statement, node, None, told);
    }
}

fn together(walk: &mut Walk<'_>, rule: &Rule, node: NodeId) {
    let (there, missing) = standing(walk, rule, node);
    if !there.is_empty() && !missing.is_empty() {
        let told =
            Told::nothing("together", format!("{} beside {}, or none of them", missing.join(", "), there.join(", ")));
        walk.report(rule.statement, node, None, told);
    }
}

fn condition(walk: &mut Walk<'_>, rule: &Rule, node: NodeId) {
    let RuleData::Test(test) = &rule.data else { return };
    if walk.holds(test, node) {
        let message = walk.compiled.statements[usize::from(rule.statement)].message.clone();
        walk.report(rule.statement, node, None, Told::element("condition", format!("otherwise: {message}")));
    }
}
