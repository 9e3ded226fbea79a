//! Where does a token keep a balance or an allowance, and how is it set?

use super::DevelopmentError;
use crate::{
    evm::{self, CallRequest, CallResult, Overrides},
    primitives::Edit,
    rpc::{Answer, Api, RpcContext, params::Number},
};
use alloy_primitives::{Address, B256, U256, map::B256Map};
use alloy_rpc_types::state::{AccountOverride, StateOverride};
use alloy_sol_types::{SolCall, sol};
use jsonrpsee::{core::async_trait, proc_macros::rpc};

/// Slots that are tried for one method.
const MOST_SLOTS: usize = 100;

sol! {
    function balanceOf(address owner) returns (uint256);
    function allowance(address owner, address spender) returns (uint256);
}

/// Balances and allowances of ERC-20 tokens. The slot is found by asking the token: it is the one that
/// the getter reads, also behind a proxy, and whose value the getter answers.
#[rpc(server, namespace = "anvil")]
pub trait Tokens {
    /// Sets the balance of an address in a token.
    #[method(name = "dealERC20", aliases = ["hardhat_dealERC20", "anvil_setERC20Balance"])]
    async fn deal_erc20(&self, address: Address, token: Address, balance: Number) -> Answer<()>;

    /// Sets what `spender` may take of the tokens of `owner`.
    #[method(name = "setERC20Allowance")]
    async fn set_erc20_allowance(
        &self,
        owner: Address,
        spender: Address,
        token: Address,
        amount: Number,
    ) -> Answer<()>;
}

#[async_trait]
impl TokensServer for Api {
    async fn deal_erc20(&self, address: Address, token: Address, balance: Number) -> Answer<()> {
        let getter = balanceOfCall { owner: address }.abi_encode();
        self.set_behind(Getter { token, name: "balanceOf", data: getter }, balance).await
    }

    async fn set_erc20_allowance(
        &self,
        owner: Address,
        spender: Address,
        token: Address,
        amount: Number,
    ) -> Answer<()> {
        let getter = allowanceCall { owner, spender }.abi_encode();
        self.set_behind(Getter { token, name: "allowance", data: getter }, amount).await
    }
}

/// A call that answers one number from the token's storage.
struct Getter {
    token: Address,
    name: &'static str,
    data: Vec<u8>,
}

impl Api {
    /// Sets the slot that a getter answers.
    async fn set_behind(&self, getter: Getter, value: U256) -> Answer<()> {
        let found = self.blocking(move |node| getter.find(node, value)).await?;
        match found {
            Some((address, slot)) => self.edit(Edit::Storage(address, slot, value)).await,
            None => Ok(()),
        }
    }
}

impl Getter {
    /// The account and slot behind the getter; `None` if it answers `wanted` already.
    fn find(&self, node: &RpcContext, wanted: U256) -> Answer<Option<(Address, U256)>> {
        if self.ask(node, None)? == Some(wanted) {
            return Ok(None);
        }
        // The getter does not answer the wanted value now, so that only its own slot makes it do so.
        for (address, slot) in self.slots(node)?.into_iter().take(MOST_SLOTS) {
            let change: B256Map<B256> = [(slot, B256::from(wanted))].into_iter().collect();
            let account = AccountOverride { state_diff: Some(change), ..Default::default() };
            let state: StateOverride = [(address, account)].into_iter().collect();
            if self.ask(node, Some(state))? == Some(wanted) {
                return Ok(Some((address, slot.into())));
            }
        }
        Err(DevelopmentError::NoTokenSlot { token: self.token, getter: self.name }.into())
    }

    /// What the getter answers; `None` if that is no number.
    fn ask(&self, node: &RpcContext, state: Option<StateOverride>) -> Answer<Option<U256>> {
        let (head, view) = node.chain.latest()?;
        let (spec, settings) = (&node.chain.spec(), node.chain.evm_settings());
        let overrides = Overrides { state, block: None };
        let outcome = evm::run(spec, settings, view, &head, self.request(), overrides)?;
        Ok(match outcome.result {
            CallResult::Success { output } if output.len() == 32 => {
                Some(U256::from_be_slice(&output))
            }
            _ => None,
        })
    }

    /// Every slot that the getter reads.
    fn slots(&self, node: &RpcContext) -> Answer<Vec<(Address, B256)>> {
        let (head, view) = node.chain.latest()?;
        let (spec, settings) = (&node.chain.spec(), node.chain.evm_settings());
        let overrides = Overrides::default();
        let touched =
            evm::create_access_list(spec, settings, view, &head, self.request(), overrides)?;
        let items = touched.access_list.0.into_iter();
        let slots = items.flat_map(|item| {
            let address = item.address;
            item.storage_keys.into_iter().map(move |slot| (address, slot))
        });
        Ok(slots.collect())
    }

    fn request(&self) -> CallRequest {
        CallRequest::default().to(self.token).input(self.data.clone().into())
    }
}
