// MetaMask's own controllers against a node that is restarted, reverted and emptied under them.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import test, { after } from "node:test";
import { createInterface } from "node:readline";
import { GasFeeController } from "@metamask/gas-fee-controller";
import { KeyringController } from "@metamask/keyring-controller";
import { Messenger } from "@metamask/messenger";
import { NetworkController } from "@metamask/network-controller";
import { TransactionController } from "@metamask/transaction-controller";
import { Interface, verifyTypedData } from "ethers";
import { CHAIN_ID, main } from "./chain.mjs";

const KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const FROM = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";
const OTHER = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8";
const CHAIN = `0x${CHAIN_ID.toString(16)}`;
const deposit = new Interface(main.abi).encodeFunctionData("deposit");

/** A node that makes blocks only when asked, so that what waits can be replaced. */
class Node {
  port = 0;

  async start(...flags) {
    const all = ["--no-mining", "--port", String(this.port), "--datadir", process.env.MAINSPRING_DATADIR, ...flags];
    this.process = spawn(process.env.MAINSPRING_BINARY, all, { stdio: ["ignore", "pipe", "inherit"] });
    this.output = "";
    await new Promise((resolve, reject) => {
      this.process.on("exit", (status) => reject(new Error(`the node ended with ${status}:\n${this.output}`)));
      createInterface(this.process.stdout).on("line", (line) => {
        this.output += `${line}\n`;
        const listening = /^Listening on .*:(\d+)$/.exec(line);
        if (listening) {
          this.port = Number(listening[1]);
          resolve();
        }
      });
    });
    this.process.removeAllListeners("exit");
  }

  async stop() {
    const ended = new Promise((resolve) => this.process.on("exit", resolve));
    this.process.kill("SIGTERM");
    assert.equal(await ended, 0);
  }

  async rpc(method, ...params) {
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
    const answer = await fetch(`http://127.0.0.1:${this.port}`, { method: "POST", headers: { "content-type": "application/json" }, body });
    const { result, error } = await answer.json();
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
  }

  async balance() {
    const data = new Interface(main.abi).encodeFunctionData("balances", [FROM]);
    return BigInt(await this.rpc("eth_call", { to: main.address, data }));
  }
}

const node = new Node();
await node.start();

const root = new Messenger({ namespace: "Root" });
const messenger = (namespace, actions = [], events = []) => {
  const own = new Messenger({ namespace, parent: root });
  root.delegate({ messenger: own, actions, events });
  return own;
};
const answers = (namespace, actions) => {
  const own = new Messenger({ namespace, parent: root });
  for (const [name, handler] of Object.entries(actions)) own.registerActionHandler(`${namespace}:${name}`, handler);
};

const account = { id: "one", address: FROM, type: "eip155:eoa", options: {}, methods: [], scopes: ["eip155:0"], metadata: { name: "one", importTime: 0, keyring: { type: "Simple Key Pair" } } };
answers("ErrorReportingService", { captureException: (error) => console.error(error) });
// MetaMask looks for receipts every three seconds; nobody here wants to wait so long.
const remoteFeatureFlags = { confirmations_transactions: { acceleratedPolling: { defaultIntervalMs: 100, defaultCountMax: 1000 } } };
answers("RemoteFeatureFlagController", { getState: () => ({ remoteFeatureFlags, cacheTimestamp: 0 }) });
answers("ApprovalController", { addRequest: async () => ({}) });
answers("AccountsController", {
  getSelectedAccount: () => account,
  getState: () => ({ internalAccounts: { accounts: { one: account }, selectedAccount: "one" } }),
});

