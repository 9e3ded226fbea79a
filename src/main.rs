//! Parses, starts, waits.

/// Many small allocations from many threads: faster than the system's by far.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    Ok(mainspring::cli::run(std::env::args_os()).await?)
}
