//! `wsu:Timestamp` (SMS 1.1 §10): read strictly, and judged against a clock.
//!
//! Refused: a second Created or Expires, foreign children, times without a zone (UTC is assumed by nobody), times more
//! than the skew ahead, expired ones, and whatever lives longer than the hard maximum.

use jiff::{SignedDuration, Timestamp as Instant};

use super::policy::{LIFETIME, LIFETIME_MAX};
use crate::soap::envelope::clip;
use crate::xml::{Document, Kind, NodeId, TextPos, ns};

/// Why a Timestamp is not taken.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum Error {
    /// Two Created, a foreign child, no Created.
    #[error("{at}: expected wsu:Created, then wsu:Expires at most once, came {came}")]
    Structure {
        /// What came.
        came: String,
        /// Where.
        at: TextPos,
    },
    /// `<wsu:Created>yesterday</wsu:Created>`.
    #[error("{at}: {came:?} is not a date and time with its zone")]
    Time {
        /// What came, clipped.
        came: String,
        /// Where.
        at: TextPos,
    },
    /// Expires lies before Created.
    #[error("expires {expires}, before it was created {created}")]
    Backwards {
        /// Created.
        created: Instant,
        /// Expires.
        expires: Instant,
    },
    /// The clock of the sender is ahead by more than the skew.
    #[error("created {created}, now {now}: your clock is {ahead} ahead, limit {limit}")]
    Future {
        /// Created.
        created: Instant,
        /// The clock here.
        now: Instant,
        /// How far.
        ahead: Span,
        /// How far it may be.
        limit: Span,
    },
    /// Expires, or the hard maximum, has passed.
    #[error("expired {expired}, now {now}")]
    Expired {
        /// When it expired.
        expired: Instant,
        /// The clock here.
        now: Instant,
    },
}

/// A length of time as people say it: `7 m 12 s`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span(pub SignedDuration);

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seconds = self.0.as_secs();
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        match (hours, minutes, seconds) {
            (0, 0, seconds) => write!(f, "{seconds} s"),
            (0, minutes, 0) => write!(f, "{minutes} m"),
            (0, minutes, seconds) => write!(f, "{minutes} m {seconds} s"),
            (hours, minutes, _) => write!(f, "{hours} h {minutes} m"),
        }
    }
}

/// A Timestamp as it came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timestamp {
    /// When the message was made.
    pub created: Instant,
    /// When it ends, if it says so.
    pub expires: Option<Instant>,
}

impl Timestamp {
    /// Reads `node`, a `wsu:Timestamp`.
    ///
    /// # Errors
    /// [`Error`] for another structure or a time that cannot be read.
    pub fn read(document: &Document, node: NodeId) -> Result<Self, Error> {
        let structure = |came: &str, at: NodeId| Error::Structure { came: clip(came), at: document.position(at) };
        let mut elements = document.elements(node);
        let created = elements.next().filter(|child| document.is(*child, ns::WSU, "Created"));
        let created = time(document, created.ok_or_else(|| structure("no Created", node))?)?;
        let expires = match elements.next() {
            None => None,
            Some(child) if document.is(child, ns::WSU, "Expires") => Some(time(document, child)?),
            Some(child) => return Err(structure(document.local(child), child)),
        };
        if let Some(extra) = elements.next() {
            return Err(structure(document.local(extra), extra));
        }
        Ok(Self { created, expires })
    }

    /// Judges the Timestamp at `now`. `skew` is how far clocks may differ.
    ///
    /// # Errors
    /// [`Error`] when it lies in the future, has expired, or runs backwards.
    pub fn judge(&self, now: Instant, skew: SignedDuration) -> Result<(), Error> {
        let created = self.created;
        if let Some(expires) = self.expires.filter(|expires| *expires < created) {
            return Err(Error::Backwards { created, expires });
        }
        let ahead = created.duration_since(now);
        if ahead > skew {
            return Err(Error::Future { created, now, ahead: Span(ahead), limit: Span(skew) });
        }
        let stated = self.expires.map_or(LIFETIME, |expires| expires.duration_since(created));
        let lifetime = stated.min(LIFETIME_MAX);
        // The skew lengthens what is stated, never the hard maximum.
        let allowed = lifetime.saturating_add(skew).min(LIFETIME_MAX);
        if now.duration_since(created) >= allowed {
            let expired = created.checked_add(lifetime).unwrap_or(created);
            return Err(Error::Expired { expired, now });
        }
        Ok(())
    }
}