const network = new NetworkController({
  messenger: messenger("NetworkController", ["ErrorReportingService:captureException"]),
  infuraProjectId: "0".repeat(32),
  getRpcServiceOptions: () => ({ fetch: globalThis.fetch, btoa: globalThis.btoa }),
  // MetaMask itself looks every 20 s, and forgets the newest block 20 s after nothing waits any more.
  getBlockTrackerOptions: () => ({ pollingInterval: 100, blockResetDuration: 300 }),
});
network.initializeProvider();
const keyring = new KeyringController({ messenger: messenger("KeyringController") });
const fees = new GasFeeController({
  messenger: messenger(
    "GasFeeController",
    ["NetworkController:getState", "NetworkController:getNetworkClientById", "NetworkController:getEIP1559Compatibility"],
    ["NetworkController:networkDidChange"],
  ),
  interval: 1000,
  getProvider: () => network.getProviderAndBlockTracker().provider,
  getCurrentNetworkEIP1559Compatibility: () => network.getEIP1559Compatibility(),
  getCurrentNetworkLegacyGasAPICompatibility: () => false,
  getCurrentAccountEIP1559Compatibility: () => true,
  EIP1559APIEndpoint: "http://127.0.0.1:1/<chain_id>",
  clientId: "test",
});
const wallet = new TransactionController({
  messenger: messenger(
    "TransactionController",
    [
      "AccountsController:getSelectedAccount", "AccountsController:getState", "ApprovalController:addRequest",
      "KeyringController:signEip7702Authorization", "NetworkController:findNetworkClientIdByChainId",
      "NetworkController:getNetworkClientById", "RemoteFeatureFlagController:getState",
    ],
    ["NetworkController:stateChange"],
  ),
  disableHistory: true,
  disableSendFlowHistory: true,
  disableSwaps: true,
  getCurrentNetworkEIP1559Compatibility: () => network.getEIP1559Compatibility(),
  getCurrentAccountEIP1559Compatibility: async () => true,
  getGasFeeEstimates: (options) => fees.fetchGasFeeEstimates(options),
  getNetworkClientRegistry: () => network.getNetworkClientRegistry(),
  getNetworkState: () => network.state,
  isSimulationEnabled: () => false,
  isFirstTimeInteractionEnabled: () => false,
  sign: (transaction, from) => keyring.signTransaction(transaction, from),
  transactionHistoryLimit: 40,
  hooks: {},
});

let networkClientId;

after(async () => {
  wallet.stopIncomingTransactionPolling();
  fees.destroy();
  await network.destroy();
  node.process.kill();
});

/** Resolves with the transaction when it has this status. */
const reaches = (id, status) =>
  new Promise((resolve, reject) => {
    const look = () => {
      const found = wallet.state.transactions.find((transaction) => transaction.id === id);
      if (found?.status !== status && found?.status !== "failed") return;
      root.unsubscribe("TransactionController:stateChange", look);
      if (found.status === status) resolve(found);
      else reject(new Error(`failed: ${found.error?.message}`));
    };
    root.subscribe("TransactionController:stateChange", look);
    look();
  });

/** Hands a transaction to the node; answers its id when the node has it. */
const send = async (request, options = {}) => {
  const { result, transactionMeta } = await wallet.addTransaction({ from: FROM, ...request }, { networkClientId, origin: "metamask", requireApproval: false, ...options });
  await result;
  return transactionMeta.id;
};

/** A deposit of so much wei that is mined. */
const depositOf = async (value) => {
  const before = await node.balance();
  const id = await send({ to: main.address, data: deposit, value: `0x${value.toString(16)}` });
  await node.rpc("evm_mine");
  const done = await reaches(id, "confirmed");
  assert.equal(done.txReceipt.status, "0x1");
  assert.equal(await node.balance(), before + BigInt(value));
  return done;
};

const join = async (chainId, url) => {
  const added = network.addNetwork({
    chainId, name: `Mainspring ${chainId}`, nativeCurrency: "ETH", blockExplorerUrls: [], defaultRpcEndpointIndex: 0,
    rpcEndpoints: [{ type: "custom", name: "Mainspring", url }],
  });
  networkClientId = added.rpcEndpoints[0].networkClientId;
  await network.setActiveNetwork(networkClientId);
};

test("the network is added and a key is imported", async () => {
  await join(CHAIN, `http://127.0.0.1:${node.port}`);
  assert.equal(await network.getEIP1559Compatibility(), true);
  assert.equal(network.state.networksMetadata[networkClientId].status, "available");
  await keyring.createNewVaultAndKeychain("a long password");
  assert.equal(await keyring.importAccountWithStrategy("privateKey", [KEY]), FROM);
});

test("a deposit is estimated, priced, signed, sent and confirmed", async () => {
  const done = await depositOf(1_000_000);
  assert.equal(done.txParams.type, "0x2");
  assert.ok(BigInt(done.txParams.maxFeePerGas) > 0n && done.txReceipt.logs.length === 1);
});

