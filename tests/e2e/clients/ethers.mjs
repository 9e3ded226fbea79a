// ethers 6 against a node: every kind of transaction, contracts, errors, news, signatures.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import test, { after } from "node:test";
import {
  Contract, ContractFactory, HDNodeWallet, JsonRpcProvider, Wallet, WebSocketProvider, hashAuthorization, isError, parseEther,
} from "ethers";
import { CHAIN_ID, HTTP, MNEMONIC, WS, blob, main, probe, range, rpc, until } from "./chain.mjs";

const provider = new JsonRpcProvider(HTTP, undefined, { cacheTimeout: -1, pollingInterval: 50 });
const socket = new WebSocketProvider(WS);
const wallet = (index) => HDNodeWallet.fromPhrase(MNEMONIC, undefined, `m/44'/60'/0'/0/${index}`).connect(provider);
const [alice, bob, carol, dave] = range(0, 4).map(wallet);
const fresh = () => Wallet.createRandom().address;

after(async () => {
  provider.destroy();
  await socket.destroy();
});

const kinds = {
  "a legacy transaction": { type: 0 },
  "an access list transaction": { type: 1, accessList: [{ address: main.address, storageKeys: ["0x" + "00".repeat(32)] }] },
  "a dynamic fee transaction": { type: 2 },
  "a blob transaction with cell proofs": { type: 3, blobs: [{ ...blob, proof: blob.cellProofs }], blobWrapperVersion: 1, maxFeePerBlobGas: 10n ** 9n },
};

for (const [kind, request] of Object.entries(kinds)) {
  test(`${kind} is sent, mined, and read back as it was`, async () => {
    const to = fresh();
    const sent = await alice.sendTransaction({ to, value: 5n, ...request });
    const receipt = await sent.wait();
    assert.deepEqual([receipt.status, receipt.type, receipt.from], [1, request.type, alice.address]);
    const read = await provider.getTransaction(sent.hash);
    assert.deepEqual([read.type, read.to, read.value, read.nonce], [request.type, to, 5n, sent.nonce]);
    assert.deepEqual(read.accessList ?? [], sent.accessList ?? []);
    assert.deepEqual(read.blobVersionedHashes, sent.blobVersionedHashes);
    assert.equal(await provider.getBalance(to), 5n);
  });
}

test("a delegating transaction gives an account code", async () => {
  const authorization = await dave.authorize({ address: main.address, nonce: 0, chainId: CHAIN_ID });
  const sent = await alice.sendTransaction({ type: 4, to: fresh(), value: 1n, authorizationList: [authorization] });
  const receipt = await sent.wait();
  assert.deepEqual([receipt.status, receipt.type], [1, 4]);
  assert.equal(await provider.getCode(dave.address), "0xef0100" + main.address.slice(2).toLowerCase());
  const read = await provider.getTransaction(sent.hash);
  assert.equal(hashAuthorization(read.authorizationList[0]), hashAuthorization(authorization));
});

test("a transfer is estimated at exactly 21000 and fees have headroom", async () => {
  assert.equal(await provider.estimateGas({ from: alice.address, to: bob.address, value: 1n }), 21000n);
  const { gasPrice, maxFeePerGas, maxPriorityFeePerGas } = await provider.getFeeData();
  const { baseFeePerGas } = await provider.getBlock("latest");
  assert.ok(gasPrice > baseFeePerGas && maxFeePerGas > baseFeePerGas + maxPriorityFeePerGas);
});

test("an order runs from deposit to confirmation, with its events", async () => {
  const [buyer, seller] = [bob, carol].map((party) => new Contract(main.address, main.abi, party));
  await (await buyer.deposit({ value: parseEther("2") })).wait();
  await (await seller.deposit({ value: 1n })).wait();
  await (await buyer.approve(carol.address, 1000n)).wait();
  await (await seller.submitOrder(bob.address, 1000n)).wait();
  const receipt = await (await buyer.confirmOrder(bob.address, carol.address, 1000n)).wait();
  assert.deepEqual(receipt.logs.map((log) => log.fragment.name), ["OrderConfirmed"]);
  assert.equal(await buyer.balances(carol.address), 1001n);
  const found = await buyer.queryFilter(buyer.filters.OrderConfirmed(bob.address), 0);
  assert.deepEqual(found.map((event) => [event.transactionHash, event.args.amount]), [[receipt.hash, 1000n]]);
  assert.deepEqual([...(await buyer.locks(bob.address, carol.address))], [0n, false]);
});

test("accounts of the node send, deploy and sign without a key here", async () => {
  const signer = await provider.getSigner(1);
  const contract = await new ContractFactory(probe.abi, probe.bytecode, signer).deploy();
  await contract.waitForDeployment();
  assert.equal(await provider.getCode(contract.target), probe.deployedBytecode);
  await (await contract.count()).wait();
  assert.equal(await contract.counter(), 1n);
  assert.equal(await signer.signMessage("hello"), await bob.signMessage("hello"));
  const document = [
    { name: "Ether Mail", version: "1", chainId: CHAIN_ID, verifyingContract: main.address },
    {
      Person: [{ name: "name", type: "string" }, { name: "wallets", type: "address[]" }],
      Mail: [{ name: "from", type: "Person" }, { name: "to", type: "Person[2]" }, { name: "sum", type: "int64" }, { name: "data", type: "bytes" }],
    },
    {
      from: { name: "Cow", wallets: [alice.address, bob.address] },
      to: [{ name: "Bob", wallets: [] }, { name: "ü", wallets: [dave.address] }],
      sum: -5n,
      data: "0x1234",
    },
  ];
  assert.equal(await signer.signTypedData(...document), await bob.signTypedData(...document));
});

