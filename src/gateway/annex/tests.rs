//! Two gateways that name each other: what both have in force gives the same octets, what differs is named.

use std::path::Path;

use super::*;
use crate::base::RealClock;
use crate::base::id::{Environment, PartnerId};
use crate::exchange::PartnerSet;
use crate::gateway::init::{Plan, Suite, init};
use crate::gateway::partners::{self, Existing};

struct World(tempfile::TempDir);

impl World {
    /// KR with RSA or EC keys and ID with EC keys, each a partner of the other.
    fn new(suite: Suite) -> Self {
        let world = Self(tempfile::tempdir().unwrap());
        for (id, suite) in [("KR", suite), ("ID", Suite::P256)] {
            let plan = Plan {
                dir: world.0.path().join(id),
                id: PartnerId::parse(id).unwrap(),
                country: id.to_owned(),
                domain: format!("customs.{}.example", id.to_lowercase()),
                environment: Environment::Test,
                listen: "127.0.0.1:8443".parse().unwrap(),
                public_url: None,
                addresses: vec!["192.0.2.0/24".to_owned(), "10.0.0.0/8".to_owned()],
                local_api: None,
                suite,
                authority: None,
                retry_every_s: None,
            };
            init(&plan, &RealClock::new()).unwrap();
        }
        for (ours, theirs) in [("KR", "ID"), ("ID", "KR")] {
            let config = world.config(ours);
            let offer = world.0.path().join(theirs).join("partner.toml");
            let (own, ours) = (config.gateway.partner_id(), config.gateway.environment());
            partners::add(&config.partners_dir(), &offer, &own, ours, Existing::Keep).unwrap();
        }
        world
    }

    fn config(&self, id: &str) -> Config {
        Config::load(&self.0.path().join(id).join("coconnect.toml")).unwrap()
    }

    fn annex(&self, id: &str, other: &str) -> Annex {
        let config = self.config(id);
        let own = OwnIdentity::load(&config).unwrap();
        let set = PartnerSet::load(&config.partners_dir(), config.gateway.environment(), &own.anchors).unwrap();
        let partner = set.by_id(&PartnerId::parse(other).unwrap()).unwrap();
        annex(&config, &own, &Offered::read(&config), partner)
    }

    fn both(&self) -> [String; 2] {
        [self.annex("KR", "ID").markdown(), self.annex("ID", "KR").markdown()]
    }

    fn change(&self, file: &str, change: impl FnOnce(String) -> String) {
        let path: &Path = &self.0.path().join(file);
        let text = std::fs::read_to_string(path).unwrap();
        let new = change(text.clone());
        assert_ne!(new, text, "{file}");
        std::fs::write(path, new).unwrap();
    }
}

/// Lines that stand in one of them alone: those of the first, then those of the second.
fn differing(both: &[String; 2]) -> Vec<String> {
    let [first, second] = only(both);
    [first, second].concat()
}

fn only([a, b]: &[String; 2]) -> [Vec<String>; 2] {
    let only = |a: &str, b: &str| -> Vec<String> {
        let others: std::collections::HashSet<&str> = b.lines().collect();
        a.lines().filter(|line| !others.contains(line)).map(str::to_owned).collect()
    };
    [only(a, b), only(b, a)]
}

/// A profile that says one thing of each kind.
const PROFILE: &str = r#"
name = "kr-id"
version = "3"
extends = "korea-indonesia"
certainty = "agreed"
foreign = "withheld"
valid_from = "2026-06-01"

[zones]
KR = "Asia/Seoul"

[calendars]
KR = "kr"

[list.cepa]
version = "2026"
values = ["WO", "PE", "RVC"]

[[element]]
element = "LPCO/Consignment/Consignee/ID"
presence = "withheld"

[[element]]
element = "LPCO/Consignment/BorderTransportMeans/DepartureDateTime"
presence = "conditional"
when = { element = "K14", is = "true" }

[[element]]
element = "LPCO/Consignment/ConsignmentItem/Commodity/Description"
length_max = 200

[[element]]
element = "LPCO/Consignment/ConsignmentItem/Commodity/ValueAmount/@currencyID"
list = ["USD", "KRW"]

[[extension]]
name = "Permit"
ns = "urn:example:permit"
parent = "LPCO"
type = "text"
length_max = 35

[[rule]]
kind = "retroactive"
after_days = 3
count = "working"
limit = { months = 12 }
verdict = "reject"
"#;

