//! Goldens of the command line: the help of every noun and verb, and the usual errors of each noun, with exit codes.
//!
//! Written anew with `TRYCMD=overwrite cargo test --test cli`; read the difference before it is committed. The calls run
//! in the root of the source tree, so what they name is `tests/cli/files` and `certs`. None of them writes.

#[test]
fn help_errors_and_exit_codes_are_the_golden_ones() {
    for name in ["COCONNECT_CONFIG", "COCONNECT_PASSWORD"] {
        assert!(
            std::env::var_os(name).is_none(),
            "{name} is set: help and errors would show it; unset it for this test"
        );
    }
    trycmd::TestCases::new().env("COLUMNS", "100").env("COCONNECT_LOG", "error").case("tests/cli/*.trycmd");
}

/// A command that nobody wrote a golden for would change unseen.
#[test]
fn every_noun_and_verb_has_a_golden_of_its_help() {
    use clap::CommandFactory as _;

    let mut goldens = String::new();
    for entry in std::fs::read_dir("tests/cli").expect("the folder of this test") {
        let path = entry.expect("an entry of it").path();
        if path.extension().is_some_and(|extension| extension == "trycmd") {
            goldens.push_str(&std::fs::read_to_string(&path).expect("a golden is text"));
        }
    }
    let mut waiting = vec![("coconnect".to_owned(), coconnect::cli::Cli::command())];
    let mut missing = Vec::new();
    while let Some((path, command)) = waiting.pop() {
        let call = format!("$ {path} --help\n");
        if !goldens.contains(&call) {
            missing.push(call);
        }
        for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
            waiting.push((format!("{path} {}", below.get_name()), below.clone()));
        }
    }
    assert!(missing.is_empty(), "no golden for\n{}", missing.concat());
}
