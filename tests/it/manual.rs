//! Pages of the manual that are made from the code stay fresh, and what its examples promise holds.

use std::fmt::Write as _;

use coconnect::contract::codelist::{self, Day, Lists};
use coconnect::contract::{
    Acknowledgement, FaultDetail, Operation, Slots, Violations, bind_document, decode as decode_document,
};
use coconnect::exchange::evidence;
use coconnect::exchange::fault::Code;
use coconnect::gateway::annex::menu;
use coconnect::xml::{self, Document};

/// A partner's developer looks a code up: the page must name every code there is, as the wire spells it.
#[test]
fn the_page_of_fault_codes_is_what_the_catalogue_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/manual/fault_codes.md");
    let expected = page();
    if std::env::var_os("COCONNECT_BLESS").is_some() {
        std::fs::write(path, &expected).unwrap();
    }
    let there = std::fs::read_to_string(path).unwrap();
    assert!(there == expected, "{path} is stale: COCONNECT_BLESS=1 cargo test --test it manual:: writes it anew");
}

fn page() -> String {
    let mut page = String::from(
        "# Fault codes\n\n\
         Made from the catalogue in `exchange::fault`. The verdict says what the sender does: `retry` the same message later, `correct`\n\
         it first, `contact` the other side. A reference id comes with every fault after transport identity; `coconnect message show ID`\n\
         tells the true reason at the side that refused.\n\n\
         | code | SOAP code | verdict | what the peer reads | what we do about it |\n|---|---|---|---|---|\n",
    );
    for code in Code::ALL {
        let row = code.row();
        writeln!(page, "| `{}` | {:?} | {:?} | {} | {} |", row.name, row.soap, row.verdict, row.text, row.remedy)
            .unwrap();
    }
    page
}

// ---- the documents of the data model -----------------------------------------------------------------------------------

const DATA_MODEL: &str = include_str!("../../src/manual/data_model.md");

/// A section of the page: `### TITLE`, a table of elements, one example, and changes that make it wrong.
struct Section<'p> {
    title: &'p str,
    /// Path and occurrence.
    shape: Vec<(&'p str, &'p str)>,
    example: &'p str,
    twins: Vec<Twin<'p>>,
}

/// ``Refused with `INSTEAD` for `THERE`: `CODE` at `PATH`.``
struct Twin<'p> {
    instead: &'p str,
    there: &'p str,
    code: &'p str,
    path: &'p str,
}

fn sections() -> Vec<Section<'static>> {
    let documents =
        DATA_MODEL.split("## The documents of the messages\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let mut sections = Vec::new();
    for text in documents.split("\n### ").skip(1) {
        let ticked = |line: &'static str| -> Vec<&'static str> { line.split('`').skip(1).step_by(2).collect() };
        let shape = text.lines().filter(|line| line.starts_with("| `")).map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            (cells[1].trim_matches('`'), cells[2])
        });
        let blocks: Vec<&str> =
            text.split("```xml\n").skip(1).map(|rest| rest.split("\n```\n").next().unwrap()).collect();
        let [example] = blocks[..] else { panic!("{}: one example in a section", text.lines().next().unwrap()) };
        let twins = text.lines().filter(|line| line.starts_with("Refused with ")).map(|line| {
            let [instead, there, code, path] = ticked(line)[..] else { panic!("{line}") };
            Twin { instead, there, code, path }
        });
        sections.push(Section {
            title: text.lines().next().unwrap(),
            shape: shape.collect(),
            example,
            twins: twins.collect(),
        });
    }
    sections
}

impl Section<'_> {
    /// The operation that carries it; none for answers and for what no operation carries.
    fn operation(&self) -> Option<Operation> {
        Operation::SERVED
            .iter()
            .copied()
            .find(|operation| self.title.ends_with(&format!("({})", operation.path().trim_start_matches('/'))))
    }

    /// What the gateway says of `text` in this section's place.
    fn judge(&self, text: &str) -> Result<(), Violations> {
        let document = parse(text);
        let (node, slots) = (document.document_element(), Slots::default());
        let message = match (self.operation(), self.title) {
            (Some(operation), _) => decode_document(operation, &document, node, &slots)?,
            (None, "List of approved exporters") => bind_document(&document, node, &slots)?,
            (None, "Acknowledgement") => return Acknowledgement::decode(&document, node, &slots).map(drop),
            (None, "FaultDetail") => return FaultDetail::decode(&document, node, &slots).map(drop),
            (None, title) => panic!("{title}: no operation, and no answer"),
        };
        let day = Day::parse("2026-11-20").unwrap();
        let found = codelist::check(&message, &Lists::default(), day, &document, node);
        assert!(found.warned.list.is_empty(), "{}: {:?}", self.title, found.warned);
        if found.rejected.list.is_empty() { Ok(()) } else { Err(found.rejected) }
    }
}

