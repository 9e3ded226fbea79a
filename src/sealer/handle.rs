//! How others talk to the sealer: hand in a transaction, ask for blocks, hold sealing for a moment.

use super::{
    Authority, BlockOptions, Hold, Mode, SealError, SealerSettings, build::template,
    stats::Counted, work::work_template,
};
use crate::{
    chain::{Chain, ChainError, Development},
    evm::{BlockTemplate, EvmSettings},
    pool::{self, Added, Conditions, Order, Pool, Rules, SenderState},
    primitives::{SealedHeader, Transaction},
    spec::{Fork, TRANSACTION_GAS_CAP},
    state::StateView,
};
use alloy_eips::eip7702::constants::EIP7702_DELEGATION_DESIGNATOR;
use alloy_primitives::{Address, B256, U256, map::B256Map};
use parking_lot::{Condvar, Mutex, MutexGuard, RwLock, RwLockWriteGuard};
use std::{collections::VecDeque, sync::Arc};
use tokio::sync::oneshot;

/// EIP-170's limit on a contract's code, in bytes.
const MAX_CODE_SIZE: usize = 0x6000;

/// A handle of the sealer. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SealerHandle {
    pub(super) shared: Arc<Shared>,
}

/// What the sealer's thread and its handles share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) chain: Arc<Chain>,
    pub(super) pool: Arc<Pool>,
    pub(super) settings: SealerSettings,
    pub(super) state: Mutex<State>,
    pub(super) wake: Condvar,
    /// Held while a block is built, appended and taken from the pool.
    pub(super) sealing: Mutex<()>,
    /// Read while a transaction is admitted, written while the pool follows a new head: what is
    /// admitted on an older head is in the pool before the pool hears of the newer one.
    pub(super) admission: RwLock<()>,
    /// Read by whoever measures.
    pub(super) counted: Counted,
}

/// What the sealer is asked to do.
#[derive(Debug)]
pub(super) struct State {
    pub(super) mode: Mode,
    /// Something executable arrived since the last block was begun.
    pub(super) arrived: bool,
    pub(super) requests: VecDeque<MineRequest>,
    /// Who waits for a transaction to be mined, and the round in which they began to wait.
    pub(super) waiting: B256Map<(u64, oneshot::Sender<Waited>)>,
    /// Why the last block could not be made, until one is made again.
    pub(super) failure: Option<Arc<SealError>>,
    pub(super) round: u64,
    /// Why neither signers nor miners make blocks now.
    pub(super) hold: Option<Hold>,
    pub(super) stop: bool,
}

/// What becomes of a transaction that somebody waits for: it is mined, or was taken out again.
pub(super) type Waited = Result<(), Arc<SealError>>;

/// One block that was asked for.
#[derive(Debug)]
pub(super) struct MineRequest {
    pub(super) options: BlockOptions,
    pub(super) answer: oneshot::Sender<Result<B256, SealError>>,
}

/// A transaction that is in the pool.
#[derive(Debug)]
#[must_use = "where blocks are made on arrival, its sender is answered when it is visible"]
pub struct Admitted {
    hash: B256,
    mined: Option<oneshot::Receiver<Waited>>,
}

impl Admitted {
    /// Answers the hash once the transaction is in a visible block; at once where no block is made on
    /// its arrival.
    ///
    /// # Errors
    /// [`SealError::NotMade`] when its block could not be made: it has left the pool again.
    pub async fn visible(self) -> Result<B256, SealError> {
        let Some(mined) = self.mined else { return Ok(self.hash) };
        match mined.await {
            Ok(Err(reason)) => Err(SealError::NotMade(reason)),
            // Mined; or nobody answers any more, and it stays in the pool.
            Ok(Ok(())) | Err(_) => Ok(self.hash),
        }
    }
}

/// No block is made and no transaction is admitted while this is held.
#[derive(Debug)]
pub struct SealingPause<'a> {
    _sealing: MutexGuard<'a, ()>,
    _admission: RwLockWriteGuard<'a, ()>,
}

impl SealerHandle {
    /// Admits a transaction to the pool. Where blocks are made on arrival, an executable one is in
    /// a visible block when this answers.
    ///
    /// # Errors
    /// [`SealError::NotMade`] when its block could not be made: it has left the pool again.
    pub async fn submit(&self, transaction: Transaction) -> Result<B256, SealError> {
        self.admit(transaction, None)?.visible().await
    }

    /// Why the last block could not be made, until one is made again.
    pub fn failure(&self) -> Option<Arc<SealError>> {
        self.shared.state.lock().failure.clone()
    }

