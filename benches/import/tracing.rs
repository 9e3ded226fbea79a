//! What does tracing a block cost beside executing it?

use crate::workload::{Outcome, Workload};
use mainspring::{
    chain::{Chain, ChainSettings},
    evm::{
        self,
        trace::{TraceLimits, TraceOptions, trace_block},
    },
    primitives::Block,
    spec::ChainSpec,
    storage::{Durability, Storage},
};
use serde_json::{Value, json};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// The median of this many runs counts.
const RUNS: usize = 9;
/// Far above what the tracers write here.
fn limits() -> TraceLimits {
    TraceLimits {
        bytes: 1 << 30,
        timeout: Duration::from_secs(300),
        stop: Default::default(),
        scripts: Default::default(),
    }
}

/// Milliseconds of plain execution and of each tracer over the only block of the workload, and how
/// many times the execution a tracer takes.
pub(crate) fn measure(made: &Workload) -> Outcome<Value> {
    let spec = Arc::new(ChainSpec::from_genesis(made.genesis.clone())?);
    let dir = tempfile::tempdir()?;
    let storage = Storage::open(dir.path(), Durability::Ephemeral)?;
    let (chain, _) = Chain::open(storage, spec, ChainSettings::default())?;
    let block = Block::decode(made.blocks.first().ok_or("no block")?)?;
    chain.import(&block)?;
    chain.flush_state()?;
    let plain = median(|| execute(&chain, &block))?;
    let mut times = json!({ "execution_ms": millis(plain) });
    for tracer in ["noopTracer", "callTracer", "prestateTracer", "flatCallTracer", ""] {
        let options: TraceOptions = match tracer {
            "" => TraceOptions::default(),
            name => serde_json::from_value(json!({ "tracer": name }))?,
        };
        let traced = median(|| trace(&chain, &block, &options))?;
        let name = if tracer.is_empty() { "structLogs" } else { tracer };
        let ratio = (traced.as_secs_f64() / plain.as_secs_f64() * 100.0).round() / 100.0;
        times[name] = json!({ "ms": millis(traced), "times_execution": ratio });
    }
    Ok(times)
}

fn execute(chain: &Chain, block: &Block) -> Outcome<()> {
    let view = chain.state_at(block.number() - 1)?;
    let (spec, settings) = (&chain.spec(), chain.evm_settings());
    let executed = evm::execute(spec, settings, view, Default::default(), block, None)?;
    Ok(evm::check(block.header.inner(), &executed)?)
}

fn trace(chain: &Chain, block: &Block, options: &TraceOptions) -> Outcome<()> {
    let replay = chain.replay_of(block.clone())?.ok_or("the block cannot be replayed")?;
    let traces = trace_block(&chain.spec(), chain.evm_settings(), replay, options, &limits())?;
    let expected = block.body.transactions.len();
    if traces.len() == expected { Ok(()) } else { Err("a trace is missing".into()) }
}

fn median(mut work: impl FnMut() -> Outcome<()>) -> Outcome<Duration> {
    let mut times = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let started = Instant::now();
        work()?;
        times.push(started.elapsed());
    }
    times.sort_unstable();
    Ok(times[RUNS / 2])
}

fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e5).round() / 100.0
}
