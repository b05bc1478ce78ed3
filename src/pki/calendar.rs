//! What expires when: certificates, anchors and revocation lists, with the days on which somebody is told.

use jiff::Timestamp;

use super::cert::Certificate;
use super::revocation::Crl;

/// Days before the end on which an alert is due, largest first.
pub const THRESHOLD_DAYS: [i64; 6] = [90, 60, 30, 14, 7, 1];

/// One thing that ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// What it is: `KR sign`, `anchor of ID`.
    pub what: String,
    /// Subject of the certificate, or issuer of the list.
    pub subject: String,
    /// SHA-256 of it in hexadecimal; empty for a list.
    pub fingerprint: String,
    /// When it ends.
    pub ends: Timestamp,
}

/// How near an end is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Nearness {
    /// It has ended.
    Ended,
    /// It ends within this many days: the smallest threshold that is reached.
    Within(i64),
    /// Further away than every threshold.
    Far,
}

impl Entry {
    /// The end of a certificate.
    #[must_use]
    pub fn of_certificate(what: impl Into<String>, certificate: &Certificate) -> Self {
        Self {
            what: what.into(),
            subject: certificate.subject().to_owned(),
            fingerprint: certificate.fingerprint(),
            ends: certificate.not_after(),
        }
    }

    /// The nextUpdate of a revocation list; `None` when it has none.
    #[must_use]
    pub fn of_crl(what: impl Into<String>, crl: &Crl) -> Option<Self> {
        let ends = crl.next_update()?;
        Some(Self { what: what.into(), subject: crl.issuer().to_owned(), fingerprint: String::new(), ends })
    }

    /// How near its end is.
    #[must_use]
    pub fn nearness(&self, now: Timestamp) -> Nearness {
        if now > self.ends {
            return Nearness::Ended;
        }
        let days = self.days_left(now);
        let reached = THRESHOLD_DAYS.iter().rev().find(|threshold| days < **threshold);
        reached.map_or(Nearness::Far, |threshold| Nearness::Within(*threshold))
    }

    /// Whole days left; negative when it has ended.
    #[must_use]
    pub fn days_left(&self, now: Timestamp) -> i64 {
        self.ends.as_second().saturating_sub(now.as_second()).div_euclid(24 * 3600)
    }

    /// Whether a threshold was passed between two moments: an alert is due once.
    #[must_use]
    pub fn passed(&self, before: Timestamp, now: Timestamp) -> bool {
        self.nearness(now) < self.nearness(before)
    }
}

/// Sorts entries by their end, the nearest first.
pub fn sort(entries: &mut [Entry]) {
    entries.sort_by(|left, right| left.ends.cmp(&right.ends).then_with(|| left.what.cmp(&right.what)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn each_threshold_is_passed_once() {
        let ends = at("2027-01-01T00:00:00Z");
        let entry = Entry { what: "KR sign".into(), subject: "CN=x".into(), fingerprint: String::new(), ends };
        let mut day = at("2026-09-01T00:00:01Z");
        let mut passed = Vec::new();
        while day < at("2027-01-05T00:00:00Z") {
            let next = day.checked_add(jiff::SignedDuration::from_hours(24)).unwrap();
            if entry.passed(day, next) {
                passed.push(entry.nearness(next));
            }
            day = next;
        }
        let expected: Vec<_> =
            THRESHOLD_DAYS.iter().map(|days| Nearness::Within(*days)).chain([Nearness::Ended]).collect();
        assert_eq!(passed, expected);
        assert_eq!(entry.nearness(ends), Nearness::Within(1));
        assert_eq!(entry.days_left(at("2027-01-01T00:00:01Z")), -1);
    }
}
