// viem's test client in its three modes: every action that the mode's own program serves.

import assert from "node:assert/strict";
import test from "node:test";
import { createTestClient, http, keccak256, pad, parseGwei, publicActions, testActions, toHex, walletActions } from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { foundry } from "viem/chains";
import { HTTP } from "./chain.mjs";

const client = (mode) => createTestClient({ mode, chain: foundry, transport: http(HTTP), cacheTime: 0, pollingInterval: 50 }).extend(publicActions).extend(walletActions);
const fresh = () => privateKeyToAccount(generatePrivateKey()).address;
const FROM = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC";
const TO = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
/** Answers the balance of the contract. */
const CODE = "0x475f5260205ff3";

/** What every mode has. */
const actions = {
  async mine(it) {
    const before = await it.getBlockNumber();
    await it.mine({ blocks: 3 });
    assert.equal(await it.getBlockNumber(), before + 3n);
  },
  async setBalance(it) {
    const address = fresh();
    await it.setBalance({ address, value: 5n });
    assert.equal(await it.getBalance({ address }), 5n);
  },
  async setCode(it) {
    const address = fresh();
    await it.setCode({ address, bytecode: CODE });
    assert.equal(await it.getCode({ address }), CODE);
    assert.equal((await it.call({ to: address })).data, pad("0x0"));
  },
  async increaseTime(it) {
    const { timestamp } = await it.getBlock();
    await it.increaseTime({ seconds: 1000 });
    await it.mine({ blocks: 1 });
    // Blocks made at once run ahead of the clock by a second each, and the clock is what moves.
    assert.ok((await it.getBlock()).timestamp >= timestamp + 900n);
  },
  async setNextBlockTimestamp(it) {
    const timestamp = (await it.getBlock()).timestamp + 77n;
    await it.setNextBlockTimestamp({ timestamp });
    await it.mine({ blocks: 1 });
    assert.equal((await it.getBlock()).timestamp, timestamp);
  },
  async snapshotAndRevert(it) {
    const [address, before] = [fresh(), await it.getBlockNumber()];
    const id = await it.snapshot();
    await it.setBalance({ address, value: 5n });
    await it.mine({ blocks: 2 });
    await it.revert({ id });
    assert.deepEqual([await it.getBlockNumber(), await it.getBalance({ address })], [before, 0n]);
  },
  async setBlockGasLimit(it) {
    await it.setBlockGasLimit({ gasLimit: 25_000_000n });
    await it.mine({ blocks: 1 });
    assert.equal((await it.getBlock()).gasLimit, 25_000_000n);
    await it.setBlockGasLimit({ gasLimit: 30_000_000n });
    await it.mine({ blocks: 1 });
  },
  async setIntervalMining(it) {
    const before = await it.getBlockNumber();
    await it.setIntervalMining({ interval: 1 });
    while ((await it.getBlockNumber()) <= before) await new Promise((resolve) => setTimeout(resolve, 50));
    await it.setIntervalMining({ interval: 0 });
    await client("anvil").setAutomine(true);
  },
};

