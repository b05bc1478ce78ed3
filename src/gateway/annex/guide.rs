//! The message guide: one self-contained HTML page with every element and attribute of every message, its WCO id, format,
//! code list, occurrence, meaning and an example, and which agreement profile needs it when (`coconnect contract guide`).
//!
//! It is made from the generated tables, the annotations of the schemas, the built-in profiles, the code lists and the
//! made-up documents of `contract::sample`; nothing in it is written by hand that one of those says.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::example::Examples;
use super::menu::{self, Row};
use crate::contract::Operation;
use crate::exchange::profile::{self, MenuRow, Profiles, Verdict};
use crate::xml;

/// Characters of an example that are shown.
const EXAMPLE_CHARS: usize = 60;

/// The documents that messages carry, and the two kinds of answer.
pub(super) const ROOTS: [&str; 3] = ["MetaData", "Acknowledgement", "FaultDetail"];

/// Every row of the guide, by its root.
pub(super) fn rows() -> Vec<(&'static str, Vec<Row>)> {
    ROOTS.iter().map(|root| (*root, menu::whole(root))).collect()
}

/// The page.
#[must_use]
pub fn guide() -> String {
    let rows = rows();
    let examples = Examples::new(&rows);
    let profiles = built_in();
    let asked = asked(&profiles);
    let mut out = String::with_capacity(1024 * 1024);
    out.push_str(HEAD);
    let _ = write!(
        out,
        "<h1>Message guide</h1>\n<p>Every element and attribute of the messages of <code>coconnect {}</code>. Occurrence is meant \
         within the element above; an attribute is written <code>@name</code> and has the WCO id of what carries it. Where no id \
         stands, Annex II gives none. {} Examples are valid values of the type, each for itself. Mandatory means wherever the element \
         around it stands; a condition is asked in the nearest element around both. A profile that is not named at an element says \
         nothing of its presence. Elements of foreign namespaces may stand at the end of LPCO, Consignment, \
         ConsignmentItem and Amendment, and are kept.</p>\n",
        env!("CARGO_PKG_VERSION"),
        menu::OIF_NOTE
    );
    operations(&mut out);
    let names: Vec<String> = profiles.iter().map(|(name, _)| text(name)).collect();
    let _ = writeln!(out, "<p>Agreement profiles: {}.</p>", names.join(", "));
    for (root, rows) in &rows {
        table(&mut out, root, rows, &examples, &asked);
    }
    rules(&mut out, &profiles);
    out.push_str("</body>\n</html>\n");
    out
}

fn operations(out: &mut String) {
    out.push_str("<h2 id=\"operations\">Operations</h2>\n<table>\n<tr><th>operation</th><th>path</th><th>action</th><th>business document</th></tr>\n");
    for operation in Operation::SERVED {
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td><code>{}</code></td><td><code>{}</code></td><td><a href=\"#MetaData\">MetaData</a></td></tr>",
            operation.name(),
            operation.path(),
            operation.action()
        );
    }
    out.push_str("</table>\n<p>Answers: <a href=\"#Acknowledgement\">Acknowledgement</a>, or a SOAP fault with <a href=\"#FaultDetail\">FaultDetail</a>. What the agreement profiles ask beyond single elements: <a href=\"#rules\">Rules</a>.</p>\n");
}

fn table(out: &mut String, root: &str, rows: &[Row], examples: &Examples, asked: &Asked) {
    let _ = writeln!(out, "<h2 id=\"{root}\">{root}</h2>\n<p>{}</p>\n<table>", text(&menu::about(root)));
    out.push_str("<tr><th>element</th><th>WCO id</th><th>OIF id</th><th>name</th><th>format</th><th>code list</th><th>occurs</th><th>meaning</th><th>example</th><th>profiles</th></tr>\n");
    for row in rows {
        let path = format!("{root}/{}", row.path);
        let depth = row.path.matches('/').count();
        let own = row.path.rsplit('/').next().unwrap_or(&row.path);
        let example = examples.of(root, row).map(|example| format!("<code>{}</code>", text(&shown(&example))));
        let profiles = asked.get(&row.path).filter(|_| root == "MetaData").map(said).unwrap_or_default();
        let _ = writeln!(
            out,
            "<tr id=\"{}\"><td class=\"d{}\" title=\"{}\">{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{profiles}</td></tr>",
            text(&path),
            depth.min(8),
            text(&path),
            text(own),
            text(&row.wco_id),
            text(&row.oif_id),
            text(&row.name),
            text(&row.format),
            text(&row.code_list),
            text(&row.cardinality),
            text(&row.note),
            example.unwrap_or_default()
        );
    }
    out.push_str("</table>\n");
}