const HOLIDAYS: &str =
    "weekend = [\"saturday\", \"sunday\"]\nyears = [2026, 2026]\nholidays = [\"2026-09-25\", \"2026-10-09\"]\n";

impl World {
    /// Both sides hold the same profile.
    fn with_profile() -> Self {
        let world = Self::new(Suite::P256);
        for (id, other) in [("KR", "ID"), ("ID", "KR")] {
            let folder = world.0.path().join(id).join("profiles");
            std::fs::create_dir_all(folder.join("holidays")).unwrap();
            std::fs::write(folder.join("kr-id.toml"), PROFILE).unwrap();
            std::fs::write(folder.join("holidays/kr.toml"), HOLIDAYS).unwrap();
            world.change(&format!("{id}/partners/{other}.toml"), |text| {
                text.replace("profile = \"default\"", "profile = \"kr-id\"")
            });
        }
        world
    }

    fn both_csv(&self) -> [String; 2] {
        [self.annex("KR", "ID").csv(), self.annex("ID", "KR").csv()]
    }
}

#[test]
fn two_gateways_that_agree_write_the_same_octets_whatever_their_keys() {
    for suite in [Suite::P256, Suite::Rsa2048] {
        let world = World::new(suite);
        let both = world.both();
        assert_eq!(differing(&both), Vec::<String>::new());
        assert_eq!(both[0], both[1]);
        assert_eq!(world.annex("KR", "ID").csv(), world.annex("ID", "KR").csv());
        assert_eq!(world.annex("KR", "ID").json(), world.annex("ID", "KR").json());
        for wanted in [
            "# Technical annex: ID and KR",
            "- ID to KR: send-co: agreed",
            "- calls from: 10.0.0.0/8, 192.0.2.0/24",
            "- certificate for sign: ",
            "SHA-256 ",
            "| LPCO/ID | D014 |",
            "- contact: none stated",
            "- iso-4217: version ",
            "- agreement profile: default, version ",
            "- profile, foreign: ",
            "names eight of them, OIF.001 to OIF.004.b; at all others none is known.",
            "- tries after a technical failure: every 600 s for one hour, then held for a person",
        ] {
            assert!(both[0].contains(wanted), "{wanted}\n{}", &both[0][..2_000]);
        }
        assert!(!both[0].contains("basic_secret") && !both[0].contains("hmac-sha256:"), "no secret stands in it");
    }
}

#[test]
fn each_thing_that_is_not_agreed_is_named_and_nothing_else() {
    type Change = fn(String) -> String;
    let in_kr = "KR/partners/ID.toml";
    let cases: [(&str, Change, &[&str]); 11] = [
        (in_kr, |t| t.replace("operations_out = [\"send-co\", ", "operations_out = ["), &["- KR to ID: send-co: "]),
        (in_kr, |t| t.replace("skew_s = 300", "skew_s = 60"), &["- clocks may differ by: "]),
        (in_kr, |t| t.replace("retry_every_s = 600", "retry_every_s = 300"), &["- tries after a technical failure: "]),
        (
            in_kr,
            |t| t.replace("profile = \"default\"", "profile = \"korea-vietnam\""),
            &["- agreement profile: ", "- profile, ", "- list ", "- LPCO", "- rule ", "- zone ", "- calendar "],
        ),
        (
            in_kr,
            |t| t.replace("[code_lists]\n", "[wco]\nsend = \"4.2.0\"\n[code_lists]\n"),
            &["- WCO Data Model from KR to ID: ", "- WCO Data Model 4.2.0, namespace "],
        ),
        (
            in_kr,
            |t| t.replace("[code_lists]\n", "[code_lists]\n\"iso-3166-1\" = \"2026-01\"\n"),
            &["- iso-3166-1: version 2026"],
        ),
        (in_kr, |t| t.replace("[code_lists]\n", "[unknown_codes]\nrec20 = \"reject\"\n[code_lists]\n"), &["- rec20: "]),
        (in_kr, |t| t.replace("cipher = \"aes256-gcm\"", "cipher = \"aes128-gcm\""), &["- cipher: "]),
        (in_kr, |t| t.replace("territories = [\"ID\"]", "territories = [\"ID\", \"TL\"]"), &["- speaks for: "]),
        ("KR/coconnect.toml", |t| format!("{t}\n[limits]\nmessage_mib = 10\n"), &["- largest message: "]),
        (
            "ID/coconnect.toml",
            |t| format!("{t}\n[[contact]]\nrole = \"operations\"\nname = \"Desk\"\nphone = \"+62 21 1\"\n"),
            &["- contact: "],
        ),
    ];
    let world = World::new(Suite::P256);
    for (file, change, named) in cases {
        let path = world.0.path().join(file);
        let before = std::fs::read_to_string(&path).unwrap();
        world.change(file, change);
        let lines = differing(&world.both());
        assert!(!lines.is_empty(), "{file}: {named:?} was not noticed");
        for line in &lines {
            assert!(named.iter().any(|name| line.starts_with(name)), "{named:?}: {line}");
        }
        std::fs::write(&path, before).unwrap();
        assert!(differing(&world.both()).is_empty());
    }
    // Both sides agree on the same contact: nothing is left.
    let contact = "\n[[contact]]\nrole = \"operations\"\nname = \"Desk\"\nphone = \"+62 21 1\"\n";
    world.change("ID/coconnect.toml", |text| format!("{text}{contact}"));
    world.change(in_kr, |text| format!("{text}{contact}"));
    let both = world.both();
    assert_eq!(both[0], both[1]);
    assert!(both[0].contains("- contact: operations: Desk, +62 21 1"));
}

