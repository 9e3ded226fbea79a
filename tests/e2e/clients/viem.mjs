// viem 2 against a node: every kind of transaction, contracts, errors, news, proofs, simulations, signatures.

import assert from "node:assert/strict";
import test, { after } from "node:test";
import { verifyMerkleProof } from "@ethereumjs/mpt";
import {
  ContractFunctionRevertedError, ExecutionRevertedError, InsufficientFundsError, NonceTooLowError, bytesToHex, createPublicClient, createTestClient,
  createWalletClient, fromRlp, getContract, hexToBytes, http, keccak256, numberToHex, pad, parseEther, toRlp, webSocket, zeroAddress,
} from "viem";
import { generatePrivateKey, mnemonicToAccount, privateKeyToAccount } from "viem/accounts";
import { foundry } from "viem/chains";
import { MNEMONIC, CHAIN_ID, HTTP, WS, blob, main, probe, range, rpc, until } from "./chain.mjs";

const chain = foundry;
const reader = createPublicClient({ chain, transport: http(HTTP), pollingInterval: 50, cacheTime: 0 });
const listener = createPublicClient({ chain, transport: webSocket(WS), cacheTime: 0 });
const local = (addressIndex) =>
  createWalletClient({ account: mnemonicToAccount(MNEMONIC, { addressIndex }), chain, transport: http(HTTP), pollingInterval: 50 });
const [alice, bob, carol, dave] = range(0, 4).map(local);
const fresh = () => privateKeyToAccount(generatePrivateKey()).address;
const mined = async (hash) => reader.waitForTransactionReceipt({ hash: await hash });
const failure = (action) => action.then(() => assert.fail("it succeeded"), (error) => error);

after(async () => (await listener.transport.getRpcClient()).close());

/** Of a blob of zeros, see chain.mjs. */
const kzg = { blobToKzgCommitment: () => hexToBytes(blob.commitment), computeBlobKzgProof: () => hexToBytes(blob.proof) };

const kinds = {
  legacy: { type: "legacy" },
  eip2930: { type: "eip2930", accessList: [{ address: main.address, storageKeys: ["0x" + "00".repeat(32)] }] },
  eip1559: { type: "eip1559" },
  eip4844: { type: "eip4844", blobs: [blob.data], kzg, maxFeePerBlobGas: 10n ** 9n },
};

for (const [kind, request] of Object.entries(kinds)) {
  test(`a transaction of type ${kind} is sent, mined, and read back as it was`, async () => {
    const to = fresh();
    const receipt = await mined(alice.sendTransaction({ to, value: 5n, ...request }));
    assert.deepEqual([receipt.status, receipt.type], ["success", kind]);
    const read = await reader.getTransaction({ hash: receipt.transactionHash });
    assert.deepEqual([read.type, read.to, read.value], [kind, to.toLowerCase(), 5n]);
    assert.equal(read.accessList?.length ?? 0, request.accessList?.length ?? 0);
    assert.equal(read.blobVersionedHashes?.length ?? 0, request.blobs?.length ?? 0);
    assert.equal(await reader.getBalance({ address: to }), 5n);
  });
}

test("a delegating transaction gives an account code", async () => {
  const authorization = await dave.signAuthorization({ contractAddress: main.address });
  const receipt = await mined(alice.sendTransaction({ to: fresh(), authorizationList: [authorization] }));
  assert.deepEqual([receipt.status, receipt.type], ["success", "eip7702"]);
  assert.equal((await reader.getDelegation({ address: dave.account.address })).toLowerCase(), main.address.toLowerCase());
});

test("a transfer is estimated at exactly 21000", async () => {
  assert.equal(await reader.estimateGas({ account: alice.account, to: bob.account.address, value: 1n }), 21000n);
});

test("an order runs from deposit to confirmation, with its events", async () => {
  const [buyer, seller] = [bob, carol].map((wallet) => getContract({ ...main, client: { public: reader, wallet } }));
  const [b, s] = [bob.account.address, carol.account.address];
  await mined(buyer.write.deposit({ value: parseEther("2") }));
  await mined(seller.write.deposit({ value: 1n }));
  await mined(buyer.write.approve([s, 1000n]));
  await mined(seller.write.submitOrder([b, 1000n]));
  const { request } = await buyer.simulate.confirmOrder([b, s, 1000n], { account: bob.account });
  const receipt = await mined(bob.writeContract(request));
  assert.equal(await buyer.read.balances([s]), 1001n);
  const found = await buyer.getEvents.OrderConfirmed({ sender: b }, { fromBlock: 0n });
  assert.deepEqual(found.map((event) => [event.transactionHash, event.args.amount]), [[receipt.transactionHash, 1000n]]);
  const filter = await reader.createContractEventFilter({ ...main, eventName: "OrderConfirmed", fromBlock: 0n });
  assert.equal((await reader.getFilterLogs({ filter })).length, 1);
  assert.ok(await reader.uninstallFilter({ filter }));
});

