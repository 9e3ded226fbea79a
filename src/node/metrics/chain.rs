//! Numbers of the chain, of blocks from outside and of our own, and of the database.

use super::{Page, Sources, readable};
use crate::{
    chain::{Chain, ChainStats},
    primitives::BlockNumHash,
    sealer::SealerStats,
    spec::Mode,
    storage::Storage,
};
use std::fmt;

pub(super) fn write(page: &mut Page<'_>, sources: &Sources) -> fmt::Result {
    let chain = &sources.chain;
    identity(page, chain)?;
    if let Some(stats) = readable("the chain's numbers are", chain.stats()) {
        head(page, &stats)?;
        imports(page, &stats)?;
        memory(page, &stats)?;
    }
    sealing(page, &sources.sealer.stats())?;
    signers(page, chain)?;
    database(page, &sources.storage)
}

fn identity(page: &mut Page<'_>, chain: &Chain) -> fmt::Result {
    let (id, mode) = (chain.spec().chain_id().to_string(), mode(chain.spec().mode));
    let genesis = readable("the genesis hash is", chain.header(chain.first())).flatten();
    let genesis = genesis.map_or_else(String::new, |first| first.seal().to_string());
    let facts = [("chain_id", id.as_str()), ("mode", mode), ("genesis", genesis.as_str())];
    page.info("mainspring_chain", "Which chain this is.", &facts)
}

const fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Dev => "dev",
        Mode::Poa => "poa",
        Mode::Pow => "pow",
        Mode::Merged => "merged",
        Mode::Bft => "bft",
    }
}

fn head(page: &mut Page<'_>, stats: &ChainStats) -> fmt::Result {
    let (head, finality) = (&stats.head, stats.finality);
    page.gauge("mainspring_chain_head_number", "Height of the head.", head.number as f64)?;
    page.gauge(
        "mainspring_chain_head_timestamp_seconds",
        "Timestamp of the head, in seconds since 1970.",
        head.timestamp as f64,
    )?;
    page.gauge("mainspring_chain_head_gas_used", "Gas the head used.", head.gas_used as f64)?;
    page.gauge("mainspring_chain_head_gas_limit", "Its gas limit.", head.gas_limit as f64)?;
    let base_fee = head.base_fee_per_gas.unwrap_or(0) as f64;
    page.gauge("mainspring_chain_head_base_fee_wei", "Its base fee, in wei per gas.", base_fee)?;
    page.gauge(
        "mainspring_chain_safe_number",
        "Height of the block that the tag safe stands for.",
        finality.safe as f64,
    )?;
    page.gauge(
        "mainspring_chain_finalized_number",
        "Height of the block that the tag finalized stands for.",
        finality.finalized as f64,
    )?;
    page.gauge(
        "mainspring_chain_total_difficulty",
        "Difficulty of the head and all blocks before it.",
        f64::from(stats.total_difficulty),
    )?;
    page.counter("mainspring_chain_blocks", "Blocks that became the head.", stats.blocks)?;
    page.counter("mainspring_chain_transactions", "Transactions in them.", stats.transactions)?;
    page.counter("mainspring_chain_gas", "Gas that they used.", stats.gas)?;
    page.counter(
        "mainspring_chain_reorganisations",
        "How often another branch became the chain.",
        stats.reorganisations,
    )?;
    page.counter(
        "mainspring_chain_removed_blocks",
        "Blocks that left the chain for another branch.",
        stats.removed,
    )?;
    page.gauge(
        "mainspring_chain_deepest_reorganisation_blocks",
        "Blocks that the deepest reorganisation since the start removed.",
        stats.deepest as f64,
    )
}

fn imports(page: &mut Page<'_>, stats: &ChainStats) -> fmt::Result {
    let imports = &stats.imports;
    page.counters(
        "mainspring_import_blocks",
        "Blocks from outside, by what became of them.",
        imports.outcomes.iter().map(|(outcome, count)| (vec![("outcome", *outcome)], *count)),
    )?;
    page.durations(
        "mainspring_import_stage_seconds",
        "How long the stages of taking in a block took; senders and a commit may be those of many blocks.",
        imports.stages.iter().map(|(stage, took)| (vec![("stage", *stage)], took)),
    )
}