#[test]
fn a_certificate_that_was_rotated_on_one_side_is_named() {
    let world = World::new(Suite::P256);
    let other = World::new(Suite::P256);
    for name in ["keys/sign.crt", "keys/sign.key"] {
        std::fs::copy(other.0.path().join("ID").join(name), world.0.path().join("ID").join(name)).unwrap();
    }
    let lines = differing(&world.both());
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines.iter().all(|line| line.starts_with("- certificate for sign: ")), "{lines:?}");
}

#[test]
fn the_csv_form_carries_what_the_profile_says_as_the_text_form_does() {
    let world = World::with_profile();
    let annex = world.annex("KR", "ID");
    let (text, csv) = (annex.markdown(), annex.csv());
    assert!(annex.profile.len() > 40, "{}", annex.profile.len());
    let lines: Vec<&str> = csv.lines().collect();
    let columns = lines[0].split(',').count();
    assert_eq!(columns, 14);
    assert_eq!(lines.len(), 1 + annex.menu.len() + annex.profile.len(), "a line each, none twice, none lost");
    for stated in &annex.profile {
        let begin = format!("{},{},", quoted(&stated.subject), stated.wco_id);
        let end = [&stated.says, &stated.value, &stated.on_receipt, &stated.before_sending, &stated.certainty]
            .map(|cell| quoted(cell))
            .join(",");
        let found = lines.iter().filter(|line| line.starts_with(&begin) && line.ends_with(&end)).count();
        assert_eq!(found, 1, "{begin} .. {end}");
        let fact = stated.fact();
        assert!(text.contains(&format!("- {}: {}\n", fact.name, fact.value)), "{}", fact.name);
    }
    // What is said of an element stands below it.
    let at = |begin: &str| lines.iter().position(|line| line.starts_with(begin)).unwrap_or_else(|| panic!("{begin}"));
    let element = at("LPCO/Consignment/Consignee/ID,R015,,");
    assert!(lines[element].contains("0..1,optional,"), "{}", lines[element]);
    let below: Vec<&&str> =
        lines[element + 1..].iter().take_while(|line| line.starts_with("LPCO/Consignment/Consignee/ID,")).collect();
    assert!(below.iter().any(|line| line.ends_with(",presence,withheld,warn,warn,agreed")), "{below:?}");
    assert!(
        at("LPCO/Permit,") > at("LPCO/Consignment/UnloadingLocation,"),
        "declared by the profile: after the schema"
    );
    for wanted in [
        "presence,\"conditional: must stand when IssuedRetroactivelyIndicator (K14) is \"\"true\"\"; otherwise optional\",reject,",
        ",holiday,2026-09-25,,,",
        "list cepa,,,,,,,,,version,2026,,,",
        "LPCO/IssueDateTime,D011,OIF.001,",
        "LPCO/Consignment/ConsignmentItem/Commodity/ValueAmount/@currencyID,306,,",
    ] {
        assert!(csv.contains(wanted), "{wanted}");
    }
}

