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

/// Lines that stand in one of them alone.
fn differing(both: &[String; 2]) -> Vec<String> {
    let only = |a: &str, b: &str| -> Vec<String> {
        a.lines().filter(|line| !b.lines().any(|other| other == *line)).map(str::to_owned).collect()
    };
    let mut lines = only(&both[0], &both[1]);
    lines.extend(only(&both[1], &both[0]));
    lines
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
    let cases: [(&str, Change, &[&str]); 10] = [
        (in_kr, |t| t.replace("operations_out = [\"send-co\", ", "operations_out = ["), &["- KR to ID: send-co: "]),
        (in_kr, |t| t.replace("skew_s = 300", "skew_s = 60"), &["- clocks may differ by: "]),
        (in_kr, |t| t.replace("retry_every_s = 600", "retry_every_s = 300"), &["- tries after a technical failure: "]),
        (
            in_kr,
            |t| t.replace("profile = \"default\"", "profile = \"korea-vietnam\""),
            &["- agreement profile: ", "- LPCO", "- rule ", "- zone "],
        ),
        (
            in_kr,
            |t| t.replace("[code_lists]\n", "[wco]\nsend = \"4.2.0\"\n[code_lists]\n"),
            &["- WCO Data Model from KR to ID: ", "- WCO Data Model 4.2.0, namespace "],
        ),
        (
            in_kr,
            |t| t.replace("[code_lists]\n", "[code_lists]\n\"iso-3166-1\" = \"2026-01\"\n"),
            &["- iso-3166-1: ", "- versions: "],
        ),
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