fn shown(example: &str) -> String {
    let cut: String = example.chars().take(EXAMPLE_CHARS).collect();
    if cut.len() < example.len() { format!("{cut}...") } else { cut }
}

/// Rules of the profiles, in words; those that are turned off are left away.
fn rules(out: &mut String, profiles: &[(String, Vec<MenuRow>)]) {
    out.push_str("<h2 id=\"rules\">Rules</h2>\n<p>What the agreement profiles ask of a document as a whole, or of an item. Verdicts are those on receipt and before sending.</p>\n<table>\n<tr><th>rule</th><th>what it asks</th><th>verdicts</th><th>profiles</th></tr>\n");
    let mut all: BTreeMap<(&str, &str, String), Vec<String>> = BTreeMap::new();
    for (profile, rows) in profiles {
        for row in rows.iter().filter(|row| is_rule(row)) {
            let verdicts = format!("{}, {}", row.verdict, row.verdict_out);
            let name = row.subject.trim_start_matches("rule ");
            all.entry((name, &row.value, verdicts)).or_default().push(format!("{profile} ({})", row.certainty));
        }
    }
    for ((name, words, verdicts), profiles) in all {
        let cells = [name, words, &verdicts, &profiles.join(", ")].map(text);
        let _ = writeln!(out, "<tr><td>{}</td></tr>", cells.join("</td><td>"));
    }
    out.push_str("</table>\n");
}

fn is_rule(row: &MenuRow) -> bool {
    row.subject.starts_with("rule ") && is_in_force(row)
}

fn is_in_force(row: &MenuRow) -> bool {
    row.verdict != Verdict::Off || row.verdict_out != Verdict::Off
}

/// The built-in profiles and what each says.
fn built_in() -> Vec<(String, Vec<MenuRow>)> {
    let all = Profiles::built_in();
    // A built-in profile compiles; its tests say so.
    let rows = |name: &str| all.compiled(name).map(|compiled| profile::menu(&compiled)).unwrap_or_default();
    all.iter().map(|(profile, _)| (profile.name.clone(), rows(&profile.name))).collect()
}

/// Path of an element below `MetaData`, and what is said of its presence: the words, and the profiles that say them.
type Asked = BTreeMap<String, BTreeMap<String, Vec<String>>>;

fn asked(profiles: &[(String, Vec<MenuRow>)]) -> Asked {
    let mut asked = Asked::new();
    for (name, rows) in profiles {
        for row in rows.iter().filter(|row| is_in_force(row)) {
            let mut say = |path: &str, words: String| {
                let said = asked.entry(path.to_owned()).or_default().entry(words).or_default();
                if !said.contains(name) {
                    said.push(name.clone());
                }
            };
            match row.says.as_str() {
                "presence" | "attribute" => say(&row.subject, row.value.clone()),
                "items-min" => say(&row.subject, format!("at least {}", row.value)),
                says => row.needs.iter().for_each(|path| say(path, format!("rule {says}: {}", row.value))),
            }
        }
    }
    asked
}

/// A line for each thing that is said.
fn said(all: &BTreeMap<String, Vec<String>>) -> String {
    let lines: Vec<String> =
        all.iter().map(|(words, profiles)| format!("{}: {}", text(words), text(&profiles.join(", ")))).collect();
    lines.join("<br />")
}

