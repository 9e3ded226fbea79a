// One order on Main from start to end, deployed by viem, and Ignition for viem.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { network } from "hardhat";
import { getAddress, parseEther } from "viem";
import Market from "../../ignition/modules/Market.ts";

const { ignition, networkHelpers, viem } = await network.create("mainspring");
const PRICE = parseEther("3");

describe("an order on Main", async () => {
  const [buyer, seller] = await viem.getWalletClients();
  const parties = [getAddress(buyer.account.address), getAddress(seller.account.address)] as const;
  const by = (party: typeof buyer) => ({ client: { wallet: party } });

  it("is deposited, authorized, submitted, confirmed and withdrawn", async () => {
    const main = await viem.deployContract("Main");
    const theirs = await viem.getContractAt("Main", main.address, by(seller));
    const deposit = main.write.deposit({ value: parseEther("10") });
    await viem.assertions.emitWithArgs(deposit, main, "Deposited", [parties[0], parseEther("10")]);
    await theirs.write.deposit({ value: parseEther("5") });
    await main.write.authorize([parties[1], PRICE]);
    await theirs.write.submitOrder([parties[0], PRICE]);
    const confirm = main.write.confirmOrder([...parties, PRICE]);
    await viem.assertions.emitWithArgs(confirm, main, "OrderConfirmed", [...parties, PRICE]);
    assert.equal(await main.read.balances([parties[1]]), parseEther("8"));
    const withdraw = main.write.withdraw([parseEther("7")]);
    await viem.assertions.balancesHaveChanged(withdraw, [{ address: parties[0], amount: parseEther("7") }]);
    const confirmed = await main.getEvents.OrderConfirmed({ sender: parties[0] }, { fromBlock: 0n });
    assert.equal(confirmed.length, 1);
  });

  it("is refused in the words of the contract, with its custom errors", async () => {
    const main = await viem.deployContract("Main");
    const till = await viem.deployContract("Till");
    await viem.assertions.revertWith(main.write.withdraw([0n]), "Invalid amount.");
    await viem.assertions.revertWithCustomErrorWithArgs(till.read.close(), till, "Closed", [parties[0], 7n]);
    await viem.assertions.revertWith(till.read.complain(), "The till is short.");
  });

  it("is told by a watcher, old events left out", async () => {
    const main = await viem.deployContract("Main");
    await main.write.deposit({ value: 1n });
    const seen: bigint[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    const stop = main.watchEvent.Deposited({}, {
      onLogs: (logs) => {
        seen.push(...logs.map((log) => log.args.amount!));
        if (seen.includes(3n)) resolve();
      },
      pollingInterval: 50,
    });
    // The filter is there as soon as the next answer is.
    await (await viem.getPublicClient()).getBlockNumber({ cacheTime: 0 });
    await main.write.deposit({ value: 2n });
    await main.write.deposit({ value: 3n });
    await promise;
    stop();
    assert.deepEqual(seen.filter((amount) => amount === 1n), []);
  });
});

describe("viem's tools", () => {
  it("deploy with Ignition", async () => {
    const { main, till } = await ignition.deploy(Market);
    assert.equal(await main.read.nodeCount(), 1n);
    await till.write.count();
  });

  it("load fixtures", async () => {
    const deployed = async () => ({ main: await viem.deployContract("Main") });
    for (let run = 0; run < 20; run++) {
      const { main } = await networkHelpers.loadFixture(deployed);
      assert.equal(await main.read.nodeCount(), 0n);
      await main.write.deposit({ value: 1n });
    }
  });

  it("act as a test client", async () => {
    const client = await viem.getTestClient({ mode: "hardhat" });
    const publicClient = await viem.getPublicClient();
    const before = await publicClient.getBlockNumber({ cacheTime: 0 });
    await client.mine({ blocks: 2 });
    assert.equal(await publicClient.getBlockNumber({ cacheTime: 0 }), before + 2n);
  });
});
