//! The `coconnect` binary: hands its arguments to [`coconnect::cli`] and ends with the code that comes back.

/// Keeps what a message used for the next one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    coconnect::cli::run()
}