test("reads are gathered into one call", async () => {
  const contracts = range(0, 3).map((index) => ({ ...main, functionName: "balances", args: [numberToHex(index, { size: 20 })] }));
  const batched = createPublicClient({ chain, transport: http(HTTP), batch: { multicall: true } });
  assert.deepEqual(await Promise.all(contracts.map((contract) => batched.readContract(contract))), [0n, 0n, 0n]);
});

test("errors have viem's own types, with reasons and decoded custom errors", async () => {
  const walk = (error, type) => error.walk((cause) => cause instanceof type);
  const poor = createWalletClient({ account: privateKeyToAccount(generatePrivateKey()), chain, transport: http(HTTP) });
  const unpaid = await failure(poor.sendTransaction({ to: zeroAddress, value: 1n }));
  assert.ok(walk(unpaid, InsufficientFundsError), unpaid);
  const late = await failure(alice.sendTransaction({ to: zeroAddress, nonce: 0 }));
  assert.ok(walk(late, NonceTooLowError), late);
  const empty = await failure(reader.simulateContract({ ...main, functionName: "deposit", account: alice.account }));
  assert.equal(walk(empty, ContractFunctionRevertedError).reason, "Invalid amount.");
  const estimate = await failure(reader.estimateContractGas({ ...main, functionName: "deposit", account: alice.account }));
  assert.ok(walk(estimate, ExecutionRevertedError), estimate);
  const { contractAddress } = await mined(alice.deployContract(probe));
  const call = { address: contractAddress, abi: probe.abi, functionName: "revertWithError", args: [7n], account: alice.account };
  const custom = walk(await failure(reader.simulateContract(call)), ContractFunctionRevertedError);
  assert.deepEqual([custom.data.errorName, ...custom.data.args], ["Refused", alice.account.address, 7n]);
  const reverted = await mined(alice.writeContract({ ...call, gas: 100000n }));
  assert.equal(reverted.status, "reverted");
});

test("1,000 blocks and their events are each told once, in order, over WebSocket", async () => {
  const first = Number(await reader.getBlockNumber()) + 1;
  const heads = [], amounts = [];
  const all = until(() => heads.length >= 1010 && amounts.length >= 10);
  const stops = [
    listener.watchBlockNumber({ onBlockNumber: (number) => (heads.push(Number(number)), all.look()) }),
    listener.watchContractEvent({
      ...main, eventName: "Deposited", args: { node: carol.account.address },
      onLogs: (logs) => (amounts.push(...logs.map((log) => log.args.amount)), all.look()),
    }),
  ];
  await listener.request({ method: "eth_chainId" });
  for (const value of range(1, 10)) {
    await mined(carol.writeContract({ ...main, functionName: "deposit", value: BigInt(value) }));
    await rpc("anvil_mine", "0x64");
  }
  await all.promise;
  stops.forEach((stop) => stop());
  assert.deepEqual(heads, range(first, 1010));
  assert.deepEqual(amounts, range(1, 10).map(BigInt));
});

test("watchers over HTTP tell each event and each block once", async () => {
  const amounts = [], heads = [];
  const all = until(() => amounts.length >= 5 && heads.length >= 5);
  const started = until(() => heads.length >= 1);
  const stops = [
    reader.watchContractEvent({
      ...main, eventName: "Deposited", args: { node: dave.account.address },
      onLogs: (logs) => (amounts.push(...logs.map((log) => log.args.amount)), all.look()),
    }),
    reader.watchBlockNumber({
      emitMissed: true, emitOnBegin: true, onBlockNumber: (number) => (heads.push(number), started.look(), all.look()),
    }),
  ];
  await started.promise;
  for (const value of range(1, 5)) await mined(dave.writeContract({ ...main, functionName: "deposit", value: BigInt(value) }));
  await all.promise;
  stops.forEach((stop) => stop());
  assert.deepEqual(amounts, [1n, 2n, 3n, 4n, 5n]);
  assert.deepEqual(heads, range(Number(heads[0]), heads.length).map(BigInt));
});

/** The value at a key of a trie with this root, as far as these nodes prove it. */
const proven = (root, key, proof) => verifyMerkleProof(hexToBytes(keccak256(key)), proof.map((node) => hexToBytes(node)), { root: hexToBytes(root) });