const code = async (action) => {
  try {
    await action();
  } catch (error) {
    return error;
  }
  return assert.fail("it succeeded");
};

test("a sender who cannot pay gets INSUFFICIENT_FUNDS", async () => {
  const poor = Wallet.createRandom().connect(provider);
  const error = await code(() => poor.sendTransaction({ to: alice.address, value: 1n }));
  assert.ok(isError(error, "INSUFFICIENT_FUNDS"), error);
  const sent = await code(() => poor.sendTransaction({ to: alice.address, value: 1n, gasLimit: 21000n }));
  assert.ok(isError(sent, "INSUFFICIENT_FUNDS"), sent);
});

test("a nonce that was used gets NONCE_EXPIRED", async () => {
  const error = await code(() => alice.sendTransaction({ to: bob.address, value: 1n, nonce: 0 }));
  assert.ok(isError(error, "NONCE_EXPIRED"), error);
});

test("a replacement that pays no more gets REPLACEMENT_UNDERPRICED", async () => {
  const request = { to: bob.address, nonce: (await alice.getNonce()) + 1, gasLimit: 21000n, maxFeePerGas: 10n ** 11n, maxPriorityFeePerGas: 10n ** 9n };
  await alice.sendTransaction({ ...request, value: 1n });
  const error = await code(() => alice.sendTransaction({ ...request, value: 2n }));
  assert.ok(isError(error, "REPLACEMENT_UNDERPRICED"), error);
  const replaced = await alice.sendTransaction({ ...request, value: 3n, maxFeePerGas: 12n * 10n ** 10n, maxPriorityFeePerGas: 12n * 10n ** 8n });
  await alice.sendTransaction({ to: bob.address, value: 0n });
  assert.equal((await replaced.wait()).status, 1);
});

test("a call that reverts gets CALL_EXCEPTION with the reason, in a call, an estimate and a receipt", async () => {
  const contract = new Contract(main.address, main.abi, alice);
  for (const action of [() => contract.deposit.staticCall(), () => contract.deposit.estimateGas(), () => contract.deposit()]) {
    const error = await code(action);
    assert.ok(isError(error, "CALL_EXCEPTION"), error);
    assert.equal(error.reason, "Invalid amount.");
  }
  const sent = await contract.deposit({ gasLimit: 100000n });
  const error = await code(() => sent.wait());
  assert.ok(isError(error, "CALL_EXCEPTION"), error);
  assert.equal(error.receipt.status, 0);
});

test("a custom error comes back with its name and arguments", async () => {
  const contract = await new ContractFactory(probe.abi, probe.bytecode, alice).deploy();
  await contract.waitForDeployment();
  const error = await code(() => contract.revertWithError.staticCall(7n));
  assert.ok(isError(error, "CALL_EXCEPTION"), error);
  assert.deepEqual([error.revert.name, ...error.revert.args], ["Refused", alice.address, 7n]);
  const panic = await code(() => contract.divide.staticCall(1n, 0n));
  assert.match(panic.reason, /DIVIDE_BY_ZERO|18/);
});

test("a contract's events are heard over HTTP and over WebSocket, each once and in order", async () => {
  for (const listener of [provider, socket]) {
    const contract = new Contract(main.address, main.abi, listener);
    const heard = [];
    const all = until(() => heard.length === 5);
    await contract.on(contract.filters.Deposited(alice.address), (event) => {
      heard.push(event.args.amount);
      all.look();
    });
    const sender = contract.connect(alice);
    for (const value of range(1, 5)) await (await sender.deposit({ value })).wait();
    await all.promise;
    assert.deepEqual(heard, [1n, 2n, 3n, 4n, 5n]);
    await contract.removeAllListeners();
  }
});

test("1,000 blocks are each told once, in order", async () => {
  const first = (await provider.getBlockNumber()) + 1;
  const heard = [];
  const all = until(() => heard.length >= 1000);
  await socket.on("block", (number) => {
    heard.push(number);
    all.look();
  });
  await socket.send("eth_chainId", []);
  await rpc("anvil_mine", "0x3e8");
  await all.promise;
  await socket.off("block");
  assert.deepEqual(heard, range(first, 1000));
});

test("a transaction is told while it still waits", async () => {
  const nonce = await carol.getNonce();
  const heard = new Set();
  let sent;
  const told = until(() => heard.has(sent?.hash));
  await socket.on("pending", (hash) => {
    heard.add(hash);
    told.look();
  });
  await socket.send("eth_chainId", []);
  sent = await carol.sendTransaction({ to: bob.address, value: 1n, nonce });
  told.look();
  await told.promise;
  await socket.off("pending");
});

test("a key that was stored on the node opens here with its passphrase", async () => {
  const key = Wallet.createRandom();
  const address = await rpc("personal_importRawKey", key.privateKey, "pass");
  assert.equal(address, key.address.toLowerCase());
  const folder = `${process.env.MAINSPRING_DATADIR}/keystore`;
  const files = readdirSync(folder).map((name) => readFileSync(`${folder}/${name}`, "utf8"));
  const opened = await Promise.all(files.map((json) => Wallet.fromEncryptedJson(json, "pass")));
  assert.deepEqual(opened.map((wallet) => wallet.privateKey), [key.privateKey]);
});
