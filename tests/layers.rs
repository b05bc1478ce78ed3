//! The floors of the house: a room imports only from lower floors, and only one room knows each dangerous thing.
//!
//! Reads the sources as text: every `crate::room` outside comments, and the few names that only one room may use.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};

/// Rooms and their floors (`src/lib.rs`). Rooms of one floor never import each other.
const FLOORS: &[(&str, u8)] = &[
    ("base", 0),
    ("xml", 1),
    ("net", 1),
    ("pki", 1),
    ("xmlsec", 2),
    ("store", 2),
    ("soap", 3),
    ("contract", 3),
    ("exchange", 4),
    ("gateway", 5),
    ("web", 6),
    ("tools", 6),
    ("cli", 7),
];

/// Rooms of a lower floor that a room may not name all the same: (room, not that).
const FORBIDDEN: &[(&str, &str)] = &[
    ("xmlsec", "pki"),
    ("xmlsec", "net"),
    ("store", "xml"),
    ("store", "net"),
    ("store", "pki"),
    ("contract", "xmlsec"),
    ("contract", "store"),
];

/// What only the named files or rooms may say.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("Timestamp::now(", &["src/base/clock.rs"]),
    ("SystemTime::now(", &["src/base/clock.rs"]),
    ("Instant::now(", &["src/base/clock.rs", "src/tools/", "src/cli/"]),
    ("TcpListener::bind", &["src/net/"]),
    ("TcpStream::connect", &["src/net/"]),
    ("UnixListener::bind", &["src/net/"]),
    ("UnixStream::connect", &["src/net/"]),
    ("sled::", &["src/store/"]),
    ("yaserde", &["src/contract/"]),
    // Tells a sender's faults in full: an oracle, were it within reach of a sender.
    ("wss::explain", &["src/cli/"]),
    ("dsig::explain", &["src/cli/", "src/soap/wss/explain.rs", "src/soap/wss/explain/"]),
    ("enc::explain", &["src/soap/wss/explain.rs", "src/soap/wss/explain/"]),
    ("println!", &["src/cli/"]),
    ("eprintln!", &["src/cli/"]),
];

#[test]
fn rooms_import_only_from_lower_floors() {
    let mut broken = Vec::new();
    for file in sources() {
        let Some(room) = room_of(&file) else { continue };
        let floor = floor_of(&room)
            .unwrap_or_else(|| panic!("{}: room {room} has no floor in tests/layers.rs", file.display()));
        for (line, other) in imports(&file) {
            if other == room {
                continue;
            }
            let Some(other_floor) = floor_of(&other) else { continue };
            if other_floor >= floor || FORBIDDEN.contains(&(room.as_str(), other.as_str())) {
                broken.push(format!(
                    "{}:{line}: {room} (floor {floor}) imports {other} (floor {other_floor})",
                    file.display()
                ));
            }
        }
    }
    assert!(broken.is_empty(), "imports against the floors:\n{}", broken.join("\n"));
}

#[test]
fn dangerous_things_stand_in_one_room() {
    let mut broken = Vec::new();
    for file in sources() {
        let path = relative(&file);
        for (number, line) in code_lines(&file) {
            for (name, allowed) in ONLY_IN {
                if line.contains(name) && !allowed.iter().any(|prefix| path.starts_with(prefix)) {
                    broken.push(format!("{path}:{number}: {name} belongs to {}", allowed.join(", ")));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_check_sees_a_wrong_import() {
    assert_eq!(rooms_named("use crate::exchange::partner;"), ["exchange"]);
    assert_eq!(rooms_named("let x = crate::xml::parse(a) + crate::base::id::b();"), ["xml", "base"]);
    assert_eq!(rooms_named("use crate::{xml::Document, store};"), ["xml", "store"]);
    assert!(rooms_named("// see crate::exchange").is_empty());
}

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    assert!(found.len() > 5, "sources were found");
    let tests: Vec<PathBuf> = found.iter().flat_map(|file| test_modules(file)).collect();
    found.retain(|file| !tests.iter().any(|test| file.starts_with(test) || file == &test.with_extension("rs")));
    found
}

/// The modules that a file declares behind `#[cfg(test)]`, as paths without ending: they may reach further.
fn test_modules(file: &Path) -> Vec<PathBuf> {
    let text = fs::read_to_string(file).unwrap();
    let folder = match file.file_stem().and_then(|s| s.to_str()) {
        Some("mod" | "lib" | "main") | None => file.parent().unwrap().to_owned(),
        Some(_) => file.with_extension(""),
    };
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let module = |line: &str| {
        let name = line.trim_start_matches("pub(crate) ").trim_start_matches("pub(super) ").strip_prefix("mod ")?;
        name.strip_suffix(';').map(|name| folder.join(name))
    };
    lines.windows(2).filter(|pair| pair[0] == "#[cfg(test)]").filter_map(|pair| module(pair[1])).collect()
}

fn relative(file: &Path) -> String {
    file.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().to_string_lossy().replace('\\', "/")
}

/// The room of a file below `src/`; none for `lib.rs`, `main.rs` and the manual.
fn room_of(file: &Path) -> Option<String> {
    let path = relative(file);
    let below = path.strip_prefix("src/")?;
    let room = below.split('/').next()?;
    let room = room.strip_suffix(".rs").unwrap_or(room);
    (!matches!(room, "lib" | "main" | "manual")).then(|| room.to_owned())
}

fn floor_of(room: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == room).map(|(_, floor)| *floor)
}

fn imports(file: &Path) -> Vec<(usize, String)> {
    code_lines(file)
        .into_iter()
        .flat_map(|(number, line)| rooms_named(&line).into_iter().map(move |room| (number, room)))
        .collect()
}

/// Lines of code up to the unit tests, which may reach further; doc links and comments may point anywhere.
fn code_lines(file: &Path) -> Vec<(usize, String)> {
    let text = fs::read_to_string(file).unwrap();
    let mut lines = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("#[cfg(test)]") {
            break;
        }
        if !line.trim_start().starts_with("//") {
            lines.push((at + 1, line.to_owned()));
        }
    }
    lines
}

fn rooms_named(line: &str) -> Vec<String> {
    if line.trim_start().starts_with("//") {
        return Vec::new();
    }
    let mut rooms = Vec::new();
    for (at, _) in line.match_indices("crate::") {
        // `coconnect::crate::` does not exist; `$crate::` of a macro counts too.
        let rest = &line[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut item = String::new();
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => rooms.push(std::mem::take(&mut item)),
                    _ if depth == 0 => item.push(c),
                    _ => {}
                }
            }
            rooms.push(item);
        } else {
            rooms.push(rest.to_owned());
        }
    }
    rooms
        .into_iter()
        .map(|room| room.trim().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>())
        .filter(|room| !room.is_empty())
        .collect()
}
