//! How does the whole state go out of the node and come back into it?

use crate::{
    dev::dump::{self, DumpError},
    rpc::{Answer, Api, RpcContext},
};
use alloy_primitives::Bytes;
use flate2::{Compression, write::GzEncoder};
use jsonrpsee::{core::async_trait, proc_macros::rpc};
use std::io::{self, Write};

/// Bytes of an answer besides its result.
const AROUND: u32 = 256;

/// Dumps in anvil's format, compressed with gzip.
#[rpc(server, namespace = "anvil")]
pub trait State {
    /// The head with its state and every block that is stored; with `true`, also the state of every
    /// older block that has one.
    #[method(name = "dumpState", aliases = ["hardhat_dumpState"])]
    async fn dump_state(&self, preserve_historical_states: Option<bool>) -> Answer<Bytes>;

    /// Puts a dump in the place of the chain: its best block is the head. Accounts stay that it does
    /// not have; what waits and snapshots are gone. Plain JSON is taken as well.
    #[method(name = "loadState", aliases = ["hardhat_loadState"])]
    async fn load_state(&self, dump: Bytes) -> Answer<bool>;
}

#[async_trait]
impl StateServer for Api {
    async fn dump_state(&self, preserve_historical_states: Option<bool>) -> Answer<Bytes> {
        let older = preserve_historical_states.unwrap_or(false);
        self.blocking(move |node| dump_state(node, older)).await
    }

    async fn load_state(&self, dump: Bytes) -> Answer<bool> {
        let limit = self.limits.load_state_bytes;
        self.blocking_apart(move |node| {
            node.dev.load_dump(dump.as_ref(), limit)?;
            Ok(true)
        })
        .await
    }
}

fn dump_state(node: &RpcContext, older: bool) -> Answer<Bytes> {
    let limit = node.limits.response_bytes;
    let bytes = limit.saturating_sub(AROUND) as usize / 2;
    let mut out = GzEncoder::new(Bounded { bytes: Vec::new(), limit: bytes }, Compression::fast());
    let written = dump::write(node.chain.whole()?, older, &mut out);
    let finished = written.and_then(|()| Ok(out.try_finish()?));
    if out.get_ref().bytes.len() > bytes {
        return Err(DumpError::TooLongToAnswer { limit: u64::from(limit) }.into());
    }
    finished?;
    Ok(std::mem::take(&mut out.get_mut().bytes).into())
}

/// Takes little more than fits into an answer.
struct Bounded {
    bytes: Vec<u8>,
    limit: usize,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() > self.limit {
            return Err(io::Error::other("longer than an answer may be"));
        }
        self.bytes.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