test("a proof of an account and its storage leads to the state root of the block", async () => {
  await mined(alice.writeContract({ ...main, functionName: "deposit", value: 12345n }));
  const block = await reader.getBlock();
  const slots = range(0, 10).map((slot) => keccak256("0x" + pad(alice.account.address).slice(2) + numberToHex(slot, { size: 32 }).slice(2)));
  const storageKeys = [...slots, pad("0x0"), pad("0x77")];
  const account = await reader.getProof({ address: main.address, storageKeys, blockNumber: block.number });
  const leaf = await proven(block.stateRoot, main.address, account.accountProof);
  const fields = [account.nonce, account.balance].map((number) => (number ? numberToHex(number) : "0x"));
  assert.equal(bytesToHex(leaf), toRlp([...fields, account.storageHash, account.codeHash]));
  let held = 0;
  for (const { key, value, proof } of account.storageProof) {
    const found = await proven(account.storageHash, pad(key), proof);
    assert.equal(found === null ? 0n : BigInt(fromRlp(bytesToHex(found))), value);
    if (value === 12345n || value > 10n ** 9n) held += 1;
  }
  assert.ok(held > 0, "the balance is among the slots");
  const nobody = fresh();
  const absent = await reader.getProof({ address: nobody, storageKeys: [], blockNumber: block.number });
  assert.equal(await proven(block.stateRoot, nobody, absent.accountProof), null);
});

test("simulateCalls tells what calls would return and which assets would move", async () => {
  const { results, assetChanges } = await reader.simulateCalls({
    account: alice.account.address,
    traceAssetChanges: true,
    calls: [
      { to: main.address, abi: main.abi, functionName: "deposit", value: parseEther("1") },
      { to: main.address, abi: main.abi, functionName: "balances", args: [alice.account.address] },
      { to: main.address, abi: main.abi, functionName: "withdraw", args: [0n] },
      { to: fresh(), value: parseEther("2") },
    ],
  });
  assert.deepEqual(results.map((result) => result.status), ["success", "success", "failure", "success"]);
  assert.ok(results[1].result >= parseEther("1"));
  assert.match(results[2].error.message, /Invalid amount\./);
  assert.deepEqual(assetChanges.map(({ token, value }) => [token.symbol, value.diff]), [["ETH", -parseEther("3")]]);
});

test("accounts of the node sign what their keys sign here", async () => {
  const ofNode = createWalletClient({ account: bob.account.address, chain, transport: http(HTTP) });
  assert.equal(await ofNode.signMessage({ message: "hello" }), await bob.signMessage({ message: "hello" }));
  const document = {
    domain: { name: "Ether Mail", version: "1", chainId: CHAIN_ID, verifyingContract: main.address, salt: pad("0x5") },
    types: {
      Person: [{ name: "name", type: "string" }, { name: "wallets", type: "address[]" }],
      Mail: [{ name: "from", type: "Person" }, { name: "to", type: "Person[][2]" }, { name: "sum", type: "int64" }, { name: "flag", type: "bool" }],
    },
    primaryType: "Mail",
    message: {
      from: { name: "Cow", wallets: [bob.account.address] },
      to: [[], [{ name: "ü", wallets: [] }]],
      sum: -5n,
      flag: true,
    },
  };
  assert.equal(await ofNode.signTypedData(document), await bob.signTypedData(document));
  const to = fresh();
  await mined(ofNode.sendTransaction({ to, value: 7n }));
  assert.equal(await reader.getBalance({ address: to }), 7n);
});

test("blocks, fees and transactions are read in every way that viem has", async () => {
  const block = await reader.getBlock({ includeTransactions: true });
  assert.deepEqual(await reader.getBlock({ blockHash: block.hash, includeTransactions: true }), block);
  assert.equal(await reader.getBlockTransactionCount({ blockNumber: block.number }), block.transactions.length);
  const history = await reader.getFeeHistory({ blockCount: 4, rewardPercentiles: [10, 90] });
  assert.deepEqual([history.baseFeePerGas.length, history.reward.length], [5, 4]);
  const { maxFeePerGas, maxPriorityFeePerGas } = await reader.estimateFeesPerGas();
  assert.ok(maxFeePerGas > maxPriorityFeePerGas && (await reader.getGasPrice()) > 0n && (await reader.getBlobBaseFee()) > 0n);
  const list = await reader.createAccessList({ account: alice.account, to: main.address, data: "0xd0e30db0", value: 1n });
  assert.ok(list.accessList.length > 0 && list.gasUsed > 21000n);
  const slot = await reader.getStorageAt({ address: main.address, slot: "0x0" });
  assert.equal(slot.length, 66);
});
