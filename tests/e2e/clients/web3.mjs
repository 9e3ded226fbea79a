// web3.js 4 against a node: transactions, contracts, errors, subscriptions, accounts behind a passphrase.

import assert from "node:assert/strict";
import test, { after } from "node:test";
import { Web3 } from "web3";
import { mnemonicToAccount } from "viem/accounts";
import { CHAIN_ID, HTTP, MNEMONIC, WS, main, probe, range, rpc, until } from "./chain.mjs";

const web3 = new Web3(HTTP);
const socket = new Web3(WS);
web3.eth.transactionPollingInterval = 50;
web3.eth.transactionReceiptPollingInterval = 50;
const keys = range(0, 4).map((addressIndex) => {
  const bytes = mnemonicToAccount(MNEMONIC, { addressIndex }).getHdKey().privateKey;
  return web3.eth.accounts.privateKeyToAccount(bytes);
});
keys.forEach((key) => web3.eth.accounts.wallet.add(key));
const [alice, bob, carol] = keys.map((key) => key.address);
const fresh = () => web3.eth.accounts.create().address;
const failure = (action) => action.then(() => assert.fail("it succeeded"), (error) => error);

after(() => socket.provider.disconnect());

const kinds = {
  "a legacy transaction": { type: 0n, gasPrice: 2n * 10n ** 9n },
  "an access list transaction": { type: 1n, gasPrice: 2n * 10n ** 9n, accessList: [{ address: main.address, storageKeys: ["0x" + "00".repeat(32)] }] },
  "a dynamic fee transaction": { type: 2n, maxFeePerGas: 10n ** 11n, maxPriorityFeePerGas: 10n ** 9n },
};

for (const [kind, request] of Object.entries(kinds)) {
  test(`${kind} is signed here, mined, and read back as it was`, async () => {
    const to = fresh();
    const signed = await keys[0].signTransaction({
      ...request, chainId: CHAIN_ID, nonce: await web3.eth.getTransactionCount(alice, "pending"), gas: 30000n, to, value: 5n,
    });
    const receipt = await web3.eth.sendSignedTransaction(signed.rawTransaction);
    assert.deepEqual([receipt.status, receipt.type, receipt.transactionHash], [1n, request.type, signed.transactionHash]);
    const read = await web3.eth.getTransaction(receipt.transactionHash);
    assert.deepEqual([read.type, read.value, read.to.toLowerCase()], [request.type, 5n, to.toLowerCase()]);
    assert.equal(await web3.eth.getBalance(to), 5n);
  });
}

test("an order runs from deposit to confirmation, with its events", async () => {
  const contract = new web3.eth.Contract(main.abi, main.address);
  await contract.methods.deposit().send({ from: bob, value: "2000000000000000000" });
  await contract.methods.deposit().send({ from: carol, value: "1" });
  await contract.methods.approve(carol, 1000).send({ from: bob });
  await contract.methods.submitOrder(bob, 1000).send({ from: carol });
  const receipt = await contract.methods.confirmOrder(bob, carol, 1000).send({ from: bob });
  assert.equal(receipt.events.OrderConfirmed.returnValues.amount, 1000n);
  assert.equal(await contract.methods.balances(carol).call(), 1001n);
  const found = await contract.getPastEvents("OrderConfirmed", { fromBlock: 0, filter: { sender: bob } });
  assert.deepEqual(found.map((event) => event.transactionHash), [receipt.transactionHash]);
  const contractOfProbe = await new web3.eth.Contract(probe.abi).deploy({ data: probe.bytecode }).send({ from: alice });
  assert.equal(await web3.eth.getCode(contractOfProbe.options.address), probe.deployedBytecode);
});

