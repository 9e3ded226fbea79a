import toolbox from "@nomicfoundation/hardhat-toolbox-mocha-ethers";
import { defineConfig } from "hardhat/config";
import { networks, solidity } from "./hardhat.shared.ts";

export default defineConfig({ plugins: [toolbox], paths: { tests: "test/ethers" }, networks, solidity });