/// An xs:dateTime with a zone.
fn time(document: &Document, node: NodeId) -> Result<Instant, Error> {
    let child = document.first_child(node);
    let text = match child {
        Some(child) if document.kind(child) == Kind::Text && document.next_sibling(child).is_none() => {
            document.text(child).trim_matches([' ', '\t', '\r', '\n'])
        }
        _ => "",
    };
    let shaped = text.len() >= 20 && text.len() <= 40 && text.as_bytes().get(10) == Some(&b'T') && text.is_ascii();
    let parsed = if shaped && !text.contains('[') { text.parse::<Instant>().ok() } else { None };
    parsed.ok_or_else(|| Error::Time { came: clip(text), at: document.position(node) })
}

/// A time as we write it: UTC, milliseconds.
#[must_use]
pub fn written(at: Instant) -> String {
    let at = at.round(jiff::Unit::Millisecond).unwrap_or(at);
    format!("{at:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml;

    fn read(inside: &str) -> Result<Timestamp, Error> {
        let text = format!(r#"<wsu:Timestamp xmlns:wsu="{}">{inside}</wsu:Timestamp>"#, ns::WSU);
        let document = xml::parse(text.into_bytes(), &xml::Options::default()).unwrap();
        Timestamp::read(&document, document.document_element())
    }

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    #[test]
    fn reads_zones_and_fractions() {
        for created in ["2026-11-22T12:00:00Z", "2026-11-22T12:00:00.000Z", "2026-11-22T21:00:00+09:00"] {
            let came = read(&format!("<wsu:Created>{created}</wsu:Created>")).unwrap();
            assert_eq!(came.created, at("2026-11-22T12:00:00Z"));
        }
    }

    #[test]
    fn refuses_other_structures() {
        let created = "<wsu:Created>2026-11-22T12:00:00Z</wsu:Created>";
        let expires = "<wsu:Expires>2026-11-22T12:05:00Z</wsu:Expires>";
        assert!(read(&format!("{created}{expires}")).is_ok());
        for inside in [
            "",
            expires,
            &format!("{expires}{created}"),
            &format!("{created}{created}"),
            &format!("{created}{expires}{expires}"),
            &format!("{created}<x/>"),
            "<wsu:Created>2026-11-22T12:00:00</wsu:Created>",
            "<wsu:Created>2026-11-22</wsu:Created>",
            "<wsu:Created>2026-11-22T12:00<!---->:00Z</wsu:Created>",
            "<wsu:Created>2026-11-22T12:00:00Z[Asia/Seoul]</wsu:Created>",
        ] {
            assert!(read(inside).is_err(), "{inside}");
        }
    }

    #[test]
    fn the_window_is_exact_at_both_ends() {
        let skew = SignedDuration::from_secs(300);
        let created = at("2026-11-22T12:00:00Z");
        let judge = |expires: Option<&str>, now: &str| {
            Timestamp { created, expires: expires.map(at) }.judge(at(now), skew).is_ok()
        };
        assert!(judge(None, "2026-11-22T11:55:00Z"));
        assert!(!judge(None, "2026-11-22T11:54:59Z"));
        assert!(judge(None, "2026-11-22T12:09:59Z"));
        assert!(!judge(None, "2026-11-22T12:10:00Z"));
        assert!(judge(Some("2026-11-22T12:01:00Z"), "2026-11-22T12:05:59Z"));
        assert!(!judge(Some("2026-11-22T12:01:00Z"), "2026-11-22T12:06:00Z"));
        // A year of life is cut to a quarter of an hour.
        assert!(judge(Some("2027-11-22T12:00:00Z"), "2026-11-22T12:14:59Z"));
        assert!(!judge(Some("2027-11-22T12:00:00Z"), "2026-11-22T12:15:00Z"));
        assert!(!judge(Some("2026-11-22T11:59:59Z"), "2026-11-22T12:00:00Z"));
    }

    #[test]
    fn says_how_far_a_clock_is_ahead() {
        let came = Timestamp { created: at("2026-11-22T12:07:12Z"), expires: None };
        let error = came.judge(at("2026-11-22T12:00:00Z"), SignedDuration::from_secs(300)).unwrap_err();
        assert!(error.to_string().ends_with("your clock is 7 m 12 s ahead, limit 5 m"), "{error}");
    }

    #[test]
    fn what_we_write_reads_back() {
        assert_eq!(written(at("2026-11-22T12:00:00.1234567Z")), "2026-11-22T12:00:00.123Z");
    }
}