test("a revert comes back with its reason and its data", async () => {
  const contract = new web3.eth.Contract(main.abi, main.address);
  const called = await failure(contract.methods.deposit().call({ from: alice }));
  assert.match(`${called.message} ${called.cause?.message} ${called.innerError?.message}`, /Invalid amount\./);
  const estimated = await failure(contract.methods.deposit().estimateGas({ from: alice }));
  assert.match(`${estimated.message} ${estimated.innerError?.message}`, /Invalid amount\./);
  const deployed = await new web3.eth.Contract(probe.abi).deploy({ data: probe.bytecode }).send({ from: alice });
  const custom = await failure(deployed.methods.revertWithError(7).call({ from: alice }));
  assert.deepEqual([custom.cause.errorName, custom.cause.errorArgs.at?.(1) ?? custom.cause.errorArgs[1]], ["Refused", 7n]);
});

test("1,000 blocks and their events are each told once, in order", async () => {
  const first = Number(await socket.eth.getBlockNumber()) + 1;
  const contract = new socket.eth.Contract(main.abi, main.address);
  const heads = [], amounts = [];
  const all = until(() => heads.length >= 1005 && amounts.length >= 5);
  const blocks = await socket.eth.subscribe("newBlockHeaders");
  blocks.on("data", (head) => (heads.push(Number(head.number)), all.look()));
  const logs = await contract.events.Deposited({ filter: { node: carol } });
  logs.on("data", (event) => (amounts.push(event.returnValues.amount), all.look()));
  await socket.eth.getChainId();
  const sender = new web3.eth.Contract(main.abi, main.address);
  for (const value of range(1, 5)) {
    await sender.methods.deposit().send({ from: carol, value: String(value) });
    await rpc("anvil_mine", "0xc8");
  }
  await all.promise;
  await socket.eth.clearSubscriptions();
  assert.deepEqual(heads, range(first, 1005));
  assert.deepEqual(amounts, [1n, 2n, 3n, 4n, 5n]);
});

test("an account behind a passphrase is made, unlocked, used and locked", async () => {
  const { personal } = web3.eth;
  const address = await personal.newAccount("pass");
  await rpc("anvil_setBalance", address, "0xde0b6b3a7640000");
  assert.ok((await personal.getAccounts()).includes(web3.utils.toChecksumAddress(address)));
  const locked = await failure(rpc("eth_sendTransaction", { from: address, to: alice, value: "0x1" }));
  assert.match(locked.message, /authentication needed/);
  assert.equal(await personal.unlockAccount(address, "pass", 600), true);
  await rpc("eth_sendTransaction", { from: address, to: alice, value: "0x1" });
  assert.equal(await personal.lockAccount(address), true);
  const signature = await personal.sign("0x1234", address, "pass");
  assert.equal((await personal.ecRecover("0x1234", signature)).toLowerCase(), address.toLowerCase());
  const hash = await personal.sendTransaction({ from: address, to: alice, value: "1", gas: "21000" }, "pass");
  assert.equal((await web3.eth.getTransactionReceipt(hash)).status, 1n);
  const key = web3.eth.accounts.create();
  assert.equal((await personal.importRawKey(key.privateKey, "pass")).toLowerCase(), key.address.toLowerCase());
});

test("accounts of the node sign what their keys sign here", async () => {
  const message = web3.utils.utf8ToHex("hello");
  assert.equal(await rpc("eth_sign", bob, message), keys[1].sign("hello").signature);
});

test("the node tells its version, protocol, peers and network", async () => {
  assert.match(await web3.eth.getNodeInfo(), /mainspring\/v/);
  assert.equal(await web3.eth.getProtocolVersion(), "0x45");
  assert.equal(await web3.eth.net.getId(), BigInt(CHAIN_ID));
  assert.equal(await web3.eth.net.getPeerCount(), 0n);
  assert.equal(await web3.eth.net.isListening(), true);
  assert.equal(await web3.eth.getChainId(), BigInt(CHAIN_ID));
  assert.equal(await rpc("web3_sha3", "0x1234"), web3.utils.sha3("0x1234"));
});
