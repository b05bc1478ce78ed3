//! How answers, errors and hints look.

use std::io::Write;
use std::process::ExitCode;

/// What a command ends with (design 4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// Done, or valid.
    Done = 0,
    /// Refused, or invalid.
    Refused = 1,
    /// The arguments do not fit, or an input cannot be read.
    Usage = 2,
    /// Try again later (EX_TEMPFAIL).
    TryLater = 75,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// Why a command failed: its exit code, what to say, and what to do about it.
#[derive(Debug)]
pub struct Failure {
    /// The code.
    pub exit: Exit,
    /// What was expected, what came, where. Lower case, no full stop.
    pub error: String,
    /// What to do, as a command where there is one.
    pub hint: Option<String>,
}

impl Failure {
    /// Refused or invalid.
    #[must_use]
    pub fn refused(error: impl Into<String>) -> Self {
        Self { exit: Exit::Refused, error: error.into(), hint: None }
    }

    /// Arguments that do not fit, or an input that cannot be read.
    #[must_use]
    pub fn usage(error: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, error: error.into(), hint: None }
    }

    /// Something that may work later.
    #[must_use]
    pub fn later(error: impl Into<String>) -> Self {
        Self { exit: Exit::TryLater, error: error.into(), hint: None }
    }

    /// With what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Prints a failure as `coconnect: error: ...` and `coconnect: hint: ...`; gives its exit code.
pub fn finish(result: Result<Exit, Failure>) -> ExitCode {
    match result {
        Ok(exit) => exit.into(),
        Err(failure) => {
            eprintln!("coconnect: error: {}", failure.error);
            if let Some(hint) = failure.hint {
                eprintln!("coconnect: hint: {hint}");
            }
            failure.exit.into()
        }
    }
}

pub use crate::gateway::chain;

/// Prints a JSON value, indented, with a line end.
pub fn json(value: &serde_json::Value) {
    let text = serde_json::to_string_pretty(value).expect("a JSON value always serializes");
    line(&text);
}

/// Prints a line to stdout; a reader that went away ends the program quietly, as with any Unix filter.
pub fn line(text: &str) {
    if writeln!(std::io::stdout(), "{text}").is_err() {
        std::process::exit(0);
    }
}

/// Writes octets to stdout as they are.
pub fn octets(octets: &[u8]) {
    let mut stdout = std::io::stdout();
    if stdout.write_all(octets).and_then(|()| stdout.flush()).is_err() {
        std::process::exit(0);
    }
}

/// Prints rows under headings, columns aligned.
pub fn table(headings: &[&str], rows: &[Vec<String>]) {
    let mut widths: Vec<usize> = headings.iter().map(|h| h.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let print = |cells: Vec<&str>| {
        let mut text = String::new();
        for (at, (cell, width)) in cells.iter().zip(&widths).enumerate() {
            if at > 0 {
                text.push_str("  ");
            }
            text.push_str(cell);
            text.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.chars().count())));
        }
        line(text.trim_end());
    };
    print(headings.to_vec());
    for row in rows {
        print(row.iter().map(String::as_str).collect());
    }
}

/// Sends the log to stderr, as `COCONNECT_LOG` filters it (default `warn`).
pub fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("COCONNECT_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    // A second call (in tests) finds the first subscriber in place and leaves it.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_writer(std::io::stderr)
        .try_init();
}
