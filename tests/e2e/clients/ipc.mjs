// The Unix socket, as ethers, viem and web3.js speak to it: calls, batches, and news.

import assert from "node:assert/strict";
import test from "node:test";
import { ethers } from "ethers";
import { createPublicClient, createWalletClient, http } from "viem";
import { ipc } from "viem/node";
import { mnemonicToAccount } from "viem/accounts";
import { foundry } from "viem/chains";
import { CHAIN_ID, HTTP, MNEMONIC, rpc } from "./chain.mjs";

const PATH = process.env.MAINSPRING_IPC;
const TO = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";

test("ethers sends and hears of blocks", async () => {
  const provider = new ethers.IpcSocketProvider(PATH, CHAIN_ID, { cacheTimeout: -1 });
  assert.equal((await provider.getNetwork()).chainId, BigInt(CHAIN_ID));
  const wallet = ethers.HDNodeWallet.fromPhrase(MNEMONIC).connect(provider);
  const before = await provider.getBalance(TO);
  const heard = new Promise((resolve) => provider.once("block", resolve));
  const receipt = await (await wallet.sendTransaction({ to: TO, value: 5n })).wait();
  assert.equal(receipt.status, 1);
  assert.equal(await provider.getBalance(TO), before + 5n);
  assert.ok((await heard) >= receipt.blockNumber);
  const numbers = await Promise.all(Array.from({ length: 100 }, () => provider.getBlockNumber()));
  assert.equal(new Set(numbers).size, 1);
  await provider.destroy();
});

test("viem sends and watches", async () => {
  const transport = ipc(PATH);
  const client = createPublicClient({ chain: foundry, transport });
  const wallet = createWalletClient({ chain: foundry, transport, account: mnemonicToAccount(MNEMONIC, { addressIndex: 1 }) });
  const heard = new Promise((resolve, reject) => {
    const stop = client.watchBlockNumber({ onBlockNumber: (number) => (stop(), resolve(number)), onError: reject });
  });
  // A watcher says nothing when it has begun to listen: blocks are made until it hears of one.
  let isHeard = false;
  heard.finally(() => (isHeard = true));
  while (!isHeard) {
    const hash = await wallet.sendTransaction({ to: TO, value: 1n });
    assert.equal((await client.waitForTransactionReceipt({ hash })).status, "success");
  }
  assert.ok((await heard) > 0n);
  const over = createPublicClient({ chain: foundry, transport: http(HTTP) });
  assert.equal(await client.getBalance({ address: TO }), await over.getBalance({ address: TO }));
});

test("a long answer comes whole", async () => {
  const provider = new ethers.IpcSocketProvider(PATH, CHAIN_ID, { cacheTimeout: -1 });
  const dump = await provider.send("debug_dumpBlock", ["latest"]);
  assert.deepEqual(dump, await rpc("debug_dumpBlock", "latest"));
  await provider.destroy();
});
