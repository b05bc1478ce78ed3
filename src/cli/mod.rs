//! Floor 7: the command line. Noun, then verb.
//!
//! stdout is the answer, stderr the talk; `--json` on everything that lists or reports. Exit codes: 0 done, 1 refused
//! or invalid, 2 usage or unreadable, 75 try again later (design 4). Only this room prints.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the command line is what prints")]

pub mod bench;
pub mod cert;
pub mod co;
pub mod contract;
pub mod demo;
pub mod init;
pub mod journal;
pub mod keys;
pub mod message;
pub mod out;
pub mod outbox;
pub mod partner;
pub mod place;
pub mod reach;
pub mod serve;
pub mod store;
pub mod validate;
pub mod wss;
pub mod xmlsec;
pub mod xmlsec_decrypt;
pub mod xmlsec_encrypt;

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
#[allow(missing_docs, reason = "the help of each noun stands with its arguments")]
pub enum Noun {
    Demo(demo::Demo),
    Init(init::Init),
    Serve(serve::Serve),
    #[command(subcommand)]
    Bench(bench::Bench),
    #[command(subcommand)]
    Co(co::Co),
    #[command(subcommand)]
    Outbox(outbox::Outbox),
    #[command(subcommand)]
    Message(message::Message),
    #[command(subcommand)]
    Partner(partner::Partner),
    /// The journal: verify it, tell its heads, count what it holds
    Journal(journal::JournalArgs),
    /// The store: make its index again, compare it with the journal
    Store(store::StoreArgs),
    /// Certificates, their keys, and what expires when
    Cert(cert::CertArgs),
    /// XML Signature, XML Encryption and Canonical XML on plain files
    Xmlsec(xmlsec::XmlsecArgs),
    /// The service contract: WSDL, schemas, and the code made from them.
    #[command(subcommand)]
    Contract(contract::Contract),
    Validate(validate::Validate),
    /// WS-Security on plain files
    Wss(wss::WssArgs),
}

/// Runs what the arguments ask for.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    out::log_to_stderr();
    out::finish(match cli.noun {
        Noun::Demo(args) => demo::run(&args),
        Noun::Init(args) => init::run(&args),
        Noun::Serve(args) => serve::run(&args),
        Noun::Bench(verb) => bench::run(verb),
        Noun::Co(verb) => co::run(verb),
        Noun::Outbox(verb) => outbox::run(verb),
        Noun::Message(verb) => message::run(verb),
        Noun::Partner(verb) => partner::run(verb),
        Noun::Journal(args) => journal::run(&args),
        Noun::Store(args) => store::run(&args),
        Noun::Cert(args) => cert::run(&args),
        Noun::Xmlsec(args) => xmlsec::run(&args),
        Noun::Contract(command) => contract::run(command),
        Noun::Validate(args) => validate::run(&args),
        Noun::Wss(args) => wss::run(&args),
    })
}