/** What anvil and Hardhat have beside that. */
const ofBoth = {
  async setAutomine(it) {
    await it.setAutomine(false);
    assert.equal(await it.getAutomine(), false);
    const hash = await it.sendTransaction({ account: FROM, to: TO, value: 1n });
    assert.equal((await it.getTransaction({ hash })).blockNumber, null);
    const { pending } = await it.getTxpoolStatus();
    assert.equal(Number(pending), 1);
    assert.equal(Object.keys((await it.getTxpoolContent()).pending).length, 1);
    assert.equal(Object.keys((await it.inspectTxpool()).pending).length, 1);
    await it.mine({ blocks: 1 });
    assert.equal((await it.getTransactionReceipt({ hash })).status, "success");
    await it.setAutomine(true);
    assert.equal(await it.getAutomine(), true);
  },
  async mineWithInterval(it) {
    await it.mine({ blocks: 3, interval: 10 });
    const head = await it.getBlock();
    const before = await it.getBlock({ blockNumber: head.number - 1n });
    assert.equal(head.timestamp - before.timestamp, 10n);
  },
  async setNonce(it) {
    const address = fresh();
    await it.setNonce({ address, nonce: 9 });
    assert.equal(await it.getTransactionCount({ address }), 9);
  },
  async setStorageAt(it) {
    const address = fresh();
    await it.setStorageAt({ address, index: 2, value: pad("0x7") });
    assert.equal(await it.getStorageAt({ address, slot: "0x2" }), pad("0x7"));
    const slot = keccak256(toHex("slot"));
    await it.setStorageAt({ address, index: slot, value: pad("0x8") });
    assert.equal(await it.getStorageAt({ address, slot }), pad("0x8"));
  },
  async impersonateAccount(it) {
    const address = fresh();
    await it.setBalance({ address, value: 10n ** 18n });
    await it.impersonateAccount({ address });
    const hash = await it.sendTransaction({ account: address, to: TO, value: 1n });
    assert.equal((await it.waitForTransactionReceipt({ hash })).status, "success");
    await it.stopImpersonatingAccount({ address });
    await assert.rejects(it.sendTransaction({ account: address, to: TO, value: 1n }));
  },
  async setCoinbase(it) {
    const address = fresh();
    await it.setCoinbase({ address });
    await it.mine({ blocks: 1 });
    assert.equal((await it.getBlock()).miner.toLowerCase(), address.toLowerCase());
  },
  async setNextBlockBaseFeePerGas(it) {
    await it.setNextBlockBaseFeePerGas({ baseFeePerGas: 12345n });
    await it.mine({ blocks: 1 });
    assert.equal((await it.getBlock()).baseFeePerGas, 12345n);
  },
  async setLoggingEnabled(it) {
    await it.setLoggingEnabled(false);
    await it.setLoggingEnabled(true);
  },
  async dropTransaction(it) {
    await it.setAutomine(false);
    const hash = await it.sendTransaction({ account: FROM, to: TO, value: 1n });
    await it.dropTransaction({ hash });
    await it.mine({ blocks: 1 });
    await assert.rejects(it.getTransactionReceipt({ hash }));
    await it.setAutomine(true);
  },
  async sendUnsignedTransaction(it) {
    const [address, from] = [fresh(), fresh()];
    await it.setBalance({ address: from, value: 10n ** 18n });
    const hash = await it.sendUnsignedTransaction({ from, to: address, value: 7n, gas: 21000n, maxFeePerGas: parseGwei("20") });
    assert.equal((await it.waitForTransactionReceipt({ hash })).from.toLowerCase(), from.toLowerCase());
    assert.equal(await it.getBalance({ address }), 7n);
  },
  async setMinGasPrice(it) {
    // A price below which nothing is taken is a thing of the time before base fees, in anvil and Hardhat too.
    await assert.rejects(it.setMinGasPrice({ gasPrice: 5n }), /EIP-1559/);
  },
  async reset(it) {
    await it.mine({ blocks: 2 });
    await it.reset();
    assert.equal(await it.getBlockNumber(), 0n);
  },
};

const ofAnvil = {
  async setRpcUrl(it) {
    // tests/e2e/forks.rs calls it on a fork.
    await assert.rejects(it.setRpcUrl(HTTP), /this chain is no fork, so it has no upstream/);
  },
  async setBlockTimestampInterval(it) {
    await it.setBlockTimestampInterval({ interval: 5 });
    await it.mine({ blocks: 2 });
    const head = await it.getBlock();
    assert.equal(head.timestamp - (await it.getBlock({ blockNumber: head.number - 1n })).timestamp, 5n);
    await it.removeBlockTimestampInterval();
  },
};

/** These come last: a chain that was loaded is reset to the block that was loaded. */
const atTheEnd = {
  async dumpStateAndLoadState(it) {
    const [address, before] = [fresh(), await it.getBlock()];
    await it.setCode({ address, bytecode: CODE });
    await it.setBalance({ address, value: 5n });
    await it.mine({ blocks: 1 });
    const [head, state] = [await it.getBlock(), await it.dumpState()];
    assert.equal(head.number, before.number + 1n);
    await it.setBalance({ address, value: 6n });
    await it.mine({ blocks: 2 });
    await it.loadState({ state });
    assert.equal((await it.getBlock()).hash, head.hash);
    assert.deepEqual([await it.getBalance({ address }), await it.getCode({ address })], [5n, CODE]);
    await assert.rejects(it.loadState({ state: "0x1234" }));
    assert.equal((await it.getBlock()).hash, head.hash);
  },
};

const ofMode = { ganache: {}, hardhat: ofBoth, anvil: { ...ofBoth, ...ofAnvil } };
for (const [mode, more] of Object.entries(ofMode)) {
  for (const [name, claim] of Object.entries({ ...actions, ...more })) {
    test(`in mode ${mode}, ${name} does what it says`, () => claim(client(mode)));
  }
}
for (const mode of ["hardhat", "anvil"]) {
  for (const [name, claim] of Object.entries(atTheEnd)) {
    test(`in mode ${mode}, ${name} does what it says`, () => claim(client(mode)));
  }
}

test("no action of the test client is left out", () => {
  const source = [actions, ofBoth, ofAnvil, atTheEnd].flatMap((claims) => Object.values(claims).map(String)).join();
  const all = Object.keys(testActions({ mode: "anvil" })(client("anvil")));
  assert.ok(all.length >= 30, `${all}`);
  assert.deepEqual(all.filter((name) => !source.includes(`it.${name}(`)), []);
});
