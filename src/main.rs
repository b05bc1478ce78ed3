//! The `coconnect` binary: hands its arguments to [`coconnect::cli`] and ends with the code that comes back.

fn main() -> std::process::ExitCode {
    coconnect::cli::run()
}
