"""web3.py against a node: every kind of transaction, contracts, errors, filters, subscriptions, proofs, signatures."""

import asyncio
import json
import os
import unittest
from pathlib import Path

import rlp
from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data
from trie import HexaryTrie
from web3 import AsyncWeb3, Web3, WebSocketProvider
from web3.exceptions import ContractCustomError, ContractLogicError, Web3RPCError
from web3.utils.subscriptions import LogsSubscription, NewHeadsSubscription

HTTP = os.environ["MAINSPRING_HTTP"]
CHAIN_ID = 31337
MNEMONIC = "test test test test test test test test test test test junk"
MAIN = "0x000000000000000000000000000000004D61696E"
CONTRACTS = Path(__file__).parents[3] / "contracts" / "artifacts"

Account.enable_unaudited_hdwallet_features()
w3 = Web3(Web3.HTTPProvider(HTTP))
keys = [Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}") for index in range(4)]
alice, bob, carol, dave = keys


def artifact(name):
    return json.loads((CONTRACTS / f"{name}.json").read_text())


main = w3.eth.contract(address=MAIN, abi=artifact("Main")["abi"])


def fresh():
    return Account.create().address


def send(key, transaction, **blobs):
    transaction = {"chainId": CHAIN_ID, "nonce": w3.eth.get_transaction_count(key.address, "pending"), "gas": 200_000} | transaction
    signed = key.sign_transaction(transaction, **blobs)
    return w3.eth.wait_for_transaction_receipt(w3.eth.send_raw_transaction(signed.raw_transaction), poll_latency=0.02)


FEES = {"maxFeePerGas": 10**11, "maxPriorityFeePerGas": 10**9}


class Transactions(unittest.TestCase):
    def returns_as_it_was(self, kind, transaction, **blobs):
        to = fresh()
        receipt = send(alice, {"to": to, "value": 5} | transaction, **blobs)
        self.assertEqual((receipt["status"], receipt["type"]), (1, kind))
        read = w3.eth.get_transaction(receipt["transactionHash"])
        self.assertEqual((read["type"], read["to"], read["value"]), (kind, to, 5))
        self.assertEqual(w3.eth.get_balance(to), 5)
        return read

    def test_a_legacy_transaction(self):
        self.returns_as_it_was(0, {"gasPrice": 2 * 10**9})

    def test_an_access_list_transaction(self):
        entry = {"address": MAIN, "storageKeys": ["0x" + "00" * 32]}
        read = self.returns_as_it_was(1, {"type": 1, "gasPrice": 2 * 10**9, "accessList": [entry]})
        self.assertEqual(len(read["accessList"]), 1)

    def test_a_dynamic_fee_transaction(self):
        self.returns_as_it_was(2, FEES)

    def test_a_blob_transaction(self):
        blob = {"type": 3, "maxFeePerBlobGas": 10**9} | FEES
        read = self.returns_as_it_was(3, blob, blobs=[b"\x00" * 131072])
        self.assertEqual(len(read["blobVersionedHashes"]), 1)

    def test_a_delegating_transaction_gives_an_account_code(self):
        authorization = dave.sign_authorization({"chainId": CHAIN_ID, "address": MAIN, "nonce": 0})
        read = self.returns_as_it_was(4, {"authorizationList": [authorization]} | FEES)
        self.assertEqual(len(read["authorizationList"]), 1)
        self.assertEqual(w3.eth.get_code(dave.address), bytes.fromhex("ef0100" + MAIN[2:]))

    def test_a_transfer_is_estimated_at_exactly_21000(self):
        self.assertEqual(w3.eth.estimate_gas({"from": alice.address, "to": bob.address, "value": 1}), 21000)

    def test_an_account_of_the_node_sends_without_a_key_here(self):
        to = fresh()
        w3.eth.wait_for_transaction_receipt(w3.eth.send_transaction({"from": bob.address, "to": to, "value": 7}))
        self.assertEqual(w3.eth.get_balance(to), 7)


class Contracts(unittest.TestCase):
    def test_an_order_runs_from_deposit_to_confirmation_with_its_events(self):
        def act(key, function, value=0):
            return send(key, function.build_transaction({"from": key.address, "value": value, "nonce": w3.eth.get_transaction_count(key.address)}))

        act(bob, main.functions.deposit(), 2 * 10**18)
        act(carol, main.functions.deposit(), 1)
        before = main.functions.balances(carol.address).call()
        act(bob, main.functions.approve(carol.address, 1000))
        act(carol, main.functions.submitOrder(bob.address, 1000))
        receipt = act(bob, main.functions.confirmOrder(bob.address, carol.address, 1000))
        (event,) = main.events.OrderConfirmed().process_receipt(receipt)
        self.assertEqual(event["args"]["amount"], 1000)
        self.assertEqual(main.functions.balances(carol.address).call(), before + 1000)
        found = main.events.OrderConfirmed().get_logs(from_block=0, argument_filters={"sender": bob.address})
        self.assertEqual([log["transactionHash"] for log in found], [receipt["transactionHash"]])

    def test_errors_come_back_with_reasons_and_custom_errors_with_arguments(self):
        with self.assertRaises(ContractLogicError) as reason:
            main.functions.deposit().call({"from": alice.address})
        self.assertIn("Invalid amount.", str(reason.exception))
        with self.assertRaises(ContractLogicError):
            main.functions.deposit().estimate_gas({"from": alice.address})
        probe = artifact("Probe")
        receipt = send(alice, {"data": probe["bytecode"], "gas": 5_000_000} | FEES)
        contract = w3.eth.contract(address=receipt["contractAddress"], abi=probe["abi"])
        with self.assertRaises(ContractCustomError) as custom:
            contract.functions.revertWithError(7).call({"from": alice.address})
        refused = Web3.keccak(text="Refused(address,uint256)")[:4]
        data = bytes.fromhex(custom.exception.data[2:])
        self.assertEqual(data[:4], refused)
        self.assertEqual(w3.codec.decode(["address", "uint256"], data[4:]), (alice.address.lower(), 7))

    def test_a_sender_who_cannot_pay_is_told_so(self):
        with self.assertRaises(Web3RPCError) as poor:
            send(Account.create(), {"to": alice.address, "value": 1} | FEES)
        self.assertIn("insufficient funds", str(poor.exception))


