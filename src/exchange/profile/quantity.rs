//! Decimals with their unit, compared and added exactly: never a binary float.

use std::cmp::Ordering;

/// A decimal number: `mantissa` x 10^-`scale`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exact {
    mantissa: i128,
    scale: u32,
}

/// Digits that a number may have: the contract's 16 and the widest unit stay far below 38.
const DIGITS_MAX: usize = 24;

/// Units of mass in kilograms (UN/ECE Rec 20): code, factor, its decimal places. International pound and ounce are
/// exact by definition.
const MASS: &[(&str, i128, u32)] = &[
    ("KGM", 1, 0),
    ("GRM", 1, 3),
    ("MGM", 1, 6),
    ("DTN", 100, 0),
    ("TNE", 1_000, 0),
    ("LBR", 45_359_237, 8),
    ("ONZ", 28_349_523_125, 12),
];

impl Exact {
    /// Zero.
    pub const ZERO: Self = Self { mantissa: 0, scale: 0 };

    /// Reads a decimal; none when it is none, or has more digits than any quantity.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (negative, digits) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
        let is_decimal = digits.bytes().any(|b| b.is_ascii_digit())
            && whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit());
        if !is_decimal || whole.len() + fraction.len() > DIGITS_MAX {
            return None;
        }
        let joined = format!("0{whole}{fraction}");
        let mantissa: i128 = joined.parse().ok()?;
        Some(Self { mantissa: if negative { -mantissa } else { mantissa }, scale: fraction.len() as u32 })
    }

    /// A mass in kilograms; none for a unit that is no unit of mass.
    #[must_use]
    pub fn mass(text: &str, unit: &str) -> Option<Self> {
        let (_, factor, places) = MASS.iter().find(|(code, ..)| *code == unit)?;
        let number = Self::parse(text)?;
        Some(Self { mantissa: number.mantissa.checked_mul(*factor)?, scale: number.scale + places })
    }

    /// The sum; none when it has no room.
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        let (a, b, scale) = self.aligned(other)?;
        let mut sum = Self { mantissa: a.checked_add(b)?, scale };
        while sum.scale > 0 && sum.mantissa % 10 == 0 {
            sum = Self { mantissa: sum.mantissa / 10, scale: sum.scale - 1 };
        }
        Some(sum)
    }

    /// The same below zero, or above.
    #[must_use]
    pub fn negated(self) -> Self {
        Self { mantissa: -self.mantissa, ..self }
    }

    /// Which is greater; none when the numbers cannot be brought to one scale.
    #[must_use]
    pub fn compare(self, other: Self) -> Option<Ordering> {
        let (a, b, _) = self.aligned(other)?;
        Some(a.cmp(&b))
    }

    /// Whether it is less than nothing.
    #[must_use]
    pub fn is_negative(self) -> bool {
        self.mantissa < 0
    }

    /// Decimal places, without zeros at the end.
    #[must_use]
    pub fn places(self) -> u32 {
        self.scale
    }

    fn aligned(self, other: Self) -> Option<(i128, i128, u32)> {
        let scale = self.scale.max(other.scale);
        let up = |number: Self| 10_i128.checked_pow(scale - number.scale)?.checked_mul(number.mantissa);
        Some((up(self)?, up(other)?, scale))
    }
}

impl std::fmt::Display for Exact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.mantissa < 0 { "-" } else { "" };
        let places = self.scale as usize;
        let digits = format!("{:0>width$}", self.mantissa.unsigned_abs(), width = places + 1);
        let (whole, fraction) = digits.split_at(digits.len() - places);
        if fraction.is_empty() { write!(f, "{sign}{whole}") } else { write!(f, "{sign}{whole}.{fraction}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masses_compare_across_units_without_a_float() {
        for (a, unit_a, b, unit_b, order) in [
            ("1", "TNE", "1000", "KGM", Ordering::Equal),
            ("0.1", "KGM", "100.0000", "GRM", Ordering::Equal),
            ("1000.000001", "KGM", "1", "TNE", Ordering::Greater),
            ("1", "LBR", "0.45359237", "KGM", Ordering::Equal),
            ("16", "ONZ", "1", "LBR", Ordering::Equal),
            ("9999999999.999999", "TNE", "9999999999999.999", "KGM", Ordering::Equal),
            ("-0", "KGM", "0", "GRM", Ordering::Equal),
            ("0.3", "KGM", "0.30000000000000004", "KGM", Ordering::Less),
        ] {
            let (left, right) = (Exact::mass(a, unit_a).unwrap(), Exact::mass(b, unit_b).unwrap());
            assert_eq!(left.compare(right), Some(order), "{a} {unit_a}, {b} {unit_b}");
        }
        assert_eq!(Exact::mass("1", "LTR"), None);
        assert_eq!(Exact::mass("1", "kgm"), None);
    }

    #[test]
    fn what_is_no_decimal_of_sane_length_is_none() {
        for text in ["", "-", ".", "1e3", "1,5", "NaN", "1234567890123456789012345", "0x1", "--1", "1.2.3"] {
            assert_eq!(Exact::parse(text), None, "{text}");
        }
        assert_eq!(Exact::parse("007.500").unwrap().places(), 1);
        let sum = Exact::parse("0.1").unwrap().plus(Exact::parse("0.2").unwrap()).unwrap();
        assert_eq!(sum.compare(Exact::parse("0.3").unwrap()), Some(Ordering::Equal));
        assert!(Exact::parse("-3").unwrap().is_negative());
    }
}
