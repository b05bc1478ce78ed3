//! Rules that need a claim (design 2.5): which decision is in force, how much of an item is used, what is left or overdrawn,
//! and whether the document had expired when it was claimed. Pure: no I/O, no clock; time and zone are arguments.
//!
//! Quantities are exact; a quantity in another unit is never converted.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::contract::text::Decimal;
use crate::contract::{Claim, Decision, DecisionKind};
use crate::exchange::profile::{Exact, Given};

/// The decision in force: of several the one with the highest number, wherever it stands.
#[must_use]
pub fn in_force(decisions: &[Decision]) -> Option<&Decision> {
    decisions.iter().max_by_key(|decision| decision.number)
}

/// What the claims of a CO come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Nothing was claimed.
    Unclaimed,
    /// At least one claim is not decided, or is to be handed in again.
    Open,
    /// Every claim was granted in full.
    Granted,
    /// Something was granted, and something not.
    PartlyGranted,
    /// Every claim was denied.
    Denied,
}

/// What the claims of a CO come to, by the decision in force of each.
#[must_use]
pub fn standing(claims: &[Claim]) -> Standing {
    let (mut full, mut part, mut none) = (false, false, false);
    for claim in claims {
        match in_force(&claim.decisions) {
            Some(decision) => match granted(claim, decision) {
                Grant::Open => return Standing::Open,
                Grant::Full => full = true,
                Grant::Part => part = true,
                Grant::Nothing => none = true,
            },
            None => return Standing::Open,
        }
    }
    match (full, part, none) {
        (false, false, false) => Standing::Unclaimed,
        (true, false, false) => Standing::Granted,
        (false, false, true) => Standing::Denied,
        _ => Standing::PartlyGranted,
    }
}

/// How much of a claim a decision grants.
enum Grant {
    Open,
    Full,
    Part,
    Nothing,
}

fn granted(claim: &Claim, decision: &Decision) -> Grant {
    match decision.kind {
        DecisionKind::UnderVerification | DecisionKind::ResubmissionRequired => Grant::Open,
        DecisionKind::Granted => Grant::Full,
        DecisionKind::Denied => Grant::Nothing,
        DecisionKind::PartlyGranted => Grant::Part,
        // A revision says how much; without a word of it all is granted.
        DecisionKind::Revised => match &decision.granted {
            Some(granted) if quantity(granted) == Some(Exact::ZERO) => Grant::Nothing,
            Some(granted) if granted.compare(&claim.quantity).is_lt() => Grant::Part,
            _ => Grant::Full,
        },
    }
}

/// A quantity that is not below zero; none for another number.
fn quantity(decimal: &Decimal) -> Option<Exact> {
    Exact::parse(decimal.as_str()).filter(|number| !number.is_negative())
}

/// What is left of an item.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Remaining {
    /// So much, zero when all is used.
    Left(Exact),
    /// Claims use so much more than there is: a flag for customs, never a refusal.
    Overdrawn(Exact),
    /// A claim counts in another unit than the item, or a quantity cannot be counted.
    Unknown,
}

/// How much of a claim counts as used: what was granted; all that was claimed while nothing is decided, so that the same
/// goods are not claimed twice meanwhile; nothing when it was denied.
#[must_use]
pub fn used(claim: &Claim) -> Option<Exact> {
    let claimed = quantity(&claim.quantity);
    let Some(decision) = in_force(&claim.decisions) else { return claimed };
    match decision.kind {
        DecisionKind::Denied => Some(Exact::ZERO),
        DecisionKind::PartlyGranted | DecisionKind::Revised => match &decision.granted {
            Some(granted) => quantity(granted),
            None => claimed,
        },
        DecisionKind::Granted | DecisionKind::UnderVerification | DecisionKind::ResubmissionRequired => claimed,
    }
}

/// What is left of item `item`, of which the CO certifies `certified` in `unit`, after `claims`.
#[must_use]
pub fn remaining(item: u64, certified: &Decimal, unit: &str, claims: &[Claim]) -> Remaining {
    let left = || {
        let mut left = quantity(certified)?;
        for claim in claims.iter().filter(|claim| claim.item == item) {
            left = used(claim).filter(|_| claim.unit == unit)?.negated().plus(left)?;
        }
        Some(left)
    };
    match left() {
        Some(left) if left.is_negative() => Remaining::Overdrawn(left.negated()),
        Some(left) => Remaining::Left(left),
        None => Remaining::Unknown,
    }
}

