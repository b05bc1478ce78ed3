//! Names of Rust for names of schemas: words, keywords, and one name for one thing.

use std::collections::BTreeSet;

/// `LPCOType` is `Lpco`, `IDType` is `Id`.
pub(super) fn type_name(name: &str) -> String {
    let name = name.strip_suffix("Type").filter(|rest| !rest.is_empty()).unwrap_or(name);
    let name: String = words(name)
        .into_iter()
        .map(|word| {
            let mut characters = word.chars();
            characters
                .next()
                .map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + characters.as_str())
        })
        .collect();
    match name.chars().next() {
        Some(first) if first.is_ascii_alphabetic() => name,
        _ => format!("T{name}"),
    }
}

/// `WCODataModelVersionCode` is `wco_data_model_version_code`.
pub(super) fn snake(name: &str) -> String {
    let name = words(name).join("_");
    match name.as_str() {
        "type" => "kind".to_owned(),
        name if KEYWORDS.contains(&name) => format!("{name}_"),
        _ if name.starts_with(|first: char| first.is_ascii_alphabetic()) => name,
        _ => format!("f{name}"),
    }
}

/// Module of the types of the namespace `uri`: its last word that is one.
pub(super) fn module_name(uri: &str) -> String {
    let mut parts = uri.split(|c: char| !c.is_ascii_alphanumeric());
    let last = parts.rfind(|part| part.starts_with(|first: char| first.is_ascii_alphabetic()));
    match last {
        Some(part) => snake(&part.to_ascii_lowercase()),
        None => "types".to_owned(),
    }
}

/// `name`, with a number where it is in use; in use from now on.
pub(super) fn unique(used: &mut BTreeSet<String>, name: &str) -> String {
    let numbered = (2_u64..).map(|number| format!("{name}{number}"));
    let fresh = std::iter::once(name.to_owned()).chain(numbered).find(|name| !used.contains(name));
    let fresh = fresh.unwrap_or_default();
    used.insert(fresh.clone());
    fresh
}

/// Names of types that generated code uses as others know them.
pub(super) const TAKEN_TYPES: &[&str] = &[
    "Between",
    "Bind",
    "Binder",
    "Box",
    "Clone",
    "Codes",
    "Coded",
    "Complex",
    "Debug",
    "Default",
    "Eq",
    "Err",
    "Foreign",
    "ForeignAttribute",
    "ListId",
    "Nillable",
    "NodeId",
    "None",
    "Ok",
    "Option",
    "PartialEq",
    "Result",
    "Self",
    "Some",
    "String",
    "Vec",
    "Visit",
    "Write",
    "Writer",
];

/// Words that Rust keeps for itself, of every edition.
const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn", "else",
    "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod",
    "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct", "super", "trait", "true",
    "try", "typeof", "union", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// Words of a name in lower case: a run of capitals is one word, but for its last letter before a small one. Marks part
/// words; letters beyond ASCII are told by their number, for not all of them may stand in a name of Rust.
fn words(name: &str) -> Vec<String> {
    let characters: Vec<char> = name.chars().collect();
    let mut out: Vec<String> = vec![String::new()];
    for (at, character) in characters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|b| characters.get(b));
        let after = characters.get(at + 1);
        let begins = character.is_ascii_uppercase()
            && (before.is_none_or(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
                || after.is_some_and(|a| a.is_ascii_lowercase()));
        let parts = character.is_ascii() && !character.is_ascii_alphanumeric();
        if begins || parts {
            out.push(String::new());
        }
        match out.last_mut() {
            Some(word) if character.is_ascii_alphanumeric() => word.push(character.to_ascii_lowercase()),
            Some(word) if !character.is_ascii() => word.push_str(&format!("u{:x}", u32::from(*character))),
            _ => {}
        }
    }
    out.retain(|word| !word.is_empty());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_words_of_the_contract() {
        assert_eq!(snake("WCODataModelVersionCode"), "wco_data_model_version_code");
        assert_eq!(snake("IssueDateTime"), "issue_date_time");
        assert_eq!(snake("ID"), "id");
        assert_eq!(snake("MarksNumbersID"), "marks_numbers_id");
        assert_eq!(snake("wcoId"), "wco_id");
        assert_eq!(snake("type"), "kind");
        assert_eq!(type_name("LPCOType"), "Lpco");
        assert_eq!(type_name("TransportContractDocumentType"), "TransportContractDocument");
    }

    #[test]
    fn every_name_of_xml_becomes_a_name_of_rust() {
        assert_eq!((snake("for").as_str(), snake("gen").as_str()), ("for_", "gen_"));
        assert_eq!(
            (snake("_1st.line-no").as_str(), type_name("_1st.line-no").as_str()),
            ("f1st_line_no", "T1stLineNo")
        );
        assert_eq!((snake("été").as_str(), type_name("국").as_str()), ("ue9tue9", "Uad6d"));
        assert_eq!((snake("_").as_str(), type_name("_").as_str()), ("f", "T"));
        assert_eq!(module_name("http://www.example.org/invoice/2.0/"), "invoice");
        assert_eq!((module_name("urn:type:3").as_str(), module_name("").as_str()), ("kind", "types"));
    }

    #[test]
    fn what_is_taken_gets_a_number() {
        let mut used = BTreeSet::new();
        let names: Vec<String> = ["a", "a", "a2", "a"].iter().map(|name| unique(&mut used, name)).collect();
        assert_eq!(names, ["a", "a2", "a22", "a3"]);
    }
}