test("a plain transfer gets exactly 21000 gas", async () => {
  const id = await send({ to: OTHER, value: "0x5" });
  await node.rpc("evm_mine");
  assert.equal((await reaches(id, "confirmed")).txParams.gas, "0x5208");
});

test("a waiting transaction is sped up, and the faster one is mined", async () => {
  const id = await send({ to: main.address, data: deposit, value: "0x7" });
  await wallet.speedUpTransaction(id);
  const faster = wallet.state.transactions.find((transaction) => transaction.originalTransactionId === id || transaction.type === "retry");
  await node.rpc("evm_mine");
  const done = await reaches(faster.id, "confirmed");
  assert.equal(done.txReceipt.status, "0x1");
  const original = await reaches(id, "dropped");
  assert.equal(original.txParams.nonce, done.txParams.nonce);
  assert.ok(BigInt(done.txParams.maxFeePerGas) > BigInt(original.txParams.maxFeePerGas));
});

test("a waiting transaction is cancelled by an empty one with its nonce", async () => {
  const before = await node.balance();
  const id = await send({ to: main.address, data: deposit, value: "0x9" });
  await wallet.stopTransaction(id);
  const empty = wallet.state.transactions.find((transaction) => transaction.type === "cancel");
  await node.rpc("evm_mine");
  const done = await reaches(empty.id, "confirmed");
  assert.deepEqual([done.txParams.to, done.txParams.value], [FROM, "0x0"]);
  await reaches(id, "dropped");
  assert.equal(await node.balance(), before);
});

test("the wallet and the node sign the same typed data the same way", async () => {
  const types = { Mail: [{ name: "to", type: "address" }, { name: "contents", type: "string" }] };
  const domain = { name: "Ether Mail", version: "1", chainId: CHAIN_ID, verifyingContract: main.address };
  const message = { to: OTHER, contents: "Hello, Bob!" };
  const domainType = [{ name: "name", type: "string" }, { name: "version", type: "string" }, { name: "chainId", type: "uint256" }, { name: "verifyingContract", type: "address" }];
  const document = { types: { EIP712Domain: domainType, ...types }, primaryType: "Mail", domain, message };
  const signature = await keyring.signTypedMessage({ from: FROM, data: JSON.stringify(document) }, "V4");
  assert.equal(verifyTypedData(domain, types, message, signature).toLowerCase(), FROM);
  assert.equal(await node.rpc("eth_signTypedData_v4", FROM, document), signature);
  assert.equal(await keyring.signTypedMessage({ from: FROM, data: JSON.stringify(document) }, "V3"), await node.rpc("eth_signTypedData_v3", FROM, JSON.stringify(document)));
});

test("after a restart of the node the wallet goes on", async () => {
  await node.stop();
  await node.start();
  await depositOf(11);
});

/** What MetaMask does on "Delete activity and nonce data", and what it does by itself when nothing waits. */
const forget = async () => {
  wallet.wipeTransactions({ chainId: CHAIN, address: FROM });
  const { blockTracker } = network.getNetworkClientById(networkClientId);
  while (blockTracker.getCurrentBlock() !== null) await new Promise(setImmediate);
};

test("after evm_revert the node says what to do, and having done it the wallet goes on", async () => {
  const snapshot = await node.rpc("evm_snapshot");
  await depositOf(13);
  await depositOf(14);
  const before = await node.balance();
  assert.equal(await node.rpc("evm_revert", snapshot), true);
  assert.equal(await node.balance(), before - 27n);
  assert.match(node.output, /Delete activity and nonce data/);
  await forget();
  await depositOf(15);
});

test("after a restart with --fresh the node says what to do, and having done it the wallet goes on", async () => {
  await node.stop();
  await node.start("--fresh");
  assert.equal(await node.balance(), 0n);
  await forget();
  await depositOf(17);
});

test("after a restart with --fresh --rotate-chain-id the wallet joins a new chain and has nothing to forget", async () => {
  await node.stop();
  await node.start("--fresh", "--rotate-chain-id");
  assert.equal(await node.rpc("eth_chainId"), `0x${(CHAIN_ID + 1).toString(16)}`);
  // MetaMask wants another address for another chain.
  await join(`0x${(CHAIN_ID + 1).toString(16)}`, `http://localhost:${node.port}`);
  const done = await depositOf(19);
  assert.equal(done.txParams.nonce, "0x0");
});
