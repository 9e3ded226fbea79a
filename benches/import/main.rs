//! How fast are blocks imported, beside the least it could cost? Durable, from encoded blocks, as
//! `mainspring import` does it.
//!
//! `cargo bench --bench import -- --kind transfers --blocks 2000 --per-block 500 --accounts 10000`
//!
//! Kinds: `transfers` (of ether and of a token in turns; limit: all senders recovered on all cores,
//! then raw revm in memory), `storage` (fresh slots; limit: MDBX writing the same rows and trie
//! branches), `compute` (hashes; limit: raw revm). `--kind trace` traces one block of transfers with
//! each tracer instead, beside its plain execution. `--kind sync` has real processes import a chain of
//! proof of authority and join it, in `--turns`, with `--peers` that serve it. `--address-index false` imports without that index.
//! One line of JSON is printed.

mod authority;
mod limits;
mod sync;
mod tracing;
mod workload;

use mainspring::{
    chain::{Chain, ChainSettings},
    node,
    spec::ChainSpec,
    storage::{Durability, Storage},
};
use serde_json::json;
use std::{
    io::Cursor,
    sync::Arc,
    time::{Duration, Instant},
};
use workload::{Kind, Outcome, Size, Workload};

/// The allocator of the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Outcome<()> {
    let (kind, size, has_index) = match plan()? {
        Plan::Import(kind, size, has_index) => (kind, size, has_index),
        Plan::Sync(size, turns, peers) => {
            println!("{}", sync::measure(size, turns, peers)?);
            return Ok(());
        }
        Plan::Trace(per_block, accounts) => {
            let size = Size { blocks: 1, per_block, accounts };
            let made = Workload::make(Kind::Transfers, size)?;
            println!("{}", tracing::measure(&made)?);
            return Ok(());
        }
    };
    let made = Workload::make(kind, size)?;
    let (before, cpu) = (resident(), processor_seconds());
    let imported = import(&made, has_index)?;
    let (after, cpu) = (resident(), processor_seconds().zip(cpu).map(|(now, then)| now - then));
    let (blocks, recovered) = limits::recover(&made.blocks)?;
    let executed = limits::execute(&made.genesis, &blocks)?;
    let limit = match kind {
        Kind::Transfers => recovered + executed,
        Kind::Storage => limits::write_rows(&made.genesis, &blocks)?,
        Kind::Compute => executed,
    };
    let seconds = |time: Duration| (time.as_secs_f64() * 1000.0).round() / 1000.0;
    println!(
        "{}",
        json!({
            "kind": format!("{kind:?}").to_lowercase(),
            "blocks": size.blocks, "transactions": made.transactions,
            "import_seconds": seconds(imported), "import_cpu_seconds": cpu, "limit_seconds": seconds(limit),
            "of_the_limit": (limit.as_secs_f64() / imported.as_secs_f64() * 100.0).round() / 100.0,
            "recover_seconds": seconds(recovered), "raw_revm_seconds": seconds(executed),
            "transactions_per_second": (made.transactions as f64 / imported.as_secs_f64()).round(),
            "mgas_per_second": (made.gas as f64 / imported.as_secs_f64() / 1e6).round(),
            "raw_mgas_per_second": (made.gas as f64 / executed.as_secs_f64() / 1e6).round(),
            "resident_mb_before": before, "resident_mb_after": after,
        })
    );
    Ok(())
}

/// What is measured; an import with an index of addresses or without.
enum Plan {
    Import(Kind, Size, bool),
    /// Transactions of the block, and accounts.
    Trace(usize, usize),
    /// Turns, and peers that serve.
    Sync(Size, usize, usize),
}

/// What `--kind` names.
enum Wish {
    Import(Kind),
    Trace,
    Sync,
}

fn plan() -> Outcome<Plan> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let mut kind = Wish::Import(Kind::Transfers);
    let (mut has_index, mut turns, mut peers) = (true, 3, 1);
    let mut size = Size { blocks: 2_000, per_block: 500, accounts: 10_000 };
    for pair in arguments.chunks(2) {
        let [flag, value] = pair else { return Err(format!("{pair:?} has no value").into()) };
        match flag.as_str() {
            "--kind" => {
                kind = match value.as_str() {
                    "transfers" => Wish::Import(Kind::Transfers),
                    "storage" => Wish::Import(Kind::Storage),
                    "compute" => Wish::Import(Kind::Compute),
                    "trace" => Wish::Trace,
                    "sync" => Wish::Sync,
                    other => return Err(format!("unknown kind {other}").into()),
                }
            }
            "--address-index" => has_index = value.parse()?,
            "--turns" => turns = value.parse::<usize>()?.max(1),
            "--peers" => peers = value.parse::<usize>()?.max(1),
            "--blocks" => size.blocks = value.parse()?,
            "--per-block" => size.per_block = value.parse()?,
            "--accounts" => size.accounts = value.parse()?,
            other => return Err(format!("unknown flag {other}").into()),
        }
    }
    Ok(match kind {
        Wish::Import(kind) => Plan::Import(kind, size, has_index),
        Wish::Trace => Plan::Trace(size.per_block, size.accounts),
        Wish::Sync => Plan::Sync(size, turns, peers),
    })
}

/// Imports every block into a new directory, durably, and waits until the state is written.
fn import(made: &Workload, address_index: bool) -> Outcome<Duration> {
    let spec = Arc::new(ChainSpec::from_genesis(made.genesis.clone())?);
    let dir = tempfile::tempdir()?;
    let storage = Storage::open(dir.path(), Durability::Synced)?;
    let settings = ChainSettings { address_index, ..ChainSettings::default() };
    let (chain, _) = Chain::open(storage, spec, settings)?;
    let file = made.blocks.concat();
    let started = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| chain.run_state_writer());
        let done: Outcome<()> =
            node::import(&chain, Cursor::new(file), |_step| {}).map_err(Into::into);
        chain.stop();
        done
    })?;
    chain.flush_state()?;
    Ok(started.elapsed())
}

/// Time that all threads of this process ran, also when others kept them waiting.
fn processor_seconds() -> Option<f64> {
    const TICKS_A_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name in parentheses may hold spaces; user and system time are the 12th and 13th after it.
    let mut ticks = stat.rsplit_once(')')?.1.split_whitespace().skip(11).map(str::parse::<f64>);
    Some((ticks.next()?.ok()? + ticks.next()?.ok()?) / TICKS_A_SECOND)
}

/// Memory of this process that is not a file's, in MB.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("RssAnon"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? / 1024)
}