    /// Admits a transaction, which may enter a block only under the conditions. For one with blobs this
    /// takes milliseconds a blob, or the better part of a second where its proofs have to be made new.
    pub fn admit(
        &self,
        mut transaction: Transaction,
        conditions: Option<Arc<Conditions>>,
    ) -> Result<Admitted, SealError> {
        let shared = &self.shared;
        if transaction.is_eip4844() {
            let rules = shared.rules(&shared.chain.head());
            if let Some(converted) = pool::with_cell_proofs(&transaction, &rules)? {
                transaction = converted;
            }
        }
        let admission = shared.admission.read();
        let (head, view) = shared.chain.latest()?;
        let sender = sender_state(&view, transaction.sender())?;
        let rules = shared.rules(&head);
        if let Some(conditions) = &conditions {
            shared.check_conditions(conditions, &head, &view)?;
        }
        drop(view);
        let hash = transaction.hash();
        let added = shared.pool.add_with(transaction, conditions, &sender, &rules)?;
        drop(admission);
        Ok(Admitted { hash, mined: shared.arrived(hash, added)? })
    }

    /// Makes one block now, whatever the mode.
    pub async fn mine(&self, options: BlockOptions) -> Result<B256, SealError> {
        let (answer, answered) = oneshot::channel();
        {
            let mut state = self.shared.state.lock();
            if state.stop {
                return Err(SealError::Stopped);
            }
            state.requests.push_back(MineRequest { options, answer });
        }
        self.shared.wake.notify_all();
        answered.await.map_err(|_ended| SealError::Stopped)?
    }

    /// What the block says that would be made now on `parent`, before anything is in it.
    pub fn next_block(&self, parent: &SealedHeader) -> BlockTemplate {
        self.shared.template_on(parent)
    }

    /// Which of two executable transactions goes first.
    pub fn order(&self) -> Order {
        self.shared.settings.order
    }

    /// When blocks are made, unless somebody changed it since the start.
    pub fn first_mode(&self) -> Mode {
        self.shared.settings.mode
    }

    /// When blocks are made.
    pub fn mode(&self) -> Mode {
        self.shared.state.lock().mode
    }

    /// Changes when blocks are made.
    pub fn set_mode(&self, mode: Mode) {
        let mut state = self.shared.state.lock();
        if state.mode == mode {
            return;
        }
        state.mode = mode;
        state.arrived = true;
        if !mode.on_arrival() {
            // No round may come that would answer them.
            state.waiting.clear();
        }
        drop(state);
        self.shared.wake.notify_all();
    }

    /// Something executable may be in the pool now: look.
    pub fn wake(&self) {
        self.shared.state.lock().arrived = true;
        self.shared.wake.notify_all();
    }

    /// The head is another one: whoever takes turns or mines looks what comes next.
    pub fn head_moved(&self) {
        if self.shared.settings.follows_rules() {
            self.wake();
        }
    }

    /// Does this node make blocks by itself?
    pub fn makes_blocks(&self) -> bool {
        let settings = &self.shared.settings;
        match (&settings.miner, &settings.authority) {
            (Some(miner), _) => miner.wishes().mines,
            (None, Some(_)) => true,
            (None, None) => self.mode() != Mode::Manual,
        }
    }

    /// Who signs here, on a chain of proof of authority.
    pub fn authority(&self) -> Option<&Authority> {
        self.shared.settings.authority.as_deref()
    }

    /// Holds sealing and admission until the answer is dropped.
    pub fn pause(&self) -> SealingPause<'_> {
        let sealing = self.shared.sealing.lock();
        SealingPause { _sealing: sealing, _admission: self.shared.admission.write() }
    }

    /// Changes what a developer set about the blocks to come. No block that was begun before is visible
    /// after this returns, so that whatever is sent now is in a block with the new values.
    pub fn develop<T>(&self, change: impl FnOnce(&mut Development) -> T) -> Result<T, ChainError> {
        let _pause = self.pause();
        self.shared.chain.develop(change)
    }

    /// Ends the sealer after the block that it makes now.
    pub fn stop(&self) {
        self.shared.state.lock().stop = true;
        self.shared.wake.notify_all();
    }
}

