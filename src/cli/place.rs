//! Where a gateway lives: `--config FILE`, or `--dir DIR` for `DIR/coconnect.toml`.

use std::path::PathBuf;

use clap::Args;

use super::out::{self, Failure};
use crate::gateway::config::Config;

/// Which gateway a command is about.
#[derive(Debug, Clone, Args)]
pub struct Place {
    /// Configuration file of the gateway.
    #[arg(long, value_name = "FILE", env = "COCONNECT_CONFIG", global = false)]
    pub config: Option<PathBuf>,
    /// Folder of the gateway; means --config DIR/coconnect.toml.
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    pub dir: Option<PathBuf>,
}

impl Place {
    /// The configuration file that is meant: given, else `./coconnect.toml`.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        match (&self.dir, &self.config) {
            (Some(dir), _) => dir.join("coconnect.toml"),
            (None, Some(config)) => config.clone(),
            (None, None) => PathBuf::from("coconnect.toml"),
        }
    }

    /// The configuration.
    ///
    /// # Errors
    /// A usage failure that names the file and how to make one.
    pub fn config(&self) -> Result<Config, Failure> {
        let file = self.file();
        Config::load(&file).map_err(|e| {
            let failure = Failure::usage(out::chain(&e));
            if file.exists() {
                failure
            } else {
                failure.hint("name the gateway with --dir DIR or --config FILE; coconnect init makes one")
            }
        })
    }
}
