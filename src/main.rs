//! Parses, starts, waits.

use std::process::ExitCode;

/// Many small allocations from many threads: faster than the system's by far.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    mainspring::cli::run(std::env::args_os()).await
}
