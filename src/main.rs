//! The `timeline` binary.

fn main() -> std::process::ExitCode {
    timeline::cli::main(timeline::api::open).into()
}
