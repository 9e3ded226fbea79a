// One order on Main with Hardhat 2: events, reasons, custom errors, helpers and fixtures.
const { expect } = require("chai");
const { ethers } = require("hardhat");
const helpers = require("@nomicfoundation/hardhat-network-helpers");
const { anyValue } = require("@nomicfoundation/hardhat-chai-matchers/withArgs");

const ETHER = 10n ** 18n;

async function deployed() {
  const [buyer, seller] = await ethers.getSigners();
  const main = await ethers.deployContract("Main");
  const till = await ethers.deployContract("Till");
  await main.deposit({ value: 10n * ETHER });
  await main.connect(seller).deposit({ value: 5n * ETHER });
  return { main, till, buyer, seller };
}

describe("an order on Main", function () {
  it("is authorized, submitted, confirmed and withdrawn", async function () {
    const { main, buyer, seller } = await helpers.loadFixture(deployed);
    await expect(main.authorize(seller.address, 3n * ETHER))
      .to.emit(main, "Locked")
      .withArgs(buyer.address, seller.address, 3n * ETHER, true);
    await main.connect(seller).submitOrder(buyer.address, 3n * ETHER);
    await expect(main.confirmOrder(buyer.address, seller.address, 3n * ETHER)).to.emit(main, "OrderConfirmed");
    await expect(main.withdraw(7n * ETHER)).to.changeEtherBalances([buyer, main], [7n * ETHER, -7n * ETHER]);
  });

  it("is refused in the words of the contract", async function () {
    const { main, till } = await helpers.loadFixture(deployed);
    await expect(main.withdraw(0)).to.be.revertedWith("Invalid amount.");
    await expect(till.close()).to.be.revertedWithCustomError(till, "Closed").withArgs(anyValue, 7n);
    await expect(till.overdraw(2)).to.be.revertedWithPanic(0x11);
    await expect(till.complain()).to.be.reverted;
  });
});

describe("loadFixture", function () {
  for (let run = 0; run < 50; run++) {
    it(`gives the same deployment again (${run})`, async function () {
      const { main, buyer, seller } = await helpers.loadFixture(deployed);
      expect(await main.balances(buyer.address)).to.equal(10n * ETHER);
      await main.transfer(buyer.address, seller.address, ETHER);
      expect(await main.balances(buyer.address)).to.equal(9n * ETHER);
    });
  }
});

describe("the helpers", function () {
  const stranger = "0x00000000000000000000000000000000000f00d5";

  it("change accounts", async function () {
    await helpers.setBalance(stranger, 12n);
    expect(await ethers.provider.getBalance(stranger)).to.equal(12n);
    await helpers.setNonce(stranger, 9);
    await helpers.setCode(stranger, "0x60aa");
    await helpers.setStorageAt(stranger, 1, 2n);
    expect(BigInt(await helpers.getStorageAt(stranger, 1))).to.equal(2n);
    await helpers.impersonateAccount(stranger);
    await helpers.stopImpersonatingAccount(stranger);
  });

  it("change blocks", async function () {
    const at = await helpers.time.latest();
    await helpers.time.increase(100);
    expect(await helpers.time.latest()).to.equal(at + 100);
    await helpers.time.setNextBlockTimestamp(at + 500);
    await helpers.setNextBlockBaseFeePerGas(7n);
    await helpers.setPrevRandao(99);
    await helpers.setCoinbase(stranger);
    await helpers.mine();
    const block = await ethers.provider.getBlock("latest");
    const { mixHash } = await ethers.provider.send("eth_getBlockByNumber", ["latest", false]);
    expect([block.timestamp, block.baseFeePerGas, BigInt(mixHash)]).to.deep.equal([at + 500, 7n, 99n]);
    await helpers.setBlockGasLimit(20_000_000);
    await helpers.mineUpTo(block.number + 10);
    expect(await helpers.time.latestBlock()).to.equal(block.number + 10);
  });

  it("go back to a snapshot and drop what waits", async function () {
    const [owner] = await ethers.getSigners();
    const snapshot = await helpers.takeSnapshot();
    await helpers.mine(2);
    await snapshot.restore();
    await ethers.provider.send("evm_setAutomine", [false]);
    try {
      const sent = await owner.sendTransaction({ to: stranger, value: 1n });
      await helpers.dropTransaction(sent.hash);
      expect(await ethers.provider.getTransaction(sent.hash)).to.equal(null);
    } finally {
      await ethers.provider.send("evm_setAutomine", [true]);
    }
  });
});
