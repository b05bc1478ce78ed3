//! What the nouns that list rows of a gateway have in common: their options, and how rows are shown.

use clap::Args;
use serde_json::{Value, json};

use super::out::{self, Exit, Failure};
use super::place::Place;
use super::reach::Reach;

/// Options of `co list`, `message list`, `outbox list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Rows at most.
    #[arg(long, default_value_t = 1_000)]
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
        let rows = Reach::open(&self.place)?.rows(path, self.limit)?;
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
