// Every one of Hardhat's network helpers, and loadFixture two hundred times.
import { expect } from "chai";
import { network } from "hardhat";

const { ethers, networkHelpers } = await network.create("mainspring");
const { time } = networkHelpers;
const STRANGER = "0x00000000000000000000000000000000000f00d5";

async function deployed() {
  const [owner, other] = await ethers.getSigners();
  const main = await ethers.deployContract("Main");
  await main.deposit({ value: 100n });
  return { main, owner, other };
}

describe("loadFixture", function () {
  for (let run = 0; run < 200; run++) {
    it(`gives the same deployment again (${run})`, async function () {
      const { main, owner, other } = await networkHelpers.loadFixture(deployed);
      expect(await main.balances(owner.address)).to.equal(100n);
      expect(await main.balances(other.address)).to.equal(0n);
      await main.transfer(owner.address, other.address, 1n + BigInt(run % 100));
      expect(await main.balances(other.address)).to.equal(1n + BigInt(run % 100));
    });
  }
});

describe("the state", function () {
  it("has the balance, nonce, code and storage that were set", async function () {
    await networkHelpers.setBalance(STRANGER, 12345n);
    expect(await ethers.provider.getBalance(STRANGER)).to.equal(12345n);
    await networkHelpers.setNonce(STRANGER, 77);
    expect(await ethers.provider.getTransactionCount(STRANGER)).to.equal(77);
    await networkHelpers.setCode(STRANGER, "0x60aa60005260206000f3");
    expect(await ethers.provider.getCode(STRANGER)).to.equal("0x60aa60005260206000f3");
    const word = `0x${"00".repeat(31)}2a`;
    await networkHelpers.setStorageAt(STRANGER, 5, word);
    expect(await networkHelpers.getStorageAt(STRANGER, 5)).to.equal(word);
  });

  it("takes transactions of an impersonated account until that stops", async function () {
    const [owner] = await ethers.getSigners();
    const whale = "0x000000000000000000000000000000000000dEaD";
    await networkHelpers.setBalance(whale, 10n ** 18n);
    await networkHelpers.impersonateAccount(whale);
    const signer = await ethers.getSigner(whale);
    await expect(signer.sendTransaction({ to: owner.address, value: 5n })).to.changeEtherBalance(ethers, owner, 5n);
    await networkHelpers.stopImpersonatingAccount(whale);
    await expect(signer.sendTransaction({ to: owner.address, value: 5n })).to.be.rejected;
  });

  it("goes back to a snapshot, more than once", async function () {
    const [owner] = await ethers.getSigners();
    const snapshot = await networkHelpers.takeSnapshot();
    for (let round = 0; round < 2; round++) {
      const nonce = await ethers.provider.getTransactionCount(owner.address);
      await owner.sendTransaction({ to: STRANGER.replace("f00d", "beef"), value: 1n });
      await snapshot.restore();
      expect(await ethers.provider.getTransactionCount(owner.address)).to.equal(nonce);
    }
  });
});

describe("blocks", function () {
  it("are mined in number and up to a number", async function () {
    const before = await time.latestBlock();
    await networkHelpers.mine(3);
    expect(await time.latestBlock()).to.equal(before + 3);
    await networkHelpers.mine(1000, { interval: 15 });
    await networkHelpers.mineUpTo(before + 1010);
    expect(await time.latestBlock()).to.equal(before + 1010);
  });

  it("have the time that was asked for", async function () {
    const now = await time.latest();
    await time.increase(3600);
    expect(await time.latest()).to.equal(now + 3600);
    await time.increaseTo(now + 7200);
    expect(await time.latest()).to.equal(now + 7200);
    await time.setNextBlockTimestamp(now + 9000);
    await networkHelpers.mine();
    expect(await time.latest()).to.equal(now + 9000);
    expect(time.duration.days(2)).to.equal(172800);
  });

  it("have the coinbase, base fee, gas limit and randomness that were set", async function () {
    const till = await ethers.deployContract("Till");
    await networkHelpers.setCoinbase(STRANGER);
    await networkHelpers.setPrevRandao(4711n);
    await networkHelpers.setNextBlockBaseFeePerGas(10n ** 10n);
    await networkHelpers.mine();
    const block = (await ethers.provider.getBlock("latest"))!;
    expect(block.miner.toLowerCase()).to.equal(STRANGER);
    expect(block.baseFeePerGas).to.equal(10n ** 10n);
    const { mixHash } = await ethers.provider.send("eth_getBlockByNumber", ["latest", false]);
    expect(BigInt(mixHash)).to.equal(4711n);
    expect(await till.coinbase({ blockTag: "latest" })).to.equal(ethers.getAddress(STRANGER));
    await networkHelpers.setBlockGasLimit(25_000_000);
    await networkHelpers.mine();
    expect((await ethers.provider.getBlock("latest"))!.gasLimit).to.equal(25_000_000n);
  });
});

describe("a waiting transaction", function () {
  it("can be dropped", async function () {
    const [owner] = await ethers.getSigners();
    await ethers.provider.send("evm_setAutomine", [false]);
    try {
      const sent = await owner.sendTransaction({ to: STRANGER, value: 1n });
      await networkHelpers.dropTransaction(sent.hash);
      expect(await ethers.provider.getTransaction(sent.hash)).to.equal(null);
    } finally {
      await ethers.provider.send("evm_setAutomine", [true]);
    }
  });
});
