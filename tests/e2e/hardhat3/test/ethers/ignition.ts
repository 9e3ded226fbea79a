// Ignition deploys a module, and finds it done the second time.
import { expect } from "chai";
import { network } from "hardhat";
import Market from "../../ignition/modules/Market.ts";

const { ethers, ignition } = await network.create("mainspring");

describe("Ignition", function () {
  it("deploys Main and the till and makes the call", async function () {
    const { main, till } = await ignition.deploy(Market);
    const [deployer] = await ethers.getSigners();
    expect(await main.balances(deployer.address)).to.equal(5n);
    await expect(till.count()).to.emit(till, "Counted").withArgs(deployer.address, 1n);
  });

  it("deploys with create2 through CreateX", async function () {
    const { main } = await ignition.deploy(Market, {
      strategy: "create2",
      strategyConfig: { salt: ethers.id("mainspring") },
    });
    expect(await main.nodeCount()).to.equal(1n);
  });
});
