//! What may be odd about a text: words of mixed scripts, characters that turn the direction around, characters that
//! cannot be seen, private ones, and a form that others do not compare by. Nothing is changed: signed text is never
//! normalised, only looked at.

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc, is_nfc_quick};

/// What to look for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Oddity {
    /// One word with letters of two scripts that look alike: a Cyrillic `а` in a Latin word. Hangul, Han and kana beside
    /// Latin are no oddity, nor are words of different scripts in one name.
    MixedScript,
    /// Embedding, override and isolate controls (U+202A to U+202E, U+2066 to U+2069), which show text in another order
    /// than it has. Right-to-left letters and the marks U+200E, U+200F, U+061C are no oddity.
    BidiControl,
    /// Characters without shape: zero-width space, word joiner, soft hyphen, byte order mark. The joiners of Persian and
    /// Indian scripts (U+200C, U+200D) are no oddity.
    Invisible,
    /// Characters of private use, and noncharacters: every reader shows something else.
    PrivateUse,
    /// Not in Normalization Form C, the form that texts are compared in.
    NotNfc,
}

impl Oddity {
    /// Its stable code in a violation.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::MixedScript => "mixed-script",
            Self::BidiControl => "bidi-control",
            Self::Invisible => "invisible-character",
            Self::PrivateUse => "private-use",
            Self::NotNfc => "not-nfc",
        }
    }

    /// What is expected instead.
    #[must_use]
    pub fn expected(self) -> &'static str {
        match self {
            Self::MixedScript => "words of one script each",
            Self::BidiControl => "no characters that turn the direction of text around",
            Self::Invisible => "no characters that cannot be seen",
            Self::PrivateUse => "characters that Unicode assigns",
            Self::NotNfc => "Unicode Normalization Form C",
        }
    }

    /// Whether `text` has it.
    #[must_use]
    pub fn is_in(self, text: &str) -> bool {
        // ASCII has none of them, and most texts are ASCII.
        if text.is_ascii() {
            return false;
        }
        match self {
            Self::MixedScript => mixed_script(text),
            Self::BidiControl => text.contains(|c| matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')),
            Self::Invisible => text.contains(['\u{AD}', '\u{200B}', '\u{2060}', '\u{FEFF}']),
            Self::PrivateUse => text.contains(is_private),
            Self::NotNfc => match is_nfc_quick(text.chars()) {
                IsNormalized::Yes => false,
                IsNormalized::No => true,
                IsNormalized::Maybe => !is_nfc(text),
            },
        }
    }
}

fn is_private(c: char) -> bool {
    let code = c as u32;
    matches!(code, 0xE000..=0xF8FF | 0xF_0000..=0x10_FFFF | 0xFDD0..=0xFDEF) || code & 0xFFFE == 0xFFFE
}

/// Scripts whose letters are mistaken for each other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Script {
    Latin,
    Greek,
    Cyrillic,
    Armenian,
    Cherokee,
}

/// Blocks of Unicode that hold these scripts' letters and, as letters, hardly any others.
fn script(c: char) -> Option<Script> {
    match c as u32 {
        0x41..=0x5A | 0x61..=0x7A | 0xC0..=0x24F | 0x1E00..=0x1EFF | 0x2C60..=0x2C7F | 0xA720..=0xA7FF => {
            Some(Script::Latin)
        }
        0xFF21..=0xFF3A | 0xFF41..=0xFF5A => Some(Script::Latin),
        0x370..=0x3FF | 0x1F00..=0x1FFF => Some(Script::Greek),
        0x400..=0x52F | 0x1C80..=0x1C8F | 0x2DE0..=0x2DFF | 0xA640..=0xA69F => Some(Script::Cyrillic),
        0x530..=0x58F => Some(Script::Armenian),
        0x13A0..=0x13FF | 0xAB70..=0xABBF => Some(Script::Cherokee),
        _ => None,
    }
}

fn mixed_script(text: &str) -> bool {
    text.split(|c: char| !c.is_alphabetic()).any(|word| {
        let mut scripts = word.chars().filter_map(script);
        let first = scripts.next();
        scripts.any(|other| Some(other) != first)
    })
}

/// The form by which names are compared: NFC, lower case, white space and punctuation left out.
#[must_use]
pub fn folded(text: &str) -> String {
    text.nfc().flat_map(char::to_lowercase).filter(|c| c.is_alphanumeric()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Oddity; 5] =
        [Oddity::MixedScript, Oddity::BidiControl, Oddity::Invisible, Oddity::PrivateUse, Oddity::NotNfc];

    fn oddities(text: &str) -> Vec<Oddity> {
        ALL.into_iter().filter(|oddity| oddity.is_in(text)).collect()
    }

    #[test]
    fn honest_names_of_this_world_are_not_odd() {
        for text in [
            "Hangang Precision Co., Ltd.",
            "주식회사 새벽무역 (Saebyeok Trading)",
            "LG전자 Vietnam",
            "中国石化 Sinopec 貿易（株）",
            "Công ty TNHH Thương mại",
            "شركة التجارة المحدودة",
            "مى\u{200C}خواهم",
            "חברה בע\"מ\u{200F}",
            "ООО «Ромашка» Ltd",
            "บริษัท ไทยจำกัด",
            "\u{20000}\u{1F600} astral",
            "Ångström",
        ] {
            assert_eq!(oddities(text), [], "{text}");
        }
    }

    #[test]
    fn each_oddity_is_found_and_only_that() {
        for (text, oddity) in [
            // The second letter is Cyrillic.
            ("P\u{430}nama Trading", Oddity::MixedScript),
            ("Alph\u{3B1}", Oddity::MixedScript),
            ("invoice \u{202E}gpj.exe", Oddity::BidiControl),
            ("a\u{2066}b\u{2069}", Oddity::BidiControl),
            ("zero\u{200B}width", Oddity::Invisible),
            ("\u{FEFF}start", Oddity::Invisible),
            ("old hangul \u{E0BC}", Oddity::PrivateUse),
            ("plane 16 \u{10FFFD}", Oddity::PrivateUse),
            ("non \u{1FFFE}", Oddity::PrivateUse),
            // Decomposed: A and ring, and jamo.
            ("A\u{30A}ngstro\u{308}m", Oddity::NotNfc),
            ("\u{1112}\u{1161}\u{11AB}", Oddity::NotNfc),
        ] {
            assert_eq!(oddities(text), [oddity], "{text}");
        }
    }

    #[test]
    fn names_compare_alike_in_both_normal_forms() {
        // The third-country rule must not be fooled by a decomposed name, nor by a comma.
        assert_eq!(folded("Ångström Co., Ltd."), folded("A\u{30A}ngstro\u{308}m CO LTD"));
        assert_ne!(folded("Hangang"), folded("Hangong"));
    }
}
