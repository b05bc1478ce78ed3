//! The message guide: one self-contained HTML page with every element of every message, its WCO id, format, code list,
//! occurrence, meaning and an example, and which agreement profile asks for it (`coconnect contract guide`).
//!
//! It is made from the generated tables, the annotations of the schemas, the built-in profiles and the made-up documents of
//! `contract::sample`; nothing in it is written by hand that one of those says.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use super::menu::{self, Row};
use crate::base::id::MessageId;
use crate::contract::{
    Acknowledgement, Came, FaultDetail, Operation, Slots, Status, Verdict, Violation, encode, sample,
};
use crate::exchange::profile::{self, Profiles};
use crate::xml::{self, Document, Kind, NodeId};

/// Characters of an example that are shown.
const EXAMPLE_CHARS: usize = 60;

/// The page.
#[must_use]
pub fn guide() -> String {
    let examples = examples();
    let asked = asked();
    let names: Vec<&str> = Profiles::built_in().iter().map(|(profile, _)| profile.name.as_str()).collect();
    let mut out = String::with_capacity(512 * 1024);
    out.push_str(HEAD);
    let _ = write!(
        out,
        "<h1>Message guide</h1>\n<p>Every element of the messages of <code>coconnect {}</code>. Occurrence is meant within the \
         element above. M mandatory, O optional, C conditional, W withheld by the agreement profile (<code>coconnect profile \
         show NAME</code> has the conditions); a profile that is not named says nothing of the element.</p>\n",
        env!("CARGO_PKG_VERSION")
    );
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
    out.push_str("</table>\n<p>Answers: <a href=\"#Acknowledgement\">Acknowledgement</a>, or a SOAP fault with <a href=\"#FaultDetail\">FaultDetail</a>.</p>\n");
    let _ = writeln!(
        out,
        "<p>Agreement profiles: {}.</p>",
        names.iter().map(|name| text(name)).collect::<Vec<_>>().join(", ")
    );
    for root in ["MetaData", "Acknowledgement", "FaultDetail"] {
        table(&mut out, root, &menu::rows_of(root), &examples, &asked);
    }
    out.push_str("</body>\n</html>\n");
    out
}

fn table(out: &mut String, root: &str, rows: &[Row], examples: &HashMap<String, String>, asked: &Asked) {
    let _ = writeln!(out, "<h2 id=\"{root}\">{root}</h2>\n<table>");
    out.push_str("<tr><th>element</th><th>WCO id</th><th>name</th><th>format</th><th>code list</th><th>occurs</th><th>meaning</th><th>example</th><th>profiles</th></tr>\n");
    for row in rows {
        let path = format!("{root}/{}", row.path);
        let depth = row.path.matches('/').count();
        let own = row.path.rsplit('/').next().unwrap_or(&row.path);
        let example = examples.get(&path).map(|example| format!("<code>{}</code>", text(example))).unwrap_or_default();
        let profiles =
            asked.get(&row.path).map(|all| all.join(", ")).filter(|_| root == "MetaData").unwrap_or_default();
        let _ = writeln!(
            out,
            "<tr id=\"{}\"><td class=\"d{}\" title=\"{}\">{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{example}</td><td>{}</td></tr>",
            text(&path),
            depth.min(8),
            text(&path),
            text(own),
            text(&row.wco_id),
            text(&row.name),
            text(&row.format),
            text(&row.code_list),
            text(&row.cardinality),
            text(&row.note),
            text(&profiles)
        );
    }
    out.push_str("</table>\n");
}

/// Path of an element below `MetaData`, and what each built-in profile says of its presence: `strict M`.
type Asked = BTreeMap<String, Vec<String>>;

fn asked() -> Asked {
    let mut asked = Asked::new();
    for (profile, _) in Profiles::built_in().iter() {
        // A built-in profile compiles; its tests say so.
        let Ok(compiled) = Profiles::built_in().compiled(&profile.name) else { continue };
        for row in profile::menu(&compiled).into_iter().filter(|row| row.says == "presence") {
            let short = match row.value.as_str() {
                "mandatory" => "M",
                "optional" => "O",
                "withheld" => "W",
                _ => "C",
            };
            asked.entry(row.subject).or_default().push(format!("{} {short}", profile.name));
        }
    }
    asked
}

/// The first value of each element in made-up messages, by the path from its root.
fn examples() -> HashMap<String, String> {
    let slots = Slots::default();
    let mut all = HashMap::new();
    for seed in 1..=24 {
        for operation in Operation::SERVED.iter().copied() {
            let mut octets = Vec::new();
            encode(&sample::of(operation, seed), &slots, &mut octets);
            collect(octets, &mut all);
        }
    }
    let Ok(message_id) = MessageId::parse("urn:uuid:4468385d-377d-4fb2-997b-12ffa935c4a9") else { return all };
    let mut octets = Vec::new();
    let acknowledgement = Acknowledgement {
        message_id,
        document_digest: [7; 32],
        received: jiff::Timestamp::UNIX_EPOCH,
        status: Status::Accepted,
        entry: None,
        head: None,
        consistency: None,
        inclusion: None,
    };
    acknowledgement.encode(&slots, &mut octets);
    collect(octets, &mut all);
    let error = Violation {
        code: "max-length".into(),
        wco_id: "D014".into(),
        path: "/MetaData/LPCO/ID".to_owned(),
        line: 1,
        column: 812,
        expected: "at most 70 characters".into(),
        came: Came { kind: "text".into(), length: Some(71), in_list: None },
        value: None,
    };
    let detail = FaultDetail {
        code: "invalid-document".into(),
        verdict: Verdict::Correct,
        reference_id: "R-7K2M9QX3V8ZC5T1D4B6N0WEHJA".to_owned(),
        errors: vec![error],
    };
    let mut octets = Vec::new();
    detail.encode(&slots, &mut octets);
    collect(octets, &mut all);
    all
}

fn collect(octets: Vec<u8>, all: &mut HashMap<String, String>) {
    let Ok(document) = xml::parse(octets, &xml::Options::default()) else { return };
    let root = document.document_element();
    let mut waiting = vec![(root, document.local(root).to_owned())];
    while let Some((node, path)) = waiting.pop() {
        let leaf = is_leaf(&document, node);
        if leaf {
            let value = document.text_content(node);
            let shown: String = value.chars().take(EXAMPLE_CHARS).collect();
            let more = if shown.len() < value.len() { "..." } else { "" };
            all.entry(path.clone()).or_insert_with(|| format!("{shown}{more}"));
        }
        for child in document.elements(node) {
            let local = document.local(child);
            // A date in one of its shapes is one thing of the menu.
            let below = if local.starts_with("DateTime") { path.clone() } else { format!("{path}/{local}") };
            waiting.push((child, below));
        }
    }
}

fn is_leaf(document: &Document, node: NodeId) -> bool {
    document.elements(node).next().is_none() && document.children(node).any(|child| document.kind(child) == Kind::Text)
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
        assert!(row("MetaData/LPCO/Consignment/Consignee").contains("without-consignee W"));
        assert!(row("MetaData/LPCO/Authentication/Authenticator").contains("strict M"));
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
        // What made-up documents hold has its example; the rest of a CO, which they leave out, has none.
        let shown = page.matches("</td><td><code>").count();
        assert!(shown > 70, "{shown}");
    }
}
