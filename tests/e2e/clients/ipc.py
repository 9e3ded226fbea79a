"""The Unix socket, as web3.py speaks to it: one call at a time, many at once, and news."""

import asyncio
import os

from web3 import AsyncWeb3, IPCProvider, Web3
from web3.providers.persistent import AsyncIPCProvider

PATH = os.environ["MAINSPRING_IPC"]
TO = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"

w3 = Web3(IPCProvider(PATH))
assert w3.is_connected()
assert w3.eth.chain_id == 31337
before = w3.eth.get_balance(TO)
sent = w3.eth.send_transaction({"from": w3.eth.accounts[0], "to": TO, "value": 5})
assert w3.eth.wait_for_transaction_receipt(sent).status == 1
assert w3.eth.get_balance(TO) == before + 5


async def news():
    async with AsyncWeb3(AsyncIPCProvider(PATH)) as socket:
        await socket.eth.subscribe("newHeads")
        sent = w3.eth.send_transaction({"from": w3.eth.accounts[1], "to": TO, "value": 1})
        block = w3.eth.get_transaction_receipt(sent).blockNumber
        async for message in socket.socket.process_subscriptions():
            assert message["result"]["number"] == block
            break


asyncio.run(asyncio.wait_for(news(), 60))