impl Shared {
    /// Wakes the sealer for a new transaction; answers what its sender waits for.
    ///
    /// # Errors
    /// [`SealError::Stopped`] once the node ends: the pool may have been written for the last time.
    fn arrived(
        &self,
        hash: B256,
        added: Added,
    ) -> Result<Option<oneshot::Receiver<Waited>>, SealError> {
        let mut state = self.state.lock();
        if state.stop {
            drop(state);
            self.pool.remove(hash);
            return Err(SealError::Stopped);
        }
        if self.settings.follows_rules() {
            // A signer without a period waits for something to put into a block; a miner takes it in.
            state.arrived = true;
            drop(state);
            self.wake.notify_all();
            return Ok(None);
        }
        if !added.pending || !added.pays || !state.mode.on_arrival() {
            return Ok(None);
        }
        state.arrived = true;
        let waiter = if self.settings.answer_at_once || !self.pool.contains(hash) {
            // Not in the pool any more: a block was quicker.
            None
        } else {
            let (mined, wait) = oneshot::channel();
            let round = state.round;
            state.waiting.insert(hash, (round, mined));
            Some(wait)
        };
        drop(state);
        self.wake.notify_all();
        Ok(waiter)
    }

    /// Conditions that never hold again are refused; what may hold in a later block waits.
    fn check_conditions(
        &self,
        conditions: &Conditions,
        head: &SealedHeader,
        view: &StateView,
    ) -> Result<(), SealError> {
        let next = self.chain.clock().next_timestamp(head.timestamp);
        let unmet = conditions.unmet_by_block(head.number + 1, next);
        let unmet = unmet.filter(|unmet| !unmet.may_hold_later());
        let read = |address, slot: Option<U256>| match slot {
            Some(slot) => view.storage(address, slot).map(|value| Some(value.into())),
            None => {
                let account = view.account(address)?.unwrap_or_default();
                Ok(Some(account.storage_root))
            }
        };
        match unmet.map_or_else(|| conditions.unmet_by_storage(read), |unmet| Ok(Some(unmet)))? {
            Some(unmet) => Err(SealError::Condition(unmet.into())),
            None => Ok(()),
        }
    }

    /// What the block after `parent` would say now, before anything is in it.
    fn template_on(&self, parent: &SealedHeader) -> BlockTemplate {
        match &self.settings.miner {
            Some(miner) => work_template(&self.chain, &miner.wishes(), parent),
            None => template(&self.chain, &self.settings, parent, BlockOptions::default()),
        }
    }

    /// What the pool may admit on this head.
    fn rules(&self, head: &SealedHeader) -> Rules {
        let (spec, evm) = (&self.chain.spec(), self.chain.evm_settings());
        let next = self.template_on(head);
        let fork = spec.fork_of(next.number, next.timestamp, U256::ZERO);
        let blobs = spec.blob_params_at(next.timestamp);
        let excess = next.excess_blob_gas;
        let gas_limit = if evm.disable_block_gas_limit { u64::MAX } else { next.gas_limit };
        // Since London the base fee is the price, and the tip is the sender's to choose.
        let before_london = next.base_fee.is_none();
        let min_price = self.chain.development().min_gas_price.filter(|_| before_london);
        let is_capped = evm.transaction_gas_cap && fork >= Fork::Osaka;
        Rules {
            chain_id: spec.chain_id(),
            fork,
            base_fee: next.base_fee.unwrap_or(0),
            blob_base_fee: excess.map_or(0, |excess| blobs.calc_blob_fee(excess)),
            block_gas_limit: gas_limit,
            min_tip: min_price.unwrap_or(self.settings.least_tip()),
            tx_gas_cap: is_capped.then_some(TRANSACTION_GAS_CAP),
            max_tx_bytes: self.settings.max_tx_bytes,
            max_init_code: (fork >= Fork::Shanghai).then(|| max_init_code(evm)),
            max_blobs: blobs.max_blobs_per_tx as usize,
            disable_balance_check: self.settings.disable_balance_check,
        }
    }
}

/// EIP-3860: init code may be twice as long as code.
fn max_init_code(evm: &EvmSettings) -> usize {
    evm.code_size_limit.unwrap_or(MAX_CODE_SIZE).saturating_mul(2)
}

/// What admission needs to know of an account.
pub(super) fn sender_state(view: &StateView, sender: Address) -> Result<SenderState, SealError> {
    let Some(account) = view.account(sender)? else { return Ok(SenderState::default()) };
    let code = if account.has_code() { view.code(account.code_hash)? } else { Default::default() };
    Ok(SenderState {
        nonce: account.nonce,
        balance: account.balance,
        code_len: code.len(),
        delegated: code.starts_with(&EIP7702_DELEGATION_DESIGNATOR),
    })
}
