//! Who signs? The development accounts, with keys that this process has itself.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope, TxLegacy};
use alloy_eips::Encodable2718;
use alloy_primitives::{Address, Bytes, Signature, TxKind, U256, hex};
use alloy_signer::SignerSync;
use alloy_signer_local::{MnemonicBuilder, PrivateKeySigner, coins_bip39::English};
use alloy_sol_types::{SolCall, SolConstructor};
use mainspring::spec::main_contract::{MAIN_ADDRESS, Main};

/// The phrase that anvil and Hardhat start with.
pub(crate) const MNEMONIC: &str = "test test test test test test test test test test test junk";
/// The chain id that anvil and Hardhat start with.
pub(crate) const CHAIN_ID: u64 = 31337;
/// Wei in one ether.
pub(crate) const ETHER: u128 = 1_000_000_000_000_000_000;
/// Pays in every test: a hundred times the first base fee.
pub(crate) const FEE_CAP: u128 = 100_000_000_000;

alloy_sol_types::sol!(
    #[derive(Debug)]
    Token,
    "contracts/artifacts/Token.json"
);
alloy_sol_types::sol!(
    #[derive(Debug)]
    Probe,
    "contracts/artifacts/Probe.json"
);

/// A development account and its next nonce.
#[derive(Clone, Debug)]
pub(crate) struct Wallet {
    pub(crate) key: PrivateKeySigner,
    pub(crate) nonce: u64,
}

impl Wallet {
    /// The account at `index` of the development phrase.
    pub(crate) fn dev(index: u32) -> Self {
        let builder = MnemonicBuilder::<English>::default().phrase(MNEMONIC).index(index);
        Self { key: builder.unwrap().build().unwrap(), nonce: 0 }
    }

    pub(crate) fn address(&self) -> Address {
        self.key.address()
    }

    pub(crate) fn private_key(&self) -> String {
        hex::encode_prefixed(self.key.to_bytes())
    }

    /// An unsigned transaction with the next nonce, which it takes.
    pub(crate) fn request(&mut self, to: TxKind, input: Bytes, value: u128) -> TxEip1559 {
        self.nonce += 1;
        TxEip1559 {
            chain_id: CHAIN_ID,
            nonce: self.nonce - 1,
            gas_limit: if input.is_empty() { 21_000 } else { 2_000_000 },
            max_fee_per_gas: FEE_CAP,
            max_priority_fee_per_gas: 1_000_000_000,
            to,
            value: U256::from(value),
            input,
            ..Default::default()
        }
    }

    pub(crate) fn transfer(&mut self, to: Address, value: u128) -> String {
        let request = self.request(to.into(), Bytes::new(), value);
        self.sign(request)
    }

    pub(crate) fn call(&mut self, to: Address, call: &impl SolCall, value: u128) -> String {
        let request = self.request(to.into(), call.abi_encode().into(), value);
        self.sign(request)
    }

    /// A deposit of this much wei into Main.
    pub(crate) fn deposit(&mut self, value: u128) -> String {
        self.call(MAIN_ADDRESS, &Main::depositCall {}, value)
    }

    pub(crate) fn deploy(&mut self, code: &Bytes, arguments: &[u8]) -> String {
        let input = [code.as_ref(), arguments].concat();
        let request = self.request(TxKind::Create, input.into(), 0);
        self.sign(request)
    }

    pub(crate) fn deploy_token(&mut self, supply: u128) -> String {
        let arguments = Token::constructorCall { supply: U256::from(supply) }.abi_encode();
        self.deploy(&Token::BYTECODE, &arguments)
    }

    pub(crate) fn deploy_probe(&mut self) -> String {
        self.deploy(&Probe::BYTECODE, &[])
    }

    /// Signed and encoded, as `eth_sendRawTransaction` takes it.
    pub(crate) fn sign<T>(&self, request: T) -> String
    where
        T: SignableTransaction<Signature>,
        TxEnvelope: From<alloy_consensus::Signed<T>>,
    {
        let signature = self.key.sign_hash_sync(&request.signature_hash()).unwrap();
        hex::encode_prefixed(TxEnvelope::from(request.into_signed(signature)).encoded_2718())
    }
}

/// A transfer as it was before access lists.
pub(crate) fn legacy(chain_id: Option<u64>, nonce: u64, to: Address) -> TxLegacy {
    TxLegacy {
        chain_id,
        nonce,
        gas_price: FEE_CAP,
        gas_limit: 21_000,
        to: to.into(),
        value: U256::from(1),
        ..Default::default()
    }
}

/// An address that nobody has used: the same for the same number.
pub(crate) fn fresh(number: u64) -> Address {
    Address::from_word(alloy_primitives::keccak256(number.to_be_bytes()))
}