/// Text and attribute values of HTML that is XML as well.
fn text(value: &str) -> String {
    let mut out = Vec::with_capacity(value.len());
    xml::escape::push_value(&mut out, value);
    String::from_utf8(out).expect("text with references in it is text")
}

const HEAD: &str = "<!DOCTYPE html>\n<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n<head>\n<meta charset=\"utf-8\" />\n\
<title>coconnect message guide</title>\n<style>\nbody { font: 14px sans-serif; margin: 2em; }\n\
table { border-collapse: collapse; }\nth, td { border: 1px solid #bbb; padding: 2px 6px; text-align: left; vertical-align: top; }\n\
th { background: #eee; position: sticky; top: 0; }\n.d1 { padding-left: 1.5em; }\n.d2 { padding-left: 3em; }\n.d3 { padding-left: 4.5em; }\n\
.d4 { padding-left: 6em; }\n.d5 { padding-left: 7.5em; }\n.d6 { padding-left: 9em; }\n.d7 { padding-left: 10.5em; }\n.d8 { padding-left: 12em; }\n\
</style>\n</head>\n<body>\n";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::generated::TABLES;
    use crate::contract::table::{Element, Type};
    use crate::xml::{Kind, NodeId};
    use std::collections::HashSet;

    #[test]
    fn the_guide_is_one_well_formed_page_whose_links_lead_somewhere() {
        let page = guide();
        let body = page.strip_prefix("<!DOCTYPE html>\n").unwrap();
        let document = xml::parse(body.as_bytes().to_vec(), &xml::Options::default()).unwrap();
        let all: Vec<NodeId> =
            document.descendants(document.root()).filter(|node| document.kind(*node) == Kind::Element).collect();
        let mut ids = HashSet::new();
        for id in all.iter().filter_map(|node| document.attribute(*node, "", "id")) {
            assert!(ids.insert(id.to_owned()), "{id} twice");
        }
        let links: Vec<&str> = all.iter().filter_map(|node| document.attribute(*node, "", "href")).collect();
        assert!(links.len() > 5);
        for link in links {
            assert!(ids.contains(link.strip_prefix('#').unwrap()), "{link}");
        }
        assert!(!page.contains("http://") || page.matches("http://").count() == 1, "nothing is fetched");
    }

    #[test]
    fn every_message_stands_in_it_with_examples_and_with_what_profiles_ask() {
        let page = guide();
        let row = |id: &str| {
            let from = page.find(&format!("<tr id=\"{id}\">")).unwrap_or_else(|| panic!("no row {id}"));
            page[from..].split("</tr>").next().unwrap().to_owned()
        };
        let number = row("MetaData/LPCO/ID");
        assert!(number.contains("D014") && number.contains("an..70") && number.contains("<code>K001-"), "{number}");
        assert!(row("MetaData/LPCO/TypeCode").contains("UN/EDIFACT 1001"));
        assert!(row("MetaData/LPCO/TypeCode").contains("<td>D013</td><td>OIF.002</td>"));
        assert!(row("MetaData/LPCO/Consignment/Consignee").contains("withheld: without-consignee"));
        assert!(row("MetaData/LPCO/Authentication/Authenticator").contains("mandatory: "));
        for id in [
            "MetaData/Amendment/LPCOReference/ID",
            "MetaData/Response/Claim",
            "MetaData/Response/Status/NameCode",
            "Acknowledgement/DocumentDigest",
            "Acknowledgement/Response/Status/NameCode",
            "FaultDetail/verdict",
            "FaultDetail/error/expected",
        ] {
            row(id);
        }
    }

    #[test]
    fn every_row_says_what_it_is_and_what_it_means() {
        let mut count = 0;
        for (root, row) in rows().iter().flat_map(|(root, rows)| rows.iter().map(move |row| (root, row))) {
            assert!(row.name.len() > 1 && row.note.len() > 3, "{root}/{}: {:?}, {:?}", row.path, row.name, row.note);
            assert!(row.simple.is_none() || !row.format.is_empty(), "{root}/{}: no format", row.path);
            assert!(!row.note.eq_ignore_ascii_case(&row.name), "{root}/{}: the name is no meaning", row.path);
            count += 1;
        }
        assert!(count > 700, "{count}");
        for root in ROOTS {
            assert!(menu::about(root).len() > 20, "{root}");
        }
    }

    #[test]
    fn types_of_one_name_in_two_schemas_keep_their_own_meanings() {
        // ErrorType and AdditionalInformationType stand in two schemas each.
        let rows = rows();
        let note = |root: usize, path: &str| {
            let found = rows[root].1.iter().find(|row| row.path == path).unwrap_or_else(|| panic!("{path}"));
            found.note.as_str()
        };
        assert_eq!(note(0, "LPCO/AdditionalInformation/StatementCode"), "The remark as a code.");
        assert_eq!(note(0, "Response/AdditionalInformation/StatementCode"), "The reason as a code.");
        assert_eq!(note(1, "Response/Error/Description"), "What was expected.");
        assert_eq!(note(2, "error/expected"), "What was expected there, in words.");
    }

    /// Every path below an element, by the tables alone: no order, no occurrence, no annotation.
    fn reach(element: &Element, path: &str, out: &mut HashSet<String>) {
        let Type::Complex(number) = element.kind else { return };
        let complex = &TABLES.complexes[number as usize];
        for attribute in complex.attributes {
            out.insert(format!("{path}/@{}", attribute.name));
        }
        for child in complex.elements() {
            let below = format!("{path}/{}", child.name);
            assert!(out.insert(below.clone()), "{below} twice");
            reach(child, &below, out);
        }
    }

    #[test]
    fn every_element_and_attribute_that_the_contract_reaches_stands_in_it_once() {
        let page = guide();
        let mut wanted = HashSet::new();
        for root in ROOTS {
            reach(TABLES.roots.iter().find(|known| known.name == root).unwrap(), root, &mut wanted);
        }
        let lines = page.lines().filter_map(|line| line.strip_prefix("<tr id=\""));
        let there: Vec<&str> = lines.map(|rest| rest.split('"').next().unwrap()).collect();
        for path in &wanted {
            assert!(there.contains(&path.as_str()), "{path}");
        }
        assert_eq!(there.len(), wanted.len(), "none twice, none that does not exist");
        let attributes = wanted.iter().filter(|path| path.contains("/@")).count();
        assert!(wanted.len() > 1_200 && attributes > 600, "{} paths, {attributes} attributes", wanted.len());
        println!("{} elements and attributes, {attributes} of them attributes", wanted.len());
    }

    #[test]
    fn a_condition_stands_in_words_with_the_profiles_that_have_it() {
        let page = guide();
        let row = |id: &str| page[page.find(&format!("<tr id=\"{id}\">")).unwrap()..].split("</tr>").next().unwrap();
        let value = row("MetaData/LPCO/Consignment/ConsignmentItem/Commodity/ValueAmount");
        let words =
            "conditional: must stand when Origin/RuleCode (436) begins with &quot;RVC&quot;; otherwise optional: ";
        assert!(value.contains(words) || value.contains(&words.replace("&quot;", "\"")), "{value}");
        let kind = row("MetaData/LPCO/Consignment/ConsignmentItem/Packaging/TypeCode");
        assert!(kind.contains("must stand when Packaging/QuantityQuantity (144) stands"), "{kind}");
        let place = row("MetaData/LPCO/IssueLocationID");
        assert!(
            place.contains("rule one-of: at least 1 of these stand: IssueLocationID (D012), IssueLocation (D034)"),
            "{place}"
        );
        // Not the word alone, anywhere.
        assert!(!page.contains("conditional: strict") && !page.contains("conditional</td>"));
        let rules = &page[page.find("<h2 id=\"rules\">").unwrap()..];
        assert!(rules.contains("good for 12 months from the day of issue"), "{rules}");
    }
}
