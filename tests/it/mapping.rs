//! Mapping files: the real samples to the contract and back, and what did not come along.

use coconnect::contract::Operation;
use coconnect::contract::json;
use coconnect::gateway::backoffice::mapping::{BUILT_IN, Left, Mapped, Mapping};

fn sample(name: &str) -> Option<Vec<u8>> {
    let root = std::env::var("COCONNECT_SAMPLES").unwrap_or_else(|_| "../shared/samples".to_owned());
    let read = std::fs::read(format!("{root}/{name}")).ok();
    if read.is_none() {
        println!("SKIPPED: no {name} in {root}; set COCONNECT_SAMPLES");
        assert!(std::env::var("COCONNECT_NO_SKIP").as_deref() != Ok("1"), "{name} is missing");
    }
    read
}

fn one(mapping: &Mapping, octets: &[u8]) -> Mapped {
    let mut all = mapping.import(octets).unwrap();
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn unplanned(left: &[Left]) -> Vec<&str> {
    left.iter().filter(|left| left.why.is_none()).map(|left| left.path.as_str()).collect()
}

#[test]
fn every_mapping_of_the_binary_is_read() {
    for (name, _) in BUILT_IN {
        assert_eq!(Mapping::built_in(name).unwrap().name, *name);
    }
}

#[test]
fn the_edi3_sample_becomes_a_valid_co_and_comes_back() {
    let Some(octets) = sample("edi3-chafta-coo-full.json") else { return };
    let mapping = Mapping::built_in("edi3").unwrap();
    let mapped = one(&mapping, &octets);
    let message = json::decode(Operation::SendCo, &mapped.document).unwrap_or_else(|v| panic!("{:#?}", v.list));
    assert_eq!(message.lpco.consignment.consignment_item.len(), 3);
    assert_eq!(message.lpco.issue_date_time.text(), "20200603004634Z");
    // Packages of the whole consignment have no place in the contract: each of their values is told.
    let left = unplanned(&mapped.left);
    assert_eq!(left.len(), 18, "{left:#?}");
    assert!(left.iter().all(|path| path.starts_with("supplyChainConsignment.transportPackages[")), "{left:#?}");
    assert!(mapped.left.iter().any(|left| left.path == "attachedFile.size" && left.why.is_some()));

    let (back, lost) = mapping.export(&mapped.document).unwrap();
    assert!(
        lost.iter().all(|l| l.path.ends_with("authenticator.name") || l.path.ends_with("responsibleCountryCode")),
        "{lost:#?}"
    );
    let again = one(&mapping, &back);
    assert_eq!(again.document, mapped.document, "there and back again, the CO says the same");
    let mut given: serde_json::Value = serde_json::from_slice(&octets).unwrap();
    given["supplyChainConsignment"].as_object_mut().unwrap().shift_remove("transportPackages");
    for gone in ["encodingCode", "size"] {
        given["attachedFile"].as_object_mut().unwrap().shift_remove(gone);
    }
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&back).unwrap(), given, "all but what was told");
}

