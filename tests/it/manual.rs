//! Pages of the manual that are made from the code stay fresh.

use std::fmt::Write as _;

use coconnect::exchange::fault::Code;

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
