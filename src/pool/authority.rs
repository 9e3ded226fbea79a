//! Delegations (EIP-7702) that wait: what may wait beside them?
//!
//! Code at an account can send its wei away at any time, so that what waits behind would fail by the
//! thousand. Hence geth's rule: an account that is delegated, or named by an authorization that waits,
//! has one transaction in flight at most.

use super::{PoolError, SenderState, queue::SenderQueue, queues::Queues};
use crate::primitives::Transaction;
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, map::AddressMap};

/// Who signed the authorizations of a transaction, each once. One with an invalid signature has no
/// signer, and no effect.
pub(super) fn signers(tx: &Transaction) -> Box<[Address]> {
    let authorizations = tx.authorization_list().unwrap_or_default();
    let mut signers: Vec<Address> =
        authorizations.iter().filter_map(|signed| signed.recover_authority().ok()).collect();
    signers.sort_unstable();
    signers.dedup();
    signers.into()
}

/// How many waiting transactions carry an authorization of each account.
#[derive(Debug, Default)]
pub(super) struct Authorities(AddressMap<usize>);

impl Authorities {
    pub(super) fn added(&mut self, signers: &[Address]) {
        for signer in signers {
            *self.0.entry(*signer).or_default() += 1;
        }
    }

    pub(super) fn removed(&mut self, signers: &[Address]) {
        for signer in signers {
            if let Some(count) = self.0.get_mut(signer) {
                *count -= 1;
                if *count == 0 {
                    self.0.remove(signer);
                }
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    fn contains(&self, address: Address) -> bool {
        self.0.contains_key(&address)
    }
}

/// May a transaction of this sender and nonce, with authorizations of `signers`, wait beside what
/// waits already?
pub(super) fn check(
    queues: &Queues,
    (sender, nonce): (Address, u64),
    signers: &[Address],
    account: &SenderState,
) -> Result<(), PoolError> {
    if account.delegated || queues.authorities().contains(sender) {
        check_one_in_flight(queues.sender(sender), nonce, account)?;
    }
    let is_busy = |signer: &&Address| queues.sender(**signer).is_some_and(|queue| queue.len() > 1);
    match signers.iter().find(is_busy) {
        Some(authority) => Err(PoolError::AuthorityReserved { authority: *authority }),
        None => Ok(()),
    }
}

fn check_one_in_flight(
    queue: Option<&SenderQueue>,
    nonce: u64,
    account: &SenderState,
) -> Result<(), PoolError> {
    match queue.filter(|queue| queue.pending() > 0) {
        None if nonce == account.nonce => Ok(()),
        None => Err(PoolError::GappedFromDelegated { next: account.nonce, given: nonce }),
        Some(queue) if queue.executable(nonce).is_some() => Ok(()),
        Some(queue) => Err(PoolError::InFlightLimit { pending: queue.pending() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::{
        Pool,
        testing::{BOB, Tx, pool, rich, rules, sent},
    };
    use alloy_consensus::{EthereumTypedTransaction, TxEip7702};
    use alloy_eips::eip7702::Authorization;
    use alloy_signer::SignerSync;
    use alloy_signer_local::PrivateKeySigner;

    fn key(byte: u8) -> PrivateKeySigner {
        PrivateKeySigner::from_slice(&[byte; 32]).unwrap()
    }

    /// A transaction with an authorization of each of the keys, twice.
    fn set_code(sender: Address, nonce: u64, fee: u128, keys: &[u8]) -> Transaction {
        let authorization = Authorization { chain_id: Default::default(), address: BOB, nonce: 0 };
        let signed = keys.iter().chain(keys).map(|byte| {
            let signature = key(*byte).sign_hash_sync(&authorization.signature_hash()).unwrap();
            authorization.clone().into_signed(signature)
        });
        let tx = TxEip7702 {
            chain_id: 31337,
            nonce,
            gas_limit: 500_000,
            max_fee_per_gas: fee,
            max_priority_fee_per_gas: fee,
            to: BOB,
            authorization_list: signed.collect(),
            ..Default::default()
        };
        sent(EthereumTypedTransaction::Eip7702(tx), sender)
    }

    fn answer(pool: &Pool, tx: Transaction, account: SenderState) -> String {
        let added = pool.add(tx, &account, &rules());
        added.map_or_else(|error| error.to_string(), |_added| "admitted".to_owned())
    }

    #[test]
    fn a_delegated_account_has_one_transaction_in_flight() {
        let pool = pool();
        let delegated = SenderState { code_len: 23, delegated: true, ..rich(4) };
        let send = |nonce, fee| answer(&pool, Tx::fees(BOB, nonce, fee, fee).build(), delegated);
        let gapped = "gapped-nonce tx from delegated accounts: next nonce 4, tx nonce 5";
        assert_eq!(send(5, 100), gapped);
        assert_eq!(send(4, 100), "admitted");
        let limit = "in-flight transaction limit reached for delegated accounts: 1 pending";
        assert_eq!(send(5, 100), limit);
        assert_eq!(send(4, 110), "admitted", "a replacement is no second one");
        pool.on_block(&[Tx::fees(BOB, 4, 110, 110).build()], |_sender| 5);
        let later = SenderState { nonce: 5, ..delegated };
        assert_eq!(answer(&pool, Tx::new(BOB, 5).build(), later), "admitted");
    }

    #[test]
    fn an_authorization_that_waits_binds_its_signer() {
        let (pool, alice) = (pool(), key(1).address());
        assert_eq!(answer(&pool, set_code(BOB, 0, 100, &[1, 2]), rich(0)), "admitted");
        assert_eq!(answer(&pool, Tx::new(alice, 0).build(), rich(0)), "admitted");
        let limit = "in-flight transaction limit reached for delegated accounts: 1 pending";
        assert_eq!(answer(&pool, Tx::new(alice, 1).build(), rich(0)), limit);
        // A replacement without the authorization sets its signer free.
        let replacement = Tx::fees(BOB, 0, 2_000_000_000, 1_000_000_000).build();
        assert_eq!(answer(&pool, replacement, rich(0)), "admitted");
        assert_eq!(answer(&pool, Tx::new(alice, 1).build(), rich(0)), "admitted");
    }

    #[test]
    fn who_has_several_transactions_waiting_is_reserved() {
        let (pool, alice) = (pool(), key(1).address());
        for nonce in 0..2 {
            assert_eq!(answer(&pool, Tx::new(alice, nonce).build(), rich(0)), "admitted");
        }
        let reserved = format!("authority already reserved: {alice}");
        assert_eq!(answer(&pool, set_code(BOB, 0, 100, &[2, 1]), rich(0)), reserved);
        pool.on_block(&[Tx::new(alice, 0).build()], |_sender| 1);
        assert_eq!(answer(&pool, set_code(BOB, 0, 100, &[2, 1]), rich(0)), "admitted");
    }

    #[test]
    fn every_way_out_of_the_pool_sets_signers_free() {
        let pool = pool();
        for leave in [
            (|pool, tx| drop(Pool::remove(pool, tx.hash()))) as fn(&Pool, &Transaction),
            |pool, tx| pool.on_block(std::slice::from_ref(tx), |_sender| 1),
            |pool, _tx| drop(pool.drop_all()),
            |pool, tx| drop(pool.remove_sender(tx.sender())),
        ] {
            let tx = set_code(BOB, 0, 100, &[1]);
            assert_eq!(answer(&pool, tx.clone(), rich(0)), "admitted");
            assert!(pool.queues.lock().authorities().contains(key(1).address()));
            leave(&pool, &tx);
            assert!(!pool.queues.lock().authorities().contains(key(1).address()));
        }
    }
}
