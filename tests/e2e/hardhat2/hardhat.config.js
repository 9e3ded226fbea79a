// Hardhat 2 against a running node, with a compiler that is a file; nothing is downloaded.
require("@nomicfoundation/hardhat-ethers");
require("@nomicfoundation/hardhat-chai-matchers");
const { subtask } = require("hardhat/config");
const { TASK_COMPILE_SOLIDITY_GET_SOLC_BUILD } = require("hardhat/builtin-tasks/task-names");

const SOLJSON = process.env.SOLJSON ?? require.resolve("solc/soljson.js");

subtask(TASK_COMPILE_SOLIDITY_GET_SOLC_BUILD, async () => ({
  compilerPath: SOLJSON,
  isSolcJs: true,
  version: "0.8.37",
  longVersion: "0.8.37+commit.f401782d",
}));

module.exports = {
  solidity: "0.8.37",
  defaultNetwork: "localhost",
  // With a fixed gas limit, which is this signer's default here, a call that reverts would be sent, not refused.
  networks: { localhost: { url: process.env.NODE_URL ?? "http://127.0.0.1:8545", gas: "auto" } },
};
