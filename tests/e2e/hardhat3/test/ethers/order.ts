// One order on Main from start to end, deployed by ethers: events, reasons, custom errors, panics.
import { expect } from "chai";
import { network } from "hardhat";

const { ethers } = await network.create("mainspring");
const PRICE = 3n * 10n ** 18n;

describe("an order on Main", function () {
  it("is deposited, authorized, submitted, confirmed and withdrawn", async function () {
    const [buyer, seller] = await ethers.getSigners();
    const main = await ethers.deployContract("Main");
    const theirs = main.connect(seller);

    await expect(main.deposit({ value: 10n * 10n ** 18n }))
      .to.emit(main, "Deposited")
      .withArgs(buyer.address, 10n * 10n ** 18n);
    await theirs.deposit({ value: 5n * 10n ** 18n });
    await expect(main.authorize(seller.address, PRICE))
      .to.emit(main, "Locked")
      .withArgs(buyer.address, seller.address, PRICE, true);
    await expect(theirs.submitOrder(buyer.address, PRICE)).to.emit(main, "OrderSubmitted");
    expect(await main.orders(buyer.address)).to.equal(1n);
    await expect(main.confirmOrder(buyer.address, seller.address, PRICE))
      .to.emit(main, "OrderConfirmed")
      .withArgs(buyer.address, seller.address, PRICE);
    expect(await main.balances(seller.address)).to.equal(8n * 10n ** 18n);
    await expect(main.withdraw(7n * 10n ** 18n)).to.changeEtherBalance(ethers, buyer, 7n * 10n ** 18n);

    const history = await main.queryFilter(main.filters.OrderConfirmed(buyer.address), 0, "latest");
    expect(history).to.have.length(1);
  });

  it("is refused in the words of the contract", async function () {
    const [, seller] = await ethers.getSigners();
    const main = await ethers.deployContract("Main");
    await expect(main.withdraw(0)).to.be.revertedWith("Invalid amount.");
    await expect(main.transfer(seller.address, seller.address, 1)).to.be.revertedWith("Caller is not the sender.");
    await expect(main.withdraw.estimateGas(1)).to.be.revertedWith("Sender does not have enough balance.");
  });
});

describe("a refusal", function () {
  it("carries its custom error, its reason or its panic code", async function () {
    const [cashier] = await ethers.getSigners();
    const till = await ethers.deployContract("Till");
    await expect(till.close()).to.be.revertedWithCustomError(till, "Closed").withArgs(cashier.address, 7n);
    await expect(till.complain()).to.be.revertedWith("The till is short.");
    await expect(till.overdraw(2)).to.be.revertedWithPanic(0x11);
    await expect(till.count()).not.to.revert(ethers);
  });

  it("of a mined transaction is in its receipt", async function () {
    const [cashier] = await ethers.getSigners();
    const till = await ethers.deployContract("Till");
    const data = till.interface.encodeFunctionData("complain");
    const sent = await cashier.sendTransaction({ to: await till.getAddress(), data, gasLimit: 100_000 });
    await expect(sent.wait()).to.be.rejectedWith("transaction execution reverted");
  });
});
