//! What the nouns that list rows of a gateway have in common: their options, and how rows are shown.

use clap::Args;
use serde_json::{Value, json};

use super::out::{self, Exit, Failure};
use super::place::Place;
use super::reach::Reach;

/// Rows that are read of one list.
const ROWS_MAX: usize = 1_000_000;

/// Options of `co list`, `message list`, `outbox list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Rows at most, the newest.
    #[arg(long, default_value_t = 1_000, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    limit: usize,
    #[command(flatten)]
    place: Place,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

impl ListArgs {
    /// Shows the rows of `path` under `headings`, each as `cells` gives it; `empty` is said where there is none.
    pub(super) fn show(
        &self,
        path: &str,
        empty: &str,
        headings: &[&str],
        cells: impl Fn(&Value) -> Vec<String>,
    ) -> Result<Exit, Failure> {
        let mut rows = Reach::open(&self.place)?.rows(path, ROWS_MAX)?;
        // Pages come in the order of the store; who looks at a list looks for what is new. The outbox keeps its order.
        if rows.iter().all(|row| row["time"].is_string()) {
            rows.sort_by(|a, b| b["time"].as_str().cmp(&a["time"].as_str()));
        }
        let found = rows.len();
        if found == ROWS_MAX {
            eprintln!("coconnect: hint: only {ROWS_MAX} rows were looked through, and there may be newer ones");
        }
        if found > self.limit {
            rows.truncate(self.limit);
            eprintln!("coconnect: hint: {found} found, the newest {} shown; --limit shows more", self.limit);
        }
        if self.json {
            out::json(&json!(rows));
        } else if rows.is_empty() {
            out::line(empty);
        } else {
            out::table(headings, &rows.iter().map(cells).collect::<Vec<_>>());
        }
        Ok(Exit::Done)
    }
}

/// `partner list` reads files, not rows: it has the place and the form alone.
#[derive(Debug, Args)]
pub struct FileListArgs {
    /// Which gateway.
    #[command(flatten)]
    pub place: Place,
    /// Print as JSON.
    #[arg(long)]
    pub json: bool,
}
