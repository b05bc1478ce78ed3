//! Names of Rust for names of the contract.

/// `LPCOType` is `Lpco`, `IDType` is `Id`.
pub(super) fn type_name(name: &str) -> String {
    let name = name.strip_suffix("Type").filter(|rest| !rest.is_empty()).unwrap_or(name);
    words(name)
        .into_iter()
        .map(|word| {
            let mut characters = word.chars();
            characters
                .next()
                .map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + characters.as_str())
        })
        .collect()
}

/// `WCODataModelVersionCode` is `wco_data_model_version_code`.
pub(super) fn snake(name: &str) -> String {
    let name = words(name).join("_");
    match name.as_str() {
        "type" => "kind".to_owned(),
        "ref" | "match" | "use" | "self" | "in" => format!("{name}_"),
        _ => name,
    }
}

/// Words of a name in lower case: a run of capitals is one word, but for its last letter before a small one.
pub(super) fn words(name: &str) -> Vec<String> {
    let characters: Vec<char> = name.chars().collect();
    let mut out: Vec<String> = Vec::new();
    for (at, character) in characters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|b| characters.get(b));
        let after = characters.get(at + 1);
        let begins = character.is_ascii_uppercase()
            && (before.is_none_or(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
                || after.is_some_and(|a| a.is_ascii_lowercase()));
        if begins || out.is_empty() {
            out.push(String::new());
        }
        if let Some(word) = out.last_mut() {
            word.push(character.to_ascii_lowercase());
        }
    }
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
}