/// Whether a document could still be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Validity {
    /// It was in force.
    InForce,
    /// It had expired.
    Expired,
    /// It names no end.
    Unlimited,
    /// Its end cannot be read.
    Unknown,
}

/// Whether a document that may be used until `expires` (as given; none when it names no end) was in force when it was
/// claimed at `claimed`. A day without a zone ends where its issuer is.
#[must_use]
pub fn expiry(expires: Option<&str>, issuer: &TimeZone, claimed: Timestamp) -> Validity {
    let Some(text) = expires else { return Validity::Unlimited };
    match Given::parse(text, None).ok().and_then(|(given, _)| given.last_moment(issuer)) {
        Some(last) if claimed <= last => Validity::InForce,
        Some(_) => Validity::Expired,
        None => Validity::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    /// `granted`, `partly-granted:40`, ...: decisions by number from 1.
    fn claim(item: u64, quantity: &str, unit: &str, decisions: &[&str]) -> Claim {
        let decisions = decisions.iter().enumerate().map(|(at, text)| {
            let (kind, granted) = text.split_once(':').map_or((*text, None), |(kind, granted)| (kind, Some(granted)));
            Decision {
                number: at as u64 + 1,
                kind: DecisionKind::parse(kind).unwrap(),
                at: "20261121".to_owned(),
                granted: granted.map(decimal),
                reason: String::new(),
            }
        });
        Claim {
            declaration: "D1".to_owned(),
            declaration_item: None,
            item,
            quantity: decimal(quantity),
            unit: unit.to_owned(),
            decisions: decisions.collect(),
        }
    }

    #[test]
    fn the_decision_with_the_highest_number_is_in_force_wherever_it_stands() {
        let mut claim = claim(1, "10", "KGM", &["under-verification", "denied", "revised:4"]);
        claim.decisions.reverse();
        assert_eq!(in_force(&claim.decisions).unwrap().kind, DecisionKind::Revised);
        assert_eq!(in_force(&[]), None);
    }

    #[test]
    fn the_standing_of_a_co_follows_from_its_claims() {
        let of = |claims: &[&[&str]]| {
            standing(&claims.iter().map(|decisions| claim(1, "10", "KGM", decisions)).collect::<Vec<_>>())
        };
        for (claims, expected) in [
            (&[][..], Standing::Unclaimed),
            (&[&["granted"][..]], Standing::Granted),
            (&[&["denied"]], Standing::Denied),
            (&[&["partly-granted:4"]], Standing::PartlyGranted),
            (&[&["granted"], &["denied"]], Standing::PartlyGranted),
            (&[&["granted"], &["under-verification"]], Standing::Open),
            (&[&["resubmission-required"]], Standing::Open),
            (&[&["under-verification", "granted"]], Standing::Granted),
            (&[&["granted", "revised:0"]], Standing::Denied),
            (&[&["denied", "revised:9.999999"]], Standing::PartlyGranted),
            (&[&["denied", "revised:10.0"]], Standing::Granted),
            (&[&["denied", "revised"]], Standing::Granted),
            (&[&[]], Standing::Open),
        ] {
            assert_eq!(of(claims), expected, "{claims:?}");
        }
    }

    #[test]
    fn quantities_add_up_exactly_and_overdrawing_is_a_flag() {
        let left = |text: &str| Remaining::Left(quantity(&decimal(text)).unwrap());
        let over = |text: &str| Remaining::Overdrawn(quantity(&decimal(text)).unwrap());
        for (certified, claims, expected) in [
            ("100", vec![], left("100")),
            ("100", vec![claim(1, "40", "KGM", &["granted"])], left("60")),
            ("100", vec![claim(1, "100.000000", "KGM", &["granted"])], left("0")),
            ("0.3", vec![claim(1, "0.1", "KGM", &["granted"]), claim(1, "0.2", "KGM", &["granted"])], left("0")),
            ("0.3", vec![claim(1, "0.300001", "KGM", &["granted"])], over("0.000001")),
            ("100", vec![claim(1, "150", "KGM", &["partly-granted:40"])], left("60")),
            ("100", vec![claim(1, "150", "KGM", &["denied"])], left("100")),
            // Undecided claims hold what they ask for.
            ("100", vec![claim(1, "60", "KGM", &[]), claim(1, "60", "KGM", &["under-verification"])], over("20")),
            ("100", vec![claim(1, "60", "KGM", &["granted", "revised:70"])], left("30")),
            // Another item's claims are another item's.
            ("100", vec![claim(2, "500", "C62", &["granted"])], left("100")),
            ("100", vec![claim(1, "40", "C62", &["granted"])], Remaining::Unknown),
            ("9999999999999999", vec![claim(1, "9999999999999999", "KGM", &["granted"]); 2], over("9999999999999999")),
            ("-1", vec![], Remaining::Unknown),
            ("1.0000001", vec![claim(1, "1", "KGM", &["granted"])], left("0.0000001")),
        ] {
            assert_eq!(remaining(1, &decimal(certified), "KGM", &claims), expected, "{certified} {claims:?}");
        }
        assert_eq!(quantity(&decimal("+007.50")).unwrap().to_string(), "7.5");
        assert_eq!(quantity(&decimal(".5")).unwrap().to_string(), "0.5");
        assert_eq!(quantity(&Decimal::default()), None);
    }

    #[test]
    fn a_document_expires_where_its_issuer_is() {
        let seoul = TimeZone::fixed(jiff::tz::offset(9));
        let apia = TimeZone::fixed(jiff::tz::offset(-11));
        for (expires, zone, claimed, expected) in [
            // 31 December in Seoul ends at 15:00 UTC.
            (Some("20261231"), &seoul, "2026-12-31T14:59:59.999Z", Validity::InForce),
            (Some("20261231"), &seoul, "2026-12-31T15:00:00Z", Validity::Expired),
            (Some("20261231"), &apia, "2027-01-01T10:59:59Z", Validity::InForce),
            (Some("20261231"), &apia, "2027-01-01T11:00:00Z", Validity::Expired),
            (Some("20261231120000"), &seoul, "2026-12-31T03:00:00Z", Validity::InForce),
            (Some("20261231120000"), &seoul, "2026-12-31T03:00:01Z", Validity::Expired),
            // A zone that is given counts, wherever the issuer is.
            (Some("20261231120000Z"), &seoul, "2026-12-31T12:00:00Z", Validity::InForce),
            (Some("20261231120000+0900"), &apia, "2026-12-31T03:00:01Z", Validity::Expired),
            (Some("20261231120000-05:30"), &seoul, "2026-12-31T17:30:00Z", Validity::InForce),
            (Some("2026-12-31T12:00:00+09:00"), &apia, "2026-12-31T03:00:00Z", Validity::InForce),
            (Some("2026-12-31T12:00:00"), &seoul, "2026-12-31T03:00:01Z", Validity::Expired),
            // 29 February is a day in leap years alone.
            (Some("20280229"), &seoul, "2028-02-29T14:00:00Z", Validity::InForce),
            (Some("20270229"), &seoul, "2027-02-28T14:00:00Z", Validity::Unknown),
            (Some("soon"), &seoul, "2026-12-31T12:00:00Z", Validity::Unknown),
            (Some("한국어한국어한국어"), &seoul, "2026-12-31T12:00:00Z", Validity::Unknown),
            (None, &seoul, "2026-12-31T12:00:00Z", Validity::Unlimited),
        ] {
            assert_eq!(expiry(expires, zone, claimed.parse().unwrap()), expected, "{expires:?} at {claimed}");
        }
    }

    #[test]
    fn a_day_ends_when_it_ends_even_where_clocks_change_at_midnight() {
        // The clock jumps from 00:00 to 01:00 on the day after: the day before has its 24 hours.
        let zone = TimeZone::posix("XXX3YYY,J90/0,J300/0").unwrap();
        let last = Given::parse("20260330", None).unwrap().0.last_moment(&zone).unwrap();
        assert_eq!(last.to_string(), "2026-03-31T02:59:59.999999999Z");
    }
}
