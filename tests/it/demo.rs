//! The demonstration as a test: two real processes, real TLS, real files, a real kill -9.

use std::process::Command;

use serde_json::Value;

/// Runs `coconnect demo --json` with further arguments; gives its verdict and its report.
fn demo(arguments: &[&str]) -> (bool, Value) {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_coconnect"))
        .args(["demo", "--json", "--dir"])
        .arg(folder.path())
        .args(arguments)
        .output()
        .unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| {
        panic!(
            "no JSON ({e}): {}\n{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    });
    (output.status.success(), report)
}

/// Claim -> evidence of every step that was shown.
fn shown(report: &Value) -> Vec<(String, String)> {
    let events = report["events"].as_array().unwrap();
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    events.iter().filter(|e| e["event"] == "shown").map(|e| (text(&e["claim"]), text(&e["evidence"]))).collect()
}

/// A newcomer's first look: every promise of the README is shown by two processes, or the exit code says no.
fn tells_the_whole_story(suite: &str) {
    let extra = tempfile::tempdir().unwrap();
    let own = extra.path().join("own.xml");
    std::fs::write(&own, OWN_CO).unwrap();
    let (ok, report) = demo(&["--suite", suite, "--crash-messages", "20", "--input", own.to_str().unwrap()]);
    assert!(ok, "{report:#}");
    let shown = shown(&report);
    for (claim, evidence) in [
        ("COs go through", "5 COs acknowledged by ID"),
        ("what arrives is what was sent", "5 of 5 equal after canonicalization"),
        ("once and only once", "3 byte-identical Acknowledgement elements, 1 CO stored"),
        ("a changed message is refused", "signature-invalid, security-check-failed"),
        ("errors say what, where and what was expected", "063 at 1:"),
        ("kill -9 loses nothing and doubles nothing", "20 of 20 acknowledged, each once at ID"),
        ("the journals hold", "records"),
        ("a stop is graceful", "both processes ended with 0"),
    ] {
        let found = shown.iter().find(|(c, _)| c == claim).unwrap_or_else(|| panic!("{claim}: not shown: {report:#}"));
        assert!(found.1.contains(evidence), "{claim}: expected {evidence:?}, came {:?}", found.1);
    }
}

#[test]
fn tells_the_whole_story_with_rsa() {
    tells_the_whole_story("rsa2048");
}

#[test]
fn tells_the_whole_story_with_p256() {
    tells_the_whole_story("p256");
}

#[test]
fn an_input_that_cannot_be_taken_ends_the_story_with_a_surprise() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.xml");
    std::fs::write(&broken, "<not-a-co/>").unwrap();
    let (ok, report) = demo(&["--crash-messages", "10", "--input", broken.to_str().unwrap()]);
    assert!(!ok);
    assert!(report["surprise"].as_str().unwrap().contains("step 3"), "{report:#}");
}

/// A CO in another shape than the made-up ones: other prefixes, single quotes, blanks, a comment-free minimum.
const OWN_CO: &str = "<?xml version='1.0' encoding='UTF-8'?>
<m:MetaData xmlns:m='urn:wco:datamodel:WCO:DocumentMetaData:1' xmlns='urn:wco:datamodel:WCO:LPCO:1' xmlns:cc='urn:coconnect:ext:1'>
 <m:WCODataModelVersionCode>4.0.0</m:WCODataModelVersionCode><m:WCOTypeName>LPCO</m:WCOTypeName>
 <m:ResponsibleCountryCode>KR</m:ResponsibleCountryCode><m:ResponsibleAgencyName>Korea Customs Service</m:ResponsibleAgencyName>
 <m:AgencyAssignedCustomizationCode>ECO</m:AgencyAssignedCustomizationCode>
 <LPCO>
  <FunctionCode>9</FunctionCode><ID>OWN-25-0000123</ID>
  <IssueDateTime><DateTimeString formatCode='304'>20251001093000Z</DateTimeString></IssueDateTime>
  <TypeCode>861</TypeCode><IssueLocationID>KRSEL</IssueLocationID><cc:AgreementCode>KRID</cc:AgreementCode>
  <cc:IssuedRetroactivelyIndicator>false</cc:IssuedRetroactivelyIndicator>
  <Authentication><ActualDateTime><DateTimeString formatCode='102'>20251001</DateTimeString></ActualDateTime><Authenticator><Name>KCCI</Name></Authenticator></Authentication>
  <Consignment>
   <Consignee><Name>PT Contoh &amp; Anak</Name><Address><CityName>Jakarta</CityName><CountryCode>ID</CountryCode><Line>Jl. Sudirman 1</Line></Address></Consignee>
   <ConsignmentItem><SequenceNumeric>1</SequenceNumeric>
    <Commodity><Description>승용차 (passenger cars)</Description><ValueAmount currencyID='USD'>15500.00</ValueAmount>
     <Classification><ID>870322</ID><IdentificationTypeCode>HS</IdentificationTypeCode></Classification></Commodity>
    <GoodsMeasure><GrossMassMeasure unitCode='KGM'>1250.5</GrossMassMeasure></GoodsMeasure>
    <Origin><CountryCode>KR</CountryCode><RuleCode>RVC</RuleCode></Origin><Invoice><ID>INV-1</ID></Invoice></ConsignmentItem>
   <Consignor><Name>Hyundai</Name></Consignor></Consignment></LPCO></m:MetaData>
";