fn memory(page: &mut Page<'_>, stats: &ChainStats) -> fmt::Result {
    page.gauge(
        "mainspring_chain_unwritten_blocks",
        "Blocks that are durable and not yet written into the state.",
        stats.unwritten as f64,
    )?;
    page.gauge(
        "mainspring_chain_unwritten_bytes",
        "Memory that these blocks take, estimated.",
        stats.unwritten_bytes as f64,
    )?;
    page.gauge(
        "mainspring_chain_trie_nodes",
        "Nodes of the state's trie in memory.",
        stats.trie_nodes as f64,
    )?;
    page.gauge(
        "mainspring_chain_snapshots",
        "Blocks of which it is in memory who may sign after them.",
        stats.snapshots as f64,
    )?;
    page.gauge(
        "mainspring_chain_write_failed",
        "1 while the state cannot be written: the disk is full or broken.",
        f64::from(u8::from(stats.cannot_write)),
    )
}

fn sealing(page: &mut Page<'_>, stats: &SealerStats) -> fmt::Result {
    page.counter("mainspring_sealer_blocks", "Blocks that this node made.", stats.sealed)?;
    page.counter("mainspring_sealer_failures", "Blocks that it could not make.", stats.failed)?;
    page.counter(
        "mainspring_sealer_missed_turns",
        "Blocks that were its turn to sign and that another signer signed.",
        stats.missed_turns,
    )?;
    let [own, all] = stats.hash_rates.map(|rate| rate as f64);
    page.gauges(
        "mainspring_sealer_hashes_per_second",
        "Nonces tried a second (proof of work): by this node, and with all who work for it.",
        [(vec![("by", "own")], own), (vec![("by", "all")], all)],
    )?;
    page.durations(
        "mainspring_sealer_stage_seconds",
        "How long the stages of making a block took.",
        stats.stages.iter().map(|(stage, took)| (vec![("stage", *stage)], took)),
    )?;
    let (requests, waiting) = (stats.requests as f64, stats.waiting as f64);
    page.gauge("mainspring_sealer_requests", "Requests for a block that wait.", requests)?;
    page.gauge(
        "mainspring_sealer_waiting_senders",
        "Senders that wait for the block of their transaction.",
        waiting,
    )
}

fn signers(page: &mut Page<'_>, chain: &Chain) -> fmt::Result {
    if chain.spec().mode != Mode::Poa {
        return Ok(());
    }
    let head = chain.head();
    let signers = chain.signers_after(BlockNumHash::new(head.number, head.seal()));
    let Some(snapshot) = readable("the signers are", signers) else { return Ok(()) };
    let count = snapshot.count() as f64;
    page.gauge("mainspring_chain_signers", "Signers, at the head.", count)?;
    let votes = snapshot.votes.len() as f64;
    page.gauge("mainspring_chain_open_votes", "Votes on signers that are not decided.", votes)
}

fn database(page: &mut Page<'_>, storage: &Storage) -> fmt::Result {
    let Some(stats) = readable("the database's numbers are", storage.stats()) else {
        return Ok(());
    };
    page.gauges(
        "mainspring_database_file_bytes",
        "Size of a database file.",
        stats.iter().map(|it| (vec![("database", it.name.as_str())], it.bytes as f64)),
    )?;
    page.gauges(
        "mainspring_database_free_bytes",
        "Pages of the file that hold nothing: the next writes use them.",
        stats.iter().map(|it| {
            (vec![("database", it.name.as_str())], (it.free_pages * it.page_bytes) as f64)
        }),
    )?;
    let tables = || {
        stats.iter().flat_map(|database| {
            let labels = |name| vec![("database", database.name.as_str()), ("table", name)];
            database.tables.iter().map(move |table| (labels(table.name), table))
        })
    };
    page.gauges(
        "mainspring_database_table_bytes",
        "Size of a table's pages.",
        tables().map(|(labels, table)| (labels, table.bytes as f64)),
    )?;
    page.gauges(
        "mainspring_database_table_rows",
        "Rows of a table.",
        tables().map(|(labels, table)| (labels, table.rows as f64)),
    )
}
