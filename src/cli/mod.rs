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
mod intake;
pub mod journal;
pub mod keys;
pub mod list;
mod map;
pub mod message;
pub mod out;
pub mod outbox;
pub mod partner;
pub mod place;
pub mod profile;
pub mod reach;
pub mod replay;
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
#[command(
    name = "coconnect",
    version,
    propagate_version = true,
    max_term_width = 110,
    after_help = "\
Exit 0: done, or valid. Exit 1: refused, or invalid. Exit 2: the arguments do not fit, or a file cannot be read.
Exit 75: try again later. The answer goes to stdout, everything else to stderr. Each noun and verb has its own --help.

EXAMPLES:
  coconnect demo
  coconnect init --country KR --domain customs.go.kr --dir kr
  coconnect serve --dir kr
  coconnect co submit co.xml --dir kr
  coconnect message explain R-7K2M9QX3V8ZC5T1D4B6N0WEHJA --dir kr"
)]
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
    #[command(subcommand, after_help = "EXAMPLES:\n  coconnect bench message --suite p256")]
    Bench(bench::Bench),
    #[command(
        subcommand,
        after_help = "EXAMPLES:\n  coconnect co submit co.xml --dir kr\n  coconnect co list --dir kr"
    )]
    Co(co::Co),
    #[command(subcommand, after_help = "EXAMPLES:\n  coconnect outbox list --dir kr")]
    Outbox(outbox::Outbox),
    #[command(
        subcommand,
        after_help = "EXAMPLES:\n  coconnect message list --dir id\n  coconnect message show R-7K2M9QX3V8ZC5T1D4B6N0WEHJA --dir id"
    )]
    Message(message::Message),
    #[command(
        subcommand,
        after_help = "EXAMPLES:\n  coconnect partner add --file id/partner.toml --dir kr\n  coconnect partner list --dir kr"
    )]
    Partner(partner::Partner),
    /// Agreement profiles: what is agreed about each element of a CO, and by which rules
    #[command(
        subcommand,
        after_help = "EXAMPLES:\n  coconnect profile list\n  coconnect profile check kr/profiles/kr-id.toml\n  coconnect profile diff strict china-korea"
    )]
    Profile(profile::ProfileVerb),
    /// The journal: verify it, tell its heads, count what it holds
    #[command(after_help = "EXAMPLES:\n  coconnect journal verify --dir kr\n  coconnect journal head --dir kr --json")]
    Journal(journal::JournalArgs),
    /// The store: make its index again, compare it with the journal
    #[command(after_help = "EXAMPLES:\n  coconnect store check --dir kr\n  coconnect store rebuild --dir kr")]
    Store(store::StoreArgs),
    /// Certificates, their keys, and what expires when
    #[command(
        after_help = "EXAMPLES:\n  coconnect cert calendar kr\n  coconnect cert import --dir kr --partner ID --use sign id-sign-2027.pem"
    )]
    Cert(cert::CertArgs),
    /// XML Signature, XML Encryption and Canonical XML on plain files
    #[command(
        after_help = "EXAMPLES:\n  coconnect xmlsec verify --trusted ca.pem signed.xml\n  coconnect xmlsec decrypt --key our.key message.xml"
    )]
    Xmlsec(xmlsec::XmlsecArgs),
    /// The service contract: WSDL, schemas, and the code made from them.
    #[command(
        subcommand,
        after_help = "EXAMPLES:\n  coconnect contract wsdl --endpoint https://test.coconnect.customs.go.kr"
    )]
    Contract(contract::Contract),
    Validate(validate::Validate),
    Replay(Box<replay::Replay>),
    /// WS-Security on plain files
    #[command(
        after_help = "EXAMPLES:\n  coconnect wss check --key server.key --key server.crt --trusted ca.crt message.xml"
    )]
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
        Noun::Profile(verb) => profile::run(&verb),
        Noun::Journal(args) => journal::run(&args),
        Noun::Store(args) => store::run(&args),
        Noun::Cert(args) => cert::run(&args),
        Noun::Xmlsec(args) => xmlsec::run(&args),
        Noun::Contract(command) => contract::run(command),
        Noun::Validate(args) => validate::run(&args),
        Noun::Replay(args) => replay::run(&args),
        Noun::Wss(args) => wss::run(&args),
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    /// Words of a shell line: blanks divide, quotes join.
    fn words(line: &str) -> Vec<String> {
        let (mut words, mut open, mut quote) = (Vec::new(), None::<String>, None);
        for c in line.chars() {
            match (quote, c) {
                (Some(q), c) if q == c => quote = None,
                (None, '"' | '\'') => {
                    quote = Some(c);
                    open.get_or_insert_default();
                }
                (None, c) if c.is_whitespace() => words.extend(open.take()),
                (_, c) => open.get_or_insert_default().push(c),
            }
        }
        words.extend(open);
        words
    }

    fn each(command: &clap::Command, path: &str, check: &mut dyn FnMut(&str, &clap::Command)) {
        check(path, command);
        for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
            each(below, &format!("{path} {}", below.get_name()), check);
        }
    }

    #[test]
    fn every_help_ends_with_examples_that_the_command_line_takes() {
        // An example that is refused is worse than none.
        let mut seen = 0;
        each(&Cli::command(), "coconnect", &mut |path, command| {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let (_, examples) = help.split_once("EXAMPLES:\n").unwrap_or_else(|| panic!("{path}: no EXAMPLES"));
            for line in examples.replace(" \\\n", " ").lines() {
                assert!(line.starts_with("  "), "{path}: {line:?} follows the examples");
                let part = line.split('|').map(str::trim).find(|part| part.starts_with("coconnect "));
                let part = part.unwrap_or_else(|| panic!("{path}: {line:?} is no call"));
                let call = part.split(['>', '<']).next().unwrap_or_default();
                if let Err(error) = Cli::try_parse_from(words(call)) {
                    panic!("{path}: {call}: {error}");
                }
                seen += 1;
            }
            assert!(examples.contains(path) || command.has_subcommands(), "{path}: no example of its own");
        });
        assert!(seen > 60, "{seen} examples");
    }

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }
}