#[test]
fn one_statement_that_differs_is_exactly_that_line_in_both_forms() {
    type Case = (&'static str, &'static str, &'static str, &'static str);
    let world = World::with_profile();
    assert_eq!(only(&world.both()), [Vec::<String>::new(), Vec::new()]);
    assert_eq!(world.both()[0], world.both()[1]);
    assert_eq!(world.both_csv()[0], world.both_csv()[1]);
    // In KR's file: what stands there, what stands instead, how the line of the text form begins, how that of the CSV does.
    let profile: &[Case] = &[
        (
            "presence = \"withheld\"",
            "presence = \"optional\"",
            "- LPCO/Consignment/Consignee/ID (WCO R015), presence: ",
            "LPCO/Consignment/Consignee/ID,R015,",
        ),
        (
            "is = \"true\"",
            "is = \"false\"",
            "- LPCO/Consignment/BorderTransportMeans/DepartureDateTime (WCO 156), presence: ",
            "LPCO/Consignment/BorderTransportMeans/DepartureDateTime,156,",
        ),
        (
            "length_max = 200",
            "length_max = 201",
            "- LPCO/Consignment/ConsignmentItem/Commodity/Description (WCO 137), length-max: ",
            "LPCO/Consignment/ConsignmentItem/Commodity/Description,137,",
        ),
        (
            "length_max = 200",
            "length_max = 200\nverdict = \"warn\"",
            "- LPCO/Consignment/ConsignmentItem/Commodity/Description (WCO 137), length-max: ",
            "LPCO/Consignment/ConsignmentItem/Commodity/Description,137,",
        ),
        (
            "length_max = 200",
            "length_max = 200\ncertainty = \"proposed\"",
            "- LPCO/Consignment/ConsignmentItem/Commodity/Description (WCO 137), length-max: ",
            "LPCO/Consignment/ConsignmentItem/Commodity/Description,137,",
        ),
        (
            "[\"USD\", \"KRW\"]",
            "[\"USD\"]",
            "- LPCO/Consignment/ConsignmentItem/Commodity/ValueAmount/@currencyID (WCO 306), attribute: ",
            "LPCO/Consignment/ConsignmentItem/Commodity/ValueAmount/@currencyID,306,",
        ),
        ("length_max = 35", "length_max = 70", "- LPCO/Permit, length-max: ", "LPCO/Permit,"),
        ("after_days = 3", "after_days = 5", "- rule retroactive, retroactive: ", "rule retroactive,"),
        ("\"PE\", \"RVC\"", "\"PE\"", "- rule criteria, criteria: ", "rule criteria,"),
        ("version = \"2026\"", "version = \"2027\"", "- list cepa, version: ", "list cepa,"),
        ("Asia/Seoul", "Asia/Tokyo", "- zone KR, zone: ", "zone KR,"),
        ("foreign = \"withheld\"", "foreign = \"reject\"", "- profile, foreign: ", "profile,"),
        ("2026-06-01", "2026-07-01", "- profile, in force: ", "profile,"),
    ];
    let holidays: &[Case] = &[("2026-10-09", "2026-10-10", "- calendar KR, holiday: ", "calendar KR,")];
    for (file, cases) in [("KR/profiles/kr-id.toml", profile), ("KR/profiles/holidays/kr.toml", holidays)] {
        for (there, instead, text, csv) in cases {
            let before = std::fs::read_to_string(world.0.path().join(file)).unwrap();
            world.change(file, |toml| toml.replacen(there, instead, 1));
            for (form, begin) in [(world.both(), text), (world.both_csv(), csv)] {
                let [ours, theirs] = only(&form);
                assert!(ours.len() == 1 && theirs.len() == 1, "{there} to {instead}: {ours:?}, {theirs:?}");
                assert!(ours[0].starts_with(begin) && theirs[0].starts_with(begin), "{begin}: {ours:?}, {theirs:?}");
            }
            std::fs::write(world.0.path().join(file), before).unwrap();
        }
    }
    // A statement that one side alone has is a line of that side alone.
    let own = "\n[[element]]\nelement = \"LPCO/Consignment/Consignor/ID\"\npresence = \"withheld\"\n";
    world.change("KR/profiles/kr-id.toml", |toml| format!("{toml}{own}"));
    for form in [world.both(), world.both_csv()] {
        let [ours, theirs] = only(&form);
        assert!(ours.len() == 1 && theirs.is_empty(), "{ours:?}, {theirs:?}");
        assert!(ours[0].contains("LPCO/Consignment/Consignor/ID") && ours[0].contains("withheld"), "{ours:?}");
    }
}
