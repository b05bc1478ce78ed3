//! libxmlsec as a process behind a pipe, compiled from `libxmlsec.c` beside this file.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::material::{Case, Operation};
use crate::ours;

/// Compiles the program into `folder`; says what the machine lacks.
pub fn compile(folder: &Path) -> Result<PathBuf, String> {
    let flags = Command::new("pkg-config").args(["--cflags", "--libs", "xmlsec1-openssl"]).output();
    let flags = flags.ok().filter(|output| output.status.success()).ok_or("libxmlsec has no headers here")?;
    let flags = String::from_utf8(flags.stdout).map_err(|error| error.to_string())?;
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench/xmlsec/libxmlsec.c");
    let program = folder.join("libxmlsec");
    let compiled =
        Command::new("cc").arg("-O2").arg(source).arg("-o").arg(&program).args(flags.split_whitespace()).output();
    let compiled = compiled.map_err(|error| format!("no C compiler: {error}"))?;
    if !compiled.status.success() {
        return Err(format!("libxmlsec.c: {}", String::from_utf8_lossy(&compiled.stderr)));
    }
    Ok(program)
}

/// The running process.
pub struct Peer {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    /// Its version.
    pub version: String,
}

impl Peer {
    /// Starts it on the document and the key of `case`.
    pub fn start(program: &Path, case: &Case, operation: Operation, folder: &Path) -> Self {
        let (key, document) = (folder.join("key.pem"), folder.join("document.xml"));
        std::fs::write(&key, case.pem(operation)).unwrap();
        std::fs::write(&document, case.octets(operation)).unwrap();
        let mut process = Command::new(program)
            .args([operation.name(), if case.document.has_ids() { "ids" } else { "no-ids" }])
            .args([&key, &document])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (to, from) = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        let mut peer = Self { process, to, from, version: String::new() };
        let line = peer.line();
        peer.version = line.strip_prefix("ready ").unwrap_or_else(|| panic!("libxmlsec: {line}")).to_owned();
        peer
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// CPU microseconds of `count` messages.
    pub fn run(&mut self, count: usize) -> f64 {
        writeln!(self.to, "R {count}").unwrap();
        let line = self.line();
        line.parse::<f64>().unwrap_or_else(|_| panic!("libxmlsec: {line}")) / 1e3
    }

    /// Both sides do the same work: libxmlsec takes what we signed, we take what it signed.
    pub fn agrees(&mut self, case: &Case, operation: Operation) {
        if operation == Operation::Verify {
            self.run(1);
            return;
        }
        writeln!(self.to, "O").unwrap();
        let line = self.line();
        let size = line.parse().unwrap_or_else(|_| panic!("libxmlsec: {line}"));
        let mut signed = vec![0; size];
        self.from.read_exact(&mut signed).unwrap();
        assert!(ours::is_valid(case, signed), "what libxmlsec signed does not verify here");
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Best effort: the end of its input ends it too.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
