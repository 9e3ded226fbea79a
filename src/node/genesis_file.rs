//! How does a genesis go into a file, and the state of a stored chain with it?

use super::{MAX_GENESIS_BYTES, NodeError, StoredChain};
use crate::{
    chain::Whole,
    primitives::Account,
    spec::contracts::{BEACON_ROOTS_ADDRESS, HISTORY_STORAGE_ADDRESS},
    state::next_key,
};
use alloy_genesis::{Genesis, GenesisAccount};
use alloy_primitives::{Address, B256, U64};
use std::{io::Write, path::Path};

/// Accounts or slots read at once.
const PAGE: usize = 1_000;

/// Contracts that remember blocks: of a chain that stays behind.
const HISTORY: [Address; 2] = [BEACON_ROOTS_ADDRESS, HISTORY_STORAGE_ADDRESS];

/// A stored chain whose state begins another one.
#[derive(Debug)]
pub struct SourceChain {
    whole: Whole,
    stored: StoredChain,
}

impl SourceChain {
    /// Opens the chain in a directory that nobody uses.
    ///
    /// # Errors
    /// [`NodeError::ForkAsGenesis`] where most of the state is somebody else's.
    pub fn open(dir: &Path) -> Result<Self, NodeError> {
        let stored = StoredChain::open(dir, false)?;
        if stored.chain().remote().is_some() {
            return Err(NodeError::ForkAsGenesis { dir: dir.into() });
        }
        Ok(Self { whole: stored.chain().whole()?, stored })
    }

    /// Time of its head, in seconds.
    pub fn timestamp(&self) -> u64 {
        self.whole.head.timestamp
    }

    /// Does this account exist at its head?
    pub fn has(&self, address: Address) -> Result<bool, NodeError> {
        let account = self.whole.view.account(address).map_err(crate::chain::ChainError::from)?;
        Ok(account.is_some())
    }

    /// Closes its directory.
    pub fn close(self) -> Result<(), NodeError> {
        drop(self.whole);
        self.stored.close()
    }
}

/// Writes a genesis as JSON, an account a line, and answers how many accounts it has. The accounts of
/// `source` come along; where an account is in both, the source's is written. Only a page of it is in
/// memory at a time.
///
/// # Errors
/// [`NodeError::GenesisGrows`] when it becomes longer than `mainspring init` reads.
pub fn write_genesis(
    genesis: &Genesis,
    source: Option<&SourceChain>,
    out: &mut impl Write,
) -> Result<u64, NodeError> {
    let mut file = GenesisFile { out, bytes: 0, accounts: 0 };
    let bare = Genesis { alloc: Default::default(), ..genesis.clone() };
    let mut head = serde_json::to_value(&bare).map_err(NodeError::GenesisWrite)?;
    head.as_object_mut().and_then(|fields| fields.remove("alloc"));
    let head = serde_json::to_string_pretty(&head).map_err(NodeError::GenesisWrite)?;
    file.put(head.trim_end_matches('}').trim_end())?;
    file.put(",\n  \"alloc\": {")?;
    if let Some(source) = source {
        file.stored(&source.whole)?;
    }
    for (address, account) in &genesis.alloc {
        if source.map_or(Ok(false), |source| source.has(*address))? {
            continue;
        }
        file.account(*address, account)?;
    }
    file.put("\n  }\n}\n")?;
    file.out.flush().map_err(NodeError::GenesisOutput)?;
    Ok(file.accounts)
}

/// A genesis file that is being written.
struct GenesisFile<'a, W> {
    out: &'a mut W,
    bytes: u64,
    accounts: u64,
}

impl<W: Write> GenesisFile<'_, W> {
    fn put(&mut self, text: &str) -> Result<(), NodeError> {
        self.bytes = self.bytes.saturating_add(text.len() as u64);
        if self.bytes > MAX_GENESIS_BYTES {
            return Err(NodeError::GenesisGrows { limit: MAX_GENESIS_BYTES });
        }
        self.out.write_all(text.as_bytes()).map_err(NodeError::GenesisOutput)
    }

    fn begin(&mut self, address: Address) -> Result<(), NodeError> {
        let separator = if self.accounts == 0 { "" } else { "," };
        self.accounts += 1;
        self.put(&format!("{separator}\n    \"{address:?}\": "))
    }

    fn account(&mut self, address: Address, account: &GenesisAccount) -> Result<(), NodeError> {
        self.begin(address)?;
        self.put(&serde_json::to_string(account).map_err(NodeError::GenesisWrite)?)
    }

    /// Every account of a stored chain's head.
    fn stored(&mut self, whole: &Whole) -> Result<(), NodeError> {
        let mut from = Some(B256::ZERO);
        while let Some(start) = from {
            let page = whole.view.accounts_from(start, PAGE).map_err(state)?;
            from = page.last().and_then(|last| next_key(last.hash));
            for entry in page {
                let address = entry.key.ok_or(NodeError::UnknownAccount(entry.hash))?;
                self.begin(address)?;
                self.stored_account(whole, address, &entry.value)?;
            }
        }
        Ok(())
    }

    fn stored_account(
        &mut self,
        whole: &Whole,
        address: Address,
        account: &Account,
    ) -> Result<(), NodeError> {
        self.put(&format!("{{\"balance\":\"{:#x}\"", account.balance))?;
        if account.nonce > 0 {
            self.put(&format!(",\"nonce\":\"{:#x}\"", U64::from(account.nonce)))?;
        }
        if account.has_code() {
            let code = whole.view.code(account.code_hash).map_err(state)?;
            self.put(&format!(",\"code\":\"{code}\""))?;
        }
        let mut separator = ",\"storage\":{";
        let mut from = Some(B256::ZERO).filter(|_| !HISTORY.contains(&address));
        while let Some(start) = from {
            let page = whole.view.slots_from(Some(address), account, start, PAGE).map_err(state)?;
            from = page.last().and_then(|last| next_key(last.hash));
            for entry in page {
                let unknown = NodeError::UnknownSlot { address, slot: entry.hash };
                let slot = B256::from(entry.key.ok_or(unknown)?);
                self.put(&format!("{separator}\"{slot}\":\"{}\"", B256::from(entry.value)))?;
                separator = ",";
            }
        }
        self.put(if separator == "," { "}}" } else { "}" })
    }
}

fn state(error: crate::state::StateError) -> NodeError {
    NodeError::Chain(error.into())
}
