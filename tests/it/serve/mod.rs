//! One real `coconnect serve` and a sender beside it: bad input, kill -9 under load, memory.

mod acts;
mod api;
mod bad_input;
mod crash;
mod explain;
mod interop;
mod memory;
mod replay;
mod wsdl;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use coconnect::base::id::PartnerId;
use coconnect::base::{Clock, RealClock};
use coconnect::contract::{Slots, encode, sample};
use coconnect::gateway::config::Config;
use coconnect::tools::demo::Gateway;
use coconnect::tools::lab::Lab;
use serde_json::Value;

/// A gateway of Indonesia, and Korea's folder with the keys of its partner.
struct World {
    folder: tempfile::TempDir,
    id: Gateway,
}

fn coconnect(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_coconnect")).args(arguments).output().unwrap();
    let text = |o: &[u8]| String::from_utf8_lossy(o).into_owned();
    assert!(output.status.success(), "{arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

impl World {
    /// Both folders made, each a partner of the other; XX is a third partner of ID. ID is not started.
    fn new(suite: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = |name: &str| text(&folder.path().join(name));
        for (name, country) in [("kr", "KR"), ("id", "ID"), ("xx", "XX")] {
            let port = coconnect::net::free_loopback_port().unwrap();
            let (listen, url) = (format!("127.0.0.1:{port}"), format!("https://localhost:{port}"));
            let (path, ca) = (dir(name), dir("kr/keys"));
            let mut arguments = vec!["init", "--country", country, "--domain", "customs.example", "--dir", &path];
            arguments.extend(["--listen", &listen, "--public-url", &url, "--suite", suite]);
            if name != "kr" {
                arguments.extend(["--ca", &ca]);
            }
            coconnect(&arguments);
        }
        for (ours, theirs) in [("kr", "id"), ("xx", "id"), ("id", "kr"), ("id", "xx")] {
            let offer = format!("{}/partner.toml", dir(theirs));
            coconnect(&["partner", "add", "--dir", &dir(ours), "--file", &offer]);
        }
        let clock: Arc<dyn Clock> = Arc::new(RealClock::new());
        let program = PathBuf::from(env!("CARGO_BIN_EXE_coconnect"));
        let id = Gateway::new("ID", &folder.path().join("id"), &program, clock).unwrap();
        Self { folder, id }
    }

    /// A folder of the three.
    fn dir(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// ID started, and beside it the gateway of KR, started too.
    async fn both(&mut self) -> Gateway {
        let clock: Arc<dyn Clock> = Arc::new(RealClock::new());
        let program = PathBuf::from(env!("CARGO_BIN_EXE_coconnect"));
        let mut kr = Gateway::new("KR", &self.dir("kr"), &program, clock).unwrap();
        self.id.start().await.unwrap();
        kr.start().await.unwrap();
        kr
    }

    /// A sender with the keys in `folder`, towards ID.
    fn lab(&self, folder: &str) -> Lab {
        self.lab_at(folder, Arc::new(RealClock::new()))
    }

    fn lab_at(&self, folder: &str, clock: Arc<dyn Clock>) -> Lab {
        let config = Config::load(&self.dir(folder).join("coconnect.toml")).unwrap();
        Lab::open(&config, &PartnerId::parse("ID").unwrap(), clock).unwrap()
    }

    /// Every row of a list at ID.
    async fn rows(&self, list: &str) -> Vec<Value> {
        let mut rows = Vec::new();
        let mut after = String::new();
        loop {
            let page = self.id.look(&format!("/v1/{list}?limit=1000{after}")).await.unwrap();
            rows.extend(page["rows"].as_array().unwrap().clone());
            match page["next"].as_str() {
                Some(next) => after = format!("&after={}", coconnect::web::escape(next)),
                None => return rows,
            }
        }
    }
}

/// A made-up CO of Korea for Indonesia.
fn document(seed: u64, items: usize) -> String {
    let mut out = Vec::new();
    encode(&sample::co(seed, items), &Slots::default(), &mut out);
    String::from_utf8(out).unwrap()
}

/// Whether the full numbers of the issues are asked for (`scripts/test --long`).
fn long() -> bool {
    std::env::var_os("COCONNECT_LONG").is_some()
}
