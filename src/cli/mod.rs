//! Floor 7: the command line. Noun, then verb.
//!
//! stdout is the answer, stderr the talk; `--json` on everything that lists or reports. Exit codes: 0 done, 1 refused
//! or invalid, 2 usage or unreadable, 75 try again later (design 4). Only this room prints.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the command line is what prints")]

pub mod keys;
pub mod contract;
pub mod out;
pub mod xmlsec;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Exchange electronic Certificates of Origin with the gateways of partner administrations.
#[derive(Debug, Parser)]
#[command(name = "coconnect", version, propagate_version = true, max_term_width = 110)]
pub struct Cli {
    /// What to work on.
    #[command(subcommand)]
    pub noun: Noun,
}

/// The nouns, one file each.
#[derive(Debug, Subcommand)]
pub enum Noun {
    /// XML Signature, XML Encryption and Canonical XML on plain files
    Xmlsec(xmlsec::XmlsecArgs),
    /// The service contract: WSDL, schemas, and the code made from them.
    #[command(subcommand)]
    Contract(contract::Contract),
}

/// Runs what the arguments ask for.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    out::log_to_stderr();
    out::finish(match cli.noun {
        Noun::Xmlsec(args) => xmlsec::run(&args),
        Noun::Contract(command) => contract::run(command),
    })
}