class News(unittest.TestCase):
    def test_filters_tell_each_block_and_each_event_once(self):
        blocks = w3.eth.filter("latest")
        events = main.events.Deposited.create_filter(from_block=w3.eth.block_number + 1, argument_filters={"node": alice.address})
        hashes = [send(alice, {"to": MAIN, "value": value} | FEES)["blockHash"] for value in range(1, 6)]
        self.assertEqual(blocks.get_new_entries(), hashes)
        self.assertEqual([event["args"]["amount"] for event in events.get_new_entries()], [1, 2, 3, 4, 5])
        self.assertEqual((blocks.get_new_entries(), events.get_new_entries()), ([], []))
        self.assertEqual(len(events.get_all_entries()), 5)

    def test_1000_blocks_and_their_events_are_each_told_once_in_order(self):
        heads, amounts = asyncio.run(self.listen())
        self.assertEqual(heads, list(range(heads[0], heads[0] + 1005)))
        self.assertEqual(amounts, [1, 2, 3, 4, 5])

    async def listen(self):
        heads, amounts = [], []
        async with AsyncWeb3(WebSocketProvider(HTTP.replace("http", "ws"))) as socket:
            contract = socket.eth.contract(address=MAIN, abi=main.abi)
            done = asyncio.Event()

            def look():
                if len(heads) >= 1005 and len(amounts) >= 5:
                    done.set()

            async def on_head(context):
                heads.append(context.result["number"])
                look()

            async def on_log(context):
                amounts.append(contract.events.Deposited().process_log(context.result)["args"]["amount"])
                look()

            topics = [contract.events.Deposited().topic, "0x" + carol.address[2:].rjust(64, "0")]
            await socket.subscription_manager.subscribe(
                [NewHeadsSubscription(handler=on_head), LogsSubscription(address=MAIN, topics=topics, handler=on_log)]
            )
            handling = asyncio.create_task(socket.subscription_manager.handle_subscriptions(run_forever=True))
            for value in range(1, 6):
                await asyncio.to_thread(send, carol, {"to": MAIN, "value": value} | FEES)
                await asyncio.to_thread(w3.provider.make_request, "anvil_mine", ["0xc8"])
            await asyncio.wait_for(done.wait(), 60)
            handling.cancel()
            await asyncio.gather(handling, return_exceptions=True)
        return heads, amounts


class Proofs(unittest.TestCase):
    def test_a_proof_of_an_account_and_its_storage_leads_to_the_state_root(self):
        send(alice, {"to": MAIN, "value": 12345} | FEES)
        block = w3.eth.get_block("latest")
        slots = [Web3.solidity_keccak(["uint256", "uint256"], [int(alice.address, 16), slot]) for slot in range(10)] + [b"\x77" * 32]
        proof = w3.eth.get_proof(MAIN, [int.from_bytes(slot) for slot in slots], block["number"])
        account = self.proven(block["stateRoot"], bytes.fromhex(MAIN[2:]), proof["accountProof"])
        fields = [proof["nonce"], proof["balance"], proof["storageHash"], proof["codeHash"]]
        self.assertEqual(account, rlp.encode([rlp.sedes.big_endian_int.serialize(f) if isinstance(f, int) else bytes(f) for f in fields]))
        values = []
        for slot, entry in zip(slots, proof["storageProof"]):
            found = self.proven(proof["storageHash"], bytes(slot), entry["proof"])
            value = int.from_bytes(rlp.decode(found)) if found else 0
            self.assertEqual(value, int.from_bytes(bytes(entry["value"])))
            values.append(value)
        self.assertIn(main.functions.balances(alice.address).call(block_identifier=block["number"]), values)

    @staticmethod
    def proven(root, key, proof):
        return HexaryTrie.get_from_proof(bytes(root), Web3.keccak(key), [rlp.decode(bytes(node)) for node in proof])


class Signatures(unittest.TestCase):
    def test_accounts_of_the_node_sign_what_their_keys_sign_here(self):
        self.assertEqual(w3.eth.sign(bob.address, text="hello"), bob.sign_message(encode_defunct(text="hello")).signature)
        document = {
            "types": {
                "EIP712Domain": [{"name": "name", "type": "string"}, {"name": "chainId", "type": "uint256"}],
                "Mail": [{"name": "to", "type": "address[]"}, {"name": "data", "type": "bytes"}, {"name": "sum", "type": "int64"}],
            },
            "primaryType": "Mail",
            "domain": {"name": "Ether Mail", "chainId": CHAIN_ID},
            "message": {"to": [alice.address, carol.address], "data": "0x1234", "sum": -5},
        }
        expected = bob.sign_message(encode_typed_data(full_message=document)).signature
        self.assertEqual(w3.eth.sign_typed_data(bob.address, json.dumps(document)), expected)


if __name__ == "__main__":
    unittest.main()
