//! Foreign documents through the mappings of the binary, and through one of XML in CP949 with attributes: any octets, or
//! edits of a good document, end in a document or a reason; what was made is judged by the decoder and goes back to the
//! foreign side, which is read again as the same, or says why not. Any text is a mapping file or none.
#![no_main]

use std::sync::OnceLock;

use coconnect::contract::{Operation, json};
use coconnect::gateway::backoffice::mapping::{BUILT_IN, Format, Mapping};
use coconnect_fuzz::{Input, edit};
use libfuzzer_sys::fuzz_target;

const COD: &[u8] = include_bytes!("../../cli/files/mapping/cod.xml");
const RECORD: &[u8] = include_bytes!("../../cli/files/mapping/record.json");
const TABLE: &[u8] = include_bytes!("../../cli/files/mapping/table.csv");

const ORDER: &str = "name = \"order\"\ntitle = \"x\"\nformat = \"xml\"\nencoding = \"cp949\"\ndecimal_mark = \",\"\ngrouping = \".\"\n\
    [xml.namespaces]\n\"\" = \"urn:n\"\nm = \"urn:m\"\n[xml.order]\no = [\"no\", \"l\"]\n\
    [[rule]]\nfrom = \"o.no\"\nto = \"metaData.lpco.id\"\n\
    [[rule]]\nfrom = \"o.count\"\ncount = \"o.l\"\n\
    [[each]]\nfrom = \"o.l[]\"\nto = \"metaData.lpco.consignment.consignmentItems[]\"\n\
    [[each.rule]]\nfrom = \"@n\"\nto = \"sequenceNumeric\"\n\
    [[each.rule]]\nlines = [\"a\", \"b\"]\nto = \"commodity.description\"\n\
    [[each.rule]]\nfrom = \"m:p.#text\"\nto = \"commodity.valueAmount.value\"\nas = \"decimal\"\n\
    [[each.rule]]\nfrom = \"d\"\nto = \"invoices[0].issueDateTime\"\nas = \"date\"\nformat = \"%d.%m.%Y\"\n";

const ORDER_TEXT: &[u8] = b"<o xmlns='urn:n' xmlns:m='urn:m'><no>K1</no><count>1</count><l n='1'><a>x</a><b>y</b><m:p c='1'>1.234,5</m:p><d>01.10.2025</d></l></o>";

fuzz_target!(|octets: &[u8]| {
    static ALL: OnceLock<Vec<Mapping>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let mut all: Vec<Mapping> = BUILT_IN.iter().filter_map(|(name, _)| Mapping::built_in(name)).collect();
        all.push(Mapping::parse(ORDER).expect("it is right"));
        all
    });
    let Some((which, octets)) = octets.split_first() else { return };
    let mapping = &all[usize::from(*which & 0x7F) % all.len()];
    // The upper half edits a good document of the format.
    let octets = if *which < 0x80 {
        octets.to_vec()
    } else {
        let base = match mapping.format {
            Format::Csv => TABLE,
            Format::Json => RECORD,
            Format::Xml if mapping.name == "order" => ORDER_TEXT,
            Format::Xml => COD,
        };
        edit(base.to_vec(), &mut Input(octets))
    };
    if let Ok(documents) = mapping.import(&octets) {
        for mapped in documents.into_iter().take(4) {
            let judged = json::decode(Operation::SendCo, &mapped.document);
            if let Err(violations) = judged {
                assert!(violations.total > 0, "refused without a reason");
            }
            let Ok((back, _)) = mapping.export(&mapped.document) else { continue };
            let again = mapping.import(&back);
            assert!(again.is_ok(), "{} writes what it does not read: {again:?}", mapping.name);
        }
    }
    if let Ok(text) = std::str::from_utf8(&octets) {
        let _ = Mapping::parse(text);
    }
});