#[test]
fn the_tradetrust_samples_are_taken_raw_and_wrapped() {
    let mapping = Mapping::built_in("tradetrust").unwrap();
    let Some(octets) = sample("tradetrust-chafta-coo-v2.json") else { return };
    let mapped = one(&mapping, &octets);
    json::decode(Operation::SendCo, &mapped.document).unwrap_or_else(|v| panic!("{:#?}", v.list));
    assert_eq!(unplanned(&mapped.left), Vec::<&str>::new());
    let text = mapped.document.to_text();
    assert!(text.contains(r#""grossMassMeasure":{"value":"450","unitCode":"KGM"}"#), "{text}");
    assert!(mapped.left.iter().any(|left| left.path.starts_with("$template")));
    let Some(octets) = sample("tradetrust-coo-selective-disclosure-oa2.json") else { return };
    let wrapped = one(&mapping, &octets);
    assert!(wrapped.document.to_text().contains("TREASURY WINE ESTATES"), "the salt is taken off");
}

const TABLE: &str = "co_no,issued,agreement,exporter,exporter_country,exporter_address,consignee,consignee_country,issuer,item,description,hs,origin,criterion,weight_kg,value,currency,invoice_no,invoice_date\r\nK1,2025-10-01,KRID,\"새벽무역, \"\"S\"\"\",KR,Busan,PT Contoh,ID,KCCI,1,강판,721049,KR,CTH,10.5,100.00,USD,I1,2025-09-30\r\nK1,2025-10-01,KRID,\"새벽무역, \"\"S\"\"\",KR,Busan,PT Contoh,ID,KCCI,2,라면,190230,KR,WO,2,50.00,USD,I1,2025-09-30\r\nK2,2025-10-02,KRID,A,KR,Seoul,B,ID,KCCI,1,C,190230,KR,WO,2,50.00,USD,I2,2025-09-30\r\n";

#[test]
fn a_flat_table_becomes_a_co_for_each_number_and_comes_back() {
    let mapping = Mapping::built_in("national-csv").unwrap();
    let all = mapping.import(TABLE.as_bytes()).unwrap();
    assert_eq!(all.len(), 2);
    for mapped in &all {
        assert_eq!(unplanned(&mapped.left), Vec::<&str>::new());
        json::decode(Operation::SendCo, &mapped.document).unwrap_or_else(|v| panic!("{:#?}", v.list));
    }
    let (back, _) = mapping.export(&all[0].document).unwrap();
    let expected: Vec<&str> = TABLE.split("\r\n").take(3).collect();
    assert_eq!(String::from_utf8(back).unwrap(), format!("{}\r\n", expected.join("\r\n")));
}

#[test]
fn declared_encodings_and_decimal_marks_are_read_and_others_refused() {
    let text = BUILT_IN.iter().find(|(name, _)| *name == "national-csv").unwrap().1;
    for (label, name) in [("CP949", "강판"), ("GB18030", "钢板"), ("TIS-620", "ไทย"), ("Windows-1251", "Сталь")]
    {
        let file = text
            .replace("encoding = \"utf-8\"", &format!("encoding = \"{label}\""))
            .replace("decimal_mark = \".\"", "decimal_mark = \",\"")
            .replace("separator = \",\"", "separator = \";\"");
        let mapping = Mapping::parse(&file).unwrap();
        let row =
            format!("K1;2025-10-01;KRID;{name};KR;x;B;ID;KCCI;1;{name};190230;KR;WO;2,5;1234,50;USD;I;2025-09-30");
        let table = format!("{}\n{row}\n", TABLE.lines().next().unwrap().replace(',', ";"));
        let (octets, _, _) =
            encoding_rs::Encoding::for_label(if label == "CP949" { b"euc-kr" } else { label.as_bytes() })
                .unwrap()
                .encode(&table);
        let mapped = one(&mapping, &octets);
        let text = mapped.document.to_text();
        assert!(text.contains(name) && text.contains("\"1234.50\"") && text.contains("\"2.5\""), "{label}: {text}");
        let (back, _) = mapping.export(&mapped.document).unwrap();
        assert_eq!(one(&mapping, &back).document, mapped.document, "{label}");
    }
    let utf8 = Mapping::built_in("national-csv").unwrap();
    assert!(utf8.import(b"co_no\xB0\xAD\n").is_err(), "octets of another encoding are refused");
    let wide = TABLE.replacen("100.00", "100,00", 1);
    assert!(utf8.import(wide.as_bytes()).is_err(), "a row has as many cells as the heading");
    assert!(
        utf8.import(
            TABLE
                .replacen(
                    "K1,2025-10-01,KRID,\"새벽무역, \"\"S\"\"\",KR,Busan,PT Contoh,ID,KCCI,2",
                    "K1,2025-10-09,KRID,\"새벽무역, \"\"S\"\"\",KR,Busan,PT Contoh,ID,KCCI,2",
                    1
                )
                .as_bytes()
        )
        .is_err(),
        "a CO has one day of issue"
    );
}

#[test]
fn a_broken_mapping_file_is_refused_with_its_reason() {
    let head = "name = \"x\"\ntitle = \"x\"\nformat = \"json\"\n";
    for (rest, what) in [
        ("nonsense = 1\n", "unknown field"),
        ("[[rule]]\nfrom = \"a\"\n", "expected `to`"),
        ("[[rule]]\nfrom = \"a[]\"\nto = \"b\"\n", "no [] in a rule"),
        ("[[rule]]\nfrom = \"a\"\nvalue = \"1\"\nto = \"b\"\n", "expected one of"),
        ("[[rule]]\nfrom = \"a\"\nto = \"b\"\ncodes = { x = \"1\", y = \"1\" }\n", "export could not choose"),
        ("[[each]]\nfrom = \"a\"\nto = \"b[]\"\n", "expected [] at the end"),
        ("encoding = \"latin-1\"\n", "expected UTF-8"),
    ] {
        let told = Mapping::parse(&format!("{head}{rest}")).unwrap_err().to_string();
        assert!(told.contains(what), "{rest}: {told}");
    }
}
