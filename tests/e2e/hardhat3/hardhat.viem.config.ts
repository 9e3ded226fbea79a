import toolbox from "@nomicfoundation/hardhat-toolbox-viem";
import { defineConfig } from "hardhat/config";
import { networks, solidity } from "./hardhat.shared.ts";

export default defineConfig({ plugins: [toolbox], paths: { tests: "test/viem" }, networks, solidity });
