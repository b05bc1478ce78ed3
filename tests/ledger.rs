//! Every test named in `requirements.toml` exists, and every requirement id is one of REQ-001 to REQ-090.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn the_ledger_names_only_tests_and_requirements_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let ledger: toml::Table = fs::read_to_string(root.join("tests/requirements.toml")).unwrap().parse().unwrap();
    let tests = test_names(root);
    assert!(tests.len() > 3, "tests were found");
    let mut wrong = Vec::new();
    for (section, entries) in &ledger {
        assert!(matches!(section.as_str(), "met" | "partly"), "unknown section {section}");
        for (id, entry) in entries.as_table().unwrap() {
            let number: u32 = id.strip_prefix("REQ-").and_then(|n| n.parse().ok()).unwrap_or(0);
            if !(1..=90).contains(&number) {
                wrong.push(format!("{id} is no requirement"));
            }
            let named = entry.get("tests").and_then(|t| t.as_array()).cloned().unwrap_or_default();
            if named.is_empty() {
                wrong.push(format!("{id} names no test"));
            }
            if section == "partly" && entry.get("missing").and_then(|m| m.as_str()).is_none_or(str::is_empty) {
                wrong.push(format!("{id} is met partly and does not say what is missing"));
            }
            for name in named {
                let name = name.as_str().unwrap().to_owned();
                if !tests.contains(&name) {
                    wrong.push(format!("{id}: no test is called {name}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// `path::function` for every `#[test]` and `#[tokio::test]` below src/ and tests/, the path without `.rs` and `/mod`.
fn test_names(root: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut folders = vec![root.join("src"), root.join("tests")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if !path.ends_with("tests/fuzz") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|e| e == "rs") {
                let module = path.strip_prefix(root).unwrap().with_extension("").to_string_lossy().replace('/', "::");
                let module = module.strip_suffix("::mod").unwrap_or(&module).to_owned();
                let text = fs::read_to_string(&path).unwrap();
                let mut is_test = false;
                for line in text.lines().map(str::trim) {
                    if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                        is_test = true;
                    } else if is_test && let Some(rest) = line.strip_prefix("async fn ").or(line.strip_prefix("fn ")) {
                        let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                        names.insert(format!("{module}::{name}"));
                        is_test = false;
                    }
                }
            }
        }
    }
    names
}