fn parse(text: &str) -> Document {
    xml::parse(text.as_bytes().to_vec(), &xml::Options::default()).unwrap()
}

/// A developer copies these: one that the gateway refuses would cost a day.
#[test]
fn every_document_of_the_data_model_is_taken_by_the_contract() {
    let sections = sections();
    let titles: Vec<&str> = sections.iter().map(|section| section.title).collect();
    for operation in Operation::SERVED {
        let own = sections.iter().filter(|section| section.operation() == Some(*operation)).count();
        assert_eq!(own, 1, "{operation:?} in {titles:?}");
    }
    for title in ["List of approved exporters", "Acknowledgement", "FaultDetail"] {
        assert!(titles.contains(&title), "{title} in {titles:?}");
    }
    assert_eq!(sections.len(), 8);
    for section in &sections {
        if let Err(violations) = section.judge(section.example) {
            panic!("{}: {violations:?}", section.title);
        }
    }
}

#[test]
fn one_change_makes_each_of_them_refused_as_the_page_says() {
    let mut seen = 0;
    for section in sections() {
        assert!(!section.twins.is_empty(), "{}: no twin", section.title);
        for Twin { instead, there, code, path } in &section.twins {
            assert_eq!(section.example.matches(there).count(), 1, "{}: {there} stands once", section.title);
            let Err(found) = section.judge(&section.example.replace(there, instead)) else {
                panic!("{}: taken with {instead}", section.title);
            };
            let told: Vec<(&str, &str)> = found.list.iter().map(|v| (&*v.code, v.path.as_str())).collect();
            assert_eq!(told, [(*code, *path)], "{}: {instead} for {there}", section.title);
            seen += 1;
        }
    }
    assert!(seen >= 14, "{seen}");
}

#[test]
fn the_shapes_on_the_page_are_those_of_the_schema() {
    let mut seen = 0;
    for section in sections() {
        let root = if ["Acknowledgement", "FaultDetail"].contains(&section.title) { section.title } else { "MetaData" };
        let rows = menu::whole(root);
        for (path, occurs) in &section.shape {
            let row = rows.iter().find(|row| row.path == *path).unwrap_or_else(|| panic!("{root}/{path}: not there"));
            assert_eq!(row.cardinality, *occurs, "{root}/{path}");
            seen += 1;
        }
    }
    assert!(seen > 60, "{seen}");
}

#[test]
fn the_acknowledgement_on_the_page_answers_the_co_on_the_page() {
    let sections = sections();
    let of = |title: &str| sections.iter().find(|section| section.title == title).unwrap();
    let document = parse(of("Acknowledgement").example);
    let acknowledgement = Acknowledgement::decode(&document, document.document_element(), &Slots::default()).unwrap();
    let co = parse(of("Certificate of Origin (send-co)").example);
    let mut octets = Vec::new();
    xml::c14n::exclusive_without(&co, co.document_element(), None, &mut octets).unwrap();
    let base64 = |octets: &[u8]| openssl::base64::encode_block(octets);
    let digest = openssl::sha::sha256(&octets);
    assert_eq!(base64(&acknowledgement.document_digest), base64(&digest), "the digest of the CO");
    let leaf = evidence::leaf(&acknowledgement).unwrap();
    let head = acknowledgement.head.as_ref().unwrap();
    assert_eq!(head.size, 1);
    let root: String = head.root.iter().map(|octet| format!("{octet:02x}")).collect();
    assert_eq!(root, leaf.to_string(), "the root of a tree of one leaf");
}

#[test]
fn the_fault_detail_on_the_page_is_what_the_first_wrong_co_on_the_page_gets() {
    let sections = sections();
    let of = |title: &str| sections.iter().find(|section| section.title == title).unwrap();
    let document = parse(of("FaultDetail").example);
    let detail = FaultDetail::decode(&document, document.document_element(), &Slots::default()).unwrap();
    let co = of("Certificate of Origin (send-co)");
    let Twin { instead, there, .. } = co.twins[0];
    let mut found = co.judge(&co.example.replace(there, instead)).unwrap_err().list;
    // The value stays at the receiver.
    found.iter_mut().for_each(|violation| violation.value = None);
    assert_eq!(detail.errors, found);
    let code = Code::ALL.iter().find(|code| code.row().name == detail.code).unwrap();
    assert_eq!(format!("{:?}", code.row().verdict), format!("{:?}", detail.verdict));
}
